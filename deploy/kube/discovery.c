/*
 * What the server serves: two aggregated answers (/api and /apis) where it knows that format, else one answer per
 * group and version. Read when first asked and again when a kind is not known.
 *
 * Entries are found by a scan: a server has a few hundred, and callers ask once per object they send.
 */
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/value/json.h"
#include "deploy/kube/kube_impl.h"

/* A kind that is missing is asked for by many at once: one reading must do for them. */
#define FRESH_MS 250

static const char accept_aggregated[] = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
                                        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
                                        "application/json";

static struct kube_entry *entry_of(struct kube_server *s, hc_str group, hc_str version, hc_str kind, bool sub)
{
    for (size_t i = 0; i < s->n; i++) {
        struct kube_entry *e = s->entries[i];
        if (e->sub == sub && hc_str_eq(e->r.kind, kind) && hc_str_eq(e->r.version, version) &&
            hc_str_eq(e->r.group, group))
            return e;
    }
    return NULL;
}

/* Notes one resource of this generation; a kind that is known keeps its entry. */
static bool note(struct kube_server *s, hc_str group, hc_str version, hc_str kind, hc_str plural, bool namespaced,
                 bool sub)
{
    if (!kind.n || !plural.n || !version.n)
        return true;
    struct kube_entry *e = entry_of(s, group, version, kind, sub);
    if (e && e->gen == s->gen && !sub)
        return true; /* the first resource of a kind is the one to address it by */
    if (e && (sub || (hc_str_eq(e->r.plural, plural) && e->r.namespaced == namespaced))) {
        e->gen = s->gen;
        return true;
    }
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 128;
        struct kube_entry **more = hc_realloc(s->entries, cap * sizeof(*more));
        if (!more)
            return false;
        s->entries = more;
        s->cap = cap;
    }
    struct kube_entry *made = HC_NEW(s->arena, struct kube_entry);
    if (!made)
        return false;
    made->r = (struct hc_kube_resource){ .group = hc_arena_str(s->arena, group),
                                         .version = hc_arena_str(s->arena, version),
                                         .kind = hc_arena_str(s->arena, kind),
                                         .plural = hc_arena_str(s->arena, plural),
                                         .namespaced = namespaced };
    made->sub = sub;
    made->gen = s->gen;
    /* In the place of the one it replaces, whose memory stays for who still holds it. */
    for (size_t i = 0; e && i < s->n; i++)
        if (s->entries[i] == e) {
            s->entries[i] = made;
            return !hc_arena_spent(s->arena);
        }
    s->entries[s->n++] = made;
    return !hc_arena_spent(s->arena);
}

/* APIGroupDiscoveryList. */
static bool note_aggregated(struct kube_server *s, const struct hc_val *list)
{
    const struct hc_val *groups = hc_map_getz(list, "items");
    for (size_t i = 0; i < hc_list_len(groups); i++) {
        const struct hc_val *g = hc_list_at(groups, i), *versions = hc_map_getz(g, "versions");
        hc_str group = hc_get_str_at(g, "metadata.name");
        for (size_t j = 0; j < hc_list_len(versions); j++) {
            const struct hc_val *v = hc_list_at(versions, j), *resources = hc_map_getz(v, "resources");
            hc_str version = hc_get_str(hc_map_getz(v, "version"));
            for (size_t n = 0; n < hc_list_len(resources); n++) {
                const struct hc_val *r = hc_list_at(resources, n), *subs = hc_map_getz(r, "subresources");
                hc_str plural = hc_get_str(hc_map_getz(r, "resource"));
                hc_str kind = hc_get_str_at(r, "responseKind.kind");
                bool namespaced = hc_str_eqz(hc_get_str(hc_map_getz(r, "scope")), "Namespaced");
                if (!note(s, group, version, kind, plural, namespaced, false))
                    return false;
                for (size_t m = 0; m < hc_list_len(subs); m++)
                    if (!note(s, group, version, hc_get_str_at(hc_list_at(subs, m), "responseKind.kind"), plural,
                              namespaced, true))
                        return false;
            }
        }
    }
    return true;
}

/* APIResourceList of one group and version. */
static bool note_classic(struct kube_server *s, const struct hc_val *list)
{
    hc_str gv = hc_get_str(hc_map_getz(list, "groupVersion"));
    size_t slash = hc_str_find(gv, '/');
    hc_str group = slash == SIZE_MAX ? (hc_str){ "", 0 } : hc_str_sub(gv, 0, slash);
    hc_str version = slash == SIZE_MAX ? gv : hc_str_sub(gv, slash + 1, gv.n);
    const struct hc_val *resources = hc_map_getz(list, "resources");
    for (size_t i = 0; i < hc_list_len(resources); i++) {
        const struct hc_val *r = hc_list_at(resources, i);
        hc_str name = hc_get_str(hc_map_getz(r, "name"));
        bool sub = hc_str_find(name, '/') != SIZE_MAX;
        if (!note(s, group, version, hc_get_str(hc_map_getz(r, "kind")), name,
                  hc_get_bool_at(r, "namespaced", false), sub))
            return false;
    }
    return true;
}

static bool aggregated(const struct hc_val *v)
{
    return hc_str_eqz(hc_get_str(hc_map_getz(v, "kind")), "APIGroupDiscoveryList");
}

/* The group-versions an APIVersions or APIGroupList names, as calls. */
static size_t classic_calls(struct hc_arena *a, const struct hc_val *v, struct kube_call *calls, size_t n,
                            size_t cap)
{
    const struct hc_val *core = hc_map_getz(v, "versions"), *groups = hc_map_getz(v, "groups");
    for (size_t i = 0; i < hc_list_len(core) && n < cap; i++)
        calls[n++].path = hc_arena_printf(a, "/api/%.*s", HC_P(hc_get_str(hc_list_at(core, i))));
    for (size_t i = 0; i < hc_list_len(groups); i++) {
        const struct hc_val *versions = hc_map_getz(hc_list_at(groups, i), "versions");
        for (size_t j = 0; j < hc_list_len(versions) && n < cap; j++)
            calls[n++].path = hc_arena_printf(a, "/apis/%.*s",
                                              HC_P(hc_get_str_at(hc_list_at(versions, j), "groupVersion")));
    }
    return n;
}

static enum hc_rc read_all(struct hc_kube *k, struct hc_err *err)
{
    struct kube_server *s = k->server;
    uint64_t before = hc_mem_shortages();
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    enum { MAX_GV = 1000 };
    struct kube_call calls[2] = { 0 };
    struct hc_val *answers[2] = { NULL, NULL };
    struct hc_err own = HC_ERR_INIT, *e = err ? err : &own;
    static const char *const paths[] = { "/api", "/apis" };
    for (size_t i = 0; i < 2; i++)
        calls[i] = (struct kube_call){ .method = "GET",
                                       .path = hc_str_of(paths[i]),
                                       .accept = accept_aggregated,
                                       .repeatable = true,
                                       .verb = "discover",
                                       .object = HC_S("API groups"),
                                       .err = i ? &own : e };
    kube_run(k, a, calls, 2);
    for (size_t i = 0; i < 2; i++) {
        if (calls[i].rc != HC_OK)
            return i ? hc_err_copy(err, &own) : calls[i].rc;
        enum hc_rc rc = hc_json_parse(a, calls[i].answer, HC_JSON_REF | HC_JSON_NO_POSITIONS, &answers[i], err);
        if (rc != HC_OK)
            return hc_wrap(err, "discover API groups: %s", paths[i]);
    }
    s->gen++;
    hc_arena_forgive(s->arena);
    bool ok = true;
    struct kube_call *more = HC_NEW_N(a, struct kube_call, MAX_GV);
    size_t n = 0;
    for (size_t i = 0; i < 2 && more; i++) {
        if (aggregated(answers[i]))
            ok = ok && note_aggregated(s, answers[i]);
        else
            n = classic_calls(a, answers[i], more, n, MAX_GV);
    }
    for (size_t i = 0; i < n; i++) {
        more[i].method = "GET";
        more[i].repeatable = true;
        more[i].verb = "discover";
        more[i].object = more[i].path;
    }
    if (n)
        kube_run(k, a, more, n);
    for (size_t i = 0; i < n && ok; i++) {
        struct hc_val *v = NULL;
        /* One extension server that is down does not hide the other groups. */
        if (more[i].rc == HC_OK &&
            hc_json_parse(a, more[i].answer, HC_JSON_REF | HC_JSON_NO_POSITIONS, &v, NULL) == HC_OK)
            ok = note_classic(s, v);
    }
    if (!ok || !more || hc_mem_shortages() != before) {
        s->read_at_ms = 0; /* half of it is no answer to anything */
        return hc_fail_nomem(err);
    }
    s->read_at_ms = hc_mono_ms();
    return HC_OK;
}

static void split_gv(hc_str api_version, hc_str *group, hc_str *version)
{
    size_t slash = hc_str_find(api_version, '/');
    *group = slash == SIZE_MAX ? (hc_str){ "", 0 } : hc_str_sub(api_version, 0, slash);
    *version = slash == SIZE_MAX ? api_version : hc_str_sub(api_version, slash + 1, api_version.n);
}

enum hc_rc hc_kube_resource_of(struct hc_kube *k, hc_str api_version, hc_str kind, struct hc_kube_resource *out,
                               struct hc_err *err)
{
    struct kube_server *s = k->server;
    hc_str group, version;
    split_gv(api_version, &group, &version);
    if (!version.n || !kind.n)
        return hc_fail(err, HC_E_INPUT, "an object has no %s", kind.n ? "apiVersion" : "kind");
    pthread_mutex_lock(&s->mu);
    enum hc_rc rc = HC_OK;
    struct kube_entry *e = s->gen ? entry_of(s, group, version, kind, false) : NULL;
    bool known = e && e->gen == s->gen && s->read_at_ms;
    if (!known) {
        if (!s->read_at_ms || hc_mono_ms() - s->read_at_ms > FRESH_MS)
            rc = read_all(k, err);
        e = rc == HC_OK ? entry_of(s, group, version, kind, false) : NULL;
        known = e && e->gen == s->gen;
    }
    if (known)
        *out = e->r;
    pthread_mutex_unlock(&s->mu);
    if (rc == HC_OK && !known)
        rc = hc_fail(err, HC_E_NOTFOUND,
                     "the server knows no kind %.*s in %.*s (is its CustomResourceDefinition installed?)",
                     HC_P(kind), HC_P(api_version));
    return rc;
}

/* Kinds whose fields stayed as they were when their version went (Kubernetes' deprecation guide); old group or group and
 * version, and kind or "" for all of them. */
static bool same_fields(hc_str api_version, hc_str kind)
{
    static const char *const moved[][2] = {
        { "rbac.authorization.k8s.io/v1alpha1", "" },
        { "rbac.authorization.k8s.io/v1beta1", "" },
        { "apps/v1beta1", "" },
        { "apps/v1beta2", "" },
        { "extensions/v1beta1", "Deployment" },
        { "extensions/v1beta1", "DaemonSet" },
        { "extensions/v1beta1", "ReplicaSet" },
        { "extensions/v1beta1", "NetworkPolicy" },
        { "policy/v1beta1", "PodDisruptionBudget" },
        { "batch/v1beta1", "CronJob" },
        { "batch/v2alpha1", "CronJob" },
        { "scheduling.k8s.io/v1beta1", "" },
        { "scheduling.k8s.io/v1alpha1", "" },
        { "storage.k8s.io/v1beta1", "" },
        { "coordination.k8s.io/v1beta1", "" },
        { "autoscaling/v2beta2", "" },
    };
    for (size_t i = 0; i < HC_LEN(moved); i++)
        if (hc_str_eqz(api_version, moved[i][0]) && (!*moved[i][1] || hc_str_eqz(kind, moved[i][1])))
            return true;
    return false;
}

enum hc_rc hc_kube_successor_of(struct hc_kube *k, hc_str api_version, hc_str kind, struct hc_kube_resource *out,
                                bool *out_same)
{
    struct kube_server *s = k->server;
    hc_str group, version;
    split_gv(api_version, &group, &version);
    bool extensions = hc_str_eqz(group, "extensions");
    struct kube_entry *found = NULL;
    pthread_mutex_lock(&s->mu);
    for (size_t i = 0; i < s->n && !found; i++) {
        struct kube_entry *e = s->entries[i];
        bool there = extensions ? hc_str_eqz(e->r.group, "apps") || hc_str_eqz(e->r.group, "networking.k8s.io")
                                : hc_str_eq(e->r.group, group);
        if (e->gen == s->gen && !e->sub && there && hc_str_eq(e->r.kind, kind))
            found = e;
    }
    if (found)
        *out = found->r;
    pthread_mutex_unlock(&s->mu);
    *out_same = same_fields(api_version, kind);
    return found ? HC_OK : HC_E_NOTFOUND;
}

void hc_kube_discovery_reset(struct hc_kube *k)
{
    pthread_mutex_lock(&k->server->mu);
    k->server->read_at_ms = 0;
    pthread_mutex_unlock(&k->server->mu);
}

enum hc_rc hc_kube_version(struct hc_kube *k, struct hc_arena *a, hc_str *out, struct hc_err *err)
{
    struct kube_server *s = k->server;
    pthread_mutex_lock(&s->mu);
    enum hc_rc rc = HC_OK;
    if (!s->version.n) {
        HC_AUTO(hc_arena) struct hc_arena *tmp = hc_arena_new(0);
        struct hc_val *v = NULL;
        struct kube_call call = { .method = "GET",
                                  .path = HC_S("/version"),
                                  .repeatable = true,
                                  .locked = true,
                                  .verb = "read",
                                  .object = HC_S("the server's version"),
                                  .err = err };
        rc = kube_do(k, tmp, &call, &v);
        if (rc == HC_OK)
            s->version = hc_arena_str(s->arena, hc_get_str(hc_map_getz(v, "gitVersion")));
        if (rc == HC_OK && !s->version.p) {
            hc_arena_forgive(s->arena);
            rc = hc_fail_nomem(err);
        }
    }
    if (rc == HC_OK)
        *out = hc_arena_str(a, s->version);
    pthread_mutex_unlock(&s->mu);
    return rc;
}

static int by_bytes(const void *x, const void *y)
{
    return hc_str_cmp(*(const hc_str *)x, *(const hc_str *)y);
}

enum hc_rc hc_kube_api_versions(struct hc_kube *k, struct hc_arena *a, hc_str **out, size_t *out_n,
                                struct hc_err *err)
{
    struct kube_server *s = k->server;
    pthread_mutex_lock(&s->mu);
    enum hc_rc rc = s->read_at_ms ? HC_OK : read_all(k, err);
    hc_str *list = rc == HC_OK ? HC_NEW_N(a, hc_str, s->n * 2 + 1) : NULL;
    size_t n = 0;
    for (size_t i = 0; list && i < s->n; i++) {
        const struct hc_kube_resource *r = &s->entries[i]->r;
        if (s->entries[i]->gen != s->gen)
            continue;
        hc_str gv = hc_arena_printf(a, "%.*s%s%.*s", HC_P(r->group), r->group.n ? "/" : "", HC_P(r->version));
        list[n++] = gv;
        list[n++] = hc_arena_printf(a, "%.*s/%.*s", HC_P(gv), HC_P(r->kind));
    }
    pthread_mutex_unlock(&s->mu);
    if (rc != HC_OK)
        return rc;
    if (hc_arena_spent(a) || !list)
        return hc_arena_check(a, err, "list of API versions");
    qsort(list, n, sizeof(*list), by_bytes);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || !hc_str_eq(list[kept - 1], list[i]))
            list[kept++] = list[i];
    *out = list;
    *out_n = kept;
    return HC_OK;
}
