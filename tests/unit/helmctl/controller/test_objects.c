/*
 * The object cache and conditions: what counts as a change, who refers to whom, Flux's rules for conditions.
 */
#include "tests/unit/unit.h"

#include "core/value/yaml.h"
#include "helmctl/controller/conditions.h"
#include "helmctl/controller/objects.h"

static struct hc_val *yaml(struct hc_arena *a, const char *text)
{
    struct hc_val *v = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (hc_yaml_parse(a, hc_str_of(text), HC_S("test"), 0, &v, &err) != HC_OK)
        fail_msg("%s", err.msg);
    return v;
}

#define META "name: x, namespace: ns, uid: u"

static void test_changes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *object;
        unsigned want;
    } rows[] = {
        { "first", "metadata: {" META ", resourceVersion: '10', generation: 1}", HC_CHANGED_NEW },
        { "the same again", "metadata: {" META ", resourceVersion: '10', generation: 1}", 0 },
        { "older", "metadata: {" META ", resourceVersion: '9', generation: 1}", 0 },
        { "a label", "metadata: {" META ", resourceVersion: '11', generation: 1, labels: {a: b}}",
          HC_CHANGED_OTHER },
        { "the spec", "metadata: {" META ", resourceVersion: '12', generation: 2}", HC_CHANGED_SPEC },
        { "a request",
          "metadata: {" META
          ", resourceVersion: '13', generation: 2, annotations: {reconcile.fluxcd.io/requestedAt: "
          "'1'}}",
          HC_CHANGED_REQUEST },
        { "an artifact",
          "{metadata: {" META
          ", resourceVersion: '14', generation: 2, annotations: {reconcile.fluxcd.io/requestedAt: "
          "'1'}}, status: {artifact: {revision: r, digest: d}}}",
          HC_CHANGED_ARTIFACT },
        { "ready and artifact as before",
          "{metadata: {" META
          ", resourceVersion: '15', generation: 2, annotations: {reconcile.fluxcd.io/requestedAt: "
          "'1'}}, status: {artifact: {revision: r, digest: d}, conditions: [{type: Ready, status: 'True'}]}}",
          HC_CHANGED_READY },
        { "deleted by somebody",
          "{metadata: {" META ", resourceVersion: '16', generation: 2, deletionTimestamp: now, annotations: "
          "{reconcile.fluxcd.io/requestedAt: '1'}}, status: {artifact: {revision: r, digest: d}, conditions: "
          "[{type: "
          "Ready, status: 'True'}]}}",
          HC_CHANGED_DELETING },
        { "another object of that name", "metadata: {name: x, namespace: ns, uid: v, resourceVersion: '17'}",
          HC_CHANGED_NEW },
    };
    struct hc_objects *o = hc_objects_new();
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        unsigned got = hc_objects_put(o, HC_CTL_GIT, yaml(a, rows[i].object));
        if (got != rows[i].want)
            fail_msg("%s: %u", rows[i].name, got);
    }
    hc_objects_free(o);
}

static void test_trim(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_objects *o = hc_objects_new();
    struct hc_key k = { HC_CTL_GIT, HC_S("ns"), HC_S("x") };
    assert_null(hc_objects_get(o, a, k));
    (void)hc_objects_put(o, HC_CTL_GIT,
                         yaml(a, "{metadata: {" META ", managedFields: [{a: b}], annotations: {k: v, "
                                 "kubectl.kubernetes.io/last-applied-configuration: long}}, spec: {url: u}}"));
    struct hc_val *v = hc_objects_get(o, a, k);
    assert_true(hc_str_eqz(hc_get_str_at(v, "spec.url"), "u"));
    assert_null(hc_get(v, "metadata.managedFields"));
    assert_int_equal(hc_map_len(hc_get(v, "metadata.annotations")), 1);
    assert_true(hc_objects_del(o, k));
    assert_false(hc_objects_del(o, k));
    assert_false(hc_objects_has(o, k));
    hc_objects_free(o);
}

static void test_refs(void **state)
{
    (void)state;
    static const struct {
        enum hc_ctl_kind kind;
        const char *object;
        struct {
            enum hc_ctl_kind kind;
            const char *ns, *name;
        } want[6];
        size_t n;
    } rows[] = {
        { HC_CTL_CHART,
          "{metadata: {" META "}, spec: {sourceRef: {kind: HelmRepository, name: r}}}",
          { { HC_CTL_REPO, "ns", "r" } },
          1 },
        { HC_CTL_RELEASE,
          "{metadata: {" META "}, spec: {chart: {spec: {sourceRef: {kind: GitRepository, name: g, "
          "namespace: s}}}}}",
          { { HC_CTL_CHART, "s", "ns-x" } },
          1 },
        { HC_CTL_RELEASE,
          "{metadata: {" META "}, spec: {chartRef: {kind: OCIRepository, name: o}, dependsOn: [{name: d}, "
          "{name: e, namespace: f}], valuesFrom: [{kind: ConfigMap, name: c}, {kind: Secret, name: s}, "
          "{kind: GitRepository, name: g, path: v.yaml}]}}",
          { { HC_CTL_OCI, "ns", "o" },
            { HC_CTL_RELEASE, "ns", "d" },
            { HC_CTL_RELEASE, "f", "e" },
            { HC_CTL_CONFIGMAP, "ns", "c" },
            { HC_CTL_SECRET, "ns", "s" },
            { HC_CTL_GIT, "ns", "g" } },
          6 },
        { HC_CTL_KUSTOMIZE,
          "{metadata: {" META "}, spec: {sourceRef: {kind: GitRepository, name: g, namespace: s}, "
          "dependsOn: [{name: d}], postBuild: {substituteFrom: [{kind: Secret, name: v}]}}}",
          { { HC_CTL_GIT, "s", "g" }, { HC_CTL_KUSTOMIZE, "ns", "d" }, { HC_CTL_SECRET, "ns", "v" } },
          3 },
        { HC_CTL_CHART, "{metadata: {" META "}, spec: {sourceRef: {kind: Nonsense, name: r}}}", { { 0 } }, 0 },
        { HC_CTL_GIT, "{metadata: {" META "}, spec: 7}", { { 0 } }, 0 },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_key *k;
        struct hc_val *v = yaml(a, rows[i].object);
        assert_int_equal(hc_refs_of(a, rows[i].kind, v, &k), rows[i].n);
        struct hc_objects *o = hc_objects_new();
        (void)hc_objects_put(o, rows[i].kind, v);
        for (size_t j = 0; j < rows[i].n; j++) {
            assert_int_equal(k[j].kind, rows[i].want[j].kind);
            assert_true(hc_str_eqz(k[j].ns, rows[i].want[j].ns));
            assert_true(hc_str_eqz(k[j].name, rows[i].want[j].name));
            struct hc_key *who;
            assert_int_equal(hc_objects_referrers(o, a, k[j], &who), 1);
            assert_true(hc_str_eqz(who[0].name, "x"));
        }
        hc_objects_free(o);
    }
}

static void test_conditions(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_conditions c = { .a = a, .status = hc_map_new(a), .generation = 1, .now_ms = 1000 };
    hc_cond_setf(&c, "Released", HC_TRUE, "R", "all %s", "well");
    hc_cond_setf(&c, "Ready", HC_UNKNOWN, "Progressing", "x");
    hc_cond_reconciling(&c, "Progressing", "x");
    c.now_ms = 5000;
    c.generation = 2;
    hc_cond_setf(&c, "Ready", HC_UNKNOWN, "Progressing", "x"); /* the same: its time stays */
    const struct hc_val *ready = hc_cond_get(c.status, "Ready");
    assert_true(hc_str_eqz(hc_get_str(hc_map_getz(ready, "lastTransitionTime")), "1970-01-01T00:00:01Z"));
    assert_int_equal(hc_get_int_at(ready, "observedGeneration", 0), 2);
    hc_cond_setf(&c, "Ready", HC_FALSE, "Failed", "x");
    ready = hc_cond_get(c.status, "Ready");
    assert_true(hc_str_eqz(hc_get_str(hc_map_getz(ready, "lastTransitionTime")), "1970-01-01T00:00:05Z"));
    hc_cond_stalled(&c, "Failed", "x"); /* takes Reconciling away, stands first */
    const struct hc_val *list = hc_map_getz(c.status, "conditions");
    static const char *const order[] = { "Stalled", "Ready", "Released" };
    assert_int_equal(hc_list_len(list), HC_LEN(order));
    for (size_t i = 0; i < HC_LEN(order); i++)
        assert_true(hc_str_eqz(hc_get_str(hc_map_getz(hc_list_at(list, i), "type")), order[i]));
    hc_cond_del(&c, "Stalled");
    assert_null(hc_cond_get(c.status, "Stalled"));
    assert_true(hc_cond_is(c.status, "Ready", HC_FALSE));
    assert_true(hc_str_eqz(hc_cond_message(c.status, "Released"), "all well"));
    assert_false(hc_cond_is(NULL, "Ready", HC_TRUE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_refs),
        cmocka_unit_test(test_conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
