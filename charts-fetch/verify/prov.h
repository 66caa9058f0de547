#pragma once
/*
 * charts-fetch/verify/prov.h - Helm's provenance files (pkg/provenance): NAME-VERSION.tgz.prov
 *
 * A clearsigned text: the chart's metadata, a line "...", and the digests of files. What is checked: the signature by a
 * key of the keyring, then that the text names the archive with the digest it has. Takes bytes, does no I/O.
 */
#include "charts-fetch/verify/pgp.h"

#define HC_PROV_MAX_BYTES ((size_t)4 << 20) /* metadata and a signature: some KiB */

struct hc_prov {
    struct hc_pgp_result by;
    hc_str file_hash; /* "sha256:..." of the archive */
};

/*
 * `file`: the name the archive has. Errors are in Helm's words, with what they leave out behind a colon; out->by.rule
 * says which rule a signature failed.
 */
enum hc_rc hc_prov_verify(struct hc_arena *a, const struct hc_pgp_ring *ring, hc_str archive, hc_str prov,
                          hc_str file, int64_t now_s, struct hc_prov *out, struct hc_err *err);
/* "Signed by: ...", "Using Key With Fingerprint: ...", "Chart Hash Verified: ...", as Helm prints them; in `a`. */
hc_str hc_prov_report(struct hc_arena *a, const struct hc_prov *p);
/* The text to be signed: `metadata` is the chart's Chart.yaml as Helm writes it. */
hc_str hc_prov_text(struct hc_arena *a, hc_str metadata, hc_str archive, hc_str file);
