/*
 * Arguments of the --set family: the first byte says which flag, the rest is the argument, applied twice.
 */
#include "templating/overlay/overlay.h"
#include "tests/fuzz/fuzz.h"

static enum hc_rc read_nothing(void *ctx, struct hc_arena *a, hc_str path, hc_str *out, struct hc_err *err)
{
    (void)ctx, (void)a, (void)err;
    *out = path;
    return HC_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct hc_values_port port = { read_nothing, NULL };
    if (size == 0)
        return 0;
    struct hc_arena *a = fuzz_arena();
    struct hc_val *tree = hc_map_new(a);
    struct hc_err err;
    const struct hc_set_arg arg = { (enum hc_set_kind)(data[0] % 5), fuzz_text(data + 1, size - 1) };
    if (hc_set_apply(a, tree, &arg, &port, 1, &err) == HC_OK)
        (void)hc_set_apply(a, tree, &arg, &port, 2, &err);
    return 0;
}
