/*
 * What the JSON reader takes it writes, and takes again to the same tree.
 */
#include <stdlib.h>

#include "core/value/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(64 << 20);
    struct hc_val *v, *again;
    struct hc_err err;
    if (hc_json_parse(a, hc_str_n((const char *)data, size), 0, &v, &err) != HC_OK)
        return 0;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 64 << 20);
    hc_json_write(&b, v, HC_JSON_SORT | HC_JSON_HTML);
    if (b.spent)
        return 0;
    if (hc_json_parse(a, hc_buf_str(&b), 0, &again, &err) != HC_OK || !hc_val_equal(v, again))
        abort();
    return 0;
}
