/*
 * Charts from files: typed Chart.yaml, where each file goes, sub-charts, refusals with Helm's texts.
 */
#include <stdio.h>

#include "charts-fetch/chart/chart.h"
#include "charts-fetch/chart/ignore.h"
#include "core/value/json.h"
#include "tests/unit/unit.h"

#define F(name, body)                                                                                              \
    {                                                                                                              \
        HC_S(name), HC_S(body)                                                                                     \
    }

static enum hc_rc load(const struct hc_chart_file *files, size_t n, struct hc_chart **out, struct hc_err *err)
{
    return hc_chart_load_files(hc_arena_new(0), files, n, NULL, out, err);
}

static void scalars_become_text(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *want;
    } rows[] = {
        { "name: c\nversion: 1.0.0\nappVersion: 1.10", "1.1" },
        { "name: c\nversion: 1.0.0\nappVersion: 1.123456789", "1.1234568" },
        { "name: c\nversion: 1.0.0\nappVersion: 010", "8" },
        { "name: c\nversion: 1.0.0\nappVersion: 1_000", "1000" },
        { "name: c\nversion: 1.0.0\nappVersion: n", "false" },
        { "name: c\nversion: 1.0.0\nappVersion: 2001-01-01", "2001-01-01" },
        { "name: c\nversion: 1.0.0\nappVersion: ", "" },
        { "name: c\nversion: 1.0.0\nappversion: \"x\\ty\"", "x y" },
        { "NAME: c\nVersion: 1.0.0\nAPPVERSION: 1e3", "1000" },
        { "name: c\nversion: 1.0.0\nappVersion: 1234567.0", "1.234567e+06" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_err err = HC_ERR_INIT;
        struct hc_chart_file f = { HC_S("Chart.yaml"), hc_str_of(rows[i].yaml) };
        struct hc_chart *c = NULL;
        if (load(&f, 1, &c, &err) != HC_OK)
            fail_msg("%s: %s", rows[i].yaml, err.msg);
        if (!hc_str_eqz(c->app_version, rows[i].want))
            fail_msg("%s: got %.*s", rows[i].yaml, HC_P(c->app_version));
        assert_true(hc_str_eqz(c->api_version, "v1"));
        hc_chart_unref(c);
    }
}

static void refuses_with_helms_words(void **state)
{
    (void)state;
#define UN "cannot load Chart.yaml: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
    static const struct {
        const char *chart, *values, *want;
    } rows[] = {
        { "version: 1.0.0", "", "validation: chart.metadata.name is required" },
        { "name: c", "", "validation: chart.metadata.version is required" },
        { "name: c\nversion: x", "", "validation: chart.metadata.version \"x\" is invalid" },
        { "name: ../s\nversion: 1.0.0", "", "validation: chart.metadata.name \"../s\" is invalid" },
        { "name: c\nversion: 1.0.0\ntype: foo", "",
          "validation: chart.metadata.type must be application or library" },
        { "name: [x]\nversion: 1.0.0", "", UN "array into Go struct field Metadata.name of type string" },
        { "name: c\nversion: 1\ndeprecated: 'true'", "",
          UN "string into Go struct field Metadata.deprecated of type bool" },
        { "name: c\nversion: 1\nmaintainers:\n- name: {a: b}", "",
          UN "object into Go struct field Maintainer.maintainers.name of type string" },
        { "name: c\nversion: 1\nmaintainers: 5", "",
          UN "number into Go struct field Metadata.maintainers of type []*v2.Maintainer" },
        { "name: c\nversion: 1\nannotations: {a: [b]}", "",
          UN "array into Go struct field Metadata.annotations of type string" },
        { "name: c\nversion: 1\ndependencies: [{name: x}, {name: x}]", "",
          "validation: more than one dependency with name or alias \"x\"" },
        { "name: c\nversion: 1\ndependencies: [{name: x, alias: 'a b'}]", "",
          "validation: dependency \"x\" has disallowed characters in the alias" },
        { "name: c\nversion: 1\ndependencies: [null]", "",
          "validation: dependencies must not contain empty or null nodes" },
        { "a: b: c", "",
          "cannot load Chart.yaml: error converting YAML to JSON: yaml: mapping values are not allowed in this "
          "context" },
        { "name: c\nversion: 1", "a: 1\n--- x: 2\n",
          "cannot load values.yaml: error reading yaml document: invalid Yaml document separator: x: 2" },
        { "name: c\nversion: 1", "- a\n",
          "cannot load values.yaml: cannot unmarshal yaml document: error unmarshaling JSON: while decoding JSON: "
          "json: "
          "cannot unmarshal array into Go value of type map[string]interface {}" },
        { "name: c\nversion: 1", "a: [1\n",
          "cannot load values.yaml: cannot unmarshal yaml document: error converting YAML to JSON: yaml: line 1: "
          "did not "
          "find expected ',' or ']'" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_err err = HC_ERR_INIT;
        struct hc_chart_file f[] = { { HC_S("values.yaml"), hc_str_of(rows[i].values) },
                                     { HC_S("Chart.yaml"), hc_str_of(rows[i].chart) } };
        struct hc_chart *c = NULL;
        if (load(f, 2, &c, &err) == HC_OK)
            fail_msg("taken: %s", rows[i].chart);
        if (strcmp(err.msg, rows[i].want) != 0)
            fail_msg("%s\n got: %s\nwant: %s", rows[i].chart, err.msg, rows[i].want);
    }
    struct hc_err err = HC_ERR_INIT;
    struct hc_chart *c = NULL;
    assert_int_equal(load(NULL, 0, &c, &err), HC_E_INPUT);
    assert_string_equal(err.msg, "Chart.yaml file is missing");
}

static void files_find_their_place(void **state)
{
    (void)state;
    const struct hc_chart_file f[] = {
        F("\xef\xbb\xbf", ""),
        F("templates/a.yaml", "\xef\xbb\xbf"
                              "a"),
        F("Chart.yaml", "apiVersion: v1\nname: top\nversion: 1.0.0\n"),
        F("values.yaml", "a: 1\nb: {c: [x]}\n---\nb: {d: null}\n"),
        F("values.schema.json", "{}"),
        F("requirements.yaml", "dependencies:\n- name: sub\n  version: '>0'\n  repository: ''\n  tags: [1, x]\n"),
        F("requirements.lock", "digest: x\n"),
        F("crds/x.yaml", "crd"),
        F("crds/README.md", "text"),
        F("README.md", "read"),
        F("charts/zeta/Chart.yaml", "name: zeta\nversion: 1.0.0\n"),
        F("charts/sub/values.yaml", "s: 1\n"),
        F("charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.0.0\n"),
        F("charts/sub/charts/deep/Chart.yaml", "name: deep\nversion: 1.0.0\n"),
        F("charts/_off/nothing", "x"),
        F("charts/sub.tgz.prov", "sig"),
    };
    struct hc_err err = HC_ERR_INIT;
    struct hc_chart *c = NULL;
    if (load(f, HC_LEN(f), &c, &err) != HC_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(c->raw_n, HC_LEN(f));
    assert_int_equal(c->templates_n, 1);
    assert_true(hc_str_eqz(c->templates[0].body, "a"));
    assert_int_equal(c->crds_n, 1);
    assert_int_equal(c->deps_n, 1);
    assert_true(hc_str_eqz(hc_get_str(hc_list_at(c->deps[0].tags, 0)), "1"));
    assert_true(hc_str_eqz(c->lock_name, "requirements.lock"));
    char names[512] = "";
    for (size_t i = 0; i < c->files_n; i++)
        snprintf(names + strlen(names), sizeof(names) - strlen(names), "%.*s ", HC_P(c->files[i].name));
    assert_string_equal(names,
                        "\xef\xbb\xbf requirements.yaml requirements.lock crds/x.yaml crds/README.md README.md "
                        "charts/sub.tgz.prov ");
    assert_int_equal(c->subs_n, 2);
    assert_true(hc_str_eqz(c->subs[0]->name, "sub"));
    assert_true(hc_str_eqz(hc_chart_path(c->arena, c->subs[0]->subs[0]), "top/charts/sub/charts/deep"));
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write(&b, c->values, 0);
    hc_buf_putc(&b, ' ');
    hc_json_write(&b, c->metadata, 0);
    hc_buf_putc(&b, '\0');
    assert_string_equal(b.p,
                        "{\"a\":1,\"b\":{\"c\":[\"x\"],\"d\":null}} "
                        "{\"name\":\"top\",\"version\":\"1.0.0\",\"apiVersion\":\"v1\",\"dependencies\":[{\"name\":"
                        "\"sub\",\"version\":\">0\",\"repository\":\"\",\"tags\":[\"1\",\"x\"]}]}");
    assert_int_equal(c->digest.n, 71);
    hc_chart_unref(hc_chart_ref(c));
    hc_chart_unref(c);
}

static void patterns(void **state)
{
    (void)state;
    static const struct {
        const char *p, *s;
        bool want, bad;
    } rows[] = {
        { "*.yaml", "a.yaml", true, false },
        { "*.yaml", "d/a.yaml", false, false },
        { "t/*/x", "t/abc/x", true, false },
        { "a?c", "abc", true, false },
        { "a?c", "a/c", false, false },
        { "[a-c]x", "bx", true, false },
        { "[^a-c]x", "bx", false, false },
        { "\\*", "*", true, false },
        { "*", "", true, false },
        { "a*b*c", "aXbYbZc", true, false },
        { "[x", "x", false, true },
        { "[]a]", "]", false, true },
        { "[-]", "-", false, true },
        { "x\\", "x", false, true },
        { "x*[", "x", false, true },
        { "y*[", "x", false, false },
        { "a[^x]b", "a/b", true, false },
        { "a[.-0]b", "a/b", true, false },
        { "*\xc3\xa9?", "a\xc3\xa9z", true, false },
        { "templates/.?*", "templates/.x", true, false },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        bool bad;
        if (hc_path_match(hc_str_of(rows[i].p), hc_str_of(rows[i].s), &bad) != rows[i].want || bad != rows[i].bad)
            fail_msg("%s against %s", rows[i].p, rows[i].s);
    }
}

static void ignore_rules(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    struct hc_ignore *g = NULL;
    assert_int_equal(hc_ignore_parse(a, HC_S("# c\n\n*.bak\n/top.txt\ndir/\nsub/x.*\r\n"), &g, &err), HC_OK);
    assert_true(hc_ignored(g, HC_S("a/b.bak"), false));
    assert_true(hc_ignored(g, HC_S("top.txt"), false));
    assert_false(hc_ignored(g, HC_S("a/top.txt"), false));
    assert_true(hc_ignored(g, HC_S("a/dir"), true));
    assert_false(hc_ignored(g, HC_S("a/dir"), false));
    assert_true(hc_ignored(g, HC_S("sub/x.y"), false));
    assert_true(hc_ignored(g, HC_S("templates/.hidden"), false));
    assert_false(hc_ignored(g, HC_S("templates/x"), false));
    assert_int_equal(hc_ignore_parse(a, HC_S("**/x"), &g, &err), HC_E_INPUT);
    assert_int_equal(hc_ignore_parse(a, HC_S("!*.yaml"), &g, &err), HC_OK);
    assert_true(hc_ignored(g, HC_S("x.txt"), false)); /* Helm's negation */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_become_text),    cmocka_unit_test(refuses_with_helms_words),
        cmocka_unit_test(files_find_their_place), cmocka_unit_test(patterns),
        cmocka_unit_test(ignore_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
