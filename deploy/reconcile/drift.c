/*
 * Drift: what a server-side dry run of our manifest would change. The live object and the answer of the dry run are
 * compared without what the server keeps for itself; ignore rules take fields out of both. A field nobody but us would
 * set is not named in the text when the object is a Secret.
 */
#include <inttypes.h>
#include <stdio.h>

#include "core/base/pattern.h"
#include "core/value/merge.h"
#include "core/value/selector.h"
#include "deploy/reconcile/preview.h"
#include "deploy/reconcile/reconcile_impl.h"

static bool matches(hc_str pattern, hc_str s)
{
    HC_AUTO(hc_pattern) struct hc_pattern p = { .there = false };
    return pattern.n == 0 ||
           (hc_pattern_init_whole(&p, pattern, "ignore", NULL) == HC_OK && hc_pattern_found(&p, s));
}

enum hc_rc hc_rec_check_ignore(const struct hc_reconcile_spec *spec, struct hc_err *err)
{
    for (size_t i = 0; i < spec->drift_ignore_n; i++) {
        const struct hc_drift_ignore *g = &spec->drift_ignore[i];
        const struct {
            const char *what;
            hc_str pattern;
        } rows[] = { { "group", g->group },
                     { "version", g->version },
                     { "kind", g->kind },
                     { "name", g->name },
                     { "namespace", g->ns } };
        for (size_t j = 0; j < HC_LEN(rows); j++) {
            HC_AUTO(hc_pattern) struct hc_pattern p = { .there = false };
            if (rows[j].pattern.n && hc_pattern_init_whole(&p, rows[j].pattern, "regex", NULL) != HC_OK)
                return hc_fail(err, HC_E_INPUT,
                               "failed to create ignore rule selector: invalid %s regex, or none that can be used "
                               "here: `^(%.*s)$`",
                               rows[j].what, HC_P(hc_str_sub(rows[j].pattern, 0, 256)));
        }
        bool fits;
        if ((g->label_selector.n && hc_selector_fits(g->label_selector, NULL, &fits, err) != HC_OK) ||
            (g->annotation_selector.n && hc_selector_fits(g->annotation_selector, NULL, &fits, err) != HC_OK))
            return hc_wrap(err, "failed to create ignore rule selector");
    }
    return HC_OK;
}

static bool selects(hc_str selector, const struct hc_val *map)
{
    bool fits = false;
    return selector.n == 0 || (hc_selector_fits(selector, map, &fits, NULL) == HC_OK && fits);
}

static bool applies(const struct hc_drift_ignore *rule, const struct object *o)
{
    size_t slash = hc_str_find(o->ref.api_version, '/');
    hc_str group = slash == SIZE_MAX ? HC_S("") : hc_str_sub(o->ref.api_version, 0, slash);
    hc_str version = slash == SIZE_MAX ? o->ref.api_version
                                       : hc_str_sub(o->ref.api_version, slash + 1, o->ref.api_version.n);
    return matches(rule->group, group) && matches(rule->version, version) && matches(rule->kind, o->ref.kind) &&
           matches(rule->name, o->ref.name) && matches(rule->ns, o->ref.ns) &&
           selects(rule->label_selector, hc_get(o->plan.object, "metadata.labels")) &&
           selects(rule->annotation_selector, hc_get(o->plan.object, "metadata.annotations"));
}

static bool under(hc_str path, hc_str prefix)
{
    return hc_str_starts(path, prefix) && (path.n == prefix.n || path.p[prefix.n] == '/');
}

/* Fields that differ between a live object and a dry run without anybody having changed something. */
bool hc_reconcile_servers_own(hc_str path)
{
    static const char *const paths[] = { "/metadata/managedFields",     "/metadata/resourceVersion",
                                         "/metadata/generation",        "/metadata/uid",
                                         "/metadata/creationTimestamp", "/status" };
    for (size_t i = 0; i < HC_LEN(paths); i++)
        if (under(path, hc_str_of(paths[i])))
            return true;
    return false;
}

static bool ignored(struct hc_reconcile *r, const struct object *o, hc_str path)
{
    for (size_t i = 0; i < r->spec.drift_ignore_n; i++) {
        const struct hc_drift_ignore *rule = &r->spec.drift_ignore[i];
        for (size_t j = 0; j < rule->paths_n; j++)
            if (under(path, rule->paths[j]) && applies(rule, o))
                return true;
    }
    return false;
}

static bool opted_out(const struct hc_val *object)
{
    static const char key[] = "helm.toolkit.fluxcd.io/driftDetection";
    return hc_str_eqz(hc_get_str(hc_map_getz(hc_get(object, "metadata.labels"), key)), "disabled") ||
           hc_str_eqz(hc_get_str(hc_map_getz(hc_get(object, "metadata.annotations"), key)), "disabled");
}

/* What differs of one object. `live` NULL: it is gone. */
static void drifted(struct hc_reconcile *r, const struct object *o, const struct hc_val *live, hc_str path,
                    hc_str says, struct hc_buf *text)
{
    hc_str name = hc_ref_str(r->step, &o->ref);
    const uint64_t field = hc_str_hash(hc_arena_printf(r->step, "%.*s %.*s", HC_P(name), HC_P(path)));
    int64_t took_ms = 0;
    enum hc_fight fight = r->spec.drift == HC_DRIFT_CORRECT ? hc_rec_fight_look(r, field, &took_ms) : HC_FIGHT_NONE;
    r->drift_left |= fight != HC_FIGHT_NONE;
    if (fight == HC_FIGHT_BEGINS) {
        hc_str who = live ? hc_rec_writer(r, live, path) : (hc_str){ NULL, 0 };
        hc_str deed = !live ? HC_S("it is deleted again")
                            : hc_arena_printf(r->step, "%.*s is changed again by %.*s", HC_P(path),
                                              HC_P(who.n ? who : HC_S("somebody")));
        hc_str msg = hc_arena_printf(
            r->step,
            "%.*s: %.*s each time that it is put back (%u times in %" PRId64
            " s): it is left alone for %d minutes or until the release changes. Let one of "
            "both have it: take it out of the chart, or name it in driftDetection.ignore",
            HC_P(name), HC_P(deed), HC_FIGHT_ROUNDS, took_ms / 1000, HC_FIGHT_PAUSE_MS / 60000);
        hc_rec_tell(r,
                    (struct hc_tell){ .what = HC_TOLD_FIGHT, .ref = o->ref, .record = &r->head, .message = msg });
    }
    if (fight != HC_FIGHT_NONE)
        return;
    hc_buf_printf(text, "%s%.*s %.*s", text->n > 0 ? "; " : "", HC_P(name), HC_P(says));
    r->drift_fields[hc_list_len(r->drifted)] = field;
    hc_list_add(r->step, r->drifted, o->plan.object);
}

enum hc_rc hc_rec_observe_drift(struct hc_reconcile *r, struct hc_seen *s, struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf text;
    hc_buf_init(&text, 0);
    enum hc_rc rc = hc_rec_plan_head(r, err);
    if (rc != HC_OK)
        return rc;
    size_t n = r->objects_n;
    struct hc_kube_op *live = HC_NEW_N(r->step, struct hc_kube_op, n + 1);
    struct hc_kube_op *want = HC_NEW_N(r->step, struct hc_kube_op, n + 1);
    r->drifted = hc_list_new(r->step);
    r->drift_fields = HC_NEW_N(r->step, uint64_t, n + 1);
    r->drift_left = false;
    if (!live || !want || !r->drift_fields)
        return hc_arena_check(r->step, err, "drift");
    for (size_t i = 0; i < n; i++) {
        live[i] = (struct hc_kube_op){ .verb = HC_KUBE_VERB_GET, .ref = r->objects[i].ref, .err = HC_ERR_INIT };
        want[i] = (struct hc_kube_op){ .verb = HC_KUBE_VERB_APPLY,
                                       .ref = r->objects[i].ref,
                                       .object = r->objects[i].plan.object,
                                       .flags = HC_KUBE_FORCE | HC_KUBE_DRY_RUN,
                                       .err = HC_ERR_INIT };
    }
    hc_kube_batch(r->spec.kube, r->step, live, n, r->spec.manager);
    hc_kube_batch(r->spec.kube, r->step, want, n, r->spec.manager);
    for (size_t i = 0; i < n; i++) {
        const struct object *o = &r->objects[i];
        struct hc_diff *diff = NULL;
        if (o->plan.name.n == 0 || opted_out(o->plan.object))
            continue;
        if (live[i].rc == HC_E_NOTFOUND) {
            drifted(r, o, NULL, HC_S("removed"), HC_S("removed"), &text);
            continue;
        }
        if (live[i].rc != HC_OK)
            return hc_err_copy(err, &live[i].err);
        if (want[i].rc != HC_OK)
            return hc_err_copy(err, &want[i].err);
        if (opted_out(live[i].out))
            continue;
        size_t m = hc_val_diff(r->step, live[i].out, want[i].out, &diff), counted = 0;
        HC_AUTO(hc_buf) struct hc_buf says;
        hc_buf_init(&says, 0);
        hc_str first = { NULL, 0 };
        for (size_t j = 0; j < m; j++) {
            if (hc_reconcile_servers_own(diff[j].path) || ignored(r, o, diff[j].path))
                continue;
            if (counted++ == 0)
                first = diff[j].path;
            if (counted <= 3)
                hc_buf_printf(&says, "%s%.*s", counted == 1 ? "changed at " : ", ", HC_P(diff[j].path));
        }
        if (counted > 3)
            hc_buf_printf(&says, " and %zu more fields", counted - 3);
        if (counted > 0)
            drifted(r, o, live[i].out, first, hc_buf_str(&says), &text);
    }
    r->drift_text = hc_buf_to_arena(&text, r->step);
    rc = hc_arena_check(r->step, err, "drift");
    if (rc != HC_OK)
        return rc;
    if (hc_list_len(r->drifted) > 0 || r->drift_left)
        s->drift = HC_DRIFT_FOUND;
    if (hc_list_len(r->drifted) == 0) {
        s->correct_drift = false;
        return HC_OK;
    }
    if (!r->drift_seen)
        hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_DRIFTED, .record = &r->head, .message = r->drift_text });
    r->drift_seen = true;
    return HC_OK;
}

/* The object without the fields that rules leave to others: applying it takes them from nobody. */
static struct hc_val *without_ignored(struct hc_reconcile *r, const struct hc_val *object)
{
    struct object o = { .plan = { .object = (struct hc_val *)object }, .ref = hc_ref_of(object) };
    struct hc_val *copy = hc_val_copy(r->step, object);
    for (size_t i = 0; i < r->spec.drift_ignore_n; i++) {
        const struct hc_drift_ignore *rule = &r->spec.drift_ignore[i];
        if (!applies(rule, &o))
            continue;
        for (size_t j = 0; j < rule->paths_n; j++) {
            size_t slash = hc_str_rfind(rule->paths[j], '/');
            if (slash == SIZE_MAX)
                continue;
            struct hc_val *parent = hc_pointer_get(copy, hc_str_sub(rule->paths[j], 0, slash));
            if (hc_is_map(parent))
                (void)hc_map_del(parent, hc_str_sub(rule->paths[j], slash + 1, rule->paths[j].n));
        }
    }
    return copy;
}

static void correction_refused(struct hc_reconcile *r, struct hc_kube_op *op)
{
    if (hc_rec_repeatable(op->rc) || !r->read)
        return;
    for (size_t i = 0; i < r->objects_n; i++) {
        const struct hc_plan_object *p = &r->objects[i].plan;
        if (!hc_str_eq(p->kind, op->ref.kind) || !hc_str_eq(p->name, op->ref.name) || !hc_str_eq(p->ns, op->ref.ns))
            continue;
        struct hc_rec_source src = hc_rec_source_of(&r->head, p);
        hc_rec_refused(r, &op->ref, &src, HC_S("The object stays as somebody else left it."), &op->err);
        return;
    }
}

enum hc_rc hc_rec_correct(struct hc_reconcile *r, struct hc_err *err)
{
    size_t n = hc_list_len(r->drifted);
    struct hc_kube_op *ops = HC_NEW_N(r->step, struct hc_kube_op, n + 1);
    enum hc_rc rc = HC_OK;
    if (!ops)
        return hc_arena_check(r->step, err, "drift");
    for (size_t i = 0; i < n; i++) {
        const struct hc_val *object = hc_list_at(r->drifted, i);
        ops[i] = (struct hc_kube_op){ .verb = HC_KUBE_VERB_APPLY,
                                      .object = without_ignored(r, object),
                                      .ref = hc_ref_of(object),
                                      .flags = HC_KUBE_FORCE,
                                      .err = HC_ERR_INIT };
    }
    rc = hc_rec_fence(r, err);
    if (rc != HC_OK)
        return rc;
    hc_kube_batch(r->spec.kube, r->step, ops, n, r->spec.manager);
    for (size_t i = 0; i < n; i++)
        if (ops[i].rc == HC_OK)
            hc_rec_fight_round(r, r->drift_fields[i]);
        else if (rc == HC_OK) {
            correction_refused(r, &ops[i]);
            rc = hc_err_copy(err, &ops[i].err);
        }
    hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_CORRECTED,
                                     .record = &r->head,
                                     .ok = rc == HC_OK,
                                     .message = rc == HC_OK ? r->drift_text : hc_str_of(err ? err->msg : "") });
    r->drift_seen = false;
    if (rc == HC_OK || rc == HC_E_AGAIN)
        return rc;
    r->fault = true;
    hc_err_copy(&r->fault_err, err);
    return HC_OK;
}
