#pragma once
/*
 * helmctl/sandbox/sandbox.h - an embedded Kubernetes-style API server on SQLite, to try and to test
 *
 * Plain HTTP/1.1 (or TLS) on loopback, one thread, no other process: real kubectl and real helm work against
 * it, a small simulator makes workloads ready, slow or failing, and faults can be switched on for tests
 * (faults.h of this folder describes the private paths under /sandbox). It is no real cluster: nothing runs.
 *
 * One server is used by one thread; only hc_sandbox_stop may be called from another or from a signal handler.
 */
#include "core/base/err.h"

struct hc_sandbox;

struct hc_sandbox_options {
    const char *listen;     /* "127.0.0.1:8001"; port 0 or NULL: any free port on 127.0.0.1              */
    const char *data;       /* folder of the database, made when absent; NULL or ":memory:": keeps none  */
    const char *kubeconfig; /* written, whole or not at all, once the server answers; NULL: none         */
    const char *token;      /* bearer token every request must carry; NULL: none is asked for           */
    const char *tls_cert;   /* PEM files; both or none                                                   */
    const char *tls_key;
    int64_t ready_after_ms; /* a simulated container is ready this long after its pod; < 0: 150          */
};

/* Opens the store and the port: connections are accepted from here on and answered by hc_sandbox_run. */
HC_MUST_USE enum hc_rc hc_sandbox_new(const struct hc_sandbox_options *o, struct hc_sandbox **out,
                                      struct hc_err *err);
void hc_sandbox_free(struct hc_sandbox *s);
/* "http://127.0.0.1:41234"; lives as long as the server. */
const char *hc_sandbox_url(const struct hc_sandbox *s);
/* Answers requests and runs the simulator until hc_sandbox_stop. */
enum hc_rc hc_sandbox_run(struct hc_sandbox *s, struct hc_err *err);
/* Makes hc_sandbox_run return soon. Any thread, also a signal handler. */
void hc_sandbox_stop(struct hc_sandbox *s);
