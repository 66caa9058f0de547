/*
 * Kinds whose simulation is one look: claims are bound, load balancers get an address, CRDs are established.
 * The behavior "hang" on the object itself keeps it as it is.
 */
#include "helmctl/sandbox/sandbox_impl.h"

static struct hc_val *status_of(struct hc_arena *a, const struct hc_val *obj)
{
    struct hc_val *st = hc_val_copy(a, hc_map_getz(obj, "status"));
    return hc_is_map(st) ? st : hc_map_new(a);
}

static void pvc(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *obj)
{
    static const struct hc_sb_how internal = { .manager = { "sandbox", 7 }, .internal = true };
    struct hc_val *st = status_of(a, obj), *next = hc_val_copy(a, obj), *out;
    if (hc_str_eqz(hc_get_str_at(st, "phase"), "Bound"))
        return;
    if (!hc_get_str_at(obj, "spec.volumeName").n) {
        hc_str uid = hc_get_str_at(obj, "metadata.uid");
        hc_map_put_str(a, hc_map_sub(a, next, "spec"), "volumeName", hc_arena_printf(a, "pvc-%.*s", HC_P(uid)));
    }
    hc_map_put_strz(a, st, "phase", "Bound");
    if (hc_get(obj, "spec.accessModes"))
        hc_map_put(a, st, HC_S("accessModes"), hc_get(obj, "spec.accessModes"));
    if (hc_get(obj, "spec.resources.requests"))
        hc_map_put(a, st, HC_S("capacity"), hc_get(obj, "spec.resources.requests"));
    hc_map_put(a, next, HC_S("status"), st);
    (void)!hc_sb_update(s, a, hc_sb_kind_builtin(s, "/persistentvolumeclaims"), obj, next, &internal, &out);
}

static void address(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *obj)
{
    struct hc_val *st = status_of(a, obj), *list = hc_list_new(a), *one = hc_map_new(a);
    struct hc_val *lb = hc_map_sub(a, st, "loadBalancer");
    if (hc_list_len(hc_map_getz(lb, "ingress")))
        return;
    hc_map_put_str(a, one, "ip", hc_arena_printf(a, "192.0.2.%u", ++s->next_ip % 254u + 1u));
    if (hc_str_eqz(hc_get_str_at(obj, "kind"), "Service"))
        hc_map_put_strz(a, one, "ipMode", "VIP");
    hc_list_add(a, list, one);
    hc_map_put(a, lb, HC_S("ingress"), list);
    hc_sb_sim_status(s, a, obj, st);
}

static void hpa(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *obj)
{
    struct hc_val *st = status_of(a, obj);
    const struct hc_sb_kind *k = hc_sb_kind_of_gvk(s, hc_get_str_at(obj, "spec.scaleTargetRef.apiVersion"),
                                                   hc_get_str_at(obj, "spec.scaleTargetRef.kind"));
    const struct hc_val *target = k ? hc_sb_get(s, a, k, hc_get_str_at(obj, "metadata.namespace"),
                                                hc_get_str_at(obj, "spec.scaleTargetRef.name"))
                                    : NULL;
    int64_t now = hc_get_int_at(target, "spec.replicas", 0);
    hc_map_put_int(a, st, "currentReplicas", now);
    hc_map_put_int(a, st, "desiredReplicas", now);
    hc_map_put(a, st, HC_S("currentMetrics"), hc_null_val(a));
    hc_sb_condition(a, st, "AbleToScale", target != NULL, target ? "ReadyForNewScale" : "FailedGetScale",
                    target ? HC_S("recommended size matches current size")
                           : HC_S("the HPA controller was unable to get "
                                  "the target's current scale"));
    hc_sb_condition(a, st, "ScalingActive", target != NULL, target ? "ValidMetricFound" : "FailedGetScale",
                    HC_S("the sandbox has no metrics: it keeps the size"));
    hc_sb_sim_status(s, a, obj, st);
}

static void pdb(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *obj)
{
    struct hc_val *st = status_of(a, obj);
    static const char *const zero[] = { "currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods" };
    for (size_t i = 0; i < HC_LEN(zero); i++)
        if (!hc_map_getz(st, zero[i]))
            hc_map_put_int(a, st, zero[i], 0);
    hc_map_put_int(a, st, "observedGeneration", hc_get_int_at(obj, "metadata.generation", 1));
    hc_sb_condition(a, st, "DisruptionAllowed", true, "SufficientPods", HC_S(""));
    hc_sb_sim_status(s, a, obj, st);
}

void hc_sb_sim_small(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k, struct hc_val *obj)
{
    hc_str key = k->key;
    if (hc_str_eqz(hc_sb_annotation(obj, "sandbox.helmctl.dev/behavior"), "hang"))
        return;
    if (hc_str_eqz(key, "/namespaces")) {
        hc_sb_namespace_furnish(s, a, hc_get_str_at(obj, "metadata.name"));
    } else if (hc_str_eqz(key, "/persistentvolumeclaims")) {
        pvc(s, a, obj);
    } else if ((hc_str_eqz(key, "/services") && hc_str_eqz(hc_get_str_at(obj, "spec.type"), "LoadBalancer")) ||
               hc_str_eqz(key, "networking.k8s.io/ingresses")) {
        address(s, a, obj);
    } else if (hc_str_eqz(key, "autoscaling/horizontalpodautoscalers")) {
        hpa(s, a, obj);
    } else if (hc_str_eqz(key, "policy/poddisruptionbudgets")) {
        pdb(s, a, obj);
    } else if (hc_str_eqz(key, "apiregistration.k8s.io/apiservices")) {
        struct hc_val *st = status_of(a, obj);
        hc_sb_condition(a, st, "Available", true, "Passed", HC_S("all checks passed"));
        hc_sb_sim_status(s, a, obj, st);
    } else if (hc_str_eqz(key, "apiextensions.k8s.io/customresourcedefinitions")) {
        struct hc_val *st = status_of(a, obj), *next = hc_sb_shallow(a, obj);
        hc_map_put(a, next, HC_S("status"), st);
        hc_sb_crd_status(a, next);
        hc_sb_sim_status(s, a, obj, hc_map_getz(next, "status"));
    }
}
