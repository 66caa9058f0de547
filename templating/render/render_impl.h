#pragma once
/*
 * templating/render/render_impl.h - what the files of this folder share
 */
#include "core/base/limits.h"
#include "templating/overlay/overlay.h"
#include "templating/render/render.h"

/* "v1.33.4-gke.1" in parts: version as shown, normalized "v1.33.4", major and minor as text. Lives in `a`. */
struct hc_kube_version {
    hc_str version, normalized, major, minor;
};
enum hc_rc hc_kube_version_parse(struct hc_arena *a, hc_str text, struct hc_kube_version *out, struct hc_err *err);

/* .Capabilities (B14.4 to B14.6). */
struct hc_val *hc_capabilities_val(struct hc_arena *a, const struct hc_capabilities *c,
                                   const struct hc_kube_version *v, bool helm3);

/* All template files of the enabled charts, and the context of each (B14, B7.5). `contexts` stays NULL when
 * `release` is NULL: only the list is wanted. */
struct hc_program_input {
    struct hc_template_file *files;
    struct hc_val **contexts;
    size_t n;
};
enum hc_rc hc_program_input_collect(struct hc_arena *a, const struct hc_overlay_chart *root, struct hc_val *release,
                                    struct hc_val *capabilities, bool helm3, struct hc_program_input *out,
                                    struct hc_err *err);

/* The compiled program of these files, from the cache when the chart has a digest. Gives one reference. */
enum hc_rc hc_program_cached(const struct hc_overlay_chart *root, const struct hc_program_input *in, bool helm3,
                             struct hc_program **out, struct hc_buf *out_error, struct hc_err *err);

/* Tells the trace, before the templates run, which values its paths are of. */
void hc_trace_values(struct hc_trace *t, struct hc_arena *a, struct hc_val *values);

/* From now on results are kept for later renders (core/value/kept.h). */
void hc_render_keep(void);
