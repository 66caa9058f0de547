#pragma once
/*
 * deploy/reconcile/reconcile_impl.h - what the parts of the release engine share
 */
#include "deploy/plan/plan.h"
#include "deploy/ready/ready.h"
#include "deploy/reconcile/reconcile.h"

/*
 * How far an operation has come: a small JSON text in an annotation of the record's object. It is what a fresh process
 * goes on from. Other programs drop it when they write the record; then the record is theirs.
 */
struct mark {
    bool there;
    enum hc_stage stage;
    enum hc_action action;
    int64_t since_ms; /* when the stage began; of a failed record: when it failed */
    int64_t from;     /* revision that was current before: its objects that left are deleted; 0: none */
    int64_t failures; /* of the desired state `digest` in `era`, or of the uninstall that is wanted */
    hc_str digest, era, why, maker;
    hc_str force; /* the last token that a revision was made for; each next record takes it over */
    hc_str note;  /* the description the record gets at its end; absent: Helm's */
    bool remediation;
    bool owed;    /* a command failed and was to undo it: asked again after a crash, it does that first */
    int64_t wave; /* stage pre: so many groups of objects are ready (gone), objects.c */
    /* hooks of the stage, in their order */
    int64_t hooks_done; /* so many have succeeded */
    bool hook_running;  /* the next is recorded as begun */
    bool hook_over;     /* it is applied over an object that was there before */
    bool hook_broken;   /* it failed */
    hc_str hook_uid;    /* of its object */
};
void hc_mark_read(struct hc_arena *a, hc_str text, struct mark *out);
hc_str hc_mark_write(struct hc_arena *a, const struct mark *m);

/* The same request may be sent again. */
static inline bool hc_rec_repeatable(enum hc_rc rc)
{
    return rc == HC_E_AGAIN || rc == HC_E_NOMEM;
}

enum hc_sent { HC_SENT_NOT, HC_SENT_OK, HC_SENT_REFUSED };

struct object {
    struct hc_plan_object plan;
    struct hc_ref ref;
    enum hc_ready ready;
    bool settled; /* applied or seen ready, and of a kind that stays so */
    bool looked;  /* since it was sent */
    enum hc_sent sent;
    bool gone;
    bool before; /* what was applied last is this very text */
    uint64_t rv; /* resourceVersion when last seen, 0: not known */
    hc_str message;
};

struct kept { /* what an uninstall left: lines of objects */
    struct hc_buf policy, foreign, unsure;
    size_t foreign_n, unsure_n;
};

struct hc_reconcile {
    struct hc_reconcile_spec spec;
    struct hc_reconcile_memo memo;
    struct hc_arena *keep;        /* the head and what was read of it */
    struct hc_arena *step;        /* this step's answers */
    struct hc_record head_before; /* the head before the one that was stored last, revision 0: none */
    struct hc_arena *keep_before;

    bool read;                  /* the head below is what storage holds, as far as we know */
    int64_t confirmed_ms;       /* of hc_boot_ms: since when we know */
    struct hc_kube_fence fence; /* until the end of the action */
    bool has;
    struct hc_record head;
    struct mark mark;

    /* objects of the head's manifest, placed and owned; made when first needed */
    bool planned;
    struct object *objects;
    size_t objects_n;
    struct hc_health_rule *rules; /* of its chart */
    size_t rules_n;
    int groups;                  /* of the objects: at least 1 */
    struct hc_plan_object *left; /* of the revision before, not in this one */
    size_t left_n;
    bool *left_gone;               /* of each, in a wave that was deleted */
    struct hc_val *definitions;    /* a preview: CRDs that will be there; list or NULL */
    struct hc_plan_object *before; /* of the revision before; without a name: its kind is not served any more */
    size_t before_n;
    hc_str before_manifest;
    bool left_known;
    struct hc_val **live; /* of each object, as it is; NULL: not looked at, this step */
    bool migrate;         /* the revision before was not applied by the server: its fields change hands first */

    /* what only this process remembers: each costs at most a repetition that changes nothing */
    bool asked, begun, resumed_told;
    bool prepared, preparing;
    int64_t prepare_until_ms;
    struct hc_ref *crds;
    struct hc_val **crds_seen; /* of each what is established: group, kind, versions; in `keep` */
    size_t crds_n;
    bool applied, wave_sent, swept, drift_seen;
    bool
        hook_absent; /* nothing of the running hook's name was there when its beginning was recorded, a moment ago */
    bool unsaved;    /* the last hook succeeded; the write that begins the next one says so */
    bool fresh;      /* what the answers to the apply said of the objects is still news */
    bool fault, refused;
    bool left_broken;          /* it is uninstalled, and a hook behind the deletion had failed */
    bool explained;            /* the error of this step has all that hc_rec_refused adds */
    const struct object *busy; /* whose request failed in this step and may be sent again */
    struct hc_err fault_err, refused_err, last_failure;
    bool dry_done;
    int64_t failures;
    enum hc_action failed;   /* what they are failures of */
    int64_t failed_ms;       /* when the last of them was, since 1970; 0: before this instance */
    struct hc_brief *briefs; /* all revisions, if they were listed in this step */
    size_t briefs_n;
    int64_t rollback_to; /* target of a remediation, 0: not looked for, -1: none */
    unsigned tries;      /* failed requests in a row */
    uint64_t shortages;  /* of memory, before this step */
    struct kept kept;
    hc_str last_words; /* the end of the log of the container that was the cause, this step */
    bool logs_told;    /* of the tests */

    /* this step's observation of the hook whose turn it is */
    struct hc_record_hook *hook;
    struct hc_ref hook_ref;
    struct hc_val *hook_live;
    hc_str hook_message;
    int64_t hook_deadline_ms;
    struct hc_val *drifted; /* list of objects to apply */
    uint64_t *drift_fields; /* of each, hash of the object and the first field that differs */
    hc_str drift_text;
    bool drift_left; /* something differs that is not put back: somebody fights for it */

    struct hc_ref *awaited;
    uint64_t *awaited_rv; /* NULL: not known */
    size_t awaited_n;
    hc_str waiting_for;  /* one sentence */
    struct hc_ref *refs; /* hc_reconcile_objects */
};

/* step.c */
int64_t hc_rec_now(struct hc_reconcile *r);
const struct hc_action_policy *hc_rec_policy(const struct hc_reconcile *r, enum hc_action action);
/* How long the action, or each hook of it, may take. */
int64_t hc_rec_timeout_ms(const struct hc_action_policy *p);
void hc_rec_tell(struct hc_reconcile *r, struct hc_tell t);
/* HC_E_NOMEM when memory was refused in this step: whatever was concluded may lack something, and is not written. */
enum hc_rc hc_rec_sound(const struct hc_reconcile *r, struct hc_err *err);
/* Stores the head with its mark; HC_E_CONFLICT: somebody wrote first, the head is read again. */
enum hc_rc hc_rec_store(struct hc_reconcile *r, struct hc_err *err);
/* The same, when something was left for the next write to say. */
enum hc_rc hc_rec_flush(struct hc_reconcile *r, struct hc_err *err);
/* Text that lives as long as the head. */
hc_str hc_rec_text(struct hc_reconcile *r, const char *fmt, ...) HC_PRINTF(2, 3);

/* observe.c: fills in what the state at hand needs, and nothing else. */
enum hc_rc hc_rec_observe(struct hc_reconcile *r, struct hc_seen *s, struct hc_err *err);
enum hc_rc hc_rec_read_head(struct hc_reconcile *r, struct hc_err *err);
/* Before objects are written: HC_E_CONFLICT when the record is not what it was, and r->read is false then. */
enum hc_rc hc_rec_fence(struct hc_reconcile *r, struct hc_err *err);

/* hooks.c */
bool hc_rec_has_hooks(const struct hc_reconcile *r, enum hc_stage stage);
enum hc_rc hc_rec_observe_hook(struct hc_reconcile *r, struct hc_seen *s, struct hc_err *err);
/* The hooks of a stage in their order, in the step's arena. */
struct hc_record_hook **hc_rec_hooks_of(struct hc_reconcile *r, enum hc_stage stage, size_t *out_n,
                                        const char **out_event);
enum hc_tests_seen hc_rec_tests(const struct hc_reconcile *r);
enum hc_rc hc_rec_hook_clear(struct hc_reconcile *r, struct hc_err *err);
enum hc_rc hc_rec_hook_intend(struct hc_reconcile *r, struct hc_err *err);
enum hc_rc hc_rec_hook_create(struct hc_reconcile *r, struct hc_err *err);
enum hc_rc hc_rec_hook_note(struct hc_reconcile *r, struct hc_err *err);
enum hc_rc hc_rec_hook_finish(struct hc_reconcile *r, struct hc_err *err);
enum hc_rc hc_rec_hook_sweep(struct hc_reconcile *r, struct hc_err *err);

/* objects.c */
/* A record's manifest to objects with namespaces, owned by the release. Of one that is not stored yet, waves and
 * dependencies that cannot be are refused. */
enum hc_rc hc_rec_plan(struct hc_reconcile *r, struct hc_arena *a, const struct hc_record *rec, struct object **out,
                       size_t *out_n, struct hc_err *err);
/* The same of an older revision: what cannot be placed any more is left without a name. */
enum hc_rc hc_rec_plan_before(struct hc_reconcile *r, struct hc_arena *a, const struct hc_record *rec,
                              struct hc_plan_object **out, size_t *out_n, struct hc_err *err);
/* The definition of a kind that the server does not know: in the manifest, or one that is to come. NULL: none. */
const struct hc_val *hc_rec_definition_of(const struct hc_reconcile *r, const struct hc_plan_object *all, size_t n,
                                          const struct hc_plan_object *o);
enum hc_rc hc_rec_plan_head(struct hc_reconcile *r, struct hc_err *err);
enum hc_rc hc_rec_find_left(struct hc_reconcile *r, struct hc_err *err);
bool hc_rec_installs_over(const struct hc_reconcile *r, const struct mark *m, int64_t revision);
enum hc_rc hc_rec_look(struct hc_reconcile *r, const struct hc_ref *ref, const struct hc_val **out,
                       struct hc_err *err);
/* Refuses objects that are not ours, before anything is written. */
enum hc_rc hc_rec_check_owners(struct hc_reconcile *r, const struct hc_record *rec, const struct object *objects,
                               size_t n, const struct hc_plan_object *had, size_t had_n, const char *verb,
                               struct hc_err *err);
enum hc_rc hc_rec_apply(struct hc_reconcile *r, struct hc_err *err);
enum hc_rc hc_rec_delete(struct hc_reconcile *r, struct hc_err *err);
enum hc_rc hc_rec_cleanup(struct hc_reconcile *r, struct hc_err *err);
/* The number of the last wave: there is nothing to send (delete) behind it. */
int hc_rec_last_wave(const struct hc_reconcile *r);
/* r->objects of the wave under way; false: it deletes what left the manifest (r->left, hc_rec_pruned_span). */
bool hc_rec_wave_span(const struct hc_reconcile *r, size_t *out_from, size_t *out_to);
void hc_rec_pruned_span(const struct hc_reconcile *r, size_t *out_from, size_t *out_to);
/* Room for n requests, in the step's arena; NULL: it is spent. */
struct hc_kube_op *hc_rec_ops(struct hc_reconcile *r, size_t n);
/* GETs of what the requests' `ref` name; fails only when one could not be asked now (each has its own answer). */
enum hc_rc hc_rec_get_each(struct hc_reconcile *r, struct hc_kube_op *ops, size_t n, struct hc_err *err);
void hc_rec_kept_reset(struct hc_reconcile *r);
/* What an uninstall left, in Helm's words; in the step's arena. */
hc_str hc_rec_kept_text(struct hc_reconcile *r);

/* refusal.c */
/* Where an object was written. */
struct hc_rec_source {
    const struct hc_record *rec; /* NULL: of no render */
    hc_str path;                 /* of its template or file */
    hc_str text;                 /* what `line` (where the object begins) is of */
    uint32_t line;
    const char *what; /* the text is "the manifest"; NULL: the file itself */
};
struct hc_rec_source hc_rec_source_of(const struct hc_record *rec, const struct hc_plan_object *o);
/* The error of a request gets all a person needs (hc_refusal_tell). done: what was and was not done. */
void hc_rec_refused(struct hc_reconcile *r, const struct hc_ref *ref, const struct hc_rec_source *src, hc_str done,
                    struct hc_err *err);
/* Of one of the head's objects. */
void hc_rec_object_refused(struct hc_reconcile *r, const struct object *o, struct hc_err *err);
/* The same, when it is sent again anyway: only its file is told. */
void hc_rec_object_busy(struct hc_reconcile *r, const struct object *o, struct hc_err *err);
/* Of a request that is about none of them: a record, the namespace. */
void hc_rec_own_refused(struct hc_reconcile *r, bool operating, struct hc_err *err);
/* "Applied: 2 of 5 objects; refused, too: ...; not sent: ...". */
hc_str hc_rec_done_text(struct hc_reconcile *r, const struct object *refused);
hc_str hc_rec_deleted_text(struct hc_reconcile *r, const struct hc_plan_object *all, const bool *gone, size_t n,
                           size_t refused);
/* Of a problem: where its field was written. */
struct hc_written hc_rec_written(struct hc_reconcile *r, const struct hc_record *rec, const struct hc_problem *p);

/* rules.c */
/* The health rules that a chart carries (Helm's chart JSON). HC_E_INPUT: one is none, with file and line; with `lenient`
 * it is left out, as it says nothing then. */
enum hc_rc hc_rec_chart_rules(struct hc_arena *a, const struct hc_val *chart, bool lenient,
                              struct hc_health_rule **out, size_t *out_n, struct hc_err *err);
/* True: a rule says how the object is, and here it is. */
bool hc_rec_by_rule(struct hc_reconcile *r, const struct object *o, const struct hc_val *live,
                    struct hc_readiness *out);
/* There is a rule for objects of its kind. */
bool hc_rec_ruled(const struct hc_reconcile *r, const struct hc_ref *ref);

/* waiting.c */
/* What an answer says of an object: whether it is ready. */
void hc_rec_seen(struct hc_reconcile *r, struct object *o, const struct hc_val *live);
enum hc_rc hc_rec_observe_objects(struct hc_reconcile *r, struct hc_seen *s, struct hc_err *err);
/* The sentence for what is not ready, from pods and events. */
hc_str hc_rec_cause(struct hc_reconcile *r);

/* logs.c */
/* One sentence, down to the last line of the container's log; r->last_words is the end of that log. */
hc_str hc_rec_object_cause(struct hc_reconcile *r, const struct hc_val *live, const struct hc_readiness *readiness);
hc_str hc_rec_words_before(struct hc_reconcile *r);
/* Tells the logs of a hook's pods (HC_TOLD_HOOK_LOG), or of a test's (HC_TOLD_TEST_LOG). */
void hc_rec_hook_log(struct hc_reconcile *r, const struct hc_record_hook *h, const struct hc_ref *ref);
void hc_rec_test_log(struct hc_reconcile *r, const struct hc_record_hook *h, const struct hc_ref *ref);
/* hooks.c: of all tests that were asked for, once. */
void hc_rec_test_logs(struct hc_reconcile *r);
void hc_rec_order_tested(struct hc_reconcile *r);

/* client_side.c */
/* Whether the objects of the head are sent by the client: three-way patches instead of server-side apply. */
bool hc_rec_client_side(const struct hc_reconcile *r);
/* Fills in `ops` for a wave: what was sent (GET: nothing, it is as wanted) and the answer. */
void hc_rec_client_wave(struct hc_reconcile *r, const struct object *objects, struct hc_kube_op *ops, size_t n);

/* From the live object in op->out (NULL: none) to the request that brings it to the wanted one; GET: none. */
enum hc_rc hc_rec_client_request(struct hc_reconcile *r, const struct object *o, struct hc_kube_op *op);

/* unchanged.c: a server-side apply of `want` by this manager would leave the live object as it is. before: that very text was
 * what was applied last. */
bool hc_rec_unchanged(struct hc_arena *a, const struct hc_val *want, const struct hc_val *live, const char *manager,
                      bool before);

/* migrate.c: fields that a client-side apply of ours set become those of our server-side apply, so that what leaves the
 * manifest leaves the objects (Helm: client-go csaupgrade). live: of each, what was seen of it if nothing was to be done. */
enum hc_rc hc_rec_migrate(struct hc_reconcile *r, const struct object *objects, size_t n, struct hc_val **live,
                          struct hc_err *err);

/* prepare.c */
enum hc_rc hc_rec_prepare(struct hc_reconcile *r, struct hc_err *err);
enum hc_rc hc_rec_observe_prepared(struct hc_reconcile *r, struct hc_seen *s, struct hc_err *err);

/* fight.c */
enum hc_fight { HC_FIGHT_NONE, HC_FIGHT_BEGINS, HC_FIGHT_ON };
/* Whether this field is to be left alone; when that begins, how long the rounds took. */
enum hc_fight hc_rec_fight_look(struct hc_reconcile *r, uint64_t field, int64_t *out_took_ms);
/* It was put back once more. */
void hc_rec_fight_round(struct hc_reconcile *r, uint64_t field);
/* The manager that wrote a field of a live object last, other than ours; absent: nobody says so. */
hc_str hc_rec_writer(const struct hc_reconcile *r, const struct hc_val *live, hc_str pointer);

/* drift.c */
enum hc_rc hc_rec_observe_drift(struct hc_reconcile *r, struct hc_seen *s, struct hc_err *err);
enum hc_rc hc_rec_correct(struct hc_reconcile *r, struct hc_err *err);

/* records.c: actions on records */
enum hc_rc hc_rec_record(struct hc_reconcile *r, struct hc_err *err);
/* The revision that is wanted becomes the head, in memory only: for a preview. The arena of the head that was is the
 * caller's from then on. */
enum hc_rc hc_rec_imagine(struct hc_reconcile *r, struct hc_arena **out_old, struct hc_err *err);
enum hc_rc hc_rec_rollback(struct hc_reconcile *r, struct hc_err *err);
enum hc_rc hc_rec_find_rollback(struct hc_reconcile *r, struct hc_err *err);
enum hc_rc hc_rec_take_over(struct hc_reconcile *r, bool ours, struct hc_err *err);
enum hc_rc hc_rec_wave(struct hc_reconcile *r, struct hc_err *err);
enum hc_rc hc_rec_stage(struct hc_reconcile *r, enum hc_stage stage, struct hc_err *err);
enum hc_rc hc_rec_deployed(struct hc_reconcile *r, struct hc_err *err);
enum hc_rc hc_rec_failed(struct hc_reconcile *r, const char *why, struct hc_err *err);
enum hc_rc hc_rec_uninstall(struct hc_reconcile *r, struct hc_err *err);
enum hc_rc hc_rec_break(struct hc_reconcile *r, const char *why, struct hc_err *err);
enum hc_rc hc_rec_gone(struct hc_reconcile *r, struct hc_err *err);
enum hc_rc hc_rec_tested(struct hc_reconcile *r, struct hc_err *err);
int64_t hc_rec_failures(const struct hc_reconcile *r);
/* drift.c: a rule that no object could ever fit, because it cannot be read, is an error and not a rule less. */
enum hc_rc hc_rec_check_ignore(const struct hc_reconcile_spec *spec, struct hc_err *err);
/* Who makes a pending record: "host/pid/start". True: that process is alive on this very machine. */
hc_str hc_rec_maker(struct hc_arena *a);
bool hc_rec_maker_alive(hc_str maker, bool *out_here);
