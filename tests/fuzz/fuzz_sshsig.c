/*
 * Signatures by SSH keys: lines of allowed keys, NUL, a signature over a known text. A signature that does not begin
 * with dashes is put into its armour first, so that what is below the base64 is reached.
 */
#include "charts-fetch/verify/sshsig.h"
#include "core/base/digest.h"
#include "tests/fuzz/fuzz.h"

#define NOW 1764547200
#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKy/G+bY9eXcU1+EDDn4QeNRecju4K819VbjYarEpw4u ed25519\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    struct hc_sshsig_result res;
    hc_str rest = fuzz_text(data, size), allowed = fuzz_part(&rest);
    if (!rest.p)
        return 0;
    if (rest.n && rest.p[0] != '-')
        rest = hc_arena_printf(a, "-----BEGIN SSH SIGNATURE-----\n%.*s\n-----END SSH SIGNATURE-----\n",
                               HC_P(hc_base64(a, rest)));
    if (!allowed.n)
        allowed = HC_S(KEY);
    enum hc_rc rc = hc_sshsig_verify(a, allowed, HC_S("git"), HC_S("chart: one\nline with blanks  \n- dash\n"),
                                     rest, NOW, &res, &err);
    if ((rc == HC_OK) != (res.rule == HC_SSHSIG_GOOD) || (rc != HC_OK && !err.msg[0]) || rc == HC_E_BUG)
        abort();
    return 0;
}
