#pragma once
/*
 * tests/unit/templating/render/charted.h - small charts made of texts, and what they render to
 */
#include "templating/render/engine.h"
#include "templating/render/render.h"
#include "tests/unit/unit.h"

/* Gives the chart, which has a digest, so that what it renders may be kept. */
static inline struct hc_chart *chart_with(const struct hc_chart_file *files, size_t n)
{
    const struct hc_chart_port port = { .no_digest = false };
    struct hc_chart *c = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (hc_chart_load_files(hc_arena_new(0), files, n, &port, &c, &err) != HC_OK)
        fail_msg("%s", err.msg);
    return c;
}

/* The whole output of a release, or the error. */
static inline hc_str rendered(struct hc_arena *a, struct hc_chart *c, struct hc_val *values, const char *release,
                              bool by_lua)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_render_output out;
    const struct hc_render_input in = { .chart = c,
                                        .values = values,
                                        .release_name = hc_str_of(release),
                                        .release_namespace = HC_S("default"),
                                        .by_lua = by_lua,
                                        .revision = 1 };
    if (hc_render(a, &in, &out, &err) != HC_OK)
        return hc_arena_str(a, hc_str_of(err.msg));
    return hc_documents_manifest(a, &out.docs);
}
