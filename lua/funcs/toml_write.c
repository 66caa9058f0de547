/*
 * toToml (C7): what BurntSushi/toml 1.6 writes. Plain keys first, then tables and arrays of tables, each group
 * sorted by name; lists and what is inside them inline.
 */
#include <stdio.h>

#include "core/value/json.h"
#include "lua/funcs/funcs_impl.h"
#include "lua/funcs/time.h"
#include "lua/funcs/toml.h"
#include "lua/funcs/version.h"

#define MAX_DEPTH 500

struct writer {
    struct hc_fcall *c;
    struct hc_buf *b;
    enum hc_rc rc;
};

/* The path of the value being written, from the top. */
struct key {
    const struct key *parent;
    hc_str name;
    size_t len; /* of the path */
};

enum type { TYPE_NONE, TYPE_PLAIN, TYPE_ARRAY, TYPE_HASH, TYPE_ARRAY_HASH };

static void stop(struct writer *w, const char *text)
{
    if (w->rc == HC_OK)
        w->rc = fn_fail(w->c, "%s", text);
}

static bool is_nil(const struct hc_val *v)
{
    return fn_nil(v) || (v->kind == HC_LIST && (v->list->flags & HC_LIST_NIL)) ||
           (v->kind == HC_MAP && (v->map->flags & HC_LIST_NIL));
}

static enum type type_of(struct writer *w, const struct hc_val *v, int depth)
{
    if (depth > MAX_DEPTH) {
        stop(w, "toml: a value nested too deeply, or one that contains itself");
        return TYPE_NONE;
    }
    if (is_nil(v))
        return TYPE_NONE;
    if (v->kind == HC_MAP)
        return TYPE_HASH;
    if (v->kind != HC_LIST)
        return fn_is_bytes(v) ? TYPE_ARRAY : TYPE_PLAIN;
    bool tables = v->list->n > 0;
    for (uint32_t i = 0; i < v->list->n; i++) {
        enum type t = type_of(w, v->list->items[i], depth + 1);
        if (t == TYPE_NONE)
            stop(w, "toml: cannot encode array with nil element");
        tables = tables && t == TYPE_HASH;
    }
    return tables ? TYPE_ARRAY_HASH : TYPE_ARRAY;
}

void hc_toml_quote(struct hc_buf *b, hc_str s)
{
    static const char special[] = "\b\t\n\f\r\"\\", names[] = "btnfr\"\\";
    hc_buf_putc(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.p[i];
        const char *at = ch ? strchr(special, ch) : NULL;
        if (at) {
            hc_buf_putc(b, '\\');
            hc_buf_putc(b, names[at - special]);
        } else if (ch < ' ' || ch == 0x7f) {
            hc_buf_printf(b, "\\u%04x", ch);
        } else {
            hc_buf_putc(b, (char)ch);
        }
    }
    hc_buf_putc(b, '"');
}

void hc_toml_key(struct hc_buf *b, hc_str s)
{
    bool bare = s.n > 0;
    for (size_t i = 0; i < s.n && bare; i++) {
        char ch = s.p[i];
        bare = (ch >= '0' && ch <= '9') || ((ch | 32) >= 'a' && (ch | 32) <= 'z') || ch == '_' || ch == '-';
    }
    if (bare)
        hc_buf_put(b, s);
    else
        hc_toml_quote(b, s);
}

static void put_path(struct hc_buf *b, const struct key *k)
{
    if (k->parent && k->parent->len > 0) {
        put_path(b, k->parent);
        hc_buf_putc(b, '.');
    }
    hc_toml_key(b, k->name);
}

static void newline(struct writer *w)
{
    if (w->b->n > 0)
        hc_buf_putc(w->b, '\n');
}

static void indent(struct writer *w, size_t len)
{
    hc_buf_fill(w->b, ' ', len > 0 ? 2 * (len - 1) : 0);
}

static void put_float(struct hc_buf *b, double f)
{
    if (isnan(f) || isinf(f)) {
        hc_buf_puts(b, signbit(f) ? "-" : "");
        hc_buf_puts(b, isnan(f) ? "nan" : "inf");
        return;
    }
    size_t from = b->n;
    hc_float_shortest(b, f, 64, 6);
    if (b->n > from && !memchr(b->p + from, '.', b->n - from) && !memchr(b->p + from, 'e', b->n - from))
        hc_buf_puts(b, ".0");
}

static void put_time(struct hc_buf *b, const struct hc_time *t)
{
    struct hc_civil c;
    hc_time_civil(t, &c);
    hc_str layout = HC_S("2006-01-02T15:04:05.999999999Z07:00");
    bool local = true;
    struct hc_time utc = *t;
    utc.zone = NULL;
    if (strcmp(c.zone, "datetime-local") == 0)
        layout = HC_S("2006-01-02T15:04:05.999999999");
    else if (strcmp(c.zone, "date-local") == 0)
        layout = HC_S("2006-01-02");
    else if (strcmp(c.zone, "time-local") == 0)
        layout = HC_S("15:04:05.999999999");
    else
        local = false;
    hc_time_format(b, local ? &utc : t, layout);
}

static void put_map(struct writer *w, const struct key *k, const struct hc_val *v, bool is_inline, int depth);

static void put_element(struct writer *w, const struct hc_val *v, int depth)
{
    HC_AUTO(hc_buf) struct hc_buf text;
    hc_buf_init(&text, 0);
    switch (hc_kind_of(v)) {
    case HC_STR:
        if (v->type != HC_GO_BYTES) {
            hc_toml_quote(w->b, fn_s(v));
            break;
        }
        hc_buf_putc(w->b, '[');
        for (uint32_t i = 0; i < v->n; i++)
            hc_buf_printf(w->b, i > 0 ? ", %d" : "%d", (unsigned char)v->s[i]);
        hc_buf_putc(w->b, ']');
        break;
    case HC_BOOL:
        hc_buf_puts(w->b, v->b ? "true" : "false");
        break;
    case HC_INT:
        if (v->type == HC_GO_DURATION) {
            hc_duration_string(&text, v->i);
            hc_toml_quote(w->b, hc_buf_str(&text));
        } else {
            hc_buf_printf(w->b, "%" PRId64, v->i);
        }
        break;
    case HC_UINT:
        hc_buf_printf(w->b, "%" PRIu64, v->u);
        break;
    case HC_FLOAT:
        put_float(w->b, v->f);
        break;
    case HC_LIST:
        hc_buf_putc(w->b, '[');
        for (uint32_t i = 0; i < v->list->n && w->rc == HC_OK; i++) {
            put_element(w, v->list->items[i], depth + 1);
            if (i + 1 < v->list->n)
                hc_buf_puts(w->b, ", ");
        }
        hc_buf_putc(w->b, ']');
        break;
    case HC_MAP:
        put_map(w, NULL, v, true, depth + 1);
        break;
    case HC_OBJ:
        if (v->type == HC_GO_TIME) {
            put_time(w->b, v->obj);
        } else if (v->type == HC_GO_COMPLEX) {
            stop(w, "unexpected type: complex128");
        } else {
            hc_semver_put(&text, v->obj);
            hc_toml_quote(w->b, hc_buf_str(&text));
        }
        break;
    default:
        break;
    }
}

static void put_key_value(struct writer *w, const struct key *k, const struct hc_val *v, bool is_inline, int depth)
{
    if (k->len == 0) {
        put_element(w, v, depth);
        return;
    }
    if (!is_inline)
        indent(w, k->len);
    hc_toml_key(w->b, k->name);
    hc_buf_puts(w->b, " = ");
    put_element(w, v, depth);
    if (!is_inline)
        newline(w);
}

static void encode(struct writer *w, const struct key *k, const struct hc_val *v, int depth)
{
    enum type t = type_of(w, v, 0);
    if (w->rc != HC_OK || depth > MAX_DEPTH)
        return;
    if (v->kind == HC_OBJ && v->type == HC_GO_COMPLEX) {
        HC_AUTO(hc_buf) struct hc_buf path;
        hc_buf_init(&path, 0);
        if (k->len > 0)
            put_path(&path, k);
        w->rc = fn_fail(w->c, "unsupported type for key '%.*s': complex128", HC_P(hc_buf_str(&path)));
        return;
    }
    if (v->kind == HC_MAP) {
        if (t == TYPE_NONE)
            return;
        if (k->len == 1)
            newline(w);
        if (k->len > 0) {
            indent(w, k->len);
            hc_buf_putc(w->b, '[');
            put_path(w->b, k);
            hc_buf_putc(w->b, ']');
            newline(w);
        }
        put_map(w, k, v, false, depth + 1);
    } else if (t == TYPE_ARRAY_HASH) {
        if (k->len == 0)
            stop(w, "toml: top-level values must be Go maps or structs");
        for (uint32_t i = 0; i < v->list->n && w->rc == HC_OK; i++) {
            newline(w);
            indent(w, k->len);
            hc_buf_puts(w->b, "[[");
            put_path(w->b, k);
            hc_buf_puts(w->b, "]]");
            newline(w);
            put_map(w, k, v->list->items[i], false, depth + 1);
        }
    } else {
        put_key_value(w, k, v, false, depth);
    }
}

/* The entries of one group: those that are tables, or those that are not. */
static void put_group(struct writer *w, const struct key *k, const struct hc_val *v, const struct hc_entry **order,
                      bool tables, bool is_inline, int depth)
{
    size_t n = v->map->n, group = 0, more_tables = 0, seen = 0;
    for (size_t i = 0; i < n; i++) {
        enum type t = type_of(w, order[i]->val, 0);
        bool table = t == TYPE_HASH || t == TYPE_ARRAY_HASH;
        group += table == tables;
        more_tables += table;
    }
    for (size_t i = 0; i < n && w->rc == HC_OK; i++) {
        const struct hc_val *val = order[i]->val;
        enum type t = type_of(w, val, 0);
        if ((t == TYPE_HASH || t == TYPE_ARRAY_HASH) != tables || w->rc != HC_OK)
            continue;
        seen++;
        struct key next = { .parent = k, .name = order[i]->key, .len = (k ? k->len : 0) + 1 };
        if (is_nil(val) || (fn_is_struct(v) && next.name.n && next.name.p[0] >= 'a')) /* no capital: not exported */
            continue;
        if (is_inline) {
            put_key_value(w, &next, val, true, depth);
            if ((!tables && more_tables > 0) || seen < group)
                hc_buf_puts(w->b, ", ");
        } else {
            encode(w, &next, val, depth);
        }
    }
}

static void put_map(struct writer *w, const struct key *k, const struct hc_val *v, bool is_inline, int depth)
{
    const struct hc_entry **order = fn_sorted(w->c->a, v);
    if (!order || depth > MAX_DEPTH) {
        w->rc = order ? hc_fail(w->c->err, HC_E_LIMIT, "toml: nested deeper than %d", MAX_DEPTH)
                      : hc_arena_check(w->c->a, w->c->err, "the render");
        return;
    }
    for (uint32_t i = 0; fn_is_struct(v) && i < v->map->n; i++)
        order[i] = &v->map->entries[i]; /* fields keep their order */
    if (is_inline)
        hc_buf_putc(w->b, '{');
    put_group(w, k, v, order, false, is_inline, depth);
    put_group(w, k, v, order, true, is_inline, depth);
    if (is_inline)
        hc_buf_putc(w->b, '}');
}

static enum hc_rc to_toml(struct hc_fcall *c, const struct hc_val *v, bool must, struct hc_val **out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    struct writer w = { .c = c, .b = &b, .rc = HC_OK };
    struct key top = { .len = 0 };
    if (fn_nil(v))
        return fn_panic(c, "reflect: call of reflect.Value.Type on zero Value");
    encode(&w, &top, v, 0);
    if (w.rc == HC_E_INPUT && !must) {
        struct hc_val *text = hc_strz_val(c->a, c->err ? c->err->msg : "");
        hc_err_clear(c->err);
        return fn_done(c, text, out);
    }
    return w.rc == HC_OK ? fn_buf(c, &b, out) : w.rc;
}

FN(fn_to_toml)
{
    (void)argc;
    return to_toml(c, argv[0], false, out);
}

FN(fn_must_to_toml)
{
    (void)argc;
    return to_toml(c, argv[0], true, out);
}
