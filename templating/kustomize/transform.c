/*
 * The plain transformers: namespace, prefix and suffix, labels, annotations, images, replicas. Which fields they reach
 * is kustomize's built-in configuration (api/konfig/builtinpluginconsts).
 */
#include "templating/kustomize/kustomize_impl.h"

static struct hc_val *metadata(struct kctx *k, struct kres *r)
{
    return hc_map_sub(k->a, r->obj, "metadata");
}

void k_namespace(struct kctx *k, struct kset *set, hc_str ns)
{
    for (size_t i = 0; i < set->n; i++) {
        struct kres *r = &set->items[i];
        hc_str kind = kres_kind(r), api = hc_get_str(hc_map_getz(r->obj, "apiVersion"));
        if (hc_str_eqz(kind, "Namespace")) {
            if (hc_str_eqz(api, "v1"))
                hc_map_put_str(k->a, metadata(k, r), "name", ns);
        } else if (!kind_is_cluster_wide(api, kind)) {
            hc_map_put_str(k->a, metadata(k, r), "namespace", ns);
        }
        /* Bindings follow only for the default account, or for accounts that are in this build. */
        if (hc_str_ends(kind, HC_S("RoleBinding"))) {
            struct hc_val *subjects = hc_map_getz(r->obj, "subjects");
            for (size_t s = 0; s < hc_list_len(subjects); s++) {
                struct hc_val *subject = hc_list_at(subjects, s);
                hc_str name = hc_get_str_at(subject, "name");
                bool ours = hc_str_eqz(name, "default");
                for (size_t j = 0; j < set->n && !ours; j++)
                    ours = hc_str_eqz(kres_kind(&set->items[j]), "ServiceAccount") &&
                           hc_str_eq(kres_name(&set->items[j]), name);
                if (ours && hc_str_eqz(hc_get_str_at(subject, "kind"), "ServiceAccount"))
                    hc_map_put_str(k->a, subject, "namespace", ns);
            }
        }
        if (hc_str_ends(kind, HC_S("WebhookConfiguration"))) {
            struct hc_val *hooks = hc_map_getz(r->obj, "webhooks");
            for (size_t h = 0; h < hc_list_len(hooks); h++) {
                struct hc_val *service = hc_get(hc_list_at(hooks, h), "clientConfig.service");
                if (hc_map_getz(service, "namespace"))
                    hc_map_put_str(k->a, service, "namespace", ns);
            }
        }
        if (hc_str_eqz(kind, "APIService") && hc_get(r->obj, "spec.service.namespace"))
            hc_map_put_str(k->a, hc_get(r->obj, "spec.service"), "namespace", ns);
    }
}

void k_rename(struct kctx *k, struct kset *set, hc_str prefix, hc_str suffix)
{
    for (size_t i = 0; i < set->n; i++) {
        struct kres *r = &set->items[i];
        hc_str kind = kres_kind(r);
        if (hc_str_eqz(kind, "CustomResourceDefinition") || hc_str_eqz(kind, "APIService") ||
            hc_str_eqz(kind, "Namespace"))
            continue;
        hc_map_put_str(k->a, metadata(k, r), "name",
                       hc_arena_printf(k->a, "%.*s%.*s%.*s", HC_P(prefix), HC_P(kres_name(r)), HC_P(suffix)));
    }
}

static void put_all(struct kctx *k, struct hc_val *into, const struct hc_val *pairs)
{
    for (size_t i = 0; i < hc_map_len(pairs); i++) {
        struct hc_entry *e = hc_map_at(pairs, i);
        hc_map_put(k->a, into, e->key, e->val);
    }
}

static enum hc_rc texts_only(struct kctx *k, const struct hc_val *pairs, const char *what)
{
    for (size_t i = 0; i < hc_map_len(pairs); i++) {
        struct hc_entry *e = hc_map_at(pairs, i);
        if (!hc_is_str(e->val))
            return hc_fail(k->err, HC_E_INPUT, "%s '%.*s' (line %u) is a %s, not text: put it in quotes", what,
                           HC_P(e->key), e->line, hc_kind_name(e->val));
    }
    return HC_OK;
}

static bool is_workload(hc_str kind)
{
    static const char *const kinds[] = { "Deployment", "StatefulSet",          "DaemonSet", "ReplicaSet", "Job",
                                         "CronJob",    "ReplicationController" };
    for (size_t i = 0; i < HC_LEN(kinds); i++)
        if (hc_str_eqz(kind, kinds[i]))
            return true;
    return false;
}

/* The pod template of a workload, NULL for other kinds. */
static struct hc_val *pod_template(const struct kres *r)
{
    hc_str kind = kres_kind(r);
    if (hc_str_eqz(kind, "CronJob"))
        return hc_get(r->obj, "spec.jobTemplate.spec.template");
    return is_workload(kind) ? hc_get(r->obj, "spec.template") : NULL;
}

static void put_under(struct kctx *k, struct hc_val *template, const char *field, const struct hc_val *pairs)
{
    if (template)
        put_all(k, hc_map_sub(k->a, hc_map_sub(k->a, template, "metadata"), field), pairs);
}

enum hc_rc k_labels(struct kctx *k, struct kset *set, const struct hc_val *pairs, bool selectors, bool templates)
{
    if (!hc_map_len(pairs))
        return HC_OK;
    if (texts_only(k, pairs, "label") != HC_OK)
        return k->err->code;
    for (size_t i = 0; i < set->n; i++) {
        struct kres *r = &set->items[i];
        hc_str kind = kres_kind(r);
        put_all(k, hc_map_sub(k->a, metadata(k, r), "labels"), pairs);
        if (templates) {
            put_under(k, pod_template(r), "labels", pairs);
            if (hc_str_eqz(kind, "CronJob"))
                put_under(k, hc_get(r->obj, "spec.jobTemplate"), "labels", pairs);
            struct hc_val *claims = hc_get(r->obj, "spec.volumeClaimTemplates");
            for (size_t j = 0; hc_str_eqz(kind, "StatefulSet") && j < hc_list_len(claims); j++)
                put_under(k, hc_list_at(claims, j), "labels", pairs);
        }
        if (!selectors)
            continue;
        struct hc_val *spec = hc_map_getz(r->obj, "spec");
        if (hc_str_eqz(kind, "Service") || hc_str_eqz(kind, "ReplicationController")) {
            if (hc_is_map(hc_map_getz(spec, "selector")) || hc_str_eqz(kind, "ReplicationController"))
                put_all(k, hc_map_sub(k->a, spec, "selector"), pairs);
        } else if (hc_str_eqz(kind, "Deployment") || hc_str_eqz(kind, "StatefulSet") ||
                   hc_str_eqz(kind, "DaemonSet") || hc_str_eqz(kind, "ReplicaSet")) {
            put_all(k, hc_map_sub(k->a, hc_map_sub(k->a, spec, "selector"), "matchLabels"), pairs);
        } else if (hc_str_eqz(kind, "PodDisruptionBudget") || hc_str_eqz(kind, "Job")) {
            if (hc_get(spec, "selector.matchLabels"))
                put_all(k, hc_get(spec, "selector.matchLabels"), pairs);
        } else if (hc_str_eqz(kind, "NetworkPolicy")) {
            if (hc_get(spec, "podSelector.matchLabels"))
                put_all(k, hc_get(spec, "podSelector.matchLabels"), pairs);
        }
    }
    return HC_OK;
}

void k_annotations(struct kctx *k, struct kset *set, const struct hc_val *pairs, bool templates)
{
    if (!hc_map_len(pairs))
        return;
    for (size_t i = 0; i < set->n; i++) {
        struct kres *r = &set->items[i];
        put_all(k, hc_map_sub(k->a, metadata(k, r), "annotations"), pairs);
        if (templates)
            put_under(k, pod_template(r), "annotations", pairs);
        if (templates && hc_str_eqz(kres_kind(r), "CronJob"))
            put_under(k, hc_get(r->obj, "spec.jobTemplate"), "annotations", pairs);
    }
}

/* "registry:5000/a/b:1.2@sha256:x" to name, tag and digest. */
static void split_image(hc_str image, hc_str *name, hc_str *tag, hc_str *digest)
{
    size_t at = hc_str_find(image, '@');
    *digest = at == SIZE_MAX ? (hc_str){ NULL, 0 } : hc_str_sub(image, at + 1, image.n);
    hc_str rest = at == SIZE_MAX ? image : hc_str_sub(image, 0, at);
    size_t slash = hc_str_rfind(rest, '/'), colon = hc_str_rfind(rest, ':');
    bool has_tag = colon != SIZE_MAX && (slash == SIZE_MAX || colon > slash);
    *name = has_tag ? hc_str_sub(rest, 0, colon) : rest;
    *tag = has_tag ? hc_str_sub(rest, colon + 1, rest.n) : (hc_str){ NULL, 0 };
}

static struct hc_val *changed_image(struct kctx *k, const struct hc_val *image, const struct hc_val *rule)
{
    hc_str name, tag, digest;
    split_image(hc_get_str(image), &name, &tag, &digest);
    if (!name.n || !hc_str_eq(name, hc_get_str_at(rule, "name")))
        return NULL;
    hc_str new_name = hc_get_str_at(rule, "newName"), new_tag = hc_get_str_at(rule, "newTag"),
           new_digest = hc_get_str_at(rule, "digest");
    if (new_name.n)
        name = new_name;
    if (new_tag.n && new_digest.n)
        return hc_printf_val(k->a, "%.*s:%.*s@%.*s", HC_P(name), HC_P(new_tag), HC_P(new_digest));
    if (new_digest.n)
        return hc_printf_val(k->a, "%.*s@%.*s", HC_P(name), HC_P(new_digest));
    if (new_tag.n)
        return hc_printf_val(k->a, "%.*s:%.*s", HC_P(name), HC_P(new_tag));
    return hc_printf_val(k->a, "%.*s%s%.*s%s%.*s", HC_P(name), tag.n ? ":" : "", HC_P(tag), digest.n ? "@" : "",
                         HC_P(digest));
}

/* kustomize looks for containers and initContainers wherever they stand in an object. */
static void images_in(struct kctx *k, struct hc_val *v, const struct hc_val *rule, int depth)
{
    if (depth > 64)
        return;
    for (size_t i = 0; i < hc_list_len(v); i++)
        images_in(k, hc_list_at(v, i), rule, depth + 1);
    for (size_t i = 0; i < hc_map_len(v); i++) {
        struct hc_entry *e = hc_map_at(v, i);
        bool containers = hc_str_eqz(e->key, "containers") || hc_str_eqz(e->key, "initContainers");
        for (size_t c = 0; containers && c < hc_list_len(e->val); c++) {
            struct hc_val *box = hc_list_at(e->val, c);
            struct hc_val *image = changed_image(k, hc_map_getz(box, "image"), rule);
            if (image)
                hc_map_put(k->a, box, HC_S("image"), image);
        }
        images_in(k, e->val, rule, depth + 1);
    }
}

enum hc_rc k_images(struct kctx *k, struct kset *set, const struct hc_val *images)
{
    for (size_t i = 0; i < hc_list_len(images); i++) {
        const struct hc_val *rule = hc_list_at(images, i);
        const struct hc_val *tag = hc_map_getz(rule, "newTag");
        if (!hc_get_str_at(rule, "name").n)
            return hc_fail(k->err, HC_E_INPUT, "entry %zu of images has no name", i + 1);
        if (tag && !hc_is_str(tag))
            return hc_fail(k->err, HC_E_INPUT,
                           "newTag of image '%.*s' (line %u) is a %s, not text: put it in quotes",
                           HC_P(hc_get_str_at(rule, "name")), tag->line, hc_kind_name(tag));
        for (size_t j = 0; j < set->n; j++)
            if (!hc_str_eqz(kres_kind(&set->items[j]), "CustomResourceDefinition"))
                images_in(k, set->items[j].obj, rule, 0);
    }
    return HC_OK;
}

enum hc_rc k_replicas(struct kctx *k, struct kset *set, const struct hc_val *replicas, hc_str file)
{
    for (size_t i = 0; i < hc_list_len(replicas); i++) {
        const struct hc_val *rule = hc_list_at(replicas, i);
        hc_str name = hc_get_str_at(rule, "name");
        bool found = false;
        for (size_t j = 0; j < set->n; j++) {
            struct kres *r = &set->items[j];
            hc_str kind = kres_kind(r);
            bool counts = hc_str_eqz(kind, "Deployment") || hc_str_eqz(kind, "StatefulSet") ||
                          hc_str_eqz(kind, "ReplicaSet") || hc_str_eqz(kind, "ReplicationController");
            if (!counts || (!hc_str_eq(name, r->first_name) && !hc_str_eq(name, kres_name(r))))
                continue;
            hc_map_put_int(k->a, hc_map_sub(k->a, r->obj, "spec"), "replicas", hc_get_int_at(rule, "count", 0));
            found = true;
        }
        if (!found)
            return hc_fail_at(k->err, HC_E_INPUT, file, (int)rule->line, -1,
                              "%.*s:%u: replicas name '%.*s', but no Deployment, StatefulSet, ReplicaSet or "
                              "ReplicationController of that name is there",
                              HC_P(file), rule->line, HC_P(name));
    }
    return HC_OK;
}
