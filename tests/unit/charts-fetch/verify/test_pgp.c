/*
 * OpenPGP signatures made by gpg and by Go's library (fixtures/make.sh) against keyrings in all forms; then what must
 * not pass.
 */
#include "charts-fetch/verify/pgp.h"
#include "charts-fetch/verify/pgp_sign.h"
#include "charts-fetch/verify/prov.h"
#include "core/base/fs.h"
#include "tests/unit/arena.h"

#include <fcntl.h>

#define NOW 1764547200 /* 2025-12-01T00:00:00Z; the fixtures are of 2025-06-01 */

static struct hc_err err;
static struct hc_pgp_result res;

static hc_str fixture(const char *name)
{
    hc_str s = { NULL, 0 };
    hc_str path = hc_arena_printf(arena, "%s/tests/unit/charts-fetch/verify/fixtures/%s", HC_TEST_SOURCE_DIR, name);
    assert_int_equal(hc_read_file(arena, AT_FDCWD, path.p, 1 << 20, &s, NULL), HC_OK);
    return s;
}

static struct hc_pgp_ring *ring_of(const char *name)
{
    struct hc_pgp_ring *r = hc_pgp_ring_new(arena);
    if (hc_pgp_ring_add(r, fixture(name), &err) != HC_OK)
        fail_msg("%s: %s", name, err.msg);
    return r;
}

static enum hc_pgp_rule check(const struct hc_pgp_ring *ring, hc_str data, hc_str sig, int64_t now)
{
    enum hc_rc rc = hc_pgp_verify(arena, ring, data, sig, now, &res, &err);
    assert_int_equal(rc == HC_OK, res.rule == HC_PGP_GOOD);
    if (rc != HC_OK)
        assert_true(err.msg[0] != '\0');
    return res.rule;
}

static void algorithms(void **state)
{
    (void)state;
    static const char *const names[] = { "rsa", "dsa", "p256", "p384",  "p521", "bp256",
                                         "ed",  "sub", "v6",   "ed448", "v4new" };
    hc_str data = fixture("content.txt");
    for (size_t i = 0; i < HC_LEN(names); i++) {
        const struct hc_pgp_ring *ring = ring_of(hc_arena_printf(arena, "pgp-%s.pub", names[i]).p);
        hc_str sig = fixture(hc_arena_printf(arena, "pgp-%s.sig", names[i]).p);
        if (check(ring, data, sig, NOW) != HC_PGP_GOOD)
            fail_msg("%s: %s", names[i], err.msg);
        hc_str id = hc_arena_printf(arena, "%s <%s@example.org>", names[i], names[i]);
        assert_true(hc_str_eq(res.user_id, id));
        assert_int_equal(res.user_id_count, 1);
        assert_int_equal(res.made_s, 1748779200);
        assert_int_equal(strcmp(res.primary, res.fingerprint) != 0, strcmp(names[i], "sub") == 0);
        assert_int_equal(check(ring, HC_S("other"), sig, NOW), HC_PGP_BAD_SIGNATURE);
        /* Every third character changed, and every cut: never good. (The checksum's four do not count.) */
        char *copy = hc_arena_strz(arena, sig);
        hc_str body = hc_str_sub(sig, 0,
                                 hc_str_find_str(sig, HC_S("\n=")) == SIZE_MAX
                                     ? hc_str_find_str(sig, HC_S("\n-----END"))
                                     : hc_str_find_str(sig, HC_S("\n=")));
        /* What is not hashed may change: the issuer hint in the unhashed part. */
        for (size_t j = 60; j + 8 < body.n; j += 3) {
            char was = copy[j];
            copy[j] = was == 'B' ? 'C' : 'B';
            if (was != '\n' && was != '=' && check(ring, data, hc_str_n(copy, sig.n), NOW) == HC_PGP_GOOD)
                assert_true(j < body.n - 70); /* but never the numbers at the end */
            copy[j] = was;
        }
        for (size_t n = 0; n < sig.n - 2; n += 11)
            assert_int_not_equal(check(ring, data, hc_str_sub(sig, 0, n), NOW), HC_PGP_GOOD);
    }
}

static void which_rule(void **state)
{
    (void)state;
    static const struct {
        const char *ring, *sig;
        int64_t now;
        enum hc_pgp_rule want;
        const char *says;
    } rows[] = {
        { "pgp-ed.pub", "pgp-rsa.sig", NOW, HC_PGP_NO_KEY, "not in the keyring" },
        { "pgp-expired.pub", "pgp-expired.sig", NOW, HC_PGP_KEY_EXPIRED, "expired on 2025-06-11" },
        { "pgp-expired.pub", "pgp-expired.sig", 1748880000, HC_PGP_GOOD, NULL },
        { "pgp-p256.pub", "pgp-sigexpired.sig", NOW, HC_PGP_SIGNATURE_EXPIRED, "expired on 2025-06-11" },
        { "pgp-p256.pub", "pgp-sigexpired.sig", 1748880000, HC_PGP_GOOD, NULL },
        { "pgp-ed.pub", "pgp-ed.sig", 1700000000, HC_PGP_KEY_UNFIT,
          "self-signature" }, /* all of it is of the future */
        { "pgp-revoked.pub", "pgp-revoked.sig", NOW, HC_PGP_KEY_REVOKED, "revoked" },
        { "pgp-subrevoked.pub", "pgp-sub.sig", NOW, HC_PGP_KEY_REVOKED, "revoked" },
        { "pgp-rsa.pub", "pgp-sha1.sig", NOW, HC_PGP_WEAK, "SHA1" },
        { "pgp-weakkey.pub", "pgp-weakkey.sig", NOW, HC_PGP_WEAK, "1024 bits" },
        { "pgp-flags.pub", "pgp-flags.sig", NOW, HC_PGP_KEY_UNFIT, "not meant for signing" },
        { "pgp-rsa.pub", "pgp-text.sig", NOW, HC_PGP_GOOD, NULL },
        { "pgp-rsa.pub", "pgp-binary.sig", NOW, HC_PGP_GOOD, NULL },
        { "pgp-ring.pub", "pgp-ed.sig", NOW, HC_PGP_GOOD, NULL },
        { "pgp-ring.gpg", "pgp-p256.sig", NOW, HC_PGP_GOOD, NULL },
        { "pgp-ring.kbx", "pgp-p521.sig", NOW, HC_PGP_GOOD, NULL },
        { "pgp-ring.kbx", "pgp-revoked.sig", NOW, HC_PGP_KEY_REVOKED, "revoked" },
        /* Signed by two: either key will do, a stranger's beside it does no harm. */
        { "pgp-rsa.pub", "pgp-two.sig", NOW, HC_PGP_GOOD, NULL },
        { "pgp-ed.pub", "pgp-two.sig", NOW, HC_PGP_GOOD, NULL },
        { "pgp-p256.pub", "pgp-two.sig", NOW, HC_PGP_NO_KEY, "not in the keyring" },
        { "pgp-rsa.pub", "pgp-rsa.pub", NOW, HC_PGP_MALFORMED, "PUBLIC KEY BLOCK" },
        { "pgp-rsa.pub", "content.txt", NOW, HC_PGP_MALFORMED, "broken" },
        { "pgp-rsa.pub", "pgp-ring.gpg", NOW, HC_PGP_MALFORMED, "something else" },
    };
    hc_str data = fixture("content.txt");
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        err = (struct hc_err)HC_ERR_INIT;
        enum hc_pgp_rule got = check(ring_of(rows[i].ring), data, fixture(rows[i].sig), rows[i].now);
        if (got != rows[i].want || (rows[i].says && !strstr(err.msg, rows[i].says)))
            fail_msg("row %zu, %s against %s: rule %d: %s", i, rows[i].sig, rows[i].ring, (int)got, err.msg);
    }
}

static void rings(void **state)
{
    (void)state;
    assert_int_equal(hc_pgp_ring_count(ring_of("pgp-ring.pub")), 2);
    assert_int_equal(hc_pgp_ring_count(ring_of("pgp-ring.gpg")), 4);
    assert_true(hc_pgp_ring_count(ring_of("pgp-ring.kbx")) > 10);
    /* Exports after each other with text between. */
    hc_str two = hc_arena_printf(arena, "key one\n%.*s\nkey two\n%.*s", HC_P(fixture("pgp-rsa.pub")),
                                 HC_P(fixture("pgp-ed.pub")));
    struct hc_pgp_ring *r = hc_pgp_ring_new(arena);
    assert_int_equal(hc_pgp_ring_add(r, two, &err), HC_OK);
    assert_int_equal(hc_pgp_ring_add(r, fixture("pgp-p256.pub"), &err), HC_OK);
    assert_int_equal(hc_pgp_ring_count(r), 3);
    static const char *const bad[] = {
        "",
        "no keys here",
        "\x99\x01",
        "\x99\xff\xff\x04",
        "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n*\n-----END PGP PUBLIC KEY BLOCK-----",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----"
    };
    for (size_t i = 0; i < HC_LEN(bad); i++)
        assert_int_equal(hc_pgp_ring_add(hc_pgp_ring_new(arena), hc_str_of(bad[i]), &err), HC_E_INPUT);
    /* Cut keyrings: an error or fewer keys, and what is left of a key without its self-signatures is worth nothing. */
    static const char *const files[] = { "pgp-ring.gpg", "pgp-ring.kbx", "pgp-ring.pub" };
    for (size_t f = 0; f < HC_LEN(files); f++) {
        hc_str whole = fixture(files[f]), data = fixture("content.txt"), sig = fixture("pgp-rsa.sig");
        for (size_t n = 0; n < HC_MIN(whole.n, 1500); n += 5) {
            struct hc_pgp_ring *cut = hc_pgp_ring_new(arena);
            (void)hc_pgp_ring_add(cut, hc_str_sub(whole, 0, n), &err);
            (void)check(cut, data, sig, NOW);
        }
    }
    /* A key whose self-signature was tampered with is not bound. */
    hc_str rsa = fixture("pgp-ring.gpg");
    char *copy = hc_arena_strz(arena, rsa);
    hc_str at = hc_str_sub(rsa, 0, rsa.n);
    size_t uid = hc_str_find_str(at, HC_S("rsa <rsa@"));
    copy[uid] = 'R';
    r = hc_pgp_ring_new(arena);
    assert_int_equal(hc_pgp_ring_add(r, hc_str_n(copy, rsa.n), &err), HC_OK);
    assert_int_equal(check(r, fixture("content.txt"), fixture("pgp-rsa.sig"), NOW), HC_PGP_KEY_UNFIT);
}

static void clearsigned(void **state)
{
    (void)state;
    struct hc_pgp_clearsigned c;
    hc_str text = fixture("pgp-clear.txt");
    assert_int_equal(hc_pgp_clearsigned(arena, text, &c, &err), HC_OK);
    assert_true(hc_str_eqz(c.text, "chart: one\nline with blanks\n- dash"));
    assert_int_equal(check(ring_of("pgp-rsa.pub"), c.bytes, c.signature, NOW), HC_PGP_GOOD);
    /* Text before and behind is not in it. */
    hc_str more = hc_arena_printf(arena, "before\n%.*sbehind\n", HC_P(text));
    struct hc_pgp_clearsigned d;
    assert_int_equal(hc_pgp_clearsigned(arena, more, &d, &err), HC_OK);
    assert_true(hc_str_eq(c.text, d.text));
    static const char *const bad[] = {
        "",
        "plain",
        "-----BEGIN PGP SIGNED MESSAGE-----",
        "-----BEGIN PGP SIGNED MESSAGE----- more\n\na\n-----BEGIN PGP SIGNATURE-----\n\n-----END PGP "
        "SIGNATURE-----",
        "-----BEGIN PGP SIGNED MESSAGE-----\nComment: looks signed\n\na\n-----BEGIN PGP SIGNATURE-----\n\n-----END "
        "PGP SIGNATURE-----",
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA999\n\na\n-----BEGIN PGP SIGNATURE-----\n\n-----END PGP "
        "SIGNATURE-----",
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\na\n-----BEGIN PGP SIGNATURE-----\n\nAAAA",
    };
    for (size_t i = 0; i < HC_LEN(bad); i++) {
        assert_int_equal(hc_pgp_clearsigned(arena, hc_str_of(bad[i]), &c, &err), HC_E_NOTFOUND);
        assert_string_equal(err.msg, "signature block not found");
    }
}

/* A secret key in each wrapping signs, and what it signs is read again. */
static void signing(void **state)
{
    (void)state;
    static const char *const names[] = { "cast5", "3des", "aes128", "aes192", "aes256" };
    hc_str text = HC_S("a: b \n- dash\n...\nlast\n"), out = { NULL, 0 };
    for (size_t i = 0; i < HC_LEN(names); i++) {
        struct hc_pgp_secret *key = NULL;
        struct hc_pgp_clearsigned c;
        const struct hc_pgp_ring *ring = ring_of(hc_arena_printf(arena, "pgp-sec-%s.key", names[i]).p);
        assert_int_equal(hc_pgp_secret_find(arena, ring, HC_S("nobody"), NOW, &key, &err), HC_E_INPUT);
        assert_string_equal(err.msg, "private key not found");
        assert_int_equal(hc_pgp_secret_find(arena, ring, HC_S("@example"), NOW, &key, &err), HC_OK);
        assert_true(hc_pgp_secret_locked(key));
        assert_int_equal(hc_pgp_secret_open(key, HC_S("wrong"), &err), HC_E_INPUT);
        assert_non_null(strstr(err.msg, "checksum failure"));
        assert_int_equal(hc_pgp_secret_open(key, HC_S("open sesame"), &err), HC_OK);
        assert_int_equal(hc_pgp_clearsign(arena, key, text, NOW, &out, &err), HC_OK);
        hc_pgp_secret_close(key);
        assert_true(
            hc_str_starts(out, HC_S("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\na: b\n- - dash\n...\n"
                                    "last\n\n-----BEGIN PGP SIGNATURE-----\n\n")));
        assert_int_equal(hc_pgp_clearsigned(arena, out, &c, &err), HC_OK);
        assert_true(hc_str_eqz(c.text, "a: b\n- dash\n...\nlast\n"));
        if (check(ring, c.bytes, c.signature, NOW) != HC_PGP_GOOD)
            fail_msg("%s: %s", names[i], err.msg);
    }
    struct hc_pgp_secret *key = NULL;
    assert_int_equal(hc_pgp_secret_find(arena, ring_of("pgp-rsa.pub"), HC_S("rsa"), NOW, &key, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "not a private key"));
    assert_int_equal(hc_pgp_secret_find(arena, ring_of("pgp-ring.kbx"), HC_S("@"), NOW, &key, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "more than one key contain the id"));
}

/* A signed text must name the archive, with its digest. */
static void provenance(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "name: x\n\n...\nfiles:\n  x-1.tgz: sha256:5e4d\n",
          "sha256 sum does not match for x-1.tgz: \"sha256:5e4d\"" },
        { "name: x\n\n...\nfiles:\n  y-1.tgz: sha256:00\n", "does not contain a SHA for a file named \"x-1.tgz\"" },
        { "name: x\n\n...\nfiles: [1, 2]\n", "does not contain a SHA" },
        { "name: x\n\n...\n- {\n", "digests in the provenance file" },
        { "name: x\n", "at least two parts" },
    };
    const struct hc_pgp_ring *ring = ring_of("pgp-sec-aes128.key");
    struct hc_pgp_secret *key = NULL;
    struct hc_prov p;
    hc_str out = { NULL, 0 }, archive = HC_S("not much of an archive");
    assert_int_equal(hc_pgp_secret_find(arena, ring, HC_S("aes128"), NOW, &key, &err), HC_OK);
    assert_int_equal(hc_pgp_secret_open(key, HC_S("open sesame"), &err), HC_OK);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        assert_int_equal(hc_pgp_clearsign(arena, key, hc_str_of(rows[i].text), NOW, &out, &err), HC_OK);
        assert_int_equal(hc_prov_verify(arena, ring, archive, out, HC_S("x-1.tgz"), NOW, &p, &err), HC_E_INPUT);
        if (!strstr(err.msg, rows[i].says))
            fail_msg("row %zu: %s", i, err.msg);
    }
    hc_str text = hc_prov_text(arena, HC_S("name: x\n"), archive, HC_S("x-1.tgz"));
    assert_int_equal(hc_pgp_clearsign(arena, key, text, NOW, &out, &err), HC_OK);
    hc_pgp_secret_close(key);
    assert_int_equal(hc_prov_verify(arena, ring, archive, out, HC_S("x-1.tgz"), NOW, &p, &err), HC_OK);
    assert_true(
        hc_str_starts(hc_prov_report(arena, &p), HC_S("Signed by: aes128 <aes128@example.org>\nUsing Key With ")));
    /* Wrong rings, with Helm's words first. */
    assert_int_equal(hc_prov_verify(arena, ring_of("pgp-rsa.pub"), archive, out, HC_S("x-1.tgz"), NOW, &p, &err),
                     HC_E_INPUT);
    assert_int_equal(p.by.rule, HC_PGP_NO_KEY);
    assert_non_null(strstr(err.msg, "openpgp: signature made by unknown entity: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(algorithms), cmocka_unit_test(which_rule),
                                        cmocka_unit_test(rings),      cmocka_unit_test(clearsigned),
                                        cmocka_unit_test(signing),    cmocka_unit_test(provenance) };
    return cmocka_run_group_tests(tests, setup, teardown);
}
