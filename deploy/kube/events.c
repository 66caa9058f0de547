/*
 * Events and access reviews. The same event again (object, type, reason, text) raises the count of the first one
 * instead of making another, as the recorder of client-go does; what was sent is remembered in a small table where
 * a newer one pushes out the older of its place.
 */
#include <stdio.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "deploy/kube/kube_impl.h"

#define SEEN_FOR_MS ((int64_t)10 * 60 * 1000) /* client-go: aggregation interval */

static uint64_t mix(uint64_t h, hc_str s)
{
    return (h ^ hc_str_hash(s)) * 0x9e3779b97f4a7c15u;
}

static hc_str cut(hc_str s, size_t n)
{
    if (s.n <= n)
        return s;
    while (n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return hc_str_sub(s, 0, n);
}

/* The event's place in the table; a copy of what is there when it is the same and young, else an empty one. */
static struct kube_seen_event seen(struct kube_server *s, uint64_t hash, const char *name)
{
    struct kube_seen_event out = { .hash = 0 };
    pthread_mutex_lock(&s->events_mu);
    if (!s->seen)
        s->seen = hc_calloc(KUBE_SEEN_EVENTS, sizeof(*s->seen));
    if (s->seen) {
        struct kube_seen_event *e = &s->seen[hash % KUBE_SEEN_EVENTS];
        int64_t now = hc_now_ms();
        if (e->hash == hash && now - e->at_ms < SEEN_FOR_MS && e->name[0]) {
            e->count++;
            e->at_ms = now;
            out = *e;
        } else {
            *e = (struct kube_seen_event){ .hash = hash, .count = 1, .at_ms = now };
            snprintf(e->name, sizeof(e->name), "%s", name);
        }
    }
    pthread_mutex_unlock(&s->events_mu);
    return out;
}

static void forget(struct kube_server *s, uint64_t hash)
{
    pthread_mutex_lock(&s->events_mu);
    if (s->seen && s->seen[hash % KUBE_SEEN_EVENTS].hash == hash)
        s->seen[hash % KUBE_SEEN_EVENTS].name[0] = '\0';
    pthread_mutex_unlock(&s->events_mu);
}

enum hc_rc hc_kube_event(struct hc_kube *k, const struct hc_val *about, const char *type, const char *reason,
                         hc_str message, const char *controller, const struct hc_val *annotations,
                         struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_ref r = hc_ref_of(about);
    hc_str ns = r.ns.n ? r.ns : HC_S("default"), now = hc_time_rfc3339(a, hc_now_ms());
    message = cut(message, HC_ERR_MSG);
    uint64_t hash = mix(mix(mix(mix(1, ns), r.kind), r.name), hc_get_str_at(about, "metadata.uid"));
    hash = mix(mix(mix(hash, hc_str_of(type)), hc_str_of(reason)), message);
    /* client-go: object name, a dot, the time in hexadecimal nanoseconds */
    hc_str name = hc_arena_printf(a, "%.*s.%" PRIx64, HC_P(hc_str_sub(r.name, 0, 100)), (uint64_t)hc_now_ns());
    if (!name.p)
        return hc_fail_nomem(err);
    struct kube_seen_event old = seen(k->server, hash, name.p);
    if (old.hash) {
        struct hc_val *patch = hc_map_new(a);
        hc_map_put_int(a, patch, "count", old.count);
        hc_map_put_str(a, patch, "lastTimestamp", now);
        struct hc_ref e = { HC_S("v1"), HC_S("Event"), ns, hc_str_of(old.name) };
        enum hc_rc rc = hc_kube_patch(k, a, &e, NULL, HC_PATCH_MERGE, patch, controller, 0, NULL, err);
        if (rc != HC_E_NOTFOUND)
            return rc;
        hc_err_clear(err); /* it grew old and was removed: a new one */
    }
    struct hc_val *e = hc_map_new(a), *m = hc_map_sub(a, e, "metadata"), *o = hc_map_sub(a, e, "involvedObject");
    hc_map_put_strz(a, e, "apiVersion", "v1");
    hc_map_put_strz(a, e, "kind", "Event");
    hc_map_put_str(a, m, "name", old.hash ? hc_str_of(old.name) : name);
    hc_map_put_str(a, m, "namespace", ns);
    if (hc_map_len(annotations))
        hc_map_put(a, m, HC_S("annotations"), hc_val_copy(a, annotations));
    hc_map_put_str(a, o, "apiVersion", r.api_version);
    hc_map_put_str(a, o, "kind", r.kind);
    hc_map_put_str(a, o, "namespace", r.ns);
    hc_map_put_str(a, o, "name", r.name);
    hc_map_put_str(a, o, "uid", hc_get_str_at(about, "metadata.uid"));
    hc_map_put_str(a, o, "resourceVersion", hc_get_str_at(about, "metadata.resourceVersion"));
    hc_map_put_strz(a, e, "type", type);
    hc_map_put_strz(a, e, "reason", reason);
    hc_map_put_str(a, e, "message", message);
    hc_map_put_strz(a, hc_map_sub(a, e, "source"), "component", controller);
    hc_map_put_str(a, e, "firstTimestamp", now);
    hc_map_put_str(a, e, "lastTimestamp", now);
    hc_map_put_int(a, e, "count", old.hash ? old.count : 1);
    hc_map_put_strz(a, e, "reportingComponent", controller);
    char host[128] = "";
    gethostname(host, sizeof(host) - 1);
    hc_map_put_strz(a, e, "reportingInstance", host);
    if (hc_arena_spent(a))
        return hc_arena_check(a, err, "event");
    enum hc_rc rc = hc_kube_create(k, a, e, controller, HC_KUBE_SKIP_VALIDATION, NULL, err);
    if (rc != HC_OK)
        forget(k->server, hash);
    return rc;
}

enum hc_rc hc_kube_may(struct hc_kube *k, const char *verb, const struct hc_ref *r, bool *out, struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_kube_resource res;
    enum hc_rc rc = hc_kube_resource_of(k, r->api_version, r->kind, &res, err);
    if (rc != HC_OK)
        return rc;
    struct hc_val *review = hc_map_new(a), *spec = hc_map_sub(a, review, "spec");
    struct hc_val *at = hc_map_sub(a, spec, "resourceAttributes");
    hc_map_put_strz(a, review, "apiVersion", "authorization.k8s.io/v1");
    hc_map_put_strz(a, review, "kind", "SelfSubjectAccessReview");
    hc_map_put_strz(a, at, "verb", verb);
    hc_map_put_str(a, at, "group", res.group);
    hc_map_put_str(a, at, "version", res.version);
    hc_map_put_str(a, at, "resource", res.plural);
    if (res.namespaced)
        hc_map_put_str(a, at, "namespace", r->ns.n ? r->ns : k->ns);
    hc_map_put_str(a, at, "name", r->name);
    struct hc_val *answer = NULL;
    rc = hc_kube_create(k, a, review, NULL, 0, &answer, err);
    if (rc == HC_OK)
        *out = hc_get_bool_at(answer, "status.allowed", false);
    return rc;
}
