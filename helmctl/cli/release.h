#pragma once
/*
 * helmctl/cli/release.h - what the verbs on releases share: storage, the engine's wish from flags, printing
 */
#include "deploy/compose/whence.h"
#include "deploy/reconcile/preview.h"
#include "helmctl/cli/chartref.h"
#include "helmctl/cli/connect.h"
#include "helmctl/cli/faults.h"
#include "helmctl/cli/postrender.h"
#include "helmctl/cli/progress.h"
#include "helmctl/cli/replay.h"
#include "helmctl/cli/rules.h"
#include "helmctl/cli/strict.h"

/* One command at work. Zeroed, then hc_cli_release_open. */
struct hc_cli_release {
    struct hc_arena *a;
    const struct hc_globals *globals;
    struct hc_cli_cluster cluster;
    struct hc_storage *storage;
    hc_str name, ns;
    const char *verb; /* "INSTALLATION", "UPGRADE" in error texts; NULL: none */
    struct hc_progress progress;
    struct hc_health_rule *rules; /* --health-rules */
    size_t rules_n;

    /* the desired state */
    struct hc_chart *chart;
    struct hc_val *values, *labels;
    struct hc_origins *origins; /* of `values` */
    const char *description;
    bool reset_values, reuse_values, reset_then_reuse_values, sub_notes, skip_schema, strict_values;
    bool enable_dns;
    bool offline;          /* a client dry run of an install: no cluster is asked, and none has to be there */
    bool no_lookup;        /* a client dry run: `lookup` finds nothing */
    bool hide_secret;      /* --hide-secret: a render leaves in shown_manifest what is printed */
    hc_str shown_manifest; /* in `a` */
    const struct hc_replay_flags *replay; /* NULL: none */
    struct hc_cli_post post;
    enum hc_fault_format errors;
    const struct hc_values_flags *flags; /* where `values` come from */
    bool bare;                           /* the error is of a flag: no verb stands in front of it */
    struct hc_cli_fault *told; /* of a chart that does not load or render; NULL: there is no more than the error */

    const struct hc_record *stored; /* instead of a chart: what a plan holds */
    struct hc_crd_file *stored_crds;
    size_t stored_crds_n;

    struct hc_whence_render *whence; /* made when something was refused */

    bool newest_known; /* the newest record was looked for just now, and is this: told to the engine, once */
    struct hc_brief newest;

    hc_str test_logs, test_log_errors; /* of `test --logs`, gathered while the tests run */
};
/* Connects and opens the storage that HELM_DRIVER names (secret, configmap, memory). */
enum hc_rc hc_cli_release_open(struct hc_cli_release *r, struct hc_arena *a, const struct hc_globals *g,
                               struct hc_err *err);
void hc_cli_release_close(struct hc_cli_release *r);
/* What is known of the newest record of r->name without reading it; HC_E_NOTFOUND: there is none. */
enum hc_rc hc_cli_release_newest(struct hc_cli_release *r, struct hc_brief *out, struct hc_err *err);
#define hc_cli_release_auto hc_cli_release_close

/* Flags of the verbs that change something; each verb lists those it takes. */
struct hc_action_flags {
    int64_t timeout_ms, history_max;
    const char *wait, *server_side, *dry_run, *description, *output, *cascade, *error_format, *progress;
    bool wait_for_jobs, no_hooks, force_replace, force_conflicts, take_ownership, cleanup_on_fail, on_failure;
    bool skip_crds, no_validation, create_namespace, hide_notes, hide_secret, sub_notes, skip_schema, strict_values,
        replace;
    bool enable_dns, preflight, dependency_update;
    struct hc_strings labels, health_rules;
    struct hc_replay_flags replay;
    struct hc_post_flags post;
};
void hc_action_flags_init(struct hc_action_flags *f);
/* How a verb that changes something begins: checks the flags (HC_E_INPUT with Helm's words for values a flag may not
 * have), keeps the labels, opens. */
enum hc_rc hc_cli_release_begin(struct hc_cli_release *r, struct hc_arena *a, const struct hc_globals *g,
                                const struct hc_action_flags *f, struct hc_err *err);
/* How a verb that only shows something begins: checks --output, opens. */
enum hc_rc hc_cli_release_begin_print(struct hc_cli_release *r, struct hc_arena *a, const struct hc_globals *g,
                                      const char *output, struct hc_err *err);

#define HC_ACTION_FLAGS(f)                                                                                         \
    { "timeout", 0, HC_FLAG_DURATION, &(f).timeout_ms, "how long to wait for each hook and for the objects" },     \
        { "wait",                                                                                                  \
          0,                                                                                                       \
          HC_FLAG_STR,                                                                                             \
          &(f).wait,                                                                                               \
          "wait until objects are ready: watcher, legacy, hookOnly",                                               \
          "watcher",                                                                                               \
          "watcher|legacy|hookOnly" },                                                                             \
        { "wait-for-jobs", 0, HC_FLAG_BOOL, &(f).wait_for_jobs, "with --wait: until Jobs have completed, too" },   \
        { "progress", 0, HC_FLAG_STR, &(f).progress, HC_PROGRESS_HELP, NULL, HC_PROGRESS_MODES },                  \
        { "no-hooks", 0, HC_FLAG_BOOL, &(f).no_hooks, "run no hooks" },                                            \
    {                                                                                                              \
        "description", 0, HC_FLAG_STR, &(f).description, "description of the revision"                             \
    }
#define HC_APPLY_FLAGS(f)                                                                                          \
    { "force-replace", 0, HC_FLAG_BOOL, &(f).force_replace, "replace objects instead of applying them" },          \
        { "health-rules", 0, HC_FLAG_LIST, &(f).health_rules, HC_RULES_HELP, NULL, "path" },                       \
        { "force", 0, HC_FLAG_BOOL, &(f).force_replace, NULL },                                                    \
        { "force-conflicts", 0, HC_FLAG_BOOL, &(f).force_conflicts, "take fields over from other managers" },      \
    {                                                                                                              \
        "server-side", 0, HC_FLAG_STR, &(f).server_side, "true, false or auto", "true", "true|false|auto"          \
    }
#define HC_RENDERED_FLAGS(f)                                                                                       \
    { "dry-run",           0, HC_FLAG_STR, &(f).dry_run, "write nothing: none, client or server", "client",        \
      "none|client|server" },                                                                                      \
        { "hide-secret", 0, HC_FLAG_BOOL, &(f).hide_secret, "with --dry-run: leave Secrets out of the output" },   \
        { "rollback-on-failure", 0, HC_FLAG_BOOL, &(f).on_failure, "undo a failed install or upgrade" },           \
        { "atomic", 0, HC_FLAG_BOOL, &(f).on_failure, NULL },                                                      \
        { "preflight", 0, HC_FLAG_BOOL, &(f).preflight, "write nothing when plan would find a problem" },          \
        { "take-ownership", 0, HC_FLAG_BOOL, &(f).take_ownership, "take over objects that others have made" },     \
        { "skip-crds", 0, HC_FLAG_BOOL, &(f).skip_crds, "leave the CRDs of crds/ out" },                           \
        { "disable-openapi-validation", 0, HC_FLAG_BOOL, &(f).no_validation,                                       \
          "let fields pass that the server does not know" },                                                       \
        { "create-namespace", 0, HC_FLAG_BOOL, &(f).create_namespace, "make the release's namespace" },            \
        { "hide-notes", 0, HC_FLAG_BOOL, &(f).hide_notes, "do not print the notes" },                              \
        { "render-subchart-notes", 0, HC_FLAG_BOOL, &(f).sub_notes, "notes of sub-charts, too" },                  \
        { "skip-schema-validation", 0, HC_FLAG_BOOL, &(f).skip_schema, "do not check values against the schema" }, \
        { "strict-values", 0, HC_FLAG_BOOL, &(f).strict_values, HC_STRICT_HELP },                                  \
        { "enable-dns", 0, HC_FLAG_BOOL, &(f).enable_dns, "let getHostByName ask the name servers" },              \
        { "error-format", 0, HC_FLAG_STR, &(f).error_format, HC_FAULT_HELP, NULL, "person|helm|json" },            \
        HC_POST_FLAGS((f).post), HC_REPLAY_FLAGS((f).replay),                                                      \
        { "dependency-update", 0, HC_FLAG_BOOL, &(f).dependency_update,                                            \
          "put dependencies that are missing in the chart's folder into charts/ first" },                          \
        { "labels", 'l', HC_FLAG_MAP, &(f).labels, "labels of the release record: key=value", NULL, "key=value" }, \
    {                                                                                                              \
        "output", 'o', HC_FLAG_STR, &(f).output, "print as table, json or yaml", NULL, "table|json|yaml"           \
    }

/* The verbs below `get` that show parts of a release. */
#define HC_RELEASE_PARTS 6
extern const struct hc_sub hc_release_parts[HC_RELEASE_PARTS];

/* The engine's wish from flags; goal and one-shot switches are the verb's. */
void hc_cli_release_spec(struct hc_cli_release *r, const struct hc_action_flags *f, struct hc_reconcile_spec *out);
/* Runs to the end with progress; Ctrl-C leaves the record pending. *out_record (may be NULL) is the newest record, in
 * the command's arena. HC_OK when the goal was reached. */
enum hc_rc hc_cli_release_run(struct hc_cli_release *r, const struct hc_reconcile_spec *spec,
                              struct hc_record *out_record, struct hc_err *err);
/* An install's --dry-run=client: what would be installed, in the command's arena. As with Helm neither names nor objects
 * that are there already are looked at, and templates see the default capabilities. */
enum hc_rc hc_cli_release_dry(struct hc_cli_release *r, const struct hc_action_flags *f, struct hc_record *out,
                              struct hc_err *err);
/* hc_door.lookup in the cluster of `ctx`, a struct hc_cli_release. */
enum hc_rc hc_cli_release_lookup(void *ctx, struct hc_arena *a, hc_str api_version, hc_str kind, hc_str ns,
                                 hc_str name, struct hc_val **out, struct hc_err *err);
bool hc_cli_dry_client(const struct hc_action_flags *f);
/* What it would do, writing nothing. *out_engine keeps the preview alive: hc_reconcile_free. */
enum hc_rc hc_cli_release_preview(struct hc_cli_release *r, const struct hc_reconcile_spec *spec, unsigned flags,
                                  struct hc_reconcile **out_engine, struct hc_preview *out, struct hc_err *err);
/* The chart argument and the values flags; checks that the chart may be installed. */
enum hc_rc hc_cli_release_load(struct hc_cli_release *r, const struct hc_chart_source *source,
                               const struct hc_values_flags *values, struct hc_err *err);
/* Tells the error, "UPGRADE FAILED: ..." with `what` (may be NULL), in the form that is wanted; gives 1. */
int hc_cli_release_fail(struct hc_cli_release *r, const char *what, const struct hc_err *err);

/* ---- printing ------------------------------------------------------------------------------------------ */

struct hc_cli_status {
    bool metadata, debug, hide_notes;
};
/* What Helm prints of a release: as text ("table"), json or yaml. */
int hc_cli_print_release(struct hc_arena *a, const struct hc_record *r, const char *output,
                         const struct hc_cli_status *s);
/* What a Go template gives for {"Release": r}, fields named as in Helm's structs (get all --template). */
enum hc_rc hc_cli_print_template(struct hc_arena *a, const struct hc_record *r, const char *text,
                                 struct hc_err *err);
/* A value as json (one line) or yaml. */
int hc_cli_print_value(const struct hc_val *v, const char *output);
/* Helm's table: tab between cells, each padded to its column; row 0 is the header. */
void hc_cli_print_table(const hc_str *cells, size_t columns, size_t rows);
/* No column wider than `most` (0: any width): longer cells end in "...". */
void hc_cli_print_cut_table(const hc_str *cells, size_t columns, size_t rows, size_t most);
/* Go's time formats of a record's time: "Mon Jan _2 15:04:05 2006", and time.Time.String. */
hc_str hc_cli_time_ansic(struct hc_arena *a, hc_str rfc3339);
hc_str hc_cli_time_string(struct hc_arena *a, hc_str rfc3339);
hc_str hc_cli_chart_label(struct hc_arena *a, const struct hc_record *r); /* "podinfo-6.5.0" */
hc_str hc_cli_app_version(const struct hc_record *r);
/* "", table, json or yaml; else "invalid format type". */
enum hc_rc hc_cli_check_output(const char *output, struct hc_err *err);
/* Helm's rule for release names. */
enum hc_rc hc_cli_check_name(hc_str name, struct hc_err *err);
