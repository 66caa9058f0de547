/*
 * Certificates and trust of one peer: PEM text that outlives every request which uses it, so that the
 * library need not copy it per request.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/http/http_impl.h"

/*
 * The certificate with the key behind it. The library takes a connection, or a TLS session, that another request made when
 * the certificates are alike, and does not compare the keys: who knows a certificate, which is no secret, would be served
 * over the connection of who has its key.
 */
static bool keep_pair(hc_str cert, hc_str key, char **out, size_t *out_n)
{
    if (cert.n == 0)
        return true;
    char *p = hc_malloc(cert.n + key.n + 2);
    if (!p)
        return false;
    memcpy(p, cert.p, cert.n);
    p[cert.n] = '\n';
    if (key.n)
        memcpy(p + cert.n + 1, key.p, key.n);
    p[cert.n + 1 + key.n] = '\0';
    *out = p;
    *out_n = cert.n + 1 + key.n;
    return true;
}

static bool keep(hc_str s, char **out, size_t *out_n)
{
    if (s.n == 0)
        return true;
    *out = hc_strdup_n(s.p, s.n);
    if (*out && out_n)
        *out_n = s.n;
    return *out != NULL;
}

struct hc_http_tls *hc_http_tls_new(const struct hc_http_tls_options *o)
{
    struct hc_http_tls *t = hc_calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    atomic_init(&t->refs, 1);
    t->insecure = o->insecure_skip_verify;
    t->with_system = o->ca_with_system;
    if (!keep(o->ca_pem, &t->ca, &t->ca_n) || !keep_pair(o->cert_pem, o->key_pem, &t->cert, &t->cert_n) ||
        !keep(o->key_pem, &t->key, &t->key_n) || !keep(o->server_name, &t->server_name, NULL)) {
        hc_http_tls_unref(t);
        return NULL;
    }
    return t;
}

struct hc_http_tls *hc_http_tls_ref(struct hc_http_tls *t)
{
    if (t)
        atomic_fetch_add(&t->refs, 1);
    return t;
}

void hc_http_tls_unref(struct hc_http_tls *t)
{
    if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    free(t->ca);
    if (t->cert)
        explicit_bzero(t->cert, t->cert_n);
    free(t->cert);
    if (t->key)
        explicit_bzero(t->key, t->key_n);
    free(t->key);
    free(t->server_name);
    free(t);
}
