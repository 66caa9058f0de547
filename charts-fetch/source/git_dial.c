/*
 * A TCP connection under a deadline, for SSH: directly, or through an HTTP proxy by CONNECT (RFC 9110, 9.3.6). HTTP has
 * both from core/http.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "charts-fetch/source/git_impl.h"
#include "core/base/clock.h"
#include "core/base/digest.h"

#define PROXY_HEAD_MAX 16384

static bool split_host(hc_str who, int standard, hc_str *host, int *port)
{
    size_t colon;
    int64_t n = standard;
    if (who.n && who.p[0] == '[') {
        size_t closed = hc_str_find(who, ']');
        if (closed == SIZE_MAX)
            return false;
        *host = hc_str_sub(who, 1, closed);
        if (closed + 1 < who.n &&
            (who.p[closed + 1] != ':' || !hc_str_to_i64(hc_str_sub(who, closed + 2, who.n), &n)))
            return false;
    } else {
        colon = hc_str_rfind(who, ':');
        *host = hc_str_sub(who, 0, colon);
        if (colon != SIZE_MAX && !hc_str_to_i64(hc_str_sub(who, colon + 1, who.n), &n))
            return false;
    }
    *port = (int)n;
    return host->n && host->n < 256 && n > 0 && n < 65536;
}

bool git_split_ssh_url(hc_str s, struct git_address *out)
{
    *out = (struct git_address){ .port = 22 };
    if (!hc_str_starts(s, HC_S("ssh://")))
        return false;
    s = hc_str_sub(s, 6, s.n);
    size_t slash = hc_str_find(s, '/');
    hc_str who = hc_str_sub(s, 0, slash);
    out->path = slash == SIZE_MAX ? HC_S("") : hc_str_sub(s, slash, s.n);
    size_t at = hc_str_rfind(who, '@');
    if (at != SIZE_MAX) {
        out->user = hc_str_sub(who, 0, at);
        out->user = hc_str_sub(out->user, 0, hc_str_find(out->user, ':'));
        who = hc_str_sub(who, at + 1, who.n);
    }
    return split_host(who, 22, &out->host, &out->port) && out->path.n > 1;
}

static enum hc_rc dial(struct git_peer *p, hc_str host, int port, int *out_fd)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
    char service[16];
    const char *name = hc_arena_strz(p->a, host);
    snprintf(service, sizeof(service), "%d", port);
    int rc = name ? getaddrinfo(name, service, &hints, &list) : EAI_MEMORY;
    if (rc != 0)
        return hc_fail(p->err, HC_E_AGAIN, "look up host '%.*s': %s", HC_P(host), gai_strerror(rc));
    int fd = -1, why = 0, on = 1;
    for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
        fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
            continue;
        struct pollfd pfd = { .fd = fd, .events = POLLOUT };
        socklen_t len = sizeof(why);
        if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
            break;
        why = errno;
        if (why == EINPROGRESS) {
            why = ETIMEDOUT;
            if (poll(&pfd, 1, (int)HC_MIN(git_time_left(p), (int64_t)10000)) > 0)
                getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len);
        }
        if (why == 0)
            break;
        close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    if (fd < 0) {
        char text[128];
        return hc_fail(p->err, HC_E_AGAIN, "connect to %.*s port %d: %s", HC_P(host), port,
                       strerror_r(why, text, sizeof(text)));
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    *out_fd = fd;
    return HC_OK;
}

static bool ready(struct git_peer *p, int fd, short events)
{
    struct pollfd pfd = { .fd = fd, .events = events };
    int rc;
    do
        rc = poll(&pfd, 1, (int)HC_MIN(git_time_left(p), (int64_t)30000));
    while (rc < 0 && errno == EINTR);
    return rc > 0;
}

static bool write_all(struct git_peer *p, int fd, hc_str s)
{
    while (s.n) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n > 0)
            s = hc_str_sub(s, (size_t)n, s.n);
        else if (n == 0 || (errno != EAGAIN && errno != EINTR) || !ready(p, fd, POLLOUT))
            return false;
    }
    return true;
}

/* The proxy's answer, byte by byte: what stands behind its empty line is the server's already. */
static bool read_head(struct git_peer *p, int fd, char *out, size_t size)
{
    size_t n = 0;
    while (n + 1 < size) {
        ssize_t got = recv(fd, out + n, 1, 0);
        if (got == 1) {
            out[++n] = '\0';
            if (n >= 4 && memcmp(out + n - 4, "\r\n\r\n", 4) == 0)
                return true;
        } else if (got == 0 || (errno != EAGAIN && errno != EINTR) || !ready(p, fd, POLLIN)) {
            return false;
        }
    }
    return false;
}

/* user:password as they stand in a URL, percent signs undone. */
static hc_str unescaped(struct hc_arena *a, hc_str s)
{
    char *out = HC_NEW_N(a, char, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < s.n; i++) {
        unsigned hex;
        char two[3] = { 0 };
        if (s.p[i] == '%' && i + 2 < s.n && (two[0] = s.p[i + 1], two[1] = s.p[i + 2], true) &&
            sscanf(two, "%2x", &hex) == 1) {
            out[n++] = (char)hex;
            i += 2;
        } else {
            out[n++] = s.p[i];
        }
    }
    return hc_str_n(out, n);
}

enum hc_rc git_dial(struct git_peer *p, hc_str host, int port, int *out_fd)
{
    hc_str proxy = hc_str_of(p->env->proxy ? p->env->proxy : ""), login = { NULL, 0 }, name;
    char head[PROXY_HEAD_MAX];
    int proxy_port, fd;
    if (!proxy.n)
        return dial(p, host, port, out_fd);
    if (!hc_str_starts(proxy, HC_S("http://")))
        return hc_fail(
            p->err, HC_E_INPUT,
            "a proxy for SSH must be an HTTP proxy that allows CONNECT: its address begins with http://");
    proxy = hc_str_sub(proxy, 7, proxy.n);
    proxy = hc_str_sub(proxy, 0, hc_str_find(proxy, '/'));
    size_t at = hc_str_rfind(proxy, '@');
    if (at != SIZE_MAX) {
        login = unescaped(p->a, hc_str_sub(proxy, 0, at));
        proxy = hc_str_sub(proxy, at + 1, proxy.n);
    }
    if (!split_host(proxy, 80, &name, &proxy_port))
        return hc_fail(p->err, HC_E_INPUT, "the address of the proxy is not of the form http://host:port");
    if (dial(p, name, proxy_port, &fd) != HC_OK)
        return hc_wrap(p->err, "proxy");
    hc_str ask = hc_arena_printf(p->a, "CONNECT %.*s:%d HTTP/1.1\r\nHost: %.*s:%d\r\n", HC_P(host), port,
                                 HC_P(host), port);
    if (login.n)
        ask = hc_arena_printf(p->a, "%.*sProxy-Authorization: Basic %s\r\n", HC_P(ask), hc_base64(p->a, login).p);
    ask = hc_arena_printf(p->a, "%.*s\r\n", HC_P(ask));
    int status = 0;
    if (!write_all(p, fd, ask) || !read_head(p, fd, head, sizeof(head)) ||
        sscanf(head, "HTTP/%*d.%*d %d", &status) != 1) {
        close(fd);
        return hc_fail(p->err, HC_E_AGAIN, "proxy %.*s port %d does not answer as an HTTP proxy", HC_P(name),
                       proxy_port);
    }
    if (status / 100 != 2) {
        close(fd);
        const char *what = "", *from = "";
        if (status == 407) {
            what = login.n ? ": it does not accept username and password of "
                           : ": it wants a login; put username and password into ";
            from = p->env->proxy_from ? p->env->proxy_from : "the proxy's Secret";
        }
        return hc_fail(p->err, status == 407 || status == 403 ? HC_E_INPUT : HC_E_AGAIN,
                       "proxy %.*s port %d answers %d to CONNECT %.*s:%d%s%s", HC_P(name), proxy_port, status,
                       HC_P(host), port, what, from);
    }
    *out_fd = fd;
    return HC_OK;
}
