/*
 * helmctl why: which line of which template wrote a field or a line of the notes, from which values, and what the other
 * layers said.
 */
#include "templating/render/why.h"

#include <limits.h>
#include <stdio.h>

#include "helmctl/cli/cli.h"
#include "helmctl/cli/traced.h"

struct options {
    struct hc_traced_flags traced;
    const char *output;
    bool all, include_crds;
};

struct job {
    struct hc_arena *a;
    const struct options *o;
    struct hc_traced t;
    struct hc_why why;
    const struct hc_why_object *object;
    bool secret; /* the object is a Secret */
};

static const char about[] =
    "Says where a field of a rendered object came from: the line of the template that wrote it and the calls it "
    "was\n"
    "written through, the values that went into it with the file and line that set them, what the layers below "
    "said,\n"
    "and the conditions around it.\n"
    "\n"
    "  helmctl why web ./chart Deployment/web 'spec.template.spec.containers[name=app].image'\n"
    "  helmctl why web ./chart Service/shop/web /spec/ports/0/port        a namespace, a JSON pointer\n"
    "  helmctl why web ./chart Deployment/web spec.template.metadata      all fields below it\n"
    "  helmctl why web ./chart Deployment/web --all -o json\n"
    "  helmctl why web ./chart NOTES.txt 3                                a line of the notes\n"
    "  helmctl why web ./chart NOTES.txt 'port-forward'                   those with these words\n"
    "\n"
    "Nothing is sent to a cluster. What looks like a secret is shown as *** (--show-secrets).";

/* ---- as a tree ----------------------------------------------------------------------------------------- */

static bool hides(const struct job *j, hc_str path)
{
    return !j->o->traced.show_secrets && (j->secret || hc_traced_is_secret(path));
}

static bool hides_field(const struct job *j, hc_str path)
{
    return !j->o->traced.show_secrets &&
           ((j->secret && (hc_str_starts(path, HC_S("data.")) || hc_str_starts(path, HC_S("stringData.")))) ||
            hc_traced_is_secret(path));
}

static struct hc_val *shown(const struct job *j, const struct hc_val *v, bool hidden)
{
    if (hc_map_len(v) || hc_list_len(v)) /* what is in it has answers of its own */
        return hc_str_val_ref(j->a, hc_traced_scalar(j->a, v, hidden));
    if (hidden && v && (hc_is_str(v) ? v->n > 0 : v->kind != HC_BOOL && !hc_is_null(v)))
        return hc_str_val_ref(j->a, HC_S("***"));
    return v ? hc_val_copy(j->a, v) : hc_null_val(j->a);
}

static const char *layer_name(const struct hc_said *s)
{
    switch (s->layer) {
    case HC_LAYER_SET:
        return "flag";
    case HC_LAYER_CHART:
    case HC_LAYER_PARENT:
        return hc_str_starts(s->name, HC_S("charts/")) ? "sub-chart default" : "chart default";
    case HC_LAYER_FILE:
        return "file";
    default:
        return "object";
    }
}

static struct hc_val *said_tree(const struct job *j, const struct hc_said *s, bool hidden)
{
    struct hc_val *m = hc_map_new(j->a);
    hc_map_put_strz(j->a, m, "layer", layer_name(s));
    hc_map_put_str(j->a, m, "name", s->name);
    if (s->chart.p)
        hc_map_put_str(j->a, m, "chart", s->chart);
    if (s->layer != HC_LAYER_SET && s->v->line) {
        hc_map_put_int(j->a, m, "line", s->v->line);
        hc_map_put_int(j->a, m, "column", s->v->col);
    }
    hc_map_put(j->a, m, HC_S("value"), shown(j, s->v, hidden));
    if (s->won)
        hc_map_put_bool(j->a, m, "used", true);
    if (s->imported)
        hc_map_put_bool(j->a, m, "importValues", true);
    return m;
}

static size_t said_of(const struct job *j, const struct hc_trace_source *s, struct hc_said **out)
{
    if (s->what == HC_TRACE_BUILTIN || !s->path.p)
        return 0;
    return hc_values_said(j->a, j->t.out.charts, &j->t.layers, j->t.origins, s->path, s->value, out);
}

static struct hc_val *source_tree(const struct job *j, const struct hc_trace_source *s)
{
    static const char *const what[] = { "value", "key", "absent", "builtin" };
    struct hc_val *m = hc_map_new(j->a), *list = hc_list_new(j->a);
    struct hc_said *said = NULL;
    bool hidden = hides(j, s->path);
    hc_map_put_strz(j->a, m, "kind", what[s->what]);
    if (s->path.p)
        hc_map_put_str(j->a, m, "path", s->path);
    if (s->chart.p)
        hc_map_put_str(j->a, m, "chart", s->chart);
    if (s->value)
        hc_map_put(j->a, m, HC_S("value"), shown(j, s->value, hidden));
    size_t n = said_of(j, s, &said);
    for (size_t i = 0; i < n; i++)
        hc_list_add(j->a, list, said_tree(j, &said[i], hidden));
    if (n)
        hc_map_put(j->a, m, HC_S("layers"), list);
    return m;
}

static struct hc_val *place_tree(const struct job *j, const struct hc_trace_place *p)
{
    struct hc_val *m = hc_map_new(j->a), *calls = hc_list_new(j->a);
    hc_map_put_str(j->a, m, "file", p->file);
    if (p->line) {
        hc_map_put_int(j->a, m, "line", p->line);
        hc_map_put_int(j->a, m, "column", p->col);
    }
    if (p->name.p)
        hc_map_put_str(j->a, m, "template", p->name);
    hc_map_put_str(j->a, m, "text", p->text);
    for (size_t i = 0; i < p->calls_n; i++) {
        const struct hc_trace_call *c = &p->calls[i];
        struct hc_val *call = hc_map_new(j->a);
        hc_map_put_strz(j->a, call, "how", c->how);
        if (c->name.p)
            hc_map_put_str(j->a, call, "template", c->name);
        hc_map_put_str(j->a, call, "file", c->file);
        hc_map_put_int(j->a, call, "line", c->line);
        hc_map_put_int(j->a, call, "column", c->col);
        hc_list_add(j->a, calls, call);
    }
    if (p->calls_n)
        hc_map_put(j->a, m, HC_S("calls"), calls);
    return m;
}

static struct hc_val *sources_tree(const struct job *j, const struct hc_trace_source *s, size_t n)
{
    struct hc_val *list = hc_list_new(j->a);
    for (size_t i = 0; i < n; i++)
        hc_list_add(j->a, list, source_tree(j, &s[i]));
    return list;
}

/* "written", "values", "because"; `written` may hold places already. */
static void put_trace_tree(const struct job *j, struct hc_val *m, struct hc_val *written,
                           const struct hc_trace_answer *t)
{
    struct hc_val *causes = hc_list_new(j->a);
    for (size_t i = 0; i < t->places_n; i++)
        hc_list_add(j->a, written, place_tree(j, &t->places[i]));
    for (size_t i = 0; i < t->causes_n; i++) {
        const struct hc_trace_cause *c = &t->causes[i];
        struct hc_val *cause = place_tree(j, &c->at);
        hc_map_put_strz(j->a, cause, "keyword", c->keyword);
        hc_map_put_bool(j->a, cause, "holds", c->held);
        hc_map_put(j->a, cause, HC_S("values"), sources_tree(j, c->sources, c->sources_n));
        hc_list_add(j->a, causes, cause);
    }
    hc_map_put(j->a, m, HC_S("written"), written);
    hc_map_put(j->a, m, HC_S("values"), sources_tree(j, t->sources, t->sources_n));
    hc_map_put(j->a, m, HC_S("because"), causes);
}

static struct hc_val *answer_tree(const struct job *j, const struct hc_why_answer *w)
{
    struct hc_val *m = hc_map_new(j->a), *written = hc_list_new(j->a);
    hc_map_put_str(j->a, m, "path", w->field.path);
    hc_map_put(j->a, m, HC_S("value"), shown(j, w->field.val, hides_field(j, w->field.path)));
    if (w->verbatim.p) {
        struct hc_val *place = hc_map_new(j->a);
        hc_map_put_str(j->a, place, "file", w->verbatim);
        hc_list_add(j->a, written, place);
    }
    put_trace_tree(j, m, written, &w->trace);
    return m;
}

static struct hc_val *object_tree(const struct job *j)
{
    struct hc_val *m = hc_map_new(j->a);
    hc_map_put_str(j->a, m, "apiVersion", j->object->api_version);
    hc_map_put_str(j->a, m, "kind", j->object->kind);
    if (j->object->ns.n)
        hc_map_put_str(j->a, m, "namespace", j->object->ns);
    hc_map_put_str(j->a, m, "name", j->object->name);
    return m;
}

/* ---- as text -------------------------------------------------------------------------------------------- */

static void put_place(struct hc_buf *b, const char *word, const struct hc_trace_place *p)
{
    hc_buf_printf(b, "  %-10s %.*s:%d:%d", word, HC_P(p->file), p->line, p->col);
    if (p->name.p)
        hc_buf_printf(b, "  in \"%.*s\"", HC_P(p->name));
    hc_buf_printf(b, "\n             %.*s\n", HC_P(p->text));
    for (size_t i = 0; i < p->calls_n; i++) {
        const struct hc_trace_call *c = &p->calls[i];
        hc_buf_printf(b, "  %-10s %s", "called by", c->how);
        if (c->name.p)
            hc_buf_printf(b, " \"%.*s\"", HC_P(c->name));
        hc_buf_printf(b, " at %.*s:%d:%d\n", HC_P(c->file), c->line, c->col);
    }
}

/* What the layers said, the one that counts first; `indent` spaces in front. */
static void put_said(const struct job *j, struct hc_buf *b, const struct hc_trace_source *s, bool hidden,
                     int indent)
{
    struct hc_said *said = NULL;
    size_t n = said_of(j, s, &said);
    for (size_t i = 0; i < n; i++) {
        const struct hc_said *one = &said[i];
        bool line = one->layer != HC_LAYER_SET && one->v->line;
        hc_str at = line ? hc_arena_printf(j->a, "%.*s:%u", HC_P(one->name), one->v->line) : one->name;
        hc_buf_printf(b, "%*s%s %.*s (%s)", indent, "", one->won ? "set by" : "over  ", HC_P(at), layer_name(one));
        if (one->imported)
            hc_buf_puts(b, ", brought here by import-values");
        if (one->null && !one->won)
            hc_buf_puts(b, ", whose null takes the value away");
        else if (!one->won)
            hc_buf_printf(b, ", which says %.*s", HC_P(hc_traced_scalar(j->a, one->v, hidden)));
        if (!one->won && s->value && hc_str_find(s->path, '[') != SIZE_MAX)
            hc_buf_puts(b, " (lists are replaced whole)");
        hc_buf_putc(b, '\n');
    }
}

static void put_value(const struct job *j, struct hc_buf *b, const struct hc_trace_source *s)
{
    if (s->path.p)
        hc_buf_printf(b, s->what == HC_TRACE_KEY ? "the name of %.*s = " : "%.*s = ", HC_P(s->path));
    hc_buf_printf(b, "%.*s",
                  HC_P(s->what == HC_TRACE_BUILTIN && !s->value
                           ? HC_S("a file of the chart")
                           : hc_traced_scalar(j->a, s->value, hides(j, s->path))));
}

static void put_source(const struct job *j, struct hc_buf *b, const char *word, const struct hc_trace_source *s)
{
    bool hidden = hides(j, s->path);
    hc_buf_printf(b, "  %-10s ", word);
    put_value(j, b, s);
    if (s->chart.p)
        hc_buf_printf(b, "  (%.*s/Chart.yaml)", HC_P(s->chart));
    hc_buf_putc(b, '\n');
    put_said(j, b, s, hidden, 15);
}

static void put_trace(const struct job *j, struct hc_buf *b, const struct hc_trace_answer *t)
{
    for (size_t i = 0; i < t->places_n; i++)
        put_place(b, i ? "and in" : "written in", &t->places[i]);
    for (size_t i = 0; i < t->sources_n; i++)
        put_source(j, b, i ? "and" : "from", &t->sources[i]);
    for (size_t i = 0; i < t->causes_n; i++) {
        const struct hc_trace_cause *c = &t->causes[i];
        hc_str at = hc_arena_printf(j->a, c->at.line ? "%.*s:%d:%d" : "%.*s", HC_P(c->at.file), c->at.line,
                                    c->at.col);
        hc_buf_printf(b, "  %-10s %s at %.*s %s\n             %.*s\n", i ? "and" : "because", c->keyword, HC_P(at),
                      c->held ? "holds" : "does not hold", HC_P(c->at.text));
        for (size_t k = 0; k < c->sources_n; k++) {
            const struct hc_trace_source *s = &c->sources[k];
            bool hidden = hides(j, s->path);
            hc_buf_printf(b, "               %.*s%s%.*s\n", HC_P(s->path), s->path.p ? " = " : "",
                          HC_P(hc_traced_scalar(j->a, s->value, hidden)));
            put_said(j, b, s, hidden, 17);
        }
    }
}

static void put_answer(const struct job *j, struct hc_buf *b, const struct hc_why_answer *w)
{
    hc_buf_printf(b, "%.*s/%.*s %.*s = %.*s\n", HC_P(j->object->kind), HC_P(j->object->name),
                  HC_P(w->field.path.n ? w->field.path : HC_S("(the object)")),
                  HC_P(hc_traced_scalar(j->a, w->field.val, hides_field(j, w->field.path))));
    if (w->verbatim.p)
        hc_buf_printf(b, "  %-10s %.*s, which is no template\n", "written in", HC_P(w->verbatim));
    put_trace(j, b, &w->trace);
}

/* Below what it is: "file:line < file:line" for each place, and each value with its layer. */
static void put_short(const struct job *j, struct hc_buf *b, const struct hc_trace_answer *t)
{
    for (size_t i = 0; i < t->places_n; i++) {
        const struct hc_trace_place *p = &t->places[i];
        hc_buf_printf(b, "    %.*s:%d", HC_P(p->file), p->line);
        for (size_t k = 0; k < p->calls_n; k++)
            hc_buf_printf(b, " < %.*s:%d", HC_P(p->calls[k].file), p->calls[k].line);
        hc_buf_putc(b, '\n');
    }
    for (size_t i = 0; i < t->sources_n; i++) {
        const struct hc_trace_source *s = &t->sources[i];
        hc_buf_puts(b, "    ");
        put_value(j, b, s);
        if (s->what == HC_TRACE_VALUE)
            hc_buf_printf(b, "  %.*s", HC_P(hc_traced_layer(j->a, j->t.origins, s->value)));
        hc_buf_putc(b, '\n');
    }
}

/* A field in short. */
static void put_row(const struct job *j, struct hc_buf *b, const struct hc_why_answer *w)
{
    hc_buf_printf(b, "%.*s = %.*s\n", HC_P(w->field.path),
                  HC_P(hc_traced_scalar(j->a, w->field.val, hides_field(j, w->field.path))));
    if (w->verbatim.p)
        hc_buf_printf(b, "    %.*s\n", HC_P(w->verbatim));
    put_short(j, b, &w->trace);
}

/* ---- notes ---------------------------------------------------------------------------------------------- */

/* The line, unless something secret went into it. */
static hc_str shown_line(const struct job *j, const struct hc_why_line *w)
{
    for (size_t i = 0; i < w->trace.sources_n; i++) {
        const struct hc_trace_source *s = &w->trace.sources[i];
        if (s->value && hides(j, s->path) && hc_str_eqz(hc_traced_scalar(j->a, s->value, true), "***"))
            return HC_S("***");
    }
    return w->text;
}

static struct hc_val *line_tree(const struct job *j, const struct hc_why_line *w)
{
    struct hc_val *m = hc_map_new(j->a);
    hc_map_put_int(j->a, m, "line", w->number);
    hc_map_put_str(j->a, m, "value", shown_line(j, w));
    if (w->file.p)
        hc_map_put_str(j->a, m, "template", w->file);
    put_trace_tree(j, m, hc_list_new(j->a), &w->trace);
    return m;
}

static void put_line(const struct job *j, struct hc_buf *b, const struct hc_why_line *w, bool one)
{
    const char *head = one ? "NOTES.txt line " : "";
    hc_buf_printf(b, "%s%d = \"%.*s\"\n", head, w->number, HC_P(shown_line(j, w)));
    if (!w->file.p)
        hc_buf_printf(b, one ? "  %-10s\n" : "    %s\n", "between the notes of two charts");
    if (one)
        put_trace(j, b, &w->trace);
    else
        put_short(j, b, &w->trace);
}

/*
 * Which lines `which` means: a number, or words that stand in them; NULL: all, without the empty ones. Gives how many there
 * are, and their numbers in `a`.
 */
static size_t lines_meant(const struct job *j, hc_str notes, const char *which, int **out)
{
    int64_t number = 0;
    hc_str words = hc_str_of(which), rest = notes, line;
    size_t n = 0, most = 1;
    for (size_t i = 0; i < notes.n; i++)
        most += notes.p[i] == '\n';
    int *list = HC_NEW_N(j->a, int, most + 1);
    *out = list;
    if (!list)
        return 0;
    if (which && hc_str_to_i64(words, &number)) {
        list[0] = (int)HC_MAX(HC_MIN(number, (int64_t)INT_MAX), (int64_t)0);
        return 1;
    }
    for (int k = 1; hc_str_split(&rest, '\n', &line); k++)
        if (which ? hc_str_find_str(line, words) != SIZE_MAX : hc_str_trim(line).n > 0)
            list[n++] = k;
    return n;
}

static int print_notes(struct job *j, const char *which)
{
    struct hc_err err = HC_ERR_INIT;
    hc_str notes = hc_why_notes(&j->why);
    if (!notes.p)
        return hc_cli_error("the chart renders no notes with these values%s",
                            j->o->traced.sub_notes ? "" : "; --render-subchart-notes adds those of its sub-charts");
    int *numbers = NULL;
    size_t n = lines_meant(j, notes, which, &numbers);
    if (n == 0)
        return hc_cli_error("no line of the notes has the words '%s'", which ? which : "");
    bool text = strcmp(j->o->output, "text") == 0;
    struct hc_val *tree = hc_map_new(j->a), *lines = hc_list_new(j->a);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < n; i++) {
        struct hc_why_line w;
        if (hc_why_line(&j->why, numbers[i], &w, &err) != HC_OK)
            return hc_cli_fail(&err);
        if (text)
            put_line(j, &b, &w, n == 1);
        else
            hc_list_add(j->a, lines, line_tree(j, &w));
    }
    if (text) {
        fwrite(b.p, 1, b.n, stdout);
        return 0;
    }
    hc_map_put(j->a, tree, HC_S("notes"), lines);
    if (hc_arena_check(j->a, &err, "answer") != HC_OK)
        return hc_cli_fail(&err);
    return hc_traced_print(tree, j->o->output);
}

/* ---- the command ---------------------------------------------------------------------------------------- */

static int print(struct job *j, hc_str path)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_why_answer w;
    hc_str *paths = NULL;
    size_t n = 0;
    if (hc_why_ask(&j->why, j->object, path, &w, &err) != HC_OK ||
        hc_why_leaves(&j->why, j->object, path, &paths, &n, &err) != HC_OK)
        return hc_cli_fail(&err);
    bool one = n == 1 && hc_str_eq(paths[0], w.field.path);
    bool text = strcmp(j->o->output, "text") == 0;
    struct hc_val *tree = hc_map_new(j->a), *fields = hc_list_new(j->a);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (text && one)
        put_answer(j, &b, &w);
    else if (text)
        hc_buf_printf(&b, "%.*s/%.*s, from %.*s\n", HC_P(j->object->kind), HC_P(j->object->name),
                      HC_P(j->object->doc->path));
    for (size_t i = 0; i < n && !(text && one); i++) {
        if (hc_why_ask(&j->why, j->object, paths[i], &w, &err) != HC_OK)
            return hc_cli_fail(&err);
        if (text)
            put_row(j, &b, &w);
        else
            hc_list_add(j->a, fields, answer_tree(j, &w));
    }
    if (text) {
        fwrite(b.p, 1, b.n, stdout);
        return 0;
    }
    hc_map_put(j->a, tree, HC_S("object"), object_tree(j));
    hc_map_put_str(j->a, tree, "template", j->object->doc->path);
    hc_map_put(j->a, tree, HC_S("fields"), fields);
    if (hc_arena_check(j->a, &err, "answer") != HC_OK)
        return hc_cli_fail(&err);
    return hc_traced_print(tree, j->o->output);
}

static int run(struct job *j, struct hc_traced_flags *traced, const struct hc_cli *cli, hc_str name,
               const char *ref, const char *path, bool notes)
{
    struct hc_err err = HC_ERR_INIT;
    int code = hc_traced_render(j->a, traced, &cli->globals, name, &j->t);
    if (code)
        return code;
    if (hc_why_open(j->a, j->t.trace, &j->t.out, hc_cli_namespace(j->a, &cli->globals), true, &j->why, &err) !=
        HC_OK)
        return hc_cli_fail(&err);
    if (notes)
        return print_notes(j, path);
    if (hc_why_find(&j->why, hc_str_of(ref), &j->object, &err) != HC_OK)
        return hc_cli_fail(&err);
    j->secret = hc_str_eqz(j->object->kind, "Secret");
    return print(j, path ? hc_str_of(path) : HC_S(""));
}

int hc_cmd_why(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct options o = { .traced.source.no_digest = true, .output = "text" };
    const struct hc_flag flags[] = {
        { "all", 0, HC_FLAG_BOOL, &o.all, "every field of the object, or of what stands at PATH" },
        { "output", 'o', HC_FLAG_STR, &o.output, "print as text, json or yaml", NULL, "text|json|yaml" },
        { "render-subchart-notes", 0, HC_FLAG_BOOL, &o.traced.sub_notes, "notes of sub-charts, too" },
        HC_TRACED_FLAGS(o.traced),
    };
    struct hc_cli cli = {
        .use = "why NAME CHART (KIND/[NAMESPACE/]NAME PATH | NOTES.txt LINE) [flags]",
        .about = about,
        .flags = flags,
        .flags_n = HC_LEN(flags),
        .min_args = 3,
        .max_args = 4,
    };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    if (strcmp(o.output, "text") != 0 && strcmp(o.output, "json") != 0 && strcmp(o.output, "yaml") != 0)
        return hc_cli_error("--output is text, json or yaml, not '%s'", o.output);
    bool notes = hc_str_eq_nocase(hc_str_of(cli.args[2]), HC_S("NOTES.txt"));
    if (notes && cli.args_n == 3 && !o.all)
        return hc_cli_error(
            "which line? Give its number, or words of it, behind NOTES.txt, or --all for all of them");
    if (cli.args_n == 3 && !o.all)
        return hc_cli_error("which field? Give a PATH behind %s, or --all for all of them", cli.args[2]);
    o.traced.source.ref = cli.args[1];
    if (hc_cli_ports.hand_over &&
        !(hc_cli_chart_is_local(&o.traced.source) && hc_cli_values_are_local(&o.traced.values)))
        return hc_cli_ports.hand_over(argc, argv);
    struct job j = { .a = a, .o = &o };
    code = run(&j, &o.traced, &cli, hc_str_of(cli.args[0]), cli.args[2], cli.args_n == 4 ? cli.args[3] : NULL,
               notes);
    hc_traced_done(&j.t);
    return code;
}
