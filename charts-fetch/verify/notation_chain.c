/*
 * Which certificates may sign: the specification's requirements for code signing certificates and their chains. It wants
 * the whole chain in the envelope, ordered, its root included; so there is nothing to search and each link is looked at
 * once.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "charts-fetch/verify/notation_impl.h"
#include "charts-fetch/verify/pubkey_impl.h"
#include "core/base/buf.h"
#include "core/base/clock.h"

#define MAX_CERT  65536u
#define MAX_CERTS 256u

static X509 *from_der(hc_str der)
{
    const unsigned char *p = (const unsigned char *)der.p;
    X509 *x = der.n && der.n < MAX_CERT ? d2i_X509(NULL, &p, (long)der.n) : NULL;
    if (x && (size_t)(p - (const unsigned char *)der.p) != der.n) {
        X509_free(x);
        x = NULL;
    }
    ERR_clear_error();
    return x;
}

/* ---- the trust stores ---------------------------------------------------------------------------- */

static enum hc_rc add(struct hc_arena *a, struct hc_notation_certs *to, hc_str der, struct hc_err *err)
{
    if (to->n == MAX_CERTS)
        return hc_fail(err, HC_E_LIMIT, "there are more than %u certificates", MAX_CERTS);
    if (to->n == to->cap) {
        size_t cap = to->cap ? 2 * to->cap : 8;
        hc_str *all = HC_NEW_N(a, hc_str, cap);
        if (!all)
            return hc_fail_nomem(err);
        if (to->n)
            memcpy(all, to->der, to->n * sizeof(*all));
        to->der = all;
        to->cap = cap;
    }
    to->der[to->n] = hc_arena_str(a, der);
    if (!to->der[to->n].p)
        return hc_fail_nomem(err);
    to->n++;
    return HC_OK;
}

enum hc_rc hc_notation_add_certs(struct hc_arena *a, hc_str name, hc_str file, struct hc_notation_certs *to,
                                 struct hc_err *err)
{
    enum hc_rc rc = HC_OK;
    size_t before = to->n;
    BIO *bio = file.n && file.n < (size_t)1 << 20 ? BIO_new_mem_buf(file.p, (int)file.n) : NULL;
    for (X509 *x; rc == HC_OK && bio && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL));) {
        unsigned char *der = NULL;
        int n = i2d_X509(x, &der);
        rc = n > 0 ? add(a, to, hc_str_n((const char *)der, (size_t)n), err) : hc_fail_nomem(err);
        OPENSSL_free(der);
        X509_free(x);
    }
    BIO_free(bio);
    ERR_clear_error();
    if (rc == HC_OK && to->n == before) {
        X509 *x = from_der(file);
        rc = x ? add(a, to, file, err)
               : hc_fail(err, HC_E_INPUT, "'%.*s' is no certificate, neither PEM nor DER", HC_P(name));
        X509_free(x);
    }
    return rc;
}

/* ---- a chain ------------------------------------------------------------------------------------- */

void notation_chain_free(struct notation_chain *c)
{
    for (size_t i = 0; i < c->n; i++)
        X509_free(c->certs[i]);
    c->n = 0;
}

enum hc_rc notation_chain_open(const struct hc_notation_envelope *e, struct notation_chain *out, struct hc_err *err)
{
    out->n = 0;
    for (size_t i = 0; i < e->certs_n; i++) {
        if (!(out->certs[i] = from_der(e->certs[i])))
            return hc_fail(err, HC_E_INPUT, "certificate %zu of the chain is broken", i + 1);
        out->n++;
    }
    return out->n ? HC_OK : hc_fail(err, HC_E_INPUT, "the envelope has no certificates");
}

const char *notation_subject(struct hc_arena *a, X509 *x)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    hc_str out = HC_S("(unprintable)");
    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(x), 0, XN_FLAG_RFC2253) >= 0) {
        long n = BIO_get_mem_data(bio, &p);
        if (n >= 0 && n <= 256) /* escaped by RFC 2253: printable */
            out = hc_str_n(p, (size_t)n);
    }
    hc_str text = hc_arena_printf(a, "'%.*s'", HC_P(out));
    BIO_free(bio);
    ERR_clear_error();
    return text.p ? text.p : "''";
}

hc_str notation_algorithm(X509 *x)
{
    static const struct {
        int type, bits;
        const char *group, *name;
    } rows[] = { { EVP_PKEY_RSA, 2048, NULL, "PS256" },      { EVP_PKEY_RSA, 3072, NULL, "PS384" },
                 { EVP_PKEY_RSA, 4096, NULL, "PS512" },      { EVP_PKEY_EC, 256, "prime256v1", "ES256" },
                 { EVP_PKEY_EC, 384, "secp384r1", "ES384" }, { EVP_PKEY_EC, 521, "secp521r1", "ES512" } };
    EVP_PKEY *k = X509_get0_pubkey(x);
    char group[64] = "";
    size_t n = 0;
    int bits = k ? EVP_PKEY_get_bits(k) : 0, type = k ? EVP_PKEY_get_base_id(k) : 0;
    if (type == EVP_PKEY_RSA) /* by whole bytes, as everybody counts */
        bits = (bits + 7) / 8 * 8;
    else if (type == EVP_PKEY_EC && EVP_PKEY_get_group_name(k, group, sizeof(group), &n) != 1)
        group[0] = '\0';
    ERR_clear_error();
    for (size_t i = 0; i < HC_LEN(rows); i++)
        if (type == rows[i].type && bits == rows[i].bits && (!rows[i].group || strcmp(group, rows[i].group) == 0))
            return hc_str_of(rows[i].name);
    return (hc_str){ NULL, 0 };
}

/* Key usage must be said, and be critical. */
static bool has_usage(X509 *x)
{
    int at = X509_get_ext_by_NID(x, NID_key_usage, -1);
    return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(x, at));
}

static const char *wrong_with_signer(X509 *x)
{
    uint32_t usage = X509_get_key_usage(x);
    if (X509_get_extension_flags(x) & EXFLAG_CA)
        return "is a certificate authority's and may not sign";
    if (!has_usage(x))
        return "has no key usage, or one that is not critical";
    if ((usage & ~(uint32_t)KU_NON_REPUDIATION) != KU_DIGITAL_SIGNATURE)
        return "has another key usage than digital signature";
    if ((X509_get_extension_flags(x) & EXFLAG_XKUSAGE) &&
        (X509_get_extended_key_usage(x) &
         (XKU_SSL_SERVER | XKU_SSL_CLIENT | XKU_SMIME | XKU_TIMESTAMP | XKU_OCSP_SIGN)))
        return "is meant for something else than signing code (extended key usage)";
    if (!notation_algorithm(x).n)
        return "has a key that is none of RSA 2048, 3072, 4096 and ECDSA P-256, P-384, P-521";
    return NULL;
}

static const char *wrong_with_authority(X509 *x, size_t below)
{
    long depth = X509_get_pathlen(x);
    if (!(X509_get_extension_flags(x) & EXFLAG_CA))
        return "issued one and is no certificate authority's";
    if (depth >= 0 && (size_t)depth < below)
        return "stands above a longer chain than it allows";
    if (!has_usage(x) || !(X509_get_key_usage(x) & KU_KEY_CERT_SIGN))
        return "has no critical key usage that lets it sign certificates";
    return NULL;
}

/* Signed by `issuer`'s key, with a digest that still means something. */
static bool issued_by(X509 *x, X509 *issuer)
{
    int md = NID_undef;
    bool weak = X509_get_signature_info(x, &md, NULL, NULL, NULL) != 1 || md == NID_sha1 || md == NID_md5;
    bool good = !weak && X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(issuer)) == 0 &&
                X509_verify(x, X509_get0_pubkey(issuer)) == 1;
    ERR_clear_error();
    return good;
}

enum hc_rc notation_chain_check(struct hc_arena *a, const struct notation_chain *c, struct hc_err *err)
{
    for (size_t i = 0; i < c->n; i++) {
        X509 *x = c->certs[i];
        bool last = i + 1 == c->n;
        const char *wrong = NULL;
        if (X509_get_extension_flags(x) & (EXFLAG_INVALID | EXFLAG_CRITICAL))
            wrong = "has an extension that is broken, or critical and not known";
        else
            wrong = i == 0 ? wrong_with_signer(x) : wrong_with_authority(x, i - 1);
        if (!wrong && !last && issued_by(x, x))
            wrong = "is self-signed and not the last of the chain";
        if (!wrong && !issued_by(x, c->certs[last ? i : i + 1]))
            wrong = last ? "ends the chain and is not self-signed" : "was not issued by the next of the chain";
        if (wrong)
            return hc_fail(err, HC_E_INPUT, "the certificate %s %s", notation_subject(a, x), wrong);
    }
    return HC_OK;
}

enum hc_rc notation_chain_at(struct hc_arena *a, const struct notation_chain *c, int64_t at_ms, const char *when,
                             struct hc_err *err)
{
    time_t at = (time_t)(at_ms / 1000);
    for (size_t i = 0; i < c->n; i++) {
        bool early = X509_cmp_time(X509_get0_notBefore(c->certs[i]), &at) > 0;
        /* X509_cmp_time never says equal: the second an end names is inside. */
        at -= 1;
        bool late = X509_cmp_time(X509_get0_notAfter(c->certs[i]), &at) < 0;
        at += 1;
        if (early || late)
            return hc_fail(err, HC_E_INPUT, "the certificate %s was %s %s, %.*s", notation_subject(a, c->certs[i]),
                           early ? "not yet valid" : "no longer valid", when, HC_P(hc_time_rfc3339(a, at_ms)));
    }
    return HC_OK;
}
