/*
 * Lua templates: the text of a file, NUL, the text of a module beside it. Both reach all that a Lua template reaches;
 * they end in documents or in an error with a place, within their budgets.
 */
#include "templating/render/engine.h"
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
        struct hc_val *dot = context(a), *contexts[] = { dot, dot, dot };
        hc_str texts[HC_LEN(files)];
        const struct hc_run run = { .contexts = contexts, .max_steps = 20000 };
        rc = hc_program_run(p, a, &run, texts, &err);
        hc_program_unref(p);
    }
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
        abort();
    return 0;
}
