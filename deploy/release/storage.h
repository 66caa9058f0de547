#pragma once
/*
 * deploy/release/storage.h - where release records are kept: Secrets, ConfigMaps or memory
 *
 * Source: Helm pkg/storage. One object a revision, named and labelled as Helm does, in one namespace. A storage may be
 * used by any thread; it borrows the client it was made with.
 */
#include "deploy/release/record.h"

struct hc_storage;
HC_MUST_USE struct hc_storage *hc_storage_secrets(struct hc_kube *kube, hc_str ns);
HC_MUST_USE struct hc_storage *hc_storage_configmaps(struct hc_kube *kube, hc_str ns);
HC_MUST_USE struct hc_storage *hc_storage_memory(void); /* HELM_DRIVER=memory and tests */
void hc_storage_free(struct hc_storage *s);
/* Fills a memory storage from a YAML list of records (HELM_MEMORY_DRIVER_DATA). */
enum hc_rc hc_storage_preload(struct hc_storage *s, hc_str yaml, struct hc_err *err);
hc_str hc_storage_namespace(const struct hc_storage *s);

/* What labels tell of a record: no payload is read. */
struct hc_brief {
    hc_str name, ns, storage_name, resource_version, mark;
    int64_t revision, created_at, modified_at; /* seconds */
    enum hc_status status;
    struct hc_val *labels; /* user labels, map or NULL */
};
/* HC_E_NOTFOUND: there is no such revision. */
enum hc_rc hc_storage_get(struct hc_storage *s, struct hc_arena *a, hc_str name, int64_t revision,
                          struct hc_record *out, struct hc_err *err);
enum hc_rc hc_storage_peek(struct hc_storage *s, struct hc_arena *a, hc_str name, int64_t revision,
                           struct hc_brief *out, struct hc_err *err);
/* All revisions of one release, oldest first; none is HC_OK with 0. One metadata list. */
enum hc_rc hc_storage_briefs(struct hc_storage *s, struct hc_arena *a, hc_str name, struct hc_brief **out,
                             size_t *out_n, struct hc_err *err);
/* Whole records: of one release (oldest first), or of all (name absent; by namespace, name, revision).
 * all_namespaces: not only the storage's own. */
enum hc_rc hc_storage_list(struct hc_storage *s, struct hc_arena *a, hc_str name, bool all_namespaces,
                           struct hc_record **out, size_t *out_n, struct hc_err *err);
/* The newest record, by the revision that was newest when last seen (0: not known, then one metadata list): that one
 * and the absence of the next are two small requests. HC_E_NOTFOUND: the release does not exist. */
enum hc_rc hc_storage_last(struct hc_storage *s, struct hc_arena *a, hc_str name, int64_t hint,
                           struct hc_record *out, struct hc_err *err);

/* Stores a new revision (HC_E_CONFLICT: somebody stored that number first) or writes over the one that was read
 * (HC_E_CONFLICT: it has changed since). Both set storage_name, resource_version and the times in *r. */
enum hc_rc hc_storage_create(struct hc_storage *s, struct hc_arena *a, struct hc_record *r, struct hc_err *err);
enum hc_rc hc_storage_update(struct hc_storage *s, struct hc_arena *a, struct hc_record *r, struct hc_err *err);
/* One that is not there is HC_OK. */
enum hc_rc hc_storage_delete(struct hc_storage *s, hc_str name, int64_t revision, struct hc_err *err);
/* Helm's retention: deletes the oldest until `max` are left, never the deployed one. Called with max - 1 before a
 * new revision is stored. */
enum hc_rc hc_storage_retain(struct hc_storage *s, hc_str name, const struct hc_brief *briefs, size_t n,
                             int64_t max, struct hc_err *err);
