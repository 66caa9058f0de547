/*
 * Format strings of printf over one value of each kind, and the value in Go's own quotes.
 */
#include "lua/funcs/gofmt.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hc_buf b = { .ceiling = 1 << 12 };
    struct hc_arena *a = fuzz_arena();
    hc_str rest = fuzz_text(data, size), format = fuzz_part(&rest);
    struct hc_val *map = hc_map_new(a), *list = hc_list_new(a);
    hc_map_put_strz(a, map, "k", "v");
    hc_list_add(a, list, hc_float_val(a, 1e-7));
    hc_list_add(a, list, hc_null_val(a));
    struct hc_val *const argv[] = { hc_int_val(a, -42),
                                    hc_str_val_ref(a, rest.p ? rest : format),
                                    hc_float_val(a, 1234.5678),
                                    map,
                                    list,
                                    hc_bool_val(a, true),
                                    NULL };
    /* A different one comes first each time. */
    size_t from = size % HC_LEN(argv);
    hc_buf_reset(&b);
    hc_go_sprintf(&b, format, argv + from, HC_LEN(argv) - from, false);
    hc_buf_reset(&b);
    hc_go_quote(&b, format);
    return 0;
}
