/*
 * A signature is judged in the trust policy's order: integrity, authenticity, expiry, authentic time stamp, revocation;
 * then, what nobody can switch off, what it is about. A rule that is only logged is remembered and does not stop.
 */
#include "charts-fetch/verify/notation.h"

#include <openssl/err.h>

#include "charts-fetch/verify/bytes_impl.h"
#include "charts-fetch/verify/notation_impl.h"
#include "charts-fetch/verify/pubkey_impl.h"
#include "core/value/json.h"

#define PAYLOAD_TYPE "application/vnd.cncf.notary.payload.v1+json"

enum hc_rc notation_set_times(struct hc_notation_envelope *e, hc_str scheme, int64_t plain_ms, int64_t authentic_ms,
                              struct hc_err *err)
{
    e->authority = hc_str_eqz(scheme, NOTATION_AUTHORITY);
    if (!e->authority && !hc_str_eqz(scheme, NOTATION_SCHEME))
        return hc_fail(err, HC_E_INPUT,
                       "the signing scheme is neither " NOTATION_SCHEME " nor " NOTATION_AUTHORITY);
    if ((e->authority ? plain_ms : authentic_ms) != INT64_MAX)
        return hc_fail(err, HC_E_INPUT, "the header '%s' does not go with the signing scheme",
                       e->authority ? NOTATION_TIME : NOTATION_AUTH_TIME);
    e->signed_ms = e->authority ? authentic_ms : plain_ms;
    if (e->signed_ms == INT64_MAX)
        return hc_fail(err, HC_E_INPUT, "the header '%s' is missing",
                       e->authority ? NOTATION_AUTH_TIME : NOTATION_TIME);
    return e->expiry_ms > e->signed_ms ? HC_OK : hc_fail(err, HC_E_INPUT, "the signature ends before it was made");
}

enum hc_rc hc_notation_read(struct hc_arena *a, hc_str media_type, hc_str bytes, struct hc_notation_envelope *out,
                            struct hc_err *err)
{
    struct hc_notation_envelope e = { .cose = hc_str_eqz(media_type, HC_NOTATION_COSE),
                                      .expiry_ms = INT64_MAX,
                                      .signed_ms = INT64_MAX };
    if (!e.cose && !hc_str_eqz(media_type, HC_NOTATION_JWS))
        return hc_fail(err, HC_E_INPUT, "an envelope of the type '%.*s' is not known", HC_P(printable(media_type)));
    if (bytes.n > HC_NOTATION_MAX_BYTES)
        return hc_fail(err, HC_E_INPUT, "the envelope is over 1 MiB");
    enum hc_rc rc = e.cose ? notation_read_cose(a, bytes, &e, err) : notation_read_jws(a, bytes, &e, err);
    if (rc != HC_OK)
        return rc;
    if (!e.payload.n || !e.signature.n || !e.certs_n)
        return hc_fail(err, HC_E_INPUT, "the envelope has no %s",
                       !e.payload.n     ? "payload"
                       : !e.signature.n ? "signature"
                                        : "certificates");
    *out = e;
    return HC_OK;
}

/* What is judged. */
struct judging {
    struct hc_arena *a;
    const struct hc_notation_trust *t;
    const struct hc_trust_statement *s;
    struct hc_notation_envelope e;
    struct notation_chain chain;
    struct hc_notation_result *out;
};

static const char *name_of(enum hc_notation_rule rule)
{
    static const char *const names[] = { "good",   "integrity",  "authenticity", "authenticTimestamp",
                                         "expiry", "revocation", "subject" };
    return names[rule];
}

/* A rule said no (or something else broke): stop, or remember it. */
static enum hc_rc said(struct judging *j, enum hc_notation_rule rule, enum hc_rc rc, struct hc_err *err)
{
    j->out->came += rc == HC_OK ? 2 : 0;
    if (rc != HC_E_INPUT)
        return rc;
    hc_wrap(err, "%s", name_of(rule));
    if (rule < HC_NOTATION_RULES && j->s->actions[rule] != HC_NOTATION_ENFORCE) {
        const hc_str parts[] = {
            j->out->logged, j->out->logged.n ? HC_S("; ") : HC_S(""), hc_str_of(err->msg), { NULL, 0 }
        };
        j->out->logged = hc_arena_cat(j->a, 3, parts);
        j->out->unverified |= rule == HC_NOTATION_AUTHENTICITY;
        hc_err_clear(err);
        return HC_OK;
    }
    j->out->rule = rule;
    return rc;
}

static bool signature_good(struct judging *j)
{
    const hc_str sig = j->e.signature, alg = j->e.algorithm;
    EVP_PKEY *k = X509_get0_pubkey(j->chain.certs[0]);
    const EVP_MD *md = hc_str_ends(alg, HC_S("256"))   ? EVP_sha256()
                       : hc_str_ends(alg, HC_S("384")) ? EVP_sha384()
                                                       : EVP_sha512();
    if (hc_str_starts(alg, HC_S("PS")))
        return vkey_check_pss(k, md, j->e.message, sig);
    size_t half = ((size_t)EVP_PKEY_get_bits(k) + 7) / 8; /* both numbers, of full length (RFC 7518 3.4) */
    if (sig.n != 2 * half)
        return false;
    return vkey_check(k, md, j->e.message,
                      vkey_two_numbers(j->a, hc_str_sub(sig, 0, half), hc_str_sub(sig, half, sig.n)));
}

static enum hc_rc integrity(struct judging *j, hc_str media_type, hc_str envelope, struct hc_err *err)
{
    enum hc_rc rc = hc_notation_read(j->a, media_type, envelope, &j->e, err);
    if (rc == HC_OK)
        rc = notation_chain_open(&j->e, &j->chain, err);
    if (rc == HC_OK)
        rc = notation_chain_check(j->a, &j->chain, err);
    if (rc != HC_OK)
        return rc;
    hc_str must = notation_algorithm(j->chain.certs[0]);
    if (!hc_str_eq(j->e.algorithm, must))
        return hc_fail(err, HC_E_INPUT, "it is signed with another algorithm than its key's %.*s", HC_P(must));
    if (!signature_good(j))
        return hc_fail(err, HC_E_INPUT, "the signature was not made by its own certificate, or was changed");
    if (!hc_str_eqz(j->e.content_type, PAYLOAD_TYPE))
        return hc_fail(err, HC_E_INPUT, "what is signed is no " PAYLOAD_TYPE);
    if (j->e.unknown.n)
        return hc_fail(err, HC_E_INPUT,
                       "the signer wants '%.*s' to be understood, which needs a plugin; there are none here",
                       HC_P(printable(j->e.unknown)));
    return HC_OK;
}

static enum hc_rc authenticity(struct judging *j, struct hc_err *err)
{
    const struct hc_notation_certs *trusted = &j->t->certs;
    if (!(j->e.authority ? j->s->store_authority : j->s->store_ca))
        return hc_fail(err, HC_E_INPUT,
                       "the statement names no trust store of the kind '%s', which its scheme wants",
                       j->e.authority ? "signingAuthority" : "ca");
    bool found = false;
    for (size_t i = 0; i < trusted->n && !found; i++)
        for (size_t k = 0; k < j->e.certs_n && !found; k++)
            found = hc_str_eq(trusted->der[i], j->e.certs[k]);
    j->out->came += found ? 1 : 0;
    if (!found)
        return hc_fail(err, HC_E_INPUT, "the chain of %s holds none of the %zu trusted certificates",
                       notation_subject(j->a, j->chain.certs[0]), trusted->n);
    return notation_check_identity(j->a, j->s, j->chain.certs[0], err);
}

/* The chain was valid when an authority says it signed; without one it must be now. */
static enum hc_rc timestamp(struct judging *j, struct hc_err *err)
{
    int64_t from_ms = 0, to_ms = 0;
    struct notation_chain tsa = { .n = 0 };
    struct hc_err ignored = HC_ERR_INIT;
    if (j->e.authority)
        return notation_chain_at(j->a, &j->chain, j->e.signed_ms, "when it signed", err);
    bool stamp = j->s->store_tsa;
    if (stamp && j->s->stamp_after_expiry)
        stamp = notation_chain_at(j->a, &j->chain, j->t->now_ms, "now", &ignored) != HC_OK;
    if (!stamp)
        return notation_chain_at(j->a, &j->chain, j->t->now_ms, "now", err);
    if (!j->e.stamp.n)
        return hc_fail(err, HC_E_INPUT, "the signature has no time stamp, which the trust policy wants");
    enum hc_rc rc = notation_stamped(j->a, &j->t->certs, j->e.stamp, j->e.signature, &from_ms, &to_ms, &tsa, err);
    if (rc == HC_OK)
        rc = notation_chain_at(j->a, &j->chain, from_ms, "at the time stamp", err);
    if (rc == HC_OK)
        rc = notation_chain_at(j->a, &j->chain, to_ms, "at the time stamp", err);
    if (rc == HC_OK && (rc = notation_not_revoked(j->a, j->t, &tsa, INT64_MAX, err)) == HC_E_INPUT)
        hc_wrap(err, "the time stamp's authority");
    notation_chain_free(&tsa);
    return rc;
}

static enum hc_rc subject_fits(struct judging *j, const struct hc_notation_subject *subject, struct hc_err *err)
{
    struct hc_val *doc = NULL;
    if (hc_json_parse(j->a, j->e.payload, HC_JSON_NO_POSITIONS, &doc, err) != HC_OK)
        return hc_arena_spent(j->a) ? hc_fail_nomem(err) : hc_fail(err, HC_E_INPUT, "what is signed is no JSON");
    const struct hc_val *target = hc_map_getz(doc, "targetArtifact");
    if (!subject->digest.n || !hc_str_eq(hc_get_str_at(target, "digest"), subject->digest))
        return hc_fail(err, HC_E_INPUT, "the signature is about another artifact than %.*s", HC_P(subject->digest));
    int64_t size = hc_get_int_at(target, "size", -1);
    if (size < 0 || (uint64_t)size != subject->size)
        return hc_fail(err, HC_E_INPUT, "the signature is about a manifest of %lld bytes, this one has %llu",
                       (long long)size, (unsigned long long)subject->size);
    if (!hc_str_eq(hc_get_str_at(target, "mediaType"), subject->media_type))
        return hc_fail(err, HC_E_INPUT, "the signature is about a manifest of another type than %.*s",
                       HC_P(printable(subject->media_type)));
    return HC_OK;
}

static enum hc_rc judge(struct judging *j, hc_str media_type, hc_str envelope,
                        const struct hc_notation_subject *subject, struct hc_err *err)
{
    enum hc_rc rc = said(j, HC_NOTATION_INTEGRITY, integrity(j, media_type, envelope, err), err);
    if (rc == HC_OK)
        rc = said(j, HC_NOTATION_AUTHENTICITY, authenticity(j, err), err);
    if (rc == HC_OK && j->t->now_ms >= j->e.expiry_ms)
        rc = said(j, HC_NOTATION_EXPIRY,
                  hc_fail(err, HC_E_INPUT, "the signature is good no longer: its signer set an end"), err);
    if (rc == HC_OK)
        rc = said(j, HC_NOTATION_TIMESTAMP, timestamp(j, err), err);
    /* Strangers' certificates name strangers' servers: nobody asks those. */
    if (rc == HC_OK && !j->out->unverified && j->s->actions[HC_NOTATION_REVOCATION] != HC_NOTATION_SKIP)
        rc = said(j, HC_NOTATION_REVOCATION,
                  notation_not_revoked(j->a, j->t, &j->chain, j->e.authority ? j->e.signed_ms : INT64_MAX, err),
                  err);
    return rc == HC_OK ? said(j, HC_NOTATION_SUBJECT, subject_fits(j, subject, err), err) : rc;
}

enum hc_rc hc_notation_check(struct hc_arena *a, const struct hc_notation_trust *t,
                             const struct hc_trust_statement *s, hc_str media_type, hc_str envelope,
                             const struct hc_notation_subject *subject, struct hc_notation_result *out,
                             struct hc_err *err)
{
    struct hc_err own = HC_ERR_INIT;
    struct judging j = { .a = a, .t = t, .s = s, .out = out };
    *out = (struct hc_notation_result){ .rule = HC_NOTATION_INTEGRITY };
    if (!err)
        err = &own;
    if (s->skip) {
        *out = (struct hc_notation_result){ .unverified = true };
        return HC_OK;
    }
    enum hc_rc rc = judge(&j, media_type, envelope, subject, err);
    notation_chain_free(&j.chain);
    ERR_clear_error();
    if (rc == HC_OK)
        out->rule = HC_NOTATION_GOOD;
    return rc;
}
