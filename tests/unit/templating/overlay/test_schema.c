/*
 * values.schema.json: schema and values in, the lines of Helm's library out; and the regular expressions.
 */
#include "core/value/json.h"
#include "templating/overlay/overlay.h"
#include "templating/overlay/pattern.h"
#include "tests/unit/unit.h"

static const struct {
    const char *schema, *values, *want; /* NULL: fits */
} rows[] = {
    { "{}", "{\"a\":1}", NULL },
    { "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"a\":1}",
      "- at '/a': got number, want string\n" },
    { "{\"properties\":{\"a\":{\"type\":[\"string\",\"integer\",\"null\"]}}}", "{\"a\":2.5}",
      "- at '/a': got number, want null or integer or string\n" },
    { "{\"properties\":{\"a\":{\"type\":\"integer\"}}}", "{\"a\":2.0}", NULL },
    { "{\"required\":[\"a\",\"b\"]}", "{}", "- at '': missing properties 'a', 'b'\n" },
    { "{\"properties\":{\"c\":{\"additionalProperties\":false}}}", "{\"c\":{\"d\":1}}",
      "- at '/c': additional properties 'd' not allowed\n" },
    { "{\"properties\":{\"a\":{\"enum\":[1,\"x'y\",null,1.50]}}}", "{\"a\":2}",
      "- at '/a': value must be one of 1, 'x\\'y', <nil>, 1.50\n" },
    { "{\"properties\":{\"a\":{\"const\":\"1\"}}}", "{\"a\":1}", "- at '/a': value must be '1'\n" },
    { "{\"properties\":{\"a\":{\"minimum\":1234567.5},\"b\":{\"minLength\":2000}}}", "{\"a\":1000.25,\"b\":\"x\"}",
      "- at '/a': minimum: got 1,000.25, want 1.2345675\xc3\x97"
      "10\xe2\x81\xb0\xe2\x81\xb6\n- at '/b': minLength: got 1, want 2,000\n" },
    { "{\"properties\":{\"a\":{\"multipleOf\":0.1},\"b\":{\"multipleOf\":0.1}}}", "{\"a\":0.3,\"b\":0.25}",
      "- at '/b': multipleOf: got 0.25, want 0.1\n" },
    { "{\"properties\":{\"a\":{\"exclusiveMinimum\":1}}}", "{\"a\":1}",
      "- at '/a': exclusiveMinimum: got 1, want 1\n" },
    { "{\"$schema\":\"http://json-schema.org/draft-04/schema#\",\"properties\":{\"a\":{\"maximum\":1,"
      "\"exclusiveMaximum\":true}}}",
      "{\"a\":1}", "- at '/a': exclusiveMaximum: got 1, want 1\n" },
    { "{\"properties\":{\"a\":{\"uniqueItems\":true,\"maxItems\":1}}}", "{\"a\":[1,\"1\",1.0]}",
      "- at '/a': maxItems: got 3, want 1\n- at '/a': items at 0 and 2 are "
      "equal\n" },
    { "{\"properties\":{\"l\":{\"prefixItems\":[{\"type\":\"string\"}],\"items\":{\"type\":\"number\"}}}}",
      "{\"l\":[1,2,\"x\"]}",
      "- at '/l/0': got number, want string\n- at '/l/2': got string, want "
      "number\n" },
    { "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"properties\":{\"l\":{\"items\":[{}],"
      "\"additionalItems\":false}}}",
      "{\"l\":[1,2,3]}", "- at '/l': last 2 additionalItem(s) not allowed\n" },
    { "{\"properties\":{\"a\":{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":3}]}}}", "{\"a\":1}",
      "- at '/a': 'anyOf' failed\n  - at '/a': got number, want string\n  - at '/a': minimum: got 1, want 3\n" },
    { "{\"properties\":{\"a\":{\"oneOf\":[{\"type\":\"number\"},{\"minimum\":0}]}}}", "{\"a\":1}",
      "- at '/a': 'oneOf' failed, subschemas 0, 1 matched\n" },
    { "{\"properties\":{\"a\":{\"not\":{\"type\":\"number\"}}}}", "{\"a\":1}", "- at '/a': 'not' failed\n" },
    { "{\"if\":{\"required\":[\"a\"]},\"then\":{\"required\":[\"b\"]},\"else\":{\"required\":[\"c\"]}}",
      "{\"a\":1}", "- at '': missing property 'b'\n" },
    { "{\"properties\":{\"a\":{\"$ref\":\"#/$defs/"
      "n\"},\"b\":{\"$ref\":\"#named\"}},\"$defs\":{\"n\":{\"type\":\"null\"},"
      "\"m\":{\"$anchor\":\"named\",\"type\":\"string\",\"pattern\":\"^x\"}}}",
      "{\"a\":1,\"b\":\"y\"}", "- at '/a': got number, want null\n- at '/b': 'y' does not match pattern '^x'\n" },
    { "{\"propertyNames\":{\"maxLength\":2}}", "{\"long\":1}",
      "- at '': invalid propertyName 'long'\n  - at '': maxLength: got 4, want 2\n" },
    { "{\"properties\":{\"a\":{\"patternProperties\":{\"^x-\":{\"type\":\"string\"}},\"additionalProperties\":"
      "false}}}",
      "{\"a\":{\"x-1\":1}}", "- at '/a/x-1': got number, want string\n" },
    { "{\"dependencies\":{\"a\":[\"b\"]}}", "{\"a\":1}", "- at '': properties 'b' required, if 'a' exists\n" },
    { "{\"properties\":{\"a\":true},\"unevaluatedProperties\":false,\"allOf\":[{\"properties\":{\"b\":true}}]}",
      "{\"a\":1,\"b\":2,\"c\":3}", "- at '/c': false schema\n" },
    { "{\"properties\":{\"a\":{\"format\":\"ipv4\"}}}", "{\"a\":\"x\"}", NULL },
    { "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"properties\":{\"a\":{\"format\":\"ipv4\"},"
      "\"b\":{\"format\":\"date-time\"},\"c\":{\"format\":\"int32\"}}}",
      "{\"a\":\"1.2.3\",\"b\":\"2020-13-01T00:00:00Z\",\"c\":\"x\"}",
      "- at '/a': '1.2.3' is not valid ipv4: expected four decimals\n- at '/b': '2020-13-01T00:00:00Z' is not "
      "valid "
      "date-time: invalid date element: parsing time \"2020-13-01\": month out of range\n" },
    { "{\"$ref\":\"#/nope\"}", "{}", "json-pointer in \"file:///values.schema.json#/nope\" not found" },
    { "{\"a\"", "{}", "unexpected EOF" },
    { "", "{}", "EOF" },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        struct hc_val *v = NULL;
        struct hc_err err = HC_ERR_INIT;
        assert_int_equal(hc_json_parse(a, hc_str_of(rows[i].values), HC_JSON_ALL_FLOAT, &v, &err), HC_OK);
        enum hc_rc rc = hc_schema_check(a, hc_str_of(rows[i].schema), v, NULL, &b, &err);
        hc_buf_putc(&b, '\0');
        if ((rc == HC_OK) != !rows[i].want || (rows[i].want && strcmp(b.p, rows[i].want) != 0))
            fail_msg("%s\n  gives\n%s\n  wanted\n%s", rows[i].schema, b.p, rows[i].want ? rows[i].want : "(fits)");
    }
}

/* A schema that leads to itself ends in an error, whatever the values. */
static void test_circle(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    assert_int_equal(hc_schema_check(a, HC_S("{\"$ref\":\"#\"}"), hc_map_new(a), NULL, NULL, &err), HC_E_INPUT);
    struct hc_val *v = NULL;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_buf_fill(&b, '[', 900);
    hc_buf_fill(&b, ']', 900);
    assert_int_equal(hc_json_parse(a, hc_buf_str(&b), 0, &v, &err), HC_OK);
    assert_int_equal(hc_schema_check(a, HC_S("{\"items\":{\"$ref\":\"#\"}}"), v, NULL, NULL, &err), HC_OK);
}

/* ---- vocabularies: what Helm says where the metaschema of a schema is a document of one's own ---------- */

static enum hc_rc load_meta(void *ctx, struct hc_arena *a, hc_str url, hc_str *out, struct hc_err *err)
{
    (void)url;
    (void)err;
    *out = hc_arena_str(a, hc_str_of(ctx));
    return HC_OK;
}

#define META(draft, vocabs)                                                                                        \
    "{\"$schema\":\"https://json-schema.org/draft/" draft                                                          \
    "/schema\",\"$id\":\"file:///m\",\"$vocabulary\":{" vocabs "}}"
#define V19 "https://json-schema.org/draft/2019-09/vocab/"
#define V20 "https://json-schema.org/draft/2020-12/vocab/"
#define NO_META                                                                                                    \
    "\"file:///values.schema.json#\" is not valid against metaschema: jsonschema validation failed with "

static void test_vocabularies(void **state)
{
    (void)state;
    static const struct {
        const char *meta, *schema, *values, *want; /* NULL: it fits */
    } v[] = {
        { META("2020-12", ""), "\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"z\"]",
          "{\"a\":\"x\"}", NULL },
        { META("2020-12", "\"" V20 "applicator\":true"),
          "\"properties\":{\"a\":{\"const\":1}},\"required\":[\"z\"]", "{\"a\":\"x\"}", NULL },
        { META("2020-12", "\"" V20 "applicator\":true,\"" V20 "validation\":true"),
          "\"properties\":{\"a\":{\"const\":1}},\"unevaluatedProperties\":false", "{\"a\":\"x\",\"b\":1}",
          "- at '/a': value must be 1" },
        { META("2020-12", "\"" V20 "unevaluated\":true"), "\"unevaluatedProperties\":false", "{\"a\":\"x\"}",
          "- at '/a': false schema" },
        { META("2019-09", "\"" V19 "applicator\":true"), "\"unevaluatedProperties\":false", "{\"a\":\"x\"}",
          "- at '/a': false schema" },
        { META("2020-12", "\"" V20 "applicator\":true,\"" V20 "format-assertion\":true"),
          "\"properties\":{\"a\":{\"format\":\"ipv4\"}}", "{\"a\":\"x\"}",
          "- at '/a': 'x' is not valid ipv4: expected four decimals" },
        { META("2020-12", "\"" V20 "applicator\":true,\"" V20 "format-annotation\":true"),
          "\"properties\":{\"a\":{\"format\":\"ipv4\"}}", "{\"a\":\"x\"}", NULL },
        { META("2019-09", "\"" V19 "applicator\":true,\"" V19 "format\":true"),
          "\"properties\":{\"a\":{\"format\":\"ipv4\"}}", "{\"a\":\"x\"}",
          "- at '/a': 'x' is not valid ipv4: expected four decimals" },
        { META("2020-12", "\"http://x/y\":true"), "\"type\":\"object\"", "{}",
          "unsupported vocabulary \"http://x/y\" in \"file:///m\"" },
        { META("2020-12", "\"http://x/y\":false,\"" V20 "core\":1"), "\"type\":\"array\"", "{}", NULL },
        { META("2020-12", "\"" V20 "applicator\":true"), "\"type\":3,\"not\":4", "{}",
          NO_META "'urn:mem:metaschema'\n- at '': 'allOf' failed\n  - at '/not': 'allOf' failed\n    - at '/not': "
                  "got number, want boolean or object\n    - at '/not': got number, want boolean or object" },
        { META("2020-12", "\"" V20 "applicator\":true,\"" V20 "validation\":true"),
          "\"allOf\":[{\"minLength\":-1}],\"title\":3", "{}",
          NO_META "'urn:mem:metaschema'\n- at '': 'allOf' failed\n  - at '/allOf/0': 'allOf' failed\n"
                  "    - at '/allOf/0/minLength': minimum: got -1, want 0" },
        { META("2019-09", "\"" V19 "applicator\":true,\"" V19 "validation\":true"),
          "\"allOf\":[{\"minLength\":-1}],\"title\":3", "{}", NULL },
    };
    for (size_t i = 0; i < HC_LEN(v); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        HC_AUTO(hc_buf) struct hc_buf lines;
        struct hc_err err = HC_ERR_INIT;
        struct hc_val *values;
        hc_buf_init(&lines, 0);
        const struct hc_schema_port port = { .ctx = (void *)(uintptr_t)v[i].meta, .load = load_meta };
        hc_str schema = hc_arena_printf(a, "{\"$schema\":\"file:///m\",%s}", v[i].schema);
        assert_int_equal(hc_json_parse(a, hc_str_of(v[i].values), 0, &values, &err), HC_OK);
        enum hc_rc rc = hc_schema_check(a, schema, values, &port, &lines, &err);
        if ((rc == HC_OK) != !v[i].want || (v[i].want && !hc_str_eqz(hc_str_trim(hc_str_of(err.msg)), v[i].want)))
            fail_msg("%zu, %.*s: %s", i, HC_P(schema), err.msg);
    }
}

static void test_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *yes, *no;
    } p[] = {
        { "abc", "xabcx", "abx" },
        { "^a.c$", "abc", "a\nc" },
        { "^(a|bc)+$", "abca", "ab" },
        { "^\\d{2,3}$", "123", "1234" },
        { "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "a-b", "-a" },
        { "(?i)^AbC$", "aBc", "abd" },
        { "^[^\\s]+$", "a\xc3\xa9", "a b" },
        { "\\bfoo\\b", "a foo.", "afoo" },
        { "^\\x41\\.\\$$", "A.$", "A.x" },
        { "^(?:x|y)??z$", "z", "xy" },
        { "^[[:alpha:]]+$", "abc", "ab1" },
        { "^a{,2}$", "a{,2}", "aa" },
        { "(?s)^a.b$", "a\nb", "ab" },
        { "^$", "", "x" },
        { "^[\\w.-]+@$", "a.b-c@", "a b@" },
        { "^\xe6\xbc\xa2.$", "\xe6\xbc\xa2\xc3\xa9", "\xe6\xbc\xa2" },
        { "^(?P<n>a)(?<m>b)$", "ab", "a" },
        { "^((([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?|0)$", "1y2d", "1" },
        /* flags are nothing that could be repeated: what stands before them is */
        { "/(?i)?^..*?", "ab", "" },
        { "\\b(?i)|b(?i)(?i)?x", "a", "" },
        { "^a(?i){2}$", "aa", "a" },
        { "^a*(?i)*$", "aaa", "b" },
        { "^(?i)*b$", "ab", "ba" },
        { "^((-{2)(?i)?){2}$", "-{2-{2", "-{2-{2-{2" },
        { "^(?P<n>[a-z0-9](\\Aa-z0-9]*wa-z0-9])?)(?i){1,3}$", "abc", "abcd" },
        /* no counts */
        { "x{02,}$", "x{02,}", "xx" },
        { "x{2,03}$", "x{2,03}", "xx" },
    };
    static const char *const bad[] = { "(",     ")",     "[a",   "a**b\\", "*a",      "a{2,1}", "a{1001}", "\\1",
                                       "(?=a)", "[b-a]", "\\pL", "(?i)*",  "a|(?i)*", "(+)",    "a*(?i)**" };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_pattern *re = NULL;
    for (size_t i = 0; i < HC_LEN(p); i++) {
        struct hc_err err = HC_ERR_INIT;
        if (hc_pattern_compile(a, hc_str_of(p[i].pattern), NULL, &re, &err) != HC_OK)
            fail_msg("%s: %s", p[i].pattern, err.msg);
        if (!hc_pattern_matches(re, hc_str_of(p[i].yes), NULL))
            fail_msg("%s should match %s", p[i].pattern, p[i].yes);
        if (hc_pattern_matches(re, hc_str_of(p[i].no), NULL))
            fail_msg("%s should not match %s", p[i].pattern, p[i].no);
    }
    for (size_t i = 0; i < HC_LEN(bad); i++)
        if (hc_pattern_compile(a, hc_str_of(bad[i]), NULL, &re, NULL) != HC_E_INPUT)
            fail_msg("%s is no regular expression", bad[i]);
    /* what makes backtracking matchers run for years */
    HC_AUTO(hc_buf) struct hc_buf text;
    hc_buf_init(&text, 0);
    hc_buf_fill(&text, 'a', 5000);
    assert_int_equal(hc_pattern_compile(a, HC_S("^(a+)+(a|aa)*b$"), NULL, &re, NULL), HC_OK);
    assert_false(hc_pattern_matches(re, hc_buf_str(&text), NULL));
    assert_int_equal(hc_pattern_compile(a, HC_S("((a{1000}){1000}){1000}"), NULL, &re, NULL), HC_E_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_circle),
        cmocka_unit_test(test_vocabularies),
        cmocka_unit_test(test_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
