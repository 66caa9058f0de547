/*
 * The engine asks for a revision: render, post-render, compose. Only a new revision comes here; a look at a release that
 * is in order renders nothing.
 */
#include <stdio.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/value/merge.h"
#include "core/value/yaml.h"
#include "deploy/compose/compose.h"
#include "helmctl/controller/release_impl.h"
#include "templating/kustomize/kustomize.h"
#include "templating/overlay/overlay.h"
#include "templating/render/recording.h"
#include "templating/render/render.h"

#define KEEP_GENERATED "release.helmctl.dev/keep-generated" /* "enabled" */

#define OLDER_LOOKED_AT 10

#define MARK "helmctl.dev/post-render" /* only while post-renderers run: which document an object is */

/* ---- lookup ---- */

static enum hc_rc lookup(void *ctx, struct hc_arena *a, hc_str api_version, hc_str kind, hc_str ns, hc_str name,
                         struct hc_val **out, struct hc_err *err)
{
    struct rel *r = ctx;
    struct hc_err why = HC_ERR_INIT;
    enum hc_rc rc;
    *out = NULL;
    if (name.n) {
        struct hc_ref ref = { api_version, kind, ns, name };
        rc = hc_kube_get(r->kube, a, &ref, out, &why);
    } else {
        struct hc_kube_list what = { .api_version = api_version, .kind = kind, .ns = ns };
        struct hc_val *items = NULL;
        rc = hc_kube_list(r->kube, a, &what, &items, NULL, &why);
        if (rc == HC_OK) {
            struct hc_val *list = hc_map_new(a);
            hc_map_put_str(a, list, "apiVersion", api_version);
            hc_map_put_str(a, list, "kind", hc_arena_printf(a, "%.*sList", HC_P(kind)));
            hc_map_put(a, list, HC_S("items"), items);
            hc_map_put(a, list, HC_S("metadata"), hc_map_new(a));
            *out = list;
        }
    }
    return rc == HC_OK || rc == HC_E_NOTFOUND ? HC_OK : hc_err_copy(err, &why);
}

/* ---- post-rendering ---- */

static void put_labels(struct hc_arena *a, struct hc_val *object, const char *which, const struct hc_val *add)
{
    if (hc_map_len(add) == 0)
        return;
    struct hc_val *meta = hc_map_sub(a, object, "metadata"), *to = hc_map_sub(a, meta, which);
    for (size_t i = 0; i < hc_map_len(add); i++)
        hc_map_put(a, to, hc_map_at(add, i)->key, hc_map_at(add, i)->val);
}

static void origin_labels(struct rel *r, struct hc_arena *a, struct hc_val *object)
{
    struct hc_val *l = hc_map_new(a);
    hc_map_put_str(a, l, "helm.toolkit.fluxcd.io/name", r->p->key.name);
    hc_map_put_str(a, l, "helm.toolkit.fluxcd.io/namespace", r->p->key.ns);
    put_labels(a, object, "labels", l);
}

struct docs { /* the documents that take part, and their objects */
    struct hc_document **doc;
    struct hc_val **object; /* NULL: a post-renderer deleted it */
    size_t n;
};

static enum hc_rc read_documents(struct hc_arena *a, struct hc_document *list, size_t n, struct docs *d,
                                 struct hc_err *err)
{
    for (size_t i = 0; i < n; i++) {
        struct hc_val *v = NULL;
        enum hc_rc rc = hc_yaml_parse(a, list[i].text, list[i].path, 0, &v, err);
        if (rc != HC_OK)
            return hc_wrap(err, "post-render of %.*s", HC_P(list[i].path));
        if (!hc_is_map(v))
            continue;
        d->doc[d->n] = &list[i];
        d->object[d->n++] = v;
    }
    return HC_OK;
}

/* One entry of spec.postRenderers over all objects at once, as kustomize sees them. */
static enum hc_rc kustomize(struct hc_arena *a, const struct hc_val *k, struct docs *d, struct hc_err *err)
{
    struct hc_val *in = hc_list_new(a), *out = NULL;
    for (size_t i = 0; i < d->n; i++) {
        if (!d->object[i])
            continue;
        struct hc_val *meta = hc_map_sub(a, d->object[i], "metadata"), *notes = hc_map_sub(a, meta, "annotations");
        hc_map_put(a, notes, HC_S(MARK), hc_printf_val(a, "%zu", i));
        hc_list_add(a, in, d->object[i]);
    }
    struct hc_kustomize_options o = { .patches = hc_map_getz(k, "patches"), .images = hc_map_getz(k, "images") };
    enum hc_rc rc = hc_kustomize_transform(a, in, &o, &out, err);
    if (rc != HC_OK)
        return hc_wrap(err, "error while running post render");
    memset(d->object, 0, d->n * sizeof(*d->object));
    for (size_t i = 0; i < hc_list_len(out); i++) {
        struct hc_val *v = hc_list_at(out, i), *meta = hc_map_getz(v, "metadata");
        struct hc_val *notes = hc_map_getz(meta, "annotations");
        uint64_t at = UINT64_MAX;
        (void)hc_str_to_u64(hc_get_str(hc_map_getz(notes, MARK)), &at);
        hc_map_del(notes, HC_S(MARK));
        if (notes && hc_map_len(notes) == 0)
            hc_map_del(meta, HC_S("annotations"));
        if (at < d->n)
            d->object[at] = v;
    }
    return HC_OK;
}

/* Documents without the ones a post-renderer deleted (their text is absent). */
static size_t compact(struct hc_document *list, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (list[i].text.p)
            list[kept++] = list[i];
    return kept;
}

static enum hc_rc post_render(struct rel *r, struct hc_arena *a, struct hc_documents *docs, struct hc_err *err)
{
    hc_str strategy = hc_get_str(hc_map_getz(r->spec, "postRenderStrategy"));
    bool hooks = hc_str_eqz(strategy, "nohooks") ? false : strategy.n > 0 || !r->p->c->o->helm3_defaults;
    size_t n = docs->manifests_n + docs->hooks_n;
    struct docs d = { HC_NEW_N(a, struct hc_document *, n + 1), HC_NEW_N(a, struct hc_val *, n + 1), 0 };
    if (!d.doc || !d.object)
        return hc_fail_nomem(err);
    enum hc_rc rc = read_documents(a, docs->manifests, docs->manifests_n, &d, err);
    size_t manifests = d.n;
    if (rc == HC_OK && hooks)
        rc = read_documents(a, docs->hooks, docs->hooks_n, &d, err);
    const struct hc_val *list = hc_map_getz(r->spec, "postRenderers");
    bool separate = hc_str_eqz(strategy, "separate");
    for (size_t i = 0; rc == HC_OK && i < hc_list_len(list); i++) {
        const struct hc_val *k = hc_map_getz(hc_list_at(list, i), "kustomize");
        if (!hc_is_map(k))
            continue;
        if (!separate) {
            rc = kustomize(a, k, &d, err);
            continue;
        }
        struct docs first = { d.doc, d.object, manifests },
                    second = { d.doc + manifests, d.object + manifests, d.n - manifests };
        rc = kustomize(a, k, &first, err);
        if (rc == HC_OK && second.n)
            rc = kustomize(a, k, &second, err);
    }
    for (size_t i = 0; rc == HC_OK && i < d.n; i++) {
        struct hc_val *v = d.object[i];
        if (!v) {
            d.doc[i]->text = (hc_str){ NULL, 0 };
            continue;
        }
        put_labels(a, v, "labels", hc_get(r->spec, "commonMetadata.labels"));
        put_labels(a, v, "annotations", hc_get(r->spec, "commonMetadata.annotations"));
        origin_labels(r, a, v); /* the last: nobody may take them over */
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        if (!hc_yaml_write(&b, v))
            return hc_fail(err, HC_E_INPUT, "post-render of %.*s: cannot be written as YAML", HC_P(d.doc[i]->path));
        d.doc[i]->text = hc_buf_to_arena(&b, a);
    }
    docs->manifests_n = compact(docs->manifests, docs->manifests_n);
    docs->hooks_n = compact(docs->hooks, docs->hooks_n);
    return rc;
}

/* ---- the port ---- */

/* ---- generated values that stay ---- */

/* Asked for by an annotation: passwords and keys that the chart generates are those of the revision before. */
static bool keeps_generated(const struct rel *r)
{
    const struct hc_val *notes = hc_get(r->p->obj, "metadata.annotations");
    return hc_str_eqz(hc_get_str(hc_map_getz(notes, KEEP_GENERATED)), "enabled");
}

/* Of the revision before; Helm makes revisions without one, so then of the newest older one of a few. Absent: none. */
static enum hc_rc recording_before(struct rel *r, struct hc_arena *a, const struct hc_record *previous, hc_str *out,
                                   struct hc_err *err)
{
    int64_t newest = previous ? previous->revision : 0;
    *out = previous ? previous->recording : (hc_str){ NULL, 0 };
    for (int64_t n = newest - 1; out->n == 0 && n > 0 && n > newest - 1 - OLDER_LOOKED_AT; n--) {
        struct hc_record old = { 0 };
        enum hc_rc rc = hc_storage_get(r->storage, a, r->name, n, &old, err);
        if (rc == HC_OK)
            *out = old.recording;
        else if (rc != HC_E_NOTFOUND)
            return rc;
    }
    return HC_OK;
}

/* Puts a recorder between the chart and the outside, which knows what was generated before for the same chart. A recording
 * that cannot be read is a reason to stop: to go on would take an application its passwords. */
static enum hc_rc record_render(struct rel *r, struct hc_arena *a, const struct hc_record *previous,
                                const struct hc_door *door, struct hc_render_input *in, struct hc_recorder **out,
                                struct hc_err *err)
{
    struct hc_recording *known = NULL;
    hc_str text;
    enum hc_rc rc = recording_before(r, a, previous, &text, err);
    if (rc != HC_OK)
        return rc;
    if (text.n > 0 && hc_recording_parse(a, text, HC_S("recording"), &known, err) != HC_OK)
        return hc_wrap(err, "what the chart generated before cannot be read; without the annotation " KEEP_GENERATED
                            " all of it is generated anew");
    if (known &&
        !(hc_str_eq(hc_recording_chart(known), r->chart->name) && hc_str_eq(hc_recording_release(known), r->name) &&
          hc_str_eq(hc_recording_namespace(known), r->ns)))
        known = NULL;
    const struct hc_recorder_opts o = { .known = known, .keep = known ? HC_ASKED_GENERATED : 0, .inner = door };
    *out = hc_recorder_new(a, &o);
    return *out ? hc_recorder_begin(*out, in, err) : hc_fail_nomem(err);
}

static enum hc_rc store_recording(struct hc_arena *a, const struct hc_recorder *rec, hc_str *out,
                                  struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    enum hc_rc rc = hc_recorder_write(rec, &b, err);
    if (rc == HC_OK)
        *out = hc_buf_to_arena(&b, a);
    return rc;
}

/* A render is all CPU and its memory comes in one piece: more of them at once than there are processors only costs
 * memory. The other workers wait here while they would wait for a processor anyway. */
static pthread_mutex_t render_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t render_free = PTHREAD_COND_INITIALIZER;
static long renders;

static void render_begin(void)
{
    long most = HC_MAX(sysconf(_SC_NPROCESSORS_ONLN), 2L);
    pthread_mutex_lock(&render_lock);
    while (renders >= most)
        pthread_cond_wait(&render_free, &render_lock);
    renders++;
    pthread_mutex_unlock(&render_lock);
}

static void render_end(void)
{
    pthread_mutex_lock(&render_lock);
    renders--;
    pthread_cond_signal(&render_free);
    pthread_mutex_unlock(&render_lock);
}

enum hc_rc rel_render(void *ctx, struct hc_arena *a, int64_t revision, bool is_upgrade,
                      const struct hc_record *previous, struct hc_desired *out, struct hc_err *err)
{
    struct rel *r = ctx;
    struct hc_capabilities caps = { 0 };
    enum hc_rc rc = hc_compose_capabilities(r->kube, a, &caps, err);
    if (rc != HC_OK)
        return hc_wrap(err, "could not get apiVersions from Kubernetes");
    const struct hc_val *values = r->values;
    struct hc_chart chart = *r->chart;
    if (is_upgrade && previous && hc_get_bool_at(r->spec, "upgrade.preserveValues", false)) {
        chart.values = hc_val_clone(a, hc_compose_computed(a, previous));
        values = hc_compose_reused(a, previous, values);
    }
    struct hc_door door = { .ctx = r, .lookup = lookup };
    struct hc_render_input in = {
        .chart = &chart,
        .values = values,
        .origins = r->origins,
        .release_name = r->name,
        .release_namespace = r->ns,
        .revision = (int)revision,
        .is_upgrade = is_upgrade,
        .capabilities = &caps,
        .door = &door,
        .record = true,
        .skip_schema = hc_get_bool_at(
            r->spec, is_upgrade ? "upgrade.disableSchemaValidation" : "install.disableSchemaValidation", false)
    };
    struct hc_render_output o;
    struct hc_recorder *rec = NULL;
    if (keeps_generated(r))
        rc = record_render(r, a, previous, &door, &in, &rec, err);
    if (rc != HC_OK)
        return rc;
    render_begin();
    rc = hc_render(a, &in, &o, err);
    render_end();
    if (rc == HC_OK)
        rc = post_render(r, a, &o.docs, err);
    if (rc != HC_OK)
        return rc;
    memset(out, 0, sizeof(*out));
    if (rec)
        rc = store_recording(a, rec, &out->recording, err);
    if (rc != HC_OK)
        return rc;
    out->chart = hc_compose_chart(a, &chart, &o);
    out->config = hc_val_copy(a, values);
    out->manifest = hc_documents_manifest(a, &o.docs);
    out->notes = o.docs.notes;
    out->hooks = hc_compose_hooks(a, &o.docs, &out->hooks_n);
    return hc_arena_check(a, err, "release");
}

/* Something was refused: which line of which template wrote it. */
bool rel_whence(void *ctx, struct hc_arena *a, const struct hc_whence *what, struct hc_written *out)
{
    struct rel *r = ctx;
    struct hc_whence_at at = { .at = { NULL, 0 } };
    if (!hc_whence_is_of(r->whence, what->record)) {
        const struct hc_whence_input in = { .kube = r->kube,
                                            .chart = r->chart,
                                            .values = r->values,
                                            .origins = r->origins,
                                            .door = { .ctx = r, .lookup = lookup } };
        hc_whence_free(r->whence);
        render_begin();
        r->whence = hc_whence_open(&in, what->record);
        render_end();
    }
    if (!hc_whence_ask(r->whence, a, what->source, what->ref, what->field, what->is, &at))
        return false;
    *out = (struct hc_written){ at.at, at.from };
    return true;
}

static size_t count_crds(const struct hc_overlay_chart *c)
{
    size_t n = c->chart->crds_n;
    for (size_t i = 0; i < c->subs_n; i++)
        n += count_crds(c->subs[i]);
    return n;
}

static void add_crds(const struct hc_overlay_chart *c, struct hc_crd_file *list, size_t *n)
{
    for (size_t i = 0; i < c->chart->crds_n; i++)
        list[(*n)++] = (struct hc_crd_file){ c->chart->crds[i].name, c->chart->crds[i].body };
    for (size_t i = 0; i < c->subs_n; i++)
        add_crds(c->subs[i], list, n);
}

enum hc_rc rel_crds(void *ctx, struct hc_arena *a, struct hc_crd_file **out, size_t *out_n, struct hc_err *err)
{
    struct rel *r = ctx;
    struct hc_overlay o;
    struct hc_overlay_opts opts = { .skip_schema = true }; /* the render checks it */
    enum hc_rc rc = hc_overlay_process(a, r->chart, r->values, &opts, &o, err);
    if (rc != HC_OK)
        return rc;
    size_t n = count_crds(o.root);
    *out_n = 0;
    *out = n ? HC_NEW_N(a, struct hc_crd_file, n) : NULL;
    if (*out)
        add_crds(o.root, *out, out_n);
    return hc_arena_check(a, err, "CRDs of the chart");
}

bool rel_same(void *ctx, const struct hc_record *head)
{
    struct rel *r = ctx;
    struct hc_arena *a = r->p->a;
    const struct hc_val *status = r->p->status, *snap = hc_history_latest(status);
    const struct hc_val *meta = hc_map_getz(head->chart, "metadata");
    /* A release that nobody noted in the status is not ours yet: Flux upgrades it once. */
    if (!snap || hc_get_int_at(snap, "version", 0) != head->revision ||
        !hc_str_eq(hc_get_str(hc_map_getz(snap, "name")), head->name))
        return false;
    hc_str noted = hc_get_str(hc_map_getz(snap, "digest"));
    if (hc_str_eqz(hc_get_str(hc_map_getz(snap, "apiVersion")), "v2") &&
        !hc_str_eq(noted, hc_observation_digest(a, head, hc_get_str(hc_map_getz(snap, "ociDigest")))))
        return false; /* changed since it was noted */
    return hc_str_eq(hc_get_str(hc_map_getz(meta, "name")), r->chart->name) &&
           hc_str_eq(hc_get_str(hc_map_getz(meta, "version")), r->chart_version) &&
           hc_str_eq(hc_get_str(hc_map_getz(snap, "configDigest")), r->config_digest) &&
           hc_str_eq(hc_get_str(hc_map_getz(status, "observedPostRenderersDigest")),
                     hc_post_renderers_digest(a, hc_map_getz(r->spec, "postRenderers"))) &&
           hc_str_eq(hc_get_str(hc_map_getz(status, "observedCommonMetadataDigest")),
                     hc_common_metadata_digest(a, hc_map_getz(r->spec, "commonMetadata")));
}
