#pragma once
/*
 * lua/rt/rt.h - the part of the template run time that is Lua
 *
 * Calls of templates are made here, Lua calling Lua, because C calling Lua is bounded at 200 levels and an include
 * may be 1000 deep.
 */
struct lua_State;

/*
 * Defines the globals include, tpl, template and script_calls. They use the C functions include_enter, include_leave,
 * tpl_enter, tpl_leave, template_enter and template_leave, which must be globals by then. Raises Lua errors.
 */
void hc_rt_open_raises(struct lua_State *l);

/* The chunk names of template.lua and script.lua, as lua_getinfo gives them. */
#define HC_RT_TEMPLATE "=rt/template.lua"
#define HC_RT_SCRIPT   "=rt/script.lua"

/* For Lua templates: pushes the chunk script.lua as a function that takes put_documents, put_text, wrap, require_enter and
 * require_leave, and gives file, named, require and sort. */
void hc_rt_push_script_raises(struct lua_State *l);
