/*
 * YAML out: the bytes of sigs.k8s.io/yaml and of yaml.v3, from JSON texts.
 */
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "tests/unit/arena.h"

static void check(const char *json, bool pretty, const char *want)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_val *v = NULL;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (hc_json_parse(arena, hc_str_of(json), HC_JSON_ALL_FLOAT, &v, &err) != HC_OK)
        fail_msg("%s: %s", json, err.msg);
    bool ok = pretty ? hc_yaml_write_pretty(&b, v) : hc_yaml_write(&b, v);
    hc_buf_putc(&b, '\0');
    if (!want) {
        if (ok)
            fail_msg("%s can not be written, gives %s", json, b.p);
        return;
    }
    if (!ok || strcmp(b.p, want) != 0)
        fail_msg("%s\n  gives\n%s\n  wanted\n%s", json, b.p, want);
}

#define A80 "aaaaaaaaa aaaaaaaaa aaaaaaaaa aaaaaaaaa aaaaaaaaa aaaaaaaaa aaaaaaaaa aaaaaaaaa"

static void test_to_yaml(void **state)
{
    (void)state;
    static const struct {
        const char *json, *want;
    } rows[] = {
        { "{}", "{}\n" },
        { "[]", "[]\n" },
        { "null", "null\n" },
        { "\"\"", "\"\"\n" },
        { "{\"a\":{\"b\":[1,{\"c\":2,\"d\":[]},[3,4]]},\"e\":{}}",
          "a:\n  b:\n  - 1\n  - c: 2\n    d: []\n  - - 3\n    - 4\ne: {}\n" },
        { "[true,null,1000000,1e20,1.5,0.00001,-0.0,1.0,12345678901234567000,18446744073709551616]",
          "- true\n- null\n- 1000000\n- 1e+20\n- 1.5\n- 1e-05\n- 0\n- 1\n- 12345678901234567000\n"
          "- 1.8446744073709552e+19\n" },
        { "[\"y\",\"n\",\"on\",\"~\",\"null\",\"1_000\",\"0x1\",\".5\",\"2001-01-01\",\"12:30\"]",
          "- \"y\"\n- \"n\"\n- \"on\"\n- \"~\"\n- \"null\"\n- \"1_000\"\n- \"0x1\"\n- \".5\"\n- \"2001-01-01\"\n"
          "- \"12:30\"\n" },
        { "[\" a\",\"a \",\"#a\",\"- a\",\"-a\",\"a: b\",\"a:b\",\"a:\",\"a "
          "#b\",\"a#b\",\"---\",\"@\",\"it's\",\"'\"]",
          "- ' a'\n- 'a '\n- '#a'\n- '- a'\n- -a\n- 'a: b'\n- a:b\n- 'a:'\n- 'a #b'\n- a#b\n- '---'\n- '@'\n"
          "- it's\n- ''''\n" },
        { "[\"a\\tb\",\"\\u0000\\u0007\\u001b\",\"\\ud83d\\ude00\",\"\\ufeffa\",\"\\u00a0\",\"a\\\\\\\"\"]",
          "- \"a\\tb\"\n- \"\\0\\a\\e\"\n- \"\\U0001F600\"\n- \"\\uFEFF\\x61\"\n- \xc2\xa0\n- a\\\"\n" },
        { "{\"a\":\"x\\ny\",\"b\":\"x\\n\",\"c\":\"x\\n\\n\",\"d\":\"\\n\",\"e\":\" x\\ny\",\"f\":\"x "
          "\\ny\",\"g\":\"x\\n  y\"}",
          "a: |-\n  x\n  y\nb: |\n  x\nc: |+\n  x\n\nd: |2+\n\ne: |2-\n   x\n  y\nf: \"x \\ny\"\n"
          "g: |-\n  x\n    y\n" },
        { "{\"k\":\"" A80 " bbb ccc\"}", "k: " A80 "\n  bbb ccc\n" },
        { "{\"k\":\"'" A80 " bbb ccc\"}", "k: '''" A80 "\n  bbb ccc'\n" },
        { "{\"k\":\"\\t" A80 " bbb  ccc\"}", "k: \"\\t" A80 "\n  bbb  ccc\"\n" },
        { "{\"k\":\"\\t" A80 "  bbb\"}", "k: \"\\t" A80 "\n  \\ bbb\"\n" },
        { "{\"a10\":1,\"a9\":2,\"a1\":3,\"b\":4,\"A\":5,\"_x\":6,\"10\":7,\"2\":8,\"\":9,\"a-b\":10,\"a.b\":11,"
          "\"a\":12,"
          "\"\xc3\xa9\":13,\"x01\":14,\"x1\":15}",
          "\"\": 9\n_x: 6\n\"2\": 8\n\"10\": 7\nA: 5\na: 12\na-b: 10\na.b: 11\na1: 3\na9: 2\na10: 1\nb: 4\n"
          "x1: 15\nx01: 14\n\xc3\xa9: 13\n" },
        { "{\"a\\nb\":[1]}", "? |-\n  a\n  b\n: - 1\n" },
        { "{\"true\":1,\"a b\":2,\"a: b\":3}", "a b: 2\n'a: b': 3\n\"true\": 1\n" },
        { "\"a\xff\"", "a\xef\xbf\xbd\n" },
        { "\"\\u007f\"", NULL },
        { "{\"\\u0081\":1}", NULL },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++)
        check(rows[i].json, false, rows[i].want);
    check("\"a\\u0085b\"", false, "a b\n"); /* folded by the way through JSON */
    check("\"a \\u0085\\u0085 b\"", false, "|-\n  a\n  b\n");
}

static void test_pretty(void **state)
{
    (void)state;
    check("{\"a\":[1,[2,{\"b\":3}]],\"n\":1000000,\"f\":1.0}", true,
          "a:\n  - 1\n  - - 2\n    - b: 3\nf: 1\n\"n\": 1e+06\n");
    check("{\"k\":\"" A80 " bbb ccc\"}", true, "k: " A80 " bbb ccc\n");
    check("\"a\\tb\\nc\"", true, "|-\n  a\tb\n  c\n");
    check("[\"\\u007f\",\"\\u0085\",\"\\u0081\"]", true, "- \"\\x7F\"\n- \"\\N\"\n- \"\\x81\"\n");
    check("[]", true, "[]\n");
    struct hc_buf b;
    hc_buf_init(&b, 0);
    struct hc_val *bytes = hc_str_val(arena, HC_S("\x80\x81"));
    assert_true(hc_yaml_write_pretty(&b, bytes));
    assert_memory_equal(b.p, "!!binary gIE=\n", 14);
    hc_buf_done(&b);
}

static void test_not_a_number(void **state)
{
    (void)state;
    struct hc_buf b;
    hc_buf_init(&b, 0);
    assert_false(hc_yaml_write(&b, hc_float_val(arena, __builtin_inf())));
    hc_buf_reset(&b);
    assert_true(hc_yaml_write_pretty(&b, hc_float_val(arena, __builtin_inf())));
    assert_memory_equal(b.p, ".inf\n", 5);
    hc_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_to_yaml), cmocka_unit_test(test_pretty),
                                        cmocka_unit_test(test_not_a_number) };
    return cmocka_run_group_tests(tests, setup, teardown);
}
