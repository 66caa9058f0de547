#pragma once
/*
 * charts-fetch/verify/notation_impl.h - what notation*.c share
 */
#include <openssl/x509.h>

#include "charts-fetch/verify/notation.h"
#include "core/value/value.h"

#define NOTATION_SCHEME    "notary.x509"
#define NOTATION_AUTHORITY "notary.x509.signingAuthority"
#define NOTATION_EXPIRY    "io.cncf.notary.expiry"
#define NOTATION_TIME      "io.cncf.notary.signingTime"
#define NOTATION_AUTH_TIME "io.cncf.notary.authenticSigningTime"
#define NOTATION_SCHEME_AT "io.cncf.notary.signingScheme"
#define NOTATION_STAMP     "io.cncf.notary.timestampSignature"
#define NOTATION_PLUGIN    "io.cncf.notary.verificationPlugin" /* and ...PluginMinVersion */

/* notation_jws.c, notation_cose.c. */
enum hc_rc notation_read_jws(struct hc_arena *a, hc_str bytes, struct hc_notation_envelope *out,
                             struct hc_err *err);
enum hc_rc notation_read_cose(struct hc_arena *a, hc_str bytes, struct hc_notation_envelope *out,
                              struct hc_err *err);
/* The times by scheme, after either reader: `plain_ms` and `authentic_ms` INT64_MAX where absent. */
enum hc_rc notation_set_times(struct hc_notation_envelope *e, hc_str scheme, int64_t plain_ms, int64_t authentic_ms,
                              struct hc_err *err);

/* notation_chain.c. A certificate chain, the signer's first, the root last. */
struct notation_chain {
    X509 *certs[HC_NOTATION_MAX_CHAIN];
    size_t n;
};
void notation_chain_free(struct notation_chain *c);
/* HC_E_INPUT: a certificate that is none. */
enum hc_rc notation_chain_open(const struct hc_notation_envelope *e, struct notation_chain *out,
                               struct hc_err *err);
/* Whether the chain holds together and its certificates may sign, by the specification's rules; no trust, no time. */
enum hc_rc notation_chain_check(struct hc_arena *a, const struct notation_chain *c, struct hc_err *err);
/* The only algorithm a key of its kind and size may be used with, "PS384"; absent: none. */
hc_str notation_algorithm(X509 *x);
/* "'CN=signer,O=Org,C=DE'" for messages. */
const char *notation_subject(struct hc_arena *a, X509 *x);
/* All valid at that time? err: which one is not. */
enum hc_rc notation_chain_at(struct hc_arena *a, const struct notation_chain *c, int64_t at_ms, const char *when,
                             struct hc_err *err);

/* notation_policy.c. Whether somebody of the statement's identities is the certificate's subject. */
enum hc_rc notation_check_identity(struct hc_arena *a, const struct hc_trust_statement *s, X509 *signer,
                                   struct hc_err *err);

/* notation_time.c: the countersignature's bounds, by an authority among `certs`; *out_chain is the authority's own, for
 * revocation. */
enum hc_rc notation_stamped(struct hc_arena *a, const struct hc_notation_certs *certs, hc_str token,
                            hc_str signature, int64_t *out_from_ms, int64_t *out_to_ms,
                            struct notation_chain *out_chain, struct hc_err *err);

/* notation_revoked.c: HC_OK: nobody took a certificate of the chain back. `signed_ms`: what was taken back later does not
 * count; INT64_MAX: it does. */
enum hc_rc notation_not_revoked(struct hc_arena *a, const struct hc_notation_trust *t,
                                const struct notation_chain *c, int64_t signed_ms, struct hc_err *err);
