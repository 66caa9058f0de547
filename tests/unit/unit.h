#pragma once
/*
 * tests/unit/unit.h - cmocka with what it needs before it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

/*
 * For loops over thousands of cases of one kind: true for all of them, and where the program is slow (HC_EVERY in the
 * environment, sanitized.sh) for each HC_EVERY-th. One counter a loop.
 */
static inline bool unit_takes(unsigned long *counter)
{
    static int every;
    if (every == 0) {
        const char *s = getenv("HC_EVERY");
        every = s && atoi(s) > 1 ? atoi(s) : 1;
    }
    return (*counter)++ % (unsigned long)every == 0;
}

/*
 * For programs whose tests are each a long story through the same code: all of them, and where the program is slow every
 * third, which is said.
 */
static inline int unit_stories(const char *name, const struct CMUnitTest *tests, size_t n, CMFixtureFunction up,
                               CMFixtureFunction down)
{
    struct CMUnitTest some[64];
    size_t taken = 0;
    const size_t step = getenv("HC_EVERY") ? 3 : 1;
    if (n > sizeof(some) / sizeof(*some)) {
        print_error("%s: more than %zu stories\n", name, sizeof(some) / sizeof(*some));
        return 1;
    }
    for (size_t i = 0; i < n; i += step)
        some[taken++] = tests[i];
    if (taken < n)
        print_message("%s: %zu of %zu stories (HC_EVERY)\n", name, taken, n);
    return _cmocka_run_group_tests(name, some, taken, up, down);
}
