/*
 * CRDs: schemas on values, and the whole way from a definition to its objects.
 */
#include "tests/unit/helmctl/sandbox/rig.h"

static const char schema[] =
    "{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"required\":[\"size\"],\"properties\":{"
    "\"size\":{\"type\":\"string\",\"enum\":[\"small\",\"large\"]},"
    "\"interval\":{\"type\":\"string\",\"pattern\":\"^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$\",\"default\":\"5m\"},"
    "\"digits\":{\"type\":\"string\",\"pattern\":\"^\\\\d{2}(?:-\\\\w+)?$\"},"
    "\"replicas\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":9},"
    "\"name\":{\"type\":\"string\",\"minLength\":2,\"maxLength\":4},"
    "\"port\":{\"x-kubernetes-int-or-string\":true,\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]},"
    "\"on\":{\"type\":\"boolean\",\"nullable\":true},"
    "\"free\":{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true},"
    "\"labels\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}},"
    "\"one\":{\"type\":\"object\",\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}],\"properties\":{\"a\":{"
    "\"type\":"
    "\"string\"},\"b\":{\"type\":\"string\"}}},"
    "\"parts\":{\"type\":\"array\",\"maxItems\":2,\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-"
    "keys\":[\"id\"],"
    "\"items\":{\"type\":\"object\",\"required\":[\"id\"],\"properties\":{\"id\":{\"type\":\"string\"},\"x\":{"
    "\"type\":"
    "\"integer\",\"default\":7}}}}}},"
    "\"status\":{\"type\":\"object\",\"properties\":{\"conditions\":{\"type\":\"array\",\"items\":{\"type\":"
    "\"object\","
    "\"x-kubernetes-preserve-unknown-fields\":true}}}}}}";

#define SMALL "\"size\":\"small\""

static const struct {
    const char *spec;
    const char *error; /* NULL: accepted */
} rows[] = {
    { "{" SMALL "}", NULL },
    { "{}", "spec.size: Required value" },
    { "{\"size\":\"huge\"}", "spec.size: Unsupported value: \"huge\": supported values: \"small\", \"large\"" },
    { "{\"size\":1}",
      "spec.size: Invalid value: \"integer\": spec.size in body must be of type string: \"integer\"" },
    { "{" SMALL ",\"interval\":\"1h30m\"}", NULL },
    { "{" SMALL ",\"interval\":\"5x\"}", "spec.interval: Invalid value: \"5x\": spec.interval in body should match "
                                         "'^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$'" },
    { "{" SMALL ",\"digits\":\"12-ab\"}", NULL },
    { "{" SMALL ",\"digits\":\"1a\"}",
      "spec.digits: Invalid value: \"1a\": spec.digits in body should match '^\\d{2}(?:-\\w+)?$'" },
    { "{" SMALL ",\"replicas\":9}", NULL },
    { "{" SMALL ",\"replicas\":10}",
      "spec.replicas: Invalid value: 10: spec.replicas in body should be less than or equal to 9" },
    { "{" SMALL ",\"replicas\":-1}",
      "spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or equal to 0" },
    { "{" SMALL ",\"replicas\":1.5}",
      "spec.replicas: Invalid value: \"number\": spec.replicas in body must be of type integer: \"number\"" },
    { "{" SMALL ",\"name\":\"a\"}",
      "spec.name: Invalid value: \"a\": spec.name in body should be at least 2 chars long" },
    { "{" SMALL ",\"name\":\"abcde\"}", "spec.name: Too long: may not be more than 4 bytes" },
    { "{" SMALL ",\"port\":80}", NULL },
    { "{" SMALL ",\"port\":\"http\"}", NULL },
    { "{" SMALL ",\"port\":true}",
      "spec.port: Invalid value: \"boolean\": spec.port in body must be of type integer or string: \"boolean\"" },
    { "{" SMALL ",\"on\":null}", NULL },
    { "{" SMALL ",\"labels\":{\"a\":\"b\"}}", NULL },
    { "{" SMALL ",\"labels\":{\"a\":1}}",
      "spec.labels.a: Invalid value: \"integer\": spec.labels.a in body must be of type string: \"integer\"" },
    { "{" SMALL ",\"one\":{\"a\":\"1\"}}", NULL },
    { "{" SMALL ",\"one\":{}}",
      "spec.one: Invalid value: null: spec.one in body must validate one and only one schema "
      "(oneOf). Found none valid alternatives" },
    { "{" SMALL ",\"parts\":[{\"id\":\"a\"}]}", NULL },
    { "{" SMALL ",\"parts\":[{}]}", "spec.parts[0].id: Required value" },
    { "{" SMALL ",\"parts\":[{\"id\":\"a\"},{\"id\":\"b\"},{\"id\":\"c\"}]}",
      "spec.parts: Too many: 3: must have at most 2 items" },
    { "\"text\"", "spec: Invalid value: \"string\": spec in body must be of type object: \"string\"" },
};

static void values(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_val *sch;
    assert_int_equal(hc_json_parse(a, hc_str_of(schema), 0, &sch, NULL), HC_OK);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_sb_errors e = { .a = a };
        struct hc_val *v;
        hc_str text = hc_arena_printf(a, "{\"spec\":%s}", rows[i].spec);
        assert_int_equal(hc_json_parse(a, text, 0, &v, NULL), HC_OK);
        hc_sb_schema_validate(&e, sch, v, HC_S(""), 0);
        hc_str got = HC_S("");
        if (hc_list_len(e.causes)) {
            hc_str field = hc_get_str_at(hc_list_at(e.causes, 0), "field");
            hc_str message = hc_get_str_at(hc_list_at(e.causes, 0), "message");
            got = hc_arena_printf(a, "%.*s: %.*s", HC_P(field), HC_P(message));
        }
        if (!hc_str_eqz(got, rows[i].error ? rows[i].error : ""))
            fail_msg("%s: %.*s", rows[i].spec, HC_P(got));
    }
}

#define CRDS  "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define PARTS "/apis/x.io/v1/namespaces/default/machines"

static void define(struct rig *r)
{
    char body[8192];
    snprintf(
        body, sizeof(body),
        "{\"metadata\":{\"name\":\"machines.x.io\"},\"spec\":{\"group\":\"x.io\",\"scope\":\"Namespaced\","
        "\"names\":{"
        "\"kind\":\"Machine\",\"plural\":\"machines\",\"shortNames\":[\"ma\"]},\"versions\":[{\"name\":\"v1\","
        "\"served\":"
        "true,\"storage\":true,\"subresources\":{\"status\":{}},\"schema\":{\"openAPIV3Schema\":%s},"
        "\"additionalPrinterColumns\":[{\"name\":\"Size\",\"type\":\"string\",\"jsonPath\":\".spec.size\"},{"
        "\"name\":"
        "\"Ready\",\"type\":\"string\",\"jsonPath\":\".status.conditions[?(@.type==\\\"Ready\\\")].status\"}]}]}}",
        schema);
    struct hc_val *v = call(r, "POST " CRDS, body);
    if (r->code != 201)
        fail_msg("%d %s", r->code, text_of(r, v));
    settle(r);
}

static void a_kind_of_its_own(void **state)
{
    struct rig *r = *state;
    call(r, "GET " PARTS, NULL);
    assert_int_equal(r->code, 404);
    define(r);
    struct hc_val *v = call(r, "GET " CRDS "/machines.x.io", NULL);
    assert_string_equal(at(r, v, "status.conditions[1].type"), "Established");
    assert_string_equal(at(r, v, "status.acceptedNames.listKind"), "MachineList");
    assert_string_equal(at(r, v, "status.storedVersions[0]"), "v1");

    /* Defaults come, unknown fields go (or are refused), status is not the creator's. */
    v = call(r, "POST " PARTS,
             "{\"metadata\":{\"name\":\"m\"},\"spec\":{" SMALL ",\"junk\":1,\"free\":{\"any\":[1]},\"parts\":[{"
             "\"id\":\"a\",\"junk\":2}]},\"status\":{\"conditions\":[]}}");
    assert_int_equal(r->code, 201);
    assert_string_equal(
        text_of(r, hc_get(v, "spec")),
        "{\"free\":{\"any\":[1]},\"interval\":\"5m\",\"parts\":[{\"id\":\"a\",\"x\":7}],\"size\":\"small\"}");
    assert_null(hc_get(v, "status"));
    v = call(r, "POST " PARTS "?fieldValidation=Strict",
             "{\"metadata\":{\"name\":\"n\"},\"spec\":{" SMALL ",\"junk\":1}}");
    assert_int_equal(r->code, 400);
    assert_non_null(strstr(at(r, v, "message"), "strict decoding error: unknown field \"spec.junk\""));
    v = call(r, "POST " PARTS, "{\"metadata\":{\"name\":\"n\"},\"spec\":{\"size\":\"huge\"}}");
    assert_int_equal(r->code, 422);
    assert_string_equal(at(r, v, "message"),
                        "Machine.x.io \"n\" is invalid: spec.size: Unsupported value: \"huge\": supported "
                        "values: \"small\", \"large\"");

    /* Generation counts the spec, not the status. */
    v = patch(r, MERGE, PARTS "/m/status",
              "{\"spec\":{\"size\":\"large\"},\"status\":{\"conditions\":[{\"type\":\"Ready\","
              "\"status\":\"True\"}]}}");
    assert_string_equal(at(r, v, "spec.size"), "small");
    assert_int_equal(hc_get_int_at(v, "metadata.generation", 0), 1);
    v = patch(r, MERGE, PARTS "/m", "{\"spec\":{\"size\":\"large\"}}");
    assert_int_equal(hc_get_int_at(v, "metadata.generation", 0), 2);
    patch(r, SMP, PARTS "/m", "{}");
    assert_int_equal(r->code, 415);
    v = call(r, "PUT " PARTS "/m", "{\"metadata\":{\"name\":\"m\"},\"spec\":{" SMALL "}}");
    assert_int_equal(r->code, 422); /* custom objects are not updated without a resourceVersion */
    r->accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    v = call(r, "GET " PARTS, NULL);
    r->accept = NULL;
    assert_string_equal(text_of(r, hc_get(v, "rows[0].cells")), "[\"m\",\"large\",\"True\"]");

    /* Lists of the schema are merged by their key. */
    v = patch(r, APPLY, PARTS "/m?fieldManager=b",
              "{apiVersion: x.io/v1, kind: Machine, metadata: {name: m}, spec: {size: "
              "large, parts: [{id: b, x: 1}]}}");
    assert_int_equal(hc_list_len(hc_get(v, "spec.parts")), 2);

    /* With the definition go its objects, then its paths. */
    call(r, "DELETE " CRDS "/machines.x.io", NULL);
    settle(r);
    call(r, "GET " CRDS "/machines.x.io", NULL);
    assert_int_equal(r->code, 404);
    call(r, "GET " PARTS, NULL);
    assert_int_equal(r->code, 404);
    define(r);
    v = call(r, "GET " PARTS, NULL);
    assert_int_equal(hc_list_len(hc_get(v, "items")), 0);
}

static void discovery(void **state)
{
    struct rig *r = *state;
    define(r);
    r->accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    struct hc_val *v = call(r, "GET /apis", NULL);
    assert_string_equal(at(r, v, "kind"), "APIGroupDiscoveryList");
    assert_non_null(strstr(text_of(r, v), "\"resource\":\"machines\""));
    r->accept = NULL;
    v = call(r, "GET /apis/x.io/v1", NULL);
    assert_string_equal(at(r, v, "kind"), "APIResourceList");
    assert_string_equal(at(r, v, "resources[0].name"), "machines");
    assert_string_equal(at(r, v, "resources[0].shortNames[0]"), "ma");
    assert_string_equal(at(r, v, "resources[1].name"), "machines/status");
    v = call(r, "GET /openapi/v3/apis/x.io/v1", NULL);
    assert_non_null(hc_map_getz(hc_get(v, "paths"), "/apis/x.io/v1/namespaces/{namespace}/machines/{name}"));
    call(r, "GET /apis/x.io/v2", NULL);
    assert_int_equal(r->code, 404);
    v = call(r, "GET /version", NULL);
    assert_string_equal(at(r, v, "gitVersion"), "v1.36.3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test_setup_teardown(a_kind_of_its_own, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(discovery, rig_setup, rig_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
