/*
 * StatefulSets (in order, one after the other, unless Parallel), DaemonSets (one node, one pod) and Jobs.
 */
#include "helmctl/sandbox/sandbox_impl.h"

static const struct hc_sb_how internal = { .manager = { "sandbox", 7 }, .internal = true };

static struct hc_val *named(struct hc_val **pods, size_t n, hc_str name)
{
    for (size_t i = 0; i < n; i++)
        if (hc_str_eq(hc_get_str_at(pods[i], "metadata.name"), name))
            return pods[i];
    return NULL;
}

/* ---- StatefulSets -------------------------------------------------------------------------------------------- */

static void claims(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *sts, int64_t ordinal)
{
    const struct hc_val *tmpl = hc_get(sts, "spec.volumeClaimTemplates");
    hc_str name = hc_get_str_at(sts, "metadata.name"), ns = hc_get_str_at(sts, "metadata.namespace");
    for (size_t i = 0; i < hc_list_len(tmpl); i++) {
        struct hc_val *pvc = hc_map_new(a), *meta = hc_val_copy(a, hc_get(hc_list_at(tmpl, i), "metadata")), *out;
        hc_str base = hc_get_str_at(meta, "name");
        if (!hc_is_map(meta))
            continue;
        hc_map_del(meta, HC_S("creationTimestamp"));
        hc_map_put_str(a, meta, "name", hc_arena_printf(a, "%.*s-%.*s-%" PRId64, HC_P(base), HC_P(name), ordinal));
        struct hc_val *labels = hc_val_copy(a, hc_get(sts, "spec.selector.matchLabels"));
        if (hc_is_map(labels))
            hc_map_put(a, meta, HC_S("labels"), labels);
        hc_map_put(a, pvc, HC_S("metadata"), meta);
        hc_map_put(a, pvc, HC_S("spec"), hc_val_copy(a, hc_get(hc_list_at(tmpl, i), "spec")));
        (void)!hc_sb_create(s, a, hc_sb_kind_builtin(s, "/persistentvolumeclaims"), ns, pvc, &internal, &out);
    }
}

void hc_sb_sim_statefulset(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *sts)
{
    hc_str ns = hc_get_str_at(sts, "metadata.namespace"), name = hc_get_str_at(sts, "metadata.name");
    hc_str hash = hc_sb_sim_hash(a, hc_get(sts, "spec.template"));
    hc_str revision = hc_arena_printf(a, "%.*s-%.*s", HC_P(name), HC_P(hash));
    int64_t want = hc_get_int_at(sts, "spec.replicas", 1), first = hc_get_int_at(sts, "spec.ordinals.start", 0);
    bool parallel = hc_str_eqz(hc_get_str_at(sts, "spec.podManagementPolicy"), "Parallel");
    bool on_delete = hc_str_eqz(hc_get_str_at(sts, "spec.updateStrategy.type"), "OnDelete");
    int64_t partition = hc_get_int_at(sts, "spec.updateStrategy.rollingUpdate.partition", 0);
    struct hc_val **pods;
    size_t n = hc_sb_sim_owned(s, a, "/pods", ns, hc_get_str_at(sts, "metadata.uid"), &pods);
    bool busy = false;
    for (int64_t i = first; i < first + want && (parallel || !busy); i++) {
        hc_str pname = hc_arena_printf(a, "%.*s-%" PRId64, HC_P(name), i);
        struct hc_val *pod = named(pods, n, pname);
        if (!pod) {
            claims(s, a, sts, i);
            struct hc_val *tmpl = hc_val_copy(a, hc_get(sts, "spec.template"));
            struct hc_val *labels = hc_map_sub(a, hc_map_sub(a, tmpl, "metadata"), "labels");
            hc_map_put_str(a, labels, "statefulset.kubernetes.io/pod-name", pname);
            hc_map_put(a, labels, HC_S("apps.kubernetes.io/pod-index"), hc_printf_val(a, "%" PRId64, i));
            hc_sb_sim_new_pod(s, a, sts, pname, tmpl, "controller-revision-hash", revision);
            busy = true;
        } else if (!hc_sb_sim_pod_ready(pod)) {
            /* One of an older template that does not get ready is replaced, or a bad roll-out could not be mended. */
            if (!on_delete && !hc_str_eq(hc_sb_label(pod, "controller-revision-hash"), revision))
                hc_sb_sim_delete(s, a, pod);
            busy = true;
        }
    }
    n = hc_sb_sim_owned(s, a, "/pods", ns, hc_get_str_at(sts, "metadata.uid"), &pods);
    int64_t ready = 0, updated = 0;
    for (size_t i = 0; i < n; i++) {
        hc_str pname = hc_get_str_at(pods[i], "metadata.name");
        int64_t ordinal = -1;
        if (!hc_str_to_i64(hc_str_sub(pname, hc_str_rfind(pname, '-') + 1, pname.n), &ordinal) || ordinal < first ||
            ordinal >= first + want)
            hc_sb_sim_delete(s, a, pods[i]);
    }
    /* The highest old one goes first, one at a time, when all are well. */
    for (int64_t i = first + want - 1; i >= first + partition && !busy && !on_delete; i--) {
        struct hc_val *pod = named(pods, n, hc_arena_printf(a, "%.*s-%" PRId64, HC_P(name), i));
        if (pod && !hc_str_eq(hc_sb_label(pod, "controller-revision-hash"), revision)) {
            hc_sb_sim_delete(s, a, pod);
            busy = true;
        }
    }
    n = hc_sb_sim_owned(s, a, "/pods", ns, hc_get_str_at(sts, "metadata.uid"), &pods);
    for (size_t i = 0; i < n; i++) {
        ready += hc_sb_sim_pod_ready(pods[i]);
        updated += hc_str_eq(hc_sb_label(pods[i], "controller-revision-hash"), revision);
    }
    hc_str current = hc_get_str_at(sts, "status.currentRevision");
    bool done = updated == want && (int64_t)n == want && ready == want;
    if (!current.n || done)
        current = revision;
    struct hc_val *st = hc_map_new(a);
    hc_map_put_int(a, st, "observedGeneration", hc_get_int_at(sts, "metadata.generation", 1));
    hc_map_put_int(a, st, "replicas", (int64_t)n);
    if (ready)
        hc_map_put_int(a, st, "readyReplicas", ready);
    hc_map_put_int(a, st, "availableReplicas", ready);
    if (hc_str_eq(current, revision) ? updated : (int64_t)n - updated)
        hc_map_put_int(a, st, "currentReplicas", hc_str_eq(current, revision) ? updated : (int64_t)n - updated);
    if (updated)
        hc_map_put_int(a, st, "updatedReplicas", updated);
    hc_map_put_str(a, st, "currentRevision", current);
    hc_map_put_str(a, st, "updateRevision", revision);
    hc_map_put_int(a, st, "collisionCount", 0);
    hc_sb_sim_status(s, a, sts, st);
}

/* ---- DaemonSets ------------------------------------------------------------------------------------------------- */

void hc_sb_sim_daemonset(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *ds)
{
    hc_str ns = hc_get_str_at(ds, "metadata.namespace"), uid = hc_get_str_at(ds, "metadata.uid");
    hc_str hash = hc_sb_sim_hash(a, hc_get(ds, "spec.template"));
    struct hc_val **pods;
    size_t n = hc_sb_sim_owned(s, a, "/pods", ns, uid, &pods);
    for (size_t i = 0; i < n; i++)
        if (i > 0 || !hc_str_eq(hc_sb_label(pods[i], "controller-revision-hash"), hash))
            hc_sb_sim_delete(s, a, pods[i]);
    n = hc_sb_sim_owned(s, a, "/pods", ns, uid, &pods);
    if (n == 0) {
        hc_sb_sim_new_pod(s, a, ds, HC_S(""), hc_get(ds, "spec.template"), "controller-revision-hash", hash);
        n = hc_sb_sim_owned(s, a, "/pods", ns, uid, &pods);
    }
    int64_t ready = 0, updated = 0;
    for (size_t i = 0; i < n; i++) {
        ready += hc_sb_sim_pod_ready(pods[i]);
        updated += hc_str_eq(hc_sb_label(pods[i], "controller-revision-hash"), hash);
    }
    struct hc_val *st = hc_map_new(a);
    hc_map_put_int(a, st, "currentNumberScheduled", (int64_t)n);
    hc_map_put_int(a, st, "numberMisscheduled", 0);
    hc_map_put_int(a, st, "desiredNumberScheduled", 1);
    hc_map_put_int(a, st, "numberReady", ready);
    hc_map_put_int(a, st, "observedGeneration", hc_get_int_at(ds, "metadata.generation", 1));
    hc_map_put_int(a, st, "updatedNumberScheduled", updated);
    if (ready)
        hc_map_put_int(a, st, "numberAvailable", ready);
    else
        hc_map_put_int(a, st, "numberUnavailable", 1);
    hc_sb_sim_status(s, a, ds, st);
}

/* ---- Jobs --------------------------------------------------------------------------------------------------------- */

static void job_conditions(struct hc_arena *a, struct hc_val *st, bool ok, const char *reason, const char *message)
{
    hc_sb_condition(a, st, ok ? "SuccessCriteriaMet" : "FailureTarget", true, reason, hc_str_of(message));
    hc_sb_condition(a, st, ok ? "Complete" : "Failed", true, reason, hc_str_of(message));
}

static bool job_over(const struct hc_val *job)
{
    const struct hc_val *c = hc_get(job, "status.conditions");
    for (size_t i = 0; i < hc_list_len(c); i++) {
        hc_str t = hc_get_str_at(hc_list_at(c, i), "type");
        if ((hc_str_eqz(t, "Complete") || hc_str_eqz(t, "Failed")) &&
            hc_str_eqz(hc_get_str_at(hc_list_at(c, i), "status"), "True"))
            return true;
    }
    return false;
}

void hc_sb_sim_job(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *job)
{
    hc_str ns = hc_get_str_at(job, "metadata.namespace"), name = hc_get_str_at(job, "metadata.name");
    struct hc_val **pods, *st = hc_val_copy(a, hc_map_getz(job, "status"));
    int64_t want = hc_get_int_at(job, "spec.completions", 1), width = hc_get_int_at(job, "spec.parallelism", 1);
    int64_t limit = hc_get_int_at(job, "spec.backoffLimit", 6),
            deadline = hc_get_int_at(job, "spec.activeDeadlineSeconds", 0);
    if (job_over(job)) {
        int64_t ttl = hc_get_int_at(job, "spec.ttlSecondsAfterFinished", -1);
        if (ttl < 0)
            return;
        /* Like the real controller, a second late at least: watchers see the end before the Job goes. */
        hc_str end = hc_get_str_at(job, "status.completionTime");
        if (!end.n)
            end = hc_get_str_at(job, "status.conditions[0].lastTransitionTime");
        int64_t left = hc_time_parse_ms(end) + (ttl + 2) * 1000 - hc_now_ms();
        if (left <= 0)
            hc_sb_sim_delete(s, a, job);
        else
            hc_sb_dirty_in(s, left, HC_S("batch/jobs"), ns, name);
        return;
    }
    if (!hc_is_map(st))
        st = hc_map_new(a);
    if (hc_get_bool_at(job, "spec.suspend", false)) {
        hc_sb_condition(a, st, "Suspended", true, "JobSuspended", HC_S("Job suspended"));
        hc_sb_sim_status(s, a, job, st);
        return;
    }
    size_t n = hc_sb_sim_owned(s, a, "/pods", ns, hc_get_str_at(job, "metadata.uid"), &pods);
    int64_t done = 0, failed = 0, active = 0, ready = 0;
    for (size_t i = 0; i < n; i++) {
        hc_str phase = hc_get_str_at(pods[i], "status.phase");
        if (hc_str_eqz(phase, "Succeeded"))
            done++;
        else if (hc_str_eqz(phase, "Failed"))
            failed++;
        else
            active++;
        ready += hc_sb_sim_pod_ready(pods[i]);
        /* With OnFailure the kubelet restarts containers in their pod; each restart counts. */
        failed += hc_get_int_at(pods[i], "status.containerStatuses[0].restartCount", 0);
    }
    if (!hc_map_getz(st, "startTime"))
        hc_map_put_str(a, st, "startTime", hc_sb_now(a));
    int64_t age = hc_now_ms() - hc_time_parse_ms(hc_get_str_at(st, "startTime"));
    if (done >= want) {
        hc_map_put_str(a, st, "completionTime", hc_sb_now(a));
        job_conditions(a, st, true, "CompletionsReached", "Reached expected number of succeeded pods");
        hc_sb_sim_event(s, a, job, "Normal", "Completed", "job-controller", HC_S("Job completed"));
    } else if (failed > limit || (deadline > 0 && age >= deadline * 1000)) {
        bool late = failed <= limit;
        const char *reason = late ? "DeadlineExceeded" : "BackoffLimitExceeded";
        const char *why = late ? "Job was active longer than specified deadline"
                               : "Job has reached the specified backoff limit";
        for (size_t i = 0; i < n; i++) {
            hc_str phase = hc_get_str_at(pods[i], "status.phase");
            if (!hc_str_eqz(phase, "Succeeded") && !hc_str_eqz(phase, "Failed"))
                hc_sb_sim_delete(s, a, pods[i]);
        }
        active = 0;
        job_conditions(a, st, false, reason, why);
        hc_sb_sim_event(s, a, job, "Warning", reason, "job-controller", hc_str_of(why));
    } else {
        for (; active < width && active < want - done; active++)
            hc_sb_sim_new_pod(s, a, job, HC_S(""), hc_get(job, "spec.template"), NULL, HC_S(""));
        if (deadline > 0)
            hc_sb_dirty_in(s, HC_MAX(deadline * 1000 - age, (int64_t)0) + 50, HC_S("batch/jobs"), ns, name);
    }
    static const char *const counts[] = { "active", "succeeded", "failed", "ready" };
    const int64_t values[] = { active, done, failed, ready };
    for (size_t i = 0; i < HC_LEN(counts); i++) {
        if (values[i] || i == 3)
            hc_map_put_int(a, st, counts[i], values[i]);
        else
            hc_map_del(st, hc_str_of(counts[i]));
    }
    hc_sb_sim_status(s, a, job, st);
}
