#include "lua/rt/rt.h"

#include <lauxlib.h>
#include <lua.h>

extern const char hc_embed_template_lua[];
extern const size_t hc_embed_template_lua_size;

void hc_rt_open_raises(lua_State *l)
{
    if (luaL_loadbufferx(l, hc_embed_template_lua, hc_embed_template_lua_size, "=rt/template.lua", "t") != LUA_OK)
        lua_error(l);
    lua_call(l, 0, 0);
}
