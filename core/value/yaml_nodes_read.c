/*
 * Tokens to nodes, by the grammar of libyaml's parser, with the comments that yaml.v3's parser hands to each node.
 */
#include <stdio.h>

#include "core/base/limits.h"
#include "core/value/value.h"
#include "core/value/yaml_nodes_impl.h"

#define MAX_DEPTH 200 /* nothing that is sent to a cluster comes near */

struct reader {
    struct yn_scan s;
    struct hc_val *anchors, *handles; /* maps: names that are known; prefixes of %TAG */
    struct hc_err *err;
    enum hc_rc rc;
    unsigned depth;
};

static struct hc_ynode *node(struct reader *r, bool block, bool indentless);

static yaml_token_type_t peek(struct reader *r)
{
    const struct yn_token *t = r->rc == HC_OK ? yn_peek(&r->s) : NULL;
    return t ? t->t.type : YAML_STREAM_END_TOKEN;
}

static void skip(struct reader *r)
{
    (void)yn_peek(&r->s);
    yn_skip(&r->s);
}

static size_t line_here(struct reader *r)
{
    const struct yn_token *t = yn_peek(&r->s);
    return t ? t->t.start_mark.line : 0;
}

/* `context`: the line from 0 where what is being read began; it is what yaml.v3 names, unless it is the first. */
static struct hc_ynode *fail(struct reader *r, size_t context, const char *problem)
{
    size_t here = line_here(r), line = context ? context : here;
    char where[40] = "";
    if (line)
        snprintf(where, sizeof(where), "line %zu: ", line);
    if (r->rc == HC_OK)
        r->rc = hc_fail_at(r->err, HC_E_INPUT, (hc_str){ NULL, 0 }, (int)here + 1, -1, "yaml: %s%s", where,
                           problem);
    return NULL;
}

struct hc_ynode *hc_ynode_new(struct hc_arena *a, enum hc_ynode_kind kind)
{
    struct hc_ynode *n = HC_NEW(a, struct hc_ynode);
    if (n)
        n->kind = kind;
    return n;
}

static struct hc_ynode *new_node(struct reader *r, enum hc_ynode_kind kind)
{
    struct hc_ynode *n = hc_ynode_new(r->s.a, kind);
    if (!n && r->rc == HC_OK)
        r->rc = hc_arena_check(r->s.a, r->err, "YAML document");
    return n;
}

static bool add(struct hc_arena *a, struct hc_ynode *to, struct hc_ynode *item)
{
    if (!to || !item)
        return false;
    if (to->n == to->cap) {
        size_t cap = HC_MAX(to->cap * 2, (size_t)8);
        struct hc_ynode **more = HC_NEW_N(a, struct hc_ynode *, cap);
        if (!more)
            return false;
        if (to->n)
            memcpy(more, to->items, to->n * sizeof(struct hc_ynode *));
        to->items = more;
        to->cap = cap;
    }
    to->items[to->n++] = item;
    return true;
}

static void take_comments(struct reader *r, struct hc_ynode *n)
{
    n->head = r->s.head;
    n->line = r->s.line;
    n->foot = r->s.foot;
    r->s.head = r->s.line = r->s.foot = r->s.stem = (hc_str){ NULL, 0 };
}

static struct hc_ynode *empty_scalar(struct reader *r)
{
    struct hc_ynode *n = new_node(r, HC_YNODE_SCALAR);
    if (n)
        n->value = HC_S("");
    return n;
}

/* A comment above a '-' whose item is a list or map is that item's as a whole. */
static void split_stem(struct reader *r, size_t stem)
{
    if (!stem)
        return;
    yaml_token_type_t t = peek(r);
    if (t != YAML_BLOCK_SEQUENCE_START_TOKEN && t != YAML_BLOCK_MAPPING_START_TOKEN)
        return;
    r->s.stem = hc_str_sub(r->s.head, 0, stem);
    r->s.head = r->s.head.n > stem ? hc_str_sub(r->s.head, stem + 1, r->s.head.n) : (hc_str){ NULL, 0 };
}

/* ---- block form -------------------------------------------------------------------------------------- */

static void block_list(struct reader *r, struct hc_ynode *n, bool indentless)
{
    size_t line = line_here(r);
    if (!indentless)
        skip(r);
    while (peek(r) == YAML_BLOCK_ENTRY_TOKEN) {
        size_t stem = r->s.head.n;
        skip(r);
        split_stem(r, stem);
        yaml_token_type_t t = peek(r);
        bool none = t == YAML_BLOCK_ENTRY_TOKEN || t == YAML_BLOCK_END_TOKEN ||
                    (indentless && (t == YAML_KEY_TOKEN || t == YAML_VALUE_TOKEN));
        if (!add(r->s.a, n, none ? empty_scalar(r) : node(r, true, false)))
            return;
    }
    if (indentless)
        return;
    if (peek(r) != YAML_BLOCK_END_TOKEN) {
        fail(r, line, "did not find expected '-' indicator");
        return;
    }
    skip(r);
}

static struct hc_ynode *block_map_part(struct reader *r)
{
    yaml_token_type_t t = peek(r);
    bool none = t == YAML_KEY_TOKEN || t == YAML_VALUE_TOKEN || t == YAML_BLOCK_END_TOKEN;
    return none ? empty_scalar(r) : node(r, true, true);
}

/* A foot comment found at a key is of the entry before, or, found at a value, of the whole entry. */
static void settle_feet(struct hc_ynode *n, struct hc_ynode *k, struct hc_ynode *v, bool before)
{
    if (before && k->foot.n && n->n > 2) {
        n->items[n->n - 3]->foot = k->foot;
        k->foot.n = 0;
    }
    if (v && !k->foot.n && v->foot.n) {
        k->foot = v->foot;
        v->foot.n = 0;
    }
}

static void block_map(struct reader *r, struct hc_ynode *n)
{
    size_t line = line_here(r);
    skip(r);
    for (;;) {
        yaml_token_type_t t = peek(r);
        struct hc_ynode *k = NULL, *v = NULL;
        if (t == YAML_KEY_TOKEN) {
            skip(r);
            k = block_map_part(r);
        } else if (t == YAML_VALUE_TOKEN) {
            k = empty_scalar(r);
        } else {
            break;
        }
        if (!add(r->s.a, n, k))
            return;
        settle_feet(n, k, NULL, true);
        if (peek(r) == YAML_VALUE_TOKEN) {
            skip(r);
            v = block_map_part(r);
        } else {
            v = empty_scalar(r);
        }
        if (!add(r->s.a, n, v))
            return;
        settle_feet(n, k, v, false);
    }
    if (peek(r) != YAML_BLOCK_END_TOKEN) {
        fail(r, line, "did not find expected key");
        return;
    }
    hc_str head = n->head;
    take_comments(r, n);
    n->head = head;
    skip(r);
    if (n->foot.n && n->n > 1) {
        n->items[n->n - 2]->foot = n->foot;
        n->foot.n = 0;
    }
}

/* ---- flow form --------------------------------------------------------------------------------------- */

static struct hc_ynode *flow_part(struct reader *r, yaml_token_type_t end)
{
    yaml_token_type_t t = peek(r);
    bool none = t == YAML_VALUE_TOKEN || t == YAML_FLOW_ENTRY_TOKEN || t == end;
    return none ? empty_scalar(r) : node(r, false, false);
}

static struct hc_ynode *flow_value(struct reader *r, yaml_token_type_t end)
{
    if (peek(r) != YAML_VALUE_TOKEN)
        return empty_scalar(r);
    skip(r);
    return flow_part(r, end);
}

/* "[a: b]" holds a map of one entry. */
static struct hc_ynode *flow_pair(struct reader *r)
{
    struct hc_ynode *m = new_node(r, HC_YNODE_MAP);
    if (!m)
        return NULL;
    m->flow = true;
    skip(r);
    struct hc_ynode *k = flow_part(r, YAML_FLOW_SEQUENCE_END_TOKEN);
    if (!add(r->s.a, m, k))
        return NULL;
    struct hc_ynode *v = flow_value(r, YAML_FLOW_SEQUENCE_END_TOKEN);
    if (!add(r->s.a, m, v))
        return NULL;
    settle_feet(m, k, v, false);
    return m;
}

static bool flow_entry(struct reader *r, struct hc_ynode *n, bool list)
{
    struct hc_ynode *k, *v;
    if (list)
        return add(r->s.a, n, peek(r) == YAML_KEY_TOKEN ? flow_pair(r) : node(r, false, false));
    if (peek(r) == YAML_KEY_TOKEN) {
        skip(r);
        k = flow_part(r, YAML_FLOW_MAPPING_END_TOKEN);
        if (!add(r->s.a, n, k))
            return false;
        v = flow_value(r, YAML_FLOW_MAPPING_END_TOKEN);
    } else {
        k = node(r, false, false);
        if (!add(r->s.a, n, k))
            return false;
        v = empty_scalar(r);
    }
    if (!add(r->s.a, n, v))
        return false;
    settle_feet(n, k, v, false);
    return true;
}

static void flow(struct reader *r, struct hc_ynode *n, bool list)
{
    yaml_token_type_t end = list ? YAML_FLOW_SEQUENCE_END_TOKEN : YAML_FLOW_MAPPING_END_TOKEN;
    size_t line = line_here(r);
    skip(r);
    for (bool first = true; peek(r) != end; first = false) {
        if (!first) {
            if (peek(r) != YAML_FLOW_ENTRY_TOKEN) {
                fail(r, line, list ? "did not find expected ',' or ']'" : "did not find expected ',' or '}'");
                return;
            }
            skip(r);
            if (peek(r) == end)
                break;
        }
        if (!flow_entry(r, n, list))
            return;
    }
    hc_str head = n->head;
    take_comments(r, n);
    n->head = head;
    skip(r);
}

/* ---- nodes ------------------------------------------------------------------------------------------- */

static hc_str tag_of(struct reader *r, const yaml_token_t *t, size_t line)
{
    hc_str handle = hc_str_of((const char *)t->data.tag.handle),
           suffix = hc_str_of((const char *)t->data.tag.suffix);
    const struct hc_val *known = hc_map_get(r->handles, handle);
    hc_str prefix = known ? hc_get_str(known) : hc_str_eqz(handle, "!!") ? HC_S("tag:yaml.org,2002:") : handle;
    if (!known && handle.n > 1 && !hc_str_eqz(handle, "!!"))
        fail(r, line, "found undefined tag handle");
    return hc_arena_printf(r->s.a, "%.*s%.*s", HC_P(prefix), HC_P(suffix));
}

static void properties(struct reader *r, hc_str *anchor, hc_str *tag)
{
    const size_t line = line_here(r);
    for (int i = 0; i < 2; i++) {
        yaml_token_type_t t = peek(r);
        if (t == YAML_ANCHOR_TOKEN && !anchor->n)
            *anchor = hc_arena_str(r->s.a, hc_str_of((const char *)yn_peek(&r->s)->t.data.anchor.value));
        else if (t == YAML_TAG_TOKEN && !tag->n)
            *tag = tag_of(r, &yn_peek(&r->s)->t, line);
        else
            return;
        skip(r);
    }
}

static struct hc_ynode *scalar(struct reader *r)
{
    static const enum hc_ynode_style styles[] = {
        [YAML_SINGLE_QUOTED_SCALAR_STYLE] = HC_YNODE_SINGLE, [YAML_DOUBLE_QUOTED_SCALAR_STYLE] = HC_YNODE_DOUBLE,
        [YAML_LITERAL_SCALAR_STYLE] = HC_YNODE_LITERAL,      [YAML_FOLDED_SCALAR_STYLE] = HC_YNODE_FOLDED,
        [YAML_PLAIN_SCALAR_STYLE] = HC_YNODE_PLAIN,
    };
    struct hc_ynode *n = new_node(r, HC_YNODE_SCALAR);
    const yaml_token_t *t = &yn_peek(&r->s)->t;
    if (!n)
        return NULL;
    n->style = styles[t->data.scalar.style];
    n->value = hc_arena_str(r->s.a, hc_str_n((const char *)t->data.scalar.value, t->data.scalar.length));
    take_comments(r, n);
    skip(r);
    return n;
}

static struct hc_ynode *alias(struct reader *r)
{
    struct hc_ynode *n = new_node(r, HC_YNODE_ALIAS);
    if (!n)
        return NULL;
    n->value = hc_arena_str(r->s.a, hc_str_of((const char *)yn_peek(&r->s)->t.data.alias.value));
    if (!hc_map_get(r->anchors, n->value))
        r->rc = hc_fail_at(r->err, HC_E_INPUT, (hc_str){ NULL, 0 }, (int)line_here(r) + 1, -1,
                           "yaml: unknown anchor '%.*s' referenced", HC_P(n->value));
    take_comments(r, n);
    skip(r);
    return n;
}

static struct hc_ynode *container(struct reader *r, yaml_token_type_t t)
{
    bool list = t == YAML_BLOCK_ENTRY_TOKEN || t == YAML_BLOCK_SEQUENCE_START_TOKEN ||
                t == YAML_FLOW_SEQUENCE_START_TOKEN;
    struct hc_ynode *n = new_node(r, list ? HC_YNODE_SEQ : HC_YNODE_MAP);
    if (!n)
        return NULL;
    if (t == YAML_FLOW_SEQUENCE_START_TOKEN || t == YAML_FLOW_MAPPING_START_TOKEN) {
        n->flow = true;
        take_comments(r, n);
        n->line = n->foot = (hc_str){ NULL, 0 };
        flow(r, n, list);
        return n;
    }
    if (t != YAML_BLOCK_ENTRY_TOKEN) {
        n->head = r->s.stem;
        r->s.stem = (hc_str){ NULL, 0 };
    }
    if (list)
        block_list(r, n, t == YAML_BLOCK_ENTRY_TOKEN);
    else
        block_map(r, n);
    return n;
}

static struct hc_ynode *node(struct reader *r, bool block, bool indentless)
{
    if (r->rc != HC_OK)
        return NULL;
    if (peek(r) == YAML_ALIAS_TOKEN)
        return alias(r);
    if (r->depth >= MAX_DEPTH) {
        r->rc = hc_fail(r->err, HC_E_LIMIT, "yaml: nested deeper than %d", MAX_DEPTH);
        return NULL;
    }
    hc_str anchor = { NULL, 0 }, tag = { NULL, 0 };
    size_t line = line_here(r);
    properties(r, &anchor, &tag);
    if (anchor.n)
        hc_map_put_ref(r->s.a, r->anchors, anchor, hc_null_val(r->s.a));
    yaml_token_type_t t = peek(r);
    struct hc_ynode *n = NULL;
    r->depth++;
    if (t == YAML_SCALAR_TOKEN)
        n = scalar(r);
    else if ((indentless && t == YAML_BLOCK_ENTRY_TOKEN) || t == YAML_FLOW_SEQUENCE_START_TOKEN ||
             t == YAML_FLOW_MAPPING_START_TOKEN ||
             (block && (t == YAML_BLOCK_SEQUENCE_START_TOKEN || t == YAML_BLOCK_MAPPING_START_TOKEN)))
        n = container(r, t);
    else if (anchor.n || tag.n)
        n = empty_scalar(r);
    else
        fail(r, line, "did not find expected node content");
    r->depth--;
    if (n) {
        n->anchor = anchor;
        n->tag = hc_str_eqz(tag, "!") ? (hc_str){ NULL, 0 } : tag;
        if (!n->tag.n && n->kind == HC_YNODE_SCALAR && n->style == HC_YNODE_PLAIN && hc_str_eqz(n->value, "<<"))
            n->tag = HC_S("tag:yaml.org,2002:merge"); /* yaml.v3 writes it with its tag */
    }
    return r->rc == HC_OK ? n : NULL;
}

/* ---- documents --------------------------------------------------------------------------------------- */

/* Of the comments above the first node, those before the last empty line are of the document. */
static void split_head(struct reader *r, struct hc_ydoc *d)
{
    hc_str h = r->s.head;
    for (size_t i = h.n; i-- > 1;) {
        if (h.p[i] != '\n')
            continue;
        bool last = i + 1 == h.n;
        if (!last && h.p[i - 1] != '\n')
            continue;
        d->head = hc_str_sub(h, 0, last ? i : i - 1);
        r->s.head = hc_str_sub(h, i + 1, h.n);
        return;
    }
}

static void document(struct reader *r, struct hc_ydoc *d)
{
    skip(r); /* the stream's start */
    while (peek(r) == YAML_DOCUMENT_END_TOKEN)
        skip(r);
    yaml_token_type_t t = peek(r);
    if (t == YAML_STREAM_END_TOKEN)
        return;
    if (t == YAML_VERSION_DIRECTIVE_TOKEN || t == YAML_TAG_DIRECTIVE_TOKEN || t == YAML_DOCUMENT_START_TOKEN) {
        for (; peek(r) == YAML_VERSION_DIRECTIVE_TOKEN || peek(r) == YAML_TAG_DIRECTIVE_TOKEN; skip(r)) {
            const yaml_token_t *directive = &yn_peek(&r->s)->t;
            if (directive->type == YAML_TAG_DIRECTIVE_TOKEN)
                hc_map_put(r->s.a, r->handles, hc_str_of((const char *)directive->data.tag_directive.handle),
                           hc_strz_val(r->s.a, (const char *)directive->data.tag_directive.prefix));
        }
        if (peek(r) != YAML_DOCUMENT_START_TOKEN) {
            fail(r, 0, "did not find expected <document start>");
            return;
        }
        skip(r);
        t = peek(r);
        d->root = t == YAML_DOCUMENT_START_TOKEN || t == YAML_DOCUMENT_END_TOKEN || t == YAML_STREAM_END_TOKEN
                      ? empty_scalar(r)
                      : node(r, true, false);
    } else {
        split_head(r, d);
        d->root = node(r, true, false);
    }
    if (r->rc != HC_OK)
        return;
    t = peek(r);
    if (t != YAML_STREAM_END_TOKEN && t != YAML_DOCUMENT_START_TOKEN && t != YAML_DOCUMENT_END_TOKEN) {
        fail(r, 0, "did not find expected <document start>");
        return;
    }
    d->foot = r->s.foot.n ? r->s.foot : r->s.head;
}

bool hc_ynode_is_null(const struct hc_ynode *n)
{
    static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };
    if (!n || n->kind != HC_YNODE_SCALAR || n->style != HC_YNODE_PLAIN)
        return !n;
    if (n->tag.n)
        return hc_str_eqz(n->tag, "tag:yaml.org,2002:null");
    for (size_t i = 0; i < HC_LEN(nulls); i++)
        if (hc_str_eqz(n->value, nulls[i]))
            return true;
    return false;
}

enum hc_rc hc_ydoc_parse(struct hc_arena *a, hc_str text, struct hc_ydoc **out, struct hc_err *err)
{
    struct reader *r = HC_NEW(a, struct reader);
    struct hc_ydoc *d = HC_NEW(a, struct hc_ydoc);
    if (!r || !d)
        return hc_arena_check(a, err, "YAML document");
    r->err = err;
    r->anchors = hc_map_new(a);
    r->handles = hc_map_new(a);
    r->rc = yn_open(&r->s, a, text, err);
    if (r->rc == HC_OK)
        document(r, d);
    if (r->rc == HC_OK)
        r->rc = hc_arena_check(a, err, "YAML document");
    yn_done(&r->s);
    if (r->rc == HC_OK)
        *out = d->root && !hc_ynode_is_null(d->root) ? d : NULL;
    return r->rc;
}

/* ---- changes ----------------------------------------------------------------------------------------- */

static size_t find(const struct hc_ynode *map, const char *key)
{
    if (map && map->kind == HC_YNODE_MAP)
        for (size_t i = 0; i + 1 < map->n; i += 2)
            if (map->items[i]->kind == HC_YNODE_SCALAR && hc_str_eqz(map->items[i]->value, key))
                return i;
    return SIZE_MAX;
}

struct hc_ynode *hc_ynode_get(const struct hc_ynode *map, const char *key)
{
    size_t at = find(map, key);
    return at == SIZE_MAX ? NULL : map->items[at + 1];
}

void hc_ynode_put(struct hc_arena *a, struct hc_ynode *map, hc_str key, struct hc_ynode *value)
{
    struct hc_ynode *k = hc_ynode_new(a, HC_YNODE_SCALAR);
    if (!k || !value)
        return;
    k->value = hc_arena_str(a, key);
    if (add(a, map, k))
        (void)add(a, map, value);
}

bool hc_ynode_del(struct hc_ynode *map, const char *key)
{
    size_t at = find(map, key);
    if (at == SIZE_MAX)
        return false;
    memmove(map->items + at, map->items + at + 2, (map->n - at - 2) * sizeof(struct hc_ynode *));
    map->n -= 2;
    return true;
}
