#pragma once
/*
 * core/base/mem.h - the allocation door
 *
 * All heap memory of our own code comes through these three, so that a test can make the nth allocation
 * fail. Free with free().
 */
#include "core/base/defs.h"

HC_MUST_USE void *hc_malloc(size_t n);
HC_MUST_USE void *hc_calloc(size_t n, size_t size);
HC_MUST_USE void *hc_realloc(void *p, size_t n);
HC_MUST_USE char *hc_strdup_n(const char *p, size_t n);

/* Tests only: the nth allocation from now on fails (1: the next), 0 switches it off. All later ones
 * succeed again. hc_mem_count() counts allocations since the last call of hc_mem_fail_at. */
void hc_mem_fail_at(uint64_t n);
uint64_t hc_mem_count(void);
