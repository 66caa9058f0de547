/*
 * Overlays, patches of three kinds, pointers and differences, as JSON in and JSON out.
 */
#include "core/value/json.h"
#include "core/value/merge.h"
#include "tests/unit/arena.h"

static struct hc_val *json(const char *text)
{
    struct hc_val *v = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (hc_json_parse(arena, hc_str_of(text), 0, &v, &err) != HC_OK)
        fail_msg("%s: %s", text, err.msg);
    return v;
}

static void same(const char *what, const struct hc_val *v, const char *want)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write(&b, v, 0);
    hc_buf_putc(&b, '\0');
    if (strcmp(b.p, want) != 0)
        fail_msg("%s\n  gives  %s\n  wanted %s", what, b.p, want);
}

static void test_overlay(void **state)
{
    (void)state;
    struct hc_val *base = json("{\"a\":{\"x\":1,\"y\":[1,2]},\"b\":1,\"c\":{\"d\":1}}");
    struct hc_val *out = hc_val_overlay(arena, base,
                                        json("{\"a\":{\"y\":[3],\"z\":null},\"c\":null,\"n\":{\"m\":1}}"));
    same("overlay", out, "{\"a\":{\"x\":1,\"y\":[3],\"z\":null},\"b\":1,\"c\":null,\"n\":{\"m\":1}}");
    same("base is untouched", base, "{\"a\":{\"x\":1,\"y\":[1,2]},\"b\":1,\"c\":{\"d\":1}}");
}

static void test_merge_patch(void **state)
{
    (void)state;
    /* RFC 7396, appendix A */
    static const struct {
        const char *doc, *patch, *want;
    } rows[] = {
        { "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
        { "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}" },
        { "{\"a\":\"b\"}", "{\"a\":null}", "{}" },
        { "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}" },
        { "{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
        { "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}" },
        { "[\"a\"]", "[\"c\"]", "[\"c\"]" },
        { "{\"a\":\"foo\"}", "null", "null" },
        { "{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}" },
        { "[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}" },
        { "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++)
        same(rows[i].patch, hc_merge_patch(arena, json(rows[i].doc), json(rows[i].patch)), rows[i].want);
}

static void test_merge_patch_diff(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *want;
    } rows[] = {
        { "{\"a\":1,\"b\":{\"c\":1,\"d\":[1]}}", "{\"a\":1.0,\"b\":{\"c\":2,\"d\":[1]},\"e\":0}",
          "{\"b\":{\"c\":2},\"e\":0}" },
        { "{\"a\":1,\"b\":2}", "{\"b\":2}", "{\"a\":null}" },
        { "{\"a\":[1]}", "{\"a\":[1]}", "{}" },
        { "{\"a\":{\"b\":1}}", "{\"a\":1}", "{\"a\":1}" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_val *from = json(rows[i].from), *to = json(rows[i].to);
        struct hc_val *patch = hc_merge_patch_diff(arena, from, to);
        same(rows[i].to, patch, rows[i].want);
        assert_true(hc_val_equal(hc_merge_patch(arena, from, patch), to));
    }
}

static void test_pointer(void **state)
{
    (void)state;
    struct hc_val *v = json("{\"a/b\":{\"m~n\":[10,20]},\"\":1,\"0\":2}");
    same("pointer", hc_pointer_get(v, HC_S("/a~1b/m~0n/1")), "20");
    same("empty key", hc_pointer_get(v, HC_S("/")), "1");
    same("whole", hc_pointer_get(v, HC_S("/0")), "2");
    assert_ptr_equal(hc_pointer_get(v, HC_S("")), v);
    assert_null(hc_pointer_get(v, HC_S("/a~1b/m~0n/2")));
    assert_null(hc_pointer_get(v, HC_S("/a~1b/m~0n/01")));
    assert_null(hc_pointer_get(v, HC_S("a")));
    assert_null(hc_pointer_get(v, HC_S("/a~2b")));
}

static void test_json_patch(void **state)
{
    (void)state;
    static const struct {
        const char *doc, *ops, *want;
    } rows[] = {
        { "{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\"}]",
          "{\"foo\":\"bar\",\"baz\":\"qux\"}" },
        { "{\"foo\":[\"a\",\"c\"]}", "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"b\"}]",
          "{\"foo\":[\"a\",\"b\",\"c\"]}" },
        { "{\"foo\":[1]}", "[{\"op\":\"add\",\"path\":\"/foo/-\",\"value\":[2]}]", "{\"foo\":[1,[2]]}" },
        { "{\"a\":1,\"b\":[1,2,3]}", "[{\"op\":\"remove\",\"path\":\"/b/1\"},{\"op\":\"remove\",\"path\":\"/a\"}]",
          "{\"b\":[1,3]}" },
        { "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":{\"x\":1}}]", "{\"a\":{\"x\":1}}" },
        { "{\"a\":{\"b\":1},\"c\":{}}", "[{\"op\":\"move\",\"from\":\"/a/b\",\"path\":\"/c/d\"}]",
          "{\"a\":{},\"c\":{\"d\":1}}" },
        { "{\"a\":[1]}",
          "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"},{\"op\":\"add\",\"path\":\"/b/0\",\"value\":0}]",
          "{\"a\":[1],\"b\":[0,1]}" },
        { "{\"a\":1}",
          "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1.0},{\"op\":\"add\",\"path\":\"\",\"value\":[]}]", "[]" },
        { "{\"a\":1}",
          "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1},{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]",
          "operation 2 (test /a): the value there is another one" },
        { "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/b\"}]",
          "operation 1 (remove /b): there is nothing at that path" },
        { "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b/c\",\"value\":1}]",
          "operation 1 (add /b/c): a part of the path does not exist" },
        { "{\"a\":[]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":1}]",
          "operation 1 (add /a/1): the index is behind the end of the list" },
        { "{\"a\":{}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]",
          "operation 1 (move /a/b): a value can not be moved into itself" },
        { "{}", "[{\"op\":\"frob\",\"path\":\"/a\",\"value\":1}]",
          "operation 1 (frob /a): operations are add, remove, replace, move, copy and test" },
        { "{}", "{}", "a JSON patch is a list of operations, not a map" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_val *doc = json(rows[i].doc), *out = NULL, *before = hc_val_copy(arena, doc);
        struct hc_err err = HC_ERR_INIT;
        if (hc_json_patch(arena, doc, json(rows[i].ops), &out, &err) == HC_OK)
            same(rows[i].ops, out, rows[i].want);
        else
            assert_string_equal(err.msg, rows[i].want);
        assert_true(hc_val_equal(doc, before));
    }
}

static void test_diff(void **state)
{
    (void)state;
    struct hc_diff *d;
    struct hc_val *from = json("{\"a\":1,\"b\":{\"c/d\":[1,2]},\"g\":1}");
    struct hc_val *to = json("{\"a\":1.0,\"b\":{\"c/d\":[1,3,4]},\"n\":0}");
    assert_int_equal(hc_val_diff(arena, from, to, &d), 4);
    assert_true(hc_str_eqz(d[0].path, "/b/c~1d/1"));
    assert_int_equal(d[0].to->i, 3);
    assert_true(hc_str_eqz(d[1].path, "/b/c~1d/2"));
    assert_null(d[1].from);
    assert_true(hc_str_eqz(d[2].path, "/g"));
    assert_null(d[2].to);
    assert_true(hc_str_eqz(d[3].path, "/n"));
    assert_int_equal(hc_val_diff(arena, from, from, &d), 0);
}

static void test_strategic(void **state)
{
    (void)state;
    static const struct {
        const char *doc, *patch, *want;
    } rows[] = {
        { "{\"spec\":{\"replicas\":1,\"x\":{\"a\":1}}}", "{\"spec\":{\"replicas\":2,\"x\":{\"a\":null,\"b\":2}}}",
          "{\"spec\":{\"replicas\":2,\"x\":{\"b\":2}}}" },
        { "{\"containers\":[{\"name\":\"a\",\"image\":\"i\"},{\"name\":\"b\"}]}",
          "{\"containers\":[{\"name\":\"b\",\"image\":\"j\"}]}",
          "{\"containers\":[{\"name\":\"a\",\"image\":\"i\"},{\"name\":\"b\",\"image\":\"j\"}]}" },
        { "{\"containers\":[{\"name\":\"a\"}]}", "{\"containers\":[{\"name\":\"c\"}]}",
          "{\"containers\":[{\"name\":\"c\"},{\"name\":\"a\"}]}" },
        { "{\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":80},{\"containerPort\":81}]}]}",
          "{\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":81,\"name\":\"x\"}]}]}",
          "{\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":80},{\"containerPort\":81,\"name\":\"x\"}"
          "]}]}" },
        { "{\"spec\":{\"ports\":[{\"port\":80,\"nodePort\":1}]}}",
          "{\"spec\":{\"ports\":[{\"port\":80,\"name\":\"h\"}]}}",
          "{\"spec\":{\"ports\":[{\"port\":80,\"nodePort\":1,\"name\":\"h\"}]}}" },
        { "{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
          "{\"containers\":[{\"name\":\"a\",\"$patch\":\"delete\"}]}", "{\"containers\":[{\"name\":\"b\"}]}" },
        { "{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
          "{\"containers\":[{\"$patch\":\"replace\"},{\"name\":\"n\"}]}", "{\"containers\":[{\"name\":\"n\"}]}" },
        { "{\"m\":{\"a\":1,\"b\":2}}", "{\"m\":{\"$patch\":\"replace\",\"c\":3}}", "{\"m\":{\"c\":3}}" },
        { "{\"m\":{\"a\":1}}", "{\"m\":{\"$patch\":\"delete\"}}", "{\"m\":{}}" },
        { "{\"args\":[1,2]}", "{\"args\":[3]}", "{\"args\":[3]}" },
        { "{\"finalizers\":[\"a\",\"b\"]}",
          "{\"finalizers\":[\"c\"],\"$deleteFromPrimitiveList/finalizers\":[\"a\"]}",
          "{\"finalizers\":[\"c\",\"b\"]}" },
        { "{\"finalizers\":[\"a\",\"b\"]}", "{\"$deleteFromPrimitiveList/finalizers\":[\"a\"]}",
          "{\"finalizers\":[\"b\"]}" },
        { "{\"env\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
          "{\"$setElementOrder/"
          "env\":[{\"name\":\"b\"},{\"name\":\"a\"}],\"env\":[{\"name\":\"a\",\"value\":\"1\"}]}",
          "{\"env\":[{\"name\":\"b\"},{\"name\":\"a\",\"value\":\"1\"}]}" },
        { "{\"strategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"x\":1}}}",
          "{\"strategy\":{\"$retainKeys\":[\"type\"],\"type\":\"Recreate\"}}",
          "{\"strategy\":{\"type\":\"Recreate\"}}" },
        { "{}", "{\"containers\":[{\"name\":\"a\",\"x\":null},{\"name\":\"b\",\"$patch\":\"delete\"}]}",
          "{\"containers\":[{\"name\":\"a\"}]}" },
        { "{\"containers\":[{\"name\":\"a\"}]}", "{\"containers\":[{\"image\":\"x\"}]}",
          "strategic merge patch: an item of 'containers' has no 'name'" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_val *doc = json(rows[i].doc), *out = NULL, *before = hc_val_copy(arena, doc);
        struct hc_err err = HC_ERR_INIT;
        if (hc_strategic_merge(arena, doc, json(rows[i].patch), NULL, &out, &err) == HC_OK)
            same(rows[i].patch, out, rows[i].want);
        else
            assert_string_equal(err.msg, rows[i].want);
        assert_true(hc_val_equal(doc, before));
    }
}

/* Three documents and the patch between them; then the patch is applied. */
static void test_strategic_diff(void **state)
{
    (void)state;
    static const struct {
        const char *before, *wanted, *live, *patch, *after;
    } rows[] = {
        { "{}", "{\"a\":1}", "{\"a\":1,\"b\":2}", "{}", "{\"a\":1,\"b\":2}" },
        { "{\"a\":1,\"c\":1}", "{\"a\":2}", "{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":2,\"c\":null}",
          "{\"a\":2,\"b\":2}" },
        { "{\"gone\":1}", "{}", "{\"b\":2}", "{}", "{\"b\":2}" }, /* it is not there: nothing to do */
        { "{}", "{\"a\":{\"x\":1}}", "{\"a\":\"text\"}", "{\"a\":{\"x\":1}}", "{\"a\":{\"x\":1}}" },
        { "{}", "{\"a\":null}", "{\"b\":1}", "{}", "{\"b\":1}" },
        { "{\"args\":[\"a\"]}", "{\"args\":[\"b\"]}", "{\"args\":[\"a\",\"x\"]}", "{\"args\":[\"b\"]}",
          "{\"args\":[\"b\"]}" },
        /* a side-car of others stays; what left the wish goes; env is told by name */
        { "{\"containers\":[{\"name\":\"app\",\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\"}]},"
          "{\"name\":\"old\"}]}",
          "{\"containers\":[{\"name\":\"app\",\"env\":[{\"name\":\"A\",\"value\":\"2\"}]}]}",
          "{\"containers\":[{\"name\":\"app\",\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\"},"
          "{\"name\":\"mine\"}]},{\"name\":\"old\"},{\"name\":\"car\"}]}",
          "{\"containers\":[{\"env\":[{\"value\":\"2\",\"name\":\"A\"},{\"name\":\"B\",\"$patch\":\"delete\"}],"
          "\"$setElementOrder/env\":[{\"name\":\"A\"}],\"name\":\"app\"},{\"name\":\"old\",\"$patch\":\"delete\"}],"
          "\"$setElementOrder/containers\":[{\"name\":\"app\"}]}",
          "{\"containers\":[{\"name\":\"app\",\"env\":[{\"name\":\"A\",\"value\":\"2\"},{\"name\":\"mine\"}]},"
          "{\"name\":\"car\"}]}" },
        /* the order counts */
        { "{}", "{\"env\":[{\"name\":\"B\"},{\"name\":\"A\"}]}", "{\"env\":[{\"name\":\"A\"},{\"name\":\"B\"}]}",
          "{\"$setElementOrder/env\":[{\"name\":\"B\"},{\"name\":\"A\"}]}",
          "{\"env\":[{\"name\":\"B\"},{\"name\":\"A\"}]}" },
        { "{}", "{\"env\":[{\"name\":\"A\"}]}", "{\"env\":[{\"name\":\"X\"},{\"name\":\"A\"}]}", "{}",
          "{\"env\":[{\"name\":\"X\"},{\"name\":\"A\"}]}" },
        /* ports may share their key: the second is compared with the second */
        { "{}", "{\"ports\":[{\"port\":53,\"protocol\":\"TCP\"},{\"port\":53,\"protocol\":\"UDP\"}]}",
          "{\"ports\":[{\"port\":53,\"protocol\":\"TCP\"},{\"port\":53,\"protocol\":\"UDP\",\"nodePort\":1}]}",
          "{}",
          "{\"ports\":[{\"port\":53,\"protocol\":\"TCP\"},{\"port\":53,\"protocol\":\"UDP\",\"nodePort\":1}]}" },
        { "{\"finalizers\":[\"a\",\"b\"]}", "{\"finalizers\":[\"b\",\"c\"]}",
          "{\"finalizers\":[\"x\",\"a\",\"b\"]}",
          "{\"finalizers\":[\"c\"],\"$deleteFromPrimitiveList/finalizers\":[\"a\"],"
          "\"$setElementOrder/finalizers\":[\"b\",\"c\"]}",
          "{\"finalizers\":[\"x\",\"b\",\"c\"]}" },
        /* one kind of strategy, one kind of volume */
        { "{}", "{\"strategy\":{\"type\":\"Recreate\"}}",
          "{\"strategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"maxSurge\":1}}}",
          "{\"strategy\":{\"type\":\"Recreate\",\"$retainKeys\":[\"type\"]}}",
          "{\"strategy\":{\"type\":\"Recreate\"}}" },
        { "{}", "{\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"c\"}}]}",
          "{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]}",
          "{\"volumes\":[{\"configMap\":{\"name\":\"c\"},\"$retainKeys\":[\"configMap\",\"name\"],\"name\":\"v\"}],"
          "\"$setElementOrder/volumes\":[{\"name\":\"v\"}]}",
          "{\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"c\"}}]}" },
        { "{}", "{\"env\":[{\"value\":\"1\"}]}", "{\"env\":[{\"name\":\"A\"}]}",
          "item 1 of 'env' has no 'name', by which its items are told apart", NULL },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_val *live = json(rows[i].live), *patch = NULL, *after = NULL;
        struct hc_err err = HC_ERR_INIT;
        if (hc_strategic_diff(arena, json(rows[i].before), json(rows[i].wanted), live, NULL, &patch, &err) !=
            HC_OK) {
            assert_string_equal(err.msg, rows[i].patch);
            continue;
        }
        same(rows[i].wanted, patch, rows[i].patch);
        assert_int_equal(hc_strategic_merge(arena, live, patch, NULL, &after, &err), HC_OK);
        same(rows[i].wanted, after, rows[i].after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overlay),          cmocka_unit_test(test_merge_patch),
        cmocka_unit_test(test_merge_patch_diff), cmocka_unit_test(test_pointer),
        cmocka_unit_test(test_json_patch),       cmocka_unit_test(test_diff),
        cmocka_unit_test(test_strategic),        cmocka_unit_test(test_strategic_diff),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
