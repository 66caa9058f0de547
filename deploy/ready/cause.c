/*
 * From a workload that is not ready down to the container (or event) that holds it up. Candidates are ranked: a
 * container that cannot even start says more than one that is not ready yet; the newest pod counts, because it is
 * the one of the revision at hand.
 */
#include "core/base/buf.h"
#include "deploy/ready/ready.h"

hc_str hc_ready_pod_selector(struct hc_arena *a, const struct hc_val *object)
{
    static const char *const kinds[] = { "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job" };
    hc_str kind = hc_get_str(hc_map_getz(object, "kind"));
    const struct hc_val *labels = hc_get(object, "spec.selector.matchLabels");
    struct hc_buf b;
    bool workload = false;
    for (size_t i = 0; i < HC_LEN(kinds); i++)
        workload = workload || hc_str_eqz(kind, kinds[i]);
    if (hc_str_eqz(kind, "ReplicationController")) {
        labels = hc_get(object, "spec.selector");
        workload = true;
    }
    if (!workload || hc_map_len(labels) == 0)
        return (hc_str){ NULL, 0 };
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < hc_map_len(labels); i++)
        hc_buf_printf(&b, "%s%.*s=%.*s", i > 0 ? "," : "", HC_P(hc_map_at(labels, i)->key),
                      HC_P(hc_get_str(hc_map_at(labels, i)->val)));
    hc_str out = hc_buf_to_arena(&b, a);
    hc_buf_done(&b);
    return out;
}

static hc_str text(const struct hc_val *v, const char *path)
{
    return hc_get_str_at(v, path);
}

/* The last line that says something, at most 200 bytes of it. */
static hc_str last_line(hc_str s)
{
    s = hc_str_trim(s);
    size_t nl = hc_str_rfind(s, '\n');
    if (nl != SIZE_MAX)
        s = hc_str_trim(hc_str_sub(s, nl + 1, s.n));
    return hc_str_sub(s, 0, 200);
}

static hc_str name_of(struct hc_arena *a, const struct hc_val *o)
{
    hc_str ns = text(o, "metadata.namespace"), name = text(o, "metadata.name");
    hc_str kind = hc_get_str(hc_map_getz(o, "kind"));
    if (ns.n == 0)
        return hc_arena_printf(a, "%.*s %.*s", HC_P(kind), HC_P(name));
    return hc_arena_printf(a, "%.*s %.*s/%.*s", HC_P(kind), HC_P(ns), HC_P(name));
}

/* The newest event of a reason (NULL: any warning) about an object of this name. */
static hc_str event_about(const struct hc_val *events, hc_str name, const char *reason)
{
    hc_str best = { NULL, 0 }, newest = { NULL, 0 };
    for (size_t i = 0; i < hc_list_len(events); i++) {
        const struct hc_val *e = hc_list_at(events, i);
        hc_str when = text(e, "lastTimestamp");
        if (when.n == 0)
            when = text(e, "eventTime");
        if (!hc_str_eq(text(e, "involvedObject.name"), name) || !hc_str_eqz(text(e, "type"), "Warning") ||
            (reason && !hc_str_eqz(text(e, "reason"), reason)))
            continue;
        if (!best.p || hc_str_cmp(when, newest) >= 0) {
            best = text(e, "message");
            newest = when;
        }
    }
    return best;
}

struct finding {
    int rank; /* the higher, the more it says */
    struct hc_cause cause;
};

static void found(struct finding *best, int rank, hc_str sentence)
{
    if (rank > best->rank) {
        best->rank = rank;
        best->cause = (struct hc_cause){ .sentence = sentence };
    }
}

/* A finding about a container that ran: its log says more. `quoted`: the sentence ends with its last words. */
static void found_run(struct finding *best, int rank, hc_str sentence, const struct hc_cause *run, bool quoted)
{
    if (rank > best->rank) {
        best->rank = rank;
        best->cause = *run;
        best->cause.sentence = sentence;
        best->cause.quoted = quoted;
    }
}

static hc_str image_of(const struct hc_val *pod, const char *list, hc_str container)
{
    const struct hc_val *all = hc_get(pod, list);
    for (size_t i = 0; i < hc_list_len(all); i++)
        if (hc_str_eq(text(hc_list_at(all, i), "name"), container))
            return text(hc_list_at(all, i), "image");
    return (hc_str){ NULL, 0 };
}

static void terminated(struct hc_arena *a, const struct hc_val *state, hc_str where, const char *verb, int rank,
                       const struct hc_cause *run, struct finding *best)
{
    int64_t code = hc_get_int_at(state, "exitCode", 0), signal = hc_get_int_at(state, "signal", 0);
    hc_str reason = text(state, "reason"), line = last_line(text(state, "message"));
    if (code == 0 && signal == 0)
        return;
    hc_str more = line.n > 0 ? hc_arena_printf(a, ": %.*s", HC_P(line)) : HC_S("");
    if (hc_str_eqz(reason, "OOMKilled"))
        found_run(best, rank,
                  hc_arena_printf(a, "%.*s %s: it was killed, because it used more memory than its limit%.*s",
                                  HC_P(where), verb, HC_P(more)),
                  run, line.n > 0);
    else
        found_run(best, rank,
                  hc_arena_printf(a, "%.*s %s: exit code %" PRId64 " (%.*s)%.*s", HC_P(where), verb, code,
                                  HC_P(reason.n > 0 ? reason : HC_S("Error")), HC_P(more)),
                  run, line.n > 0);
}

static void container(struct hc_arena *a, const struct hc_val *pod, const struct hc_val *c, bool init,
                      const struct hc_val *events, struct finding *best)
{
    hc_str name = text(c, "name"), pod_name = text(pod, "metadata.name");
    hc_str reason = text(c, "state.waiting.reason"), message = last_line(text(c, "state.waiting.message"));
    hc_str where = hc_arena_printf(a, "%s %.*s of pod %.*s", init ? "init container" : "container", HC_P(name),
                                   HC_P(pod_name));
    hc_str image = image_of(pod, init ? "spec.initContainers" : "spec.containers", name);
    hc_str more = message.n > 0 ? hc_arena_printf(a, ": %.*s", HC_P(message)) : HC_S("");
    /* While a container waits to be started again, its log is that of its last run. */
    const struct hc_cause run = { .pod = pod_name, .container = name };
    const struct hc_cause last = { .pod = pod_name,
                                   .container = name,
                                   .before = hc_get(c, "state.running") != NULL };
    if (hc_str_eqz(reason, "ErrImagePull") || hc_str_eqz(reason, "ImagePullBackOff") ||
        hc_str_eqz(reason, "InvalidImageName") || hc_str_eqz(reason, "ErrImageNeverPull")) {
        hc_str pulled = event_about(events, pod_name, "Failed");
        if (hc_str_eqz(reason, "ImagePullBackOff") && pulled.n > 0) /* the back-off hides the error behind it */
            more = hc_arena_printf(a, ": %.*s", HC_P(last_line(pulled)));
        found(best, 90,
              hc_arena_printf(a, "%.*s cannot pull image '%.*s': %.*s%.*s", HC_P(where), HC_P(image), HC_P(reason),
                              HC_P(more)));
    } else if (hc_str_eqz(reason, "CrashLoopBackOff")) {
        int64_t restarts = hc_get_int_at(c, "restartCount", 0);
        const char *verb = restarts > 1 ? "keeps crashing" : "crashed";
        found_run(best, 79, hc_arena_printf(a, "%.*s %s: %.*s%.*s", HC_P(where), verb, HC_P(reason), HC_P(more)),
                  &run, false);
        terminated(a, hc_get(c, "lastState.terminated"), where, verb, 80, &last, best);
    } else if (reason.n > 0 && !hc_str_eqz(reason, "ContainerCreating") && !hc_str_eqz(reason, "PodInitializing")) {
        found(best, 85, hc_arena_printf(a, "%.*s cannot start: %.*s%.*s", HC_P(where), HC_P(reason), HC_P(more)));
    }
    terminated(a, hc_get(c, "state.terminated"), where, "ended", 75, &run, best);
    if (hc_get(c, "state.running") && !hc_get_bool_at(c, "ready", false) && !init) {
        hc_str probe = last_line(event_about(events, pod_name, "Unhealthy"));
        terminated(a, hc_get(c, "lastState.terminated"), where, "was restarted", 70, &last, best);
        found_run(best, probe.n > 0 ? 60 : 30,
                  probe.n > 0 ? hc_arena_printf(a, "%.*s is running, but not ready: %.*s", HC_P(where), HC_P(probe))
                              : hc_arena_printf(a, "%.*s is running, but not ready", HC_P(where)),
                  &run, false);
    }
}

static void pod(struct hc_arena *a, const struct hc_val *p, const struct hc_val *events, struct finding *best)
{
    hc_str name = text(p, "metadata.name"), message = last_line(text(p, "status.message"));
    const struct hc_val *init = hc_get(p, "status.initContainerStatuses");
    const struct hc_val *main = hc_get(p, "status.containerStatuses"), *conditions = hc_get(p, "status.conditions");
    for (size_t i = 0; i < hc_list_len(init); i++)
        container(a, p, hc_list_at(init, i), true, events, best);
    for (size_t i = 0; i < hc_list_len(main); i++)
        container(a, p, hc_list_at(main, i), false, events, best);
    for (size_t i = 0; i < hc_list_len(conditions); i++) {
        const struct hc_val *c = hc_list_at(conditions, i);
        if (hc_str_eqz(text(c, "type"), "PodScheduled") && hc_str_eqz(text(c, "status"), "False"))
            found(best, 65,
                  hc_arena_printf(a, "pod %.*s cannot be scheduled: %.*s", HC_P(name),
                                  HC_P(last_line(text(c, "message")))));
        if (hc_str_eqz(text(c, "type"), "Ready") && hc_str_eqz(text(c, "status"), "False") &&
            text(c, "message").n > 0)
            found(
                best, 15,
                hc_arena_printf(a, "pod %.*s is not ready: %.*s", HC_P(name), HC_P(last_line(text(c, "message")))));
    }
    hc_str warning = last_line(event_about(events, name, NULL));
    if (warning.n > 0)
        found(best, 40, hc_arena_printf(a, "pod %.*s: %.*s", HC_P(name), HC_P(warning)));
    if (hc_str_eqz(text(p, "status.phase"), "Failed"))
        found(best, 50,
              message.n > 0 ? hc_arena_printf(a, "pod %.*s failed: %.*s", HC_P(name), HC_P(message))
                            : hc_arena_printf(a, "pod %.*s failed", HC_P(name)));
    else if (hc_str_eqz(text(p, "status.phase"), "Pending"))
        found(best, 10, hc_arena_printf(a, "pod %.*s is pending", HC_P(name)));
}

static void workload(struct hc_arena *a, const struct hc_val *o, const struct hc_val *events, struct finding *best)
{
    const struct hc_val *conditions = hc_get(o, "status.conditions");
    for (size_t i = 0; i < hc_list_len(conditions); i++) {
        const struct hc_val *c = hc_list_at(conditions, i);
        hc_str type = text(c, "type"), message = last_line(text(c, "message"));
        if (hc_str_eqz(type, "ReplicaFailure") && hc_str_eqz(text(c, "status"), "True"))
            found(best, 55, hc_arena_printf(a, "no pod could be made: %.*s", HC_P(message)));
        if (hc_str_eqz(type, "Failed") && hc_str_eqz(text(c, "status"), "True") && message.n > 0)
            found(best, 20, hc_arena_printf(a, "%.*s: %.*s", HC_P(text(c, "reason")), HC_P(message)));
    }
    for (size_t i = 0; i < hc_list_len(events); i++) {
        const struct hc_val *e = hc_list_at(events, i);
        if (hc_str_eqz(text(e, "reason"), "FailedCreate") && hc_str_eqz(text(e, "type"), "Warning"))
            found(best, 54, hc_arena_printf(a, "no pod could be made: %.*s", HC_P(last_line(text(e, "message")))));
    }
    hc_str warning = last_line(event_about(events, text(o, "metadata.name"), NULL));
    if (warning.n > 0)
        found(best, 12, warning);
}

struct hc_cause hc_ready_cause(struct hc_arena *a, const struct hc_val *object,
                               const struct hc_readiness *readiness, const struct hc_val *pods,
                               const struct hc_val *events)
{
    struct finding best = { 0 };
    hc_str newest = { NULL, 0 };
    workload(a, object, events, &best);
    if (hc_str_eqz(hc_get_str(hc_map_getz(object, "kind")), "Pod"))
        pod(a, object, events, &best);
    for (size_t i = 0; i < hc_list_len(pods); i++) {
        hc_str made = text(hc_list_at(pods, i), "metadata.creationTimestamp");
        if (hc_str_cmp(made, newest) > 0)
            newest = made;
    }
    for (size_t i = 0; i < hc_list_len(pods); i++) { /* pods of the newest kind first, then any */
        const struct hc_val *p = hc_list_at(pods, i);
        struct finding f = { 0 };
        pod(a, p, events, &f);
        f.rank += f.rank > 0 && hc_str_eq(text(p, "metadata.creationTimestamp"), newest) ? 1 : 0;
        if (f.rank > best.rank)
            best = f;
    }
    hc_str said = best.rank > 0 ? best.cause.sentence : readiness ? readiness->message : HC_S("not ready");
    best.cause.sentence = hc_arena_printf(a, "%.*s: %.*s", HC_P(name_of(a, object)), HC_P(said));
    return best.cause;
}
