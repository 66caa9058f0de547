/*
 * Memory of a program that does one job: arenas that come and go use the same bytes again, and get them zeroed.
 */
#include "core/base/arena.h"
#include "core/base/mem.h"
#include "tests/unit/unit.h"

static bool is_zero(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_blocks) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
