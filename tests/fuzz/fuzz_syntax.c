/*
 * The template parser and the emitter: what parses can be printed and becomes Lua code, and what is printed parses
 * again to the same writing.
 */
#include "templating/emit/emit.h"
#include "tests/fuzz/fuzz.h"

static const void *find_func(void *ctx, hc_str name)
{
    (void)ctx;
    return hc_func_find(name, false);
}

static enum hc_emit_func kind(const void *func)
{
    hc_str name = hc_str_of(((const struct hc_func *)func)->name);
    return hc_str_eqz(name, "quote")  ? HC_EMIT_INCLUDE
           : hc_str_eqz(name, "trim") ? HC_EMIT_TPL
           : hc_str_eqz(name, "list") ? HC_EMIT_AND
           : hc_str_eqz(name, "dict") ? HC_EMIT_OR
                                      : HC_EMIT_PLAIN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct hc_syntax_port port = { .find_func = find_func };
    static const struct hc_emit_port emit = { .kind = kind };
    static struct hc_buf once = { .ceiling = (size_t)16 << 20 }, twice = { .ceiling = (size_t)16 << 20 };
    struct hc_arena *a = fuzz_arena();
    struct hc_tree *trees = NULL, *again = NULL;
    struct hc_err err = HC_ERR_INIT;
    struct hc_code code;
    size_t n = 0, again_n = 0;
    if (hc_syntax_parse(a, &port, HC_S("t"), fuzz_text(data, size), sizeof(struct hc_tree), &trees, &n, NULL,
                        &err) != HC_OK) {
        if (!err.msg[0])
            abort();
        return 0;
    }
    hc_buf_reset(&once);
    hc_buf_reset(&twice);
    hc_syntax_print(&once, &port, trees[n - 1].root);
    if (hc_syntax_parse(a, &port, HC_S("t"), hc_buf_str(&once), sizeof(struct hc_tree), &again, &again_n, NULL,
                        &err) == HC_OK)
        hc_syntax_print(&twice, &port, again[again_n - 1].root);
    for (size_t i = 0; i < n; i++) {
        enum hc_rc rc = hc_emit(a, &emit, &trees[i], (size & 1) != 0, (size & 2) != 0, &code, &err);
        if (rc != HC_OK && rc != HC_E_LIMIT)
            abort();
    }
    return 0;
}
