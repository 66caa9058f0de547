/*
 * A template walked in C: how nearly all of them run.
 *
 * Compiling Lua costs more than running it when a template runs once, so statements are walked as they were parsed, and
 * include, tpl and template recurse. The C stack is bounded: what is called from deeper than HC_MAX_WALK_STACK is run
 * by Lua, where a thousand nested includes use none of it. A traced run is Lua's too, as is one with Lua templates, which is why there is a call of the
 * trace only in what both share.
 */
#include "core/base/limits.h"
#include "lua/funcs/gofmt.h"
#include "templating/render/engine_impl.h"

uint32_t run_turns(void *run)
{
    const struct run *r = run;
    if (r->frames_n > HC_MAX_RENDER_DEAR_FRAMES)
        return 0;
    for (const struct frame *f = r->frames, *end = f + r->frames_n; f < end; f++) {
        uint32_t times = 0;
        for (const struct frame *g = f; g < end; g++)
            times += g->t == f->t;
        if (f->t->script || times > HC_MAX_RENDER_DEAR_SELF)
            return 0;
    }
    uint32_t turns = 1;
    for (const struct walk *w = r->walk; w; w = w->around)
        if (__builtin_mul_overflow(turns, w->n, &turns))
            return 0;
    return turns;
}

static enum flow walk_list(struct run *r, hc_tv dot, const struct hc_node *list)
{
    return walk_items(r, dot, list->items, list->n);
}

/* IF and WITH; a chain of `else if` is one loop. */
static enum flow walk_branch(struct run *r, hc_tv dot, const struct hc_node *n)
{
    for (;;) {
        hc_tv v = eval_pipe(r, dot, n->branch.pipe);
        const struct hc_node *orelse = n->branch.orelse;
        if (TRACED(r))
            trace_condition(r, n->branch.pipe, v);
        if (r->again)
            again_truth(r, v);
        if (eval_truth(v))
            return walk_list(r, n->kind == HC_NODE_WITH ? v : dot, n->branch.list);
        if (!orelse)
            return FLOW_ON;
        if (orelse->n != 1 || orelse->items[0]->kind != HC_NODE_IF)
            return walk_list(r, dot, orelse);
        n = orelse->items[0];
    }
}

/* What a turn made, the loop's own variables too, ends with it. */
static bool walk_turn(struct run *r, struct walk *w, const struct hc_node *n)
{
    struct stretch s;
    hc_tv elem;
    stretch_begin(r, &s);
    bool on = range_turn(r, w, &elem) && walk_list(r, elem, n->branch.list) != FLOW_BREAK;
    stretch_end(r, &s);
    return on;
}

static enum flow walk_range(struct run *r, hc_tv dot, const struct hc_node *n)
{
    hc_tv v = eval_pipe(r, dot, n->branch.pipe);
    struct walk *w = range_start(r, n, v);
    if (!w)
        return n->branch.orelse ? walk_list(r, dot, n->branch.orelse) : FLOW_ON;
    while (walk_turn(r, w, n))
        continue;
    range_end(r, w);
    return FLOW_ON;
}

static bool is_for_lua(const struct run *r)
{
    const char *here = __builtin_frame_address(0);
    return r->trace || r->in->by_lua || r->script || (size_t)(r->stack - here) > HC_MAX_WALK_STACK;
}

/* The template, or what Lua runs in its place. */
static struct tmpl *choose(struct run *r, struct tmpl *t)
{
    return __builtin_expect(is_for_lua(r) && !r->in_lua, 0) ? lua_twin(r, t) : t;
}

/* The template of the top frame. */
static void run_body(struct run *r)
{
    if (r->f->t->code || r->f->t->script) {
        memo_spoil(r);
        again_lose(r);
        run_by_lua(r);
    } else {
        walk_list(r, r->slots[r->f->slots], r->f->t->tree.root);
    }
}

hc_tv walk_include(struct run *r, const struct hc_node *cmd, const struct hc_val *name, hc_tv data)
{
    uint32_t *active;
    struct tmpl *t = include_target(r, cmd, hc_get_str(name), &active);
    struct again g;
    struct memo m;
    struct hc_val *v = again_begin(r, &g, t, cmd, data);
    if (v)
        return v;
    v = memo_begin(r, &m, t, data);
    if (v) {
        again_look(r, data);
        again_end(r, &g, t, v);
        return v;
    }
    struct stretch s;
    stretch_begin(r, &s);
    struct frame *f = frame_enter(r, FRAME_INCLUDE, choose(r, t), cmd, data, NULL);
    f->active = active;
    ++*active;
    run_body(r);
    stretch_end(r, &s); /* the result is in the output buffer still */
    v = include_result(r);
    memo_end(r, &m, t, v);
    again_end(r, &g, t, v);
    return v;
}

hc_tv walk_tpl(struct run *r, const struct hc_node *cmd, const struct hc_val *s, hc_tv data)
{
    struct hc_val *plain = tpl_plain(r, s);
    if (plain)
        return plain;
    struct text *text = text_of(r, cmd, hc_get_str(s));
    struct tmpl *t = choose(r, &text->tmpls[text->n - 1]);
    struct stretch made;
    stretch_begin(r, &made);
    tpl_frame(r, cmd, text, t, s, data);
    run_body(r);
    stretch_end(r, &made);
    return tpl_result(r);
}

static void walk_template(struct run *r, hc_tv dot, const struct hc_node *n)
{
    struct tmpl *t = template_target(r, n);
    hc_tv data = n->call.pipe ? eval_pipe(r, dot, n->call.pipe) : NULL;
    if (n->call.pipe && n->call.pipe->decl_n > 0)
        stretch_assign(r); /* known behind the statement too */
    r->at = n;
    frame_enter(r, FRAME_TEMPLATE, choose(r, t), n, data, NULL);
    run_body(r);
    frame_leave(r);
}

void walk_file(struct run *r, struct tmpl *t, hc_tv dot)
{
    frame_enter(r, FRAME_FILE, choose(r, t), NULL, dot, NULL);
    run_body(r);
    frame_leave(r);
}

void walk_print(struct run *r, hc_tv value)
{
    struct hc_val *v = hc_tv_node(value);
    if (TRACED(r))
        trace_print(r, v);
    if (is_watched(r))
        memo_look(r, v);
    if (r->again)
        again_look(r, v);
    if (!v || v->kind == HC_NULL) {
        hc_buf_put(&r->out, HC_S("<no value>"));
        return;
    }
    if (v->kind == HC_STR && v->type == HC_GO_PLAIN) {
        hc_buf_put(&r->out, hc_get_str(v));
        return;
    }
    if (v->kind == HC_MAP && v->type == HC_GO_KUBEVERSION) {
        /* An action can take its address, and so finds String (B14.4). */
        struct hc_val *s = NULL;
        bool found = false;
        if (hc_func_method(&r->fc, v, HC_S("String"), NULL, 0, &found, &s) == HC_OK && found && hc_is_str(s)) {
            hc_buf_put(&r->out, hc_get_str(s));
            return;
        }
    }
    hc_go_print(&r->out, v);
}

static void walk_action(struct run *r, hc_tv dot, const struct hc_node *n)
{
    if (n->branch.pipe->decl_n > 0) {
        eval_pipe(r, dot, n->branch.pipe);
        return;
    }
    struct stretch s;
    stretch_begin(r, &s);
    hc_tv v = eval_pipe(r, dot, n->branch.pipe);
    r->at = n;
    walk_print(r, v);
    stretch_end(r, &s);
}

static enum flow walk_block(struct run *r, hc_tv dot, const struct hc_node *n)
{
    enum flow flow = FLOW_ON;
    struct stretch s;
    stretch_begin(r, &s);
    if (n->kind == HC_NODE_RANGE)
        flow = walk_range(r, dot, n);
    else if (n->kind == HC_NODE_TEMPLATE)
        walk_template(r, dot, n);
    else
        flow = walk_branch(r, dot, n);
    stretch_end(r, &s);
    return flow;
}

enum flow walk_items(struct run *r, hc_tv dot, struct hc_node *const *items, size_t count)
{
    enum flow flow = FLOW_ON;
    run_charge(r, count * STEPS_NODE);
    for (size_t i = 0; i < count && flow == FLOW_ON; i++) {
        const struct hc_node *n = items[i];
        r->at = n;
        if (TRACED(r))
            trace_statement(r, n);
        switch ((enum hc_node_kind)n->kind) {
        case HC_NODE_TEXT:
            hc_buf_put(&r->out, hc_node_text(n));
            break;
        case HC_NODE_ACTION:
            walk_action(r, dot, n);
            break;
        case HC_NODE_IF:
        case HC_NODE_WITH:
        case HC_NODE_RANGE:
        case HC_NODE_TEMPLATE:
            flow = walk_block(r, dot, n);
            break;
        case HC_NODE_BREAK:
            return FLOW_BREAK;
        case HC_NODE_CONTINUE:
            return FLOW_CONTINUE;
        default:
            break;
        }
    }
    check_output(r);
    return flow;
}
