/*
 * Readiness by kind, and the sentence that says why something is not ready: tables over objects as YAML.
 */
#include "core/value/yaml.h"
#include "deploy/ready/ready.h"
#include "tests/unit/unit.h"

static struct hc_val *yaml(struct hc_arena *a, const char *text)
{
    struct hc_val *v = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (text && hc_yaml_parse(a, hc_str_of(text), HC_S("test"), HC_YAML_PLAIN, &v, &err) != HC_OK)
        fail_msg("%s: %s", text, err.msg);
    return v;
}

#define DEPLOYMENT "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: apps, generation: 2}, "
/* A rollout that ran out of time, beside one that followed. */
#define SPEC_AT_10 "{time: '2026-01-01T00:00:10Z', fieldsV1: {'f:spec': {}}}"
#define TIMED_OUT_AT(second)                                                                                       \
    "status: {observedGeneration: 2, replicas: 2, updatedReplicas: 1, conditions: [{type: Progressing, status: "   \
    "'False', reason: ProgressDeadlineExceeded, lastUpdateTime: '2026-01-01T00:00:" second "Z'}]}}"
#define JOB "{apiVersion: batch/v1, kind: Job, metadata: {name: j}, "

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *object;
        unsigned flags;
        enum hc_ready want;
        const char *message;
    } rows[] = {
        { DEPLOYMENT "spec: {}}", 0, HC_READY_PROGRESSING, "replicas: 0/1" },
        { DEPLOYMENT "status: {observedGeneration: 1, replicas: 1}}", 0, HC_READY_PROGRESSING,
          "Deployment generation is 2, but latest observed generation is 1" },
        { DEPLOYMENT "spec: {replicas: 2}, status: {observedGeneration: 2, replicas: 2, updatedReplicas: 1}}", 0,
          HC_READY_PROGRESSING, "Updated: 1/2" },
        { DEPLOYMENT "spec: {replicas: 1}, status: {observedGeneration: 2, replicas: 2, updatedReplicas: 1}}", 0,
          HC_READY_PROGRESSING, "Pending termination: 1" },
        { DEPLOYMENT "status: {observedGeneration: 2, replicas: 1, updatedReplicas: 1}}", 0, HC_READY_PROGRESSING,
          "Available: 0/1" },
        { DEPLOYMENT
          "status: {observedGeneration: 2, replicas: 1, updatedReplicas: 1, readyReplicas: 1, "
          "availableReplicas: 1, conditions: [{type: Available, status: 'True'}, {type: Progressing, status: "
          "'True', reason: NewReplicaSetAvailable}]}}",
          0, HC_READY_CURRENT, "Deployment is available. Replicas: 1" },
        { DEPLOYMENT "status: {observedGeneration: 2, conditions: [{type: Progressing, status: 'False', reason: "
                     "ProgressDeadlineExceeded}]}}",
          0, HC_READY_FAILED, "Progress deadline exceeded" },
        { "{apiVersion: apps/v1, kind: Deployment, metadata: {name: w, generation: 2, managedFields: [" SPEC_AT_10
          ", {time: '2026-01-01T00:00:30Z', subresource: status, fieldsV1: {'f:spec': {}}}, {time: "
          "'2026-01-01T00:00:30Z', fieldsV1: {'f:metadata': {}}}]}, " TIMED_OUT_AT("11"),
          0, HC_READY_FAILED, "Progress deadline exceeded" },
        { "{apiVersion: apps/v1, kind: Deployment, metadata: {name: w, generation: 2, managedFields: [" SPEC_AT_10
          "]}, " TIMED_OUT_AT("10"),
          0, HC_READY_PROGRESSING, "Pending termination: 1" },
        { DEPLOYMENT "spec: {paused: true}}", 0, HC_READY_CURRENT, "Deployment is paused" },
        { DEPLOYMENT "spec: {replicas: 0}, status: {observedGeneration: 2, conditions: [{type: Available, status: "
                     "'True'}]}}",
          0, HC_READY_CURRENT, "Deployment is available. Replicas: 0" },
        { "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s}, spec: {replicas: 2}, status: {replicas: "
          "2, "
          "readyReplicas: 1}}",
          0, HC_READY_PROGRESSING, "Ready: 1/2" },
        { "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s}, status: {replicas: 1, readyReplicas: 1, "
          "currentReplicas: 1, updatedReplicas: 1, currentRevision: a, updateRevision: b}}",
          0, HC_READY_PROGRESSING, "Waiting for updated revision to match current" },
        { "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s}, status: {replicas: 1, readyReplicas: 1, "
          "currentReplicas: 1, updatedReplicas: 1, currentRevision: b, updateRevision: b}}",
          0, HC_READY_CURRENT, "All replicas scheduled as expected. Replicas: 1" },
        { "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s}, spec: {updateStrategy: {type: OnDelete}}}",
          0, HC_READY_CURRENT, "StatefulSet is using the ondelete update strategy" },
        { "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: d, generation: 1}, status: {}}", 0,
          HC_READY_PROGRESSING, "Missing .status.desiredNumberScheduled" },
        { "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: d, generation: 1}, status: {observedGeneration: "
          "1, "
          "desiredNumberScheduled: 0}}",
          0, HC_READY_CURRENT, "All replicas scheduled as expected. Replicas: 0" },
        { "{apiVersion: v1, kind: Pod, metadata: {name: p}, status: {phase: Running, conditions: [{type: Ready, "
          "status: "
          "'True'}]}}",
          0, HC_READY_CURRENT, "Pod is Ready" },
        { "{apiVersion: v1, kind: Pod, metadata: {name: p}, status: {phase: Running, conditions: [{type: Ready, "
          "status: "
          "'True'}]}}",
          HC_READY_HOOK, HC_READY_PROGRESSING, "Pod is in the Running phase" },
        { "{apiVersion: v1, kind: Pod, metadata: {name: p}, status: {phase: Failed}}", HC_READY_HOOK,
          HC_READY_FAILED, "pod p failed" },
        { "{apiVersion: v1, kind: Pod, metadata: {name: p}, status: {phase: Running, containerStatuses: [{name: c, "
          "state: {waiting: {reason: CrashLoopBackOff}}}]}}",
          0, HC_READY_FAILED, "Containers in CrashLoop state: c" },
        { "{apiVersion: v1, kind: Pod, metadata: {name: p, creationTimestamp: '1970-01-01T00:00:01Z'}, status: "
          "{phase: "
          "Pending, conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable}]}}",
          0, HC_READY_FAILED, "Pod could not be scheduled" },
        { JOB "spec: {completions: 1}, status: {active: 1, startTime: x}}", 0, HC_READY_CURRENT,
          "Job in progress. success:0, active: 1, failed: 0" },
        { JOB "status: {active: 1, startTime: x}}", HC_READY_JOBS, HC_READY_PROGRESSING, "Job in progress" },
        { JOB "status: {failed: 2, conditions: [{type: Failed, status: 'True'}]}}", HC_READY_HOOK, HC_READY_FAILED,
          "Job Failed. failed: 2/1" },
        { JOB "status: {succeeded: 1, conditions: [{type: Complete, status: 'True'}]}}", HC_READY_HOOK,
          HC_READY_CURRENT, "Job Completed. succeeded: 1/1" },
        { "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}", 0, HC_READY_CURRENT, "Resource is current" },
        { "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, deletionTimestamp: x}}", 0, HC_READY_TERMINATING,
          "Resource scheduled for deletion" },
        { "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {type: LoadBalancer}}", 0,
          HC_READY_PROGRESSING, "ClusterIP not set. Service type: LoadBalancer" },
        { "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c}, status: {phase: Pending}}", 0,
          HC_READY_PROGRESSING, "PVC is not Bound. phase: Pending" },
        { "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: c}, status: "
          "{conditions: [{type: Established, status: 'True'}]}}",
          0, HC_READY_CURRENT, "CRD is established" },
        { "{apiVersion: x.io/v1, kind: Thing, metadata: {name: t, generation: 1}, status: {conditions: [{type: "
          "Ready, "
          "status: 'False', message: not yet}]}}",
          0, HC_READY_PROGRESSING, "not yet" },
        { "{apiVersion: x.io/v1, kind: Thing, metadata: {name: t}, status: {conditions: [{type: Stalled, status: "
          "'True', message: never}]}}",
          0, HC_READY_FAILED, "never" },
        /* The kind alone is not enough: somebody's own Deployment is judged like any custom resource. */
        { "{apiVersion: x.io/v1, kind: Deployment, metadata: {name: t}}", 0, HC_READY_CURRENT,
          "Resource is current" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_readiness r = hc_ready_of(a, yaml(a, rows[i].object), rows[i].flags, 60000);
        if (r.status != rows[i].want || !hc_str_eqz(r.message, rows[i].message))
            fail_msg("%s: got %s, %.*s", rows[i].object, hc_ready_name(r.status), HC_P(r.message));
    }
}

#define POD(status)                                                                                                \
    "[{kind: Pod, metadata: {name: web-1, creationTimestamp: '2026-01-01T00:00:00Z'}, spec: {containers: [{name: " \
    "app, image: 'x:broken'}]}, status: " status "}]"

static void test_cause(void **state)
{
    (void)state;
    static const char web[] = DEPLOYMENT "status: {}}";
    static const struct {
        const char *object, *pods, *events, *want;
    } rows[] = {
        { web, NULL, NULL, "Deployment apps/web: Available: 0/1" },
        { web,
          POD("{phase: Pending, containerStatuses: [{name: app, state: {waiting: {reason: ErrImagePull, message: "
              "'not "
              "found'}}}]}"),
          NULL,
          "Deployment apps/web: container app of pod web-1 cannot pull image 'x:broken': ErrImagePull: not found" },
        { web,
          POD("{phase: Pending, containerStatuses: [{name: app, state: {waiting: {reason: ImagePullBackOff, "
              "message: "
              "Back-off}}}]}"),
          "[{type: Warning, reason: Failed, involvedObject: {name: web-1}, message: 'Failed to pull image: 404'}]",
          "Deployment apps/web: container app of pod web-1 cannot pull image 'x:broken': ImagePullBackOff: Failed "
          "to "
          "pull image: 404" },
        { web,
          POD("{phase: Running, containerStatuses: [{name: app, restartCount: 3, state: {waiting: {reason: "
              "CrashLoopBackOff}}, lastState: {terminated: {exitCode: 3, reason: Error, message: "
              "\"one\\ntwo\\n\"}}}]}"),
          NULL, "Deployment apps/web: container app of pod web-1 keeps crashing: exit code 3 (Error): two" },
        { web,
          POD("{phase: Running, containerStatuses: [{name: app, restartCount: 1, state: {waiting: {reason: "
              "CrashLoopBackOff}}, lastState: {terminated: {exitCode: 137, reason: OOMKilled}}}]}"),
          NULL,
          "Deployment apps/web: container app of pod web-1 crashed: it was killed, because it used more memory "
          "than its "
          "limit" },
        { web,
          POD("{phase: Pending, containerStatuses: [{name: app, state: {waiting: {reason: "
              "CreateContainerConfigError, "
              "message: 'secret \"x\" not found'}}}]}"),
          NULL,
          "Deployment apps/web: container app of pod web-1 cannot start: CreateContainerConfigError: secret \"x\" "
          "not "
          "found" },
        { web,
          POD("{phase: Pending, initContainerStatuses: [{name: init, state: {terminated: {exitCode: 1, reason: "
              "Error}}}], "
              "containerStatuses: [{name: app, state: {waiting: {reason: PodInitializing}}}]}"),
          NULL, "Deployment apps/web: init container init of pod web-1 ended: exit code 1 (Error)" },
        { web,
          POD("{phase: Pending, conditions: [{type: PodScheduled, status: 'False', message: '0/1 nodes are "
              "available'}]}"),
          NULL, "Deployment apps/web: pod web-1 cannot be scheduled: 0/1 nodes are available" },
        { web, POD("{phase: Running, containerStatuses: [{name: app, ready: false, state: {running: {}}}]}"),
          "[{type: Warning, reason: Unhealthy, involvedObject: {name: web-1}, message: 'Readiness probe failed: "
          "503'}]",
          "Deployment apps/web: container app of pod web-1 is running, but not ready: Readiness probe failed: "
          "503" },
        { DEPLOYMENT
          "status: {conditions: [{type: ReplicaFailure, status: 'True', message: 'exceeded quota: q'}]}}",
          NULL, NULL, "Deployment apps/web: no pod could be made: exceeded quota: q" },
        { "{apiVersion: batch/v1, kind: Job, metadata: {name: j, namespace: apps}, status: {conditions: [{type: "
          "Failed, "
          "status: 'True', reason: BackoffLimitExceeded, message: Job has reached}]}}",
          "[{kind: Pod, metadata: {name: j-1}, status: {phase: Failed, containerStatuses: [{name: c, state: "
          "{terminated: {exitCode: 2, reason: Error}}}]}}]",
          NULL, "Job apps/j: container c of pod j-1 ended: exit code 2 (Error)" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_readiness r = { HC_READY_PROGRESSING, HC_S("Available: 0/1") };
        hc_str got =
            hc_ready_cause(a, yaml(a, rows[i].object), &r, yaml(a, rows[i].pods), yaml(a, rows[i].events)).sentence;
        if (!hc_str_eqz(got, rows[i].want))
            fail_msg("row %zu: got '%.*s'", i, HC_P(got));
    }
}

/* Helm 3's rules where they are not kstatus'. */
static void test_legacy(void **state)
{
    (void)state;
#define OBSERVED                                                                                                   \
    "metadata: {name: x, generation: 2, uid: u, annotations: {deployment.kubernetes.io/revision: '3'}}, "
#define SET(n)                                                                                                     \
    "[{kind: ReplicaSet, metadata: {generation: 1, ownerReferences: [{uid: u}], annotations: "                     \
    "{deployment.kubernetes.io/revision: '2'}}, status: {observedGeneration: 1, readyReplicas: 9}}, "              \
    "{kind: ReplicaSet, metadata: {generation: 1, ownerReferences: [{uid: u}], annotations: "                      \
    "{deployment.kubernetes.io/revision: '3'}}, status: {observedGeneration: 1, readyReplicas: " #n "}}]"
#define WEB                                                                                                        \
    "{apiVersion: apps/v1, kind: Deployment, " OBSERVED "status: {observedGeneration: 2}, spec: {replicas: 4, "
    static const struct {
        const char *object, *related;
        unsigned flags;
        enum hc_ready want;
        const char *message;
    } rows[] = {
        { WEB "strategy: {type: Recreate}}}", SET(3), 0, HC_READY_PROGRESSING,
          "3 out of 4 expected pods are ready" },
        { WEB "strategy: {type: Recreate}}}", SET(4), 0, HC_READY_CURRENT, NULL },
        { WEB "strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 25%, maxSurge: 25%}}}}", SET(3), 0,
          HC_READY_CURRENT, NULL }, /* one may be missing */
        { WEB "strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 0, maxSurge: 0}}}}", SET(3), 0,
          HC_READY_CURRENT, NULL }, /* both 0: one must move */
        { WEB "strategy: {type: Recreate}}}", NULL, 0, HC_READY_PROGRESSING,
          "the Deployment has no ReplicaSet for its last change yet" },
        { "{apiVersion: apps/v1, kind: Deployment, " OBSERVED "spec: {paused: true}}", NULL, 0, HC_READY_CURRENT,
          NULL },
        { "{apiVersion: v1, kind: Pod, status: {phase: Succeeded, conditions: [{type: Ready, status: 'False'}]}}",
          NULL, 0, HC_READY_PROGRESSING, "Pod is not ready" },
        { "{apiVersion: v1, kind: Service, spec: {type: LoadBalancer, clusterIP: 1.2.3.4}}", NULL, 0,
          HC_READY_PROGRESSING, "Service does not have load balancer ingress IP address" },
        { "{apiVersion: v1, kind: Service, spec: {type: LoadBalancer, clusterIP: 1.2.3.4, externalIPs: [5.6.7.8]}}",
          NULL, 0, HC_READY_CURRENT, NULL },
        { "{apiVersion: v1, kind: Service, spec: {type: ExternalName}}", NULL, 0, HC_READY_CURRENT, NULL },
        { "{apiVersion: batch/v1, kind: Job, spec: {completions: 2, backoffLimit: 1}, status: {succeeded: 1}}",
          NULL, 0, HC_READY_CURRENT, NULL },
        { "{apiVersion: batch/v1, kind: Job, spec: {completions: 2, backoffLimit: 1}, status: {succeeded: 1}}",
          NULL, HC_READY_JOBS, HC_READY_PROGRESSING, "1 of 2 completions" },
        { "{apiVersion: batch/v1, kind: Job, metadata: {name: j, namespace: apps}, spec: {completions: 2, "
          "backoffLimit: 1}, "
          "status: {failed: 2}}",
          NULL, HC_READY_JOBS, HC_READY_FAILED, "job is failed: apps/j" },
        { "{apiVersion: apps/v1, kind: StatefulSet, " OBSERVED
          "spec: {replicas: 3, updateStrategy: {type: RollingUpdate, "
          "rollingUpdate: {partition: 2}}}, status: {observedGeneration: 2, updatedReplicas: 1, readyReplicas: 3, "
          "currentRevision: a, updateRevision: b}}",
          NULL, 0, HC_READY_CURRENT, NULL },
        { "{apiVersion: apps/v1, kind: StatefulSet, " OBSERVED "spec: {replicas: 3, updateStrategy: {type: "
          "RollingUpdate}}, status: {observedGeneration: 2, updatedReplicas: 3, readyReplicas: 3, currentRevision: "
          "a, "
          "updateRevision: b}}",
          NULL, 0, HC_READY_PROGRESSING, "the StatefulSet's current revision is not the updated one yet" },
        { "{apiVersion: apps/v1, kind: DaemonSet, " OBSERVED
          "spec: {updateStrategy: {type: RollingUpdate, rollingUpdate: "
          "{maxUnavailable: 1}}}, status: {observedGeneration: 2, desiredNumberScheduled: 3, "
          "updatedNumberScheduled: 3, "
          "numberReady: 2}}",
          NULL, 0, HC_READY_CURRENT, NULL },
        { "{apiVersion: v1, kind: ReplicationController, " OBSERVED "status: {observedGeneration: 2}}",
          "[{metadata: {name: p}, status: {conditions: [{type: Ready, status: 'False'}]}}]", 0,
          HC_READY_PROGRESSING, "Pod p is not ready" },
        { "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, status: {conditions: [{type: "
          "NamesAccepted, status: 'False'}]}}",
          NULL, 0, HC_READY_CURRENT, NULL },
        { "{apiVersion: example.com/v1, kind: Thing, status: {conditions: [{type: Ready, status: 'False'}]}}", NULL,
          0, HC_READY_CURRENT, NULL },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_readiness got = hc_ready_legacy(a, yaml(a, rows[i].object), yaml(a, rows[i].related),
                                                  rows[i].flags);
        if (got.status != rows[i].want || (rows[i].message && !hc_str_eqz(got.message, rows[i].message)))
            fail_msg("row %zu: got %s '%.*s'", i, hc_ready_name(got.status), HC_P(got.message));
    }
}

/* Whose log says more, and whether the sentence has its end already. */
static void test_cause_log(void **state)
{
    (void)state;
    static const struct {
        const char *pods;
        const char *container;
        bool before, quoted;
    } rows[] = {
        { POD("{phase: Running, containerStatuses: [{name: app, state: {waiting: {reason: CrashLoopBackOff}}, "
              "lastState: "
              "{terminated: {exitCode: 3}}}]}"),
          "app", false, false },
        { POD("{phase: Running, containerStatuses: [{name: app, state: {waiting: {reason: CrashLoopBackOff}}, "
              "lastState: "
              "{terminated: {exitCode: 3, message: last words}}}]}"),
          "app", false, true },
        { POD("{phase: Running, containerStatuses: [{name: app, ready: false, state: {running: {}}, lastState: "
              "{terminated: {exitCode: 3}}}]}"),
          "app", true, false },
        { POD("{phase: Pending, containerStatuses: [{name: app, state: {waiting: {reason: ErrImagePull}}}]}"), "",
          false, false },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_cause got = hc_ready_cause(a, yaml(a, DEPLOYMENT "status: {}}"), NULL, yaml(a, rows[i].pods),
                                             NULL);
        if (!hc_str_eqz(got.container, rows[i].container) || got.before != rows[i].before ||
            got.quoted != rows[i].quoted)
            fail_msg("row %zu: got '%.*s' %d %d", i, HC_P(got.container), got.before, got.quoted);
    }
}

static void test_newest_pod_counts(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const char *pods =
        "[{kind: Pod, metadata: {name: old, creationTimestamp: '2026-01-01T00:00:00Z'}, status: {phase: Running, "
        "containerStatuses: [{name: app, ready: false, state: {running: {}}}]}},"
        "{kind: Pod, metadata: {name: new, creationTimestamp: '2026-01-02T00:00:00Z'}, status: {phase: Running, "
        "containerStatuses: [{name: app, ready: false, state: {running: {}}}]}}]";
    hc_str got = hc_ready_cause(a, yaml(a, DEPLOYMENT "status: {}}"), NULL, yaml(a, pods), NULL).sentence;
    assert_true(hc_str_eqz(got, "Deployment apps/web: container app of pod new is running, but not ready"));
}

static void test_selector(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    hc_str got = hc_ready_pod_selector(
        a, yaml(a, "{kind: Deployment, spec: {selector: {matchLabels: {a: b, c: d}}}}"));
    assert_true(hc_str_eqz(got, "a=b,c=d"));
    assert_null(hc_ready_pod_selector(a, yaml(a, "{kind: Service, spec: {selector: {a: b}}}")).p);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_kinds),
                                        cmocka_unit_test(test_cause),
                                        cmocka_unit_test(test_legacy),
                                        cmocka_unit_test(test_cause_log),
                                        cmocka_unit_test(test_newest_pod_counts),
                                        cmocka_unit_test(test_selector) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
