/*
 * libcrypto's SHA-256 by its low-level calls (see the header for why), base64, hex, random bytes.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "core/base/digest.h"

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

static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

hc_str hc_base64(struct hc_arena *a, hc_str s)
{
    size_t n = (s.n + 2) / 3 * 4;
    char *p = hc_arena_alloc(a, n + 1, 1), *o = p;
    if (!p)
        return (hc_str){ NULL, 0 };
    const unsigned char *u = (const unsigned char *)s.p;
    size_t i = 0;
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

static int b64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
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
        size_t at = next_char(s, i), k = 0;
        if (at == SIZE_MAX)
            return hc_str_n((char *)p, (size_t)(o - p));
        for (; k < 4; k++) {
            at = next_char(s, i);
            if (at == SIZE_MAX) {
                *bad = s.n - k; /* as Go names it, line breaks at the end counted */
                return (hc_str){ NULL, 0 };
            }
            int d = b64_value(s.p[at]);
            if (d < 0)
                break;
            v = v << 6 | (uint32_t)d;
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
