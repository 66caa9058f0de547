#pragma once
/*
 * helmctl/controller/controller.h - the daemon: Flux's kinds, reconciled
 *
 * Runs until it is told to stop. Options carry Flux's names (flags of source-, kustomize- and helm-controller 2.9).
 */
#include "deploy/kube/client.h"
#include "deploy/reconcile/reconcile.h"
#include "lua/rules/health.h"

struct hc_controller_options {
    struct hc_kube_options kube;
    const char *ns;            /* --runtime-namespace, RUNTIME_NAMESPACE: leases, and what is watched alone */
    bool watch_all_namespaces; /* default true */
    const char *watch_label_selector, *watch_configs_label_selector;
    const char *controllers;      /* comma list of source, kustomize, helm or kinds; NULL: all */
    int64_t concurrent;           /* workers of each of the three; default 4 */
    const char *storage_path;     /* artifacts; NULL: a folder of the user below $TMPDIR that stays */
    int64_t storage_max_bytes;    /* blobs no artifact points to go beyond this; 4 GiB, 0: all stay */
    const char *storage_addr;     /* artifact server; "0": none */
    const char *storage_adv_addr; /* host of the URLs in status; NULL: the address listened on */
    const char *metrics_addr, *health_addr, *events_addr; /* "0" or "": none */
    int64_t requeue_dependency_ms;                        /* 30 s */
    int64_t min_retry_delay_ms, max_retry_delay_ms;       /* 750 ms, 15 min */
    int64_t interval_jitter_percentage;                   /* 5 */
    int64_t graceful_shutdown_ms;                         /* 600 s */
    int64_t http_timeout_ms;                              /* of one fetch without spec.timeout */
    const char *default_service_account;
    enum hc_preflight preflight; /* where a HelmRelease says nothing: doubt */
    bool allow_core_files;       /* for a debugger: what is in memory may be written to disk when it crashes */
    bool no_cross_namespace_refs;
    bool no_remote_bases; /* taken for Flux's sake: remote bases are never fetched */
    bool enable_leader_election;
    int64_t lease_duration_ms, renew_deadline_ms, retry_period_ms;        /* 35 s, 30 s, 5 s */
    int64_t artifact_retention_ttl_ms, artifact_retention_records;        /* 60 s, 2 */
    bool default_to_retry, disable_chart_digest_tracking, helm3_defaults; /* feature gates */
    const struct hc_health_rule *rules; /* for all releases, behind their own and their charts' */
    size_t rules_n;
    bool external_artifact; /* the same: others' artifacts may be read */
};

void hc_controller_defaults(struct hc_controller_options *o);

/* A comma list of Name=true|false (--feature-gates); unknown names are an error. */
enum hc_rc hc_controller_gates(struct hc_controller_options *o, hc_str text, struct hc_err *err);

/*
 * Runs until hc_controller_stop() (from a signal handler, if you like). Passes that run are finished, nothing new is
 * begun; a release that waits goes on at the next start. HC_OK: stopped as told. Borrows all of `o`.
 */
enum hc_rc hc_controller_run(const struct hc_controller_options *o, struct hc_err *err);
void hc_controller_stop(void);
