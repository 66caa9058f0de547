#pragma once
/*
 * charts-fetch/verify/cosign.h - signatures of Sigstore's cosign over artifacts of registries
 *
 * Takes bytes, does no I/O, keeps no state: any thread may call it. Both forms are read: the layers of the tag
 * "sha256-HEX.sig" (a simple-signing payload, its signature in an annotation), and bundles (a protobuf bundle as JSON that
 * refers to the artifact). A signature counts when it is about this digest and was made by one of the public keys or,
 * without keys, by a certificate of the trust root that was valid when the log or the time stamp says it signed.
 * Nothing is asked of the public Sigstore: who to trust is in the trust root the user gives.
 */
#include "core/base/arena.h"

#define HC_COSIGN_MAX_BYTES ((size_t)4 << 20) /* a payload or a bundle: some KiB */

enum hc_cosign_rule {
    HC_COSIGN_GOOD = 0,
    HC_COSIGN_MALFORMED, /* not a signature, or broken                            */
    HC_COSIGN_SUBJECT,   /* good or not, it is about another artifact             */
    HC_COSIGN_SIGNATURE, /* none of the keys made it                              */
    HC_COSIGN_CHAIN,     /* its certificate is none of the trust root's           */
    HC_COSIGN_IDENTITY,  /* by somebody, but nobody who was asked for             */
    HC_COSIGN_LOG,       /* not in the log, or the log's word for it is not good  */
    HC_COSIGN_TIME,      /* made outside of the life of its certificate           */
};

/* The trust root's trusted_root.json (Fulcio's chains, logs, time stamp authorities). */
struct hc_sigstore_root;
enum hc_rc hc_sigstore_root_read(struct hc_arena *a, hc_str json, struct hc_sigstore_root **out,
                                 struct hc_err *err);
void hc_sigstore_root_free(struct hc_sigstore_root *r); /* NULL is fine */

/* Both are regular expressions of Go's that must be found in the certificate's; empty: any. */
struct hc_cosign_identity {
    hc_str issuer, subject;
};
/* Who may sign. Borrowed. */
struct hc_cosign_trust {
    const hc_str *keys; /* PEM public keys, ECDSA, RSA or Ed25519; any of them */
    size_t keys_n;
    const struct hc_sigstore_root *root;         /* without keys */
    const struct hc_cosign_identity *identities; /* any of them; none: whoever the root vouches for */
    size_t identities_n;
};

struct hc_cosign_result {
    enum hc_cosign_rule rule;
    hc_str issuer, subject; /* of the certificate, where there is one */
    int64_t signed_s;       /* by log or time stamp; 0: not known */
};

/* A layer of "sha256-HEX.sig": its blob and its annotations (absent: not there). */
struct hc_cosign_layer {
    hc_str payload;
    hc_str signature;   /* dev.cosignproject.cosign/signature */
    hc_str certificate; /* dev.sigstore.cosign/certificate */
    hc_str bundle;      /* dev.sigstore.cosign/bundle */
    hc_str timestamp;   /* dev.sigstore.cosign/rfc3161timestamp */
};
/* `digest`: "sha256:<64>" of the manifest. HC_OK: good. HC_E_INPUT: out->rule says which rule failed, err the same in a
 * sentence. *out is always written. */
enum hc_rc hc_cosign_layer(struct hc_arena *a, const struct hc_cosign_trust *t, const struct hc_cosign_layer *layer,
                           hc_str digest, struct hc_cosign_result *out, struct hc_err *err);
/* The same for a bundle (application/vnd.dev.sigstore.bundle...). */
enum hc_rc hc_cosign_bundle(struct hc_arena *a, const struct hc_cosign_trust *t, hc_str bundle, hc_str digest,
                            struct hc_cosign_result *out, struct hc_err *err);
/* Whether a media or artifact type is a bundle's. */
bool hc_cosign_is_bundle(hc_str type);
