#pragma once
/*
 * lua/funcs/layout.h - Go's reference-time layouts, cut into their elements
 */
#include "core/base/str.h"

enum hc_std {
    STD_END,
    STD_LONG_MONTH,
    STD_MONTH,
    STD_NUM_MONTH,
    STD_ZERO_MONTH,
    STD_LONG_WEEKDAY,
    STD_WEEKDAY,
    STD_DAY,
    STD_UNDER_DAY,
    STD_ZERO_DAY,
    STD_UNDER_YEARDAY,
    STD_ZERO_YEARDAY,
    STD_HOUR,
    STD_HOUR12,
    STD_ZERO_HOUR12,
    STD_MINUTE,
    STD_ZERO_MINUTE,
    STD_SECOND,
    STD_ZERO_SECOND,
    STD_LONG_YEAR,
    STD_YEAR,
    STD_PM,
    STD_pm,
    STD_TZ,
    STD_Z_TZ,      /* Z0700 */
    STD_Z_SECONDS, /* Z070000 */
    STD_Z_SHORT,   /* Z07 */
    STD_Z_COLON,   /* Z07:00 */
    STD_Z_COLON_SECONDS,
    STD_NUM_TZ, /* -0700 */
    STD_NUM_SECONDS,
    STD_NUM_SHORT,
    STD_NUM_COLON,
    STD_NUM_COLON_SECONDS,
    STD_FRACTION0, /* .000: always printed */
    STD_FRACTION9, /* .999: trailing zeros dropped */
};

struct hc_chunk {
    hc_str prefix; /* literal text before the element */
    enum hc_std std;
    hc_str text;    /* the element as the layout has it */
    int digits;     /* of a fraction */
    char separator; /* of a fraction */
};

/* Cuts the next element off `layout`. STD_END: the rest is all prefix. */
struct hc_chunk hc_layout_next(hc_str *layout);
extern const char *const hc_months[12], *const hc_weekdays[7];
