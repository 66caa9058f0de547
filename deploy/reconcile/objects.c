/*
 * The objects of a manifest: sent wave by wave, deleted in the reverse order, watched until they are ready. A wave is
 * one batch of requests in flight together; the next begins when all of it was answered. Everything here may be
 * repeated: server-side apply of the same text changes nothing, and what is deleted stays deleted.
 */
#include <stdio.h>

#include "core/base/clock.h"
#include "deploy/reconcile/reconcile_impl.h"

/* ---- from text to objects ---------------------------------------------------------------------------------- */

/* A kind the server does not know may come with a definition in the same manifest. */
static bool defines(const struct hc_val *crd, hc_str kind)
{
    return hc_str_eqz(hc_get_str_at(crd, "kind"), "CustomResourceDefinition") &&
           hc_str_eq(hc_get_str_at(crd, "spec.names.kind"), kind);
}

const struct hc_val *hc_rec_definition_of(const struct hc_reconcile *r, const struct hc_plan_object *all, size_t n,
                                          const struct hc_plan_object *o)
{
    for (size_t i = 0; i < n; i++)
        if (defines(all[i].object, o->kind))
            return all[i].object;
    for (size_t i = 0; i < hc_list_len(r->definitions); i++)
        if (defines(hc_list_at(r->definitions, i), o->kind))
            return hc_list_at(r->definitions, i);
    return NULL;
}

enum hc_rc hc_rec_plan(struct hc_reconcile *r, struct hc_arena *a, hc_str manifest, struct object **out,
                       size_t *out_n, struct hc_err *err)
{
    struct hc_plan_object *plan = NULL;
    size_t n = 0;
    enum hc_rc rc = hc_plan_read(a, manifest, &plan, &n, err);
    if (rc != HC_OK)
        return rc;
    struct object *list = HC_NEW_N(a, struct object, n + 1);
    hc_plan_order(plan, n);
    for (size_t i = 0; list && i < n; i++) {
        struct hc_kube_resource kind;
        struct hc_plan_object *p = &plan[i];
        rc = hc_kube_resource_of(r->spec.kube, p->api_version, p->kind, &kind, err);
        if (rc == HC_E_NOTFOUND) {
            const struct hc_val *crd = hc_rec_definition_of(r, plan, n, p);
            if (!crd)
                return hc_fail(err, HC_E_INPUT,
                               "resource mapping not found for name: \"%.*s\" namespace: \"%.*s\": no matches for "
                               "kind \"%.*s\" in version \"%.*s\"; ensure CRDs are installed first",
                               HC_P(p->name), HC_P(p->ns), HC_P(p->kind), HC_P(p->api_version));
            kind.namespaced = hc_str_eqz(hc_get_str_at(crd, "spec.scope"), "Namespaced");
        } else if (rc != HC_OK) {
            return rc;
        }
        if (kind.namespaced)
            hc_plan_place(a, p, r->spec.ns);
        else
            p->ns = (hc_str){ NULL, 0 };
        hc_plan_own(a, p, r->spec.name, r->spec.ns);
        list[i].plan = *p;
        list[i].ref = (struct hc_ref){
            .api_version = p->api_version, .kind = p->kind, .ns = p->ns, .name = p->name
        };
    }
    rc = hc_arena_check(a, err, "manifest");
    if (rc != HC_OK)
        return rc;
    *out = list;
    *out_n = n;
    return HC_OK;
}

enum hc_rc hc_rec_plan_head(struct hc_reconcile *r, struct hc_err *err)
{
    if (r->planned)
        return HC_OK;
    enum hc_rc rc = hc_rec_plan(r, r->keep, r->head.manifest, &r->objects, &r->objects_n, err);
    r->planned = rc == HC_OK;
    return rc;
}

enum hc_rc hc_rec_plan_before(struct hc_reconcile *r, struct hc_arena *a, hc_str manifest,
                              struct hc_plan_object **out, size_t *out_n, struct hc_err *err)
{
    struct hc_plan_object *was = NULL;
    size_t n = 0;
    enum hc_rc rc = hc_plan_read(a, manifest, &was, &n, err);
    if (rc != HC_OK)
        return rc;
    for (size_t i = 0; i < n; i++) {
        struct hc_kube_resource kind; /* of a kind that is not served any more nothing is left to delete */
        if (hc_kube_resource_of(r->spec.kube, was[i].api_version, was[i].kind, &kind, NULL) != HC_OK)
            was[i].name = (hc_str){ NULL, 0 };
        else if (kind.namespaced)
            hc_plan_place(a, &was[i], r->spec.ns);
        else
            was[i].ns = (hc_str){ NULL, 0 };
    }
    *out = was;
    *out_n = n;
    return hc_arena_check(a, err, "manifest");
}

/* What the revision before had and this one has not. */
enum hc_rc hc_rec_find_left(struct hc_reconcile *r, struct hc_err *err)
{
    struct hc_record before;
    struct hc_plan_object *was = NULL, *now;
    size_t was_n = 0;
    if (r->left_known)
        return HC_OK;
    r->left_n = r->before_n = 0;
    r->migrate = false;
    if (r->mark.from > 0) {
        enum hc_rc rc = HC_OK;
        if (r->head_before.revision == r->mark.from)
            before = r->head_before;
        else
            rc = hc_storage_get(r->spec.storage, r->keep, r->spec.name, r->mark.from, &before, err);
        r->migrate = !hc_rec_client_side(r) && (r->mark.action == HC_ACTION_ROLLBACK ||
                                                (rc == HC_OK && !hc_str_eqz(before.apply_method, "ssa")));
        if (rc == HC_OK)
            rc = hc_rec_plan_before(r, r->keep, before.manifest, &was, &was_n, err);
        if (rc != HC_OK && rc != HC_E_NOTFOUND) /* a record that was deleted: nothing is known to have left */
            return rc;
    }
    now = HC_NEW_N(r->step, struct hc_plan_object, r->objects_n + 1);
    if (!now)
        return hc_arena_check(r->step, err, "manifest");
    for (size_t i = 0; i < r->objects_n; i++)
        now[i] = r->objects[i].plan;
    r->left_n = hc_plan_left(r->keep, was, was_n, now, r->objects_n, &r->left);
    r->before = was;
    r->before_n = was_n;
    hc_plan_order_delete(r->left, r->left_n);
    r->left_known = true;
    return hc_arena_check(r->keep, err, "manifest");
}

enum hc_rc hc_rec_look(struct hc_reconcile *r, const struct hc_ref *ref, const struct hc_val **out,
                       struct hc_err *err)
{
    struct hc_val *v = NULL;
    enum hc_rc rc = hc_kube_get(r->spec.kube, r->step, ref, &v, err);
    if (rc == HC_OK)
        *out = v;
    return rc;
}

/* ---- several at once --------------------------------------------------------------------------------------- */

static struct hc_kube_op *ops_new(struct hc_reconcile *r, size_t n)
{
    struct hc_kube_op *ops = HC_NEW_N(r->step, struct hc_kube_op, n + 1);
    for (size_t i = 0; ops && i < n; i++)
        ops[i].err = (struct hc_err)HC_ERR_INIT;
    return ops;
}

/* The first failure that only a person can mend, else the first that is worth another try. */
static enum hc_rc worst(const struct hc_kube_op *ops, size_t n, struct hc_err *err)
{
    const struct hc_kube_op *again = NULL, *fatal = NULL;
    size_t more = 0;
    for (size_t i = 0; i < n; i++) {
        if (ops[i].rc == HC_OK)
            continue;
        if (ops[i].rc == HC_E_AGAIN || ops[i].rc == HC_E_NOMEM) {
            again = again ? again : &ops[i];
        } else {
            more += fatal != NULL;
            fatal = fatal ? fatal : &ops[i];
        }
    }
    if (!fatal)
        return again ? hc_err_copy(err, &again->err) : HC_OK;
    hc_err_copy(err, &fatal->err);
    if (err && more > 0) {
        size_t n_msg = strlen(err->msg);
        snprintf(err->msg + n_msg, sizeof(err->msg) - n_msg, " (and %zu more)", more);
    }
    return fatal->rc;
}

static bool repeatable(enum hc_rc rc)
{
    return rc == HC_E_AGAIN || rc == HC_E_NOMEM;
}

enum hc_rc hc_rec_check_owners(struct hc_reconcile *r, const struct object *objects, size_t n,
                               const struct hc_plan_object *had, size_t had_n, const char *verb, struct hc_err *err)
{
    struct hc_kube_op *ops = ops_new(r, n);
    size_t m = 0;
    for (size_t i = 0; ops && i < n; i++) {
        bool known = objects[i].plan.name.n == 0;
        for (size_t j = 0; !known && j < had_n; j++)
            known = hc_plan_same(&objects[i].plan, &had[j]);
        if (!known) {
            ops[m].verb = HC_KUBE_VERB_GET;
            ops[m++].ref = objects[i].ref;
        }
    }
    enum hc_rc rc = hc_arena_check(r->step, err, "manifest");
    if (rc != HC_OK || m == 0)
        return rc;
    hc_kube_batch(r->spec.kube, r->step, ops, m, r->spec.manager);
    for (size_t i = 0; i < m; i++) {
        hc_str why;
        if (ops[i].rc == HC_E_NOTFOUND)
            ops[i].rc = HC_OK;
        else if (ops[i].rc == HC_OK && !hc_plan_owned(r->step, ops[i].out, r->spec.name, r->spec.ns, &why))
            return hc_fail(err, HC_E_INPUT,
                           "unable to continue with %s: %.*s \"%.*s\" in namespace \"%.*s\" exists and cannot be "
                           "imported into the current release: %.*s",
                           verb, HC_P(ops[i].ref.kind), HC_P(ops[i].ref.name), HC_P(ops[i].ref.ns), HC_P(why));
    }
    return worst(ops, m, err);
}

/* ---- sending ----------------------------------------------------------------------------------------------- */

/* Kinds that are done when they are stored. */
static bool stays_settled(const struct hc_ref *ref, const struct hc_val *live)
{
    if (hc_str_eqz(ref->kind, "Service"))
        return !hc_str_eqz(hc_get_str_at(live, "spec.type"), "LoadBalancer");
    static const char *const kinds[] = { "ConfigMap",
                                         "Secret",
                                         "ServiceAccount",
                                         "Role",
                                         "RoleBinding",
                                         "ClusterRole",
                                         "ClusterRoleBinding",
                                         "NetworkPolicy",
                                         "LimitRange",
                                         "PriorityClass",
                                         "StorageClass",
                                         "IngressClass",
                                         "CronJob",
                                         "Ingress",
                                         "HorizontalPodAutoscaler",
                                         "ValidatingWebhookConfiguration",
                                         "MutatingWebhookConfiguration" };
    for (size_t i = 0; i < HC_LEN(kinds); i++)
        if (hc_str_eqz(ref->kind, kinds[i]))
            return true;
    return false;
}

static unsigned wait_flags(const struct hc_reconcile *r)
{
    return hc_rec_policy(r, r->mark.action)->wait_for_jobs ? HC_READY_JOBS : 0;
}

/* 0: it has none, or none that is a number. */
static uint64_t version_of(const struct hc_val *live)
{
    uint64_t rv = 0;
    return hc_str_to_u64(hc_get_str_at(live, "metadata.resourceVersion"), &rv) ? rv : 0;
}

/* By Helm 3's rules; a Deployment is judged by its ReplicaSet, a ReplicaSet by its Pods. */
static struct hc_readiness legacy(struct hc_reconcile *r, const struct hc_val *live)
{
    const char *kind = hc_ready_related(live);
    struct hc_val *related = NULL;
    if (kind) {
        const struct hc_kube_list what = { .api_version = *kind == 'P' ? HC_S("v1") : HC_S("apps/v1"),
                                           .kind = hc_str_of(kind),
                                           .ns = hc_get_str_at(live, "metadata.namespace"),
                                           .label_selector = hc_ready_pod_selector(r->step, live) };
        if (hc_kube_list(r->spec.kube, r->step, &what, &related, NULL, NULL) != HC_OK)
            return (struct hc_readiness){ HC_READY_PROGRESSING, HC_S("its pods could not be looked at") };
    }
    return hc_ready_legacy(r->step, live, related, wait_flags(r));
}

static void seen(struct hc_reconcile *r, struct object *o, const struct hc_val *live)
{
    bool by_legacy = hc_rec_policy(r, r->mark.action)->wait == HC_WAIT_LEGACY;
    struct hc_readiness ready = by_legacy ? legacy(r, live)
                                          : hc_ready_of(r->step, live, wait_flags(r), hc_rec_now(r));
    bool was = o->settled;
    o->ready = ready.status;
    o->rv = version_of(live);
    o->settled = ready.status == HC_READY_CURRENT && stays_settled(&o->ref, live);
    if (ready.status == HC_READY_CURRENT && o->message.n > 0 && !was)
        hc_rec_tell(r,
                    (struct hc_tell){ .what = HC_TOLD_READY, .action = r->mark.action, .ref = o->ref, .ok = true });
    if (!hc_str_eq(o->message, ready.message) && ready.status != HC_READY_CURRENT) {
        o->message = hc_arena_str(r->keep, ready.message);
        hc_rec_tell(r,
                    (struct hc_tell){
                        .what = HC_TOLD_WAITING, .action = r->mark.action, .ref = o->ref, .message = o->message });
    } else if (ready.status == HC_READY_CURRENT) {
        o->message = (hc_str){ NULL, 0 };
    }
}

/* Of a refusal a person wants to know where the object comes from, and whether anything was done. */
static enum hc_rc placed(struct hc_reconcile *r, const struct object *o, struct hc_err *err)
{
    hc_str source = hc_plan_source(r->head.manifest, o->plan.line);
    size_t n = err ? strlen(err->msg) : 0;
    if (!err)
        return HC_E_INPUT;
    if (source.n > 0)
        snprintf(err->msg + n, sizeof(err->msg) - n, " (%.*s)", HC_P(source));
    return err->code;
}

static enum hc_rc send_wave(struct hc_reconcile *r, size_t from, size_t to, unsigned flags, struct hc_err *err)
{
    struct hc_kube_op *ops = ops_new(r, to - from);
    if (!ops)
        return hc_arena_check(r->step, err, "wave");
    for (size_t i = from; i < to; i++) {
        struct object *o = &r->objects[i];
        ops[i - from].verb = o->plan.name.n > 0 ? HC_KUBE_VERB_APPLY : HC_KUBE_VERB_CREATE;
        ops[i - from].object = o->plan.object;
        ops[i - from].ref = o->ref;
        ops[i - from].flags = flags;
    }
    if (hc_rec_client_side(r))
        hc_rec_client_wave(r, &r->objects[from], ops, to - from);
    else
        hc_kube_batch(r->spec.kube, r->step, ops, to - from, r->spec.manager);
    for (size_t i = from; i < to; i++) {
        struct object *o = &r->objects[i];
        if (ops[i - from].rc != HC_OK) {
            if (!repeatable(ops[i - from].rc))
                ops[i - from].rc = placed(r, o, &ops[i - from].err);
            continue;
        }
        bool first = hc_rec_client_side(r)
                         ? ops[i - from].verb == HC_KUBE_VERB_CREATE
                         : r->mark.from == 0 && hc_get_int_at(ops[i - from].out, "metadata.generation", 1) == 1;
        bool same = ops[i - from].verb == HC_KUBE_VERB_GET;
        hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_OBJECT,
                                         .action = r->mark.action,
                                         .ref = o->ref,
                                         .ok = true,
                                         .change = same    ? HC_CHANGE_NONE
                                                   : first ? HC_CHANGE_CREATED
                                                           : HC_CHANGE_CONFIGURED });
        seen(r, o, ops[i - from].out);
    }
    return worst(ops, to - from, err);
}

/* What stays behind, for the person who uninstalls: lines in Helm's words. */
struct kept {
    size_t foreign_n, unsure_n;
    hc_str policy, foreign, unsure;
};

static void keep_told(struct hc_reconcile *r, struct kept *k, const struct hc_kube_op *got, bool policy, bool ours)
{
    hc_str line = hc_arena_printf(r->step, "[%.*s] %.*s", HC_P(got->ref.kind), HC_P(got->ref.name));
    if (policy) {
        k->policy = hc_arena_printf(r->step, "%.*s%.*s\n", HC_P(k->policy), HC_P(line));
    } else if (got->rc == HC_OK && !ours) {
        k->foreign = hc_arena_printf(r->step, "%.*s%.*s\n", HC_P(k->foreign), HC_P(line));
        k->foreign_n++;
    } else {
        k->unsure = hc_arena_printf(r->step, "%.*s%.*s: %s\n", HC_P(k->unsure), HC_P(line), got->err.msg);
        k->unsure_n++;
    }
    hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_OBJECT,
                                     .action = r->mark.action,
                                     .ref = got->ref,
                                     .change = HC_CHANGE_KEPT,
                                     .ok = policy });
}

static void keep_summary(struct hc_reconcile *r, const struct kept *k)
{
    hc_buf_reset(&r->kept);
    if (k->policy.n > 0)
        hc_buf_printf(&r->kept, "These resources were kept due to the resource policy:\n%.*s", HC_P(k->policy));
    if (k->foreign_n > 0)
        hc_buf_printf(&r->kept,
                      "%s%zu resource(s) were not deleted because they are not owned by this release:\n%.*s",
                      r->kept.n > 0 ? "\n" : "", k->foreign_n, HC_P(k->foreign));
    if (k->unsure_n > 0)
        hc_buf_printf(&r->kept,
                      "%s%zu resource(s) were not deleted because their ownership could not be verified:\n%.*s",
                      r->kept.n > 0 ? "\n" : "", k->unsure_n, HC_P(k->unsure));
}

/* Deletes what is there, ours and not to be kept; objects in deletion order. What stays is told. */
static enum hc_rc delete_objects(struct hc_reconcile *r, struct hc_plan_object *plan, size_t n, const char *how,
                                 bool uninstall, struct hc_err *err)
{
    struct hc_kube_op *ops = ops_new(r, n);
    struct kept kept = { 0 };
    enum hc_rc rc = HC_OK;
    if (!ops)
        return hc_arena_check(r->step, err, "objects to delete");
    for (size_t i = 0; i < n; i++) {
        ops[i].verb = HC_KUBE_VERB_GET;
        ops[i].ref = (struct hc_ref){ plan[i].api_version, plan[i].kind, plan[i].ns, plan[i].name };
    }
    hc_kube_batch(r->spec.kube, r->step, ops, n, r->spec.manager);
    for (size_t from = 0, to; from < n && rc == HC_OK; from = to) {
        struct hc_kube_op *wave = ops_new(r, n);
        size_t m = 0;
        for (to = from; wave && to < n && plan[to].wave == plan[from].wave; to++) {
            const struct hc_kube_op *got = &ops[to];
            hc_str keep = hc_get_str(
                hc_map_getz(hc_get(got->out, "metadata.annotations"), "helm.sh/resource-policy"));
            bool stays = plan[to].keep || hc_str_eq_nocase(keep, HC_S("keep"));
            if (got->rc == HC_E_NOTFOUND || plan[to].name.n == 0)
                continue;
            if (got->rc == HC_E_AGAIN)
                return hc_err_copy(err, &got->err);
            bool ours = got->rc == HC_OK && hc_plan_owned(r->step, got->out, r->spec.name, r->spec.ns, NULL);
            if (stays || !ours) {
                keep_told(r, &kept, got, stays, ours);
                continue;
            }
            if (hc_get_str_at(got->out, "metadata.deletionTimestamp").n > 0)
                continue;
            wave[m].verb = HC_KUBE_VERB_DELETE;
            wave[m++].ref = got->ref;
        }
        if (!wave)
            return hc_arena_check(r->step, err, "objects to delete");
        if (how && strcmp(how, "Background") != 0) {
            for (size_t i = 0; i < m; i++) {
                const struct hc_kube_delete d = { .propagation = how };
                wave[i].rc = hc_kube_delete(r->spec.kube, &wave[i].ref, &d, NULL, &wave[i].err);
            }
        } else {
            hc_kube_batch(r->spec.kube, r->step, wave, m, r->spec.manager);
        }
        for (size_t i = 0; i < m; i++) {
            if (wave[i].rc == HC_E_NOTFOUND)
                wave[i].rc = HC_OK;
            if (wave[i].rc == HC_OK)
                hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_OBJECT,
                                                 .action = r->mark.action,
                                                 .ref = wave[i].ref,
                                                 .ok = true,
                                                 .change = HC_CHANGE_DELETED });
        }
        rc = worst(wave, m, err);
    }
    if (uninstall)
        keep_summary(r, &kept);
    return rc;
}

static enum hc_rc fault(struct hc_reconcile *r, enum hc_rc rc, struct hc_err *err)
{
    if (rc == HC_OK || repeatable(rc))
        return rc;
    r->fault = true; /* seen by the next decision, which says what a refusal leads to */
    hc_err_copy(&r->fault_err, err);
    return HC_OK;
}

enum hc_rc hc_rec_apply(struct hc_reconcile *r, struct hc_err *err)
{
    const struct hc_action_policy *p = hc_rec_policy(r, r->mark.action);
    unsigned flags = (p->force_conflicts ? HC_KUBE_FORCE : 0u) |
                     (p->skip_validation ? HC_KUBE_SKIP_VALIDATION : 0u);
    enum hc_rc rc = hc_rec_plan_head(r, err);
    if (rc == HC_OK)
        rc = hc_rec_find_left(r, err);
    if (rc == HC_OK && r->migrate)
        rc = hc_rec_migrate(r, r->objects, r->objects_n, err);
    for (size_t from = 0, to; rc == HC_OK && from < r->objects_n; from = to) {
        for (to = from; to < r->objects_n && r->objects[to].plan.wave == r->objects[from].plan.wave; to++)
            ;
        rc = send_wave(r, from, to, flags, err);
    }
    if (rc == HC_OK && r->left_n > 0)
        rc = delete_objects(r, r->left, r->left_n, NULL, false, err);
    if (rc == HC_OK) {
        r->applied = r->fresh = true;
        r->memo.applied_revision = r->head.revision;
        r->memo.applied_ms = hc_rec_now(r);
        r->memo.applied_settled = false; /* the wait finds out */
    }
    return fault(r, rc, err);
}

enum hc_rc hc_rec_delete(struct hc_reconcile *r, struct hc_err *err)
{
    enum hc_rc rc = hc_rec_plan_head(r, err);
    if (rc != HC_OK)
        return fault(r, rc, err);
    struct hc_plan_object *plan = HC_NEW_N(r->step, struct hc_plan_object, r->objects_n + 1);
    if (!plan)
        return hc_arena_check(r->step, err, "objects to delete");
    for (size_t i = 0; i < r->objects_n; i++)
        plan[i] = r->objects[i].plan;
    hc_plan_order_delete(plan, r->objects_n);
    rc = delete_objects(r, plan, r->objects_n, r->spec.propagation, true, err);
    r->applied = rc == HC_OK;
    return fault(r, rc, err);
}

/* --cleanup-on-fail: what this revision brought. */
enum hc_rc hc_rec_cleanup(struct hc_reconcile *r, struct hc_err *err)
{
    struct hc_record before;
    struct hc_plan_object *was = NULL, *now, *brought = NULL;
    size_t was_n = 0, n;
    enum hc_rc rc = hc_rec_plan_head(r, err);
    if (rc == HC_OK && r->mark.from > 0)
        rc = hc_storage_get(r->spec.storage, r->step, r->spec.name, r->mark.from, &before, err);
    if (rc == HC_OK && r->mark.from > 0)
        rc = hc_rec_plan_before(r, r->step, before.manifest, &was, &was_n, err);
    now = HC_NEW_N(r->step, struct hc_plan_object, r->objects_n + 1);
    if (rc != HC_OK || !now)
        return rc;
    for (size_t i = 0; i < r->objects_n; i++)
        now[i] = r->objects[i].plan;
    n = hc_plan_left(r->step, now, r->objects_n, was, was_n, &brought);
    hc_plan_order_delete(brought, n);
    return delete_objects(r, brought, n, NULL, false, err);
}

/* ---- waiting ----------------------------------------------------------------------------------------------- */

/* What is known of all objects: s->objects, and what is awaited. */
static void sum_up(struct hc_reconcile *r, struct hc_seen *s, bool away)
{
    bool all_settled = true;
    s->objects = HC_OBJECTS_READY;
    r->awaited_n = 0;
    for (size_t i = 0; i < r->objects_n; i++) {
        const struct object *o = &r->objects[i];
        bool over = away ? o->gone || o->plan.keep : o->settled || o->ready == HC_READY_CURRENT;
        if (over || o->plan.name.n == 0)
            continue;
        if (r->awaited_n == 0 || o->ready == HC_READY_FAILED)
            r->waiting_for = hc_arena_printf(r->step, "%.*s: %.*s", HC_P(hc_ref_str(r->step, &o->ref)),
                                             HC_P(o->message));
        r->awaited_rv[r->awaited_n] = away ? 0 : o->rv;
        r->awaited[r->awaited_n++] = o->ref;
        all_settled = all_settled && !stays_settled(&o->ref, o->plan.object);
        if (!away && o->ready == HC_READY_FAILED)
            s->objects = HC_OBJECTS_FAILED;
        else if (s->objects == HC_OBJECTS_READY)
            s->objects = HC_OBJECTS_PROGRESSING;
    }
    r->memo.applied_settled = !away && all_settled;
}

/* As the watch saw it last, when that is no older than what we saw ourselves; NULL: ask. */
static struct hc_val *watched(struct hc_reconcile *r, const struct object *o)
{
    struct hc_val *live = r->spec.port.look ? r->spec.port.look(r->spec.port.ctx, r->step, &o->ref) : NULL;
    return live && version_of(live) >= o->rv ? live : NULL;
}

/* One look at the objects; with `doubtful` only at those that were not ready when last seen. */
static enum hc_rc look_at_all(struct hc_reconcile *r, struct hc_seen *s, bool away, bool doubtful, size_t *out_left,
                              struct hc_err *err)
{
    struct hc_kube_op *ops = ops_new(r, r->objects_n), *ask = ops_new(r, r->objects_n);
    size_t *at = HC_NEW_N(r->step, size_t, r->objects_n + 1), n = 0, asked = 0;
    if (!ops || !ask || !at)
        return hc_arena_check(r->step, err, "objects");
    *out_left = 0;
    for (size_t i = 0; i < r->objects_n; i++) {
        struct object *o = &r->objects[i];
        if (o->plan.name.n == 0 || (away && (o->gone || o->plan.keep)) || (!away && o->settled))
            continue;
        if (!away && doubtful && o->looked && o->ready == HC_READY_CURRENT) {
            ++*out_left;
            continue;
        }
        ops[n].out = away ? NULL : watched(r, o);
        ops[n].rc = ops[n].out ? HC_OK : HC_E_BUG; /* BUG: to be asked */
        ops[n].verb = HC_KUBE_VERB_GET;
        ops[n].ref = o->ref;
        if (!ops[n].out)
            ask[asked++] = ops[n];
        at[n++] = i;
    }
    if (asked > 0)
        hc_kube_batch(r->spec.kube, r->step, ask, asked, r->spec.manager);
    for (size_t i = 0, j = 0; i < n && j < asked; i++)
        if (ops[i].rc == HC_E_BUG)
            ops[i] = ask[j++];
    for (size_t i = 0; i < n; i++) {
        struct object *o = &r->objects[at[i]];
        if (ops[i].rc != HC_OK && ops[i].rc != HC_E_NOTFOUND)
            return hc_err_copy(err, &ops[i].err);
        o->looked = true;
        if (away) {
            bool ours = ops[i].rc == HC_OK && hc_plan_owned(r->step, ops[i].out, r->spec.name, r->spec.ns, NULL);
            hc_str keep = hc_get_str(
                hc_map_getz(hc_get(ops[i].out, "metadata.annotations"), "helm.sh/resource-policy"));
            o->gone = !ours || hc_str_eq_nocase(keep, HC_S("keep"));
            o->message = o->gone ? (hc_str){ NULL, 0 } : HC_S("still there");
        } else if (ops[i].rc == HC_OK) {
            seen(r, o, ops[i].out);
        } else if (hc_str_eqz(o->ref.kind, "Job") && hc_get(o->plan.object, "spec.ttlSecondsAfterFinished")) {
            o->ready = HC_READY_CURRENT; /* a Job that its time to live removed had finished */
            o->settled = true;
        } else {
            o->ready = HC_READY_PROGRESSING;
            o->message = HC_S("Resource not found");
        }
    }
    sum_up(r, s, away);
    return HC_OK;
}

/*
 * Those that were ready are not asked again while others are not; when the last one is, all are looked at once more, so
 * that "ready" means all at the same time. Right behind an apply its own answers are what is known.
 */
enum hc_rc hc_rec_observe_objects(struct hc_reconcile *r, struct hc_seen *s, struct hc_err *err)
{
    bool away = r->head.status == HC_STATUS_UNINSTALLING, fresh = r->fresh && !away;
    size_t left = 0;
    bool parked = !r->planned && r->applied && r->memo.applied_settled && !away; /* sent before it was laid down */
    enum hc_rc rc = hc_rec_plan_head(r, err);
    r->awaited = rc == HC_OK ? HC_NEW_N(r->step, struct hc_ref, r->objects_n + 1) : NULL;
    r->awaited_rv = r->awaited ? HC_NEW_N(r->step, uint64_t, r->objects_n + 1) : NULL;
    r->awaited_n = 0;
    r->fresh = false;
    if (!r->awaited_rv)
        return rc == HC_OK ? hc_arena_check(r->step, err, "objects") : rc;
    for (size_t i = 0; parked && i < r->objects_n; i++)
        r->objects[i].settled = stays_settled(&r->objects[i].ref, r->objects[i].plan.object);
    if (fresh) {
        sum_up(r, s, false);
        if (s->objects == HC_OBJECTS_PROGRESSING)
            return HC_OK;
    }
    rc = look_at_all(r, s, away, true, &left, err);
    if (rc == HC_OK && left > 0 && s->objects == HC_OBJECTS_READY)
        rc = look_at_all(r, s, away, false, &left, err);
    return rc;
}

hc_str hc_rec_cause(struct hc_reconcile *r)
{
    const struct object *worst_of = NULL;
    size_t others = 0;
    for (size_t i = 0; i < r->objects_n; i++) {
        const struct object *o = &r->objects[i];
        if (o->settled || o->message.n == 0 || o->ready == HC_READY_CURRENT)
            continue;
        others += worst_of != NULL;
        bool workload = hc_str_eqz(o->ref.kind, "Deployment") || hc_str_eqz(o->ref.kind, "StatefulSet") ||
                        hc_str_eqz(o->ref.kind, "DaemonSet") || hc_str_eqz(o->ref.kind, "Job");
        if (!worst_of || (o->ready == HC_READY_FAILED && worst_of->ready != HC_READY_FAILED) ||
            (workload && worst_of->ready != HC_READY_FAILED && hc_str_eqz(worst_of->ref.kind, "Service")))
            worst_of = o;
    }
    if (!worst_of)
        return HC_S("not ready");
    const struct hc_val *live = NULL;
    struct hc_readiness ready = { worst_of->ready, worst_of->message };
    hc_str cause = hc_arena_printf(r->step, "%.*s: %.*s", HC_P(hc_ref_str(r->step, &worst_of->ref)),
                                   HC_P(worst_of->message));
    if (hc_rec_look(r, &worst_of->ref, &live, NULL) == HC_OK)
        cause = hc_rec_object_cause(r, live, &ready);
    if (others > 0)
        cause = hc_arena_printf(r->step, "%.*s (%zu other objects are not ready either)", HC_P(cause), others);
    return cause;
}
