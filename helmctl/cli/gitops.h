#pragma once
/*
 * helmctl/cli/gitops.h - what the verbs on GitOps objects share: their kinds, names and conditions
 */
#include "core/base/buf.h"
#include "helmctl/cli/connect.h"

struct hc_gitops_kind {
    const char *api_version, *kind;
    const char *human;  /* as Flux's messages say it: "helmrelease", "source git" */
    const char *source; /* word after `source`; NULL: no source */
    const char *names;  /* space-separated words the kind answers to */
    const char *done;   /* "applied revision", "fetched revision" */
};
extern const struct hc_gitops_kind hc_gitops_kinds[];
extern const size_t hc_gitops_kinds_n;

/*
 * The kind that the leading arguments name ("hr", "helmreleases", "source git", "gitrepository"); *out_used is how many
 * arguments that were. NULL: none, and *out_used is 1 when a bare `source` or `sources` (or `all`) stood there.
 */
const struct hc_gitops_kind *hc_gitops_kind_of(const char *const *args, size_t n, size_t *out_used);
/* hc_cli.complete of `VERB KIND NAME...`: kinds, then what there is of one. */
bool hc_gitops_complete(struct hc_completion *c, const struct hc_cli *cli);
/* "A, B or C" for messages: what may stand there. */
extern const char hc_gitops_words[];

/* One row of status, as `flux get` says it. */
struct hc_gitops_row {
    hc_str ns, name, revision, suspended, ready, message;
};
struct hc_gitops_row hc_gitops_row_of(struct hc_arena *a, const struct hc_gitops_kind *k,
                                      const struct hc_val *object);
/* The whole revision, as messages of success name it. */
hc_str hc_gitops_revision(const struct hc_gitops_kind *k, const struct hc_val *object);
/* A condition's map, or NULL. */
const struct hc_val *hc_gitops_condition(const struct hc_val *object, const char *type);
/* Long hexadecimal numbers cut to eight digits. */
hc_str hc_gitops_short(struct hc_arena *a, hc_str s);

/* Flux's tables: cells padded and parted by tabs; `header` NULL: without. `cells` row after row. */
void hc_gitops_table(struct hc_buf *b, const char *const *header, size_t columns, const hc_str *cells, size_t rows);
/* "5m12s", "3h", "2d4h": how kubectl says an age. */
hc_str hc_gitops_age(struct hc_arena *a, int64_t ms);

/* Asks for a reconciliation of the object and waits until it was handled; says so on stderr as Flux does. */
struct hc_gitops_wait {
    int64_t timeout_ms;
    bool force, reset; /* HelmRelease: forceAt, resetAt */
};
enum hc_rc hc_gitops_reconcile(struct hc_cli_cluster *c, struct hc_arena *a, const struct hc_gitops_kind *k,
                               hc_str ns, hc_str name, const struct hc_gitops_wait *w, struct hc_err *err);
/* Waits until the controller has seen the object's generation and Ready is True or False. */
enum hc_rc hc_gitops_wait_ready(struct hc_cli_cluster *c, struct hc_arena *a, const struct hc_gitops_kind *k,
                                const struct hc_ref *r, hc_str token, int64_t timeout_ms, struct hc_err *err);
