/*
 * The count hook fires every STRIDE instructions; once the steps are spent it fires at every instruction, so that
 * a pcall in the sandboxed code catches the error only to meet it again. Bytes are counted in lua_Alloc; Lua asks
 * its collector for help before it reports that memory is gone.
 */
#include "lua/sandbox/sandbox.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

struct hc_luabox {
    uint64_t steps_left;
    size_t bytes, max_bytes, max_piece;
    uint64_t seen_ns; /* processor time at the last look; 0: nobody looks */
    bool timed;
    void (*on_full)(void *user); /* NULL: nobody wants to know */
    enum hc_spent spent;
    bool was_full;
    lua_Hook watch; /* NULL: nobody follows it */
    void *user;
    lua_State *l;
};

enum { STRIDE = 1000, NS_PER_STEP = 8 };

static void *full(struct hc_luabox *s, enum hc_spent why)
{
    s->spent = why;
    s->was_full |= why == HC_SPENT_BYTES;
    if (s->on_full && s->user)
        s->on_full(s->user);
    return NULL;
}

static void *allocate(void *ud, void *p, size_t old, size_t size)
{
    struct hc_luabox *s = ud;
    size_t was = p ? old : 0; /* without a block, `old` is a type tag */
    if (size == 0) {
        free(p);
        s->bytes -= was;
        return NULL;
    }
    if (__builtin_expect(size > s->max_piece, 0))
        return full(s, HC_SPENT_PIECE);
    if (size > was && size - was > s->max_bytes - HC_MIN(s->bytes, s->max_bytes))
        return full(s, HC_SPENT_BYTES);
    void *grown = hc_realloc(p, size);
    if (grown)
        s->bytes += size - was;
    if (grown && s->spent == HC_SPENT_BYTES)
        s->spent = HC_SPENT_NOTHING; /* the collector has found room */
    return grown;
}

void hc_luabox_look(struct hc_luabox *s)
{
    if (s->timed)
        s->seen_ns = hc_thread_cpu_ns();
}

/* What the last instructions cost: their number, or more when they took long (a comparison of two long texts is one). */
static uint64_t stride_cost(struct hc_luabox *s)
{
    if (!s->timed)
        return STRIDE;
    uint64_t before = s->seen_ns;
    hc_luabox_look(s);
    return HC_MAX((s->seen_ns - before) / NS_PER_STEP, (uint64_t)STRIDE);
}

static void on_event(lua_State *l, lua_Debug *ar);

static void set_hook(struct hc_luabox *s, int count)
{
    lua_sethook(s->l, on_event, LUA_MASKCOUNT | (s->watch ? LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE : 0), count);
}

static void on_event(lua_State *l, lua_Debug *ar)
{
    struct hc_luabox *s = hc_luabox_of(l);
    if (__builtin_expect(ar->event != LUA_HOOKCOUNT, 0)) {
        if (s->watch)
            s->watch(l, ar);
        hc_luabox_look(s);
        return;
    }
    uint64_t cost = stride_cost(s);
    if (s->spent != HC_SPENT_STEPS && s->steps_left > cost) {
        s->steps_left -= cost;
        return;
    }
    s->steps_left = 0;
    s->spent = HC_SPENT_STEPS;
    set_hook(s, 1);
    luaL_error(l, "step budget spent");
}

struct hc_luabox *hc_luabox_new(size_t max_bytes)
{
    struct hc_luabox *s = hc_calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->max_bytes = max_bytes ? max_bytes : HC_MAX_LUA_BYTES;
    s->max_piece = SIZE_MAX;
    s->l = lua_newstate(allocate, s);
    if (!s->l) {
        free(s);
        return NULL;
    }
    *(struct hc_luabox **)lua_getextraspace(s->l) = s;
    /* A render makes little garbage and is short: collect late, memory is bounded anyway. */
    lua_gc(s->l, LUA_GCINC, 1000, 200, 0);
    hc_luabox_start(s, HC_MAX_RENDER_STEPS);
    return s;
}

void hc_luabox_free(struct hc_luabox *s)
{
    if (!s)
        return;
    lua_close(s->l);
    free(s);
}

lua_State *hc_luabox_lua(struct hc_luabox *s)
{
    return s->l;
}

struct hc_luabox *hc_luabox_of(lua_State *l)
{
    return *(struct hc_luabox **)lua_getextraspace(l);
}

void hc_luabox_set_user(struct hc_luabox *s, void *user)
{
    s->user = user;
}

void *hc_luabox_user(const struct hc_luabox *s)
{
    return s->user;
}

void hc_luabox_for_people(struct hc_luabox *s, size_t max_piece, void (*on_full)(void *user))
{
    s->timed = true;
    s->on_full = on_full;
    s->max_piece = max_piece;
    lua_gc(s->l, LUA_GCINC, 200, 100, 0); /* what people write makes garbage */
}

void hc_luabox_watch(struct hc_luabox *s, void (*watch)(lua_State *l, lua_Debug *ar))
{
    s->watch = watch;
    set_hook(s, STRIDE);
}

void hc_luabox_start(struct hc_luabox *s, uint64_t steps)
{
    hc_luabox_look(s);
    s->steps_left = steps;
    s->spent = HC_SPENT_NOTHING;
    s->was_full = false;
    set_hook(s, STRIDE);
}

bool hc_luabox_was_full(const struct hc_luabox *s)
{
    return s->was_full;
}

enum hc_spent hc_luabox_spent(const struct hc_luabox *s)
{
    return s->spent;
}

uint64_t hc_luabox_steps_left(const struct hc_luabox *s)
{
    return s->steps_left;
}

size_t hc_luabox_bytes(const struct hc_luabox *s)
{
    return s->bytes;
}

void hc_luabox_charge_raises(struct hc_luabox *s, uint64_t steps)
{
    if (s->steps_left > steps) {
        s->steps_left -= steps;
        return;
    }
    s->steps_left = 0;
    s->spent = HC_SPENT_STEPS;
    set_hook(s, 1);
    luaL_error(s->l, "step budget spent");
}

/*
 * No xpcall: its handler runs while the hook that raised the error is still running, and Lua calls no hook from
 * within a hook, so a handler that loops would never be stopped. No setmetatable, for the same reason (__gc, __close).
 */
/* ---- names ----------------------------------------------------------------------------------------- */

static const struct {
    const char *table; /* NULL: a global */
    lua_CFunction open;
    const char *names; /* separated by a space */
} allowed[] = {
    { NULL, luaopen_base,
      "assert error ipairs next pairs pcall rawequal rawget rawlen rawset select tonumber tostring "
      "type" },
    { "math", luaopen_math, "abs ceil floor fmod huge max maxinteger min mininteger modf pi tointeger type ult" },
    { "string", luaopen_string, "byte char len lower rep reverse sub upper" },
    { "table", luaopen_table, "concat insert pack remove sort unpack" },
};

void hc_luabox_open_names_raises(struct hc_luabox *s)
{
    lua_State *l = s->l;
    lua_newtable(l); /* the globals to be */
    for (size_t i = 0; i < HC_LEN(allowed); i++) {
        /* Each library is opened against globals of its own, which are then dropped. */
        lua_newtable(l);
        lua_rawgeti(l, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
        lua_pushvalue(l, -2);
        lua_rawseti(l, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
        lua_pushcfunction(l, allowed[i].open);
        lua_pushnil(l);
        lua_call(l, 1, 1);
        lua_insert(l, -2);
        lua_rawseti(l, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
        if (allowed[i].table)
            lua_newtable(l);
        else
            lua_pushvalue(l, -3);
        hc_str rest = hc_str_of(allowed[i].names), name;
        while (hc_str_split(&rest, ' ', &name)) {
            lua_pushlstring(l, name.p, name.n);
            lua_pushvalue(l, -1);
            lua_rawget(l, -4);
            lua_rawset(l, -3);
        }
        if (allowed[i].table)
            lua_setfield(l, -4, allowed[i].table);
        else
            lua_pop(l, 1);
        lua_pop(l, 2); /* the library, its globals */
    }
    /* Into the real globals, which the sandbox's owner may have filled already. */
    lua_rawgeti(l, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_pushnil(l);
    while (lua_next(l, -3)) {
        lua_pushvalue(l, -2);
        lua_insert(l, -2);
        lua_rawset(l, -4);
    }
    lua_pop(l, 2);
    /* luaopen_string gave all strings a metatable with its whole table behind it. */
    lua_pushliteral(l, "");
    lua_pushnil(l);
    lua_setmetatable(l, -2);
    lua_pop(l, 1);
}
