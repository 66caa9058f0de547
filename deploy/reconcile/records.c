/*
 * Actions whose write is the record itself. Each sets the head and its mark and stores them in one request under the
 * head's resourceVersion, so of two that decide at once one is told HC_E_CONFLICT and looks again.
 */
#include <stdarg.h>
#include <stdio.h>

#include "core/base/clock.h"
#include "deploy/reconcile/preview_impl.h"

#define REPLACED "superseded by new release" /* as Helm says it of a release whose name is used again */

hc_str hc_rec_text(struct hc_reconcile *r, const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return hc_arena_str(r->keep, hc_str_of(text));
}

/* Out of a step in which memory was refused nothing is written. */
static enum hc_rc put(struct hc_reconcile *r, struct hc_arena *a, struct hc_record *rec, struct hc_err *err)
{
    enum hc_rc rc = hc_rec_sound(r, err);
    return rc == HC_OK ? hc_storage_update(r->spec.storage, a, rec, err) : rc;
}

enum hc_rc hc_rec_store(struct hc_reconcile *r, struct hc_err *err)
{
    int64_t began_ms = hc_boot_ms();
    r->head.mark = hc_mark_write(r->keep, &r->mark);
    enum hc_rc rc = put(r, r->keep, &r->head, err);
    if (rc != HC_OK) /* what is in memory is not what is stored, or nobody knows: nothing is decided from it */
        r->read = false;
    else
        r->confirmed_ms = began_ms;
    r->unsaved = r->hook_absent = false;
    if (rc == HC_E_NOTFOUND) { /* somebody deleted it under us: look again at what is there */
        rc = HC_E_CONFLICT;
        if (err)
            err->code = rc;
    }
    return rc;
}

enum hc_rc hc_rec_flush(struct hc_reconcile *r, struct hc_err *err)
{
    return r->unsaved ? hc_rec_store(r, err) : HC_OK;
}

int64_t hc_rec_failures(const struct hc_reconcile *r)
{
    bool same = r->has && r->mark.there && hc_str_eq(r->mark.digest, r->spec.digest) &&
                hc_str_eq(r->mark.era, r->spec.era);
    return HC_MAX(r->failures, same ? r->mark.failures : 0);
}

/* The new head: its arena is the instance's from now on. That of the one before is kept too: what left it is asked for
 * next. */
static void adopt(struct hc_reconcile *r, struct hc_arena *a, const struct hc_record *rec, const struct mark *m)
{
    hc_arena_free(r->keep_before);
    r->keep_before = r->has ? r->keep : NULL;
    r->head_before = r->has ? r->head : (struct hc_record){ .revision = 0 };
    if (!r->has)
        hc_arena_free(r->keep);
    r->keep = a;
    r->head = *rec;
    r->mark = *m;
    r->has = r->read = true;
    r->planned = r->left_known = r->applied = r->wave_sent = r->swept = r->fault = false;
    /* Of one that had this number before somebody else uninstalled it. */
    r->memo.applied_revision = r->memo.wave_revision = 0;
    r->unsaved = r->hook_absent = false;
    r->objects_n = r->left_n = 0;
    r->asked = false;
    r->begun = true;
    r->prepared = r->preparing = false;
    r->rollback_to = 0;
    r->drift_seen = false;
}

static struct hc_val *labels_of(struct hc_arena *a, const struct hc_val *had, const struct hc_val *more)
{
    struct hc_val *out = hc_map_new(a);
    for (size_t i = 0; i < hc_map_len(had); i++)
        hc_map_put(a, out, hc_map_at(had, i)->key, hc_val_clone(a, hc_map_at(had, i)->val));
    for (size_t i = 0; i < hc_map_len(more); i++) {
        const struct hc_entry *e = hc_map_at(more, i);
        if (hc_str_eqz(hc_get_str(e->val), "null"))
            (void)hc_map_del(out, e->key);
        else
            hc_map_put(a, out, e->key, hc_val_clone(a, e->val));
    }
    return hc_map_len(out) > 0 ? out : NULL;
}

/* The revision whose objects are in the cluster: the newest deployed one, else the newest. */
static int64_t current_of(const struct hc_brief *b, size_t n)
{
    for (size_t i = n; i-- > 0;)
        if (b[i].status == HC_STATUS_DEPLOYED)
            return b[i].revision;
    return n > 0 ? b[n - 1].revision : 0;
}

/* All revisions, where they are needed: none exists (that was found out by a list just now), or nobody knows of more
 * than the head and retention cannot be due yet. */
static enum hc_rc briefs_of(struct hc_reconcile *r, struct hc_brief **out, size_t *out_n, struct hc_err *err)
{
    bool few = r->spec.max_history <= 0 || r->head.revision < r->spec.max_history;
    *out_n = 0;
    if (!r->has)
        return HC_OK;
    if (r->head.status != HC_STATUS_DEPLOYED || !few)
        return hc_storage_briefs(r->spec.storage, r->step, r->spec.name, out, out_n, err);
    *out = HC_NEW(r->step, struct hc_brief);
    if (!*out)
        return hc_arena_check(r->step, err, "release history");
    **out = (struct hc_brief){ .name = r->head.name, .revision = r->head.revision, .status = r->head.status };
    *out_n = 1;
    return HC_OK;
}

/* An install in the place of a release that was uninstalled says so in its record (one that failed stays failed), as Helm
 * does. Nothing depends on it, so it is done behind the new record: a newest one that is superseded would tell nobody what is
 * under way. */
static void replaced(struct hc_reconcile *r)
{
    struct hc_record old = r->head_before;
    if (old.revision <= 0 || old.status != HC_STATUS_UNINSTALLED)
        return;
    old.status = HC_STATUS_SUPERSEDED;
    old.description = HC_S(REPLACED);
    if (put(r, r->step, &old, NULL) == HC_OK)
        r->head_before = old;
}

/* Stores a pending revision and makes it the head; takes `a`, also on failure. */
static enum hc_rc store_new(struct hc_reconcile *r, struct hc_arena *a, struct hc_record *rec, struct mark *m,
                            const struct hc_brief *briefs, size_t briefs_n, struct hc_err *err)
{
    enum hc_rc rc = HC_OK;
    int64_t began_ms = hc_boot_ms();
    m->there = true;
    m->stage = HC_STAGE_PRE;
    m->since_ms = hc_rec_now(r);
    m->digest = hc_arena_str(a, r->spec.digest);
    m->era = hc_arena_str(a, r->spec.era);
    m->maker = hc_rec_maker(a);
    /* What was asked for is a revision of the wish; a rollback is none. */
    bool forced = r->spec.force.n > 0 && m->action != HC_ACTION_ROLLBACK;
    m->force = hc_arena_str(a, forced ? r->spec.force : r->has ? r->mark.force : (hc_str){ NULL, 0 });
    rec->mark = hc_mark_write(a, m);
    if (r->spec.dry_run) {
        rec->description = HC_S("Dry run complete");
        adopt(r, a, rec, m);
        r->dry_done = true;
        return HC_OK;
    }
    /* Helm's install prunes nothing, that of `upgrade --install` neither. */
    int64_t kept = r->spec.one_shot && m->action == HC_ACTION_INSTALL ? 0 : r->spec.max_history;
    if (kept > 0 && (int64_t)briefs_n >= kept) {
        hc_str payload; /* too large: the history stays as it is */
        rc = hc_record_encode(r->step, rec, a, &payload, err);
    }
    if (rc == HC_OK)
        rc = hc_rec_sound(r, err);
    if (rc == HC_OK && kept > 0)
        rc = hc_storage_retain(r->spec.storage, r->spec.name, briefs, briefs_n, kept - 1, err);
    if (rc == HC_OK)
        rc = hc_storage_create(r->spec.storage, a, rec, err);
    if (rc != HC_OK) {
        r->read = false; /* it may be there, if only its answer was lost */
        hc_arena_free(a);
        return rc;
    }
    adopt(r, a, rec, m);
    r->confirmed_ms = began_ms;
    if (m->action == HC_ACTION_INSTALL && r->spec.one_shot)
        replaced(r);
    hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_RECORDED,
                                     .action = m->action,
                                     .record = &r->head,
                                     .ok = true,
                                     .remediation = m->remediation });
    return HC_OK;
}

/* Who sends the objects of a new revision. What contradicts itself is refused to a command before it writes; for a
 * controller "force" is of the one, forced conflicts of the other. */
static enum hc_rc method_of(const struct hc_reconcile *r, const struct mark *m, hc_str last, hc_str *out,
                            struct hc_err *err)
{
    const struct hc_action_policy *p = hc_rec_policy(r, m->action);
    bool install = m->action == HC_ACTION_INSTALL, asked = r->spec.one_shot && !install && !m->remediation;
    bool server = p->server_side == HC_SSA_AUTO ? install || hc_str_eqz(last, "ssa") : p->server_side == HC_SSA_ON;
    if (asked && server && p->force_replace)
        return hc_fail(err, HC_E_INPUT,
                       "invalid operation: cannot use server-side apply and force replace together%s",
                       p->server_side == HC_SSA_AUTO ? ": the last revision was applied by the server; "
                                                       "--server-side=false leaves that"
                                                     : "");
    if (asked && !server && p->force_conflicts)
        return hc_fail(err, HC_E_INPUT,
                       "invalid client update option(s): forceConflicts enabled when serverSideApply disabled%s",
                       p->server_side == HC_SSA_AUTO ? ": the last revision was not applied by the server; "
                                                       "--server-side=true changes that"
                                                     : "");
    *out = server ? HC_S("ssa") : HC_S("csa");
    return HC_OK;
}

static enum hc_rc compose(struct hc_reconcile *r, struct hc_arena *a, const struct hc_brief *briefs,
                          size_t briefs_n, bool check, struct hc_record *rec, struct mark *m, struct hc_err *err)
{
    bool install = !r->has || r->head.status == HC_STATUS_UNINSTALLED || r->spec.must_not_exist;
    const struct hc_action_policy *p = install ? &r->spec.install : &r->spec.upgrade;
    /* Of a name that is in use, too, a dry run tells what it would look like as a new one (Helm: Install.availableName). */
    int64_t revision = briefs_n > 0 && !(install && r->spec.dry_run) ? briefs[briefs_n - 1].revision + 1 : 1;
    struct hc_desired want = { 0 };
    struct hc_record current = { 0 };
    struct hc_plan_object *had = NULL;
    struct object *objects = NULL;
    struct hc_health_rule *rules = NULL;
    size_t had_n = 0, n = 0;
    m->action = install ? HC_ACTION_INSTALL : HC_ACTION_UPGRADE;
    m->from = install ? 0 : current_of(briefs, briefs_n);
    if (r->failed != HC_ACTION_NONE &&
        r->failed != m->action) { /* installs and upgrades are counted each for itself */
        r->failures = 0;
        r->mark.failures = 0;
        r->failed = m->action;
    }
    m->failures = r->spec.one_shot ? 0 : hc_rec_failures(r);
    hc_str method = { NULL, 0 };
    enum hc_rc rc = method_of(r, m, r->head.apply_method, &method, err);
    if (rc != HC_OK)
        return rc;
    if (m->from > 0 && m->from == r->head.revision)
        current = r->head;
    else if (m->from > 0)
        rc = hc_storage_get(r->spec.storage, r->step, r->spec.name, m->from, &current, err);
    /* What is installed anew is revision 1 to its templates, whatever its record's number is, as in Helm (pkg/action,
     * Install.RunWithContext: the number is found after rendering). */
    if (rc == HC_OK)
        rc = r->spec.port.render(r->spec.port.ctx, a, install ? 1 : revision, !install,
                                 m->from > 0 ? &current : NULL, &want, err);
    if (rc != HC_OK)
        return rc;
    m->note = want.description;
    hc_str now = hc_record_time(a, hc_now_ns());
    *rec = (struct hc_record){ .name = hc_arena_str(a, r->spec.name),
                               .ns = hc_arena_str(a, r->spec.ns),
                               .revision = revision,
                               .status = install ? HC_STATUS_PENDING_INSTALL : HC_STATUS_PENDING_UPGRADE,
                               .first_deployed = install ? now : hc_arena_str(a, current.first_deployed),
                               .last_deployed = now,
                               .description = install ? HC_S("Initial install underway")
                                                      : HC_S("Preparing upgrade"),
                               .notes = want.notes,
                               .manifest = want.manifest,
                               .hooks = want.hooks,
                               .hooks_n = want.hooks_n,
                               .chart = want.chart,
                               .config = want.config,
                               .recording = want.recording,
                               .labels = labels_of(a, install ? NULL : r->head.labels, want.labels),
                               .apply_method = method };
    rc = hc_rec_chart_rules(r->step, rec->chart, false, &rules, &n, err);
    if (!check || rc != HC_OK)
        return rc;
    bool look = r->spec.preflight != HC_PREFLIGHT_OFF;
    rc = hc_rec_plan(r, r->step, rec, &objects, &n, err);
    if (rc != HC_OK)
        return hc_wrap(err, "unable to build kubernetes objects from %s manifest",
                       install ? "release" : "new release");
    if (m->from > 0 && (look || !p->take_ownership))
        rc = hc_rec_plan_before(r, r->step, &current, &had, &had_n, err);
    if (rc == HC_OK && !p->take_ownership)
        rc = hc_rec_check_owners(r, rec, objects, n, had, had_n, install ? "install" : "update", err);
    return rc == HC_OK && look ? hc_rec_preflight(r, rec, m, objects, n, had, had_n, err) : rc;
}

/* The newest record was told by a watch, and the list of all knows a newer one: the number of the next revision would be
 * free, and nothing would refuse it. */
static enum hc_rc behind(struct hc_reconcile *r, const struct hc_brief *briefs, size_t n, struct hc_err *err)
{
    if (n == 0 || !r->has || briefs[n - 1].revision == r->head.revision)
        return HC_OK;
    r->read = false;
    return hc_fail(err, HC_E_CONFLICT, "release %.*s has a revision %" PRId64 " by now", HC_P(r->spec.name),
                   briefs[n - 1].revision);
}

/* What is made for a new revision. */
struct draft {
    struct hc_arena *a; /* holds the record */
    struct hc_brief *briefs;
    size_t briefs_n;
    struct hc_record rec;
    struct mark m;
};

/* The next revision, out of what is there. After a failure there is no arena. */
static enum hc_rc draft(struct hc_reconcile *r, bool check, struct draft *d, struct hc_err *err)
{
    *d = (struct draft){ .a = hc_arena_new(0) };
    if (!d->a)
        return hc_fail_nomem(err);
    enum hc_rc rc = briefs_of(r, &d->briefs, &d->briefs_n, err);
    if (rc == HC_OK)
        rc = behind(r, d->briefs, d->briefs_n, err);
    if (rc == HC_OK)
        rc = compose(r, d->a, d->briefs, d->briefs_n, check, &d->rec, &d->m, err);
    if (rc != HC_OK) {
        hc_arena_free(d->a);
        d->a = NULL;
    }
    return rc;
}

enum hc_rc hc_rec_record(struct hc_reconcile *r, struct hc_err *err)
{
    struct draft d;
    enum hc_rc rc = draft(r, true, &d, err);
    if (rc == HC_OK)
        return store_new(r, d.a, &d.rec, &d.m, d.briefs, d.briefs_n, err);
    if (!r->read) /* somebody wrote first */
        return rc;
    return rc == HC_E_NOTFOUND || rc == HC_E_CONFLICT ? (err ? (err->code = HC_E_INPUT) : HC_E_INPUT) : rc;
}

/* ---- rollback ---------------------------------------------------------------------------------------------- */

enum hc_rc hc_rec_find_rollback(struct hc_reconcile *r, struct hc_err *err)
{
    struct hc_brief *b = NULL;
    size_t n = 0;
    int64_t wanted = 0;
    if (r->rollback_to != 0)
        return HC_OK;
    if (r->spec.goal == HC_GOAL_ROLLBACK)
        wanted = r->spec.rollback_to > 0 ? r->spec.rollback_to : r->head.revision - 1;
    enum hc_rc rc = hc_storage_briefs(r->spec.storage, r->step, r->spec.name, &b, &n, err);
    if (rc != HC_OK)
        return rc;
    int64_t deployed = 0, superseded = 0;
    r->briefs = b;
    r->briefs_n = n;
    r->rollback_to = -1;
    for (size_t i = 0; i < n; i++) {
        if (wanted > 0 && b[i].revision == wanted)
            r->rollback_to = wanted;
        if (b[i].revision >= r->head.revision)
            continue;
        if (b[i].status == HC_STATUS_DEPLOYED)
            deployed = b[i].revision;
        if (b[i].status == HC_STATUS_SUPERSEDED)
            superseded = b[i].revision;
    }
    if (r->spec.goal != HC_GOAL_ROLLBACK && (deployed > 0 || superseded > 0))
        r->rollback_to = deployed > 0 ? deployed : superseded;
    return HC_OK;
}

/* Refuses what cannot work; Helm takes what it finds, as it was this release's once. */
static enum hc_rc rollback_preflight(struct hc_reconcile *r, const struct draft *d, struct hc_err *err)
{
    struct hc_record target = d->rec;
    struct hc_plan_object *had = NULL;
    struct object *objects = NULL;
    size_t n = 0, had_n = 0;
    enum hc_action under_way = r->mark.action;
    if (r->spec.preflight == HC_PREFLIGHT_OFF)
        return HC_OK;
    target.storage_name = HC_S("stored"); /* a stored manifest is read otherwise than one that was just rendered */
    r->mark.action = d->m.action;
    enum hc_rc rc = hc_rec_plan(r, r->step, &target, &objects, &n, err);
    r->mark.action = under_way;
    if (rc != HC_OK)
        return hc_wrap(err, "unable to build kubernetes objects from the manifest of revision %" PRId64,
                       d->rec.rollback_revision);
    rc = hc_rec_plan_before(r, r->step, &r->head, &had, &had_n, err);
    return rc == HC_OK ? hc_rec_preflight(r, &d->rec, &d->m, objects, n, had, had_n, err) : rc;
}

/* The next revision, with the content of the one to go back to. After a failure there is no arena. */
static enum hc_rc draft_rollback(struct hc_reconcile *r, bool check, struct draft *d, struct hc_err *err)
{
    bool remediation = r->spec.goal != HC_GOAL_ROLLBACK;
    struct hc_record *rec = &d->rec;
    *d = (struct draft){ .a = hc_arena_new(0),
                         .m = { .action = HC_ACTION_ROLLBACK,
                                .from = r->head.revision,
                                .failures = remediation ? hc_rec_failures(r) : 0,
                                .remediation = remediation } };
    if (!d->a)
        return hc_fail_nomem(err);
    enum hc_rc rc = HC_OK;
    d->briefs = r->briefs;
    d->briefs_n = r->briefs_n;
    if (!d->briefs)
        rc = hc_storage_briefs(r->spec.storage, r->step, r->spec.name, &d->briefs, &d->briefs_n, err);
    if (rc == HC_OK)
        rc = behind(r, d->briefs, d->briefs_n, err);
    if (rc == HC_OK)
        rc = hc_storage_get(r->spec.storage, d->a, r->spec.name, r->rollback_to, rec, err);
    if (rc == HC_OK) {
        d->m.why = hc_arena_str(d->a, r->mark.why);
        rec->rollback_revision = rec->revision;
        rec->description = r->spec.goal == HC_GOAL_ROLLBACK && r->spec.description.n > 0
                               ? hc_arena_str(d->a, r->spec.description)
                               : hc_arena_printf(d->a, "Rollback to %" PRId64, rec->revision);
        rec->revision = r->head.revision + 1;
        rec->status = HC_STATUS_PENDING_ROLLBACK;
        rec->first_deployed = hc_arena_str(d->a, r->head.first_deployed);
        rec->last_deployed = hc_record_time(d->a, hc_now_ns());
        rec->deleted = rec->storage_name = rec->resource_version = (hc_str){ NULL, 0 };
        rc = method_of(r, &d->m, rec->apply_method, &rec->apply_method, err);
    }
    if (rc == HC_OK && check)
        rc = rollback_preflight(r, d, err);
    if (rc != HC_OK) {
        hc_arena_free(d->a);
        d->a = NULL;
    }
    return rc;
}

enum hc_rc hc_rec_rollback(struct hc_reconcile *r, struct hc_err *err)
{
    struct draft d;
    enum hc_rc rc = draft_rollback(r, true, &d, err);
    return rc == HC_OK ? store_new(r, d.a, &d.rec, &d.m, d.briefs, d.briefs_n, err) : rc;
}

enum hc_rc hc_rec_imagine(struct hc_reconcile *r, struct hc_arena **out_old, struct hc_err *err)
{
    struct draft d;
    enum hc_rc rc = r->spec.goal == HC_GOAL_ROLLBACK ? draft_rollback(r, false, &d, err) : draft(r, false, &d, err);
    if (rc != HC_OK)
        return rc;
    d.m.there = true;
    d.m.stage = HC_STAGE_PRE;
    *out_old = r->keep;
    r->keep = NULL;
    adopt(r, d.a, &d.rec, &d.m);
    return HC_OK;
}

/* ---- the end of a pending revision ------------------------------------------------------------------------- */

static void clear_progress(struct mark *m)
{
    m->hooks_done = m->wave = 0;
    m->hook_running = m->hook_over = m->hook_broken = false;
    m->hook_uid = (hc_str){ NULL, 0 };
}

enum hc_rc hc_rec_stage(struct hc_reconcile *r, enum hc_stage stage, struct hc_err *err)
{
    r->mark.there = true;
    r->mark.stage = stage;
    r->mark.since_ms = hc_rec_now(r);
    r->mark.maker = hc_rec_maker(r->keep);
    r->swept = false;
    clear_progress(&r->mark);
    if (stage == HC_STAGE_TEST)
        r->mark.why = (hc_str){ NULL, 0 };
    enum hc_rc rc = hc_rec_store(r, err);
    if (rc == HC_OK && stage == HC_STAGE_TEST) { /* not before: tests that were not begun are still asked for */
        r->asked = false;
        r->begun = true;
    }
    return rc;
}

enum hc_rc hc_rec_wave(struct hc_reconcile *r, struct hc_err *err)
{
    bool away = r->head.status == HC_STATUS_UNINSTALLING;
    r->mark.wave++;
    r->mark.since_ms = hc_rec_now(r);
    r->wave_sent = false;
    enum hc_rc rc = hc_rec_store(r, err);
    if (rc == HC_OK)
        hc_rec_tell(
            r, (struct hc_tell){ .what = HC_TOLD_WAVE,
                                 .action = r->mark.action,
                                 .ok = true,
                                 .message = hc_arena_printf(r->step, "wave %d of %d is %s", (int)r->mark.wave,
                                                            hc_rec_last_wave(r) + 1,
                                                            away || r->mark.wave > r->groups ? "gone" : "ready") });
    return rc;
}

/* Marks an older record. Its own version says nothing of ours: who was paused may find that others finished this revision and made
 * newer ones, and would leave none deployed. */
static enum hc_rc put_older(struct hc_reconcile *r, struct hc_record *old, struct hc_err *err)
{
    old->status = HC_STATUS_SUPERSEDED;
    enum hc_rc rc = hc_rec_fence(r, err);
    return rc == HC_OK ? put(r, r->step, old, err) : rc;
}

/* *out_old: as it is stored now; its revision is 0 when there was none. */
static enum hc_rc supersede(struct hc_reconcile *r, int64_t revision, struct hc_record *out_old, struct hc_err *err)
{
    struct hc_record old;
    *out_old = (struct hc_record){ .revision = 0 };
    if (revision <= 0 || revision == r->head.revision)
        return HC_OK;
    enum hc_rc rc = HC_OK;
    if (r->head_before.revision == revision) /* of a moment ago; written by somebody since: refused, and read */
        old = r->head_before;
    else
        rc = hc_storage_get(r->spec.storage, r->step, r->spec.name, revision, &old, err);
    r->head_before.revision = 0;
    /* The one that was gone on from, when none was deployed: failed. */
    if (rc == HC_OK && (old.status == HC_STATUS_DEPLOYED || old.status == HC_STATUS_FAILED))
        rc = put_older(r, &old, err);
    if (rc == HC_OK)
        *out_old = old;
    return rc == HC_E_NOTFOUND ? HC_OK : rc;
}

/* All that are said to be deployed between `behind` and the head. */
static enum hc_rc supersede_all(struct hc_reconcile *r, int64_t behind, struct hc_err *err)
{
    struct hc_brief *b = NULL;
    struct hc_record old;
    size_t n = 0;
    enum hc_rc rc = hc_storage_briefs(r->spec.storage, r->step, r->spec.name, &b, &n, err);
    for (size_t i = 0; rc == HC_OK && i < n; i++)
        if (b[i].status == HC_STATUS_DEPLOYED && b[i].revision > behind && b[i].revision < r->head.revision)
            rc = supersede(r, b[i].revision, &old, err);
    return rc;
}

/*
 * The revision before the head, unless it is superseded already, and unless it failed and may stay so. `words`: its new
 * description, absent: the old one stays.
 */
static enum hc_rc supersede_before(struct hc_reconcile *r, bool failed_too, hc_str words, struct hc_err *err)
{
    struct hc_record old;
    if (r->head.revision <= 1)
        return HC_OK;
    enum hc_rc rc = hc_storage_get(r->spec.storage, r->step, r->spec.name, r->head.revision - 1, &old, err);
    if (rc != HC_OK || old.status == HC_STATUS_SUPERSEDED || (old.status == HC_STATUS_FAILED && !failed_too))
        return rc == HC_E_NOTFOUND ? HC_OK : rc;
    old.description = words.n > 0 ? words : old.description;
    return put_older(r, &old, err);
}

/* An install over what was uninstalled with its history kept supersedes that, unless it had failed, and whether or not
 * the install succeeds (Helm: Install.replaceRelease). */
static enum hc_rc supersede_replaced(struct hc_reconcile *r, struct hc_err *err)
{
    return r->mark.action == HC_ACTION_INSTALL ? supersede_before(r, false, HC_S(REPLACED), err) : HC_OK;
}

enum hc_rc hc_rec_deployed(struct hc_reconcile *r, struct hc_err *err)
{
    struct hc_record before = { .revision = 0 };
    enum hc_rc rc = HC_OK;
    if (r->mark.action == HC_ACTION_ROLLBACK)
        rc = supersede_all(r, 0, err);
    else if (r->mark.action == HC_ACTION_UPGRADE)
        rc = supersede(r, r->mark.from, &before, err);
    /* One in between was not deployed when this one began, but its maker may have come to his end since: a rollback by hand
     * that was under way, say. Before it nothing changed: what an install over a failed one left deployed there, Helm leaves. */
    if (rc == HC_OK && r->mark.action == HC_ACTION_UPGRADE && r->head.revision > r->mark.from + 1)
        rc = supersede_all(r, r->mark.from, err);
    if (rc == HC_OK)
        rc = supersede_replaced(r, err);
    if (rc != HC_OK)
        return rc;
    r->head.status = HC_STATUS_DEPLOYED;
    if (r->mark.note.n > 0)
        r->head.description = r->mark.note;
    else if (r->mark.action != HC_ACTION_ROLLBACK)
        r->head.description = r->mark.action == HC_ACTION_INSTALL ? HC_S("Install complete")
                                                                  : HC_S("Upgrade complete");
    r->mark.stage = HC_STAGE_END;
    r->mark.since_ms = hc_rec_now(r);
    r->mark.maker = r->mark.note = (hc_str){ NULL, 0 };
    clear_progress(&r->mark);
    rc = hc_rec_store(r, err);
    if (rc == HC_OK)
        hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_DEPLOYED,
                                         .action = r->mark.action,
                                         .record = &r->head,
                                         .before = before.revision > 0 ? &before : NULL,
                                         .ok = true,
                                         .remediation = r->mark.remediation,
                                         .failures = hc_rec_failures(r) });
    return rc;
}

/* One line: tables and events show no more. */
static hc_str flat(struct hc_reconcile *r, hc_str s)
{
    char *copy = hc_arena_strz(r->keep, s);
    for (size_t i = 0; copy && i < s.n; i++)
        if (copy[i] == '\n' || copy[i] == '\r')
            copy[i] = ' ';
    return copy ? hc_str_n(copy, s.n) : s;
}

static hc_str description_of(struct hc_reconcile *r, hc_str cause)
{
    bool hook = r->mark.hook_broken;
    const char *when = r->mark.stage == HC_STAGE_POST ? "post" : "pre";
    switch (r->mark.action) {
    case HC_ACTION_INSTALL:
        return hook ? hc_rec_text(r, "Release \"%.*s\" failed: failed %s-install: %.*s", HC_P(r->spec.name), when,
                                  HC_P(cause))
                    : hc_rec_text(r, "Release \"%.*s\" failed: %.*s", HC_P(r->spec.name), HC_P(cause));
    case HC_ACTION_ROLLBACK:
        return hc_rec_text(r, "Rollback \"%.*s\" failed: %.*s", HC_P(r->spec.name), HC_P(cause));
    case HC_ACTION_UPGRADE:
    case HC_ACTION_NONE:
    case HC_ACTION_UNINSTALL:
    case HC_ACTION_TEST:
        break;
    }
    return hook ? hc_rec_text(r, "Upgrade \"%.*s\" failed: %s-upgrade hooks failed: %.*s", HC_P(r->spec.name), when,
                              HC_P(cause))
                : hc_rec_text(r, "Upgrade \"%.*s\" failed: %.*s", HC_P(r->spec.name), HC_P(cause));
}

/* The cause in one sentence, from what is known of it. */
static hc_str cause_of(struct hc_reconcile *r, const char *why)
{
    if (r->fault)
        return hc_str_of(r->fault_err.msg);
    if (r->mark.hook_broken)
        return r->mark.why;
    bool sent = r->applied || r->wave_sent;
    if ((r->mark.stage == HC_STAGE_WAIT || (r->mark.stage == HC_STAGE_PRE && sent)) && r->planned &&
        r->head.status != HC_STATUS_UNINSTALLING)
        return hc_arena_printf(r->step, "%s: %.*s", why, HC_P(hc_rec_cause(r)));
    if (r->waiting_for.n > 0)
        return hc_arena_printf(r->step, "%s: %.*s", why, HC_P(r->waiting_for));
    return hc_str_of(why);
}

/* A rollback whose objects are refused supersedes what it went back from, whatever its status (Helm: Rollback.performRollback). */
static enum hc_rc supersede_left(struct hc_reconcile *r, struct hc_err *err)
{
    bool objects = r->fault && !r->mark.hook_broken && !r->mark.hook_running;
    return r->mark.action == HC_ACTION_ROLLBACK && objects ? supersede_before(r, true, (hc_str){ NULL, 0 }, err)
                                                           : HC_OK;
}

enum hc_rc hc_rec_failed(struct hc_reconcile *r, const char *why, struct hc_err *err)
{
    hc_str cause = flat(r, cause_of(r, why));
    enum hc_rc rc = HC_OK;
    if (hc_rec_policy(r, r->mark.action)->cleanup_on_fail && r->mark.action != HC_ACTION_INSTALL)
        rc = hc_rec_cleanup(r, err);
    if (rc != HC_E_AGAIN && r->read)
        rc = supersede_replaced(r, err);
    if (rc != HC_E_AGAIN && r->read)
        rc = supersede_left(r, err);
    if (rc == HC_E_AGAIN || !r->read)
        return rc;
    r->head.status = HC_STATUS_FAILED;
    r->head.description = description_of(r, cause);
    r->mark.why = hc_rec_text(r, "%.*s", HC_P(cause));
    r->mark.stage = HC_STAGE_END;
    r->mark.since_ms = hc_rec_now(r);
    r->mark.maker = (hc_str){ NULL, 0 };
    if (!r->mark.remediation) {
        r->mark.failures = hc_rec_failures(r) + 1;
        r->mark.era = hc_arena_str(r->keep, r->spec.era);
        r->failed = r->mark.action;
        r->failed_ms = r->mark.since_ms;
    }
    r->mark.owed = r->spec.one_shot && !r->mark.remediation && hc_rec_policy(r, r->mark.action)->remediate_last;
    clear_progress(&r->mark);
    hc_fail(&r->last_failure, HC_E_INPUT, "%.*s", HC_P(r->mark.why));
    rc = hc_rec_store(r, err);
    if (rc != HC_OK)
        return rc;
    r->fault = false;
    r->failures = HC_MAX(r->failures, r->mark.failures);
    hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_FAILED,
                                     .action = r->mark.action,
                                     .record = &r->head,
                                     .remediation = r->mark.remediation,
                                     .failures = r->mark.failures,
                                     .message = r->mark.why });
    return HC_OK;
}

enum hc_rc hc_rec_take_over(struct hc_reconcile *r, bool ours, struct hc_err *err)
{
    const char *was = hc_status_name(r->head.status);
    r->head.description = ours ? hc_rec_text(r, "Superseded in state '%s': something else is wanted by now", was)
                               : hc_rec_text(r, "Release unlocked from stale '%s' state", was);
    r->head.status = HC_STATUS_FAILED;
    r->mark = (struct mark){
        .there = true, .stage = HC_STAGE_END, .since_ms = hc_rec_now(r), .force = r->mark.force
    };
    r->mark.action = r->head.revision == 1 ? HC_ACTION_INSTALL : HC_ACTION_UPGRADE;
    r->mark.why = r->head.description;
    enum hc_rc rc = hc_rec_store(r, err);
    if (rc == HC_OK)
        hc_rec_tell(r, (struct hc_tell){ .what = ours ? HC_TOLD_SUPERSEDED : HC_TOLD_TAKEN_OVER,
                                         .record = &r->head,
                                         .was = was,
                                         .message = r->head.description });
    return rc;
}

enum hc_rc hc_rec_tested(struct hc_reconcile *r, struct hc_err *err)
{
    bool ok = !r->mark.hook_broken && !r->fault;
    hc_str why = ok ? HC_S("") : cause_of(r, "a test failed");
    hc_rec_test_logs(r);
    hc_rec_order_tested(r);
    r->mark.stage = HC_STAGE_END;
    r->mark.since_ms = hc_rec_now(r);
    r->mark.maker = (hc_str){ NULL, 0 };
    r->mark.why = hc_rec_text(r, "%.*s", HC_P(why));
    if (!ok && r->spec.goal == HC_GOAL_PRESENT) {
        r->mark.failures = hc_rec_failures(r) + 1;
        r->mark.era = hc_arena_str(r->keep, r->spec.era);
        r->failed_ms = r->mark.since_ms;
    }
    clear_progress(&r->mark);
    if (!ok)
        hc_fail(&r->last_failure, HC_E_INPUT, "%.*s", HC_P(r->mark.why));
    enum hc_rc rc = hc_rec_store(r, err);
    if (rc != HC_OK)
        return rc;
    r->failures = HC_MAX(r->failures, r->mark.failures);
    hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_TESTED,
                                     .action = HC_ACTION_TEST,
                                     .record = &r->head,
                                     .ok = ok,
                                     .failures = r->mark.failures,
                                     .message = r->mark.why });
    return HC_OK;
}

/* ---- uninstall --------------------------------------------------------------------------------------------- */

enum hc_rc hc_rec_uninstall(struct hc_reconcile *r, struct hc_err *err)
{
    bool remediation = r->spec.goal != HC_GOAL_ABSENT,
         again = r->mark.stage == HC_STAGE_BROKEN && !r->mark.remediation;
    struct mark m = { .there = true,
                      .stage = HC_STAGE_PRE,
                      .action = HC_ACTION_UNINSTALL,
                      .since_ms = hc_rec_now(r),
                      .failures = remediation ? hc_rec_failures(r)
                                  : again     ? r->mark.failures
                                              : 0,
                      .digest = hc_arena_str(r->keep, r->spec.digest),
                      .era = hc_arena_str(r->keep, r->spec.era),
                      .maker = hc_rec_maker(r->keep),
                      .force = r->mark.force,
                      .why = r->mark.why,
                      .remediation = remediation };
    r->head.status = HC_STATUS_UNINSTALLING;
    r->head.deleted = hc_record_time(r->keep, hc_now_ns());
    r->head.description = HC_S("Deletion in progress (or silently failed)");
    r->mark = m;
    r->applied = r->wave_sent = r->swept = r->fault = false;
    r->memo.applied_revision = r->memo.wave_revision = 0;
    r->memo.applied_ms = 0;
    for (size_t i = 0; i < r->objects_n; i++)
        r->objects[i].gone = false;
    enum hc_rc rc = hc_rec_store(r, err);
    if (rc == HC_OK) {
        r->asked = false;
        r->begun = true;
        hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_RECORDED,
                                         .action = HC_ACTION_UNINSTALL,
                                         .record = &r->head,
                                         .ok = true,
                                         .remediation = remediation,
                                         .failures = m.failures,
                                         .message = m.why });
    }
    return rc;
}

enum hc_rc hc_rec_break(struct hc_reconcile *r, const char *why, struct hc_err *err)
{
    r->mark.why = hc_rec_text(r, "%.*s", HC_P(cause_of(r, why)));
    /* Helm leaves "Deletion in progress (or silently failed)", which tells nobody which of both. */
    r->head.description = hc_rec_text(r, "Deletion failed: %.*s", HC_P(flat(r, r->mark.why)));
    r->mark.stage = HC_STAGE_BROKEN;
    if (!r->mark.remediation)
        r->mark.failures++;
    r->mark.since_ms = hc_rec_now(r);
    r->mark.maker = (hc_str){ NULL, 0 };
    clear_progress(&r->mark);
    hc_fail(&r->last_failure, HC_E_INPUT, "%.*s", HC_P(r->mark.why));
    enum hc_rc rc = hc_rec_store(r, err);
    if (rc != HC_OK)
        return rc;
    r->fault = false;
    hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_UNINSTALL_FAILED,
                                     .action = HC_ACTION_UNINSTALL,
                                     .record = &r->head,
                                     .remediation = r->mark.remediation,
                                     .message = r->mark.why });
    return HC_OK;
}

static enum hc_rc purge(struct hc_reconcile *r, struct hc_err *err)
{
    struct hc_brief *b = NULL;
    size_t n = 0;
    enum hc_rc rc = hc_rec_fence(r, err);
    if (rc == HC_OK)
        rc = hc_storage_briefs(r->spec.storage, r->step, r->spec.name, &b, &n, err);
    for (size_t i = 0; rc == HC_OK && i < n; i++) /* the newest last: it says how far we are */
        rc = hc_storage_delete(r->spec.storage, r->spec.name, b[i].revision, err);
    return rc;
}

enum hc_rc hc_rec_gone(struct hc_reconcile *r, struct hc_err *err)
{
    bool remediation = r->mark.remediation;
    bool broken = r->mark.stage == HC_STAGE_POST && (r->mark.hook_broken || r->fault);
    hc_str cause = broken ? hc_rec_text(r, "%.*s", HC_P(cause_of(r, "a hook failed"))) : HC_S("");
    enum hc_rc rc;
    r->failures = hc_rec_failures(r);
    if (broken)
        hc_fail(&r->last_failure, HC_E_INPUT, "uninstallation completed with 1 error(s): %.*s", HC_P(cause));
    else if (r->mark.why.n > 0)
        hc_fail(&r->last_failure, HC_E_INPUT, "%.*s", HC_P(r->mark.why));
    if (r->spec.keep_history && r->head.status != HC_STATUS_UNINSTALLED) {
        rc = supersede_all(r, 0, err);
        if (rc != HC_OK)
            return rc;
        r->head.status = HC_STATUS_UNINSTALLED;
        r->head.description = r->spec.description.n > 0 && r->spec.goal == HC_GOAL_ABSENT
                                  ? r->spec.description
                                  : HC_S("Uninstallation complete");
        r->mark.stage = HC_STAGE_END;
        r->mark.maker = (hc_str){ NULL, 0 };
        rc = hc_rec_store(r, err);
        if (rc != HC_OK)
            return rc;
    } else {
        rc = purge(r, err);
        if (rc != HC_OK)
            return rc;
        r->head.status = HC_STATUS_UNINSTALLED;
        r->has = false;
        r->memo.revision = 0;
    }
    r->left_broken = broken;
    r->fault = false;
    if (broken)
        hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_UNINSTALL_FAILED,
                                         .action = HC_ACTION_UNINSTALL,
                                         .record = &r->head,
                                         .remediation = remediation,
                                         .message = cause });
    hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_UNINSTALLED,
                                     .action = HC_ACTION_UNINSTALL,
                                     .record = &r->head,
                                     .ok = true,
                                     .remediation = remediation,
                                     .failures = r->failures,
                                     .message = hc_rec_kept_text(r) });
    if (!r->has)
        r->mark = (struct mark){ .stage = HC_STAGE_END };
    return HC_OK;
}
