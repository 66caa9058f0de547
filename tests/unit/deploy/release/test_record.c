/*
 * Records that the real Helm 4 and Helm 3 made (records/), read and written again; then the memory storage with
 * Helm's rules for the newest revision, labels and retention.
 */
#include <fcntl.h>

#include "core/base/fs.h"
#include "deploy/release/storage.h"
#include "tests/unit/unit.h"

static hc_str file(struct hc_arena *a, const char *name)
{
    hc_str body = { 0 };
    struct hc_err err = HC_ERR_INIT;
    hc_str path = hc_arena_printf(a, HC_TEST_SOURCE_DIR "/tests/unit/deploy/release/records/%s", name);
    if (hc_read_file(a, AT_FDCWD, hc_arena_strz(a, path), 1 << 20, &body, &err) != HC_OK)
        fail_msg("%s", err.msg);
    return body;
}

static void same_text(hc_str got, hc_str want)
{
    if (!hc_str_eq(got, want))
        fail_msg("got:\n%.*s\nwant:\n%.*s", HC_P(got), HC_P(want));
}

static void test_round_trip(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want;
    } rows[] = { { "helm4.json", "helm4.json" }, { "helm3.json", "helm3.expected.json" } };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        HC_AUTO(hc_buf) struct hc_buf out;
        struct hc_err err = HC_ERR_INIT;
        struct hc_record r;
        hc_buf_init(&out, 0);
        if (hc_record_of_json(a, file(a, rows[i].in), &r, &err) != HC_OK)
            fail_msg("%s: %s", rows[i].in, err.msg);
        assert_int_equal(hc_record_json(&r, &out, &err), HC_OK);
        same_text(hc_buf_str(&out), file(a, rows[i].want));
    }
}

static void test_payload(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    struct hc_record r, again;
    hc_str packed;
    assert_int_equal(hc_record_decode(a, file(a, "helm4.payload"), &r, &err), HC_OK);
    assert_int_equal(r.revision, 3);
    assert_int_equal(r.status, HC_STATUS_DEPLOYED);
    assert_int_equal(r.rollback_revision, 1);
    assert_int_equal(r.hooks_n, 1);
    assert_int_equal(r.hooks[0].weight, 3);
    same_text(r.hooks[0].phase, HC_S("Succeeded"));
    same_text(r.apply_method, HC_S("ssa"));
    assert_int_equal(hc_record_encode(a, &r, a, &packed, &err), HC_OK);
    assert_int_equal(hc_record_decode(a, packed, &again, &err), HC_OK);
    assert_true(hc_val_equal(r.chart, again.chart));
    same_text(again.manifest, r.manifest);
}

static void test_bad_payloads(void **state)
{
    (void)state;
    static const struct {
        const char *payload, *says;
    } rows[] = {
        { "%%%", "illegal base64" },      { "e30", "illegal base64" }, { "W10=", "a list where an object belongs" },
        { "H4sIAAAA", "release record" }, { "", "release record" },    { "eyJuYW1lIjo=", "release record" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_err err = HC_ERR_INIT;
        struct hc_record r;
        if (hc_record_decode(a, hc_str_of(rows[i].payload), &r, &err) == HC_OK)
            fail_msg("'%s' was read", rows[i].payload);
        if (!strstr(err.msg, rows[i].says))
            fail_msg("'%s': %s", rows[i].payload, err.msg);
    }
}

static void test_unknown_fields_stay(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    HC_AUTO(hc_buf) struct hc_buf out;
    struct hc_err err = HC_ERR_INIT;
    struct hc_record r;
    hc_str text = HC_S("{\"name\":\"x\",\"info\":{},\"version\":2,\"later\":{\"b\":1,\"a\":\"<\"}}");
    hc_buf_init(&out, 0);
    assert_int_equal(hc_record_of_json(a, text, &r, &err), HC_OK);
    assert_int_equal(hc_record_json(&r, &out, &err), HC_OK);
    same_text(hc_buf_str(&out), HC_S("{\"name\":\"x\",\"info\":{\"status\":\"unknown\"},\"version\":2,\"later\":"
                                     "{\"b\":1,\"a\":\"\\u003c\"}}"));
}

static void test_times(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    same_text(hc_record_time(a, 1795250142029191367), HC_S("2026-11-21T08:35:42.029191367Z"));
    same_text(hc_record_time(a, 1795250142020000000), HC_S("2026-11-21T08:35:42.02Z"));
    same_text(hc_record_time(a, 1795250142000000000), HC_S("2026-11-21T08:35:42Z"));
}

static struct hc_record record(int64_t revision, enum hc_status status)
{
    return (struct hc_record){
        .name = HC_S("web"), .ns = HC_S("apps"), .revision = revision, .status = status, .manifest = HC_S("---\n")
    };
}

static void test_storage(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    struct hc_storage *s = hc_storage_memory();
    struct hc_record last, stale, r = record(1, HC_STATUS_PENDING_INSTALL);
    struct hc_brief *b;
    size_t n;
    assert_int_equal(hc_storage_last(s, a, HC_S("web"), 0, &last, &err), HC_E_NOTFOUND);
    r.labels = hc_map_new(a);
    hc_map_put_strz(a, r.labels, "team", "blue");
    r.mark = HC_S("{\"stage\":\"pre\"}");
    r.recording = HC_S("{\"format\":\"x\"}");
    assert_int_equal(hc_storage_create(s, a, &r, &err), HC_OK);
    assert_int_equal(hc_storage_create(s, a, &r, &err), HC_E_CONFLICT);
    stale = r;
    r.status = HC_STATUS_DEPLOYED;
    r.mark = (hc_str){ NULL, 0 };
    assert_int_equal(hc_storage_update(s, a, &r, &err), HC_OK);
    assert_int_equal(hc_storage_update(s, a, &stale, &err), HC_E_CONFLICT);
    for (int64_t i = 2; i <= 5; i++) {
        struct hc_record next = record(i, i == 3 ? HC_STATUS_DEPLOYED : HC_STATUS_FAILED);
        assert_int_equal(hc_storage_create(s, a, &next, &err), HC_OK);
    }
    for (int64_t hint = 0; hint <= 9; hint++) { /* however wrong the hint is */
        assert_int_equal(hc_storage_last(s, a, HC_S("web"), hint, &last, &err), HC_OK);
        assert_int_equal(last.revision, 5);
    }
    assert_int_equal(hc_storage_get(s, a, HC_S("web"), 1, &last, &err), HC_OK);
    same_text(hc_get_str(hc_map_getz(last.labels, "team")), HC_S("blue"));
    assert_int_equal(hc_map_len(last.labels), 1);
    assert_null(last.mark.p);
    same_text(last.recording, HC_S("{\"format\":\"x\"}")); /* stays when the record is written again */
    assert_int_equal(hc_storage_get(s, a, HC_S("web"), 2, &last, &err), HC_OK);
    assert_null(last.recording.p);

    /* Revisions 1 and 3 are deployed (an old supersede was lost): the newest of them stays. */
    assert_int_equal(hc_storage_briefs(s, a, HC_S("web"), &b, &n, &err), HC_OK);
    assert_int_equal(n, 5);
    assert_int_equal(hc_storage_retain(s, HC_S("web"), b, n, 2, &err), HC_OK);
    assert_int_equal(hc_storage_briefs(s, a, HC_S("web"), &b, &n, &err), HC_OK);
    assert_int_equal(n, 2);
    assert_int_equal(b[0].revision, 3);
    assert_int_equal(b[1].revision, 5);
    assert_int_equal(hc_storage_retain(s, HC_S("web"), b, n, 0, &err), HC_OK); /* the deployed one would stay */
    assert_int_equal(hc_storage_delete(s, HC_S("web"), 77, &err), HC_OK);

    r = record(9, HC_STATUS_FAILED);
    r.labels = hc_map_new(a);
    hc_map_put_strz(a, r.labels, "owner", "me");
    assert_int_equal(hc_storage_create(s, a, &r, &err), HC_E_INPUT);
    hc_storage_free(s);
}

/* What lasts of a revision is packed once: in all its states, read again, in the revision of a rollback. */
static void test_packed_once(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    struct hc_record r, again;
    hc_str packed, once;
    HC_AUTO(hc_buf) struct hc_buf json, before;
    assert_int_equal(hc_record_decode(a, file(a, "helm4.payload"), &r, &err), HC_OK);
    assert_null(r.lasting.p); /* Helm's */
    char *manifest = hc_arena_alloc(a, 9000, 1);
    for (size_t i = 0; i < 9000; i++)
        manifest[i] = "data: <x>\n"[(i * i) % 10];
    r.manifest = hc_str_n(manifest, 9000);
    assert_int_equal(hc_record_encode(a, &r, a, &packed, &err), HC_OK);
    assert_non_null(r.lasting.p);
    once = r.lasting;
    r.status = HC_STATUS_SUPERSEDED;
    r.description = HC_S("another description");
    r.revision = 12;
    r.hooks[0].phase = HC_S("Failed");
    hc_buf_init(&json, 0);
    hc_buf_init(&before, 0);
    assert_int_equal(hc_record_encode(a, &r, a, &packed, &err), HC_OK);
    assert_ptr_equal(r.lasting.p, once.p);
    assert_int_equal(hc_record_json(&r, &before, &err), HC_OK);
    assert_int_equal(hc_record_decode(a, packed, &again, &err), HC_OK);
    assert_int_equal(hc_record_json(&again, &json, &err), HC_OK);
    same_text(hc_buf_str(&json), hc_buf_str(&before));
    same_text(again.lasting, once);
    once = again.lasting;
    again.status = HC_STATUS_UNINSTALLING;
    assert_int_equal(hc_record_encode(a, &again, a, &packed, &err), HC_OK);
    assert_ptr_equal(again.lasting.p, once.p);
    manifest[4500] ^= 1; /* not what was packed any more */
    again.manifest = r.manifest;
    assert_int_equal(hc_record_encode(a, &again, a, &packed, &err), HC_OK);
    assert_int_equal(hc_record_decode(a, packed, &again, &err), HC_OK);
    same_text(again.manifest, r.manifest);
}

static void test_too_large(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    struct hc_record r = record(1, HC_STATUS_DEPLOYED);
    size_t n = 3 << 20;
    char *noise = hc_arena_alloc(a, n, 1);
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        noise[i] = (char)('!' + x % 90);
    }
    r.manifest = hc_str_n(noise, n);
    hc_str out;
    assert_int_equal(hc_record_encode(a, &r, NULL, &out, &err), HC_E_LIMIT);
    assert_non_null(strstr(err.msg, "manifest 3145728"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_payload),
        cmocka_unit_test(test_bad_payloads), cmocka_unit_test(test_unknown_fields_stay),
        cmocka_unit_test(test_times),        cmocka_unit_test(test_storage),
        cmocka_unit_test(test_too_large),    cmocka_unit_test(test_packed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
