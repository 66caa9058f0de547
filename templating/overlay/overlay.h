#pragma once
/*
 * templating/overlay/overlay.h - from chart defaults and user input to the values each chart is rendered with
 *
 * Three steps, each usable alone: user input to one tree (files, --set and its family, D1-D3), one tree and
 * a chart to a tree of enabled charts with their values (dependencies, import-values, coalescing, D4-D5), and
 * the check against values.schema.json (D6). Nothing is fetched; files that the user names are read through a
 * port. The chart stays as it is: all that changes lives in the caller's arena.
 */
#include "charts-fetch/chart/chart.h"
#include "core/base/buf.h"
#include "templating/overlay/pattern.h"

/* ---- user input ---------------------------------------------------------------------------------- */

enum hc_set_kind { HC_SET_JSON, HC_SET_PLAIN, HC_SET_STRING, HC_SET_FILE, HC_SET_LITERAL };

struct hc_set_arg {
    enum hc_set_kind kind;
    hc_str text; /* "a.b=c,d[0]=e" as it stood on the command line */
};

/* Reads what -f and --set-file name. */
struct hc_values_port {
    enum hc_rc (*read)(void *ctx, struct hc_arena *a, hc_str path, hc_str *out, struct hc_err *err);
    void *ctx;
};

/* A file of this machine, "-" is stdin. Errors in Go's words ("open x: no such file or directory"). */
enum hc_rc hc_values_read_local(struct hc_arena *a, hc_str path, hc_str *out, struct hc_err *err);

/* One layer of user input by itself. */
struct hc_layer_tree {
    uint32_t origin;
    const struct hc_val *tree; /* a map */
};
struct hc_layers {
    struct hc_layer_tree *list; /* lowest first */
    size_t n, cap;
};

struct hc_setargs {
    const hc_str *files; /* -f, left to right */
    size_t files_n;
    const struct hc_set_arg *sets; /* in the order of the command line; applied by kind (D1) */
    size_t sets_n;
    const struct hc_values_port *port; /* NULL: local files, "-" is stdin */
    bool helm3;                        /* one document a file, no whole-object form of --set-json, "a[0" refused */
    struct hc_layers *layers;          /* NULL, or gets each layer, for those who tell what was overridden */
};

/*
 * All of it as one tree (a map, maybe empty). `origins` may be NULL; else every node's origin names its layer
 * (HC_LAYER_FILE with the file's name, HC_LAYER_SET with the flag, one origin a flag) and its line stays that of the
 * file; in a flag the column says where in its argument. Error
 * texts are Helm's ("failed parsing --set data: ...", "failed to parse FILE: ...").
 */
enum hc_rc hc_setargs_merge(struct hc_arena *a, const struct hc_setargs *args, struct hc_origins *origins,
                            struct hc_val **out, struct hc_err *err);

/* One argument of the --set family into `tree`, which is changed. New nodes get `origin`. */
enum hc_rc hc_set_apply(struct hc_arena *a, struct hc_val *tree, const struct hc_set_arg *arg, bool helm3,
                        const struct hc_values_port *port, uint32_t origin, struct hc_err *err);

/* ---- charts with their values -------------------------------------------------------------------- */

/* An enabled chart at its place. */
struct hc_overlay_chart {
    const struct hc_chart *chart;
    /* The alias or the chart's name: .Chart.Name, its section in the parent's values, part of template paths */
    hc_str name;
    /* In template paths and "# Source:" (E4.8): "top/charts/sub". Not always the names of those above it: a chart below an
     * alias may have the name there that stands in the alias's Chart.yaml, and two charts the same path, as in Helm. */
    hc_str path;
    /* What .Values is for its templates. The very same map stands under `name` in the parent's values, so that
     * a template which changes one changes the other, as in Helm. */
    struct hc_val *values;
    /* What .Chart.Dependencies shows: enabled entries, names replaced by aliases */
    const struct hc_chart_dep *deps;
    size_t deps_n;
    bool deps_listed;                /* there is a list, in Go's sense */
    struct hc_overlay_chart *parent; /* NULL: top */
    struct hc_overlay_chart **subs;  /* Helm's order: unlisted charts first, then as dependencies lists them */
    size_t subs_n;
};

/*
 * What the check of a schema needs from elsewhere; each may be NULL.
 * load: brings the text of a schema that another refers to by an address (file://, http://, https://); the error's message is
 * what Helm prints behind "failing loading \"URL\": ". Without it nothing is fetched, and such a reference is an error.
 * property: the classes \p{...} of regular expressions. regex: what Go says of an expression (HC_E_INPUT: its error).
 */
struct hc_schema_port {
    void *ctx;
    enum hc_rc (*load)(void *ctx, struct hc_arena *a, hc_str url, hc_str *out, struct hc_err *err);
    hc_pattern_property property;
    enum hc_rc (*regex)(hc_str expression, struct hc_err *err);
    bool keep; /* schemas that are good are kept for the next check */
};

struct hc_overlay_opts {
    bool helm3, skip_schema;
    /* As Helm lints: what was coalesced is coalesced again, so a default that the user took away with null is back. */
    bool twice;
    const struct hc_schema_port *schemas;
    /* Not NULL: values that come from charts are stamped too (HC_LAYER_CHART "values.yaml",
     * "charts/redis/values.yaml"); costs a copy of every default. */
    struct hc_origins *origins;
    /* Not NULL: gets the whole error when values do not fit a schema (in the arena), which may be longer than an
     * hc_err holds. */
    hc_str *report;
    /* Not NULL: gets the top chart's defaults as they are from here on: those of its dependencies and what is imported from
     * them laid in, nulls kept. A copy of its own, where there are dependencies. */
    const struct hc_val **defaults;
};

struct hc_overlay {
    struct hc_overlay_chart *root;
    const hc_str *warnings; /* for stderr; no values in them */
    size_t warnings_n;
};

/* `user` may be NULL and is not changed. All results live in `a`. Schema errors start as Helm's: "values don't
 * meet the specifications of the schema(s) in the following chart(s):\n...". */
enum hc_rc hc_overlay_process(struct hc_arena *a, const struct hc_chart *chart, const struct hc_val *user,
                              const struct hc_overlay_opts *opts, struct hc_overlay *out, struct hc_err *err);

/* Helm's CoalesceTables: a new map of `user` (may be NULL) with `own` laid under it, sub-charts not looked at. */
struct hc_val *hc_values_coalesce(struct hc_arena *a, const struct hc_val *user, const struct hc_val *own);
/* The same in `a`, but the maps in `user`, which lives as long as `a`, are not copied and get what is laid under them: so does
 * Helm's lint, whose later rules see that. `warnings` as those of hc_overlay. */
struct hc_val *hc_values_coalesce_into(struct hc_arena *a, struct hc_val *user, const struct hc_val *own,
                                       bool helm3, const hc_str **warnings, size_t *warnings_n);

/* Fails when a listed dependency is not in charts/: "found in Chart.yaml, but missing in charts/ directory: a, b". */
enum hc_rc hc_overlay_missing_deps(const struct hc_chart *chart, struct hc_err *err);
/* Fails when a listed dependency is not in charts/ (D5.2); Helm's text. Commands ask before they render. */
enum hc_rc hc_overlay_check_deps(const struct hc_chart *chart, bool helm3, struct hc_err *err);

/* ---- what was said about a value ----------------------------------------------------------------- */

struct hc_said {
    enum hc_layer layer; /* HC_LAYER_CHART: the top chart's values.yaml; HC_LAYER_PARENT: one of a sub-chart */
    hc_str name;         /* of the file, as origins name it */
    hc_str chart;        /* whose defaults: its name; absent: user input */
    const struct hc_val *v;
    bool won;      /* this is the value the chart is rendered with */
    bool null;     /* a null, which takes away what the layers below say */
    bool imported; /* it stands somewhere else in that file: import-values brought it here */
};

/* All layers that say something about the value at this path of the effective values (hc_trace_path), highest first.
 * `is`: the value with its origin; NULL: there is none. Gives how many. */
size_t hc_values_said(struct hc_arena *a, const struct hc_overlay_chart *root, const struct hc_layers *layers,
                      const struct hc_origins *origins, hc_str path, const struct hc_val *is, struct hc_said **out);

/* ---- schema -------------------------------------------------------------------------------------- */

/* Checks `values` against the text of a values.schema.json. HC_E_INPUT with Helm's lines ("- at '/a': got
 * number, want string") when they do not fit or the schema is none. Those lines are also put into `lines` (may be
 * NULL), uncut: the error keeps only what fits into it. `port` may be NULL. */
enum hc_rc hc_schema_check(struct hc_arena *a, hc_str schema, const struct hc_val *values,
                           const struct hc_schema_port *port, struct hc_buf *lines, struct hc_err *err);
/* Where they do not fit: a list of JSON pointers into `values`, the innermost ones, each once. Empty when they fit or the
 * schema is none. */
struct hc_val *hc_schema_misfits(struct hc_arena *a, hc_str schema, const struct hc_val *values,
                                 const struct hc_schema_port *port);
