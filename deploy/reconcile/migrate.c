/*
 * From client-side to server-side apply. A release that Helm 3 (or Helm 4 without server-side apply) made owns its
 * fields by "Update" entries; applied by the server they would have two owners, and a field that leaves the manifest
 * would stay. So those entries are merged into the entry of our manager, under the object's resourceVersion.
 */
#include "core/value/merge.h"
#include "deploy/reconcile/reconcile_impl.h"

static bool ours(const struct hc_reconcile *r, hc_str manager)
{
    return hc_str_eqz(manager, r->spec.manager) || hc_str_eqz(manager, "helm") ||
           hc_str_eqz(manager, "helm-controller");
}

static bool is(const struct hc_val *entry, const char *operation)
{
    return hc_str_eqz(hc_get_str(hc_map_getz(entry, "operation")), operation) &&
           hc_get_str(hc_map_getz(entry, "subresource")).n == 0;
}

/* The new list of managers, or NULL when nothing is to change. */
static struct hc_val *merged(struct hc_reconcile *r, const struct hc_val *fields)
{
    struct hc_val *out = hc_list_new(r->step), *applied = NULL;
    bool changed = false;
    for (size_t i = 0; i < hc_list_len(fields); i++) {
        const struct hc_val *e = hc_list_at(fields, i);
        if (is(e, "Apply") && hc_str_eqz(hc_get_str(hc_map_getz(e, "manager")), r->spec.manager))
            applied = hc_val_copy(r->step, e);
    }
    for (size_t i = 0; i < hc_list_len(fields); i++) {
        struct hc_val *e = hc_list_at(fields, i);
        hc_str manager = hc_get_str(hc_map_getz(e, "manager"));
        if (is(e, "Apply") && hc_str_eqz(manager, r->spec.manager))
            continue;
        if (!is(e, "Update") || !ours(r, manager)) {
            hc_list_add(r->step, out, e);
            continue;
        }
        changed = true;
        if (!applied) {
            applied = hc_val_copy(r->step, e);
            hc_map_put_strz(r->step, applied, "manager", r->spec.manager);
            hc_map_put_strz(r->step, applied, "operation", "Apply");
        } else if (hc_str_eq(
                       hc_get_str(hc_map_getz(applied, "apiVersion")),
                       hc_get_str(hc_map_getz(e, "apiVersion")))) { /* paths of another version may not be ours */
            hc_map_put(r->step, applied, HC_S("fieldsV1"),
                       hc_val_overlay(r->step, hc_map_getz(applied, "fieldsV1"), hc_map_getz(e, "fieldsV1")));
        }
    }
    if (applied)
        hc_list_add(r->step, out, applied);
    return changed ? out : NULL;
}

static struct hc_val *operation(struct hc_arena *a, const char *path, struct hc_val *value)
{
    struct hc_val *op = hc_map_new(a);
    hc_map_put_strz(a, op, "op", "replace");
    hc_map_put_strz(a, op, "path", path);
    hc_map_put(a, op, HC_S("value"), value);
    return op;
}

static enum hc_rc failed(struct hc_reconcile *r, const struct object *o, enum hc_rc rc, struct hc_err *err)
{
    if (hc_rec_repeatable(rc))
        r->busy = o;
    else if (r->read)
        hc_rec_object_refused(r, o, err);
    return rc;
}

enum hc_rc hc_rec_migrate(struct hc_reconcile *r, const struct object *objects, size_t n, struct hc_val **live,
                          struct hc_err *err)
{
    struct hc_kube_op *ops = HC_NEW_N(r->step, struct hc_kube_op, n + 1);
    if (!ops)
        return hc_arena_check(r->step, err, "field managers");
    for (size_t i = 0; i < n; i++)
        ops[i] = (struct hc_kube_op){ .verb = HC_KUBE_VERB_GET, .ref = objects[i].ref, .err = HC_ERR_INIT };
    enum hc_rc rc = hc_rec_fence(r, err);
    if (rc != HC_OK)
        return rc;
    hc_kube_batch(r->spec.kube, r->step, ops, n, r->spec.manager);
    for (size_t i = 0; i < n; i++) {
        const struct hc_val *meta = hc_map_getz(ops[i].out, "metadata");
        if (ops[i].rc == HC_E_NOTFOUND)
            continue;
        if (ops[i].rc != HC_OK)
            return failed(r, &objects[i], hc_err_copy(err, &ops[i].err), err);
        struct hc_val *list = merged(r, hc_map_getz(meta, "managedFields")), *patch = hc_list_new(r->step);
        if (!list) {
            live[i] = ops[i].out;
            continue;
        }
        hc_list_add(r->step, patch, operation(r->step, "/metadata/managedFields", list));
        hc_list_add(r->step, patch,
                    operation(r->step, "/metadata/resourceVersion",
                              hc_str_val(r->step, hc_get_str(hc_map_getz(meta, "resourceVersion")))));
        rc = hc_kube_patch(r->spec.kube, r->step, &ops[i].ref, NULL, HC_PATCH_JSON, patch, r->spec.manager, 0, NULL,
                           err);
        if (rc == HC_E_CONFLICT) { /* somebody wrote in between: the apply is tried again as a whole */
            rc = HC_E_AGAIN;
            if (err)
                err->code = rc;
        }
        if (rc != HC_OK && rc != HC_E_NOTFOUND)
            return failed(r, &objects[i], hc_wrap(err, "take over the fields of a client-side apply"), err);
    }
    return HC_OK;
}
