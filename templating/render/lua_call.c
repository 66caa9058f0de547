/*
 * Template functions and methods as Lua templates call them: arguments become nodes of the type that the parameter wants,
 * as literals do in a Go template, and everything else is the engine's.
 */
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>

#include "lua/funcs/gofmt.h"
#include "templating/render/lua_impl.h"
#include "templating/render/trace_impl.h"

/* ---- arguments --------------------------------------------------------------------------------------- */

/* A number that Lua gave, as the parameter's type. The node is a new one. */
static void adapt_number(struct hc_val *v, char type)
{
    bool whole = v->kind == HC_FLOAT && v->f == floor(v->f) && fabs(v->f) < 9007199254740992.0;
    if (type == 'f' && v->kind == HC_INT) {
        v->f = (double)v->i;
        v->kind = HC_FLOAT;
        v->type = HC_GO_PLAIN;
        return;
    }
    if (whole && strchr("iIdu", type)) {
        v->i = (int64_t)v->f;
        v->kind = HC_INT;
        v->type = HC_GO_INT;
    }
    if (v->kind != HC_INT)
        return;
    if (type == 'I')
        v->type = HC_GO_PLAIN;
    else if (type == 'd')
        v->type = HC_GO_DURATION;
    else if (type == 'u' && v->i >= 0)
        v->type = HC_GO_INT32;
}

/* []string of a list that holds nothing else. */
static struct hc_val *strings(struct run *r, struct hc_val *v)
{
    for (size_t i = 0; i < hc_list_len(v); i++)
        if (!hc_is_str(hc_list_at(v, i)))
            return v;
    struct hc_val *list = hc_val_copy(r->a, v);
    check_arena(r);
    list->type = HC_GO_STRINGS;
    return list;
}

/* Sprig takes anything there and wants a list all the same: without this join(",", {}) would be "map[]". */
static bool wants_list(const char *func, int i)
{
    static const char *const first[] = { "append",     "push",        "prepend",     "concat",      "first",
                                         "last",       "rest",        "initial",     "uniq",        "reverse",
                                         "compact",    "slice",       "without",     "sortAlpha",   "toStrings",
                                         "mustAppend", "mustPush",    "mustPrepend", "mustFirst",   "mustLast",
                                         "mustRest",   "mustInitial", "mustUniq",    "mustReverse", "mustCompact",
                                         "mustSlice",  "mustWithout" };
    static const char *const second[] = { "join", "has", "chunk", "concat", "mustHas", "mustChunk" };
    for (size_t k = 0; i == 1 && k < HC_LEN(first); k++)
        if (strcmp(func, first[k]) == 0)
            return true;
    for (size_t k = 0; i == 2 && k < HC_LEN(second); k++)
        if (strcmp(func, second[k]) == 0)
            return true;
    return i > 2 && strcmp(func, "concat") == 0;
}

static struct hc_val *argument(struct run *r, lua_State *l, int i, char type, const char *func)
{
    char what[120];
    snprintf(what, sizeof(what), "argument %d of %.80s", i, func);
    bool list = type == 'l' || type == 't' || (lua_istable(l, i) && wants_list(func, i));
    struct hc_val *v = hc_luaval_get_raises(l, i, list, what);
    if (lua_type(l, i) == LUA_TNUMBER)
        adapt_number(v, type);
    else if (type == 't' && v && v->kind == HC_LIST && v->type == HC_GO_PLAIN)
        v = strings(r, v);
    return v;
}

/* ---- functions --------------------------------------------------------------------------------------- */

static void push_result(lua_State *l, hc_tv v)
{
    hc_luaval_push_raises(l, hc_tv_node(v));
}

static HC_NORETURN void fail_marked(struct run *r, const char *name, const struct hc_val *msg)
{
    const hc_str parts[] = { HC_S("HELM_ERR_START"), hc_get_str(msg), HC_S("HELM_ERR_END") };
    hc_run_fail_call(r, NULL, hc_str_of(name), hc_arena_cat(r->a, HC_LEN(parts), parts));
}

/* Those of the engine itself; include and tpl are Lua. */
static int call_own(struct run *r, lua_State *l, enum own_func own, const struct hc_func *f)
{
    int n = lua_gettop(l);
    struct hc_val *v = NULL;
    hc_luabox_charge_raises(r->m->sandbox, STEPS_CALL);
    switch (own) {
    case OWN_AND:
    case OWN_OR:
        for (int i = 1; i <= n; i++) {
            v = argument(r, l, i, 'r', f->name);
            if (eval_truth(v) == (own == OWN_OR))
                break;
        }
        push_result(l, v);
        return 1;
    case OWN_FAIL:
        v = argument(r, l, 1, 's', "fail");
        if (!hc_is_str(v))
            hc_run_fail(r, "wrong type for value; expected string; got %s", hc_kind_name(v));
        if (!r->in->lint)
            fail_marked(r, "fail", v);
        lua_pushliteral(l, "");
        return 1;
    case OWN_REQUIRED: {
        struct hc_val *text = argument(r, l, 1, 's', "required");
        v = argument(r, l, 2, 'a', "required");
        bool there = !hc_is_null(v) && !(hc_is_str(v) && v->n == 0);
        if (!there && !r->in->lint)
            fail_marked(r, "required", text);
        if (there)
            push_result(l, v);
        else
            lua_pushliteral(l, "");
        return 1;
    }
    default:
        hc_run_fail(r, "%s can not be called here", f->name);
    }
}

/* A map or list keeps its own history. */
static void note_result(struct run *r, const char *name, const struct hc_val *v)
{
    if (!v || (v->kind != HC_MAP && v->kind != HC_LIST))
        script_trace_result(r, hc_str_of(name), dep_of_node(r->trace, v));
}

static int call_function(lua_State *l)
{
    struct run *r = run_of(l);
    const struct hc_func *f = lua_touserdata(l, lua_upvalueindex(1));
    int n = lua_gettop(l);
    eval_count_args(r, hc_str_of(f->name), f->params, (size_t)n);
    enum own_func own = own_func_of(f);
    if (own != OWN_NONE)
        return call_own(r, l, own, f);
    size_t base = r->args_n;
    if (TRACED(r) && frame_of(r->trace))
        r->trace->log.n = frame_of(r->trace)->log; /* a call is a statement of its own */
    for (int i = 1; i <= n; i++) {
        struct hc_val *v = argument(r, l, i, eval_param_type(f->params, (size_t)i - 1), f->name);
        eval_push_arg(r, TRACED(r) ? script_trace_argument(r, hc_str_of(f->name), (uint32_t)i - 1, v) : v);
    }
    uint32_t inst = TRACED(r) ? script_trace_begin(r, hc_str_of(f->name)) : 0;
    hc_tv v = eval_call_with(r, f, NULL, base);
    if (TRACED(r)) {
        script_trace_done(r, inst);
        note_result(r, f->name, hc_tv_node(v));
    }
    push_result(l, v);
    return 1;
}

void script_push_function(struct run *r, lua_State *l, hc_str name)
{
    union {
        const void *in;
        void *out;
    } f = { .in = name.n ? r->p->port.find_func(r->p->port.ctx, name) : NULL };
    if (!f.in) {
        lua_pushnil(l);
        return;
    }
    enum own_func own = own_func_of(f.in);
    if (own == OWN_INCLUDE || own == OWN_TPL) {
        lua_getfield(l, LUA_REGISTRYINDEX, SCRIPT_RT);
        lua_rawgeti(l, -1, own == OWN_INCLUDE ? RT_INCLUDE : RT_TPL);
        lua_remove(l, -2);
        return;
    }
    lua_pushlightuserdata(l, f.out);
    lua_pushcclosure(l, call_function, 1);
}

/* ---- methods ----------------------------------------------------------------------------------------- */

static const char *method_params(const struct hc_val *v, hc_str name)
{
    if (v->kind == HC_MAP && v->type == HC_GO_VALUES) {
        if (hc_str_eqz(name, "YAML") || hc_str_eqz(name, "AsMap"))
            return "";
        return hc_str_eqz(name, "Table") || hc_str_eqz(name, "PathValue") ? "s" : NULL;
    }
    return hc_func_method_params(v, name);
}

static void note_method(struct run *r, const struct hc_val *v, hc_str name, const struct hc_val *arg,
                        const struct hc_val *out)
{
    uint32_t dep = v->type == HC_GO_FILES ? value_file_dep(r->trace, name, arg) : dep_of_node(r->trace, v);
    if (!out || (out->kind != HC_MAP && out->kind != HC_LIST))
        script_trace_result(r, name, dep);
}

/* With the arguments from stack position `first` on. */
static void push_called(struct run *r, lua_State *l, struct hc_val *v, hc_str name, const char *params, int first)
{
    struct hc_val *argv[8], *out = NULL;
    size_t n = 0;
    bool found = false;
    for (int i = first; i <= lua_gettop(l) && n < HC_LEN(argv); i++, n++)
        argv[n] = argument(r, l, i, eval_param_type(params, n), "a method");
    hc_luabox_charge_raises(r->m->sandbox, STEPS_CALL);
    enum hc_rc rc = hc_func_method(&r->fc, v, name, argv, n, &found, &out);
    check_arena(r);
    if (rc == HC_E_LIMIT || rc == HC_E_NOMEM)
        hc_run_fail_limit(r, r->func_err.msg);
    if (rc != HC_OK)
        hc_run_fail_call(r, NULL, hc_arena_str(r->a, name), hc_str_of(r->func_err.msg));
    if (TRACED(r))
        note_method(r, v, name, n ? argv[0] : NULL, out);
    hc_luaval_push_raises(l, out);
}

static int call_method(lua_State *l)
{
    struct run *r = run_of(l);
    struct hc_val *v = hc_luaval_node(l, lua_upvalueindex(1));
    size_t n;
    const char *p = lua_tolstring(l, lua_upvalueindex(2), &n);
    /* Files:Get("x") hands the value over again. */
    int first = hc_luaval_node(l, 1) == v ? 2 : 1;
    push_called(r, l, v, hc_str_n(p, n), method_params(v, hc_str_n(p, n)), first);
    return 1;
}

/* As in a Go template, a method without parameters reads like a field. */
static bool method(lua_State *l, struct hc_val *v, hc_str name)
{
    struct run *r = run_of(l);
    const char *params = v->type != HC_GO_PLAIN || v->kind == HC_OBJ ? method_params(v, name) : NULL;
    if (!params)
        return false;
    if (hc_str_eqz(name, "AsMap")) {
        struct hc_val *plain = HC_NEW(r->a, struct hc_val);
        check_arena(r);
        *plain = *v;
        plain->type = HC_GO_PLAIN;
        hc_luaval_push_raises(l, plain);
        return true;
    }
    if (!*params) {
        push_called(r, l, v, name, params, lua_gettop(l) + 1);
        return true;
    }
    lua_pushvalue(l, 1);
    lua_pushlstring(l, name.p, name.n);
    lua_pushcclosure(l, call_method, 2);
    return true;
}

/* ---- the port ---------------------------------------------------------------------------------------- */

static struct hc_arena *arena(lua_State *l)
{
    return run_of(l)->a;
}

static void charge(lua_State *l, uint64_t steps)
{
    hc_luabox_charge_raises(run_of(l)->m->sandbox, steps);
}

/* For a trace, as a field of a Go template. */
static void was_read(lua_State *l, struct hc_val *v, hc_str name, struct hc_val *entry)
{
    struct run *r = run_of(l);
    if (!TRACED(r))
        return;
    struct hc_trace *t = r->trace;
    size_t before = t->log.n;
    uint32_t dep = 0;
    if (name.p) {
        trace_read(r, v, &name, 1, entry ? hc_tv_box(entry) : HC_TV_NIL);
        for (size_t i = before; i < t->log.n; i++)
            dep = dep_join(t, dep, ((const uint32_t *)t->log.p)[i]);
        t->log.n = HC_MIN(before, t->log.n); /* it is the line's, not the file's */
    } else {
        value_read(t, entry);
        dep = dep_of_node(t, entry);
    }
    script_trace_read(r, name, dep, entry && (entry->kind == HC_MAP || entry->kind == HC_LIST));
}

static void print_value(lua_State *l, struct hc_val *v)
{
    struct run *r = run_of(l);
    size_t mark = r->out.n;
    struct hc_trace *trace = r->trace;
    r->trace = NULL; /* no output */
    walk_print(r, v);
    r->trace = trace;
    lua_pushlstring(l, r->out.p ? r->out.p + mark : "", r->out.n - mark);
    r->out.n = mark;
}

static bool is_followed(lua_State *l)
{
    return TRACED(run_of(l));
}

const struct hc_luaval_port script_port = { .arena = arena,
                                            .charge_raises = charge,
                                            .method_raises = method,
                                            .read = was_read,
                                            .print_raises = print_value,
                                            .is_followed = is_followed,
                                            .entry_raises = script_trace_entry };
