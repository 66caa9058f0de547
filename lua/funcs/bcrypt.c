/*
 * bcrypt: Blowfish whose key schedule is run 2^cost times. Blowfish starts from the first 33,344 bits of pi behind
 * the point; they are computed once, by Machin's formula in libcrypto's big numbers, instead of carried as a table.
 */
#include "lua/funcs/bcrypt.h"

#include <openssl/bn.h>
#include <pthread.h>
#include <stdio.h>

#define P_WORDS  18
#define S_WORDS  1024
#define PI_BITS  ((P_WORDS + S_WORDS) * 32)
#define GUARD    64 /* bits that catch the rounding */
#define PASSWORD 72

struct blowfish {
    uint32_t p[P_WORDS];
    uint32_t s[4][256];
};

static struct blowfish start;
static bool ready;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* sum += sign * factor * arctan(1/x), in units of 2^-(PI_BITS + GUARD) */
static bool add_arctan(BIGNUM *sum, BN_ULONG factor, BN_ULONG x, bool minus, BIGNUM *term, BIGNUM *part)
{
    BN_zero(term);
    if (!BN_set_bit(term, PI_BITS + GUARD) || !BN_mul_word(term, factor))
        return false;
    BN_div_word(term, x);
    for (BN_ULONG k = 1; !BN_is_zero(term); k += 2, minus = !minus) {
        if (!BN_copy(part, term))
            return false;
        BN_div_word(part, k);
        if (!(minus ? BN_sub(sum, sum, part) : BN_add(sum, sum, part)))
            return false;
        BN_div_word(term, x * x);
    }
    return true;
}

static void compute_pi(void)
{
    BIGNUM *sum = BN_new(), *term = BN_new(), *part = BN_new();
    unsigned char bytes[PI_BITS / 8];
    if (sum && term && part && add_arctan(sum, 16, 5, false, term, part) &&
        add_arctan(sum, 4, 239, true, term, part) && BN_rshift(sum, sum, GUARD)) {
        BN_mask_bits(sum, PI_BITS); /* without the 3 */
        ready = BN_bn2binpad(sum, bytes, sizeof(bytes)) == (int)sizeof(bytes);
        for (size_t i = 0; ready && i < P_WORDS + S_WORDS; i++) {
            const unsigned char *b = bytes + 4 * i;
            uint32_t w = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
            if (i < P_WORDS)
                start.p[i] = w;
            else
                start.s[(i - P_WORDS) / 256][(i - P_WORDS) % 256] = w;
        }
    }
    BN_free(sum);
    BN_free(term);
    BN_free(part);
}

/* A round waits for four loads and little else, so the key goes in before them, off that path. */
static inline __attribute__((always_inline)) uint32_t round_of(const struct blowfish *f, uint32_t to, uint32_t from,
                                                               uint32_t key)
{
    to ^= key;
    return to ^
           (((f->s[0][from >> 24] + f->s[1][from >> 16 & 255]) ^ f->s[2][from >> 8 & 255]) + f->s[3][from & 255]);
}

static inline __attribute__((always_inline)) void encipher(const struct blowfish *f, uint32_t *left,
                                                           uint32_t *right)
{
    const uint32_t *p = f->p;
    uint32_t l = *left ^ p[0], r = *right;
    r = round_of(f, r, l, p[1]);
    l = round_of(f, l, r, p[2]);
    r = round_of(f, r, l, p[3]);
    l = round_of(f, l, r, p[4]);
    r = round_of(f, r, l, p[5]);
    l = round_of(f, l, r, p[6]);
    r = round_of(f, r, l, p[7]);
    l = round_of(f, l, r, p[8]);
    r = round_of(f, r, l, p[9]);
    l = round_of(f, l, r, p[10]);
    r = round_of(f, r, l, p[11]);
    l = round_of(f, l, r, p[12]);
    r = round_of(f, r, l, p[13]);
    l = round_of(f, l, r, p[14]);
    r = round_of(f, r, l, p[15]);
    l = round_of(f, l, r, p[16]);
    *left = r ^ p[17];
    *right = l;
}

/* The next four bytes of a text that goes round. */
static uint32_t next_word(const unsigned char *text, size_t n, size_t *at)
{
    uint32_t w = 0;
    for (int i = 0; i < 4; i++) {
        w = w << 8 | text[*at];
        *at = (*at + 1) % n;
    }
    return w;
}

static void expand(struct blowfish *f, const unsigned char *key, size_t key_n, const unsigned char *salt)
{
    size_t at = 0, salt_at = 0;
    uint32_t l = 0, r = 0;
    for (int i = 0; i < P_WORDS; i++)
        f->p[i] ^= next_word(key, key_n, &at);
    for (int i = 0; i < P_WORDS + S_WORDS; i += 2) {
        if (salt) {
            l ^= next_word(salt, HC_BCRYPT_SALT, &salt_at);
            r ^= next_word(salt, HC_BCRYPT_SALT, &salt_at);
        }
        encipher(f, &l, &r);
        uint32_t *to = i < P_WORDS ? &f->p[i] : &f->s[(i - P_WORDS) / 256][(i - P_WORDS) % 256];
        to[0] = l;
        to[1] = r;
    }
}

/* bcrypt's own base64, without padding. */
static size_t put_base64(char *out, const unsigned char *p, size_t n)
{
    static const char set[] = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t k = 0;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t w = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
        size_t chars = HC_MIN(n - i, (size_t)3) + 1;
        for (size_t j = 0; j < chars; j++)
            out[k++] = set[w >> (18 - 6 * j) & 63];
    }
    return k;
}

bool hc_bcrypt(const char *password, size_t n, unsigned cost, const unsigned char salt[HC_BCRYPT_SALT],
               char out[HC_BCRYPT_TEXT + 1])
{
    static const unsigned char magic[] = "OrpheanBeholderScryDoubt";
    unsigned char key[PASSWORD + 1] = { 0 }, hash[24];
    pthread_once(&once, compute_pi);
    if (!ready || cost < 4 || cost > 31)
        return false;
    n = HC_MIN(n, (size_t)PASSWORD);
    if (n)
        memcpy(key, password, n);
    struct blowfish f = start;
    expand(&f, key, n + 1, salt);
    for (uint64_t i = 0; i < (uint64_t)1 << cost; i++) {
        expand(&f, key, n + 1, NULL);
        expand(&f, salt, HC_BCRYPT_SALT, NULL);
    }
    for (size_t i = 0; i < 24; i += 8) {
        size_t at = i;
        uint32_t l = next_word(magic, 24, &at), r = next_word(magic, 24, &at);
        for (int k = 0; k < 64; k++)
            encipher(&f, &l, &r);
        for (size_t b = 0; b < 4; b++) {
            hash[i + b] = (unsigned char)(l >> (24 - 8 * b));
            hash[i + 4 + b] = (unsigned char)(r >> (24 - 8 * b));
        }
    }
    size_t k = (size_t)snprintf(out, HC_BCRYPT_TEXT + 1, "$2a$%02u$", cost);
    k += put_base64(out + k, salt, HC_BCRYPT_SALT);
    k += put_base64(out + k, hash, 23);
    out[k] = '\0';
    return k == HC_BCRYPT_TEXT;
}
