/*
 * Tables: what kubectl prints. One function per kind writes its cells; CRDs say their columns themselves
 * (additionalPrinterColumns); everything else shows name and age.
 */
#include <stdio.h>

#include "core/value/json.h"
#include "helmctl/sandbox/sandbox_impl.h"

struct column {
    const char *name, *type; /* type NULL: string */
    int priority;
};

struct row {
    struct hc_arena *a;
    const struct hc_val *obj;
    struct hc_val *cells;
};

static void cell(struct row *r, hc_str text)
{
    hc_list_add(r->a, r->cells, hc_str_val(r->a, text.n ? text : HC_S("")));
}

static void cell_or(struct row *r, hc_str text, const char *otherwise)
{
    cell(r, text.n ? text : hc_str_of(otherwise));
}

static void number(struct row *r, int64_t n)
{
    hc_list_add(r->a, r->cells, hc_int_val(r->a, n));
}

/* Ages as kubectl writes them (apimachinery util/duration.HumanDuration). */
static hc_str human(struct hc_arena *a, int64_t s)
{
    if (s < 0)
        return HC_S("0s");
    int64_t m = s / 60, h = m / 60, d = h / 24;
    if (s < 120)
        return hc_arena_printf(a, "%" PRId64 "s", s);
    if (m < 10)
        return s % 60 ? hc_arena_printf(a, "%" PRId64 "m%" PRId64 "s", m, s % 60)
                      : hc_arena_printf(a, "%" PRId64 "m", m);
    if (m < 180)
        return hc_arena_printf(a, "%" PRId64 "m", m);
    if (h < 8)
        return m % 60 ? hc_arena_printf(a, "%" PRId64 "h%" PRId64 "m", h, m % 60)
                      : hc_arena_printf(a, "%" PRId64 "h", h);
    if (h < 48)
        return hc_arena_printf(a, "%" PRId64 "h", h);
    if (d < 8)
        return h % 24 ? hc_arena_printf(a, "%" PRId64 "d%" PRId64 "h", d, h % 24)
                      : hc_arena_printf(a, "%" PRId64 "d", d);
    return hc_arena_printf(a, "%" PRId64 "d", d);
}

static hc_str since(struct hc_arena *a, hc_str when)
{
    int64_t ms = when.n ? hc_time_parse_ms(when) : -1;
    return ms < 0 ? HC_S("<unknown>") : human(a, (hc_now_ms() - ms) / 1000);
}

static void age(struct row *r)
{
    cell(r, since(r->a, hc_get_str_at(r->obj, "metadata.creationTimestamp")));
}

static void name(struct row *r)
{
    cell(r, hc_get_str_at(r->obj, "metadata.name"));
}

static void joined(struct row *r, const struct hc_val *list, const char *field, const char *sep, const char *none)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 65536);
    for (size_t i = 0; i < hc_list_len(list); i++) {
        hc_str v = field ? hc_get_str_at(hc_list_at(list, i), field) : hc_get_str(hc_list_at(list, i));
        if (v.n)
            hc_buf_printf(&b, "%s%.*s", b.n ? sep : "", HC_P(v));
    }
    cell_or(r, hc_buf_str(&b), none);
}

static hc_str pairs(struct hc_arena *a, const struct hc_val *map, const char *none)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 65536);
    for (size_t i = 0; i < hc_map_len(map); i++) {
        hc_str v = hc_get_str(hc_map_at(map, i)->val), k = hc_map_at(map, i)->key;
        hc_buf_printf(&b, "%s%.*s=%.*s", i ? "," : "", HC_P(k), HC_P(v));
    }
    return b.n ? hc_buf_to_arena(&b, a) : hc_str_of(none);
}

#define I(path, otherwise) hc_get_int_at(r->obj, path, otherwise)
#define S(path)            hc_get_str_at(r->obj, path)

static void images(struct row *r)
{
    const struct hc_val *cs = hc_get(r->obj, "spec.template.spec.containers");
    joined(r, cs, "name", ",", "");
    joined(r, cs, "image", ",", "");
}

static void selector(struct row *r)
{
    cell(r, pairs(r->a, hc_get(r->obj, "spec.selector.matchLabels"), "<none>"));
}

static const struct column pod_cols[] = { { "Name" },
                                          { "Ready" },
                                          { "Status" },
                                          { "Restarts" },
                                          { "Age" },
                                          { "IP", NULL, 1 },
                                          { "Node", NULL, 1 },
                                          { "Nominated Node", NULL, 1 },
                                          { "Readiness Gates", NULL, 1 } };
static void pod(struct row *r)
{
    const struct hc_val *cs = hc_get(r->obj, "status.containerStatuses");
    size_t ready = 0, all = hc_list_len(hc_get(r->obj, "spec.containers"));
    int64_t restarts = 0;
    hc_str reason = S("status.phase");
    for (size_t i = 0; i < hc_list_len(cs); i++) {
        const struct hc_val *c = hc_list_at(cs, i);
        hc_str waiting = hc_get_str_at(c, "state.waiting.reason"),
               over = hc_get_str_at(c, "state.terminated.reason");
        ready += hc_get_bool_at(c, "ready", false);
        restarts += hc_get_int_at(c, "restartCount", 0);
        reason = waiting.n ? waiting : over.n ? over : reason;
    }
    if (hc_get(r->obj, "metadata.deletionTimestamp"))
        reason = HC_S("Terminating");
    name(r);
    cell(r, hc_arena_printf(r->a, "%zu/%zu", ready, all));
    cell(r, reason);
    cell(r, hc_arena_printf(r->a, "%" PRId64, restarts));
    age(r);
    cell_or(r, S("status.podIP"), "<none>");
    cell_or(r, S("spec.nodeName"), "<none>");
    cell(r, HC_S("<none>"));
    cell(r, HC_S("<none>"));
}

static const struct column deploy_cols[] = { { "Name" },
                                             { "Ready" },
                                             { "Up-to-date" },
                                             { "Available" },
                                             { "Age" },
                                             { "Containers", NULL, 1 },
                                             { "Images", NULL, 1 },
                                             { "Selector", NULL, 1 } };
static void deployment(struct row *r)
{
    name(r);
    cell(r, hc_arena_printf(r->a, "%" PRId64 "/%" PRId64, I("status.readyReplicas", 0), I("spec.replicas", 0)));
    number(r, I("status.updatedReplicas", 0));
    number(r, I("status.availableReplicas", 0));
    age(r);
    images(r);
    selector(r);
}

static const struct column rs_cols[] = { { "Name" },
                                         { "Desired" },
                                         { "Current" },
                                         { "Ready" },
                                         { "Age" },
                                         { "Containers", NULL, 1 },
                                         { "Images", NULL, 1 },
                                         { "Selector", NULL, 1 } };
static void replicaset(struct row *r)
{
    name(r);
    number(r, I("spec.replicas", 0));
    number(r, I("status.replicas", 0));
    number(r, I("status.readyReplicas", 0));
    age(r);
    images(r);
    selector(r);
}

static const struct column sts_cols[] = {
    { "Name" }, { "Ready" }, { "Age" }, { "Containers", NULL, 1 }, { "Images", NULL, 1 }
};
static void statefulset(struct row *r)
{
    name(r);
    cell(r, hc_arena_printf(r->a, "%" PRId64 "/%" PRId64, I("status.readyReplicas", 0), I("spec.replicas", 0)));
    age(r);
    images(r);
}

static const struct column ds_cols[] = { { "Name" },
                                         { "Desired" },
                                         { "Current" },
                                         { "Ready" },
                                         { "Up-to-date" },
                                         { "Available" },
                                         { "Node Selector" },
                                         { "Age" },
                                         { "Containers", NULL, 1 },
                                         { "Images", NULL, 1 },
                                         { "Selector", NULL, 1 } };
static void daemonset(struct row *r)
{
    name(r);
    number(r, I("status.desiredNumberScheduled", 0));
    number(r, I("status.currentNumberScheduled", 0));
    number(r, I("status.numberReady", 0));
    number(r, I("status.updatedNumberScheduled", 0));
    number(r, I("status.numberAvailable", 0));
    cell(r, pairs(r->a, hc_get(r->obj, "spec.template.spec.nodeSelector"), "<none>"));
    age(r);
    images(r);
    selector(r);
}

static const struct column job_cols[] = { { "Name" },
                                          { "Status" },
                                          { "Completions" },
                                          { "Duration" },
                                          { "Age" },
                                          { "Containers", NULL, 1 },
                                          { "Images", NULL, 1 },
                                          { "Selector", NULL, 1 } };
static void job(struct row *r)
{
    const struct hc_val *c = hc_get(r->obj, "status.conditions");
    hc_str status = HC_S("Running");
    for (size_t i = 0; i < hc_list_len(c); i++) {
        hc_str t = hc_get_str_at(hc_list_at(c, i), "type");
        if (hc_str_eqz(t, "Complete") || hc_str_eqz(t, "Failed") || hc_str_eqz(t, "Suspended"))
            status = t;
    }
    name(r);
    cell(r, status);
    cell(r, hc_arena_printf(r->a, "%" PRId64 "/%" PRId64, I("status.succeeded", 0), I("spec.completions", 1)));
    int64_t from = hc_time_parse_ms(S("status.startTime")), to = hc_time_parse_ms(S("status.completionTime"));
    cell(r, from < 0 ? HC_S("") : human(r->a, ((to < 0 ? hc_now_ms() : to) - from) / 1000));
    age(r);
    images(r);
    selector(r);
}

static const struct column cj_cols[] = { { "Name" },   { "Schedule" },      { "Timezone" }, { "Suspend" },
                                         { "Active" }, { "Last Schedule" }, { "Age" } };
static void cronjob(struct row *r)
{
    name(r);
    cell(r, S("spec.schedule"));
    cell_or(r, S("spec.timeZone"), "<none>");
    cell(r, hc_get_bool_at(r->obj, "spec.suspend", false) ? HC_S("True") : HC_S("False"));
    number(r, (int64_t)hc_list_len(hc_get(r->obj, "status.active")));
    hc_str last = S("status.lastScheduleTime");
    cell(r, last.n ? since(r->a, last) : HC_S("<none>"));
    age(r);
}

static const struct column svc_cols[] = { { "Name" },    { "Type" }, { "Cluster-IP" },       { "External-IP" },
                                          { "Port(s)" }, { "Age" },  { "Selector", NULL, 1 } };
static void service(struct row *r)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 65536);
    const struct hc_val *ports = hc_get(r->obj, "spec.ports");
    for (size_t i = 0; i < hc_list_len(ports); i++) {
        const struct hc_val *p = hc_list_at(ports, i);
        int64_t node = hc_get_int_at(p, "nodePort", 0);
        hc_str proto = hc_get_str_at(p, "protocol");
        hc_buf_printf(&b, "%s%" PRId64, i ? "," : "", hc_get_int_at(p, "port", 0));
        if (node)
            hc_buf_printf(&b, ":%" PRId64, node);
        hc_buf_printf(&b, "/%.*s", HC_P(proto));
    }
    name(r);
    cell(r, S("spec.type"));
    cell_or(r, S("spec.clusterIP"), "<none>");
    hc_str type = S("spec.type");
    joined(r, hc_get(r->obj, "status.loadBalancer.ingress"), "ip", ",",
           hc_str_eqz(type, "LoadBalancer") ? "<pending>" : "<none>");
    cell_or(r, hc_buf_str(&b), "<none>");
    age(r);
    cell(r, pairs(r->a, hc_get(r->obj, "spec.selector"), "<none>"));
}

static const struct column ing_cols[] = { { "Name" },    { "Class" }, { "Hosts" },
                                          { "Address" }, { "Ports" }, { "Age" } };
static void ingress(struct row *r)
{
    name(r);
    cell_or(r, S("spec.ingressClassName"), "<none>");
    joined(r, hc_get(r->obj, "spec.rules"), "host", ",", "*");
    joined(r, hc_get(r->obj, "status.loadBalancer.ingress"), "ip", ",", "");
    cell(r, hc_list_len(hc_get(r->obj, "spec.tls")) ? HC_S("80, 443") : HC_S("80"));
    age(r);
}

static const struct column data_cols[] = { { "Name" }, { "Data" }, { "Age" } };
static void configmap(struct row *r)
{
    name(r);
    number(r, (int64_t)(hc_map_len(hc_get(r->obj, "data")) + hc_map_len(hc_get(r->obj, "binaryData"))));
    age(r);
}

static const struct column secret_cols[] = { { "Name" }, { "Type" }, { "Data" }, { "Age" } };
static void secret(struct row *r)
{
    name(r);
    cell(r, S("type"));
    number(r, (int64_t)hc_map_len(hc_get(r->obj, "data")));
    age(r);
}

static const struct column ns_cols[] = { { "Name" }, { "Status" }, { "Age" } };
static void namespace(struct row *r)
{
    name(r);
    cell(r, S("status.phase"));
    age(r);
}

static const struct column node_cols[] = { { "Name" }, { "Status" }, { "Roles" }, { "Age" }, { "Version" } };
static void node(struct row *r)
{
    name(r);
    cell(r, hc_sb_sim_pod_ready(r->obj) ? HC_S("Ready") : HC_S("NotReady"));
    cell(r, HC_S("<none>"));
    age(r);
    cell(r, S("status.nodeInfo.kubeletVersion"));
}

static const struct column pvc_cols[] = { { "Name" },         { "Status" },       { "Volume" }, { "Capacity" },
                                          { "Access Modes" }, { "StorageClass" }, { "Age" } };
static void pvc(struct row *r)
{
    name(r);
    cell_or(r, S("status.phase"), "Pending");
    cell(r, S("spec.volumeName"));
    cell(r, S("status.capacity.storage"));
    joined(r, hc_get(r->obj, "spec.accessModes"), NULL, ",", "");
    cell(r, S("spec.storageClassName"));
    age(r);
}

static const struct column event_cols[] = {
    { "Last Seen" }, { "Type" }, { "Reason" }, { "Object" }, { "Message" }
};
static void event(struct row *r)
{
    hc_str kind = S("involvedObject.kind"), who = S("involvedObject.name"), last = S("lastTimestamp");
    char lower[64];
    size_t n = HC_MIN(kind.n, sizeof(lower) - 1);
    for (size_t i = 0; i < n; i++)
        lower[i] = kind.p[i] >= 'A' && kind.p[i] <= 'Z' ? (char)(kind.p[i] + 32) : kind.p[i];
    lower[n] = '\0';
    cell(r, since(r->a, last.n ? last : S("metadata.creationTimestamp")));
    cell(r, S("type"));
    cell(r, S("reason"));
    cell(r, hc_arena_printf(r->a, "%s/%.*s", lower, HC_P(who)));
    cell(r, S("message"));
}

static const struct column crd_cols[] = { { "Name" }, { "Created At", "date" } };
static void crd(struct row *r)
{
    name(r);
    cell(r, S("metadata.creationTimestamp"));
}

static const struct column sa_cols[] = { { "Name" }, { "Secrets" }, { "Age" } };
static void serviceaccount(struct row *r)
{
    name(r);
    number(r, (int64_t)hc_list_len(hc_get(r->obj, "secrets")));
    age(r);
}

static const struct column hpa_cols[] = { { "Name" },    { "Reference" }, { "Targets" }, { "MinPods" },
                                          { "MaxPods" }, { "Replicas" },  { "Age" } };
static void hpa(struct row *r)
{
    hc_str kind = S("spec.scaleTargetRef.kind"), who = S("spec.scaleTargetRef.name");
    name(r);
    cell(r, hc_arena_printf(r->a, "%.*s/%.*s", HC_P(kind), HC_P(who)));
    cell(r, HC_S("<unknown>"));
    number(r, I("spec.minReplicas", 1));
    number(r, I("spec.maxReplicas", 0));
    number(r, I("status.currentReplicas", 0));
    age(r);
}

static const struct column lease_cols[] = { { "Name" }, { "Holder" }, { "Age" } };
static void lease(struct row *r)
{
    name(r);
    cell(r, S("spec.holderIdentity"));
    age(r);
}

static const struct column binding_cols[] = { { "Name" }, { "Role" }, { "Age" } };
static void binding(struct row *r)
{
    hc_str kind = S("roleRef.kind"), who = S("roleRef.name");
    name(r);
    cell(r, hc_arena_printf(r->a, "%.*s/%.*s", HC_P(kind), HC_P(who)));
    age(r);
}

static const struct column plain_cols[] = { { "Name" }, { "Age" } };
static void plain(struct row *r)
{
    name(r);
    age(r);
}

static const struct kind_table {
    const char *key;
    const struct column *cols;
    size_t n;
    void (*fill)(struct row *r);
} tables[] = {
    { "/pods", pod_cols, HC_LEN(pod_cols), pod },
    { "apps/deployments", deploy_cols, HC_LEN(deploy_cols), deployment },
    { "apps/replicasets", rs_cols, HC_LEN(rs_cols), replicaset },
    { "apps/statefulsets", sts_cols, HC_LEN(sts_cols), statefulset },
    { "apps/daemonsets", ds_cols, HC_LEN(ds_cols), daemonset },
    { "batch/jobs", job_cols, HC_LEN(job_cols), job },
    { "batch/cronjobs", cj_cols, HC_LEN(cj_cols), cronjob },
    { "/services", svc_cols, HC_LEN(svc_cols), service },
    { "networking.k8s.io/ingresses", ing_cols, HC_LEN(ing_cols), ingress },
    { "/configmaps", data_cols, HC_LEN(data_cols), configmap },
    { "/secrets", secret_cols, HC_LEN(secret_cols), secret },
    { "/namespaces", ns_cols, HC_LEN(ns_cols), namespace },
    { "/nodes", node_cols, HC_LEN(node_cols), node },
    { "/persistentvolumeclaims", pvc_cols, HC_LEN(pvc_cols), pvc },
    { "/events", event_cols, HC_LEN(event_cols), event },
    { "/serviceaccounts", sa_cols, HC_LEN(sa_cols), serviceaccount },
    { "apiextensions.k8s.io/customresourcedefinitions", crd_cols, HC_LEN(crd_cols), crd },
    { "autoscaling/horizontalpodautoscalers", hpa_cols, HC_LEN(hpa_cols), hpa },
    { "coordination.k8s.io/leases", lease_cols, HC_LEN(lease_cols), lease },
    { "rbac.authorization.k8s.io/rolebindings", binding_cols, HC_LEN(binding_cols), binding },
    { "rbac.authorization.k8s.io/clusterrolebindings", binding_cols, HC_LEN(binding_cols), binding },
};
static const struct kind_table otherwise = { "", plain_cols, HC_LEN(plain_cols), plain };

static void define(struct hc_arena *a, struct hc_val *defs, const char *col, const char *type, int64_t priority)
{
    struct hc_val *d = hc_map_new(a);
    hc_map_put_strz(a, d, "name", col);
    hc_map_put_strz(a, d, "type", type ? type : "string");
    hc_map_put_strz(a, d, "format", strcmp(col, "Name") == 0 ? "name" : "");
    hc_map_put_strz(a, d, "description", col);
    hc_map_put_int(a, d, "priority", priority);
    hc_list_add(a, defs, d);
}

/* ---- columns of CRDs: a small JSONPath --------------------------------------------------------------------- */

/* .status.conditions[?(@.type=="Ready")].status, .spec.x, .metadata.labels.a\.b, [0] */
static const struct hc_val *json_path(const struct hc_val *v, hc_str p)
{
    size_t i = 0;
    while (v && i < p.n) {
        if (p.p[i] == '.') {
            char key[256];
            size_t n = 0;
            for (i++; i < p.n && p.p[i] != '.' && p.p[i] != '['; i++) {
                if (p.p[i] == '\\' && i + 1 < p.n)
                    i++;
                if (n < sizeof(key))
                    key[n++] = p.p[i];
            }
            if (n)
                v = hc_map_get(v, hc_str_n(key, n));
            continue;
        }
        if (p.p[i] != '[')
            return NULL;
        size_t end = i;
        while (end < p.n && p.p[end] != ']')
            end++;
        hc_str in = hc_str_sub(p, i + 1, end);
        i = end + 1;
        int64_t at;
        if (hc_str_to_i64(in, &at)) {
            v = at < 0 ? NULL : hc_list_at(v, (size_t)at);
        } else if (hc_str_starts(in, HC_S("?(@."))) {
            size_t eq = hc_str_find_str(in, HC_S("=="));
            if (eq == SIZE_MAX)
                return NULL;
            hc_str field = hc_str_trim(hc_str_sub(in, 4, eq)), want = hc_str_trim(hc_str_sub(in, eq + 2, in.n));
            const struct hc_val *found = NULL;
            while (want.n && (want.p[want.n - 1] == ')' || want.p[want.n - 1] == '"' || want.p[want.n - 1] == '\''))
                want.n--;
            if (want.n && (want.p[0] == '"' || want.p[0] == '\''))
                want = hc_str_sub(want, 1, want.n);
            for (size_t j = 0; !found && j < hc_list_len(v); j++)
                if (hc_str_eq(hc_get_str(hc_map_get(hc_list_at(v, j), field)), want))
                    found = hc_list_at(v, j);
            v = found;
        } else {
            return NULL;
        }
    }
    return v;
}

static void custom_cell(struct row *r, const struct hc_val *col)
{
    hc_str path = hc_get_str_at(col, "jsonPath"), type = hc_get_str_at(col, "type");
    const struct hc_val *v = json_path(r->obj, path);
    if (hc_is_null(v)) {
        hc_list_add(r->a, r->cells, hc_null_val(r->a));
    } else if (hc_str_eqz(type, "date")) {
        cell(r, since(r->a, hc_get_str(v)));
    } else if (hc_is_map(v) || hc_is_list(v)) {
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 65536);
        hc_json_write(&b, v, 0);
        cell(r, hc_buf_str(&b));
    } else {
        hc_list_add(r->a, r->cells, hc_val_copy(r->a, v));
    }
}

struct hc_val *hc_sb_partial(struct hc_arena *a, const struct hc_val *obj)
{
    struct hc_val *out = hc_map_new(a), *meta = hc_map_getz(obj, "metadata");
    hc_map_put_strz(a, out, "kind", "PartialObjectMetadata");
    hc_map_put_strz(a, out, "apiVersion", "meta.k8s.io/v1");
    hc_map_put(a, out, HC_S("metadata"), meta ? meta : hc_map_new(a));
    return out;
}

struct hc_val *hc_sb_table(struct hc_arena *a, const struct hc_sb_kind *k, const struct hc_val *items,
                           const struct hc_val *list_meta, hc_str include)
{
    struct hc_val *t = hc_map_new(a), *defs = hc_list_new(a), *rows = hc_list_new(a);
    const struct kind_table *kt = &otherwise;
    const struct hc_val *custom = k->crd_version ? hc_map_getz(k->crd_version, "additionalPrinterColumns") : NULL;
    bool by_crd = hc_list_len(custom) > 0;
    for (size_t i = 0; i < HC_LEN(tables); i++)
        if (hc_str_eqz(k->key, tables[i].key))
            kt = &tables[i];
    hc_map_put_strz(a, t, "kind", "Table");
    hc_map_put_strz(a, t, "apiVersion", "meta.k8s.io/v1");
    hc_map_put(a, t, HC_S("metadata"), hc_val_copy(a, list_meta));
    if (by_crd) {
        define(a, defs, "Name", NULL, 0);
        for (size_t i = 0; i < hc_list_len(custom); i++) {
            const struct hc_val *c = hc_list_at(custom, i);
            hc_str type = hc_get_str_at(c, "type");
            /* Dates are sent as text that is an age already. */
            define(a, defs, hc_arena_strz(a, hc_get_str_at(c, "name")),
                   hc_str_eqz(type, "date") ? "string" : hc_arena_strz(a, type), hc_get_int_at(c, "priority", 0));
        }
    } else {
        for (size_t i = 0; i < kt->n; i++)
            define(a, defs, kt->cols[i].name, kt->cols[i].type, kt->cols[i].priority);
    }
    for (size_t i = 0; i < hc_list_len(items); i++) {
        struct hc_val *obj = hc_list_at(items, i), *row = hc_map_new(a);
        struct row r = { a, obj, hc_list_new(a) };
        if (by_crd) {
            name(&r);
            for (size_t c = 0; c < hc_list_len(custom); c++)
                custom_cell(&r, hc_list_at(custom, c));
        } else {
            kt->fill(&r);
        }
        hc_map_put(a, row, HC_S("cells"), r.cells);
        if (hc_str_eqz(include, "Object"))
            hc_map_put(a, row, HC_S("object"), obj);
        else if (!hc_str_eqz(include, "None"))
            hc_map_put(a, row, HC_S("object"), hc_sb_partial(a, obj));
        hc_list_add(a, rows, row);
    }
    hc_map_put(a, t, HC_S("columnDefinitions"), defs);
    hc_map_put(a, t, HC_S("rows"), rows);
    return t;
}
