#pragma once
/*
 * What the reconcilers of source kinds share.
 */
#include "core/base/digest.h"
#include "helmctl/controller/artifacts.h"
#include "helmctl/controller/ctl_impl.h"

/* A failed fetch: which condition and reason it becomes. */
struct src_failure {
    const char *condition; /* "FetchFailed", "BuildFailed", "StorageOperationFailed"; NULL: it was set already */
    const char *reason;
};

/* Secrets of the object to credentials in p->a. On failure *out_reason names Flux's reason. */
enum hc_rc src_auth(struct pass *p, struct hc_source_auth *out, const char **out_reason);
/* Of another object of the same namespace (a HelmChart uses its repository's). */
enum hc_rc src_auth_of(struct pass *p, const struct hc_val *spec, hc_str ns, struct hc_source_auth *out,
                       const char **out_reason);
/* A Secret, and a key of its data, decoded; absent when it is not there. */
enum hc_rc src_secret(struct pass *p, hc_str ns, hc_str name, struct hc_val **out, const char **out_reason);
hc_str src_secret_key(struct hc_arena *a, const struct hc_val *secret, const char *key);
enum hc_rc src_env(struct pass *p, const struct hc_val *spec, hc_str ns, struct hc_source_env *out);

/* What every source kind does first. True: *out is the result of the whole pass. */
bool src_prologue(struct pass *p, struct ctl_result *out);
/* Before what may take long: the status of a first look says that it is under way. */
void src_show_progress(struct pass *p);
/* True when the artifact in the status is good for the spec as it is now: the fetch may say "unchanged". */
bool src_artifact_current(struct pass *p);
/* Status, event and result of a failure (p->err). HC_E_LIMIT and the like are tried again: sources change. */
struct ctl_result src_failed(struct pass *p, struct src_failure f);
/* Only a change of the spec or of what it refers to helps: Stalled. */
struct ctl_result src_failed_for_good(struct pass *p, struct src_failure f);
/* The same for a text, as FetchFailed. */
struct ctl_result src_stalled(struct pass *p, const char *reason, const char *fmt, ...) HC_PRINTF(3, 4);
/* A new artifact: link, status, conditions. `file` as in Flux; `message` for Ready and ArtifactInStorage. */
struct ctl_result src_stored(struct pass *p, const struct hc_artifact *art, const char *file, const char *reason,
                             hc_str message, const char *event_fmt, hc_str event_arg);
/* Nothing new: conditions as they should be. */
struct ctl_result src_unchanged(struct pass *p, const char *reason, hc_str message);
/* The part behind the last ':' of "main@sha1:ab12". */
hc_str src_hex_of(hc_str revision);

/* One fetch: what it goes with, what is known already, what came. */
struct src_fetch {
    struct hc_source_auth auth;
    struct hc_source_env env;
    hc_str known; /* absent: the artifact is not good for the spec */
    struct hc_artifact art;
};
/* `known_at`: the field of the status. True: *out is the result of the whole pass. */
bool src_fetch_fails_early(struct pass *p, const char *known_at, struct src_fetch *f, struct ctl_result *out);
hc_str src_fetched_revision(const struct src_fetch *f);
/* The end of a pass whose artifact is a folder packed up. */
struct ctl_result src_keep_folder(struct pass *p, const struct src_fetch *f, hc_str message, hc_str event);

/* What an artifact was verified by: a digest of all that decides it (the keys of the Secrets, the mode). It is kept in the
 * store, for each object beside the blob of its artifact, so that other keys mean another look, after a restart too. */
struct src_trust {
    char digest[HC_SHA256_HEX + 1];
};
void src_trust_of(const struct hc_val *verify, const struct hc_val *const *secrets, size_t n,
                  struct src_trust *out);
/* True when the artifact at hand, whose verification went well, was verified by just this. */
bool src_trust_holds(struct pass *p, const struct src_trust *t);
/* After the status has the artifact that was verified. */
void src_trust_keep(struct pass *p, const struct src_trust *t);

/* Public keys of the Secret `name`, by the endings of their names. */
enum hc_rc src_verify_keys(struct pass *p, hc_str name, struct hc_git_verify *out, struct src_trust *out_trust);
