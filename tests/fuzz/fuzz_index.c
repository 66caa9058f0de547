/*
 * An index of a Helm repository in YAML or JSON: a chart is found or not.
 */
#include "charts-fetch/source/index.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_chart_entry e;
    struct hc_err err = HC_ERR_INIT;
    struct hc_index_rows rows;
    enum hc_rc rc = hc_index_scan(a, NULL, fuzz_text(data, size), HC_S("c"), &rows, &err);
    if (rc == HC_OK)
        rc = hc_helmrepo_choose(a, &rows, HC_S("c"), HC_S(">=1-0"), &e, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
        abort();
    return 0;
}
