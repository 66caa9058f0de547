/*
 * Memory of a program that does one job: arenas that come and go use the same bytes again, and get them zeroed.
 */
#include "core/base/arena.h"
#include "core/base/mem.h"
#include "tests/unit/unit.h"

static bool is_zero(const unsigned char *p, size_t n)
{
    return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

static void test_blocks(void **state)
{
    (void)state;
    hc_mem_one_job();
    HC_AUTO(hc_arena) struct hc_arena *outer = hc_arena_new(0);
    for (size_t i = 0; i < 2000; i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        size_t n = 1 + i * 37 % 20000;
        unsigned char *p = hc_arena_alloc(a, n, 1), *q = i % 100 ? p : hc_arena_alloc(outer, n, 1);
        assert_non_null(p);
        assert_non_null(q);
        assert_true(is_zero(p, n) && is_zero(q, n));
        memset(p, 0xff, n);
        memset(q, 0xff, n);
    }
    /* More than a mapping holds, in one piece and in several. */
    for (size_t mib = 1; mib <= 64; mib *= 2) {
        unsigned char *p = hc_arena_alloc(outer, mib << 20, 16);
        assert_non_null(p);
        assert_true(p[0] == 0 && p[(mib << 20) - 1] == 0);
        p[0] = p[(mib << 20) - 1] = 1;
    }
}

/* Whatever the order they go in, memory is used again: 4,000 times 100 KB fit where ten of them do. */
static void test_holes(void **state)
{
    (void)state;
    hc_mem_one_job();
    enum { HELD = 10, EACH = 100000 };
    unsigned char *held[HELD] = { NULL }, *low = NULL, *high = NULL;
    size_t size[HELD] = { 0 };
    for (size_t i = 0; i < 4000; i++) {
        size_t k = i * 7 % HELD;
        if (held[k]) {
            assert_int_equal(held[k][0], k + 1);
            assert_int_equal(held[k][size[k] - 1], k + 1);
            hc_block_free(held[k], size[k]);
        }
        size[k] = EACH - i * 31 % 9000;
        size_t dirty;
        held[k] = hc_block_new(size[k], &dirty);
        assert_non_null(held[k]);
        assert_true(dirty >= size[k] || is_zero(held[k] + dirty, size[k] - dirty));
        memset(held[k], (int)k + 1, size[k]);
        low = !low || held[k] < low ? held[k] : low;
        high = !high || held[k] > high ? held[k] : high;
    }
    assert_true((size_t)(high - low) < (size_t)2 * HELD * EACH);
    for (size_t k = 0; k < HELD; k++)
        hc_block_free(held[k], size[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_holes), cmocka_unit_test(test_blocks) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
