/*
 * Label selectors: any text ends in an answer or an error.
 */
#include "core/value/selector.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_val *labels = hc_map_new(a);
    struct hc_err err;
    bool fits;
    hc_map_put_strz(a, labels, "app", "web");
    if (hc_selector_fits(fuzz_text(data, size), labels, &fits, &err) != HC_OK && !err.msg[0])
        abort();
    return 0;
}
