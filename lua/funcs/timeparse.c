/*
 * time.ParseInLocation: the layout's elements are read off the text one by one; what does not fit is told in Go's
 * words.
 */
#include "lua/funcs/layout.h"
#include "lua/funcs/time.h"
#include "lua/funcs/zone.h"

struct parse {
    hc_str rest;
    int64_t year;
    int month, day, yday, hour, minute, second, nsec;
    bool am, pm, utc, has_offset;
    int offset;
    hc_str zone;
    const char *range; /* what is out of range */
};

static bool is_digit(hc_str s, size_t i)
{
    return i < s.n && s.p[i] >= '0' && s.p[i] <= '9';
}

static void skip(hc_str *s, size_t n)
{
    *s = hc_str_sub(*s, n, s->n);
}

/* One or two digits; exactly two when `fixed`. */
static bool number(hc_str *s, bool fixed, int *out)
{
    if (!is_digit(*s, 0) || (fixed && !is_digit(*s, 1)))
        return false;
    *out = s->p[0] - '0';
    bool two = is_digit(*s, 1);
    if (two)
        *out = *out * 10 + (s->p[1] - '0');
    skip(s, two ? 2 : 1);
    return true;
}

/* Exactly n digits. */
static bool digits(hc_str *s, size_t n, int *out)
{
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(*s, i))
            return false;
        v = v * 10 + (s->p[i] - '0');
    }
    *out = v;
    skip(s, n);
    return true;
}

static bool year_day(hc_str *s, bool fixed, int *out)
{
    size_t i = 0;
    int v = 0;
    for (; i < 3 && is_digit(*s, i); i++)
        v = v * 10 + (s->p[i] - '0');
    if (i == 0 || (fixed && i != 3))
        return false;
    *out = v;
    skip(s, i);
    return true;
}

/* A name of the list, whole or its first three letters, in any case. */
static bool lookup(hc_str *s, const char *const *names, size_t n, bool brief, int *out)
{
    for (size_t i = 0; i < n; i++) {
        hc_str name = hc_str_of(names[i]);
        if (brief)
            name.n = 3;
        if (hc_str_starts_nocase(*s, name)) {
            *out = (int)i;
            skip(s, name.n);
            return true;
        }
    }
    return false;
}

static bool in_range(struct parse *p, bool fits, const char *what)
{
    if (!fits)
        p->range = what;
    return true;
}

/* ".123": the separator and n - 1 digits, of which Go reads nine, as a number that may have a sign. */
static bool fraction(struct parse *p, size_t n)
{
    hc_str s = hc_str_sub(p->rest, 0, HC_MIN(n, (size_t)10));
    int64_t v = 0;
    if (s.p[0] != '.' && s.p[0] != ',')
        return false;
    bool sign = s.n > 1 && (s.p[1] == '-' || s.p[1] == '+');
    for (size_t i = 1 + (size_t)sign; i < s.n; i++) {
        if (!is_digit(s, i))
            return false;
        v = v * 10 + (s.p[i] - '0');
    }
    if (sign && s.p[1] == '-' && v != 0)
        return in_range(p, false, "fractional second");
    for (size_t i = s.n; i < 10; i++)
        v *= 10;
    p->nsec = (int)v;
    skip(&p->rest, n);
    return true;
}

static size_t signed_offset(hc_str s)
{
    int hours = 0;
    size_t i = 1;
    if (s.n < 2 || (s.p[0] != '-' && s.p[0] != '+'))
        return 0;
    for (; is_digit(s, i) && hours < 1000; i++)
        hours = hours * 10 + (s.p[i] - '0');
    return i == 1 || hours > 23 ? 0 : i;
}

/* How long the abbreviation of a zone at the start is; 0: there is none. */
static size_t zone_name(hc_str s)
{
    if (s.n < 3)
        return 0;
    if (hc_str_starts(s, HC_S("ChST")) || hc_str_starts(s, HC_S("MeST")))
        return 4;
    if (hc_str_starts(s, HC_S("GMT")))
        return 3 + signed_offset(hc_str_sub(s, 3, s.n));
    if (s.p[0] == '+' || s.p[0] == '-')
        return signed_offset(s);
    size_t n = 0;
    while (n < 6 && n < s.n && s.p[n] >= 'A' && s.p[n] <= 'Z')
        n++;
    if (n == 5)
        return s.p[4] == 'T' ? 5 : 0;
    if (n == 4)
        return s.p[3] == 'T' || hc_str_starts(s, HC_S("WITA")) ? 4 : 0;
    return n == 3 ? 3 : 0;
}

static bool offset(struct parse *p, enum hc_std std)
{
    hc_str s = p->rest;
    bool colon = std == STD_Z_COLON || std == STD_NUM_COLON || std == STD_Z_COLON_SECONDS ||
                 std == STD_NUM_COLON_SECONDS;
    bool brief = std == STD_Z_SHORT || std == STD_NUM_SHORT;
    bool seconds = std == STD_Z_SECONDS || std == STD_NUM_SECONDS || std == STD_Z_COLON_SECONDS ||
                   std == STD_NUM_COLON_SECONDS;
    size_t need = brief ? 3 : 5 + (size_t)colon + (seconds ? 2 + (size_t)colon : 0);
    int h, m = 0, sec = 0;
    if (s.n < need)
        return false;
    char sign = s.p[0];
    skip(&s, 1);
    if (colon && (s.p[2] != ':' || (seconds && s.p[5] != ':')))
        return false;
    if (!digits(&s, 2, &h))
        return false;
    if (colon)
        skip(&s, 1);
    if (!brief && !digits(&s, 2, &m))
        return false;
    if (seconds && colon)
        skip(&s, 1);
    if (seconds && !digits(&s, 2, &sec))
        return false;
    if (h > 24)
        p->range = "time zone offset hour";
    if (m > 60)
        p->range = "time zone offset minute";
    if (sec > 60)
        p->range = "time zone offset second";
    if (sign != '+' && sign != '-')
        return false;
    p->offset = ((h * 60 + m) * 60 + sec) * (sign == '-' ? -1 : 1);
    p->has_offset = true;
    p->rest = s;
    return true;
}

static bool second(struct parse *p, const struct hc_chunk *c, hc_str layout)
{
    if (!number(&p->rest, c->std == STD_ZERO_SECOND, &p->second))
        return false;
    if (p->second >= 60)
        return in_range(p, false, "second");
    /* a fraction may follow that the layout does not name */
    if (p->rest.n >= 2 && (p->rest.p[0] == '.' || p->rest.p[0] == ',') && is_digit(p->rest, 1)) {
        struct hc_chunk next = hc_layout_next(&layout);
        if (next.std == STD_FRACTION0 || next.std == STD_FRACTION9)
            return true;
        size_t n = 2;
        while (is_digit(p->rest, n))
            n++;
        return fraction(p, n);
    }
    return true;
}

static bool half_day(struct parse *p, const char *am, const char *pm)
{
    p->pm = hc_str_starts(p->rest, hc_str_of(pm));
    p->am = hc_str_starts(p->rest, hc_str_of(am));
    skip(&p->rest, 2);
    return p->am || p->pm;
}

static bool zone(struct parse *p)
{
    if (hc_str_starts(p->rest, HC_S("UTC"))) {
        p->utc = true;
        skip(&p->rest, 3);
        return true;
    }
    size_t n = zone_name(p->rest);
    p->zone = hc_str_sub(p->rest, 0, n);
    skip(&p->rest, n);
    return n > 0;
}

static bool element(struct parse *p, const struct hc_chunk *c, hc_str layout)
{
    hc_str *s = &p->rest;
    int n;
    switch (c->std) {
    case STD_YEAR:
        if (!digits(s, 2, &n))
            return false;
        p->year = n >= 69 ? n + 1900 : n + 2000;
        return true;
    case STD_LONG_YEAR:
        if (!digits(s, 4, &n))
            return false;
        p->year = n;
        return true;
    case STD_MONTH:
    case STD_LONG_MONTH:
        if (!lookup(s, hc_months, 12, c->std == STD_MONTH, &n))
            return false;
        p->month = n + 1;
        return true;
    case STD_NUM_MONTH:
    case STD_ZERO_MONTH:
        return number(s, c->std == STD_ZERO_MONTH, &p->month) &&
               in_range(p, p->month >= 1 && p->month <= 12, "month");
    case STD_WEEKDAY:
    case STD_LONG_WEEKDAY:
        return lookup(s, hc_weekdays, 7, c->std == STD_WEEKDAY, &n);
    case STD_UNDER_DAY:
    case STD_DAY:
    case STD_ZERO_DAY:
        if (c->std == STD_UNDER_DAY && s->n > 0 && s->p[0] == ' ')
            skip(s, 1);
        return number(s, c->std == STD_ZERO_DAY, &p->day);
    case STD_UNDER_YEARDAY:
    case STD_ZERO_YEARDAY:
        for (int i = 0; i < 2 && c->std == STD_UNDER_YEARDAY && s->n > 0 && s->p[0] == ' '; i++)
            skip(s, 1);
        return year_day(s, c->std == STD_ZERO_YEARDAY, &p->yday);
    case STD_HOUR:
        return number(s, false, &p->hour) && in_range(p, p->hour < 24, "hour");
    case STD_HOUR12:
    case STD_ZERO_HOUR12:
        return number(s, c->std == STD_ZERO_HOUR12, &p->hour) && in_range(p, p->hour <= 12, "hour");
    case STD_MINUTE:
    case STD_ZERO_MINUTE:
        return number(s, c->std == STD_ZERO_MINUTE, &p->minute) && in_range(p, p->minute < 60, "minute");
    case STD_SECOND:
    case STD_ZERO_SECOND:
        return second(p, c, layout);
    case STD_PM:
        return half_day(p, "AM", "PM");
    case STD_pm:
        return half_day(p, "am", "pm");
    case STD_TZ:
        return zone(p);
    case STD_FRACTION0:
        return s->n >= (size_t)c->digits + 1 && fraction(p, (size_t)c->digits + 1);
    case STD_FRACTION9: {
        size_t k = 1;
        if (s->n < 2 || (s->p[0] != '.' && s->p[0] != ',') || !is_digit(*s, 1))
            return true;
        while (is_digit(*s, k))
            k++;
        return fraction(p, k);
    }
    case STD_Z_TZ:
    case STD_Z_SECONDS:
    case STD_Z_SHORT:
    case STD_Z_COLON:
    case STD_Z_COLON_SECONDS:
        if (s->n > 0 && s->p[0] == 'Z') {
            skip(s, 1);
            p->utc = true;
            return true;
        }
        return offset(p, c->std);
    default:
        return offset(p, c->std);
    }
}

/* Literal text between elements: a space stands for any number of them. */
static bool literal(hc_str *s, hc_str prefix)
{
    while (prefix.n > 0) {
        if (prefix.p[0] == ' ') {
            if (s->n > 0 && s->p[0] != ' ')
                return false;
            while (prefix.n > 0 && prefix.p[0] == ' ')
                skip(&prefix, 1);
            while (s->n > 0 && s->p[0] == ' ')
                skip(s, 1);
            continue;
        }
        if (s->n == 0 || s->p[0] != prefix.p[0])
            return false;
        skip(&prefix, 1);
        skip(s, 1);
    }
    return true;
}

static enum hc_rc complain(struct hc_err *err, hc_str value, const char *what, const char *more)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_ERR_MSG * 4);
    hc_buf_puts(&b, "parsing time ");
    hc_time_quote(&b, value);
    hc_buf_puts(&b, ": ");
    hc_buf_puts(&b, what);
    hc_buf_puts(&b, more);
    return hc_fail(err, HC_E_INPUT, "%.*s", HC_P(hc_buf_str(&b)));
}

static enum hc_rc mismatch(struct hc_err *err, hc_str layout, hc_str value, hc_str element_text, hc_str rest)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_ERR_MSG * 4);
    hc_buf_puts(&b, "parsing time ");
    hc_time_quote(&b, value);
    hc_buf_puts(&b, " as ");
    hc_time_quote(&b, layout);
    hc_buf_puts(&b, ": cannot parse ");
    hc_time_quote(&b, rest);
    hc_buf_puts(&b, " as ");
    hc_time_quote(&b, element_text);
    return hc_fail(err, HC_E_INPUT, "%.*s", HC_P(hc_buf_str(&b)));
}

static int days_in(int64_t year, int month)
{
    return (int)(hc_days_from_civil(year, month + 1, 1) - hc_days_from_civil(year, month, 1));
}

/* Month and day from the day of the year. */
static const char *from_year_day(struct parse *p)
{
    int64_t january = hc_days_from_civil(p->year, 1, 1);
    int length = (int)(hc_days_from_civil(p->year + 1, 1, 1) - january), m = 1, d = p->yday;
    if (d < 1 || d > length)
        return "day-of-year out of range";
    while (d > days_in(p->year, m))
        d -= days_in(p->year, m++);
    if (p->month >= 0 && p->month != m)
        return "day-of-year does not match month";
    if (p->day >= 0 && p->day != d)
        return "day-of-year does not match day";
    p->month = m;
    p->day = d;
    return NULL;
}

static void make_time(struct hc_arena *a, const struct parse *p, const struct hc_zone *local, struct hc_time *out)
{
    int64_t clock = (p->hour * 60LL + p->minute) * 60 + p->second;
    const char *name;
    int known;
    if (p->utc) {
        hc_time_from_civil(p->year, p->month, p->day, clock, p->nsec, NULL, out);
    } else if (p->has_offset) {
        hc_time_from_civil(p->year, p->month, p->day, clock - p->offset, p->nsec, NULL, out);
        int there = hc_zone_at(local, out->sec, &name);
        out->zone = there == p->offset && (p->zone.n == 0 || hc_str_eqz(p->zone, name))
                        ? local
                        : hc_zone_fixed(a, p->zone, p->offset);
    } else if (p->zone.n > 0) {
        hc_time_from_civil(p->year, p->month, p->day, clock, p->nsec, NULL, out);
        if (hc_zone_named(local, p->zone, out->sec, &known)) {
            out->sec -= known;
            out->zone = local;
            return;
        }
        known = 0;
        if (p->zone.n > 3 && hc_str_starts(p->zone, HC_S("GMT"))) {
            int64_t hours = 0;
            hc_str_to_i64(hc_str_sub(p->zone, p->zone.p[3] == '+' ? 4 : 3, p->zone.n), &hours);
            known = (int)hours * 3600;
        }
        out->zone = hc_zone_fixed(a, p->zone, known); /* Go leaves the instant as it was read */
    } else {
        hc_time_from_civil(p->year, p->month, p->day, clock, p->nsec, local, out);
    }
}

enum hc_rc hc_time_parse(struct hc_arena *a, hc_str layout, hc_str text, const struct hc_zone *local,
                         struct hc_time *out, struct hc_err *err)
{
    struct parse p = { .rest = text, .month = -1, .day = -1, .yday = -1, .zone = { "", 0 } };
    hc_str todo = layout;
    for (;;) {
        struct hc_chunk c = hc_layout_next(&todo);
        hc_str hold = p.rest;
        if (!literal(&p.rest, c.prefix))
            return mismatch(err, layout, text, c.prefix, p.rest);
        if (c.std == STD_END) {
            if (p.rest.n == 0)
                break;
            HC_AUTO(hc_buf) struct hc_buf b;
            hc_buf_init(&b, HC_ERR_MSG * 4);
            hc_time_quote(&b, p.rest);
            hc_buf_putc(&b, '\0');
            return complain(err, text, "extra text: ", b.spent ? "" : b.p);
        }
        hold = p.rest;
        bool ok = element(&p, &c, todo);
        if (p.range)
            return complain(err, text, p.range, " out of range");
        if (!ok)
            return mismatch(err, layout, text, c.text, hold);
    }
    if (p.pm && p.hour < 12)
        p.hour += 12;
    else if (p.am && p.hour == 12)
        p.hour = 0;
    if (p.yday >= 0) {
        const char *bad = from_year_day(&p);
        if (bad)
            return complain(err, text, bad, "");
    }
    if (p.month < 0)
        p.month = 1;
    if (p.day < 0)
        p.day = 1;
    if (p.day < 1 || p.day > days_in(p.year, p.month))
        return complain(err, text, "day out of range", "");
    make_time(a, &p, local, out);
    return hc_arena_check(a, err, "a time");
}
