#pragma once
/*
 * core/base/arena.h - memory that is freed all at once
 *
 * One arena per chart, render or step; one user at a time. What it hands out lives until the arena is
 * freed; nothing is freed one by one.
 */
#include "core/base/err.h"
#include "core/base/str.h"

struct hc_arena;

/* Gives an arena that hands out at most `ceiling` bytes (0: HC_MAX_ARENA). NULL: no memory. */
HC_MUST_USE struct hc_arena *hc_arena_new(size_t ceiling);
void hc_arena_free(struct hc_arena *a);
/* Takes back all that was handed out, keeps one block for what comes next. */
void hc_arena_reset(struct hc_arena *a);

/*
 * Gives zeroed memory, or NULL at the ceiling or when memory ran out. From the first NULL on the arena
 * is spent and gives only NULL, so a builder may check once, at its end, with hc_arena_spent().
 */
HC_MUST_USE void *hc_arena_alloc(struct hc_arena *a, size_t size, size_t align);
bool hc_arena_spent(const struct hc_arena *a);
/* For one that lives long: it gives again. What was not given stays away, so its owner must have forgotten the unfinished. */
void hc_arena_forgive(struct hc_arena *a);
/* Sets the ceiling, to lower it for a while: gives the one before, to be put back. */
size_t hc_arena_limit(struct hc_arena *a, size_t ceiling);
size_t hc_arena_ceiling(const struct hc_arena *a);
/* Bytes handed out so far. */
size_t hc_arena_used(const struct hc_arena *a);
/* Bytes it takes itself, what it did not hand out yet too. */
size_t hc_arena_held(const struct hc_arena *a);
/* HC_E_LIMIT ("... is over N bytes") or HC_E_NOMEM for a spent arena; HC_OK for one that is not. */
enum hc_rc hc_arena_check(const struct hc_arena *a, struct hc_err *err, const char *what);

/*
 * Giving back a part: all that was handed out since the mark, which nobody may use any more. Marks are given back in
 * the reverse of the order they were taken in; not across hc_arena_reset. A spent arena stays as it is.
 */
struct hc_arena_mark {
    const void *block; /* the arena's own */
    size_t used, total;
};
struct hc_arena_mark hc_arena_mark(const struct hc_arena *a);
void hc_arena_release(struct hc_arena *a, const struct hc_arena_mark *m);
/* Whether `p`, which may come from anywhere, was handed out since the mark. */
bool hc_arena_is_newer(const struct hc_arena *a, const struct hc_arena_mark *m, const void *p);

/* Room for a text of `n` bytes, which its caller writes over as a whole; closed by NUL. */
char *hc_arena_text(struct hc_arena *a, size_t n);
/* A copy in the arena, closed by NUL besides its length. {NULL,0} when spent. */
hc_str hc_arena_str(struct hc_arena *a, hc_str s);
hc_str hc_arena_printf(struct hc_arena *a, const char *fmt, ...) HC_PRINTF(2, 3);
/* A NUL-closed copy, for the C functions that need one. */
char *hc_arena_strz(struct hc_arena *a, hc_str s);
/* Two or more slices after each other; ends with an hc_str whose p is NULL. */
hc_str hc_arena_cat(struct hc_arena *a, size_t n, const hc_str *parts);

#define HC_NEW(a, type)      ((type *)hc_arena_alloc((a), sizeof(type), _Alignof(type)))
#define HC_NEW_N(a, type, n) ((type *)hc_arena_alloc_n((a), (n), sizeof(type), _Alignof(type)))
/* n * size without overflow. */
HC_MUST_USE void *hc_arena_alloc_n(struct hc_arena *a, size_t n, size_t size, size_t align);

void hc_arena_free_auto(struct hc_arena **a);
#define hc_arena_auto hc_arena_free_auto /* HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0); */
