/*
 * JSON in and out against the texts of Go's encoding/json.
 */
#include <stdio.h>

#include "core/base/limits.h"
#include "core/value/json.h"
#include "tests/unit/arena.h"

static void check(hc_str in, unsigned rflags, unsigned wflags, const char *want)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_val *v = NULL;
    if (hc_json_parse(arena, in, rflags, &v, &err) != HC_OK)
        fail_msg("%.*s: %s", HC_P(in), err.msg);
    struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write(&b, v, wflags);
    hc_buf_putc(&b, '\0');
    assert_string_equal(b.p, want);
    hc_buf_done(&b);
}

static void test_round_trip(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        unsigned rflags, wflags;
        const char *want;
    } rows[] = {
        { " {\"b\" : [ ] , \"a\":{}} ", 0, 0, "{\"b\":[],\"a\":{}}" },
        { "{\"b\":1,\"a\":2,\"B\":3}", 0, HC_JSON_SORT, "{\"B\":3,\"a\":2,\"b\":1}" },
        { "{\"a\":1,\"b\":2,\"a\":3}", 0, 0, "{\"a\":3,\"b\":2}" },
        { "[1,-1,9223372036854775807,9223372036854775808,18446744073709551615]", 0, 0,
          "[1,-1,9223372036854775807,9223372036854775808,18446744073709551615]" },
        { "[-9223372036854775808, 18446744073709551616, 1.0, 1e2, -0.0]", 0, 0,
          "[-9223372036854775808,18446744073709551616,1.0,1e2,-0.0]" },
        { "[18446744073709551616, 1.0, 1e2, -0.0, 1e21, 1e20, 0.000001, 1e-7]", 0, HC_JSON_GO_FLOAT,
          "[18446744073709552000,1,100,-0,1e+21,100000000000000000000,0.000001,1e-7]" },
        { "[1, 9007199254740993]", HC_JSON_ALL_FLOAT, HC_JSON_GO_FLOAT, "[1,9007199254740992]" },
        { "\"\\u0041\\n\\/\\\"\\ud83d\\ude00\"", 0, 0, "\"A\\n/\\\"\xf0\x9f\x98\x80\"" },
        { "\"\\ud800x\\udc00\"", 0, 0, "\"\xef\xbf\xbdx\xef\xbf\xbd\"" },
        { "\"a\xff\"", 0, 0, "\"a\xef\xbf\xbd\"" },
        { "\"<&>\\u2028\\u007f\\u0001\\b\\f\"", 0, HC_JSON_HTML,
          "\"\\u003c\\u0026\\u003e\\u2028\x7f\\u0001\\b\\f\"" },
        { "\"<&>\"", HC_JSON_REF, 0, "\"<&>\"" },
        { "[true,false,null]", 0, 0, "[true,false,null]" },
        { "{\"a\":[1,{}],\"b\":{\"c\":[]}}", 0, HC_JSON_INDENT2,
          "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": []\n  }\n}" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++)
        check(hc_str_of(rows[i].in), rows[i].rflags, rows[i].wflags, rows[i].want);
}

static void test_sorts_large_maps(void **state)
{
    (void)state;
    struct hc_buf in, want;
    hc_buf_init(&in, 0);
    hc_buf_init(&want, 0);
    for (int i = 0; i < 997; i++) {
        hc_buf_printf(&in, "%s\"%04d\":%d", i ? "," : "{", i * 331 % 997, i * 331 % 997);
        hc_buf_printf(&want, "%s\"%04d\":%d", i ? "," : "{", i, i);
    }
    hc_buf_puts(&in, "}");
    hc_buf_puts(&want, "}");
    hc_buf_putc(&want, '\0');
    check(hc_buf_str(&in), 0, HC_JSON_SORT, want.p);
    hc_buf_done(&in);
    hc_buf_done(&want);
}

/* Texts are scanned eight bytes at a time: each byte, at each place of a long one, escaped or not. */
static void test_each_byte_at_each_place(void **state)
{
    (void)state;
    static const char *const short_of[256] = { ['"'] = "\\\"", ['\\'] = "\\\\", ['\b'] = "\\b", ['\f'] = "\\f",
                                               ['\n'] = "\\n", ['\r'] = "\\r",  ['\t'] = "\\t" };
    for (size_t i = 0; i < 19 * 256 * 2; i++) {
        size_t at = i / 2 % 19, n;
        unsigned c = (unsigned)(i / 2 / 19);
        bool html = i % 2 == 1, coded = c < 32 || c >= 128 || (html && (c == '<' || c == '>' || c == '&'));
        char text[19], code[8], want[64];
        HC_AUTO(hc_buf) struct hc_buf b;
        struct hc_err err = HC_ERR_INIT;
        struct hc_val *v = NULL;
        hc_buf_init(&b, 0);
        memset(text, 'a', sizeof(text));
        text[at] = (char)c;
        code[0] = (char)c, code[1] = '\0';
        if (short_of[c])
            snprintf(code, sizeof(code), "%s", short_of[c]);
        else if (coded)
            snprintf(code, sizeof(code), "\\u%04x", c < 128 ? c : 0xfffd);
        n = (size_t)snprintf(want, sizeof(want), "\"%.*s%s%.*s\"", (int)at, text, code, (int)(18 - at),
                             text + at + 1);
        hc_json_write_str(&b, hc_str_n(text, sizeof(text)), html);
        if (!hc_str_eq(hc_buf_str(&b), hc_str_n(want, n)))
            fail_msg("byte %u at %zu: %.*s, not %s", c, at, HC_P(hc_buf_str(&b)), want);
        assert_int_equal(hc_json_parse(arena, hc_buf_str(&b), html ? HC_JSON_REF : 0, &v, &err), HC_OK);
        assert_true(c >= 128 || hc_str_eq(hc_get_str(v), hc_str_n(text, sizeof(text))));
        hc_buf_reset(&b);
        hc_buf_putc(&b, '"');
        hc_buf_put(&b, hc_str_n(text, sizeof(text)));
        hc_buf_putc(&b, '"'); /* unescaped: refused, or the end of the string, or read as it stands */
        bool stands = c >= 32 && c != '"' && c != '\\';
        assert_int_equal(hc_json_parse(arena, hc_buf_str(&b), 0, &v, &err) == HC_OK, stands);
        assert_true(c >= 128 || !stands || hc_str_eq(hc_get_str(v), hc_str_n(text, sizeof(text))));
    }
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want;
        int line, col;
    } rows[] = {
        { "", "unexpected end of JSON input", 1, 1 },
        { "{", "unexpected end of JSON input", 1, 2 },
        { "[1,", "unexpected end of JSON input", 1, 4 },
        { "\n [x]", "invalid character 'x' looking for beginning of value", 2, 3 },
        { "{a:1}", "invalid character 'a' looking for beginning of object key string", 1, 2 },
        { "{\"a\" 1}", "invalid character '1' after object key", 1, 6 },
        { "{\"a\":1 2}", "invalid character '2' after object key:value pair", 1, 8 },
        { "[1 2]", "invalid character '2' after array element", 1, 4 },
        { "[1,]", "invalid character ']' looking for beginning of value", 1, 4 },
        { "{\"a\":1,}", "invalid character '}' looking for beginning of object key string", 1, 8 },
        { "1 2", "invalid character '2' after top-level value", 1, 3 },
        { "01", "invalid character '1' after top-level value", 1, 2 },
        { "-", "invalid character ' ' in numeric literal", 1, 2 },
        { "-x", "invalid character 'x' in numeric literal", 1, 2 },
        { "1.x", "invalid character 'x' after decimal point in numeric literal", 1, 3 },
        { "1ex", "invalid character 'x' in exponent of numeric literal", 1, 3 },
        { "tru3", "invalid character '3' in literal true (expecting 'e')", 1, 4 },
        { "nul", "invalid character ' ' in literal null (expecting 'l')", 1, 4 },
        { "\"\n\"", "invalid character '\\n' in string literal", 1, 2 },
        { "\"\\x\"", "invalid character 'x' in string escape code", 1, 3 },
        { "\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape", 1, 6 },
        { "'a'", "invalid character '\\'' looking for beginning of value", 1, 1 },
        { "\xc3\xa9", "invalid character '\xc3\x83' looking for beginning of value", 1, 1 },
        { "1e400", "json: cannot unmarshal number 1e400 into Go value of type float64", 1, 1 },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_err err = HC_ERR_INIT;
        struct hc_val *v = NULL;
        assert_int_equal(hc_json_parse(arena, hc_str_of(rows[i].in), 0, &v, &err), HC_E_INPUT);
        assert_string_equal(err.msg, rows[i].want);
        assert_int_equal(err.line, rows[i].line);
        assert_int_equal(err.col, rows[i].col);
        if (strstr(rows[i].want, "cannot unmarshal number"))
            assert_true(hc_is_null(v)); /* what is too large becomes null, and is told */
        else
            assert_null(v);
    }
}

static void test_depth(void **state)
{
    (void)state;
    struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_buf_fill(&b, '[', 100000);
    struct hc_err err = HC_ERR_INIT;
    struct hc_val *v = NULL;
    assert_int_equal(hc_json_parse(arena, hc_buf_str(&b), 0, &v, &err), HC_E_LIMIT);
    hc_buf_reset(&b);
    hc_buf_fill(&b, '[', HC_MAX_JSON_DEPTH);
    hc_buf_fill(&b, ']', HC_MAX_JSON_DEPTH);
    assert_int_equal(hc_json_parse(arena, hc_buf_str(&b), 0, &v, &err), HC_OK);
    hc_buf_done(&b);
}

static void test_positions(void **state)
{
    (void)state;
    struct hc_val *v = NULL;
    struct hc_err err = HC_ERR_INIT;
    assert_int_equal(hc_json_parse(arena, HC_S("{\n  \"a\": [1,\n 2]}"), 0, &v, &err), HC_OK);
    assert_int_equal(hc_map_at(v, 0)->line, 2);
    assert_int_equal(hc_map_at(v, 0)->col, 3);
    assert_int_equal(hc_get(v, "a[1]")->line, 3);
    assert_int_equal(hc_get(v, "a[1]")->col, 2);
    assert_int_equal(hc_get(v, "a")->col, 8);
}

static void test_floats(void **state)
{
    (void)state;
    static const struct {
        double f;
        int bits, limit;
        const char *want;
    } rows[] = {
        { 1, 64, 21, "1" },
        { 0, 64, 6, "0" },
        { -0.0, 64, 6, "-0" },
        { 0.1, 64, 6, "0.1" },
        { 1000000, 64, 6, "1e+06" },
        { 999999, 64, 6, "999999" },
        { 1234567.5, 64, 6, "1.2345675e+06" },
        { 1e20, 64, 21, "100000000000000000000" },
        { 1e21, 64, 21, "1e+21" },
        { 0.0001, 64, 6, "0.0001" },
        { 0.00001, 64, 6, "1e-05" },
        { 123456789012345680.0, 64, 6, "1.2345678901234568e+17" },
        { 5e-324, 64, 6, "5e-324" },
        { 1.7976931348623157e308, 64, 6, "1.7976931348623157e+308" },
        { 0x1p-44, 64, 6, "5.684341886080802e-14" },
        { 2.2250738585072014e-308, 64, 6, "2.2250738585072014e-308" },
        { 9007199254740993.0, 64, 21, "9007199254740992" },
        { 0.3, 64, 6, "0.3" },
        { 0.1 + 0.2, 64, 6, "0.30000000000000004" },
        { 1.1f, 32, 6, "1.1" },
        { 1.123456789, 32, 6, "1.1234568" },
        { 16777216.0, 32, 21, "16777216" },
        { 1e-45, 32, 6, "1e-45" },
        { 100, 64, 21, "100" },
        { 1.5e300, 64, 6, "1.5e+300" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_buf b;
        hc_buf_init(&b, 0);
        hc_float_shortest(&b, rows[i].f, rows[i].bits, rows[i].limit);
        hc_buf_putc(&b, '\0');
        assert_string_equal(b.p, rows[i].want);
        hc_buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_sorts_large_maps),
        cmocka_unit_test(test_errors),     cmocka_unit_test(test_each_byte_at_each_place),
        cmocka_unit_test(test_depth),      cmocka_unit_test(test_positions),
        cmocka_unit_test(test_floats),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
