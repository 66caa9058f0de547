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
    struct hc_arena *arena; /* owns the tree, or NULL */
    const struct hc_val *root;
    hc_str text;       /* beside or instead of a tree */
    uint32_t extra[8]; /* what else its user wants to know */
};

/* `bytes` in all, 0: nothing is kept, and what was is dropped. */
void hc_kept_limit(size_t bytes);
bool hc_kept_on(void);

/* `what` keeps the users of this apart. */
struct hc_kept_key hc_kept_key(char what, hc_str text);
/* False: there are values in it that are no plain data, or it is too large or nested too deep. */
bool hc_kept_key_of(char what, const struct hc_val *v, struct hc_kept_key *out);

/* Borrowed until hc_kept_release; NULL: not here. */
const struct hc_kept *hc_kept_find(struct hc_kept_key key);
void hc_kept_release(const struct hc_kept *kept);
/* Takes the arena; the text is copied. */
void hc_kept_put(struct hc_kept_key key, const struct hc_kept *what);
/* A copy that shares nothing with it, as templates change what they get. NULL: the arena is spent. */
struct hc_val *hc_kept_copy(struct hc_arena *a, const struct hc_val *v);
