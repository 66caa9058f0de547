/*
 * What must be there before a revision can be rendered and recorded: the namespace, and the definitions of crds/.
 */
#include "core/base/clock.h"
#include "deploy/reconcile/reconcile_impl.h"

enum { DISCOVERY_LOOK_MS = 200, PREPARE_MS = 60000 /* as Helm waits for definitions */ };

static bool begins_as_install(const struct hc_reconcile *r)
{
    return !r->has || r->head.status == HC_STATUS_UNINSTALLED || r->spec.must_not_exist;
}

static enum hc_rc make_namespace(struct hc_reconcile *r, struct hc_err *err)
{
    struct hc_val *ns = hc_map_new(r->step), *meta = hc_map_new(r->step);
    struct hc_err said = HC_ERR_INIT;
    hc_map_put_strz(r->step, ns, "apiVersion", "v1");
    hc_map_put_strz(r->step, ns, "kind", "Namespace");
    hc_map_put_str(r->step, meta, "name", r->spec.ns);
    hc_map_put_str(r->step, hc_map_sub(r->step, meta, "labels"), "name", r->spec.ns);
    hc_map_put(r->step, ns, HC_S("metadata"), meta);
    enum hc_rc rc = hc_arena_check(r->step, err, "namespace");
    if (rc == HC_OK)
        rc = hc_rec_fence(r, err);
    if (rc != HC_OK)
        return rc;
    rc = hc_kube_create(r->spec.kube, r->step, ns, r->spec.manager, 0, NULL, &said);
    if (rc == HC_OK || rc == HC_E_CONFLICT)
        return HC_OK;
    struct hc_ref ref = { .api_version = HC_S("v1"), .kind = HC_S("Namespace"), .name = r->spec.ns };
    if (!(rc == HC_E_AGAIN) && hc_kube_get_metadata(r->spec.kube, r->step, &ref, &ns, NULL) == HC_OK)
        return HC_OK; /* it is there, and making one is not ours to do */
    return hc_err_copy(err, &said);
}

/* The next step waits until it is established. */
static void await(struct hc_reconcile *r, const struct hc_plan_object *o)
{
    r->crds[r->crds_n++] = (struct hc_ref){ .api_version = hc_arena_str(r->keep, o->api_version),
                                            .kind = hc_arena_str(r->keep, o->kind),
                                            .name = hc_arena_str(r->keep, o->name) };
}

static enum hc_rc definition_refused(struct hc_reconcile *r, const struct hc_crd_file *file,
                                     const struct hc_plan_object *o, size_t made, struct hc_err *err)
{
    const struct hc_ref ref = { .api_version = o->api_version, .kind = o->kind, .name = o->name };
    const struct hc_rec_source src = { .path = file->name, .text = file->text, .line = o->line };
    enum hc_rc rc = hc_wrap(err, "failed to install CRD %.*s", HC_P(o->name));
    if (!hc_rec_repeatable(rc))
        hc_rec_refused(
            r, &ref, &src,
            hc_arena_printf(r->step, "Made or changed: %zu definitions; no revision was recorded.", made), err);
    return rc;
}

static enum hc_rc send_definitions(struct hc_reconcile *r, enum hc_crd_policy policy, struct hc_err *err)
{
    struct hc_crd_file *files = NULL;
    size_t files_n = 0, n = 0;
    struct hc_plan_object all[64];
    const struct hc_crd_file *in[64]; /* of each the file */
    enum hc_rc rc = r->spec.port.crds ? r->spec.port.crds(r->spec.port.ctx, r->step, &files, &files_n, err) : HC_OK;
    for (size_t i = 0; rc == HC_OK && i < files_n; i++) {
        struct hc_plan_object *some = NULL;
        size_t some_n = 0;
        rc = hc_plan_read(r->step, files[i].text, &some, &some_n, err);
        if (rc != HC_OK)
            return hc_wrap(err, "failed to install CRD %.*s", HC_P(files[i].name));
        for (size_t j = 0; j < some_n; j++) {
            if (n == HC_LEN(all))
                return hc_fail(err, HC_E_LIMIT, "the chart brings more than %zu custom resource definitions",
                               HC_LEN(all));
            in[n] = &files[i];
            all[n++] = some[j];
        }
    }
    if (rc != HC_OK)
        return rc;
    r->crds = HC_NEW_N(r->keep, struct hc_ref, n + 1);
    r->crds_seen = HC_NEW_N(r->keep, struct hc_val *, n + 1);
    r->crds_n = 0;
    if (!r->crds || !r->crds_seen)
        return hc_arena_check(r->keep, err, "custom resource definitions");
    if (policy == HC_CRDS_CREATE) { /* what is there is not touched: a small question saves a large answer */
        size_t missing = 0;
        for (size_t i = 0; i < n; i++) {
            struct hc_ref ref = { .api_version = all[i].api_version, .kind = all[i].kind, .name = all[i].name };
            struct hc_val *live = NULL;
            rc = hc_kube_get_metadata(r->spec.kube, r->step, &ref, &live, err);
            if (rc == HC_E_NOTFOUND) {
                in[missing] = in[i];
                all[missing++] = all[i];
            } else if (rc != HC_OK) {
                return definition_refused(r, in[i], &all[i], 0, err);
            }
            if (rc == HC_OK &&
                hc_time_parse_ms(hc_get_str_at(live, "metadata.creationTimestamp")) > hc_rec_now(r) - PREPARE_MS)
                await(r, &all[i]); /* as new, by a process that was killed behind it or by another release */
        }
        n = missing;
    }
    struct hc_kube_op *ops = HC_NEW_N(r->step, struct hc_kube_op, n + 1);
    if (!ops)
        return hc_arena_check(r->step, err, "custom resource definitions");
    for (size_t i = 0; i < n; i++) {
        ops[i] = (struct hc_kube_op){ .verb = policy == HC_CRDS_REPLACE ? HC_KUBE_VERB_APPLY : HC_KUBE_VERB_CREATE,
                                      .object = all[i].object,
                                      .flags = HC_KUBE_FORCE,
                                      .err = HC_ERR_INIT };
        ops[i].ref = (struct hc_ref){ .api_version = all[i].api_version, .kind = all[i].kind, .name = all[i].name };
    }
    if (n > 0)
        rc = hc_rec_fence(r, err);
    if (rc != HC_OK)
        return rc;
    /* Of several one may be refused (a version in which objects are stored is gone, say): then none is changed. */
    if (n > 1 && policy == HC_CRDS_REPLACE && r->spec.preflight != HC_PREFLIGHT_OFF) {
        for (size_t i = 0; i < n; i++)
            ops[i].flags = HC_KUBE_FORCE | HC_KUBE_DRY_RUN | HC_KUBE_BRIEF;
        hc_kube_batch(r->spec.kube, r->step, ops, n, r->spec.manager);
        for (size_t i = 0; i < n; i++) {
            if (ops[i].rc != HC_OK) {
                hc_err_copy(err, &ops[i].err);
                (void)definition_refused(r, in[i], &all[i], 0, err);
                return hc_wrap(err, "refused before anything was changed");
            }
            ops[i].flags = HC_KUBE_FORCE;
            ops[i].out = NULL;
        }
    }
    if (n > 0)
        hc_kube_batch(r->spec.kube, r->step, ops, n, r->spec.manager);
    for (size_t i = 0; i < n; i++) {
        /* There by now: never touched, but as new. */
        if (ops[i].rc != HC_OK && !(ops[i].rc == HC_E_CONFLICT && policy == HC_CRDS_CREATE)) {
            size_t made = 0;
            for (size_t j = 0; j < n; j++)
                made += ops[j].rc == HC_OK;
            hc_err_copy(err, &ops[i].err);
            return definition_refused(r, in[i], &all[i], made, err);
        }
        await(r, &all[i]);
    }
    return HC_OK;
}

enum hc_rc hc_rec_prepare(struct hc_reconcile *r, struct hc_err *err)
{
    bool install = begins_as_install(r);
    enum hc_crd_policy policy = install ? r->spec.install.crds : r->spec.upgrade.crds;
    enum hc_rc rc = install && r->spec.create_namespace ? make_namespace(r, err) : HC_OK;
    r->crds_n = 0;
    if (rc == HC_OK && policy != HC_CRDS_SKIP)
        rc = send_definitions(r, policy, err);
    if (rc != HC_OK)
        return rc;
    r->prepared = r->crds_n == 0;
    r->preparing = !r->prepared;
    r->prepare_until_ms = hc_rec_now(r) + PREPARE_MS;
    return HC_OK;
}

/* A definition is established a moment before the server's discovery tells of its kinds; until it does, no object of them
 * can be sent. */
static enum hc_rc is_served(struct hc_reconcile *r, const struct hc_val *crd, bool *out, struct hc_err *err)
{
    const struct hc_val *versions = hc_get(crd, "spec.versions");
    hc_str group = hc_get_str_at(crd, "spec.group"), kind = hc_get_str_at(crd, "spec.names.kind");
    *out = true;
    for (size_t i = 0; *out && i < hc_list_len(versions); i++) {
        struct hc_kube_resource known;
        struct hc_err own = HC_ERR_INIT;
        const struct hc_val *v = hc_list_at(versions, i);
        hc_str api = hc_arena_printf(r->step, "%.*s/%.*s", HC_P(group), HC_P(hc_get_str_at(v, "name")));
        if (!hc_get_bool_at(v, "served", false))
            continue;
        enum hc_rc rc = hc_kube_resource_of(r->spec.kube, api, kind, &known, &own);
        *out = rc == HC_OK;
        if (rc != HC_OK && rc != HC_E_NOTFOUND) {
            hc_err_copy(err, &own);
            return rc;
        }
    }
    return HC_OK;
}

/* Of a definition that is established, what is_served asks. It is large, and looked at once. */
static struct hc_val *essence(struct hc_arena *a, const struct hc_val *crd)
{
    struct hc_val *out = hc_map_new(a), *spec = hc_map_sub(a, out, "spec"), *versions = hc_list_new(a);
    const struct hc_val *all = hc_get(crd, "spec.versions");
    hc_map_put_str(a, spec, "group", hc_get_str_at(crd, "spec.group"));
    hc_map_put_str(a, hc_map_sub(a, spec, "names"), "kind", hc_get_str_at(crd, "spec.names.kind"));
    for (size_t i = 0; i < hc_list_len(all); i++) {
        struct hc_val *v = hc_map_new(a);
        hc_map_put_str(a, v, "name", hc_get_str_at(hc_list_at(all, i), "name"));
        hc_map_put_bool(a, v, "served", hc_get_bool_at(hc_list_at(all, i), "served", false));
        hc_list_add(a, versions, v);
    }
    hc_map_put(a, spec, HC_S("versions"), versions);
    return out;
}

enum hc_rc hc_rec_observe_prepared(struct hc_reconcile *r, struct hc_seen *s, struct hc_err *err)
{
    s->deadline_ms = r->prepare_until_ms;
    if (!r->preparing) {
        s->prepared = r->prepared;
        return HC_OK;
    }
    for (size_t i = 0; i < r->crds_n; i++) {
        struct hc_val *live = NULL;
        if (r->crds_seen[i])
            continue;
        enum hc_rc rc = hc_kube_get(r->spec.kube, r->step, &r->crds[i], &live, err);
        if (rc == HC_E_NOTFOUND) { /* deleted, maybe it was on its way out when we saw it: begun again */
            hc_err_clear(err);
            r->preparing = false;
            return HC_OK;
        }
        if (rc != HC_OK)
            return rc;
        struct hc_readiness ready = hc_ready_of(r->step, live, 0, s->now_ms);
        if (ready.status != HC_READY_CURRENT) {
            s->preparing = true;
            r->waiting_for = hc_arena_printf(r->step, "%.*s: %.*s", HC_P(hc_ref_str(r->step, &r->crds[i])),
                                             HC_P(ready.message));
            r->awaited = r->crds;
            r->awaited_n = r->crds_n;
            return HC_OK;
        }
        r->crds_seen[i] = essence(r->keep, live);
    }
    if (hc_arena_spent(r->keep))
        return hc_arena_check(r->keep, err, "definitions");
    hc_kube_discovery_reset(r->spec.kube);
    for (size_t i = 0; i < r->crds_n; i++) {
        bool served;
        enum hc_rc rc = is_served(r, r->crds_seen[i], &served, err);
        if (rc != HC_OK)
            return rc;
        if (!served) {
            s->preparing = true;
            s->look_ms = s->now_ms + DISCOVERY_LOOK_MS; /* no watch tells of it */
            r->waiting_for = hc_arena_printf(r->step, "%.*s: the server does not tell of its kind yet",
                                             HC_P(hc_ref_str(r->step, &r->crds[i])));
            return HC_OK;
        }
    }
    r->preparing = false;
    r->prepared = s->prepared = true;
    return HC_OK;
}
