/*
 * A small chart, its parts divided by NUL: a template, helpers, values, a schema, a sub-chart's template. It renders or
 * says why not, and never takes more than its budgets.
 */
#include "templating/render/render.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct hc_chart_port port = { .no_digest = true };
    static const hc_str meta = HC_S("apiVersion: v2\nname: c\nversion: 1.0.0\n");
    static const hc_str sub = HC_S("apiVersion: v2\nname: s\nversion: 1.0.0\n");
    struct hc_arena *a = hc_arena_new((size_t)32 << 20), *work = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    hc_str rest = fuzz_text(data, size);
    struct hc_chart_file files[] = {
        { HC_S("Chart.yaml"), meta },
        { HC_S("templates/t.yaml"), fuzz_part(&rest) },
        { HC_S("templates/_h.tpl"), fuzz_part(&rest) },
        { HC_S("values.yaml"), fuzz_part(&rest) },
        { HC_S("charts/s/Chart.yaml"), sub },
        { HC_S("charts/s/templates/t.yaml"), fuzz_part(&rest) },
        { HC_S("values.schema.json"), fuzz_part(&rest) },
    };
    HC_AUTO(hc_chart) struct hc_chart *c = NULL;
    if (hc_chart_load_files(a, files, rest.p ? 7 : 6, &port, &c, &err) != HC_OK)
        return 0;
    const struct hc_render_input in = {
        .chart = c, .release_name = HC_S("r"), .release_namespace = HC_S("n"), .skip_schema = !rest.p
    };
    struct hc_render_output out;
    enum hc_rc rc = hc_render(work, &in, &out, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
        abort();
    return 0;
}
