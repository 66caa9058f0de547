#pragma once
/*
 * charts-fetch/verify/cosign_impl.h - what cosign.c and sigstore*.c share
 */
#include <openssl/x509.h>

#include "charts-fetch/verify/cosign.h"
#include "charts-fetch/verify/pubkey_impl.h"
#include "core/value/value.h"

struct sig_log {
    EVP_PKEY *key;
    unsigned char id[32]; /* SHA-256 of the key */
    int64_t from_s, to_s; /* to 0: for ever */
};
struct sig_authority {
    STACK_OF(X509) * chain; /* the last is the root */
    int64_t from_s, to_s;
};
#define SIG_MAX_OF_A_KIND 32u /* logs, authorities: the public trust root has 2 or 3 of each */
struct hc_sigstore_root {
    struct sig_log logs[SIG_MAX_OF_A_KIND], ct_logs[SIG_MAX_OF_A_KIND];
    size_t logs_n, ct_logs_n;
    struct sig_authority cas[SIG_MAX_OF_A_KIND], tsas[SIG_MAX_OF_A_KIND];
    size_t cas_n, tsas_n;
};

/* A signature to be judged, from either form. */
struct sig_claim {
    hc_str message;   /* what was signed: the payload, or the PAE of a DSSE envelope */
    hc_str payload;   /* of the envelope; else the message */
    hc_str signature; /* raw */
    hc_str digest32;  /* the message's SHA-256, where the message itself is not at hand; else absent */
    X509 *cert;       /* NULL: by a key */
    hc_str cert_der;
    bool dsse;
    /* What the log and the time stamp authorities say; maps and DER. */
    const struct hc_val *entries;   /* list of tlogEntries, protobuf form */
    const struct hc_val *old_entry; /* the annotation dev.sigstore.cosign/bundle */
    const hc_str *stamps;
    size_t stamps_n;
};

enum hc_rc sig_verdict(struct hc_cosign_result *out, struct hc_err *err, enum hc_cosign_rule rule, const char *fmt,
                       ...) HC_PRINTF(4, 5);
/* Whether `k` made the claim's signature. */
bool sig_by_key(EVP_PKEY *k, const struct sig_claim *c);
/* Without keys: log, time, chain, transparency of the certificate, identity. */
enum hc_rc sig_keyless(struct hc_arena *a, const struct hc_cosign_trust *t, const struct sig_claim *c,
                       struct hc_cosign_result *out, struct hc_err *err);
/* sigstore_log.c: some entry is about the claim and in a log of the root; *out_time_s when its time is vouched for (else
 * 0). */
enum hc_rc sig_in_log(struct hc_arena *a, const struct hc_sigstore_root *root, const struct sig_claim *c,
                      int64_t *out_time_s, struct hc_cosign_result *out, struct hc_err *err);
/* sigstore_time.c: the time of a DER TimeStampResp over the claim's signature; -1: not good. */
int64_t sig_stamp_time(const struct hc_sigstore_root *root, hc_str stamp, hc_str signature);
/* A certificate of the chain's authority at that time. */
bool sig_chain_good(const struct sig_authority *ca, X509 *leaf, STACK_OF(X509) * more, int64_t at_s);
/* The base64 text at `path`, decoded; absent when it is not there or none. */
hc_str sig_base64_at(struct hc_arena *a, const struct hc_val *v, const char *path);
/* A whole number, also as a text (protobuf's JSON); -1: none. */
int64_t sig_number_at(const struct hc_val *v, const char *path);
X509 *sig_certificate(hc_str der);
