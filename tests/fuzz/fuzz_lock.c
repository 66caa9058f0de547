/*
 * A chart whose Chart.yaml and lock come from anywhere: divided by a NUL. Whether the lock fits can be told of each.
 */
#include "charts-fetch/resolve/lock.h"
#include "charts-fetch/source/local.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena(), *mine = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    struct hc_chart *chart = NULL;
    struct hc_dep deps[64];
    hc_str text = fuzz_text(data, size), digest;
    size_t cut = hc_str_find(text, '\0'), n = 0;
    const struct hc_chart_file files[] = {
        { HC_S("Chart.yaml"), hc_str_sub(text, 0, HC_MIN(cut, text.n)) },
        { HC_S("Chart.lock"), hc_str_sub(text, cut == SIZE_MAX ? text.n : cut + 1, text.n) },
    };
    enum hc_rc rc = hc_chart_load_files(mine, files, 2, &hc_chart_archives_once, &chart, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
        abort();
    if (rc != HC_OK)
        return 0;
    for (; n < chart->deps_n && n < HC_LEN(deps); n++)
        deps[n] = (struct hc_dep){ chart->deps[n].name, chart->deps[n].version, chart->deps[n].repository };
    if (n == chart->deps_n && hc_lock_digest(a, chart->metadata, deps, deps, n, &digest, &err) == HC_OK &&
        digest.n != 71)
        abort();
    if (n == chart->deps_n && hc_str_eqz(chart->api_version, "v2"))
        (void)hc_lock_fits(a, chart, deps, n, &err);
    hc_chart_unref(chart);
    return 0;
}
