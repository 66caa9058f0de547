#pragma once
/*
 * helmctl/controller/managed.h - what is known of releases between two looks, and the watches that wake them
 *
 * Three things: the memo of each release that is not being worked on; an index of all release records by a metadata
 * watch; watches on the kinds of objects releases consist of, by the label every object of ours carries. Events only
 * wake: what they say is asked again by the step that follows, so a lost or late one costs time, not a release.
 */
#include "helmctl/controller/ctl_impl.h"

HC_MUST_USE struct ctl_managed *ctl_managed_new(struct ctl *c);
/* Starts the watch on records. */
enum hc_rc ctl_managed_start(struct ctl_managed *m, struct hc_err *err);
/* Stops all watches and frees. */
void ctl_managed_free(struct ctl_managed *m);

/* A worker takes the release up: gives its memo (zeroed at first). */
struct hc_reconcile_memo ctl_release_begin(struct ctl_managed *m, struct hc_key k);

struct ctl_parked {
    struct hc_reconcile_memo memo;
    hc_str storage_ns, release;   /* where its records are; absent: in another cluster */
    const struct hc_ref *awaited; /* wake when one of these is ready, failed or gone */
    const uint64_t *awaited_rv;   /* as in hc_step */
    size_t awaited_n;
    const struct hc_ref *objects; /* its kinds are watched; with `drift` a change wakes */
    size_t objects_n;
    bool drift;
};
/* The worker lays it down. True: something happened meanwhile that is worth another look at once. */
bool ctl_release_end(struct ctl_managed *m, struct hc_key k, const struct ctl_parked *p);
/* The same for a worker that did not come to the release: what was known stays. Does nothing after ctl_release_end. */
void ctl_release_untouched(struct ctl_managed *m, struct hc_key k);
/* It waits for nothing any more, and what becomes of its objects wakes it no more, until a worker lays it down again. */
void ctl_release_suspended(struct ctl_managed *m, struct hc_key k);
/* For the port of the engine, while a worker has the release: an object it was laid down for, as the watch saw it become
 * ready; NULL: the watch has seen nothing newer than what was awaited. In `a`. */
struct hc_val *ctl_release_look(struct ctl_managed *m, struct hc_key k, struct hc_arena *a,
                                const struct hc_ref *ref);
void ctl_release_forget(struct ctl_managed *m, struct hc_key k);

/*
 * After how many ms what is awaited is to be looked at though nothing was told of it. `rvs` NULL: what is awaited need not
 * carry the label that is watched. Rarer where watches tell of all of it, the longer it is waited for (`waited_ms`), and the
 * more releases wait.
 */
int64_t ctl_look_after(struct ctl_managed *m, struct hc_key k, const struct hc_ref *refs, const uint64_t *rvs,
                       size_t n, int64_t waited_ms);

/* For the port of the engine: the newest record of a release as the watch knows it, never older than the memo. */
bool ctl_record_head(struct ctl_managed *m, hc_str storage_ns, hc_str release, const struct hc_reconcile_memo *memo,
                     int64_t *out_revision, char out_resource_version[32]);
