/*
 * One request as an easy handle: options, callbacks that count bytes, redirects, and the words for what failed.
 *
 * Redirects: the library's own following keeps every header but Authorization and a client certificate for any
 * host, so it is off. Location is resolved against the URL at hand; when scheme, host or port change, the call has
 * "crossed" for good and only headers of an allow-list stay.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/http/http_impl.h"

#define DEFAULT_TIMEOUT_MS  30000
#define DEFAULT_CONNECT_MS  10000
#define RETRY_BASE_MS       200 /* half to one and a half of it, doubled each time */
#define DEAD_CONNECTION_SEC 30  /* unacknowledged bytes, or keep-alive probes, for this long: it is gone */

static char *copyz(struct hc_arena *a, const char *z)
{
    return z ? hc_arena_strz(a, hc_str_of(z)) : NULL;
}

struct hc_http_call *call_new(struct hc_http *h, const struct hc_http_request *req)
{
    struct hc_http_call *c = hc_calloc(1, sizeof(*c));
    struct hc_arena *a = hc_arena_new(0);
    if (!c || !a) {
        free(c);
        hc_arena_free(a);
        return NULL;
    }
    atomic_init(&c->refs, 1);
    pthread_mutex_init(&c->wait_mu, NULL);
    pthread_cond_init(&c->wait_cond, NULL);
    atomic_fetch_add(&h->refs, 1);
    c->h = h;
    c->a = a;
    c->method = copyz(a, req->method ? req->method : "GET");
    c->url = copyz(a, req->url ? req->url : "");
    c->proxy = copyz(a, req->proxy);
    c->body = req->body.n ? hc_arena_str(a, req->body) : req->body;
    size_t n = 0;
    while (req->headers && req->headers[n])
        n++;
    c->header_lines = HC_NEW_N(a, const char *, n + 1);
    for (size_t i = 0; i < n && c->header_lines; i++)
        c->header_lines[i] = copyz(a, req->headers[i]);
    c->tls = hc_http_tls_ref(req->tls);
    c->started_ms = hc_mono_ms();
    c->timeout_ms = req->timeout_ms == 0 ? DEFAULT_TIMEOUT_MS : req->timeout_ms;
    c->connect_timeout_ms = req->connect_timeout_ms > 0 ? req->connect_timeout_ms : DEFAULT_CONNECT_MS;
    c->idle_timeout_ms = req->idle_timeout_ms;
    c->max_bytes = req->max_bytes ? req->max_bytes : HC_MAX_RESPONSE_BYTES;
    c->redirects_left = c->redirects_max = req->max_redirects < 0 ? HC_MAX_REDIRECTS : req->max_redirects;
    c->first_byte_ms = req->first_byte_ms;
    c->not_after_ms = req->not_after_ms;
    c->min_bytes_per_s = req->min_bytes_per_s;
    c->speed_window_ms = req->speed_window_ms > 0 ? req->speed_window_ms : SPEED_WINDOW_MS;
    c->retries_left = c->retries = req->retries;
    c->http1_only = req->http1_only;
    c->accept_gzip = req->accept_gzip;
    c->on_data = req->on_data;
    c->on_head = req->on_head;
    c->ctx = req->ctx;
    hc_buf_init(&c->out_headers, MAX_HEADER_BYTES);
    hc_buf_init(&c->out_body, HC_MIN(c->max_bytes, HC_MAX_BUF));
    if (hc_arena_spent(a)) {
        hc_http_unref(c);
        return NULL;
    }
    return c;
}

void hc_http_unref(struct hc_http_call *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    curl_easy_cleanup(c->easy);
    curl_slist_free_all(c->headers);
    curl_slist_free_all(c->connect_to);
    hc_buf_done(&c->out_headers);
    hc_buf_done(&c->out_body);
    hc_http_tls_unref(c->tls);
    free(c->origin);
    hc_arena_free(c->a);
    http_unref(c->h);
    pthread_cond_destroy(&c->wait_cond);
    pthread_mutex_destroy(&c->wait_mu);
    free(c);
}

enum hc_rc call_end(struct hc_http_call *c, enum hc_rc rc, const char *why)
{
    c->rc = rc;
    c->response = (struct hc_http_response){ .effective_url = c->url };
    return hc_fail(&c->err, rc, "%s %s: %s", c->method, c->origin ? c->origin : "(no host)", why);
}

/* ---- callbacks ----------------------------------------------------------------------------------- */

static void came(struct hc_http_call *c)
{
    c->last_byte_ms = hc_mono_ms();
    c->h->pieces++;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct hc_http_call *c = arg;
    hc_str line = { p, size * n };
    came(c);
    if (!c->answered)
        c->window_ms = c->last_byte_ms;
    c->answered = true;
    if (hc_str_starts(line, HC_S("HTTP/"))) { /* a new answer: after 1xx, after a proxy's CONNECT */
        hc_buf_reset(&c->out_headers);
        c->head_told = false;
        return line.n;
    }
    size_t colon = hc_str_find(line, ':');
    for (size_t i = 0; i < line.n; i++)
        hc_buf_putc(&c->out_headers, i < colon && p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i]);
    if (c->out_headers.spent && c->out_headers.n < MAX_HEADER_BYTES / 2) {
        c->abort_rc = HC_E_NOMEM;
        hc_fail(&c->err, HC_E_NOMEM, "%s %s: no memory for the header of the answer", c->method, c->origin);
        return 0;
    }
    if (c->out_headers.spent) {
        c->abort_rc = HC_E_LIMIT;
        hc_fail(&c->err, HC_E_LIMIT, "%s %s: header of the answer is over %zu bytes", c->method, c->origin,
                MAX_HEADER_BYTES);
        return 0;
    }
    return line.n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct hc_http_call *c = arg;
    hc_str piece = { p, size * n };
    came(c);
    c->seen += (int64_t)piece.n;
    long status = 0;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    bool good = status >= 200 && status < 300;
    if (c->on_data && !good) { /* an error's text: what fits is enough */
        size_t room = MAX_ERROR_BODY - HC_MIN(MAX_ERROR_BODY, c->out_body.n);
        hc_buf_put(&c->out_body, hc_str_sub(piece, 0, room));
        return piece.n;
    }
    if (piece.n > c->max_bytes - HC_MIN(c->received, c->max_bytes)) {
        c->abort_rc = HC_E_LIMIT;
        hc_fail(&c->err, HC_E_LIMIT, "%s %s: the answer is over the %zu bytes it may have", c->method, c->origin,
                c->max_bytes);
        return 0;
    }
    c->received += piece.n;
    if (c->on_data) {
        bool go_on = true;
        if (c->on_head && !c->head_told) {
            const struct hc_http_response head = { .status = (int)status, .headers = hc_buf_str(&c->out_headers) };
            c->head_told = true;
            go_on = c->on_head(c->ctx, &head);
        }
        if (go_on && c->on_data(c->ctx, piece.p, piece.n))
            return piece.n;
        c->abort_rc = HC_E_AGAIN;
        hc_fail(&c->err, HC_E_AGAIN, "%s %s: ended by the reader", c->method, c->origin);
        return 0;
    }
    hc_buf_put(&c->out_body, piece);
    if (c->out_body.spent) {
        c->abort_rc = HC_E_NOMEM;
        hc_fail(&c->err, HC_E_NOMEM, "%s %s: no memory for the answer", c->method, c->origin);
        return 0;
    }
    return piece.n;
}

/* The connection is there, the next thing is the request itself. */
static int on_sending(void *arg, char *ip, char *local_ip, int port, int local_port)
{
    (void)ip, (void)local_ip, (void)port, (void)local_port;
    struct hc_http_call *c = arg;
    if (hc_boot_ms() <= c->not_after_ms)
        return CURL_PREREQFUNC_OK;
    c->abort_rc = HC_E_CONFLICT;
    hc_fail(&c->err, HC_E_CONFLICT, "%s %s: not sent: what it was decided from is too old by now", c->method,
            c->origin);
    return CURL_PREREQFUNC_ABORT;
}

static int on_socket(void *arg, curl_socket_t fd, curlsocktype type)
{
    (void)arg, (void)type;
    unsigned ms = DEAD_CONNECTION_SEC * 1000;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)); /* fails on no-TCP: fine */
    return CURL_SOCKOPT_OK;
}

/* ---- the handle ---------------------------------------------------------------------------------- */

static char *url_part(CURLU *u, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    return curl_url_get(u, part, &text, flags) == CURLUE_OK ? text : NULL;
}

/* "scheme://host:port" with the port always there: two URLs share credentials when these are equal. */
static char *origin_of(CURLU *u, bool hide_default_port)
{
    char *scheme = url_part(u, CURLUPART_SCHEME, 0), *host = url_part(u, CURLUPART_HOST, 0);
    char *port = url_part(u, CURLUPART_PORT, hide_default_port ? CURLU_NO_DEFAULT_PORT : CURLU_DEFAULT_PORT);
    char *out = NULL;
    if (scheme && host) {
        size_t n = strlen(scheme) + strlen(host) + (port ? strlen(port) : 0) + 5;
        out = hc_malloc(n);
        if (out)
            snprintf(out, n, "%s://%s%s%s", scheme, host, port ? ":" : "", port ? port : "");
        for (char *p = out; p && *p; p++)
            if (*p >= 'A' && *p <= 'Z')
                *p = (char)(*p + 32);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    return out;
}

/* May go to another origin: says what answer is wanted and nothing of who asks. */
static bool harmless(const char *line)
{
    static const char *const names[] = { "accept",        "accept-encoding", "accept-language", "user-agent",
                                         "content-type",  "range",           "if-none-match",   "if-modified-since",
                                         "cache-control", "expect" };
    size_t colon = hc_str_find(hc_str_of(line), ':');
    if (colon == SIZE_MAX)
        return false;
    for (size_t i = 0; i < HC_LEN(names); i++)
        if (hc_str_eq_nocase(hc_str_n(line, colon), hc_str_of(names[i])))
            return true;
    return false;
}

static bool add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer)
        *list = longer;
    return longer != NULL;
}

static bool set_headers(struct hc_http_call *c, const char *host_header)
{
    curl_slist_free_all(c->headers);
    c->headers = NULL;
    bool type = false;
    bool ok = add_line(&c->headers, "Expect:");
    for (size_t i = 0; c->header_lines[i]; i++) {
        const char *line = c->header_lines[i];
        if (c->crossed && !harmless(line))
            continue;
        type = type || hc_str_starts_nocase(hc_str_of(line), HC_S("content-type:"));
        ok = ok && add_line(&c->headers, line);
    }
    if (!type)
        ok = ok && add_line(&c->headers, "Content-Type:");
    if (host_header)
        ok = ok && add_line(&c->headers, host_header);
    return ok && curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers) == CURLE_OK;
}

static void set_method(struct hc_http_call *c)
{
    bool get = strcmp(c->method, "GET") == 0, head = strcmp(c->method, "HEAD") == 0;
    if (c->body.p || strcmp(c->method, "POST") == 0 || strcmp(c->method, "PUT") == 0) {
        curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body.n);
        curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, c->body.p ? c->body.p : "");
        curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, c->method);
    } else {
        curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, NULL);
        curl_easy_setopt(c->easy, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, get || head ? NULL : c->method);
        curl_easy_setopt(c->easy, CURLOPT_NOBODY, head ? 1L : 0L);
    }
}

static void set_tls(struct hc_http_call *c)
{
    struct hc_http_tls *t = c->tls;
    if (!t)
        return;
    curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYPEER, t->insecure ? 0L : 1L);
    curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYHOST, t->insecure ? 0L : 2L);
    /* A proxy that is spoken to by TLS is trusted as the server is, as with Go; the client certificate is not for it. */
    curl_easy_setopt(c->easy, CURLOPT_PROXY_SSL_VERIFYPEER, t->insecure ? 0L : 1L);
    curl_easy_setopt(c->easy, CURLOPT_PROXY_SSL_VERIFYHOST, t->insecure ? 0L : 2L);
    struct curl_blob blob = { .flags = CURL_BLOB_NOCOPY };
    if (t->ca) {
        blob.data = t->ca;
        blob.len = t->ca_n;
        curl_easy_setopt(c->easy, CURLOPT_CAINFO_BLOB, &blob);
        curl_easy_setopt(c->easy, CURLOPT_PROXY_CAINFO_BLOB, &blob);
        if (!t->with_system) {
            curl_easy_setopt(c->easy, CURLOPT_CAPATH, NULL);
            curl_easy_setopt(c->easy, CURLOPT_PROXY_CAPATH, NULL);
        }
    }
    if (t->cert && t->key && !c->crossed) {
        blob.data = t->cert;
        blob.len = t->cert_n;
        curl_easy_setopt(c->easy, CURLOPT_SSLCERT_BLOB, &blob);
        curl_easy_setopt(c->easy, CURLOPT_SSLCERTTYPE, "PEM");
        blob.data = t->key;
        blob.len = t->key_n;
        curl_easy_setopt(c->easy, CURLOPT_SSLKEY_BLOB, &blob);
        curl_easy_setopt(c->easy, CURLOPT_SSLKEYTYPE, "PEM");
    } else {
        curl_easy_setopt(c->easy, CURLOPT_SSLCERT_BLOB, NULL);
        curl_easy_setopt(c->easy, CURLOPT_SSLKEY_BLOB, NULL);
    }
}

static bool set_proxy(struct hc_http_call *c, const char *scheme, const char *host, const char *port)
{
    /* The library compares a proxy's name, not who logged in there, unless the distribution mended it: a tunnel each. */
    bool tunnel = strcmp(scheme, "https") == 0 || (c->proxy && strncmp(c->proxy, "socks", 5) == 0);
    bool own = tunnel && c->proxy && strchr(c->proxy, '@');
    /* Named for this peer: NO_PROXY is not asked. */
    hc_str env = c->proxy ? HC_S("") : http_env_proxy(hc_str_of(scheme), hc_str_of(host), hc_str_of(port));
    const char *to = c->proxy ? c->proxy : hc_arena_strz(c->a, env);
    if (hc_str_starts(env, HC_S("socks5://"))) /* with Go it is the proxy that looks names up */
        to = hc_arena_printf(c->a, "socks5h%.*s", HC_P(hc_str_sub(env, 6, env.n))).p;
    if (!to)
        return false;
    curl_easy_setopt(c->easy, CURLOPT_SOCKS5_AUTH,
                     (long)CURLAUTH_BASIC); /* Kerberos would look for servers of its own */
    curl_easy_setopt(c->easy, CURLOPT_FRESH_CONNECT, own ? 1L : 0L);
    curl_easy_setopt(c->easy, CURLOPT_FORBID_REUSE, own ? 1L : 0L);
    curl_easy_setopt(c->easy, CURLOPT_PROXY, to);
    curl_easy_setopt(c->easy, CURLOPT_NOPROXY, "");
    return true;
}

/*
 * The name in the certificate differs from the host to connect to (tls-server-name): the URL gets that name, and
 * the connection and the Host header the real one.
 */
static bool rename_host(struct hc_http_call *c, CURLU *u, const char *host, char **out_host_header)
{
    char *port = url_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    bool ok = port != NULL;
    size_t n = strlen(host) + strlen(c->tls->server_name) + 32;
    char *to = ok ? hc_malloc(n) : NULL, *header = ok ? hc_malloc(n) : NULL;
    if (to && header) {
        snprintf(to, n, "%s:%s:%s:%s", c->tls->server_name, port, host, port);
        snprintf(header, n, "Host: %s:%s", host, port);
        ok = add_line(&c->connect_to, to) && curl_url_set(u, CURLUPART_HOST, c->tls->server_name, 0) == CURLUE_OK &&
             curl_easy_setopt(c->easy, CURLOPT_CONNECT_TO, c->connect_to) == CURLE_OK;
    }
    free(to);
    curl_free(port);
    *out_host_header = header;
    return ok && header;
}

/* Everything that depends on the URL: again after each redirect. */
static enum hc_rc aim(struct hc_http_call *c)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL, *host_header = NULL, *url = NULL;
    enum hc_rc rc = HC_E_NOMEM;
    if (!u)
        goto out;
    CURLUcode bad = curl_url_set(u, CURLUPART_URL, c->url, 0);
    scheme = bad ? NULL : url_part(u, CURLUPART_SCHEME, 0);
    host = bad ? NULL : url_part(u, CURLUPART_HOST, 0);
    if (bad || !scheme || !host || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
        rc = call_end(c, HC_E_INPUT,
                      bad ? curl_url_strerror(bad) : "the URL must start with http:// or https:// and name a host");
        goto out;
    }
    free(c->origin);
    c->origin = origin_of(u, true);
    if (!c->origin)
        goto out;
    curl_slist_free_all(c->connect_to);
    c->connect_to = NULL;
    curl_easy_setopt(c->easy, CURLOPT_CONNECT_TO, NULL);
    if (c->tls && c->tls->server_name && !c->crossed && !rename_host(c, u, host, &host_header))
        goto out;
    if (!set_headers(c, host_header) || !(url = url_part(u, CURLUPART_URL, 0)) ||
        curl_easy_setopt(c->easy, CURLOPT_URL, url) != CURLE_OK)
        goto out;
    /* Waiting to learn whether a new connection can be shared pays where TLS says so at once. Without TLS only the
     * first answer would, and that of a watch may be long in coming. */
    curl_easy_setopt(c->easy, CURLOPT_PIPEWAIT, !c->http1_only && strcmp(scheme, "https") == 0 ? 1L : 0L);
    set_method(c);
    set_tls(c);
    if (!(port = url_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT)) || !set_proxy(c, scheme, host, port))
        goto out;
    int64_t left = c->timeout_ms < 0 ? 0 : c->timeout_ms - (hc_mono_ms() - c->started_ms);
    curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, c->timeout_ms < 0 ? 0L : (long)HC_MAX(left, 1));
    rc = HC_OK;
out:
    if (rc == HC_E_NOMEM)
        call_end(c, HC_E_NOMEM, "no memory for the request");
    free(host_header);
    curl_free(url);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return rc;
}

/* A value that ends its line would begin another one, of whoever wrote it: a token out of a Secret, an ETag out of an
 * answer. The name alone is told, values may be secret. */
static enum hc_rc check_headers(struct hc_http_call *c)
{
    for (const char *const *line = c->header_lines; *line; line++) {
        hc_str text = hc_str_of(*line);
        char why[320];
        if (hc_http_fits_header(text))
            continue;
        snprintf(
            why, sizeof(why),
            "not sent: the value for the header %.*s has a line break or another control character in it; take "
            "that out of where the value comes from (of a Secret, for example)",
            HC_P(hc_str_sub(text, 0, HC_MIN(hc_str_find(text, ':'), (size_t)64))));
        return call_end(c, HC_E_INPUT, why);
    }
    return HC_OK;
}

enum hc_rc call_prepare(struct hc_http_call *c)
{
    CURL *e = c->easy = curl_easy_init();
    if (!e)
        return call_end(c, HC_E_NOMEM, "no memory for the request");
    curl_easy_setopt(e, CURLOPT_PRIVATE, (char *)c);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->curl_error);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, ANSWER_BUFFER);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
                     (long)(c->http1_only ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
    curl_easy_setopt(e, CURLOPT_USERAGENT, "helmctl/" HC_VERSION);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)c->connect_timeout_ms);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, on_socket);
    if (c->not_after_ms > 0) {
        curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_sending);
        curl_easy_setopt(e, CURLOPT_PREREQDATA, c);
    }
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, (long)DEAD_CONNECTION_SEC / 2);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, (long)DEAD_CONNECTION_SEC / 6);
    if (c->accept_gzip)
        curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip");
    http_trust_system(c);
    enum hc_rc rc = aim(c);
    return rc == HC_OK ? check_headers(c) : rc;
}

/* ---- redirects ----------------------------------------------------------------------------------- */

static bool same_origin(CURLU *x, CURLU *y)
{
    char *a = origin_of(x, false), *b = origin_of(y, false);
    bool same = a && b && strcmp(a, b) == 0;
    free(a);
    free(b);
    return same;
}

/* What is never followed, with the words for it. */
static bool may_follow(struct hc_http_call *c, CURLU *from, CURLU *to)
{
    char why[512];
    char *origin = origin_of(to, true), *was = url_part(from, CURLUPART_SCHEME, 0);
    char *scheme = url_part(to, CURLUPART_SCHEME, 0);
    bool ok = false;
    if (!origin || !was || !scheme) {
        call_end(c, HC_E_NOMEM, "no memory for a redirect");
    } else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) {
        call_end(c, HC_E_INPUT, "the server redirects to something that is neither http nor https");
    } else if (c->redirects_left-- <= 0) {
        snprintf(why, sizeof(why), "more than %d redirects, the last to %s: they lead in a circle, or nowhere",
                 c->redirects_max, origin);
        call_end(c, HC_E_INPUT, why);
    } else if (strcmp(was, "https") == 0 && strcmp(scheme, "http") == 0) {
        snprintf(why, sizeof(why),
                 "the server redirects from https to %s, which anybody on the way could change: not followed; name "
                 "the address it leads to if that is meant",
                 origin);
        call_end(c, HC_E_INPUT, why);
    } else {
        ok = true;
    }
    free(origin);
    curl_free(was);
    curl_free(scheme);
    return ok;
}

bool call_redirect(struct hc_http_call *c)
{
    int s = c->status;
    hc_str location = hc_http_header(&c->response, "location");
    if ((s != 301 && s != 302 && s != 303 && s != 307 && s != 308) || location.n == 0 || c->redirects_max == 0)
        return false;
    CURLU *from = curl_url(), *to = NULL;
    char *where = hc_arena_strz(c->a, location), *url = NULL;
    bool follow = false;
    if (!from || !where || curl_url_set(from, CURLUPART_URL, c->url, 0) || !(to = curl_url_dup(from)))
        call_end(c, HC_E_NOMEM, "no memory for a redirect");
    else if (curl_url_set(to, CURLUPART_URL, where, 0) || !(url = url_part(to, CURLUPART_URL, 0)))
        call_end(c, HC_E_INPUT, "the server redirects to something that is no URL");
    else
        follow = may_follow(c, from, to);
    if (follow) {
        bool rewrite = s == 303 || ((s == 301 || s == 302) && strcmp(c->method, "POST") == 0);
        if (rewrite && strcmp(c->method, "HEAD") != 0) {
            c->method = copyz(c->a, "GET");
            c->body = (hc_str){ NULL, 0 };
        }
        bool crosses = !same_origin(from, to);
        if (crosses && c->body.n) {
            call_end(c, HC_E_INPUT, "the server redirects a request with a body to another host: not followed");
            follow = false;
        }
        c->crossed = c->crossed || crosses;
        c->url = copyz(c->a, url);
        hc_buf_reset(&c->out_body);
        hc_buf_reset(&c->out_headers);
        c->received = 0;
        follow = follow && (c->url && c->method ? aim(c) == HC_OK : call_end(c, HC_E_NOMEM, "no memory") == HC_OK);
    }
    curl_free(url);
    curl_url_cleanup(from);
    curl_url_cleanup(to);
    return follow;
}

/* ---- the end ------------------------------------------------------------------------------------- */

static enum hc_rc rc_of(CURLcode code)
{
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return HC_E_NOMEM;
    case CURLE_URL_MALFORMAT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return HC_E_INPUT;
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_FAILED_INIT:
        return HC_E_BUG;
    default:
        return HC_E_AGAIN;
    }
}

/* How far it came, by the moments the library noted. */
static const char *phase_of(CURL *e)
{
    curl_off_t lookup = 0, connect = 0, tls = 0, sent = 0, first = 0;
    curl_easy_getinfo(e, CURLINFO_NAMELOOKUP_TIME_T, &lookup);
    curl_easy_getinfo(e, CURLINFO_CONNECT_TIME_T, &connect);
    curl_easy_getinfo(e, CURLINFO_APPCONNECT_TIME_T, &tls);
    curl_easy_getinfo(e, CURLINFO_PRETRANSFER_TIME_T, &sent);
    curl_easy_getinfo(e, CURLINFO_STARTTRANSFER_TIME_T, &first);
    if (first)
        return "reading the answer";
    if (sent)
        return "waiting for the answer";
    if (connect)
        return "TLS handshake";
    if (lookup)
        return "connecting";
    return "looking up the host";
}

/* An alert of the peer about our certificate, in OpenSSL's words. Which one it is depends on the peer's library and on the
 * version of TLS; with 1.3 it comes after the handshake. */
static bool refuses_certificate(const char *text)
{
    static const char *const alerts[] = { "certificate required",   "bad certificate",     "unknown ca",
                                          "certificate unknown",    "certificate expired", "certificate revoked",
                                          "unsupported certificate" };
    const char *at = strstr(text, " alert ");
    for (size_t i = 0; at && i < HC_LEN(alerts); i++)
        if (strstr(at, alerts[i]))
            return true;
    return false;
}

static enum hc_http_trouble trouble_of(struct hc_http_call *c, CURLcode code)
{
    long proxy_status = 0;
    curl_easy_getinfo(c->easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_ISSUER_ERROR)
        return HC_HTTP_UNTRUSTED;
    if (code == CURLE_SSL_CACERT_BADFILE)
        return HC_HTTP_BAD_CA;
    if (code == CURLE_SSL_CERTPROBLEM)
        return refuses_certificate(c->curl_error) ? HC_HTTP_CERT_WANTED : HC_HTTP_BAD_CERT;
    if (code != CURLE_OK && proxy_status == 407)
        return HC_HTTP_PROXY_LOGIN;
    long socks = 0;
    if (code == CURLE_PROXY)
        curl_easy_getinfo(c->easy, CURLINFO_PROXY_ERROR, &socks);
    if (socks == CURLPX_USER_REJECTED || socks == CURLPX_NO_AUTH)
        return HC_HTTP_PROXY_LOGIN;
    if (code == CURLE_SSL_CONNECT_ERROR && strstr(c->curl_error, "wrong version number"))
        return HC_HTTP_NO_TLS;
    return code != CURLE_OK && refuses_certificate(c->curl_error) ? HC_HTTP_CERT_WANTED : HC_HTTP_NO_TROUBLE;
}

void call_finish(struct hc_http_call *c, CURLcode code)
{
    long status = 0;
    curl_off_t after = 0;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &after);
    c->status = (int)status;
    c->response = (struct hc_http_response){
        .status = (int)status,
        .body = hc_buf_str(&c->out_body),
        .headers = hc_buf_str(&c->out_headers),
        .effective_url = c->url,
        .retry_after_ms = hc_http_retry_after(after),
    };
    c->rc = HC_OK;
    c->response.trouble = status == 407 ? HC_HTTP_PROXY_LOGIN : trouble_of(c, code);
    if (c->response.trouble == HC_HTTP_PROXY_LOGIN) {
        c->response.body = HC_S("");
        bool socks = code == CURLE_PROXY;
        c->rc = hc_fail(&c->err, HC_E_INPUT, "%s %s: the proxy %s", c->method, c->origin,
                        socks ? "refuses the login" : "answers 407");
        c->err.http_status = socks ? 0 : 407;
        return;
    }
    if (code == CURLE_OK)
        return;
    c->response.body = HC_S("");
    if ((code == CURLE_WRITE_ERROR || code == CURLE_ABORTED_BY_CALLBACK) && c->abort_rc) {
        c->rc = c->abort_rc; /* err was set where it happened */
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
        c->rc = hc_fail(&c->err, HC_E_AGAIN, "%s %s: no answer in time (%s, after %" PRId64 " ms)", c->method,
                        c->origin, phase_of(c->easy), hc_mono_ms() - c->started_ms);
    } else {
        long proxy_verified = 0;
        curl_easy_getinfo(c->easy, CURLINFO_PROXY_SSL_VERIFYRESULT, &proxy_verified);
        const char *none = c->response.trouble == HC_HTTP_UNTRUSTED ? http_trust_missing(c) : NULL;
        c->rc = hc_fail(&c->err, c->response.trouble ? HC_E_INPUT : rc_of(code), "%s %s: %s: %s%s%s%s%s", c->method,
                        c->origin, phase_of(c->easy), proxy_verified ? "the proxy: " : "",
                        c->curl_error[0] ? c->curl_error : curl_easy_strerror(code),
                        none ? " (the system's authorities cannot be read: " : "", none ? none : "",
                        none ? ")" : "");
    }
    c->err.http_status = (int)status;
}

/* 408, 429 and the 5xx that say "not now". */
static bool worth_another(int status)
{
    return status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

bool call_may_repeat(const struct hc_http_call *c)
{
    bool safe = strcmp(c->method, "GET") == 0 || strcmp(c->method, "HEAD") == 0;
    return safe && !c->body.n && !(c->on_data && c->received);
}

bool call_again(struct hc_http_call *c)
{
    if (c->retries_left <= 0 || !call_may_repeat(c))
        return false;
    if (c->rc == HC_OK ? !worth_another(c->status) : c->rc != HC_E_AGAIN)
        return false;
    int64_t now = hc_mono_ms(), pause = c->response.retry_after_ms;
    if (pause <= 0) {
        uint64_t h = ((uint64_t)hc_now_ns() ^ (uint64_t)(uintptr_t)c) * 0x9e3779b97f4a7c15ULL;
        pause = (int64_t)RETRY_BASE_MS << HC_MIN(c->retries - c->retries_left, 8);
        pause = pause / 2 + (int64_t)((h >> 32) % (uint64_t)pause);
    }
    if (c->timeout_ms >= 0 && now + pause >= c->started_ms + c->timeout_ms)
        return false; /* no time for it: what was said stands */
    c->retries_left--;
    c->again_ms = now + pause;
    c->err = (struct hc_err)HC_ERR_INIT;
    c->response = (struct hc_http_response){ 0 };
    c->rc = c->abort_rc = HC_OK;
    c->curl_error[0] = '\0';
    c->received = 0;
    hc_buf_reset(&c->out_headers);
    hc_buf_reset(&c->out_body);
    return true;
}

int64_t hc_http_retry_after(int64_t seconds)
{
    return HC_MAX(HC_MIN(seconds, (int64_t)24 * 3600), (int64_t)0) * 1000;
}

bool hc_http_fits_header(hc_str value)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char b = (unsigned char)value.p[i];
        if ((b < ' ' && b != '\t') || b == 127)
            return false;
    }
    return true;
}

hc_str hc_http_header(const struct hc_http_response *r, const char *lower_name)
{
    hc_str rest = r->headers, line, name = hc_str_of(lower_name);
    while (rest.p && hc_str_split(&rest, '\n', &line))
        if (line.n > name.n && line.p[name.n] == ':' && hc_str_starts(line, name))
            return hc_str_trim(hc_str_sub(line, name.n + 1, line.n));
    return (hc_str){ NULL, 0 };
}
