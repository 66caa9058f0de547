/*
 * Certificates of a kubeconfig, looked at before anybody is asked: TLS libraries and servers say of a broken one at best
 * that a handshake failed.
 */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "core/base/clock.h"
#include "deploy/kube/kube_impl.h"

static BIO *bio_of(hc_str pem)
{
    return pem.n && pem.n < INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
}

/* A key with a passphrase is none to us: OpenSSL would ask the terminal. */
static int no_phrase(char *buf, int size, int rwflag, void *asked)
{
    (void)buf, (void)size, (void)rwflag;
    *(bool *)asked = true;
    return -1;
}

static X509 *certificate(hc_str pem)
{
    BIO *bio = bio_of(pem);
    X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return x;
}

static EVP_PKEY *private_key(hc_str pem, bool *locked)
{
    BIO *bio = bio_of(pem);
    *locked = false;
    EVP_PKEY *k = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_phrase, locked) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return k;
}

static hc_str date_of(struct hc_arena *a, const ASN1_TIME *t)
{
    struct tm tm;
    return ASN1_TIME_to_tm(t, &tm) ? hc_time_rfc3339(a, (int64_t)timegm(&tm) * 1000)
                                   : HC_S("a time that cannot be read");
}

static enum hc_rc in_time(struct hc_arena *a, const X509 *x, const char *where, struct hc_err *err)
{
    int64_t now_ms = hc_now_ms();
    time_t now = (time_t)(now_ms / 1000);
    bool early = X509_cmp_time(X509_get0_notBefore(x), &now) > 0;
    if (!early && X509_cmp_time(X509_get0_notAfter(x), &now) >= 0)
        return HC_OK;
    return hc_fail(
        err, HC_E_INPUT, "%s: the client certificate %s %.*s (it is %.*s here): %s", where,
        early ? "is not valid before" : "expired on",
        HC_P(date_of(a, early ? X509_get0_notBefore(x) : X509_get0_notAfter(x))), HC_P(hc_time_rfc3339(a, now_ms)),
        early ? "see whether this machine's clock is right" : "have it renewed, and write the kubeconfig anew");
}

enum hc_rc kube_pair_check(struct hc_arena *a, const char *where, hc_str ca, hc_str cert, hc_str key, bool alone,
                           struct hc_err *err)
{
    bool locked = false;
    enum hc_rc rc = HC_OK;
    X509 *x = NULL;
    EVP_PKEY *k = NULL;
    if (ca.n > 0 && !(x = certificate(ca)))
        return hc_fail(err, HC_E_INPUT,
                       "%s: certificate-authority holds no certificate that can be read (PEM, '-----BEGIN "
                       "CERTIFICATE-----')",
                       where);
    X509_free(x);
    x = NULL;
    if (cert.n == 0 && key.n == 0)
        return HC_OK;
    if (cert.n == 0 || key.n == 0)
        return hc_fail(err, HC_E_INPUT, "%s: %s is there, but %s is not: a client certificate needs both", where,
                       cert.n ? "client-certificate" : "client-key", cert.n ? "client-key" : "client-certificate");
    x = certificate(cert);
    k = x ? private_key(key, &locked) : NULL;
    if (!x)
        rc = hc_fail(err, HC_E_INPUT,
                     "%s: client-certificate holds no certificate that can be read (PEM, '-----BEGIN "
                     "CERTIFICATE-----')",
                     where);
    else if (!k)
        rc = hc_fail(err, HC_E_INPUT,
                     locked ? "%s: client-key has a passphrase, which nobody is asked for: write it without one"
                            : "%s: client-key holds no private key that can be read (PEM)",
                     where);
    else if (X509_check_private_key(x, k) != 1)
        rc = hc_fail(
            err, HC_E_INPUT,
            "%s: client-certificate and client-key do not belong together: one of them is of another user or "
            "older",
            where);
    else if (alone)
        rc = in_time(a, x, where, err);
    ERR_clear_error();
    EVP_PKEY_free(k);
    X509_free(x);
    return rc;
}
