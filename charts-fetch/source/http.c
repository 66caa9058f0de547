/*
 * One GET, with basic or bearer credentials for the host they were given for and no other.
 */
#include "charts-fetch/source/http_impl.h"
#include "core/base/digest.h"
#include "core/base/scrub.h"

#include <stdarg.h>
#include <stdio.h>

hc_str source_host_of(hc_str url)
{
    size_t at = hc_str_find_str(url, HC_S("://"));
    if (at == SIZE_MAX)
        return (hc_str){ NULL, 0 };
    size_t end = at + 3;
    while (end < url.n && url.p[end] != '/' && url.p[end] != '?')
        end++;
    return hc_str_sub(url, 0, end);
}

/* ---- what to do about a refusal ----------------------------------------------------------------------- */

static void HC_PRINTF(2, 3) advise(struct hc_err *err, const char *fmt, ...)
{
    size_t n = strlen(err->msg);
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->msg + n, sizeof(err->msg) - n, fmt, args);
    va_end(args);
}

/* nginx and what is built on it end the handshake and answer 400. */
static bool page_about_certificates(const struct hc_http_response *r)
{
    return r->status == 400 &&
           hc_str_starts(hc_str_of(r->effective_url ? r->effective_url : ""), HC_S("https://")) &&
           (hc_str_find_str(r->body, HC_S("SSL certificate")) != SIZE_MAX ||
            hc_str_find_str(r->body, HC_S("client certificate")) != SIZE_MAX);
}

static bool says_issuer(const char *text)
{
    static const char *const words[] = { "issuer", "self-signed", "self signed", "unable to verify" };
    for (size_t i = 0; i < HC_LEN(words); i++)
        if (strstr(text, words[i]))
            return true;
    return false;
}

void source_advise(const struct hc_source_env *env, const struct hc_source_auth *auth,
                   const struct hc_http_response *r, struct hc_err *err)
{
    static const struct hc_source_auth nobody;
    if (!err)
        return;
    auth = auth ? auth : &nobody;
    const char *tls = auth->tls_from ? auth->tls_from : "what was given", *field = auth->tls_field;
    bool refused = r->trouble == HC_HTTP_CERT_WANTED || page_about_certificates(r);
    if (r->trouble == HC_HTTP_PROXY_LOGIN && env->proxy_from) {
        advise(err,
               strchr(env->proxy ? env->proxy : "", '@') ? ": it does not accept username and password of %s"
                                                         : ": it wants a login; put username and password into %s",
               env->proxy_from);
    } else if (r->trouble == HC_HTTP_PROXY_LOGIN) {
        advise(err, ": check user and password in the proxy's URL (HTTPS_PROXY, HTTP_PROXY)");
    } else if (r->trouble == HC_HTTP_BAD_CA) {
        advise(err, "; ca.crt of %s is no certificate in PEM", tls);
    } else if (r->trouble == HC_HTTP_BAD_CERT) {
        advise(err, "; tls.crt and tls.key of %s must be PEM, without a passphrase, and belong together", tls);
    } else if (refused && auth->cert_pem.n) {
        advise(err,
               "; the server does not accept the client certificate of %s: its authority may be another, or its "
               "time over",
               tls);
    } else if (refused && field) {
        advise(err, "; the server wants a client certificate: put tls.crt and tls.key into %s%s",
               auth->tls_from ? auth->tls_from : "a Secret and name it in ", auth->tls_from ? "" : field);
    } else if (r->trouble == HC_HTTP_UNTRUSTED && says_issuer(err->msg) && auth->ca_pem.n) {
        advise(err, "; ca.crt of %s is not of the authority that signed it", tls);
    } else if (r->trouble == HC_HTTP_UNTRUSTED && says_issuer(err->msg) && field) {
        advise(err, "; if its authority is a private one, put the authority's certificate as ca.crt into %s%s",
               auth->tls_from ? auth->tls_from : "a Secret and name it in ", auth->tls_from ? "" : field);
    }
}

/* ---- a GET -------------------------------------------------------------------------------------------- */

static bool has_credentials(const struct hc_source_auth *auth)
{
    return auth && (auth->username.n || auth->password.n || auth->bearer.n);
}

/* What to do about 401 and 403. `sent`: this host was shown the credentials. */
static const char *login_advice(const struct source_get *g, bool sent, struct hc_arena *a)
{
    const char *from = g->auth ? g->auth->from : NULL;
    if (sent && from)
        return hc_arena_printf(a, "the credentials of %s are not accepted", from).p;
    if (sent)
        return "the credentials are not accepted";
    if (g->env->login)
        return g->env->login;
    if (has_credentials(g->auth))
        return "it wants credentials, and is another host than the repository's; spec.passCredentials sends them "
               "there";
    return "it wants credentials; name a Secret with username and password in spec.secretRef";
}

static enum hc_rc bad_status(const struct source_get *g, struct hc_arena *a, bool sent,
                             const struct hc_http_response *r, struct hc_err *err)
{
    hc_str host = source_host_of(hc_str_of(g->url));
    const char *advice;
    enum hc_rc rc;
    switch (r->status) {
    case 401:
    case 403:
        advice = login_advice(g, sent, a);
        rc = hc_fail(err, HC_E_INPUT, "get %s '%s': %.*s answers %d: %s", g->what, g->url, HC_P(host), r->status,
                     advice ? advice : "");
        break;
    case 404:
    case 410:
        rc = hc_fail(err, HC_E_INPUT, "get %s '%s': %.*s answers %d: nothing is there; check the URL", g->what,
                     g->url, HC_P(host), r->status);
        break;
    default:
        rc = hc_fail(err, r->status >= 500 || r->status == 429 || r->status == 408 ? HC_E_AGAIN : HC_E_INPUT,
                     "get %s '%s': %.*s answers %d", g->what, g->url, HC_P(host), r->status);
    }
    if (err) {
        source_advise(g->env, g->auth, r, err);
        hc_scrub_urls(err->msg, true);
        err->http_status = r->status;
        err->retry_after_ms = r->retry_after_ms;
    }
    return rc;
}

enum hc_rc source_get(const struct source_get *g, struct hc_arena *a, struct hc_http_response *out,
                      struct hc_err *err)
{
    const char *headers[4] = { 0 };
    size_t n = 0;
    const struct hc_source_auth *auth = g->auth;
    struct hc_http_tls *tls = NULL;
    bool ours = hc_str_eq(source_host_of(hc_str_of(g->url)), source_host_of(g->origin)) ||
                (auth && auth->pass_credentials);
    if (auth && ours) {
        if (auth->bearer.n) {
            headers[n++] = hc_arena_printf(a, "Authorization: Bearer %.*s", HC_P(auth->bearer)).p;
        } else if (auth->username.n || auth->password.n) {
            hc_str pair = hc_arena_printf(a, "%.*s:%.*s", HC_P(auth->username), HC_P(auth->password));
            headers[n++] = hc_arena_printf(a, "Authorization: Basic %s", hc_base64(a, pair).p).p;
        }
    }
    if (g->etag.n && hc_http_fits_header(g->etag))
        headers[n++] = hc_arena_printf(a, "If-None-Match: %.*s", HC_P(g->etag)).p;
    else if (g->modified.n && hc_http_fits_header(g->modified))
        headers[n++] = hc_arena_printf(a, "If-Modified-Since: %.*s", HC_P(g->modified)).p;
    if (hc_arena_spent(a))
        return hc_arena_check(a, err, g->what);
    if (auth && (auth->ca_pem.n || auth->insecure_skip_verify || (ours && auth->cert_pem.n))) {
        tls = hc_http_tls_new(
            &(struct hc_http_tls_options){ .ca_pem = auth->ca_pem,
                                           .cert_pem = ours ? auth->cert_pem : (hc_str){ NULL, 0 },
                                           .key_pem = ours ? auth->key_pem : (hc_str){ NULL, 0 },
                                           .ca_with_system = auth->ca_with_system,
                                           .insecure_skip_verify = auth->insecure_skip_verify });
        if (!tls)
            return hc_fail_nomem(err);
    }
    struct hc_http_request req = {
        .method = "GET",
        .url = g->url,
        .headers = headers,
        .tls = tls,
        .proxy = g->env->proxy,
        .timeout_ms = g->env->timeout_ms ? g->env->timeout_ms : 60000,
        .idle_timeout_ms = 30000,
        .min_bytes_per_s = 100,
        .retries = 2,
        .max_bytes = g->max_bytes,
        .max_redirects = -1,
        .accept_gzip = g->accept_gzip,
        .on_data = g->on_data,
        .ctx = g->ctx,
    };
    enum hc_rc rc = hc_http_do(g->env->http, a, &req, out, err);
    hc_http_tls_unref(tls);
    if (rc != HC_OK) {
        hc_wrap(err, "get %s '%s'", g->what, g->url);
        source_advise(g->env, auth, out, err);
        if (err)
            hc_scrub_urls(err->msg, true);
        return rc;
    }
    bool sent = ours && has_credentials(auth) &&
                hc_str_eq(source_host_of(hc_str_of(g->url)), source_host_of(hc_str_of(out->effective_url)));
    return out->status == 200 || out->status == 304 ? HC_OK : bad_status(g, a, sent, out, err);
}
