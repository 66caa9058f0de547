/*
 * How often a HelmRelease failed, told to processes that did not all live to store it: the counters decide whether it is
 * tried again.
 */
#include "tests/unit/unit.h"

#include <sched.h>

#include "core/base/clock.h"
#include "core/value/yaml.h"
#include "helmctl/controller/release_impl.h"
#include "tests/unit/loopback.h"

static struct loopback server;
static struct ctl ctl;
static atomic_int warnings, writes;
static char written[4096]; /* the last one, readable when `writes` counts it */

/* An API server that knows of events. */
static bool api(struct loopback *s, const struct loopback_request *r, int fd)
{
    (void)s;
    static const char *const answers[][2] = {
        { "/api",
          "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{},\"versions\":[{\"version\":\"v1\","
          "\"resources\":[{\"resource\":\"events\",\"responseKind\":{\"kind\":\"Event\"},\"scope\":"
          "\"Namespaced\"}]}]}]}" },
        { "/apis", "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[]}" },
        { "/api/v1/namespaces/ns/events", "{}" },
    };
    size_t n = strcspn(r->path, "?");
    if (strncmp(r->path, answers[2][0], strlen(answers[2][0])) == 0)
        n = strlen(answers[2][0]); /* one that is counted */
    for (size_t i = 0; i < HC_LEN(answers); i++)
        if (n == strlen(answers[i][0]) && strncmp(r->path, answers[i][0], n) == 0) {
            if (r->body_n && strstr(r->body, "\"Warning\""))
                atomic_fetch_add(&warnings, 1);
            if (r->body_n) {
                snprintf(written, sizeof(written), "%.*s", (int)r->body_n, r->body);
                atomic_fetch_add(&writes, 1);
            }
            return loopback_answer(fd, 200, "Content-Type: application/json\r\n", answers[i][1],
                                   strlen(answers[i][1]));
        }
    return loopback_answer(fd, 404, "", "", 0);
}

static struct hc_val *yaml(struct hc_arena *a, const char *text)
{
    struct hc_val *v = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (hc_yaml_parse(a, hc_str_of(text), HC_S("test"), HC_YAML_JSON_NUMBERS, &v, &err) != HC_OK)
        fail_msg("%s", err.msg);
    return v;
}

static int up(void **state)
{
    (void)state;
    static struct hc_controller_options options;
    struct hc_err err = HC_ERR_INIT;
    loopback_start(&server, api);
    const struct hc_kube_options o = { .server = server.base, .token = "t" };
    ctl = (struct ctl){ .o = &options, .http = hc_http_new(&err) };
    if (!ctl.http || hc_kube_new(ctl.http, &o, &ctl.kube, &err) != HC_OK)
        return 1;
    ctl.events = ctl_events_start(&ctl);
    return !ctl.events;
}

static int down(void **state)
{
    (void)state;
    ctl_events_stop(ctl.events);
    hc_kube_free(ctl.kube);
    hc_http_free(ctl.http);
    loopback_stop(&server);
    return 0;
}

static void begin(struct hc_arena *a, struct pass *p, struct rel *r, const char *status)
{
    static struct hc_chart chart = { .name = HC_S("c") };
    *p = (struct pass){ .c = &ctl,
                        .a = a,
                        .key = { HC_CTL_RELEASE, HC_S("ns"), HC_S("web") },
                        .manager = "helm-controller",
                        .obj = yaml(a, "{apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: "
                                       "{name: web, namespace: ns, uid: u}}"),
                        .status = yaml(a, status) };
    p->cond = (struct hc_conditions){ .a = a, .status = p->status, .generation = 1, .now_ms = 1 };
    *r = (struct rel){ .p = p, .name = HC_S("web"), .ns = HC_S("ns"), .chart = &chart };
    r->chart_version = HC_S("1.0.0");
}

/*
 * Rows: the status as an earlier process stored it, the record of the try that failed now. Behind an uninstall as
 * remediation the next try has the same number again; a process that died after it began left the failure of the first
 * try in the status, and the second one must be counted all the same.
 */
static void test_failures_are_counted_once(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum hc_action action;
        const char *status;
        int64_t revision;
        const char *deployed;
        int64_t in_record; /* failures that the record itself knows of */
        int64_t failures, of_action;
    } rows[] = {
        { "the first", HC_ACTION_INSTALL, "{}", 1, "2026-01-01T00:00:05.5Z", 0, 1, 1 },
        { "noted by a process that died before it went on", HC_ACTION_INSTALL,
          "{failures: 1, installFailures: 1, history: [{version: 1, status: failed, lastDeployed: "
          "'2026-01-01T00:00:05Z'}]}",
          1, "2026-01-01T00:00:05.5Z", 0, 1, 1 },
        { "the next try under the same number", HC_ACTION_INSTALL,
          "{failures: 1, installFailures: 1, history: [{version: 1, status: failed, lastDeployed: "
          "'2026-01-01T00:00:02Z'}]}",
          1, "2026-01-01T00:00:05.5Z", 0, 2, 2 },
        { "the same, of an upgrade", HC_ACTION_UPGRADE,
          "{failures: 2, upgradeFailures: 1, history: [{version: 4, status: failed, lastDeployed: "
          "'2026-01-01T00:00:02Z'}, {version: 3, status: superseded}]}",
          4, "2026-01-01T00:00:05Z", 0, 3, 2 },
        { "noted, of an upgrade", HC_ACTION_UPGRADE,
          "{failures: 2, upgradeFailures: 1, history: [{version: 4, status: failed, lastDeployed: "
          "'2026-01-01T00:00:05Z'}, {version: 3, status: superseded}]}",
          4, "2026-01-01T00:00:05Z", 0, 2, 1 },
        { "uninstalled since", HC_ACTION_INSTALL,
          "{failures: 1, installFailures: 1, history: [{version: 1, status: uninstalled, lastDeployed: "
          "'2026-01-01T00:00:05Z'}]}",
          1, "2026-01-01T00:00:05Z", 0, 2, 2 },
        { "another number", HC_ACTION_UPGRADE,
          "{failures: 1, upgradeFailures: 1, history: [{version: 4, status: failed, lastDeployed: "
          "'2026-01-01T00:00:05Z'}]}",
          5, "2026-01-01T00:00:05Z", 0, 2, 2 },
        { "the record knows of more", HC_ACTION_INSTALL, "{}", 1, "2026-01-01T00:00:05Z", 3, 1, 3 },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        bool install = rows[i].action == HC_ACTION_INSTALL;
        struct pass p;
        struct rel r;
        begin(a, &p, &r, rows[i].status);
        struct hc_record rec = { .name = HC_S("web"),
                                 .ns = HC_S("ns"),
                                 .revision = rows[i].revision,
                                 .status = HC_STATUS_FAILED,
                                 .last_deployed = hc_str_of(rows[i].deployed),
                                 .chart = yaml(a, "{metadata: {name: c, version: 1.0.0}}") };
        rel_tell(&r, &(struct hc_tell){ .what = HC_TOLD_FAILED,
                                        .action = rows[i].action,
                                        .record = &rec,
                                        .failures = rows[i].in_record,
                                        .message = hc_str_of(rows[i].name) });
        const char *counter = install ? "installFailures" : "upgradeFailures";
        if (hc_get_int_at(p.status, "failures", 0) != rows[i].failures ||
            hc_get_int_at(p.status, counter, 0) != rows[i].of_action)
            fail_msg("%s: failures %d, %s %d", rows[i].name, (int)hc_get_int_at(p.status, "failures", 0), counter,
                     (int)hc_get_int_at(p.status, counter, 0));
        assert_int_equal(hc_get_int_at(hc_history_latest(p.status), "version", 0), rows[i].revision);
        assert_true(hc_cond_is(p.status, "Released", HC_FALSE));
        /* what the next process goes by */
        rel_policies(&r);
        assert_int_equal(r.want.failures, rows[i].of_action);
        assert_int_equal(r.want.failed_action, rows[i].action);
    }
    ctl_events_stop(ctl.events); /* sends what is queued */
    ctl.events = NULL;
    assert_int_equal(atomic_load(&warnings), HC_LEN(rows));
}

/* Tests that end in a process after the one that saw the revision deployed and did not live to note it. */
static void test_tested_unnoted(void **state)
{
    (void)state;
    static const struct {
        const char *status;
        int revision;
        const char *action, *released;
    } rows[] = {
        { "{lastAttemptedReleaseAction: install}", 1, "install",
          "Helm install succeeded for release ns/web.v1 with chart c@1.0.0" },
        { "{lastAttemptedReleaseAction: upgrade, history: [{version: 1, status: superseded, action: install}], "
          "conditions: [{type: Released, status: 'True', message: old}]}",
          2, "upgrade", "Helm upgrade succeeded for release ns/web.v2 with chart c@1.0.0" },
        /* noted */
        { "{lastAttemptedReleaseAction: upgrade, history: [{version: 1, status: deployed, action: install}], "
          "conditions: [{type: Released, status: 'True', message: told}]}",
          1, "install", "told" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct pass p;
        struct rel r;
        begin(a, &p, &r, rows[i].status);
        struct hc_record rec = { .name = HC_S("web"),
                                 .ns = HC_S("ns"),
                                 .revision = rows[i].revision,
                                 .status = HC_STATUS_DEPLOYED,
                                 .chart = yaml(a, "{metadata: {name: c, version: 1.0.0}}") };
        rel_tell(&r,
                 &(struct hc_tell){ .what = HC_TOLD_TESTED, .action = HC_ACTION_TEST, .record = &rec, .ok = true });
        const struct hc_val *latest = hc_history_latest(p.status);
        assert_int_equal(hc_get_int_at(latest, "version", 0), rows[i].revision);
        assert_true(hc_str_eqz(hc_get_str_at(latest, "action"), rows[i].action));
        assert_true(hc_str_eqz(hc_cond_message(p.status, "Released"), rows[i].released));
    }
}

/* The same of tests whose end is in the record already. */
static void test_tests_unnoted(void **state)
{
    (void)state;
    static const struct {
        const char *status, *phase;
        bool wanted, told;
    } rows[] = {
        { "{history: [{version: 1, status: deployed, action: install}]}", "Succeeded", true, true },
        { "{history: [{version: 1, status: deployed, action: install}]}", "Succeeded", false, false },
        { "{history: [{version: 1, status: deployed, action: install}]}", "Failed", true, false },
        { "{history: [{version: 1, status: deployed, action: install}]}", "", true, false },
        { "{history: [{version: 2, status: deployed, action: upgrade}]}", "Succeeded", true, false },
        { "{history: [{version: 1, status: deployed, testHooks: {t: {phase: Succeeded}}}]}", "Succeeded", true,
          false },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct pass p;
        struct rel r;
        begin(a, &p, &r, rows[i].status);
        r.spec = yaml(a, "{test: {enable: true}}");
        r.want.tests = rows[i].wanted;
        struct hc_val *events = hc_list_new(a);
        hc_list_add(a, events, hc_strz_val(a, "test"));
        struct hc_record_hook hook = {
            .name = HC_S("t"), .kind = HC_S("Pod"), .events = events, .phase = hc_str_of(rows[i].phase)
        };
        const struct hc_record rec = { .name = HC_S("web"),
                                       .ns = HC_S("ns"),
                                       .revision = 1,
                                       .status = HC_STATUS_DEPLOYED,
                                       .hooks = &hook,
                                       .hooks_n = 1,
                                       .chart = yaml(a, "{metadata: {name: c, version: 1.0.0}}") };
        rel_note_missed_tests(&r, &rec);
        if (hc_cond_is(p.status, "TestSuccess", HC_TRUE) != rows[i].told)
            fail_msg("row %zu", i);
        if (rows[i].told)
            assert_true(hc_str_eqz(
                hc_get_str_at(hc_map_at(hc_map_getz(hc_history_latest(p.status), "testHooks"), 0)->val, "phase"),
                "Succeeded"));
    }
}

/* A revision that an earlier process began and did not live to note. */
static void test_begun_unnoted(void **state)
{
    (void)state;
    static const struct {
        const char *status;
        enum hc_action action;
        const char *attempted;
        size_t history;
    } rows[] = {
        { "{}", HC_ACTION_INSTALL, "install", 0 },
        { "{lastAttemptedReleaseAction: install, history: [{version: 1, status: deployed}]}", HC_ACTION_UPGRADE,
          "upgrade", 1 },
        { "{lastAttemptedReleaseAction: upgrade, history: [{version: 2, status: failed}]}", HC_ACTION_ROLLBACK,
          "upgrade", 1 },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct pass p;
        struct rel r;
        begin(a, &p, &r, rows[i].status);
        rel_tell(&r, &(struct hc_tell){ .what = HC_TOLD_RESUMED, .action = rows[i].action });
        if (!hc_str_eqz(hc_get_str(hc_map_getz(p.status, "lastAttemptedReleaseAction")), rows[i].attempted) ||
            hc_list_len(hc_map_getz(p.status, "history")) != rows[i].history)
            fail_msg("row %zu", i);
    }
}

/*
 * Events of what was done, as Flux tells them: whose revision the notes name, and the token, which is always of the values
 * that are wanted. The same words twice are two events.
 */
static void test_events(void **state)
{
    (void)state;
    static const struct {
        enum hc_told what;
        enum hc_action action;
        bool ok;
        enum hc_status status;
        const char *type, *reason, *message, *revision, *token;
    } rows[] = {
        { HC_TOLD_TAKEN_OVER, HC_ACTION_UPGRADE, true, HC_STATUS_FAILED, "Normal", "PendingRelease",
          "Unlocked Helm release ns/web.v2 with chart c@2.0.0 in pending-upgrade state", "2.0.0", "sha256:e3b0" },
        { HC_TOLD_DEPLOYED, HC_ACTION_ROLLBACK, true, HC_STATUS_DEPLOYED, "Normal", "RollbackSucceeded",
          "Helm rollback to previous release ns/web.v1 with chart c@1.0.0 succeeded", "1.0.0", "wanted" },
        { HC_TOLD_FAILED, HC_ACTION_ROLLBACK, false, HC_STATUS_FAILED, "Warning", "RollbackFailed",
          "Helm rollback to previous release ns/web.v1 with chart c@1.0.0 failed: why", "1.0.0", "wanted" },
        { HC_TOLD_FAILED, HC_ACTION_UPGRADE, false, HC_STATUS_FAILED, "Warning", "UpgradeFailed",
          "Helm upgrade failed for release ns/web with chart c@2.0.0: why", "2.0.0", "wanted" },
        { HC_TOLD_CORRECTED, HC_ACTION_NONE, true, HC_STATUS_DEPLOYED, "Normal", "DriftCorrected",
          "Cluster state of release ns/web.v2 has been corrected", "2.0.0", "sha256:2" },
    };
    for (size_t i = 0; i < 2 * HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct pass p;
        struct rel r;
        begin(
            a, &p, &r,
            "history: [{version: 2, name: web, namespace: ns, chartName: c, chartVersion: 2.0.0, status: failed, "
            "configDigest: 'sha256:2'}, {version: 1, name: web, namespace: ns, chartName: c, chartVersion: 1.0.0, "
            "status: superseded, configDigest: 'sha256:1'}]");
        r.chart_version = HC_S("2.0.0");
        r.config_digest = HC_S("wanted");
        struct hc_record rec = { .name = HC_S("web"),
                                 .ns = HC_S("ns"),
                                 .revision = rows[i / 2].action == HC_ACTION_ROLLBACK ? 3 : 2,
                                 .status = rows[i / 2].status,
                                 .chart = yaml(a, "metadata: {name: c, version: 2.0.0}") };
        int before = atomic_load(&writes);
        rel_tell(&r, &(struct hc_tell){ .what = rows[i / 2].what,
                                        .action = rows[i / 2].action,
                                        .record = &rec,
                                        .ok = rows[i / 2].ok,
                                        .remediation = rows[i / 2].action == HC_ACTION_ROLLBACK,
                                        .was = "pending-upgrade",
                                        .message = HC_S("why") });
        for (int64_t until = hc_mono_ms() + 10000; atomic_load(&writes) == before && hc_mono_ms() < until;)
            sched_yield();
        assert_int_equal(atomic_load(&writes), before + 1);
        char notes[128];
        snprintf(notes, sizeof(notes), "token\":\"%s", rows[i / 2].token);
        if (i % 2 ? !strstr(written, "\"count\":2")
                  : !strstr(written, rows[i / 2].type) || !strstr(written, rows[i / 2].reason) ||
                        !strstr(written, rows[i / 2].message) || !strstr(written, notes))
            fail_msg("row %zu: %s", i / 2, written);
        snprintf(notes, sizeof(notes), "revision\":\"%s", rows[i / 2].revision);
        if (i % 2 == 0 && !strstr(written, notes))
            fail_msg("row %zu: %s", i / 2, written);
    }
    atomic_store(&warnings, 0); /* all of them have come */
}

/* What stays of status.history when a try begins, and what is said of a failed revision that was upgraded from. */
static void test_history_is_bounded(void **state)
{
    (void)state;
    static const struct {
        enum hc_action action;
        bool remediation;
        const char *want;
    } rows[] = { { HC_ACTION_ROLLBACK, true, "6 5 4 " }, { HC_ACTION_UPGRADE, false, "6 5 4 3 2 " } };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct pass p;
        struct rel r;
        char got[64] = "";
        begin(a, &p, &r,
              "{failures: 3, history: [{version: 6, status: failed}, {version: 5, status: failed}, {version: 4, "
              "status: "
              "superseded}, {version: 3, status: failed}, {version: 2, status: superseded}, {version: 1, status: "
              "superseded}]}");
        rel_tell(&r, &(struct hc_tell){
                         .what = HC_TOLD_RECORDED, .action = rows[i].action, .remediation = rows[i].remediation });
        const struct hc_val *list = hc_map_getz(p.status, "history");
        for (size_t k = 0; k < hc_list_len(list); k++)
            snprintf(got + strlen(got), sizeof(got) - strlen(got), "%d ",
                     (int)hc_get_int_at(hc_list_at(list, k), "version", 0));
        assert_string_equal(got, rows[i].want);
    }
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct pass p;
    struct rel r;
    begin(a, &p, &r, "history: [{version: 1, name: web, namespace: ns, status: failed}]");
    struct hc_record was = { .revision = 1, .status = HC_STATUS_SUPERSEDED },
                     is = { .revision = 2, .status = HC_STATUS_DEPLOYED };
    rel_tell(&r, &(struct hc_tell){
                     .what = HC_TOLD_DEPLOYED, .action = HC_ACTION_UPGRADE, .record = &is, .before = &was });
    const struct hc_val *old = hc_list_at(hc_map_getz(p.status, "history"), 1);
    assert_true(hc_str_eqz(hc_get_str(hc_map_getz(old, "status")), "superseded"));
}

/* Between two tries: the failure stays, and it is said when the next one comes. */
static void test_between_tries(void **state)
{
    (void)state;
    for (int retry = 0; retry < 2; retry++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct pass p;
        struct rel r;
        begin(a, &p, &r,
              "{lastAttemptedReleaseAction: install, conditions: [{type: Ready, status: 'False', reason: "
              "InstallFailed, "
              "message: why}]}");
        r.want.install.strategy = retry ? HC_STRATEGY_RETRY : HC_STRATEGY_UNINSTALL;
        r.want.install.retry_interval_ms = 600000;
        rel_waiting(&r, &(struct hc_step){ .verdict = HC_WAIT, .paused = true });
        assert_true(hc_str_eqz(hc_cond_message(p.status, "Reconciling"), retry ? "retrying after 10m0s" : "why"));
        assert_true(hc_str_eqz(hc_cond_reason(p.status, "Reconciling"), "ProgressingWithRetry"));
        assert_true(hc_str_eqz(hc_cond_reason(p.status, "Ready"), "InstallFailed"));
        assert_int_equal(hc_get_int_at(p.status, "observedGeneration", -1), retry ? 1 : -1);
    }
}

/* A server that is away for a moment: what was Ready stays so, anything else says why it is not known. */
static void test_state_unread(void **state)
{
    (void)state;
    static const struct {
        const char *before, *status, *reason;
    } rows[] = { { "{}", "False", "StateError" },
                 { "{conditions: [{type: Ready, status: 'True', reason: InstallSucceeded}]}", "True",
                   "InstallSucceeded" } };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct pass p;
        struct rel r;
        begin(a, &p, &r, rows[i].before);
        rel_waiting(&r, &(struct hc_step){ .verdict = HC_WAIT, .rc = HC_E_AGAIN, .unread = true, .why = "away" });
        const struct hc_val *c = hc_cond_get(p.status, "Ready");
        assert_true(hc_str_eqz(hc_get_str(hc_map_getz(c, "status")), rows[i].status));
        assert_true(hc_str_eqz(hc_get_str(hc_map_getz(c, "reason")), rows[i].reason));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_events),
                                        cmocka_unit_test(test_tested_unnoted),
                                        cmocka_unit_test(test_tests_unnoted),
                                        cmocka_unit_test(test_begun_unnoted),
                                        cmocka_unit_test(test_history_is_bounded),
                                        cmocka_unit_test(test_between_tries),
                                        cmocka_unit_test(test_state_unread),
                                        cmocka_unit_test(test_failures_are_counted_once) };
    return cmocka_run_group_tests(tests, up, down);
}
