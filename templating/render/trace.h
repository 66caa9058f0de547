#pragma once
/*
 * templating/render/trace.h - where each byte of the output came from
 *
 * A trace is given to one render (hc_render_input.trace) and can be asked afterwards, as long as the render's arena,
 * the chart and the trace live. It belongs to one thread. A render without one pays nothing for it.
 *
 * What is kept: for every byte of a rendered file the statement of a template that printed it, the calls (include,
 * tpl, template) it was printed through, the values that went into it, and the conditions around it. Values are known
 * by the origin that their nodes carry (struct hc_origins), so hc_render_input.origins has to be set too.
 */
#include "templating/render/documents.h"

struct hc_trace;

/* Gives a trace, or NULL: no memory. `origins` is borrowed. */
HC_MUST_USE struct hc_trace *hc_trace_new(struct hc_origins *origins);
void hc_trace_free(struct hc_trace *t);
void hc_trace_free_auto(struct hc_trace **t);
#define hc_trace_auto hc_trace_free_auto

/* ---- asking ------------------------------------------------------------------------------------------ */

/* A place in a template. */
struct hc_trace_place {
    hc_str file; /* "web/templates/deployment.yaml"; a text that tpl ran: "tpl" */
    hc_str name; /* of the define it stands in; absent: the file itself */
    hc_str text; /* the template's own words, on one line */
    int line;    /* from 1 */
    int col;     /* in bytes from 1 */
    /* How it was called: the command that called the template this place is in, innermost first. */
    const struct hc_trace_call *calls;
    size_t calls_n;
};
struct hc_trace_call {
    const char *how; /* "include", "tpl", "template" */
    hc_str name;     /* of what was called; tpl: absent */
    hc_str file;
    int line, col;
};

enum hc_trace_what {
    HC_TRACE_VALUE,   /* a value of the chart: `path` as a user writes it in a values file            */
    HC_TRACE_KEY,     /* the name that a value stands under (range $name, $value := ...), not what it is */
    HC_TRACE_ABSENT,  /* a value that is not there, and would count if it were                        */
    HC_TRACE_BUILTIN, /* .Release, .Chart, .Capabilities, .Template, .Files.Get: `path` as in templates */
};
struct hc_trace_source {
    enum hc_trace_what what;
    hc_str path;
    hc_str chart; /* BUILTIN: path of the chart whose file it is about ("web/charts/redis"), or absent */
    const struct hc_val *value; /* with its origin; NULL: absent */
};

/* An if, with or range around the text. */
struct hc_trace_cause {
    struct hc_trace_place at;
    const char *keyword; /* "if", "with", "range"; "condition", "tags" of a sub-chart (why.h; no line then) */
    bool held;           /* the branch that was printed is the one of a true condition */
    const struct hc_trace_source *sources;
    size_t sources_n;
};

struct hc_trace_answer {
    const struct hc_trace_place *places; /* what printed the bytes, in the order of the output; no doubles */
    size_t places_n;
    const struct hc_trace_source *sources; /* what went into them */
    size_t sources_n;
    const struct hc_trace_cause *causes; /* why they are there, outermost first */
    size_t causes_n;
};

/*
 * The bytes from `from` to `to` (exclusive) of the rendered file of that path ("# Source:"). `whole`: the bytes are a
 * whole value, so that conditions beside it which might have added to it count too, and white space has no place. HC_E_NOTFOUND: no such file;
 * HC_E_LIMIT: the trace is over its budget. The answer lives in `a`.
 */
enum hc_rc hc_trace_ask(struct hc_trace *t, struct hc_arena *a, hc_str file, size_t from, size_t to, bool whole,
                        struct hc_trace_answer *out, struct hc_err *err);
/* The whole text of a rendered file; absent: no such file. */
hc_str hc_trace_text(const struct hc_trace *t, hc_str file);

/* ---- what was read ----------------------------------------------------------------------------------- */

/* Whether a template read the value with this path, or something it is part of was used whole. Paths are those of
 * the effective values ("web.image.tag", "hosts[0].name"). */
bool hc_trace_was_read(const struct hc_trace *t, const struct hc_val *v);
/* The same, by its own name: a template went to just this value. */
bool hc_trace_was_named(const struct hc_trace *t, const struct hc_val *v);
/* Whether a template merged this map over defaults of the chart that stand elsewhere, and looked for something in it by
 * name: its keys have names the chart chose. */
bool hc_trace_was_asked(const struct hc_trace *t, const struct hc_val *map);
/* The path of a node of the effective values, by its origin; absent: not one of them. */
hc_str hc_trace_path(const struct hc_trace *t, const struct hc_val *v);
/* Whether a template of the chart has this name anywhere: in a chain of fields or as a literal text. */
bool hc_trace_mentions(struct hc_trace *t, hc_str name);
/* The mentioned name that is nearest to this one (hc_name_near); absent: none. */
hc_str hc_trace_nearest(struct hc_trace *t, hc_str name);
/* Something else than a template used the value, and all that is in it. */
void hc_trace_mark_read(struct hc_trace *t, const struct hc_val *v);
