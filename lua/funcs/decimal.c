/*
 * addf and its family (A4.6): decimal arithmetic over the shortest digits of the floats, then back to a float.
 * The digits are libcrypto's big numbers; a quotient is cut at 16 digits behind the point and rounded half up.
 */
#include <openssl/bn.h>

#include "core/value/json.h"
#include "lua/funcs/funcs_impl.h"

#define QUOTIENT_DIGITS 16     /* decimal.DivisionPrecision */
#define MAX_BITS        200000 /* a product of hundreds of factors has this; more is refused */

struct dec {
    BIGNUM *value; /* with its sign */
    int64_t exp;   /* times ten to this */
};

struct work {
    struct hc_fcall *c;
    BN_CTX *ctx;
    struct dec x, y;
    BIGNUM *t1, *t2, *t3;
};

static bool work_init(struct work *w, struct hc_fcall *c)
{
    *w = (struct work){ .c = c, .ctx = BN_CTX_new() };
    w->x.value = BN_new();
    w->y.value = BN_new();
    w->t1 = BN_new();
    w->t2 = BN_new();
    w->t3 = BN_new();
    return w->ctx && w->x.value && w->y.value && w->t1 && w->t2 && w->t3;
}

static void work_auto(struct work *w)
{
    BN_free(w->x.value);
    BN_free(w->y.value);
    BN_free(w->t1);
    BN_free(w->t2);
    BN_free(w->t3);
    BN_CTX_free(w->ctx);
}

static enum hc_rc no_memory(struct work *w)
{
    return hc_fail_nomem(w->c->err);
}

static enum hc_rc from_float(struct work *w, double f, struct dec *out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (isnan(f) || isinf(f))
        return fn_panic(w->c, "Cannot create a Decimal from %s", isnan(f) ? "NaN" : f > 0 ? "+Inf" : "-Inf");
    hc_float_shortest(&b, f, 64, 1);
    hc_buf_putc(&b, '\0');
    if (b.spent)
        return no_memory(w);
    /* "-1.25e+06": the digits without their point, and the exponent they leave */
    char digits[40];
    size_t k = 0;
    int64_t exp = 0;
    bool point = false;
    for (const char *p = b.p; *p; p++) {
        if (*p == '.') {
            point = true;
        } else if (*p == 'e') {
            exp += strtol(p + 1, NULL, 10);
            break;
        } else if (k + 1 < sizeof(digits)) {
            digits[k++] = *p;
            exp -= point && *p != '-';
        }
    }
    digits[k] = '\0';
    out->exp = f == 0 ? 0 : exp;
    return BN_dec2bn(&out->value, digits) > 0 ? HC_OK : no_memory(w);
}

/* v *= 10^n */
static bool scale(struct work *w, BIGNUM *v, int64_t n)
{
    return BN_set_word(w->t1, 10) && BN_set_word(w->t2, (BN_ULONG)n) && BN_exp(w->t1, w->t1, w->t2, w->ctx) &&
           BN_mul(v, v, w->t1, w->ctx);
}

/* Brings both to the smaller exponent. */
static bool align(struct work *w)
{
    struct dec *more = w->x.exp > w->y.exp ? &w->x : &w->y, *less = more == &w->x ? &w->y : &w->x;
    if (more->exp == less->exp)
        return true;
    if (!scale(w, more->value, more->exp - less->exp))
        return false;
    more->exp = less->exp;
    return true;
}

static bool divide(struct work *w)
{
    int64_t e = w->x.exp - w->y.exp + QUOTIENT_DIGITS;
    bool negative = BN_is_negative(w->x.value) != BN_is_negative(w->y.value);
    if (!scale(w, e < 0 ? w->y.value : w->x.value, e < 0 ? -e : e))
        return false;
    if (!BN_div(w->t1, w->t2, w->x.value, w->y.value, w->ctx)) /* t1 quotient, t2 rest */
        return false;
    /* |2 * rest| >= |divisor|: away from zero */
    BN_set_negative(w->t2, 0);
    if (!BN_lshift1(w->t2, w->t2))
        return false;
    if (BN_ucmp(w->t2, w->y.value) >= 0 && !(negative ? BN_sub_word(w->t1, 1) : BN_add_word(w->t1, 1)))
        return false;
    w->x.exp = -QUOTIENT_DIGITS;
    return BN_copy(w->x.value, w->t1) != NULL;
}

static bool apply(struct work *w, char op)
{
    switch (op) {
    case '+':
        return align(w) && BN_add(w->x.value, w->x.value, w->y.value);
    case '-':
        return align(w) && BN_sub(w->x.value, w->x.value, w->y.value);
    case '*':
        w->x.exp += w->y.exp;
        return BN_mul(w->x.value, w->x.value, w->y.value, w->ctx);
    default:
        return divide(w);
    }
}

static enum hc_rc to_float(struct work *w, struct hc_val **out)
{
    char *digits = BN_bn2dec(w->x.value);
    if (!digits)
        return no_memory(w);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_buf_printf(&b, "%se%" PRId64, digits, w->x.exp);
    hc_buf_putc(&b, '\0');
    OPENSSL_free(digits);
    if (b.spent)
        return no_memory(w);
    return fn_f64(w->c, strtod(b.p, NULL),
                  out); /* decimals have no -0; what is too small for a float keeps its sign */
}

static enum hc_rc fold(struct hc_fcall *c, double first, char op, struct hc_val *const *argv, size_t argc,
                       struct hc_val **out)
{
    __attribute__((cleanup(work_auto))) struct work w;
    if (!work_init(&w, c))
        return no_memory(&w);
    enum hc_rc rc = from_float(&w, first, &w.x);
    for (size_t i = 0; rc == HC_OK && i < argc; i++) {
        rc = from_float(&w, fn_to_f64(argv[i]), &w.y);
        if (rc != HC_OK)
            return rc;
        if (op == '/' && BN_is_zero(w.y.value))
            return fn_panic(c, "decimal division by 0");
        if (BN_num_bits(w.x.value) > MAX_BITS)
            return hc_fail(c->err, HC_E_LIMIT, "a decimal number of more than %d bits; use fewer operands",
                           MAX_BITS);
        if (!apply(&w, op))
            return no_memory(&w);
    }
    return rc == HC_OK ? to_float(&w, out) : rc;
}

FN(fn_addf)
{
    return fold(c, 0, '+', argv, argc, out);
}

FN(fn_add1f)
{
    (void)argc;
    struct hc_val one = { .kind = HC_INT, .type = HC_GO_INT, .i = 1 }, *const ones[] = { &one };
    return fold(c, fn_to_f64(argv[0]), '+', ones, 1, out);
}

FN(fn_subf)
{
    return fold(c, fn_to_f64(argv[0]), '-', argv + 1, argc - 1, out);
}

FN(fn_mulf)
{
    return fold(c, fn_to_f64(argv[0]), '*', argv + 1, argc - 1, out);
}

FN(fn_divf)
{
    return fold(c, fn_to_f64(argv[0]), '/', argv + 1, argc - 1, out);
}
