/*
 * The render is traced; what no template knows is told with the place that set it.
 */
#include "helmctl/cli/strict.h"

#include "core/base/buf.h"
#include "helmctl/cli/traced.h"
#include "templating/render/unread.h"

enum hc_rc hc_strict_open(struct hc_strict *s, struct hc_origins *origins, bool given, struct hc_err *err)
{
    *s = (struct hc_strict){ origins, given ? hc_trace_new(origins) : NULL };
    return given && !(s->trace && origins) ? hc_fail_nomem(err) : HC_OK;
}

void hc_strict_done(struct hc_strict *s)
{
    hc_trace_free(s->trace);
    s->trace = NULL;
}

void hc_strict_begin(const struct hc_strict *s, struct hc_render_input *in)
{
    if (!s->trace)
        return;
    in->origins = s->origins;
    in->trace = s->trace;
}

enum hc_rc hc_strict_check(const struct hc_strict *s, struct hc_arena *a, const struct hc_render_output *out,
                           struct hc_err *err)
{
    struct hc_unread *list = NULL;
    size_t n = 0, unknown = 0;
    if (!s->trace)
        return HC_OK;
    enum hc_rc rc = hc_unread_find(a, s->trace, s->origins, out, &list, &n, err);
    if (rc != HC_OK)
        return rc;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < n; i++) {
        if (!list[i].unknown)
            continue;
        hc_buf_printf(&b, "\n  %.*s: %.*s", HC_P(hc_traced_layer(a, s->origins, list[i].v)), HC_P(list[i].path));
        if (list[i].meant.p)
            hc_buf_printf(&b, " (did you mean %.*s?)", HC_P(list[i].meant));
        unknown++;
    }
    if (!unknown)
        return HC_OK;
    return hc_fail(err, HC_E_INPUT, "--strict-values: %s set that no template of the chart knows:%.*s",
                   unknown == 1 ? "a value is" : "values are", HC_P(hc_buf_str(&b)));
}
