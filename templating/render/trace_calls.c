/*
 * Functions: which argument a result came from.
 *
 * Three kinds. Those that pick, keep or put together what they are given (dict, get, merge, default, ...): the nodes
 * in their results are the ones they were given and know by themselves where they came from; only what made the choice
 * is added. Those that make texts (trace_text.c). All others: the result as a whole came from all arguments.
 */
#include <stdlib.h>

#include "templating/render/trace_impl.h"

enum kind {
    KEEP,   /* what is in the result is what is in the arguments               */
    MERGE,  /* the same, and who asks the result asks the arguments            */
    PICK,   /* one value out of a container, by a key                          */
    CHOOSE, /* one of the arguments                                            */
    LOOK,   /* looks at a container without looking into it                    */
    COUNT,  /* how many there are: that they are there, not what they are      */
    KEYS,   /* each text from the entry of that name                           */
    SORT,   /* each text from the one of the argument that it is equal to      */
    TYPE,   /* tells what a value is, which a container does not say of itself */
};

static const struct row {
    const char *name;
    enum kind kind;
} rows[] = {
    { "append", KEEP },
    { "chunk", KEEP },
    { "coalesce", CHOOSE },
    { "compact", KEEP },
    { "concat", KEEP },
    { "deepCopy", MERGE },
    { "default", CHOOSE },
    { "dict", KEEP },
    { "dig", PICK },
    { "empty", LOOK },
    { "first", KEEP },
    { "get", PICK },
    { "hasKey", PICK },
    { "index", PICK },
    { "initial", KEEP },
    { "keys", KEYS },
    { "kindIs", TYPE },
    { "kindOf", TYPE },
    { "last", KEEP },
    { "len", COUNT },
    { "list", KEEP },
    { "merge", MERGE },
    { "mergeOverwrite", MERGE },
    { "mustAppend", KEEP },
    { "mustChunk", KEEP },
    { "mustCompact", KEEP },
    { "mustDeepCopy", MERGE },
    { "mustFirst", KEEP },
    { "mustInitial", KEEP },
    { "mustLast", KEEP },
    { "mustMerge", MERGE },
    { "mustMergeOverwrite", MERGE },
    { "mustPrepend", KEEP },
    { "mustPush", KEEP },
    { "mustRest", KEEP },
    { "mustReverse", KEEP },
    { "mustSlice", KEEP },
    { "mustUniq", KEEP },
    { "mustWithout", KEEP },
    { "not", LOOK },
    { "omit", KEEP },
    { "pick", KEEP },
    { "pluck", KEEP },
    { "prepend", KEEP },
    { "push", KEEP },
    { "rest", KEEP },
    { "reverse", KEEP },
    { "set", KEEP },
    { "slice", KEEP },
    { "sortAlpha", SORT },
    { "ternary", CHOOSE },
    { "tuple", KEEP },
    { "typeIs", TYPE },
    { "typeIsLike", TYPE },
    { "typeOf", TYPE },
    { "uniq", KEEP },
    { "unset", KEEP },
    { "values", KEEP },
    { "without", KEEP },
};

static const struct row *row_of(hc_str name)
{
    size_t lo = 0, hi = HC_LEN(rows);
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int d = hc_str_cmp(name, hc_str_of(rows[mid].name));
        if (d == 0)
            return &rows[mid];
        if (d < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

static bool is_container(const struct hc_val *v)
{
    return v && (v->kind == HC_LIST || v->kind == HC_MAP);
}

static bool is_nil(const struct hc_val *v)
{
    return !v || v->kind == HC_NULL;
}

/* `shallow`: containers count by themselves, not by what is in them. Arguments without a value: what was read. */
static uint32_t all_args(struct hc_trace *t, struct hc_val *const *args, size_t n, bool shallow)
{
    uint32_t dep = 0;
    bool nil = false;
    for (size_t i = 0; i < n; i++) {
        nil |= is_nil(args[i]);
        dep = dep_join(t, dep, shallow ? dep_of_node(t, args[i]) : dep_of(t, args[i]));
    }
    return nil ? dep_join(t, dep, log_join(t)) : dep;
}

/* What decided becomes a part of the history. A container out of the values keeps its own. */
static struct hc_val *also(struct run *r, struct hc_val *v, uint32_t dep)
{
    log_add(r->trace, dep);
    if (is_nil(v) || !dep || (is_container(v) && v->origin && !(v->origin & HC_TRACED)))
        return v;
    return marked_also(r, v, dep);
}

/* get, index, dig, hasKey: the way into the container, and where it ends. */
static struct hc_val *picked(struct run *r, hc_str name, struct hc_val *const *args, size_t n, struct hc_val *v)
{
    struct hc_trace *t = r->trace;
    bool dig = hc_str_eqz(name, "dig");
    const struct hc_val *at = dig ? args[n - 1] : args[0];
    size_t first = dig ? 0 : 1, end = dig && n >= 2 ? n - 2 : n;
    uint32_t dep = 0;
    for (size_t i = first; i < end; i++) {
        dep = dep_join(t, dep, dep_of_node(t, args[i]));
        if (hc_is_map(at) && hc_is_str(args[i])) {
            const struct hc_entry *e = hc_map_find(at, hc_get_str(args[i]));
            value_asked(t, at, false);
            if (!e) {
                hc_str path = value_path_below(t, at, hc_get_str(args[i]));
                struct absent *a = path.p ? HC_NEW(t->a, struct absent) : NULL;
                if (a) {
                    a->path = path;
                    dep = dep_join(t, dep, dep_new(t, DEP_ABSENT, 0, 0, 0, a));
                }
                at = NULL;
                break;
            }
            at = e->val;
        } else if (hc_is_list(at) && args[i] && args[i]->kind == HC_INT) {
            at = args[i]->i >= 0 ? hc_list_at(at, (size_t)args[i]->i) : NULL;
        }
    }
    if (at) {
        value_named(t, at);
        if (hc_str_eqz(name, "hasKey"))
            dep = dep_join(t, dep, dep_of_node(t, at));
        else
            log_add(t, dep_of_node(t, at));
    }
    return also(r, v, dep);
}

/* What was not chosen, because it was empty, decided too. */
static struct hc_val *chosen(struct run *r, hc_str name, struct hc_val *const *args, size_t n, struct hc_val *v)
{
    struct hc_trace *t = r->trace;
    uint32_t dep = 0;
    if (hc_str_eqz(name, "ternary"))
        return also(r, v, dep_of_node(t, args[n - 1]));
    bool fallback = hc_str_eqz(name, "default");
    for (size_t i = 0; i < n; i++) {
        const struct hc_val *a = args[i];
        if (fallback && i == 0 && n > 1)
            continue; /* default D V: V decides */
        if (a == v)
            break;
        dep = dep_join(t, dep, is_nil(a) ? log_join(t) : dep_of_node(t, a));
    }
    return also(r, v, dep);
}

/* A fresh list or map of fresh scalars: split, keys, urlParse, fromToml. */
static void mark_items(struct run *r, struct hc_val *v, uint32_t dep)
{
    for (size_t i = 0; i < hc_list_len(v) && !r->trace->spent; i++)
        if (!is_container(v->list->items[i]) && !v->list->items[i]->origin)
            v->list->items[i] = marked(r, v->list->items[i], dep);
    for (size_t i = 0; i < hc_map_len(v) && !r->trace->spent; i++)
        if (!is_container(v->map->entries[i].val) && !v->map->entries[i].val->origin)
            v->map->entries[i].val = marked(r, v->map->entries[i].val, dep);
}

/* That the entries are there. */
static uint32_t entries_dep(struct hc_trace *t, const struct hc_val *v)
{
    uint32_t dep = dep_of_node(t, v);
    for (size_t i = 0; i < hc_list_len(v); i++)
        dep = dep_join(t, dep, dep_of_node(t, hc_list_at(v, i)));
    for (size_t i = 0; i < hc_map_len(v); i++) {
        value_read(t, hc_map_at(v, i)->val);
        dep = dep_join(t, dep, dep_of_node(t, hc_map_at(v, i)->val));
    }
    return dep;
}

static struct hc_val *counted(struct run *r, struct hc_val *const *args, size_t n, struct hc_val *v)
{
    return also(r, v, is_container(args[0]) ? entries_dep(r->trace, args[0]) : all_args(r->trace, args, n, false));
}

/* keys: a fresh list of fresh texts. */
static struct hc_val *keyed(struct run *r, struct hc_val *const *args, size_t n, struct hc_val *v)
{
    for (size_t i = 0; i < n; i++)
        log_add(r->trace, entries_dep(r->trace, args[i]));
    for (size_t i = 0; i < hc_list_len(v); i++) {
        for (size_t k = 0; k < n; k++) {
            const struct hc_entry *e = hc_map_find(args[k], hc_get_str(v->list->items[i]));
            uint32_t dep = e ? dep_of_key(r->trace, e->val) : 0;
            if (dep)
                v->list->items[i] = marked(r, v->list->items[i], dep);
        }
    }
    return v;
}

static struct hc_val *sorted(struct run *r, const struct hc_val *from, struct hc_val *v)
{
    for (size_t i = 0; i < hc_list_len(v); i++) {
        struct hc_val **item = &v->list->items[i];
        for (size_t k = 0; k < hc_list_len(from) && !(*item)->origin; k++) {
            const struct hc_val *was = hc_list_at(from, k);
            if (was->origin && hc_str_eq(hc_get_str(was), hc_get_str(*item)))
                *item = marked(r, *item, dep_of_node(r->trace, was));
        }
    }
    return v;
}

static bool is_given(struct hc_val *const *args, size_t n, const struct hc_val *v)
{
    for (size_t i = 0; i < n; i++)
        if (args[i] == v || (args[i] && is_container(v) && args[i]->kind == v->kind && args[i]->list == v->list))
            return true;
    return false;
}

/* What `set` and the like put while a condition held is there because of it. */
static void note_set(struct run *r, struct hc_val *const *args, size_t n)
{
    uint32_t cond = cond_here(r->trace, r->at);
    struct hc_entry *e = n == 3 ? hc_map_find(args[0], hc_get_str(args[1])) : NULL;
    if (!e || is_nil(e->val) || is_container(e->val))
        return;
    uint32_t dep = dep_join(r->trace, dep_of_node(r->trace, e->val), dep_of_node(r->trace, args[1]));
    if (cond)
        dep = dep_join(r->trace, dep, dep_new(r->trace, DEP_COND, cond, 0, 0, NULL));
    if (dep)
        e->val = marked(r, e->val, dep);
}

struct hc_val *trace_call(struct run *r, const struct hc_func *f, size_t base, size_t n, struct hc_val *v)
{
    struct hc_trace *t = r->trace;
    struct hc_val *const *args = args_from(r, base);
    hc_str name = hc_str_of(f->name);
    const struct row *row = row_of(name);
    uint32_t dep;
    if (t->spent || n == 0)
        return v;
    if (row) {
        switch (row->kind) {
        case KEEP:
            if (hc_str_eqz(name, "set"))
                note_set(r, args, n);
            return v;
        case MERGE:
            for (size_t i = 0; i < n; i++)
                value_linked(t, v, args[i], 0);
            return v;
        case PICK:
            return picked(r, name, args, n, v);
        case CHOOSE:
            return chosen(r, name, args, n, v);
        case LOOK:
            return also(r, v, all_args(t, args, n, true));
        case COUNT:
            return counted(r, args, n, v);
        case KEYS:
            return keyed(r, args, n, v);
        case SORT:
            return is_given(args, n, v) ? v : sorted(r, args[0], v);
        case TYPE:
            return is_container(args[n - 1]) ? v : also(r, v, all_args(t, args, n, true));
        }
    }
    if (!is_nil(v)) {
        struct hc_val *text = text_result(r, name, args, n, v);
        if (text) {
            log_add(t, dep_of_node(t, text));
            return text;
        }
    }
    for (size_t i = 0; i < n; i++)
        if (is_container(args[i]))
            value_read_whole(t, args[i]);
    dep = all_args(t, args, n, false);
    log_add(t, dep);
    if (is_nil(v) || !dep || is_given(args, n, v))
        return v;
    if (is_container(v))
        mark_items(r, v, dep);
    return marked(r, v, dep);
}
