/*
 * The only file that knows libmicrohttpd. External event loop: one epoll descriptor, one thread. A request is
 * gathered whole, judged by the faults, served, answered. A watch is an answer whose bytes come from a reader
 * that suspends the connection when it has none; so ten thousand idle watches are ten thousand small structs.
 * A suspended connection does not see its client leave: the tick peeks at its socket once a second.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "helmctl/sandbox/sandbox_impl.h"

enum { BODY_MAX = 16 * 1024 * 1024, TICK_MS = 1000, DROP_MS = 60000 };

struct conn {
    struct hc_sb_req r;
    struct MHD_Connection *mhd;
    struct hc_buf body;
    struct hc_sb_watch *watch;
    struct hc_sb_verdict verdict;
    bool judged, suspended, too_big, hang_up;
    uint64_t id;
    struct conn *next, **self;
};

struct hc_sb_http {
    struct MHD_Daemon *daemon;
    struct conn *conns;
    uint64_t next_id;
    int64_t next_tick;
    int epoll;
    bool stopping;
    bool
        resumed; /* libmicrohttpd looks at resumed connections in its next run, but does not say that it wants one */
};

static bool client_alive(void *arg)
{
    struct conn *c = arg;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    char byte;
    if (!info)
        return true;
    ssize_t n = recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}

static void resume(void *arg)
{
    struct conn *c = arg;
    if (!c->suspended)
        return;
    c->suspended = false;
    c->r.s->http->resumed = true;
    MHD_resume_connection(c->mhd);
}

static void suspend(struct conn *c)
{
    c->suspended = true;
    MHD_suspend_connection(c->mhd);
}

static ssize_t read_watch(void *arg, uint64_t pos, char *to, size_t max)
{
    struct conn *c = arg;
    (void)pos;
    if (c->hang_up || c->r.s->http->stopping)
        return MHD_CONTENT_READER_END_OF_STREAM;
    int64_t n = hc_sb_watch_read(c->r.s, c->watch, to, max);
    if (n < 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (n == 0)
        suspend(c);
    return (ssize_t)n;
}

static enum MHD_Result add_query(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
    struct conn *c = cls;
    (void)kind;
    hc_map_put(c->r.a, c->r.query, hc_str_of(key), hc_strz_val(c->r.a, value));
    return MHD_YES;
}

static hc_str header(struct conn *c, const char *name)
{
    const char *v = MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, name);
    return v ? hc_arena_str(c->r.a, hc_str_of(v)) : (hc_str){ NULL, 0 };
}

static struct conn *open_request(struct hc_sandbox *s, struct MHD_Connection *mhd, const char *url,
                                 const char *method)
{
    struct conn *c = hc_calloc(1, sizeof(*c));
    struct hc_arena *a = c ? hc_arena_new(0) : NULL;
    if (!a) {
        free(c);
        return NULL;
    }
    struct hc_sb_http *h = s->http;
    c->mhd = mhd;
    c->id = ++h->next_id;
    c->next = h->conns;
    c->self = &h->conns;
    if (c->next)
        c->next->self = &c->next;
    h->conns = c;
    hc_buf_init(&c->body, BODY_MAX);
    c->r.s = s;
    c->r.a = a;
    hc_buf_init(&c->r.out, 0);
    c->r.method = hc_arena_str(a, hc_str_of(method));
    c->r.path = hc_arena_str(a, hc_str_of(url));
    c->r.query = hc_map_new(a);
    MHD_get_connection_values(mhd, MHD_GET_ARGUMENT_KIND, add_query, c);
    c->r.accept = header(c, "Accept");
    c->r.content_type = header(c, "Content-Type");
    c->r.agent = header(c, "User-Agent");
    c->r.authorization = header(c, "Authorization");
    return c;
}

static void completed(void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode how)
{
    (void)mhd;
    (void)how;
    struct conn *c = *con_cls;
    if (!c)
        return;
    if (c->watch)
        hc_sb_watch_close(cls, c->watch);
    *c->self = c->next;
    if (c->next)
        c->next->self = c->self;
    hc_buf_done(&c->body);
    hc_buf_done(&c->r.out);
    hc_arena_free(c->r.a);
    free(c);
    *con_cls = NULL;
}

static enum MHD_Result queue_answer(struct conn *c)
{
    struct hc_sb_req *r = &c->r;
    struct MHD_Response *resp;
    if (r->watch) {
        c->watch = r->watch;
        r->watch = NULL;
        hc_sb_watch_set_conn(c->watch, c, resume, client_alive);
        resp = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, read_watch, c, NULL);
    } else {
        if (r->out.spent) {
            hc_buf_done(&r->out);
            hc_buf_init(&r->out, 0);
            r->code = 500;
        }
        resp = MHD_create_response_from_buffer(r->out.n, r->out.p ? r->out.p : (void *)"",
                                               r->out.p ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
        if (resp)
            hc_buf_init(&r->out, 0); /* the response owns the bytes now */
    }
    if (!resp)
        return MHD_NO;
    MHD_add_response_header(resp, "Content-Type", r->out_type ? r->out_type : "application/json");
    MHD_add_response_header(resp, "Cache-Control", "no-cache, private");
    for (size_t i = 0; i < hc_list_len(r->warnings); i++) {
        char *text = hc_arena_strz(r->a, hc_get_str(hc_list_at(r->warnings, i)));
        if (text)
            MHD_add_response_header(resp, "Warning", text);
    }
    if (r->retry_after_s > 0) {
        char seconds[16];
        snprintf(seconds, sizeof(seconds), "%d", r->retry_after_s);
        MHD_add_response_header(resp, "Retry-After", seconds);
    }
    if (r->code == 401)
        MHD_add_response_header(resp, "WWW-Authenticate", "Bearer realm=\"sandbox\"");
    enum MHD_Result ok = MHD_queue_response(c->mhd, (unsigned)r->code, resp);
    MHD_destroy_response(resp);
    return ok;
}

struct wakeup {
    uint64_t id;
};

static void wake_request(struct hc_sandbox *s, void *arg)
{
    const struct wakeup *w = arg;
    for (struct conn *c = s->http->conns; c; c = c->next)
        if (c->id == w->id)
            resume(c);
}

static void cut_later(struct hc_sandbox *s, void *arg)
{
    const struct wakeup *w = arg;
    for (struct conn *c = s->http->conns; c; c = c->next) {
        if (c->id == w->id) {
            c->hang_up = true;
            resume(c);
        }
    }
}

static bool later(struct conn *c, int64_t ms, void (*fn)(struct hc_sandbox *s, void *arg))
{
    struct wakeup *w = hc_malloc(sizeof(*w));
    if (!w)
        return false;
    w->id = c->id;
    return hc_sb_timer(c->r.s, ms, fn, w);
}

/* The request is here whole. MHD_NO closes the connection. */
static enum MHD_Result answer(struct conn *c)
{
    struct hc_sb_req *r = &c->r;
    if (c->hang_up || r->s->http->stopping)
        return MHD_NO;
    r->body = hc_buf_str(&c->body);
    if (c->too_big || c->body.spent) {
        hc_sb_answer_status(
            r, hc_sb_status(r->a, 413, "RequestEntityTooLarge", "the request is over %d bytes", BODY_MAX));
        return queue_answer(c);
    }
    if (!c->judged) {
        c->judged = true;
        hc_sb_route(r);
        c->verdict = hc_sb_faults_judge(r);
        int64_t wait = c->verdict.delay_ms;
        switch (c->verdict.action) {
        case HC_SB_FAULT_REFUSE:
            return MHD_NO;
        case HC_SB_FAULT_DROP:
            c->hang_up = true;
            wait = wait > 0 ? wait : DROP_MS;
            break;
        case HC_SB_FAULT_STATUS:
            hc_sb_faults_answer(r, &c->verdict);
            break;
        case HC_SB_FAULT_HIDE:
            r->hidden = c->verdict.message;
            break;
        default:
            break;
        }
        if (wait > 0 && c->verdict.action != HC_SB_FAULT_CUT) {
            if (!later(c, wait, wake_request))
                return MHD_NO;
            suspend(c);
            return MHD_YES;
        }
    }
    if (c->verdict.action != HC_SB_FAULT_STATUS)
        hc_sb_serve(r);
    if (c->verdict.action == HC_SB_FAULT_LOST) {
        if (r->watch)
            hc_sb_watch_close(r->s, r->watch);
        r->watch = NULL;
        return MHD_NO;
    }
    if (r->watch && c->verdict.action == HC_SB_FAULT_CUT)
        later(c, c->verdict.delay_ms, cut_later);
    return queue_answer(c);
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                              const char *version, const char *data, size_t *size, void **con_cls)
{
    (void)version;
    struct conn *c = *con_cls;
    if (!c) {
        *con_cls = c = open_request(cls, mhd, url, method);
        return c ? MHD_YES : MHD_NO;
    }
    if (*size) {
        if (c->body.n + *size > BODY_MAX)
            c->too_big = true;
        else
            hc_buf_put(&c->body, hc_str_n(data, *size));
        *size = 0;
        return MHD_YES;
    }
    return answer(c);
}

static bool parse_listen(const char *text, struct sockaddr_in *out)
{
    char host[64] = "127.0.0.1";
    int64_t port = 0;
    memset(out, 0, sizeof(*out));
    out->sin_family = AF_INET;
    hc_str s = hc_str_of(text ? text : "");
    size_t colon = hc_str_rfind(s, ':');
    hc_str h = hc_str_sub(s, 0, colon == SIZE_MAX ? s.n : colon);
    if (colon != SIZE_MAX && (!hc_str_to_i64(hc_str_sub(s, colon + 1, s.n), &port) || port < 0 || port > 65535))
        return false;
    if (h.n >= sizeof(host))
        return false;
    if (h.n && !hc_str_eqz(h, "localhost")) {
        memcpy(host, h.p, h.n);
        host[h.n] = '\0';
    }
    out->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &out->sin_addr) == 1;
}

enum hc_rc hc_sb_http_start(struct hc_sandbox *s, const struct hc_sandbox_options *o, struct hc_err *err)
{
    struct sockaddr_in addr;
    if (!parse_listen(o->listen, &addr))
        return hc_fail(err, HC_E_INPUT,
                       "--listen '%s' is no address: write 127.0.0.1:8001, or port 0 for a free one", o->listen);
    if (!o->tls_cert != !o->tls_key)
        return hc_fail(err, HC_E_INPUT, "--tls-cert and --tls-key go together: give both or none");
    struct hc_sb_http *h = hc_calloc(1, sizeof(*h));
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    if (!h || !a) {
        free(h);
        return hc_fail_nomem(err);
    }
    s->http = h;
    struct MHD_OptionItem tls[3] = { { MHD_OPTION_END, 0, NULL } };
    if (o->tls_cert) {
        hc_str cert, key;
        if (hc_read_file(a, AT_FDCWD, o->tls_cert, 1024 * 1024, &cert, err) != HC_OK ||
            hc_read_file(a, AT_FDCWD, o->tls_key, 1024 * 1024, &key, err) != HC_OK)
            return hc_wrap(err, "TLS of the sandbox");
        tls[0] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0, hc_arena_strz(a, cert) };
        tls[1] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0, hc_arena_strz(a, key) };
        tls[2] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
    }
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (o->tls_cert ? MHD_USE_TLS : 0u);
    h->daemon = MHD_start_daemon(flags, 0, NULL, NULL, handle, s, MHD_OPTION_SOCK_ADDR, &addr,
                                 MHD_OPTION_NOTIFY_COMPLETED, completed, s, MHD_OPTION_CONNECTION_LIMIT, 8192u,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)65536,
                                 MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (!h->daemon)
        return hc_fail(err, HC_E_INPUT,
                       "the sandbox cannot listen on '%s': %s. Is the port taken? Port 0 takes a free one",
                       o->listen ? o->listen : "127.0.0.1:0", errno ? strerror(errno) : "TLS files not usable");
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    h->epoll = info ? info->epoll_fd : -1;
    info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_LISTEN_FD);
    socklen_t len = sizeof(addr);
    char host[64];
    if (h->epoll < 0 || !info || getsockname(info->listen_fd, (struct sockaddr *)&addr, &len) < 0 ||
        !inet_ntop(AF_INET, &addr.sin_addr, host, sizeof(host)))
        return hc_fail(err, HC_E_BUG, "the sandbox listens but does not know where");
    snprintf(s->url, sizeof(s->url), "%s://%s:%d", o->tls_cert ? "https" : "http", host, ntohs(addr.sin_port));
    return HC_OK;
}

static void tick(struct hc_sandbox *s)
{
    hc_sb_watches_tick(s);
    for (struct conn *c = s->http->conns, *next; c; c = next) {
        next = c->next;
        if (c->suspended && !c->watch && !client_alive(c)) {
            c->hang_up = true;
            resume(c);
        }
    }
}

enum hc_rc hc_sb_http_step(struct hc_sandbox *s, int64_t max_wait_ms, int stop_fd, struct hc_err *err)
{
    struct hc_sb_http *h = s->http;
    MHD_UNSIGNED_LONG_LONG own = 0;
    int64_t now = hc_mono_ms();
    if (now >= h->next_tick) {
        h->next_tick = now + TICK_MS;
        tick(s);
    }
    int64_t wait = HC_MIN(max_wait_ms, h->next_tick - now);
    if (MHD_get_timeout(h->daemon, &own) == MHD_YES)
        wait = HC_MIN(wait, (int64_t)HC_MIN(own, (MHD_UNSIGNED_LONG_LONG)1000));
    if (h->resumed)
        wait = 0;
    h->resumed = false;
    struct pollfd fds[2] = { { .fd = h->epoll, .events = POLLIN }, { .fd = stop_fd, .events = POLLIN } };
    if (poll(fds, 2, (int)HC_MAX(wait, 0)) < 0 && errno != EINTR)
        return hc_fail_errno(err, "wait for", "requests");
    if (MHD_run(h->daemon) != MHD_YES)
        return hc_fail(err, HC_E_BUG, "the HTTP server of the sandbox stopped by itself");
    return HC_OK;
}

void hc_sb_http_stop(struct hc_sandbox *s)
{
    struct hc_sb_http *h = s->http;
    if (!h)
        return;
    if (h->daemon) {
        /* Every suspended connection has to run to its end first. */
        h->stopping = true;
        for (int round = 0; round < 100; round++) {
            bool any = false;
            for (struct conn *c = h->conns, *next; c; c = next) {
                next = c->next;
                any = any || c->suspended;
                resume(c);
            }
            MHD_run(h->daemon);
            if (!any)
                break;
        }
        MHD_stop_daemon(h->daemon);
    }
    free(h);
    s->http = NULL;
}
