/*
 * An include that ran before in the same render is not run again when it would print the same, and only then: every row
 * prints what Lua prints, which knows nothing of that.
 */
#include <stdio.h>

#include "tests/unit/templating/render/charted.h"

/* Two files of one text, and one of a sub-chart, which is rendered in between. */
static struct hc_chart *chart_of(const char *helpers, const char *file)
{
    const struct hc_chart_file files[] = {
        { HC_S("Chart.yaml"), HC_S("apiVersion: v2\nname: shop\nversion: 1.0.0\n") },
        { HC_S("values.yaml"),
          HC_S("n: one\nbox: {}\nnum: 1\nt: '{{ .Values.n }}'\nlist: [a, b]\nsub: {n: two}\n") },
        { HC_S("templates/_h.tpl"), hc_str_of(helpers) },
        { HC_S("templates/a.yaml"), hc_str_of(file) },
        { HC_S("templates/b.yaml"), hc_str_of(file) },
        { HC_S("charts/sub/Chart.yaml"), HC_S("apiVersion: v2\nname: sub\nversion: 1.0.0\n") },
        { HC_S("charts/sub/templates/b.yaml"), HC_S("kind: S\nx: {{ include \"s\" . }}\n") },
    };
    return chart_with(files, HC_LEN(files));
}

static const struct {
    const char *name, *file, *body;
    int repeats; /* 0: all run, 1: some do not, -1: never mind */
} rows[] = {
    { "a name in every file", "{{ include \"t\" . }}", "{{ .Values.n }}", 1 },
    { "one that tells the file", "{{ include \"t\" . }}", "{{ .Template.Name }}", 0 },
    { "the same twice in a file", "{{ include \"t\" . }}{{ include \"t\" . }}", "{{ .Template.Name }}", 1 },
    { "the file by index", "{{ include \"t\" . }}", "{{ index . \"Template\" | toJson }}", 0 },
    { "the file by get", "{{ include \"t\" . }}", "{{ (get . \"Template\").Name }}", 0 },
    { "the file by a longer index", "{{ include \"t\" . }}", "{{ index . \"Template\" \"Name\" }}", 0 },
    { "the file in all of it", "{{ include \"t\" . }}", "{{ toJson . }}", 0 },
    { "the file by range", "{{ include \"t\" . }}",
      "{{ range $k, $v := . }}{{ if eq $k \"Template\" }}{{ $v.Name }}{{ end }}{{ end }}", 0 },
    { "the file in a part", "{{ include \"t\" . }}", "{{ (pick . \"Template\").Template.Name }}", 0 },
    { "the file in a copy", "{{ include \"t\" . }}", "{{ (deepCopy .).Template.Name }}", 0 },
    { "the file by $", "{{ include \"t\" . }}", "{{ with .Values }}{{ $.Template.Name }}{{ end }}", 0 },
    { "the file by a variable", "{{ include \"t\" . }}", "{{ $x := . }}{{ $y := $x.Template }}{{ $y.Name }}", 0 },
    { "the file by tpl", "{{ include \"t\" . }}", "{{ tpl \"{{ .Template.Name }}\" . }}", 0 },
    { "the file by template", "{{ include \"t\" . }}", "{{ template \"file\" . }}", 0 },
    { "the file by an include", "{{ include \"t\" . }}", "{{ include \"file\" . }}", 0 },
    { "the file by one that is known", "{{ include \"file\" . }}{{ include \"t\" . }}", "{{ include \"file\" . }}",
      1 },
    { "the file by one that is known, through a dict",
      "{{ include \"filec\" (dict \"c\" .) }}{{ include \"t\" . }}", "{{ include \"filec\" (dict \"c\" .) }}", 1 },
    { "the file by an include of what is deeper", "{{ include \"t\" (dict \"d\" (dict \"c\" .)) }}",
      "{{ include \"filec\" .d }}", 0 },
    { "the file by a method", "{{ include \"t\" . }}", "{{ .AsMap.Template.Name }}", 0 },
    { "the file of a sub-chart", "{{ include \"t\" . }}", "{{ with .Subcharts.sub.Template }}{{ .Name }}{{ end }}",
      0 },
    { "that among its sub-charts", "{{ include \"t\" . }}", "{{ toJson .Subcharts }}", 0 },
    { "tpl of a text", "{{ include \"t\" . }}", "{{ tpl .Values.t . }}", 1 },

    { "a copy made by merge", "{{ include \"t\" (merge (dict \"k\" \"v\") .) }}", "{{ .Values.n }}{{ .k }}", 1 },
    { "its other entry", "{{ include \"t\" (merge (dict \"k\" .Template.Name) .) }}", "{{ .Values.n }}{{ .k }}",
      0 },
    { "one that nobody reads", "{{ include \"t\" (merge (dict \"k\" .Template.Name) .) }}", "{{ .Values.n }}", 1 },
    { "a copy and the original", "{{ include \"t\" . }}{{ include \"t\" (merge (dict \"n\" 1) .) }}",
      "{{ .Values.n }}", 1 },
    { "what a copy has in place of it",
      "{{ include \"t\" . }}{{ include \"t\" (merge (dict \"Values\" (dict \"n\" 2)) .) }}", "{{ .Values.n }}",
      -1 },
    { "an entry that one of them has", "{{ include \"t\" . }}{{ include \"t\" (merge (dict \"k\" 1) .) }}",
      "{{ .k }}", -1 },
    { "their types", "{{ include \"t\" . }}{{ include \"t\" (merge (dict) .) }}", "{{ typeOf . }}", -1 },
    { "a method of one of them", "{{ include \"t\" . }}{{ include \"t\" (merge (dict) .) }}", "{{ kindOf .AsMap }}",
      -1 },
    { "the file in a copy made by merge", "{{ include \"t\" (merge (dict) .) }}", "{{ .Template.Name }}", 0 },
    { "the file in a copy that it makes", "{{ include \"t\" . }}", "{{ (merge (dict) .).Template.Name }}", 0 },
    { "a copy that it makes", "{{ include \"t\" . }}", "{{ (merge (dict) .).Values.n }}", 1 },
    { "all of a copy", "{{ include \"t\" (merge (dict) .) }}", "{{ toJson . }}", 0 },
    { "all of a copy that it makes", "{{ include \"t\" . }}", "{{ merge (dict) . | toJson }}", 0 },
    { "a copy of a copy",
      "{{ include \"t\" (merge (dict \"a\" 1) .) }}{{ include \"t\" (merge (dict \"a\" 2) .) }}",
      "{{ include \"u\" (merge (dict \"b\" 2) .) }}", 1 },
    { "merge into what others have",
      "{{ $d := dict }}{{ $e := dict \"d\" $d }}{{ $_ := merge $d . }}{{ include \"t\" $e }}",
      "{{ .d.Template.Name }}", 0 },
    { "all of that", "{{ $d := dict }}{{ $e := dict \"d\" $d }}{{ $_ := merge $d . }}{{ include \"t\" $e }}",
      "{{ toJson .d }}", 0 },

    { "it in a dict", "{{ include \"t\" (dict \"c\" $) }}", "{{ .c.Values.n }}", 1 },
    { "the file in a dict", "{{ include \"t\" (dict \"c\" $) }}", "{{ .c.Template.Name }}", 0 },
    { "all of that dict", "{{ include \"t\" (dict \"c\" $) }}", "{{ toJson . }}", 0 },
    { "deeper in one", "{{ include \"t\" (dict \"d\" (dict \"c\" $)) }}", "{{ .d.c.Template.Name }}", 0 },
    { "all of what is deeper", "{{ include \"t\" (dict \"d\" (dict \"c\" $)) }}", "{{ toJson .d }}", 0 },
    { "all of the deepest", "{{ include \"t\" (dict \"d\" (dict \"c\" $)) }}", "{{ toJson .d.c }}", 0 },
    { "put there later", "{{ $d := dict }}{{ $_ := set $d \"c\" $ }}{{ include \"t\" (dict \"d\" $d) }}",
      "{{ toJson .d }}", 0 },
    { "in a list", "{{ include \"t\" (list $ 1) }}", "{{ (index . 0).Template.Name }}", 0 },
    { "in a list of it", "{{ include \"t\" (list (list $)) }}", "{{ index . 0 | toJson }}", 0 },
    { "first of a list", "{{ include \"t\" (list $ 1) }}", "{{ (first .).Template.Name }}", 0 },
    { "another of a list", "{{ include \"t\" (list $ 1) }}", "{{ index . 1 }}", 1 },
    { "in a list by range", "{{ include \"t\" (list (dict \"c\" $)) }}", "{{ range . }}{{ toJson . }}{{ end }}",
      0 },
    { "by default", "{{ include \"t\" (dict \"c\" $) }}", "{{ (default .c .d).Template.Name }}", 0 },
    { "a dict of what it got", "{{ include \"t\" . }}", "{{ dict \"x\" . | toJson }}", 0 },
    { "data handed on",
      "{{ include \"w\" (dict \"f\" (dict \"k\" \"1\")) }}{{ include \"t\" (dict \"k\" \"1\") }}{{ include \"t\" "
      "(dict \"k\" \"2\") }}",
      "{{ include \"w\" (dict \"f\" .) }}", 1 },
    { "data handed on twice",
      "{{ include \"t\" (dict \"k\" \"1\") }}{{ include \"t\" (dict \"k\" \"1\" \"x\" 1) }}{{ include \"t\" (dict "
      "\"k\" \"2\") }}",
      "{{ include \"w\" (dict \"f\" .) }}{{ include \"w\" (dict \"f\" .) }}", 1 },
    { "data merged and handed on",
      "{{ include \"t\" (dict \"k\" \"1\") }}{{ include \"t\" (dict \"k\" \"1\") }}{{ include \"t\" (dict \"k\" "
      "\"2\") }}",
      "{{ include \"w\" (dict \"f\" (merge (dict \"a\" 1) .)) }}", 1 },

    { "whether there is any", "{{ include \"t\" (dict) }}{{ include \"t\" (dict \"a\" 1) }}",
      "{{ if . }}y{{ else }}n{{ end }}", 1 },
    { "that by with", "{{ include \"t\" (dict) }}{{ include \"t\" (dict \"a\" 1) }}",
      "{{ with . }}y{{ else }}n{{ end }}", 1 },
    { "that by or", "{{ include \"t\" (dict) }}{{ include \"t\" (dict \"a\" 1) }}", "{{ len (or . \"none\") }}",
      1 },
    { "that by and", "{{ include \"t\" (dict) }}{{ include \"t\" (dict \"a\" 1) }}", "{{ and . 1 }}", 1 },
    { "that by not", "{{ include \"t\" (dict) }}{{ include \"t\" (dict \"a\" 1) }}", "{{ not . }}", 1 },
    { "by len", "{{ include \"t\" (dict) }}{{ include \"t\" (dict \"a\" 1) }}", "{{ len . }}", 1 },
    { "by print", "{{ include \"t\" (dict) }}{{ include \"t\" (dict \"a\" 1) }}", "{{ . }}", 1 },
    { "by range", "{{ include \"t\" (dict) }}{{ include \"t\" (dict \"a\" 1) }}", "{{ range . }}{{ . }}{{ end }}",
      1 },
    { "by hasKey", "{{ include \"t\" (dict) }}{{ include \"t\" (dict \"a\" 1) }}", "{{ hasKey . \"a\" }}", 1 },
    { "by a key that is made", "{{ include \"t\" (dict) }}{{ include \"t\" (dict \"a1\" 1) }}",
      "{{ hasKey . (printf \"a%d\" 1) }}", 1 },
    { "an entry and none", "{{ include \"t\" (dict) }}{{ include \"t\" (dict \"a\" nil) }}", "{{ .a }}|{{ len . }}",
      1 },
    { "an entry that is empty", "{{ include \"t\" (dict) }}{{ include \"t\" (dict \"a\" \"\") }}", "{{ .a }}", 1 },
    { "what is in an entry", "{{ range $i := until 5 }}{{ include \"t\" (dict \"d\" (dict \"i\" $i)) }}{{ end }}",
      "{{ .d.i }}", 1 },
    { "texts, numbers, lists",
      "{{ range $v := list \"x\" \"1\" 1 1.0 (int64 1) true nil (list 1 2) (list 1 3) (list \"1\" 2) (dict) (list) "
      "}}"
      "{{ include \"t\" $v }}{{ include \"t\" (dict \"v\" $v) }}{{ end }}",
      "{{ printf \"%T %v,\" . . }}", -1 },
    { "a map of the values", "{{ include \"t\" .Values.sub }}{{ include \"t\" .Values.box }}", "{{ toJson . }}",
      1 },
    { "a list of the values", "{{ include \"t\" .Values.list }}", "{{ toJson . }}", 1 },

    { "a change of values in each file", "{{ $_ := set .Values.box \"k\" .Template.Name }}{{ include \"t\" . }}",
      "{{ .Values.box.k }}", 0 },
    { "a change that goes on",
      "{{ $m := dict \"a\" \"1\" }}{{ $_ := set .Values \"m\" $m }}{{ include \"t\" . }}"
      "{{ $_ := set $m \"a\" .Template.Name }}{{ include \"t\" . }}",
      "{{ .Values.m.a }}", 0 },
    { "a key that is taken out",
      "{{ $_ := set .Values.box \"k\" 1 }}{{ include \"t\" . }}{{ $_ := unset .Values.box \"k\" }}{{ include \"t\" "
      ". }}",
      "{{ .Values.box.k }}", 0 },
    { "a change that it makes", "{{ include \"t\" . }}{{ include \"t\" . }}{{ .Values.box.k }}",
      "{{ $_ := set .Values.box \"k\" (print .Values.box.k \"x\") }}", 0 },
    { "one of its data", "{{ $m := dict \"a\" 1 }}{{ include \"t\" $m }}{{ include \"t\" $m }}{{ $m.a }}",
      "{{ $_ := set . \"a\" (add .a 1) }}", 0 },
    { "one of what is in its data",
      "{{ $m := dict \"a\" 1 }}{{ include \"t\" (dict \"m\" $m) }}{{ $n := dict \"a\" 1 }}{{ include \"t\" (dict "
      "\"m\" $n) }}{{ toJson $n }}",
      "{{ $_ := unset .m \"a\" }}", 0 },
    { "one that a nested one makes", "{{ include \"t\" . }}{{ include \"t\" . }}{{ .Values.box.k }}",
      "{{ include \"change\" . }}", 0 },
    { "a change of its own", "{{ include \"t\" . }}",
      "{{ $m := dict }}{{ $_ := set $m \"a\" .Values.n }}{{ $m.a }}", 1 },
    { "one of it by a nested one", "{{ include \"t\" . }}",
      "{{ $m := dict \"Values\" (dict \"box\" (dict)) }}{{ include \"change\" $m }}{{ toJson $m }}", 1 },
    { "a nested one reads what changed", "{{ include \"t\" . }}",
      "{{ $m := dict \"k\" 1 }}{{ include \"w\" (dict \"f\" $m) }}{{ $_ := set $m \"k\" 2 }}{{ include \"w\" (dict "
      "\"f\" $m) }}",
      1 },

    { "a nested one reads more that changed", "{{ include \"t\" (dict \"a\" 1 \"b\" 2 \"c\" 3 \"k\" 4) }}",
      "{{ include \"w\" (dict \"f\" .) }}{{ $_ := set . \"k\" 5 }}{{ include \"w\" (dict \"f\" .) }}", 1 },
    { "random numbers", "{{ include \"t\" . }}", "{{ len (randAlpha 5) }}", 0 },
    { "the clock", "{{ include \"t\" . }}", "{{ kindOf now }}", 0 },
    { "the cluster", "{{ include \"t\" . }}", "{{ len (lookup \"v1\" \"Pod\" \"a\" \"b\") }}", 0 },
    { "a mistake", "{{ include \"t\" . }}", "{{ fail .Template.Name }}", 0 },
    { "a mistake the second time", "{{ include \"t\" (dict \"n\" 1) }}{{ include \"t\" (dict \"n\" \"x\") }}",
      "{{ add1 .n }}{{ .n.m }}", -1 },
    { "what a text of tpl defines",
      "{{ include \"t\" . }}{{ tpl \"{{ define \\\"u\\\" }}mine{{ end }}{{ include \\\"t\\\" . }}\" . }}",
      "{{ include \"u\" . }}", -1 },
    { "deep", "{{ include \"deep\" (dict \"n\" 250) }}{{ include \"deep\" (dict \"n\" 280) }}", "", -1 },
    { "a loop without an end", "{{ include \"loop\" . }}", "", -1 },
};

static void rows_print_the_same(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        const hc_str helpers[] = {
            HC_S("{{ define \"t\" }}"), hc_str_of(rows[i].body),
            HC_S("{{ end }}{{ define \"u\" }}{{ .Values.n }}{{ end }}{{ define \"w\" }}{{ .f.k }}{{ end }}"
                 "{{ define \"file\" }}{{ .Template.Name }}{{ end }}{{ define \"s\" }}{{ .Values.n }}{{ end }}"
                 "{{ define \"filec\" }}{{ .c.Template.Name }}{{ end }}"
                 "{{ define \"change\" }}{{ $_ := set .Values.box \"k\" (print .Values.box.k \"x\") }}{{ end }}"
                 "{{ define \"deep\" }}{{ if .n }}{{ include \"deep\" (dict \"n\" (sub .n 1)) }}x{{ end }}{{ end }}"
                 "{{ define \"loop\" }}{{ include \"loop\" . }}{{ end }}")
        };
        const hc_str file[] = { HC_S("kind: A\nx: |\n  "), hc_str_of(rows[i].file), HC_S("\n") };
        HC_AUTO(hc_chart)
        struct hc_chart *c = chart_of(hc_arena_cat(a, HC_LEN(helpers), helpers).p,
                                      hc_arena_cat(a, HC_LEN(file), file).p);
        hc_render_cache_clear();
        uint64_t before = hc_program_repeats();
        hc_str text = rendered(a, c, hc_map_new(a), "web", false);
        bool repeats = hc_program_repeats() > before;
        before = hc_program_repeats();
        hc_str plain = rendered(a, c, hc_map_new(a), "web", true);
        assert_int_equal(hc_program_repeats(), before);
        if (!hc_str_eq(text, plain)) {
            print_error("%s: %s\ninstead of %s\n", rows[i].name, text.p, plain.p);
            wrong++;
        } else if (rows[i].repeats >= 0 && repeats != rows[i].repeats) {
            print_error("%s: %s known\n", rows[i].name, repeats ? "was" : "was not");
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(rows_print_the_same) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
