#pragma once
/*
 * core/value/yaml_chars.h - what Go's ports of libyaml call a break, a blank, a printable character
 *
 * `i` may stand behind the end: that is a NUL, which is none of them.
 */
#include "core/base/str.h"

static inline size_t yc_width(unsigned char c)
{
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static inline unsigned char yc_at(hc_str s, size_t i)
{
    return i < s.n ? (unsigned char)s.p[i] : 0;
}

static inline bool yc_break(hc_str s, size_t i)
{
    unsigned char c = yc_at(s, i);
    if (c == '\r' || c == '\n')
        return true;
    if (c == 0xc2)
        return yc_at(s, i + 1) == 0x85;
    return c == 0xe2 && yc_at(s, i + 1) == 0x80 && (yc_at(s, i + 2) == 0xa8 || yc_at(s, i + 2) == 0xa9);
}

static inline bool yc_printable(hc_str s, size_t i)
{
    unsigned char c = yc_at(s, i), d = yc_at(s, i + 1), e = yc_at(s, i + 2);
    if (c < 0x80)
        return c == '\n' || (c >= 0x20 && c <= 0x7e);
    if (c == 0xc2)
        return d >= 0xa0;
    if (c == 0xed)
        return d < 0xa0;
    if (c == 0xef)
        return !(d == 0xbb && e == 0xbf) && !(d == 0xbf && e >= 0xbe);
    return c > 0xc2 && c < 0xf0;
}

static inline bool yc_space(hc_str s, size_t i)
{
    return i < s.n && s.p[i] == ' ';
}

static inline bool yc_blank(hc_str s, size_t i)
{
    return i < s.n && (s.p[i] == ' ' || s.p[i] == '\t');
}
