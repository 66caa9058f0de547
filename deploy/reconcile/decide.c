/*
 * The state table. Rows are tried from the top; the first that fits is the answer. Three groups: what brings a release
 * to its wish, what carries a pending revision to its end, what uninstalls. They share the rows of a hook.
 *
 * Way out of every state: a row either acts (and the act changes what is seen), waits with a deadline, or ends.
 */
#include "deploy/reconcile/decide.h"

static struct hc_todo act(enum hc_act a, const char *why)
{
    return (struct hc_todo){ .act = a, .verdict = HC_GO_ON, .why = why };
}
static struct hc_todo to_stage(enum hc_stage stage, const char *why)
{
    return (struct hc_todo){ .act = HC_ACT_STAGE, .verdict = HC_GO_ON, .stage = stage, .why = why };
}
static struct hc_todo wait_until(int64_t ms, const char *why)
{
    return (struct hc_todo){ .verdict = HC_WAIT, .until_ms = ms, .why = why };
}
static struct hc_todo pause_until(int64_t ms, const char *why)
{
    return (struct hc_todo){ .verdict = HC_WAIT, .until_ms = ms, .paused = true, .why = why };
}
static struct hc_todo done(const struct hc_seen *s, const char *why)
{
    return (struct hc_todo){ .verdict = HC_DONE, .until_ms = s->one_shot ? 0 : s->resync_ms, .why = why };
}
static struct hc_todo stop(const struct hc_seen *s, const char *why)
{
    return (struct hc_todo){ .verdict = s->one_shot ? HC_ENDED : HC_STALLED, .why = why };
}

/* The hook whose turn it is. False: none is left, the stage's hooks are over. `broken` is what a failure leads to. */
static bool hook_row(const struct hc_seen *s, enum hc_act broken, struct hc_todo *out)
{
    bool late = s->now_ms >= s->deadline_ms;
    if (s->hooks_off)
        return false;
    if (s->fault) {
        *out = act(broken, "an object was refused");
        return true;
    }
    switch (s->hook) {
    case HC_HOOK_NONE:
        return false;
    case HC_HOOK_IN_THE_WAY:
        *out = act(HC_ACT_HOOK_CLEAR, "an older object of the hook's name is deleted first");
        return true;
    case HC_HOOK_LEAVING:
        *out = late ? act(broken, "an older object of the hook's name does not go away in time")
                    : wait_until(s->deadline_ms, "waiting until an older object of the hook's name is gone");
        return true;
    case HC_HOOK_TAKEN:
        *out = act(broken, "an object of the hook's name exists, and its delete policy leaves it there");
        return true;
    case HC_HOOK_FREE:
        *out = act(HC_ACT_HOOK_INTEND, "next hook");
        return true;
    case HC_HOOK_INTENDED:
        *out = act(HC_ACT_HOOK_CREATE, "hook recorded, not made");
        return true;
    case HC_HOOK_MADE:
        *out = act(HC_ACT_HOOK_NOTE, "hook made, not noted");
        return true;
    case HC_HOOK_RUNNING:
        *out = late ? act(HC_ACT_HOOK_FINISH, "hook did not finish in time")
                    : wait_until(s->deadline_ms, "waiting for a hook");
        return true;
    case HC_HOOK_SUCCEEDED:
    case HC_HOOK_FAILED:
        *out = act(HC_ACT_HOOK_FINISH, "hook finished");
        return true;
    case HC_HOOK_SWEEP:
        *out = act(HC_ACT_HOOK_SWEEP, "hooks finished, delete policies are due");
        return true;
    case HC_HOOK_BROKEN:
        *out = act(broken, "a hook failed");
        return true;
    }
    *out = act(broken, "a hook is in no state we know");
    return true;
}

/* ---- a pending revision of ours, to its end -------------------------------------------------------------- */

static struct hc_todo behind_the_wait(const struct hc_seen *s)
{
    if (s->post_hooks && !s->hooks_off)
        return to_stage(HC_STAGE_POST, "hooks behind the wait");
    return act(HC_ACT_DEPLOYED, "nothing is left to do");
}

static struct hc_todo wait_rows(const struct hc_seen *s)
{
    if (s->wait_off || s->objects == HC_OBJECTS_READY)
        return behind_the_wait(s);
    if (s->objects == HC_OBJECTS_FAILED)
        return act(HC_ACT_FAILED, "an object failed");
    if (s->now_ms >= s->deadline_ms)
        return act(HC_ACT_FAILED, "objects are not ready in time");
    return wait_until(s->deadline_ms, "waiting for objects");
}

/* Between two waves, whatever is said of the wait at the end. */
static struct hc_todo wave_rows(const struct hc_seen *s, enum hc_act broken)
{
    if (s->objects == HC_OBJECTS_READY)
        return act(HC_ACT_WAVE, broken == HC_ACT_BREAK ? "a wave is gone" : "a wave is ready");
    if (s->objects == HC_OBJECTS_FAILED)
        return act(broken, "an object of a wave failed");
    if (s->now_ms >= s->deadline_ms)
        return act(broken,
                   broken == HC_ACT_BREAK ? "a wave does not go away in time" : "a wave is not ready in time");
    return wait_until(s->deadline_ms, "waiting for a wave");
}

static struct hc_todo pending_rows(const struct hc_seen *s)
{
    struct hc_todo t;
    switch (s->stage) {
    case HC_STAGE_PRE:
        if (hook_row(s, HC_ACT_FAILED, &t))
            return t;
        if (s->fault)
            return act(HC_ACT_FAILED, "an object was refused");
        if (!s->applied && s->wave_sent)
            return wave_rows(s, HC_ACT_FAILED);
        if (!s->applied)
            return act(HC_ACT_APPLY, "revision recorded, not applied");
        /* With nothing behind us that must not be done twice, the record need not say how far we are: whoever goes on
         * with it sends the objects again and waits. That saves one write of the whole record an install. */
        if (!s->pre_hooks || s->hooks_off || s->wait_off || s->objects == HC_OBJECTS_READY)
            return wait_rows(s);
        return to_stage(HC_STAGE_WAIT, "objects sent, not ready");
    case HC_STAGE_WAIT:
        return wait_rows(s);
    case HC_STAGE_POST:
        if (hook_row(s, HC_ACT_FAILED, &t))
            return t;
        return act(HC_ACT_DEPLOYED, "nothing is left to do");
    case HC_STAGE_BROKEN:
    case HC_STAGE_TEST:
    case HC_STAGE_END:
        break;
    }
    return act(HC_ACT_FAILED, "a pending revision is in a stage that it cannot be in");
}

/* ---- uninstall --------------------------------------------------------------------------------------------- */

static struct hc_todo uninstall_rows(const struct hc_seen *s)
{
    struct hc_todo t;
    if (s->left_broken && (s->head == HC_HEAD_ABSENT || (s->head == HC_HEAD_UNINSTALLED && s->keep_history)))
        return stop(s, "uninstalled, but a hook behind the deletion failed");
    if (s->head == HC_HEAD_ABSENT)
        return done(s, "there is no such release");
    if (s->head == HC_HEAD_UNINSTALLED)
        return s->keep_history ? done(s, "uninstalled")
                               : act(HC_ACT_GONE, "uninstalled, its records are still there");
    if (s->head != HC_HEAD_UNINSTALLING)
        return act(HC_ACT_UNINSTALL, "uninstall wanted");
    switch (s->stage) {
    case HC_STAGE_PRE:
        if (hook_row(s, HC_ACT_BREAK, &t))
            return t;
        if (s->fault)
            return act(HC_ACT_BREAK, "an object could not be deleted");
        if (!s->applied && s->wave_sent)
            return wave_rows(s, HC_ACT_BREAK);
        if (!s->applied)
            return act(HC_ACT_DELETE, "objects are to be deleted");
        if (!s->wait_off && s->objects != HC_OBJECTS_READY)
            return to_stage(HC_STAGE_WAIT, "objects deleted, not gone");
        break;
    case HC_STAGE_WAIT:
        if (s->wait_off || s->objects == HC_OBJECTS_READY)
            break;
        if (s->now_ms >= s->deadline_ms)
            return act(HC_ACT_BREAK, "objects do not go away in time");
        return wait_until(s->deadline_ms, "waiting until objects are gone");
    case HC_STAGE_POST: /* what was to be deleted is gone: a hook that fails by now keeps no release (Helm's rule) */
        if (hook_row(s, HC_ACT_GONE, &t))
            return t;
        return act(HC_ACT_GONE, "everything is gone");
    case HC_STAGE_BROKEN:
        if (s->asked || (s->retry_ms > 0 && s->now_ms >= s->retry_ms))
            return act(HC_ACT_UNINSTALL, "the uninstall failed before, again");
        if (s->retry_ms > 0 && !s->one_shot)
            return wait_until(s->retry_ms, "the uninstall failed, next try later");
        return stop(s, "the uninstall failed");
    case HC_STAGE_TEST:
    case HC_STAGE_END: /* another program began it */
        if (s->now_ms < s->foreign_until_ms)
            return wait_until(s->foreign_until_ms, "another program may still be at work on it");
        return act(HC_ACT_UNINSTALL, "an uninstall was begun elsewhere");
    }
    if (s->post_hooks && !s->hooks_off)
        return to_stage(HC_STAGE_POST, "hooks behind the deletion");
    return act(HC_ACT_GONE, "everything is gone");
}

/* ---- to the wish ------------------------------------------------------------------------------------------- */

static bool exhausted(const struct hc_seen *s)
{
    return s->retries >= 0 && s->failures > s->retries;
}

static struct hc_todo begin(const struct hc_seen *s, const char *why)
{
    if (s->goal == HC_GOAL_ROLLBACK)
        return s->rollback_target ? act(HC_ACT_ROLLBACK, why)
                                  : stop(s, "the revision to go back to does not exist");
    if (s->prepared)
        return act(HC_ACT_RECORD, why);
    if (!s->preparing)
        return act(HC_ACT_PREPARE, why);
    if (s->now_ms >= s->deadline_ms)
        return stop(s, "custom resource definitions were not established in time");
    return wait_until(s->look_ms ? HC_MIN(s->look_ms, s->deadline_ms) : s->deadline_ms,
                      "waiting until custom resource definitions are established");
}

/* What was remediated is tried again, ever more rarely: what fails at once would otherwise keep the API server busy. */
static struct hc_todo again(const struct hc_seen *s, const char *why)
{
    if (!s->asked && s->failures > 0 && s->now_ms < s->pause_ms)
        return pause_until(s->pause_ms, "failed, next try after a pause");
    return begin(s, why);
}

/* The head is a failed revision of what is desired (or a deployed one whose tests failed). */
static struct hc_todo failed_rows(const struct hc_seen *s)
{
    if (s->failures <= 0)
        return begin(s, "failed under other circumstances, tried again");
    if (s->strategy == HC_STRATEGY_RETRY) {
        if (s->now_ms >= s->retry_ms)
            return begin(s, "failed, tried again after the retry interval");
        return pause_until(s->retry_ms, "failed, next try after the retry interval");
    }
    if (exhausted(s) && !s->remediate_last)
        return stop(s, "failed, and no retry is left");
    if (s->strategy == HC_STRATEGY_UNINSTALL)
        return act(HC_ACT_UNINSTALL, "failed, uninstalled as remediation");
    if (s->rollback_target)
        return act(HC_ACT_ROLLBACK, "failed, rolled back as remediation");
    if (exhausted(s))
        return stop(s, "failed, and there is no revision to roll back to");
    return again(s, "failed without a revision to roll back to, tried again");
}

static struct hc_todo deployed_rows(const struct hc_seen *s)
{
    struct hc_todo t;
    if (s->want_changed) {
        if (s->failures > 0 && exhausted(s))
            return stop(s, s->rolling_back ? "rolled back, and no retry is left" : "no retry is left");
        return s->rolling_back ? again(s, "rolled back, tried again") : begin(s, "the desired state has changed");
    }
    if (s->stage == HC_STAGE_TEST) {
        if (hook_row(s, HC_ACT_TESTED, &t))
            return t;
        return act(HC_ACT_TESTED, "all tests ran");
    }
    if (s->tests == HC_TESTS_DUE)
        return act(HC_ACT_TEST, "deployed, not tested");
    if (s->tests == HC_TESTS_FAILED && !s->ignore_test_failures)
        return failed_rows(s);
    if (s->drift == HC_DRIFT_FOUND && s->correct_drift && !s->fault)
        return act(HC_ACT_CORRECT, "the cluster drifted from the record");
    return done(s, s->drift == HC_DRIFT_FOUND ? "deployed, drifted" : "in sync");
}

static struct hc_todo present_rows(const struct hc_seen *s)
{
    switch (s->head) {
    case HC_HEAD_FOREIGN:
        if (s->asked && s->busy)
            return stop(s, "another operation (install/upgrade/rollback) is in progress");
        if (s->goal == HC_GOAL_ROLLBACK && !s->rollback_target) /* then nothing is touched either */
            return begin(s, "asked for");
        if (s->now_ms < s->foreign_until_ms)
            return wait_until(s->foreign_until_ms, "another program may still be at work on it");
        return act(HC_ACT_TAKE_OVER, "left pending by another program");
    case HC_HEAD_PENDING:
        if (s->asked && s->busy)
            return stop(s, "another operation (install/upgrade/rollback) is in progress");
        if (s->want_changed)
            return act(HC_ACT_SUPERSEDE, "superseded while pending");
        return pending_rows(s);
    case HC_HEAD_UNINSTALLING:
        return uninstall_rows(s);
    case HC_HEAD_ABSENT:
    case HC_HEAD_UNINSTALLED:
        if (!s->asked && s->failures > 0 && exhausted(s))
            return stop(s, "uninstalled after a failure, and no retry is left");
        return again(s, "no release");
    case HC_HEAD_FAILED:
        if (s->asked)
            return begin(s, "asked for");
        if (s->goal == HC_GOAL_ROLLBACK)
            return stop(s, "the rollback failed");
        if (s->rolling_back)
            return s->failures > 0 && exhausted(s) ? stop(s, "the rollback failed, and no retry is left")
                                                   : again(s, "the rollback failed, tried again");
        if (s->want_changed)
            return begin(s, "the desired state has changed");
        return failed_rows(s);
    case HC_HEAD_DEPLOYED:
        if (s->asked)
            return begin(s, "asked for");
        if (s->goal == HC_GOAL_ROLLBACK)
            return done(s, "rolled back");
        return deployed_rows(s);
    case HC_HEAD_OTHER:
        break;
    }
    return begin(s, "the newest record is in no state of its own");
}

static struct hc_todo test_rows(const struct hc_seen *s)
{
    struct hc_todo t;
    if (s->head == HC_HEAD_ABSENT)
        return stop(s, "there is no such release");
    if (s->head == HC_HEAD_PENDING || s->head == HC_HEAD_FOREIGN || s->head == HC_HEAD_UNINSTALLING)
        return stop(s, "another operation is in progress");
    if (s->asked && s->busy)
        return stop(s, "its tests are in progress");
    if (s->asked && s->stage != HC_STAGE_TEST)
        return act(HC_ACT_TEST, "tests asked for");
    if (s->stage == HC_STAGE_TEST) {
        if (hook_row(s, HC_ACT_TESTED, &t))
            return t;
        return act(HC_ACT_TESTED, "all tests ran");
    }
    return s->tests == HC_TESTS_FAILED ? stop(s, "a test failed") : done(s, "tested");
}

/* Neither are namespace and definitions made nor is what was left behind gone on with: all of that writes. */
static struct hc_todo dry_rows(const struct hc_seen *s)
{
    if (s->goal == HC_GOAL_ROLLBACK)
        return s->rollback_target ? act(HC_ACT_ROLLBACK, "a dry run")
                                  : stop(s, "the revision to go back to does not exist");
    if ((s->head == HC_HEAD_PENDING || s->head == HC_HEAD_FOREIGN) && s->busy)
        return stop(s, "another operation (install/upgrade/rollback) is in progress");
    return act(HC_ACT_RECORD, "a dry run");
}

struct hc_todo hc_decide(const struct hc_seen *s)
{
    if (s->refused)
        return stop(s, "refused");
    if (s->dry_run && (s->goal == HC_GOAL_PRESENT || s->goal == HC_GOAL_ROLLBACK))
        return dry_rows(s);
    switch (s->goal) {
    case HC_GOAL_ABSENT:
        return uninstall_rows(s);
    case HC_GOAL_TEST:
        return test_rows(s);
    case HC_GOAL_PRESENT:
    case HC_GOAL_ROLLBACK:
        break;
    }
    return present_rows(s);
}

const char *hc_act_name(enum hc_act a)
{
    static const char *const names[] = {
        [HC_ACT_NONE] = "none",
        [HC_ACT_PREPARE] = "prepare",
        [HC_ACT_RECORD] = "record",
        [HC_ACT_ROLLBACK] = "rollback",
        [HC_ACT_TAKE_OVER] = "take-over",
        [HC_ACT_SUPERSEDE] = "supersede",
        [HC_ACT_HOOK_CLEAR] = "hook-clear",
        [HC_ACT_HOOK_INTEND] = "hook-intend",
        [HC_ACT_HOOK_CREATE] = "hook-create",
        [HC_ACT_HOOK_NOTE] = "hook-note",
        [HC_ACT_HOOK_FINISH] = "hook-finish",
        [HC_ACT_HOOK_SWEEP] = "hook-sweep",
        [HC_ACT_APPLY] = "apply",
        [HC_ACT_WAVE] = "wave",
        [HC_ACT_STAGE] = "stage",
        [HC_ACT_DEPLOYED] = "deployed",
        [HC_ACT_FAILED] = "failed",
        [HC_ACT_TEST] = "test",
        [HC_ACT_TESTED] = "tested",
        [HC_ACT_CORRECT] = "correct",
        [HC_ACT_UNINSTALL] = "uninstall",
        [HC_ACT_DELETE] = "delete",
        [HC_ACT_BREAK] = "break",
        [HC_ACT_GONE] = "gone",
    };
    return (size_t)a < HC_LEN(names) ? names[a] : "?";
}

const char *hc_verdict_name(enum hc_verdict v)
{
    static const char *const names[] = { "go-on", "wait", "done", "stalled", "ended" };
    return (size_t)v < HC_LEN(names) ? names[v] : "?";
}
