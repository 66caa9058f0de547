/*
 * Quantities in their canonical form (apimachinery pkg/api/resource): no fraction, the largest suffix that loses
 * nothing. "0.5" is "500m", "1024Mi" is "1Gi", 1 is "1".
 */
#include <stdio.h>

#include "helmctl/sandbox/sandbox_impl.h"

static const char *const si[] = { "n", "u", "m", "", "k", "M", "G", "T", "P", "E" }; /* 10^-9 .. 10^18 */
static const char *const binary[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei" };

struct quantity {
    __int128 n; /* in 10^-9 */
    bool binary, negative;
};

static bool parse(hc_str s, struct quantity *out)
{
    size_t i = 0, dot = SIZE_MAX, digits = 0;
    __int128 n = 0;
    int scale = 0; /* digits behind the point */
    *out = (struct quantity){ 0 };
    if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
        out->negative = s.p[i++] == '-';
    for (; i < s.n && (s.p[i] == '.' || (s.p[i] >= '0' && s.p[i] <= '9')); i++) {
        if (s.p[i] == '.') {
            if (dot != SIZE_MAX)
                return false;
            dot = i;
            continue;
        }
        if (++digits > 18)
            return false;
        n = n * 10 + (s.p[i] - '0');
        scale += dot != SIZE_MAX;
    }
    if (digits == 0 || scale > 9)
        return false;
    for (int d = scale; d < 9; d++)
        n *= 10;
    hc_str suffix = hc_str_sub(s, i, s.n);
    for (size_t k = 0; k < HC_LEN(binary); k++) {
        if (k == 0 || !hc_str_eqz(suffix, binary[k]))
            continue;
        out->binary = true;
        for (size_t m = 0; m < k; m++) {
            if (n > ((__int128)1 << 110))
                return false;
            n *= 1024;
        }
        out->n = n;
        return true;
    }
    for (size_t k = 0; k < HC_LEN(si); k++) {
        if (!hc_str_eqz(suffix, si[k]))
            continue;
        for (size_t m = 3; m < k; m++) {
            if (n > ((__int128)1 << 110))
                return false;
            n *= 1000;
        }
        for (size_t m = k; m < 3; m++) {
            if (n % 1000)
                return false; /* finer than a nano: the real one rounds up; nobody writes it */
            n /= 1000;
        }
        out->n = n;
        return true;
    }
    return false; /* exponents ("1e3") stay as they are written */
}

struct hc_val *hc_sb_quantity(struct hc_arena *a, struct hc_val *v)
{
    char text[64];
    hc_str s = hc_get_str(v);
    if (!hc_is_str(v)) {
        if (hc_kind_of(v) != HC_INT && hc_kind_of(v) != HC_FLOAT)
            return v;
        if (v->spelling)
            s = hc_str_n(v->spelling, v->n);
        else if (v->kind == HC_INT)
            s = hc_arena_printf(a, "%" PRId64, v->i);
        else
            s = hc_arena_printf(a, "%.9g", v->f);
    }
    struct quantity q;
    if (!parse(hc_str_trim(s), &q))
        return hc_str_val(a, s);
    __int128 n = q.n;
    const char *suffix = "";
    const __int128 one = 1000000000;
    if (n == 0) {
        q.negative = false;
    } else if (q.binary && n % one == 0) {
        size_t k = 0;
        for (n /= one; n % 1024 == 0 && k + 1 < HC_LEN(binary); k++)
            n /= 1024;
        suffix = binary[k];
    } else {
        size_t k = 0;
        for (; n % 1000 == 0 && k + 1 < HC_LEN(si); k++)
            n /= 1000;
        suffix = si[k];
    }
    if (n > INT64_MAX)
        return hc_str_val(a, s);
    snprintf(text, sizeof(text), "%s%" PRId64 "%s", q.negative ? "-" : "", (int64_t)n, suffix);
    return hc_strz_val(a, text);
}
