/*
 * Deployments and their ReplicaSets. A rollout goes the real way (pkg/controller/deployment): a new ReplicaSet
 * grows within maxSurge while old ones shrink within maxUnavailable, pod by ready pod.
 */
#include "helmctl/sandbox/sandbox_impl.h"

static const struct hc_sb_how internal = { .manager = { "sandbox", 7 }, .internal = true };

#define REVISION "deployment.kubernetes.io/revision"

static int64_t percent_of(const struct hc_val *v, int64_t of, bool up, int64_t otherwise)
{
    int64_t n;
    hc_str s = hc_get_str(v);
    if (hc_get_i64(v, &n))
        return n;
    if (s.n > 1 && s.p[s.n - 1] == '%' && hc_str_to_i64(hc_str_sub(s, 0, s.n - 1), &n))
        return up ? (of * n + 99) / 100 : of * n / 100;
    return otherwise;
}

/* ---- ReplicaSets ------------------------------------------------------------------------------------------- */

void hc_sb_sim_replicaset(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *rs)
{
    hc_str ns = hc_get_str_at(rs, "metadata.namespace"), uid = hc_get_str_at(rs, "metadata.uid");
    struct hc_val **pods;
    size_t n = hc_sb_sim_owned(s, a, "/pods", ns, uid, &pods), ready = 0;
    int64_t want = hc_get_int_at(rs, "spec.replicas", 1), have = (int64_t)n;
    for (int64_t i = have; i < want; i++)
        if (hc_sb_sim_new_pod(s, a, rs, HC_S(""), hc_get(rs, "spec.template"), NULL, HC_S("")))
            n++;
    /* Those not ready go first. */
    for (int round = 0; round < 2 && have > want; round++) {
        for (size_t i = n; i > 0 && have > want; i--) {
            if (!pods[i - 1] || (round == 0 && hc_sb_sim_pod_ready(pods[i - 1])))
                continue;
            hc_str name = hc_get_str_at(pods[i - 1], "metadata.name");
            hc_sb_sim_event(s, a, rs, "Normal", "SuccessfulDelete", "replicaset-controller",
                            hc_arena_printf(a, "Deleted pod: %.*s", HC_P(name)));
            hc_sb_sim_delete(s, a, pods[i - 1]);
            pods[i - 1] = NULL;
            have--;
        }
    }
    size_t alive = 0;
    n = hc_sb_sim_owned(s, a, "/pods", ns, uid, &pods);
    for (size_t i = 0; i < n; i++) {
        alive++;
        ready += hc_sb_sim_pod_ready(pods[i]);
    }
    struct hc_val *st = hc_map_new(a);
    hc_map_put_int(a, st, "replicas", (int64_t)alive);
    if (alive)
        hc_map_put_int(a, st, "fullyLabeledReplicas", (int64_t)alive);
    if (ready) {
        hc_map_put_int(a, st, "readyReplicas", (int64_t)ready);
        hc_map_put_int(a, st, "availableReplicas", (int64_t)ready);
    }
    hc_map_put_int(a, st, "observedGeneration", hc_get_int_at(rs, "metadata.generation", 1));
    hc_sb_sim_status(s, a, rs, st);
}

static void scale(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *d, struct hc_val *rs, int64_t to)
{
    struct hc_val *next = hc_val_copy(a, rs), *out;
    int64_t was = hc_get_int_at(rs, "spec.replicas", 0);
    if (was == to)
        return;
    hc_map_put_int(a, hc_map_sub(a, next, "spec"), "replicas", to);
    if (hc_sb_update(s, a, hc_sb_kind_builtin(s, "apps/replicasets"), rs, next, &internal, &out))
        return;
    *rs = *out;
    hc_str name = hc_get_str_at(rs, "metadata.name");
    hc_sb_sim_event(s, a, d, "Normal", "ScalingReplicaSet", "deployment-controller",
                    hc_arena_printf(a, "Scaled %s replica set %.*s from %" PRId64 " to %" PRId64,
                                    to > was ? "up" : "down", HC_P(name), was, to));
}

static int64_t revision_of(const struct hc_val *obj)
{
    int64_t n = 0;
    return hc_str_to_i64(hc_sb_annotation(obj, REVISION), &n) ? n : 0;
}

static struct hc_val *new_replicaset(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *d, hc_str hash,
                                     int64_t revision)
{
    struct hc_val *rs = hc_map_new(a), *meta = hc_map_sub(a, rs, "metadata"), *spec = hc_map_sub(a, rs, "spec"),
                  *out = NULL;
    struct hc_val *tmpl = hc_val_copy(a, hc_get(d, "spec.template")), *refs = hc_list_new(a);
    struct hc_val *labels = hc_map_sub(a, hc_map_sub(a, tmpl, "metadata"), "labels");
    struct hc_val *sel = hc_val_copy(a, hc_get(d, "spec.selector"));
    hc_str name = hc_get_str_at(d, "metadata.name");
    hc_map_put_str(a, labels, "pod-template-hash", hash);
    hc_map_put_str(a, hc_map_sub(a, sel, "matchLabels"), "pod-template-hash", hash);
    hc_map_put_str(a, meta, "name", hc_arena_printf(a, "%.*s-%.*s", HC_P(name), HC_P(hash)));
    hc_map_put(a, meta, HC_S("labels"), hc_val_copy(a, labels));
    struct hc_val *annotations = hc_val_copy(a, hc_get(d, "metadata.annotations"));
    hc_map_put(a, meta, HC_S("annotations"), hc_is_map(annotations) ? annotations : hc_map_new(a));
    hc_map_del(hc_map_getz(meta, "annotations"), HC_S("kubectl.kubernetes.io/last-applied-configuration"));
    hc_map_put(a, hc_map_getz(meta, "annotations"), HC_S(REVISION), hc_printf_val(a, "%" PRId64, revision));
    hc_list_add(a, refs, hc_sb_owner_ref(a, d));
    hc_map_put(a, meta, HC_S("ownerReferences"), refs);
    hc_map_put_int(a, spec, "replicas", 0);
    hc_map_put(a, spec, HC_S("selector"), sel);
    hc_map_put(a, spec, HC_S("template"), tmpl);
    if (hc_sb_create(s, a, hc_sb_kind_builtin(s, "apps/replicasets"), hc_get_str_at(d, "metadata.namespace"), rs,
                     &internal, &out))
        return NULL;
    return out;
}

struct rollout {
    struct hc_val *d, *fresh, **old;
    size_t n_old;
    int64_t want, surge, unavailable, total, ready;
    int64_t staying; /* ready ones that have not been told to go */
};

static int64_t spec_replicas(const struct hc_val *rs)
{
    return hc_get_int_at(rs, "spec.replicas", 0);
}

static void roll(struct hc_sandbox *s, struct hc_arena *a, struct rollout *r)
{
    bool recreate = hc_str_eqz(hc_get_str_at(r->d, "spec.strategy.type"), "Recreate");
    int64_t old_pods = 0, old_want = 0;
    for (size_t i = 0; i < r->n_old; i++) {
        old_pods += hc_get_int_at(r->old[i], "status.replicas", 0);
        old_want += spec_replicas(r->old[i]);
    }
    if (recreate) {
        for (size_t i = 0; i < r->n_old; i++)
            scale(s, a, r->d, r->old[i], 0);
        if (old_pods == 0)
            scale(s, a, r->d, r->fresh, r->want);
        return;
    }
    int64_t now = spec_replicas(r->fresh);
    if (now > r->want) {
        scale(s, a, r->d, r->fresh, r->want);
        now = r->want;
    }
    int64_t room = r->want + r->surge - (old_want + now);
    if (now < r->want && room > 0) {
        now = HC_MIN(r->want, now + room);
        scale(s, a, r->d, r->fresh, now);
    }
    /* How many may go: those ready above the floor, and all old ones that are not ready anyway. */
    int64_t may = r->staying - (r->want - r->unavailable);
    for (size_t i = 0; i < r->n_old; i++) {
        int64_t have = spec_replicas(r->old[i]), up = hc_get_int_at(r->old[i], "status.readyReplicas", 0);
        up = HC_MIN(up, have);
        int64_t sick = HC_MAX(have - up, 0), cut = HC_MIN(have, sick + HC_MAX(HC_MIN(may, up), 0));
        if (cut > 0) {
            scale(s, a, r->d, r->old[i], have - cut);
            may -= cut - HC_MIN(cut, sick);
        }
    }
}

static void put_count(struct hc_arena *a, struct hc_val *st, const char *key, int64_t n)
{
    if (n)
        hc_map_put_int(a, st, key, n);
}

static const struct hc_val *condition(const struct hc_val *obj, const char *type)
{
    const struct hc_val *c = hc_get(obj, "status.conditions");
    for (size_t i = 0; i < hc_list_len(c); i++)
        if (hc_str_eqz(hc_get_str_at(hc_list_at(c, i), "type"), type))
            return hc_list_at(c, i);
    return NULL;
}

/* Progressing carries lastUpdateTime, which moves with every bit of progress; the deadline counts from it. */
static void progress(struct hc_sandbox *s, struct hc_arena *a, struct rollout *r, struct hc_val *st, bool complete,
                     bool moved)
{
    const struct hc_val *was = condition(r->d, "Progressing");
    hc_str name = hc_get_str_at(r->d, "metadata.name"), rs = hc_get_str_at(r->fresh, "metadata.name");
    int64_t limit = hc_get_int_at(r->d, "spec.progressDeadlineSeconds", 600) * 1000;
    int64_t since = hc_time_parse_ms(hc_get_str_at(was, "lastUpdateTime"));
    bool late = was && !moved && !complete && since > 0 && hc_now_ms() - since >= limit;
    bool failed = was && !moved && !complete &&
                  hc_str_eqz(hc_get_str_at(was, "reason"), "ProgressDeadlineExceeded");
    hc_str key = HC_S("apps/deployments"), ns = hc_get_str_at(r->d, "metadata.namespace");
    if (complete)
        hc_sb_condition(a, st, "Progressing", true, "NewReplicaSetAvailable",
                        hc_arena_printf(a, "ReplicaSet \"%.*s\" has successfully progressed.", HC_P(rs)));
    else if (late || failed)
        hc_sb_condition(a, st, "Progressing", false, "ProgressDeadlineExceeded",
                        hc_arena_printf(a, "ReplicaSet \"%.*s\" has timed out progressing.", HC_P(rs)));
    else
        hc_sb_condition(a, st, "Progressing", true, "ReplicaSetUpdated",
                        hc_arena_printf(a, "ReplicaSet \"%.*s\" is progressing.", HC_P(rs)));
    const struct hc_val *list = hc_map_getz(st, "conditions");
    for (size_t i = 0; i < hc_list_len(list); i++) {
        struct hc_val *c = hc_list_at(list, i);
        const struct hc_val *before = condition(r->d, hc_arena_strz(a, hc_get_str_at(c, "type")));
        bool keep = before && hc_map_getz(before, "lastUpdateTime") &&
                    hc_str_eq(hc_get_str_at(before, "status"), hc_get_str_at(c, "status")) &&
                    hc_str_eq(hc_get_str_at(before, "reason"), hc_get_str_at(c, "reason")) &&
                    !(moved && hc_str_eqz(hc_get_str_at(c, "type"), "Progressing"));
        c = hc_sb_shallow(a, c);
        if (keep)
            hc_map_put(a, c, HC_S("lastUpdateTime"), hc_map_getz(before, "lastUpdateTime"));
        else
            hc_map_put_str(a, c, "lastUpdateTime", hc_sb_now(a));
        list->list->items[i] = c;
    }
    if (!complete && !late && !failed)
        hc_sb_dirty_in(s, moved || since <= 0 ? limit + 1000 : HC_MAX(since + limit - hc_now_ms(), (int64_t)50),
                       key, ns, name);
}

static void deployment_status(struct hc_sandbox *s, struct hc_arena *a, struct rollout *r)
{
    struct hc_val *st = hc_map_new(a), *was = hc_map_getz(r->d, "status");
    int64_t updated = hc_get_int_at(r->fresh, "status.replicas", 0), spare = HC_MAX(r->total, r->want) - r->ready;
    int64_t fresh_ready = hc_get_int_at(r->fresh, "status.readyReplicas", 0);
    hc_map_put_int(a, st, "observedGeneration", hc_get_int_at(r->d, "metadata.generation", 1));
    put_count(a, st, "replicas", r->total);
    put_count(a, st, "updatedReplicas", updated);
    put_count(a, st, "readyReplicas", r->ready);
    put_count(a, st, "availableReplicas", r->ready);
    put_count(a, st, "unavailableReplicas", spare);
    if (hc_map_getz(was, "conditions"))
        hc_map_put(a, st, HC_S("conditions"), hc_map_getz(was, "conditions"));
    bool complete = updated == r->want && r->total == r->want && fresh_ready == r->want;
    bool enough = r->ready >= r->want - r->unavailable;
    hc_sb_condition(a, st, "Available", enough, enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                    enough ? HC_S("Deployment has minimum availability.")
                           : HC_S("Deployment does not have minimum availability."));
    bool moved = hc_get_int_at(st, "observedGeneration", 0) != hc_get_int_at(was, "observedGeneration", 0) ||
                 updated > hc_get_int_at(was, "updatedReplicas", 0) ||
                 r->ready > hc_get_int_at(was, "readyReplicas", 0) ||
                 r->total - updated < hc_get_int_at(was, "replicas", 0) - hc_get_int_at(was, "updatedReplicas", 0);
    progress(s, a, r, st, complete, moved);
    hc_sb_sim_status(s, a, r->d, st);
}

/* Keeps revisionHistoryLimit empty old ReplicaSets. */
static void tidy(struct hc_sandbox *s, struct hc_arena *a, struct rollout *r)
{
    int64_t keep = hc_get_int_at(r->d, "spec.revisionHistoryLimit", 10), empty = 0;
    for (size_t i = 0; i < r->n_old; i++)
        empty += spec_replicas(r->old[i]) == 0 && hc_get_int_at(r->old[i], "status.replicas", 0) == 0;
    while (empty > keep) {
        struct hc_val *oldest = NULL;
        for (size_t i = 0; i < r->n_old; i++)
            if (spec_replicas(r->old[i]) == 0 && !hc_get(r->old[i], "metadata.deletionTimestamp") &&
                hc_get(r->old[i], "metadata.uid") && (!oldest || revision_of(r->old[i]) < revision_of(oldest)))
                oldest = r->old[i];
        if (!oldest)
            return;
        hc_sb_sim_delete(s, a, oldest);
        hc_map_del(hc_map_getz(oldest, "metadata"), HC_S("uid"));
        empty--;
    }
}

void hc_sb_sim_deployment(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *d)
{
    hc_str ns = hc_get_str_at(d, "metadata.namespace"), uid = hc_get_str_at(d, "metadata.uid");
    hc_str hash = hc_sb_sim_hash(a, hc_get(d, "spec.template"));
    struct hc_val **sets;
    size_t n = hc_sb_sim_owned(s, a, "apps/replicasets", ns, uid, &sets);
    struct rollout r = { .d = d, .want = hc_get_int_at(d, "spec.replicas", 1) };
    int64_t last = 0;
    r.old = HC_NEW_N(a, struct hc_val *, n + 1);
    for (size_t i = 0; r.old && i < n; i++) {
        last = HC_MAX(last, revision_of(sets[i]));
        if (hc_str_eq(hc_sb_label(sets[i], "pod-template-hash"), hash))
            r.fresh = sets[i];
        else
            r.old[r.n_old++] = sets[i];
    }
    if (hc_get_bool_at(d, "spec.paused", false) && !r.fresh)
        return;
    if (!r.fresh)
        r.fresh = new_replicaset(s, a, d, hash, last + 1);
    if (!r.fresh)
        return;
    int64_t revision = revision_of(r.fresh);
    if (revision < last) { /* an older template again: it becomes the newest revision */
        struct hc_val *next = hc_val_copy(a, r.fresh), *out;
        revision = last + 1;
        hc_map_put(a, hc_map_sub(a, hc_map_getz(next, "metadata"), "annotations"), HC_S(REVISION),
                   hc_printf_val(a, "%" PRId64, revision));
        if (!hc_sb_update(s, a, hc_sb_kind_builtin(s, "apps/replicasets"), r.fresh, next, &internal, &out))
            r.fresh = out;
    }
    if (revision_of(d) != revision) {
        struct hc_val *next = hc_val_copy(a, d), *out;
        hc_map_put(a, hc_map_sub(a, hc_map_getz(next, "metadata"), "annotations"), HC_S(REVISION),
                   hc_printf_val(a, "%" PRId64, revision));
        if (!hc_sb_update(s, a, hc_sb_kind_builtin(s, "apps/deployments"), d, next, &internal, &out))
            r.d = d = out;
    }
    r.surge = percent_of(hc_get(d, "spec.strategy.rollingUpdate.maxSurge"), r.want, true, 1);
    r.unavailable = percent_of(hc_get(d, "spec.strategy.rollingUpdate.maxUnavailable"), r.want, false, 0);
    if (r.surge == 0 && r.unavailable == 0)
        r.unavailable = 1;
    for (size_t i = 0; i <= r.n_old; i++) {
        const struct hc_val *rs = i < r.n_old ? r.old[i] : r.fresh;
        r.total += hc_get_int_at(rs, "status.replicas", 0);
        r.ready += hc_get_int_at(rs, "status.readyReplicas", 0);
        r.staying += HC_MIN(hc_get_int_at(rs, "status.readyReplicas", 0), spec_replicas(rs));
    }
    if (!hc_get_bool_at(d, "spec.paused", false))
        roll(s, a, &r);
    deployment_status(s, a, &r);
    tidy(s, a, &r);
}
