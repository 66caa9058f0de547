#pragma once
/*
 * templating/render/trace_impl.h - what the files of a trace share
 *
 * trace.c         memory, frames, conditions, the list of spans of the output
 * trace_text.c    spans of texts, and what functions do to them
 * trace_calls.c   functions: which argument a result came from
 * trace_values.c  which nodes are values, and which of them were read
 * trace_ask.c     answers
 * trace_lua.c     Lua templates, from outside (lua_impl.h)
 *
 * A value node that was made while rendering carries its history as its `origin`: HC_TRACED and the number of a
 * record. So whatever copies nodes copies the history, and literals of the program (shared between threads, origin 0)
 * are never written to: where a result has to be marked that is not known to be new, a copy of the node is marked.
 */
#include "templating/render/engine_impl.h"
#include "templating/render/render_impl.h"
#include "templating/render/trace.h"

#define HC_TRACED 0x80000000u

/* Numbers in these lists start at 1; 0 is none. */
enum dep_kind {
    DEP_NODE,    /* p: a node with the origin of a layer                     */
    DEP_KEY,     /* p: the same; the name it stands under, not what it is    */
    DEP_ABSENT,  /* p: struct absent                                         */
    DEP_BUILTIN, /* p: struct builtin                                        */
    DEP_JOIN,    /* x, y: deps                                               */
    DEP_REC,     /* x: a record; all of it                                   */
    DEP_RANGE,   /* x: a record, bytes y to z of its text                    */
    DEP_CELL,    /* x: a cell, y: a byte of what it printed                  */
    DEP_TREE,    /* p: a container; all that is in it                        */
    DEP_COND,    /* x: a condition that decided                              */
};
struct dep {
    uint8_t kind;
    uint32_t x, y, z;
    const void *p;
};

struct absent {
    hc_str path;
};
struct builtin {
    hc_str name, chart;
    const struct hc_val *v;
};

/* A piece of output: printed by `node` in frame `inst`. */
struct cell {
    uint32_t inst, data, cond; /* instance, dep, condition */
    bool mark;                 /* no text: a condition was looked at here */
    const struct hc_node *node;
};

/* From `at` on (to the next span) the text is of this cell, from byte `off` of what it printed. */
struct span {
    uint32_t at, cell, off;
};

/* A template that ran. */
struct inst {
    uint32_t parent, cond; /* instance, condition at the call */
    enum frame_kind kind;
    const struct tmpl *t;
    const struct hc_node *call;
    uint32_t src; /* tpl: record of its text, 0: it has none */
    uint32_t src_dep;
};

/* An if, with or turn of a range, as it came out. */
struct cond {
    uint32_t inst, up; /* up: the condition around it, in the same frame */
    uint32_t dep;
    bool held;
    const struct hc_node *node; /* IF, WITH, RANGE */
};

/* The history of a made value: all of it came from `dep`, and the bytes of a text from what its spans say. */
struct rec {
    uint32_t dep, span, spans_n;
    uint32_t bytes;
};

/* Static facts of a template: its ifs, withs and ranges, and which variables are assigned inside them. */
struct branch {
    const struct hc_node *node;
    uint32_t parent; /* the branch around it; numbers count within the tree, from 1 */
};
struct assign {
    uint32_t branch, slot;
};
struct tree {
    uint32_t branch, branches_n; /* behind this position in the list of all */
    uint32_t assign, assigns_n;
};

struct trace_frame {
    uint32_t inst, tree;
    size_t log, conds, out; /* where its log, its table of conditions and its output begin */
};

struct vec {
    void *p;
    size_t n, cap;
};

/* Pointers to numbers. */
struct ptrmap {
    const void **keys;
    uint32_t *vals;
    size_t n, cap;
};

struct value_entry {
    const struct hc_val *v;
    hc_str path;
    uint32_t next; /* the next one from the same place of the same file: aliases, merge keys, globals */
    bool read, named;
    bool asked;  /* for something in it, by name                     */
    bool merged; /* into a map that has things of the chart's own    */
};

struct traced_file {
    hc_str path, text;
    uint32_t span, spans_n;
};

struct hc_trace {
    struct hc_origins *origins;
    struct hc_val *values; /* the effective ones of the top chart */
    struct hc_program *program;
    struct hc_arena *a; /* paths and small things */
    bool spent;
    struct vec deps, cells, insts, conds, recs, spans; /* spans: of records and files */
    struct vec out;                                    /* spans of the output at hand */
    struct vec frames, log, table, slots;              /* slots: deps of variables without a value */
    struct vec trees, branches, assigns, files, entries;
    struct ptrmap by_root; /* trees, by their roots                              */
    struct ptrmap by_node; /* the branch around a node, plus 1                   */
    struct ptrmap by_pipe; /* branches, by their pipelines                       */
    struct ptrmap maps;    /* values: the entry of a map or list                 */
    struct ptrmap linked;  /* the entry of a map that another was merged out of  */
    struct ptrmap seen;    /* scalars that were met                              */
    struct ptrmap set_at;  /* cells: where a Lua template set the entry of a table that became this node */
    uint32_t *index;       /* of entries by place */
    size_t index_cap;
    struct hc_val *names; /* what templates mention: a map used as a set */
    /* Of the question at hand: what was looked at, by number. */
    struct vec seen_cells, seen_conds, seen_insts, seen_recs, work;
    uint32_t question;
    size_t left; /* where the output of the frame that was left last begins */
};

static inline struct trace_frame *frame_of(const struct hc_trace *t)
{
    return t->frames.n ? (struct trace_frame *)t->frames.p + t->frames.n - 1 : NULL;
}
#define AT(t, list, type, i) ((type *)(t)->list.p + ((i)-1))

/* Room for one more, or NULL: the trace is spent. Gives its number in *out. */
void *vec_add(struct hc_trace *t, struct vec *v, size_t size, uint32_t *out);
bool ptrmap_put(struct hc_trace *t, struct ptrmap *m, const void *key, uint32_t val);
uint32_t ptrmap_get(const struct ptrmap *m, const void *key);

/* ---- trace.c */
uint32_t dep_new(struct hc_trace *t, enum dep_kind kind, uint32_t x, uint32_t y, uint32_t z, const void *p);
uint32_t dep_join(struct hc_trace *t, uint32_t x, uint32_t y);
/* What this node came from; 0: from nowhere but the template. */
uint32_t dep_of(struct hc_trace *t, const struct hc_val *v);
/* What the key came from under which it stands. */
uint32_t dep_of_key(struct hc_trace *t, const struct hc_val *v);
/* The same, a container without what is in it. */
uint32_t dep_of_node(struct hc_trace *t, const struct hc_val *v);
uint32_t cell_new(struct hc_trace *t, const struct hc_node *node, uint32_t data);
/* The condition around a node of the running template. */
uint32_t cond_here(struct hc_trace *t, const struct hc_node *node);
/* All that the statement at hand read so far. */
uint32_t log_join(struct hc_trace *t);
void log_add(struct hc_trace *t, uint32_t dep);
void span_add(struct hc_trace *t, struct vec *v, size_t at, uint32_t cell, size_t off);
/* A copy of the node with this history. NULL when memory is gone. */
struct hc_val *marked(struct run *r, const struct hc_val *v, uint32_t dep);
/* A copy that came from `dep` besides what it came from; a text keeps its spans. */
struct hc_val *marked_also(struct run *r, const struct hc_val *v, uint32_t dep);
struct hc_val *marked_spans(struct run *r, const struct hc_val *v, uint32_t dep, const struct vec *spans);
static inline const struct rec *rec_of(const struct hc_trace *t, const struct hc_val *v)
{
    return v && v->origin & HC_TRACED ? AT(t, recs, const struct rec, v->origin & ~HC_TRACED) : NULL;
}

/* ---- trace_text.c */

/* What a text is made of, as spans: its own, or one for all of it. They stay valid until spans are added. */
struct spans {
    const struct span *p;
    size_t n;
    struct span one;
};
/* `node`: what prints or takes it. */
void spans_of(struct hc_trace *t, const struct hc_val *v, const struct hc_node *node, struct spans *out);
/* Bytes [from, from + n) of `src` stand at `to` in the text that `out` describes. */
void spans_copy(struct hc_trace *t, struct vec *out, const struct spans *src, size_t from, size_t n, size_t to);
/* What functions make of texts; NULL: the function is none of those, the result as a whole came from all arguments. */
struct hc_val *text_result(struct run *r, hc_str name, struct hc_val *const *args, size_t n,
                           const struct hc_val *v);
/* `clean` is `text` without some pieces. */
void spans_align(struct hc_trace *t, struct vec *out, const struct spans *src, hc_str text, hc_str clean);

/* ---- trace_values.c */
void values_start(struct run *r);
struct value_entry *value_find(const struct hc_trace *t, const struct hc_val *v);
void value_read(struct hc_trace *t, const struct hc_val *v);
/* Something in the map was looked for by name; `named`: and the map itself. */
void value_asked(struct hc_trace *t, const struct hc_val *map, bool named);
/* `to` was merged out of `from`, or is a copy of it: who asks the one asks the other. */
void value_linked(struct hc_trace *t, const struct hc_val *to, const struct hc_val *from, int depth);
/* By its name. */
void value_named(struct hc_trace *t, const struct hc_val *v);
/* All that is in it. */
void value_read_whole(struct hc_trace *t, const struct hc_val *v);
/* What a method of .Files gives for that argument. */
uint32_t value_file_dep(struct hc_trace *t, hc_str method, const struct hc_val *arg);
/* "a.b" below the map `map`, when the map is one of the values. */
hc_str value_path_below(struct hc_trace *t, const struct hc_val *map, hc_str name);
