/*
 * Secret keys: found by a user id, taken out of their wrapping (RFC 9580, 3.7 and 5.5.3), made into libcrypto's form.
 * CAST5 is there since keys of older gpg are wrapped in it; libcrypto's low-level call needs no legacy provider.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/cast.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "charts-fetch/verify/pgp_secret_impl.h"

#define MAX_SECRET 16384u

static bool contains(hc_str s, hc_str part)
{
    return hc_str_find_str(s, part) != SIZE_MAX;
}

enum hc_rc hc_pgp_secret_find(struct hc_arena *a, const struct hc_pgp_ring *ring, hc_str id, int64_t now_s,
                              struct hc_pgp_secret **out, struct hc_err *err)
{
    const struct pgp_cert *found = NULL, *maybe = NULL;
    hc_str name = { NULL, 0 }, maybe_name = { NULL, 0 };
    bool vague = false;
    for (size_t i = 0; i < ring->cert_count && !found; i++) {
        hc_str ids[PGP_MAX_USER_IDS];
        size_t n = pgp_user_ids(a, &ring->certs[i], now_s, ids);
        for (size_t j = 0; j < n && !found; j++) {
            if (hc_str_eq(ids[j], id)) {
                found = &ring->certs[i];
                name = ids[j];
            } else if (contains(ids[j], id)) {
                vague |= maybe != NULL;
                maybe = &ring->certs[i];
                maybe_name = ids[j];
            }
        }
    }
    if (!found && vague)
        return hc_fail(err, HC_E_INPUT, "more than one key contain the id \"%.*s\"", HC_P(id));
    if (!found) {
        found = maybe;
        name = maybe_name;
    }
    if (!found)
        return hc_fail(err, HC_E_INPUT, "private key not found");
    if (!found->primary.secret.p)
        return hc_fail(err, HC_E_INPUT,
                       "provided key is not a private key. Try providing a keyring with secret keys");
    struct hc_pgp_secret *s = HC_NEW(a, struct hc_pgp_secret);
    if (!s)
        return hc_fail_nomem(err);
    s->key = found->primary;
    s->user_id = name;
    *out = s;
    return HC_OK;
}

hc_str hc_pgp_secret_user_id(const struct hc_pgp_secret *s)
{
    return s->user_id;
}

bool hc_pgp_secret_locked(const struct hc_pgp_secret *s)
{
    return s->key.secret.n && s->key.secret.p[0] != 0;
}

void hc_pgp_secret_close(struct hc_pgp_secret *s)
{
    if (!s)
        return;
    EVP_PKEY_free(s->pk);
    s->pk = NULL;
}

/* ---- the wrapping -------------------------------------------------------------------------------- */

enum { CIPHER_3DES = 2, CIPHER_CAST5 = 3, CIPHER_AES128 = 7, CIPHER_AES192 = 8, CIPHER_AES256 = 9 };

static const struct {
    uint8_t id;
    uint8_t key, block;
} ciphers[] = { { CIPHER_3DES, 24, 8 },
                { CIPHER_CAST5, 16, 8 },
                { CIPHER_AES128, 16, 16 },
                { CIPHER_AES192, 24, 16 },
                { CIPHER_AES256, 32, 16 } };

/* A key out of a passphrase: `count` bytes of salt and passphrase again and again. */
static bool string_to_key(const EVP_MD *md, hc_str salt, hc_str pass, size_t count, unsigned char *key, size_t n)
{
    unsigned char out[EVP_MAX_MD_SIZE];
    bool good = true;
    for (size_t done = 0, round = 0; good && done < n; round++) {
        struct vdigest d;
        if (!vdigest_begin(&d, md))
            return false;
        for (size_t i = 0; i < round; i++)
            vdigest_add(&d, hc_str_n("", 1)); /* a zero byte more each round */
        size_t both = salt.n + pass.n, left = HC_MAX(count, both);
        while (left) {
            vdigest_add(&d, hc_str_sub(salt, 0, left));
            left -= HC_MIN(left, salt.n);
            vdigest_add(&d, hc_str_sub(pass, 0, left));
            left -= HC_MIN(left, pass.n);
            if (!both)
                break;
        }
        size_t size = vdigest_end(&d, out), part = HC_MIN(size, n - done);
        good = size > 0;
        memcpy(key + done, out, part);
        done += part;
    }
    OPENSSL_cleanse(out, sizeof(out));
    return good;
}

static bool decrypt(uint8_t cipher, const unsigned char *key, const unsigned char *iv, hc_str in,
                    unsigned char *out)
{
    if (cipher == CIPHER_CAST5) {
        CAST_KEY k;
        unsigned char v[8];
        int num = 0;
        memcpy(v, iv, sizeof(v));
        CAST_set_key(&k, 16, key);
        CAST_cfb64_encrypt((const unsigned char *)in.p, out, (long)in.n, &k, v, &num, CAST_DECRYPT);
        OPENSSL_cleanse(&k, sizeof(k));
        return true;
    }
    const EVP_CIPHER *c = cipher == CIPHER_3DES     ? EVP_des_ede3_cfb64()
                          : cipher == CIPHER_AES128 ? EVP_aes_128_cfb128()
                          : cipher == CIPHER_AES192 ? EVP_aes_192_cfb128()
                                                    : EVP_aes_256_cfb128();
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    bool good = ctx && EVP_DecryptInit_ex(ctx, c, NULL, key, iv) == 1 &&
                EVP_DecryptUpdate(ctx, out, &n, (const unsigned char *)in.p, (int)in.n) == 1 && (size_t)n == in.n;
    EVP_CIPHER_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

static bool sums_up(const unsigned char *p, size_t n, bool sha1)
{
    if (sha1) {
        unsigned char md[EVP_MAX_MD_SIZE];
        return n >= 20 && vdigest_of(EVP_sha1(), hc_str_n((const char *)p, n - 20), md) == 20 &&
               CRYPTO_memcmp(md, p + n - 20, 20) == 0;
    }
    unsigned sum = 0;
    for (size_t i = 0; n >= 2 && i < n - 2; i++)
        sum += p[i];
    return n >= 2 && (sum & 0xffff) == (unsigned)(p[n - 2] << 8 | p[n - 1]);
}

/* The key's secret numbers into `out` (MAX_SECRET); *out_n: without their checksum. */
static enum hc_rc unwrap(const struct pgp_key *k, hc_str pass, unsigned char *out, size_t *out_n,
                         struct hc_err *err)
{
    struct cursor c = cursor_of(k->secret);
    uint8_t usage = take_u8(&c);
    size_t tail = usage == 254 ? 20 : 2;
    if (k->version != 4)
        return hc_fail(err, HC_E_INPUT, "openpgp: unsupported feature: secret keys of version %u", k->version);
    if (usage == 0) {
        if (c.bad || c.n > MAX_SECRET || !sums_up(c.p, c.n, false))
            return hc_fail(err, HC_E_INPUT, "openpgp: invalid data: the secret key is broken");
        memcpy(out, c.p, c.n);
        *out_n = c.n - 2;
        return HC_OK;
    }
    uint8_t cipher = usage >= 253 ? take_u8(&c) : usage, kind = 0, hash = 1, coded = 0;
    hc_str salt = HC_S("");
    if (usage >= 254) {
        kind = take_u8(&c);
        if (kind == 101) /* gpg's stub: the key is on a card or was left out of the export */
            return hc_fail(err, HC_E_INPUT, "openpgp: s2k GNU dummy key: the secret part is not in this keyring");
        hash = take_u8(&c);
        if (kind == 1 || kind == 3)
            salt = take(&c, 8);
        if (kind == 3)
            coded = take_u8(&c);
    }
    size_t at = HC_LEN(ciphers);
    for (size_t i = 0; i < HC_LEN(ciphers); i++)
        if (ciphers[i].id == cipher)
            at = i;
    bool weak;
    const char *name;
    const EVP_MD *md = hash == 1 ? EVP_md5() : pgp_digest(hash, &weak, &name);
    if (usage == 253 || at == HC_LEN(ciphers) || !md || (kind != 0 && kind != 1 && kind != 3))
        return hc_fail(
            err, HC_E_INPUT,
            "openpgp: unsupported feature: the secret key is wrapped in a way that is not known (usage %u, "
            "cipher %u, S2K %u, digest %u)",
            usage, cipher, kind, hash);
    size_t count = kind == 3 ? (size_t)(16 + (coded & 15)) << ((coded >> 4) + 6) : 0;
    hc_str iv = take(&c, ciphers[at].block);
    if (c.bad || c.n <= tail || c.n > MAX_SECRET)
        return hc_fail(err, HC_E_INPUT, "openpgp: invalid data: the secret key is broken");
    unsigned char key[32];
    bool good = string_to_key(md, salt, pass, count, key, ciphers[at].key) &&
                decrypt(cipher, key, (const unsigned char *)iv.p, hc_str_n((const char *)c.p, c.n), out) &&
                sums_up(out, c.n, usage == 254);
    OPENSSL_cleanse(key, sizeof(key));
    if (!good)
        return hc_fail(err, HC_E_INPUT, "openpgp: invalid data: private key checksum failure: wrong passphrase");
    *out_n = c.n - tail;
    return HC_OK;
}

/* ---- libcrypto's form ---------------------------------------------------------------------------- */

/* Public numbers and the secret one, by name. */
static EVP_PKEY *from_numbers(const char *type, const char *const *names, const hc_str *values, size_t n,
                              const char *group, hc_str point)
{
    BIGNUM *numbers[5] = { NULL };
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    bool good = b != NULL;
    if (good && group)
        good = OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
               OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n) == 1;
    for (size_t i = 0; good && i < n; i++)
        good = (numbers[i] = vkey_number(values[i])) != NULL &&
               OSSL_PARAM_BLD_push_BN(b, names[i], numbers[i]) == 1;
    EVP_PKEY *k = good ? vkey_from_build(type, b, EVP_PKEY_KEYPAIR) : NULL;
    OSSL_PARAM_BLD_free(b);
    for (size_t i = 0; i < HC_LEN(numbers); i++)
        BN_clear_free(numbers[i]);
    return k;
}

static EVP_PKEY *edwards(int type, size_t size, hc_str s)
{
    unsigned char raw[57] = { 0 };
    if (s.n > size)
        return NULL;
    memcpy(raw + size - s.n, s.p ? s.p : "", s.n);
    EVP_PKEY *k = EVP_PKEY_new_raw_private_key(type, NULL, raw, size);
    OPENSSL_cleanse(raw, sizeof(raw));
    ERR_clear_error();
    return k;
}

static EVP_PKEY *open_secret(const struct pgp_key *k, hc_str secret)
{
    struct cursor pub = cursor_of(k->material), sec = cursor_of(secret);
    hc_str v[5];
    switch (k->algo) {
    case ALGO_RSA:
    case ALGO_RSA_SIGN: {
        static const char *const names[] = { OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D };
        v[0] = pgp_mpi(&pub);
        v[1] = pgp_mpi(&pub);
        v[2] = pgp_mpi(&sec);
        return pub.bad || sec.bad ? NULL : from_numbers("RSA", names, v, 3, NULL, HC_S(""));
    }
    case ALGO_DSA: {
        static const char *const names[] = { OSSL_PKEY_PARAM_FFC_P, OSSL_PKEY_PARAM_FFC_Q, OSSL_PKEY_PARAM_FFC_G,
                                             OSSL_PKEY_PARAM_PUB_KEY, OSSL_PKEY_PARAM_PRIV_KEY };
        for (size_t i = 0; i < 4; i++)
            v[i] = pgp_mpi(&pub);
        v[4] = pgp_mpi(&sec);
        return pub.bad || sec.bad ? NULL : from_numbers("DSA", names, v, 5, NULL, HC_S(""));
    }
    case ALGO_ECDSA: {
        static const char *const names[] = { OSSL_PKEY_PARAM_PRIV_KEY };
        const char *group = pgp_curve(take(&pub, take_u8(&pub)), NULL);
        hc_str point = pgp_mpi(&pub);
        v[0] = pgp_mpi(&sec);
        return !group || pub.bad || sec.bad ? NULL : from_numbers("EC", names, v, 1, group, point);
    }
    case ALGO_EDDSA: {
        int type = 0;
        (void)pgp_curve(take(&pub, take_u8(&pub)), &type);
        v[0] = pgp_mpi(&sec);
        return type != EVP_PKEY_ED25519 || sec.bad ? NULL : edwards(type, 32, v[0]);
    }
    case ALGO_ED25519:
        v[0] = take(&sec, 32);
        return sec.bad ? NULL : edwards(EVP_PKEY_ED25519, 32, v[0]);
    case ALGO_ED448:
        v[0] = take(&sec, 57);
        return sec.bad ? NULL : edwards(EVP_PKEY_ED448, 57, v[0]);
    default:
        return NULL;
    }
}

enum hc_rc hc_pgp_secret_open(struct hc_pgp_secret *s, hc_str passphrase, struct hc_err *err)
{
    unsigned char secret[MAX_SECRET];
    size_t n = 0;
    if (s->pk)
        return HC_OK;
    enum hc_rc rc = unwrap(&s->key, passphrase, secret, &n, err);
    if (rc == HC_OK) {
        s->pk = open_secret(&s->key, hc_str_n((const char *)secret, n));
        if (!s->pk)
            rc = hc_fail(
                err, HC_E_INPUT,
                "openpgp: unsupported feature: the secret key is of a kind that cannot sign here, or broken");
    }
    OPENSSL_cleanse(secret, sizeof(secret));
    return rc;
}
