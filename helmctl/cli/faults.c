/*
 * All of it is made from data: the frames of the engine, the position of the error, the origins of the values, which are
 * read once more here, because a render that goes well must not pay for them.
 */
#include "helmctl/cli/faults.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/value/fieldpath.h"
#include "core/value/json.h"
#include "core/value/merge.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/schemas.h"
#include "helmctl/cli/traced.h"
#include "templating/overlay/overlay.h"

enum hc_rc hc_cli_fault_format(const char *flag, enum hc_fault_format *out, struct hc_err *err)
{
    const char *name = flag && *flag ? flag : getenv("HELMCTL_ERROR_FORMAT");
    *out = isatty(STDERR_FILENO) ? HC_FAULT_PERSON : HC_FAULT_HELM;
    if (!name || !*name)
        return HC_OK;
    static const char *const names[] = { "helm", "person", "json" };
    for (size_t i = 0; i < HC_LEN(names); i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (enum hc_fault_format)i;
            return HC_OK;
        }
    return hc_fail(err, HC_E_INPUT, "unknown error format \"%s\": one of person, helm, json", name);
}

/* ---- what is known ----------------------------------------------------------------------------------- */

struct place {
    hc_str file, line_text;
    int line, col, width; /* col from 1 in bytes, 0: not known; width of what is marked, at least 1 */
    const char *what;     /* "rendered", or NULL */
};

struct wrong {
    hc_str path, says, origin; /* ".Values.a.b", "is null", "values.yaml:3" */
    hc_str near;               /* a name close to a missing one */
    hc_str chart;              /* whose values it is one of */
};

static hc_str nth_line(hc_str text, int n)
{
    hc_str rest = text, line = { NULL, 0 };
    while (n > 0 && hc_str_split(&rest, '\n', &line))
        n--;
    if (n > 0)
        return (hc_str){ NULL, 0 };
    return hc_str_ends(line, HC_S("\r")) ? hc_str_sub(line, 0, line.n - 1) : line;
}

/* A line whose key has a secret's name keeps the key alone. */
static hc_str harmless(struct hc_arena *a, hc_str line)
{
    size_t colon = hc_str_find(line, ':');
    if (colon == SIZE_MAX || !hc_traced_is_secret(hc_str_trim(hc_str_sub(line, 0, colon))))
        return line;
    return hc_arena_printf(a, "%.*s: ***", HC_P(hc_str_sub(line, 0, colon)));
}

static bool in_chart(struct hc_arena *a, const struct hc_chart *c, hc_str file, hc_str *out)
{
    hc_str path = hc_chart_path(a, c);
    for (size_t i = 0; i < c->templates_n; i++) {
        hc_str name = c->templates[i].name;
        if (file.n == path.n + 1 + name.n && hc_str_starts(file, path) && hc_str_ends(file, name)) {
            *out = c->templates[i].body;
            return true;
        }
    }
    for (size_t i = 0; i < c->subs_n; i++)
        if (in_chart(a, c->subs[i], file, out))
            return true;
    return false;
}

static bool on_disk(struct hc_arena *a, const char *path, hc_str *out)
{
    struct stat st;
    return path && stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
           hc_read_file(a, AT_FDCWD, path, HC_MAX_CHART_BYTES, out, NULL) == HC_OK;
}

/* What stands behind a `=` may be a secret: only keys are shown. *col moves along. */
static hc_str keys_of_set(struct hc_arena *a, hc_str text, int *col)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    bool value = false;
    int depth = 0, shown = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (value && c == '\\' && i + 1 < text.n)
            i++;
        else if (value)
            depth += c == '{' ? 1 : c == '}' ? -1 : 0;
        if (value && c == ',' && depth <= 0)
            value = false;
        if (!value)
            hc_buf_putc(&b, c);
        if (!value && c == '=') {
            value = true;
            depth = 0;
            hc_buf_puts(&b, "***");
        }
        if ((int)i < *col)
            shown = (int)b.n;
    }
    while (shown > 1 && ((unsigned char)b.p[shown - 1] & 0xc0) == 0x80)
        shown--;
    *col = shown;
    return hc_buf_to_arena(&b, a);
}

/* The nth text of a --set flag; absent: the error is of no such flag. */
static hc_str set_text(const struct hc_values_flags *v, hc_str flag, int nth)
{
    const struct {
        const char *flag;
        const struct hc_strings *texts;
    } all[] = { { "--set", &v->set },
                { "--set-string", &v->set_string },
                { "--set-file", &v->set_file },
                { "--set-literal", &v->set_literal } };
    for (size_t i = 0; i < HC_LEN(all); i++)
        if (hc_str_eqz(flag, all[i].flag) && nth > 0 && (size_t)nth <= all[i].texts->n)
            return hc_str_of(all[i].texts->items[nth - 1]);
    return (hc_str){ NULL, 0 };
}

static bool is_kind_secret(hc_str text)
{
    return hc_str_find_str(text, HC_S("kind: Secret")) != SIZE_MAX;
}

/* The text that the error's position is in. */
static bool source_of(struct hc_arena *a, const struct hc_cli_fault *f, hc_str *out, struct place *p)
{
    hc_str file = hc_str_of(f->err->file);
    for (size_t i = 0; f->rendered && i < f->rendered->manifests_n; i++)
        if (hc_str_eq(f->rendered->manifests[i].path, file)) {
            *out = f->rendered->manifests[i].text;
            p->what = "rendered";
            return !is_kind_secret(*out);
        }
    if (f->chart && in_chart(a, f->chart, file, out))
        return true;
    if (!f->chart && f->source && f->source->ref &&
        on_disk(a, hc_arena_printf(a, "%s/%s", f->source->ref, f->err->file).p, out)) {
        p->file = hc_path_clean(a, hc_arena_printf(a, "%s/%s", f->source->ref, f->err->file));
        return true;
    }
    return on_disk(a, f->err->file, out);
}

/* Where the expression stands in its line: around the column that Helm counts. */
static void mark(struct place *p, hc_str expr, int col)
{
    p->col = col + 1;
    p->width = 1;
    for (size_t from = 0; expr.n && from < p->line_text.n;) {
        size_t at = hc_str_find_str(hc_str_sub(p->line_text, from, p->line_text.n), expr);
        if (at == SIZE_MAX)
            return;
        at += from;
        if ((size_t)col >= at && (size_t)col < at + expr.n) {
            p->col = (int)at + 1;
            p->width = (int)expr.n;
            return;
        }
        from = at + 1;
    }
}

static bool place_of_frame(const struct hc_fault_frame *frame, struct place *p)
{
    *p = (struct place){ .file = frame->file, .line_text = frame->text, .line = frame->line };
    mark(p, frame->expr, frame->col);
    return true;
}

static bool place_of_error(struct hc_arena *a, const struct hc_cli_fault *f, struct place *p)
{
    hc_str text = { NULL, 0 };
    *p = (struct place){ .file = hc_str_of(f->err->file), .line = f->err->line, .width = 1 };
    if (!p->file.n || p->line <= 0)
        return false;
    if (f->values && (text = set_text(f->values, p->file, p->line)).p) {
        p->col = f->err->col;
        p->line_text = keys_of_set(a, text, &p->col);
        return true;
    }
    if (source_of(a, f, &text, p)) {
        hc_str line = nth_line(text, p->line);
        for (int back = p->line;
             !hc_str_trim(line).n && back > 1;) { /* a text that ends too early: its last line */
            line = nth_line(text, --back);
            if (hc_str_trim(line).n)
                p->line = back;
        }
        p->line_text = harmless(a, line);
        p->col = f->err->col > 0 && (size_t)f->err->col <= p->line_text.n ? f->err->col : 0;
    }
    return true;
}

/* The chart of a template: the one whose path is the longest in front of it. Of charts with one path the last counts. */
static const struct hc_overlay_chart *chart_at(const struct hc_overlay_chart *c, hc_str file)
{
    const struct hc_overlay_chart *best = hc_str_starts(file, c->path) && file.n > c->path.n &&
                                                  file.p[c->path.n] == '/'
                                              ? c
                                              : NULL;
    for (size_t i = 0; i < c->subs_n; i++) {
        const struct hc_overlay_chart *found = chart_at(c->subs[i], file);
        if (found && (!best || found->path.n >= best->path.n))
            best = found;
    }
    return best;
}

/* The effective values with the origin of each, worked out once more. */
static bool values_again(struct hc_arena *a, const struct hc_cli_fault *f, struct hc_origins **origins,
                         struct hc_overlay *out)
{
    struct hc_val *user = NULL;
    *origins = hc_origins_new(a);
    if (!f->chart || !f->values || !*origins || hc_cli_values_read_stdin(f->values))
        return false;
    const struct hc_overlay_opts opts = { .helm3 = f->values->helm3, .skip_schema = true, .origins = *origins };
    return hc_cli_values(a, f->values, *origins, NULL, &user, NULL) == HC_OK &&
           hc_overlay_process(a, f->chart, user, &opts, out, NULL) == HC_OK;
}

/* What a value is and who said so. w->path is known. */
static void tell_value(struct hc_arena *a, const struct hc_origins *origins, const struct hc_val *v,
                       struct wrong *w)
{
    static const char *const kinds[] = { "null",     "a bool", "a number", "a number",
                                         "a number", "a text", "a list",   "a map" };
    bool shown = !hc_traced_is_secret(w->path) && hc_kind_of(v) >= HC_BOOL && hc_kind_of(v) <= HC_FLOAT;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_buf_printf(&b, "is %s", hc_kind_of(v) <= HC_MAP ? kinds[hc_kind_of(v)] : "a value");
    if (shown) {
        hc_buf_puts(&b, ", ");
        hc_json_write(&b, v, 0);
    }
    w->says = hc_buf_to_arena(&b, a);
    w->origin = hc_traced_layer(a, origins, v);
}

/* The deepest value on the way of the expression: what it is, and who said so. */
static bool wrong_value(struct hc_arena *a, const struct hc_cli_fault *f, struct wrong *w)
{
    const struct hc_fault *t = f->fault;
    struct hc_overlay overlay;
    struct hc_origins *origins;
    if (!t || t->path_n < 2 || !hc_str_eqz(t->path[0], "Values") || !values_again(a, f, &origins, &overlay))
        return false;
    const struct hc_overlay_chart *c = chart_at(overlay.root, t->frames[t->frames_n - 1].file);
    const struct hc_val *v = c ? c->values : NULL, *above = NULL;
    HC_AUTO(hc_buf) struct hc_buf path;
    hc_buf_init(&path, 0);
    hc_buf_puts(&path, ".Values");
    size_t i = 1;
    for (; v && i < t->path_n && hc_is_map(v); i++) {
        above = v;
        v = hc_map_get(v, t->path[i]);
        hc_buf_printf(&path, ".%.*s", HC_P(t->path[i]));
    }
    w->path = hc_buf_to_arena(&path, a);
    if (v) {
        tell_value(a, origins, v, w);
        return true;
    }
    w->says = HC_S("is not set");
    for (size_t k = 0; k < hc_map_len(above); k++)
        if (hc_name_near(t->path[i - 1], hc_map_at(above, k)->key))
            w->near = hc_map_at(above, k)->key;
    return true;
}

enum { MISFITS_TOLD = 20 };

/* Values that do not fit the schema of their chart; gives how many, of which the first MISFITS_TOLD are told. */
static size_t put_misfits(struct hc_arena *a, const struct hc_overlay_chart *c, const struct hc_origins *origins,
                          struct wrong *out, size_t n)
{
    const struct hc_val *at = c->chart->schema.p
                                  ? hc_schema_misfits(a, c->chart->schema, c->values, hc_cli_schemas())
                                  : NULL;
    for (size_t i = 0; i < hc_list_len(at); i++) {
        hc_str pointer = hc_get_str(hc_list_at(at, i));
        const struct hc_val *v = hc_pointer_get(c->values, pointer);
        if (!v || n++ >= MISFITS_TOLD)
            continue;
        HC_AUTO(hc_buf) struct hc_buf path;
        hc_buf_init(&path, 0);
        hc_buf_puts(&path, ".Values");
        hc_str rest = pointer, key;
        hc_str_split(&rest, '/', &key); /* what stands before the first slash: nothing */
        while (rest.p && hc_str_split(&rest, '/', &key))
            hc_buf_printf(&path, ".%.*s", HC_P(key));
        out[n - 1] = (struct wrong){ .path = hc_buf_to_arena(&path, a), .chart = c->name };
        tell_value(a, origins, v, &out[n - 1]);
    }
    for (size_t i = 0; i < c->subs_n; i++)
        n = put_misfits(a, c->subs[i], origins, out, n);
    return n;
}

static size_t misfits(struct hc_arena *a, const struct hc_cli_fault *f, struct wrong *out)
{
    struct hc_overlay overlay;
    struct hc_origins *origins;
    if (!f->of_values || !values_again(a, f, &origins, &overlay))
        return 0;
    return put_misfits(a, overlay.root, origins, out, 0);
}

/* ---- for a person ------------------------------------------------------------------------------------ */

static int digits(int n)
{
    int d = 1;
    for (; n >= 10; n /= 10)
        d++;
    return d;
}

/* Tabs stay, so that the caret stands under its column; what a terminal would take for orders does not. */
static void put_source(hc_str s)
{
    for (size_t i = 0; i < s.n; i++)
        fputc((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t' ? '?' : s.p[i], stderr);
}

static void print_place(const struct place *p, bool called)
{
    const int width = digits(p->line);
    fprintf(stderr, "%s%*s--> %.*s:%d", called ? "" : "\n", width + 1, "", HC_P(p->file), p->line);
    if (p->col)
        fprintf(stderr, ":%d", p->col);
    if (p->what)
        fprintf(stderr, " (as %s)", p->what);
    fputc('\n', stderr);
    if (!p->line_text.p)
        return;
    fprintf(stderr, "%*s |\n %d | ", width + 1, "", p->line);
    put_source(p->line_text);
    fputc('\n', stderr);
    if (!p->col)
        return;
    fprintf(stderr, "%*s | ", width + 1, "");
    size_t at = HC_MIN((size_t)p->col - 1, p->line_text.n);
    for (size_t i = 0; i < at; i++)
        if (((unsigned char)p->line_text.p[i] & 0xc0) != 0x80) /* one column a character */
            fputc(p->line_text.p[i] == '\t' ? '\t' : ' ', stderr);
    size_t end = HC_MIN(at + (size_t)p->width, p->line_text.n);
    fputc('^', stderr);
    for (size_t i = at + 1; i < end; i++)
        if (((unsigned char)p->line_text.p[i] & 0xc0) != 0x80)
            fputc('^', stderr);
    fputc('\n', stderr);
}

static void print_person(struct hc_arena *a, const struct hc_cli_fault *f)
{
    const struct hc_fault *t = f->fault && f->fault->frames_n ? f->fault : NULL;
    struct place p;
    struct wrong w = { .path = { NULL, 0 } };
    if (t && f->what)
        fprintf(stderr, "Error: %s FAILED: %.*s\n", f->what, HC_P(t->message));
    else
        fprintf(stderr, "Error: %.*s\n", HC_P(t ? t->message : f->text));
    if (!t) {
        if (place_of_error(a, f, &p))
            print_place(&p, false);
        struct wrong list[MISFITS_TOLD];
        size_t n = misfits(a, f, list);
        for (size_t i = 0; i < HC_MIN(n, (size_t)MISFITS_TOLD); i++)
            fprintf(stderr, "   = %.*s: %.*s %.*s, from %.*s\n", HC_P(list[i].chart), HC_P(list[i].path),
                    HC_P(list[i].says), HC_P(list[i].origin));
        if (n > MISFITS_TOLD)
            fprintf(stderr, "   ... %zu more\n", n - MISFITS_TOLD);
        return;
    }
    place_of_frame(&t->frames[0], &p);
    print_place(&p, false);
    if (wrong_value(a, f, &w)) {
        fprintf(stderr, "   = %.*s %.*s", HC_P(w.path), HC_P(w.says));
        if (w.origin.n)
            fprintf(stderr, ", from %.*s", HC_P(w.origin));
        if (w.near.n)
            fprintf(stderr, "; did you mean %.*s?", HC_P(w.near));
        fputc('\n', stderr);
    }
    enum { SHOWN = 12 }; /* a chain may be a thousand deep: both its ends are worth a look */
    for (size_t i = 1; i < t->frames_n; i++) {
        const struct hc_fault_frame *frame = &t->frames[i];
        if (t->frames_n > 2 * SHOWN && i == SHOWN) {
            i = t->frames_n - SHOWN;
            fprintf(stderr, "   ... %zu more\n", i - SHOWN);
            frame = &t->frames[i];
        }
        place_of_frame(frame, &p);
        fprintf(stderr, "   called from %.*s:%d:%d: %.*s\n", HC_P(p.file), p.line, p.col, HC_P(frame->expr));
    }
}

/* ---- for a program ----------------------------------------------------------------------------------- */

static struct hc_val *place_val(struct hc_arena *a, const struct place *p)
{
    struct hc_val *m = hc_map_new(a);
    hc_map_put_str(a, m, "file", p->file);
    hc_map_put_int(a, m, "line", p->line);
    if (p->col)
        hc_map_put_int(a, m, "column", p->col);
    if (p->line_text.p)
        hc_map_put_str(a, m, "source", p->line_text);
    if (p->what)
        hc_map_put_strz(a, m, "of", p->what);
    return m;
}

static struct hc_val *wrong_val(struct hc_arena *a, const struct wrong *w)
{
    struct hc_val *m = hc_map_new(a);
    hc_map_put_str(a, m, "path", w->path);
    hc_map_put_str(a, m, "says", w->says);
    hc_map_put_str(a, m, "origin", w->origin);
    return m;
}

static void print_json(struct hc_arena *a, const struct hc_cli_fault *f)
{
    const struct hc_fault *t = f->fault && f->fault->frames_n ? f->fault : NULL;
    struct hc_val *m = hc_map_new(a), *chain = hc_list_new(a);
    struct place p;
    struct wrong w = { .path = { NULL, 0 } };
    hc_map_put_str(a, m, "error", t ? t->message : f->text);
    hc_map_put_str(a, m, "helm", f->text);
    hc_map_put_strz(a, m, "code", hc_rc_name(f->err->code));
    for (size_t i = 0; t && i < t->frames_n; i++) {
        place_of_frame(&t->frames[i], &p);
        struct hc_val *one = place_val(a, &p);
        hc_map_put_str(a, one, "template", t->frames[i].name);
        hc_map_put_str(a, one, "expression", t->frames[i].expr);
        hc_list_add(a, chain, one);
    }
    if (!t && place_of_error(a, f, &p))
        hc_list_add(a, chain, place_val(a, &p));
    hc_map_put(a, m, HC_S("chain"), chain);
    if (wrong_value(a, f, &w)) {
        struct hc_val *value = wrong_val(a, &w);
        hc_map_put_str(a, value, "near", w.near);
        hc_map_put(a, m, HC_S("value"), value);
    }
    struct wrong list[MISFITS_TOLD];
    size_t n = HC_MIN(misfits(a, f, list), (size_t)MISFITS_TOLD);
    struct hc_val *values = n ? hc_list_new(a) : NULL;
    for (size_t i = 0; i < n; i++) {
        struct hc_val *value = wrong_val(a, &list[i]);
        hc_map_put_str(a, value, "chart", list[i].chart);
        hc_list_add(a, values, value);
    }
    if (n)
        hc_map_put(a, m, HC_S("values"), values);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write(&b, m, 0);
    fprintf(stderr, "%.*s\n", HC_P(hc_buf_str(&b)));
}

int hc_cli_fault(struct hc_arena *a, const struct hc_cli_fault *f)
{
    HC_AUTO(hc_arena)
    struct hc_arena *own = hc_arena_new(0); /* that the other one is spent may be the very fault */
    if (own)
        a = own;
    switch (f->format) {
    case HC_FAULT_PERSON:
        print_person(a, f);
        break;
    case HC_FAULT_JSON:
        print_json(a, f);
        break;
    case HC_FAULT_HELM:
        fprintf(stderr, "Error: %.*s\n", HC_P(f->text));
        if (f->debug_hint)
            fputs("\nUse --debug flag to render out invalid YAML\n", stderr);
        break;
    }
    return 1;
}

struct hc_cli_fault *hc_cli_fault_keep(struct hc_arena *a, const struct hc_cli_fault *f)
{
    struct hc_cli_fault *k = HC_NEW(a, struct hc_cli_fault);
    struct hc_err *err = HC_NEW(a, struct hc_err);
    if (!k || !err)
        return NULL;
    *k = *f;
    *err = *f->err;
    k->err = err;
    k->text = hc_arena_str(a, f->text);
    k->fault = f->fault ? hc_fault_clone(a, f->fault) : NULL;
    k->rendered = NULL;
    for (size_t i = 0; f->rendered && i < f->rendered->manifests_n; i++) {
        const struct hc_document *one = &f->rendered->manifests[i];
        if (!hc_str_eqz(one->path, err->file))
            continue;
        struct hc_documents *docs = HC_NEW(a, struct hc_documents);
        struct hc_document *copy = HC_NEW(a, struct hc_document);
        if (!docs || !copy)
            return NULL;
        copy->path = hc_arena_str(a, one->path);
        copy->text = hc_arena_str(a, one->text);
        docs->manifests = copy;
        docs->manifests_n = 1;
        k->rendered = docs;
    }
    return hc_arena_spent(a) ? NULL : k;
}

int hc_cli_fault_loading(struct hc_arena *a, const struct hc_chart_source *source, const struct hc_err *err)
{
    struct hc_cli_fault f = { .err = err, .text = hc_str_of(err->msg), .source = source };
    struct hc_err wrong = HC_ERR_INIT;
    return hc_cli_fault_format(NULL, &f.format, &wrong) == HC_OK ? hc_cli_fault(a, &f) : hc_cli_fail(&wrong);
}
