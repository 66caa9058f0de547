/*
 * Numbers (A4): how anything becomes a number, integer and float arithmetic, ranges.
 */
#include "lua/funcs/funcs_impl.h"

/* Are the underscores of a number only between digits, or behind a base prefix? strconv.underscoreOK. */
static bool underscores_ok(hc_str s)
{
    char prev = '^'; /* ^ start, 0 digit, _ underscore, ! something else */
    bool hex = false;
    size_t i = 0;
    if (s.n >= 1 && (s.p[0] == '-' || s.p[0] == '+'))
        i++;
    if (s.n - i >= 2 && s.p[i] == '0' && strchr("bBoOxX", s.p[i + 1]) && s.p[i + 1]) {
        hex = (s.p[i + 1] | 32) == 'x';
        i += 2;
        prev = '0';
    }
    for (; i < s.n; i++) {
        char ch = s.p[i];
        if ((ch >= '0' && ch <= '9') || (hex && (ch | 32) >= 'a' && (ch | 32) <= 'f')) {
            prev = '0';
        } else if (ch == '_') {
            if (prev != '0')
                return false;
            prev = '_';
        } else {
            if (prev == '_')
                return false;
            prev = '!';
        }
    }
    return prev != '_';
}

bool fn_parse_int(hc_str s, int base, int64_t *out)
{
    hc_str whole = s;
    bool negative = false, underscores = false, over = false;
    *out = 0;
    if (s.n > 0 && (s.p[0] == '+' || s.p[0] == '-')) {
        negative = s.p[0] == '-';
        s = hc_str_sub(s, 1, s.n);
    }
    if (s.n == 0)
        return false;
    bool any_base = base == 0;
    if (any_base) {
        base = 10;
        if (s.p[0] == '0') {
            char x = s.n >= 3 ? (char)(s.p[1] | 32) : 0;
            base = x == 'b' ? 2 : x == 'o' ? 8 : x == 'x' ? 16 : 8;
            s = hc_str_sub(s, x == 'b' || x == 'o' || x == 'x' ? 2 : 1, s.n);
        }
    }
    uint64_t n = 0, limit = negative ? (uint64_t)1 << 63 : INT64_MAX;
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        int d = 99;
        if (ch == '_' && any_base) {
            underscores = true;
            continue;
        }
        if (ch >= '0' && ch <= '9')
            d = ch - '0';
        else if ((ch | 32) >= 'a' && (ch | 32) <= 'z')
            d = (ch | 32) - 'a' + 10;
        if (d >= base)
            return false;
        over = __builtin_mul_overflow(n, (unsigned)base, &n) || __builtin_add_overflow(n, (unsigned)d, &n);
        if (over)
            break; /* strconv looks no further: whatever follows, the number is too large */
    }
    if (!over && underscores && !underscores_ok(whole))
        return false;
    over |= n > limit;
    if (over)
        n = limit;
    *out = negative ? (int64_t)(0 - n) : (int64_t)n;
    return !over;
}

/* strconv's words for what is no number. */
static bool parse_special(hc_str s, double *out)
{
    double sign = 1;
    bool has_sign = s.n > 0 && (s.p[0] == '+' || s.p[0] == '-');
    if (has_sign && s.p[0] == '-')
        sign = -1;
    if (has_sign)
        s = hc_str_sub(s, 1, s.n);
    if (hc_str_eq_nocase(s, HC_S("inf")) || hc_str_eq_nocase(s, HC_S("infinity"))) {
        *out = sign * HUGE_VAL;
        return true;
    }
    if (!has_sign && hc_str_eq_nocase(s, HC_S("nan"))) {
        *out = NAN;
        return true;
    }
    return false;
}

bool fn_parse_float(hc_str s, double *out)
{
    *out = 0;
    if (parse_special(s, out))
        return true;
    char small[128], *text = small, *big = NULL;
    if (s.n + 1 > sizeof(small) && !(text = big = hc_malloc(s.n + 1)))
        return false;
    size_t i = 0, k = 0;
    bool ok = false, digits = false, point = false, hex = false, underscores = false, exponent = false;
    if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
        text[k++] = s.p[i++];
    if (i + 1 < s.n && s.p[i] == '0' && (s.p[i + 1] | 32) == 'x') {
        hex = true;
        text[k++] = s.p[i++];
        text[k++] = s.p[i++];
    }
    for (; i < s.n; i++) {
        char ch = s.p[i];
        if (ch == '_') {
            underscores = true;
            continue;
        }
        if (ch == '.') {
            if (point)
                goto out;
            point = true;
        } else if ((ch >= '0' && ch <= '9') || (hex && (ch | 32) >= 'a' && (ch | 32) <= 'f')) {
            digits = true;
        } else {
            break;
        }
        text[k++] = ch;
    }
    if (!digits)
        goto out;
    if (i < s.n && (s.p[i] | 32) == (hex ? 'p' : 'e')) {
        exponent = true;
        text[k++] = s.p[i++];
        if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
            text[k++] = s.p[i++];
        if (i >= s.n || s.p[i] < '0' || s.p[i] > '9')
            goto out;
        for (; i < s.n && ((s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '_'); i++) {
            if (s.p[i] == '_')
                underscores = true;
            else
                text[k++] = s.p[i];
        }
    }
    if (i != s.n || (hex && !exponent) || (underscores && !underscores_ok(s)))
        goto out;
    text[k] = '\0';
    *out = strtod(text, NULL);
    ok = !isinf(*out); /* out of range */
out:
    free(big);
    return ok;
}

/* cast's trimZeroDecimal: "12.00" is 12. */
static hc_str trim_zero_decimal(hc_str s)
{
    bool zero = false;
    for (size_t i = s.n; i > 0; i--) {
        if (s.p[i - 1] == '.') {
            if (zero)
                return hc_str_sub(s, 0, i - 1);
        } else if (s.p[i - 1] == '0') {
            zero = true;
        } else {
            break;
        }
    }
    return s;
}

/* What amd64 makes of a float that does not fit. */
static int64_t cut(double f)
{
    return f >= -9223372036854775808.0 && f < 9223372036854775808.0 ? (int64_t)f : INT64_MIN;
}

int64_t fn_to_i64(const struct hc_val *v)
{
    int64_t i;
    switch (hc_kind_of(v)) {
    case HC_BOOL:
        return v->b;
    case HC_INT:
        return v->type == HC_GO_DURATION ? 0 : v->i;
    case HC_UINT:
        return (int64_t)v->u;
    case HC_FLOAT:
        return cut(v->f);
    case HC_STR:
        if (v->type != HC_GO_BYTES && fn_parse_int(trim_zero_decimal(fn_s(v)), 0, &i))
            return i;
        return 0;
    default:
        return 0;
    }
}

double fn_to_f64(const struct hc_val *v)
{
    double f;
    switch (hc_kind_of(v)) {
    case HC_BOOL:
        return v->b ? 1 : 0;
    case HC_INT:
        return v->type == HC_GO_DURATION ? 0 : (double)v->i;
    case HC_UINT:
        return (double)v->u;
    case HC_FLOAT:
        return v->f;
    case HC_STR:
        return v->type != HC_GO_BYTES && fn_parse_float(fn_s(v), &f) ? f : 0;
    default:
        return 0;
    }
}

FN(fn_int_of)
{
    (void)argc;
    return fn_done(c, fn_int(c->a, fn_to_i64(argv[0])), out);
}

FN(fn_int64_of)
{
    (void)argc;
    return fn_i64(c, fn_to_i64(argv[0]), out);
}

FN(fn_float64_of)
{
    (void)argc;
    return fn_f64(c, fn_to_f64(argv[0]), out);
}

FN(fn_atoi)
{
    (void)argc;
    int64_t i;
    fn_parse_int(fn_s(argv[0]), 10, &i);
    return fn_done(c, fn_int(c->a, i), out);
}

FN(fn_to_decimal)
{
    (void)argc;
    HC_AUTO(hc_buf) struct hc_buf b;
    int64_t i;
    hc_buf_init(&b, 0);
    hc_go_print(&b, argv[0]);
    if (!fn_parse_int(hc_buf_str(&b), 8, &i))
        i = 0;
    return fn_i64(c, i, out);
}

/* ---- integers: int64 that wraps -------------------------------------------------------------------- */

FN(fn_add_ints)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < argc; i++)
        sum += (uint64_t)fn_to_i64(argv[i]);
    return fn_i64(c, (int64_t)sum, out);
}

FN(fn_add1)
{
    (void)argc;
    return fn_i64(c, (int64_t)((uint64_t)fn_to_i64(argv[0]) + 1), out);
}

FN(fn_sub)
{
    (void)argc;
    return fn_i64(c, (int64_t)((uint64_t)fn_to_i64(argv[0]) - (uint64_t)fn_to_i64(argv[1])), out);
}

FN(fn_mul)
{
    uint64_t product = (uint64_t)fn_to_i64(argv[0]);
    for (size_t i = 1; i < argc; i++)
        product *= (uint64_t)fn_to_i64(argv[i]);
    return fn_i64(c, (int64_t)product, out);
}

static enum hc_rc divided(struct hc_fcall *c, struct hc_val *const *argv, bool rest, struct hc_val **out)
{
    int64_t x = fn_to_i64(argv[0]), y = fn_to_i64(argv[1]);
    if (y == 0)
        return fn_panic(c, "runtime error: integer divide by zero");
    if (y == -1)
        return fn_i64(c, rest ? 0 : (int64_t)(0 - (uint64_t)x), out);
    return fn_i64(c, rest ? x % y : x / y, out);
}

FN(fn_div)
{
    (void)argc;
    return divided(c, argv, false, out);
}

FN(fn_mod)
{
    (void)argc;
    return divided(c, argv, true, out);
}

FN(fn_max)
{
    int64_t best = fn_to_i64(argv[0]);
    for (size_t i = 1; i < argc; i++)
        best = HC_MAX(best, fn_to_i64(argv[i]));
    return fn_i64(c, best, out);
}

FN(fn_min)
{
    int64_t best = fn_to_i64(argv[0]);
    for (size_t i = 1; i < argc; i++)
        best = HC_MIN(best, fn_to_i64(argv[i]));
    return fn_i64(c, best, out);
}

/* math.Max and math.Min: NaN wins, +0 is more than -0. */
static double more(double x, double y)
{
    if (isinf(x) == 1 || isinf(y) == 1)
        return HUGE_VAL;
    if (isnan(x) || isnan(y))
        return NAN;
    if (x == 0 && y == 0)
        return signbit(x) ? y : x;
    return x > y ? x : y;
}

FN(fn_maxf)
{
    double best = fn_to_f64(argv[0]);
    for (size_t i = 1; i < argc; i++)
        best = more(best, fn_to_f64(argv[i]));
    return fn_f64(c, best, out);
}

FN(fn_minf)
{
    double best = fn_to_f64(argv[0]);
    for (size_t i = 1; i < argc; i++)
        best = -more(-best, -fn_to_f64(argv[i]));
    return fn_f64(c, best, out);
}

FN(fn_floor)
{
    (void)argc;
    return fn_f64(c, floor(fn_to_f64(argv[0])), out);
}

FN(fn_ceil)
{
    (void)argc;
    return fn_f64(c, ceil(fn_to_f64(argv[0])), out);
}

/* math.Pow(10, places) by Go's own steps, so that the last bit is Go's. */
static double power_of_ten(double places)
{
    if (isnan(places) || fabs(places) >= 9223372036854775808.0)
        return pow(10, places);
    int xe, ae = 0;
    double a1 = 1, x1 = frexp(10, &xe), y = fabs(places);
    for (int64_t i = (int64_t)y; i != 0; i >>= 1) {
        if (xe < -(1 << 12) || xe > 1 << 12) {
            ae += xe;
            break;
        }
        if (i & 1) {
            a1 *= x1;
            ae += xe;
        }
        x1 *= x1;
        xe <<= 1;
        if (x1 < .5) {
            x1 += x1;
            xe--;
        }
    }
    if (places < 0) {
        a1 = 1 / a1;
        ae = -ae;
    }
    return ldexp(a1, ae);
}

FN(fn_round)
{
    double on = argc > 2 && argv[2] && argv[2]->kind == HC_FLOAT ? argv[2]->f : .5, whole;
    double pow10 = power_of_ten((double)fn_i(argv[1])), digit = pow10 * fn_to_f64(argv[0]);
    double frac = modf(digit, &whole);
    if (isinf(digit))
        frac = NAN; /* as Go's Modf */
    return fn_f64(c, (frac >= on ? ceil(digit) : floor(digit)) / pow10, out);
}

/* ---- ranges ---------------------------------------------------------------------------------------- */

/* How many numbers untilStep gives. */
static uint64_t steps(int64_t start, int64_t stop, int64_t step)
{
    __int128 distance = (__int128)stop - start;
    if (distance < 0 ? step >= 0 : step <= 0)
        return 0;
    __int128 by = step, n = distance < 0 ? (-distance + -by - 1) / -by : (distance + by - 1) / by;
    return (uint64_t)n;
}

static enum hc_rc int_range(struct hc_fcall *c, int64_t start, int64_t stop, int64_t step, const char *what,
                            struct hc_val **out)
{
    uint64_t n = steps(start, stop, step);
    if (n > HC_MAX_CALL_ENTRIES)
        return fn_too_many(c, what);
    struct hc_val *list = fn_typed(hc_list_new(c->a), HC_GO_INTS);
    for (uint64_t i = 0; i < n; i++)
        fn_add(c->a, list, fn_int(c->a, start + (int64_t)i * step));
    return fn_done(c, list, out);
}

FN(fn_until)
{
    (void)argc;
    int64_t n = fn_i(argv[0]);
    return int_range(c, 0, n, n < 0 ? -1 : 1, "until", out);
}

FN(fn_until_step)
{
    (void)argc;
    return int_range(c, fn_i(argv[0]), fn_i(argv[1]), fn_i(argv[2]), "untilStep", out);
}

FN(fn_seq)
{
    int64_t start = 1, end, step = 1, past;
    if (argc == 0 || argc > 3)
        return fn_ref(c, HC_S(""), out);
    end = fn_i(argv[argc - 1]);
    if (argc > 1)
        start = fn_i(argv[0]);
    bool down = end < start;
    if (argc == 3) {
        step = fn_i(argv[1]);
        if (down && step > 0)
            return fn_ref(c, HC_S(""), out);
    } else {
        step = down ? -1 : 1;
    }
    past = (int64_t)((uint64_t)end + (uint64_t)(down ? -1 : 1));
    uint64_t n = steps(start, past, step);
    if (n > HC_MAX_CALL_ENTRIES)
        return fn_too_many(c, "seq");
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    for (uint64_t i = 0; i < n; i++)
        hc_buf_printf(&b, i ? " %" PRId64 : "%" PRId64, start + (int64_t)i * step);
    return fn_buf(c, &b, out);
}

FN(fn_rand_int)
{
    (void)argc;
    int64_t lo = fn_i(argv[0]), hi = fn_i(argv[1]);
    uint64_t span = (uint64_t)hi - (uint64_t)lo, r;
    if ((int64_t)span <= 0)
        return fn_panic(c, "invalid argument to Intn");
    uint64_t usable = UINT64_MAX - UINT64_MAX % span;
    unsigned draws = 0;
    do {
        if (!fn_random(c, &r, sizeof(r)))
            return fn_fail(c, "the system gives no random numbers");
        if (++draws > FN_MOST_DRAWS)
            return fn_not_random(c);
    } while (r >= usable);
    return fn_done(c, fn_int(c->a, lo + (int64_t)(r % span)), out);
}
