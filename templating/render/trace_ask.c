/*
 * Answers: from the bytes of a rendered file back to templates, values and conditions.
 *
 * The spans under the bytes name cells; a cell names what went into it and the condition it stood under. From there
 * all deps are followed, each once, with a list of work instead of recursion: a variable that was assigned in a loop
 * of ten thousand turns has a chain that long. What is met on the way of a condition belongs to that condition.
 */
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "templating/render/trace_impl.h"

struct list {
    void *p;
    size_t n, cap;
};

struct asker {
    struct hc_trace *t;
    struct hc_arena *a;
    struct list places, sources, causes, conds; /* conds: uint32_t, outermost first */
};

static void *list_add(struct hc_arena *a, struct list *l, size_t size)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 8;
        void *p = hc_arena_alloc_n(a, cap, size, 16);
        if (!p)
            return NULL;
        if (l->n)
            memcpy(p, l->p, l->n * size);
        l->p = p;
        l->cap = cap;
    }
    void *to = (char *)l->p + l->n++ * size;
    memset(to, 0, size);
    return to;
}

/* True the first time in this question. */
static bool first_time(struct hc_trace *t, struct vec *seen, uint32_t number)
{
    while (seen->n < number)
        if (!vec_add(t, seen, sizeof(uint32_t), NULL))
            return false;
    uint32_t *at = (uint32_t *)seen->p + number - 1;
    bool first = *at != t->question;
    *at = t->question;
    return first;
}

/* ---- conditions -------------------------------------------------------------------------------------- */

static void add_inst(struct asker *k, uint32_t inst);

static void add_cond(struct asker *k, uint32_t cond)
{
    if (!cond || !first_time(k->t, &k->t->seen_conds, cond))
        return;
    const struct cond c = *AT(k->t, conds, const struct cond, cond);
    add_inst(k, c.inst);
    add_cond(k, c.up);
    uint32_t *to = list_add(k->a, &k->conds, sizeof(*to));
    if (to)
        *to = cond;
}

/* The conditions around the calls that led here. */
static void add_inst(struct asker *k, uint32_t inst)
{
    if (!inst || !first_time(k->t, &k->t->seen_insts, inst))
        return;
    const struct inst i = *AT(k->t, insts, const struct inst, inst);
    add_inst(k, i.parent);
    add_cond(k, i.cond);
}

/* ---- deps -------------------------------------------------------------------------------------------- */

static void push(struct asker *k, uint32_t dep)
{
    uint32_t *to = dep ? vec_add(k->t, &k->t->work, sizeof(*to), NULL) : NULL;
    if (to)
        *to = dep;
}

static void visit_cell(struct asker *k, uint32_t cell)
{
    if (!cell || !first_time(k->t, &k->t->seen_cells, cell))
        return;
    const struct cell c = *AT(k->t, cells, const struct cell, cell);
    add_inst(k, c.inst);
    add_cond(k, c.cond);
    push(k, c.data);
}

static void add_source(struct asker *k, struct list *to, enum hc_trace_what what, hc_str path, hc_str chart,
                       const struct hc_val *v)
{
    const struct hc_trace_source *list = to->p;
    for (size_t i = 0; i < to->n; i++)
        if (list[i].what == what && (list[i].value == v || (what != HC_TRACE_VALUE && what != HC_TRACE_KEY)) &&
            hc_str_eq(list[i].path, path))
            return;
    struct hc_trace_source *s = to->n < HC_MAX_TRACE_SOURCES ? list_add(k->a, to, sizeof(*s)) : NULL;
    if (s)
        *s = (struct hc_trace_source){ what, path, chart, v };
}

static void add_value(struct asker *k, struct list *to, enum hc_trace_what what, const struct hc_val *v)
{
    const struct value_entry *e = value_find(k->t, v);
    add_source(k, to, what, e ? e->path : (hc_str){ NULL, 0 }, (hc_str){ NULL, 0 }, v);
}

static void visit_tree(struct asker *k, struct list *to, const struct hc_val *v, int depth)
{
    if (!v || depth > 200)
        return;
    for (size_t i = 0; i < hc_list_len(v); i++)
        visit_tree(k, to, hc_list_at(v, i), depth + 1);
    for (size_t i = 0; i < hc_map_len(v); i++)
        visit_tree(k, to, hc_map_at(v, i)->val, depth + 1);
    if (v->origin & HC_TRACED)
        push(k, dep_new(k->t, DEP_REC, v->origin & ~HC_TRACED, 0, 0, NULL));
    else if (v->origin && !hc_list_len(v) && !hc_map_len(v))
        add_value(k, to, HC_TRACE_VALUE, v);
}

static void visit_rec(struct asker *k, uint32_t number, size_t from, size_t end, bool all)
{
    const struct rec rec = *AT(k->t, recs, const struct rec, number);
    uint32_t under = 0;
    if (all && !first_time(k->t, &k->t->seen_recs, number))
        return;
    push(k, rec.dep);
    for (uint32_t i = 0; i < rec.spans_n; i++) {
        struct span s = ((const struct span *)k->t->spans.p)[rec.span + i];
        if (all || (s.at > from && s.at < end))
            visit_cell(k, s.cell);
        else if (s.at <= from && !AT(k->t, cells, const struct cell, s.cell)->mark)
            under = s.cell;
    }
    visit_cell(k, under);
}

/* Follows everything that was pushed; what it ends in goes to `to`. */
static void drain(struct asker *k, struct list *to)
{
    struct hc_trace *t = k->t;
    for (size_t i = 0; i < t->work.n && !t->spent; i++) { /* the list grows meanwhile */
        const struct dep d = *AT(t, deps, const struct dep, ((const uint32_t *)t->work.p)[i]);
        switch ((enum dep_kind)d.kind) {
        case DEP_NODE:
            add_value(k, to, HC_TRACE_VALUE, d.p);
            break;
        case DEP_KEY:
            add_value(k, to, HC_TRACE_KEY, d.p);
            break;
        case DEP_ABSENT:
            add_source(k, to, HC_TRACE_ABSENT, ((const struct absent *)d.p)->path, (hc_str){ NULL, 0 }, NULL);
            break;
        case DEP_BUILTIN: {
            const struct builtin *b = d.p;
            add_source(k, to, HC_TRACE_BUILTIN, b->name, b->chart, b->v);
            break;
        }
        case DEP_JOIN:
            push(k, d.x);
            push(k, d.y);
            break;
        case DEP_REC:
            visit_rec(k, d.x, 0, 0, true);
            break;
        case DEP_RANGE:
            visit_rec(k, d.x, d.y, d.z, false);
            break;
        case DEP_CELL:
            visit_cell(k, d.x);
            break;
        case DEP_TREE:
            visit_tree(k, to, d.p, 0);
            break;
        case DEP_COND:
            add_cond(k, d.x);
            break;
        }
    }
    t->work.n = 0;
}

/* ---- places ------------------------------------------------------------------------------------------ */

static void where(const struct tmpl *t, size_t pos, int *line, int *col, hc_str *text)
{
    hc_str all = t->tree.text;
    size_t start = 0;
    pos = HC_MIN(pos, all.n);
    *line = 1;
    for (size_t i = 0; i < pos; i++) {
        if (all.p[i] != '\n')
            continue;
        ++*line;
        start = i + 1;
    }
    *col = (int)(pos - start) + 1;
    hc_str rest = hc_str_sub(all, start, all.n);
    size_t end = hc_str_find(rest, '\n');
    if (text)
        *text = hc_str_sub(rest, 0, HC_MIN(end, rest.n));
}

static hc_str file_of(const struct inst *i)
{
    return i->kind == FRAME_TPL ? HC_S("tpl") : i->t->tree.file;
}

/* Where in the template's text the node begins. */
static size_t pos_of(const struct inst *i, const struct hc_node *n, size_t off)
{
    if (n->kind == HC_NODE_TEXT)
        return (size_t)(n->text - i->t->tree.text.p) + off;
    return n->pos;
}

static void put_calls(struct asker *k, uint32_t inst, struct hc_trace_place *p)
{
    static const char *const how[] = { [FRAME_FILE] = "file",
                                       [FRAME_INCLUDE] = "include",
                                       [FRAME_TPL] = "tpl",
                                       [FRAME_TEMPLATE] = "template",
                                       [FRAME_SCRIPT] = "function" };
    struct list calls = { 0 };
    for (;;) {
        const struct inst *i = AT(k->t, insts, const struct inst, inst);
        if (i->kind == FRAME_FILE || !i->parent || !i->call)
            break;
        const struct inst *up = AT(k->t, insts, const struct inst, i->parent);
        struct hc_trace_call *c = list_add(k->a, &calls, sizeof(*c));
        if (!c)
            return;
        c->how = how[i->kind];
        c->name = i->kind == FRAME_TPL ? (hc_str){ NULL, 0 } : i->t->tree.name;
        c->file = file_of(up);
        where(up->t, i->call->pos, &c->line, &c->col, NULL);
        inst = i->parent;
    }
    p->calls = calls.p;
    p->calls_n = calls.n;
}

static struct hc_trace_place place_of(struct asker *k, uint32_t inst, const struct hc_node *n, size_t off)
{
    struct hc_trace_place p = { 0 };
    const struct inst *i = AT(k->t, insts, const struct inst, inst);
    p.file = file_of(i);
    if (i->kind == FRAME_INCLUDE || i->kind == FRAME_TEMPLATE || i->kind == FRAME_SCRIPT)
        p.name = i->t->tree.name;
    where(i->t, pos_of(i, n, off), &p.line, &p.col, &p.text);
    p.text = hc_str_trim(p.text);
    put_calls(k, inst, &p);
    return p;
}

static bool same_calls(const struct hc_trace_place *x, const struct hc_trace_place *y)
{
    if (x->calls_n != y->calls_n)
        return false;
    for (size_t i = 0; i < x->calls_n; i++)
        if (x->calls[i].line != y->calls[i].line || x->calls[i].col != y->calls[i].col ||
            !hc_str_eq(x->calls[i].file, y->calls[i].file))
            return false;
    return true;
}

static void add_places_before(struct asker *k, uint32_t dep, bool lua, int depth);

/* One place a line; an action counts more than the text beside it. */
static void add_place(struct asker *k, uint32_t cell, size_t off)
{
    const struct cell c = *AT(k->t, cells, const struct cell, cell);
    struct hc_trace_place p = place_of(k, c.inst, c.node, off), *list = k->places.p;
    for (size_t i = 0; i < k->places.n; i++) {
        if (list[i].line != p.line || !hc_str_eq(list[i].file, p.file) || !same_calls(&list[i], &p))
            continue;
        if (c.node->kind != HC_NODE_TEXT && list[i].col > p.col)
            list[i] = p;
        return;
    }
    struct hc_trace_place *to = list_add(k->a, &k->places, sizeof(*to));
    if (to)
        *to = p;
    add_places_before(k, c.data, AT(k->t, insts, const struct inst, c.inst)->t->script != 0, 0);
}

/* What was only printed here has a place of its own; `lua`: as has all that a template gave to one of Lua. */
static void add_places_before(struct asker *k, uint32_t dep, bool lua, int depth)
{
    if (!dep || k->places.n >= 100 || depth > (lua ? 8 : 1))
        return;
    const struct dep d = *AT(k->t, deps, const struct dep, dep);
    if (d.kind == DEP_JOIN) {
        add_places_before(k, d.x, lua, depth + 1);
        if (lua)
            add_places_before(k, d.y, lua, depth + 1);
    } else if (d.kind == DEP_CELL) {
        add_place(k, d.x, d.y);
    } else if ((d.kind == DEP_REC || d.kind == DEP_RANGE) && lua) {
        const struct rec rec = *AT(k->t, recs, const struct rec, d.x);
        const struct span *list = (const struct span *)k->t->spans.p + rec.span;
        size_t from = d.kind == DEP_RANGE ? d.y : 0, end = d.kind == DEP_RANGE ? d.z : rec.bytes;
        for (uint32_t i = 0; i < rec.spans_n && list[i].at < end && k->places.n < 100; i++) {
            struct span s = list[i];
            if (!AT(k->t, cells, const struct cell, s.cell)->mark &&
                (i + 1 == rec.spans_n || list[i + 1].at > from))
                add_place(k, s.cell, s.at < from ? s.off + from - s.at : s.off);
        }
        add_places_before(k, rec.dep, lua, depth + 1);
    }
}

/* ---- the question ------------------------------------------------------------------------------------ */

/* Whether what the branch may print can go on on the same line. */
static bool may_extend(const struct hc_node *list)
{
    for (uint32_t i = 0; list && i < list->n; i++) {
        const struct hc_node *n = list->items[i];
        switch ((enum hc_node_kind)n->kind) {
        case HC_NODE_TEXT:
            if (n->n)
                return n->text[0] != '\n' && n->text[0] != '\r';
            break;
        case HC_NODE_ACTION: {
            const struct hc_node *pipe = n->branch.pipe, *cmd = hc_node_cmd(pipe, pipe->n - 1);
            if (pipe->decl_n)
                break;
            return !(cmd->items[0]->kind == HC_NODE_IDENT &&
                     hc_str_eqz(hc_node_func_name(cmd->items[0]), "nindent"));
        }
        case HC_NODE_IF:
        case HC_NODE_WITH:
        case HC_NODE_RANGE:
            if (may_extend(n->branch.list) || may_extend(n->branch.orelse))
                return true;
            break;
        default:
            return true;
        }
    }
    return false;
}

static const struct traced_file *file_find(const struct hc_trace *t, hc_str path)
{
    for (uint32_t i = 1; i <= t->files.n; i++) {
        const struct traced_file *f = AT(t, files, const struct traced_file, i);
        if (hc_str_eq(f->path, path))
            return f;
    }
    return NULL;
}

hc_str hc_trace_text(const struct hc_trace *t, hc_str file)
{
    const struct traced_file *f = file_find(t, file);
    return f ? f->text : (hc_str){ NULL, 0 };
}

/* Whether there is something to see between the two places. */
static bool has_ink(hc_str text, size_t from, size_t to)
{
    return hc_str_trim(hc_str_sub(text, from, to)).n > 0;
}

/* The span that covers the bytes from `at` on, up to `end`. */
static void look_under(struct asker *k, const struct traced_file *f, const struct span *under, size_t at,
                       size_t end, bool whole)
{
    if (!under->cell)
        return;
    visit_cell(k, under->cell);
    if (!whole || has_ink(f->text, at, end))
        add_place(k, under->cell, under->off + at - under->at);
}

static const struct span *span_at(const struct hc_trace *t, const struct traced_file *f, uint32_t i)
{
    return i < f->spans_n ? (const struct span *)t->spans.p + f->span + i : NULL;
}

/* Whether this span, which begins where the value ends, belongs to it: a branch that might have gone on with it, or
 * an action that printed nothing. Sets *open to false when the text behind has begun. */
static bool belongs_to_end(const struct hc_trace *t, const struct traced_file *f, uint32_t i, bool *open)
{
    const struct span *s = span_at(t, f, i), *next = span_at(t, f, i + 1);
    const struct cell *c = AT(t, cells, const struct cell, s->cell);
    if (c->mark)
        return *open && (may_extend(c->node->branch.list) || may_extend(c->node->branch.orelse));
    if (c->node->kind != HC_NODE_ACTION || !next || next->at != s->at)
        *open = false;
    return *open;
}

static void look_at(struct asker *k, const struct traced_file *f, size_t from, size_t to, bool whole)
{
    struct hc_trace *t = k->t;
    struct span under = { 0 };
    bool open = whole;
    for (uint32_t i = 0; i < f->spans_n; i++) {
        struct span s = *span_at(t, f, i);
        bool mark = AT(t, cells, const struct cell, s.cell)->mark;
        if (s.at > to)
            break;
        if (s.at < from || (s.at == from && !mark && s.at < to)) {
            under = mark ? under : s;
            continue;
        }
        look_under(k, f, &under, from, HC_MIN(s.at, to), whole);
        under.cell = 0;
        if (s.at == to && from < to && !belongs_to_end(t, f, i, &open))
            continue;
        visit_cell(k, s.cell);
        const struct span *next = span_at(t, f, i + 1);
        if (!mark && s.at < to && (!whole || has_ink(f->text, s.at, next ? HC_MIN(next->at, to) : to)))
            add_place(k, s.cell, s.off);
    }
    look_under(k, f, &under, from, to, whole && k->places.n > 0);
}

static const char *keyword(const struct hc_node *n)
{
    return n->kind == HC_NODE_IF ? "if" : n->kind == HC_NODE_WITH ? "with" : "range";
}

static void answer_conds(struct asker *k)
{
    struct hc_trace *t = k->t;
    for (size_t i = 0; i < k->conds.n; i++) { /* the list grows meanwhile */
        const struct cond c = *AT(t, conds, const struct cond, ((const uint32_t *)k->conds.p)[i]);
        struct list sources = { 0 };
        push(k, c.dep);
        drain(k, &sources);
        if (!sources.n)
            continue;
        struct hc_trace_cause *to = list_add(k->a, &k->causes, sizeof(*to));
        if (!to)
            return;
        *to = (struct hc_trace_cause){ place_of(k, c.inst, c.node->branch.pipe, 0), keyword(c.node), c.held,
                                       sources.p, sources.n };
    }
}

enum hc_rc hc_trace_ask(struct hc_trace *t, struct hc_arena *a, hc_str file, size_t from, size_t to, bool whole,
                        struct hc_trace_answer *out, struct hc_err *err)
{
    const struct traced_file *f = file_find(t, file);
    struct asker k = { .t = t, .a = a };
    if (t->spent)
        return hc_fail(err, HC_E_LIMIT, "the trace of this render is over its budget of memory");
    if (!f)
        return hc_fail(err, HC_E_NOTFOUND, "no template '%.*s' was rendered", HC_P(file));
    t->question++;
    t->work.n = 0;
    look_at(&k, f, from, to, whole);
    drain(&k, &k.sources);
    answer_conds(&k);
    if (t->spent)
        return hc_fail(err, HC_E_LIMIT, "the trace of this render is over its budget of memory");
    *out = (struct hc_trace_answer){ k.places.p, k.places.n, k.sources.p, k.sources.n, k.causes.p, k.causes.n };
    return hc_arena_check(a, err, "trace");
}
