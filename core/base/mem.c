/*
 * Plain malloc with a counter that can be told to fail once.
 */
#include "core/base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>

static atomic_uint_fast64_t counted, fail_at;

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

void *hc_malloc(size_t n)
{
    return fails() ? NULL : malloc(n ? n : 1);
}

void *hc_calloc(size_t n, size_t size)
{
    return fails() ? NULL : calloc(n ? n : 1, size ? size : 1);
}

void *hc_realloc(void *p, size_t n)
{
    return fails() ? NULL : realloc(p, n ? n : 1);
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
