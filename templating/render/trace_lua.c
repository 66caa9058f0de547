/*
 * Lua templates in a trace: which line set a field of a table, and what was read for it.
 *
 * A text that a Lua template reads is Lua's own and carries no history. So the trace follows Lua from outside: its hook for
 * lines, calls and returns tells what runs, the bridge tells what was read, and the template's tokens (lua_source.h) tell
 * which field, variable or argument stands where. Reads are noted by line and name; when a line is done, each field and
 * variable that was set on it gets the reads and variables that its own expression names. Tables are found in the
 * registers of the function at hand and remembered by themselves, with a cell for each key (a table of Lua's that keeps them alive).
 * When a table becomes nodes, each node learns its cell.
 *
 * A guess, therefore, where one name is read several times in one expression or a table cannot be found; origins.md says
 * what that means for an answer.
 */
#include <lauxlib.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "templating/render/trace_lua.h"

#define MARKS "hc.script.marks" /* table: key: cell */

enum { EVENTS_MOST = 3000000, CHAIN_MOST = 8, PENDING_MOST = 2000 };

/* ---- tables -------------------------------------------------------------------------------------------- */

static void push_marks(lua_State *l, int t)
{
    lua_getfield(l, LUA_REGISTRYINDEX, MARKS);
    lua_pushvalue(l, t);
    if (lua_rawget(l, -2) != LUA_TTABLE) {
        lua_pop(l, 1);
        lua_newtable(l);
        lua_pushvalue(l, t);
        lua_pushvalue(l, -2);
        lua_rawset(l, -4);
    }
    lua_remove(l, -2);
}

/* The key at the top is taken: it was set in this cell. False: it was known. */
static bool mark(lua_State *l, int t, uint32_t cell, bool over)
{
    push_marks(l, t);
    lua_insert(l, -2);
    lua_pushvalue(l, -1);
    bool known = lua_rawget(l, -3) != LUA_TNIL;
    lua_pop(l, 1);
    if (!known || over) {
        lua_pushinteger(l, cell);
        lua_rawset(l, -3);
        lua_pop(l, 1);
    } else {
        lua_pop(l, 2);
    }
    return !known || over;
}

/* Pushes the key of a field. False: it is none that is written there. */
static bool push_key(lua_State *l, const struct act *a, const struct lua_unit *u)
{
    if (u->place) {
        lua_pushinteger(l, u->place);
        return true;
    }
    const struct lua_set *set = &a->file->source->sets[u->set];
    const struct lua_tok *t = &toks(a)[set->to];
    if (set->to_end - set->to != 1 || (t->kind != LUA_TOK_NAME && t->kind != LUA_TOK_TEXT) ||
        (t->kind == LUA_TOK_NAME && t->variable) || hc_str_find(t->s, '\\') != SIZE_MAX)
        return false;
    lua_pushlstring(l, t->s.p, t->s.n);
    return true;
}

/* From the table at t along the fields around the pending one, so many of them: true when that is its place. */
static bool settle_below(lua_State *l, const struct act *a, const struct pending *p, const uint32_t *chain,
                         size_t n, int t)
{
    int top = lua_gettop(l);
    bool good = true;
    lua_pushvalue(l, t);
    for (size_t i = n; good && i-- > 0;) {
        good = lua_istable(l, -1) && push_key(l, a, unit_at(a, chain[i]));
        if (good)
            lua_rawget(l, -2);
    }
    const struct lua_unit *u = unit_at(a, p->unit);
    const struct lua_set *set = &a->file->source->sets[u->set];
    bool table = tok_is(a, set->from, "{") && toks(a)[set->from].match + 1 == set->from_end;
    good = good && lua_istable(l, -1) && push_key(l, a, u);
    if (good) {
        lua_pushvalue(l, -1);
        int type = lua_rawget(l, -3);
        lua_pop(l, 1);
        good = type != LUA_TNIL && (!table || type == LUA_TTABLE) && mark(l, lua_gettop(l) - 1, p->cell, false);
    }
    lua_settop(l, top);
    return good;
}

static bool settle_in(lua_State *l, const struct act *a, const struct pending *p, int t)
{
    uint32_t chain[CHAIN_MOST];
    size_t n = 0;
    for (uint32_t up = unit_at(a, p->unit)->up; up && n < CHAIN_MOST; up = unit_at(a, up - 1)->up)
        chain[n++] = up - 1;
    for (size_t k = 0; k <= n; k++)
        if (settle_below(l, a, p, chain, k, t))
            return true;
    return false;
}

/* Looks for the tables of fields that were set, in the registers of the function at hand. */
static void settle(struct run *r, lua_State *l, lua_Debug *ar, struct act *a)
{
    struct script_trace *st = st_of(r);
    struct pending *list = st->pending.p;
    luaL_checkstack(l, 16, "trace");
    for (int i = 1; st->pending.n > a->pending && lua_getlocal(l, ar, i); i++) {
        if (lua_istable(l, -1)) {
            size_t kept = a->pending;
            for (size_t k = a->pending; k < st->pending.n; k++)
                if (!settle_in(l, a, &list[k], lua_gettop(l)))
                    list[kept++] = list[k];
            st->pending.n = kept;
        }
        lua_pop(l, 1);
    }
}

/* Pushes the variable of the function at hand, or the file's global of that name. */
static bool push_variable(lua_State *l, lua_Debug *ar, hc_str name)
{
    int found = 0, top = lua_gettop(l);
    const char *s;
    for (int i = 1; (s = lua_getlocal(l, ar, i)) != NULL; i++) {
        if (hc_str_eqz(name, s))
            found = i;
        lua_pop(l, 1);
    }
    if (found)
        return lua_getlocal(l, ar, found) != NULL;
    lua_getinfo(l, "f", ar);
    for (int i = 1; (s = lua_getupvalue(l, top + 1, i)) != NULL; i++) {
        bool env = strcmp(s, "_ENV") == 0 && lua_istable(l, -1);
        if (env) {
            lua_pushlstring(l, name.p, name.n);
            lua_rawget(l, -2);
        }
        if (env ? !lua_isnil(l, -1) : hc_str_eqz(name, s)) {
            lua_replace(l, top + 1);
            lua_settop(l, top + 1);
            return true;
        }
        lua_settop(l, top + 1);
    }
    lua_settop(l, top);
    return false;
}

/* Pushes the key that the tokens of an index give; `t`: the table it is an index of. */
static bool push_index(lua_State *l, lua_Debug *ar, const struct act *a, uint32_t from, uint32_t end, int t)
{
    const struct lua_tok *k = &toks(a)[from];
    if (tok_is(a, from, "#")) { /* t[#t + 1]: it is the last one now */
        lua_pushinteger(l, (lua_Integer)lua_rawlen(l, t));
        return true;
    }
    if (end - from != 1)
        return false;
    int64_t number;
    if (k->kind == LUA_TOK_NUMBER && hc_str_to_i64(k->s, &number)) {
        lua_pushinteger(l, number);
        return true;
    }
    if (k->kind == LUA_TOK_NAME)
        return push_variable(l, ar, k->s);
    if (k->kind != LUA_TOK_TEXT || hc_str_find(k->s, '\\') != SIZE_MAX)
        return false;
    lua_pushlstring(l, k->s.p, k->s.n);
    return true;
}

/* A field of an older table: a.b["c"][d] = ... */
static void settle_target(struct run *r, lua_State *l, lua_Debug *ar, const struct act *a,
                          const struct lua_set *set, uint32_t cell)
{
    int top = lua_gettop(l);
    luaL_checkstack(l, 16, "trace");
    bool good = toks(a)[set->to].kind == LUA_TOK_NAME && push_variable(l, ar, toks(a)[set->to].s);
    for (uint32_t i = set->to + 1; good && i < set->to_end;) {
        uint32_t next = 0;
        int t = lua_gettop(l);
        if (tok_is(a, i, ".") && i + 1 < set->to_end) {
            lua_pushlstring(l, toks(a)[i + 1].s.p, toks(a)[i + 1].s.n);
            next = i + 2;
        } else if (tok_is(a, i, "[") && push_index(l, ar, a, i + 1, toks(a)[i].match, t)) {
            next = toks(a)[i].match + 1;
        }
        if (!next || lua_isnil(l, -1) || lua_gettop(l) != t + 1)
            break;
        if (next >= set->to_end) {
            struct hc_val *v = hc_luaval_node(l, t);
            struct hc_entry *e = hc_is_map(v) && lua_type(l, -1) == LUA_TSTRING
                                     ? hc_map_find(v, hc_str_of(lua_tostring(l, -1)))
                                     : NULL;
            if (lua_istable(l, t))
                mark(l, t, cell, true);
            else if (e && !e->val->origin)
                e->val = marked(r, e->val, AT(r->trace, cells, const struct cell, cell)->data);
            break;
        }
        good = lua_istable(l, t);
        if (good)
            lua_rawget(l, t);
        i = next;
    }
    lua_settop(l, top);
}

/* ---- lines --------------------------------------------------------------------------------------------- */

/* table.insert(t, v) */
static void inserted(struct run *r, lua_State *l, lua_Debug *ar, struct act *a, const struct lua_unit *u)
{
    uint32_t i = u->from;
    if (!(u->end - i > 5 && hc_str_eqz(toks(a)[i].s, "table") && hc_str_eqz(toks(a)[i + 2].s, "insert") &&
          tok_is(a, i + 3, "(")))
        return;
    uint32_t comma = i + 4;
    while (comma < u->end && !tok_is(a, comma, ","))
        comma++;
    if (comma != i + 5 || comma >= u->end || !push_variable(l, ar, toks(a)[i + 4].s))
        return;
    if (lua_istable(l, -1)) {
        lua_pushinteger(l, (lua_Integer)lua_rawlen(l, -1));
        mark(l, lua_gettop(l) - 1, act_new_cell(r, a, u, act_range_dep(r, a, comma + 1, u->end - 1, false)), false);
    }
    lua_pop(l, 1);
}

static void assigned(struct run *r, lua_State *l, lua_Debug *ar, struct act *a, const struct lua_unit *u)
{
    struct hc_trace *t = r->trace;
    for (uint32_t i = 0; i < u->sets_n && !t->spent; i++) {
        const struct lua_set *set = &a->file->source->sets[u->set + i];
        uint32_t dep = act_range_dep(r, a, set->from, set->from_end, false);
        if (set->to_end - set->to == 1) {
            /* That it was assigned at all is up to the condition; a new local has no other value. */
            uint32_t cond = hc_str_eqz(toks(a)[u->from].s, "local") ? 0 : act_cond_of(r, a, u);
            if (cond)
                dep = dep_join(t, dep, dep_new(t, DEP_COND, cond, 0, 0, NULL));
            if (u->head && unit_at(a, u->head - 1)->last == u->first) /* if x then y = 1 end: who knows */
                dep = dep_join(t, dep, act_name_dep(st_of(r), a, toks(a)[set->to].s));
            act_set_name(r, a, toks(a)[set->to].s, dep);
        } else {
            settle_target(r, l, ar, a, set, act_new_cell(r, a, u, dep));
        }
    }
}

/* The name that the entry stands under. */
static uint32_t key_dep(struct hc_trace *t, uint32_t dep)
{
    const struct dep *d = dep ? AT(t, deps, const struct dep, dep) : NULL;
    return d && d->kind == DEP_NODE ? dep_new(t, DEP_KEY, 0, 0, 0, d->p) : dep;
}

/* Gives what the turn came from; 0: nothing was read for it. */
static uint32_t looped(struct run *r, struct act *a, const struct lua_unit *u)
{
    const struct script_trace *st = st_of(r);
    const struct lua_set *set = &a->file->source->sets[u->set];
    const struct read *list = st->reads.p;
    uint32_t value = 0, key = 0, turn = 0;
    bool first = true;
    /* What the turn brought: an entry, which nobody asked for by a name that is written there. */
    for (size_t i = a->reads; i < st->reads.n; i++) {
        if (list[i].token != NO_TOKEN || list[i].line < u->first || list[i].line > u->last)
            continue;
        turn = dep_join(r->trace, turn, list[i].dep);
        key = dep_join(r->trace, key, key_dep(r->trace, list[i].dep));
        if (!list[i].container)
            value = dep_join(r->trace, value, list[i].dep);
    }
    if (!turn) /* a table of Lua's, or numbers, which have their bounds */
        key = value = act_range_dep(r, a, set->from, set->from_end, false);
    for (uint32_t i = set->to; i < set->to_end; i++) {
        if (toks(a)[i].kind != LUA_TOK_NAME)
            continue;
        act_set_name(r, a, toks(a)[i].s, first ? key : value);
        first = false;
    }
    return turn;
}

/* Under which branch of the head the unit stands: 1 when it holds, 0 when not, -1: under none. */
static int branch_of(const struct act *a, uint32_t head, const struct lua_unit *u)
{
    while (u->head && u->head != head + 1)
        u = unit_at(a, u->head - 1);
    return u->head ? u->held : -1;
}

/* The head is left for line `to`: what the other branch would have assigned is up to it, too. */
static void not_assigned(struct run *r, struct act *a, uint32_t head, int to)
{
    const struct lua_source *s = a->file->source;
    uint32_t n, cond = 0;
    int held = -1;
    const uint32_t *list = units_on(s, to, &n);
    for (uint32_t i = 0; i < n && held < 0; i++)
        if (unit_at(a, list[i])->function_line == a->function_line)
            held = branch_of(a, head, unit_at(a, list[i]));
    held = HC_MAX(held, 0);
    for (uint32_t i = head + 1; i < s->units_n && !r->trace->spent; i++) {
        const struct lua_unit *u = unit_at(a, i), under = { .head = head + 1, .held = held };
        if (!lua_unit_assigns(s, u) || u->function_line != a->function_line || branch_of(a, head, u) != !held ||
            u->first == unit_at(a, head)->last) /* on one line with it: `assigned` takes both ways */
            continue;
        for (uint32_t k = u->set; k < u->set + u->sets_n; k++) {
            if (s->sets[k].to_end - s->sets[k].to != 1)
                continue;
            cond = cond ? cond : act_cond_of(r, a, &under);
            hc_str name = s->toks[s->sets[k].to].s;
            uint32_t dep = dep_new(r->trace, DEP_COND, cond, 0, 0, NULL);
            act_set_name(r, a, name, dep_join(r->trace, act_name_dep(st_of(r), a, name), cond ? dep : 0));
        }
    }
}

static void finish_unit(struct run *r, lua_State *l, lua_Debug *ar, struct act *a, uint32_t number, int to)
{
    struct script_trace *st = st_of(r);
    const struct lua_unit *u = unit_at(a, number);
    const struct lua_set *set;
    struct pending *p;
    uint32_t turn;
    switch ((enum lua_unit_kind)u->kind) {
    case LUA_UNIT_HEAD:
        turn = u->loop ? looped(r, a, u) : 0;
        act_note_head(r, a, number, act_range_dep(r, a, u->from, u->end, true), turn);
        if (u->assigns && !u->loop)
            not_assigned(r, a, number, to);
        break;
    case LUA_UNIT_SET:
        assigned(r, l, ar, a, u);
        break;
    case LUA_UNIT_CALL:
        inserted(r, l, ar, a, u);
        break;
    case LUA_UNIT_RETURN:
        a->returns = act_range_dep(r, a, u->from + 1, u->end, false);
        a->cell = act_new_cell(r, a, u, a->returns);
        break;
    case LUA_UNIT_FIELD:
        set = &a->file->source->sets[u->set];
        p = st->pending.n - a->pending < PENDING_MOST ? vec_add(r->trace, &st->pending, sizeof(*p), NULL) : NULL;
        if (p)
            *p = (struct pending){ number,
                                   act_new_cell(r, a, u, act_range_dep(r, a, set->from, set->from_end, false)) };
        break;
    }
}

/* Line a->line is left for `to` (0: the function ends). */
static void finish_line(struct run *r, lua_State *l, lua_Debug *ar, struct act *a, int to)
{
    struct script_trace *st = st_of(r);
    uint32_t n;
    const uint32_t *list = units_on(a->file->source, a->line, &n);
    bool whole = true;
    for (uint32_t i = 0; i < n && !r->trace->spent; i++) {
        const struct lua_unit *u = unit_at(a, list[i]);
        if (u->function_line != a->function_line)
            continue;
        if (to == 0 || to == a->line || to < u->first || to > u->last)
            finish_unit(r, l, ar, a, list[i], to);
        else
            whole = false;
    }
    settle(r, l, ar, a);
    if (whole) /* the statement is over: what was not found will not be */
        st->pending.n = a->pending;
}

static void on_line(struct run *r, lua_State *l, lua_Debug *ar, struct act *a)
{
    struct script_trace *st = st_of(r);
    int to = ar->currentline;
    bool back = false;
    if (a->line)
        finish_line(r, l, ar, a, to);
    uint32_t n;
    const uint32_t *list = units_on(a->file->source, to, &n);
    for (uint32_t i = 0; i < n && to < a->line; i++) { /* in the midst of what spans several lines */
        const struct lua_unit *u = unit_at(a, list[i]);
        back |= u->function_line == a->function_line && a->line <= u->last;
    }
    struct read *reads = st->reads.p;
    size_t kept = a->reads;
    for (size_t i = a->reads; i < st->reads.n; i++)
        if (back || reads[i].line != to)
            reads[kept++] = reads[i];
    st->reads.n = kept;
    a->line = to;
}

/* ---- functions ----------------------------------------------------------------------------------------- */

static struct script_file *file_of_act(struct run *r, const struct hc_template_file *f)
{
    struct script_trace *st = st_of(r);
    struct script_file **list = st->files.p;
    for (size_t i = 0; i < st->files.n; i++)
        if (list[i]->file == f)
            return list[i];
    struct script_file **to = vec_add(r->trace, &st->files, sizeof(struct script_file *), NULL);
    struct script_file *made = to ? HC_NEW(r->a, struct script_file) : NULL;
    check_arena(r);
    if (!made) {
        st->files.n -= to != NULL;
        return NULL;
    }
    *made = (struct script_file){ .file = f, .source = lua_source_read(r->a, f->text) };
    check_arena(r);
    return *to = made;
}

/* The token by which the function at hand calls `name`; absent: it returns what the call gives. */
static uint32_t call_token(const struct run *r, const struct act *a, hc_str name)
{
    const struct script_trace *st = st_of(r);
    const struct lua_source *s = a->file->source;
    const struct read *list = st->reads.p;
    uint32_t n, nth = 0, found = NO_TOKEN;
    const uint32_t *units = units_on(s, a->line, &n);
    for (uint32_t i = 0; i < n && !name.p; i++) {
        const struct lua_unit *u = unit_at(a, units[i]);
        for (uint32_t k = u->from; u->kind == LUA_UNIT_RETURN && k < u->end; k++)
            if (s->toks[k].calls && s->toks[k].match + 1 == u->end)
                return k;
    }
    for (size_t i = a->reads; i < st->reads.n && name.p; i++)
        nth += list[i].result && list[i].line == a->line && list[i].token != NO_TOKEN &&
               hc_str_eq(s->toks[list[i].token].s, name);
    for (uint32_t i = 0; i < n; i++) {
        const struct lua_unit *u = unit_at(a, units[i]);
        for (uint32_t k = u->from; k < u->end; k++) {
            const struct lua_tok *t = &s->toks[k];
            if (t->line != a->line || !t->calls || !hc_str_eq(t->s, name))
                continue;
            if (found == NO_TOKEN || (k > found && t->nth <= nth))
                found = k;
        }
    }
    return found;
}

/* What argument i (from 0) of the call came from. */
static uint32_t argument_dep(const struct run *r, const struct act *a, uint32_t call, uint32_t i)
{
    const struct lua_source *s = a->file->source;
    if (call == NO_TOKEN)
        return 0;
    uint32_t from = call + 1, end = s->toks[call].match;
    while (from < end && tok_is(a, from, "]")) /* fn["repeat"](...) */
        from++;
    if (!tok_is(a, from, "("))
        return i == 0 ? act_range_dep(r, a, from, end + 1, false) : 0;
    for (from++;; i--) {
        uint32_t k = from;
        while (k < end && !tok_is(a, k, ","))
            k = (s->toks[k].match > k && !s->toks[k].calls ? s->toks[k].match : k) + 1;
        if (i == 0)
            return act_range_dep(r, a, from, HC_MIN(k, end), false);
        if (k >= end)
            return 0;
        from = k + 1;
    }
}

/* The condition around the line at hand. */
static uint32_t cond_here_of(struct run *r, const struct act *a)
{
    uint32_t n, cond = 0;
    const uint32_t *units = units_on(a->file->source, a->line, &n);
    for (uint32_t i = 0; i < n && !cond; i++)
        if (unit_at(a, units[i])->function_line == a->function_line)
            cond = act_cond_of(r, a, unit_at(a, units[i]));
    return cond;
}

static uint32_t new_inst(struct run *r, const struct act *caller, const struct hc_template_file *f, hc_str name,
                         uint32_t call)
{
    struct hc_trace *t = r->trace;
    struct tmpl *tmpl = HC_NEW(r->a, struct tmpl);
    check_arena(r);
    tmpl->tree = (struct hc_tree){ .name = name, .file = f->name, .text = f->text };
    tmpl->script = 1;
    uint32_t number = 0, cond = cond_here_of(r, caller);
    const struct hc_node *node = act_node_at(r, call != NO_TOKEN ? toks(caller)[call].pos : 0, HC_NODE_IDENT);
    struct inst *i = vec_add(t, &t->insts, sizeof(*i), &number);
    if (!i)
        return caller->inst;
    *i = (struct inst){ caller->inst, cond, FRAME_SCRIPT, tmpl, node, 0, 0 };
    return number;
}

static void on_call(struct run *r, lua_State *l, lua_Debug *ar, const struct hc_template_file *f, bool tail)
{
    struct hc_trace *t = r->trace;
    struct script_trace *st = st_of(r);
    struct act *caller = act_of(st);
    uint32_t args[16] = { 0 }, call = NO_TOKEN;
    if (caller && (caller->frames != r->frames_n || !caller->file->source))
        caller = NULL;
    lua_getinfo(l, "nu", ar);
    hc_str name = ar->name && !tail ? hc_arena_str(r->a, hc_str_of(ar->name)) : (hc_str){ NULL, 0 };
    check_arena(r);
    if (caller) {
        call = call_token(r, caller, name);
        uint32_t self = call != NO_TOKEN && call > 0 && tok_is(caller, call - 1, ":");
        for (uint32_t i = self; i < ar->nparams && i < HC_LEN(args); i++)
            args[i] = argument_dep(r, caller, call, i - self);
        if (!name.p && call != NO_TOKEN)
            name = toks(caller)[call].s;
    }
    const struct trace_frame *frame = frame_of(t);
    struct act made = { .file = file_of_act(r, f), .frames = r->frames_n, .name = name };
    made.inst = frame ? frame->inst : 0;
    if (caller)
        made.inst = new_inst(r, caller, f, name.p ? name : f->name, call);
    if (tail && st->acts.n) { /* it takes the caller's place */
        const struct act *gone = act_of(st);
        made.reads = st->reads.n = gone->reads;
        made.names = st->names.n = gone->names;
        made.pending = st->pending.n = gone->pending;
        made.heads = st->heads.n = gone->heads;
        made.name = gone->name;
        st->acts.n--;
    }
    made.reads = st->reads.n;
    made.names = st->names.n;
    made.pending = st->pending.n;
    made.heads = st->heads.n;
    made.function_line = strcmp(ar->what, "main") == 0 ? 0 : ar->linedefined;
    struct act *to = made.file ? vec_add(t, &st->acts, sizeof(*to), NULL) : NULL;
    if (!to)
        return;
    *to = made;
    for (int i = 0; i < ar->nparams && i < (int)HC_LEN(args); i++) {
        const char *param = lua_getlocal(l, ar, i + 1);
        if (!param)
            break;
        hc_str s = hc_arena_str(r->a, hc_str_of(param));
        check_arena(r);
        act_set_name(r, to, s, args[i]);
        lua_pop(l, 1);
    }
}

static void on_return(struct run *r, lua_State *l, lua_Debug *ar)
{
    struct script_trace *st = st_of(r);
    struct act *a = act_of(st);
    if (!a)
        return;
    if (a->file->source && a->line)
        finish_line(r, l, ar, a, 0);
    struct act was = *act_of(st);
    st->reads.n = was.reads;
    st->names.n = was.names;
    st->pending.n = was.pending;
    st->heads.n = was.heads;
    st->acts.n--;
    struct act *caller = act_here(r);
    st->last_cell = was.cell;
    st->last_dep = was.returns;
    if (caller)
        script_trace_result(r, was.name, was.returns);
}

static void on_event(lua_State *l, lua_Debug *ar)
{
    struct run *r = run_of(l);
    struct script_trace *st = r ? st_of(r) : NULL;
    if (!st || !r->trace || r->trace->spent)
        return;
    if (++st->events > EVENTS_MOST) { /* what comes now is as if nobody followed it */
        st->acts.n = 0;
        hc_luabox_watch(r->m->sandbox, NULL);
        return;
    }
    lua_getinfo(l, "S", ar);
    const struct hc_template_file *f = script_file(r, ar->source);
    if (!f)
        return;
    struct act *a = act_of(st);
    switch (ar->event) {
    case LUA_HOOKCALL:
        on_call(r, l, ar, f, false);
        break;
    case LUA_HOOKTAILCALL:
        on_call(r, l, ar, f, true);
        break;
    case LUA_HOOKRET:
        on_return(r, l, ar);
        break;
    default:
        lua_getinfo(l, "l", ar);
        if (a && a->file->source && a->frames == r->frames_n)
            on_line(r, l, ar, a);
        break;
    }
}

/* ---- for the bridge ------------------------------------------------------------------------------------ */

static void add_read(struct run *r, struct act *a, hc_str name, uint32_t dep, bool container, bool result)
{
    struct script_trace *st = st_of(r);
    const struct lua_source *s = a->file->source;
    uint32_t n, token = NO_TOKEN;
    const uint32_t *units = units_on(s, a->line, &n);
    for (uint32_t i = 0; i < n && name.p && token == NO_TOKEN; i++) {
        const struct lua_unit *u = unit_at(a, units[i]);
        for (uint32_t k = u->from; k < u->end && token == NO_TOKEN; k++)
            if (s->toks[k].line == a->line && s->toks[k].reads && hc_str_eq(s->toks[k].s, name))
                token = k;
    }
    struct read *to = vec_add(r->trace, &st->reads, sizeof(*to), NULL);
    if (to)
        *to = (struct read){ token, a->line, dep, container, result };
}

void script_trace_read(struct run *r, hc_str name, uint32_t dep, bool container)
{
    struct act *a = act_here(r);
    if (a)
        add_read(r, a, name, dep, container, false);
}

void script_trace_result(struct run *r, hc_str name, uint32_t dep)
{
    struct act *a = act_here(r);
    if (a)
        add_read(r, a, name, dep, false, true);
}

struct hc_val *script_trace_argument(struct run *r, hc_str func, uint32_t i, struct hc_val *v)
{
    struct act *a = act_here(r);
    if (!a || (v && (v->origin || v->kind == HC_MAP || v->kind == HC_LIST || v->kind == HC_OBJ)))
        return v;
    uint32_t dep = argument_dep(r, a, call_token(r, a, func), i);
    if (!v) /* what is not there counts as what the statement read, as in a Go template */
        log_add(r->trace, dep);
    if (!dep || !v)
        return v;
    struct hc_val *to = marked(r, v, dep);
    /* A text that came as it is from a template keeps what is known of its bytes. */
    const struct dep d = *AT(r->trace, deps, const struct dep, dep);
    const struct rec *whole = d.kind == DEP_REC ? AT(r->trace, recs, const struct rec, d.x) : NULL;
    if (whole && whole->spans_n && v->kind == HC_STR && whole->bytes == v->n)
        to->origin = d.x | HC_TRACED;
    return to;
}

/* The cell of a table that nobody found: by a field with that key on the line at hand. */
static uint32_t cell_on_line(struct run *r, lua_State *l, const struct act *a, hc_str key, uint32_t place)
{
    uint32_t n, found = 0;
    const uint32_t *units = units_on(a->file->source, a->line, &n);
    for (uint32_t i = 0; i < n && !found; i++) {
        const struct lua_unit *u = unit_at(a, units[i]);
        if (u->kind != LUA_UNIT_FIELD || u->function_line != a->function_line || (u->place != 0) != !key.p ||
            (u->place && u->place != place) || !push_key(l, a, u))
            continue;
        if (u->place || hc_str_eqz(key, lua_tostring(l, -1))) {
            const struct lua_set *set = &a->file->source->sets[u->set];
            found = act_new_cell(r, a, u, act_range_dep(r, a, set->from, set->from_end, false));
        }
        lua_pop(l, 1);
    }
    return found;
}

struct hc_val *script_trace_entry(lua_State *l, hc_str key, uint32_t place, struct hc_val *item)
{
    struct run *r = run_of(l);
    struct hc_trace *t = r->trace;
    if (!st_of(r) || t->spent || !item)
        return item;
    luaL_checkstack(l, 8, "trace");
    int top = lua_gettop(l);
    lua_getfield(l, LUA_REGISTRYINDEX, MARKS);
    lua_pushvalue(l, top);
    uint32_t cell = 0;
    if (lua_rawget(l, -2) == LUA_TTABLE) {
        if (key.p)
            lua_pushlstring(l, key.p, key.n);
        else
            lua_pushinteger(l, place);
        lua_rawget(l, -2);
        cell = (uint32_t)lua_tointeger(l, -1);
    }
    lua_settop(l, top);
    const struct act *a = act_here(r);
    if (!cell && a)
        cell = cell_on_line(r, l, a, key, place);
    if (!cell)
        return item;
    if ((item->kind == HC_MAP && !item->map) || (item->kind == HC_LIST && !item->list))
        return item; /* what is put into it later has to be put into this one */
    uint32_t dep = AT(t, cells, const struct cell, cell)->data;
    bool bare = !item->origin && item->kind != HC_MAP && item->kind != HC_LIST;
    struct hc_val *own = marked(r, item, bare ? dep : 0);
    if (!bare || !dep)
        own->origin = item->origin;
    ptrmap_put(t, &t->set_at, own, cell);
    return own;
}

struct hc_val *script_trace_given(struct run *r, struct hc_val *v)
{
    const struct script_trace *st = st_of(r);
    if (!st || !st->last_cell || !v || v->origin || v->kind == HC_MAP || v->kind == HC_LIST)
        return v;
    struct span s = { 0, st->last_cell, 0 };
    const struct vec one = { &s, 1, 0 };
    return v->kind == HC_STR ? marked_spans(r, v, 0, &one) : marked(r, v, st->last_dep);
}

uint32_t script_trace_begin(struct run *r, hc_str func)
{
    struct trace_frame *f = frame_of(r->trace);
    const struct act *a = act_here(r);
    const struct hc_node *call = script_trace_call(r, func);
    uint32_t was = f ? f->inst : 0;
    if (!call)
        script_trace_node(r);
    else
        r->at = call;
    if (f && a)
        f->inst = a->inst;
    return was;
}

void script_trace_done(struct run *r, uint32_t inst)
{
    struct trace_frame *f = frame_of(r->trace);
    if (f)
        f->inst = inst;
}

/* ---- a run --------------------------------------------------------------------------------------------- */

void script_trace_start(struct run *r)
{
    r->script->trace = hc_calloc(1, sizeof(struct script_trace));
    if (!r->script->trace)
        hc_run_fail_limit(r, "out of memory");
}

void script_trace_watch(struct run *r, lua_State *l)
{
    lua_newtable(l);
    lua_setfield(l, LUA_REGISTRYINDEX, MARKS);
    hc_luabox_watch(r->m->sandbox, on_event);
}

void script_trace_end(struct run *r)
{
    struct script_trace *st = st_of(r);
    if (!st)
        return;
    struct script_file **files = st->files.p;
    for (size_t i = 0; i < st->files.n; i++)
        free(files[i]->names.p);
    struct vec *const lists[] = { &st->files, &st->acts, &st->reads, &st->names, &st->pending, &st->heads };
    for (size_t i = 0; i < HC_LEN(lists); i++)
        free(lists[i]->p);
    free(st);
    r->script->trace = NULL;
    if (r->m)
        hc_luabox_watch(r->m->sandbox, NULL);
}

void script_trace_forget(lua_State *l)
{
    lua_pushnil(l);
    lua_setfield(l, LUA_REGISTRYINDEX, MARKS);
}

bool script_trace_caller(const struct run *r, uint32_t *out_inst, uint32_t *out_cond)
{
    struct script_trace *st = st_of(r);
    const struct act *a = st ? act_of(st) : NULL;
    if (!a || a->frames + 1 != r->frames_n || !a->file->source)
        return false;
    *out_inst = a->inst;
    *out_cond = a->call_cond;
    return true;
}

const struct hc_node *script_trace_call(struct run *r, hc_str func)
{
    struct act *a = act_here(r);
    if (!a)
        return NULL;
    uint32_t call = call_token(r, a, func);
    a->call_cond = cond_here_of(r, a);
    return act_node_at(r, call == NO_TOKEN ? 0 : toks(a)[call].pos, HC_NODE_IDENT);
}
