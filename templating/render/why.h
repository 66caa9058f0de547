#pragma once
/*
 * templating/render/why.h - a traced render, asked about the fields of its objects
 *
 * Lives in the arena of the render and borrows the trace and the output.
 */
#include "core/value/fieldpath.h"
#include "templating/render/render.h"
#include "templating/render/trace.h"

struct hc_why_object {
    const struct hc_document *doc;
    const struct hc_val *tree;
    hc_str api_version, kind, name, ns; /* ns: of the release where the object names none */
    size_t offset; /* of its text in the rendered file; SIZE_MAX: no template made it (crds/) */
};

struct hc_why {
    struct hc_arena *a;
    struct hc_trace *trace;
    const struct hc_render_output *out;
    struct hc_why_object *objects;
    size_t n;
};

/* `ns`: of the release. Objects of crds/ are among them when `crds`. */
enum hc_rc hc_why_open(struct hc_arena *a, struct hc_trace *trace, const struct hc_render_output *out, hc_str ns,
                       bool crds, struct hc_why *why, struct hc_err *err);

/*
 * "Deployment/web", "deploy/shop/web" (with its namespace), as kubectl writes kinds: any case, plural, short names.
 * HC_E_NOTFOUND and HC_E_CONFLICT (several) list what there is.
 */
enum hc_rc hc_why_find(const struct hc_why *why, hc_str ref, const struct hc_why_object **out, struct hc_err *err);

struct hc_why_answer {
    struct hc_field field;
    struct hc_trace_answer trace;
    hc_str verbatim; /* the file, when no template made the object; `line` in it */
    int line;
};

/*
 * The notes as `install` and `status` print them, without white space at their ends; absent: there are none. Their lines
 * count from 1.
 */
hc_str hc_why_notes(const struct hc_why *why);
struct hc_why_line {
    int number;
    hc_str text; /* without the line feed */
    hc_str file; /* its NOTES.txt; absent: the empty line that stands between those of two charts, no template's */
    struct hc_trace_answer trace;
};
/* Where a line of the notes came from. HC_E_NOTFOUND says how many there are. */
enum hc_rc hc_why_line(const struct hc_why *why, int number, struct hc_why_line *out, struct hc_err *err);

/* Where a field came from. */
enum hc_rc hc_why_ask(const struct hc_why *why, const struct hc_why_object *o, hc_str path,
                      struct hc_why_answer *out, struct hc_err *err);

/* The paths of all scalars (and empty containers) at and below `path`, in document order. */
enum hc_rc hc_why_leaves(const struct hc_why *why, const struct hc_why_object *o, hc_str path, hc_str **out,
                         size_t *out_n, struct hc_err *err);
