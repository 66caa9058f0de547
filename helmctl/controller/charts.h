#pragma once
/*
 * helmctl/controller/charts.h - charts in memory, by the digest of their artifact
 *
 * One parsed chart is shared by all releases that use it; the least recently used go when all together are over a
 * ceiling. Any thread may use it.
 */
#include "helmctl/controller/ctl_impl.h"

struct ctl_charts *ctl_charts_new(void);
void ctl_charts_free(struct ctl_charts *cc);

/* The chart in the artifact of `source`, with one reference (hc_chart_unref). `build` is put behind the version as its
 * build metadata (the first twelve digits of an OCI digest); absent: the version as it is. */
enum hc_rc ctl_chart_of(struct ctl *c, const struct hc_val *source, hc_str build, struct hc_chart **out,
                        struct hc_err *err);
