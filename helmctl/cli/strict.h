#pragma once
/*
 * helmctl/cli/strict.h - --strict-values: a value that was set and that no template knows is an error
 */
#include "core/base/err.h"
#include "templating/render/render.h"
#include "templating/render/trace.h"

struct hc_strict {
    struct hc_origins *origins;
    struct hc_trace *trace; /* NULL: the flag was not given, and nothing is done */
};
#define HC_STRICT_HELP "fail when a value is set that no template of the chart knows (helmctl values --unread)"

/* `given`: the flag was. `origins`: those that the values were read with. HC_E_NOMEM or HC_OK. */
enum hc_rc hc_strict_open(struct hc_strict *s, struct hc_origins *origins, bool given, struct hc_err *err);
void hc_strict_done(struct hc_strict *s);
#define hc_strict_auto hc_strict_done
/* Before the render. */
void hc_strict_begin(const struct hc_strict *s, struct hc_render_input *in);
/* After it: HC_E_INPUT names each such value, where it was set, and what may have been meant. */
enum hc_rc hc_strict_check(const struct hc_strict *s, struct hc_arena *a, const struct hc_render_output *out,
                           struct hc_err *err);
