/*
 * One GET, with basic or bearer credentials for the host they were given for and no other.
 */
#include "charts-fetch/source/http_impl.h"
#include "core/base/digest.h"
#include "core/base/scrub.h"

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

static bool has_credentials(const struct hc_source_auth *auth)
{
    return auth && (auth->username.n || auth->password.n || auth->bearer.n);
}

static enum hc_rc bad_status(const struct source_get *g, const struct hc_http_response *r, struct hc_err *err)
{
    hc_str host = source_host_of(hc_str_of(g->url));
    enum hc_rc rc;
    switch (r->status) {
    case 401:
    case 403:
        rc = hc_fail(err, HC_E_INPUT, "get %s '%s': %.*s answers %d: %s", g->what, g->url, HC_P(host), r->status,
                     has_credentials(g->auth) ? "the credentials are not accepted"
                     : g->env->login          ? g->env->login
                                              : "it wants credentials; name a Secret with username and password in "
                                                "spec.secretRef");
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
    bool ours = hc_str_eq(source_host_of(hc_str_of(g->url)), source_host_of(g->origin));
    if (auth && (ours || auth->pass_credentials)) {
        if (auth->bearer.n) {
            headers[n++] = hc_arena_printf(a, "Authorization: Bearer %.*s", HC_P(auth->bearer)).p;
        } else if (auth->username.n || auth->password.n) {
            hc_str pair = hc_arena_printf(a, "%.*s:%.*s", HC_P(auth->username), HC_P(auth->password));
            headers[n++] = hc_arena_printf(a, "Authorization: Basic %s", hc_base64(a, pair).p).p;
        }
    }
    if (g->etag.n)
        headers[n++] = hc_arena_printf(a, "If-None-Match: %.*s", HC_P(g->etag)).p;
    else if (g->modified.n)
        headers[n++] = hc_arena_printf(a, "If-Modified-Since: %.*s", HC_P(g->modified)).p;
    if (hc_arena_spent(a))
        return hc_arena_check(a, err, g->what);
    if (auth && (auth->ca_pem.n || auth->insecure_skip_verify || (ours && auth->cert_pem.n))) {
        tls = hc_http_tls_new(
            &(struct hc_http_tls_options){ .ca_pem = auth->ca_pem,
                                           .cert_pem = ours ? auth->cert_pem : (hc_str){ NULL, 0 },
                                           .key_pem = ours ? auth->key_pem : (hc_str){ NULL, 0 },
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
        if (err)
            hc_scrub_urls(err->msg, true);
        return rc;
    }
    return out->status == 200 || out->status == 304 ? HC_OK : bad_status(g, out, err);
}
