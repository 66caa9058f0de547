#pragma once
/*
 * helmctl/cli/traced.h - a chart rendered with a trace, for the commands that ask where things come from
 */
#include "helmctl/cli/chartref.h"
#include "templating/overlay/overlay.h"
#include "templating/render/render.h"
#include "templating/render/trace.h"

/* What a command line says about such a render. */
struct hc_traced_flags {
    struct hc_chart_source source;
    struct hc_values_flags values;
    struct hc_strings api_versions;
    const char *kube_version, *helm_version;
    bool is_upgrade, skip_schema, show_secrets, helm3, sub_notes;
};
#define HC_TRACED_FLAGS(o)                                                                                           \
    HC_VALUES_FLAGS((o).values),                                                                                     \
        { "is-upgrade", 0, HC_FLAG_BOOL, &(o).is_upgrade,                                                            \
          "set .Release.IsUpgrade instead of .Release.IsInstall" },                                                  \
        { "kube-version", 0, HC_FLAG_STR, &(o).kube_version, "Kubernetes version the chart sees", NULL, "version" }, \
        { "api-versions", 'a', HC_FLAG_CSV, &(o).api_versions,                                                       \
          "API versions the chart sees besides the usual ones" },                                                    \
        { "skip-schema-validation", 0, HC_FLAG_BOOL, &(o).skip_schema, "do not check values against the schema" },   \
        { "helm-version", 0,    HC_FLAG_STR, &(o).helm_version, "render as Helm 3 or Helm 4 does (default 4)",       \
          NULL,           "3|4" },                                                                                   \
        { "show-secrets", 0, HC_FLAG_BOOL, &(o).show_secrets, "print what looks like a secret instead of ***" },     \
        HC_CHART_SOURCE_FLAGS((o).source)

struct hc_traced {
    struct hc_chart *chart;
    struct hc_origins *origins;
    struct hc_layers layers;
    struct hc_trace *trace;
    struct hc_render_output out;
};

/*
 * Reads, loads and renders. 0: done; else the exit code, and all was said. Call hc_traced_done either way.
 */
int hc_traced_render(struct hc_arena *a, struct hc_traced_flags *o, const struct hc_globals *globals, hc_str name,
                     struct hc_traced *t);
void hc_traced_done(struct hc_traced *t);
#define hc_traced_auto hc_traced_done

/* "values.yaml:12 (the chart's default)" of a value, by its origin. */
hc_str hc_traced_layer(struct hc_arena *a, const struct hc_origins *origins, const struct hc_val *v);
/* Whether a path ends in a name that passwords, tokens and keys have. */
bool hc_traced_is_secret(hc_str path);
/* A value on one line, cut at 60 bytes; *** when `secret` and it is a text. NULL: "(not set)". */
hc_str hc_traced_scalar(struct hc_arena *a, const struct hc_val *v, bool secret);
/* The tree as "json" or "yaml" on stdout; gives the exit code. */
int hc_traced_print(const struct hc_val *v, const char *output);
