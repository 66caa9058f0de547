#pragma once
/*
 * charts-fetch/verify/pgp_sign.h - clearsigning with a secret key out of a keyring
 *
 * Secret keys of an exported keyring (`gpg --export-secret-keys`, secring.gpg), plain or under a passphrase (iterated,
 * salted and simple S2K; AES, 3DES, CAST5), version 4. Decrypted numbers are wiped when they were used;
 * no message carries any of them.
 */
#include "charts-fetch/verify/pgp.h"

struct hc_pgp_secret;

/*
 * The key one of whose user ids is `id` or, where none is, contains it, as Helm looks for it (its words in errors): the
 * primary key. HC_E_INPUT: none, more than one, or no secret part. Lives in `a`.
 */
enum hc_rc hc_pgp_secret_find(struct hc_arena *a, const struct hc_pgp_ring *ring, hc_str id, int64_t now_s,
                              struct hc_pgp_secret **out, struct hc_err *err);
hc_str hc_pgp_secret_user_id(const struct hc_pgp_secret *s);
bool hc_pgp_secret_locked(const struct hc_pgp_secret *s);
/* Takes the key out of its wrapping; `passphrase` is not looked at where there is none. */
enum hc_rc hc_pgp_secret_open(struct hc_pgp_secret *s, hc_str passphrase, struct hc_err *err);
void hc_pgp_secret_close(struct hc_pgp_secret *s); /* NULL is fine */
/* `text` clearsigned with SHA-512; an opened key. */
enum hc_rc hc_pgp_clearsign(struct hc_arena *a, const struct hc_pgp_secret *s, hc_str text, int64_t now_s,
                            hc_str *out, struct hc_err *err);
