#pragma once
/*
 * helmctl/controller/artifacts.h - artifacts of sources: published, served, read
 *
 * Blobs lie in the content-addressed store of charts-fetch/cache below --storage-path; an artifact is a link
 * KIND/NAMESPACE/NAME/FILE to its blob, served over HTTP under Flux's paths for whoever else consumes it. We ourselves
 * read blobs by digest and never go over HTTP, unless another controller made the artifact.
 */
#include "charts-fetch/source/source.h"
#include "helmctl/controller/ctl_impl.h"

enum hc_rc ctl_store_open(struct ctl *c, struct ctl_store **out, struct hc_err *err);
void ctl_store_close(struct ctl_store *s);
struct hc_store *ctl_store_blobs(struct ctl_store *s);
/* Removes replaced artifacts whose time has come (--artifact-retention-ttl, --artifact-retention-records), those an
 * earlier process left included, and artifacts of objects that are no more. */
void ctl_store_sweep(struct ctl_store *s);

/* The disk is full: removes every blob no artifact points to. */
uint64_t ctl_store_make_room(struct ctl_store *s);

/* Publishes a blob as the artifact of `k` in `file` ("ab12.tar.gz"). *out_artifact is what goes into
 * status.artifact, *out_url into status.url. */
enum hc_rc ctl_artifact_publish(struct ctl *c, struct hc_arena *a, struct hc_key k, const char *file,
                                const struct hc_artifact *art, const struct hc_val *status,
                                struct hc_val **out_artifact, hc_str *out_url, struct hc_err *err);
/* The URL of its name for people ("index.yaml", "latest.tar.gz"), which is made when it is not there. */
hc_str ctl_artifact_latest(struct ctl *c, struct hc_arena *a, struct hc_key k, const struct hc_val *status,
                           hc_str digest);
/* The URL of an artifact's path as it is served now (the port may be another one after a restart). */
hc_str ctl_artifact_url(struct ctl *c, struct hc_arena *a, hc_str path);
void ctl_artifact_remove(struct ctl *c, struct hc_key k);
/* Is the blob of status.artifact in the store, whole, and served? The first look after a start reads all of it. */
enum hc_blob ctl_artifact_look(struct ctl *c, const struct hc_val *artifact);

/* The blob of a source's artifact, fetched by its URL when another controller made it; as hc_store_path takes it. */
enum hc_rc ctl_artifact_blob(struct ctl *c, struct hc_arena *a, const struct hc_val *object, hc_str *out_digest,
                             struct hc_err *err);
/* The bytes of a source's artifact (`object` is the source). HC_E_NOTFOUND: the source has none. */
enum hc_rc ctl_artifact_read(struct ctl *c, struct hc_arena *a, const struct hc_val *object, hc_str *out,
                             struct hc_err *err);
/* One file in it, kept in memory for the next time. HC_E_NOTFOUND: no such file. */
enum hc_rc ctl_artifact_file(struct ctl *c, struct hc_arena *a, const struct hc_val *object, hc_str path,
                             hc_str *out, struct hc_err *err);
/* All of it in a fresh folder, which the caller removes with hc_remove_tree. */
enum hc_rc ctl_artifact_unpack(struct ctl *c, struct hc_arena *a, const struct hc_val *object, const char **out_dir,
                               struct hc_err *err);
