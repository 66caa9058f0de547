/*
 * A chart as Helm keeps it in a record: compared with the record the real Helm made of the same files.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "core/base/fs.h"
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "deploy/compose/compose.h"
#include "tests/unit/unit.h"

/* The files the real Helm put into tests/unit/deploy/release/records/helm4.json. */
static const struct {
    const char *name, *body;
} files[] = {
    { "Chart.yaml",
      "apiVersion: v2\nname: mini\nversion: 1.2.3\nappVersion: \"4.5\"\ndescription: a <b> & \"c\"\n"
      "annotations: {b: \"2\", a: \"1\"}\nkeywords: [x, y]\nmaintainers: [{name: me, email: m@e.x}]\n" },
    { "values.yaml",
      "n: 1\nbig: 12345678901\nf: 1.5\ns: \"a<b>&c\\u2028\xc3\xa9\"\nl: [1, \"2\", {}]\nm: {z: null, a: "
      "{}}\n" },
    { "templates/cm.yaml",
      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-cm\ndata:\n  n: {{ "
      ".Values.n | quote }}\n  rev: {{ .Release.Revision | quote }}\n" },
    { "templates/hook.yaml",
      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-hook\n  annotations:\n    "
      "helm.sh/hook: "
      "pre-install,post-upgrade,test\n    helm.sh/hook-weight: \"3\"\n    helm.sh/hook-delete-policy: "
      "before-hook-creation, hook-succeeded\ndata: {a: b}\n" },
    { "templates/NOTES.txt", "hello {{ .Release.Name }}\n" },
    { "README.md", "readme\n" },
    { "values.schema.json", "{\"type\":\"object\"}\n" },
};

/* Everything but times of files, which we do not keep. */
static void drop_times(struct hc_val *v)
{
    for (size_t i = 0; i < hc_list_len(v); i++)
        drop_times(hc_list_at(v, i));
    if (!hc_is_map(v))
        return;
    (void)hc_map_del(v, HC_S("modtime"));
    (void)hc_map_del(v, HC_S("schemamodtime"));
    for (size_t i = 0; i < hc_map_len(v); i++)
        drop_times(hc_map_at(v, i)->val);
}

static int by_name(const void *x, const void *y)
{
    const struct hc_val *const *a = x, *const *b = y;
    return hc_str_cmp(hc_get_str(hc_map_getz(*a, "name")), hc_get_str(hc_map_getz(*b, "name")));
}

static hc_str text(struct hc_arena *a, struct hc_val *chart)
{
    struct hc_buf b;
    struct hc_val *templates = hc_map_getz(chart, "templates");
    drop_times(chart);
    if (hc_is_list(templates)) /* Helm keeps the order its loader met them in */
        qsort(templates->list->items, templates->list->n, sizeof(struct hc_val *), by_name);
    hc_buf_init(&b, 0);
    hc_json_write(&b, chart, HC_JSON_HTML | HC_JSON_GO_FLOAT);
    hc_str s = hc_buf_to_arena(&b, a);
    hc_buf_done(&b);
    return s;
}

static void test_chart(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_arena *own = hc_arena_new(0);
    struct hc_chart_file list[HC_LEN(files)];
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    struct hc_err err = HC_ERR_INIT;
    struct hc_record helm;
    hc_str json;
    for (size_t i = 0; i < HC_LEN(files); i++)
        list[i] = (struct hc_chart_file){ hc_str_of(files[i].name), hc_str_of(files[i].body) };
    if (hc_chart_load_files(own, list, HC_LEN(files), NULL, &chart, &err) != HC_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(hc_read_file(a, AT_FDCWD, HC_TEST_SOURCE_DIR "/tests/unit/deploy/release/records/helm4.json",
                                  1 << 20, &json, &err),
                     HC_OK);
    assert_int_equal(hc_record_of_json(a, json, &helm, &err), HC_OK);
    hc_str got = text(a, hc_val_clone(a, hc_compose_chart(a, chart, NULL))), want = text(a, helm.chart);
    if (!hc_str_eq(got, want))
        fail_msg("got:\n%.*s\nwant:\n%.*s", HC_P(got), HC_P(want));
}

/* With dependencies; what Helm 4.3.1 shows of it (`helm install --dry-run=client -o json`). */
#define SUB "own: 1\ntaken: 1\nnothing: null\nnested: {x: 1, z: [1]}\nexports: {data: {imported: true, more: 1}}\n"
static const struct hc_chart_file nested[] = {
    { HC_S("Chart.yaml"),
      HC_S("apiVersion: v2\nname: deps\nversion: 0.1.0\ndependencies:\n- {name: sub, version: 0.1.0, alias: other, "
           "import-values: [data, {child: nested, parent: up}]}\n- {name: sub, version: 0.1.x, tags: [back]}\n"
           "- {name: opt, version: '>0', repository: 'https://charts.example.com', condition: opt.enabled}\n") },
    { HC_S("values.yaml"), HC_S("opt: {enabled: false, a: 1}\nother: {mine: 1, taken: null}\nglobal: {g: 1}\n"
                                "imported: false\n") },
    { HC_S("templates/a.yaml"), HC_S("") },
    { HC_S("charts/sub/Chart.yaml"), HC_S("apiVersion: v2\nname: sub\nversion: 0.1.0\n") },
    { HC_S("charts/sub/values.yaml"), HC_S(SUB) },
    { HC_S("charts/opt/Chart.yaml"), HC_S("apiVersion: v2\nname: opt\nversion: 0.1.0\n") },
    { HC_S("charts/opt/values.yaml"), HC_S("b: 2\n") },
};
#define OTHER                                                                                                      \
    "{\"name\":\"other\",\"version\":\"0.1.0\",\"repository\":\"\",\"enabled\":true,\"import-values\":[{"          \
    "\"child\":"                                                                                                   \
    "\"exports.data\",\"parent\":\".\"},{\"child\":\"nested\",\"parent\":\"up\"}],\"alias\":\"other\"}"
#define OF_SUB(taken, mine)                                                                                        \
    "{\"exports\":{\"data\":{\"imported\":true,\"more\":1}},\"global\":{\"g\":1}," mine                            \
    "\"nested\":{\"x\":1,\"z\":[1]},\"nothing\":null,\"own\":1,\"taken\":" taken "}"
static const struct {
    const char *values, *metadata, *want;
} dependent[] = {
    { "{other: {given: 1}}",
      "\"dependencies\":[" OTHER ",{\"name\":\"sub\",\"version\":\"0.1.x\",\"repository\":\"\",\"tags\":[\"back\"],"
      "\"enabled\":true}]}",
      "{\"global\":{\"g\":1},\"imported\":false,\"more\":1,\"opt\":{\"a\":1,\"enabled\":false},\"other\":" OF_SUB(
          "null", "\"mine\":1,") ",\"sub\":" OF_SUB("1", "") ",\"up\":{\"x\":1,\"z\":[1]}}" },
    { "{opt: {enabled: true}, tags: {back: false}}",
      "\"dependencies\":[" OTHER ",{\"name\":\"opt\",\"version\":\"\\u003e0\",\"repository\":"
      "\"https://charts.example.com\",\"condition\":\"opt.enabled\",\"enabled\":true}]}",
      "{\"global\":{\"g\":1},\"imported\":false,\"more\":1,\"opt\":{\"a\":1,\"b\":2,\"enabled\":false,\"global\":{"
      "\"g\":1}},\"other\":" OF_SUB("null", "\"mine\":1,") ",\"up\":{\"x\":1,\"z\":[1]}}" },
};

static void test_dependencies(void **state)
{
    (void)state;
    for (size_t i = 0; i < HC_LEN(dependent); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
        struct hc_err err = HC_ERR_INIT;
        struct hc_val *values = NULL;
        struct hc_render_output out = { 0 };
        assert_int_equal(hc_yaml_parse(a, hc_str_of(dependent[i].values), HC_S("v"), HC_YAML_PLAIN, &values, &err),
                         HC_OK);
        if (hc_chart_load_files(hc_arena_new(0), nested, HC_LEN(nested), NULL, &chart, &err) != HC_OK)
            fail_msg("%s", err.msg);
        const struct hc_render_input in = { .chart = chart,
                                            .values = values,
                                            .release_name = HC_S("x"),
                                            .release_namespace = HC_S("n"),
                                            .revision = 1,
                                            .record = true };
        if (hc_render(a, &in, &out, &err) != HC_OK)
            fail_msg("%s", err.msg);
        struct hc_val *composed = hc_compose_chart(a, chart, &out);
        hc_str meta = text(a, hc_map_getz(composed, "metadata")), got = text(a, hc_map_getz(composed, "values"));
        if (hc_str_find_str(meta, hc_str_of(dependent[i].metadata)) == SIZE_MAX)
            fail_msg("got:\n%.*s\nwant:\n%s", HC_P(meta), dependent[i].metadata);
        if (!hc_str_eqz(got, dependent[i].want))
            fail_msg("got:\n%.*s\nwant:\n%s", HC_P(got), dependent[i].want);
    }
}

/* What Helm 4.3.1 gives for `get values --all`, and for the user's values of `upgrade --reuse-values` and
 * `--reset-then-reuse-values`. */
static const struct {
    const char *defaults, *config, *given, *computed, *reused;
} reuse[] = {
    { "{a: {b: 1, c: {d: 2}}, l: [1, 2], s: x}", "{a: {b: null, x: 1, c: null}, s: null, q: null}",
      "{a: {x: null}}", "{\"a\":{\"x\":1},\"l\":[1,2],\"q\":null}",
      "{\"a\":{\"b\":null,\"c\":null},\"q\":null,\"s\":null}" },
    { "{a: {x: 1}, l: [1, 2]}", "{a: {b: null, c: null}, q: null, s: null}", "{a: null, l: [9]}",
      "{\"a\":{\"b\":null,\"c\":null,\"x\":1},\"l\":[1,2],\"q\":null,\"s\":null}",
      "{\"l\":[9],\"q\":null,\"s\":null}" },
    { "{z: null, m: {z: null}}", "{z: null, m: {z: null}}", "{z: null}", "{\"m\":{\"z\":null}}",
      "{\"m\":{\"z\":null},\"z\":null}" },
    { "{}", "{a: 1}", "{}", "{\"a\":1}", "{\"a\":1}" },
};

static void test_reuse(void **state)
{
    (void)state;
    for (size_t i = 0; i < HC_LEN(reuse); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_err err = HC_ERR_INIT;
        struct hc_val *defaults, *given;
        struct hc_record r = { .chart = hc_map_new(a) };
        assert_int_equal(hc_yaml_parse(a, hc_str_of(reuse[i].defaults), HC_S("v"), HC_YAML_PLAIN, &defaults, &err),
                         HC_OK);
        assert_int_equal(hc_yaml_parse(a, hc_str_of(reuse[i].config), HC_S("v"), HC_YAML_PLAIN, &r.config, &err),
                         HC_OK);
        assert_int_equal(hc_yaml_parse(a, hc_str_of(reuse[i].given), HC_S("v"), HC_YAML_PLAIN, &given, &err),
                         HC_OK);
        hc_map_put(a, r.chart, HC_S("values"), defaults);
        hc_str computed = text(a, hc_compose_computed(a, &r));
        if (!hc_str_eqz(computed, reuse[i].computed))
            fail_msg("computed: got %.*s, want %s", HC_P(computed), reuse[i].computed);
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        hc_json_write(&b, hc_compose_reused(a, &r, given), HC_JSON_SORT | HC_JSON_GO_FLOAT);
        if (!hc_str_eqz(hc_buf_str(&b), reuse[i].reused))
            fail_msg("reused: got %.*s, want %s", HC_P(hc_buf_str(&b)), reuse[i].reused);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_chart), cmocka_unit_test(test_dependencies),
                                        cmocka_unit_test(test_reuse) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
