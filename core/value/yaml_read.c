/*
 * YAML in: libyaml's events become nodes in one pass. (Plain text does not come here: yaml_fast.c.)
 *
 * What Go's library does and libyaml does not: scalars are resolved (yaml_resolve.c), aliases are copied
 * where they stand, `<<` lays the entries of other maps into this one at its place (so that it also replaces
 * keys written before it, as the Go library does), keys become text, and three things libyaml 0.2 allows
 * are refused: %YAML 1.2, the escape \/ and infinite numbers. Line numbers in messages follow the Go library
 * too, which is often one less than a person would say; the position in struct hc_err is the true one.
 *
 * Helm reads in three steps: text to nodes, nodes to Go values, values to JSON. A mistake of an earlier step is told
 * rather than one of a later step further up, so what only JSON refuses waits (json_failed), and after a mistake of
 * meaning the rest is still looked through for one of syntax (prefer_syntax_error).
 *
 * Nodes are counted with aliases expanded, so that a small text can not become a large tree.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "core/base/digest.h"
#include "core/base/limits.h"
#include "core/value/json.h"
#include "core/value/value_impl.h"
#include "core/value/yaml.h"
#include "core/value/yaml_impl.h"

struct anchor {
    struct hc_val *val; /* NULL while its node is being read */
    uint32_t nodes;     /* how many an alias of it adds      */
};

struct reader {
    yaml_parser_t p;
    yaml_event_t ev;
    bool has_event;
    struct hc_arena *a;
    hc_str text, name;
    unsigned flags;
    bool slash_escapes; /* "\/" is somewhere in the text */
    struct hc_val *anchors;
    struct hc_scratch scratch;
    uint32_t nodes, alias_nodes;
    struct hc_err *err;
    struct hc_err json_err; /* the first thing that only the step to JSON refuses */
    bool syntax;            /* the failure is one of the first step */
    bool whole;             /* an empty collection stands for the document, whatever follows */
    bool item;              /* the node that is read is one of a sequence that is deeper than its key */
    size_t column;          /* of the mapping that is read */
    bool
        infinite; /* a number that JSON does not know was read; it may be gone again, under a key that came twice */
    size_t given; /* bytes of the text libyaml has, when it gets them in pieces */
    bool standins;        /* COLON and MARK stand for something else in the text */
    size_t seen, seen_at; /* a character that was looked for, and its byte: the next one is further on */
    size_t tag_end;       /* where libyaml ends a tag and the Go library does not; 0: nowhere */
    unsigned flow;        /* flow collections that are open */
};

static enum hc_rc read_node(struct reader *r, unsigned depth, struct hc_val **out);

/* ---- errors -------------------------------------------------------------------------------------- */

static enum hc_rc spent(struct reader *r)
{
    if (hc_arena_spent(r->a))
        return hc_arena_check(r->a, r->err, "YAML document");
    return hc_fail_nomem(r->err);
}

#define FAIL_AT(r, mark, ...)                                                                                      \
    hc_fail_at((r)->err, HC_E_INPUT, (r)->name, (int)(mark).line + 1, (int)(mark).column + 1, __VA_ARGS__)

/* A line "%YAML 1.2" is one of the first `lines`; libyaml takes it, the Go library stops there. */
static bool newer_version_in(hc_str text, size_t lines)
{
    for (size_t i = 0; i < lines && text.n; i++) {
        size_t nl = HC_MIN(hc_str_find(text, '\n'), text.n);
        hc_str line = hc_str_sub(text, 0, nl);
        if (hc_str_starts(line, HC_S("%YAML")) &&
            hc_str_starts(hc_str_trim_left(hc_str_sub(line, 5, line.n)), HC_S("1.2")))
            return true;
        text = hc_str_sub(text, nl + 1, text.n);
    }
    return false;
}

static enum hc_rc check_escapes(struct reader *r, yaml_mark_t from_mark, yaml_mark_t to_mark);

/* libyaml's failure with Go's text and Go's line number. */
static enum hc_rc parser_failed(struct reader *r)
{
    const yaml_parser_t *p = &r->p;
    r->syntax = true;
    if (p->error == YAML_MEMORY_ERROR)
        return hc_fail_nomem(r->err);
    if (r->slash_escapes && p->error == YAML_SCANNER_ERROR && p->context &&
        (strcmp(p->context, "while scanning a quoted scalar") == 0 ||
         strcmp(p->context, "while parsing a quoted scalar") == 0)) {
        enum hc_rc rc = check_escapes(r, p->context_mark, p->problem_mark);
        if (rc != HC_OK)
            return rc;
    }
    if (p->error == YAML_PARSER_ERROR && p->problem &&
        ((strcmp(p->problem, "did not find expected <document start>") == 0 &&
          newer_version_in(r->text, p->problem_mark.line + 1)) ||
         (strcmp(p->problem, "found duplicate %YAML directive") == 0 &&
          newer_version_in(r->text, p->problem_mark.line))))
        return FAIL_AT(r, p->problem_mark, "yaml: found incompatible YAML document");
    /* Where a key must stand, the Go library forgets that an empty flow collection may be one; not where a value is
     * still awaited. */
    if (p->error == YAML_SCANNER_ERROR && p->state != YAML_PARSE_BLOCK_MAPPING_VALUE_STATE && p->problem &&
        strcmp(p->problem, "could not find expected ':'") == 0 &&
        hc_yaml_empty_flow(r->text, p->context_mark.index)) {
        char at[40] = "";
        if (p->context_mark.line)
            snprintf(at, sizeof(at), "line %zu: ", p->context_mark.line);
        return FAIL_AT(r, p->context_mark, "yaml: %sdid not find expected key", at);
    }
    size_t line = 0;
    if (p->error != YAML_READER_ERROR) {
        if (p->problem_mark.line != 0)
            line = p->problem_mark.line + (p->error == YAML_SCANNER_ERROR);
        else if (p->context && p->context_mark.line != 0)
            line = p->context_mark.line;
    }
    char where[40] = "";
    if (line)
        snprintf(where, sizeof(where), "line %zu: ", line);
    const char *problem = p->problem ? p->problem : "unknown problem parsing YAML content";
    if (p->error == YAML_READER_ERROR)
        return hc_fail_at(r->err, HC_E_INPUT, r->name, (int)p->mark.line + 1, -1, "yaml: %s", problem);
    return FAIL_AT(r, p->problem_mark, "yaml: %s%s", where, problem);
}

/* ---- events -------------------------------------------------------------------------------------- */

/* A tag of the Go library goes on over commas and brackets: the text is to be read again with them written otherwise. */
static enum hc_rc check_tag(struct reader *r)
{
    size_t character = r->ev.start_mark.index;
    if (!r->seen)
        r->seen_at = hc_yaml_byte_of(r->text, 0);
    r->seen_at += hc_yaml_byte_of(hc_str_sub(r->text, r->seen_at, r->text.n), character - r->seen);
    r->seen = character;
    r->tag_end = hc_yaml_tag_stop(r->text, r->seen_at);
    r->syntax |= r->tag_end != 0;
    return r->tag_end ? FAIL_AT(r, r->ev.start_mark, "yaml: did not find expected whitespace or line break")
                      : HC_OK;
}

/* In a flow collection a '?' ends a plain scalar of the Go library, and nothing can follow then. */
static enum hc_rc check_question(struct reader *r)
{
    size_t line = 0;
    char close = hc_yaml_question(r->text, r->ev.start_mark.index, &line), where[40] = "";
    if (line)
        snprintf(where, sizeof(where), "line %zu: ", line);
    r->syntax = true;
    return FAIL_AT(r, r->ev.start_mark, "yaml: %sdid not find expected ',' or '%c'", where, close);
}

/* What libyaml takes otherwise in flow collections. */
static enum hc_rc check_event(struct reader *r)
{
    const yaml_event_t *ev = &r->ev;
    bool in_flow = r->flow > 0;
    const yaml_char_t *tag = NULL;
    switch (ev->type) {
    case YAML_SEQUENCE_START_EVENT:
        tag = ev->data.sequence_start.tag;
        r->flow += in_flow || ev->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
        break;
    case YAML_MAPPING_START_EVENT:
        tag = ev->data.mapping_start.tag;
        r->flow += in_flow || ev->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        r->flow -= in_flow;
        break;
    case YAML_SCALAR_EVENT:
        tag = ev->data.scalar.tag;
        if (in_flow && ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && ev->data.scalar.length &&
            memchr(ev->data.scalar.value, '?', ev->data.scalar.length))
            return check_question(r);
        break;
    default:
        break;
    }
    return tag && in_flow ? check_tag(r) : HC_OK;
}

static enum hc_rc next(struct reader *r)
{
    if (r->has_event)
        yaml_event_delete(&r->ev);
    r->has_event = yaml_parser_parse(&r->p, &r->ev);
    return r->has_event ? check_event(r) : parser_failed(r);
}

/* ---- keys and %#v -------------------------------------------------------------------------------- */

/* Go's %#v of a decoded value: it is in two messages that users of Helm know well. */
static void go_syntax(struct hc_buf *b, const struct hc_val *v)
{
    switch (hc_kind_of(v)) {
    case HC_NULL:
        hc_buf_puts(b, "interface {}(nil)");
        return;
    case HC_FLOAT:
        hc_float_shortest(b, v->f, 64, 6);
        return;
    case HC_LIST:
        hc_buf_puts(b, "[]interface {}{");
        for (uint32_t i = 0; i < v->list->n; i++) {
            hc_buf_puts(b, i ? ", " : "");
            go_syntax(b, v->list->items[i]);
        }
        hc_buf_putc(b, '}');
        return;
    case HC_MAP:
        hc_buf_puts(b, "map[interface {}]interface {}{");
        for (uint32_t i = 0; i < v->map->n; i++) {
            hc_buf_puts(b, i ? ", " : "");
            hc_json_write_str(b, v->map->entries[i].key, false);
            hc_buf_putc(b, ':');
            go_syntax(b, v->map->entries[i].val);
        }
        hc_buf_putc(b, '}');
        return;
    default:
        hc_json_write(b, v, 0);
        return;
    }
}

/* The key is none that JSON knows; `val` is what stands under it. A map or list can not even be a key in Go. */
static enum hc_rc bad_key(struct reader *r, const struct hc_val *key, const struct hc_val *val)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 4096);
    enum hc_kind kind = hc_kind_of(key);
    if (kind == HC_MAP || kind == HC_LIST) {
        hc_buf_puts(&b, "yaml: invalid map key: ");
        go_syntax(&b, key);
    } else {
        if (kind == HC_UINT)
            hc_buf_printf(&b, "unsupported map key of type: uint64, key: 0x%" PRIx64 ", value: ", key->u);
        else
            hc_buf_puts(&b, "unsupported map key of type: %!s(<nil>), key: <nil>, value: ");
        if (hc_is_null(val))
            hc_buf_puts(&b, "<nil>");
        else
            go_syntax(&b, val);
    }
    if (kind == HC_MAP || kind == HC_LIST)
        return hc_fail_at(r->err, HC_E_INPUT, r->name, (int)key->line, key->col, "%.*s", HC_P(hc_buf_str(&b)));
    if (r->json_err.code == HC_OK)
        (void)hc_fail_at(&r->json_err, HC_E_INPUT, r->name, (int)key->line, key->col, "%.*s", HC_P(hc_buf_str(&b)));
    return HC_OK;
}

/* A key's text; stays absent for a key that can be none. */
static enum hc_rc key_text(struct reader *r, const struct hc_val *key, hc_str *out)
{
    char z[48];
    struct hc_buf b = { z, 0, sizeof(z), sizeof(z), false };
    switch (hc_kind_of(key)) {
    case HC_STR:
        *out = hc_get_str(key);
        return HC_OK;
    case HC_BOOL:
        *out = key->b ? HC_S("true") : HC_S("false");
        return HC_OK;
    case HC_INT:
        hc_json_write(&b, key, 0);
        break;
    case HC_FLOAT:
        if (isnan(key->f) || isinf((float)key->f))
            hc_buf_puts(&b, isnan(key->f) ? ".nan" : key->f > 0 ? ".inf" : "-.inf");
        else
            hc_float_shortest(&b, key->f, 32, 6);
        break;
    default:
        return HC_OK;
    }
    *out = hc_arena_str(r->a, hc_buf_str(&b));
    return out->p ? HC_OK : spent(r);
}

/* ---- scalars ------------------------------------------------------------------------------------- */

static const char *const tag_names[] = { "!!str", "!!null", "!!bool", "!!int", "!!float", "!!timestamp" };

#define TAG_PREFIX "tag:yaml.org,2002:"

/* What a scalar without quotes and tag is. */
static struct hc_yaml_scalar plain(const struct reader *r, hc_str s)
{
    struct hc_yaml_scalar got = hc_yaml_resolve(s, false);
    if ((r->flags & HC_YAML_TRUE_FALSE) && got.tag == HC_TAG_BOOL && s.n < 4)
        got.tag = HC_TAG_STR; /* y, n, yes, no, on, off: "true" and "false" are longer */
    return got;
}

/* The library's resolve() for a scalar with a tag. False: it can not be that. */
static bool resolve_tagged(const char *tag, hc_str s, struct hc_yaml_scalar *out)
{
    *out = (struct hc_yaml_scalar){ .tag = HC_TAG_STR };
    if (strncmp(tag, TAG_PREFIX, sizeof(TAG_PREFIX) - 1) != 0)
        return true;
    tag += sizeof(TAG_PREFIX) - 1;
    int want = -1;
    for (size_t i = 0; i < HC_LEN(tag_names); i++)
        if (strcmp(tag, tag_names[i] + 2) == 0)
            want = (int)i;
    if (want <= HC_TAG_STR)
        return true;
    *out = hc_yaml_resolve(s, want == HC_TAG_TIMESTAMP);
    if (want == HC_TAG_FLOAT && out->tag == HC_TAG_INT && !out->big) {
        out->tag = HC_TAG_FLOAT;
        out->f = (double)out->i;
    }
    return (int)out->tag == want;
}

static const char *skip_prefix(const char *tag)
{
    return strncmp(tag, TAG_PREFIX, sizeof(TAG_PREFIX) - 1) == 0 ? tag + sizeof(TAG_PREFIX) - 1 : tag;
}

static enum hc_rc set_number(struct reader *r, struct hc_val *v, const struct hc_yaml_scalar *s, hc_str spelling,
                             bool is_key)
{
    if (s->tag == HC_TAG_INT) {
        v->kind = s->big ? HC_UINT : HC_INT;
        v->u = s->u;
        if (!(r->flags & HC_YAML_JSON_NUMBERS) || is_key)
            return HC_OK;
        v->f = s->big ? (double)s->u : (double)s->i;
        v->kind = HC_FLOAT;
        return HC_OK;
    }
    v->kind = HC_FLOAT;
    v->f = s->f;
    if (is_key)
        return HC_OK;
    if (isnan(s->f) || isinf(s->f)) {
        r->infinite = true;
        return HC_OK;
    }
    hc_str copy = hc_arena_str(r->a, spelling);
    v->spelling = copy.p;
    v->n = (uint32_t)copy.n;
    return HC_OK;
}

/* libyaml takes \/ for a slash, the Go library refuses it. */
static enum hc_rc check_escapes(struct reader *r, yaml_mark_t from_mark, yaml_mark_t to_mark)
{
    size_t from = hc_yaml_byte_of(r->text, from_mark.index), to = hc_yaml_byte_of(r->text, to_mark.index);
    while (from < to && r->text.p[from] != '"' && r->text.p[from] != '\'') /* behind its tag and anchor */
        from++;
    if (from < to && r->text.p[from] == '\'')
        return HC_OK;
    for (size_t i = from; i + 1 < to; i++) {
        if (r->text.p[i] != '\\')
            continue;
        if (r->text.p[i + 1] == '/') {
            r->syntax = true;
            size_t line = from_mark.line;
            for (size_t k = from; k < i; k++)
                line += r->text.p[k] == '\n';
            if (line)
                return FAIL_AT(r, from_mark, "yaml: line %zu: found unknown escape character", line + 1);
            return FAIL_AT(r, from_mark, "yaml: found unknown escape character");
        }
        i++;
    }
    return HC_OK;
}

/* After JSON no text holds anything but UTF-8. */
static hc_str clean_utf8(struct hc_arena *a, hc_str s)
{
    if (hc_utf8_valid(s))
        return s;
    char *to = hc_arena_alloc(a, s.n * 3 + 1, 1), *start = to;
    while (to && s.n) {
        uint32_t rune;
        size_t n = hc_utf8_decode(s, &rune);
        to += hc_utf8_encode(rune, to);
        s = hc_str_sub(s, n, s.n);
    }
    return (hc_str){ start, to ? (size_t)(to - start) : 0 };
}

/* A copy of a scalar's text. */
static hc_str own_text(struct reader *r, hc_str s)
{
    return r->standins ? hc_yaml_standins_out(r->a, s) : hc_arena_str(r->a, s);
}

static enum hc_rc set_str(struct reader *r, struct hc_val *v, hc_str s)
{
    s = own_text(r, s);
    if (!s.p)
        return spent(r);
    v->kind = HC_STR;
    v->s = s.p;
    v->n = (uint32_t)s.n;
    return HC_OK;
}

static enum hc_rc set_scalar(struct reader *r, struct hc_val *v, bool is_key)
{
    hc_str s = { (const char *)r->ev.data.scalar.value, r->ev.data.scalar.length };
    const char *tag = (const char *)r->ev.data.scalar.tag;
    struct hc_yaml_scalar got = { .tag = HC_TAG_STR };
    if (s.n > UINT32_MAX)
        return hc_fail(r->err, HC_E_LIMIT, "YAML text is larger than 4 GiB");
    if (r->slash_escapes && r->ev.data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE) {
        enum hc_rc rc = check_escapes(r, r->ev.start_mark, r->ev.end_mark);
        if (rc != HC_OK)
            return rc;
    }
    if (tag && *tag) {
        if (strcmp(tag, TAG_PREFIX "binary") == 0) {
            size_t bad = SIZE_MAX;
            s = hc_base64_decode(r->a, s, &bad);
            if (!s.p)
                return FAIL_AT(r, r->ev.start_mark, "yaml: !!binary value contains invalid base64 data");
            return set_str(r, v, clean_utf8(r->a, s));
        }
        if (!resolve_tagged(tag, s, &got))
            return FAIL_AT(r, r->ev.start_mark, "yaml: cannot decode %s `%.*s` as a !!%s", tag_names[got.tag],
                           HC_P(own_text(r, s)), skip_prefix(tag));
    } else if (r->ev.data.scalar.plain_implicit) {
        got = plain(r, s);
    }
    switch (got.tag) {
    case HC_TAG_NULL:
        return HC_OK;
    case HC_TAG_BOOL:
        v->kind = HC_BOOL;
        v->b = got.b;
        return HC_OK;
    case HC_TAG_INT:
    case HC_TAG_FLOAT:
        return set_number(r, v, &got, s, is_key);
    default:
        return set_str(r, v, s);
    }
}

/* ---- anchors and aliases ------------------------------------------------------------------------- */

static enum hc_rc open_anchor(struct reader *r, const yaml_char_t *name, struct anchor **out)
{
    *out = NULL;
    if (!name)
        return HC_OK;
    if (!r->anchors)
        r->anchors = hc_map_new(r->a);
    struct hc_val *v = hc_node_new(r->a, HC_OBJ);
    struct anchor *anchor = HC_NEW(r->a, struct anchor);
    if (!v || !anchor)
        return spent(r);
    v->obj = anchor;
    hc_map_put(r->a, r->anchors, hc_str_of((const char *)name), v);
    *out = anchor;
    return hc_arena_spent(r->a) ? spent(r) : HC_OK;
}

static void close_anchor(struct reader *r, struct anchor *anchor, struct hc_val *val, uint32_t nodes_before)
{
    if (anchor) {
        anchor->val = val;
        anchor->nodes = r->nodes - nodes_before;
    }
}

/* go.yaml.in/yaml v2, decode.go: the share of nodes that may come from aliases shrinks with size. */
static bool too_many_aliases(const struct reader *r)
{
    if (r->alias_nodes <= 100 || r->nodes <= 1000)
        return false;
    double allowed = r->nodes <= 400000    ? 0.99
                     : r->nodes >= 4000000 ? 0.10
                                           : 0.99 - 0.89 * ((double)(r->nodes - 400000) / 3600000.0);
    return (double)r->alias_nodes / (double)r->nodes > allowed;
}

static enum hc_rc count_node(struct reader *r, uint32_t n)
{
    if (n > HC_MAX_YAML_NODES || r->nodes > HC_MAX_YAML_NODES - n)
        return hc_fail_at(r->err, HC_E_LIMIT, r->name, (int)r->ev.start_mark.line + 1,
                          (int)r->ev.start_mark.column + 1, "YAML document has more than %u nodes",
                          HC_MAX_YAML_NODES);
    r->nodes += n;
    return HC_OK;
}

static enum hc_rc read_alias(struct reader *r, struct hc_val **out)
{
    const char *name = (const char *)r->ev.data.alias.anchor;
    struct hc_val *v = hc_map_getz(r->anchors, name);
    if (!v) {
        r->syntax = true;
        return FAIL_AT(r, r->ev.start_mark, "yaml: unknown anchor '%s' referenced", name);
    }
    struct anchor *anchor = v->obj;
    if (!anchor->val)
        return FAIL_AT(r, r->ev.start_mark, "yaml: anchor '%s' value contains itself", name);
    enum hc_rc rc = count_node(r, anchor->nodes);
    if (rc != HC_OK)
        return rc;
    r->alias_nodes += anchor->nodes;
    if (too_many_aliases(r))
        return FAIL_AT(r, r->ev.start_mark, "yaml: document contains excessive aliasing");
    *out = hc_val_copy(r->a, anchor->val);
    return *out ? HC_OK : spent(r);
}

/* ---- containers ---------------------------------------------------------------------------------- */

static enum hc_rc read_sequence(struct reader *r, unsigned depth, struct hc_val **out)
{
    uint32_t base = r->scratch.n;
    bool deeper = r->item || depth == 1 || r->ev.start_mark.column != r->column;
    for (;;) {
        enum hc_rc rc = next(r);
        if (rc != HC_OK)
            return rc;
        if (r->ev.type == YAML_SEQUENCE_END_EVENT)
            break;
        struct hc_entry e = { 0 };
        r->item = deeper;
        rc = read_node(r, depth, &e.val);
        if (rc != HC_OK)
            return rc;
        if (!hc_scratch_push(&r->scratch, &e))
            return spent(r);
    }
    *out = hc_list_adopt(r->a, r->scratch.p ? r->scratch.p + base : NULL, r->scratch.n - base);
    r->scratch.n = base;
    return *out ? HC_OK : spent(r);
}

static enum hc_rc want_map(struct reader *r, yaml_mark_t mark)
{
    return FAIL_AT(r, mark, "yaml: map merge requires map or sequence of maps as the value");
}

static bool push_all(struct reader *r, const struct hc_val *map)
{
    for (size_t i = 0; i < hc_map_len(map); i++)
        if (!hc_scratch_push(&r->scratch, &map->map->entries[i]))
            return false;
    return true;
}

/* The value of a `<<` key: its entries go onto the stack as if they had been written here. */
static enum hc_rc read_merge(struct reader *r, unsigned depth)
{
    enum hc_rc rc = next(r);
    if (rc != HC_OK)
        return rc;
    yaml_mark_t mark = r->ev.start_mark;
    bool list_allowed = r->ev.type != YAML_ALIAS_EVENT;
    struct hc_val *v = NULL;
    rc = read_node(r, depth, &v);
    if (rc != HC_OK)
        return rc;
    if (hc_is_map(v))
        return push_all(r, v) ? HC_OK : spent(r);
    if (!hc_is_list(v) || !list_allowed)
        return want_map(r, mark);
    for (size_t i = hc_list_len(v); i-- > 0;) { /* earlier ones win */
        if (!hc_is_map(hc_list_at(v, i)))
            return want_map(r, mark);
        if (!push_all(r, hc_list_at(v, i)))
            return spent(r);
    }
    return HC_OK;
}

static bool is_merge_key(const yaml_event_t *ev)
{
    if (ev->type != YAML_SCALAR_EVENT || ev->data.scalar.length != 2 || memcmp(ev->data.scalar.value, "<<", 2) != 0)
        return false;
    const char *tag = (const char *)ev->data.scalar.tag;
    return ev->data.scalar.plain_implicit || (tag && strcmp(tag, TAG_PREFIX "merge") == 0);
}

/* *out_bad: the key, when it is one that JSON does not know. */
static enum hc_rc read_key(struct reader *r, unsigned depth, struct hc_entry *e, struct hc_val **out_bad)
{
    yaml_mark_t mark = r->ev.start_mark;
    e->line = (uint32_t)HC_MIN(mark.line + 1, (size_t)UINT32_MAX);
    e->col = (uint16_t)HC_MIN(mark.column + 1, (size_t)UINT16_MAX);
    /* ordinary text: no node for it */
    if (r->ev.type == YAML_SCALAR_EVENT && !r->ev.data.scalar.tag && !r->ev.data.scalar.anchor &&
        !(r->slash_escapes && r->ev.data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE)) {
        hc_str s = { (const char *)r->ev.data.scalar.value, r->ev.data.scalar.length };
        if (!r->ev.data.scalar.plain_implicit || plain(r, s).tag == HC_TAG_STR) {
            e->key = own_text(r, s);
            return e->key.p ? count_node(r, 1) : spent(r);
        }
    }
    struct hc_val *key = NULL;
    enum hc_rc rc;
    if (r->ev.type == YAML_SCALAR_EVENT) {
        struct anchor *anchor;
        rc = open_anchor(r, r->ev.data.scalar.anchor, &anchor);
        uint32_t before = r->nodes;
        if (rc == HC_OK)
            rc = count_node(r, 1);
        if (rc == HC_OK && !(key = hc_node_new(r->a, HC_NULL)))
            rc = spent(r);
        if (rc == HC_OK)
            rc = set_scalar(r, key, true);
        if (rc == HC_OK)
            close_anchor(r, anchor, key, before);
    } else {
        rc = read_node(r, depth, &key);
    }
    if (rc != HC_OK)
        return rc;
    rc = key_text(r, key, &e->key);
    if (rc == HC_OK && !e->key.p) {
        key->line = e->line;
        key->col = e->col;
        if (key->kind == HC_MAP || key->kind == HC_LIST)
            return bad_key(r, key, NULL);
        *out_bad = key;
    }
    return rc;
}

/*
 * The Go library forgets that an empty flow collection may be a key ("{}: x"): it takes the collection for the node that
 * it reads, and stumbles over what follows; not where that node is the whole document, which ends there.
 */
static enum hc_rc check_empty_key(struct reader *r, unsigned depth, yaml_mark_t start, bool in_item)
{
    yaml_mark_t key = r->ev.start_mark;
    bool first = key.index == start.index;
    char where[40] = "";
    if (key.column != start.column || !hc_yaml_empty_flow(r->text, key.index))
        return HC_OK;
    r->whole = first && depth == 1;
    if (r->whole)
        return HC_OK;
    if (key.line)
        snprintf(where, sizeof(where), "line %zu: ", key.line);
    r->syntax = true;
    return FAIL_AT(r, key, "yaml: %sdid not find expected %s", where, first && in_item ? "'-' indicator" : "key");
}

static enum hc_rc read_mapping(struct reader *r, unsigned depth, struct hc_val **out)
{
    uint32_t base = r->scratch.n;
    const yaml_mark_t start = r->ev.start_mark;
    bool block = r->ev.data.mapping_start.style == YAML_BLOCK_MAPPING_STYLE, in_item = r->item;
    for (;;) {
        enum hc_rc rc = next(r);
        if (rc != HC_OK)
            return rc;
        if (r->ev.type == YAML_MAPPING_END_EVENT)
            break;
        if (block && (r->ev.type == YAML_MAPPING_START_EVENT || r->ev.type == YAML_SEQUENCE_START_EVENT)) {
            rc = check_empty_key(r, depth, start, in_item);
            if (rc == HC_OK && r->whole)
                *out = r->ev.type == YAML_MAPPING_START_EVENT ? hc_map_new(r->a) : hc_list_new(r->a);
            if (rc != HC_OK || r->whole)
                return rc;
        }
        r->item = false;
        r->column = start.column;
        if (is_merge_key(&r->ev)) {
            rc = read_merge(r, depth);
            if (rc != HC_OK)
                return rc;
            continue;
        }
        struct hc_entry e = { 0 };
        struct hc_val *bad = NULL;
        rc = read_key(r, depth, &e, &bad);
        if (rc == HC_OK)
            rc = next(r);
        if (rc == HC_OK)
            rc = read_node(r, depth, &e.val);
        if (rc == HC_OK && bad) {
            rc = bad_key(r, bad, e.val);
            e.key = HC_S("");
        }
        if (rc != HC_OK)
            return rc;
        if (!hc_scratch_push(&r->scratch, &e))
            return spent(r);
    }
    const struct hc_entry *dup = NULL;
    *out = hc_map_adopt(r->a, r->scratch.p ? r->scratch.p + base : NULL, r->scratch.n - base, &dup);
    r->scratch.n = base;
    if (!*out)
        return spent(r);
    if (dup && (r->flags & HC_YAML_STRICT_KEYS))
        return hc_fail_at(r->err, HC_E_INPUT, r->name, (int)dup->line, dup->col,
                          "yaml: unmarshal errors:\n  line %u: key \"%.*s\" already set in map", dup->line,
                          HC_P(dup->key));
    return HC_OK;
}

/* The node whose first event is in r->ev; its last one is there afterwards. */
static enum hc_rc read_node(struct reader *r, unsigned depth, struct hc_val **out)
{
    uint32_t before = r->nodes;
    enum hc_rc rc = count_node(r, 1);
    if (rc != HC_OK)
        return rc;
    uint32_t line = (uint32_t)HC_MIN(r->ev.start_mark.line + 1, (size_t)UINT32_MAX);
    uint16_t col = (uint16_t)HC_MIN(r->ev.start_mark.column + 1, (size_t)UINT16_MAX);
    struct anchor *anchor = NULL;
    struct hc_val *v = NULL;
    switch (r->ev.type) {
    case YAML_ALIAS_EVENT:
        return read_alias(r, out);
    case YAML_SCALAR_EVENT:
        rc = open_anchor(r, r->ev.data.scalar.anchor, &anchor);
        if (rc == HC_OK && !(v = hc_node_new(r->a, HC_NULL)))
            rc = spent(r);
        if (rc == HC_OK)
            rc = set_scalar(r, v, false);
        break;
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        if (depth >= HC_MAX_YAML_DEPTH)
            return hc_fail_at(r->err, HC_E_LIMIT, r->name, (int)line, col, "YAML is nested deeper than %d levels",
                              HC_MAX_YAML_DEPTH);
        if (r->ev.type == YAML_SEQUENCE_START_EVENT) {
            rc = open_anchor(r, r->ev.data.sequence_start.anchor, &anchor);
            if (rc == HC_OK)
                rc = read_sequence(r, depth + 1, &v);
        } else {
            rc = open_anchor(r, r->ev.data.mapping_start.anchor, &anchor);
            if (rc == HC_OK)
                rc = read_mapping(r, depth + 1, &v);
        }
        break;
    default:
        rc = hc_fail(r->err, HC_E_BUG, "YAML event %d where a node should start", (int)r->ev.type);
    }
    if (rc != HC_OK)
        return rc;
    if (!v)
        return spent(r);
    v->line = line;
    v->col = col;
    close_anchor(r, anchor, v, before);
    *out = v;
    return HC_OK;
}

/* ---- documents ----------------------------------------------------------------------------------- */

/* Hands over the text as the Go library's reader would: what is left of the last piece and the new one make 512 bytes. */
static int give_piece(void *data, unsigned char *to, size_t size, size_t *out_n)
{
    struct reader *r = data;
    const yaml_parser_t *p = &r->p;
    size_t capacity = (size_t)(p->raw_buffer.end - p->raw_buffer.start), kept = capacity - size;
    size_t n = HC_MIN(r->text.n - r->given, 512 - HC_MIN(kept, (size_t)511));
    memcpy(to, r->text.p + r->given, n);
    r->given += n;
    *out_n = n;
    return 1;
}

static enum hc_rc start(struct reader *r, struct hc_arena *a, hc_str text, hc_str name, unsigned flags, bool pieces,
                        struct hc_err *err)
{
    if (!yaml_parser_initialize(&r->p))
        return hc_fail_nomem(err);
    r->a = a;
    r->text = text.p ? text : HC_S("");
    r->name = name;
    r->flags = flags;
    r->err = err;
    r->slash_escapes = hc_str_find_str(r->text, HC_S("\\/")) != SIZE_MAX;
    if (pieces)
        yaml_parser_set_input(&r->p, give_piece, r);
    else
        yaml_parser_set_input_string(&r->p, (const unsigned char *)r->text.p, r->text.n);
    return next(r); /* STREAM-START */
}

static void finish(struct reader *r)
{
    if (r->has_event)
        yaml_event_delete(&r->ev);
    yaml_parser_delete(&r->p);
    hc_scratch_done(&r->scratch);
}

/* *out stays NULL at the end of the stream. */
static enum hc_rc read_document(struct reader *r, struct hc_val **out)
{
    enum hc_rc rc = next(r);
    if (rc != HC_OK || r->ev.type == YAML_STREAM_END_EVENT)
        return rc;
    const yaml_version_directive_t *version = r->ev.data.document_start.version_directive;
    if (version && (version->major != 1 || version->minor != 1)) {
        r->syntax = true;
        return FAIL_AT(r, r->ev.start_mark, "yaml: found incompatible YAML document");
    }
    r->anchors = NULL;
    rc = next(r);
    if (rc == HC_OK)
        rc = read_node(r, 0, out);
    if (rc == HC_OK && !r->whole)
        rc = next(r); /* DOCUMENT-END */
    return rc;
}

/* The Go library reads a document to its end before it decodes it: an error of syntax further down is told
 * rather than one of meaning further up. */
static void prefer_syntax_error(struct reader *r)
{
    while (!r->syntax && next(r) == HC_OK) {
        struct anchor *anchor;
        const yaml_char_t *name = r->ev.type == YAML_SCALAR_EVENT           ? r->ev.data.scalar.anchor
                                  : r->ev.type == YAML_SEQUENCE_START_EVENT ? r->ev.data.sequence_start.anchor
                                  : r->ev.type == YAML_MAPPING_START_EVENT  ? r->ev.data.mapping_start.anchor
                                                                            : NULL;
        if (r->ev.type == YAML_DOCUMENT_END_EVENT || r->ev.type == YAML_STREAM_END_EVENT)
            return;
        if (open_anchor(r, name, &anchor) != HC_OK)
            return;
        if (r->ev.type == YAML_ALIAS_EVENT && !hc_map_getz(r->anchors, (const char *)r->ev.data.alias.anchor)) {
            r->syntax = true;
            (void)FAIL_AT(r, r->ev.start_mark, "yaml: unknown anchor '%s' referenced", r->ev.data.alias.anchor);
        }
        if (r->slash_escapes && r->ev.type == YAML_SCALAR_EVENT &&
            r->ev.data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE)
            (void)check_escapes(r, r->ev.start_mark, r->ev.end_mark);
    }
}

/* Lowers the ceiling of the arena to what a text of this length may take; gives the one before. */
static size_t bound(struct hc_arena *a, hc_str text)
{
    size_t most = hc_arena_used(a) + HC_MAX_YAML_BASE + HC_MAX_YAML_RATIO * text.n;
    return hc_arena_limit(a, HC_MIN(hc_arena_ceiling(a), most));
}

/* What the step to JSON refuses of a tree. */
static enum hc_rc json_step(struct reader *r, const struct hc_val *v)
{
    const struct hc_val *bad = r->infinite && r->json_err.code == HC_OK ? hc_yaml_infinite(v) : NULL;
    if (bad)
        (void)hc_fail_at(&r->json_err, HC_E_INPUT, r->name, (int)bad->line, bad->col, "json: unsupported value: %s",
                         isnan(bad->f)  ? "NaN"
                         : bad->f > 0.0 ? "+Inf"
                                        : "-Inf");
    return r->json_err.code == HC_OK ? HC_OK : hc_err_copy(r->err, &r->json_err);
}

/* What another reading of a text that failed needs. */
struct retry {
    bool pieces; /* in pieces of 512 bytes, as the Go library decodes */
    bool standins;
    struct hc_buf text; /* the text to read, when it is not the given one */
    size_t read;        /* bytes read so far, over all tries */
};

static bool put_in(struct retry *t, hc_str text, size_t at, size_t len, hc_str with)
{
    struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_buf_put(&b, hc_str_sub(text, 0, at));
    hc_buf_put(&b, with);
    hc_buf_put(&b, hc_str_sub(text, at + len, text.n));
    hc_buf_done(&t->text);
    t->text = b;
    return !b.spent;
}

/*
 * Whether the text is to be read once more: the Go library may find another mistake, or the document's end, before a
 * character that is none; and it takes three things that libyaml refuses, which are written differently then: \' in
 * double quotes, a ':' that ends a plain scalar in a flow collection, and commas and brackets in tags.
 */
static bool again(const struct reader *r, struct retry *t)
{
    const yaml_parser_t *p = &r->p;
    if (p->error == YAML_READER_ERROR && !t->pieces)
        return t->pieces = true;
    t->read += r->text.n;
    hc_str text = r->text;
    if (t->read > HC_MAX_YAML_REREAD)
        return false;
    size_t stop = r->tag_end;
    bool scanner = !stop && p->error == YAML_SCANNER_ERROR && p->problem;
    if (scanner && p->context && strcmp(p->context, "while scanning a tag") == 0)
        stop = hc_yaml_tag_stop(text, hc_yaml_byte_of(text, p->context_mark.index));
    if (stop) {
        char with[4];
        snprintf(with, sizeof(with), "%%%02X", (unsigned char)text.p[stop]);
        return put_in(t, text, stop, 1, hc_str_n(with, 3));
    }
    if (!scanner)
        return false;
    size_t at = hc_yaml_byte_of(text, p->problem_mark.index);
    hc_str rest = hc_str_sub(text, at, text.n);
    if (strcmp(p->problem, "found unknown escape character") == 0 && hc_str_starts(rest, HC_S("\\'")))
        return put_in(t, text, at, 2, HC_S("\\x27"));
    if (strcmp(p->problem, "found unexpected ':'") == 0 && hc_str_starts(rest, HC_S(":")) &&
        (t->standins || hc_yaml_standins_free(text))) {
        t->standins = true;
        return put_in(t, text, at, 1, HC_S(HC_YAML_COLON));
    }
    return false;
}

static enum hc_rc parse_one(struct hc_arena *a, hc_str text, hc_str name, unsigned flags, struct retry *t,
                            bool *out_again, struct hc_val **out, struct hc_err *err)
{
    struct reader r = { .json_err = HC_ERR_INIT, .standins = t->standins };
    struct hc_val *v = NULL;
    size_t ceiling = bound(a, text);
    enum hc_rc rc = start(&r, a, text, name, flags, t->pieces, err);
    if (rc == HC_OK)
        rc = read_document(&r, &v);
    if (rc == HC_E_INPUT)
        prefer_syntax_error(&r);
    if (rc == HC_OK && !v && !(v = hc_null_val(a)))
        rc = spent(&r);
    if (rc == HC_OK && hc_arena_spent(a))
        rc = spent(&r);
    if (rc == HC_OK)
        rc = json_step(&r, v);
    *out_again = rc == HC_E_INPUT && again(&r, t);
    finish(&r);
    (void)hc_arena_limit(a, ceiling);
    if (rc == HC_OK)
        *out = v;
    return rc;
}

enum hc_rc hc_yaml_parse(struct hc_arena *a, hc_str text, hc_str name, unsigned flags, struct hc_val **out,
                         struct hc_err *err)
{
    if (!(flags & HC_YAML_BY_EVENTS) && hc_yaml_read_fast(a, text, flags, out))
        return HC_OK;
    struct retry t = { .read = 0 };
    bool once_more;
    enum hc_rc rc;
    hc_buf_init(&t.text, 0);
    if (hc_yaml_marks_in(text)) {
        t.standins = true;
        hc_yaml_hide_marks(text, &t.text);
    }
    do {
        rc = parse_one(a, t.text.p ? hc_buf_str(&t.text) : text, name, flags, &t, &once_more, out, err);
        if (once_more)
            hc_err_clear(err);
    } while (once_more);
    hc_buf_done(&t.text);
    return rc;
}

enum hc_rc hc_yaml_parse_all(struct hc_arena *a, hc_str text, hc_str name, unsigned flags, struct hc_val **out_list,
                             struct hc_err *err)
{
    struct reader r = { .json_err = HC_ERR_INIT };
    struct hc_val *list = hc_list_new(a);
    size_t ceiling = bound(a, text);
    enum hc_rc rc = start(&r, a, text, name, flags, false, err);
    while (rc == HC_OK) {
        struct hc_val *v = NULL;
        rc = read_document(&r, &v);
        while (rc == HC_OK && r.whole && r.ev.type != YAML_DOCUMENT_END_EVENT)
            rc = next(&r);
        r.whole = false;
        if (rc != HC_OK || r.ev.type == YAML_STREAM_END_EVENT)
            break;
        if (v && v->kind != HC_NULL)
            hc_list_add(a, list, v);
    }
    if (rc == HC_OK && hc_arena_spent(a))
        rc = spent(&r);
    if (rc == HC_OK)
        rc = json_step(&r, list);
    finish(&r);
    (void)hc_arena_limit(a, ceiling);
    if (rc == HC_OK)
        *out_list = list;
    return rc;
}
