#pragma once
/*
 * charts-fetch/verify/pgp.h - OpenPGP signatures (RFC 9580 and 4880), checked in process
 *
 * Takes bytes, does no I/O, starts no program and keeps no state: any thread may call it. Keyrings are read whatever
 * form they were exported in; a signature counts only when the key that made it is bound to a primary key of the ring
 * by valid self-signatures, may sign, and is neither expired nor revoked now. Keys and signatures of version 4 and 6;
 * RSA, DSA, ECDSA (NIST, Brainpool), Ed25519, Ed448. MD5, SHA-1 and RIPEMD-160 are refused in signatures over data.
 *
 * Memory of everything lives in the arena given; keyring bytes are borrowed for as long as the keyring is used.
 */
#include "core/base/arena.h"

/* Which rule a signature failed. */
enum hc_pgp_rule {
    HC_PGP_GOOD = 0,
    HC_PGP_MALFORMED,         /* not an OpenPGP signature, or broken           */
    HC_PGP_UNSUPPORTED,       /* version, algorithm or critical part not known */
    HC_PGP_NO_KEY,            /* its key is not in the keyring                 */
    HC_PGP_KEY_UNFIT,         /* not bound to its primary key, or may not sign */
    HC_PGP_WEAK,              /* digest or key is too weak to count            */
    HC_PGP_BAD_SIGNATURE,     /* other data or another key                     */
    HC_PGP_KEY_REVOKED,       /* the key, its primary key or its user id       */
    HC_PGP_KEY_EXPIRED,       /* the key or its primary key                    */
    HC_PGP_SIGNATURE_EXPIRED, /* or made in the future, or before its key      */
};

struct hc_pgp_ring;

/* An empty keyring in the arena; NULL: no memory. */
HC_MUST_USE struct hc_pgp_ring *hc_pgp_ring_new(struct hc_arena *a);
/*
 * Adds the keys in `bytes`: ASCII armour (several blocks, public or private, text between them is skipped), a binary
 * export (pubring.gpg, secring.gpg) or GnuPG's keybox (pubring.kbx), up to 32 MiB. Keys of versions nobody makes any
 * more are left out. HC_E_INPUT: not a keyring, or no key in it.
 */
enum hc_rc hc_pgp_ring_add(struct hc_pgp_ring *ring, hc_str bytes, struct hc_err *err);
size_t hc_pgp_ring_count(const struct hc_pgp_ring *ring); /* primary keys */

struct hc_pgp_result {
    enum hc_pgp_rule rule;
    char key_id[17]; /* upper-case hex of the key that signed (the signature says so when the key is not there) */
    char fingerprint[65];   /* upper-case hex of that key, empty without it */
    char primary[65];       /* of its primary key */
    const hc_str *user_ids; /* of the primary key, those with a valid self-signature, in its order */
    size_t user_id_count;
    hc_str user_id;     /* the primary one, or absent */
    int64_t made_s;     /* when the signature says it was made, seconds since 1970 */
    const char *digest; /* "SHA512" */
};

/*
 * Checks a detached signature (armoured or binary; of several the first that is good counts) over `data`. `now_s`:
 * seconds since 1970. HC_OK: good. HC_E_INPUT: out->rule says which rule failed, err the same in a sentence. *out is
 * always written.
 */
enum hc_rc hc_pgp_verify(struct hc_arena *a, const struct hc_pgp_ring *ring, hc_str data, hc_str signature,
                         int64_t now_s, struct hc_pgp_result *out, struct hc_err *err);

/* A clearsigned text (RFC 9580, 7) in its parts. */
struct hc_pgp_clearsigned {
    hc_str text;      /* without dash escapes and blanks at line ends, LF between lines, none at the end */
    hc_str bytes;     /* what is signed: the same with CR LF */
    hc_str signature; /* the armoured signature */
};
/* The first clearsigned message in `text` (what stands before and after it is nobody's): HC_E_NOTFOUND when there is no
 * whole one. Nothing of it is to be believed before hc_pgp_verify(bytes, signature). */
enum hc_rc hc_pgp_clearsigned(struct hc_arena *a, hc_str text, struct hc_pgp_clearsigned *out, struct hc_err *err);
