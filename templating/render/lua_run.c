/*
 * Running Lua templates.
 *
 * A partial is executed at the start of every run and defines named templates; another file is executed when its turn
 * comes and gives what becomes documents. Each file has globals of its own, new in every run; the compiled function stays
 * with the state, so a second render compiles nothing.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "lua/rt/rt.h"
#include "templating/render/lua_impl.h"
#include "templating/render/trace_impl.h"

/* ---- checking ---------------------------------------------------------------------------------------- */

/* Behind "FILE:LINE: ", which Lua cuts when it is long. */
static const char *without_position(const char *msg, int *out_line)
{
    for (const char *p = msg; (p = strchr(p, ':')) != NULL; p++) {
        char *end;
        long line = strtol(p + 1, &end, 10);
        if (end > p + 1 && end[0] == ':' && end[1] == ' ') {
            *out_line = (int)line;
            return end + 2;
        }
    }
    *out_line = 0;
    return msg;
}

static int load_text(lua_State *l, const struct hc_template_file *f)
{
    char name[HC_MAX_PATH_BYTES + 2];
    snprintf(name, sizeof(name), "@%.*s", HC_P(f->name));
    return luaL_loadbufferx(l, f->text.p ? f->text.p : "", f->text.n, name, "t");
}

enum hc_rc script_check(const struct hc_template_file *f, struct hc_err *err)
{
    struct hc_luabox *box = hc_luabox_new(HC_MAX_SCRIPT_BYTES);
    if (!box)
        return hc_fail_nomem(err);
    if (f->text.n > HC_MAX_SCRIPT_TEXT) {
        hc_luabox_free(box);
        return hc_fail(err, HC_E_LIMIT, "Lua template %.*s is over %zu bytes", HC_P(f->name), HC_MAX_SCRIPT_TEXT);
    }
    hc_luabox_for_people(box, HC_MAX_SCRIPT_TEXT, NULL);
    lua_State *l = hc_luabox_lua(box);
    int loaded = load_text(l, f), line;
    enum hc_rc rc = HC_OK;
    if (loaded == LUA_ERRSYNTAX) {
        const char *msg = without_position(lua_tostring(l, -1), &line);
        rc = hc_fail_at(err, HC_E_INPUT, f->name, line, 0, "parse error at (%.*s:%d): %s", HC_P(f->name), line,
                        msg);
    } else if (loaded == LUA_ERRRUN) { /* a ceiling of its parser, which knows no line then */
        const char *msg = lua_tostring(l, -1);
        if (!msg || strstr(msg, "stack overflow"))
            msg = "parentheses, tables, operators, blocks or functions are nested more than some 200 deep";
        rc = hc_fail_at(err, HC_E_LIMIT, f->name, 0, 0, "parse error at (%.*s): %s", HC_P(f->name), msg);
    } else if (loaded != LUA_OK) {
        rc = hc_fail_at(err, HC_E_LIMIT, f->name, 0, 0,
                        "Lua template %.*s is too large to be compiled: names, constants and code need more than "
                        "they may have",
                        HC_P(f->name));
    }
    hc_luabox_free(box);
    return rc;
}

/* ---- output ------------------------------------------------------------------------------------------ */

/* A text with the history of its values, for a trace. */
static struct hc_val *to_yaml(struct run *r, struct hc_val *v)
{
    size_t base = r->args_n;
    eval_push_arg(r, v);
    return hc_tv_node(eval_call_with(r, hc_func_find(HC_S("mustToYaml"), false), NULL, base));
}

/* For a trace, the line that gave it has printed it. */
static void put(struct run *r, struct hc_val *text)
{
    if (TRACED(r)) {
        script_trace_node(r);
        trace_print(r, text);
    }
    hc_buf_put(&r->out, hc_get_str(text));
}

static void put_plain(struct run *r, hc_str s)
{
    put(r, hc_str_val_ref(r->a, s));
}

static void put_document(struct run *r, struct hc_val *v, const char *what)
{
    if (hc_is_null(v))
        return;
    if (v->kind != HC_MAP || v->type >= HC_GO_CAPABILITIES)
        hc_run_fail(r, "%s is a %s, and a document is a map%s", what, hc_kind_name(v),
                    v->kind == HC_STR ? "; fromYaml makes one of a text" : "");
    if (r->out.n > r->f->mark)
        put_plain(r, HC_S("---\n"));
    put(r, to_yaml(r, v));
    put_plain(r, HC_S("\n"));
    check_output(r);
}

/* What a file gives: maps and lists of maps. */
static int put_documents(lua_State *l)
{
    struct run *r = run_of(l);
    char what[64];
    for (int i = 1; i <= lua_gettop(l); i++) {
        snprintf(what, sizeof(what), i == 1 ? "what the file returns" : "value %d of what the file returns", i);
        struct hc_val *v = hc_luaval_get_raises(l, i, false, what);
        if (!hc_is_list(v)) {
            put_document(r, v, what);
            continue;
        }
        for (size_t k = 0; k < hc_list_len(v); k++) {
            snprintf(what, sizeof(what), "entry %zu of what the file returns", k + 1);
            put_document(r, hc_list_at(v, k), what);
        }
    }
    return 0;
}

/* What a named template gives: a text as it is, a map or list as toYaml writes it. */
static int put_text(lua_State *l)
{
    struct run *r = run_of(l);
    struct hc_val *v = hc_luaval_get_raises(l, 1, false, "what the template returns");
    if (hc_is_null(v))
        return 0;
    if (TRACED(r))
        v = script_trace_given(r, v);
    if (v->kind == HC_STR) {
        put(r, v);
    } else if ((v->kind == HC_MAP && v->type < HC_GO_CAPABILITIES) || v->kind == HC_LIST) {
        put(r, to_yaml(r, v));
    } else {
        if (TRACED(r)) {
            script_trace_node(r);
            trace_print(r, v);
        }
        walk_print(r, v);
    }
    check_output(r);
    return 0;
}

static int wrap(lua_State *l)
{
    hc_luaval_push_raises(l, hc_tv_node(lua_touserdata(l, 1)));
    return 1;
}

/* ---- calls of templates ------------------------------------------------------------------------------ */

static hc_str text_arg(struct run *r, lua_State *l, const char *func, struct hc_val **out_data)
{
    struct hc_val *text = hc_luaval_get_raises(l, 1, false, "the name");
    eval_count_args(r, hc_str_of(func), "sa", (size_t)lua_gettop(l));
    if (!hc_is_str(text) || text->type != HC_GO_PLAIN)
        hc_run_fail(r, "wrong type for value; expected string; got %s", hc_kind_name(text));
    char what[64];
    snprintf(what, sizeof(what), "argument 2 of %s", func);
    *out_data = hc_luaval_get_raises(l, 2, false, what);
    if (hc_is_null(*out_data))
        *out_data = NULL;
    hc_luabox_charge_raises(r->m->sandbox, STEPS_CALL);
    return hc_get_str(text);
}

static const struct hc_node *called_here(struct run *r, const char *func)
{
    const struct hc_node *call = script_trace_call(r, hc_str_of(func));
    return call ? call : script_trace_node(r);
}

static int push_given(lua_State *l, struct run *r, const char *func, struct hc_val *v)
{
    if (TRACED(r))
        script_trace_result(r, hc_str_of(func), dep_of_node(r->trace, v));
    hc_luaval_push_raises(l, v);
    return 1;
}

static int include_enter(lua_State *l)
{
    struct run *r = run_of(l);
    struct hc_val *data;
    hc_str name = text_arg(r, l, "include", &data);
    r->at = NULL;
    uint32_t *active;
    struct tmpl *t = include_target(r, NULL, name, &active);
    const struct hc_node *call = TRACED(r) ? called_here(r, "include") : NULL;
    struct frame *f = frame_enter(r, FRAME_INCLUDE, lua_twin(r, t), call, data, NULL);
    f->active = active;
    ++*active;
    return push_body(r, l);
}

static int include_leave(lua_State *l)
{
    return push_given(l, run_of(l), "include", include_result(run_of(l)));
}

static int tpl_enter(lua_State *l)
{
    struct run *r = run_of(l);
    struct hc_val *data;
    hc_str text = text_arg(r, l, "tpl", &data);
    r->at = NULL;
    struct hc_val *s = hc_str_val_ref(r->a, text);
    if (TRACED(r))
        s = script_trace_argument(r, HC_S("tpl"), 0, s);
    struct hc_val *plain = tpl_plain(r, s);
    if (plain) { /* the text stands for itself */
        lua_pushnil(l);
        return 1 + push_given(l, r, "tpl", plain);
    }
    struct text *parsed = text_of(r, NULL, text);
    const struct hc_node *call = TRACED(r) ? called_here(r, "tpl") : NULL;
    tpl_frame(r, call, parsed, lua_twin(r, &parsed->tmpls[parsed->n - 1]), s, data);
    return push_body(r, l);
}

static int tpl_leave(lua_State *l)
{
    return push_given(l, run_of(l), "tpl", tpl_result(run_of(l)));
}

/* ---- files ------------------------------------------------------------------------------------------- */

static void push_rt(lua_State *l, int which)
{
    lua_getfield(l, LUA_REGISTRYINDEX, SCRIPT_RT);
    lua_rawgeti(l, -1, which);
    lua_remove(l, -2);
}

void script_push_main(struct run *r, lua_State *l, struct tmpl *t, hc_tv dot)
{
    uint32_t file = t->script - 1;
    lua_Integer key = func_key(t->index, 1);
    lua_getfield(l, LUA_REGISTRYINDEX, FUNCS_KEY);
    if (lua_rawgeti(l, -1, key) != LUA_TFUNCTION) {
        lua_pop(l, 1);
        if (load_text(l, &r->p->files[file]) != LUA_OK)
            lua_error(l); /* it was checked: memory */
        program_count();
        lua_pushvalue(l, -1);
        lua_rawseti(l, -3, key);
    }
    lua_remove(l, -2);
    script_push_env(r, l, file, dot);
    lua_setupvalue(l, -2, 1);
}

void script_push_body(struct run *r, lua_State *l, struct tmpl *t)
{
    if (t->index > r->p->tmpls_n) { /* defined in this run */
        lua_getfield(l, LUA_REGISTRYINDEX, FUNCS_KEY);
        lua_rawgeti(l, -1, func_key(t->index, 0));
        lua_remove(l, -2);
        return;
    }
    /* A file; when a template includes it by its name, it still sees its own chart. */
    push_rt(l, RT_FILE);
    script_push_main(r, l, t, file_context(r, t->script - 1));
    lua_call(l, 1, 1);
}

static struct tmpl *file_tmpl(struct run *r, uint32_t file)
{
    uint32_t entry;
    struct tmpl *t = program_find(r->p, r->p->files[file].name, &entry);
    return t && t->script == file + 1 ? t : NULL;
}

/* ---- named templates --------------------------------------------------------------------------------- */

struct tmpl *script_find(struct run *r, hc_str name, const struct tmpl *other)
{
    const struct hc_val *v = hc_map_get(r->script->defs, name);
    struct tmpl *t = v ? v->obj : NULL;
    if (!t || !other || other->script)
        return t;
    const struct tmpl *file = file_tmpl(r, t->script - 1);
    return file && file->index > other->index ? t : NULL; /* the last definition wins, as in Go */
}

int script_define(lua_State *l)
{
    struct run *r = run_of(l);
    uint32_t file = (uint32_t)lua_tointeger(l, lua_upvalueindex(1));
    const struct hc_template_file *f = &r->p->files[file];
    size_t n;
    if (lua_gettop(l) != 2 || lua_type(l, 1) != LUA_TSTRING || lua_type(l, 2) != LUA_TFUNCTION)
        hc_luaval_raise(l, "define takes a name and a function: define(\"app.labels\", function(dot) ... end)");
    if (!f->partial || !r->script->defining)
        hc_luaval_raise(
            l, "define is for files whose name begins with _, while they are loaded: others would define too late");
    const char *p = lua_tolstring(l, 1, &n);
    hc_luabox_charge_raises(r->m->sandbox, STEPS_CALL * 4);
    struct tmpl *t = HC_NEW(r->a, struct tmpl);
    struct hc_val *v = HC_NEW(r->a, struct hc_val);
    check_arena(r);
    t->tree = (struct hc_tree){ .name = hc_arena_str(r->a, hc_str_n(p, n)), .file = f->name, .text = f->text };
    t->slots = 1;
    t->script = file + 1;
    t->index = ++r->tmpls_n;
    v->kind = HC_OBJ;
    v->obj = t;
    hc_map_put_ref(r->a, r->script->defs, t->tree.name, v);
    check_arena(r);
    lua_getfield(l, LUA_REGISTRYINDEX, FUNCS_KEY);
    push_rt(l, RT_NAMED);
    lua_pushvalue(l, 2);
    lua_call(l, 1, 1);
    lua_rawseti(l, -2, func_key(t->index, 0));
    return 0;
}

/* ---- modules ----------------------------------------------------------------------------------------- */

/* The partial that `name` means in the chart of file `own`: "_helpers", "_helpers.lua", "sub/_x". */
static uint32_t find_module(struct run *r, lua_State *l, uint32_t own, hc_str name)
{
    const struct hc_template_file *files = r->p->files;
    hc_str base = files[own].base_path;
    for (uint32_t i = 0; i < r->p->files_n; i++) {
        if (!files[i].lua || !files[i].partial || !hc_str_eq(files[i].base_path, base))
            continue;
        hc_str rest = hc_str_sub(files[i].name, base.n + 1, files[i].name.n);
        if (hc_str_eq(rest, name) ||
            (rest.n == name.n + 4 && hc_str_starts(rest, name) && hc_str_ends(rest, HC_S(".lua"))))
            return i;
    }
    hc_luaval_raise(l, "require: there is no Lua file %.*s/%.*s.lua; its name has to begin with _", HC_P(base),
                    (int)HC_MIN(name.n, (size_t)200), name.p);
}

/* OWN, NAME: its main function to be run, or nil and what it gave. */
static int require_enter(lua_State *l)
{
    struct run *r = run_of(l);
    size_t n;
    if (lua_type(l, 2) != LUA_TSTRING)
        hc_luaval_raise(l, "require takes the name of a Lua file beside this one: require \"_helpers\"");
    const char *p = lua_tolstring(l, 2, &n);
    uint32_t own = (uint32_t)lua_tointeger(l, 1), file = find_module(r, l, own, hc_str_n(p, n));
    struct tmpl *t = file_tmpl(r, file);
    hc_luabox_charge_raises(r->m->sandbox, STEPS_CALL + r->p->files_n * 4);
    lua_getfield(l, LUA_REGISTRYINDEX, SCRIPT_MODULES);
    int kind = lua_rawgeti(l, -1, (lua_Integer)file + 1);
    if (kind == LUA_TBOOLEAN && !lua_toboolean(l, -1))
        hc_luaval_raise(l, "require: %.*s requires itself, over one or more files", HC_P(r->p->files[file].name));
    if (kind != LUA_TNIL) {
        lua_rawgeti(l, -1, 1);
        lua_pushnil(l);
        lua_insert(l, -2);
        return 2;
    }
    if (!t)
        hc_luaval_raise(l, "require: %.*s is defined twice", HC_P(r->p->files[file].name));
    lua_pushboolean(l, false);
    lua_rawseti(l, -3, (lua_Integer)file + 1);
    script_push_main(r, l, t, file_context(r, file));
    return 1;
}

/* OWN, NAME, what it gave. */
static int require_leave(lua_State *l)
{
    struct run *r = run_of(l);
    size_t n;
    const char *p = lua_tolstring(l, 2, &n);
    uint32_t file = find_module(r, l, (uint32_t)lua_tointeger(l, 1), hc_str_n(p, n));
    lua_settop(l, 3);
    lua_getfield(l, LUA_REGISTRYINDEX, SCRIPT_MODULES);
    lua_createtable(l, 1, 0);
    lua_pushvalue(l, 3);
    lua_rawseti(l, -2, 1);
    lua_rawseti(l, -2, (lua_Integer)file + 1);
    lua_settop(l, 3);
    return 1;
}

/* ---- a run ------------------------------------------------------------------------------------------- */

void script_open_raises(lua_State *l)
{
    hc_luaval_open_raises(l, &script_port);
    lua_createtable(l, 6, 0);
    int rt = lua_gettop(l);
    hc_rt_push_script_raises(l);
    lua_pushcfunction(l, put_documents);
    lua_pushcfunction(l, put_text);
    lua_pushcfunction(l, wrap);
    lua_pushcfunction(l, require_enter);
    lua_pushcfunction(l, require_leave);
    lua_call(l, 5, 4);
    for (int i = RT_SORT; i >= RT_FILE; i--)
        lua_rawseti(l, rt, i);
    lua_getglobal(l, "script_calls");
    lua_pushcfunction(l, include_enter);
    lua_pushcfunction(l, include_leave);
    lua_pushcfunction(l, tpl_enter);
    lua_pushcfunction(l, tpl_leave);
    lua_call(l, 4, 2);
    lua_rawseti(l, rt, RT_TPL);
    lua_rawseti(l, rt, RT_INCLUDE);
    lua_setfield(l, LUA_REGISTRYINDEX, SCRIPT_RT);
    script_open_names_raises(l);
}

/* Executes all partials, in the order in which they define. */
static int run_partials(lua_State *l)
{
    struct run *r = run_of(l);
    const struct hc_program *p = r->p;
    if (TRACED(r))
        script_trace_watch(r, l);
    lua_newtable(l);
    lua_setfield(l, LUA_REGISTRYINDEX, SCRIPT_MODULES);
    for (size_t k = 0; k < p->files_n; k++) {
        uint32_t i = p->order[k];
        struct tmpl *t = p->files[i].lua && p->files[i].partial ? file_tmpl(r, i) : NULL;
        if (!t)
            continue;
        lua_settop(l, 0);
        lua_getfield(l, LUA_REGISTRYINDEX, SCRIPT_MODULES);
        if (lua_rawgeti(l, -1, (lua_Integer)i + 1) != LUA_TNIL) /* another one has required it */
            continue;
        lua_pop(l, 1);
        lua_pushboolean(l, false);
        lua_rawseti(l, -2, (lua_Integer)i + 1);
        hc_tv dot = file_context(r, i);
        frame_enter(r, FRAME_FILE, t, NULL, dot, NULL); /* for positions in errors */
        script_push_main(r, l, t, dot);
        lua_call(l, 0, 1);
        frame_leave(r);
        lua_createtable(l, 1, 0);
        lua_insert(l, -2);
        lua_rawseti(l, -2, 1);
        lua_rawseti(l, -2, (lua_Integer)i + 1);
    }
    return 0;
}

void script_start(struct run *r)
{
    r->script = HC_NEW(r->a, struct script_run);
    check_arena(r);
    r->script->defs = hc_map_new(r->a);
    check_arena(r);
    r->script->defining = true;
    if (TRACED(r))
        script_trace_start(r);
    run_in_lua(r, run_partials);
    r->script->defining = false;
}
