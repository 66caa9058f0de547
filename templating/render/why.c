/*
 * From an object and a path to the bytes that wrote the field; from a line of the notes to its bytes.
 *
 * The YAML reader says where a key and a value begin, not where they end: a field ends where the next key or item of
 * the document begins, less the white space, comments and indicators between.
 */
#include "templating/render/why.h"

#include "core/base/limits.h"
#include "core/value/yaml.h"
#include "templating/overlay/overlay.h"

/* ---- objects ----------------------------------------------------------------------------------------- */

static void add_object(struct hc_why *w, const struct hc_document *d, hc_str text, size_t offset, hc_str ns)
{
    struct hc_val *tree = NULL;
    if (hc_yaml_parse(w->a, text, d->path, 0, &tree, NULL) != HC_OK || !hc_is_map(tree))
        return;
    hc_str own = hc_get_str_at(tree, "metadata.namespace");
    w->objects[w->n++] = (struct hc_why_object){ .doc = d,
                                                 .tree = tree,
                                                 .api_version = hc_get_str_at(tree, "apiVersion"),
                                                 .kind = hc_get_str_at(tree, "kind"),
                                                 .name = hc_get_str_at(tree, "metadata.name"),
                                                 .ns = own.n ? own : ns,
                                                 .offset = offset };
}

/* Where the document's text stands in its rendered file. */
static size_t offset_in_file(const struct hc_why *w, const struct hc_document *d)
{
    hc_str file = hc_trace_text(w->trace, d->path);
    if (!file.p)
        return SIZE_MAX;
    if (d->text.p >= file.p && d->text.p + d->text.n <= file.p + file.n)
        return (size_t)(d->text.p - file.p);
    size_t from = 0;
    for (uint32_t line = 1; line < d->line && from < file.n; from++)
        line += file.p[from] == '\n';
    hc_str body = hc_str_trim(d->text);
    size_t at = hc_str_find_str(hc_str_sub(file, from, file.n), body);
    if (at == SIZE_MAX)
        return SIZE_MAX;
    return from + at - (size_t)(body.p - d->text.p);
}

enum hc_rc hc_why_open(struct hc_arena *a, struct hc_trace *trace, const struct hc_render_output *out, hc_str ns,
                       bool crds, struct hc_why *why, struct hc_err *err)
{
    const struct hc_documents *d = &out->docs;
    struct {
        const struct hc_document *list;
        size_t n;
    } groups[] = { { d->manifests, d->manifests_n }, { d->hooks, d->hooks_n } };
    size_t most = d->manifests_n + d->hooks_n;
    hc_str **texts = HC_NEW_N(a, hc_str *, d->crds_n + 1);
    size_t *texts_n = HC_NEW_N(a, size_t, d->crds_n + 1);
    for (size_t i = 0; crds && texts && texts_n && i < d->crds_n; i++) {
        texts_n[i] = hc_documents_split(a, d->crds[i].text, false, &texts[i]);
        most += texts_n[i];
    }
    *why = (struct hc_why){
        .a = a, .trace = trace, .out = out, .objects = HC_NEW_N(a, struct hc_why_object, most + 1)
    };
    if (!why->objects || !texts || !texts_n)
        return hc_arena_check(a, err, "objects");
    for (size_t g = 0; g < HC_LEN(groups); g++)
        for (size_t i = 0; i < groups[g].n; i++)
            add_object(why, &groups[g].list[i], groups[g].list[i].text, offset_in_file(why, &groups[g].list[i]),
                       ns);
    for (size_t i = 0; crds && i < d->crds_n; i++)
        for (size_t k = 0; k < texts_n[i]; k++)
            add_object(why, &d->crds[i], texts[i][k], SIZE_MAX, (hc_str){ NULL, 0 });
    return hc_arena_check(a, err, "objects");
}

static bool same_kind(hc_str written, hc_str kind)
{
    static const char *const shorts[][2] = {
        { "deploy", "Deployment" },
        { "sts", "StatefulSet" },
        { "ds", "DaemonSet" },
        { "rs", "ReplicaSet" },
        { "po", "Pod" },
        { "svc", "Service" },
        { "cm", "ConfigMap" },
        { "sa", "ServiceAccount" },
        { "ing", "Ingress" },
        { "pvc", "PersistentVolumeClaim" },
        { "pv", "PersistentVolume" },
        { "hpa", "HorizontalPodAutoscaler" },
        { "pdb", "PodDisruptionBudget" },
        { "netpol", "NetworkPolicy" },
        { "cj", "CronJob" },
        { "crd", "CustomResourceDefinition" },
        { "ns", "Namespace" },
        { "sc", "StorageClass" },
        { "ingresses", "Ingress" },
        { "networkpolicies", "NetworkPolicy" },
    };
    if (hc_str_eq_nocase(written, kind))
        return true;
    if (written.n == kind.n + 1 && (written.p[kind.n] | 0x20) == 's' &&
        hc_str_eq_nocase(hc_str_sub(written, 0, kind.n), kind))
        return true;
    for (size_t i = 0; i < HC_LEN(shorts); i++)
        if (hc_str_eq_nocase(written, hc_str_of(shorts[i][0])))
            return hc_str_eqz(kind, shorts[i][1]);
    return false;
}

static hc_str ref_of(const struct hc_why *w, const struct hc_why_object *o, bool with_ns)
{
    return with_ns && o->ns.n ? hc_arena_printf(w->a, "%.*s/%.*s/%.*s", HC_P(o->kind), HC_P(o->ns), HC_P(o->name))
                              : hc_arena_printf(w->a, "%.*s/%.*s", HC_P(o->kind), HC_P(o->name));
}

enum { NAMES_TOLD = 12 };

/* Objects of that kind, and of another kind with that name, the nearest names first; else whatever there is. */
static hc_str list_of(const struct hc_why *w, hc_str kind, hc_str name)
{
    struct {
        const struct hc_why_object *o;
        unsigned distance;
    } told[NAMES_TOLD + 1]; /* one more to push out of */
    HC_AUTO(hc_buf) struct hc_buf b;
    size_t n = 0, kinds = 0;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < w->n; i++)
        kinds += same_kind(kind, w->objects[i].kind);
    for (size_t i = 0; i < w->n; i++) {
        const struct hc_why_object *o = &w->objects[i];
        bool same = hc_str_eq(o->name, name);
        if (!same && !(kinds ? same_kind(kind, o->kind) : hc_name_near(kind, o->kind)))
            continue;
        unsigned distance = same ? 0 : hc_name_distance(name, o->name);
        size_t at = HC_MIN(n, (size_t)NAMES_TOLD);
        n++;
        for (; at > 0 && told[at - 1].distance > distance; at--)
            told[at] = told[at - 1];
        told[at].o = o;
        told[at].distance = distance;
    }
    for (size_t i = 0; i < n && i < NAMES_TOLD; i++)
        hc_buf_printf(&b, "%s%.*s", b.n ? ", " : "", HC_P(ref_of(w, told[i].o, false)));
    for (size_t i = 0; n == 0 && i < w->n && i < NAMES_TOLD; i++)
        hc_buf_printf(&b, "%s%.*s", b.n ? ", " : "", HC_P(ref_of(w, &w->objects[i], false)));
    if (n > NAMES_TOLD || (n == 0 && w->n > NAMES_TOLD))
        hc_buf_printf(&b, ", ... (%zu in all)", n ? n : w->n);
    return b.n ? hc_buf_to_arena(&b, w->a) : HC_S("none");
}

enum hc_rc hc_why_find(const struct hc_why *w, hc_str ref, const struct hc_why_object **out, struct hc_err *err)
{
    size_t slash = hc_str_find(ref, '/'), last = hc_str_rfind(ref, '/');
    if (slash == SIZE_MAX || slash == 0 || last + 1 == ref.n)
        return hc_fail(err, HC_E_INPUT,
                       "'%.*s' names no object: write KIND/NAME or KIND/NAMESPACE/NAME, or NOTES.txt", HC_P(ref));
    hc_str kind = hc_str_sub(ref, 0, slash), name = hc_str_sub(ref, last + 1, ref.n);
    hc_str ns = last > slash ? hc_str_sub(ref, slash + 1, last) : (hc_str){ NULL, 0 };
    const struct hc_why_object *found = NULL;
    HC_AUTO(hc_buf) struct hc_buf all;
    hc_buf_init(&all, 0);
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct hc_why_object *o = &w->objects[i];
        if (!same_kind(kind, o->kind) || !hc_str_eq(name, o->name) || (ns.p && !hc_str_eq(ns, o->ns)))
            continue;
        hc_buf_printf(&all, "%s%.*s from %.*s", n++ ? ", " : "", HC_P(ref_of(w, o, true)), HC_P(o->doc->path));
        found = found ? found : o;
    }
    if (n > 1)
        return hc_fail(err, HC_E_CONFLICT,
                       "%.*s is not the only one: %.*s. Name its namespace: KIND/NAMESPACE/NAME", HC_P(ref),
                       HC_P(hc_buf_str(&all)));
    if (!found)
        return hc_fail(err, HC_E_NOTFOUND, "the chart renders no %.*s with these values; there is %.*s", HC_P(ref),
                       HC_P(list_of(w, kind, name)));
    *out = found;
    return HC_OK;
}

/* ---- fields ------------------------------------------------------------------------------------------ */

static size_t position(hc_str text, uint32_t line, uint32_t col)
{
    size_t at = 0;
    for (uint32_t l = 1; l < line; l++) {
        size_t end = hc_str_find(hc_str_sub(text, at, text.n), '\n');
        if (end == SIZE_MAX)
            return text.n;
        at += end + 1;
    }
    return HC_MIN(at + (col ? col - 1 : 0), text.n);
}

/* Where what follows the field begins. */
static size_t next_position(hc_str text, const struct hc_field_way *way, size_t from)
{
    for (size_t i = way->n; i-- > 0;) {
        const struct hc_field_step *s = &way->steps[i];
        size_t best = text.n + 1;
        for (size_t k = 0; k < hc_map_len(s->in); k++) {
            const struct hc_entry *e = hc_map_at(s->in, k);
            size_t at = k != s->index ? position(text, e->line, e->col) : 0;
            if (at > from && at < best)
                best = at;
        }
        const struct hc_val *item = hc_list_at(s->in, s->index + 1);
        if (item && position(text, item->line, item->col) > from)
            best = position(text, item->line, item->col);
        if (best <= text.n)
            return best;
    }
    return text.n;
}

/* Without white space, comments, and the dash of the next item. */
static size_t trim_end(hc_str text, size_t from, size_t to, bool block)
{
    for (;;) {
        while (to > from && strchr(" \t\r\n", text.p[to - 1]))
            to--;
        size_t line = to;
        while (line > from && text.p[line - 1] != '\n')
            line--;
        hc_str last = hc_str_trim_left(hc_str_sub(text, line, to));
        bool dash = hc_str_eqz(last, "-") || hc_str_eqz(last, "---");
        if (line <= from || !(dash || (!block && last.n && last.p[0] == '#')))
            return to;
        to = line;
    }
}

static void extent(hc_str text, const struct hc_field *f, const struct hc_field_way *way, size_t *out_from,
                   size_t *out_to)
{
    size_t from = f->entry ? position(text, f->entry->line, f->entry->col)
                           : position(text, f->val->line, f->val->col);
    size_t value = position(text, f->val->line, f->val->col);
    size_t to = way->n ? next_position(text, way, HC_MAX(from, value)) : text.n;
    char first = value < text.n ? text.p[value] : 0;
    bool block = first == '|' || first == '>';
    if (!way->n)
        from = 0;
    to = trim_end(text, HC_MIN(from, to), to, block);
    if (value > from && value < to && !block && first != '"' && first != '\'' && !hc_is_map(f->val) &&
        !hc_is_list(f->val)) {
        hc_str s = hc_str_sub(text, value, to);
        size_t end = hc_str_find_str(s, HC_S(" #"));
        if (end != SIZE_MAX && hc_str_find(hc_str_sub(s, 0, end), '\n') == SIZE_MAX)
            to = trim_end(text, from, value + end, false);
    }
    *out_from = from;
    *out_to = HC_MAX(from, to);
}

/* ---- sub-charts ---------------------------------------------------------------------------------------- */

struct enabler {
    struct hc_arena *a;
    struct hc_trace_cause *list;
    size_t n;
};

static void add_cause(struct enabler *e, const char *keyword, hc_str file, hc_str text, hc_str path,
                      const struct hc_val *v)
{
    struct hc_trace_source *s = HC_NEW(e->a, struct hc_trace_source);
    if (!s)
        return;
    *s = (struct hc_trace_source){ HC_TRACE_VALUE, path, { NULL, 0 }, v };
    e->list[e->n++] = (struct hc_trace_cause){
        .at = { .file = file, .text = text }, .keyword = keyword, .held = v->b, .sources = s, .sources_n = 1
    };
}

/* The value that enabled the sub-chart: the first path of its condition that leads to a bool, else a tag. */
static void add_enabler(struct enabler *e, const struct hc_chart_dep *dep, const struct hc_val *top, hc_str prefix,
                        hc_str file)
{
    hc_str rest = dep->condition, path;
    struct hc_field f;
    while (rest.p && hc_str_split(&rest, ',', &path)) {
        path = hc_arena_printf(e->a, "%.*s%.*s", HC_P(prefix), HC_P(hc_str_trim(path)));
        if (hc_field_find(e->a, top, path, &f, NULL, NULL) != HC_OK || f.val->kind != HC_BOOL)
            continue;
        add_cause(e, "condition", file,
                  hc_arena_printf(e->a, "condition: %.*s (of the dependency %.*s)", HC_P(dep->condition),
                                  HC_P(dep->name)),
                  path, f.val);
        return;
    }
    for (size_t i = 0; i < hc_list_len(dep->tags); i++) {
        path = hc_arena_printf(e->a, "tags.%.*s", HC_P(hc_get_str(hc_list_at(dep->tags, i))));
        if (hc_field_find(e->a, top, path, &f, NULL, NULL) != HC_OK || f.val->kind != HC_BOOL || !f.val->b)
            continue;
        add_cause(e, "tags", file, hc_arena_printf(e->a, "tags of the dependency %.*s", HC_P(dep->name)), path,
                  f.val);
        return;
    }
}

static bool holds(const struct hc_overlay_chart *c, hc_str path)
{
    hc_str rest = hc_str_sub(path, c->path.n, path.n);
    if (hc_str_starts(path, c->path) && hc_str_starts(rest, HC_S("/")) && !hc_str_starts(rest, HC_S("/charts/")))
        return true;
    for (size_t i = 0; i < c->subs_n; i++)
        if (holds(c->subs[i], path))
            return true;
    return false;
}

/* What a sub-chart's template wrote is there because the sub-chart is enabled: that comes before all other causes. */
static void add_enablers(const struct hc_why *w, hc_str path, struct hc_trace_answer *t)
{
    const struct hc_overlay_chart *c = w->out->charts;
    hc_str prefix = HC_S("");
    struct enabler e = { w->a, HC_NEW_N(w->a, struct hc_trace_cause, t->causes_n + HC_MAX_CHART_DEPTH), 0 };
    for (unsigned depth = 0; e.list && depth < HC_MAX_CHART_DEPTH; depth++) {
        const struct hc_overlay_chart *next = NULL;
        for (size_t i = c->subs_n; i > 0 && !next; i--) /* of two with one path the last counts */
            if (holds(c->subs[i - 1], path))
                next = c->subs[i - 1];
        if (!next)
            break;
        for (size_t i = 0; i < c->chart->deps_n; i++) {
            const struct hc_chart_dep *d = &c->chart->deps[i];
            if (hc_str_eq(d->alias.n ? d->alias : d->name, next->name))
                add_enabler(&e, d, w->out->values, prefix, hc_arena_printf(w->a, "%.*s/Chart.yaml", HC_P(c->path)));
        }
        prefix = hc_arena_printf(w->a, "%.*s%.*s.", HC_P(prefix), HC_P(next->name));
        c = next;
    }
    if (!e.n || !e.list)
        return;
    if (t->causes_n)
        memcpy(e.list + e.n, t->causes, t->causes_n * sizeof(*e.list));
    t->causes = e.list;
    t->causes_n += e.n;
}

enum hc_rc hc_why_ask(const struct hc_why *w, const struct hc_why_object *o, hc_str path, struct hc_why_answer *out,
                      struct hc_err *err)
{
    struct hc_field_way way = { .n = 0 };
    size_t from, to;
    *out = (struct hc_why_answer){ 0 };
    enum hc_rc rc = hc_field_find(w->a, o->tree, path, &out->field, &way, err);
    if (rc != HC_OK)
        return rc == HC_E_NOTFOUND ? hc_wrap(err, "%.*s/%.*s", HC_P(o->kind), HC_P(o->name)) : rc;
    const struct hc_field *f = &out->field;
    if (o->offset == SIZE_MAX) {
        out->verbatim = o->doc->path;
        out->line = (int)(f->entry ? f->entry->line : f->val->line);
        return HC_OK;
    }
    extent(o->doc->text, f, &way, &from, &to);
    rc = hc_trace_ask(w->trace, w->a, o->doc->path, o->offset + from, o->offset + to, true, &out->trace, err);
    if (rc == HC_OK)
        add_enablers(w, o->doc->path, &out->trace);
    return rc;
}

/* ---- notes ------------------------------------------------------------------------------------------- */

hc_str hc_why_notes(const struct hc_why *w)
{
    hc_str s = hc_str_trim(w->out->docs.notes);
    return s.n ? s : (hc_str){ NULL, 0 };
}

enum hc_rc hc_why_line(const struct hc_why *w, int number, struct hc_why_line *out, struct hc_err *err)
{
    const struct hc_documents *d = &w->out->docs;
    hc_str rest = hc_why_notes(w), line = { NULL, 0 };
    int n = 0;
    while (n < number && hc_str_split(&rest, '\n', &line))
        n++;
    while (number < 1 && hc_str_split(&rest, '\n', &line))
        n++;
    if (n < number || number < 1)
        return hc_fail(err, HC_E_NOTFOUND, "the notes have no line %d: %d lines, counted from 1", number, n);
    *out = (struct hc_why_line){ .number = number, .text = line };
    size_t at = (size_t)(line.p - d->notes.p), k = 0;
    while (k + 1 < d->notes_parts_n && d->notes_parts[k + 1].at <= at)
        k++;
    const struct hc_notes_part *part = &d->notes_parts[k];
    size_t from = at - part->at;
    if (from == part->n && k + 1 < d->notes_parts_n)
        return HC_OK;
    out->file = part->path;
    enum hc_rc rc = hc_trace_ask(w->trace, w->a, part->path, from, from + line.n, true, &out->trace, err);
    if (rc == HC_OK)
        add_enablers(w, part->path, &out->trace);
    return rc;
}

/* ---- all fields -------------------------------------------------------------------------------------- */

struct leaves {
    struct hc_arena *a;
    hc_str *list;
    size_t n, cap;
};

static void collect(struct leaves *l, const struct hc_val *v, hc_str path, int depth)
{
    if (depth < 100 && (hc_map_len(v) || hc_list_len(v))) {
        for (size_t i = 0; i < hc_map_len(v); i++)
            collect(l, hc_map_at(v, i)->val, hc_field_path_entry(l->a, path, v, hc_map_at(v, i)), depth + 1);
        for (size_t i = 0; i < hc_list_len(v); i++)
            collect(l, hc_list_at(v, i), hc_field_path_item(l->a, path, i), depth + 1);
        return;
    }
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 32;
        hc_str *list = HC_NEW_N(l->a, hc_str, cap);
        if (!list)
            return;
        if (l->n)
            memcpy(list, l->list, l->n * sizeof(*list));
        l->list = list;
        l->cap = cap;
    }
    l->list[l->n++] = path;
}

enum hc_rc hc_why_leaves(const struct hc_why *w, const struct hc_why_object *o, hc_str path, hc_str **out,
                         size_t *out_n, struct hc_err *err)
{
    struct hc_field f;
    struct leaves l = { .a = w->a };
    enum hc_rc rc = hc_field_find(w->a, o->tree, path, &f, NULL, err);
    if (rc != HC_OK)
        return rc == HC_E_NOTFOUND ? hc_wrap(err, "%.*s/%.*s", HC_P(o->kind), HC_P(o->name)) : rc;
    collect(&l, f.val, f.path, 0);
    *out = l.list;
    *out_n = l.n;
    return hc_arena_check(w->a, err, "fields");
}
