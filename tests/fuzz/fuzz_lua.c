/*
 * Lua templates: the text of a file, NUL, the text of a module beside it. Both reach all that a Lua template reaches;
 * they end in documents or in an error with a place, within their budgets. Followed by a trace they do the same.
 */
#include "templating/render/engine.h"
#include "templating/render/trace.h"
#include "tests/fuzz/fuzz.h"

static struct hc_val *context(struct hc_arena *a)
{
    struct hc_val *dot = hc_map_new(a), *values = hc_map_sub(a, dot, "Values"), *list = hc_list_new(a);
    hc_map_put_strz(a, values, "a", "text");
    hc_map_put_bool(a, values, "b", true);
    hc_map_put_int(a, hc_map_sub(a, values, "m"), "n", 1);
    hc_list_add(a, list, hc_float_val(a, 0.5));
    hc_list_add(a, list, hc_null_val(a));
    hc_map_put(a, values, HC_S("l"), list);
    values->type = HC_GO_VALUES;
    dot->type = HC_GO_VALUES;
    return dot;
}

static int64_t now_ns(void *ctx)
{
    (void)ctx;
    return 1700000000000000000;
}

static bool same_bytes(void *ctx, void *out, size_t n)
{
    uint8_t *next = ctx;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)out)[i] = (*next)++;
    return true;
}

static enum hc_rc run(struct hc_program *p, struct hc_arena *a, struct hc_trace *trace, uint32_t origin,
                      hc_str texts[3], struct hc_err *err)
{
    uint8_t next = 0;
    const struct hc_door door = { .ctx = &next, .now_ns = now_ns, .random = same_bytes };
    struct hc_val *dot = context(a), *contexts[] = { dot, dot, dot };
    hc_val_set_origin(dot, origin);
    const struct hc_run in = { .contexts = contexts, .max_steps = 20000, .door = &door, .trace = trace };
    return hc_program_run(p, a, &in, texts, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    hc_str rest = fuzz_text(data, size), script = fuzz_part(&rest), module = rest.p ? rest : HC_S("return {}");
    const hc_str base = HC_S("c/templates");
    const struct hc_template_file files[] = {
        { HC_S("c/templates/t.lua"), base, script, false, true, true },
        { HC_S("c/templates/_g.tpl"), base, HC_S("{{ define \"g\" }}<{{ .x }}>{{ include \"l\" . }}{{ end }}"),
          true, true, false },
        { HC_S("c/templates/_l.lua"), base, module, true, true, true },
    };
    struct hc_program *p = NULL;
    enum hc_rc rc = hc_program_compile(files, HC_LEN(files), false, &p, NULL, &err);
    if (rc == HC_OK) {
        hc_str texts[HC_LEN(files)], again[HC_LEN(files)];
        HC_AUTO(hc_arena) struct hc_arena *b = hc_arena_new((size_t)16 << 20); /* the first may be spent */
        const struct hc_origin layer = { HC_LAYER_FILE, HC_S("v"), { NULL, 0 } };
        struct hc_origins *origins = hc_origins_new(b);
        uint32_t origin = hc_origins_add(origins, &layer);
        struct hc_trace *trace = hc_trace_new(origins);
        struct hc_err traced_err = HC_ERR_INIT;
        rc = run(p, a, NULL, origin, texts, &err);
        enum hc_rc traced = run(p, b, trace, origin, again, &traced_err);
        /* It needs more memory, and counts as fewer steps what it looked on at. */
        if (rc == HC_OK && (traced == HC_OK ? !hc_str_eq(texts[0], again[0]) : traced != HC_E_LIMIT))
            abort();
        hc_trace_free(trace);
        hc_program_unref(p);
    }
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
        abort();
    return 0;
}
