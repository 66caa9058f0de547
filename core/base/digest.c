/*
 * libcrypto's SHA-256 by its low-level calls (see the header for why), base64, hex, random bytes.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "core/base/digest.h"

#include <endian.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <sys/random.h>

#include "core/base/arena.h"

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct hc_sha256), "the opaque state must hold libcrypto's");

static SHA256_CTX *ctx(struct hc_sha256 *h)
{
    return (SHA256_CTX *)(void *)h->opaque;
}

void hc_sha256_init(struct hc_sha256 *h)
{
    SHA256_Init(ctx(h));
}

void hc_sha256_add(struct hc_sha256 *h, hc_str s)
{
    SHA256_Update(ctx(h), s.p, s.n);
}

void hc_sha256_add_text(struct hc_sha256 *h, hc_str s)
{
    uint64_t n = s.n;
    hc_sha256_add(h, hc_str_n((const char *)&n, sizeof(n)));
    hc_sha256_add(h, s);
}

static const char hex_digits[] = "0123456789abcdef";

static void put_hex(const unsigned char *p, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex_digits[p[i] >> 4];
        out[2 * i + 1] = hex_digits[p[i] & 15];
    }
}

void hc_sha256_hex(struct hc_sha256 *h, char out[HC_SHA256_HEX + 1])
{
    unsigned char md[SHA256_DIGEST_LENGTH];
    SHA256_Final(md, ctx(h));
    put_hex(md, sizeof(md), out);
    out[HC_SHA256_HEX] = '\0';
}

void hc_sha256_of(hc_str s, char out[HC_SHA256_HEX + 1])
{
    struct hc_sha256 h;
    hc_sha256_init(&h);
    hc_sha256_add(&h, s);
    hc_sha256_hex(&h, out);
}

hc_str hc_hex(struct hc_arena *a, hc_str s)
{
    char *p = hc_arena_alloc(a, s.n * 2 + 1, 1);
    if (!p)
        return (hc_str){ NULL, 0 };
    put_hex((const unsigned char *)s.p, s.n, p);
    return hc_str_n(p, s.n * 2);
}

hc_str hc_percent_decode(struct hc_arena *a, hc_str s, bool form)
{
    char *out = hc_arena_strz(a, s);
    size_t n = 0;
    for (size_t i = 0; out && i < s.n; i++) {
        int hi = s.p[i] == '%' && i + 2 < s.n ? hc_hex_digit(s.p[i + 1]) : -1;
        int lo = hi >= 0 ? hc_hex_digit(s.p[i + 2]) : -1;
        out[n++] = lo >= 0 ? (char)(hi * 16 + lo) : s.p[i] == '+' && form ? ' ' : s.p[i];
        i += lo >= 0 ? 2 : 0;
    }
    return hc_str_n(out, out ? n : 0);
}

static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

hc_str hc_base64(struct hc_arena *a, hc_str s)
{
    size_t n = (s.n + 2) / 3 * 4;
    char *p = hc_arena_text(a, n), *o = p;
    if (!p)
        return (hc_str){ NULL, 0 };
    const unsigned char *u = (const unsigned char *)s.p;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 6, o += 8) { /* of eight bytes that are read at once, six */
        uint64_t v;
        memcpy(&v, u + i, sizeof(v));
        v = be64toh(v);
        o[0] = b64[v >> 58];
        o[1] = b64[v >> 52 & 63];
        o[2] = b64[v >> 46 & 63];
        o[3] = b64[v >> 40 & 63];
        o[4] = b64[v >> 34 & 63];
        o[5] = b64[v >> 28 & 63];
        o[6] = b64[v >> 22 & 63];
        o[7] = b64[v >> 16 & 63];
    }
    for (; i + 2 < s.n; i += 3) {
        uint32_t v = (uint32_t)u[i] << 16 | (uint32_t)u[i + 1] << 8 | u[i + 2];
        *o++ = b64[v >> 18];
        *o++ = b64[v >> 12 & 63];
        *o++ = b64[v >> 6 & 63];
        *o++ = b64[v & 63];
    }
    if (i < s.n) {
        uint32_t v = (uint32_t)u[i] << 16 | (i + 1 < s.n ? (uint32_t)u[i + 1] << 8 : 0);
        *o++ = b64[v >> 18];
        *o++ = b64[v >> 12 & 63];
        *o++ = i + 1 < s.n ? b64[v >> 6 & 63] : '=';
        *o++ = '=';
    }
    return hc_str_n(p, n);
}

/* 0x40 and the value; 0: no digit. */
static const uint8_t b64_digit[256] = {
    ['A'] = 0x40, ['B'] = 0x41, ['C'] = 0x42, ['D'] = 0x43, ['E'] = 0x44, ['F'] = 0x45, ['G'] = 0x46, ['H'] = 0x47,
    ['I'] = 0x48, ['J'] = 0x49, ['K'] = 0x4a, ['L'] = 0x4b, ['M'] = 0x4c, ['N'] = 0x4d, ['O'] = 0x4e, ['P'] = 0x4f,
    ['Q'] = 0x50, ['R'] = 0x51, ['S'] = 0x52, ['T'] = 0x53, ['U'] = 0x54, ['V'] = 0x55, ['W'] = 0x56, ['X'] = 0x57,
    ['Y'] = 0x58, ['Z'] = 0x59, ['a'] = 0x5a, ['b'] = 0x5b, ['c'] = 0x5c, ['d'] = 0x5d, ['e'] = 0x5e, ['f'] = 0x5f,
    ['g'] = 0x60, ['h'] = 0x61, ['i'] = 0x62, ['j'] = 0x63, ['k'] = 0x64, ['l'] = 0x65, ['m'] = 0x66, ['n'] = 0x67,
    ['o'] = 0x68, ['p'] = 0x69, ['q'] = 0x6a, ['r'] = 0x6b, ['s'] = 0x6c, ['t'] = 0x6d, ['u'] = 0x6e, ['v'] = 0x6f,
    ['w'] = 0x70, ['x'] = 0x71, ['y'] = 0x72, ['z'] = 0x73, ['0'] = 0x74, ['1'] = 0x75, ['2'] = 0x76, ['3'] = 0x77,
    ['4'] = 0x78, ['5'] = 0x79, ['6'] = 0x7a, ['7'] = 0x7b, ['8'] = 0x7c, ['9'] = 0x7d, ['+'] = 0x7e, ['/'] = 0x7f,
};

/* As many whole groups of four digits as stand at i without a line break; gives where they end. */
static size_t decode_groups(hc_str s, size_t i, unsigned char *out)
{
    for (; i + 4 <= s.n; i += 4, out += 3) {
        const unsigned char *u = (const unsigned char *)s.p + i;
        uint32_t w = b64_digit[u[0]], x = b64_digit[u[1]], y = b64_digit[u[2]], z = b64_digit[u[3]];
        if (!(w & x & y & z & 0x40))
            break;
        uint32_t v = (w & 63) << 18 | (x & 63) << 12 | (y & 63) << 6 | (z & 63);
        out[0] = (unsigned char)(v >> 16);
        out[1] = (unsigned char)(v >> 8);
        out[2] = (unsigned char)v;
    }
    return i;
}

/* The next byte that is not a line break; SIZE_MAX at the end. */
static size_t next_char(hc_str s, size_t i)
{
    while (i < s.n && (s.p[i] == '\r' || s.p[i] == '\n'))
        i++;
    return i < s.n ? i : SIZE_MAX;
}

hc_str hc_base64_decode(struct hc_arena *a, hc_str s, size_t *out_bad)
{
    size_t ignored, *bad = out_bad ? out_bad : &ignored;
    unsigned char *p = hc_arena_alloc(a, s.n / 4 * 3 + 4, 1), *o = p;
    if (!p)
        return (hc_str){ NULL, 0 };
    size_t i = 0;
    for (;;) {
        uint32_t v = 0;
        size_t end = decode_groups(s, i, o);
        o += (end - i) / 4 * 3;
        i = end;
        size_t at = next_char(s, i), k = 0;
        if (at == SIZE_MAX)
            return hc_str_n((char *)p, (size_t)(o - p));
        for (; k < 4; k++) {
            at = next_char(s, i);
            if (at == SIZE_MAX) {
                *bad = s.n - k; /* as Go names it, line breaks at the end counted */
                return (hc_str){ NULL, 0 };
            }
            uint32_t d = b64_digit[(unsigned char)s.p[at]];
            if (!d)
                break;
            v = v << 6 | (d & 63);
            i = at + 1;
        }
        if (k < 4) {
            *bad = at;
            if (s.p[at] != '=' || k < 2)
                return (hc_str){ NULL, 0 };
            i = at + 1;
            if (k == 2) {
                at = next_char(s, i);
                if (at == SIZE_MAX || s.p[at] != '=') {
                    *bad = at == SIZE_MAX ? s.n : at - 1; /* as Go names it */
                    return (hc_str){ NULL, 0 };
                }
                i = at + 1;
            }
            at = next_char(s, i);
            if (at != SIZE_MAX) {
                *bad = at;
                return (hc_str){ NULL, 0 };
            }
            if (k == 2) {
                *o++ = (unsigned char)(v >> 4);
            } else {
                *o++ = (unsigned char)(v >> 10);
                *o++ = (unsigned char)(v >> 2);
            }
            return hc_str_n((char *)p, (size_t)(o - p));
        }
        *o++ = (unsigned char)(v >> 16);
        *o++ = (unsigned char)(v >> 8);
        *o++ = (unsigned char)v;
    }
}

bool hc_random_bytes(void *out, size_t n)
{
    char *p = out;
    while (n) {
        ssize_t got = getrandom(p, n, 0);
        if (got <= 0)
            return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

void hc_uuid4(char out[37])
{
    unsigned char u[16] = { 0 };
    if (!hc_random_bytes(u, sizeof(u)))
        u[0] = 0;
    u[6] = (unsigned char)((u[6] & 0x0f) | 0x40);
    u[8] = (unsigned char)((u[8] & 0x3f) | 0x80);
    char hex[33];
    put_hex(u, 16, hex);
    snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}
