/*
 * Bodies in protobuf: real ones, and cut ones, which must cost an error and no more.
 */
#include <fcntl.h>

#include "core/base/fs.h"
#include "tests/unit/helmctl/sandbox/rig.h"

/* What Helm sends for its first record, shortened: Secret {name a, labels {o: h}, type t, data {r: "x"}}. */
static const unsigned char secret[] = {
    'k',  '8',  's',  0,                                                           /* magic */
    0x0a, 0x0c, 0x0a, 0x02, 'v',  '1',  0x12, 0x06, 'S',  'e', 'c', 'r', 'e', 't', /* TypeMeta */
    0x12, 0x1e, 0x0a, 0x11,                                                        /* raw: metadata */
    0x0a, 0x01, 'a',  0x12, 0x00, 0x38, 0x00, 0x42, 0x00, /* generateName "", generation 0, no time */
    0x5a, 0x06, 0x0a, 0x01, 'o',  0x12, 0x01, 'h',        /* labels */
    0x12, 0x06, 0x0a, 0x01, 'r',  0x12, 0x01, 'x',        /* data */
    0x1a, 0x01, 't',                                      /* type */
    0x1a, 0x00,                                           /* contentEncoding */
};

static void reads_a_secret(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_val *v = NULL;
    assert_true(hc_sb_protobuf_parse(a, hc_str_n((const char *)secret, sizeof(secret)), &v));
    assert_true(hc_str_eqz(hc_get_str_at(v, "apiVersion"), "v1"));
    assert_true(hc_str_eqz(hc_get_str_at(v, "kind"), "Secret"));
    assert_true(hc_str_eqz(hc_get_str_at(v, "metadata.name"), "a"));
    assert_true(hc_str_eqz(hc_get_str_at(v, "metadata.labels.o"), "h"));
    assert_true(hc_str_eqz(hc_get_str_at(v, "data.r"), "eA=="));
    assert_true(hc_str_eqz(hc_get_str_at(v, "type"), "t"));
    assert_null(hc_get(v, "metadata.generateName"));
    assert_null(hc_get(v, "metadata.generation"));
    assert_null(hc_get(v, "metadata.creationTimestamp"));
}

static void survives_what_is_cut_or_changed(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    for (size_t n = 0; n < sizeof(secret); n++) {
        struct hc_val *v = NULL;
        char *part = malloc(n ? n : 1); /* its own block: a read behind the end is seen */
        memcpy(part, secret, n);
        (void)hc_sb_protobuf_parse(a, hc_str_n(part, n), &v);
        free(part);
        for (int bit = 0; bit < 8; bit++) {
            char *all = malloc(sizeof(secret));
            memcpy(all, secret, sizeof(secret));
            all[n] = (char)(all[n] ^ (1 << bit));
            (void)hc_sb_protobuf_parse(a, hc_str_n(all, sizeof(secret)), &v);
            free(all);
        }
    }
    struct hc_val *v = NULL;
    assert_false(hc_sb_protobuf_parse(a, hc_str_n((const char *)secret, 20), &v));
    assert_false(hc_sb_protobuf_parse(a, HC_S("{}"), &v));
}

/* A body of kubectl create deployment --replicas=3 --port=80, as it was caught. */
static void reads_kubectls_deployment(void **state)
{
    struct rig *r = *state;
    hc_str body;
    struct hc_err err = HC_ERR_INIT;
    assert_int_equal(hc_read_file(r->a, AT_FDCWD, HC_TEST_SOURCE_DIR "/tests/fuzz/corpus/sandbox/deployments",
                                  65536, &body, &err),
                     HC_OK);
    struct hc_val *v = NULL;
    assert_true(hc_sb_protobuf_parse(r->a, body, &v));
    assert_string_equal(
        text_of(r, v),
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"labels\":{\"app\":\"web\"},\"name\":"
        "\"web\"},\"spec\":{\"replicas\":3,\"selector\":{\"matchLabels\":{\"app\":"
        "\"web\"}},"
        "\"template\":{\"metadata\":{\"labels\":{\"app\":\"web\"}},\"spec\":{\"containers\":[{\"image\":\"nginx\","
        "\"name\":\"nginx\",\"ports\":[{\"containerPort\":80}]}]}}}}");
    r->content_type = "application/vnd.kubernetes.protobuf";
    call_with(r, "POST /apis/apps/v1/namespaces/default/deployments", body);
    assert_int_equal(r->code, 201);
    r->content_type = NULL;
}

static void served(void **state)
{
    struct rig *r = *state;
    r->content_type = "application/vnd.kubernetes.protobuf";
    struct hc_val *v = call_with(r, "POST /api/v1/namespaces/default/secrets",
                                 hc_str_n((const char *)secret, sizeof(secret)));
    assert_int_equal(r->code, 201);
    assert_string_equal(at(r, v, "type"), "t");
    call_with(r, "POST /api/v1/namespaces/default/secrets", hc_str_n((const char *)secret, 30));
    assert_int_equal(r->code, 415);
    r->content_type = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_secret),
        cmocka_unit_test(survives_what_is_cut_or_changed),
        cmocka_unit_test_setup_teardown(reads_kubectls_deployment, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(served, rig_setup, rig_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
