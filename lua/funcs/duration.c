/*
 * time.Duration: its text, reading it, and Helm's helpers (A2.1 to A2.4), which take durations, texts and seconds.
 */
#include "lua/funcs/funcs_impl.h"
#include "lua/funcs/time.h"

#define SECOND 1000000000LL

void hc_duration_string(struct hc_buf *b, int64_t ns)
{
    uint64_t u = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    if (ns < 0)
        hc_buf_putc(b, '-');
    if (u < (uint64_t)SECOND) {
        if (u == 0) {
            hc_buf_puts(b, "0s");
            return;
        }
        const char *unit = u < 1000 ? "ns" : u < 1000000 ? "\xc2\xb5s" : "ms";
        uint64_t per = u < 1000 ? 1 : u < 1000000 ? 1000 : 1000000;
        int digits = u < 1000 ? 0 : u < 1000000 ? 3 : 6;
        uint64_t rest = u % per;
        hc_buf_printf(b, "%" PRIu64, u / per);
        while (rest && rest % 10 == 0) {
            rest /= 10;
            digits--;
        }
        if (rest)
            hc_buf_printf(b, ".%0*" PRIu64, digits, rest);
        hc_buf_puts(b, unit);
        return;
    }
    uint64_t seconds = u / (uint64_t)SECOND, rest = u % (uint64_t)SECOND;
    if (seconds >= 3600)
        hc_buf_printf(b, "%" PRIu64 "h", seconds / 3600);
    if (seconds >= 60)
        hc_buf_printf(b, "%" PRIu64 "m", seconds / 60 % 60);
    hc_buf_printf(b, "%" PRIu64, seconds % 60);
    int digits = 9;
    while (rest && rest % 10 == 0) {
        rest /= 10;
        digits--;
    }
    if (rest)
        hc_buf_printf(b, ".%0*" PRIu64, digits, rest);
    hc_buf_putc(b, 's');
}

void hc_time_quote(struct hc_buf *b, hc_str s)
{
    hc_buf_putc(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.p[i];
        if (ch >= 0x80 || ch < ' ')
            hc_buf_printf(b, "\\x%02x", ch);
        else if (ch == '"' || ch == '\\')
            hc_buf_printf(b, "\\%c", ch);
        else
            hc_buf_putc(b, (char)ch);
    }
    hc_buf_putc(b, '"');
}

static enum hc_rc bad(struct hc_err *err, const char *what, hc_str s)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_ERR_MSG * 4);
    hc_buf_printf(&b, "time: %s ", what);
    hc_time_quote(&b, s);
    return hc_fail(err, HC_E_INPUT, "%.*s", HC_P(hc_buf_str(&b)));
}

static uint64_t unit_of(hc_str u)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = { { "ns", 1 },           { "us", 1000 },      { "\xc2\xb5s", 1000 }, /* U+00B5 */
                  { "\xce\xbcs", 1000 },                                             /* U+03BC */
                  { "ms", 1000000 },     { "s", 1000000000 }, { "m", 60000000000 },  { "h", 3600000000000 } };
    for (size_t i = 0; i < HC_LEN(units); i++)
        if (hc_str_eqz(u, units[i].name))
            return units[i].ns;
    return 0;
}

enum hc_rc hc_duration_parse_ns(hc_str whole, int64_t *out, struct hc_err *err)
{
    const uint64_t limit = (uint64_t)1 << 63;
    hc_str s = whole;
    bool negative = false;
    uint64_t total = 0;
    if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+')) {
        negative = s.p[0] == '-';
        s = hc_str_sub(s, 1, s.n);
    }
    if (hc_str_eqz(s, "0")) {
        *out = 0;
        return HC_OK;
    }
    if (s.n == 0)
        return bad(err, "invalid duration", whole);
    while (s.n > 0) {
        uint64_t v = 0, f = 0;
        double scale = 1;
        size_t i = 0;
        bool pre = false, post = false, full = false;
        for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
            pre = true;
            if (v > limit / 10)
                return bad(err, "invalid duration", whole);
            v = v * 10 + (uint64_t)(s.p[i] - '0');
            if (v > limit)
                return bad(err, "invalid duration", whole);
        }
        if (i < s.n && s.p[i] == '.') {
            for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
                post = true;
                if (full || f > (limit - 1) / 10) { /* digits that do not matter any more */
                    full = true;
                    continue;
                }
                uint64_t y = f * 10 + (uint64_t)(s.p[i] - '0');
                if (y > limit) {
                    full = true;
                    continue;
                }
                f = y;
                scale *= 10;
            }
        }
        if (!pre && !post)
            return bad(err, "invalid duration", whole);
        size_t from = i;
        while (i < s.n && s.p[i] != '.' && (s.p[i] < '0' || s.p[i] > '9'))
            i++;
        hc_str u = hc_str_sub(s, from, i);
        if (u.n == 0)
            return bad(err, "missing unit in duration", whole);
        uint64_t unit = unit_of(u);
        if (!unit) {
            HC_AUTO(hc_buf) struct hc_buf b;
            hc_buf_init(&b, HC_ERR_MSG * 4);
            hc_buf_puts(&b, "time: unknown unit ");
            hc_time_quote(&b, u);
            hc_buf_puts(&b, " in duration ");
            hc_time_quote(&b, whole);
            return hc_fail(err, HC_E_INPUT, "%.*s", HC_P(hc_buf_str(&b)));
        }
        if (v > limit / unit)
            return bad(err, "invalid duration", whole);
        v *= unit;
        if (f > 0) {
            v += (uint64_t)((double)f * ((double)unit / scale));
            if (v > limit)
                return bad(err, "invalid duration", whole);
        }
        total += v;
        if (total > limit)
            return bad(err, "invalid duration", whole);
        s = hc_str_sub(s, i, s.n);
    }
    if (!negative && total > limit - 1)
        return bad(err, "invalid duration", whole);
    *out = negative ? (int64_t)(0 - total) : (int64_t)total;
    return HC_OK;
}

/* ---- Helm's helpers --------------------------------------------------------------------------------- */

static enum hc_rc seconds_float(struct hc_fcall *c, double f, int64_t *out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    struct hc_val v = { .kind = HC_FLOAT, .f = f };
    hc_buf_init(&b, 0);
    hc_go_print(&b, &v);
    if (isnan(f) || isinf(f))
        return fn_panic(c, "invalid duration seconds: %.*s", HC_P(hc_buf_str(&b)));
    if (f > 9223372036.854775807 || f < -9223372036.854775808)
        return fn_panic(c, "duration seconds overflow: %.*s", HC_P(hc_buf_str(&b)));
    double ns = f * 1e9;
    *out = ns >= 9223372036854775808.0 ? INT64_MIN : (int64_t)ns;
    return HC_OK;
}

static enum hc_rc as_duration(struct hc_fcall *c, const struct hc_val *v, int64_t *out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_ERR_MSG * 4);
    double f;
    if (fn_nil(v))
        return fn_panic(c, "invalid duration");
    if (v->kind == HC_INT && v->type == HC_GO_DURATION) {
        *out = v->i;
        return HC_OK;
    }
    if (v->kind == HC_INT || v->kind == HC_UINT) {
        if ((v->kind == HC_UINT && v->u > INT64_MAX / SECOND) || v->i > INT64_MAX / SECOND ||
            v->i < INT64_MIN / SECOND)
            return v->kind == HC_UINT ? fn_panic(c, "duration seconds overflow: %" PRIu64, v->u)
                                      : fn_panic(c, "duration seconds overflow: %" PRId64, v->i);
        *out = v->i * SECOND;
        return HC_OK;
    }
    if (v->kind == HC_FLOAT)
        return seconds_float(c, v->f, out);
    if (!fn_is_string(v))
        return fn_panic(c, "unsupported duration type %s", hc_go_type_name(v, c->helm3));
    hc_str s = hc_str_trim(fn_s(v));
    if (s.n == 0)
        return fn_panic(c, "empty duration");
    if (hc_duration_parse_ns(s, out, NULL) == HC_OK)
        return HC_OK;
    if (fn_parse_float(s, &f))
        return seconds_float(c, f, out);
    hc_go_quote(&b, fn_s(v));
    return fn_panic(c, "could not parse duration %.*s", HC_P(hc_buf_str(&b)));
}

/* The same for functions that swallow errors. */
static bool duration_or(struct hc_fcall *c, const struct hc_val *v, int64_t *out)
{
    if (as_duration(c, v, out) == HC_OK)
        return true;
    hc_err_clear(c->err);
    c->panicked = false;
    *out = 0;
    return false;
}

static enum hc_rc give(struct hc_fcall *c, int64_t ns, struct hc_val **out)
{
    return fn_done(c, fn_typed(hc_int_val(c->a, ns), HC_GO_DURATION), out);
}

FN(fn_must_to_duration)
{
    (void)argc;
    int64_t ns = 0;
    enum hc_rc rc = as_duration(c, argv[0], &ns);
    return rc == HC_OK ? give(c, ns, out) : rc;
}

/* d.Seconds() and the like: whole units and the rest apart, as Go adds them. */
static double in_units(int64_t ns, int64_t unit)
{
    int64_t whole = ns / unit;
    return (double)whole + (double)(ns % unit) / (double)unit;
}

#define IN_UNITS(fn, expression)                                                                                   \
    FN(fn)                                                                                                         \
    {                                                                                                              \
        (void)argc;                                                                                                \
        int64_t ns;                                                                                                \
        duration_or(c, argv[0], &ns);                                                                              \
        return expression;                                                                                         \
    }

IN_UNITS(fn_duration_seconds, fn_f64(c, in_units(ns, SECOND), out))
IN_UNITS(fn_duration_minutes, fn_f64(c, in_units(ns, 60 * SECOND), out))
IN_UNITS(fn_duration_hours, fn_f64(c, in_units(ns, 3600 * SECOND), out))
IN_UNITS(fn_duration_days, fn_f64(c, in_units(ns, 3600 * SECOND) / 24.0, out))
IN_UNITS(fn_duration_weeks, fn_f64(c, in_units(ns, 3600 * SECOND) / 24.0 / 7.0, out))
IN_UNITS(fn_duration_milliseconds, fn_i64(c, ns / 1000000, out))
IN_UNITS(fn_duration_microseconds, fn_i64(c, ns / 1000, out))
IN_UNITS(fn_duration_nanoseconds, fn_i64(c, ns, out))

/* d.Round(m): half away from zero, kept within the range. */
static int64_t rounded(int64_t d, int64_t m)
{
    if (m <= 0)
        return d;
    int64_t r = d % m;
    if (d < 0) {
        r = -r;
        if ((uint64_t)r + (uint64_t)r < (uint64_t)m)
            return d + r;
        int64_t d1;
        return __builtin_sub_overflow(d, m - r, &d1) ? INT64_MIN : d1;
    }
    if ((uint64_t)r + (uint64_t)r < (uint64_t)m)
        return d - r;
    int64_t d1;
    return __builtin_add_overflow(d, m - r, &d1) ? INT64_MAX : d1;
}

static enum hc_rc to_multiple(struct hc_fcall *c, struct hc_val *const *argv, bool round, struct hc_val **out)
{
    int64_t d, m;
    if (!duration_or(c, argv[0], &d))
        return give(c, 0, out);
    if (!duration_or(c, argv[1], &m) || m <= 0)
        return give(c, d, out);
    return give(c, round ? rounded(d, m) : d - d % m, out);
}

FN(fn_duration_round_to)
{
    (void)argc;
    return to_multiple(c, argv, true, out);
}

FN(fn_duration_truncate_to)
{
    (void)argc;
    return to_multiple(c, argv, false, out);
}

/* ---- methods ---------------------------------------------------------------------------------------- */

enum hc_rc fn_duration_method(struct hc_fcall *c, struct hc_val *recv, hc_str name, struct hc_val *const *argv,
                              size_t argc, bool *out_found, struct hc_val **out)
{
    static const struct {
        const char *name;
        int64_t unit;
        bool is_float;
    } units[] = { { "Nanoseconds", 1, false }, { "Microseconds", 1000, false },  { "Milliseconds", 1000000, false },
                  { "Seconds", SECOND, true }, { "Minutes", 60 * SECOND, true }, { "Hours", 3600 * SECOND, true } };
    int64_t ns = recv->i;
    enum hc_rc rc;
    *out_found = true;
    for (size_t i = 0; i < HC_LEN(units); i++) {
        if (!hc_str_eqz(name, units[i].name))
            continue;
        if ((rc = fn_method_args(c, name, "", argv, argc)) != HC_OK)
            return rc;
        return units[i].is_float ? fn_f64(c, in_units(ns, units[i].unit), out) : fn_i64(c, ns / units[i].unit, out);
    }
    if (hc_str_eqz(name, "String")) {
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        if ((rc = fn_method_args(c, name, "", argv, argc)) != HC_OK)
            return rc;
        hc_duration_string(&b, ns);
        return fn_buf(c, &b, out);
    }
    if (hc_str_eqz(name, "Round") || hc_str_eqz(name, "Truncate")) {
        if ((rc = fn_method_args(c, name, "d", argv, argc)) != HC_OK)
            return rc;
        int64_t m = fn_i(argv[0]);
        return give(c, name.p[0] == 'R' ? rounded(ns, m) : m > 0 ? ns - ns % m : ns, out);
    }
    if (hc_str_eqz(name, "Abs")) {
        if ((rc = fn_method_args(c, name, "", argv, argc)) != HC_OK)
            return rc;
        return give(c, ns == INT64_MIN ? INT64_MAX : ns < 0 ? -ns : ns, out);
    }
    *out_found = false;
    return HC_OK;
}
