/*
 * Whole renders: the cache of compiled charts, stages of failure, notes, many threads at once.
 */
#include <pthread.h>
#include <stdio.h>

#include "templating/render/render.h"
#include "tests/unit/unit.h"

#define F(name, body)                                                                                              \
    {                                                                                                              \
        HC_S(name), HC_S(body)                                                                                     \
    }

static const struct hc_chart_file files[] = {
    F("Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n"),
    F("values.yaml", "replicas: 1\n"),
    F("templates/_h.tpl", "{{ define \"name\" }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}"),
    F("templates/a.yaml", "kind: A\nname: {{ include \"name\" . }}\nreplicas: {{ .Values.replicas }}\n"),
    F("templates/NOTES.txt", "of {{ .Chart.Name }}"),
    F("crds/c.yaml", "kind: CustomResourceDefinition\n"),
    F("charts/db/Chart.yaml", "apiVersion: v2\nname: db\nversion: 1.0.0\n"),
    F("charts/db/templates/NOTES.txt", "of {{ .Chart.Name }}"),
    F("charts/db/templates/b.yaml", "kind: B\n{{ if .Values.broken }}{{ fail \"no\" }}{{ end }}"),
};

static struct hc_chart *shop(bool digest)
{
    const struct hc_chart_port port = { .no_digest = !digest };
    struct hc_chart *c = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (hc_chart_load_files(hc_arena_new(0), files, HC_LEN(files), &port, &c, &err) != HC_OK)
        fail_msg("%s", err.msg);
    return c;
}

static enum hc_rc render(struct hc_arena *a, struct hc_chart *c, const char *values, bool sub_notes,
                         struct hc_render_output *out, struct hc_err *err)
{
    struct hc_val *v = NULL;
    assert_int_equal(hc_values_parse(a, hc_str_of(values), HC_S("v.yaml"), &v, err), HC_OK);
    const struct hc_render_input in = { .chart = c,
                                        .values = v,
                                        .release_name = HC_S("web"),
                                        .release_namespace = HC_S("default"),
                                        .revision = 1,
                                        .sub_notes = sub_notes };
    return hc_render(a, &in, out, err);
}

static void other_values_parse_nothing(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    HC_AUTO(hc_chart) struct hc_chart *c = shop(true);
    HC_AUTO(hc_chart) struct hc_chart *same = shop(true);
    HC_AUTO(hc_chart) struct hc_chart *once = shop(false);
    struct hc_render_output out;
    struct hc_err err = HC_ERR_INIT;
    hc_render_cache_clear();
    if (render(a, c, "replicas: 2", false, &out, &err) != HC_OK)
        fail_msg("%s", err.msg);
    assert_true(hc_str_eqz(out.docs.manifests[0].text, "kind: A\nname: web-shop\nreplicas: 2\n"));
    assert_int_equal(out.docs.manifests_n, 2);
    assert_int_equal(out.docs.crds_n, 1);
    assert_true(hc_str_eqz(out.docs.crds[0].path, "shop/crds/c.yaml"));
    uint64_t parses = hc_program_parses();
    assert_int_equal(render(a, c, "replicas: 3", false, &out, &err), HC_OK);
    assert_true(hc_str_eqz(out.docs.manifests[0].text, "kind: A\nname: web-shop\nreplicas: 3\n"));
    assert_int_equal(render(a, same, "replicas: 4", false, &out, &err),
                     HC_OK); /* loaded again: the digest counts */
    assert_int_equal(hc_program_parses(), parses);
    assert_int_equal(render(a, once, "", false, &out, &err), HC_OK); /* without a digest nothing is kept */
    assert_true(hc_program_parses() > parses);
    parses = hc_program_parses();
    hc_render_cache_limit(1);
    assert_int_equal(render(a, c, "", false, &out, &err), HC_OK);
    assert_true(hc_program_parses() > parses);
    hc_render_cache_limit(0);
}

static void tells_how_far_it_came(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    HC_AUTO(hc_chart) struct hc_chart *c = shop(true);
    struct hc_render_output out;
    struct hc_err err = HC_ERR_INIT;
    assert_int_equal(render(a, c, "db: 5", false, &out, &err), HC_E_INPUT);
    assert_int_equal(out.stage, HC_RENDER_VALUES);
    assert_int_equal(render(a, c, "db: {broken: true}", false, &out, &err), HC_E_INPUT);
    assert_int_equal(out.stage, HC_RENDER_TEMPLATES);
    assert_string_equal(err.msg, "execution error at (shop/charts/db/templates/b.yaml:2:26): no");
    assert_int_equal(render(a, c, "replicas: 'a: b: c'", false, &out, &err), HC_E_INPUT);
    assert_int_equal(out.stage, HC_RENDER_DOCUMENTS);
    assert_int_equal(out.docs.manifests_n, 2); /* the files as they are, for --debug */
    assert_int_equal(render(a, c, "", false, &out, &err), HC_OK);
    assert_int_equal(out.stage, HC_RENDER_DONE);
}

static void notes(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    HC_AUTO(hc_chart) struct hc_chart *c = shop(true);
    struct hc_render_output out;
    struct hc_err err = HC_ERR_INIT;
    assert_int_equal(render(a, c, "", false, &out, &err), HC_OK);
    assert_true(hc_str_eqz(out.docs.notes, "of shop"));
    assert_int_equal(render(a, c, "", true, &out, &err), HC_OK);
    assert_int_equal(out.docs.notes.n, strlen("of shop\nof db"));
}

static void *many(void *chart)
{
    for (int i = 0; i < 50; i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_render_output out;
        struct hc_err err = HC_ERR_INIT;
        char values[32];
        snprintf(values, sizeof(values), "replicas: %d", i);
        if (render(a, chart, values, false, &out, &err) != HC_OK)
            return "failed";
        char want[64];
        snprintf(want, sizeof(want), "kind: A\nname: web-shop\nreplicas: %d\n", i);
        if (!hc_str_eqz(out.docs.manifests[0].text, want))
            return "another text";
        if (i % 10 == 0)
            hc_render_cache_clear();
    }
    return NULL;
}

static void threads(void **state)
{
    (void)state;
    HC_AUTO(hc_chart) struct hc_chart *c = shop(true);
    pthread_t t[4];
    for (size_t i = 0; i < HC_LEN(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, many, c), 0);
    for (size_t i = 0; i < HC_LEN(t); i++) {
        void *said = NULL;
        pthread_join(t[i], &said);
        assert_null(said);
    }
    hc_render_cache_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_values_parse_nothing),
        cmocka_unit_test(tells_how_far_it_came),
        cmocka_unit_test(notes),
        cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
