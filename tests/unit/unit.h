#pragma once
/*
 * tests/unit/unit.h - cmocka with what it needs before it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
