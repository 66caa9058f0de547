#pragma once
/*
 * deploy/compose/whence.h - from a field of what was rendered to the line of the template that wrote it
 *
 * After a server refused an object: the chart is rendered once more with a trace (templating/render/trace.h), and the
 * trace is asked. Nothing of it is paid for before. One user at a time; holds what it needs until it is freed.
 */
#include "deploy/release/record.h"
#include "templating/render/render.h"

struct hc_whence_render; /* one render with its trace */

/* What is at hand. All of it is borrowed until hc_whence_free, `door` is copied. */
struct hc_whence_input {
    struct hc_kube *kube; /* what it can; NULL: what a render takes for granted */
    /* The chart; NULL, or another than the record's: what the record holds of it. Of a chart with sub-charts that is the
     * templates of its own, which do not render where they call one of theirs. */
    struct hc_chart *chart;
    /* With their origins, which tell who set a value. Others than the record's count for nothing: its own are taken. */
    const struct hc_val *values;
    struct hc_origins *origins;
    struct hc_door door;
};
/*
 * Renders; name, revision and the like are the record's. Post-renderers are left out: what they changed no template wrote.
 * One that does not render (any more) answers no question. NULL: no memory.
 */
struct hc_whence_render *hc_whence_open(const struct hc_whence_input *in, const struct hc_record *record);
void hc_whence_free(struct hc_whence_render *w);

/* What was given to hc_whence_open is what this record was rendered from. */
bool hc_whence_is_of(const struct hc_whence_render *w, const struct hc_record *record);

struct hc_whence_at {
    hc_str at;   /* "web/templates/deployment.yaml:12" */
    hc_str from; /* "replicas, set by prod.yaml:3"; absent: no value, or several */
};
/*
 * Where a field (as servers name them: hc_field_nearest; absent: the object) of the object of that template was written, or
 * the nearest thing above it that was. `is`: as for hc_field_nearest. False: the template does not give such an object, or w is
 * NULL.
 * Texts live in `a`.
 */
bool hc_whence_ask(struct hc_whence_render *w, struct hc_arena *a, hc_str source, const struct hc_ref *ref,
                   hc_str field, const char *is, struct hc_whence_at *out);
