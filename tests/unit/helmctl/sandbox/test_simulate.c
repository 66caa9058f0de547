/*
 * What becomes of workloads. Time is not waited for: with ready-after 0 everything that will happen at once has
 * happened when the simulator rests.
 */
#include "tests/unit/helmctl/sandbox/rig.h"

#define APPS  "/apis/apps/v1/namespaces/default/"
#define BATCH "/apis/batch/v1/namespaces/default/"
#define CORE  "/api/v1/namespaces/default/"

static const char *workload(struct rig *r, const char *spec, const char *image, const char *behavior,
                            const char *policy)
{
    return hc_arena_strz(
        r->a,
        hc_arena_printf(
            r->a,
            "{\"metadata\":{\"name\":\"w\"},\"spec\":{%s\"selector\":{\"matchLabels\":{\"a\":\"w\"}},\"template\":"
            "{\"metadata\":{\"labels\":{\"a\":\"w\"},\"annotations\":{\"sandbox.helmctl.dev/behavior\":\"%s\","
            "\"sandbox.helmctl.dev/"
            "after\":\"0s\"}},\"spec\":{%s\"containers\":[{\"name\":\"c\",\"image\":\"%s\"}]}}}}",
            spec, behavior, policy, image));
}

static const struct {
    const char *behavior, *image;
    bool available;
    const char *phase, *waiting, *event;
} rows[] = {
    { "ready", "i:1", true, "Running", "", "Started" },
    { "", "i:1", true, "Running", "", "Scheduled" },
    { "slow", "i:1", true, "Running", "", "Started" },
    { "hang", "i:1", false, "Running", "", "Unhealthy" },
    { "image-pull", "i:1", false, "Pending", "ErrImagePull", "Failed" },
    { "", "registry:5000/i:broken-1", false, "Pending", "ErrImagePull", "Failed" },
    { "", "i:does-not-exist", false, "Pending", "ErrImagePull", "Failed" },
    { "", "broken.io/i:1", true, "Running", "", "Started" }, /* the tag counts, not the registry */
    { "crash", "i:1", false, "Running", "CrashLoopBackOff", "BackOff" },
    { "fail", "i:1", false, "Running", "CrashLoopBackOff", "BackOff" },
    { "pending", "i:1", false, "Pending", "", "FailedScheduling" },
};

static const struct hc_val *condition(const struct hc_val *obj, const char *type)
{
    const struct hc_val *c = hc_get(obj, "status.conditions");
    for (size_t i = 0; i < hc_list_len(c); i++)
        if (hc_str_eqz(hc_get_str_at(hc_list_at(c, i), "type"), type))
            return hc_list_at(c, i);
    return NULL;
}

static void behaviors(void **state)
{
    struct rig *r = *state;
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        call(r, "POST " APPS "deployments", workload(r, "", rows[i].image, rows[i].behavior, ""));
        assert_int_equal(r->code, 201);
        settle(r);
        struct hc_val *d = call(r, "GET " APPS "deployments/w", NULL), *pods = call(r, "GET " CORE "pods", NULL);
        const char *av = at(r, condition(d, "Available"), "status");
        const char *phase = at(r, pods, "items[0].status.phase");
        const char *waiting = at(r, pods, "items[0].status.containerStatuses[0].state.waiting.reason");
        const char *events = text_of(r, call(r, "GET " CORE "events", NULL));
        char reason[64];
        snprintf(reason, sizeof(reason), "\"reason\":\"%s\"", rows[i].event);
        if (strcmp(av, rows[i].available ? "True" : "False") != 0 || strcmp(phase, rows[i].phase) != 0 ||
            strcmp(waiting, rows[i].waiting) != 0 || !strstr(events, reason))
            fail_msg("%s %s: available %s, %s %s\n%s", rows[i].behavior, rows[i].image, av, phase, waiting, events);
        assert_int_equal(hc_get_int_at(d, "status.observedGeneration", 0), 1);
        call(r, "DELETE " APPS "deployments/w", NULL);
        settle(r);
        pods = call(r, "GET " CORE "pods", NULL);
        assert_int_equal(hc_list_len(hc_get(pods, "items")), 0);
        call(r, "DELETE " CORE "events", NULL);
    }
}

static void rollouts(void **state)
{
    struct rig *r = *state;
    call(r, "POST " APPS "deployments", workload(r, "\"replicas\":4,", "i:1", "", ""));
    settle(r);
    struct hc_val *d = patch(
        r, SMP, APPS "deployments/w",
        "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i:2\"}]}}}}");
    settle(r);
    d = call(r, "GET " APPS "deployments/w", NULL);
    assert_int_equal(hc_get_int_at(d, "status.updatedReplicas", 0), 4);
    assert_int_equal(hc_get_int_at(d, "status.replicas", 0), 4);
    assert_int_equal(hc_get_int_at(d, "status.observedGeneration", 0), 2);
    assert_string_equal(at(r, condition(d, "Progressing"), "reason"), "NewReplicaSetAvailable");
    assert_string_equal(hc_arena_strz(r->a, hc_sb_annotation(d, "deployment.kubernetes.io/revision")), "2");

    /* A bad one keeps the floor: 25 % of 4 may be missing. */
    patch(r, SMP, APPS "deployments/w",
          "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i:broken\"}]}}}}");
    settle(r);
    d = call(r, "GET " APPS "deployments/w", NULL);
    assert_int_equal(hc_get_int_at(d, "status.readyReplicas", 0), 3);
    assert_int_equal(hc_get_int_at(d, "status.updatedReplicas", 0), 2);
    assert_string_equal(at(r, condition(d, "Available"), "status"), "True");
    assert_string_equal(at(r, condition(d, "Progressing"), "reason"), "ReplicaSetUpdated");

    /* Back to the one before: its ReplicaSet serves again, under a new revision. */
    patch(r, SMP, APPS "deployments/w",
          "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i:2\"}]}}}}");
    settle(r);
    d = call(r, "GET " APPS "deployments/w", NULL);
    assert_int_equal(hc_get_int_at(d, "status.readyReplicas", 0), 4);
    assert_int_equal(hc_get_int_at(d, "status.replicas", 0), 4);
    assert_string_equal(hc_arena_strz(r->a, hc_sb_annotation(d, "deployment.kubernetes.io/revision")), "4");
    struct hc_val *sets = call(r, "GET " APPS "replicasets", NULL);
    assert_int_equal(hc_list_len(hc_get(sets, "items")), 3);

    patch(r, MERGE, APPS "deployments/w", "{\"spec\":{\"replicas\":0}}");
    settle(r);
    assert_int_equal(hc_list_len(hc_get(call(r, "GET " CORE "pods", NULL), "items")), 0);
}

static void deadline(void **state)
{
    struct rig *r = *state;
    call(r, "POST " APPS "deployments", workload(r, "\"progressDeadlineSeconds\":1,", "i:broken", "", ""));
    settle(r);
    /* As if the last progress were long ago: the clock is not waited for. */
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const struct hc_sb_kind *k = hc_sb_kind_builtin(r->s, "apps/deployments");
    struct hc_val *d = hc_sb_get(r->s, a, k, HC_S("default"), HC_S("w")), *old = hc_val_copy(a, d);
    struct hc_val *list = hc_get(d, "status.conditions");
    for (size_t i = 0; i < hc_list_len(list); i++)
        hc_map_put_strz(a, hc_list_at(list, i), "lastUpdateTime", "2020-01-01T00:00:00Z");
    hc_sb_commit(r->s, a, k, old, d);
    settle(r);
    struct hc_val *v = call(r, "GET " APPS "deployments/w", NULL);
    assert_string_equal(at(r, condition(v, "Progressing"), "status"), "False");
    assert_string_equal(at(r, condition(v, "Progressing"), "reason"), "ProgressDeadlineExceeded");
}

static void stateful_and_daemon_sets(void **state)
{
    struct rig *r = *state;
    call(
        r, "POST " APPS "statefulsets",
        workload(
            r,
            "\"replicas\":3,\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"data\"},\"spec\":{\"accessModes\":["
            "\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}],",
            "i:1", "", ""));
    assert_int_equal(r->code, 201);
    settle(r);
    struct hc_val *v = call(r, "GET " APPS "statefulsets/w", NULL);
    assert_int_equal(hc_get_int_at(v, "status.readyReplicas", 0), 3);
    assert_string_equal(at(r, v, "status.currentRevision"), at(r, v, "status.updateRevision"));
    v = call(r, "GET " CORE "persistentvolumeclaims/data-w-2", NULL);
    assert_string_equal(at(r, v, "status.phase"), "Bound");
    patch(r, SMP, APPS "statefulsets/w",
          "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i:broken\"}]}}}}");
    settle(r);
    v = call(r, "GET " APPS "statefulsets/w", NULL);
    assert_int_equal(hc_get_int_at(v, "status.readyReplicas", 0), 2);
    assert_int_equal(hc_get_int_at(v, "status.updatedReplicas", 0), 1); /* the highest went first and blocks */
    patch(r, SMP, APPS "statefulsets/w",
          "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i:3\"}]}}}}");
    settle(r);
    v = call(r, "GET " APPS "statefulsets/w", NULL);
    assert_int_equal(hc_get_int_at(v, "status.readyReplicas", 0), 3);
    assert_int_equal(hc_get_int_at(v, "status.updatedReplicas", 0), 3);

    call(r, "POST " APPS "daemonsets", workload(r, "", "i:1", "", ""));
    settle(r);
    v = call(r, "GET " APPS "daemonsets/w", NULL);
    assert_int_equal(hc_get_int_at(v, "status.numberReady", 0), 1);
    assert_int_equal(hc_get_int_at(v, "status.desiredNumberScheduled", 0), 1);
}

static void jobs_and_pods(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *behavior, *spec, *condition, *reason;
    } jobs[] = {
        { "", "", "Complete", "CompletionsReached" },
        { "fail", "\"backoffLimit\":1,", "Failed", "BackoffLimitExceeded" },
        { "", "\"completions\":3,\"parallelism\":2,", "Complete", "CompletionsReached" },
    };
    for (size_t i = 0; i < HC_LEN(jobs); i++) {
        char body[1024];
        snprintf(body, sizeof(body),
                 "{\"metadata\":{\"name\":\"j\"},\"spec\":{%s\"template\":{\"metadata\":{\"annotations\":{"
                 "\"sandbox.helmctl.dev/"
                 "behavior\":\"%s\"}},\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\","
                 "\"image\":\"i\"}]}}}}",
                 jobs[i].spec, jobs[i].behavior);
        call(r, "POST " BATCH "jobs", body);
        assert_int_equal(r->code, 201);
        settle(r);
        struct hc_val *j = call(r, "GET " BATCH "jobs/j", NULL);
        const struct hc_val *c = condition(j, jobs[i].condition);
        if (!c || strcmp(at(r, c, "reason"), jobs[i].reason) != 0)
            fail_msg("job %zu: %s", i, text_of(r, hc_get(j, "status")));
        struct hc_val *pods = call(r, "GET " CORE "pods", NULL);
        assert_int_equal(hc_list_len(hc_get(pods, "items")), i == 0 ? 1 : i == 1 ? 2 : 3);
        call(r, "DELETE " BATCH "jobs/j", NULL);
        settle(r);
    }
    static const struct {
        const char *behavior, *phase;
    } pods[] = { { "", "Succeeded" }, { "fail", "Failed" }, { "ready", "Running" } };
    for (size_t i = 0; i < HC_LEN(pods); i++) {
        char body[512];
        snprintf(
            body, sizeof(body),
            "{\"metadata\":{\"name\":\"p\",\"annotations\":{\"sandbox.helmctl.dev/behavior\":\"%s\"}},\"spec\":{"
            "\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
            pods[i].behavior);
        call(r, "POST " CORE "pods", body);
        settle(r);
        assert_string_equal(at(r, call(r, "GET " CORE "pods/p", NULL), "status.phase"), pods[i].phase);
        call(r, "DELETE " CORE "pods/p", NULL);
    }
}

static void addresses(void **state)
{
    struct rig *r = *state;
    call(r, "POST " CORE "services",
         "{\"metadata\":{\"name\":\"lb\"},\"spec\":{\"type\":\"LoadBalancer\",\"ports\":[{\"port\":80}]}}");
    settle(r);
    struct hc_val *v = call(r, "GET " CORE "services/lb", NULL);
    assert_true(at(r, v, "status.loadBalancer.ingress[0].ip")[0] != '\0');
    assert_true(at(r, v, "spec.clusterIP")[0] != '\0');
    assert_true(hc_get_int_at(v, "spec.ports[0].nodePort", 0) >= 30000);
    call(r, "POST " CORE "services",
         "{\"metadata\":{\"name\":\"stuck\",\"annotations\":{\"sandbox.helmctl.dev/"
         "behavior\":\"hang\"}},\"spec\":{\"type\":"
         "\"LoadBalancer\",\"ports\":[{\"port\":80}]}}");
    settle(r);
    v = call(r, "GET " CORE "services/stuck", NULL);
    assert_null(hc_get(v, "status.loadBalancer.ingress"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(behaviors, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(rollouts, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(deadline, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(stateful_and_daemon_sets, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(jobs_and_pods, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(addresses, rig_setup, rig_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
