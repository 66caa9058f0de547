#pragma once
/*
 * charts-fetch/verify/pgp_impl.h - packets, keys and signatures as pgp_*.c share them
 */
#include "charts-fetch/verify/bytes_impl.h"
#include "charts-fetch/verify/pgp.h"
#include "charts-fetch/verify/pubkey_impl.h"

#define PGP_MAX_RING      ((size_t)32 << 20) /* the keyring of a whole distribution has 10 MiB              */
#define PGP_MAX_KEYS      100000u            /* primary keys and subkeys of a ring                          */
#define PGP_MAX_SIGNATURE ((size_t)1 << 20)  /* a signature with its armour; 1 KiB is usual                 */
#define PGP_MAX_USER_IDS  64u
#define PGP_MAX_CHECKS    512u /* public key operations one verification may cost: 50 ms      */

/* Packet tags and algorithms by RFC 9580, sections 5 and 9. */
enum {
    TAG_SIGNATURE = 2,
    TAG_SECRET_KEY = 5,
    TAG_PUBLIC_KEY = 6,
    TAG_SECRET_SUBKEY = 7,
    TAG_USER_ID = 13,
    TAG_PUBLIC_SUBKEY = 14,
    TAG_USER_ATTRIBUTE = 17
};
enum {
    ALGO_RSA = 1,
    ALGO_RSA_SIGN = 3,
    ALGO_DSA = 17,
    ALGO_ECDSA = 19,
    ALGO_EDDSA = 22,
    ALGO_ED25519 = 27,
    ALGO_ED448 = 28
};
enum {
    SIG_BINARY = 0x00,
    SIG_TEXT = 0x01,
    SIG_CERT = 0x10,
    SIG_CERT_LAST = 0x13,
    SIG_SUBKEY = 0x18,
    SIG_PRIMARY_BACK = 0x19,
    SIG_DIRECT = 0x1f,
    SIG_REVOKE_KEY = 0x20,
    SIG_REVOKE_SUBKEY = 0x28,
    SIG_REVOKE_CERT = 0x30
};
#define FLAG_SIGN 0x02u

struct pgp_packet {
    unsigned tag;
    hc_str body;
};
/* The next packet; false at the end, and with c->bad for what is no packet. */
bool pgp_packet_next(struct cursor *c, struct pgp_packet *out);
/* A multi-precision integer, its leading zeros gone. */
hc_str pgp_mpi(struct cursor *c);

/* A public key, or the public part of a secret one. Slices point into the packet. */
struct pgp_key {
    uint8_t version, algo, fpr_n;
    uint8_t fpr[32];
    uint64_t id;
    uint32_t made;
    hc_str body;     /* of the public key packet: what fingerprints and bindings are made of */
    hc_str material; /* the numbers of its algorithm */
    hc_str secret;   /* what follows in a secret key packet, absent in a public one */
};
/* HC_E_NOTFOUND: a version or shape that is not supported, to be left out. */
enum hc_rc pgp_key_read(const struct pgp_packet *p, struct pgp_key *out);
/* The key for libcrypto, or NULL; *out_bits: of the modulus or prime (RSA, DSA), else 0. */
EVP_PKEY *pgp_key_open(const struct pgp_key *k, int *out_bits);

/* The curve of an object identifier: libcrypto's name, or NULL and *out_edwards (may be NULL) EVP_PKEY_ED25519/448, or 0. */
const char *pgp_curve(hc_str oid, int *out_edwards);

struct pgp_sig {
    uint8_t version, type, algo, hash;
    uint8_t tag16[2]; /* the first bytes of the digest */
    uint8_t flags;    /* of the key it binds */
    bool has_flags, has_made, has_issuer, has_key_life, primary_uid, critical_unknown;
    uint32_t made, life, key_life; /* seconds; life 0: for ever */
    uint64_t issuer;
    hc_str issuer_fpr; /* of the hashed part or the other: a hint, as issuer is */
    hc_str hashed;     /* all that is hashed of the packet itself, from the version on */
    hc_str salt;       /* version 6 */
    hc_str numbers;    /* MPIs, or the raw signature */
    hc_str embedded;   /* body of a signature within */
};
/* HC_PGP_GOOD, MALFORMED or UNSUPPORTED. */
enum hc_pgp_rule pgp_sig_read(hc_str body, struct pgp_sig *out);

/* NULL: not known. *out_weak: too weak for signatures over data. */
const EVP_MD *pgp_digest(uint8_t hash, bool *out_weak, const char **out_name);

/* Checks `s`, made by `k`, over the pieces; costs one of *checks and is false when none is left. */
bool pgp_sig_check(struct hc_arena *a, const struct pgp_sig *s, const struct pgp_key *k, EVP_PKEY *pk,
                   const hc_str *pieces, size_t n, unsigned *checks);

struct pgp_cert {
    struct pgp_key primary;
    hc_str rest; /* the packets behind the primary key, up to the next one */
};
/* The user ids of a key that have a valid self-signature now. */
size_t pgp_user_ids(struct hc_arena *a, const struct pgp_cert *cert, int64_t now_s, hc_str out[PGP_MAX_USER_IDS]);

struct pgp_entry { /* a primary key or a subkey */
    uint64_t id;
    uint32_t cert; /* index */
    bool primary;
    struct pgp_packet packet;
};
struct hc_pgp_ring {
    struct hc_arena *a;
    struct pgp_cert *certs;
    size_t cert_count, cert_cap;
    struct pgp_entry *entries;
    size_t entry_count, entry_cap;
};

/* Armour: the first block from `text` on. `type` "PUBLIC KEY BLOCK"; body decoded. HC_E_NOTFOUND: there is none. */
struct pgp_armor {
    hc_str type, body, rest;
};
enum hc_rc pgp_armor_next(struct hc_arena *a, hc_str text, struct pgp_armor *out, struct hc_err *err);
bool pgp_is_armored(hc_str text);
/* Cuts a line off; CR LF and LF end it and are not in it. False at the end. */
bool pgp_line(hc_str *rest, hc_str *out);
