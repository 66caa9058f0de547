/*
 * The render is the one of `helmctl why`. What is looked for is an object of one template by kind and name; of several
 * places that wrote a field the first counts, which is where its key stands.
 */
#include "deploy/compose/whence.h"

#include <stdlib.h>

#include "core/base/buf.h"
#include "core/base/digest.h"
#include "core/base/mem.h"
#include "core/value/fieldpath.h"
#include "core/value/json.h"
#include "deploy/compose/compose.h"
#include "templating/render/why.h"

struct hc_whence_render {
    struct hc_arena *a;
    struct hc_chart *chart; /* ours */
    struct hc_origins *origins;
    struct hc_door door;
    struct hc_trace *trace;
    struct hc_render_output out;
    struct hc_why why;
    int64_t revision;
    uint64_t manifest; /* a digest */
};

/* ---- the chart that a record holds ------------------------------------------------------------------------- */

static size_t add_files(struct hc_arena *a, struct hc_chart_file *out, size_t n, const struct hc_val *list)
{
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *f = hc_list_at(list, i);
        size_t bad = SIZE_MAX;
        hc_str body = hc_base64_decode(a, hc_get_str_at(f, "data"), &bad);
        out[n++] = (struct hc_chart_file){ hc_get_str_at(f, "name"), body.p ? body : HC_S("") };
    }
    return n;
}

static hc_str as_text(struct hc_arena *a, const struct hc_val *v)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write(&b, v, 0);
    return hc_buf_to_arena(&b, a);
}

/* Of sub-charts no record holds the templates (Helm's Chart struct keeps them out of its JSON), but their defaults are among
 * its values: the chart's own templates render without them as long as they call none of theirs. NULL: no chart. */
static struct hc_chart *chart_of(const struct hc_val *json)
{
    const struct hc_val *meta = hc_map_getz(json, "metadata"), *templates = hc_map_getz(json, "templates"),
                        *files = hc_map_getz(json, "files");
    struct hc_arena *a = hc_arena_new(0);
    struct hc_chart *chart = NULL;
    size_t n = 0;
    if (!a || !hc_is_map(meta) || hc_list_len(templates) == 0) {
        hc_arena_free(a);
        return NULL;
    }
    struct hc_chart_file *all = HC_NEW_N(a, struct hc_chart_file, hc_list_len(templates) + hc_list_len(files) + 3);
    if (all) {
        all[n++] = (struct hc_chart_file){ HC_S("Chart.yaml"), as_text(a, meta) }; /* JSON is YAML */
        all[n++] = (struct hc_chart_file){ HC_S("values.yaml"), as_text(a, hc_map_getz(json, "values")) };
        n = add_files(a, all, n, templates);
        n = add_files(a, all, n, files);
    }
    const struct hc_chart_port port = { .no_digest = true };
    return hc_chart_load_files(a, all, n, &port, &chart, NULL) == HC_OK ? chart : NULL; /* takes the arena */
}

static bool same_file(struct hc_arena *a, const struct hc_val *stored, const struct hc_chart *chart)
{
    hc_str name = hc_get_str_at(stored, "name");
    for (size_t i = 0; i < chart->templates_n; i++)
        if (hc_str_eq(chart->templates[i].name, name))
            return hc_str_eq(hc_get_str_at(stored, "data"), hc_base64(a, chart->templates[i].body));
    return false;
}

/* The chart at hand is the one the record was made of: its number and its own templates are. */
static bool is_chart_of(struct hc_arena *a, const struct hc_chart *chart, const struct hc_val *json)
{
    const struct hc_val *templates = hc_map_getz(json, "templates");
    bool same = hc_str_eq(chart->name, hc_get_str_at(json, "metadata.name")) &&
                hc_str_eq(chart->version, hc_get_str_at(json, "metadata.version")) &&
                hc_list_len(templates) == chart->templates_n;
    for (size_t i = 0; same && i < hc_list_len(templates); i++)
        same = same_file(a, hc_list_at(templates, i), chart);
    return same;
}

/* ---- rendering --------------------------------------------------------------------------------------------- */

static uint64_t mark_of(const struct hc_record *record)
{
    return hc_str_hash(record->manifest);
}

bool hc_whence_is_of(const struct hc_whence_render *w, const struct hc_record *record)
{
    return w && w->revision == record->revision && w->manifest == mark_of(record);
}

static const struct hc_val *values_of(struct hc_whence_render *w, const struct hc_record *record)
{
    struct hc_val *v = hc_val_clone(w->a, record->config);
    const struct hc_origin o = { HC_LAYER_FILE,
                                 hc_arena_printf(w->a, "the values of revision %" PRId64, record->revision),
                                 { NULL, 0 } };
    hc_val_set_origin(v, hc_origins_add(w->origins, &o));
    return v;
}

static bool render(struct hc_whence_render *w, const struct hc_whence_input *given, const struct hc_record *record)
{
    bool other = given->chart && !is_chart_of(w->a, given->chart, record->chart);
    int64_t revision = record->rollback_revision > 0 ? record->rollback_revision : record->revision;
    bool install = record->status == HC_STATUS_PENDING_INSTALL || revision == 1;
    struct hc_capabilities *caps = given->kube ? HC_NEW(w->a, struct hc_capabilities) : NULL;
    if (given->kube && (!caps || hc_compose_capabilities(given->kube, w->a, caps, NULL) != HC_OK))
        return false;
    w->door = given->door;
    struct hc_render_input in = { .chart = other ? NULL : given->chart,
                                  .capabilities = caps,
                                  .door = &w->door,
                                  .release_name = record->name,
                                  .release_namespace = record->ns,
                                  .revision = install ? 1 : (int)revision,
                                  .is_upgrade = !install,
                                  .skip_schema = true };
    bool same = given->origins && given->values && hc_val_equal(given->values, record->config);
    if (!in.chart)
        in.chart = w->chart = chart_of(record->chart);
    w->origins = same ? given->origins : hc_origins_new(w->a);
    w->trace = in.chart && w->origins ? hc_trace_new(w->origins) : NULL;
    if (!w->trace)
        return false;
    in.values = same ? given->values : values_of(w, record);
    in.origins = w->origins;
    in.trace = w->trace;
    return hc_render(w->a, &in, &w->out, NULL) == HC_OK &&
           hc_why_open(w->a, w->trace, &w->out, in.release_namespace, false, &w->why, NULL) == HC_OK;
}

struct hc_whence_render *hc_whence_open(const struct hc_whence_input *in, const struct hc_record *record)
{
    struct hc_whence_render *w = hc_calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    w->revision = record->revision;
    w->manifest = mark_of(record);
    w->a = hc_arena_new(0);
    if (w->a && render(w, in, record))
        return w;
    /* Kept all the same: it is not tried again for each problem of a plan. */
    w->why.n = 0;
    return w;
}

void hc_whence_free(struct hc_whence_render *w)
{
    if (!w)
        return;
    hc_trace_free(w->trace);
    hc_arena_free(w->a);
    hc_chart_unref(w->chart);
    free(w);
}

/* ---- asking ------------------------------------------------------------------------------------------------ */

static bool is_it(const struct hc_val *object, const struct hc_ref *ref, hc_str default_ns)
{
    hc_str ns = hc_get_str_at(object, "metadata.namespace");
    return hc_str_eq(hc_get_str_at(object, "kind"), ref->kind) &&
           hc_str_eq(hc_get_str_at(object, "metadata.name"), ref->name) &&
           (!ns.n || !ref->ns.n || hc_str_eq(ns, ref->ns) || hc_str_eq(default_ns, ref->ns));
}

/* The object, and where it stands in its document: "" or "items[2]" of a list. */
static const struct hc_why_object *find(struct hc_whence_render *w, hc_str source, const struct hc_ref *ref,
                                        const struct hc_val **out_tree, hc_str *out_base)
{
    for (size_t i = 0; i < w->why.n; i++) {
        const struct hc_why_object *o = &w->why.objects[i];
        const struct hc_val *items = hc_map_getz(o->tree, "items");
        if (!hc_str_eq(o->doc->path, source) || o->offset == SIZE_MAX)
            continue;
        *out_tree = o->tree;
        *out_base = HC_S("");
        if (is_it(o->tree, ref, o->ns))
            return o;
        for (size_t k = 0; hc_str_ends(o->kind, HC_S("List")) && k < hc_list_len(items); k++)
            if (is_it(hc_list_at(items, k), ref, o->ns)) {
                *out_tree = hc_list_at(items, k);
                *out_base = hc_arena_printf(w->a, "items[%zu]", k);
                return o;
            }
    }
    return NULL;
}

static hc_str layer_of(struct hc_whence_render *w, struct hc_arena *a, const struct hc_val *v)
{
    const struct hc_origin *o = v ? hc_origins_get(w->origins, v->origin) : NULL;
    if (!o)
        return (hc_str){ NULL, 0 };
    bool line = o->layer != HC_LAYER_SET && v->line > 0;
    return line ? hc_arena_printf(a, "%.*s:%u", HC_P(o->name), v->line) : o->name;
}

/* The value, when it is one: of a field that many values went into none is to blame before the others. */
static hc_str from_value(struct hc_whence_render *w, struct hc_arena *a, const struct hc_trace_answer *t)
{
    const struct hc_trace_source *one = NULL;
    for (size_t i = 0; i < t->sources_n; i++) {
        const struct hc_trace_source *s = &t->sources[i];
        if (s->what != HC_TRACE_VALUE && s->what != HC_TRACE_ABSENT)
            continue;
        if (one)
            return (hc_str){ NULL, 0 };
        one = s;
    }
    if (!one)
        return (hc_str){ NULL, 0 };
    hc_str set = one->what == HC_TRACE_VALUE ? layer_of(w, a, one->value) : (hc_str){ NULL, 0 };
    return one->what == HC_TRACE_ABSENT
               ? hc_arena_printf(a, "%.*s, which is not set", HC_P(one->path))
               : hc_arena_printf(a, "%.*s%s%.*s", HC_P(one->path), set.n ? ", set by " : "", HC_P(set));
}

bool hc_whence_ask(struct hc_whence_render *w, struct hc_arena *a, hc_str source, const struct hc_ref *ref,
                   hc_str field, const char *is, struct hc_whence_at *out)
{
    const struct hc_val *tree = NULL;
    hc_str base, path = HC_S("kind");
    struct hc_field f = { .path = { NULL, 0 } };
    struct hc_why_answer answer;
    bool exact = false;
    const struct hc_why_object *o = w ? find(w, source, ref, &tree, &base) : NULL;
    if (!o)
        return false;
    if (field.n > 0 && hc_field_nearest(a, tree, field, is, &f, &exact))
        path = f.path;
    if (base.n > 0)
        path = hc_arena_printf(a, "%.*s.%.*s", HC_P(base), HC_P(path));
    if (hc_why_ask(&w->why, o, path, &answer, NULL) != HC_OK || answer.trace.places_n == 0)
        return false;
    const struct hc_trace_place *p = &answer.trace.places[0];
    hc_str file = p->file;
    int line = p->line;
    for (size_t i = 0; hc_str_eqz(file, "tpl") && i < p->calls_n; i++) /* a text of the values: where it was run */
        if (!hc_str_eqz(p->calls[i].file, "tpl")) {
            file = p->calls[i].file;
            line = p->calls[i].line;
        }
    out->at = hc_arena_printf(a, "%.*s:%d", HC_P(file), line);
    out->from = exact ? from_value(w, a, &answer.trace) : (hc_str){ NULL, 0 };
    return !hc_arena_spent(a);
}
