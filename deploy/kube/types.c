/*
 * How built-in kinds merge: patchStrategy and patchMergeKey of their fields, out of the server's own OpenAPI v3 document
 * of a group and version. Of a document of half a megabyte what is kept is the fields that merge in a way of their own
 * and those that lead there; read once, kept as long as the client.
 *
 * Which groups are built in is a list, that of the Go client's scheme: kinds of other groups take JSON merge patches
 * in Helm, too, and documents of large custom resources are not fetched to find that out.
 */
#include "core/value/json.h"
#include "deploy/kube/kube_impl.h"

struct field {
    hc_str name;
    struct hc_merge_rule rule;
};
struct type {
    struct field *fields;
    size_t n;
    const struct type *any; /* of every field: a map with keys of the user's */
};
struct kube_doc {
    struct kube_doc *next;
    struct hc_arena *a; /* all of it; its own, since memory refused once spends an arena for good */
    hc_str api_version;
    const struct hc_val *kinds; /* NULL: the server does not serve the document */
    struct type *types;         /* in the order of the kinds' map */
};

static bool builtin_group(hc_str group)
{
    static const char *const groups[] = { "",
                                          "admissionregistration.k8s.io",
                                          "apiextensions.k8s.io",
                                          "apps",
                                          "authentication.k8s.io",
                                          "authorization.k8s.io",
                                          "autoscaling",
                                          "batch",
                                          "certificates.k8s.io",
                                          "coordination.k8s.io",
                                          "discovery.k8s.io",
                                          "events.k8s.io",
                                          "extensions",
                                          "flowcontrol.apiserver.k8s.io",
                                          "internal.apiserver.k8s.io",
                                          "networking.k8s.io",
                                          "node.k8s.io",
                                          "policy",
                                          "rbac.authorization.k8s.io",
                                          "resource.k8s.io",
                                          "scheduling.k8s.io",
                                          "storage.k8s.io",
                                          "storagemigration.k8s.io" };
    for (size_t i = 0; i < HC_LEN(groups); i++)
        if (hc_str_eqz(group, groups[i]))
            return true;
    return false;
}

/* ---- a document into rules --------------------------------------------------------------------------------- */

struct reader {
    struct hc_arena *a;
    const struct hc_val *schemas;
    struct kube_doc *doc;
};

static struct type *referred(const struct reader *r, const struct hc_val *schema)
{
    static const hc_str prefix = { "#/components/schemas/", 21 };
    hc_str ref = hc_get_str(hc_map_getz(schema, "$ref"));
    if (!ref.n)
        ref = hc_get_str(hc_map_getz(hc_list_at(hc_map_getz(schema, "allOf"), 0), "$ref"));
    if (!hc_str_starts(ref, prefix))
        return NULL;
    const struct hc_entry *e = hc_map_find(r->schemas, hc_str_sub(ref, prefix.n, ref.n));
    return e ? &r->doc->types[e - hc_map_at(r->schemas, 0)] : NULL;
}

static struct hc_merge_rule rule_of(const struct reader *r, const struct hc_val *schema)
{
    struct hc_merge_rule rule = { 0 };
    hc_str rest = hc_get_str(hc_map_getz(schema, "x-kubernetes-patch-strategy")), word;
    const struct hc_val *items = hc_map_getz(schema, "items"), *any = hc_map_getz(schema, "additionalProperties");
    while (rest.n && hc_str_split(&rest, ',', &word)) {
        rule.merge = rule.merge || hc_str_eqz(word, "merge");
        rule.replace = rule.replace || hc_str_eqz(word, "replace");
        rule.retain_keys = rule.retain_keys || hc_str_eqz(word, "retainKeys");
    }
    if (rule.merge)
        rule.key = hc_arena_str(r->a, hc_get_str(hc_map_getz(schema, "x-kubernetes-patch-merge-key")));
    struct type *type = referred(r, items ? items : any ? any : schema);
    if (type && any && !items) {
        struct type *map = HC_NEW(r->a, struct type);
        if (map)
            map->any = type;
        type = map;
    }
    rule.type = type;
    return rule;
}

static void read_type(const struct reader *r, const struct hc_val *schema, struct type *out)
{
    const struct hc_val *fields = hc_map_getz(schema, "properties");
    out->fields = HC_NEW_N(r->a, struct field, hc_map_len(fields) + 1);
    for (size_t i = 0; out->fields && i < hc_map_len(fields); i++) {
        const struct hc_entry *e = hc_map_at(fields, i);
        struct hc_merge_rule rule = rule_of(r, e->val);
        if (rule.type || rule.merge || rule.replace || rule.retain_keys)
            out->fields[out->n++] = (struct field){ hc_arena_str(r->a, e->key), rule };
    }
}

static void read_document(struct hc_arena *a, const struct hc_val *document, struct kube_doc *doc)
{
    const struct hc_val *schemas = hc_get(document, "components.schemas");
    struct reader r = { a, schemas, doc };
    struct hc_val *kinds = hc_map_new(a);
    size_t n = hc_map_len(schemas);
    doc->types = HC_NEW_N(a, struct type, n + 1);
    for (size_t i = 0; doc->types && i < n; i++) {
        const struct hc_val *schema = hc_map_at(schemas, i)->val;
        const struct hc_val *gvks = hc_map_getz(schema, "x-kubernetes-group-version-kind");
        read_type(&r, schema, &doc->types[i]);
        for (size_t j = 0; j < hc_list_len(gvks); j++) {
            const struct hc_val *gvk = hc_list_at(gvks, j);
            hc_str group = hc_get_str(hc_map_getz(gvk, "group")), kind = hc_get_str(hc_map_getz(gvk, "kind"));
            hc_str av = hc_arena_printf(a, "%.*s%s%.*s", HC_P(group), group.n ? "/" : "",
                                        HC_P(hc_get_str(hc_map_getz(gvk, "version"))));
            if (hc_str_eq(av, doc->api_version))
                hc_map_put(a, kinds, kind, hc_int_val(a, (int64_t)i));
        }
    }
    doc->kinds = kinds;
}

/* ---- documents, once each ---------------------------------------------------------------------------------- */

static enum hc_rc fetch(struct hc_kube *k, struct kube_doc *doc, struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    bool core = hc_str_find(doc->api_version, '/') == SIZE_MAX;
    struct hc_val *document = NULL;
    struct kube_call call = { .method = "GET",
                              .path = hc_arena_printf(a, "/openapi/v3/api%s/%.*s", core ? "" : "s",
                                                      HC_P(doc->api_version)),
                              .repeatable = true,
                              .locked = true,
                              .verb = "read",
                              .object = HC_S("the server's types"),
                              .err = err };
    enum hc_rc rc = kube_do(k, a, &call, &document);
    if (rc == HC_E_NOTFOUND || rc == HC_E_INPUT) { /* not served, or not to us */
        hc_err_clear(err);
        return HC_OK;
    }
    if (rc == HC_OK)
        read_document(doc->a, document, doc);
    return rc == HC_OK ? hc_arena_check(doc->a, err, "the server's types") : rc;
}

static enum hc_rc document_of(struct hc_kube *k, hc_str api_version, struct kube_doc **out, struct hc_err *err)
{
    struct kube_server *s = k->server;
    for (struct kube_doc *d = s->docs; d; d = d->next) {
        if (hc_str_eq(d->api_version, api_version)) {
            *out = d;
            return HC_OK;
        }
    }
    struct hc_arena *a = hc_arena_new(0);
    struct kube_doc *d = a ? HC_NEW(a, struct kube_doc) : NULL;
    if (d)
        *d = (struct kube_doc){ .a = a, .api_version = hc_arena_str(a, api_version) };
    enum hc_rc rc = d ? fetch(k, d, err) : hc_fail_nomem(err);
    if (rc != HC_OK) {
        hc_arena_free(a);
        return rc;
    }
    d->next = s->docs;
    s->docs = d;
    *out = d;
    return HC_OK;
}

void kube_docs_free(struct kube_doc *d)
{
    while (d) {
        struct kube_doc *next = d->next;
        hc_arena_free(d->a);
        d = next;
    }
}

static bool field_rule(const void *ctx, const void *type, hc_str name, struct hc_merge_rule *out)
{
    const struct type *t = type;
    (void)ctx;
    if (!t)
        return false;
    if (t->any) {
        *out = (struct hc_merge_rule){ .type = t->any };
        return true;
    }
    for (size_t i = 0; i < t->n; i++) {
        if (hc_str_eq(t->fields[i].name, name)) {
            *out = t->fields[i].rule;
            return true;
        }
    }
    return false;
}

enum hc_rc hc_kube_merge_types(struct hc_kube *k, hc_str api_version, hc_str kind, struct hc_merge_types *out,
                               struct hc_err *err)
{
    size_t slash = hc_str_find(api_version, '/');
    hc_str group = slash == SIZE_MAX ? HC_S("") : hc_str_sub(api_version, 0, slash);
    struct kube_doc *doc = NULL;
    int64_t at = 0;
    if (!builtin_group(group))
        return hc_fail(err, HC_E_NOTFOUND, "%.*s %.*s is no built-in kind", HC_P(api_version), HC_P(kind));
    pthread_mutex_lock(&k->server->docs_mu);
    enum hc_rc rc = document_of(k, api_version, &doc, err);
    pthread_mutex_unlock(&k->server->docs_mu);
    if (rc != HC_OK)
        return rc;
    *out = hc_merge_types_builtin;
    if (doc->kinds && hc_get_i64(hc_map_get(doc->kinds, kind), &at))
        *out = (struct hc_merge_types){ .root = &doc->types[at], .field = field_rule };
    return HC_OK;
}
