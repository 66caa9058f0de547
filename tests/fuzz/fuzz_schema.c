/*
 * A schema, a line break, values: the check ends and says something when it refuses.
 */
#include "core/value/json.h"
#include "templating/overlay/overlay.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hc_buf lines = { .ceiling = (size_t)16 << 20 };
    struct hc_arena *a = fuzz_arena();
    struct hc_val *v;
    struct hc_err err;
    hc_str text = fuzz_text(data, size), schema;
    hc_buf_reset(&lines);
    if (size > 4096 || !hc_str_split(&text, '\n', &schema) || !text.p)
        return 0;
    if (hc_json_parse(a, text, HC_JSON_ALL_FLOAT, &v, &err) != HC_OK)
        return 0;
    if (hc_schema_check(a, schema, v, NULL, &lines, &err) != HC_OK && lines.n == 0)
        abort();
    return 0;
}
