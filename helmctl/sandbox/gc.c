/*
 * What deletes by itself: dependents whose owners are gone, owners that wait for their dependents (foreground),
 * and namespaces, which empty before they go.
 */
#include "helmctl/sandbox/sandbox_impl.h"

enum { EVENT_ROUND_MS = 300000, EVENT_LIFE_MS = 3600000 };

static const struct hc_sb_delete_options background = { .propagation = { "Background", 10 } };

static void delete_ref(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_ref *ref,
                       const struct hc_sb_delete_options *o)
{
    const struct hc_sb_kind *k = hc_sb_kind_of_key(s, ref->key);
    struct hc_val *obj = k ? hc_sb_get(s, a, k, ref->ns, ref->name) : NULL, *left;
    if (obj && !(hc_get(obj, "metadata.deletionTimestamp") && !hc_str_eqz(ref->key, "/namespaces")))
        hc_sb_delete(s, a, k, obj, o, &left);
}

/* The owner `uid` is gone: who has no other living owner goes too, the rest forget it. */
void hc_sb_gc(struct hc_sandbox *s, hc_str uid)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    if (!a)
        return;
    struct hc_sb_ref *owned;
    size_t n = hc_sb_store_owned(s->store, a, uid, &owned);
    if (n == 0 || hc_sb_store_uid_exists(s->store, uid))
        return;
    for (size_t i = 0; i < n; i++) {
        const struct hc_sb_kind *k = hc_sb_kind_of_key(s, owned[i].key);
        struct hc_val *obj = k ? hc_sb_get(s, a, k, owned[i].ns, owned[i].name) : NULL;
        const struct hc_val *refs = hc_get(obj, "metadata.ownerReferences");
        struct hc_val *living = hc_list_new(a);
        for (size_t j = 0; j < hc_list_len(refs); j++)
            if (hc_sb_store_uid_exists(s->store, hc_get_str_at(hc_list_at(refs, j), "uid")))
                hc_list_add(a, living, hc_list_at(refs, j));
        if (!obj)
            continue;
        if (hc_list_len(living) == 0) {
            delete_ref(s, a, &owned[i], &background);
        } else if (hc_list_len(living) != hc_list_len(refs)) {
            struct hc_val *next = hc_val_copy(a, obj);
            hc_map_put(a, hc_map_getz(next, "metadata"), HC_S("ownerReferences"), living);
            hc_sb_commit(s, a, k, obj, next);
        }
    }
}

void hc_sb_orphan_dependents(struct hc_sandbox *s, struct hc_arena *a, hc_str uid)
{
    struct hc_sb_ref *owned;
    size_t n = hc_sb_store_owned(s->store, a, uid, &owned);
    for (size_t i = 0; i < n; i++) {
        const struct hc_sb_kind *k = hc_sb_kind_of_key(s, owned[i].key);
        struct hc_val *obj = k ? hc_sb_get(s, a, k, owned[i].ns, owned[i].name) : NULL;
        if (!obj)
            continue;
        struct hc_val *next = hc_val_copy(a, obj), *kept = hc_list_new(a), *meta = hc_map_getz(next, "metadata");
        const struct hc_val *refs = hc_map_getz(meta, "ownerReferences");
        for (size_t j = 0; j < hc_list_len(refs); j++)
            if (!hc_str_eq(hc_get_str_at(hc_list_at(refs, j), "uid"), uid))
                hc_list_add(a, kept, hc_list_at(refs, j));
        if (hc_list_len(kept))
            hc_map_put(a, meta, HC_S("ownerReferences"), kept);
        else
            hc_map_del(meta, HC_S("ownerReferences"));
        hc_sb_commit(s, a, k, obj, next);
    }
}

static bool drop_finalizer(struct hc_arena *a, struct hc_val *obj, const char *name)
{
    struct hc_val *meta = hc_map_getz(obj, "metadata"), *kept = hc_list_new(a);
    const struct hc_val *f = hc_map_getz(meta, "finalizers");
    for (size_t i = 0; i < hc_list_len(f); i++)
        if (!hc_str_eqz(hc_get_str(hc_list_at(f, i)), name))
            hc_list_add(a, kept, hc_list_at(f, i));
    bool found = hc_list_len(kept) != hc_list_len(f);
    if (hc_list_len(kept))
        hc_map_put(a, meta, HC_S("finalizers"), kept);
    else
        hc_map_del(meta, HC_S("finalizers"));
    return found;
}

static bool has(const struct hc_val *obj, const char *finalizer)
{
    const struct hc_val *f = hc_get(obj, "metadata.finalizers");
    for (size_t i = 0; i < hc_list_len(f); i++)
        if (hc_str_eqz(hc_get_str(hc_list_at(f, i)), finalizer))
            return true;
    return false;
}

/* Finalizers that the server itself takes off: foregroundDeletion, orphan, the cleanup of a CRD's objects. */
void hc_sb_gc_foreground(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k, struct hc_val *obj)
{
    static const struct hc_sb_delete_options foreground = { .propagation = { "Foreground", 10 } };
    struct hc_val *next = hc_val_copy(a, obj);
    bool changed = false;
    if (has(obj, "foregroundDeletion")) {
        struct hc_sb_ref *owned;
        hc_str uid = hc_get_str_at(obj, "metadata.uid");
        size_t n = hc_sb_store_owned(s->store, a, uid, &owned);
        for (size_t i = 0; i < n; i++)
            delete_ref(s, a, &owned[i], &foreground);
        if (hc_sb_store_owned(s->store, a, uid, &owned) == 0)
            changed = drop_finalizer(a, next, "foregroundDeletion");
    }
    if (has(obj, "orphan"))
        changed = drop_finalizer(a, next, "orphan") || changed;
    if (hc_str_eqz(k->key, "apiextensions.k8s.io/customresourcedefinitions") &&
        has(obj, "customresourcecleanup.apiextensions.k8s.io")) {
        hc_str group = hc_get_str_at(obj, "spec.group"), plural = hc_get_str_at(obj, "spec.names.plural");
        hc_str key = hc_arena_printf(a, "%.*s/%.*s", HC_P(group), HC_P(plural));
        struct hc_sb_row *rows;
        hc_str all = { NULL, 0 };
        size_t n = hc_sb_store_list(s->store, a, key, all, HC_S(""), HC_S(""), 0, &rows);
        for (size_t i = 0; i < n; i++) {
            struct hc_sb_ref ref = { key, rows[i].ns, rows[i].name };
            delete_ref(s, a, &ref, &background);
        }
        if (hc_sb_store_list(s->store, a, key, all, HC_S(""), HC_S(""), 1, &rows) == 0)
            changed = drop_finalizer(a, next, "customresourcecleanup.apiextensions.k8s.io") || changed;
    }
    if (changed) {
        hc_str key = hc_arena_str(a, k->key);
        hc_sb_commit(s, a, k, obj, next);
        if (hc_str_eqz(key, "apiextensions.k8s.io/customresourcedefinitions"))
            hc_sb_watches_cut(s, hc_arena_printf(a, "%.*s/%.*s", HC_P(hc_get_str_at(obj, "spec.group")),
                                                 HC_P(hc_get_str_at(obj, "spec.names.plural"))));
    }
}

void hc_sb_namespace_empty(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *ns)
{
    struct hc_sb_ref *all;
    hc_str name = hc_get_str_at(ns, "metadata.name");
    const struct hc_sb_kind *k = hc_sb_kind_builtin(s, "/namespaces");
    size_t n = hc_sb_store_all(s->store, a, name, &all);
    for (size_t i = 0; i < n; i++)
        delete_ref(s, a, &all[i], &background);
    if (hc_sb_store_all(s->store, a, name, &all) != 0 || !hc_list_len(hc_get(ns, "spec.finalizers")))
        return;
    struct hc_val *next = hc_val_copy(a, ns);
    hc_map_del(hc_map_getz(next, "spec"), HC_S("finalizers"));
    hc_sb_commit(s, a, k, ns, next);
}

static void create_quietly(struct hc_sandbox *s, struct hc_arena *a, const char *key, hc_str ns, struct hc_val *obj)
{
    static const struct hc_sb_how how = { .manager = { "sandbox", 7 }, .internal = true };
    struct hc_val *out;
    (void)!hc_sb_create(s, a, hc_sb_kind_builtin(s, key), ns, obj, &how, &out);
}

/* What every namespace of a real cluster has. */
void hc_sb_namespace_furnish(struct hc_sandbox *s, struct hc_arena *a, hc_str ns)
{
    struct hc_val *sa = hc_map_new(a), *cm = hc_map_new(a);
    hc_map_put_strz(a, hc_map_sub(a, sa, "metadata"), "name", "default");
    create_quietly(s, a, "/serviceaccounts", ns, sa);
    hc_map_put_strz(a, hc_map_sub(a, cm, "metadata"), "name", "kube-root-ca.crt");
    hc_map_put_strz(a, hc_map_sub(a, cm, "data"), "ca.crt", "the sandbox has no certificate authority\n");
    create_quietly(s, a, "/configmaps", ns, cm);
}

static void node(struct hc_sandbox *s, struct hc_arena *a)
{
    struct hc_val *n = hc_map_new(a), *meta = hc_map_sub(a, n, "metadata"), *st = hc_map_sub(a, n, "status");
    struct hc_val *labels = hc_map_sub(a, meta, "labels");
    hc_map_put_strz(a, meta, "name", "sandbox");
    hc_map_put_strz(a, labels, "kubernetes.io/hostname", "sandbox");
    hc_map_put_strz(a, labels, "kubernetes.io/os", "linux");
    hc_map_put_strz(a, labels, "kubernetes.io/arch", "amd64");
    hc_map_sub(a, n, "spec");
    for (int i = 0; i < 2; i++) {
        struct hc_val *cap = hc_map_sub(a, st, i ? "allocatable" : "capacity");
        hc_map_put_strz(a, cap, "cpu", "1000");
        hc_map_put_strz(a, cap, "memory", "1000Gi");
        hc_map_put_strz(a, cap, "pods", "100000");
    }
    struct hc_val *info = hc_map_sub(a, st, "nodeInfo");
    hc_map_put_strz(a, info, "kubeletVersion", "v1.36.3");
    hc_map_put_strz(a, info, "operatingSystem", "linux");
    hc_map_put_strz(a, info, "architecture", "amd64");
    hc_map_put_strz(a, info, "osImage", "simulated");
    hc_map_put_strz(a, info, "containerRuntimeVersion", "none://0");
    hc_sb_condition(a, st, "Ready", true, "KubeletReady", HC_S("there is no kubelet: pods are simulated"));
    create_quietly(s, a, "/nodes", HC_S(""), n);
}

/* Events older than an hour go, as in a real cluster. */
static void expire_events(struct hc_sandbox *s, void *arg)
{
    (void)arg;
    hc_sb_timer(s, EVENT_ROUND_MS, expire_events, NULL);
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const struct hc_sb_kind *k = hc_sb_kind_builtin(s, "/events");
    struct hc_sb_row *rows;
    if (!a || !hc_sb_store_begin(s->store))
        return;
    size_t n = hc_sb_store_list(s->store, a, k->key, (hc_str){ NULL, 0 }, HC_S(""), HC_S(""), 0, &rows);
    for (size_t i = 0; i < n; i++) {
        struct hc_val *e = hc_sb_parse_body(a, k, rows[i].body), *left;
        hc_str last = hc_get_str_at(e, "lastTimestamp");
        int64_t ms = hc_time_parse_ms(last.n ? last : hc_get_str_at(e, "metadata.creationTimestamp"));
        if (e && ms > 0 && hc_now_ms() - ms > EVENT_LIFE_MS)
            (void)!hc_sb_delete(s, a, k, e, &background, &left);
    }
    if (hc_sb_store_commit(s->store)) {
        hc_sb_watches_publish(s);
    } else {
        hc_sb_store_rollback(s->store);
        hc_sb_watches_discard(s->watches);
    }
}

void hc_sb_first_objects(struct hc_sandbox *s)
{
    hc_sb_timer(s, EVENT_ROUND_MS, expire_events, NULL);
    static const char *const names[] = { "default", "kube-system", "kube-public", "kube-node-lease" };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    if (!a)
        return;
    if (!hc_sb_store_begin(s->store))
        return;
    for (size_t i = 0; i < HC_LEN(names); i++) {
        struct hc_val *ns = hc_map_new(a);
        hc_map_put_strz(a, hc_map_sub(a, ns, "metadata"), "name", names[i]);
        create_quietly(s, a, "/namespaces", HC_S(""), ns);
    }
    node(s, a);
    struct hc_val *sc = hc_map_new(a), *meta = hc_map_sub(a, sc, "metadata");
    hc_map_put_strz(a, meta, "name", "standard");
    hc_map_put_strz(a, hc_map_sub(a, meta, "annotations"), "storageclass.kubernetes.io/is-default-class", "true");
    hc_map_put_strz(a, sc, "provisioner", "sandbox.helmctl.dev/simulated");
    create_quietly(s, a, "storage.k8s.io/storageclasses", HC_S(""), sc);
    struct hc_val *svc = hc_map_new(a), *spec = hc_map_sub(a, svc, "spec"), *ports = hc_list_new(a),
                  *p = hc_map_new(a);
    hc_map_put_strz(a, hc_map_sub(a, svc, "metadata"), "name", "kubernetes");
    hc_map_put_strz(a, p, "name", "https");
    hc_map_put_int(a, p, "port", 443);
    hc_list_add(a, ports, p);
    hc_map_put(a, spec, HC_S("ports"), ports);
    create_quietly(s, a, "/services", HC_S("default"), svc);
    if (hc_sb_store_commit(s->store))
        hc_sb_watches_publish(s);
    else
        hc_sb_store_rollback(s->store);
}
