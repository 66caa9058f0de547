/*
 * Lua templates in a trace: what an expression came from. A name that is read stands among its tokens, and so does a variable
 * or a function whose result is known; what was read on a line of the expression under no name counts when it indexes.
 */
#include "core/base/mem.h"
#include "templating/render/trace_lua.h"

enum { NAMES_MOST = 2000 };

const struct hc_node *act_node_at(struct run *r, uint32_t pos, enum hc_node_kind kind)
{
    struct hc_node *n = HC_NEW(r->a, struct hc_node), *pipe = HC_NEW(r->a, struct hc_node);
    check_arena(r);
    pipe->kind = HC_NODE_IDENT;
    pipe->pos = pos;
    n->kind = (uint8_t)kind;
    n->pos = pos;
    if (kind == HC_NODE_IDENT)
        return pipe;
    n->branch.pipe = pipe;
    return n;
}

/* ---- what an expression came from ---------------------------------------------------------------------- */

uint32_t act_name_dep(const struct script_trace *st, const struct act *a, hc_str s)
{
    const struct name *own = st->names.p, *file = a->file->names.p;
    for (size_t i = st->names.n; i-- > a->names;)
        if (hc_str_eq(own[i].s, s))
            return own[i].dep;
    for (size_t i = a->file->names.n; i-- > 0;)
        if (hc_str_eq(file[i].s, s))
            return file[i].dep;
    return 0;
}

static void put_name(struct hc_trace *t, struct vec *v, size_t from, hc_str s, uint32_t dep)
{
    struct name *list = v->p;
    for (size_t i = v->n; i-- > from;) {
        if (!hc_str_eq(list[i].s, s))
            continue;
        list[i].dep = dep;
        return;
    }
    struct name *to = v->n - from < NAMES_MOST ? vec_add(t, v, sizeof(*to), NULL) : NULL;
    if (to)
        *to = (struct name){ s, dep };
}

void act_set_name(struct run *r, struct act *a, hc_str s, uint32_t dep)
{
    put_name(r->trace, &st_of(r)->names, a->names, s, dep);
    put_name(r->trace, &a->file->names, 0, s, dep);
}

/* What was read by this token: of several reads of the name on the line the one of the same number, if there are as many
 * as tokens, else all. */
static uint32_t token_dep(const struct run *r, const struct act *a, uint32_t token, bool containers, bool *result)
{
    const struct script_trace *st = st_of(r);
    const struct lua_tok *t = &toks(a)[token];
    const struct read *list = st->reads.p;
    uint32_t dep = 0, reads = 0, nth = 0, tokens = 0;
    for (size_t i = a->reads; i < st->reads.n; i++)
        reads += list[i].line == t->line && list[i].token != NO_TOKEN && hc_str_eq(toks(a)[list[i].token].s, t->s);
    if (!reads)
        return 0;
    for (uint32_t i = token; i < a->file->source->toks_n && toks(a)[i].line == t->line; i++)
        if (toks(a)[i].reads && hc_str_eq(toks(a)[i].s, t->s))
            tokens = toks(a)[i].nth + 1;
    for (size_t i = a->reads; i < st->reads.n; i++) {
        const struct read *one = &list[i];
        if (one->line != t->line || one->token == NO_TOKEN || !hc_str_eq(toks(a)[one->token].s, t->s))
            continue;
        if (tokens == reads && nth++ != t->nth)
            continue;
        *result |= one->result;
        if (!one->container || containers)
            dep = dep_join(r->trace, dep, one->dep);
    }
    return dep;
}

/* `containers`: that a map or list is there counts, too, as it does for a condition. */
uint32_t act_range_dep(const struct run *r, const struct act *a, uint32_t from, uint32_t end, bool containers)
{
    const struct script_trace *st = st_of(r);
    const struct lua_source *s = a->file->source;
    uint32_t dep = 0;
    int first = from < s->toks_n ? s->toks[from].line : 0, last = first;
    bool index = false;
    for (uint32_t i = from; i < end && i < s->toks_n; i++) {
        const struct lua_tok *t = &s->toks[i];
        bool result = false;
        last = t->line;
        if (t->kind == LUA_TOK_WORD && t->match > i) { /* a function: it runs elsewhere */
            i = t->match;
            continue;
        }
        index |= tok_is(a, i, "[");
        if (t->reads)
            dep = dep_join(r->trace, dep, token_dep(r, a, i, containers, &result));
        if (result && t->calls && t->match > i)
            i = t->match; /* what it gave is known, and so what went into it */
        else if (t->variable)
            dep = dep_join(r->trace, dep, act_name_dep(st, a, t->s));
    }
    const struct read *list = st->reads.p;
    for (size_t i = a->reads; index && i < st->reads.n; i++)
        if (list[i].token == NO_TOKEN && list[i].line >= first && list[i].line <= last &&
            (!list[i].container || containers))
            dep = dep_join(r->trace, dep, list[i].dep);
    return dep;
}

/* ---- conditions ---------------------------------------------------------------------------------------- */

static struct head_state *head_find(const struct script_trace *st, const struct act *a, uint32_t unit)
{
    struct head_state *list = st->heads.p;
    for (size_t i = a->heads; i < st->heads.n; i++)
        if (list[i].unit == unit)
            return &list[i];
    return NULL;
}

void act_note_head(struct run *r, struct act *a, uint32_t unit, uint32_t whole, uint32_t turn)
{
    struct script_trace *st = st_of(r);
    struct head_state *h = head_find(st, a, unit);
    whole = whole || !h || !turn ? whole : h->whole;
    h = h ? h : vec_add(r->trace, &st->heads, sizeof(*h), NULL);
    if (h)
        *h = (struct head_state){ .unit = unit, .dep = dep_join(r->trace, whole, turn), .whole = whole };
}

/* The condition around the unit, as it came out last in this function. */
uint32_t act_cond_of(struct run *r, const struct act *a, const struct lua_unit *u)
{
    struct script_trace *st = st_of(r);
    if (!u->head || !head_find(st, a, u->head - 1))
        return 0;
    const struct lua_unit *head = unit_at(a, u->head - 1);
    uint32_t up = act_cond_of(r, a, head), i = 0;
    struct head_state *h = head_find(st, a, u->head - 1);
    if (h->cond[u->held])
        return h->cond[u->held];
    struct cond *c = vec_add(r->trace, &r->trace->conds, sizeof(*c), &i);
    if (!c)
        return 0;
    *c = (struct cond){ .inst = a->inst,
                        .up = up,
                        .dep = h->dep,
                        .held = u->held,
                        .node = act_node_at(r, toks(a)[head->from].pos, head->loop ? HC_NODE_RANGE : HC_NODE_IF) };
    return h->cond[u->held] = i;
}

uint32_t act_new_cell(struct run *r, const struct act *a, const struct lua_unit *u, uint32_t dep)
{
    uint32_t i = 0, cond = act_cond_of(r, a, u);
    const struct hc_node *node = act_node_at(r, toks(a)[u->from].pos, HC_NODE_IDENT);
    struct cell *c = vec_add(r->trace, &r->trace->cells, sizeof(*c), &i);
    if (c)
        *c = (struct cell){ a->inst, dep, cond, false, node };
    return i;
}
