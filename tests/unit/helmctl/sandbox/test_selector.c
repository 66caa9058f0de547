/*
 * Label and field selectors against small objects.
 */
#include "tests/unit/helmctl/sandbox/rig.h"

static const struct {
    const char *selector, *labels;
    int want; /* 1, 0, or -1: cannot be parsed */
} label_rows[] = {
    { "", "{}", 1 },
    { "a=1", "{\"a\":\"1\"}", 1 },
    { "a==1", "{\"a\":\"1\"}", 1 },
    { "a = 1 , b = 2", "{\"a\":\"1\",\"b\":\"2\"}", 1 },
    { "a=1,b=2", "{\"a\":\"1\"}", 0 },
    { "a!=1", "{\"a\":\"1\"}", 0 },
    { "a!=1", "{}", 1 },
    { "a in (1,2)", "{\"a\":\"2\"}", 1 },
    { "a in (1, 2)", "{\"a\":\"3\"}", 0 },
    { "a in (1)", "{}", 0 },
    { "a notin (1,2)", "{\"a\":\"3\"}", 1 },
    { "a notin (1,2)", "{}", 1 },
    { "a notin (1,2)", "{\"a\":\"1\"}", 0 },
    { "a", "{\"a\":\"\"}", 1 },
    { "a", "{}", 0 },
    { "!a", "{}", 1 },
    { "!a", "{\"a\":\"1\"}", 0 },
    { "a>5", "{\"a\":\"6\"}", 1 },
    { "a>5", "{\"a\":\"5\"}", 0 },
    { "a<5", "{\"a\":\"x\"}", 0 },
    { "app.kubernetes.io/name=x,!b", "{\"app.kubernetes.io/name\":\"x\"}", 1 },
    { "a=", "{\"a\":\"\"}", 1 },
    { "a=1=2", "{}", -1 },
    { "a in 1", "{}", -1 },
    { "a in (1", "{}", -1 },
    { "a between (1)", "{}", -1 },
    { ",", "{}", -1 },
    { "a>x", "{}", -1 },
};

static struct hc_val *json(struct hc_arena *a, const char *text)
{
    struct hc_val *v = NULL;
    assert_int_equal(hc_json_parse(a, hc_str_of(text), 0, &v, NULL), HC_OK);
    return v;
}

static void labels(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    for (size_t i = 0; i < HC_LEN(label_rows); i++) {
        struct hc_sb_selector *sel;
        struct hc_err err = HC_ERR_INIT;
        bool ok = hc_sb_labels_parse(a, hc_str_of(label_rows[i].selector), &sel, &err);
        int got = !ok ? -1 : hc_sb_labels_match(sel, json(a, label_rows[i].labels));
        if (got != label_rows[i].want)
            fail_msg("'%s' on %s: %d", label_rows[i].selector, label_rows[i].labels, got);
        if (!ok)
            assert_true(err.msg[0] != '\0');
    }
}

static const struct {
    const char *selector, *object;
    int want;
} field_rows[] = {
    { "metadata.name=x", "{\"metadata\":{\"name\":\"x\"}}", 1 },
    { "metadata.name!=x", "{\"metadata\":{\"name\":\"x\"}}", 0 },
    { "status.phase=Running,metadata.namespace==n",
      "{\"metadata\":{\"namespace\":\"n\"},\"status\":{\"phase\":\"Running\"}}", 1 },
    { "type=helm.sh/release.v1", "{\"type\":\"helm.sh/release.v1\"}", 1 },
    { "involvedObject.uid=1", "{\"involvedObject\":{\"uid\":\"2\"}}", 0 },
    { "spec.nodeName=", "{}", 1 },
    { "nonsense", "{}", -1 },
    { "=x", "{}", -1 },
};

static void fields(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    for (size_t i = 0; i < HC_LEN(field_rows); i++) {
        struct hc_sb_selector *sel;
        struct hc_err err = HC_ERR_INIT;
        bool ok = hc_sb_fields_parse(a, hc_str_of(field_rows[i].selector), &sel, &err);
        int got = !ok ? -1 : hc_sb_fields_match(sel, json(a, field_rows[i].object));
        if (got != field_rows[i].want)
            fail_msg("'%s' on %s: %d", field_rows[i].selector, field_rows[i].object, got);
    }
}

static void label_selector_objects(void **state)
{
    static const struct {
        const char *selector, *labels;
        bool want;
    } rows[] = {
        { "{\"matchLabels\":{\"a\":\"1\"}}", "{\"a\":\"1\",\"b\":\"2\"}", true },
        { "{\"matchLabels\":{\"a\":\"1\"}}", "{\"a\":\"2\"}", false },
        { "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[\"1\",\"2\"]}]}", "{\"a\":\"2\"}",
          true },
        { "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"NotIn\",\"values\":[\"1\"]}]}", "{}", true },
        { "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\"}]}", "{}", false },
        { "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"DoesNotExist\"}]}", "{}", true },
    };
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    for (size_t i = 0; i < HC_LEN(rows); i++)
        if (hc_sb_label_selector_match(json(a, rows[i].selector), json(a, rows[i].labels)) != rows[i].want)
            fail_msg("%s on %s", rows[i].selector, rows[i].labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels),
        cmocka_unit_test(fields),
        cmocka_unit_test(label_selector_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
