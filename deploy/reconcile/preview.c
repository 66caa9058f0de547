/*
 * The preview: the revision is rendered and composed as for its record (or taken from an older one, for a rollback), made
 * the head in memory, and each of its requests is sent as a dry run (scout.c).
 */
#include "core/value/yaml.h"
#include "deploy/reconcile/preview_impl.h"

const char *hc_preview_change_name(enum hc_preview_change c)
{
    static const char *const names[] = { "unchanged", "create", "change", "replace", "delete", "keep" };
    return (size_t)c < HC_LEN(names) ? names[c] : "?";
}

static enum hc_rc definitions_of(struct scout *s, struct hc_err *err)
{
    struct hc_reconcile *r = s->r;
    const struct hc_action_policy *p = hc_rec_policy(r, s->out->action);
    r->definitions = hc_list_new(r->step);
    s->coming = hc_list_new(r->step);
    bool brings = s->out->action == HC_ACTION_INSTALL || s->out->action == HC_ACTION_UPGRADE;
    if (!brings || p->crds == HC_CRDS_SKIP || !r->spec.port.crds)
        return HC_OK;
    enum hc_rc rc = r->spec.port.crds(r->spec.port.ctx, r->step, &s->out->crds, &s->out->crds_n, err);
    for (size_t i = 0; rc == HC_OK && i < s->out->crds_n; i++) {
        struct hc_plan_object *some = NULL;
        size_t n = 0;
        rc = hc_plan_read(r->step, s->out->crds[i].text, &some, &n, err);
        for (size_t j = 0; rc == HC_OK && j < n; j++) {
            struct hc_val *live = NULL;
            struct hc_ref ref = { some[j].api_version, some[j].kind, { NULL, 0 }, some[j].name };
            hc_list_add(r->step, r->definitions, some[j].object);
            bool there = hc_kube_get_metadata(r->spec.kube, r->step, &ref, &live, NULL) == HC_OK;
            if (there && p->crds == HC_CRDS_CREATE)
                continue;
            hc_list_add(r->step, s->coming, some[j].object);
            struct hc_preview_object *o = hc_scout_object(s);
            if (o)
                *o = (struct hc_preview_object){ .ref = ref,
                                                 .source = s->out->crds[i].name,
                                                 .change = there ? HC_PREVIEW_CHANGE : HC_PREVIEW_CREATE,
                                                 .why = HC_S("from crds/"),
                                                 .then = some[j].object,
                                                 .untried = true };
        }
    }
    return rc;
}

static void judge_owner(struct scout *s, const struct object *o, struct hc_preview_object *p)
{
    struct hc_reconcile *r = s->r;
    hc_str why;
    if (!p->live || r->mark.action == HC_ACTION_ROLLBACK || hc_plan_find(r->before, r->before_n, &o->plan) ||
        hc_plan_owned(r->step, p->live, r->spec.name, r->spec.ns, &why))
        return;
    if (hc_rec_policy(r, r->mark.action)->take_ownership) {
        p->why = HC_S("exists and is taken over");
        return;
    }
    hc_str owner = hc_get_str(hc_map_getz(hc_get(p->live, "metadata.annotations"), "meta.helm.sh/release-name"));
    hc_scout_problem(
        s, (struct hc_problem){
               .what = HC_TROUBLE_FOREIGN,
               .ref = p->ref,
               .source = p->source,
               .field = HC_S("metadata"),
               .message = owner.n > 0 && !hc_str_eq(owner, r->spec.name)
                              ? hc_arena_printf(r->step, "it belongs to release %.*s", HC_P(owner))
                              : hc_arena_printf(r->step, "it exists and is not this release's: %.*s", HC_P(why)),
               .remedy = HC_S("--take-ownership takes it over; or give it another name") });
}

static enum hc_rc look(struct scout *s, const struct hc_kube_op **out, struct hc_err *err)
{
    struct hc_reconcile *r = s->r;
    size_t n = r->objects_n + r->left_n;
    struct hc_kube_op *ops = hc_rec_ops(r, n);
    if (!ops)
        return hc_arena_check(r->step, err, "preview");
    for (size_t i = 0; i < n; i++) {
        const struct hc_plan_object *left = i < r->objects_n ? NULL : &r->left[i - r->objects_n];
        ops[i].ref = left ? (struct hc_ref){ left->api_version, left->kind, left->ns, left->name }
                          : r->objects[i].ref;
    }
    *out = ops;
    return hc_rec_get_each(r, ops, n, err);
}

static enum hc_rc preview_objects(struct scout *s, struct hc_err *err)
{
    struct hc_reconcile *r = s->r;
    const struct hc_kube_op *seen = NULL;
    enum hc_rc rc = hc_rec_plan_head(r, err);
    if (rc == HC_OK)
        rc = hc_rec_find_left(r, err);
    if (rc == HC_OK)
        rc = look(s, &seen, err);
    size_t first = s->out->objects_n;
    int last = rc == HC_OK ? hc_rec_last_wave(r) : 0, pruned = r->groups;
    s->out->waves = last > 0 ? last + 1 : 0;
    for (size_t i = 0; rc == HC_OK && i < r->objects_n; i++) {
        const struct object *o = &r->objects[i];
        struct hc_preview_object *p = hc_scout_object(s);
        if (!p)
            break;
        *p = (struct hc_preview_object){ .ref = o->ref,
                                         .source = hc_plan_source(r->head.manifest, o->plan.line),
                                         .live = seen[i].rc == HC_OK && o->plan.name.n > 0 ? seen[i].out : NULL,
                                         .wave = s->out->waves > 0 ? o->plan.group + 1 : 0,
                                         .secret = hc_str_eqz(o->ref.kind, "Secret") };
        struct hc_kube_resource kind;
        bool served = hc_kube_resource_of(r->spec.kube, o->ref.api_version, o->ref.kind, &kind, NULL) == HC_OK;
        if (seen[i].rc != HC_OK && seen[i].rc != HC_E_NOTFOUND && served && o->plan.name.n > 0)
            (void)hc_scout_refused(s, p, &seen[i].err);
        judge_owner(s, o, p);
    }
    if (rc == HC_OK)
        rc = hc_arena_check(r->step, err, "preview");
    if (rc == HC_OK)
        rc = hc_scout_try(s, s->out->objects + first, NULL, err);
    if (rc == HC_OK)
        rc = hc_scout_quotas(s, s->out->objects + first, err);
    if (rc == HC_OK)
        rc = hc_scout_pods(s, s->out->objects + first, err);
    for (size_t i = 0; rc == HC_OK && i < r->left_n; i++) {
        pruned += i > 0 && r->left[i].group != r->left[i - 1].group;
        if (seen[r->objects_n + i].rc == HC_OK && r->left[i].name.n > 0)
            hc_scout_deletion(s, &r->left[i], seen[r->objects_n + i].out, last > 0 ? pruned : 0);
    }
    return rc;
}

/* An uninstall: everything goes that is not kept, in its order. */
static enum hc_rc preview_deletions(struct scout *s, struct hc_err *err)
{
    struct hc_reconcile *r = s->r;
    struct hc_plan_object *all = NULL;
    size_t n = 0;
    const struct hc_kube_op *seen = NULL;
    enum hc_rc rc = hc_rec_plan_before(r, r->step, &r->head, &all, &n, err);
    if (rc != HC_OK)
        return rc;
    hc_plan_order_delete(all, n);
    r->objects_n = 0;
    r->left = all;
    r->left_n = n;
    rc = look(s, &seen, err);
    for (size_t i = 0; rc == HC_OK && i < n; i++)
        if (seen[i].rc == HC_OK && all[i].name.n > 0)
            hc_scout_deletion(s, &all[i], seen[i].out, 0);
    return rc;
}

/* ---- hooks, the record ------------------------------------------------------------------------------------- */

static void preview_hooks(struct scout *s)
{
    struct hc_reconcile *r = s->r;
    static const enum hc_stage stages[] = { HC_STAGE_PRE, HC_STAGE_POST };
    s->out->hooks = HC_NEW_N(r->step, struct hc_preview_hook, r->head.hooks_n * 2 + 1);
    for (size_t i = 0; s->out->hooks && i < HC_LEN(stages); i++) {
        size_t n = 0;
        const char *event = NULL;
        struct hc_record_hook **list = hc_rec_hooks_of(r, stages[i], &n, &event);
        if (hc_rec_policy(r, r->mark.action)->disable_hooks)
            n = 0;
        for (size_t j = 0; list && j < n; j++) {
            struct hc_val *v = NULL;
            bool may = true;
            s->out->hooks[s->out->hooks_n++] = (struct hc_preview_hook){ list[j], event };
            if (hc_yaml_parse(r->step, list[j]->manifest, list[j]->path, HC_YAML_PLAIN, &v, NULL) != HC_OK)
                continue;
            struct hc_ref ref = hc_ref_of(v);
            ref.ns = ref.ns.n ? ref.ns : r->spec.ns;
            if (hc_kube_may(r->spec.kube, "create", &ref, &may, NULL) == HC_OK && !may)
                hc_scout_problem(
                    s, (struct hc_problem){
                           .what = HC_TROUBLE_RIGHTS,
                           .ref = ref,
                           .source = list[j]->path,
                           .message = hc_arena_printf(r->step, "it is a %s hook, and you may not create it", event),
                           .remedy = HC_S("have a Role with the verb create bound to you; or --no-hooks") });
        }
    }
}

static void check_record(struct scout *s)
{
    struct hc_err err = HC_ERR_INIT;
    hc_str payload;
    if (hc_record_encode(s->r->step, &s->r->head, NULL, &payload, &err) == HC_E_LIMIT)
        hc_scout_problem(s,
                         (struct hc_problem){
                             .what = HC_TROUBLE_SIZE,
                             .message = hc_arena_str(s->r->step, hc_str_of(err.msg)),
                             .remedy = HC_S("leave files out of the chart (.helmignore), or shorten the values") });
}

static bool same_hooks(const struct hc_record *x, const struct hc_record *y)
{
    if (x->hooks_n != y->hooks_n)
        return false;
    for (size_t i = 0; i < x->hooks_n; i++)
        if (!hc_str_eq(x->hooks[i].manifest, y->hooks[i].manifest))
            return false;
    return true;
}

enum hc_rc hc_reconcile_preview(struct hc_reconcile *r, unsigned flags, struct hc_preview *out, struct hc_err *err)
{
    struct scout s = { .r = r, .out = out, .flags = flags };
    *out = (struct hc_preview){ 0 };
    hc_arena_free(r->step);
    r->step = hc_arena_new(0);
    enum hc_rc rc = r->step ? hc_rec_read_head(r, err) : hc_fail_nomem(err);
    if (rc != HC_OK)
        return rc;
    HC_AUTO(hc_arena) struct hc_arena *old_arena = NULL;
    struct hc_record old = r->head;
    bool had = r->has;
    if (had && (r->head.status == HC_STATUS_PENDING_INSTALL || r->head.status == HC_STATUS_PENDING_UPGRADE ||
                r->head.status == HC_STATUS_PENDING_ROLLBACK || r->head.status == HC_STATUS_UNINSTALLING))
        hc_scout_problem(
            &s, (struct hc_problem){ .what = HC_TROUBLE_BUSY,
                                     .message = hc_arena_printf(
                                         r->step, "revision %" PRId64 " is %s: another operation is in progress",
                                         r->head.revision, hc_status_name(r->head.status)),
                                     .remedy = HC_S("wait for it, or call the verb that was interrupted again") });
    out->head_version = had ? hc_arena_str(r->step, r->head.resource_version) : (hc_str){ NULL, 0 };
    bool goes = r->spec.goal == HC_GOAL_ABSENT, back = r->spec.goal == HC_GOAL_ROLLBACK;
    if ((goes || back) && !had)
        return hc_fail(err, HC_E_NOTFOUND, "release: not found");
    if (back)
        rc = hc_rec_find_rollback(r, err);
    if (rc == HC_OK && back && r->rollback_to <= 0)
        return hc_fail(err, HC_E_NOTFOUND, "the revision to go back to does not exist");
    if (goes)
        r->mark = (struct mark){ .there = true, .stage = HC_STAGE_PRE, .action = HC_ACTION_UNINSTALL };
    else if (rc == HC_OK)
        rc = hc_rec_imagine(r, &old_arena, err);
    if (rc != HC_OK)
        return rc;
    out->action = r->mark.action;
    out->from = had ? old.revision : 0;
    out->revision = r->head.revision;
    out->record = &r->head;
    if (!goes)
        rc = definitions_of(&s, err);
    if (goes)
        rc = preview_deletions(&s, err);
    else if (rc == HC_OK && hc_scout_kinds(&s))
        rc = preview_objects(&s, err);
    if (rc != HC_OK)
        return rc;
    preview_hooks(&s);
    if (!goes)
        check_record(&s);
    /* What is in sync is not rolled back for nothing: the record says another revision, the objects stay. */
    out->changes = goes || !had ||
                   (!back && (!hc_str_eq(old.manifest, r->head.manifest) || !same_hooks(&old, &r->head)));
    for (size_t i = 0; i < out->objects_n; i++)
        out->changes = out->changes ||
                       (out->objects[i].change != HC_PREVIEW_NONE && out->objects[i].change != HC_PREVIEW_KEEP);
    return hc_arena_check(r->step, err, "preview");
}
