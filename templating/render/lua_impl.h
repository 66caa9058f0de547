#pragma once
/*
 * templating/render/lua_impl.h - Lua templates: what the engine and the files of theirs share
 *
 * lua_run.c     files, named templates, what they give; modules
 * lua_call.c    template functions and methods as Lua sees them
 * lua_names.c   every name a Lua template can reach
 * lua_error.c   from Lua's stack to Helm's chain of positions
 * lua_source.c  tokens and statements of a text, for a trace
 * trace_lua*.c  where the fields of tables came from (trace_lua.h)
 *
 * A Lua template is a struct tmpl like any other: it has a frame while it runs, include finds it by name, its output goes
 * where all output goes. Only its body is a function that somebody wrote.
 */
#include "core/base/limits.h"
#include "lua/bridge/luaval.h"
#include "templating/render/engine_impl.h"

/* What a run knows of its Lua templates. */
struct script_run {
    struct hc_val *defs; /* name: HC_OBJ, obj is its struct tmpl */
    bool defining;       /* partials are being loaded */
    bool placed;         /* script_positions has been here */
    bool deep;           /* memory was refused, and Lua's stack was deep */
    int full_line;       /* where memory was refused last; 0: it was not */
    const struct hc_template_file *full_file;
    struct hc_arena *places;    /* what script_positions makes: the run's own arena may be what is spent */
    struct script_trace *trace; /* NULL: nobody asks where things come from */
};

/* The registry's names. */
#define SCRIPT_BASE    "hc.script.base"    /* what all files can reach */
#define SCRIPT_RT      "hc.script.rt"      /* list: file, named, require, sort, include, tpl */
#define SCRIPT_MODULES "hc.script.modules" /* by 1 + number of the file: what require gives; false: it is running */
enum { RT_FILE = 1, RT_NAMED, RT_REQUIRE, RT_SORT, RT_INCLUDE, RT_TPL };

/* ---- for the engine ---------------------------------------------------------------------------------- */

/* Whether it is Lua at all. The error reads as Helm's parse errors do: "parse error at (FILE:LINE): ...". */
enum hc_rc script_check(const struct hc_template_file *f, struct hc_err *err);
/* Once for a state. */
void script_open_raises(lua_State *l);
/* Begins a run: executes the partials, which define the named templates. */
void script_start(struct run *r);
/* The template of that name that a Lua file defines, unless `other` was defined later. */
struct tmpl *script_find(struct run *r, hc_str name, const struct tmpl *other);
/* Pushes the function that writes the template's output; takes dot. */
void script_push_body(struct run *r, lua_State *l, struct tmpl *t);
/* The message handler of a run: makes r->err while Lua's stack still stands. */
int script_handle(lua_State *l);
/* Memory was refused: remembers where. */
void script_full(void *run);
/* Before an error text is built: puts Lua's lines and functions into the frames, and into r->at. */
void script_positions(struct run *r);
/* For a trace: makes r->at the line at hand. */
const struct hc_node *script_trace_node(struct run *r);
/* Where the Lua template at hand is, for who asks before an error: file, line, text of the line. */
bool script_position(struct run *r, hc_str *out_file, int *out_line, hc_str *out_text);
/* The file that Lua calls so; NULL: none of a chart. */
const struct hc_template_file *script_file(const struct run *r, const char *source);

/* ---- for a traced run (trace_lua.c) -------------------------------------------------------------------- */

void script_trace_start(struct run *r);
/* From now on Lua is followed. */
void script_trace_watch(struct run *r, lua_State *l);
void script_trace_end(struct run *r);
/* What the state keeps of it. */
void script_trace_forget(lua_State *l);
/* The Lua template at hand read an entry of that name (absent: of a list, or by a computed name). */
void script_trace_read(struct run *r, hc_str name, uint32_t dep, bool container);
/* A function of that name gave it something. */
void script_trace_result(struct run *r, hc_str name, uint32_t dep);
/* Argument i (from 0) of a function that it calls, with its history. */
struct hc_val *script_trace_argument(struct run *r, hc_str func, uint32_t i, struct hc_val *v);
/* Around a function that it calls: what that makes is made at the call. `inst`: what script_trace_begin gave. */
uint32_t script_trace_begin(struct run *r, hc_str func);
void script_trace_done(struct run *r, uint32_t inst);
/* The entry of the table at the top that became `item`: the key, or absent and the place from 1. Gives what to take for it. */
struct hc_val *script_trace_entry(lua_State *l, hc_str key, uint32_t place, struct hc_val *item);
/* What the function of a named template gave, with its history. */
struct hc_val *script_trace_given(struct run *r, struct hc_val *v);
/* Before a template is called: where the call stands; NULL: not known. Then, in its frame, who called. */
const struct hc_node *script_trace_call(struct run *r, hc_str func);
bool script_trace_caller(const struct run *r, uint32_t *out_inst, uint32_t *out_cond);

/* ---- between its files ------------------------------------------------------------------------------- */

/* Puts the table that all files share into the registry. */
void script_open_names_raises(lua_State *l);
/* Pushes the globals of a file. */
void script_push_env(struct run *r, lua_State *l, uint32_t file, hc_tv dot);
/* Pushes the main function of a file, in globals of its own. */
void script_push_main(struct run *r, lua_State *l, struct tmpl *t, hc_tv dot);
/* Pushes the template function of that name, or nil. */
void script_push_function(struct run *r, lua_State *l, hc_str name);
int script_define(lua_State *l); /* upvalue 1: the file's number */
extern const struct hc_luaval_port script_port;
/* A library as a userdata that nobody can change; takes the table at the top. */
void script_seal(lua_State *l);
