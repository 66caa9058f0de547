/*
 * The life of an object: create, update, delete, and the one door through which all of it is stored.
 *
 * The order of the checks is the real server's (apiserver registry/rest, registry/generic/registry), because
 * clients see which error comes first: namespace, name, defaults, validation, existence, preconditions.
 */
#include "core/base/digest.h"
#include "core/value/json.h"
#include "helmctl/sandbox/sandbox_impl.h"

hc_str hc_sb_now(struct hc_arena *a)
{
    return hc_time_rfc3339(a, hc_now_ms());
}

struct hc_val *hc_sb_shallow(struct hc_arena *a, const struct hc_val *map)
{
    struct hc_val *out = hc_map_new(a);
    for (size_t i = 0; i < hc_map_len(map); i++)
        hc_map_put_ref(a, out, hc_map_at(map, i)->key, hc_map_at(map, i)->val);
    return out;
}

hc_str hc_sb_generate_name(struct hc_sandbox *s, struct hc_arena *a, hc_str prefix)
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
    /* Real names are random; these follow from the number the object will get, so runs can be compared. */
    hc_str seed = hc_arena_printf(a, "%.*s%" PRId64, HC_P(prefix), hc_sb_store_rv(s->store) + 1);
    uint64_t h = hc_str_hash(seed);
    char tail[6] = { 0 };
    for (size_t i = 0; i < 5; i++, h /= 27)
        tail[i] = letters[h % 27];
    return hc_arena_printf(a, "%.*s%s", HC_P(hc_str_sub(prefix, 0, 58)), tail);
}

static struct hc_val *ordered(struct hc_arena *a, const struct hc_sb_kind *k, const struct hc_val *obj)
{
    struct hc_val *out = hc_map_new(a);
    hc_map_put_str(a, out, "apiVersion", k->api_version);
    hc_map_put_str(a, out, "kind", k->kind);
    hc_map_sub(a, out, "metadata");
    for (size_t i = 0; i < hc_map_len(obj); i++) {
        const struct hc_entry *e = hc_map_at(obj, i);
        if (!hc_str_eqz(e->key, "apiVersion") && !hc_str_eqz(e->key, "kind"))
            hc_map_put_ref(a, out, e->key, e->val);
    }
    return out;
}

struct hc_val *hc_sb_parse_body(struct hc_arena *a, const struct hc_sb_kind *k, hc_str body)
{
    struct hc_val *v = NULL;
    if (hc_json_parse(a, body, HC_JSON_REF | HC_JSON_NO_POSITIONS, &v, NULL) != HC_OK)
        return NULL;
    if (k->many_versions)
        hc_sb_convert(a, k, v);
    return v;
}

struct hc_val *hc_sb_get(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k, hc_str ns,
                         hc_str name)
{
    hc_str body;
    if (!hc_sb_store_get(s->store, a, k->key, k->flags & HC_SB_CLUSTER ? HC_S("") : ns, name, &body))
        return NULL;
    return hc_sb_parse_body(a, k, body);
}

/* autoscaling/v1 knows one metric, v2 a list of them. */
static void convert_hpa(struct hc_arena *a, const struct hc_sb_kind *k, struct hc_val *obj)
{
    struct hc_val *spec = hc_map_getz(obj, "spec");
    if (hc_str_eqz(k->version, "v2") && hc_map_getz(spec, "targetCPUUtilizationPercentage")) {
        struct hc_val *metrics = hc_list_new(a), *m = hc_map_new(a), *target;
        hc_map_put_strz(a, m, "type", "Resource");
        struct hc_val *res = hc_map_sub(a, m, "resource");
        hc_map_put_strz(a, res, "name", "cpu");
        target = hc_map_sub(a, res, "target");
        hc_map_put_strz(a, target, "type", "Utilization");
        hc_map_put_int(a, target, "averageUtilization", hc_get_int_at(spec, "targetCPUUtilizationPercentage", 80));
        hc_list_add(a, metrics, m);
        hc_map_del(spec, HC_S("targetCPUUtilizationPercentage"));
        hc_map_put(a, spec, HC_S("metrics"), metrics);
    } else if (hc_str_eqz(k->version, "v1") && hc_map_getz(spec, "metrics")) {
        int64_t cpu = hc_get_int_at(spec, "metrics[0].resource.target.averageUtilization", -1);
        hc_map_del(spec, HC_S("metrics"));
        hc_map_del(spec, HC_S("behavior"));
        if (cpu >= 0)
            hc_map_put_int(a, spec, "targetCPUUtilizationPercentage", cpu);
    }
}

void hc_sb_convert(struct hc_arena *a, const struct hc_sb_kind *k, struct hc_val *obj)
{
    hc_str have = hc_get_str_at(obj, "apiVersion");
    if (!hc_is_map(obj) || hc_str_eq(have, k->api_version))
        return;
    if (hc_str_eqz(k->resource, "horizontalpodautoscalers"))
        convert_hpa(a, k, obj);
    /* Events of the two groups: one thing under two names. */
    struct hc_entry *e = hc_map_find(obj, hc_str_eqz(k->group, "events.k8s.io") ? HC_S("message") : HC_S("note"));
    if (hc_str_eqz(k->key, "/events")) {
        bool modern = k->group.n != 0;
        if (e) {
            struct hc_val *text = e->val;
            hc_map_del(obj, modern ? HC_S("message") : HC_S("note"));
            hc_map_put(a, obj, modern ? HC_S("note") : HC_S("message"), text);
        }
        struct hc_val *about = hc_map_getz(obj, modern ? "involvedObject" : "regarding");
        if (about) {
            hc_map_del(obj, modern ? HC_S("involvedObject") : HC_S("regarding"));
            hc_map_put(a, obj, modern ? HC_S("regarding") : HC_S("involvedObject"), about);
        }
    }
    hc_map_put_str(a, obj, "apiVersion", k->api_version);
}

static struct hc_val *owner_uids(struct hc_arena *a, const struct hc_val *obj)
{
    const struct hc_val *refs = hc_get(obj, "metadata.ownerReferences");
    if (!hc_list_len(refs))
        return NULL;
    struct hc_val *out = hc_list_new(a);
    for (size_t i = 0; i < hc_list_len(refs); i++)
        hc_list_add(a, out, hc_str_val_ref(a, hc_get_str_at(hc_list_at(refs, i), "uid")));
    return out;
}

struct hc_val *hc_sb_commit(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k,
                            const struct hc_val *old, struct hc_val *obj)
{
    struct hc_val *meta = hc_map_sub(a, obj, "metadata");
    hc_str name = hc_get_str_at(obj, "metadata.name"), uid = hc_get_str_at(obj, "metadata.uid");
    hc_str ns = k->flags & HC_SB_CLUSTER ? HC_S("") : hc_get_str_at(obj, "metadata.namespace");
    bool removed = hc_map_getz(meta, "deletionTimestamp") && !hc_list_len(hc_map_getz(meta, "finalizers")) &&
                   !hc_list_len(hc_get(obj, hc_str_eqz(k->key, "/namespaces") ? "spec.finalizers" : "-"));
    if (old && !removed && hc_val_equal(old, obj))
        return NULL;
    int64_t rv = hc_sb_store_next_rv(s->store);
    hc_map_put(a, meta, HC_S("resourceVersion"), hc_printf_val(a, "%" PRId64, rv));
    hc_str was = { NULL, 0 };
    if (old)
        hc_sb_store_get(s->store, a, k->key, ns, name, &was);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write(&b, obj, 0);
    if (b.spent || hc_arena_spent(a))
        return hc_sb_internal(a, "no memory for %.*s", HC_P(name));
    bool ok = removed ? hc_sb_store_del(s->store, k->key, ns, name, rv)
                      : hc_sb_store_put(s->store, k->key, ns, name, uid, rv, hc_buf_str(&b), owner_uids(a, obj));
    if (!ok)
        return hc_sb_internal(a, "the sandbox could not store %.*s: disk full?", HC_P(name));
    hc_sb_watches_event(s->watches,
                        removed ? HC_SB_DELETED
                        : old   ? HC_SB_MODIFIED
                                : HC_SB_ADDED,
                        k->key, ns, name, rv, hc_buf_str(&b), was);
    hc_sb_dirty(s, k->key, ns, name);
    const struct hc_val *controller = hc_sb_controller_of(obj);
    if (controller) {
        const struct hc_sb_kind *ck = hc_sb_kind_of_gvk(s, hc_get_str_at(controller, "apiVersion"),
                                                        hc_get_str_at(controller, "kind"));
        if (ck)
            hc_sb_dirty(s, ck->key, ck->flags & HC_SB_CLUSTER ? HC_S("") : ns, hc_get_str_at(controller, "name"));
    }
    if (hc_str_eqz(k->key, "apiextensions.k8s.io/customresourcedefinitions"))
        hc_sb_crd_changed(s, name, removed ? NULL : obj);
    if (removed) {
        hc_sb_orphaned(s, uid);
        if (ns.n)
            hc_sb_dirty(s, HC_S("/namespaces"), HC_S(""), ns); /* it may be waiting to become empty */
        if (k->schema || k->preserve_unknown)
            hc_sb_dirty(s, HC_S("apiextensions.k8s.io/customresourcedefinitions"), HC_S(""),
                        hc_arena_printf(a, "%.*s.%.*s", HC_P(k->resource), HC_P(k->group)));
        /* An owner that waits in the foreground. */
        const struct hc_val *refs = hc_map_getz(meta, "ownerReferences");
        for (size_t i = 0; i < hc_list_len(refs); i++) {
            const struct hc_val *r = hc_list_at(refs, i);
            const struct hc_sb_kind *ok_kind = hc_sb_kind_of_gvk(s, hc_get_str_at(r, "apiVersion"),
                                                                 hc_get_str_at(r, "kind"));
            if (ok_kind)
                hc_sb_dirty(s, ok_kind->key, ok_kind->flags & HC_SB_CLUSTER ? HC_S("") : ns,
                            hc_get_str_at(r, "name"));
        }
    }
    return NULL;
}

struct hc_val *hc_sb_namespace_check(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k,
                                     hc_str ns)
{
    if (k->flags & HC_SB_CLUSTER)
        return NULL;
    const struct hc_sb_kind *nk = hc_sb_kind_builtin(s, "/namespaces");
    const struct hc_val *n = hc_sb_get(s, a, nk, HC_S(""), ns);
    if (!n)
        return hc_sb_not_found(a, nk, ns);
    if (!hc_get(n, "metadata.deletionTimestamp"))
        return NULL;
    struct hc_val *st = hc_sb_status(
        a, 403, "Forbidden",
        "%.*s is forbidden: unable to create new content in namespace %.*s because it is "
        "being terminated",
        HC_P(k->resource), HC_P(ns));
    struct hc_val *d = hc_map_sub(a, st, "details"), *causes = hc_list_new(a), *c = hc_map_new(a);
    hc_map_put_strz(a, c, "reason", "NamespaceTerminating");
    hc_map_put(a, c, HC_S("message"), hc_printf_val(a, "namespace %.*s is being terminated", HC_P(ns)));
    hc_map_put_strz(a, c, "field", "metadata.namespace");
    hc_list_add(a, causes, c);
    hc_map_put(a, d, HC_S("causes"), causes);
    return st;
}

/* Pruning, defaults and validation, for what is built in and for what a CRD describes. */
static struct hc_val *check(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k,
                            const struct hc_val *old, struct hc_val *obj, const struct hc_sb_how *how)
{
    struct hc_sb_errors e = { .a = a };
    hc_str name = hc_get_str_at(obj, "metadata.name");
    struct hc_val *cut = hc_list_new(a);
    bool custom = k->schema || k->preserve_unknown;
    if (custom) {
        hc_sb_prune(a, k, obj, cut);
    } else {
        struct hc_val *bad = hc_sb_builtin_check(a, k, obj, false, cut);
        if (bad)
            return bad;
    }
    if (hc_list_len(cut) && !how->apply) {
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 16384);
        for (size_t i = 0; i < hc_list_len(cut); i++) {
            hc_str path = hc_get_str(hc_list_at(cut, i));
            hc_buf_printf(&b, "%sunknown field \"%.*s\"", i ? ", " : "", HC_P(path));
            if (how->warnings)
                hc_list_add(a, how->warnings, hc_printf_val(a, "299 - \"unknown field \\\"%.*s\\\"\"", HC_P(path)));
        }
        hc_str all = hc_buf_str(&b);
        if (how->strict)
            return hc_sb_bad_request(
                a, "%.*s in version \"%.*s\" cannot be handled as a %.*s: strict decoding error: %.*s",
                HC_P(k->kind), HC_P(k->version), HC_P(k->kind), HC_P(all));
    }
    if (custom) {
        hc_sb_schema_defaults(a, k->schema, obj);
        hc_sb_validate(&e, k, obj, old);
        hc_sb_schema_validate(&e, k->schema, obj, HC_S(""), 0);
    } else {
        hc_sb_defaults(s, a, k, obj, old);
        hc_sb_validate(&e, k, obj, old);
    }
    return hc_sb_errors_status(&e, k, name);
}

static bool keeps_status(const struct hc_sb_kind *k)
{
    return (k->flags & HC_SB_STATUS) != 0;
}

struct hc_val *hc_sb_create(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k, hc_str ns,
                            struct hc_val *obj, const struct hc_sb_how *how, struct hc_val **out)
{
    if (!hc_is_map(obj))
        return hc_sb_bad_request(a, "the body of the request is no object");
    obj = ordered(a, k, obj);
    if (!hc_is_map(hc_map_getz(obj, "metadata")))
        hc_map_put(a, obj, HC_S("metadata"), hc_map_new(a));
    struct hc_val *meta = hc_map_getz(obj, "metadata");
    hc_str rv = hc_get_str_at(meta, "resourceVersion");
    if (rv.n && !hc_str_eqz(rv, "0"))
        return hc_sb_internal(a, "resourceVersion should not be set on objects to be created");
    if (k->flags & HC_SB_CLUSTER) {
        hc_map_del(meta, HC_S("namespace"));
    } else {
        struct hc_val *bad = hc_sb_namespace_check(s, a, k, ns);
        if (bad)
            return bad;
        hc_map_put_str(a, meta, "namespace", ns);
    }
    hc_str prefix = hc_get_str_at(meta, "generateName");
    if (!hc_get_str_at(meta, "name").n && prefix.n)
        hc_map_put_str(a, meta, "name", hc_sb_generate_name(s, a, prefix));
    hc_str name = hc_get_str_at(meta, "name");
    static const char *const ours[] = { "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds",
                                        "selfLink", "generation" };
    for (size_t i = 0; i < HC_LEN(ours); i++)
        hc_map_del(meta, hc_str_of(ours[i]));
    char uid[37];
    hc_uuid4(uid);
    hc_map_put_strz(a, meta, "uid", uid);
    if (k->flags & HC_SB_GEN)
        hc_map_put_int(a, meta, "generation", 1);
    hc_map_put_str(a, meta, "creationTimestamp", hc_sb_now(a));
    if (!how->internal) {
        if (keeps_status(k))
            hc_map_del(obj, HC_S("status"));
        struct hc_val *bad = check(s, a, k, NULL, obj, how);
        if (bad)
            return bad;
        if (!how->apply)
            hc_map_del(meta, HC_S("managedFields"));
    } else {
        hc_sb_defaults(s, a, k, obj, NULL);
    }
    hc_str have;
    if (hc_sb_store_get(s->store, a, k->key, k->flags & HC_SB_CLUSTER ? HC_S("") : ns, name, &have))
        return hc_sb_exists(a, k, name);
    if (!how->apply && !how->internal)
        hc_sb_manage(a, k, NULL, obj, how->manager, how->sub);
    *out = obj;
    return how->dry_run ? NULL : hc_sb_commit(s, a, k, NULL, obj);
}

static bool same_but_meta(const struct hc_val *x, const struct hc_val *y, bool status_too)
{
    for (int round = 0; round < 2; round++) {
        const struct hc_val *one = round ? y : x, *two = round ? x : y;
        for (size_t i = 0; i < hc_map_len(one); i++) {
            const struct hc_entry *e = hc_map_at(one, i);
            if (hc_str_eqz(e->key, "metadata") || hc_str_eqz(e->key, "apiVersion") || hc_str_eqz(e->key, "kind") ||
                (status_too && hc_str_eqz(e->key, "status")))
                continue;
            const struct hc_val *other = hc_map_get(two, e->key);
            if (!other || !hc_val_equal(e->val, other))
                return false;
        }
    }
    return true;
}

/* The parts of metadata nobody may set. */
static void keep_system_meta(struct hc_arena *a, const struct hc_val *old, struct hc_val *obj)
{
    static const char *const kept[] = {
        "name",       "namespace",   "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
        "generation", "generateName"
    };
    struct hc_val *meta = hc_map_getz(obj, "metadata");
    const struct hc_val *was = hc_map_getz(old, "metadata");
    hc_map_del(meta, HC_S("selfLink"));
    for (size_t i = 0; i < HC_LEN(kept); i++) {
        struct hc_val *v = hc_map_getz(was, kept[i]);
        if (v)
            hc_map_put(a, meta, hc_str_of(kept[i]), v);
        else if (strcmp(kept[i], "generateName") != 0)
            hc_map_del(meta, hc_str_of(kept[i]));
    }
}

/* managedFields as the new object says when it says something valid, else as they were (an empty list or one
 * empty entry asks for a reset). */
static void carry_managed(struct hc_arena *a, const struct hc_val *old, struct hc_val *obj)
{
    struct hc_val *meta = hc_map_getz(obj, "metadata"), *given = hc_map_getz(meta, "managedFields");
    struct hc_val *was = hc_get(old, "metadata.managedFields");
    if (hc_is_list(given) && (hc_list_len(given) == 0 || hc_map_len(hc_list_at(given, 0)) == 0)) {
        hc_map_del(meta, HC_S("managedFields"));
        return;
    }
    if (!hc_is_list(given) && was)
        hc_map_put(a, meta, HC_S("managedFields"), was);
}

struct hc_val *hc_sb_update(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k,
                            const struct hc_val *old, struct hc_val *obj, const struct hc_sb_how *how,
                            struct hc_val **out)
{
    if (!hc_is_map(obj))
        return hc_sb_bad_request(a, "the body of the request is no object");
    obj = ordered(a, k, obj);
    struct hc_val *meta = hc_sb_shallow(a, hc_map_getz(obj, "metadata"));
    hc_map_put(a, obj, HC_S("metadata"), meta);
    hc_str name = hc_get_str_at(old, "metadata.name"), rv = hc_get_str_at(meta, "resourceVersion");
    hc_str uid = hc_get_str_at(meta, "uid");
    if (uid.n && !hc_str_eq(uid, hc_get_str_at(old, "metadata.uid"))) {
        hc_str was = hc_get_str_at(old, "metadata.uid");
        hc_str why = hc_arena_printf(a, "Precondition failed: UID in precondition: %.*s, UID in object meta: %.*s",
                                     HC_P(uid), HC_P(was));
        return hc_sb_conflict(a, k, name, why.p ? why.p : "UID differs");
    }
    if (rv.n && !hc_str_eqz(rv, "0") && !hc_str_eq(rv, hc_get_str_at(old, "metadata.resourceVersion")))
        return hc_sb_conflict(
            a, k, name,
            "the object has been modified; please apply your changes to the latest version and try "
            "again");
    keep_system_meta(a, old, obj);
    hc_map_put(a, meta, HC_S("resourceVersion"), hc_get(old, "metadata.resourceVersion"));
    carry_managed(a, old, obj);
    bool status_only = hc_str_eqz(how->sub, "status");
    if (status_only) {
        /* All but status and managedFields stays. */
        struct hc_val *status = hc_map_getz(obj, "status"), *managed = hc_map_getz(meta, "managedFields");
        obj = hc_sb_shallow(a, old);
        meta = hc_sb_shallow(a, hc_map_getz(old, "metadata"));
        hc_map_put(a, obj, HC_S("metadata"), meta);
        if (managed)
            hc_map_put(a, meta, HC_S("managedFields"), managed);
        if (status)
            hc_map_put(a, obj, HC_S("status"), status);
        else
            hc_map_del(obj, HC_S("status"));
    } else if (keeps_status(k) && !how->internal) {
        struct hc_val *status = hc_map_getz(old, "status");
        if (status)
            hc_map_put(a, obj, HC_S("status"), status);
        else
            hc_map_del(obj, HC_S("status"));
    }
    if (!how->internal) {
        struct hc_val *bad = check(s, a, k, old, obj, how);
        if (bad)
            return bad;
    }
    if ((k->flags & HC_SB_GEN) && !status_only && !same_but_meta(old, obj, keeps_status(k)))
        hc_map_put_int(a, meta, "generation", hc_get_int_at(old, "metadata.generation", 0) + 1);
    if (!how->apply && !how->internal)
        hc_sb_manage(a, k, old, obj, how->manager, how->sub);
    *out = obj;
    return how->dry_run ? NULL : hc_sb_commit(s, a, k, old, obj);
}

static bool has_finalizer(const struct hc_val *obj, const char *name)
{
    const struct hc_val *f = hc_get(obj, "metadata.finalizers");
    for (size_t i = 0; i < hc_list_len(f); i++)
        if (hc_str_eqz(hc_get_str(hc_list_at(f, i)), name))
            return true;
    return false;
}

static void add_finalizer(struct hc_arena *a, struct hc_val *obj, const char *name)
{
    struct hc_val *meta = hc_map_getz(obj, "metadata"), *f = hc_list_new(a);
    const struct hc_val *was = hc_map_getz(meta, "finalizers");
    for (size_t i = 0; i < hc_list_len(was); i++)
        hc_list_add(a, f, hc_list_at(was, i));
    if (!has_finalizer(obj, name))
        hc_list_add(a, f, hc_strz_val(a, name));
    hc_map_put(a, meta, HC_S("finalizers"), f);
}

struct hc_val *hc_sb_delete(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k,
                            const struct hc_val *old, const struct hc_sb_delete_options *o, struct hc_val **out)
{
    hc_str name = hc_get_str_at(old, "metadata.name"), uid = hc_get_str_at(old, "metadata.uid");
    hc_str rv = hc_get_str_at(old, "metadata.resourceVersion");
    *out = NULL;
    if (o->uid.n && !hc_str_eq(o->uid, uid)) {
        hc_str why = hc_arena_printf(a, "Precondition failed: UID in precondition: %.*s, UID in object meta: %.*s",
                                     HC_P(o->uid), HC_P(uid));
        return hc_sb_conflict(a, k, name, why.p ? why.p : "");
    }
    if (o->rv.n && !hc_str_eq(o->rv, rv)) {
        hc_str why = hc_arena_printf(
            a,
            "Precondition failed: ResourceVersion in precondition: %.*s, ResourceVersion in "
            "object meta: %.*s",
            HC_P(o->rv), HC_P(rv));
        return hc_sb_conflict(a, k, name, why.p ? why.p : "");
    }
    struct hc_val *obj = hc_val_copy(a, old);
    struct hc_val *meta = hc_map_getz(obj, "metadata");
    bool first = !hc_map_getz(meta, "deletionTimestamp");
    if (hc_str_eqz(k->key, "/namespaces") &&
        (hc_str_eqz(name, "default") || hc_str_eqz(name, "kube-system") || hc_str_eqz(name, "kube-public")))
        return hc_sb_status(a, 403, "Forbidden",
                            "namespaces \"%.*s\" is forbidden: this namespace may not be deleted", HC_P(name));
    if (o->dry_run)
        return NULL;
    if (hc_str_eqz(o->propagation, "Orphan"))
        hc_sb_orphan_dependents(s, a, uid);
    else if (hc_str_eqz(o->propagation, "Foreground")) {
        struct hc_sb_ref *owned;
        if (hc_sb_store_owned(s->store, a, uid, &owned))
            add_finalizer(a, obj, "foregroundDeletion");
    }
    if (hc_str_eqz(k->key, "apiextensions.k8s.io/customresourcedefinitions"))
        add_finalizer(a, obj, "customresourcecleanup.apiextensions.k8s.io");
    if (first) {
        hc_map_put_str(a, meta, "deletionTimestamp", hc_sb_now(a));
        hc_map_put_int(a, meta, "deletionGracePeriodSeconds", 0);
        if (k->flags & HC_SB_GEN)
            hc_map_put_int(a, meta, "generation", hc_get_int_at(meta, "generation", 0) + 1);
        if (hc_str_eqz(k->key, "/namespaces"))
            hc_map_put_strz(a, hc_map_sub(a, obj, "status"), "phase", "Terminating");
    }
    struct hc_val *bad = hc_sb_commit(s, a, k, old, obj);
    if (!bad && (hc_list_len(hc_map_getz(meta, "finalizers")) || hc_str_eqz(k->key, "/namespaces")))
        *out = obj;
    return bad;
}
