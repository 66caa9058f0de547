/*
 * Every allocation of a whole render - chart loaded, values read and laid over, schema, templates, documents - fails
 * once: each time the answer is an error or the right documents, never anything else, and nothing is kept.
 */
#include "core/base/buf.h"
#include "core/base/mem.h"
#include "templating/render/render.h"
#include "tests/unit/unit.h"

#define F(name, body)                                                                                              \
    {                                                                                                              \
        HC_S(name), HC_S(body)                                                                                     \
    }

/* Documents with includes, tpl, hooks, notes. */
static const struct hc_chart_file shop[] = {
    F("Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n"
                    "- {name: db, version: 1.x, alias: store, condition: store.enabled, import-values: [x]}\n"),
    F("values.yaml",
      "replicas: 1\nlist: [a, b, c]\nt: '{{ .Values.replicas }}'\nstore: {enabled: true, size: 2}\n"),
    F("values.schema.json", "{\"properties\":{\"list\":{\"items\":{\"pattern\":\"^[a-z]+$\"}},"
                            "\"replicas\":{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":1}]}}}"),
    F("templates/_h.tpl", "{{ define \"name\" }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}"),
    F("templates/a.yaml",
      "kind: A\nname: {{ include \"name\" . }}\nn: {{ tpl .Values.t . }}\n{{ range $i, $e := .Values.list }}"
      "{{ $e }}: {{ printf \"%05d\" $i }}\n{{ end }}all: {{ toJson .Values | quote }}\n"
      "yaml:\n{{ toYaml .Values.store | nindent 2 }}\nre: {{ regexReplaceAll \"[ab]+\" \"xaby\" \"-$0-\" }}\n"),
    F("templates/hook.yaml", "kind: Job\nmetadata: {name: j, annotations: {helm.sh/hook: pre-install}}\n"),
    F("templates/NOTES.txt", "of {{ .Chart.Name }}"),
    F("charts/db/Chart.yaml", "apiVersion: v2\nname: db\nversion: 1.0.0\n"),
    F("charts/db/values.yaml", "exports: {x: {from: db}}\nsize: 1\n"),
    F("charts/db/templates/b.yaml", "kind: B\nsize: {{ .Values.size }}\n{{ .Files.Get \"f\" }}"),
    F("charts/db/f", "file: f\n"),
};

/* Ends in an error with a chain. */
static const struct hc_chart_file broken[] = {
    F("Chart.yaml", "apiVersion: v2\nname: broken\nversion: 1.0.0\n"),
    F("templates/_h.tpl", "{{ define \"a\" }}{{ include \"b\" . }}{{ end }}{{ define \"b\" }}{{ .x.y }}{{ end }}"),
    F("templates/a.yaml", "a: {{ include \"a\" (dict \"x\" nil) }}\n"),
};

/* One text: the documents, or the error. */
static enum hc_rc pass(const struct hc_chart_file *files, size_t n, struct hc_buf *text)
{
    const struct hc_chart_port port = { .no_digest = true };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    HC_AUTO(hc_chart) struct hc_chart *c = NULL;
    struct hc_err err = HC_ERR_INIT;
    struct hc_render_output out = { 0 };
    struct hc_arena *own = a ? hc_arena_new(0) : NULL; /* the chart takes it */
    if (!own) {
        hc_buf_puts(text, "no memory");
        return HC_E_NOMEM;
    }
    enum hc_rc rc = hc_chart_load_files(own, files, n, &port, &c, &err);
    const struct hc_render_input in = { .chart = c, .release_name = HC_S("web"), .release_namespace = HC_S("ns") };
    if (rc == HC_OK)
        rc = hc_render(a, &in, &out, &err);
    for (size_t i = 0; rc == HC_OK && i < out.docs.manifests_n; i++)
        hc_buf_put(text, out.docs.manifests[i].text);
    for (size_t i = 0; rc == HC_OK && i < out.docs.hooks_n; i++)
        hc_buf_put(text, out.docs.hooks[i].text);
    if (rc == HC_OK)
        hc_buf_put(text, out.docs.notes);
    else
        hc_buf_puts(text, err.msg);
    return rc;
}

static void each_fails_once(const struct hc_chart_file *files, size_t n, enum hc_rc want_rc)
{
    char room[8192];
    struct hc_buf want = { room, 0, sizeof(room), sizeof(room), false };
    assert_int_equal(pass(files, n, &want), want_rc);
    assert_false(want.spent);
    for (uint64_t k = 1;; k++) {
        char again[8192];
        struct hc_buf got = { again, 0, sizeof(again), sizeof(again), false };
        hc_mem_fail_at(k);
        enum hc_rc rc = pass(files, n, &got);
        bool reached = hc_mem_count() >= k;
        hc_mem_fail_at(0);
        /* Lua may get over one by collecting garbage. */
        if (rc == HC_OK && !hc_str_eq(hc_buf_str(&got), hc_buf_str(&want)))
            fail_msg("allocation %d is missed and nobody says so:\n%.*s", (int)k, HC_P(hc_buf_str(&got)));
        else if (rc != want_rc && rc != HC_E_NOMEM && rc != HC_E_LIMIT)
            fail_msg("allocation %d: %s: %.*s", (int)k, hc_rc_name(rc), HC_P(hc_buf_str(&got)));
        if (got.n == 0)
            fail_msg("allocation %d: %s without a word", (int)k, hc_rc_name(rc));
        if (!reached) {
            assert_true(k > 20);
            assert_int_equal(rc, want_rc);
            return;
        }
        assert_true(k < 20000);
    }
}

static void test_render(void **state)
{
    (void)state;
    each_fails_once(shop, HC_LEN(shop), HC_OK);
}

static void test_error(void **state)
{
    (void)state;
    each_fails_once(broken, HC_LEN(broken), HC_E_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_render), cmocka_unit_test(test_error) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
