/*
 * What a revision would be refused for, before it is recorded. The engine's state is copied, the revision to be made its
 * head, and the scout sent ahead with as many requests as spec.preflight allows.
 */
#include <stdio.h>

#include "deploy/reconcile/doubt.h"
#include "deploy/reconcile/preview_impl.h"

bool hc_preflight_named(hc_str name, enum hc_preflight *out)
{
    static const char *const names[] = { "off", "doubt", "full" };
    for (size_t i = 0; i < HC_LEN(names); i++)
        if (hc_str_eqz(name, names[i])) {
            *out = (enum hc_preflight)i;
            return true;
        }
    return false;
}

/* Live objects of those picked: a client-side request is made of them. */
static enum hc_rc look(struct scout *s, struct hc_preview_object *objects, const bool *pick, struct hc_err *err)
{
    struct hc_reconcile *r = s->r;
    struct hc_kube_op *ops = hc_rec_ops(r, r->objects_n);
    size_t *of = HC_NEW_N(r->step, size_t, r->objects_n + 1), n = 0;
    if (!ops || !of)
        return hc_arena_check(r->step, err, "preflight");
    for (size_t i = 0; i < r->objects_n; i++)
        if (pick[i] && r->objects[i].plan.name.n > 0) {
            ops[n].ref = r->objects[i].ref;
            of[n++] = i;
        }
    enum hc_rc rc = hc_rec_get_each(r, ops, n, err);
    for (size_t i = 0; rc == HC_OK && i < n; i++)
        objects[of[i]].live = ops[i].rc == HC_OK ? ops[i].out : NULL;
    return rc;
}

static enum hc_rc deletions(struct scout *s, bool full, struct hc_err *err)
{
    struct hc_reconcile *r = s->r;
    struct hc_kube_op *ops = hc_rec_ops(r, r->left_n);
    size_t *of = HC_NEW_N(r->step, size_t, r->left_n + 1), n = 0;
    if (!ops || !of)
        return hc_arena_check(r->step, err, "preflight");
    for (size_t i = 0; i < r->left_n; i++) {
        const struct hc_plan_object *p = &r->left[i];
        bool worth = full || (hc_scout_holds_data(p->kind) && !(s->flags & HC_PREVIEW_DATA_MAY_GO));
        if (p->name.n == 0 || !worth || p->keep)
            continue;
        ops[n].ref = (struct hc_ref){ p->api_version, p->kind, p->ns, p->name };
        of[n++] = i;
    }
    enum hc_rc rc = hc_rec_get_each(r, ops, n, err);
    for (size_t i = 0; rc == HC_OK && i < n; i++)
        if (ops[i].rc == HC_OK)
            hc_scout_deletion(s, &r->left[of[i]], ops[i].out, 0);
    return rc;
}

static enum hc_rc verdict(struct scout *s, struct hc_reconcile *r, struct hc_err *err)
{
    const struct hc_preview *p = s->out;
    const struct hc_problem *first = NULL;
    for (size_t i = 0; i < p->problems_n; i++) {
        hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_PROBLEM,
                                         .action = s->r->mark.action,
                                         .ref = p->problems[i].ref,
                                         .problem = &p->problems[i],
                                         .ok = p->problems[i].unsure,
                                         .message = hc_problem_str(r->step, &p->problems[i]) });
        if (!first && !p->problems[i].unsure)
            first = &p->problems[i];
    }
    if (!first)
        return HC_OK;
    char more[48] = "";
    size_t all = hc_preview_refusals(p);
    if (all > 1)
        snprintf(more, sizeof(more), " (and %zu more problems)", all - 1);
    return hc_fail(err, HC_E_INPUT, "refused before anything was changed: %.*s%s",
                   HC_P(hc_problem_str(r->step, first)), more);
}

enum hc_rc hc_rec_preflight(struct hc_reconcile *r, const struct hc_record *rec, const struct mark *m,
                            struct object *objects, size_t n, struct hc_plan_object *before, size_t before_n,
                            struct hc_err *err)
{
    struct hc_reconcile shadow = *r; /* shares arenas and clients; dropped without freeing anything */
    struct hc_preview out = { .action = m->action };
    bool full = r->spec.preflight == HC_PREFLIGHT_FULL, install = m->action == HC_ACTION_INSTALL;
    /* What a failed revision brought is what its remediation takes away. */
    unsigned flags = r->spec.data_may_go || m->remediation ? HC_PREVIEW_DATA_MAY_GO : 0;
    struct scout s = { .r = &shadow, .out = &out, .flags = flags };
    bool *pick = HC_NEW_N(r->step, bool, n + 1), any = false, brings = false;
    struct hc_preview_object *seen = HC_NEW_N(r->step, struct hc_preview_object, n + 1);
    struct hc_plan_object *now = HC_NEW_N(r->step, struct hc_plan_object, n + 1);
    if (!pick || !seen || !now)
        return hc_arena_check(r->step, err, "preflight");
    shadow.head = *rec;
    shadow.mark = *m;
    shadow.has = shadow.planned = shadow.left_known = true;
    shadow.objects = objects;
    shadow.objects_n = n;
    shadow.before = before;
    shadow.before_n = before_n;
    for (size_t i = 0; i < n; i++)
        now[i] = objects[i].plan;
    shadow.left_n = hc_plan_left(r->step, before, before_n, now, n, &shadow.left);
    shadow.migrate = hc_rec_installs_over(&shadow, m, rec->revision) ||
                     (!hc_rec_client_side(&shadow) && m->from > 0 &&
                      (m->action == HC_ACTION_ROLLBACK || !hc_str_eqz(r->head.apply_method, "ssa")));
    for (size_t i = 0; i < n; i++) {
        const struct hc_plan_object *was = hc_plan_find(before, before_n, &objects[i].plan);
        seen[i] = (struct hc_preview_object){ .ref = objects[i].ref,
                                              .source = hc_plan_source(rec->manifest, objects[i].plan.line) };
        pick[i] = full || hc_doubtful(r->step, &objects[i].plan, was, install);
        any = any || pick[i];
        brings = brings || (!was && !install);
    }
    enum hc_rc rc = HC_OK;
    if (any && (full || hc_rec_client_side(&shadow)))
        rc = look(&s, seen, pick, err);
    if (rc == HC_OK && any)
        rc = hc_scout_try(&s, seen, pick, err);
    if (rc == HC_OK)
        rc = deletions(&s, full, err);
    if (rc == HC_OK && (full || (brings && any)))
        rc = hc_scout_quotas(&s, seen, err);
    if (rc == HC_OK && full)
        rc = hc_scout_pods(&s, seen, err);
    return rc == HC_OK ? verdict(&s, r, err) : rc;
}
