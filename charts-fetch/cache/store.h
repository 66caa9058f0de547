#pragma once
/*
 * charts-fetch/cache/store.h - what was fetched, on disk, named by its content
 *
 * One folder: blobs/sha256/<hex>. A blob is written whole or not at all (temporary name, fsync, rename, and fsync of the
 * folder), is never
 * changed, and is checked against its name before it is used after a start. Safe to lose. The same content is there
 * once. Under a byte ceiling the least recently used blobs that are linked nowhere go first. Any thread may use it.
 */
#include "core/base/arena.h"
#include "core/base/err.h"

struct hc_store;

/* Makes the folder. `ceiling` in bytes, 0: none. Removes what an earlier process left half-written. */
enum hc_rc hc_store_open(const char *dir, uint64_t ceiling, struct hc_store **out, struct hc_err *err);
void hc_store_close(struct hc_store *s);
const char *hc_store_dir(const struct hc_store *s);

/* Puts bytes; gives "sha256:<hex>". HC_E_AGAIN: the disk is full or had a bad moment. */
enum hc_rc hc_store_put(struct hc_store *s, struct hc_arena *a, hc_str body, hc_str *out_digest,
                        struct hc_err *err);
/* A file that was written elsewhere in the store's folder (hc_store_temp) becomes a blob; the file is gone after. */
enum hc_rc hc_store_adopt(struct hc_store *s, struct hc_arena *a, const char *path, hc_str *out_digest,
                          uint64_t *out_size, struct hc_err *err);
/* The same for a file whose digest the caller took while it was written: it is not read again. */
enum hc_rc hc_store_keep(struct hc_store *s, struct hc_arena *a, const char *path, hc_str digest,
                         struct hc_err *err);
/* A fresh folder below the store for work in progress; the caller removes it (hc_remove_tree). */
enum hc_rc hc_store_temp(struct hc_store *s, struct hc_arena *a, const char **out_dir, struct hc_err *err);

/* Path of the blob, NUL-closed; HC_E_NOTFOUND: not there, or its content is not what its name says (then it was
 * removed). The first look after a start reads the blob to check it. */
enum hc_rc hc_store_path(struct hc_store *s, struct hc_arena *a, hc_str digest, const char **out,
                         struct hc_err *err);
enum hc_rc hc_store_get(struct hc_store *s, struct hc_arena *a, hc_str digest, size_t ceiling, hc_str *out,
                        struct hc_err *err);
bool hc_store_has(struct hc_store *s, hc_str digest);
/* The same with the reason why not. A damaged one was removed. */
enum hc_blob { HC_BLOB_GONE, HC_BLOB_HERE, HC_BLOB_DAMAGED };
enum hc_blob hc_store_look(struct hc_store *s, hc_str digest);

/* The blob under another name below the store's folder ("gitrepository/flux-system/fleet/ab12.tar.gz"), by hard link;
 * folders are made. The blob stays as long as a link does. */
enum hc_rc hc_store_link(struct hc_store *s, hc_str digest, const char *rel_path, struct hc_err *err);
/* Removes the links in rel_dir (its folders stay). */
enum hc_rc hc_store_unlink(struct hc_store *s, const char *rel_dir, struct hc_err *err);
/* Removes those that were replaced: `keep` and `alias` stay (NULL: none), and of the others the newest `records`, as long
 * as they are younger than `ttl_ms`. Gives how many of the others stay. */
size_t hc_store_retain(struct hc_store *s, const char *rel_dir, const char *keep, const char *alias, int64_t ttl_ms,
                       int64_t records);
/* Makes sure that the link is to the blob as it is now; false: neither can be. */
bool hc_store_linked(struct hc_store *s, hc_str digest, const char *rel_path);
/* Where what was computed out of a blob may stand ("<store>/derived/<hex>.<kind>"): the caller writes it whole or not at
 * all and does not trust what it finds. It goes with its blob. */
enum hc_rc hc_store_derived(struct hc_store *s, struct hc_arena *a, hc_str digest, const char *kind,
                            const char **out_path, struct hc_err *err);
/* Removes blobs that are linked nowhere until the ceiling holds; gives how many bytes went. With `all` the ceiling is
 * nothing: the disk is full. */
uint64_t hc_store_collect(struct hc_store *s, bool all);
