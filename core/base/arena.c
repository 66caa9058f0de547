/*
 * A bump allocator over a list of blocks that double in size. Memory is made zero when it is handed out, and only where
 * something has been before: much of it is texts, which are written over anyway. Under the address sanitizer what was not handed out is
 * poisoned and a gap stands behind every object, so that each overrun is seen without a malloc for each.
 */
#include "core/base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#define POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISONS 1
#endif
#endif
#ifdef POISONS
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
enum { GAP = 16 };
#else
#define POISON(p, n)   ((void)0)
#define UNPOISON(p, n) ((void)0)
enum { GAP = 0 };
#endif

struct block {
    _Alignas(16) struct block *next; /* so that what follows it is aligned for anything */
    size_t cap, used;
    size_t dirty; /* what stands before it may be anything, what stands behind is zero */
};

struct hc_arena {
    struct block *blocks;
    struct block *spare; /* what was given back last is soon wanted again */
    size_t ceiling, used, next_cap;
    bool spent, over;
};

#define FIRST_BLOCK ((size_t)4000)
#ifdef POISONS
#define LARGEST_BLOCK ((size_t)16 << 20) /* a fuzzer's arena is used again and again: then in one piece */
#else
#define LARGEST_BLOCK ((size_t)64 << 10) /* half of the last one is never used */
#endif

struct hc_arena *hc_arena_new(size_t ceiling)
{
    struct hc_arena *a = hc_calloc(1, sizeof(*a));
    if (!a)
        return NULL;
    a->ceiling = ceiling ? ceiling : HC_MAX_ARENA;
    a->next_cap = FIRST_BLOCK;
    return a;
}

static void free_blocks(struct block *b)
{
    while (b) {
        struct block *next = b->next;
        UNPOISON(b + 1, b->cap);
        hc_block_free(b, sizeof(*b) + b->cap);
        b = next;
    }
}

void hc_arena_free(struct hc_arena *a)
{
    if (!a)
        return;
    free_blocks(a->blocks);
    free_blocks(a->spare);
    free(a);
}

static void take_back(struct block *b, size_t from)
{
    POISON((char *)(b + 1) + from, b->used - from);
    b->dirty = HC_MAX(b->dirty, b->used);
    b->used = from;
}

void hc_arena_reset(struct hc_arena *a)
{
    struct block *b = a->blocks;
    a->used = 0;
    a->spent = a->over = false;
    if (!b)
        return;
    free_blocks(b->next);
    b->next = NULL;
    if (b->cap > LARGEST_BLOCK) {
        free_blocks(b);
        a->blocks = NULL;
        return;
    }
    take_back(b, 0);
}

void hc_arena_free_auto(struct hc_arena **a)
{
    hc_arena_free(*a);
}

static void *spend(struct hc_arena *a, bool over)
{
    a->spent = true;
    a->over = over;
    return NULL;
}

static struct block *add_block(struct hc_arena *a, size_t need)
{
    size_t cap = HC_MAX(need + GAP, a->next_cap);
    struct block *b = a->spare;
    if (b && b->cap >= need + GAP) {
        a->spare = NULL;
    } else {
        size_t dirty;
        b = hc_block_new(sizeof(*b) + cap, &dirty);
        if (!b)
            return NULL;
        b->used = 0;
        b->dirty = dirty - HC_MIN(dirty, sizeof(*b));
        if (a->next_cap < LARGEST_BLOCK)
            a->next_cap *= 2;
        POISON(b + 1, cap);
        b->cap = cap;
    }
    b->next = a->blocks;
    a->blocks = b;
    return b;
}

/* Without making it zero; *out_dirty: how much of it may be anything. */
static inline void *take(struct hc_arena *a, size_t size, size_t align, size_t *out_dirty)
{
    if (!a || a->spent)
        return NULL;
    if (align == 0 || align > 16 || size > SIZE_MAX / 2)
        return spend(a, true);
    if (size > a->ceiling - a->used)
        return spend(a, true);
    struct block *b = a->blocks;
#ifdef POISONS
    align = HC_MAX(align, (size_t)8);
#endif
    size_t at = b ? (b->used + align - 1) & ~(align - 1) : 0;
    if (!b || at > b->cap || size > b->cap - at) {
        b = add_block(a, size ? size : 1);
        if (!b)
            return spend(a, false);
        at = 0;
    }
    b->used = at + size;
    a->used += size;
    *out_dirty = at < b->dirty ? HC_MIN(size, b->dirty - at) : 0;
    UNPOISON((char *)(b + 1) + at, size);
#ifdef POISONS
    b->used = HC_MIN(b->cap,
                     (b->used + 7 + GAP) & ~(size_t)7); /* the sanitizer poisons whole words of eight bytes */
#endif
    return (char *)(b + 1) + at;
}

void *hc_arena_alloc(struct hc_arena *a, size_t size, size_t align)
{
    size_t dirty = 0;
    void *p = take(a, size, align, &dirty);
    if (dirty)
        memset(p, 0, dirty);
    return p;
}

void *hc_arena_alloc_n(struct hc_arena *a, size_t n, size_t size, size_t align)
{
    size_t bytes;
    if (!a)
        return NULL;
    if (__builtin_mul_overflow(n, size, &bytes))
        return a->spent ? NULL : spend(a, true);
    return hc_arena_alloc(a, bytes, align);
}

void hc_arena_forgive(struct hc_arena *a)
{
    a->spent = a->over = false;
}

bool hc_arena_spent(const struct hc_arena *a)
{
    return !a || a->spent;
}

/* ---- marks ------------------------------------------------------------------------------------------- */

struct hc_arena_mark hc_arena_mark(const struct hc_arena *a)
{
    const struct block *b = a->blocks;
    return (struct hc_arena_mark){ b, b ? b->used : 0, a->used };
}

void hc_arena_release(struct hc_arena *a, const struct hc_arena_mark *m)
{
    if (a->used == m->total || a->spent)
        return;
    while (a->blocks != m->block) { /* the last one taken first, so that its room can be used again */
        struct block *b = a->blocks;
        a->blocks = b->next;
        b->next = NULL;
        if (!a->spare && b->cap <= LARGEST_BLOCK && a->blocks == m->block) {
            take_back(b, 0);
            a->spare = b;
        } else {
            free_blocks(b);
        }
    }
    if (a->blocks)
        take_back(a->blocks, m->used);
    a->used = m->total;
}

bool hc_arena_is_newer(const struct hc_arena *a, const struct hc_arena_mark *m, const void *p)
{
    const char *at = p;
    for (const struct block *b = a->blocks; b; b = b->next) {
        const char *start = (const char *)(b + 1);
        bool last = b == m->block;
        if (at >= start + (last ? m->used : 0) && at < start + b->used)
            return true;
        if (last)
            break;
    }
    return false;
}

size_t hc_arena_limit(struct hc_arena *a, size_t ceiling)
{
    if (!a)
        return 0;
    size_t before = a->ceiling;
    a->ceiling = HC_MAX(ceiling, a->used);
    return before;
}

size_t hc_arena_ceiling(const struct hc_arena *a)
{
    return a ? a->ceiling : 0;
}

size_t hc_arena_used(const struct hc_arena *a)
{
    return a ? a->used : 0;
}

size_t hc_arena_held(const struct hc_arena *a)
{
    size_t n = a ? sizeof(*a) : 0;
    for (const struct block *b = a ? a->blocks : NULL; b; b = b->next)
        n += sizeof(*b) + b->cap;
    return n + (a && a->spare ? sizeof(*a->spare) + a->spare->cap : 0);
}

enum hc_rc hc_arena_check(const struct hc_arena *a, struct hc_err *err, const char *what)
{
    if (!hc_arena_spent(a))
        return HC_OK;
    if (a && a->over)
        return hc_fail(err, HC_E_LIMIT, "%s needs more than the %zu bytes it may have", what, a->ceiling);
    return hc_fail(err, HC_E_NOMEM, "%s: out of memory", what);
}

char *hc_arena_text(struct hc_arena *a, size_t n)
{
    size_t dirty;
    char *p = take(a, n + 1, 1, &dirty);
    if (p)
        p[n] = '\0';
    return p;
}

hc_str hc_arena_str(struct hc_arena *a, hc_str s)
{
    char *p = hc_arena_text(a, s.n);
    if (!p)
        return (hc_str){ NULL, 0 };
    if (s.n)
        memcpy(p, s.p, s.n);
    return (hc_str){ p, s.n };
}

char *hc_arena_strz(struct hc_arena *a, hc_str s)
{
    char *p = hc_arena_alloc(a, s.n + 1, 1);
    if (p && s.n)
        memcpy(p, s.p, s.n);
    return p;
}

hc_str hc_arena_cat(struct hc_arena *a, size_t n, const hc_str *parts)
{
    size_t total = 0, at = 0;
    for (size_t i = 0; i < n; i++)
        total += parts[i].n;
    char *p = hc_arena_text(a, total);
    if (!p)
        return (hc_str){ NULL, 0 };
    for (size_t i = 0; i < n; i++) {
        if (parts[i].n)
            memcpy(p + at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    return (hc_str){ p, total };
}

hc_str hc_arena_printf(struct hc_arena *a, const char *fmt, ...)
{
    char small[256];
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof(small), fmt, ap);
    va_end(ap);
    hc_str out = { NULL, 0 };
    if (n >= 0 && (size_t)n < sizeof(small)) {
        out = hc_arena_str(a, hc_str_n(small, (size_t)n));
    } else if (n >= 0) {
        char *p = hc_arena_alloc(a, (size_t)n + 1, 1);
        if (p) {
            vsnprintf(p, (size_t)n + 1, fmt, again);
            out = hc_str_n(p, (size_t)n);
        }
    }
    va_end(again);
    return out;
}

hc_str hc_buf_to_arena(const struct hc_buf *b, struct hc_arena *a)
{
    if (hc_buf_check(b, NULL, "text") == HC_E_NOMEM) {
        if (a)
            spend(a, false);
        return (hc_str){ NULL, 0 };
    }
    return hc_arena_str(a, hc_buf_str(b));
}
