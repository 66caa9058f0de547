/*
 * What the JSON reader takes it writes, and takes again to the same tree.
 */
#include "core/value/json.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hc_buf b = { .ceiling = (size_t)16 << 20 };
    struct hc_arena *a = fuzz_arena();
    struct hc_val *v, *again;
    struct hc_err err;
    if (hc_json_parse(a, fuzz_text(data, size), 0, &v, &err) != HC_OK)
        return 0;
    hc_buf_reset(&b);
    hc_json_write(&b, v, HC_JSON_SORT | HC_JSON_HTML);
    if (b.spent)
        return 0;
    if (hc_json_parse(a, hc_buf_str(&b), 0, &again, &err) != HC_OK || !hc_val_equal(v, again))
        abort();
    return 0;
}
