/*
 * Plain malloc with a counter that can be told to fail once.
 */
#include "core/base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

static atomic_uint_fast64_t counted, fail_at, shortages;

static bool fails(void)
{
    uint_fast64_t at = atomic_load_explicit(&fail_at, memory_order_relaxed);
    if (at == 0)
        return false;
    return atomic_fetch_add_explicit(&counted, 1, memory_order_relaxed) + 1 == at;
}

void hc_mem_fail_at(uint64_t n)
{
    atomic_store(&counted, 0);
    atomic_store(&fail_at, n);
}

uint64_t hc_mem_count(void)
{
    return atomic_load(&counted);
}

uint64_t hc_mem_shortages(void)
{
    return atomic_load_explicit(&shortages, memory_order_relaxed);
}

static void *given(void *p)
{
    if (!p)
        atomic_fetch_add_explicit(&shortages, 1, memory_order_relaxed);
    return p;
}

void *hc_malloc(size_t n)
{
    return given(fails() ? NULL : malloc(n ? n : 1));
}

void *hc_calloc(size_t n, size_t size)
{
    return given(fails() ? NULL : calloc(n ? n : 1, size ? size : 1));
}

void *hc_realloc(void *p, size_t n)
{
    return given(fails() ? NULL : realloc(p, n ? n : 1));
}

/* ---- blocks ------------------------------------------------------------------------------------------ */

enum {
    HUGE = 2 << 20,
    REGION = 32 << 20,
    FRESH_FROM = 128 << 10 /* the C library maps what is larger, and what is mapped is zero without a touch */
};

static bool one_job;
/* The mapping at hand: taken up to `region`, never touched from `region_fresh` on. One thread. */
static char *region, *region_fresh, *region_end;
/* What was given back in the middle, by address; none touches another or `region`. */
struct hole {
    struct hole *next;
    size_t n;
};
static struct hole *holes;

void hc_mem_one_job(void)
{
#ifndef HC_DEBUG_ARENA
    one_job = true;
#endif
}

/* A further mapping, aligned to huge pages; where there are none it is as good as any other. */
static bool new_region(void)
{
    char *p = mmap(NULL, REGION + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return false;
    p += (HUGE - (uintptr_t)p % HUGE) % HUGE;
    madvise(p, REGION, MADV_HUGEPAGE);
    region = region_fresh = p;
    region_end = p + REGION;
    return true;
}

static size_t rounded(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

/* The smallest hole that holds so much; what is left of it stays one. */
static void *from_hole(size_t n)
{
    struct hole **best = NULL;
    for (struct hole **at = &holes; *at; at = &(*at)->next)
        if ((*at)->n >= n && (!best || (*at)->n < (*best)->n))
            best = at;
    if (!best)
        return NULL;
    struct hole *h = *best;
    char *p = (char *)h + (h->n - n);
    h->n -= n;
    if (h->n == 0)
        *best = h->next;
    return p;
}

static void add_hole(char *p, size_t n)
{
    struct hole **at = &holes, *before = NULL;
    while (*at && (char *)*at < p) {
        before = *at;
        at = &before->next;
    }
    struct hole *h = (void *)p;
    *h = (struct hole){ *at, n };
    *at = h;
    if (h->next && p + n == (char *)h->next)
        *h = (struct hole){ h->next->next, n + h->next->n };
    if (before && (char *)before + before->n == p)
        *before = (struct hole){ h->next, before->n + h->n };
}

/* The hole that ends where the free part of the mapping begins becomes part of that. */
static void close_hole(void)
{
    for (struct hole **at = &holes; *at; at = &(*at)->next) {
        if ((char *)*at + (*at)->n != region)
            continue;
        region = (char *)*at;
        *at = (*at)->next;
        return;
    }
}

void *hc_block_new(size_t n, size_t *out_dirty)
{
    n = rounded(n);
    *out_dirty = 0;
    if (!one_job || n > REGION / 2) {
        if (n > FRESH_FROM)
            return hc_calloc(1, n);
        *out_dirty = n;
        return hc_malloc(n);
    }
    if (fails())
        return given(NULL);
    char *p = from_hole(n);
    if (p) {
        *out_dirty = n;
        return p;
    }
    if (n > (size_t)(region_end - region) && !new_region())
        return given(NULL);
    p = region;
    if (p < region_fresh)
        *out_dirty = HC_MIN(n, (size_t)(region_fresh - p));
    region += n;
    region_fresh = HC_MAX(region_fresh, region);
    return p;
}

void hc_block_free(void *p, size_t n)
{
    n = rounded(n);
    if (!p)
        return;
    if (!one_job || n > REGION / 2) {
        free(p);
    } else if ((char *)p + n != region) {
        add_hole(p, n);
    } else { /* short-lived arenas come and go in this order */
        region = p;
        close_hole();
    }
}

char *hc_strdup_n(const char *p, size_t n)
{
    char *copy = hc_malloc(n + 1);
    if (!copy)
        return NULL;
    if (n)
        memcpy(copy, p, n);
    copy[n] = '\0';
    return copy;
}
