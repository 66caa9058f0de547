#pragma once
/*
 * deploy/ready/ready.h - is this object done, and if not, why
 *
 * Pure functions over a live object. Rules: kstatus (sigs.k8s.io/cli-utils pkg/kstatus/status), as Helm 4's watcher and
 * Flux's poller apply them; hooks and jobs by Helm's own readers. Texts live in the arena.
 */
#include "core/value/value.h"

enum hc_ready {
    HC_READY_CURRENT,
    HC_READY_PROGRESSING,
    HC_READY_FAILED,
    HC_READY_TERMINATING,
};
const char *hc_ready_name(enum hc_ready r); /* kstatus' words: Current, InProgress, Failed, Terminating */

struct hc_readiness {
    enum hc_ready status;
    hc_str message;
};
enum {
    HC_READY_JOBS = 1 << 0, /* a Job is done when it completed, not when it started (--wait-for-jobs) */
    HC_READY_HOOK = 1 << 1, /* Jobs and Pods to completion, everything else is done when it is there */
};
/*
 * Helm 3's rules (--wait=legacy; Helm pkg/kube/ready.go). `related` (list or NULL): of a Deployment its ReplicaSets, of a
 * ReplicaSet or ReplicationController their Pods; hc_ready_related says whether they are needed.
 */
struct hc_readiness hc_ready_legacy(struct hc_arena *a, const struct hc_val *object, const struct hc_val *related,
                                    unsigned flags);
/* The kind of the related objects ("ReplicaSet", "Pod"), found by hc_ready_pod_selector; NULL: none are needed. */
const char *hc_ready_related(const struct hc_val *object);
/* `now_ms` since 1970 (a Pod that cannot be scheduled fails after 15 s). */
struct hc_readiness hc_ready_of(struct hc_arena *a, const struct hc_val *object, unsigned flags, int64_t now_ms);

/*
 * The cause, in one sentence: workload, container, what is wrong. `pods` (list or NULL) are those of the workload,
 * `events` (list or NULL) of it and of its pods and replica sets, in any order. Falls back to the readiness message.
 *   "Deployment apps/web: container app of pod web-6d9f cannot pull image 'x:broken': ErrImagePull: not found"
 */
struct hc_cause {
    hc_str sentence;
    hc_str pod, container; /* whose log says more; absent: nobody's */
    bool before;           /* of the run before this one */
    bool quoted;           /* the sentence has its last words already */
};
struct hc_cause hc_ready_cause(struct hc_arena *a, const struct hc_val *object,
                               const struct hc_readiness *readiness, const struct hc_val *pods,
                               const struct hc_val *events);
/* Workloads whose pods are worth a look: the label selector of their pods, absent for other kinds. */
hc_str hc_ready_pod_selector(struct hc_arena *a, const struct hc_val *object);
