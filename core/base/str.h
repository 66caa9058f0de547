#pragma once
/*
 * core/base/str.h - a borrowed piece of text
 *
 * An hc_str points into memory somebody else owns (an arena, a literal). It may hold any byte and is
 * not closed by NUL. Passed by value. An absent text is {NULL, 0}, an empty one has p != NULL.
 */
#include "core/base/defs.h"

typedef struct {
    const char *p;
    size_t n;
} hc_str;

/* A literal or any NUL-closed text as a slice. */
#define HC_S(lit) ((hc_str){ "" lit, sizeof(lit) - 1 })
/* printf("%.*s", HC_P(s)) */
#define HC_P(s) (int)HC_MIN((s).n, (size_t)INT32_MAX), ((s).p ? (s).p : "")

static inline hc_str hc_str_of(const char *z)
{
    return (hc_str){ z, z ? strlen(z) : 0 };
}
static inline hc_str hc_str_n(const char *p, size_t n)
{
    return (hc_str){ p, n };
}
static inline bool hc_str_eq(hc_str a, hc_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool hc_str_eqz(hc_str a, const char *z)
{
    return hc_str_eq(a, hc_str_of(z));
}
static inline bool hc_str_starts(hc_str s, hc_str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}
static inline bool hc_str_ends(hc_str s, hc_str suffix)
{
    return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}
/* The part from byte `from` to byte `to` (exclusive); both are cut to the length. */
static inline hc_str hc_str_sub(hc_str s, size_t from, size_t to)
{
    to = HC_MIN(to, s.n);
    from = HC_MIN(from, to);
    return (hc_str){ s.p ? s.p + from : NULL, to - from };
}

/* Bytewise order, shorter first among equals: <0, 0, >0. */
int hc_str_cmp(hc_str a, hc_str b);
/* ASCII case folded. */
bool hc_str_eq_nocase(hc_str a, hc_str b);
static inline bool hc_str_starts_nocase(hc_str s, hc_str prefix)
{
    return s.n >= prefix.n && hc_str_eq_nocase(hc_str_sub(s, 0, prefix.n), prefix);
}
static inline bool hc_str_ends_nocase(hc_str s, hc_str suffix)
{
    return s.n >= suffix.n && hc_str_eq_nocase(hc_str_sub(s, s.n - suffix.n, s.n), suffix);
}
/* Position of the first `c` (of the last, of the first `needle`), or SIZE_MAX. */
size_t hc_str_find(hc_str s, char c);
size_t hc_str_rfind(hc_str s, char c);
size_t hc_str_find_str(hc_str s, hc_str needle);
/* The same, quicker where the needle is a short literal whose first byte is rare in the text; slow (needle x text) on
 * text made to be slow. */
const char *hc_find_literal(const char *p, size_t n, const char *needle, size_t needle_n);
/* Without ASCII white space (space, tab, CR, LF, VT, FF) at both ends. */
hc_str hc_str_trim(hc_str s);
hc_str hc_str_trim_left(hc_str s);
hc_str hc_str_trim_right(hc_str s);
/* Cuts `*rest` at the first `sep`: gives the part before it and leaves the part behind it; false at the
 * end. "a,b" gives "a" then "b"; "" gives "" once; a rest whose p is NULL gives false. */
bool hc_str_split(hc_str *rest, char sep, hc_str *out_part);
/* A strong enough hash for our own tables (FNV-1a with a finisher); not for hostile keys at scale. */
uint64_t hc_str_hash(hc_str s);
/* Whole decimal text to a number; false on anything else and on overflow. */
bool hc_str_to_i64(hc_str s, int64_t *out);
bool hc_str_to_u64(hc_str s, uint64_t *out);
/* The number that a hex digit (a char or a rune) or four of them at `p` give, or -1. */
static inline int hc_hex_digit(int64_t c)
{
    if (c >= '0' && c <= '9')
        return (int)c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? (int)c - 'a' + 10 : -1;
}
int hc_hex4(const char *p);

/* Decodes one code point at s.p; gives its length in bytes and the rune, 1 and U+FFFD when it is not
 * valid UTF-8, 0 at the end. Follows Go's unicode/utf8: surrogates and overlong forms are invalid. */
size_t hc_utf8_decode(hc_str s, uint32_t *out_rune);
/* Writes 1..4 bytes, gives how many. Invalid runes are written as U+FFFD. */
size_t hc_utf8_encode(uint32_t rune, char out[4]);
bool hc_utf8_valid(hc_str s);
size_t hc_utf8_count(hc_str s);
