#pragma once
/*
 * What the files about HelmReleases share: one release during one pass.
 */
#include "deploy/compose/whence.h"
#include "helmctl/controller/artifacts.h"
#include "helmctl/controller/charts.h"
#include "helmctl/controller/ctl_impl.h"
#include "helmctl/controller/history.h"
#include "helmctl/controller/managed.h"
#include "helmctl/controller/values.h"

struct rel {
    struct pass *p;
    const struct hc_val *spec;
    hc_str name, ns, storage_ns; /* of the release */
    struct hc_kube *kube;        /* as the identity that writes */
    bool remote;                 /* another cluster: its records are not watched */
    struct hc_storage *storage;
    struct hc_reconcile_memo memo;
    const struct hc_val *source; /* HelmChart or OCIRepository */
    struct hc_chart *chart;
    hc_str chart_version, app_version, oci_digest;
    struct hc_val *values;
    struct hc_origins *origins;
    hc_str config_digest, digest; /* of the values; of all that is desired */
    struct hc_reconcile_spec want;
    struct hc_reconcile *engine;
    struct hc_whence_render *whence; /* made when something was refused */
    bool requested;                  /* this pass is the first since somebody asked for one */
    bool told_ready;                 /* something final was told in this pass */
    char waiting[HC_ERR_MSG];        /* what the engine waits for, in words */
    int64_t began_ms;
};

/* ---- release_chart.c: the HelmChart object ---- */

/* Creates, updates or deletes the HelmChart that spec.chart describes. Sets p->err. */
enum hc_rc rel_chart_template(struct pass *p);
/* The name Flux gives it: "<namespace>-<name>". */
hc_str rel_chart_name(struct hc_arena *a, const struct pass *p);

/* ---- release_spec.c: spec to policies ---- */

void rel_names(struct rel *r);
/* Fills r->want from the spec; the port and the digest are the caller's. */
void rel_policies(struct rel *r);
/* The health rules of the ConfigMap that the HelmRelease is annotated with. */
enum hc_rc rel_rules(struct rel *r, struct hc_err *err);
hc_str rel_digest(struct rel *r);
/* What failures are counted in: a new generation and a request to reset begin anew. After rel_reset_failures(). */
hc_str rel_era(struct rel *r);
/* The kube client the release is made with: impersonation, other cluster. On failure *out_reason names a reason. */
enum hc_rc rel_client(struct rel *r, struct hc_err *err);

/* ---- release_render.c: the port of the engine ---- */

enum hc_rc rel_render(void *ctx, struct hc_arena *a, int64_t revision, bool is_upgrade,
                      const struct hc_record *previous, struct hc_desired *out, struct hc_err *err);
enum hc_rc rel_crds(void *ctx, struct hc_arena *a, struct hc_crd_file **out, size_t *out_n, struct hc_err *err);
bool rel_same(void *ctx, const struct hc_record *head);
bool rel_whence(void *ctx, struct hc_arena *a, const struct hc_whence *what, struct hc_written *out);

/* ---- release_status.c: what the engine tells, as conditions, history and events ---- */

void rel_tell(void *ctx, const struct hc_tell *t);
/* The release is as desired. */
void rel_in_sync(struct rel *r, bool drifted); /* drifted: the cluster differs and is left so */
/* Tells of tests in the record that an earlier process ran to a good end and did not live to note. */
void rel_note_missed_tests(struct rel *r, const struct hc_record *head);
/* It waits, and for what. */
void rel_waiting(struct rel *r, const struct hc_step *st);
void rel_stalled(struct rel *r, const struct hc_step *st);
/* status.inventory from the engine's objects and the chart's CRDs. */
void rel_inventory(struct rel *r);
/* status.lastHandledForceAt, when the records say that this was done: by this process, or by one that did not live to note it. */
void rel_note_force(struct rel *r);
/* Failure counters and history start anew when what is wanted changed (Flux: MustResetFailures). */
void rel_reset_failures(struct rel *r);
