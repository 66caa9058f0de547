#pragma once
/*
 * charts-fetch/verify/pubkey_impl.h - public keys and signatures on libcrypto
 *
 * Makers give a key the caller frees (HC_AUTO(vkey)), or NULL for numbers that make none. Checks are false for anything
 * but a good signature.
 */
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "core/base/arena.h"
#include "core/base/str.h"

#define VKEY_MAX_BITS 16384 /* of an RSA modulus or a DSA prime: libcrypto's own ceiling for RSA */

static inline void vkey_auto(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}
#define vkey vkey_auto

/* Numbers as bytes, the highest first, any leading zeros. */
EVP_PKEY *vkey_rsa(hc_str n, hc_str e);
EVP_PKEY *vkey_dsa(hc_str p, hc_str q, hc_str g, hc_str y);
/* `group` as libcrypto names it ("P-256", "brainpoolP256r1"); the point as 0x04 x y. */
EVP_PKEY *vkey_ec(const char *group, hc_str point);
/* EVP_PKEY_ED25519 or EVP_PKEY_ED448, the point as it is. */
EVP_PKEY *vkey_edwards(int type, hc_str point);
/* For other makers. A number of bytes, the highest first; NULL: none, or longer than any key's. A key of `selection`
 * (EVP_PKEY_PUBLIC_KEY, EVP_PKEY_KEYPAIR) out of what was pushed, which stays the caller's. */
BIGNUM *vkey_number(hc_str s);
EVP_PKEY *vkey_from_build(const char *type, OSSL_PARAM_BLD *b, int selection);
/* A PEM of a public key ("PUBLIC KEY", "RSA PUBLIC KEY"); the first in `text`. */
EVP_PKEY *vkey_pem(hc_str text);

/* RSA PKCS#1 v1.5, DSA and ECDSA (signature in DER) over a digest. An RSA signature may lack its leading zeros. */
bool vkey_check_digest(EVP_PKEY *k, const EVP_MD *md, hc_str digest, hc_str signature);
/* Ed25519 and Ed448 (md NULL), and the others over what `md` makes of the message. */
bool vkey_check(EVP_PKEY *k, const EVP_MD *md, hc_str message, hc_str signature);
/* RSASSA-PSS, salt as long as the digest at least (any length). */
bool vkey_check_pss(EVP_PKEY *k, const EVP_MD *md, hc_str message, hc_str signature);

/* The DER form of a signature of two numbers; absent when memory is out or a number is too long. */
hc_str vkey_two_numbers(struct hc_arena *a, hc_str r, hc_str s);

/* A digest over several pieces: init, add..., end (gives the length). */
struct vdigest {
    EVP_MD_CTX *ctx;
};
bool vdigest_begin(struct vdigest *d, const EVP_MD *md);
void vdigest_add(struct vdigest *d, hc_str s);
/* 0: no memory on the way. Frees. */
size_t vdigest_end(struct vdigest *d, unsigned char out[EVP_MAX_MD_SIZE]);
/* All at once. */
size_t vdigest_of(const EVP_MD *md, hc_str s, unsigned char out[EVP_MAX_MD_SIZE]);
