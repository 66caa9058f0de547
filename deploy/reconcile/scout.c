/*
 * The server is asked with the very requests that would be sent, as dry runs, and its refusals are weighed: what the
 * release itself brings counts as there, and what nobody can know (a hook that may do anything, a webhook that does not
 * answer) is told but refuses nothing.
 */
#include <string.h>

#include "core/value/yaml.h"
#include "deploy/reconcile/preview_impl.h"

/* ---- collecting -------------------------------------------------------------------------------------------- */

struct hc_preview_object *hc_scout_object(struct scout *s)
{
    struct hc_preview *p = s->out;
    if (p->objects_n == s->objects_cap) {
        size_t cap = s->objects_cap ? s->objects_cap * 2 : 32;
        struct hc_preview_object *more = HC_NEW_N(s->r->step, struct hc_preview_object, cap);
        if (!more)
            return NULL;
        if (p->objects_n > 0)
            memcpy(more, p->objects, p->objects_n * sizeof(*more));
        p->objects = more;
        s->objects_cap = cap;
    }
    return &p->objects[p->objects_n++];
}

size_t hc_preview_refusals(const struct hc_preview *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->problems_n; i++)
        n += !p->problems[i].unsure;
    return n;
}

void hc_scout_problem(struct scout *s, struct hc_problem problem)
{
    struct hc_preview *p = s->out;
    if (p->problems_n == s->problems_cap) {
        size_t cap = s->problems_cap ? s->problems_cap * 2 : 8;
        struct hc_problem *more = HC_NEW_N(s->r->step, struct hc_problem, cap);
        if (!more)
            return;
        if (p->problems_n > 0)
            memcpy(more, p->problems, p->problems_n * sizeof(*more));
        p->problems = more;
        s->problems_cap = cap;
    }
    problem.written = hc_rec_written(s->r, &s->r->head, &problem);
    p->problems[p->problems_n++] = problem;
}

/* ---- what the release itself brings ------------------------------------------------------------------------ */

static void read_hooks(struct scout *s)
{
    struct hc_reconcile *r = s->r;
    size_t n = 0;
    const char *event = NULL;
    if (s->hooks_read)
        return;
    s->hooks_read = true;
    if (hc_rec_policy(r, r->mark.action)->disable_hooks)
        return;
    struct hc_record_hook **list = hc_rec_hooks_of(r, HC_STAGE_PRE, &n, &event);
    s->made = HC_NEW_N(r->step, struct hc_ref, n + 1);
    for (size_t i = 0; list && s->made && i < n; i++) {
        struct hc_val *v = NULL;
        s->makers = s->makers || hc_str_eqz(list[i]->kind, "Job") || hc_str_eqz(list[i]->kind, "Pod");
        if (hc_yaml_parse(r->step, list[i]->manifest, list[i]->path, HC_YAML_PLAIN, &v, NULL) == HC_OK)
            s->made[s->made_n++] = hc_ref_of(v);
    }
}

static bool brings(struct scout *s, hc_str kind, hc_str name)
{
    const struct hc_reconcile *r = s->r;
    if (r->spec.create_namespace && hc_str_eqz(kind, "Namespace") && hc_str_eq(name, r->spec.ns))
        return true;
    for (size_t i = 0; i < r->objects_n; i++)
        if (hc_str_eq(r->objects[i].ref.kind, kind) && hc_str_eq(r->objects[i].ref.name, name))
            return true;
    read_hooks(s);
    for (size_t i = 0; i < s->made_n; i++)
        if (hc_str_eq(s->made[i].kind, kind) && hc_str_eq(s->made[i].name, name))
            return true;
    return false;
}

static bool has_webhook(const struct hc_val *config, hc_str name)
{
    const struct hc_val *hooks = hc_map_getz(config, "webhooks");
    for (size_t i = 0; i < hc_list_len(hooks); i++)
        if (hc_str_eq(hc_get_str(hc_map_getz(hc_list_at(hooks, i), "name")), name))
            return true;
    return false;
}

/* Who decided is brought, changed or deleted by the release: the next verdict may be another. */
static bool changes_judge(const struct scout *s, hc_str kind, hc_str name)
{
    const struct hc_reconcile *r = s->r;
    bool webhook = hc_str_eqz(kind, "webhook");
    for (size_t i = 0; i < r->objects_n; i++)
        if (webhook ? has_webhook(r->objects[i].plan.object, name)
                    : hc_str_eq(r->objects[i].ref.kind, kind) && hc_str_eq(r->objects[i].ref.name, name))
            return true;
    for (size_t i = 0; i < r->left_n; i++)
        if (webhook ? has_webhook(r->left[i].object, name)
                    : hc_str_eq(r->left[i].kind, kind) && hc_str_eq(r->left[i].name, name))
            return true;
    return false;
}

static bool leaves(const struct scout *s, const char *kind)
{
    for (size_t i = 0; i < s->r->left_n; i++)
        if (hc_str_eqz(s->r->left[i].kind, kind))
            return true;
    return false;
}

/* Whether the definition of a served kind becomes another with this revision: then the server cannot try its objects. */
static bool defines(const struct hc_val *crd, hc_str api_version, hc_str kind)
{
    hc_str group = hc_get_str_at(crd, "spec.group");
    return hc_str_eqz(hc_get_str_at(crd, "kind"), "CustomResourceDefinition") &&
           hc_str_eq(hc_get_str_at(crd, "spec.names.kind"), kind) && hc_str_starts(api_version, group) &&
           api_version.n > group.n && api_version.p[group.n] == '/';
}

static bool redefined(const struct scout *s, const struct hc_ref *ref)
{
    const struct hc_reconcile *r = s->r;
    for (size_t i = 0; i < hc_list_len(s->coming); i++)
        if (defines(hc_list_at(s->coming, i), ref->api_version, ref->kind))
            return true;
    for (size_t i = 0; i < r->objects_n; i++) {
        const struct hc_plan_object *crd = &r->objects[i].plan;
        if (!defines(crd->object, ref->api_version, ref->kind))
            continue;
        const struct hc_plan_object *was = hc_plan_find(r->before, r->before_n, crd);
        return !was || !hc_val_equal(hc_map_getz(was->object, "spec"), hc_map_getz(crd->object, "spec"));
    }
    return false;
}

/* ---- kinds ------------------------------------------------------------------------------------------------- */

/* Where else the server serves a kind of that name. */
static hc_str served_as(struct scout *s, hc_str kind)
{
    hc_str *all = NULL;
    size_t n = 0;
    hc_str tail = hc_arena_printf(s->r->step, "/%.*s", HC_P(kind));
    if (hc_kube_api_versions(s->r->spec.kube, s->r->step, &all, &n, NULL) != HC_OK)
        return (hc_str){ NULL, 0 };
    for (size_t i = 0; i < n; i++)
        if (hc_str_ends(all[i], tail))
            return hc_str_sub(all[i], 0, all[i].n - tail.n);
    return (hc_str){ NULL, 0 };
}

bool hc_scout_kinds(struct scout *s)
{
    struct hc_reconcile *r = s->r;
    struct hc_plan_object *all = NULL;
    size_t n = 0, before = s->out->problems_n;
    if (hc_plan_read(r->step, r->head.manifest, &all, &n, NULL) != HC_OK)
        return true; /* told by who plans it */
    for (size_t i = 0; i < n; i++) {
        struct hc_kube_resource kind;
        if (hc_kube_resource_of(r->spec.kube, all[i].api_version, all[i].kind, &kind, NULL) != HC_E_NOTFOUND ||
            hc_rec_definition_of(r, all, n, &all[i]))
            continue;
        hc_str other = served_as(s, all[i].kind);
        hc_scout_problem(
            s, (struct hc_problem){
                   .what = HC_TROUBLE_KIND,
                   .ref = { all[i].api_version, all[i].kind, all[i].ns, all[i].name },
                   .source = hc_plan_source(r->head.manifest, all[i].line),
                   .field = HC_S("apiVersion"),
                   .message = hc_arena_printf(r->step, "the server does not serve %.*s in %.*s", HC_P(all[i].kind),
                                              HC_P(all[i].api_version)),
                   .remedy = other.n > 0 ? hc_arena_printf(r->step,
                                                           "it serves it as %.*s: the chart is too old (or too "
                                                           "new) for this cluster",
                                                           HC_P(other))
                                         : HC_S("install what brings its CustomResourceDefinition first") });
    }
    return s->out->problems_n == before;
}

/* ---- refusals ---------------------------------------------------------------------------------------------- */

/* What a hook that may do anything could put right before the object is sent. */
static bool mendable(enum hc_trouble what)
{
    return what == HC_TROUBLE_IMMUTABLE || what == HC_TROUBLE_MISSING || what == HC_TROUBLE_NAMESPACE ||
           what == HC_TROUBLE_FOREIGN || what == HC_TROUBLE_QUOTA || what == HC_TROUBLE_DENIED;
}

bool hc_scout_refused(struct scout *s, const struct hc_preview_object *o, const struct hc_err *err)
{
    struct hc_reconcile *r = s->r;
    struct hc_refusal why = hc_refusal_of(r->step, &o->ref, err);
    bool missing = why.what == HC_TROUBLE_NAMESPACE || why.what == HC_TROUBLE_MISSING;
    if (missing && brings(s, why.needs_kind, why.needs_name))
        return false;
    bool unsure = why.what == HC_TROUBLE_UNTRIED ||
                  (why.needs_kind.n && !missing && changes_judge(s, why.needs_kind, why.needs_name)) ||
                  (hc_str_find_str(hc_str_of(err->msg), HC_S("is already allocated")) != SIZE_MAX &&
                   leaves(s, "Service"));
    if (!unsure && mendable(why.what)) {
        read_hooks(s);
        unsure = s->makers;
    }
    hc_scout_problem(s, (struct hc_problem){ .what = why.what,
                                             .ref = o->ref,
                                             .source = o->source,
                                             .field = why.field,
                                             .message = hc_arena_str(r->step, hc_str_of(err->msg)),
                                             .remedy = why.remedy,
                                             .unsure = unsure });
    return true;
}

/* ---- objects ----------------------------------------------------------------------------------------------- */

/* The request that would be sent, as a dry run; false: nothing would be. */
static bool request_of(struct scout *s, const struct object *o, const struct hc_preview_object *p,
                       struct hc_kube_op *op)
{
    struct hc_reconcile *r = s->r;
    const struct hc_action_policy *policy = hc_rec_policy(r, r->mark.action);
    *op = (struct hc_kube_op){ .verb = HC_KUBE_VERB_GET, .ref = o->ref, .err = HC_ERR_INIT };
    if (hc_rec_client_side(r) || o->plan.name.n == 0) {
        op->out = (struct hc_val *)(uintptr_t)p->live;
        op->rc = hc_rec_client_request(r, o, op);
        op->flags |= HC_KUBE_DRY_RUN;
        return op->rc == HC_OK && op->verb != HC_KUBE_VERB_GET;
    }
    op->verb = HC_KUBE_VERB_APPLY;
    op->object = o->plan.object;
    /* Fields of our own client-side apply change hands before; here they would be in our own way. */
    op->flags = HC_KUBE_DRY_RUN | (policy->force_conflicts || r->migrate ? HC_KUBE_FORCE : 0u) |
                (policy->skip_validation ? HC_KUBE_SKIP_VALIDATION : 0u);
    return true;
}

static void compare(struct scout *s, struct hc_preview_object *p, bool replaced)
{
    struct hc_diff *all = NULL;
    size_t n = 0, kept = 0;
    if (p->live) {
        n = hc_val_diff(s->r->step, p->live, p->then, &all);
        for (size_t i = 0; i < n; i++)
            if (!hc_reconcile_servers_own(all[i].path))
                all[kept++] = all[i];
    }
    p->fields = all;
    p->fields_n = kept;
    p->change = !p->live    ? HC_PREVIEW_CREATE
                : kept == 0 ? HC_PREVIEW_NONE
                : replaced  ? HC_PREVIEW_REPLACE
                            : HC_PREVIEW_CHANGE;
    if (p->change == HC_PREVIEW_REPLACE)
        p->why = HC_S("--force-replace: it is replaced, what others have set in it goes");
}

/* What becomes of an object that was not tried. */
static void take_as_is(struct scout *s, const struct object *o, struct hc_preview_object *p)
{
    p->untried = true;
    p->then = p->live ? hc_val_overlay(s->r->step, p->live, o->plan.object) : o->plan.object;
    compare(s, p, false);
}

static void answered(struct scout *s, const struct object *o, struct hc_preview_object *p,
                     const struct hc_kube_op *op, bool sent)
{
    if (op->rc != HC_OK && hc_scout_refused(s, p, &op->err)) {
        p->change = p->live ? HC_PREVIEW_CHANGE : HC_PREVIEW_CREATE;
        p->then = o->plan.object;
    } else if (op->rc != HC_OK) {
        take_as_is(s, o, p);
    } else {
        p->then = sent ? op->out : p->live ? p->live : o->plan.object;
        compare(s, p, op->verb == HC_KUBE_VERB_UPDATE);
    }
}

enum hc_rc hc_scout_try(struct scout *s, struct hc_preview_object *objects, const bool *pick, struct hc_err *err)
{
    struct hc_reconcile *r = s->r;
    struct hc_kube_op *ops = hc_rec_ops(r, r->objects_n), *sent = hc_rec_ops(r, r->objects_n);
    size_t n = 0, j = 0;
    bool *asked = HC_NEW_N(r->step, bool, r->objects_n + 1);
    if (!ops || !sent || !asked)
        return hc_arena_check(r->step, err, "preview");
    for (size_t i = 0; i < r->objects_n; i++) {
        struct hc_kube_resource kind;
        const struct object *o = &r->objects[i];
        if (pick && !pick[i])
            continue;
        objects[i].untried = hc_kube_resource_of(r->spec.kube, o->ref.api_version, o->ref.kind, &kind, NULL) !=
                                 HC_OK ||
                             redefined(s, &o->ref);
        asked[i] = !objects[i].untried && request_of(s, o, &objects[i], &ops[i]);
        if (asked[i])
            sent[n++] = ops[i];
    }
    if (n > 0)
        hc_kube_batch(r->spec.kube, r->step, sent, n, r->spec.manager);
    for (size_t i = 0; i < r->objects_n; i++) {
        const struct hc_kube_op *op = asked[i] ? &sent[j++] : &ops[i];
        bool webhook = hc_str_find_str(hc_str_of(op->err.msg), HC_S("failed calling webhook")) != SIZE_MAX;
        if ((op->rc == HC_E_AGAIN && !webhook) || op->rc == HC_E_NOMEM)
            return hc_err_copy(err, &op->err);
        if (objects[i].untried)
            take_as_is(s, &r->objects[i], &objects[i]);
        else if (!pick || pick[i])
            answered(s, &r->objects[i], &objects[i], op, asked[i]);
    }
    return HC_OK;
}

/* ---- deletes ----------------------------------------------------------------------------------------------- */

bool hc_scout_holds_data(hc_str kind)
{
    static const char *const kinds[] = { "PersistentVolumeClaim", "PersistentVolume", "Namespace",
                                         "CustomResourceDefinition" };
    for (size_t i = 0; i < HC_LEN(kinds); i++)
        if (hc_str_eqz(kind, kinds[i]))
            return true;
    return false;
}

/* A definition takes its objects along; one of which there are none holds nothing. */
static bool has_instances(struct scout *s, const struct hc_val *crd)
{
    const struct hc_val *versions = hc_get(crd, "spec.versions");
    for (size_t i = 0; i < hc_list_len(versions); i++) {
        const struct hc_val *v = hc_list_at(versions, i);
        struct hc_val *list = NULL;
        if (!hc_get_bool_at(v, "served", false))
            continue;
        hc_str path = hc_arena_printf(s->r->step, "/apis/%.*s/%.*s/%.*s?limit=1",
                                      HC_P(hc_get_str_at(crd, "spec.group")), HC_P(hc_get_str_at(v, "name")),
                                      HC_P(hc_get_str_at(crd, "spec.names.plural")));
        if (!path.p || hc_kube_raw(s->r->spec.kube, s->r->step, "GET", path.p, NULL, (hc_str){ NULL, 0 }, &list,
                                   NULL) != HC_OK)
            return true; /* nobody says that there are none */
        return hc_list_len(hc_map_getz(list, "items")) > 0;
    }
    return true;
}

void hc_scout_deletion(struct scout *s, const struct hc_plan_object *plan, const struct hc_val *live, int wave)
{
    struct hc_reconcile *r = s->r;
    hc_str policy = hc_get_str(hc_map_getz(hc_get(live, "metadata.annotations"), "helm.sh/resource-policy"));
    bool keep = plan->keep || hc_str_eqz(policy, "keep"), uninstall = r->mark.action == HC_ACTION_UNINSTALL;
    bool ours = hc_plan_owned(r->step, live, r->spec.name, r->spec.ns, NULL);
    struct hc_preview_object *p = hc_scout_object(s);
    if (!p)
        return;
    *p = (struct hc_preview_object){
        .ref = { plan->api_version, plan->kind, plan->ns, plan->name },
        .source = hc_plan_source(r->head.manifest, uninstall ? plan->line : 0),
        .live = live,
        .wave = wave,
        .secret = hc_str_eqz(plan->kind, "Secret"),
        .change = keep || !ours ? HC_PREVIEW_KEEP : HC_PREVIEW_DELETE,
        .why = keep        ? uninstall ? HC_S("helm.sh/resource-policy: keep")
                                       : HC_S("left the manifest; helm.sh/resource-policy: keep")
                      : !ours ? uninstall ? HC_S("is not this release's any more")
                                          : HC_S("left the manifest, and is not this release's any more")
                      : uninstall ? HC_S("")
                           : HC_S("left the manifest")
    };
    bool may = true;
    if (p->change != HC_PREVIEW_DELETE)
        return;
    bool crd = hc_str_eqz(plan->kind, "CustomResourceDefinition");
    if (hc_scout_holds_data(plan->kind) && !(s->flags & HC_PREVIEW_DATA_MAY_GO) &&
        (!crd || has_instances(s, live))) {
        if (uninstall)
            p->why = HC_S("what it holds goes with it; helm.sh/resource-policy: keep keeps it");
        else
            hc_scout_problem(
                s, (struct hc_problem){
                       .what = HC_TROUBLE_DATA,
                       .ref = p->ref,
                       .message =
                           crd ? HC_S("it is not in the manifest any more: it would be deleted, and all objects of "
                                      "its kind with it")
                               : HC_S("it is not in the manifest any more: it would be deleted, and what it "
                                      "holds with it"),
                       .remedy = HC_S(
                           "annotate it with helm.sh/resource-policy: keep; or allow it: --allow-data-loss, on "
                           "a HelmRelease the annotation release.helmctl.dev/allow-data-loss: enabled") });
    }
    if (hc_kube_may(r->spec.kube, "delete", &p->ref, &may, NULL) == HC_OK && !may)
        hc_scout_problem(s, (struct hc_problem){ .what = HC_TROUBLE_RIGHTS,
                                                 .ref = p->ref,
                                                 .message = HC_S("it would be deleted, and you may not"),
                                                 .remedy = HC_S("have a Role with the verb delete bound to you") });
}

/* ---- quotas ------------------------------------------------------------------------------------------------ */

/* The name by which a quota counts objects of a kind: "count/deployments.apps"; *legacy "services", where there is one. */
static hc_str counted_as(struct scout *s, const struct hc_ref *ref, hc_str *legacy)
{
    static const char *const plain[] = { "pods",    "services",   "replicationcontrollers", "resourcequotas",
                                         "secrets", "configmaps", "persistentvolumeclaims" };
    struct hc_kube_resource k;
    *legacy = (hc_str){ NULL, 0 };
    if (hc_kube_resource_of(s->r->spec.kube, ref->api_version, ref->kind, &k, NULL) != HC_OK)
        return *legacy;
    for (size_t i = 0; k.group.n == 0 && i < HC_LEN(plain); i++)
        if (hc_str_eqz(k.plural, plain[i]))
            *legacy = k.plural;
    return hc_arena_printf(s->r->step, "count/%.*s%s%.*s", HC_P(k.plural), k.group.n ? "." : "", HC_P(k.group));
}

static void weigh(struct scout *s, const struct hc_preview_object *objects, hc_str ns, const struct hc_val *quota)
{
    const struct hc_val *hard = hc_get(quota, "status.hard"), *used = hc_get(quota, "status.used");
    for (size_t i = 0; i < hc_map_len(hard); i++) {
        const struct hc_entry *e = hc_map_at(hard, i);
        int64_t most = 0, have = 0, more = 0;
        const struct hc_preview_object *last = NULL;
        for (size_t j = 0; j < s->r->objects_n; j++) {
            hc_str legacy, name;
            if (objects[j].change != HC_PREVIEW_CREATE || !hc_str_eq(objects[j].ref.ns, ns))
                continue;
            name = counted_as(s, &objects[j].ref, &legacy);
            if (!name.n || !(hc_str_eq(e->key, name) || hc_str_eq(e->key, legacy)))
                continue;
            more++;
            last = &objects[j];
        }
        /* One too many is what the server says of it by itself. */
        if (more < 2 || !hc_str_to_i64(hc_get_str(e->val), &most) ||
            !hc_str_to_i64(hc_get_str(hc_map_get(used, e->key)), &have) || have + more <= most || have + 1 > most)
            continue;
        hc_scout_problem(s, (struct hc_problem){ .what = HC_TROUBLE_QUOTA,
                                                 .ref = last->ref,
                                                 .source = last->source,
                                                 .field = e->key,
                                                 .message = hc_arena_printf(
                                                     s->r->step,
                                                     "the revision brings %" PRId64
                                                     " of them, ResourceQuota %.*s leaves room for "
                                                     "%" PRId64 " (%.*s: %" PRId64 " of %" PRId64 " are used)",
                                                     more, HC_P(hc_get_str_at(quota, "metadata.name")), most - have,
                                                     HC_P(e->key), have, most),
                                                 .remedy = HC_S("ask for less, or for a larger ResourceQuota") });
    }
}

enum hc_rc hc_scout_quotas(struct scout *s, const struct hc_preview_object *objects, struct hc_err *err)
{
    struct hc_reconcile *r = s->r;
    for (size_t i = 0; i < r->objects_n; i++) {
        hc_str ns = objects[i].ref.ns;
        bool seen = ns.n == 0 || objects[i].change != HC_PREVIEW_CREATE || objects[i].untried;
        for (size_t j = 0; !seen && j < i; j++)
            seen = objects[j].change == HC_PREVIEW_CREATE && hc_str_eq(objects[j].ref.ns, ns);
        if (seen)
            continue;
        struct hc_val *quotas = NULL;
        const struct hc_kube_list what = { .api_version = HC_S("v1"), .kind = HC_S("ResourceQuota"), .ns = ns };
        enum hc_rc rc = hc_kube_list(r->spec.kube, r->step, &what, &quotas, NULL, err);
        if (hc_rec_repeatable(rc))
            return rc;
        hc_err_clear(err);
        for (size_t j = 0; rc == HC_OK && j < hc_list_len(quotas); j++) {
            const struct hc_val *q = hc_list_at(quotas, j);
            hc_str name = hc_get_str_at(q, "metadata.name");
            if (!hc_get(q, "spec.scopes") && !hc_get(q, "spec.scopeSelector") &&
                !changes_judge(s, HC_S("ResourceQuota"), name))
                weigh(s, objects, ns, q);
        }
    }
    return HC_OK;
}

/* ---- pods -------------------------------------------------------------------------------------------------- */

static const struct hc_val *template_of(const struct hc_val *o)
{
    hc_str kind = hc_get_str_at(o, "kind");
    bool cron = hc_str_eqz(kind, "CronJob");
    if (!cron && !hc_str_eqz(kind, "Deployment") && !hc_str_eqz(kind, "StatefulSet") &&
        !hc_str_eqz(kind, "DaemonSet") && !hc_str_eqz(kind, "ReplicaSet") && !hc_str_eqz(kind, "Job"))
        return NULL;
    if (hc_get_int_at(o, "spec.replicas", 1) == 0 || hc_get_bool_at(o, "spec.suspend", false))
        return NULL;
    return hc_get(o, cron ? "spec.jobTemplate.spec.template" : "spec.template");
}

static struct hc_val *pod_of(struct scout *s, const struct hc_preview_object *p, const struct hc_val *template)
{
    struct hc_arena *a = s->r->step;
    struct hc_val *pod = hc_map_new(a), *meta = hc_val_clone(a, hc_map_getz(template, "metadata"));
    if (!hc_is_map(meta))
        meta = hc_map_new(a);
    hc_map_put_strz(a, pod, "apiVersion", "v1");
    hc_map_put_strz(a, pod, "kind", "Pod");
    (void)hc_map_del(meta, HC_S("creationTimestamp"));
    (void)hc_map_del(meta, HC_S("name"));
    /* A name that fits, whatever the workload's: its controller cuts it, too. */
    hc_map_put(a, meta, HC_S("generateName"), hc_printf_val(a, "%.*s-", HC_P(hc_str_sub(p->ref.name, 0, 40))));
    hc_map_put_str(a, meta, "namespace", p->ref.ns);
    hc_map_put(a, pod, HC_S("metadata"), meta);
    hc_map_put(a, pod, HC_S("spec"), hc_val_clone(a, hc_map_getz(template, "spec")));
    return pod;
}

/* What its controller would be told when it makes a pod. Sure only where the operation waits for it, and of what does not
 * depend on who else has pods at that moment. */
static void judge_pod(struct scout *s, const struct hc_preview_object *p, const struct hc_err *err)
{
    struct hc_reconcile *r = s->r;
    size_t before = s->out->problems_n;
    struct hc_preview_object pod = *p;
    hc_str m = hc_str_of(err->msg);
    if (hc_str_find_str(m, HC_S("violates PodSecurity")) == SIZE_MAX &&
        hc_str_find_str(m, HC_S("quota")) == SIZE_MAX && hc_str_find_str(m, HC_S(" usage per ")) == SIZE_MAX &&
        hc_str_find_str(m, HC_S("limit to request ratio")) == SIZE_MAX &&
        hc_str_find_str(m, HC_S("not found")) == SIZE_MAX && hc_str_find_str(m, HC_S("denied")) == SIZE_MAX &&
        hc_str_find_str(m, HC_S("no PriorityClass")) == SIZE_MAX)
        return; /* a right of ours to make pods, say, which is not what their controller lacks */
    if (!hc_scout_refused(s, &pod, err) || s->out->problems_n == before)
        return;
    struct hc_problem *q = &s->out->problems[s->out->problems_n - 1];
    bool waits = hc_rec_policy(r, r->mark.action)->wait != HC_WAIT_NONE;
    bool passing = q->what == HC_TROUBLE_MISSING || hc_str_find_str(m, HC_S("exceeded quota")) != SIZE_MAX;
    q->message = hc_arena_printf(r->step, "no pod of it could be made: %.*s", HC_P(m));
    q->unsure = q->unsure || !waits || passing;
}

enum hc_rc hc_scout_pods(struct scout *s, const struct hc_preview_object *objects, struct hc_err *err)
{
    struct hc_reconcile *r = s->r;
    struct hc_kube_op *ops = hc_rec_ops(r, r->objects_n);
    size_t *of = HC_NEW_N(r->step, size_t, r->objects_n + 1), n = 0;
    if (!ops || !of)
        return hc_arena_check(r->step, err, "preview");
    for (size_t i = 0; i < r->objects_n; i++) {
        const struct hc_val *template = template_of(objects[i].then);
        bool changes = objects[i].change == HC_PREVIEW_CREATE || objects[i].change == HC_PREVIEW_CHANGE;
        if (!changes || objects[i].untried || !template ||
            (objects[i].live && hc_val_equal(template_of(objects[i].live), template)))
            continue;
        ops[n] = (struct hc_kube_op){ .verb = HC_KUBE_VERB_CREATE,
                                      .object = pod_of(s, &objects[i], template),
                                      .flags = HC_KUBE_DRY_RUN | HC_KUBE_SKIP_VALIDATION | HC_KUBE_BRIEF,
                                      .err = HC_ERR_INIT };
        of[n++] = i;
    }
    if (n > 0)
        hc_kube_batch(r->spec.kube, r->step, ops, n, r->spec.manager);
    for (size_t i = 0; i < n; i++)
        if (ops[i].rc != HC_OK && ops[i].rc != HC_E_AGAIN)
            judge_pod(s, &objects[of[i]], &ops[i].err);
    return hc_arena_check(r->step, err, "preview");
}
