/*
 * charts-fetch/source/oci against a registry on loopback that wants tokens, pages its tags and tells lies.
 */
#include "charts-fetch/source/source.h"
#include "charts-fetch/unpack/unpack.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "tests/unit/loopback.h"
#include "tests/unit/unit.h"

static struct loopback registry, elsewhere;
static struct hc_http *http;
static struct hc_arena *arena;
static struct hc_store *store;
static char store_dir[] = "/tmp/hc-oci-XXXXXX";
static struct hc_err err;
static atomic_int blobs, heads, manifests, tokens, lists, leaks;

static char layer_hex[65], manifest_hex[65], index_hex[65], plain_hex[65], plain_manifest_hex[65];
static hc_str layer, plain;
static char manifest[2048], index_text[2048], plain_manifest[2048];

static bool starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}
static bool has(const char *s, const char *what)
{
    return strstr(s, what) != NULL;
}

static _Thread_local bool head_request;

static bool json(int fd, int status, const char *headers, const char *body)
{
    if (head_request)
        body = "";
    return loopback_answer(fd, status, headers, body, strlen(body));
}

static bool send_manifest(const struct loopback_request *r, int fd, const char *body, const char *hex,
                          const char *type)
{
    char headers[256];
    bool head = strcmp(r->method, "HEAD") == 0;
    atomic_fetch_add(head ? &heads : &manifests, 1);
    snprintf(headers, sizeof(headers), "Docker-Content-Digest: sha256:%s\r\nContent-Type: %s\r\n", hex, type);
    if (!head)
        return loopback_answer(fd, 200, headers, body, strlen(body));
    char text[512];
    int n = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n", strlen(body), headers);
    return loopback_send(fd, text, (size_t)n);
}

static const char lie_hex[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
#define OCI "application/vnd.oci.image."

static bool handle(struct loopback *s, const struct loopback_request *r, int fd)
{
    (void)s;
    char text[2048];
    head_request = strcmp(r->method, "HEAD") == 0;
    if (starts(r->path, "/token")) {
        atomic_fetch_add(&tokens, 1);
        bool basic = has(r->headers, "Authorization: Basic dXNlcjpwYXNz\r\n"); /* user:pass */
        bool scope = has(r->path, "service=reg") && has(r->path, "scope=repository%3Aprivate%2Fweb%3Apull");
        if (strcmp(r->method, "POST") == 0)
            basic = scope = has(r->body, "refresh_token=ident") && has(r->body, "grant_type=refresh_token");
        return basic && scope ? json(fd, 200, "", "{\"token\":\"t0ken\"}") : json(fd, 401, "", "{}");
    }
    if (starts(r->path, "/v2/private/") && !has(r->headers, "Authorization: Bearer t0ken\r\n")) {
        snprintf(text, sizeof(text),
                 "WWW-Authenticate: Bearer realm=\"%s/token\",service=\"reg\","
                 "scope=\"repository:private/web:pull\"\r\n",
                 registry.base);
        return json(fd, 401, text, "{}");
    }
    if (starts(r->path, "/v2/basic/") && !has(r->headers, "Authorization: Basic dXNlcjpwYXNz\r\n"))
        return json(fd, 401, "WWW-Authenticate: Basic realm=\"x\"\r\n", "{}");
    if (has(r->path, "/tags/list")) {
        atomic_fetch_add(&lists, 1);
        if (!has(r->path, "last="))
            return json(fd, 200, "Link: </v2/web/tags/list?last=b&n=3>; rel=\"next\"\r\n",
                        "{\"tags\":[\"latest\",\"1.0.0\",\"1.2.0_b1\"]}");
        return json(fd, 200, "", "{\"tags\":[\"1.10.0\",\"2.0.0-rc.1\",\"1.11.0-alpine\",\"x/..\"]}");
    }
    if (has(r->path, "/manifests/bad"))
        return send_manifest(r, fd, manifest, lie_hex, OCI "manifest.v1+json");
    if (has(r->path, "/manifests/index") || has(r->path, index_hex))
        return send_manifest(r, fd, index_text, index_hex, OCI "index.v1+json");
    if (has(r->path, "/manifests/plain") || (has(r->path, "/manifests/") && has(r->path, plain_manifest_hex)))
        return send_manifest(r, fd, plain_manifest, plain_manifest_hex, OCI "manifest.v1+json");
    if (has(r->path, "/manifests/none"))
        return json(fd, 404, "", "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"no such\"}]}");
    if (has(r->path, "/manifests/busy"))
        return json(fd, 429, "Retry-After: 30\r\n", "{}");
    if (has(r->path, "/manifests/"))
        return send_manifest(r, fd, manifest, manifest_hex, OCI "manifest.v1+json");
    if (has(r->path, "/blobs/")) { /* the content is on another host, as with most registries */
        snprintf(text, sizeof(text), "Location: %s%s\r\n", elsewhere.base, r->path);
        return json(fd, 307, text, "");
    }
    return json(fd, 404, "", "");
}

static bool handle_elsewhere(struct loopback *s, const struct loopback_request *r, int fd)
{
    (void)s;
    atomic_fetch_add(&blobs, 1);
    if (has(r->headers, "Authorization"))
        atomic_fetch_add(&leaks, 1);
    if (has(r->path, layer_hex))
        return loopback_answer(fd, 200, "", starts(r->path, "/v2/lies") ? "other bytes!" : layer.p, layer.n);
    return loopback_answer(fd, 200, "", plain.p, plain.n);
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(store_dir))
        return -1;
    arena = hc_arena_new(0);
    layer = HC_S("chart bytes!"); /* a chart layer is kept as it is */
    struct hc_unpacked files[] = { { HC_S("app/a.yaml"), HC_S("a: 1\n"), 0644 },
                                   { HC_S("logo.png"), HC_S("png"), 0644 } };
    if (hc_pack_memory(arena, files, 2, 0, &plain, &err) != HC_OK)
        return -1;
    hc_sha256_of(layer, layer_hex);
    hc_sha256_of(plain, plain_hex);
    snprintf(manifest, sizeof(manifest),
             "{\"schemaVersion\":2,\"layers\":[{\"mediaType\":\"text/x\",\"digest\":\"sha256:%s\",\"size\":1},"
             "{\"mediaType\":\"application/"
             "vnd.cncf.helm.chart.content.v1.tar+gzip\",\"digest\":\"sha256:%s\",\"size\":%zu}],"
             "\"annotations\":{\"org.opencontainers.image.source\":\"git\"}}",
             plain_hex, layer_hex, layer.n);
    hc_sha256_of(hc_str_of(manifest), manifest_hex);
    snprintf(
        plain_manifest, sizeof(plain_manifest),
        "{\"layers\":[{\"mediaType\":\"application/vnd.cncf.flux.content.v1.tar+gzip\",\"digest\":\"sha256:%s\","
        "\"size\":%zu}]}",
        plain_hex, plain.n);
    hc_sha256_of(hc_str_of(plain_manifest), plain_manifest_hex);
    snprintf(
        index_text, sizeof(index_text),
        "{\"manifests\":[{\"digest\":\"sha256:%s\",\"platform\":{\"os\":\"windows\",\"architecture\":\"amd64\"}},"
        "{\"digest\":\"sha256:%s\",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}}]}",
        plain_manifest_hex, manifest_hex);
    hc_sha256_of(hc_str_of(index_text), index_hex);
    loopback_start(&registry, handle);
    loopback_start(&elsewhere, handle_elsewhere);
    http = hc_http_new(&err);
    return http && hc_store_open(store_dir, 0, &store, &err) == HC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    hc_http_free(http);
    hc_store_close(store);
    hc_remove_tree(store_dir, NULL);
    loopback_stop(&registry);
    loopback_stop(&elsewhere);
    hc_arena_free(arena);
    return 0;
}

static const char *address(const char *repo)
{
    return hc_arena_printf(arena, "oci://127.0.0.1:%d/%s", registry.port, repo).p;
}

static const struct hc_source_auth plain_http = { .plain_http = true };

static enum hc_rc fetch(const char *repo, struct hc_oci_spec spec, const struct hc_source_auth *auth, hc_str known,
                        struct hc_artifact *out)
{
    const struct hc_source_env env = { .http = http, .store = store, .timeout_ms = 10000 };
    struct hc_source_auth a = auth ? *auth : plain_http;
    a.plain_http = true;
    spec.url = address(repo);
    err = (struct hc_err)HC_ERR_INIT;
    return hc_oci_fetch(&env, arena, &spec, &a, known, out, &err);
}

static const hc_str none = { NULL, 0 };

static void a_chart_layer_is_kept_and_fetched_once(void **state)
{
    (void)state;
    struct hc_artifact out;
    assert_int_equal(fetch("web", (struct hc_oci_spec){ .tag = HC_S("1.0.0") }, NULL, none, &out), HC_OK);
    hc_str revision = hc_arena_printf(arena, "1.0.0@sha256:%s", manifest_hex);
    assert_true(hc_str_eq(out.revision, revision));
    assert_true(hc_str_eq(out.digest, hc_arena_printf(arena, "sha256:%s", layer_hex)));
    assert_int_equal(out.size, layer.n);
    assert_true(hc_str_eqz(hc_get_str(hc_map_getz(out.metadata, "org.opencontainers.image.source")), "git"));
    int before_blobs = atomic_load(&blobs), before = atomic_load(&manifests);
    assert_int_equal(fetch("web", (struct hc_oci_spec){ .tag = HC_S("1.0.0") }, NULL, revision, &out), HC_OK);
    assert_true(out.unchanged);
    assert_int_equal(atomic_load(&manifests), before); /* one HEAD */
    assert_int_equal(fetch("web", (struct hc_oci_spec){ .tag = HC_S("latest") }, NULL, revision, &out), HC_OK);
    assert_false(out.unchanged);
    assert_int_equal(atomic_load(&blobs), before_blobs); /* the layer was there */
    hc_str digest = hc_arena_printf(arena, "sha256:%s", manifest_hex);
    assert_int_equal(fetch("web", (struct hc_oci_spec){ .digest = digest }, NULL, none, &out), HC_OK);
    assert_true(hc_str_eq(out.revision, digest));
    int requests = atomic_load(&registry.requests);
    assert_int_equal(fetch("web", (struct hc_oci_spec){ .digest = digest }, NULL, digest, &out), HC_OK);
    assert_true(out.unchanged);
    assert_int_equal(atomic_load(&registry.requests), requests);
}

static void other_layers_are_repacked(void **state)
{
    (void)state;
    struct hc_artifact out;
    struct hc_unpacked *files;
    size_t n;
    hc_str body;
    assert_int_equal(fetch("web", (struct hc_oci_spec){ .tag = HC_S("plain") }, NULL, none, &out), HC_OK);
    assert_int_equal(hc_store_get(store, arena, out.digest, 1 << 20, &body, &err), HC_OK);
    assert_int_equal(hc_unpack_memory(arena, body, NULL, &files, &n, &err), HC_OK);
    assert_int_equal(n, 1); /* images are left out by default */
    assert_true(hc_str_eqz(files[0].name, "app/a.yaml"));
    assert_int_equal(fetch("web", (struct hc_oci_spec){ .tag = HC_S("plain"), .copy = true }, NULL, none, &out),
                     HC_OK);
    assert_true(hc_str_eq(out.digest, hc_arena_printf(arena, "sha256:%s", plain_hex)));
    assert_int_equal(
        fetch("web", (struct hc_oci_spec){ .tag = HC_S("1.0.0"), .media_type = HC_S("text/y") }, NULL, none, &out),
        HC_E_INPUT);
    assert_non_null(strstr(err.msg, "no layer of the type 'text/y'"));
    struct hc_oci_seen seen; /* a chart's layer is unpacked when that is asked for; this one is no archive */
    assert_int_not_equal(fetch("web", (struct hc_oci_spec){ .tag = HC_S("1.0.0"), .extract = true, .seen = &seen },
                               NULL, none, &out),
                         HC_OK);
    assert_int_equal(seen.phase, HC_OCI_LAYER);
    assert_true(hc_str_eq(seen.revision, hc_arena_printf(arena, "1.0.0@sha256:%s", manifest_hex)));
    assert_int_equal(fetch("web", (struct hc_oci_spec){ .tag = HC_S("9"), .digest = HC_S("x"), .seen = &seen },
                           NULL, none, &out),
                     HC_E_INPUT);
    assert_int_equal(seen.phase, HC_OCI_DIGEST);
    assert_int_equal(fetch("web", (struct hc_oci_spec){ .tag = HC_S("index") }, NULL, none, &out), HC_OK);
    assert_true(hc_str_eq(out.digest, hc_arena_printf(arena, "sha256:%s", layer_hex))); /* linux/amd64 */
    assert_true(hc_str_eq(out.revision, hc_arena_printf(arena, "index@sha256:%s", index_hex)));
}

static void ranges_pick_the_newest(void **state)
{
    (void)state;
    static const struct {
        const char *semver, *filter, *tag; /* tag NULL: none fits */
    } rows[] = {
        { "*", "", "1.10.0" },
        { ">=1.0.0 <1.2.0", "", "1.0.0" },
        { ">=1.0.0-0", "", "2.0.0-rc.1" },
        { ">=1.0.0-0", "-alpine$", "1.11.0-alpine" },
        { "*", "^1\\.\\d+\\.\\d+$", "1.10.0" },
        { ">=3", "", NULL },
        { ">=1.0.0-0", "(?:alpine|debian)", "1.11.0-alpine" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_artifact out;
        const struct hc_oci_spec spec = { .semver = hc_str_of(rows[i].semver),
                                          .semver_filter = hc_str_of(rows[i].filter) };
        enum hc_rc rc = fetch("web", spec, NULL, none, &out);
        assert_int_equal(rc, rows[i].tag ? HC_OK : HC_E_NOTFOUND);
        if (rows[i].tag)
            assert_true(hc_str_starts(out.revision, hc_arena_printf(arena, "%s@", rows[i].tag)));
    }
    static const char *const bad[] = { "(?P<x>a)", "(", "((a{200}){200}){200}" };
    for (size_t i = 0; i < HC_LEN(bad); i++) {
        struct hc_artifact out;
        assert_int_equal(fetch("web",
                               (struct hc_oci_spec){ .semver = HC_S("*"), .semver_filter = hc_str_of(bad[i]) },
                               NULL, none, &out),
                         HC_E_INPUT);
    }
}

static void charts_by_version(void **state)
{
    (void)state;
    const struct hc_source_env env = { .http = http, .store = store, .timeout_ms = 10000 };
    static const struct {
        const char *range, *known, *version;
        bool unchanged;
        int lists;
    } rows[] = {
        { "1.0.0", "", "1.0.0", false, 0 },       { "1.0.0", "1.0.0", "1.0.0", true, 0 },
        { "1.2.0+b1", "", "1.2.0+b1", false, 0 }, { "1.2.x", "", "1.2.0+b1", false, 2 },
        { "", "", "1.10.0", false, 2 },           { "~1.10", "1.10.0", "1.10.0", true, 2 },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_artifact out;
        int before = atomic_load(&lists);
        if (hc_oci_chart(&env, arena, address("web"), hc_str_of(rows[i].range), &plain_http,
                         hc_str_of(rows[i].known), &out, &err) != HC_OK)
            fail_msg("%s", err.msg);
        assert_true(hc_str_eqz(out.revision, rows[i].version));
        assert_int_equal(out.unchanged, rows[i].unchanged);
        assert_int_equal(atomic_load(&lists) - before, rows[i].lists);
    }
    struct hc_artifact out;
    assert_int_equal(hc_oci_chart(&env, arena, address("web"), HC_S("not a range"), &plain_http, none, &out, &err),
                     HC_E_INPUT);
}

static void logins_are_used_where_they_belong(void **state)
{
    (void)state;
    struct hc_artifact out;
    const struct hc_source_auth user = { .username = HC_S("user"), .password = HC_S("pass") };
    const struct hc_source_auth wrong = { .username = HC_S("user"), .password = HC_S("s3cret") };
    hc_str config = hc_arena_printf(
        arena,
        "{\"auths\":{\"other\":{\"auth\":\"eDp5\"},\"127.0.0.1:%d\":{\"auth\":\"eDp5\"},"
        "\"https://127.0.0.1:%d/private\":{\"auth\":\"dXNlcjpwYXNz\"}}}",
        registry.port, registry.port);
    const struct hc_source_auth docker = { .docker_config = config };
    const struct hc_source_auth ident = { .docker_config = hc_arena_printf(
                                              arena, "{\"auths\":{\"127.0.0.1:%d\":{\"identitytoken\":\"ident\"}}}",
                                              registry.port) };
    const struct {
        const char *repo;
        const struct hc_source_auth *auth;
        enum hc_rc rc;
        const char *words;
    } rows[] = {
        { "private/web", &user, HC_OK, "" },
        { "private/web", &docker, HC_OK, "" },
        { "private/web", &ident, HC_OK, "" },
        { "private/web", &wrong, HC_E_INPUT, "the registry login is not accepted" },
        { "private/web", NULL, HC_E_INPUT, "it wants a login; name a Secret" },
        { "basic/web", &user, HC_OK, "" },
        { "basic/web", NULL, HC_E_INPUT, "wants a login" },
        { "basic/web", &wrong, HC_E_INPUT, "may not read it" },
        { "web", &(struct hc_source_auth){ .docker_config = HC_S("{") }, HC_E_INPUT, "no JSON" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        enum hc_rc rc = fetch(rows[i].repo, (struct hc_oci_spec){ .tag = HC_S("1.0.0") }, rows[i].auth, none, &out);
        if (rc != rows[i].rc || !strstr(err.msg, rows[i].words))
            fail_msg("row %zu: %s: %s", i, hc_rc_name(rc), err.msg);
        assert_null(strstr(err.msg, "s3cret"));
    }
    assert_true(atomic_load(&tokens) > 0);
    assert_int_equal(atomic_load(&leaks), 0);
}

static void what_goes_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *repo, *tag;
        enum hc_rc rc;
        const char *words;
    } rows[] = {
        { "web", "none", HC_E_NOTFOUND, "manifest 'none'" }, { "web", "busy", HC_E_AGAIN, "429" },
        { "web", "bad", HC_E_AGAIN, "instead of" },          { "web", "a/b", HC_E_INPUT, "is no tag" },
        { "lies", "1.0.0", HC_E_AGAIN, "instead of" },       { "Upper", "1", HC_E_INPUT, "invalid reference" },
        { "a/../b", "1", HC_E_INPUT, "invalid reference" },  { "web:1.0", "1", HC_E_INPUT, "invalid reference" },
        { "", "1", HC_E_INPUT, "invalid reference" },
    };
    char other[] = "/tmp/hc-oci2-XXXXXX"; /* an empty store: everything is fetched */
    struct hc_store *mine = store;
    assert_non_null(mkdtemp(other));
    assert_int_equal(hc_store_open(other, 0, &store, &err), HC_OK);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_artifact out;
        enum hc_rc rc = fetch(rows[i].repo, (struct hc_oci_spec){ .tag = hc_str_of(rows[i].tag) }, NULL, none,
                              &out);
        if (rc != rows[i].rc || !strstr(err.msg, rows[i].words))
            fail_msg("row %zu: %s: %s", i, hc_rc_name(rc), err.msg);
        if (strcmp(rows[i].tag, "busy") == 0)
            assert_int_equal(err.retry_after_ms, 30000);
    }
    hc_store_close(store);
    store = mine;
    hc_remove_tree(other, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chart_layer_is_kept_and_fetched_once),
        cmocka_unit_test(other_layers_are_repacked),
        cmocka_unit_test(ranges_pick_the_newest),
        cmocka_unit_test(charts_by_version),
        cmocka_unit_test(logins_are_used_where_they_belong),
        cmocka_unit_test(what_goes_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
