/*
 * The state table: rows by name; then a model of the world that takes every turn (hooks and objects that succeed, fail
 * or hang, objects that are refused, a crash before any step) and shows that each path ends, that no hook is made twice,
 * and that nothing is applied before its record; then all values of all fields, for totality.
 */
#include "deploy/reconcile/decide.h"
#include "tests/unit/unit.h"

static void test_rows(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct hc_seen seen;
        enum hc_act act;
        enum hc_verdict verdict;
    } rows[] = {
        { "first install", { .prepared = true }, HC_ACT_RECORD, HC_GO_ON },
        { "namespace and CRDs first", { 0 }, HC_ACT_PREPARE, HC_GO_ON },
        { "CRDs not established", { .preparing = true, .deadline_ms = 9 }, HC_ACT_NONE, HC_WAIT },
        { "CRDs never established", { .preparing = true, .now_ms = 9, .deadline_ms = 9 }, HC_ACT_NONE, HC_STALLED },
        { "killed before apply", { .head = HC_HEAD_PENDING }, HC_ACT_APPLY, HC_GO_ON },
        { "hook before apply", { .head = HC_HEAD_PENDING, .hook = HC_HOOK_FREE }, HC_ACT_HOOK_INTEND, HC_GO_ON },
        { "hooks off",
          { .head = HC_HEAD_PENDING, .hook = HC_HOOK_FREE, .hooks_off = true },
          HC_ACT_APPLY,
          HC_GO_ON },
        { "killed before the hook was made",
          { .head = HC_HEAD_PENDING, .hook = HC_HOOK_INTENDED },
          HC_ACT_HOOK_CREATE,
          HC_GO_ON },
        { "killed after the hook was made",
          { .head = HC_HEAD_PENDING, .hook = HC_HOOK_MADE },
          HC_ACT_HOOK_NOTE,
          HC_GO_ON },
        { "hook runs",
          { .head = HC_HEAD_PENDING, .hook = HC_HOOK_RUNNING, .deadline_ms = 5 },
          HC_ACT_NONE,
          HC_WAIT },
        { "hook is late",
          { .head = HC_HEAD_PENDING, .hook = HC_HOOK_RUNNING, .deadline_ms = 5, .now_ms = 5 },
          HC_ACT_HOOK_FINISH,
          HC_GO_ON },
        { "hook broke", { .head = HC_HEAD_PENDING, .hook = HC_HOOK_BROKEN }, HC_ACT_FAILED, HC_GO_ON },
        { "hook's name taken", { .head = HC_HEAD_PENDING, .hook = HC_HOOK_TAKEN }, HC_ACT_FAILED, HC_GO_ON },
        { "refused object", { .head = HC_HEAD_PENDING, .fault = true }, HC_ACT_FAILED, HC_GO_ON },
        { "ready at once, no stage is written",
          { .head = HC_HEAD_PENDING, .applied = true, .objects = HC_OBJECTS_READY },
          HC_ACT_DEPLOYED,
          HC_GO_ON },
        { "not ready, and hooks ran before",
          { .head = HC_HEAD_PENDING, .applied = true, .pre_hooks = true },
          HC_ACT_STAGE,
          HC_GO_ON },
        { "not ready, no stage is written",
          { .head = HC_HEAD_PENDING, .applied = true, .deadline_ms = 5 },
          HC_ACT_NONE,
          HC_WAIT },
        { "not ready in time, no stage was written",
          { .head = HC_HEAD_PENDING, .applied = true, .deadline_ms = 5, .now_ms = 5 },
          HC_ACT_FAILED,
          HC_GO_ON },
        { "failed for certain, no stage was written",
          { .head = HC_HEAD_PENDING, .applied = true, .objects = HC_OBJECTS_FAILED, .deadline_ms = 5 },
          HC_ACT_FAILED,
          HC_GO_ON },
        { "no wait", { .head = HC_HEAD_PENDING, .applied = true, .wait_off = true }, HC_ACT_DEPLOYED, HC_GO_ON },
        { "a wave before the last was sent",
          { .head = HC_HEAD_PENDING, .wave_sent = true, .wait_off = true, .deadline_ms = 5 },
          HC_ACT_NONE,
          HC_WAIT },
        { "a wave is ready",
          { .head = HC_HEAD_PENDING, .wave_sent = true, .objects = HC_OBJECTS_READY },
          HC_ACT_WAVE,
          HC_GO_ON },
        { "a wave is not ready in time",
          { .head = HC_HEAD_PENDING, .wave_sent = true, .deadline_ms = 5, .now_ms = 5 },
          HC_ACT_FAILED,
          HC_GO_ON },
        { "a wave failed",
          { .head = HC_HEAD_PENDING, .wave_sent = true, .objects = HC_OBJECTS_FAILED, .deadline_ms = 5 },
          HC_ACT_FAILED,
          HC_GO_ON },
        { "superseded between waves",
          { .head = HC_HEAD_PENDING, .wave_sent = true, .want_changed = true },
          HC_ACT_SUPERSEDE,
          HC_GO_ON },
        { "uninstall: a wave does not go away",
          { .goal = HC_GOAL_ABSENT, .head = HC_HEAD_UNINSTALLING, .wave_sent = true },
          HC_ACT_BREAK,
          HC_GO_ON },
        { "killed while waiting",
          { .head = HC_HEAD_PENDING, .stage = HC_STAGE_WAIT, .deadline_ms = 5 },
          HC_ACT_NONE,
          HC_WAIT },
        { "not ready in time",
          { .head = HC_HEAD_PENDING, .stage = HC_STAGE_WAIT, .deadline_ms = 5, .now_ms = 6 },
          HC_ACT_FAILED,
          HC_GO_ON },
        { "killed before marking",
          { .head = HC_HEAD_PENDING, .stage = HC_STAGE_WAIT, .objects = HC_OBJECTS_READY },
          HC_ACT_DEPLOYED,
          HC_GO_ON },
        { "post hooks",
          { .head = HC_HEAD_PENDING, .stage = HC_STAGE_WAIT, .objects = HC_OBJECTS_READY, .post_hooks = true },
          HC_ACT_STAGE,
          HC_GO_ON },
        { "superseded while pending",
          { .head = HC_HEAD_PENDING, .stage = HC_STAGE_WAIT, .want_changed = true },
          HC_ACT_SUPERSEDE,
          HC_GO_ON },
        { "two commands at once",
          { .head = HC_HEAD_PENDING, .asked = true, .one_shot = true, .busy = true },
          HC_ACT_NONE,
          HC_ENDED },
        { "left by another program", { .head = HC_HEAD_FOREIGN }, HC_ACT_TAKE_OVER, HC_GO_ON },
        { "another program, a moment ago",
          { .head = HC_HEAD_FOREIGN, .foreign_until_ms = INT64_MAX },
          HC_ACT_NONE,
          HC_WAIT },
        { "in sync", { .head = HC_HEAD_DEPLOYED, .resync_ms = 7 }, HC_ACT_NONE, HC_DONE },
        { "upgrade",
          { .head = HC_HEAD_DEPLOYED, .want_changed = true, .prepared = true },
          HC_ACT_RECORD,
          HC_GO_ON },
        { "failed, rolled back",
          { .head = HC_HEAD_FAILED, .failures = 1, .retries = 1, .rollback_target = true },
          HC_ACT_ROLLBACK,
          HC_GO_ON },
        { "failed, last one stays", { .head = HC_HEAD_FAILED, .failures = 1 }, HC_ACT_NONE, HC_STALLED },
        { "failed, last one is mended",
          { .head = HC_HEAD_FAILED, .failures = 1, .remediate_last = true, .rollback_target = true },
          HC_ACT_ROLLBACK,
          HC_GO_ON },
        { "nothing to roll back to",
          { .head = HC_HEAD_FAILED, .failures = 1, .remediate_last = true },
          HC_ACT_NONE,
          HC_STALLED },
        { "rolled back, retry",
          { .head = HC_HEAD_DEPLOYED,
            .rolling_back = true,
            .want_changed = true,
            .prepared = true,
            .failures = 1,
            .retries = 1 },
          HC_ACT_RECORD,
          HC_GO_ON },
        { "rolled back, the end",
          { .head = HC_HEAD_DEPLOYED, .rolling_back = true, .want_changed = true, .failures = 2, .retries = 1 },
          HC_ACT_NONE,
          HC_STALLED },
        { "rolled back, then fixed",
          { .head = HC_HEAD_DEPLOYED, .rolling_back = true, .want_changed = true, .prepared = true },
          HC_ACT_RECORD,
          HC_GO_ON },
        { "the rollback failed too",
          { .head = HC_HEAD_FAILED, .rolling_back = true, .want_changed = true, .failures = 1 },
          HC_ACT_NONE,
          HC_STALLED },
        { "install failed, uninstalled",
          { .head = HC_HEAD_FAILED, .failures = 1, .retries = -1, .strategy = HC_STRATEGY_UNINSTALL },
          HC_ACT_UNINSTALL,
          HC_GO_ON },
        { "uninstalled, the end", { .head = HC_HEAD_ABSENT, .failures = 1 }, HC_ACT_NONE, HC_STALLED },
        { "uninstalled, tried again after a pause",
          { .head = HC_HEAD_ABSENT, .failures = 1, .retries = -1, .prepared = true, .pause_ms = 5 },
          HC_ACT_NONE,
          HC_WAIT },
        { "uninstalled, the pause is over",
          { .head = HC_HEAD_ABSENT, .failures = 1, .retries = -1, .prepared = true, .now_ms = 5, .pause_ms = 5 },
          HC_ACT_RECORD,
          HC_GO_ON },
        { "rolled back, tried again after a pause",
          { .head = HC_HEAD_DEPLOYED,
            .rolling_back = true,
            .want_changed = true,
            .failures = 1,
            .retries = 1,
            .prepared = true,
            .pause_ms = 5 },
          HC_ACT_NONE,
          HC_WAIT },
        { "the wish changed: no pause",
          { .head = HC_HEAD_ABSENT, .retries = -1, .prepared = true, .pause_ms = 5 },
          HC_ACT_RECORD,
          HC_GO_ON },
        { "retry on failure, too early",
          { .head = HC_HEAD_FAILED, .failures = 1, .strategy = HC_STRATEGY_RETRY, .retry_ms = 5 },
          HC_ACT_NONE,
          HC_WAIT },
        { "tests due", { .head = HC_HEAD_DEPLOYED, .tests = HC_TESTS_DUE }, HC_ACT_TEST, HC_GO_ON },
        { "tests failed",
          { .head = HC_HEAD_DEPLOYED,
            .tests = HC_TESTS_FAILED,
            .failures = 1,
            .retries = 1,
            .rollback_target = true },
          HC_ACT_ROLLBACK,
          HC_GO_ON },
        { "tests failed, ignored",
          { .head = HC_HEAD_DEPLOYED, .tests = HC_TESTS_FAILED, .ignore_test_failures = true, .failures = 1 },
          HC_ACT_NONE,
          HC_DONE },
        { "drift is put back",
          { .head = HC_HEAD_DEPLOYED, .drift = HC_DRIFT_FOUND, .correct_drift = true },
          HC_ACT_CORRECT,
          HC_GO_ON },
        { "drift is only told", { .head = HC_HEAD_DEPLOYED, .drift = HC_DRIFT_FOUND }, HC_ACT_NONE, HC_DONE },
        { "uninstall interrupts a wait",
          { .goal = HC_GOAL_ABSENT, .head = HC_HEAD_PENDING, .stage = HC_STAGE_WAIT },
          HC_ACT_UNINSTALL,
          HC_GO_ON },
        { "uninstalled by another program",
          { .head = HC_HEAD_UNINSTALLING, .stage = HC_STAGE_END, .foreign_until_ms = INT64_MAX },
          HC_ACT_NONE,
          HC_WAIT },
        { "left uninstalling by another program",
          { .head = HC_HEAD_UNINSTALLING, .stage = HC_STAGE_END },
          HC_ACT_UNINSTALL,
          HC_GO_ON },
        { "uninstall deletes", { .goal = HC_GOAL_ABSENT, .head = HC_HEAD_UNINSTALLING }, HC_ACT_DELETE, HC_GO_ON },
        { "uninstall is over",
          { .goal = HC_GOAL_ABSENT, .head = HC_HEAD_UNINSTALLING, .applied = true, .objects = HC_OBJECTS_READY },
          HC_ACT_GONE,
          HC_GO_ON },
        { "a dry run makes no namespace",
          { .dry_run = true, .one_shot = true, .asked = true },
          HC_ACT_RECORD,
          HC_GO_ON },
        { "a dry run goes on with nothing",
          { .dry_run = true, .one_shot = true, .head = HC_HEAD_PENDING },
          HC_ACT_RECORD,
          HC_GO_ON },
        { "a dry run takes nothing over",
          { .dry_run = true, .one_shot = true, .asked = true, .head = HC_HEAD_FOREIGN },
          HC_ACT_RECORD,
          HC_GO_ON },
        { "nor while somebody is at work",
          { .dry_run = true, .one_shot = true, .asked = true, .head = HC_HEAD_FOREIGN, .busy = true },
          HC_ACT_NONE,
          HC_ENDED },
        { "a dry run of a rollback out of a pending revision",
          { .dry_run = true, .goal = HC_GOAL_ROLLBACK, .head = HC_HEAD_PENDING, .rollback_target = true },
          HC_ACT_ROLLBACK,
          HC_GO_ON },
        { "a hook behind the deletion that fails keeps no release",
          { .goal = HC_GOAL_ABSENT, .head = HC_HEAD_UNINSTALLING, .stage = HC_STAGE_POST, .hook = HC_HOOK_BROKEN },
          HC_ACT_GONE,
          HC_GO_ON },
        { "one before it does",
          { .goal = HC_GOAL_ABSENT, .head = HC_HEAD_UNINSTALLING, .hook = HC_HOOK_BROKEN },
          HC_ACT_BREAK,
          HC_GO_ON },
        { "and the command says so",
          { .goal = HC_GOAL_ABSENT, .head = HC_HEAD_ABSENT, .one_shot = true, .left_broken = true },
          HC_ACT_NONE,
          HC_ENDED },
        { "rollback command",
          { .goal = HC_GOAL_ROLLBACK,
            .head = HC_HEAD_DEPLOYED,
            .one_shot = true,
            .asked = true,
            .rollback_target = true },
          HC_ACT_ROLLBACK,
          HC_GO_ON },
        { "rollback command, no such revision",
          { .goal = HC_GOAL_ROLLBACK, .head = HC_HEAD_DEPLOYED, .one_shot = true, .asked = true },
          HC_ACT_NONE,
          HC_ENDED },
        { "test command",
          { .goal = HC_GOAL_TEST, .head = HC_HEAD_DEPLOYED, .asked = true },
          HC_ACT_TEST,
          HC_GO_ON },
        { "tests that somebody else runs just now",
          { .goal = HC_GOAL_TEST, .head = HC_HEAD_DEPLOYED, .asked = true, .busy = true, .stage = HC_STAGE_TEST },
          HC_ACT_NONE,
          HC_STALLED },
        { "tests that somebody began who is gone",
          { .goal = HC_GOAL_TEST,
            .head = HC_HEAD_DEPLOYED,
            .stage = HC_STAGE_TEST,
            .hook = HC_HOOK_INTENDED,
            .tests = HC_TESTS_DUE },
          HC_ACT_HOOK_CREATE,
          HC_GO_ON },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_todo t = hc_decide(&rows[i].seen);
        if (t.act != rows[i].act || t.verdict != rows[i].verdict)
            fail_msg("%s: got %s/%s (%s)", rows[i].name, hc_act_name(t.act), hc_verdict_name(t.verdict), t.why);
    }
}

/* ---- the model --------------------------------------------------------------------------------------------- */

enum turn { TURN_GOOD, TURN_BAD, TURN_HANG }; /* what a hook or the objects do */

struct world {
    struct hc_seen s;
    enum turn hook_turn[6]; /* by stage */
    enum turn objects_turn;
    bool refuse;           /* the objects of a new revision are refused */
    bool hooks;            /* there is one hook in each stage */
    int waves, waves_left; /* behind which the rest waits */
    int made[6];           /* hooks made in this visit of a stage */
    bool hook_object;
    bool recorded;
    int crashes_left, crash_at, steps;
};

static void enter(struct world *w, enum hc_stage stage)
{
    w->s.stage = stage;
    w->made[stage] = 0;
    w->hook_object = false;
    w->s.hook = w->hooks && stage != HC_STAGE_WAIT && stage < HC_STAGE_BROKEN ? HC_HOOK_FREE : HC_HOOK_NONE;
    if (w->hooks && stage == HC_STAGE_TEST)
        w->s.hook = HC_HOOK_FREE;
    w->s.deadline_ms = w->s.now_ms + 10;
}

static void new_pending(struct world *w, bool rollback)
{
    w->s.head = HC_HEAD_PENDING;
    w->s.pre_hooks = w->hooks;
    w->s.rolling_back = rollback;
    w->s.want_changed = false;
    w->s.applied = w->s.wave_sent = w->s.fault = w->s.asked = false;
    w->waves_left = w->waves;
    w->s.objects = HC_OBJECTS_PROGRESSING;
    w->recorded = true;
    enter(w, HC_STAGE_PRE);
}

static void observe(struct world *w)
{
    struct hc_seen *s = &w->s;
    if (s->hook == HC_HOOK_INTENDED && w->hook_object)
        s->hook = HC_HOOK_MADE;
    if (s->hook == HC_HOOK_RUNNING && w->hook_turn[s->stage] == TURN_GOOD)
        s->hook = HC_HOOK_SUCCEEDED;
    if (s->hook == HC_HOOK_RUNNING && w->hook_turn[s->stage] == TURN_BAD)
        s->hook = HC_HOOK_FAILED;
    if ((s->applied || s->wave_sent || s->stage == HC_STAGE_WAIT) && !s->rolling_back)
        s->objects = w->objects_turn == TURN_GOOD  ? HC_OBJECTS_READY
                     : w->objects_turn == TURN_BAD ? HC_OBJECTS_FAILED
                                                   : HC_OBJECTS_PROGRESSING;
    if (s->rolling_back)
        s->objects = HC_OBJECTS_READY;
}

/* Up to the next wave that is waited for. */
static void send(struct world *w)
{
    w->s.wave_sent = w->waves_left > 0;
    w->s.applied = w->waves_left == 0;
}

static void do_act(struct world *w, const struct hc_todo *t)
{
    struct hc_seen *s = &w->s;
    switch (t->act) {
    case HC_ACT_NONE:
        fail_msg("told to go on with nothing to do: %s", t->why);
        break;
    case HC_ACT_PREPARE:
        s->prepared = true;
        break;
    case HC_ACT_RECORD:
        new_pending(w, false);
        break;
    case HC_ACT_ROLLBACK:
        assert_true(s->rollback_target);
        new_pending(w, true);
        break;
    case HC_ACT_TAKE_OVER:
    case HC_ACT_SUPERSEDE:
        s->head = HC_HEAD_FAILED;
        s->stage = HC_STAGE_END;
        s->want_changed = true;
        s->failures = 0;
        break;
    case HC_ACT_HOOK_CLEAR:
        s->hook = HC_HOOK_FREE;
        break;
    case HC_ACT_HOOK_INTEND:
        s->hook = HC_HOOK_INTENDED;
        s->deadline_ms = s->now_ms + 10;
        break;
    case HC_ACT_HOOK_CREATE:
        assert_int_equal(w->made[s->stage]++, 0);
        w->hook_object = true;
        s->hook = HC_HOOK_MADE;
        break;
    case HC_ACT_HOOK_NOTE:
        s->hook = HC_HOOK_RUNNING;
        break;
    case HC_ACT_HOOK_FINISH:
        s->hook = s->hook == HC_HOOK_SUCCEEDED ? HC_HOOK_SWEEP : HC_HOOK_BROKEN;
        break;
    case HC_ACT_HOOK_SWEEP:
        s->hook = HC_HOOK_NONE;
        w->hook_object = false;
        break;
    case HC_ACT_APPLY:
        assert_true(w->recorded);
        if (w->refuse && !s->rolling_back)
            s->fault = true;
        else
            send(w);
        s->deadline_ms = s->now_ms + 10;
        break;
    case HC_ACT_WAVE:
        assert_true(w->waves_left > 0); /* none is left out, none is waited for twice */
        w->waves_left--;
        s->wave_sent = false;
        s->objects = HC_OBJECTS_PROGRESSING;
        break;
    case HC_ACT_STAGE:
        enter(w, t->stage);
        break;
    case HC_ACT_DEPLOYED:
        s->head = HC_HEAD_DEPLOYED;
        s->stage = HC_STAGE_END;
        s->want_changed = s->rolling_back && s->goal == HC_GOAL_PRESENT;
        break;
    case HC_ACT_FAILED:
        s->head = HC_HEAD_FAILED;
        s->stage = HC_STAGE_END;
        s->fault = false;
        if (!s->rolling_back)
            s->failures++;
        s->retry_ms = s->now_ms + 5;
        break;
    case HC_ACT_TEST:
        s->asked = false;
        enter(w, HC_STAGE_TEST);
        break;
    case HC_ACT_TESTED:
        s->stage = HC_STAGE_END;
        s->tests = s->hook == HC_HOOK_BROKEN || s->hook == HC_HOOK_TAKEN ? HC_TESTS_FAILED : HC_TESTS_PASSED;
        if (s->tests == HC_TESTS_FAILED && s->goal == HC_GOAL_PRESENT)
            s->failures++;
        break;
    case HC_ACT_CORRECT:
        s->drift = HC_DRIFT_NONE;
        break;
    case HC_ACT_UNINSTALL:
        s->head = HC_HEAD_UNINSTALLING;
        s->applied = s->wave_sent = s->fault = s->asked = false;
        s->rolling_back = false;
        w->waves_left = w->waves;
        enter(w, HC_STAGE_PRE);
        break;
    case HC_ACT_DELETE:
        send(w);
        s->deadline_ms = s->now_ms + 10;
        break;
    case HC_ACT_BREAK:
        s->stage = HC_STAGE_BROKEN;
        s->retry_ms = 0;
        break;
    case HC_ACT_GONE:
        s->head = s->keep_history && s->head != HC_HEAD_UNINSTALLED ? HC_HEAD_UNINSTALLED : HC_HEAD_ABSENT;
        s->stage = HC_STAGE_END;
        s->rollback_target = false;
        s->asked = false;
        break;
    }
}

static void crash(struct world *w)
{
    w->s.applied = w->s.wave_sent = w->s.fault = w->s.prepared = w->s.preparing =
        false; /* all that is only remembered */
    if (w->s.asked)
        w->s.asked = w->s.one_shot; /* the user asks again when nothing was begun */
}

static void run(struct world w)
{
    for (w.steps = 0; w.steps < 400; w.steps++) {
        if (w.crashes_left > 0 && w.steps == w.crash_at) {
            crash(&w);
            w.crashes_left--;
            w.crash_at += 3;
        }
        observe(&w);
        struct hc_todo t = hc_decide(&w.s);
        switch (t.verdict) {
        case HC_GO_ON:
            do_act(&w, &t);
            continue;
        case HC_WAIT:
            assert_int_equal(t.act, HC_ACT_NONE);
            assert_true(t.until_ms > w.s.now_ms);
            w.s.now_ms = t.until_ms; /* nothing happens until then */
            continue;
        case HC_DONE:
            if (w.s.goal == HC_GOAL_ABSENT)
                assert_true(w.s.head == HC_HEAD_ABSENT || w.s.head == HC_HEAD_UNINSTALLED);
            else if (w.s.goal != HC_GOAL_TEST)
                assert_int_equal(w.s.head, HC_HEAD_DEPLOYED);
            return;
        case HC_STALLED:
        case HC_ENDED:
            /* A stop leaves nothing half done: pending only when somebody else is at work. */
            assert_true(w.s.head != HC_HEAD_PENDING || w.s.busy || w.s.goal == HC_GOAL_TEST);
            return;
        }
    }
    fail_msg("no end after %d steps: goal %d head %d stage %d hook %d strategy %d failures %d", w.steps, w.s.goal,
             w.s.head, w.s.stage, w.s.hook, w.s.strategy, (int)w.s.failures);
}

static void test_every_path_ends(void **state)
{
    (void)state;
    unsigned long paths = 0, turn = 0;
    static const int64_t retries[] = { 0, 2 };
    for (int goal = 0; goal < 4; goal++)
        for (int head = 0; head <= HC_HEAD_OTHER; head++)
            for (unsigned bits = 0; bits < 1u << 8; bits++)
                for (int strategy = 0; strategy < 3; strategy++)
                    for (int objects = 0; objects < 3; objects++)
                        for (int hook = 0; hook < 3; hook++)
                            for (int crash_at = -1; crash_at < 14; crash_at += 1) {
                                if (!unit_takes(&turn))
                                    continue;
                                struct world w = { 0 };
                                w.s.goal = (enum hc_goal)goal;
                                w.s.head = (enum hc_head)head;
                                w.s.one_shot = w.s.asked = bits & 1;
                                w.s.want_changed = bits & 2;
                                w.hooks = bits & 4;
                                w.s.post_hooks = w.hooks;
                                w.refuse = bits & 8;
                                w.s.remediate_last = bits & 16;
                                w.s.rollback_target = bits & 32;
                                w.s.keep_history = bits & 64;
                                w.s.retries = retries[(bits >> 7) & 1];
                                w.s.tests = w.hooks ? HC_TESTS_DUE : HC_TESTS_OFF;
                                w.s.strategy = (enum hc_strategy)strategy;
                                w.objects_turn = (enum turn)objects;
                                for (size_t i = 0; i < HC_LEN(w.hook_turn); i++)
                                    w.hook_turn[i] = (enum turn)hook;
                                w.recorded = head != HC_HEAD_ABSENT;
                                w.s.stage = HC_STAGE_END;
                                if (head == HC_HEAD_PENDING || head == HC_HEAD_UNINSTALLING)
                                    enter(&w, HC_STAGE_PRE);
                                w.crashes_left = crash_at < 0 ? 0 : 3;
                                w.crash_at = crash_at;
                                w.waves = w.waves_left = crash_at & 1 ? 0 : 2;
                                /* An endless cure is what the retry strategy promises. */
                                bool endless = strategy == HC_STRATEGY_RETRY && goal == HC_GOAL_PRESENT &&
                                               (w.refuse || objects != TURN_GOOD || (w.hooks && hook != TURN_GOOD));
                                if (endless)
                                    continue;
                                run(w);
                                paths++;
                            }
    assert_true(paths > (getenv("HC_EVERY") ? 1000 : 100000));
}

/* Thirty million of them: one that is changed, and one branch for what must hold. */
static void check_total(struct hc_seen *s)
{
    for (unsigned bits = 0; bits < 3u << 11; bits++) {
        s->one_shot = bits & 1;
        s->asked = s->wave_sent = bits & 2;
        s->want_changed = bits & 4;
        s->rolling_back = bits & 8;
        s->prepared = bits & 16;
        s->applied = bits & 32;
        s->fault = bits & 64;
        s->failures = (bits >> 7) & 1;
        s->remediate_last = bits & 256;
        s->rollback_target = bits & 512;
        s->deadline_ms = bits & 1024 ? 5 : 9;
        s->strategy = (enum hc_strategy)(bits >> 11);
        struct hc_todo t = hc_decide(s);
        if (!t.why || (t.verdict == HC_GO_ON) != (t.act != HC_ACT_NONE) ||
            (t.verdict == HC_WAIT && t.until_ms <= s->now_ms) || (t.verdict == HC_STALLED && s->one_shot))
            fail_msg("goal %d head %d stage %d hook %d objects %d bits %x: %s/%s until %d (%s)", s->goal, s->head,
                     s->stage, s->hook, s->objects, bits, hc_act_name(t.act), hc_verdict_name(t.verdict),
                     (int)t.until_ms, t.why ? t.why : "no reason");
    }
}

/* Whatever is seen, the answer is whole. */
static void test_total(void **state)
{
    (void)state;
    unsigned long turn = 0;
    for (int goal = 0; goal < 4; goal++)
        for (int head = 0; head <= HC_HEAD_OTHER; head++)
            for (int stage = 0; stage <= HC_STAGE_END; stage++)
                for (int hook = 0; hook <= HC_HOOK_BROKEN; hook++)
                    for (int objects = 0; objects < 3; objects++) {
                        struct hc_seen s = { .goal = (enum hc_goal)goal,
                                             .head = (enum hc_head)head,
                                             .stage = (enum hc_stage)stage,
                                             .hook = (enum hc_hook_seen)hook,
                                             .objects = (enum hc_objects_seen)objects,
                                             .now_ms = 5,
                                             .retry_ms = 8 };
                        if (unit_takes(&turn))
                            check_total(&s);
                    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_every_path_ends),
                                        cmocka_unit_test(test_total) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
