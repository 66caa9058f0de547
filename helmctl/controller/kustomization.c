/*
 * Kustomization: a folder of a source's artifact, built, applied in stages, pruned, and waited for. What was applied is
 * remembered, so that waiting for health applies nothing again; without the memory it is applied once more, which
 * changes nothing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/value/json.h"
#include "helmctl/controller/clients.h"
#include "helmctl/controller/foreign.h"
#include "helmctl/controller/kustomization_impl.h"
#include "templating/kustomize/kustomize.h"

#define POLL_MS 2000 /* of what is waited for and no watch tells of */

/* ---- memos ---- */

struct memo {
    struct memo *next;
    uint64_t hash;
    struct ks_memo m;
};
static pthread_mutex_t memos_lock = PTHREAD_MUTEX_INITIALIZER;
static struct memo *memos;

static uint64_t memo_hash(const struct pass *p)
{
    return hc_str_hash(p->key.ns) * 31 + hc_str_hash(p->key.name) * 7 +
           hc_str_hash(hc_get_str_at(p->obj, "metadata.uid"));
}

static struct ks_memo memo_get(const struct pass *p)
{
    struct ks_memo m = { 0 };
    uint64_t h = memo_hash(p);
    pthread_mutex_lock(&memos_lock);
    for (struct memo *x = memos; x; x = x->next)
        if (x->hash == h)
            m = x->m;
    pthread_mutex_unlock(&memos_lock);
    return m;
}

/* NULL forgets. */
static void memo_put(const struct pass *p, const struct ks_memo *m)
{
    uint64_t h = memo_hash(p);
    pthread_mutex_lock(&memos_lock);
    struct memo **at = &memos;
    while (*at && (*at)->hash != h)
        at = &(*at)->next;
    if (!m) {
        struct memo *x = *at;
        if (x)
            *at = x->next;
        free(x);
    } else if (*at || (*at = hc_calloc(1, sizeof(struct memo))) != NULL) {
        (*at)->hash = h;
        (*at)->m = *m;
    }
    pthread_mutex_unlock(&memos_lock);
}

void ctl_kustomize_forget_all(void)
{
    for (struct memo *x = memos; x;) {
        struct memo *next = x->next;
        free(x);
        x = next;
    }
    memos = NULL;
}

/* ---- results ---- */

static int64_t interval_of(const struct pass *p)
{
    return pass_duration(p->spec, "interval", 60000);
}

static struct ctl_result failed(struct ks *k, const char *reason, bool event)
{
    struct pass *p = k->p;
    hc_cond_setf(&p->cond, "Ready", HC_FALSE, reason, "%s", p->err.msg);
    hc_cond_reconciling(&p->cond, "ProgressingWithRetry", "%s", p->err.msg);
    if (event) {
        struct hc_val *notes = hc_map_new(p->a);
        if (k->revision.n)
            hc_map_put_str(p->a, notes, "kustomize.toolkit.fluxcd.io/revision", k->revision);
        pass_event(p, "Warning", reason, notes, "%s", p->err.msg);
    }
    pass_log(p, event ? HC_LOG_ERROR : HC_LOG_INFO, "%s: %s", reason, p->err.msg);
    if (p->err.code == HC_E_AGAIN || p->err.code == HC_E_CONFLICT)
        return (struct ctl_result){ CTL_RETRY, 0 };
    int64_t retry = pass_duration(p->spec, "retryInterval", interval_of(p));
    return pass_after(retry);
}

static struct ctl_result stalled(struct ks *k, const char *reason)
{
    struct pass *p = k->p;
    hc_cond_setf(&p->cond, "Ready", HC_FALSE, reason, "%s", p->err.msg);
    hc_cond_stalled(&p->cond, reason, "%s", p->err.msg);
    pass_observed(p);
    pass_event(p, "Warning", reason, NULL, "%s", p->err.msg);
    return (struct ctl_result){ CTL_STALLED, 0 };
}

/* ---- prerequisites ---- */

static bool get_source(struct ks *k, struct ctl_result *out)
{
    struct pass *p = k->p;
    const struct hc_val *ref = hc_map_getz(p->spec, "sourceRef");
    hc_str kind = hc_get_str(hc_map_getz(ref, "kind")), ns = hc_get_str(hc_map_getz(ref, "namespace"));
    hc_str name = hc_get_str(hc_map_getz(ref, "name"));
    enum hc_ctl_kind kk = hc_ctl_kind_of(kind);
    if (!ns.n)
        ns = p->key.ns;
    bool gated = kk == HC_CTL_EXTERNAL && !p->c->o->external_artifact;
    if ((kk != HC_CTL_GIT && kk != HC_CTL_OCI && kk != HC_CTL_BUCKET && kk != HC_CTL_EXTERNAL) || gated) {
        hc_fail(
            &p->err, HC_E_INPUT,
            gated ? "can't access '%.*s/%.*s/%.*s', ExternalArtifact feature gate is disabled"
                  : "source '%.*s/%.*s/%.*s' is of no supported kind: use GitRepository, OCIRepository, Bucket or "
                    "ExternalArtifact",
            HC_P(kind), HC_P(ns), HC_P(name));
        *out = stalled(k, "ArtifactFailed");
        return false;
    }
    if (pass_refuses_ref(p, hc_ctl_kind_name(kk), ns, name)) {
        *out = (struct ctl_result){ CTL_STALLED, 0 };
        return false;
    }
    k->source = hc_objects_get(p->c->objects, p->a, (struct hc_key){ kk, ns, name });
    k->revision = hc_get_str_at(k->source, "status.artifact.revision");
    if (!k->source)
        hc_fail(&p->err, HC_E_NOTFOUND, "Source '%.*s/%.*s/%.*s' not found", HC_P(kind), HC_P(ns), HC_P(name));
    else if (!k->revision.n)
        hc_fail(&p->err, HC_E_NOTFOUND, "Source artifact not found, retrying in %" PRId64 "s",
                p->c->o->requeue_dependency_ms / 1000);
    else
        return true;
    (void)failed(k, "ArtifactFailed", false);
    *out = pass_after(p->c->o->requeue_dependency_ms); /* its watch is quicker */
    return false;
}

static bool dependencies_ready(struct ks *k, struct ctl_result *out)
{
    struct pass *p = k->p;
    const struct hc_val *list = hc_map_getz(p->spec, "dependsOn");
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *d = hc_list_at(list, i);
        hc_str name = hc_get_str(hc_map_getz(d, "name")), ns = hc_get_str(hc_map_getz(d, "namespace"));
        if (!ns.n)
            ns = p->key.ns;
        const struct hc_val *dep = hc_objects_get(p->c->objects, p->a,
                                                  (struct hc_key){ HC_CTL_KUSTOMIZE, ns, name });
        const struct hc_val *st = hc_map_getz(dep, "status");
        bool same_source = hc_val_equal(hc_get(dep, "spec.sourceRef"), hc_map_getz(p->spec, "sourceRef")) &&
                           hc_str_eq(hc_get_str_at(dep, "metadata.namespace"), p->key.ns);
        if (!dep)
            hc_fail(&p->err, HC_E_NOTFOUND, "dependency '%.*s/%.*s' not found", HC_P(ns), HC_P(name));
        else if (hc_get_int_at(dep, "metadata.generation", 0) != hc_get_int_at(st, "observedGeneration", -1) ||
                 !hc_cond_is(st, "Ready", HC_TRUE))
            hc_fail(&p->err, HC_E_AGAIN, "dependency '%.*s/%.*s' is not ready", HC_P(ns), HC_P(name));
        else if (same_source && !hc_str_eq(hc_get_str(hc_map_getz(st, "lastAppliedRevision")), k->revision))
            hc_fail(&p->err, HC_E_AGAIN, "dependency '%.*s/%.*s' revision is not up to date", HC_P(ns), HC_P(name));
        else
            continue;
        hc_cond_setf(&p->cond, "Ready", HC_FALSE, "DependencyNotReady", "%s", p->err.msg);
        hc_cond_reconciling(&p->cond, "Progressing", "Dependencies do not meet ready condition");
        pass_event(p, "Normal", "DependencyNotReady", NULL, "%s", p->err.msg);
        *out = pass_after(p->c->o->requeue_dependency_ms);
        return false;
    }
    return true;
}

/* ---- build ---- */

static enum hc_rc variables(struct ks *k, struct hc_val **out)
{
    struct pass *p = k->p;
    struct hc_val *vars = hc_map_new(p->a);
    const struct hc_val *from = hc_get(p->spec, "postBuild.substituteFrom"),
                        *own = hc_get(p->spec, "postBuild.substitute");
    for (size_t i = 0; i < hc_list_len(from); i++) {
        const struct hc_val *f = hc_list_at(from, i);
        struct hc_ref r = { HC_S("v1"), hc_get_str(hc_map_getz(f, "kind")), p->key.ns,
                            hc_get_str(hc_map_getz(f, "name")) };
        struct hc_val *o = NULL;
        enum hc_rc rc = hc_kube_get(p->c->kube, p->a, &r, &o, &p->err);
        if (rc == HC_E_NOTFOUND && hc_get_bool_at(f, "optional", false))
            continue;
        if (rc != HC_OK)
            return hc_wrap(&p->err, "substitute from '%.*s/%.*s' error", HC_P(r.kind), HC_P(r.name));
        bool secret = hc_str_eqz(r.kind, "Secret");
        const struct hc_val *data = hc_map_getz(o, "data");
        for (size_t j = 0; j < hc_map_len(data); j++) {
            hc_str v = hc_get_str(hc_map_at(data, j)->val);
            hc_map_put(p->a, vars, hc_map_at(data, j)->key,
                       hc_str_val(p->a, secret ? hc_base64_decode(p->a, v, NULL) : v));
        }
    }
    for (size_t j = 0; j < hc_map_len(own); j++)
        hc_map_put(p->a, vars, hc_map_at(own, j)->key, hc_map_at(own, j)->val);
    *out = vars;
    return HC_OK;
}

static enum hc_rc build(struct ks *k)
{
    struct pass *p = k->p;
    const char *dir = NULL;
    enum hc_rc rc = ctl_artifact_unpack(p->c, p->a, k->source, &dir, &p->err);
    if (rc != HC_OK)
        return rc;
    k->unpacked = true;
    hc_str path = hc_get_str(hc_map_getz(p->spec, "path"));
    while (hc_str_starts(path, HC_S("/")))
        path = hc_str_sub(path, 1, path.n);
    struct hc_kustomize_options o = { .target_namespace = hc_get_str(hc_map_getz(p->spec, "targetNamespace")),
                                      .name_prefix = hc_get_str(hc_map_getz(p->spec, "namePrefix")),
                                      .name_suffix = hc_get_str(hc_map_getz(p->spec, "nameSuffix")),
                                      .patches = hc_map_getz(p->spec, "patches"),
                                      .images = hc_map_getz(p->spec, "images"),
                                      .components = hc_map_getz(p->spec, "components"),
                                      .common_metadata = hc_map_getz(p->spec, "commonMetadata"),
                                      .build_metadata = hc_map_getz(p->spec, "buildMetadata"),
                                      .ignore_missing_components = hc_get_bool_at(
                                          p->spec, "ignoreMissingComponents", false) };
    rc = hc_kustomize_build(p->a, dir, hc_arena_strz(p->a, path), &o, &k->objects, &p->err);
    (void)hc_remove_tree(dir, NULL);
    if (rc == HC_OK && hc_map_getz(p->spec, "postBuild")) {
        struct hc_val *vars = NULL;
        rc = variables(k, &vars);
        if (rc == HC_OK)
            rc = hc_kustomize_substitute(p->a, k->objects, vars, true, &k->objects, &p->err);
        if (rc != HC_OK)
            hc_wrap(&p->err, "post build failed");
    }
    if (rc != HC_OK)
        return rc;
    for (size_t i = 0; i < hc_list_len(k->objects); i++) {
        struct hc_ref r = hc_ref_of(hc_list_at(k->objects, i));
        if (!r.kind.n || !r.name.n || !r.api_version.n)
            return hc_fail(&p->err, HC_E_INPUT, "object %zu of '%.*s' has no apiVersion, kind or metadata.name",
                           i + 1, HC_P(path));
    }
    ks_own(k);
    return HC_OK;
}

/* Objects of namespaced kinds without a namespace cannot be applied: say so before the server does. */
static enum hc_rc check_namespaces(struct ks *k)
{
    struct pass *p = k->p;
    for (size_t i = 0; i < hc_list_len(k->objects); i++) {
        struct hc_val *o = hc_list_at(k->objects, i);
        struct hc_ref r = hc_ref_of(o);
        struct hc_kube_resource res;
        struct hc_err err = HC_ERR_INIT;
        if (r.ns.n || hc_kube_resource_of(k->kube, r.api_version, r.kind, &res, &err) != HC_OK || !res.namespaced)
            continue;
        return hc_fail(
            &p->err, HC_E_INPUT,
            "%.*s/%.*s namespace not specified: set metadata.namespace, `namespace` in kustomization.yaml or "
            "spec.targetNamespace",
            HC_P(r.kind), HC_P(r.name));
    }
    return HC_OK;
}

/* What decides whether an apply is due: the artifact, the spec, what was built. */
static uint64_t wanted_hash(struct ks *k)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write(&b, k->objects, HC_JSON_SORT);
    hc_buf_printf(&b, " %" PRId64 " %.*s", k->p->cond.generation, HC_P(k->revision));
    return hc_str_hash(hc_buf_str(&b)) | 1;
}

/* ---- prune ourselves? never ---- */

static bool prunes_itself(struct ks *k, const struct hc_val *stale)
{
    struct pass *p = k->p;
    for (size_t i = 0; i < hc_list_len(stale); i++) {
        struct hc_ref r;
        if (!ks_entry_ref(p->a, hc_list_at(stale, i), &r))
            continue;
        if (hc_str_eqz(r.kind, "Kustomization") &&
            hc_str_starts(r.api_version, HC_S("kustomize.toolkit.fluxcd.io/")) && hc_str_eq(r.ns, p->key.ns) &&
            hc_str_eq(r.name, p->key.name)) {
            hc_fail(&p->err, HC_E_INPUT,
                    "Kustomization '%.*s/%.*s' would prune itself: it applied itself before, and revision %.*s no "
                    "longer "
                    "holds it. Nothing was changed. Put it back into the source, or delete it by hand",
                    HC_P(p->key.ns), HC_P(p->key.name), HC_P(k->revision));
            return true;
        }
    }
    return false;
}

/* ---- deletion ---- */

static struct ctl_result deleted(struct ks *k)
{
    struct pass *p = k->p;
    if (!pass_has_finalizer(p))
        return (struct ctl_result){ CTL_GONE, 0 };
    hc_str policy = hc_get_str(hc_map_getz(p->spec, "deletionPolicy"));
    bool prune = hc_get_bool_at(p->spec, "prune", false);
    if (policy.n && !hc_str_eqz(policy, "MirrorPrune"))
        prune = !hc_str_eqz(policy, "Orphan");
    const struct hc_val *entries = hc_get(p->status, "inventory.entries");
    if (prune && !pass_suspended(p) && hc_list_len(entries) > 0) {
        enum hc_rc rc = ks_prune(k, entries);
        if (rc != HC_OK) {
            pass_event(p, "Warning", "PruneFailed", NULL, "pruning for deleted resource failed: %s", p->err.msg);
            return (struct ctl_result){ CTL_RETRY, 0 };
        }
        if (k->changed)
            pass_event(p, "Normal", "ReconciliationSucceeded", NULL, "%.*s", HC_P(hc_buf_str(&k->changes)));
        if (hc_str_eqz(policy, "WaitForTermination")) {
            for (size_t i = 0; i < hc_list_len(entries); i++) {
                struct hc_ref r;
                struct hc_val *o = NULL;
                struct hc_err err = HC_ERR_INIT;
                if (ks_entry_ref(p->a, hc_list_at(entries, i), &r) &&
                    hc_kube_get_metadata(k->kube, p->a, &r, &o, &err) != HC_E_NOTFOUND)
                    return pass_after(POLL_MS);
            }
        }
    }
    enum hc_rc rc = pass_finalizer(p, false);
    if (rc != HC_OK && rc != HC_E_NOTFOUND)
        return (struct ctl_result){ rc == HC_E_CONFLICT ? CTL_AGAIN : CTL_RETRY, 0 };
    memo_put(p, NULL);
    return (struct ctl_result){ CTL_GONE, 0 };
}

/* ---- all of it ---- */

static enum hc_rc client_of(struct ks *k)
{
    struct pass *p = k->p;
    const struct hc_val *kc = hc_get(p->spec, "kubeConfig.secretRef");
    hc_str sa = hc_get_str(hc_map_getz(p->spec, "serviceAccountName")), body = { NULL, 0 };
    if (hc_is_map(hc_get(p->spec, "kubeConfig.configMapRef")))
        return hc_fail(&p->err, HC_E_INPUT, "spec.kubeConfig.configMapRef is not supported: use secretRef");
    if (!sa.n && p->c->o->default_service_account)
        sa = hc_str_of(p->c->o->default_service_account);
    hc_str user = sa.n ? hc_arena_printf(p->a, "system:serviceaccount:%.*s:%.*s", HC_P(p->key.ns), HC_P(sa)) : sa;
    if (kc) {
        enum hc_rc rc = ctl_kubeconfig_of(p->c, p->a, p->key.ns, kc, &body, &p->err);
        if (rc != HC_OK)
            return rc;
    }
    return ctl_client_of(p->c, body, user, &k->kube, &p->err);
}

static struct ctl_result in_order(struct ks *k)
{
    struct pass *p = k->p;
    hc_map_put_str(p->a, p->status, "lastAppliedRevision", k->revision);
    hc_str origin = hc_get_str(
        hc_map_getz(hc_get(k->source, "status.artifact.metadata"), "org.opencontainers.image.revision"));
    if (origin.n)
        hc_map_put_str(p->a, p->status, "lastAppliedOriginRevision", origin);
    else
        hc_map_del(p->status, HC_S("lastAppliedOriginRevision"));
    hc_cond_del(&p->cond, "Reconciling");
    hc_cond_del(&p->cond, "Stalled");
    if (!ks_has_checks(k))
        hc_cond_del(&p->cond, "Healthy");
    hc_cond_setf(&p->cond, "Ready", HC_TRUE, "ReconciliationSucceeded", "Applied revision: %.*s",
                 HC_P(k->revision));
    pass_observed(p);
    return pass_done(p, interval_of(p));
}

static struct ctl_result check_health(struct ks *k)
{
    struct pass *p = k->p;
    int64_t timeout = pass_duration(p->spec, "timeout", interval_of(p)), now = hc_mono_ms();
    if (!ks_has_checks(k))
        return in_order(k);
    bool was_healthy = hc_cond_is(p->status, "Healthy", HC_TRUE) && hc_cond_is(p->status, "Ready", HC_TRUE) &&
                       !k->changed;
    enum ks_state s = ks_health(k);
    if (s == KS_READY) {
        if (!was_healthy) {
            int64_t took = k->memo.deadline_ms ? now - (k->memo.deadline_ms - timeout) : 0;
            hc_cond_setf(&p->cond, "Healthy", HC_TRUE, "Succeeded", "Health check passed in %" PRId64 "ms", took);
            pass_event(p, "Normal", "Progressing", NULL, "Health check passed in %" PRId64 "ms", took);
        }
        k->memo.deadline_ms = 0;
        return in_order(k);
    }
    if (!k->memo.deadline_ms)
        k->memo.deadline_ms = now + timeout;
    if (s == KS_FAILED || now >= k->memo.deadline_ms) {
        char why[HC_ERR_MSG];
        snprintf(why, sizeof(why), "%s", p->err.msg);
        hc_str after = hc_duration_str(p->a, HC_MAX(timeout - (k->memo.deadline_ms - now), (int64_t)0));
        hc_fail(&p->err, HC_E_INPUT, "health check failed after %.*s: %s: [%s]", HC_P(after),
                s == KS_FAILED ? "failed early due to stalled resources" : "timeout waiting for", why);
        hc_cond_setf(&p->cond, "Healthy", HC_FALSE, "HealthCheckFailed", "%s", p->err.msg);
        k->memo.deadline_ms = 0;
        struct ctl_result r = failed(k, "HealthCheckFailed", true);
        pass_observed(p);
        return r;
    }
    hc_str t = hc_duration_str(p->a, timeout);
    hc_cond_reconciling(&p->cond, "Progressing", "Running health checks for revision %.*s with a timeout of %.*s",
                        HC_P(k->revision), HC_P(t));
    hc_cond_setf(&p->cond, "Ready", HC_UNKNOWN, "Progressing",
                 "Running health checks for revision %.*s with a timeout of %.*s", HC_P(k->revision), HC_P(t));
    hc_cond_setf(&p->cond, "Healthy", HC_UNKNOWN, "Progressing",
                 "Running health checks for revision %.*s with a timeout of %.*s", HC_P(k->revision), HC_P(t));
    return pass_after(HC_MIN((int64_t)POLL_MS, k->memo.deadline_ms - now));
}

static struct ctl_result reconcile(struct ks *k)
{
    struct pass *p = k->p;
    struct ctl_result out;
    if (hc_is_map(hc_map_getz(p->spec, "decryption")) ||
        hc_list_len(hc_map_getz(p->spec, "healthCheckExprs")) > 0) {
        hc_fail(&p->err, HC_E_INPUT,
                "spec.decryption and spec.healthCheckExprs are not supported by this version of helmctl: take them "
                "away, or "
                "serve this object with kustomize-controller (--controllers)");
        return stalled(k, "UnsupportedField");
    }
    if (!get_source(k, &out) || !dependencies_ready(k, &out))
        return out;
    if (ctl_foreign_comes(p, k->source))
        return (struct ctl_result){ CTL_AT, INT64_MAX };
    bool new_revision = !hc_str_eq(hc_get_str(hc_map_getz(p->status, "lastAttemptedRevision")), k->revision);
    enum hc_rc rc = build(k);
    hc_map_put_str(p->a, p->status, "lastAttemptedRevision", k->revision);
    if (rc == HC_E_NOTFOUND && !k->unpacked) {
        (void)failed(k, "ArtifactFailed", false);
        return pass_after(p->c->o->requeue_dependency_ms);
    }
    if (rc != HC_OK)
        return failed(k, !k->unpacked ? "ArtifactFailed" : "BuildFailed", true);
    k->wanted = wanted_hash(k);
    int64_t now = hc_mono_ms(), interval = interval_of(p);
    hc_str asked = hc_get_str(hc_map_getz(p->status, "lastHandledReconcileAt"));
    bool requested = !hc_str_eq(asked, hc_get_str(hc_map_getz(p->stored, "lastHandledReconcileAt")));
    bool applied = k->memo.applied == k->wanted && now - k->memo.applied_ms < interval * 9 / 10 && !requested;
    if (!applied) {
        if ((rc = check_namespaces(k)) != HC_OK)
            return failed(k, "ReconciliationFailed", true);
        k->inventory = ks_inventory_of(k);
        struct hc_val *stale = ks_stale(p->a, hc_get(p->status, "inventory.entries"), k->inventory);
        if (prunes_itself(k, stale))
            return failed(k, "PruneFailed", true);
        if (new_revision || hc_get_int_at(p->status, "observedGeneration", -1) != p->cond.generation) {
            hc_cond_reconciling(&p->cond, "Progressing", "Applying manifests for revision %.*s", HC_P(k->revision));
            hc_cond_setf(&p->cond, "Ready", HC_UNKNOWN, "Progressing", "Reconciliation in progress");
        }
        /* What may come to be is noted before it is: an object that was applied by a pass that died must be prunable. */
        struct hc_val *both = hc_list_new(p->a), *inv = hc_map_new(p->a);
        for (size_t i = 0; i < hc_list_len(k->inventory); i++)
            hc_list_add(p->a, both, hc_list_at(k->inventory, i));
        for (size_t i = 0; i < hc_list_len(stale); i++)
            hc_list_add(p->a, both, hc_list_at(stale, i));
        hc_map_put(p->a, inv, HC_S("entries"), both);
        hc_map_put(p->a, p->status, HC_S("inventory"), inv);
        if (pass_flush(p) != HC_OK)
            return (struct ctl_result){ p->err.code == HC_E_NOTFOUND ? CTL_GONE : CTL_RETRY, 0 };
        rc = ks_apply(k);
        if (rc != HC_OK)
            return failed(k, "ReconciliationFailed", true);
        if (hc_get_bool_at(p->spec, "prune", false)) {
            if (ks_prune(k, stale) != HC_OK)
                return failed(k, "PruneFailed", true);
        }
        inv = hc_map_new(p->a);
        hc_map_put(p->a, inv, HC_S("entries"), k->inventory);
        hc_map_put(p->a, p->status, HC_S("inventory"), inv);
        k->memo = (struct ks_memo){ .applied = k->wanted, .applied_ms = now };
        if (k->changed) {
            struct hc_val *notes = hc_map_new(p->a);
            hc_map_put_str(p->a, notes, "kustomize.toolkit.fluxcd.io/revision", k->revision);
            pass_event(p, "Normal", "Progressing", notes, "%.*s", HC_P(hc_buf_str(&k->changes)));
            pass_log(p, HC_LOG_INFO, "applied revision %.*s: %zu objects changed", HC_P(k->revision), k->changed);
        }
    }
    out = check_health(k);
    memo_put(p, &k->memo);
    if (new_revision && out.how == CTL_DONE) {
        struct hc_val *notes = hc_map_new(p->a);
        hc_map_put_str(p->a, notes, "kustomize.toolkit.fluxcd.io/revision", k->revision);
        pass_event(p, "Normal", "ReconciliationSucceeded", notes, "Reconciliation finished, next run in %.*s",
                   HC_P(hc_duration_str(p->a, interval)));
    }
    return out;
}

struct ctl_result reconcile_kustomization(struct pass *p)
{
    struct ks k = { .p = p };
    struct ctl_result out;
    enum hc_rc rc = client_of(&k);
    hc_buf_init(&k.changes, 16 * 1024);
    if (pass_deleting(p)) {
        if (rc == HC_E_NOTFOUND) { /* its kubeconfig went first: nothing can be pruned */
            rc = pass_finalizer(p, false);
            out = (struct ctl_result){ rc == HC_OK || rc == HC_E_NOTFOUND ? CTL_GONE : CTL_RETRY, 0 };
        } else {
            out = rc == HC_OK ? deleted(&k) : (struct ctl_result){ CTL_RETRY, 0 };
        }
    } else if (!pass_has_finalizer(p) && pass_finalizer(p, true) != HC_OK) {
        out = (struct ctl_result){ p->err.code == HC_E_CONFLICT   ? CTL_AGAIN
                                   : p->err.code == HC_E_NOTFOUND ? CTL_GONE
                                                                  : CTL_RETRY,
                                   0 };
    } else if (pass_suspended(p)) {
        pass_handled_request(p);
        if (hc_cond_is(p->status, "Ready", HC_TRUE))
            pass_observed(p);
        out = (struct ctl_result){ CTL_AT, INT64_MAX };
    } else {
        pass_handled_request(p);
        k.memo = memo_get(p);
        out = rc == HC_OK ? reconcile(&k) : failed(&k, "ReconciliationFailed", true);
    }
    hc_buf_done(&k.changes);
    return out;
}
