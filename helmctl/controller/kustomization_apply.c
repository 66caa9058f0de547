/*
 * Server-side apply in stages, and pruning by inventory (fluxcd/pkg ssa). Every object is tried with a dry run before the
 * first is applied: a refused object changes nothing. The answers tell what changed: a resourceVersion that stays is an
 * object that stayed.
 */
#include <stdio.h>

#include "helmctl/controller/kustomization_impl.h"

#define OWNER_NAME "kustomize.toolkit.fluxcd.io/name"
#define OWNER_NS   "kustomize.toolkit.fluxcd.io/namespace"

static hc_str mark_of(const struct hc_val *o, const char *key)
{
    hc_str s = hc_get_str(hc_map_getz(hc_get(o, "metadata.annotations"), key));
    return s.n ? s : hc_get_str(hc_map_getz(hc_get(o, "metadata.labels"), key));
}

static bool is_marked(const struct hc_val *o, const char *key, const char *value)
{
    return hc_str_eq_nocase(mark_of(o, key), hc_str_of(value));
}

void ks_own(struct ks *k)
{
    struct hc_arena *a = k->p->a;
    for (size_t i = 0; i < hc_list_len(k->objects); i++) {
        struct hc_val *l = hc_map_sub(a, hc_map_sub(a, hc_list_at(k->objects, i), "metadata"), "labels");
        hc_map_put_str(a, l, OWNER_NAME, k->p->key.name);
        hc_map_put_str(a, l, OWNER_NS, k->p->key.ns);
    }
}

/* ---- inventory: "ns_name_group_kind" ---- */

struct hc_val *ks_inventory_of(struct ks *k)
{
    struct hc_arena *a = k->p->a;
    struct hc_val *list = hc_list_new(a);
    for (size_t i = 0; i < hc_list_len(k->objects); i++) {
        const struct hc_val *o = hc_list_at(k->objects, i);
        struct hc_ref r = hc_ref_of(o);
        size_t slash = hc_str_find(r.api_version, '/');
        hc_str group = slash == SIZE_MAX ? HC_S("") : hc_str_sub(r.api_version, 0, slash);
        hc_str version = slash == SIZE_MAX ? r.api_version : hc_str_sub(r.api_version, slash + 1, r.api_version.n);
        struct hc_kube_resource res;
        struct hc_err err = HC_ERR_INIT;
        if (hc_kube_resource_of(k->kube, r.api_version, r.kind, &res, &err) == HC_OK && !res.namespaced)
            r.ns = HC_S("");
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        hc_buf_printf(&b, "%.*s_", HC_P(r.ns));
        for (size_t j = 0; j < r.name.n; j++) {
            if (r.name.p[j] == ':')
                hc_buf_puts(&b, "__"); /* cli-utils: names of RBAC objects */
            else
                hc_buf_putc(&b, r.name.p[j]);
        }
        hc_buf_printf(&b, "_%.*s_%.*s", HC_P(group), HC_P(r.kind));
        struct hc_val *e = hc_map_new(a);
        hc_map_put_str(a, e, "id", hc_buf_to_arena(&b, a));
        hc_map_put_str(a, e, "v", version);
        hc_list_add(a, list, e);
    }
    return list;
}

bool ks_entry_ref(struct hc_arena *a, const struct hc_val *entry, struct hc_ref *out)
{
    hc_str id = hc_get_str(hc_map_getz(entry, "id")), v = hc_get_str(hc_map_getz(entry, "v"));
    size_t first = hc_str_find(id, '_'), last = hc_str_rfind(id, '_');
    if (first == SIZE_MAX || last == SIZE_MAX || last <= first)
        return false;
    size_t group_at = hc_str_rfind(hc_str_sub(id, 0, last), '_');
    if (group_at == SIZE_MAX || group_at <= first)
        return false;
    hc_str name = hc_str_sub(id, first + 1, group_at), group = hc_str_sub(id, group_at + 1, last);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '_' && i + 1 < name.n && name.p[i + 1] == '_') {
            hc_buf_putc(&b, ':');
            i++;
        } else {
            hc_buf_putc(&b, name.p[i]);
        }
    }
    out->ns = hc_str_sub(id, 0, first);
    out->name = hc_buf_to_arena(&b, a);
    out->kind = hc_str_sub(id, last + 1, id.n);
    out->api_version = group.n ? hc_arena_printf(a, "%.*s/%.*s", HC_P(group), HC_P(v)) : v;
    return out->kind.n > 0 && out->name.n > 0 && v.n > 0;
}

struct hc_val *ks_stale(struct hc_arena *a, const struct hc_val *old, const struct hc_val *now)
{
    struct hc_val *list = hc_list_new(a);
    for (size_t i = 0; i < hc_list_len(old); i++) {
        hc_str id = hc_get_str(hc_map_getz(hc_list_at(old, i), "id"));
        bool kept = false;
        for (size_t j = 0; j < hc_list_len(now) && !kept; j++)
            kept = hc_str_eq(id, hc_get_str(hc_map_getz(hc_list_at(now, j), "id")));
        if (!kept)
            hc_list_add(a, list, hc_list_at(old, i));
    }
    return list;
}

/* ---- apply ---- */

/* What others stand on comes first (fluxcd/pkg ssa: stage one, and class kinds). */
static int stage_of(const struct hc_val *o)
{
    static const char *const first[] = { "CustomResourceDefinition", "Namespace", "ClusterRole" };
    static const char *const classes[] = { "StorageClass", "IngressClass", "PriorityClass", "RuntimeClass",
                                           "GatewayClass" };
    hc_str kind = hc_get_str(hc_map_getz(o, "kind"));
    for (size_t i = 0; i < HC_LEN(first); i++)
        if (hc_str_eqz(kind, first[i]))
            return 0;
    for (size_t i = 0; i < HC_LEN(classes); i++)
        if (hc_str_eqz(kind, classes[i]))
            return 1;
    return 2;
}

hc_str ks_subject(struct hc_arena *a, const struct hc_ref *r)
{
    return r->ns.n ? hc_arena_printf(a, "%.*s/%.*s/%.*s", HC_P(r->kind), HC_P(r->ns), HC_P(r->name))
                   : hc_arena_printf(a, "%.*s/%.*s", HC_P(r->kind), HC_P(r->name));
}

static void note(struct ks *k, const struct hc_val *o, const char *what)
{
    struct hc_ref r = hc_ref_of(o);
    hc_str s = ks_subject(k->p->a, &r);
    hc_buf_printf(&k->changes, "%s%.*s %s", k->changed++ ? "\n" : "", HC_P(s), what);
}

/* The operations of one stage; objects that want no apply are left out. */
static size_t plan_stage(struct ks *k, int stage, struct hc_kube_op *ops, unsigned flags)
{
    size_t n = 0;
    for (size_t i = 0; i < hc_list_len(k->objects); i++) {
        const struct hc_val *o = hc_list_at(k->objects, i);
        if (stage_of(o) != stage || is_marked(o, "kustomize.toolkit.fluxcd.io/reconcile", "disabled") ||
            is_marked(o, "kustomize.toolkit.fluxcd.io/ssa", "Ignore"))
            continue;
        if (is_marked(o, "kustomize.toolkit.fluxcd.io/ssa", "IfNotPresent")) {
            struct hc_val *there = NULL;
            struct hc_ref r = hc_ref_of(o);
            struct hc_err err = HC_ERR_INIT;
            if (hc_kube_get(k->kube, k->p->a, &r, &there, &err) == HC_OK)
                continue;
        }
        bool merge = is_marked(o, "kustomize.toolkit.fluxcd.io/ssa", "Merge");
        ops[n++] = (struct hc_kube_op){ .verb = HC_KUBE_VERB_APPLY,
                                        .object = o,
                                        .flags = flags | (merge ? 0u : (unsigned)HC_KUBE_FORCE) };
    }
    return n;
}

static bool wants_force(const struct ks *k, const struct hc_val *o)
{
    return hc_get_bool_at(k->p->spec, "force", false) ||
           is_marked(o, "kustomize.toolkit.fluxcd.io/force", "enabled");
}

static bool is_immutable(const struct hc_err *e)
{
    hc_str m = hc_str_of(e->msg);
    return e->http_status == 422 && (hc_str_find_str(m, HC_S("immutable")) != SIZE_MAX ||
                                     hc_str_find_str(m, HC_S("may not change")) != SIZE_MAX ||
                                     hc_str_find_str(m, HC_S("updates to")) != SIZE_MAX);
}

static enum hc_rc tell_failure(struct ks *k, const struct hc_kube_op *op, const char *what)
{
    struct hc_ref r = hc_ref_of(op->object);
    hc_str s = ks_subject(k->p->a, &r);
    hc_err_copy(&k->p->err, &op->err);
    enum hc_rc code = op->rc;
    hc_wrap(&k->p->err, "%.*s %s", HC_P(s), what);
    return code;
}

/* Recreates what cannot be changed in place, when that is allowed. True: done. */
static bool recreate(struct ks *k, struct hc_kube_op *op)
{
    if (!is_immutable(&op->err) || !wants_force(k, op->object))
        return false;
    struct hc_ref r = hc_ref_of(op->object);
    struct hc_kube_delete how = { .propagation = "Background" };
    struct hc_err err = HC_ERR_INIT;
    if (hc_kube_delete(k->kube, &r, &how, NULL, &err) != HC_OK)
        return false;
    op->rc = hc_kube_apply(k->kube, k->p->a, op->object, k->p->manager, HC_KUBE_FORCE, &op->out, &op->err);
    if (op->rc == HC_OK)
        note(k, op->object, "recreated");
    return op->rc == HC_OK;
}

static enum hc_rc apply_stage(struct ks *k, int stage)
{
    size_t max = hc_list_len(k->objects);
    struct hc_kube_op *dry = HC_NEW_N(k->p->a, struct hc_kube_op, max + 1),
                      *ops = HC_NEW_N(k->p->a, struct hc_kube_op, max + 1);
    if (!dry || !ops)
        return hc_fail_nomem(&k->p->err);
    size_t n = plan_stage(k, stage, dry, HC_KUBE_DRY_RUN);
    if (n == 0)
        return HC_OK;
    hc_kube_batch(k->kube, k->p->a, dry, n, k->p->manager);
    for (size_t i = 0; i < n; i++)
        if (dry[i].rc != HC_OK && !(is_immutable(&dry[i].err) && wants_force(k, dry[i].object)))
            return tell_failure(k, &dry[i], "dry-run failed");
    for (size_t i = 0; i < n; i++)
        ops[i] = (struct hc_kube_op){ .verb = HC_KUBE_VERB_APPLY,
                                      .object = dry[i].object,
                                      .flags = dry[i].flags & ~(unsigned)HC_KUBE_DRY_RUN };
    hc_kube_batch(k->kube, k->p->a, ops, n, k->p->manager);
    for (size_t i = 0; i < n; i++) {
        if (ops[i].rc != HC_OK && recreate(k, &ops[i]))
            continue;
        if (ops[i].rc != HC_OK)
            return tell_failure(k, &ops[i], "apply failed");
        hc_str before = hc_get_str_at(dry[i].out, "metadata.resourceVersion");
        if (!hc_str_eq(before, hc_get_str_at(ops[i].out, "metadata.resourceVersion")))
            note(k, ops[i].object, before.n && !hc_str_eqz(before, "0") ? "configured" : "created");
    }
    if (stage == 0) {
        bool crds = false;
        for (size_t i = 0; i < n; i++)
            crds |= hc_str_eqz(hc_get_str(hc_map_getz(ops[i].object, "kind")), "CustomResourceDefinition");
        if (crds && k->changed)
            hc_kube_discovery_reset(k->kube);
    }
    return HC_OK;
}

enum hc_rc ks_apply(struct ks *k)
{
    enum hc_rc rc = HC_OK;
    for (int stage = 0; stage < 3 && rc == HC_OK; stage++)
        rc = apply_stage(k, stage);
    return rc;
}

/* ---- prune ---- */

enum hc_rc ks_prune(struct ks *k, const struct hc_val *stale)
{
    struct hc_arena *a = k->p->a;
    for (size_t n = hc_list_len(stale); n > 0; n--) { /* backwards: what others stand on goes last */
        struct hc_ref r;
        struct hc_val *o = NULL;
        struct hc_err err = HC_ERR_INIT;
        if (!ks_entry_ref(a, hc_list_at(stale, n - 1), &r))
            continue;
        enum hc_rc rc = hc_kube_get_metadata(k->kube, a, &r, &o, &err);
        if (rc == HC_E_NOTFOUND)
            continue;
        if (rc == HC_OK) {
            const struct hc_val *l = hc_get(o, "metadata.labels");
            bool ours = hc_str_eq(hc_get_str(hc_map_getz(l, OWNER_NAME)), k->p->key.name) &&
                        hc_str_eq(hc_get_str(hc_map_getz(l, OWNER_NS)), k->p->key.ns);
            if (!ours || is_marked(o, "kustomize.toolkit.fluxcd.io/prune", "disabled") ||
                is_marked(o, "kustomize.toolkit.fluxcd.io/ssa", "Ignore"))
                continue;
            struct hc_kube_delete how = { .uid = hc_get_str_at(o, "metadata.uid") };
            rc = hc_kube_delete(k->kube, &r, &how, NULL, &err);
        }
        if (rc != HC_OK) {
            hc_str s = ks_subject(a, &r);
            hc_err_copy(&k->p->err, &err);
            hc_wrap(&k->p->err, "%.*s delete failed", HC_P(s));
            return rc;
        }
        struct hc_val *gone = hc_map_new(a), *meta = hc_map_new(a);
        hc_map_put_str(a, gone, "kind", r.kind);
        hc_map_put_str(a, meta, "name", r.name);
        hc_map_put_str(a, meta, "namespace", r.ns);
        hc_map_put(a, gone, HC_S("metadata"), meta);
        note(k, gone, "deleted");
    }
    return HC_OK;
}
