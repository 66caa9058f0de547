/*
 * Helm 3's rules, for --wait=legacy and Flux's waitStrategy "legacy" (Helm pkg/kube/ready.go). They differ from kstatus in what
 * is enough (of a rolling update as many pods as maxUnavailable leaves), in what is looked at (custom resources and
 * Ingresses are not), and in what is never ready (a Pod that ran to its end).
 */
#include "deploy/ready/ready.h"

static struct hc_readiness is(enum hc_ready status, hc_str message)
{
    return (struct hc_readiness){ status, message };
}
#define READY(a, ...)   is(HC_READY_CURRENT, hc_arena_printf(a, __VA_ARGS__))
#define WAITING(a, ...) is(HC_READY_PROGRESSING, hc_arena_printf(a, __VA_ARGS__))

static int64_t number(const struct hc_val *o, const char *path, int64_t otherwise)
{
    return hc_get_int_at(o, path, otherwise);
}

static bool observed(const struct hc_val *o)
{
    return number(o, "status.observedGeneration", 0) == number(o, "metadata.generation", 0);
}

static bool condition(const struct hc_val *o, const char *type, const char *status)
{
    const struct hc_val *all = hc_get(o, "status.conditions");
    for (size_t i = 0; i < hc_list_len(all); i++)
        if (hc_str_eqz(hc_get_str_at(hc_list_at(all, i), "type"), type))
            return hc_str_eqz(hc_get_str_at(hc_list_at(all, i), "status"), status);
    return false;
}

/* "25%" of `total`, rounded up or down; a number is itself. */
static int64_t share(const struct hc_val *v, int64_t total, bool up, int64_t otherwise)
{
    int64_t n;
    hc_str text = hc_get_str(v);
    if (hc_get_i64(v, &n))
        return n;
    if (!hc_str_ends(text, HC_S("%")) || !hc_str_to_i64(hc_str_sub(text, 0, text.n - 1), &n))
        return otherwise;
    return (n * total + (up ? 99 : 0)) / 100;
}

static int64_t max_unavailable(const struct hc_val *o)
{
    int64_t replicas = number(o, "spec.replicas", 1);
    const struct hc_val *rolling = hc_get(o, "spec.strategy.rollingUpdate");
    if (!hc_str_eqz(hc_get_str_at(o, "spec.strategy.type"), "RollingUpdate") || replicas == 0)
        return 0;
    int64_t surge = share(hc_map_getz(rolling, "maxSurge"), replicas, true, 0);
    int64_t n = share(hc_map_getz(rolling, "maxUnavailable"), replicas, false, 0);
    if (surge == 0 && n == 0) /* one of them must move */
        n = 1;
    return HC_MIN(n, replicas);
}

/* The ReplicaSet of the Deployment's present template: the one of its revision. */
static const struct hc_val *newest_set(const struct hc_val *o, const struct hc_val *sets)
{
    static const char revision[] = "deployment.kubernetes.io/revision";
    hc_str uid = hc_get_str_at(o, "metadata.uid");
    hc_str want = hc_get_str(hc_map_getz(hc_get(o, "metadata.annotations"), revision));
    for (size_t i = 0; want.n && i < hc_list_len(sets); i++) {
        const struct hc_val *set = hc_list_at(sets, i);
        if (hc_str_eq(hc_get_str_at(set, "metadata.ownerReferences[0].uid"), uid) &&
            hc_str_eq(hc_get_str(hc_map_getz(hc_get(set, "metadata.annotations"), revision)), want))
            return set;
    }
    return NULL;
}

static struct hc_readiness deployment(struct hc_arena *a, const struct hc_val *o, const struct hc_val *sets)
{
    if (hc_get_bool_at(o, "spec.paused", false))
        return READY(a, "Deployment is paused");
    if (!observed(o))
        return WAITING(a, "the Deployment's last change was not seen by its controller yet");
    const struct hc_val *set = newest_set(o, sets);
    if (!set || !observed(set))
        return WAITING(a, "the Deployment has no ReplicaSet for its last change yet");
    int64_t want = number(o, "spec.replicas", 1) - max_unavailable(o);
    int64_t ready = number(set, "status.readyReplicas", 0);
    return ready >= want ? READY(a, "%" PRId64 " of %" PRId64 " expected pods are ready", ready, want)
                         : WAITING(a, "%" PRId64 " out of %" PRId64 " expected pods are ready", ready, want);
}

static struct hc_readiness stateful_set(struct hc_arena *a, const struct hc_val *o)
{
    int64_t replicas = number(o, "spec.replicas", 1), ready = number(o, "status.readyReplicas", 0);
    int64_t partition = number(o, "spec.updateStrategy.rollingUpdate.partition", 0);
    int64_t updated = number(o, "status.updatedReplicas", 0);
    if (!observed(o))
        return WAITING(a, "the StatefulSet's last change was not seen by its controller yet");
    if (!hc_str_eqz(hc_get_str_at(o, "spec.updateStrategy.type"), "RollingUpdate"))
        return READY(a, "StatefulSet is updated by hand");
    if (updated < replicas - partition)
        return WAITING(a, "%" PRId64 " out of %" PRId64 " expected pods have been scheduled", updated,
                       replicas - partition);
    if (ready != replicas)
        return WAITING(a, "%" PRId64 " out of %" PRId64 " expected pods are ready", ready, replicas);
    if (partition == 0 &&
        !hc_str_eq(hc_get_str_at(o, "status.currentRevision"), hc_get_str_at(o, "status.updateRevision")))
        return WAITING(a, "the StatefulSet's current revision is not the updated one yet");
    return READY(a, "%" PRId64 " pods are ready", ready);
}

static struct hc_readiness daemon_set(struct hc_arena *a, const struct hc_val *o)
{
    int64_t want = number(o, "status.desiredNumberScheduled", 0), ready = number(o, "status.numberReady", 0);
    int64_t updated = number(o, "status.updatedNumberScheduled", 0);
    if (!observed(o))
        return WAITING(a, "the DaemonSet's last change was not seen by its controller yet");
    if (!hc_str_eqz(hc_get_str_at(o, "spec.updateStrategy.type"), "RollingUpdate"))
        return READY(a, "DaemonSet is updated by hand");
    if (updated != want)
        return WAITING(a, "%" PRId64 " out of %" PRId64 " expected pods have been scheduled", updated, want);
    int64_t enough = want - share(hc_get(o, "spec.updateStrategy.rollingUpdate.maxUnavailable"), want, true, want);
    return ready >= enough ? READY(a, "%" PRId64 " pods are ready", ready)
                           : WAITING(a, "%" PRId64 " out of %" PRId64 " expected pods are ready", ready, enough);
}

static struct hc_readiness pods_ready(struct hc_arena *a, const struct hc_val *o, const struct hc_val *pods)
{
    if (!observed(o))
        return WAITING(a, "its last change was not seen by its controller yet");
    for (size_t i = 0; i < hc_list_len(pods); i++)
        if (!condition(hc_list_at(pods, i), "Ready", "True"))
            return WAITING(a, "Pod %.*s is not ready", HC_P(hc_get_str_at(hc_list_at(pods, i), "metadata.name")));
    return READY(a, "all its pods are ready");
}

static struct hc_readiness job(struct hc_arena *a, const struct hc_val *o, unsigned flags)
{
    int64_t failed = number(o, "status.failed", 0), done = number(o, "status.succeeded", 0);
    int64_t want = number(o, "spec.completions", 0);
    if (!(flags & HC_READY_JOBS))
        return READY(a, "Jobs are not waited for");
    if (failed > number(o, "spec.backoffLimit", 6))
        return is(HC_READY_FAILED,
                  hc_arena_printf(a, "job is failed: %.*s/%.*s", HC_P(hc_get_str_at(o, "metadata.namespace")),
                                  HC_P(hc_get_str_at(o, "metadata.name"))));
    return done >= want ? READY(a, "Job is completed")
                        : WAITING(a, "%" PRId64 " of %" PRId64 " completions", done, want);
}

static struct hc_readiness service(struct hc_arena *a, const struct hc_val *o)
{
    hc_str type = hc_get_str_at(o, "spec.type");
    if (hc_str_eqz(type, "ExternalName"))
        return READY(a, "Service is external");
    if (hc_get_str_at(o, "spec.clusterIP").n == 0)
        return WAITING(a, "Service does not have cluster IP address");
    if (hc_str_eqz(type, "LoadBalancer") && hc_list_len(hc_get(o, "spec.externalIPs")) == 0 &&
        !hc_get(o, "status.loadBalancer.ingress"))
        return WAITING(a, "Service does not have load balancer ingress IP address");
    return READY(a, "Service is ready");
}

static struct hc_readiness definition(struct hc_arena *a, const struct hc_val *o)
{
    /* A conflict of names is none of this rule's business. */
    return condition(o, "Established", "True") || condition(o, "NamesAccepted", "False")
               ? READY(a, "CRD is established")
               : WAITING(a, "CRD is not established");
}

static bool kind_is(const struct hc_val *o, const char *group, const char *kind)
{
    hc_str version = hc_get_str(hc_map_getz(o, "apiVersion"));
    size_t slash = hc_str_find(version, '/');
    return hc_str_eqz(slash == SIZE_MAX ? HC_S("") : hc_str_sub(version, 0, slash), group) &&
           hc_str_eqz(hc_get_str(hc_map_getz(o, "kind")), kind);
}

const char *hc_ready_related(const struct hc_val *o)
{
    if (kind_is(o, "apps", "Deployment"))
        return hc_get_bool_at(o, "spec.paused", false) || !observed(o) ? NULL : "ReplicaSet";
    return kind_is(o, "apps", "ReplicaSet") || kind_is(o, "", "ReplicationController") ? "Pod" : NULL;
}

struct hc_readiness hc_ready_legacy(struct hc_arena *a, const struct hc_val *o, const struct hc_val *related,
                                    unsigned flags)
{
    if (kind_is(o, "", "Pod"))
        return condition(o, "Ready", "True") ? READY(a, "Pod is ready") : WAITING(a, "Pod is not ready");
    if (kind_is(o, "batch", "Job"))
        return job(a, o, flags);
    if (kind_is(o, "apps", "Deployment"))
        return deployment(a, o, related);
    if (kind_is(o, "", "PersistentVolumeClaim"))
        return hc_str_eqz(hc_get_str_at(o, "status.phase"), "Bound")
                   ? READY(a, "PersistentVolumeClaim is bound")
                   : WAITING(a, "PersistentVolumeClaim is not bound");
    if (kind_is(o, "", "Service"))
        return service(a, o);
    if (kind_is(o, "apps", "DaemonSet"))
        return daemon_set(a, o);
    if (kind_is(o, "apps", "StatefulSet"))
        return stateful_set(a, o);
    if (kind_is(o, "apiextensions.k8s.io", "CustomResourceDefinition"))
        return definition(a, o);
    if (kind_is(o, "apps", "ReplicaSet") || kind_is(o, "", "ReplicationController"))
        return pods_ready(a, o, related);
    return READY(a, "nothing is waited for");
}
