/*
 * JSON in: one pass, by recursive descent down to HC_MAX_JSON_DEPTH. Strings without escapes are taken as
 * they stand (with HC_JSON_REF not even copied); bad UTF-8 and lone surrogates become U+FFFD as in Go. Line
 * numbers are counted in white space only, because a JSON string holds no line break.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/value/json.h"
#include "core/value/value_impl.h"

struct reader {
    struct hc_arena *a;
    const char *start, *p, *end, *line_start;
    uint32_t line;
    unsigned flags;
    struct hc_scratch scratch;
    struct hc_err *err;
    struct hc_err range; /* the first number too large for a double: told when nothing else is wrong, as Go does */
};

static enum hc_rc read_value(struct reader *r, unsigned depth, struct hc_val **out);

/* ---- errors -------------------------------------------------------------------------------------- */

/* Go's quoteChar: the byte as a character, in single quotes. */
static void quote_char(unsigned char c, char out[16])
{
    const char *esc = c == '\'' ? "\\'" : c == '\\' ? "\\\\" : NULL;
    if (c >= 7 && c <= 13)
        esc = (const char *const[]){ "\\a", "\\b", "\\t", "\\n", "\\v", "\\f", "\\r" }[c - 7];
    if (esc)
        snprintf(out, 16, "'%s'", esc);
    else if (c < 0x20 || c == 0x7f)
        snprintf(out, 16, "'\\x%02x'", c);
    else if (c < 0x7f)
        snprintf(out, 16, "'%c'", c);
    else if (c <= 0xa0 || c == 0xad)
        snprintf(out, 16, "'\\u%04x'", c);
    else
        snprintf(out, 16, "'%c%c'", 0xc0 | c >> 6, 0x80 | (c & 0x3f));
}

static int column(const struct reader *r, const char *at)
{
    return (int)HC_MIN(at - r->line_start + 1, (ptrdiff_t)INT32_MAX);
}

static enum hc_rc bad_end(struct reader *r)
{
    return hc_fail_at(r->err, HC_E_INPUT, (hc_str){ NULL, 0 }, (int)r->line, column(r, r->end),
                      "unexpected end of JSON input");
}

/* The byte at `at` is not what `where` allows. */
static enum hc_rc bad_char(struct reader *r, const char *at, const char *where)
{
    /* Go tells the end by a space: where that could stand the text is cut, elsewhere it is the wrong character */
    if (at >= r->end && strncmp(where, "in ", 3) != 0 && strncmp(where, "after decimal", 13) != 0)
        return bad_end(r);
    char quoted[16];
    quote_char(at < r->end ? (unsigned char)*at : ' ', quoted);
    return hc_fail_at(r->err, HC_E_INPUT, (hc_str){ NULL, 0 }, (int)r->line, column(r, at),
                      "invalid character %s %s", quoted, where);
}

static enum hc_rc spent(struct reader *r)
{
    if (hc_arena_spent(r->a))
        return hc_arena_check(r->a, r->err, "JSON document");
    return hc_fail_nomem(r->err);
}

/* ---- pieces -------------------------------------------------------------------------------------- */

static inline void skip_space(struct reader *r)
{
    const char *p = r->p;
    for (; p < r->end; p++) {
        if (*p == '\n') {
            r->line++;
            r->line_start = p + 1;
        } else if (*p != ' ' && *p != '\t' && *p != '\r') {
            break;
        }
    }
    r->p = p;
}

static inline uint16_t short_col(const struct reader *r, const char *at)
{
    return (uint16_t)HC_MIN(at - r->line_start + 1, (ptrdiff_t)UINT16_MAX);
}

/* Decodes a checked string body with escapes or bad UTF-8 in it. */
static hc_str unescape(struct reader *r, const char *p, const char *end)
{
    char *to = hc_arena_alloc(r->a, (size_t)(end - p) * 3 + 1, 1);
    char *start = to;
    if (!to)
        return (hc_str){ NULL, 0 };
    while (p < end) {
        if (*p == '\\') {
            p++;
            switch (*p++) {
            case 'b':
                *to++ = '\b';
                break;
            case 'f':
                *to++ = '\f';
                break;
            case 'n':
                *to++ = '\n';
                break;
            case 'r':
                *to++ = '\r';
                break;
            case 't':
                *to++ = '\t';
                break;
            case 'u': {
                uint32_t rune = (uint32_t)hc_hex4(p);
                p += 4;
                if (rune >= 0xd800 && rune < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
                    int low = hc_hex4(p + 2);
                    if (low >= 0xdc00 && low < 0xe000) {
                        rune = 0x10000 + ((rune - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
                        p += 6;
                    }
                }
                to += hc_utf8_encode(rune, to);
                break;
            }
            default:
                *to++ = p[-1];
            }
        } else if ((unsigned char)*p < 0x80) {
            size_t n = 1 + hc_json_plain(p + 1, (size_t)(end - p - 1), false);
            memcpy(to, p, n);
            to += n;
            p += n;
        } else {
            uint32_t rune;
            p += hc_utf8_decode(hc_str_n(p, (size_t)(end - p)), &rune);
            to += hc_utf8_encode(rune, to);
        }
    }
    return (hc_str){ start, (size_t)(to - start) };
}

/* At the opening quote. */
static enum hc_rc read_str(struct reader *r, hc_str *out)
{
    const char *p = r->p + 1, *from = p;
    bool plain = true, high = false;
    for (;; p++) {
        if (p >= r->end)
            return bad_end(r);
        unsigned char c = (unsigned char)*p;
        if (c == '"')
            break;
        if (c >= 0x80) {
            high = true;
        } else if (c >= 0x20 && c != '\\') {
            p += hc_json_plain(p + 1, (size_t)(r->end - p - 1), false);
        } else if (c < 0x20) {
            return bad_char(r, p, "in string literal");
        } else {
            plain = false;
            p++;
            if (p >= r->end || !strchr("\"\\/bfnrtu", *p) || !*p)
                return bad_char(r, p, "in string escape code");
            if (*p == 'u')
                for (int i = 0; i < 4; i++) {
                    p++;
                    if (p >= r->end || !strchr("0123456789abcdefABCDEF", *p) || !*p)
                        return bad_char(r, p, "in \\u hexadecimal character escape");
                }
        }
    }
    hc_str s = { from, (size_t)(p - from) };
    r->p = p + 1;
    if (!plain || (high && !hc_utf8_valid(s)))
        s = unescape(r, from, p);
    else if (!(r->flags & HC_JSON_REF))
        s = hc_arena_str(r->a, s);
    if (!s.p)
        return spent(r);
    *out = s;
    return HC_OK;
}

bool hc_json_is_number(hc_str s)
{
    const char *p = s.p, *end = s.p + s.n;
    if (p < end && *p == '-')
        p++;
    if (p >= end)
        return false;
    if (*p == '0') {
        p++;
    } else {
        if (*p < '1' || *p > '9')
            return false;
        while (p < end && *p >= '0' && *p <= '9')
            p++;
    }
    if (p < end && *p == '.') {
        p++;
        if (p >= end || *p < '0' || *p > '9')
            return false;
        while (p < end && *p >= '0' && *p <= '9')
            p++;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        if (p >= end || *p < '0' || *p > '9')
            return false;
        while (p < end && *p >= '0' && *p <= '9')
            p++;
    }
    return p == end;
}

static inline bool digit_at(const struct reader *r, const char *p)
{
    return p < r->end && *p >= '0' && *p <= '9';
}

static enum hc_rc to_double(struct reader *r, hc_str s, double *out)
{
    char few[64], *z = few;
    if (s.n < sizeof(few)) {
        memcpy(few, s.p, s.n);
        few[s.n] = '\0';
    } else if (!(z = hc_arena_strz(r->a, s))) {
        return spent(r);
    }
    *out = strtod(z, NULL);
    if (isinf(*out) && r->range.code == HC_OK)
        (void)hc_fail_at(&r->range, HC_E_INPUT, (hc_str){ NULL, 0 }, (int)r->line, column(r, s.p),
                         "json: cannot unmarshal number %.*s into Go value of type float64", HC_P(s));
    return HC_OK;
}

static enum hc_rc read_number(struct reader *r, struct hc_val *v)
{
    const char *p = r->p, *from = p;
    bool minus = *p == '-', whole = true, fits = true;
    uint64_t u = 0;
    if (minus)
        p++;
    if (!digit_at(r, p))
        return bad_char(r, p, "in numeric literal");
    if (*p == '0') {
        p++;
    } else {
        for (; digit_at(r, p); p++)
            if (__builtin_mul_overflow(u, 10u, &u) || __builtin_add_overflow(u, (uint64_t)(*p - '0'), &u))
                fits = false;
    }
    if (p < r->end && *p == '.') {
        whole = false;
        p++;
        if (!digit_at(r, p))
            return bad_char(r, p, "after decimal point in numeric literal");
        while (digit_at(r, p))
            p++;
    }
    if (p < r->end && (*p == 'e' || *p == 'E')) {
        whole = false;
        p++;
        if (p < r->end && (*p == '+' || *p == '-'))
            p++;
        if (!digit_at(r, p))
            return bad_char(r, p, "in exponent of numeric literal");
        while (digit_at(r, p))
            p++;
    }
    r->p = p;
    hc_str s = { from, (size_t)(p - from) };
    if (whole && fits && !(r->flags & HC_JSON_ALL_FLOAT) && (!minus || u <= (uint64_t)INT64_MAX + 1)) {
        v->kind = u > INT64_MAX && !minus ? HC_UINT : HC_INT;
        v->u = minus ? 0 - u : u;
        return HC_OK;
    }
    v->kind = HC_FLOAT;
    if (whole && fits && u < (uint64_t)1 << 53)
        v->f = minus ? -(double)u : (double)u;
    else if (to_double(r, s, &v->f) != HC_OK)
        return r->err ? r->err->code : HC_E_INPUT;
    if (isinf(v->f)) {
        v->kind = HC_NULL;
        return HC_OK;
    }
    if (!(r->flags & HC_JSON_REF))
        s = hc_arena_str(r->a, s);
    v->spelling = s.p;
    v->n = (uint32_t)s.n;
    return HC_OK;
}

static enum hc_rc read_word(struct reader *r, const char *word)
{
    const char *p = r->p + 1;
    for (size_t i = 1; word[i]; i++, p++)
        if (p >= r->end || *p != word[i]) {
            char where[48];
            snprintf(where, sizeof(where), "in literal %s (expecting '%c')", word, word[i]);
            return bad_char(r, p, where);
        }
    r->p = p;
    return HC_OK;
}

/* ---- containers ---------------------------------------------------------------------------------- */

/* Past the opening bracket; false: the closing one stood behind it. */
static bool open_container(struct reader *r, char close)
{
    r->p++;
    skip_space(r);
    if (r->p >= r->end || *r->p != close)
        return true;
    r->p++;
    return false;
}

/* Keeps an entry and goes past the comma or the closing bracket behind it; *out_more: another entry follows. */
static enum hc_rc keep_entry(struct reader *r, const struct hc_entry *e, char close, const char *where,
                             bool *out_more)
{
    if (!hc_scratch_push(&r->scratch, e))
        return spent(r);
    skip_space(r);
    if (r->p < r->end && *r->p == ',') {
        r->p++;
        skip_space(r);
        return HC_OK;
    }
    if (r->p >= r->end || *r->p != close)
        return bad_char(r, r->p, where);
    r->p++;
    *out_more = false;
    return HC_OK;
}

static enum hc_rc read_list(struct reader *r, unsigned depth, struct hc_val **out)
{
    uint32_t base = r->scratch.n;
    bool more = open_container(r, ']');
    while (more) {
        struct hc_entry e = { 0 };
        enum hc_rc rc = read_value(r, depth, &e.val);
        if (rc == HC_OK)
            rc = keep_entry(r, &e, ']', "after array element", &more);
        if (rc != HC_OK)
            return rc;
    }
    *out = hc_list_adopt(r->a, r->scratch.p ? r->scratch.p + base : NULL, r->scratch.n - base);
    r->scratch.n = base;
    return *out ? HC_OK : spent(r);
}

static enum hc_rc read_map(struct reader *r, unsigned depth, struct hc_val **out)
{
    uint32_t base = r->scratch.n;
    bool more = open_container(r, '}');
    while (more) {
        struct hc_entry e = { 0 };
        if (r->p >= r->end || *r->p != '"')
            return bad_char(r, r->p, "looking for beginning of object key string");
        if (!(r->flags & HC_JSON_NO_POSITIONS)) {
            e.line = r->line;
            e.col = short_col(r, r->p);
        }
        enum hc_rc rc = read_str(r, &e.key);
        if (rc != HC_OK)
            return rc;
        skip_space(r);
        if (r->p >= r->end || *r->p != ':')
            return bad_char(r, r->p, "after object key");
        r->p++;
        skip_space(r);
        rc = read_value(r, depth, &e.val);
        if (rc == HC_OK)
            rc = keep_entry(r, &e, '}', "after object key:value pair", &more);
        if (rc != HC_OK)
            return rc;
    }
    *out = hc_map_adopt(r->a, r->scratch.p ? r->scratch.p + base : NULL, r->scratch.n - base, NULL);
    r->scratch.n = base;
    return *out ? HC_OK : spent(r);
}

/* Stands at the first byte of the value. */
static enum hc_rc read_value(struct reader *r, unsigned depth, struct hc_val **out)
{
    if (r->p >= r->end)
        return bad_end(r);
    uint32_t line = 0;
    uint16_t col = 0;
    if (!(r->flags & HC_JSON_NO_POSITIONS)) {
        line = r->line;
        col = short_col(r, r->p);
    }
    enum hc_rc rc = HC_OK;
    struct hc_val *v = NULL;
    char c = *r->p;
    if (c == '{' || c == '[') {
        if (depth >= HC_MAX_JSON_DEPTH)
            return hc_fail_at(r->err, HC_E_LIMIT, (hc_str){ NULL, 0 }, (int)r->line, column(r, r->p),
                              "JSON is nested deeper than %d levels", HC_MAX_JSON_DEPTH);
        rc = c == '{' ? read_map(r, depth + 1, &v) : read_list(r, depth + 1, &v);
        if (rc != HC_OK)
            return rc;
    } else {
        v = hc_node_new(r->a, HC_NULL);
        if (!v)
            return spent(r);
        if (c == '"') {
            hc_str s = { NULL, 0 };
            rc = read_str(r, &s);
            v->kind = HC_STR;
            v->s = s.p;
            v->n = (uint32_t)s.n;
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            rc = read_number(r, v);
        } else if (c == 't' || c == 'f') {
            v->kind = HC_BOOL;
            v->b = c == 't';
            rc = read_word(r, c == 't' ? "true" : "false");
        } else if (c == 'n') {
            rc = read_word(r, "null");
        } else {
            rc = bad_char(r, r->p, "looking for beginning of value");
        }
        if (rc != HC_OK)
            return rc;
    }
    v->line = line;
    v->col = col;
    *out = v;
    return HC_OK;
}

enum hc_rc hc_json_parse(struct hc_arena *a, hc_str text, unsigned flags, struct hc_val **out, struct hc_err *err)
{
    const char *start = text.p ? text.p : "";
    struct hc_err own = HC_ERR_INIT;
    struct reader r = { .a = a,
                        .start = start,
                        .p = start,
                        .end = start + text.n,
                        .line_start = start,
                        .line = 1,
                        .flags = flags,
                        .err = err ? err : &own,
                        .range = HC_ERR_INIT };
    struct hc_val *v = NULL;
    if (text.n > UINT32_MAX)
        return hc_fail(err, HC_E_LIMIT, "JSON document is larger than 4 GiB");
    skip_space(&r);
    enum hc_rc rc = read_value(&r, 0, &v);
    if (rc == HC_OK) {
        skip_space(&r);
        if (r.p < r.end)
            rc = bad_char(&r, r.p, "after top-level value");
    }
    if (rc == HC_OK && hc_arena_spent(a))
        rc = spent(&r);
    hc_scratch_done(&r.scratch);
    if (rc == HC_OK)
        *out = v;
    if (rc == HC_OK && r.range.code != HC_OK) {
        rc = r.range.code;
        *r.err = r.range;
    }
    return rc;
}
