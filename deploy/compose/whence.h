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

/*
 * Renders. Of `in` are taken: chart (NULL: what the record holds of it, where that is all of it, without sub-charts),
 * values with their origins, which tell who set a value (others than the record's count for nothing: then its own are
 * taken), capabilities and door; name, revision and the like are the record's. Post-renderers are left out: what they
 * changed no template wrote. One that does not render (any more) answers no question. All of `in` is borrowed until
 * hc_whence_free. NULL: no memory.
 */
struct hc_whence_render *hc_whence_open(const struct hc_render_input *in, const struct hc_record *record);
void hc_whence_free(struct hc_whence_render *w);

/* What was given to hc_whence_open is what this record was rendered from. */
bool hc_whence_is_of(const struct hc_whence_render *w, const struct hc_record *record);

struct hc_whence_at {
    hc_str at;   /* "web/templates/deployment.yaml:12" */
    hc_str from; /* "replicas, set by prod.yaml:3"; absent: no value, or several */
};
/*
 * Where a field (as servers name them: hc_field_nearest; absent: the object) of the object of that template was written, or
 * the nearest thing above it that was. `is`: as for hc_field_nearest. False: the template does not give such an object.
 * Texts live in `a`.
 */
bool hc_whence_ask(struct hc_whence_render *w, struct hc_arena *a, hc_str source, const struct hc_ref *ref,
                   hc_str field, const char *is, struct hc_whence_at *out);
