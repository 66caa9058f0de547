/*
 * Waiting for objects: until they are ready, or gone; of a group of waves or of all. Those that were ready are not asked
 * again while others are not. What a watch saw last is taken where it is no older than what was seen before.
 */
#include "core/base/clock.h"
#include "deploy/reconcile/reconcile_impl.h"

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

/* What comes in a later wave relies on the Jobs of this one. */
static unsigned wait_flags(const struct hc_reconcile *r, const struct object *o)
{
    return hc_rec_policy(r, r->mark.action)->wait_for_jobs || o->plan.group < r->groups - 1 ? HC_READY_JOBS : 0;
}

/* 0: it has none, or none that is a number. */
static uint64_t version_of(const struct hc_val *live)
{
    uint64_t rv = 0;
    return hc_str_to_u64(hc_get_str_at(live, "metadata.resourceVersion"), &rv) ? rv : 0;
}

/* By Helm 3's rules; a Deployment is judged by its ReplicaSet, a ReplicaSet by its Pods. */
static struct hc_readiness legacy(struct hc_reconcile *r, const struct object *o, const struct hc_val *live)
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
    return hc_ready_legacy(r->step, live, related, wait_flags(r, o));
}

void hc_rec_seen(struct hc_reconcile *r, struct object *o, const struct hc_val *live)
{
    bool by_legacy = hc_rec_policy(r, r->mark.action)->wait == HC_WAIT_LEGACY;
    struct hc_readiness ready;
    bool by_rule = hc_rec_by_rule(r, o, live, &ready);
    if (!by_rule)
        ready = by_legacy ? legacy(r, o, live) : hc_ready_of(r->step, live, wait_flags(r, o), hc_rec_now(r));
    bool was = o->settled;
    o->ready = ready.status;
    o->rv = version_of(live);
    o->settled = ready.status == HC_READY_CURRENT && !by_rule && stays_settled(&o->ref, live);
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

/* ---- waiting ----------------------------------------------------------------------------------------------- */

/* What is looked at: all objects, or those of the wave under way; until they are ready, or gone. */
struct view {
    size_t from, to;
    bool away, wave;
};

static hc_str which_wave(struct hc_reconcile *r, const struct view *v)
{
    return v->wave ? hc_arena_printf(r->step, "wave %d of %d: ", (int)r->mark.wave + 1, hc_rec_last_wave(r) + 1)
                   : HC_S("");
}

/* What is known of the objects: s->objects, and what is awaited. Many claims are bound when their first Pod comes, which
 * may be of a later wave: no wave waits for them. */
static void sum_up(struct hc_reconcile *r, struct hc_seen *s, const struct view *v)
{
    bool all_settled = true, away = v->away;
    s->objects = HC_OBJECTS_READY;
    r->awaited_n = 0;
    for (size_t i = v->from; i < v->to; i++) {
        const struct object *o = &r->objects[i];
        bool over = away ? o->gone || o->plan.keep : o->settled || o->ready == HC_READY_CURRENT;
        if (v->wave && !away && o->looked && o->ready == HC_READY_PROGRESSING)
            over = over || hc_str_eqz(o->ref.kind, "PersistentVolumeClaim");
        if (over || o->plan.name.n == 0)
            continue;
        if (r->awaited_n == 0 || o->ready == HC_READY_FAILED)
            r->waiting_for = hc_arena_printf(r->step, "%.*s%.*s: %.*s", HC_P(which_wave(r, v)),
                                             HC_P(hc_ref_str(r->step, &o->ref)), HC_P(o->message));
        /* What a rule makes of an object no watch can tell. */
        r->awaited_rv[r->awaited_n] = away || hc_rec_ruled(r, &o->ref) ? 0 : o->rv;
        r->awaited[r->awaited_n++] = o->ref;
        all_settled = all_settled && (hc_rec_ruled(r, &o->ref) || !stays_settled(&o->ref, o->plan.object));
        if (!away && o->ready == HC_READY_FAILED)
            s->objects = HC_OBJECTS_FAILED;
        else if (s->objects == HC_OBJECTS_READY)
            s->objects = HC_OBJECTS_PROGRESSING;
    }
    r->memo.applied_settled = !away && !v->wave && all_settled;
}

/* As the watch saw it last, when that is no older than what we saw ourselves; NULL: ask. */
static struct hc_val *watched(struct hc_reconcile *r, const struct object *o)
{
    struct hc_val *live = r->spec.port.look ? r->spec.port.look(r->spec.port.ctx, r->step, &o->ref) : NULL;
    return live && version_of(live) >= o->rv ? live : NULL;
}

/* One look at the objects; with `doubtful` only at those that were not ready when last seen. */
static enum hc_rc look_at_all(struct hc_reconcile *r, struct hc_seen *s, const struct view *v, bool doubtful,
                              size_t *out_left, struct hc_err *err)
{
    bool away = v->away;
    struct hc_kube_op *ops = hc_rec_ops(r, r->objects_n), *ask = hc_rec_ops(r, r->objects_n);
    size_t *at = HC_NEW_N(r->step, size_t, r->objects_n + 1), n = 0, asked = 0;
    if (!ops || !ask || !at)
        return hc_arena_check(r->step, err, "objects");
    *out_left = 0;
    for (size_t i = v->from; i < v->to; i++) {
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
            hc_rec_seen(r, o, ops[i].out);
        } else if (hc_str_eqz(o->ref.kind, "Job") && hc_get(o->plan.object, "spec.ttlSecondsAfterFinished")) {
            o->ready = HC_READY_CURRENT; /* a Job that its time to live removed had finished */
            o->settled = true;
        } else {
            o->ready = HC_READY_PROGRESSING;
            o->message = HC_S("Resource not found");
        }
    }
    sum_up(r, s, v);
    return HC_OK;
}

/* Objects of the revision before that a wave deletes. */
static enum hc_rc observe_pruned(struct hc_reconcile *r, struct hc_seen *s, struct hc_err *err)
{
    size_t from, to, n = 0;
    hc_rec_pruned_span(r, &from, &to);
    struct hc_kube_op *ops = HC_NEW_N(r->step, struct hc_kube_op, to - from + 1);
    r->awaited = HC_NEW_N(r->step, struct hc_ref, to - from + 1);
    if (!ops || !r->awaited || !r->left_gone)
        return hc_arena_check(r->step, err, "objects");
    for (size_t i = from; i < to; i++) {
        const struct hc_plan_object *o = &r->left[i];
        if (o->keep || o->name.n == 0 || r->left_gone[i])
            continue;
        ops[n] = (struct hc_kube_op){ .verb = HC_KUBE_VERB_GET, .err = HC_ERR_INIT };
        ops[n++].ref = (struct hc_ref){ o->api_version, o->kind, o->ns, o->name };
    }
    if (n > 0)
        hc_kube_batch(r->spec.kube, r->step, ops, n, r->spec.manager);
    s->objects = HC_OBJECTS_READY;
    for (size_t i = from, j = 0; i < to; i++) {
        if (r->left[i].keep || r->left[i].name.n == 0 || r->left_gone[i])
            continue;
        const struct hc_kube_op *op = &ops[j++];
        if (op->rc != HC_OK && op->rc != HC_E_NOTFOUND)
            return hc_err_copy(err, &op->err);
        hc_str keep = hc_get_str(hc_map_getz(hc_get(op->out, "metadata.annotations"), "helm.sh/resource-policy"));
        r->left_gone[i] = op->rc == HC_E_NOTFOUND || hc_str_eq_nocase(keep, HC_S("keep")) ||
                          !hc_plan_owned(r->step, op->out, r->spec.name, r->spec.ns, NULL);
        if (r->left_gone[i])
            continue;
        s->objects = HC_OBJECTS_PROGRESSING;
        r->awaited[r->awaited_n++] = op->ref;
        r->waiting_for = hc_arena_printf(r->step, "wave %d of %d: %.*s left the release and is not gone yet",
                                         (int)r->mark.wave + 1, hc_rec_last_wave(r) + 1,
                                         HC_P(hc_ref_str(r->step, &op->ref)));
    }
    return HC_OK;
}

/*
 * Those that were ready are not asked again while others are not; when the last one is, all are looked at once more, so
 * that "ready" means all at the same time. Right behind an apply its own answers are what is known.
 */
enum hc_rc hc_rec_observe_objects(struct hc_reconcile *r, struct hc_seen *s, struct hc_err *err)
{
    struct view v = { .away = r->head.status == HC_STATUS_UNINSTALLING,
                      .wave = r->mark.stage == HC_STAGE_PRE && !r->applied };
    bool fresh = r->fresh && !v.away;
    size_t left = 0;
    bool parked = !r->planned && r->applied && r->memo.applied_settled &&
                  !v.away; /* sent before it was laid down */
    enum hc_rc rc = hc_rec_plan_head(r, err);
    if (rc == HC_OK && v.wave && !v.away)
        rc = hc_rec_find_left(r, err);
    if (rc != HC_OK)
        return rc;
    r->fresh = false;
    r->awaited_n = 0;
    v.to = r->objects_n;
    if (v.wave && !hc_rec_wave_span(r, &v.from, &v.to))
        return observe_pruned(r, s, err);
    r->awaited = HC_NEW_N(r->step, struct hc_ref, r->objects_n + 1);
    r->awaited_rv = r->awaited ? HC_NEW_N(r->step, uint64_t, r->objects_n + 1) : NULL;
    if (!r->awaited_rv)
        return hc_arena_check(r->step, err, "objects");
    for (size_t i = 0; parked && i < r->objects_n; i++)
        r->objects[i].settled = !hc_rec_ruled(r, &r->objects[i].ref) &&
                                stays_settled(&r->objects[i].ref, r->objects[i].plan.object);
    if (fresh) {
        sum_up(r, s, &v);
        if (s->objects == HC_OBJECTS_PROGRESSING)
            return HC_OK;
    }
    rc = look_at_all(r, s, &v, true, &left, err);
    if (rc == HC_OK && left > 0 && s->objects == HC_OBJECTS_READY)
        rc = look_at_all(r, s, &v, false, &left, err);
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
