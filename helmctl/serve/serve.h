#pragma once
/*
 * helmctl/serve/serve.h - small HTTP servers of the daemon: metrics, probes, artifacts
 *
 * One thread a server; handlers run on it and must be quick. GET and HEAD only; everything else is 405. Paths with
 * "..", "//", backslashes or NUL never reach a handler. Files are answered with ETag and Last-Modified, conditions on
 * them, and one range of bytes.
 */
#include "core/base/buf.h"
#include "core/base/err.h"

struct hc_serve;

struct hc_serve_answer {
    int status;               /* 0: 404 */
    const char *content_type; /* NULL: text/plain; charset=utf-8 */
    struct hc_buf body;       /* to be filled */
    int file;                 /* instead of the body: an open descriptor of a regular file, taken over; -1: none */
};
typedef void (*hc_serve_handler)(void *ctx, hc_str path, struct hc_serve_answer *answer);

/* `addr`: "127.0.0.1:8080", "[::1]:8080", ":8080" (all), port 0: any free one. HC_E_INPUT: not an address, or it is
 * in use. */
enum hc_rc hc_serve_start(const char *addr, hc_serve_handler handler, void *ctx, struct hc_serve **out,
                          struct hc_err *err);
int hc_serve_port(const struct hc_serve *s);
void hc_serve_stop(struct hc_serve *s);
