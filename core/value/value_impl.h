#pragma once
/*
 * core/value/value_impl.h - what the readers share: containers made whole from a scratch stack
 *
 * A reader pushes the entries of all open containers on one growing stack and, when a container closes,
 * copies its part into the arena at exactly its size. Lists use only `val`.
 */
#include "core/value/value.h"

struct hc_scratch {
    struct hc_entry *p;
    uint32_t n, cap;
};

/* False: no memory. */
bool hc_scratch_grow(struct hc_scratch *s);
static inline bool hc_scratch_push(struct hc_scratch *s, const struct hc_entry *e)
{
    if (s->n == s->cap && !hc_scratch_grow(s))
        return false;
    s->p[s->n++] = *e;
    return true;
}
void hc_scratch_done(struct hc_scratch *s);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/*
 * So many bytes from p on, at least, stand for themselves in a JSON string: no quote, backslash, control character, byte of
 * a longer character, and with `html` none of < > &. Eight at a time: a byte that is meant leaves its highest bit in `hits`,
 * and a borrow out of it reaches only those behind it.
 */
static inline size_t hc_json_plain(const char *p, size_t n, bool html)
{
    const uint64_t each = 0x0101010101010101u;
    const uint64_t quote = html ? ~(each * 0x04) : ~(uint64_t)0; /* '"' and '&' differ in that bit */
    const uint64_t angle = html ? ~(each * 0x02) : 0; /* '<' and '>' in this; without html nothing is hit */
    for (size_t i = 0; i + 8 <= n; i += 8) {
        uint64_t w;
        memcpy(&w, p + i, sizeof(w));
        uint64_t hits = (w | (w - each * 0x20) | (((w & quote) ^ each * '"') - each) | ((w ^ each * '\\') - each) |
                         (((w & angle) ^ each * '<') - each)) &
                        each * 0x80;
        if (hits)
            return i + (size_t)__builtin_ctzll(hits) / 8;
    }
    return n & ~(size_t)7;
}
#else
static inline size_t hc_json_plain(const char *p, size_t n, bool html)
{
    (void)p, (void)n, (void)html; /* byte by byte */
    return 0;
}
#endif

/* A node with nothing in it but its kind. */
struct hc_val *hc_node_new(struct hc_arena *a, enum hc_kind kind);
/* A map of these entries; of equal keys the last value stands at the place of the first. When `out_dup` is
 * not NULL it is set to the last of the entries whose key was there before, or NULL. */
struct hc_val *hc_map_adopt(struct hc_arena *a, const struct hc_entry *e, uint32_t n,
                            const struct hc_entry **out_dup);
struct hc_val *hc_list_adopt(struct hc_arena *a, const struct hc_entry *e, uint32_t n);

/* JSON's number grammar. */
bool hc_json_is_number(hc_str s);

/* Sorts pointers to entries; stable. `e` has room for 3n/2 pointers: the upper part is work space. */
typedef int (*hc_key_order)(hc_str x, hc_str y);
void hc_sort_entries(const struct hc_entry **e, size_t n, hc_key_order order);

/* The map or list itself anew, everything in it shared. */
struct hc_val *hc_val_shallow(struct hc_arena *a, const struct hc_val *v);
