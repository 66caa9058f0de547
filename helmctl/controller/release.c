/*
 * HelmRelease: prerequisites, then the engine. One pass takes the release as far as it goes without waiting; then it is
 * parked (managed.h) and a watch or a timer brings it back. Nothing of a phase lives here.
 */
#include <stdio.h>

#include "core/base/clock.h"
#include "core/value/yaml.h"
#include "helmctl/controller/foreign.h"
#include "helmctl/controller/release_impl.h"

#define MAX_STEPS 400 /* of one pass; then others get a turn */

static struct ctl_result outcome_of(enum hc_rc rc)
{
    return (struct ctl_result){ rc == HC_E_CONFLICT ? CTL_AGAIN : rc == HC_E_NOTFOUND ? CTL_GONE : CTL_RETRY, 0 };
}

/* ---- prerequisites ---- */

/* A transient reason that Ready may still carry from an earlier look goes once its cause is gone. */
static void no_longer(struct pass *p, const char *reason)
{
    if (hc_str_eqz(hc_cond_reason(p->status, "Ready"), reason))
        hc_cond_setf(&p->cond, "Ready", HC_UNKNOWN, "Progressing", "reconciliation in progress");
}

static struct ctl_result not_ready(struct pass *p, const char *reason, bool event, struct ctl_result r)
{
    hc_cond_reconciling(&p->cond, "Progressing", "Fulfilling prerequisites");
    hc_cond_setf(&p->cond, "Ready", HC_FALSE, reason, "%s", p->err.msg);
    if (event)
        pass_event(p, hc_str_eqz(hc_str_of(reason), "DependencyNotReady") ? "Normal" : "Warning", reason, NULL,
                   "%s", p->err.msg);
    pass_log(p, r.how == CTL_RETRY ? HC_LOG_ERROR : HC_LOG_INFO, "%s: %s", reason, p->err.msg);
    return r;
}

/* Flux: every dependency Ready at its current generation. */
static bool dependencies_ready(struct pass *p)
{
    const struct hc_val *list = hc_map_getz(p->spec, "dependsOn");
    for (size_t i = 0; i < hc_list_len(list); i++) {
        hc_str name = hc_get_str(hc_map_getz(hc_list_at(list, i), "name"));
        hc_str ns = hc_get_str(hc_map_getz(hc_list_at(list, i), "namespace"));
        if (!ns.n)
            ns = p->key.ns;
        const struct hc_val *dep = hc_objects_get(p->c->objects, p->a, (struct hc_key){ HC_CTL_RELEASE, ns, name });
        if (!dep) {
            hc_fail(&p->err, HC_E_NOTFOUND,
                    "unable to get '%.*s/%.*s' dependency: helmreleases.helm.toolkit.fluxcd.io \"%.*s\" not found",
                    HC_P(ns), HC_P(name), HC_P(name));
            return false;
        }
        const struct hc_val *st = hc_map_getz(dep, "status");
        if (hc_get_int_at(dep, "metadata.generation", 0) != hc_get_int_at(st, "observedGeneration", -1) ||
            !hc_cond_is(st, "Ready", HC_TRUE)) {
            hc_fail(&p->err, HC_E_AGAIN, "dependency '%.*s/%.*s' is not ready", HC_P(ns), HC_P(name));
            return false;
        }
    }
    return true;
}

static bool has_ready_expr(const struct pass *p)
{
    const struct hc_val *list = hc_map_getz(p->spec, "dependsOn");
    for (size_t i = 0; i < hc_list_len(list); i++)
        if (hc_get_str(hc_map_getz(hc_list_at(list, i), "readyExpr")).n)
            return true;
    return hc_list_len(hc_map_getz(p->spec, "healthCheckExprs")) > 0;
}

/* The object the chart comes from. True: it is ready. False: *out is the result of the pass. */
static bool get_source(struct rel *r, struct ctl_result *out)
{
    struct pass *p = r->p;
    const struct hc_val *ref = hc_map_getz(r->spec, "chartRef");
    struct hc_key k = { HC_CTL_CHART, { NULL, 0 }, { NULL, 0 } };
    if (hc_is_map(ref)) {
        hc_str kind = hc_get_str(hc_map_getz(ref, "kind"));
        k.kind = hc_ctl_kind_of(kind);
        k.ns = hc_get_str(hc_map_getz(ref, "namespace"));
        k.name = hc_get_str(hc_map_getz(ref, "name"));
        bool gated = k.kind == HC_CTL_EXTERNAL && !p->c->o->external_artifact;
        if ((k.kind != HC_CTL_OCI && k.kind != HC_CTL_CHART && k.kind != HC_CTL_EXTERNAL) || gated) {
            hc_fail(
                &p->err, HC_E_INPUT,
                gated ? "can't access '%.*s/%.*s/%.*s', ExternalArtifact feature gate is disabled"
                      : "can't access '%.*s/%.*s/%.*s', spec.chartRef must be an OCIRepository, a HelmChart or an "
                        "ExternalArtifact",
                HC_P(kind), HC_P(k.ns.n ? k.ns : p->key.ns), HC_P(k.name));
            hc_cond_setf(&p->cond, "Ready", HC_FALSE, "AccessDenied", "%s", p->err.msg);
            hc_cond_stalled(&p->cond, "AccessDenied", "%s", p->err.msg);
            pass_observed(p);
            pass_event(p, "Warning", "AccessDenied", NULL, "%s", p->err.msg);
            *out = (struct ctl_result){ CTL_STALLED, 0 };
            return false;
        }
    } else {
        k.ns = hc_get_str_at(r->spec, "chart.spec.sourceRef.namespace");
        k.name = rel_chart_name(p->a, p);
    }
    if (!k.ns.n)
        k.ns = p->key.ns;
    const char *kind = hc_ctl_kind_name(k.kind);
    if (pass_refuses_ref(p, kind, k.ns, k.name)) {
        *out = (struct ctl_result){ CTL_STALLED, 0 };
        return false;
    }
    r->source = hc_objects_get(p->c->objects, p->a, k);
    if (!r->source) {
        hc_fail(&p->err, HC_E_NOTFOUND, "could not get Source object: %s '%.*s/%.*s' not found", kind, HC_P(k.ns),
                HC_P(k.name));
        /* Its watch wakes us; the back-off is only for watches that are behind. */
        *out = not_ready(p, "ArtifactFailed", false, pass_after(p->c->o->requeue_dependency_ms));
        return false;
    }
    const struct hc_val *st = hc_map_getz(r->source, "status");
    hc_str why = { NULL, 0 };
    if (k.kind == HC_CTL_EXTERNAL) /* its maker may observe no generations and set no conditions */
        why = hc_is_map(hc_map_getz(st, "artifact")) ? why : HC_S("does not have an artifact");
    else if (hc_get_int_at(r->source, "metadata.generation", 0) != hc_get_int_at(st, "observedGeneration", -1))
        why = hc_cond_is(st, "Ready", HC_FALSE) ? hc_cond_message(st, "Ready")
                                                : HC_S("latest generation of object has not been reconciled");
    else if (hc_cond_is(st, "Stalled", HC_TRUE))
        why = hc_cond_message(st, "Stalled");
    else if (!hc_is_map(hc_map_getz(st, "artifact")))
        why = HC_S("does not have an artifact");
    if (why.p) {
        hc_fail(&p->err, HC_E_AGAIN, "%s '%.*s/%.*s' is not ready: %.*s", kind, HC_P(k.ns), HC_P(k.name),
                HC_P(why));
        *out = not_ready(p, "SourceNotReady", false, pass_after(p->c->o->requeue_dependency_ms));
        return false;
    }
    return true;
}

/* ---- values ---- */

static enum hc_rc get_values_object(void *ctx, struct hc_arena *a, hc_str kind, hc_str ns, hc_str name,
                                    struct hc_val **out, struct hc_err *err)
{
    struct rel *r = ctx;
    struct hc_ref ref = { HC_S("v1"), kind, ns, name };
    return hc_kube_get(r->p->c->kube, a, &ref, out, err);
}

static enum hc_rc get_values_file(void *ctx, struct hc_arena *a, hc_str kind, hc_str ns, hc_str name, hc_str path,
                                  hc_str *out_text, hc_str *out_revision, struct hc_err *err)
{
    struct rel *r = ctx;
    struct pass *p = r->p;
    enum hc_ctl_kind k = hc_ctl_kind_of(kind);
    if (k != HC_CTL_GIT && k != HC_CTL_OCI && k != HC_CTL_CHART && k != HC_CTL_BUCKET && k != HC_CTL_EXTERNAL)
        return hc_fail(
            err, HC_E_INPUT,
            "unsupported values reference kind for a 'path': use GitRepository, OCIRepository, Bucket or "
            "ExternalArtifact");
    if (k == HC_CTL_EXTERNAL && !p->c->o->external_artifact)
        return hc_fail(err, HC_E_INPUT, "ExternalArtifact feature gate is disabled");
    if (p->c->o->no_cross_namespace_refs && !hc_str_eq(ns, p->key.ns))
        return hc_fail(err, HC_E_INPUT, "cross-namespace references have been blocked");
    const struct hc_val *source = hc_objects_get(p->c->objects, a, (struct hc_key){ k, ns, name });
    if (!source)
        return hc_fail(err, HC_E_NOTFOUND, "%.*s '%.*s/%.*s' not found", HC_P(kind), HC_P(ns), HC_P(name));
    *out_revision = hc_get_str_at(source, "status.artifact.revision");
    return ctl_artifact_file(p->c, a, source, path, out_text, err);
}

/* True: an artifact that the release needs is on its way from another controller. */
static bool awaits_artifacts(struct rel *r)
{
    struct pass *p = r->p;
    bool comes = ctl_foreign_comes(p, r->source);
    const struct hc_val *from = hc_map_getz(r->spec, "valuesFrom");
    for (size_t i = 0; i < hc_list_len(from); i++) {
        const struct hc_val *f = hc_list_at(from, i);
        hc_str ns = hc_get_str(hc_map_getz(f, "namespace"));
        struct hc_key k = { hc_ctl_kind_of(hc_get_str(hc_map_getz(f, "kind"))), ns.n ? ns : p->key.ns,
                            hc_get_str(hc_map_getz(f, "name")) };
        if (!hc_get_str(hc_map_getz(f, "path")).n || ctl_lane_of(k.kind) != LANE_SOURCE ||
            (p->c->o->no_cross_namespace_refs && !hc_str_eq(k.ns, p->key.ns)))
            continue;
        const struct hc_val *source = hc_objects_get(p->c->objects, p->a, k);
        comes = (source && ctl_foreign_comes(p, source)) || comes;
    }
    return comes;
}

/* ---- the chart's version under an OCI digest ---- */

/* "6.0.0@sha256:ab..." or "sha256:ab...": the digest, and its first twelve digits for the version (Flux:
 * mutateChartWithSourceRevision). */
static enum hc_rc oci_digest_of(struct rel *r, hc_str *out_build, struct hc_err *err)
{
    hc_str rev = hc_get_str_at(r->source, "status.artifact.revision");
    size_t at = hc_str_rfind(rev, '@');
    hc_str digest = at == SIZE_MAX ? rev : hc_str_sub(rev, at + 1, rev.n);
    size_t colon = hc_str_find(digest, ':');
    if (colon == SIZE_MAX || digest.n - colon - 1 < 12)
        return hc_fail(err, HC_E_INPUT, "invalid artifact revision %.*s", HC_P(rev));
    r->oci_digest = digest;
    if (!r->p->c->o->disable_chart_digest_tracking)
        *out_build = hc_str_sub(digest, colon + 1, colon + 13);
    return HC_OK;
}

/* ---- the engine ---- */

static bool engine_head(void *ctx, int64_t *out_revision, char out_resource_version[32])
{
    struct rel *r = ctx;
    return !r->remote && ctl_record_head(r->p->c->managed, hc_storage_namespace(r->storage), r->want.name, &r->memo,
                                         out_revision, out_resource_version);
}

static struct hc_val *engine_look(void *ctx, struct hc_arena *a, const struct hc_ref *ref)
{
    struct rel *r = ctx;
    return r->remote ? NULL : ctl_release_look(r->p->c->managed, r->p->key, a, ref);
}

static void set_port(struct rel *r)
{
    r->want.port = (struct hc_reconcile_port){ .ctx = r,
                                               .render = r->chart ? rel_render : NULL,
                                               .crds = r->chart ? rel_crds : NULL,
                                               .same = r->chart ? rel_same : NULL,
                                               .look = engine_look,
                                               .head = engine_head,
                                               .whence = rel_whence,
                                               .tell = rel_tell };
}

/* Steps until the engine waits or is done. False: cut short, because something else is wanted by now. */
static bool drive(struct rel *r, struct hc_step *st)
{
    struct pass *p = r->p;
    struct hc_queue *q = p->c->lanes[LANE_RELEASE];
    for (int i = 0; i < MAX_STEPS; i++) {
        hc_reconcile_step(r->engine, st);
        pass_log(p, HC_LOG_TRACE, "step: %s, %s, %s", hc_act_name(st->act), hc_verdict_name(st->verdict), st->why);
        if (st->verdict != HC_GO_ON)
            return true;
        if (st->act != HC_ACT_DEPLOYED && hc_queue_dirty(q, p->key)) /* behind that, a step costs nothing */
            return false;
    }
    return false;
}

static void engine_free(struct rel *r)
{
    hc_whence_free(r->whence);
    r->whence = NULL;
    hc_reconcile_free(r->engine);
    r->engine = NULL;
}

static int64_t mono_of(int64_t wall_ms)
{
    return wall_ms <= 0 ? INT64_MAX : hc_mono_ms() + HC_MAX(wall_ms - hc_now_ms(), (int64_t)0);
}

/* Lays the release down; true: look again at once. */
static bool park(struct rel *r, const struct hc_step *st)
{
    struct ctl_parked park = { .memo = hc_reconcile_memo(r->engine),
                               .storage_ns = hc_storage_namespace(r->storage),
                               .release = r->remote ? (hc_str){ NULL, 0 } : r->name,
                               .drift = r->want.drift != HC_DRIFT_OFF && !r->remote };
    if (st->verdict == HC_WAIT && !r->remote) {
        park.awaited = st->awaited;
        park.awaited_rv = st->awaited_rv;
        park.awaited_n = st->awaited_n;
    }
    if (park.drift)
        park.objects_n = hc_reconcile_objects(r->engine, &park.objects);
    return ctl_release_end(r->p->c->managed, r->p->key, &park);
}

/* When to look at what is awaited, whatever the watches say. Helm 3's rules look at Pods and ReplicaSets, too: no watch
 * tells of those; nor of what a failed request was about. */
static int64_t next_look(struct rel *r, const struct hc_step *st)
{
    const struct hc_action_policy *policy = st->action == HC_ACTION_INSTALL    ? &r->want.install
                                            : st->action == HC_ACTION_ROLLBACK ? &r->want.rollback
                                                                               : &r->want.upgrade;
    bool told = !r->remote && st->rc == HC_OK &&
                (st->awaited_n == 0 || !st->awaited_rv || policy->wait == HC_WAIT_WATCHER);
    int64_t applied_ms = hc_reconcile_memo(r->engine).applied_ms;
    int64_t waited_ms = applied_ms > 0 ? HC_MAX(hc_now_ms() - applied_ms, (int64_t)0) : 0;
    return HC_MIN(mono_of(st->until_ms),
                  hc_mono_ms() + ctl_look_after(r->p->c->managed, r->p->key, st->awaited, st->awaited_rv,
                                                told ? st->awaited_n : 0, waited_ms));
}

static struct ctl_result run_engine(struct rel *r)
{
    struct pass *p = r->p;
    struct hc_step st = { 0 };
    int64_t before = hc_get_int_at(hc_history_latest(p->status), "version", 0);
    hc_str status_before = hc_get_str(hc_map_getz(hc_history_latest(p->status), "status"));
    /* What is in sync with the wish may not be with the rest of a new generation: tests that are asked for by now. */
    if (hc_get_int_at(p->status, "observedGeneration", -1) != p->cond.generation)
        r->memo.synced_digest[0] = '\0';
    if (hc_reconcile_new(&r->want, &r->memo, &r->engine, &p->err) != HC_OK) {
        ctl_release_end(p->c->managed, p->key, &(struct ctl_parked){ .memo = r->memo });
        return not_ready(p, "StateError", true, (struct ctl_result){ CTL_RETRY, 0 });
    }
    bool settled = drive(r, &st);
    struct ctl_result out = { CTL_AGAIN, 0 };
    if (settled) {
        switch (st.verdict) {
        case HC_DONE:
            rel_in_sync(r, st.drifted);
            out = pass_done(p, pass_duration(r->spec, "interval", 60000));
            break;
        case HC_WAIT:
            rel_waiting(r, &st);
            out = (struct ctl_result){ CTL_AT, next_look(r, &st) };
            break;
        case HC_STALLED:
        case HC_ENDED:
            if (st.unread) {
                hc_fail(&p->err, st.rc, "Could not determine release state: %s", st.why);
                out = not_ready(p, "StateError", false, (struct ctl_result){ CTL_RETRY, 0 });
                break;
            }
            rel_stalled(r, &st);
            /* What it stalls on may lie outside of its inputs: a look an interval costs nothing. */
            out = pass_done(p, pass_duration(r->spec, "interval", 60000));
            if (st.refused) /* a kind, a namespace or a right that is missing often comes a moment later */
                out.how = CTL_RETRY;
            break;
        case HC_GO_ON:
            break;
        }
    }
    const struct hc_val *latest = hc_history_latest(p->status);
    if (hc_get_int_at(latest, "version", 0) != before ||
        !hc_str_eq(hc_get_str(hc_map_getz(latest, "status")), status_before) ||
        (st.verdict == HC_DONE && !hc_map_getz(p->status, "inventory")))
        rel_inventory(r);
    rel_note_force(r);
    if (park(r, &st))
        out = (struct ctl_result){ CTL_AGAIN, 0 };
    engine_free(r);
    return out;
}

/* ---- uninstalling what the status says was installed ---- */

static bool names_us(struct rel *r, hc_str manifest)
{
    struct hc_val *docs = NULL;
    const struct hc_key *k = &r->p->key;
    if (hc_yaml_parse_all(r->p->a, manifest, HC_S("record"), 0, &docs, NULL) != HC_OK)
        return false;
    for (size_t i = 0; i < hc_list_len(docs); i++) {
        const struct hc_val *l = hc_get(hc_list_at(docs, i), "metadata.labels");
        if (hc_str_eq(hc_get_str(hc_map_getz(l, "helm.toolkit.fluxcd.io/name")), k->name) &&
            hc_str_eq(hc_get_str(hc_map_getz(l, "helm.toolkit.fluxcd.io/namespace")), k->ns))
            return true;
    }
    return false;
}

/* The status knows of no release. A process that did not live to note one may have recorded it: then its objects name
 * this HelmRelease. What somebody else installed under the name stays. */
static enum hc_rc find_unnoted(struct rel *r, hc_str *out_storage_ns)
{
    struct pass *p = r->p;
    struct hc_record rec = { 0 };
    int64_t revision = 0;
    char rv[32];
    if (!r->remote && ctl_record_head(p->c->managed, r->storage_ns, r->name, NULL, &revision, rv) && revision == 0)
        return HC_OK;
    struct hc_storage *s = hc_storage_secrets(r->kube, r->storage_ns);
    if (!s)
        return hc_fail_nomem(&p->err);
    enum hc_rc rc = hc_storage_last(s, p->a, r->name, 0, &rec, &p->err);
    hc_storage_free(s);
    if (rc == HC_E_NOTFOUND)
        return HC_OK;
    if (rc != HC_OK)
        return rc;
    bool ours = names_us(r, rec.manifest);
    for (size_t i = 0; !ours && i < rec.hooks_n; i++)
        ours = names_us(r, rec.hooks[i].manifest);
    if (ours)
        *out_storage_ns = r->storage_ns;
    return HC_OK;
}

/* HC_OK: gone. HC_E_AGAIN: under way, *out says when to look again. */
static enum hc_rc uninstall(struct rel *r, struct ctl_result *out)
{
    struct pass *p = r->p;
    const struct hc_val *latest = hc_history_latest(p->status);
    hc_str name = hc_get_str(hc_map_getz(latest, "name")), ns = hc_get_str(hc_map_getz(latest, "namespace"));
    hc_str storage_ns = hc_get_str(hc_map_getz(p->status, "storageNamespace"));
    if (!storage_ns.n) {
        enum hc_rc rc = find_unnoted(r, &storage_ns);
        if (rc != HC_OK || !storage_ns.n)
            return rc == HC_E_AGAIN ? hc_fail(&p->err, HC_E_INPUT, "%s", p->err.msg) : rc;
    }
    r->name = name.n ? name : r->name;
    r->ns = ns.n ? ns : r->ns;
    r->storage = hc_storage_secrets(r->kube, storage_ns);
    if (!r->storage)
        return hc_fail_nomem(&p->err);
    memset(&r->memo, 0, sizeof(r->memo));
    rel_policies(r);
    r->want.goal = HC_GOAL_ABSENT;
    set_port(r);
    struct hc_step st = { 0 };
    enum hc_rc rc = hc_reconcile_new(&r->want, NULL, &r->engine, &p->err);
    if (rc != HC_OK)
        return rc;
    bool settled = drive(r, &st);
    if (!settled) {
        *out = (struct ctl_result){ CTL_AGAIN, 0 };
        rc = HC_E_AGAIN;
    } else if (st.verdict == HC_WAIT) {
        *out = (struct ctl_result){ CTL_AT, next_look(r, &st) };
        rel_waiting(r, &st);
        rc = HC_E_AGAIN;
    } else if (st.verdict != HC_DONE) {
        rc = hc_fail(&p->err, HC_E_INPUT, "%s", st.why);
    }
    struct ctl_parked park = { .release = { NULL, 0 } };
    if (st.verdict == HC_WAIT && !r->remote) {
        park.awaited = st.awaited;
        park.awaited_rv = st.awaited_rv;
        park.awaited_n = st.awaited_n;
    }
    if (ctl_release_end(p->c->managed, p->key, &park) && rc == HC_E_AGAIN)
        *out = (struct ctl_result){ CTL_AGAIN, 0 };
    engine_free(r);
    return rc;
}

static struct ctl_result release_deleted(struct rel *r)
{
    struct pass *p = r->p;
    struct ctl_result out = { CTL_RETRY, 0 };
    if (!pass_has_finalizer(p))
        return (struct ctl_result){ CTL_GONE, 0 };
    if (!pass_suspended(p)) {
        enum hc_rc rc = rel_client(r, &p->err);
        bool skip = rc == HC_E_NOTFOUND; /* without its kubeconfig nothing can be uninstalled */
        hc_str sa = hc_get_str(hc_map_getz(r->spec, "serviceAccountName"));
        if (rc == HC_OK && sa.n && !r->remote) {
            struct hc_ref ref = { HC_S("v1"), HC_S("ServiceAccount"), p->key.ns, sa };
            struct hc_val *got = NULL;
            rc = hc_kube_get(p->c->kube, p->a, &ref, &got, &p->err);
            skip = rc == HC_E_NOTFOUND; /* its namespace is going away */
        }
        if (skip)
            pass_log(p, HC_LOG_ERROR, "skipping Helm release uninstallation: %s", p->err.msg);
        else if (rc == HC_OK)
            rc = uninstall(r, &out);
        if (!skip && rc == HC_E_AGAIN && out.how != CTL_RETRY)
            return out;
        if (!skip && rc != HC_OK) {
            hc_cond_setf(&p->cond, "Ready", HC_FALSE, "UninstallFailed", "%s", p->err.msg);
            pass_log(p, HC_LOG_ERROR, "cannot uninstall: %s", p->err.msg);
            return (struct ctl_result){ CTL_RETRY, 0 };
        }
        if (rel_chart_template(p) != HC_OK)
            return (struct ctl_result){ CTL_RETRY, 0 };
    }
    enum hc_rc rc = pass_finalizer(p, false);
    if (rc != HC_OK && rc != HC_E_NOTFOUND)
        return outcome_of(rc);
    ctl_release_forget(p->c->managed, p->key);
    return (struct ctl_result){ CTL_GONE, 0 };
}

/* Why what is installed must go before what is wanted can come; NULL: it need not. */
static const char *target_changed(const struct rel *r)
{
    const struct hc_val *cur = hc_history_latest(r->p->status);
    hc_str storage = hc_get_str(hc_map_getz(r->p->status, "storageNamespace"));
    if (!storage.n || !cur || hc_str_eqz(hc_get_str(hc_map_getz(cur, "status")), "uninstalled"))
        return NULL;
    if (!hc_str_eq(storage, r->storage_ns))
        return "storage namespace changed";
    if (!hc_str_eq(r->ns, hc_get_str(hc_map_getz(cur, "namespace"))))
        return "release namespace changed";
    if (!hc_str_eq(r->name, hc_get_str(hc_map_getz(cur, "name"))))
        return "release name changed";
    if (!hc_str_eq(r->chart->name, hc_get_str(hc_map_getz(cur, "chartName"))) &&
        !hc_str_eqz(hc_get_str_at(r->spec, "upgrade.chartNameChangeStrategy"), "InPlaceUpdate"))
        return "chart name changed";
    return NULL;
}

static struct ctl_result replace_target(struct rel *r, const char *why)
{
    struct pass *p = r->p;
    struct ctl_result out = { CTL_RETRY, 0 };
    pass_log(p, HC_LOG_INFO, "release target configuration changed (%s): running uninstall for current release",
             why);
    struct hc_chart *chart = r->chart;
    r->chart = NULL;
    enum hc_rc rc = uninstall(r, &out);
    r->chart = chart;
    if (rc == HC_E_AGAIN && out.how != CTL_RETRY)
        return out;
    if (rc != HC_OK) {
        hc_cond_setf(&p->cond, "Ready", HC_FALSE, "UninstallFailed", "%s", p->err.msg);
        return (struct ctl_result){ CTL_RETRY, 0 };
    }
    static const char *const cleared[] = { "history",         "failures",         "installFailures",
                                           "upgradeFailures", "storageNamespace", "inventory" };
    for (size_t i = 0; i < HC_LEN(cleared); i++)
        hc_map_del(p->status, hc_str_of(cleared[i]));
    return (struct ctl_result){ CTL_AGAIN, 0 };
}

/* ---- all of it ---- */

static struct ctl_result reconcile(struct rel *r)
{
    struct pass *p = r->p;
    struct ctl_result out;
    rel_names(r);
    if (pass_deleting(p))
        return release_deleted(r);
    if (!pass_has_finalizer(p)) {
        enum hc_rc rc = pass_finalizer(p, true);
        if (rc != HC_OK)
            return outcome_of(rc);
        r->spec = p->spec;
    }
    r->requested = pass_handled_request(p);
    if (pass_suspended(p)) {
        ctl_release_suspended(p->c->managed, p->key);
        pass_observed(p);
        return (struct ctl_result){ CTL_AT, INT64_MAX };
    }
    if (has_ready_expr(p)) {
        hc_fail(
            &p->err, HC_E_INPUT,
            "Reconciliation failed terminally due to configuration error: CEL expressions (dependsOn[].readyExpr, "
            "healthCheckExprs) are not supported by this version of helmctl");
        hc_cond_setf(&p->cond, "Ready", HC_FALSE, "InvalidCELExpression", "%s", p->err.msg);
        hc_cond_stalled(&p->cond, "InvalidCELExpression", "%s", p->err.msg);
        pass_observed(p);
        return (struct ctl_result){ CTL_STALLED, 0 };
    }
    const struct hc_val *from = hc_get(p->spec, "chart.spec.sourceRef");
    hc_str from_ns = hc_get_str(hc_map_getz(from, "namespace"));
    char from_kind[64];
    snprintf(from_kind, sizeof(from_kind), "%.*s", HC_P(hc_get_str(hc_map_getz(from, "kind"))));
    /* before the HelmChart is made, in a namespace that is none of theirs */
    if (from_ns.n && pass_refuses_ref(p, from_kind, from_ns, hc_get_str(hc_map_getz(from, "name"))))
        return (struct ctl_result){ CTL_STALLED, 0 };
    if (rel_chart_template(p) != HC_OK)
        return not_ready(p, "ArtifactFailed", false, (struct ctl_result){ CTL_RETRY, 0 });
    if (!dependencies_ready(p))
        return not_ready(p, "DependencyNotReady", true, pass_after(p->c->o->requeue_dependency_ms));
    no_longer(p, "DependencyNotReady");
    if (!get_source(r, &out))
        return out;
    no_longer(p, "SourceNotReady");
    if (awaits_artifacts(r))
        return (struct ctl_result){ CTL_AT, INT64_MAX };

    struct hc_values_from_port port = { r, get_values_object, get_values_file };
    r->origins = hc_origins_new(p->a);
    if (hc_release_values(p->a, p->obj, &port, r->origins, &r->values, &p->err) != HC_OK)
        return not_ready(p, "ValuesError", true, (struct ctl_result){ CTL_RETRY, 0 });
    no_longer(p, "ValuesError");

    hc_str build = { NULL, 0 };
    hc_str kind = hc_get_str(hc_map_getz(r->source, "kind"));
    bool digest = hc_str_eqz(kind, "OCIRepository") ||
                  (hc_str_eqz(kind, "ExternalArtifact") &&
                   hc_str_find(hc_get_str_at(r->source, "status.artifact.revision"), ':') != SIZE_MAX);
    if (digest && oci_digest_of(r, &build, &p->err) != HC_OK)
        return not_ready(p, "ChartMutateError", true, (struct ctl_result){ CTL_RETRY, 0 });
    enum hc_rc rc = ctl_chart_of(p->c, r->source, build, &r->chart, &p->err);
    if (rc == HC_E_NOTFOUND)
        return not_ready(p, "ArtifactFailed", false, pass_after(p->c->o->requeue_dependency_ms));
    if (rc != HC_OK) {
        hc_wrap(&p->err, "Could not load chart");
        return not_ready(p, "ArtifactFailed", true, (struct ctl_result){ CTL_RETRY, 0 });
    }
    no_longer(p, "ArtifactFailed");
    r->chart_version = r->chart->version;
    r->app_version = r->chart->app_version;
    if (rel_client(r, &p->err) != HC_OK)
        return not_ready(p, "RESTClientError", true, (struct ctl_result){ CTL_RETRY, 0 });
    no_longer(p, "RESTClientError");

    const char *changed = target_changed(r);
    if (changed)
        return replace_target(r, changed);
    hc_map_put_str(p->a, p->status, "storageNamespace", r->storage_ns);
    r->storage = hc_storage_secrets(r->kube, r->storage_ns);
    if (!r->storage) {
        hc_fail_nomem(&p->err);
        return (struct ctl_result){ CTL_RETRY, 0 };
    }
    r->config_digest = hc_config_digest(p->a, r->values);
    rel_policies(r);
    if (rel_rules(r, &p->err) != HC_OK)
        return not_ready(p, "HealthRulesError", true, (struct ctl_result){ CTL_RETRY, 0 });
    no_longer(p, "HealthRulesError");
    rel_reset_failures(r);
    r->digest = rel_digest(r);
    r->want.digest = r->digest;
    r->want.era = rel_era(r);
    r->want.retry_now = r->requested;
    set_port(r);
    return run_engine(r);
}

struct ctl_result reconcile_release(struct pass *p)
{
    struct rel r = { .p = p, .spec = p->spec, .began_ms = hc_mono_ms() };
    r.memo = ctl_release_begin(p->c->managed, p->key);
    struct ctl_result out = reconcile(&r);
    /* A pass that did not come to the engine lays the release down as it took it up. */
    if (out.how != CTL_GONE)
        ctl_release_untouched(p->c->managed, p->key);
    hc_storage_free(r.storage);
    hc_chart_unref(r.chart);
    return out;
}
