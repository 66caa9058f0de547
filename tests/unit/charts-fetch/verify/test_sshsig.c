/*
 * SSH signatures made by ssh-keygen (fixtures/make.sh) against lists of allowed keys; then what must not pass.
 */
#include "charts-fetch/verify/sshsig.h"
#include "core/base/fs.h"
#include "tests/unit/arena.h"

#include <fcntl.h>

#define NOW 1748779200 /* 2025-06-01T12:00:00Z */

static hc_str fixture(const char *name)
{
    hc_str s = { NULL, 0 };
    hc_str path = hc_arena_printf(arena, "%s/tests/unit/charts-fetch/verify/fixtures/%s", HC_TEST_SOURCE_DIR, name);
    assert_int_equal(hc_read_file(arena, AT_FDCWD, path.p, 1 << 20, &s, NULL), HC_OK);
    return s;
}

static struct hc_err err;
static struct hc_sshsig_result res;

static enum hc_sshsig_rule check(hc_str allowed, const char *ns, hc_str data, hc_str sig)
{
    enum hc_rc rc = hc_sshsig_verify(arena, allowed, hc_str_of(ns), data, sig, NOW, &res, &err);
    assert_int_equal(rc == HC_OK, res.rule == HC_SSHSIG_GOOD);
    if (rc != HC_OK)
        assert_true(err.msg[0] != '\0');
    return res.rule;
}

static void good_ones(void **state)
{
    (void)state;
    static const struct {
        const char *file, *type, *comment;
    } rows[] = { { "ssh-ed25519.sig", "ssh-ed25519", "ed25519" },
                 { "ssh-sha256.sig", "ssh-ed25519", "ed25519" },
                 { "ssh-rsa2048.sig", "ssh-rsa", "rsa2048" },
                 { "ssh-ecdsa256.sig", "ecdsa-sha2-nistp256", "ecdsa256" },
                 { "ssh-ecdsa384.sig", "ecdsa-sha2-nistp384", "ecdsa384" },
                 { "ssh-ecdsa521.sig", "ecdsa-sha2-nistp521", "ecdsa521" },
                 { "ssh-sk-ed25519.sig", "sk-ssh-ed25519@openssh.com", "sk-ed25519" },
                 { "ssh-sk-ecdsa.sig", "sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa" } };
    hc_str allowed = fixture("ssh-allowed"), data = fixture("content.txt");
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        hc_str sig = fixture(rows[i].file);
        assert_true(hc_sshsig_is_armored(sig));
        if (check(allowed, "git", data, sig) != HC_SSHSIG_GOOD)
            fail_msg("%s: %s", rows[i].file, err.msg);
        assert_true(hc_str_eqz(res.key_type, rows[i].type));
        assert_true(hc_str_eqz(res.comment, rows[i].comment));
        assert_int_equal(strlen(res.fingerprint), 50);
        /* Other content, and every byte of the signature changed in turn: never good. */
        assert_int_equal(check(allowed, "git", HC_S("other"), sig), HC_SSHSIG_BAD_SIGNATURE);
        char *copy = hc_arena_strz(arena, sig);
        for (size_t j = 35; j < sig.n - 30; j += 3) {
            char was = copy[j];
            copy[j] = was == 'B' ? 'C' : 'B';
            /* The last base64 digits of a group may carry bits that count for nothing: the padding. */
            if (was != '=' && was != '\n' && sig.p[j + 1] != '=' && sig.p[j + 1] != '\n')
                assert_int_not_equal(check(allowed, "git", data, hc_str_n(copy, sig.n)), HC_SSHSIG_GOOD);
            copy[j] = was;
        }
        for (size_t n = 0; n < sig.n - 1; n += 7)
            assert_int_not_equal(check(allowed, "git", data, hc_str_sub(sig, 0, n)), HC_SSHSIG_GOOD);
    }
}

static void which_rule(void **state)
{
    (void)state;
    hc_str allowed = fixture("ssh-allowed"), data = fixture("content.txt"), sig = fixture("ssh-ed25519.sig");
    assert_int_equal(check(allowed, "git", data, fixture("ssh-stranger.sig")), HC_SSHSIG_NO_KEY);
    assert_non_null(strstr(err.msg, "SHA256:"));
    assert_int_equal(check(allowed, "git", data, fixture("ssh-namespace.sig")), HC_SSHSIG_NAMESPACE);
    assert_int_equal(check(allowed, "file", data, sig), HC_SSHSIG_NAMESPACE);
    assert_int_equal(check(allowed, "git", data, fixture("ssh-sk-untouched.sig")), HC_SSHSIG_BAD_SIGNATURE);
    assert_non_null(strstr(err.msg, "touching"));
    assert_int_equal(check(allowed, "git", data, fixture("ssh-weak1024.sig")), HC_SSHSIG_UNSUPPORTED);
    assert_int_equal(
        check(allowed, "git", data, HC_S("-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----")),
        HC_SSHSIG_MALFORMED);
    assert_int_equal(check(HC_S(""), "git", data, sig), HC_SSHSIG_NO_KEY);
}

/* The forms an allowed line may have. */
static void allowed_lines(void **state)
{
    (void)state;
    hc_str data = fixture("content.txt"), sig = fixture("ssh-ed25519.sig"), all = fixture("ssh-allowed");
    hc_str key = hc_str_sub(all, 0, hc_str_find(all, '\n')); /* type base64 comment */
    key = hc_str_sub(key, 0, hc_str_rfind(key, ' '));
    static const struct {
        const char *before, *behind;
        enum hc_sshsig_rule want;
    } rows[] = {
        { "", "", HC_SSHSIG_GOOD },
        { "", "\r", HC_SSHSIG_GOOD },
        { "# comment\n\n  ", " with a comment", HC_SSHSIG_GOOD },
        { "me@example.org ", "", HC_SSHSIG_GOOD },
        { "a@x,b@y namespaces=\"git\" ", "", HC_SSHSIG_GOOD },
        { "a@x namespaces=\"file,g*\" ", "", HC_SSHSIG_GOOD },
        { "a@x namespaces=\"file\" ", "", HC_SSHSIG_NO_KEY },
        { "a@x valid-after=\"20250101\",valid-before=\"20260101Z\" ", "", HC_SSHSIG_GOOD },
        { "a@x valid-before=\"20250601\" ", "", HC_SSHSIG_KEY_EXPIRED },
        { "a@x valid-after=\"202506011201\" ", "", HC_SSHSIG_KEY_EXPIRED },
        { "a@x valid-after=\"soon\" ", "", HC_SSHSIG_NO_KEY },
        { "a@x cert-authority ", "", HC_SSHSIG_NO_KEY },
        { "a@x new-option ", "", HC_SSHSIG_NO_KEY },
        { "a b c ", "", HC_SSHSIG_NO_KEY },
        { "#", "", HC_SSHSIG_NO_KEY },
        { "", "AAAA", HC_SSHSIG_NO_KEY },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        hc_str line = hc_arena_printf(arena, "ssh-dss AAAA old\n%s%.*s%s\n", rows[i].before, HC_P(key),
                                      rows[i].behind);
        if (check(line, "git", data, sig) != rows[i].want)
            fail_msg("row %zu: rule %d: %s", i, (int)res.rule, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(good_ones), cmocka_unit_test(which_rule),
                                        cmocka_unit_test(allowed_lines) };
    return cmocka_run_group_tests(tests, setup, teardown);
}
