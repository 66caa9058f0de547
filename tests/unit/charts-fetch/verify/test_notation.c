/*
 * Signatures of the Notary Project, made by an independent hand (tests/cluster/lib/notary.py): which rule each case fails;
 * torn and garbled envelopes; trust policies, good and bad.
 */
#include "charts-fetch/source/oci_impl.h"
#include "charts-fetch/verify/notation.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/value/json.h"
#include "tests/unit/arena.h"
#include "tests/unit/loopback.h"

#include <fcntl.h>

static const char *const rules[] = { [HC_NOTATION_GOOD] = "good",
                                     [HC_NOTATION_INTEGRITY] = "integrity",
                                     [HC_NOTATION_AUTHENTICITY] = "authenticity",
                                     [HC_NOTATION_TIMESTAMP] = "authenticTimestamp",
                                     [HC_NOTATION_EXPIRY] = "expiry",
                                     [HC_NOTATION_REVOCATION] = "revocation",
                                     [HC_NOTATION_SUBJECT] = "subject" };

static struct hc_val *doc;
static struct hc_err err;
static struct hc_notation_result res;

static int open_fixture(void **state)
{
    hc_str s = { NULL, 0 };
    if (setup(state))
        return -1;
    hc_str path = hc_arena_printf(arena, "%s/tests/unit/charts-fetch/verify/fixtures/notary.json",
                                  HC_TEST_SOURCE_DIR);
    return hc_read_file(arena, AT_FDCWD, path.p, 4 << 20, &s, NULL) == HC_OK &&
                   hc_json_parse(arena, s, HC_JSON_NO_POSITIONS, &doc, NULL) == HC_OK
               ? 0
               : -1;
}

static hc_str named(const char *list, hc_str name)
{
    hc_str s = hc_get_str(hc_map_get(hc_map_getz(doc, list), name));
    assert_true(s.n > 0);
    return s;
}

/* The servers of the fixture: a URL it does not name is silent. */
static hc_str asked;
static enum hc_rc answer(void *ctx, const char *url, hc_str body, size_t max_bytes, hc_str *out, struct hc_err *e)
{
    (void)ctx;
    hc_str text = hc_get_str(hc_map_get(hc_map_getz(doc, "answers"), hc_str_of(url)));
    asked = hc_arena_str(arena, hc_str_of(url));
    assert_int_equal(body.n > 0, strstr(url, "ocsp") != NULL);
    if (!text.n)
        return hc_fail(e, HC_E_AGAIN, "%s: nobody there", url);
    *out = hc_base64_decode(arena, text, NULL);
    assert_true(out->n <= max_bytes);
    return HC_OK;
}

/* The same servers over HTTP, all behind one proxy. */
static bool serve(struct loopback *s, const struct loopback_request *r, int fd)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    hc_str body = hc_base64_decode(a, hc_get_str(hc_map_get(hc_map_getz(doc, "answers"), hc_str_of(r->path))),
                                   NULL);
    bool ocsp = strstr(r->path, "ocsp") != NULL;
    (void)s;
    if (strcmp(r->method, ocsp ? "POST" : "GET") != 0 || ocsp != (r->body_n > 0) ||
        (ocsp && !strcasestr(r->headers, "content-type: application/ocsp-request\r\n")) ||
        strcasestr(r->headers, "authorization:"))
        return loopback_answer(fd, 400, "", "", 0);
    return body.n ? loopback_answer(fd, 200, "", body.p, body.n) : loopback_answer(fd, 404, "", "", 0);
}

static struct hc_notation_trust trust;
static struct hc_trust_policy policy;
static struct hc_notation_subject target;

static void trust_of(hc_str by, hc_str certs)
{
    assert_int_equal(hc_trust_policy_read(arena, named("policies", by), false, &policy, &err), HC_OK);
    trust = (struct hc_notation_trust){ .policy = &policy,
                                        .now_ms = hc_get_int_at(doc, "now", 0) * 1000,
                                        .ask = answer };
    assert_int_equal(hc_notation_add_certs(arena, HC_S("ca.crt"), named("trusts", certs), &trust.certs, &err),
                     HC_OK);
    target = (struct hc_notation_subject){ hc_get_str_at(doc, "target.mediaType"),
                                           hc_get_str_at(doc, "target.digest"),
                                           (uint64_t)hc_get_int_at(doc, "target.size", 0) };
}

static enum hc_notation_rule judge(struct hc_arena *a, hc_str type, hc_str envelope)
{
    err.msg[0] = '\0';
    enum hc_rc rc = hc_notation_check(a, &trust, hc_trust_policy_for(&policy, HC_S("host/app")), type, envelope,
                                      &target, &res, &err);
    assert_int_equal(rc == HC_OK, res.rule == HC_NOTATION_GOOD);
    if (rc != HC_OK) {
        assert_int_equal(rc, HC_E_INPUT);
        assert_true(strncmp(err.msg, rules[res.rule], strlen(rules[res.rule])) == 0); /* it says which rule */
    }
    return res.rule;
}

/* Text as it is, else base64. */
static hc_str envelope_of(const struct hc_val *c)
{
    hc_str s = hc_get_str_at(c, "envelope");
    return hc_str_starts(s, HC_S("{")) ? s : hc_base64_decode(arena, s, NULL);
}

static bool asks[512]; /* cases that ask a server */

static void each_rule(void **state)
{
    (void)state;
    const struct hc_val *cases = hc_map_getz(doc, "cases");
    hc_str last = { NULL, 0 };
    assert_true(hc_list_len(cases) > 130);
    for (size_t i = 0; i < hc_list_len(cases); i++) {
        const struct hc_val *c = hc_list_at(cases, i);
        hc_str want = hc_get_str_at(c, "rule"), name = hc_get_str_at(c, "name"),
               logged = hc_get_str_at(c, "logged");
        hc_str envelope = envelope_of(c);
        trust_of(hc_get_str_at(c, "policy"), hc_get_str_at(c, "trust"));
        asked = (hc_str){ NULL, 0 };
        enum hc_notation_rule rule = judge(arena, hc_get_str_at(c, "type"), envelope);
        asks[i % HC_LEN(asks)] = asked.n > 0;
        last = asked.n ? asked : last;
        if (!hc_str_eqz(want, rules[rule]))
            fail_msg("%.*s: %s instead of %.*s: %s", HC_P(name), rules[rule], HC_P(want), err.msg);
        if (!hc_str_starts(res.logged, logged) || (logged.n == 0) != (res.logged.n == 0))
            fail_msg("%.*s: logged is '%.*s'", HC_P(name), HC_P(res.logged));
        if (rule == HC_NOTATION_GOOD) { /* the same never counts for another manifest */
            if (i % 3 == 0)
                target.digest = HC_S("sha256:0000000000000000000000000000000000000000000000000000000000000000");
            else if (i % 3 == 1)
                target.size++;
            else
                target.media_type = HC_S("application/json");
            assert_int_equal(judge(arena, hc_get_str_at(c, "type"), envelope), HC_NOTATION_SUBJECT);
        }
    }
    assert_true(last.n && hc_str_find_str(last, HC_S("never")) == SIZE_MAX);
}

/* Every case that asks a server, once more with the servers on a network. */
static void revocation_is_asked_for_over_http(void **state)
{
    (void)state;
    const struct hc_val *cases = hc_map_getz(doc, "cases");
    struct loopback server;
    size_t over_http = 0, revoked = 0;
    loopback_start(&server, serve);
    struct hc_oci o = { .a = arena, .env = { .http = hc_http_new(&err), .proxy = server.base } };
    assert_non_null(o.env.http);
    for (size_t i = 0; i < hc_list_len(cases); i++) {
        const struct hc_val *c = hc_list_at(cases, i);
        hc_str want = hc_get_str_at(c, "rule"), name = hc_get_str_at(c, "name");
        if (!asks[i % HC_LEN(asks)])
            continue;
        trust_of(hc_get_str_at(c, "policy"), hc_get_str_at(c, "trust"));
        trust.ask = oci_ask_authority;
        trust.ask_ctx = &o;
        enum hc_notation_rule rule = judge(arena, hc_get_str_at(c, "type"), envelope_of(c));
        if (!hc_str_eqz(want, rules[rule]))
            fail_msg("%.*s: %s instead of %.*s: %s", HC_P(name), rules[rule], HC_P(want), err.msg);
        over_http++;
        revoked += rule == HC_NOTATION_REVOCATION;
    }
    hc_http_free(o.env.http);
    loopback_stop(&server);
    assert_true(over_http > 8 && revoked > 3 && revoked < over_http);
}

static hc_str case_of(const char *name)
{
    const struct hc_val *cases = hc_map_getz(doc, "cases");
    for (size_t i = 0; i < hc_list_len(cases); i++)
        if (hc_str_eqz(hc_get_str_at(hc_list_at(cases, i), "name"), name))
            return envelope_of(hc_list_at(cases, i));
    fail_msg("no case %s", name);
    return HC_S("");
}

/* Cut anywhere it is none; with a byte changed where it counts, never good; elsewhere no crash. */
static void torn(void **state)
{
    (void)state;
    static const char *const names[] = { "stamped, JWS", "stamped, COSE" };
    static const char *const types[] = { HC_NOTATION_JWS, HC_NOTATION_COSE };
    struct hc_arena *a = hc_arena_new(0);
    trust_of(HC_S("stamped"), HC_S("tsa"));
    for (size_t f = 0; f < 2; f++) {
        hc_str text = case_of(names[f]), type = hc_str_of(types[f]);
        assert_int_equal(judge(a, type, text), HC_NOTATION_GOOD);
        for (size_t n = 0; n < text.n; n += 131) {
            hc_arena_reset(a);
            assert_int_equal(judge(a, type, hc_str_sub(text, 0, n)), HC_NOTATION_INTEGRITY);
        }
        char *copy = hc_arena_strz(arena, text);
        size_t good = 0, tried = 0;
        for (size_t i = 0; i < text.n; i += 47, tried++) {
            hc_arena_reset(a);
            copy[i] = (char)(copy[i] ^ 1);
            good += judge(a, type, hc_str_n(copy, text.n)) == HC_NOTATION_GOOD;
            copy[i] = (char)(copy[i] ^ 1);
        }
        assert_true(tried > 50 && good * 10 < tried); /* only who made it is not signed: a name */
    }
    hc_arena_free(a);
}

/* CBOR that claims more than there is ends at once. */
static void hostile_cbor(void **state)
{
    (void)state;
    trust_of(HC_S("strict"), HC_S("root"));
    static const char *const texts[] = { "",
                                         "\xd2",
                                         "\xd2\x84",
                                         "\xd2\x84\x40\xa0\x40\x40",
                                         "\xd2\x84\x41\xa0\xa0\x41x\x41y",
                                         "\xd2\x84\x49\xa1\x61x\x9b\xff\xff\xff\xff\xff\xff",
                                         "\xd2\x84\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
                                         "\xd2\x84\x4b\xa1\x61x\xbb\x80\x01\x02\x03\x04\x05\x06\x07",
                                         "\xd2\x84\x45\xa1\x61x\xfc\x01",
                                         "\xd2\x9b\x01\x01\x01\x01\x01\x01\x01\x04",
                                         "\xd2\x84\x46\xa2\x61x\x01\x61x\x01",
                                         "\xd2\x84\x42\xa1\xf6" };
    for (size_t i = 0; i < HC_LEN(texts); i++)
        assert_int_equal(judge(arena, HC_S(HC_NOTATION_COSE), hc_str_of(texts[i])), HC_NOTATION_INTEGRITY);
    char deep[20000]; /* lists in lists in an unknown header, 19,000 of them: nothing recurses */
    memset(deep, 0x81, sizeof(deep));
    memcpy(deep, "\xd2\x84\x59\x4e\x00\xa1\x61x", 8);
    assert_int_equal(judge(arena, HC_S(HC_NOTATION_COSE), hc_str_n(deep, sizeof(deep))), HC_NOTATION_INTEGRITY);
}

#define POLICY(name, scopes, verification, stores, identities)                                                     \
    "{\"name\": \"" name "\", \"registryScopes\": [" scopes "], \"signatureVerification\": {" verification         \
    "}, \"trustStores\": [" stores "], \"trustedIdentities\": [" identities "]}"
#define DOC(list)        "{\"version\": \"1.0\", \"trustPolicies\": [" list "]}"
#define AND              ", "
#define STRICT           "\"level\": \"strict\""
#define CA               "\"ca:app\""
#define ANYBODY          "\"*\""
#define DN(parts)        "\"x509.subject: " parts "\""
#define WITH(identities) DOC(POLICY("a", "\"*\"", STRICT, CA, identities))
#define AT(scope)        DOC(POLICY("a", "\"" scope "\"", STRICT, CA, ANYBODY))
#define LEVEL(v)         DOC(POLICY("a", "\"*\"", v, CA, ANYBODY))
#define STORES(v)        DOC(POLICY("a", "\"*\"", STRICT, v, ANYBODY))

/* NULL: good; else what the message says. */
static const struct {
    const char *text, *says;
} policies[] = {
    { WITH(ANYBODY), NULL },
    { "", "trust policy" },
    { "[]", "version 1.0" },
    { "{\"version\": \"2.0\"}", "version 1.0" },
    { "{\"version\": \"1.0\", \"trustPolicies\": []}", "no trustPolicies" },
    { DOC(POLICY("", "\"*\"", STRICT, CA, ANYBODY)), "statement 1 has no name" },
    { DOC(POLICY("a", "\"*\"", STRICT, CA, ANYBODY) AND POLICY("a", "\"h/x\"", STRICT, CA, ANYBODY)),
      "the name 'a'" },
    { DOC(POLICY("a", "\"*\"", STRICT, CA, ANYBODY) AND POLICY("b", "\"h/x\"", STRICT, CA, ANYBODY)), NULL },
    { DOC(POLICY("a", "\"h/x\"", STRICT, CA, ANYBODY) AND POLICY("b", "\"h/x\"", STRICT, CA, ANYBODY)),
      "scope 'h/x'" },
    { DOC(POLICY("a", "", STRICT, CA, ANYBODY)), "no registryScopes" },
    { DOC(POLICY("a", "1", STRICT, CA, ANYBODY)), "registryScopes" },
    { DOC(POLICY("a", "\"*\", \"h/x\"", STRICT, CA, ANYBODY)), "'*' stands alone" },
    { AT("ghcr.io/org/app"), NULL },
    { AT("localhost:5000/a/b_c/d__e/f-g--h.i"), NULL },
    { AT("ghcr.io"), "scope" },
    { AT("ghcr.io/org/*"), "scope" },
    { AT("https://ghcr.io/org"), "scope" },
    { AT("ghcr.io/org/App"), "scope" },
    { AT("ghcr.io/org/app:1"), "scope" },
    { AT("ghcr.io/org//app"), "scope" },
    { AT("ghcr.io/org/a___b"), "scope" },
    { AT("ghcr.io/org/a_"), "scope" },
    { AT("ghcr.io/org/a..b"), "scope" },
    { AT("-h.io/org"), "scope" },
    { AT("h.io:x/org"), "scope" },
    { LEVEL(""), "level" },
    { LEVEL("\"level\": \"loose\""), "loose" },
    { LEVEL("\"level\": \"strict\", \"verifyTimestamp\": \"never\""), "verifyTimestamp" },
    { LEVEL("\"level\": \"strict\", \"verifyTimestamp\": \"always\""), NULL },
    { LEVEL("\"level\": \"strict\", \"override\": {\"integrity\": \"log\"}"), "override" },
    { LEVEL("\"level\": \"strict\", \"override\": {\"expiry\": \"skip\"}"), "override" },
    { LEVEL("\"level\": \"strict\", \"override\": {\"luck\": \"log\"}"), "override" },
    { LEVEL("\"level\": \"strict\", \"override\": {\"expiry\": \"warn\"}"), "override" },
    { LEVEL("\"level\": \"strict\", \"override\": {\"revocation\": \"skip\", \"authenticity\": \"log\"}"), NULL },
    { LEVEL("\"level\": \"skip\", \"override\": {\"expiry\": \"log\"}"), "skip takes no override" },
    { LEVEL("\"level\": \"skip\""), "skip takes no trustStores" },
    { DOC(POLICY("a", "\"*\"", "\"level\": \"skip\"", "", "")), NULL },
    { STORES(""), "no trustStores" },
    { STORES("\"ca\""), "trust store" },
    { STORES("\"ca:\""), "trust store" },
    { STORES("\"cb:app\""), "trust store" },
    { STORES("\"ca:../x\""), "trust store" },
    { STORES("\"ca:a.b-c_1\", \"tsa:x\", \"signingAuthority:y\""), NULL },
    { WITH(""), "trustedIdentities" },
    { WITH("\"\""), "trustedIdentities" },
    { WITH("\"*\", " DN("C=DE,ST=B,O=x")), "'*' stands alone" },
    { WITH("\"nobody\""), "nobody" },
    { WITH("\"arn:role\""), NULL },
    { WITH(DN("C=DE,ST=B,O=x")), NULL },
    { WITH(DN(" C = DE , S=B, O= x y , CN=a\\\\,b\\\\2c")), NULL },
    { WITH(DN("C=DE,O=x")), "'ST'" },
    { WITH(DN("C=DE,ST=,O=x")), "'ST'" },
    { WITH(DN("C=DE,ST=B,O=x,O=y")), "twice" },
    { WITH(DN("C=DE,ST=B,S=B,O=x")), "twice" },
    { WITH(DN("C=DE,ST=B,O=x+CN=y")), "several values" },
    { WITH(DN("C=DE,ST=B,O=#0a")), "hexadecimal" },
    { WITH(DN("C=DE,ST=B,O")), "NAME=VALUE" },
    { WITH(DN("C=DE,ST=B,O=x,")), "NAME=VALUE" },
    { WITH(DN("C=DE,ST=B,O=x\\\\")), "broken" },
    { WITH(DN("C=DE,ST=B,O=x\\\\zz")), "broken" },
    { WITH(DN("C=DE,ST=B,O=x\\\\4")), "broken" },
    { WITH(DN("C=DE,ST=B,O=x,C N=y")), "no name of an attribute" },
    { WITH(DN("C=DE,ST=B,O=x") ", " DN("C=DE,ST=B,O=x,CN=y")), "overlap" },
    { WITH(DN("C=DE,ST=B,O=x,CN=z") ", " DN("C=DE,ST=B,O=x,CN=y")), NULL },
};

static void trust_policies(void **state)
{
    (void)state;
    for (size_t i = 0; i < HC_LEN(policies); i++) {
        struct hc_trust_policy p;
        err.msg[0] = '\0';
        enum hc_rc rc = hc_trust_policy_read(arena, hc_str_of(policies[i].text), false, &p, &err);
        bool good = policies[i].says ? rc == HC_E_INPUT && strstr(err.msg, policies[i].says) : rc == HC_OK;
        if (!good)
            fail_msg("%s: %s", policies[i].text, err.msg);
    }
    /* Flux lets what stands beside the level skip be. */
    struct hc_trust_policy p;
    assert_int_equal(hc_trust_policy_read(arena, HC_S(LEVEL("\"level\": \"skip\"")), true, &p, &err), HC_OK);
    assert_true(p.n == 1 && p.statements[0].skip);
    trust = (struct hc_notation_trust){ .policy = &p };
    assert_int_equal(hc_notation_check(arena, &trust, &p.statements[0], HC_S("x"), HC_S(""), &target, &res, &err),
                     HC_OK);
    assert_true(res.unverified && res.rule == HC_NOTATION_GOOD);
    /* The whole name before "*", whatever the order. */
    assert_int_equal(hc_trust_policy_read(arena,
                                          HC_S(DOC(POLICY("any", "\"*\"", STRICT, CA, ANYBODY) AND POLICY(
                                              "one", "\"h.io/x\", \"h.io/y\"", STRICT, CA, ANYBODY))),
                                          false, &p, &err),
                     HC_OK);
    assert_true(hc_str_eqz(hc_trust_policy_for(&p, HC_S("h.io/y"))->name, "one"));
    assert_true(hc_str_eqz(hc_trust_policy_for(&p, HC_S("h.io/y/z"))->name, "any"));
    assert_int_equal(hc_trust_policy_read(arena, HC_S(AT("h.io/x")), false, &p, &err), HC_OK);
    assert_null(hc_trust_policy_for(&p, HC_S("h.io/y")));
}

static void certificates(void **state)
{
    (void)state;
    struct hc_notation_certs all = { 0 };
    hc_str two = named("trusts", HC_S("tsa"));
    assert_int_equal(hc_notation_add_certs(arena, HC_S("both.pem"), two, &all, &err), HC_OK);
    assert_int_equal(all.n, 2);
    assert_int_equal(hc_notation_add_certs(arena, HC_S("one.crt"), all.der[0], &all, &err), HC_OK);
    assert_true(all.n == 3 && hc_str_eq(all.der[0], all.der[2]));
    static const char *const none[] = { "", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" };
    for (size_t i = 0; i < HC_LEN(none); i++) {
        assert_int_equal(hc_notation_add_certs(arena, HC_S("bad.crt"), hc_str_of(none[i]), &all, &err), HC_E_INPUT);
        assert_non_null(strstr(err.msg, "bad.crt"));
    }
    assert_int_equal(all.n, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule),      cmocka_unit_test(revocation_is_asked_for_over_http),
        cmocka_unit_test(torn),           cmocka_unit_test(hostile_cbor),
        cmocka_unit_test(trust_policies), cmocka_unit_test(certificates)
    };
    return cmocka_run_group_tests(tests, open_fixture, teardown);
}
