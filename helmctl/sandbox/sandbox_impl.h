#pragma once
/*
 * helmctl/sandbox/sandbox_impl.h - what the files of the sandbox share
 *
 * One thread. A request has an arena; objects are read out of the store into it as trees, changed, checked
 * and committed as text. Functions that can refuse give a Status object (Kubernetes meta/v1) or NULL when
 * all is well. Everything committed passes hc_sb_commit: it numbers, stores, tells the watches and marks
 * the object for the simulator, the garbage collector and the CRD registry.
 */
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/limits.h"
#include "core/value/value.h"
#include "helmctl/sandbox/sandbox.h"

struct hc_sb_store;
struct hc_sb_watches;
struct hc_sb_watch;
struct hc_sb_faults;
struct hc_sb_http;
struct hc_sandbox;

/* ---- kinds.c ------------------------------------------------------------------------------------- */

enum {
    HC_SB_CLUSTER = 1 << 0, /* not in a namespace                             */
    HC_SB_STATUS = 1 << 1,  /* has the subresource status                     */
    HC_SB_SCALE = 1 << 2,   /* has the subresource scale                      */
    HC_SB_GEN = 1 << 3,     /* counts metadata.generation                     */
    HC_SB_REVIEW = 1 << 4,  /* answered at once, never stored                 */
    HC_SB_HIDDEN = 1 << 5,  /* an older version: served, not preferred        */
};

struct hc_sb_kind {
    hc_str group, version, resource, singular, kind, list_kind;
    const char *short_names; /* space between; NULL: none */
    const char *categories;
    uint32_t flags;
    hc_str key;                       /* "group/resource": the same for all versions                    */
    hc_str api_version;               /* "apps/v1", "v1"                                                */
    bool many_versions;               /* bodies must be converted on reading                            */
    bool gone;                        /* its CRD was deleted                                            */
    const struct hc_val *schema;      /* openAPIV3Schema of a CRD's version; NULL: built in             */
    const struct hc_val *crd_version; /* the version's whole entry (printer columns, scale)            */
    bool preserve_unknown;
    struct hc_sb_kind *next;
};

/* Groups, versions and resources in the order discovery shows them. */
const struct hc_sb_kind *hc_sb_kinds_first(const struct hc_sandbox *s);
const struct hc_sb_kind *hc_sb_kind_find(const struct hc_sandbox *s, hc_str group, hc_str version, hc_str resource);
/* Any version; by store key. */
const struct hc_sb_kind *hc_sb_kind_of_key(const struct hc_sandbox *s, hc_str key);
const struct hc_sb_kind *hc_sb_kind_of_gvk(const struct hc_sandbox *s, hc_str api_version, hc_str kind);
/* By built-in store key, which must exist. */
const struct hc_sb_kind *hc_sb_kind_builtin(const struct hc_sandbox *s, const char *key);
bool hc_sb_kinds_init(struct hc_sandbox *s);
struct hc_sb_kind *hc_sb_kinds_add(struct hc_sandbox *s); /* a zeroed one at the end; lives with the server */
bool hc_sb_group_exists(const struct hc_sandbox *s, hc_str group, hc_str version);

/* ---- store.c --------------------------------------------------------------------------------------- */

struct hc_sb_row {
    hc_str key, ns, name, body;
    int64_t rv;
};
struct hc_sb_ref {
    hc_str key, ns, name;
};
enum hc_rc hc_sb_store_open(const char *path, struct hc_sb_store **out, struct hc_err *err);
void hc_sb_store_close(struct hc_sb_store *st);
int64_t hc_sb_store_rv(const struct hc_sb_store *st); /* the last number given */
int64_t hc_sb_store_next_rv(struct hc_sb_store *st);
bool hc_sb_store_begin(struct hc_sb_store *st); /* nested calls count; only the outermost works */
bool hc_sb_store_commit(struct hc_sb_store *st);
void hc_sb_store_rollback(struct hc_sb_store *st);
/* False: not there. */
bool hc_sb_store_get(struct hc_sb_store *st, struct hc_arena *a, hc_str key, hc_str ns, hc_str name, hc_str *out);
/* `owners`: the uids of metadata.ownerReferences, a list of strings or NULL. */
bool hc_sb_store_put(struct hc_sb_store *st, hc_str key, hc_str ns, hc_str name, hc_str uid, int64_t rv,
                     hc_str body, const struct hc_val *owners);
bool hc_sb_store_del(struct hc_sb_store *st, hc_str key, hc_str ns, hc_str name, int64_t rv);
/* Rows of a key, of one namespace or of all (ns.p NULL), behind (after_ns, after_name), in that order; at most
 * `max` (0: all). Gives how many, in the arena. */
size_t hc_sb_store_list(struct hc_sb_store *st, struct hc_arena *a, hc_str key, hc_str ns, hc_str after_ns,
                        hc_str after_name, size_t max, struct hc_sb_row **out);
int64_t hc_sb_store_count(struct hc_sb_store *st, hc_str key, hc_str ns, hc_str after_ns, hc_str after_name);
/* Objects that name `uid` as an owner. */
size_t hc_sb_store_owned(struct hc_sb_store *st, struct hc_arena *a, hc_str uid, struct hc_sb_ref **out);
bool hc_sb_store_uid_exists(struct hc_sb_store *st, hc_str uid);
/* All objects in a namespace, or of every kind (ns.p NULL). */
size_t hc_sb_store_all(struct hc_sb_store *st, struct hc_arena *a, hc_str ns, struct hc_sb_ref **out);

/* ---- status.c: Status objects ---------------------------------------------------------------------- */

struct hc_val *hc_sb_status(struct hc_arena *a, int code, const char *reason, const char *fmt, ...) HC_PRINTF(4, 5);
struct hc_val *hc_sb_not_found(struct hc_arena *a, const struct hc_sb_kind *k, hc_str name);
struct hc_val *hc_sb_exists(struct hc_arena *a, const struct hc_sb_kind *k, hc_str name);
struct hc_val *hc_sb_conflict(struct hc_arena *a, const struct hc_sb_kind *k, hc_str name, const char *why);
struct hc_val *hc_sb_bad_request(struct hc_arena *a, const char *fmt, ...) HC_PRINTF(2, 3);
struct hc_val *hc_sb_internal(struct hc_arena *a, const char *fmt, ...) HC_PRINTF(2, 3);
struct hc_val *hc_sb_success(struct hc_arena *a, const struct hc_sb_kind *k, hc_str name, hc_str uid);
int hc_sb_status_code(const struct hc_val *status);

/* Field errors, gathered, then one 422. Reasons: FieldValueRequired, FieldValueInvalid, ... */
struct hc_sb_errors {
    struct hc_arena *a;
    struct hc_val *causes; /* list; made with the first one */
};
void hc_sb_err_required(struct hc_sb_errors *e, hc_str field, const char *detail);
void hc_sb_err_invalid(struct hc_sb_errors *e, hc_str field, const struct hc_val *value, const char *fmt, ...)
    HC_PRINTF(4, 5);
void hc_sb_err_add(struct hc_sb_errors *e, const char *reason, hc_str field, hc_str message);
/* NULL when no error was added. */
struct hc_val *hc_sb_errors_status(const struct hc_sb_errors *e, const struct hc_sb_kind *k, hc_str name);

/* ---- selector.c ------------------------------------------------------------------------------------ */

struct hc_sb_selector;
/* False with a sentence in *err. An empty text gives NULL, which matches everything. */
bool hc_sb_labels_parse(struct hc_arena *a, hc_str text, struct hc_sb_selector **out, struct hc_err *err);
bool hc_sb_fields_parse(struct hc_arena *a, hc_str text, struct hc_sb_selector **out, struct hc_err *err);
/* False: the object of this text does not match, it need not be parsed. */
bool hc_sb_labels_may_match(const struct hc_sb_selector *sel, hc_str body);
bool hc_sb_labels_match(const struct hc_sb_selector *sel, const struct hc_val *labels);
bool hc_sb_fields_match(const struct hc_sb_selector *sel, const struct hc_val *obj);
/* A LabelSelector object (matchLabels, matchExpressions). */
bool hc_sb_label_selector_match(const struct hc_val *selector, const struct hc_val *labels);

/* ---- requests (routes.c and what it calls) ---------------------------------------------------------- */

enum hc_sb_as { HC_SB_AS_OBJECT, HC_SB_AS_TABLE, HC_SB_AS_PARTIAL };

struct hc_sb_req {
    struct hc_sandbox *s;
    struct hc_arena *a;
    hc_str method, path, body;
    struct hc_val *query; /* map of strings, URL-decoded */
    hc_str accept, content_type, agent, authorization;
    /* what routes.c found in the path */
    const struct hc_sb_kind *kind;
    hc_str ns, name, sub;
    const char *verb; /* get list watch create update patch delete deletecollection, or NULL: not a resource */
    enum hc_sb_as as;
    bool dry_run;
    bool wrote;    /* an object was committed */
    hc_str hidden; /* discovery leaves this group out (a fault); absent: none */
    /* the answer */
    int code;
    const char *out_type;
    struct hc_buf out;
    int retry_after_s;
    struct hc_sb_watch *watch; /* given to the server: the answer is this stream */
    struct hc_val *warnings;   /* texts of Warning headers; NULL: none */
};

hc_str hc_sb_query(const struct hc_sb_req *r, const char *name); /* {NULL,0}: absent */
bool hc_sb_query_true(const struct hc_sb_req *r, const char *name);
void hc_sb_answer(struct hc_sb_req *r, int code, const struct hc_val *v);
void hc_sb_answer_status(struct hc_sb_req *r, const struct hc_val *status);
void hc_sb_answer_text(struct hc_sb_req *r, int code, const char *type, hc_str text);
/* Cuts the path into kind, ns, name, sub, verb; true when it is a path of a resource. */
bool hc_sb_route(struct hc_sb_req *r);
/* Does all of a request, faults excepted. */
void hc_sb_serve(struct hc_sb_req *r);
/* Paths outside resources: true when answered. */
bool hc_sb_discovery(struct hc_sb_req *r);
bool hc_sb_openapi(struct hc_sb_req *r);
bool hc_sb_private(struct hc_sb_req *r); /* /sandbox/... (faults.c) */
void hc_sb_reads(struct hc_sb_req *r);   /* read.c: get, list, watch */

/* ---- objects.c: trees and the store ------------------------------------------------------------------ */

/* The object as a tree in the arena, or NULL. In the version of `k`. */
struct hc_val *hc_sb_get(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k, hc_str ns,
                         hc_str name);
struct hc_val *hc_sb_parse_body(struct hc_arena *a, const struct hc_sb_kind *k, hc_str body);
/* Puts an object of another version of the same kind into the version of `k`. */
void hc_sb_convert(struct hc_arena *a, const struct hc_sb_kind *k, struct hc_val *obj);

enum hc_sb_event_type { HC_SB_ADDED, HC_SB_MODIFIED, HC_SB_DELETED };
/*
 * Stores `obj` in place of `old` (NULL: a new one), under a new resourceVersion, which is put into it. An
 * object whose deletion was asked for and that has no finalizers left is removed. When nothing differs, nothing
 * happens. Both are trees of `a`.
 */
struct hc_val *hc_sb_commit(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k,
                            const struct hc_val *old, struct hc_val *obj);

/* How a write came: decides the checks and the managedFields entry. */
struct hc_sb_how {
    hc_str manager;
    hc_str sub; /* "", "status", "scale", ... */
    bool apply; /* managedFields are already in place (ssa.c) */
    bool dry_run;
    bool strict;             /* fieldValidation */
    struct hc_val *warnings; /* list: gets a text for each field that was cut; NULL: nobody asks */
    bool internal;           /* the simulator: no validation, no managedFields */
};
/* Each gives a Status or NULL; *out is the object as stored. `obj` is changed. */
struct hc_val *hc_sb_create(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k, hc_str ns,
                            struct hc_val *obj, const struct hc_sb_how *how, struct hc_val **out);
struct hc_val *hc_sb_update(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k,
                            const struct hc_val *old, struct hc_val *obj, const struct hc_sb_how *how,
                            struct hc_val **out);
struct hc_sb_delete_options {
    hc_str uid, rv;     /* preconditions; {NULL,0}: none */
    hc_str propagation; /* Background, Foreground, Orphan; empty: the kind's default */
    bool dry_run;
};
/* *out: the object when it is still there (finalizers), else NULL. */
struct hc_val *hc_sb_delete(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k,
                            const struct hc_val *old, const struct hc_sb_delete_options *o, struct hc_val **out);
struct hc_val *hc_sb_namespace_check(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k,
                                     hc_str ns);
/* "team-a-" and the coming number give "team-a-x7k2p": the same sequence in every run. */
hc_str hc_sb_generate_name(struct hc_sandbox *s, struct hc_arena *a, hc_str prefix);
/* Copies the map so that its entries may be replaced without touching the original's. */
struct hc_val *hc_sb_shallow(struct hc_arena *a, const struct hc_val *map);
hc_str hc_sb_now(struct hc_arena *a);

/* ---- defaults.c, validate.c ---------------------------------------------------------------------------- */

void hc_sb_defaults(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k, struct hc_val *obj,
                    const struct hc_val *old);
void hc_sb_default_pod_spec(struct hc_arena *a, struct hc_val *spec);
/* `old` NULL: a new object. */
void hc_sb_validate(struct hc_sb_errors *e, const struct hc_sb_kind *k, const struct hc_val *obj,
                    const struct hc_val *old);
bool hc_sb_valid_subdomain(hc_str s);
bool hc_sb_valid_label(hc_str s); /* RFC 1123 label */

/* ---- builtin.c ---- */

/* Cuts unknown fields out of a built-in object (their paths go into out_cut) and gives a Status for a wrong type. */
struct hc_val *hc_sb_builtin_check(struct hc_arena *a, const struct hc_sb_kind *k, struct hc_val *obj, bool apply,
                                   struct hc_val *out_cut);
/* A quantity as the real server writes it (quantity.c): "0.5" gives "500m". What is none stays as it is. */
struct hc_val *hc_sb_quantity(struct hc_arena *a, struct hc_val *v);
/* The Status of an object that cannot be applied because it does not fit its schema. */
struct hc_val *hc_sb_apply_refused(struct hc_arena *a, const struct hc_sb_kind *k, const struct hc_val *obj,
                                   hc_str why);

/* ---- crd.c, structural.c -------------------------------------------------------------------------------- */

void hc_sb_crd_defaults(struct hc_arena *a, struct hc_val *obj);
void hc_sb_crd_validate(struct hc_sb_errors *e, const struct hc_val *obj);
/* Registers, refreshes or (obj NULL) removes the kinds of a CRD. */
void hc_sb_crd_changed(struct hc_sandbox *s, hc_str name, const struct hc_val *obj);
void hc_sb_crd_status(struct hc_arena *a, struct hc_val *obj); /* Established, NamesAccepted, acceptedNames */
void hc_sb_crds_done(struct hc_sandbox *s);
/* A list of the paths that were cut out is put into *out_cut when it is not NULL. */
void hc_sb_prune(struct hc_arena *a, const struct hc_sb_kind *k, struct hc_val *obj, struct hc_val *out_cut);
void hc_sb_schema_defaults(struct hc_arena *a, const struct hc_val *schema, struct hc_val *val);
void hc_sb_schema_validate(struct hc_sb_errors *e, const struct hc_val *schema, const struct hc_val *val,
                           hc_str path, int depth);

/* ---- fieldset.c, shape.c, ssa.c ---------------------------------------------------------------------------- */

/*
 * Server-side apply. `live` NULL: the object does not exist yet. Gives the merged object with its new
 * managedFields, or a Status (409 with the conflicts).
 */
struct hc_val *hc_sb_apply(struct hc_arena *a, const struct hc_sb_kind *k, const struct hc_val *live,
                           struct hc_val *config, hc_str manager, hc_str sub, bool force, struct hc_val **out);
/* managedFields of `obj` after an ordinary write by `manager`. */
void hc_sb_manage(struct hc_arena *a, const struct hc_sb_kind *k, const struct hc_val *old, struct hc_val *obj,
                  hc_str manager, hc_str sub);
/* After defaulting: sets the time of the entry and leaves things as they were when nothing changed. */

/* ---- protobuf.c ---- */

/* A body in the protobuf form of the API; false when it is not readable as one. */
bool hc_sb_protobuf_parse(struct hc_arena *a, hc_str body, struct hc_val **out);

/* ---- patch.c ----------------------------------------------------------------------------------------------- */

struct hc_val *hc_sb_patch(struct hc_sb_req *r, const struct hc_sb_how *how, struct hc_val **out,
                           bool *out_created);
/* autoscaling/v1 Scale of an object. */
struct hc_val *hc_sb_scale_of(struct hc_arena *a, const struct hc_sb_kind *k, const struct hc_val *obj);

/* ---- table.c ------------------------------------------------------------------------------------------------ */

/* A Table with the rows of `items` (a list of objects). */
struct hc_val *hc_sb_table(struct hc_arena *a, const struct hc_sb_kind *k, const struct hc_val *items,
                           const struct hc_val *list_meta, hc_str include);
struct hc_val *hc_sb_partial(struct hc_arena *a, const struct hc_val *obj);

/* ---- watch.c ---------------------------------------------------------------------------------------------------- */

struct hc_sb_watches *hc_sb_watches_new(int64_t rv);
void hc_sb_watches_free(struct hc_sb_watches *w);
/* Puts an event into the ring; the watches see it after hc_sb_watches_publish. */
void hc_sb_watches_event(struct hc_sb_watches *w, enum hc_sb_event_type type, hc_str key, hc_str ns, hc_str name,
                         int64_t rv, hc_str obj, hc_str old);
void hc_sb_watches_publish(struct hc_sandbox *s);
void hc_sb_watches_discard(struct hc_sb_watches *w); /* what was not published */
/* A Status when the start is too old. */
struct hc_val *hc_sb_watch_open(struct hc_sb_req *r, struct hc_sb_watch **out);
void hc_sb_watch_close(struct hc_sandbox *s, struct hc_sb_watch *w);
/* Bytes to send: > 0; 0: none now; -1: the stream has ended. */
int64_t hc_sb_watch_read(struct hc_sandbox *s, struct hc_sb_watch *w, char *to, size_t max);
void hc_sb_watch_set_conn(struct hc_sb_watch *w, void *conn, void (*wake)(void *conn), bool (*alive)(void *conn));
/* Once a second: ends watches whose time is over, sends bookmarks, finds clients that are gone. */
void hc_sb_watches_tick(struct hc_sandbox *s);
/* Ends the watches of a key (NULL: of all) now; gives how many. */
size_t hc_sb_watches_cut(struct hc_sandbox *s, hc_str key);
size_t hc_sb_watches_count(const struct hc_sandbox *s);

/* ---- loop.c: timers and work ---------------------------------------------------------------------------------------- */

/* `arg` is taken: freed with free() after the call or when the server ends. */
bool hc_sb_timer(struct hc_sandbox *s, int64_t delay_ms, void (*fn)(struct hc_sandbox *s, void *arg), void *arg);
int64_t hc_sb_timers_wait_ms(const struct hc_sandbox *s); /* -1: none */
void hc_sb_timers_run(struct hc_sandbox *s);
/* Marks an object for the simulator. */
void hc_sb_dirty(struct hc_sandbox *s, hc_str key, hc_str ns, hc_str name);
/* Marks it for later. */
void hc_sb_dirty_in(struct hc_sandbox *s, int64_t delay_ms, hc_str key, hc_str ns, hc_str name);
/* Asks for the garbage collection of what the owner `uid` left. */
void hc_sb_orphaned(struct hc_sandbox *s, hc_str uid);
bool hc_sb_work(struct hc_sandbox *s, size_t max); /* true: more is left */
void hc_sb_loop_done(struct hc_sandbox *s);

/* ---- gc.c ---------------------------------------------------------------------------------------------------------------- */

void hc_sb_gc(struct hc_sandbox *s, hc_str uid);
void hc_sb_orphan_dependents(struct hc_sandbox *s, struct hc_arena *a, hc_str uid);
void hc_sb_gc_foreground(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k, struct hc_val *obj);
void hc_sb_namespace_empty(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *ns);
void hc_sb_first_objects(struct hc_sandbox *s);
void hc_sb_namespace_furnish(struct hc_sandbox *s, struct hc_arena *a, hc_str ns);

/* ---- simulate_*.c ------------------------------------------------------------------------------------------------------------ */

/* Looks at one object and does the next thing. */
void hc_sb_simulate(struct hc_sandbox *s, hc_str key, hc_str ns, hc_str name);
void hc_sb_simulate_restart(struct hc_sandbox *s); /* marks all that may have something to do */
void hc_sb_sim_pod(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *pod);
void hc_sb_sim_deployment(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *d);
void hc_sb_sim_replicaset(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *rs);
void hc_sb_sim_statefulset(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *sts);
void hc_sb_sim_daemonset(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *ds);
void hc_sb_sim_job(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *job);
void hc_sb_sim_small(struct hc_sandbox *s, struct hc_arena *a, const struct hc_sb_kind *k, struct hc_val *obj);

/* Shared by the simulated controllers. */
size_t hc_sb_sim_owned(struct hc_sandbox *s, struct hc_arena *a, const char *key, hc_str ns, hc_str uid,
                       struct hc_val ***out);
struct hc_val *hc_sb_sim_new_pod(struct hc_sandbox *s, struct hc_arena *a, struct hc_val *owner, hc_str name,
                                 const struct hc_val *template, const char *label, hc_str label_value);
void hc_sb_sim_delete(struct hc_sandbox *s, struct hc_arena *a, const struct hc_val *obj);
/* Replaces status when it differs; gives the object as stored. */
void hc_sb_sim_status(struct hc_sandbox *s, struct hc_arena *a, const struct hc_val *obj, struct hc_val *status);
void hc_sb_sim_event(struct hc_sandbox *s, struct hc_arena *a, const struct hc_val *obj, const char *type,
                     const char *reason, const char *component, hc_str message);
bool hc_sb_sim_pod_ready(const struct hc_val *pod);
hc_str hc_sb_sim_hash(struct hc_arena *a, const struct hc_val *v);
/* Puts a condition into status.conditions; lastTransitionTime moves with the status only. */
void hc_sb_condition(struct hc_arena *a, struct hc_val *status, const char *type, bool yes, const char *reason,
                     hc_str message);
hc_str hc_sb_annotation(const struct hc_val *obj, const char *name);
hc_str hc_sb_label(const struct hc_val *obj, const char *name);
struct hc_val *hc_sb_owner_ref(struct hc_arena *a, const struct hc_val *owner);
const struct hc_val *hc_sb_controller_of(const struct hc_val *obj);

/* ---- faults.c ------------------------------------------------------------------------------------------------------------------ */

enum hc_sb_fault_action {
    HC_SB_FAULT_NONE,
    HC_SB_FAULT_REFUSE, /* close the connection before anything is done */
    HC_SB_FAULT_DROP,   /* never answer                                  */
    HC_SB_FAULT_DELAY,
    HC_SB_FAULT_STATUS,
    HC_SB_FAULT_CUT,  /* end the watch after delay_ms                   */
    HC_SB_FAULT_LOST, /* do it, then close without an answer            */
    HC_SB_FAULT_HIDE, /* discovery without the group in `message`       */
};
struct hc_sb_verdict {
    enum hc_sb_fault_action action;
    int code, retry_after_s;
    int64_t delay_ms;
    hc_str message;
};
struct hc_sb_faults *hc_sb_faults_new(void);
void hc_sb_faults_free(struct hc_sb_faults *f);
/* Counts the request and tells what is to become of it. The path must have been routed. */
struct hc_sb_verdict hc_sb_faults_judge(struct hc_sb_req *r);
void hc_sb_faults_answer(struct hc_sb_req *r, const struct hc_sb_verdict *v);
/* After a committed write, before its answer leaves. */
void hc_sb_faults_wrote(struct hc_sb_req *r);

/* ---- http.c ---------------------------------------------------------------------------------------------------------------------- */

enum hc_rc hc_sb_http_start(struct hc_sandbox *s, const struct hc_sandbox_options *o, struct hc_err *err);
void hc_sb_http_stop(struct hc_sandbox *s);
enum hc_rc hc_sb_http_step(struct hc_sandbox *s, int64_t max_wait_ms, int stop_fd, struct hc_err *err);

struct hc_sb_crd;
struct hc_sb_loop;

struct hc_sandbox {
    struct hc_sb_store *store;
    struct hc_sb_watches *watches;
    struct hc_sb_faults *faults;
    struct hc_sb_http *http;
    struct hc_sb_loop *loop;
    struct hc_sb_kind *kinds, *kinds_last;
    struct hc_sb_crd *crds;
    struct hc_arena *forever; /* names of kinds */
    char url[128];
    char *token;
    int stop_fd;
    int64_t ready_after_ms;
    uint32_t next_ip;
    bool restarted; /* the first round after a start: timers must be set anew */
};
