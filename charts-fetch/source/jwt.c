/*
 * Head, claims and signature, each in base64 for URLs.
 */
#include "charts-fetch/source/jwt_impl.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "core/base/digest.h"

static hc_str base64url(struct hc_arena *a, hc_str s)
{
    hc_str b64 = hc_base64(a, s);
    char *p = HC_NEW_N(a, char, b64.n + 1);
    size_t n = 0;
    for (size_t i = 0; p && i < b64.n && b64.p[i] != '='; i++)
        p[n++] = b64.p[i] == '+' ? '-' : b64.p[i] == '/' ? '_' : b64.p[i];
    return hc_str_n(p, n);
}

static int no_phrase(char *buf, int size, int rw, void *ctx)
{
    (void)buf, (void)size, (void)rw, (void)ctx;
    return -1;
}

static enum hc_rc sign(struct hc_arena *a, hc_str key_pem, hc_str text, const char *what, hc_str *out,
                       struct hc_err *err)
{
    unsigned char sig[1024];
    size_t n = sizeof(sig);
    BIO *bio = BIO_new_mem_buf(key_pem.p, (int)key_pem.n);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_phrase, NULL) : NULL;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool fits = key && EVP_PKEY_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_size(key) <= (int)sizeof(sig);
    bool done = fits && md && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestSign(md, sig, &n, (const unsigned char *)text.p, text.n) == 1;
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
    BIO_free(bio);
    if (!done)
        return hc_fail(err, HC_E_INPUT, "%s is no RSA private key (PEM)", what);
    *out = base64url(a, hc_str_n((const char *)sig, n));
    return hc_arena_check(a, err, "signed token");
}

enum hc_rc source_jwt(struct hc_arena *a, hc_str key_pem, hc_str claims, const char *what, hc_str *out,
                      struct hc_err *err)
{
    hc_str signature = { NULL, 0 }, head = base64url(a, HC_S("{\"alg\":\"RS256\",\"typ\":\"JWT\"}"));
    hc_str text = hc_arena_printf(a, "%.*s.%.*s", HC_P(head), HC_P(base64url(a, claims)));
    enum hc_rc rc = hc_arena_check(a, err, "signed token");
    if (rc == HC_OK)
        rc = sign(a, key_pem, text, what, &signature, err);
    if (rc != HC_OK)
        return rc;
    *out = hc_arena_printf(a, "%.*s.%.*s", HC_P(text), HC_P(signature));
    return hc_arena_check(a, err, "signed token");
}
