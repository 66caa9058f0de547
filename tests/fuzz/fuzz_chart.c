/*
 * The files of a chart, divided by NUL: Chart.yaml, Chart.lock, values.yaml, a sub-chart's Chart.yaml, .helmignore.
 */
#include "charts-fetch/chart/chart.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct hc_chart_port port = { .no_digest = true };
    struct hc_arena *a = hc_arena_new((size_t)16 << 20); /* the chart takes it */
    struct hc_err err = HC_ERR_INIT;
    struct hc_chart *c = NULL;
    hc_str rest = fuzz_text(data, size);
    struct hc_chart_file files[] = {
        { HC_S("Chart.yaml"), fuzz_part(&rest) },  { HC_S("Chart.lock"), fuzz_part(&rest) },
        { HC_S("values.yaml"), fuzz_part(&rest) }, { HC_S("charts/s/Chart.yaml"), fuzz_part(&rest) },
        { HC_S(".helmignore"), fuzz_part(&rest) },
    };
    enum hc_rc rc = hc_chart_load_files(a, files, rest.p ? 5 : 3, &port, &c, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
        abort();
    hc_chart_unref(rc == HC_OK ? c : NULL);
    return 0;
}
