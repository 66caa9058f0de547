/*
 * Server-side apply: who owns what, conflicts, what goes when it is applied no more.
 */
#include "tests/unit/helmctl/sandbox/rig.h"

#define DEP "/apis/apps/v1/namespaces/default/deployments/web"
#define CM  "/api/v1/namespaces/default/configmaps/c"

static struct hc_val *apply(struct rig *r, const char *path, const char *who, const char *body)
{
    char url[400];
    snprintf(url, sizeof(url), "%s?fieldManager=%s", path, who);
    return patch(r, APPLY, url, body);
}

static struct hc_val *apply_cm(struct rig *r, const char *who, const char *rest)
{
    char body[2048];
    snprintf(body, sizeof(body), "{apiVersion: v1, kind: ConfigMap, metadata: {name: c%s", rest);
    return apply(r, CM, who, body);
}

static void owners(void **state)
{
    struct rig *r = *state;
    struct hc_val *v = apply_cm(r, "one", "}, data: {a: '1', b: '2'}}");
    assert_int_equal(r->code, 201);
    assert_string_equal(text_of(r, hc_get(v, "metadata.managedFields[0].fieldsV1")),
                        "{\"f:data\":{\"f:a\":{},\"f:b\":{}}}");
    assert_string_equal(at(r, v, "metadata.managedFields[0].operation"), "Apply");
    const char *rv = at(r, v, "metadata.resourceVersion");
    v = apply_cm(r, "one", "}, data: {a: '1', b: '2'}}");
    assert_int_equal(r->code, 200);
    assert_string_equal(at(r, v, "metadata.resourceVersion"), rv); /* nothing new: nothing stored */

    /* The same value is shared, another one is a conflict. */
    v = apply_cm(r, "two", "}, data: {a: '1', c: '3'}}");
    assert_int_equal(r->code, 200);
    v = apply_cm(r, "two", "}, data: {a: '9', c: '3'}}");
    assert_int_equal(r->code, 409);
    assert_string_equal(at(r, v, "message"), "Apply failed with 1 conflict: conflict with \"one\": .data.a");
    assert_string_equal(at(r, v, "details.causes[0].reason"), "FieldManagerConflict");
    assert_string_equal(at(r, v, "details.causes[0].field"), ".data.a");

    /* What one manager drops stays when another owns it, and goes when nobody does. */
    v = apply_cm(r, "one", "}, data: {b: '2'}}");
    assert_string_equal(text_of(r, hc_get(v, "data")), "{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"}");
    v = apply_cm(r, "two", "}, data: {c: '3'}}");
    assert_string_equal(text_of(r, hc_get(v, "data")), "{\"b\":\"2\",\"c\":\"3\"}");
    v = apply_cm(r, "two", "}}");
    assert_string_equal(text_of(r, hc_get(v, "data")), "{\"b\":\"2\"}");
    assert_int_equal(hc_list_len(hc_get(v, "metadata.managedFields")), 1);
}

static void force_takes_over(void **state)
{
    struct rig *r = *state;
    apply_cm(r, "one", "}, data: {a: '1', b: '2'}}");
    struct hc_val *v = patch(r, APPLY, CM "?fieldManager=two&force=true",
                             "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: '5'}}");
    assert_int_equal(r->code, 200);
    assert_string_equal(at(r, v, "data.a"), "5");
    v = apply_cm(r, "one", "}, data: {a: '1', b: '2'}}");
    assert_int_equal(r->code, 409);
    v = apply_cm(r, "one", "}, data: {b: '2'}}");
    assert_string_equal(at(r, v, "data.a"), "5");
}

static void updates_own_what_they_change(void **state)
{
    struct rig *r = *state;
    apply_cm(r, "one", ", labels: {x: '1'}}, data: {a: '1'}}");
    r->agent = "kubectl/v1.36 (linux)";
    struct hc_val *v = patch(r, MERGE, CM, "{\"data\":{\"a\":\"2\",\"m\":\"1\"}}");
    r->agent = NULL;
    assert_int_equal(hc_list_len(hc_get(v, "metadata.managedFields")), 2);
    assert_string_equal(at(r, v, "metadata.managedFields[1].manager"), "kubectl");
    assert_string_equal(text_of(r, hc_get(v, "metadata.managedFields[1].fieldsV1")),
                        "{\"f:data\":{\"f:a\":{},\"f:m\":{}}}");
    assert_string_equal(text_of(r, hc_get(v, "metadata.managedFields[0].fieldsV1")),
                        "{\"f:metadata\":{\"f:labels\":{\"f:x\":{}}}}");
    v = apply_cm(r, "one", "}, data: {a: '1', m: '2'}}");
    assert_int_equal(r->code, 409);
    assert_string_equal(at(r, v, "message"),
                        "Apply failed with 2 conflicts: conflicts with \"kubectl\" using v1:\n- .data.a\n"
                        "- .data.m");
    /* Removing a field takes it from all. */
    v = patch(r, JSONP, CM, "[{\"op\":\"remove\",\"path\":\"/data/a\"}]");
    v = apply_cm(r, "one", "}, data: {a: '1'}}");
    assert_int_equal(r->code, 200);
}

static const char web[] =
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 2, selector: "
    "{matchLabels: {a: x}}, template: {metadata: {labels: {a: x}}, spec: {containers: [{name: c, "
    "image: 'i:1', ports: [{containerPort: 80}], env: [{name: A, value: '1'}, {name: B, value: '2'}]}]}}}}";

static void lists_by_key(void **state)
{
    struct rig *r = *state;
    struct hc_val *v = apply(r, DEP, "helm", web);
    assert_int_equal(r->code, 201);
    assert_string_equal(at(r, v, "spec.template.spec.containers[0].ports[0].protocol"), "TCP");
    const char *own = text_of(r, hc_get(v, "metadata.managedFields[0].fieldsV1.f:spec.f:template.f:spec"));
    assert_string_equal(
        own,
        "{\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":{\".\":{},\"f:env\":{\"k:{\\\"name\\\":\\\"A\\\"}\":{"
        "\".\":{},\"f:name\":{},\"f:value\":{}},\"k:{\\\"name\\\":\\\"B\\\"}\":{\".\":{},\"f:name\":{},"
        "\"f:value\":{}}},\"f:image\":{},\"f:name\":{},\"f:ports\":{\"k:{\\\"containerPort\\\":80,"
        "\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:containerPort\":{}}}}}}");
    const char *rv = at(r, v, "metadata.resourceVersion");
    v = apply(r, DEP, "helm", web);
    assert_string_equal(at(r, v, "metadata.resourceVersion"), rv);
    assert_int_equal(hc_get_int_at(v, "metadata.generation", 0), 1);

    /* Somebody adds a container and a variable; the next apply leaves them. */
    patch(
        r, SMP, DEP,
        "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"side\",\"image\":\"s:1\"},{\"name\":\"c\","
        "\"env\":[{\"name\":\"Z\",\"value\":\"9\"}]}]}}}}");
    assert_int_equal(r->code, 200);
    v = apply(
        r, DEP, "helm",
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {selector: {matchLabels: {a: x}}, "
        "template: {metadata: {labels: {a: x}}, spec: {containers: [{name: c, image: 'i:2', env: [{name: B, value: "
        "'2'}]}]}}}}");
    assert_int_equal(r->code, 200);
    const struct hc_val *cs = hc_get(v, "spec.template.spec.containers");
    assert_int_equal(hc_list_len(cs), 2);
    for (size_t i = 0; i < 2; i++) {
        const struct hc_val *c = hc_list_at(cs, i);
        if (!hc_str_eqz(hc_get_str_at(c, "name"), "c"))
            continue;
        assert_string_equal(at(r, c, "image"), "i:2");
        assert_int_equal(hc_list_len(hc_get(c, "env")), 2); /* B and Z; A went with the manifest */
        assert_null(hc_get(c, "ports"));
    }
    assert_int_equal(hc_get_int_at(v, "spec.replicas", 0), 1); /* applied no more: the default again */
}

static void refused(void **state)
{
    static const struct {
        const char *path, *body;
        int code;
    } rows[] = {
        { CM, "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}", 422 }, /* no manager */
        { CM "?fieldManager=a", "{apiVersion: v1, kind: Secret, metadata: {name: c}}", 400 },
        { CM "?fieldManager=a", "{apiVersion: v1, kind: ConfigMap, metadata: {name: d}}", 400 },
        { CM "?fieldManager=a",
          "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, managedFields: [{manager: x}]}}", 400 },
        { CM "?fieldManager=a", "{apiVersion: v1", 400 },
        { "/api/v1/namespaces/none/configmaps/c?fieldManager=a",
          "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}", 404 },
    };
    struct rig *r = *state;
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_val *v = patch(r, APPLY, rows[i].path, rows[i].body);
        if (r->code != rows[i].code)
            fail_msg("%s %s: %d %s", rows[i].path, rows[i].body, r->code, text_of(r, v));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(owners, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(force_takes_over, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(updates_own_what_they_change, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(lists_by_key, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(refused, rig_setup, rig_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
