/*
 * The engine against the sandbox (a process of its own): what a reconcile with nothing to do costs, drift, refusals,
 * remediation, and an API server that has bad moments. What was left behind is test_left_behind's.
 */
#include <pthread.h>

#include "core/value/json.h"
#include "tests/unit/deploy/reconcile/engine.h"

/* ---- tests ------------------------------------------------------------------------------------------------- */

static bool told_head(void *ctx, int64_t *revision, char rv[32])
{
    (void)ctx;
    *revision = 1;
    snprintf(rv, 32, "%s", getenv("TEST_RV"));
    return true;
}

static void test_nothing_to_do(void **state)
{
    (void)state;
    struct release r;
    struct hc_reconcile_memo memo = { 0 };
    release_init(&r, "noop");
    struct hc_step s = run(&r, &memo);
    done(&s, 1);
    assert_int_equal(r.wish.renders, 1);
    int64_t requests = stat_of("requests"), lists = stat_of("lists"), writes = stat_of("writes");
    s = run(&r, &memo);
    done(&s, 1);
    assert_int_equal(r.wish.renders, 1);
    assert_int_equal(stat_of("lists") - lists, 0);
    assert_int_equal(stat_of("writes") - writes, 0);
    int64_t did = stat_of("requests") - requests; /* what asks for the counts may count itself */
    assert_in_range(did, 2, 6);
    /* Told by a watch, it asks nothing at all. */
    setenv("TEST_RV", memo.resource_version, 1);
    r.spec.port.head = told_head;
    int64_t gets = stat_of("gets");
    s = run(&r, &memo);
    done(&s, 1);
    assert_int_equal(stat_of("gets") - gets, 0);
    /* A wish that changed is seen, whatever the memo says. */
    r.spec.digest = HC_S("two");
    r.wish.value = "2";
    struct hc_reconcile_memo first = memo;
    s = run(&r, &memo);
    done(&s, 2);
    /* The watch is behind, it still says 1: what it hides is found when our own revision 2 is refused. */
    r.spec.digest = HC_S("three");
    r.wish.value = "3";
    s = run(&r, &first);
    done(&s, 3);
    hc_storage_free(r.spec.storage);
}

static bool told_none(void *ctx, int64_t *revision, char rv[32])
{
    (void)ctx;
    *revision = 0;
    snprintf(rv, 32, "0");
    return true;
}

/* The watch on records knows of none: nothing is asked for, and where it is behind, the name that is taken tells. */
static void test_told_of_no_record(void **state)
{
    (void)state;
    struct release r;
    release_init(&r, "told-none");
    r.spec.port.head = told_none;
    int64_t lists = stat_by("list secrets"), gets = stat_by("get secrets");
    struct hc_step s = run(&r, NULL);
    done(&s, 1);
    assert_int_equal(stat_by("list secrets") - lists, 0);
    assert_int_equal(stat_by("get secrets") - gets, 0);
    r.spec.digest = HC_S("two");
    r.wish.value = "2";
    s = run(&r, NULL);
    done(&s, 2);
    hc_storage_free(r.spec.storage);
}

/* ---- what a watch saw of an awaited object ---- */

static struct {
    struct release *r;
    hc_str rv; /* the object is shown with this one; absent: its own */
    int asked;
} shown;

static struct hc_val *show(void *ctx, struct hc_arena *a, const struct hc_ref *ref)
{
    struct hc_val *o = NULL;
    (void)ctx;
    shown.asked++;
    if (!hc_str_eqz(ref->kind, "Deployment") || hc_kube_get(kube, a, ref, &o, NULL) != HC_OK)
        return NULL;
    if (shown.rv.n)
        hc_map_put_str(a, hc_map_getz(o, "metadata"), "resourceVersion", shown.rv);
    return o;
}

static void await_deployment(struct release *r, struct hc_arena *a)
{
    struct hc_ref ref = { HC_S("apps/v1"), HC_S("Deployment"), hc_str_of(r->ns), HC_S("web") };
    for (int i = 0; i < 2000; i++) {
        struct hc_val *o = NULL;
        assert_int_equal(hc_kube_get(kube, a, &ref, &o, NULL), HC_OK);
        if (hc_get_int_at(o, "status.availableReplicas", 0) == 1 &&
            hc_get_int_at(o, "status.observedGeneration", 0) == hc_get_int_at(o, "metadata.generation", -1))
            return;
        usleep(2000);
    }
    fail_msg("the Deployment does not become ready");
}

static void test_seen_by_a_watch(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    struct hc_reconcile_memo memo = { 0 };
    struct hc_step s;
    release_init(&r, "seen");
    step_until_it_waits(&r, &memo, &s);
    assert_int_equal(s.verdict, HC_WAIT);
    await_deployment(&r, a);
    /* Laid down and taken up again: what is settled is not asked for, what the watch saw neither. */
    r.spec.port.look = show;
    int64_t maps = stat_by("get configmaps"), deployments = stat_by("get deployments.apps");
    step_until_it_waits(&r, &memo, &s);
    done(&s, 1);
    assert_int_equal(shown.asked, 1);
    assert_int_equal(stat_by("get configmaps") - maps, 0);
    assert_int_equal(stat_by("get deployments.apps") - deployments, 1); /* what shows it */
    /* An older sight than the answer to what was just sent is none. */
    r.spec.digest = HC_S("two");
    r.wish.value = "2"; /* the Deployment stays as it is: it is looked at, not written, and the answer says ready */
    shown.rv = HC_S("1");
    deployments = stat_by("get deployments.apps");
    int64_t written = stat_by("patch deployments.apps");
    step_until_it_waits(&r, &memo, &s);
    done(&s, 2);
    assert_int_equal(stat_by("get deployments.apps") - deployments, 3);
    assert_int_equal(stat_by("patch deployments.apps") - written, 0);
    hc_storage_free(r.spec.storage);
}

static void wish(struct release *r, const char *digest, const char *env)
{
    r->spec.digest = hc_str_of(digest);
    r->wish.env = env;
}

static void test_client_side(void **state)
{
    (void)state;
    struct release r;
    release_init(&r, "client");
    r.spec.install.server_side = HC_SSA_OFF;
    wish(&r, "one", "{name: A, value: '1'}, {name: B}");
    struct hc_step s = run(&r, NULL);
    done(&s, 1);
    method(&r, "csa");
    assert_int_equal(managed(&r, "Update"), 1);
    assert_int_equal(managed(&r, "Apply"), 0);
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    raw(a, "PATCH", "/apis/apps/v1/namespaces/client/deployments/web?fieldManager=mesh",
        "application/strategic-merge-patch+json",
        "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"car\",\"image\":\"x\"}]}}}}");
    /* The release says how it goes on: what others added stays, what left the manifest goes. */
    wish(&r, "two", "{name: A, value: '2'}");
    s = run(&r, NULL);
    done(&s, 2);
    method(&r, "csa");
    shaped(&r, "car app A=2 ");
    /* As it is wanted: nothing is sent to it. */
    hc_str before = hc_get_str_at(deployment(&r, a), "metadata.resourceVersion");
    r.wish.value = "other";
    wish(&r, "three", "{name: A, value: '2'}");
    s = run(&r, NULL);
    done(&s, 3);
    assert_true(hc_str_eqz(value(&r, a), "other"));
    assert_true(hc_str_eq(hc_get_str_at(deployment(&r, a), "metadata.resourceVersion"), before));
    /* Replaced: what others added goes as well. */
    r.spec.upgrade.force_replace = true;
    wish(&r, "four", "{name: C, value: '3'}");
    s = run(&r, NULL);
    done(&s, 4);
    shaped(&r, "app C=3 ");
    /* From now on by the server: the fields change hands, so one that leaves the manifest leaves the object. */
    r.spec.upgrade.force_replace = false;
    r.spec.upgrade.server_side = HC_SSA_ON;
    wish(&r, "five", "{name: D, value: '4'}");
    s = run(&r, NULL);
    done(&s, 5);
    method(&r, "ssa");
    shaped(&r, "app D=4 ");
    assert_int_equal(managed(&r, "Update"), 0);
    assert_int_equal(managed(&r, "Apply"), 1);
    /* A command is told what contradicts itself before anything is written. */
    r.spec.one_shot = true;
    r.spec.upgrade.force_replace = true;
    r.spec.upgrade.server_side = HC_SSA_AUTO;
    s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_ENDED);
    assert_non_null(strstr(s.why, "cannot use server-side apply and force replace together"));
    assert_int_equal(s.revision, 5);
    hc_storage_free(r.spec.storage);
}

/* Somebody who writes a field again each time is named, and left alone for a while. */
static void test_fight(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    struct hc_reconcile_memo memo = { 0 };
    release_init(&r, "fight");
    r.spec.port.now_ms = later;
    r.spec.drift = HC_DRIFT_CORRECT;
    minutes_on = 0;
    struct hc_step s = run(&r, &memo);
    done(&s, 1);
    const char *path = "/api/v1/namespaces/fight/configmaps/cm?fieldManager=autotuner";
    const char *by_hand = "{\"data\":{\"v\":\"theirs\"}}";
    for (unsigned i = 0; i < HC_FIGHT_ROUNDS; i++) {
        raw(a, "PATCH", path, "application/merge-patch+json", by_hand);
        s = run(&r, &memo);
        done(&s, 1);
        assert_int_equal(r.wish.told_n[HC_TOLD_CORRECTED], 1);
        assert_false(s.drifted);
        assert_true(hc_str_eqz(value(&r, a), "1"));
    }
    raw(a, "PATCH", path, "application/merge-patch+json", by_hand);
    s = run(&r, &memo);
    done(&s, 1);
    assert_true(s.drifted);
    assert_int_equal(r.wish.told_n[HC_TOLD_FIGHT], 1);
    assert_int_equal(r.wish.told_n[HC_TOLD_CORRECTED] + r.wish.told_n[HC_TOLD_DRIFTED], 0);
    assert_non_null(strstr(r.wish.text,
                           "ConfigMap fight/cm: /data/v is changed again by autotuner each time that it is "
                           "put back (5 times in "));
    assert_true(hc_str_eqz(value(&r, a), "theirs"));
    s = run(&r, &memo);
    assert_int_equal(r.wish.told_n[HC_TOLD_FIGHT], 0); /* told once */
    assert_true(s.drifted);
    /* What nobody fights for is put back all the same. */
    raw(a, "PATCH", "/apis/apps/v1/namespaces/fight/deployments/web", "application/merge-patch+json",
        "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"app\",\"image\":\"x:other\"}]}}}}");
    s = run(&r, &memo);
    assert_int_equal(r.wish.told_n[HC_TOLD_CORRECTED], 1);
    assert_true(s.drifted);
    assert_true(hc_str_eqz(value(&r, a), "theirs"));
    /* The pause ends. */
    minutes_on = 11;
    s = run(&r, &memo);
    done(&s, 1);
    assert_int_equal(r.wish.told_n[HC_TOLD_CORRECTED], 1);
    assert_false(s.drifted);
    assert_true(hc_str_eqz(value(&r, a), "1"));
    /* Five changes by hand, minutes between them, are no fight. */
    for (unsigned i = 0; i <= HC_FIGHT_ROUNDS; i++) {
        minutes_on += 4;
        raw(a, "PATCH", path, "application/merge-patch+json", by_hand);
        s = run(&r, &memo);
        assert_int_equal(r.wish.told_n[HC_TOLD_CORRECTED], 1);
    }
    hc_storage_free(r.spec.storage);
}

static void test_drift(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    const hc_str paths[] = { HC_S("/data/v") };
    const struct hc_drift_ignore ignore[] = { { .kind = HC_S("Config.*"), .paths = paths, .paths_n = 1 } };
    release_init(&r, "drift");
    struct hc_step s = run(&r, NULL);
    done(&s, 1);
    r.spec.drift = HC_DRIFT_WARN;
    s = run(&r, NULL);
    assert_int_equal(r.wish.told_n[HC_TOLD_DRIFTED], 0);
    configmap(&r, a, "{\"data\":{\"v\":\"by hand\"}}");
    s = run(&r, NULL);
    done(&s, 1);
    assert_int_equal(r.wish.told_n[HC_TOLD_DRIFTED], 1);
    assert_string_equal(r.wish.text, "ConfigMap drift/cm changed at /data/v");
    assert_true(hc_str_eqz(value(&r, a), "by hand"));
    r.spec.drift = HC_DRIFT_CORRECT;
    r.spec.drift_ignore = ignore;
    r.spec.drift_ignore_n = 1;
    s = run(&r, NULL);
    assert_int_equal(r.wish.told_n[HC_TOLD_DRIFTED], 0);
    r.spec.drift_ignore_n = 0;
    s = run(&r, NULL);
    done(&s, 1);
    assert_int_equal(r.wish.told_n[HC_TOLD_CORRECTED], 1);
    assert_true(hc_str_eqz(value(&r, a), "1"));
    raw(a, "DELETE", "/api/v1/namespaces/drift/configmaps/cm", NULL, NULL);
    s = run(&r, NULL);
    done(&s, 1);
    assert_true(hc_str_eqz(value(&r, a), "1"));
    /* What others add is no drift of ours. */
    configmap(&r, a, "{\"data\":{\"other\":\"x\"}}");
    s = run(&r, NULL);
    assert_int_equal(r.wish.told_n[HC_TOLD_DRIFTED], 0);
    hc_storage_free(r.spec.storage);
}

static void test_refused_before_anything(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    struct hc_brief *b;
    size_t n = 9;
    release_init(&r, "refused");
    r.wish.image = NULL;
    raw(a, "POST", "/sandbox/faults", "application/json",
        "{\"path\":\"*/namespaces/refused/secrets*\",\"action\":\"status\",\"code\":403,\"count\":9}");
    struct hc_step s = run(&r, NULL);
    raw(a, "DELETE", "/sandbox/faults", NULL, NULL);
    assert_int_equal(s.verdict, HC_STALLED);
    assert_true(s.unread); /* what is there is not known: no install was refused */
    s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_STALLED);
    assert_false(s.unread);
    assert_string_equal(s.why, "template: c/templates/d.yaml:3:4: no image");
    r.wish.image = "x:1";
    raw(a, "POST", "/api/v1/namespaces/refused/configmaps", "application/json",
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"cm\"}}");
    s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_STALLED);
    assert_non_null(strstr(s.why, "ConfigMap \"cm\" in namespace \"refused\" exists and cannot be imported"));
    assert_int_equal(hc_storage_briefs(r.spec.storage, a, HC_S("web"), &b, &n, NULL), HC_OK);
    assert_int_equal(n, 0);
    r.spec.install.take_ownership = true;
    r.spec.install.force_conflicts = true;
    s = run(&r, NULL);
    done(&s, 1);
    hc_storage_free(r.spec.storage);
}

static void test_hook_fails(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    release_init(&r, "hook");
    struct hc_step s = run(&r, NULL);
    done(&s, 1);
    r.wish.hook = "pre-upgrade";
    r.wish.hook_behavior = "fail";
    r.wish.value = "2";
    r.spec.digest = HC_S("two");
    r.spec.upgrade.remediate_last = true;
    s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_STALLED);
    assert_non_null(strstr(s.why, "hook c/templates/hook.yaml: Job hook/hook: "));
    struct hc_record rec;
    assert_int_equal(hc_storage_get(r.spec.storage, a, HC_S("web"), 2, &rec, NULL), HC_OK);
    assert_int_equal(rec.status, HC_STATUS_FAILED);
    assert_true(hc_str_starts(rec.description, HC_S("Upgrade \"web\" failed: pre-upgrade hooks failed: ")));
    /* What the hook said last is kept where its deletion cannot take it. */
    assert_true(hc_str_ends(rec.description, HC_S("its log ends: boom: no table (before that: one | two)")));
    assert_string_equal(r.wish.log, "zero\none\ntwo\nboom: no table");
    assert_int_equal(r.wish.told_n[HC_TOLD_HOOK_LOG], 1);
    assert_true(hc_str_eqz(rec.hooks[0].phase, "Failed"));
    assert_true(hc_str_eqz(value(&r, a), "1")); /* nothing of it was applied */
    rec = last(&r, a);
    assert_int_equal(rec.revision, 3);
    assert_true(hc_str_eqz(rec.description, "Rollback to 1"));
    /* The same wish again: no further try. */
    s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_STALLED);
    assert_int_equal(s.revision, 3);
    hc_storage_free(r.spec.storage);
}

/* Helm 3's rules: a Deployment is ready when its new ReplicaSet is. */
static void test_legacy_wait(void **state)
{
    (void)state;
    struct release r;
    release_init(&r, "legacy");
    r.spec.install.wait = r.spec.upgrade.wait = HC_WAIT_LEGACY;
    struct hc_step s = run(&r, NULL);
    done(&s, 1);
    r.spec.digest = HC_S("two");
    r.wish.image = "x:2";
    s = run(&r, NULL);
    done(&s, 2);
    r.spec.digest = HC_S("three");
    r.wish.image = "x:broken";
    r.spec.upgrade.timeout_ms = 300;
    s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_STALLED);
    assert_non_null(strstr(s.why, "cannot pull image 'x:broken'"));
    hc_storage_free(r.spec.storage);
}

static void test_tests_fail(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    release_init(&r, "tests");
    struct hc_step s = run(&r, NULL);
    done(&s, 1);
    r.spec.tests = true;
    r.wish.hook = "test";
    r.wish.hook_behavior = "fail";
    r.wish.value = "2";
    r.spec.digest = HC_S("two");
    r.spec.upgrade.remediate_last = true;
    r.spec.upgrade.retries = 1;
    s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_STALLED);
    assert_int_equal(s.revision, 5); /* install, upgrade, back, upgrade, back */
    assert_int_equal(r.wish.told_n[HC_TOLD_TESTED], 2);
    assert_true(hc_str_eqz(value(&r, a), "1"));
    r.spec.upgrade.ignore_test_failures = true;
    r.spec.digest = HC_S("three");
    s = run(&r, NULL);
    done(&s, 6);
    assert_true(hc_str_eqz(value(&r, a), "2"));
    hc_storage_free(r.spec.storage);
}

static void test_bad_moments(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    static const char *const faults[] = {
        "{\"verb\":\"patch\",\"path\":\"*/namespaces/bad*\",\"action\":\"status\",\"code\":503,\"count\":2}",
        "{\"verb\":\"create\",\"path\":\"*/namespaces/bad*/secrets\",\"action\":\"answer-lost\",\"count\":1}",
        "{\"verb\":\"update\",\"path\":\"*/namespaces/bad*/secrets/"
        "*\",\"action\":\"status\",\"code\":409,\"count\":1}",
        "{\"verb\":\"update\",\"path\":\"*/namespaces/bad*/secrets/*\",\"action\":\"answer-lost\",\"count\":1}",
        "{\"verb\":\"get\",\"path\":\"*/namespaces/bad*\",\"action\":\"refuse\",\"count\":2}",
        "{\"verb\":\"patch\",\"path\":\"*/namespaces/bad*\",\"action\":\"answer-lost\",\"count\":1}",
        "{\"verb\":\"list\",\"path\":\"*/namespaces/bad*/"
        "secrets*\",\"action\":\"status\",\"code\":500,\"count\":1}",
        /* Of a hook that is made by the client: what is found then is the hook, and it is not made again. */
        "{\"verb\":\"create\",\"path\":\"*/namespaces/bad*/jobs\",\"action\":\"answer-lost\",\"count\":1}",
    };
    for (size_t i = 0; i < HC_LEN(faults); i++) {
        struct release r;
        char ns[16];
        snprintf(ns, sizeof(ns), "bad%zu", i);
        release_init(&r, ns);
        r.wish.hook = "pre-install";
        r.wish.hook_behavior = "complete";
        if (strstr(faults[i], "/jobs"))
            r.spec.install.server_side = HC_SSA_OFF;
        raw(a, "POST", "/sandbox/faults", "application/json", faults[i]);
        struct hc_step s = run(&r, NULL);
        raw(a, "DELETE", "/sandbox/faults", NULL, NULL);
        if (s.verdict != HC_DONE)
            fail_msg("%s: %s", faults[i], s.why);
        struct hc_record rec = last(&r, a);
        if (rec.status != HC_STATUS_DEPLOYED || rec.revision != 1)
            fail_msg("%s: revision %d is %s", faults[i], (int)rec.revision, hc_status_name(rec.status));
        hc_storage_free(r.spec.storage);
    }
}

/* A command does not stand before a server for ever, and the same command goes on with what was begun. */
static void test_server_is_away(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    release_init(&r, "away");
    r.spec.one_shot = r.spec.must_not_exist = true;
    r.spec.patience_ms = 1;
    raw(a, "POST", "/sandbox/faults", "application/json",
        "{\"verb\":\"patch\",\"path\":\"*/namespaces/away/*\",\"action\":\"refuse\",\"count\":1000}");
    struct hc_step s = run(&r, NULL);
    raw(a, "DELETE", "/sandbox/faults", NULL, NULL);
    assert_int_equal(s.verdict, HC_ENDED);
    if (!strstr(s.why, "given up: revision 1 stays as it is, and the same command goes on with it"))
        fail_msg("%s", s.why);
    assert_int_equal(last(&r, a).status, HC_STATUS_PENDING_INSTALL);
    s = run(&r, NULL);
    done(&s, 1);
    assert_int_equal(last(&r, a).status, HC_STATUS_DEPLOYED);
    hc_storage_free(r.spec.storage);

    /* Neither does one whose record is not taken, though each time the server answers what comes before. */
    release_init(&r, "norecord");
    r.spec.one_shot = r.spec.must_not_exist = true;
    raw(a, "POST", "/sandbox/faults", "application/json",
        "{\"verb\":\"create\",\"path\":\"*/namespaces/norecord/"
        "secrets*\",\"action\":\"status\",\"code\":503,\"count\":50}");
    s = run(&r, NULL);
    raw(a, "DELETE", "/sandbox/faults", NULL, NULL);
    assert_int_equal(s.verdict, HC_ENDED);
    if (!strstr(s.why, "503"))
        fail_msg("%s", s.why);
    hc_storage_free(r.spec.storage);
}

/* Lets the Job go on as soon as the watch's list was dropped. */
static void *resume(void *ctx)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    (void)ctx;
    while (hc_get_int_at(raw(a, "GET", "/sandbox/faults", NULL, NULL), "faults[0].left", 1) > 0)
        usleep(5000);
    raw(a, "PATCH", "/apis/batch/v1/namespaces/silent/jobs/hook", "application/merge-patch+json",
        "{\"spec\":{\"suspend\":false}}");
    return NULL;
}

/* A watch whose list gets no answer tells of nothing for a minute. */
static void test_silent_watch(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    pthread_t other;
    int64_t began_ms = hc_mono_ms();
    release_init(&r, "silent");
    r.wish.hook = "pre-install";
    r.wish.hook_behavior = "complete";
    r.wish.hook_spec = "suspend: true";
    r.spec.install.timeout_ms = 300000;
    raw(a, "POST", "/sandbox/faults", "application/json",
        "{\"verb\":\"list\",\"path\":\"*/namespaces/silent/jobs*\",\"action\":\"drop\",\"count\":1}");
    assert_int_equal(pthread_create(&other, NULL, resume, NULL), 0);
    struct hc_step s = run(&r, NULL);
    pthread_join(other, NULL);
    done(&s, 1);
    assert_true(hc_mono_ms() - began_ms < 45000);
    hc_storage_free(r.spec.storage);
}

/* The policy of the action that failed counts, also when the record of it is gone. */
static void test_install_fails(void **state)
{
    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        struct release r;
        release_init(&r, keep ? "install-kept" : "install-purged");
        r.spec.keep_history = keep;
        r.spec.install.remediate_last = true;
        r.spec.install.retries = 1;
        r.spec.upgrade.retries = 0;
        r.wish.hook = "pre-install";
        r.wish.hook_behavior = "fail";
        struct hc_step s = run(&r, NULL);
        assert_int_equal(s.verdict, HC_STALLED);
        assert_int_equal(r.wish.told_n[HC_TOLD_FAILED], 2);
        assert_int_equal(r.wish.told_n[HC_TOLD_UNINSTALLED], 2);
        /* Another process, which knows of it by the status of the object. */
        r.spec.failures = 2;
        r.spec.failed_action = HC_ACTION_INSTALL;
        s = run(&r, NULL);
        assert_int_equal(s.verdict, HC_STALLED);
        assert_int_equal(r.wish.told_n[HC_TOLD_FAILED], 0);
        r.spec.failures = 1;
        s = run(&r, NULL);
        assert_int_equal(s.verdict, HC_STALLED);
        assert_int_equal(r.wish.told_n[HC_TOLD_FAILED], keep ? 0 : 1); /* its record knows better */
        hc_storage_free(r.spec.storage);
    }
}

static enum hc_rc definitions(void *ctx, struct hc_arena *a, struct hc_crd_file **out, size_t *out_n,
                              struct hc_err *err)
{
    (void)ctx;
    *out = HC_NEW(a, struct hc_crd_file);
    if (!*out)
        return hc_arena_check(a, err, "definitions");
    **out = (struct hc_crd_file){
        HC_S("widgets.yaml"),
        HC_S("apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: "
             "widgets.late.example.com}\nspec:\n  group: late.example.com\n  scope: Namespaced\n  names: {kind: "
             "Widget, plural: widgets, singular: widget}\n  versions:\n  - {name: v1, served: true, storage: true, "
             "schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}\n")
    };
    *out_n = 1;
    return HC_OK;
}

static int64_t put_on; /* the engine's clock is so far ahead */
static int64_t late_now(void *ctx)
{
    (void)ctx;
    return hc_now_ms() + put_on;
}

/*
 * A definition is established a moment before discovery tells of its kind: objects are not sent before it does. Nothing
 * tells of that moment, so the engine looks again after a fifth of a second, until the time for definitions is over.
 */
static void test_kind_is_told_late(void **state)
{
    (void)state;
    static const struct {
        const char *ns;
        int looks; /* that see nothing; -1: all */
    } rows[] = { { "late-never", -1 }, { "late", 3 } };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct release r;
        struct hc_reconcile *engine = NULL;
        struct hc_step s;
        int waits = 0;
        release_init(&r, rows[i].ns);
        r.wish.more = "---\napiVersion: late.example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {a: 1}\n";
        r.spec.install.crds = HC_CRDS_CREATE;
        r.spec.port = (struct hc_reconcile_port){
            .ctx = &r.wish, .render = render, .tell = tell, .crds = definitions, .now_ms = late_now
        };
        put_on = 0;
        raw(a, "POST", "/sandbox/faults", "application/json",
            hc_arena_printf(a,
                            "{\"action\":\"hide\",\"group\":\"late.example.com\",\"path\":\"/apis\",\"count\":%d}",
                            rows[i].looks)
                .p);
        assert_int_equal(hc_reconcile_new(&r.spec, NULL, &engine, NULL), HC_OK);
        do {
            hc_reconcile_step(engine, &s);
            if (s.verdict != HC_WAIT)
                continue;
            if (!strstr(s.why, "widgets.late.example.com: the server does not tell of its kind yet")) {
                usleep(2000); /* established, ready: the sandbox does it */
                continue;
            }
            int64_t ahead = s.until_ms - late_now(NULL);
            assert_in_range(ahead, 0, 200);
            put_on += ahead;
            waits++;
        } while (s.verdict == HC_GO_ON || s.verdict == HC_WAIT);
        hc_reconcile_free(engine);
        raw(a, "DELETE", "/sandbox/faults", NULL, NULL);
        if (rows[i].looks < 0) {
            assert_int_equal(s.verdict, HC_STALLED);
            assert_non_null(strstr(s.why, "custom resource definitions were not established in time"));
            assert_in_range(waits, 290, 310); /* of 60 s */
        } else {
            done(&s, 1);
            assert_int_equal(waits, rows[i].looks);
            struct hc_val *o = NULL;
            struct hc_ref ref = { HC_S("late.example.com/v1"), HC_S("Widget"), hc_str_of(r.ns), HC_S("w") };
            assert_int_equal(hc_kube_get(kube, a, &ref, &o, NULL), HC_OK);
        }
        hc_storage_free(r.spec.storage);
    }
}

/* A definition of the manifest itself is waited for in the same way, though it and its object are of one wave. */
static void test_kind_of_the_manifest(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    struct hc_reconcile *engine = NULL;
    struct hc_step s;
    int waits = 0;
    release_init(&r, "soon");
    r.wish.more =
        "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: "
        "gadgets.soon.example.com}\nspec:\n  group: soon.example.com\n  scope: Namespaced\n  names: {kind: "
        "Gadget, plural: gadgets, singular: gadget}\n  versions:\n  - {name: v1, served: true, storage: true, "
        "schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}\n"
        "---\napiVersion: soon.example.com/v1\nkind: Gadget\nmetadata: {name: g}\n";
    r.spec.port = (struct hc_reconcile_port){ .ctx = &r.wish, .render = render, .tell = tell, .now_ms = late_now };
    put_on = 0;
    raw(a, "POST", "/sandbox/faults", "application/json",
        "{\"action\":\"hide\",\"group\":\"soon.example.com\",\"path\":\"/apis\",\"count\":2}");
    assert_int_equal(hc_reconcile_new(&r.spec, NULL, &engine, NULL), HC_OK);
    do {
        hc_reconcile_step(engine, &s);
        waits += s.verdict == HC_WAIT && strstr(s.why, "knows no kind");
        if (s.verdict == HC_WAIT)
            usleep(2000); /* the client asks for kinds anew now and then; ready: the sandbox does it */
    } while (s.verdict == HC_GO_ON || s.verdict == HC_WAIT);
    hc_reconcile_free(engine);
    raw(a, "DELETE", "/sandbox/faults", NULL, NULL);
    done(&s, 1);
    assert_true(waits > 0);
    hc_storage_free(r.spec.storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_kind_of_the_manifest),
        cmocka_unit_test(test_told_of_no_record),
        cmocka_unit_test(test_seen_by_a_watch),
        cmocka_unit_test(test_legacy_wait),
        cmocka_unit_test(test_client_side),
        cmocka_unit_test(test_drift),
        cmocka_unit_test(test_fight),
        cmocka_unit_test(test_refused_before_anything),
        cmocka_unit_test(test_hook_fails),
        cmocka_unit_test(test_tests_fail),
        cmocka_unit_test(test_bad_moments),
        cmocka_unit_test(test_server_is_away),
        cmocka_unit_test(test_silent_watch),
        cmocka_unit_test(test_install_fails),
        cmocka_unit_test(test_kind_is_told_late),
    };
    return unit_stories("engine", tests, sizeof(tests) / sizeof(*tests), up, down);
}
