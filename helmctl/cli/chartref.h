#pragma once
/*
 * helmctl/cli/chartref.h - the chart argument of a command, the flags that go with it, and the values flags
 */
#include "charts-fetch/chart/chart.h"
#include "helmctl/cli/flags.h"

/* Below the folder a chart is pulled into, with the process's number, until all of it is there. */
#define HC_CLI_PULLED ".helmctl-pull-%d.tgz"

/* Where a chart is and how to get it; texts are NULL when not given. */
struct hc_chart_source {
    const char *ref; /* path, "oci://...", "https://...", or NAME with repo_url, or REPO/NAME */
    const char *version, *repo_url, *username, *password, *cert_file, *key_file, *ca_file, *keyring;
    bool insecure, plain_http, pass_credentials, verify, devel;
    bool want_prov;   /* pull --prov */
    bool update_deps; /* --dependency-update: deps.h; the verb sees to it */
    bool tell_stdout; /* what a registry gave is told on stdout: pull, install, upgrade */
    bool to_file;     /* pull, dependency: the content cache is read, but not filled, as by Helm */
    bool no_digest;   /* the caller renders once */
    bool helm3;       /* --helm-version 3 */
    const char *into; /* pull: the archive is streamed into this folder, not held; NULL: it is held */
    bool no_detect;   /* lint and dependency list: Helm loads the chart without a look at its apiVersion first */
    const struct hc_globals *globals;
};

/* Rows for a command's flag table: HC_CHART_SOURCE_FLAGS(opts.source), */
#define HC_CHART_SOURCE_FLAGS(s)                                                                                   \
    { "version", 0, HC_FLAG_STR, &(s).version, "version or range of the chart; without it the latest" },           \
        { "repo", 0, HC_FLAG_STR, &(s).repo_url, "address of the Helm repository that holds the chart" },          \
        { "username", 0, HC_FLAG_STR, &(s).username, "user name for the repository" },                             \
        { "password", 0, HC_FLAG_STR, &(s).password, "password for the repository" },                              \
        { "ca-file", 0, HC_FLAG_STR, &(s).ca_file, "certificate authority of the repository", NULL, "file" },      \
        { "cert-file", 0, HC_FLAG_STR, &(s).cert_file, "client certificate for the repository", NULL, "file" },    \
        { "key-file", 0, HC_FLAG_STR, &(s).key_file, "key of the client certificate", NULL, "file" },              \
        { "insecure-skip-tls-verify", 0, HC_FLAG_BOOL, &(s).insecure,                                              \
          "do not check the repository's certificate" },                                                           \
        { "plain-http", 0, HC_FLAG_BOOL, &(s).plain_http, "speak HTTP without TLS to the registry" },              \
        { "pass-credentials", 0, HC_FLAG_BOOL, &(s).pass_credentials, "send the login to other hosts too" },       \
        { "verify", 0, HC_FLAG_BOOL, &(s).verify, "check the chart's signature first" },                           \
        { "keyring", 0, HC_FLAG_STR, &(s).keyring, "public keys for --verify", NULL, "file" },                     \
    {                                                                                                              \
        "devel", 0, HC_FLAG_BOOL, &(s).devel, "pre-releases too, as --version '>0.0.0-0'"                          \
    }

/* "3" or "4", also with more behind it ("v3.22.0"): whose ways a verb follows. Gives false and tells for others. */
bool hc_cli_helm_version(const char *text, bool *out_helm3);

/* SOURCE_DATE_EPOCH, seconds since 1970; -1: not set. Helm's text when it is no number. */
enum hc_rc hc_cli_epoch(int64_t *out, struct hc_err *err);

/* How a chart on this machine is loaded for `s`. */
struct hc_chart_port hc_cli_chart_port(const struct hc_chart_source *s);

/* What Helm logs while it loads a chart, on stderr. */
void hc_cli_chart_notes(const struct hc_chart *c);

/* True when the argument names something on this machine, or can only be meant so ("./x", "/x"). */
bool hc_cli_chart_is_local(const struct hc_chart_source *s);

/*
 * Loads it. A local path is read here; anything else goes to hc_cli_ports.fetch_chart. A command asks
 * hc_cli_chart_is_local first and hands over when it runs in the front executable.
 */
enum hc_rc hc_cli_load_chart(const struct hc_chart_source *s, struct hc_chart **out, struct hc_err *err);

/* A chart that is not on this machine, as it was packed (cluster only). `file`: the name its source gives it. All live in
 * `a`. With s->verify it was checked; with that or s->want_prov its provenance file is there too, absent when the source
 * has none (s->want_prov alone: told on stdout). */
struct hc_fetched {
    hc_str archive, file, prov;
    hc_str digest;       /* of what is `written` */
    const char *written; /* instead of `archive`: where it stands (s->into), to be renamed or removed */
    hc_str report;       /* s->verify: who signed it, as Helm prints it */
};
enum hc_rc hc_cli_fetch_archive(const struct hc_chart_source *s, struct hc_arena *a, struct hc_fetched *out,
                                struct hc_err *err);

/* The archive of an index's entry, with the repository's credentials; the cluster half only. */
struct hc_source_auth;
struct hc_chart_entry;
enum hc_rc hc_cli_fetch_entry(const struct hc_chart_source *source, const char *repo,
                              const struct hc_source_auth *auth, const struct hc_chart_entry *entry,
                              struct hc_arena *a, struct hc_fetched *out, struct hc_err *err);
/* What a registry is asked with: the flags' name and password, else Helm's and Docker's logins. */
enum hc_rc hc_cli_registry_auth(const struct hc_chart_source *source, struct hc_arena *a,
                                struct hc_source_auth *out, struct hc_err *err);

/* The same for a chart that is to be rendered: complete, of a known kind, and no library. */
enum hc_rc hc_cli_load_installable(const struct hc_chart_source *s, struct hc_chart **out, struct hc_err *err);

/* -f and the --set family. */
struct hc_values_flags {
    struct hc_strings files, set, set_string, set_file, set_json, set_literal;
    bool helm3;
};
#define HC_VALUES_FLAGS(v)                                                                                         \
    { "values", 'f',   HC_FLAG_CSV, &(v).files, "values from a YAML file, \"-\" is stdin (may be repeated)",       \
      NULL,     "file" },                                                                                          \
        { "set", 0, HC_FLAG_LIST, &(v).set, "set values: key1=val1,key2=val2", NULL, "key=value" },                \
        { "set-string", 0, HC_FLAG_LIST, &(v).set_string, "set values as text", NULL, "key=value" },               \
        { "set-file", 0, HC_FLAG_LIST, &(v).set_file, "set values to the content of files", NULL, "key=path" },    \
        { "set-json", 0, HC_FLAG_LIST, &(v).set_json, "set values as JSON", NULL, "key=json" },                    \
    {                                                                                                              \
        "set-literal", 0, HC_FLAG_LIST, &(v).set_literal, "set one value, taken as it stands", NULL, "key=value"   \
    }

/* All of them as one tree (a map). `origins` and `layers` (each layer by itself) may be NULL. */
struct hc_origins;
struct hc_layers;
enum hc_rc hc_cli_values(struct hc_arena *a, const struct hc_values_flags *v, struct hc_origins *origins,
                         struct hc_layers *layers, struct hc_val **out, struct hc_err *err);

/* Whether one of the files is stdin. */
bool hc_cli_values_read_stdin(const struct hc_values_flags *v);

/* Whether a values file is an address, which needs the network. */
bool hc_cli_values_are_local(const struct hc_values_flags *v);
