/*
 * The objects of a manifest: sent wave by wave, deleted in the reverse order (waiting.c watches them). A wave is one
 * batch of requests in flight together; the next begins when all of it was answered. Where a chart asks for an order
 * of its own, waves form groups, and the next group begins when all of one is ready. Everything here may be repeated:
 * server-side apply of the same text changes nothing, and what is deleted stays deleted.
 */
#include <stdio.h>

#include "core/base/clock.h"
#include "deploy/reconcile/reconcile_impl.h"

/* ---- from text to objects ---------------------------------------------------------------------------------- */

/* A kind the server does not know may come with a definition in the same manifest. */
static bool defines(const struct hc_val *crd, hc_str kind)
{
    return hc_str_eqz(hc_get_str_at(crd, "kind"), "CustomResourceDefinition") &&
           hc_str_eq(hc_get_str_at(crd, "spec.names.kind"), kind);
}

const struct hc_val *hc_rec_definition_of(const struct hc_reconcile *r, const struct hc_plan_object *all, size_t n,
                                          const struct hc_plan_object *o)
{
    for (size_t i = 0; i < n; i++)
        if (defines(all[i].object, o->kind))
            return all[i].object;
    for (size_t i = 0; i < hc_list_len(r->definitions); i++)
        if (defines(hc_list_at(r->definitions, i), o->kind))
            return hc_list_at(r->definitions, i);
    return NULL;
}

static hc_str version_str(struct hc_arena *a, const struct hc_kube_resource *k)
{
    return hc_arena_printf(a, "%.*s%s%.*s", HC_P(k->group), k->group.n ? "/" : "", HC_P(k->version));
}

/* A manifest that was stored names a version that is gone by now: nobody can correct it, so the object is one of the
 * version that took its place, where its fields are the same. */
static bool moved(struct hc_reconcile *r, struct hc_arena *a, struct hc_plan_object *p,
                  struct hc_kube_resource *kind)
{
    bool same = false;
    if (hc_kube_successor_of(r->spec.kube, p->api_version, p->kind, kind, &same) != HC_OK || !same)
        return false;
    p->api_version = version_str(a, kind);
    struct hc_val *copy = hc_map_new(a);
    for (size_t i = 0; i < hc_map_len(p->object); i++)
        hc_map_put_ref(a, copy, hc_map_at(p->object, i)->key, hc_map_at(p->object, i)->val);
    hc_map_put_str(a, copy, "apiVersion", p->api_version);
    p->object = copy;
    return true;
}

static enum hc_rc unknown_kind(struct hc_reconcile *r, const struct hc_record *rec, const struct hc_plan_object *p,
                               struct hc_err *err)
{
    const struct hc_ref ref = { p->api_version, p->kind, p->ns, p->name };
    const struct hc_rec_source src = hc_rec_source_of(rec, p);
    hc_fail(err, HC_E_INPUT,
            "resource mapping not found for name: \"%.*s\" namespace: \"%.*s\": no matches for kind \"%.*s\" in "
            "version \"%.*s\"; ensure CRDs are installed first",
            HC_P(p->name), HC_P(p->ns), HC_P(p->kind), HC_P(p->api_version));
    hc_rec_refused(r, &ref, &src, (hc_str){ NULL, 0 }, err);
    return HC_E_INPUT;
}

enum hc_rc hc_rec_plan(struct hc_reconcile *r, struct hc_arena *a, const struct hc_record *rec, struct object **out,
                       size_t *out_n, struct hc_err *err)
{
    struct hc_plan_object *plan = NULL;
    size_t n = 0;
    /* A record that was stored passed, or another program made it, which knows nothing of waves. */
    unsigned how = hc_plan_wave_flags(rec->chart) | (rec->storage_name.n > 0 ? HC_PLAN_LENIENT : 0u);
    enum hc_rc rc = hc_plan_read(a, rec->manifest, &plan, &n, err);
    if (rc != HC_OK)
        return rc;
    struct object *list = HC_NEW_N(a, struct object, n + 1);
    for (size_t i = 0; list && i < n; i++) {
        struct hc_kube_resource kind;
        struct hc_plan_object *p = &plan[i];
        rc = hc_kube_resource_of(r->spec.kube, p->api_version, p->kind, &kind, err);
        if (rc == HC_E_NOTFOUND) {
            const struct hc_val *crd = hc_rec_definition_of(r, plan, n, p);
            bool stored = r->mark.action == HC_ACTION_ROLLBACK || r->mark.action == HC_ACTION_UNINSTALL;
            bool known = crd || (stored && moved(r, a, p, &kind));
            if (!known && r->mark.action == HC_ACTION_UNINSTALL)
                p->name = p->generate_name = (hc_str){ NULL, 0 }; /* of such a kind nothing can be there */
            else if (!known)
                return unknown_kind(r, rec, p, err);
            if (crd)
                kind.namespaced = hc_str_eqz(hc_get_str_at(crd, "spec.scope"), "Namespaced");
        } else if (rc != HC_OK) {
            return rc;
        }
        if (kind.namespaced)
            hc_plan_place(a, p, r->spec.ns);
        else
            p->ns = (hc_str){ NULL, 0 };
        hc_plan_own(a, p, r->spec.name, r->spec.ns);
    }
    rc = hc_arena_check(a, err, "manifest");
    if (rc == HC_OK)
        rc = hc_plan_waves(a, plan, n, how, err);
    if (rc != HC_OK)
        return rc;
    hc_plan_order(plan, n);
    for (size_t i = 0; i < n; i++) {
        list[i].plan = plan[i];
        list[i].ref = (struct hc_ref){ plan[i].api_version, plan[i].kind, plan[i].ns, plan[i].name };
    }
    *out = list;
    *out_n = n;
    return HC_OK;
}

enum hc_rc hc_rec_plan_head(struct hc_reconcile *r, struct hc_err *err)
{
    if (r->planned)
        return HC_OK;
    enum hc_rc rc = hc_rec_plan(r, r->keep, &r->head, &r->objects, &r->objects_n, err);
    if (rc == HC_OK)
        rc = hc_rec_chart_rules(r->keep, r->head.chart, true, &r->rules, &r->rules_n, err);
    r->planned = rc == HC_OK;
    r->groups = rc == HC_OK && r->objects_n > 0 ? r->objects[r->objects_n - 1].plan.group + 1 : 1;
    return rc;
}

enum hc_rc hc_rec_plan_before(struct hc_reconcile *r, struct hc_arena *a, const struct hc_record *rec,
                              struct hc_plan_object **out, size_t *out_n, struct hc_err *err)
{
    struct hc_plan_object *was = NULL;
    size_t n = 0;
    enum hc_rc rc = hc_plan_read(a, rec->manifest, &was, &n, err);
    if (rc != HC_OK)
        return rc;
    for (size_t i = 0; i < n; i++) {
        struct hc_kube_resource kind;
        bool same, served = true;
        if (hc_kube_resource_of(r->spec.kube, was[i].api_version, was[i].kind, &kind, NULL) != HC_OK) {
            served = hc_kube_successor_of(r->spec.kube, was[i].api_version, was[i].kind, &kind, &same) == HC_OK;
            was[i].api_version = served ? version_str(a, &kind) : was[i].api_version;
        }
        if (!served)
            was[i].name = (hc_str){ NULL, 0 }; /* of a kind that is not served any more nothing is left to delete */
        else if (kind.namespaced)
            hc_plan_place(a, &was[i], r->spec.ns);
        else
            was[i].ns = (hc_str){ NULL, 0 };
    }
    rc = hc_plan_waves(a, was, n, hc_plan_wave_flags(rec->chart) | HC_PLAN_LENIENT, err);
    *out = was;
    *out_n = n;
    return rc == HC_OK ? hc_arena_check(a, err, "manifest") : rc;
}

/* The revision before has the object with this very text. */
static bool stood_before(struct hc_reconcile *r, const struct hc_plan_object *o, const struct hc_plan_object *was,
                         size_t n)
{
    const struct hc_plan_object *same = hc_plan_find(was, n, o);
    if (!same)
        return false;
    struct hc_plan_object old = *same;
    hc_plan_own(r->step, &old, r->spec.name, r->spec.ns);
    return hc_val_equal(old.object, o->object);
}

/* An install by the server that may find objects of the release there: they are taken over from the client's managers (Helm:
 * Install.performInstall). The controller may always take over and hardly ever does: the first revision does not look at
 * each object for that. */
bool hc_rec_installs_over(const struct hc_reconcile *r, const struct mark *m, int64_t revision)
{
    return m->action == HC_ACTION_INSTALL && !hc_rec_client_side(r) &&
           (revision > 1 || (r->spec.one_shot && r->spec.install.take_ownership));
}

/* What the revision before had and this one has not. */
enum hc_rc hc_rec_find_left(struct hc_reconcile *r, struct hc_err *err)
{
    struct hc_record before;
    struct hc_plan_object *was = NULL, *now;
    size_t was_n = 0;
    if (r->left_known)
        return HC_OK;
    r->left_n = r->before_n = 0;
    r->migrate = hc_rec_installs_over(r, &r->mark, r->head.revision);
    if (r->mark.from > 0) {
        enum hc_rc rc = HC_OK;
        if (r->head_before.revision == r->mark.from)
            before = r->head_before;
        else
            rc = hc_storage_get(r->spec.storage, r->keep, r->spec.name, r->mark.from, &before, err);
        r->migrate = !hc_rec_client_side(r) && (r->mark.action == HC_ACTION_ROLLBACK ||
                                                (rc == HC_OK && !hc_str_eqz(before.apply_method, "ssa")));
        if (rc == HC_OK)
            rc = hc_rec_plan_before(r, r->keep, &before, &was, &was_n, err);
        if (rc != HC_OK && rc != HC_E_NOTFOUND) /* a record that was deleted: nothing is known to have left */
            return rc;
    }
    now = HC_NEW_N(r->step, struct hc_plan_object, r->objects_n + 1);
    if (!now)
        return hc_arena_check(r->step, err, "manifest");
    for (size_t i = 0; i < r->objects_n; i++)
        now[i] = r->objects[i].plan;
    /* Nothing else was applied since: no revision in between that failed half way. */
    bool by_server = was_n > 0 && !hc_rec_client_side(r) && hc_str_eqz(before.apply_method, "ssa") &&
                     before.status != HC_STATUS_FAILED && r->mark.from == r->head.revision - 1;
    for (size_t i = 0; i < r->objects_n; i++)
        r->objects[i].before = by_server && stood_before(r, &r->objects[i].plan, was, was_n);
    r->left_n = hc_plan_left(r->keep, was, was_n, now, r->objects_n, &r->left);
    r->left_gone = HC_NEW_N(r->keep, bool, r->left_n + 1);
    r->before = was;
    r->before_n = was_n;
    r->before_manifest = was_n > 0 ? before.manifest : (hc_str){ NULL, 0 };
    hc_plan_order_delete(r->left, r->left_n);
    r->left_known = true;
    return hc_arena_check(r->keep, err, "manifest");
}

enum hc_rc hc_rec_look(struct hc_reconcile *r, const struct hc_ref *ref, const struct hc_val **out,
                       struct hc_err *err)
{
    struct hc_val *v = NULL;
    enum hc_rc rc = hc_kube_get(r->spec.kube, r->step, ref, &v, err);
    if (rc == HC_OK)
        *out = v;
    return rc;
}

/* ---- several at once --------------------------------------------------------------------------------------- */

struct hc_kube_op *hc_rec_ops(struct hc_reconcile *r, size_t n)
{
    struct hc_kube_op *ops = HC_NEW_N(r->step, struct hc_kube_op, n + 1);
    for (size_t i = 0; ops && i < n; i++)
        ops[i].err = (struct hc_err)HC_ERR_INIT;
    return ops;
}

enum hc_rc hc_rec_get_each(struct hc_reconcile *r, struct hc_kube_op *ops, size_t n, struct hc_err *err)
{
    for (size_t i = 0; i < n; i++)
        ops[i].verb = HC_KUBE_VERB_GET;
    if (n > 0)
        hc_kube_batch(r->spec.kube, r->step, ops, n, r->spec.manager);
    for (size_t i = 0; i < n; i++)
        if (hc_rec_repeatable(ops[i].rc))
            return hc_err_copy(err, &ops[i].err);
    return HC_OK;
}

/* The first failure that only a person can mend, else the first that is worth another try; n: none. */
static size_t worst(const struct hc_kube_op *ops, size_t n)
{
    size_t again = n;
    for (size_t i = 0; i < n; i++) {
        if (ops[i].rc != HC_OK && !hc_rec_repeatable(ops[i].rc))
            return i;
        if (ops[i].rc != HC_OK && again == n)
            again = i;
    }
    return again;
}

enum hc_rc hc_rec_check_owners(struct hc_reconcile *r, const struct hc_record *rec, const struct object *objects,
                               size_t n, const struct hc_plan_object *had, size_t had_n, const char *verb,
                               struct hc_err *err)
{
    struct hc_kube_op *ops = hc_rec_ops(r, n);
    size_t m = 0, *of = HC_NEW_N(r->step, size_t, n + 1);
    for (size_t i = 0; ops && of && i < n; i++) {
        if (objects[i].plan.name.n == 0 || hc_plan_find(had, had_n, &objects[i].plan))
            continue;
        ops[m].verb = HC_KUBE_VERB_GET;
        of[m] = i;
        ops[m++].ref = objects[i].ref;
    }
    enum hc_rc rc = hc_arena_check(r->step, err, "manifest");
    if (rc != HC_OK || m == 0)
        return rc;
    hc_kube_batch(r->spec.kube, r->step, ops, m, r->spec.manager);
    for (size_t i = 0; i < m; i++) {
        hc_str why;
        if (ops[i].rc == HC_E_NOTFOUND)
            ops[i].rc = HC_OK;
        else if (ops[i].rc == HC_OK && !hc_plan_owned(r->step, ops[i].out, r->spec.name, r->spec.ns, &why)) {
            hc_fail(&ops[i].err, HC_E_INPUT,
                    "unable to continue with %s: %.*s \"%.*s\" in namespace \"%.*s\" exists and cannot be "
                    "imported into the current release: %.*s",
                    verb, HC_P(ops[i].ref.kind), HC_P(ops[i].ref.name), HC_P(ops[i].ref.ns), HC_P(why));
            ops[i].rc = HC_E_INPUT;
        }
    }
    size_t bad = worst(ops, m);
    if (bad == m)
        return HC_OK;
    if (!hc_rec_repeatable(ops[bad].rc)) {
        struct hc_rec_source src = hc_rec_source_of(rec, &objects[of[bad]].plan);
        hc_rec_refused(r, &ops[bad].ref, &src, HC_S("No revision was recorded, no object touched."), &ops[bad].err);
    }
    return hc_err_copy(err, &ops[bad].err);
}

/* ---- sending ----------------------------------------------------------------------------------------------- */

/* Objects whose text is that of the revision before are probably as they should be: they are looked at, which costs the
 * server less than an apply that changes nothing, and writes nothing. */
static enum hc_rc look_first(struct hc_reconcile *r, size_t from, size_t to, struct hc_err *err)
{
    struct hc_kube_op *ops = hc_rec_ops(r, to - from);
    size_t *which = HC_NEW_N(r->step, size_t, to - from + 1), m = 0;
    if (!r->live)
        r->live = HC_NEW_N(r->step, struct hc_val *, r->objects_n + 1);
    if (!ops || !which || !r->live)
        return hc_arena_check(r->step, err, "objects");
    for (size_t i = from; i < to; i++) {
        if (!r->objects[i].before || r->live[i])
            continue;
        ops[m].verb = HC_KUBE_VERB_GET;
        ops[m].ref = r->objects[i].ref;
        which[m++] = i;
    }
    if (m > 0)
        hc_kube_batch(r->spec.kube, r->step, ops, m, r->spec.manager);
    for (size_t i = 0; i < m; i++) /* one that could not be looked at is sent, and that says why */
        r->live[which[i]] = ops[i].rc == HC_OK ? ops[i].out : NULL;
    return HC_OK;
}

/* Sends what the server has not as it should be; of the rest the answer is what it has. */
static void apply_changed(struct hc_reconcile *r, const struct object *objects, struct hc_val *const *live,
                          struct hc_kube_op *ops, size_t n)
{
    struct hc_kube_op *some = hc_rec_ops(r, n);
    size_t m = 0;
    for (size_t i = 0; some && i < n; i++) {
        if (live && live[i] &&
            hc_rec_unchanged(r->step, objects[i].plan.object, live[i], r->spec.manager, objects[i].before)) {
            ops[i].verb = HC_KUBE_VERB_GET;
            ops[i].rc = HC_OK;
            ops[i].out = live[i];
        } else {
            some[m++] = ops[i];
        }
    }
    if (m > 0)
        hc_kube_batch(r->spec.kube, r->step, some, m, r->spec.manager);
    for (size_t i = 0, j = 0; i < n; i++) {
        if (!some)
            ops[i].rc = hc_fail_nomem(&ops[i].err);
        else if (ops[i].verb != HC_KUBE_VERB_GET)
            ops[i] = some[j++];
    }
}

/* Its definition was sent a moment ago and is not served yet: no answer of the server, and tried again. */
static bool served_soon(const struct hc_reconcile *r, const struct hc_kube_op *op)
{
    bool here = false;
    if (op->rc != HC_E_NOTFOUND || op->err.http_status != 0)
        return false;
    for (size_t i = 0; i < r->objects_n && !here; i++)
        here = defines(r->objects[i].plan.object, op->ref.kind);
    return here;
}

static enum hc_rc send_wave(struct hc_reconcile *r, size_t from, size_t to, unsigned flags, struct hc_err *err)
{
    struct hc_kube_op *ops = hc_rec_ops(r, to - from);
    if (!ops)
        return hc_arena_check(r->step, err, "wave");
    enum hc_rc rc = hc_rec_fence(r, err);
    if (rc != HC_OK)
        return rc;
    for (size_t i = from; i < to; i++) {
        struct object *o = &r->objects[i];
        ops[i - from].verb = o->plan.name.n > 0 ? HC_KUBE_VERB_APPLY : HC_KUBE_VERB_CREATE;
        ops[i - from].object = o->plan.object;
        ops[i - from].ref = o->ref;
        ops[i - from].flags = flags;
    }
    if (hc_rec_client_side(r))
        hc_rec_client_wave(r, &r->objects[from], ops, to - from);
    else
        apply_changed(r, &r->objects[from], r->live ? r->live + from : NULL, ops, to - from);
    for (size_t i = from; i < to; i++) {
        struct object *o = &r->objects[i];
        if (served_soon(r, &ops[i - from]))
            ops[i - from].rc = ops[i - from].err.code = HC_E_AGAIN;
        o->sent = ops[i - from].rc == HC_OK             ? HC_SENT_OK
                  : hc_rec_repeatable(ops[i - from].rc) ? HC_SENT_NOT
                                                        : HC_SENT_REFUSED;
        if (ops[i - from].rc != HC_OK)
            continue;
        bool first = hc_rec_client_side(r)
                         ? ops[i - from].verb == HC_KUBE_VERB_CREATE
                         : r->mark.from == 0 && hc_get_int_at(ops[i - from].out, "metadata.generation", 1) == 1;
        bool same = ops[i - from].verb == HC_KUBE_VERB_GET;
        hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_OBJECT,
                                         .action = r->mark.action,
                                         .ref = o->ref,
                                         .ok = true,
                                         .change = same    ? HC_CHANGE_NONE
                                                   : first ? HC_CHANGE_CREATED
                                                           : HC_CHANGE_CONFIGURED });
        hc_rec_seen(r, o, ops[i - from].out);
    }
    size_t bad = worst(ops, to - from);
    if (bad == to - from)
        return HC_OK;
    if (hc_rec_repeatable(ops[bad].rc))
        r->busy = &r->objects[from + bad];
    else if (r->read) /* else somebody took over, and what we know is nothing */
        hc_rec_object_refused(r, &r->objects[from + bad], &ops[bad].err);
    return hc_err_copy(err, &ops[bad].err);
}

/* What stays behind, for the person who uninstalls: lines in Helm's words, over all waves. */
static void keep_told(struct hc_reconcile *r, const struct hc_kube_op *got, bool policy, bool ours)
{
    struct hc_buf *to = policy ? &r->kept.policy : got->rc == HC_OK && !ours ? &r->kept.foreign : &r->kept.unsure;
    hc_buf_printf(to, "[%.*s] %.*s", HC_P(got->ref.kind), HC_P(got->ref.name));
    if (to == &r->kept.unsure)
        hc_buf_printf(to, ": %s", got->err.msg);
    hc_buf_putc(to, '\n');
    r->kept.foreign_n += to == &r->kept.foreign;
    r->kept.unsure_n += to == &r->kept.unsure;
    hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_OBJECT,
                                     .action = r->mark.action,
                                     .ref = got->ref,
                                     .change = HC_CHANGE_KEPT,
                                     .ok = policy });
}

void hc_rec_kept_reset(struct hc_reconcile *r)
{
    hc_buf_reset(&r->kept.policy);
    hc_buf_reset(&r->kept.foreign);
    hc_buf_reset(&r->kept.unsure);
    r->kept.foreign_n = r->kept.unsure_n = 0;
}

/* What is to be tried again is told again. */
static void kept_back(struct hc_reconcile *r, const struct kept *to)
{
    r->kept.policy.n = HC_MIN(r->kept.policy.n, to->policy.n);
    r->kept.foreign.n = HC_MIN(r->kept.foreign.n, to->foreign.n);
    r->kept.unsure.n = HC_MIN(r->kept.unsure.n, to->unsure.n);
    r->kept.foreign_n = to->foreign_n;
    r->kept.unsure_n = to->unsure_n;
}

hc_str hc_rec_kept_text(struct hc_reconcile *r)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (r->kept.policy.n > 0)
        hc_buf_printf(&b, "These resources were kept due to the resource policy:\n%.*s",
                      HC_P(hc_buf_str(&r->kept.policy)));
    if (r->kept.foreign_n > 0)
        hc_buf_printf(&b, "%s%zu resource(s) were not deleted because they are not owned by this release:\n%.*s",
                      b.n > 0 ? "\n" : "", r->kept.foreign_n, HC_P(hc_buf_str(&r->kept.foreign)));
    if (r->kept.unsure_n > 0)
        hc_buf_printf(&b, "%s%zu resource(s) were not deleted because their ownership could not be verified:\n%.*s",
                      b.n > 0 ? "\n" : "", r->kept.unsure_n, HC_P(hc_buf_str(&r->kept.unsure)));
    return hc_buf_to_arena(&b, r->step);
}

/*
 * The answer to a delete tells whether the object is gone (a Status, or none: it was gone before) or on its way out (the
 * object, with its deletionTimestamp), so that what is gone costs no look. Some kinds of the core group come without one:
 * as they were when they were taken out (k8s.io/apiserver, registry.Store.ReturnDeletedObject).
 */
static bool is_over(const struct hc_kube_op *op)
{
    bool core = hc_str_eqz(op->ref.api_version, "v1");
    return !op->out || hc_str_eqz(hc_get_str(hc_map_getz(op->out, "kind")), "Status") ||
           (core && hc_get_str_at(op->out, "metadata.name").n > 0 &&
            hc_get_str_at(op->out, "metadata.deletionTimestamp").n == 0);
}

/* Objects that are to go. */
struct leaving {
    struct hc_plan_object *plan; /* in deletion order */
    size_t n;
    const char *how;             /* the propagation; NULL: in the background */
    hc_str manifest;             /* they stand in */
    const struct hc_record *rec; /* it is the manifest of; NULL: of one that is not at hand any more */
    bool *over;                  /* becomes true of those that need not be waited for */
    size_t going;                /* so many are going, or are gone since */
};

/* Deletes what is there, ours and not to be kept. What stays is told. */
static enum hc_rc delete_objects(struct hc_reconcile *r, struct leaving *l, struct hc_err *err)
{
    const struct hc_plan_object *plan = l->plan;
    const size_t n = l->n;
    bool *over = l->over;
    struct hc_kube_op *ops = hc_rec_ops(r, n);
    size_t *of = HC_NEW_N(r->step, size_t, n + 1);
    bool *gone = HC_NEW_N(r->step, bool, n + 1);
    enum hc_rc rc = HC_OK;
    if (!ops || !of || !gone)
        return hc_arena_check(r->step, err, "objects to delete");
    for (size_t i = 0; i < n; i++) {
        ops[i].verb = HC_KUBE_VERB_GET;
        ops[i].ref = (struct hc_ref){ plan[i].api_version, plan[i].kind, plan[i].ns, plan[i].name };
    }
    hc_kube_batch(r->spec.kube, r->step, ops, n, r->spec.manager);
    for (size_t from = 0, to; from < n && rc == HC_OK; from = to) {
        struct hc_kube_op *wave = hc_rec_ops(r, n);
        size_t m = 0;
        for (to = from; wave && to < n && plan[to].wave == plan[from].wave; to++) {
            const struct hc_kube_op *got = &ops[to];
            hc_str keep = hc_get_str(
                hc_map_getz(hc_get(got->out, "metadata.annotations"), "helm.sh/resource-policy"));
            bool stays = plan[to].keep || hc_str_eq_nocase(keep, HC_S("keep"));
            gone[to] = over[to] = got->rc == HC_E_NOTFOUND || plan[to].name.n == 0;
            if (gone[to])
                continue;
            if (hc_rec_repeatable(got->rc))
                return hc_err_copy(err, &got->err);
            bool ours = got->rc == HC_OK && hc_plan_owned(r->step, got->out, r->spec.name, r->spec.ns, NULL);
            if (stays || !ours) {
                keep_told(r, got, stays, ours);
                over[to] = true;
                continue;
            }
            l->going++;
            gone[to] = hc_get_str_at(got->out, "metadata.deletionTimestamp").n > 0;
            if (gone[to])
                continue;
            of[m] = to;
            wave[m].verb = HC_KUBE_VERB_DELETE;
            wave[m++].ref = got->ref;
        }
        if (!wave)
            return hc_arena_check(r->step, err, "objects to delete");
        if (m > 0)
            rc = hc_rec_fence(r, err);
        if (rc != HC_OK)
            return rc;
        if (l->how && strcmp(l->how, "Background") != 0) {
            for (size_t i = 0; i < m; i++) {
                const struct hc_kube_delete d = { .propagation = l->how };
                wave[i].rc = hc_kube_delete(r->spec.kube, &wave[i].ref, &d, &over[of[i]], &wave[i].err);
            }
        } else {
            hc_kube_batch(r->spec.kube, r->step, wave, m, r->spec.manager);
            for (size_t i = 0; i < m; i++)
                over[of[i]] = wave[i].rc == HC_OK && is_over(&wave[i]);
        }
        for (size_t i = 0; i < m; i++) {
            if (wave[i].rc == HC_E_NOTFOUND)
                wave[i].rc = HC_OK;
            gone[of[i]] = wave[i].rc == HC_OK;
            if (wave[i].rc == HC_OK)
                hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_OBJECT,
                                                 .action = r->mark.action,
                                                 .ref = wave[i].ref,
                                                 .ok = true,
                                                 .change = HC_CHANGE_DELETED });
        }
        size_t bad = worst(wave, m);
        if (bad == m)
            continue;
        rc = wave[bad].rc;
        if (!hc_rec_repeatable(rc) && r->read) {
            struct hc_rec_source src = { .rec = l->rec,
                                         .path = hc_plan_source(l->manifest, plan[of[bad]].line),
                                         .text = l->manifest,
                                         .line = plan[of[bad]].line,
                                         .what = "manifest" };
            hc_rec_refused(r, &wave[bad].ref, &src, hc_rec_deleted_text(r, plan, gone, n, of[bad]), &wave[bad].err);
        }
        (void)hc_err_copy(err, &wave[bad].err);
    }
    return rc;
}

static enum hc_rc fault(struct hc_reconcile *r, enum hc_rc rc, struct hc_err *err)
{
    if (rc == HC_OK || hc_rec_repeatable(rc) || !r->read)
        return rc;
    r->fault = true; /* seen by the next decision, which says what a refusal leads to */
    hc_err_copy(&r->fault_err, err);
    return HC_OK;
}

/* ---- group after group ------------------------------------------------------------------------------------- */

/*
 * mark.wave counts the groups that are behind us: first those of the manifest, then, of what left it, the deletions in
 * their order (the first goes along with the last group that is sent). What is done at once is not written down: the next
 * write of the record says it, and what was sent before a crash is sent again and is the same.
 */
static int pruned_groups(const struct hc_reconcile *r)
{
    int n = 0;
    for (size_t i = 0; i < r->left_n; i++)
        n += i == 0 || r->left[i].group != r->left[i - 1].group;
    return n;
}

int hc_rec_last_wave(const struct hc_reconcile *r)
{
    int pruned = r->head.status == HC_STATUS_UNINSTALLING ? 0 : pruned_groups(r);
    return r->groups - 1 + (pruned > 1 ? pruned - 1 : 0);
}

bool hc_rec_wave_span(const struct hc_reconcile *r, size_t *out_from, size_t *out_to)
{
    bool away = r->head.status == HC_STATUS_UNINSTALLING;
    int64_t group = away ? r->groups - 1 - r->mark.wave : r->mark.wave;
    size_t from = 0, to;
    if (!away && (group >= r->groups || (group == r->groups - 1 && pruned_groups(r) > 1)))
        return false;
    while (from < r->objects_n && r->objects[from].plan.group < group)
        from++;
    for (to = from; to < r->objects_n && r->objects[to].plan.group == group; to++)
        ;
    *out_from = from;
    *out_to = to;
    return true;
}

void hc_rec_pruned_span(const struct hc_reconcile *r, size_t *out_from, size_t *out_to)
{
    int64_t which = r->mark.wave - (r->groups - 1);
    size_t from = 0, to = 0;
    for (; from < r->left_n && which > 0; which--)
        for (int group = r->left[from].group; from < r->left_n && r->left[from].group == group;)
            from++;
    for (to = from; to < r->left_n && r->left[to].group == r->left[from].group; to++)
        ;
    *out_from = from;
    *out_to = to;
}

/* A wave is gone when its Pods are: what it depends on is deleted behind it. */
static const char *how_gone(const char *how, bool last)
{
    bool background = !how || strcmp(how, "Background") == 0;
    return background && !last ? "Foreground" : how;
}

/* It was sent; true: the rest is to be sent at once. */
static bool wave_passed(struct hc_reconcile *r, bool over)
{
    r->memo.applied_ms = hc_rec_now(r);
    if (over) {
        r->mark.wave++;
        return true;
    }
    r->wave_sent = r->fresh = true;
    r->memo.wave = (int)r->mark.wave;
    r->memo.wave_revision = r->head.status == HC_STATUS_UNINSTALLING ? -r->head.revision : r->head.revision;
    return false;
}

static enum hc_rc apply_group(struct hc_reconcile *r, bool *out_over, struct hc_err *err)
{
    const struct hc_action_policy *p = hc_rec_policy(r, r->mark.action);
    unsigned flags = (p->force_conflicts ? HC_KUBE_FORCE : 0u) |
                     (p->skip_validation ? HC_KUBE_SKIP_VALIDATION : 0u);
    size_t begin = 0, end = r->objects_n;
    enum hc_rc rc = HC_OK;
    while (begin < r->objects_n && r->objects[begin].plan.group < r->mark.wave)
        begin++;
    for (end = begin; end < r->objects_n && r->objects[end].plan.group == r->mark.wave;)
        end++;
    if (!hc_rec_client_side(r))
        rc = look_first(r, begin, end, err);
    for (size_t from = begin, to; rc == HC_OK && from < end; from = to) {
        for (to = from; to < end && r->objects[to].plan.wave == r->objects[from].plan.wave; to++)
            ;
        rc = send_wave(r, from, to, flags, err);
    }
    *out_over = true;
    for (size_t i = begin; i < end; i++)
        *out_over = *out_over && (r->objects[i].settled || r->objects[i].plan.name.n == 0);
    if (rc != HC_OK || r->mark.wave < r->groups - 1 || r->left_n == 0)
        return rc;
    size_t from, to;
    hc_rec_pruned_span(r, &from, &to);
    struct leaving l = { .plan = r->left + from,
                         .n = to - from,
                         .how = how_gone(NULL, to == r->left_n),
                         .manifest = r->before_manifest,
                         .over = r->left_gone + from };
    rc = delete_objects(r, &l, err);
    *out_over = l.going == 0;
    return rc;
}

enum hc_rc hc_rec_apply(struct hc_reconcile *r, struct hc_err *err)
{
    bool over = false;
    enum hc_rc rc = hc_rec_plan_head(r, err);
    if (rc == HC_OK)
        rc = hc_rec_find_left(r, err);
    if (rc == HC_OK && r->migrate) {
        r->live = HC_NEW_N(r->step, struct hc_val *, r->objects_n + 1);
        rc = r->live ? hc_rec_migrate(r, r->objects, r->objects_n, r->live, err)
                     : hc_arena_check(r->step, err, "objects");
    }
    r->migrate = r->migrate && rc != HC_OK;
    for (int last = hc_rec_last_wave(r); rc == HC_OK && !r->applied && !r->wave_sent;) {
        rc = apply_group(r, &over, err);
        if (rc != HC_OK || (r->mark.wave < last && wave_passed(r, over)) || r->wave_sent)
            continue;
        r->applied = r->fresh = true;
        r->memo.applied_revision = r->head.revision;
        r->memo.applied_ms = hc_rec_now(r);
        r->memo.applied_settled = false; /* the wait finds out */
    }
    return fault(r, rc, err);
}

enum hc_rc hc_rec_delete(struct hc_reconcile *r, struct hc_err *err)
{
    enum hc_rc rc = hc_rec_plan_head(r, err);
    if (rc != HC_OK)
        return fault(r, rc, err);
    struct leaving l = { .plan = HC_NEW_N(r->step, struct hc_plan_object, r->objects_n + 1),
                         .manifest = r->head.manifest,
                         .rec = &r->head,
                         .over = HC_NEW_N(r->step, bool, r->objects_n + 1) };
    if (!l.plan || !l.over)
        return hc_arena_check(r->step, err, "objects to delete");
    if (r->mark.wave == 0)
        hc_rec_kept_reset(r);
    while (rc == HC_OK && !r->applied && !r->wave_sent) {
        size_t from = 0, to = 0;
        const struct kept before = r->kept;
        bool last = r->mark.wave >= r->groups - 1;
        (void)hc_rec_wave_span(r, &from, &to);
        for (size_t i = from; i < to; i++)
            l.plan[i - from] = r->objects[i].plan;
        l.n = to - from;
        l.how = how_gone(r->spec.propagation, last);
        l.going = 0;
        hc_plan_order_delete(l.plan, l.n);
        rc = delete_objects(r, &l, err);
        for (size_t i = 0; i < l.n; i++) /* deleted in another order than they stand in */
            for (size_t j = from; j < to; j++)
                if (r->objects[j].plan.object == l.plan[i].object)
                    r->objects[j].gone = l.over[i];
        if (rc == HC_OK && last)
            r->applied = true;
        else if (rc == HC_OK)
            (void)wave_passed(r, l.going == 0);
        else
            kept_back(r, &before);
    }
    return fault(r, rc, err);
}

/* --cleanup-on-fail: what this revision brought. */
enum hc_rc hc_rec_cleanup(struct hc_reconcile *r, struct hc_err *err)
{
    struct hc_record before;
    struct hc_plan_object *was = NULL, *now;
    struct leaving l = { .manifest = r->head.manifest, .rec = &r->head };
    size_t was_n = 0;
    enum hc_rc rc = hc_rec_plan_head(r, err);
    if (rc == HC_OK && r->mark.from > 0)
        rc = hc_storage_get(r->spec.storage, r->step, r->spec.name, r->mark.from, &before, err);
    if (rc == HC_OK && r->mark.from > 0)
        rc = hc_rec_plan_before(r, r->step, &before, &was, &was_n, err);
    now = HC_NEW_N(r->step, struct hc_plan_object, r->objects_n + 1);
    if (rc != HC_OK || !now)
        return rc;
    for (size_t i = 0; i < r->objects_n; i++)
        now[i] = r->objects[i].plan;
    l.n = hc_plan_left(r->step, now, r->objects_n, was, was_n, &l.plan);
    hc_plan_order_delete(l.plan, l.n);
    l.over = HC_NEW_N(r->step, bool, l.n + 1);
    return l.over ? delete_objects(r, &l, err) : hc_arena_check(r->step, err, "objects to delete");
}
