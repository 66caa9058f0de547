#pragma once
/*
 * charts-fetch/source/local.h - charts from a folder or an archive at hand
 *
 * Reaches no network and links none of its libraries. The result has one reference (hc_chart_unref).
 */
#include "charts-fetch/chart/chart.h"

/* The port of hc_chart_load_*: sub-chart archives through charts-fetch/unpack; `_once` computes no digest. */
extern const struct hc_chart_port hc_chart_archives, hc_chart_archives_once;

/* A packed chart in memory, which may go after the call. The digest is that of its bytes. */
enum hc_rc hc_chart_load_archive(hc_str archive, const struct hc_chart_port *port, struct hc_chart **out,
                                 struct hc_err *err);
/* The files of a packed chart as Helm takes them out: without the first part of their paths, whatever it is called; of
 * double ones the last counts. They live in `a` and in the archive. */
enum hc_rc hc_chart_archive_files(struct hc_arena *a, hc_str archive, struct hc_chart_file **out, size_t *out_n,
                                  struct hc_err *err);
/* A folder or a packed chart by path. */
enum hc_rc hc_chart_load_path(const char *path, const struct hc_chart_port *port, struct hc_chart **out,
                              struct hc_err *err);
