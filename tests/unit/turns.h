#pragma once
/*
 * tests/unit/turns.h - a server that is a table of what it must be told and what it answers, byte by byte
 *
 * One connection; for protocols that loopback.h does not speak. Header-only, for one test program.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/defs.h"

struct turn {
    const char *told, *answer; /* told NULL: there are no more */
    size_t told_n, answer_n;
};
#define TURN(t, a)                                                                                                 \
    {                                                                                                              \
        t, a, sizeof(t) - 1, sizeof(a) - 1                                                                         \
    }

struct turns_server {
    const struct turn *turns;
    size_t n;
    int listener, port;
    pthread_t thread;
    char wrong[300]; /* what was not told, once it has stopped */
};

static void *turns_serve(void *arg)
{
    struct turns_server *s = arg;
    char got[512];
    int fd = accept(s->listener, NULL, NULL);
    for (size_t i = 0; fd >= 0 && i < s->n && s->turns[i].told; i++) {
        const struct turn *t = &s->turns[i];
        ssize_t n = recv(fd, got, t->told_n, MSG_WAITALL);
        if (n != (ssize_t)t->told_n || memcmp(got, t->told, t->told_n) != 0) {
            snprintf(s->wrong, sizeof(s->wrong), "turn %zu: %zd bytes, %.*s", i, n, n > 0 ? (int)n : 0, got);
            break;
        }
        /* in two pieces, as a network may */
        if (send(fd, t->answer, 1, MSG_NOSIGNAL) != 1 ||
            send(fd, t->answer + 1, t->answer_n - 1, MSG_NOSIGNAL) != (ssize_t)t->answer_n - 1)
            break;
    }
    if (fd >= 0) {
        shutdown(fd, SHUT_WR);
        while (recv(fd, got, sizeof(got), 0) > 0) /* closed with bytes unread it would take the answer back */
            ;
        close(fd);
    }
    return NULL;
}

HC_UNUSED static void turns_start(struct turns_server *s, const struct turn *turns, size_t n)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    *s = (struct turns_server){ .turns = turns,
                                .n = n,
                                .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&at, sizeof(at)) || listen(s->listener, 1) ||
        getsockname(s->listener, (struct sockaddr *)&at, &len) || pthread_create(&s->thread, NULL, turns_serve, s))
        abort();
    s->port = ntohs(at.sin_port);
}

/* The client is gone by now. */
HC_UNUSED static void turns_stop(struct turns_server *s)
{
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
}
