#pragma once
/*
 * charts-fetch/verify/notation.h - signatures of the Notary Project over artifacts of registries
 *
 * Sources of the rules: notaryproject/specifications (signature-specification, signature-envelope-jws, -cose,
 * trust-store-trust-policy) and, where they leave room, notation-go 1.3. Takes bytes, does no I/O of its own (revocation
 * is asked through a port), keeps no state: any thread may call it. An envelope, JWS or COSE, is judged by one statement
 * of a trust policy; where the real verifier and the specification differ, what refuses more is done.
 */
#include "core/base/arena.h"

#define HC_NOTATION_TYPE      "application/vnd.cncf.notary.signature"
#define HC_NOTATION_JWS       "application/jose+json"
#define HC_NOTATION_COSE      "application/cose"
#define HC_NOTATION_MAX_BYTES ((size_t)1 << 20) /* an envelope: some KiB, most of it certificates */
#define HC_NOTATION_MAX_CHAIN 10u               /* certificates of a chain: three or four in the field */

/* What a signature can fail. The first five are the trust policy's own words. */
enum hc_notation_rule {
    HC_NOTATION_GOOD = 0,
    HC_NOTATION_INTEGRITY,    /* not an envelope, broken, or not signed by its own certificate */
    HC_NOTATION_AUTHENTICITY, /* by no certificate of the trust stores, or by nobody trusted   */
    HC_NOTATION_TIMESTAMP,    /* made when its certificates were not valid                     */
    HC_NOTATION_EXPIRY,       /* the signer said until when it is good                         */
    HC_NOTATION_REVOCATION,   /* a certificate was taken back, or nobody can tell              */
    HC_NOTATION_SUBJECT       /* good or not, it is about another artifact                     */
};
#define HC_NOTATION_RULES 6 /* those with an action, HC_NOTATION_GOOD unused */

/* ---- the trust policy (trustpolicy.json, version 1.0) -------------------------------------------- */

enum hc_notation_action { HC_NOTATION_ENFORCE = 0, HC_NOTATION_LOG, HC_NOTATION_SKIP };

struct hc_dn; /* a distinguished name, notation_policy.c */
struct hc_trust_statement {
    hc_str name;
    const hc_str *scopes; /* "host/path" or one "*" */
    size_t scopes_n;
    bool skip; /* level "skip": nothing is looked at */
    enum hc_notation_action actions[HC_NOTATION_RULES];
    bool stamp_after_expiry;                   /* verifyTimestamp: afterCertExpiry */
    bool store_ca, store_authority, store_tsa; /* kinds of trust stores it names */
    bool anybody;                              /* trustedIdentities: "*" */
    const struct hc_dn *identities;            /* x509.subject: ... */
    size_t identities_n;
};
struct hc_trust_policy {
    struct hc_trust_statement *statements;
    size_t n;
};
/* HC_E_INPUT says what is wrong with which statement. `lenient`: stores and identities beside the level "skip" are left
 * out instead of refused, as Flux does. */
enum hc_rc hc_trust_policy_read(struct hc_arena *a, hc_str json, bool lenient, struct hc_trust_policy *out,
                                struct hc_err *err);
/* For "host/path": the statement that names it, else the one for "*", else NULL. */
const struct hc_trust_statement *hc_trust_policy_for(const struct hc_trust_policy *p, hc_str scope);

/* ---- certificates -------------------------------------------------------------------------------- */

struct hc_notation_certs {
    hc_str *der;
    size_t n, cap;
};
/* Adds what a file holds: all of its PEM certificates, or one in DER. `name` for messages. */
enum hc_rc hc_notation_add_certs(struct hc_arena *a, hc_str name, hc_str file, struct hc_notation_certs *to,
                                 struct hc_err *err);

/* ---- envelopes ----------------------------------------------------------------------------------- */

/* Read, not believed: nothing of it is checked against a signature yet. */
struct hc_notation_envelope {
    bool cose;
    hc_str algorithm;    /* "PS256" ... "ES512" */
    hc_str content_type; /* of the payload */
    bool authority;      /* scheme notary.x509.signingAuthority; else notary.x509 */
    int64_t signed_ms;   /* when the signer says it signed */
    int64_t expiry_ms;   /* INT64_MAX: it does not end */
    hc_str message;      /* what the signature is over */
    hc_str payload, signature;
    hc_str certs[HC_NOTATION_MAX_CHAIN]; /* DER, the signer's first */
    size_t certs_n;
    hc_str stamp;   /* an RFC 3161 token, DER; absent: none */
    hc_str unknown; /* an attribute that must be understood and is not; absent: none */
};
/* `media_type` HC_NOTATION_JWS or _COSE. HC_E_INPUT: it is no such envelope. */
enum hc_rc hc_notation_read(struct hc_arena *a, hc_str media_type, hc_str bytes, struct hc_notation_envelope *out,
                            struct hc_err *err);

/* ---- judging ------------------------------------------------------------------------------------- */

struct hc_notation_subject {
    hc_str media_type, digest; /* of the manifest */
    uint64_t size;
};
struct hc_notation_trust {
    const struct hc_trust_policy *policy;
    struct hc_notation_certs certs; /* of all trust stores, as Flux keeps them in one Secret */
    int64_t now_ms;
    /* Asks a server of an authority about revocation: GET, or POST of `body` where it is not absent. Gives the answer's
     * body. NULL: nobody can be asked, and a certificate that names such a server fails HC_NOTATION_REVOCATION. */
    enum hc_rc (*ask)(void *ctx, const char *url, hc_str body, size_t max_bytes, hc_str *out, struct hc_err *err);
    void *ask_ctx;
};
struct hc_notation_result {
    enum hc_notation_rule rule;
    unsigned came;   /* how far it came: of two that fail the one that came further says more */
    bool unverified; /* passed only because authenticity is not enforced */
    hc_str logged;   /* what failed and is not enforced, in sentences; absent: nothing */
};
/* HC_OK: good, as far as the statement enforces it. HC_E_INPUT: out->rule says which rule failed, err the same in a
 * sentence. *out is always written. */
enum hc_rc hc_notation_check(struct hc_arena *a, const struct hc_notation_trust *t,
                             const struct hc_trust_statement *s, hc_str media_type, hc_str envelope,
                             const struct hc_notation_subject *subject, struct hc_notation_result *out,
                             struct hc_err *err);
