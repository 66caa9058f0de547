#pragma once
/*
 * helmctl/controller/history.h - status.history of a HelmRelease and the digests in its status
 *
 * Byte-compatible with Flux (helm-controller 1.6, internal/release, api/v2 snapshot_types.go): one byte off and a
 * switch between the two would upgrade every release. Pure; results live in the arena.
 */
#include "deploy/release/record.h"

/* "sha256:..." of the record as Flux observes it: Go's JSON of the record without its chart's files and without test
 * hooks. `oci_digest` absent: none. */
hc_str hc_observation_digest(struct hc_arena *a, const struct hc_record *r, hc_str oci_digest);
/* Of values: their YAML with sorted keys; no values and an empty map are the same. */
hc_str hc_config_digest(struct hc_arena *a, const struct hc_val *values);
/* Of spec.postRenderers and spec.commonMetadata: Go's JSON of the typed lists. Absent when the field is not there. */
hc_str hc_post_renderers_digest(struct hc_arena *a, const struct hc_val *post_renderers);
hc_str hc_common_metadata_digest(struct hc_arena *a, const struct hc_val *common_metadata);

/* An entry of status.history. `action`: "install", "upgrade", "rollback", "uninstall", "uninstall-remediation". */
struct hc_val *hc_snapshot_of(struct hc_arena *a, const struct hc_record *r, const char *action, hc_str oci_digest);
/* testHooks of a snapshot, from the record's hooks; filters as in spec.test.filters (NULL: all). */
void hc_snapshot_set_tests(struct hc_arena *a, struct hc_val *snapshot, const struct hc_record *r,
                           const struct hc_val *filters);

/* The list stays newest first. A snapshot of a version that is there is replaced (its test results are kept unless the
 * new one has its own, its action unless the new one names one). */
void hc_history_put(struct hc_arena *a, struct hc_val *status, struct hc_val *snapshot);
struct hc_val *hc_history_latest(const struct hc_val *status);
/* The newest before the latest that is deployed or superseded and did not fail its tests. NULL: none. */
struct hc_val *hc_history_previous(const struct hc_val *status, bool ignore_tests);
/* Drops what is older than hc_history_previous; without one the newest five stay. */
void hc_history_truncate(struct hc_arena *a, struct hc_val *status, bool ignore_tests);
/* The five newest ones stay (Flux: TruncateIgnoringPreviousSnapshots). */
void hc_history_newest(struct hc_arena *a, struct hc_val *status);
bool hc_snapshot_tested(const struct hc_val *snapshot);
/* "ns/name.v3" and "chart@1.2.3", for messages. */
hc_str hc_snapshot_release(struct hc_arena *a, const struct hc_val *snapshot);
hc_str hc_snapshot_chart(struct hc_arena *a, const struct hc_val *snapshot);

/* The release's name: over 53 characters the first 40, '-', and 12 digits of its SHA-256. */
hc_str hc_short_release_name(struct hc_arena *a, hc_str name);

/* The Ready condition out of Remediated, TestSuccess and Released, and the observed digests (Flux: summarize). */
struct hc_conditions;
void hc_release_summarize(struct hc_conditions *c, const struct hc_val *spec);
