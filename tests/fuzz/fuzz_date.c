/*
 * Dates: a text, NUL, a layout. What a layout prints of a time it reads again without a fault; any text may be no
 * duration.
 */
#include "lua/funcs/layout.h"
#include "lua/funcs/time.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hc_buf b = { .ceiling = 1 << 20 };
    struct hc_arena *a = fuzz_arena();
    hc_str rest = fuzz_text(data, size), text = fuzz_part(&rest), layout = rest.p ? rest : text;
    struct hc_time t = { 1700000000, 123456789, NULL }, again;
    struct hc_err err = HC_ERR_INIT;
    int64_t ns;
    if (hc_time_parse(a, layout, text, NULL, &t, &err) != HC_OK && !err.msg[0])
        abort();
    hc_buf_reset(&b);
    hc_time_format(&b, &t, layout);
    if (!b.spent)
        (void)hc_time_parse(a, layout, hc_buf_str(&b), NULL, &again, &err);
    hc_buf_reset(&b);
    hc_time_json(&b, &t);
    hc_time_string(&b, &t);
    if (hc_duration_parse_ns(text, &ns, &err) != HC_OK)
        return 0;
    /* Printed in full precision, and so read as the same again. */
    hc_buf_reset(&b);
    hc_duration_string(&b, ns);
    int64_t back;
    if (hc_duration_parse_ns(hc_buf_str(&b), &back, &err) != HC_OK || back != ns)
        abort();
    return 0;
}
