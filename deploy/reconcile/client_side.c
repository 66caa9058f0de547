/*
 * Objects sent by the client: created by POST, changed by a three-way patch that is computed here, as Helm 3 and Helm 4
 * without server-side apply do (Helm pkg/kube client.go). Built-in kinds take a strategic merge patch, others a JSON merge
 * patch of the last manifest against this one. Repeating is harmless: what is created already is patched, and a patch
 * against an object that has it all is empty and not sent.
 */
#include "core/value/merge.h"
#include "deploy/reconcile/reconcile_impl.h"

bool hc_rec_client_side(const struct hc_reconcile *r)
{
    return !hc_str_eqz(r->head.apply_method, "ssa");
}

/* What the last revision said of the object. Nothing: an upgrade that found it takes out nothing; a rollback sets it
 * back to the manifest, as Helm's does. */
static const struct hc_val *before_of(const struct hc_reconcile *r, const struct object *o,
                                      const struct hc_val *live)
{
    const struct hc_plan_object *was = hc_plan_find(r->before, r->before_n, &o->plan);
    return was ? was->object : r->mark.action == HC_ACTION_ROLLBACK ? live : o->plan.object;
}

/* Of a JSON merge patch: only what is set, or only what is taken out. */
static struct hc_val *only(struct hc_arena *a, const struct hc_val *patch, bool nulls)
{
    struct hc_val *out = hc_map_new(a);
    for (size_t i = 0; i < hc_map_len(patch); i++) {
        const struct hc_entry *e = hc_map_at(patch, i);
        if (hc_is_map(e->val)) {
            struct hc_val *sub = only(a, e->val, nulls);
            if (hc_map_len(sub) > 0)
                hc_map_put_ref(a, out, e->key, sub);
        } else if (hc_is_null(e->val) == nulls) {
            hc_map_put_ref(a, out, e->key, e->val);
        }
    }
    return out;
}

static struct hc_val *json_patch(struct hc_reconcile *r, const struct hc_val *before, const struct hc_val *wanted,
                                 const struct hc_val *live)
{
    bool adopted = r->mark.action == HC_ACTION_INSTALL && hc_rec_policy(r, r->mark.action)->take_ownership;
    struct hc_val *patch = hc_merge_patch_diff(r->step, before, wanted);
    if (!adopted)
        return patch;
    return hc_val_overlay(r->step, only(r->step, patch, true),
                          only(r->step, hc_merge_patch_diff(r->step, live, wanted), false));
}

static struct hc_val *replacement(struct hc_reconcile *r, const struct hc_val *wanted, const struct hc_val *live)
{
    struct hc_val *out = hc_val_copy(r->step, wanted);
    hc_map_put_str(r->step, hc_map_sub(r->step, out, "metadata"), "resourceVersion",
                   hc_get_str_at(live, "metadata.resourceVersion"));
    return out;
}

/* From the live object in op->out to the request that changes it; left as it is when nothing is to change. */
static enum hc_rc make_change(struct hc_reconcile *r, const struct object *o, struct hc_kube_op *op)
{
    const struct hc_val *live = op->out, *before = before_of(r, o, live);
    struct hc_merge_types types;
    struct hc_val *patch = NULL;
    if (hc_rec_policy(r, r->mark.action)->force_replace) {
        op->verb = HC_KUBE_VERB_UPDATE;
        op->object = replacement(r, o->plan.object, live);
        return hc_arena_check(r->step, &op->err, "replacement");
    }
    enum hc_rc rc = hc_kube_merge_types(r->spec.kube, o->plan.api_version, o->plan.kind, &types, &op->err);
    op->patch = HC_PATCH_STRATEGIC;
    if (rc == HC_OK) {
        rc = hc_strategic_diff(r->step, before, o->plan.object, live, &types, &patch, &op->err);
    } else if (rc == HC_E_NOTFOUND) {
        hc_err_clear(&op->err);
        op->patch = HC_PATCH_MERGE;
        patch = json_patch(r, before, o->plan.object, live);
        rc = hc_arena_check(r->step, &op->err, "patch");
    }
    if (rc != HC_OK)
        return hc_wrap(&op->err, "failed to create patch: %.*s", HC_P(hc_ref_str(r->step, &o->ref)));
    if (hc_map_len(patch) > 0) {
        op->verb = HC_KUBE_VERB_PATCH;
        op->object = patch;
        op->flags = HC_KUBE_LAX_VALIDATION;
    }
    return HC_OK;
}

static void make_creation(const struct object *o, struct hc_kube_op *op)
{
    op->verb = HC_KUBE_VERB_CREATE;
    op->object = o->plan.object;
    op->flags = HC_KUBE_LAX_VALIDATION;
}

enum hc_rc hc_rec_client_request(struct hc_reconcile *r, const struct object *o, struct hc_kube_op *op)
{
    if (op->out)
        return make_change(r, o, op);
    make_creation(o, op);
    return HC_OK;
}

/* Sends those of `ops` that `pick` says, in one batch. */
static enum hc_rc send_some(struct hc_reconcile *r, struct hc_kube_op *ops, const bool *pick, size_t n)
{
    struct hc_kube_op *some = HC_NEW_N(r->step, struct hc_kube_op, n + 1);
    size_t m = 0;
    for (size_t i = 0; some && i < n; i++)
        if (pick[i])
            some[m++] = ops[i];
    if (!some)
        return HC_E_NOMEM;
    if (m > 0)
        hc_kube_batch(r->spec.kube, r->step, some, m, r->spec.manager);
    for (size_t i = 0, j = 0; i < n; i++)
        if (pick[i])
            ops[i] = some[j++];
    return HC_OK;
}

/* Objects that were just made by an install that was interrupted are there already; those of others are refused. */
static bool ours_to_change(struct hc_reconcile *r, const struct hc_val *live)
{
    return r->mark.action != HC_ACTION_INSTALL || hc_rec_policy(r, r->mark.action)->take_ownership ||
           hc_plan_owned(r->step, live, r->spec.name, r->spec.ns, NULL);
}

static enum hc_rc look_and_change(struct hc_reconcile *r, const struct object *objects, struct hc_kube_op *ops,
                                  bool *pick, size_t n)
{
    struct hc_err *refused = HC_NEW_N(r->step, struct hc_err, n + 1);
    if (!refused)
        return HC_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        if (pick[i])
            refused[i] = ops[i].err;
        ops[i].verb = pick[i] ? HC_KUBE_VERB_GET : ops[i].verb;
    }
    enum hc_rc rc = send_some(r, ops, pick, n);
    for (size_t i = 0; rc == HC_OK && i < n; i++) {
        if (!pick[i])
            continue;
        pick[i] = false;
        if (ops[i].rc == HC_E_NOTFOUND)
            make_creation(&objects[i], &ops[i]);
        else if (ops[i].rc == HC_OK && !ours_to_change(r, ops[i].out))
            ops[i].rc = hc_err_copy(&ops[i].err, &refused[i]);
        else if (ops[i].rc == HC_OK)
            ops[i].rc = make_change(r, &objects[i], &ops[i]);
        pick[i] = ops[i].rc == HC_E_NOTFOUND || (ops[i].rc == HC_OK && ops[i].verb != HC_KUBE_VERB_GET);
    }
    return rc == HC_OK ? send_some(r, ops, pick, n) : rc;
}

/*
 * Of an install nothing is there: it is created unseen, and only what turns out to exist is looked at. Otherwise each
 * is looked at first.
 */
void hc_rec_client_wave(struct hc_reconcile *r, const struct object *objects, struct hc_kube_op *ops, size_t n)
{
    bool install = r->mark.action == HC_ACTION_INSTALL, any = false;
    bool *pick = HC_NEW_N(r->step, bool, n + 1);
    enum hc_rc rc = pick ? HC_OK : HC_E_NOMEM;
    for (size_t i = 0; pick && i < n; i++) {
        make_creation(&objects[i], &ops[i]);
        ops[i].ref = objects[i].ref;
        pick[i] = install || objects[i].plan.name.n == 0;
    }
    if (rc == HC_OK)
        rc = send_some(r, ops, pick, n);
    for (size_t i = 0; rc == HC_OK && i < n; i++) {
        bool named = objects[i].plan.name.n > 0;
        pick[i] = named && (!install || ops[i].rc == HC_E_CONFLICT);
        any = any || pick[i];
    }
    if (rc == HC_OK && any)
        rc = look_and_change(r, objects, ops, pick, n);
    for (size_t i = 0; i < n; i++) {
        if (rc != HC_OK) {
            ops[i].rc = hc_fail_nomem(&ops[i].err);
        } else if ((ops[i].rc == HC_E_CONFLICT || ops[i].rc == HC_E_NOTFOUND) && pick[i]) {
            ops[i].rc = HC_E_AGAIN; /* changed, made or deleted since we looked */
            ops[i].err.code = HC_E_AGAIN;
        }
    }
}
