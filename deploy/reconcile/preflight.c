/*
 * What a revision would be refused for, before it is recorded. The engine's state is copied, the revision to be made its
 * head, and the scout sent ahead with as many requests as spec.preflight allows.
 */
#include <stdio.h>

#include "deploy/reconcile/doubt.h"
#include "deploy/reconcile/preview_impl.h"

static const struct hc_plan_object *same_in(const struct hc_plan_object *before, size_t n,
                                            const struct hc_plan_object *o)
{
    for (size_t i = 0; i < n; i++)
        if (hc_plan_same(&before[i], o))
            return &before[i];
    return NULL;
}

/* Live objects of those picked: a client-side request is made of them. */
static enum hc_rc look(struct scout *s, struct hc_preview_object *objects, const bool *pick, struct hc_err *err)
{
    struct hc_reconcile *r = s->r;
    struct hc_kube_op *ops = HC_NEW_N(r->step, struct hc_kube_op, r->objects_n + 1);
    size_t n = 0, j = 0;
    if (!ops)
        return hc_arena_check(r->step, err, "preflight");
    for (size_t i = 0; i < r->objects_n; i++)
        if (pick[i] && r->objects[i].plan.name.n > 0)
            ops[n++] = (struct hc_kube_op){ .verb = HC_KUBE_VERB_GET,
                                            .ref = r->objects[i].ref,
                                            .err = HC_ERR_INIT };
    if (n > 0)
        hc_kube_batch(r->spec.kube, r->step, ops, n, r->spec.manager);
    for (size_t i = 0; i < r->objects_n; i++) {
        if (!pick[i] || r->objects[i].plan.name.n == 0)
            continue;
        const struct hc_kube_op *op = &ops[j++];
        if (op->rc == HC_E_AGAIN || op->rc == HC_E_NOMEM)
            return hc_err_copy(err, &op->err);
        objects[i].live = op->rc == HC_OK ? op->out : NULL;
    }
    return HC_OK;
}

static enum hc_rc deletions(struct scout *s, bool full, struct hc_err *err)
{
    struct hc_reconcile *r = s->r;
    struct hc_kube_op *ops = HC_NEW_N(r->step, struct hc_kube_op, r->left_n + 1);
    size_t n = 0;
    if (!ops)
        return hc_arena_check(r->step, err, "preflight");
    for (size_t i = 0; i < r->left_n; i++) {
        const struct hc_plan_object *p = &r->left[i];
        bool worth = full || (hc_scout_holds_data(p->kind) && !(s->flags & HC_PREVIEW_DATA_MAY_GO));
        if (p->name.n > 0 && worth && !p->keep)
            ops[n++] = (struct hc_kube_op){ .verb = HC_KUBE_VERB_GET,
                                            .ref = { p->api_version, p->kind, p->ns, p->name },
                                            .err = HC_ERR_INIT };
    }
    if (n > 0)
        hc_kube_batch(r->spec.kube, r->step, ops, n, r->spec.manager);
    for (size_t i = 0; i < n; i++) {
        if (ops[i].rc == HC_E_AGAIN || ops[i].rc == HC_E_NOMEM)
            return hc_err_copy(err, &ops[i].err);
        for (size_t j = 0; ops[i].rc == HC_OK && j < r->left_n; j++)
            if (hc_str_eq(r->left[j].name, ops[i].ref.name) && hc_str_eq(r->left[j].kind, ops[i].ref.kind) &&
                hc_str_eq(r->left[j].ns, ops[i].ref.ns))
                hc_scout_deletion(s, &r->left[j], ops[i].out, 0);
    }
    return HC_OK;
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
    if (p->refusals_n > 1)
        snprintf(more, sizeof(more), " (and %zu more problems)", p->refusals_n - 1);
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
    shadow.migrate = !hc_rec_client_side(&shadow) && m->from > 0 &&
                     (m->action == HC_ACTION_ROLLBACK || !hc_str_eqz(r->head.apply_method, "ssa"));
    for (size_t i = 0; i < n; i++) {
        const struct hc_plan_object *was = same_in(before, before_n, &objects[i].plan);
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
