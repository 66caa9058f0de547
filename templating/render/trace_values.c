/*
 * Which nodes are values of the chart, under which path, and which of them a template has read.
 *
 * A node is known by its place: origin, line, column and kind. Functions of templates hand nodes on or copy them, and
 * the place stays. Nodes from one place can stand under several paths (globals, which every sub-chart sees; YAML
 * aliases): the first path counts, and `global` is looked at first; reading one of them reads them all.
 */
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/value/fieldpath.h"
#include "templating/render/lua_source.h"
#include "templating/render/trace_impl.h"

#define MAX_DEPTH 200

/* ---- the index --------------------------------------------------------------------------------------- */

static uint64_t place_hash(const struct hc_val *v)
{
    uint64_t h = ((uint64_t)v->origin << 32 | v->line) * 0x9e3779b97f4a7c15u;
    return (h ^ ((uint64_t)v->col << 8 | v->kind)) * 0xff51afd7ed558ccdu >> 17;
}

static bool same_place(const struct hc_val *x, const struct hc_val *y)
{
    return x->origin == y->origin && x->line == y->line && x->col == y->col && x->kind == y->kind;
}

static void put_entry(struct hc_trace *t, uint32_t number)
{
    struct value_entry *e = AT(t, entries, struct value_entry, number);
    size_t i = (size_t)place_hash(e->v) & (t->index_cap - 1);
    for (; t->index[i]; i = (i + 1) & (t->index_cap - 1)) {
        struct value_entry *there = AT(t, entries, struct value_entry, t->index[i]);
        if (!same_place(there->v, e->v))
            continue;
        while (there->next)
            there = AT(t, entries, struct value_entry, there->next);
        there->next = number;
        return;
    }
    t->index[i] = number;
}

/* A scalar that stands under several paths (import-values, aliases) becomes one node each, so that the path which a
 * template went by is known. Globals stay one: they are set in one place. */
static void part_scalars(struct hc_trace *t, struct hc_arena *a, struct hc_val **at, hc_str path)
{
    struct hc_val *v = *at;
    if (v->kind == HC_MAP || v->kind == HC_LIST || hc_str_find_str(path, HC_S(".global.")) != SIZE_MAX)
        return;
    if (ptrmap_get(&t->seen, v)) {
        struct hc_val *own = HC_NEW(a, struct hc_val);
        if (!own)
            return;
        *own = *v;
        *at = own;
    }
    ptrmap_put(t, &t->seen, *at, 1);
}

static void collect(struct hc_trace *t, struct hc_arena *a, const struct hc_val *v, hc_str path, int depth)
{
    uint32_t number = 0;
    if (!v || depth > MAX_DEPTH || t->spent)
        return;
    const void *shared = v->kind == HC_MAP    ? (const void *)v->map
                         : v->kind == HC_LIST ? (const void *)v->list
                                              : NULL;
    struct value_entry *e = vec_add(t, &t->entries, sizeof(*e), &number);
    if (!e)
        return;
    *e = (struct value_entry){ .v = v, .path = path };
    if (shared && !ptrmap_get(&t->maps, shared))
        ptrmap_put(t, &t->maps, shared, number);
    const struct hc_entry *global = depth == 0 ? hc_map_find(v, HC_S("global")) : NULL;
    if (global)
        collect(t, a, global->val, HC_S("global"), 1);
    for (size_t i = 0; i < hc_map_len(v); i++) {
        struct hc_entry *c = hc_map_at(v, i);
        hc_str below = hc_field_path_key(t->a, path, c->key);
        if (c == global)
            continue;
        part_scalars(t, a, &c->val, below);
        collect(t, a, c->val, below, depth + 1);
    }
    for (size_t i = 0; i < hc_list_len(v); i++) {
        hc_str below = hc_field_path_item(t->a, path, i);
        part_scalars(t, a, &v->list->items[i], below);
        collect(t, a, v->list->items[i], below, depth + 1);
    }
}

void hc_trace_values(struct hc_trace *t, struct hc_arena *a, struct hc_val *values)
{
    t->values = values;
    t->entries.n = 0;
    collect(t, a, values, HC_S(""), 0);
    size_t cap = 64;
    while (cap < t->entries.n * 2)
        cap *= 2;
    free(t->index);
    t->index = hc_calloc(cap, sizeof(*t->index));
    t->index_cap = t->index ? cap : 0;
    if (!t->index) {
        t->spent = true;
        return;
    }
    for (uint32_t i = 1; i <= t->entries.n; i++)
        if (AT(t, entries, struct value_entry, i)->v->origin)
            put_entry(t, i);
}

/* The first entry from that place. */
static struct value_entry *first_entry(const struct hc_trace *t, const struct hc_val *v)
{
    if (!v || !v->origin || v->origin & HC_TRACED || !t->index_cap)
        return NULL;
    for (size_t i = (size_t)place_hash(v) & (t->index_cap - 1); t->index[i]; i = (i + 1) & (t->index_cap - 1)) {
        struct value_entry *e = AT(t, entries, struct value_entry, t->index[i]);
        if (same_place(e->v, v))
            return e;
    }
    return NULL;
}

static struct value_entry *shared_entry(const struct hc_trace *t, const struct hc_val *v)
{
    const void *shared = hc_is_map(v) ? (const void *)v->map : hc_is_list(v) ? (const void *)v->list : NULL;
    uint32_t i = shared ? ptrmap_get(&t->maps, shared) : 0;
    return i ? AT(t, entries, struct value_entry, i) : NULL;
}

struct value_entry *value_find(const struct hc_trace *t, const struct hc_val *v)
{
    struct value_entry *e = shared_entry(t, v), *first = e ? NULL : first_entry(t, v);
    for (e = e ? e : first; first && e; e = e->next ? AT(t, entries, struct value_entry, e->next) : NULL)
        if (e->v == v)
            return e;
    return e ? e : first;
}

static void note_read(struct hc_trace *t, const struct hc_val *v, bool named)
{
    struct value_entry *e = first_entry(t, v);
    for (; e; e = e->next ? AT(t, entries, struct value_entry, e->next) : NULL) {
        e->read = true;
        e->named |= named;
    }
    e = shared_entry(t, v);
    if (e) {
        e->read = true;
        e->named |= named;
    }
}

void value_read(struct hc_trace *t, const struct hc_val *v)
{
    note_read(t, v, false);
}

void value_named(struct hc_trace *t, const struct hc_val *v)
{
    note_read(t, v, true);
}

void value_asked(struct hc_trace *t, const struct hc_val *map, bool named)
{
    struct value_entry *e = shared_entry(t, map);
    if (e) {
        e->asked = true;
        e->named |= named;
    }
    uint32_t other = hc_is_map(map) ? ptrmap_get(&t->linked, map->map) : 0;
    if (other)
        AT(t, entries, struct value_entry, other)->asked = true;
}

void value_linked(struct hc_trace *t, const struct hc_val *to, const struct hc_val *from, int depth)
{
    if (!hc_is_map(to) || !hc_is_map(from) || to->map == from->map || depth > MAX_DEPTH || t->spent)
        return;
    uint32_t number = ptrmap_get(&t->maps, from->map);
    if (!number)
        number = ptrmap_get(&t->linked, from->map);
    if (number) {
        struct value_entry *e = AT(t, entries, struct value_entry, number);
        ptrmap_put(t, &t->linked, to->map, number);
        for (size_t i = 0; i < hc_map_len(to) && !e->merged; i++) {
            const struct hc_origin *o = hc_origins_get(t->origins, hc_map_at(to, i)->val->origin);
            e->merged = o && o->layer == HC_LAYER_CHART;
        }
    }
    for (size_t i = 0; i < hc_map_len(from); i++)
        value_linked(t, hc_map_get(to, hc_map_at(from, i)->key), hc_map_at(from, i)->val, depth + 1);
}

static void read_whole(struct hc_trace *t, const struct hc_val *v, int depth)
{
    if (!v || depth > MAX_DEPTH)
        return;
    value_read(t, v);
    for (size_t i = 0; i < hc_list_len(v); i++)
        read_whole(t, hc_list_at(v, i), depth + 1);
    for (size_t i = 0; i < hc_map_len(v); i++)
        read_whole(t, hc_map_at(v, i)->val, depth + 1);
}

void value_read_whole(struct hc_trace *t, const struct hc_val *v)
{
    read_whole(t, v, 0);
}

/* Sub-charts see the globals of the top chart under their own name: "redis.global.x" is set as "global.x". */
static hc_str global_path(hc_str path)
{
    size_t at = hc_str_find_str(path, HC_S(".global."));
    if (at != SIZE_MAX)
        return hc_str_sub(path, at + 1, path.n);
    return hc_str_ends(path, HC_S(".global")) ? HC_S("global") : path;
}

hc_str value_path_below(struct hc_trace *t, const struct hc_val *map, hc_str name)
{
    const struct value_entry *e = value_find(t, map);
    if (!e)
        return (hc_str){ NULL, 0 };
    return global_path(hc_field_path_key(t->a, e->path, name));
}

hc_str hc_trace_path(const struct hc_trace *t, const struct hc_val *v)
{
    const struct value_entry *e = value_find(t, v);
    return e ? e->path : (hc_str){ NULL, 0 };
}

bool hc_trace_was_read(const struct hc_trace *t, const struct hc_val *v)
{
    const struct value_entry *e = first_entry(t, v);
    return (e && e->read) || ((e = shared_entry(t, v)) && e->read);
}

bool hc_trace_was_named(const struct hc_trace *t, const struct hc_val *v)
{
    const struct value_entry *e = first_entry(t, v);
    return (e && e->named) || ((e = shared_entry(t, v)) && e->named);
}

bool hc_trace_was_asked(const struct hc_trace *t, const struct hc_val *map)
{
    const struct value_entry *e = shared_entry(t, map);
    return e && e->asked && e->merged;
}

/* ---- what is not a value of the chart ------------------------------------------------------------------ */

static uint32_t builtin_dep(struct hc_trace *t, hc_str name, hc_str chart, const struct hc_val *v)
{
    struct builtin *b = HC_NEW(t->a, struct builtin);
    if (!b)
        return 0;
    *b = (struct builtin){ name, chart, v };
    return dep_new(t, DEP_BUILTIN, 0, 0, 0, b);
}

/* .Release and the like: maps made for this run, whose entries may be exchanged; what is in their lists is shared. */
static void mark_builtin(struct run *r, struct hc_val *map, hc_str name, hc_str chart, int depth)
{
    for (size_t i = 0; i < hc_map_len(map); i++) {
        struct hc_entry *e = hc_map_at(map, i);
        hc_str path = hc_arena_printf(r->trace->a, "%.*s.%.*s", HC_P(name), HC_P(e->key));
        if (e->val->kind == HC_MAP && depth < 4) {
            mark_builtin(r, e->val, path, chart, depth + 1);
        } else if (!e->val->origin) {
            const struct hc_val *was = e->val;
            e->val = marked(r, was, builtin_dep(r->trace, path, chart, was));
        }
    }
}

void values_start(struct run *r)
{
    static const struct {
        const char *key, *name;
    } known[] = { { "Release", ".Release" }, { "Chart", ".Chart" }, { "Capabilities", ".Capabilities" } };
    const struct hc_val *last = NULL;
    for (size_t i = 0; i < r->p->files_n; i++) {
        const struct hc_val *ctx = r->in->contexts[i];
        if (ctx == last)
            continue;
        last = ctx;
        hc_str base = r->p->files[i].base_path, chart = hc_str_sub(base, 0, hc_str_rfind(base, '/'));
        for (size_t k = 0; k < HC_LEN(known); k++)
            mark_builtin(r, hc_map_getz(ctx, known[k].key), hc_str_of(known[k].name),
                         k == 1 ? chart : (hc_str){ NULL, 0 }, 0);
    }
}

/* ---- reading ------------------------------------------------------------------------------------------- */

/* The receiver of a method: what all names but the last give. */
static const struct hc_val *receiver(hc_tv from, const hc_str *names, size_t n)
{
    const struct hc_val *v = hc_tv_node(from);
    for (size_t i = 0; i + 1 < n; i++)
        v = hc_map_get(v, names[i]);
    return v;
}

uint32_t value_file_dep(struct hc_trace *t, hc_str method, const struct hc_val *arg)
{
    hc_str path = hc_arena_printf(t->a, ".Files.%.*s%s%.*s", HC_P(method), hc_is_str(arg) ? " " : "",
                                  HC_P(hc_get_str(arg)));
    return builtin_dep(t, path, (hc_str){ NULL, 0 }, NULL);
}

static hc_tv read_method(struct run *r, const struct hc_val *recv, hc_str name, struct hc_val *v, hc_tv was)
{
    struct hc_trace *t = r->trace;
    uint32_t dep = dep_of_node(t, recv);
    if (recv && recv->type == HC_GO_FILES)
        dep = value_file_dep(t, name, r->args_n < r->args_cap && r->args ? r->args[r->args_n] : NULL);
    if (!dep || v->origin)
        return was;
    struct hc_val *to = marked(r, v, dep);
    log_add(t, dep);
    return hc_tv_boxed(was) ? hc_tv_box(to) : to;
}

static void note_absent(struct hc_trace *t, const struct hc_val *map, const hc_str *names, size_t n)
{
    hc_str path = value_path_below(t, map, names[0]);
    struct absent *a = path.p ? HC_NEW(t->a, struct absent) : NULL;
    if (!a)
        return;
    for (size_t i = 1; i < n; i++)
        path = hc_field_path_key(t->a, path, names[i]);
    a->path = path;
    log_add(t, dep_new(t, DEP_ABSENT, 0, 0, 0, a));
}

/* What decided which containers the names lead through: index $presets .type, get $map $key. They are asked by name. */
static uint32_t chosen_containers(struct hc_trace *t, hc_tv from, const hc_str *names, size_t n)
{
    const struct hc_val *v = hc_tv_node(from);
    uint32_t dep = 0;
    for (size_t i = 0; i < n && hc_is_map(v); i++) {
        if (v->origin & HC_TRACED)
            dep = dep_join(t, dep, dep_of_node(t, v));
        value_asked(t, v, i > 0);
        v = hc_map_get(v, names[i]);
    }
    return dep;
}

hc_tv trace_read(struct run *r, hc_tv from, const hc_str *names, size_t names_n, hc_tv v)
{
    struct hc_trace *t = r->trace;
    struct hc_val *node = hc_tv_node(v);
    if (t->spent)
        return v;
    if (node && node->kind != HC_NULL) {
        const struct hc_val *recv = receiver(from, names, names_n);
        if (recv && recv->type != HC_GO_PLAIN && !hc_map_find(recv, names[names_n - 1]))
            return read_method(r, recv, names[names_n - 1], node, v);
        uint32_t through = chosen_containers(t, from, names, names_n);
        value_named(t, node);
        log_add(t, dep_join(t, dep_of_node(t, node), through));
        if (!through || ((node->kind == HC_MAP || node->kind == HC_LIST) && node->origin))
            return v;
        node = marked_also(r, node, through);
        return hc_tv_boxed(v) ? hc_tv_box(node) : node;
    }
    const struct hc_val *at = hc_tv_node(from);
    for (size_t i = 0; i < names_n && hc_is_map(at); i++) {
        const struct hc_entry *e = hc_map_find(at, names[i]);
        value_asked(t, at, i > 0);
        if (!e) {
            note_absent(t, at, names + i, names_n - i);
            return v;
        }
        at = e->val;
    }
    if (at && at->origin) { /* null */
        value_read(t, at);
        log_add(t, dep_of_node(t, at));
    }
    return v;
}

/* ---- names in templates ---------------------------------------------------------------------------------- */

static void mention(struct hc_trace *t, hc_str name)
{
    if (name.n && name.n < 200 && !hc_map_find(t->names, name))
        hc_map_put_ref(t->a, t->names, name, t->names);
}

/* "a.b.c", as some charts' own helpers take it. */
static void mention_text(struct hc_trace *t, hc_str rest)
{
    hc_str part;
    mention(t, rest);
    while (rest.p && hc_str_split(&rest, '.', &part))
        mention(t, part);
}

static void mention_lua(struct hc_trace *t, hc_str text)
{
    const struct lua_source *s = lua_source_read(t->a, text);
    for (uint32_t i = 0; s && i < s->toks_n; i++) {
        if (s->toks[i].kind == LUA_TOK_TEXT)
            mention_text(t, s->toks[i].s);
        else if (s->toks[i].kind == LUA_TOK_NAME && s->toks[i].reads)
            mention(t, s->toks[i].s);
    }
}

static void mention_pipe(struct hc_trace *t, const struct hc_node *pipe);

static void mention_node(struct hc_trace *t, const struct hc_node *n)
{
    struct hc_names names;
    switch ((enum hc_node_kind)n->kind) {
    case HC_NODE_PIPE:
        mention_pipe(t, n);
        break;
    case HC_NODE_CHAIN:
        mention_node(t, n->chain.base);
        /* fall through */
    case HC_NODE_FIELD:
    case HC_NODE_VARIABLE:
        names = hc_node_names(n);
        for (uint32_t i = 0; i < n->n; i++) {
            hc_str name = hc_names_next(&names);
            if (i > 0 || n->kind != HC_NODE_VARIABLE)
                mention(t, name);
        }
        break;
    case HC_NODE_STRING:
        mention_text(t, hc_node_string(n));
        break;
    default:
        break;
    }
}

static void mention_pipe(struct hc_trace *t, const struct hc_node *pipe)
{
    for (uint32_t i = 0; pipe && i < pipe->n; i++)
        for (uint32_t k = 0; k < hc_node_cmd(pipe, i)->n; k++)
            mention_node(t, hc_node_cmd(pipe, i)->items[k]);
}

static void mention_list(struct hc_trace *t, const struct hc_node *list)
{
    for (uint32_t i = 0; list && i < list->n; i++) {
        const struct hc_node *n = list->items[i];
        switch ((enum hc_node_kind)n->kind) {
        case HC_NODE_IF:
        case HC_NODE_WITH:
        case HC_NODE_RANGE:
            mention_list(t, n->branch.list);
            mention_list(t, n->branch.orelse);
            /* fall through */
        case HC_NODE_ACTION:
            mention_pipe(t, n->branch.pipe);
            break;
        case HC_NODE_TEMPLATE:
            mention_pipe(t, n->call.pipe);
            break;
        default:
            break;
        }
    }
}

static const struct hc_val *mentioned(struct hc_trace *t)
{
    if (!t->names) {
        t->names = hc_map_new(t->a);
        for (size_t i = 0; t->program && i < t->program->names_n; i++)
            mention_list(t, t->program->names[i].tmpl->tree.root);
        for (size_t i = 0; t->program && i < t->program->files_n; i++)
            if (t->program->files[i].lua)
                mention_lua(t, t->program->files[i].text);
    }
    return t->names;
}

bool hc_trace_mentions(struct hc_trace *t, hc_str name)
{
    return hc_map_find(mentioned(t), name) != NULL;
}

hc_str hc_trace_nearest(struct hc_trace *t, hc_str name)
{
    const struct hc_val *names = mentioned(t);
    hc_str best = { NULL, 0 };
    unsigned least = UINT32_MAX;
    for (size_t i = 0; i < hc_map_len(names); i++) {
        hc_str other = hc_map_at(names, i)->key;
        unsigned d = hc_name_distance(name, other);
        if (d < least && hc_name_near(name, other)) {
            least = d;
            best = other;
        }
    }
    return best;
}

void hc_trace_mark_read(struct hc_trace *t, const struct hc_val *v)
{
    value_read_whole(t, v);
}
