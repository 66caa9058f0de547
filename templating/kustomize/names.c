/*
 * When an object gets another name, what refers to it follows. Which fields refer to which kind is kustomize's
 * built-in configuration (api/konfig/builtinpluginconsts/namereference.go), written here once per shape: fields of a
 * pod spec hold wherever a pod spec stands.
 */
#include "templating/kustomize/kustomize_impl.h"

struct reference {
    const char *kind; /* what is named */
    const char *from; /* kind of the referrer; "pod": any pod spec */
    const char *path; /* below the object (below the pod spec); lists are walked through */
};

static const struct reference references[] = {
    { "ConfigMap", "pod", "volumes/configMap/name" },
    { "ConfigMap", "pod", "volumes/projected/sources/configMap/name" },
    { "ConfigMap", "pod", "containers/env/valueFrom/configMapKeyRef/name" },
    { "ConfigMap", "pod", "initContainers/env/valueFrom/configMapKeyRef/name" },
    { "ConfigMap", "pod", "containers/envFrom/configMapRef/name" },
    { "ConfigMap", "pod", "initContainers/envFrom/configMapRef/name" },
    { "Secret", "pod", "volumes/secret/secretName" },
    { "Secret", "pod", "volumes/projected/sources/secret/name" },
    { "Secret", "pod", "containers/env/valueFrom/secretKeyRef/name" },
    { "Secret", "pod", "initContainers/env/valueFrom/secretKeyRef/name" },
    { "Secret", "pod", "containers/envFrom/secretRef/name" },
    { "Secret", "pod", "initContainers/envFrom/secretRef/name" },
    { "Secret", "pod", "imagePullSecrets/name" },
    { "Secret", "Ingress", "spec/tls/secretName" },
    { "Secret", "ServiceAccount", "imagePullSecrets/name" },
    { "ServiceAccount", "pod", "serviceAccountName" },
    { "PersistentVolumeClaim", "pod", "volumes/persistentVolumeClaim/claimName" },
    { "PriorityClass", "pod", "priorityClassName" },
    { "Service", "StatefulSet", "spec/serviceName" },
    { "Service", "Ingress", "spec/rules/http/paths/backend/service/name" },
    { "Service", "Ingress", "spec/defaultBackend/service/name" },
    { "Service", "APIService", "spec/service/name" },
    { "Service", "ValidatingWebhookConfiguration", "webhooks/clientConfig/service/name" },
    { "Service", "MutatingWebhookConfiguration", "webhooks/clientConfig/service/name" },
    { "Deployment", "HorizontalPodAutoscaler", "spec/scaleTargetRef/name" },
    { "StatefulSet", "HorizontalPodAutoscaler", "spec/scaleTargetRef/name" },
    { "ReplicaSet", "HorizontalPodAutoscaler", "spec/scaleTargetRef/name" },
    { "Role", "RoleBinding", "roleRef/name" },
    { "ClusterRole", "RoleBinding", "roleRef/name" },
    { "ClusterRole", "ClusterRoleBinding", "roleRef/name" },
    { "ServiceAccount", "RoleBinding", "subjects/name" },
    { "ServiceAccount", "ClusterRoleBinding", "subjects/name" },
    { "PersistentVolume", "PersistentVolumeClaim", "spec/volumeName" },
    { "StorageClass", "PersistentVolumeClaim", "spec/storageClassName" },
    { "StorageClass", "PersistentVolume", "spec/storageClassName" },
    { "StorageClass", "StatefulSet", "spec/volumeClaimTemplates/spec/storageClassName" },
    { "IngressClass", "Ingress", "spec/ingressClassName" },
    /* The Flux kinds, as Flux' own kustomize configuration has them for values of a HelmRelease. */
    { "ConfigMap", "HelmRelease", "spec/valuesFrom/name" },
    { "Secret", "HelmRelease", "spec/valuesFrom/name" },
    { "Secret", "HelmRepository", "spec/secretRef/name" },
    { "Secret", "GitRepository", "spec/secretRef/name" },
    { "Secret", "OCIRepository", "spec/secretRef/name" },
};

struct walk {
    struct kctx *k;
    const struct kset *set;
    const struct kres *referrer;
    const struct reference *ref;
};

/* The name now of the object that `old` named when the layer began; absent when it is none of ours. */
static hc_str name_now(const struct walk *w, hc_str old)
{
    hc_str ns = kres_ns(w->referrer);
    for (size_t i = 0; i < w->set->n; i++) {
        const struct kres *r = &w->set->items[i];
        if (r->gone || !hc_str_eqz(kres_kind(r), w->ref->kind) || !hc_str_eq(r->level_name, old))
            continue;
        hc_str target_ns = kres_ns(r);
        if (target_ns.n && ns.n && !hc_str_eq(target_ns, ns))
            continue;
        return kres_name(r);
    }
    return (hc_str){ NULL, 0 };
}

/* A sibling field "kind" (roleRef, subjects, scaleTargetRef, valuesFrom) must agree with the kind that is named. */
static bool kind_agrees(const struct hc_val *map, const char *kind)
{
    hc_str said = hc_get_str(hc_map_getz(map, "kind"));
    return !said.n || hc_map_getz(map, "metadata") || hc_str_eqz(said, kind);
}

static void follow(const struct walk *w, struct hc_val *v, hc_str path)
{
    if (hc_is_list(v)) {
        for (size_t i = 0; i < hc_list_len(v); i++)
            follow(w, hc_list_at(v, i), path);
        return;
    }
    if (!hc_is_map(v))
        return;
    hc_str step;
    if (!hc_str_split(&path, '/', &step))
        return;
    struct hc_val *next = hc_map_get(v, step);
    if (path.p) {
        follow(w, next, path);
        return;
    }
    hc_str old = hc_get_str(next), now;
    if (!old.n || !kind_agrees(v, w->ref->kind))
        return;
    now = name_now(w, old);
    if (now.p && !hc_str_eq(now, old))
        hc_map_put(w->k->a, v, step, hc_str_val_ref(w->k->a, now));
}

/* A pod spec: a map with a list "containers" under the key "spec". */
static void each_pod_spec(const struct walk *w, struct hc_val *v, int depth)
{
    if (depth > 64)
        return;
    for (size_t i = 0; i < hc_list_len(v); i++)
        each_pod_spec(w, hc_list_at(v, i), depth + 1);
    for (size_t i = 0; i < hc_map_len(v); i++) {
        struct hc_entry *e = hc_map_at(v, i);
        if (hc_str_eqz(e->key, "spec") && hc_is_list(hc_map_getz(e->val, "containers")))
            follow(w, e->val, hc_str_of(w->ref->path));
        else
            each_pod_spec(w, e->val, depth + 1);
    }
}

void k_fix_references(struct kctx *k, struct kset *set)
{
    bool moved = false;
    for (size_t i = 0; i < set->n && !moved; i++)
        moved = !hc_str_eq(set->items[i].level_name, kres_name(&set->items[i]));
    for (size_t i = 0; moved && i < set->n; i++) {
        struct kres *r = &set->items[i];
        for (size_t j = 0; j < HC_LEN(references); j++) {
            struct walk w = { k, set, r, &references[j] };
            if (strcmp(references[j].from, "pod") == 0)
                each_pod_spec(&w, r->obj, 0);
            else if (hc_str_eqz(kres_kind(r), references[j].from))
                follow(&w, r->obj, hc_str_of(references[j].path));
        }
    }
    for (size_t i = 0; i < set->n; i++)
        set->items[i].level_name = kres_name(&set->items[i]);
}
