#pragma once
/*
 * core/http/http_impl.h - what loop.c, request.c and tls.c share
 */
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "core/http/fiber.h"
#include "core/http/http.h"

/* A response's header lines together: no honest server sends a tenth of it. */
#define MAX_HEADER_BYTES ((size_t)256 * 1024)
/* Of an answer that is no success while the caller streams: what an error message may be. */
#define MAX_ERROR_BODY ((size_t)1024 * 1024)
#define ANSWER_BUFFER  (512L * 1024) /* the most that the library gives; touched as far as it is used */
/* Speed is looked at over so long: a server that stutters is not a slow one. */
#define SPEED_WINDOW_MS 15000

struct hc_http {
    atomic_int refs; /* the owner, and each call */
    CURLM *multi;    /* loop's thread only, but for curl_multi_wakeup */
    pthread_t thread;
    pthread_mutex_t mu; /* of the next four and of every call's `state` */
    struct hc_http_call *in_first, *in_last;
    struct hc_http_call *cancels;
    bool stop;
    struct hc_http_call *active; /* loop's thread only, as the next one */
    uint64_t pieces;             /* of answers that came so far; the loop's thread only */
    int64_t next_idle_ms;        /* monotonic; when to look for calls that went idle */
    atomic_uint_fast64_t requests;
};

struct hc_http_tls {
    atomic_int refs;
    char *ca, *cert, *key, *server_name; /* cert: with the key behind it (tls.c) */
    size_t ca_n, cert_n, key_n;
    bool insecure, with_system;
};

enum call_state { CALL_QUEUED, CALL_ACTIVE, CALL_DONE };

struct hc_http_call {
    atomic_int refs; /* the caller, and the loop until it is done */
    struct hc_http *h;
    enum call_state state;
    bool cancelling;
    bool timer; /* no request: ends well when idle for idle_timeout_ms */
    struct hc_http_call *next, *prev, *next_cancel;

    struct hc_arena *a; /* what was copied from the request */
    char *method, *url, *proxy;
    hc_str body;
    const char **header_lines;
    struct hc_http_tls *tls;
    int64_t started_ms, timeout_ms, connect_timeout_ms, idle_timeout_ms;
    size_t max_bytes;
    int redirects_left, redirects_max;
    bool http1_only, accept_gzip, crossed; /* crossed: a redirect left the first origin */
    bool (*on_data)(void *ctx, const char *p, size_t n);
    bool (*on_head)(void *ctx, const struct hc_http_response *head);
    bool head_told; /* of this answer */
    void *ctx;
    void (*on_done)(void *ctx, enum hc_rc rc, const struct hc_http_response *response, const struct hc_err *err);
    void *done_ctx;

    CURL *easy;
    struct curl_slist *headers, *connect_to;
    char *origin; /* "https://host:port": what messages name */
    char curl_error[CURL_ERROR_SIZE];
    struct hc_buf out_headers, out_body;
    int status;
    size_t received;
    int64_t not_after_ms;
    int64_t first_byte_ms, min_bytes_per_s, speed_window_ms;
    int64_t sent_ms, last_byte_ms, window_ms, again_ms;
    int64_t seen, window_seen; /* bytes of bodies, wanted or not */
    bool answered, stopped;    /* stopped: the answer did so in the middle, once */
    int retries_left, retries;
    curl_off_t last_upload;
    enum hc_rc abort_rc; /* why a callback of ours ended the transfer */

    pthread_mutex_t wait_mu; /* of the next three: hc_http_finish waits for hc_http_begin's call */
    pthread_cond_t wait_cond;
    struct hc_fiber *waiter;
    bool ended;

    enum hc_rc rc; /* result; read by hc_http_finish after it is done */
    struct hc_err err;
    struct hc_http_response response;
};

/* trust.c, once and before any request. */
void http_trust_init(void);
/* What no tls of its own decides is decided by the system's authorities. */
void http_trust_system(struct hc_http_call *c);
/* The file of them, when they count for this call and it cannot be read; else NULL. */
const char *http_trust_missing(const struct hc_http_call *c);

/* proxy.c: what HTTP_PROXY, HTTPS_PROXY and NO_PROXY say for this host, which may stand in brackets; empty: no proxy. */
hc_str http_env_proxy(hc_str scheme, hc_str host, hc_str port);

/* request.c. Gives a call with one reference, or NULL. */
struct hc_http_call *call_new(struct hc_http *h, const struct hc_http_request *req);
/* Makes the easy handle ready for the multi; the error is in c->err. */
enum hc_rc call_prepare(struct hc_http_call *c);
/* After a transfer ended well: true when it was a redirect and the handle is ready to be added again; false: the
 * result stands (c->rc, c->err when the redirect was refused). */
bool call_redirect(struct hc_http_call *c);
/* Sending it twice does no harm, and nobody has seen a part of the answer. */
bool call_may_repeat(const struct hc_http_call *c);
/* After a call got its result: true when it may and should be sent once more, at c->again_ms. */
bool call_again(struct hc_http_call *c);
/* Fills rc, err and response from the transfer's end. */
void call_finish(struct hc_http_call *c, CURLcode code);
enum hc_rc call_end(struct hc_http_call *c, enum hc_rc rc, const char *why);
void http_unref(struct hc_http *h);
