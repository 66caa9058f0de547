/*
 * Git over HTTP: a GET for the refs, a POST for the pack, both on the process's one loop. The answer to the POST is
 * spooled to a file without a name, because a pack may be large and the loop's thread must not parse it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "charts-fetch/source/git_impl.h"
#include "charts-fetch/source/http_impl.h"
#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/limits.h"

struct http_state {
    const char *base; /* where redirects led, without "/info/refs..." */
    bool elsewhere;   /* that is another host: it gets no credentials */
    struct hc_http_tls *tls;
    int spool;
    int failed; /* errno of the spool */
};

static void auth_header(struct git_peer *p, const char **headers, size_t *n)
{
    const struct hc_source_auth *auth = p->auth;
    const struct http_state *s = p->state;
    if (!auth || s->elsewhere)
        return;
    if (auth->bearer.n) {
        headers[(*n)++] = hc_arena_printf(p->a, "Authorization: Bearer %.*s", HC_P(auth->bearer)).p;
    } else if (auth->username.n || auth->password.n) {
        hc_str pair = hc_arena_printf(p->a, "%.*s:%.*s", HC_P(auth->username), HC_P(auth->password));
        headers[(*n)++] = hc_arena_printf(p->a, "Authorization: Basic %s", hc_base64(p->a, pair).p).p;
    }
}

static enum hc_rc bad_status(struct git_peer *p, const struct hc_http_response *r)
{
    int status = r->status;
    const char *from = p->auth && p->auth->from ? p->auth->from : "spec.secretRef";
    bool had = p->auth && (p->auth->bearer.n || p->auth->username.n || p->auth->password.n);
    switch (status) {
    case 401:
    case 403:
        if (had)
            return hc_fail(p->err, HC_E_INPUT, "%.*s answers %d to '%s': the credentials of %s are not accepted",
                           HC_P(p->host), status, p->url, from);
        return hc_fail(p->err, HC_E_INPUT,
                       "%.*s answers %d to '%s': it wants credentials; name a Secret with username and password in "
                       "spec.secretRef",
                       HC_P(p->host), status, p->url);
    case 404:
    case 410:
        return hc_fail(p->err, HC_E_INPUT, "no Git repository at '%s' (%.*s answers %d): check spec.url%s", p->url,
                       HC_P(p->host), status, had ? "" : ", or name credentials if it is private");
    default:
        hc_fail(p->err, HC_E_AGAIN, "%.*s answers %d to '%s'", HC_P(p->host), status, p->url);
        source_advise(p->env, p->auth, r, p->err);
        return HC_E_AGAIN;
    }
}

static enum hc_rc open_(struct git_peer *p, hc_str *out)
{
    struct http_state *s = HC_NEW(p->a, struct http_state);
    const char *headers[4] = { "Git-Protocol: version=2" };
    size_t n = 1;
    struct hc_http_response r;
    if (!s)
        return hc_arena_check(p->a, p->err, "git fetch");
    p->state = s;
    if (p->auth && (p->auth->ca_pem.n || p->auth->cert_pem.n)) {
        s->tls = hc_http_tls_new(&(struct hc_http_tls_options){ .ca_pem = p->auth->ca_pem,
                                                                .cert_pem = p->auth->cert_pem,
                                                                .key_pem = p->auth->key_pem,
                                                                .ca_with_system = true });
        if (!s->tls)
            return hc_fail_nomem(p->err);
    }
    hc_str url = hc_str_of(p->url);
    while (hc_str_ends(url, HC_S("/")))
        url.n--;
    auth_header(p, headers, &n);
    struct hc_http_request req = {
        .method = "GET",
        .url = hc_arena_printf(p->a, "%.*s/info/refs?service=git-upload-pack", HC_P(url)).p,
        .headers = headers,
        .tls = s->tls,
        .proxy = p->env->proxy,
        .timeout_ms = git_time_left(p),
        .idle_timeout_ms = 30000,
        .max_redirects = -1,
        .accept_gzip = true,
    };
    if (hc_arena_spent(p->a))
        return hc_arena_check(p->a, p->err, "git fetch");
    if (hc_http_do(p->env->http, p->a, &req, &r, p->err) != HC_OK) {
        hc_wrap(p->err, "list refs of '%s'", p->url);
        source_advise(p->env, p->auth, &r, p->err);
        return p->err->code;
    }
    if (r.status != 200)
        return bad_status(p, &r);
    if (!hc_str_starts(hc_http_header(&r, "content-type"), HC_S("application/x-git-upload-pack-advertisement")))
        return hc_fail(p->err, HC_E_INPUT, "'%s' is a web page, not a Git repository over HTTP: check spec.url",
                       p->url);
    hc_str led = hc_str_of(r.effective_url ? r.effective_url : req.url);
    size_t cut = hc_str_find_str(led, HC_S("/info/refs"));
    s->base = hc_arena_strz(p->a, cut == SIZE_MAX ? url : hc_str_sub(led, 0, cut));
    s->elsewhere = !hc_str_eq(source_host_of(led), source_host_of(url));
    *out = r.body;
    return hc_arena_check(p->a, p->err, "git fetch");
}

static bool to_spool(void *ctx, const char *bytes, size_t n)
{
    struct git_peer *p = ctx;
    struct http_state *s = p->state;
    p->received += n;
    s->failed = hc_write_all(s->spool, hc_str_n(bytes, n));
    return !s->failed;
}

/* A POST of the protocol; the answer is spooled when `spool` says so. */
static enum hc_rc post(struct git_peer *p, hc_str body, bool spool, struct hc_http_response *r)
{
    struct http_state *s = p->state;
    const char *headers[5] = { "Content-Type: application/x-git-upload-pack-request",
                               "Accept: application/x-git-upload-pack-result" };
    size_t n = 2, most = p->env->max_bytes ? p->env->max_bytes : HC_MAX_ARTIFACT_BYTES;
    if (p->refs.v2)
        headers[n++] = "Git-Protocol: version=2";
    auth_header(p, headers, &n);
    struct hc_http_request req = {
        .method = "POST",
        .url = hc_arena_printf(p->a, "%s/git-upload-pack", s->base).p,
        .headers = headers,
        .body = body,
        .tls = s->elsewhere ? NULL : s->tls,
        .proxy = p->env->proxy,
        .timeout_ms = git_time_left(p),
        .idle_timeout_ms = 30000,
        .max_bytes = spool ? (most > p->received ? most - p->received : 1) : 0,
        .on_data = spool ? to_spool : NULL,
        .ctx = p,
    };
    enum hc_rc rc = hc_arena_check(p->a, p->err, "git fetch");
    if (rc == HC_OK && hc_http_do(p->env->http, p->a, &req, r, p->err) != HC_OK) {
        errno = s->failed;
        rc = s->failed ? hc_fail_errno(p->err, "write to the store, pack of", p->url)
                       : hc_wrap(p->err, "fetch '%s'", p->url);
        source_advise(p->env, p->auth, r, p->err);
    } else if (rc == HC_OK && r->status != 200) {
        rc = bad_status(p, r);
    }
    return rc;
}

static enum hc_rc ask(struct git_peer *p, hc_str command, hc_str *out)
{
    struct hc_http_response r;
    if (post(p, command, false, &r) != HC_OK)
        return p->err->code;
    *out = r.body;
    return HC_OK;
}

static enum hc_rc request(struct git_peer *p, hc_str text, bool last, int *out_fd)
{
    struct http_state *s = p->state;
    struct hc_http_response r;
    (void)last;
    if (git_spool(p, &s->spool) != HC_OK)
        return p->err->code;
    enum hc_rc rc = post(p, text, true, &r);
    if (rc == HC_OK && lseek(s->spool, 0, SEEK_SET) < 0)
        rc = hc_fail_errno(p->err, "read", "spooled pack");
    if (rc != HC_OK) {
        close(s->spool);
        return rc;
    }
    *out_fd = s->spool;
    return HC_OK;
}

static void http_close(struct git_peer *p)
{
    struct http_state *s = p->state;
    if (s)
        hc_http_tls_unref(s->tls);
}

const struct git_transport git_http_transport = { open_, ask, request, http_close };
