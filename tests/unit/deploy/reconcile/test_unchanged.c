/*
 * Whether an apply would change anything, told from the live object: what is owned and equal is left alone, all else is sent.
 */
#include "core/value/yaml.h"
#include "deploy/reconcile/reconcile_impl.h"
#include "tests/unit/unit.h"

#define POD(spec) "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: n, labels: {a: b}}\nspec: " spec "\n"
#define LIVE(spec, owned)                                                                                          \
    "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: n, uid: u, labels: {a: b, c: d}, managedFields: ["  \
    "{manager: other, operation: Apply, apiVersion: v1, fieldsV1: {}}, {manager: helm, operation: Update, "        \
    "apiVersion: v1, subresource: status, fieldsV1: {}}, {manager: helm, operation: Apply, apiVersion: v1, "       \
    "fieldsV1: {'f:metadata': {'f:labels': {'f:a': {}}}, 'f:spec': " owned "}}]}\nspec: " spec                     \
    "\nstatus: {phase: Running}\n"
#define C(more)     "{containers: [{name: x, image: 'i:1'" more "}]}"
#define OWNED(more) "{'f:containers': {'k:{\"name\":\"x\"}': {'.': {}, 'f:name': {}, 'f:image': {}" more "}}}"

static const struct {
    const char *what, *want, *live;
    bool before, unchanged;
} rows[] = {
    { "the same, with what the server and others added", POD(C("")),
      LIVE("{containers: [{name: x, image: 'i:1', "
           "imagePullPolicy: Always}], dnsPolicy: X}",
           OWNED("")),
      false, true },
    { "another value", POD(C("")), LIVE("{containers: [{name: x, image: 'i:2'}]}", OWNED("")), true, false },
    { "a value that somebody else owns", POD(C("")),
      LIVE(C(""), "{'f:containers': {'k:{\"name\":\"x\"}': {'.': {}, 'f:name': {}}}}"), true, false },
    { "a field that leaves", POD(C("")), LIVE(C(", tty: true"), OWNED(", 'f:tty': {}")), true, false },
    { "an item that leaves", POD(C("")),
      LIVE(
          "{containers: [{name: x, image: 'i:1'}, {name: y}]}",
          "{'f:containers': {'k:{\"name\":\"x\"}': {'f:name': {}, 'f:image': {}}, 'k:{\"name\":\"y\"}': {'f:name': "
          "{}}}}"),
      true, false },
    { "an item of somebody else", POD(C("")), LIVE("{containers: [{name: y}, {name: x, image: 'i:1'}]}", OWNED("")),
      false, true },
    { "a new field", POD(C(", tty: true")), LIVE(C(""), OWNED("")), true, false },
    { "a zero that the server does not write", POD(C(", tty: false")), LIVE(C(""), OWNED(", 'f:tty': {}")), false,
      true },
    { "a false that was taken away", POD("{x: 1, automountServiceAccountToken: false}"),
      LIVE("{x: 1}", "{'f:x': {}}"), true, false },
    { "nothing at all", POD("{nodeSelector: null, args: []}"), LIVE("{}", "{}"), false, true },
    { "an item by a default of its key", POD(C(", ports: [{containerPort: 1}]")),
      LIVE(
          C(", ports: [{containerPort: 1, protocol: TCP}]"),
          OWNED(", 'f:ports': {'k:{\"containerPort\":1,\"protocol\":\"TCP\"}': {'.': {}, 'f:containerPort': {}}}")),
      false, true },
    { "two items that it could be", POD(C(", ports: [{containerPort: 1}, {containerPort: 1, protocol: UDP}]")),
      LIVE(C(", ports: [{containerPort: 1, protocol: TCP}, {containerPort: 1, protocol: UDP}]"),
           OWNED(", 'f:ports': {'k:{\"containerPort\":1,\"protocol\":\"UDP\"}': {'f:containerPort': {}, "
                 "'f:protocol': {}},"
                 " 'k:{\"containerPort\":1,\"protocol\":\"TCP\"}': {'f:containerPort': {}}}")),
      false, false },
    { "a set", POD("{finalizers: [b, a]}"),
      LIVE("{finalizers: [a, b, c]}", "{'f:finalizers': {'.': {}, 'v:\"a\"': {}, 'v:\"b\"': {}}}"), false, true },
    { "a set with less", POD("{finalizers: [a]}"),
      LIVE("{finalizers: [a, b]}", "{'f:finalizers': {'v:\"a\"': {}, 'v:\"b\"': {}}}"), false, false },
    { "a whole list in another order", POD(C(", args: [a, b]")), LIVE(C(", args: [b, a]"), OWNED(", 'f:args': {}")),
      true, false },
    { "a whole value that was completed", POD("{ref: {path: x}}"),
      LIVE("{ref: {path: x, version: v1}}", "{'f:ref': {}}"), true, true },
    { "the same, but the text is another", POD("{ref: {path: x}}"),
      LIVE("{ref: {path: x, version: v1}}", "{'f:ref': {}}"), false, false },
    { "a list by index", POD("{l: [a]}"), LIVE("{l: [a]}", "{'f:l': {'i:0': {}}}"), true, false },
    { "a quantity that is spelled otherwise", POD("{r: {cpu: 1}}"),
      LIVE("{r: {cpu: '1'}}", "{'f:r': {'f:cpu': {}}}"), true, false },
    { "a number written otherwise", POD("{r: 1.0}"), LIVE("{r: 1}", "{'f:r': {}}"), true, true },
    { "no manager", POD("{}"), "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {a: b}}\nspec: {}\n", true,
      false },
    { "another version", "apiVersion: v2\nkind: Pod\nmetadata: {name: p, labels: {a: b}}\nspec: {a: 1}\n",
      LIVE("{a: 1}", "{'f:a': {}}"), true, false },
    { "a label that is not ours",
      "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {a: b, c: d}}\nspec: {a: 1}\n",
      LIVE("{a: 1}", "{'f:a': {}}"), true, false },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_val *want = NULL, *live = NULL;
        struct hc_err err = HC_ERR_INIT;
        assert_int_equal(hc_yaml_parse(a, hc_str_of(rows[i].want), HC_S("want"), HC_YAML_PLAIN, &want, &err),
                         HC_OK);
        assert_int_equal(hc_yaml_parse(a, hc_str_of(rows[i].live), HC_S("live"), HC_YAML_PLAIN, &live, &err),
                         HC_OK);
        if (hc_rec_unchanged(a, want, live, "helm", rows[i].before) != rows[i].unchanged)
            fail_msg("%s: %s", rows[i].what, rows[i].unchanged ? "sent" : "left alone");
    }
}

/* What is on its way out is not as it should be. */
static void test_deleted(void **state)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_val *want = NULL, *live = NULL;
    (void)state;
    assert_int_equal(hc_yaml_parse(a, HC_S(POD("{a: 1}")), HC_S("want"), HC_YAML_PLAIN, &want, NULL), HC_OK);
    assert_int_equal(
        hc_yaml_parse(a, HC_S(LIVE("{a: 1}", "{'f:a': {}}")), HC_S("live"), HC_YAML_PLAIN, &live, NULL), HC_OK);
    assert_true(hc_rec_unchanged(a, want, live, "helm", false));
    hc_map_put_strz(a, hc_map_getz(live, "metadata"), "deletionTimestamp", "2026-01-01T00:00:00Z");
    assert_false(hc_rec_unchanged(a, want, live, "helm", false));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_deleted) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
