/*
 * All keys are made here from the door's bytes, with libcrypto's arithmetic.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "lua/funcs/keys.h"

#include <openssl/bn.h>
#include <openssl/dsa.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "core/base/digest.h"
#include "lua/funcs/funcs_impl.h"
#include "lua/funcs/primes.h"

#define RSA_EXPONENT 65537

void hc_libcrypto_start(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
}

void hc_pkey_auto(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}

static enum hc_rc failed(struct hc_fcall *c, const char *what)
{
    if (c->err && c->err->code != HC_OK)
        return c->err->code;
    return fn_fail(c, "error generating %s key", what);
}

struct rsa_parts {
    BIGNUM *n, *e, *d, *p, *q, *dp, *dq, *qi;
};

static bool compute_rsa(struct rsa_parts *r, BN_CTX *ctx)
{
    BIGNUM *p1 = BN_dup(r->p), *q1 = BN_dup(r->q), *phi = BN_new();
    bool ok = p1 && q1 && phi && BN_sub_word(p1, 1) && BN_sub_word(q1, 1) && BN_mul(phi, p1, q1, ctx) &&
              BN_set_word(r->e, RSA_EXPONENT) && BN_mul(r->n, r->p, r->q, ctx) &&
              BN_mod_inverse(r->d, r->e, phi, ctx) && BN_mod(r->dp, r->d, p1, ctx) &&
              BN_mod(r->dq, r->d, q1, ctx) && BN_mod_inverse(r->qi, r->q, r->p, ctx);
    BN_free(p1);
    BN_free(q1);
    BN_free(phi);
    return ok;
}

enum hc_rc hc_key_rsa(struct hc_fcall *c, int bits, EVP_PKEY **out)
{
    enum hc_rc dear = fn_dear(c, bits > 2048 ? 300 : 40);
    if (dear != HC_OK)
        return dear;
    c->long_keys += bits > 2048;
    hc_libcrypto_start();
    struct rsa_parts r = { BN_new(), BN_new(), BN_new(), BN_new(), BN_new(), BN_new(), BN_new(), BN_new() };
    BN_CTX *ctx = BN_CTX_new();
    RSA *rsa = RSA_new();
    EVP_PKEY *key = EVP_PKEY_new();
    bool ok = ctx && rsa && key && r.n && r.e && r.d && r.p && r.q && r.dp && r.dq && r.qi;
    const struct hc_prime_want wants[] = { { bits / 2, NULL, r.p }, { bits / 2, NULL, r.q } };
    ok = ok && hc_primes(c, hc_prime_way(), wants, 2);
    if (ok && BN_cmp(r.p, r.q) == 0) {
        fn_not_random(c);
        ok = false;
    }
    ok = ok && compute_rsa(&r, ctx);
    if (ok && RSA_set0_key(rsa, r.n, r.e, r.d))
        r.n = r.e = r.d = NULL;
    if (ok && RSA_set0_factors(rsa, r.p, r.q))
        r.p = r.q = NULL;
    if (ok && RSA_set0_crt_params(rsa, r.dp, r.dq, r.qi))
        r.dp = r.dq = r.qi = NULL;
    BIGNUM *const left[] = { r.n, r.e, r.d, r.p, r.q, r.dp, r.dq, r.qi };
    for (size_t i = 0; i < HC_LEN(left); i++)
        BN_clear_free(left[i]);
    BN_CTX_free(ctx);
    ok = ok && EVP_PKEY_assign_RSA(key, rsa);
    if (ok) {
        *out = key;
        return HC_OK;
    }
    RSA_free(rsa);
    EVP_PKEY_free(key);
    return failed(c, "rsa");
}

/* A number from 1 to order - 1. False: none was drawn, and the error is set, or memory is gone. */
static bool draw_below(struct hc_fcall *c, const BIGNUM *order, BIGNUM *d)
{
    unsigned char bytes[32];
    for (unsigned draw = 0; draw < FN_MOST_DRAWS; draw++) {
        if (!fn_random(c, bytes, sizeof(bytes)) || !BN_bin2bn(bytes, sizeof(bytes), d))
            return false;
        if (!BN_is_zero(d) && BN_cmp(d, order) < 0)
            return true;
    }
    fn_not_random(c);
    return false;
}

static enum hc_rc key_ec(struct hc_fcall *c, EVP_PKEY **out)
{
    enum hc_rc dear = fn_dear(c, 2);
    if (dear != HC_OK)
        return dear;
    EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    EVP_PKEY *key = EVP_PKEY_new();
    BIGNUM *d = BN_new(), *order = BN_new();
    const EC_GROUP *group = ec ? EC_KEY_get0_group(ec) : NULL;
    EC_POINT *point = group ? EC_POINT_new(group) : NULL;
    bool ok = key && d && order && point && EC_GROUP_get_order(group, order, NULL);
    ok = ok && draw_below(c, order, d);
    ok = ok && EC_POINT_mul(group, point, d, NULL, NULL, NULL) && EC_KEY_set_private_key(ec, d) &&
         EC_KEY_set_public_key(ec, point) && EVP_PKEY_assign_EC_KEY(key, ec);
    EC_POINT_free(point);
    BN_clear_free(d);
    BN_free(order);
    if (ok) {
        *out = key;
        return HC_OK;
    }
    EC_KEY_free(ec);
    EVP_PKEY_free(key);
    return failed(c, "ecdsa");
}

static enum hc_rc key_ed25519(struct hc_fcall *c, EVP_PKEY **out)
{
    unsigned char bytes[32];
    enum hc_rc dear = fn_dear(c, 2);
    if (dear != HC_OK)
        return dear;
    if (!fn_random(c, bytes, sizeof(bytes)))
        return fn_fail(c, "the system gives no random numbers");
    *out = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, bytes, sizeof(bytes));
    return *out ? HC_OK : failed(c, "ed25519");
}

/* A generator of the order q: (p-1)/q times two, or three, ... */
static bool dsa_generator(const BIGNUM *p, const BIGNUM *q, BIGNUM *g, BN_CTX *ctx)
{
    BN_CTX_start(ctx);
    BIGNUM *less = BN_CTX_get(ctx), *power = BN_CTX_get(ctx), *base = BN_CTX_get(ctx);
    bool ok = base && BN_copy(less, p) && BN_sub_word(less, 1) && BN_div(power, NULL, less, q, ctx);
    for (BN_ULONG h = 2; ok && h < 100; h++) {
        ok = BN_set_word(base, h) && BN_mod_exp(g, base, power, p, ctx);
        if (ok && !BN_is_one(g))
            break;
    }
    BN_CTX_end(ctx);
    return ok;
}

static enum hc_rc key_dsa(struct hc_fcall *c, EVP_PKEY **out)
{
    enum hc_rc dear = fn_dear(c, 300);
    if (dear != HC_OK)
        return dear;
    c->long_keys++;
    BN_CTX *ctx = BN_CTX_new();
    DSA *dsa = DSA_new();
    EVP_PKEY *key = EVP_PKEY_new();
    BIGNUM *p = BN_new(), *q = BN_new(), *g = BN_new(), *x = BN_new(), *y = BN_new(), *twice = BN_new();
    bool ok = ctx && dsa && key && p && q && g && x && y && twice;
    const struct hc_prime_want want_q = { 256, NULL, q }, want_p = { 2048, twice, p };
    ok = ok && hc_primes(c, hc_prime_way(), &want_q, 1) && BN_lshift1(twice, q) &&
         hc_primes(c, hc_prime_way(), &want_p, 1);
    ok = ok && dsa_generator(p, q, g, ctx) && draw_below(c, q, x) && BN_mod_exp(y, g, x, p, ctx);
    if (ok && DSA_set0_pqg(dsa, p, q, g))
        p = q = g = NULL;
    if (ok && DSA_set0_key(dsa, y, x))
        x = y = NULL;
    BIGNUM *const left[] = { p, q, g, x, y, twice };
    for (size_t i = 0; i < HC_LEN(left); i++)
        BN_clear_free(left[i]);
    BN_CTX_free(ctx);
    if (ok && EVP_PKEY_assign_DSA(key, dsa)) {
        *out = key;
        return HC_OK;
    }
    DSA_free(dsa);
    EVP_PKEY_free(key);
    return failed(c, "dsa");
}

enum hc_rc hc_key_pem(struct hc_fcall *c, EVP_PKEY *key, hc_str *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    int kind = EVP_PKEY_get_base_id(key);
    bool ok = bio && (kind == EVP_PKEY_RSA || kind == EVP_PKEY_EC || kind == EVP_PKEY_DSA
                          ? PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL)
                          : PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
    long n = ok ? BIO_get_mem_data(bio, &p) : 0;
    if (ok)
        *out = hc_arena_str(c->a, hc_str_n(p, (size_t)n));
    BIO_free(bio);
    return ok ? HC_OK : fn_fail(c, "error pem-encoding key");
}

FN(fn_gen_private_key)
{
    (void)argc;
    hc_str type = fn_s(argv[0]), pem = { "", 0 };
    HC_AUTO(hc_pkey) EVP_PKEY *key = NULL;
    enum hc_rc rc;
    hc_libcrypto_start();
    if (type.n == 0 || hc_str_eqz(type, "rsa"))
        rc = hc_key_rsa(c, 4096, &key);
    else if (hc_str_eqz(type, "dsa"))
        rc = key_dsa(c, &key);
    else if (hc_str_eqz(type, "ecdsa"))
        rc = key_ec(c, &key);
    else if (hc_str_eqz(type, "ed25519"))
        rc = key_ed25519(c, &key);
    else
        return fn_done(c, hc_printf_val(c->a, "Unknown type %.*s", HC_P(type)), out);
    if (rc == HC_OK)
        rc = hc_key_pem(c, key, &pem);
    return rc == HC_OK ? fn_ref(c, pem, out) : rc;
}

/* ---- reading ----------------------------------------------------------------------------------------- */

bool hc_pem_block(struct hc_arena *a, hc_str text, hc_str *out_type, hc_str *out_bytes)
{
    static const hc_str begin = { "-----BEGIN ", 11 }, dashes = { "-----", 5 };
    while (text.n > 0) {
        size_t at = hc_str_find_str(text, begin), end, close, body;
        if (at == SIZE_MAX)
            return false;
        bool line_start = at == 0 || text.p[at - 1] == '\n';
        text = hc_str_sub(text, at + begin.n, text.n);
        if (!line_start || (end = hc_str_find_str(text, dashes)) == SIZE_MAX)
            continue;
        hc_str type = hc_str_sub(text, 0, end), rest = hc_str_sub(text, end + 5, text.n);
        if (hc_str_find(type, '\n') != SIZE_MAX || (body = hc_str_find(rest, '\n')) == SIZE_MAX)
            continue;
        rest = hc_str_sub(rest, body + 1, rest.n);
        hc_str foot = hc_arena_printf(a, "-----END %.*s-----", HC_P(type));
        if ((close = hc_str_find_str(rest, foot)) == SIZE_MAX)
            continue;
        rest = hc_str_sub(rest, 0, close);
        size_t colon = hc_str_find(rest, ':'), blank = hc_str_find_str(rest, HC_S("\n\n"));
        if (colon != SIZE_MAX && blank != SIZE_MAX) /* headers */
            rest = hc_str_sub(rest, blank + 2, rest.n);
        char *clean = hc_arena_alloc(a, rest.n + 1, 1);
        size_t n = 0;
        for (size_t i = 0; clean && i < rest.n; i++)
            if (!strchr(" \t\r\n", rest.p[i]))
                clean[n++] = rest.p[i];
        hc_str bytes = hc_base64_decode(a, hc_str_n(clean, n), NULL);
        if (!bytes.p)
            continue;
        *out_type = type;
        *out_bytes = bytes;
        return true;
    }
    return false;
}

static EVP_PKEY *read_rsa(const unsigned char *p, long n)
{
    RSA *rsa = d2i_RSAPrivateKey(NULL, &p, n);
    EVP_PKEY *key = rsa ? EVP_PKEY_new() : NULL;
    if (key && EVP_PKEY_assign_RSA(key, rsa))
        return key;
    EVP_PKEY_free(key);
    RSA_free(rsa);
    return NULL;
}

enum hc_rc hc_key_read(struct hc_fcall *c, hc_str pem, EVP_PKEY **out)
{
    hc_str type, der;
    hc_libcrypto_start();
    if (!hc_pem_block(c->a, pem, &type, &der))
        return fn_fail(c, "no PEM data in input");
    const unsigned char *p = (const unsigned char *)der.p;
    if (hc_str_eqz(type, "PRIVATE KEY")) {
        PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.n);
        *out = info ? EVP_PKCS82PKEY(info) : NULL;
        PKCS8_PRIV_KEY_INFO_free(info);
        return *out ? HC_OK : fn_fail(c, "decoding PEM as PKCS#8: asn1: structure error: it is no PKCS #8 key");
    }
    if (!hc_str_ends(type, HC_S(" PRIVATE KEY")))
        return fn_fail(c, "no private key data in PEM block of type %.*s", HC_P(type));
    hc_str kind = hc_str_sub(type, 0, type.n - 12);
    int id = hc_str_eqz(kind, "RSA")   ? EVP_PKEY_RSA
             : hc_str_eqz(kind, "EC")  ? EVP_PKEY_EC
             : hc_str_eqz(kind, "DSA") ? EVP_PKEY_DSA
                                       : 0;
    if (!id)
        return fn_fail(c, "invalid private key type %.*s", HC_P(type));
    /* PKCS #1 is read by itself: what else may be a key takes a tenth of a millisecond to ask for. */
    *out = id == EVP_PKEY_RSA ? read_rsa(p, (long)der.n) : d2i_PrivateKey(id, NULL, &p, (long)der.n);
    if (!*out)
        return fn_fail(c, "parsing %.*s private key from PEM: asn1: structure error: it is no such key",
                       HC_P(kind));
    return HC_OK;
}
