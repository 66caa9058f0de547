#pragma once
/*
 * tests/unit/loopback.h - an HTTP/1.1 server on a loopback port for unit tests
 *
 * One thread per connection; the test's handler reads the request and writes the answer, byte by byte when it
 * wants to misbehave. Returning false closes the connection. Header-only, for one test program.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/defs.h"

struct loopback_request {
    char method[16], path[1024];
    char headers[8192]; /* raw lines */
    char *body;
    size_t body_n;
};

struct loopback {
    bool (*handle)(struct loopback *s, const struct loopback_request *r, int fd);
    void *ctx;
    int fd, port;
    pthread_t thread;
    atomic_int connections, requests, open;
    char base[64]; /* "http://127.0.0.1:PORT" */
};

struct loopback_conn {
    struct loopback *s;
    int fd;
};

HC_UNUSED static bool loopback_send(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0)
            return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

/* `headers`: lines with CRLF each, or "". */
HC_UNUSED static bool loopback_answer(int fd, int status, const char *headers, const char *body, size_t n)
{
    char head[4096];
    int k = snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n", status, n, headers);
    return loopback_send(fd, head, (size_t)k) && loopback_send(fd, body, n);
}

HC_UNUSED static void loopback_wait_closed(int fd)
{
    char c;
    while (recv(fd, &c, 1, 0) > 0)
        ;
}

static void *loopback_serve(void *arg)
{
    struct loopback_conn c = *(struct loopback_conn *)arg;
    free(arg);
    char buf[65536];
    size_t n = 0;
    for (;;) {
        char *end;
        buf[n] = '\0';
        while (!(end = strstr(buf, "\r\n\r\n"))) {
            ssize_t k = n + 1 < sizeof(buf) ? recv(c.fd, buf + n, sizeof(buf) - 1 - n, 0) : 0;
            if (k <= 0)
                goto out;
            n += (size_t)k;
            buf[n] = '\0';
            if (buf[0] == 0x16) /* a handshake: no TLS is spoken here */
                goto out;
        }
        struct loopback_request r = { 0 };
        *end = '\0';
        sscanf(buf, "%15s %1023s", r.method, r.path);
        char *lines = strstr(buf, "\r\n");
        snprintf(r.headers, sizeof(r.headers), "%s\r\n", lines ? lines + 2 : "");
        char *length = strcasestr(r.headers, "content-length:");
        r.body_n = length ? strtoul(length + 15, NULL, 10) : 0;
        size_t head = (size_t)(end + 4 - buf), have = HC_MIN(n - head, r.body_n);
        r.body = malloc(r.body_n + 1);
        memcpy(r.body, buf + head, have);
        memmove(buf, buf + head + have, n - head - have);
        n -= head + have;
        while (have < r.body_n) {
            ssize_t k = recv(c.fd, r.body + have, r.body_n - have, 0);
            if (k <= 0)
                break;
            have += (size_t)k;
        }
        r.body[have] = '\0';
        atomic_fetch_add(&c.s->requests, 1);
        bool more = c.s->handle(c.s, &r, c.fd);
        free(r.body);
        if (!more)
            break;
    }
out:
    close(c.fd);
    atomic_fetch_sub(&c.s->open, 1);
    return NULL;
}

static void *loopback_accept(void *arg)
{
    struct loopback *s = arg;
    int fd;
    while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
        struct loopback_conn *c = malloc(sizeof(*c));
        *c = (struct loopback_conn){ s, fd };
        atomic_fetch_add(&s->connections, 1);
        atomic_fetch_add(&s->open, 1);
        pthread_t t;
        if (pthread_create(&t, NULL, loopback_serve, c))
            abort();
        pthread_detach(t);
    }
    return NULL;
}

HC_UNUSED static void loopback_start(struct loopback *s,
                                     bool (*handle)(struct loopback *s, const struct loopback_request *r, int fd))
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof(at);
    *s = (struct loopback){ .handle = handle, .ctx = s->ctx };
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&at, sizeof(at)) || listen(s->fd, 512) ||
        getsockname(s->fd, (struct sockaddr *)&at, &n))
        abort();
    s->port = ntohs(at.sin_port);
    snprintf(s->base, sizeof(s->base), "http://127.0.0.1:%d", s->port);
    if (pthread_create(&s->thread, NULL, loopback_accept, s))
        abort();
}

/* Call after the clients are gone: waits until every connection ended, and dies of one that does not (the client of a
 * test that failed keeps its own). */
HC_UNUSED static void loopback_stop(struct loopback *s)
{
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
    for (int ms = 0; atomic_load(&s->open); ms++) {
        if (ms == 30000) {
            fprintf(stderr, "%s: %d connections are still open\n", s->base, atomic_load(&s->open));
            abort();
        }
        usleep(1000);
    }
}
