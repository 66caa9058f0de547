/*
 * The system's authorities, each read when a certificate names it.
 *
 * The library would read the whole bundle for every connection: 140 certificates, 1 MiB of memory and 30 ms of work, for
 * the one that is asked for. So it is told of no bundle, and its store of trust gets a way of looking up (after that of the
 * system's folder of hashed names, where there is one) which walks through the bundle by the subjects alone.
 *
 * As with Go, SSL_CERT_FILE and SSL_CERT_DIR stand for the system's; the folder's names must be hashes (openssl rehash).
 */
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/http/http_impl.h"

static X509_LOOKUP_METHOD *method;

static const char *bundle(void)
{
    const char *own = getenv("SSL_CERT_FILE");
    const char *built_in = curl_version_info(CURLVERSION_NOW)->cainfo;
    return own && *own ? own : built_in ? built_in : X509_get_default_cert_file();
}

static bool skip(const unsigned char **p, const unsigned char *end)
{
    long n;
    int tag, class;
    if (ASN1_get_object(p, &n, &tag, &class, end - *p) & 0x80)
        return false;
    *p += n;
    return true;
}

/* The subject stands behind version, serial number, algorithm, issuer and validity (RFC 5280, 4.1). Without decoding the
 * certificate, whose key would cost most. */
static bool is_of(const unsigned char *der, long size, const X509_NAME *name)
{
    const unsigned char *p = der, *end = der + size;
    long n;
    int tag, class;
    for (int i = 0; i < 2; i++)
        if (ASN1_get_object(&p, &n, &tag, &class, end - p) & 0x80 || tag != V_ASN1_SEQUENCE)
            return false;
    bool versioned = p < end && *p == (V_ASN1_CONTEXT_SPECIFIC | V_ASN1_CONSTRUCTED);
    for (int i = versioned ? 0 : 1; i < 5; i++)
        if (!skip(&p, end))
            return false;
    X509_NAME *subject = d2i_X509_NAME(NULL, &p, end - p);
    bool same = subject && X509_NAME_cmp(subject, name) == 0;
    X509_NAME_free(subject);
    return same;
}

/* All of that name into the store: an authority may have two certificates. */
static void read_bundle(X509_STORE *store, const X509_NAME *name)
{
    BIO *in = BIO_new_file(bundle(), "r");
    char *kind = NULL, *header = NULL;
    unsigned char *der = NULL;
    long n = 0;
    while (in && PEM_read_bio(in, &kind, &header, &der, &n)) {
        bool trusted = strcmp(kind, PEM_STRING_X509_TRUSTED) == 0;
        bool cert = trusted || strcmp(kind, PEM_STRING_X509) == 0 || strcmp(kind, PEM_STRING_X509_OLD) == 0;
        const unsigned char *p = der;
        if (cert && is_of(der, n, name)) {
            X509 *x = trusted ? d2i_X509_AUX(NULL, &p, n) : d2i_X509(NULL, &p, n);
            if (x)
                (void)X509_STORE_add_cert(store, x);
            X509_free(x);
        }
        OPENSSL_free(kind);
        OPENSSL_free(header);
        OPENSSL_free(der);
    }
    BIO_free(in);
}

static int by_subject(X509_LOOKUP *l, X509_LOOKUP_TYPE type, const X509_NAME *name, X509_OBJECT *out)
{
    X509_STORE *store = X509_LOOKUP_get_store(l);
    X509 *found = NULL;
    if (type != X509_LU_X509)
        return 0;
    ERR_set_mark();
    read_bundle(store, name);
    ERR_pop_to_mark(); /* that the bundle has an end is no error */
    X509_STORE_lock(store);
    X509_OBJECT *o = X509_OBJECT_retrieve_by_subject(X509_STORE_get0_objects(store), type, name);
    if (o)
        found = X509_OBJECT_get0_X509(o);
    bool ok = found && X509_OBJECT_set1_X509(out, found);
    X509_STORE_unlock(store);
    if (ok) /* who called takes a reference; that in `out` is the store's */
        X509_free(found);
    return ok;
}

static CURLcode add_lookup(CURL *e, void *ssl_ctx, void *ctx)
{
    const struct hc_http_call *c = ctx;
    (void)e;
    if (c->tls && (c->tls->insecure || (c->tls->ca && !c->tls->with_system)))
        return CURLE_OK;
    return X509_STORE_add_lookup(SSL_CTX_get_cert_store(ssl_ctx), method) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

void http_trust_init(void)
{
    /* Another library than OpenSSL has its own way, and reads the bundle itself. */
    if (strncmp(curl_version_info(CURLVERSION_NOW)->ssl_version, "OpenSSL", 7) != 0)
        return;
    method = X509_LOOKUP_meth_new("system bundle");
    if (method)
        (void)X509_LOOKUP_meth_set_get_by_subject(method, by_subject);
}

void http_trust_system(struct hc_http_call *c)
{
    const char *dir = getenv("SSL_CERT_DIR");
    if (!method || curl_easy_setopt(c->easy, CURLOPT_SSL_CTX_FUNCTION, add_lookup) != CURLE_OK)
        return;
    curl_easy_setopt(c->easy, CURLOPT_SSL_CTX_DATA, c);
    curl_easy_setopt(c->easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(c->easy, CURLOPT_PROXY_CAINFO, NULL);
    if (dir && *dir) {
        curl_easy_setopt(c->easy, CURLOPT_CAPATH, dir);
        curl_easy_setopt(c->easy, CURLOPT_PROXY_CAPATH, dir);
    }
}

const char *http_trust_missing(const struct hc_http_call *c)
{
    bool asked = method && !(c->tls && c->tls->ca && !c->tls->with_system);
    return asked && access(bundle(), R_OK) != 0 ? bundle() : NULL;
}
