/*
 * From RE2's syntax to PCRE2's. Go's parser decides what is an expression and how its errors read; every element is
 * then written in a form that means the same to PCRE2 under no flags at all: flags are resolved here, classes are
 * written as ranges of code points, anchors as assertions.
 */
#include <stdlib.h>

#include "lua/funcs/regex.h"

enum { FOLD = 1, MULTILINE = 2, DOT_ALL = 4, UNGREEDY = 8 };

#define MAX_NESTING 1000 /* regexp/syntax: maxHeight */
#define MAX_REPEAT  1000
#define MAX_RUNE    0x10ffffu

struct group {
    unsigned flags;   /* of the text around it */
    uint64_t repeats; /* the largest product of counts inside */
    size_t at;        /* where it begins in what is written */
};

struct parser {
    hc_str whole, rest;
    struct hc_buf *out, *names;
    struct hc_err *err;
    struct hc_buf *fault; /* NULL, or gets the text of the error, which may be longer than what err takes */
    unsigned flags;
    size_t groups;
    struct group stack[MAX_NESTING];
    size_t depth;
    bool has_atom;    /* something stands there to repeat */
    uint64_t atom;    /* product of counts in the last atom */
    uint64_t repeats; /* largest product in the current group */
    size_t atom_at;   /* where the last atom begins in what is written */
    bool repeated;    /* it has a repeat behind it already */
};

static enum hc_rc bad(struct parser *p, const char *code, hc_str expression)
{
    if (p->fault) {
        hc_buf_printf(p->fault, "error parsing regexp: %s: `", code);
        hc_buf_put(p->fault, expression);
        hc_buf_putc(p->fault, '`');
    }
    return hc_fail(p->err, HC_E_INPUT, "error parsing regexp: %s: `%.*s`", code, HC_P(expression));
}

/* What lies between two points of the expression. */
static hc_str between(hc_str from, hc_str to)
{
    return hc_str_n(from.p, from.n - to.n);
}

static void skip(hc_str *s, size_t n)
{
    *s = hc_str_sub(*s, n, s->n);
}

static enum hc_rc check_utf8(struct parser *p, hc_str s)
{
    uint32_t rune;
    for (size_t n; s.n > 0; skip(&s, n))
        if ((n = hc_utf8_decode(s, &rune)) == 1 && rune == 0xfffd)
            return bad(p, "invalid UTF-8", s);
    return HC_OK;
}

/* Reads a rune; U+FFFD that is not written so is an error. */
static enum hc_rc next_rune(struct parser *p, hc_str *s, uint32_t *out)
{
    size_t n = hc_utf8_decode(*s, out);
    if (n == 1 && *out == 0xfffd)
        return bad(p, "invalid UTF-8", *s);
    skip(s, n);
    return HC_OK;
}

static bool is_alnum(uint32_t r)
{
    return (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z');
}

static void atom_from(struct parser *p, size_t at)
{
    p->has_atom = true;
    p->atom = 1;
    p->atom_at = at;
    p->repeated = false;
}

static void put_rune(struct hc_buf *b, uint32_t r)
{
    if (is_alnum(r))
        hc_buf_putc(b, (char)r);
    else
        hc_buf_printf(b, "\\x{%x}", r);
}

static bool is_surrogate(uint32_t r)
{
    return r >= 0xd800 && r <= 0xdfff;
}

static void literal(struct parser *p, uint32_t r)
{
    atom_from(p, p->out->n);
    if (is_surrogate(r)) {
        hc_buf_puts(p->out, "(?!)"); /* no text holds one */
    } else if (p->flags & FOLD) {
        hc_buf_puts(p->out, "(?i:");
        put_rune(p->out, r);
        hc_buf_putc(p->out, ')');
    } else {
        put_rune(p->out, r);
    }
}

static void put_atom(struct parser *p, const char *text)
{
    atom_from(p, p->out->n);
    hc_buf_puts(p->out, text);
}

/* ---- escapes and classes ----------------------------------------------------------------------------- */

/* \x7F and \x{10FFFF}, behind the x. False: none of them; the reader then stands where Go's does. */
static enum hc_rc hex_escape(struct parser *p, hc_str *t, uint32_t *out, bool *ok)
{
    uint32_t c, d;
    enum hc_rc rc;
    *ok = false;
    if (t->n == 0)
        return HC_OK;
    if ((rc = next_rune(p, t, &c)) != HC_OK)
        return rc;
    if (c != '{') {
        if ((rc = next_rune(p, t, &d)) != HC_OK)
            return rc;
        if (hc_hex_digit(c) < 0 || hc_hex_digit(d) < 0)
            return HC_OK;
        *out = (uint32_t)(hc_hex_digit(c) * 16 + hc_hex_digit(d));
        *ok = true;
        return HC_OK;
    }
    uint32_t r = 0;
    for (size_t n = 0;; n++) {
        if (t->n == 0)
            return HC_OK;
        if ((rc = next_rune(p, t, &c)) != HC_OK)
            return rc;
        if (c == '}') {
            *out = r;
            *ok = n > 0;
            return HC_OK;
        }
        if (hc_hex_digit(c) < 0)
            return HC_OK;
        r = r * 16 + (uint32_t)hc_hex_digit(c);
        if (r > MAX_RUNE)
            return HC_OK;
    }
}

/* An escape that stands for one rune. */
static enum hc_rc escape(struct parser *p, hc_str *s, uint32_t *out)
{
    static const char named[] = "afnrtv", values[] = "\a\f\n\r\t\v";
    hc_str t = hc_str_sub(*s, 1, s->n);
    uint32_t c;
    bool ok = false;
    if (t.n == 0)
        return bad(p, "trailing backslash at end of expression", HC_S(""));
    enum hc_rc rc = next_rune(p, &t, &c);
    if (rc != HC_OK)
        return rc;
    const char *at = c && c < 0x80 ? strchr(named, (int)c) : NULL;
    if (c < 0x80 && !is_alnum(c)) {
        *out = c;
        ok = true;
    } else if (c == '0' || (c >= '1' && c <= '7' && t.n > 0 && t.p[0] >= '0' && t.p[0] <= '7')) {
        *out = c - '0';
        for (int i = 1; i < 3 && t.n > 0 && t.p[0] >= '0' && t.p[0] <= '7'; i++) {
            *out = *out * 8 + (uint32_t)(t.p[0] - '0');
            skip(&t, 1);
        }
        ok = true;
    } else if (c == 'x') {
        if ((rc = hex_escape(p, &t, out, &ok)) != HC_OK)
            return rc;
    } else if (at) {
        *out = (uint32_t)values[at - named];
        ok = true;
    }
    if (!ok)
        return bad(p, "invalid escape sequence", between(*s, t));
    *s = t;
    return HC_OK;
}

/* ASCII classes: pairs of first and last. */
static const struct {
    const char *name;
    const char *ranges;
} posix[] = { { "alnum", "09AZaz" },  { "alpha", "AZaz" },     { "ascii", NULL },     { "blank", "\t\t  " },
              { "cntrl", NULL },      { "digit", "09" },       { "graph", "!~" },     { "lower", "az" },
              { "print", " ~" },      { "punct", "!/:@[`{~" }, { "space", "\t\r  " }, { "upper", "AZ" },
              { "word", "09AZ__az" }, { "xdigit", "09AFaf" } };

static void put_range(struct hc_buf *b, uint32_t lo, uint32_t hi)
{
    if (is_surrogate(lo))
        lo = 0xe000;
    if (is_surrogate(hi))
        hi = 0xd7ff;
    if (lo > hi)
        return;
    hc_buf_printf(b, "\\x{%x}", lo);
    if (hi > lo)
        hc_buf_printf(b, "-\\x{%x}", hi);
}

/* Ranges in order, or all that is in none of them. */
static void put_ranges(struct hc_buf *b, const char *ranges, size_t n, bool negate)
{
    uint32_t next = 0;
    for (size_t i = 0; i < n; i += 2) {
        uint32_t lo = (unsigned char)ranges[i], hi = (unsigned char)ranges[i + 1];
        if (!negate)
            put_range(b, lo, hi);
        else if (lo > next)
            put_range(b, next, lo - 1);
        next = hi + 1;
    }
    if (negate)
        put_range(b, next, MAX_RUNE);
}

static bool put_posix(struct hc_buf *b, hc_str name, bool negate)
{
    static const char ascii[] = { 0, 0x7f }, cntrl[] = { 0, 0x1f, 0x7f, 0x7f };
    for (size_t i = 0; i < HC_LEN(posix); i++) {
        if (!hc_str_eqz(name, posix[i].name))
            continue;
        if (posix[i].ranges)
            put_ranges(b, posix[i].ranges, strlen(posix[i].ranges), negate);
        else if (name.p[0] == 'a')
            put_ranges(b, ascii, 2, negate);
        else
            put_ranges(b, cntrl, 4, negate);
        return true;
    }
    return false;
}

/* \d \D \s \S \w \W, written as what stands in a class. */
static bool perl_class(struct hc_buf *b, hc_str *s)
{
    if (s->n < 2 || s->p[0] != '\\')
        return false;
    switch (s->p[1]) {
    case 'd':
    case 'D':
        put_ranges(b, "09", 2, s->p[1] == 'D');
        break;
    case 's':
    case 'S': /* without VT, unlike [[:space:]] */
        put_ranges(b, "\t\n\f\r  ", 6, s->p[1] == 'S');
        break;
    case 'w':
    case 'W':
        put_ranges(b, "09AZ__az", 8, s->p[1] == 'W');
        break;
    default:
        return false;
    }
    skip(s, 2);
    return true;
}

/* \pL, \p{Greek}, \P{^Lu}. *out_is false: it is none. */
static enum hc_rc unicode_class(struct parser *p, struct hc_buf *b, hc_str *s, bool *out_is)
{
    *out_is = false;
    if (s->n < 2 || s->p[0] != '\\' || (s->p[1] | 32) != 'p')
        return HC_OK;
    bool negate = s->p[1] == 'P';
    hc_str t = hc_str_sub(*s, 2, s->n), name, seq;
    uint32_t c;
    if (t.n == 0)
        return HC_OK;
    enum hc_rc rc = next_rune(p, &t, &c);
    if (rc != HC_OK)
        return rc;
    if (c != '{') {
        seq = between(*s, t);
        name = hc_str_sub(seq, 2, seq.n);
    } else {
        size_t end = hc_str_find(*s, '}');
        if (end == SIZE_MAX) {
            rc = check_utf8(p, *s);
            return rc != HC_OK ? rc : bad(p, "invalid character class range", *s);
        }
        seq = hc_str_sub(*s, 0, end + 1);
        t = hc_str_sub(*s, end + 1, s->n);
        name = hc_str_sub(*s, 3, end);
        if ((rc = check_utf8(p, name)) != HC_OK)
            return rc;
    }
    if (name.n > 0 && name.p[0] == '^') {
        negate = !negate;
        skip(&name, 1);
    }
    if (!hc_regex_put_property(b, name, negate, (p->flags & FOLD) != 0))
        return bad(p, "invalid character class range", seq);
    *s = t;
    *out_is = true;
    return HC_OK;
}

/* [[:alpha:]], [[:^alpha:]] inside a class. */
static enum hc_rc named_class(struct parser *p, struct hc_buf *b, hc_str *t, bool *out_is)
{
    *out_is = false;
    if (t->n <= 2 || t->p[0] != '[' || t->p[1] != ':')
        return HC_OK;
    size_t end = hc_str_find_str(hc_str_sub(*t, 2, t->n), HC_S(":]"));
    if (end == SIZE_MAX)
        return HC_OK;
    hc_str name = hc_str_sub(*t, 2, 2 + end), whole = hc_str_sub(*t, 0, end + 4);
    bool negate = name.n > 0 && name.p[0] == '^';
    if (!put_posix(b, hc_str_sub(name, negate, name.n), negate))
        return bad(p, "invalid character class range", whole);
    skip(t, end + 4);
    *out_is = true;
    return HC_OK;
}

static enum hc_rc class_rune(struct parser *p, hc_str *t, hc_str whole, uint32_t *out)
{
    if (t->n == 0)
        return bad(p, "missing closing ]", whole);
    return t->p[0] == '\\' ? escape(p, t, out) : next_rune(p, t, out);
}

static enum hc_rc class_part(struct parser *p, hc_str *t, hc_str whole)
{
    bool is;
    uint32_t lo, hi;
    hc_str range;
    enum hc_rc rc = named_class(p, p->out, t, &is);
    if (rc != HC_OK || is)
        return rc;
    rc = unicode_class(p, p->out, t, &is);
    if (rc != HC_OK || is || perl_class(p->out, t))
        return rc;
    range = *t;
    if ((rc = class_rune(p, t, whole, &lo)) != HC_OK)
        return rc;
    hi = lo;
    if (t->n >= 2 && t->p[0] == '-' && t->p[1] != ']') {
        skip(t, 1);
        if ((rc = class_rune(p, t, whole, &hi)) != HC_OK)
            return rc;
        if (hi < lo)
            return bad(p, "invalid character class range", between(range, *t));
    }
    put_range(p->out, lo, hi);
    return HC_OK;
}

static enum hc_rc bracket(struct parser *p)
{
    hc_str whole = p->rest, t = hc_str_sub(whole, 1, whole.n);
    bool fold = p->flags & FOLD;
    size_t at = p->out->n;
    hc_buf_puts(p->out, fold ? "(?i:[" : "[");
    if (t.n > 0 && t.p[0] == '^') {
        hc_buf_putc(p->out, '^');
        skip(&t, 1);
    }
    size_t before = p->out->n;
    for (bool first = true; t.n == 0 || t.p[0] != ']' || first; first = false) {
        enum hc_rc rc = class_part(p, &t, whole);
        if (rc != HC_OK)
            return rc;
    }
    if (p->out->n == before)
        hc_buf_puts(p->out, "\\x{0}-\\x{0}"); /* surrogates only: next to nothing */
    hc_buf_puts(p->out, fold ? "])" : "]");
    atom_from(p, at);
    p->rest = hc_str_sub(t, 1, t.n);
    return HC_OK;
}

/* ---- groups and repeats ------------------------------------------------------------------------------ */

static enum hc_rc open_group(struct parser *p, bool captures)
{
    if (p->depth == MAX_NESTING)
        return bad(p, "expression nests too deeply", p->whole);
    p->stack[p->depth++] = (struct group){ p->flags, p->repeats, p->out->n };
    p->repeats = 1;
    p->groups += captures;
    p->has_atom = false;
    hc_buf_puts(p->out, captures ? "(" : "(?:");
    return HC_OK;
}

static enum hc_rc close_group(struct parser *p)
{
    if (p->depth == 0)
        return bad(p, "unexpected )", p->whole);
    uint64_t inside = p->repeats;
    const struct group *g = &p->stack[--p->depth];
    p->flags = g->flags;
    p->repeats = HC_MAX(g->repeats, inside);
    atom_from(p, g->at);
    p->atom = inside;
    hc_buf_putc(p->out, ')');
    skip(&p->rest, 1);
    return HC_OK;
}

static enum hc_rc named_group(struct parser *p, size_t name_at)
{
    hc_str s = p->rest;
    size_t end = hc_str_find(s, '>');
    if (end == SIZE_MAX) {
        enum hc_rc rc = check_utf8(p, s);
        return rc != HC_OK ? rc : bad(p, "invalid named capture", s);
    }
    hc_str name = hc_str_sub(s, name_at, end);
    enum hc_rc rc = check_utf8(p, name);
    if (rc != HC_OK)
        return rc;
    bool valid = name.n > 0;
    for (size_t i = 0; i < name.n && valid; i++)
        valid = name.p[i] == '_' || is_alnum((unsigned char)name.p[i]);
    if (!valid)
        return bad(p, "invalid named capture", hc_str_sub(s, 0, end + 1));
    rc = open_group(p, true);
    hc_buf_printf(p->names, "%zu %.*s\n", p->groups, HC_P(name));
    p->rest = hc_str_sub(s, end + 1, s.n);
    return rc;
}

/* "(?i)", "(?i-s:", "(?P<name>". */
static enum hc_rc perl_group(struct parser *p)
{
    hc_str s = p->rest, t = hc_str_sub(s, 2, s.n);
    if (s.n > 4 && s.p[2] == 'P' && s.p[3] == '<')
        return named_group(p, 4);
    if (s.n > 3 && s.p[2] == '<')
        return named_group(p, 3);
    unsigned flags = p->flags, set = 0;
    bool minus = false, saw = false;
    while (t.n > 0) {
        uint32_t c;
        enum hc_rc rc = next_rune(p, &t, &c);
        if (rc != HC_OK)
            return rc;
        unsigned bit = c == 'i' ? FOLD : c == 'm' ? MULTILINE : c == 's' ? DOT_ALL : c == 'U' ? UNGREEDY : 0;
        if (bit) {
            set = minus ? flags & ~bit : flags | bit;
            flags = set;
            saw = true;
        } else if (c == '-' && !minus) {
            minus = true;
            saw = false;
        } else if ((c == ':' || c == ')') && (!minus || saw)) {
            rc = c == ':' ? open_group(p, false) : HC_OK;
            p->flags = flags;
            p->rest = t;
            return rc;
        } else {
            break;
        }
    }
    return bad(p, "invalid or unsupported Perl syntax", between(s, t));
}

/* A count of {n,m}: Go refuses leading zeros, and takes what is too big for -1. */
static bool read_int(hc_str *s, int64_t *out)
{
    if (s->n == 0 || s->p[0] < '0' || s->p[0] > '9')
        return false;
    if (s->n >= 2 && s->p[0] == '0' && s->p[1] >= '0' && s->p[1] <= '9')
        return false;
    int64_t n = 0;
    for (; s->n > 0 && s->p[0] >= '0' && s->p[0] <= '9'; skip(s, 1))
        n = n < 0 || n >= 100000000 ? -1 : n * 10 + (s->p[0] - '0');
    *out = n;
    return true;
}

/* "{2}", "{2,}", "{2,5}"; false: the brace is a literal. */
static bool read_repeat(hc_str *s, int64_t *min, int64_t *max)
{
    hc_str t = hc_str_sub(*s, 1, s->n);
    if (!read_int(&t, min) || t.n == 0)
        return false;
    *max = *min;
    if (t.p[0] == ',') {
        skip(&t, 1);
        if (t.n == 0)
            return false;
        if (t.p[0] == '}')
            *max = -1;
        else if (!read_int(&t, max))
            return false;
        else if (*max < 0)
            *min = -1;
    }
    if (t.n == 0 || t.p[0] != '}')
        return false;
    *s = hc_str_sub(t, 1, t.n);
    return true;
}

/* Writes the operator behind the last atom. `last` is the repeat just before, {NULL,0}: none. */
static enum hc_rc repeat(struct parser *p, hc_str before, hc_str after, int64_t min, int64_t max, hc_str last)
{
    bool lazy = p->flags & UNGREEDY;
    hc_str op = between(before, after);
    if (after.n > 0 && after.p[0] == '?') {
        skip(&after, 1);
        lazy = !lazy;
    }
    if (last.p)
        return bad(p, "invalid nested repetition operator", between(last, after));
    if (!p->has_atom)
        return bad(p, "missing argument to repetition operator", between(before, after));
    if (op.p[0] == '{') {
        uint64_t m = (uint64_t)(max < 0 ? min : max);
        if ((min >= 2 || max >= 2) && m * p->atom > MAX_REPEAT)
            return bad(p, "invalid repeat count", between(before, after));
        p->atom = HC_MAX(m, (uint64_t)1) * p->atom;
        p->repeats = HC_MAX(p->repeats, p->atom);
    }
    if (p->repeated) { /* "a*(?i)*": a flag stands between, so Go takes it */
        hc_buf_puts(p->out, "(?:)");
        if (!p->out->spent) {
            memmove(p->out->p + p->atom_at + 3, p->out->p + p->atom_at, p->out->n - p->atom_at - 4);
            memcpy(p->out->p + p->atom_at, "(?:", 3);
            p->out->p[p->out->n - 1] = ')';
        }
    }
    p->repeated = true;
    hc_buf_put(p->out, op);
    if (lazy)
        hc_buf_putc(p->out, '?');
    p->rest = after;
    return HC_OK;
}

static enum hc_rc backslash(struct parser *p)
{
    hc_str s = p->rest;
    bool is;
    uint32_t r;
    enum hc_rc rc;
    char c = s.n >= 2 ? s.p[1] : '\0';
    if (c == 'A' || c == 'b' || c == 'B' || c == 'z') {
        put_atom(p, c == 'A' ? "(?:\\A)" : c == 'b' ? "(?:\\b)" : c == 'B' ? "(?:\\B)" : "(?:\\z)");
        skip(&p->rest, 2);
        return HC_OK;
    }
    if (c == 'C')
        return bad(p, "invalid escape sequence", hc_str_sub(s, 0, 2));
    if (c == 'Q') {
        hc_str lit = hc_str_sub(s, 2, s.n);
        size_t end = hc_str_find_str(lit, HC_S("\\E"));
        p->rest = end == SIZE_MAX ? hc_str_sub(s, s.n, s.n) : hc_str_sub(lit, end + 2, lit.n);
        for (lit = hc_str_sub(lit, 0, end); lit.n > 0;) {
            if ((rc = next_rune(p, &lit, &r)) != HC_OK)
                return rc;
            literal(p, r);
        }
        return HC_OK;
    }
    size_t at = p->out->n;
    hc_buf_puts(p->out, p->flags & FOLD ? "(?i:[" : "[");
    rc = unicode_class(p, p->out, &p->rest, &is);
    if (rc != HC_OK)
        return rc;
    if (is || perl_class(p->out, &p->rest)) {
        hc_buf_puts(p->out, p->flags & FOLD ? "])" : "]");
        atom_from(p, at);
        return HC_OK;
    }
    p->out->n = at;
    if ((rc = escape(p, &p->rest, &r)) == HC_OK)
        literal(p, r);
    return rc;
}

static enum hc_rc element(struct parser *p, hc_str *last)
{
    hc_str s = p->rest, after = hc_str_sub(s, 1, s.n), was = *last;
    int64_t min, max;
    uint32_t r;
    enum hc_rc rc = HC_OK;
    *last = (hc_str){ NULL, 0 };
    switch (s.p[0]) {
    case '(':
        if (s.n >= 2 && s.p[1] == '?')
            return perl_group(p);
        p->rest = after;
        return open_group(p, true);
    case ')':
        return close_group(p);
    case '|':
        hc_buf_putc(p->out, '|');
        p->has_atom = false;
        break;
    case '^':
        put_atom(p, p->flags & MULTILINE ? "(?:\\A|(?<=\\n))" : "(?:\\A)");
        break;
    case '$':
        put_atom(p, p->flags & MULTILINE ? "(?:\\z|(?=\\n))" : "(?:\\z)");
        break;
    case '.':
        put_atom(p, p->flags & DOT_ALL ? "(?s:.)" : "[^\\x{a}]");
        break;
    case '[':
        return bracket(p);
    case '*':
    case '+':
    case '?':
        *last = s;
        return repeat(p, s, after, 0, 0, was);
    case '{':
        after = s;
        if (!read_repeat(&after, &min, &max)) {
            literal(p, '{');
            after = hc_str_sub(s, 1, s.n);
            break;
        }
        if (min < 0 || min > MAX_REPEAT || max > MAX_REPEAT || (max >= 0 && min > max))
            return bad(p, "invalid repeat count", between(s, after));
        *last = s;
        return repeat(p, s, after, min, max, was);
    case '\\':
        return backslash(p);
    default:
        if ((rc = next_rune(p, &p->rest, &r)) == HC_OK)
            literal(p, r);
        return rc;
    }
    p->rest = after;
    return rc;
}

static enum hc_rc parse(struct parser *p)
{
    hc_str last = { NULL, 0 };
    p->repeats = 1;
    while (p->rest.n > 0) {
        enum hc_rc rc = element(p, &last);
        if (rc != HC_OK)
            return rc;
    }
    return p->depth > 0 ? bad(p, "missing closing )", p->whole) : HC_OK;
}

void hc_regex_fault(hc_str expression, struct hc_buf *out)
{
    HC_AUTO(hc_buf) struct hc_buf pattern;
    HC_AUTO(hc_buf) struct hc_buf names;
    hc_buf_init(&pattern, 4 * expression.n + 4096);
    hc_buf_init(&names, expression.n + 4096);
    struct parser p = { .whole = expression, .rest = expression, .out = &pattern, .names = &names, .fault = out };
    (void)parse(&p);
}

enum hc_rc hc_regex_translate(hc_str expression, struct hc_buf *pattern, struct hc_buf *names, size_t *out_groups,
                              struct hc_err *err)
{
    struct parser p = { .whole = expression, .rest = expression, .out = pattern, .names = names, .err = err };
    enum hc_rc rc = parse(&p);
    if (rc != HC_OK)
        return rc;
    *out_groups = p.groups;
    if (pattern->spent || names->spent)
        return hc_buf_check(pattern->spent ? pattern : names, err, "a regular expression");
    return HC_OK;
}
