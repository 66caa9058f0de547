/*
 * An include that an earlier run of the program has printed, known by the trail that it left: what it read, and what it got
 * for an answer. If all of that is the same in this run, so is what it prints, whatever else has changed. A chart whose one
 * value changed runs again what reads that value, and finds the labels of each file.
 *
 * What templates read begins at a few maps, the roots: .Values, .Chart and .Release of each chart, .Capabilities, and what
 * charts put into contexts (`.` of files). Which entries of them are read is noted by key, and an answer is compared by all
 * it says: .Values.image.tag counts as .Values.image. What else a context holds is the same in all runs (nobody changes
 * it; else that is that), and so is what .Files and .Subcharts hold. They and the roots have numbers, by which they count
 * where they are part of something else. So what an include got is compared without being looked through.
 *
 * engine_again.c tells what is read, and has the other half: entries of the data itself, what changes, what is asked outside.
 * A trail is looked for under the place of the include in its template, the file at hand and what its data holds of single
 * values, so that there is one to compare with. Where what is read can be told by no entry, there is no trail.
 */
#include <stdlib.h>

#include "core/base/mem.h"
#include "core/value/kept.h"
#include "lua/bridge/gotype.h"
#include "templating/render/engine_impl.h"

enum {
    MIN_STEPS = 1000,    /* of an include: what costs less is run as fast as it is found */
    MAX_TEXT = 32 << 10, /* of what it prints */
    MAX_READS = 100,     /* of one: of roots, and entries of its data */
    MAX_ENTRIES = 60,    /* of its data */
    MAX_ANSWER = 3000,   /* of one answer: values and pieces of 64 bytes */
    MAX_DEPTH = 20,
    MAX_FRAMES = 300, /* far below the budgets of depth: whether one is met must not depend on what is kept */
    MAX_CHANGES = 16, /* of what was there before a file: each makes all answers be looked at anew */
    MAX_BYTES = 512 << 10,
    MAX_ROOTS = 2000,
    RELEASES = 8, /* of one chart that have places of their own */
    FIXED = 7,    /* entries of a context that are always there, and first */
    LATELY = 256,
    LOST = -4,     /* of tmpl.trail_worth: not tried any more */
    MIN_FILES = 2, /* in which it runs */
    PART = 20,     /* of the steps of a run has to be found for it to be worth it */
    WON = 8,
};

enum what { AN_ENTRY, ALL_OF_IT, ANY_OF_IT };

/* What a run may ask of a root, and the answer. */
struct question {
    const struct hc_map *map;
    hc_str key;
    uint32_t root; /* 1 + its number */
    uint8_t what;
    bool answered, mute; /* mute: there is no answer that could be compared */
    uint32_t epoch;      /* when it was answered */
    uint32_t at;         /* 1 + where it was noted last; stale when something else stands there */
    struct hc_kept_key answer;
};

struct noted {
    uint32_t question, before; /* `at` of the question when this was noted */
};

struct trails {
    const struct hc_map **roots;
    uint32_t *by_map; /* open addressing, 1 + number of a root */
    size_t roots_n, roots_cap;
    const struct hc_map *dot, *of_file; /* of the file at hand, its .Template */
    bool copies;                        /* what was copied of it can be told by numbers */
    struct {
        const struct hc_map *map;
        const char *key;
        uint32_t question;
    } lately[LATELY];                /* asked under names of the templates, which stay where they are */
    struct hc_kept_key begin, place; /* of an answer, of a trail */
    uint64_t began, found;           /* steps */
    bool left;                       /* at least one for later runs */
    bool first;                      /* since the first file */
    struct question *questions;
    uint32_t questions_n, questions_cap;
    uint32_t *index; /* of questions: open addressing, 1 + number */
    uint32_t index_cap;
    struct noted *noted; /* stack, of the includes that run */
    size_t noted_n, noted_cap;
    uint32_t changes; /* of all but contexts */
    struct tried {
        bool missed;    /* not tried any more in this run */
        uint8_t absent; /* how often there was none */
    } * tried;          /* by template */
    struct hc_arena *a; /* keys */
    struct hc_buf room;
};

/* A trail as it is kept, in the text of struct hc_kept: this, needs and their keys, what it printed. */
struct head {
    uint64_t steps;
    uint32_t height, needs;
    bool in_file, looked;
};

struct need {
    uint32_t from; /* 0: the data; others: 1 + number of a root */
    uint32_t what, key_n;
    struct hc_kept_key answer;
};

static _Atomic uint64_t finds;

uint64_t hc_program_finds(void)
{
    return atomic_load_explicit(&finds, memory_order_relaxed);
}

static void learn(struct tmpl *t, int by)
{
    int worth = atomic_load_explicit(&t->trail_worth, memory_order_relaxed) + by;
    atomic_store_explicit(&t->trail_worth, HC_MIN(worth, (int)WON), memory_order_relaxed);
}

/* ---- roots --------------------------------------------------------------------------------------------- */

static uint32_t *place_of(const struct trails *s, const struct hc_map *map)
{
    size_t mask = s->roots_cap * 2 - 1, at = (uintptr_t)map / 16 * 0x9e3779b1u & mask;
    while (s->by_map[at] && s->roots[s->by_map[at] - 1] != map)
        at = (at + 1) & mask;
    return &s->by_map[at];
}

/* 1 + its number, 0: it has none. */
static uint32_t number_of(const struct trails *s, const struct hc_map *map)
{
    return s->roots_cap ? *place_of(s, map) : 0;
}

static bool grow_roots(struct trails *s)
{
    size_t cap = s->roots_cap ? s->roots_cap * 2 : 16;
    void *grown = hc_realloc(s->roots, cap * sizeof(const struct hc_map *));
    uint32_t *index = hc_calloc(cap * 2, sizeof(*index));
    if (grown)
        s->roots = grown;
    if (!grown || !index) {
        free(index);
        return false;
    }
    free(s->by_map);
    s->by_map = index;
    s->roots_cap = cap;
    for (size_t i = 0; i < s->roots_n; i++)
        *place_of(s, s->roots[i]) = (uint32_t)i + 1;
    return true;
}

static bool add_root(struct trails *s, struct hc_map *map, uint32_t flags)
{
    if (s->roots_n == MAX_ROOTS || (s->roots_n == s->roots_cap && !grow_roots(s)))
        return false;
    map->flags |= flags;
    s->roots[s->roots_n++] = map;
    *place_of(s, map) = (uint32_t)s->roots_n;
    return true;
}

/* False: it cannot be told which number would be whose. */
static bool add_context(struct trails *s, const struct hc_val *dot, int depth)
{
    static const struct {
        const char *name;
        uint32_t flags;
    } entries[] = { { "Values", TRAIL_ROOT },
                    { "Chart", TRAIL_ROOT },
                    { "Files", TRAIL_NAMED },
                    { "Subcharts", TRAIL_NAMED | TRAIL_HOLDS } };
    if (!hc_is_map(dot) || number_of(s, dot->map))
        return hc_is_map(dot);
    bool good = depth < MAX_DEPTH && add_root(s, dot->map, TRAIL_NAMED | TRAIL_HOLDS | TRAIL_CONTEXT);
    for (size_t i = 0; i < HC_LEN(entries) && good; i++) {
        const struct hc_val *v = hc_map_getz(dot, entries[i].name);
        good = hc_is_map(v) && !number_of(s, v->map) && add_root(s, v->map, entries[i].flags);
    }
    const struct hc_val *subs = hc_map_getz(dot, "Subcharts");
    for (size_t i = 0; i < hc_map_len(subs) && good; i++)
        good = add_context(s, hc_map_at(subs, i)->val, depth + 1);
    return good;
}

static void start(struct run *r)
{
    struct trails *s = r->p->files_n ? hc_calloc(1, sizeof(*s)) : NULL;
    if (!s)
        return;
    r->trails = s;
    s->began = r->steps_left;
    s->first = !r->trails_wanted;
    hc_buf_init(&s->room, 0);
    s->a = hc_arena_new(MAX_BYTES);
    s->tried = hc_calloc(r->p->tmpls_n + 1, sizeof(*s->tried));
    const struct hc_val *dot = r->in->contexts[0], *release = hc_map_getz(dot, "Release"),
                        *capabilities = hc_map_getz(dot, "Capabilities");
    bool good = s->a && s->tried && hc_is_map(release) && hc_is_map(capabilities) &&
                add_root(s, release->map, TRAIL_ROOT) && add_root(s, capabilities->map, TRAIL_ROOT);
    for (size_t i = 0; i < r->p->files_n && good; i++)
        good = (i > 0 && r->in->contexts[i] == r->in->contexts[i - 1]) || add_context(s, r->in->contexts[i], 0);
    uint64_t hash = hc_str_hash(hc_get_str(hc_map_getz(release, "Name"))) +
                    hc_str_hash(hc_get_str(hc_map_getz(release, "Namespace")));
    s->begin = hc_kept_key('R', HC_S(""));
    s->place = hc_kept_key_and(hc_kept_key_and(s->begin, r->p->serial), hash % RELEASES);
    r->trails_on = good;
    r->again_epoch++; /* of what is known by now, nobody can tell what it read */
}

/* Those that are the same in all runs, or the same root. */
static bool is_fixed(hc_str key)
{
    static const char *const names[FIXED] = { "Values",       "Chart",     "Release", "Template",
                                              "Capabilities", "Subcharts", "Files" };
    for (size_t i = 0; i < FIXED; i++)
        if (key.n && *key.p == *names[i] && hc_str_eqz(key, names[i]))
            return true;
    return false;
}

void trail_file(struct run *r, const struct hc_val *dot)
{
    const struct hc_val *t = hc_map_getz(dot, "Template");
    if (!r->trails && r->fc.keeps &&
        (r->trails_wanted ||
         (!r->again_file && atomic_load_explicit(&r->p->trail_worth, memory_order_relaxed) > 0)))
        start(r);
    if (!r->trails_on || !hc_is_map(t))
        return;
    r->trails->of_file = t->map;
    r->trails->dot = dot->map;
    r->trails->copies = dot->map->n >= FIXED; /* its parent's files may have put something there before */
    for (uint32_t i = 0; i < FIXED && r->trails->copies; i++)
        r->trails->copies = is_fixed(dot->map->entries[i].key);
    t->map->flags |= TRAIL_NAMED;
}

void trail_done(struct run *r)
{
    struct trails *s = r->trails;
    if (!s)
        return;
    int worth = atomic_load_explicit(&r->p->trail_worth, memory_order_relaxed);
    if (!s->left && !s->found)
        worth = 0;
    else if (s->first) /* and looked for what others left */
        worth += s->found * PART > s->began - r->steps_left ? 1 : -1;
    atomic_store_explicit(&r->p->trail_worth, worth > 0 ? HC_MIN(worth, (int)WON) : -1, memory_order_relaxed);
    hc_buf_done(&s->room);
    hc_arena_free(s->a);
    free(s->roots);
    free(s->by_map);
    free(s->tried);
    free(s->questions);
    free(s->index);
    free(s->noted);
    free(s);
}

void trail_off(struct run *r)
{
    r->trails_on = false;
    for (struct again *g = r->again; g; g = g->outer)
        g->untold = true;
}

void trail_change(struct run *r, const struct hc_map *map)
{
    if (!r->trails_on)
        return;
    if (map->flags & TRAIL_CONTEXT)
        r->trails_changing = true;
    else if (map->flags & TRAIL_NAMED || ++r->trails->changes > MAX_CHANGES)
        trail_off(r);
}

void trail_changed(struct run *r, const struct hc_func *f, struct hc_val *const *args, size_t n)
{
    r->trails_changing = false;
    bool sets = n == 3 && strcmp(f->name, "set") == 0 && hc_is_map(args[0]) && hc_is_str(args[1]);
    if (!sets || !(args[0]->map->flags & TRAIL_CONTEXT) || is_fixed(hc_get_str(args[1])))
        trail_off(r);
}

/* ---- answers ------------------------------------------------------------------------------------------- */

static uint32_t flags_of(const struct hc_val *v)
{
    if (v && v->kind == HC_MAP && v->map)
        return v->map->flags;
    return v && v->kind == HC_LIST && v->list ? v->list->flags : 0;
}

/* Adds the number of what has one. False: another run may not know it by that. */
static bool say_number(const struct trails *s, struct hc_kept_key *k, const struct hc_val *v)
{
    uint32_t number = v->map == s->of_file ? MAX_ROOTS + 1 : number_of(s, v->map);
    *k = hc_kept_key_and(*k, (uint64_t)number << 32 | (uint64_t)v->kind << 8 | v->type);
    return number > 0;
}

/* Adds what the value says. False: that cannot be told to another run. */
static bool say(const struct trails *s, struct hc_kept_key *k, const struct hc_val *v, int depth)
{
    enum hc_kind kind = hc_kind_of(v);
    uint32_t flags = flags_of(v), cost;
    if (flags & (TRAIL_ROOT | TRAIL_NAMED))
        return say_number(s, k, v);
    *k = hc_kept_key_and(*k, (uint64_t)kind << 8 | (v ? v->type : 0));
    if (kind == HC_STR) {
        *k = hc_kept_key_text(*k, hc_get_str(v));
        return true;
    }
    if (kind == HC_BOOL) {
        *k = hc_kept_key_and(*k, v->b);
        return true;
    }
    if (kind == HC_NULL)
        return true;
    if (!(flags & TRAIL_HOLDS)) {
        struct hc_kept_key all;
        if (!hc_kept_key_but('R', v, 0, MAX_ANSWER, &all, &cost))
            return false;
        *k = hc_kept_key_and(hc_kept_key_and(*k, all.a), all.b);
        return true;
    }
    uint32_t n = kind == HC_MAP ? v->map->n : v->list->n;
    if (depth == MAX_DEPTH || n > MAX_ENTRIES)
        return false;
    *k = hc_kept_key_and(*k, (uint64_t)n << 8 | (flags & HC_VALUE_FLAGS));
    for (uint32_t i = 0; i < n; i++) {
        if (kind == HC_MAP)
            *k = hc_kept_key_text(*k, v->map->entries[i].key);
        if (!say(s, k, kind == HC_MAP ? v->map->entries[i].val : v->list->items[i], depth + 1))
            return false;
    }
    return true;
}

static bool entry_says(const struct trails *s, struct hc_map *map, hc_str key, struct hc_kept_key *out)
{
    const struct hc_val v = { .kind = HC_MAP, .map = map };
    const struct hc_entry *e = hc_map_find(&v, key);
    *out = s->begin;
    return !e || say(s, out, e->val, 0); /* a value adds something at least */
}

/* What charts put into it. */
static bool context_says(const struct trails *s, const struct hc_map *map, struct hc_kept_key *out)
{
    *out = s->begin;
    for (uint32_t i = 0; i < map->n; i++) {
        if (is_fixed(map->entries[i].key))
            continue;
        *out = hc_kept_key_text(*out, map->entries[i].key);
        if (!say(s, out, map->entries[i].val, 0))
            return false;
    }
    return true;
}

static bool answer(const struct run *r, struct question *q)
{
    bool context = q->map->flags & TRAIL_CONTEXT;
    uint32_t epoch = context ? r->again_epoch : r->trails->changes;
    if (q->answered && q->epoch == epoch)
        return !q->mute;
    struct hc_map *map = (struct hc_map *)(uintptr_t)q->map;
    const struct hc_val v = { .kind = HC_MAP, .map = map };
    uint32_t cost;
    if (q->what == AN_ENTRY)
        q->mute = !entry_says(r->trails, map, q->key, &q->answer);
    else if (q->what == ALL_OF_IT && context)
        q->mute = !context_says(r->trails, map, &q->answer);
    else if (q->what == ALL_OF_IT)
        q->mute = !hc_kept_key_but('R', &v, 0, MAX_ANSWER, &q->answer, &cost);
    else
        q->answer = (struct hc_kept_key){ q->map->n > 0, 0 };
    q->answered = true;
    q->epoch = epoch;
    return !q->mute;
}

/* ---- questions ----------------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct hc_map *map, enum what what, hc_str key)
{
    return (hc_str_hash(key) ^ ((uintptr_t)map >> 4) * 0x9e3779b97f4a7c15u) + what;
}

static bool grow_index(struct trails *s)
{
    uint32_t cap = s->index_cap ? s->index_cap * 2 : 256;
    uint32_t *grown = hc_calloc(cap, sizeof(*grown));
    if (!grown)
        return false;
    for (uint32_t i = 0; i < s->questions_n; i++) {
        const struct question *q = &s->questions[i];
        uint32_t at = (uint32_t)hash_of(q->map, q->what, q->key) & (cap - 1);
        while (grown[at])
            at = (at + 1) & (cap - 1);
        grown[at] = i + 1;
    }
    free(s->index);
    s->index = grown;
    s->index_cap = cap;
    return true;
}

/* Its number; UINT32_MAX: no memory. */
static uint32_t question(struct trails *s, const struct hc_map *map, enum what what, hc_str key)
{
    if ((s->questions_n + 1) * 2 > s->index_cap && !grow_index(s))
        return UINT32_MAX;
    uint32_t at = (uint32_t)hash_of(map, what, key) & (s->index_cap - 1);
    for (; s->index[at]; at = (at + 1) & (s->index_cap - 1)) {
        const struct question *q = &s->questions[s->index[at] - 1];
        if (q->map == map && q->what == what && hc_str_eq(q->key, key))
            return s->index[at] - 1;
    }
    if (s->questions_n == s->questions_cap) {
        uint32_t cap = s->questions_cap ? s->questions_cap * 2 : 128;
        void *grown = hc_realloc(s->questions, cap * sizeof(*s->questions));
        if (!grown)
            return UINT32_MAX;
        s->questions = grown;
        s->questions_cap = cap;
    }
    uint32_t root = number_of(s, map);
    hc_str own = hc_arena_str(s->a, key);
    if (!root || !own.p)
        return UINT32_MAX;
    s->questions[s->questions_n] = (struct question){ .map = map, .key = own, .root = root, .what = (uint8_t)what };
    s->index[at] = ++s->questions_n;
    return s->questions_n - 1;
}

/* Whether it stands there, among those from `from` on. */
static bool is_noted(const struct trails *s, uint32_t id, uint32_t at, size_t from)
{
    return at > from && at <= s->noted_n && s->noted[at - 1].question == id;
}

static void note(struct run *r, uint32_t id)
{
    struct trails *s = r->trails;
    struct again *g = r->again;
    if (id == UINT32_MAX || s->noted_n - g->trail_reads == MAX_READS) {
        g->untold = true;
        return;
    }
    struct question *q = &s->questions[id];
    if (is_noted(s, id, q->at, g->trail_reads))
        return;
    if (s->noted_n == s->noted_cap) {
        size_t cap = s->noted_cap ? s->noted_cap * 2 : 128;
        void *grown = hc_realloc(s->noted, cap * sizeof(*s->noted));
        if (!grown) {
            g->untold = true;
            return;
        }
        s->noted = grown;
        s->noted_cap = cap;
    }
    s->noted[s->noted_n++] = (struct noted){ id, q->at };
    q->at = (uint32_t)s->noted_n;
}

static void ask(struct run *r, const struct hc_map *map, enum what what, hc_str key)
{
    if (r->trails_on && r->again && !r->again->untold)
        note(r, question(r->trails, map, what, key));
}

void trail_read(struct run *r, const struct hc_map *map, hc_str key)
{
    if (!(map->flags & TRAIL_CONTEXT) || !is_fixed(key))
        ask(r, map, AN_ENTRY, key);
}

void trail_field(struct run *r, const struct hc_map *map, hc_str name)
{
    struct trails *s = r->trails;
    if (!r->trails_on || !r->again || r->again->untold || (map->flags & TRAIL_CONTEXT && is_fixed(name)))
        return;
    size_t i = ((uintptr_t)name.p ^ (uintptr_t)map >> 4) % LATELY;
    if (s->lately[i].key != name.p || s->lately[i].map != map) {
        uint32_t id = question(s, map, AN_ENTRY, name);
        if (id != UINT32_MAX) {
            s->lately[i].map = map;
            s->lately[i].key = name.p;
            s->lately[i].question = id;
        }
        note(r, id);
        return;
    }
    note(r, s->lately[i].question);
}

void trail_whole(struct run *r, const struct hc_map *map)
{
    ask(r, map, ALL_OF_IT, HC_S(""));
}

void trail_count(struct run *r, const struct hc_map *map)
{
    ask(r, map, ANY_OF_IT, HC_S(""));
}

void trail_end(struct run *r, struct again *g)
{
    struct trails *s = r->trails;
    struct again *outer = g->outer;
    if (!r->trails_on)
        return;
    size_t n = s->noted_n, kept = g->trail_reads;
    if (outer)
        outer->untold |= g->untold;
    for (size_t i = kept; i < n && outer && !outer->untold; i++) {
        struct noted it = s->noted[i];
        struct question *q = &s->questions[it.question];
        if (it.before <= g->trail_reads && is_noted(s, it.question, it.before, outer->trail_reads)) {
            q->at = it.before;
            continue;
        }
        s->noted[kept++] = it;
        q->at = (uint32_t)kept;
    }
    if (outer && kept - outer->trail_reads > MAX_READS)
        outer->untold = true;
    s->noted_n = outer && !outer->untold ? kept : g->trail_reads;
}

bool trail_told(struct run *r, struct hc_arena *a, const uint32_t **out, uint32_t *out_n)
{
    const struct trails *s = r->trails;
    size_t from = r->again->trail_reads, n = s->noted_n - from;
    uint32_t *ids = n ? HC_NEW_N(a, uint32_t, n) : NULL;
    for (size_t i = 0; ids && i < n; i++)
        ids[i] = s->noted[from + i].question;
    *out = ids;
    *out_n = (uint32_t)n;
    return ids || !n;
}

void trail_again(struct run *r, const uint32_t *ids, uint32_t n)
{
    for (uint32_t i = 0; i < n && !r->again->untold; i++)
        note(r, ids[i]);
}

/* ---- trails -------------------------------------------------------------------------------------------- */

/* An entry of the data that is told only when it was read. */
static bool is_needed(const struct hc_val *v)
{
    return v && v->kind >= HC_LIST && !(flags_of(v) & (TRAIL_ROOT | TRAIL_NAMED));
}

size_t trail_reads(const struct run *r)
{
    return r->trails ? r->trails->noted_n : 0;
}

bool trail_may(const struct run *r, struct tmpl *t)
{
    return r->trails_on && r->f && r->f->t->index <= r->p->tmpls_n && t->index <= r->p->tmpls_n &&
           atomic_load_explicit(&t->trailed, memory_order_relaxed) && !r->trails->tried[t->index].missed &&
           atomic_load_explicit(&t->trail_worth, memory_order_relaxed) > LOST;
}

/* Which entry of the file's context it is, from that one on; UINT32_MAX: none. */
static uint32_t of_context(const struct trails *s, const struct hc_entry *e, uint32_t from)
{
    const struct hc_entry *has = s->dot->entries;
    for (uint32_t i = from; i < s->dot->n && s->copies; i++)
        if (has[i].val == e->val)
            return has[i].key.p == e->key.p && has[i].key.n == e->key.n ? i : UINT32_MAX;
    return UINT32_MAX;
}

/* What merge copied of that: which entries, in the order that they have there, and all that charts put into it. */
static bool say_copied(struct run *r, struct hc_kept_key *k, uint64_t at, uint64_t which)
{
    struct trails *s = r->trails;
    *k = hc_kept_key_and(hc_kept_key_and(hc_kept_key_and(*k, at), which), number_of(s, s->dot));
    if (which >> FIXED == 0)
        return true;
    uint32_t id = question(s, s->dot, ALL_OF_IT, HC_S(""));
    if (id == UINT32_MAX || !answer(r, &s->questions[id]))
        return false;
    *k = hc_kept_key_and(hc_kept_key_and(*k, s->questions[id].answer.a), s->questions[id].answer.b);
    return true;
}

/* Of where it stands, and of what is told of its data at once. */
static bool key_of(struct run *r, struct again *g, const struct tmpl *t)
{
    const struct trails *s = r->trails;
    const struct hc_val *data = g->trail_data;
    struct hc_kept_key k = hc_kept_key_and(s->place, (uint64_t)t->index << 32 | r->f->t->index);
    k = hc_kept_key_and(k, (uint64_t)r->again_file << 32 | g->trail_site->pos);
    if (!g->map || flags_of(data) & TRAIL_NAMED) {
        g->trail = k;
        return say(s, &g->trail, data, 0);
    }
    const struct hc_map *map = g->map;
    if (map->n > MAX_ENTRIES || s->dot->n > MAX_ENTRIES)
        return false;
    k = hc_kept_key_and(k, (uint64_t)map->n << 16 | (uint64_t)data->type << 8 | (map->flags & HC_VALUE_FLAGS));
    uint64_t at = 0, which = 0;
    for (uint32_t i = 0, from = 0; i < map->n; i++) {
        const struct hc_val *v = map->entries[i].val;
        uint32_t j = of_context(s, &map->entries[i], from);
        if (j != UINT32_MAX) {
            from = j + 1;
            at |= (uint64_t)1 << i;
            which |= (uint64_t)1 << j;
            continue;
        }
        k = hc_kept_key_text(k, map->entries[i].key);
        if (!is_needed(v)) {
            if (!say(s, &k, v, 0))
                return false;
            continue;
        }
        k = hc_kept_key_and(k, (uint64_t)v->kind << 8 | v->type);
    }
    g->trail = k;
    return say_copied(r, &g->trail, at, which);
}

bool trail_wants(struct run *r, struct again *g, struct tmpl *t, const struct hc_node *cmd,
                 const struct hc_val *data)
{
    if (!cmd || !trail_may(r, t) || !(flags_of(data) & (TRAIL_ROOT | TRAIL_NAMED | TRAIL_HOLDS)) ||
        memo_tries(r, t, data))
        return false;
    g->trail_site = cmd;
    g->trail_data = data;
    for (uint32_t i = 0; g->map && i < g->map->n && !(flags_of(data) & TRAIL_NAMED); i++)
        g->trail_needs |= is_needed(g->map->entries[i].val);
    return true;
}

/* Takes `n` bytes off the front of what is kept, which lies at any address. */
static void take(hc_str *from, void *out, size_t n)
{
    memcpy(out, from->p, n);
    *from = hc_str_n(from->p + n, from->n - n);
}

static hc_str take_key(hc_str *from, uint32_t n)
{
    hc_str key = hc_str_n(from->p, n);
    *from = hc_str_n(from->p + n, from->n - n);
    return key;
}

/* With the questions noted in `g`; some may be, even when it does not. */
static bool is_met(struct run *r, struct again *g, const struct head *head, hc_str *rest)
{
    struct trails *s = r->trails;
    for (uint32_t i = 0; i < head->needs; i++) {
        struct need need;
        struct hc_kept_key has;
        take(rest, &need, sizeof(need));
        hc_str key = take_key(rest, need.key_n);
        if (need.from == 0) {
            if (!g->map || !entry_says(s, g->map, key, &has))
                return false;
        } else {
            if (need.from > s->roots_n)
                return false;
            uint32_t id = question(s, s->roots[need.from - 1], need.what, key);
            if (id == UINT32_MAX || !answer(r, &s->questions[id]))
                return false;
            has = s->questions[id].answer;
            note(r, id);
        }
        if (has.a != need.answer.a || has.b != need.answer.b)
            return false;
    }
    return true;
}

hc_str trail_find(struct run *r, struct again *g, struct tmpl *t, uint64_t *out_steps)
{
    hc_str none = { NULL, 0 }, rest;
    struct head head;
    if (!r->trails->first || !key_of(r, g, t)) /* or this run is the first one */
        return none;
    const struct hc_kept *kept = hc_kept_find(g->trail);
    if (!kept) {
        struct tried *tried = &r->trails->tried[t->index];
        /* mostly of files before the one that its first run began with, and whether it is worth it is seen later */
        g->trailed = tried->absent >= MIN_FILES || atomic_load_explicit(&t->trail_worth, memory_order_relaxed) > 0;
        tried->absent += !g->trailed;
        return none;
    }
    rest = kept->text;
    take(&rest, &head, sizeof(head));
    if (r->frames_n + head.height > MAX_FRAMES || !is_met(r, g, &head, &rest)) {
        hc_kept_release(kept);
        r->trails->noted_n = g->trail_reads;
        g->untold = false;
        learn(t, -1);
        r->trails->tried[t->index].missed = true;
        return none;
    }
    g->in_file = head.in_file;
    if (head.looked)
        memo_spoil(r);
    r->deepest = HC_MAX(r->deepest, r->frames_n + head.height);
    *out_steps = head.steps;
    hc_str text = hc_arena_str(r->a, rest);
    hc_kept_release(kept);
    r->trails->found += head.steps;
    g->trailed = false;
    learn(t, 2);
    atomic_fetch_add_explicit(&finds, 1, memory_order_relaxed);
    return text;
}

static hc_str bytes_of(const void *p, size_t n)
{
    return hc_str_n(p, n);
}

static bool write(struct run *r, struct again *g, hc_str text, uint64_t steps)
{
    struct trails *s = r->trails;
    struct hc_buf *b = &s->room;
    struct head head = { .steps = steps,
                         .height = (uint32_t)(r->deepest - r->frames_n),
                         .in_file = g->in_file,
                         .looked = r->looks != g->looks };
    b->n = 0;
    hc_buf_put(b, bytes_of(&head, sizeof(head)));
    for (size_t i = g->trail_reads; i < s->noted_n; i++) {
        struct question *q = &s->questions[s->noted[i].question];
        if (!answer(r, q))
            return false;
        struct need need = { q->root, q->what, (uint32_t)q->key.n, q->answer };
        hc_buf_put(b, bytes_of(&need, sizeof(need)));
        hc_buf_put(b, q->key);
        head.needs++;
    }
    const struct hc_val data = { .kind = HC_MAP, .map = g->map };
    for (size_t i = g->reads; i < r->reads_n && g->trail_needs; i++) {
        hc_str key = r->reads[i].key;
        struct need need = { .key_n = (uint32_t)key.n, .answer = s->begin };
        const struct hc_entry *e = r->reads[i].map == g->map && key.p ? hc_map_find(&data, key) : NULL;
        if (!e || !is_needed(e->val))
            continue;
        if (!say(s, &need.answer, e->val, 0))
            return false;
        hc_buf_put(b, bytes_of(&need, sizeof(need)));
        hc_buf_put(b, key);
        head.needs++;
    }
    hc_buf_put(b, text);
    if (b->spent)
        return false;
    memcpy(b->p, &head, sizeof(head));
    return true;
}

void trail_put(struct run *r, struct again *g, struct tmpl *t, hc_str text, uint64_t steps, bool good)
{
    if (!r->trails_on)
        return;
    if (steps < MIN_STEPS) {
        learn(t, -1);
        return;
    }
    if (!good || g->untold || text.n > MAX_TEXT || !key_of(r, g, t) || !write(r, g, text, steps)) {
        learn(t, -1);
        return;
    }
    hc_kept_put(g->trail, &(struct hc_kept){ .text = hc_buf_str(&r->trails->room) });
    r->trails->left = true;
}

void trail_learn(struct run *r, struct tmpl *t, uint64_t steps, uint32_t n)
{
    if (n < MIN_FILES || steps < MIN_STEPS || !r->fc.keeps || t->index > r->p->tmpls_n)
        return;
    int unknown = 0;
    atomic_compare_exchange_strong_explicit(&r->p->trail_worth, &unknown, 3, memory_order_relaxed,
                                            memory_order_relaxed);
    atomic_store_explicit(&t->trailed, true, memory_order_relaxed);
    r->trails_wanted = unknown >= 0;
}
