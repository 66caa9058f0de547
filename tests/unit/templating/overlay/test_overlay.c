/*
 * Charts with their values: coalescing, globals, nulls, aliases, conditions, tags and imports (D4, D5). Charts are
 * made of texts; the wanted values are what Helm 4.3 gives for the same files.
 */
#include "core/value/json.h"
#include "templating/overlay/overlay.h"
#include "tests/unit/unit.h"

#define FILES 8

struct row {
    const char *name;
    struct {
        const char *path, *body;
    } files[FILES];
    const char *user;
    /* of each enabled chart: "path values-as-JSON\n", or the error */
    const char *want;
};

static void list_values(struct hc_buf *b, const struct hc_overlay_chart *c, struct hc_arena *a, hc_str path)
{
    hc_buf_printf(b, "%.*s ", HC_P(path));
    hc_json_write(b, c->values, HC_JSON_SORT | HC_JSON_GO_FLOAT);
    hc_buf_putc(b, '\n');
    for (size_t i = 0; i < c->subs_n; i++)
        list_values(b, c->subs[i], a, hc_arena_printf(a, "%.*s/%.*s", HC_P(path), HC_P(c->subs[i]->name)));
}

static enum hc_rc no_archives(struct hc_arena *a, hc_str archive, struct hc_chart_file **out, size_t *out_n,
                              struct hc_err *err)
{
    (void)a, (void)archive, (void)out, (void)out_n;
    return hc_fail(err, HC_E_INPUT, "no archives here");
}

static const struct hc_chart_port port = { .unpack = no_archives, .no_digest = true };

static void run(const struct row *r, bool helm3, struct hc_buf *b)
{
    struct hc_chart_file files[FILES];
    size_t n = 0;
    struct hc_err err = HC_ERR_INIT;
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    while (n < FILES && r->files[n].path) {
        files[n] = (struct hc_chart_file){ .name = hc_str_of(r->files[n].path),
                                           .body = hc_str_of(r->files[n].body) };
        n++;
    }
    if (hc_chart_load_files(hc_arena_new(0), files, n, &port, &chart, &err) != HC_OK)
        fail_msg("%s: %s", r->name, err.msg);
    struct hc_val *user = NULL;
    if (r->user && hc_json_parse(a, hc_str_of(r->user), HC_JSON_ALL_FLOAT, &user, &err) != HC_OK)
        fail_msg("%s: %s", r->name, err.msg);
    struct hc_overlay_opts opts = { .helm3 = helm3, .origins = hc_origins_new(a) };
    struct hc_overlay out;
    if (hc_overlay_process(a, chart, user, &opts, &out, &err) == HC_OK)
        list_values(b, out.root, a, out.root->name);
    else
        hc_buf_puts(b, err.msg);
    hc_buf_putc(b, '\0');
}

#define CHART(name) "apiVersion: v2\nname: " name "\nversion: 1.0.0\n"
#define SUB(body)                                                                                                  \
    { "charts/sub/Chart.yaml", CHART("sub") },                                                                     \
    {                                                                                                              \
        "charts/sub/values.yaml", body                                                                             \
    }
#define DEPS "dependencies:\n- name: sub\n  version: 1.x\n"

static const struct row rows[] = {
    { "user wins, maps merge, lists replace",
      { { "Chart.yaml", CHART("top") }, { "values.yaml", "a: {x: 1, w: [1]}\nb: 1" } },
      "{\"a\":{\"w\":[2],\"z\":3},\"b\":{\"c\":1}}",
      "top {\"a\":{\"w\":[2],\"x\":1,\"z\":3},\"b\":{\"c\":1}}\n" },
    { "null deletes what the chart has, and stays where it has nothing",
      { { "Chart.yaml", CHART("top") }, { "values.yaml", "a: {x: 1, w: null}\nb: 1\nc: null\nd: [null]" } },
      "{\"a\":{\"x\":null,\"q\":null},\"b\":null,\"n\":null}",
      "top {\"a\":{\"q\":null},\"d\":[null],\"n\":null}\n" },
    { "sub-charts see globals, parents see children",
      { { "Chart.yaml", CHART("top") },
        { "values.yaml", "global: {g: 1}\nsub: {a: p}" },
        SUB("a: s\nb: s\nglobal: {g: 2, h: 3}") },
      "{\"sub\":{\"c\":1}}",
      "top {\"global\":{\"g\":1},\"sub\":{\"a\":\"p\",\"b\":\"s\",\"c\":1,\"global\":{\"g\":1,\"h\":3}}}\n"
      "top/sub {\"a\":\"p\",\"b\":\"s\",\"c\":1,\"global\":{\"g\":1,\"h\":3}}\n" },
    { "a condition disables, the user's section stays",
      { { "Chart.yaml", CHART("top") DEPS "  condition: sub.use\n" },
        { "values.yaml", "sub: {use: false}" },
        SUB("a: 1") },
      "{\"sub\":{\"z\":1}}",
      "top {\"sub\":{\"use\":false,\"z\":1}}\n" },
    { "the first condition that is a bool decides over tags",
      { { "Chart.yaml", CHART("top") DEPS "  tags: [t]\n  condition: no.such,sub.use\n" },
        { "values.yaml", "tags: {t: false}\nsub: {use: true}" },
        SUB("a: 1") },
      NULL,
      "top {\"sub\":{\"a\":1,\"global\":{},\"use\":true},\"tags\":{\"t\":false}}\ntop/sub "
      "{\"a\":1,\"global\":{},\"use\":true}\n" },
    { "tags alone",
      { { "Chart.yaml", CHART("top") DEPS "  tags: [t, u]\n" },
        { "values.yaml", "tags: {t: false}" },
        SUB("a: 1") },
      NULL,
      "top {\"tags\":{\"t\":false}}\n" },
    { "one chart under two names",
      { { "Chart.yaml", CHART("top") "dependencies:\n- {name: sub, version: 1.x, alias: one}\n"
                                     "- {name: sub, version: 1.x, alias: two}\n" },
        SUB("a: 1") },
      "{\"two\":{\"a\":2}}",
      "top {\"one\":{\"a\":1,\"global\":{}},\"two\":{\"a\":2,\"global\":{}}}\ntop/one {\"a\":1,\"global\":{}}\n"
      "top/two {\"a\":2,\"global\":{}}\n" },
    { "imports: exports and tables, the parent wins",
      { { "Chart.yaml", CHART("top") DEPS "  import-values:\n  - data\n  - {child: t, parent: into.here}\n" },
        { "values.yaml", "mine: parent" },
        SUB("exports: {data: {mine: child, theirs: 1}}\nt: {k: v}") },
      NULL,
      "top "
      "{\"into\":{\"here\":{\"k\":\"v\"}},\"mine\":\"parent\",\"sub\":{\"exports\":{\"data\":{\"mine\":\"child\","
      "\"theirs\":1}},\"global\":{},\"t\":{\"k\":\"v\"}},\"theirs\":1}\n"
      "top/sub {\"exports\":{\"data\":{\"mine\":\"child\",\"theirs\":1}},\"global\":{},\"t\":{\"k\":\"v\"}}\n" },
    { "imports: an empty table is not shared with where it came from",
      { { "Chart.yaml",
          CHART("top") "dependencies:\n"
                       "- {name: sub, version: 1.x, alias: one, import-values: [{child: e, parent: g}]}\n"
                       "- {name: sub, version: 1.x, alias: two, import-values: [{child: t, parent: g}]}\n" },
        SUB("e: {}\nt: {k: v}") },
      NULL,
      "top {\"g\":{\"k\":\"v\"},\"one\":{\"e\":{},\"global\":{},\"t\":{\"k\":\"v\"}},"
      "\"two\":{\"e\":{},\"global\":{},\"t\":{\"k\":\"v\"}}}\n"
      "top/one {\"e\":{},\"global\":{},\"t\":{\"k\":\"v\"}}\n"
      "top/two {\"e\":{},\"global\":{},\"t\":{\"k\":\"v\"}}\n" },
    { "a section that is no table",
      { { "Chart.yaml", CHART("top") }, SUB("a: 1") },
      "{\"sub\":\"x\"}",
      "type mismatch on sub: %!t(string=x)" },
    { "a section that is no table, of a chart with a list",
      { { "Chart.yaml", CHART("top") DEPS }, SUB("a: 1") },
      "{\"sub\":\"x\"}",
      "chart dependencies processing failed: type mismatch on sub: %!t(string=x)" },
    { "a section that is null, of a chart with a list",
      { { "Chart.yaml", CHART("top") DEPS }, SUB("a: 1") },
      "{\"sub\":null}",
      "chart dependencies processing failed: type mismatch on sub: %!t(<nil>)" },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        run(&rows[i], false, &b);
        if (strcmp(b.p, rows[i].want) != 0)
            fail_msg("%s\n  gives\n%s\n  wanted\n%s", rows[i].name, b.p, rows[i].want);
    }
}

static void test_helm3_keeps_nulls_of_charts(void **state)
{
    (void)state;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    static const struct row r = {
        "nulls", { { "Chart.yaml", CHART("top") }, { "values.yaml", "a: null\nb: {c: null}" } }, NULL, NULL
    };
    run(&r, true, &b);
    assert_string_equal(b.p, "top {\"a\":null,\"b\":{\"c\":null}}\n");
}

static void test_shared_map_and_origins(void **state)
{
    (void)state;
    const struct hc_chart_file files[] = {
        { .name = HC_S("Chart.yaml"), .body = HC_S(CHART("top")) },
        { .name = HC_S("values.yaml"), .body = HC_S("x: 1\nsub:\n  a: 2") },
        { .name = HC_S("charts/sub/Chart.yaml"), .body = HC_S(CHART("sub")) },
        { .name = HC_S("charts/sub/values.yaml"), .body = HC_S("\nb: 3") },
    };
    struct hc_err err = HC_ERR_INIT;
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_overlay_opts opts = { .origins = hc_origins_new(a) };
    struct hc_overlay out;
    assert_int_equal(hc_chart_load_files(hc_arena_new(0), files, 4, &port, &chart, &err), HC_OK);
    assert_int_equal(hc_overlay_process(a, chart, NULL, &opts, &out, &err), HC_OK);
    assert_ptr_equal(out.root->subs[0]->values, hc_map_getz(out.root->values, "sub"));
    assert_ptr_equal(out.root->subs[0]->parent, out.root);
    const struct hc_val *v = hc_get(out.root->values, "sub.a");
    assert_true(hc_str_eqz(hc_origins_get(opts.origins, v->origin)->name, "values.yaml"));
    assert_int_equal(v->line, 3);
    v = hc_get(out.root->values, "sub.b");
    assert_true(hc_str_eqz(hc_origins_get(opts.origins, v->origin)->name, "charts/sub/values.yaml"));
    assert_int_equal(v->line, 2);
    assert_int_equal(hc_get(chart->values, "x")->origin, 0);
}

static void test_missing_dependency(void **state)
{
    (void)state;
    const struct hc_chart_file files[] = { { .name = HC_S("Chart.yaml"), .body = HC_S(CHART("top") DEPS) } };
    struct hc_err err = HC_ERR_INIT;
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    assert_int_equal(hc_chart_load_files(hc_arena_new(0), files, 1, &port, &chart, &err), HC_OK);
    assert_int_equal(hc_overlay_check_deps(chart, false, &err), HC_E_INPUT);
    assert_string_equal(
        err.msg, "an error occurred while checking for chart dependencies. You may need to run 'helm dependency "
                 "build' to fetch missing dependencies: found in Chart.yaml, but missing in charts/ directory: "
                 "sub");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_helm3_keeps_nulls_of_charts),
        cmocka_unit_test(test_shared_map_and_origins),
        cmocka_unit_test(test_missing_dependency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
