/*
 * Slices and UTF-8. Decoding follows Go's unicode/utf8, because templates cut text by its rules.
 */
#include "core/base/str.h"

int hc_str_cmp(hc_str a, hc_str b)
{
    size_t n = HC_MIN(a.n, b.n);
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c != 0)
        return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool hc_str_eq_nocase(hc_str a, hc_str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

size_t hc_str_find(hc_str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

size_t hc_str_rfind(hc_str s, char c)
{
    for (size_t i = s.n; i > 0; i--)
        if (s.p[i - 1] == c)
            return i - 1;
    return SIZE_MAX;
}

const char *hc_find_literal(const char *p, size_t n, const char *needle, size_t needle_n)
{
    const char *end = p + n;
    while (needle_n <= (size_t)(end - p) && (p = memchr(p, *needle, (size_t)(end - p) - needle_n + 1)) != NULL) {
        if (memcmp(p, needle, needle_n) == 0)
            return p;
        p++;
    }
    return NULL;
}

size_t hc_str_find_str(hc_str s, hc_str needle)
{
    if (needle.n == 0)
        return 0;
    const char *at = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

hc_str hc_str_trim_left(hc_str s)
{
    while (s.n && is_space(*s.p))
        s.p++, s.n--;
    return s;
}

hc_str hc_str_trim_right(hc_str s)
{
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

hc_str hc_str_trim(hc_str s)
{
    return hc_str_trim_right(hc_str_trim_left(s));
}

bool hc_str_split(hc_str *rest, char sep, hc_str *out_part)
{
    if (!rest->p)
        return false;
    size_t at = hc_str_find(*rest, sep);
    if (at == SIZE_MAX) {
        *out_part = *rest;
        *rest = (hc_str){ NULL, 0 };
    } else {
        *out_part = hc_str_n(rest->p, at);
        *rest = hc_str_sub(*rest, at + 1, rest->n);
    }
    return true;
}

uint64_t hc_str_hash(hc_str s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
}

bool hc_str_to_u64(hc_str s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}

bool hc_str_to_i64(hc_str s, int64_t *out)
{
    bool neg = s.n > 0 && s.p[0] == '-';
    uint64_t v;
    if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'))
        s = hc_str_sub(s, 1, s.n);
    if (!hc_str_to_u64(s, &v) || v > (uint64_t)INT64_MAX + (neg ? 1 : 0))
        return false;
    *out = neg ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

static bool cont(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t hc_utf8_decode(hc_str s, uint32_t *out_rune)
{
    const unsigned char *p = (const unsigned char *)s.p;
    *out_rune = 0xfffd;
    if (s.n == 0)
        return 0;
    if (p[0] < 0x80) {
        *out_rune = p[0];
        return 1;
    }
    if (p[0] >= 0xc2 && p[0] <= 0xdf && s.n >= 2 && cont(p[1])) {
        *out_rune = (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3fu);
        return 2;
    }
    if ((p[0] & 0xf0) == 0xe0 && s.n >= 3 && cont(p[1]) && cont(p[2])) {
        uint32_t r = (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3fu);
        if (r >= 0x800 && (r < 0xd800 || r > 0xdfff)) {
            *out_rune = r;
            return 3;
        }
        return 1;
    }
    if (p[0] >= 0xf0 && p[0] <= 0xf4 && s.n >= 4 && cont(p[1]) && cont(p[2]) && cont(p[3])) {
        uint32_t r = (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 | (uint32_t)(p[2] & 0x3f) << 6 |
                     (p[3] & 0x3fu);
        if (r >= 0x10000 && r <= 0x10ffff) {
            *out_rune = r;
            return 4;
        }
    }
    return 1;
}

size_t hc_utf8_encode(uint32_t r, char out[4])
{
    if (r > 0x10ffff || (r >= 0xd800 && r <= 0xdfff))
        r = 0xfffd;
    if (r < 0x80) {
        out[0] = (char)r;
        return 1;
    }
    if (r < 0x800) {
        out[0] = (char)(0xc0 | r >> 6);
        out[1] = (char)(0x80 | (r & 0x3f));
        return 2;
    }
    if (r < 0x10000) {
        out[0] = (char)(0xe0 | r >> 12);
        out[1] = (char)(0x80 | (r >> 6 & 0x3f));
        out[2] = (char)(0x80 | (r & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | r >> 18);
    out[1] = (char)(0x80 | (r >> 12 & 0x3f));
    out[2] = (char)(0x80 | (r >> 6 & 0x3f));
    out[3] = (char)(0x80 | (r & 0x3f));
    return 4;
}

bool hc_utf8_valid(hc_str s)
{
    while (s.n) {
        uint32_t r;
        size_t n = hc_utf8_decode(s, &r);
        if (r == 0xfffd && n == 1)
            return false;
        s.p += n, s.n -= n;
    }
    return true;
}

size_t hc_utf8_count(hc_str s)
{
    size_t count = 0;
    while (s.n) {
        uint64_t eight;
        for (; s.n >= sizeof(eight); s.p += sizeof(eight), s.n -= sizeof(eight), count += sizeof(eight)) {
            memcpy(&eight, s.p, sizeof(eight));
            if (eight & 0x8080808080808080u)
                break;
        }
        for (; s.n && (unsigned char)*s.p < 0x80; s.p++, s.n--)
            count++;
        if (!s.n)
            break;
        uint32_t r;
        size_t n = hc_utf8_decode(s, &r);
        s.p += n, s.n -= n;
        count++;
    }
    return count;
}

int hc_hex4(const char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        int d = hc_hex_digit(p[i]);
        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}
