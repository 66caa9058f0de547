/*
 * What a render leaves for the next one makes no difference to what that prints: includes are recalled only when nothing
 * that they depend on changed, texts of tpl are parsed once.
 */
#include <pthread.h>
#include <stdio.h>

#include "tests/unit/templating/render/charted.h"

/* What makes an include worth keeping. */
#define WORK "{{ range until 30 }}{{ if eq . 31 }}x{{ end }}{{ end }}"

static struct hc_chart *chart_of(const char *helper, const char *file)
{
    const struct hc_chart_file files[] = {
        { HC_S("Chart.yaml"), HC_S("apiVersion: v2\nname: shop\nversion: 1.0.0\n") },
        { HC_S("values.yaml"), HC_S("n: one\nsame: s\nbox: {}\nt: '{{ .Values.n }}'\nplain: {a: [1, 2], b: x}\n") },
        { HC_S("templates/_h.tpl"), hc_str_of(helper) },
        { HC_S("templates/a.yaml"), hc_str_of(file) },
    };
    return chart_with(files, HC_LEN(files));
}

static hc_str render(struct hc_arena *a, struct hc_chart *c, const char *n)
{
    struct hc_val *values = hc_map_new(a);
    hc_map_put_strz(a, values, "n", n);
    return rendered(a, c, values, "web", false);
}

static const struct {
    const char *name, *data, *body;
    bool recalled;
} rows[] = {
    { "data that stays", "(dict \"v\" .Values.same)", "{{ .v }}", true },
    { "data that changes", "(dict \"v\" .Values.n)", "{{ .v }}", false },
    { "a text", ".Values.same", "{{ . }}", true },
    { "a map of the values", ".Values.plain", "{{ toJson . }}", true },
    { "a context that is not looked into", "(dict \"v\" .Values.same \"ctx\" $)", "{{ .v }}", true },
    { "one in a list", "(list $ .Values.same)", "{{ index . 1 }}", true },
    { "one that is handed on", "(dict \"v\" .Values.same \"ctx\" $)",
      "{{ include \"w\" (dict \"c\" .ctx \"v\" .v) }}", true },
    { "tpl with one that its text does not need", "(dict \"v\" .Values.same \"ctx\" $)",
      "{{ tpl \"{{ print 1 }}\" .ctx }}", true },
    { "a field of one", "(dict \"ctx\" $)", "{{ .ctx.Values.n }}", false },
    { "with", "(dict \"ctx\" $)", "{{ with .ctx }}{{ .Values.n }}{{ end }}", false },
    { "a variable", "(dict \"ctx\" $)", "{{ $c := .ctx }}{{ $v := $c.Values }}{{ $v.n }}", false },
    { ".Values", "(dict \"v\" .Values)", "{{ .v.n }}", false },
    { "or", "(dict \"ctx\" $)", "{{ (or .ctx 1).Values.n }}", false },
    { "a function that wants a map", "(dict \"ctx\" $)", "{{ (get .ctx \"Values\").n }}", false },
    { "a function that takes anything", "(dict \"v\" .Values)", "{{ .v | toYaml | sha256sum }}", false },
    { "a function that gets what holds one", "(dict \"v\" .Values)", "{{ toJson . }}", false },
    { "a function that gets what hands one on", "(dict \"v\" .Values)", "{{ dict \"x\" (list .v) | toJson }}",
      false },
    { "index that goes on", "(dict \"v\" .Values)", "{{ index . \"v\" \"n\" }}", false },
    { "a list", "(list $ 1)", "{{ (index . 0).Values.n }}", false },
    { "first of a list", "(list $ 1)", "{{ (first .).Values.n }}", false },
    { "range", "(dict \"v\" .Values)", "{{ range $k, $v := .v }}{{ if eq $k \"n\" }}{{ $v }}{{ end }}{{ end }}",
      false },
    { "range over what holds one", "(dict \"v\" .Values)", "{{ range . }}{{ .n }}{{ end }}", false },
    { "printing it", "(dict \"v\" .Values)", "{{ .v }}", false },
    { "printing what holds it", "(dict \"v\" .Values)", "{{ . }}", false },
    { "its method", "(dict \"v\" .Values)", "{{ .v.YAML }}", false },
    { "tpl", "(dict \"ctx\" $)", "{{ tpl \"{{ .Values.n }}\" .ctx }}", false },
    { "template", "(dict \"ctx\" $)", "{{ template \"deep\" .ctx }}", false },
    { "an include further in", "(dict \"ctx\" $)", "{{ include \"u\" (dict \"c\" .ctx) }}", false },
    { "one deep in the data", "(dict \"d\" (dict \"ctx\" $))", "{{ .d.ctx.Values.n }}", false },
    { "a change of what is older", "(dict \"d\" .Values.box)", "{{ $_ := set .d \"k\" \"v\" }}", false },
    { "a key taken out of what is older", "(dict \"d\" .Values.plain)", "{{ $_ := unset .d \"a\" }}", false },
    { "a change of its own", "(dict \"v\" .Values.same)", "{{ $m := dict }}{{ $_ := set $m \"a\" .v }}{{ $m.a }}",
      true },
    { "the clock", "(dict \"v\" .Values.same)", "{{ $_ := now }}", false },
    { "random numbers", "(dict \"v\" .Values.same)", "{{ $_ := randAlpha 5 }}", false },
    { "the cluster", "(dict \"v\" .Values.same)", "{{ len (lookup \"v1\" \"Pod\" \"a\" \"b\") }}", false },
    { "a mistake", "(dict \"v\" .Values.same)", "{{ fail .v }}", false },
};

static void includes(void **state)
{
    (void)state;
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        const hc_str helper[] = {
            HC_S("{{ define \"t\" }}" WORK), hc_str_of(rows[i].body),
            HC_S("{{ end }}{{ define \"u\" }}{{ .c.Values.n }}{{ end }}{{ define \"w\" }}{{ .v }}{{ end }}"
                 "{{ define \"deep\" }}{{ .Values.n }}{{ end }}")
        };
        const hc_str file[] = { HC_S("kind: A\nx: |\n  {{ include \"t\" "), hc_str_of(rows[i].data),
                                HC_S(" | nindent 2 }}\ny: {{ toJson .Values.box }}{{ toJson .Values.plain }}\n") };
        HC_AUTO(hc_chart)
        struct hc_chart *c = chart_of(hc_arena_cat(a, HC_LEN(helper), helper).p,
                                      hc_arena_cat(a, HC_LEN(file), file).p);
        hc_render_cache_clear();
        render(a, c, "one");
        uint64_t before = hc_program_recalls();
        hc_str warm = render(a, c, "two"), again = render(a, c, "one");
        bool recalled = hc_program_recalls() > before;
        hc_render_cache_clear();
        hc_str cold = render(a, c, "two");
        hc_render_cache_clear();
        hc_str cold_again = render(a, c, "one");
        if (!hc_str_eq(warm, cold) || !hc_str_eq(again, cold_again))
            fail_msg("%s: %s instead of %s", rows[i].name, warm.p, cold.p);
        /* what changes is known again when it is as before */
        if (recalled != (rows[i].recalled || i == 1))
            fail_msg("%s: %s recalled", rows[i].name, recalled ? "was" : "was not");
    }
}

static void texts_of_tpl(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        unsigned parses;
    } texts[] = {
        { "x: {{ tpl .Values.t . }}{{ tpl .Values.t . }}", 1 },
        { "x: {{ tpl \"{{ define \\\"z\\\" }}{{ .Values.n }}{{ end }}{{ include \\\"z\\\" . }}\" . }}", 1 },
        { "x: {{ tpl \"{{ if }}\" . }}", 0 },
        { "x: {{ tpl \"{{ .Values.n.a.b }}\" . }}", 1 },
        { "x: {{ tpl \"{{ tpl \\\"{{ .Values.n }}\\\" . }}\" . }}", 2 },
    };
    for (size_t i = 0; i < HC_LEN(texts); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        HC_AUTO(hc_chart) struct hc_chart *c = chart_of("", texts[i].file);
        hc_render_cache_clear();
        uint64_t before = hc_program_text_parses();
        render(a, c, "one");
        assert_int_equal(hc_program_text_parses() - before, texts[i].parses);
        hc_str warm = render(a, c, "two");
        assert_int_equal(hc_program_text_parses() - before, texts[i].parses);
        hc_render_cache_clear();
        hc_str cold = render(a, c, "two");
        if (!hc_str_eq(warm, cold))
            fail_msg("%s: %s instead of %s", texts[i].file, warm.p, cold.p);
    }
}

/* Another chart's templates of the same names are others, though its data is the same. */
static void of_one_program(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    static const char file[] = "x: {{ include \"t\" \"d\" }}{{ tpl \"{{ include \\\"u\\\" . }}\" . }}";
    HC_AUTO(hc_chart)
    struct hc_chart *one = chart_of("{{ define \"t\" }}" WORK "1{{ end }}{{ define \"u\" }}" WORK "2{{ end }}",
                                    file);
    HC_AUTO(hc_chart)
    struct hc_chart *other = chart_of("{{ define \"u\" }}" WORK "4{{ end }}{{ define \"t\" }}" WORK "3{{ end }}",
                                      file);
    HC_AUTO(hc_chart)
    struct hc_chart *third = chart_of("{{ define \"t\" }}" WORK "5{{ end }}{{ define \"u\" }}" WORK "6{{ end }}",
                                      file);
    hc_render_cache_clear();
    assert_non_null(strstr(render(a, one, "n").p, "x: 12"));
    assert_non_null(strstr(render(a, third, "n").p, "x: 56"));
    assert_non_null(strstr(render(a, other, "n").p, "x: 34"));
    assert_non_null(strstr(render(a, one, "n").p, "x: 12"));
}

static void *many(void *chart)
{
    for (int i = 0; i < 60; i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        char n[16], want[64];
        snprintf(n, sizeof(n), "n%d", i % 7);
        snprintf(want, sizeof(want), "x: s%s%s", n, n);
        if (!strstr(render(a, chart, n).p, want))
            return "another text";
        if (i % 10 == 0)
            hc_render_cache_clear();
    }
    return NULL;
}

static void threads(void **state)
{
    (void)state;
    HC_AUTO(hc_chart)
    struct hc_chart *c = chart_of(
        "{{ define \"t\" }}" WORK "{{ .v }}{{ end }}",
        "x: {{ include \"t\" (dict \"v\" .Values.same \"c\" $) }}{{ include \"t\" (dict \"v\" .Values.n) }}{{ tpl "
        ".Values.t . }}");
    pthread_t t[4];
    for (size_t i = 0; i < HC_LEN(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, many, c), 0);
    for (size_t i = 0; i < HC_LEN(t); i++) {
        void *said = NULL;
        pthread_join(t[i], &said);
        assert_null(said);
    }
}

/* In the budget of steps it counts as if it had run: whether a chart renders does not depend on what was kept. */
static void costs_the_same(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    HC_AUTO(hc_chart)
    struct hc_chart *c = chart_of("{{ define \"t\" }}{{ range until 100000 }}{{ end }}{{ end }}",
                                  "{{ range until 40 }}{{ include \"t\" \"d\" }}{{ end }}");
    hc_render_cache_clear();
    assert_non_null(strstr(render(a, c, "n").p, "budget"));
    assert_non_null(strstr(render(a, c, "n").p, "budget"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(includes), cmocka_unit_test(texts_of_tpl),   cmocka_unit_test(of_one_program),
        cmocka_unit_test(threads),  cmocka_unit_test(costs_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
