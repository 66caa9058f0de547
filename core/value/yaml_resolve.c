/*
 * Plain scalars by the rules of go.yaml.in/yaml v2, resolve.go: the first byte decides what a text can be at
 * all, so that ordinary text costs one table lookup. Words are compared whole; numbers follow Go's
 * strconv.ParseInt with base 0 (after removing underscores), then a float pattern, then two odd binary
 * forms; dates follow Go's time.Parse for the library's four layouts.
 */
#include "core/value/yaml_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "core/value/yaml.h"

/* 'S' sign, 'D' digit, 'M' may be a word, '.' may be a float */
static const char hint_of[256] = {
    ['+'] = 'S', ['-'] = 'S', ['0'] = 'D', ['1'] = 'D', ['2'] = 'D', ['3'] = 'D', ['4'] = 'D', ['5'] = 'D',
    ['6'] = 'D', ['7'] = 'D', ['8'] = 'D', ['9'] = 'D', ['y'] = 'M', ['Y'] = 'M', ['n'] = 'M', ['N'] = 'M',
    ['t'] = 'M', ['T'] = 'M', ['f'] = 'M', ['F'] = 'M', ['o'] = 'M', ['O'] = 'M', ['~'] = 'M', ['.'] = '.',
};

static const struct hc_yaml_scalar text = { .tag = HC_TAG_STR };

static inline bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct hc_yaml_scalar make_bool(bool b)
{
    return (struct hc_yaml_scalar){ .tag = HC_TAG_BOOL, .b = b };
}

static struct hc_yaml_scalar make_float(double f)
{
    return (struct hc_yaml_scalar){ .tag = HC_TAG_FLOAT, .f = f };
}

static bool one_of(hc_str s, const char *lower, const char *title, const char *upper)
{
    return memcmp(s.p, lower, s.n) == 0 || memcmp(s.p, title, s.n) == 0 || memcmp(s.p, upper, s.n) == 0;
}

/* One to five bytes whose first may begin a word. */
static struct hc_yaml_scalar word(hc_str s)
{
    char first = (char)(*s.p | 0x20);
    switch (s.n) {
    case 1:
        if (first == 'y')
            return make_bool(true);
        if (first == 'n')
            return make_bool(false);
        if (*s.p == '~')
            return (struct hc_yaml_scalar){ .tag = HC_TAG_NULL };
        break;
    case 2:
        if (first == 'n' && one_of(s, "no", "No", "NO"))
            return make_bool(false);
        if (first == 'o' && one_of(s, "on", "On", "ON"))
            return make_bool(true);
        break;
    case 3:
        if (first == 'y' && one_of(s, "yes", "Yes", "YES"))
            return make_bool(true);
        if (first == 'o' && one_of(s, "off", "Off", "OFF"))
            return make_bool(false);
        break;
    case 4:
        if (first == 't' && one_of(s, "true", "True", "TRUE"))
            return make_bool(true);
        if (first == 'n' && one_of(s, "null", "Null", "NULL"))
            return (struct hc_yaml_scalar){ .tag = HC_TAG_NULL };
        if (*s.p == '.' && one_of(s, ".nan", ".NaN", ".NAN"))
            return make_float(__builtin_nan(""));
        if (*s.p == '.' && one_of(s, ".inf", ".Inf", ".INF"))
            return make_float(__builtin_inf());
        break;
    case 5:
        if (first == 'f' && one_of(s, "false", "False", "FALSE"))
            return make_bool(false);
        if (*s.p == '+' && one_of(s, "+.inf", "+.Inf", "+.INF"))
            return make_float(__builtin_inf());
        if (*s.p == '-' && one_of(s, "-.inf", "-.Inf", "-.INF"))
            return make_float(-__builtin_inf());
        break;
    default:
        break;
    }
    return text;
}

/* ---- dates --------------------------------------------------------------------------------------- */

/* One or two digits, as Go's time.Parse takes them for "1", "2", "15", "4", "5"; -1: none. */
static int two(hc_str *s)
{
    if (s->n == 0 || !digit(s->p[0]))
        return -1;
    int v = s->p[0] - '0';
    size_t n = 1;
    if (s->n > 1 && digit(s->p[1])) {
        v = v * 10 + (s->p[1] - '0');
        n = 2;
    }
    *s = hc_str_sub(*s, n, s->n);
    return v;
}

static bool take(hc_str *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = hc_str_sub(*s, 1, s->n);
    return true;
}

static int days_in(int month, int year)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static bool zone(hc_str s)
{
    if (hc_str_eqz(s, "Z"))
        return true;
    if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':' || !digit(s.p[1]) || !digit(s.p[2]) ||
        !digit(s.p[4]) || !digit(s.p[5]))
        return false;
    return (s.p[1] - '0') * 10 + (s.p[2] - '0') <= 24 && (s.p[4] - '0') * 10 + (s.p[5] - '0') <= 60;
}

static bool is_timestamp(hc_str s)
{
    if (s.n < 8 || s.p[4] != '-')
        return false;
    int year = 0;
    for (int i = 0; i < 4; i++) {
        if (!digit(s.p[i]))
            return false;
        year = year * 10 + (s.p[i] - '0');
    }
    s = hc_str_sub(s, 5, s.n);
    int month = two(&s);
    if (month < 1 || month > 12 || !take(&s, '-'))
        return false;
    int day = two(&s);
    if (day < 1 || day > days_in(month, year))
        return false;
    if (s.n == 0)
        return true;
    bool spaced = *s.p == ' ';
    if (!spaced && *s.p != 'T' && *s.p != 't')
        return false;
    do
        s = hc_str_sub(s, 1, s.n);
    while (spaced && s.n && *s.p == ' ');
    int hour = two(&s);
    if (hour < 0 || hour > 23 || !take(&s, ':'))
        return false;
    int minute = two(&s);
    if (minute < 0 || minute > 59 || !take(&s, ':'))
        return false;
    int second = two(&s);
    if (second < 0 || second > 59)
        return false;
    if (s.n > 1 && (*s.p == '.' || *s.p == ',') && digit(s.p[1])) {
        size_t n = 1;
        while (n < s.n && digit(s.p[n]))
            n++;
        s = hc_str_sub(s, n, s.n);
    }
    return spaced ? s.n == 0 : zone(s);
}

/* ---- numbers ------------------------------------------------------------------------------------- */

enum parsed { NO_NUMBER, TOO_LARGE, PARSED };

/* Go's ParseUint in `base`, without prefix. */
static enum parsed digits_of(hc_str s, unsigned base, uint64_t *out)
{
    uint64_t u = 0;
    bool large = false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned)hc_hex_digit(s.p[i]); /* no digit: larger than any */
        if (d >= base)
            return NO_NUMBER;
        if (__builtin_mul_overflow(u, (uint64_t)base, &u) || __builtin_add_overflow(u, (uint64_t)d, &u))
            large = true;
    }
    *out = u;
    return large ? TOO_LARGE : PARSED;
}

static bool make_int(uint64_t u, bool minus, bool has_sign, struct hc_yaml_scalar *out)
{
    *out = (struct hc_yaml_scalar){ .tag = HC_TAG_INT };
    if (minus) {
        out->i = (int64_t)(0 - u);
        return u <= (uint64_t)INT64_MAX + 1;
    }
    out->u = u;
    out->big = u > INT64_MAX;
    return !out->big || !has_sign; /* ParseUint takes no sign */
}

/* ParseInt, then ParseUint, with base 0. */
static bool integer(hc_str s, struct hc_yaml_scalar *out)
{
    bool has_sign = *s.p == '+' || *s.p == '-', minus = *s.p == '-';
    if (has_sign)
        s = hc_str_sub(s, 1, s.n);
    if (s.n == 0)
        return false;
    unsigned base = 10;
    if (*s.p == '0') {
        char c = s.n >= 3 ? (char)(s.p[1] | 0x20) : '\0';
        base = c == 'b' ? 2 : c == 'o' ? 8 : c == 'x' ? 16 : 0;
        s = hc_str_sub(s, base ? 2 : 1, s.n);
        base = base ? base : 8;
    }
    uint64_t u;
    return digits_of(s, base, &u) == PARSED && make_int(u, minus, has_sign, out);
}

/* [-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)? */
static bool looks_float(hc_str s)
{
    const char *p = s.p, *end = s.p + s.n;
    if (p < end && (*p == '+' || *p == '-'))
        p++;
    if (p >= end)
        return false;
    if (*p == '.') {
        if (++p >= end || !digit(*p))
            return false;
        while (p < end && digit(*p))
            p++;
    } else {
        if (!digit(*p))
            return false;
        while (p < end && digit(*p))
            p++;
        if (p < end && *p == '.')
            for (p++; p < end && digit(*p);)
                p++;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        if (p >= end || !digit(*p))
            return false;
        while (p < end && digit(*p))
            p++;
    }
    return p == end;
}

/* `z` is closed by NUL. */
static bool floating(const char *z, size_t n, struct hc_yaml_scalar *out)
{
    if (!looks_float(hc_str_n(z, n)))
        return false;
    errno = 0;
    double f = strtod(z, NULL);
    if (errno == ERANGE && (f > 1 || f < -1))
        return false;
    *out = make_float(f);
    return true;
}

/* What ParseInt with base 0 refuses but base 2 takes: "0b-11". */
static bool odd_binary(hc_str s, struct hc_yaml_scalar *out)
{
    if (s.n < 4 || s.p[0] != '0' || s.p[1] != 'b' || (s.p[2] != '+' && s.p[2] != '-'))
        return false;
    uint64_t u;
    return digits_of(hc_str_sub(s, 3, s.n), 2, &u) == PARSED && make_int(u, s.p[2] == '-', true, out);
}

static struct hc_yaml_scalar number(hc_str s)
{
    /* Up to 18 plain digits: nearly every number there is. */
    if (s.n <= 18 && digit(*s.p) && (*s.p != '0' || s.n == 1)) {
        int64_t i = 0;
        size_t at = 0;
        for (; at < s.n && digit(s.p[at]); at++)
            i = i * 10 + (s.p[at] - '0');
        if (at == s.n)
            return (struct hc_yaml_scalar){ .tag = HC_TAG_INT, .i = i };
    }
    char few[128], *z = few;
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '_')
            continue;
        /* a letter or sign that no number has: ordinary text, the usual case */
        if (!digit(c) && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F') && !strchr("+-.xXoO", c))
            return text;
        if (n + 1 < sizeof(few))
            few[n] = c;
        n++;
    }
    if (n + 1 > sizeof(few)) {
        /* a number of that length is a float, if any */
        z = hc_malloc(n + 1);
        if (!z)
            return text;
        n = 0;
        for (size_t i = 0; i < s.n; i++)
            if (s.p[i] != '_')
                z[n++] = s.p[i];
    }
    z[n] = '\0';
    struct hc_yaml_scalar out = text;
    hc_str plain = { z, n };
    if (!integer(plain, &out) && !floating(z, n, &out) && !odd_binary(plain, &out))
        out = text;
    if (z != few)
        free(z);
    return out;
}

struct hc_yaml_scalar hc_yaml_resolve(hc_str s, bool timestamps)
{
    if (s.n == 0)
        return (struct hc_yaml_scalar){ .tag = HC_TAG_NULL };
    char hint = hint_of[(unsigned char)*s.p];
    if (!hint)
        return text;
    if (s.n <= 5 && hint != 'D') {
        struct hc_yaml_scalar w = word(s);
        if (w.tag != HC_TAG_STR)
            return w;
    }
    switch (hint) {
    case '.': {
        /* Go's ParseFloat, which takes underscores between digits */
        struct hc_yaml_scalar out = text;
        char few[128];
        size_t n = 0;
        if (s.n < 2 || s.n >= sizeof(few) || !digit(s.p[1]))
            return text;
        for (size_t i = 0; i < s.n; i++) {
            if (s.p[i] != '_')
                few[n++] = s.p[i];
            else if (!digit(s.p[i - 1]) || i + 1 >= s.n || !digit(s.p[i + 1]))
                return text;
        }
        few[n] = '\0';
        return floating(few, n, &out) ? out : text;
    }
    case 'D':
        if (timestamps && is_timestamp(s))
            return (struct hc_yaml_scalar){ .tag = HC_TAG_TIMESTAMP };
        return number(s);
    case 'S':
        return number(s);
    default:
        return text;
    }
}

/* ^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$ */
static bool is_base60(hc_str s)
{
    size_t i = *s.p == '+' || *s.p == '-';
    if (i >= s.n || !digit(s.p[i]))
        return false;
    while (i < s.n && (digit(s.p[i]) || s.p[i] == '_'))
        i++;
    if (i >= s.n || s.p[i] != ':')
        return false;
    while (i < s.n && s.p[i] == ':') {
        i++;
        if (i + 1 < s.n && s.p[i] <= '5' && digit(s.p[i]) && digit(s.p[i + 1]))
            i += 2;
        else if (i < s.n && digit(s.p[i]))
            i++;
        else
            return false;
    }
    if (i < s.n && s.p[i] == '.')
        for (i++; i < s.n && (digit(s.p[i]) || s.p[i] == '_');)
            i++;
    return i == s.n;
}

bool hc_yaml_resolves(hc_str plain)
{
    if (plain.n == 0)
        return true;
    char hint = hint_of[(unsigned char)*plain.p];
    if (!hint)
        return false;
    return hc_yaml_resolve(plain, true).tag != HC_TAG_STR || ((hint == 'D' || hint == 'S') && is_base60(plain));
}
