/*
 * status.history: digests that must be Flux's to the byte, and the rules of the list.
 */
#include "tests/unit/unit.h"

#include "core/value/json.h"
#include "core/value/yaml.h"
#include "helmctl/controller/conditions.h"
#include "helmctl/controller/history.h"

static struct hc_val *yaml(struct hc_arena *a, const char *text)
{
    struct hc_val *v = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (hc_yaml_parse(a, hc_str_of(text), HC_S("test"), HC_YAML_JSON_NUMBERS, &v, &err) != HC_OK)
        fail_msg("%s", err.msg);
    return v;
}

#define is_text(got, want) assert_string_equal(hc_arena_strz(a, got), want)

/* Vectors: fluxcd/pkg chartutil/digest_test.go */
static void test_config_digest(void **state)
{
    (void)state;
    static const struct {
        const char *values, *want;
    } rows[] = {
        { "{}", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "replicas: 3\nimage: {tag: latest, repository: nginx}\nports: [{protocol: TCP, port: 8080}, {port: 9090, "
          "protocol: UDP}]",
          "sha256:fcdc2b0de1581a3633ada4afee3f918f6eaa5b5ab38c3fef03d5b48d3f85d9f6" },
        { "replicas: 3\ntest: {632bd82398e71231a98004b6: value4, 632bd817c559818a52307da2: value3, "
          "632bd80ddf416cf32fd50679: value2, 632bd80235a05f4192aefade: value1}",
          "sha256:8a980fcbeadd6f05818f07e8aec14070c22250ca3d96af1fcd5f93b3e85b4d70" },
        /* Of helm-controller's own status: whole numbers beyond 63 bits, and beyond 64. */
        { "a: 9223372036854775808.0", "sha256:157b2831fb3e2f0eb0fa292adc9d19bcd3fe1bf51ba16b86fa26789778788cc9" },
        { "a: 18446744073709551616.0", "sha256:81f1034855c02e6235c90e3fd3905f22779132f98bd28771d54dc58203ce6826" },
    };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    for (size_t i = 0; i < HC_LEN(rows); i++)
        is_text(hc_config_digest(a, yaml(a, rows[i].values)), rows[i].want);
    is_text(hc_config_digest(a, NULL), rows[0].want);
}

/* Vector: helm-controller internal/release/digest_test.go */
static void test_observation_digest(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_record r = { .name = HC_S("foo") };
    is_text(hc_observation_digest(a, &r, (hc_str){ NULL, 0 }),
            "sha256:f1498f27a16a09cd7e1ee610d924df065c03d30035638babc95dd9a8d412ce4d");
    /* What test hooks and the order of Chart.yaml say does not count; what the manifest says does. */
    r.status = HC_STATUS_DEPLOYED;
    r.manifest = HC_S("a: <b>\n");
    r.chart = yaml(a, "metadata: {version: 1.0.0, name: x, dependencies: [{alias: q, name: d, repository: ''}]}");
    struct hc_record_hook hooks[2] = { { .name = HC_S("t"), .events = yaml(a, "[test]") },
                                       { .name = HC_S("h"), .events = yaml(a, "[pre-install]") } };
    hc_str plain = hc_observation_digest(a, &r, HC_S(""));
    r.hooks = hooks;
    r.hooks_n = 1;
    assert_true(hc_str_eq(plain, hc_observation_digest(a, &r, HC_S(""))));
    r.hooks_n = 2;
    assert_false(hc_str_eq(plain, hc_observation_digest(a, &r, HC_S(""))));
    r.hooks_n = 0;
    r.chart = yaml(a, "metadata: {name: x, dependencies: [{name: d, repository: '', alias: q}], version: 1.0.0}");
    assert_true(hc_str_eq(plain, hc_observation_digest(a, &r, HC_S(""))));
    r.manifest = HC_S("a: <c>\n");
    assert_false(hc_str_eq(plain, hc_observation_digest(a, &r, HC_S(""))));
}

static void test_field_digests(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    assert_null(hc_post_renderers_digest(a, NULL).p);
    assert_null(hc_common_metadata_digest(a, NULL).p);
    /* sha256 of '[]\n' and of '{"annotations":{"a":"b"},"labels":{"x":"\u003cy\u003e"}}\n' */
    is_text(hc_post_renderers_digest(a, yaml(a, "[]")),
            "sha256:37517e5f3dc66819f61f5a7bb8ace1921282415f10551d2defa5c3eb0985b570");
    hc_str d = hc_common_metadata_digest(a, yaml(a, "{labels: {x: <y>}, annotations: {a: b}}"));
    is_text(d, "sha256:1bb0cae3c9c891d8a35b6f82cb4ef2a476a2d2238f47c3e6a4b248d9df199336");
}

static void test_list_rules(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    static const struct {
        const char *name, *history;
        bool ignore_tests;
        int64_t previous; /* 0: none */
        size_t left;      /* after truncation */
    } rows[] = {
        { "empty", "[]", false, 0, 0 },
        { "one", "[{version: 1, status: deployed}]", false, 0, 1 },
        { "good before",
          "[{version: 3, status: deployed}, {version: 2, status: superseded}, {version: 1, status: "
          "superseded}]",
          false, 2, 2 },
        { "failed in between",
          "[{version: 3, status: failed}, {version: 2, status: failed}, {version: 1, status: "
          "superseded}]",
          false, 1, 3 },
        { "tests failed",
          "[{version: 3, status: failed}, {version: 2, status: superseded, testHooks: {t: {phase: "
          "Failed}}}, {version: 1, status: superseded}]",
          false, 1, 3 },
        { "tests failed, who cares",
          "[{version: 3, status: failed}, {version: 2, status: superseded, testHooks: {t: "
          "{phase: Failed}}}, {version: 1, status: superseded}]",
          true, 2, 2 },
        { "nothing good: five stay",
          "[{version: 7, status: failed}, {version: 6, status: failed}, {version: 5, status: "
          "failed}, {version: 4, status: failed}, {version: 3, status: failed}, {version: "
          "2, status: failed}]",
          false, 0, 5 },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_val *status = hc_map_new(a);
        hc_map_put(a, status, HC_S("history"), yaml(a, rows[i].history));
        const struct hc_val *prev = hc_history_previous(status, rows[i].ignore_tests);
        if (hc_get_int_at(prev, "version", 0) != rows[i].previous)
            fail_msg("%s: previous", rows[i].name);
        hc_history_truncate(a, status, rows[i].ignore_tests);
        if (hc_list_len(hc_map_getz(status, "history")) != rows[i].left)
            fail_msg("%s: truncated", rows[i].name);
    }
}

static void test_put(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_val *status = hc_map_new(a);
    static const char *const puts[] = { "{version: 2, status: a, testHooks: {}, action: install}",
                                        "{version: 1, status: b}", "{version: 4, status: c}",
                                        "{version: 3, status: d}", "{version: 2, status: e}" };
    for (size_t i = 0; i < HC_LEN(puts); i++)
        hc_history_put(a, status, yaml(a, puts[i]));
    const struct hc_val *list = hc_map_getz(status, "history");
    assert_int_equal(hc_list_len(list), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(hc_get_int_at(hc_list_at(list, i), "version", 0), 4 - (int64_t)i);
    const struct hc_val *two = hc_list_at(list, 2);
    assert_true(hc_str_eqz(hc_get_str(hc_map_getz(two, "status")), "e"));
    assert_true(hc_is_map(hc_map_getz(two, "testHooks"))); /* what it knew and the new one does not */
    assert_true(hc_str_eqz(hc_get_str(hc_map_getz(two, "action")), "install"));
}

static void test_names(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    is_text(hc_short_release_name(a, HC_S("web")), "web");
    hc_str s = hc_short_release_name(a,
                                     HC_S("a-release-name-that-is-longer-than-the-fifty-three-characters-allowed"));
    assert_int_equal(s.n, 53);
    assert_true(hc_str_starts(s, HC_S("a-release-name-that-is-longer-than-the-f-")));
}

static void test_summary(void **state)
{
    (void)state;
    static const struct {
        const char *name, *spec, *status, *ready, *reason;
    } rows[] = {
        { "released", "{}",
          "conditions: [{type: Released, status: 'True', reason: InstallSucceeded, message: m, "
          "observedGeneration: 1}]",
          "True", "InstallSucceeded" },
        { "remediated is not ready", "{}",
          "conditions: [{type: Remediated, status: 'True', reason: RollbackSucceeded, message: m, "
          "observedGeneration: "
          "2}, {type: Released, status: 'False', reason: UpgradeFailed, message: x, observedGeneration: 2}]",
          "False", "RollbackSucceeded" },
        { "the newer generation counts", "{}",
          "conditions: [{type: Remediated, status: 'True', reason: RollbackSucceeded, message: m, "
          "observedGeneration: "
          "2}, {type: Released, status: 'True', reason: UpgradeSucceeded, message: x, observedGeneration: 3}]",
          "True", "UpgradeSucceeded" },
        { "tests count when they are on", "{test: {enable: true}}",
          "conditions: [{type: TestSuccess, status: 'False', reason: TestFailed, message: m, observedGeneration: "
          "2}, "
          "{type: Released, status: 'True', reason: UpgradeSucceeded, message: x, observedGeneration: 2}]",
          "False", "TestFailed" },
        { "unless they are ignored", "{test: {enable: true, ignoreFailures: true}}",
          "conditions: [{type: TestSuccess, status: 'False', reason: TestFailed, message: m, observedGeneration: "
          "2}, "
          "{type: Released, status: 'True', reason: UpgradeSucceeded, message: x, observedGeneration: 2}]",
          "True", "UpgradeSucceeded" },
    };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_conditions c = { .a = a, .status = yaml(a, rows[i].status), .generation = 3, .now_ms = 1 };
        hc_release_summarize(&c, yaml(a, rows[i].spec));
        const struct hc_val *ready = hc_cond_get(c.status, "Ready");
        if (!hc_str_eqz(hc_get_str(hc_map_getz(ready, "status")), rows[i].ready) ||
            !hc_str_eqz(hc_cond_reason(c.status, "Ready"), rows[i].reason))
            fail_msg("%s", rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_digest), cmocka_unit_test(test_observation_digest),
        cmocka_unit_test(test_field_digests), cmocka_unit_test(test_list_rules),
        cmocka_unit_test(test_put),           cmocka_unit_test(test_names),
        cmocka_unit_test(test_summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
