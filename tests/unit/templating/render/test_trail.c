/*
 * An include that depends on its file is known from an earlier render when all that it read is the same, and only then:
 * each row renders with one value, then with another, and prints what it prints when nothing is kept.
 */
#include <pthread.h>

#include "tests/unit/templating/render/charted.h"

/* What makes an include worth it, and one of each file. */
#define WORK "{{ range until 30 }}{{ if eq . 31 }}x{{ end }}{{ end }}{{ .Template.Name | base }}"

/* Files of one text: what their includes read is followed once two of them have shown that it may be worth it. */
static struct hc_chart *chart_of(const char *helpers, const char *file)
{
    const struct hc_chart_file files[] = {
        { HC_S("Chart.yaml"),
          HC_S("apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies: [{name: sub, version: 1.0.0}]\n") },
        { HC_S("values.yaml"), HC_S("n: one\nsame: s\nbox: {k: v}\nt: '{{ .Values.n }}'\nu: '{{ .Values.same }}'\n"
                                    "m: {a: {b: c}, n: d}\nlist: [a, b]\nsub: {x: y}\nglobal: {g: h}\n") },
        { HC_S("templates/_h.tpl"), hc_str_of(helpers) },
        { HC_S("templates/a.yaml"), hc_str_of(file) },
        { HC_S("templates/b.yaml"), hc_str_of(file) },
        { HC_S("templates/c.yaml"), hc_str_of(file) },
        { HC_S("templates/d.yaml"), hc_str_of(file) },
        { HC_S("charts/sub/Chart.yaml"), HC_S("apiVersion: v2\nname: sub\nversion: 1.0.0\n") },
        { HC_S("charts/sub/values.yaml"), HC_S("z: z\n") },
    };
    return chart_with(files, HC_LEN(files));
}

static hc_str render(struct hc_arena *a, struct hc_chart *c, const char *n, const char *release)
{
    struct hc_val *values = hc_map_new(a), *m = hc_map_new(a), *sub = hc_map_new(a);
    hc_map_put_strz(a, values, "n", n);
    hc_map_put_strz(a, m, "n", n);
    hc_map_put_ref(a, values, HC_S("m"), m);
    hc_map_put_strz(a, sub, "n", n);
    hc_map_put_ref(a, values, HC_S("sub"), sub);
    return rendered(a, c, values, release, false);
}

static const struct {
    const char *name, *data, *body;
    bool found;
    const char *before; /* what the file does first */
} rows[] = {
    { "a value that stays", ".", "{{ .Values.same }}", true },
    { "one that changes", ".", "{{ .Values.n }}", false },
    { "one that nobody has", ".", "{{ .Values.none }}", true },
    { "one that stays in a map that stays", ".", "{{ .Values.box.k }}", true },
    { "one that stays in a map where another changes", ".", "{{ .Values.m.a.b }}", false },
    { "whether there is any", ".", "{{ if .Values }}y{{ end }}", true },
    { "all values", ".", "{{ toJson .Values }}", false },
    { "all values by a variable", ".", "{{ $v := .Values }}{{ $v.n }}", false },
    { "a part of them", ".", "{{ pick .Values \"n\" | toJson }}", false },
    { "their keys", ".", "{{ keys .Values | len }}{{ omit .Values \"same\" | toJson }}", false },
    { "values by range", ".", "{{ range $k, $v := .Values }}{{ if eq $k \"n\" }}{{ $v }}{{ end }}{{ end }}",
      false },
    { "one by index", ".", "{{ index .Values \"n\" }}", false },
    { "one by a longer index", ".", "{{ index .Values \"m\" \"n\" }}", false },
    { "another one by that", ".", "{{ index .Values \"box\" \"k\" }}", true },
    { "a context by index", ".", "{{ index . \"Values\" \"n\" }}", false },
    { "one by get", ".", "{{ get .Values \"n\" }}", false },
    { "another by get", ".", "{{ get .Values \"same\" }}{{ hasKey .Values \"none\" }}", true },
    { "one by dig", ".", "{{ dig \"m\" \"n\" \"\" .Values.AsMap }}", false },
    { "one by a copy", ".", "{{ (deepCopy .Values).n }}", false },
    { "one by a copy of the context", ".", "{{ (merge (dict) .).Values.n }}", false },
    { "another by that", ".", "{{ (merge (dict) .).Values.same }}", true },
    { "one merged into it", ".", "{{ (merge (dict \"Values\" (dict \"n1\" 1)) .).Values.n }}", false },
    { "values merged", ".", "{{ (merge (dict) .Values).n }}", false },
    { "one by tpl", ".", "{{ tpl .Values.t . }}", false },
    { "another by tpl", ".", "{{ tpl .Values.u . }}", true },
    { "one by a text that changes", ".", "{{ tpl .Values.n . }}", false },
    { "one by an include", ".", "{{ include \"n\" . }}", false },
    { "one by an include that is known", ".", "{{ include \"n\" . }}{{ include \"n\" . }}", false },
    { "one by an include of values", ".", "{{ include \"v\" .Values }}", false },
    { "one by template", ".", "{{ template \"n\" . }}", false },
    { "one by its method", ".", "{{ .Values.YAML }}", false },
    { "with", ".", "{{ with .Values }}{{ .n }}{{ end }}", false },
    { "or", ".", "{{ (or .Values 1).n }}", false },
    { "a list", ".", "{{ (index (list .Values) 0).n }}", false },
    { "all of a list", ".", "{{ list .Values | toJson }}", false },
    { "a dict in a dict", ".", "{{ dict \"a\" (dict \"v\" .Values) | toJson }}", false },
    { "printing", ".", "{{ .Values }}", false },
    { "one of a sub-chart", ".", "{{ .Values.sub.n }}", false },
    { "another one of it", ".", "{{ .Values.sub.x }}{{ .Values.sub.z }}", true },
    { "one by its context", ".", "{{ .Subcharts.sub.Values.n }}", false },
    { "another by that", ".", "{{ .Subcharts.sub.Values.x }}", true },
    { "all of a sub-chart", ".", "{{ toJson .Values.sub }}", false },
    { "the release", ".", "{{ .Release.Name }}", true },
    { "the chart", ".", "{{ .Chart.Name }}{{ .Chart.Annotations }}", true },
    { "the cluster's version", ".", "{{ .Capabilities.KubeVersion.Version }}", true },
    { "its APIs", ".", "{{ .Capabilities.APIVersions.Has \"v1\" }}", true },

    { "a dict that stays", "(merge (dict \"k\" .Values.same) .)", "{{ .k }}", true },
    { "a dict that changes", "(merge (dict \"k\" .Values.n) .)", "{{ .k }}", false },
    { "one whose map stays", "(merge (dict \"k\" .Values.box) .)", "{{ .k.k }}", true },
    { "one whose map changes", "(merge (dict \"k\" .Values.m) .)", "{{ .k.n }}", false },
    { "one whose map nobody reads", "(merge (dict \"k\" .Values.m) .)", "{{ .Values.same }}", true },
    { "one that is looked at", "(merge (dict \"k\" .Values.m) .)", "{{ range $k, $v := . }}{{ $k }}{{ end }}",
      false },
    { "values through one", "(merge (dict \"k\" 1) .)", "{{ .Values.n }}", false },
    { "others through one", "(merge (dict \"k\" 1) .)", "{{ .Values.same }}", true },
    { "one with values in its place", "(merge (dict \"Values\" (dict \"n\" .Values.n)) .)", "{{ .Values.n }}",
      false },

    { "what charts put into the context", ".", "{{ .x }}", false, "set . \"x\" .Values.n" },
    { "what stays of it", ".", "{{ .x }}", true, "set . \"x\" .Values.same" },
    { "what nobody reads of it", ".", "{{ .Values.same }}", true, "set . \"x\" .Values.n" },
    { "all of it", ".", "{{ (merge (dict) .).x }}", false, "set . \"x\" .Values.n" },
    { "a copy of it", "(merge (dict \"k\" 1) .)", "{{ .x }}", false, "set . \"x\" .Values.n" },
    { "a copy of what stays", "(merge (dict \"k\" 1) .)", "{{ .x }}", true, "set . \"x\" .Values.same" },
    { "values put there", ".", "{{ .Values.n }}", false, "set . \"Values\" (dict \"n\" .Values.n \"same\" 1)" },
    { "a map put there", ".", "{{ .x.v.n }}", false, "set . \"x\" (dict \"v\" .Values)" },
    { "values merged into it", ".", "{{ .n }}", false, "merge . .Values" },
    { "what is taken out of it", ".", "{{ .Values }}", false, "unset . \"Values\"" },
    { "values that were changed", ".", "{{ .Values.box.k }}", false, "set .Values.box \"k\" .Values.n" },
    { "values that were put there", ".", "{{ .Values.w.k }}", false, "set .Values \"w\" (dict \"k\" .Values.n)" },
    { "others than those", ".", "{{ .Values.same }}", true, "set .Values.box \"k\" .Values.n" },
    { "a change that it makes", ".", "{{ $_ := set .Values.box \"z\" 1 }}", false },
    { "random numbers", ".", "{{ len (randAlpha 5) }}", false },
    { "the clock", ".", "{{ kindOf now }}", false },
};

static void rows_print_what_they_would(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        const hc_str helpers[] = { HC_S("{{ define \"t\" }}" WORK), hc_str_of(rows[i].body),
                                   HC_S("{{ end }}{{ define \"n\" }}{{ .Values.n }}{{ end }}"
                                        "{{ define \"v\" }}{{ .n }}{{ end }}") };
        const hc_str file[] = { HC_S("{{ $_ := "), hc_str_of(rows[i].before ? rows[i].before : "1"),
                                HC_S(" }}kind: A\nx: |\n  {{ include \"t\" "), hc_str_of(rows[i].data),
                                HC_S(" }}\ny: {{ include \"n\" . }}\n") };
        HC_AUTO(hc_chart)
        struct hc_chart *c = chart_of(hc_arena_cat(a, HC_LEN(helpers), helpers).p,
                                      hc_arena_cat(a, HC_LEN(file), file).p);
        hc_render_cache_clear();
        render(a, c, "one", "web");
        uint64_t before = hc_program_finds();
        hc_str warm = render(a, c, "two", "web");
        bool found = hc_program_finds() > before;
        hc_str again = render(a, c, "two", "other"), last = render(a, c, "one", "web");
        hc_render_cache_clear();
        hc_str cold = render(a, c, "two", "web");
        hc_render_cache_clear();
        hc_str cold_again = render(a, c, "two", "other");
        hc_render_cache_clear();
        hc_str cold_last = render(a, c, "one", "web");
        if (!hc_str_eq(warm, cold) || !hc_str_eq(again, cold_again) || !hc_str_eq(last, cold_last)) {
            print_error("%s: %s\ninstead of %s\n", rows[i].name, warm.p, cold.p);
            wrong++;
        } else if (found != rows[i].found) {
            print_error("%s: %s found\n", rows[i].name, found ? "was" : "was not");
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

/* In the budget of steps it counts as if it had run. */
static void costs_the_same(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    HC_AUTO(hc_chart)
    struct hc_chart *c = chart_of("{{ define \"t\" }}{{ range until 60000 }}{{ end }}" WORK "{{ end }}",
                                  "kind: A\nx: {{ include \"t\" . }}\n");
    HC_AUTO(hc_chart)
    struct hc_chart *more = chart_of("{{ define \"t\" }}{{ range until 60000 }}{{ end }}" WORK "{{ end }}",
                                     "kind: A\nx: {{ range until 9 }}{{ include \"t\" $ }}{{ end }}\n");
    hc_render_cache_clear();
    for (int i = 0; i < 3; i++) {
        assert_null(strstr(render(a, c, "one", "web").p, "budget"));
        assert_non_null(strstr(render(a, more, "one", "web").p, "budget"));
    }
}

static void *many(void *chart)
{
    for (int i = 0; i < 40; i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        const char n[] = { (char)('a' + i % 3), '\0' };
        const char want[] = { '=', n[0], '\n', '\0' };
        const char *text = render(a, chart, n, i % 2 ? "web" : "other").p;
        int found = 0;
        while ((text = strstr(text, want)) != NULL) {
            text++;
            found++;
        }
        if (found != 4)
            return "another text";
        if (i % 10 == 9)
            hc_render_cache_clear();
    }
    return NULL;
}

static void threads(void **state)
{
    (void)state;
    HC_AUTO(hc_chart)
    struct hc_chart *c = chart_of("{{ define \"t\" }}" WORK "{{ .Values.same }}{{ end }}"
                                  "{{ define \"u\" }}" WORK "={{ .Values.n }}{{ end }}",
                                  "x: {{ include \"t\" . }}\ny: {{ include \"u\" . }}\n");
    pthread_t t[4];
    for (size_t i = 0; i < HC_LEN(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, many, c), 0);
    for (size_t i = 0; i < HC_LEN(t); i++) {
        void *said = NULL;
        pthread_join(t[i], &said);
        assert_null(said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(rows_print_what_they_would),
                                        cmocka_unit_test(costs_the_same), cmocka_unit_test(threads) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
