#pragma once
/*
 * charts-fetch/source/verified.h - signatures of an artifact in a registry: found, fetched, judged
 *
 * Cosign's and Notation's places are looked through (referrers, the tag "sha256-HEX.sig"); the judging is
 * charts-fetch/verify's. What is fetched afterwards must be asked for by the digest that was judged.
 */
#include "charts-fetch/source/oci.h"
#include "charts-fetch/verify/cosign.h"
#include "charts-fetch/verify/notation.h"

/* One of both. */
struct hc_oci_trust {
    const struct hc_cosign_trust *cosign;
    const struct hc_notation_trust *notation; /* its ask is not used: authorities are asked over env->http */
};

/* A check that goes with a fetch (hc_source_env.check): before anything but the manifest is transferred, the digest that
 * was found must be signed by somebody of `trust`. */
struct hc_oci_check {
    const struct hc_oci_trust *trust;
    bool again;    /* also when nothing new was found */
    bool failed;   /* out: the fetch failed because of it */
    bool checked;  /* out: a signature was found good */
    bool ignored;  /* out: the trust policy lets it pass without */
    hc_str logged; /* out: what its signature fails and the trust policy does not enforce; in the fetch's arena */
};

/* HC_OK: somebody of check->trust signed the manifest `digest` (check->checked), or the trust policy does not ask for that
 * (check->ignored). HC_E_INPUT: nobody, err says which rule the best of the signatures failed. Others: the registry could
 * not be asked. */
enum hc_rc hc_oci_verify(struct hc_oci *o, hc_str digest, struct hc_oci_check *check, struct hc_err *err);
/* The same inside of a fetch: env->check, where there is one and it is due. `ref`: tag or digest, for messages. */
enum hc_rc hc_oci_check(struct hc_oci *o, struct hc_oci_check *check, hc_str ref, hc_str digest, bool unchanged,
                        struct hc_err *err);
