/*
 * RFC 3161 time stamps over a signature, by libcrypto. The authority's certificates are looked at as of the time the stamp
 * says: they may have ended since.
 */
#include <openssl/err.h>
#include <openssl/ts.h>
#include <time.h>

#include "charts-fetch/verify/cosign_impl.h"

static int64_t stamped_s(TS_RESP *r)
{
    TS_TST_INFO *info = TS_RESP_get_tst_info(r);
    const ASN1_GENERALIZEDTIME *t = info ? TS_TST_INFO_get_time(info) : NULL;
    struct tm tm;
    return t && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : -1;
}

static bool by(const struct sig_authority *tsa, TS_RESP *r, hc_str signature, int64_t at_s)
{
    if ((tsa->from_s && at_s < tsa->from_s) || (tsa->to_s && at_s > tsa->to_s))
        return false;
    int n = sk_X509_num(tsa->chain);
    TS_VERIFY_CTX *ctx = TS_VERIFY_CTX_new();
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *certs = sk_X509_new_null();
    BIO *data = BIO_new_mem_buf(signature.p, (int)signature.n);
    bool good = ctx && store && certs && data && X509_STORE_add_cert(store, sk_X509_value(tsa->chain, n - 1)) == 1;
    for (int i = 0; good && i < n; i++) {
        X509 *x = sk_X509_value(tsa->chain, i);
        good = X509_up_ref(x) == 1 && sk_X509_push(certs, x) > 0;
    }
    if (good) {
        X509_VERIFY_PARAM *param = X509_STORE_get0_param(store);
        X509_VERIFY_PARAM_set_time(param, (time_t)at_s);
        (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
        (void)TS_VERIFY_CTX_set_flags(ctx, TS_VFY_VERSION | TS_VFY_SIGNATURE | TS_VFY_DATA);
        (void)TS_VERIFY_CTX_set_store(ctx, store); /* takes all three */
        (void)TS_VERIFY_CTX_set_certs(ctx, certs);
        (void)TS_VERIFY_CTX_set_data(ctx, data);
        store = NULL;
        certs = NULL;
        data = NULL;
        good = TS_RESP_verify_response(ctx, r) == 1;
    }
    BIO_free(data);
    sk_X509_pop_free(certs, X509_free);
    X509_STORE_free(store);
    TS_VERIFY_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

int64_t sig_stamp_time(const struct hc_sigstore_root *root, hc_str stamp, hc_str signature)
{
    const unsigned char *p = (const unsigned char *)stamp.p;
    TS_RESP *r = stamp.n && stamp.n < 65536 ? d2i_TS_RESP(NULL, &p, (long)stamp.n) : NULL;
    int64_t at_s = r ? stamped_s(r) : -1;
    bool good = false;
    for (size_t i = 0; at_s > 0 && i < root->tsas_n && !good; i++)
        good = by(&root->tsas[i], r, signature, at_s);
    TS_RESP_free(r);
    ERR_clear_error();
    return good ? at_s : -1;
}
