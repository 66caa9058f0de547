#pragma once
/*
 * templating/lint/lint.h - what is doubtful or wrong in a chart's folder, by Helm's rules and in its words
 *
 * Reads the folder and renders the chart; talks to no cluster. Rules run in Helm's order: Chart.yaml, values.yaml,
 * templates, dependencies, CRDs. A rule that cannot go on is a message, never an error.
 */
#include "charts-fetch/chart/chart.h"
#include "templating/overlay/overlay.h"

enum hc_lint_level { HC_LINT_INFO, HC_LINT_WARNING, HC_LINT_ERROR };

struct hc_lint_message {
    enum hc_lint_level level;
    hc_str path, text; /* "[WARNING] PATH: TEXT"; a text may have more lines */
};

struct hc_lint_input {
    const char *dir;                  /* the chart's folder */
    const struct hc_chart_port *port; /* for packed sub-charts */
    struct hc_val *
        values; /* the user's, a map or NULL; maps in it get the chart's defaults, as in Helm, for the next chart, too */
    struct hc_arena *values_arena; /* that of `values` */
    hc_str release_namespace, kube_version;
    bool skip_schema, helm3;
    const struct hc_schema_port *schemas; /* of references to other files; NULL: none */
};

struct hc_lint_output {
    struct hc_lint_message *messages;
    size_t n, cap;
    hc_str *notes; /* what Helm logs on the way, for stderr */
    size_t notes_n;
};

/* Results live in `a`. Fails only when memory runs out. */
enum hc_rc hc_lint(struct hc_arena *a, const struct hc_lint_input *in, struct hc_lint_output *out,
                   struct hc_err *err);
