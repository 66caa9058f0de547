#pragma once
/*
 * lua/bridge/luaval.h - the value tree as Lua sees it, for code that people write
 *
 * Maps, lists and Go's other types are userdata in front of the very node: reading a field converts nothing, and what is
 * changed is changed for all, as in Go. Texts, bools and numbers are Lua's own. Going back, a Lua table becomes a list or
 * a map:
 *
 *   keys 1 to n        list                    null     null (nil is: not there)
 *   texts as keys      map, sorted by key      list()   an empty list
 *   {}                 an empty map; an empty list where only a list fits
 *
 * 3 and 3.0 are kept apart (int, float64). A whole number read from a node of kind HC_FLOAT is an integer in Lua: Helm's
 * values have no other numbers.
 *
 * Nodes live in the arena of the run; userdata must not outlive it. Functions that end in _raises leave by a Lua error.
 */
#include "core/value/value.h"
#include "lua/bridge/gotype.h"

struct lua_State;

/* What the owner of the state provides. */
struct hc_luaval_port {
    struct hc_arena *(*arena)(struct lua_State *l);
    /* Charges work; raises when the budget is spent. */
    void (*charge_raises)(struct lua_State *l, uint64_t steps);
    /* Pushes the method `name` of the value, or what it gives when it takes nothing. False: no such method. */
    bool (*method_raises)(struct lua_State *l, struct hc_val *v, hc_str name);
    /* An entry was read: `v` itself is the map or list, `name` absent in a list. NULL: nobody wants to know. */
    void (*read)(struct lua_State *l, struct hc_val *v, hc_str name, struct hc_val *entry);
    /* Pushes what Go prints. */
    void (*print_raises)(struct lua_State *l, struct hc_val *v);
    /* Both NULL, or whether somebody follows where values come from, and who is told, then, of each entry of a table that
     * becomes a node: the table is at the top, `key` absent in a list, whose places count from 1. Gives what to take. */
    bool (*is_followed)(struct lua_State *l);
    struct hc_val *(*entry_raises)(struct lua_State *l, hc_str key, uint32_t place, struct hc_val *item);
};

/* Once for a state; the port must live as long. */
void hc_luaval_open_raises(struct lua_State *l, const struct hc_luaval_port *port);

/* Pushes a value; NULL and null give the null mark. */
void hc_luaval_push_raises(struct lua_State *l, struct hc_val *v);
/* Pushes the null mark. */
void hc_luaval_push_null(struct lua_State *l);
bool hc_luaval_is_null(struct lua_State *l, int i);
/* The node behind a userdata, or NULL: it is none. */
struct hc_val *hc_luaval_node(struct lua_State *l, int i);

/*
 * What stands at position i as a node: nil gives NULL, a table a new tree. `want_list`: {} is an empty list. `what` names
 * it in errors ("argument 2 of set"). Functions and the like, holes, mixed tables and too deep ones raise, and the error
 * says where in it.
 */
struct hc_val *hc_luaval_get_raises(struct lua_State *l, int i, bool want_list, const char *what);

/* The iterator function behind pairs(): keys in order, whatever order Lua keeps them in. Pushes three values. */
int hc_luaval_pairs_raises(struct lua_State *l);

/* Leaves by a Lua error with this text, as it is: Lua puts no place in front. */
HC_NORETURN HC_PRINTF(2, 3) void hc_luaval_raise(struct lua_State *l, const char *fmt, ...);
