/*
 * The --set family (D3): arguments in, JSON of the tree or Helm's error out.
 */
#include "core/value/json.h"
#include "templating/overlay/overlay.h"
#include "tests/unit/arena.h"

static enum hc_rc read_file(void *ctx, struct hc_arena *a, hc_str path, hc_str *out, struct hc_err *err)
{
    (void)ctx;
    if (hc_str_eqz(path, "a.txt"))
        *out = hc_arena_str(a, HC_S("line, one\n"));
    else if (hc_str_eqz(path, "v.yaml"))
        *out = hc_arena_str(a, HC_S("a:\n  b: 1\n  c: x\nl: [1]\n---\na:\n  b: null\n"));
    else if (hc_str_eqz(path, "w.yaml"))
        *out = hc_arena_str(a, HC_S("a: {d: 2}\nl: [2, 3]\n"));
    else if (hc_str_eqz(path, "list.yaml"))
        *out = hc_arena_str(a, HC_S("- a\n"));
    else
        return hc_fail(err, HC_E_INPUT, "open %.*s: no such file or directory", HC_P(path));
    return HC_OK;
}

static const struct hc_values_port port = { read_file, NULL };

struct row {
    const char *start; /* JSON of the tree before */
    enum hc_set_kind kind;
    const char *text, *want;
};

static void check(const struct row *r)
{
    struct hc_val *tree = NULL;
    struct hc_err err = HC_ERR_INIT;
    struct hc_set_arg arg = { r->kind, hc_str_of(r->text) };
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    assert_int_equal(hc_json_parse(arena, hc_str_of(r->start), HC_JSON_ALL_FLOAT, &tree, NULL), HC_OK);
    if (hc_set_apply(arena, tree, &arg, false, &port, 7, &err) == HC_OK)
        hc_json_write(&b, tree, HC_JSON_SORT);
    else
        hc_buf_puts(&b, err.msg);
    hc_buf_putc(&b, '\0');
    if (strcmp(b.p, r->want) != 0)
        fail_msg("'%s'\n  gives  %s\n  wanted %s", r->text, b.p, r->want);
}

#define SET  "failed parsing --set data: "
#define N30  "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a."
#define CONV "unable to parse key: interface conversion: interface {} is "

static void test_grammar(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{}", HC_SET_PLAIN, "a=1,b.c=x", "{\"a\":1,\"b\":{\"c\":\"x\"}}" },
        { "{}", HC_SET_PLAIN, "a=TRUE,b=False,c=null,d=0,e=-5,f=+5",
          "{\"a\":true,\"b\":false,\"c\":null,\"d\":0,\"e\":-5,\"f\":5}" },
        { "{}", HC_SET_PLAIN, "a=1.5,b=007,c=1e3,d=0x1,e=yes,f=~",
          "{\"a\":\"1.5\",\"b\":\"007\",\"c\":\"1e3\",\"d\":\"0x1\",\"e\":\"yes\",\"f\":\"~\"}" },
        { "{}", HC_SET_PLAIN, "a=9223372036854775808", "{\"a\":\"9223372036854775808\"}" },
        { "{}", HC_SET_STRING, "a=1,b=null,c=", "{\"a\":\"1\",\"b\":\"null\",\"c\":\"\"}" },
        { "{}", HC_SET_PLAIN, "a={x,1,true}", "{\"a\":[\"x\",1,true]}" },
        { "{}", HC_SET_PLAIN, "a={},b={,}", "{\"a\":[\"\"],\"b\":[\"\",\"\"]}" },
        { "{}", HC_SET_PLAIN, "a={1}b=2", "{\"a\":[1],\"b\":2}" },
        { "{}", HC_SET_PLAIN, "a=\\{x},b\\.c=1\\,2", "{\"a\":\"{x}\",\"b.c\":\"1,2\"}" },
        { "{}", HC_SET_PLAIN, "a=1 ,b= 2", "{\"a\":\"1 \",\"b\":\" 2\"}" },
        { "{}", HC_SET_PLAIN, " a=1", "{\" a\":1}" },
        { "{}", HC_SET_PLAIN, "a=1,", "{\"a\":1}" },
        { "{}", HC_SET_PLAIN, "=v", "{}" },
        { "{}", HC_SET_PLAIN, "a=", "{\"a\":\"\"}" },
        { "{}", HC_SET_PLAIN, "a[0]=1,a[2].b=2", "{\"a\":[1,null,{\"b\":2}]}" },
        { "{}", HC_SET_PLAIN, "a[0][1]=x", "{\"a\":[[null,\"x\"]]}" },
        { "{}", HC_SET_PLAIN, "a[0]", "{\"a\":[]}" },
        { "{}", HC_SET_PLAIN, "a[0", "{}" },
        { "{\"a\":{\"b\":1,\"c\":2}}", HC_SET_PLAIN, "a.b=3", "{\"a\":{\"b\":3,\"c\":2}}" },
        { "{\"a\":{\"b\":1}}", HC_SET_PLAIN, "a=x", "{\"a\":\"x\"}" },
        { "{\"a\":{\"b\":1}}", HC_SET_PLAIN, "a.b=null", "{\"a\":{\"b\":null}}" },
        { "{\"a\":[1,2]}", HC_SET_PLAIN, "a[1].b=x", "{\"a\":[1,{\"b\":\"x\"}]}" },
        { "{}", HC_SET_PLAIN, "a", SET "key \"a\" has no value" },
        { "{}", HC_SET_PLAIN, "a,b=1", SET "key \"a\" has no value (cannot end with ,)" },
        { "{}", HC_SET_PLAIN, "a.=1", SET "key map \"a\" has no value" },
        { "{}", HC_SET_PLAIN, "a={1", SET "list must terminate with '}'" },
        { "{}", HC_SET_PLAIN, "a[-2]=1", SET "negative -2 index not allowed" },
        { "{}", HC_SET_PLAIN, "a[65537]=1", SET "index of 65537 is greater than maximum supported index of 65536" },
        { "{}", HC_SET_PLAIN, "a[x]=1", SET "error parsing index: strconv.Atoi: parsing \"x\": invalid syntax" },
        { "{}", HC_SET_PLAIN, "a[99999999999999999999]=1",
          SET "error parsing index: strconv.Atoi: parsing \"99999999999999999999\": value out of range" },
        { "{}", HC_SET_PLAIN, "a[0]xy=1", SET "unexpected data at end of array index: ['x' 'y']" },
        { "{}", HC_SET_PLAIN, N30 "b=1",
          "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{"
          "\"a\":"
          "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{"
          "\"a\":"
          "{\"b\":1}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}" },
        { "{}", HC_SET_PLAIN, N30 "a.b=1",
          SET "value name nested level is greater than maximum supported nested level of 30" },
        { "{\"a\":\"s\"}", HC_SET_PLAIN, "a.b=1", SET CONV "string, not map[string]interface {}" },
        { "{\"a\":null}", HC_SET_PLAIN, "a.b=1", SET CONV "nil, not map[string]interface {}" },
        { "{\"a\":1}", HC_SET_PLAIN, "a[0]=1", SET CONV "float64, not []interface {}" },
        { "{}", HC_SET_JSON,
          "a=[1,{\"b\":null}], c=\"x\" ,d=", "{\" c\":\"x\",\"a\":[1,{\"b\":null}],\"d\":null}" },
        { "{}", HC_SET_JSON, "a[1]=1.5", "{\"a\":[null,1.5]}" },
        { "{}", HC_SET_JSON, "a=x", "failed parsing --set-json data a=x" },
        { "{}", HC_SET_FILE, "a=a.txt,b=a.txt", "{\"a\":\"line, one\\n\",\"b\":\"line, one\\n\"}" },
        { "{}", HC_SET_FILE, "a=nope", "failed parsing --set-file data: open nope: no such file or directory" },
        { "{}", HC_SET_LITERAL, "a.b=x,y=\\z", "{\"a\":{\"b\":\"x,y=\\\\z\"}}" },
        { "{}", HC_SET_LITERAL, "a", "failed parsing --set-literal data: key \"a\" has no value" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++)
        check(&rows[i]);
}

static void test_sources_in_order(void **state)
{
    (void)state;
    const hc_str files[] = { HC_S("v.yaml"), HC_S("w.yaml") };
    const struct hc_set_arg sets[] = {
        { HC_SET_LITERAL, HC_S("a.b=last") },
        { HC_SET_PLAIN, HC_S("a.b=1,p=plain") },
        { HC_SET_JSON, HC_S("{\"p\":{\"q\":1}}") },
        { HC_SET_STRING, HC_S("s=1") },
    };
    struct hc_setargs args = { .files = files, .files_n = 2, .sets = sets, .sets_n = 4, .port = &port };
    struct hc_origins *origins = hc_origins_new(arena);
    struct hc_val *out = NULL;
    struct hc_err err = HC_ERR_INIT;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    assert_int_equal(hc_setargs_merge(arena, &args, origins, &out, &err), HC_OK);
    hc_json_write(&b, out, HC_JSON_SORT);
    hc_buf_putc(&b, '\0');
    assert_string_equal(b.p,
                        "{\"a\":{\"b\":\"last\",\"c\":\"x\",\"d\":2},\"l\":[2,3],\"p\":\"plain\",\"s\":\"1\"}");
    assert_true(hc_str_eqz(hc_origins_get(origins, hc_get(out, "a.c")->origin)->name, "v.yaml"));
    assert_int_equal(hc_get(out, "a.c")->line, 3);
    assert_true(hc_str_eqz(hc_origins_get(origins, hc_get(out, "a.d")->origin)->name, "w.yaml"));
    assert_true(hc_str_eqz(hc_origins_get(origins, hc_get(out, "a.b")->origin)->name, "--set-literal"));
    assert_true(hc_str_eqz(hc_origins_get(origins, hc_get(out, "p")->origin)->name, "--set"));
}

static void test_bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *file, *want;
    } rows[] = {
        { "nope.yaml", "open nope.yaml: no such file or directory" },
        { "list.yaml",
          "failed to parse list.yaml: cannot unmarshal yaml document: error unmarshaling JSON: while "
          "decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        hc_str file = hc_str_of(rows[i].file);
        struct hc_setargs args = { .files = &file, .files_n = 1, .port = &port };
        struct hc_val *out = NULL;
        struct hc_err err = HC_ERR_INIT;
        assert_int_equal(hc_setargs_merge(arena, &args, NULL, &out, &err), HC_E_INPUT);
        assert_string_equal(err.msg, rows[i].want);
    }
    /* the port of its own */
    hc_str file = HC_S("/nonexistent/values.yaml");
    struct hc_setargs args = { .files = &file, .files_n = 1 };
    struct hc_val *out = NULL;
    struct hc_err err = HC_ERR_INIT;
    assert_int_equal(hc_setargs_merge(arena, &args, NULL, &out, &err), HC_E_INPUT);
    assert_string_equal(err.msg, "open /nonexistent/values.yaml: no such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_sources_in_order),
        cmocka_unit_test(test_bad_files),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
