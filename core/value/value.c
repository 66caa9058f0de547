/*
 * Nodes, maps and lists. A map is an array of entries in their order; from INDEX_FROM entries on it also
 * has an open-addressing table of entry numbers (plus one; 0 is free), kept at most half full. The hash is
 * seeded anew in each process, so that nobody can prepare keys that collide. A deletion makes
 * the table anew: it is rare, and tombstones would cost every lookup.
 */
#include "core/value/value.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>

#include "core/base/mem.h"
#include "core/value/value_impl.h"

#define INDEX_FROM 25u /* a hash takes as long as looking at the lengths of so many */

/* ---- scratch ------------------------------------------------------------------------------------- */

bool hc_scratch_grow(struct hc_scratch *s)
{
    uint32_t cap = s->cap ? s->cap * 2 : 64;
    if (cap > UINT32_MAX / 4)
        return false;
    struct hc_entry *p = hc_realloc(s->p, (size_t)cap * sizeof(*p));
    if (!p)
        return false;
    s->p = p;
    s->cap = cap;
    return true;
}

void hc_scratch_done(struct hc_scratch *s)
{
    free(s->p);
    s->p = NULL;
    s->n = s->cap = 0;
}

/* ---- hashing ------------------------------------------------------------------------------------- */

static uint64_t seed;

/* The kernel gives every process 16 random bytes. */
static __attribute__((constructor)) void make_seed(void)
{
    const void *random = (const void *)(uintptr_t)getauxval(AT_RANDOM);
    if (random)
        memcpy(&seed, random, sizeof(seed));
}

static inline uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    return x;
}

static inline uint64_t word(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    return w;
}

/* The last bytes, at most 8, as a word that no other bytes of that number give; `n` is of all. */
static inline uint64_t last_word(const char *p, size_t n)
{
    uint32_t low, high;
    if (n >= 8)
        return word(p + n - 8);
    if (n >= 4) {
        memcpy(&low, p, 4);
        memcpy(&high, p + n - 4, 4);
        return (uint64_t)high << 32 | low;
    }
    return n ? (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n / 2] << 8 |
                   (unsigned char)p[n - 1]
             : 0;
}

static uint32_t key_hash(hc_str k)
{
    uint64_t h = seed ^ (k.n * 0x9e3779b97f4a7c15u);
    for (size_t at = 0; at + 8 < k.n; at += 8)
        h = mix(h ^ word(k.p + at));
    return (uint32_t)mix(mix(h ^ last_word(k.p, k.n)));
}

/* Keys are short, and a call costs more than comparing one. */
static inline bool same_bytes(const char *x, const char *y, size_t n)
{
    if (n > 16)
        return memcmp(x, y, n) == 0;
    return last_word(x, n) == last_word(y, n) && (n <= 8 || word(x) == word(y));
}

static inline bool key_is(const struct hc_entry *e, hc_str key)
{
    return e->key.n == key.n && (e->key.p == key.p || same_bytes(e->key.p, key.p, key.n));
}

/* The slot of `key`: holds its entry, or is the free one where it belongs. */
static inline uint32_t *slot_of(const struct hc_map *m, hc_str key)
{
    uint32_t mask = m->index_cap - 1, at = key_hash(key) & mask;
    while (m->index[at] && !key_is(&m->entries[m->index[at] - 1], key))
        at = (at + 1) & mask;
    return &m->index[at];
}

static bool index_make(struct hc_arena *a, struct hc_map *m, uint32_t for_n)
{
    uint32_t cap = 32;
    while (cap < for_n * 2)
        cap *= 2;
    uint32_t *index = HC_NEW_N(a, uint32_t, cap);
    if (!index)
        return false;
    m->index = index;
    m->index_cap = cap;
    return true;
}

static void index_fill(struct hc_map *m)
{
    for (uint32_t i = 0; i < m->n; i++)
        *slot_of(m, m->entries[i].key) = i + 1;
}

static struct hc_entry *find(const struct hc_map *m, hc_str key)
{
    if (m->index) {
        uint32_t at = *slot_of(m, key);
        return at ? &m->entries[at - 1] : NULL;
    }
    for (uint32_t i = 0; i < m->n; i++)
        if (key_is(&m->entries[i], key))
            return &m->entries[i];
    return NULL;
}

/* ---- build --------------------------------------------------------------------------------------- */

struct hc_val *hc_node_new(struct hc_arena *a, enum hc_kind kind)
{
    struct hc_val *v = HC_NEW(a, struct hc_val);
    if (v)
        v->kind = (uint8_t)kind;
    return v;
}

struct hc_val *hc_null_val(struct hc_arena *a)
{
    return hc_node_new(a, HC_NULL);
}

struct hc_val *hc_bool_val(struct hc_arena *a, bool b)
{
    struct hc_val *v = hc_node_new(a, HC_BOOL);
    if (v)
        v->b = b;
    return v;
}

struct hc_val *hc_int_val(struct hc_arena *a, int64_t i)
{
    struct hc_val *v = hc_node_new(a, HC_INT);
    if (v)
        v->i = i;
    return v;
}

struct hc_val *hc_uint_val(struct hc_arena *a, uint64_t u)
{
    struct hc_val *v = hc_node_new(a, u > INT64_MAX ? HC_UINT : HC_INT);
    if (v)
        v->u = u;
    return v;
}

struct hc_val *hc_float_val(struct hc_arena *a, double f)
{
    struct hc_val *v = hc_node_new(a, HC_FLOAT);
    if (v)
        v->f = f;
    return v;
}

struct hc_val *hc_str_val_ref(struct hc_arena *a, hc_str s)
{
    if (s.n > UINT32_MAX)
        return NULL;
    struct hc_val *v = hc_node_new(a, HC_STR);
    if (v) {
        v->s = s.p ? s.p : "";
        v->n = (uint32_t)s.n;
    }
    return v;
}

struct hc_val *hc_str_val(struct hc_arena *a, hc_str s)
{
    hc_str copy = hc_arena_str(a, s);
    return copy.p ? hc_str_val_ref(a, copy) : NULL;
}

struct hc_val *hc_strz_val(struct hc_arena *a, const char *z)
{
    return hc_str_val(a, hc_str_of(z ? z : ""));
}

struct hc_val *hc_printf_val(struct hc_arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    struct hc_val *v = NULL;
    char *p = n >= 0 ? hc_arena_alloc(a, (size_t)n + 1, 1) : NULL;
    if (p) {
        vsnprintf(p, (size_t)n + 1, fmt, again);
        v = hc_str_val_ref(a, hc_str_n(p, (size_t)n));
    }
    va_end(again);
    return v;
}

struct hc_val *hc_list_new(struct hc_arena *a)
{
    struct both {
        struct hc_val v;
        struct hc_list l;
    } *p = HC_NEW(a, struct both);
    if (!p)
        return NULL;
    p->v.kind = HC_LIST;
    p->v.list = &p->l;
    return &p->v;
}

struct hc_val *hc_map_new(struct hc_arena *a)
{
    struct both {
        struct hc_val v;
        struct hc_map m;
    } *p = HC_NEW(a, struct both);
    if (!p)
        return NULL;
    p->v.kind = HC_MAP;
    p->v.map = &p->m;
    return &p->v;
}

struct hc_val *hc_list_adopt(struct hc_arena *a, const struct hc_entry *e, uint32_t n)
{
    struct hc_val *v = hc_list_new(a);
    if (!v || n == 0)
        return v;
    struct hc_val **items = HC_NEW_N(a, struct hc_val *, n);
    if (!items)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        items[i] = e[i].val;
    v->list->items = items;
    v->list->n = v->list->cap = n;
    return v;
}

struct hc_val *hc_map_adopt(struct hc_arena *a, const struct hc_entry *e, uint32_t n,
                            const struct hc_entry **out_dup)
{
    struct hc_val *v = hc_map_new(a);
    if (out_dup)
        *out_dup = NULL;
    if (!v || n == 0)
        return v;
    struct hc_map *m = v->map;
    m->entries = HC_NEW_N(a, struct hc_entry, n);
    if (!m->entries || (n >= INDEX_FROM && !index_make(a, m, n)))
        return NULL;
    m->cap = n;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t *slot = NULL;
        struct hc_entry *there = NULL;
        if (m->index) {
            slot = slot_of(m, e[i].key);
            there = *slot ? &m->entries[*slot - 1] : NULL;
        } else {
            there = find(m, e[i].key);
        }
        if (there) {
            *there = e[i];
            if (out_dup)
                *out_dup = &e[i];
            continue;
        }
        m->entries[m->n++] = e[i];
        if (slot)
            *slot = m->n;
    }
    return v;
}

void hc_list_add(struct hc_arena *a, struct hc_val *list, struct hc_val *item)
{
    if (!hc_is_list(list) || !item)
        return;
    struct hc_list *l = list->list;
    if (l->n == l->cap) {
        uint32_t cap = l->cap ? l->cap * 2 : 4;
        struct hc_val **items = cap > l->cap ? HC_NEW_N(a, struct hc_val *, cap) : NULL;
        if (!items)
            return;
        if (l->n)
            memcpy(items, l->items, l->n * sizeof(*items));
        l->items = items;
        l->cap = cap;
    }
    l->items[l->n++] = item;
}

static bool entries_grow(struct hc_arena *a, struct hc_map *m, uint32_t cap)
{
    struct hc_entry *entries = cap > m->cap ? HC_NEW_N(a, struct hc_entry, cap) : NULL;
    if (!entries)
        return false;
    if (m->n)
        memcpy(entries, m->entries, m->n * sizeof(*entries));
    m->entries = entries;
    m->cap = cap;
    return true;
}

/* An index for as many entries, when they are worth one. */
static bool index_grow(struct hc_arena *a, struct hc_map *m, uint32_t n)
{
    if (n < INDEX_FROM || n * 2 <= m->index_cap)
        return true;
    if (!index_make(a, m, n))
        return false;
    index_fill(m);
    return true;
}

static bool map_room(struct hc_arena *a, struct hc_map *m)
{
    if (m->n == m->cap && !entries_grow(a, m, m->cap ? m->cap * 2 : 4))
        return false;
    return (m->n + 1) * 2 <= m->index_cap || m->n + 1 < INDEX_FROM || index_grow(a, m, (m->n + 1) * 2);
}

static void append(struct hc_arena *a, struct hc_map *m, hc_str key, struct hc_val *val)
{
    if (!map_room(a, m))
        return;
    m->entries[m->n++] = (struct hc_entry){ { key.p ? key.p : "", key.n }, val, val->line, val->col };
    if (m->index)
        *slot_of(m, key) = m->n;
}

static void put(struct hc_arena *a, struct hc_val *map, hc_str key, struct hc_val *val, bool copy_key)
{
    if (!hc_is_map(map) || !val)
        return;
    struct hc_map *m = map->map;
    struct hc_entry *e = find(m, key);
    if (e) {
        e->val = val;
        e->line = val->line;
        e->col = val->col;
        return;
    }
    if (copy_key) {
        key = hc_arena_str(a, key);
        if (!key.p)
            return;
    }
    append(a, m, key, val);
}

void hc_map_append_ref(struct hc_arena *a, struct hc_val *map, hc_str key, struct hc_val *val)
{
    if (hc_is_map(map) && val)
        append(a, map->map, key, val);
}

void hc_map_reserve(struct hc_arena *a, struct hc_val *map, size_t more)
{
    struct hc_map *m = hc_is_map(map) ? map->map : NULL;
    if (!m || more > UINT32_MAX / 4 - m->n)
        return;
    uint32_t n = m->n + (uint32_t)more;
    if (n > m->cap && entries_grow(a, m, n))
        (void)index_grow(a, m, n);
}

void hc_map_put(struct hc_arena *a, struct hc_val *map, hc_str key, struct hc_val *val)
{
    put(a, map, key, val, true);
}

void hc_map_put_ref(struct hc_arena *a, struct hc_val *map, hc_str key, struct hc_val *val)
{
    put(a, map, key, val, false);
}

void hc_map_put_str(struct hc_arena *a, struct hc_val *map, const char *key, hc_str s)
{
    if (s.p)
        hc_map_put(a, map, hc_str_of(key), hc_str_val(a, s));
}

void hc_map_put_strz(struct hc_arena *a, struct hc_val *map, const char *key, const char *z)
{
    if (z)
        hc_map_put(a, map, hc_str_of(key), hc_strz_val(a, z));
}

void hc_map_put_int(struct hc_arena *a, struct hc_val *map, const char *key, int64_t i)
{
    hc_map_put(a, map, hc_str_of(key), hc_int_val(a, i));
}

void hc_map_put_bool(struct hc_arena *a, struct hc_val *map, const char *key, bool b)
{
    hc_map_put(a, map, hc_str_of(key), hc_bool_val(a, b));
}

bool hc_map_del(struct hc_val *map, hc_str key)
{
    struct hc_entry *e = hc_map_find(map, key);
    if (!e)
        return false;
    struct hc_map *m = map->map;
    uint32_t at = (uint32_t)(e - m->entries);
    memmove(e, e + 1, (m->n - at - 1) * sizeof(*e));
    m->n--;
    if (m->index) {
        memset(m->index, 0, m->index_cap * sizeof(*m->index));
        index_fill(m);
    }
    return true;
}

struct hc_val *hc_map_sub(struct hc_arena *a, struct hc_val *map, const char *key)
{
    struct hc_val *v = hc_map_getz(map, key);
    if (hc_is_map(v))
        return v;
    v = hc_map_new(a);
    hc_map_put(a, map, hc_str_of(key), v);
    return v;
}

/* ---- copies -------------------------------------------------------------------------------------- */

static struct hc_val *copy(struct hc_arena *a, const struct hc_val *v, bool bytes);

static struct hc_val *copy_list(struct hc_arena *a, const struct hc_val *v, bool bytes)
{
    struct hc_val *to = hc_list_new(a);
    uint32_t n = v->list->n;
    if (!to)
        return NULL;
    if (n) {
        struct hc_val **items = HC_NEW_N(a, struct hc_val *, n);
        if (!items)
            return NULL;
        for (uint32_t i = 0; i < n; i++)
            if (!(items[i] = copy(a, v->list->items[i], bytes)))
                return NULL;
        to->list->items = items;
        to->list->n = to->list->cap = n;
    }
    return to;
}

static struct hc_val *copy_map(struct hc_arena *a, const struct hc_val *v, bool bytes)
{
    struct hc_val *to = hc_map_new(a);
    const struct hc_map *from = v->map;
    if (!to)
        return NULL;
    if (from->n == 0)
        return to;
    struct hc_map *m = to->map;
    m->entries = HC_NEW_N(a, struct hc_entry, from->n);
    if (!m->entries)
        return NULL;
    for (uint32_t i = 0; i < from->n; i++) {
        struct hc_entry e = from->entries[i];
        if (bytes && !(e.key = hc_arena_str(a, e.key)).p)
            return NULL;
        if (!(e.val = copy(a, e.val, bytes)))
            return NULL;
        m->entries[i] = e;
    }
    m->n = m->cap = from->n;
    if (from->index) {
        m->index = HC_NEW_N(a, uint32_t, from->index_cap);
        if (!m->index)
            return NULL;
        m->index_cap = from->index_cap;
        memcpy(m->index, from->index, from->index_cap * sizeof(*m->index));
    }
    return to;
}

static struct hc_val *copy(struct hc_arena *a, const struct hc_val *v, bool bytes)
{
    struct hc_val *to;
    if (v->kind != HC_LIST && v->kind != HC_MAP) {
        if (!bytes)
            return (struct hc_val *)(uintptr_t)v;
        to = HC_NEW(a, struct hc_val);
        if (!to)
            return NULL;
        *to = *v;
        if (v->kind == HC_STR)
            to->s = hc_arena_str(a, hc_str_n(v->s, v->n)).p;
        else if (v->spelling)
            to->spelling = hc_arena_str(a, hc_str_n(v->spelling, v->n)).p;
        return hc_arena_spent(a) ? NULL : to;
    }
    to = v->kind == HC_LIST ? copy_list(a, v, bytes) : copy_map(a, v, bytes);
    if (to) {
        to->type = v->type;
        to->line = v->line;
        to->col = v->col;
        to->origin = v->origin;
    }
    return to;
}

struct hc_val *hc_val_copy(struct hc_arena *a, const struct hc_val *v)
{
    return v ? copy(a, v, false) : NULL;
}

struct hc_val *hc_val_clone(struct hc_arena *a, const struct hc_val *v)
{
    return v ? copy(a, v, true) : NULL;
}

/* ---- read ---------------------------------------------------------------------------------------- */

struct hc_entry *hc_map_find(const struct hc_val *map, hc_str key)
{
    return hc_is_map(map) ? find(map->map, key) : NULL;
}

struct hc_val *hc_map_get(const struct hc_val *map, hc_str key)
{
    struct hc_entry *e = hc_map_find(map, key);
    return e ? e->val : NULL;
}

struct hc_val *hc_map_getz(const struct hc_val *map, const char *key)
{
    return hc_map_get(map, hc_str_of(key));
}

struct hc_val *hc_get(const struct hc_val *v, const char *path)
{
    const char *p = path;
    while (v && *p) {
        if (*p == '.') {
            p++;
        } else if (*p == '[') {
            size_t at = 0;
            for (p++; *p >= '0' && *p <= '9'; p++)
                at = HC_MIN(at * 10 + (size_t)(*p - '0'), (size_t)UINT32_MAX);
            if (*p++ != ']')
                return NULL;
            v = hc_list_at(v, at);
        } else {
            size_t n = strcspn(p, ".[");
            v = hc_map_get(v, hc_str_n(p, n));
            p += n;
        }
    }
    return (struct hc_val *)(uintptr_t)v;
}

hc_str hc_get_str_at(const struct hc_val *v, const char *path)
{
    return hc_get_str(hc_get(v, path));
}

int64_t hc_get_int_at(const struct hc_val *v, const char *path, int64_t otherwise)
{
    int64_t i;
    return hc_get_i64(hc_get(v, path), &i) ? i : otherwise;
}

bool hc_get_bool_at(const struct hc_val *v, const char *path, bool otherwise)
{
    const struct hc_val *x = hc_get(v, path);
    return x && x->kind == HC_BOOL ? x->b : otherwise;
}

bool hc_get_i64(const struct hc_val *v, int64_t *out)
{
    switch (hc_kind_of(v)) {
    case HC_INT:
        *out = v->i;
        return true;
    case HC_FLOAT:
        if (!(v->f >= -0x1p63 && v->f < 0x1p63) || (double)(int64_t)v->f < v->f || (double)(int64_t)v->f > v->f)
            return false;
        *out = (int64_t)v->f;
        return true;
    default:
        return false;
    }
}

bool hc_get_f64(const struct hc_val *v, double *out)
{
    switch (hc_kind_of(v)) {
    case HC_INT:
        *out = (double)v->i;
        return true;
    case HC_UINT:
        *out = (double)v->u;
        return true;
    case HC_FLOAT:
        *out = v->f;
        return true;
    default:
        return false;
    }
}

const char *hc_kind_name(const struct hc_val *v)
{
    static const char *const names[] = { "null",   "bool", "number", "number", "number",
                                         "string", "list", "map",    "object" };
    return names[hc_kind_of(v)];
}

static bool is_number(const struct hc_val *v)
{
    return v->kind == HC_INT || v->kind == HC_UINT || v->kind == HC_FLOAT;
}

static bool numbers_equal(const struct hc_val *x, const struct hc_val *y)
{
    if (x->kind == y->kind)
        return x->kind == HC_FLOAT ? !(x->f < y->f) && !(x->f > y->f) : x->u == y->u;
    if (y->kind == HC_FLOAT) {
        const struct hc_val *t = x;
        x = y;
        y = t;
    }
    if (x->kind != HC_FLOAT)
        return false; /* HC_UINT only holds what HC_INT can not */
    if (y->kind == HC_INT) {
        int64_t i;
        return hc_get_i64(x, &i) && i == y->i;
    }
    return x->f >= 0x1p63 && x->f < 0x1p64 && (uint64_t)x->f == y->u; /* doubles that large are whole */
}

bool hc_val_equal(const struct hc_val *x, const struct hc_val *y)
{
    if (x == y)
        return true;
    if (!x || !y)
        return false;
    if (is_number(x) && is_number(y))
        return numbers_equal(x, y);
    if (x->kind != y->kind)
        return false;
    switch ((enum hc_kind)x->kind) {
    case HC_NULL:
        return true;
    case HC_BOOL:
        return x->b == y->b;
    case HC_STR:
        return hc_str_eq(hc_get_str(x), hc_get_str(y));
    case HC_LIST:
        if (x->list->n != y->list->n)
            return false;
        for (uint32_t i = 0; i < x->list->n; i++)
            if (!hc_val_equal(x->list->items[i], y->list->items[i]))
                return false;
        return true;
    case HC_MAP:
        if (x->map->n != y->map->n)
            return false;
        for (uint32_t i = 0; i < x->map->n; i++) {
            const struct hc_entry *e = &x->map->entries[i], *f = NULL;
            /* documents mostly keep their order: look at the same place first */
            if (key_is(&y->map->entries[i], e->key))
                f = &y->map->entries[i];
            else
                f = find(y->map, e->key);
            if (!f || !hc_val_equal(e->val, f->val))
                return false;
        }
        return true;
    case HC_OBJ:
        return x->obj == y->obj;
    default:
        return false;
    }
}

/* ---- sorted views -------------------------------------------------------------------------------- */

/* Merge sort: stable, no worst case, and an ordered input costs one pass. */
static void merge_sort(const struct hc_entry **e, const struct hc_entry **tmp, size_t n, hc_key_order order)
{
    if (n <= 8) {
        for (size_t i = 1; i < n; i++) {
            const struct hc_entry *x = e[i];
            size_t j = i;
            for (; j > 0 && order(e[j - 1]->key, x->key) > 0; j--)
                e[j] = e[j - 1];
            e[j] = x;
        }
        return;
    }
    size_t half = n / 2;
    merge_sort(e, tmp, half, order);
    merge_sort(e + half, tmp, n - half, order);
    if (order(e[half - 1]->key, e[half]->key) <= 0)
        return;
    memcpy(tmp, e, half * sizeof(*e));
    for (size_t i = 0, j = half, at = 0; i < half; at++)
        e[at] = j < n && order(tmp[i]->key, e[j]->key) > 0 ? e[j++] : tmp[i++];
}

void hc_sort_entries(const struct hc_entry **e, size_t n, hc_key_order order)
{
    merge_sort(e, e + n, n, order);
}
