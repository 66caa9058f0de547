/*
 * charts-fetch/source: the parts of Git that need no server, and GitHub App tokens against a stand-in of that API.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "charts-fetch/source/git_impl.h"
#include "core/base/clock.h"
#include "tests/unit/loopback.h"
#include "tests/unit/unit.h"

static struct hc_err err;

static void urls_of_sub_modules(void **state)
{
    (void)state;
    static const struct {
        const char *parent, *url, *want; /* want NULL: refused */
    } rows[] = {
        { "https://h/a/b.git", "../c.git", "https://h/a/c.git" },
        { "https://h/a/b.git/", "../c.git", "https://h/a/c.git" },
        { "https://h/a/b.git", "../../c.git", "https://h/c.git" },
        { "https://h/a/b.git", "../../../c.git", NULL },
        { "https://h/a/b.git", "./c.git", "https://h/a/b.git/c.git" },
        { "ssh://git@h:22/a/b", "../c", "ssh://git@h:22/a/c" },
        { "https://h/a/b.git", "https://x/y", "https://x/y" },
        { "https://h/a/b.git", "git@x:o/y.git", "ssh://git@x/o/y.git" },
        { "https://h/a/b.git", "x:/abs", "ssh://x/abs" },
        { "https://h/a/b.git", "/etc/passwd", NULL },
        { "https://h/a/b.git", "file:///etc", NULL },
        { "https://h/a/b.git", "ext::sh -c x", "ssh://ext/:sh -c x" }, /* a host's name, never a command */
        { "https://h/a/b.git", "", NULL },
        { "https://h/a/b.git", "-u/x:y", NULL },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        hc_str got = git_module_url(a, hc_str_of(rows[i].parent), hc_str_of(rows[i].url));
        if (rows[i].want ? !hc_str_eqz(got, rows[i].want) : got.p != NULL)
            fail_msg("%s and %s: %.*s", rows[i].parent, rows[i].url, HC_P(got));
    }
}

static void files_of_sub_modules(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct git_module *m;
    size_t n;
    hc_str text = HC_S(
        "# c\n[submodule \"one two\"]\n\tpath = \"lib/a b\" ; c\n\tURL=../x.git # c\n\tbranch = main\n"
        "[core]\npath = no\n[submodule \"b\"]\npath = b/\nurl = \"https://h/x#y\"\n[submodule]\npath=z\n");
    assert_int_equal(git_parse_modules(a, text, &m, &n), HC_OK);
    assert_int_equal(n, 2);
    assert_true(hc_str_eqz(m[0].name, "one two") && hc_str_eqz(m[0].path, "lib/a b") &&
                hc_str_eqz(m[0].url, "../x.git"));
    assert_true(hc_str_eqz(m[1].path, "b") && hc_str_eqz(m[1].url, "https://h/x#y"));
}

#define KEY   "AAAAC3NzaC1lZDI1NTE5AAAABGFiY2Q="
#define OTHER "AAAAC3NzaC1lZDI1NTE5AAAABGFiY2U="

static void host_keys(void **state)
{
    (void)state;
    static const char key[] = "\0\0\0\x0bssh-ed25519\0\0\0\x04"
                              "abcd";
    static const struct {
        const char *host;
        int port;
        const char *file, *says; /* says NULL: good */
    } rows[] = {
        { "h.x", 22, "h.x ssh-ed25519 " KEY, NULL },
        { "H.x", 22, "h.x ssh-ed25519 " KEY " comment", NULL },
        { "h.x", 22, "a,h.x,b ssh-ed25519 " KEY, NULL },
        { "h.x", 22, "*.x ssh-ed25519 " KEY, NULL },
        { "h.x", 22, "*.x,!h.x ssh-ed25519 " KEY, "is not in" },
        { "h.x", 2222, "[h.x]:2222 ssh-ed25519 " KEY, NULL },
        { "h.x", 2222, "h.x ssh-ed25519 " KEY, NULL },
        { "h.x", 22, "[h.x]:2222 ssh-ed25519 " KEY, "is not in" },
        { "h.x", 22, "h.x ssh-ed25519 " OTHER "\nh.x ssh-ed25519 " KEY, NULL },
        { "h.x", 22, "h.x ssh-ed25519 " OTHER, "has changed: known_hosts has ssh-ed25519 SHA256:" },
        { "h.x", 22, "h.x ssh-rsa AAAA", "only one of another kind" },
        { "h.x", 22, "h.x ssh-ed25519 " KEY "\n@revoked * ssh-ed25519 " KEY, "is marked @revoked" },
        { "h.x", 22, "@revoked h.x ssh-ed25519 " OTHER "\nh.x ssh-ed25519 " KEY, NULL },
        { "h.x", 22, "@cert-authority *.x ssh-ed25519 " KEY, "only a @cert-authority, which is not followed" },
        { "h.x", 22, "@unknown h.x ssh-ed25519 " KEY, "is not in" },
        { "h.x", 22, "h.x ssh-rsa " KEY, "only one of another kind" },
        { "h.x", 22, "h.x", "is not in" },
        { "h.x", 22, "\n# c\n\r\n h.x\tssh-ed25519\t" KEY "\r\n", NULL },
        { "h.x", 22, "|1|AAAA ssh-ed25519 " KEY, "is not in" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        enum hc_rc rc = git_check_host_key(hc_str_of(rows[i].file), hc_str_of(rows[i].host), rows[i].port,
                                           "ssh-ed25519", hc_str_n(key, sizeof(key) - 1), &err);
        if (rows[i].says ? rc != HC_E_INPUT || !strstr(err.msg, rows[i].says) : rc != HC_OK)
            fail_msg("%s: %s", rows[i].file, rc == HC_OK ? "good" : err.msg);
    }
    HC_AUTO(hc_buf) struct hc_buf kinds;
    hc_buf_init(&kinds, 1024);
    git_known_kinds(
        HC_S("a ssh-rsa A\nh.x ssh-rsa A\nh.x ecdsa-sha2-nistp256 B\n@revoked h.x ssh-dss C\nh.x ssh-rsa D\n"),
        HC_S("h.x"), 22, &kinds);
    assert_true(hc_str_eqz(hc_buf_str(&kinds), "ssh-rsa,ecdsa-sha2-nistp256"));
}

static void what_was_signed(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct git_signed s;
    hc_str commit = HC_S(
        "tree t\nauthor a\ngpgsig -----BEGIN SSH SIGNATURE-----\n AB\n \n -----END SSH SIGNATURE-----\n"
        "gpgsig-sha256 x\n y\nencoding z\n\nsubject\n\ngpgsig of the body stays\n");
    assert_int_equal(git_parse_signed(a, commit, false, &s, &err), HC_OK);
    assert_true(hc_str_eqz(s.payload, "tree t\nauthor a\nencoding z\n\nsubject\n\ngpgsig of the body stays\n"));
    assert_true(hc_str_eqz(s.signature, "-----BEGIN SSH SIGNATURE-----\nAB\n\n-----END SSH SIGNATURE-----\n"));
    assert_true(hc_str_eqz(s.subject, "subject"));
    /* the last signature of a tag is its own; one that is quoted in the message was signed with it */
    hc_str tag = HC_S(
        "object o\ntype commit\ntag v1\ntagger t\n\nm\n-----BEGIN PGP SIGNATURE-----\nquoted\n"
        "-----END PGP SIGNATURE-----\n-----BEGIN PGP SIGNATURE-----\nown\n-----END PGP SIGNATURE-----\n");
    assert_int_equal(git_parse_signed(a, tag, true, &s, &err), HC_OK);
    assert_true(hc_str_eqz(s.tag_name, "v1"));
    assert_true(hc_str_ends(s.payload, HC_S("quoted\n-----END PGP SIGNATURE-----\n")));
    assert_true(hc_str_eqz(s.signature, "-----BEGIN PGP SIGNATURE-----\nown\n-----END PGP SIGNATURE-----\n"));
    assert_int_equal(git_parse_signed(a, HC_S("tree t\ngpgsig a\ngpgsig b\n\nm"), false, &s, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "more than one signature"));
    assert_int_equal(git_parse_signed(a, HC_S("blob"), false, &s, &err), HC_E_INPUT);
    assert_int_equal(git_parse_signed(a, tag, false, &s, &err), HC_E_INPUT); /* a tag is no commit */
}

/* ---- GitHub App */

static struct {
    int tokens;
    int64_t lasts_ms;
} api;

static bool github(struct loopback *s, const struct loopback_request *r, int fd)
{
    (void)s;
    char body[256], when[64];
    if (strcmp(r->path, "/api/orgs/acme/installation") == 0)
        return loopback_answer(fd, 200, "", "{\"id\": 7}", 9);
    if (strcmp(r->method, "POST") != 0 || strcmp(r->path, "/api/app/installations/7/access_tokens") != 0)
        return loopback_answer(fd, 404, "", "{}", 2);
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    hc_str ends = hc_time_rfc3339(a, hc_now_ms() + api.lasts_ms);
    snprintf(when, sizeof(when), "%.*s", HC_P(ends));
    int n = snprintf(body, sizeof(body), "{\"token\": \"t%d\", \"expires_at\": \"%s\"}", ++api.tokens, when);
    return loopback_answer(fd, 201, "", body, (size_t)n);
}

static void tokens_of_a_github_app(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct loopback server;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL, url[80];
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    long pem_n = BIO_get_mem_data(bio, &pem);
    loopback_start(&server, github);
    snprintf(url, sizeof(url), "%s/api/", server.base);
    struct hc_http *http = hc_http_new(&err);
    struct hc_source_env env = { .http = http, .timeout_ms = 5000 };
    struct hc_source_auth auth = { .app_id = HC_S("42"),
                                   .app_owner = HC_S("acme"),
                                   .app_url = hc_str_of(url),
                                   .app_key = hc_str_n(pem, (size_t)pem_n) };
    hc_str token;
    /* one that ends soon is not begun with again */
    api.lasts_ms = 60000;
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(hc_github_token(&env, a, &auth, &token, &err), HC_OK);
        assert_int_equal(api.tokens, i);
    }
    api.lasts_ms = 3600000;
    for (int i = 0; i < 3; i++)
        assert_int_equal(hc_github_token(&env, a, &auth, &token, &err), HC_OK);
    assert_int_equal(api.tokens, 3);
    assert_true(hc_str_eqz(token, "t3"));
    static const struct {
        struct hc_source_auth auth;
        const char *says;
    } rows[] = {
        { { .app_id = { "x", 1 } }, "githubAppID" },
        { { .app_id = { "42", 2 } }, "githubAppPrivateKey" },
        { { .app_id = { "42", 2 }, .app_key = { "k", 1 } }, "one of githubAppInstallationID and" },
        { { .app_id = { "42", 2 }, .app_key = { "k", 1 }, .app_owner = { "a/../b", 6 } }, "no account's name" },
        { { .app_id = { "42", 2 }, .app_key = { "k", 1 }, .app_installation = { "7", 1 } }, "no RSA private key" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        assert_int_equal(hc_github_token(&env, a, &rows[i].auth, &token, &err), HC_E_INPUT);
        if (!strstr(err.msg, rows[i].says))
            fail_msg("%s", err.msg);
    }
    auth.app_owner = HC_S("nobody");
    assert_int_equal(hc_github_token(&env, a, &auth, &token, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "not installed for the organization or user 'nobody'"));
    hc_http_free(http);
    loopback_stop(&server);
    BIO_free(bio);
    EVP_PKEY_free(key);
}

/* Bytes this process has read so far (proc(5): rchar). */
static unsigned long long bytes_read(void)
{
    char text[512] = "";
    unsigned long long n = 0;
    FILE *f = fopen("/proc/self/io", "r");
    if (f) {
        text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
        fclose(f);
    }
    if (sscanf(text, "rchar: %llu", &n) != 1)
        fail_msg("/proc/self/io does not begin with rchar");
    return n;
}

/* libgit2's start would read the system's authorities, some 200 KiB; the commit at hand needs no server. */
static void the_start_reads_no_authorities(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const struct hc_source_env env = { 0 };
    const struct hc_source_auth auth = { 0 };
    const struct hc_git_spec spec = { .url = "https://h/x",
                                      .commit = HC_S("0123456789012345678901234567890123456789") };
    struct hc_artifact out;
    unsigned long long before = bytes_read();
    assert_int_equal(
        hc_git_fetch(&env, a, &spec, &auth, HC_S("sha1:0123456789012345678901234567890123456789"), &out, &err),
        HC_OK);
    assert_true(out.unchanged);
    unsigned long long after = bytes_read();
    if (after - before > 32 * 1024)
        fail_msg("%llu bytes were read to start", after - before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_of_sub_modules),
        cmocka_unit_test(files_of_sub_modules),
        cmocka_unit_test(host_keys),
        cmocka_unit_test(what_was_signed),
        cmocka_unit_test(tokens_of_a_github_app),
        cmocka_unit_test(the_start_reads_no_authorities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
