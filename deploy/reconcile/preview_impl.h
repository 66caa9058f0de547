#pragma once
/*
 * deploy/reconcile/preview_impl.h - what a preview and the preflight of an action share: the scout, who asks the server
 * what it would say
 */
#include "deploy/reconcile/preview.h"
#include "deploy/reconcile/reconcile_impl.h"

struct scout {
    struct hc_reconcile *r; /* its head is the revision to be; its objects are planned, what left is known */
    struct hc_preview *out;
    unsigned flags;
    size_t objects_cap, problems_cap;
    /* of hooks that run before the objects are sent; read when first asked for */
    bool hooks_read, makers; /* makers: one is a Job or a Pod, which may do anything */
    struct hc_ref *made;
    size_t made_n;
    struct hc_val *coming; /* definitions of crds/ that will be made or changed: list or NULL */
};

/* scout.c */
struct hc_preview_object *hc_scout_object(struct scout *s);
void hc_scout_problem(struct scout *s, struct hc_problem p);
/* Kinds that nobody serves and the release does not bring. True: all are known. */
bool hc_scout_kinds(struct scout *s);
/* Sends the requests of those picked (NULL: all) as dry runs and judges the answers; `objects` as many as r's. */
enum hc_rc hc_scout_try(struct scout *s, struct hc_preview_object *objects, const bool *pick, struct hc_err *err);
/* The refusal of one request, as a problem, unless the release itself brings what is missing. False: it counts as
 * there. */
bool hc_scout_refused(struct scout *s, const struct hc_preview_object *o, const struct hc_err *err);
/* An object that left the manifest: whether its delete takes data along, or is not allowed. */
void hc_scout_deletion(struct scout *s, const struct hc_plan_object *plan, const struct hc_val *live, int wave);
bool hc_scout_holds_data(hc_str kind);
/* What would be made together against what quotas leave. */
enum hc_rc hc_scout_quotas(struct scout *s, const struct hc_preview_object *objects, struct hc_err *err);
/* The pods of new and changed workloads, as their controllers would make them. */
enum hc_rc hc_scout_pods(struct scout *s, const struct hc_preview_object *objects, struct hc_err *err);

/* preflight.c */
/*
 * Before a revision is recorded: refused (HC_E_INPUT) is what cannot work, each problem is told (HC_TOLD_PROBLEM).
 * spec.preflight says how far it looks. Objects and those of the revision before are as hc_rec_plan and
 * hc_rec_plan_before give them.
 */
enum hc_rc hc_rec_preflight(struct hc_reconcile *r, const struct hc_record *rec, const struct mark *m,
                            struct object *objects, size_t n, struct hc_plan_object *before, size_t before_n,
                            struct hc_err *err);
