/*
 * Literals: Go's quoted strings, runes and numbers. A string without escapes is a slice of the template text.
 *
 * Numbers keep every form they can be read as, as Go's untyped constants do: `3` may be an int or a float,
 * `2.0` also an int, `1e3` a float that is whole.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "templating/syntax/syntax_impl.h"

/*
 * One character of a literal in `quote`, strconv.UnquoteChar: moves *s on. *out_byte says that the value is one
 * raw byte (\x, octal), not a rune.
 */
static bool unquote_char(hc_str *s, char quote, uint32_t *out, bool *out_byte)
{
    *out_byte = false;
    unsigned char c = s->n ? (unsigned char)s->p[0] : 0;
    if (s->n == 0 || (c == (unsigned char)quote && (quote == '\'' || quote == '"')))
        return false;
    if (c >= 0x80) {
        size_t len = hc_utf8_decode(*s, out);
        *s = hc_str_sub(*s, len, s->n);
        return true;
    }
    if (c != '\\') {
        *out = c;
        *s = hc_str_sub(*s, 1, s->n);
        return true;
    }
    if (s->n < 2)
        return false;
    c = (unsigned char)s->p[1];
    *s = hc_str_sub(*s, 2, s->n);
    static const char simple[] = "a\ab\bf\fn\nr\rt\tv\v\\\\";
    for (size_t i = 0; i + 1 < sizeof(simple); i += 2) {
        if (c == (unsigned char)simple[i]) {
            *out = (unsigned char)simple[i + 1];
            return true;
        }
    }
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits) {
        uint32_t v = 0;
        if (s->n < digits)
            return false;
        for (size_t i = 0; i < digits; i++) {
            int d = hc_hex_digit(s->p[i]);
            if (d < 0)
                return false;
            v = (v << 4) | (uint32_t)d;
        }
        *s = hc_str_sub(*s, digits, s->n);
        if (c == 'x')
            *out_byte = true;
        else if (v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
            return false;
        *out = v;
        return true;
    }
    if (c >= '0' && c <= '7') {
        uint32_t v = (uint32_t)(c - '0');
        if (s->n < 2)
            return false;
        for (size_t i = 0; i < 2; i++) {
            if (s->p[i] < '0' || s->p[i] > '7')
                return false;
            v = v * 8 + (uint32_t)(s->p[i] - '0');
        }
        if (v > 255)
            return false;
        *s = hc_str_sub(*s, 2, s->n);
        *out = v;
        *out_byte = true;
        return true;
    }
    if (c == (unsigned char)quote && (c == '\'' || c == '"')) {
        *out = c;
        return true;
    }
    return false;
}

bool hc_unquote(struct hc_arena *a, hc_str written, hc_str *out)
{
    hc_str body = hc_str_sub(written, 1, written.n - 1);
    if (written.p[0] == '`') {
        if (hc_str_find(body, '\r') == SIZE_MAX) {
            *out = body;
            return true;
        }
        char *p = hc_arena_alloc(a, body.n, 1);
        size_t n = 0;
        for (size_t i = 0; p && i < body.n; i++) {
            if (body.p[i] != '\r')
                p[n++] = body.p[i];
        }
        *out = (hc_str){ p, p ? n : 0 };
        return true;
    }
    if (hc_str_find(body, '\\') == SIZE_MAX) {
        /* Go reads it rune by rune when it is not valid UTF-8, which changes the bytes. */
        if (hc_utf8_valid(body)) {
            *out = body;
            return true;
        }
    }
    /* A rune never takes more room than its writing, but for a broken byte, which becomes U+FFFD. */
    char *p = hc_arena_alloc(a, body.n * 3 + 1, 1);
    if (!p) {
        *out = (hc_str){ "", 0 };
        return true;
    }
    size_t n = 0;
    while (body.n > 0) {
        uint32_t r;
        bool byte;
        if (!unquote_char(&body, '"', &r, &byte))
            return false;
        if (byte || r < 0x80)
            p[n++] = (char)r;
        else
            n += hc_utf8_encode(r, p + n);
    }
    *out = (hc_str){ p, n };
    return true;
}

/* Underscores only between digits or behind a base prefix, strconv's underscoreOK. */
static bool underscores_good(hc_str s)
{
    char last = '^';
    size_t i = 0;
    if (s.n >= 1 && (s.p[0] == '-' || s.p[0] == '+'))
        i++;
    bool hex = false;
    if (s.n >= i + 2 && s.p[i] == '0') {
        char c = (char)(s.p[i + 1] | 0x20);
        if (c == 'b' || c == 'o' || c == 'x') {
            last = '0';
            hex = c == 'x';
            i += 2;
        }
    }
    for (; i < s.n; i++) {
        char c = s.p[i];
        if ((c >= '0' && c <= '9') || (hex && hc_hex_digit(c) >= 0)) {
            last = '0';
        } else if (c == '_') {
            if (last != '0')
                return false;
            last = '_';
        } else {
            if (last == '_')
                return false;
            last = '!';
        }
    }
    return last != '_';
}

/* strconv.ParseUint(s, 0, 64) without a sign. */
static bool read_uint(hc_str s, uint64_t *out)
{
    hc_str all = s;
    unsigned base = 10;
    if (s.n == 0)
        return false;
    if (s.p[0] == '0') {
        char c = s.n >= 3 ? (char)(s.p[1] | 0x20) : 0;
        if (c == 'x' || c == 'o' || c == 'b') {
            base = c == 'x' ? 16 : c == 'o' ? 8 : 2;
            s = hc_str_sub(s, 2, s.n);
        } else {
            base = 8;
            s = hc_str_sub(s, 1, s.n);
        }
    }
    uint64_t v = 0;
    bool underscore = false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '_') {
            underscore = true;
            continue;
        }
        int d = hc_hex_digit(s.p[i]);
        if (d < 0 || (unsigned)d >= base)
            return false;
        if (__builtin_mul_overflow(v, (uint64_t)base, &v) || __builtin_add_overflow(v, (uint64_t)d, &v))
            return false;
    }
    if (underscore && !underscores_good(all))
        return false;
    *out = v;
    return true;
}

static bool read_int(hc_str s, int64_t *out)
{
    bool neg = s.n > 0 && s.p[0] == '-';
    uint64_t u;
    if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'))
        s = hc_str_sub(s, 1, s.n);
    if (!read_uint(s, &u) || u > (uint64_t)INT64_MAX + neg)
        return false;
    *out = neg ? (int64_t)(0 - u) : (int64_t)u;
    return true;
}

/* strconv.ParseFloat: decimal or hexadecimal with `p`; no octal or binary prefixes. */
static bool read_float(hc_str s, double *out)
{
    char z[128];
    size_t n = 0;
    hc_str digits = s;
    if (digits.n && (digits.p[0] == '-' || digits.p[0] == '+'))
        digits = hc_str_sub(digits, 1, digits.n);
    bool hex = digits.n > 2 && digits.p[0] == '0' && (digits.p[1] | 0x20) == 'x';
    bool p = false, any = false, underscore = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '_') {
            underscore = true;
            continue;
        }
        p |= (c | 0x20) == 'p';
        any |= c >= '0' && c <= '9';
        if (n + 1 >= sizeof(z))
            return false;
        z[n++] = c;
    }
    z[n] = 0;
    if (!any || (hex && !p))
        return false;
    if (underscore && !underscores_good(s))
        return false;
    if (!hex && digits.n > 1 && digits.p[0] == '0' && strchr("xXoObB", digits.p[1]))
        return false;
    char *end;
    errno = 0;
    double f = strtod(z, &end);
    if (*end || isinf(f))
        return false;
    *out = f;
    return true;
}

static void whole_parts(struct hc_number *n, double f)
{
    if (!n->is_int && f >= -9223372036854775808.0 && f < 9223372036854775808.0 && (double)(int64_t)f == f) {
        n->is_int = true;
        n->i = (int64_t)f;
    }
    if (!n->is_uint && f >= 0 && f < 18446744073709551616.0 && (double)(uint64_t)f == f) {
        n->is_uint = true;
        n->u = (uint64_t)f;
    }
}

/* A complex number without an imaginary part is also a float, and an int when it is whole. */
static void simplify_complex(struct hc_number *n)
{
    n->is_float = n->im == 0;
    if (n->is_float)
        whole_parts(n, n->f);
}

static bool read_rune(hc_str written, uint32_t *out, bool *out_malformed)
{
    hc_str s = hc_str_sub(written, 1, written.n);
    bool byte;
    *out_malformed = false;
    if (!unquote_char(&s, '\'', out, &byte))
        return false;
    *out_malformed = !hc_str_eqz(s, "'");
    return true;
}

static struct hc_number *failed(struct hc_buf *message, const struct hc_syntax_port *port, const char *what,
                                hc_str written, bool quoted)
{
    hc_buf_puts(message, what);
    if (quoted)
        hc_syntax_quote(message, port, written);
    else
        hc_buf_put(message, written);
    return NULL;
}

/* Nearly all numbers of templates are indentations: those below 20 are there once. */
#define SMALL(k)                                                                                                   \
    {                                                                                                              \
        .is_int = true, .is_uint = true, .is_float = true, .i = (k), .u = (k), .f = (k)                            \
    }
static const struct hc_number small[] = { SMALL(0),  SMALL(1),  SMALL(2),  SMALL(3),  SMALL(4),
                                          SMALL(5),  SMALL(6),  SMALL(7),  SMALL(8),  SMALL(9),
                                          SMALL(10), SMALL(11), SMALL(12), SMALL(13), SMALL(14),
                                          SMALL(15), SMALL(16), SMALL(17), SMALL(18), SMALL(19) };

static const struct hc_number *small_number(hc_str w)
{
    size_t first = w.n ? (size_t)w.p[0] - '0' : 10, second = w.n == 2 ? (size_t)w.p[1] - '0' : 0;
    if (w.n == 1 && first < 10)
        return &small[first];
    return w.n == 2 && first == 1 && second < 10 ? &small[10 + second] : NULL;
}

const struct hc_number *hc_number_read(struct hc_arena *a, const struct hc_syntax_port *port, enum token_kind kind,
                                       hc_str w, struct hc_buf *message)
{
    if (kind == T_NUMBER && small_number(w))
        return small_number(w);
    struct hc_number tmp, *n = HC_NEW(a, struct hc_number);
    if (!n) { /* the parser sees the spent arena at its end */
        return &small[0];
    }
    if (kind == T_RUNE) {
        uint32_t r;
        bool malformed;
        if (!read_rune(w, &r, &malformed))
            return failed(message, port, "invalid syntax", HC_S(""), false);
        if (malformed)
            return failed(message, port, "malformed character constant: ", w, false);
        *n = (struct hc_number){ .is_int = true, .is_uint = true, .is_float = true, .i = r, .u = r, .f = r };
        return n;
    }
    if (kind == T_COMPLEX || (w.n > 1 && w.p[w.n - 1] == 'i')) {
        size_t split = w.n - 1;
        if (kind == T_COMPLEX) {
            for (split = w.n - 2; split > 0; split--) {
                char before = (char)(w.p[split - 1] | 0x20);
                if ((w.p[split] == '+' || w.p[split] == '-') && before != 'e' && before != 'p')
                    break;
            }
        }
        memset(&tmp, 0, sizeof(tmp));
        hc_str im = hc_str_sub(w, kind == T_COMPLEX ? split : 0, w.n - 1);
        if ((kind != T_COMPLEX || read_float(hc_str_sub(w, 0, split), &tmp.f)) && read_float(im, &tmp.im)) {
            tmp.is_complex = true;
            simplify_complex(&tmp);
            *n = tmp;
            return n;
        }
        if (kind == T_COMPLEX)
            return failed(message, port, "expected integer", HC_S(""), false);
    }
    bool is_uint = w.p[0] != '-' && w.p[0] != '+' && read_uint(w, &n->u);
    n->is_uint = is_uint;
    if (read_int(w, &n->i)) {
        n->is_int = true;
        n->is_uint |= n->i == 0;
        n->is_float = true;
        n->f = (double)n->i;
    } else if (n->is_uint) {
        n->is_float = true;
        n->f = (double)n->u;
    } else if (read_float(w, &n->f)) {
        bool looks_float = false;
        for (size_t i = 0; i < w.n; i++)
            looks_float |= strchr(".eEpP", w.p[i]) != NULL;
        if (!looks_float)
            return failed(message, port, "integer overflow: ", w, true);
        n->is_float = true;
        whole_parts(n, n->f);
    }
    if (!n->is_int && !n->is_uint && !n->is_float)
        return failed(message, port, "illegal number syntax: ", w, true);
    return n;
}

void hc_syntax_quote(struct hc_buf *b, const struct hc_syntax_port *port, hc_str s)
{
    if (port && port->quote) {
        port->quote(b, s);
        return;
    }
    hc_buf_putc(b, '"');
    while (s.n > 0) {
        uint32_t r;
        size_t len = hc_utf8_decode(s, &r);
        unsigned char c = (unsigned char)s.p[0];
        if (c == '"' || c == '\\')
            hc_buf_printf(b, "\\%c", c);
        else if (c == '\n' || c == '\t' || c == '\r')
            hc_buf_puts(b, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
        else if (c < 0x20 || c == 0x7f || (c >= 0x80 && len == 1))
            hc_buf_printf(b, "\\x%02x", c);
        else
            hc_buf_put(b, (hc_str){ s.p, len });
        s = hc_str_sub(s, len, s.n);
    }
    hc_buf_putc(b, '"');
}
