/*
 * A TCP connection under a deadline, for SSH: directly, through an HTTP proxy by CONNECT (RFC 9110, 9.3.6), or through a
 * SOCKS proxy of version 5 (RFC 1928, 1929), which looks the host's name up. HTTP has all of them from core/http.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

struct proxy {
    bool socks, login_given;
    hc_str user, password; /* as they are, no longer escaped */
    hc_str name;
    int port;
};

static enum hc_rc parse_proxy(struct git_peer *p, hc_str url, struct proxy *out)
{
    static const struct {
        const char *scheme;
        bool socks;
    } kinds[] = { { "http://", false }, { "socks5://", true }, { "socks5h://", true } };
    *out = (struct proxy){ .port = 0 };
    size_t kind = 0;
    while (kind < HC_LEN(kinds) && !hc_str_starts(url, hc_str_of(kinds[kind].scheme)))
        kind++;
    if (kind == HC_LEN(kinds))
        return hc_fail(
            p->err, HC_E_INPUT,
            "a proxy for SSH must be an HTTP proxy that allows CONNECT, or a SOCKS proxy: its address begins "
            "with http:// or socks5://");
    out->socks = kinds[kind].socks;
    hc_str rest = hc_str_sub(url, strlen(kinds[kind].scheme), url.n);
    rest = hc_str_sub(rest, 0, hc_str_find(rest, '/'));
    size_t at = hc_str_rfind(rest, '@');
    if (at != SIZE_MAX) {
        hc_str login = hc_str_sub(rest, 0, at);
        size_t colon = hc_str_find(login, ':');
        out->login_given = true;
        out->user = hc_percent_decode(p->a, hc_str_sub(login, 0, colon), false);
        out->password = colon == SIZE_MAX ? HC_S("")
                                          : hc_percent_decode(p->a, hc_str_sub(login, colon + 1, login.n), false);
        rest = hc_str_sub(rest, at + 1, rest.n);
    }
    if (!split_host(rest, out->socks ? 1080 : 80, &out->name, &out->port))
        return hc_fail(p->err, HC_E_INPUT, "the address of the proxy is not of the form %shost:port",
                       out->socks ? "socks5://" : "http://");
    return hc_arena_check(p->a, p->err, "proxy");
}

static const char *login_advice(struct git_peer *p, const struct proxy *x)
{
    const char *from = p->env->proxy_from ? p->env->proxy_from : p->env->proxy ? "the proxy's Secret" : "ALL_PROXY";
    const char *text = hc_arena_printf(p->a, "%s%s",
                                       x->login_given ? ": it does not accept username and password of "
                                                      : ": it wants a login; put username and password into ",
                                       from)
                           .p;
    return text ? text : "";
}

static bool read_bytes(struct git_peer *p, int fd, unsigned char *out, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t k = recv(fd, out + got, n - got, 0);
        if (k > 0)
            got += (size_t)k;
        else if (k == 0 || (errno != EAGAIN && errno != EINTR) || !ready(p, fd, POLLIN))
            return false;
    }
    return true;
}

static enum hc_rc no_socks(struct git_peer *p, const struct proxy *x)
{
    return hc_fail(p->err, HC_E_AGAIN, "proxy %.*s port %d does not answer as a SOCKS proxy of version 5",
                   HC_P(x->name), x->port);
}

/* Which way of signing in the proxy takes, and the login by it. */
static enum hc_rc socks_login(struct git_peer *p, int fd, const struct proxy *x)
{
    unsigned char answer[2];
    hc_str ask = x->login_given ? hc_str_n("\5\2\0\2", 4) : hc_str_n("\5\1\0", 3);
    if (x->user.n > 255 || x->password.n > 255)
        return hc_fail(p->err, HC_E_INPUT, "username and password for a SOCKS proxy have at most 255 bytes each");
    if (!write_all(p, fd, ask) || !read_bytes(p, fd, answer, 2) || answer[0] != 5)
        return no_socks(p, x);
    if (answer[1] == 0)
        return HC_OK;
    if (answer[1] != 2 || !x->login_given)
        return hc_fail(p->err, HC_E_INPUT, "proxy %.*s port %d lets nobody in this way%s", HC_P(x->name), x->port,
                       login_advice(p, x));
    HC_AUTO(hc_buf) struct hc_buf login;
    hc_buf_init(&login, 0);
    hc_buf_putc(&login, 1);
    hc_buf_putc(&login, (char)x->user.n);
    hc_buf_put(&login, x->user);
    hc_buf_putc(&login, (char)x->password.n);
    hc_buf_put(&login, x->password);
    if (hc_buf_check(&login, p->err, "proxy") != HC_OK)
        return p->err->code;
    if (!write_all(p, fd, hc_buf_str(&login)) || !read_bytes(p, fd, answer, 2))
        return no_socks(p, x);
    if (answer[1] != 0)
        return hc_fail(p->err, HC_E_INPUT, "proxy %.*s port %d refuses the login%s", HC_P(x->name), x->port,
                       login_advice(p, x));
    return HC_OK;
}

static enum hc_rc socks_connect(struct git_peer *p, int fd, const struct proxy *x, hc_str host, int port)
{
    static const char *const words[] = { "",
                                         "it failed",
                                         "its rules do not allow it",
                                         "the network cannot be reached",
                                         "the host cannot be reached",
                                         "the connection was refused",
                                         "the time was over",
                                         "it knows no such command",
                                         "it knows no such address" };
    unsigned char head[5], rest[256 + 2];
    enum hc_rc rc = socks_login(p, fd, x);
    if (rc != HC_OK)
        return rc;
    HC_AUTO(hc_buf) struct hc_buf ask;
    hc_buf_init(&ask, 0);
    hc_buf_put(&ask, hc_str_n("\5\1\0\3", 4)); /* by name: it is the proxy's to look up */
    hc_buf_putc(&ask, (char)host.n);
    hc_buf_put(&ask, host);
    hc_buf_putc(&ask, (char)(port >> 8));
    hc_buf_putc(&ask, (char)(port & 255));
    if (hc_buf_check(&ask, p->err, "proxy") != HC_OK)
        return p->err->code;
    if (!write_all(p, fd, hc_buf_str(&ask)) || !read_bytes(p, fd, head, sizeof(head)) || head[0] != 5)
        return no_socks(p, x);
    if (head[1] != 0)
        return hc_fail(p->err, head[1] == 2 ? HC_E_INPUT : HC_E_AGAIN, "proxy %.*s port %d to %.*s:%d: %s",
                       HC_P(x->name), x->port, HC_P(host), port,
                       head[1] < HC_LEN(words) ? words[head[1]] : "it refuses");
    /* the address it is bound to, which nobody needs: 4, 16, or a name's bytes, and the port */
    size_t left = head[3] == 1 ? 3 : head[3] == 4 ? 15 : head[3] == 3 ? head[4] : SIZE_MAX;
    return left != SIZE_MAX && read_bytes(p, fd, rest, left + 2) ? HC_OK : no_socks(p, x);
}

static enum hc_rc http_connect(struct git_peer *p, int fd, const struct proxy *x, hc_str host, int port)
{
    char head[PROXY_HEAD_MAX];
    hc_str ask = hc_arena_printf(p->a, "CONNECT %.*s:%d HTTP/1.1\r\nHost: %.*s:%d\r\n", HC_P(host), port,
                                 HC_P(host), port);
    if (x->login_given) {
        hc_str login = hc_arena_printf(p->a, "%.*s:%.*s", HC_P(x->user), HC_P(x->password));
        ask = hc_arena_printf(p->a, "%.*sProxy-Authorization: Basic %s\r\n", HC_P(ask), hc_base64(p->a, login).p);
    }
    ask = hc_arena_printf(p->a, "%.*s\r\n", HC_P(ask));
    int status = 0;
    if (hc_arena_spent(p->a))
        return hc_arena_check(p->a, p->err, "proxy");
    if (!write_all(p, fd, ask) || !read_head(p, fd, head, sizeof(head)) ||
        sscanf(head, "HTTP/%*d.%*d %d", &status) != 1)
        return hc_fail(p->err, HC_E_AGAIN, "proxy %.*s port %d does not answer as an HTTP proxy", HC_P(x->name),
                       x->port);
    if (status / 100 != 2)
        return hc_fail(p->err, status == 407 || status == 403 ? HC_E_INPUT : HC_E_AGAIN,
                       "proxy %.*s port %d answers %d to CONNECT %.*s:%d%s", HC_P(x->name), x->port, status,
                       HC_P(host), port, status == 407 ? login_advice(p, x) : "");
    return HC_OK;
}

/* An address in a network such as 10.0.0.0/8 or fd00::/8. */
/* NO_PROXY as Go's golang.org/x/net/proxy reads it: addresses, networks, names, and "*.zone" or ".zone" for all below. */
static bool goes_direct(hc_str list, hc_str host)
{
    hc_str one;
    while (list.n && hc_str_split(&list, ',', &one)) {
        one = hc_str_trim(one);
        hc_str zone = hc_str_starts(one, HC_S("*.")) ? hc_str_sub(one, 1, one.n) : one;
        if (!one.n)
            continue;
        if (hc_str_find(one, '/') != SIZE_MAX ? hc_http_in_network(one, host) : hc_str_eq_nocase(one, host))
            return true;
        if (zone.p[0] == '.' && host.n >= zone.n - 1 &&
            (hc_str_eq_nocase(hc_str_sub(zone, 1, zone.n), host) ||
             (host.n > zone.n && hc_str_eq_nocase(zone, hc_str_sub(host, host.n - zone.n, host.n)))))
            return true;
    }
    return false;
}

static hc_str env_of(const char *large, const char *small)
{
    const char *v = getenv(large);
    v = v && *v ? v : getenv(small);
    return hc_str_of(v ? v : "");
}

/* Without a proxySecretRef a SOCKS proxy of ALL_PROXY, as with Flux; other proxies of the environment are for HTTP. */
static hc_str proxy_for(const struct git_peer *p, hc_str host)
{
    if (p->env->proxy && *p->env->proxy)
        return hc_str_of(p->env->proxy);
    hc_str all = env_of("ALL_PROXY", "all_proxy");
    bool socks = hc_str_starts(all, HC_S("socks5://")) || hc_str_starts(all, HC_S("socks5h://"));
    return socks && !goes_direct(env_of("NO_PROXY", "no_proxy"), host) ? all : HC_S("");
}

enum hc_rc git_dial(struct git_peer *p, hc_str host, int port, int *out_fd)
{
    struct proxy x;
    int fd;
    hc_str url = proxy_for(p, host);
    if (!url.n)
        return dial(p, host, port, out_fd);
    if (parse_proxy(p, url, &x) != HC_OK)
        return p->err->code;
    if (dial(p, x.name, x.port, &fd) != HC_OK)
        return hc_wrap(p->err, "proxy");
    enum hc_rc rc = (x.socks ? socks_connect : http_connect)(p, fd, &x, host, port);
    if (rc == HC_OK)
        *out_fd = fd;
    else
        close(fd);
    return rc;
}
