/*
 * Label selectors: any text ends in an answer or an error.
 */
#include "core/value/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_val *labels = hc_map_new(a);
    struct hc_err err;
    bool fits;
    hc_map_put_strz(a, labels, "app", "web");
    if (hc_selector_fits(hc_str_n((const char *)data, size), labels, &fits, &err) != HC_OK)
        return 0;
    return 0;
}
