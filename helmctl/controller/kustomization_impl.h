#pragma once
/*
 * What the files about Kustomizations share: one Kustomization during one pass.
 */
#include "helmctl/controller/artifacts.h"
#include "helmctl/controller/ctl_impl.h"

/* What is remembered of a Kustomization between passes, so that waiting and waking cost no apply. Zeroed: nothing. */
struct ks_memo {
    uint64_t applied;    /* hash of source, spec and build that was applied */
    int64_t applied_ms;  /* monotonic */
    int64_t deadline_ms; /* of the health checks, monotonic; 0: none run */
};

struct ks {
    struct pass *p;
    struct hc_kube *kube;
    hc_str revision;
    const struct hc_val *source;
    struct hc_val *objects;   /* what was built, with our labels */
    struct hc_val *inventory; /* entries of `objects` */
    uint64_t wanted;
    struct ks_memo memo;
    size_t changed;
    bool unpacked;
    struct hc_buf changes; /* "Kind/ns/name created\n" ... for the event */
};

/* ---- kustomization_apply.c ---- */

struct hc_val *ks_inventory_of(struct ks *k);
/* The ref an inventory entry stands for; false: not readable. */
bool ks_entry_ref(struct hc_arena *a, const struct hc_val *entry, struct hc_ref *out);
/* Entries of `old` that are not in `now`. */
struct hc_val *ks_stale(struct hc_arena *a, const struct hc_val *old, const struct hc_val *now);
/* "Kind/ns/name", as Flux writes it. */
hc_str ks_subject(struct hc_arena *a, const struct hc_ref *r);
/* Labels every object as ours. */
void ks_own(struct ks *k);
/* Checks all with the server first, then applies: CRDs, namespaces and such before the rest. Nothing is applied when one
 * is refused. HC_E_AGAIN with p->err: try again. */
enum hc_rc ks_apply(struct ks *k);
/* Deletes what `stale` lists, unless it says no or belongs to somebody else. */
enum hc_rc ks_prune(struct ks *k, const struct hc_val *stale);

/* ---- kustomization_health.c ---- */

enum ks_state { KS_READY, KS_PROGRESSING, KS_FAILED };
/* Looks at all objects that count (spec.wait, spec.healthChecks); p->err says which are not ready and why. */
enum ks_state ks_health(struct ks *k);
bool ks_has_checks(const struct ks *k);
