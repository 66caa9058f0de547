#pragma once
/*
 * helmctl/controller/queue.h - which object to look at next, and when
 *
 * Keys with a timer heap. A key stands in the queue once, however often it is added; it is never in two workers: what
 * is added while a worker has it comes back when the worker is done. Everything takes the time as an argument (ms of
 * the monotonic clock), so that tests own it; only hc_queue_wait looks at the clock itself. Any thread may use it.
 */
#include "core/base/defs.h"
#include "core/base/str.h"

enum hc_ctl_kind {
    HC_CTL_NONE,
    HC_CTL_GIT,       /* GitRepository */
    HC_CTL_OCI,       /* OCIRepository */
    HC_CTL_REPO,      /* HelmRepository */
    HC_CTL_CHART,     /* HelmChart */
    HC_CTL_BUCKET,    /* Bucket */
    HC_CTL_EXTERNAL,  /* ExternalArtifact: others make it, we read it */
    HC_CTL_KUSTOMIZE, /* Kustomization */
    HC_CTL_RELEASE,   /* HelmRelease */
    HC_CTL_CONFIGMAP, /* only as something that wakes others */
    HC_CTL_SECRET,
    HC_CTL_KINDS
};

struct hc_key {
    enum hc_ctl_kind kind;
    hc_str ns, name; /* borrowed; the queue keeps a copy of its own */
};

struct hc_queue;

/* Failed keys come back after min_delay * 2^failures plus up to a fifth of jitter, at most max_delay (Flux:
 * --min-retry-delay 750ms, --max-retry-delay 15m). `seed` makes the jitter. NULL: no memory. */
HC_MUST_USE struct hc_queue *hc_queue_new(int64_t min_delay_ms, int64_t max_delay_ms, uint64_t seed);
void hc_queue_free(struct hc_queue *q);

/* Look at it now; a timer that is set for it is dropped. False: no memory, the key may be lost. */
bool hc_queue_add(struct hc_queue *q, struct hc_key k);
/* The same, before all that was added otherwise or whose time came: somebody asked for it, the others wait anyway. */
bool hc_queue_add_first(struct hc_queue *q, struct hc_key k);
/* Look at it at `at_ms` unless it is looked at before; of several times the earliest counts. */
bool hc_queue_add_at(struct hc_queue *q, struct hc_key k, int64_t at_ms);
/* Forget it: its timer and its failures. What a worker has, it goes on with. */
void hc_queue_drop(struct hc_queue *q, struct hc_key k);

/* Takes the next ready key; the strings of *out stay valid until hc_queue_done. False: nothing is ready, *out_next_ms
 * (may be NULL) is when the next timer fires, INT64_MAX for never. */
bool hc_queue_take(struct hc_queue *q, int64_t now_ms, struct hc_key *out, int64_t *out_next_ms);
/* Blocks until a key is ready (true) or the queue is stopped (false). */
bool hc_queue_wait(struct hc_queue *q, struct hc_key *out);

/* The same for a worker that has something else to wait for: `other` is asked under the queue's lock, again after each
 * hc_queue_poke. It is told before a key, and alone when there is no room for a key (`take` false). */
enum hc_queue_news { HC_QUEUE_STOPPED, HC_QUEUE_KEY, HC_QUEUE_OTHER };
enum hc_queue_news hc_queue_wait_any(struct hc_queue *q, bool take, struct hc_key *out, bool (*other)(void *ctx),
                                     void *ctx);
void hc_queue_poke(struct hc_queue *q);

/* The worker is done with it. The next look is at `at_ms`, INT64_MAX: only when it is added. Resets failures. */
void hc_queue_done(struct hc_queue *q, struct hc_key k, int64_t at_ms);
/* The work failed: look again after the back-off, not before `not_before_ms` (the server's Retry-After; 0: none).
 * Gives when. */
int64_t hc_queue_failed(struct hc_queue *q, struct hc_key k, int64_t now_ms, int64_t not_before_ms);
/* True when it was added while the worker that asks has it: a long work may stop for it. */
bool hc_queue_dirty(struct hc_queue *q, struct hc_key k);
/* How often it failed in a row. */
unsigned hc_queue_failures(struct hc_queue *q, struct hc_key k);

/* Wakes all waiters for good. Takers get nothing more. */
void hc_queue_stop(struct hc_queue *q);

struct hc_queue_stats {
    size_t keys, ready, running, timers;
    uint64_t adds, takes, retries;
};
void hc_queue_stats(struct hc_queue *q, struct hc_queue_stats *out);
