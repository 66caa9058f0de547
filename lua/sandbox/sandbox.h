#pragma once
/*
 * lua/sandbox/sandbox.h - a Lua state with budgets and nothing in it
 *
 * A new sandbox has no globals at all; what code in it may reach is put there name by name
 * (hc_luabox_open_names, or by whoever owns it). Steps are Lua instructions plus what C functions charge for
 * their own work; bytes are all that Lua allocates. A budget that is spent stays spent: an error of that kind can
 * not be caught for longer than one instruction.
 *
 * One thread at a time. The only Lua type in here is the state itself.
 */
#include "core/base/err.h"

struct lua_State;
struct lua_Debug;
struct hc_luabox;

enum hc_spent {
    HC_SPENT_NOTHING,
    HC_SPENT_STEPS,
    HC_SPENT_BYTES,
    HC_SPENT_PIECE, /* one text or table would be larger than one may be */
};

/* NULL: no memory. `max_bytes` 0: HC_MAX_LUA_BYTES. */
HC_MUST_USE struct hc_luabox *hc_luabox_new(size_t max_bytes);
void hc_luabox_free(struct hc_luabox *s);

struct lua_State *hc_luabox_lua(struct hc_luabox *s);
struct hc_luabox *hc_luabox_of(struct lua_State *l);
/* A pointer for whoever owns the sandbox. */
void hc_luabox_set_user(struct hc_luabox *s, void *user);
void *hc_luabox_user(const struct hc_luabox *s);

/*
 * For code that people write: steps are charged by processor time, too (8 ns are at least one), since one instruction can
 * compare long texts; and no text or table is larger than `max_piece` bytes, which bounds how long that takes. Before
 * hc_luabox_start. `on_full` (may be NULL) is called with the user pointer where memory is refused, while Lua's stack
 * stands (for an error of memory Lua calls no handler); it may read the stack and nothing else.
 */
void hc_luabox_for_people(struct hc_luabox *s, size_t max_piece, void (*on_full)(void *user));
/* What was done since the last look is not charged by time: it was charged otherwise. */
void hc_luabox_look(struct hc_luabox *s);

/* `watch` (NULL: nobody) is Lua's hook for calls, returns and lines, for whoever follows what runs; what it costs is not
 * charged. */
void hc_luabox_watch(struct hc_luabox *s, void (*watch)(struct lua_State *l, struct lua_Debug *ar));

/* Gives it that many steps from now on; forgets that a budget was spent. */
void hc_luabox_start(struct hc_luabox *s, uint64_t steps);
/* The budget of bytes was met since the last start, be it that the collector found room then. */
bool hc_luabox_was_full(const struct hc_luabox *s);
enum hc_spent hc_luabox_spent(const struct hc_luabox *s);
uint64_t hc_luabox_steps_left(const struct hc_luabox *s);
size_t hc_luabox_bytes(const struct hc_luabox *s);

/* For C functions called from Lua: charges `steps`, leaves by a Lua error when the budget does not hold them. */
void hc_luabox_charge_raises(struct hc_luabox *s, uint64_t steps);

/*
 * Puts the harmless part of Lua's own library into the globals: no files, no loading, no patterns (their time is
 * not bounded by their input), no state that outlives a call. Raises when memory runs out.
 */
void hc_luabox_open_names_raises(struct hc_luabox *s);
