/*
 * OpenAPI v3 as far as kubectl and helm read it: which kinds take server-side field validation and dry runs (the
 * query parameters of PATCH), and the schema of CRDs, which kubectl explain shows. Built-in kinds are described as
 * open objects: the clients carry their own Go types for those.
 */
#include "helmctl/sandbox/sandbox_impl.h"

static struct hc_val *parameters(struct hc_arena *a)
{
    static const char *const names[] = { "dryRun", "fieldManager", "fieldValidation", "force", "pretty" };
    struct hc_val *list = hc_list_new(a);
    for (size_t i = 0; i < HC_LEN(names); i++) {
        struct hc_val *p = hc_map_new(a);
        hc_map_put_strz(a, p, "name", names[i]);
        hc_map_put_strz(a, p, "in", "query");
        hc_map_put_strz(a, hc_map_sub(a, p, "schema"), "type",
                        strcmp(names[i], "force") == 0 ? "boolean" : "string");
        hc_list_add(a, list, p);
    }
    return list;
}

static struct hc_val *gvk(struct hc_arena *a, const struct hc_sb_kind *k)
{
    struct hc_val *v = hc_map_new(a);
    hc_map_put_str(a, v, "group", k->group);
    hc_map_put_str(a, v, "version", k->version);
    hc_map_put_str(a, v, "kind", k->kind);
    return v;
}

static hc_str schema_name(struct hc_arena *a, const struct hc_sb_kind *k)
{
    hc_str g = k->group.n ? k->group : HC_S("core");
    return hc_arena_printf(a, "sandbox.%.*s.%.*s.%.*s", HC_P(g), HC_P(k->version), HC_P(k->kind));
}

static struct hc_val *operation(struct hc_arena *a, const struct hc_sb_kind *k, const char *action,
                                struct hc_val *params)
{
    struct hc_val *op = hc_map_new(a);
    hc_str ref = schema_name(a, k);
    ref = hc_arena_printf(a, "#/components/schemas/%.*s", HC_P(ref));
    hc_map_put_strz(a, op, "x-kubernetes-action", action);
    hc_map_put(a, op, HC_S("x-kubernetes-group-version-kind"), gvk(a, k));
    hc_map_put(a, op, HC_S("parameters"), params);
    struct hc_val *ok = hc_map_sub(a, hc_map_sub(a, op, "responses"), "200");
    hc_map_put_strz(a, ok, "description", "OK");
    struct hc_val *json = hc_map_sub(a, hc_map_sub(a, ok, "content"), "application/json");
    hc_map_put_str(a, hc_map_sub(a, json, "schema"), "$ref", ref);
    return op;
}

static struct hc_val *schema_of(struct hc_arena *a, const struct hc_sb_kind *k)
{
    struct hc_val *sch = k->schema ? hc_sb_shallow(a, k->schema) : hc_map_new(a), *kinds = hc_list_new(a);
    hc_map_put_strz(a, sch, "type", "object");
    if (!k->schema)
        hc_map_put_bool(a, sch, "x-kubernetes-preserve-unknown-fields", true);
    hc_list_add(a, kinds, gvk(a, k));
    hc_map_put(a, sch, HC_S("x-kubernetes-group-version-kind"), kinds);
    return sch;
}

static void group_document(struct hc_sb_req *r, hc_str group, hc_str version)
{
    struct hc_arena *a = r->a;
    struct hc_val *out = hc_map_new(a), *params = parameters(a);
    hc_map_put_strz(a, out, "openapi", "3.0.0");
    struct hc_val *info = hc_map_sub(a, out, "info");
    hc_map_put_strz(a, info, "title", "Kubernetes");
    hc_map_put_strz(a, info, "version", "v1.36.3");
    struct hc_val *paths = hc_map_sub(a, out, "paths");
    struct hc_val *schemas = hc_map_sub(a, hc_map_sub(a, out, "components"), "schemas");
    hc_str base = group.n ? hc_arena_printf(a, "/apis/%.*s/%.*s", HC_P(group), HC_P(version))
                          : hc_arena_printf(a, "/api/%.*s", HC_P(version));
    for (const struct hc_sb_kind *k = hc_sb_kinds_first(r->s); k; k = k->next) {
        if (k->gone || !hc_str_eq(k->group, group) || !hc_str_eq(k->version, version))
            continue;
        const char *in = k->flags & HC_SB_CLUSTER ? "" : "/namespaces/{namespace}";
        hc_str many = hc_arena_printf(a, "%.*s%s/%.*s", HC_P(base), in, HC_P(k->resource));
        hc_str one = hc_arena_printf(a, "%.*s/{name}", HC_P(many));
        struct hc_val *m = hc_map_new(a), *o = hc_map_new(a);
        hc_map_put(a, m, HC_S("post"), operation(a, k, "post", params));
        hc_map_put(a, paths, many, m);
        if (!(k->flags & HC_SB_REVIEW)) {
            hc_map_put(a, m, HC_S("get"), operation(a, k, "list", params));
            hc_map_put(a, o, HC_S("get"), operation(a, k, "get", params));
            hc_map_put(a, o, HC_S("put"), operation(a, k, "put", params));
            hc_map_put(a, o, HC_S("patch"), operation(a, k, "patch", params));
            hc_map_put(a, o, HC_S("delete"), operation(a, k, "delete", params));
            hc_map_put(a, paths, one, o);
        }
        hc_map_put(a, schemas, schema_name(a, k), schema_of(a, k));
    }
    hc_sb_answer(r, 200, out);
}

static void index_document(struct hc_sb_req *r)
{
    struct hc_arena *a = r->a;
    struct hc_val *out = hc_map_new(a), *paths = hc_map_sub(a, out, "paths");
    for (const struct hc_sb_kind *k = hc_sb_kinds_first(r->s); k; k = k->next) {
        if (k->gone)
            continue;
        hc_str path = k->group.n ? hc_arena_printf(a, "apis/%.*s", HC_P(k->api_version)) : HC_S("api/v1");
        if (hc_map_get(paths, path))
            continue;
        struct hc_val *e = hc_map_new(a);
        hc_map_put_str(
            a, e, "serverRelativeURL",
            hc_arena_printf(a, "/openapi/v3/%.*s?hash=%" PRId64, HC_P(path), hc_sb_store_rv(r->s->store)));
        hc_map_put(a, paths, path, e);
    }
    hc_sb_answer(r, 200, out);
}

/* The old document says nothing of any kind; clients fall back to it for kinds that v3 does not have. */
static void old_document(struct hc_sb_req *r)
{
    /* gnostic's openapi.v2.Document: swagger "2.0", info {title, version}, paths {} */
    static const char proto[] = "\x0a\x03"
                                "2.0\x12\x15\x0a\x0aKubernetes\x12\x07v1.36.3\x42\x00";
    if (hc_str_find_str(r->accept, HC_S("protobuf")) != SIZE_MAX)
        hc_sb_answer_text(r, 200, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
                          hc_str_n(proto, sizeof(proto) - 1));
    else
        hc_sb_answer_text(r, 200, "application/json",
                          HC_S("{\"swagger\":\"2.0\",\"info\":{\"title\":\"Kubernetes\",\"version\":\"v1.36.3\"},"
                               "\"paths\":{},\"definitions\":{}}\n"));
}

bool hc_sb_openapi(struct hc_sb_req *r)
{
    hc_str prefix = HC_S("/openapi/v3/"), path = r->path;
    if (!hc_str_eqz(r->method, "GET"))
        return false;
    if (hc_str_eqz(path, "/openapi/v2")) {
        old_document(r);
        return true;
    }
    if (hc_str_eqz(path, "/openapi/v3")) {
        index_document(r);
        return true;
    }
    if (!hc_str_starts(path, prefix))
        return false;
    hc_str rest = hc_str_sub(path, prefix.n, path.n), top, group = HC_S(""), version;
    if (!hc_str_split(&rest, '/', &top))
        return false;
    if (hc_str_eqz(top, "apis") && !hc_str_split(&rest, '/', &group))
        return false;
    if (!hc_str_split(&rest, '/', &version) || rest.p || !hc_sb_group_exists(r->s, group, version))
        return false;
    group_document(r, group, version);
    return true;
}
