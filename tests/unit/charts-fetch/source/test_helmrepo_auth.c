/*
 * charts-fetch/source: whose credentials go where. A repository at home, and another host the index or a redirect leads
 * to; both write down what Authorization they were shown.
 */
#include <stdio.h>
#include <stdlib.h>

#include "charts-fetch/source/source.h"
#include "charts-fetch/unpack/unpack.h"
#include "core/base/fs.h"
#include "tests/unit/loopback.h"
#include "tests/unit/unit.h"

static struct loopback home, other, proxy;
static char dir[] = "/tmp/hc-auth-XXXXXX", at_home[64], at_other[64], at_proxy[64], seen_path[1024];
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;

static void note(char *to, size_t cap, const struct loopback_request *r, const char *name)
{
    const char *found = strcasestr(r->headers, name);
    pthread_mutex_lock(&mu);
    snprintf(to, cap, "%.*s", found ? (int)strcspn(found + strlen(name), "\r") : 4,
             found ? found + strlen(name) : "none");
    snprintf(seen_path, sizeof(seen_path), "%s", r->path);
    pthread_mutex_unlock(&mu);
}

static bool handle_home(struct loopback *s, const struct loopback_request *r, int fd)
{
    (void)s;
    char text[256];
    note(at_home, sizeof(at_home), r, "\r\nauthorization: ");
    if (strstr(r->path, "/away")) {
        snprintf(text, sizeof(text), "Location: %s/charts/x.tgz\r\n", other.base);
        return loopback_answer(fd, 302, text, "", 0);
    }
    if (strstr(r->path, "index.yaml")) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        hc_str index = HC_S("apiVersion: v1\nentries:\n  web:\n  - {name: web, version: 1.0.0, urls: [web.tgz]}\n"),
               z;
        if (!strcasestr(r->headers, "accept-encoding: gzip") || hc_gzip(a, index, 0, &z, NULL) != HC_OK)
            return loopback_answer(fd, 400, "", "", 0);
        return loopback_answer(fd, 200, "Content-Encoding: gzip\r\n", z.p, z.n);
    }
    return loopback_answer(fd, 200, "", "chart", 5);
}

static bool handle_other(struct loopback *s, const struct loopback_request *r, int fd)
{
    (void)s;
    note(at_other, sizeof(at_other), r, "\r\nauthorization: ");
    return loopback_answer(fd, 200, "", "chart", 5);
}

static bool handle_proxy(struct loopback *s, const struct loopback_request *r, int fd)
{
    (void)s;
    note(at_proxy, sizeof(at_proxy), r, "\r\nproxy-authorization: ");
    return loopback_answer(fd, 200, "", "chart", 5);
}

static int setup(void **state)
{
    struct hc_source_env *env = calloc(1, sizeof(*env));
    *state = env;
    loopback_start(&home, handle_home);
    loopback_start(&other, handle_other);
    loopback_start(&proxy, handle_proxy);
    env->http = hc_http_new(NULL);
    return mkdtemp(dir) && env->http && hc_store_open(dir, 0, &env->store, NULL) == HC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct hc_source_env *env = *state;
    hc_http_free(env->http);
    hc_store_close(env->store);
    free(env);
    loopback_stop(&home);
    loopback_stop(&other);
    loopback_stop(&proxy);
    return hc_remove_tree(dir, NULL) == HC_OK ? 0 : -1;
}

static void credentials_stay_where_they_belong(void **state)
{
    static const char basic[] = "Basic bWU6czNjcmV0", bearer[] = "Bearer t0ken";
    static const struct {
        const char *name, *url; /* %s: the other host */
        bool token, pass;
        const char *path, *home, *other; /* what each saw; "": was not asked */
    } rows[] = {
        { "relative", "charts/web.tgz", false, false, "/repo/charts/web.tgz?q=1", basic, "" },
        { "relative with a token", "charts/web.tgz", true, false, "/repo/charts/web.tgz?q=1", bearer, "" },
        { "from the root", "/else/web.tgz", false, false, "/else/web.tgz?q=1", basic, "" },
        { "another host", "%s/web.tgz", false, false, "/web.tgz", "", "none" },
        { "another host with a token", "%s/web.tgz", true, false, "/web.tgz", "", "none" },
        { "another host, passCredentials", "%s/web.tgz", false, true, "/web.tgz", "", basic },
        { "another host, passCredentials and a token", "%s/web.tgz", true, true, "/web.tgz", "", bearer },
        { "a redirect", "away/web.tgz", false, false, "/charts/x.tgz", basic, "none" },
        { "a redirect, passCredentials", "away/web.tgz", false, true, "/charts/x.tgz", basic, "none" },
        { "a redirect with a token", "away/web.tgz", true, false, "/charts/x.tgz", bearer, "none" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_artifact art;
        struct hc_err err = HC_ERR_INIT;
        char repo[128], url[128];
        struct hc_source_auth auth = { .pass_credentials = rows[i].pass };
        if (rows[i].token) {
            auth.bearer = HC_S("t0ken");
        } else {
            auth.username = HC_S("me");
            auth.password = HC_S("s3cret");
        }
        const char *sign = strstr(rows[i].url, "%s");
        snprintf(repo, sizeof(repo), "%s/repo/?q=1", home.base);
        snprintf(url, sizeof(url), "%s%s", sign ? other.base : "", sign ? sign + 2 : rows[i].url);
        struct hc_chart_entry entry = { .name = HC_S("web"), .version = HC_S("1.0.0"), .url = hc_str_of(url) };
        at_home[0] = at_other[0] = '\0';
        enum hc_rc rc = hc_helmrepo_chart(*state, a, repo, &auth, &entry, &art, &err);
        if (rc != HC_OK || strcmp(at_home, rows[i].home) != 0 || strcmp(at_other, rows[i].other) != 0 ||
            strcmp(seen_path, rows[i].path) != 0)
            fail_msg("%s: rc %d %s, home saw '%s', the other '%s', path %s", rows[i].name, (int)rc, err.msg,
                     at_home, at_other, seen_path);
    }
}

static void an_index_comes_packed(void **state)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_artifact art;
    struct hc_chart_entry e;
    struct hc_err err = HC_ERR_INIT;
    hc_str none = { NULL, 0 };
    char repo[128];
    snprintf(repo, sizeof(repo), "%s/repo", home.base);
    const struct hc_source_env *env = *state;
    if (hc_helmrepo_index(env, a, repo, NULL, none, &art, &err) != HC_OK ||
        hc_helmrepo_find(env->store, a, art.digest, HC_S("web"), HC_S("*"), &e, &err) != HC_OK)
        fail_msg("%s", err.msg);
    assert_string_equal(e.url.p, "web.tgz");
}

static void a_proxy_is_asked_with_its_login(void **state)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_source_env env = *(struct hc_source_env *)*state;
    struct hc_artifact art;
    struct hc_err err = HC_ERR_INIT;
    char address[128];
    snprintf(address, sizeof(address), "http://p:pw@127.0.0.1:%d", proxy.port);
    env.proxy = address;
    struct hc_chart_entry entry = { .name = HC_S("web"), .version = HC_S("1.0.0"), .url = HC_S("web.tgz") };
    if (hc_helmrepo_chart(&env, a, "http://charts.example/repo", NULL, &entry, &art, &err) != HC_OK)
        fail_msg("%s", err.msg);
    assert_string_equal(at_proxy, "Basic cDpwdw==");
    assert_string_equal(seen_path, "http://charts.example/repo/web.tgz");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credentials_stay_where_they_belong),
        cmocka_unit_test(an_index_comes_packed),
        cmocka_unit_test(a_proxy_is_asked_with_its_login),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
