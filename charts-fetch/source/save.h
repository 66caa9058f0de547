#pragma once
/*
 * charts-fetch/source/save.h - a chart in memory to an archive or a folder, as Helm saves it
 *
 * What is written is the chart as it was loaded: files that .helmignore hid are not in it, Chart.yaml is written anew
 * from its fields (comments are lost), sub-charts lie unpacked in charts/.
 */
#include "charts-fetch/chart/chart.h"

struct hc_save_opts {
    hc_str version, app_version; /* put into Chart.yaml; absent: as they are */
    int64_t epoch;               /* the time of all files, seconds since 1970; -1: that of the files on disk */
    const char *dir;             /* the folder the chart came from, for those times; NULL: now */
    bool helm3;                  /* Helm 3's words in errors */
    bool keep_lock;              /* the lock keeps its own time, whatever `epoch` says */
};

/* The archive's bytes, in `a`. The order is Helm's: Chart.yaml, lock, values, schema, templates, files, sub-charts. */
enum hc_rc hc_chart_pack(struct hc_arena *a, const struct hc_chart *c, const struct hc_save_opts *o, hc_str *out,
                         struct hc_err *err);
/* Packs to DEST/NAME-VERSION.tgz; makes the folder when it is not there. Gives the path, in `a`. */
enum hc_rc hc_chart_save(struct hc_arena *a, const struct hc_chart *c, const struct hc_save_opts *o,
                         const char *dest, hc_str *out_path, struct hc_err *err);
