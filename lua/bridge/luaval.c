/*
 * Userdata in front of nodes, and tables to nodes. A table is walked with a stack of our own. Its keys are sorted: Lua's
 * order of keys depends on addresses, and output must not.
 */
#include "lua/bridge/luaval.h"

#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/base/limits.h"

#define META     "hc.value"
#define PORT_KEY "hc.value.port"

enum { STEPS_ENTRY = 60, PATH_MOST = 10 /* of a path in an error */ };

static char null_mark;

static const struct hc_luaval_port *port_of(lua_State *l)
{
    lua_getfield(l, LUA_REGISTRYINDEX, PORT_KEY);
    const struct hc_luaval_port *p = lua_touserdata(l, -1);
    lua_pop(l, 1);
    return p;
}

void hc_luaval_raise(lua_State *l, const char *fmt, ...)
{
    char text[HC_ERR_MSG];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    lua_pushstring(l, text);
    lua_error(l);
    __builtin_unreachable();
}

static void check(lua_State *l, struct hc_arena *a)
{
    if (hc_arena_spent(a))
        hc_luaval_raise(l, "not enough memory");
}

/* ---- to Lua ------------------------------------------------------------------------------------------ */

void hc_luaval_push_null(lua_State *l)
{
    lua_pushlightuserdata(l, &null_mark);
}

bool hc_luaval_is_null(lua_State *l, int i)
{
    return lua_islightuserdata(l, i) && lua_touserdata(l, i) == &null_mark;
}

static void push_node(lua_State *l, struct hc_val *v)
{
    struct hc_val **box = lua_newuserdatauv(l, sizeof(struct hc_val *), 0);
    *box = v;
    luaL_setmetatable(l, META);
}

void hc_luaval_push_raises(lua_State *l, struct hc_val *v)
{
    switch (hc_kind_of(v)) {
    case HC_NULL:
        hc_luaval_push_null(l);
        return;
    case HC_BOOL:
        lua_pushboolean(l, v->b);
        return;
    case HC_STR:
        lua_pushlstring(l, v->s ? v->s : "", v->n);
        return;
    case HC_INT:
        if (v->type == HC_GO_PLAIN || v->type == HC_GO_INT) {
            lua_pushinteger(l, v->i);
            return;
        }
        break;
    case HC_FLOAT:
        if (v->f == floor(v->f) && fabs(v->f) < 9007199254740992.0)
            lua_pushinteger(l, (lua_Integer)v->f);
        else
            lua_pushnumber(l, v->f);
        return;
    default:
        break;
    }
    push_node(l, v);
}

struct hc_val *hc_luaval_node(lua_State *l, int i)
{
    struct hc_val **box = luaL_testudata(l, i, META);
    return box ? *box : NULL;
}

/* ---- to nodes ---------------------------------------------------------------------------------------- */

struct level {
    struct hc_val *node;
    hc_str *keys; /* map; NULL: a list */
    uint32_t n, at;
};

struct walk {
    lua_State *l;
    struct hc_arena *a;
    const struct hc_luaval_port *port;
    const char *what;
    struct level levels[HC_MAX_SCRIPT_DEPTH];
    size_t depth;
    bool followed;
};

/* "what: spec.containers[2]: " */
static void put_path(const struct walk *w, struct hc_buf *b)
{
    hc_buf_puts(b, w->what);
    const char *between = ": ";
    for (size_t i = 0; i < w->depth; i++) {
        const struct level *v = &w->levels[i];
        if (v->at >= v->n)
            break;
        if (i == PATH_MOST) {
            hc_buf_puts(b, "...");
            break;
        }
        if (v->keys)
            hc_buf_printf(b, "%s%.*s", between, (int)HC_MIN(v->keys[v->at].n, (size_t)64), v->keys[v->at].p);
        else
            hc_buf_printf(b, "%s[%u]", i == 0 ? ": " : "", v->at + 1);
        between = ".";
    }
}

static HC_NORETURN HC_PRINTF(2, 3) void raise_in(const struct walk *w, const char *fmt, ...)
{
    char text[300], where[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    struct hc_buf b;
    hc_buf_init(&b, 0);
    put_path(w, &b);
    snprintf(where, sizeof(where), "%.*s", HC_P(hc_buf_str(&b)));
    hc_buf_done(&b); /* raising unwinds nothing */
    hc_luaval_raise(w->l, "%s: %s", where, text);
}

/* A value that is no table. */
static struct hc_val *scalar(struct walk *w, int i)
{
    lua_State *l = w->l;
    struct hc_val *v;
    size_t n;
    switch (lua_type(l, i)) {
    case LUA_TBOOLEAN:
        return hc_bool_val(w->a, lua_toboolean(l, i));
    case LUA_TNUMBER:
        if (!lua_isinteger(l, i))
            return hc_float_val(w->a, lua_tonumber(l, i));
        v = hc_int_val(w->a, lua_tointeger(l, i));
        if (v)
            v->type = HC_GO_INT;
        return v;
    case LUA_TSTRING: {
        const char *p = lua_tolstring(l, i, &n);
        w->port->charge_raises(l, n / 8);
        return hc_str_val(w->a, hc_str_n(p, n));
    }
    default:
        break;
    }
    if (hc_luaval_is_null(l, i))
        return hc_null_val(w->a);
    v = hc_luaval_node(l, i);
    if (!v)
        raise_in(w, "a %s is no value: only texts, numbers, bools, null, tables and values of the chart are",
                 luaL_typename(l, i));
    return v;
}

static int by_bytes(const void *x, const void *y)
{
    return hc_str_cmp(*(const hc_str *)x, *(const hc_str *)y);
}

/* Counts and classifies the keys of the table at the top. */
static void classify(struct walk *w, uint32_t *out_n, bool *out_list)
{
    lua_State *l = w->l;
    uint64_t positions = 0, names = 0;
    lua_Integer highest = 0;
    lua_pushnil(l);
    while (lua_next(l, -2)) {
        lua_pop(l, 1);
        if (lua_isinteger(l, -1)) {
            positions++;
            highest = HC_MAX(highest, lua_tointeger(l, -1));
            if (lua_tointeger(l, -1) < 1)
                raise_in(w,
                         "a table with the key %lld is neither a list nor a map; a map has texts as keys, "
                         "tostring() makes them",
                         (long long)lua_tointeger(l, -1));
        } else if (lua_type(l, -1) == LUA_TSTRING) {
            names++;
        } else {
            raise_in(w, "a table has a %s as key; a map has texts as keys", luaL_typename(l, -1));
        }
        if (positions && names)
            raise_in(w, "a table has both positions and names as keys, so it is neither a list nor a map");
        if ((positions + names) % 1000 == 0)
            w->port->charge_raises(l, 1000 * STEPS_ENTRY);
    }
    w->port->charge_raises(l, (positions + names) % 1000 * STEPS_ENTRY);
    if (positions && (uint64_t)highest != positions)
        raise_in(w, "a list has holes: %llu entries, and the last is at %lld; null stands for nothing in a list",
                 (unsigned long long)positions, (long long)highest);
    if (positions + names > HC_MAX_CALL_ENTRIES)
        raise_in(w, "a table of more than %u entries", HC_MAX_CALL_ENTRIES);
    *out_n = (uint32_t)(positions + names);
    *out_list = positions > 0;
}

/* Enters the table at the top of the stack, which stays there. */
static void enter(struct walk *w, bool want_list)
{
    lua_State *l = w->l;
    if (w->depth == HC_MAX_SCRIPT_DEPTH)
        raise_in(w, "tables are nested more than %u deep, or one is inside itself", HC_MAX_SCRIPT_DEPTH);
    uint32_t n;
    bool list;
    luaL_checkstack(l, 4, "table");
    classify(w, &n, &list);
    struct level *v = &w->levels[w->depth++];
    *v = (struct level){ .n = n };
    if (list || (n == 0 && want_list)) {
        v->node = hc_list_new(w->a);
        return;
    }
    v->node = hc_map_new(w->a);
    v->keys = HC_NEW_N(w->a, hc_str, n + 1);
    check(l, w->a);
    size_t i = 0, len;
    lua_pushnil(l);
    while (lua_next(l, -2)) {
        lua_pop(l, 1);
        const char *p = lua_tolstring(l, -1, &len);
        v->keys[i++] = hc_arena_str(w->a, hc_str_n(p, len));
    }
    check(l, w->a);
    qsort(v->keys, n, sizeof(*v->keys), by_bytes);
}

/* The table is at the top. */
static void add(struct walk *w, struct hc_val *item)
{
    struct level *v = &w->levels[w->depth - 1];
    if (w->followed)
        item = w->port->entry_raises(w->l, v->keys ? v->keys[v->at] : (hc_str){ NULL, 0 }, v->at + 1, item);
    if (v->keys)
        hc_map_put_ref(w->a, v->node, v->keys[v->at], item);
    else
        hc_list_add(w->a, v->node, item);
    check(w->l, w->a);
    v->at++;
}

struct hc_val *hc_luaval_get_raises(lua_State *l, int i, bool want_list, const char *what)
{
    struct walk w = { .l = l, .port = port_of(l), .what = what };
    w.a = w.port->arena(l);
    if (lua_isnoneornil(l, i))
        return NULL;
    if (!lua_istable(l, i)) {
        struct hc_val *v = scalar(&w, i);
        check(l, w.a);
        return v;
    }
    w.followed = w.port->is_followed && w.port->is_followed(l);
    lua_pushvalue(l, i);
    enter(&w, want_list);
    for (;;) {
        struct level *v = &w.levels[w.depth - 1];
        if (v->at == v->n) {
            struct hc_val *done = v->node;
            lua_pop(l, 1);
            if (--w.depth == 0)
                return done;
            add(&w, done);
            continue;
        }
        if (v->keys) {
            lua_pushlstring(l, v->keys[v->at].p, v->keys[v->at].n);
            lua_rawget(l, -2);
        } else {
            lua_rawgeti(l, -1, v->at + 1);
        }
        if (lua_istable(l, -1)) {
            enter(&w, false);
            continue;
        }
        struct hc_val *item = scalar(&w, -1);
        lua_pop(l, 1);
        add(&w, item);
    }
}

/* ---- fields ------------------------------------------------------------------------------------------ */

static bool is_struct(const struct hc_val *v)
{
    return v->kind == HC_OBJ || (v->kind == HC_MAP && v->type >= HC_GO_CAPABILITIES);
}

static void push_entry(lua_State *l, const struct hc_luaval_port *port, struct hc_val *v, hc_str name,
                       struct hc_val *entry)
{
    if (port->read)
        port->read(l, v, name, entry);
    hc_luaval_push_raises(l, entry);
}

static int get_index(lua_State *l)
{
    struct hc_val *v = hc_luaval_node(l, 1);
    const struct hc_luaval_port *port = port_of(l);
    port->charge_raises(l, 4);
    if (lua_isinteger(l, 2) && hc_is_list(v)) {
        lua_Integer i = lua_tointeger(l, 2);
        if (i < 1 || (lua_Unsigned)i > hc_list_len(v))
            lua_pushnil(l);
        else
            push_entry(l, port, v, (hc_str){ NULL, 0 }, hc_list_at(v, (size_t)i - 1));
        return 1;
    }
    if (lua_type(l, 2) != LUA_TSTRING) {
        lua_pushnil(l);
        return 1;
    }
    size_t n;
    const char *p = lua_tolstring(l, 2, &n);
    hc_str name = hc_str_n(p, n);
    struct hc_entry *e = v->kind == HC_MAP && v->map ? hc_map_find(v, name) : NULL;
    if (e) {
        push_entry(l, port, v, name, e->val);
        return 1;
    }
    if (port->method_raises(l, v, name))
        return 1;
    if (port->read && v->kind == HC_MAP)
        port->read(l, v, name, NULL);
    if (is_struct(v))
        hc_luaval_raise(l, "there is no field or method %.*s here", (int)HC_MIN(n, (size_t)100), p);
    lua_pushnil(l);
    return 1;
}

static int set_index(lua_State *l)
{
    struct hc_val *v = hc_luaval_node(l, 1);
    const struct hc_luaval_port *port = port_of(l);
    struct hc_arena *a = port->arena(l);
    port->charge_raises(l, STEPS_ENTRY);
    bool map = v->kind == HC_MAP && (v->type == HC_GO_PLAIN || v->type == HC_GO_VALUES) && v->map;
    bool list = v->kind == HC_LIST && v->type == HC_GO_PLAIN && v->list;
    if (!map && !list)
        hc_luaval_raise(l, "this value cannot be changed");
    struct hc_val *to = hc_luaval_get_raises(l, 3, false, "the value to be stored");
    if (map) {
        size_t n;
        if (lua_type(l, 2) != LUA_TSTRING)
            hc_luaval_raise(l, "a map has texts as keys, not a %s", luaL_typename(l, 2));
        const char *p = lua_tolstring(l, 2, &n);
        if (to)
            hc_map_put(a, v, hc_str_n(p, n), to);
        else
            hc_map_del(v, hc_str_n(p, n));
        check(l, a);
        return 0;
    }
    lua_Integer i = lua_isinteger(l, 2) ? lua_tointeger(l, 2) : 0, n = (lua_Integer)v->list->n;
    if (to && i == n + 1)
        hc_list_add(a, v, to);
    else if (to && i >= 1 && i <= n)
        v->list->items[i - 1] = to;
    else if (!to && i == n && n > 0)
        v->list->n--;
    else if (!lua_isinteger(l, 2))
        hc_luaval_raise(l, "a list has places, 1 to %lld, and no names to store to", (long long)n);
    else if (to || i < 1 || i <= n)
        hc_luaval_raise(l, "a list of %lld entries has no place %lld to store to; null stands for nothing",
                        (long long)n, (long long)i);
    check(l, a);
    return 0;
}

static int get_length(lua_State *l)
{
    struct hc_val *v = hc_luaval_node(l, 1);
    if (v->kind == HC_LIST || v->kind == HC_MAP)
        lua_pushinteger(l, (lua_Integer)(v->kind == HC_LIST ? hc_list_len(v) : hc_map_len(v)));
    else
        hc_luaval_raise(l, "this value has no length");
    return 1;
}

static int is_equal(lua_State *l)
{
    struct hc_val *x = hc_luaval_node(l, 1), *y = hc_luaval_node(l, 2);
    bool same = x == y;
    if (x && y && x->kind == y->kind)
        same = same || (x->kind == HC_MAP && x->map == y->map) || (x->kind == HC_LIST && x->list == y->list);
    lua_pushboolean(l, same);
    return 1;
}

static int to_text(lua_State *l)
{
    port_of(l)->print_raises(l, hc_luaval_node(l, 1));
    return 1;
}

/* ---- pairs ------------------------------------------------------------------------------------------- */

/* Upvalues: the table or value, the sorted keys, how many, the next. */
static int next_pair(lua_State *l)
{
    lua_Integer n = lua_tointeger(l, lua_upvalueindex(3)), at = lua_tointeger(l, lua_upvalueindex(4));
    while (at <= n) {
        lua_rawgeti(l, lua_upvalueindex(2), at++);
        lua_pushvalue(l, -1);
        lua_gettable(l, lua_upvalueindex(1));
        if (!lua_isnil(l, -1)) { /* taken out meanwhile */
            lua_pushinteger(l, at);
            lua_replace(l, lua_upvalueindex(4));
            return 2;
        }
        lua_pop(l, 2);
    }
    lua_pushnil(l);
    return 1;
}

struct key {
    bool number;
    lua_Number f;
    hc_str s; /* of a string that the table of keys holds */
    int at;
};

static int by_key(const void *x, const void *y)
{
    const struct key *a = x, *b = y;
    if (a->number != b->number)
        return a->number ? -1 : 1;
    if (a->number)
        return a->f < b->f ? -1 : a->f > b->f;
    return hc_str_cmp(a->s, b->s);
}

/* Numbers first, then texts by their bytes. Other keys have no order of their own. */
static void sort_keys(lua_State *l, int unsorted, lua_Integer n)
{
    struct key *keys = lua_newuserdatauv(l, (size_t)(n + 1) * sizeof(*keys), 0);
    for (lua_Integer i = 0; i < n; i++) {
        lua_rawgeti(l, unsorted, i + 1);
        keys[i] = (struct key){ .at = (int)(i + 1) };
        if (lua_type(l, -1) == LUA_TNUMBER) {
            keys[i].number = true;
            keys[i].f = lua_tonumber(l, -1);
        } else if (lua_type(l, -1) == LUA_TSTRING) {
            keys[i].s.p = lua_tolstring(l, -1, &keys[i].s.n);
        } else {
            hc_luaval_raise(l, "pairs: a table with a %s as key has no order; use texts or numbers",
                            luaL_typename(l, -1));
        }
        lua_pop(l, 1);
    }
    qsort(keys, (size_t)n, sizeof(*keys), by_key);
    lua_createtable(l, (int)n, 0);
    for (lua_Integer i = 0; i < n; i++) {
        lua_rawgeti(l, unsorted, keys[i].at);
        lua_rawseti(l, -2, i + 1);
    }
}

int hc_luaval_pairs_raises(lua_State *l)
{
    const struct hc_luaval_port *port = port_of(l);
    struct hc_val *v = hc_luaval_node(l, 1);
    lua_settop(l, 1);
    lua_Integer n = 0;
    lua_newtable(l); /* keys, as they come */
    if (v && v->kind == HC_LIST) {
        n = (lua_Integer)hc_list_len(v);
        port->charge_raises(l, (uint64_t)n * 8);
        for (lua_Integer i = 1; i <= n; i++) {
            lua_pushinteger(l, i);
            lua_rawseti(l, 2, i);
        }
    } else if (v && v->kind == HC_MAP) {
        port->charge_raises(l, (uint64_t)hc_map_len(v) * 8);
        for (size_t i = 0; i < hc_map_len(v); i++) {
            hc_str key = hc_map_at(v, i)->key;
            lua_pushlstring(l, key.p ? key.p : "", key.n);
            lua_rawseti(l, 2, ++n);
        }
    } else if (lua_istable(l, 1)) {
        lua_pushnil(l);
        while (lua_next(l, 1)) {
            lua_pop(l, 1);
            lua_pushvalue(l, -1);
            lua_rawseti(l, 2, ++n);
            if (n % 1000 == 0)
                port->charge_raises(l, 8000);
        }
    } else {
        hc_luaval_raise(l, "pairs wants a table, a map or a list, not a %s",
                        hc_luaval_is_null(l, 1) ? "null" : luaL_typename(l, 1));
    }
    if (!v || v->kind == HC_MAP)
        sort_keys(l, 2, n);
    int sorted = lua_gettop(l);
    lua_pushvalue(l, 1);
    lua_pushvalue(l, sorted);
    lua_pushinteger(l, n);
    lua_pushinteger(l, 1);
    lua_pushcclosure(l, next_pair, 4);
    return 1;
}

/* ---- opening ----------------------------------------------------------------------------------------- */

void hc_luaval_open_raises(lua_State *l, const struct hc_luaval_port *port)
{
    static const luaL_Reg events[] = {
        { "__index", get_index }, { "__newindex", set_index }, { "__len", get_length },
        { "__eq", is_equal },     { "__tostring", to_text },   { NULL, NULL },
    };
    union {
        const struct hc_luaval_port *in;
        void *out;
    } p = { .in = port };
    lua_pushlightuserdata(l, p.out);
    lua_setfield(l, LUA_REGISTRYINDEX, PORT_KEY);
    luaL_newmetatable(l, META);
    luaL_setfuncs(l, events, 0);
    lua_pushliteral(l, "chart"); /* "attempt to call a chart value" */
    lua_setfield(l, -2, "__name");
    lua_pushboolean(l, false);
    lua_setfield(l, -2, "__metatable");
    lua_pop(l, 1);
}
