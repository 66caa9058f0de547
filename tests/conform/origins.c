/*
 * Proof of `why` and of `--unread`, by mutation of real charts.
 *
 *   origins [--fields N] [--lines N] [--seed N] [-v] CHART.tgz [VALUES.yaml]
 *
 * The chart is rendered with a trace and asked about N of its fields. Then scalars of values files are changed, one at a
 * time and in the text of their line, and the chart is rendered again:
 *   - a field whose answer names that line as a source must change (by one of a few new values at least);
 *   - a field whose answer does not name it, neither as a source nor in a condition, must not change.
 * With a values file its keys are also misspelled, one at a time: those that a template read by name must be reported.
 *
 * Prints one line of counts (see `put_counts`), with -v each violation too. Exit 0 unless the chart could not be
 * rendered at all (77).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "charts-fetch/source/local.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/value/json.h"
#include "core/value/merge.h"
#include "templating/overlay/overlay.h"
#include "templating/render/unread.h"
#include "templating/render/why.h"

static uint64_t rng_state;
static bool verbose;

static uint64_t rng(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state;
}

/* ---- rendering --------------------------------------------------------------------------------------- */

static int64_t fixed_now(void *ctx)
{
    (void)ctx;
    return 1700000000000000000;
}

/* The same numbers in each render, but for one: what differs there came from them. */
static uint64_t door_state;
static bool other_numbers;

static bool fixed_random(void *ctx, void *out, size_t n)
{
    (void)ctx;
    for (size_t i = 0; i < n; i++) {
        door_state = door_state * 6364136223846793005u + 1442695040888963407u;
        ((unsigned char *)out)[i] = (unsigned char)(door_state >> 56);
    }
    return true;
}

static const struct hc_door door = { .now_ns = fixed_now, .random = fixed_random };

struct rendered {
    struct hc_arena *a;
    struct hc_origins *origins;
    struct hc_trace *trace;
    struct hc_render_output out;
    struct hc_why why;
    size_t *ordinals; /* of the objects in their files */
};

static void rendered_done(struct rendered *r)
{
    hc_trace_free(r->trace);
    hc_arena_free(r->a);
    r->trace = NULL;
    r->a = NULL;
}

/* Which document of its file it is. */
static size_t ordinal_of(const struct hc_why *w, size_t k)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        n += hc_str_eq(w->objects[i].doc->path, w->objects[k].doc->path) &&
             w->objects[i].doc->line < w->objects[k].doc->line;
    return n;
}

static bool render(struct hc_chart *chart, hc_str user, bool traced, struct rendered *r)
{
    door_state = 0x2545f4914f6cdd1du + other_numbers;
    struct hc_err err = HC_ERR_INIT;
    struct hc_val *values = NULL;
    *r = (struct rendered){ .a = hc_arena_new(0) };
    r->origins = hc_origins_new(r->a);
    r->trace = traced ? hc_trace_new(r->origins) : NULL;
    const struct hc_origin layer = { HC_LAYER_FILE, HC_S("user"), { NULL, 0 } };
    enum hc_rc rc = hc_values_parse(r->a, user, HC_S("user"), &values, &err);
    if (rc == HC_OK && traced)
        hc_val_set_origin(values, hc_origins_add(r->origins, &layer));
    const struct hc_render_input in = { .chart = chart,
                                        .values = values,
                                        .origins = traced ? r->origins : NULL,
                                        .trace = r->trace,
                                        .release_name = HC_S("rel"),
                                        .release_namespace = HC_S("space"),
                                        .revision = 1,
                                        .door = &door,
                                        .skip_crds = true };
    if (rc == HC_OK)
        rc = hc_render(r->a, &in, &r->out, &err);
    struct hc_trace *none = traced ? NULL : hc_trace_new(r->origins);
    if (rc == HC_OK)
        rc = hc_why_open(r->a, traced ? r->trace : none, &r->out, HC_S("space"), false, &r->why, &err);
    hc_trace_free(none);
    if (rc != HC_OK) {
        if (traced && verbose)
            fprintf(stderr, "not rendered: %s\n", err.msg);
        rendered_done(r);
        return false;
    }
    r->ordinals = HC_NEW_N(r->a, size_t, r->why.n + 1);
    for (size_t i = 0; i < r->why.n; i++)
        r->ordinals[i] = ordinal_of(&r->why, i);
    return true;
}

static const struct hc_why_object *same_object(const struct rendered *r, const struct hc_why_object *o,
                                               size_t ordinal)
{
    for (size_t i = 0; i < r->why.n; i++)
        if (hc_str_eq(r->why.objects[i].doc->path, o->doc->path) && r->ordinals[i] == ordinal)
            return &r->why.objects[i];
    return NULL;
}

static size_t documents_of(const struct rendered *r, hc_str path)
{
    size_t n = 0;
    for (size_t i = 0; i < r->why.n; i++)
        n += hc_str_eq(r->why.objects[i].doc->path, path);
    return n;
}

/* ---- charts with another values.yaml ------------------------------------------------------------------- */

/* The same chart in new structs, with `text` as the values of the one called `file`. */
static struct hc_chart *variant(struct hc_arena *a, const struct hc_chart *c, struct hc_chart *parent,
                                hc_str prefix, hc_str file, hc_str text)
{
    struct hc_chart *to = HC_NEW(a, struct hc_chart);
    hc_str name = hc_arena_printf(a, "%.*svalues.yaml", HC_P(prefix));
    *to = *c;
    to->parent = parent;
    if (hc_str_eq(name, file)) {
        struct hc_val *v = NULL;
        if (hc_values_parse(a, text, name, &v, NULL) != HC_OK)
            return NULL;
        to->values = v;
        to->values_text = text;
    }
    to->subs = HC_NEW_N(a, struct hc_chart *, c->subs_n + 1);
    for (size_t i = 0; i < c->subs_n; i++) {
        hc_str below = hc_arena_printf(a, "%.*scharts/%.*s/", HC_P(prefix), HC_P(c->subs[i]->name));
        if (!(to->subs[i] = variant(a, c->subs[i], to, below, file, text)))
            return NULL;
    }
    return to;
}

static hc_str values_text(struct hc_arena *a, const struct hc_chart *c, hc_str prefix, hc_str file)
{
    if (hc_str_eq(hc_arena_printf(a, "%.*svalues.yaml", HC_P(prefix)), file))
        return c->values_text;
    for (size_t i = 0; i < c->subs_n; i++) {
        hc_str below = hc_arena_printf(a, "%.*scharts/%.*s/", HC_P(prefix), HC_P(c->subs[i]->name));
        hc_str text = values_text(a, c->subs[i], below, file);
        if (text.p)
            return text;
    }
    return (hc_str){ NULL, 0 };
}

/* ---- changing a line ------------------------------------------------------------------------------------ */

static size_t offset_of(hc_str text, uint32_t line, uint32_t col)
{
    size_t at = 0;
    for (uint32_t l = 1; l < line && at < text.n; at++)
        l += text.p[at] == '\n';
    return at + col - 1;
}

/* Where the scalar at `at` ends; 0: it is none that can be exchanged on its line. */
static size_t scalar_end(hc_str text, size_t at, bool flow)
{
    char q = text.p[at];
    if (q == '|' || q == '>' || q == '&' || q == '*' || q == '!')
        return 0;
    if (q == '"' || q == '\'') {
        for (size_t i = at + 1; i < text.n && text.p[i] != '\n'; i++) {
            if (q == '"' && text.p[i] == '\\')
                i++;
            else if (text.p[i] == q && q == '\'' && i + 1 < text.n && text.p[i + 1] == q)
                i++;
            else if (text.p[i] == q)
                return i + 1;
        }
        return 0;
    }
    size_t i = at;
    while (i < text.n && text.p[i] != '\n' && !(text.p[i] == ' ' && i + 1 < text.n && text.p[i + 1] == '#') &&
           !(flow && strchr(",]}", text.p[i])))
        i++;
    while (i > at && strchr(" \t\r", text.p[i - 1]))
        i--;
    return i;
}

enum { TRIES = 4 };

/* A new value for the scalar, by turns: near, other, of a form that most places take. Absent: no more. */
static hc_str another(struct hc_arena *a, const struct hc_val *v, int try)
{
    if (v->kind == HC_BOOL)
        return try == 0 ? (v->b ? HC_S("false") : HC_S("true")) : (hc_str){ NULL, 0 };
    if (v->kind == HC_FLOAT || v->kind == HC_INT)
        return hc_arena_printf(a, "%.0f",
                               (v->kind == HC_INT ? (double)v->i : v->f) + (double[]){ 1, -1, 41, 900 }[try]);
    if (v->kind == HC_NULL)
        return try == 0 ? HC_S("\"zz9\"") : try == 1 ? HC_S("7") : try == 2 ? HC_S("true") : (hc_str){ NULL, 0 };
    hc_str s = hc_get_str(v);
    if (hc_str_find(s, '"') != SIZE_MAX || hc_str_find(s, '\n') != SIZE_MAX || hc_str_find(s, '\\') != SIZE_MAX)
        return (hc_str){ NULL, 0 };
    switch (try) {
    case 0:
        return s.n ? hc_arena_printf(a, "\"x%.*s\"", HC_P(s)) : HC_S("\"zz9\"");
    case 1:
        return s.n && s.p[0] >= '1' && s.p[0] <= '8' ? hc_arena_printf(a, "\"9%.*s\"", HC_P(hc_str_sub(s, 1, s.n)))
                                                     : HC_S("\"zz9\"");
    case 2:
        return s.n ? hc_arena_printf(a, "\"%.*s9\"", HC_P(s)) : HC_S("\"7\"");
    default:
        return HC_S("\"\"");
    }
}

/* The text with that scalar exchanged; absent: it cannot be, or more than it would change. */
static hc_str changed_text(struct hc_arena *a, hc_str text, const struct hc_val *v, int try)
{
    size_t at = offset_of(text, v->line, v->col);
    hc_str new = another(a, v, try);
    struct hc_val *before = NULL, *after = NULL;
    struct hc_diff *diff = NULL;
    if (!new.p || !v->line || at >= text.n || v->col == UINT16_MAX)
        return (hc_str){ NULL, 0 };
    for (int flow = 0; flow < 2; flow++) {
        size_t end = scalar_end(text, at, flow);
        if (!end)
            continue;
        const hc_str parts[] = { hc_str_sub(text, 0, at), new, hc_str_sub(text, end, text.n) };
        hc_str out = hc_arena_cat(a, HC_LEN(parts), parts);
        if (hc_values_parse(a, out, HC_S("v"), &after, NULL) == HC_OK &&
            hc_values_parse(a, text, HC_S("v"), &before, NULL) == HC_OK &&
            hc_val_diff(a, before, after, &diff) == 1)
            return out;
    }
    return (hc_str){ NULL, 0 };
}

/* ---- the case ------------------------------------------------------------------------------------------- */

struct field {
    const struct hc_why_object *o;
    size_t ordinal;
    hc_str path;
    const struct hc_val *val;
    struct hc_why_answer answer;
    bool unsteady;
};

struct line {
    hc_str file;
    const struct hc_val *v;
    hc_str path;
    bool of_source; /* some field names it as a source */
};

struct counts {
    size_t fields, sources, confirmed, undecided, lines, pairs, violations;
    size_t keys, keys_found, free_keys, unread, alarms;
};

struct proof {
    struct hc_arena *a;
    struct hc_chart *chart;
    hc_str user;
    struct rendered base;
    struct field *fields;
    size_t fields_n;
    struct counts n;
};

static hc_str file_of(const struct rendered *r, const struct hc_val *v)
{
    const struct hc_origin *o = v ? hc_origins_get(r->origins, v->origin) : NULL;
    return o ? o->name : (hc_str){ NULL, 0 };
}

static bool same_line(const struct rendered *r, const struct hc_val *v, const struct line *l)
{
    return v && v->line == l->v->line && hc_str_eq(file_of(r, v), l->file);
}

static bool in_sources(const struct proof *p, const struct hc_trace_source *s, size_t n, const struct line *l)
{
    for (size_t i = 0; i < n; i++)
        if (same_line(&p->base, s[i].value, l))
            return true;
    return false;
}

static bool names_source(const struct proof *p, const struct field *f, const struct line *l)
{
    const struct hc_trace_answer *t = &f->answer.trace;
    for (size_t i = 0; i < t->sources_n; i++)
        if (t->sources[i].what != HC_TRACE_KEY && t->sources[i].value &&
            same_line(&p->base, t->sources[i].value, l) && t->sources[i].value->col == l->v->col)
            return true;
    return false;
}

static bool names(const struct proof *p, const struct field *f, const struct line *l)
{
    const struct hc_trace_answer *t = &f->answer.trace;
    if (in_sources(p, t->sources, t->sources_n, l))
        return true;
    for (size_t i = 0; i < t->causes_n; i++)
        if (in_sources(p, t->causes[i].sources, t->causes[i].sources_n, l))
            return true;
    return false;
}

/* Items of lists and documents of a file have no names: when there are more or fewer of them, which one a path means is
 * not known, and that a value stands at another place now proves nothing. */
static bool moved(const struct rendered *base, const struct rendered *r, const struct field *f,
                  const struct hc_why_object *o)
{
    struct hc_field_way way = { .n = 0 };
    struct hc_field was, is;
    hc_str path = HC_S("");
    if (hc_field_find(r->a, f->o->tree, f->path, &was, &way, NULL) != HC_OK)
        return false;
    if (documents_of(base, f->o->doc->path) != documents_of(r, f->o->doc->path))
        return documents_of(r, f->o->doc->path) > 0;
    for (size_t i = 0; o && i < way.n; i++) {
        const struct hc_val *in = way.steps[i].in;
        if (hc_is_list(in) && hc_field_find(r->a, o->tree, path, &is, NULL, NULL) == HC_OK &&
            hc_list_len(is.val) != hc_list_len(in))
            return true;
        path = hc_is_list(in) ? hc_field_path_item(r->a, path, way.steps[i].index)
                              : hc_field_path_key(r->a, path, hc_map_at(in, way.steps[i].index)->key);
    }
    return false;
}

enum change { SAME, CHANGED, MOVED };

static enum change change_of(const struct rendered *base, const struct rendered *r, const struct field *f)
{
    const struct hc_why_object *o = same_object(r, f->o, f->ordinal);
    struct hc_field there;
    bool found = o && hc_field_find(r->a, o->tree, f->path, &there, NULL, NULL) == HC_OK;
    if (found && hc_val_equal(there.val, f->val))
        return SAME;
    return moved(base, r, f, o) ? MOVED : CHANGED;
}

static void choose_fields(struct proof *p, size_t want)
{
    struct hc_err err = HC_ERR_INIT;
    size_t total = 0;
    for (int pass = 0; pass < 2; pass++) {
        size_t at = 0, stride = total / (want ? want : 1) + 1, next = pass ? rng() % stride : 0;
        for (size_t i = 0; i < p->base.why.n; i++) {
            hc_str *paths = NULL;
            size_t n = 0;
            const struct hc_why_object *o = &p->base.why.objects[i];
            if (hc_why_leaves(&p->base.why, o, HC_S(""), &paths, &n, &err) != HC_OK)
                continue;
            for (size_t k = 0; pass && k < n; k++, at++) {
                if (at < next)
                    continue;
                next += stride;
                struct field *f = &p->fields[p->fields_n];
                *f = (struct field){ .o = o, .ordinal = p->base.ordinals[i], .path = paths[k] };
                if (hc_why_ask(&p->base.why, o, paths[k], &f->answer, &err) != HC_OK) {
                    fprintf(stderr, "%.*s %.*s: %s\n", HC_P(o->doc->path), HC_P(paths[k]), err.msg);
                    continue;
                }
                f->val = f->answer.field.val;
                p->fields_n++;
            }
            total += pass ? 0 : n;
        }
        if (!pass)
            p->fields = HC_NEW_N(p->a, struct field, total + 1);
    }
    p->n.fields = p->fields_n;
}

static void choose_lines(struct proof *p, const struct hc_val *v, hc_str path, struct line *list, size_t *n,
                         size_t max)
{
    for (size_t i = 0; i < hc_map_len(v); i++)
        choose_lines(p, hc_map_at(v, i)->val, hc_field_path_key(p->a, path, hc_map_at(v, i)->key), list, n, max);
    for (size_t i = 0; i < hc_list_len(v); i++)
        choose_lines(p, hc_list_at(v, i), hc_field_path_item(p->a, path, i), list, n, max);
    hc_str file = file_of(&p->base, v);
    if (hc_map_len(v) || hc_list_len(v) || hc_is_map(v) || hc_is_list(v) || !file.p || *n == max)
        return;
    for (size_t i = 0; i < *n; i++) /* globals are met once per sub-chart */
        if (list[i].v->line == v->line && list[i].v->col == v->col && hc_str_eq(list[i].file, file))
            return;
    struct line l = { file, v, path, false };
    for (size_t i = 0; i < p->fields_n && !l.of_source; i++)
        l.of_source = names_source(p, &p->fields[i], &l);
    list[(*n)++] = l;
}

/* Renders with the line changed; false: not possible, or the chart refuses it. */
static bool render_changed(struct proof *p, const struct line *l, int try, struct rendered *out)
{
    bool user = hc_str_eqz(l->file, "user");
    hc_str text = user ? p->user : values_text(p->a, p->chart, HC_S(""), l->file);
    hc_str new = text.p ? changed_text(p->a, text, l->v, try) : text;
    if (!new.p)
        return false;
    struct hc_chart *c = user ? p->chart : variant(p->a, p->chart, NULL, HC_S(""), l->file, new);
    return c && render(c, user ? new : p->user, false, out);
}

static void prove_line(struct proof *p, const struct line *l)
{
    bool *confirmed = calloc(p->fields_n + 1, 1), *wrong = calloc(p->fields_n + 1, 1);
    bool any = false;
    for (int try = 0; try < TRIES && confirmed && wrong; try++) {
        struct rendered r;
        if (!render_changed(p, l, try, &r))
            continue;
        any = true;
        for (size_t i = 0; i < p->fields_n; i++) {
            const struct field *f = &p->fields[i];
            enum change c = f->unsteady ? SAME : change_of(&p->base, &r, f);
            confirmed[i] |= c != SAME;
            if (c == CHANGED && !names(p, f, l) && !wrong[i]) {
                wrong[i] = true;
                p->n.violations++;
                if (verbose)
                    printf("VIOLATION %.*s %.*s/%.*s %.*s: changes with %.*s:%u (%.*s), which is not named\n",
                           HC_P(f->o->doc->path), HC_P(f->o->kind), HC_P(f->o->name), HC_P(f->path), HC_P(l->file),
                           l->v->line, HC_P(l->path));
            }
        }
        rendered_done(&r);
        if (!l->of_source && try == 1)
            break;
    }
    if (any) {
        p->n.lines++;
        for (size_t i = 0; i < p->fields_n; i++) {
            const struct field *f = &p->fields[i];
            if (f->unsteady)
                continue;
            if (!names(p, f, l)) {
                p->n.pairs++;
                continue;
            }
            if (!names_source(p, f, l))
                continue;
            p->n.sources++;
            p->n.confirmed += confirmed[i];
            if (verbose && !confirmed[i])
                printf("UNCHANGED %.*s %.*s/%.*s %.*s: names %.*s:%u (%.*s), and does not change with it\n",
                       HC_P(f->o->doc->path), HC_P(f->o->kind), HC_P(f->o->name), HC_P(f->path), HC_P(l->file),
                       l->v->line, HC_P(l->path));
        }
    } else if (l->of_source) {
        p->n.undecided++;
    }
    free(confirmed);
    free(wrong);
}

static void prove_lines(struct proof *p, size_t want)
{
    enum { MOST = 20000 };
    struct line *lines = HC_NEW_N(p->a, struct line, MOST);
    size_t n = 0, done[2] = { 0, 0 };
    choose_lines(p, p->base.out.values, HC_S(""), lines, &n, MOST);
    for (size_t i = n; i-- > 1;) { /* shuffle */
        size_t k = rng() % (i + 1);
        struct line x = lines[i];
        lines[i] = lines[k];
        lines[k] = x;
    }
    /* Two thirds of those that fields name, one third of the others. */
    for (size_t i = 0; i < n; i++) {
        size_t *of_kind = &done[lines[i].of_source];
        if (*of_kind >= (lines[i].of_source ? want * 2 / 3 : want - want * 2 / 3))
            continue;
        ++*of_kind;
        prove_line(p, &lines[i]);
    }
}

/* ---- misspelled keys -------------------------------------------------------------------------------------- */

static hc_str misspell(struct hc_arena *a, hc_str key)
{
    size_t at = key.n > 1 ? 1 + rng() % (key.n - 1) : 0;
    switch (key.n > 3 ? rng() % 4 : 3) {
    case 0: /* left out */
        return hc_arena_printf(a, "%.*s%.*s", HC_P(hc_str_sub(key, 0, at)), HC_P(hc_str_sub(key, at + 1, key.n)));
    case 1: /* twice */
        return hc_arena_printf(a, "%.*s%.*s", HC_P(hc_str_sub(key, 0, at + 1)), HC_P(hc_str_sub(key, at, key.n)));
    case 2: /* swapped */
        if (at + 1 < key.n && key.p[at] != key.p[at + 1])
            return hc_arena_printf(a, "%.*s%c%c%.*s", HC_P(hc_str_sub(key, 0, at)), key.p[at + 1], key.p[at],
                                   HC_P(hc_str_sub(key, at + 2, key.n)));
        /* fall through */
    default:
        return hc_arena_printf(a, "%.*sx", HC_P(key));
    }
}

struct key {
    hc_str path, name;
    bool by_name; /* a template went to it by its name */
};

static void collect_keys(struct proof *p, const struct hc_val *v, const struct hc_val *effective, hc_str path,
                         struct key *list, size_t *n, size_t max)
{
    for (size_t i = 0; i < hc_map_len(v) && *n < max; i++) {
        const struct hc_entry *e = hc_map_at(v, i);
        hc_str at = hc_field_path_key(p->a, path, e->key);
        const struct hc_val *is = hc_map_get(effective, e->key);
        if (is && e->val->kind != HC_NULL)
            list[(*n)++] = (struct key){ at, e->key, hc_trace_was_named(p->base.trace, is) };
        collect_keys(p, e->val, is, at, list, n, max);
    }
    for (size_t i = 0; i < hc_list_len(v); i++)
        collect_keys(p, hc_list_at(v, i), hc_list_at(effective, i), hc_field_path_item(p->a, path, i), list, n,
                     max);
}

/* The user's values with one key renamed, as JSON. */
static void put_renamed(struct hc_buf *b, const struct hc_val *v, hc_str path, struct hc_arena *a, hc_str which,
                        hc_str to)
{
    if (hc_is_map(v)) {
        hc_buf_putc(b, '{');
        for (size_t i = 0; i < hc_map_len(v); i++) {
            const struct hc_entry *e = hc_map_at(v, i);
            hc_str at = hc_field_path_key(a, path, e->key);
            if (i)
                hc_buf_putc(b, ',');
            hc_json_write_str(b, hc_str_eq(at, which) ? to : e->key, false);
            hc_buf_putc(b, ':');
            put_renamed(b, e->val, at, a, which, to);
        }
        hc_buf_putc(b, '}');
    } else if (hc_is_list(v)) {
        hc_buf_putc(b, '[');
        for (size_t i = 0; i < hc_list_len(v); i++) {
            if (i)
                hc_buf_putc(b, ',');
            put_renamed(b, hc_list_at(v, i), hc_field_path_item(a, path, i), a, which, to);
        }
        hc_buf_putc(b, ']');
    } else {
        hc_json_write(b, v, 0);
    }
}

static size_t unknown_keys(const struct rendered *r, hc_str only)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_unread *list = NULL;
    size_t n = 0, found = 0;
    if (hc_unread_find(r->a, r->trace, r->origins, &r->out, &list, &n, &err) != HC_OK)
        return 0;
    for (size_t i = 0; i < n; i++)
        found += list[i].unknown && hc_str_eq(list[i].path, only);
    return found;
}

static bool same_output(const struct rendered *x, const struct rendered *y)
{
    const struct hc_documents *a = &x->out.docs, *b = &y->out.docs;
    bool same = a->manifests_n == b->manifests_n && a->hooks_n == b->hooks_n;
    for (size_t i = 0; same && i < a->manifests_n; i++)
        same = hc_str_eq(a->manifests[i].text, b->manifests[i].text);
    for (size_t i = 0; same && i < a->hooks_n; i++)
        same = hc_str_eq(a->hooks[i].text, b->hooks[i].text);
    return same;
}

/* Alarms on the overlay as it is. One is false when the output is another under another name of the key. */
static void judge_alarms(struct proof *p, const struct hc_val *user)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_unread *list = NULL;
    size_t n = 0;
    if (hc_unread_find(p->base.a, p->base.trace, p->base.origins, &p->base.out, &list, &n, &err) != HC_OK)
        return;
    for (size_t i = 0; i < n; i++) {
        struct rendered r;
        struct hc_buf b;
        if (!list[i].unknown)
            continue;
        hc_buf_init(&b, 0);
        put_renamed(&b, user, HC_S(""), p->a, list[i].path, HC_S("no-such-name"));
        bool good = render(p->chart, hc_buf_str(&b), false, &r), right = good && same_output(&p->base, &r);
        p->n.unread += right;
        p->n.alarms += !right;
        if (verbose)
            printf("%s %.*s at line %u\n", right ? "UNREAD" : "FALSE ALARM", HC_P(list[i].path), list[i].v->line);
        if (good)
            rendered_done(&r);
        hc_buf_done(&b);
    }
}

/* Whether a template read it, or something below it. */
static bool whole_read(const struct rendered *r, const struct hc_val *v)
{
    for (size_t i = 0; i < hc_map_len(v); i++)
        if (whole_read(r, hc_map_at(v, i)->val))
            return true;
    for (size_t i = 0; i < hc_list_len(v); i++)
        if (whole_read(r, hc_list_at(v, i)))
            return true;
    return hc_trace_was_read(r->trace, v);
}

static void prove_keys(struct proof *p, size_t want)
{
    enum { MOST = 5000 };
    struct key *keys = HC_NEW_N(p->a, struct key, MOST);
    struct hc_val *user = NULL;
    size_t n = 0;
    if (hc_values_parse(p->a, p->user, HC_S("user"), &user, NULL) != HC_OK)
        return;
    judge_alarms(p, user);
    collect_keys(p, user, p->base.out.values, HC_S(""), keys, &n, MOST);
    for (size_t i = 0; i < n; i++)
        p->n.free_keys += !keys[i].by_name;
    for (size_t i = 0, stride = n / (want ? want : 1) + 1; i < n; i += stride) {
        struct rendered r;
        if (!keys[i].by_name)
            continue;
        hc_str wrong = misspell(p->a, keys[i].name);
        if (hc_trace_mentions(p->base.trace, wrong)) /* another word of the chart */
            continue;
        struct hc_buf b;
        hc_buf_init(&b, 0);
        put_renamed(&b, user, HC_S(""), p->a, keys[i].path, wrong);
        bool good = render(p->chart, hc_buf_str(&b), true, &r);
        if (good) {
            hc_str last = hc_field_path_key(p->a, HC_S(""), keys[i].name);
            hc_str above = hc_str_sub(keys[i].path, 0, keys[i].path.n - last.n);
            hc_str path = hc_field_path_key(p->a, hc_str_sub(above, 0, above.n - (above.n > 0)), wrong);
            bool found = unknown_keys(&r, path) > 0;
            /* What is taken whole as well is read under any name. */
            struct hc_field f;
            bool whole = hc_field_find(r.a, r.out.values, path, &f, NULL, NULL) == HC_OK && whole_read(&r, f.val);
            p->n.keys += !whole;
            p->n.free_keys += whole;
            p->n.keys_found += found && !whole;
            if (verbose && !found && !whole)
                printf("MISSED %.*s written %.*s\n", HC_P(keys[i].path), HC_P(wrong));
            rendered_done(&r);
        }
        hc_buf_done(&b);
    }
}

/* fields · sources named · confirmed · undecided lines · lines changed · pairs not named · violations · keys misspelled ·
 * found · keys a template takes whole · keys of the overlay that are truly read by nothing · false alarms */
static void put_counts(const char *name, const struct counts *n)
{
    printf("%s\t%zu\t%zu\t%zu\t%zu\t%zu\t%zu\t%zu\t%zu\t%zu\t%zu\t%zu\t%zu\n", name, n->fields, n->sources,
           n->confirmed, n->undecided, n->lines, n->pairs, n->violations, n->keys, n->keys_found, n->free_keys,
           n->unread, n->alarms);
}

int main(int argc, char **argv)
{
    size_t fields = 150, lines = 40;
    const char *chart = NULL, *values = NULL;
    rng_state = 88172645463325252u;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-v") == 0)
            verbose = true;
        else if (strcmp(argv[i], "--fields") == 0 && i + 1 < argc)
            fields = (size_t)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--lines") == 0 && i + 1 < argc)
            lines = (size_t)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            rng_state ^= strtoull(argv[++i], NULL, 10) * 0x9e3779b97f4a7c15u;
        else if (!chart)
            chart = argv[i];
        else
            values = argv[i];
    }
    if (!chart) {
        fputs("usage: origins [--fields N] [--lines N] [--seed N] [-v] CHART.tgz [VALUES.yaml]\n", stderr);
        return 2;
    }
    struct hc_err err = HC_ERR_INIT;
    struct proof p = { .a = hc_arena_new(0), .user = HC_S("") };
    struct rendered again;
    int code = 77;
    if ((!values || hc_read_file(p.a, AT_FDCWD, values, HC_MAX_CHART_BYTES, &p.user, &err) == HC_OK) &&
        hc_chart_load_path(chart, &hc_chart_archives, &p.chart, &err) == HC_OK &&
        render(p.chart, p.user, true, &p.base)) {
        choose_fields(&p, fields);
        /* What differs with other random numbers (keys, salts, their digests) proves nothing. */
        other_numbers = true;
        bool good = render(p.chart, p.user, false, &again);
        other_numbers = false;
        if (good) {
            for (size_t i = 0; i < p.fields_n; i++)
                p.fields[i].unsteady = change_of(&p.base, &again, &p.fields[i]) != SAME;
            rendered_done(&again);
        }
        /* A chart that makes RSA keys takes a second a render. */
        clock_t start = clock();
        bool timed = render(p.chart, p.user, false, &again);
        double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        if (timed)
            rendered_done(&again);
        lines = HC_MIN(lines, (size_t)(3 / HC_MAX(seconds, 0.001)) + 3);
        prove_lines(&p, lines);
        if (values)
            prove_keys(&p, lines);
        put_counts(values ? values : chart, &p.n);
        rendered_done(&p.base);
        code = 0;
    } else if (err.msg[0]) {
        fprintf(stderr, "%s: %s\n", chart, err.msg);
    }
    hc_chart_unref(p.chart);
    hc_arena_free(p.a);
    return code;
}
