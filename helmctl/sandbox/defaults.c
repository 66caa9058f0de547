/*
 * Defaults of built-in kinds, where clients see or depend on them (k8s.io/kubernetes pkg/apis/.../defaults.go).
 */
#include "core/base/digest.h"
#include "helmctl/sandbox/sandbox_impl.h"

static void def_str(struct hc_arena *a, struct hc_val *m, const char *key, const char *v)
{
    if (m && hc_is_null(hc_map_getz(m, key)))
        hc_map_put_strz(a, m, key, v);
}

static void def_int(struct hc_arena *a, struct hc_val *m, const char *key, int64_t v)
{
    if (m && hc_is_null(hc_map_getz(m, key)))
        hc_map_put_int(a, m, key, v);
}

static void def_bool(struct hc_arena *a, struct hc_val *m, const char *key, bool v)
{
    if (m && hc_is_null(hc_map_getz(m, key)))
        hc_map_put_bool(a, m, key, v);
}

static void each(struct hc_arena *a, struct hc_val *list, void (*fn)(struct hc_arena *a, struct hc_val *item))
{
    for (size_t i = 0; i < hc_list_len(list); i++)
        if (hc_is_map(hc_list_at(list, i)))
            fn(a, hc_list_at(list, i));
}

static void probe(struct hc_arena *a, struct hc_val *p)
{
    struct hc_val *get = hc_map_getz(p, "httpGet");
    if (!hc_is_map(p))
        return;
    def_int(a, p, "timeoutSeconds", 1);
    def_int(a, p, "periodSeconds", 10);
    def_int(a, p, "successThreshold", 1);
    def_int(a, p, "failureThreshold", 3);
    if (hc_is_map(get)) {
        def_str(a, get, "path", "/");
        def_str(a, get, "scheme", "HTTP");
    }
}

static void port(struct hc_arena *a, struct hc_val *p)
{
    def_str(a, p, "protocol", "TCP");
}

static void env(struct hc_arena *a, struct hc_val *e)
{
    struct hc_val *ref = hc_get(e, "valueFrom.fieldRef");
    if (hc_is_map(ref))
        def_str(a, ref, "apiVersion", "v1");
}

static void container(struct hc_arena *a, struct hc_val *c)
{
    static const char *const probes[] = { "livenessProbe", "readinessProbe", "startupProbe" };
    hc_str image = hc_get_str_at(c, "image");
    size_t slash = hc_str_rfind(image, '/'), colon = hc_str_rfind(image, ':');
    bool latest = hc_str_ends(image, HC_S(":latest")) || colon == SIZE_MAX || (slash != SIZE_MAX && colon < slash);
    def_str(a, c, "terminationMessagePath", "/dev/termination-log");
    def_str(a, c, "terminationMessagePolicy", "File");
    def_str(a, c, "imagePullPolicy", latest ? "Always" : "IfNotPresent");
    if (!hc_map_getz(c, "resources"))
        hc_map_put(a, c, HC_S("resources"), hc_map_new(a));
    each(a, hc_map_getz(c, "ports"), port);
    each(a, hc_map_getz(c, "env"), env);
    for (size_t i = 0; i < HC_LEN(probes); i++)
        probe(a, hc_map_getz(c, probes[i]));
}

static void volume(struct hc_arena *a, struct hc_val *v)
{
    static const char *const kinds[] = { "secret", "configMap", "projected", "downwardAPI" };
    for (size_t i = 0; i < HC_LEN(kinds); i++)
        if (hc_is_map(hc_map_getz(v, kinds[i])))
            def_int(a, hc_map_getz(v, kinds[i]), "defaultMode", 420);
    if (hc_is_map(hc_map_getz(v, "hostPath")))
        def_str(a, hc_map_getz(v, "hostPath"), "type", "");
}

void hc_sb_default_pod_spec(struct hc_arena *a, struct hc_val *spec)
{
    if (!hc_is_map(spec))
        return;
    def_str(a, spec, "restartPolicy", "Always");
    def_str(a, spec, "dnsPolicy", "ClusterFirst");
    def_str(a, spec, "schedulerName", "default-scheduler");
    def_int(a, spec, "terminationGracePeriodSeconds", 30);
    if (!hc_map_getz(spec, "securityContext"))
        hc_map_put(a, spec, HC_S("securityContext"), hc_map_new(a));
    if (hc_map_getz(spec, "serviceAccountName"))
        def_str(a, spec, "serviceAccount", hc_arena_strz(a, hc_get_str_at(spec, "serviceAccountName")));
    each(a, hc_map_getz(spec, "containers"), container);
    each(a, hc_map_getz(spec, "initContainers"), container);
    each(a, hc_map_getz(spec, "volumes"), volume);
}

static void deployment(struct hc_arena *a, struct hc_val *spec)
{
    struct hc_val *strategy = hc_map_sub(a, spec, "strategy");
    def_int(a, spec, "replicas", 1);
    def_int(a, spec, "revisionHistoryLimit", 10);
    def_int(a, spec, "progressDeadlineSeconds", 600);
    def_str(a, strategy, "type", "RollingUpdate");
    if (hc_str_eqz(hc_get_str_at(strategy, "type"), "RollingUpdate")) {
        struct hc_val *ru = hc_map_sub(a, strategy, "rollingUpdate");
        def_str(a, ru, "maxUnavailable", "25%");
        def_str(a, ru, "maxSurge", "25%");
    }
    hc_sb_default_pod_spec(a, hc_get(spec, "template.spec"));
}

static void claim(struct hc_arena *a, struct hc_val *c)
{
    struct hc_val *spec = hc_map_getz(c, "spec");
    def_str(a, c, "apiVersion", "v1");
    def_str(a, c, "kind", "PersistentVolumeClaim");
    def_str(a, hc_map_sub(a, c, "status"), "phase", "Pending");
    if (hc_is_map(spec))
        def_str(a, spec, "volumeMode", "Filesystem");
}

static void statefulset(struct hc_arena *a, struct hc_val *spec)
{
    struct hc_val *us = hc_map_sub(a, spec, "updateStrategy");
    def_int(a, spec, "replicas", 1);
    def_int(a, spec, "revisionHistoryLimit", 10);
    def_str(a, spec, "podManagementPolicy", "OrderedReady");
    if (!hc_get_str_at(us, "type").n) {
        def_str(a, us, "type", "RollingUpdate");
        def_int(a, hc_map_sub(a, us, "rollingUpdate"), "partition", 0);
    }
    struct hc_val *keep = hc_map_sub(a, spec, "persistentVolumeClaimRetentionPolicy");
    def_str(a, keep, "whenDeleted", "Retain");
    def_str(a, keep, "whenScaled", "Retain");
    each(a, hc_map_getz(spec, "volumeClaimTemplates"), claim);
    hc_sb_default_pod_spec(a, hc_get(spec, "template.spec"));
}

static void daemonset(struct hc_arena *a, struct hc_val *spec)
{
    struct hc_val *us = hc_map_sub(a, spec, "updateStrategy");
    def_int(a, spec, "revisionHistoryLimit", 10);
    def_str(a, us, "type", "RollingUpdate");
    if (hc_str_eqz(hc_get_str_at(us, "type"), "RollingUpdate")) {
        def_int(a, hc_map_sub(a, us, "rollingUpdate"), "maxSurge", 0);
        def_int(a, hc_map_sub(a, us, "rollingUpdate"), "maxUnavailable", 1);
    }
    hc_sb_default_pod_spec(a, hc_get(spec, "template.spec"));
}

static void job_spec(struct hc_arena *a, struct hc_val *spec)
{
    def_int(a, spec, "completions", 1);
    def_int(a, spec, "parallelism", 1);
    def_int(a, spec, "backoffLimit", 6);
    def_str(a, spec, "completionMode", "NonIndexed");
    def_bool(a, spec, "suspend", false);
    def_bool(a, spec, "manualSelector", false);
    def_str(a, spec, "podReplacementPolicy", "TerminatingOrFailed");
    hc_sb_default_pod_spec(a, hc_get(spec, "template.spec"));
}

static void job(struct hc_arena *a, struct hc_val *obj, struct hc_val *spec)
{
    hc_str uid = hc_get_str_at(obj, "metadata.uid"), name = hc_get_str_at(obj, "metadata.name");
    job_spec(a, spec);
    if (hc_get_bool_at(spec, "manualSelector", false) || hc_map_getz(spec, "selector"))
        return;
    struct hc_val *match = hc_map_sub(a, hc_map_sub(a, spec, "selector"), "matchLabels");
    struct hc_val *labels = hc_map_sub(a, hc_map_sub(a, hc_map_sub(a, spec, "template"), "metadata"), "labels");
    hc_map_put_str(a, match, "batch.kubernetes.io/controller-uid", uid);
    hc_map_put_str(a, labels, "batch.kubernetes.io/controller-uid", uid);
    hc_map_put_str(a, labels, "batch.kubernetes.io/job-name", name);
    hc_map_put_str(a, labels, "controller-uid", uid);
    hc_map_put_str(a, labels, "job-name", name);
}

static void cronjob(struct hc_arena *a, struct hc_val *spec)
{
    def_str(a, spec, "concurrencyPolicy", "Allow");
    def_bool(a, spec, "suspend", false);
    def_int(a, spec, "successfulJobsHistoryLimit", 3);
    def_int(a, spec, "failedJobsHistoryLimit", 1);
    hc_sb_default_pod_spec(a, hc_get(spec, "jobTemplate.spec.template.spec"));
}

static hc_str next_ip(struct hc_sandbox *s, struct hc_arena *a, const char *net)
{
    uint32_t n = ++s->next_ip;
    return hc_arena_printf(a, "%s.%u.%u", net, (n >> 8) & 255u, HC_MAX(n & 255u, 1u));
}

static struct hc_val *one_str(struct hc_arena *a, hc_str v)
{
    struct hc_val *list = hc_list_new(a);
    hc_list_add(a, list, hc_str_val(a, v));
    return list;
}

static void service(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *spec, const struct hc_val *old)
{
    def_str(a, spec, "type", "ClusterIP");
    def_str(a, spec, "sessionAffinity", "None");
    hc_str type = hc_get_str_at(spec, "type");
    bool external = hc_str_eqz(type, "ExternalName"), lb = hc_str_eqz(type, "LoadBalancer");
    struct hc_val *ports = hc_map_getz(spec, "ports");
    for (size_t i = 0; i < hc_list_len(ports); i++) {
        struct hc_val *p = hc_list_at(ports, i);
        if (!hc_is_map(p))
            continue;
        def_str(a, p, "protocol", "TCP");
        if (hc_is_null(hc_map_getz(p, "targetPort")) && hc_map_getz(p, "port"))
            hc_map_put(a, p, HC_S("targetPort"), hc_map_getz(p, "port"));
        const struct hc_val *was = hc_list_at(hc_get(old, "spec.ports"), i);
        if ((lb || hc_str_eqz(type, "NodePort")) && !hc_map_getz(p, "nodePort"))
            hc_map_put_int(a, p, "nodePort", hc_get_int_at(was, "nodePort", 30000 + (++s->next_ip % 2767)));
    }
    if (external)
        return;
    if (!hc_map_getz(spec, "clusterIP") || !hc_get_str_at(spec, "clusterIP").n) {
        hc_str was = hc_get_str_at(old, "spec.clusterIP");
        hc_map_put_str(a, spec, "clusterIP", was.n ? was : next_ip(s, a, "10.96"));
    }
    if (!hc_map_getz(spec, "clusterIPs"))
        hc_map_put(a, spec, HC_S("clusterIPs"), one_str(a, hc_get_str_at(spec, "clusterIP")));
    if (!hc_map_getz(spec, "ipFamilies"))
        hc_map_put(a, spec, HC_S("ipFamilies"), one_str(a, HC_S("IPv4")));
    def_str(a, spec, "ipFamilyPolicy", "SingleStack");
    def_str(a, spec, "internalTrafficPolicy", "Cluster");
    if (lb || hc_str_eqz(type, "NodePort"))
        def_str(a, spec, "externalTrafficPolicy", "Cluster");
    if (lb)
        def_bool(a, spec, "allocateLoadBalancerNodePorts", true);
}

static void secret(struct hc_arena *a, struct hc_val *obj)
{
    struct hc_val *plain = hc_map_getz(obj, "stringData");
    def_str(a, obj, "type", "Opaque");
    if (!hc_is_map(plain))
        return;
    struct hc_val *data = hc_map_sub(a, obj, "data");
    for (size_t i = 0; i < hc_map_len(plain); i++)
        hc_map_put(a, data, hc_map_at(plain, i)->key,
                   hc_str_val(a, hc_base64(a, hc_get_str(hc_map_at(plain, i)->val))));
    hc_map_del(obj, HC_S("stringData"));
}

static void subjects(struct hc_arena *a, struct hc_val *obj)
{
    struct hc_val *list = hc_map_getz(obj, "subjects"), *ref = hc_map_getz(obj, "roleRef");
    for (size_t i = 0; i < hc_list_len(list); i++) {
        struct hc_val *x = hc_list_at(list, i);
        hc_str kind = hc_get_str_at(x, "kind");
        if (hc_str_eqz(kind, "User") || hc_str_eqz(kind, "Group"))
            def_str(a, x, "apiGroup", "rbac.authorization.k8s.io");
    }
    if (hc_is_map(ref))
        def_str(a, ref, "apiGroup", "rbac.authorization.k8s.io");
}

static void webhook(struct hc_arena *a, struct hc_val *w)
{
    struct hc_val *svc = hc_get(w, "clientConfig.service");
    def_str(a, w, "failurePolicy", "Fail");
    def_str(a, w, "matchPolicy", "Equivalent");
    def_int(a, w, "timeoutSeconds", 10);
    if (!hc_map_getz(w, "namespaceSelector"))
        hc_map_put(a, w, HC_S("namespaceSelector"), hc_map_new(a));
    if (!hc_map_getz(w, "objectSelector"))
        hc_map_put(a, w, HC_S("objectSelector"), hc_map_new(a));
    if (hc_is_map(svc))
        def_int(a, svc, "port", 443);
    struct hc_val *rules = hc_map_getz(w, "rules");
    for (size_t i = 0; i < hc_list_len(rules); i++)
        def_str(a, hc_list_at(rules, i), "scope", "*");
}

static void mutating(struct hc_arena *a, struct hc_val *w)
{
    webhook(a, w);
    def_str(a, w, "reinvocationPolicy", "Never");
}

static void policy_rule(struct hc_arena *a, struct hc_val *rule)
{
    each(a, hc_map_getz(rule, "ports"), port);
}

static void networkpolicy(struct hc_arena *a, struct hc_val *spec)
{
    each(a, hc_map_getz(spec, "ingress"), policy_rule);
    each(a, hc_map_getz(spec, "egress"), policy_rule);
    if (hc_map_getz(spec, "policyTypes"))
        return;
    struct hc_val *types = one_str(a, HC_S("Ingress"));
    if (hc_list_len(hc_map_getz(spec, "egress")))
        hc_list_add(a, types, hc_strz_val(a, "Egress"));
    hc_map_put(a, spec, HC_S("policyTypes"), types);
}

static void namespace(struct hc_arena *a, struct hc_val *obj)
{
    struct hc_val *labels = hc_map_sub(a, hc_map_sub(a, obj, "metadata"), "labels"),
                  *spec = hc_map_sub(a, obj, "spec");
    hc_map_put_str(a, labels, "kubernetes.io/metadata.name", hc_get_str_at(obj, "metadata.name"));
    if (!hc_map_getz(spec, "finalizers"))
        hc_map_put(a, spec, HC_S("finalizers"), one_str(a, HC_S("kubernetes")));
    def_str(a, hc_map_sub(a, obj, "status"), "phase", "Active");
}

static struct hc_val *cpu_metric(struct hc_arena *a)
{
    struct hc_val *list = hc_list_new(a), *m = hc_map_new(a), *res = hc_map_sub(a, m, "resource");
    hc_map_put_strz(a, res, "name", "cpu");
    struct hc_val *target = hc_map_sub(a, res, "target");
    hc_map_put_int(a, target, "averageUtilization", 80);
    hc_map_put_strz(a, target, "type", "Utilization");
    hc_map_put_strz(a, m, "type", "Resource");
    hc_list_add(a, list, m);
    return list;
}

void hc_sb_defaults(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k, struct hc_val *obj,
                    const struct hc_val *old)
{
    struct hc_val *spec = hc_map_getz(obj, "spec");
    hc_str key = k->key;
    if (!hc_is_map(spec))
        spec = NULL;
    if (hc_str_eqz(key, "apps/deployments") && spec) {
        deployment(a, spec);
    } else if (hc_str_eqz(key, "apps/statefulsets") && spec) {
        statefulset(a, spec);
    } else if (hc_str_eqz(key, "apps/daemonsets") && spec) {
        daemonset(a, spec);
    } else if (hc_str_eqz(key, "apps/replicasets") && spec) {
        def_int(a, spec, "replicas", 1);
        hc_sb_default_pod_spec(a, hc_get(spec, "template.spec"));
    } else if (hc_str_eqz(key, "batch/jobs") && spec) {
        job(a, obj, spec);
    } else if (hc_str_eqz(key, "batch/cronjobs") && spec) {
        cronjob(a, spec);
    } else if (hc_str_eqz(key, "/pods") && spec) {
        hc_sb_default_pod_spec(a, spec);
        def_bool(a, spec, "enableServiceLinks", true);
        def_int(a, spec, "priority", 0);
        def_str(a, spec, "serviceAccountName", "default");
        def_str(a, hc_map_sub(a, obj, "status"), "phase", "Pending");
        def_str(a, spec, "preemptionPolicy", "PreemptLowerPriority");
    } else if (hc_str_eqz(key, "/services") && spec) {
        service(s, a, spec, old);
    } else if (hc_str_eqz(key, "/secrets")) {
        secret(a, obj);
    } else if (hc_str_eqz(key, "/namespaces")) {
        namespace(a, obj);
    } else if (hc_str_eqz(key, "/persistentvolumeclaims") && spec) {
        def_str(a, spec, "volumeMode", "Filesystem");
        def_str(a, spec, "storageClassName", "standard");
    } else if (hc_str_eqz(key, "/persistentvolumes") && spec) {
        def_str(a, spec, "volumeMode", "Filesystem");
        def_str(a, spec, "persistentVolumeReclaimPolicy", "Retain");
    } else if (hc_str_eqz(key, "autoscaling/horizontalpodautoscalers") && spec) {
        def_int(a, spec, "minReplicas", 1);
        if (hc_str_eqz(k->version, "v2") && !hc_list_len(hc_map_getz(spec, "metrics")))
            hc_map_put(a, spec, HC_S("metrics"), cpu_metric(a));
    } else if (hc_str_eqz(key, "networking.k8s.io/networkpolicies") && spec) {
        networkpolicy(a, spec);
    } else if (hc_str_ends(key, HC_S("rolebindings"))) {
        subjects(a, obj);
    } else if (hc_str_ends(key, HC_S("/validatingwebhookconfigurations"))) {
        each(a, hc_map_getz(obj, "webhooks"), webhook);
    } else if (hc_str_ends(key, HC_S("/mutatingwebhookconfigurations"))) {
        each(a, hc_map_getz(obj, "webhooks"), mutating);
    } else if (hc_str_eqz(key, "storage.k8s.io/storageclasses")) {
        def_str(a, obj, "reclaimPolicy", "Delete");
        def_str(a, obj, "volumeBindingMode", "Immediate");
    } else if (hc_str_eqz(key, "scheduling.k8s.io/priorityclasses")) {
        def_str(a, obj, "preemptionPolicy", "PreemptLowerPriority");
    } else if (hc_str_eqz(key, "apiextensions.k8s.io/customresourcedefinitions") && spec) {
        hc_sb_crd_defaults(a, obj);
    }
}
