/*
 * charts-fetch/source/oci.h: manifests, referrers, blobs and pages out of a registry on loopback that answers by a
 * table.
 */
#include <errno.h>
#include <fcntl.h>

#include "charts-fetch/source/oci.h"
#include "charts-fetch/source/oci_impl.h"
#include "core/base/clock.h"
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
    bool head = strcmp(r->method, "HEAD") == 0; /* a length of nothing is no lie that libcurl minds */
    (void)s;
    for (const struct answer *a = answers; a && a->path; a++)
        if (strncmp(r->path, "/v2/app/", 8) == 0 && strcmp(r->path + 8, a->path) == 0)
            return loopback_answer(fd, a->status, a->headers, a->body, head ? 0 : strlen(a->body));
    return loopback_answer(fd, 404, "", "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\"}]}", head ? 0 : 40);
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

/* ---- cut connections ---- */

enum { BLOB = 300000, PIECE = 50000 };
static char *blob_bytes;
static char blob_hex[HC_SHA256_HEX + 1];
static atomic_int blob_requests;
static enum { CUT_FAIR, CUT_NO_RANGES, CUT_OTHER_RANGE, CUT_AT_ONCE, CUT_LIES, CUT_TOO_MUCH } _Atomic cut_how;

/* Each answer ends after PIECE bytes. */
static bool cut_off(struct loopback *s, const struct loopback_request *r, int fd)
{
    char head[256];
    size_t from = 0;
    const char *range = strstr(r->headers, "Range: bytes=");
    (void)s;
    int nth = atomic_fetch_add(&blob_requests, 1);
    if (range && cut_how != CUT_NO_RANGES)
        from = strtoul(range + 13, NULL, 10);
    size_t said = cut_how == CUT_OTHER_RANGE && nth == 1 ? from - 1 : from;
    size_t n = cut_how == CUT_NO_RANGES && nth == 1 ? BLOB : HC_MIN((size_t)PIECE, BLOB - from);
    if (cut_how == CUT_AT_ONCE)
        n = 0;
    snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nContent-Range: bytes %zu-%d/%d\r\n\r\n",
             from ? 206 : 200, BLOB - from + (cut_how == CUT_TOO_MUCH), said, BLOB - 1, BLOB);
    loopback_send(fd, head, strlen(head));
    if (cut_how == CUT_LIES && nth == 2)
        loopback_send(fd, "x", 1);
    else
        loopback_send(fd, blob_bytes + from, n);
    if (cut_how == CUT_TOO_MUCH)
        loopback_send(fd, blob_bytes, BLOB);
    return false;
}

static void a_cut_blob_is_gone_on_with(void **state)
{
    (void)state;
    static const struct {
        int how;
        enum hc_rc rc;
        int requests;
        const char *words;
    } rows[] = {
        { CUT_FAIR, HC_OK, BLOB / PIECE, "" },
        { CUT_NO_RANGES, HC_OK, 2, "" },                  /* all of it comes again */
        { CUT_OTHER_RANGE, HC_OK, 2 + BLOB / PIECE, "" }, /* begun anew */
        { CUT_AT_ONCE, HC_E_AGAIN, 4, "blob sha256:" },
        { CUT_LIES, HC_E_AGAIN, -1, "instead of" },
        { CUT_TOO_MUCH, HC_E_LIMIT, 1, "more than the 300000 bytes" },
    };
    struct loopback cutter;
    blob_bytes = malloc(BLOB);
    for (size_t i = 0; i < BLOB; i++)
        blob_bytes[i] = (char)(i * 7 + i / 251);
    hc_sha256_of(hc_str_n(blob_bytes, BLOB), blob_hex);
    loopback_start(&cutter, cut_off);
    const char *path = hc_arena_printf(arena, "%s/tmp/blob", store_dir).p;
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        const struct hc_source_env env = { .http = http, .store = store, .timeout_ms = 10000 };
        static const struct hc_source_auth auth = { .plain_http = true };
        HC_AUTO(hc_oci) struct hc_oci *o = NULL;
        uint64_t size = 0;
        hc_str body;
        atomic_store(&blob_requests, 0);
        cut_how = (unsigned)rows[i].how;
        err = (struct hc_err)HC_ERR_INIT;
        assert_int_equal(hc_oci_open(&env, arena, hc_arena_printf(arena, "oci://127.0.0.1:%d/app", cutter.port).p,
                                     &auth, &o, &err),
                         HC_OK);
        enum hc_rc rc = hc_oci_blob_file(o, hc_arena_printf(arena, "sha256:%s", blob_hex), BLOB, path, &size, &err);
        if (rc != rows[i].rc || !strstr(err.msg, rows[i].words) ||
            (rows[i].requests >= 0 && atomic_load(&blob_requests) != rows[i].requests))
            fail_msg("row %zu: %s, %d requests: %s", i, hc_rc_name(rc), atomic_load(&blob_requests), err.msg);
        if (rc == HC_OK) {
            assert_int_equal(hc_read_file(arena, AT_FDCWD, path, BLOB, &body, &err), HC_OK);
            assert_true(body.n == BLOB && memcmp(body.p, blob_bytes, BLOB) == 0);
        } else {
            assert_int_equal(access(path, F_OK), -1); /* nothing partial stays */
        }
    }
    /* A disk that is full: nothing is taken, and it is said what it was. */
    HC_AUTO(hc_oci) struct hc_oci *o = NULL;
    const struct hc_source_env env = { .http = http, .store = store, .timeout_ms = 10000 };
    static const struct hc_source_auth auth = { .plain_http = true };
    uint64_t size;
    cut_how = CUT_FAIR;
    assert_int_equal(
        hc_oci_open(&env, arena, hc_arena_printf(arena, "oci://127.0.0.1:%d/app", cutter.port).p, &auth, &o, &err),
        HC_OK);
    assert_int_equal(symlink("/dev/full", path), 0);
    assert_int_equal(hc_oci_blob_file(o, hc_arena_printf(arena, "sha256:%s", blob_hex), BLOB, path, &size, &err),
                     HC_E_AGAIN);
    assert_non_null(strstr(err.msg, "write to the store: No space left"));
    assert_int_equal(err.os_errno, ENOSPC);
    loopback_stop(&cutter);
    free(blob_bytes);
}

static void packing_a_layer_has_an_end(void **state)
{
    (void)state;
    const char *dir = hc_arena_printf(arena, "%s/tree", store_dir).p, *file = hc_arena_printf(arena, "%s/f", dir).p;
    hc_str digest;
    uint64_t size;
    assert_int_equal(hc_mkdirs(dir, 0700, &err), HC_OK);
    assert_int_equal(hc_write_file(file, HC_S("x"), 0600, &err), HC_OK);
    assert_int_equal(hc_tree_pack(store, arena, dir, none, hc_mono_ms() + 60000, &digest, &size, &err), HC_OK);
    assert_int_equal(hc_tree_pack(store, arena, dir, none, hc_mono_ms() - 1, &digest, &size, &err), HC_E_AGAIN);
    assert_non_null(strstr(err.msg, "spec.timeout"));
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
    assert_int_equal(oci_newest(o, none, none, HC_OCI_V_TOO, &tag, &err), HC_OK);
    assert_true(hc_str_eqz(tag, "v3.0.0"));
    assert_int_equal(oci_newest(o, none, none, HC_OCI_PLUS, &tag, &err), HC_OK);
    assert_true(hc_str_eqz(tag, "1.0.0_b1"));
    assert_int_equal(oci_newest(o, none, none, 0, &tag, &err), HC_OK);
    assert_true(hc_str_eqz(tag, "1.0.0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(referrers_come_by_the_api_or_by_the_tag),
        cmocka_unit_test(content_is_what_its_digest_says),
        cmocka_unit_test(a_cut_blob_is_gone_on_with),
        cmocka_unit_test(packing_a_layer_has_an_end),
        cmocka_unit_test(links_lead_to_the_next_page_of_this_registry),
        cmocka_unit_test(versions_are_whole),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
