/*
 * The simulator's frame: an object that changed is looked at by the one function for its kind, which does the
 * next thing and, when time must pass, asks to be called again. All state is in the objects, so a restart goes on
 * where it stopped.
 */
#include "core/base/digest.h"
#include "core/value/json.h"
#include "helmctl/sandbox/sandbox_impl.h"

static const struct hc_sb_how internal = { .manager = { "sandbox", 7 }, .internal = true };

void hc_sb_simulate(struct hc_sandbox *s, hc_str key, hc_str ns, hc_str name)
{
    const struct hc_sb_kind *k = hc_sb_kind_of_key(s, key);
    if (!k || hc_str_eqz(key, "/events"))
        return;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    if (!a)
        return;
    struct hc_val *obj = hc_sb_get(s, a, k, ns, name);
    if (!obj)
        return;
    if (hc_get(obj, "metadata.deletionTimestamp")) {
        if (hc_str_eqz(key, "/namespaces"))
            hc_sb_namespace_empty(s, a, obj);
        else
            hc_sb_gc_foreground(s, a, k, obj);
        return;
    }
    if (hc_str_eqz(key, "/pods"))
        hc_sb_sim_pod(s, a, obj);
    else if (hc_str_eqz(key, "apps/deployments"))
        hc_sb_sim_deployment(s, a, obj);
    else if (hc_str_eqz(key, "apps/replicasets"))
        hc_sb_sim_replicaset(s, a, obj);
    else if (hc_str_eqz(key, "apps/statefulsets"))
        hc_sb_sim_statefulset(s, a, obj);
    else if (hc_str_eqz(key, "apps/daemonsets"))
        hc_sb_sim_daemonset(s, a, obj);
    else if (hc_str_eqz(key, "batch/jobs"))
        hc_sb_sim_job(s, a, obj);
    else
        hc_sb_sim_small(s, a, k, obj);
}

void hc_sb_simulate_restart(struct hc_sandbox *s)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    if (!a)
        return;
    struct hc_sb_ref *all;
    size_t n = hc_sb_store_all(s->store, a, (hc_str){ NULL, 0 }, &all);
    for (size_t i = 0; i < n; i++)
        hc_sb_dirty(s, all[i].key, all[i].ns, all[i].name);
}

size_t hc_sb_sim_owned(struct hc_sandbox *s, struct hc_arena *a, const char *key, hc_str ns, hc_str uid,
                       struct hc_val ***out)
{
    struct hc_sb_ref *refs;
    size_t n = hc_sb_store_owned(s->store, a, uid, &refs), found = 0;
    const struct hc_sb_kind *k = hc_sb_kind_builtin(s, key);
    struct hc_val **list = HC_NEW_N(a, struct hc_val *, n + 1);
    for (size_t i = 0; list && i < n; i++) {
        if (!hc_str_eqz(refs[i].key, key) || !hc_str_eq(refs[i].ns, ns))
            continue;
        struct hc_val *obj = hc_sb_get(s, a, k, ns, refs[i].name);
        if (obj && !hc_get(obj, "metadata.deletionTimestamp"))
            list[found++] = obj;
    }
    *out = list;
    return found;
}

struct hc_val *hc_sb_owner_ref(struct hc_arena *a, const struct hc_val *owner)
{
    struct hc_val *r = hc_map_new(a);
    hc_map_put(a, r, HC_S("apiVersion"), hc_map_getz(owner, "apiVersion"));
    hc_map_put(a, r, HC_S("kind"), hc_map_getz(owner, "kind"));
    hc_map_put(a, r, HC_S("name"), hc_get(owner, "metadata.name"));
    hc_map_put(a, r, HC_S("uid"), hc_get(owner, "metadata.uid"));
    hc_map_put_bool(a, r, "controller", true);
    hc_map_put_bool(a, r, "blockOwnerDeletion", true);
    return r;
}

const struct hc_val *hc_sb_controller_of(const struct hc_val *obj)
{
    const struct hc_val *refs = hc_get(obj, "metadata.ownerReferences");
    for (size_t i = 0; i < hc_list_len(refs); i++)
        if (hc_get_bool_at(hc_list_at(refs, i), "controller", false))
            return hc_list_at(refs, i);
    return NULL;
}

hc_str hc_sb_annotation(const struct hc_val *obj, const char *name)
{
    return hc_get_str(hc_map_getz(hc_get(obj, "metadata.annotations"), name));
}

hc_str hc_sb_label(const struct hc_val *obj, const char *name)
{
    return hc_get_str(hc_map_getz(hc_get(obj, "metadata.labels"), name));
}

struct hc_val *hc_sb_sim_new_pod(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *owner, hc_str name,
                                 const struct hc_val *template, const char *label, hc_str label_value)
{
    static const char *const ours[] = { "sandbox.helmctl.dev/behavior", "sandbox.helmctl.dev/after" };
    struct hc_val *pod = hc_map_new(a), *meta = hc_val_copy(a, hc_map_getz(template, "metadata")), *out = NULL;
    struct hc_val *refs = hc_list_new(a);
    hc_str ns = hc_get_str_at(owner, "metadata.namespace"), oname = hc_get_str_at(owner, "metadata.name");
    if (!hc_is_map(meta))
        meta = hc_map_new(a);
    hc_map_del(meta, HC_S("creationTimestamp"));
    hc_map_del(meta, HC_S("name"));
    if (name.n)
        hc_map_put_str(a, meta, "name", name);
    else
        hc_map_put_str(a, meta, "generateName", hc_arena_printf(a, "%.*s-", HC_P(oname)));
    if (label)
        hc_map_put_str(a, hc_map_sub(a, meta, "labels"), label, label_value);
    /* What the owner says counts where the template says nothing. */
    for (size_t i = 0; i < HC_LEN(ours); i++) {
        hc_str v = hc_sb_annotation(owner, ours[i]);
        if (v.n && !hc_map_getz(hc_map_getz(meta, "annotations"), ours[i]))
            hc_map_put_str(a, hc_map_sub(a, meta, "annotations"), ours[i], v);
    }
    hc_list_add(a, refs, hc_sb_owner_ref(a, owner));
    hc_map_put(a, meta, HC_S("ownerReferences"), refs);
    hc_map_put(a, pod, HC_S("metadata"), meta);
    hc_map_put(a, pod, HC_S("spec"), hc_val_copy(a, hc_map_getz(template, "spec")));
    if (hc_sb_create(s, a, hc_sb_kind_builtin(s, "/pods"), ns, pod, &internal, &out))
        return NULL;
    hc_str kind = hc_get_str_at(owner, "kind"), pname = hc_get_str_at(out, "metadata.name");
    hc_sb_sim_event(s, a, owner, "Normal", "SuccessfulCreate",
                    hc_str_eqz(kind, "ReplicaSet")    ? "replicaset-controller"
                    : hc_str_eqz(kind, "StatefulSet") ? "statefulset-controller"
                    : hc_str_eqz(kind, "DaemonSet")   ? "daemonset-controller"
                                                      : "job-controller",
                    hc_arena_printf(a, "Created pod: %.*s", HC_P(pname)));
    return out;
}

void hc_sb_sim_delete(struct hc_sandbox *s, struct hc_arena *a, const struct hc_val *obj)
{
    static const struct hc_sb_delete_options o = { .propagation = { "Background", 10 } };
    const struct hc_sb_kind *k = hc_sb_kind_of_gvk(s, hc_get_str_at(obj, "apiVersion"), hc_get_str_at(obj, "kind"));
    struct hc_val *left;
    if (k)
        (void)!hc_sb_delete(s, a, k, obj, &o, &left);
}

void hc_sb_sim_status(struct hc_sandbox *s, struct hc_arena *a, const struct hc_val *obj, struct hc_val *status)
{
    const struct hc_sb_kind *k = hc_sb_kind_of_gvk(s, hc_get_str_at(obj, "apiVersion"), hc_get_str_at(obj, "kind"));
    struct hc_val *next = hc_sb_shallow(a, obj);
    if (!k || (hc_map_getz(obj, "status") && hc_val_equal(hc_map_getz(obj, "status"), status)))
        return;
    hc_map_put(a, next, HC_S("metadata"), hc_sb_shallow(a, hc_map_getz(obj, "metadata")));
    hc_map_put(a, next, HC_S("status"), status);
    (void)!hc_sb_commit(s, a, k, obj, next);
}

bool hc_sb_sim_pod_ready(const struct hc_val *pod)
{
    const struct hc_val *c = hc_get(pod, "status.conditions");
    for (size_t i = 0; i < hc_list_len(c); i++)
        if (hc_str_eqz(hc_get_str_at(hc_list_at(c, i), "type"), "Ready"))
            return hc_str_eqz(hc_get_str_at(hc_list_at(c, i), "status"), "True");
    return false;
}

hc_str hc_sb_sim_hash(struct hc_arena *a, const struct hc_val *v)
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write(&b, v, HC_JSON_SORT);
    uint64_t h = hc_str_hash(hc_buf_str(&b));
    char out[11] = { 0 };
    for (size_t i = 0; i < 10; i++, h /= 27)
        out[i] = letters[h % 27];
    return hc_arena_str(a, hc_str_of(out));
}

void hc_sb_condition(struct hc_arena *a, struct hc_val *status, const char *type, bool yes, const char *reason,
                     hc_str message)
{
    struct hc_val *list = hc_map_getz(status, "conditions"), *c = NULL, *next = hc_list_new(a);
    hc_str now = hc_sb_now(a);
    const char *text = yes ? "True" : "False";
    struct hc_val *fresh = hc_map_new(a);
    for (size_t i = 0; i < hc_list_len(list); i++) {
        if (hc_str_eqz(hc_get_str_at(hc_list_at(list, i), "type"), type))
            c = hc_list_at(list, i);
        else
            hc_list_add(a, next, hc_list_at(list, i));
    }
    bool same = c && hc_str_eqz(hc_get_str_at(c, "status"), text);
    hc_map_put_strz(a, fresh, "type", type);
    hc_map_put_strz(a, fresh, "status", text);
    if (same && hc_map_getz(c, "lastTransitionTime"))
        hc_map_put(a, fresh, HC_S("lastTransitionTime"), hc_map_getz(c, "lastTransitionTime"));
    else
        hc_map_put_str(a, fresh, "lastTransitionTime", now);
    if (reason[0])
        hc_map_put_strz(a, fresh, "reason", reason);
    if (message.n)
        hc_map_put_str(a, fresh, "message", message);
    if (!c) {
        hc_list_add(a, next, fresh);
        hc_map_put(a, status, HC_S("conditions"), next);
        return;
    }
    /* In its old place. */
    struct hc_val *all = hc_list_new(a);
    for (size_t i = 0; i < hc_list_len(list); i++)
        hc_list_add(a, all, hc_list_at(list, i) == c ? fresh : hc_list_at(list, i));
    hc_map_put(a, status, HC_S("conditions"), all);
}

void hc_sb_sim_event(struct hc_sandbox *s, struct hc_arena *a, const struct hc_val *obj, const char *type,
                     const char *reason, const char *component, hc_str message)
{
    const struct hc_sb_kind *k = hc_sb_kind_builtin(s, "/events");
    hc_str ns = hc_get_str_at(obj, "metadata.namespace"), name = hc_get_str_at(obj, "metadata.name");
    hc_str uid = hc_get_str_at(obj, "metadata.uid"), now = hc_sb_now(a);
    hc_str seed = hc_arena_printf(a, "%.*s %s %.*s", HC_P(uid), reason, HC_P(message));
    hc_str ename = hc_arena_printf(a, "%.*s.%016" PRIx64, HC_P(name), hc_str_hash(seed));
    if (!ns.n)
        ns = HC_S("default");
    struct hc_val *old = hc_sb_get(s, a, k, ns, ename), *out;
    if (old) {
        struct hc_val *next = hc_val_copy(a, old);
        hc_map_put_int(a, next, "count", hc_get_int_at(old, "count", 1) + 1);
        hc_map_put_str(a, next, "lastTimestamp", now);
        (void)!hc_sb_commit(s, a, k, old, next);
        return;
    }
    struct hc_val *e = hc_map_new(a), *about = hc_map_new(a);
    hc_map_put_str(a, hc_map_sub(a, e, "metadata"), "name", ename);
    hc_map_put(a, about, HC_S("kind"), hc_map_getz(obj, "kind"));
    hc_map_put_str(a, about, "namespace", hc_get_str_at(obj, "metadata.namespace"));
    hc_map_put_str(a, about, "name", name);
    hc_map_put_str(a, about, "uid", uid);
    hc_map_put(a, about, HC_S("apiVersion"), hc_map_getz(obj, "apiVersion"));
    hc_map_put(a, about, HC_S("resourceVersion"), hc_get(obj, "metadata.resourceVersion"));
    hc_map_put(a, e, HC_S("involvedObject"), about);
    hc_map_put_strz(a, e, "reason", reason);
    hc_map_put_str(a, e, "message", message);
    hc_map_put_strz(a, hc_map_sub(a, e, "source"), "component", component);
    hc_map_put_str(a, e, "firstTimestamp", now);
    hc_map_put_str(a, e, "lastTimestamp", now);
    hc_map_put_int(a, e, "count", 1);
    hc_map_put_strz(a, e, "type", type);
    hc_map_put(a, e, HC_S("eventTime"), hc_null_val(a));
    hc_map_put_strz(a, e, "reportingComponent", component);
    hc_map_put_strz(a, e, "reportingInstance", "");
    (void)!hc_sb_create(s, a, k, ns, e, &internal, &out);
}
