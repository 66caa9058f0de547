/*
 * The order of kinds (templating-facts E3).
 */
#include <limits.h>

#include "templating/render/documents.h"

static const char *const install_order[] = {
    "PriorityClass",
    "Namespace",
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
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
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
    "MutatingWebhookConfiguration", /* these two: Helm 4 only */
    "ValidatingWebhookConfiguration",
};
static const char *const uninstall_order[] = {
    "ValidatingWebhookConfiguration", /* these two: Helm 4 only */
    "MutatingWebhookConfiguration",
    "APIService",
    "Ingress",
    "IngressClass",
    "Service",
    "CronJob",
    "Job",
    "StatefulSet",
    "HorizontalPodAutoscaler",
    "Deployment",
    "ReplicaSet",
    "ReplicationController",
    "Pod",
    "DaemonSet",
    "RoleBindingList",
    "RoleBinding",
    "RoleList",
    "Role",
    "ClusterRoleBindingList",
    "ClusterRoleBinding",
    "ClusterRoleList",
    "ClusterRole",
    "CustomResourceDefinition",
    "PersistentVolumeClaim",
    "PersistentVolume",
    "StorageClass",
    "ConfigMap",
    "SecretList",
    "Secret",
    "ServiceAccount",
    "PodDisruptionBudget",
    "PodSecurityPolicy",
    "LimitRange",
    "ResourceQuota",
    "NetworkPolicy",
    "Namespace",
    "PriorityClass",
};

static int position(hc_str kind, const char *const *order, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (hc_str_eqz(kind, order[i]))
            return (int)i;
    return INT_MAX;
}

int hc_kind_order_install(hc_str kind, bool helm3)
{
    return position(kind, install_order, HC_LEN(install_order) - (helm3 ? 2 : 0));
}

int hc_kind_order_uninstall(hc_str kind, bool helm3)
{
    size_t skip = helm3 ? 2 : 0;
    return position(kind, uninstall_order + skip, HC_LEN(uninstall_order) - skip);
}
