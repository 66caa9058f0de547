/*
 * A traced run: frames, conditions, spans of the output.
 *
 * Everything is kept in lists that only grow and refer to each other by number, so that the work beside rendering
 * is an append; what it all means is worked out when somebody asks (trace_ask.c). Which conditions stand around a
 * statement is known from the template's tree; the trace only notes how each came out, per frame, last turn of a loop.
 *
 * A condition that printed nothing leaves a mark in the output: a span without text. So "there is no suffix because
 * .Values.suffix is not set" can be told, too. Variables that are assigned inside a branch depend on its condition,
 * also when the branch was not taken.
 */
#include "templating/render/lua_impl.h"
#include "templating/render/trace_impl.h"

#include <stdlib.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "lua/funcs/gofmt.h"

/* ---- memory ------------------------------------------------------------------------------------------ */

static void *vec_room(struct hc_trace *t, struct vec *v, size_t size, size_t more)
{
    if (t->spent)
        return NULL;
    if (v->n + more > v->cap) {
        size_t cap = HC_MAX(v->cap * 2, v->n + more + 64);
        void *p = cap * size <= HC_MAX_TRACE_LIST_BYTES ? hc_realloc(v->p, cap * size) : NULL;
        if (!p) {
            t->spent = true;
            return NULL;
        }
        v->p = p;
        v->cap = cap;
    }
    return (char *)v->p + v->n * size;
}

void *vec_add(struct hc_trace *t, struct vec *v, size_t size, uint32_t *out)
{
    void *p = vec_room(t, v, size, 1);
    if (!p)
        return NULL;
    memset(p, 0, size);
    v->n++;
    if (out)
        *out = (uint32_t)v->n;
    return p;
}

static size_t ptr_slot(const struct ptrmap *m, const void *key)
{
    size_t i = (size_t)(((uintptr_t)key >> 3) * 0x9e3779b97f4a7c15u >> 20) & (m->cap - 1);
    while (m->keys[i] && m->keys[i] != key)
        i = (i + 1) & (m->cap - 1);
    return i;
}

bool ptrmap_put(struct hc_trace *t, struct ptrmap *m, const void *key, uint32_t val)
{
    if ((m->n + 1) * 2 > m->cap) {
        struct ptrmap grown = { .cap = m->cap ? m->cap * 2 : 256 };
        grown.keys = hc_calloc(grown.cap, sizeof(*grown.keys));
        grown.vals = hc_calloc(grown.cap, sizeof(*grown.vals));
        if (!grown.keys || !grown.vals) {
            free(grown.keys);
            free(grown.vals);
            t->spent = true;
            return false;
        }
        for (size_t i = 0; i < m->cap; i++) {
            if (!m->keys[i])
                continue;
            size_t k = ptr_slot(&grown, m->keys[i]);
            grown.keys[k] = m->keys[i];
            grown.vals[k] = m->vals[i];
        }
        grown.n = m->n;
        free(m->keys);
        free(m->vals);
        *m = grown;
    }
    size_t k = ptr_slot(m, key);
    m->n += !m->keys[k];
    m->keys[k] = key;
    m->vals[k] = val;
    return true;
}

uint32_t ptrmap_get(const struct ptrmap *m, const void *key)
{
    if (!m->n)
        return 0;
    size_t k = ptr_slot(m, key);
    return m->keys[k] ? m->vals[k] : 0;
}

struct hc_trace *hc_trace_new(struct hc_origins *origins)
{
    struct hc_trace *t = hc_calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->origins = origins;
    t->a = hc_arena_new(HC_MAX_TRACE_LIST_BYTES);
    if (!t->a) {
        free(t);
        return NULL;
    }
    return t;
}

void hc_trace_free(struct hc_trace *t)
{
    if (!t)
        return;
    struct vec *const lists[] = { &t->deps,    &t->cells,      &t->insts,      &t->conds,      &t->recs,
                                  &t->spans,   &t->out,        &t->frames,     &t->log,        &t->table,
                                  &t->slots,   &t->trees,      &t->branches,   &t->assigns,    &t->files,
                                  &t->entries, &t->seen_cells, &t->seen_conds, &t->seen_insts, &t->seen_recs,
                                  &t->work };
    struct ptrmap *const maps[] = { &t->by_root, &t->by_node, &t->by_pipe, &t->maps,
                                    &t->seen,    &t->linked,  &t->set_at };
    for (size_t i = 0; i < HC_LEN(lists); i++)
        free(lists[i]->p);
    for (size_t i = 0; i < HC_LEN(maps); i++) {
        free(maps[i]->keys);
        free(maps[i]->vals);
    }
    free(t->index);
    hc_program_unref(t->program);
    hc_arena_free(t->a);
    free(t);
}

void hc_trace_free_auto(struct hc_trace **t)
{
    hc_trace_free(*t);
}

/* ---- deps -------------------------------------------------------------------------------------------- */

uint32_t dep_new(struct hc_trace *t, enum dep_kind kind, uint32_t x, uint32_t y, uint32_t z, const void *p)
{
    uint32_t i = 0;
    struct dep *d = vec_add(t, &t->deps, sizeof(*d), &i);
    if (d)
        *d = (struct dep){ (uint8_t)kind, x, y, z, p };
    return i;
}

uint32_t dep_join(struct hc_trace *t, uint32_t x, uint32_t y)
{
    if (!x || !y || x == y)
        return x ? x : y;
    return dep_new(t, DEP_JOIN, x, y, 0, NULL);
}

uint32_t dep_of_node(struct hc_trace *t, const struct hc_val *v)
{
    if (!v || !v->origin)
        return 0;
    if (v->origin & HC_TRACED)
        return dep_new(t, DEP_REC, v->origin & ~HC_TRACED, 0, 0, NULL);
    return dep_new(t, DEP_NODE, 0, 0, 0, v);
}

uint32_t dep_of_key(struct hc_trace *t, const struct hc_val *v)
{
    bool value = v && v->origin && !(v->origin & HC_TRACED);
    return value ? dep_new(t, DEP_KEY, 0, 0, 0, v) : dep_of_node(t, v);
}

uint32_t dep_of(struct hc_trace *t, const struct hc_val *v)
{
    if (v && (v->kind == HC_LIST || v->kind == HC_MAP))
        return dep_join(t, v->origin & HC_TRACED ? dep_of_node(t, v) : 0, dep_new(t, DEP_TREE, 0, 0, 0, v));
    return dep_of_node(t, v);
}

void log_add(struct hc_trace *t, uint32_t dep)
{
    uint32_t *at = dep ? vec_add(t, &t->log, sizeof(*at), NULL) : NULL;
    if (at)
        *at = dep;
}

uint32_t log_join(struct hc_trace *t)
{
    uint32_t all = 0;
    const struct trace_frame *f = frame_of(t);
    for (size_t i = f ? f->log : 0; i < t->log.n; i++)
        all = dep_join(t, all, ((const uint32_t *)t->log.p)[i]);
    return all;
}

static uint32_t rec_new(struct hc_trace *t, uint32_t dep, const struct vec *spans, size_t bytes)
{
    uint32_t i = 0, first = (uint32_t)t->spans.n;
    if (spans && spans->n) {
        struct span *to = vec_room(t, &t->spans, sizeof(*to), spans->n);
        if (!to)
            return 0;
        memcpy(to, spans->p, spans->n * sizeof(*to));
        t->spans.n += spans->n;
    }
    struct rec *r = vec_add(t, &t->recs, sizeof(*r), &i);
    if (r)
        *r = (struct rec){ dep, first, spans ? (uint32_t)spans->n : 0, (uint32_t)bytes };
    return i;
}

struct hc_val *marked_spans(struct run *r, const struct hc_val *v, uint32_t dep, const struct vec *spans)
{
    uint32_t i = rec_new(r->trace, dep, spans, v->kind == HC_STR ? v->n : 0);
    struct hc_val *to = HC_NEW(r->a, struct hc_val);
    check_arena(r);
    *to = *v;
    to->origin = i ? i | HC_TRACED : 0;
    return to;
}

struct hc_val *marked(struct run *r, const struct hc_val *v, uint32_t dep)
{
    return marked_spans(r, v, dep, NULL);
}

struct hc_val *marked_also(struct run *r, const struct hc_val *v, uint32_t dep)
{
    struct hc_trace *t = r->trace;
    const struct rec *old = rec_of(t, v);
    if (!old)
        return marked(r, v, dep_join(t, dep_of_node(t, v), dep));
    struct rec copy = *old;
    struct hc_val *to = marked(r, v, dep_join(t, copy.dep, dep));
    struct rec *new = t->spent ? NULL : AT(t, recs, struct rec, to->origin & ~HC_TRACED);
    if (new) {
        new->span = copy.span;
        new->spans_n = copy.spans_n;
        new->bytes = copy.bytes;
    }
    return to;
}

/* The same for what may be in an interface or nil. */
static hc_tv marked_tv(struct run *r, hc_tv v, uint32_t dep)
{
    const struct hc_val *n = hc_tv_node(v);
    if (!n || !dep)
        return v;
    struct hc_val *to = marked_also(r, n, dep);
    return hc_tv_boxed(v) ? hc_tv_box(to) : to;
}

static bool is_container(const struct hc_val *v)
{
    return v && (v->kind == HC_LIST || v->kind == HC_MAP);
}

/* ---- what stands in what ----------------------------------------------------------------------------- */

struct walker {
    struct hc_trace *t;
    struct tree *tree;
    uint32_t first; /* of its branches */
};

static void walk_pipe(struct walker *w, const struct hc_node *pipe, uint32_t around);

static void walk_arg(struct walker *w, const struct hc_node *n, uint32_t around)
{
    ptrmap_put(w->t, &w->t->by_node, n, around + 1);
    if (n->kind == HC_NODE_PIPE)
        walk_pipe(w, n, around);
    else if (n->kind == HC_NODE_CHAIN)
        walk_arg(w, n->chain.base, around);
}

static uint32_t parent_of(const struct walker *w, uint32_t branch)
{
    return AT(w->t, branches, struct branch, w->first + branch)->parent;
}

static void walk_pipe(struct walker *w, const struct hc_node *pipe, uint32_t around)
{
    ptrmap_put(w->t, &w->t->by_node, pipe, around + 1);
    for (uint32_t i = 0; i < pipe->n; i++) {
        const struct hc_node *cmd = hc_node_cmd(pipe, i);
        ptrmap_put(w->t, &w->t->by_node, cmd, around + 1);
        for (uint32_t k = 0; k < cmd->n; k++)
            walk_arg(w, cmd->items[k], around);
    }
    if (!(pipe->flags & HC_NODE_ASSIGN))
        return;
    for (uint32_t i = 0; i < pipe->decl_n; i++) {
        for (uint32_t b = around; b && hc_node_decl(pipe, i)->slot != HC_NO_SLOT; b = parent_of(w, b)) {
            struct assign *a = vec_add(w->t, &w->t->assigns, sizeof(*a), NULL);
            if (!a)
                return;
            *a = (struct assign){ b, hc_node_decl(pipe, i)->slot };
        }
    }
}

/* True when a {{break}} or {{continue}} of the loop around is in it: then all that follows depends on it as well. */
static bool walk_list(struct walker *w, const struct hc_node *list, uint32_t around)
{
    bool jumps = false;
    for (uint32_t i = 0; list && i < list->n && !w->t->spent; i++) {
        const struct hc_node *n = list->items[i];
        uint32_t b = 0;
        struct branch *branch;
        ptrmap_put(w->t, &w->t->by_node, n, around + 1);
        switch ((enum hc_node_kind)n->kind) {
        case HC_NODE_ACTION:
            walk_pipe(w, n->branch.pipe, around);
            break;
        case HC_NODE_TEMPLATE:
            if (n->call.pipe)
                walk_pipe(w, n->call.pipe, around);
            break;
        case HC_NODE_BREAK:
        case HC_NODE_CONTINUE:
            jumps = true;
            break;
        case HC_NODE_IF:
        case HC_NODE_WITH:
        case HC_NODE_RANGE:
            branch = vec_add(w->t, &w->t->branches, sizeof(*branch), &b);
            if (!branch)
                return jumps;
            *branch = (struct branch){ n, around };
            b -= w->first;
            ptrmap_put(w->t, &w->t->by_pipe, n->branch.pipe, b);
            walk_pipe(w, n->branch.pipe, around);
            bool inside = walk_list(w, n->branch.list, b);
            inside |= walk_list(w, n->branch.orelse, b);
            if (inside && n->kind != HC_NODE_RANGE) {
                jumps = true;
                around = b;
            }
            break;
        default:
            break;
        }
    }
    return jumps;
}

/* Which of the templates this is, walked through when it is met first. */
static uint32_t tree_of(struct hc_trace *t, const struct tmpl *tmpl)
{
    uint32_t i = ptrmap_get(&t->by_root, tmpl->tree.root);
    if (i)
        return i;
    struct tree *tree = vec_add(t, &t->trees, sizeof(*tree), &i);
    if (!tree)
        return 0;
    *tree = (struct tree){ .branch = (uint32_t)t->branches.n, .assign = (uint32_t)t->assigns.n };
    struct walker w = { t, tree, tree->branch };
    walk_list(&w, tmpl->tree.root, 0);
    tree->branches_n = (uint32_t)t->branches.n - tree->branch;
    tree->assigns_n = (uint32_t)t->assigns.n - tree->assign;
    ptrmap_put(t, &t->by_root, tmpl->tree.root, i);
    return i;
}

/* ---- conditions -------------------------------------------------------------------------------------- */

static uint32_t *cond_slot(struct hc_trace *t, uint32_t branch)
{
    const struct trace_frame *f = frame_of(t);
    return f && branch ? (uint32_t *)t->table.p + f->conds + branch : NULL;
}

uint32_t cond_here(struct hc_trace *t, const struct hc_node *node)
{
    uint32_t around = node ? ptrmap_get(&t->by_node, node) : 0;
    const uint32_t *c = around > 1 ? cond_slot(t, around - 1) : NULL;
    return c ? *c : 0;
}

/* Notes how the branch of this pipeline came out; gives the condition's number. */
static uint32_t cond_new(struct hc_trace *t, uint32_t branch, uint32_t dep, bool held)
{
    const struct trace_frame *f = frame_of(t);
    const struct tree *tree = AT(t, trees, const struct tree, f->tree);
    const struct branch *b = AT(t, branches, const struct branch, tree->branch + branch);
    const uint32_t *up = cond_slot(t, b->parent);
    uint32_t i = 0;
    struct cond *c = vec_add(t, &t->conds, sizeof(*c), &i);
    if (!c)
        return 0;
    *c = (struct cond){ .inst = f->inst, .up = up ? *up : 0, .dep = dep, .held = held, .node = b->node };
    *cond_slot(t, branch) = i;
    return i;
}

/* What is assigned inside of the branch depends on its condition, whichever way it goes. */
static void touch_assigned(struct run *r, uint32_t branch, uint32_t cond)
{
    struct hc_trace *t = r->trace;
    const struct tree *tree = AT(t, trees, const struct tree, frame_of(t)->tree);
    uint32_t dep = 0;
    for (uint32_t i = 1; i <= tree->assigns_n; i++) {
        const struct assign *a = AT(t, assigns, const struct assign, tree->assign + i);
        if (a->branch != branch)
            continue;
        if (!dep)
            dep = dep_new(t, DEP_COND, cond, 0, 0, NULL);
        size_t slot = r->f->slots + a->slot;
        hc_tv v = r->slots[slot];
        uint32_t *empty = slot < t->slots.n ? (uint32_t *)t->slots.p + slot : NULL;
        if (v == &eval_unset)
            continue;
        if (hc_tv_node(v) && !is_container(hc_tv_node(v)))
            r->slots[slot] = marked_tv(r, v, dep);
        else if (!hc_tv_node(v) && empty)
            *empty = dep_join(t, *empty, dep);
    }
}

static bool lua_decides(const struct hc_node *pipe)
{
    const struct hc_node *cmd = hc_node_cmd(pipe, pipe->n - 1);
    return cmd->flags & HC_NODE_CALLS && cmd->items[0]->kind == HC_NODE_IDENT &&
           (own_func_of(cmd->items[0]->ident.func) == OWN_AND || own_func_of(cmd->items[0]->ident.func) == OWN_OR);
}

void trace_condition(struct run *r, const struct hc_node *pipe, hc_tv v)
{
    struct hc_trace *t = r->trace;
    uint32_t branch = ptrmap_get(&t->by_pipe, pipe);
    if (t->spent || !branch)
        return;
    struct hc_val *node = hc_tv_node(v);
    uint32_t dep = dep_of_node(t, node);
    /* A container that was made here is there; that it is not empty hardly depends on each thing in it. */
    if ((!dep && !(is_container(node) && eval_truth(v))) || lua_decides(pipe))
        dep = dep_join(t, dep, log_join(t));
    uint32_t cond = cond_new(t, branch, dep, eval_truth(v));
    t->log.n = frame_of(t)->log;
    uint32_t i = 0;
    struct cell *c = vec_add(t, &t->cells, sizeof(*c), &i);
    if (!c)
        return;
    *c = (struct cell){
        .inst = frame_of(t)->inst, .cond = cond, .mark = true, .node = AT(t, conds, struct cond, cond)->node
    };
    span_add(t, &t->out, r->out.n, i, 0);
    touch_assigned(r, branch, cond);
}

hc_tv trace_turn(struct run *r, const struct hc_node *range, hc_tv elem, hc_tv key)
{
    struct hc_trace *t = r->trace;
    uint32_t branch = ptrmap_get(&t->by_pipe, range->branch.pipe);
    if (t->spent || !branch)
        return key;
    const struct hc_val *v = hc_tv_node(elem);
    uint32_t dep = dep_of_node(t, v), *before = cond_slot(t, branch);
    if (!dep && *before)
        dep = AT(t, conds, struct cond, *before)->dep;
    if (!is_container(v))
        value_read(t, v);
    t->log.n = frame_of(t)->log;
    cond_new(t, branch, dep, true);
    uint32_t name = dep_of_key(t, v);
    return key ? marked_tv(r, key, name ? name : dep) : key;
}

/* ---- frames ------------------------------------------------------------------------------------------ */

void trace_start(struct run *r)
{
    struct hc_trace *t = r->trace;
    hc_program_unref(t->program);
    t->program = hc_program_ref(r->p);
    values_start(r);
}

void trace_enter(struct run *r, const struct hc_val *text)
{
    struct hc_trace *t = r->trace;
    const struct frame *f = r->f;
    const struct trace_frame *caller = frame_of(t);
    if (t->spent)
        return;
    uint32_t inst = 0, parent = caller ? caller->inst : 0, cond = 0;
    if (!script_trace_caller(r, &parent, &cond) && f->call)
        cond = cond_here(t, f->call);
    uint32_t src_dep = text ? dep_of(t, text) : 0;
    struct inst *i = vec_add(t, &t->insts, sizeof(*i), &inst);
    if (!i)
        return;
    *i = (struct inst){ parent, cond, f->kind, f->t, f->call, 0, src_dep };
    if (text && text->origin & HC_TRACED)
        i->src = text->origin & ~HC_TRACED;
    uint32_t tree = tree_of(t, f->t);
    if (t->spent)
        return;
    size_t conds = t->table.n, n = AT(t, trees, struct tree, tree)->branches_n + 1;
    void *room = vec_room(t, &t->table, sizeof(uint32_t), n);
    struct trace_frame *to = room ? vec_add(t, &t->frames, sizeof(*to), NULL) : NULL;
    if (!to)
        return;
    memset(room, 0, n * sizeof(uint32_t));
    t->table.n += n;
    *to = (struct trace_frame){ inst, tree, t->log.n, conds, t->out.n };
    t->slots.n = f->slots;
    n = r->slots_n - f->slots;
    room = vec_room(t, &t->slots, sizeof(uint32_t), n);
    if (!room)
        return;
    memset(room, 0, n * sizeof(uint32_t));
    t->slots.n += n;
}

void trace_leave(struct run *r)
{
    struct hc_trace *t = r->trace;
    const struct trace_frame *f = frame_of(t);
    if (t->spent || !f)
        return;
    t->log.n = f->log;
    t->table.n = f->conds;
    t->slots.n = r->f->slots;
    t->left = f->out;
    t->frames.n--;
}

/* ---- output ------------------------------------------------------------------------------------------ */

void span_add(struct hc_trace *t, struct vec *v, size_t at, uint32_t cell, size_t off)
{
    struct span *s = cell ? vec_add(t, v, sizeof(*s), NULL) : NULL;
    if (s)
        *s = (struct span){ (uint32_t)at, cell, (uint32_t)off };
}

uint32_t cell_new(struct hc_trace *t, const struct hc_node *node, uint32_t data)
{
    uint32_t i = 0, cond = cond_here(t, node);
    struct cell *c = vec_add(t, &t->cells, sizeof(*c), &i);
    if (c)
        *c = (struct cell){ frame_of(t)->inst, data, cond, false, node };
    return i;
}

static void tpl_piece(struct run *r, const struct hc_node *n, const struct span *s, size_t from)
{
    struct hc_trace *t = r->trace;
    size_t skip = s->at > from ? s->at - from : 0, off = s->at > from ? s->off : s->off + from - s->at;
    if (s->cell)
        span_add(t, &t->out, r->out.n + skip, cell_new(t, n, dep_new(t, DEP_CELL, s->cell, (uint32_t)off, 0, NULL)),
                 skip);
}

/* Text of a text that tpl runs: it came from whatever made that text. */
static void print_tpl_text(struct run *r, const struct inst *i, const struct hc_node *n)
{
    struct hc_trace *t = r->trace;
    size_t from = (size_t)(n->text - i->t->tree.text.p);
    uint32_t src = i->src, dep = i->src_dep;
    if (src)
        dep = dep_new(t, DEP_RANGE, src, (uint32_t)from, (uint32_t)(from + n->n), NULL);
    const struct rec *rec = src ? AT(t, recs, const struct rec, src) : NULL;
    if (!rec || !rec->spans_n) {
        span_add(t, &t->out, r->out.n, cell_new(t, n, dep), 0);
        return;
    }
    struct span under = { 0 };
    for (uint32_t k = 0; k < rec->spans_n && !t->spent; k++) {
        struct span s = ((const struct span *)t->spans.p)[rec->span + k];
        if (AT(t, cells, struct cell, s.cell)->mark || s.at >= from + n->n)
            continue;
        if (s.at <= from) {
            under = s;
            continue;
        }
        tpl_piece(r, n, &under, from);
        under = s;
        rec = AT(t, recs, const struct rec, src);
    }
    tpl_piece(r, n, &under, from);
}

void trace_statement(struct run *r, const struct hc_node *n)
{
    struct hc_trace *t = r->trace;
    const struct trace_frame *f = frame_of(t);
    if (t->spent || !f)
        return;
    t->log.n = f->log;
    if (n->kind != HC_NODE_TEXT || !n->n)
        return;
    const struct inst *i = AT(t, insts, const struct inst, f->inst);
    if (i->kind == FRAME_TPL)
        print_tpl_text(r, i, n);
    else
        span_add(t, &t->out, r->out.n, cell_new(t, n, 0), 0);
}

/*
 * A text that another template made keeps its own spans. One that was made somewhere else than in a call right here
 * (it was handed on in a dict, or read back out of YAML) was also printed here.
 */
static struct span print_span(struct hc_trace *t, struct span s, const struct hc_node *node, uint32_t also)
{
    const struct cell *c = AT(t, cells, const struct cell, s.cell);
    uint32_t here = frame_of(t)->inst;
    bool mark = c->mark, ours = mark;
    for (uint32_t up = c->inst; up && !ours; up = AT(t, insts, const struct inst, up)->parent)
        ours = up == here;
    if (mark || (ours && !also))
        return s;
    uint32_t dep = dep_join(t, dep_new(t, DEP_CELL, s.cell, s.off, 0, NULL), also);
    return (struct span){ s.at, cell_new(t, node, dep), 0 };
}

void trace_print(struct run *r, hc_tv value)
{
    struct hc_trace *t = r->trace;
    const struct hc_val *v = hc_tv_node(value);
    const struct trace_frame *f = frame_of(t);
    if (t->spent || !f)
        return;
    const struct rec *rec = v && v->kind == HC_STR ? rec_of(t, v) : NULL;
    uint32_t data;
    if (is_container(v))
        value_read_whole(t, v);
    if (rec && rec->spans_n) {
        uint32_t from = rec->span, n = rec->spans_n, also = rec->dep;
        for (uint32_t i = 0; i < n && !t->spent; i++) {
            struct span s = print_span(t, ((const struct span *)t->spans.p)[from + i], r->at, also);
            span_add(t, &t->out, r->out.n + s.at, s.cell, s.off);
        }
    } else {
        data = v && v->kind != HC_NULL ? dep_of(t, v) : log_join(t);
        const struct inst *i = AT(t, insts, const struct inst, f->inst);
        if (i->kind == FRAME_TPL && !i->src)
            data = dep_join(t, data, i->src_dep);
        else if (i->kind == FRAME_TPL)
            data = dep_join(t, data, dep_new(t, DEP_RANGE, i->src, r->at->pos, r->at->pos + 1, NULL));
        span_add(t, &t->out, r->out.n, cell_new(t, r->at, data), 0);
    }
    t->log.n = frame_of(t)->log;
}

void trace_cut(struct run *r, size_t mark, hc_str printed, struct hc_val *v)
{
    struct hc_trace *t = r->trace;
    if (t->spent)
        return;
    struct vec cut = { (struct span *)t->out.p + t->left, t->out.n - t->left, 0 }, aligned = { 0 };
    struct span *list = cut.p;
    for (size_t i = 0; i < cut.n; i++)
        list[i].at -= (uint32_t)mark;
    t->out.n = t->left;
    if (v->n != printed.n) {
        const struct spans src = { .p = list, .n = cut.n };
        spans_align(t, &aligned, &src, printed, hc_get_str(v));
        cut = aligned;
    }
    uint32_t rec = cut.n ? rec_new(t, 0, &cut, v->n) : 0;
    free(aligned.p);
    if (rec) {
        v->origin = rec | HC_TRACED;
        log_add(t, dep_of_node(t, v));
    }
}

void trace_same(struct run *r, const struct hc_val *text, struct hc_val *v)
{
    if (v->n == text->n) {
        v->origin = text->origin;
        v->line = text->line;
        v->col = text->col;
        return;
    }
    uint32_t rec = rec_new(r->trace, dep_of(r->trace, text), NULL, v->n);
    v->origin = rec ? rec | HC_TRACED : 0;
}

void trace_file(struct run *r, uint32_t file, hc_str printed, hc_str clean)
{
    struct hc_trace *t = r->trace;
    struct vec aligned = { 0 }, *from = &t->out;
    if (clean.n != printed.n) {
        const struct spans src = { .p = t->out.p, .n = t->out.n };
        spans_align(t, &aligned, &src, printed, clean);
        from = &aligned;
    }
    uint32_t first = (uint32_t)t->spans.n;
    struct span *to = vec_room(t, &t->spans, sizeof(*to), from->n + 1);
    struct traced_file *f = to ? vec_add(t, &t->files, sizeof(*f), NULL) : NULL;
    if (f) {
        memcpy(to, from->p ? from->p : "", from->n * sizeof(*to));
        t->spans.n += from->n;
        *f = (struct traced_file){ r->p->files[file].name, clean, first, (uint32_t)from->n };
    }
    free(aligned.p);
    t->out.n = 0;
    t->log.n = 0;
}

/* ---- values in variables ------------------------------------------------------------------------------ */

hc_tv trace_declare(struct run *r, const struct hc_node *pipe, hc_tv v)
{
    struct hc_trace *t = r->trace;
    const struct hc_val *n = hc_tv_node(v);
    if (t->spent)
        return v;
    uint32_t cond = pipe->flags & HC_NODE_ASSIGN ? cond_here(t, pipe) : 0, empty = 0;
    uint32_t why = cond ? dep_new(t, DEP_COND, cond, 0, 0, NULL) : 0;
    if (!n)
        empty = dep_join(t, log_join(t), why);
    else if (why && !is_container(n))
        v = marked_tv(r, v, why);
    for (uint32_t i = 0; i < pipe->decl_n; i++) {
        size_t slot = (size_t)r->f->slots + hc_node_decl(pipe, i)->slot;
        if (hc_node_decl(pipe, i)->slot != HC_NO_SLOT && slot < t->slots.n)
            ((uint32_t *)t->slots.p)[slot] = empty;
    }
    return v;
}

void trace_empty(struct run *r, const struct hc_node *var)
{
    struct hc_trace *t = r->trace;
    size_t slot = (size_t)r->f->slots + var->slot;
    if (!hc_tv_node(r->slots[slot]) && slot < t->slots.n)
        log_add(t, ((const uint32_t *)t->slots.p)[slot]);
}

uint32_t trace_also(struct run *r, uint32_t seen, hc_tv v)
{
    struct hc_trace *t = r->trace;
    const struct hc_val *n = hc_tv_node(v);
    return dep_join(t, seen, n ? dep_of_node(t, n) : log_join(t));
}

hc_tv trace_chosen(struct run *r, uint32_t seen, hc_tv v)
{
    const struct hc_val *n = hc_tv_node(v);
    log_add(r->trace, seen);
    if (!n || is_container(n))
        return v;
    return marked_tv(r, v, seen);
}
