/*
 * References of schemas: which document and which place in it they mean. A document is the chart's own file, a metaschema,
 * or what a port brought from elsewhere. Its nodes carry its number in `origin`, so a node tells its document.
 *
 * A schema with an identifier of its own is a resource: what references in it are relative to.
 */
#include "core/base/digest.h"
#include "core/base/limits.h"
#include "core/value/json.h"
#include "core/value/merge.h"
#include "templating/overlay/schema_impl.h"

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
    hc_str id = without_fragment(id_of(v, hc_schema_doc_of(r, v)->draft));
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

/* The same, without a search where the document is one resource. */
static bool resource_of(struct hc_schema_run *r, const struct hc_schema_doc *doc, const struct hc_val *node,
                        hc_str url, struct resource *out)
{
    struct resource in = { doc->root, doc->url };
    if (doc->inner)
        return find_resource(r, doc->root, in, node, url, out);
    if (hc_is_map(doc->root))
        in = entered(r, doc->root, in);
    if (!node && !hc_str_eq(in.url, url))
        return false;
    *out = in;
    return true;
}

/* Whether something below `v` has an identifier. */
static bool inner_ids(const struct hc_val *v, const char *key, bool top)
{
    if (!top && hc_map_getz(v, key))
        return true;
    for (size_t i = 0; i < hc_map_len(v); i++)
        if (inner_ids(hc_map_at(v, i)->val, key, false))
            return true;
    for (size_t i = 0; i < hc_list_len(v); i++)
        if (inner_ids(hc_list_at(v, i), key, false))
            return true;
    return false;
}

/* The same where the text is at hand, which is quicker to search than the tree. */
static bool inner_ids_of(hc_str text, const struct hc_val *root, int draft)
{
    const char *key = draft == 4 ? "id" : "$id";
    hc_str quoted = draft == 4 ? HC_S("\"id\"") : HC_S("\"$id\"");
    if (!text.p || hc_find_literal(text.p, text.n, "\\u", 2))
        return inner_ids(root, key, true);
    /* from the rarer byte on: every other one is a quote */
    hc_str tail = hc_str_sub(quoted, 1, quoted.n);
    const char *first = hc_find_literal(text.p, text.n, tail.p, tail.n);
    if (!first)
        return false;
    text = hc_str_n(first + 1, (size_t)(text.p + text.n - first - 1));
    return !hc_map_getz(root, key) || hc_find_literal(text.p, text.n, tail.p, tail.n);
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

/* ---- documents ----------------------------------------------------------------------------------- */

struct hc_schema_doc *hc_schema_doc_of(struct hc_schema_run *r, const struct hc_val *node)
{
    return &r->docs[node->origin < r->docs_n ? node->origin : 0];
}

static enum hc_rc cannot_load(struct hc_schema_run *r, hc_str url, const char *why)
{
    return hc_fail(r->err, HC_E_INPUT, "failing loading \"%.*s\": %s", HC_P(url), why);
}

static struct hc_schema_doc *known_doc(struct hc_schema_run *r, hc_str url)
{
    for (uint32_t i = 0; i < r->docs_n; i++)
        if (hc_str_eq(r->docs[i].url, url))
            return &r->docs[i];
    return NULL;
}

static enum hc_rc fetch(struct hc_schema_run *r, hc_str url, struct hc_val **out)
{
    hc_str text, scheme = hc_str_sub(url, 0, scheme_end(url));
    struct hc_err why = HC_ERR_INIT;
    bool web = hc_str_eqz(scheme, "http") || hc_str_eqz(scheme, "https");
    if (!web && !hc_str_eqz(scheme, "file")) {
        hc_str reason = hc_arena_printf(r->a, "no URLLoader registered for \"%.*s\"", HC_P(url));
        return cannot_load(r, url, reason.p ? reason.p : "");
    }
    if (!r->port || !r->port->load)
        return cannot_load(r, url,
                           "schemas are not fetched from elsewhere here: put its content under $defs, or skip the "
                           "check with --skip-schema-validation");
    enum hc_rc rc = r->port->load(r->port->ctx, r->a, url, &text, &why);
    if (rc == HC_OK)
        rc = hc_json_parse(r->a, text, HC_JSON_NO_POSITIONS, out, &why);
    return rc == HC_OK ? rc : cannot_load(r, url, why.msg);
}

/* The document of this address; it is read if it is not here yet. */
static enum hc_rc load(struct hc_schema_run *r, hc_str url, struct hc_schema_doc **out, struct hc_buf *lines)
{
    struct hc_val *root = NULL;
    hc_str meta = { NULL, 0 };
    int draft = hc_schema_metaschema_of(url, &meta);
    if (draft)
        url = meta;
    if ((*out = known_doc(r, url)))
        return HC_OK;
    enum hc_rc rc = draft ? hc_schema_metaschema(r->a, draft, 0, &root, r->err) : fetch(r, url, &root);
    if (rc == HC_OK)
        rc = hc_schema_add_doc(r, url, (hc_str){ NULL, 0 }, root, lines);
    if (rc == HC_OK)
        *out = known_doc(r, url);
    return rc;
}

/* Which draft a document speaks, and which parts of it: its own word, or that of the metaschema it names. */
static enum hc_rc find_draft(struct hc_schema_run *r, hc_str own, const struct hc_val *root, int *out,
                             uint32_t *out_vocabs)
{
    hc_str meta, url = hc_get_str(hc_map_getz(root, "$schema"));
    struct hc_schema_doc *doc = NULL;
    *out = url.p ? hc_schema_metaschema_of(hc_str_ends(url, HC_S("#")) ? hc_str_sub(url, 0, url.n - 1) : url, &meta)
                 : 2020;
    if (*out)
        return HC_OK;
    url = without_fragment(url);
    if (hc_str_eq(url, own))
        return hc_fail(r->err, HC_E_INPUT, "draft \"%.*s\" is not supported", HC_P(url));
    if (++r->metas > HC_SCHEMA_DOCS)
        return hc_fail(r->err, HC_E_INPUT, "cycle in resolving $schema in \"%.*s\"", HC_P(url));
    enum hc_rc rc = load(r, url, &doc, NULL);
    if (rc == HC_OK)
        rc = hc_schema_vocabs(doc, out_vocabs, r->err);
    if (rc == HC_OK)
        *out = doc->draft;
    return rc;
}

enum hc_rc hc_schema_add_doc(struct hc_schema_run *r, hc_str url, hc_str text, struct hc_val *root,
                             struct hc_buf *lines)
{
    int draft = 0;
    uint32_t vocabs = 0;
    hc_str meta;
    bool ours = hc_schema_metaschema_of(url, &meta) != 0;
    enum hc_rc rc = find_draft(r, url, root, &draft, &vocabs);
    if (rc != HC_OK)
        return rc;
    if (r->docs_n == HC_SCHEMA_DOCS)
        return hc_fail(r->err, HC_E_LIMIT, "values.schema.json leads to more than %u documents", HC_SCHEMA_DOCS);
    uint32_t i = r->docs_n++;
    r->docs[i] = (struct hc_schema_doc){
        .url = hc_arena_str(r->a, url),
        .root = root,
        .draft = draft,
        .inner = inner_ids_of(text, root, draft),
        .formats = ours,
        .vocabs = vocabs,
    };
    if (i)
        hc_val_set_origin(root, i);
    return ours || !lines ? HC_OK : hc_schema_meta_check(r, root, HC_S(""), lines);
}

/* ---- where a reference leads --------------------------------------------------------------------- */

static struct hc_val *resolve(struct hc_schema_run *r, const struct hc_val *from, hc_str ref)
{
    size_t hash = hc_str_find(ref, '#');
    hc_str base = without_fragment(ref), fragment = hc_str_sub(ref, hash == SIZE_MAX ? ref.n : hash + 1, ref.n);
    struct hc_schema_doc *doc = hc_schema_doc_of(r, from);
    struct resource top = { doc->root, doc->url }, in = top;
    resource_of(r, doc, from, base, &in);
    if (base.n) {
        hc_str url = join_url(r->a, in.url, base);
        bool found = hc_str_eq(url, doc->url);
        if (found)
            in = top;
        else
            found = resource_of(r, doc, NULL, url, &in);
        if (!found && hc_str_starts(url, HC_S("urn:")))
            return hc_bool_val(r->a, true);
        if (!found && (r->broken = load(r, url, &doc, r->lines)) != HC_OK)
            return NULL;
        if (!found) {
            top = in = (struct resource){ doc->root, doc->url };
            resource_of(r, doc, NULL, url, &in);
        }
    }
    fragment = hc_percent_decode(r->a, fragment, false);
    if (fragment.n == 0)
        return (struct hc_val *)(uintptr_t)in.root;
    const struct hc_val *v;
    if (fragment.p[0] == '/') {
        v = hc_pointer_get(in.root, fragment);
        if (!v)
            r->broken = hc_fail(r->err, HC_E_INPUT, "json-pointer in \"%.*s#%.*s\" not found", HC_P(doc->url),
                                HC_P(fragment));
        return (struct hc_val *)(uintptr_t)v;
    }
    v = find_anchor(in.root, in.root, fragment, doc->draft);
    if (!v)
        r->broken = hc_fail(r->err, HC_E_INPUT, "anchor in \"%.*s#%.*s\" not found in schema \"%.*s\"",
                            HC_P(in.url), HC_P(fragment), HC_P(doc->url));
    return (struct hc_val *)(uintptr_t)v;
}

struct hc_val *hc_schema_resolve(struct hc_schema_run *r, const struct hc_val *from, hc_str ref)
{
    return r->broken == HC_OK ? resolve(r, from, ref) : NULL;
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
    struct hc_schema_doc *doc = hc_schema_doc_of(r, s->node);
    const struct resource top = { doc->root, doc->url };
    struct resource in = top;
    if (own && !own->resource) {
        resource_of(r, doc, own->node, HC_S(""), &in);
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
        const struct hc_val *found = find_dynamic(resource->node, resource->node, name, doc->draft);
        resource->dynamic_name = name;
        resource->dynamic = found ? hc_schema_of(r, found) : NULL;
    }
    return resource->dynamic;
}
