/*
 * The HelmChart object of a HelmRelease, as helm-controller makes it. What is there already as it should be costs no
 * request: it is compared with the cache first.
 */
#include "helmctl/controller/release_impl.h"

#define OWNER_NAME "helm.toolkit.fluxcd.io/name"
#define OWNER_NS   "helm.toolkit.fluxcd.io/namespace"

hc_str rel_chart_name(struct hc_arena *a, const struct pass *p)
{
    return hc_arena_printf(a, "%.*s-%.*s", HC_P(p->key.ns), HC_P(p->key.name));
}

static struct hc_val *wanted_chart(struct pass *p, hc_str ns, hc_str name)
{
    struct hc_arena *a = p->a;
    const struct hc_val *t = hc_map_getz(p->spec, "chart"), *ts = hc_map_getz(t, "spec");
    struct hc_val *o = hc_map_new(a), *m = hc_map_new(a), *s = hc_map_new(a), *ref = hc_map_new(a);
    hc_map_put_strz(a, o, "apiVersion", hc_ctl_api_version(HC_CTL_CHART));
    hc_map_put_strz(a, o, "kind", "HelmChart");
    hc_map_put(a, o, HC_S("metadata"), m);
    hc_map_put(a, o, HC_S("spec"), s);
    hc_map_put_str(a, m, "name", name);
    hc_map_put_str(a, m, "namespace", ns);
    const struct hc_val *notes = hc_get(t, "metadata.annotations"), *labels = hc_get(t, "metadata.labels");
    if (hc_map_len(notes))
        hc_map_put(a, m, HC_S("annotations"), hc_val_copy(a, notes));
    struct hc_val *l = hc_is_map(labels) ? hc_val_copy(a, labels) : hc_map_new(a);
    hc_map_put_str(a, l, OWNER_NAME, p->key.name);
    hc_map_put_str(a, l, OWNER_NS, p->key.ns);
    hc_map_put(a, m, HC_S("labels"), l);
    hc_map_put_str(a, s, "chart", hc_get_str(hc_map_getz(ts, "chart")));
    hc_str interval = hc_get_str(hc_map_getz(ts, "interval")), version = hc_get_str(hc_map_getz(ts, "version"));
    hc_map_put_str(a, s, "interval", interval.n ? interval : hc_get_str(hc_map_getz(p->spec, "interval")));
    hc_str strategy = hc_get_str(hc_map_getz(ts, "reconcileStrategy"));
    hc_map_put_str(a, s, "reconcileStrategy", strategy.n ? strategy : HC_S("ChartVersion"));
    hc_map_put_str(a, ref, "kind", hc_get_str_at(ts, "sourceRef.kind"));
    hc_map_put_str(a, ref, "name", hc_get_str_at(ts, "sourceRef.name"));
    hc_map_put(a, s, HC_S("sourceRef"), ref);
    hc_map_put_str(a, s, "version", version.n ? version : HC_S("*"));
    static const char *const passed[] = { "valuesFiles", "ignoreMissingValuesFiles", "verify" };
    for (size_t i = 0; i < HC_LEN(passed); i++)
        if (hc_map_getz(ts, passed[i]))
            hc_map_put(a, s, hc_str_of(passed[i]), hc_val_copy(a, hc_map_getz(ts, passed[i])));
    return o;
}

/* True when everything in `want` is in `have` as it is wanted. */
static bool holds(const struct hc_val *have, const struct hc_val *want)
{
    if (!hc_is_map(want))
        return hc_val_equal(have, want);
    for (size_t i = 0; i < hc_map_len(want); i++)
        if (!holds(hc_map_get(have, hc_map_at(want, i)->key), hc_map_at(want, i)->val))
            return false;
    return true;
}

/* A field of ours that the template no longer has must go, too. */
static bool same_fields(const struct hc_val *have, const struct hc_val *want)
{
    static const char *const optional[] = { "valuesFiles", "ignoreMissingValuesFiles", "verify" };
    for (size_t i = 0; i < HC_LEN(optional); i++)
        if (!hc_map_getz(want, optional[i]) && hc_map_getz(have, optional[i]))
            return false;
    return true;
}

static enum hc_rc delete_chart(struct pass *p)
{
    hc_str at = hc_get_str(hc_map_getz(p->status, "helmChart"));
    size_t slash = hc_str_find(at, '/');
    if (!at.n || slash == SIZE_MAX)
        return HC_OK;
    struct hc_ref r = { hc_str_of(hc_ctl_api_version(HC_CTL_CHART)), HC_S("HelmChart"), hc_str_sub(at, 0, slash),
                        hc_str_sub(at, slash + 1, at.n) };
    bool gone = false;
    struct hc_kube_delete how = { 0 };
    enum hc_rc rc = hc_kube_delete(p->c->kube, &r, &how, &gone, &p->err);
    if (rc != HC_OK && rc != HC_E_NOTFOUND)
        return hc_wrap(&p->err, "failed to delete HelmChart '%.*s'", HC_P(at));
    if (!gone && rc == HC_OK)
        pass_event(p, "Trace", "HelmChartDeleted", NULL, "deleted HelmChart '%.*s'", HC_P(at));
    hc_map_del(p->status, HC_S("helmChart"));
    return HC_OK;
}

enum hc_rc rel_chart_template(struct pass *p)
{
    const struct hc_val *t = hc_map_getz(p->spec, "chart");
    bool deleting = pass_deleting(p), from_template = hc_is_map(t);
    hc_str ns = hc_get_str_at(t, "spec.sourceRef.namespace"), name = rel_chart_name(p->a, p);
    if (!ns.n)
        ns = p->key.ns;
    hc_str full = hc_arena_printf(p->a, "%.*s/%.*s", HC_P(ns), HC_P(name));
    hc_str old = hc_get_str(hc_map_getz(p->status, "helmChart"));
    if (old.n && (deleting || !from_template || !hc_str_eq(old, full))) {
        enum hc_rc rc = delete_chart(p);
        if (rc != HC_OK)
            return rc;
    }
    if (deleting || !from_template)
        return HC_OK;
    struct hc_val *want = wanted_chart(p, ns, name);
    const struct hc_val *have = hc_objects_get(p->c->objects, p->a, (struct hc_key){ HC_CTL_CHART, ns, name });
    const struct hc_val *have_spec = hc_map_getz(have, "spec"), *want_spec = hc_map_getz(want, "spec");
    if (!have || hc_get_str_at(have, "metadata.deletionTimestamp").n || !holds(have_spec, want_spec) ||
        !same_fields(have_spec, want_spec) ||
        !holds(hc_map_getz(have, "metadata"), hc_map_getz(want, "metadata"))) {
        struct hc_val *out = NULL;
        enum hc_rc rc = hc_kube_apply(p->c->kube, p->a, want, "helm-controller", HC_KUBE_FORCE, &out, &p->err);
        if (rc != HC_OK) {
            hc_wrap(&p->err, "failed to run server-side apply");
            pass_event(p, "Trace", "HelmChartSyncErr", NULL, "%s", p->err.msg);
            return rc;
        }
        pass_event(p, "Trace", have ? "HelmChartConfigured" : "HelmChartCreated", NULL,
                   "%s HelmChart/%.*s with SourceRef '%.*s/%.*s/%.*s'", have ? "Configured" : "Created", HC_P(full),
                   HC_P(hc_get_str_at(want_spec, "sourceRef.kind")), HC_P(ns),
                   HC_P(hc_get_str_at(want_spec, "sourceRef.name")));
        if (out)
            ctl_observe(p->c, HC_CTL_CHART, out);
    }
    hc_map_put_str(p->a, p->status, "helmChart", full);
    return HC_OK;
}
