#pragma once
/*
 * charts-fetch/source/index.h - the index of a Helm repository: streamed once, then a table on disk
 *
 * An index of 200,000 versions is 60 MB of YAML, of which a look-up needs a few hundred bytes. It is read in pieces:
 * block style (what Helm, ChartMuseum and registries write) and JSON are cut version by version, and only the versions
 * asked for are parsed. Any other shape of YAML is read whole, up to HC_MAX_INDEX_WHOLE. What is tolerated is what Helm
 * tolerates (pkg/repo/v1/index.go, loadIndex): versions that are no map, have no name, no semantic version or an unknown
 * type are passed over.
 */
#include "charts-fetch/cache/store.h"
#include "charts-fetch/source/source.h"

/* One version of a chart as the index has it; absent texts stand not there. Borrowed for the call. */
struct hc_index_row {
    hc_str version, app_version, description, created;
    hc_str url;    /* the first of `urls` */
    hc_str digest; /* hex or "sha256:hex" */
    bool deprecated;
    const struct hc_val
        *keywords; /* a list, while an index is read (hc_index_read_*); NULL out of tables and scans */
};

struct hc_index_sink {
    void *ctx;
    /* From the beginning: also called when an index turns out to have another shape than it began with. */
    void (*begin)(void *ctx);
    /* Any other answer than HC_OK (with err) ends the reading. Versions of one chart come one after the other. */
    enum hc_rc (*row)(void *ctx, hc_str chart, const struct hc_index_row *row, struct hc_err *err);
};

/* Reads the file, or `text`. `only`: the chart that is wanted, absent: every one. Errors name line and chart. */
enum hc_rc hc_index_read_file(const char *path, hc_str only, const struct hc_index_sink *sink, struct hc_err *err);
enum hc_rc hc_index_read_text(hc_str text, hc_str only, const struct hc_index_sink *sink, struct hc_err *err);

/* The versions of one chart in the order of the index, in the arena. None: the index does not have it. */
struct hc_index_rows {
    struct hc_index_row *rows;
    size_t n, cap;
};

/* For one look-up: the other charts are passed over unread. `path` NULL: `text`. */
enum hc_rc hc_index_scan(struct hc_arena *a, const char *path, hc_str text, hc_str chart, struct hc_index_rows *out,
                         struct hc_err *err);
/* By the table beside the blob `digest`, which is built when it is not there or was damaged: from then on no YAML is
 * read. hc_index_each gives the versions of all charts, ordered by chart. */
enum hc_rc hc_index_versions(struct hc_store *store, struct hc_arena *a, hc_str digest, hc_str chart,
                             struct hc_index_rows *out, struct hc_err *err);
enum hc_rc hc_index_each(struct hc_store *store, hc_str digest, const struct hc_index_sink *sink,
                         struct hc_err *err);

/* How many tables this process has built, for tests and metrics. */
uint64_t hc_index_tables_built(void);
