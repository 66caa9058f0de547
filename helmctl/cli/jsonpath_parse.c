/*
 * The grammar is that of client-go's parser, character by character; what stands in brackets or behind "?(" is cut out
 * first and parsed as an action of its own.
 */
#include <errno.h>
#include <stdlib.h>

#include "helmctl/cli/jsonpath_impl.h"
#include "lua/funcs/gounicode.h"

#define MAX_DEPTH 100 /* actions in actions */

struct parser {
    struct hc_arena *a;
    hc_str in;
    size_t pos, start;
    struct jp_list *root;
    unsigned depth;
    struct hc_err *err;
};

enum { END = 0xffffffff };

#define FAIL(p, ...) hc_fail((p)->err, HC_E_INPUT, __VA_ARGS__)

static enum hc_rc parse(struct hc_arena *a, hc_str text, unsigned depth, struct jp_list *out, struct hc_err *err);

static struct jp_node *add(struct parser *p, struct jp_list *l, enum jp_type type)
{
    if (l->n == l->cap) {
        size_t cap = HC_MAX(l->cap * 2, (size_t)4);
        struct jp_node *more = HC_NEW_N(p->a, struct jp_node, cap);
        if (!more)
            return NULL;
        if (l->n)
            memcpy(more, l->p, l->n * sizeof(*more));
        l->p = more;
        l->cap = cap;
    }
    l->p[l->n] = (struct jp_node){ .type = type };
    return &l->p[l->n++];
}

static uint32_t peek(const struct parser *p, size_t *width)
{
    uint32_t r;
    *width = hc_utf8_decode(hc_str_sub(p->in, p->pos, p->in.n), &r);
    return *width ? r : END;
}

static uint32_t next(struct parser *p)
{
    size_t width;
    uint32_t r = peek(p, &width);
    p->pos += width;
    return r;
}

static hc_str consume(struct parser *p)
{
    hc_str s = hc_str_sub(p->in, p->start, p->pos);
    p->start = p->pos;
    return s;
}

static bool at(const struct parser *p, hc_str prefix)
{
    return hc_str_starts(hc_str_sub(p->in, p->pos, p->in.n), prefix);
}

static bool ends_name(uint32_t r)
{
    return r == END || (r < 0x80 && r && strchr(" \t\r\n.,[]$@{}", (int)r));
}

static enum hc_rc spent(struct parser *p)
{
    return hc_arena_check(p->a, p->err, "JSONPath");
}

/* An action out of a piece of text: "{" text "}". */
static enum hc_rc action(struct parser *p, hc_str before, hc_str text, hc_str after, struct jp_node *to)
{
    struct jp_list all = { NULL, 0, 0 };
    hc_str parts[] = { HC_S("{"), before, text, after, HC_S("}") };
    if (p->depth >= MAX_DEPTH)
        return hc_fail(p->err, HC_E_LIMIT, "JSONPath is nested deeper than %d", MAX_DEPTH);
    enum hc_rc rc = parse(p->a, hc_arena_cat(p->a, HC_LEN(parts), parts), p->depth + 1, &all, p->err);
    if (rc == HC_OK && to)
        *to = (struct jp_node){ .type = JP_LIST, .list = all.n ? all.p[0].list : (struct jp_list){ NULL, 0, 0 } };
    return rc;
}

/* ---- brackets ---------------------------------------------------------------------------------------- */

static enum hc_rc parse_union(struct parser *p, struct jp_list *cur, hc_str text)
{
    struct jp_node *u = add(p, cur, JP_UNION);
    hc_str rest = text, part;
    struct jp_list list = { NULL, 0, 0 };
    while (u && hc_str_split(&rest, ',', &part)) {
        while (part.n && *part.p == ' ')
            part = hc_str_sub(part, 1, part.n);
        while (part.n && part.p[part.n - 1] == ' ')
            part.n--;
        struct jp_node *one = add(p, &list, JP_LIST);
        enum hc_rc rc = action(p, HC_S("["), part, HC_S("]"), one);
        if (rc != HC_OK)
            return rc;
    }
    if (u)
        u->list = list;
    return spent(p);
}

/* -?[0-9]* from s on; gives its length. */
static size_t digits(hc_str s)
{
    size_t n = s.n && *s.p == '-' ? 1 : 0;
    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n;
}

static enum hc_rc parse_slice(struct parser *p, struct jp_list *cur, hc_str text)
{
    hc_str part[3] = { { "", 0 }, { "", 0 }, { "", 0 } }, rest = text;
    bool colon[3] = { true, false, false };
    for (int i = 0; i < 3; i++) {
        if (i > 0) {
            if (!rest.n || *rest.p != ':')
                break;
            colon[i] = true;
            rest = hc_str_sub(rest, 1, rest.n);
        }
        part[i] = hc_str_sub(rest, 0, digits(rest));
        rest = hc_str_sub(rest, part[i].n, rest.n);
    }
    if (rest.n)
        return FAIL(p, "invalid array index %.*s", HC_P(text));
    struct jp_node *n = add(p, cur, JP_ARRAY);
    for (int i = 0; i < 3 && n; i++) {
        if (part[i].n) {
            n->param[i].known = true;
            if (!hc_str_to_i64(part[i], &n->param[i].value))
                return FAIL(p, "array index %.*s is not a number", HC_P(part[i]));
        } else if (i == 1 && !colon[1]) {
            n->param[1] = (struct jp_param){ n->param[0].value + 1, true, true };
        }
    }
    return spent(p);
}

static enum hc_rc parse_array(struct parser *p, struct jp_list *cur)
{
    for (uint32_t r = next(p); r != ']'; r = next(p))
        if (r == END || r == '\n')
            return FAIL(p, "unterminated array");
    hc_str text = consume(p);
    text = hc_str_sub(text, 1, text.n - 1);
    if (hc_str_eqz(text, "*"))
        text = HC_S(":");
    if (hc_str_find(text, ',') != SIZE_MAX)
        return parse_union(p, cur, text);
    hc_str inner = hc_str_sub(text, 1, text.n > 0 ? text.n - 1 : 0);
    if (text.n >= 2 && text.p[0] == '\'' && text.p[text.n - 1] == '\'' && hc_str_find(inner, '\'') == SIZE_MAX) {
        struct jp_node list;
        enum hc_rc rc = action(p, HC_S("."), inner, HC_S(""), &list);
        for (size_t i = 0; rc == HC_OK && i < list.list.n; i++) {
            struct jp_node *n = add(p, cur, JP_FIELD);
            if (n)
                *n = list.list.p[i];
        }
        return rc == HC_OK ? spent(p) : rc;
    }
    return parse_slice(p, cur, text);
}

/* Left, operator, right: the first run of "!<>=" with something on both sides; false: there is none. */
static bool split_filter(hc_str text, hc_str *left, hc_str *op, hc_str *right)
{
    size_t i = 0;
    while (i < text.n && !strchr("!<>=", text.p[i]))
        i++;
    size_t from = i;
    while (i < text.n && text.p[i] && strchr("!<>=", text.p[i]))
        i++;
    if (i == text.n && i > from + 1)
        i--; /* the right side must be something */
    *left = hc_str_sub(text, 0, from);
    *op = hc_str_sub(text, from, i);
    *right = hc_str_sub(text, i, text.n);
    return left->n && op->n && right->n;
}

static enum hc_rc parse_filter(struct parser *p, struct jp_list *cur)
{
    bool begun = false, ended = false;
    uint32_t quote = 0;
    p->pos += 3;
    (void)consume(p);
    for (;;) {
        uint32_t r = next(p);
        if (r == END || r == '\n')
            return FAIL(p, "unterminated filter");
        if (r == '"' || r == '\'') {
            if (!begun) {
                begun = true;
                quote = r;
            } else if (p->in.p[p->pos - 2] != '\\' && r == quote) {
                ended = true;
            }
        } else if (r == ')' && begun == ended) {
            break;
        }
    }
    if (next(p) != ']')
        return FAIL(p, "unclosed array expect ]");
    hc_str text = consume(p), left, op, right;
    text = hc_str_sub(text, 0, text.n - 2);
    bool compares = split_filter(text, &left, &op, &right);
    struct jp_list sides = { NULL, 0, 0 };
    struct jp_node *l = add(p, &sides, JP_LIST);
    enum hc_rc rc = action(p, HC_S(""), compares ? left : text, HC_S(""), l);
    struct jp_node *r = add(p, &sides, JP_LIST);
    if (rc == HC_OK && compares)
        rc = action(p, HC_S(""), right, HC_S(""), r);
    struct jp_node *n = rc == HC_OK ? add(p, cur, JP_FILTER) : NULL;
    if (n) {
        n->text = compares ? op : HC_S("exists");
        n->list = sides;
    }
    return rc == HC_OK ? spent(p) : rc;
}

/* ---- the rest of an action --------------------------------------------------------------------------- */

/* One escape of Go's strings at s; gives its length, 0: none. */
static size_t unescape(hc_str s, char quote, struct hc_buf *b)
{
    static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
    if (s.n < 2)
        return 0;
    const char *known = strchr(from, s.p[1]);
    if (s.p[1] == quote || (s.p[1] && known)) {
        hc_buf_putc(b, s.p[1] == quote ? quote : to[known - from]);
        return 2;
    }
    size_t n = s.p[1] == 'x' ? 2 : s.p[1] == 'u' ? 4 : s.p[1] == 'U' ? 8 : 0;
    unsigned base = n ? 16 : 8;
    size_t at = n ? 2 : 1;
    uint32_t v = 0;
    n = n ? n : 3;
    for (size_t i = 0; i < n; i++) {
        int d = at + i < s.n ? hc_hex_digit(s.p[at + i]) : -1;
        if (d < 0 || d >= (int)base)
            return 0;
        v = v * base + (uint32_t)d;
    }
    if (base == 8 || s.p[1] == 'x') {
        if (v > 255)
            return 0;
        hc_buf_putc(b, (char)v);
        return at + n;
    }
    if (v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
        return 0;
    char text[4];
    hc_buf_put(b, hc_str_n(text, hc_utf8_encode(v, text)));
    return at + n;
}

static enum hc_rc parse_quote(struct parser *p, struct jp_list *cur, char quote)
{
    for (;;) {
        uint32_t r = next(p);
        if (r == END || r == '\n')
            return FAIL(p, "unterminated quoted string");
        if (r == (uint32_t)quote && p->in.p[p->pos - 2] != '\\')
            break;
    }
    hc_str value = consume(p), s = hc_str_sub(value, 1, value.n - 1);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < s.n;) {
        size_t took = s.p[i] != quote;
        if (s.p[i] == '\\')
            took = unescape(hc_str_sub(s, i, s.n), quote, &b);
        else if (took)
            hc_buf_putc(&b, s.p[i]);
        if (!took)
            return FAIL(p, "unquote string %.*s error invalid syntax", HC_P(value));
        i += took;
    }
    struct jp_node *n = add(p, cur, JP_TEXT);
    if (n)
        n->text = hc_buf_to_arena(&b, p->a);
    return spent(p);
}

static enum hc_rc parse_number(struct parser *p, struct jp_list *cur)
{
    size_t width;
    uint32_t r = peek(p, &width);
    if (r == '+' || r == '-')
        p->pos += width;
    for (r = peek(p, &width); r == '.' || (r != END && hc_rune_is(r, HC_RUNE_DIGIT)); r = peek(p, &width))
        p->pos += width;
    hc_str text = consume(p), bare = text.n && *text.p == '+' ? hc_str_sub(text, 1, text.n) : text;
    const char *z = hc_arena_strz(p->a, text);
    int64_t i;
    struct jp_node *n = add(p, cur, JP_VALUE);
    if (!n || !z)
        return spent(p);
    if (bare.n && *bare.p != '+' && hc_str_to_i64(bare, &i)) {
        n->value = hc_int_val(p->a, i);
        return spent(p);
    }
    char *end = NULL;
    errno = 0;
    double d = strtod(z, &end);
    if (!text.n || *end || errno || strspn(z, "+-.0123456789") != text.n || !strpbrk(z, "0123456789"))
        return FAIL(p, "cannot parse number %.*s", HC_P(text));
    n->value = hc_float_val(p->a, d);
    return spent(p);
}

static enum hc_rc parse_field(struct parser *p, struct jp_list *cur)
{
    (void)consume(p);
    size_t width;
    for (uint32_t r = peek(p, &width); !ends_name(r); r = peek(p, &width)) {
        p->pos += width;
        if (r == '\\')
            (void)next(p);
    }
    hc_str value = consume(p);
    struct jp_node *n = add(p, cur, hc_str_eqz(value, "*") ? JP_WILDCARD : JP_FIELD);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] != '\\')
            hc_buf_putc(&b, value.p[i]);
    if (n)
        n->text = hc_buf_to_arena(&b, p->a);
    return spent(p);
}

static enum hc_rc parse_word(struct parser *p, struct jp_list *cur)
{
    size_t width;
    for (uint32_t r = peek(p, &width); !ends_name(r); r = peek(p, &width))
        p->pos += width;
    hc_str word = consume(p);
    bool yes = hc_str_eqz(word, "true"), value = yes || hc_str_eqz(word, "false");
    struct jp_node *n = add(p, cur,
                            value                       ? JP_VALUE
                            : hc_str_eqz(word, "range") ? JP_RANGE
                            : hc_str_eqz(word, "end")   ? JP_END
                                                        : JP_UNKNOWN);
    if (n) {
        n->text = word;
        n->value = value ? hc_bool_val(p->a, yes) : NULL;
    }
    return spent(p);
}

static enum hc_rc parse_recursive(struct parser *p, struct jp_list *cur)
{
    size_t width;
    if (cur->n && cur->p[cur->n - 1].type == JP_RECURSIVE)
        return FAIL(p, "invalid multiple recursive descent");
    p->pos += 2;
    (void)consume(p);
    (void)add(p, cur, JP_RECURSIVE);
    uint32_t r = peek(p, &width);
    return r != END && (r == '_' || hc_rune_is(r, HC_RUNE_LETTER | HC_RUNE_DIGIT)) ? parse_field(p, cur) : spent(p);
}

static enum hc_rc unexpected(struct parser *p, uint32_t r)
{
    char text[5] = "";
    bool shown = hc_rune_is(r, HC_RUNE_PRINT);
    text[shown ? hc_utf8_encode(r, text) : 0] = 0;
    return FAIL(p, "unrecognized character in action: U+%04X%s%s%s", r, shown ? " '" : "", text, shown ? "'" : "");
}

/* One step inside an action. */
static enum hc_rc inside(struct parser *p, struct jp_list *cur)
{
    if (at(p, HC_S("[?(")))
        return parse_filter(p, cur);
    if (at(p, HC_S("..")))
        return parse_recursive(p, cur);
    size_t before = p->pos;
    uint32_t r = next(p);
    if (r == END || r == '\r' || r == '\n')
        return FAIL(p, "unclosed action");
    if (r == ' ' || r == '@' || r == '$') {
        (void)consume(p);
        return HC_OK;
    }
    if (r == '[')
        return parse_array(p, cur);
    if (r == '"' || r == '\'')
        return parse_quote(p, cur, (char)r);
    if (r == '.')
        return parse_field(p, cur);
    p->pos = before;
    if (r == '+' || r == '-' || hc_rune_is(r, HC_RUNE_DIGIT))
        return parse_number(p, cur);
    if (r == '_' || hc_rune_is(r, HC_RUNE_LETTER))
        return parse_word(p, cur);
    return unexpected(p, r);
}

static enum hc_rc parse(struct hc_arena *a, hc_str text, unsigned depth, struct jp_list *out, struct hc_err *err)
{
    struct parser p = { .a = a, .in = text, .root = out, .depth = depth, .err = err };
    while (p.pos < text.n) {
        size_t brace = hc_str_find(hc_str_sub(text, p.pos, text.n), '{');
        p.pos = brace == SIZE_MAX ? text.n : p.pos + brace;
        if (p.pos > p.start) {
            hc_str plain = consume(&p);
            struct jp_node *n = add(&p, out, JP_TEXT);
            if (n)
                n->text = plain;
        }
        if (p.pos == text.n)
            break;
        p.pos++;
        (void)consume(&p);
        struct jp_list cur = { NULL, 0, 0 };
        while (!at(&p, HC_S("}"))) {
            enum hc_rc rc = inside(&p, &cur);
            if (rc != HC_OK)
                return rc;
        }
        p.pos++;
        (void)consume(&p);
        struct jp_node *n = add(&p, out, JP_LIST);
        if (n)
            n->list = cur;
    }
    return spent(&p);
}

enum hc_rc hc_jsonpath_parse(struct hc_arena *a, hc_str text, struct hc_jsonpath **out, struct hc_err *err)
{
    *out = HC_NEW(a, struct hc_jsonpath);
    return *out ? parse(a, text, 0, &(*out)->root, err) : hc_arena_check(a, err, "JSONPath");
}
