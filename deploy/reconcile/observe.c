/*
 * Observation: the newest record first, then only what its state makes worth asking. A release that was in sync
 * and whose record did not change costs two small metadata requests, or none when a watch tells.
 */
#include "core/base/clock.h"
#include "deploy/reconcile/reconcile_impl.h"

static enum hc_head head_of(const struct hc_reconcile *r)
{
    if (!r->has)
        return HC_HEAD_ABSENT;
    switch (r->head.status) {
    case HC_STATUS_DEPLOYED:
        return HC_HEAD_DEPLOYED;
    case HC_STATUS_UNINSTALLED:
        return HC_HEAD_UNINSTALLED;
    case HC_STATUS_FAILED:
        return HC_HEAD_FAILED;
    case HC_STATUS_UNINSTALLING:
        return HC_HEAD_UNINSTALLING;
    case HC_STATUS_PENDING_INSTALL:
    case HC_STATUS_PENDING_UPGRADE:
    case HC_STATUS_PENDING_ROLLBACK:
        return r->mark.there && r->mark.stage != HC_STAGE_END ? HC_HEAD_PENDING : HC_HEAD_FOREIGN;
    case HC_STATUS_SUPERSEDED:
    case HC_STATUS_UNKNOWN:
        break;
    }
    return HC_HEAD_OTHER;
}

/* The newest revision as the watch on records tells it, 0: there is none; -1: not known. It may be behind by what others
 * wrote this moment: then our own write is refused, for its name or its resourceVersion, and after a conflict it is not
 * believed. */
static int64_t told_newest(const struct hc_reconcile *r)
{
    int64_t revision = 0;
    char rv[32] = "";
    bool told = r->tries == 0 && r->spec.port.head && r->spec.port.head(r->spec.port.ctx, &revision, rv);
    return told ? revision : -1;
}

enum hc_rc hc_rec_read_head(struct hc_reconcile *r, struct hc_err *err)
{
    struct hc_arena *a = hc_arena_new(0);
    struct hc_record rec = { 0 };
    int64_t began_ms = hc_boot_ms();
    if (!a)
        return hc_fail_nomem(err);
    int64_t newest = told_newest(r);
    enum hc_rc rc = HC_E_NOTFOUND;
    if (newest > 0)
        rc = hc_storage_get(r->spec.storage, a, r->spec.name, newest, &rec, err);
    if (rc == HC_E_NOTFOUND && newest != 0)
        rc = hc_storage_last(r->spec.storage, a, r->spec.name, r->memo.revision, &rec, err);
    if (rc != HC_OK && rc != HC_E_NOTFOUND) {
        hc_arena_free(a);
        return rc;
    }
    hc_arena_free(r->keep);
    r->keep = a;
    r->has = rc == HC_OK;
    r->head = rec;
    r->read = true;
    r->confirmed_ms = began_ms;
    hc_mark_read(a, rec.mark, &r->mark);
    if (r->spec.goal == HC_GOAL_PRESENT && hc_reconcile_force_done(r))
        r->asked = false; /* by a process that did not live to note it */
    if (!r->has)
        r->memo.revision = 0;
    r->planned = r->left_known = r->fault = false;
    r->unsaved = r->hook_absent = false;
    r->prepared = r->preparing = false;
    r->objects_n = r->left_n = 0;
    r->rollback_to = 0;
    r->applied = r->has && r->memo.applied_revision == rec.revision && head_of(r) == HC_HEAD_PENDING;
    int64_t sent = head_of(r) == HC_HEAD_PENDING        ? rec.revision
                   : head_of(r) == HC_HEAD_UNINSTALLING ? -rec.revision
                                                        : 0;
    r->wave_sent = sent != 0 && r->memo.wave_revision == sent && r->memo.wave >= r->mark.wave &&
                   r->mark.stage == HC_STAGE_PRE;
    if (r->wave_sent)
        r->mark.wave = r->memo.wave;
    /* Nothing is sent before the hooks ahead of it were swept, and what has their names by now may be somebody else's. */
    r->swept = r->mark.stage == HC_STAGE_PRE && (r->applied || r->wave_sent || r->mark.wave > 0);
    return HC_OK;
}

/*
 * Objects carry no precondition: who was paused between a look at the record and a write to an object (a process that was
 * stopped, a machine that slept, a lease that was lost, a server that asked for patience) would write over what somebody else did
 * meanwhile. So before each wave the record must be as it was, unless that is known of this very moment; and from then on
 * the fence sees to it that each write of the wave begins to be sent that soon after such a look, or after another one. What
 * is left is the way of a request that had begun to be sent.
 */
static int64_t trusted_ms(const struct hc_reconcile *r)
{
    return r->spec.trusted_ms > 0 ? r->spec.trusted_ms : HC_TRUSTED_MS;
}

/* Before there is a record: what is made for one that is to come (its namespace, definitions) is fenced as well. */
static enum hc_rc confirm_none(struct hc_reconcile *r, int64_t now, struct hc_err *err)
{
    struct hc_brief *all = NULL;
    size_t n = 0;
    enum hc_rc rc = hc_storage_briefs(r->spec.storage, r->step, r->spec.name, &all, &n, err);
    if (rc != HC_OK)
        return rc;
    if (n == 0) {
        r->confirmed_ms = now;
        return HC_OK;
    }
    r->read = false;
    return hc_fail(err, HC_E_CONFLICT, "release %.*s was made by somebody else", HC_P(r->spec.name));
}

/* One look: HC_OK, and it is known from now on; HC_E_CONFLICT: somebody was there. */
static enum hc_rc confirm(struct hc_reconcile *r, struct hc_err *err)
{
    struct hc_brief b;
    int64_t now = hc_boot_ms();
    if (!r->has)
        return confirm_none(r, now, err);
    enum hc_rc rc = hc_storage_peek(r->spec.storage, r->step, r->spec.name, r->head.revision, &b, err);
    bool same = rc == HC_OK && hc_str_eq(b.resource_version, r->head.resource_version);
    enum hc_head head = head_of(r);
    if (same && head != HC_HEAD_PENDING &&
        head != HC_HEAD_UNINSTALLING) { /* a next one is made before this one is touched */
        rc = hc_storage_peek(r->spec.storage, r->step, r->spec.name, r->head.revision + 1, &b, err);
        same = rc == HC_E_NOTFOUND;
        rc = same ? HC_OK : rc;
    }
    if (rc != HC_OK && rc != HC_E_NOTFOUND)
        return rc;
    if (same) {
        r->confirmed_ms = now;
        return HC_OK;
    }
    r->read = false;
    return hc_fail(err, HC_E_CONFLICT, "revision %" PRId64 " of release %.*s was gone on with by somebody else",
                   r->head.revision, HC_P(r->spec.name));
}

/* In the middle of a wave. AGAIN: it is no answer of the server about an object, and the next step reads the record. */
static enum hc_rc confirm_again(void *ctx, struct hc_err *err)
{
    struct hc_reconcile *r = ctx;
    enum hc_rc rc = confirm(r, err);
    r->fence.until_ms = r->confirmed_ms + trusted_ms(r);
    if (rc == HC_E_CONFLICT && err)
        err->code = HC_E_AGAIN;
    return rc == HC_E_CONFLICT ? HC_E_AGAIN : rc;
}

enum hc_rc hc_rec_fence(struct hc_reconcile *r, struct hc_err *err)
{
    if ((!r->has && !r->read) || r->dry_done)
        return HC_OK;
    if (hc_boot_ms() - r->confirmed_ms >= trusted_ms(r)) {
        enum hc_rc rc = confirm(r, err);
        if (rc != HC_OK)
            return rc;
    }
    r->fence = (struct hc_kube_fence){ r->confirmed_ms + trusted_ms(r), confirm_again, r, false };
    hc_kube_fence_set(&r->fence);
    return HC_OK;
}

/* True: nothing changed since the release was found in sync with this very wish. */
static bool untouched(struct hc_reconcile *r)
{
    struct hc_brief b, next;
    int64_t revision = 0;
    char rv[32] = "";
    if (r->read || r->asked || r->spec.goal != HC_GOAL_PRESENT || r->spec.drift != HC_DRIFT_OFF ||
        r->memo.revision <= 0 || r->spec.digest.n == 0 || !hc_str_eqz(r->spec.digest, r->memo.synced_digest))
        return false;
    if (r->spec.port.head && r->spec.port.head(r->spec.port.ctx, &revision, rv))
        return revision == r->memo.revision && strcmp(rv, r->memo.resource_version) == 0;
    return hc_storage_peek(r->spec.storage, r->step, r->spec.name, r->memo.revision, &b, NULL) == HC_OK &&
           hc_str_eqz(b.resource_version, r->memo.resource_version) &&
           hc_storage_peek(r->spec.storage, r->step, r->spec.name, r->memo.revision + 1, &next, NULL) ==
               HC_E_NOTFOUND;
}

/* A rollback by hand takes Helm a second or two, as does an uninstall. Who takes its record over meanwhile has two programs
 * writing at once, and Helm's last word, which asks for no version, stays beside ours: two revisions deployed, hooks run
 * twice, a history gone that was to be kept. */
#define FOREIGN_GRACE_MS 15000

/* Whether the maker of a pending record may still be at work; only commands ask. */
static bool busy(const struct hc_reconcile *r, int64_t now_ms)
{
    bool here = false;
    int64_t last_ms = HC_MAX(HC_MAX(r->head.modified_at, r->head.created_at) * 1000, r->mark.since_ms);
    if (r->mark.maker.n > 0) {
        bool alive = hc_rec_maker_alive(r->mark.maker, &here);
        if (here)
            return alive;
    }
    return now_ms - last_ms < hc_rec_timeout_ms(hc_rec_policy(r, r->mark.action)) + 30000;
}

static bool pending_for_other(const struct hc_reconcile *r)
{
    if (r->spec.one_shot && !r->asked)
        return false;
    if (r->spec.one_shot && r->spec.goal == HC_GOAL_ROLLBACK) {
        int64_t to = r->spec.rollback_to > 0 ? r->spec.rollback_to : r->head.revision - 2;
        return r->mark.action != HC_ACTION_ROLLBACK || r->mark.remediation || r->head.rollback_revision != to;
    }
    if (r->spec.one_shot && r->mark.action == HC_ACTION_ROLLBACK)
        return !r->mark.remediation || !hc_str_eq(r->mark.digest, r->spec.digest);
    return !hc_str_eq(r->mark.digest, r->spec.digest);
}

static bool head_is_other(const struct hc_reconcile *r)
{
    bool marked = r->mark.there && r->spec.digest.n > 0 && hc_str_eq(r->mark.digest, r->spec.digest);
    if (r->spec.goal == HC_GOAL_ROLLBACK || r->spec.goal == HC_GOAL_TEST)
        return false;
    if (r->mark.there && r->mark.action == HC_ACTION_ROLLBACK && r->mark.remediation && (marked || r->begun))
        return true;
    if (marked || (r->spec.one_shot && r->begun))
        return false;
    return !(r->spec.port.same && r->spec.port.same(r->spec.port.ctx, &r->head));
}

/* What a command may not do. */
static bool refuse(struct hc_reconcile *r, enum hc_head head)
{
    const struct hc_action_policy *p = &r->spec.install;
    if (!r->asked || r->refused)
        return r->refused;
    if (r->spec.must_exist && (head == HC_HEAD_ABSENT || head == HC_HEAD_UNINSTALLED)) {
        hc_fail(&r->refused_err, HC_E_INPUT, "\"%.*s\" has no deployed releases", HC_P(r->spec.name));
        r->refused = true;
    } else if (r->spec.must_not_exist && !r->spec.dry_run && head != HC_HEAD_ABSENT && head != HC_HEAD_PENDING &&
               !(p->replace && (head == HC_HEAD_UNINSTALLED || head == HC_HEAD_FAILED))) {
        hc_fail(&r->refused_err, HC_E_INPUT, "release name check failed: cannot reuse a name that is still in use");
        r->refused = true;
    } else if (r->spec.goal == HC_GOAL_ROLLBACK && head == HC_HEAD_ABSENT) {
        hc_fail(&r->refused_err, HC_E_NOTFOUND, "release: not found");
        r->refused = true;
    }
    return r->refused;
}

static enum hc_rc operation(struct hc_reconcile *r, struct hc_seen *s, struct hc_err *err)
{
    const struct hc_action_policy *p = hc_rec_policy(r, r->mark.action);
    s->hooks_off = p->disable_hooks;
    s->wait_off = p->wait == HC_WAIT_NONE;
    s->stage = r->mark.stage;
    s->applied = r->applied;
    s->wave_sent = r->wave_sent;
    s->fault = r->fault;
    s->pre_hooks = hc_rec_has_hooks(r, HC_STAGE_PRE);
    s->post_hooks = hc_rec_has_hooks(r, HC_STAGE_POST);
    bool sent = s->stage == HC_STAGE_PRE && (r->applied || r->wave_sent) &&
                r->memo.applied_ms > 0; /* the wait has a time of its own */
    s->deadline_ms = (sent ? r->memo.applied_ms : r->mark.since_ms) + hc_rec_timeout_ms(p);
    if (s->stage == HC_STAGE_PRE || s->stage == HC_STAGE_POST) {
        enum hc_rc rc = s->hooks_off ? HC_OK : hc_rec_observe_hook(r, s, err);
        if (rc != HC_OK || s->stage == HC_STAGE_POST)
            return rc;
        if (!s->hooks_off && s->hook != HC_HOOK_NONE)
            return HC_OK;
    }
    bool wave = s->stage == HC_STAGE_PRE && s->wave_sent && !s->applied;
    bool look = s->stage == HC_STAGE_WAIT || (s->stage == HC_STAGE_PRE && s->applied);
    return (wave || (look && !s->wait_off)) && !s->fault ? hc_rec_observe_objects(r, s, err) : HC_OK;
}

/* Whether the remediation of an install says what comes next, not that of an upgrade: after a failure the action that
 * failed decides, which an uninstall as remediation leaves in no record. */
static bool by_install(const struct hc_reconcile *r)
{
    if (r->mark.there && r->mark.action != HC_ACTION_UNINSTALL)
        return r->mark.action == HC_ACTION_INSTALL;
    if (r->failed != HC_ACTION_NONE && r->failures > 0)
        return r->failed == HC_ACTION_INSTALL;
    return !r->has || r->head.revision == 1;
}

static void remediation(const struct hc_reconcile *r, struct hc_seen *s)
{
    bool install = by_install(r);
    const struct hc_action_policy *p = install ? &r->spec.install : &r->spec.upgrade;
    s->strategy = p->strategy;
    if (install && s->strategy == HC_STRATEGY_ROLLBACK)
        s->strategy = HC_STRATEGY_UNINSTALL;
    s->retries = p->retries;
    s->remediate_last = p->remediate_last;
    s->ignore_test_failures = p->ignore_test_failures;
    s->failures = hc_rec_failures(r);
    if (s->strategy == HC_STRATEGY_RETRY && !r->spec.retry_now)
        s->retry_ms = r->mark.since_ms + (p->retry_interval_ms > 0 ? p->retry_interval_ms : 300000);
    int64_t failed_ms = HC_MAX(r->failed_ms, r->spec.failed_ms);
    if (s->failures > 0 && failed_ms > 0 && r->spec.retry_pause_ms > 0)
        s->pause_ms = failed_ms +
                      hc_doubled_ms(r->spec.retry_pause_ms, s->failures - 1, r->spec.retry_pause_max_ms);
}

/* What this very command was to undo, its first try failed at and left, is undone: to install once more would be another wish,
 * and an install refuses a name that is still in use. */
static bool undoing(const struct hc_reconcile *r, const struct hc_seen *s)
{
    if (!r->asked || r->spec.goal != HC_GOAL_PRESENT || !hc_str_eq(r->mark.digest, r->spec.digest))
        return false;
    if (s->head == HC_HEAD_FAILED)
        return r->mark.owed && hc_rec_policy(r, r->mark.action)->remediate_last;
    return s->head == HC_HEAD_UNINSTALLING && r->spec.one_shot && r->mark.remediation &&
           r->mark.stage != HC_STAGE_BROKEN && !busy(r, s->now_ms);
}

/* An uninstall that failed is tried again, ever more rarely; as a remediation it is not, nor by a command. 0: no more. */
static int64_t uninstall_again_ms(const struct hc_reconcile *r)
{
    enum { MOST_MS = 15 * 60000, FIRST_MS = 750 }; /* Flux: --max-retry-delay, --min-retry-delay */
    int64_t first_ms = r->spec.uninstall.retry_interval_ms;
    if (r->spec.goal != HC_GOAL_ABSENT || r->spec.one_shot || r->mark.stage != HC_STAGE_BROKEN)
        return 0;
    return r->mark.since_ms + hc_doubled_ms(first_ms > 0 ? first_ms : FIRST_MS, r->mark.failures - 1, MOST_MS);
}

enum hc_rc hc_rec_observe(struct hc_reconcile *r, struct hc_seen *s, struct hc_err *err)
{
    enum hc_rc rc = HC_OK;
    *s = (struct hc_seen){ .goal = r->spec.goal, .one_shot = r->spec.one_shot, .stage = HC_STAGE_END };
    s->now_ms = hc_rec_now(r);
    s->resync_ms = r->spec.resync_ms > 0 ? s->now_ms + r->spec.resync_ms : 0;
    s->keep_history = r->spec.keep_history;
    s->dry_run = r->spec.dry_run;
    s->left_broken = r->left_broken && r->spec.one_shot && r->spec.goal == HC_GOAL_ABSENT;
    if (untouched(r)) {
        s->head = HC_HEAD_DEPLOYED;
        return HC_OK;
    }
    if (!r->read)
        rc = hc_rec_read_head(r, err);
    if (rc != HC_OK)
        return rc;
    s->head = head_of(r);
    if (undoing(r, s)) {
        r->asked = false;
        r->begun = true;
    }
    s->refused = refuse(r, s->head);
    s->asked = r->asked;
    if (s->refused)
        return HC_OK;
    remediation(r, s);
    s->rolling_back = r->mark.there && r->mark.action == HC_ACTION_ROLLBACK && r->mark.remediation;
    switch (s->head) {
    case HC_HEAD_PENDING:
    case HC_HEAD_FOREIGN:
        s->busy = r->spec.one_shot && r->asked && busy(r, s->now_ms);
        if (s->head == HC_HEAD_FOREIGN && r->spec.goal == HC_GOAL_ROLLBACK && r->asked) {
            /* Helm rolls back whatever the newest revision is in, and people get out of a stuck one that way. */
            s->busy = false;
            rc = hc_rec_find_rollback(r, err);
            s->rollback_target = r->rollback_to > 0;
            return rc;
        }
        if (s->head == HC_HEAD_FOREIGN && !r->spec.one_shot)
            s->foreign_until_ms = HC_MAX(r->head.modified_at, r->head.created_at) * 1000 + FOREIGN_GRACE_MS;
        s->want_changed = s->head == HC_HEAD_PENDING && pending_for_other(r);
        if (s->head == HC_HEAD_PENDING && !s->busy && !s->want_changed && r->asked && r->spec.one_shot) {
            r->asked = s->asked = false; /* begun before, by somebody who is gone: gone on with */
            r->begun = true;
        }
        if (s->head == HC_HEAD_PENDING && !s->want_changed && !s->busy && r->spec.goal != HC_GOAL_ABSENT) {
            if (!r->resumed_told && !r->begun)
                hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_RESUMED,
                                                 .action = r->mark.action,
                                                 .record = &r->head,
                                                 .remediation = r->mark.remediation });
            r->resumed_told = true;
            return operation(r, s, err);
        }
        return HC_OK;
    case HC_HEAD_UNINSTALLING:
        s->retry_ms = uninstall_again_ms(r);
        if (!r->mark.there && !r->spec.one_shot) {
            s->foreign_until_ms = HC_MAX(r->head.modified_at, r->head.created_at) * 1000 + FOREIGN_GRACE_MS;
            s->stage = HC_STAGE_END;
            if (s->now_ms < s->foreign_until_ms)
                return HC_OK;
        }
        if (!r->resumed_told && !r->begun)
            hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_RESUMED,
                                             .action = r->mark.action,
                                             .record = &r->head,
                                             .remediation = r->mark.remediation,
                                             .failures = r->mark.failures,
                                             .message = r->mark.why });
        r->resumed_told = true;
        return operation(r, s, err);
    case HC_HEAD_UNINSTALLED: /* has tests all the same, for whoever asks */
    case HC_HEAD_OTHER:
        if (r->spec.goal != HC_GOAL_TEST)
            break;
        __attribute__((fallthrough));
    case HC_HEAD_DEPLOYED:
    case HC_HEAD_FAILED:
        s->want_changed = !r->asked && head_is_other(r);
        s->stage = r->mark.there ? r->mark.stage : HC_STAGE_END;
        s->fault = r->fault;
        if (s->stage == HC_STAGE_TEST && r->spec.goal == HC_GOAL_TEST && r->asked) {
            s->busy = busy(r, s->now_ms);
            if (s->busy)
                return HC_OK;
            r->asked = s->asked = false; /* begun before, by somebody who is gone: gone on with */
            r->begun = true;
        }
        if (s->stage == HC_STAGE_TEST && (r->spec.goal == HC_GOAL_TEST || !s->want_changed))
            rc = hc_rec_observe_hook(r, s, err);
        if (r->spec.goal == HC_GOAL_TEST || r->spec.tests)
            s->tests = hc_rec_tests(r);
        break;
    case HC_HEAD_ABSENT:
        break;
    }
    if (rc != HC_OK || s->stage == HC_STAGE_TEST)
        return rc;
    bool failed = s->head == HC_HEAD_FAILED || (s->head == HC_HEAD_DEPLOYED && s->tests == HC_TESTS_FAILED);
    if (r->spec.goal == HC_GOAL_ROLLBACK ? r->asked
                                         : failed && !s->want_changed && s->strategy == HC_STRATEGY_ROLLBACK)
        rc = hc_rec_find_rollback(r, err);
    s->rollback_target = r->rollback_to > 0;
    if (rc == HC_OK && r->spec.goal == HC_GOAL_PRESENT)
        rc = hc_rec_observe_prepared(r, s, err);
    bool settled = s->head == HC_HEAD_DEPLOYED && !s->want_changed && !r->asked &&
                   (s->tests == HC_TESTS_OFF || s->tests == HC_TESTS_PASSED || s->ignore_test_failures);
    if (rc == HC_OK && settled && r->spec.goal == HC_GOAL_PRESENT && r->spec.drift != HC_DRIFT_OFF && !r->fault) {
        s->correct_drift = r->spec.drift == HC_DRIFT_CORRECT;
        rc = hc_rec_observe_drift(r, s, err);
    }
    return rc;
}
