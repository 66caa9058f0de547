/*
 * Certificates are what they say: signed by whom they name, with the algorithm they name inside and outside.
 */
#include "tests/unit/unit.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "core/value/value.h"
#include "lua/funcs/keys.h"
#include "tests/unit/arena.h"

static struct hc_err err;

static struct hc_val *call(const char *name, struct hc_val *const *argv, size_t argc)
{
    static const struct hc_door door;
    struct hc_fcall c = { .a = arena, .err = &err, .door = &door };
    const struct hc_func *f = hc_func_find(hc_str_of(name), false);
    struct hc_val *out = NULL;
    assert_non_null(f);
    if (f->fn(&c, argv, argc, &out) != HC_OK)
        fail_msg("%s: %s", name, err.msg);
    return out;
}

static struct hc_val *text(const char *s)
{
    return hc_str_val(arena, hc_str_of(s));
}

static struct hc_val *made_key(const char *kind)
{
    struct hc_val *argv[] = { text(kind) };
    return call("genPrivateKey", argv, 1);
}

static struct hc_val *made_ca(struct hc_val *key)
{
    struct hc_val *argv[] = { text("an authority"), hc_int_val(arena, 10), key };
    return key ? call("genCAWithKey", argv, 3) : call("genCA", argv, 2);
}

static struct hc_val *made_cert(struct hc_val *ca, struct hc_val *key)
{
    struct hc_val *argv[] = {
        text("a server"), hc_list_new(arena), hc_list_new(arena), hc_int_val(arena, 1), ca, key
    };
    return key ? call("genSignedCertWithKey", argv, 6) : call("genSignedCert", argv, 5);
}

static hc_str part(const struct hc_val *cert, const char *name)
{
    const struct hc_val *v = hc_map_getz(cert, name);
    assert_non_null(v);
    return (hc_str){ v->s, v->n };
}

static X509 *read_cert(const struct hc_val *cert)
{
    hc_str pem = part(cert, "Cert");
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(x);
    return x;
}

static EVP_PKEY *read_key(hc_str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(key);
    return key;
}

/* Of this certificate, that its key is the one beside it, and that it is signed by `ca`. */
static void check(const struct hc_val *cert, const struct hc_val *ca, int signature_nid)
{
    X509 *x = read_cert(cert), *issuer = read_cert(ca);
    EVP_PKEY *key = read_key(part(cert, "Key"));
    const X509_ALGOR *outer;
    const ASN1_BIT_STRING *signature;
    X509_get0_signature(&signature, &outer, x);
    assert_int_equal(X509_verify(x, X509_get0_pubkey(issuer)), 1);
    assert_int_equal(X509_check_issued(issuer, x), X509_V_OK);
    assert_int_equal(X509_check_private_key(x, key), 1);
    assert_int_equal(X509_get_signature_nid(x), signature_nid);
    assert_int_equal(X509_ALGOR_cmp(X509_get0_tbs_sigalg(x), outer), 0);
    EVP_PKEY_free(key);
    X509_free(issuer);
    X509_free(x);
}

static void each_is_signed_by_its_issuer(void **state)
{
    (void)state;
    struct hc_val *ca = made_ca(NULL), *cert = made_cert(ca, NULL);
    check(ca, ca, NID_sha256WithRSAEncryption);
    check(cert, ca, NID_sha256WithRSAEncryption);
}

static void keys_of_other_kinds_sign_too(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        int signature;
    } rows[] = { { "ecdsa", NID_ecdsa_with_SHA256 }, { "ed25519", NID_ED25519 } };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_val *key = made_key(rows[i].kind), *ca = made_ca(key);
        check(ca, ca, rows[i].signature);
        check(made_cert(ca, made_key("ecdsa")), ca, rows[i].signature);
    }
}

/* An RSA key in the clothes of PKCS #8 signs, and in those of PKCS #1 that are none it is refused. */
static void an_rsa_key_comes_in_two_forms(void **state)
{
    (void)state;
    struct hc_val *ca = made_ca(NULL);
    EVP_PKEY *key = read_key(part(ca, "Key"));
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    size_t n = (size_t)BIO_get_mem_data(bio, &p);
    char *pem = hc_arena_strz(arena, hc_str_n(p, n));
    EVP_PKEY_free(key);
    BIO_free(bio);
    ca = made_ca(text(pem));
    check(ca, ca, NID_sha256WithRSAEncryption);

    static const hc_str dashes = { "-----", 5 };
    hc_str body = hc_str_of(pem);
    body = hc_str_sub(body, hc_str_find(body, '\n') + 1, body.n);
    body = hc_str_sub(body, 0, hc_str_find_str(body, dashes));
    hc_str other = hc_arena_printf(arena, "-----BEGIN RSA PRIVATE KEY-----\n%.*s-----END RSA PRIVATE KEY-----\n",
                                   HC_P(body));
    struct hc_fcall c = { .a = arena, .err = &err };
    EVP_PKEY *none = NULL;
    assert_int_equal(hc_key_read(&c, other, &none), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "parsing RSA private key from PEM"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_signed_by_its_issuer),
        cmocka_unit_test(keys_of_other_kinds_sign_too),
        cmocka_unit_test(an_rsa_key_comes_in_two_forms),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
