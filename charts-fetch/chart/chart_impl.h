#pragma once
/*
 * charts-fetch/chart/chart_impl.h - what the files of this folder share
 */
#include "charts-fetch/chart/chart.h"

/* Whose Go types the errors of a decoder name. */
enum hc_metadata_words { HC_METADATA_V4, HC_METADATA_V4_DETECT, HC_METADATA_V3 };
/* Reads Chart.yaml or requirements.yaml over *meta (NULL at first) as Go's decoder reads it into chart.Metadata. `deps_listed`
 * may be NULL; it stays as it is where the text does not have the field. */
enum hc_rc hc_metadata_read(struct hc_arena *a, hc_str text, hc_str name, enum hc_metadata_words words,
                            struct hc_val **meta, bool *deps_listed, struct hc_err *err);
/* The same for Chart.lock. */
enum hc_rc hc_lock_read(struct hc_arena *a, hc_str text, hc_str name, enum hc_metadata_words words,
                        struct hc_val **lock, struct hc_err *err);
/* Checks and cleans it (D7.1) and fills the plain fields and dependencies of `c`. */
enum hc_rc hc_metadata_check(struct hc_arena *a, struct hc_val *meta, struct hc_chart *c, struct hc_err *err);
