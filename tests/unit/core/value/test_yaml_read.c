/*
 * YAML in: resolution, merge keys, aliases, keys, positions and error texts of the Go library, shown as the
 * JSON that sigs.k8s.io/yaml makes of the same text.
 */
#include "core/base/limits.h"
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "tests/unit/arena.h"

static void check(const char *in, unsigned flags, const char *want)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_val *v = NULL;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (hc_yaml_parse(arena, hc_str_of(in), HC_S("f.yaml"), flags, &v, &err) == HC_OK)
        hc_json_write(&b, v, HC_JSON_SORT | HC_JSON_GO_FLOAT);
    else
        hc_buf_puts(&b, err.msg);
    hc_buf_putc(&b, '\0');
    if (strcmp(b.p, want) != 0)
        fail_msg("%s\n  gives  %s\n  wanted %s", in, b.p, want);
}

static void test_documents(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want;
    } rows[] = {
        { "", "null" },
        { "# nothing\n", "null" },
        { "a: [y, Y, yes, on, On, ON, true, TRUE, tRue, oN]",
          "{\"a\":[true,true,true,true,true,true,true,true,\"tRue\",\"oN\"]}" },
        { "[n, no, off, OFF, False, ~, null, NULL, nULL, '']",
          "[false,false,false,false,false,null,null,null,\"nULL\",\"\"]" },
        { "y: 1\nn: 2\non: 3", "{\"false\":2,\"true\":3}" },
        { "[010, 0x10, 0o17, 0b11, -0b11, 0b-11, 1_000, 1__0, _1, 08, 09, 0o8]",
          "[8,16,15,3,-3,-3,1000,10,\"_1\",8,9,\"0o8\"]" },
        { "[1., .5, +.5, 1e3, 12e03, 1_0.5, 1e400, 0x1p3, '1,000', 1.2.3, .3_0, .3_]",
          "[1,0.5,0.5,1000,12000,10.5,\"1e400\",\"0x1p3\",\"1,000\",\"1.2.3\",0.3,\".3_\"]" },
        { "[18446744073709551615, 18446744073709551616, -9223372036854775808, 9223372036854775808]",
          "[18446744073709551615,18446744073709552000,-9223372036854775808,9223372036854775808]" },
        { "[12:30:45, 2001-01-01, 2001-1-1 10:00:00]", "[\"12:30:45\",\"2001-01-01\",\"2001-1-1 10:00:00\"]" },
        { "[!!str 123, !!int \"3\", !!float 3, !!bool yes, !!binary aGk=, !foo x, ! 12]",
          "[\"123\",3,3,true,\"hi\",\"x\",\"12\"]" },
        { "[=, <<, .., -a, a:b]", "[\"=\",\"<<\",\"..\",\"-a\",\"a:b\"]" },
        { "{x:1}", "{\"x:1\":null}" },
        { "{x: 1, y}", "{\"true\":null,\"x\":1}" },
        { "a: 1\na: 2\nb: 3", "{\"a\":2,\"b\":3}" },
        { "x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}", "{\"true\":{\"a\":1,\"b\":3},\"x\":{\"a\":1,\"b\":2}}" },
        { "p: &p {a: 1}\nq: &q {a: 2, b: 2}\nr: {<<: [*p, *q]}\ns: {a: 9, <<: *p}",
          "{\"p\":{\"a\":1},\"q\":{\"a\":2,\"b\":2},\"r\":{\"a\":1,\"b\":2},\"s\":{\"a\":1}}" },
        { "a: &a [1]\nb: *a\nc: &a 2\nd: *a", "{\"a\":[1],\"b\":[1],\"c\":2,\"d\":2}" },
        { "1: a\n1.5: b\n0x10: c\n1e10: d", "{\"1\":\"a\",\"1.5\":\"b\",\"16\":\"c\",\"1e+10\":\"d\"}" },
        { "a:\t1", "{\"a\":1}" },
        { "a: |\n  x\n   y\n\nb: >-\n  p\n  q\n", "{\"a\":\"x\\n y\\n\",\"b\":\"p q\"}" },
        { "\"\\u00e9\\x41\\n\"", "\"\xc3\xa9"
                                 "A\\n\"" },
        { "%YAML 1.1\n---\na", "\"a\"" },
        { "a: 1\n---\nb: [", "{\"a\":1}" },
        { "\xef\xbb\xbfk: v\r\nl: w\r", "{\"k\":\"v\",\"l\":\"w\"}" },
        { "{\"a\":\"b\",\"c\":[1,2.50,null]}", "{\"a\":\"b\",\"c\":[1,2.5,null]}" },
        /* errors */
        { "a: [1,", "yaml: line 1: did not find expected node content" },
        { "a: b: c", "yaml: mapping values are not allowed in this context" },
        { "a: 1\n b: 2", "yaml: line 2: mapping values are not allowed in this context" },
        { "a:\n\t- b", "yaml: line 2: found character that cannot start any token" },
        { "a: *x", "yaml: unknown anchor 'x' referenced" },
        { "a: &x [*x]", "yaml: anchor 'x' value contains itself" },
        { "a: {{ .Values.x }}",
          "yaml: invalid map key: map[interface {}]interface {}{\".Values.x\":interface {}(nil)}" },
        { "{ {a: 1}: 2, b: [", "yaml: line 1: did not find expected node content" },
        { "<<: 1", "yaml: map merge requires map or sequence of maps as the value" },
        { "x: &x [1]\nb: {<<: *x}", "yaml: map merge requires map or sequence of maps as the value" },
        { "~: 1", "unsupported map key of type: %!s(<nil>), key: <nil>, value: 1" },
        { "!!int x", "yaml: cannot decode !!str `x` as a !!int" },
        { "!!binary a", "yaml: !!binary value contains invalid base64 data" },
        { "[.inf]", "json: unsupported value: +Inf" },
        { "\"a\\/b\"", "yaml: found unknown escape character" },
        { "\"a\\\\/b\"", "\"a\\\\/b\"" },
        { "%YAML 1.2\n---\na", "yaml: found incompatible YAML document" },
        /* taken by the Go library, not by libyaml */
        { "a: \"b\\'c\\'\"\nd: \"\\'\"", "{\"a\":\"b'c'\",\"d\":\"'\"}" },
        { "[a:, {b:, c: d:}, 'e:']", "[\"a:\",{\"b:\":null,\"c\":\"d:\"},\"e:\"]" },
        { "a: \"\\'\\q\"", "yaml: found unknown escape character" },
        { "%YAML 1.2", "yaml: found incompatible YAML document" },
        { "%YAML 1.2\n%YAML 1.2\n---\n", "yaml: found incompatible YAML document" },
        { "%YAML 1.1\n%YAML 1.2\n---\n", "yaml: line 1: found duplicate %YAML directive" },
        { "[!!str, x, !a, b]", "[\"x\",\"b\"]" },
        { "- !!str, x\n- !x,y b\n- !p[q] [1]", "[\"x\",\"b\",[1]]" },
        { "[!a]", "yaml: line 1: did not find expected ',' or ']'" },
        { "a: 1\n\xef\xbb\xbf"
          "b: 2\nc: [x, \"\xef\xbb\xbf\"]",
          "{\"a\":1,\"c\":[\"x\",\"\xef\xbb\xbf\"],\"\xef\xbb\xbf"
          "b\":2}" },
        /* the other way round */
        { "[a ? b]", "yaml: did not find expected ',' or ']'" },
        { "a:\n  - {b: [c, d],\n     e: f?}", "yaml: line 2: did not find expected ',' or '}'" },
        { "[{a: b?}]", "yaml: did not find expected ',' or '}'" },
        { "[a: b?]", "yaml: did not find expected ',' or ']'" },
        { "a: b ? c", "{\"a\":\"b ? c\"}" },
        { "\"\\/\\u", "yaml: found unknown escape character" },
        { "b: '\"\\/", "yaml: found unexpected end of stream" },
        /* a value that is replaced is not looked at by the step to JSON, which goes by sorted keys */
        { "a: .inf\na: 1", "{\"a\":1}" },
        { "b: .inf\na: -.inf", "json: unsupported value: -Inf" },
        /* the first mistake of the first step counts */
        { "a: *x b", "yaml: unknown anchor 'x' referenced" },
        { "<<: 1\na: *x", "yaml: unknown anchor 'x' referenced" },
        { "<<: 1\na: &x 1\nb: *x", "yaml: map merge requires map or sequence of maps as the value" },
        { "a: .inf\n<<: 1", "yaml: map merge requires map or sequence of maps as the value" },
        { "<<: .inf", "yaml: map merge requires map or sequence of maps as the value" },
        { "<<: 1\na: \"\\/\"", "yaml: line 2: found unknown escape character" },
        { "\"\\/", "yaml: found unknown escape character" },
        { "a: 'b\\/", "yaml: found unexpected end of stream" },
        { "a: \x7f", "yaml: control characters are not allowed" },
        { "a: @x", "yaml: found character that cannot start any token" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++)
        check(rows[i].in, 0, rows[i].want);
}

static void test_json_numbers(void **state)
{
    (void)state;
    struct hc_val *v = NULL;
    struct hc_err err = HC_ERR_INIT;
    assert_int_equal(
        hc_yaml_parse(arena, HC_S("[1, 0x10, 9007199254740993, 1.50]"), HC_S(""), HC_YAML_JSON_NUMBERS, &v, &err),
        HC_OK);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(hc_list_at(v, i)->kind, HC_FLOAT);
    assert_true(hc_list_at(v, 1)->f > 15.5 && hc_list_at(v, 1)->f < 16.5);
    assert_memory_equal(hc_list_at(v, 3)->spelling, "1.50", 4);
    assert_int_equal(hc_yaml_parse(arena, HC_S("[1]"), HC_S(""), 0, &v, &err), HC_OK);
    assert_int_equal(hc_list_at(v, 0)->kind, HC_INT);
}

static void test_positions_and_strict_keys(void **state)
{
    (void)state;
    struct hc_val *v = NULL;
    struct hc_err err = HC_ERR_INIT;
    assert_int_equal(hc_yaml_parse(arena, HC_S("# c\na:\n  - x\n  - k: v\n"), HC_S("f.yaml"), 0, &v, &err), HC_OK);
    assert_int_equal(hc_map_at(v, 0)->line, 2);
    assert_int_equal(hc_get(v, "a[1].k")->line, 4);
    assert_int_equal(hc_get(v, "a[1].k")->col, 8);
    assert_int_equal(hc_map_at(hc_get(v, "a[1]"), 0)->col, 5);
    v = NULL;
    assert_int_equal(hc_yaml_parse(arena, HC_S("a: 1\nb: 2\na: 3"), HC_S("f.yaml"), HC_YAML_STRICT_KEYS, &v, &err),
                     HC_E_INPUT);
    assert_string_equal(err.msg, "yaml: unmarshal errors:\n  line 3: key \"a\" already set in map");
    assert_int_equal(err.line, 3);
    assert_string_equal(err.file, "f.yaml");
    assert_null(v);
}

static void test_all_documents(void **state)
{
    (void)state;
    struct hc_val *l = NULL;
    struct hc_err err = HC_ERR_INIT;
    assert_int_equal(hc_yaml_parse_all(arena, HC_S("---\n# only a comment\n---\na: 1\n---\n---\nb\n...\n"),
                                       HC_S("f"), 0, &l, &err),
                     HC_OK);
    assert_int_equal(hc_list_len(l), 2);
    assert_int_equal(hc_get_int_at(hc_list_at(l, 0), "a", 0), 1);
    assert_int_equal(hc_yaml_parse_all(arena, HC_S("a: 1\n---\nb: [\n"), HC_S("f"), 0, &l, &err), HC_E_INPUT);
    assert_int_equal(hc_yaml_parse_all(arena, HC_S(""), HC_S("f"), 0, &l, &err), HC_OK);
    assert_int_equal(hc_list_len(l), 0);
}

static void test_hostile(void **state)
{
    (void)state;
    struct hc_val *v = NULL;
    struct hc_err err = HC_ERR_INIT;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_buf_fill(&b, '[', 5000);
    assert_int_equal(hc_yaml_parse(arena, hc_buf_str(&b), HC_S("f"), 0, &v, &err), HC_E_LIMIT);
    hc_buf_reset(&b);
    for (int i = 0; i < 5000; i++)
        hc_buf_puts(&b, "- ");
    assert_int_equal(hc_yaml_parse(arena, hc_buf_str(&b), HC_S("f"), 0, &v, &err), HC_E_LIMIT);
    hc_buf_reset(&b);
    hc_buf_puts(&b, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 10; i++)
        hc_buf_printf(&b, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1,
                      i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    size_t before = hc_arena_used(arena);
    assert_int_equal(hc_yaml_parse(arena, hc_buf_str(&b), HC_S("f"), 0, &v, &err), HC_E_INPUT);
    assert_string_equal(err.msg, "yaml: document contains excessive aliasing");
    assert_true(hc_arena_used(arena) - before < 100 * HC_MIB);
}

static void test_resolves(void **state)
{
    (void)state;
    static const char *const quoted[] = { "",
                                          "y",
                                          "off",
                                          "~",
                                          "1_000",
                                          "0x1",
                                          ".5",
                                          "1e3",
                                          "2001-01-01",
                                          "12:30",
                                          "1:30.5",
                                          "+1",
                                          "-.inf",
                                          "08",
                                          "null",
                                          "2001-1-1T1:2:3.5Z",
                                          "2001-01-01 1:2:3",
                                          "0b-1" };
    static const char *const plain[] = { "a",   "tRue", "1.2.3", "_1",         "-",    "+",     "1,0",
                                         "..",  ".",    "0o8",   "2001-13-01", "1e",   "12:60", "0x",
                                         "1:a", "<<",   "=",     "2001-02-29", "1e400" };
    for (size_t i = 0; i < HC_LEN(quoted); i++)
        if (!hc_yaml_resolves(hc_str_of(quoted[i])))
            fail_msg("'%s' needs quotes", quoted[i]);
    for (size_t i = 0; i < HC_LEN(plain); i++)
        if (hc_yaml_resolves(hc_str_of(plain[i])))
            fail_msg("'%s' needs no quotes", plain[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_json_numbers),
        cmocka_unit_test(test_positions_and_strict_keys),
        cmocka_unit_test(test_all_documents),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_resolves),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
