#pragma once
/*
 * core/base/clock.h - the time of day and the time that only goes forward
 */
#include "core/base/str.h"

struct hc_arena;

int64_t hc_now_ms(void);  /* since 1970, UTC                      */
int64_t hc_now_ns(void);  /* since 1970, UTC, for record times    */
int64_t hc_boot_ms(void); /* monotonic, and goes on while the machine sleeps: how old is what we know */
int64_t hc_mono_ms(void); /* monotonic, for deadlines and timers  */
/* Processor time of this thread: what work cost, however busy the machine is. The only clock here whose look costs a
 * call of the kernel. */
uint64_t hc_thread_cpu_ns(void);
/* The pause of a back-off: `first_ms`, twice as long for each of `times`, and `most_ms` in the end. */
int64_t hc_doubled_ms(int64_t first_ms, int64_t times, int64_t most_ms);

/* "2026-01-02T15:04:05Z" (RFC 3339, seconds, UTC) and back; gives -1 for text that is no such time. */
hc_str hc_time_rfc3339(struct hc_arena *a, int64_t ms);
int64_t hc_time_parse_ms(hc_str s);
/* Go durations: "1h30m", "5m", "250ms"; -1 for text that is none. */
int64_t hc_duration_parse_ms(hc_str s);
/* Go's time.Duration.String for whole milliseconds: "1h30m0s", "5m0s", "1.5s". */
hc_str hc_duration_str(struct hc_arena *a, int64_t ms);
