/*
 * A template that parses also compiles to Lua that Lua takes, and runs to an output or an error within its budgets;
 * a second run of the same program does too.
 */
#include "templating/render/engine.h"
#include "tests/fuzz/fuzz.h"

static enum hc_rc run(struct hc_program *p, struct hc_arena *a, hc_str *out, struct hc_err *err)
{
    struct hc_val *dot = hc_map_new(a), *values = hc_map_sub(a, dot, "Values");
    hc_map_put_strz(a, values, "a", "text");
    hc_map_put_bool(a, values, "b", true);
    hc_map_sub(a, values, "m");
    struct hc_run r = { .contexts = &dot, .max_steps = 100000 };
    return hc_program_run(p, a, &r, out, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT, again = HC_ERR_INIT;
    const struct hc_template_file file = { HC_S("c/templates/t.yaml"), HC_S("c/templates"), fuzz_text(data, size),
                                           false };
    struct hc_program *p = NULL;
    hc_str first = { NULL, 0 }, second = { NULL, 0 };
    if (hc_program_compile(&file, 1, false, &p, NULL, &err) != HC_OK)
        return 0;
    enum hc_rc rc = run(p, a, &first, &err);
    if (rc == HC_E_BUG)
        abort();
    /* From the pool of Lua states this time. */
    if (rc == HC_OK && run(p, a, &second, &again) != HC_OK && again.code == HC_E_BUG)
        abort();
    hc_program_unref(p);
    return 0;
}
