#pragma once
/*
 * charts-fetch/resolve/local_deps.h - dependencies that lie on this machine, packed into charts/
 *
 * What `helm dependency update` does for repositories of the form file://PATH and for charts that lie in charts/
 * already. A dependency from anywhere else is an error before anything is changed.
 */
#include "charts-fetch/chart/chart.h"
#include "core/base/buf.h"

/*
 * For the chart in folder `dir`. Helm's lines about what it does go into `log`. `epoch` (-1: none) is the time of packed
 * files and of the lock, as SOURCE_DATE_EPOCH says. Nothing under charts/ changes before all dependencies are packed.
 */
enum hc_rc hc_local_deps_update(const char *dir, int64_t epoch, struct hc_buf *log, struct hc_err *err);
