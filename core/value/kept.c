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
    BUCKETS = 1024,
    MAX_DEPTH = 200,
    MAX_NODES = 1 << 18
}; /* a list may hold one list twice, and that one another */

struct slot {
    struct hc_kept kept; /* first: a borrowed one is its slot */
    struct slot *next;   /* in its bucket */
    struct hc_kept_key key;
    uint64_t used_at;
    size_t bytes;
    unsigned refs; /* borrowers, and one of the table */
    char text[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot *buckets[BUCKETS];
static size_t held;
static _Atomic size_t ceiling;
static uint64_t now, seed[4];
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
static void add(struct hc_kept_key *k, uint64_t x, uint64_t y)
{
    k->a = mix(x ^ seed[0], y ^ k->a);
    k->b = mix(y ^ seed[1], x ^ k->b ^ seed[2]);
}

static void add_text(struct hc_kept_key *k, hc_str s)
{
    add(k, s.n, seed[3]);
    for (; s.n >= 16; s = hc_str_sub(s, 16, s.n))
        add(k, word(s.p), word(s.p + 8));
    if (s.n) {
        char last[16] = { 0 };
        memcpy(last, s.p, s.n);
        add(k, word(last), word(last + 8));
    }
}

static struct hc_kept_key begin(char what)
{
    pthread_once(&seeded, draw);
    return (struct hc_kept_key){ seed[0] + (unsigned char)what, seed[1] ^ (unsigned char)what };
}

struct hc_kept_key hc_kept_key(char what, hc_str text)
{
    struct hc_kept_key k = begin(what);
    add_text(&k, text);
    return k;
}

static bool add_value(struct hc_kept_key *k, const struct hc_val *v, int depth, uint32_t *nodes_left)
{
    enum hc_kind kind = hc_kind_of(v);
    if (depth == MAX_DEPTH || --*nodes_left == 0)
        return false;
    add(k, kind, v ? v->type : 0);
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
            add_text(k, (hc_str){ v->spelling, v->n });
        return true;
    case HC_STR:
        add_text(k, hc_get_str(v));
        return true;
    case HC_LIST:
        add(k, v->list->n, 2);
        for (uint32_t i = 0; i < v->list->n; i++)
            if (!add_value(k, v->list->items[i], depth + 1, nodes_left))
                return false;
        return true;
    case HC_MAP:
        add(k, v->map->n, 3);
        for (uint32_t i = 0; i < v->map->n; i++) {
            add_text(k, v->map->entries[i].key);
            if (!add_value(k, v->map->entries[i].val, depth + 1, nodes_left))
                return false;
        }
        return true;
    default:
        return false;
    }
}

bool hc_kept_key_of(char what, const struct hc_val *v, struct hc_kept_key *out)
{
    *out = begin(what);
    uint32_t nodes_left = MAX_NODES;
    return add_value(out, v, 0, &nodes_left);
}

/* ---- the table ----------------------------------------------------------------------------------- */

static void drop(struct slot *s)
{
    hc_arena_free(s->kept.arena);
    free(s);
}

/* With the lock held. What nobody borrows any more is put on `gone`. */
static void take_out(struct slot **at, struct slot **gone)
{
    struct slot *s = *at;
    *at = s->next;
    held -= s->bytes;
    if (--s->refs == 0) {
        s->next = *gone;
        *gone = s;
    }
}

static void shrink(struct slot **gone)
{
    while (held > ceiling) {
        struct slot **oldest = NULL;
        for (size_t i = 0; i < BUCKETS; i++)
            for (struct slot **at = &buckets[i]; *at; at = &(*at)->next)
                if (!oldest || (*at)->used_at < (*oldest)->used_at)
                    oldest = at;
        if (!oldest)
            return;
        take_out(oldest, gone);
    }
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

static struct slot **find(struct hc_kept_key key)
{
    struct slot **at = &buckets[key.a % BUCKETS];
    while (*at && ((*at)->key.a != key.a || (*at)->key.b != key.b))
        at = &(*at)->next;
    return at;
}

const struct hc_kept *hc_kept_find(struct hc_kept_key key)
{
    pthread_mutex_lock(&lock);
    struct slot *s = *find(key);
    if (s) {
        s->refs++;
        s->used_at = ++now;
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

void hc_kept_put(struct hc_kept_key key, const struct hc_kept *what)
{
    struct slot *gone = NULL, *s = hc_malloc(sizeof(*s) + what->text.n);
    size_t bytes = sizeof(*s) + what->text.n + (what->arena ? hc_arena_used(what->arena) : 0);
    if (!s || bytes > ceiling / 2) {
        hc_arena_free(what->arena);
        free(s);
        return;
    }
    *s = (struct slot){ .kept = *what, .key = key, .bytes = bytes, .refs = 1 };
    if (what->text.n)
        memcpy(s->text, what->text.p, what->text.n);
    s->kept.text = (hc_str){ s->text, what->text.n };
    pthread_mutex_lock(&lock);
    struct slot **at = find(key);
    if (*at)
        take_out(at, &gone);
    at = &buckets[key.a % BUCKETS];
    s->next = *at;
    s->used_at = ++now;
    *at = s;
    held += bytes;
    shrink(&gone);
    pthread_mutex_unlock(&lock);
    drop_all(gone);
}

static bool copy_list(struct hc_arena *a, struct hc_val *to, const struct hc_list *from)
{
    to->list = HC_NEW(a, struct hc_list);
    if (!to->list)
        return false;
    *to->list = (struct hc_list){ .items = HC_NEW_N(a, struct hc_val *, from->n + 1),
                                  .n = from->n,
                                  .cap = from->n };
    to->list->flags = from->flags;
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
