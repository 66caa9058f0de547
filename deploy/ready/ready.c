/*
 * One function a kind; what has none is judged by generation and conditions alone. The messages are those of kstatus,
 * because users know them from `kubectl wait` helpers, Helm and Flux.
 */
#include "deploy/ready/ready.h"

#include "core/base/clock.h"

struct look {
    struct hc_arena *a;
    const struct hc_val *o, *spec, *status;
    int64_t now_ms;
};

static struct hc_readiness is(enum hc_ready status, hc_str message)
{
    return (struct hc_readiness){ status, message };
}
#define CURRENT(a, ...)     is(HC_READY_CURRENT, hc_arena_printf(a, __VA_ARGS__))
#define PROGRESSING(a, ...) is(HC_READY_PROGRESSING, hc_arena_printf(a, __VA_ARGS__))
#define FAILED(a, ...)      is(HC_READY_FAILED, hc_arena_printf(a, __VA_ARGS__))

const char *hc_ready_name(enum hc_ready r)
{
    static const char *const names[] = { "Current", "InProgress", "Failed", "Terminating" };
    return (size_t)r < HC_LEN(names) ? names[r] : "Unknown";
}

static const struct hc_val *condition(const struct look *l, const char *type)
{
    const struct hc_val *all = hc_map_getz(l->status, "conditions");
    for (size_t i = 0; i < hc_list_len(all); i++)
        if (hc_str_eqz(hc_get_str(hc_map_getz(hc_list_at(all, i), "type")), type))
            return hc_list_at(all, i);
    return NULL;
}
static bool condition_is(const struct look *l, const char *type, const char *status)
{
    return hc_str_eqz(hc_get_str(hc_map_getz(condition(l, type), "status")), status);
}
static hc_str condition_text(const struct look *l, const char *type, const char *field)
{
    return hc_get_str(hc_map_getz(condition(l, type), field));
}
static int64_t number(const struct hc_val *map, const char *name, int64_t otherwise)
{
    int64_t n;
    return hc_get_i64(hc_map_getz(map, name), &n) ? n : otherwise;
}

/* ---- kinds ------------------------------------------------------------------------------------------------- */

/*
 * Whether a condition is of the rollout before the last change of the spec. The Deployment's controller leaves "timed out"
 * standing, beside a generation it has observed, until the first Pod of the next rollout moves: a rollback out of a rollout that
 * ran out of time would fail at once. Times have whole seconds, and no deadline is shorter than one.
 */
static bool of_before(const struct look *l, const char *type)
{
    const struct hc_val *writers = hc_get(l->o, "metadata.managedFields");
    int64_t said = hc_time_parse_ms(condition_text(l, type, "lastUpdateTime")), changed = 0;
    for (size_t i = 0; i < hc_list_len(writers); i++) {
        const struct hc_val *w = hc_list_at(writers, i);
        if (hc_get_str_at(w, "subresource").n == 0 && hc_map_getz(hc_map_getz(w, "fieldsV1"), "f:spec"))
            changed = HC_MAX(changed, hc_time_parse_ms(hc_get_str_at(w, "time")));
    }
    return said > 0 && said <= changed;
}

static struct hc_readiness deployment(const struct look *l)
{
    int64_t want = number(l->spec, "replicas", 1), have = number(l->status, "replicas", 0);
    int64_t updated = number(l->status, "updatedReplicas", 0), ready = number(l->status, "readyReplicas", 0);
    int64_t available = number(l->status, "availableReplicas", 0);
    if (hc_str_eqz(condition_text(l, "Progressing", "reason"), "ProgressDeadlineExceeded") &&
        !of_before(l, "Progressing"))
        return FAILED(l->a, "Progress deadline exceeded");
    if (want > have)
        return PROGRESSING(l->a, "replicas: %" PRId64 "/%" PRId64, have, want);
    if (want > updated)
        return PROGRESSING(l->a, "Updated: %" PRId64 "/%" PRId64, updated, want);
    if (have > want)
        return PROGRESSING(l->a, "Pending termination: %" PRId64, have - want);
    if (updated > available)
        return PROGRESSING(l->a, "Available: %" PRId64 "/%" PRId64, available, updated);
    if (want > ready)
        return PROGRESSING(l->a, "Ready: %" PRId64 "/%" PRId64, ready, want);
    if (condition(l, "Progressing") && !condition_is(l, "Progressing", "True"))
        return PROGRESSING(l->a, "ReplicaSet not Available");
    if (!condition_is(l, "Available", "True"))
        return PROGRESSING(l->a, "Deployment not Available");
    return CURRENT(l->a, "Deployment is available. Replicas: %" PRId64, have);
}

static struct hc_readiness stateful_set(const struct look *l)
{
    int64_t want = number(l->spec, "replicas", 1), have = number(l->status, "replicas", 0);
    int64_t ready = number(l->status, "readyReplicas", 0), now = number(l->status, "currentReplicas", 0);
    int64_t updated = number(l->status, "updatedReplicas", 0), partition = 0;
    if (hc_str_eqz(hc_get_str_at(l->spec, "updateStrategy.type"), "OnDelete"))
        return CURRENT(l->a, "StatefulSet is using the ondelete update strategy");
    if (want > have)
        return PROGRESSING(l->a, "Replicas: %" PRId64 "/%" PRId64, have, want);
    if (want > ready)
        return PROGRESSING(l->a, "Ready: %" PRId64 "/%" PRId64, ready, want);
    if (have > want)
        return PROGRESSING(l->a, "Pending termination: %" PRId64, have - want);
    partition = hc_get_int_at(l->spec, "updateStrategy.rollingUpdate.partition", -1);
    if (partition >= 0 && updated < want - partition)
        return PROGRESSING(l->a, "updated: %" PRId64 "/%" PRId64, updated, want - partition);
    if (partition > 0)
        return CURRENT(l->a, "Partition rollout complete. updated: %" PRId64, updated);
    if (want > now && !hc_map_getz(l->status, "updateRevision"))
        return PROGRESSING(l->a, "current: %" PRId64 "/%" PRId64, now, want);
    if (!hc_str_eq(hc_get_str(hc_map_getz(l->status, "currentRevision")),
                   hc_get_str(hc_map_getz(l->status, "updateRevision"))))
        return PROGRESSING(l->a, "Waiting for updated revision to match current");
    return CURRENT(l->a, "All replicas scheduled as expected. Replicas: %" PRId64, have);
}

static struct hc_readiness daemon_set(const struct look *l)
{
    int64_t want = number(l->status, "desiredNumberScheduled", -1);
    int64_t scheduled = number(l->status, "currentNumberScheduled", 0);
    int64_t updated = number(l->status, "updatedNumberScheduled", 0);
    int64_t available = number(l->status, "numberAvailable", 0), ready = number(l->status, "numberReady", 0);
    if (!hc_map_getz(l->status, "observedGeneration") || want < 0)
        return PROGRESSING(l->a, "Missing .status.desiredNumberScheduled");
    if (scheduled < want)
        return PROGRESSING(l->a, "Current: %" PRId64 "/%" PRId64, scheduled, want);
    if (updated < want)
        return PROGRESSING(l->a, "Updated: %" PRId64 "/%" PRId64, updated, want);
    if (available < want)
        return PROGRESSING(l->a, "Available: %" PRId64 "/%" PRId64, available, want);
    if (ready < want)
        return PROGRESSING(l->a, "Ready: %" PRId64 "/%" PRId64, ready, want);
    return CURRENT(l->a, "All replicas scheduled as expected. Replicas: %" PRId64, want);
}

static struct hc_readiness replica_set(const struct look *l)
{
    int64_t want = number(l->spec, "replicas", 1), have = number(l->status, "replicas", 0);
    int64_t labelled = number(l->status, "fullyLabeledReplicas", 0);
    int64_t available = number(l->status, "availableReplicas", 0), ready = number(l->status, "readyReplicas", 0);
    if (condition_is(l, "ReplicaFailure", "True"))
        return PROGRESSING(l->a, "Replica Failure condition. Check Pods");
    if (want > labelled)
        return PROGRESSING(l->a, "Labelled: %" PRId64 "/%" PRId64, labelled, want);
    if (want > available)
        return PROGRESSING(l->a, "Available: %" PRId64 "/%" PRId64, available, want);
    if (want > ready)
        return PROGRESSING(l->a, "Ready: %" PRId64 "/%" PRId64, ready, want);
    if (have > want)
        return PROGRESSING(l->a, "Pending termination: %" PRId64, have - want);
    return CURRENT(l->a, "ReplicaSet is available. Replicas: %" PRId64, have);
}

static hc_str crash_looping(const struct look *l)
{
    const struct hc_val *all = hc_map_getz(l->status, "containerStatuses");
    for (size_t i = 0; i < hc_list_len(all); i++)
        if (hc_str_eqz(hc_get_str_at(hc_list_at(all, i), "state.waiting.reason"), "CrashLoopBackOff"))
            return hc_get_str(hc_map_getz(hc_list_at(all, i), "name"));
    return (hc_str){ NULL, 0 };
}

static struct hc_readiness pod(const struct look *l)
{
    hc_str phase = hc_get_str(hc_map_getz(l->status, "phase"));
    if (hc_str_eqz(phase, "Succeeded"))
        return CURRENT(l->a, "Pod has completed successfully");
    if (hc_str_eqz(phase, "Failed"))
        return FAILED(l->a, "Pod has completed, but not successfully");
    if (hc_str_eqz(phase, "Running")) {
        hc_str looping = crash_looping(l);
        if (condition_is(l, "Ready", "True"))
            return CURRENT(l->a, "Pod is Ready");
        if (looping.n > 0)
            return FAILED(l->a, "Containers in CrashLoop state: %.*s", HC_P(looping));
        return PROGRESSING(l->a, "Pod is running but is not Ready");
    }
    if (condition_is(l, "PodScheduled", "False") &&
        hc_str_eqz(condition_text(l, "PodScheduled", "reason"), "Unschedulable")) {
        int64_t made = hc_time_parse_ms(hc_get_str_at(l->o, "metadata.creationTimestamp"));
        if (made >= 0 && l->now_ms - made > 15000)
            return FAILED(l->a, "Pod could not be scheduled");
        return PROGRESSING(l->a, "Pod has not been scheduled");
    }
    return PROGRESSING(l->a, "Pod is in the Pending phase");
}

/* Helm's reader for hooks: only the end counts. */
static struct hc_readiness pod_to_the_end(const struct look *l)
{
    hc_str phase = hc_get_str(hc_map_getz(l->status, "phase"));
    if (hc_str_eqz(phase, "Succeeded"))
        return CURRENT(l->a, "pod %.*s succeeded", HC_P(hc_get_str_at(l->o, "metadata.name")));
    if (hc_str_eqz(phase, "Failed"))
        return FAILED(l->a, "pod %.*s failed", HC_P(hc_get_str_at(l->o, "metadata.name")));
    return PROGRESSING(l->a, "Pod is in the %.*s phase", HC_P(phase.n > 0 ? phase : HC_S("Pending")));
}

static struct hc_readiness job(const struct look *l, bool to_the_end)
{
    int64_t want = number(l->spec, "completions", number(l->spec, "parallelism", 1));
    int64_t succeeded = number(l->status, "succeeded", 0), active = number(l->status, "active", 0);
    int64_t failed = number(l->status, "failed", 0);
    if (condition_is(l, "Complete", "True"))
        return CURRENT(l->a, "Job Completed. succeeded: %" PRId64 "/%" PRId64, succeeded, want);
    if (condition_is(l, "Failed", "True"))
        return FAILED(l->a, "Job Failed. failed: %" PRId64 "/%" PRId64, failed, want);
    if (condition_is(l, "Suspended", "True"))
        return PROGRESSING(l->a, "Job suspended");
    if (to_the_end)
        return PROGRESSING(l->a, "Job in progress");
    if (!hc_map_getz(l->status, "startTime"))
        return PROGRESSING(l->a, "Job not started");
    return CURRENT(l->a, "Job in progress. success:%" PRId64 ", active: %" PRId64 ", failed: %" PRId64, succeeded,
                   active, failed);
}

static struct hc_readiness service(const struct look *l)
{
    if (hc_str_eqz(hc_get_str(hc_map_getz(l->spec, "type")), "LoadBalancer") &&
        hc_get_str(hc_map_getz(l->spec, "clusterIP")).n == 0)
        return PROGRESSING(l->a, "ClusterIP not set. Service type: LoadBalancer");
    return CURRENT(l->a, "Service is ready");
}

static struct hc_readiness claim(const struct look *l)
{
    hc_str phase = hc_get_str(hc_map_getz(l->status, "phase"));
    if (hc_str_eqz(phase, "Bound"))
        return CURRENT(l->a, "PVC is Bound");
    return PROGRESSING(l->a, "PVC is not Bound. phase: %.*s", HC_P(phase.n > 0 ? phase : HC_S("unknown")));
}

static struct hc_readiness definition(const struct look *l)
{
    if (condition_is(l, "NamesAccepted", "False"))
        return FAILED(l->a, "%.*s", HC_P(condition_text(l, "NamesAccepted", "message")));
    if (condition_is(l, "Established", "True"))
        return CURRENT(l->a, "CRD is established");
    if (condition_is(l, "Established", "False") &&
        !hc_str_eqz(condition_text(l, "Established", "reason"), "Installing"))
        return FAILED(l->a, "%.*s", HC_P(condition_text(l, "Established", "message")));
    return PROGRESSING(l->a, "Install in progress");
}

static struct hc_readiness budget(const struct look *l)
{
    return CURRENT(l->a, "AllowedDisruptions has been computed.");
}

/* ---- all --------------------------------------------------------------------------------------------------- */

/* What holds for every kind. False: no answer yet. */
static bool generic(const struct look *l, struct hc_readiness *out)
{
    int64_t generation = hc_get_int_at(l->o, "metadata.generation", 0);
    int64_t observed = number(l->status, "observedGeneration", generation);
    hc_str kind = hc_get_str(hc_map_getz(l->o, "kind"));
    if (hc_get_str_at(l->o, "metadata.deletionTimestamp").n > 0) {
        *out = is(HC_READY_TERMINATING, HC_S("Resource scheduled for deletion"));
        return true;
    }
    if (observed != generation) {
        *out = PROGRESSING(l->a, "%.*s generation is %" PRId64 ", but latest observed generation is %" PRId64,
                           HC_P(kind), generation, observed);
        return true;
    }
    if (condition_is(l, "Stalled", "True")) {
        *out = FAILED(l->a, "%.*s", HC_P(condition_text(l, "Stalled", "message")));
        return true;
    }
    if (condition_is(l, "Reconciling", "True")) {
        *out = PROGRESSING(l->a, "%.*s", HC_P(condition_text(l, "Reconciling", "message")));
        return true;
    }
    return false;
}

static struct hc_readiness others(const struct look *l)
{
    const struct hc_val *ready = condition(l, "Ready");
    if (!ready)
        return CURRENT(l->a, "Resource is current");
    if (condition_is(l, "Ready", "True"))
        return CURRENT(l->a, "Resource is Ready");
    hc_str message = condition_text(l, "Ready", "message");
    return PROGRESSING(l->a, "%.*s", HC_P(message.n > 0 ? message : HC_S("Resource is not Ready")));
}

static bool in_group(const struct hc_val *o, const char *group)
{
    hc_str version = hc_get_str(hc_map_getz(o, "apiVersion"));
    size_t slash = hc_str_find(version, '/');
    return hc_str_eqz(slash == SIZE_MAX ? HC_S("") : hc_str_sub(version, 0, slash), group);
}

struct hc_readiness hc_ready_of(struct hc_arena *a, const struct hc_val *object, unsigned flags, int64_t now_ms)
{
    static const struct {
        const char *group, *kind;
        struct hc_readiness (*of)(const struct look *l);
    } kinds[] = {
        { "apps", "Deployment", deployment },
        { "apps", "StatefulSet", stateful_set },
        { "apps", "DaemonSet", daemon_set },
        { "apps", "ReplicaSet", replica_set },
        { "", "ReplicationController", replica_set },
        { "", "Pod", pod },
        { "", "Service", service },
        { "", "PersistentVolumeClaim", claim },
        { "apiextensions.k8s.io", "CustomResourceDefinition", definition },
        { "policy", "PodDisruptionBudget", budget },
    };
    const struct look l = { a, object, hc_map_getz(object, "spec"), hc_map_getz(object, "status"), now_ms };
    hc_str kind = hc_get_str(hc_map_getz(object, "kind"));
    bool is_job = hc_str_eqz(kind, "Job") && in_group(object, "batch");
    bool is_pod = hc_str_eqz(kind, "Pod") && in_group(object, "");
    struct hc_readiness r;
    if (flags & HC_READY_HOOK) {
        if (is_job)
            return job(&l, true);
        if (is_pod)
            return pod_to_the_end(&l);
        return CURRENT(a, "Resource is current");
    }
    if (hc_str_eqz(kind, "Deployment") && hc_get_bool_at(l.spec, "paused", false))
        return CURRENT(a, "Deployment is paused");
    if (is_job && (flags & HC_READY_JOBS))
        return job(&l, true);
    if (generic(&l, &r))
        return r;
    if (is_job)
        return job(&l, false);
    for (size_t i = 0; i < HC_LEN(kinds); i++)
        if (hc_str_eqz(kind, kinds[i].kind) && in_group(object, kinds[i].group))
            return kinds[i].of(&l);
    return others(&l);
}
