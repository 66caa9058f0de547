#pragma once
/*
 * charts-fetch/source/oci.h - what lies in one repository of a registry: manifests, referrers, blobs, tags
 *
 * OCI distribution spec 1.1. A conversation belongs to one thread and lives in the arena it was opened with; logins are
 * shared with others by env->logins. Whatever was asked for by a digest is that content, or an error: every byte is
 * checked before it is handed out. Errors name the repository, what was asked for, and what to do.
 *
 *     HC_AUTO(hc_oci) struct hc_oci *o = NULL;
 *     if (hc_oci_open(&env, a, "oci://ghcr.io/org/app", &auth, &o, err) != HC_OK ||
 *         hc_oci_manifest(o, HC_S("1.2.3"), &m, err) != HC_OK ||
 *         hc_oci_referrers(o, m.digest, (hc_str){ NULL, 0 }, &list, &n, err) != HC_OK)
 *         return err->code;
 */
#include "charts-fetch/source/source.h"

#define HC_OCI_TYPE_INDEX      "application/vnd.oci.image.index.v1+json"
#define HC_OCI_TYPE_MANIFEST   "application/vnd.oci.image.manifest.v1+json"
#define HC_OCI_TYPE_CONFIG     "application/vnd.cncf.helm.config.v1+json"
#define HC_OCI_TYPE_CHART      "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
#define HC_OCI_TYPE_CHART_OLD  "application/tar+gzip" /* Helm before 3.7 */
#define HC_OCI_TYPE_PROVENANCE "application/vnd.cncf.helm.chart.provenance.v1.prov"

/*
 * Tokens, which live for minutes, and what a registry wants to be asked with: shared by all conversations that are given
 * the same one, from any thread. Of those who need the same token one asks for it, the others wait; it is renewed before
 * it ends. Freed when no conversation uses it any more.
 */
struct hc_oci_logins;
HC_MUST_USE struct hc_oci_logins *hc_oci_logins_new(void);
void hc_oci_logins_free(struct hc_oci_logins *l);

struct hc_oci;

/* `url`: "oci://host[:port]/path" without tag and digest. Picks the credentials; sends nothing yet. */
enum hc_rc hc_oci_open(const struct hc_source_env *env, struct hc_arena *a, const char *url,
                       const struct hc_source_auth *auth, struct hc_oci **out, struct hc_err *err);
void hc_oci_close(struct hc_oci *o); /* NULL is fine */
void hc_oci_close_auto(struct hc_oci **o);
#define hc_oci_auto hc_oci_close_auto

struct hc_oci_manifest {
    hc_str digest;      /* "sha256:<64>" of `body` */
    hc_str media_type;  /* the body's own, else the answer's Content-Type without parameters */
    hc_str body;        /* as it was sent: what signatures are about */
    struct hc_val *doc; /* the body as a map: a manifest or an index */
};
/* By tag or digest. HC_E_NOTFOUND: there is none. */
enum hc_rc hc_oci_manifest(struct hc_oci *o, hc_str reference, struct hc_oci_manifest *out, struct hc_err *err);
/* The digest a tag stands for, by HEAD where the registry knows it. */
enum hc_rc hc_oci_resolve(struct hc_oci *o, hc_str tag, hc_str *out_digest, struct hc_err *err);
/* An index becomes its manifest for linux/amd64, as Flux's library takes it, else its first. A manifest stays. */
enum hc_rc hc_oci_platform(struct hc_oci *o, struct hc_oci_manifest *m, struct hc_err *err);

struct hc_oci_descriptor {
    hc_str media_type, digest, artifact_type;
    uint64_t size;
    const struct hc_val *annotations; /* a map or NULL */
};
/*
 * What refers to the manifest `digest`: the 1.1 API, and where the registry does not know it the index that is tagged
 * "sha256-<hex>". `artifact_type` absent: all. No referrers: HC_OK and none. Signatures that cosign tags
 * "sha256-<hex>.sig" are no referrers: ask for that tag with hc_oci_manifest.
 */
enum hc_rc hc_oci_referrers(struct hc_oci *o, hc_str digest, hc_str artifact_type, struct hc_oci_descriptor **out,
                            size_t *out_n, struct hc_err *err);

/* A blob into memory; one of more than `ceiling` bytes is HC_E_LIMIT. For small ones: signatures, configs. */
enum hc_rc hc_oci_blob(struct hc_oci *o, hc_str digest, size_t ceiling, hc_str *out, struct hc_err *err);

/* The same of at most `most` bytes into the file `path`, which only its owner may read. On failure there is no such file. */
enum hc_rc hc_oci_blob_file(struct hc_oci *o, hc_str digest, uint64_t most, const char *path, uint64_t *out_size,
                            struct hc_err *err);

/* All tags, in the registry's order. */
enum hc_rc hc_oci_tags(struct hc_oci *o, hc_str **out, size_t *out_n, struct hc_err *err);

/* The tag of the newest version in `range`, "" being any release. Tags that are no whole version ("1.2", "latest") do not
 * count. HC_E_NOTFOUND: none fits. */
enum {
    HC_OCI_PLUS = 1, /* "_" in a tag is the "+" of the version: Helm's charts */
    HC_OCI_V_TOO = 2 /* "v1.2.3" is a version: Flux for artifacts, not Helm for charts */
};
enum hc_rc hc_oci_newest(struct hc_arena *a, const hc_str *tags, size_t n, hc_str range, unsigned how,
                         hc_str *out_tag, struct hc_err *err);

/* ---- writing ---- */

/* The blob, unless it is there; one PUT, or pieces when it is large. */
enum hc_rc hc_oci_push_blob(struct hc_oci *o, hc_str body, hc_str *out_digest, struct hc_err *err);
/* `reference`: a tag; absent: the manifest's own digest. What it names must be there. */
enum hc_rc hc_oci_push_manifest(struct hc_oci *o, hc_str reference, const char *media_type, hc_str body,
                                hc_str *out_digest, struct hc_err *err);

struct hc_oci_chart {
    const struct hc_val *metadata; /* of hc_chart: fields in Helm's order */
    hc_str archive, provenance;    /* provenance absent: there is none */
    hc_str created;                /* RFC 3339 */
};
struct hc_oci_pushed {
    hc_str reference, digest; /* "host/path/name:1.2.3_b1"; of the manifest */
};
/* A chart as Helm 4 pushes it, byte for byte, to `url`/NAME:VERSION. */
enum hc_rc hc_oci_push_chart(const struct hc_source_env *env, struct hc_arena *a, const char *url,
                             const struct hc_source_auth *auth, const struct hc_oci_chart *chart,
                             struct hc_oci_pushed *out, struct hc_err *err);
/* Whether the registry at `host` takes the login. */
enum hc_rc hc_oci_ping(const struct hc_source_env *env, struct hc_arena *a, hc_str host,
                       const struct hc_source_auth *auth, struct hc_err *err);

/* "sha256:" and 64 lower-case hexadecimal digits. */
bool hc_oci_is_digest(hc_str text);
