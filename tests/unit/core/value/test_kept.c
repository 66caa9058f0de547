/*
 * What is kept: found again by the whole input, copied apart, dropped by the ceiling, kept alive by who borrows it.
 */
#include "core/base/limits.h"
#include "core/value/json.h"
#include "core/value/kept.h"
#include "tests/unit/unit.h"

static struct hc_val *tree(struct hc_arena *a, const char *json)
{
    struct hc_val *v = NULL;
    struct hc_err err = HC_ERR_INIT;
    assert_int_equal(hc_json_parse(a, hc_str_of(json), HC_JSON_ALL_FLOAT, &v, &err), HC_OK);
    return v;
}

static void keep_text(char what, hc_str input, hc_str text)
{
    hc_kept_put(hc_kept_key(what, input), &(struct hc_kept){ .text = text, .extra = { 7 } });
}

static void test_found_by_all_of_it(void **state)
{
    (void)state;
    hc_kept_limit(HC_MIB);
    keep_text('a', HC_S("some input of more than sixteen bytes"), HC_S("one"));
    const struct hc_kept *k = hc_kept_find(hc_kept_key('a', HC_S("some input of more than sixteen bytes")));
    assert_non_null(k);
    assert_true(hc_str_eqz(k->text, "one") && k->extra[0] == 7 && !k->root);
    hc_kept_release(k);
    assert_null(hc_kept_find(hc_kept_key('b', HC_S("some input of more than sixteen bytes"))));
    assert_null(hc_kept_find(hc_kept_key('a', HC_S("some input of more than sixteen byteS"))));
    assert_null(hc_kept_find(hc_kept_key('a', HC_S("Some input of more than sixteen bytes"))));
    keep_text('a', HC_S("x"), HC_S("two"));
    keep_text('a', HC_S("x"), HC_S("three"));
    k = hc_kept_find(hc_kept_key('a', HC_S("x")));
    assert_true(k && hc_str_eqz(k->text, "three"));
    hc_kept_release(k);
    hc_kept_release(NULL);
    hc_kept_limit(0);
    assert_null(hc_kept_find(hc_kept_key('a', HC_S("x"))));
    assert_false(hc_kept_on());
}

static void test_keys_of_trees(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    static const char *const apart[] = { "{}",
                                         "[]",
                                         "null",
                                         "{\"a\":1}",
                                         "{\"a\":1.0}",
                                         "{\"a\":2}",
                                         "{\"a\":\"1\"}",
                                         "{\"a\":[1]}",
                                         "{\"a\":[[1]]}",
                                         "{\"a\":true}",
                                         "{\"b\":1}",
                                         "[\"a\",1]",
                                         "[[\"a\"],1]",
                                         "[[\"a\",1]]",
                                         "[\"ab\",\"c\"]",
                                         "[\"a\",\"bc\"]" };
    struct hc_kept_key keys[HC_LEN(apart)], again;
    for (size_t i = 0; i < HC_LEN(apart); i++) {
        assert_true(hc_kept_key_of('t', tree(a, apart[i]), &keys[i]));
        assert_true(hc_kept_key_of('t', tree(a, apart[i]), &again));
        assert_true(again.a == keys[i].a && again.b == keys[i].b);
        for (size_t k = 0; k < i; k++)
            assert_true(keys[k].a != keys[i].a && keys[k].b != keys[i].b);
    }
    struct hc_val *deep = hc_list_new(a), *odd = hc_null_val(a);
    odd->kind = HC_OBJ;
    assert_false(hc_kept_key_of('t', odd, &again));
    hc_list_add(a, deep, deep);
    assert_false(hc_kept_key_of('t', deep, &again));
    struct hc_val *doubled = hc_list_new(a);
    for (int i = 0; i < 60; i++) {
        struct hc_val *twice = hc_list_new(a);
        hc_list_add(a, twice, doubled);
        hc_list_add(a, twice, doubled);
        doubled = twice;
    }
    assert_false(hc_kept_key_of('t', doubled, &again));
}

/* What only the run time tells apart: an empty list from a nil one, null from nothing, a text from bytes. */
static void test_keys_of_go_values(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_val *empty = hc_list_new(a), *nil = hc_list_new(a), *marked = hc_list_new(a),
                  *text = hc_strz_val(a, "x"), *bytes = hc_strz_val(a, "x");
    nil->list->flags = 1;
    marked->list->flags = 0x100; /* a note about it, no part of it */
    bytes->type = 1;
    struct hc_kept_key keys[2];
    const struct hc_val *const apart[][2] = { { empty, nil }, { NULL, hc_null_val(a) }, { text, bytes } };
    for (size_t i = 0; i < HC_LEN(apart); i++) {
        for (size_t k = 0; k < 2; k++)
            assert_true(hc_kept_key_of('t', apart[i][k], &keys[k]));
        assert_true(keys[0].a != keys[1].a && keys[0].b != keys[1].b);
    }
    assert_true(hc_kept_key_of('t', empty, &keys[0]) && hc_kept_key_of('t', marked, &keys[1]));
    assert_true(keys[0].a == keys[1].a && keys[0].b == keys[1].b);
}

static void test_keys_but_for_a_type(void **state)
{
    (void)state;
    enum { ODD = 7 };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_val *one = tree(a, "{\"a\":{\"x\":1},\"b\":2}"), *two = tree(a, "{\"a\":{\"y\":[3]},\"b\":2}");
    struct hc_kept_key k1, k2;
    uint32_t cost;
    hc_map_getz(one, "a")->type = hc_map_getz(two, "a")->type = ODD;
    assert_true(hc_kept_key_of('t', one, &k1) && hc_kept_key_of('t', two, &k2) && k1.a != k2.a);
    assert_true(hc_kept_key_but('t', one, ODD, 100, &k1, &cost) && hc_kept_key_but('t', two, ODD, 100, &k2, &cost));
    assert_true(k1.a == k2.a && k1.b == k2.b && cost == 3);
    k2 = hc_kept_key_and(k1, 5);
    assert_true(k1.a != k2.a && k2.a != hc_kept_key_and(k1, 6).a);
    assert_false(hc_kept_key_but('t', one, ODD, 2, &k1, &cost)); /* too large */
    struct hc_val *deeper = hc_list_new(a);
    hc_list_add(a, deeper, one);
    assert_false(hc_kept_key_but('t', deeper, ODD, 100, &k1, &cost));
}

/* The ends of texts are read in pieces of several sizes. */
static void test_keys_of_texts(void **state)
{
    (void)state;
    enum { LONGEST = 40 };
    char text[LONGEST] = { 0 };
    struct hc_kept_key seen[LONGEST * 2];
    size_t n = 0;
    for (size_t len = 0; len < LONGEST; len++) {
        seen[n++] = hc_kept_key('t', hc_str_n(text, len));
        if (len) {
            text[len - 1] = 1;
            seen[n++] = hc_kept_key('t', hc_str_n(text, len));
            text[len - 1] = 0;
        }
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            assert_true(seen[i].a != seen[k].a && seen[i].b != seen[k].b);
}

static void test_shared_though_too_large(void **state)
{
    (void)state;
    static char big[3000];
    hc_kept_limit(4000);
    const struct hc_kept *k = hc_kept_share(hc_kept_key('o', HC_S("1")),
                                            &(struct hc_kept){ .text = { big, sizeof(big) } });
    assert_true(k && k->text.n == sizeof(big));
    assert_null(hc_kept_find(hc_kept_key('o', HC_S("1"))));
    hc_kept_release(k);
    k = hc_kept_share(hc_kept_key('o', HC_S("2")), &(struct hc_kept){ .text = HC_S("small") });
    assert_ptr_equal(k, hc_kept_find(hc_kept_key('o', HC_S("2"))));
    hc_kept_release(k);
    hc_kept_limit(0);
    assert_true(hc_str_eqz(k->text, "small"));
    hc_kept_release(k);
}

static void test_a_copy_shares_nothing(void **state)
{
    (void)state;
    static const char json[] = "{\"a\":[1,\"x\",null,true],\"b\":{\"c\":{\"d\":2.5}},\"e\":\"\",\"f\":[],\"g\":{},"
                               "\"h\":1,\"i\":2,\"j\":3,\"k\":4,\"l\":5,\"m\":6,\"n\":7}";
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_arena *own = hc_arena_new(0);
    hc_kept_limit(HC_MIB);
    struct hc_kept_key key = hc_kept_key('t', HC_S("tree"));
    struct hc_val *v = tree(own, json);
    hc_kept_put(key, &(struct hc_kept){ .arena = own, .root = v });
    const struct hc_kept *k = hc_kept_find(key);
    assert_non_null(k);
    struct hc_val *copy = hc_kept_copy(a, k->root);
    hc_map_put_int(a, hc_map_getz(copy, "b"), "new", 1);
    assert_null(hc_get(k->root, "b.new"));
    hc_map_del(hc_map_getz(copy, "b"), HC_S("new"));
    hc_kept_release(k);
    hc_kept_limit(0); /* and with it the arena of the original */
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write(&b, copy, HC_JSON_GO_FLOAT);
    assert_string_equal(hc_arena_strz(a, hc_buf_str(&b)), json);
    for (size_t i = 0; i < hc_map_len(copy); i++) /* by its index, too */
        assert_ptr_equal(hc_map_get(copy, hc_map_at(copy, i)->key), hc_map_at(copy, i)->val);
}

static void test_the_oldest_goes(void **state)
{
    (void)state;
    static char big[3000];
    const struct hc_kept *first;
    hc_kept_limit(10000);
    keep_text('o', HC_S("1"), hc_str_n(big, sizeof(big)));
    keep_text('o', HC_S("2"), hc_str_n(big, sizeof(big)));
    first = hc_kept_find(hc_kept_key('o', HC_S("1"))); /* used: 2 is the oldest now */
    keep_text('o', HC_S("3"), hc_str_n(big, sizeof(big)));
    keep_text('o', HC_S("4"), hc_str_n(big, sizeof(big)));
    assert_null(hc_kept_find(hc_kept_key('o', HC_S("2"))));
    hc_kept_limit(0);
    assert_true(first && first->text.n == sizeof(big)); /* who borrowed it still has it */
    hc_kept_release(first);
    hc_kept_limit(4000);
    keep_text('o', HC_S("5"), hc_str_n(big, sizeof(big))); /* more than half of all: not worth it */
    assert_null(hc_kept_find(hc_kept_key('o', HC_S("5"))));
    hc_kept_limit(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_by_all_of_it),    cmocka_unit_test(test_keys_of_trees),
        cmocka_unit_test(test_keys_of_go_values),     cmocka_unit_test(test_keys_but_for_a_type),
        cmocka_unit_test(test_keys_of_texts),         cmocka_unit_test(test_shared_though_too_large),
        cmocka_unit_test(test_a_copy_shares_nothing), cmocka_unit_test(test_the_oldest_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
