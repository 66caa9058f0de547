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

/* An index of four digits makes a list as long, which takes milliseconds and shows nothing new. */
static bool far_index(hc_str s)
{
    size_t digits = 0;
    bool inside = false;
    for (size_t i = 0; i < s.n && digits < 4; i++) {
        inside = s.p[i] == '[' || (inside && s.p[i] >= '0' && s.p[i] <= '9');
        digits = inside ? digits + (s.p[i] != '[') : 0;
    }
    return digits == 4;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct hc_values_port port = { read_nothing, NULL };
    if (size == 0 || far_index(fuzz_text(data, size)))
        return 0;
    struct hc_arena *a = fuzz_arena();
    struct hc_val *tree = hc_map_new(a);
    struct hc_err err;
    const struct hc_set_arg arg = { (enum hc_set_kind)(data[0] % 5), fuzz_text(data + 1, size - 1) };
    if (hc_set_apply(a, tree, &arg, false, &port, 1, &err) == HC_OK)
        (void)hc_set_apply(a, tree, &arg, true, &port, 2, &err);
    return 0;
}
