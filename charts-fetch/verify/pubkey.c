/*
 * Public keys out of numbers and PEM, and the checks of signatures, by libcrypto's EVP interface: it is the one that
 * knows DSA, ECDSA over all curves, Edwards curves and PSS alike. No private key comes near this file.
 */
#include "charts-fetch/verify/pubkey_impl.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/dsa.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

BIGNUM *vkey_number(hc_str s)
{
    if (!s.n || s.n > VKEY_MAX_BITS / 8 + 1)
        return NULL;
    return BN_bin2bn((const unsigned char *)s.p, (int)s.n, NULL);
}

EVP_PKEY *vkey_from_build(const char *type, OSSL_PARAM_BLD *b, int selection)
{
    EVP_PKEY *k = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
    EVP_PKEY_CTX *ctx = params ? EVP_PKEY_CTX_new_from_name(NULL, type, NULL) : NULL;
    if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &k, selection, params) != 1)
        k = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    ERR_clear_error();
    return k;
}

struct named {
    const char *name;
    hc_str value;
};

static EVP_PKEY *from_numbers(const char *type, const struct named *list, size_t n)
{
    BIGNUM *numbers[4] = { NULL, NULL, NULL, NULL };
    EVP_PKEY *k = NULL;
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    bool good = b && n <= HC_LEN(numbers);
    for (size_t i = 0; good && i < n; i++) {
        numbers[i] = vkey_number(list[i].value);
        good = numbers[i] && !BN_is_zero(numbers[i]) && BN_num_bits(numbers[i]) <= VKEY_MAX_BITS &&
               OSSL_PARAM_BLD_push_BN(b, list[i].name, numbers[i]) == 1;
    }
    if (good)
        k = vkey_from_build(type, b, EVP_PKEY_PUBLIC_KEY);
    OSSL_PARAM_BLD_free(b);
    for (size_t i = 0; i < HC_LEN(numbers); i++)
        BN_free(numbers[i]);
    return k;
}

EVP_PKEY *vkey_rsa(hc_str n, hc_str e)
{
    const struct named list[] = { { OSSL_PKEY_PARAM_RSA_N, n }, { OSSL_PKEY_PARAM_RSA_E, e } };
    if (e.n > 8) /* a long exponent only makes checking slow; nobody has one */
        return NULL;
    return from_numbers("RSA", list, HC_LEN(list));
}

EVP_PKEY *vkey_dsa(hc_str p, hc_str q, hc_str g, hc_str y)
{
    const struct named list[] = { { OSSL_PKEY_PARAM_FFC_P, p },
                                  { OSSL_PKEY_PARAM_FFC_Q, q },
                                  { OSSL_PKEY_PARAM_FFC_G, g },
                                  { OSSL_PKEY_PARAM_PUB_KEY, y } };
    if (p.n > 1024 || q.n > 65) /* libcrypto refuses a p over 10000 bits anyway */
        return NULL;
    return from_numbers("DSA", list, HC_LEN(list));
}

EVP_PKEY *vkey_ec(const char *group, hc_str point)
{
    EVP_PKEY *k = NULL;
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    if (b && OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n) == 1)
        k = vkey_from_build("EC", b, EVP_PKEY_PUBLIC_KEY); /* refuses points that are not on the curve */
    OSSL_PARAM_BLD_free(b);
    return k;
}

EVP_PKEY *vkey_edwards(int type, hc_str point)
{
    EVP_PKEY *k = EVP_PKEY_new_raw_public_key(type, NULL, (const unsigned char *)point.p, point.n);
    ERR_clear_error();
    return k;
}

EVP_PKEY *vkey_pem(hc_str text)
{
    if (text.n > (size_t)1 << 20)
        return NULL;
    BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
    EVP_PKEY *k = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return k;
}

bool vkey_check_digest(EVP_PKEY *k, const EVP_MD *md, hc_str digest, hc_str signature)
{
    unsigned char whole[VKEY_MAX_BITS / 8];
    if (!k)
        return false;
    if (EVP_PKEY_get_base_id(k) == EVP_PKEY_RSA) {
        size_t size = (size_t)EVP_PKEY_get_size(k);
        if (size > sizeof(whole) || signature.n > size)
            return false;
        memset(whole, 0, size - signature.n);
        memcpy(whole + size - signature.n, signature.p, signature.n);
        signature = hc_str_n((const char *)whole, size);
    }
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k, NULL);
    bool good = ctx && EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1 &&
                EVP_PKEY_verify(ctx, (const unsigned char *)signature.p, signature.n,
                                (const unsigned char *)digest.p, digest.n) == 1;
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

static bool check_message(EVP_PKEY *k, const EVP_MD *md, hc_str message, hc_str signature, bool pss)
{
    EVP_PKEY_CTX *key = NULL;
    EVP_MD_CTX *ctx = k ? EVP_MD_CTX_new() : NULL;
    bool good = ctx && EVP_DigestVerifyInit(ctx, &key, md, NULL, k) == 1;
    if (good && pss)
        good = EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(key, RSA_PSS_SALTLEN_AUTO) == 1;
    if (good)
        good = EVP_DigestVerify(ctx, (const unsigned char *)signature.p, signature.n,
                                (const unsigned char *)(message.n ? message.p : ""), message.n) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

bool vkey_check(EVP_PKEY *k, const EVP_MD *md, hc_str message, hc_str signature)
{
    return check_message(k, md, message, signature, false);
}

bool vkey_check_pss(EVP_PKEY *k, const EVP_MD *md, hc_str message, hc_str signature)
{
    return k && EVP_PKEY_get_base_id(k) == EVP_PKEY_RSA && check_message(k, md, message, signature, true);
}

/* INTEGER of DER: no leading zeros but the one that keeps it positive. */
static size_t der_integer(hc_str s, unsigned char *out)
{
    while (s.n && s.p[0] == 0)
        s = hc_str_sub(s, 1, s.n);
    size_t pad = !s.n || (s.p[0] & 0x80);
    out[0] = 0x02;
    out[1] = (unsigned char)(s.n + pad);
    out[2] = 0;
    if (s.n)
        memcpy(out + 2 + pad, s.p, s.n);
    return 2 + pad + s.n;
}

hc_str vkey_two_numbers(struct hc_arena *a, hc_str r, hc_str s)
{
    unsigned char body[2 * 128];
    if (r.n > 80 || s.n > 80) /* P-521 has 66 */
        return (hc_str){ NULL, 0 };
    size_t n = der_integer(r, body);
    n += der_integer(s, body + n);
    unsigned char *p = hc_arena_alloc(a, n + 3, 1);
    if (!p)
        return (hc_str){ NULL, 0 };
    size_t at = 0;
    p[at++] = 0x30;
    if (n > 127)
        p[at++] = 0x81;
    p[at++] = (unsigned char)n;
    memcpy(p + at, body, n);
    return hc_str_n((const char *)p, at + n);
}

bool vdigest_begin(struct vdigest *d, const EVP_MD *md)
{
    d->ctx = EVP_MD_CTX_new();
    if (d->ctx && EVP_DigestInit_ex(d->ctx, md, NULL) == 1)
        return true;
    EVP_MD_CTX_free(d->ctx);
    d->ctx = NULL;
    return false;
}

void vdigest_add(struct vdigest *d, hc_str s)
{
    if (d->ctx && s.n)
        EVP_DigestUpdate(d->ctx, s.p, s.n);
}

size_t vdigest_end(struct vdigest *d, unsigned char out[EVP_MAX_MD_SIZE])
{
    unsigned n = 0;
    if (!d->ctx || EVP_DigestFinal_ex(d->ctx, out, &n) != 1)
        n = 0;
    EVP_MD_CTX_free(d->ctx);
    d->ctx = NULL;
    return n;
}

size_t vdigest_of(const EVP_MD *md, hc_str s, unsigned char out[EVP_MAX_MD_SIZE])
{
    struct vdigest d;
    if (!vdigest_begin(&d, md))
        return 0;
    vdigest_add(&d, s);
    return vdigest_end(&d, out);
}
