#pragma once
/*
 * core/http/http.h - one curl_multi loop for all HTTP of the process
 *
 * A loop is one thread with one multi handle: HTTP/2, connection reuse, deadlines. Any thread hands requests
 * over; the answer comes by callback on the loop's thread (hc_http_start) or the caller blocks under the
 * request's deadline (hc_http_do).
 *
 * Redirects are followed here, not by the library: to another scheme, host or port only the headers that
 * describe the answer wanted (Accept, Range, ...) and the trust go along, never Authorization, cookies, any
 * header not known to be harmless, a client certificate, or a body. From https to http no redirect is followed, and one
 * more than max_redirects is an error. A connection that the server closed while it
 * was idle may make a request travel twice before the first byte of an answer, whatever its method.
 *
 * A GET or HEAD with `retries` is sent again after a network failure (never one of TLS or of a refused redirect), after
 * 408, 429, 500, 502, 503 and 504: when Retry-After says, else after 200 ms, doubled each time, with jitter; always
 * within the whole request's deadline, and never when a part of the body went to on_data already.
 *
 * A fiber (core/http/fiber.h) that calls hc_http_do parks: it holds no thread while it waits.
 *
 * Proxies come from the environment by Go's rules: HTTP_PROXY, HTTPS_PROXY, NO_PROXY in either case (not ALL_PROXY), and
 * localhost and loopback addresses always go direct.
 */
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"

struct hc_http;     /* the loop */
struct hc_http_tls; /* certificates and trust of one peer, shared by reference */

HC_MUST_USE struct hc_http *hc_http_new(struct hc_err *err);
void hc_http_free(struct hc_http *h); /* ends all requests with HC_E_AGAIN "stopped" first */

struct hc_http_tls_options {
    hc_str ca_pem, cert_pem, key_pem; /* PEM text; absent ca: the system's */
    hc_str server_name;               /* expected in the certificate instead of the URL's host */
    bool insecure_skip_verify;
    bool ca_with_system; /* ca_pem is trusted beside the system's instead of alone (Flux certSecretRef) */
};
HC_MUST_USE struct hc_http_tls *hc_http_tls_new(const struct hc_http_tls_options *o);
struct hc_http_tls *hc_http_tls_ref(struct hc_http_tls *t);
void hc_http_tls_unref(struct hc_http_tls *t);

struct hc_http_response;
struct hc_http_call;

struct hc_http_request {
    const char *method; /* "GET" */
    const char *url;
    const char *const
        *headers;            /* "Name: value", closed by NULL; may be NULL; HC_E_INPUT with a control character */
    hc_str body;             /* copied */
    struct hc_http_tls *tls; /* NULL: system trust */
    const char *proxy;       /* NULL: environment */
    int64_t timeout_ms;      /* whole request; 0: 30 s; -1: none (watches) */
    int64_t connect_timeout_ms; /* 0: 10 s */
    int64_t
        not_after_ms; /* of hc_boot_ms: what has not begun to be sent by then never is (HC_E_CONFLICT); 0: off */
    int64_t idle_timeout_ms; /* no byte for this long ends it; 0: off */
    int64_t first_byte_ms;   /* from sending to the answer's first byte, connecting included; 0: off */
    int64_t min_bytes_per_s, speed_window_ms; /* floor of an answer's body in each window (0: 15 s); 0: off */
    int retries;                              /* how often it may be sent again; see the head of this file */
    size_t max_bytes;  /* of the answer, streamed too; 0: HC_MAX_RESPONSE_BYTES; SIZE_MAX: none */
    int max_redirects; /* 0: follow none; -1: HC_MAX_REDIRECTS */
    bool http1_only, accept_gzip;
    /* Streamed answers: called on the loop's thread with each piece of a 2xx body; false ends the request. */
    bool (*on_data)(void *ctx, const char *p, size_t n);
    /* Before the first piece: status and headers of that answer; false ends the request. NULL: not wanted. */
    bool (*on_head)(void *ctx, const struct hc_http_response *head);
    void *ctx; /* of on_data, on_head and of hc_http_start's on_done */
};

/* Why there was no answer, where a person has to mend it: what was given is not what the peer takes. */
enum hc_http_trouble {
    HC_HTTP_NO_TROUBLE,
    HC_HTTP_UNTRUSTED,   /* the server's certificate */
    HC_HTTP_BAD_CA,      /* ca_pem cannot be read */
    HC_HTTP_BAD_CERT,    /* cert_pem and key_pem cannot be read, or do not belong together */
    HC_HTTP_CERT_WANTED, /* the server refuses the client's certificate, or that there is none */
    HC_HTTP_PROXY_LOGIN, /* the proxy answers 407, or a SOCKS proxy refuses the login */
    HC_HTTP_NO_TLS,      /* what answers does not speak it */
};

struct hc_http_response {
    int status; /* 0: no answer */
    enum hc_http_trouble trouble;
    hc_str body;    /* empty when it was streamed */
    hc_str headers; /* raw lines of the last answer with lower-case names: read with hc_http_header */
    const char *effective_url;
    int64_t retry_after_ms; /* from Retry-After, 0: none */
};
/* Value of a header, absent when it is not there. */
hc_str hc_http_header(const struct hc_http_response *r, const char *lower_name);
/* The pause that a server asks for, in milliseconds: none when it is not in the future, and at most a day, whatever is
 * said. May be added to any time of a clock. */
int64_t hc_http_retry_after(int64_t seconds);
/* No line break and no other control character is in it. */
bool hc_http_fits_header(hc_str value);

/* Blocks until the answer, the deadline or the loop's end. Results live in `a`. An HTTP error status is HC_OK here
 * (the caller knows what 404 means; 407 is a proxy's and an error); err is for no answer: HC_E_AGAIN network, HC_E_LIMIT
 * too large, HC_E_INPUT bad URL, TLS or the proxy refused (out->trouble). Messages name the host and the phase, never a
 * credential. */
enum hc_rc hc_http_do(struct hc_http *h, struct hc_arena *a, const struct hc_http_request *req,
                      struct hc_http_response *out, struct hc_err *err);

/* The same in two, for several at once: the first hands over, the second blocks (or parks) until the answer and releases the
 * call, which must be done once, by whom it was begun; an answer nobody wants any more is cancelled first. NULL: `err` says why. */
HC_MUST_USE struct hc_http_call *hc_http_begin(struct hc_http *h, const struct hc_http_request *req,
                                               struct hc_err *err);
enum hc_rc hc_http_finish(struct hc_http_call *c, struct hc_arena *a, struct hc_http_response *out,
                          struct hc_err *err);

/* Hands over and returns. `on_done` is called exactly once, on the loop's thread, and must not block; `response` and
 * `err` are borrowed for the call. The call may be cancelled (then on_done comes with HC_E_AGAIN "cancelled") and
 * must be released with hc_http_unref; NULL: no memory or the loop is ending, on_done is not called. The call may
 * be cancelled and released from any thread, the loop's own included, also after hc_http_free. */
HC_MUST_USE struct hc_http_call *hc_http_start(struct hc_http *h, const struct hc_http_request *req,
                                               void (*on_done)(void *ctx, enum hc_rc rc,
                                                               const struct hc_http_response *response,
                                                               const struct hc_err *err));
void hc_http_cancel(struct hc_http_call *c);
void hc_http_unref(struct hc_http_call *c);

/* Outcome of a call whose on_done has come; borrowed until hc_http_unref. */
enum hc_rc hc_http_result(const struct hc_http_call *c, const struct hc_http_response **out,
                          const struct hc_err **err);

/* A call without a request: on_done comes with HC_OK after `delay_ms`. Cancel and release as any call. */
HC_MUST_USE struct hc_http_call *hc_http_after(struct hc_http *h, int64_t delay_ms, void *ctx,
                                               void (*on_done)(void *ctx, enum hc_rc rc,
                                                               const struct hc_http_response *response,
                                                               const struct hc_err *err));
/* Such a call once more, of which on_done has come (from within it, or later): it takes no memory. False: the loop is ending, and
 * on_done does not come. */
bool hc_http_after_again(struct hc_http_call *timer, int64_t delay_ms);
/* True on the loop's own thread, where nothing may block. */
bool hc_http_on_loop(const struct hc_http *h);

/* "10.0.0.0/8", "fd00::/8", as NO_PROXY has it: whether the host is an address in it. False for what is no network. */
bool hc_http_in_network(hc_str network, hc_str host);

/* Requests since the start, for metrics and tests. */
uint64_t hc_http_requests(const struct hc_http *h);
