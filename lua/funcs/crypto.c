/*
 * Random texts, password hashes, AES (A10). Random bytes come through the door. libcrypto's low-level calls where
 * there are some: they initialise nothing.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/aes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "core/base/digest.h"
#include "lua/funcs/bcrypt.h"
#include "lua/funcs/funcs_impl.h"
#include "lua/funcs/keys.h"

static enum hc_rc no_random(struct hc_fcall *c)
{
    return fn_fail(c, "the system gives no random numbers");
}

/* A text of so many characters of a set, each as likely as the others. */
static enum hc_rc random_text(struct hc_fcall *c, int64_t count, hc_str set, const char *name, struct hc_val **out)
{
    enum { VAIN = 256 }; /* of so many draws in a row none was to be had: that is no chance */
    unsigned char pool[256];
    if (count <= 0)
        return fn_ref(c, HC_S(""), out);
    if ((uint64_t)count > HC_MAX_OUTPUT_BYTES)
        return fn_too_long(c, name);
    char *p = hc_arena_alloc(c->a, (size_t)count + 1, 1);
    size_t fair = 256 - 256 % set.n, left = 0, before = SIZE_MAX, vain = 0;
    for (size_t i = 0; p && i < (size_t)count;) {
        if (left == 0) {
            vain = i == before ? vain + 1 : 0;
            if (vain == VAIN)
                return fn_not_random(c);
            before = i;
            left = HC_MIN(sizeof(pool), (size_t)count - i);
            if (!fn_random(c, pool, left))
                return no_random(c);
        }
        unsigned char byte = pool[--left];
        if (byte < fair)
            p[i++] = set.p[byte % set.n];
    }
    return fn_ref(c, hc_str_n(p, (size_t)count), out);
}

#define DIGITS  "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

FN(fn_rand_alpha_num)
{
    (void)argc;
    return random_text(c, fn_i(argv[0]), HC_S(DIGITS LETTERS), "randAlphaNum", out);
}

FN(fn_rand_alpha)
{
    (void)argc;
    return random_text(c, fn_i(argv[0]), HC_S(LETTERS), "randAlpha", out);
}

FN(fn_rand_numeric)
{
    (void)argc;
    return random_text(c, fn_i(argv[0]), HC_S(DIGITS), "randNumeric", out);
}

FN(fn_rand_ascii)
{
    (void)argc;
    char set[95];
    for (size_t i = 0; i < sizeof(set); i++)
        set[i] = (char)(' ' + i);
    return random_text(c, fn_i(argv[0]), hc_str_n(set, sizeof(set)), "randAscii", out);
}

FN(fn_rand_bytes)
{
    (void)argc;
    int64_t count = fn_i(argv[0]);
    if (count < 0)
        return fn_panic(c, "runtime error: makeslice: len out of range");
    if ((uint64_t)count > HC_MAX_OUTPUT_BYTES / 2)
        return fn_too_long(c, "randBytes");
    char *p = hc_arena_alloc(c->a, (size_t)count + 1, 1);
    if (p && count > 0 && !fn_random(c, p, (size_t)count))
        return no_random(c);
    return fn_ref(c, hc_base64(c->a, hc_str_n(p, p ? (size_t)count : 0)), out);
}

FN(fn_uuidv4)
{
    (void)argv, (void)argc;
    unsigned char b[16];
    if (!fn_random(c, b, sizeof(b)))
        return no_random(c);
    b[6] = (unsigned char)((b[6] & 15) | 0x40);
    b[8] = (unsigned char)((b[8] & 63) | 0x80);
    hc_str hex = hc_hex(c->a, hc_str_n((char *)b, sizeof(b)));
    if (!hex.p)
        return fn_done(c, NULL, out);
    return fn_done(
        c, hc_printf_val(c->a, "%.8s-%.4s-%.4s-%.4s-%.12s", hex.p, hex.p + 8, hex.p + 12, hex.p + 16, hex.p + 20),
        out);
}

/* ---- passwords --------------------------------------------------------------------------------------- */

#define COST 10 /* bcrypt.DefaultCost */

static enum hc_rc bcrypt_text(struct hc_fcall *c, hc_str password, hc_str *out)
{
    unsigned char salt[HC_BCRYPT_SALT];
    char *text = hc_arena_alloc(c->a, HC_BCRYPT_TEXT + 1, 1);
    if (password.n > 72) {
        *out = HC_S("failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes");
        return HC_OK;
    }
    enum hc_rc rc = fn_dear(c, 110);
    if (rc != HC_OK)
        return rc;
    if (!fn_random(c, salt, sizeof(salt)))
        return no_random(c);
    if (!text || !hc_bcrypt(password.p, password.n, COST, salt, text))
        return hc_fail_nomem(c->err);
    *out = hc_str_n(text, HC_BCRYPT_TEXT);
    return HC_OK;
}

FN(fn_bcrypt)
{
    (void)argc;
    hc_str text = { "", 0 };
    enum hc_rc rc = bcrypt_text(c, fn_s(argv[0]), &text);
    return rc == HC_OK ? fn_ref(c, text, out) : rc;
}

FN(fn_htpasswd)
{
    (void)argc;
    hc_str user = fn_s(argv[0]), text = { "", 0 };
    if (hc_str_find(user, ':') != SIZE_MAX)
        return fn_done(c, hc_printf_val(c->a, "invalid username: %.*s", HC_P(user)), out);
    enum hc_rc rc = bcrypt_text(c, fn_s(argv[1]), &text);
    return rc == HC_OK ? fn_done(c, hc_printf_val(c->a, "%.*s:%.*s", HC_P(user), HC_P(text)), out) : rc;
}

/* ---- the master password --------------------------------------------------------------------------------- */

#define SEED "com.lyndir.masterpassword"

/* Templates of each type, and what their letters stand for. */
static const struct {
    const char *type;
    const char *templates; /* separated by spaces */
} kinds[] = {
    { "maximum", "anoxxxxxxxxxxxxxxxxx axxxxxxxxxxxxxxxxxno" },
    { "long", "CvcvnoCvcvCvcv CvcvCvcvnoCvcv CvcvCvcvCvcvno CvccnoCvcvCvcv CvccCvcvnoCvcv CvccCvcvCvcvno "
              "CvcvnoCvccCvcv CvcvCvccnoCvcv CvcvCvccCvcvno CvcvnoCvcvCvcc CvcvCvcvnoCvcc CvcvCvcvCvccno "
              "CvccnoCvccCvcv CvccCvccnoCvcv CvccCvccCvcvno CvcvnoCvccCvcc CvcvCvccnoCvcc CvcvCvccCvccno "
              "CvccnoCvcvCvcc CvccCvcvnoCvcc CvccCvcvCvccno" },
    { "medium", "CvcnoCvc CvcCvcno" },
    { "short", "Cvcn" },
    { "basic", "aaanaaan aannaaan aaannaaa" },
    { "pin", "nnnn" },
};

static hc_str letters_of(char kind)
{
    switch (kind) {
    case 'V':
        return HC_S("AEIOU");
    case 'C':
        return HC_S("BCDFGHJKLMNPQRSTVWXYZ");
    case 'v':
        return HC_S("aeiou");
    case 'c':
        return HC_S("bcdfghjklmnpqrstvwxyz");
    case 'a':
        return HC_S("AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz");
    case 'n':
        return HC_S(DIGITS);
    case 'o':
        return HC_S("@&%?,=[]_:-+*$#!'^~;()/.");
    default:
        return HC_S("AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()");
    }
}

static void put_be32(struct hc_buf *b, uint64_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        hc_buf_putc(b, (char)(v >> shift));
}

/* HMAC-SHA-256 with a key of 64 bytes, which is one block. */
static void hmac(const unsigned char key[64], hc_str text, unsigned char out[32])
{
    SHA256_CTX ctx;
    unsigned char pad[64];
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < 64; i++)
            pad[i] = (unsigned char)(key[i] ^ (pass == 0 ? 0x36 : 0x5c));
        SHA256_Init(&ctx);
        SHA256_Update(&ctx, pad, sizeof(pad));
        SHA256_Update(&ctx, pass == 0 ? (const void *)text.p : out, pass == 0 ? text.n : 32);
        SHA256_Final(out, &ctx);
    }
}

FN(fn_derive_password)
{
    (void)argc;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    hc_str type = fn_s(argv[1]), password = fn_s(argv[2]), user = fn_s(argv[3]), site = fn_s(argv[4]);
    unsigned char key[64], seed[32];
    const char *templates = NULL;
    for (size_t i = 0; i < HC_LEN(kinds); i++)
        if (hc_str_eqz(type, kinds[i].type))
            templates = kinds[i].templates;
    if (!templates)
        return fn_done(c, hc_printf_val(c->a, "cannot find password template %.*s", HC_P(type)), out);
    enum hc_rc rc = fn_dear(c, 320);
    if (rc != HC_OK)
        return rc;
    hc_buf_puts(&b, SEED);
    put_be32(&b, user.n);
    hc_buf_put(&b, user);
    hc_libcrypto_start();
    if (b.spent || EVP_PBE_scrypt(password.p, password.n, (const unsigned char *)b.p, b.n, 32768, 8, 2,
                                  (uint64_t)64 << 20, key, sizeof(key)) != 1)
        return hc_fail_nomem(c->err);
    hc_buf_reset(&b);
    hc_buf_puts(&b, SEED);
    put_be32(&b, site.n);
    hc_buf_put(&b, site);
    put_be32(&b, (uint64_t)fn_i(argv[0]));
    hmac(key, hc_buf_str(&b), seed);
    size_t count = 1;
    for (const char *p = templates; (p = strchr(p, ' ')) != NULL; p++)
        count++;
    for (size_t k = seed[0] % count; k > 0; k--)
        templates = strchr(templates, ' ') + 1;
    hc_buf_reset(&b);
    for (size_t i = 0; templates[i] && templates[i] != ' '; i++) {
        hc_str set = letters_of(templates[i]);
        hc_buf_putc(&b, set.p[seed[i + 1] % set.n]);
    }
    return fn_buf(c, &b, out);
}

/* ---- AES-256-CBC ------------------------------------------------------------------------------------- */

static void aes_key(hc_str password, unsigned char key[32])
{
    memset(key, 0, 32);
    if (password.n)
        memcpy(key, password.p, HC_MIN(password.n, (size_t)32));
}

FN(fn_encrypt_aes)
{
    (void)argc;
    hc_str plain = fn_s(argv[1]);
    unsigned char key[32], iv[16];
    AES_KEY schedule;
    if (plain.n == 0)
        return fn_ref(c, HC_S(""), out);
    size_t pad = 16 - plain.n % 16, n = plain.n + pad;
    unsigned char *text = hc_arena_alloc(c->a, n, 1), *to = hc_arena_alloc(c->a, n + 16, 1);
    if (!text || !to)
        return fn_done(c, NULL, out);
    if (!fn_random(c, iv, sizeof(iv)))
        return no_random(c);
    memcpy(text, plain.p, plain.n);
    memset(text + plain.n, (int)pad, pad);
    memcpy(to, iv, 16);
    aes_key(fn_s(argv[0]), key);
    AES_set_encrypt_key(key, 256, &schedule);
    AES_cbc_encrypt(text, to + 16, n, &schedule, iv, AES_ENCRYPT);
    return fn_ref(c, hc_base64(c->a, hc_str_n((char *)to, n + 16)), out);
}

FN(fn_decrypt_aes)
{
    (void)argc;
    hc_str text = fn_s(argv[1]), raw;
    unsigned char key[32], iv[16];
    AES_KEY schedule;
    size_t bad = 0;
    if (text.n == 0)
        return fn_ref(c, HC_S(""), out);
    raw = hc_base64_decode(c->a, text, &bad);
    if (!raw.p)
        return hc_arena_spent(c->a) ? fn_done(c, NULL, out)
                                    : fn_fail(c, "illegal base64 data at input byte %zu", bad);
    if (raw.n < 16)
        return fn_panic(c, "runtime error: slice bounds out of range [:16] with capacity %zu", text.n / 4 * 3);
    if (raw.n % 16 != 0)
        return fn_panic(c, "crypto/cipher: input not full blocks");
    if (raw.n == 16)
        return fn_panic(c, "runtime error: index out of range [-1]");
    size_t n = raw.n - 16;
    unsigned char *to = hc_arena_alloc(c->a, n, 1);
    if (!to)
        return fn_done(c, NULL, out);
    memcpy(iv, raw.p, 16);
    aes_key(fn_s(argv[0]), key);
    AES_set_decrypt_key(key, 256, &schedule);
    AES_cbc_encrypt((const unsigned char *)raw.p + 16, to, n, &schedule, iv, AES_DECRYPT);
    if (to[n - 1] > n)
        return fn_panic(c, "runtime error: slice bounds out of range [:-%zu]", to[n - 1] - n);
    return fn_ref(c, hc_str_n((char *)to, n - to[n - 1]), out);
}
