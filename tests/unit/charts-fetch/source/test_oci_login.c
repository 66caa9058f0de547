/*
 * Logins at registries: what a challenge asks for, tokens that are shared, end and are renewed, and who is asked as whom.
 */
#include "charts-fetch/source/oci_impl.h"
#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "tests/unit/loopback.h"
#include "tests/unit/unit.h"

static struct loopback registry;
static struct hc_http *http;
static struct hc_arena *arena;
static struct hc_err err;

static atomic_int tokens, challenges, posts, slow_ms;
static atomic_int serial, oldest;       /* tokens are "t<serial>"; older than `oldest` is refused */
static _Atomic(const char *) expires;   /* ",\"expires_in\":1" */
static _Atomic(const char *) deny_path; /* refused whatever comes */

static bool has(const char *s, const char *what)
{
    return strstr(s, what) != NULL;
}

static bool handle(struct loopback *s, const struct loopback_request *r, int fd)
{
    char text[512];
    const char *lives = expires, *deny = deny_path;
    (void)s;
    if (strncmp(r->path, "/token", 6) == 0) {
        bool post = strcmp(r->method, "POST") == 0;
        bool good = post ? has(r->body, "refresh_token=id%2Btok") || has(r->body, "username=user&password=pass")
                         : has(r->headers, "Authorization: Basic dXNlcjpwYXNz\r\n") || has(r->path, "anonymous");
        if (atomic_load(&slow_ms))
            usleep((useconds_t)atomic_load(&slow_ms) * 1000);
        atomic_fetch_add(post ? &posts : &tokens, 1);
        if (has(r->path, "postonly") && !post)
            return loopback_answer(fd, 405, "", "", 0);
        if (!good)
            return loopback_answer(fd, 401, "", "{}", 2);
        int n = snprintf(text, sizeof(text), "{\"%s\":\"t%d\"%s}", post ? "access_token" : "token",
                         atomic_fetch_add(&serial, 1) + 1, lives ? lives : "");
        return loopback_answer(fd, 200, "", text, (size_t)n);
    }
    const char *bearer = strstr(r->headers, "Authorization: Bearer t");
    int got = bearer ? atoi(bearer + 23) : -1;
    if ((deny && has(r->path, deny)) || got < atomic_load(&oldest)) {
        atomic_fetch_add(&challenges, 1);
        const char *realm = has(r->path, "/anon/")   ? "token?anonymous"
                            : has(r->path, "/post/") ? "token?postonly"
                                                     : "token";
        snprintf(text, sizeof(text),
                 "WWW-Authenticate: Negotiate YWJj==, Basic realm=\"x, y\"\r\n"
                 "WWW-Authenticate: Bearer realm=\"%s/%s\", service = \"reg,1\" ,scope=\"repository:a:pull\"\r\n",
                 registry.base, realm);
        return loopback_answer(fd, 401, text, "{}", 2);
    }
    return loopback_answer(fd, 200, "", "{\"tags\":[]}", 11);
}

static int setup(void **state)
{
    (void)state;
    arena = hc_arena_new(0);
    loopback_start(&registry, handle);
    http = hc_http_new(&err);
    return http ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    hc_http_free(http);
    loopback_stop(&registry);
    hc_arena_free(arena);
    return 0;
}

static void reset(void)
{
    atomic_store(&tokens, 0);
    atomic_store(&challenges, 0);
    atomic_store(&posts, 0);
    atomic_store(&slow_ms, 0);
    atomic_store(&oldest, 0);
    expires = NULL;
    deny_path = NULL;
    err = (struct hc_err)HC_ERR_INIT;
}

static const struct hc_source_auth user = {
    .username = HC_S("user"), .password = HC_S("pass"), .from = "Secret apps/login", .plain_http = true
};

static enum hc_rc ask(struct hc_arena *a, struct hc_oci_logins *logins, const char *repo,
                      const struct hc_source_auth *auth, struct hc_err *e)
{
    HC_AUTO(hc_oci) struct hc_oci *o = NULL;
    const struct hc_source_env env = { .http = http, .timeout_ms = 10000, .logins = logins };
    hc_str *tags;
    size_t n;
    const char *url = hc_arena_printf(a, "oci://127.0.0.1:%d/%s", registry.port, repo).p;
    enum hc_rc rc = hc_oci_open(&env, a, url, auth, &o, e);
    return rc == HC_OK ? hc_oci_tags(o, &tags, &n, e) : rc;
}

static void challenges_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *headers;
        int kind; /* 0 none, 1 basic, 2 token */
        const char *realm, *service, *scope;
    } rows[] = {
        { "www-authenticate: Bearer realm=\"https://a/t\",service=\"s\",scope=\"x y\"\n", 2, "https://a/t", "s",
          "x y" },
        { "www-authenticate: bearer REALM=https://a/t , service=s\n", 2, "https://a/t", "s", "" },
        { "www-authenticate: Basic realm=\"a\\\"b\"\n", 1, "a\"b", "", "" },
        { "www-authenticate: Basic\n", 1, "", "", "" },
        { "www-authenticate: Basic realm=\"r\", Bearer realm=\"https://t\"\n", 2, "https://t", "", "" },
        { "www-authenticate: Bearer realm=\"https://t\"\nwww-authenticate: Basic realm=\"r\"\n", 2, "https://t", "",
          "" },
        { "www-authenticate: Negotiate, Basic realm=\"r\"\n", 1, "r", "", "" },
        { "www-authenticate: Negotiate abc==, Basic realm=\"r\"\n", 1, "r", "", "" },
        { "www-authenticate: Negotiate a/b+c=,Basic realm=r\n", 1, "r", "", "" },
        { "www-authenticate: Bearer service=\"no realm\", Basic realm=\"r\"\n", 1, "r", "", "" },
        { "www-authenticate: Bearer realm=\"\"\n", 0, "", "", "" },
        { "www-authenticate: Digest realm=\"r\", nonce=\"Bearer realm=x\"\n", 0, "", "", "" },
        { "www-authenticate: Bearer realm=\"open\n", 2, "open", "", "" },
        { "www-authenticate: Bearer realm=, scope=\"a\"\n", 0, "", "", "" },
        { "www-authenticate: ,,, ,\n", 0, "", "", "" },
        { "www-authenticate: \"\n", 0, "", "", "" },
        { "www-authenticate: =\nwww-authenticate: Basic realm\n", 1, "", "", "" },
        { "x: y\n", 0, "", "", "" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct oci_challenge c = { 0 };
        bool found = oci_challenge_of(arena, hc_str_of(rows[i].headers), &c);
        int kind = found ? c.basic ? 1 : 2 : 0;
        if (kind != rows[i].kind ||
            (found && (!hc_str_eqz(c.realm, rows[i].realm) || !hc_str_eqz(c.service, rows[i].service) ||
                       !hc_str_eqz(c.scope, rows[i].scope))))
            fail_msg("row %zu: %d '%.*s' '%.*s' '%.*s'", i, kind, HC_P(c.realm), HC_P(c.service), HC_P(c.scope));
    }
}

static void tokens_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *body, *token, *refresh;
        int64_t lives;
    } rows[] = {
        { "{\"token\":\"a\",\"access_token\":\"b\",\"expires_in\":300}", "a", "", 300000 },
        { "{\"access_token\":\"b\",\"refresh_token\":\"r\"}", "b", "r", 60000 },
        { "{\"token\":\"a\",\"expires_in\":-5}", "a", "", 60000 },
        { "{\"token\":\"a\",\"expires_in\":99999999999999}", "a", "", 86400000 },
        { "{\"token\":\"a b\"}", NULL, "", 0 },
        { "{\"token\":\"\"}", NULL, "", 0 },
        { "{\"token\":\"a\\r\\nX: y\"}", NULL, "", 0 },
        { "{\"token\":7}", NULL, "", 0 },
        { "[]", NULL, "", 0 },
        { "<html>", NULL, "", 0 },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        hc_str token, refresh;
        int64_t lives = 0;
        bool good = oci_token_of(arena, hc_str_of(rows[i].body), &token, &refresh, &lives);
        if (good != (rows[i].token != NULL) ||
            (good && (!hc_str_eqz(token, rows[i].token) || !hc_str_eqz(refresh, rows[i].refresh) ||
                      lives != rows[i].lives)))
            fail_msg("row %zu: %d %" PRId64, i, good, lives);
    }
}

enum { PULLS = 8 };
struct pull {
    struct hc_oci_logins *logins;
    const struct hc_source_auth *auth;
    enum hc_rc rc;
    struct hc_err err;
};

static void *pull(void *arg)
{
    struct pull *p = arg;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    p->err = (struct hc_err)HC_ERR_INIT;
    p->rc = ask(a, p->logins, "a", p->auth, &p->err);
    return NULL;
}

static void all_at_once(struct hc_oci_logins *logins, const struct hc_source_auth *auth, struct pull *pulls)
{
    pthread_t threads[PULLS];
    for (size_t i = 0; i < PULLS; i++) {
        pulls[i] = (struct pull){ .logins = logins, .auth = auth };
        assert_int_equal(pthread_create(&threads[i], NULL, pull, &pulls[i]), 0);
    }
    for (size_t i = 0; i < PULLS; i++)
        pthread_join(threads[i], NULL);
}

static void one_login_serves_all(void **state)
{
    (void)state;
    struct pull pulls[PULLS];
    struct hc_oci_logins *logins = hc_oci_logins_new();
    reset();
    atomic_store(&slow_ms, 100);
    all_at_once(logins, &user, pulls);
    for (size_t i = 0; i < PULLS; i++)
        if (pulls[i].rc != HC_OK)
            fail_msg("%s", pulls[i].err.msg);
    assert_int_equal(atomic_load(&tokens), 1);
    int asked = atomic_load(&challenges);
    assert_int_equal(ask(arena, logins, "a", &user, &err), HC_OK); /* begins with the token */
    assert_int_equal(atomic_load(&challenges), asked);
    assert_int_equal(atomic_load(&tokens), 1);
    assert_int_equal(ask(arena, logins, "b", &user, &err), HC_OK); /* another repository: another token */
    assert_int_equal(atomic_load(&tokens), 2);
    hc_oci_logins_free(logins);

    struct hc_source_auth wrong = user; /* a wrong password is tried once, not once for each pull */
    wrong.password = HC_S("s3cret");
    logins = hc_oci_logins_new();
    reset();
    atomic_store(&slow_ms, 300);
    all_at_once(logins, &wrong, pulls);
    for (size_t i = 0; i < PULLS; i++) {
        assert_int_equal(pulls[i].rc, HC_E_INPUT);
        assert_non_null(
            strstr(pulls[i].err.msg, "the registry login is not accepted; it was asked with Secret apps/login"));
        assert_null(strstr(pulls[i].err.msg, "s3cret"));
    }
    assert_true(atomic_load(&tokens) < PULLS / 2);
    hc_oci_logins_free(logins);
}

static void tokens_end(void **state)
{
    (void)state;
    struct hc_oci_logins *logins = hc_oci_logins_new();
    reset();
    expires = ",\"expires_in\":1";
    assert_int_equal(ask(arena, logins, "a", &user, &err), HC_OK);
    int64_t until = hc_mono_ms() + 1000;
    assert_int_equal(atomic_load(&challenges), 1);
    while (hc_mono_ms() < until - 150) /* renewed before its second is over, and without a 401 */
        usleep(10000);
    assert_int_equal(ask(arena, logins, "a", &user, &err), HC_OK);
    assert_int_equal(atomic_load(&tokens), 2);
    assert_int_equal(atomic_load(&challenges), 1);
    atomic_store(&oldest, atomic_load(&serial) + 1); /* the registry forgot it: one more login */
    expires = NULL;
    assert_int_equal(ask(arena, logins, "a", &user, &err), HC_OK);
    assert_int_equal(atomic_load(&tokens), 3);
    deny_path = "/v2/a/";
    assert_int_equal(ask(arena, logins, "a", &user, &err), HC_E_INPUT); /* and no more than one */
    assert_non_null(strstr(err.msg, "may not read it; it was asked with Secret apps/login"));
    assert_int_equal(atomic_load(&tokens), 4);
    hc_oci_logins_free(logins);
}

static enum hc_rc find(void *ctx, struct hc_arena *a, hc_str host, struct hc_registry_login *out, struct hc_err *e)
{
    (void)a, (void)e;
    (*(int *)ctx)++;
    if (hc_str_starts(host, HC_S("127.0.0.1:")))
        *out = (struct hc_registry_login){ .identity_token = HC_S("id+tok"), .from = "a helper" };
    return HC_OK;
}

static void every_kind_of_login(void **state)
{
    (void)state;
    int found = 0;
    const struct hc_source_auth asks = { .plain_http = true, .find_login = find, .find_ctx = &found };
    const struct hc_source_auth nobody = { .plain_http = true };
    const struct hc_source_auth token = { .plain_http = true, .bearer = HC_S("t900000") };
    const struct hc_source_auth docker = { .plain_http = true,
                                           .from = "Secret apps/pull",
                                           .docker_config = HC_S("{\"auths\":{\"other:1\":{\"auth\":\"eDp5\"}}}") };
    const struct {
        const char *repo;
        const struct hc_source_auth *auth;
        enum hc_rc rc;
        int tokens, posts;
        const char *words;
    } rows[] = {
        { "anon/x", &nobody, HC_OK, 1, 0, "" },
        { "a", &nobody, HC_E_INPUT, 1, 0, "name a Secret" },
        { "a", &docker, HC_E_INPUT, 1, 0, "asked without a login: Secret apps/pull has no entry for 127.0.0.1:" },
        { "a", &asks, HC_OK, 0, 1, "" },
        { "a", &token, HC_OK, 0, 0, "" },
        { "post/x", &user, HC_OK, 1, 1, "" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        reset();
        enum hc_rc rc = ask(arena, NULL, rows[i].repo, rows[i].auth, &err);
        if (rc != rows[i].rc || !strstr(err.msg, rows[i].words) || atomic_load(&tokens) != rows[i].tokens ||
            atomic_load(&posts) != rows[i].posts)
            fail_msg("row %zu: %s, %d, %d: %s", i, hc_rc_name(rc), atomic_load(&tokens), atomic_load(&posts),
                     err.msg);
    }
    assert_int_equal(found, 1);
}

static void the_entry_that_fits_best(void **state)
{
    (void)state;
    static const char config[] =
        "{\"auths\":{\"r.io\":{\"auth\":\"aG9zdDpw\"},\"https://r.io/org/"
        "\":{\"username\":\"org\",\"password\":\"p\"},"
        "\"r.io/org/app\":{\"auth\":\"YXBwOnA6cQA=\"},\"*.wild.io\":{\"auth\":\"d2lsZDpw\"},"
        "\"https://index.docker.io/v1/\":{\"auth\":\"aHViOnA=\"},\"empty.io\":{},\"bad.io\":{\"auth\":\"!\"},"
        "\"tok.io\":{\"identitytoken\":\"i\"},\"num.io\":7},\"credsStore\":\"evil\",\"credHelpers\":{\"r.io\":"
        "\"evil\"}}";
    static const struct {
        const char *host, *repo, *user;
        enum hc_rc rc;
    } rows[] = {
        { "r.io", "x", "host", HC_OK },
        { "r.io", "org/y", "org", HC_OK },
        { "r.io", "org/app", "app", HC_OK },
        { "r.io", "org/apple", "org", HC_OK },
        { "a.wild.io", "x", "wild", HC_OK },
        { "a.b.wild.io", "x", "", HC_OK },
        { "registry-1.docker.io", "library/x", "hub", HC_OK },
        { "empty.io", "x", "", HC_OK },
        { "bad.io", "x", "", HC_E_INPUT },
        { "num.io", "x", "", HC_OK },
        { "tok.io", "x", "", HC_OK },
        { "r.io:5000", "x", "", HC_OK },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_registry_login l = { 0 };
        enum hc_rc rc = oci_docker_config(arena, hc_str_of(config), hc_str_of(rows[i].host),
                                          hc_str_of(rows[i].repo), &l, &err);
        if (rc != rows[i].rc || !hc_str_eqz(l.username, rows[i].user))
            fail_msg("row %zu: %s '%.*s'", i, hc_rc_name(rc), HC_P(l.username));
        if (hc_str_eqz(l.username, "app"))
            assert_true(hc_str_eqz(l.password, "p:q"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(challenges_are_read),  cmocka_unit_test(tokens_are_read),
        cmocka_unit_test(one_login_serves_all), cmocka_unit_test(tokens_end),
        cmocka_unit_test(every_kind_of_login),  cmocka_unit_test(the_entry_that_fits_best),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
