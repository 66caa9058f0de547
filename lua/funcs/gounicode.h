#pragma once
/*
 * lua/funcs/gounicode.h - the character classes and simple case mappings of Go's package unicode
 *
 * Unicode 15.0.0, as in Go 1.26. Read-only tables: any thread.
 */
#include "core/base/str.h"

enum hc_rune_class {
    HC_RUNE_PRINT = 1, /* unicode.IsPrint: letters, marks, numbers, punctuation, symbols, ASCII space */
    HC_RUNE_LETTER = 2,
    HC_RUNE_UPPER = 4,
    HC_RUNE_LOWER = 8,
    HC_RUNE_TITLE = 16,
    HC_RUNE_NUMBER = 32,
    HC_RUNE_PUNCT = 64,
    HC_RUNE_SPACE = 128, /* White_Space */
    HC_RUNE_DIGIT = 256, /* Nd */
};
/* The classes `r` is in; 0 for what is no code point. */
unsigned hc_rune_class(uint32_t r);
static inline bool hc_rune_is(uint32_t r, unsigned any_of)
{
    return (hc_rune_class(r) & any_of) != 0;
}
uint32_t hc_rune_upper(uint32_t r);
uint32_t hc_rune_lower(uint32_t r);
uint32_t hc_rune_title(uint32_t r);
