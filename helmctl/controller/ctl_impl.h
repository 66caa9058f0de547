#pragma once
/*
 * What the files of this folder share. Lifetime: everything below lives from hc_controller_run to its end.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "charts-fetch/chart/chart.h"
#include "core/base/log.h"
#include "core/http/fiber.h"
#include "deploy/kube/client.h"
#include "deploy/reconcile/reconcile.h"
#include "helmctl/controller/conditions.h"
#include "helmctl/controller/controller.h"
#include "helmctl/controller/objects.h"
#include "helmctl/controller/queue.h"
#include "helmctl/serve/serve.h"

enum ctl_lane { LANE_SOURCE, LANE_KUSTOMIZE, LANE_RELEASE, LANES };

struct ctl_events;
struct ctl_metrics;
struct ctl_managed;
struct ctl_store;
struct ctl_charts;
struct ctl_late;
struct ctl_foreign;
struct hc_oci_logins;

struct ctl {
    const struct hc_controller_options *o;
    struct hc_http *http;
    struct hc_pool *pool;         /* for fetches that can only block */
    struct hc_oci_logins *logins; /* at registries */
    struct hc_kube *kube;
    struct hc_objects *objects;
    struct hc_queue *lanes[LANES];
    struct ctl_events *events;
    struct ctl_late *late; /* status writes that can wait */
    struct ctl_metrics *metrics;
    struct ctl_managed *managed; /* objects of releases, release records, parked releases */
    struct ctl_store *store;     /* artifacts */
    struct ctl_charts *charts;   /* charts in memory */
    struct ctl_foreign *foreign; /* fetches of artifacts that others made */
    bool serves[HC_CTL_KINDS];
    atomic_bool ready, leading;
    atomic_bool wake_lost; /* memory was refused: ctl_wake_all_if_lost */
};

/* ---- one look at one object -------------------------------------------------------------------------- */

enum ctl_how {
    CTL_DONE,    /* in order: again after the interval */
    CTL_AT,      /* again at at_ms (monotonic; INT64_MAX: on a change) */
    CTL_AGAIN,   /* again at once */
    CTL_RETRY,   /* failed: again after the back-off, at `at_ms` at the latest when that is set */
    CTL_STALLED, /* only a change of the inputs helps */
    CTL_GONE,    /* the object is no more */
};
struct ctl_result {
    enum ctl_how how;
    int64_t at_ms;
};

struct pass {
    struct ctl *c;
    struct hc_arena *a;
    struct hc_key key;
    const char *manager;         /* field manager and reporting controller: "helm-controller", ... */
    const struct hc_val *obj;    /* as the cache had it */
    const struct hc_val *spec;   /* of obj */
    struct hc_val *status;       /* working copy; what differs is written at the end */
    const struct hc_val *stored; /* as the server has it */
    struct hc_conditions cond;   /* of `status` */
    bool under_way; /* something is awaited, nothing failed: the status may be written a moment later */
    struct hc_err err;
};

/* The status is written when it differs, by one merge patch. HC_E_NOTFOUND: the object is gone. */
enum hc_rc pass_flush(struct pass *p);
/* Adds or takes the finalizer away. */
enum hc_rc pass_finalizer(struct pass *p, bool present);
bool pass_has_finalizer(const struct pass *p);
bool pass_deleting(const struct pass *p);
bool pass_suspended(const struct pass *p);
/* Copies reconcile.fluxcd.io/requestedAt to status.lastHandledReconcileAt; true: it was not there yet. */
bool pass_handled_request(struct pass *p);
/* status.observedGeneration = metadata.generation. */
void pass_observed(struct pass *p);
/* A duration of the spec in ms, `otherwise` when it is absent or no duration. */
int64_t pass_duration(const struct hc_val *spec, const char *path, int64_t otherwise);
/* Result with the jittered interval of the spec. */
struct ctl_result pass_done(const struct pass *p, int64_t interval_ms);
struct ctl_result pass_after(int64_t ms);
/* Flux's events: core/v1 Event and, with --events-addr, a POST. `type` "Normal", "Warning" or "Trace". `notes` may be
 * NULL: annotations of the event. Sent by a thread of its own. */
void pass_event(struct pass *p, const char *type, const char *reason, const struct hc_val *notes, const char *fmt,
                ...) HC_PRINTF(5, 6);
void pass_log(const struct pass *p, enum hc_log_level level, const char *fmt, ...) HC_PRINTF(3, 4);
/* True (and the status says so) when a reference leaves the namespace and that is forbidden. */
bool pass_refuses_ref(struct pass *p, const char *kind, hc_str ns, hc_str name);

typedef struct ctl_result (*ctl_reconcile)(struct pass *p);
struct ctl_result reconcile_git(struct pass *p);
struct ctl_result reconcile_oci(struct pass *p);
struct ctl_result reconcile_repo(struct pass *p);
struct ctl_result reconcile_chart(struct pass *p);
struct ctl_result reconcile_bucket(struct pass *p);
struct ctl_result reconcile_kustomization(struct pass *p);
struct ctl_result reconcile_release(struct pass *p);

/* kustomization.c: at the end of the process. */
void ctl_kustomize_forget_all(void);

/* ---- runtime.c --------------------------------------------------------------------------------------- */

enum ctl_lane ctl_lane_of(enum hc_ctl_kind kind);
void ctl_wake(struct ctl *c, struct hc_key k);
void ctl_wake_at(struct ctl *c, struct hc_key k, int64_t at_ms); /* of the monotonic clock */
void ctl_wake_referrers(struct ctl *c, struct hc_key k);
/* When one of these was refused memory: all objects. Asked for every few seconds. */
void ctl_wake_all_if_lost(struct ctl *c);
/* A new version of an object came in, from a watch or as the answer to a write: cache it and wake who cares. */
void ctl_observe(struct ctl *c, enum hc_ctl_kind kind, const struct hc_val *object);
void ctl_vanished(struct ctl *c, struct hc_key k);

/* ---- lease.c ----------------------------------------------------------------------------------------- */

/* Blocks until this process leads (HC_OK) or *stop is set (HC_E_AGAIN). Then a thread renews; when it cannot, on_lost
 * is called once. */
struct ctl_lease;
enum hc_rc ctl_lease_acquire(struct ctl *c, const atomic_bool *stop, void (*on_lost)(void), struct ctl_lease **out,
                             struct hc_err *err);
/* Gives the lease back. */
void ctl_lease_release(struct ctl_lease *l);

/* ---- events.c ---------------------------------------------------------------------------------------- */

struct ctl_events *ctl_events_start(struct ctl *c);
/* Sends what is queued, for at most five seconds. */
void ctl_events_stop(struct ctl_events *e);
void ctl_events_post(struct ctl_events *e, const struct hc_val *about, const char *controller, const char *type,
                     const char *reason, hc_str message, const struct hc_val *notes);

/* ---- late.c ------------------------------------------------------------------------------------------- */

struct ctl_late *ctl_late_start(struct ctl *c);
/* Sends what is kept, for at most two seconds. After the workers ended. */
void ctl_late_stop(struct ctl_late *l);
/* At the end of a pass: true when its status is kept for a quiet moment, false when it is to be written now. */
bool ctl_late_keep(struct ctl_late *l, const struct pass *p);
/* At the beginning of the next: what was kept, as a merge patch of the status; NULL: nothing, or it is written by now. */
struct hc_val *ctl_late_take(struct ctl_late *l, struct hc_arena *a, struct hc_key k);

/* ---- metrics.c --------------------------------------------------------------------------------------- */

struct ctl_metrics *ctl_metrics_new(void);
void ctl_metrics_free(struct ctl_metrics *m);
void ctl_metrics_reconciled(struct ctl_metrics *m, struct hc_key k, int64_t took_ms, enum ctl_how how);
void ctl_metrics_forget(struct ctl_metrics *m, struct hc_key k);
void ctl_metrics_write(struct ctl *c, struct hc_buf *b);
