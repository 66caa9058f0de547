#pragma once
/*
 * lua/funcs/paths.h - Go's package path
 */
#include "core/base/arena.h"

hc_str hc_path_clean(struct hc_arena *a, hc_str s);
/* Borrows from `s`. */
hc_str hc_path_base(hc_str s);
