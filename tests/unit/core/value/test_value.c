/*
 * The tree itself: maps with and without an index, copies, equality, paths, origins.
 */
#include "core/value/value.h"
#include "tests/unit/arena.h"

static void test_map_keeps_order_and_finds(void **state)
{
    (void)state;
    struct hc_val *m = hc_map_new(arena);
    for (int i = 0; i < 1000; i++)
        hc_map_put(arena, m, hc_arena_printf(arena, "key-%d", i), hc_int_val(arena, i));
    assert_int_equal(hc_map_len(m), 1000);
    for (int i = 0; i < 1000; i++) {
        hc_str k = hc_arena_printf(arena, "key-%d", i);
        assert_int_equal(hc_map_get(m, k)->i, i);
        assert_true(hc_str_eq(hc_map_at(m, (size_t)i)->key, k));
    }
    assert_null(hc_map_getz(m, "key-1000"));
    hc_map_put_int(arena, m, "key-5", 55);
    assert_int_equal(hc_map_len(m), 1000);
    assert_int_equal(hc_map_at(m, 5)->val->i, 55);
    for (int i = 0; i < 1000; i += 2)
        assert_true(hc_map_del(m, hc_arena_printf(arena, "key-%d", i)));
    assert_false(hc_map_del(m, HC_S("key-2")));
    assert_int_equal(hc_map_len(m), 500);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(hc_map_get(m, hc_arena_printf(arena, "key-%d", i)) != NULL, i % 2);
    assert_int_equal(hc_map_at(m, 1)->val->i, 3);
}

static void test_small_map(void **state)
{
    (void)state;
    struct hc_val *m = hc_map_new(arena);
    hc_map_put_strz(arena, m, "", "empty key");
    hc_map_put_strz(arena, m, "a", "x");
    hc_map_put_strz(arena, m, "skipped", NULL);
    hc_map_put(arena, m, HC_S("nil"), NULL);
    assert_int_equal(hc_map_len(m), 2);
    assert_string_equal(hc_map_getz(m, "")->s, "empty key");
    assert_true(hc_map_del(m, HC_S("")));
    assert_string_equal(hc_map_at(m, 0)->val->s, "x");
}

static void test_copy_shares_no_container(void **state)
{
    (void)state;
    struct hc_val *m = hc_map_new(arena), *l = hc_list_new(arena);
    for (int i = 0; i < 20; i++)
        hc_map_put_int(arena, m, hc_arena_printf(arena, "k%d", i).p, i);
    hc_list_add(arena, l, hc_map_new(arena));
    hc_map_put(arena, m, HC_S("list"), l);
    m->line = 7;
    struct hc_val *c = hc_val_copy(arena, m);
    assert_true(hc_val_equal(m, c));
    assert_int_equal(c->line, 7);
    hc_map_put_int(arena, hc_list_at(hc_map_getz(c, "list"), 0), "new", 1);
    hc_map_put_int(arena, c, "k3", 99);
    assert_int_equal(hc_map_len(hc_get(m, "list[0]")), 0);
    assert_int_equal(hc_get_int_at(m, "k3", -1), 3);
    assert_int_equal(hc_get_int_at(c, "k3", -1), 99);
    assert_false(hc_val_equal(m, c));

    struct hc_arena *other = hc_arena_new(0);
    struct hc_val *first = hc_map_new(other);
    hc_map_put_strz(other, first, "k", "text");
    struct hc_val *clone = hc_val_clone(arena, first);
    hc_arena_free(other);
    assert_string_equal(hc_get(clone, "k")->s, "text");
}

static void test_equal_numbers(void **state)
{
    (void)state;
    const struct {
        struct hc_val *x, *y;
        bool want;
    } rows[] = {
        { hc_int_val(arena, 1), hc_float_val(arena, 1.0), true },
        { hc_int_val(arena, 1), hc_float_val(arena, 1.5), false },
        { hc_int_val(arena, INT64_MAX), hc_float_val(arena, 9223372036854775808.0), false },
        { hc_uint_val(arena, (uint64_t)1 << 63), hc_float_val(arena, 9223372036854775808.0), true },
        { hc_uint_val(arena, UINT64_MAX), hc_float_val(arena, 18446744073709551616.0), false },
        { hc_uint_val(arena, 5), hc_int_val(arena, 5), true },
        { hc_int_val(arena, -1), hc_uint_val(arena, UINT64_MAX), false },
        { hc_strz_val(arena, "1"), hc_int_val(arena, 1), false },
        { hc_null_val(arena), hc_null_val(arena), true },
        { hc_null_val(arena), NULL, false },
        { hc_list_new(arena), hc_map_new(arena), false },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        assert_int_equal(hc_val_equal(rows[i].x, rows[i].y), rows[i].want);
        assert_int_equal(hc_val_equal(rows[i].y, rows[i].x), rows[i].want);
    }
}

static void test_paths(void **state)
{
    (void)state;
    struct hc_val *m = hc_map_new(arena), *l = hc_list_new(arena), *in = hc_list_new(arena);
    struct hc_val *c = hc_map_new(arena);
    hc_map_put_strz(arena, c, "image", "nginx");
    hc_map_put_bool(arena, c, "on", true);
    hc_list_add(arena, in, c);
    hc_list_add(arena, l, in);
    hc_map_put(arena, hc_map_sub(arena, m, "spec"), HC_S("nested"), l);
    assert_true(hc_str_eqz(hc_get_str_at(m, "spec.nested[0][0].image"), "nginx"));
    assert_true(hc_get_bool_at(m, "spec.nested[0][0].on", false));
    assert_null(hc_get(m, "spec.nested[1][0].image"));
    assert_null(hc_get(m, "spec.nested.x"));
    assert_null(hc_get(NULL, "a"));
    assert_int_equal(hc_get_int_at(m, "nope", 42), 42);
    int64_t i;
    assert_true(hc_get_i64(hc_float_val(arena, 3.0), &i));
    assert_int_equal(i, 3);
    assert_false(hc_get_i64(hc_float_val(arena, 3.5), &i));
    assert_false(hc_get_i64(hc_float_val(arena, 1e300), &i));
}

static void test_origins(void **state)
{
    (void)state;
    struct hc_origins *o = hc_origins_new(arena);
    for (int i = 0; i < 100; i++) {
        struct hc_origin x = { HC_LAYER_FILE, hc_arena_printf(arena, "f%d", i), { NULL, 0 } };
        assert_int_equal(hc_origins_add(o, &x), i + 1);
    }
    assert_true(hc_str_eqz(hc_origins_get(o, 100)->name, "f99"));
    assert_null(hc_origins_get(o, 0));
    assert_null(hc_origins_get(o, 101));
    struct hc_val *m = hc_map_new(arena);
    hc_map_put_int(arena, hc_map_sub(arena, m, "a"), "b", 1);
    hc_val_set_origin(m, 9);
    assert_int_equal(hc_get(m, "a.b")->origin, 9);
}

static void test_spent_arena_gives_null(void **state)
{
    (void)state;
    struct hc_arena *small = hc_arena_new(300);
    struct hc_val *m = hc_map_new(small);
    for (int i = 0; i < 100; i++)
        hc_map_put_int(small, m, "k", i);
    assert_true(hc_arena_spent(small));
    assert_null(hc_map_new(small));
    assert_null(hc_val_copy(small, m));
    hc_arena_free(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_keeps_order_and_finds),
        cmocka_unit_test(test_small_map),
        cmocka_unit_test(test_copy_shares_no_container),
        cmocka_unit_test(test_equal_numbers),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_spent_arena_gives_null),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
