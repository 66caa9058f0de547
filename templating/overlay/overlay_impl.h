#pragma once
/*
 * templating/overlay/overlay_impl.h - what the steps of this folder share
 */
#include "templating/overlay/overlay.h"

/* Go's %q. */
void hc_overlay_quote(struct hc_buf *b, hc_str s);

/* An entry of a chart's dependencies, while they are worked out. */
struct hc_node_dep {
    struct hc_chart_dep d;
    bool imported; /* its import-values were worked on, and are read no more */
};
struct hc_node_deps {
    struct hc_node_dep **list;
    size_t n;
    bool there; /* a list, though it may be empty; without one Helm looks no further down */
};

/*
 * A chart at its place while dependencies are worked out. Helm copies a chart for each dependency that names it, and
 * copies less than all of it: what copies have in common, nodes have in common (nodes_copy in dependencies.c).
 */
struct hc_node {
    const struct hc_chart *chart;
    hc_str name;           /* alias or name */
    struct hc_val *values; /* the chart's defaults; import-values replaces them */
    struct hc_node_deps *deps;
    struct hc_node *parent; /* whose path stands before its own; not always the one that holds it */
    struct hc_node **subs;
    size_t subs_n;
};

struct hc_process {
    struct hc_arena *a;    /* for values at hand: mostly gone when dependencies have been worked on */
    struct hc_arena *keep; /* for what the caller gets */
    bool helm3;
    struct hc_origins *origins;
    hc_str *warnings;
    size_t warnings_n, warnings_cap;
    struct hc_err *err;
    unsigned depth;       /* of the tables that are being laid over each other */
    size_t imported_left; /* of HC_MAX_IMPORTED_MAPS */
    bool too_deep;        /* they were nested deeper than values can be: a map is in itself */
    bool no_memory;       /* met where only yes or no can be said */
};

/*
 * A warning in Helm's words, but for the values that Helm puts behind some of them: they may be secret. `helm3` is the
 * place in Helm 3's source that it begins with there.
 */
void hc_process_warn(struct hc_process *p, const char *helm3, const char *helm4, ...) HC_PRINTF(3, 4);
/* One with pairs behind it; Helm 3 makes a sentence of them, which begins with `helm3`. */
struct hc_log_pair {
    const char *key;
    const char *before, *behind; /* in the sentence */
    hc_str text;
};
void hc_process_log(struct hc_process *p, const char *helm3, const char *msg, const struct hc_log_pair *pairs,
                    size_t n);

/* Helm's coalesce and merge (D4): lays the defaults of `node` and of all below it under `dest`, which is changed. */
enum hc_rc hc_coalesce(struct hc_process *p, const struct hc_node *node, struct hc_val *dest, bool merge);
/* Lays `src` under `dst`, keeping nulls; both may be changed. */
void hc_merge_tables(struct hc_process *p, struct hc_val *dst, struct hc_val *src);
/* A table below `v` by a dotted path, or NULL. */
struct hc_val *hc_values_table(const struct hc_val *v, hc_str path);

/* Enables, disables and aliases (D5.1-D5.5), then imports values (D5.6). */
enum hc_rc hc_process_dependencies(struct hc_process *p, struct hc_node *root, const struct hc_val *user);
