/*
 * TOML: what fromToml takes toToml writes, and fromToml takes again.
 */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_val *text = hc_str_val_ref(a, fuzz_text(data, size));
    struct hc_val *v = fuzz_call(a, "fromToml", &text, 1);
    if (!v || hc_map_get(v, HC_S("Error")))
        return 0;
    struct hc_val *written = fuzz_call(a, "mustToToml", &v, 1);
    if (written && !fuzz_call(a, "fromToml", &written, 1))
        abort();
    return 0;
}
