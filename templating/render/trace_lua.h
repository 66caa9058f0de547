#pragma once
/*
 * templating/render/trace_lua.h - what the two files share that follow Lua templates
 *
 * trace_lua.c       what runs: lines, calls, tables
 * trace_lua_deps.c  what an expression came from, and the conditions around it
 */
#include "templating/render/lua_impl.h"
#include "templating/render/lua_source.h"
#include "templating/render/trace_impl.h"

enum { NO_TOKEN = UINT32_MAX };

struct read {
    uint32_t token; /* NO_TOKEN: the line has no such name */
    int line;
    uint32_t dep;
    bool container, result;
};
struct name {
    hc_str s;
    uint32_t dep;
};
struct pending {
    uint32_t unit, cell;
};
struct head_state {
    uint32_t unit, dep, cond[2];
    uint32_t whole; /* of a loop: what it goes over, which is read once; dep: and the turn at hand */
};

/* A file, when something of it ran. */
struct script_file {
    const struct hc_template_file *file;
    struct lua_source *source; /* NULL: not understood */
    struct vec names;          /* what variables of that name held last, for closures */
};

/* A function that is running; what it noted begins at these positions. */
struct act {
    struct script_file *file;
    uint32_t inst, returns; /* returns: dep of what it gives */
    uint32_t cell;          /* of its return */
    uint32_t call_cond;     /* around the template it calls */
    size_t frames, reads, names, pending, heads;
    int line, function_line;
    hc_str name;
};

struct script_trace {
    struct vec files, acts, reads, names, pending, heads;
    uint64_t events;
    uint32_t last_cell, last_dep; /* of the function that a frame ran: what it gave */
};

static inline struct script_trace *st_of(const struct run *r)
{
    return r->script ? r->script->trace : NULL;
}

static inline struct act *act_of(const struct script_trace *st)
{
    return st->acts.n ? (struct act *)st->acts.p + st->acts.n - 1 : NULL;
}

/* The function at hand, when it is one of the frame at hand and was understood. */
static inline struct act *act_here(const struct run *r)
{
    struct script_trace *st = st_of(r);
    struct act *a = st ? act_of(st) : NULL;
    return a && a->frames == r->frames_n && a->file->source && !r->trace->spent ? a : NULL;
}

static inline const struct lua_tok *toks(const struct act *a)
{
    return a->file->source->toks;
}

static inline const struct lua_unit *unit_at(const struct act *a, uint32_t i)
{
    return &a->file->source->units[i];
}

static inline bool tok_is(const struct act *a, uint32_t i, const char *what)
{
    const struct lua_source *s = a->file->source;
    return i < s->toks_n && s->toks[i].kind == LUA_TOK_SIGN && hc_str_eqz(s->toks[i].s, what);
}

/* The units with something on the line: *n of them. */
static inline const uint32_t *units_on(const struct lua_source *s, int line, uint32_t *n)
{
    *n = line >= 1 && line <= s->lines_n ? s->lines[line + 1] - s->lines[line] : 0;
    return *n ? &s->by_line[s->lines[line]] : NULL;
}

/* ---- trace_lua_deps.c */
/* A node at that place of the text. */
const struct hc_node *act_node_at(struct run *r, uint32_t pos, enum hc_node_kind kind);
/* What the variable of that name holds came from this. */
uint32_t act_name_dep(const struct script_trace *st, const struct act *a, hc_str s);
void act_set_name(struct run *r, struct act *a, hc_str s, uint32_t dep);
/* What tokens [from, end) gave; `containers`: that a map or list is there counts, too, as it does for a condition. */
uint32_t act_range_dep(const struct run *r, const struct act *a, uint32_t from, uint32_t end, bool containers);
/* The head came out: of a loop `whole` is what it goes over and `turn` what the turn brought. */
void act_note_head(struct run *r, struct act *a, uint32_t unit, uint32_t whole, uint32_t turn);
/* The condition around the unit, as it came out last in this function. */
uint32_t act_cond_of(struct run *r, const struct act *a, const struct lua_unit *u);
/* What the unit sets came from `dep`. */
uint32_t act_new_cell(struct run *r, const struct act *a, const struct lua_unit *u, uint32_t dep);
