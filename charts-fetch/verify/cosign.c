/*
 * Cosign's two forms become one claim: a message, a signature, perhaps a certificate. That the claim is about the digest
 * is read out of the payload only after the signature over it was found good.
 */
#include "charts-fetch/verify/cosign.h"

#include <openssl/pem.h>
#include <stdio.h>

#include "charts-fetch/verify/cosign_impl.h"
#include "core/base/buf.h"
#include "core/base/digest.h"
#include "core/value/json.h"

#define PAYLOAD_TYPE "cosign container image signature"
#define IN_TOTO      "application/vnd.in-toto+json"
#define SIGN_KIND    "https://sigstore.dev/cosign/sign/"
#define MAX_STAMPS   8u

enum hc_rc sig_verdict(struct hc_cosign_result *out, struct hc_err *err, enum hc_cosign_rule rule, const char *fmt,
                       ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    out->rule = rule;
    return hc_fail(err, HC_E_INPUT, "%s", text);
}

hc_str sig_base64_at(struct hc_arena *a, const struct hc_val *v, const char *path)
{
    hc_str s = hc_get_str_at(v, path);
    return s.n ? hc_base64_decode(a, s, NULL) : (hc_str){ NULL, 0 };
}

int64_t sig_number_at(const struct hc_val *v, const char *path)
{
    const struct hc_val *n = hc_get(v, path);
    int64_t i = -1;
    if (hc_is_str(n) ? !hc_str_to_i64(hc_get_str(n), &i) : !hc_get_i64(n, &i))
        return -1;
    return i;
}

X509 *sig_certificate(hc_str der)
{
    const unsigned char *p = (const unsigned char *)der.p;
    X509 *x = der.n && der.n < 65536 ? d2i_X509(NULL, &p, (long)der.n) : NULL;
    if (x && (size_t)(p - (const unsigned char *)der.p) != der.n) {
        X509_free(x);
        x = NULL;
    }
    return x;
}

bool sig_by_key(EVP_PKEY *k, const struct sig_claim *c)
{
    if (!k)
        return false;
    int type = EVP_PKEY_get_base_id(k);
    if (type == EVP_PKEY_RSA && EVP_PKEY_get_bits(k) < 2048)
        return false;
    if (c->digest32.n) /* ECDSA and RSA only: Ed25519 signs the message itself */
        return (type == EVP_PKEY_RSA || type == EVP_PKEY_EC) &&
               vkey_check_digest(k, EVP_sha256(), c->digest32, c->signature);
    if (type == EVP_PKEY_ED25519)
        return vkey_check(k, NULL, c->message, c->signature);
    if (type == EVP_PKEY_RSA || type == EVP_PKEY_EC)
        return vkey_check(k, EVP_sha256(), c->message, c->signature);
    return false;
}

/* By one of the keys, or by a certificate of the root. */
static enum hc_rc judge(struct hc_arena *a, const struct hc_cosign_trust *t, const struct sig_claim *c,
                        struct hc_cosign_result *out, struct hc_err *err)
{
    if (!t->keys_n)
        return sig_keyless(a, t, c, out, err);
    size_t unread = 0;
    for (size_t i = 0; i < t->keys_n; i++) {
        HC_AUTO(vkey) EVP_PKEY *k = vkey_pem(t->keys[i]);
        unread += k == NULL;
        if (sig_by_key(k, c)) {
            out->rule = HC_COSIGN_GOOD;
            return HC_OK;
        }
    }
    if (unread == t->keys_n)
        return sig_verdict(out, err, HC_COSIGN_SIGNATURE, "none of the %zu keys is a PEM public key", t->keys_n);
    return sig_verdict(out, err, HC_COSIGN_SIGNATURE, "the signature was made by none of the %zu keys%s", t->keys_n,
                       c->cert ? "; it was made with a certificate" : "");
}

static hc_str hex_of(hc_str digest)
{
    return hc_str_starts(digest, HC_S("sha256:")) ? hc_str_sub(digest, 7, digest.n) : (hc_str){ NULL, 0 };
}

static enum hc_rc parse(struct hc_arena *a, hc_str text, const char *what, struct hc_val **out,
                        struct hc_cosign_result *res, struct hc_err *err)
{
    res->rule = HC_COSIGN_MALFORMED;
    if (text.n > HC_COSIGN_MAX_BYTES)
        return hc_fail(err, HC_E_INPUT, "%s is over 4 MiB", what);
    if (hc_json_parse(a, text, HC_JSON_NO_POSITIONS, out, err) != HC_OK || !hc_is_map(*out)) {
        if (hc_arena_spent(a))
            return hc_fail_nomem(err);
        return sig_verdict(res, err, HC_COSIGN_MALFORMED, "%s is not a JSON map", what);
    }
    return HC_OK;
}

/* ---- the tag "sha256-HEX.sig" -------------------------------------------------------------------- */

static enum hc_rc layer_certificate(struct hc_arena *a, hc_str pem, struct sig_claim *c,
                                    struct hc_cosign_result *out, struct hc_err *err)
{
    unsigned char *der = NULL;
    BIO *bio = pem.n && pem.n < 65536 ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    c->cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (!c->cert)
        return sig_verdict(out, err, HC_COSIGN_MALFORMED, "the certificate of the signature is broken");
    int n = i2d_X509(c->cert, &der);
    c->cert_der = n > 0 ? hc_arena_str(a, hc_str_n((const char *)der, (size_t)n)) : (hc_str){ NULL, 0 };
    OPENSSL_free(der);
    return c->cert_der.p ? HC_OK : hc_fail_nomem(err);
}

enum hc_rc hc_cosign_layer(struct hc_arena *a, const struct hc_cosign_trust *t, const struct hc_cosign_layer *layer,
                           hc_str digest, struct hc_cosign_result *out, struct hc_err *err)
{
    struct hc_val *doc = NULL, *entry = NULL, *stamp = NULL;
    memset(out, 0, sizeof(*out));
    struct sig_claim c = { .message = layer->payload, .payload = layer->payload };
    out->rule = HC_COSIGN_MALFORMED;
    c.signature = layer->signature.n ? hc_base64_decode(a, layer->signature, NULL) : (hc_str){ NULL, 0 };
    if (!c.signature.n || layer->payload.n > HC_COSIGN_MAX_BYTES)
        return sig_verdict(out, err, HC_COSIGN_MALFORMED, "the signature is missing or not base64");
    enum hc_rc rc = layer->certificate.n && !t->keys_n ? layer_certificate(a, layer->certificate, &c, out, err)
                                                       : HC_OK;
    if (rc == HC_OK && layer->bundle.n && !t->keys_n) {
        rc = parse(a, layer->bundle, "the log entry of the signature", &entry, out, err);
        c.old_entry = entry;
    }
    hc_str stamp_der = { NULL, 0 };
    if (rc == HC_OK && layer->timestamp.n && !t->keys_n) {
        rc = parse(a, layer->timestamp, "the time stamp of the signature", &stamp, out, err);
        stamp_der = sig_base64_at(a, stamp, "SignedRFC3161Timestamp");
        c.stamps = &stamp_der;
        c.stamps_n = stamp_der.n ? 1 : 0;
    }
    if (rc == HC_OK)
        rc = judge(a, t, &c, out, err);
    X509_free(c.cert);
    if (rc != HC_OK)
        return rc;
    /* Now it is somebody's word: about what? */
    if ((rc = parse(a, layer->payload, "the signed payload", &doc, out, err)) != HC_OK)
        return rc;
    if (!hc_str_eqz(hc_get_str_at(doc, "critical.type"), PAYLOAD_TYPE))
        return sig_verdict(out, err, HC_COSIGN_MALFORMED, "the signed payload is no signature of an image");
    if (!hc_str_eq(hc_get_str_at(doc, "critical.image.docker-manifest-digest"), digest) || !digest.n)
        return sig_verdict(out, err, HC_COSIGN_SUBJECT, "the signature is about another artifact than %.*s",
                           HC_P(digest));
    out->rule = HC_COSIGN_GOOD;
    return HC_OK;
}

/* ---- bundles ------------------------------------------------------------------------------------- */

bool hc_cosign_is_bundle(hc_str type)
{
    return hc_str_starts(type, HC_S("application/vnd.dev.sigstore.bundle"));
}

/* DSSE: "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body. */
static hc_str pre_authentication(struct hc_arena *a, hc_str type, hc_str body)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_buf_printf(&b, "DSSEv1 %zu %.*s %zu ", type.n, HC_P(type), body.n);
    hc_buf_put(&b, body); /* as it is, with NUL bytes too */
    return hc_buf_to_arena(&b, a);
}

/* An in-toto statement about the digest, that says "signed". */
static enum hc_rc check_statement(struct hc_arena *a, hc_str payload, hc_str digest, struct hc_cosign_result *out,
                                  struct hc_err *err)
{
    struct hc_val *doc = NULL;
    hc_str hex = hex_of(digest);
    enum hc_rc rc = parse(a, payload, "the signed statement", &doc, out, err);
    if (rc != HC_OK)
        return rc;
    if (!hc_str_starts(hc_get_str_at(doc, "_type"), HC_S("https://in-toto.io/Statement/v")))
        return sig_verdict(out, err, HC_COSIGN_MALFORMED, "the signed payload is no in-toto statement");
    const struct hc_val *subjects = hc_map_getz(doc, "subject");
    bool about = false;
    for (size_t i = 0; i < hc_list_len(subjects) && hex.n; i++)
        about |= hc_str_eq(hc_get_str_at(hc_list_at(subjects, i), "digest.sha256"), hex);
    if (!about)
        return sig_verdict(out, err, HC_COSIGN_SUBJECT, "the signature is about another artifact than %.*s",
                           HC_P(digest));
    if (!hc_str_starts(hc_get_str_at(doc, "predicateType"), HC_S(SIGN_KIND)))
        return sig_verdict(out, err, HC_COSIGN_SUBJECT,
                           "it is an attestation about the artifact and no signature of it (predicateType)");
    out->rule = HC_COSIGN_GOOD;
    return HC_OK;
}

/* The envelope or the plain signature in a bundle, as a claim. */
static enum hc_rc read_claim(struct hc_arena *a, const struct hc_val *doc, hc_str digest, struct sig_claim *c,
                             struct hc_cosign_result *out, struct hc_err *err)
{
    const struct hc_val *envelope = hc_map_getz(doc, "dsseEnvelope"), *plain = hc_map_getz(doc, "messageSignature");
    c->dsse = hc_is_map(envelope);
    if (c->dsse) {
        const struct hc_val *list = hc_map_getz(envelope, "signatures");
        if (hc_list_len(list) != 1 || !hc_str_eqz(hc_get_str_at(envelope, "payloadType"), IN_TOTO))
            return sig_verdict(out, err, HC_COSIGN_MALFORMED,
                               "the bundle's envelope has not one signature over an in-toto statement");
        c->payload = sig_base64_at(a, envelope, "payload");
        c->signature = sig_base64_at(a, hc_list_at(list, 0), "sig");
        c->message = pre_authentication(a, HC_S(IN_TOTO), c->payload);
    } else if (hc_is_map(plain)) {
        /* The message is the manifest itself, whose digest is asked about. */
        hc_str hex = hex_of(digest);
        char *raw = hc_arena_alloc(a, 32, 1);
        for (size_t i = 0; raw && hex.n == 64 && i < 32; i++) {
            unsigned v = 0;
            (void)sscanf(hex.p + 2 * i, "%2x", &v);
            raw[i] = (char)v;
        }
        c->signature = sig_base64_at(a, plain, "signature");
        c->digest32 = hc_str_n(raw, raw && hex.n == 64 ? 32 : 0);
        if (!c->digest32.n)
            return sig_verdict(out, err, HC_COSIGN_SUBJECT, "the digest asked about is no sha256");
        hc_str said = sig_base64_at(a, plain, "messageDigest.digest");
        if (said.n && !hc_str_eq(said, c->digest32))
            return sig_verdict(out, err, HC_COSIGN_SUBJECT, "the signature is about another artifact than %.*s",
                               HC_P(digest));
    }
    if (!c->signature.n || (c->dsse && !c->message.n))
        return sig_verdict(out, err, HC_COSIGN_MALFORMED, "the bundle holds no signature");
    return HC_OK;
}

enum hc_rc hc_cosign_bundle(struct hc_arena *a, const struct hc_cosign_trust *t, hc_str bundle, hc_str digest,
                            struct hc_cosign_result *out, struct hc_err *err)
{
    struct hc_val *doc = NULL;
    struct sig_claim c = { .cert = NULL };
    hc_str stamps[MAX_STAMPS];
    memset(out, 0, sizeof(*out));
    enum hc_rc rc = parse(a, bundle, "the bundle", &doc, out, err);
    if (rc == HC_OK && !hc_cosign_is_bundle(hc_get_str_at(doc, "mediaType")))
        return sig_verdict(out, err, HC_COSIGN_MALFORMED, "it is no bundle of Sigstore's (mediaType)");
    if (rc == HC_OK)
        rc = read_claim(a, doc, digest, &c, out, err);
    if (rc != HC_OK)
        return rc;
    if (!t->keys_n) {
        const struct hc_val *m = hc_map_getz(doc, "verificationMaterial");
        c.cert_der = sig_base64_at(a, m, "certificate.rawBytes");
        if (!c.cert_der.n)
            c.cert_der = sig_base64_at(a, hc_list_at(hc_get(m, "x509CertificateChain.certificates"), 0),
                                       "rawBytes");
        c.cert = sig_certificate(c.cert_der);
        c.entries = hc_map_getz(m, "tlogEntries");
        const struct hc_val *list = hc_get(m, "timestampVerificationData.rfc3161Timestamps");
        for (size_t i = 0; i < hc_list_len(list) && c.stamps_n < MAX_STAMPS; i++) {
            stamps[c.stamps_n] = sig_base64_at(a, hc_list_at(list, i), "signedTimestamp");
            c.stamps_n += stamps[c.stamps_n].n != 0;
        }
        c.stamps = stamps;
    }
    rc = judge(a, t, &c, out, err);
    X509_free(c.cert);
    if (rc == HC_OK && c.dsse)
        rc = check_statement(a, c.payload, digest, out, err);
    return rc;
}
