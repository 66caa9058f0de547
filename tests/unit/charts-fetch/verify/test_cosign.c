/*
 * Keyless signatures of a Sigstore of the tests' own (tests/cluster/lib/sigstore.py makes them, an independent hand):
 * which rule each case fails; then torn, swollen and garbled ones, and trust roots that are none.
 */
#include "charts-fetch/verify/cosign.h"
#include "core/base/fs.h"
#include "core/value/json.h"
#include "tests/unit/arena.h"

#include <fcntl.h>
#include <stdlib.h>

static const char *const rules[] = { [HC_COSIGN_GOOD] = "good",       [HC_COSIGN_MALFORMED] = "malformed",
                                     [HC_COSIGN_SUBJECT] = "subject", [HC_COSIGN_SIGNATURE] = "signature",
                                     [HC_COSIGN_CHAIN] = "chain",     [HC_COSIGN_IDENTITY] = "identity",
                                     [HC_COSIGN_LOG] = "log",         [HC_COSIGN_TIME] = "time" };

static struct hc_val *doc;
static struct hc_err err;
static struct hc_cosign_result res;

static int open_fixture(void **state)
{
    hc_str s = { NULL, 0 };
    if (setup(state))
        return -1;
    hc_str path = hc_arena_printf(arena, "%s/tests/unit/charts-fetch/verify/fixtures/sigstore.json",
                                  HC_TEST_SOURCE_DIR);
    return hc_read_file(arena, AT_FDCWD, path.p, 1 << 20, &s, NULL) == HC_OK &&
                   hc_json_parse(arena, s, HC_JSON_NO_POSITIONS, &doc, NULL) == HC_OK
               ? 0
               : -1;
}

static hc_str annotation(const struct hc_val *c, const char *key)
{
    return hc_get_str(hc_map_getz(hc_map_getz(c, "layer"), key));
}

static struct hc_cosign_layer layer_of(const struct hc_val *c)
{
    return (struct hc_cosign_layer){ .payload = hc_get_str_at(c, "payload"),
                                     .signature = annotation(c, "dev.cosignproject.cosign/signature"),
                                     .certificate = annotation(c, "dev.sigstore.cosign/certificate"),
                                     .bundle = annotation(c, "dev.sigstore.cosign/bundle") };
}

static struct hc_sigstore_root *root_of(const char *name)
{
    struct hc_sigstore_root *r = NULL;
    hc_str json = hc_get_str(hc_map_getz(hc_map_getz(doc, "roots"), name));
    assert_int_equal(hc_sigstore_root_read(arena, json, &r, &err), HC_OK);
    return r;
}

static enum hc_cosign_rule judge(struct hc_arena *a, const struct hc_cosign_trust *t, const struct hc_val *c)
{
    const struct hc_val *b = hc_map_getz(c, "bundle");
    struct hc_cosign_layer l = layer_of(c);
    hc_str digest = hc_get_str_at(doc, "digest");
    enum hc_rc rc = b ? hc_cosign_bundle(a, t, hc_get_str(b), digest, &res, &err)
                      : hc_cosign_layer(a, t, &l, digest, &res, &err);
    assert_int_equal(rc == HC_OK, res.rule == HC_COSIGN_GOOD);
    if (rc != HC_OK)
        assert_true(rc == HC_E_INPUT && err.msg[0] != '\0');
    return res.rule;
}

static const struct hc_cosign_identity ids[] = {
    { HC_S("^https://other\\.example\\.org$"), HC_S("") },
    { HC_S("^https://login\\.example\\.org$"), HC_S("^dev@example\\.org$") },
};

static void each_rule(void **state)
{
    (void)state;
    const struct hc_val *cases = hc_map_getz(doc, "cases");
    assert_true(hc_list_len(cases) > 25);
    for (size_t i = 0; i < hc_list_len(cases); i++) {
        const struct hc_val *c = hc_list_at(cases, i);
        hc_str want = hc_get_str_at(c, "rule");
        struct hc_sigstore_root *r = root_of(hc_arena_strz(arena, hc_get_str_at(c, "root")));
        struct hc_cosign_trust t = { .root = r, .identities = ids, .identities_n = HC_LEN(ids) };
        enum hc_cosign_rule rule = judge(arena, &t, c);
        if (!hc_str_eqz(want, rules[rule]))
            fail_msg("%.*s: %s instead of %.*s: %s", HC_P(hc_get_str_at(c, "name")), rules[rule], HC_P(want),
                     rule ? err.msg : "");
        if (rule == HC_COSIGN_GOOD) {
            assert_true(hc_str_eqz(res.subject, "dev@example.org") && res.signed_s > 0);
            /* The same signature never counts for another digest, nor under a key, nor under nobody's root. */
            hc_str other = HC_S("sha256:0000000000000000000000000000000000000000000000000000000000000000");
            const struct hc_val *b = hc_map_getz(c, "bundle");
            struct hc_cosign_layer l = layer_of(c);
            assert_int_equal(b ? hc_cosign_bundle(arena, &t, hc_get_str(b), other, &res, &err)
                               : hc_cosign_layer(arena, &t, &l, other, &res, &err),
                             HC_E_INPUT);
            const hc_str keys[] = { HC_S("no key") };
            struct hc_cosign_trust by_key = { .keys = keys, .keys_n = 1, .root = r };
            assert_int_equal(judge(arena, &by_key, c), HC_COSIGN_SIGNATURE);
        }
        if (rule == HC_COSIGN_IDENTITY) { /* whoever the root vouches for */
            t.identities_n = 0;
            assert_int_equal(judge(arena, &t, c), HC_COSIGN_GOOD);
        }
        hc_sigstore_root_free(r);
    }
}

static const struct hc_val *named(const char *name)
{
    const struct hc_val *cases = hc_map_getz(doc, "cases");
    for (size_t i = 0; i < hc_list_len(cases); i++)
        if (hc_str_eqz(hc_get_str_at(hc_list_at(cases, i), "name"), name))
            return hc_list_at(cases, i);
    fail_msg("no case %s", name);
    return NULL;
}

/* A bundle cut anywhere is never good; one with a byte changed is not, or says the same. */
static void torn_bundles(void **state)
{
    (void)state;
    struct hc_sigstore_root *r = root_of("full");
    struct hc_cosign_trust t = { .root = r, .identities = ids, .identities_n = HC_LEN(ids) };
    hc_str text = hc_get_str_at(named("bundle"), "bundle"), digest = hc_get_str_at(doc, "digest");
    struct hc_arena *a = hc_arena_new(0);
    for (size_t n = 0; n < text.n; n += 37) {
        hc_arena_reset(a);
        assert_int_equal(hc_cosign_bundle(a, &t, hc_str_sub(text, 0, n), digest, &res, &err), HC_E_INPUT);
        assert_int_equal(res.rule, HC_COSIGN_MALFORMED);
    }
    char *copy = hc_arena_strz(arena, text);
    size_t from = hc_str_find_str(text, HC_S("\"payload\": \"")), bad = 0;
    for (size_t i = from + 12; i < from + 12 + 80; i++) { /* the statement: each digit counts */
        hc_arena_reset(a);
        char was = copy[i];
        copy[i] = was == 'A' ? 'B' : 'A';
        bad += hc_cosign_bundle(a, &t, hc_str_n(copy, text.n), digest, &res, &err) == HC_E_INPUT;
        copy[i] = was;
    }
    assert_int_equal(bad, 80);
    for (size_t i = 0; i < text.n; i += 29) { /* anywhere: no crash, and the answer is one of the rules */
        hc_arena_reset(a);
        char was = copy[i];
        copy[i] = was == '"' ? '0' : '"';
        (void)hc_cosign_bundle(a, &t, hc_str_n(copy, text.n), digest, &res, &err);
        assert_true((size_t)res.rule < HC_LEN(rules));
        copy[i] = was;
    }
    hc_arena_free(a);
    hc_sigstore_root_free(r);
}

static void hostile_layers(void **state)
{
    (void)state;
    struct hc_sigstore_root *r = root_of("full");
    struct hc_cosign_trust t = { .root = r };
    struct hc_cosign_layer good = layer_of(named("layer")), l;
    hc_str digest = hc_get_str_at(doc, "digest");
#define FAILS(field, value, want)                                                                                  \
    do {                                                                                                           \
        l = good;                                                                                                  \
        l.field = (value);                                                                                         \
        assert_int_equal(hc_cosign_layer(arena, &t, &l, digest, &res, &err), HC_E_INPUT);                          \
        assert_int_equal(res.rule, want);                                                                          \
    } while (0)
    FAILS(signature, HC_S(""), HC_COSIGN_MALFORMED);
    FAILS(signature, HC_S("not base64!"), HC_COSIGN_MALFORMED);
    FAILS(signature, hc_str_sub(good.signature, 0, 40), HC_COSIGN_SIGNATURE);
    FAILS(certificate, HC_S("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), HC_COSIGN_MALFORMED);
    FAILS(certificate, hc_str_sub(good.certificate, 0, good.certificate.n / 2), HC_COSIGN_MALFORMED);
    FAILS(bundle, HC_S("[]"), HC_COSIGN_MALFORMED);
    FAILS(bundle, HC_S("{}"), HC_COSIGN_LOG);
    FAILS(bundle, HC_S("{\"Payload\": {\"integratedTime\": -1, \"logIndex\": -1.5}}"), HC_COSIGN_LOG);
    FAILS(timestamp, HC_S("{\"SignedRFC3161Timestamp\": \"MIIB\"}"), HC_COSIGN_TIME);
    FAILS(payload, HC_S(""), HC_COSIGN_SIGNATURE);
    char *huge = calloc(1, HC_COSIGN_MAX_BYTES + 1);
    assert_non_null(huge);
    FAILS(payload, hc_str_n(huge, HC_COSIGN_MAX_BYTES + 1), HC_COSIGN_MALFORMED);
    assert_int_equal(hc_cosign_bundle(arena, &t, hc_str_n(huge, HC_COSIGN_MAX_BYTES + 1), digest, &res, &err),
                     HC_E_INPUT);
    free(huge);
    /* A digest that is none is nobody's subject. */
    assert_int_equal(hc_cosign_layer(arena, &t, &good, HC_S(""), &res, &err), HC_E_INPUT);
    assert_int_equal(hc_cosign_layer(arena, &t, &good, digest, &res, &err), HC_OK);
    hc_sigstore_root_free(r);
}

static void roots_that_are_none(void **state)
{
    (void)state;
    hc_str text = hc_get_str(hc_map_getz(hc_map_getz(doc, "roots"), "full"));
    struct hc_sigstore_root *r = NULL;
    static const char *const none[] = {
        "",
        "{}",
        "[]",
        "{\"mediaType\": \"application/vnd.dev.sigstore.trustedroot+json;version=0.1\"}",
        "{\"mediaType\": \"application/vnd.dev.sigstore.trustedroot+json\", \"certificateAuthorities\": [{}]}",
        "{\"mediaType\": \"application/vnd.dev.sigstore.trustedroot+json\", \"tlogs\": [{\"publicKey\": "
        "{\"rawBytes\": \"AAAA\"}}]}",
        "{\"mediaType\": \"application/vnd.dev.sigstore.trustedroot+json\", \"certificateAuthorities\": "
        "[{\"certChain\": {\"certificates\": [{\"rawBytes\": \"MAA=\"}]}}]}"
    };
    for (size_t i = 0; i < HC_LEN(none); i++) {
        err.msg[0] = '\0';
        assert_int_not_equal(hc_sigstore_root_read(arena, hc_str_of(none[i]), &r, &err), HC_OK);
        assert_true(err.msg[0] != '\0' && !r);
    }
    struct hc_arena *a = hc_arena_new(0);
    for (size_t n = 0; n < text.n; n += 53) {
        hc_arena_reset(a);
        assert_int_not_equal(hc_sigstore_root_read(a, hc_str_sub(text, 0, n), &r, &err), HC_OK);
    }
    hc_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_rule), cmocka_unit_test(torn_bundles),
                                        cmocka_unit_test(hostile_layers), cmocka_unit_test(roots_that_are_none) };
    return cmocka_run_group_tests(tests, open_fixture, teardown);
}
