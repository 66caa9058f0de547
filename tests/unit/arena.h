#pragma once
/*
 * tests/unit/arena.h - one arena for all tests of a program: setup and teardown of the group
 */
#include "core/base/arena.h"
#include "tests/unit/unit.h"

static struct hc_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = hc_arena_new(0);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    hc_arena_free(arena);
    return 0;
}
