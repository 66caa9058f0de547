/*
 * A model of a release under hc_decide: a record, a hook a stage, the objects, and what a process remembers. From nothing,
 * every state is visited that can be reached by steps which succeed, fail, half succeed, are refused or lose their
 * answer, by a kill at any place, by hooks and objects that succeed, fail or hang, by time, by a new revision that is
 * wanted, by a deletion, and by another program's pending record. In all of them:
 *
 *   - no hook was made twice in one stage of one revision, nothing was applied without its record, nothing was deleted
 *     without the uninstall being recorded
 *   - there is a way out with nobody's help: steps and time alone end it, although hooks and objects hang
 *   - what ends is not pending
 */
#include <stdlib.h>

#include "deploy/reconcile/decide.h"
#include "tests/unit/unit.h"

/* Of the record: how far the hook of the stage has come. */
enum { NOT_BEGUN, INTENDED, NOTED, OVER, BROKEN };
/* Of the cluster: its object. */
enum { NO_OBJECT, RUNNING, SUCCEEDED, FAILED };
enum { ROLLBACK = 1 }; /* action; 0: install, upgrade or uninstall, as the head tells */

struct config { /* does not change on the way */
    enum hc_goal goal;
    bool one_shot, hooks, tests, waves, wait_off, remediate_last, keep_history;
    enum hc_strategy strategy;
    int retries;
};
struct model { /* a value: compared and hashed as its bytes */
    /* the cluster */
    uint8_t head, stage, action, remediation, hook, object, objects, same, failures, tests, target, made, waves;
    /* the world */
    uint8_t late, gone; /* the deadline is over; the release is to go */
    /* the process */
    uint8_t applied, wave_sent, fault, swept, prepared, refused, asked;
};

/* ---- what is seen ------------------------------------------------------------------------------------------ */

static struct hc_seen look(const struct config *c, const struct model *m)
{
    struct hc_seen s = { .goal = m->gone ? HC_GOAL_ABSENT : c->goal,
                         .head = (enum hc_head)m->head,
                         .one_shot = c->one_shot,
                         .asked = m->asked,
                         .refused = m->refused,
                         .prepared = m->prepared,
                         .applied = m->applied,
                         .wave_sent = m->wave_sent,
                         .fault = m->fault,
                         .wait_off = c->wait_off,
                         .pre_hooks = c->hooks,
                         .post_hooks = c->hooks,
                         .stage = (enum hc_stage)m->stage,
                         .objects = (enum hc_objects_seen)m->objects,
                         .keep_history = c->keep_history,
                         .strategy = c->strategy,
                         .failures = m->failures,
                         .retries = c->retries,
                         .remediate_last = c->remediate_last,
                         .rollback_target = m->target,
                         .now_ms = 10 };
    s.rolling_back = m->action == ROLLBACK && m->remediation;
    s.want_changed = m->head == HC_HEAD_PENDING || !s.rolling_back ? !m->same : true;
    if (c->one_shot && m->head != HC_HEAD_PENDING && !s.rolling_back)
        s.want_changed = false; /* a command that has begun wants what it made */
    s.deadline_ms = s.retry_ms = s.foreign_until_ms = m->late ? 10 : 20;
    if (m->head == HC_HEAD_UNINSTALLING)
        s.retry_ms = 0;
    s.tests = c->tests ? (enum hc_tests_seen)m->tests : HC_TESTS_OFF;
    if (m->hook >= OVER)
        s.hook = !m->swept && m->object != NO_OBJECT ? HC_HOOK_SWEEP
                 : m->hook == OVER                   ? HC_HOOK_NONE
                                                     : HC_HOOK_BROKEN;
    else if (m->hook == NOT_BEGUN)
        s.hook = m->object != NO_OBJECT ? HC_HOOK_IN_THE_WAY : HC_HOOK_FREE;
    else if (m->hook == INTENDED)
        s.hook = m->object != NO_OBJECT ? HC_HOOK_MADE : HC_HOOK_INTENDED;
    else
        s.hook = m->object == RUNNING     ? HC_HOOK_RUNNING
                 : m->object == SUCCEEDED ? HC_HOOK_SUCCEEDED
                                          : HC_HOOK_FAILED;
    bool in_stage = m->stage == HC_STAGE_PRE || m->stage == HC_STAGE_POST || m->stage == HC_STAGE_TEST;
    if (!in_stage || (!c->hooks && m->stage != HC_STAGE_TEST))
        s.hook = HC_HOOK_NONE;
    return s;
}

/* ---- what an action does ----------------------------------------------------------------------------------- */

static void enter(struct model *m, enum hc_stage stage)
{
    m->stage = (uint8_t)stage;
    m->hook = NOT_BEGUN;
    m->made = 0;
    m->late = m->swept = 0;
}
static void settle(struct model *m, enum hc_head head)
{
    m->head = (uint8_t)head;
    m->stage = HC_STAGE_END;
    m->hook = NOT_BEGUN;
    m->made = m->late = m->fault = m->applied = m->wave_sent = m->swept = m->waves = 0;
}
static void pending(struct model *m, int action, bool remediation)
{
    settle(m, HC_HEAD_PENDING);
    enter(m, HC_STAGE_PRE);
    m->action = (uint8_t)action;
    m->remediation = remediation;
    m->objects = HC_OBJECTS_PROGRESSING;
    m->tests = HC_TESTS_DUE;
    m->asked = m->prepared = 0;
    m->same = 1;
}

/* half: of an action with two writes only the first; refused: the server says no. */
static void act(const struct config *c, struct model *m, const struct hc_todo *t, bool half, bool refused)
{
    switch (t->act) {
    case HC_ACT_NONE:
        fail_msg("told to go on with nothing to do: %s", t->why);
        break;
    case HC_ACT_PREPARE:
        *(refused ? &m->refused : &m->prepared) = 1;
        break;
    case HC_ACT_RECORD:
        if (refused)
            m->refused = 1;
        else
            pending(m, 0, false);
        break;
    case HC_ACT_ROLLBACK:
        assert_true(m->target);
        pending(m, ROLLBACK, c->goal != HC_GOAL_ROLLBACK);
        break;
    case HC_ACT_TAKE_OVER:
    case HC_ACT_SUPERSEDE:
        settle(m, HC_HEAD_FAILED);
        m->action = m->remediation = m->same = m->failures = 0;
        break;
    case HC_ACT_HOOK_CLEAR:
        m->object = NO_OBJECT;
        break;
    case HC_ACT_HOOK_INTEND:
        m->hook = INTENDED;
        m->late = 0;
        break;
    case HC_ACT_HOOK_CREATE:
        if (refused) {
            m->hook = BROKEN;
            break;
        }
        m->made++;
        m->object = RUNNING;
        m->hook = half ? INTENDED : NOTED;
        break;
    case HC_ACT_HOOK_NOTE:
        m->hook = NOTED;
        break;
    case HC_ACT_HOOK_FINISH:
        m->hook = m->object == SUCCEEDED ? OVER : BROKEN;
        m->swept = 0;
        break;
    case HC_ACT_HOOK_SWEEP:
        m->object = NO_OBJECT;
        m->swept = 1;
        break;
    case HC_ACT_APPLY:
    case HC_ACT_DELETE:
        assert_int_equal(m->head, t->act == HC_ACT_APPLY ? HC_HEAD_PENDING : HC_HEAD_UNINSTALLING);
        if (refused)
            m->fault = 1;
        else if (!half)
            *(c->waves && !m->waves ? &m->wave_sent : &m->applied) = 1;
        m->objects = HC_OBJECTS_PROGRESSING;
        m->late = 0;
        break;
    case HC_ACT_WAVE:
        m->waves = 1;
        m->wave_sent = m->late = 0;
        m->objects = HC_OBJECTS_PROGRESSING;
        break;
    case HC_ACT_STAGE:
        enter(m, t->stage);
        break;
    case HC_ACT_DEPLOYED:
        settle(m, HC_HEAD_DEPLOYED);
        m->target = 1; /* of the next one */
        break;
    case HC_ACT_FAILED:
        settle(m, HC_HEAD_FAILED);
        if (!m->remediation)
            m->failures = (uint8_t)HC_MIN(m->failures + 1, 3);
        break;
    case HC_ACT_TEST:
        m->asked = 0;
        enter(m, HC_STAGE_TEST);
        break;
    case HC_ACT_TESTED:
        m->tests = m->hook == BROKEN ? HC_TESTS_FAILED : HC_TESTS_PASSED;
        if (m->hook == BROKEN && c->goal == HC_GOAL_PRESENT)
            m->failures = (uint8_t)HC_MIN(m->failures + 1, 3);
        settle(m, (enum hc_head)m->head);
        break;
    case HC_ACT_CORRECT:
        break;
    case HC_ACT_UNINSTALL:
        settle(m, HC_HEAD_UNINSTALLING);
        enter(m, HC_STAGE_PRE);
        m->action = m->remediation = m->asked = 0;
        m->objects = HC_OBJECTS_PROGRESSING;
        break;
    case HC_ACT_BREAK:
        enter(m, HC_STAGE_BROKEN);
        m->fault = 0;
        break;
    case HC_ACT_GONE:
        settle(m, c->keep_history && m->head != HC_HEAD_UNINSTALLED ? HC_HEAD_UNINSTALLED : HC_HEAD_ABSENT);
        m->target = m->same = m->asked = 0;
        break;
    }
    if (m->made > 1)
        fail_msg("a hook is made twice: stage %d of head %d", m->stage, m->head);
}

/* ---- all that can be reached ------------------------------------------------------------------------------- */

enum { ROOM = 1 << 20 };
static struct model *reached;
static uint32_t *slots; /* index + 1 */
static size_t reached_n;

static void reach(struct model m)
{
    uint64_t h = 1469598103934665603u, words[(sizeof(m) + 7) / 8] = { 0 };
    memcpy(words, &m, sizeof(m));
    for (size_t i = 0; i < HC_LEN(words); i++) {
        h = (h ^ words[i]) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
    }
    for (size_t i = h % ROOM;; i = (i + 1) % ROOM) {
        if (slots[i] == 0) {
            assert_true(reached_n < ROOM / 2);
            reached[reached_n++] = m;
            slots[i] = (uint32_t)reached_n;
            return;
        }
        if (memcmp(&reached[slots[i] - 1], &m, sizeof(m)) == 0)
            return;
    }
}

static struct model read_again(struct model m)
{
    m.fault = m.swept = m.prepared = 0;
    return m;
}
static struct model killed(const struct config *c, struct model m)
{
    m = read_again(m);
    bool begun = m.head == HC_HEAD_PENDING || m.stage == HC_STAGE_TEST;
    m.applied = m.wave_sent = m.refused = 0;
    m.asked = c->one_shot && !begun; /* the command is given again; what was begun is gone on with */
    return m;
}

static void successors(const struct config *c, const struct model *m)
{
    struct hc_seen s = look(c, m);
    struct hc_todo t = hc_decide(&s);
    struct model n;
    for (int how = 0; t.verdict == HC_GO_ON && how < 4; how++) {
        n = *m;
        act(c, &n, &t, how & 1, how & 2);
        reach(n);
        reach(read_again(n)); /* its answer was lost */
        reach(killed(c, n));
    }
    reach(read_again(*m));
    reach(killed(c, *m));
    if (m->object == RUNNING)
        for (int end = SUCCEEDED; end <= FAILED; end++) {
            n = *m;
            n.object = (uint8_t)end;
            reach(n);
        }
    if (m->applied || m->wave_sent || m->stage == HC_STAGE_WAIT)
        for (int end = HC_OBJECTS_READY; end <= HC_OBJECTS_FAILED; end++) {
            n = *m;
            n.objects = (uint8_t)end;
            reach(n);
        }
    n = *m;
    n.late = 1;
    reach(n);
    if (c->one_shot)
        return;
    n = *m; /* something else is wanted; an instance for it is a new one */
    n.same = n.failures = n.refused = 0;
    reach(n);
    n = *m;
    n.gone = 1;
    n.refused = 0;
    reach(n);
    if (m->head == HC_HEAD_DEPLOYED || m->head == HC_HEAD_FAILED || m->head == HC_HEAD_ABSENT) {
        n = *m; /* another program's record */
        settle(&n, HC_HEAD_FOREIGN);
        n.same = n.action = n.remediation = 0;
        reach(n);
    }
    if (m->head == HC_HEAD_FOREIGN) { /* it ends by itself */
        n = *m;
        settle(&n, HC_HEAD_DEPLOYED);
        reach(n);
    }
}

/* Steps and time alone. */
static void way_out(const struct config *c, struct model m)
{
    const struct model from = m;
    for (int i = 0; i < 300; i++) {
        struct hc_seen s = look(c, &m);
        struct hc_todo t = hc_decide(&s);
        if (t.verdict == HC_GO_ON) {
            act(c, &m, &t, false, false);
            continue;
        }
        if (t.verdict == HC_WAIT) {
            if (m.head == HC_HEAD_FAILED || (m.head == HC_HEAD_DEPLOYED && m.stage == HC_STAGE_END))
                return; /* until the retry interval is over: it has failed, and is tried again for ever */
            if (m.late)
                fail_msg("waits for ever: head %d stage %d hook %d objects %d: %s", m.head, m.stage, m.hook,
                         m.objects, t.why);
            m.late = 1;
            continue;
        }
        if (m.head == HC_HEAD_PENDING && c->goal != HC_GOAL_TEST && !m.refused)
            fail_msg("ends pending: stage %d hook %d: %s", m.stage, m.hook, t.why);
        return;
    }
    fail_msg("no end: goal %d head %d stage %d hook %d failures %d strategy %d", c->goal, from.head, from.stage,
             from.hook, from.failures, c->strategy);
}

static void explore(const struct config *c)
{
    struct model m;
    memset(&m, 0, sizeof(m));
    memset(slots, 0, ROOM * sizeof(*slots));
    reached_n = 0;
    m.stage = HC_STAGE_END;
    m.asked = c->one_shot;
    for (int head = HC_HEAD_ABSENT; head <= HC_HEAD_FAILED; head++) { /* a command finds something there */
        m.head = (uint8_t)(c->one_shot || c->goal == HC_GOAL_ABSENT ? head : HC_HEAD_ABSENT);
        if (m.head == HC_HEAD_PENDING)
            continue;
        m.target = m.head != HC_HEAD_ABSENT;
        reach(m);
    }
    for (size_t i = 0; i < reached_n; i++) {
        struct model at = reached[i];
        successors(c, &at);
    }
    for (size_t i = 0; i < reached_n; i++)
        way_out(c, reached[i]);
}

static void test_all(void **state)
{
    (void)state;
    size_t all = 0, most = 0;
    unsigned long turn = 0;
    reached = calloc(ROOM / 2, sizeof(*reached));
    slots = calloc(ROOM, sizeof(*slots));
    assert_true(reached && slots);
    for (int goal = 0; goal < 4; goal++)
        for (int strategy = 0; strategy < 3; strategy++)
            for (unsigned bits = 0; bits < 1u << 7; bits++) {
                const struct config c = { .goal = (enum hc_goal)goal,
                                          .one_shot = goal == HC_GOAL_ROLLBACK || goal == HC_GOAL_TEST ||
                                                      (bits & 32),
                                          .hooks = bits & 1,
                                          .tests = bits & 1,
                                          .wait_off = bits & 2,
                                          .waves = bits & 64,
                                          .remediate_last = bits & 4,
                                          .keep_history = bits & 8,
                                          .strategy = (enum hc_strategy)strategy,
                                          .retries = bits & 16 ? 1 : 0 };
                if (goal != HC_GOAL_PRESENT && (strategy > 0 || (bits & (4 | 16))))
                    continue; /* nothing is remediated */
                if (!getenv("HC_MODEL_ALL") && __builtin_popcount(bits ^ (unsigned)goal) % 2)
                    continue; /* every second kind will do, unless all are asked for */
                if (!unit_takes(&turn))
                    continue;
                explore(&c);
                all += reached_n;
                most = HC_MAX(most, reached_n);
            }
    print_message("%zu states, at most %zu of one kind of release\n", all, most);
    assert_true(most > 300);
    free(reached);
    free(slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_all) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
