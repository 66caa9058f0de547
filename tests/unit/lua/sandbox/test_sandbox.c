/*
 * Budgets that stay spent, and every name a sandboxed chunk can reach.
 */
#include <lauxlib.h>
#include <lua.h>

#include "core/base/buf.h"
#include "lua/sandbox/sandbox.h"
#include "tests/unit/unit.h"

static int open_names(lua_State *l)
{
    hc_luabox_open_names_raises(hc_luabox_of(l));
    return 0;
}

static struct hc_luabox *box_new(size_t max_bytes, bool names)
{
    struct hc_luabox *s = hc_luabox_new(max_bytes);
    assert_non_null(s);
    if (names) {
        lua_pushcfunction(hc_luabox_lua(s), open_names);
        assert_int_equal(lua_pcall(hc_luabox_lua(s), 0, 0, 0), LUA_OK);
    }
    return s;
}

static int run(struct hc_luabox *s, const char *code)
{
    lua_State *l = hc_luabox_lua(s);
    lua_settop(l, 0);
    assert_int_equal(luaL_loadbufferx(l, code, strlen(code), "=test", "t"), LUA_OK);
    return lua_pcall(l, 0, 1, 0);
}

static void test_steps_stay_spent(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local function f() return pcall(f) end f() while true do end",
        "for i = 1, 1e9 do end",
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_luabox *s = box_new(0, true);
        hc_luabox_start(s, 1000000);
        assert_int_not_equal(run(s, rows[i]), LUA_OK);
        assert_int_equal(hc_luabox_spent(s), HC_SPENT_STEPS);
        assert_int_equal(hc_luabox_steps_left(s), 0);
        /* A new start is a new budget. */
        hc_luabox_start(s, 1000000);
        assert_int_equal(run(s, "return 1"), LUA_OK);
        assert_int_equal(hc_luabox_spent(s), HC_SPENT_NOTHING);
        hc_luabox_free(s);
    }
}

static int charge(lua_State *l)
{
    hc_luabox_charge_raises(hc_luabox_of(l), 600);
    return 0;
}

static void test_c_is_charged(void **state)
{
    (void)state;
    struct hc_luabox *s = box_new(0, true);
    lua_register(hc_luabox_lua(s), "charge", charge);
    hc_luabox_start(s, 1000);
    assert_int_equal(run(s, "charge()"), LUA_OK);
    assert_int_not_equal(run(s, "pcall(charge) return 1"), LUA_OK);
    assert_int_equal(hc_luabox_spent(s), HC_SPENT_STEPS);
    hc_luabox_free(s);
}

static void test_bytes(void **state)
{
    (void)state;
    struct hc_luabox *s = box_new(200000, true);
    assert_int_equal(run(s, "local t = {} for i = 1, 1e7 do t[i] = 'x' .. i end"), LUA_ERRMEM);
    assert_int_equal(hc_luabox_spent(s), HC_SPENT_BYTES);
    assert_true(hc_luabox_bytes(s) <= 200000);
    assert_int_not_equal(run(s, "return ('x'):len()"), LUA_OK); /* texts have no methods */
    assert_int_equal(run(s, "return string.rep('x', 1e8)"), LUA_ERRMEM);
    hc_luabox_free(s);
}

/* Names of a table, sorted, one table deep. */
static void put_names(struct hc_luabox *s, struct hc_buf *b)
{
    static const char list[] = "local all = {} "
                               "for k, v in next, _G do "
                               "  all[#all + 1] = k "
                               "  if type(v) == 'table' and v ~= _G then "
                               "    for n in next, v do all[#all + 1] = k .. '.' .. n end "
                               "  end "
                               "end "
                               "table.sort(all) return table.concat(all, ' ')";
    lua_State *l = hc_luabox_lua(s);
    lua_rawgeti(l, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_pushvalue(l, -1);
    lua_setfield(l, -2, "_G");
    lua_pop(l, 1);
    assert_int_equal(run(s, list), LUA_OK);
    hc_buf_puts(b, lua_tostring(l, -1));
    hc_buf_putc(b, 0);
}

static void test_names(void **state)
{
    (void)state;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    struct hc_luabox *s = box_new(0, false);
    lua_State *l = hc_luabox_lua(s);
    lua_rawgeti(l, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_pushnil(l);
    assert_int_equal(lua_next(l, -2), 0); /* nothing at all */
    hc_luabox_free(s);
    s = box_new(0, true);
    put_names(s, &b);
    assert_string_equal(
        b.p, "_G assert error ipairs math math.abs math.ceil math.floor math.fmod math.huge math.max "
             "math.maxinteger math.min math.mininteger math.modf math.pi math.tointeger math.type math.ult "
             "next pairs pcall rawequal rawget rawlen rawset select string string.byte string.char "
             "string.len string.lower string.rep string.reverse string.sub string.upper table table.concat "
             "table.insert table.pack table.remove table.sort table.unpack tonumber tostring type");
    hc_luabox_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_stay_spent),
        cmocka_unit_test(test_c_is_charged),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
