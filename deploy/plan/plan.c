/*
 * Reading, order and ownership. An object's maps are copied where they are changed, so trees that are shared stay as
 * they were read.
 */
#include "deploy/plan/plan.h"

#include "core/base/buf.h"
#include "core/value/yaml.h"

#include <stdlib.h>

/* ---- reading ----------------------------------------------------------------------------------------------- */

struct reader {
    struct hc_arena *a;
    struct hc_plan_object *objects;
    size_t n, cap;
};

static bool kept(const struct hc_val *object)
{
    hc_str policy = hc_get_str(hc_map_getz(hc_get(object, "metadata.annotations"), "helm.sh/resource-policy"));
    return hc_str_eq_nocase(hc_str_trim(policy), HC_S("keep"));
}

static enum hc_rc add(struct reader *r, struct hc_val *object, size_t document, struct hc_err *err)
{
    struct hc_plan_object o = { .object = object, .line = object->line };
    const struct hc_val *meta = hc_map_getz(object, "metadata");
    o.api_version = hc_get_str(hc_map_getz(object, "apiVersion"));
    o.kind = hc_get_str(hc_map_getz(object, "kind"));
    o.name = hc_get_str(hc_map_getz(meta, "name"));
    o.ns = hc_get_str(hc_map_getz(meta, "namespace"));
    o.generate_name = hc_get_str(hc_map_getz(meta, "generateName"));
    o.keep = kept(object);
    if (!hc_is_map(object))
        return hc_fail(err, HC_E_INPUT, "document %zu of the manifest is a %s, not an object", document,
                       hc_kind_name(object));
    if (o.api_version.n == 0 || o.kind.n == 0)
        return hc_fail(err, HC_E_INPUT, "document %zu of the manifest (line %u) has no %s", document, object->line,
                       o.kind.n == 0 ? "kind" : "apiVersion");
    const struct hc_val *items = hc_map_getz(object, "items");
    if (hc_str_ends(o.kind, HC_S("List")) && hc_is_list(items)) {
        for (size_t i = 0; i < hc_list_len(items); i++) {
            enum hc_rc rc = add(r, hc_list_at(items, i), document, err);
            if (rc != HC_OK)
                return rc;
        }
        return HC_OK;
    }
    if (o.name.n == 0 && o.generate_name.n == 0)
        return hc_fail(err, HC_E_INPUT, "%.*s in document %zu of the manifest (line %u) has no metadata.name",
                       HC_P(o.kind), document, object->line);
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 32;
        struct hc_plan_object *more = HC_NEW_N(r->a, struct hc_plan_object, cap);
        if (!more)
            return hc_arena_check(r->a, err, "manifest");
        if (r->n > 0)
            memcpy(more, r->objects, r->n * sizeof(*more));
        r->objects = more;
        r->cap = cap;
    }
    r->objects[r->n++] = o;
    return HC_OK;
}

enum hc_rc hc_plan_read(struct hc_arena *a, hc_str manifest, struct hc_plan_object **out, size_t *out_n,
                        struct hc_err *err)
{
    struct reader r = { .a = a };
    struct hc_val *all = NULL;
    enum hc_rc rc = hc_yaml_parse_all(a, manifest, HC_S("manifest"), HC_YAML_PLAIN, &all, err);
    if (rc != HC_OK)
        return hc_wrap(err, "manifest");
    for (size_t i = 0; i < hc_list_len(all); i++) {
        if (hc_is_null(hc_list_at(all, i)))
            continue;
        rc = add(&r, hc_list_at(all, i), i + 1, err);
        if (rc != HC_OK)
            return rc;
    }
    rc = hc_arena_check(a, err, "manifest");
    if (rc != HC_OK)
        return rc;
    *out = r.objects;
    *out_n = r.n;
    return HC_OK;
}

hc_str hc_plan_source(hc_str manifest, uint32_t line)
{
    static const char mark[] = "# Source: ";
    hc_str rest = manifest, text, found = { NULL, 0 };
    for (uint32_t at = 1; at <= line && hc_str_split(&rest, '\n', &text); at++)
        if (hc_str_starts(text, hc_str_of(mark)))
            found = hc_str_trim(hc_str_sub(text, sizeof(mark) - 1, text.n));
    return found;
}

/* ---- what is put on objects -------------------------------------------------------------------------------- */

/* A copy of the object whose metadata may be changed. */
static struct hc_val *open_metadata(struct hc_arena *a, struct hc_plan_object *o)
{
    struct hc_val *copy = hc_map_new(a), *meta = hc_map_new(a);
    const struct hc_val *old = hc_map_getz(o->object, "metadata");
    for (size_t i = 0; i < hc_map_len(o->object); i++)
        hc_map_put_ref(a, copy, hc_map_at(o->object, i)->key, hc_map_at(o->object, i)->val);
    for (size_t i = 0; i < hc_map_len(old); i++)
        hc_map_put_ref(a, meta, hc_map_at(old, i)->key, hc_map_at(old, i)->val);
    hc_map_put(a, copy, HC_S("metadata"), meta);
    o->object = copy;
    return meta;
}

void hc_plan_place(struct hc_arena *a, struct hc_plan_object *o, hc_str ns)
{
    if (o->ns.n > 0)
        return;
    hc_map_put_str(a, open_metadata(a, o), "namespace", ns);
    o->ns = ns;
}

static struct hc_val *open_sub(struct hc_arena *a, struct hc_val *meta, const char *name)
{
    const struct hc_val *old = hc_map_getz(meta, name);
    struct hc_val *copy = hc_map_new(a);
    for (size_t i = 0; i < hc_map_len(old); i++)
        hc_map_put_ref(a, copy, hc_map_at(old, i)->key, hc_map_at(old, i)->val);
    hc_map_put(a, meta, hc_str_of(name), copy);
    return copy;
}

void hc_plan_own(struct hc_arena *a, struct hc_plan_object *o, hc_str release, hc_str ns)
{
    struct hc_val *meta = open_metadata(a, o);
    hc_map_put_strz(a, open_sub(a, meta, "labels"), "app.kubernetes.io/managed-by", "Helm");
    struct hc_val *annotations = open_sub(a, meta, "annotations");
    hc_map_put_str(a, annotations, "meta.helm.sh/release-name", release);
    hc_map_put_str(a, annotations, "meta.helm.sh/release-namespace", ns);
}

static bool has(struct hc_buf *why, const struct hc_val *map, const char *what, const char *name, hc_str want)
{
    const struct hc_val *v = hc_map_getz(map, name);
    hc_str is = hc_get_str(v);
    if (v && hc_str_eq(is, want))
        return true;
    hc_buf_puts(why, why->n > 0 ? "; " : "invalid ownership metadata; ");
    hc_buf_printf(why, "%s validation error: ", what);
    if (!v)
        hc_buf_printf(why, "missing key \"%s\": must be set to \"%.*s\"", name, HC_P(want));
    else
        hc_buf_printf(why, "key \"%s\" must equal \"%.*s\": current value is \"%.*s\"", name, HC_P(want), HC_P(is));
    return false;
}

bool hc_plan_owned(struct hc_arena *a, const struct hc_val *live, hc_str release, hc_str ns, hc_str *out_why)
{
    const struct hc_val *meta = hc_map_getz(live, "metadata"), *annotations = hc_map_getz(meta, "annotations");
    struct hc_buf why;
    hc_buf_init(&why, 0);
    bool ours = has(&why, hc_map_getz(meta, "labels"), "label", "app.kubernetes.io/managed-by", HC_S("Helm"));
    ours = has(&why, annotations, "annotation", "meta.helm.sh/release-name", release) && ours;
    ours = has(&why, annotations, "annotation", "meta.helm.sh/release-namespace", ns) && ours;
    if (out_why)
        *out_why = hc_buf_to_arena(&why, a);
    hc_buf_done(&why);
    return ours;
}

/* ---- order ------------------------------------------------------------------------------------------------- */

/* Helm's install order; a line of zero ends a wave. What stands in no line comes last: custom resources. */
static const char *const order[] = {
    "PriorityClass",
    "Namespace",
    "CustomResourceDefinition",
    NULL, /* everything may refer to these */
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    NULL,
    "ClusterRole",
    "ClusterRoleList",
    "Role",
    "RoleList",
    NULL, /* a binding may not give what is not there */
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    NULL,
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    NULL,
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
};

static int position(hc_str kind, int *out_wave)
{
    int wave = 0;
    for (size_t i = 0; i < HC_LEN(order); i++) {
        if (!order[i]) {
            wave++;
        } else if (hc_str_eqz(kind, order[i])) {
            *out_wave = wave;
            return (int)i;
        }
    }
    *out_wave = wave + 1;
    return (int)HC_LEN(order);
}

struct ranked {
    struct hc_plan_object o;
    int position;
    size_t at;
    bool reverse;
};

static int by_rank(const void *x, const void *y)
{
    const struct ranked *p = x, *q = y;
    if (p->o.group != q->o.group)
        return (p->o.group < q->o.group) == p->reverse ? 1 : -1;
    if (p->position != q->position)
        return (p->position < q->position) == p->reverse ? 1 : -1;
    return p->at < q->at ? -1 : p->at > q->at;
}

static void sort(struct hc_plan_object *objects, size_t n, bool reverse)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct ranked *r = a ? HC_NEW_N(a, struct ranked, n + 1) : NULL;
    if (!r)
        return; /* as they stand: the order is a kindness, the server's answers decide */
    for (size_t i = 0; i < n; i++) {
        r[i] = (struct ranked){ .o = objects[i], .at = i, .reverse = reverse };
        r[i].position = position(objects[i].kind, &r[i].o.wave);
    }
    qsort(r, n, sizeof(*r), by_rank);
    int wave = -1, last = -1, group = -1;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || r[i].o.wave != last || r[i].o.group != group)
            wave++;
        last = r[i].o.wave;
        group = r[i].o.group;
        objects[i] = r[i].o;
        objects[i].wave = wave;
    }
}

void hc_plan_order(struct hc_plan_object *objects, size_t n)
{
    sort(objects, n, false);
}

void hc_plan_order_delete(struct hc_plan_object *objects, size_t n)
{
    sort(objects, n, true);
}

/* ---- comparing --------------------------------------------------------------------------------------------- */

static hc_str group_of(hc_str api_version)
{
    size_t slash = hc_str_find(api_version, '/');
    return slash == SIZE_MAX ? HC_S("") : hc_str_sub(api_version, 0, slash);
}

bool hc_plan_same(const struct hc_plan_object *x, const struct hc_plan_object *y)
{
    return hc_str_eq(x->name, y->name) && hc_str_eq(x->kind, y->kind) && hc_str_eq(x->ns, y->ns) && x->name.n > 0 &&
           hc_str_eq(group_of(x->api_version), group_of(y->api_version));
}

const struct hc_plan_object *hc_plan_find(const struct hc_plan_object *list, size_t n,
                                          const struct hc_plan_object *o)
{
    for (size_t i = 0; i < n; i++)
        if (hc_plan_same(&list[i], o))
            return &list[i];
    return NULL;
}

size_t hc_plan_left(struct hc_arena *a, const struct hc_plan_object *was, size_t was_n,
                    const struct hc_plan_object *is, size_t is_n, struct hc_plan_object **out)
{
    struct hc_plan_object *list = HC_NEW_N(a, struct hc_plan_object, was_n + 1);
    size_t n = 0;
    for (size_t i = 0; list && i < was_n; i++) /* of one made with generateName nobody knows the name */
        if (was[i].name.n > 0 && !hc_plan_find(is, is_n, &was[i]))
            list[n++] = was[i];
    *out = list;
    return n;
}
