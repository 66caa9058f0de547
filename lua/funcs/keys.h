#pragma once
/*
 * lua/funcs/keys.h - private keys and certificates for templates
 *
 * Keys are made of random bytes that come through the door, so that a recorded run gives the same keys again.
 * Handles are libcrypto's; free them with EVP_PKEY_free.
 */
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "lua/funcs/funcs.h"

/* Before anything else of libcrypto: its configuration file stays unread, and what it holds at exit is left to the kernel. */
void hc_libcrypto_start(void);
void hc_pkey_auto(EVP_PKEY **k);
enum hc_rc hc_key_rsa(struct hc_fcall *c, int bits, EVP_PKEY **out);
/* The PEM text that Go writes: PKCS #1 for RSA, SEC 1 for EC, PKCS #8 for Ed25519. */
enum hc_rc hc_key_pem(struct hc_fcall *c, EVP_PKEY *key, hc_str *out);
/* Reads what hc_key_pem writes, with Go's complaints. */
enum hc_rc hc_key_read(struct hc_fcall *c, hc_str pem, EVP_PKEY **out);
/* The first PEM block: its type, and its bytes decoded; false: there is none. */
bool hc_pem_block(struct hc_arena *a, hc_str text, hc_str *out_type, hc_str *out_bytes);
