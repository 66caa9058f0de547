#pragma once
/*
 * charts-fetch/resolve/lock.h - Chart.lock: whether it fits Chart.yaml, and writing it
 *
 * Source: Helm internal/resolver (HashReq, HashV2Req) and pkg/downloader/manager.go (writeLock).
 */
#include "charts-fetch/resolve/deps.h"

/* An entry of `dependencies`, of Chart.yaml or of a lock. */
struct hc_dep hc_dep_of(const struct hc_val *entry);

/* "sha256:...", over the JSON of what Chart.yaml (`meta`) asks for, with the addresses that aliases stand for (`wanted`),
 * and what was found. */
enum hc_rc hc_lock_digest(struct hc_arena *a, const struct hc_val *meta, const struct hc_dep *wanted,
                          const struct hc_dep *locked, size_t n, hc_str *out, struct hc_err *err);
/* HC_OK when the chart's lock is of what it asks for now; else Helm's text. */
enum hc_rc hc_lock_fits(struct hc_arena *a, const struct hc_chart *chart, const struct hc_dep *wanted, size_t n,
                        struct hc_err *err);
/* Chart.lock, or requirements.lock (`v1`). A lock that is a link is left alone, with an error. */
enum hc_rc hc_lock_write(struct hc_arena *a, const char *dir, bool v1, const struct hc_dep *locked, size_t n,
                         hc_str digest, int64_t epoch, struct hc_err *err);
