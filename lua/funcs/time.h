#pragma once
/*
 * lua/funcs/time.h - Go's time.Time: an instant, the zone it is shown in, layouts
 *
 * What val->obj of a HC_GO_TIME node points to. Everything lives in the arena it was made in. Zones come from the
 * system's zone files; a name that is not there is UTC.
 */
#include "core/base/buf.h"
#include "lua/bridge/gotype.h"

struct hc_zone; /* NULL is UTC */

struct hc_time {
    int64_t sec; /* since 1970, UTC */
    int32_t nsec;
    const struct hc_zone *zone;
};

/* The zero time of Go, 1 January of the year 1. */
#define HC_TIME_ZERO_SEC (-62135596800LL)

struct hc_civil {
    int64_t year;
    int month, day, hour, minute, second; /* month and day from 1 */
    int weekday;                          /* 0: Sunday */
    int yday;                             /* from 1 */
    int offset;                           /* seconds east of UTC */
    char zone[16];                        /* "CEST", "UTC" */
};

/* time.LoadLocation: "" and "UTC" give NULL, "Local" the process's zone. False: no such zone. */
struct hc_door;
enum { STEPS_ZONE = 20000 }; /* what it costs: a file is read, for whoever charges it */
bool hc_zone_load(const struct hc_door *door, struct hc_arena *a, hc_str name, const struct hc_zone **out);
/* The bytes of the system's zone file of that name ("Local": the one TZ or /etc/localtime names); absent: none. */
hc_str hc_zone_read(struct hc_arena *a, hc_str name);
const struct hc_zone *hc_zone_fixed(struct hc_arena *a, hc_str name, int offset);
void hc_time_civil(const struct hc_time *t, struct hc_civil *out);
/* Days since 1970 of a date of the Gregorian calendar; month and day may run over. */
int64_t hc_days_from_civil(int64_t year, int64_t month, int64_t day);
/* The instant a clock in `zone` shows this; sec and nsec of `out`, which gets the zone. */
void hc_time_from_civil(int64_t year, int64_t month, int64_t day, int64_t seconds_of_day, int32_t nsec,
                        const struct hc_zone *zone, struct hc_time *out);

/* t.Format(layout). */
void hc_time_format(struct hc_buf *b, const struct hc_time *t, hc_str layout);
/* time.ParseInLocation; on failure err->msg is Go's text. */
enum hc_rc hc_time_parse(struct hc_arena *a, hc_str layout, hc_str text, const struct hc_zone *zone,
                         struct hc_time *out, struct hc_err *err);
/* t.String() without a monotonic part. */
void hc_time_string(struct hc_buf *b, const struct hc_time *t);
/* What %#v prints: time.Date(2020, time.February, 29, 0, 0, 0, 0, time.UTC) */
void hc_time_go_string(struct hc_buf *b, const struct hc_time *t);
/* RFC 3339 with nanoseconds, as JSON has it. */
void hc_time_json(struct hc_buf *b, const struct hc_time *t);
struct hc_val *hc_time_val(struct hc_arena *a, const struct hc_time *t);
/* NULL: not a time. */
static inline const struct hc_time *hc_time_of(const struct hc_val *v)
{
    return v && v->kind == HC_OBJ && v->type == HC_GO_TIME ? v->obj : NULL;
}

/* Package time's own quoting in its errors: bytes that are not ASCII as \xNN. */
void hc_time_quote(struct hc_buf *b, hc_str s);

/* time.Duration in nanoseconds: String, and ParseDuration with Go's error texts. */
void hc_duration_string(struct hc_buf *b, int64_t ns);
enum hc_rc hc_duration_parse_ns(hc_str s, int64_t *out, struct hc_err *err);
