#include "lua/rt/rt.h"

#include <lauxlib.h>
#include <lua.h>

extern const char hc_embed_template_lua[];
extern const size_t hc_embed_template_lua_size;
extern const char hc_embed_script_lua[];
extern const size_t hc_embed_script_lua_size;

void hc_rt_open_raises(lua_State *l)
{
    if (luaL_loadbufferx(l, hc_embed_template_lua, hc_embed_template_lua_size, HC_RT_TEMPLATE, "t") != LUA_OK)
        lua_error(l);
    lua_call(l, 0, 0);
}

void hc_rt_push_script_raises(lua_State *l)
{
    if (luaL_loadbufferx(l, hc_embed_script_lua, hc_embed_script_lua_size, HC_RT_SCRIPT, "t") != LUA_OK)
        lua_error(l);
}
