/*
 * Chart and documents in the shape of Helm's structs. Go prints maps with sorted keys, so maps of the chart are put in
 * that order here; lists that are empty are null there, as Go prints a slice nobody appended to.
 */
#include "deploy/compose/compose.h"
#include "templating/overlay/overlay.h"

#include <stdlib.h>

#include "core/base/digest.h"
#include "core/value/yaml.h"

static int by_key(const void *x, const void *y)
{
    return hc_str_cmp(((const struct hc_entry *)x)->key, ((const struct hc_entry *)y)->key);
}

/* A copy with the keys of all maps in bytewise order. */
static struct hc_val *sorted(struct hc_arena *a, const struct hc_val *v)
{
    if (hc_is_list(v)) {
        struct hc_val *out = hc_list_new(a);
        for (size_t i = 0; i < hc_list_len(v); i++)
            hc_list_add(a, out, sorted(a, hc_list_at(v, i)));
        return out;
    }
    if (!hc_is_map(v))
        return (struct hc_val *)v;
    size_t n = hc_map_len(v);
    struct hc_entry *entries = HC_NEW_N(a, struct hc_entry, n + 1);
    struct hc_val *out = hc_map_new(a);
    for (size_t i = 0; entries && i < n; i++)
        entries[i] = *hc_map_at(v, i);
    if (entries)
        qsort(entries, n, sizeof(*entries), by_key);
    for (size_t i = 0; entries && i < n; i++)
        hc_map_put_ref(a, out, entries[i].key, sorted(a, entries[i].val));
    return out;
}

static struct hc_val *files(struct hc_arena *a, const struct hc_chart_file *list, size_t n)
{
    if (n == 0)
        return hc_null_val(a);
    struct hc_val *out = hc_list_new(a);
    for (size_t i = 0; i < n; i++) {
        struct hc_val *f = hc_map_new(a);
        hc_map_put_str(a, f, "name", list[i].name);
        hc_map_put_str(a, f, "data", hc_base64(a, list[i].body));
        hc_list_add(a, out, f);
    }
    return out;
}

static struct hc_val *lock_of(struct hc_arena *a, const struct hc_chart *chart)
{
    struct hc_val *y = NULL, *out = hc_map_new(a), *deps = hc_list_new(a);
    if (chart->lock.n == 0 || hc_yaml_parse(a, chart->lock, chart->lock_name, HC_YAML_PLAIN, &y, NULL) != HC_OK ||
        !hc_is_map(y))
        return hc_null_val(a);
    hc_str generated = hc_get_str(hc_map_getz(y, "generated"));
    hc_map_put_str(a, out, "generated", generated.n > 0 ? generated : HC_S("0001-01-01T00:00:00Z"));
    hc_str digest = hc_get_str(hc_map_getz(y, "digest"));
    hc_map_put_str(a, out, "digest", digest.p ? digest : HC_S(""));
    const struct hc_val *list = hc_map_getz(y, "dependencies");
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *d = hc_list_at(list, i);
        struct hc_val *e = hc_map_new(a);
        hc_str version = hc_get_str(hc_map_getz(d, "version")),
               repository = hc_get_str(hc_map_getz(d, "repository"));
        hc_map_put_str(a, e, "name", hc_get_str(hc_map_getz(d, "name")));
        if (version.n > 0)
            hc_map_put_str(a, e, "version", version);
        hc_map_put_str(a, e, "repository", repository.p ? repository : HC_S(""));
        hc_list_add(a, deps, e);
    }
    hc_map_put(a, out, HC_S("dependencies"), deps);
    return out;
}

/* The enabled ones, as Helm's own type writes them. */
static struct hc_val *dependencies(struct hc_arena *a, const struct hc_overlay_chart *top)
{
    struct hc_val *out = hc_list_new(a);
    for (size_t i = 0; i < top->deps_n; i++) {
        const struct hc_chart_dep *d = &top->deps[i];
        struct hc_val *e = hc_map_new(a);
        hc_map_put_str(a, e, "name", d->name);
        if (d->version.n > 0)
            hc_map_put_str(a, e, "version", d->version);
        hc_map_put_str(a, e, "repository", d->repository.n > 0 ? d->repository : HC_S(""));
        if (d->condition.n > 0)
            hc_map_put_str(a, e, "condition", d->condition);
        if (hc_list_len(d->tags) > 0)
            hc_map_put_ref(a, e, HC_S("tags"), d->tags);
        hc_map_put_bool(a, e, "enabled", true);
        if (hc_list_len(d->import_values) > 0)
            hc_map_put_ref(a, e, HC_S("import-values"), sorted(a, d->import_values));
        if (d->alias.n > 0)
            hc_map_put_str(a, e, "alias", d->alias);
        hc_list_add(a, out, e);
    }
    return out;
}

struct hc_val *hc_compose_chart(struct hc_arena *a, const struct hc_chart *chart,
                                const struct hc_render_output *rendered)
{
    const struct hc_val *values = rendered && rendered->defaults ? rendered->defaults : chart->values;
    struct hc_val *out = hc_map_new(a), *meta = hc_map_new(a);
    for (size_t i = 0; i < hc_map_len(chart->metadata); i++) { /* fields in Helm's order; annotations sorted */
        const struct hc_entry *e = hc_map_at(chart->metadata, i);
        if (!rendered || !hc_str_eqz(e->key, "dependencies"))
            hc_map_put_ref(a, meta, e->key, hc_str_eqz(e->key, "annotations") ? sorted(a, e->val) : e->val);
        else if (rendered->charts->deps_n > 0)
            hc_map_put(a, meta, e->key, dependencies(a, rendered->charts));
    }
    hc_map_put(a, out, HC_S("metadata"), meta);
    hc_map_put(a, out, HC_S("lock"), lock_of(a, chart));
    hc_map_put(a, out, HC_S("templates"), files(a, chart->templates, chart->templates_n));
    /* Helm has no map where there is no values.yaml, and makes one when it goes through dependencies. */
    bool listed = rendered ? rendered->charts->deps_listed : chart->deps_n > 0;
    bool no_values = !chart->values_text.p && !listed && hc_map_len(values) == 0;
    hc_map_put(a, out, HC_S("values"), no_values ? hc_null_val(a) : values ? sorted(a, values) : hc_map_new(a));
    hc_map_put(a, out, HC_S("schema"),
               chart->schema.n > 0 ? hc_str_val_ref(a, hc_base64(a, chart->schema)) : hc_null_val(a));
    hc_map_put_strz(a, out, "schemamodtime", "0001-01-01T00:00:00Z");
    hc_map_put(a, out, HC_S("files"), files(a, chart->files, chart->files_n));
    return out;
}

static struct hc_val *texts(struct hc_arena *a, const hc_str *list, size_t n)
{
    if (n == 0)
        return NULL;
    struct hc_val *out = hc_list_new(a);
    for (size_t i = 0; i < n; i++)
        hc_list_add(a, out, hc_str_val_ref(a, list[i]));
    return out;
}

struct hc_record_hook *hc_compose_hooks(struct hc_arena *a, const struct hc_documents *docs, size_t *out_n)
{
    struct hc_record_hook *hooks = HC_NEW_N(a, struct hc_record_hook, docs->hooks_n + 1);
    for (size_t i = 0; hooks && i < docs->hooks_n; i++) {
        const struct hc_document *d = &docs->hooks[i];
        hooks[i] = (struct hc_record_hook){ .name = d->name,
                                            .kind = d->kind,
                                            .path = d->path,
                                            .manifest = d->text,
                                            .events = texts(a, d->event_names, d->event_names_n),
                                            .delete_policies = texts(a, d->delete_names, d->delete_names_n),
                                            .log_policies = texts(a, d->log_names, d->log_names_n),
                                            .weight = d->weight };
    }
    *out_n = hooks ? docs->hooks_n : 0;
    return hooks;
}

enum hc_rc hc_compose_capabilities(struct hc_kube *kube, struct hc_arena *a, struct hc_capabilities *out,
                                   struct hc_err *err)
{
    hc_str *versions = NULL;
    enum hc_rc rc = hc_kube_version(kube, a, &out->kube_version, err);
    if (rc == HC_OK)
        rc = hc_kube_api_versions(kube, a, &versions, &out->api_versions_n, err);
    out->api_versions = versions;
    return rc;
}

static struct hc_val *without_nulls(struct hc_arena *a, const struct hc_val *v)
{
    if (!hc_is_map(v))
        return (struct hc_val *)v;
    struct hc_val *copy = hc_map_new(a);
    for (size_t i = 0; i < hc_map_len(v); i++)
        if (!hc_is_null(hc_map_at(v, i)->val))
            hc_map_put_ref(a, copy, hc_map_at(v, i)->key, without_nulls(a, hc_map_at(v, i)->val));
    return copy;
}

struct hc_val *hc_compose_computed(struct hc_arena *a, const struct hc_record *r)
{
    const struct hc_val *defaults = hc_map_getz(r->chart, "values");
    struct hc_val *out = hc_values_coalesce(a, r->config, without_nulls(a, defaults ? defaults : hc_map_new(a)));
    for (size_t i = 0; i < hc_map_len(defaults); i++) /* a null that meets a null at the top is gone, too */
        if (hc_is_null(hc_map_get(out, hc_map_at(defaults, i)->key)))
            (void)hc_map_del(out, hc_map_at(defaults, i)->key);
    return sorted(a, out);
}

struct hc_val *hc_compose_reused(struct hc_arena *a, const struct hc_record *previous, const struct hc_val *given)
{
    return hc_values_coalesce(a, given, previous->config ? previous->config : hc_map_new(a));
}
