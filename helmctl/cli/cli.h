#pragma once
/*
 * helmctl/cli/cli.h - the command table: one file per command, no logic of its own
 *
 * A command is `int hc_cmd_<name>(int argc, char **argv)` in helmctl/cli/<name>.c: argv[0] is the verb; it
 * prints results on stdout, messages on stderr, and gives the exit code. Each answers --help.
 */
#include "core/base/str.h"

struct hc_command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help; /* one line */
};

/* Runs the command argv[1] names in `table`; `otherwise` gets what is not in it. */
int hc_cli_dispatch(int argc, char **argv, const struct hc_command *table, size_t n,
                    int (*otherwise)(int argc, char **argv));

/* The other executable `program` with this command line, argv[0] before the verb: it comes back only where that is not
 * there, which it says, with the exit code. */
int hc_cli_hand_over(const char *program, char **argv);
/* First thing there: what was put into the environment for the loading of libraries goes, so that no child has it. */
void hc_cli_handed_over(void);
/* That flags are deprecated was told by this executable, by the one before it: once is enough. */
extern bool hc_cli_flags_told, hc_cli_flags_told_before;

/* The verbs of helmctl-serve. */
int hc_cmd_controller(int argc, char **argv);
int hc_cmd_sandbox(int argc, char **argv);

/* The verbs of helmctl-cluster. */
int hc_cmd_install(int argc, char **argv);
int hc_cmd_upgrade(int argc, char **argv);
int hc_cmd_rollback(int argc, char **argv);
int hc_cmd_uninstall(int argc, char **argv);
int hc_cmd_test(int argc, char **argv);
int hc_cmd_list(int argc, char **argv);
int hc_cmd_history(int argc, char **argv);
int hc_cmd_status(int argc, char **argv);
int hc_cmd_get_release(int argc, char **argv);
int hc_cmd_deploy(int argc, char **argv);
int hc_cmd_env(int argc, char **argv);
int hc_cmd_pull(int argc, char **argv);
int hc_cmd_push(int argc, char **argv);
int hc_cmd_registry(int argc, char **argv);
int hc_cmd_repo(int argc, char **argv);
int hc_cmd_search(int argc, char **argv);
int hc_cmd_verify(int argc, char **argv);
int hc_cmd_completion(int argc, char **argv);

/* The verbs that only render: in both executables. */
int hc_cmd_version(int argc, char **argv);
int hc_cmd_show(int argc, char **argv);
int hc_cmd_template(int argc, char **argv);
int hc_cmd_values(int argc, char **argv);
int hc_cmd_why(int argc, char **argv);
int hc_cmd_lint(int argc, char **argv);
int hc_cmd_package(int argc, char **argv);
int hc_cmd_plan(int argc, char **argv);
int hc_cmd_apply(int argc, char **argv);
int hc_cmd_dependency(int argc, char **argv);
int hc_cmd_create(int argc, char **argv);
int hc_cmd_recording(int argc, char **argv);

/*
 * What the first two executables do differently. `hand_over` (front only, else NULL) starts helmctl-cluster with the same
 * command line and does not come back; argc and argv as a command got them. `fetch_chart` (cluster only, else NULL) gets
 * a chart that is no local path. `get_release` (cluster only, else NULL) prints parts of a release.
 */
struct hc_arena;
struct hc_chart;
struct hc_cli_deps;
struct hc_deps_port;
struct hc_chart_source;
struct hc_cli_server_port;
struct hc_cli;
struct hc_completion;
struct hc_err;
struct hc_passphrase;
struct hc_val;
struct hc_cli_ports {
    int (*hand_over)(int argc, char **argv);
    enum hc_rc (*fetch_chart)(const struct hc_chart_source *source, struct hc_chart **out, struct hc_err *err);
    /* Checks the provenance file of a chart on this machine (cluster only, else NULL). */
    enum hc_rc (*verify_chart)(const struct hc_chart_source *source, struct hc_err *err);
    /* Signs an archive (cluster only, else NULL): helmctl/cli/provenance.h. */
    enum hc_rc (*sign_chart)(struct hc_arena *a, const char *path, const struct hc_val *metadata,
                             const char *keyring, const char *id, struct hc_passphrase *pass, struct hc_err *err);
    /* A schema at http:// or https:// (cluster only, else NULL). */
    enum hc_rc (*fetch_schema)(struct hc_arena *a, hc_str url, hc_str *out, struct hc_err *err);
    /* What -f and --set-file name by http:// or https:// (cluster only, else NULL). */
    enum hc_rc (*fetch_values)(struct hc_arena *a, hc_str url, hc_str *out, struct hc_err *err);
    /* Dependencies that are not on this machine (cluster only, else NULL): deps.h, hc_cli_deps_net. */
    enum hc_rc (*deps)(const struct hc_cli_deps *d, struct hc_arena *a, struct hc_deps_port *out,
                       struct hc_err *err);
    /* `template --dry-run=server` (cluster only, else NULL): template_server.h. */
    const struct hc_cli_server_port *server;
    /* What completes an argument or a flag's value out of a cluster or Helm's files (cluster only, else NULL): complete.h. */
    bool (*complete)(struct hc_completion *c, const struct hc_cli *cli, const char *what);
    /* `get manifest|values|hooks|notes|metadata|all RELEASE`, argv[0] is "get" */
    int (*get_release)(int argc, char **argv);
};
extern struct hc_cli_ports hc_cli_ports;

/* The port fetch_chart (fetch_chart.c): from registries and Helm repositories over the network. The errors begin as
 * Helm's own. "Pulled:" and "Digest:" of a registry's chart go to stderr. */
enum hc_rc hc_cli_fetch_chart(const struct hc_chart_source *source, struct hc_chart **out, struct hc_err *err);

/* The verbs on GitOps objects (cluster only). */
int hc_cmd_get(int argc, char **argv);
int hc_cmd_reconcile(int argc, char **argv);
int hc_cmd_suspend(int argc, char **argv);
int hc_cmd_resume(int argc, char **argv);
int hc_cmd_events(int argc, char **argv);
