#pragma once
/*
 * deploy/reconcile/reconcile.h - one release brought to where it should be, step by step
 *
 * An hc_reconcile is one release and one wish. A step observes the record (and what of the cluster the state at hand
 * needs), decides (decide.h), does at most one action, and says when to look again. Nothing about a phase lives
 * only in here: drop the instance (or the process) at any moment, make a new one, and the release goes on. One thread
 * at a time; a step blocks on requests under their deadline, never on the cluster becoming something.
 *
 * What parks a release is small: keep struct hc_reconcile_memo (a plain value) and the awaited objects, free the
 * instance, make a new one when something changed. A zeroed memo costs a few requests, never correctness.
 */
#include <signal.h>

#include "deploy/reconcile/decide.h"
#include "deploy/reconcile/trouble.h"
#include "deploy/release/storage.h"
#include "lua/rules/health.h"

struct hc_reconcile;

/* ---- the wish ------------------------------------------------------------------------------------------ */

/* A chart file of crds/: whole text, may hold several documents. */
struct hc_crd_file {
    hc_str name, text;
};
/* What a revision is made of: what goes into its record. All in the arena given to the port. */
struct hc_desired {
    struct hc_val *chart;  /* Helm's chart JSON (deploy/compose: hc_compose_chart) */
    struct hc_val *config; /* the user's values, map or NULL */
    hc_str manifest, notes;
    struct hc_record_hook *hooks; /* in install order by kind, as in the record; weight is applied here */
    size_t hooks_n;
    struct hc_val *labels; /* user labels of the record, map or NULL */
    hc_str recording;      /* of this render, stored with the record; absent: none */
    hc_str description;    /* of the deployed record; absent: Helm's ("Install complete", "Upgrade complete") */
};

enum hc_change { HC_CHANGE_NONE, HC_CHANGE_CREATED, HC_CHANGE_CONFIGURED, HC_CHANGE_DELETED, HC_CHANGE_KEPT };
enum hc_told {
    HC_TOLD_RECORDED,    /* a pending revision was stored: record */
    HC_TOLD_RESUMED,     /* a pending revision of ours is gone on with */
    HC_TOLD_TAKEN_OVER,  /* a foreign pending revision was marked failed (Flux: PendingRelease) */
    HC_TOLD_PROBLEM,     /* problem: what the preflight found, before anything is recorded */
    HC_TOLD_SUPERSEDED,  /* ours was marked failed, because something else is wanted by now */
    HC_TOLD_HOOK,        /* a hook began, succeeded or failed: hook; failed: log is the end of its container's */
    HC_TOLD_HOOK_LOG,    /* hook, ref (a pod), container; message is its log (ok false: why there is none) */
    HC_TOLD_TEST_LOG,    /* the same of a test, when spec.test_logs asks for it */
    HC_TOLD_OBJECT,      /* one object was sent or deleted: ref, change */
    HC_TOLD_WAITING,     /* ref and message of one object that is not ready, when that changes */
    HC_TOLD_READY,       /* ref: this object is ready */
    HC_TOLD_WAVE,        /* message: "wave 1 of 3 is ready" (is gone) */
    HC_TOLD_DEPLOYED,    /* record; action says by what */
    HC_TOLD_FAILED,      /* record, message: the revision failed; `failures` counts it */
    HC_TOLD_TESTED,      /* record; ok or message */
    HC_TOLD_DRIFTED,     /* message: what differs, object by object */
    HC_TOLD_CORRECTED,   /* message; ok false: the correction failed */
    HC_TOLD_FIGHT,       /* ref, message: who writes which field again and again, and that it is left alone */
    HC_TOLD_UNINSTALLED, /* record as it was last, message: what was kept */
    HC_TOLD_UNINSTALL_FAILED,
};
enum hc_action {
    HC_ACTION_NONE,
    HC_ACTION_INSTALL,
    HC_ACTION_UPGRADE,
    HC_ACTION_ROLLBACK,
    HC_ACTION_UNINSTALL,
    HC_ACTION_TEST
};
const char *hc_action_name(enum hc_action a); /* "install", ... */

struct hc_tell { /* borrowed for the call */
    enum hc_told what;
    enum hc_action action;
    const struct hc_record *record;
    const struct hc_record *before; /* HC_TOLD_DEPLOYED: the revision that this one superseded just now, or NULL */
    const struct hc_record_hook *hook;
    const struct hc_problem *problem;
    struct hc_ref ref;
    enum hc_change change;
    bool ok;
    bool remediation; /* the rollback or uninstall mends a failure (Flux: uninstall-remediation) */
    int64_t failures; /* of this desired state, counted in the record as well */
    const char *was;  /* HC_TOLD_TAKEN_OVER, _SUPERSEDED: the status it was found in */
    hc_str message, container, log;
};

/* A field of an object that was rendered for a record. */
struct hc_whence {
    const struct hc_record *record; /* that is to be stored, or is */
    hc_str source;                  /* its template: "web/templates/deployment.yaml" */
    const struct hc_ref *ref;
    hc_str field;   /* as a server names it (hc_field_nearest); absent: the object as a whole */
    const char *is; /* its kind, where that is what is wrong (hc_kind_name); NULL: any */
};

struct hc_reconcile_port {
    void *ctx;
    /* The desired state as revision N; called only when a revision is to be recorded. An error of code HC_E_INPUT or
     * HC_E_LIMIT stalls the release ("template error"), HC_E_AGAIN is tried again. `previous` is the newest record (NULL:
     * none), for --reuse-values; it is gone after the call, so nothing in *out may point into it. */
    enum hc_rc (*render)(void *ctx, struct hc_arena *a, int64_t revision, bool is_upgrade,
                         const struct hc_record *previous, struct hc_desired *out, struct hc_err *err);
    /* Files of crds/, parents first; called before render when the CRD policy is not skip. NULL: none. */
    enum hc_rc (*crds)(void *ctx, struct hc_arena *a, struct hc_crd_file **out, size_t *out_n, struct hc_err *err);
    /* Is this record what is desired? Asked of deployed and failed records that carry no mark of ours with
     * spec.digest. NULL: no. */
    bool (*same)(void *ctx, const struct hc_record *head);
    /* From a watch: the object in `a` as it was seen last, when that is not older than what was awaited (hc_step); NULL:
     * the server is asked. May be NULL: always ask. */
    struct hc_val *(*look)(void *ctx, struct hc_arena *a, const struct hc_ref *ref);
    /* From a metadata watch on records: true with the newest revision and its object's resourceVersion (0: no record at
     * all); false: not known. NULL: always ask. */
    bool (*head)(void *ctx, int64_t *out_revision, char out_resource_version[32]);
    /* The line of the template that wrote a field; asked only of what was refused. False: not known, then the line of what
     * is recorded is told. May be NULL. */
    bool (*whence)(void *ctx, struct hc_arena *a, const struct hc_whence *what, struct hc_written *out);
    void (*tell)(void *ctx, const struct hc_tell *t); /* may be NULL */
    int64_t (*now_ms)(void *ctx);                     /* NULL: hc_now_ms */
};

enum hc_crd_policy { HC_CRDS_SKIP, HC_CRDS_CREATE, HC_CRDS_REPLACE };
enum hc_wait_mode { HC_WAIT_NONE, HC_WAIT_WATCHER, HC_WAIT_LEGACY };
enum hc_ssa { HC_SSA_AUTO, HC_SSA_ON, HC_SSA_OFF };
/* Install, upgrade, rollback, uninstall and test each have one. */
struct hc_action_policy {
    int64_t timeout_ms; /* of each hook and of the wait; 0: 5 min */
    bool disable_hooks;
    enum hc_wait_mode wait;
    bool wait_for_jobs;
    bool cleanup_on_fail;
    bool force_replace; /* by the client: replace instead of patch; a command that sends by the server is refused */
    bool force_conflicts; /* by the server: take fields over from other managers */
    bool take_ownership;
    bool skip_validation; /* of fields the server does not know */
    enum hc_ssa
        server_side; /* auto: an install by the server, others as the record before (rollback: the target) */
    enum hc_crd_policy crds; /* install, upgrade */
    /* remediation: install, upgrade */
    enum hc_strategy strategy; /* install: rollback is read as uninstall */
    int64_t retries;           /* < 0: endless */
    int64_t retry_interval_ms; /* HC_STRATEGY_RETRY; of an uninstall: its second try, then ever later */
    bool remediate_last, ignore_test_failures;
    bool replace; /* install: reuse the name of an uninstalled or failed release */
};
/* Less than any lease lasts. */
#define HC_TRUSTED_MS 5000
/* A drift ignore rule; the same grammar as a kustomize target (regular expressions, label selectors). */
struct hc_drift_ignore {
    hc_str group, version, kind, name, ns, label_selector, annotation_selector; /* absent: any */
    const hc_str *paths;                                                        /* JSON pointers; "": all of it */
    size_t paths_n;
};
/*
 * How far an install, upgrade or rollback looks before it records anything. DOUBT: what is known without asking (kinds,
 * owners, sizes, what would be deleted), and a dry run of each object that may be refused: one that is new in an upgrade,
 * one that changed otherwise than in fields that take any value, one that looks wrong. FULL: dry runs of all objects, pods
 * of their workloads, rights, quotas.
 */
enum hc_preflight { HC_PREFLIGHT_OFF, HC_PREFLIGHT_DOUBT, HC_PREFLIGHT_FULL };
/* "off", "doubt", "full"; false: none of them, *out stays. */
bool hc_preflight_named(hc_str name, enum hc_preflight *out);
enum hc_drift_mode { HC_DRIFT_OFF, HC_DRIFT_WARN, HC_DRIFT_CORRECT };

#define HC_HEALTH_RULES "release.helmctl.dev/health-rules"

struct hc_reconcile_spec { /* borrowed until hc_reconcile_free */
    struct hc_kube *kube;
    hc_str name, ns;
    struct hc_storage *storage; /* where the records are: hc_storage_secrets(kube, storage namespace), ... */
    const char *manager;        /* field manager: "helm", "helm-controller" */
    enum hc_goal goal;
    bool one_shot; /* a command: begins one operation now, whatever the head is; ends instead of resyncing */
    bool dry_run;  /* server dry run: nothing is written */
    hc_str digest; /* of the desired state: chart, values, post-renderers, policy that shapes objects. Records we
                          make carry it, so that "in sync" needs no comparison */
    hc_str
        era; /* failures that a record counts are those of this desired state in this era only: another one (a new
                          generation, reconcile.fluxcd.io/resetAt) is tried as if nothing had failed yet */
    bool retry_now; /* HC_STRATEGY_RETRY: the retry interval is not waited for */
    hc_str force; /* a token: one revision more, even when in sync. Records carry it on, so that it is one, whoever
                      dies behind the first write (reconcile.fluxcd.io/forceAt); absent: none is asked for */
    int64_t rollback_to; /* HC_GOAL_ROLLBACK: revision, 0: the one before */
    int64_t failures;    /* as the caller's status remembers; the record's own count wins when it is higher */
    enum hc_action
        failed_action; /* what they are failures of: install or upgrade; its policy says what comes next */
    /* After a failure that was remediated the next try waits, twice as long after each; 0: not at all. Counted from the
     * failure, which the caller's status may remember (since 1970; 0: it does not). */
    int64_t retry_pause_ms, retry_pause_max_ms, failed_ms;
    enum hc_preflight preflight;
    bool data_may_go; /* the preflight lets claims, volumes, namespaces and definitions be deleted */
    bool create_namespace, keep_history, tests;
    bool must_exist;         /* upgrade without --install: no deployed release is an error */
    bool must_not_exist;     /* install: a name in use is an error */
    const char *propagation; /* uninstall; NULL: "Background" */
    hc_str description;      /* rollback and uninstall; absent: Helm's */
    int64_t max_history;     /* 0: no limit */
    int64_t resync_ms;       /* when in sync; 0: never */
    int64_t
        trusted_ms; /* nobody else can be at work so soon after the record was read: before a write is sent later than
                           that, it is looked at again; 0: HC_TRUSTED_MS */
    int64_t
        patience_ms; /* hc_reconcile_drive: with a server that does not answer; 0: 30 s, or the action's time-out
                            where that is longer */
    struct hc_action_policy install, upgrade, rollback, uninstall, test;
    enum hc_drift_mode drift;
    const struct hc_drift_ignore *drift_ignore;
    size_t drift_ignore_n;
    /* Test hooks to run: names with a leading '!' are left out; none: all. */
    const hc_str *test_filters;
    size_t test_filters_n;
    bool test_logs; /* tell the logs of tests that are Pods, after the last and before any is deleted */
    /* Health rules (lua/rules) in place of the built-in ones, by kind: these come before those of the chart, `rules_last`
     * behind them. A chart has its own where Chart.yaml is annotated with HC_HEALTH_RULES: the name of a folder of it. */
    const struct hc_health_rule *rules, *rules_last;
    size_t rules_n, rules_last_n;
    /* Labels put on each object besides those in the manifest are the renderer's business (origin labels): what is
     * recorded is what is applied. */
    struct hc_reconcile_port port;
};

/* ---- stepping ------------------------------------------------------------------------------------------ */

/* Somebody writes a field again each time that drift correction has put it back (driftDetection.mode enabled). After
 * HC_FIGHT_ROUNDS corrections within HC_FIGHT_WINDOW_MS the object is left alone for HC_FIGHT_PAUSE_MS. */
#define HC_FIGHT_ROUNDS    5u
#define HC_FIGHT_WINDOW_MS 300000
#define HC_FIGHT_PAUSE_MS  600000
struct hc_drift_fight {
    uint64_t field;             /* hash of the object and the first field that differs */
    int64_t since_ms, until_ms; /* first correction; 0 or end of the pause */
    int64_t revision;
    uint32_t rounds; /* 0: a free place */
};

/* What is known of the release without asking. A plain value; zeroed: nothing is known. */
struct hc_reconcile_memo {
    int64_t revision;          /* newest record (status.history[0].version) */
    char resource_version[32]; /* of its object */
    char synced_digest[72];    /* the wish it was found in sync with at that resourceVersion */
    int64_t applied_revision;  /* all objects of this pending revision were sent and answered */
    int64_t applied_ms;        /* when */
    bool applied_settled;      /* of those, all whose kind stays as it was stored are done */
    int wave;                  /* of this revision the wave was sent and answered (deploy/plan: group) */
    int64_t wave_revision;     /* negative: it was deleted */
    struct hc_drift_fight fights[4];
};

struct hc_step {
    enum hc_verdict verdict; /* HC_GO_ON: step again now */
    enum hc_act act;         /* what was done */
    enum hc_action action;   /* what is under way or was last: install, upgrade, ... */
    enum hc_head head;
    bool refused;                 /* nothing was begun: it cannot be rendered, or would be refused */
    bool unread;                  /* with rc: which revision there is could not be read */
    bool paused;                  /* HC_WAIT: failed, and the next try is not due yet */
    bool drifted;                 /* HC_DONE: the cluster differs from the record and is left so */
    int64_t revision;             /* of the head */
    int64_t until_ms;             /* HC_WAIT, HC_DONE: look again then (0: only on a change) */
    const struct hc_ref *awaited; /* HC_WAIT: a change of one of these is worth a step; borrowed until the next */
    const uint64_t *awaited_rv; /* the resourceVersion each had when it was not ready (0: not known), as a number */
    size_t awaited_n;
    enum hc_rc rc;        /* HC_STALLED, HC_ENDED and failed requests (HC_WAIT with a back-off time) */
    char why[HC_ERR_MSG]; /* one sentence for status and events: what is awaited, what failed and why */
};

/* Sends nothing yet. `memo` (may be NULL) is copied. */
enum hc_rc hc_reconcile_new(const struct hc_reconcile_spec *spec, const struct hc_reconcile_memo *memo,
                            struct hc_reconcile **out, struct hc_err *err);
void hc_reconcile_free(struct hc_reconcile *r);
/* One step. Never fails as a function: trouble is in the step (verdict, rc, why). */
void hc_reconcile_step(struct hc_reconcile *r, struct hc_step *out);
/* The cluster changed in a way we were told of (a watch): what was observed is asked again. Steps after an HC_WAIT do
 * this by themselves. */
void hc_reconcile_stale(struct hc_reconcile *r);
struct hc_reconcile_memo hc_reconcile_memo(const struct hc_reconcile *r);
/* The newest record as last observed, NULL: none or not read. Borrowed until the next step. */
const struct hc_record *hc_reconcile_head(const struct hc_reconcile *r);
/* The newest record, or one before it, was made for spec.force. */
bool hc_reconcile_force_done(const struct hc_reconcile *r);
/* Objects of the head's manifest (with the namespace filled in), for inventories. Borrowed until the next step. */
size_t hc_reconcile_objects(struct hc_reconcile *r, const struct hc_ref **out);

/* How a signal handler ends hc_reconcile_drive at once. */
struct hc_cancel {
    volatile sig_atomic_t asked;
    int fd; /* internal; -1: the system has none left, then it takes a quarter of a second */
};
void hc_cancel_init(struct hc_cancel *c); /* for as long as the process lives */
void hc_cancel(struct hc_cancel *c);      /* may be called by a signal handler */

/*
 * For commands: steps until the verdict is final, waits on watches in between. `cancel` (may be NULL) ends it between two
 * steps: the record stays pending and the next call goes on with it.
 */
void hc_reconcile_drive(struct hc_reconcile *r, const struct hc_cancel *cancel, struct hc_step *out);
