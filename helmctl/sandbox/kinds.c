/*
 * The kinds that are served: one table for what is built in (the GA versions charts use, Kubernetes 1.36), and a
 * linked list of all of them with those of the CRDs behind. Discovery, routes and the store's keys come from it.
 */
#include "helmctl/sandbox/sandbox_impl.h"

struct builtin {
    const char *group, *version, *resource, *singular, *kind;
    uint32_t flags;
    const char *short_names, *categories;
};

#define C   HC_SB_CLUSTER
#define ST  HC_SB_STATUS
#define SC  HC_SB_SCALE
#define GEN HC_SB_GEN
#define RV  HC_SB_REVIEW
#define OLD HC_SB_HIDDEN

static const struct builtin builtins[] = {
    { "", "v1", "bindings", "binding", "Binding", RV, NULL, NULL },
    { "", "v1", "componentstatuses", "componentstatus", "ComponentStatus", C, "cs", NULL },
    { "", "v1", "configmaps", "configmap", "ConfigMap", 0, "cm", NULL },
    { "", "v1", "endpoints", "endpoints", "Endpoints", 0, "ep", NULL },
    { "", "v1", "events", "event", "Event", 0, "ev", NULL },
    { "", "v1", "limitranges", "limitrange", "LimitRange", 0, "limits", NULL },
    { "", "v1", "namespaces", "namespace", "Namespace", C | ST, "ns", NULL },
    { "", "v1", "nodes", "node", "Node", C | ST, "no", NULL },
    { "", "v1", "persistentvolumeclaims", "persistentvolumeclaim", "PersistentVolumeClaim", ST, "pvc", NULL },
    { "", "v1", "persistentvolumes", "persistentvolume", "PersistentVolume", C | ST, "pv", NULL },
    { "", "v1", "pods", "pod", "Pod", ST | GEN, "po", "all" },
    { "", "v1", "podtemplates", "podtemplate", "PodTemplate", GEN, NULL, NULL },
    { "", "v1", "replicationcontrollers", "replicationcontroller", "ReplicationController", ST | SC | GEN, "rc",
      "all" },
    { "", "v1", "resourcequotas", "resourcequota", "ResourceQuota", ST, "quota", NULL },
    { "", "v1", "secrets", "secret", "Secret", 0, NULL, NULL },
    { "", "v1", "serviceaccounts", "serviceaccount", "ServiceAccount", 0, "sa", NULL },
    { "", "v1", "services", "service", "Service", ST, "svc", "all" },
    { "apiregistration.k8s.io", "v1", "apiservices", "apiservice", "APIService", C | ST, NULL, "api-extensions" },
    { "apps", "v1", "controllerrevisions", "controllerrevision", "ControllerRevision", 0, NULL, NULL },
    { "apps", "v1", "daemonsets", "daemonset", "DaemonSet", ST | GEN, "ds", "all" },
    { "apps", "v1", "deployments", "deployment", "Deployment", ST | SC | GEN, "deploy", "all" },
    { "apps", "v1", "replicasets", "replicaset", "ReplicaSet", ST | SC | GEN, "rs", "all" },
    { "apps", "v1", "statefulsets", "statefulset", "StatefulSet", ST | SC | GEN, "sts", "all" },
    { "events.k8s.io", "v1", "events", "event", "Event", 0, "ev", NULL },
    { "authentication.k8s.io", "v1", "selfsubjectreviews", "selfsubjectreview", "SelfSubjectReview", C | RV, NULL,
      NULL },
    { "authentication.k8s.io", "v1", "tokenreviews", "tokenreview", "TokenReview", C | RV, NULL, NULL },
    { "authorization.k8s.io", "v1", "localsubjectaccessreviews", "localsubjectaccessreview",
      "LocalSubjectAccessReview", RV, NULL, NULL },
    { "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "selfsubjectaccessreview",
      "SelfSubjectAccessReview", C | RV, NULL, NULL },
    { "authorization.k8s.io", "v1", "selfsubjectrulesreviews", "selfsubjectrulesreview", "SelfSubjectRulesReview",
      C | RV, NULL, NULL },
    { "authorization.k8s.io", "v1", "subjectaccessreviews", "subjectaccessreview", "SubjectAccessReview", C | RV,
      NULL, NULL },
    { "autoscaling", "v2", "horizontalpodautoscalers", "horizontalpodautoscaler", "HorizontalPodAutoscaler", ST,
      "hpa", "all" },
    { "autoscaling", "v1", "horizontalpodautoscalers", "horizontalpodautoscaler", "HorizontalPodAutoscaler",
      ST | OLD, "hpa", "all" },
    { "batch", "v1", "cronjobs", "cronjob", "CronJob", ST | GEN, "cj", "all" },
    { "batch", "v1", "jobs", "job", "Job", ST | GEN, NULL, "all" },
    { "certificates.k8s.io", "v1", "certificatesigningrequests", "certificatesigningrequest",
      "CertificateSigningRequest", C | ST, "csr", NULL },
    { "networking.k8s.io", "v1", "ingressclasses", "ingressclass", "IngressClass", C | GEN, NULL, NULL },
    { "networking.k8s.io", "v1", "ingresses", "ingress", "Ingress", ST | GEN, "ing", NULL },
    { "networking.k8s.io", "v1", "networkpolicies", "networkpolicy", "NetworkPolicy", GEN, "netpol", NULL },
    { "policy", "v1", "poddisruptionbudgets", "poddisruptionbudget", "PodDisruptionBudget", ST | GEN, "pdb", NULL },
    { "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "clusterrolebinding", "ClusterRoleBinding", C, NULL,
      NULL },
    { "rbac.authorization.k8s.io", "v1", "clusterroles", "clusterrole", "ClusterRole", C, NULL, NULL },
    { "rbac.authorization.k8s.io", "v1", "rolebindings", "rolebinding", "RoleBinding", 0, NULL, NULL },
    { "rbac.authorization.k8s.io", "v1", "roles", "role", "Role", 0, NULL, NULL },
    { "storage.k8s.io", "v1", "csidrivers", "csidriver", "CSIDriver", C, NULL, NULL },
    { "storage.k8s.io", "v1", "csinodes", "csinode", "CSINode", C, NULL, NULL },
    { "storage.k8s.io", "v1", "csistoragecapacities", "csistoragecapacity", "CSIStorageCapacity", 0, NULL, NULL },
    { "storage.k8s.io", "v1", "storageclasses", "storageclass", "StorageClass", C, "sc", NULL },
    { "storage.k8s.io", "v1", "volumeattachments", "volumeattachment", "VolumeAttachment", C | ST, NULL, NULL },
    { "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", "mutatingwebhookconfiguration",
      "MutatingWebhookConfiguration", C | GEN, NULL, "api-extensions" },
    { "admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "validatingadmissionpolicy",
      "ValidatingAdmissionPolicy", C | ST | GEN, NULL, "api-extensions" },
    { "admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings", "validatingadmissionpolicybinding",
      "ValidatingAdmissionPolicyBinding", C | GEN, NULL, "api-extensions" },
    { "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", "validatingwebhookconfiguration",
      "ValidatingWebhookConfiguration", C | GEN, NULL, "api-extensions" },
    { "apiextensions.k8s.io", "v1", "customresourcedefinitions", "customresourcedefinition",
      "CustomResourceDefinition", C | ST | GEN, "crd crds", "api-extensions" },
    { "scheduling.k8s.io", "v1", "priorityclasses", "priorityclass", "PriorityClass", C | GEN, "pc", NULL },
    { "coordination.k8s.io", "v1", "leases", "lease", "Lease", 0, NULL, NULL },
    { "node.k8s.io", "v1", "runtimeclasses", "runtimeclass", "RuntimeClass", C, NULL, NULL },
    { "discovery.k8s.io", "v1", "endpointslices", "endpointslice", "EndpointSlice", GEN, NULL, NULL },
    { "flowcontrol.apiserver.k8s.io", "v1", "flowschemas", "flowschema", "FlowSchema", C | ST | GEN, NULL, NULL },
    { "flowcontrol.apiserver.k8s.io", "v1", "prioritylevelconfigurations", "prioritylevelconfiguration",
      "PriorityLevelConfiguration", C | ST | GEN, NULL, NULL },
};

struct hc_sb_kind *hc_sb_kinds_add(struct hc_sandbox *s)
{
    struct hc_sb_kind *k = HC_NEW(s->forever, struct hc_sb_kind);
    if (!k)
        return NULL;
    if (s->kinds_last)
        s->kinds_last->next = k;
    else
        s->kinds = k;
    s->kinds_last = k;
    return k;
}

bool hc_sb_kinds_init(struct hc_sandbox *s)
{
    for (size_t i = 0; i < HC_LEN(builtins); i++) {
        const struct builtin *b = &builtins[i];
        struct hc_sb_kind *k = hc_sb_kinds_add(s);
        if (!k)
            return false;
        k->group = hc_str_of(b->group);
        k->version = hc_str_of(b->version);
        k->resource = hc_str_of(b->resource);
        k->singular = hc_str_of(b->singular);
        k->kind = hc_str_of(b->kind);
        k->list_kind = hc_arena_printf(s->forever, "%sList", b->kind);
        k->flags = b->flags;
        k->short_names = b->short_names;
        k->categories = b->categories;
        k->key = hc_arena_printf(s->forever, "%s/%s", b->group, b->resource);
        k->api_version = b->group[0] ? hc_arena_printf(s->forever, "%s/%s", b->group, b->version) : k->version;
        k->many_versions = strcmp(b->group, "autoscaling") == 0;
        /* Both groups show the same events, each in its own form. */
        if (strcmp(b->group, "events.k8s.io") == 0)
            k->key = HC_S("/events");
        if (strcmp(b->resource, "events") == 0)
            k->many_versions = true;
    }
    return !hc_arena_spent(s->forever);
}

const struct hc_sb_kind *hc_sb_kinds_first(const struct hc_sandbox *s)
{
    const struct hc_sb_kind *k = s->kinds;
    while (k && k->gone)
        k = k->next;
    return k;
}

const struct hc_sb_kind *hc_sb_kind_find(const struct hc_sandbox *s, hc_str group, hc_str version, hc_str resource)
{
    for (const struct hc_sb_kind *k = s->kinds; k; k = k->next)
        if (!k->gone && hc_str_eq(k->resource, resource) && hc_str_eq(k->group, group) &&
            hc_str_eq(k->version, version))
            return k;
    return NULL;
}

const struct hc_sb_kind *hc_sb_kind_of_key(const struct hc_sandbox *s, hc_str key)
{
    const struct hc_sb_kind *any = NULL;
    for (const struct hc_sb_kind *k = s->kinds; k; k = k->next) {
        if (k->gone || !hc_str_eq(k->key, key))
            continue;
        if (!(k->flags & HC_SB_HIDDEN))
            return k;
        any = any ? any : k;
    }
    return any;
}

const struct hc_sb_kind *hc_sb_kind_of_gvk(const struct hc_sandbox *s, hc_str api_version, hc_str kind)
{
    for (const struct hc_sb_kind *k = s->kinds; k; k = k->next)
        if (!k->gone && hc_str_eq(k->kind, kind) && hc_str_eq(k->api_version, api_version))
            return k;
    return NULL;
}

const struct hc_sb_kind *hc_sb_kind_builtin(const struct hc_sandbox *s, const char *key)
{
    return hc_sb_kind_of_key(s, hc_str_of(key));
}

bool hc_sb_group_exists(const struct hc_sandbox *s, hc_str group, hc_str version)
{
    for (const struct hc_sb_kind *k = s->kinds; k; k = k->next)
        if (!k->gone && hc_str_eq(k->group, group) && (!version.p || hc_str_eq(k->version, version)))
            return true;
    return false;
}
