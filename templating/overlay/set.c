/*
 * The --set grammar (D3): names, lists and values read rune by rune, written into the tree as they are met.
 *
 * An error leaves what was written before it in the tree, as in Helm; callers give up then anyway. The end of
 * the text is a result of its own (END): in most places it just ends the work, which is how Helm comes to accept
 * "a[0" (not Helm 3) and "a[0]" without a word.
 */
#include <stdlib.h>

#include "core/value/json.h"
#include "templating/overlay/overlay_impl.h"

#define MAX_INDEX   65536 /* Helm pkg/strvals: MaxIndex           */
#define MAX_NESTING 30    /* Helm pkg/strvals: MaxNestedNameLevel */

enum step { STEP_OK, STEP_END, STEP_FAILED };

struct parser {
    struct hc_arena *a;
    hc_str rest;
    enum hc_set_kind kind;
    bool helm3;
    const struct hc_values_port *port;
    uint32_t origin;
    size_t text_n;      /* bytes of the whole argument */
    struct hc_buf word; /* the text runes_until took */
    bool spent;         /* word was cut once */
    struct hc_err *err;
};

static enum step read_key(struct parser *p, struct hc_val *data, int level);

/* ---- runes --------------------------------------------------------------------------------------- */

void hc_overlay_quote(struct hc_buf *b, hc_str s)
{
    hc_buf_putc(b, '"');
    while (s.n) {
        uint32_t r;
        size_t n = hc_utf8_decode(s, &r);
        const char *esc = r == '"' ? "\\\"" : r == '\\' ? "\\\\" : NULL;
        if (r >= 7 && r <= 13)
            esc = (const char *const[]){ "\\a", "\\b", "\\t", "\\n", "\\v", "\\f", "\\r" }[r - 7];
        if (esc)
            hc_buf_puts(b, esc);
        else if (r == 0xfffd && n == 1)
            hc_buf_printf(b, "\\x%02x", (unsigned char)*s.p);
        else if (r < 0x20 || r == 0x7f)
            hc_buf_printf(b, "\\x%02x", r);
        else if ((r >= 0x80 && r <= 0xa0) || r == 0xad || (r >= 0x2000 && r <= 0x200f) ||
                 (r >= 0x2028 && r <= 0x202f) || r == 0xfeff)
            hc_buf_printf(b, "\\u%04x", r);
        else
            hc_buf_put(b, hc_str_sub(s, 0, n));
        s = hc_str_sub(s, n, s.n);
    }
    hc_buf_putc(b, '"');
}

static bool next_rune(struct parser *p, uint32_t *out)
{
    size_t n = hc_utf8_decode(p->rest, out);
    p->rest = hc_str_sub(p->rest, n, p->rest.n);
    return n > 0;
}

static void keep(struct parser *p, uint32_t rune)
{
    char utf8[4];
    hc_buf_put(&p->word, hc_str_n(utf8, hc_utf8_encode(rune, utf8)));
    p->spent = p->spent || p->word.spent;
}

/* Text up to one of `stops` into p->word; a backslash takes the rune behind it as it is (not in --set-literal).
 * Gives the stop, or 0 at the end of the text. */
static uint32_t runes_until(struct parser *p, const char *stops)
{
    uint32_t r;
    hc_buf_reset(&p->word);
    while (next_rune(p, &r)) {
        if (r && r < 0x80 && strchr(stops, (int)r))
            return r;
        if (r == '\\' && p->kind != HC_SET_LITERAL && !next_rune(p, &r))
            return 0;
        keep(p, r);
    }
    return 0;
}

/* ---- failures ------------------------------------------------------------------------------------ */

#define FAIL(p, ...) (hc_fail((p)->err, HC_E_INPUT, __VA_ARGS__), STEP_FAILED)

static enum step fail_quoted(struct parser *p, const char *before, hc_str key, const char *after)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_buf_puts(&b, before);
    hc_overlay_quote(&b, key);
    hc_buf_puts(&b, after);
    return FAIL(p, "%.*s", HC_P(hc_buf_str(&b)));
}

static const char *go_type(const struct hc_val *v)
{
    switch (hc_kind_of(v)) {
    case HC_BOOL:
        return "bool";
    case HC_INT:
    case HC_UINT:
        return "int64";
    case HC_FLOAT:
        return "float64";
    case HC_STR:
        return "string";
    case HC_LIST:
        return "[]interface {}";
    case HC_MAP:
        return "map[string]interface {}";
    default:
        return "nil";
    }
}

static enum step wrong_kind(struct parser *p, const struct hc_val *is, const char *want)
{
    return FAIL(p, "unable to parse key: interface conversion: interface {} is %s, not %s", go_type(is), want);
}

/* "['x' 'y']": Go's %q of a list of runes. */
static enum step unexpected_data(struct parser *p)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_str s = hc_buf_str(&p->word);
    for (bool first = true; s.n; first = false) {
        uint32_t r;
        size_t n = hc_utf8_decode(s, &r);
        HC_AUTO(hc_buf) struct hc_buf one;
        hc_buf_init(&one, 0);
        hc_overlay_quote(&one, hc_str_sub(s, 0, n));
        hc_str body = hc_str_sub(hc_buf_str(&one), 1, one.n - 1);
        hc_buf_printf(&b, "%s'%.*s'", first ? "" : " ",
                      HC_P(r == '\''  ? HC_S("\\'")
                           : r == '"' ? HC_S("\"")
                                      : body));
        s = hc_str_sub(s, n, s.n);
    }
    return FAIL(p, "unexpected data at end of array index: [%.*s]", HC_P(hc_buf_str(&b)));
}

/* ---- values -------------------------------------------------------------------------------------- */

/* New nodes know their argument, and how much of it was read: no two of a kind have the same place. */
static struct hc_val *stamp(struct parser *p, struct hc_val *v)
{
    if (v && p->origin) {
        hc_val_set_origin(v, p->origin);
        v->line = 1;
        v->col = (uint16_t)HC_MIN(p->text_n - p->rest.n + 1, (size_t)UINT16_MAX);
    }
    return v;
}

static bool word_is(hc_str s, const char *z)
{
    return hc_str_eq_nocase(s, hc_str_of(z));
}

/* A number as Go's ParseInt with base 10 takes it. */
static bool parse_int(hc_str s, int64_t *out)
{
    bool sign = s.n && (s.p[0] == '+' || s.p[0] == '-'), minus = s.n && s.p[0] == '-';
    uint64_t u = 0;
    s = hc_str_sub(s, sign, s.n);
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(u, 10u, &u) || __builtin_add_overflow(u, (uint64_t)(s.p[i] - '0'), &u))
            return false;
    }
    if (u > (uint64_t)INT64_MAX + minus)
        return false;
    *out = (int64_t)(minus ? 0 - u : u);
    return true;
}

/* p->word as a value of this kind of argument. NULL: failed, p->err says why. */
static struct hc_val *word_value(struct parser *p)
{
    hc_str s = hc_buf_str(&p->word);
    int64_t i;
    if (p->kind == HC_SET_FILE) {
        hc_str body = { NULL, 0 };
        if (p->port->read(p->port->ctx, p->a, s, &body, p->err) != HC_OK)
            return NULL;
        return stamp(p, hc_str_val_ref(p->a, body));
    }
    struct hc_val *v = NULL;
    if (p->kind == HC_SET_PLAIN) {
        if (word_is(s, "true") || word_is(s, "false"))
            v = hc_bool_val(p->a, (s.p[0] | 0x20) == 't');
        else if (word_is(s, "null"))
            v = hc_null_val(p->a);
        else if (hc_str_eqz(s, "0"))
            v = hc_int_val(p->a, 0);
        else if (s.n && s.p[0] != '0' && parse_int(s, &i))
            v = hc_int_val(p->a, i);
    }
    if (!v)
        v = hc_str_val(p->a, s);
    if (!v)
        hc_arena_check(p->a, p->err, "--set values");
    return stamp(p, v);
}

/* "{a,b}", the opening brace is behind us. */
static enum step read_braces(struct parser *p, struct hc_val **out)
{
    struct hc_val *list = hc_list_new(p->a);
    for (;;) {
        uint32_t stop = runes_until(p, ",}");
        if (!stop)
            return FAIL(p, "list must terminate with '}'");
        struct hc_val *v = word_value(p);
        if (!v)
            return STEP_FAILED;
        hc_list_add(p->a, list, v);
        if (stop == '}') {
            if (p->rest.n && p->rest.p[0] == ',')
                p->rest = hc_str_sub(p->rest, 1, p->rest.n);
            *out = stamp(p, list);
            return STEP_OK;
        }
    }
}

/* unicode.IsSpace */
static bool is_space(uint32_t r)
{
    return (r >= 9 && r <= 13) || r == ' ' || r == 0x85 || r == 0xa0 || r == 0x1680 ||
           (r >= 0x2000 && r <= 0x200a) || r == 0x2028 || r == 0x2029 || r == 0x202f || r == 0x205f || r == 0x3000;
}

/* Skips spaces and one comma; true when that was all there was before the next argument. */
static bool empty_json(struct parser *p)
{
    for (;;) {
        hc_str before = p->rest;
        uint32_t r;
        if (!next_rune(p, &r) || r == ',')
            return true;
        if (!is_space(r)) {
            p->rest = before;
            return false;
        }
    }
}

/* Length of the JSON value at the start of `s`, as a decoder that reads one value takes it. What is no JSON at all
 * is left to the real reader. */
static size_t json_extent(hc_str s)
{
    size_t i = 0, depth = 0;
    while (i < s.n && strchr(" \t\r\n", s.p[i]) && s.p[i])
        i++;
    if (i < s.n && (s.p[i] == '-' || (s.p[i] >= '0' && s.p[i] <= '9'))) {
        size_t best = i;
        if (s.p[i] == '-')
            i++;
        if (i < s.n && s.p[i] == '0')
            i++;
        else
            while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
                i++;
        if (i < s.n && s.p[i] == '.')
            for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9';)
                i++;
        if (i < s.n && (s.p[i] | 0x20) == 'e') {
            i++;
            if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
                i++;
            while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
                i++;
        }
        return HC_MAX(i, best);
    }
    if (i < s.n && strchr("tfn", s.p[i]) && s.p[i])
        return HC_MIN(i + (s.p[i] == 'f' ? 5 : 4), s.n);
    for (; i < s.n; i++) {
        char c = s.p[i];
        if (c == '"') {
            for (i++; i < s.n && s.p[i] != '"'; i++)
                i += s.p[i] == '\\';
            if (depth == 0)
                return HC_MIN(i + 1, s.n);
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (depth <= 1)
                return i + 1;
            depth--;
        } else if (depth == 0) {
            break;
        }
    }
    return s.n;
}

/* Everything behind "=" up to and with the comma. */
static enum step read_value(struct parser *p, struct hc_val **out)
{
    if (p->kind == HC_SET_LITERAL) {
        runes_until(p, "");
        *out = word_value(p);
        return *out ? STEP_OK : STEP_FAILED;
    }
    if (p->kind == HC_SET_JSON) {
        if (empty_json(p)) {
            *out = stamp(p, hc_null_val(p->a));
            return STEP_OK;
        }
        size_t n = json_extent(p->rest);
        if (hc_json_parse(p->a, hc_str_sub(p->rest, 0, n),
                          HC_JSON_ALL_FLOAT | (p->origin ? 0 : HC_JSON_NO_POSITIONS), out, p->err) != HC_OK)
            return STEP_FAILED;
        if (p->origin)
            hc_val_set_origin(*out, p->origin);
        p->rest = hc_str_sub(p->rest, n, p->rest.n);
        empty_json(p);
        return STEP_OK;
    }
    if (p->rest.n == 0) {
        *out = stamp(p, hc_str_val(p->a, HC_S("")));
        return STEP_END;
    }
    if (p->rest.p[0] == '{') {
        p->rest = hc_str_sub(p->rest, 1, p->rest.n);
        return read_braces(p, out);
    }
    runes_until(p, ",");
    *out = word_value(p);
    return *out ? STEP_OK : STEP_FAILED;
}

/* ---- names --------------------------------------------------------------------------------------- */

static void set(struct parser *p, struct hc_val *data, hc_str key, struct hc_val *val)
{
    if (key.n)
        hc_map_put(p->a, data, key, val);
}

/* The number between brackets; the opening one is behind us. */
static enum step read_index(struct parser *p, int64_t *out)
{
    if (!runes_until(p, "]"))
        return p->helm3 ? FAIL(p, "error parsing index: EOF") : STEP_END;
    hc_str s = hc_buf_str(&p->word);
    if (parse_int(s, out))
        return STEP_OK;
    hc_str digits = hc_str_sub(s, s.n && (s.p[0] == '+' || s.p[0] == '-'), s.n);
    bool range = digits.n > 0;
    for (size_t i = 0; i < digits.n; i++)
        range = range && digits.p[i] >= '0' && digits.p[i] <= '9';
    return fail_quoted(p, "error parsing index: strconv.Atoi: parsing ", s,
                       range ? ": value out of range" : ": invalid syntax");
}

static enum step set_index(struct parser *p, struct hc_val *list, int64_t index, struct hc_val *val)
{
    if (index > MAX_INDEX)
        return FAIL(p, "index of %" PRId64 " is greater than maximum supported index of %d", index, MAX_INDEX);
    while ((int64_t)hc_list_len(list) <= index) {
        hc_list_add(p->a, list, stamp(p, hc_null_val(p->a)));
        if (hc_arena_spent(p->a)) {
            hc_arena_check(p->a, p->err, "--set values");
            return STEP_FAILED;
        }
    }
    list->list->items[index] = val;
    return STEP_OK;
}

/* What follows "[index]". */
static enum step read_item(struct parser *p, struct hc_val *list, int64_t index, int level)
{
    if (index < 0)
        return FAIL(p, "negative %" PRId64 " index not allowed", index);
    uint32_t stop = runes_until(p, "[.=");
    if (p->word.n)
        return unexpected_data(p);
    struct hc_val *there = hc_list_at(list, (size_t)index), *val = NULL;
    enum step s;
    switch (stop) {
    case '=':
        s = read_value(p, &val);
        return s == STEP_FAILED ? s : set_index(p, list, index, val);
    case '[': {
        int64_t next = 0;
        s = read_index(p, &next);
        if (s != STEP_OK)
            return s;
        if (there && !hc_is_null(there) && !hc_is_list(there))
            return wrong_kind(p, there, "[]interface {}");
        val = hc_is_list(there) ? there : stamp(p, hc_list_new(p->a));
        s = read_item(p, val, next, level);
        return s == STEP_OK ? set_index(p, list, index, val) : s;
    }
    case '.':
        val = hc_is_map(there) ? there : stamp(p, hc_map_new(p->a));
        if (there)
            list->list->items[index] = val;
        s = read_key(p, val, level);
        return s == STEP_OK ? set_index(p, list, index, val) : s;
    default:
        return STEP_END;
    }
}

static enum step read_list(struct parser *p, struct hc_val *data, hc_str key, int level)
{
    int64_t index = 0;
    enum step s = read_index(p, &index);
    if (s != STEP_OK)
        return s;
    struct hc_val *list = hc_map_get(data, key);
    if (list && !hc_is_list(list))
        return wrong_kind(p, list, "[]interface {}");
    if (!list)
        list = stamp(p, hc_list_new(p->a));
    s = read_item(p, list, index, level);
    if (s != STEP_FAILED)
        set(p, data, key, list);
    return s;
}

static enum step read_nested(struct parser *p, struct hc_val *data, hc_str key, int level)
{
    if (level > MAX_NESTING)
        return FAIL(p, "value name nested level is greater than maximum supported nested level of %d", MAX_NESTING);
    struct hc_val *inner = hc_map_get(data, key);
    if (inner && !hc_is_map(inner))
        return wrong_kind(p, inner, "map[string]interface {}");
    if (!inner)
        inner = stamp(p, hc_map_new(p->a));
    enum step s = read_key(p, inner, level);
    if (s == STEP_OK && hc_map_len(inner) == 0)
        return fail_quoted(p, "key map ", key, " has no value");
    if (hc_map_len(inner))
        set(p, data, key, inner);
    return s;
}

static enum step read_key(struct parser *p, struct hc_val *data, int level)
{
    uint32_t stop = runes_until(p, p->kind == HC_SET_LITERAL ? "=[." : "=[,.");
    hc_str key = hc_buf_to_arena(&p->word, p->a);
    struct hc_val *val = NULL;
    enum step s;
    switch (stop) {
    case '[':
        return read_list(p, data, key, level);
    case '.':
        return read_nested(p, data, key, level + 1);
    case '=':
        s = read_value(p, &val);
        if (s != STEP_FAILED)
            set(p, data, key, val);
        return s;
    case ',':
        return fail_quoted(p, "key ", key, " has no value (cannot end with ,)");
    default:
        return key.n ? fail_quoted(p, "key ", key, " has no value") : STEP_END;
    }
}

/* ---- one argument -------------------------------------------------------------------------------- */

static const char *const flags[] = { "--set-json", "--set", "--set-string", "--set-file", "--set-literal" };

enum hc_rc hc_set_apply(struct hc_arena *a, struct hc_val *tree, const struct hc_set_arg *arg, bool helm3,
                        const struct hc_values_port *port, uint32_t origin, struct hc_err *err)
{
    struct hc_err own = HC_ERR_INIT;
    struct parser p = { .a = a,
                        .rest = arg->text,
                        .kind = arg->kind,
                        .helm3 = helm3,
                        .port = port,
                        .origin = origin,
                        .text_n = arg->text.n,
                        .err = &own };
    hc_buf_init(&p.word, 0);
    enum step s;
    do
        s = read_key(&p, tree, 0);
    while (s == STEP_OK);
    bool spent = p.spent || hc_arena_spent(a);
    hc_buf_done(&p.word);
    if (spent && s != STEP_FAILED)
        return hc_fail_nomem(err);
    if (s != STEP_FAILED)
        return HC_OK;
    if (arg->kind == HC_SET_JSON)
        return hc_fail(err, own.code, "failed parsing --set-json data %.*s", HC_P(arg->text));
    hc_wrap(&own, "failed parsing %s data", flags[arg->kind]);
    own.col = (int32_t)(arg->text.n - p.rest.n); /* the last byte that was looked at, from 1 */
    return hc_err_copy(err, &own);
}
