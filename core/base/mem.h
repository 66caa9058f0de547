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

/*
 * Memory for an arena's block, zero behind its first *out_dirty bytes, and back with the same size. After
 * hc_mem_one_job(), which a program that does one job and ends calls first thing, and that takes blocks on one thread
 * alone, blocks come from one large mapping in huge pages, and what comes back is used again: in a fresh process page
 * faults are a third of all time.
 */
HC_MUST_USE void *hc_block_new(size_t n, size_t *out_dirty);
void hc_block_free(void *p, size_t n);
void hc_mem_one_job(void);

/* Tests only: the nth allocation from now on fails (1: the next), 0 switches it off. All later ones
 * succeed again. hc_mem_count() counts allocations since the last call of hc_mem_fail_at. */
void hc_mem_fail_at(uint64_t n);
uint64_t hc_mem_count(void);
/* How often this process was refused memory so far. Who finds another number than before may have lost something on the way
 * and draws no conclusions. */
uint64_t hc_mem_shortages(void);
