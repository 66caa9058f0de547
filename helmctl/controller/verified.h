#pragma once
/*
 * helmctl/controller/verified.h - spec.verify of OCIRepository and HelmChart: who must have signed
 *
 * Source of the rules: source-controller ocirepository_controller.go, helmchart_controller.go. What the Secrets hold goes
 * into a check that is given along with the fetch (charts-fetch/source/verified.h); the outcome is the condition
 * SourceVerified. An artifact is judged again when it changed, when the spec did, when what the Secrets hold did (which
 * Flux does not see), and while the last judgement was no.
 */
#include "charts-fetch/source/verified.h"
#include "helmctl/controller/sources_impl.h"

struct src_verify {
    struct hc_oci_check check;
    struct hc_oci_trust trust;
    struct hc_cosign_trust cosign;
    struct hc_sigstore_root *root;
    struct hc_notation_trust notation;
    struct hc_trust_policy policy;
    struct src_trust by;
    bool wanted;          /* there is a spec.verify */
    bool unsupported;     /* of a provider that nobody knows: trying again does not help */
    const char *provider; /* "cosign", "cosign keyless", "notation": for messages */
};

/* Reads spec.verify and its Secrets; without one, SourceVerified goes. On failure src_verify_failed says it. */
enum hc_rc src_verify_open(struct pass *p, struct src_verify *v);
/* At the end of a pass that went well, when the status has the artifact. */
void src_verify_keep(struct pass *p, const struct src_verify *v);
void src_verify_close(struct src_verify *v);
#define src_verify_auto src_verify_close
/* What goes into hc_source_env.check. */
struct hc_oci_check *src_verify_check(struct src_verify *v);
/* p->err as Flux words it, before the condition is set: "failed to verify the signature using provider ...". */
void src_verify_wrap(struct pass *p, const struct src_verify *v);
/* SourceVerified=False for p->err. */
void src_verify_failed(struct pass *p);
/* SourceVerified=True when this fetch judged and found a good signature; none where the trust policy asks for none. What it
 * fails and the policy does not enforce goes into the log. `what` "revision", "version". */
void src_verify_done(struct pass *p, const struct src_verify *v, const char *what, hc_str revision);
