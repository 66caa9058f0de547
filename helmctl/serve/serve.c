/*
 * libmicrohttpd with one internal polling thread.
 */
#include "helmctl/serve/serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"

#define MAX_CONNECTIONS 256
#define IDLE_SECONDS    30
#define MAX_ANSWER      ((size_t)64 << 20)

struct hc_serve {
    struct MHD_Daemon *daemon;
    hc_serve_handler handler;
    void *ctx;
    int port;
};

static bool is_plain_path(const char *p)
{
    if (p[0] != '/')
        return false;
    for (size_t i = 0; p[i]; i++)
        if (p[i] == '\\' || (p[i] == '/' && (p[i + 1] == '/' || (p[i + 1] == '.' && p[i + 2] == '.'))))
            return false;
    return true;
}

/* ---- files, as Go's FileServer gives them: Last-Modified, conditions, one range ---- */

struct part {
    unsigned status; /* 200, 206, 304, 416 */
    uint64_t from, n;
    char etag[64], modified[64], range[80];
};

static void http_date(time_t t, char *out, size_t cap)
{
    struct tm tm;
    if (!gmtime_r(&t, &tm) || !strftime(out, cap, "%a, %d %b %Y %H:%M:%S GMT", &tm))
        out[0] = 0;
}

/* "bytes=5-9", "bytes=5-", "bytes=-4". False: no range, or one we answer with everything. */
static bool parse_range(const char *text, uint64_t size, struct part *p)
{
    uint64_t from = 0, to = size ? size - 1 : 0, n;
    if (!text || strncmp(text, "bytes=", 6) != 0 || strchr(text, ','))
        return false;
    const char *dash = strchr(text + 6, '-');
    if (!dash)
        return false;
    hc_str first = hc_str_trim(hc_str_n(text + 6, (size_t)(dash - text - 6))),
           last = hc_str_trim(hc_str_of(dash + 1));
    if ((first.n && !hc_str_to_u64(first, &from)) || (last.n && !hc_str_to_u64(last, &n)) || (!first.n && !last.n))
        return false;
    if (!first.n)
        from = n >= size ? 0 : size - n;
    else if (last.n)
        to = HC_MIN(n, to);
    if (first.n && last.n && n < from)
        return false;
    if (from >= size || (!first.n && n == 0)) {
        p->status = 416;
        snprintf(p->range, sizeof(p->range), "bytes */%" PRIu64, size);
        p->n = 0;
        return true;
    }
    p->status = 206;
    p->from = from;
    p->n = to - from + 1;
    snprintf(p->range, sizeof(p->range), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, from, to, size);
    return true;
}

static void choose_part(struct MHD_Connection *c, const struct stat *st, struct part *p)
{
    const char *none = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-None-Match");
    const char *since = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-Modified-Since");
    const char *same = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-Range");
    *p = (struct part){ .status = 200, .n = (uint64_t)st->st_size };
    snprintf(p->etag, sizeof(p->etag), "\"%llx-%llx\"", (unsigned long long)st->st_ino,
             (unsigned long long)st->st_size);
    http_date(st->st_mtime, p->modified, sizeof(p->modified));
    struct tm tm = { 0 };
    bool old = since && strptime(since, "%a, %d %b %Y %H:%M:%S GMT", &tm) && st->st_mtime <= timegm(&tm);
    if (none ? strstr(none, p->etag) || strcmp(none, "*") == 0 : old) {
        p->status = 304;
        p->n = 0;
    } else if (!same || strcmp(same, p->etag) == 0 || strcmp(same, p->modified) == 0) {
        (void)parse_range(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Range"), (uint64_t)st->st_size, p);
    }
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *c, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_n, void **req_cls)
{
    struct hc_serve *s = cls;
    (void)version;
    (void)upload;
    if (*upload_n) {
        *upload_n = 0;
        return MHD_YES;
    }
    if (!*req_cls) {
        *req_cls = s;
        return MHD_YES;
    }
    struct hc_serve_answer a = { .file = -1 };
    hc_buf_init(&a.body, MAX_ANSWER);
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        a.status = 405;
    else if (is_plain_path(url))
        s->handler(s->ctx, hc_str_of(url), &a);
    if (!a.status) {
        a.status = 404;
        hc_buf_reset(&a.body);
        hc_buf_puts(&a.body, "not found\n");
    }
    struct MHD_Response *r = NULL;
    struct stat st;
    struct part part = { 0 };
    if (a.file >= 0 && fstat(a.file, &st) == 0 && S_ISREG(st.st_mode)) {
        choose_part(c, &st, &part);
        a.status = (int)part.status;
        if (part.n || part.status == 200) {
            r = MHD_create_response_from_fd_at_offset64(part.n, a.file, part.from);
            if (r)
                a.file = -1;
        } else {
            r = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
        }
    } else if (a.body.spent) {
        a.status = 500;
        r = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    } else {
        r = MHD_create_response_from_buffer(a.body.n, a.body.n ? a.body.p : (void *)"", MHD_RESPMEM_MUST_COPY);
    }
    if (a.file >= 0)
        close(a.file);
    hc_buf_done(&a.body);
    if (!r)
        return MHD_NO;
    MHD_add_response_header(r, "Content-Type", a.content_type ? a.content_type : "text/plain; charset=utf-8");
    if (part.status) {
        MHD_add_response_header(r, "Accept-Ranges", "bytes");
        MHD_add_response_header(r, "ETag", part.etag);
        MHD_add_response_header(r, "Last-Modified", part.modified);
    }
    if (part.range[0])
        MHD_add_response_header(r, "Content-Range", part.range);
    enum MHD_Result ok = MHD_queue_response(c, (unsigned)a.status, r);
    MHD_destroy_response(r);
    return ok;
}

/* "host:port" to an address; an empty host is every IPv4 address. */
static bool parse_addr(const char *addr, struct sockaddr_storage *out, socklen_t *out_n)
{
    const char *colon = strrchr(addr, ':');
    uint64_t port;
    char host[64];
    if (!colon || !hc_str_to_u64(hc_str_of(colon + 1), &port) || port > 65535)
        return false;
    size_t n = (size_t)(colon - addr);
    if (n >= 2 && addr[0] == '[' && addr[n - 1] == ']') {
        addr++;
        n -= 2;
    }
    if (n >= sizeof(host))
        return false;
    memcpy(host, addr, n);
    host[n] = 0;
    memset(out, 0, sizeof(*out));
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    if (n == 0 || strcmp(host, "localhost") == 0 || inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        if (n == 0)
            v4->sin_addr.s_addr = htonl(INADDR_ANY);
        else if (strcmp(host, "localhost") == 0)
            v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        *out_n = sizeof(*v4);
        return true;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        *out_n = sizeof(*v6);
        return true;
    }
    return false;
}

/* We listen ourselves: then the error is ours to tell. */
static int listen_on(const struct sockaddr_storage *at, socklen_t n)
{
    int fd = socket(at->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)at, n) != 0 || listen(fd, 128) != 0) {
        int e = errno;
        close(fd);
        errno = e;
        return -1;
    }
    return fd;
}

enum hc_rc hc_serve_start(const char *addr, hc_serve_handler handler, void *ctx, struct hc_serve **out,
                          struct hc_err *err)
{
    struct sockaddr_storage at;
    socklen_t n;
    if (!parse_addr(addr, &at, &n))
        return hc_fail(err, HC_E_INPUT, "listen address '%s': not of the form host:port", addr);
    HC_AUTO(hc_fd) int fd = listen_on(&at, n);
    if (fd < 0)
        return hc_fail(err, HC_E_INPUT, "listen on '%s': %s", addr, strerror(errno));
    if (getsockname(fd, (struct sockaddr *)&at, &n) != 0)
        return hc_fail_errno(err, "listen on", addr);
    struct hc_serve *s = hc_calloc(1, sizeof(*s));
    if (!s)
        return hc_fail_nomem(err);
    s->handler = handler;
    s->ctx = ctx;
    s->port = ntohs(at.ss_family == AF_INET ? ((struct sockaddr_in *)&at)->sin_port
                                            : ((struct sockaddr_in6 *)&at)->sin6_port);
    s->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, 0, NULL, NULL, answer, s,
                                 MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                                 (unsigned)MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
                                 MHD_OPTION_END);
    if (!s->daemon) {
        free(s);
        return hc_fail(err, HC_E_AGAIN, "listen on '%s': the HTTP server does not start", addr);
    }
    fd = -1; /* the daemon's now: not closed here */
    *out = s;
    return HC_OK;
}

int hc_serve_port(const struct hc_serve *s)
{
    return s->port;
}

void hc_serve_stop(struct hc_serve *s)
{
    if (!s)
        return;
    MHD_stop_daemon(s->daemon);
    free(s);
}
