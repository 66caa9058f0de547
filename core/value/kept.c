/*
 * One table under one lock: a look-up is some twenty nanoseconds, what is kept costs at least microseconds to make.
 */
#include "core/value/kept.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/base/mem.h"

enum {
    BUCKETS = 4096,
    MAX_DEPTH = 200,
    MAX_NODES = 1 << 18 /* a list may hold one list twice, and that one another */
};

struct slot {
    struct hc_kept kept; /* first: a borrowed one is its slot */
    struct slot *next;   /* in its bucket */
    struct slot *older, *newer;
    struct hc_kept_key key;
    size_t bytes;
    unsigned refs; /* borrowers, and one of the table */
    char text[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot *buckets[BUCKETS];
static struct slot *oldest, *newest; /* by their last use */
static size_t held;
static _Atomic size_t ceiling;
static uint64_t seed[4];
static pthread_once_t seeded = PTHREAD_ONCE_INIT;

static void draw(void)
{
    if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        hc_kept_limit(0);
    for (size_t i = 0; i < HC_LEN(seed); i++)
        seed[i] |= 1;
}

bool hc_kept_on(void)
{
    return atomic_load_explicit(&ceiling, memory_order_relaxed) > 0;
}

/* ---- keys ---------------------------------------------------------------------------------------- */

static inline uint64_t mix(uint64_t x, uint64_t y)
{
    unsigned __int128 p = (unsigned __int128)x * y;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static inline uint64_t word(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    return w;
}

/* Both halves see every byte. */
static inline void add(struct hc_kept_key *k, uint64_t x, uint64_t y)
{
    k->a = mix(x ^ seed[0], y ^ k->a);
    k->b = mix(y ^ seed[1], x ^ k->b ^ seed[2]);
}

/* The last bytes, at most 16, as two words that no other bytes of that number give. */
static inline void last_words(const char *p, size_t n, uint64_t *x, uint64_t *y)
{
    uint32_t low, high;
    *x = *y = 0;
    if (n >= 8) {
        *x = word(p);
        *y = word(p + n - 8);
    } else if (n >= 4) {
        memcpy(&low, p, 4);
        memcpy(&high, p + n - 4, 4);
        *x = (uint64_t)high << 32 | low;
    } else if (n) {
        *x = (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n / 2] << 8 | (unsigned char)p[n - 1];
    }
}

/* `kind` tells apart what the text may be. */
static void add_text(struct hc_kept_key *k, uint64_t kind, hc_str s)
{
    struct hc_kept_key to = *k;
    const char *p = s.p;
    size_t n = s.n;
    uint64_t x, y;
    to.a += (n ^ kind << 48) * seed[3]; /* nothing that the bytes could make up for */
    to.b += (n ^ kind << 48) * seed[2];
    for (; n > 16; n -= 16, p += 16)
        add(&to, word(p), word(p + 8));
    last_words(p, n, &x, &y);
    add(&to, x, y);
    *k = to;
}

static struct hc_kept_key begin(char what)
{
    pthread_once(&seeded, draw);
    return (struct hc_kept_key){ seed[0] + (unsigned char)what, seed[1] ^ (unsigned char)what };
}

struct hc_kept_key hc_kept_key(char what, hc_str text)
{
    struct hc_kept_key k = begin(what);
    add_text(&k, 0, text);
    return k;
}

struct look {
    uint32_t left; /* of the values and pieces of text that may be looked at */
    uint8_t but;   /* maps of this type are not looked into; 0: none */
};

static bool spend(struct look *l, size_t cost)
{
    l->left -= (uint32_t)HC_MIN(cost, (size_t)l->left);
    return l->left > 0;
}

static bool add_value(struct hc_kept_key *k, const struct hc_val *v, int depth, struct look *l)
{
    enum hc_kind kind = hc_kind_of(v);
    if (depth == MAX_DEPTH || !spend(l, 1 + (kind == HC_STR ? v->n / 64 : 0)))
        return false;
    if (kind == HC_STR) { /* most of what there is */
        add_text(k, (uint64_t)v->type << 4 | HC_STR, hc_get_str(v));
        return true;
    }
    add(k, kind, v ? v->type : UINT64_MAX);
    if (kind == HC_MAP && l->but && v->type == l->but) {
        add(k, v->map && v->map->n, 4);
        return depth <= 1;
    }
    switch (kind) {
    case HC_NULL:
        return true;
    case HC_BOOL:
        add(k, v->b, 1);
        return true;
    case HC_INT:
    case HC_UINT:
    case HC_FLOAT:
        add(k, v->u, v->spelling != NULL);
        if (v->spelling)
            add_text(k, 0, (hc_str){ v->spelling, v->n });
        return true;
    case HC_LIST:
        add(k, v->list->n, 2 + ((uint64_t)(v->list->flags & HC_VALUE_FLAGS) << 8));
        for (uint32_t i = 0; i < v->list->n; i++)
            if (!add_value(k, v->list->items[i], depth + 1, l))
                return false;
        return true;
    case HC_MAP:
        add(k, v->map->n, 3 + ((uint64_t)(v->map->flags & HC_VALUE_FLAGS) << 8));
        for (uint32_t i = 0; i < v->map->n; i++) {
            add_text(k, 0, v->map->entries[i].key);
            if (!spend(l, v->map->entries[i].key.n / 64) || !add_value(k, v->map->entries[i].val, depth + 1, l))
                return false;
        }
        return true;
    default:
        return false;
    }
}

bool hc_kept_key_but(char what, const struct hc_val *v, uint8_t type, uint32_t cost_max, struct hc_kept_key *out,
                     uint32_t *out_cost)
{
    struct look l = { .left = cost_max + 1, .but = type };
    *out = begin(what);
    bool whole = add_value(out, v, 0, &l);
    *out_cost = cost_max + 1 - l.left;
    return whole;
}

bool hc_kept_key_of(char what, const struct hc_val *v, struct hc_kept_key *out)
{
    uint32_t cost;
    return hc_kept_key_but(what, v, 0, MAX_NODES, out, &cost);
}

struct hc_kept_key hc_kept_key_and(struct hc_kept_key key, uint64_t n)
{
    add(&key, n, seed[3]);
    return key;
}

struct hc_kept_key hc_kept_key_text(struct hc_kept_key key, hc_str text)
{
    add_text(&key, 0, text);
    return key;
}

/* ---- the table ----------------------------------------------------------------------------------- */

static void drop(struct slot *s)
{
    hc_arena_free(s->kept.arena);
    free(s);
}

/* With the lock held, as all that follow. */
static struct slot **find(struct hc_kept_key key)
{
    struct slot **at = &buckets[key.a % BUCKETS];
    while (*at && ((*at)->key.a != key.a || (*at)->key.b != key.b))
        at = &(*at)->next;
    return at;
}

static void unlink_use(struct slot *s)
{
    *(s->older ? &s->older->newer : &oldest) = s->newer;
    *(s->newer ? &s->newer->older : &newest) = s->older;
}

static void link_newest(struct slot *s)
{
    s->older = newest;
    s->newer = NULL;
    *(newest ? &newest->newer : &oldest) = s;
    newest = s;
}

/* What nobody borrows any more is put on `gone`. */
static void take_out(struct slot **at, struct slot **gone)
{
    struct slot *s = *at;
    *at = s->next;
    unlink_use(s);
    held -= s->bytes;
    if (--s->refs == 0) {
        s->next = *gone;
        *gone = s;
    }
}

static void shrink(struct slot **gone)
{
    while (held > ceiling && oldest)
        take_out(find(oldest->key), gone);
}

static void drop_all(struct slot *gone)
{
    while (gone) {
        struct slot *next = gone->next;
        drop(gone);
        gone = next;
    }
}

void hc_kept_limit(size_t bytes)
{
    struct slot *gone = NULL;
    pthread_mutex_lock(&lock);
    ceiling = bytes;
    shrink(&gone);
    pthread_mutex_unlock(&lock);
    drop_all(gone);
}

const struct hc_kept *hc_kept_find(struct hc_kept_key key)
{
    pthread_mutex_lock(&lock);
    struct slot *s = *find(key);
    if (s) {
        s->refs++;
        unlink_use(s);
        link_newest(s);
    }
    pthread_mutex_unlock(&lock);
    return s ? &s->kept : NULL;
}

void hc_kept_release(const struct hc_kept *kept)
{
    if (!kept)
        return;
    struct slot *s = (struct slot *)(uintptr_t)kept;
    pthread_mutex_lock(&lock);
    bool last = --s->refs == 0;
    pthread_mutex_unlock(&lock);
    if (last)
        drop(s);
}

/* Gives it with as many borrowers as are said; what is too large stays out of the table. */
static struct slot *put(struct hc_kept_key key, const struct hc_kept *what, unsigned borrowers)
{
    struct slot *gone = NULL, *s = hc_malloc(sizeof(*s) + what->text.n);
    size_t bytes = sizeof(*s) + what->text.n + (what->arena ? hc_arena_held(what->arena) : 0);
    bool fits = bytes <= ceiling / 2;
    if (!s || (!fits && !borrowers)) {
        hc_arena_free(what->arena);
        free(s);
        return NULL;
    }
    *s = (struct slot){ .kept = *what, .key = key, .bytes = bytes, .refs = borrowers + fits };
    if (what->text.n)
        memcpy(s->text, what->text.p, what->text.n);
    s->kept.text = (hc_str){ s->text, what->text.n };
    if (!fits)
        return s;
    pthread_mutex_lock(&lock);
    struct slot **at = find(key);
    if (*at)
        take_out(at, &gone);
    at = &buckets[key.a % BUCKETS];
    s->next = *at;
    *at = s;
    link_newest(s);
    held += bytes;
    shrink(&gone);
    pthread_mutex_unlock(&lock);
    drop_all(gone);
    return s;
}

void hc_kept_put(struct hc_kept_key key, const struct hc_kept *what)
{
    (void)put(key, what, 0);
}

const struct hc_kept *hc_kept_share(struct hc_kept_key key, const struct hc_kept *what)
{
    struct slot *s = put(key, what, 1);
    return s ? &s->kept : NULL;
}

static bool copy_list(struct hc_arena *a, struct hc_val *to, const struct hc_list *from)
{
    to->list = HC_NEW(a, struct hc_list);
    if (!to->list)
        return false;
    *to->list = (struct hc_list){ .items = HC_NEW_N(a, struct hc_val *, from->n + 1),
                                  .n = from->n,
                                  .cap = from->n };
    to->list->flags = from->flags & HC_VALUE_FLAGS;
    bool good = to->list->items != NULL;
    for (uint32_t i = 0; good && i < from->n; i++)
        good = (to->list->items[i] = hc_kept_copy(a, from->items[i])) != NULL;
    return good;
}

/* The index knows places only, so it is the same for the copy. */
static bool copy_map(struct hc_arena *a, struct hc_val *to, const struct hc_map *from)
{
    to->map = HC_NEW(a, struct hc_map);
    if (!to->map)
        return false;
    *to->map = *from;
    to->map->cap = from->n;
    to->map->flags &= HC_VALUE_FLAGS;
    to->map->entries = HC_NEW_N(a, struct hc_entry, from->n + 1);
    if (from->index)
        to->map->index = HC_NEW_N(a, uint32_t, from->index_cap);
    bool good = to->map->entries && (to->map->index || !from->index);
    if (good && from->index)
        memcpy(to->map->index, from->index, from->index_cap * sizeof(*from->index));
    for (uint32_t i = 0; good && i < from->n; i++) {
        struct hc_entry *e = &to->map->entries[i];
        *e = from->entries[i];
        e->key = hc_arena_str(a, e->key);
        good = e->key.p && (e->val = hc_kept_copy(a, from->entries[i].val));
    }
    return good;
}

struct hc_val *hc_kept_copy(struct hc_arena *a, const struct hc_val *v)
{
    struct hc_val *to = v ? HC_NEW(a, struct hc_val) : NULL;
    if (!to)
        return NULL;
    *to = *v;
    switch (hc_kind_of(v)) {
    case HC_STR:
        to->s = hc_arena_str(a, hc_get_str(v)).p;
        return to->s ? to : NULL;
    case HC_INT:
    case HC_UINT:
    case HC_FLOAT:
        if (v->spelling)
            to->spelling = hc_arena_str(a, (hc_str){ v->spelling, v->n }).p;
        return to->spelling || !v->spelling ? to : NULL;
    case HC_LIST:
        return copy_list(a, to, v->list) ? to : NULL;
    case HC_MAP:
        return copy_map(a, to, v->map) ? to : NULL;
    default:
        return to;
    }
}
