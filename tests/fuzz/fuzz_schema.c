/*
 * A schema, a line break, values: the check ends and says something when it refuses.
 */
#include <stdlib.h>

#include "core/value/json.h"
#include "templating/overlay/overlay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(256 << 20);
    HC_AUTO(hc_buf) struct hc_buf lines;
    struct hc_val *v;
    struct hc_err err;
    hc_str text = { (const char *)data, size }, schema;
    hc_buf_init(&lines, 64 << 20);
    if (size > 4096 || !hc_str_split(&text, '\n', &schema) || !text.p)
        return 0;
    if (hc_json_parse(a, text, HC_JSON_ALL_FLOAT, &v, &err) != HC_OK)
        return 0;
    if (hc_schema_check(a, schema, v, &lines, &err) != HC_OK && lines.n == 0)
        abort();
    return 0;
}
