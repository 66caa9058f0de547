#pragma once
/*
 * core/value/kept.h - trees and texts that cost something to make and are made again and again
 *
 * For a process that renders the same charts over and over: what a large text was read to, what a large tree was written
 * as, where the head of a manifest stands. Nothing is kept before hc_kept_limit() says how much may be; what was used
 * longest ago goes first. Any thread may call any of this.
 *
 * A key is 128 bits over the whole input, under numbers drawn at random when the process first asks, so that nobody can
 * prepare two inputs with one key.
 */
#include "core/value/value.h"

struct hc_kept_key {
    uint64_t a, b;
};

struct hc_kept {
    struct hc_arena *arena; /* owns what was made in it, or NULL */
    const void *root;       /* of that; a struct hc_val where nothing else is said */
    hc_str text;            /* beside or instead of it */
    uint32_t extra[8];      /* what else its user wants to know */
};

/* `bytes` in all, 0: nothing is kept, and what was is dropped. */
void hc_kept_limit(size_t bytes);
bool hc_kept_on(void);

/* `what` keeps the users of this apart. */
struct hc_kept_key hc_kept_key(char what, hc_str text);
/* False: there are values in it that are no plain data, or it is too large or nested too deep. */
bool hc_kept_key_of(char what, const struct hc_val *v, struct hc_kept_key *out);

/*
 * The same, but maps of Go's type `type` count as one thing, whatever is in them, for who makes sure not to look into them;
 * they may be an entry of `v`, not stand deeper in it.
 * *out_cost says what it cost to look at the rest, in values and pieces of 64 bytes; over `cost_max` it is too large.
 */
bool hc_kept_key_but(char what, const struct hc_val *v, uint8_t type, uint32_t cost_max, struct hc_kept_key *out,
                     uint32_t *out_cost);
/* The key of what belongs to both. */
struct hc_kept_key hc_kept_key_and(struct hc_kept_key key, uint64_t n);
struct hc_kept_key hc_kept_key_text(struct hc_kept_key key, hc_str text);

/* Borrowed until hc_kept_release; NULL: not here. */
const struct hc_kept *hc_kept_find(struct hc_kept_key key);
void hc_kept_release(const struct hc_kept *kept);
/* Takes the arena; the text is copied. */
void hc_kept_put(struct hc_kept_key key, const struct hc_kept *what);
/* The same and borrows it, also what is too large to be found again. NULL: no memory; then the arena is freed. */
const struct hc_kept *hc_kept_share(struct hc_kept_key key, const struct hc_kept *what);
/* A copy that shares nothing with it, as templates change what they get. NULL: the arena is spent. */
struct hc_val *hc_kept_copy(struct hc_arena *a, const struct hc_val *v);
