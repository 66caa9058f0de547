/*
 * Certificates (A10.1): what sprig asks of crypto/x509, extension by extension, so that two tools show the same
 * certificate but for key, serial number and time.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "core/base/digest.h"
#include "lua/funcs/certs.h"
#include "lua/funcs/funcs_impl.h"
#include "lua/funcs/keys.h"

#define KEY_BITS 2048

/* What a certificate is to say. */
struct request {
    hc_str name;
    const struct hc_val *ips, *dns;
    int64_t days;
    bool is_ca;
};

static void x509_auto(X509 **x)
{
    X509_free(*x);
}

static enum hc_rc broken(struct hc_fcall *c)
{
    ERR_clear_error();
    return fn_fail(c, "error creating certificate: the request cannot be encoded");
}

/* PrintableString where Go uses it, else UTF-8. */
static bool set_name(X509 *x, hc_str name)
{
    bool printable = true;
    for (size_t i = 0; i < name.n && printable; i++) {
        char ch = name.p[i];
        printable = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                    (ch && strchr(" '()+,-./:=?*&", ch));
    }
    X509_NAME *subject = X509_NAME_new();
    bool ok = subject && name.n < 65536 &&
              (name.n == 0 || X509_NAME_add_entry_by_NID(subject, NID_commonName,
                                                         printable ? V_ASN1_PRINTABLESTRING : V_ASN1_UTF8STRING,
                                                         (const unsigned char *)name.p, (int)name.n, -1, 0));
    ok = ok && X509_set_subject_name(x, subject);
    X509_NAME_free(subject);
    return ok;
}

static bool set_serial(struct hc_fcall *c, X509 *x)
{
    unsigned char bytes[16];
    BIGNUM *n = fn_random(c, bytes, sizeof(bytes)) ? BN_bin2bn(bytes, sizeof(bytes), NULL) : NULL;
    bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
    BN_free(n);
    return ok;
}

/* X509_set_pubkey reads what it wrote once more, which takes longer than all other fields together. */
static bool set_public_key(X509 *x, EVP_PKEY *key)
{
    unsigned char *der = NULL;
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
        return X509_set_pubkey(x, key);
    int n = i2d_RSAPublicKey(EVP_PKEY_get0_RSA(key), &der);
    if (n > 0 &&
        X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(x), OBJ_nid2obj(NID_rsaEncryption), V_ASN1_NULL, NULL, der, n))
        return true;
    OPENSSL_free(der);
    return false;
}

static bool add_conf(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    bool ok = e && X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    return ok;
}

/* libcrypto's function of one call looks for a provider. */
static void sha256(const unsigned char *p, int n, unsigned char md[SHA256_DIGEST_LENGTH])
{
    SHA256_CTX ctx;
    SHA256_Init(&ctx);
    SHA256_Update(&ctx, p, (size_t)n);
    SHA256_Final(md, &ctx);
}

/* SubjectKeyId of an authority: SHA-256 of the public key, cut to 20 bytes, as Go makes it. */
static bool add_subject_key_id(X509 *x)
{
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(x);
    unsigned char md[SHA256_DIGEST_LENGTH];
    ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
    sha256(bits->data, bits->length, md);
    bool ok = id && ASN1_OCTET_STRING_set(id, md, 20) && X509_add1_ext_i2d(x, NID_subject_key_identifier, id, 0, 0);
    ASN1_OCTET_STRING_free(id);
    return ok;
}

static bool add_authority_key_id(X509 *x, X509 *parent)
{
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(parent);
    if (!id || X509_NAME_cmp(X509_get_subject_name(x), X509_get_subject_name(parent)) == 0)
        return true;
    AUTHORITY_KEYID *akid = AUTHORITY_KEYID_new();
    bool ok = akid && (akid->keyid = ASN1_OCTET_STRING_dup(id)) != NULL &&
              X509_add1_ext_i2d(x, NID_authority_key_identifier, akid, 0, 0);
    AUTHORITY_KEYID_free(akid);
    return ok;
}

static bool add_general_name(GENERAL_NAMES *names, int type, const void *p, int n)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *s = ASN1_STRING_type_new(type == GEN_DNS ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING);
    if (!name || !s || !ASN1_STRING_set(s, p, n)) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(s);
        return false;
    }
    GENERAL_NAME_set0_value(name, type, s);
    if (sk_GENERAL_NAME_push(names, name))
        return true;
    GENERAL_NAME_free(name);
    return false;
}

/* "error parsing ip: <v> is not a string" and its sibling. */
static enum hc_rc no_string(struct hc_fcall *c, const char *before, const struct hc_val *v)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_ERR_MSG);
    hc_go_print(&b, v);
    return fn_fail(c, "%s: %.*s is not a string", before, HC_P(hc_buf_str(&b)));
}

/* All addresses and names are checked first, as sprig does, before a key is made. */
static enum hc_rc check_names(struct hc_fcall *c, const struct request *r)
{
    unsigned char ip[16];
    for (size_t i = 0; i < hc_list_len(r->ips); i++) {
        const struct hc_val *v = r->ips->list->items[i];
        if (!fn_is_string(v))
            return no_string(c, "error parsing ip", v);
        char *z = hc_arena_strz(c->a, fn_s(v));
        if (!z || strlen(z) != v->n || (inet_pton(AF_INET, z, ip) != 1 && inet_pton(AF_INET6, z, ip) != 1))
            return fn_fail(c, "error parsing ip: %.*s", HC_P(fn_s(v)));
    }
    for (size_t i = 0; i < hc_list_len(r->dns); i++)
        if (!fn_is_string(r->dns->list->items[i]))
            return no_string(c, "error processing alternate dns name", r->dns->list->items[i]);
    return HC_OK;
}

static bool add_alt_names(struct hc_fcall *c, X509 *x, const struct request *r)
{
    if (hc_list_len(r->ips) + hc_list_len(r->dns) == 0)
        return true;
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    bool ok = names != NULL;
    for (size_t i = 0; ok && i < hc_list_len(r->dns); i++) {
        hc_str s = fn_s(r->dns->list->items[i]);
        ok = s.n < 65536 && add_general_name(names, GEN_DNS, s.p, (int)s.n);
    }
    for (size_t i = 0; ok && i < hc_list_len(r->ips); i++) {
        unsigned char ip[16];
        char *z = hc_arena_strz(c->a, fn_s(r->ips->list->items[i]));
        int n = z && inet_pton(AF_INET, z, ip) == 1 ? 4 : 16;
        ok = z && (n == 4 || inet_pton(AF_INET6, z, ip) == 1) && add_general_name(names, GEN_IPADD, ip, n);
    }
    ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0);
    GENERAL_NAMES_free(names);
    return ok;
}

static bool set_times(struct hc_fcall *c, X509 *x, int64_t days)
{
    int64_t now = fn_now_ns(c) / 1000000000, later;
    /* Go multiplies into 64 bits of nanoseconds, which wraps behind 106,751 days */
    int64_t ns = (int64_t)((uint64_t)days * 86400u * 1000000000u);
    later = now + ns / 1000000000;
    return ASN1_TIME_set(X509_getm_notBefore(x), now) && ASN1_TIME_set(X509_getm_notAfter(x), later);
}

/* Fills everything but the signature. `parent` NULL: signed by itself. */
static bool fill(struct hc_fcall *c, X509 *x, const struct request *r, EVP_PKEY *key, X509 *parent)
{
    return X509_set_version(x, 2) && set_serial(c, x) && set_name(x, r->name) && set_times(c, x, r->days) &&
           X509_set_issuer_name(x, X509_get_subject_name(parent ? parent : x)) && set_public_key(x, key) &&
           add_conf(x, NID_key_usage,
                    r->is_ca ? "critical,digitalSignature,keyEncipherment,keyCertSign"
                             : "critical,digitalSignature,keyEncipherment") &&
           add_conf(x, NID_ext_key_usage, "serverAuth,clientAuth") &&
           add_conf(x, NID_basic_constraints, r->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
           (!r->is_ca || add_subject_key_id(x)) && (!parent || add_authority_key_id(x, parent)) &&
           add_alt_names(c, x, r);
}

static enum hc_rc cert_val(struct hc_fcall *c, hc_str cert, hc_str key, struct hc_val **out)
{
    struct hc_val *map = fn_typed(hc_map_new(c->a), HC_GO_CERT);
    hc_map_put_ref(c->a, map, HC_S("Cert"), hc_str_val_ref(c->a, cert));
    hc_map_put_ref(c->a, map, HC_S("Key"), hc_str_val_ref(c->a, key));
    return fn_done(c, map, out);
}

/*
 * SHA-256 with RSA, without libcrypto's providers: looking them up for the first time takes longer than signing. `fresh`:
 * the key was made for this and signs nothing else here. Blinding, which hides from a clock what many uses of a key have
 * in common, costs as much as the signature and has nothing to hide then; libcrypto's exponentiation takes the same time
 * for all exponents anyway.
 */
static bool sign_rsa(X509 *x, EVP_PKEY *signer, bool fresh)
{
    const X509_ALGOR *inner = X509_get0_tbs_sigalg(x), *outer;
    const ASN1_BIT_STRING *signature;
    unsigned char md[SHA256_DIGEST_LENGTH], *der = NULL, *bytes;
    unsigned n = 0;
    RSA *rsa = EVP_PKEY_get1_RSA(signer);
    X509_get0_signature(&signature, &outer, x); /* theirs to write for who signs by hand */
    bool ok = rsa && (bytes = OPENSSL_malloc((size_t)RSA_size(rsa))) != NULL;
    if (ok) {
        ASN1_STRING_set0((ASN1_BIT_STRING *)signature, bytes, RSA_size(rsa));
        ((ASN1_BIT_STRING *)signature)->flags &= ~7; /* no bits of the last byte are unused */
        ((ASN1_BIT_STRING *)signature)->flags |= ASN1_STRING_FLAG_BITS_LEFT;
    }
    ok = ok && X509_ALGOR_set0((X509_ALGOR *)inner, OBJ_nid2obj(NID_sha256WithRSAEncryption), V_ASN1_NULL, NULL) &&
         X509_ALGOR_set0((X509_ALGOR *)outer, OBJ_nid2obj(NID_sha256WithRSAEncryption), V_ASN1_NULL, NULL);
    int length = ok ? i2d_re_X509_tbs(x, &der) : -1;
    if (ok && fresh)
        RSA_blinding_off(rsa);
    if (length > 0)
        sha256(der, length, md);
    ok = length > 0 && RSA_sign(NID_sha256, md, sizeof(md), bytes, &n, rsa) == 1 && n == (unsigned)RSA_size(rsa);
    OPENSSL_free(der);
    RSA_free(rsa);
    return ok;
}

/* `fresh`: the signer was made for this. */
static enum hc_rc issue(struct hc_fcall *c, const struct request *r, EVP_PKEY *key, X509 *parent, EVP_PKEY *signer,
                        bool fresh, struct hc_val **out)
{
    __attribute__((cleanup(x509_auto))) X509 *x = X509_new();
    int kind = EVP_PKEY_get_base_id(signer);
    if (kind == EVP_PKEY_DSA)
        return fn_fail(c, "error creating certificate: x509: only RSA, ECDSA and Ed25519 keys supported");
    /* A key that was handed over may be as long as its maker liked. */
    uint32_t bits = kind == EVP_PKEY_RSA ? HC_MIN((uint32_t)EVP_PKEY_get_bits(signer), 65536u) / 1024 : 0;
    enum hc_rc dear = fn_dear(c, 2 + bits * bits * bits / 8);
    if (dear != HC_OK)
        return dear;
    if (!x || !fill(c, x, r, key, parent))
        return broken(c);
    if (kind == EVP_PKEY_RSA ? !sign_rsa(x, signer, fresh)
                             : !X509_sign(x, signer, kind == EVP_PKEY_ED25519 ? NULL : EVP_sha256()))
        return broken(c);
    hc_str cert = { "", 0 }, pem = { "", 0 };
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    bool ok = bio && PEM_write_bio_X509(bio, x);
    long n = ok ? BIO_get_mem_data(bio, &p) : 0;
    if (ok)
        cert = hc_arena_str(c->a, hc_str_n(p, (size_t)n));
    BIO_free(bio);
    enum hc_rc rc = ok ? hc_key_pem(c, key, &pem) : broken(c);
    return rc == HC_OK ? cert_val(c, cert, pem, out) : rc;
}

/* The key of the request: given as PEM, or made. */
static enum hc_rc request_key(struct hc_fcall *c, const struct hc_val *pem, EVP_PKEY **out)
{
    if (!pem)
        return hc_key_rsa(c, KEY_BITS, out);
    enum hc_rc rc = hc_key_read(c, fn_s(pem), out);
    return rc == HC_OK ? rc : hc_wrap(c->err, "parsing private key");
}

static enum hc_rc self_signed(struct hc_fcall *c, const struct request *r, const struct hc_val *pem,
                              struct hc_val **out)
{
    HC_AUTO(hc_pkey) EVP_PKEY *key = NULL;
    hc_libcrypto_start();
    enum hc_rc rc = pem ? request_key(c, pem, &key) : HC_OK;
    if (rc == HC_OK)
        rc = check_names(c, r);
    if (rc == HC_OK && !pem)
        rc = request_key(c, NULL, &key);
    return rc == HC_OK ? issue(c, r, key, NULL, key, !pem, out) : rc;
}

FN(fn_gen_ca)
{
    (void)argc;
    struct request r = { .name = fn_s(argv[0]), .days = fn_i(argv[1]), .is_ca = true };
    return self_signed(c, &r, NULL, out);
}

FN(fn_gen_ca_with_key)
{
    (void)argc;
    struct request r = { .name = fn_s(argv[0]), .days = fn_i(argv[1]), .is_ca = true };
    return self_signed(c, &r, argv[2], out);
}

FN(fn_gen_self_signed_cert)
{
    (void)argc;
    struct request r = { .name = fn_s(argv[0]), .ips = argv[1], .dns = argv[2], .days = fn_i(argv[3]) };
    return self_signed(c, &r, NULL, out);
}

FN(fn_gen_self_signed_cert_with_key)
{
    (void)argc;
    struct request r = { .name = fn_s(argv[0]), .ips = argv[1], .dns = argv[2], .days = fn_i(argv[3]) };
    return self_signed(c, &r, argv[4], out);
}

static X509 *parse_cert(hc_str der)
{
    const unsigned char *p = (const unsigned char *)der.p;
    X509 *x = d2i_X509(NULL, &p, (long)der.n);
    ERR_clear_error();
    return x;
}

static enum hc_rc signed_by(struct hc_fcall *c, struct hc_val *const *argv, const struct hc_val *pem,
                            struct hc_val **out)
{
    HC_AUTO(hc_pkey) EVP_PKEY *key = NULL;
    HC_AUTO(hc_pkey) EVP_PKEY *signer = NULL;
    __attribute__((cleanup(x509_auto))) X509 *parent = NULL;
    struct request r = { .name = fn_s(argv[0]), .ips = argv[1], .dns = argv[2], .days = fn_i(argv[3]) };
    hc_str type, der;
    hc_libcrypto_start();
    enum hc_rc rc = pem ? request_key(c, pem, &key) : HC_OK;
    if (rc != HC_OK)
        return rc;
    if (!hc_pem_block(c->a, fn_s(hc_map_getz(argv[4], "Cert")), &type, &der))
        return fn_fail(c, "unable to decode certificate");
    if (!(parent = parse_cert(der)))
        return fn_fail(c, "error parsing certificate: decodedSignerCert.Bytes: x509: malformed certificate");
    rc = hc_key_read(c, fn_s(hc_map_getz(argv[4], "Key")), &signer);
    if (rc != HC_OK)
        return hc_wrap(c->err, "error parsing private key");
    rc = check_names(c, &r);
    if (rc == HC_OK && !pem)
        rc = request_key(c, NULL, &key);
    if (rc != HC_OK)
        return rc;
    if (EVP_PKEY_eq(X509_get0_pubkey(parent), signer) != 1)
        return fn_fail(c, "error creating certificate: x509: provided PrivateKey doesn't match parent's PublicKey");
    return issue(c, &r, key, parent, signer, false, out);
}

FN(fn_gen_signed_cert)
{
    (void)argc;
    return signed_by(c, argv, NULL, out);
}

FN(fn_gen_signed_cert_with_key)
{
    (void)argc;
    return signed_by(c, argv, argv[5], out);
}

FN(fn_build_custom_cert)
{
    (void)argc;
    HC_AUTO(hc_pkey) EVP_PKEY *key = NULL;
    hc_str cert = hc_base64_decode(c->a, fn_s(argv[0]), NULL), pem, type, der;
    if (!cert.p)
        return fn_fail(c, "unable to decode base64 certificate");
    pem = hc_base64_decode(c->a, fn_s(argv[1]), NULL);
    if (!pem.p)
        return fn_fail(c, "unable to decode base64 private key");
    if (!hc_pem_block(c->a, cert, &type, &der))
        return fn_fail(c, "unable to decode certificate");
    X509 *x = parse_cert(der);
    X509_free(x);
    if (!x)
        return fn_fail(c, "error parsing certificate: decodedCert.Bytes: x509: malformed certificate");
    if (hc_key_read(c, pem, &key) != HC_OK)
        return hc_wrap(c->err, "error parsing private key");
    return cert_val(c, cert, pem, out);
}

/* ---- their life ---------------------------------------------------------------------------------------- */

static bool seconds_of(const ASN1_TIME *t, int64_t *out)
{
    int days = 0, seconds = 0;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    bool ok = epoch && ASN1_TIME_diff(&days, &seconds, epoch, t);
    ASN1_TIME_free(epoch);
    *out = (int64_t)days * 86400 + seconds;
    return ok;
}

bool hc_cert_life(hc_str pem, int64_t *out_from, int64_t *out_to)
{
    BIO *bio = pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    bool ok = x && seconds_of(X509_get0_notBefore(x), out_from) && seconds_of(X509_get0_notAfter(x), out_to);
    X509_free(x);
    BIO_free(bio);
    ERR_clear_error();
    return ok;
}
