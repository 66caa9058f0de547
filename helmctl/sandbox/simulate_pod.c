/*
 * Pods. What one becomes is chosen by the annotation sandbox.helmctl.dev/behavior:
 *
 *   ready       Running and Ready after a moment (the default)      slow      the same after 10 s
 *   complete    Succeeded after a moment (default of Never)         fail      Failed (exit 1); with Always as crash
 *   crash       CrashLoopBackOff                                    hang      Running, never Ready
 *   image-pull  ErrImagePull, ImagePullBackOff (also: an image whose tag says broken or does-not-exist)
 *   pending     no node fits
 *
 * and by sandbox.helmctl.dev/after ("2s"), which sets the moment. A pod walks through steps; which one it is
 * in is read off its status, so a restart goes on from there with a new timer.
 */
#include <stdlib.h>

#include "core/base/mem.h"
#include "helmctl/sandbox/sandbox_impl.h"

enum step { UNSEEN, CREATING, PULLING, CRASHING, WORKING, OVER };
enum behavior { READY, SLOW, COMPLETE, FAIL, CRASH, HANG, IMAGE_PULL, PENDING };

static const struct {
    const char *name;
    enum behavior b;
} names[] = { { "ready", READY }, { "slow", SLOW }, { "complete", COMPLETE },     { "fail", FAIL },
              { "crash", CRASH }, { "hang", HANG }, { "image-pull", IMAGE_PULL }, { "pending", PENDING } };

static bool bad_image(hc_str image)
{
    size_t slash = hc_str_rfind(image, '/'), colon = hc_str_rfind(image, ':');
    if (colon == SIZE_MAX || (slash != SIZE_MAX && colon < slash))
        return false;
    hc_str tag = hc_str_sub(image, colon + 1, image.n);
    return hc_str_find_str(tag, HC_S("broken")) != SIZE_MAX ||
           hc_str_find_str(tag, HC_S("does-not-exist")) != SIZE_MAX;
}

static enum behavior behavior_of(const struct hc_val *pod)
{
    hc_str want = hc_sb_annotation(pod, "sandbox.helmctl.dev/behavior");
    hc_str policy = hc_get_str_at(pod, "spec.restartPolicy");
    bool always = !policy.n || hc_str_eqz(policy, "Always");
    for (size_t i = 0; i < HC_LEN(names); i++) {
        if (!hc_str_eqz(want, names[i].name))
            continue;
        enum behavior b = names[i].b;
        return b == FAIL && always ? CRASH : b == COMPLETE && always ? READY : b;
    }
    const struct hc_val *cs = hc_get(pod, "spec.containers");
    for (size_t i = 0; i < hc_list_len(cs); i++)
        if (bad_image(hc_get_str_at(hc_list_at(cs, i), "image")))
            return IMAGE_PULL;
    return always ? READY : COMPLETE;
}

static int64_t after_ms(const struct hc_sandbox *s, const struct hc_val *pod, enum behavior b)
{
    hc_str after = hc_sb_annotation(pod, "sandbox.helmctl.dev/after");
    int64_t ms = after.n ? hc_duration_parse_ms(after) : -1;
    return ms >= 0 ? ms : b == SLOW ? 10000 : s->ready_after_ms;
}

/* The container statuses: `fill` writes state, ready and the like into each. */
static struct hc_val *
statuses(struct hc_arena *a, const struct hc_val *pod, const char *list,
         void (*fill)(struct hc_arena *a, struct hc_val *cs, const struct hc_val *pod, int64_t n), int64_t n)
{
    struct hc_val *out = hc_list_new(a);
    const struct hc_val *cs = hc_map_getz(hc_map_getz(pod, "spec"), list);
    for (size_t i = 0; i < hc_list_len(cs); i++) {
        const struct hc_val *c = hc_list_at(cs, i);
        struct hc_val *st = hc_map_new(a);
        hc_map_put(a, st, HC_S("name"), hc_map_getz(c, "name"));
        fill(a, st, pod, n);
        if (!hc_map_getz(st, "restartCount"))
            hc_map_put_int(a, st, "restartCount", 0);
        hc_map_put(a, st, HC_S("image"), hc_map_getz(c, "image"));
        hc_map_put_strz(a, st, "imageID", "");
        hc_list_add(a, out, st);
    }
    return out;
}

static void waiting(struct hc_arena *a, struct hc_val *cs, const char *reason, hc_str message)
{
    struct hc_val *w = hc_map_sub(a, hc_map_sub(a, cs, "state"), "waiting");
    hc_map_put_strz(a, w, "reason", reason);
    if (message.n)
        hc_map_put_str(a, w, "message", message);
    hc_map_put_bool(a, cs, "ready", false);
    hc_map_put_bool(a, cs, "started", false);
}

static void terminated(struct hc_arena *a, struct hc_val *state, int64_t code)
{
    struct hc_val *t = hc_map_sub(a, state, "terminated");
    hc_map_put_int(a, t, "exitCode", code);
    hc_map_put_strz(a, t, "reason", code ? "Error" : "Completed");
    hc_map_put_str(a, t, "startedAt", hc_sb_now(a));
    hc_map_put_str(a, t, "finishedAt", hc_sb_now(a));
}

static void is_creating(struct hc_arena *a, struct hc_val *cs, const struct hc_val *pod, int64_t n)
{
    (void)pod, (void)n;
    waiting(a, cs, "ContainerCreating", HC_S(""));
}

static void is_running(struct hc_arena *a, struct hc_val *cs, const struct hc_val *pod, int64_t ready)
{
    (void)pod;
    hc_map_put_str(a, hc_map_sub(a, hc_map_sub(a, cs, "state"), "running"), "startedAt", hc_sb_now(a));
    hc_map_put_bool(a, cs, "ready", ready != 0);
    hc_map_put_bool(a, cs, "started", true);
}

static void is_over(struct hc_arena *a, struct hc_val *cs, const struct hc_val *pod, int64_t code)
{
    (void)pod;
    terminated(a, hc_map_sub(a, cs, "state"), code);
    hc_map_put_bool(a, cs, "ready", false);
    hc_map_put_bool(a, cs, "started", false);
}

static void is_crashing(struct hc_arena *a, struct hc_val *cs, const struct hc_val *pod, int64_t restarts)
{
    hc_str ns = hc_get_str_at(pod, "metadata.namespace"), name = hc_get_str_at(pod, "metadata.name");
    hc_str uid = hc_get_str_at(pod, "metadata.uid"), c = hc_get_str_at(cs, "name");
    int64_t wait = HC_MIN((int64_t)10 << HC_MIN(restarts - 1, (int64_t)5), (int64_t)300);
    waiting(a, cs, "CrashLoopBackOff",
            hc_arena_printf(a, "back-off %" PRId64 "s restarting failed container=%.*s pod=%.*s_%.*s(%.*s)", wait,
                            HC_P(c), HC_P(name), HC_P(ns), HC_P(uid)));
    terminated(a, hc_map_sub(a, cs, "lastState"), 1);
    hc_map_put_int(a, cs, "restartCount", restarts);
}

static hc_str image_of(const struct hc_val *pod)
{
    const struct hc_val *cs = hc_get(pod, "spec.containers");
    for (size_t i = 0; i < hc_list_len(cs); i++)
        if (bad_image(hc_get_str_at(hc_list_at(cs, i), "image")))
            return hc_get_str_at(hc_list_at(cs, i), "image");
    return hc_get_str_at(hc_list_at(cs, 0), "image");
}

static void is_not_pulled(struct hc_arena *a, struct hc_val *cs, const struct hc_val *pod, int64_t backoff)
{
    hc_str image = image_of(pod);
    if (backoff)
        waiting(a, cs, "ImagePullBackOff",
                hc_arena_printf(
                    a,
                    "Back-off pulling image \"%.*s\": ErrImagePull: rpc error: code = NotFound desc = failed "
                    "to pull and unpack image \"%.*s\": not found",
                    HC_P(image), HC_P(image)));
    else
        waiting(a, cs, "ErrImagePull",
                hc_arena_printf(
                    a, "rpc error: code = NotFound desc = failed to pull and unpack image \"%.*s\": not found",
                    HC_P(image)));
}

static void conditions(struct hc_arena *a, struct hc_val *st, bool ready, const char *why_not)
{
    static const char *const both[] = { "Ready", "ContainersReady" };
    hc_sb_condition(a, st, "PodReadyToStartContainers", true, "", HC_S(""));
    hc_sb_condition(a, st, "Initialized", true, "", HC_S(""));
    for (size_t i = 0; i < HC_LEN(both); i++)
        hc_sb_condition(a, st, both[i], ready, ready ? "" : why_not,
                        ready || strcmp(why_not, "PodCompleted") == 0 ? HC_S("")
                                                                      : HC_S("containers with unready status"));
    hc_sb_condition(a, st, "PodScheduled", true, "", HC_S(""));
}

/* Where a pod stands, read off what its status shows. */
static enum step step_of(const struct hc_val *pod, enum behavior b)
{
    const struct hc_val *state = hc_get(pod, "status.containerStatuses[0].state");
    hc_str reason = hc_get_str_at(state, "waiting.reason"), ph = hc_get_str_at(pod, "status.phase");
    if (!hc_get(pod, "status.conditions"))
        return UNSEEN;
    if (hc_str_eqz(ph, "Succeeded") || hc_str_eqz(ph, "Failed"))
        return OVER;
    if (hc_str_eqz(reason, "ContainerCreating"))
        return CREATING;
    if (hc_str_eqz(reason, "ErrImagePull"))
        return PULLING;
    if (hc_str_eqz(reason, "CrashLoopBackOff") || (hc_map_getz(state, "running") && b == CRASH))
        return CRASHING;
    if (hc_map_getz(state, "running") && (b == COMPLETE || b == FAIL))
        return WORKING;
    return OVER;
}

struct stepping {
    struct hc_sandbox *s;
    struct hc_arena *a;
    struct hc_val *pod, *st;
};

struct pod_timer {
    uint16_t ns, name;
    uint64_t uid;
    char text[400];
};

static void take_step(struct stepping *p, enum behavior b);

static void timer(struct hc_sandbox *s, void *arg)
{
    const struct pod_timer *t = arg;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    if (!a)
        return;
    struct hc_val *pod = hc_sb_get(s, a, hc_sb_kind_builtin(s, "/pods"), hc_str_n(t->text, t->ns),
                                   hc_str_n(t->text + t->ns, t->name));
    if (!pod || hc_get(pod, "metadata.deletionTimestamp") ||
        hc_str_hash(hc_get_str_at(pod, "metadata.uid")) != t->uid || !hc_sb_store_begin(s->store))
        return;
    struct stepping p = { s, a, pod, hc_val_copy(a, hc_map_getz(pod, "status")) };
    take_step(&p, behavior_of(pod));
    if (hc_sb_store_commit(s->store)) {
        hc_sb_watches_publish(s);
    } else {
        hc_sb_store_rollback(s->store);
        hc_sb_watches_discard(s->watches);
    }
}

static void arm(struct stepping *p, int64_t ms)
{
    hc_str ns = hc_get_str_at(p->pod, "metadata.namespace"), name = hc_get_str_at(p->pod, "metadata.name");
    struct pod_timer *t = hc_malloc(sizeof(*t));
    if (!t || ns.n + name.n > sizeof(t->text)) {
        free(t);
        return;
    }
    t->ns = (uint16_t)ns.n;
    t->name = (uint16_t)name.n;
    t->uid = hc_str_hash(hc_get_str_at(p->pod, "metadata.uid"));
    memcpy(t->text, ns.p, ns.n);
    memcpy(t->text + ns.n, name.p, name.n);
    hc_sb_timer(p->s, ms, timer, t);
}

/* Stores the status and, when there is a next step, sets its timer. */
static void enter(struct stepping *p, int64_t next_ms)
{
    hc_sb_sim_status(p->s, p->a, p->pod, p->st);
    if (next_ms >= 0)
        arm(p, next_ms);
}

static void phase(struct stepping *p, const char *phase_name)
{
    hc_map_put_strz(p->a, p->st, "phase", phase_name);
}

static void put_statuses(struct stepping *p,
                         void (*fill)(struct hc_arena *a, struct hc_val *cs, const struct hc_val *pod, int64_t n),
                         int64_t n)
{
    hc_map_put(p->a, p->st, HC_S("containerStatuses"), statuses(p->a, p->pod, "containers", fill, n));
}

static void event(struct stepping *p, const char *type, const char *reason, hc_str message)
{
    hc_sb_sim_event(p->s, p->a, p->pod, type, reason, "kubelet", message);
}

static void schedule(struct stepping *p, enum behavior b)
{
    struct hc_arena *a = p->a;
    if (b == PENDING) {
        phase(p, "Pending");
        hc_str why = HC_S("0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No "
                          "preemption victims found for incoming pod.");
        hc_sb_condition(a, p->st, "PodScheduled", false, "Unschedulable", why);
        hc_sb_sim_event(p->s, a, p->pod, "Warning", "FailedScheduling", "default-scheduler", why);
        enter(p, -1);
        return;
    }
    struct hc_val *bound = hc_val_copy(a, p->pod);
    hc_map_put_strz(a, hc_map_sub(a, bound, "spec"), "nodeName", "sandbox");
    phase(p, "Pending");
    uint32_t ip = ++p->s->next_ip;
    hc_map_put_str(a, p->st, "startTime", hc_sb_now(a));
    hc_map_put_strz(a, p->st, "hostIP", "127.0.0.1");
    hc_map_put_strz(a, p->st, "qosClass", "BestEffort");
    if (b != IMAGE_PULL) {
        hc_str pod_ip = hc_arena_printf(a, "10.244.%u.%u", (ip >> 8) & 255u, HC_MAX(ip & 255u, 1u));
        struct hc_val *ips = hc_list_new(a), *one = hc_map_new(a);
        hc_map_put_str(a, p->st, "podIP", pod_ip);
        hc_map_put_str(a, one, "ip", pod_ip);
        hc_list_add(a, ips, one);
        hc_map_put(a, p->st, HC_S("podIPs"), ips);
    }
    conditions(a, p->st, false, "ContainersNotReady");
    put_statuses(p, is_creating, 0);
    if (hc_list_len(hc_get(p->pod, "spec.initContainers")))
        hc_map_put(a, p->st, HC_S("initContainerStatuses"), statuses(a, p->pod, "initContainers", is_over, 0));
    hc_map_put(a, bound, HC_S("status"), p->st);
    if (!hc_sb_commit(p->s, a, hc_sb_kind_builtin(p->s, "/pods"), p->pod, bound))
        p->pod = bound;
    hc_str ns = hc_get_str_at(p->pod, "metadata.namespace"), name = hc_get_str_at(p->pod, "metadata.name");
    hc_sb_sim_event(p->s, a, p->pod, "Normal", "Scheduled", "default-scheduler",
                    hc_arena_printf(a, "Successfully assigned %.*s/%.*s to sandbox", HC_P(ns), HC_P(name)));
    int64_t wait = after_ms(p->s, p->pod, b);
    arm(p, b == COMPLETE || b == FAIL      ? HC_MIN(wait, (int64_t)50)
           : b == IMAGE_PULL || b == CRASH ? HC_MIN(wait, (int64_t)500)
                                           : wait);
}

static void start(struct stepping *p, enum behavior b)
{
    hc_str image = image_of(p->pod);
    if (b == IMAGE_PULL) {
        put_statuses(p, is_not_pulled, 0);
        event(p, "Warning", "Failed",
              hc_arena_printf(
                  p->a,
                  "Failed to pull image \"%.*s\": rpc error: code = NotFound desc = failed to pull and unpack "
                  "image \"%.*s\": not found",
                  HC_P(image), HC_P(image)));
        enter(p, 300);
        return;
    }
    event(p, "Normal", "Started", HC_S("Container started"));
    phase(p, "Running");
    bool ready = b == READY || b == SLOW;
    put_statuses(p, is_running, ready);
    conditions(p->a, p->st, ready, "ContainersNotReady");
    if (b == HANG) {
        event(p, "Warning", "Unhealthy",
              HC_S("Readiness probe failed: HTTP probe failed with statuscode: 503 (the sandbox simulates it)"));
        enter(p, -1);
    } else if (b == CRASH) {
        enter(p, HC_MIN(p->s->ready_after_ms, (int64_t)200));
    } else if (b == COMPLETE || b == FAIL) {
        enter(p, after_ms(p->s, p->pod, b));
    } else {
        enter(p, -1);
    }
}

static void crash(struct stepping *p)
{
    int64_t restarts = hc_get_int_at(p->pod, "status.containerStatuses[0].restartCount", 0) + 1;
    put_statuses(p, is_crashing, restarts);
    conditions(p->a, p->st, false, "ContainersNotReady");
    hc_str c = hc_get_str_at(p->pod, "spec.containers[0].name"), name = hc_get_str_at(p->pod, "metadata.name");
    event(p, "Warning", "BackOff",
          hc_arena_printf(p->a, "Back-off restarting failed container %.*s in pod %.*s", HC_P(c), HC_P(name)));
    enter(p, 10000 * HC_MIN((int64_t)1 << HC_MIN(restarts - 1, (int64_t)5), (int64_t)30));
}

static void finish(struct stepping *p, enum behavior b)
{
    phase(p, b == FAIL ? "Failed" : "Succeeded");
    put_statuses(p, is_over, b == FAIL ? 1 : 0);
    conditions(p->a, p->st, false, b == FAIL ? "PodFailed" : "PodCompleted");
    enter(p, -1);
}

static void take_step(struct stepping *p, enum behavior b)
{
    enum step step = step_of(p->pod, b);
    if (step == UNSEEN) {
        schedule(p, b);
    } else if (step == CREATING) {
        start(p, b);
    } else if (step == PULLING) {
        hc_str image = image_of(p->pod);
        put_statuses(p, is_not_pulled, 1);
        event(p, "Normal", "BackOff", hc_arena_printf(p->a, "Back-off pulling image \"%.*s\"", HC_P(image)));
        enter(p, -1);
    } else if (step == CRASHING) {
        crash(p);
    } else if (step == WORKING) {
        finish(p, b);
    }
}

void hc_sb_sim_pod(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *pod)
{
    struct hc_val *st = hc_val_copy(a, hc_map_getz(pod, "status"));
    struct stepping p = { s, a, pod, hc_is_map(st) ? st : hc_map_new(a) };
    enum behavior b = behavior_of(pod);
    enum step step = step_of(pod, b);
    if (step == UNSEEN)
        take_step(&p, b);
    else if (step != OVER && s->restarted)
        arm(&p, after_ms(s, pod, b));
}
