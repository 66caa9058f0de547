#pragma once
/*
 * charts-fetch/verify/sshsig.h - signatures by SSH keys (OpenSSH PROTOCOL.sshsig), checked in process
 *
 * Takes bytes, does no I/O, keeps no state: any thread may call it. Keys: ssh-ed25519, ssh-rsa (signing with rsa-sha2-256
 * and -512 only, 2048 bits or more), ecdsa-sha2-nistp256/384/521, and the sk- forms of ed25519 and nistp256 (user
 * presence required). Certificates are not followed.
 */
#include "core/base/arena.h"

enum hc_sshsig_rule {
    HC_SSHSIG_GOOD = 0,
    HC_SSHSIG_MALFORMED,     /* no armoured SSH signature, or a broken one          */
    HC_SSHSIG_UNSUPPORTED,   /* key or digest kind that is not known or too weak    */
    HC_SSHSIG_NAMESPACE,     /* made for something else than what was asked for     */
    HC_SSHSIG_NO_KEY,        /* its key is not among the allowed ones               */
    HC_SSHSIG_KEY_EXPIRED,   /* the allowed_signers line's valid-before/-after      */
    HC_SSHSIG_BAD_SIGNATURE, /* other data                                          */
};

struct hc_sshsig_result {
    enum hc_sshsig_rule rule;
    char fingerprint[52]; /* "SHA256:..." as ssh-keygen -l prints it */
    hc_str key_type;      /* "ssh-ed25519" */
    hc_str comment;       /* the allowed line's comment, or its principals; may be empty */
};

/* An armoured "SSH SIGNATURE" block is in the text: decides between OpenPGP and SSH. */
bool hc_sshsig_is_armored(hc_str text);

/*
 * Checks the armoured `signature` over `data` in `name_space` ("git"). `allowed`: lines of authorized_keys ("type base64
 * comment") or of allowed_signers ("principals [options] type base64"), comments and empty lines between; lines of kinds
 * that are not known are skipped. `now_s` against the options' valid-after and valid-before. HC_OK: good. HC_E_INPUT: out->rule
 * says which rule failed, err the same in a sentence. *out is always written.
 */
enum hc_rc hc_sshsig_verify(struct hc_arena *a, hc_str allowed, hc_str name_space, hc_str data, hc_str signature,
                            int64_t now_s, struct hc_sshsig_result *out, struct hc_err *err);
