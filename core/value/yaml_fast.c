/*
 * Plain YAML without libyaml.
 *
 * Nearly all values files, Chart.yaml and manifests keep to a small part of
 * YAML: block maps and lists, scalars on one line, literal blocks, short flow
 * collections. This reads such text straight into nodes, line by line, some
 * eight times faster than by events. It says yes only to text that libyaml
 * surely accepts, and gives the very tree with the very positions that
 * yaml_read.c would give; everything else (false) is read again from the start
 * by that, which also has the error texts. What is left to it: anchors,
 * aliases, tags, merge keys, directives, several documents, folded blocks, tabs where structure is, CR, escapes beyond the usual
 * ones, keys that are no plain words or would not be text, numbers that are not
 * finite, duplicate keys where they are an error.
 *
 * A line is known by its start; columns are bytes from it, which is right
 * because only ASCII stands before a node: a flow collection or key with other
 * characters is not taken.
 */
#include <math.h>

#include "core/base/buf.h"
#include "core/base/limits.h"
#include "core/value/value_impl.h"
#include "core/value/yaml.h"
#include "core/value/yaml_impl.h"

enum {
    MAX_DEPTH = 100,
    MAX_KEY = 1000 /* libyaml: a simple key has at most 1024 characters */
};

struct fast {
    struct hc_arena *a;
    const char *p, *end;         /* where reading stands; behind the text */
    const char *line, *line_end; /* the line at hand */
    uint32_t number;             /* of the line, from 1 */
    unsigned flags;
    uint32_t nodes;
    int depth;
    bool last; /* there is no further content; the line at hand is done */
    struct hc_scratch scratch;
};

/* 1: a character of a plain key. 2: may also begin a plain scalar. 4: may stand
 * in a plain scalar of a flow collection. */
static const uint8_t classes[256] = {
    ['0'] = 7, ['1'] = 7, ['2'] = 7, ['3'] = 7, ['4'] = 7, ['5'] = 7, ['6'] = 7, ['7'] = 7, ['8'] = 7, ['9'] = 7,
    ['A'] = 7, ['B'] = 7, ['C'] = 7, ['D'] = 7, ['E'] = 7, ['F'] = 7, ['G'] = 7, ['H'] = 7, ['I'] = 7, ['J'] = 7,
    ['K'] = 7, ['L'] = 7, ['M'] = 7, ['N'] = 7, ['O'] = 7, ['P'] = 7, ['Q'] = 7, ['R'] = 7, ['S'] = 7, ['T'] = 7,
    ['U'] = 7, ['V'] = 7, ['W'] = 7, ['X'] = 7, ['Y'] = 7, ['Z'] = 7, ['a'] = 7, ['b'] = 7, ['c'] = 7, ['d'] = 7,
    ['e'] = 7, ['f'] = 7, ['g'] = 7, ['h'] = 7, ['i'] = 7, ['j'] = 7, ['k'] = 7, ['l'] = 7, ['m'] = 7, ['n'] = 7,
    ['o'] = 7, ['p'] = 7, ['q'] = 7, ['r'] = 7, ['s'] = 7, ['t'] = 7, ['u'] = 7, ['v'] = 7, ['w'] = 7, ['x'] = 7,
    ['y'] = 7, ['z'] = 7, ['_'] = 7, ['/'] = 7, ['.'] = 7, ['$'] = 7, ['-'] = 5, ['~'] = 6, ['+'] = 6, ['('] = 6,
    ['<'] = 6, ['^'] = 6, ['='] = 6, [';'] = 6, ['@'] = 4, [')'] = 4, ['%'] = 4, ['*'] = 4, ['>'] = 4, ['!'] = 4,
};

static bool is(char c, unsigned bit)
{
    return classes[(unsigned char)c] & bit;
}

/* There is no NUL in the text. */
static bool among(char c, const char *set)
{
    return strchr(set, c) != NULL;
}

static bool read_block(struct fast *f, int parent, struct hc_val **out);
static bool read_map(struct fast *f, int indent, struct hc_val **out);
static bool read_list(struct fast *f, int indent, struct hc_val **out);

/* ---- bytes and lines ----------------------------------------------------------------------------------------- */

bool hc_yaml_bytes_clean(hc_str s)
{
    unsigned char high = 0, bad = 0;
    size_t at = 0;
    for (; at + 64 <= s.n; at += 64) /* in blocks, so that the compiler can take many bytes at once */
        for (size_t i = at; i < at + 64; i++) {
            unsigned char c = (unsigned char)s.p[i];
            high |= c;
            bad |= (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
        }
    for (; at < s.n; at++) {
        unsigned char c = (unsigned char)s.p[at];
        high |= c;
        bad |= (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
    }
    if (bad)
        return false;
    while (high >= 0x80 && s.n) {
        if ((unsigned char)*s.p < 0x80) {
            s = hc_str_sub(s, 1, s.n);
            continue;
        }
        uint32_t r;
        size_t len = hc_utf8_decode(s, &r);
        if (len < 2 || r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffe || r == 0xffff)
            return false;
        s = hc_str_sub(s, len, s.n);
    }
    return true;
}

static int column(const struct fast *f)
{
    return (int)(f->p - f->line);
}

static void open_line(struct fast *f, const char *at)
{
    const char *nl = memchr(at, '\n', (size_t)(f->end - at));
    f->line = f->p = at;
    f->line_end = nl ? nl : f->end;
}

/* To the next line's first character that means anything. False: a tab, a
 * marker or directive is there. */
static bool next_content(struct fast *f)
{
    for (;;) {
        if (f->line_end >= f->end || f->line_end + 1 >= f->end) {
            f->last = true;
            f->p = f->end;
            return true;
        }
        f->number++;
        open_line(f, f->line_end + 1);
        while (f->p < f->line_end && *f->p == ' ')
            f->p++;
        if (f->p == f->line_end || *f->p == '#')
            continue;
        char c = *f->p;
        if (c == '\t' ||
            (column(f) == 0 && (c == '%' || (f->line_end - f->p >= 3 &&
                                             (memcmp(f->p, "---", 3) == 0 || memcmp(f->p, "...", 3) == 0)))))
            return false;
        return true;
    }
}

/* Behind a node: nothing but a comment may follow on the line. */
static bool rest_is_comment(const struct fast *f, const char *p)
{
    const char *from = p;
    while (p < f->line_end && *p == ' ')
        p++;
    return p == f->line_end || (*p == '#' && p > from);
}

static void skip_spaces(struct fast *f)
{
    while (f->p < f->line_end && *f->p == ' ')
        f->p++;
}

/* ---- nodes --------------------------------------------------------------------------------------------------- */

static struct hc_val *node(struct fast *f, enum hc_kind kind, uint32_t line, int col)
{
    struct hc_val *v = hc_node_new(f->a, kind);
    if (!v || ++f->nodes > HC_MAX_YAML_NODES / 2)
        return NULL;
    v->line = line;
    v->col = (uint16_t)HC_MIN(col + 1, UINT16_MAX);
    return v;
}

static bool set_str(struct fast *f, struct hc_val *v, hc_str s)
{
    s = hc_arena_str(f->a, s);
    v->kind = HC_STR;
    v->s = s.p;
    v->n = (uint32_t)s.n;
    return s.p != NULL;
}

static bool set_plain(struct fast *f, struct hc_val *v, hc_str s)
{
    struct hc_yaml_scalar got = hc_yaml_resolve(s, false);
    switch (got.tag) {
    case HC_TAG_NULL:
        return true;
    case HC_TAG_BOOL:
        if ((f->flags & HC_YAML_TRUE_FALSE) && s.n < 4)
            return set_str(f, v, s);
        v->kind = HC_BOOL;
        v->b = got.b;
        return true;
    case HC_TAG_INT:
        v->kind = got.big ? HC_UINT : HC_INT;
        v->u = got.u;
        if (f->flags & HC_YAML_JSON_NUMBERS) {
            v->f = got.big ? (double)got.u : (double)got.i;
            v->kind = HC_FLOAT;
        }
        return true;
    case HC_TAG_FLOAT:
        if (!isfinite(got.f))
            return false;
        v->kind = HC_FLOAT;
        v->f = got.f;
        s = hc_arena_str(f->a, s);
        v->spelling = s.p;
        v->n = (uint32_t)s.n;
        return s.p != NULL;
    default:
        return set_str(f, v, s);
    }
}

/* ---- scalars on one line ------------------------------------------------------------------------------------- */

/* Behind the closing quote; NULL: not a simple one. *out_plain: nothing is
 * escaped in it. */
static const char *quote_end(const struct fast *f, const char *p, bool *out_plain)
{
    char q = *p++;
    *out_plain = true;
    for (; p < f->line_end; p++) {
        if (*p == '\t')
            return NULL;
        if (*p == q) {
            if (q != '\'' || p + 1 >= f->line_end || p[1] != '\'')
                return p + 1;
            *out_plain = false;
            p++;
        } else if (q == '"' && *p == '\\') {
            if (p + 1 >= f->line_end || !among(p[1], "\\\"ntr"))
                return NULL;
            *out_plain = false;
            p++;
        }
    }
    return NULL;
}

/* The text between the quotes of `s`, in the arena. */
static bool unquote(struct fast *f, hc_str s, bool plain, hc_str *out)
{
    hc_str in = hc_str_sub(s, 1, s.n - 1);
    *out = hc_arena_str(f->a, in);
    if (!out->p || plain)
        return out->p != NULL;
    char *to = (char *)(uintptr_t)out->p;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (*s.p == '\'' && c == '\'')
            i++;
        else if (*s.p == '"' && c == '\\') {
            c = in.p[++i];
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
        }
        *to++ = c;
    }
    *to = '\0';
    out->n = (size_t)(to - out->p);
    return true;
}

static bool read_quoted(struct fast *f, struct hc_val **out)
{
    bool plain;
    const char *end = quote_end(f, f->p, &plain);
    struct hc_val *v = end ? node(f, HC_STR, f->number, column(f)) : NULL;
    hc_str s;
    if (!v || !unquote(f, (hc_str){ f->p, (size_t)(end - f->p) }, plain, &s))
        return false;
    v->s = s.p;
    v->n = (uint32_t)s.n;
    f->p = end;
    *out = v;
    return true;
}

/* To the next line that is not blank and belongs to the scalar at hand;
 * *out_breaks: how many breaks were passed. False: there is none, and nothing
 * was passed. */
static bool next_of_scalar(struct fast *f, int parent, unsigned *out_breaks)
{
    const char *line = f->line, *line_end = f->line_end, *p = f->p;
    uint32_t number = f->number;
    *out_breaks = 0;
    do {
        if (f->line_end >= f->end || f->line_end + 1 >= f->end)
            goto none;
        f->number++;
        open_line(f, f->line_end + 1);
        skip_spaces(f);
        ++*out_breaks;
    } while (f->p == f->line_end);
    if (column(f) > parent)
        return true;
none:
    f->line = line;
    f->line_end = line_end;
    f->p = p;
    f->number = number;
    return false;
}

static void put_breaks(struct hc_buf *b, unsigned breaks)
{
    if (breaks == 1)
        hc_buf_putc(b, ' ');
    else
        hc_buf_fill(b, '\n', breaks - 1);
}

/* The deeper lines behind a plain scalar `first`, folded. False: one of them is
 * not simple. */
static bool plain_lines(struct fast *f, int parent, hc_str first, struct hc_buf *b)
{
    unsigned breaks;
    const char *next = f->line_end + 1;
    int i = 0;
    while (i <= parent && next + i < f->end && next[i] == ' ')
        i++;
    if (next + i >= f->end || (i <= parent && next[i] != '\n'))
        return true; /* nearly always */
    for (struct fast before = *f; next_of_scalar(f, parent, &breaks); before = *f) {
        const char *p = f->p;
        if (*p == '#') { /* a comment ends it; what follows is looked at as after
                        any node */
            *f = before;
            break;
        }
        for (; p < f->line_end; p++)
            if (*p == '\t' || (*p == ':' && (p + 1 == f->line_end || p[1] == ' ')) || (*p == '#' && p[-1] == ' '))
                return false;
        while (p[-1] == ' ')
            p--;
        if (b->n == 0)
            hc_buf_put(b, first);
        put_breaks(b, breaks);
        hc_buf_put(b, (hc_str){ f->p, (size_t)(p - f->p) });
        f->p = p;
    }
    return !b->spent;
}

/* A quoted scalar that does not end on its line. */
static bool quoted_lines(struct fast *f, int parent, struct hc_val **out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    char q = *f->p;
    struct hc_val *v = node(f, HC_STR, f->number, column(f));
    size_t solid = 0; /* blanks behind it are dropped at a break */
    if (!v || parent < 0)
        return false;
    for (const char *p = f->p + 1;;) {
        for (; p < f->line_end; p++) {
            char c = *p;
            if (c == '\t')
                return false;
            if (c == q) {
                if (q != '\'' || p + 1 >= f->line_end || p[1] != '\'') {
                    f->p = p + 1;
                    *out = v;
                    return !b.spent && set_str(f, v, hc_buf_str(&b));
                }
                p++;
            } else if (q == '"' && c == '\\') {
                if (p + 1 >= f->line_end || !among(p[1], "\\\"ntr"))
                    return false;
                c = *++p;
                c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
                hc_buf_putc(&b, c);
                solid = b.n;
                continue;
            }
            hc_buf_putc(&b, c);
            if (c != ' ')
                solid = b.n;
        }
        unsigned breaks;
        b.n = solid;
        f->p = p;
        if (!next_of_scalar(f, parent, &breaks))
            return false;
        put_breaks(&b, breaks);
        solid = b.n;
        p = f->p;
    }
}

static bool read_plain(struct fast *f, int parent, struct hc_val **out)
{
    const char *p = f->p, *end = f->line_end;
    bool comment = false;
    if (!is(*p, 2) && !(*p == '-' && p + 1 < end && is(p[1], 1)) && (unsigned char)*p < 0x80)
        return false;
    for (; p < f->line_end; p++) {
        if (*p == '\t' || (*p == ':' && (p + 1 == f->line_end || p[1] == ' ')))
            return false;
        if (*p == '#' && p[-1] == ' ' && p > f->p) {
            end = p;
            comment = true;
            break;
        }
    }
    p = end;
    while (p > f->p && p[-1] == ' ')
        p--;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    struct hc_val *v = node(f, HC_NULL, f->number, column(f));
    hc_str s = { f->p, (size_t)(p - f->p) };
    f->p = p;
    if (!v || (!comment && parent >= 0 && !plain_lines(f, parent, s, &b)) ||
        !set_plain(f, v, b.n ? hc_buf_str(&b) : s))
        return false;
    *out = v;
    return true;
}

/* ---- keys ---------------------------------------------------------------------------------------------------- */

/* "key:" where reading stands, and what is behind it. False: no such key;
 * nothing was read then. */
static bool read_key(struct fast *f, struct hc_entry *e)
{
    const char *p = f->p;
    bool plain = true, quoted = *p == '"' || *p == '\'';
    if (quoted) {
        p = quote_end(f, p, &plain);
        for (const char *q = f->p; p && q < p; q++)
            if ((unsigned char)*q >= 0x80)
                return false;
    } else if (is(*p, 2)) {
        while (p < f->line_end && is(*p, 1))
            p++;
    } else {
        return false;
    }
    if (!p || p == f->p || p >= f->line_end || *p != ':' || p - f->p > MAX_KEY ||
        (p + 1 < f->line_end && p[1] != ' '))
        return false;
    hc_str s = { f->p, (size_t)(p - f->p) };
    *e = (struct hc_entry){ .line = f->number, .col = (uint16_t)HC_MIN(column(f) + 1, UINT16_MAX) };
    if (quoted) {
        if (!unquote(f, s, plain, &e->key))
            return false;
    } else {
        if (hc_yaml_resolve(s, false).tag != HC_TAG_STR)
            return false;
        e->key = hc_arena_str(f->a, s);
    }
    f->nodes++;
    f->p = p + 1;
    return e->key.p != NULL;
}

/* ---- flow collections on one line ---------------------------------------------------------------------------- */

static bool read_flow(struct fast *f, struct hc_val **out);

static bool flow_scalar(struct fast *f, struct hc_val **out)
{
    const char *p = f->p;
    if (*p == '"' || *p == '\'')
        return read_quoted(f, out);
    if (!is(*p, 2) && !(*p == '-' && p + 1 < f->line_end && is(p[1], 1)))
        return false;
    for (; p < f->line_end; p++) {
        if (is(*p, 4) || (*p == ':' && p > f->p && p + 1 < f->line_end && is(p[1], 4)))
            continue;
        const char *behind = p;
        while (behind < f->line_end && *behind == ' ')
            behind++;
        if (behind == p || behind == f->line_end || !is(*behind, 4))
            break;
        p = behind;
    }
    struct hc_val *v = node(f, HC_NULL, f->number, column(f));
    /* The next character ends it for sure. */
    if (!v || p == f->p || p >= f->line_end || !among(*p, " ,]}") ||
        !set_plain(f, v, (hc_str){ f->p, (size_t)(p - f->p) }))
        return false;
    f->p = p;
    *out = v;
    return true;
}

static bool flow_item(struct fast *f, struct hc_val **out)
{
    return *f->p == '[' || *f->p == '{' ? read_flow(f, out) : flow_scalar(f, out);
}

static bool read_flow(struct fast *f, struct hc_val **out)
{
    char close = *f->p == '[' ? ']' : '}';
    int col = column(f);
    uint32_t base = f->scratch.n;
    if (++f->depth > MAX_DEPTH)
        return false;
    f->p++;
    for (bool first = true;; first = false) {
        skip_spaces(f);
        if (f->p >= f->line_end)
            return false;
        if (*f->p == close && first)
            break;
        struct hc_entry e = { 0 };
        if (close == '}') {
            if (!read_key(f, &e))
                return false;
            skip_spaces(f);
            if (f->p >= f->line_end || *f->p == ',' || *f->p == close)
                return false;
        }
        if (!flow_item(f, &e.val) || !hc_scratch_push(&f->scratch, &e))
            return false;
        skip_spaces(f);
        if (f->p >= f->line_end || (*f->p != ',' && *f->p != close))
            return false;
        if (*f->p == close)
            break;
        f->p++;
        skip_spaces(f);
        if (f->p < f->line_end && *f->p == close)
            return false; /* a comma at the end */
    }
    f->p++;
    f->depth--;
    const struct hc_entry *dup = NULL, *e = f->scratch.p ? f->scratch.p + base : NULL;
    uint32_t n = f->scratch.n - base;
    struct hc_val *v = close == ']' ? hc_list_adopt(f->a, e, n) : hc_map_adopt(f->a, e, n, &dup);
    f->scratch.n = base;
    if (!v || (dup && (f->flags & HC_YAML_STRICT_KEYS)))
        return false;
    f->nodes++;
    v->line = f->number;
    v->col = (uint16_t)HC_MIN(col + 1, UINT16_MAX);
    *out = v;
    return true;
}

static bool is_ascii(const char *p, const char *end)
{
    for (; p < end; p++)
        if ((unsigned char)*p >= 0x80)
            return false;
    return true;
}

/* ---- literal blocks ------------------------------------------------------------------------------------------ */

/* `|`, `|-`, `|+`. Reading then stands at the first content behind it. */
static bool read_literal(struct fast *f, int parent, struct hc_val **out)
{
    struct hc_val *v = node(f, HC_STR, f->number, column(f));
    char chomp = '\0', told = '\0';
    f->p++;
    for (int i = 0; i < 2 && f->p < f->line_end; i++) {
        if (!chomp && (*f->p == '-' || *f->p == '+'))
            chomp = *f->p++;
        else if (!told && *f->p >= '1' && *f->p <= '9')
            told = *f->p++;
    }
    if (!v || parent < 0 || !rest_is_comment(f, f->p) || memchr(f->p, '\t', (size_t)(f->line_end - f->p)))
        return false;
    /* First its indentation and extent. */
    int indent = told ? parent + (told - '0') : -1, deepest = 0;
    const char *from = f->line_end + 1, *stop = from, *text_end = from, *at = from;
    uint32_t number = f->number, stop_number = number;
    size_t size = 0;
    for (; at < f->end; number++) {
        const char *nl = memchr(at, '\n', (size_t)(f->end - at)), *c = at;
        if (!nl)
            return false; /* a last line without its end */
        while (c < nl && *c == ' ')
            c++;
        int col = (int)(c - at);
        if (c == nl && (indent < 0 || col <= indent)) {
            deepest = HC_MAX(deepest, col);
            size++;
        } else {
            if (indent < 0) {
                if (*c == '\t')
                    return false;
                if (col <= parent)
                    break;
                indent = col;
                if (deepest > indent)
                    return false;
            }
            if (col < indent) {
                if (*c == '\t')
                    return false;
                break;
            }
            size += (size_t)(nl - at) - (size_t)indent + 1;
            text_end = nl + 1;
        }
        at = nl + 1;
        stop = at;
        stop_number = number + 1;
    }
    if ((indent < 0 && chomp == '+') || (indent >= 0 && parent + 1 > indent) || (told && text_end == from))
        return false;
    if (indent < 0) /* nothing in it */
        size = 0;
    char *to = hc_arena_alloc(f->a, size + 1, 1), *start = to, *solid = to;
    if (!to)
        return false;
    for (at = from; indent >= 0 && at < stop;) {
        const char *nl = memchr(at, '\n', (size_t)(f->end - at));
        size_t n = (size_t)(nl - at);
        if (n > (size_t)indent) {
            memcpy(to, at + indent, n - (size_t)indent);
            to += n - (size_t)indent;
        }
        *to++ = '\n';
        at = nl + 1;
        if (at == text_end)
            solid = to;
    }
    if (chomp != '+')
        to = solid - (chomp == '-' && solid > start);
    *to = '\0';
    v->s = start;
    v->n = (uint32_t)(to - start);
    *out = v;
    /* The line before the one that ended it, so that that one is looked at next.
   */
    f->number = stop_number;
    f->line_end = stop - 1;
    f->line = f->p = f->line_end;
    return next_content(f);
}

/* ---- blocks -------------------------------------------------------------------------------------------------- */

static bool at_dash(const struct fast *f)
{
    return *f->p == '-' && (f->p + 1 == f->line_end || f->p[1] == ' ');
}

static bool null_at(struct fast *f, uint32_t line, int col, struct hc_val **out)
{
    *out = node(f, HC_NULL, line, col);
    return *out != NULL;
}

/* A node that is no block, where reading stands; reading then stands at the
 * next content. */
static bool read_inline(struct fast *f, int parent, struct hc_val **out)
{
    bool good;
    switch (*f->p) {
    case '|':
        return read_literal(f, parent, out) && (f->last || column(f) <= parent);
    case '"':
    case '\'':
        good = read_quoted(f, out) || quoted_lines(f, parent, out);
        break;
    case '[':
    case '{':
        good = is_ascii(f->p, f->line_end) && read_flow(f, out);
        break;
    default:
        good = read_plain(f, parent, out);
        break;
    }
    /* A deeper line would belong to the scalar, or be an error. */
    return good && rest_is_comment(f, f->p) && next_content(f) && (f->last || column(f) <= parent);
}

/*
 * What stands behind a key's colon or a dash: `parent` is the indentation of
 * their block. Reading then stands at the next content.
 */
static bool read_value(struct fast *f, int parent, bool after_key, struct hc_val **out)
{
    uint32_t line = f->number;
    int col = column(f);
    skip_spaces(f);
    if (f->p == f->line_end || *f->p == '#') {
        if (!next_content(f))
            return false;
        if (f->last)
            return null_at(f, line, col, out);
        int indent = column(f);
        if (indent > parent)
            return read_block(f, parent, out);
        if (after_key && indent == parent && at_dash(f))
            return read_list(f, indent, out);
        return null_at(f, line, col, out);
    }
    return read_inline(f, parent, out);
}

static bool read_map(struct fast *f, int indent, struct hc_val **out)
{
    uint32_t base = f->scratch.n, line = f->number;
    if (++f->depth > MAX_DEPTH)
        return false;
    for (;;) {
        struct hc_entry e;
        if (!read_key(f, &e) || !read_value(f, indent, true, &e.val) || !hc_scratch_push(&f->scratch, &e))
            return false;
        if (f->last || column(f) < indent)
            break;
        if (column(f) > indent || at_dash(f))
            return false;
    }
    f->depth--;
    const struct hc_entry *dup = NULL;
    struct hc_val *v = hc_map_adopt(f->a, f->scratch.p + base, f->scratch.n - base, &dup);
    f->scratch.n = base;
    if (!v || (dup && (f->flags & HC_YAML_STRICT_KEYS)))
        return false;
    f->nodes++;
    v->line = line;
    v->col = (uint16_t)HC_MIN(indent + 1, UINT16_MAX);
    *out = v;
    return true;
}

/* Whether a map begins where reading stands. */
static bool at_key(const struct fast *f)
{
    struct fast copy = *f;
    const char *p = f->p;
    bool plain;
    if (*p == '"' || *p == '\'') {
        p = quote_end(&copy, p, &plain);
    } else {
        while (p < f->line_end && is(*p, 1))
            p++;
    }
    return p && p > f->p && p < f->line_end && *p == ':' && (p + 1 == f->line_end || p[1] == ' ');
}

/* What stands on a line of its own. */
static bool read_block(struct fast *f, int parent, struct hc_val **out)
{
    if (at_dash(f))
        return read_list(f, column(f), out);
    return at_key(f) ? read_map(f, column(f), out) : read_inline(f, parent, out);
}

static bool read_list(struct fast *f, int indent, struct hc_val **out)
{
    uint32_t base = f->scratch.n, line = f->number;
    if (++f->depth > MAX_DEPTH)
        return false;
    for (;;) {
        struct hc_entry e = { 0 };
        f->p++;
        const char *behind = f->p;
        skip_spaces(f);
        bool good;
        if (f->p < f->line_end && at_dash(f)) {
            good = read_list(f, column(f), &e.val);
        } else if (f->p < f->line_end && at_key(f)) {
            good = read_map(f, column(f), &e.val);
        } else {
            f->p = behind;
            good = read_value(f, indent, false, &e.val);
        }
        if (!good || !hc_scratch_push(&f->scratch, &e))
            return false;
        if (f->last || column(f) < indent)
            break;
        if (column(f) > indent)
            return false;
        if (!at_dash(f))
            break; /* the key behind a list that is not indented; else its owner
                refuses it */
    }
    f->depth--;
    struct hc_val *v = hc_list_adopt(f->a, f->scratch.p + base, f->scratch.n - base);
    f->scratch.n = base;
    if (!v)
        return false;
    f->nodes++;
    v->line = line;
    v->col = (uint16_t)HC_MIN(indent + 1, UINT16_MAX);
    *out = v;
    return true;
}

/* A document's beginning, which says nothing more, with nothing but comments before it. */
static void skip_beginning(struct fast *f, hc_str text)
{
    uint32_t line = 1;
    for (size_t at = 0; text.n - at > 4; line++) {
        const char *p = text.p + at, *nl = memchr(p, '\n', text.n - at);
        if (memcmp(p, "---\n", 4) == 0) {
            f->line_end = p + 3;
            f->number = line;
            return;
        }
        if (!nl || (*p != '#' && p != nl))
            return;
        at = (size_t)(nl - text.p) + 1;
    }
}

bool hc_yaml_read_fast(struct hc_arena *a, hc_str text, unsigned flags, struct hc_val **out)
{
    if (text.n == 0 || text.n > UINT32_MAX / 2 || !hc_yaml_bytes_clean(text))
        return false;
    struct fast f = { .a = a, .end = text.p + text.n, .flags = flags };
    open_line(&f, text.p);
    /* As if a line had ended before the text. */
    f.line_end = text.p - 1;
    skip_beginning(&f, text);
    struct hc_val *v = NULL;
    bool good = next_content(&f) && !f.last && read_block(&f, -1, &v) && f.last;
    hc_scratch_done(&f.scratch);
    if (!good || hc_arena_spent(a))
        return false;
    *out = v;
    return true;
}
