#pragma once
/*
 * lua/funcs/zone.h - time zones from the system's zone files
 *
 * A zone lives in the arena it was loaded into and is not changed afterwards.
 */
#include "lua/funcs/time.h"

/* The offset in seconds east of UTC, and the abbreviation, at an instant. `zone` may be NULL: UTC. */
int hc_zone_at(const struct hc_zone *zone, int64_t sec, const char **out_name);
bool hc_zone_is_dst(const struct hc_zone *zone, int64_t sec);
/* Made by hc_zone_fixed, and of what name. */
bool hc_zone_is_fixed(const struct hc_zone *zone, const char **out_name);
/* The offset of the first zone of this abbreviation, for a clock that shows `local_sec`. */
bool hc_zone_named(const struct hc_zone *zone, hc_str name, int64_t local_sec, int *out_offset);
