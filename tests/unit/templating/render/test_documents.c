/*
 * Splitting, heads, hooks and order.
 */
#include "templating/render/documents.h"

#include <limits.h>
#include <stdio.h>

#include "templating/render/head.h"
#include "tests/unit/unit.h"

static void splits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool helm3;
        const char *want; /* pieces in <> */
    } rows[] = {
        { "a: 1\n---\nb: 2\n", false, "<a: 1\n><b: 2\n>" },
        { "\n\n---\n  a: 1\n\n\n---   \n---\n# c\n", false, "<a: 1\n\n\n><# c\n>" },
        { "---kind: Foo\n--- # c\nx: 1", false, "<kind: Foo\n><# c\nx: 1>" },
        { "a: |\n  ---\n  b\n", false, "<a: |\n  ---\n  b\n>" },
        { "a: 1\r\n---\r\nb: 2\r\n", false, "<a: 1\r\n><b: 2\r\n>" },
        { "", false, "" },
        { " \n\xc2\xa0\n", false, "" },
        { "---", false, "" },
        { "a---\n----\nb", false, "<a---\n><-\nb>" },
        { "a: 1\n\n---\n\nb: 2\n\n", true, "<a: 1><b: 2>" },
        { "a: 1\n---\n---\nb: 2\n", true, "<a: 1><---\nb: 2>" },
        { "---\na: 1\n", true, "<a: 1>" },
        { "a: 1\n  ---\nb: 2\n", true, "<a: 1\n  ---\nb: 2>" },
        { "a: 1\n \n---x: 2", true, "<a: 1><x: 2>" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        hc_str *pieces = NULL;
        size_t n = hc_documents_split(a, hc_str_of(rows[i].text), rows[i].helm3, &pieces);
        char got[256] = "";
        for (size_t k = 0; k < n; k++)
            snprintf(got + strlen(got), sizeof(got) - strlen(got), "<%.*s>", HC_P(pieces[k]));
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("row %zu: got %s", i, got);
    }
}

static void heads(void **state)
{
    (void)state;
#define UN "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
    static const struct {
        const char *text, *kind, *error;
    } rows[] = {
        { "kind: Foo\nmetadata: {name: x, namespace: y, annotations: {a: 1, b: yes}}\n", "Foo", NULL },
        { "KIND: Foo\n", "Foo", NULL },
        { "# only a comment\n", "", NULL },
        { "kind: 010\n", "8", NULL },
        { "kind: Foo\n...\nb: 2: 3\n", "Foo", NULL },
        { "- a\n", NULL, UN "array into Go value of type util.SimpleHead" },
        { "foo\n", NULL, UN "string into Go value of type util.SimpleHead" },
        { "kind: [a]\n", NULL, UN "array into Go struct field SimpleHead.kind of type string" },
        { "metadata: 5\n", NULL,
          UN "number into Go struct field SimpleHead.metadata of type struct { Name string \"json:\\\"name\\\"\"; "
             "Annotations map[string]string \"json:\\\"annotations\\\"\" }" },
        { "metadata:\n  annotations: 5\n", NULL,
          UN "number into Go struct field .metadata.annotations of type map[string]string" },
        { "metadata:\n  annotations:\n    a: [b]\n", NULL,
          UN "array into Go struct field .metadata.annotations of type string" },
        { "metadata:\n  name: {a: b}\n", NULL, UN "object into Go struct field .metadata.name of type string" },
        { "a: b: c\n", NULL,
          "error converting YAML to JSON: yaml: mapping values are not allowed in this context" },
        { "a:\n- b: c\n  {}\n", NULL, "error converting YAML to JSON: yaml: line 2: did not find expected key" },
        { "a:\n  b:\n  []\n", NULL, "error converting YAML to JSON: yaml: line 4: could not find expected ':'" },
        { "a:\n- b: c\n  [x]\n", NULL, "error converting YAML to JSON: yaml: line 4: could not find expected ':'" },
        { "a: .inf\n", NULL, "error converting YAML to JSON: json: unsupported value: +Inf" },
        { "a: *x\n", NULL, "error converting YAML to JSON: yaml: unknown anchor 'x' referenced" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_err err = HC_ERR_INIT;
        struct hc_head h;
        enum hc_rc rc = hc_head_read(a, hc_str_of(rows[i].text), false, &h, &err);
        if ((rc != HC_OK) != (rows[i].error != NULL) || (rows[i].error && strcmp(err.msg, rows[i].error) != 0) ||
            (rows[i].kind && !hc_str_eqz(h.kind, rows[i].kind)))
            fail_msg("%s: %s", rows[i].text, rc == HC_OK ? "taken" : err.msg);
    }
}

static void sorts_and_reads_hooks(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const struct hc_rendered files[] = {
        { HC_S("c/templates/z.yaml"), HC_S("kind: Deployment\nmetadata: {name: d}\n---\nkind: Service\n") },
        { HC_S("c/templates/_p.tpl"), HC_S("kind: Nothing\n") },
        { HC_S("c/templates/b.yaml"), HC_S("kind: Zebra\n---\nkind: Ape\n---\n# nothing\n---\nkind: Service\n") },
        { HC_S("c/templates/blank.yaml"), HC_S(" \n\n") },
        { HC_S("c/templates/a.yaml"),
          HC_S("kind: Job\nmetadata:\n  name: j\n  annotations:\n    helm.sh/hook: ' Pre-Install,test-success'\n"
               "    helm.sh/hook-weight: '-5'\n    helm.sh/hook-delete-policy: hook-succeeded, Hook-Failed\n"
               "---\nkind: Pod\nmetadata:\n  annotations: {helm.sh/hook: crd-install}\n"
               "---\nkind: ConfigMap\nmetadata:\n  annotations: {helm.sh/hook: test, helm.sh/hook-weight: x}\n") },
        { HC_S("c/templates/w.yaml"), HC_S("kind: MutatingWebhookConfiguration\n") },
    };
    struct hc_documents d = { 0 };
    struct hc_val *warnings = hc_list_new(a);
    struct hc_err err = HC_ERR_INIT;
    assert_int_equal(hc_documents_sort(a, files, HC_LEN(files), false, &d, warnings, &err), HC_OK);
    char got[512] = "";
    for (size_t i = 0; i < d.manifests_n; i++)
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%.*s:%u ", HC_P(d.manifests[i].kind),
                 d.manifests[i].line);
    assert_string_equal(got, "Service:7 Service:4 Deployment:1 MutatingWebhookConfiguration:1 :5 Ape:3 Zebra:1 ");
    assert_int_equal(d.hooks_n, 2);
    assert_true(hc_str_eqz(d.hooks[0].kind, "ConfigMap"));
    assert_int_equal(d.hooks[0].weight, 0);
    assert_int_equal(d.hooks[0].delete_policies, HC_HOOK_DELETE_BEFORE);
    assert_int_equal(d.hooks[1].events, HC_HOOK_PRE_INSTALL | HC_HOOK_TEST);
    assert_true(hc_str_eqz(d.hooks[1].event_names[1], "test"));
    assert_int_equal(d.hooks[1].weight, -5);
    assert_int_equal(d.hooks[1].delete_policies, HC_HOOK_DELETE_SUCCEEDED | HC_HOOK_DELETE_FAILED);
    assert_true(hc_str_eqz(d.hooks[1].delete_names[1], "hook-failed"));
    assert_int_equal(hc_list_len(warnings), 1);
    d.manifests_n = 1;
    assert_true(hc_str_eqz(hc_documents_manifest(a, &d), "---\n# Source: c/templates/b.yaml\nkind: Service\n\n"));

    const struct hc_rendered bad = { HC_S("c/templates/x.yaml"), HC_S("\n\na: 1\n---\nb: 1\n c: 2\n") };
    assert_int_equal(hc_documents_sort(a, &bad, 1, false, &d, warnings, &err), HC_E_INPUT);
    assert_string_equal(err.msg,
                        "YAML parse error on c/templates/x.yaml: error converting YAML to JSON: yaml: line 2: "
                        "mapping values are not allowed in this context");
    assert_string_equal(err.file, "c/templates/x.yaml");
    assert_int_equal(err.line, 6);
}

static void kind_orders(void **state)
{
    (void)state;
    assert_int_equal(hc_kind_order_install(HC_S("PriorityClass"), false), 0);
    assert_int_equal(hc_kind_order_install(HC_S("ValidatingWebhookConfiguration"), false), 37);
    assert_int_equal(hc_kind_order_install(HC_S("ValidatingWebhookConfiguration"), true), INT_MAX);
    assert_int_equal(hc_kind_order_install(HC_S("Foo"), false), INT_MAX);
    assert_int_equal(hc_kind_order_uninstall(HC_S("ValidatingWebhookConfiguration"), false), 0);
    assert_int_equal(hc_kind_order_uninstall(HC_S("APIService"), true), 0);
    assert_true(hc_kind_order_uninstall(HC_S("IngressClass"), false) <
                hc_kind_order_uninstall(HC_S("Service"), false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits),
        cmocka_unit_test(heads),
        cmocka_unit_test(sorts_and_reads_hooks),
        cmocka_unit_test(kind_orders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
