/*
 * The calendar, and printing by Go's layouts. Dates are of the proleptic Gregorian calendar.
 */
#include "lua/funcs/time.h"

#include <stdio.h>

#include "lua/funcs/fmtnum.h"
#include "lua/funcs/layout.h"
#include "lua/funcs/zone.h"

const char *const hc_months[12] = { "January", "February", "March",     "April",   "May",      "June",
                                    "July",    "August",   "September", "October", "November", "December" };
const char *const hc_weekdays[7] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };

const char *hc_month_name(int64_t month)
{
    return month >= 1 && month <= 12 ? hc_months[month - 1] : "%!Month(0)";
}

const char *hc_weekday_name(int64_t day)
{
    return day >= 0 && day <= 6 ? hc_weekdays[day] : "%!Weekday(0)";
}

static int64_t floor_div(int64_t x, int64_t y)
{
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

int64_t hc_days_from_civil(int64_t year, int64_t month, int64_t day)
{
    year += floor_div(month - 1, 12);
    int64_t m = month - 1 - floor_div(month - 1, 12) * 12; /* 0 to 11 */
    int64_t y = m < 2 ? year - 1 : year;                   /* years begin in March */
    int64_t shifted = m < 2 ? m + 10 : m - 2;
    int64_t yday = (153 * shifted + 2) / 5;
    return y * 365 + floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400) + yday + day - 1 - 719468;
}

void hc_time_civil(const struct hc_time *t, struct hc_civil *out)
{
    const char *name;
    int offset = hc_zone_at(t->zone, t->sec, &name);
    int64_t days = floor_div(t->sec, 86400), rest = t->sec - days * 86400 + offset; /* the sum might not fit */
    days += floor_div(rest, 86400);
    rest -= floor_div(rest, 86400) * 86400;
    int64_t z = days + 719468, era = floor_div(z, 146097), doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *out = (struct hc_civil){ .offset = offset };
    out->day = (int)(doy - (153 * mp + 2) / 5 + 1);
    out->month = (int)(mp < 10 ? mp + 3 : mp - 9);
    out->year = yoe + era * 400 + (out->month <= 2);
    out->hour = (int)(rest / 3600);
    out->minute = (int)(rest / 60 % 60);
    out->second = (int)(rest % 60);
    out->weekday = (int)(days + 4 - floor_div(days + 4, 7) * 7);
    out->yday = (int)(days - hc_days_from_civil(out->year, 1, 1) + 1);
    snprintf(out->zone, sizeof(out->zone), "%s", name);
}

void hc_time_from_civil(int64_t year, int64_t month, int64_t day, int64_t seconds_of_day, int32_t nsec,
                        const struct hc_zone *zone, struct hc_time *out)
{
    const char *name;
    int64_t local = hc_days_from_civil(year, month, day) * 86400 + seconds_of_day;
    /* time.Date: the offset at that instant taken as UTC, then the one at the instant this gives */
    int offset = hc_zone_at(zone, local, &name);
    if (offset != 0)
        offset = hc_zone_at(zone, local - offset, &name);
    *out = (struct hc_time){ .sec = local - offset, .nsec = nsec, .zone = zone };
}

/* ---- layouts ---------------------------------------------------------------------------------------- */

static bool starts(hc_str s, size_t i, const char *z)
{
    return hc_str_starts(hc_str_sub(s, i, s.n), hc_str_of(z));
}

static bool lower_at(hc_str s, size_t i)
{
    return i < s.n && s.p[i] >= 'a' && s.p[i] <= 'z';
}

static bool digit_at(hc_str s, size_t i)
{
    return i < s.n && s.p[i] >= '0' && s.p[i] <= '9';
}

/* The element at i, and how long it is; STD_END: there is none. */
static enum hc_std element(hc_str s, size_t i, size_t *n)
{
    static const struct {
        const char *text;
        enum hc_std std;
    } zones[] = { { "-070000", STD_NUM_SECONDS },
                  { "-07:00:00", STD_NUM_COLON_SECONDS },
                  { "-0700", STD_NUM_TZ },
                  { "-07:00", STD_NUM_COLON },
                  { "-07", STD_NUM_SHORT },
                  { "Z070000", STD_Z_SECONDS },
                  { "Z07:00:00", STD_Z_COLON_SECONDS },
                  { "Z0700", STD_Z_TZ },
                  { "Z07:00", STD_Z_COLON },
                  { "Z07", STD_Z_SHORT } };
    static const enum hc_std zeros[] = { STD_ZERO_MONTH,  STD_ZERO_DAY,    STD_ZERO_HOUR12,
                                         STD_ZERO_MINUTE, STD_ZERO_SECOND, STD_YEAR };
#define GIVE(len, std) return *n = (len), (std)
    switch (s.p[i]) {
    case 'J':
        if (starts(s, i, "January"))
            GIVE(7, STD_LONG_MONTH);
        if (starts(s, i, "Jan") && !lower_at(s, i + 3))
            GIVE(3, STD_MONTH);
        break;
    case 'M':
        if (starts(s, i, "Monday"))
            GIVE(6, STD_LONG_WEEKDAY);
        if (starts(s, i, "Mon") && !lower_at(s, i + 3))
            GIVE(3, STD_WEEKDAY);
        if (starts(s, i, "MST"))
            GIVE(3, STD_TZ);
        break;
    case '0':
        if (i + 1 < s.n && s.p[i + 1] >= '1' && s.p[i + 1] <= '6')
            GIVE(2, zeros[s.p[i + 1] - '1']);
        if (starts(s, i, "002"))
            GIVE(3, STD_ZERO_YEARDAY);
        break;
    case '1':
        if (starts(s, i, "15"))
            GIVE(2, STD_HOUR);
        GIVE(1, STD_NUM_MONTH);
    case '2':
        if (starts(s, i, "2006"))
            GIVE(4, STD_LONG_YEAR);
        GIVE(1, STD_DAY);
    case '_':
        if (starts(s, i, "_2") && !starts(s, i, "_2006"))
            GIVE(2, STD_UNDER_DAY);
        if (starts(s, i, "__2"))
            GIVE(3, STD_UNDER_YEARDAY);
        break;
    case '3':
        GIVE(1, STD_HOUR12);
    case '4':
        GIVE(1, STD_MINUTE);
    case '5':
        GIVE(1, STD_SECOND);
    case 'P':
        if (starts(s, i, "PM"))
            GIVE(2, STD_PM);
        break;
    case 'p':
        if (starts(s, i, "pm"))
            GIVE(2, STD_pm);
        break;
    case '-':
    case 'Z':
        for (size_t k = 0; k < HC_LEN(zones); k++)
            if (starts(s, i, zones[k].text))
                GIVE(strlen(zones[k].text), zones[k].std);
        break;
    case '.':
    case ',':
        if (i + 1 < s.n && (s.p[i + 1] == '0' || s.p[i + 1] == '9')) {
            size_t j = i + 1;
            while (j < s.n && s.p[j] == s.p[i + 1])
                j++;
            if (!digit_at(s, j))
                GIVE(j - i, s.p[i + 1] == '0' ? STD_FRACTION0 : STD_FRACTION9);
        }
        break;
    default:
        break;
    }
#undef GIVE
    return STD_END;
}

struct hc_chunk hc_layout_next(hc_str *layout)
{
    hc_str s = *layout;
    struct hc_chunk c = { .prefix = s, .text = { "", 0 } };
    for (size_t i = 0; i < s.n; i++) {
        size_t n = 0;
        c.std = element(s, i, &n);
        if (c.std == STD_END)
            continue;
        c.prefix = hc_str_sub(s, 0, i);
        c.text = hc_str_sub(s, i, i + n);
        if (c.std == STD_FRACTION0 || c.std == STD_FRACTION9) {
            c.separator = s.p[i];
            c.digits = (int)n - 1;
        }
        *layout = hc_str_sub(s, i + n, s.n);
        return c;
    }
    c.std = STD_END;
    *layout = hc_str_sub(s, s.n, s.n);
    return c;
}

static void put_offset(struct hc_buf *b, enum hc_std std, int offset)
{
    bool z = std >= STD_Z_TZ && std <= STD_Z_COLON_SECONDS;
    if (z && offset == 0) {
        hc_buf_putc(b, 'Z');
        return;
    }
    int zone = offset / 60, seconds = offset < 0 ? -offset : offset;
    hc_buf_putc(b, zone < 0 ? '-' : '+');
    if (zone < 0)
        zone = -zone;
    bool colon = std == STD_Z_COLON || std == STD_Z_COLON_SECONDS || std == STD_NUM_COLON ||
                 std == STD_NUM_COLON_SECONDS;
    hc_buf_printf(b, "%02d", zone / 60);
    if (std == STD_Z_SHORT || std == STD_NUM_SHORT)
        return;
    hc_buf_printf(b, colon ? ":%02d" : "%02d", zone % 60);
    if (std == STD_Z_SECONDS || std == STD_NUM_SECONDS)
        hc_buf_printf(b, "%02d", seconds % 60);
    if (std == STD_Z_COLON_SECONDS || std == STD_NUM_COLON_SECONDS)
        hc_buf_printf(b, ":%02d", seconds % 60);
}

static void put_fraction(struct hc_buf *b, const struct hc_chunk *c, int32_t nsec)
{
    char text[16];
    int n = HC_MIN(c->digits, 9);
    snprintf(text, sizeof(text), "%09d", (int)nsec);
    if (c->std == STD_FRACTION9) {
        while (n > 0 && text[n - 1] == '0')
            n--;
        if (n == 0)
            return;
    }
    hc_buf_putc(b, c->separator);
    hc_buf_put(b, hc_str_n(text, (size_t)n));
    if (c->std == STD_FRACTION0 && c->digits > 9)
        hc_buf_fill(b, '0', (size_t)c->digits - 9);
}

static void put_element(struct hc_buf *b, const struct hc_chunk *c, const struct hc_civil *t, int32_t nsec)
{
    int hour12 = t->hour % 12 == 0 ? 12 : t->hour % 12;
    switch (c->std) {
    case STD_LONG_MONTH:
        hc_buf_puts(b, hc_months[t->month - 1]);
        break;
    case STD_MONTH:
        hc_buf_put(b, hc_str_n(hc_months[t->month - 1], 3));
        break;
    case STD_NUM_MONTH:
        hc_buf_printf(b, "%d", t->month);
        break;
    case STD_ZERO_MONTH:
        hc_buf_printf(b, "%02d", t->month);
        break;
    case STD_LONG_WEEKDAY:
        hc_buf_puts(b, hc_weekdays[t->weekday]);
        break;
    case STD_WEEKDAY:
        hc_buf_put(b, hc_str_n(hc_weekdays[t->weekday], 3));
        break;
    case STD_DAY:
        hc_buf_printf(b, "%d", t->day);
        break;
    case STD_UNDER_DAY:
        hc_buf_printf(b, "%2d", t->day);
        break;
    case STD_ZERO_DAY:
        hc_buf_printf(b, "%02d", t->day);
        break;
    case STD_UNDER_YEARDAY:
        hc_buf_printf(b, "%3d", t->yday);
        break;
    case STD_ZERO_YEARDAY:
        hc_buf_printf(b, "%03d", t->yday);
        break;
    case STD_HOUR:
        hc_buf_printf(b, "%02d", t->hour);
        break;
    case STD_HOUR12:
        hc_buf_printf(b, "%d", hour12);
        break;
    case STD_ZERO_HOUR12:
        hc_buf_printf(b, "%02d", hour12);
        break;
    case STD_MINUTE:
        hc_buf_printf(b, "%d", t->minute);
        break;
    case STD_ZERO_MINUTE:
        hc_buf_printf(b, "%02d", t->minute);
        break;
    case STD_SECOND:
        hc_buf_printf(b, "%d", t->second);
        break;
    case STD_ZERO_SECOND:
        hc_buf_printf(b, "%02d", t->second);
        break;
    case STD_LONG_YEAR:
        hc_buf_printf(b, t->year < 0 ? "-%04" PRId64 : "%04" PRId64, t->year < 0 ? -t->year : t->year);
        break;
    case STD_YEAR:
        hc_buf_printf(b, "%02d", (int)((t->year < 0 ? -t->year : t->year) % 100));
        break;
    case STD_PM:
        hc_buf_puts(b, t->hour >= 12 ? "PM" : "AM");
        break;
    case STD_pm:
        hc_buf_puts(b, t->hour >= 12 ? "pm" : "am");
        break;
    case STD_TZ:
        if (t->zone[0])
            hc_buf_puts(b, t->zone);
        else
            put_offset(b, STD_NUM_TZ, t->offset);
        break;
    case STD_FRACTION0:
    case STD_FRACTION9:
        put_fraction(b, c, nsec);
        break;
    case STD_END:
        break;
    default:
        put_offset(b, c->std, t->offset);
    }
}

void hc_time_format(struct hc_buf *b, const struct hc_time *t, hc_str layout)
{
    struct hc_civil civil;
    hc_time_civil(t, &civil);
    while (layout.n > 0) {
        struct hc_chunk c = hc_layout_next(&layout);
        hc_buf_put(b, c.prefix);
        put_element(b, &c, &civil, t->nsec);
    }
}

void hc_time_string(struct hc_buf *b, const struct hc_time *t)
{
    hc_time_format(b, t, HC_S("2006-01-02 15:04:05.999999999 -0700 MST"));
}

void hc_time_go_string(struct hc_buf *b, const struct hc_time *t)
{
    struct hc_civil c;
    const char *name;
    hc_time_civil(t, &c);
    hc_buf_printf(b, "time.Date(%" PRId64 ", time.%s, %d, %d, %d, %d, %d, ", c.year, hc_month_name(c.month), c.day,
                  c.hour, c.minute, c.second, t->nsec);
    if (!t->zone) {
        hc_buf_puts(b, "time.UTC)");
    } else if (hc_zone_is_fixed(t->zone, &name)) {
        hc_buf_puts(b, "time.Location(");
        hc_time_quote(b, hc_str_of(name));
        hc_buf_puts(b, "))");
    } else {
        hc_buf_puts(b, "time.Local)");
    }
}

void hc_time_json(struct hc_buf *b, const struct hc_time *t)
{
    hc_time_format(b, t, HC_S("2006-01-02T15:04:05.999999999Z07:00"));
}

struct hc_val *hc_time_val(struct hc_arena *a, const struct hc_time *t)
{
    struct hc_val *v = hc_null_val(a);
    struct hc_time *own = HC_NEW(a, struct hc_time);
    if (!v || !own)
        return NULL;
    *own = *t;
    v->kind = HC_OBJ;
    v->type = HC_GO_TIME;
    v->obj = own;
    return v;
}
