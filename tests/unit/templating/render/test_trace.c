/*
 * Traces: for a chart of a few lines, which values and conditions each line of the output came from.
 */
#include <stdio.h>

#include "templating/overlay/overlay.h"
#include "templating/render/render.h"
#include "templating/render/trace.h"
#include "tests/unit/unit.h"

#define META "apiVersion: v2\nname: web\nversion: 1.0.0\nappVersion: \"7\"\n"

struct traced {
    struct hc_arena *a;
    struct hc_chart *chart;
    struct hc_origins *origins;
    struct hc_trace *trace;
    struct hc_render_output out;
};

/* Renders a chart of one template (and helpers) with defaults and user values; without a trace: what comes out. */
static bool lua, untraced;

static struct traced render(const char *template, const char *helpers, const char *defaults, const char *user)
{
    struct traced r = { .a = hc_arena_new(0) };
    struct hc_err err = HC_ERR_INIT;
    const struct hc_chart_file files[] = {
        { HC_S("Chart.yaml"), lua ? HC_S(META "annotations: {helmctl.dev/lua-templates: v1}\n") : HC_S(META) },
        { HC_S("values.yaml"), hc_str_of(defaults) },
        { lua ? HC_S("templates/_h.lua") : HC_S("templates/_h.tpl"), hc_str_of(helpers) },
        { lua ? HC_S("templates/a.lua") : HC_S("templates/a.yaml"), hc_str_of(template) },
        { HC_S("templates/_go.tpl"),
          HC_S("{{ define \"go\" }}{{ .Values.image.tag }}{{ include \"lua\" . }}{{ end }}") },
        { HC_S("files/x.txt"), HC_S("inside") },
    };
    const struct hc_chart_port port = { .no_digest = true };
    struct hc_val *values = NULL;
    if (hc_chart_load_files(hc_arena_new(0), files, HC_LEN(files), &port, &r.chart, &err) != HC_OK)
        fail_msg("%s", err.msg);
    r.origins = hc_origins_new(r.a);
    assert_int_equal(hc_values_parse(r.a, hc_str_of(user), HC_S("u.yaml"), &values, &err), HC_OK);
    const struct hc_origin layer = { HC_LAYER_FILE, HC_S("u.yaml"), { NULL, 0 } };
    hc_val_set_origin(values, hc_origins_add(r.origins, &layer));
    r.trace = untraced ? NULL : hc_trace_new(r.origins);
    const struct hc_render_input in = { .chart = r.chart,
                                        .values = values,
                                        .origins = r.origins,
                                        .trace = r.trace,
                                        .release_name = HC_S("rel"),
                                        .release_namespace = HC_S("default"),
                                        .revision = 1 };
    if (hc_render(r.a, &in, &r.out, &err) != HC_OK)
        fail_msg("%s", err.msg);
    return r;
}

static void done(struct traced *r)
{
    hc_trace_free(r->trace);
    hc_chart_unref(r->chart);
    hc_arena_free(r->a);
}

static void put_sources(struct hc_buf *b, const struct traced *r, const struct hc_trace_source *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct hc_origin *o = s[i].value ? hc_origins_get(r->origins, s[i].value->origin) : NULL;
        hc_buf_printf(b, " %.*s", HC_P(s[i].path));
        if (s[i].what == HC_TRACE_ABSENT)
            hc_buf_puts(b, "?");
        if (o)
            hc_buf_printf(b, "@%.*s:%u", HC_P(o->name), s[i].value->line);
    }
}

/* "LINE[,LINE]: value@layer:line ... | if LINE: ..." for the text behind `needle`, up to the end of its line. */
static const char *why(struct traced *r, const char *needle)
{
    static char text[4096];
    struct hc_err err = HC_ERR_INIT;
    struct hc_trace_answer w;
    hc_str file = lua ? HC_S("web/templates/a.lua") : HC_S("web/templates/a.yaml");
    hc_str all = hc_trace_text(r->trace, file);
    size_t at = hc_str_find_str(all, hc_str_of(needle));
    if (at == SIZE_MAX)
        fail_msg("no '%s' in:\n%.*s", needle, HC_P(all));
    size_t from = at + strlen(needle), end = hc_str_find(hc_str_sub(all, from, all.n), '\n');
    end = end == SIZE_MAX ? all.n : from + end;
    if (hc_trace_ask(r->trace, r->a, file, from, end, true, &w, &err) != HC_OK)
        fail_msg("%s", err.msg);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < w.places_n; i++) {
        hc_str in = w.places[i].file;
        size_t slash = hc_str_rfind(in, '/');
        hc_buf_printf(&b, "%s%.*s:%d", i ? "," : "", HC_P(hc_str_sub(in, slash + 1, in.n)), w.places[i].line);
        for (size_t k = 0; k < w.places[i].calls_n; k++)
            hc_buf_printf(&b, "<%s:%d", w.places[i].calls[k].how, w.places[i].calls[k].line);
    }
    put_sources(&b, r, w.sources, w.sources_n);
    for (size_t i = 0; i < w.causes_n; i++) {
        hc_buf_printf(&b, " | %s %d%s", w.causes[i].keyword, w.causes[i].at.line, w.causes[i].held ? "" : " not");
        put_sources(&b, r, w.causes[i].sources, w.causes[i].sources_n);
    }
    snprintf(text, sizeof(text), "%.*s", HC_P(hc_buf_str(&b)));
    return text;
}

static const char defaults[] = "image:\n"        /* 1 */
                               "  repo: nginx\n" /* 2 */
                               "  tag: \"1\"\n"
                               "replicas: 1\n" /* 4 */
                               "labels:\n"
                               "  team: x\n" /* 6 */
                               "  tier: web\n"
                               "hosts: [a, b]\n" /* 8 */
                               "enabled: true\n"
                               "text: \"{{ .Values.image.tag }}-t\"\n"; /* 10 */

static void values_and_layers(void **state)
{
    (void)state;
    struct traced r = render(
        "image: \"{{ .Values.image.repo }}:{{ .Values.image.tag }}\"\n"
        "replicas: {{ .Values.replicas }}\n"
        "fixed: yes\n"
        "name: {{ .Release.Name }}\n"
        "app: {{ .Chart.AppVersion | quote }}\n"
        "file: {{ .Files.Get \"files/x.txt\" }}\n"
        "or: {{ .Values.none | default .Values.replicas }}\n"
        "or2: {{ or .Values.none .Values.image.tag }}\n"
        "cut: {{ printf \"%s-%v\" (.Values.image.repo | trunc 3) .Values.replicas | quote }}\n",
        "", defaults, "image:\n  tag: \"2\"\n");
    assert_string_equal(why(&r, "image:"), "a.yaml:1 image.repo@values.yaml:2 image.tag@u.yaml:2");
    assert_string_equal(why(&r, "replicas:"), "a.yaml:2 replicas@values.yaml:4");
    assert_string_equal(why(&r, "fixed:"), "a.yaml:3");
    assert_string_equal(why(&r, "name:"), "a.yaml:4 .Release.Name");
    assert_string_equal(why(&r, "app:"), "a.yaml:5 .Chart.AppVersion");
    assert_string_equal(why(&r, "file:"), "a.yaml:6 .Files.Get files/x.txt");
    assert_string_equal(why(&r, "or:"), "a.yaml:7 replicas@values.yaml:4 none?");
    assert_string_equal(why(&r, "or2:"), "a.yaml:8 image.tag@u.yaml:2 none?");
    assert_string_equal(why(&r, "cut:"), "a.yaml:9 image.repo@values.yaml:2 replicas@values.yaml:4");
    done(&r);
}

static void calls(void **state)
{
    (void)state;
    struct traced r = render("labels:\n"
                             "  {{- include \"labels\" . | nindent 2 }}\n"
                             "more:\n"
                             "  {{- toYaml .Values.labels | nindent 2 }}\n"
                             "name: {{ include \"name\" (dict \"v\" .Values.image.repo \"root\" $) }}\n"
                             "t: {{ tpl .Values.text . }}\n"
                             "r: {{ (include \"yaml\" . | fromYaml).deep.tag }}\n",
                             "{{ define \"labels\" -}}\n"
                             "app: web\n"
                             "{{ toYaml .Values.labels }}\n"
                             "{{- end }}\n"
                             "{{ define \"name\" }}\n" /* 5 */
                             "{{- .v }}-{{ .root.Values.replicas }}\n"
                             "{{- end }}\n"
                             "{{ define \"yaml\" }}\n" /* 8 */
                             "deep:\n"
                             "  tag: {{ .Values.image.tag }}\n"
                             "  other: {{ .Values.image.repo }}\n"
                             "{{ end }}\n",
                             defaults, "labels:\n  team: z\n");
    assert_string_equal(why(&r, "app:"), "_h.tpl:2<include:2");
    assert_string_equal(why(&r, "  team:"), "_h.tpl:3<include:2 labels.team@u.yaml:2");
    assert_string_equal(why(&r, "more:\n  team:"), "a.yaml:4 labels.team@u.yaml:2");
    assert_string_equal(why(&r, "more:\n  team: z\n  tier:"), "a.yaml:4 labels.tier@values.yaml:7");
    assert_string_equal(why(&r, "name:"), "_h.tpl:6<include:5 image.repo@values.yaml:2 replicas@values.yaml:4");
    assert_string_equal(why(&r, "t:"), "tpl:1<tpl:6 text@values.yaml:10 image.tag@values.yaml:3");
    assert_string_equal(why(&r, "\nr:"), "a.yaml:7 image.tag@values.yaml:3");
    done(&r);
}

static void conditions(void **state)
{
    (void)state;
    struct traced r = render("{{- if .Values.enabled }}\n"
                             "a: 1\n"
                             "{{- else }}\n"
                             "a: 2\n"
                             "{{- end }}\n"
                             "b: x{{ if .Values.suffix }}-{{ .Values.suffix }}{{ end }}\n"
                             "{{- range $i, $h := .Values.hosts }}\n"
                             "host-{{ $i }}: {{ $h }}\n"
                             "{{- end }}\n"
                             "{{- $n := \"one\" }}\n" /* 10 */
                             "{{- if not .Values.enabled }}{{ $n = \"two\" }}{{ end }}\n"
                             "n: {{ $n }}\n"
                             "{{- with .Values.image }}\n"
                             "w: {{ .repo }}\n"
                             "{{- end }}\n",
                             "", defaults, "");
    assert_string_equal(why(&r, "a:"), "a.yaml:2 | if 1 enabled@values.yaml:9");
    assert_string_equal(why(&r, "b:"), "a.yaml:6 | if 6 not suffix?");
    assert_string_equal(why(&r, "host-0:"), "a.yaml:8 hosts[0]@values.yaml:8 | range 7 hosts[0]@values.yaml:8");
    assert_string_equal(why(&r, "host-1:"), "a.yaml:8 hosts[1]@values.yaml:8 | range 7 hosts[1]@values.yaml:8");
    assert_string_equal(why(&r, "n:"), "a.yaml:12 | if 11 not enabled@values.yaml:9");
    assert_string_equal(why(&r, "w:"), "a.yaml:14 image.repo@values.yaml:2 | with 13 image@values.yaml:2");
    done(&r);
}

static void what_was_read(void **state)
{
    (void)state;
    struct traced r = render("a: {{ .Values.image.tag }}\n"
                             "b: {{ toYaml .Values.labels | quote }}\n"
                             "{{ if .Values.never }}{{ .Values.idle }}{{ end }}\n",
                             "", defaults, "image:\n  tagg: 3\nlabels:\n  mine: y\nidle: 3\nreplicas: 2\n");
    const struct hc_val *v = r.out.values;
    assert_true(hc_trace_was_read(r.trace, hc_get(v, "image.tag")));
    assert_false(hc_trace_was_read(r.trace, hc_get(v, "image.tagg")));
    assert_true(hc_trace_was_read(r.trace, hc_get(v, "labels.mine")));
    assert_false(hc_trace_was_read(r.trace, hc_get(v, "idle")));
    assert_false(hc_trace_was_read(r.trace, hc_get(v, "replicas")));
    assert_true(hc_trace_mentions(r.trace, HC_S("idle")));
    assert_false(hc_trace_mentions(r.trace, HC_S("tagg")));
    assert_true(hc_str_eqz(hc_trace_path(r.trace, hc_get(v, "labels.mine")), "labels.mine"));
    done(&r);
}

/* What Lua templates set: fields on one line and on many, variables, functions here and in a module, includes both ways. */
static void lua_fields(void **state)
{
    (void)state;
    static const char helpers[] = "local M = {}\n"                                                       /* 1 */
                                  "define(\"lua\", function(d) return \"-\" .. d.Values.replicas end)\n" /* 2 */
                                  "function M.named(name, more)\n"
                                  "  local t = { name = name, kind = \"x\" }\n" /* 4 */
                                  "  t.more = more\n"
                                  "  return t\n" /* 6 */
                                  "end\n"
                                  "return M\n";
    static const char template[] = "local lib = require \"_h\"\n" /* 1 */
                                   "local tag = Values.image.tag\n"
                                   "local image = printf(\"%s:%s\",\n" /* 3 */
                                   "  Values.image.repo,\n"
                                   "  tag)\n" /* 5 */
                                   "local d = {\n"
                                   "  image = image, count = Values.replicas + 1, fixed = \"yes\",\n" /* 7 */
                                   "  name = Release.Name .. \"-\" .. tag,\n"
                                   "  other = default(Values.replicas, Values.none),\n" /* 9 */
                                   "  made = lib.named(Values.labels.team, Values.labels.tier),\n"
                                   "  both = include(\"go\", dot),\n" /* 11 */
                                   "  whole = Values.labels,\n"
                                   "  list = { Values.labels.team, \"z\", Values.labels.tier },\n" /* 13 */
                                   "}\n"
                                   "if Values.enabled then\n" /* 15 */
                                   "  d.active = Values.image.repo\n"
                                   "elseif Values.never then\n" /* 17 */
                                   "  d.never = 1\n"
                                   "else\n"
                                   "  d.idle = 1\n" /* 20 */
                                   "end\n"
                                   "d.hosts = {}\n" /* 22 */
                                   "for i, h in ipairs(Values.hosts) do\n"
                                   "  d.hosts[#d.hosts + 1] = h\n" /* 24 */
                                   "  table.insert(d.list, h .. i)\n"
                                   "end\n"
                                   "local size = Values.labels.tier\n" /* 27 */
                                   "if Values.replicas > 5 then size = \"l\" end\n"
                                   "d.size = size\n" /* 29 */
                                   "return d\n";
    static const struct {
        const char *field, *want;
    } rows[] = {
        { "image:", "a.lua:7,a.lua:3 image.repo@values.yaml:2 image.tag@u.yaml:2" },
        { "count:", "a.lua:7 replicas@values.yaml:4" },
        { "fixed:", "a.lua:7" },
        { "\nname:", "a.lua:8 image.tag@u.yaml:2 .Release.Name" },
        { "other:", "a.lua:9 replicas@values.yaml:4 none?" },
        { "  name:", "_h.lua:4<function:10 labels.team@values.yaml:6" },
        { "  kind:", "_h.lua:4<function:10" },
        { "  more:", "_h.lua:5<function:10 labels.tier@values.yaml:7" },
        { "both:", "a.lua:11,_go.tpl:1<include:11,_h.lua:2<include:1<include:11 image.tag@u.yaml:2 "
                   "replicas@values.yaml:4" },
        { "whole:\n  team:", "a.lua:12 labels.team@values.yaml:6" },
        { "list:\n-", "a.lua:13 labels.team@values.yaml:6" },
        { "- z\n-", "a.lua:13 labels.tier@values.yaml:7" },
        { "active:", "a.lua:16 image.repo@values.yaml:2 | if 15 enabled@values.yaml:9" },
        { "hosts:\n-", "a.lua:24 hosts[0]@values.yaml:8 | range 23 hosts@values.yaml:8 hosts[0]@values.yaml:8" },
        { "size:", "a.lua:29 labels.tier@values.yaml:7 | if 28 replicas@values.yaml:4" },
        { "- b\nimage", "a.lua:7,a.lua:3 image.repo@values.yaml:2 image.tag@u.yaml:2" },
    };
    lua = true;
    struct traced r = render(template, helpers, defaults, "image:\n  tag: \"2\"\n");
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        const char *is = why(&r, rows[i].field);
        if (strcmp(is, rows[i].want) != 0)
            fail_msg("%s\n  is     %s\n  should %s", rows[i].field, is, rows[i].want);
    }
    untraced = true;
    struct traced plain = render(template, helpers, defaults, "image:\n  tag: \"2\"\n");
    assert_true(hc_str_eq(plain.out.docs.manifests[0].text, r.out.docs.manifests[0].text));
    done(&plain);
    done(&r);
    lua = untraced = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_layers), cmocka_unit_test(calls),      cmocka_unit_test(conditions),
        cmocka_unit_test(what_was_read),     cmocka_unit_test(lua_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
