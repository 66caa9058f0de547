/*
 * The preview: the revision is rendered and composed as for its record, made the head in memory, and each of its requests
 * is sent as a dry run. Refusals are sorted by what a person can do about them.
 */
#include "deploy/reconcile/preview.h"

#include "core/value/yaml.h"
#include "deploy/reconcile/reconcile_impl.h"

struct scout {
    struct hc_reconcile *r;
    struct hc_preview *out;
    unsigned flags;
    size_t objects_cap, problems_cap;
};

const char *hc_preview_change_name(enum hc_preview_change c)
{
    static const char *const names[] = { "unchanged", "create", "change", "replace", "delete", "keep" };
    return (size_t)c < HC_LEN(names) ? names[c] : "?";
}

const char *hc_preview_trouble_name(enum hc_preview_trouble t)
{
    static const char *const names[] = {
        "busy",           "unknown kind",  "foreign object", "conflict",          "immutable field",
        "invalid object", "missing right", "quota",          "missing namespace", "record too large",
        "data loss",      "refused"
    };
    return (size_t)t < HC_LEN(names) ? names[t] : "?";
}

/* ---- collecting -------------------------------------------------------------------------------------------- */

static struct hc_preview_object *add_object(struct scout *s)
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

static void add_problem(struct scout *s, struct hc_preview_problem problem)
{
    struct hc_preview *p = s->out;
    if (p->problems_n == s->problems_cap) {
        size_t cap = s->problems_cap ? s->problems_cap * 2 : 8;
        struct hc_preview_problem *more = HC_NEW_N(s->r->step, struct hc_preview_problem, cap);
        if (!more)
            return;
        if (p->problems_n > 0)
            memcpy(more, p->problems, p->problems_n * sizeof(*more));
        p->problems = more;
        s->problems_cap = cap;
    }
    p->problems[p->problems_n++] = problem;
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

static enum hc_rc definitions_of(struct scout *s, struct hc_err *err)
{
    struct hc_reconcile *r = s->r;
    const struct hc_action_policy *p = hc_rec_policy(r, s->out->action);
    r->definitions = hc_list_new(r->step);
    if (p->crds == HC_CRDS_SKIP || !r->spec.port.crds)
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
            struct hc_preview_object *o = add_object(s);
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

/* Kinds that nobody serves and the release does not bring. True: all are known. */
static bool check_kinds(struct scout *s)
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
        add_problem(s, (struct hc_preview_problem){
                           .what = HC_TROUBLE_KIND,
                           .ref = { all[i].api_version, all[i].kind, all[i].ns, all[i].name },
                           .source = hc_plan_source(r->head.manifest, all[i].line),
                           .field = HC_S("apiVersion"),
                           .message = hc_arena_printf(r->step, "the server does not serve %.*s in %.*s",
                                                      HC_P(all[i].kind), HC_P(all[i].api_version)),
                           .remedy = other.n > 0
                                         ? hc_arena_printf(r->step,
                                                           "it serves it as %.*s: the chart is too old (or too "
                                                           "new) for this cluster",
                                                           HC_P(other))
                                         : HC_S("install what brings its CustomResourceDefinition first") });
    }
    return s->out->problems_n == before;
}

/* ---- refusals ---------------------------------------------------------------------------------------------- */

/* "... is invalid: spec.selector: Invalid value: ..." gives spec.selector; of a conflict the first field named. */
static hc_str field_in(hc_str message)
{
    static const char *const marks[] = { " is invalid: ", "unknown field \"", ": ." };
    for (size_t i = 0; i < HC_LEN(marks); i++) {
        size_t at = hc_str_find_str(message, hc_str_of(marks[i]));
        if (at == SIZE_MAX)
            continue;
        hc_str rest = hc_str_sub(message, at + strlen(marks[i]), message.n);
        size_t end = 0;
        while (end < rest.n && rest.p[end] != '"' && rest.p[end] != '\n' && rest.p[end] != ',' &&
               !(rest.p[end] == ':' && end + 1 < rest.n && rest.p[end + 1] == ' ') &&
               !(rest.p[end] == ' ' && i == 2))
            end++;
        return hc_str_sub(rest, 0, end);
    }
    return (hc_str){ NULL, 0 };
}

static enum hc_preview_trouble trouble_of(const struct hc_err *err, hc_str message, const char **out_remedy)
{
    bool immutable = hc_str_find_str(message, HC_S("immutable")) != SIZE_MAX ||
                     hc_str_find_str(message, HC_S("Forbidden: updates to")) != SIZE_MAX ||
                     hc_str_find_str(message, HC_S("may not change")) != SIZE_MAX;
    if (immutable) {
        *out_remedy =
            "keep the old value, or delete the object first (for a StatefulSet with --cascade=orphan, so that its "
            "pods stay)";
        return HC_TROUBLE_IMMUTABLE;
    }
    if (err->http_status == 409) {
        *out_remedy = "--force-conflicts takes the field over; or leave it out of the chart";
        return HC_TROUBLE_CONFLICT;
    }
    if (err->http_status == 403 && hc_str_find_str(message, HC_S("exceeded quota")) != SIZE_MAX) {
        *out_remedy = "ask for less, or for a larger ResourceQuota";
        return HC_TROUBLE_QUOTA;
    }
    if (err->http_status == 403) {
        *out_remedy = "the right is missing: have a Role with that verb bound to you";
        return HC_TROUBLE_RIGHTS;
    }
    if (err->http_status == 404 && hc_str_find_str(message, HC_S("namespaces \"")) != SIZE_MAX) {
        *out_remedy = "make the namespace first, or --create-namespace";
        return HC_TROUBLE_NAMESPACE;
    }
    if (err->http_status == 400 || err->http_status == 422 || err->http_status == 500) {
        *out_remedy = "correct the chart or the values that set it";
        return HC_TROUBLE_INVALID;
    }
    *out_remedy = "see what the server says";
    return HC_TROUBLE_OTHER;
}

static void refused(struct scout *s, const struct hc_preview_object *o, const struct hc_err *err)
{
    const char *remedy = "";
    hc_str message = hc_arena_str(s->r->step, hc_str_of(err->msg));
    enum hc_preview_trouble what = trouble_of(err, message, &remedy);
    if (what == HC_TROUBLE_NAMESPACE && s->r->spec.create_namespace)
        return;
    add_problem(s, (struct hc_preview_problem){ .what = what,
                                                .ref = o->ref,
                                                .source = o->source,
                                                .field = field_in(message),
                                                .message = message,
                                                .remedy = hc_str_of(remedy) });
}

/* A namespace that comes with the release cannot be asked about what will be in it. */
static bool brings_namespace(const struct hc_reconcile *r, hc_str ns)
{
    if (r->spec.create_namespace && hc_str_eq(ns, r->spec.ns))
        return true;
    for (size_t i = 0; i < r->objects_n; i++)
        if (hc_str_eqz(r->objects[i].ref.kind, "Namespace") && hc_str_eq(r->objects[i].ref.name, ns))
            return true;
    return false;
}

/* ---- objects ----------------------------------------------------------------------------------------------- */

static bool was_ours(const struct hc_reconcile *r, const struct object *o)
{
    for (size_t i = 0; i < r->before_n; i++)
        if (hc_plan_same(&r->before[i], &o->plan))
            return true;
    return false;
}

static void judge_owner(struct scout *s, const struct object *o, struct hc_preview_object *p)
{
    struct hc_reconcile *r = s->r;
    hc_str why;
    if (!p->live || was_ours(r, o) || hc_plan_owned(r->step, p->live, r->spec.name, r->spec.ns, &why))
        return;
    if (hc_rec_policy(r, r->mark.action)->take_ownership) {
        p->why = HC_S("exists and is taken over");
        return;
    }
    hc_str owner = hc_get_str(hc_map_getz(hc_get(p->live, "metadata.annotations"), "meta.helm.sh/release-name"));
    add_problem(
        s, (struct hc_preview_problem){
               .what = HC_TROUBLE_FOREIGN,
               .ref = p->ref,
               .source = p->source,
               .field = HC_S("metadata"),
               .message = owner.n > 0 && !hc_str_eq(owner, r->spec.name)
                              ? hc_arena_printf(r->step, "it belongs to release %.*s", HC_P(owner))
                              : hc_arena_printf(r->step, "it exists and is not this release's: %.*s", HC_P(why)),
               .remedy = HC_S("--take-ownership takes it over; or give it another name") });
}

/* The request that would be sent, as a dry run; false: nothing would be. */
static bool try_of(struct scout *s, const struct object *o, const struct hc_preview_object *p,
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

static enum hc_rc try_objects(struct scout *s, struct hc_preview_object *objects, struct hc_err *err)
{
    struct hc_reconcile *r = s->r;
    struct hc_kube_op *ops = HC_NEW_N(r->step, struct hc_kube_op, r->objects_n + 1);
    struct hc_kube_op *sent = HC_NEW_N(r->step, struct hc_kube_op, r->objects_n + 1);
    size_t n = 0, j = 0;
    bool *pick = HC_NEW_N(r->step, bool, r->objects_n + 1);
    if (!ops || !sent || !pick)
        return hc_arena_check(r->step, err, "preview");
    for (size_t i = 0; i < r->objects_n; i++) {
        struct hc_kube_resource kind;
        bool served = hc_kube_resource_of(r->spec.kube, r->objects[i].ref.api_version, r->objects[i].ref.kind,
                                          &kind, NULL) == HC_OK;
        pick[i] = served && try_of(s, &r->objects[i], &objects[i], &ops[i]);
        objects[i].untried = !served;
        if (pick[i])
            sent[n++] = ops[i];
    }
    if (n > 0)
        hc_kube_batch(r->spec.kube, r->step, sent, n, r->spec.manager);
    for (size_t i = 0; i < r->objects_n; i++) {
        struct hc_preview_object *p = &objects[i];
        const struct hc_kube_op *op = pick[i] ? &sent[j++] : &ops[i];
        if (op->rc == HC_E_AGAIN || op->rc == HC_E_NOMEM)
            return hc_err_copy(err, &op->err);
        bool new_place = op->rc == HC_E_NOTFOUND && brings_namespace(r, p->ref.ns);
        if (op->rc != HC_OK && !new_place)
            refused(s, p, &op->err);
        p->untried = p->untried || new_place;
        p->then = pick[i] && op->rc == HC_OK ? op->out : !pick[i] && p->live ? p->live : r->objects[i].plan.object;
        if (op->rc == HC_OK || new_place)
            compare(s, p, op->verb == HC_KUBE_VERB_UPDATE);
        else
            p->change = p->live ? HC_PREVIEW_CHANGE : HC_PREVIEW_CREATE;
    }
    return HC_OK;
}

static bool holds_data(hc_str kind)
{
    static const char *const kinds[] = { "PersistentVolumeClaim", "PersistentVolume", "Namespace",
                                         "CustomResourceDefinition" };
    for (size_t i = 0; i < HC_LEN(kinds); i++)
        if (hc_str_eqz(kind, kinds[i]))
            return true;
    return false;
}

static void judge_deletion(struct scout *s, const struct hc_plan_object *plan, const struct hc_val *live, int wave)
{
    struct hc_reconcile *r = s->r;
    hc_str policy = hc_get_str(hc_map_getz(hc_get(live, "metadata.annotations"), "helm.sh/resource-policy"));
    bool keep = plan->keep || hc_str_eqz(policy, "keep");
    bool ours = hc_plan_owned(r->step, live, r->spec.name, r->spec.ns, NULL);
    struct hc_preview_object *p = add_object(s);
    if (!p)
        return;
    *p = (struct hc_preview_object){ .ref = { plan->api_version, plan->kind, plan->ns, plan->name },
                                     .live = live,
                                     .wave = wave,
                                     .secret = hc_str_eqz(plan->kind, "Secret"),
                                     .change = keep || !ours ? HC_PREVIEW_KEEP : HC_PREVIEW_DELETE,
                                     .why = keep ? HC_S("left the manifest; helm.sh/resource-policy: keep")
                                            : ours
                                                ? HC_S("left the manifest")
                                                : HC_S("left the manifest, and is not this release's any more") };
    bool may = true;
    if (p->change != HC_PREVIEW_DELETE)
        return;
    if (holds_data(plan->kind) && !(s->flags & HC_PREVIEW_DATA_MAY_GO))
        add_problem(s,
                    (struct hc_preview_problem){
                        .what = HC_TROUBLE_DATA,
                        .ref = p->ref,
                        .message = HC_S(
                            "it is not in the manifest any more: it would be deleted, and what it holds with it"),
                        .remedy = HC_S("annotate it with helm.sh/resource-policy: keep; or --allow-data-loss") });
    if (hc_kube_may(r->spec.kube, "delete", &p->ref, &may, NULL) == HC_OK && !may)
        add_problem(s,
                    (struct hc_preview_problem){ .what = HC_TROUBLE_RIGHTS,
                                                 .ref = p->ref,
                                                 .message = HC_S("it would be deleted, and you may not"),
                                                 .remedy = HC_S("have a Role with the verb delete bound to you") });
}

static enum hc_rc look(struct scout *s, const struct hc_kube_op **out, struct hc_err *err)
{
    struct hc_reconcile *r = s->r;
    size_t n = r->objects_n + r->left_n;
    struct hc_kube_op *ops = HC_NEW_N(r->step, struct hc_kube_op, n + 1);
    if (!ops)
        return hc_arena_check(r->step, err, "preview");
    for (size_t i = 0; i < n; i++) {
        const struct hc_plan_object *left = i < r->objects_n ? NULL : &r->left[i - r->objects_n];
        ops[i] = (struct hc_kube_op){ .verb = HC_KUBE_VERB_GET, .err = HC_ERR_INIT };
        ops[i].ref = left ? (struct hc_ref){ left->api_version, left->kind, left->ns, left->name }
                          : r->objects[i].ref;
    }
    hc_kube_batch(r->spec.kube, r->step, ops, n, r->spec.manager);
    for (size_t i = 0; i < n; i++)
        if (ops[i].rc == HC_E_AGAIN || ops[i].rc == HC_E_NOMEM)
            return hc_err_copy(err, &ops[i].err);
    *out = ops;
    return HC_OK;
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
        struct hc_preview_object *p = add_object(s);
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
            refused(s, p, &seen[i].err);
        judge_owner(s, o, p);
    }
    if (rc == HC_OK)
        rc = hc_arena_check(r->step, err, "preview");
    if (rc == HC_OK)
        rc = try_objects(s, s->out->objects + first, err);
    for (size_t i = 0; rc == HC_OK && i < r->left_n; i++) {
        pruned += i > 0 && r->left[i].group != r->left[i - 1].group;
        if (seen[r->objects_n + i].rc == HC_OK && r->left[i].name.n > 0)
            judge_deletion(s, &r->left[i], seen[r->objects_n + i].out, last > 0 ? pruned : 0);
    }
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
                add_problem(
                    s, (struct hc_preview_problem){
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
    if (hc_record_encode(s->r->step, &s->r->head, &payload, &err) == HC_E_LIMIT)
        add_problem(s, (struct hc_preview_problem){
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
        add_problem(&s, (struct hc_preview_problem){
                            .what = HC_TROUBLE_BUSY,
                            .message = hc_arena_printf(
                                r->step, "revision %" PRId64 " is %s: another operation is in progress",
                                r->head.revision, hc_status_name(r->head.status)),
                            .remedy = HC_S("wait for it, or call the verb that was interrupted again") });
    out->head_version = had ? hc_arena_str(r->step, r->head.resource_version) : (hc_str){ NULL, 0 };
    rc = hc_rec_imagine(r, &old_arena, err);
    if (rc != HC_OK)
        return rc;
    out->action = r->mark.action;
    out->from = had ? old.revision : 0;
    out->revision = r->head.revision;
    out->record = &r->head;
    rc = definitions_of(&s, err);
    if (rc == HC_OK && check_kinds(&s))
        rc = preview_objects(&s, err);
    if (rc != HC_OK)
        return rc;
    preview_hooks(&s);
    check_record(&s);
    out->changes = !had || !hc_str_eq(old.manifest, r->head.manifest) || !same_hooks(&old, &r->head);
    for (size_t i = 0; i < out->objects_n; i++)
        out->changes = out->changes ||
                       (out->objects[i].change != HC_PREVIEW_NONE && out->objects[i].change != HC_PREVIEW_KEEP);
    return hc_arena_check(r->step, err, "preview");
}
