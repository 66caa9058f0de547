#pragma once
/*
 * helmctl/cli/words.h - what somebody may have meant who mistyped a word
 */
#include "core/base/str.h"

/* How many letters lie between two words, whatever their case; what is more than `most` is told as most + 1. */
size_t hc_cli_distance(hc_str a, hc_str b, size_t most);
/* Whether `word` is near enough to `name` to be asked for, by Helm's rule: two letters off, or its beginning. */
bool hc_cli_is_near(hc_str word, hc_str name);
