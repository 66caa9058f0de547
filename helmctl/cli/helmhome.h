#pragma once
/*
 * helmctl/cli/helmhome.h - Helm's folders and its list of repositories, shared with the real Helm
 *
 * Places are those of helmpath: a flag, HELM_CONFIG_HOME and HELM_CACHE_HOME, XDG, the home folder. repositories.yaml is
 * written as Helm writes it, under the lock that Helm takes (repositories.lock), whole or not at all, mode 0600 or the one it
 * has, behind links; where it cannot be replaced (a mount of its own, a folder that may not be written), in its place.
 */
#include <stdio.h>

#include "charts-fetch/source/source.h"
#include "helmctl/cli/flags.h"

/* A file below the folder of configuration, cache, or data, of no name the folder itself; NULL: no memory. */
const char *hc_helm_config(struct hc_arena *a, const char *name);
const char *hc_helm_cache(struct hc_arena *a, const char *name);
const char *hc_helm_data(struct hc_arena *a, const char *name);
/* repositories.yaml, and the folder of the indexes. */
const char *hc_helm_repositories_file(struct hc_arena *a, const struct hc_globals *g);
const char *hc_helm_indexes(struct hc_arena *a, const struct hc_globals *g);

/* The cached index of the repository of that name, and the names of its charts: NAME-index.yaml and NAME-charts.txt, of no
 * name (which Helm takes) index.yaml and charts.txt. */
const char *hc_helm_index_file(struct hc_arena *a, const struct hc_globals *g, hc_str name);
const char *hc_helm_charts_file(struct hc_arena *a, const struct hc_globals *g, hc_str name);

/* The document, a map with the list "repositories", each a map of the fields that Helm has; *out_there false: there is no file yet.
 * A file of another shape is an error: it would be lost when it is written. On an error *out may be NULL. */
enum hc_rc hc_helm_repositories(struct hc_arena *a, const struct hc_globals *g, struct hc_val **out,
                                bool *out_there, struct hc_err *err);
/* The entry of that name, or NULL. */
struct hc_val *hc_helm_repository(const struct hc_val *doc, hc_str name);
/* Fields of an entry into `auth`: certificates are read, a name and password only when both are there. */
enum hc_rc hc_helm_repository_auth(struct hc_arena *a, const struct hc_val *entry, struct hc_source_auth *auth,
                                   struct hc_err *err);
/* A PEM file into `out`; NULL and "" are none. `what` is the flag or field that named it. */
enum hc_rc hc_helm_read_pem(struct hc_arena *a, const char *what, const char *path, hc_str *out,
                            struct hc_err *err);

/* The lock: >= 0, closed by the caller when the file is written; -1: err. Waits up to 30 s. */
int hc_helm_lock(struct hc_arena *a, const struct hc_globals *g, struct hc_err *err);
enum hc_rc hc_helm_write_repositories(struct hc_arena *a, const struct hc_globals *g, const struct hc_val *doc,
                                      struct hc_err *err);

/* The index of `entry` into the cache: NAME-index.yaml, and the names of its charts, a line each, into NAME-charts.txt. */
enum hc_rc hc_helm_fetch_index(struct hc_arena *a, const struct hc_globals *g, struct hc_val *entry,
                               int64_t timeout_ms, struct hc_err *err);
/* The same of a list of entries, at once: one that is slow holds up none of the others. `told` is called as each is there or
 * has failed, on the caller's thread; what fails for all is told of each. */
typedef void (*hc_helm_told)(void *ctx, size_t at, enum hc_rc rc, const struct hc_err *err);
void hc_helm_fetch_indexes(struct hc_arena *a, const struct hc_globals *g, const struct hc_val *entries,
                           int64_t timeout_ms, hc_helm_told told, void *ctx);

/* A loop and a store in a folder of its own below `parent` (NULL: the temporary folder, or Helm's cache where that cannot be written), for one command. A signal that
 * ends the process takes the folder along; what was killed below `parent` before is swept. */
struct hc_cli_net {
    struct hc_source_env env;
    const char *dir;
    int lock, leftover;
};
enum hc_rc hc_cli_net_open(struct hc_arena *a, const char *parent, struct hc_cli_net *out, struct hc_err *err);
void hc_cli_net_close(struct hc_cli_net *n);

/* ---- fetch_registry.c ---- */

/* A chart at "oci://HOST/PATH[:TAG][@DIGEST]": `version` as it was asked for, "": the newest release. With s->verify or
 * s->want_prov its provenance file too, absent when there is none. *out_where: the address of what was taken. */
struct hc_chart_source;
struct hc_fetched;
enum hc_rc hc_cli_fetch_oci(const struct hc_source_env *env, struct hc_arena *a, const struct hc_chart_source *s,
                            const struct hc_source_auth *auth, hc_str ref, hc_str version, struct hc_fetched *out,
                            hc_str *out_where, struct hc_err *err);
/* What Helm says of a reference with "_" in it. */
void hc_cli_tell_underscore(FILE *to, hc_str reference);
