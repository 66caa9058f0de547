/*
 * The table of rows.h: a binary search by name. Rows that only Helm 4 has are marked there.
 */
#include "lua/funcs/funcs_impl.h"

static const struct hc_func rows[] = {
#define HC_ROW(name, params, fn) { name, params, fn },
#include "lua/funcs/rows.h"
#undef HC_ROW
};

/* Helm 3 has no duration helpers, and of the must forms for documents only mustToJson. */
static bool only_helm4(hc_str name)
{
    return hc_str_eqz(name, "mustToYaml") || hc_str_eqz(name, "mustToToml") || hc_str_eqz(name, "mustToDuration") ||
           (hc_str_starts(name, HC_S("duration")) && name.n > 8 && !hc_str_eqz(name, "durationRound"));
}

const struct hc_func *hc_func_find(hc_str name, bool helm3)
{
    size_t lo = 0, hi = HC_LEN(rows);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int d = hc_str_cmp(name, hc_str_of(rows[mid].name));
        if (d == 0)
            return helm3 && only_helm4(name) ? NULL : &rows[mid];
        if (d < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

const struct hc_func *hc_func_table(size_t *out_n)
{
    *out_n = HC_LEN(rows);
    return rows;
}
