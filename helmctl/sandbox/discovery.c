/*
 * What clients ask before they ask for objects: health, version, groups and resources, in the old form (one
 * document a group) and the aggregated one (apidiscovery.k8s.io/v2).
 */
#include <stdio.h>
#include <string.h>

#include "helmctl/sandbox/sandbox_impl.h"

static bool accepts(const struct hc_sb_req *r, const char *what)
{
    return hc_str_find_str(r->accept, hc_str_of(what)) != SIZE_MAX;
}

/* Not what was removed, nor the group that a fault hides. */
static bool told(const struct hc_sb_req *r, const struct hc_sb_kind *k)
{
    return !k->gone && !(r->hidden.n && hc_str_eq(k->group, r->hidden));
}

static void words(struct hc_arena *a, struct hc_val *to, const char *key, const char *text)
{
    hc_str rest = text ? hc_str_of(text) : (hc_str){ NULL, 0 }, w;
    struct hc_val *list = hc_list_new(a);
    while (hc_str_split(&rest, ' ', &w))
        hc_list_add(a, list, hc_str_val(a, w));
    if (hc_list_len(list))
        hc_map_put(a, to, hc_str_of(key), list);
}

static const char *verbs(const struct hc_sb_kind *k, bool sub)
{
    if (k->flags & HC_SB_REVIEW)
        return "create";
    return sub ? "get patch update" : "create delete deletecollection get list patch update watch";
}

/* ---- one document per group and version ------------------------------------------------------------ */

static void resource(struct hc_arena *a, struct hc_val *list, const struct hc_sb_kind *k, const char *sub)
{
    struct hc_val *x = hc_map_new(a);
    bool scale = sub && strcmp(sub, "scale") == 0;
    hc_map_put_str(a, x, "name", sub ? hc_arena_printf(a, "%.*s/%s", HC_P(k->resource), sub) : k->resource);
    hc_map_put_str(a, x, "singularName", sub ? HC_S("") : k->singular);
    hc_map_put_bool(a, x, "namespaced", !(k->flags & HC_SB_CLUSTER));
    if (scale) {
        hc_map_put_strz(a, x, "group", "autoscaling");
        hc_map_put_strz(a, x, "version", "v1");
    }
    hc_map_put_str(a, x, "kind", scale ? HC_S("Scale") : k->kind);
    words(a, x, "verbs", verbs(k, sub != NULL));
    if (!sub) {
        words(a, x, "shortNames", k->short_names);
        words(a, x, "categories", k->categories);
    }
    hc_list_add(a, list, x);
}

static void resource_list(struct hc_sb_req *r, hc_str group, hc_str version)
{
    struct hc_arena *a = r->a;
    struct hc_val *out = hc_map_new(a), *list = hc_list_new(a);
    hc_map_put_strz(a, out, "kind", "APIResourceList");
    hc_map_put_strz(a, out, "apiVersion", "v1");
    hc_map_put_str(a, out, "groupVersion",
                   group.n ? hc_arena_printf(a, "%.*s/%.*s", HC_P(group), HC_P(version)) : version);
    for (const struct hc_sb_kind *k = hc_sb_kinds_first(r->s); k; k = k->next) {
        if (!told(r, k) || !hc_str_eq(k->group, group) || !hc_str_eq(k->version, version))
            continue;
        resource(a, list, k, NULL);
        if (k->flags & HC_SB_STATUS)
            resource(a, list, k, "status");
        if (k->flags & HC_SB_SCALE)
            resource(a, list, k, "scale");
        if (hc_str_eqz(k->key, "/pods"))
            resource(a, list, k, "log");
    }
    hc_map_put(a, out, HC_S("resources"), list);
    hc_sb_answer(r, 200, out);
}

static struct hc_val *group_version(struct hc_arena *a, hc_str group, hc_str version)
{
    struct hc_val *v = hc_map_new(a);
    hc_map_put_str(a, v, "groupVersion", hc_arena_printf(a, "%.*s/%.*s", HC_P(group), HC_P(version)));
    hc_map_put_str(a, v, "version", version);
    return v;
}

/* True for the first kind of its group (of its group and version). */
static bool first_of(const struct hc_sb_req *r, const struct hc_sb_kind *k, bool with_version)
{
    for (const struct hc_sb_kind *x = hc_sb_kinds_first(r->s); x != k; x = x->next)
        if (told(r, x) && hc_str_eq(x->group, k->group) && (!with_version || hc_str_eq(x->version, k->version)))
            return false;
    return true;
}

static struct hc_val *api_group(struct hc_sb_req *r, hc_str group)
{
    struct hc_arena *a = r->a;
    struct hc_val *g = hc_map_new(a), *versions = hc_list_new(a);
    hc_map_put_str(a, g, "name", group);
    for (const struct hc_sb_kind *k = hc_sb_kinds_first(r->s); k; k = k->next)
        if (told(r, k) && hc_str_eq(k->group, group) && first_of(r, k, true))
            hc_list_add(a, versions, group_version(a, group, k->version));
    hc_map_put(a, g, HC_S("versions"), versions);
    hc_map_put(a, g, HC_S("preferredVersion"), hc_list_at(versions, 0));
    return g;
}

static void group_list(struct hc_sb_req *r)
{
    struct hc_arena *a = r->a;
    struct hc_val *out = hc_map_new(a), *groups = hc_list_new(a);
    hc_map_put_strz(a, out, "kind", "APIGroupList");
    hc_map_put_strz(a, out, "apiVersion", "v1");
    for (const struct hc_sb_kind *k = hc_sb_kinds_first(r->s); k; k = k->next)
        if (told(r, k) && k->group.n && first_of(r, k, false))
            hc_list_add(a, groups, api_group(r, k->group));
    hc_map_put(a, out, HC_S("groups"), groups);
    hc_sb_answer(r, 200, out);
}

/* ---- aggregated --------------------------------------------------------------------------------------- */

static struct hc_val *response_kind(struct hc_arena *a, hc_str group, hc_str version, hc_str kind)
{
    struct hc_val *v = hc_map_new(a);
    hc_map_put_str(a, v, "group", group);
    hc_map_put_str(a, v, "version", version);
    hc_map_put_str(a, v, "kind", kind);
    return v;
}

static void aggregated_sub(struct hc_arena *a, struct hc_val *subs, const struct hc_sb_kind *k, const char *name)
{
    struct hc_val *x = hc_map_new(a);
    hc_map_put_strz(a, x, "subresource", name);
    hc_map_put(a, x, HC_S("responseKind"),
               strcmp(name, "scale") == 0 ? response_kind(a, HC_S("autoscaling"), HC_S("v1"), HC_S("Scale"))
                                          : response_kind(a, k->group, k->version, k->kind));
    words(a, x, "verbs", verbs(k, true));
    hc_list_add(a, subs, x);
}

static struct hc_val *aggregated_resource(struct hc_arena *a, const struct hc_sb_kind *k)
{
    struct hc_val *x = hc_map_new(a), *subs = hc_list_new(a);
    hc_map_put_str(a, x, "resource", k->resource);
    hc_map_put(a, x, HC_S("responseKind"), response_kind(a, k->group, k->version, k->kind));
    hc_map_put_strz(a, x, "scope", k->flags & HC_SB_CLUSTER ? "Cluster" : "Namespaced");
    hc_map_put_str(a, x, "singularResource", k->singular);
    words(a, x, "verbs", verbs(k, false));
    words(a, x, "shortNames", k->short_names);
    words(a, x, "categories", k->categories);
    if (k->flags & HC_SB_STATUS)
        aggregated_sub(a, subs, k, "status");
    if (k->flags & HC_SB_SCALE)
        aggregated_sub(a, subs, k, "scale");
    if (hc_list_len(subs))
        hc_map_put(a, x, HC_S("subresources"), subs);
    return x;
}

static void aggregated(struct hc_sb_req *r, bool core)
{
    struct hc_arena *a = r->a;
    bool beta = !accepts(r, "v=v2;") && !accepts(r, "v=v2,") && accepts(r, "v=v2beta1");
    struct hc_val *out = hc_map_new(a), *items = hc_list_new(a);
    hc_map_put_strz(a, out, "kind", "APIGroupDiscoveryList");
    hc_map_put_strz(a, out, "apiVersion", beta ? "apidiscovery.k8s.io/v2beta1" : "apidiscovery.k8s.io/v2");
    hc_map_put(a, out, HC_S("metadata"), hc_map_new(a));
    for (const struct hc_sb_kind *k = hc_sb_kinds_first(r->s); k; k = k->next) {
        if (!told(r, k) || (k->group.n == 0) != core || !first_of(r, k, false))
            continue;
        struct hc_val *g = hc_map_new(a), *meta = hc_map_sub(a, g, "metadata"), *versions = hc_list_new(a);
        if (k->group.n)
            hc_map_put_str(a, meta, "name", k->group);
        for (const struct hc_sb_kind *v = k; v; v = v->next) {
            if (!told(r, v) || !hc_str_eq(v->group, k->group) || !first_of(r, v, true))
                continue;
            struct hc_val *ver = hc_map_new(a), *resources = hc_list_new(a);
            hc_map_put_str(a, ver, "version", v->version);
            for (const struct hc_sb_kind *x = v; x; x = x->next)
                if (told(r, x) && hc_str_eq(x->group, v->group) && hc_str_eq(x->version, v->version))
                    hc_list_add(a, resources, aggregated_resource(a, x));
            hc_map_put(a, ver, HC_S("resources"), resources);
            hc_map_put_strz(a, ver, "freshness", "Current");
            hc_list_add(a, versions, ver);
        }
        hc_map_put(a, g, HC_S("versions"), versions);
        hc_list_add(a, items, g);
    }
    hc_map_put(a, out, HC_S("items"), items);
    hc_sb_answer(r, 200, out);
    r->out_type = beta ? "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
                       : "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
}

static void version(struct hc_sb_req *r)
{
    static const char *const pairs[][2] = {
        { "major", "1" },           { "minor", "36" },           { "gitVersion", "v1.36.3" },
        { "gitCommit", "sandbox" }, { "gitTreeState", "clean" }, { "buildDate", "2026-01-01T00:00:00Z" },
        { "goVersion", "none" },    { "compiler", "cc" },        { "platform", "linux/amd64" },
    };
    struct hc_val *v = hc_map_new(r->a);
    for (size_t i = 0; i < HC_LEN(pairs); i++)
        hc_map_put_strz(r->a, v, pairs[i][0], pairs[i][1]);
    hc_sb_answer(r, 200, v);
}

static void api_versions(struct hc_sb_req *r)
{
    struct hc_arena *a = r->a;
    struct hc_val *out = hc_map_new(a), *versions = hc_list_new(a), *addrs = hc_list_new(a), *addr = hc_map_new(a);
    hc_map_put_strz(a, out, "kind", "APIVersions");
    hc_list_add(a, versions, hc_strz_val(a, "v1"));
    hc_map_put(a, out, HC_S("versions"), versions);
    hc_map_put_strz(a, addr, "clientCIDR", "0.0.0.0/0");
    hc_map_put_strz(a, addr, "serverAddress", strstr(r->s->url, "//") ? strstr(r->s->url, "//") + 2 : "");
    hc_list_add(a, addrs, addr);
    hc_map_put(a, out, HC_S("serverAddressByClientCIDRs"), addrs);
    hc_sb_answer(r, 200, out);
}

static bool api_path(struct hc_sb_req *r)
{
    hc_str rest = hc_str_sub(r->path, 1, r->path.n), part[4];
    size_t n = 0;
    while (n < HC_LEN(part) && hc_str_split(&rest, '/', &part[n]))
        n++;
    while (n && !part[n - 1].n)
        n--;
    bool many = accepts(r, "as=APIGroupDiscoveryList");
    bool core = n > 0 && hc_str_eqz(part[0], "api");
    if (n == 0 || (!core && !hc_str_eqz(part[0], "apis")))
        return false;
    if (n == 1) {
        if (many)
            aggregated(r, core);
        else if (core)
            api_versions(r);
        else
            group_list(r);
        return true;
    }
    hc_str group = core ? HC_S("") : part[1];
    size_t at = core ? 1 : 2;
    if (n > at + 1 || !hc_sb_group_exists(r->s, group, n > at ? part[at] : (hc_str){ NULL, 0 }))
        return false;
    if (n > at) {
        resource_list(r, group, part[at]);
    } else {
        struct hc_val *g = api_group(r, group);
        hc_map_put_strz(r->a, g, "kind", "APIGroup");
        hc_map_put_strz(r->a, g, "apiVersion", "v1");
        hc_sb_answer(r, 200, g);
    }
    return true;
}

bool hc_sb_discovery(struct hc_sb_req *r)
{
    static const char *const health[] = { "/healthz", "/livez", "/readyz" };
    if (!hc_str_eqz(r->method, "GET"))
        return false;
    for (size_t i = 0; i < HC_LEN(health); i++) {
        if (hc_str_starts(r->path, hc_str_of(health[i]))) {
            hc_sb_answer_text(r, 200, "text/plain; charset=utf-8", HC_S("ok"));
            return true;
        }
    }
    if (hc_str_eqz(r->path, "/version") || hc_str_eqz(r->path, "/version/")) {
        version(r);
        return true;
    }
    if (hc_str_eqz(r->path, "/")) {
        hc_sb_answer_text(r, 200, "application/json",
                          HC_S("{\"paths\":[\"/api\",\"/apis\",\"/healthz\",\"/livez\",\"/openapi/v3\",\"/readyz\","
                               "\"/sandbox/stats\",\"/version\"]}\n"));
        return true;
    }
    return api_path(r);
}
