#pragma once
/*
 * charts-fetch/resolve/deps.h - what a chart's folder depends on, resolved, locked and put into charts/
 *
 * `helm dependency update` and `build` (Helm pkg/downloader/manager.go, internal/resolver). Dependencies of the form
 * file://PATH and charts that lie in charts/ are seen to here; repositories and registries are asked through a port.
 * Nothing in the chart's folder changes before everything is at hand.
 */
#include <stdio.h>

#include "charts-fetch/chart/chart.h"

/* One dependency of Chart.yaml or the lock, as far as it has to be found. */
struct hc_dep {
    hc_str name, version, repository; /* version: a range, or what the lock says */
};

struct hc_deps_port {
    void *ctx;
    /* Before all else. An alias of a repository (@NAME, alias:NAME) becomes its address, in place; repositories nobody
     * knows and that are no address are an error. */
    enum hc_rc (*names)(void *ctx, struct hc_arena *a, struct hc_dep *deps, size_t n, struct hc_err *err);
    /* Indexes are fetched anew. `locked`: for build, which wants every repository to be known. */
    enum hc_rc (*refresh)(void *ctx, const struct hc_dep *deps, size_t n, bool locked, struct hc_err *err);
    /* The newest version that fits. HC_E_NOTFOUND: none does. */
    enum hc_rc (*choose)(void *ctx, struct hc_arena *a, const struct hc_dep *dep, hc_str *out_version,
                         struct hc_err *err);
    /* Writes the archive of dep->version into the folder `dir`; *out_file is its name there, in `a`. */
    enum hc_rc (*fetch)(void *ctx, struct hc_arena *a, const struct hc_dep *dep, const char *dir, hc_str *out_file,
                        struct hc_err *err);
};

struct hc_deps_opts {
    const char *dir;
    int64_t epoch;                   /* SOURCE_DATE_EPOCH, the time of packed files and of the lock; -1: none */
    const struct hc_deps_port *port; /* NULL: a dependency from anywhere else is an error */
    bool skip_refresh;
    FILE *log; /* Helm's lines about what it does; NULL: nobody wants them */
};

/* Resolves the ranges of Chart.yaml, fills charts/, writes the lock when its digest is another one. */
enum hc_rc hc_deps_update(const struct hc_deps_opts *o, struct hc_err *err);
/* Fills charts/ by the lock, which must fit Chart.yaml; without a lock it is hc_deps_update. */
enum hc_rc hc_deps_build(const struct hc_deps_opts *o, struct hc_err *err);

/* Whether every dependency of the folder's chart lies on this machine. A chart that does not load is such a one: what is
 * wrong with it is told when it is updated. */
bool hc_deps_are_local(const char *dir);
