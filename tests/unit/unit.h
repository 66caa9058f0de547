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
