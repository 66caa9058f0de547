/*
 * Built-in objects: quantities, unknown fields, wrong types, what is dropped. The texts were compared with
 * kube-apiserver 1.36.3.
 */
#include "tests/unit/helmctl/sandbox/rig.h"

static void quantities(void **state)
{
    static const char *const rows[][2] = {
        { "\"0.5\"", "500m" },    { "1", "1" },
        { "0.1", "100m" },        { "\"1000m\"", "1" },
        { "\"1024Mi\"", "1Gi" },  { "\"1.5Gi\"", "1536Mi" },
        { "\"100Mi\"", "100Mi" }, { "\"2000\"", "2k" },
        { "\"1500k\"", "1500k" }, { "\"0\"", "0" },
        { "\"-0.5\"", "-500m" },  { "\"0Gi\"", "0" },
        { "\"1e3\"", "1e3" },     { "\"junk\"", "junk" },
        { "\"100u\"", "100u" },   { "\"9E\"", "9E" },
        { "\"1.\"", "1" },        { "\".5\"", "500m" },
    };
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_val *v = NULL;
        assert_int_equal(hc_json_parse(a, hc_str_of(rows[i][0]), 0, &v, NULL), HC_OK);
        hc_str got = hc_get_str(hc_sb_quantity(a, v));
        if (!hc_str_eqz(got, rows[i][1]))
            fail_msg("%s: %.*s instead of %s", rows[i][0], HC_P(got), rows[i][1]);
    }
}

#define DEP "/apis/apps/v1/namespaces/default/deployments"

static const char *deployment(struct rig *r, const char *spec, const char *container)
{
    return hc_arena_strz(
        r->a, hc_arena_printf(
                  r->a,
                  "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"w\"},\"spec\":{%s"
                  "\"selector\":{\"matchLabels\":{\"a\":\"w\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":"
                  "\"w\"}},\"spec\":{\"containers\":[{\"name\":\"c\",%s\"image\":\"i\"}]}}}}",
                  spec, container));
}

static void refused(void **state)
{
    static const struct {
        const char *spec, *container, *posted, *applied; /* NULL: accepted */
    } rows[] = {
        { "", "", NULL, NULL },
        { "\"foo\":1,", "",
          "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field "
          "\"spec.foo\"",
          "failed to create typed patch object (default/w; apps/v1, Kind=Deployment): .spec.foo: field not "
          "declared in schema" },
        { "", "\"env\":[{\"name\":\"A\",\"value\":1}],",
          "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal number into Go "
          "struct field "
          "EnvVar.spec.template.spec.containers.env.value of type string",
          "failed to create typed patch object (default/w; apps/v1, Kind=Deployment): "
          ".spec.template.spec.containers[name=\"c\"]."
          "env[name=\"A\"].value: expected string, got &value.valueUnstructured{Value:1}" },
        { "\"replicas\":\"3\",", "",
          "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal string into Go "
          "struct field "
          "DeploymentSpec.spec.replicas of type int32",
          "failed to create typed patch object (default/w; apps/v1, Kind=Deployment): .spec.replicas: expected "
          "numeric (int or "
          "float), got &value.valueUnstructured{Value:\"3\"}" },
    };
    struct rig *r = *state;
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        const char *body = deployment(r, rows[i].spec, rows[i].container);
        struct hc_val *v = call(r, "POST " DEP "?fieldValidation=Strict", body);
        if (rows[i].posted && (r->code != 400 || strcmp(at(r, v, "message"), rows[i].posted) != 0))
            fail_msg("%s", text_of(r, v));
        if (!rows[i].posted)
            assert_int_equal(r->code, 201);
        call(r, "DELETE " DEP "/w", NULL);
        v = patch(r, APPLY, DEP "/w?fieldManager=m", body);
        if (rows[i].applied && (r->code != 500 || strcmp(at(r, v, "message"), rows[i].applied) != 0))
            fail_msg("%s", text_of(r, v));
        if (!rows[i].applied)
            assert_int_equal(r->code, 201);
        call(r, "DELETE " DEP "/w", NULL);
    }
}

static void kept_and_dropped(void **state)
{
    struct rig *r = *state;
    const char *body = deployment(
        r, "\"replicas\":0,\"minReadySeconds\":0,\"foo\":1,",
        "\"tty\":false,\"resources\":{\"limits\":{\"cpu\":0.5,\"memory\":\"1024Mi\"}},\"envFrom\":null,");
    struct hc_val *v = call(r, "POST " DEP, body);
    assert_int_equal(r->code, 201);
    assert_int_equal(hc_get_int_at(v, "spec.replicas", -1), 0); /* a pointer in Go: its zero says something */
    assert_null(hc_get(v, "spec.minReadySeconds"));
    assert_null(hc_get(v, "spec.foo"));
    assert_null(hc_get(v, "spec.template.spec.containers[0].tty"));
    assert_null(hc_get(v, "spec.template.spec.containers[0].envFrom"));
    assert_string_equal(at(r, v, "spec.template.spec.containers[0].resources.limits.cpu"), "500m");
    assert_string_equal(at(r, v, "spec.template.spec.containers[0].resources.limits.memory"), "1Gi");

    /* Who applies a zero or a null owns the field, though the object does not show it; again changes nothing. */
    call(r, "DELETE " DEP "/w", NULL);
    body = deployment(r, "\"replicas\":0,\"minReadySeconds\":0,", "\"envFrom\":null,");
    v = patch(r, APPLY, DEP "/w?fieldManager=m", body);
    assert_int_equal(r->code, 201);
    assert_null(hc_get(v, "spec.minReadySeconds"));
    assert_non_null(hc_get(v, "metadata.managedFields[0].fieldsV1.f:spec.f:minReadySeconds"));
    const char *rv = at(r, v, "metadata.resourceVersion");
    v = patch(r, APPLY, DEP "/w?fieldManager=m", body);
    assert_int_equal(r->code, 200);
    assert_string_equal(at(r, v, "metadata.resourceVersion"), rv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities),
        cmocka_unit_test_setup_teardown(refused, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(kept_and_dropped, rig_setup, rig_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
