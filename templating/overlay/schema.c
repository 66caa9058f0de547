/*
 * The check against values.schema.json (D6): the text is read, nodes become schemas when the check first comes to
 * them, and what does not fit is told in the words of the library Helm uses.
 *
 * Left out: the check of the schema itself against its metaschema (keywords that make no sense are ignored), schemas
 * from the network (an error that says so), and vocabularies.
 */
#include "templating/overlay/schema_impl.h"

#include "core/base/limits.h"
#include "core/value/json.h"
#include "core/value/merge.h"
#include "templating/overlay/overlay_impl.h"

#define SCHEMA_URL "file:///values.schema.json"

#define HC_SCHEMA_NAME(name, text) text,
static const char *const keywords[] = { HC_SCHEMA_KEYWORDS(HC_SCHEMA_NAME) };

static int keyword_of(hc_str key)
{
    size_t from = 0, to = K_COUNT;
    while (from < to) {
        size_t mid = (from + to) / 2;
        int c = hc_str_cmp(key, hc_str_of(keywords[mid]));
        if (c == 0)
            return (int)mid;
        if (c < 0)
            to = mid;
        else
            from = mid + 1;
    }
    return -1;
}

static uint8_t type_bit(hc_str name)
{
    static const char *const names[] = { "null", "boolean", "number", "integer", "string", "array", "object" };
    for (size_t i = 0; i < HC_LEN(names); i++)
        if (hc_str_eqz(name, names[i]))
            return (uint8_t)(1u << i);
    return 0;
}

/* Keywords a draft does not know are as if they were not there. */
static bool known(int draft, enum hc_keyword k)
{
    switch (k) {
    case K_CONTAINS:
    case K_PROPERTY_NAMES:
    case K_CONST:
        return draft >= 6;
    case K_IF:
    case K_THEN:
    case K_ELSE:
        return draft >= 7;
    case K_RECURSIVE_REF:
    case K_MIN_CONTAINS:
    case K_MAX_CONTAINS:
    case K_DEPENDENT_REQUIRED:
    case K_DEPENDENT_SCHEMAS:
    case K_UNEVALUATED_ITEMS:
    case K_UNEVALUATED_PROPERTIES:
        return draft >= 2019;
    case K_DYNAMIC_REF:
    case K_PREFIX_ITEMS:
        return draft >= 2020;
    case K_ADDITIONAL_ITEMS:
        return draft < 2020;
    case K_FORMAT: /* an annotation only, from 2019 on */
        return draft < 2019;
    default:
        return true;
    }
}

static void sort_out(struct hc_schema_run *r, struct hc_schema *s)
{
    const struct hc_val *n = s->node;
    s->always = -1;
    if (n->kind == HC_BOOL) {
        s->always = n->b;
        return;
    }
    if (!hc_is_map(n) || hc_map_len(n) == 0) {
        s->always = 1;
        return;
    }
    /* of what stands beside a $ref in these drafts, the library still asserts const */
    bool only_ref = r->draft < 2019 && hc_is_str(hc_map_getz(n, "$ref"));
    for (size_t i = 0; i < hc_map_len(n); i++) {
        int k = keyword_of(hc_map_at(n, i)->key);
        if (k >= 0 && known(r->draft, (enum hc_keyword)k) && (!only_ref || k == K_REF || k == K_CONST))
            s->kw[k] = hc_map_at(n, i)->val;
    }
    const struct hc_val *types = s->kw[K_TYPE];
    if (hc_is_str(types))
        s->types = type_bit(hc_get_str(types));
    for (size_t i = 0; i < hc_list_len(types); i++)
        s->types |= type_bit(hc_get_str(hc_list_at(types, i)));
}

struct hc_schema *hc_schema_of(struct hc_schema_run *r, const struct hc_val *node)
{
    size_t at = ((uintptr_t)node / 16 * 0x9e3779b97f4a7c15u >> 40) % HC_SCHEMA_BUCKETS;
    for (struct hc_schema *s = r->buckets[at]; s; s = s->next)
        if (s->node == node)
            return s;
    struct hc_schema *s = HC_NEW(r->a, struct hc_schema);
    if (!s) {
        r->broken = hc_arena_check(r->a, r->err, "values.schema.json");
        return NULL;
    }
    s->node = node;
    s->next = r->buckets[at];
    r->buckets[at] = s;
    sort_out(r, s);
    return s;
}

struct hc_pattern *hc_schema_pattern(struct hc_schema_run *r, hc_str text)
{
    struct hc_pattern *p = NULL;
    struct hc_err err = HC_ERR_INIT;
    enum hc_rc rc = hc_pattern_compile(r->a, text, &p, &err);
    if (rc == HC_OK)
        return p;
    if (r->broken == HC_OK)
        r->broken = hc_fail(r->err, rc, "invalid regex \"%.*s\" in values.schema.json: %s", HC_P(text), err.msg);
    return NULL;
}

/* ---- references ---------------------------------------------------------------------------------- */

static hc_str id_of(const struct hc_val *v, int draft)
{
    if (draft < 2019 && hc_is_str(hc_map_getz(v, "$ref")))
        return (hc_str){ NULL, 0 }; /* what stands beside a $ref does not count in these drafts */
    return hc_get_str(hc_map_getz(v, draft == 4 ? "id" : "$id"));
}

static hc_str without_fragment(hc_str s)
{
    return hc_str_sub(s, 0, hc_str_find(s, '#'));
}

/* Values in these keywords are data, whatever they look like. */
static bool is_data(hc_str key)
{
    return hc_str_eqz(key, "enum") || hc_str_eqz(key, "const") || hc_str_eqz(key, "default") ||
           hc_str_eqz(key, "examples");
}

static size_t scheme_end(hc_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == ':')
            return i;
        if (strchr("/?#", s.p[i]))
            break;
    }
    return SIZE_MAX;
}

/* RFC 3986, 5.2: `ref` as seen from `base`; neither has a fragment. */
static hc_str join_url(struct hc_arena *a, hc_str base, hc_str ref)
{
    size_t colon = scheme_end(base);
    if (!ref.n)
        return base;
    if (scheme_end(ref) != SIZE_MAX || colon == SIZE_MAX)
        return ref;
    size_t authority = colon + 1, path;
    if (hc_str_starts(hc_str_sub(base, authority, base.n), HC_S("//"))) {
        size_t slash = hc_str_find(hc_str_sub(base, authority + 2, base.n), '/');
        path = slash == SIZE_MAX ? base.n : authority + 2 + slash;
    } else {
        path = authority;
    }
    if (hc_str_starts(ref, HC_S("//")))
        return hc_arena_cat(a, 2, (hc_str[]){ hc_str_sub(base, 0, authority), ref });
    hc_str folder = HC_S("/");
    if (*ref.p != '/' && path < base.n)
        folder = hc_str_sub(base, path, hc_str_rfind(base, '/') + 1);
    else if (*ref.p == '/')
        folder = HC_S("");
    hc_str parts[] = { folder, ref };
    hc_str whole = hc_arena_cat(a, HC_LEN(parts), parts), rest = whole, part;
    char *out = hc_arena_alloc(a, path + whole.n + 2, 1);
    size_t n = path;
    if (!out)
        return ref;
    memcpy(out, base.p, path);
    hc_str_split(&rest, '/', &part); /* what stands before the first slash: nothing */
    while (hc_str_split(&rest, '/', &part)) {
        bool last = !rest.p;
        if (hc_str_eqz(part, "..") || hc_str_eqz(part, ".")) {
            while (part.n == 2 && n > path && out[--n] != '/')
                continue;
            if (last)
                out[n++] = '/';
            continue;
        }
        out[n++] = '/';
        memcpy(out + n, part.p, part.n);
        n += part.n;
    }
    return hc_str_n(out, n);
}

/* A schema with an identifier of its own, and all below it: what references in it are relative to. */
struct resource {
    const struct hc_val *root;
    hc_str url;
};

static struct resource entered(struct hc_schema_run *r, const struct hc_val *v, struct resource in)
{
    hc_str id = without_fragment(id_of(v, r->draft));
    return id.n ? (struct resource){ v, join_url(r->a, in.url, id) } : in;
}

/* The resource that `node` is in (`url` absent), or the one of this address. */
static bool find_resource(struct hc_schema_run *r, const struct hc_val *v, struct resource in,
                          const struct hc_val *node, hc_str url, struct resource *out)
{
    if (hc_is_map(v))
        in = entered(r, v, in);
    if (node ? v == node : in.root == v && hc_str_eq(in.url, url)) {
        *out = in;
        return true;
    }
    for (size_t i = 0; i < hc_map_len(v); i++)
        if (!is_data(hc_map_at(v, i)->key) && find_resource(r, hc_map_at(v, i)->val, in, node, url, out))
            return true;
    for (size_t i = 0; i < hc_list_len(v); i++)
        if (find_resource(r, hc_list_at(v, i), in, node, url, out))
            return true;
    return false;
}

static bool has_anchor(const struct hc_val *v, hc_str want, int draft)
{
    if (draft < 2019) {
        hc_str id = id_of(v, draft);
        size_t hash = hc_str_find(id, '#');
        return hash != SIZE_MAX && hc_str_eq(hc_str_sub(id, hash + 1, id.n), want);
    }
    return hc_str_eq(hc_get_str(hc_map_getz(v, "$anchor")), want) ||
           hc_str_eq(hc_get_str(hc_map_getz(v, "$dynamicAnchor")), want);
}

/* Not below another identifier: anchors are names within one resource. */
static const struct hc_val *find_anchor(const struct hc_val *v, const struct hc_val *root, hc_str want, int draft)
{
    if (hc_is_map(v) && v != root && without_fragment(id_of(v, draft)).n)
        return NULL;
    if (hc_is_map(v) && has_anchor(v, want, draft))
        return v;
    const struct hc_val *found = NULL;
    for (size_t i = 0; i < hc_map_len(v) && !found; i++)
        if (!is_data(hc_map_at(v, i)->key))
            found = find_anchor(hc_map_at(v, i)->val, root, want, draft);
    for (size_t i = 0; i < hc_list_len(v) && !found; i++)
        found = find_anchor(hc_list_at(v, i), root, want, draft);
    return found;
}

static hc_str percent_decoded(struct hc_arena *a, hc_str s)
{
    if (hc_str_find(s, '%') == SIZE_MAX)
        return s;
    char *p = hc_arena_alloc(a, s.n + 1, 1);
    size_t n = 0;
    for (size_t i = 0; p && i < s.n; i++) {
        unsigned v = 0;
        bool hex = s.p[i] == '%' && i + 2 < s.n + 0;
        for (size_t k = 1; hex && k <= 2; k++) {
            char c = s.p[i + k];
            unsigned d = c >= '0' && c <= '9'                     ? (unsigned)(c - '0')
                         : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (unsigned)((c | 0x20) - 'a' + 10)
                                                                  : 99;
            hex = d < 16;
            v = v * 16 + d;
        }
        p[n++] = hex ? (char)v : s.p[i];
        i += hex ? 2 : 0;
    }
    return hc_str_n(p, n);
}

static bool is_metaschema(hc_str url)
{
    return hc_str_starts(url, HC_S("http://json-schema.org/draft")) ||
           hc_str_starts(url, HC_S("https://json-schema.org/draft"));
}

static const struct hc_val *resolve(struct hc_schema_run *r, const struct hc_val *from, hc_str ref)
{
    static const struct hc_val anything = { .kind = HC_BOOL, .b = true };
    size_t hash = hc_str_find(ref, '#');
    hc_str base = without_fragment(ref), fragment = hc_str_sub(ref, hash == SIZE_MAX ? ref.n : hash + 1, ref.n);
    const struct resource top = { r->root, HC_S(SCHEMA_URL) };
    struct resource in = top;
    find_resource(r, r->root, top, from, base, &in);
    if (base.n) {
        hc_str url = join_url(r->a, in.url, base);
        bool found = hc_str_eqz(url, SCHEMA_URL);
        if (found)
            in = top;
        else
            found = find_resource(r, r->root, top, NULL, url, &in);
        if (!found && (hc_str_starts(url, HC_S("urn:")) || is_metaschema(url)))
            return &anything;
        if (!found) {
            r->broken = hc_fail(r->err, HC_E_INPUT,
                                "failing loading \"%.*s\": schemas are not fetched from elsewhere; put its content "
                                "under $defs, or skip the check with --skip-schema-validation",
                                HC_P(url));
            return NULL;
        }
    }
    fragment = percent_decoded(r->a, fragment);
    if (fragment.n == 0)
        return in.root;
    const struct hc_val *v;
    if (fragment.p[0] == '/') {
        v = hc_pointer_get(in.root, fragment);
        if (!v)
            r->broken = hc_fail(r->err, HC_E_INPUT, "json-pointer in \"" SCHEMA_URL "#%.*s\" not found",
                                HC_P(fragment));
        return v;
    }
    v = find_anchor(in.root, in.root, fragment, r->draft);
    if (!v)
        r->broken = hc_fail(r->err, HC_E_INPUT, "anchor in \"%.*s#%.*s\" not found in schema \"%.*s\"",
                            HC_P(in.url), HC_P(fragment), HC_P(in.url));
    return v;
}

struct hc_schema *hc_schema_target(struct hc_schema_run *r, struct hc_schema *s, enum hc_keyword which)
{
    struct hc_schema **slot = &s->refs[which == K_REF ? 0 : which == K_RECURSIVE_REF ? 1 : 2];
    if (!*slot) {
        const struct hc_val *node = resolve(r, s->node, hc_get_str(s->kw[which]));
        if (!node)
            return NULL;
        *slot = hc_schema_of(r, node);
    }
    return *slot;
}

bool hc_schema_is_dynamic(const struct hc_schema *s, const struct hc_schema *target, enum hc_keyword which,
                          hc_str *out_name)
{
    if (which == K_REF || !target)
        return false;
    if (which == K_RECURSIVE_REF) {
        const struct hc_val *mark = hc_map_getz(target->node, "$recursiveAnchor");
        *out_name = HC_S("");
        return hc_kind_of(mark) == HC_BOOL && mark->b;
    }
    hc_str ref = hc_get_str(s->kw[which]);
    size_t hash = hc_str_find(ref, '#');
    *out_name = hash == SIZE_MAX ? HC_S("") : hc_str_sub(ref, hash + 1, ref.n);
    return out_name->n && hc_str_eq(hc_get_str(hc_map_getz(target->node, "$dynamicAnchor")), *out_name);
}

static const struct hc_val *find_dynamic(const struct hc_val *v, const struct hc_val *root, hc_str want, int draft)
{
    if (hc_is_map(v) && v != root && without_fragment(id_of(v, draft)).n)
        return NULL;
    if (hc_str_eq(hc_get_str(hc_map_getz(v, "$dynamicAnchor")), want))
        return v;
    const struct hc_val *found = NULL;
    for (size_t i = 0; i < hc_map_len(v) && !found; i++)
        if (!is_data(hc_map_at(v, i)->key))
            found = find_dynamic(hc_map_at(v, i)->val, root, want, draft);
    for (size_t i = 0; i < hc_list_len(v) && !found; i++)
        found = find_dynamic(hc_list_at(v, i), root, want, draft);
    return found;
}

struct hc_schema *hc_schema_dynamic_in(struct hc_schema_run *r, const struct hc_schema *s, enum hc_keyword which,
                                       hc_str name)
{
    struct hc_schema *own = hc_schema_of(r, s->node);
    const struct resource top = { r->root, HC_S(SCHEMA_URL) };
    struct resource in = top;
    if (own && !own->resource) {
        find_resource(r, r->root, top, own->node, HC_S(""), &in);
        own->resource = in.root;
    }
    struct hc_schema *resource = own ? hc_schema_of(r, own->resource) : NULL;
    if (!resource)
        return NULL;
    if (which == K_RECURSIVE_REF) {
        const struct hc_val *mark = hc_map_getz(resource->node, "$recursiveAnchor");
        return hc_kind_of(mark) == HC_BOOL && mark->b ? resource : NULL;
    }
    if (!resource->dynamic_name.p || !hc_str_eq(resource->dynamic_name, name)) {
        const struct hc_val *found = find_dynamic(resource->node, resource->node, name, r->draft);
        resource->dynamic_name = name;
        resource->dynamic = found ? hc_schema_of(r, found) : NULL;
    }
    return resource->dynamic;
}

/* ---- the whole check ----------------------------------------------------------------------------- */

static int draft_of(const struct hc_val *root)
{
    static const struct {
        const char *url;
        int draft;
    } drafts[] = {
        { "json-schema.org/schema", 2020 },
        { "json-schema.org/draft/2020-12/schema", 2020 },
        { "json-schema.org/draft/2019-09/schema", 2019 },
        { "json-schema.org/draft-07/schema", 7 },
        { "json-schema.org/draft-06/schema", 6 },
        { "json-schema.org/draft-04/schema", 4 },
    };
    hc_str url = hc_get_str(hc_map_getz(root, "$schema"));
    if (!url.p)
        return 2020;
    if (hc_str_ends(url, HC_S("#")))
        url.n--;
    for (const char *const *p = (const char *const[]){ "http://", "https://", NULL }; *p; p++)
        if (hc_str_starts(url, hc_str_of(*p))) {
            url = hc_str_sub(url, strlen(*p), url.n);
            break;
        }
    for (size_t i = 0; i < HC_LEN(drafts); i++)
        if (hc_str_eqz(url, drafts[i].url))
            return drafts[i].draft;
    return 0;
}

/* The reader's reason in the words of Go's stream decoder. */
static enum hc_rc json_failed(struct hc_schema_run *r, hc_str text, struct hc_buf *lines)
{
    if (r->err->code != HC_E_INPUT)
        hc_wrap(r->err, "values.schema.json");
    hc_str msg = hc_str_of(r->err->msg);
    if (hc_str_trim(text).n == 0)
        msg = HC_S("EOF");
    else if (hc_str_eqz(msg, "unexpected end of JSON input"))
        msg = HC_S("unexpected EOF");
    else if (hc_str_ends(msg, HC_S("after top-level value")))
        msg = HC_S("invalid character after top-level value");
    hc_buf_put(lines, msg);
    return hc_fail(r->err, r->err->code, "%.*s", HC_P(hc_buf_str(lines)));
}

static enum hc_rc check(struct hc_schema_run *r, hc_str text, const struct hc_val *values, struct hc_buf *lines)
{
    struct hc_val *root = NULL;
    if (hc_json_parse(r->a, text, HC_JSON_REF | HC_JSON_NO_POSITIONS, &root, r->err) != HC_OK) {
        return json_failed(r, text, lines);
    }
    r->root = root;
    r->draft = draft_of(root);
    if (!r->draft) {
        hc_str url = hc_get_str(hc_map_getz(root, "$schema"));
        hc_buf_printf(lines,
                      "failing loading \"%.*s\": of JSON Schema, drafts 4, 6, 7, 2019-09 and 2020-12 are known",
                      HC_P(url));
        return hc_fail(r->err, HC_E_INPUT, "%.*s", HC_P(hc_buf_str(lines)));
    }
    struct hc_schema *top = hc_schema_of(r, root);
    struct hc_misfit *m = top ? hc_schema_validate(r, top, values) : NULL;
    if (r->broken == HC_OK && hc_arena_spent(r->a))
        r->broken = hc_arena_check(r->a, r->err, "values.schema.json");
    if (r->broken != HC_OK) {
        hc_buf_puts(lines, r->err->msg);
        return r->broken;
    }
    if (!m)
        return HC_OK;
    for (const struct hc_misfit *c = m->group ? m->causes : m; c; c = m->group ? c->next : NULL)
        hc_schema_print(lines, c, 0);
    return hc_fail(r->err, HC_E_INPUT, "%.*s", HC_P(hc_buf_str(lines)));
}

enum hc_rc hc_schema_check(struct hc_arena *a, hc_str schema, const struct hc_val *values, struct hc_buf *lines,
                           struct hc_err *err)
{
    struct hc_err own_err = HC_ERR_INIT;
    HC_AUTO(hc_buf) struct hc_buf own;
    hc_buf_init(&own, 0);
    struct hc_schema_run *r = HC_NEW(a, struct hc_schema_run);
    if (!r)
        return hc_arena_check(a, err, "values.schema.json");
    r->a = a;
    r->steps_left = HC_MAX_SCHEMA_STEPS;
    r->err = err ? err : &own_err;
    hc_buf_init(&r->path, 0);
    hc_buf_init(&r->text, 0);
    enum hc_rc rc = check(r, schema, values, lines ? lines : &own);
    hc_buf_done(&r->path);
    hc_buf_done(&r->text);
    return rc;
}
