/*
 * Every name a Lua template can reach: an allow-list, held against tests/unit/templating/render/lua_names.txt.
 *
 * From Lua's own library only what is bounded by its input and is the same on every run: no pcall (an error ends the
 * render, as in a Go template), no load, no metatables, no coroutines, no patterns, no next (its order depends on
 * addresses), no addresses in tostring. Libraries are sealed, so that no file changes what another sees.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "lua/rt/rt.h"
#include "templating/render/lua_impl.h"

/* ---- Lua's own, charged ------------------------------------------------------------------------------- */

/* Upvalue 1: the function. Its arguments are charged: what it does is in proportion to them. */
static int charged(lua_State *l)
{
    lua_CFunction f = lua_tocfunction(l, lua_upvalueindex(1));
    uint64_t cost = STEPS_NODE;
    for (int i = 1; i <= lua_gettop(l); i++) {
        if (lua_type(l, i) == LUA_TSTRING || lua_type(l, i) == LUA_TTABLE)
            cost += lua_rawlen(l, i);
    }
    hc_luabox_charge_raises(run_of(l)->m->sandbox, cost);
    return f(l);
}

static int rep(lua_State *l)
{
    lua_CFunction f = lua_tocfunction(l, lua_upvalueindex(1));
    size_t n = 0, sep = 0;
    luaL_checklstring(l, 1, &n);
    luaL_optlstring(l, 3, "", &sep);
    lua_Integer times = luaL_checkinteger(l, 2);
    if (times > 0 &&
        (n + sep > HC_MAX_SCRIPT_TEXT || (uint64_t)times > HC_MAX_SCRIPT_TEXT / HC_MAX(n + sep, (size_t)1)))
        hc_luaval_raise(l, "string.rep would give a text of more than %zu bytes, the most for one",
                        HC_MAX_SCRIPT_TEXT);
    hc_luabox_charge_raises(run_of(l)->m->sandbox,
                            times > 0 ? (uint64_t)times * (n + sep) / 8 + STEPS_NODE : STEPS_NODE);
    return f(l);
}

static int to_text(lua_State *l)
{
    luaL_checkany(l, 1);
    lua_settop(l, 1);
    if (hc_luaval_is_null(l, 1))
        lua_pushliteral(l, "null");
    else if (lua_type(l, 1) == LUA_TUSERDATA && !hc_luaval_node(l, 1))
        lua_pushliteral(l, "library");
    else if (lua_type(l, 1) == LUA_TTABLE || lua_type(l, 1) == LUA_TFUNCTION)
        lua_pushstring(l, luaL_typename(l, 1));
    else
        luaL_tolstring(l, 1, NULL);
    return 1;
}

static int type_of(lua_State *l)
{
    luaL_checkany(l, 1);
    const struct hc_val *v = hc_luaval_node(l, 1);
    if (hc_luaval_is_null(l, 1))
        lua_pushliteral(l, "null");
    else if (v && (v->kind == HC_MAP || v->kind == HC_LIST))
        lua_pushliteral(l, "table");
    else
        lua_pushstring(l, luaL_typename(l, 1));
    return 1;
}

static int as_list(lua_State *l)
{
    hc_luaval_push_raises(l, hc_luaval_get_raises(l, 1, true, "the argument of aslist"));
    if (!hc_is_list(hc_luaval_node(l, -1)))
        hc_luaval_raise(l, "aslist wants a list, not a map or a %s", luaL_typename(l, 1));
    return 1;
}

static int as_map(lua_State *l)
{
    hc_luaval_push_raises(l, hc_luaval_get_raises(l, 1, false, "the argument of asmap"));
    if (!hc_is_map(hc_luaval_node(l, -1)))
        hc_luaval_raise(l, "asmap wants a map, not a list or a %s", luaL_typename(l, 1));
    return 1;
}

static int is_sealed(lua_State *l)
{
    hc_luaval_raise(l, "the libraries of Lua templates cannot be changed");
}

void script_seal(lua_State *l)
{
    lua_newuserdatauv(l, 0, 0);
    lua_createtable(l, 0, 4);
    lua_pushvalue(l, -3);
    lua_setfield(l, -2, "__index");
    lua_pushcfunction(l, is_sealed);
    lua_setfield(l, -2, "__newindex");
    lua_pushboolean(l, false);
    lua_setfield(l, -2, "__metatable");
    lua_pushliteral(l, "library");
    lua_setfield(l, -2, "__name");
    lua_setmetatable(l, -2);
    lua_remove(l, -2);
}

/* ---- functions of templates, when they are first named --------------------------------------------------- */

/* __index of the table that all files share, and of `fn`: makes the function and keeps it there. */
static int find_function(lua_State *l)
{
    struct run *r = run_of(l);
    size_t n;
    if (lua_type(l, 2) != LUA_TSTRING) {
        lua_pushnil(l);
        return 1;
    }
    const char *p = lua_tolstring(l, 2, &n);
    script_push_function(r, l, hc_str_n(p, n));
    if (!lua_isnil(l, -1) && lua_istable(l, 1)) {
        lua_pushvalue(l, 2);
        lua_pushvalue(l, -2);
        lua_rawset(l, 1);
    }
    return 1;
}

static void set_finder(lua_State *l)
{
    lua_createtable(l, 0, 2);
    lua_pushcfunction(l, find_function);
    lua_setfield(l, -2, "__index");
    lua_pushboolean(l, false);
    lua_setfield(l, -2, "__metatable");
    lua_setmetatable(l, -2);
}

/* ---- putting it together --------------------------------------------------------------------------------- */

static const struct {
    const char *table, *name; /* in Lua's own library; table NULL: a global */
} own_names[] = {
    { NULL, "assert" },      { NULL, "error" },        { NULL, "ipairs" },    { NULL, "select" },
    { NULL, "tonumber" },    { "math", "abs" },        { "math", "ceil" },    { "math", "floor" },
    { "math", "fmod" },      { "math", "huge" },       { "math", "max" },     { "math", "maxinteger" },
    { "math", "min" },       { "math", "mininteger" }, { "math", "modf" },    { "math", "pi" },
    { "math", "tointeger" }, { "math", "type" },       { "math", "ult" },     { "string", "byte" },
    { "string", "char" },    { "string", "len" },      { "string", "lower" }, { "string", "reverse" },
    { "string", "sub" },     { "string", "upper" },    { "table", "concat" }, { "table", "insert" },
    { "table", "pack" },     { "table", "remove" },    { "table", "unpack" },
};

/* Pushes it from the globals of the state, where the sandbox put its own list. */
static void push_own(lua_State *l, const char *table, const char *name)
{
    lua_pushglobaltable(l);
    if (table) {
        lua_getfield(l, -1, table);
        lua_remove(l, -2);
    }
    lua_getfield(l, -1, name);
    lua_remove(l, -2);
}

static void put_library(lua_State *l, const char *table)
{
    lua_newtable(l);
    for (size_t i = 0; i < HC_LEN(own_names); i++) {
        if (!own_names[i].table || strcmp(own_names[i].table, table) != 0)
            continue;
        push_own(l, table, own_names[i].name);
        if (lua_iscfunction(l, -1))
            lua_pushcclosure(l, charged, 1);
        lua_setfield(l, -2, own_names[i].name);
    }
    if (strcmp(table, "string") == 0) {
        push_own(l, table, "rep");
        lua_pushcclosure(l, rep, 1);
        lua_setfield(l, -2, "rep");
    }
    if (strcmp(table, "table") == 0) {
        lua_getfield(l, LUA_REGISTRYINDEX, SCRIPT_RT);
        lua_rawgeti(l, -1, RT_SORT);
        lua_setfield(l, -3, "sort");
        lua_pop(l, 1);
    }
    script_seal(l);
}

/* The methods of texts: ("x"):upper(). */
static void give_texts_methods(lua_State *l, int library)
{
    lua_pushliteral(l, "");
    lua_createtable(l, 0, 2);
    lua_pushvalue(l, library);
    lua_setfield(l, -2, "__index");
    lua_pushboolean(l, false);
    lua_setfield(l, -2, "__metatable");
    lua_setmetatable(l, -2);
    lua_pop(l, 1);
}

void script_open_names_raises(lua_State *l)
{
    static const char *const libraries[] = { "math", "string", "table" };
    hc_luabox_open_names_raises(hc_luabox_of(l));
    lua_newtable(l);
    int base = lua_gettop(l);
    for (size_t i = 0; i < HC_LEN(own_names); i++) {
        if (own_names[i].table)
            continue;
        push_own(l, NULL, own_names[i].name);
        lua_setfield(l, base, own_names[i].name);
    }
    for (size_t i = 0; i < HC_LEN(libraries); i++) {
        put_library(l, libraries[i]);
        if (strcmp(libraries[i], "string") == 0)
            give_texts_methods(l, lua_gettop(l));
        lua_setfield(l, base, libraries[i]);
    }
    static const luaL_Reg ours[] = {
        { "pairs", hc_luaval_pairs_raises },
        { "tostring", to_text },
        { "type", type_of },
        { "aslist", as_list },
        { "asmap", as_map },
    };
    for (size_t i = 0; i < HC_LEN(ours); i++) {
        lua_pushcfunction(l, ours[i].func);
        lua_setfield(l, base, ours[i].name);
    }
    hc_luaval_push_null(l);
    lua_setfield(l, base, "null");
    /* All functions by name, also those whose names are words of Lua: fn["repeat"]. */
    lua_newtable(l);
    set_finder(l);
    script_seal(l);
    lua_setfield(l, base, "fn");
    set_finder(l);
    lua_setfield(l, LUA_REGISTRYINDEX, SCRIPT_BASE);
}

/* What a file has besides. */
static const char *const builtins[] = { "Values", "Release",   "Chart",   "Capabilities",
                                        "Files",  "Subcharts", "Template" };

void script_push_env(struct run *r, lua_State *l, uint32_t file, hc_tv dot)
{
    struct hc_val *ctx = hc_tv_node(dot);
    lua_createtable(l, 0, 16);
    for (size_t i = 0; i < HC_LEN(builtins); i++) {
        if (r->p->files[file].partial && strcmp(builtins[i], "Template") == 0)
            continue;
        hc_luaval_push_raises(l, hc_map_getz(ctx, builtins[i]));
        lua_setfield(l, -2, builtins[i]);
    }
    hc_luaval_push_raises(l, ctx);
    lua_setfield(l, -2, "dot");
    lua_pushinteger(l, file);
    lua_pushcclosure(l, script_define, 1);
    lua_setfield(l, -2, "define");
    lua_getfield(l, LUA_REGISTRYINDEX, SCRIPT_RT);
    lua_rawgeti(l, -1, RT_REQUIRE);
    lua_pushinteger(l, file);
    lua_call(l, 1, 1);
    lua_setfield(l, -3, "require");
    lua_pop(l, 1);
    lua_createtable(l, 0, 2);
    lua_getfield(l, LUA_REGISTRYINDEX, SCRIPT_BASE);
    lua_setfield(l, -2, "__index");
    lua_pushboolean(l, false);
    lua_setfield(l, -2, "__metatable");
    lua_setmetatable(l, -2);
}

/* ---- the list -------------------------------------------------------------------------------------------- */

struct names {
    struct hc_arena *a;
    hc_str *items;
    size_t n, cap;
};

static void add_name(struct names *w, const char *table, const char *name)
{
    if (w->n < w->cap)
        w->items[w->n++] = hc_arena_printf(w->a, "%s%s%s", table, *table ? "." : "", name);
}

/* Of the table at the top; libraries lie sealed in it. */
static void add_names(lua_State *l, struct names *w, const char *table)
{
    lua_pushnil(l);
    while (lua_next(l, -2)) {
        char name[80];
        snprintf(name, sizeof(name), "%s", lua_tostring(l, -2));
        add_name(w, table, name);
        if (!*table && lua_type(l, -1) == LUA_TUSERDATA && lua_getmetatable(l, -1)) {
            lua_getfield(l, -1, "__index");
            add_names(l, w, name);
            lua_pop(l, 2);
        }
        lua_pop(l, 1);
    }
}

static int list_names(lua_State *l)
{
    struct names *w = lua_touserdata(l, 1);
    engine_open_raises(l);
    script_open_raises(l);
    lua_getfield(l, LUA_REGISTRYINDEX, SCRIPT_BASE);
    add_names(l, w, "");
    return 0;
}

static int by_name(const void *x, const void *y)
{
    return hc_str_cmp(*(const hc_str *)x, *(const hc_str *)y);
}

enum hc_rc hc_lua_template_names(struct hc_buf *b, struct hc_err *err)
{
    static const char *const of_a_file[] = { "define", "dot", "require" };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_luabox *box = hc_luabox_new(HC_MAX_SCRIPT_BYTES);
    struct names w = { .a = a, .cap = 1000, .items = HC_NEW_N(a, hc_str, 1000) };
    size_t n;
    const struct hc_func *funcs = hc_func_table(&n);
    enum hc_rc rc = box && w.items ? HC_OK : hc_fail_nomem(err);
    if (rc == HC_OK) {
        lua_State *l = hc_luabox_lua(box);
        lua_pushcfunction(l, list_names);
        lua_pushlightuserdata(l, &w);
        if (lua_pcall(l, 1, 0, 0) != LUA_OK)
            rc = hc_fail(err, HC_E_BUG, "%s", lua_tostring(l, -1));
    }
    hc_luabox_free(box);
    for (size_t i = 0; i < HC_LEN(builtins); i++)
        add_name(&w, "", builtins[i]);
    for (size_t i = 0; i < HC_LEN(of_a_file); i++)
        add_name(&w, "", of_a_file[i]);
    for (size_t i = 0; i < n; i++)
        add_name(&w, "", funcs[i].name);
    for (int own = OWN_NONE + 1; own <= OWN_REQUIRED; own++)
        add_name(&w, "", own_func_name((enum own_func)own));
    qsort(w.items, w.n, sizeof(*w.items), by_name);
    for (size_t i = 0; i < w.n; i++)
        if (i == 0 || !hc_str_eq(w.items[i], w.items[i - 1]))
            hc_buf_printf(b, "%.*s\n", HC_P(w.items[i]));
    return rc == HC_OK ? hc_arena_check(a, err, "names") : rc;
}
