/*
 * The check against values.schema.json (D6): the text is read, nodes become schemas when the check first comes to
 * them, and what does not fit is told in the words of the library Helm uses.
 *
 * Before that, as in Helm, the schema itself is checked (schema_meta.c), and everything that can be reached from its root
 * must be there (schema_ref.c).
 */
#include "templating/overlay/schema_impl.h"

#include "core/base/limits.h"
#include "core/value/json.h"
#include "core/value/kept.h"
#include "templating/overlay/overlay_impl.h"

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
    default:
        return true;
    }
}

static void sort_out(struct hc_schema_run *r, struct hc_schema *s)
{
    const struct hc_val *n = s->node;
    s->draft = hc_schema_doc_of(r, n)->draft;
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
    const struct hc_schema_doc *doc = hc_schema_doc_of(r, n);
    bool only_ref = s->draft < 2019 && hc_is_str(hc_map_getz(n, "$ref"));
    for (size_t i = 0; i < hc_map_len(n); i++) {
        int k = keyword_of(hc_map_at(n, i)->key);
        /* format is an annotation only from 2019 on, if no vocabulary says otherwise */
        bool here = k == K_FORMAT ? s->draft < 2019 || doc->formats || doc->vocabs
                                  : k >= 0 && known(s->draft, (enum hc_keyword)k);
        if (here && (!only_ref || k == K_REF || k == K_CONST) && hc_schema_active(doc, hc_map_at(n, i)->key))
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

enum hc_rc hc_schema_compile(struct hc_schema_run *r, hc_str text, struct hc_pattern **out, struct hc_err *err)
{
    const struct hc_schema_port *port = r->port;
    enum hc_rc rc = hc_pattern_compile(r->a, text, port ? port->property : NULL, out, err);
    struct hc_err words = HC_ERR_INIT;
    if (rc == HC_E_INPUT && port && port->regex && port->regex(text, &words) == HC_E_INPUT)
        hc_err_copy(err, &words);
    return rc;
}

struct hc_pattern *hc_schema_pattern(struct hc_schema_run *r, hc_str text)
{
    struct hc_pattern *p = NULL;
    struct hc_err err = HC_ERR_INIT;
    enum hc_rc rc = hc_schema_compile(r, text, &p, &err);
    if (rc == HC_OK)
        return p;
    if (r->broken == HC_OK)
        r->broken = hc_fail(r->err, rc, "invalid regex \"%.*s\" in values.schema.json: %s", HC_P(text), err.msg);
    return NULL;
}

/* ---- the whole check ----------------------------------------------------------------------------- */

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

static enum hc_rc failed(struct hc_schema_run *r, struct hc_buf *lines, enum hc_rc rc)
{
    hc_buf_puts(lines, r->err->msg);
    return rc;
}

/* The innermost places of a misfit, each once. */
static void put_places(struct hc_schema_run *r, const struct hc_misfit *m, struct hc_val *out)
{
    if (!m->causes) {
        for (size_t i = 0; i < hc_list_len(out); i++)
            if (hc_str_eq(hc_get_str(hc_list_at(out, i)), m->path))
                return;
        hc_list_add(r->a, out, hc_str_val(r->a, m->path));
    }
    for (const struct hc_misfit *c = m->causes; c; c = c->next)
        put_places(r, c, out);
}

/* Reads it into an arena of its choice and looks whether it is good. */
static enum hc_rc read_schema(struct hc_schema_run *r, struct hc_arena *a, hc_str text, struct hc_buf *lines,
                              const struct hc_val **out)
{
    struct hc_val *root = NULL;
    if (hc_json_parse(a, text, HC_JSON_REF | HC_JSON_NO_POSITIONS, &root, r->err) != HC_OK)
        return json_failed(r, text, lines);
    enum hc_rc rc = hc_schema_add_doc(r, HC_S(HC_SCHEMA_URL), text, root, lines);
    if (rc == HC_OK)
        rc = hc_schema_reach(r, lines);
    if (rc != HC_OK)
        return lines->n ? hc_fail(r->err, rc, "%.*s", HC_P(hc_buf_str(lines))) : failed(r, lines, rc);
    *out = root;
    return HC_OK;
}

/*
 * The schema as it was read and found good for an earlier check, or is now; r->docs_n is 0 when it can not be kept: it is
 * wrong, which is told by reading it again, or refers elsewhere, where things may have changed.
 */
static const struct hc_kept *kept_schema(struct hc_schema_run *r, hc_str text)
{
    struct hc_kept_key key = hc_kept_key('S', text);
    const struct hc_kept *kept = hc_kept_find(key);
    if (!kept) {
        HC_AUTO(hc_buf) struct hc_buf lines;
        const struct hc_val *root;
        hc_buf_init(&lines, 0);
        struct hc_arena *a = hc_arena_new(0);
        hc_str own = a ? hc_arena_str(a, text) : (hc_str){ NULL, 0 };
        bool good = own.p && read_schema(r, a, own, &lines, &root) == HC_OK && r->docs_n == 1 && !r->metas;
        const struct hc_schema_doc doc = r->docs[0];
        hc_err_clear(r->err);
        r->docs_n = r->metas = 0;
        memset(r->buckets, 0, sizeof(r->buckets));
        r->broken = HC_OK;
        if (!good) {
            hc_arena_free(a);
            return NULL;
        }
        hc_kept_put(key, &(struct hc_kept){ .arena = a,
                                            .root = doc.root,
                                            .extra = { (uint32_t)doc.draft, doc.inner, doc.formats } });
        kept = hc_kept_find(key);
    }
    if (kept) {
        r->docs[0] = (struct hc_schema_doc){ .url = HC_S(HC_SCHEMA_URL),
                                             .root = kept->root,
                                             .draft = (int)kept->extra[0],
                                             .inner = kept->extra[1] != 0,
                                             .formats = kept->extra[2] != 0 };
        r->docs_n = 1;
    }
    return kept;
}

static enum hc_rc check(struct hc_schema_run *r, hc_str text, const struct hc_val *values, struct hc_buf *lines,
                        struct hc_val *places)
{
    const struct hc_val *root = r->docs[0].root;
    enum hc_rc rc = r->docs_n ? HC_OK : read_schema(r, r->a, text, lines, &root);
    if (rc != HC_OK)
        return rc;
    struct hc_schema *top = hc_schema_of(r, root);
    struct hc_misfit *m = top ? hc_schema_validate(r, top, values) : NULL;
    if (r->broken == HC_OK && hc_arena_spent(r->a))
        r->broken = hc_arena_check(r->a, r->err, "values.schema.json");
    if (r->broken != HC_OK)
        return failed(r, lines, r->broken);
    if (!m)
        return HC_OK;
    if (places)
        put_places(r, m, places);
    hc_schema_print_all(lines, m);
    return hc_fail(r->err, HC_E_INPUT, "%.*s", HC_P(hc_buf_str(lines)));
}

static enum hc_rc run(struct hc_arena *a, hc_str schema, const struct hc_val *values,
                      const struct hc_schema_port *port, struct hc_buf *lines, struct hc_val *places,
                      struct hc_err *err)
{
    struct hc_schema_run *r = HC_NEW(a, struct hc_schema_run);
    if (!r)
        return hc_arena_check(a, err, "values.schema.json");
    r->a = a;
    r->steps_left = HC_MAX_SCHEMA_STEPS;
    r->port = port;
    r->err = err;
    hc_buf_init(&r->path, 0);
    hc_buf_init(&r->text, 0);
    const struct hc_kept *kept = port && port->keep ? kept_schema(r, schema) : NULL;
    enum hc_rc rc = check(r, schema, values, lines, places);
    hc_kept_release(kept);
    hc_buf_done(&r->path);
    hc_buf_done(&r->text);
    return rc;
}

enum hc_rc hc_schema_check(struct hc_arena *a, hc_str schema, const struct hc_val *values,
                           const struct hc_schema_port *port, struct hc_buf *lines, struct hc_err *err)
{
    struct hc_err own_err = HC_ERR_INIT;
    HC_AUTO(hc_buf) struct hc_buf own;
    hc_buf_init(&own, 0);
    return run(a, schema, values, port, lines ? lines : &own, NULL, err ? err : &own_err);
}

struct hc_val *hc_schema_misfits(struct hc_arena *a, hc_str schema, const struct hc_val *values,
                                 const struct hc_schema_port *port)
{
    struct hc_err err = HC_ERR_INIT;
    HC_AUTO(hc_buf) struct hc_buf lines;
    hc_buf_init(&lines, 0);
    struct hc_val *places = hc_list_new(a);
    run(a, schema, values, port, &lines, places, &err);
    return places;
}
