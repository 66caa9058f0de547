/*
 * Pipelines: Go's text/template exec, over value nodes. `r->at` follows Go's `s.at(node)` step by step, because it
 * is what an error text names.
 *
 * A literal is a node made once, when its template is compiled, of the type that the function's parameter wants
 * (F5). Arguments are gathered on one stack of the run, so a call allocates nothing but its result.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "lua/funcs/gofmt.h"
#include "templating/render/engine_impl.h"

static struct hc_val missing_node;
#define MISSING (&missing_node) /* no value comes in by the pipe */

struct hc_val eval_unset;

bool eval_truth(hc_tv v)
{
    const struct hc_val *n = hc_tv_node(v);
    if (!n)
        return false;
    if (n->type != HC_GO_PLAIN)
        return hc_go_truth(n);
    switch ((enum hc_kind)n->kind) {
    case HC_BOOL:
        return n->b;
    case HC_STR:
        return n->n > 0;
    case HC_LIST:
        return n->list && n->list->n > 0;
    case HC_MAP:
        return n->map && n->map->n > 0;
    default:
        return hc_go_truth(n);
    }
}

/* ---- types of parameters --------------------------------------------------------------------------- */

static const char *type_text(char type)
{
    switch (type) {
    case 's':
        return "string";
    case 'i':
        return "int";
    case 'I':
        return "int64";
    case 'f':
        return "float64";
    case 'b':
        return "bool";
    case 'm':
        return "map[string]interface {}";
    case 'l':
        return "[]interface {}";
    case 't':
        return "[]string";
    case 'e':
        return "error";
    case 'd':
        return "time.Duration";
    case 'T':
        return "time.Time";
    case 'c':
        return "sprig.certificate";
    case 'u':
        return "uint32";
    case 'v':
        return "*semver.Version";
    case 'r':
        return "reflect.Value";
    case 'w':
        return "io.Writer";
    default:
        return "interface {}";
    }
}

static bool can_be_nil(char type)
{
    return strchr("amltrev", type) != NULL;
}

static bool fits(const struct hc_val *v, char type)
{
    switch (type) {
    case 's':
        return v->kind == HC_STR && v->type == HC_GO_PLAIN;
    case 'i':
        return v->kind == HC_INT && v->type == HC_GO_INT;
    case 'I':
        return v->kind == HC_INT && v->type == HC_GO_PLAIN;
    case 'f':
        return v->kind == HC_FLOAT && v->type == HC_GO_PLAIN;
    case 'b':
        return v->kind == HC_BOOL;
    case 'm':
        return v->kind == HC_MAP && (v->type == HC_GO_PLAIN || v->type == HC_GO_VALUES);
    case 'l':
        return v->kind == HC_LIST && v->type == HC_GO_PLAIN;
    case 't':
        return v->kind == HC_LIST && (v->type == HC_GO_STRINGS || v->type == HC_GO_VERSIONS);
    case 'd':
        return v->kind == HC_INT && v->type == HC_GO_DURATION;
    case 'T':
        return v->kind == HC_OBJ && v->type == HC_GO_TIME;
    case 'c':
        return v->kind == HC_MAP && v->type == HC_GO_CERT;
    case 'v':
        return v->kind == HC_OBJ && v->type == HC_GO_SEMVER;
    case 'u': /* only literals are, which say so by their type */
        return v->kind == HC_INT && v->type == HC_GO_INT32;
    case 'e':
    case 'w': /* nothing in a chart is one */
        return false;
    default:
        return true;
    }
}

/* A function that takes anything gets a copy, and a copy has no address, without which it has no methods (B14.4). */
static struct hc_val *kube_copy(struct run *r, const struct hc_val *v)
{
    struct hc_val *copy = HC_NEW(r->a, struct hc_val);
    check_arena(r);
    *copy = *v;
    copy->type = HC_GO_KUBEVALUE;
    return copy;
}

/* In Lua a line is all that an error knows of its place: say the argument, too. */
static const char *whose(const struct run *r, char room[96])
{
    if (!r->checked)
        return "";
    snprintf(room, 96, " (argument %zu of %.60s)", r->checked_arg, r->checked->name);
    return room;
}

/* Go's validateType: the node that the parameter gets, NULL for nil. `type` 0: none is wanted. */
static struct hc_val *validate(struct run *r, hc_tv value, char type)
{
    struct hc_val *v = hc_tv_node(value);
    char room[96];
    if (type == 'a' && v && v->kind == HC_MAP && v->type == HC_GO_KUBEVERSION)
        return kube_copy(r, v);
    if (type == 0 || type == 'a' || type == 'r')
        return v && v->kind != HC_NULL ? v : NULL;
    if (!value) {
        if (can_be_nil(type))
            return NULL;
        hc_run_fail(r, "invalid value; expected %s%s", type_text(type), whose(r, room));
    }
    if (!v)
        hc_run_fail(r, "wrong type for value; expected %s; got interface {}%s", type_text(type), whose(r, room));
    if (!fits(v, type))
        hc_run_fail(r, "wrong type for value; expected %s; got %s%s", type_text(type),
                    hc_go_type_name(v, r->p->helm3), whose(r, room));
    if (type == 'm' && v->type == HC_GO_VALUES) {
        /* Assigning converts: the function sees a plain map over the same entries. */
        struct hc_val *plain = HC_NEW(r->a, struct hc_val);
        memo_spoil(r);
        if (plain) {
            *plain = *v;
            plain->type = HC_GO_PLAIN;
        }
        return plain;
    }
    return v;
}

hc_tv eval_fit(struct run *r, hc_tv value, char type)
{
    return validate(r, value, type);
}

static HC_NORETURN void bad_literal(struct run *r, const struct hc_node *n, char type)
{
    hc_str s = node_text(r, n);
    switch (type) {
    case 'b':
        hc_run_fail(r, "expected bool; found %.*s", HC_P(s));
    case 's':
        hc_run_fail(r, "expected string; found %.*s", HC_P(s));
    case 'i':
    case 'I':
    case 'd':
        hc_run_fail(r, "expected integer; found %.*s", HC_P(s));
    case 'u':
        hc_run_fail(r, "expected unsigned integer; found %.*s", HC_P(s));
    case 'f':
        hc_run_fail(r, "expected float; found %.*s", HC_P(s));
    case 'a':
    case 'r':
    case 0:
        hc_run_fail(r, "%.*s overflows int", HC_P(s));
    default:
        hc_run_fail(r, "can't handle %.*s for arg of type %s", HC_P(s), type_text(type));
    }
}

/* ---- fields ---------------------------------------------------------------------------------------- */

static hc_tv eval_call(struct run *r, hc_tv dot, const struct hc_func *f, const struct hc_node *cmd,
                       struct hc_node *const *args, size_t n, hc_tv final, struct given *g);

/* .Values.x is most of what templates read: no look-up for it. */
static bool may_have(const struct hc_val *v, hc_str name)
{
    return v->type != HC_GO_VALUES || hc_str_eqz(name, "YAML") || hc_str_eqz(name, "Table") ||
           hc_str_eqz(name, "AsMap") || hc_str_eqz(name, "PathValue") || hc_str_eqz(name, "Encode");
}

static void count_args(struct run *r, hc_str name, const char *params, size_t args, bool piped);
static void gather_all(struct run *r, hc_tv dot, const char *params, struct hc_node *const *args, size_t n,
                       hc_tv final, struct given *g);

static void push_arg(struct run *r, struct hc_val *v)
{
    if (r->args_n == r->args_cap) {
        size_t cap = r->args_cap ? r->args_cap * 2 : 256;
        void *grown = hc_realloc(r->args, cap * sizeof(struct hc_val *));
        if (!grown)
            hc_run_fail_limit(r, "out of memory");
        r->args = grown;
        r->args_cap = cap;
    }
    r->args[r->args_n++] = v;
}

static hc_tv next_given(struct run *r, struct given *g)
{
    hc_tv v = NULL;
    if (g->next <= g->top && lua_istable(g->l, g->next)) {
        lua_rawgeti(g->l, g->next, ++g->in_table);
        v = lua_touserdata(g->l, -1);
        lua_pop(g->l, 1);
    } else if (g->next <= g->top) {
        v = lua_touserdata(g->l, g->next++);
    }
    r->at = g->at;
    return v;
}

/* Pushes the argument on the stack of arguments. */
static void gather(struct run *r, hc_tv dot, char type, const struct hc_node *n, struct given *g)
{
    hc_tv v;
    if (n->flags & HC_NODE_GIVEN && g) {
        v = next_given(r, g);
        push_arg(r, validate(r, v, type));
    } else {
        v = eval_arg(r, dot, type, n);
        push_arg(r, type == 'a' ? validate(r, v, type) : hc_tv_node(v));
    }
    r->invalid = !v;
}

static void charge_call(struct run *r)
{
    run_charge(r, STEPS_CALL);
    if ((++r->calls & 63) != 0 && r->calls != 1)
        return;
    int64_t now = hc_mono_ms();
    if (now < r->look_ms)
        return;
    uint64_t cpu = hc_thread_cpu_ns() + r->fc.dear_beside_ns;
    if (r->deadline_ns == 0)
        r->deadline_ns = cpu + (uint64_t)HC_MAX_RENDER_CPU_MS * 1000000u;
    else if (cpu > r->deadline_ns)
        hc_run_fail_limit(r, "the budget of processor time for one render is spent");
    r->look_ms = now + (int64_t)((r->deadline_ns - cpu) / 2000000u);
}

/* What the function about to be called may charge by itself, and what it did charge. */
static void open_work(struct run *r)
{
    r->fc.work = 0;
    r->fc.work_max = r->in_lua ? hc_luabox_steps_left(r->m->sandbox) : r->steps_left;
}

static void charge_work(struct run *r)
{
    if (r->fc.work > 0)
        run_charge(r, r->fc.work);
}

/* What it cost to make a value, or to read it: a step is two nanoseconds, a hash or a regex takes some a byte. */
static uint64_t weight(const struct hc_val *v)
{
    if (!v)
        return 0;
    switch (v->kind) {
    case HC_STR:
        return v->n;
    case HC_LIST:
        return v->list ? (uint64_t)v->list->n * 30 : 0;
    case HC_MAP:
        return v->map ? (uint64_t)v->map->n * 80 : 0;
    default:
        return 0;
    }
}

static void charge_args(struct run *r, size_t base)
{
    uint64_t sum = 0;
    for (size_t i = base; i < r->args_n; i++)
        sum += weight(r->args[i]);
    if (sum > 1000)
        run_charge(r, sum);
}

static void charge_result(struct run *r, const struct hc_val *v)
{
    uint64_t w = weight(v);
    if (w > 1000)
        run_charge(r, w);
}

/* What the function that just failed said. */
static hc_str func_error(struct run *r)
{
    hc_str whole = r->fc.long_error;
    r->fc.long_error = (hc_str){ NULL, 0 };
    return whole.n ? whole : hc_str_of(r->func_err.msg);
}

/* A budget met inside a function: the message names the function. */
static HC_NORETURN void fail_limit_of(struct run *r, hc_str name)
{
    if (!hc_str_starts(hc_str_of(r->func_err.msg), name))
        hc_wrap(&r->func_err, "%.*s", HC_P(name));
    hc_run_fail_limit(r, r->func_err.msg);
}

/* A method of the value: false when it has none of that name. */
static bool eval_method(struct run *r, hc_tv dot, struct hc_val *recv, hc_str name, const struct hc_node *node,
                        struct hc_node *const *args, size_t n, hc_tv final, struct given *g, hc_tv *out)
{
    size_t base = r->args_n;
    bool found = false;
    struct hc_val *v = NULL;
    if (recv->type == HC_GO_VALUES && hc_str_eqz(name, "AsMap") && n <= 1 && final == MISSING) {
        /* The same entries as a plain map. */
        struct hc_val *plain = HC_NEW(r->a, struct hc_val);
        check_arena(r);
        *plain = *recv;
        plain->type = HC_GO_PLAIN;
        *out = plain;
        return true;
    }
    const char *params = hc_func_method_params(recv, name);
    if (!params)
        return false;
    count_args(r, name, params, n > 0 ? n - 1 : 0, final != MISSING);
    gather_all(r, dot, params, args, n, final, g);
    if (r->args_n > base)
        memo_spoil(r);
    charge_call(r);
    open_work(r);
    enum hc_rc rc = hc_func_method(&r->fc, recv, name, args_from(r, base), r->args_n - base, &found, &v);
    r->args_n = base;
    if (!found)
        return false;
    charge_work(r);
    check_arena(r);
    if (rc != HC_OK) {
        hc_str msg = func_error(r);
        if (rc == HC_E_LIMIT || rc == HC_E_NOMEM)
            fail_limit_of(r, name);
        if (hc_str_starts(msg, HC_S("wrong number of args for ")) ||
            hc_str_starts(msg, HC_S("wrong type for value")) ||
            hc_str_starts(msg, HC_S("invalid value; expected ")) ||
            hc_str_starts(msg, HC_S("invalid function signature for ")) ||
            hc_str_ends(msg, HC_S(" return values; should be 1 or 2")))
            hc_run_fail_msg(r, msg);
        hc_run_fail_call(r, node, name, msg);
    }
    charge_result(r, v);
    *out = v && v->kind != HC_NULL ? v : NULL;
    return true;
}

static hc_str type_of(struct run *r, hc_tv v)
{
    return hc_str_of(hc_tv_boxed(v) ? "interface {}" : hc_go_type_name(hc_tv_node(v), r->p->helm3));
}

static bool is_unexported(const struct hc_val *v, hc_str name)
{
    static const struct {
        uint8_t kind, type;
        const char *name;
    } fields[] = { { HC_OBJ, HC_GO_SEMVER, "major" },
                   { HC_OBJ, HC_GO_SEMVER, "minor" },
                   { HC_OBJ, HC_GO_SEMVER, "patch" },
                   { HC_OBJ, HC_GO_SEMVER, "pre" },
                   { HC_OBJ, HC_GO_SEMVER, "metadata" },
                   { HC_OBJ, HC_GO_SEMVER, "original" },
                   { HC_OBJ, HC_GO_TIME, "wall" },
                   { HC_OBJ, HC_GO_TIME, "ext" },
                   { HC_OBJ, HC_GO_TIME, "loc" },
                   { HC_MAP, HC_GO_KUBEVERSION, "normalizedVersion" },
                   { HC_MAP, HC_GO_KUBEVALUE, "normalizedVersion" } };
    for (size_t i = 0; i < HC_LEN(fields); i++)
        if (v->kind == fields[i].kind && hc_str_eqz(name, fields[i].name) &&
            (v->type == fields[i].type || (v->type == HC_GO_VERSION && fields[i].type == HC_GO_SEMVER)))
            return true;
    return false;
}

/* A nil, a missing value and a plain one have none. */
static bool may_have_method(hc_tv recv, hc_str name)
{
    const struct hc_val *v = recv && recv != HC_TV_NIL ? hc_tv_node(recv) : NULL;
    return v && (v->type != HC_GO_PLAIN || v->kind == HC_OBJ) && may_have(v, name);
}

static hc_tv eval_field(struct run *r, hc_tv dot, hc_str name, const struct hc_node *node,
                        struct hc_node *const *args, size_t n, hc_tv final, hc_tv recv, struct given *g)
{
    if (!recv) {
        if (r->in->strict)
            hc_run_fail(r, "nil data; no entry for key \"%.*s\"", HC_P(name));
        return NULL;
    }
    if (recv == HC_TV_NIL)
        hc_run_fail(r, "nil pointer evaluating interface {}.%.*s", HC_P(name));
    struct hc_val *v = hc_tv_node(recv);
    if (is_watched(r))
        memo_enter(r, v);
    if (r->again)
        again_field(r, v, name);
    hc_tv result;
    if (may_have_method(recv, name) && eval_method(r, dot, v, name, node, args, n, final, g, &result))
        return result;
    if (v->kind == HC_MAP) {
        bool has_args = n > 1 || final != MISSING;
        struct hc_entry *e = v->map ? hc_map_find(v, name) : NULL;
        if (r->agains && e)
            again_taken(r, v, e->val);
        if (v->type >= HC_GO_CAPABILITIES) { /* a struct */
            if (e && !is_unexported(v, name)) {
                if (has_args)
                    hc_run_fail(r, "%.*s has arguments but cannot be invoked as function", HC_P(name));
                return hc_tv_unbox(e->val);
            }
            /* Embedded there: the chart answers to its names, too. */
            if (v->type == HC_GO_CHART3 && hc_str_eqz(name, "Metadata") && !has_args)
                return hc_tv_unbox(v);
        } else {
            if (has_args)
                hc_run_fail(r, "%.*s is not a method but has arguments", HC_P(name));
            if (!e && r->in->strict) {
                hc_str q = quoted(r, name);
                hc_run_fail(r, "map has no entry for key %.*s", HC_P(q));
            }
            if (v->type == HC_GO_MAPSTR || v->type == HC_GO_FILES) {
                if (e)
                    return e->val;
                struct hc_val *zero = hc_str_val_ref(r->a, HC_S(""));
                if (zero && v->type == HC_GO_FILES)
                    zero->type = HC_GO_BYTES;
                return zero;
            }
            return e ? hc_tv_box(e->val) : HC_TV_NIL;
        }
    }
    hc_str type = type_of(r, recv);
    if (is_unexported(v, name))
        hc_run_fail(r, "%.*s is an unexported field of struct type %.*s", HC_P(name), HC_P(type));
    hc_run_fail(r, "can't evaluate field %.*s in type %.*s", HC_P(name), HC_P(type));
}

/* Tells the trace of the names of the node but for the first `skip`. */
static hc_tv traced_chain(struct run *r, hc_tv from, const struct hc_node *node, uint32_t skip, hc_tv v)
{
    hc_str few[16], *names = node->n <= HC_LEN(few) ? few : HC_NEW_N(r->a, hc_str, node->n);
    struct hc_names at = hc_node_names(node);
    for (uint32_t i = 0; names && i < node->n; i++)
        names[i] = hc_names_next(&at);
    return names ? trace_read(r, from, names + skip, node->n - skip, v) : v;
}

/* The fields that the node names, but for the first `skip` names. */
static hc_tv eval_chain(struct run *r, hc_tv dot, hc_tv recv, const struct hc_node *node, uint32_t skip,
                        struct hc_node *const *args, size_t n, hc_tv final, struct given *g)
{
    hc_tv from = recv;
    struct hc_names names = hc_node_names(node);
    if (skip)
        (void)hc_names_next(&names);
    for (uint32_t left = node->n - skip; left > 1; left--)
        recv = eval_field(r, dot, hc_names_next(&names), node, NULL, 0, MISSING, recv, NULL);
    recv = eval_field(r, dot, hc_names_next(&names), node, args, n, final, recv, g);
    return TRACED(r) ? traced_chain(r, from, node, skip, recv) : recv;
}

static HC_NORETURN void fail_undefined(struct run *r, const struct hc_node *var)
{
    hc_str name = hc_node_first_name(var);
    hc_run_fail(r, "undefined variable: %.*s", HC_P(name));
}

static hc_tv variable(struct run *r, const struct hc_node *n)
{
    if (n->slot != HC_NO_SLOT) {
        hc_tv v = r->slots[r->f->slots + n->slot];
        if (TRACED(r))
            trace_empty(r, n);
        if (v != &eval_unset)
            return v;
    }
    fail_undefined(r, n);
}

/* ---- functions ------------------------------------------------------------------------------------- */

static HC_NORETURN void miscounted(struct run *r, hc_str name, const char *params, size_t args, bool piped)
{
    size_t n = strlen(params);
    if (n > 0 && params[n - 1] == '*')
        hc_run_fail(r, "wrong number of args for %.*s: want at least %zu got %zu", HC_P(name), n - 2, args);
    hc_run_fail(r, "wrong number of args for %.*s: want %zu got %zu", HC_P(name), n, args + piped);
}

/* Few letters: counted faster than by a call. */
static inline bool counts(const char *params, size_t in)
{
    size_t n = 0;
    while (params[n])
        n++;
    return n > 0 && params[n - 1] == '*' ? in >= n - 2 : in == n;
}

static void count_args(struct run *r, hc_str name, const char *params, size_t args, bool piped)
{
    if (!counts(params, args + piped))
        miscounted(r, name, params, args, piped);
}

/* Gathers all arguments of a call; they are then on top of the stack of arguments. */
static void gather_all(struct run *r, hc_tv dot, const char *params, struct hc_node *const *args, size_t n,
                       hc_tv final, struct given *g)
{
    for (size_t i = 1; i < n; i++) {
        gather(r, dot, *params ? *params : 'a', args[i], g);
        params += *params && params[1] != '*';
    }
    if (final != MISSING) {
        push_arg(r, validate(r, final, *params ? *params : 'a'));
        r->invalid = !final;
    }
}

/* `call`: there are no function values in chart data, so it always fails. */
static HC_NORETURN void call_value(struct run *r, const struct hc_node *cmd, struct hc_node *const *args, size_t n,
                                   const struct hc_val *f)
{
    hc_str text = HC_S("call of nil");
    if (f) {
        hc_str name;
        if (n > 1)
            name = node_text(r, args[1]);
        else if (f->kind == HC_STR)
            name = hc_get_str(f);
        else
            name = hc_arena_printf(r->a, "<%s Value>", hc_go_type_name(f, r->p->helm3));
        text = hc_arena_printf(r->a, "non-function %.*s of type %s", HC_P(name), hc_go_type_name(f, r->p->helm3));
    }
    hc_run_fail_call(r, cmd, HC_S("call"), text);
}

static HC_NORETURN void fail_marked(struct run *r, const struct hc_node *cmd, const char *name,
                                    const struct hc_val *msg)
{
    const hc_str parts[] = { HC_S("HELM_ERR_START"), hc_get_str(msg), HC_S("HELM_ERR_END") };
    hc_run_fail_call(r, cmd, hc_str_of(name), hc_arena_cat(r->a, HC_LEN(parts), parts));
}

/* `helm3`: how the line begins there. */
static void lint_log(struct run *r, const char *what, const char *helm3, const struct hc_val *text)
{
    if (!r->in->lint_log)
        return;
    hc_str said = hc_get_str(text);
    hc_str parts[] = { hc_str_of(r->in->helm3 ? helm3 : what), r->in->helm3 ? said : hc_log_value(r->a, said) };
    hc_list_add(r->a, r->in->lint_log, hc_str_val_ref(r->a, hc_arena_cat(r->a, HC_LEN(parts), parts)));
    stretch_hold(r);
}

static hc_tv eval_own(struct run *r, hc_tv dot, enum own_func own, const struct hc_func *f,
                      const struct hc_node *cmd, struct hc_node *const *args, size_t n, hc_tv final,
                      struct given *g)
{
    size_t base = r->args_n;
    if (own == OWN_AND || own == OWN_OR) {
        hc_tv v = NULL;
        uint32_t seen = 0;
        for (size_t i = 1; i < n; i++) {
            v = eval_arg(r, dot, 'r', args[i]);
            if (TRACED(r))
                seen = trace_also(r, seen, v);
            if (r->again)
                again_truth(r, v);
            if (eval_truth(v) == (own == OWN_OR))
                return TRACED(r) ? trace_chosen(r, seen, v) : v;
        }
        if (final != MISSING)
            v = final;
        return TRACED(r) ? trace_chosen(r, seen, v) : v;
    }
    gather_all(r, dot, f->params, args, n, final, g);
    struct hc_val *first = r->args_n > base ? r->args[base] : NULL;
    struct hc_val *second = r->args_n > base + 1 ? r->args[base + 1] : NULL;
    r->args_n = base;
    switch (own) {
    case OWN_CALL:
        call_value(r, cmd, args, n, first);
    case OWN_FAIL:
        if (!r->in->lint)
            fail_marked(r, cmd, "fail", first);
        lint_log(r, "level=INFO msg=\"funcMap fail\" message=", "engine.go:227: [INFO] Fail: ", first);
        return hc_str_val_ref(r->a, HC_S(""));
    case OWN_REQUIRED:
        if (second && !(second->kind == HC_STR && second->type == HC_GO_PLAIN && second->n == 0))
            return second;
        if (!r->in->lint)
            fail_marked(r, cmd, "required", first);
        if (second)
            lint_log(r, "level=WARN msg=\"missing required values\" message=",
                     "engine.go:214: [INFO] Missing required value: ", first);
        else
            lint_log(r, "level=WARN msg=\"missing required value\" message=",
                     "engine.go:206: [INFO] Missing required value: ", first);
        return hc_str_val_ref(r->a, HC_S(""));
    case OWN_INCLUDE:
        run_charge(r, STEPS_CALL);
        return walk_include(r, cmd, first, second);
    case OWN_TPL:
        run_charge(r, STEPS_CALL);
        return walk_tpl(r, cmd, first, second);
    default:
        hc_run_fail(r, "%s can not be called here", f->name);
    }
}

/* Calls it with the arguments on the stack from `base` on. */
static inline hc_tv call_gathered(struct run *r, const struct hc_func *f, const struct hc_node *cmd, size_t base)
{
    charge_call(r);
    charge_args(r, base);
    open_work(r);
    uint32_t dear = r->fc.dear;
    struct hc_val *out = NULL;
    size_t n_args = r->args_n - base;
    struct hc_val *const *args = args_from(r, base);
    enum hc_rc rc = r->fc.door->ask ? engine_ask(r, f, cmd, args, n_args, &out) : f->fn(&r->fc, args, n_args, &out);
    r->args_n = base;
    charge_work(r);
    check_arena(r);
    if (rc != HC_OK) {
        hc_str name = hc_str_of(f->name);
        if (rc == HC_E_LIMIT || rc == HC_E_NOMEM)
            fail_limit_of(r, name);
        hc_str msg = func_error(r);
        if (r->invalid && hc_str_eqz(name, "len")) /* the one function that tells the two nils apart */
            msg = HC_S("reflect: call of reflect.Value.Type on zero Value");
        hc_run_fail_call(r, cmd, name, msg);
    }
    charge_result(r, out);
    watch_call(r, f, args, n_args, out);
    if (r->script && r->fc.dear != dear)
        hc_luabox_look(r->m->sandbox);
    if (TRACED(r))
        out = trace_call(r, f, base, n_args, out);
    return out && out->kind != HC_NULL ? out : HC_TV_NIL;
}

static hc_tv eval_call(struct run *r, hc_tv dot, const struct hc_func *f, const struct hc_node *cmd,
                       struct hc_node *const *args, size_t n, hc_tv final, struct given *g)
{
    size_t given = n > 0 ? n - 1 : 0;
    if (!counts(f->params, given + (final != MISSING)))
        miscounted(r, hc_str_of(f->name), f->params, given, final != MISSING);
    enum own_func own = own_func_of(f);
    if (own != OWN_NONE)
        return eval_own(r, dot, own, f, cmd, args, n, final, g);
    size_t base = r->args_n;
    gather_all(r, dot, f->params, args, n, final, g);
    return call_gathered(r, f, cmd, base);
}

/* ---- arguments, commands, pipelines ------------------------------------------------------------------ */

/* In parentheses. What it declares is known behind the statement too. */
static hc_tv inner_pipe(struct run *r, hc_tv dot, const struct hc_node *pipe)
{
    if (pipe->decl_n > 0)
        stretch_assign(r);
    return eval_pipe(r, dot, pipe);
}

static hc_tv eval_variable(struct run *r, hc_tv dot, const struct hc_node *n)
{
    r->at = n;
    hc_tv v = variable(r, n);
    return n->n == 1 ? v : eval_chain(r, dot, v, n, 1, NULL, 0, MISSING, NULL);
}

hc_tv eval_chain_base(struct run *r, hc_tv dot, const struct hc_node *chain, hc_tv base)
{
    return eval_chain(r, dot, base, chain, 0, NULL, 0, MISSING, NULL);
}

static hc_tv chain_base(struct run *r, hc_tv dot, const struct hc_node *chain)
{
    const struct hc_node *base = chain->chain.base;
    r->at = chain;
    if (base->kind == HC_NODE_NIL) {
        hc_str s = node_text(r, chain);
        hc_run_fail(r, "indirection through explicit nil in %.*s", HC_P(s));
    }
    return eval_arg(r, dot, 0, base);
}

/* With `type` 0, 'a' and 'r' the value as it came, boxed or not. */
hc_tv eval_arg(struct run *r, hc_tv dot, char type, const struct hc_node *n)
{
    hc_tv v;
    r->at = n;
    switch ((enum hc_node_kind)n->kind) {
    case HC_NODE_BOOL:
    case HC_NODE_NUMBER:
    case HC_NODE_STRING:
        v = (struct hc_val *)(uintptr_t)n->lit.constant;
        if (v && type && !fits(v, type))
            v = literal_val(r->a, n, type); /* a method's parameter, which was not known at compile time */
        if (!v)
            bad_literal(r, n, type);
        return v;
    case HC_NODE_NIL:
        if (!can_be_nil(type ? type : 'a'))
            hc_run_fail(r, "cannot assign nil to %s", type_text(type));
        return NULL;
    case HC_NODE_DOT:
        v = dot;
        break;
    case HC_NODE_FIELD:
        v = eval_chain(r, dot, dot, n, 0, NULL, 0, MISSING, NULL);
        break;
    case HC_NODE_VARIABLE:
        v = eval_variable(r, dot, n);
        break;
    case HC_NODE_PIPE:
        v = inner_pipe(r, dot, n);
        break;
    case HC_NODE_IDENT:
        v = eval_call(r, dot, n->ident.func, n, NULL, 0, MISSING, NULL);
        break;
    case HC_NODE_CHAIN:
        v = eval_chain_base(r, dot, n, chain_base(r, dot, n));
        break;
    default:
        v = NULL;
        break;
    }
    return type == 0 || type == 'a' || type == 'r' ? v : validate(r, v, type);
}

static void not_a_function(struct run *r, const struct hc_node *cmd, hc_tv final)
{
    if (cmd->n > 1 || final != MISSING) {
        hc_str s = node_text(r, cmd->items[0]);
        hc_run_fail(r, "can't give argument to non-function %.*s", HC_P(s));
    }
}

static hc_tv eval_command(struct run *r, hc_tv dot, const struct hc_node *cmd, hc_tv final, struct given *g)
{
    const struct hc_node *head = cmd->items[0];
    hc_tv v;
    switch ((enum hc_node_kind)head->kind) {
    case HC_NODE_FIELD:
        r->at = head;
        return eval_chain(r, dot, dot, head, 0, cmd->items, cmd->n, final, g);
    case HC_NODE_CHAIN:
        if (g && head->chain.base->flags & HC_NODE_GIVEN)
            v = next_given(r, g);
        else
            v = chain_base(r, dot, head);
        return eval_chain(r, dot, v, head, 0, cmd->items, cmd->n, final, g);
    case HC_NODE_IDENT:
        r->at = head;
        return eval_call(r, dot, head->ident.func, cmd, cmd->items, cmd->n, final, g);
    case HC_NODE_PIPE:
        not_a_function(r, cmd, final);
        return inner_pipe(r, dot, head);
    case HC_NODE_VARIABLE:
        r->at = head;
        v = variable(r, head);
        if (head->n == 1) {
            not_a_function(r, cmd, final);
            return v;
        }
        return eval_chain(r, dot, v, head, 1, cmd->items, cmd->n, final, g);
    default:
        break;
    }
    r->at = head;
    not_a_function(r, cmd, final);
    if (head->kind == HC_NODE_DOT)
        return dot;
    if (head->kind == HC_NODE_NIL)
        hc_run_fail(r, "nil is not a command");
    if (!head->lit.constant)
        bad_literal(r, head, 'a');
    return (struct hc_val *)(uintptr_t)head->lit.constant;
}

void eval_store(struct run *r, const struct hc_node *var, hc_tv v)
{
    if (var->slot == HC_NO_SLOT)
        fail_undefined(r, var);
    r->slots[r->f->slots + var->slot] = v;
}

void eval_declare(struct run *r, const struct hc_node *pipe, hc_tv v)
{
    if (TRACED(r))
        v = trace_declare(r, pipe, v);
    if (pipe->flags & HC_NODE_ASSIGN)
        stretch_assign(r);
    for (uint32_t i = 0; i < pipe->decl_n; i++)
        eval_store(r, hc_node_decl(pipe, i), v);
}

hc_tv eval_pipe(struct run *r, hc_tv dot, const struct hc_node *pipe)
{
    hc_tv v = MISSING;
    r->at = pipe;
    for (uint32_t i = 0; i < pipe->n; i++)
        v = hc_tv_unbox(eval_command(r, dot, hc_node_cmd(pipe, i), v, NULL));
    if (pipe->decl_n > 0)
        eval_declare(r, pipe, v);
    return v;
}

hc_tv eval_command_given(struct run *r, lua_State *l, hc_tv dot, const struct hc_node *cmd)
{
    struct given g = { .l = l, .next = 3, .top = lua_gettop(l), .at = r->at };
    hc_tv final = MISSING;
    if (cmd->flags & HC_NODE_PIPED)
        final = next_given(r, &g);
    return hc_tv_unbox(eval_command(r, dot, cmd, final, &g));
}

bool eval_command_spares(struct run *r, lua_State *l, hc_tv dot, const struct hc_node *cmd, hc_tv *out)
{
    struct given g = { .l = l, .next = 3, .top = lua_gettop(l), .at = r->at };
    hc_tv final = cmd->flags & HC_NODE_PIPED ? next_given(r, &g) : MISSING, recv = dot;
    const struct hc_node *head = cmd->items[0];
    struct hc_names names = hc_node_names(head);
    uint32_t left = head->n;
    if (head->kind == HC_NODE_CHAIN)
        recv = head->chain.base->flags & HC_NODE_GIVEN ? next_given(r, &g) : chain_base(r, dot, head);
    else
        r->at = head;
    if (head->kind == HC_NODE_VARIABLE) {
        recv = variable(r, head);
        (void)hc_names_next(&names);
        left--;
    }
    for (; left > 1; left--)
        recv = eval_field(r, dot, hc_names_next(&names), head, NULL, 0, MISSING, recv, NULL);
    hc_str last = hc_names_next(&names);
    if (may_have_method(recv, last))
        return false;
    *out = hc_tv_unbox(eval_field(r, dot, last, head, cmd->items, cmd->n, final, recv, NULL));
    return true;
}

void eval_two_args(struct run *r, lua_State *l, hc_tv dot, const struct hc_node *cmd, const char *name,
                   struct hc_val **out_text, struct hc_val **out_data)
{
    struct given g = { .l = l, .next = 3, .top = lua_gettop(l), .at = r->at };
    hc_tv final = MISSING;
    size_t base = r->args_n;
    if (cmd->flags & HC_NODE_PIPED)
        final = next_given(r, &g);
    r->at = cmd->items[0];
    count_args(r, hc_str_of(name), "sa", cmd->n - 1, final != MISSING);
    gather_all(r, dot, "sa", cmd->items, cmd->n, final, &g);
    *out_text = r->args[base];
    *out_data = r->args[base + 1];
    r->args_n = base;
    run_charge(r, STEPS_CALL);
}

/* ---- for Lua templates --------------------------------------------------------------------------------- */

hc_tv eval_call_with(struct run *r, const struct hc_func *f, const struct hc_node *node, size_t base)
{
    r->checked = node ? NULL : f;
    for (size_t i = base; i < r->args_n; i++) {
        r->checked_arg = i - base + 1;
        r->args[i] = validate(r, r->args[i], param_type(f->params, i - base));
    }
    r->checked = NULL;
    r->invalid = false;
    return call_gathered(r, f, node, base);
}

void eval_push_arg(struct run *r, struct hc_val *v)
{
    push_arg(r, v);
}

char eval_param_type(const char *params, size_t i)
{
    return param_type(params, i);
}

void eval_count_args(struct run *r, hc_str name, const char *params, size_t args)
{
    count_args(r, name, params, args, false);
}
