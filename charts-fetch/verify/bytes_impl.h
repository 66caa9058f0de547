#pragma once
/*
 * charts-fetch/verify/bytes_impl.h - a cursor over bytes of a stranger
 *
 * Reading past the end gives zeros and empty slices and sets `bad`, which stays: a reader may check once, at its end.
 */
#include "core/base/str.h"

struct cursor {
    const unsigned char *p;
    size_t n;
    bool bad;
};

static inline struct cursor cursor_of(hc_str s)
{
    return (struct cursor){ (const unsigned char *)s.p, s.n, false };
}

static inline hc_str take(struct cursor *c, size_t n)
{
    if (n > c->n) {
        c->bad = true;
        c->n = 0;
        return (hc_str){ NULL, 0 };
    }
    hc_str s = { (const char *)c->p, n };
    if (n) {
        c->p += n;
        c->n -= n;
    }
    return s;
}

/* A number of `n` <= 8 bytes, the highest first. */
static inline uint64_t take_number(struct cursor *c, size_t n)
{
    hc_str s = take(c, n);
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++)
        v = v << 8 | (unsigned char)s.p[i];
    return v;
}

static inline uint8_t take_u8(struct cursor *c)
{
    return (uint8_t)take_number(c, 1);
}
static inline uint16_t take_u16(struct cursor *c)
{
    return (uint16_t)take_number(c, 2);
}
static inline uint32_t take_u32(struct cursor *c)
{
    return (uint32_t)take_number(c, 4);
}

/* A stranger's text for a message: up to 64 plain characters, or what it is instead. */
static inline hc_str printable(hc_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] > 0x7e || i >= 64)
            return HC_S("(unprintable)");
    return s;
}
