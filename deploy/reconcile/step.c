/*
 * A step: observe, decide, act, and say when to look again. What an action's failure means is decided here by its
 * code alone: somebody wrote first (look again now), a bad moment (back off), or a refusal (stall, or fail the revision).
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "deploy/reconcile/reconcile_impl.h"

#define MAX_CONFLICTS 20u

int64_t hc_rec_now(struct hc_reconcile *r)
{
    return r->spec.port.now_ms ? r->spec.port.now_ms(r->spec.port.ctx) : hc_now_ms();
}

const struct hc_action_policy *hc_rec_policy(const struct hc_reconcile *r, enum hc_action action)
{
    switch (action) {
    case HC_ACTION_INSTALL:
        return &r->spec.install;
    case HC_ACTION_ROLLBACK:
        return &r->spec.rollback;
    case HC_ACTION_UNINSTALL:
        return &r->spec.uninstall;
    case HC_ACTION_TEST:
        return &r->spec.test;
    case HC_ACTION_NONE:
    case HC_ACTION_UPGRADE:
        break;
    }
    return &r->spec.upgrade;
}

void hc_rec_tell(struct hc_reconcile *r, struct hc_tell t)
{
    if (r->spec.port.tell)
        r->spec.port.tell(r->spec.port.ctx, &t);
}

enum hc_rc hc_reconcile_new(const struct hc_reconcile_spec *spec, const struct hc_reconcile_memo *memo,
                            struct hc_reconcile **out, struct hc_err *err)
{
    if (spec->name.n == 0 || spec->name.n > HC_MAX_RELEASE_NAME)
        return hc_fail(err, HC_E_INPUT, "release name \"%.*s\" is empty or longer than %d characters",
                       HC_P(spec->name), HC_MAX_RELEASE_NAME);
    if (spec->goal == HC_GOAL_PRESENT && spec->drift != HC_DRIFT_OFF && hc_rec_check_ignore(spec, err) != HC_OK)
        return hc_wrap(err, "Could not determine release state: unable to determine cluster state");
    struct hc_reconcile *r = hc_calloc(1, sizeof(*r));
    if (!r)
        return hc_fail_nomem(err);
    r->spec = *spec;
    if (!r->spec.manager)
        r->spec.manager = "helm";
    if (memo)
        r->memo = *memo;
    r->memo.resource_version[sizeof(r->memo.resource_version) - 1] = '\0';
    r->memo.synced_digest[sizeof(r->memo.synced_digest) - 1] = '\0';
    r->asked = spec->one_shot || spec->force.n > 0;
    r->failures = spec->failures;
    r->failed = spec->failed_action;
    hc_buf_init(&r->kept.policy, 0);
    hc_buf_init(&r->kept.foreign, 0);
    hc_buf_init(&r->kept.unsure, 0);
    *out = r;
    return HC_OK;
}

void hc_reconcile_free(struct hc_reconcile *r)
{
    if (!r)
        return;
    hc_arena_free(r->keep);
    hc_arena_free(r->keep_before);
    hc_arena_free(r->step);
    hc_buf_done(&r->kept.policy);
    hc_buf_done(&r->kept.foreign);
    hc_buf_done(&r->kept.unsure);
    free(r);
}

void hc_reconcile_stale(struct hc_reconcile *r)
{
    r->read = r->fault = r->refused = false;
}

struct hc_reconcile_memo hc_reconcile_memo(const struct hc_reconcile *r)
{
    return r->memo;
}

const struct hc_record *hc_reconcile_head(const struct hc_reconcile *r)
{
    return r->has ? &r->head : NULL;
}

bool hc_reconcile_force_done(const struct hc_reconcile *r)
{
    return r->has && r->spec.force.n > 0 && hc_str_eq(r->mark.force, r->spec.force);
}

size_t hc_reconcile_objects(struct hc_reconcile *r, const struct hc_ref **out)
{
    struct hc_err err;
    *out = NULL;
    if (!r->step)
        r->step = hc_arena_new(0);
    if (!r->has || !r->step || hc_rec_plan_head(r, &err) != HC_OK)
        return 0;
    struct hc_ref *refs = HC_NEW_N(r->keep, struct hc_ref, r->objects_n + 1);
    for (size_t i = 0; refs && i < r->objects_n; i++)
        refs[i] = r->objects[i].ref;
    *out = refs;
    return refs ? r->objects_n : 0;
}

static enum hc_rc act(struct hc_reconcile *r, const struct hc_todo *t, struct hc_err *err)
{
    switch (t->act) {
    case HC_ACT_NONE:
        return hc_fail(err, HC_E_BUG, "a decision to go on without an action");
    case HC_ACT_PREPARE:
        return hc_rec_prepare(r, err);
    case HC_ACT_RECORD:
        return hc_rec_record(r, err);
    case HC_ACT_ROLLBACK:
        return hc_rec_rollback(r, err);
    case HC_ACT_TAKE_OVER:
        return hc_rec_take_over(r, false, err);
    case HC_ACT_SUPERSEDE:
        return hc_rec_take_over(r, true, err);
    case HC_ACT_HOOK_CLEAR:
        return hc_rec_hook_clear(r, err);
    case HC_ACT_HOOK_INTEND:
        return hc_rec_hook_intend(r, err);
    case HC_ACT_HOOK_CREATE:
        return hc_rec_hook_create(r, err);
    case HC_ACT_HOOK_NOTE:
        return hc_rec_hook_note(r, err);
    case HC_ACT_HOOK_FINISH:
        return hc_rec_hook_finish(r, err);
    case HC_ACT_HOOK_SWEEP:
        return hc_rec_hook_sweep(r, err);
    case HC_ACT_APPLY:
        return hc_rec_apply(r, err);
    case HC_ACT_WAVE:
        return hc_rec_wave(r, err);
    case HC_ACT_STAGE:
        return hc_rec_stage(r, t->stage, err);
    case HC_ACT_DEPLOYED:
        return hc_rec_deployed(r, err);
    case HC_ACT_FAILED:
        return hc_rec_failed(r, t->why, err);
    case HC_ACT_TEST:
        return hc_rec_stage(r, HC_STAGE_TEST, err);
    case HC_ACT_TESTED:
        return hc_rec_tested(r, err);
    case HC_ACT_CORRECT:
        return hc_rec_correct(r, err);
    case HC_ACT_UNINSTALL:
        return hc_rec_uninstall(r, err);
    case HC_ACT_DELETE:
        return hc_rec_delete(r, err);
    case HC_ACT_BREAK:
        return hc_rec_break(r, t->why, err);
    case HC_ACT_GONE:
        return hc_rec_gone(r, err);
    }
    return hc_fail(err, HC_E_BUG, "an action of no kind we know");
}

/* Actions on objects inside an operation: a refusal there fails the operation, not the engine. */
static bool on_objects(enum hc_act a)
{
    return a == HC_ACT_HOOK_CLEAR || a == HC_ACT_HOOK_SWEEP || a == HC_ACT_HOOK_CREATE || a == HC_ACT_APPLY ||
           a == HC_ACT_DELETE;
}

enum hc_rc hc_rec_sound(const struct hc_reconcile *r, struct hc_err *err)
{
    return hc_mem_shortages() == r->shortages ? HC_OK : hc_fail_nomem(err);
}

int64_t hc_rec_timeout_ms(const struct hc_action_policy *p)
{
    return p->timeout_ms > 0 ? p->timeout_ms : 300000; /* Helm's and Flux's */
}

/* A step in which memory was refused is as one that was killed: the next begins with what is stored. */
static enum hc_rc run_short(struct hc_reconcile *r, enum hc_rc rc, struct hc_err *err)
{
    if (hc_rec_sound(r, NULL) == HC_OK)
        return rc;
    r->read = false;
    r->memo.applied_revision = r->memo.wave_revision = 0;
    r->memo.synced_digest[0] = '\0';
    return rc == HC_E_CONFLICT ? rc : hc_fail_nomem(err);
}

static void say(struct hc_step *out, const char *text)
{
    snprintf(out->why, sizeof(out->why), "%s", text);
}

static void trouble(struct hc_reconcile *r, enum hc_act a, enum hc_rc rc, struct hc_err *err, struct hc_step *out)
{
    int64_t now = hc_rec_now(r), pause = 500;
    bool operating = r->has && r->mark.there && r->mark.stage < HC_STAGE_BROKEN;
    const struct hc_action_policy *p = hc_rec_policy(r, r->mark.action);
    out->rc = rc;
    r->tries++;
    if (rc == HC_E_CONFLICT) {
        r->read = false;
        out->verdict = r->tries > MAX_CONFLICTS ? HC_WAIT : HC_GO_ON;
        out->until_ms = now + 1000;
        return;
    }
    if (hc_rec_repeatable(rc)) {
        int64_t timeout = hc_rec_timeout_ms(p);
        if (r->spec.one_shot && !r->begun && r->tries > 3) {
            hc_rec_own_refused(r, operating, err);
            out->verdict = HC_ENDED;
            return;
        }
        if (on_objects(a) && operating && now >= r->mark.since_ms + timeout) {
            if (r->busy)
                hc_rec_object_refused(r, r->busy, err);
            hc_rec_own_refused(r, operating, err);
            r->fault = true;
            hc_err_copy(&r->fault_err, err);
            out->verdict = HC_GO_ON;
            return;
        }
        if (r->busy)
            hc_rec_object_busy(r, r->busy, err);
        for (unsigned i = 1; i < r->tries && pause < 30000; i++)
            pause *= 2;
        out->verdict = HC_WAIT;
        out->until_ms = now + HC_MAX(pause, err->retry_after_ms);
        return;
    }
    hc_rec_own_refused(r, operating, err);
    if (on_objects(a) && operating) {
        r->fault = true;
        hc_err_copy(&r->fault_err, err);
        out->verdict = HC_GO_ON;
        return;
    }
    r->refused = true;
    hc_err_copy(&r->refused_err, err);
    out->verdict = r->spec.one_shot ? HC_ENDED : HC_STALLED;
}

static void remember(struct hc_reconcile *r, const struct hc_seen *s, const struct hc_todo *t)
{
    if (r->read && r->has && !r->dry_done) {
        size_t n = HC_MIN(r->head.resource_version.n, sizeof(r->memo.resource_version) - 1);
        if (r->memo.revision != r->head.revision || !hc_str_eqz(r->head.resource_version, r->memo.resource_version))
            r->memo.synced_digest[0] = '\0'; /* that was another record */
        r->memo.revision = r->head.revision;
        memcpy(r->memo.resource_version, r->head.resource_version.p ? r->head.resource_version.p : "", n);
        r->memo.resource_version[n] = '\0';
        if (t->verdict == HC_DONE && s->goal == HC_GOAL_PRESENT &&
            r->spec.digest.n < sizeof(r->memo.synced_digest)) {
            memcpy(r->memo.synced_digest, r->spec.digest.p ? r->spec.digest.p : "", r->spec.digest.n);
            r->memo.synced_digest[r->spec.digest.n] = '\0';
        }
    }
}

/* The sentence for people: the failure that ended it, what is awaited, or the row of the table. */
static void explain(struct hc_reconcile *r, const struct hc_todo *t, struct hc_step *out)
{
    if (t->verdict == HC_STALLED || t->verdict == HC_ENDED) {
        out->rc = r->refused ? r->refused_err.code : HC_E_INPUT;
        if (r->refused)
            say(out, r->refused_err.msg);
        else if (r->last_failure.msg[0])
            snprintf(out->why, sizeof(out->why), "%s", r->last_failure.msg);
        else if (r->has && r->mark.why.n > 0)
            snprintf(out->why, sizeof(out->why), "%s: %.*s", t->why, HC_P(r->mark.why));
        else
            say(out, t->why);
    } else if (t->verdict == HC_WAIT && r->waiting_for.n > 0) {
        snprintf(out->why, sizeof(out->why), "%.*s", HC_P(r->waiting_for));
    } else {
        say(out, t->why);
    }
}

void hc_reconcile_step(struct hc_reconcile *r, struct hc_step *out)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_seen seen;
    *out = (struct hc_step){ .rc = HC_OK };
    hc_arena_free(r->step);
    r->step = hc_arena_new(0);
    r->waiting_for = r->last_words = (hc_str){ NULL, 0 };
    r->awaited = NULL;
    r->awaited_rv = NULL;
    r->awaited_n = 0;
    r->hook = NULL;
    r->live = NULL;
    r->busy = NULL;
    r->explained = false;
    r->briefs = NULL;
    r->shortages = hc_mem_shortages();
    enum hc_rc rc = r->step ? hc_rec_observe(r, &seen, &err) : hc_fail_nomem(&err);
    rc = run_short(r, rc, &err);
    if (rc == HC_OK) {
        struct hc_todo t = hc_decide(&seen);
        out->act = t.act;
        out->verdict = t.verdict;
        out->until_ms = t.until_ms;
        out->head = seen.head;
        out->paused = t.paused;
        out->drifted = t.verdict == HC_DONE && seen.drift == HC_DRIFT_FOUND;
        if (t.verdict == HC_GO_ON)
            rc = run_short(r, act(r, &t, &err), &err);
        hc_kube_fence_set(NULL);
        /* What is prepared is prepared again behind each failure to store the record: no progress, or a command would go round
         * for ever. */
        if (rc == HC_OK && t.verdict == HC_GO_ON && t.act != HC_ACT_PREPARE)
            r->tries = 0;
        explain(r, &t, out);
        remember(r, &seen, &t);
        if (r->dry_done)
            out->verdict = HC_DONE;
        if (t.verdict == HC_WAIT && r->hook && r->awaited_n == 0) {
            r->awaited = &r->hook_ref;
            r->awaited_rv = NULL;
            r->awaited_n = 1;
        }
    }
    if (rc != HC_OK) {
        out->unread = !r->read && out->act == HC_ACT_NONE;
        trouble(r, out->act, rc, &err, out);
        say(out, err.msg);
    }
    out->refused = r->refused;
    out->action = r->mark.action;
    out->revision = r->has ? r->head.revision : r->memo.revision;
    out->awaited = r->awaited;
    out->awaited_rv = r->awaited_rv;
    out->awaited_n = r->awaited_n;
}
