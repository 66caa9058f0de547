/*
 * Doubles as text, the way Go prints them.
 *
 * Whole numbers below 2^53 are their own shortest digits. Everything else goes through the C library's
 * correctly rounded printing: 15 digits are tried first (any decimal of up to 15 digits that reads back as
 * this double is the one that printing with 15 digits gives), then 16, then 17. Below a power of two the
 * doubles are closer together than above it, so there the nearest 16 digit decimal may fail where its upper
 * neighbour works. Subnormal numbers have fewer digits and are searched from 1 up. The same for 32 bits with
 * 6 to 9 digits.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/value/json.h"
#include "core/value/value_impl.h"

static bool reads_back(const char *z, double f, int bits)
{
    if (bits == 32) {
        float g = strtof(z, NULL), want = (float)f;
        return memcmp(&g, &want, sizeof(g)) == 0;
    }
    double g = strtod(z, NULL);
    return memcmp(&g, &f, sizeof(g)) == 0;
}

/* "d.ddde-NN" to digits and point. */
static void take_digits(const char *z, char *digits, int *out_nd, int *out_dp)
{
    int nd = 0;
    for (; *z && *z != 'e'; z++)
        if (*z != '.')
            digits[nd++] = *z;
    *out_dp = (int)strtol(z + 1, NULL, 10) + 1;
    while (nd > 0 && digits[nd - 1] == '0')
        nd--;
    *out_nd = nd;
}

/* The next decimal of the same length upwards; false when it would grow a digit. */
static bool bump(char *z)
{
    char *e = strchr(z, 'e');
    for (char *p = e - 1; p >= z; p--) {
        if (*p == '.')
            continue;
        if (*p != '9') {
            (*p)++;
            return true;
        }
        *p = '0';
    }
    return false;
}

static void whole_digits(uint64_t u, char *digits, int *out_nd, int *out_dp)
{
    char rev[24];
    int n = 0;
    for (; u; u /= 10)
        rev[n++] = (char)('0' + u % 10);
    *out_dp = n;
    for (int i = 0; i < n; i++)
        digits[i] = rev[n - 1 - i];
    while (n > 0 && digits[n - 1] == '0')
        n--;
    *out_nd = n;
}

void hc_float_digits(double f, int bits, char digits[32], int *out_nd, int *out_dp)
{
    f = fabs(f);
    if (bits == 32)
        f = (double)(float)f;
    *out_nd = 0;
    *out_dp = 0;
    if (!(f > 0) || isinf(f))
        return;
    if (f < (bits == 32 ? 0x1p24 : 0x1p53) && f >= 1 && !(floor(f) < f)) {
        whole_digits((uint64_t)f, digits, out_nd, out_dp);
        return;
    }
    int exp2;
    bool power = !(frexp(f, &exp2) > 0.5);
    bool subnormal = bits == 32 ? f < 0x1p-126 : f < 0x1p-1022;
    int last = bits == 32 ? 9 : 17;
    char z[48];
    for (int n = subnormal ? 1 : last - 3 + (bits == 64); n <= last; n++) {
        snprintf(z, sizeof(z), "%.*e", n - 1, f);
        if (n == last || reads_back(z, f, bits) || (power && bump(z) && reads_back(z, f, bits)))
            break;
    }
    take_digits(z, digits, out_nd, out_dp);
}

static void put_exp(struct hc_buf *b, const char *digits, int nd, int exp, int min_exp_digits)
{
    hc_buf_putc(b, nd ? digits[0] : '0');
    if (nd > 1) {
        hc_buf_putc(b, '.');
        hc_buf_put(b, hc_str_n(digits + 1, (size_t)nd - 1));
    }
    hc_buf_putc(b, 'e');
    hc_buf_putc(b, exp < 0 ? '-' : '+');
    hc_buf_printf(b, "%0*d", min_exp_digits, abs(exp));
}

static void put_plain(struct hc_buf *b, const char *digits, int nd, int dp)
{
    if (dp <= 0) {
        hc_buf_putc(b, '0');
        if (nd) {
            hc_buf_putc(b, '.');
            hc_buf_fill(b, '0', (size_t)-dp);
            hc_buf_put(b, hc_str_n(digits, (size_t)nd));
        }
        return;
    }
    int whole = HC_MIN(dp, nd);
    hc_buf_put(b, hc_str_n(digits, (size_t)whole));
    hc_buf_fill(b, '0', (size_t)(dp - whole));
    if (nd > whole) {
        hc_buf_putc(b, '.');
        hc_buf_put(b, hc_str_n(digits + whole, (size_t)(nd - whole)));
    }
}

void hc_json_write_float(struct hc_buf *b, double f)
{
    if (isnan(f) || isinf(f)) {
        hc_buf_put(b, HC_S("null"));
        return;
    }
    char digits[32];
    int nd, dp;
    hc_float_digits(f, 64, digits, &nd, &dp);
    if (signbit(f))
        hc_buf_putc(b, '-');
    double abs_f = fabs(f);
    if (nd && (abs_f < 1e-6 || abs_f >= 1e21))
        put_exp(b, digits, nd, dp - 1, dp - 1 < 0 ? 1 : 2);
    else
        put_plain(b, digits, nd, dp);
}

void hc_float_shortest(struct hc_buf *b, double f, int bits, int exp_limit)
{
    if (isnan(f)) {
        hc_buf_put(b, HC_S("NaN"));
        return;
    }
    if (bits == 32)
        f = (double)(float)f;
    if (isinf(f)) {
        hc_buf_put(b, f > 0 ? HC_S("+Inf") : HC_S("-Inf"));
        return;
    }
    char digits[32];
    int nd, dp;
    hc_float_digits(f, bits, digits, &nd, &dp);
    if (signbit(f))
        hc_buf_putc(b, '-');
    if (nd && (dp - 1 < -4 || dp - 1 >= exp_limit))
        put_exp(b, digits, nd, dp - 1, 2);
    else
        put_plain(b, digits, nd, nd ? dp : 1);
}
