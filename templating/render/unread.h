#pragma once
/*
 * templating/render/unread.h - values a user set that no template read
 *
 * Asked of a traced render. A value counts as read when a template read it, or used something whole that it is part of
 * (toYaml, range, print), or when it decided about a sub-chart (condition, tags, import-values). A schema does not count.
 */
#include "templating/overlay/overlay.h"
#include "templating/render/render.h"
#include "templating/render/trace.h"

struct hc_unread {
    hc_str path; /* the highest key below which nothing was read */
    hc_str key;  /* its last part */
    const struct hc_val *v;
    bool unknown; /* no template and no default of the chart knows the key: a misspelling, or of another version */
    hc_str meant; /* unknown: the path that is nearest, or absent */
    hc_str why;   /* known: why it was not read, as far as can be said */
};

/* In the order of the effective values. Marks in the trace what the dependencies consumed. */
enum hc_rc hc_unread_find(struct hc_arena *a, struct hc_trace *t, const struct hc_origins *origins,
                          const struct hc_render_output *out, struct hc_unread **list, size_t *n,
                          struct hc_err *err);
