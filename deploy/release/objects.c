/*
 * The drivers that keep records in the cluster: Secrets of Helm's own type, or ConfigMaps. The payload is base64 text;
 * a Secret's data is base64 once more, as the API wants it.
 */
#include "core/base/digest.h"
#include "deploy/release/storage_impl.h"

/* As Helm's own records have it: no name is sent there, and the server takes the one of the client ("Helm/4.3.1"). */
static const char manager[] = "Helm";
#define RECORDING "recording" /* key beside Helm's "release" */

static struct hc_ref ref_of(const struct hc_storage *s, hc_str name)
{
    return (struct hc_ref){ .api_version = HC_S("v1"), .kind = hc_str_of(s->kind), .ns = s->ns, .name = name };
}

static bool secret(const struct hc_storage *s)
{
    return s->kind[0] == 'S';
}

static enum hc_rc read_object(struct hc_storage *s, struct hc_arena *a, const struct hc_val *object,
                              bool metadata_only, struct stored *out, struct hc_err *err)
{
    const struct hc_val *meta = hc_map_getz(object, "metadata");
    *out = (struct stored){ .storage_name = hc_get_str(hc_map_getz(meta, "name")),
                            .ns = hc_get_str(hc_map_getz(meta, "namespace")),
                            .resource_version = hc_get_str(hc_map_getz(meta, "resourceVersion")),
                            .labels = hc_map_getz(meta, "labels"),
                            .mark = hc_get_str(hc_map_getz(hc_map_getz(meta, "annotations"), HC_RECORD_MARK)) };
    if (metadata_only)
        return HC_OK;
    const struct hc_val *data = hc_map_getz(object, "data");
    out->payload = hc_get_str(hc_map_getz(data, "release"));
    out->recording = hc_get_str(hc_map_getz(data, RECORDING));
    if (secret(s) && out->payload.n > 0)
        out->payload = hc_base64_decode(a, out->payload, NULL);
    if (secret(s) && out->recording.n > 0)
        out->recording = hc_base64_decode(a, out->recording, NULL);
    if (!out->payload.p && hc_map_getz(data, "release"))
        return hc_fail(err, HC_E_INPUT, "%s %.*s/%.*s: data.release is not base64", s->kind, HC_P(out->ns),
                       HC_P(out->storage_name));
    return HC_OK;
}

static enum hc_rc object_get(struct hc_storage *s, struct hc_arena *a, hc_str name, bool metadata_only,
                             struct stored *out, struct hc_err *err)
{
    struct hc_val *object = NULL;
    struct hc_ref ref = ref_of(s, name);
    enum hc_rc rc = metadata_only ? hc_kube_get_metadata(s->kube, a, &ref, &object, err)
                                  : hc_kube_get(s->kube, a, &ref, &object, err);
    return rc == HC_OK ? read_object(s, a, object, metadata_only, out, err) : rc;
}

static enum hc_rc object_list(struct hc_storage *s, struct hc_arena *a, hc_str selector, bool all_namespaces,
                              bool metadata_only, struct stored **out, size_t *out_n, struct hc_err *err)
{
    struct hc_val *items = NULL;
    const struct hc_kube_list what = { .api_version = HC_S("v1"),
                                       .kind = hc_str_of(s->kind),
                                       .ns = all_namespaces ? (hc_str){ NULL, 0 } : s->ns,
                                       .label_selector = selector,
                                       .metadata_only = metadata_only };
    enum hc_rc rc = hc_kube_list(s->kube, a, &what, &items, NULL, err);
    if (rc != HC_OK)
        return rc;
    size_t n = hc_list_len(items), kept = 0;
    struct stored *list = HC_NEW_N(a, struct stored, n + 1);
    for (size_t i = 0; list && i < n; i++)
        if (read_object(s, a, hc_list_at(items, i), metadata_only, &list[kept], NULL) == HC_OK)
            kept++;
    *out = list;
    *out_n = kept;
    return hc_arena_check(a, err, "release records");
}

static struct hc_val *object_of(struct hc_storage *s, struct hc_arena *a, const struct stored *o)
{
    struct hc_val *object = hc_map_new(a), *meta = hc_map_new(a), *data = hc_map_new(a);
    hc_map_put_strz(a, object, "apiVersion", "v1");
    hc_map_put_strz(a, object, "kind", s->kind);
    hc_map_put_str(a, meta, "name", o->storage_name);
    hc_map_put_str(a, meta, "namespace", s->ns);
    if (o->resource_version.n > 0)
        hc_map_put_str(a, meta, "resourceVersion", o->resource_version);
    hc_map_put(a, meta, HC_S("labels"), o->labels);
    if (o->mark.n > 0)
        hc_map_put_str(a, hc_map_sub(a, meta, "annotations"), HC_RECORD_MARK, o->mark);
    hc_map_put(a, object, HC_S("metadata"), meta);
    hc_map_put_str(a, data, "release", secret(s) ? hc_base64(a, o->payload) : o->payload);
    if (o->recording.n > 0)
        hc_map_put_str(a, data, RECORDING, secret(s) ? hc_base64(a, o->recording) : o->recording);
    hc_map_put(a, object, HC_S("data"), data);
    if (secret(s))
        hc_map_put_strz(a, object, "type", HC_RECORD_TYPE);
    return object;
}

static enum hc_rc send(struct hc_storage *s, struct hc_arena *a, struct stored *o, bool create, struct hc_err *err)
{
    struct hc_val *answer = NULL;
    if (create)
        o->resource_version = (hc_str){ NULL, 0 };
    const struct hc_val *object = object_of(s, a, o);
    enum hc_rc rc = hc_arena_check(a, err, "release record");
    if (rc == HC_OK)
        rc = create ? hc_kube_create(s->kube, a, object, manager, HC_KUBE_BRIEF, &answer, err)
                    : hc_kube_update(s->kube, a, object, manager, HC_KUBE_BRIEF, &answer, err);
    if (rc == HC_OK)
        o->resource_version = hc_get_str_at(answer, "metadata.resourceVersion");
    return rc;
}
static enum hc_rc object_create(struct hc_storage *s, struct hc_arena *a, struct stored *o, struct hc_err *err)
{
    return send(s, a, o, true, err);
}
static enum hc_rc object_update(struct hc_storage *s, struct hc_arena *a, struct stored *o, struct hc_err *err)
{
    return send(s, a, o, false, err);
}

static enum hc_rc object_delete(struct hc_storage *s, hc_str name, struct hc_err *err)
{
    struct hc_ref ref = ref_of(s, name);
    const struct hc_kube_delete how = { .propagation = "Background" };
    return hc_kube_delete(s->kube, &ref, &how, NULL, err);
}

static struct hc_storage *objects(struct hc_kube *kube, hc_str ns, const char *kind)
{
    static const struct driver driver = {
        object_get, object_list, object_create, object_update, object_delete, NULL
    };
    struct hc_storage *s = hc_storage_alloc(&driver, ns);
    if (s) {
        s->kube = kube;
        s->kind = kind;
    }
    return s;
}
struct hc_storage *hc_storage_secrets(struct hc_kube *kube, hc_str ns)
{
    return objects(kube, ns, "Secret");
}
struct hc_storage *hc_storage_configmaps(struct hc_kube *kube, hc_str ns)
{
    return objects(kube, ns, "ConfigMap");
}
