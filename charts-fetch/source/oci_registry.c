/*
 * Requests to a registry: address, one answer to its challenge, and its errors in words.
 */
#include "charts-fetch/source/http_impl.h"
#include "charts-fetch/source/oci_impl.h"
#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/value/json.h"

/* Lower-case letters, digits and . _ - between slashes (distribution spec: <name>). */
static bool good_repo(hc_str repo)
{
    if (!repo.n || repo.p[0] == '/' || repo.p[repo.n - 1] == '/' || hc_str_find_str(repo, HC_S("//")) != SIZE_MAX ||
        hc_str_find_str(repo, HC_S("..")) != SIZE_MAX)
        return false;
    for (size_t i = 0; i < repo.n; i++) {
        char c = repo.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' || c == '/'))
            return false;
    }
    return true;
}

/* Docker's own registry goes by three names. */
static void name_host(struct hc_oci *o, hc_str host)
{
    o->host = host;
    if (hc_str_eqz(host, "docker.io") || hc_str_eqz(host, "index.docker.io"))
        o->host = HC_S("registry-1.docker.io");
}

/* host, [::1] or 127.0.0.1, and a port: what goes into a URL as it is. */
static bool good_host(hc_str host)
{
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr(".-_:[]", c)) ||
            !c)
            return false;
    }
    return host.n > 0;
}

/* The trust and the scheme. */
static enum hc_rc prepare(struct hc_oci *o, struct hc_err *err)
{
    const struct hc_source_auth *auth = &o->auth;
    o->deadline_ms = hc_mono_ms() + (o->env.timeout_ms ? o->env.timeout_ms : 60000);
    if (auth->plain_http)
        o->scheme = "http";
    else
        o->may_fall_back = auth->insecure_registry;
    bool careless = auth->insecure_skip_verify || (auth->insecure_registry && !auth->ca_pem.n);
    if (auth->ca_pem.n || auth->cert_pem.n || careless) {
        o->tls = hc_http_tls_new(&(struct hc_http_tls_options){ .ca_pem = auth->ca_pem,
                                                                .cert_pem = auth->cert_pem,
                                                                .key_pem = auth->key_pem,
                                                                .ca_with_system = true,
                                                                .insecure_skip_verify = careless });
        if (!o->tls)
            return hc_fail_nomem(err);
    }
    return hc_arena_check(o->a, err, "registry address");
}

static struct hc_oci *new_conversation(const struct hc_source_env *env, struct hc_arena *a,
                                       const struct hc_source_auth *auth)
{
    struct hc_oci *o = HC_NEW(a, struct hc_oci);
    if (o)
        *o = (struct hc_oci){ .env = *env, .a = a, .scheme = "https" };
    if (o && auth)
        o->auth = *auth;
    return o;
}

/* Names and passwords in front of a host have no place in messages. */
static hc_str without_login(struct hc_arena *a, hc_str host)
{
    size_t at = hc_str_rfind(host, '@');
    return at == SIZE_MAX ? host : hc_arena_printf(a, "***%.*s", HC_P(hc_str_sub(host, at, host.n)));
}

enum hc_rc oci_open_host(const struct hc_source_env *env, struct hc_arena *a, hc_str host,
                         const struct hc_source_auth *auth, struct hc_oci **out, struct hc_err *err)
{
    struct hc_oci *o = new_conversation(env, a, auth);
    if (!o)
        return hc_fail_nomem(err);
    if (!good_host(host))
        return hc_fail(err, HC_E_INPUT, "invalid reference: invalid registry \"%.*s\"",
                       HC_P(without_login(a, host)));
    o->repo = HC_S("");
    name_host(o, host);
    enum hc_rc rc = prepare(o, err);
    if (rc == HC_OK)
        *out = o;
    else
        hc_oci_close(o);
    return rc;
}

enum hc_rc hc_oci_open(const struct hc_source_env *env, struct hc_arena *a, const char *url,
                       const struct hc_source_auth *auth, struct hc_oci **out, struct hc_err *err)
{
    hc_str rest = hc_str_of(url ? url : "");
    struct hc_oci *o = new_conversation(env, a, auth);
    if (!o)
        return hc_fail_nomem(err);
    if (!hc_str_starts(rest, HC_S("oci://")))
        return hc_fail(err, HC_E_INPUT, "'%.*s' is no registry address: it must start with oci://", HC_P(rest));
    rest = hc_str_sub(rest, 6, rest.n);
    while (rest.n && rest.p[rest.n - 1] == '/')
        rest.n--;
    size_t slash = hc_str_find(rest, '/');
    hc_str host = hc_str_sub(rest, 0, slash);
    o->repo = slash == SIZE_MAX ? HC_S("") : hc_str_sub(rest, slash + 1, rest.n);
    bool host_good = good_host(host);
    if (!host_good || !good_repo(o->repo))
        return hc_fail(
            err, HC_E_INPUT,
            "invalid reference: invalid %s \"%.*s\": a registry address is oci://HOST/NAME with lower-case "
            "letters, digits and . _ - in the name, and without a tag",
            host_good ? "repository" : "registry", HC_P(host_good ? o->repo : without_login(a, host)));
    name_host(o, host);
    if (!hc_str_eq(o->host, host) && hc_str_find(o->repo, '/') == SIZE_MAX)
        o->repo = hc_arena_printf(a, "library/%.*s", HC_P(o->repo));
    enum hc_rc rc = prepare(o, err);
    if (rc == HC_OK)
        *out = o;
    else
        hc_oci_close(o);
    return rc;
}

void hc_oci_close(struct hc_oci *o)
{
    if (!o)
        return;
    oci_leave(o);
    hc_http_tls_unref(o->tls);
    o->tls = NULL;
}

void hc_oci_close_auto(struct hc_oci **o)
{
    hc_oci_close(*o);
}

bool oci_header(hc_str *rest, hc_str name, hc_str *out)
{
    for (hc_str line; rest->p && hc_str_split(rest, '\n', &line);)
        if (line.n > name.n && line.p[name.n] == ':' && hc_str_starts(line, name)) {
            *out = hc_str_trim(hc_str_sub(line, name.n + 1, line.n));
            return true;
        }
    return false;
}

/* Another host gets no login of ours, whether a redirect led there or an upload goes on there. */
static bool is_ours(struct hc_oci *o, hc_str url)
{
    hc_str origin = hc_arena_printf(o->a, "%s://%.*s", o->scheme, HC_P(o->host));
    return origin.n && hc_str_starts(url, origin) && (url.n == origin.n || strchr("/?", url.p[origin.n]));
}

static enum hc_rc send(struct hc_oci *o, const struct oci_request *q, struct hc_http_response *out,
                       struct hc_err *err)
{
    const char *headers[6] = { 0 };
    size_t n = 0;
    oci_choose_scheme(o);
    enum hc_rc rc = oci_ready(o, err);
    if (rc != HC_OK)
        return rc;
    if (q->accept)
        headers[n++] = hc_arena_printf(o->a, "Accept: %s", q->accept).p;
    if (q->type)
        headers[n++] = hc_arena_printf(o->a, "Content-Type: %s", q->type).p;
    if (q->range.n)
        headers[n++] = hc_arena_printf(o->a, "Range: %.*s", HC_P(q->range)).p;
    if (q->content_range.n)
        headers[n++] = hc_arena_printf(o->a, "Content-Range: %.*s", HC_P(q->content_range)).p;
    bool whole = hc_str_find_str(q->path, HC_S("://")) != SIZE_MAX, foreign = whole && !is_ours(o, q->path);
    if (o->authorization.n && !foreign)
        headers[n++] = o->authorization.p;
    int64_t left = o->deadline_ms - hc_mono_ms();
    if (left <= 0)
        return hc_fail(err, HC_E_AGAIN, "no time is left");
    struct hc_http_request req = {
        .method = q->method ? q->method : "GET",
        .url = whole ? hc_arena_strz(o->a, q->path)
                     : hc_arena_printf(o->a, "%s://%.*s%.*s", o->scheme, HC_P(o->host), HC_P(q->path)).p,
        .headers = headers,
        .body = q->body,
        .tls = foreign && o->auth.cert_pem.n ? NULL : o->tls,
        .proxy = o->env.proxy,
        .timeout_ms = left,
        .idle_timeout_ms = 30000,
        .min_bytes_per_s = 100,
        .retries = 3,
        .max_bytes = q->max_bytes,
        .max_redirects = -1,
        .on_data = q->on_data,
        .on_head = q->on_head,
        .ctx = q->ctx,
    };
    if (hc_arena_spent(o->a))
        return hc_arena_check(o->a, err, "request");
    rc = hc_http_do(o->env.http, o->a, &req, out, err);
    if (rc != HC_OK) {
        oci_scheme_failed(o);
        source_advise(&o->env, &o->auth, out, err);
    }
    if (rc != HC_OK && out->trouble == HC_HTTP_NO_TLS)
        hc_wrap(err, "it may speak HTTP without TLS, which must be asked for (%s)",
                o->env.login ? "--plain-http" : "spec.insecure");
    return rc;
}

/* What nginx, and servers in Go, tell who speaks HTTP where TLS is spoken. */
static bool speaks_tls(hc_str page)
{
    return hc_str_find_str(page, HC_S("HTTP request was sent to HTTPS port")) != SIZE_MAX ||
           hc_str_find_str(page, HC_S("HTTP request to an HTTPS server")) != SIZE_MAX;
}

static enum hc_rc bad_status(struct hc_oci *o, const struct oci_request *q, const struct hc_http_response *r,
                             struct hc_err *err)
{
    struct hc_val *v = NULL;
    if (hc_json_parse(o->a, r->body, HC_JSON_NO_POSITIONS, &v, NULL) != HC_OK)
        v = NULL;
    hc_str code = hc_get_str_at(v, "errors[0].code"), message = hc_get_str_at(v, "errors[0].message");
    enum hc_rc rc = r->status == 404                                           ? HC_E_NOTFOUND
                    : r->status == 429 || r->status == 408 || r->status >= 500 ? HC_E_AGAIN
                                                                               : HC_E_INPUT;
    const char *advice = "";
    if (r->status == 401 || r->status == 403) {
        (void)oci_find_login(o, NULL); /* who we were, for the message */
        advice = oci_asked_as(o);
    }
    hc_fail(err, rc, "oci://%.*s/%.*s: %s: the registry answers %d%s%.*s%s%.*s%s%s", HC_P(o->host), HC_P(o->repo),
            q->what, r->status, code.n ? " " : "", HC_P(hc_str_sub(code, 0, 100)), message.n ? ": " : "",
            HC_P(hc_str_sub(message, 0, 200)), *advice ? "; " : "", advice);
    if (r->status == 400 && strcmp(o->scheme, "http") == 0 && speaks_tls(r->body))
        hc_wrap(err, "it speaks TLS, and was asked without (%s)", o->env.login ? "--plain-http" : "spec.insecure");
    source_advise(&o->env, &o->auth, r, err);
    if (err) {
        err->http_status = r->status;
        err->retry_after_ms = r->retry_after_ms;
    }
    return rc;
}

enum hc_rc oci_do(struct hc_oci *o, const struct oci_request *q, struct hc_http_response *out, struct hc_err *err)
{
    for (int attempt = 0;; attempt++) {
        enum hc_rc rc = send(o, q, out, err);
        if (rc == HC_OK && out->status >= 200 && out->status < 300)
            return HC_OK;
        if (rc == HC_OK && (out->status != 401 || attempt || !is_ours(o, hc_str_of(out->effective_url)) ||
                            !hc_http_header(out, "www-authenticate").n))
            return bad_status(o, q, out, err);
        if (rc == HC_OK)
            rc = oci_answer(o, out, err);
        if (rc != HC_OK)
            return hc_wrap(err, "oci://%.*s/%.*s: %s", HC_P(o->host), HC_P(o->repo), q->what);
    }
}
