/*
 * OpenAPI v3 as far as clients read it: which kinds take server-side field validation, dry runs and strategic merge
 * patches (query parameters and media types of PATCH); the schema of CRDs, which kubectl explain shows; the fields of
 * built-in kinds out of the table of types, with how they merge. Built-in kinds without a line there are open objects.
 */
#include "helmctl/sandbox/sandbox_impl.h"
#include "helmctl/sandbox/types.h"

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

static bool crd(const struct hc_sb_kind *k)
{
    return k->schema || k->preserve_unknown;
}

static hc_str type_schema_name(struct hc_arena *a, hc_str type)
{
    return hc_str_starts(type, HC_S("meta.")) ? hc_arena_printf(a, "io.k8s.apimachinery.pkg.apis.%.*s", HC_P(type))
                                              : hc_arena_printf(a, "io.k8s.api.%.*s", HC_P(type));
}

static hc_str schema_name(struct hc_arena *a, const struct hc_sb_kind *k)
{
    char name[256];
    hc_str full;
    if (!crd(k) && hc_sb_type_name(k->api_version, k->kind, name, sizeof(name), &full))
        return type_schema_name(a, full);
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
    if (strcmp(action, "patch") == 0) {
        static const char *const media[] = { "application/apply-patch+yaml", "application/json-patch+json",
                                             "application/merge-patch+json",
                                             "application/strategic-merge-patch+json" };
        struct hc_val *content = hc_map_sub(a, hc_map_sub(a, op, "requestBody"), "content");
        for (size_t i = 0; i < HC_LEN(media) - (crd(k) ? 1 : 0); i++)
            hc_map_put_strz(a, hc_map_sub(a, hc_map_sub(a, content, media[i]), "schema"), "type", "object");
    }
    return op;
}

/* ---- built-in types ---------------------------------------------------------------------------------------- */

struct properties {
    struct hc_arena *a;
    struct hc_val *of;   /* name to schema */
    struct hc_val *todo; /* names of types that were referred to */
};

static void put_type(struct properties *p, struct hc_val *schema, hc_str type)
{
    static const struct {
        char letter;
        const char *type, *format;
    } plain[] = { { 's', "string", NULL },        { 'i', "integer", NULL },      { 't', "boolean", NULL },
                  { 'b', "string", "byte" },      { 'Q', "string", "quantity" }, { 'I', "string", "int-or-string" },
                  { 'T', "string", "date-time" }, { 'U', "string", "date-time" } };
    char first = type.n ? type.p[0] : 'R';
    hc_str rest = hc_str_sub(type, 1, type.n);
    if (first == '*' || first == '%') {
        hc_map_put_strz(p->a, schema, "type", first == '*' ? "array" : "object");
        put_type(p, hc_map_sub(p->a, schema, first == '*' ? "items" : "additionalProperties"), rest);
    } else if (first == '.') {
        struct hc_val *all = hc_list_new(p->a), *ref = hc_map_new(p->a);
        hc_map_put_str(p->a, ref, "$ref",
                       hc_arena_printf(p->a, "#/components/schemas/%.*s", HC_P(type_schema_name(p->a, rest))));
        hc_list_add(p->a, all, ref);
        hc_map_put(p->a, schema, HC_S("allOf"), all);
        hc_list_add(p->a, p->todo, hc_str_val_ref(p->a, rest));
    }
    for (size_t i = 0; i < HC_LEN(plain); i++) {
        if (plain[i].letter != first)
            continue;
        hc_map_put_strz(p->a, schema, "type", plain[i].type);
        if (plain[i].format)
            hc_map_put_strz(p->a, schema, "format", plain[i].format);
    }
}

static void put_property(void *ctx, const struct hc_sb_field *f)
{
    struct properties *p = ctx;
    struct hc_val *schema = hc_map_new(p->a);
    hc_str how = f->patch;
    bool retain = hc_str_ends(how, HC_S("+"));
    put_type(p, schema, f->type);
    if (retain)
        how = hc_str_sub(how, 0, how.n - 1);
    const char *strategy = hc_str_eqz(how, "!") ? "replace" : how.n ? "merge" : "";
    if (f->patch.p)
        hc_map_put(
            p->a, schema, HC_S("x-kubernetes-patch-strategy"),
            hc_printf_val(p->a, "%s%s%s", strategy, *strategy && retain ? "," : "", retain ? "retainKeys" : ""));
    if (how.n && !hc_str_eqz(how, "*") && !hc_str_eqz(how, "!"))
        hc_map_put_str(p->a, schema, "x-kubernetes-patch-merge-key", how);
    hc_map_put_ref(p->a, p->of, f->name, schema);
}

/* The schemas of all types that are referred to, and of what they refer to. */
static void put_types(struct hc_arena *a, struct hc_val *schemas, struct hc_val *todo)
{
    for (size_t i = 0; i < hc_list_len(todo); i++) {
        hc_str type = hc_get_str(hc_list_at(todo, i)), name = type_schema_name(a, type);
        if (hc_map_find(schemas, name))
            continue;
        struct hc_val *schema = hc_map_sub(a, schemas, hc_arena_strz(a, name));
        struct properties p = { a, hc_map_sub(a, schema, "properties"), todo };
        hc_map_put_strz(a, schema, "type", "object");
        hc_sb_type_fields(hc_sb_type_line(type), put_property, &p);
    }
}

static struct hc_val *schema_of(struct hc_arena *a, const struct hc_sb_kind *k, struct hc_val *todo)
{
    struct hc_val *sch = k->schema ? hc_sb_shallow(a, k->schema) : hc_map_new(a), *kinds = hc_list_new(a);
    char name[256];
    hc_str full;
    hc_map_put_strz(a, sch, "type", "object");
    if (!crd(k) && hc_sb_type_name(k->api_version, k->kind, name, sizeof(name), &full)) {
        struct properties p = { a, hc_map_sub(a, sch, "properties"), todo };
        put_type(&p, hc_map_sub(a, p.of, "apiVersion"), HC_S("s"));
        put_type(&p, hc_map_sub(a, p.of, "kind"), HC_S("s"));
        hc_sb_type_fields(hc_sb_type_line(full), put_property, &p);
    } else if (!k->schema)
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
    struct hc_val *schemas = hc_map_sub(a, hc_map_sub(a, out, "components"), "schemas"), *todo = hc_list_new(a);
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
        hc_map_put(a, schemas, schema_name(a, k), schema_of(a, k, todo));
    }
    put_types(a, schemas, todo);
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
