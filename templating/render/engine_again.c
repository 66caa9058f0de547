/*
 * An include that has run before in this run: the same template over the same data prints the same, and charts ask for
 * their names and labels in every file, often several times in one expression.
 *
 * What it depended on is noted while it runs: entries of the map that is its data (`.` of a file, or what dict and merge
 * made) by their keys, so that `include "name" .` of one file serves all files, where .Template is another one each time, and
 * what merge made of `.` as well. An entry is compared by what it says; a map or list in it that is older than the file at
 * hand by its place, as nobody changes it without telling: then all that is known is forgotten. So values and contexts, which
 * are most of what templates read, are never looked through. Whoever looks at all of a map, or hands it to a function
 * that may, depends on every entry of it.
 *
 * It counts only what can be told apart from nothing else: what changes something older than itself, asks the outside world or
 * was run by Lua is run each time. Steps are charged as if it had run. What is known lives and ends with the run.
 */
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/value/kept.h"
#include "lua/bridge/gotype.h"
#include "templating/render/engine_impl.h"

enum {
    MAX_KNOWN_BYTES = 512 << 10, /* of a run: what charts include over and over is short */
    MAX_TEXT = 32 << 10,
    MAX_OF_ONE = 8,   /* results of one template: more are hardly met again */
    MAX_READS = 40,   /* of one include */
    MAX_FRAMES = 300, /* far below the budgets of depth: whether one is met must not depend on what is known */
    MAX_VALUES = 64,  /* of data that is compared by what it says */
    LOST = -6,        /* of known_of.worth: not tried any more */
    WON = 8,
};

/* Among the flags of a map: */
#define IS_CONTEXT 0x200u /* `.` of files */
#define IS_DATA    0x400u /* data of an include that runs, or ran */
/* Of a map or list: one of those two can be reached from it; .Template of a file can. */
#define HOLDS    0x800u
#define HAS_FILE 0x1000u
#define OWN      (IS_CONTEXT | IS_DATA | HOLDS | HAS_FILE)
#define ANY      (OWN | TRAIL_ROOT | TRAIL_HOLDS)

/* What an entry of the data has to say; key.p NULL: how many there are. */
struct need {
    hc_str key;
    struct hc_kept_key val;
};

/* What an include printed. */
struct known {
    struct known *next;
    hc_str text;
    uint64_t steps;
    uint32_t epoch, file, height, needs_n, told_n;
    const uint32_t *told; /* for trail_again */
    bool untold;
    bool by_entries; /* the data is a map that was read entry by entry; otherwise all of it is in `data` */
    bool in_file;    /* of no use in another one */
    bool looked;     /* into a context (engine_kept.c) */
    struct hc_kept_key data;
    struct need needs[];
};

static _Atomic uint64_t repeats;

uint64_t hc_program_repeats(void)
{
    return atomic_load_explicit(&repeats, memory_order_relaxed);
}

struct known_of {
    struct known *first;
    int worth;
    uint32_t in_files; /* how often it ran as the file was another one */
};

/* ---- what a value says --------------------------------------------------------------------------------- */

static uint32_t flags_of(const struct hc_val *v)
{
    if (v && v->kind == HC_MAP && v->map)
        return v->map->flags & ANY;
    return v && v->kind == HC_LIST && v->list ? v->list->flags & ANY : 0;
}

/* Of what holds a value with these. */
static uint32_t flags_around(uint32_t flags)
{
    return (flags & (IS_CONTEXT | IS_DATA | HOLDS) ? HOLDS : 0) | (flags & (IS_CONTEXT | HAS_FILE) ? HAS_FILE : 0) |
           (flags & (TRAIL_ROOT | TRAIL_HOLDS) ? TRAIL_HOLDS : 0);
}

static bool is_old(const struct run *r, const void *p)
{
    return !hc_arena_is_newer(r->a, &r->again_since, p);
}

static bool add_value(const struct run *r, struct hc_kept_key *k, const struct hc_val *v, unsigned *left);

static bool add_map(const struct run *r, struct hc_kept_key *k, const struct hc_map *map, unsigned *left)
{
    struct again *g = r->again;
    while (g && (g->said != map || g->said_left > *left))
        g = g->outer;
    struct hc_kept_key whole = r->again_seed;
    if (g) {
        whole = g->said_key;
        *left -= g->said_left;
    } else {
        unsigned before = *left;
        whole = hc_kept_key_and(whole, (uint64_t)map->n << 1 | (map->flags & HC_LIST_NIL));
        for (uint32_t i = 0; i < map->n; i++) {
            whole = hc_kept_key_text(whole, map->entries[i].key);
            if (!add_value(r, &whole, map->entries[i].val, left))
                return false;
        }
        /* it lives as long as the outermost include runs that is younger */
        struct again *keeper = NULL;
        for (g = map->n > 3 ? r->again : NULL; g && !hc_arena_is_newer(r->a, &g->mark, map); g = g->outer)
            keeper = g;
        if (keeper) {
            keeper->said = map;
            keeper->said_key = whole;
            keeper->said_left = before - *left;
        }
    }
    *k = hc_kept_key_and(hc_kept_key_and(*k, whole.a), whole.b);
    return true;
}

static bool add_value(const struct run *r, struct hc_kept_key *k, const struct hc_val *v, unsigned *left)
{
    enum hc_kind kind = hc_kind_of(v);
    if ((*left)-- == 0)
        return false;
    *k = hc_kept_key_and(*k, (uint64_t)kind << 8 | (v ? v->type : 0));
    switch (kind) {
    case HC_NULL:
        return true;
    case HC_BOOL:
        *k = hc_kept_key_and(*k, v->b);
        return true;
    case HC_INT:
    case HC_UINT:
    case HC_FLOAT:
        *k = hc_kept_key_and(*k, v->u);
        if (v->spelling)
            *k = hc_kept_key_text(*k, (hc_str){ v->spelling, v->n });
        return true;
    case HC_STR:
        *k = hc_kept_key_text(*k, hc_get_str(v));
        return v->n <= MAX_TEXT;
    case HC_LIST:
        if (is_old(r, v->list)) {
            *k = hc_kept_key_and(*k, (uintptr_t)v->list);
            return true;
        }
        *k = hc_kept_key_and(*k, (uint64_t)v->list->n << 1 | (v->list->flags & HC_LIST_NIL));
        for (uint32_t i = 0; i < v->list->n; i++)
            if (!add_value(r, k, v->list->items[i], left))
                return false;
        return true;
    case HC_MAP:
        if (v->map->flags & IS_CONTEXT || is_old(r, v->map)) {
            *k = hc_kept_key_and(*k, (uintptr_t)v->map);
            return true;
        }
        return add_map(r, k, v->map, left);
    default:
        return false;
    }
}

/* False: it holds what has no plain value, or is too large. What needs no hash is its own key. */
static bool value_key(const struct run *r, const struct hc_val *v, struct hc_kept_key *out)
{
    enum hc_kind kind = hc_kind_of(v);
    const uint64_t what = (uint64_t)kind << 8 | (v ? v->type : 0);
    const void *place = kind == HC_MAP ? (const void *)v->map : kind == HC_LIST ? (const void *)v->list : NULL;
    if (place && ((kind == HC_MAP && v->map->flags & IS_CONTEXT) || is_old(r, place))) {
        *out = (struct hc_kept_key){ (uintptr_t)place, what };
        return true;
    }
    if (kind == HC_STR) {
        *out = hc_kept_key_text((struct hc_kept_key){ r->again_seed.a ^ what, r->again_seed.b }, hc_get_str(v));
        return v->n <= MAX_TEXT;
    }
    if (kind == HC_BOOL || kind == HC_NULL) {
        *out = (struct hc_kept_key){ kind == HC_BOOL && v->b, what };
        return true;
    }
    unsigned left = MAX_VALUES;
    *out = r->again_seed;
    return add_value(r, out, v, &left);
}

/* Of the data of `g`. */
static bool entry_key(const struct run *r, const struct again *g, hc_str key, struct hc_kept_key *out)
{
    const struct hc_val data = { .kind = HC_MAP, .map = g->map };
    if (!key.p) {
        *out = (struct hc_kept_key){ (uint64_t)g->map->n << 8 | g->type, UINT64_MAX };
        return true;
    }
    const struct hc_entry *e = hc_map_find(&data, key);
    if (e)
        return value_key(r, e->val, out);
    *out = r->again_seed; /* no value gives that one */
    return true;
}

/* ---- notes ---------------------------------------------------------------------------------------------- */

static bool is_data_of_running(const struct again *g, const struct hc_map *map)
{
    while (g && g->map != map)
        g = g->outer;
    return g != NULL;
}

/* Keys live as long as the map, or the run. */
static void note(struct run *r, struct hc_map *map, hc_str key)
{
    struct again *g = r->again;
    if (g->lost || (g->deaf && map == g->map))
        return;
    for (size_t i = g->reads; i < r->reads_n; i++) {
        const struct again_read *have = &r->reads[i];
        if (have->map == map && have->key.n == key.n &&
            (have->key.p == key.p || (key.n && *have->key.p == *key.p && memcmp(have->key.p, key.p, key.n) == 0)))
            return;
    }
    if (r->reads_n - g->reads == MAX_READS) {
        g->lost = true;
        return;
    }
    if (r->reads_n == r->reads_cap) {
        size_t cap = r->reads_cap ? r->reads_cap * 2 : 64;
        void *grown = hc_realloc(r->reads, cap * sizeof(*r->reads));
        if (!grown) {
            g->lost = true;
            return;
        }
        r->reads = grown;
        r->reads_cap = cap;
    }
    r->reads[r->reads_n++] = (struct again_read){ map, key };
}

/* Methods of what .Values and `.` are, entries in a plain map. */
static bool may_be_method(hc_str name)
{
    switch (name.n) {
    case 4:
        return memcmp(name.p, "YAML", 4) == 0;
    case 5:
        return memcmp(name.p, "Table", 5) == 0 || memcmp(name.p, "AsMap", 5) == 0;
    case 6:
        return memcmp(name.p, "Encode", 6) == 0;
    case 9:
        return memcmp(name.p, "PathValue", 9) == 0;
    default:
        return false;
    }
}

static void note_key(struct run *r, struct hc_map *map, hc_str key)
{
    if (hc_str_eqz(key, "Template"))
        r->again->in_file = true;
    if (may_be_method(key))
        r->again->lost = true;
    if (map->flags & (IS_CONTEXT | IS_DATA) && is_data_of_running(r->again, map))
        note(r, map, key.p ? key : HC_S(""));
}

static void note_all(struct run *r, struct hc_map *map, bool with_template)
{
    if (!(map->flags & (IS_CONTEXT | IS_DATA)) || !is_data_of_running(r->again, map))
        return;
    note(r, map, (hc_str){ NULL, 0 });
    for (uint32_t i = 0; i < map->n && !r->again->lost; i++)
        if (with_template || !hc_str_eqz(map->entries[i].key, "Template"))
            note_key(r, map, map->entries[i].key);
}

/* All that can be reached from a value with these flags may have been looked at. */
static void note_everything(struct run *r, const struct hc_val *v, uint32_t flags)
{
    r->again->in_file |= (flags & (IS_CONTEXT | HAS_FILE)) != 0;
    if (flags & IS_DATA)
        note_all(r, v->map, true);
    for (const struct again *g = r->again; flags & (IS_CONTEXT | HOLDS) && g; g = g->outer)
        if (g->map)
            note_all(r, g->map, true);
}

/* What is old needs no mark: it counts by its place, and if it came by a context, that was by a change. */
static void hold(const struct run *r, const struct hc_val *v, uint32_t flags)
{
    if (hc_is_map(v) && !is_old(r, v->map))
        v->map->flags |= flags;
    else if (hc_is_list(v) && !is_old(r, v->list))
        v->list->flags |= flags;
}

void again_lose(struct run *r)
{
    if (r->again)
        r->again->lost = true;
}

/* A field of a root, which may be a method that looks at all of it. */
static void read_root(struct run *r, const struct hc_val *v, hc_str name)
{
    if (may_be_method(name) || (v->type >= HC_GO_CAPABILITIES && !hc_map_find(v, name)))
        r->again->untold = true;
    trail_field(r, v->map, name);
}

void again_field(struct run *r, const struct hc_val *v, hc_str name)
{
    uint32_t flags = flags_of(v);
    if (!r->again || !flags || v->kind != HC_MAP)
        return;
    if (flags & TRAIL_ROOT)
        read_root(r, v, name);
    else if (flags & TRAIL_HOLDS && v->map->flags & TRAIL_CONTEXT)
        trail_field(r, v->map, name);
    if (flags & OWN)
        note_key(r, v->map, name);
}

void again_taken(struct run *r, const struct hc_val *from, const struct hc_val *v)
{
    uint32_t flags = flags_of(from);
    flags &= HOLDS | HAS_FILE |
             (flags & IS_CONTEXT ? 0 : TRAIL_HOLDS); /* there, nothing that holds one can be new */
    if (flags)
        hold(r, v, flags);
}

void again_truth(struct run *r, hc_tv value)
{
    const struct hc_val *v = hc_tv_node(value);
    uint32_t flags = flags_of(v);
    if (flags & IS_DATA && is_data_of_running(r->again, v->map))
        note(r, v->map, (hc_str){ NULL, 0 });
    if (flags & TRAIL_ROOT)
        trail_count(r, v->map);
}

void again_look(struct run *r, const struct hc_val *v)
{
    uint32_t flags = flags_of(v);
    if (!r->again || !flags)
        return;
    if (flags & TRAIL_ROOT)
        trail_whole(r, v->map);
    r->again->untold |= (flags & TRAIL_HOLDS) != 0;
    if (flags & OWN)
        note_everything(r, v, flags);
}

void again_range(struct run *r, const struct hc_val *v)
{
    uint32_t flags = flags_of(v), n = v->kind == HC_MAP ? v->map->n : v->kind == HC_LIST ? v->list->n : 0;
    if (!flags)
        return;
    if (r->again && v->kind == HC_MAP && v->map->flags & (TRAIL_ROOT | TRAIL_CONTEXT))
        trail_whole(r, v->map);
    if (r->again && flags & (IS_CONTEXT | IS_DATA))
        note_all(r, v->map, true);
    for (uint32_t i = 0; i < n; i++)
        again_taken(r, v, v->kind == HC_MAP ? v->map->entries[i].val : v->list->items[i]);
}

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

/* Where a map that nobody else has got the entries of another: what has a number is the same in it, or was looked at. */
static void merged_root(struct run *r, const struct hc_val *from, const struct hc_val *into)
{
    uint32_t flags = flags_of(from);
    if (from->map->flags & (TRAIL_ROOT | TRAIL_CONTEXT))
        trail_whole(r, from->map);
    if (!(flags & TRAIL_HOLDS))
        return;
    const uint32_t n = from->map->n, added = into->map->n - HC_MIN(n, into->map->n);
    for (uint32_t i = 0; i < n; i++) {
        const struct hc_val *v = from->map->entries[i].val;
        uint32_t has = flags_of(v) & (TRAIL_ROOT | TRAIL_HOLDS);
        if (!has || (added + i < into->map->n && into->map->entries[added + i].val == v)) /* most often */
            continue;
        const struct hc_val *got = hc_map_get(into, from->map->entries[i].key);
        if ((got && got->kind == v->kind && (v->kind == HC_MAP ? got->map == v->map : got->list == v->list)))
            continue;
        if (has & TRAIL_ROOT)
            trail_whole(r, v->map);
        r->again->untold |= (has & TRAIL_HOLDS) != 0;
    }
}

/* Functions that follow keys into a map: index from its first argument, dig into its last. */
static bool follows_root(struct run *r, const struct hc_func *f, struct hc_val *const *args, size_t n)
{
    bool digs = strcmp(f->name, "dig") == 0 && n > 2;
    const struct hc_val *map = digs ? args[n - 1] : args[0], *key = digs ? args[0] : n > 2 ? args[1] : NULL;
    if (!(digs || (strcmp(f->name, "index") == 0 && n > 2)) || !hc_is_map(map) || !hc_is_str(key) ||
        (flags_of(map) & ANY) != TRAIL_ROOT)
        return false;
    trail_read(r, map->map, hc_get_str(key));
    again_look(r, hc_map_get(map, hc_get_str(key)));
    return true;
}

/*
 * dict and list hand on what they get, and so does merge into a map that nobody else has; get, hasKey and index take one entry.
 * All others may look at all of it. Where set and merge put what holds a context into a map that others may hold, nobody knows any
 * more who can reach one.
 */
void again_call(struct run *r, const struct hc_func *f, struct hc_val *const *args, size_t n,
                const struct hc_val *out)
{
    static const char *const merges[] = { "merge", "mustMerge", "mergeOverwrite", "mustMergeOverwrite", NULL },
                             *const hands[] = { "dict", "list", NULL },
                             *const takes[] = { "get", "hasKey", "index", NULL };
    const struct hc_map *made = r->again_made;
    uint32_t first = n ? flags_of(args[0]) : 0, others = 0;
    for (size_t i = 1; i < n; i++)
        others |= flags_of(args[i]);
    r->again_made = hc_is_map(out) && strcmp(f->name, "dict") == 0 ? out->map : NULL;
    if (r->trails_changing)
        trail_changed(r, f, args, n);
    if (!(first | others))
        return;
    if (is_one_of(f->name, hands)) {
        hold(r, out, flags_around(first | others));
        return;
    }
    bool merges_it = is_one_of(f->name, merges), is_new = merges_it && hc_is_map(args[0]) && args[0]->map == made;
    if (is_new) { /* which has the same entries, but is not the same */
        hold(r, out, ((first | others) & HOLDS) | (flags_around(first | others) & (HAS_FILE | TRAIL_HOLDS)));
        for (size_t i = 1; r->again && i < n; i++) {
            if (!hc_is_map(args[i]))
                continue;
            note_all(r, args[i]->map, false);
            merged_root(r, args[i], out);
        }
        return;
    }
    hold(r, out, flags_around(first | others));
    bool sets = strcmp(f->name, "set") == 0;
    if (others & OWN && (sets || (merges_it && ((first | others) & OWN) != (first & OWN))))
        r->again_off = true;
    if (others & ANY & ~OWN && (sets || merges_it))
        trail_off(r);
    if (!r->again || follows_root(r, f, args, n))
        return;
    if (n == 2 && !others && is_one_of(f->name, takes) && hc_is_map(args[0]) && hc_is_str(args[1])) {
        const struct hc_entry *e = hc_map_find(args[0], hc_get_str(args[1]));
        if (args[0]->map->flags & (TRAIL_ROOT | TRAIL_CONTEXT))
            trail_read(r, args[0]->map, hc_get_str(args[1]));
        if (!(first & OWN))
            return;
        if (e)
            note_key(r, args[0]->map, e->key);
        else
            note_all(r, args[0]->map, true);
    } else if (!(n == 2 && hc_is_list(args[0]) && strcmp(f->name, "index") == 0)) {
        for (size_t i = 0; i < n; i++)
            again_look(r, args[i]);
    }
}

void again_change(struct run *r, const struct hc_map *map)
{
    for (struct again *g = r->again; g; g = g->outer) {
        g->changed |= !hc_arena_is_newer(r->a, &g->mark, map);
        g->said = NULL;
    }
    if (!is_old(r, map))
        return;
    trail_change(r, map);
    r->again_epoch++; /* what is put into it can be reached from now on, too */
    r->again_since = hc_arena_mark(r->a);
}

/* ---- runs of includes ------------------------------------------------------------------------------------ */

void again_start(struct run *r)
{
    r->again_seed = hc_kept_key('A', HC_S(""));
    for (size_t i = 0; i < r->p->files_n; i++) {
        const struct hc_val *dot = r->in->contexts[i], *subs = hc_map_getz(dot, "Subcharts");
        dot->map->flags |= IS_CONTEXT;
        if (hc_map_len(subs))
            subs->map->flags |= HOLDS | HAS_FILE;
    }
}

void again_file(struct run *r, const struct hc_val *dot)
{
    trail_file(r, dot);
    r->again_file++;
    r->again_since = hc_arena_mark(r->a);
}

static struct known_of *known_of(struct run *r, const struct tmpl *t)
{
    if (t->index > r->p->tmpls_n)
        return NULL;
    if (!r->again_known)
        r->again_known = hc_calloc(r->p->tmpls_n + 1, sizeof(*r->again_known));
    return r->again_known ? &r->again_known[t->index] : NULL;
}

static void learn(struct known_of *of, int by)
{
    of->worth = HC_MIN(of->worth + by, (int)WON);
}

static bool same_key(struct hc_kept_key x, struct hc_kept_key y)
{
    return x.a == y.a && x.b == y.b;
}

static bool meets(const struct run *r, const struct known *k, const struct again *g)
{
    if (k->epoch != r->again_epoch || (k->in_file && k->file != r->again_file) ||
        k->by_entries != (g->map != NULL) || r->frames_n + k->height > MAX_FRAMES)
        return false;
    if (!g->map)
        return same_key(k->data, g->data);
    for (uint32_t i = 0; i < k->needs_n; i++) {
        struct hc_kept_key val;
        if (!entry_key(r, g, k->needs[i].key, &val) || !same_key(val, k->needs[i].val))
            return false;
    }
    return true;
}

/* What runs around it depends on the same. */
static void depend(struct run *r, const struct known *k, struct hc_map *map, uint32_t flags)
{
    if (!r->again)
        return;
    r->again->in_file |= k->in_file;
    r->again->untold |= k->untold;
    trail_again(r, k->told, k->told_n);
    if (map && is_data_of_running(r->again, map))
        for (uint32_t i = 0; i < k->needs_n; i++)
            note(r, map, k->needs[i].key);
    for (const struct again *g = r->again; flags & HOLDS && g; g = g->outer)
        if (g->map && g->map != map)
            note_all(r, g->map, false);
}

bool again_is_copy(const struct hc_val *data)
{
    return (flags_of(data) & (HAS_FILE | HOLDS)) == HAS_FILE;
}

/* From an earlier run. */
static struct hc_val *find(struct run *r, struct again *g, struct tmpl *t, uint32_t flags)
{
    uint64_t steps;
    hc_str text = trail_find(r, g, t, &steps);
    if (!text.p) {
        check_arena(r);
        return NULL;
    }
    g->notes = false; /* there is one for each file */
    if (g->map && is_data_of_running(g->outer, g->map))
        note_all(r, g->map, false); /* of which entries it read some; in_file is known */
    for (const struct again *o = g->outer; flags & HOLDS && o; o = o->outer)
        if (o->map && o->map != g->map)
            note_all(r, o->map, false);
    struct hc_val *v = hc_str_val_ref(r->a, text);
    check_arena(r);
    run_charge(r, steps);
    again_end(r, g, t, v);
    return v;
}

struct hc_val *again_begin(struct run *r, struct again *g, struct tmpl *t, const struct hc_node *cmd,
                           const struct hc_val *data)
{
    struct known_of *of;
    g->open = false;
    r->agains &= !r->again_off || r->again;
    if (!r->agains || r->again_off || r->in_lua || r->env || r->frames_n > MAX_FRAMES || !(of = known_of(r, t)) ||
        (of->worth <= LOST && !trail_may(r, t)))
        return NULL;
    uint32_t flags = flags_of(data);
    g->notes = of->worth > LOST;
    g->map = NULL;
    g->type = data ? data->type : 0;
    if (hc_is_map(data) && (data->type == HC_GO_PLAIN || data->type == HC_GO_VALUES) &&
        (flags & IS_CONTEXT || !is_old(r, data->map))) {
        g->map = data->map;
        g->map->flags |= flags & IS_CONTEXT ? 0 : IS_DATA;
    } else if (!value_key(r, data, &g->data)) {
        learn(of, -1);
        return NULL;
    }
    for (struct known **at = &of->first, *k; g->notes && (k = *at); at = &k->next) {
        if (!meets(r, k, g))
            continue;
        *at = k->next;
        k->next = of->first;
        of->first = k;
        learn(of, 2);
        atomic_fetch_add_explicit(&repeats, 1, memory_order_relaxed);
        depend(r, k, g->map, flags);
        if (k->looked)
            memo_spoil(r);
        struct hc_val *v = hc_str_val(r->a, k->text);
        check_arena(r);
        run_charge(r, k->steps);
        return v;
    }
    g->outer = r->again;
    g->mark = hc_arena_mark(r->a);
    g->reads = r->reads_n;
    g->asked = r->fc.asked;
    g->dear = r->fc.dear;
    g->looks = r->looks;
    g->deepest = r->deepest;
    g->steps = r->steps_left + r->text_steps;
    g->lost = g->changed = g->in_file = g->untold = g->trail_needs = g->deaf = false;
    g->trail_reads = trail_reads(r);
    g->said = NULL;
    g->open = true;
    r->deepest = r->frames_n;
    r->again = g;
    r->again_made = NULL;
    g->trailed = trail_wants(r, g, t, cmd, data);
    g->deaf = !g->notes && !g->trail_needs && !is_data_of_running(g->outer, g->map);
    return g->trailed ? find(r, g, t, flags) : NULL;
}

static hc_str copy(char **room, hc_str s)
{
    char *to = *room;
    if (s.n)
        memcpy(to, s.p, s.n);
    *room = to + s.n;
    return (hc_str){ to, s.n };
}

/* With the keys, which may live shorter. */
static struct known *put(struct run *r, struct again *g, hc_str text)
{
    size_t n = 0, bytes = 0;
    if (!r->again_a && !(r->again_a = hc_arena_new(MAX_KNOWN_BYTES)))
        return NULL;
    for (size_t i = g->map ? g->reads : r->reads_n; i < r->reads_n; i++) {
        if (r->reads[i].map != g->map)
            continue;
        n++;
        bytes += r->reads[i].key.n;
    }
    struct known *k = hc_arena_alloc(r->again_a, sizeof(*k) + n * sizeof(k->needs[0]) + bytes,
                                     _Alignof(struct known));
    text = hc_arena_str(r->again_a, text);
    if (!k || !text.p)
        return NULL;
    char *room = (char *)&k->needs[n];
    *k = (struct known){ .text = text,
                         .steps = g->steps - (r->steps_left + r->text_steps),
                         .epoch = r->again_epoch,
                         .file = r->again_file,
                         .height = (uint32_t)(r->deepest - r->frames_n),
                         .by_entries = g->map != NULL,
                         .in_file = g->in_file,
                         .looked = r->looks != g->looks,
                         .untold = g->untold || !r->trails_on,
                         .data = g->data };
    if (r->trails_on && !g->untold && !trail_told(r, r->again_a, &k->told, &k->told_n))
        return NULL;
    for (size_t i = g->reads; k->needs_n < n; i++) {
        struct need *need = &k->needs[k->needs_n];
        if (r->reads[i].map != g->map)
            continue;
        if (!entry_key(r, g, r->reads[i].key, &need->val))
            return NULL;
        need->key = r->reads[i].key.p ? copy(&room, r->reads[i].key) : r->reads[i].key;
        k->needs_n++;
    }
    return k;
}

void again_end(struct run *r, struct again *g, struct tmpl *t, const struct hc_val *v)
{
    if (!g->open)
        return;
    struct known_of *of = known_of(r, t);
    bool good = !g->lost && !g->changed && r->fc.asked == g->asked && r->fc.dear == g->dear && !r->fc.slow_regex &&
                v->n <= MAX_TEXT;
    uint64_t steps = g->steps - (r->steps_left + r->text_steps);
    if (g->trailed)
        trail_put(r, g, t, hc_get_str(v), steps, good);
    else if (g->in_file && good)
        trail_learn(r, t, steps, ++of->in_files);
    struct known *k = good && g->notes ? put(r, g, hc_get_str(v)) : NULL;
    if (k) {
        k->next = of->first;
        of->first = k;
        uint32_t n = 1;
        for (struct known *last = k; last->next; last = last->next) {
            if (++n > MAX_OF_ONE) {
                last->next = NULL;
                learn(of, -1);
                break;
            }
        }
    } else if (g->notes) {
        learn(of, -1);
    }
    trail_end(r, g);
    /* what runs around it may have the same data, or may have handed on its own */
    struct again *outer = r->again = g->outer;
    size_t n = r->reads_n;
    r->reads_n = g->reads;
    if (outer) {
        outer->lost |= g->lost;
        outer->in_file |= g->in_file;
        for (size_t i = g->reads; i < n; i++)
            if (is_data_of_running(outer, r->reads[i].map))
                note(r, r->reads[i].map, r->reads[i].key);
    }
    r->deepest = HC_MAX(r->deepest, g->deepest);
    r->again_made = NULL;
}
