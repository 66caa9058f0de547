/*
 * Keyless signatures: a short-lived certificate of an authority in the trust root, a log or a time stamp that says when it
 * signed, and who it was given to. In this order: the signature itself, the log's word, the time, the chain at that
 * time, the certificate's own transparency, the identity.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "charts-fetch/verify/bytes_impl.h"
#include "charts-fetch/verify/cosign_impl.h"
#include "core/base/clock.h"
#include "core/base/pattern.h"
#include "core/value/json.h"

#define OID_ISSUER    "1.3.6.1.4.1.57264.1.1" /* Fulcio: the issuer as bare text ...           */
#define OID_ISSUER_V2 "1.3.6.1.4.1.57264.1.8" /* ... and as a UTF8String                       */
#define OID_USERNAME  "1.3.6.1.4.1.57264.1.7" /* an other name: a user name that is no address */
#define OID_SCTS      "1.3.6.1.4.1.11129.2.4.2"
#define MAX_ROOT      ((size_t)1 << 20)

/* ---- the trust root ------------------------------------------------------------------------------ */

static void life(const struct hc_val *v, int64_t *from_s, int64_t *to_s)
{
    hc_str start = hc_get_str_at(v, "validFor.start"), end = hc_get_str_at(v, "validFor.end");
    *from_s = start.n ? hc_time_parse_ms(start) / 1000 : 0;
    *to_s = end.n ? hc_time_parse_ms(end) / 1000 : 0;
}

static enum hc_rc read_logs(struct hc_arena *a, const struct hc_val *list, struct sig_log *out, size_t *n,
                            struct hc_err *err)
{
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *v = hc_list_at(list, i);
        unsigned char md[EVP_MAX_MD_SIZE];
        hc_str der = sig_base64_at(a, v, "publicKey.rawBytes");
        const unsigned char *p = (const unsigned char *)der.p;
        if (*n == SIG_MAX_OF_A_KIND)
            return hc_fail(err, HC_E_LIMIT, "the trust root has more than %u logs", SIG_MAX_OF_A_KIND);
        EVP_PKEY *k = der.n && der.n < 65536 ? d2i_PUBKEY(NULL, &p, (long)der.n) : NULL;
        ERR_clear_error();
        if (!k)
            return hc_fail(err, HC_E_INPUT, "the trust root has a log whose public key cannot be read");
        struct sig_log *log = &out[(*n)++];
        log->key = k;
        life(hc_map_getz(v, "publicKey"), &log->from_s, &log->to_s);
        if (vdigest_of(EVP_sha256(), der, md) != 32)
            return hc_fail_nomem(err);
        memcpy(log->id, md, 32);
    }
    return HC_OK;
}

static enum hc_rc read_authorities(struct hc_arena *a, const struct hc_val *list, struct sig_authority *out,
                                   size_t *n, struct hc_err *err)
{
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *v = hc_list_at(list, i), *certs = hc_get(v, "certChain.certificates");
        if (*n == SIG_MAX_OF_A_KIND || hc_list_len(certs) > 16)
            return hc_fail(err, HC_E_LIMIT,
                           "the trust root has more than %u authorities, or a chain of more than 16",
                           SIG_MAX_OF_A_KIND);
        struct sig_authority *ca = &out[(*n)++];
        life(v, &ca->from_s, &ca->to_s);
        ca->chain = sk_X509_new_null();
        for (size_t j = 0; ca->chain && j < hc_list_len(certs); j++) {
            X509 *x = sig_certificate(sig_base64_at(a, hc_list_at(certs, j), "rawBytes"));
            if (!x || sk_X509_push(ca->chain, x) <= 0) {
                X509_free(x);
                ERR_clear_error();
                return hc_fail(err, HC_E_INPUT, "the trust root has a certificate that cannot be read");
            }
        }
        if (!ca->chain || !sk_X509_num(ca->chain))
            return hc_fail(err, HC_E_INPUT, "the trust root has an authority without certificates");
    }
    return HC_OK;
}

enum hc_rc hc_sigstore_root_read(struct hc_arena *a, hc_str json, struct hc_sigstore_root **out, struct hc_err *err)
{
    struct hc_val *doc = NULL;
    if (json.n > MAX_ROOT)
        return hc_fail(err, HC_E_LIMIT, "the trust root is over 1 MiB");
    if (hc_json_parse(a, json, HC_JSON_NO_POSITIONS, &doc, err) != HC_OK)
        return hc_wrap(err, "the trust root");
    if (!hc_str_starts(hc_get_str_at(doc, "mediaType"), HC_S("application/vnd.dev.sigstore.trustedroot")))
        return hc_fail(err, HC_E_INPUT, "it is no trust root of Sigstore's (mediaType)");
    struct hc_sigstore_root *r = HC_NEW(a, struct hc_sigstore_root);
    if (!r)
        return hc_fail_nomem(err);
    enum hc_rc rc = read_logs(a, hc_map_getz(doc, "tlogs"), r->logs, &r->logs_n, err);
    if (rc == HC_OK)
        rc = read_logs(a, hc_map_getz(doc, "ctlogs"), r->ct_logs, &r->ct_logs_n, err);
    if (rc == HC_OK)
        rc = read_authorities(a, hc_map_getz(doc, "certificateAuthorities"), r->cas, &r->cas_n, err);
    if (rc == HC_OK)
        rc = read_authorities(a, hc_map_getz(doc, "timestampAuthorities"), r->tsas, &r->tsas_n, err);
    if (rc == HC_OK && !r->cas_n)
        rc = hc_fail(err, HC_E_INPUT, "the trust root has no certificate authority");
    if (rc != HC_OK)
        hc_sigstore_root_free(r);
    else
        *out = r;
    return rc;
}

void hc_sigstore_root_free(struct hc_sigstore_root *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->logs_n; i++)
        EVP_PKEY_free(r->logs[i].key);
    for (size_t i = 0; i < r->ct_logs_n; i++)
        EVP_PKEY_free(r->ct_logs[i].key);
    for (size_t i = 0; i < r->cas_n; i++)
        sk_X509_pop_free(r->cas[i].chain, X509_free);
    for (size_t i = 0; i < r->tsas_n; i++)
        sk_X509_pop_free(r->tsas[i].chain, X509_free);
    r->logs_n = r->ct_logs_n = r->cas_n = r->tsas_n = 0;
}

/* ---- the chain ----------------------------------------------------------------------------------- */

bool sig_chain_good(const struct sig_authority *ca, X509 *leaf, STACK_OF(X509) * more, int64_t at_s)
{
    if ((ca->from_s && at_s < ca->from_s) || (ca->to_s && at_s > ca->to_s))
        return false;
    int n = sk_X509_num(ca->chain);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *between = more ? sk_X509_dup(more) : sk_X509_new_null();
    bool good = store && ctx && between && X509_STORE_add_cert(store, sk_X509_value(ca->chain, n - 1)) == 1;
    for (int i = 0; good && i < n - 1; i++)
        good = sk_X509_push(between, sk_X509_value(ca->chain, i)) > 0;
    good = good && X509_STORE_CTX_init(ctx, store, leaf, between) == 1;
    if (good) {
        X509_STORE_CTX_set_time(ctx, 0, (time_t)at_s);
        /* A root given by the user may be an intermediate certificate. */
        X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN);
        good = X509_verify_cert(ctx) == 1;
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    sk_X509_free(between);
    ERR_clear_error();
    return good;
}

/* The certificate's issuer among an authority's. */
static X509 *issuer_in(const struct sig_authority *ca, X509 *leaf)
{
    for (int i = 0; i < sk_X509_num(ca->chain); i++)
        if (X509_check_issued(sk_X509_value(ca->chain, i), leaf) == X509_V_OK)
            return sk_X509_value(ca->chain, i);
    return NULL;
}

/* ---- transparency of the certificate (RFC 6962, 3.2) --------------------------------------------- */

static X509_EXTENSION *extension(X509 *x, const char *oid)
{
    ASN1_OBJECT *o = OBJ_txt2obj(oid, 1);
    int at = o ? X509_get_ext_by_OBJ(x, o, -1) : -1;
    ASN1_OBJECT_free(o);
    return at < 0 ? NULL : X509_get_ext(x, at);
}

static hc_str octets(const ASN1_OCTET_STRING *s)
{
    return s ? hc_str_n((const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)) : HC_S("");
}

/* What a log signed: the certificate without the list of log stamps, under the hash of its issuer's key. */
static hc_str stamped_part(struct hc_arena *a, X509 *leaf, X509 *issuer, uint64_t time_ms, hc_str extensions)
{
    unsigned char *tbs = NULL, *key = NULL, md[EVP_MAX_MD_SIZE], head[10];
    X509 *bare = X509_dup(leaf);
    ASN1_OBJECT *o = OBJ_txt2obj(OID_SCTS, 1);
    int at = bare && o ? X509_get_ext_by_OBJ(bare, o, -1) : -1;
    if (at >= 0)
        X509_EXTENSION_free(X509_delete_ext(bare, at));
    int n = at >= 0 ? i2d_re_X509_tbs(bare, &tbs) : -1;
    int kn = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(issuer), &key);
    hc_str out = { NULL, 0 };
    if (n > 0 && kn > 0 && vdigest_of(EVP_sha256(), hc_str_n((const char *)key, (size_t)kn), md) == 32) {
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        head[0] = head[1] = 0; /* version 1, a certificate's stamp */
        for (int i = 0; i < 8; i++)
            head[2 + i] = (unsigned char)(time_ms >> (56 - 8 * i));
        hc_buf_put(&b, hc_str_n((const char *)head, sizeof(head)));
        hc_buf_put(&b, hc_str_n("\0\1", 2)); /* a pre-certificate */
        hc_buf_put(&b, hc_str_n((const char *)md, 32));
        const char size[3] = { (char)(n >> 16 & 0xff), (char)(n >> 8 & 0xff), (char)(n & 0xff) };
        hc_buf_put(&b, hc_str_n(size, 3));
        hc_buf_put(&b, hc_str_n((const char *)tbs, (size_t)n));
        const char more[2] = { (char)(extensions.n >> 8 & 0xff), (char)(extensions.n & 0xff) };
        hc_buf_put(&b, hc_str_n(more, 2));
        hc_buf_put(&b, extensions);
        out = hc_buf_to_arena(&b, a);
    }
    OPENSSL_free(tbs);
    OPENSSL_free(key);
    ASN1_OBJECT_free(o);
    X509_free(bare);
    ERR_clear_error();
    return out;
}

static bool log_stamped(struct hc_arena *a, const struct hc_sigstore_root *root, X509 *leaf, X509 *issuer)
{
    X509_EXTENSION *e = extension(leaf, OID_SCTS);
    const unsigned char *p;
    hc_str value = e ? octets(X509_EXTENSION_get_data(e)) : HC_S("");
    p = (const unsigned char *)value.p;
    ASN1_OCTET_STRING *inner = value.n ? d2i_ASN1_OCTET_STRING(NULL, &p, (long)value.n) : NULL;
    struct cursor c = cursor_of(octets(inner));
    bool good = false;
    struct cursor list = cursor_of(take(&c, take_u16(&c)));
    for (unsigned i = 0; i < 16 && list.n && !list.bad && !good; i++) {
        struct cursor s = cursor_of(take(&list, take_u16(&list)));
        uint8_t version = take_u8(&s);
        hc_str id = take(&s, 32);
        uint64_t time_ms = take_number(&s, 8);
        hc_str extensions = take(&s, take_u16(&s));
        (void)take_u16(&s); /* digest and algorithm: SHA-256 and the key's own */
        hc_str signature = take(&s, take_u16(&s));
        if (s.bad || version != 0)
            continue;
        for (size_t j = 0; j < root->ct_logs_n && !good; j++) {
            const struct sig_log *log = &root->ct_logs[j];
            int64_t at_s = (int64_t)(time_ms / 1000);
            if (memcmp(id.p, log->id, 32) != 0 || (log->from_s && at_s < log->from_s) ||
                (log->to_s && at_s > log->to_s))
                continue;
            hc_str part = stamped_part(a, leaf, issuer, time_ms, extensions);
            good = part.n && vkey_check(log->key, EVP_sha256(), part, signature);
        }
    }
    ASN1_OCTET_STRING_free(inner);
    ERR_clear_error();
    return good;
}

/* ---- the identity -------------------------------------------------------------------------------- */

static hc_str issuer_of(struct hc_arena *a, X509 *leaf)
{
    X509_EXTENSION *e = extension(leaf, OID_ISSUER_V2);
    if (e) {
        hc_str der = octets(X509_EXTENSION_get_data(e));
        const unsigned char *p = (const unsigned char *)der.p;
        ASN1_UTF8STRING *s = d2i_ASN1_UTF8STRING(NULL, &p, (long)der.n);
        hc_str out = hc_arena_str(a, octets(s));
        ASN1_UTF8STRING_free(s);
        ERR_clear_error();
        return out;
    }
    e = extension(leaf, OID_ISSUER);
    return e ? hc_arena_str(a, octets(X509_EXTENSION_get_data(e))) : HC_S("");
}

/* The certificate's one alternative name: an address, a URI, a user name. */
static hc_str subject_of(struct hc_arena *a, X509 *leaf)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    hc_str out = HC_S("");
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !out.n; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        if (g->type == GEN_EMAIL || g->type == GEN_URI || g->type == GEN_DNS) {
            out = hc_arena_str(a, octets(g->d.ia5));
        } else if (g->type == GEN_OTHERNAME) {
            char oid[64];
            (void)OBJ_obj2txt(oid, sizeof(oid), g->d.otherName->type_id, 1);
            if (strcmp(oid, OID_USERNAME) == 0 && g->d.otherName->value->type == V_ASN1_UTF8STRING)
                out = hc_arena_str(a, octets(g->d.otherName->value->value.utf8string));
        }
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return out;
}

static enum hc_rc check_identity(const struct hc_cosign_trust *t, struct hc_cosign_result *out, struct hc_err *err)
{
    for (size_t i = 0; i < t->identities_n; i++) {
        HC_AUTO(hc_pattern) struct hc_pattern issuer, subject = { .there = false };
        enum hc_rc rc = hc_pattern_init(&issuer, t->identities[i].issuer, "matchOIDCIdentity issuer", err);
        if (rc == HC_OK)
            rc = hc_pattern_init(&subject, t->identities[i].subject, "matchOIDCIdentity subject", err);
        if (rc != HC_OK)
            return rc;
        if (hc_pattern_found(&issuer, out->issuer) && hc_pattern_found(&subject, out->subject))
            return HC_OK;
    }
    if (!t->identities_n)
        return HC_OK;
    return sig_verdict(out, err, HC_COSIGN_IDENTITY,
                       "it was signed by '%.*s' of the issuer '%.*s', which none of the %zu identities takes",
                       HC_P(printable(out->subject)), HC_P(printable(out->issuer)), t->identities_n);
}

/* ---- all of it ----------------------------------------------------------------------------------- */

/* When the log's time, or a time stamp, says it was signed. */
static enum hc_rc signed_when(struct hc_arena *a, const struct hc_sigstore_root *root, const struct sig_claim *c,
                              struct hc_cosign_result *out, struct hc_err *err)
{
    int64_t log_s = 0, stamp_s = 0;
    enum hc_rc rc = root->logs_n ? sig_in_log(a, root, c, &log_s, out, err) : HC_OK;
    if (rc != HC_OK)
        return rc;
    for (size_t i = 0; i < c->stamps_n && !stamp_s; i++) {
        stamp_s = sig_stamp_time(root, c->stamps[i], c->signature);
        if (stamp_s < 0)
            return sig_verdict(out, err, HC_COSIGN_TIME,
                               "the time stamp of the signature is not good, or by no authority of the trust root");
    }
    out->signed_s = stamp_s ? stamp_s : log_s;
    if (!out->signed_s)
        return sig_verdict(out, err, HC_COSIGN_TIME,
                           "nobody of the trust root vouches for the time of the signature (log or time stamp)");
    return HC_OK;
}

enum hc_rc sig_keyless(struct hc_arena *a, const struct hc_cosign_trust *t, const struct sig_claim *c,
                       struct hc_cosign_result *out, struct hc_err *err)
{
    const struct hc_sigstore_root *root = t->root;
    if (!root)
        return hc_fail(err, HC_E_BUG, "a signature is to be checked without keys and without a trust root");
    if (!c->cert)
        return sig_verdict(out, err, HC_COSIGN_CHAIN,
                           "it was signed by a key and not by a certificate; give the public key instead");
    if (!sig_by_key(X509_get0_pubkey(c->cert), c))
        return sig_verdict(out, err, HC_COSIGN_SIGNATURE, "the signature was not made by its certificate's key");
    enum hc_rc rc = signed_when(a, root, c, out, err);
    if (rc != HC_OK)
        return rc;
    const struct sig_authority *ca = NULL;
    for (size_t i = 0; i < root->cas_n && !ca; i++)
        if (sig_chain_good(&root->cas[i], c->cert, NULL, out->signed_s))
            ca = &root->cas[i];
    out->issuer = issuer_of(a, c->cert);
    out->subject = subject_of(a, c->cert);
    if (!ca) {
        bool late = X509_cmp_time(X509_get0_notAfter(c->cert), &(time_t){ (time_t)out->signed_s }) < 0 ||
                    X509_cmp_time(X509_get0_notBefore(c->cert), &(time_t){ (time_t)out->signed_s }) > 0;
        if (late)
            return sig_verdict(out, err, HC_COSIGN_TIME, "it was signed outside of the life of its certificate");
        return sig_verdict(out, err, HC_COSIGN_CHAIN,
                           "its certificate is of no certificate authority in the trust root");
    }
    if (!(X509_get_extended_key_usage(c->cert) & XKU_CODE_SIGN))
        return sig_verdict(out, err, HC_COSIGN_CHAIN, "its certificate is not meant for signing");
    X509 *issuer = issuer_in(ca, c->cert);
    if (root->ct_logs_n && (!issuer || !log_stamped(a, root, c->cert, issuer)))
        return sig_verdict(
            out, err, HC_COSIGN_LOG,
            "its certificate is not in the certificate log (no good stamp of a log of the trust root)");
    rc = check_identity(t, out, err);
    if (rc == HC_OK)
        out->rule = HC_COSIGN_GOOD;
    return rc;
}
