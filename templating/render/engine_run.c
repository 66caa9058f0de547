/*
 * One run: the stack of running templates, and the C functions that the emitted Lua calls.
 *
 * Templates are walked in C (engine_walk.c). Lua runs what is called from deep within other templates, and all of a
 * traced run; both ways share the frames, the evaluation and what is here. Each template that is entered gets a frame: where its
 * output begins in the one output buffer, where its variables begin in the one vector of slots. include and tpl cut
 * their output off the buffer again and give it as a value.
 */
#include <lauxlib.h>
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/value/kept.h"
#include "lua/funcs/gofmt.h"
#include "lua/rt/rt.h"
#include "templating/render/engine_impl.h"
#include "templating/render/lua_impl.h"

/* ---- frames ------------------------------------------------------------------------------------------ */

static HC_NORETURN void fail_err(struct run *r, const struct hc_err *e)
{
    hc_run_fail_limit(r, e->msg);
}

static void load(struct run *r, lua_State *l, struct tmpl *t, hc_str lua)
{
    int loaded = luaL_loadbufferx(l, lua.p, lua.n, "=template", "t");
    if (loaded == LUA_ERRSYNTAX) {
        /* The emitter writes no wrong Lua: what is left are Lua's ceilings on registers and nesting. */
        hc_str q = quoted(r, t->tree.name), why = hc_str_of(lua_tostring(l, -1));
        hc_str text = hc_arena_printf(r->a, "template %.*s is too large or too deeply nested (%.*s)", HC_P(q),
                                      HC_P(why));
        hc_run_fail_limit(r, text.p ? text.p : "memory");
    }
    if (loaded != LUA_OK)
        lua_error(l);
    if (t->index <= r->p->tmpls_n)
        program_count();
}

/*
 * Pushes a Lua function from the table of this state, compiled first when it is not in there: a template (block 0)
 * or the body of one of its blocks.
 */
static void push_function(struct run *r, lua_State *l, struct tmpl *t, uint32_t block)
{
    lua_Integer key = func_key(t->index, block);
    if (t->script) {
        script_push_body(r, l, t);
        return;
    }
    lua_getfield(l, LUA_REGISTRYINDEX, FUNCS_KEY);
    if (lua_rawgeti(l, -1, key) == LUA_TFUNCTION) {
        lua_remove(l, -2);
        return;
    }
    lua_pop(l, 1);
    load(r, l, t, block ? t->code->blocks[block - 1] : t->code->lua);
    lua_pushvalue(l, -1);
    lua_rawseti(l, -3, key);
    lua_remove(l, -2);
}

static void *grow(struct run *r, void *p, size_t *cap, size_t need, size_t size)
{
    size_t n = *cap ? *cap : 64;
    while (n < need)
        n *= 2;
    p = hc_realloc(p, n * size);
    if (!p)
        hc_run_fail_limit(r, "out of memory");
    *cap = n;
    return p;
}

struct frame *frame_enter(struct run *r, enum frame_kind kind, struct tmpl *t, const struct hc_node *call,
                          hc_tv dot, const struct hc_val *text)
{
    size_t slots = t->slots;
    uint32_t depth = kind == FRAME_TEMPLATE ? r->f->depth + 1 : 0; /* before the frames may move */
    if (r->frames_n == r->frames_cap)
        r->frames = grow(r, r->frames, &r->frames_cap, r->frames_n + 1, sizeof(*r->frames));
    if (r->slots_n + slots > r->slots_cap)
        r->slots = grow(r, r->slots, &r->slots_cap, r->slots_n + slots, sizeof(*r->slots));
    struct frame *f = &r->frames[r->frames_n];
    *f = (struct frame){ .kind = kind,
                         .t = t,
                         .call = call,
                         .saved_at = r->at,
                         .saved_env = r->env,
                         .mark = r->out.n,
                         .slots = (uint32_t)r->slots_n,
                         .depth = depth };
    if (kind == FRAME_FILE)
        r->walk = NULL; /* a Lua template may have left a loop by an error */
    r->slots[r->slots_n] = dot;
    for (size_t i = 1; i < slots; i++)
        r->slots[r->slots_n + i] = &eval_unset;
    r->slots_n += slots;
    r->frames_n++;
    r->deepest = HC_MAX(r->deepest, r->frames_n);
    r->f = f;
    r->at = NULL;
    if (TRACED(r))
        trace_enter(r, text);
    return f;
}

void frame_leave(struct run *r)
{
    const struct frame *f = r->f;
    if (TRACED(r))
        trace_leave(r);
    if (f->active)
        --*f->active;
    r->at = f->saved_at;
    r->env = f->saved_env;
    r->slots_n = f->slots;
    r->frames_n--;
    r->f = r->frames_n > 0 ? &r->frames[r->frames_n - 1] : NULL;
}

struct tmpl *lua_twin(struct run *r, struct tmpl *t)
{
    struct hc_err e = HC_ERR_INIT;
    struct tmpl *lua = NULL;
    if (t->script)
        return t;
    enum hc_rc rc;
    if (t->index > r->p->tmpls_n) {
        rc = text_lua(r->p, texts_arena(r), t, &lua, &e);
        texts_arena_done(r);
    } else {
        rc = program_lua(r->p, t, &lua, &e);
    }
    if (rc != HC_OK)
        fail_err(r, &e);
    return lua;
}

int push_body(struct run *r, lua_State *l)
{
    luaL_checkstack(l, 10, "templates call each other too deeply");
    push_function(r, l, r->f->t, 0);
    lua_pushlightuserdata(l, r->slots[r->f->slots]);
    return 2;
}

static int run_body(lua_State *l)
{
    push_body(run_of(l), l);
    lua_call(l, 1, 0);
    return 0;
}

void run_by_lua(struct run *r)
{
    run_in_lua(r, run_body);
}

void run_in_lua(struct run *r, lua_CFunction f)
{
    if (!r->m) {
        r->m = machine_take(r->p);
        if (!r->m)
            hc_run_fail_limit(r, "out of memory");
        hc_luabox_set_user(r->m->sandbox, r);
    }
    lua_State *l = r->m->l;
    hc_luabox_start(r->m->sandbox, r->steps_left);
    r->in_lua = true;
    lua_settop(l, 0);
    if (r->script)
        lua_pushcfunction(l, script_handle);
    lua_pushcfunction(l, f);
    int failed = lua_pcall(l, 0, 0, r->script ? 1 : 0);
    r->in_lua = false;
    if (failed) {
        run_error(r);
        longjmp(r->out_of_run, 1);
    }
    r->steps_left = hc_luabox_steps_left(r->m->sandbox);
}

/* The output since `mark`, cut off the buffer. */
static hc_str cut_output(struct run *r, size_t mark)
{
    hc_str all = hc_buf_str(&r->out), s = hc_arena_str(r->a, hc_str_sub(all, mark, all.n));
    r->out.n = mark;
    check_arena(r);
    return s;
}

/* Without every "<no value>" (B12.1); may give the very same text. */
static hc_str without_no_value(struct run *r, hc_str s)
{
    static const char mark[] = "<no value>";
    const size_t n = sizeof(mark) - 1;
    const char *p = s.n ? hc_find_literal(s.p, s.n, mark, n) : NULL;
    if (!p)
        return s;
    char *out = hc_arena_alloc(r->a, s.n, 1);
    check_arena(r);
    size_t len = 0;
    const char *from = s.p, *end = s.p + s.n;
    for (; p; p = hc_find_literal(from, (size_t)(end - from), mark, n)) {
        memcpy(out + len, from, (size_t)(p - from));
        len += (size_t)(p - from);
        from = p + n;
    }
    memcpy(out + len, from, (size_t)(end - from));
    return (hc_str){ out, len + (size_t)(end - from) };
}

void check_output(struct run *r)
{
    if (__builtin_expect(r->out.spent, 0)) {
        struct hc_err e = HC_ERR_INIT;
        hc_buf_check(&r->out, &e, "output of the templates");
        fail_err(r, &e);
    }
}

static const struct hc_node *node_arg(const struct run *r, lua_State *l, int i)
{
    return r->f->t->code->nodes[lua_tointeger(l, i)];
}

static int push_value(lua_State *l, hc_tv v)
{
    lua_pushlightuserdata(l, v);
    return 1;
}

/* The value of a pipeline: handed over by Lua as the third argument, or got here. */
static hc_tv pipe_value(struct run *r, lua_State *l, hc_tv dot, const struct hc_node *pipe)
{
    if (lua_gettop(l) < 3)
        return eval_pipe(r, dot, pipe);
    hc_tv v = lua_touserdata(l, 3);
    if (pipe->decl_n > 0)
        eval_declare(r, pipe, v);
    return v;
}

/* ---- statements -------------------------------------------------------------------------------------- */

static int op_go(lua_State *l)
{
    struct run *r = run_of(l);
    lua_Integer from = lua_tointeger(l, 1), to = lua_tointeger(l, 2);
    walk_items(r, lua_touserdata(l, 3), r->f->t->code->nodes + from, (size_t)(to - from) + 1);
    return 0;
}

static int op_put(lua_State *l)
{
    struct run *r = run_of(l);
    r->at = node_arg(r, l, 1);
    walk_print(r, lua_touserdata(l, 3));
    check_output(r);
    return 0;
}

static int op_set(lua_State *l)
{
    struct run *r = run_of(l);
    hc_tv v = lua_touserdata(l, 3);
    eval_declare(r, node_arg(r, l, 1), v);
    return push_value(l, v);
}

static int op_is(lua_State *l)
{
    struct run *r = run_of(l);
    run_charge(r, STEPS_NODE);
    const struct hc_node *pipe = node_arg(r, l, 1);
    hc_tv v = pipe_value(r, l, lua_touserdata(l, 2), pipe);
    if (TRACED(r))
        trace_condition(r, pipe, v);
    lua_pushboolean(l, eval_truth(v));
    return 1;
}

static int op_with(lua_State *l)
{
    struct run *r = run_of(l);
    run_charge(r, STEPS_NODE);
    const struct hc_node *pipe = node_arg(r, l, 1);
    hc_tv v = pipe_value(r, l, lua_touserdata(l, 2), pipe);
    if (TRACED(r))
        trace_condition(r, pipe, v);
    if (eval_truth(v))
        return push_value(l, v);
    lua_pushboolean(l, false);
    return 1;
}

static int op_block(lua_State *l)
{
    struct run *r = run_of(l);
    push_function(r, l, r->f->t, (uint32_t)lua_tointeger(l, 1));
    return 1;
}

/* ---- range ------------------------------------------------------------------------------------------- */

static int by_key(const void *x, const void *y)
{
    return hc_str_cmp(((const struct hc_entry *)x)->key, ((const struct hc_entry *)y)->key);
}

static void walk_map(struct run *r, struct walk *w, const struct hc_map *m)
{
    bool sorted = true;
    w->n = m->n;
    w->entries = HC_NEW_N(r->a, struct hc_entry, m->n);
    check_arena(r);
    memcpy(w->entries, m->entries, m->n * sizeof(*w->entries));
    for (uint32_t i = 1; i < m->n && sorted; i++)
        sorted = by_key(&w->entries[i - 1], &w->entries[i]) < 0;
    if (!sorted)
        qsort(w->entries, m->n, sizeof(*w->entries), by_key);
    run_charge(r, (uint64_t)m->n * 4);
}

static HC_NORETURN void fail_printing(struct run *r, const char *before, const struct hc_val *v, const char *after)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_buf_puts(&b, before);
    hc_go_print(&b, v);
    hc_buf_puts(&b, after);
    hc_str s = hc_buf_to_arena(&b, r->a);
    hc_buf_done(&b);
    hc_run_fail_msg(r, s);
}

static struct hc_val *int_node(struct run *r, int64_t i, uint8_t type)
{
    struct hc_val *v = hc_int_val(r->a, i);
    check_arena(r);
    v->type = type;
    return v;
}

bool range_turn(struct run *r, struct walk *w, hc_tv *out_elem)
{
    hc_tv elem, key = NULL;
    if (w->i >= w->n) {
        range_end(r, w);
        return false;
    }
    run_charge(r, STEPS_TURN);
    const struct hc_node *pipe = w->node->branch.pipe;
    bool keyed = pipe->decl_n > 1;
    int64_t i = w->i++;
    if (w->items) {
        elem = w->boxed ? hc_tv_box(w->items[i]) : w->items[i];
        if (keyed)
            key = int_node(r, i, HC_GO_INT);
    } else if (w->entries) {
        elem = w->boxed ? hc_tv_box(w->entries[i].val) : w->entries[i].val;
        if (keyed)
            key = hc_str_val_ref(r->a, w->entries[i].key);
    } else {
        elem = int_node(r, w->bytes ? w->bytes[i] : i, w->type);
        if (w->is_uint)
            elem->kind = HC_UINT;
        if (keyed)
            key = int_node(r, i, HC_GO_INT);
    }
    check_arena(r);
    if (TRACED(r))
        key = trace_turn(r, w->node, elem, key);
    if (pipe->decl_n > 0) {
        if (pipe->flags & HC_NODE_ASSIGN)
            stretch_assign(r);
        if (keyed)
            eval_store(r, hc_node_decl(pipe, 0), key);
        eval_store(r, hc_node_decl(pipe, pipe->decl_n - 1u), elem);
    }
    *out_elem = elem;
    return true;
}

void range_end(struct run *r, const struct walk *w)
{
    r->walk = w->around;
}

struct walk *range_start(struct run *r, const struct hc_node *n, hc_tv value)
{
    struct hc_val *v = hc_tv_node(value);
    if (TRACED(r))
        trace_condition(r, n->branch.pipe, v);
    if (!v || v->kind == HC_NULL)
        return NULL;
    if (is_watched(r))
        memo_enter(r, v);
    if (r->agains)
        again_range(r, v);
    struct walk *w = HC_NEW(r->a, struct walk);
    check_arena(r);
    w->node = n;
    if (v->kind == HC_LIST) {
        w->items = v->list ? v->list->items : NULL;
        w->n = v->list ? v->list->n : 0;
        w->boxed = v->type == HC_GO_PLAIN;
    } else if (v->kind == HC_MAP && v->type < HC_GO_CAPABILITIES) {
        w->boxed = v->type == HC_GO_PLAIN || v->type == HC_GO_VALUES;
        if (v->map && v->map->n > 0)
            walk_map(r, w, v->map);
    } else if (v->kind == HC_INT || v->kind == HC_UINT) {
        if (n->branch.pipe->decl_n > 1)
            fail_printing(r, "can't use ", v, " to iterate over more than one variable");
        w->is_uint = v->kind == HC_UINT;
        w->n = w->is_uint && v->u > INT64_MAX ? INT64_MAX : v->i;
        w->type = v->type;
    } else if (v->kind == HC_STR && v->type == HC_GO_BYTES) {
        w->bytes = (const unsigned char *)v->s;
        w->n = v->n;
        w->type = HC_GO_UINT8;
    } else {
        fail_printing(r, "range can't iterate over ", v, "");
    }
    if (w->n <= 0)
        return NULL;
    w->around = r->walk;
    r->walk = w;
    return w;
}

static int op_step(lua_State *l)
{
    struct walk *w = lua_touserdata(l, 1);
    hc_tv elem;
    if (!w || !range_turn(run_of(l), w, &elem)) {
        lua_pushnil(l);
        return 1;
    }
    lua_pushboolean(l, true);
    lua_pushlightuserdata(l, elem);
    return 2;
}

static int op_range(lua_State *l)
{
    struct run *r = run_of(l);
    const struct hc_node *n = node_arg(r, l, 1);
    run_charge(r, STEPS_NODE);
    struct walk *w = range_start(r, n, pipe_value(r, l, lua_touserdata(l, 2), n->branch.pipe));
    lua_pushcfunction(l, op_step);
    if (!w)
        return 1;
    lua_pushlightuserdata(l, w);
    return 2;
}

/* Before a break. */
static int op_left(lua_State *l)
{
    struct run *r = run_of(l);
    if (r->walk)
        range_end(r, r->walk);
    return 0;
}

/* ---- values ------------------------------------------------------------------------------------------ */

static int op_call(lua_State *l)
{
    struct run *r = run_of(l);
    return push_value(l, eval_command_given(r, l, lua_touserdata(l, 2), node_arg(r, l, 1)));
}

static int op_spare(lua_State *l)
{
    struct run *r = run_of(l);
    hc_tv v;
    if (eval_command_spares(r, l, lua_touserdata(l, 2), node_arg(r, l, 1), &v))
        return push_value(l, v);
    lua_pushnil(l);
    return 1;
}

static int op_val(lua_State *l)
{
    struct run *r = run_of(l);
    const struct hc_node *n = node_arg(r, l, 1);
    hc_tv dot = lua_touserdata(l, 2);
    if (lua_gettop(l) >= 3)
        return push_value(l, eval_chain_base(r, dot, n, lua_touserdata(l, 3)));
    return push_value(l, eval_arg(r, dot, 0, n));
}

static int op_arg(lua_State *l)
{
    struct run *r = run_of(l);
    return push_value(l, eval_arg(r, lua_touserdata(l, 2), (char)lua_tointeger(l, 3), node_arg(r, l, 1)));
}

static int op_fit(lua_State *l)
{
    return push_value(l, eval_fit(run_of(l), lua_touserdata(l, 2), (char)lua_tointeger(l, 1)));
}

static hc_tv *slot_arg(struct run *r, lua_State *l, int i)
{
    return &r->slots[r->f->slots + (size_t)lua_tointeger(l, i)];
}

static int op_more(lua_State *l)
{
    struct run *r = run_of(l);
    const struct hc_node *cmd = node_arg(r, l, 1);
    hc_tv v = lua_touserdata(l, 3);
    bool decides = eval_truth(v) == (own_func_of(cmd->items[0]->ident.func) == OWN_OR);
    if (decides)
        *slot_arg(r, l, 2) = hc_tv_unbox(v);
    lua_pushboolean(l, !decides);
    return 1;
}

static int op_keep(lua_State *l)
{
    *slot_arg(run_of(l), l, 1) = lua_touserdata(l, 2);
    lua_pushboolean(l, true);
    return 1;
}

static int op_kept(lua_State *l)
{
    return push_value(l, *slot_arg(run_of(l), l, 1));
}

/* ---- calls of templates ------------------------------------------------------------------------------ */

/* The template of that name as the running one sees it; the counter of its include depth. */
static struct tmpl *find(struct run *r, hc_str name, uint32_t hint, uint32_t **out_active)
{
    struct tmpl *empty = NULL; /* replaces nothing, so it counts only when there is no other */
    for (const struct env *e = r->env; e; e = e->outer) {
        for (size_t i = 0; i < e->text->n; i++) {
            struct tmpl *t = &e->text->tmpls[i];
            if (!hc_str_eq(t->tree.name, name))
                continue;
            *out_active = &t->active;
            if (!t->tree.empty)
                return t;
            empty = t;
        }
    }
    uint32_t entry = hint - 1;
    struct tmpl *t = hint ? r->p->names[entry].tmpl : program_find(r->p, name, &entry);
    struct tmpl *s = r->script ? script_find(r, name, t) : NULL;
    if (s) {
        *out_active = &s->active;
        return s;
    }
    if (!t)
        return empty;
    *out_active = &r->active[entry];
    return t;
}

struct tmpl *include_target(struct run *r, const struct hc_node *cmd, hc_str s, uint32_t **out_active)
{
    uint32_t *active = NULL;
    struct tmpl *t = find(r, s, cmd ? cmd->items[0]->n : 0, &active);
    if (!t) {
        hc_str q = quoted(r, s);
        hc_run_fail_call(
            r, cmd, HC_S("include"),
            hc_arena_printf(r->a, "template: no template %.*s associated with template \"gotpl\"", HC_P(q)));
    }
    /* Helm pkg/engine: more than 1000 of it are running. */
    if (*active > HC_MAX_INCLUDE_DEPTH)
        hc_run_fail_call(r, cmd, HC_S("include"),
                         hc_arena_printf(r->a,
                                         "rendering template has a nested reference name: %.*s: unable to execute "
                                         "template",
                                         HC_P(s)));
    *out_active = active;
    return t;
}

static int op_include_enter(lua_State *l)
{
    struct run *r = run_of(l);
    const struct hc_node *cmd = node_arg(r, l, 1);
    struct hc_val *name, *data;
    eval_two_args(r, l, lua_touserdata(l, 2), cmd, "include", &name, &data);
    uint32_t *active;
    struct tmpl *t = include_target(r, cmd, hc_get_str(name), &active);
    struct frame *f = frame_enter(r, FRAME_INCLUDE, lua_twin(r, t), cmd, data, NULL);
    f->active = active;
    ++*active;
    return push_body(r, l);
}

struct hc_val *include_result(struct run *r)
{
    size_t mark = r->f->mark;
    frame_leave(r);
    struct hc_val *v = hc_str_val_ref(r->a, cut_output(r, mark));
    check_arena(r);
    if (TRACED(r))
        trace_cut(r, mark, hc_get_str(v), v);
    return v;
}

static int op_include_leave(lua_State *l)
{
    return push_value(l, include_result(run_of(l)));
}

static void add_text(struct run *r, size_t k, uint64_t hash, struct text *t)
{
    t->hash = hash;
    r->tmpls_n += (uint32_t)t->n;
    r->texts[k] = t;
    r->texts_n++;
}

/* What a text parsed to, from this run's memory of texts, an earlier run's, or parsed now. */
struct text *text_of(struct run *r, const struct hc_node *cmd, hc_str s)
{
    uint64_t hash = hc_str_hash(s);
    if ((r->texts_n + 1) * 2 > r->texts_cap) {
        size_t cap = r->texts_cap ? r->texts_cap * 2 : 64;
        struct text **grown = hc_calloc(cap, sizeof(*grown));
        if (!grown)
            hc_run_fail_limit(r, "out of memory");
        for (size_t i = 0; i < r->texts_cap; i++) {
            if (!r->texts[i])
                continue;
            size_t k = r->texts[i]->hash & (cap - 1);
            while (grown[k])
                k = (k + 1) & (cap - 1);
            grown[k] = r->texts[i];
        }
        free(r->texts);
        r->texts = grown;
        r->texts_cap = cap;
    }
    size_t k = hash & (r->texts_cap - 1);
    for (; r->texts[k]; k = (k + 1) & (r->texts_cap - 1)) {
        if (r->texts[k]->hash == hash && hc_str_eq(r->texts[k]->text, s))
            return r->texts[k];
    }
    struct tmpl *tmpls;
    size_t n;
    struct hc_err e = HC_ERR_INIT;
    run_charge(r, STEPS_TEXT + s.n * STEPS_TEXT_BYTE);
    r->text_steps += STEPS_TEXT + s.n * STEPS_TEXT_BYTE;
    struct hc_arena *a = texts_arena(r);
    struct text *t = HC_NEW(a, struct text);
    if (t && kept_text(r, a, s, t)) { /* in the table before anything can fail: it is given back from there */
        add_text(r, k, hash, t);
        texts_arena_done(r);
        return t;
    }
    hc_str own = hc_arena_str(a, s);
    enum hc_rc rc = program_parse(r->p, a, HC_S("gotpl"), own, r->tmpls_n + 1, &tmpls, &n, &r->error, &e);
    texts_arena_done(r);
    if (rc == HC_E_INPUT) {
        hc_str q = quoted(r, s), why = hc_arena_str(r->a, hc_buf_str(&r->error));
        const hc_str parts[] = { HC_S("cannot parse template "), q, HC_S(": "), why };
        hc_run_fail_call(r, cmd, HC_S("tpl"), hc_arena_cat(r->a, HC_LEN(parts), parts));
    }
    if (rc != HC_OK)
        hc_run_fail_limit(r, e.msg);
    *t = (struct text){ .text = own, .tmpls = tmpls, .n = n };
    add_text(r, k, hash, t);
    return t;
}

struct hc_val *tpl_plain(struct run *r, const struct hc_val *text)
{
    hc_str s = hc_get_str(text);
    if (s.n > 0 && hc_find_literal(s.p, s.n, "{{", 2))
        return NULL;
    struct hc_val *v = hc_str_val_ref(r->a, without_no_value(r, s));
    check_arena(r);
    if (TRACED(r))
        trace_same(r, text, v);
    return v;
}

void tpl_frame(struct run *r, const struct hc_node *cmd, struct text *text, struct tmpl *t, const struct hc_val *s,
               hc_tv data)
{
    struct frame *f = frame_enter(r, FRAME_TPL, t, cmd, data, s);
    f->text = hc_get_str(s);
    if (text->n > 1) {
        struct env *e = HC_NEW(r->a, struct env);
        check_arena(r);
        e->outer = r->env;
        e->text = text;
        r->env = e;
    }
}

static int op_tpl_enter(lua_State *l)
{
    struct run *r = run_of(l);
    const struct hc_node *cmd = node_arg(r, l, 1);
    struct hc_val *text, *data;
    eval_two_args(r, l, lua_touserdata(l, 2), cmd, "tpl", &text, &data);
    struct hc_val *plain = tpl_plain(r, text);
    if (plain) {
        lua_settop(l, 0);
        lua_pushnil(l);
        lua_pushlightuserdata(l, plain);
        return 2;
    }
    struct text *t = text_of(r, cmd, hc_get_str(text));
    tpl_frame(r, cmd, t, lua_twin(r, &t->tmpls[t->n - 1]), text, data);
    return push_body(r, l);
}

struct hc_val *tpl_result(struct run *r)
{
    size_t mark = r->f->mark;
    frame_leave(r);
    hc_str printed = cut_output(r, mark);
    struct hc_val *v = hc_str_val_ref(r->a, without_no_value(r, printed));
    check_arena(r);
    if (TRACED(r))
        trace_cut(r, mark, printed, v);
    return v;
}

static int op_tpl_leave(lua_State *l)
{
    return push_value(l, tpl_result(run_of(l)));
}

struct tmpl *template_target(struct run *r, const struct hc_node *n)
{
    uint32_t *active;
    r->at = n;
    run_charge(r, STEPS_CALL);
    struct tmpl *t = find(r, n->call.name, 0, &active);
    if (!t) {
        hc_str q = quoted(r, n->call.name);
        hc_run_fail(r, "template %.*s not defined", HC_P(q));
    }
    if (r->f->depth == HC_MAX_TEMPLATE_DEPTH)
        hc_run_fail(r, "exceeded maximum template depth (%d)", HC_MAX_TEMPLATE_DEPTH);
    return t;
}

static int op_template_enter(lua_State *l)
{
    struct run *r = run_of(l);
    const struct hc_node *n = node_arg(r, l, 1);
    struct tmpl *t = template_target(r, n);
    hc_tv data = n->call.pipe ? pipe_value(r, l, lua_touserdata(l, 2), n->call.pipe) : NULL;
    r->at = n;
    frame_enter(r, FRAME_TEMPLATE, lua_twin(r, t), n, data, NULL);
    return push_body(r, l);
}

static int op_template_leave(lua_State *l)
{
    frame_leave(run_of(l));
    return 0;
}

/* ---- the state --------------------------------------------------------------------------------------- */

static const luaL_Reg ops[] = {
    { "go", op_go },
    { "put", op_put },
    { "set", op_set },
    { "is", op_is },
    { "with", op_with },
    { "block", op_block },
    { "range", op_range },
    { "left", op_left },
    { "call", op_call },
    { "spare", op_spare },
    { "val", op_val },
    { "arg", op_arg },
    { "fit", op_fit },
    { "more", op_more },
    { "keep", op_keep },
    { "kept", op_kept },
    { "include_enter", op_include_enter },
    { "include_leave", op_include_leave },
    { "tpl_enter", op_tpl_enter },
    { "tpl_leave", op_tpl_leave },
    { "template_enter", op_template_enter },
    { "template_leave", op_template_leave },
};

void engine_open_raises(lua_State *l)
{
    for (size_t i = 0; i < HC_LEN(ops); i++)
        lua_register(l, ops[i].name, ops[i].func);
    hc_rt_open_raises(l);
    lua_newtable(l);
    lua_setfield(l, LUA_REGISTRYINDEX, FUNCS_KEY);
}

/* ---- the run ----------------------------------------------------------------------------------------- */

/* `.` of a file: the chart's map as a common.Values, with .Template of this file in it. */
hc_tv file_context(struct run *r, uint32_t i)
{
    const struct hc_template_file *f = &r->p->files[i];
    struct hc_val *ctx = r->in->contexts[i], *dot = HC_NEW(r->a, struct hc_val), *t = hc_map_new(r->a);
    check_arena(r);
    t->type = HC_GO_VALUES;
    hc_map_put_ref(r->a, t, HC_S("Name"), hc_str_val_ref(r->a, f->name));
    hc_map_put_ref(r->a, t, HC_S("BasePath"), hc_str_val_ref(r->a, f->base_path));
    hc_map_put_ref(r->a, ctx, HC_S("Template"), t);
    check_arena(r);
    *dot = *ctx;
    dot->type = HC_GO_VALUES;
    return dot;
}

/* All files, in Helm's order. False: it was left by an error. */
static bool render_files(struct run *r)
{
    const struct hc_program *p = r->p;
    if (setjmp(r->out_of_run) != 0) {
        r->stretch = NULL;
        r->memo = NULL;
        r->again = NULL;
        return false;
    }
    if (r->agains)
        again_start(r);
    if (TRACED(r))
        trace_start(r);
    if (p->scripts_n)
        script_start(r);
    for (size_t k = 0; k < p->files_n; k++) {
        uint32_t i = p->order[k], entry;
        r->out_texts[i] = (hc_str){ NULL, 0 };
        if (p->files[i].partial)
            continue;
        struct tmpl *t = program_find(p, p->files[i].name, &entry);
        if (!t)
            continue;
        r->out.n = 0;
        r->frames_n = 0;
        r->slots_n = 0;
        hc_tv dot = file_context(r, i);
        struct stretch file;
        if (r->agains)
            again_file(r, dot);
        stretch_begin(r, &file);
        walk_file(r, t, dot);
        stretch_end(r, &file);
        hc_str all = hc_buf_str(&r->out), clean = without_no_value(r, all);
        r->out_texts[i] = clean.p == all.p ? hc_arena_str(r->a, all) : clean;
        check_arena(r);
        if (TRACED(r))
            trace_file(r, i, all, r->out_texts[i]);
    }
    return true;
}

/* What tpl texts compiled to is not for the next run. */
static int forget_texts(lua_State *l)
{
    struct run *r = run_of(l);
    lua_getfield(l, LUA_REGISTRYINDEX, FUNCS_KEY);
    for (uint32_t i = r->p->tmpls_n + 1; i <= r->tmpls_n; i++) {
        lua_pushnil(l);
        lua_rawseti(l, -2, func_key(i, 0));
    }
    if (TRACED(r))
        script_trace_forget(l);
    return 0;
}

static void give_back(struct run *r, bool good)
{
    lua_State *l = r->m->l;
    lua_settop(l, 0);
    lua_pushcfunction(l, forget_texts);
    good = good && lua_pcall(l, 0, 0, 0) == LUA_OK;
    machine_give(r->p, r->m, good);
}

enum hc_rc hc_program_run(struct hc_program *p, struct hc_arena *a, const struct hc_run *in, hc_str *out_texts,
                          struct hc_err *err)
{
    static const struct hc_door no_door;
    struct hc_err unused;
    struct run r = { .p = p, .a = a, .in = in, .out_texts = out_texts, .tmpls_n = p->tmpls_n, .rc = HC_OK };
    r.err = err ? err : &unused;
    r.trace = in->trace;
    r.keeps = in->trace || p->scripts_n || (in->door && in->door->ask);
    r.func_err = (struct hc_err)HC_ERR_INIT;
    r.fc = (struct hc_fcall){ .a = a,
                              .err = &r.func_err,
                              .door = in->door ? in->door : &no_door,
                              .helm3 = in->helm3,
                              .keeps = in->keeps && !r.keeps && !in->lint && hc_kept_on(),
                              .on_change = stretch_change,
                              .turns = run_turns,
                              .ctx = &r };
    r.agains = !r.keeps && !in->strict && !in->lint && !in->by_lua;
    r.memos = r.fc.keeps && r.agains;
    r.stack = __builtin_frame_address(0);
    r.steps_left = in->max_steps ? in->max_steps : HC_MAX_RENDER_STEPS;
    hc_buf_init(&r.out, HC_MAX_OUTPUT_BYTES);
    hc_buf_init(&r.error, HC_MAX_OUTPUT_BYTES);
    size_t most = hc_arena_used(a) + hc_render_room(hc_arena_used(a) + hc_arena_used(p->a), in->trace);
    size_t ceiling = hc_arena_limit(a, HC_MIN(hc_arena_ceiling(a), most)); /* hc_render has set a closer one */
    r.active = hc_calloc(p->names_n + 1, sizeof(*r.active));
    enum hc_rc rc = HC_OK;
    if (!r.active) {
        rc = hc_fail_nomem(err);
    } else if (!render_files(&r)) {
        rc = run_error(&r);
        if (rc == HC_E_LIMIT && r.fc.unlucky)
            rc = r.err->code = HC_E_AGAIN;
        if (in->out_error)
            *in->out_error = hc_buf_to_arena(&r.error, a);
    }
    script_trace_end(&r);
    if (r.m)
        give_back(&r, rc == HC_OK);
    (void)hc_arena_limit(a, ceiling);
    for (size_t i = 0; i < r.texts_cap; i++)
        hc_kept_release(r.texts[i] ? r.texts[i]->kept : NULL);
    hc_arena_free(r.texts_a);
    hc_arena_free(r.again_a);
    trail_done(&r);
    hc_buf_done(&r.out);
    hc_buf_done(&r.error);
    free(r.frames);
    if (r.script)
        hc_arena_free(r.script->places);
    free(r.slots);
    free(r.args);
    free(r.reads);
    free(r.again_known);
    free(r.active);
    free(r.texts);
    return rc;
}
