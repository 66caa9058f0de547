/*
 * charts-fetch/source/oci.h: manifests, referrers, blobs and pages out of a registry on loopback that answers by a
 * table.
 */
#include "charts-fetch/source/oci.h"
#include "charts-fetch/source/oci_impl.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "tests/unit/loopback.h"
#include "tests/unit/unit.h"

static struct loopback registry;
static struct hc_http *http;
static struct hc_arena *arena;
static struct hc_store *store;
static char store_dir[] = "/tmp/hc-ocic-XXXXXX";
static struct hc_err err;
static const hc_str none = { NULL, 0 };

struct answer {
    const char *path; /* after "/v2/app/" */
    int status;
    const char *headers, *body;
};
static const struct answer *answers;

static bool handle(struct loopback *s, const struct loopback_request *r, int fd)
{
    (void)s;
    for (const struct answer *a = answers; a && a->path; a++)
        if (strncmp(r->path, "/v2/app/", 8) == 0 && strcmp(r->path + 8, a->path) == 0)
            return loopback_answer(fd, a->status, a->headers, a->body, strlen(a->body));
    return loopback_answer(fd, 404, "", "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\"}]}", 40);
}

static int setup(void **state)
{
    (void)state;
    arena = hc_arena_new(0);
    loopback_start(&registry, handle);
    http = hc_http_new(&err);
    return http && mkdtemp(store_dir) && hc_store_open(store_dir, 0, &store, &err) == HC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    hc_http_free(http);
    hc_store_close(store);
    hc_remove_tree(store_dir, NULL);
    loopback_stop(&registry);
    hc_arena_free(arena);
    return 0;
}

static struct hc_oci *open_app(void)
{
    const struct hc_source_env env = { .http = http, .store = store, .timeout_ms = 10000 };
    static const struct hc_source_auth auth = { .plain_http = true };
    struct hc_oci *o = NULL;
    err = (struct hc_err)HC_ERR_INIT;
    assert_int_equal(hc_oci_open(&env, arena, hc_arena_printf(arena, "oci://127.0.0.1:%d/app", registry.port).p,
                                 &auth, &o, &err),
                     HC_OK);
    return o;
}

#define HEX_A   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B   "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_C   "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define SUBJECT HC_S("sha256:" HEX_A)
#define ONE(hex, type)                                                                                             \
    "{\"mediaType\":\"m\",\"digest\":\"sha256:" hex "\",\"size\":7,\"artifactType\":\"" type "\"}"

static void referrers_come_by_the_api_or_by_the_tag(void **state)
{
    (void)state;
    static const struct answer paged[] = {
        { "referrers/sha256:" HEX_A, 200,
          "Link: </v2/app/x>; rel=\"prev\", <http://other/v2/app/referrers/two>; title=\"a,b\"; rel=\"last "
          "next\"\r\n",
          "{\"manifests\":[" ONE(HEX_B, "sig") ",{\"digest\":\"sha512:00\"},7]}" },
        { "referrers/two", 200, "",
          "{\"manifests\":[{\"digest\":\"sha256:" HEX_C
          "\",\"artifactType\":\"sbom\",\"annotations\":{\"k\":\"v\"}}]}" },
        { NULL, 0, NULL, NULL },
    };
    static const struct answer tagged[] = {
        { "manifests/sha256-" HEX_A, 200, "Content-Type: " HC_OCI_TYPE_INDEX "; x=y\r\n",
          "{\"manifests\":[" ONE(HEX_B, "sig") "," ONE(HEX_C, "sbom") "]}" },
        { NULL, 0, NULL, NULL },
    };
    static const struct answer empty[] = { { NULL, 0, NULL, NULL } };
    static const struct answer endless[] = {
        { "referrers/sha256:" HEX_A, 200, "Link: <?>;rel=next\r\n", "{\"manifests\":[]}" },
        { "referrers/sha256:" HEX_A "?", 200, "Link: <?>;rel=next\r\n", "{\"manifests\":[]}" },
        { NULL, 0, NULL, NULL },
    };
    static const struct answer broken[] = { { "referrers/sha256:" HEX_A, 503, "", "" }, { NULL, 0, NULL, NULL } };
    const struct {
        const struct answer *answers;
        const char *type;
        enum hc_rc rc;
        size_t n;
    } rows[] = {
        { paged, "", HC_OK, 2 },       { paged, "sbom", HC_OK, 1 }, { tagged, "", HC_OK, 2 },
        { tagged, "x", HC_OK, 0 },     { empty, "", HC_OK, 0 },     { endless, "", HC_E_INPUT, 0 },
        { broken, "", HC_E_AGAIN, 0 },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_oci_descriptor *list = NULL;
        size_t n = 99;
        struct hc_oci *o = open_app();
        answers = rows[i].answers;
        enum hc_rc rc = hc_oci_referrers(o, SUBJECT, hc_str_of(rows[i].type), &list, &n, &err);
        if (rc != rows[i].rc || (rc == HC_OK && n != rows[i].n))
            fail_msg("row %zu: %s, %zu: %s", i, hc_rc_name(rc), n, err.msg);
        if (rc == HC_OK && n == 2) {
            assert_true(hc_str_eqz(list[0].digest, "sha256:" HEX_B));
            assert_true(hc_str_eqz(list[1].artifact_type, "sbom"));
            assert_int_equal(list[0].size, 7);
        }
        hc_oci_close(o);
    }
}

static void content_is_what_its_digest_says(void **state)
{
    (void)state;
    char hex[HC_SHA256_HEX + 1], path[128], blob[128];
    static const char doc[] = "{\"mediaType\":\"application/x\",\"layers\":[]}";
    hc_sha256_of(hc_str_of(doc), hex);
    snprintf(path, sizeof(path), "manifests/sha256:%s", hex);
    snprintf(blob, sizeof(blob), "blobs/sha256:%s", hex);
    const struct answer table[] = {
        { path, 200, "", doc },
        { blob, 200, "", doc },
        { "manifests/tag", 200, "Content-Type: text/x\r\n", doc },
        { "manifests/list", 200, "", "[]" },
        { "manifests/sha256:" HEX_A, 200, "", doc },
        { "blobs/sha256:" HEX_A, 200, "", doc },
        { NULL, 0, NULL, NULL },
    };
    struct hc_oci_manifest m;
    hc_str body, digest = hc_arena_printf(arena, "sha256:%s", hex);
    HC_AUTO(hc_oci) struct hc_oci *o = open_app();
    answers = table;
    assert_int_equal(hc_oci_manifest(o, HC_S("tag"), &m, &err), HC_OK);
    assert_true(hc_str_eq(m.digest, digest));
    assert_true(hc_str_eqz(m.media_type, "application/x"));
    assert_true(hc_str_eqz(m.body, doc));
    assert_int_equal(hc_oci_manifest(o, digest, &m, &err), HC_OK);
    assert_int_equal(hc_oci_manifest(o, SUBJECT, &m, &err), HC_E_AGAIN);
    assert_non_null(strstr(err.msg, "instead of"));
    assert_int_equal(hc_oci_manifest(o, HC_S("list"), &m, &err), HC_E_INPUT);
    assert_int_equal(hc_oci_manifest(o, HC_S("none"), &m, &err), HC_E_NOTFOUND);
    assert_int_equal(hc_oci_manifest(o, HC_S("a/b"), &m, &err), HC_E_INPUT);
    assert_int_equal(hc_oci_manifest(o, HC_S("sha256:12"), &m, &err), HC_E_INPUT);
    assert_int_equal(hc_oci_resolve(o, HC_S("tag"), &body, &err), HC_OK); /* HEAD says no digest: GET does */
    assert_true(hc_str_eq(body, digest));
    assert_int_equal(hc_oci_blob(o, digest, 1000, &body, &err), HC_OK);
    assert_true(hc_str_eqz(body, doc));
    assert_int_equal(hc_oci_blob(o, digest, 10, &body, &err), HC_E_LIMIT);
    assert_int_equal(hc_oci_blob(o, SUBJECT, 1000, &body, &err), HC_E_AGAIN);
    assert_int_equal(hc_oci_blob(o, HC_S("sha512:00"), 1000, &body, &err), HC_E_INPUT);
}

static void links_lead_to_the_next_page_of_this_registry(void **state)
{
    (void)state;
    static const struct {
        const char *headers, *next;
    } rows[] = {
        { "link: </v2/app/tags/list?n=2&last=b>; rel=\"next\"\n", "/v2/app/tags/list?n=2&last=b" },
        { "link: <https://evil.example/v2/app/tags/list?last=b>; rel=next\n", "/v2/app/tags/list?last=b" },
        { "link: <//evil.example/v2/x>; rel=next\n", "/v2/x" },
        { "link: <?last=b>; rel=next\n", "/v2/app/tags/list?last=b" },
        { "link: <list?last=http://x>; rel=next\n", "/v2/app/tags/list?last=http://x" },
        { "link: </a>; rel=prev\nlink: </v2/b>; rel=NEXT\n", "/v2/b" },
        { "link: </v2/a>; title=\"x; rel=next\"\n", "" },
        { "link: </elsewhere>; rel=next\n", "" },
        { "link: <https://h>; rel=next\n", "" },
        { "link: </v2/a b>; rel=next\n", "" },
        { "link: rel=next\n", "" },
        { "link: <\n", "" },
        { "link: ><;;;,,=\"\n", "" },
        { "x: y\n", "" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        const struct hc_http_response r = { .headers = hc_str_of(rows[i].headers) };
        hc_str next = oci_next_page(arena, &r, HC_S("/v2/app/tags/list?n=1000"));
        if (!hc_str_eqz(next, rows[i].next))
            fail_msg("row %zu: '%.*s'", i, HC_P(next));
    }
}

static void versions_are_whole(void **state)
{
    (void)state;
    static const struct answer table[] = {
        { "tags/list?n=1000", 200, "",
          "{\"tags\":[\"v3.0.0\",\"2.1\",\"1.0.0_b1\",\"1.0.0\",\"0.9.0\",\"latest\",7]}" },
        { NULL, 0, NULL, NULL },
    };
    HC_AUTO(hc_oci) struct hc_oci *o = open_app();
    hc_str tag;
    answers = table;
    assert_int_equal(oci_newest(o, none, none, OCI_V_TOO, &tag, &err), HC_OK);
    assert_true(hc_str_eqz(tag, "v3.0.0"));
    assert_int_equal(oci_newest(o, none, none, OCI_PLUS, &tag, &err), HC_OK);
    assert_true(hc_str_eqz(tag, "1.0.0_b1"));
    assert_int_equal(oci_newest(o, none, none, 0, &tag, &err), HC_OK);
    assert_true(hc_str_eqz(tag, "1.0.0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(referrers_come_by_the_api_or_by_the_tag),
        cmocka_unit_test(content_is_what_its_digest_says),
        cmocka_unit_test(links_lead_to_the_next_page_of_this_registry),
        cmocka_unit_test(versions_are_whole),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
