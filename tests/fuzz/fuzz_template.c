/*
 * A template that parses runs to an output or an error within its budgets. C that walks it and Lua that it is compiled
 * to give the same, to the byte of an error's text; the Lua state comes from the pool.
 */
#include "templating/render/engine.h"
#include "tests/fuzz/fuzz.h"

/* The same answers in both runs. */
static int64_t now_ns(void *ctx)
{
    (void)ctx;
    return 1700000000123456789;
}
static bool next_random(void *ctx, void *out, size_t n)
{
    uint64_t *seed = ctx;
    for (size_t i = 0; i < n; i++) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        ((unsigned char *)out)[i] = (unsigned char)(*seed >> 56);
    }
    return true;
}

static enum hc_rc run(struct hc_program *p, struct hc_arena *a, bool by_lua, hc_str *out, struct hc_err *err)
{
    uint64_t seed = 1;
    struct hc_val *dot = hc_map_new(a), *values = hc_map_sub(a, dot, "Values"), *list = hc_list_new(a);
    hc_map_put_strz(a, values, "a", "text");
    hc_map_put_bool(a, values, "b", true);
    hc_map_put(a, values, HC_S("f"), hc_float_val(a, 1.5));
    hc_list_add(a, list, hc_float_val(a, 1));
    hc_list_add(a, list, hc_null_val(a));
    hc_map_put(a, values, HC_S("l"), list);
    hc_map_put_strz(a, hc_map_sub(a, values, "m"), "k", "v");
    const struct hc_door door = { .ctx = &seed, .now_ns = now_ns, .random = next_random };
    const struct hc_run r = { .contexts = &dot, .door = &door, .max_steps = 100000, .by_lua = by_lua };
    return hc_program_run(p, a, &r, out, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_err err[2] = { HC_ERR_INIT, HC_ERR_INIT };
    const struct hc_template_file file = { HC_S("c/templates/t.yaml"), HC_S("c/templates"), fuzz_text(data, size),
                                           false };
    struct hc_program *p = NULL;
    hc_str out[2] = { { NULL, 0 }, { NULL, 0 } };
    enum hc_rc rc[2];
    if (hc_program_compile(&file, 1, false, &p, NULL, &err[0]) != HC_OK)
        return 0;
    for (int i = 0; i < 2; i++) {
        rc[i] = run(p, a, i == 1, &out[i], &err[i]);
        if (rc[i] == HC_E_BUG || (rc[i] != HC_OK && !err[i].msg[0]))
            abort();
    }
    hc_program_unref(p);
    if (rc[0] == HC_E_LIMIT || rc[1] == HC_E_LIMIT) /* the two count their steps each in its own way */
        return 0;
    /* What includes in its arguments is checked behind them by Lua: of two mistakes another one may be told. */
    bool calls = hc_str_find_str(file.text, HC_S("include")) != SIZE_MAX ||
                 hc_str_find_str(file.text, HC_S("tpl")) != SIZE_MAX;
    if (rc[0] != rc[1] || !hc_str_eq(out[0], out[1]) || (!calls && strcmp(err[0].msg, err[1].msg) != 0))
        abort();
    return 0;
}
