/*
 * Clearsigning, as Go's library lays it out (the text of a .prov is byte-equal to Helm's but for the signature): a Hash
 * header, dash escapes, no blanks at line ends, an empty line where the text ends with one, armour without a checksum
 * and no line end behind it.
 */
#include <openssl/dsa.h>
#include <openssl/ec.h>
#include <openssl/err.h>

#include "charts-fetch/verify/pgp_secret_impl.h"
#include "core/base/buf.h"
#include "core/base/digest.h"

#define HASH_SHA512 10

static void put_number(struct hc_buf *b, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hc_buf_putc(b, (char)(v >> (8 * (n - 1 - i)) & 0xff));
}

static void put_mpi(struct hc_buf *b, hc_str s)
{
    while (s.n && s.p[0] == 0)
        s = hc_str_sub(s, 1, s.n);
    unsigned bits = (unsigned)s.n * 8;
    for (unsigned top = s.n ? (unsigned char)s.p[0] : 0x80; !(top & 0x80); top <<= 1)
        bits--;
    put_number(b, bits, 2);
    hc_buf_put(b, s);
}

static void put_bn(struct hc_buf *b, const BIGNUM *n)
{
    unsigned char raw[128];
    if (n && BN_num_bytes(n) <= (int)sizeof(raw))
        put_mpi(b, hc_str_n((const char *)raw, (size_t)BN_bn2bin(n, raw)));
    else
        b->spent = true;
}

/* The signature's numbers over the digest. */
static bool sign_digest(const struct hc_pgp_secret *s, hc_str digest, struct hc_buf *b)
{
    unsigned char sig[VKEY_MAX_BITS / 8];
    size_t n = sizeof(sig);
    int type = EVP_PKEY_get_base_id(s->pk);
    bool good;
    if (type == EVP_PKEY_ED25519 || type == EVP_PKEY_ED448) {
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        good = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, s->pk) == 1 &&
               EVP_DigestSign(ctx, sig, &n, (const unsigned char *)digest.p, digest.n) == 1;
        EVP_MD_CTX_free(ctx);
        if (good && s->key.algo == ALGO_EDDSA) {
            put_mpi(b, hc_str_n((const char *)sig, 32));
            put_mpi(b, hc_str_n((const char *)sig + 32, 32));
        } else if (good) {
            hc_buf_put(b, hc_str_n((const char *)sig, n));
        }
        return good;
    }
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(s->pk, NULL);
    good = ctx && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha512()) == 1 &&
           EVP_PKEY_sign(ctx, sig, &n, (const unsigned char *)digest.p, digest.n) == 1;
    EVP_PKEY_CTX_free(ctx);
    const unsigned char *p = sig;
    if (good && type == EVP_PKEY_RSA) {
        put_mpi(b, hc_str_n((const char *)sig, n));
    } else if (good && type == EVP_PKEY_EC) {
        ECDSA_SIG *two = d2i_ECDSA_SIG(NULL, &p, (long)n);
        good = two != NULL;
        if (good) {
            put_bn(b, ECDSA_SIG_get0_r(two));
            put_bn(b, ECDSA_SIG_get0_s(two));
        }
        ECDSA_SIG_free(two);
    } else if (good) {
        DSA_SIG *two = d2i_DSA_SIG(NULL, &p, (long)n);
        const BIGNUM *x = NULL, *y = NULL;
        good = two != NULL;
        if (good) {
            DSA_SIG_get0(two, &x, &y);
            put_bn(b, x);
            put_bn(b, y);
        }
        DSA_SIG_free(two);
    }
    ERR_clear_error();
    return good;
}

/* The signature packet over `bytes`, of the type "text". */
static enum hc_rc put_packet(const struct hc_pgp_secret *s, hc_str bytes, int64_t now_s, struct hc_buf *out,
                             struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf hashed, numbers;
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct vdigest d;
    hc_buf_init(&hashed, 0);
    hc_buf_init(&numbers, 0);
    put_number(&hashed, 4, 1);
    put_number(&hashed, SIG_TEXT, 1);
    put_number(&hashed, s->key.algo, 1);
    put_number(&hashed, HASH_SHA512, 1);
    put_number(&hashed, 6 + 10 + 2 + 21, 2); /* the subpackets: made at, issuer, issuer's fingerprint */
    put_number(&hashed, 5 << 8 | 2, 2);
    put_number(&hashed, (uint64_t)now_s, 4);
    put_number(&hashed, 9 << 8 | 16, 2);
    put_number(&hashed, s->key.id, 8);
    put_number(&hashed, 22 << 8 | 33, 2);
    put_number(&hashed, 4, 1);
    hc_buf_put(&hashed, hc_str_n((const char *)s->key.fpr, 20));
    if (hashed.spent || !vdigest_begin(&d, EVP_sha512()))
        return hc_fail_nomem(err);
    vdigest_add(&d, bytes);
    vdigest_add(&d, hc_buf_str(&hashed));
    const unsigned char tail[6] = { 4, 0xff, 0, 0, (unsigned char)(hashed.n >> 8), (unsigned char)hashed.n };
    vdigest_add(&d, hc_str_n((const char *)tail, sizeof(tail)));
    size_t n = vdigest_end(&d, digest);
    if (!n)
        return hc_fail_nomem(err);
    if (!sign_digest(s, hc_str_n((const char *)digest, n), &numbers) || numbers.spent)
        return hc_fail(err, HC_E_INPUT, "failed to either sign or armor message block: the key cannot sign");
    put_number(out, 0xc0 | TAG_SIGNATURE, 1);
    put_number(out, 255, 1);
    put_number(out, hashed.n + 2 + 2 + numbers.n, 4);
    hc_buf_put(out, hc_buf_str(&hashed));
    put_number(out, 0, 2); /* nothing that is not hashed */
    put_number(out, (uint64_t)digest[0] << 8 | digest[1], 2);
    hc_buf_put(out, hc_buf_str(&numbers));
    return HC_OK;
}

/* The text with dash escapes into `shown`, what is signed into `bytes`. */
static void put_text(hc_str text, struct hc_buf *shown, struct hc_buf *bytes)
{
    hc_str line;
    bool first = true;
    while (hc_str_split(&text, '\n', &line)) {
        while (line.n && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t' || line.p[line.n - 1] == '\r'))
            line.n--;
        if (!first)
            hc_buf_puts(bytes, "\r\n");
        first = false;
        hc_buf_put(bytes, line);
        if (line.n && line.p[0] == '-')
            hc_buf_puts(shown, "- ");
        hc_buf_put(shown, line);
        hc_buf_putc(shown, '\n');
    }
}

enum hc_rc hc_pgp_clearsign(struct hc_arena *a, const struct hc_pgp_secret *s, hc_str text, int64_t now_s,
                            hc_str *out, struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf shown, bytes, packet;
    hc_buf_init(&shown, 0);
    hc_buf_init(&bytes, 0);
    hc_buf_init(&packet, 0);
    hc_buf_puts(&shown, "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n");
    put_text(text, &shown, &bytes);
    enum hc_rc rc = put_packet(s, hc_buf_str(&bytes), now_s, &packet, err);
    if (rc != HC_OK)
        return rc;
    hc_buf_puts(&shown, "-----BEGIN PGP SIGNATURE-----\n\n");
    hc_str packed = hc_base64(a, hc_buf_str(&packet));
    for (size_t i = 0; i < packed.n; i += 64) {
        hc_buf_put(&shown, hc_str_sub(packed, i, i + 64));
        hc_buf_putc(&shown, '\n');
    }
    hc_buf_puts(&shown, "-----END PGP SIGNATURE-----");
    if (bytes.spent || packet.spent || (rc = hc_buf_check(&shown, err, "signed text")) != HC_OK)
        return rc != HC_OK ? rc : hc_fail_nomem(err);
    *out = hc_buf_to_arena(&shown, a);
    return hc_arena_check(a, err, "signed text");
}
