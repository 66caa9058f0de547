/*
 * What Kubernetes says of its own types: deprecated since, gone since, what to use.
 *
 * Read out of k8s.io/api 0.37, the client library of Helm 4.3: its lifecycle methods. The list of a kind has the same
 * dates; its replacement is the list of the replacement but for the three that library names otherwise.
 */
#include "templating/lint/lint_impl.h"

struct row {
    const char *api_version, *kind;
    uint8_t deprecated, removed; /* minor of 1.x; 0: not said */
    const char *use_version, *use_kind;
};

static const struct row rows[] = {
    { "v1", "ComponentStatus", 19, 0, NULL, NULL },
    { "v1", "Endpoints", 33, 0, "discovery.k8s.io/v1", "EndpointSlice" },
    { "admissionregistration.k8s.io/v1alpha1", "MutatingAdmissionPolicy", 35, 38, NULL, NULL },
    { "admissionregistration.k8s.io/v1alpha1", "MutatingAdmissionPolicyBinding", 35, 38, NULL, NULL },
    { "admissionregistration.k8s.io/v1alpha1", "ValidatingAdmissionPolicy", 29, 32, NULL, NULL },
    { "admissionregistration.k8s.io/v1alpha1", "ValidatingAdmissionPolicyBinding", 29, 32, NULL, NULL },
    { "admissionregistration.k8s.io/v1beta1", "MutatingAdmissionPolicy", 37, 40, "admissionregistration.k8s.io/v1",
      "MutatingAdmissionPolicy" },
    { "admissionregistration.k8s.io/v1beta1", "MutatingAdmissionPolicyBinding", 37, 40,
      "admissionregistration.k8s.io/v1", "MutatingAdmissionPolicyBinding" },
    { "admissionregistration.k8s.io/v1beta1", "MutatingWebhookConfiguration", 16, 22,
      "admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration" },
    { "admissionregistration.k8s.io/v1beta1", "ValidatingAdmissionPolicy", 31, 34, NULL, NULL },
    { "admissionregistration.k8s.io/v1beta1", "ValidatingAdmissionPolicyBinding", 31, 34, NULL, NULL },
    { "admissionregistration.k8s.io/v1beta1", "ValidatingWebhookConfiguration", 16, 22,
      "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration" },
    { "apps/v1beta1", "ControllerRevision", 8, 16, "apps/v1", "ControllerRevision" },
    { "apps/v1beta1", "Deployment", 8, 16, "apps/v1", "Deployment" },
    { "apps/v1beta1", "DeploymentRollback", 8, 16, "apps/v1", "DeploymentRollback" },
    { "apps/v1beta1", "Scale", 8, 16, "autoscaling/v1", "Scale" },
    { "apps/v1beta1", "StatefulSet", 8, 16, "apps/v1", "StatefulSet" },
    { "apps/v1beta2", "ControllerRevision", 9, 16, "apps/v1", "ControllerRevision" },
    { "apps/v1beta2", "DaemonSet", 9, 16, "apps/v1", "DaemonSet" },
    { "apps/v1beta2", "Deployment", 9, 16, "apps/v1", "Deployment" },
    { "apps/v1beta2", "ReplicaSet", 9, 16, "apps/v1", "ReplicaSet" },
    { "apps/v1beta2", "Scale", 9, 16, "autoscaling/v1", "Scale" },
    { "apps/v1beta2", "StatefulSet", 9, 16, "apps/v1", "StatefulSet" },
    { "authentication.k8s.io/v1alpha1", "SelfSubjectReview", 29, 32, NULL, NULL },
    { "authentication.k8s.io/v1beta1", "SelfSubjectReview", 30, 33, NULL, NULL },
    { "authentication.k8s.io/v1beta1", "TokenReview", 19, 22, "authentication.k8s.io/v1", "TokenReview" },
    { "authorization.k8s.io/v1beta1", "LocalSubjectAccessReview", 19, 22, "authorization.k8s.io/v1",
      "LocalSubjectAccessReview" },
    { "authorization.k8s.io/v1beta1", "SelfSubjectAccessReview", 19, 22, "authorization.k8s.io/v1",
      "SelfSubjectAccessReview" },
    { "authorization.k8s.io/v1beta1", "SelfSubjectRulesReview", 19, 22, "authorization.k8s.io/v1",
      "SelfSubjectRulesReview" },
    { "authorization.k8s.io/v1beta1", "SubjectAccessReview", 19, 22, "authorization.k8s.io/v1",
      "SubjectAccessReview" },
    { "batch/v1beta1", "CronJob", 21, 25, "batch/v1", "CronJob" },
    { "certificates.k8s.io/v1alpha1", "ClusterTrustBundle", 34, 37, NULL, NULL },
    { "certificates.k8s.io/v1beta1", "CertificateSigningRequest", 19, 22, "certificates.k8s.io/v1",
      "CertificateSigningRequest" },
    { "certificates.k8s.io/v1beta1", "ClusterTrustBundle", 37, 40, "certificates.k8s.io/v1", "ClusterTrustBundle" },
    { "certificates.k8s.io/v1beta1", "PodCertificateRequest", 37, 40, "certificates.k8s.io/v1",
      "PodCertificateRequest" },
    { "coordination.k8s.io/v1alpha2", "LeaseCandidate", 35, 38, NULL, NULL },
    { "coordination.k8s.io/v1beta1", "Lease", 19, 22, "coordination.k8s.io/v1", "Lease" },
    { "coordination.k8s.io/v1beta1", "LeaseCandidate", 36, 39, NULL, NULL },
    { "discovery.k8s.io/v1beta1", "EndpointSlice", 21, 25, "discovery.k8s.io/v1", "EndpointSlice" },
    { "events.k8s.io/v1beta1", "Event", 22, 25, NULL, NULL },
    { "extensions/v1beta1", "DaemonSet", 8, 16, "apps/v1", "DaemonSet" },
    { "extensions/v1beta1", "Deployment", 8, 16, "apps/v1", "Deployment" },
    { "extensions/v1beta1", "DeploymentRollback", 8, 16, NULL, NULL },
    { "extensions/v1beta1", "Ingress", 14, 22, "networking.k8s.io/v1", "Ingress" },
    { "extensions/v1beta1", "NetworkPolicy", 9, 16, "networking.k8s.io/v1", "NetworkPolicy" },
    { "extensions/v1beta1", "ReplicaSet", 8, 16, "apps/v1", "ReplicaSet" },
    { "extensions/v1beta1", "Scale", 2, 16, NULL, NULL },
    { "flowcontrol.apiserver.k8s.io/v1beta1", "FlowSchema", 23, 26, "flowcontrol.apiserver.k8s.io/v1beta3",
      "FlowSchema" },
    { "flowcontrol.apiserver.k8s.io/v1beta1", "PriorityLevelConfiguration", 23, 26,
      "flowcontrol.apiserver.k8s.io/v1beta3", "PriorityLevelConfiguration" },
    { "flowcontrol.apiserver.k8s.io/v1beta2", "FlowSchema", 26, 29, "flowcontrol.apiserver.k8s.io/v1beta3",
      "FlowSchema" },
    { "flowcontrol.apiserver.k8s.io/v1beta2", "PriorityLevelConfiguration", 26, 29,
      "flowcontrol.apiserver.k8s.io/v1beta3", "PriorityLevelConfiguration" },
    { "flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema", 29, 32, "flowcontrol.apiserver.k8s.io/v1",
      "FlowSchema" },
    { "flowcontrol.apiserver.k8s.io/v1beta3", "PriorityLevelConfiguration", 29, 32,
      "flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration" },
    { "lifecycle.k8s.io/v1alpha1", "Eviction", 40, 43, NULL, NULL },
    { "lifecycle.k8s.io/v1alpha1", "EvictionRequest", 40, 43, NULL, NULL },
    { "networking.k8s.io/v1beta1", "IPAddress", 34, 37, NULL, NULL },
    { "networking.k8s.io/v1beta1", "Ingress", 19, 22, "networking.k8s.io/v1", "Ingress" },
    { "networking.k8s.io/v1beta1", "IngressClass", 19, 22, "networking.k8s.io/v1", "IngressClassList" },
    { "networking.k8s.io/v1beta1", "ServiceCIDR", 34, 37, NULL, NULL },
    { "node.k8s.io/v1beta1", "RuntimeClass", 22, 25, NULL, NULL },
    { "policy/v1beta1", "Eviction", 22, 25, NULL, NULL },
    { "policy/v1beta1", "PodDisruptionBudget", 21, 25, "policy/v1", "PodDisruptionBudget" },
    { "rbac.authorization.k8s.io/v1beta1", "ClusterRole", 17, 22, "rbac.authorization.k8s.io/v1", "ClusterRole" },
    { "rbac.authorization.k8s.io/v1beta1", "ClusterRoleBinding", 17, 22, "rbac.authorization.k8s.io/v1",
      "ClusterRoleBinding" },
    { "rbac.authorization.k8s.io/v1beta1", "Role", 17, 22, "rbac.authorization.k8s.io/v1", "Role" },
    { "rbac.authorization.k8s.io/v1beta1", "RoleBinding", 17, 22, "rbac.authorization.k8s.io/v1", "RoleBinding" },
    { "resource.k8s.io/v1alpha3", "DeviceTaintRule", 36, 39, NULL, NULL },
    { "resource.k8s.io/v1alpha3", "ResourcePoolStatusRequest", 39, 42, NULL, NULL },
    { "resource.k8s.io/v1beta1", "DeviceClass", 35, 38, NULL, NULL },
    { "resource.k8s.io/v1beta1", "ResourceClaim", 35, 38, NULL, NULL },
    { "resource.k8s.io/v1beta1", "ResourceClaimTemplate", 35, 38, NULL, NULL },
    { "resource.k8s.io/v1beta1", "ResourceSlice", 35, 38, NULL, NULL },
    { "resource.k8s.io/v1beta2", "DeviceClass", 36, 39, NULL, NULL },
    { "resource.k8s.io/v1beta2", "DeviceTaintRule", 39, 42, NULL, NULL },
    { "resource.k8s.io/v1beta2", "ResourceClaim", 36, 39, NULL, NULL },
    { "resource.k8s.io/v1beta2", "ResourceClaimTemplate", 36, 39, NULL, NULL },
    { "resource.k8s.io/v1beta2", "ResourceSlice", 36, 39, NULL, NULL },
    { "scheduling.k8s.io/v1beta1", "PodGroup", 40, 43, NULL, NULL },
    { "scheduling.k8s.io/v1beta1", "PriorityClass", 14, 22, "scheduling.k8s.io/v1", "PriorityClass" },
    { "scheduling.k8s.io/v1beta1", "Workload", 40, 43, NULL, NULL },
    { "storage.k8s.io/v1alpha1", "CSIStorageCapacity", 21, 24, "storage.k8s.io/v1beta1", "CSIStorageCapacity" },
    { "storage.k8s.io/v1alpha1", "VolumeAttachment", 21, 24, "storage.k8s.io/v1", "VolumeAttachment" },
    { "storage.k8s.io/v1alpha1", "VolumeAttributesClass", 32, 35, "storage.k8s.io/v1", "VolumeAttributesClass" },
    { "storage.k8s.io/v1beta1", "CSIDriver", 19, 22, "storage.k8s.io/v1", "CSIDriver" },
    { "storage.k8s.io/v1beta1", "CSINode", 17, 22, "storage.k8s.io/v1", "CSINode" },
    { "storage.k8s.io/v1beta1", "CSIStorageCapacity", 24, 27, "storage.k8s.io/v1", "CSIStorageCapacity" },
    { "storage.k8s.io/v1beta1", "StorageClass", 19, 22, "storage.k8s.io/v1", "StorageClass" },
    { "storage.k8s.io/v1beta1", "VolumeAttachment", 19, 22, "storage.k8s.io/v1", "VolumeAttachment" },
    { "storage.k8s.io/v1beta1", "VolumeAttributesClass", 34, 37, "storage.k8s.io/v1", "VolumeAttributesClass" },
    { "storagemigration.k8s.io/v1beta1", "StorageVersionMigration", 37, 40, "storagemigration.k8s.io/v1",
      "StorageVersionMigration" },
};

/* Kinds of that table without a list kind. */
static bool has_list(const struct row *r)
{
    static const char *const single[] = { "DeploymentRollback",
                                          "Eviction",
                                          "LocalSubjectAccessReview",
                                          "Scale",
                                          "SelfSubjectAccessReview",
                                          "SelfSubjectReview",
                                          "SelfSubjectRulesReview",
                                          "SubjectAccessReview",
                                          "TokenReview" };
    for (size_t i = 0; i < HC_LEN(single); i++)
        if (strcmp(r->kind, single[i]) == 0)
            return false;
    return true;
}

static const struct row *find(hc_str api_version, hc_str kind, bool *list)
{
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        if (!hc_str_eqz(api_version, rows[i].api_version))
            continue;
        *list = false;
        if (hc_str_eqz(kind, rows[i].kind))
            return &rows[i];
        *list = true;
        hc_str base = hc_str_of(rows[i].kind);
        if (has_list(&rows[i]) && kind.n == base.n + 4 && hc_str_starts(kind, base) &&
            hc_str_ends(kind, HC_S("List")))
            return &rows[i];
    }
    return NULL;
}

bool lint_deprecation(struct hc_buf *b, hc_str api_version, hc_str kind, int64_t major, int64_t minor)
{
    bool list;
    const struct row *r = find(api_version, kind, &list);
    if (!r || major < 1 || (major == 1 && minor < r->deprecated))
        return false;
    hc_buf_printf(b, "%.*s %.*s is deprecated in v1.%u+", HC_P(api_version), HC_P(kind), r->deprecated);
    if (r->removed)
        hc_buf_printf(b, ", unavailable in v1.%u+", r->removed);
    if (r->use_version) {
        bool odd = strcmp(r->kind, "EndpointSlice") == 0 || strcmp(r->kind, "CSINode") == 0 ||
                   hc_str_ends(hc_str_of(r->use_kind), HC_S("List"));
        hc_buf_printf(b, "; use %s %s%s", r->use_version, r->use_kind, list && !odd ? "List" : "");
    }
    return true;
}
