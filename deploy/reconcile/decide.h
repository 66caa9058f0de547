#pragma once
/*
 * deploy/reconcile/decide.h - what was seen of a release, and the one next thing to do about it
 *
 * Pure: no I/O, no clock, no memory. Every row of the state table is one `if` in decide.c; the table's exhaustive
 * test walks all states and shows that each has a way out and that no hook runs twice.
 */
#include "core/base/defs.h"

/* What the caller wants of the release. */
enum hc_goal {
    HC_GOAL_PRESENT,  /* deployed as desired: install or upgrade, remediate, test, correct drift */
    HC_GOAL_ROLLBACK, /* a new revision with the content of an older one */
    HC_GOAL_TEST,     /* run the test hooks of what is deployed */
    HC_GOAL_ABSENT,   /* uninstalled */
};
/* The newest record. */
enum hc_head {
    HC_HEAD_ABSENT,
    HC_HEAD_PENDING, /* pending-*, and it carries our mark: go on with it, whoever of us started it */
    HC_HEAD_FOREIGN, /* pending-* without our mark: another program's, dead or alive */
    HC_HEAD_DEPLOYED,
    HC_HEAD_FAILED,
    HC_HEAD_UNINSTALLING,
    HC_HEAD_UNINSTALLED,
    HC_HEAD_OTHER, /* superseded, unknown: somebody deleted records */
};
/* How far a pending, uninstalling or tested record has come; kept in the record's mark. */
enum hc_stage {
    HC_STAGE_PRE,    /* pre-install, -upgrade, -rollback, -delete hooks; then the objects are sent (or deleted) */
    HC_STAGE_WAIT,   /* until they are ready; uninstall: gone */
    HC_STAGE_POST,   /* post-* hooks */
    HC_STAGE_BROKEN, /* the uninstall ended with a failure; the mark says why */
    HC_STAGE_TEST,   /* test hooks */
    HC_STAGE_END,    /* nothing under way */
};
/* The hook whose turn it is in this stage. */
enum hc_hook_seen {
    HC_HOOK_NONE,       /* all of this stage have succeeded and are swept */
    HC_HOOK_IN_THE_WAY, /* not begun; an older object stands there and the policy is to delete it first */
    HC_HOOK_LEAVING,    /* not begun; that object is being deleted */
    HC_HOOK_TAKEN,      /* not begun; an object of that name stands there and no policy removes it */
    HC_HOOK_FREE,       /* not begun, nothing in the way */
    HC_HOOK_INTENDED,   /* recorded as running, its object was not made yet */
    HC_HOOK_MADE,       /* its object is there, its uid is not in the record yet */
    HC_HOOK_RUNNING,
    HC_HOOK_SUCCEEDED, /* its object says so, the record not yet */
    HC_HOOK_FAILED,    /* the same; also: vanished before it finished */
    HC_HOOK_SWEEP,     /* the record says all succeeded (or one failed); delete policies are due */
    HC_HOOK_BROKEN,    /* the record says one failed, and it is swept */
};
enum hc_objects_seen {
    HC_OBJECTS_PROGRESSING,
    HC_OBJECTS_READY,  /* uninstall: gone */
    HC_OBJECTS_FAILED, /* for certain: waiting longer changes nothing */
};
enum hc_tests_seen { HC_TESTS_OFF, HC_TESTS_DUE, HC_TESTS_PASSED, HC_TESTS_FAILED };
enum hc_drift_seen { HC_DRIFT_NONE, HC_DRIFT_FOUND };
enum hc_strategy { HC_STRATEGY_ROLLBACK, HC_STRATEGY_UNINSTALL, HC_STRATEGY_RETRY };

struct hc_seen {
    enum hc_goal goal;
    enum hc_head head;
    bool one_shot;     /* a command: ends instead of waiting for other inputs */
    bool dry_run;      /* a command that composes the next revision and writes nothing, whatever the head is */
    bool asked;        /* a command that has not begun yet what it was told to do */
    bool busy;         /* a pending head, or one under test, whose maker may still be at work (commands only) */
    bool refused;      /* the revision cannot be rendered or its record not be stored: nothing can be done now */
    bool want_changed; /* the head is not what is desired (a pending one: not what it was begun for) */
    bool rolling_back; /* the head was made by a rollback */
    bool prepared;     /* namespace and CRDs are in place */
    bool preparing;    /* they were sent, and are not established yet */
    bool applied;      /* of this revision: all objects were sent (deleted) and answered */
    bool wave_sent;    /* not all, but a wave was, whose objects are to be ready (gone) before the next */
    bool fault;        /* sending, deleting or correcting failed in a way no repetition mends */
    bool hooks_off, wait_off;
    bool pre_hooks;  /* there were hooks before the objects were sent */
    bool post_hooks; /* there are hooks of the stage behind the wait */
    enum hc_stage stage;
    enum hc_hook_seen hook;
    enum hc_objects_seen objects;
    enum hc_tests_seen tests;
    bool ignore_test_failures;
    int64_t foreign_until_ms; /* what another program began is left to it until then */
    enum hc_drift_seen drift;
    bool correct_drift; /* else only told */
    bool keep_history;  /* uninstall leaves a record */
    bool left_broken;   /* a command that has uninstalled, though a hook behind the deletion failed */
    /* remediation, for the action that is under way or failed last */
    enum hc_strategy strategy;
    int64_t failures, retries; /* of this desired state; retries < 0: endless */
    bool remediate_last;       /* also when no retry is left */
    bool rollback_target;      /* a revision to go back to exists */
    int64_t now_ms;            /* since 1970 */
    int64_t deadline_ms;       /* of the stage, of the preparation or of the running hook */
    int64_t look_ms;           /* of the preparation: look again then, as nothing will tell; 0: something will */
    int64_t retry_ms;          /* HC_STRATEGY_RETRY, a broken uninstall: not before; 0: not by itself */
    int64_t pause_ms;          /* after a failure, but for HC_STRATEGY_RETRY: no new try before; 0: at once */
    int64_t resync_ms;         /* in sync: look again then; 0: never */
};

enum hc_act {
    HC_ACT_NONE,
    HC_ACT_PREPARE,     /* namespace, CRDs */
    HC_ACT_RECORD,      /* render, check, store the pending record of the next revision */
    HC_ACT_ROLLBACK,    /* the same with the content of the rollback target */
    HC_ACT_TAKE_OVER,   /* a foreign pending record becomes failed */
    HC_ACT_SUPERSEDE,   /* ours, but something else is wanted by now: it becomes failed */
    HC_ACT_HOOK_CLEAR,  /* delete what is in the hook's way */
    HC_ACT_HOOK_INTEND, /* record: running since now */
    HC_ACT_HOOK_CREATE,
    HC_ACT_HOOK_NOTE,   /* record: its uid */
    HC_ACT_HOOK_FINISH, /* record: succeeded or failed, and why */
    HC_ACT_HOOK_SWEEP,  /* delete by policy */
    HC_ACT_APPLY,       /* up to the next wave that is to be waited for; behind the last, what left the manifest */
    HC_ACT_WAVE,        /* record: that wave is ready (gone) */
    HC_ACT_STAGE,       /* record: the next stage */
    HC_ACT_DEPLOYED,    /* older deployed revisions superseded, this one deployed */
    HC_ACT_FAILED,      /* cleanup on fail; record: failed, and why */
    HC_ACT_TEST,        /* record: the test stage begins */
    HC_ACT_TESTED,      /* record: it is over */
    HC_ACT_CORRECT,     /* apply what drifted */
    HC_ACT_UNINSTALL,   /* record: uninstalling */
    HC_ACT_DELETE,      /* the objects, in uninstall order, as HC_ACT_APPLY */
    HC_ACT_BREAK,       /* record: the uninstall failed, and why */
    HC_ACT_GONE,        /* purge the records, or mark the newest uninstalled */
};
enum hc_verdict {
    HC_GO_ON,   /* do `act`, then look again at once */
    HC_WAIT,    /* look again at until_ms (0: only on a change) or when an object changes */
    HC_DONE,    /* the goal is reached; until_ms: resync, 0: none */
    HC_STALLED, /* only a change of the inputs helps */
    HC_ENDED,   /* a command ended with a failure */
};
struct hc_todo {
    enum hc_act act;
    enum hc_verdict verdict;
    enum hc_stage stage; /* HC_ACT_STAGE: this one */
    int64_t until_ms;
    bool paused;     /* HC_WAIT: failed, and the next try is not due yet */
    const char *why; /* a literal, for the log and the status */
};

struct hc_todo hc_decide(const struct hc_seen *s);
const char *hc_act_name(enum hc_act act);
const char *hc_verdict_name(enum hc_verdict v);
