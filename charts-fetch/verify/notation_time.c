/*
 * The countersignature of a time stamp authority (RFC 3161) over a signature, by libcrypto. Its certificates are looked at
 * as of the time it says: they may have ended since.
 */
#include <openssl/err.h>
#include <openssl/ts.h>
#include <time.h>

#include "charts-fetch/verify/notation_impl.h"

#define MAX_STAMP ((size_t)65536)

/* The trust stores as libcrypto wants them, at that time. Certificates that are no roots stand between only. */
static X509_STORE *store_of(const struct hc_notation_certs *certs, int64_t at_s)
{
    X509_STORE *store = X509_STORE_new();
    bool good = store != NULL;
    for (size_t i = 0; good && i < certs->n; i++) {
        const unsigned char *p = (const unsigned char *)certs->der[i].p;
        X509 *x = d2i_X509(NULL, &p, (long)certs->der[i].n);
        good = x && X509_STORE_add_cert(store, x) == 1;
        X509_free(x);
    }
    if (good) {
        X509_VERIFY_PARAM *param = X509_STORE_get0_param(store);
        X509_VERIFY_PARAM_set_time(param, (time_t)at_s);
        X509_VERIFY_PARAM_set_auth_level(param, 2); /* no SHA-1, no short keys */
        return store;
    }
    X509_STORE_free(store);
    return NULL;
}

static bool signed_by(PKCS7 *token, X509_STORE *store, hc_str signature)
{
    TS_VERIFY_CTX *ctx = TS_VERIFY_CTX_new();
    BIO *data = BIO_new_mem_buf(signature.p, (int)signature.n);
    bool good = ctx && data && X509_STORE_up_ref(store) == 1;
    if (good) {
        (void)TS_VERIFY_CTX_set_flags(ctx, TS_VFY_VERSION | TS_VFY_SIGNATURE | TS_VFY_DATA);
        (void)TS_VERIFY_CTX_set_store(ctx, store); /* takes both */
        (void)TS_VERIFY_CTX_set_data(ctx, data);
        data = NULL;
        good = TS_RESP_verify_token(ctx, token) == 1;
    }
    BIO_free(data);
    TS_VERIFY_CTX_free(ctx);
    return good;
}

/* The authority's chain, for whoever asks about revocation. */
static bool chain_of(PKCS7 *token, X509_STORE *store, struct notation_chain *out)
{
    STACK_OF(X509) *signers = PKCS7_get0_signers(token, NULL, 0), *chain = NULL;
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool good = ctx && sk_X509_num(signers) == 1 &&
                X509_STORE_CTX_init(ctx, store, sk_X509_value(signers, 0), token->d.sign->cert) == 1 &&
                X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_TIMESTAMP_SIGN) == 1 && X509_verify_cert(ctx) == 1;
    if (good)
        chain = X509_STORE_CTX_get1_chain(ctx);
    good = good && sk_X509_num(chain) <= (int)HC_NOTATION_MAX_CHAIN;
    for (int i = 0; good && i < sk_X509_num(chain); i++) {
        X509 *x = sk_X509_value(chain, i);
        good = X509_up_ref(x) == 1;
        if (good)
            out->certs[out->n++] = x;
    }
    sk_X509_pop_free(chain, X509_free);
    sk_X509_free(signers);
    X509_STORE_CTX_free(ctx);
    return good;
}

static int64_t number(const ASN1_INTEGER *n)
{
    int64_t v = 0;
    return n && ASN1_INTEGER_get_int64(&v, n) == 1 && v >= 0 && v < (int64_t)1 << 32 ? v : 0;
}

/* What it says: a time, and how far that may be off. */
static bool bounds(TS_TST_INFO *info, int64_t *out_from_ms, int64_t *out_to_ms)
{
    const ASN1_GENERALIZEDTIME *t = TS_TST_INFO_get_time(info);
    TS_ACCURACY *off = TS_TST_INFO_get_accuracy(info);
    TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(info);
    const ASN1_OBJECT *md = NULL;
    struct tm tm;
    if (!t || ASN1_TIME_to_tm(t, &tm) != 1 || !imprint)
        return false;
    X509_ALGOR_get0(&md, NULL, NULL, TS_MSG_IMPRINT_get_algo(imprint));
    int nid = OBJ_obj2nid(md);
    if (nid != NID_sha256 && nid != NID_sha384 && nid != NID_sha512)
        return false;
    int64_t at_ms = (int64_t)timegm(&tm) * 1000, off_ms = 0;
    if (off)
        off_ms = number(TS_ACCURACY_get_seconds(off)) * 1000 + number(TS_ACCURACY_get_millis(off)) +
                 (number(TS_ACCURACY_get_micros(off)) + 999) / 1000;
    *out_from_ms = at_ms - off_ms;
    *out_to_ms = at_ms + off_ms;
    return at_ms > 0;
}

enum hc_rc notation_stamped(struct hc_arena *a, const struct hc_notation_certs *certs, hc_str token,
                            hc_str signature, int64_t *out_from_ms, int64_t *out_to_ms,
                            struct notation_chain *out_chain, struct hc_err *err)
{
    (void)a;
    const unsigned char *p = (const unsigned char *)token.p;
    PKCS7 *t = token.n < MAX_STAMP ? d2i_PKCS7(NULL, &p, (long)token.n) : NULL;
    TS_TST_INFO *info = t && PKCS7_type_is_signed(t) ? PKCS7_to_TS_TST_INFO(t) : NULL;
    X509_STORE *store = NULL;
    enum hc_rc rc = HC_OK;
    out_chain->n = 0;
    if (!info || !bounds(info, out_from_ms, out_to_ms))
        rc = hc_fail(err, HC_E_INPUT, "the time stamp is no RFC 3161 token over a SHA-2 digest");
    else if (!(store = store_of(certs, (*out_from_ms + *out_to_ms) / 2000)))
        rc = hc_fail_nomem(err);
    else if (!signed_by(t, store, signature) || !chain_of(t, store, out_chain))
        rc = hc_fail(err, HC_E_INPUT,
                     "the time stamp is about another signature, or by no authority of the trust stores");
    X509_STORE_free(store);
    TS_TST_INFO_free(info);
    PKCS7_free(t);
    ERR_clear_error();
    return rc;
}
