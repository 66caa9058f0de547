/*
 * Time as the API writes it (RFC 3339) and durations as Go writes them.
 */
#include "core/base/clock.h"

#include <time.h>

#include "core/base/arena.h"

int64_t hc_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t hc_now_ms(void)
{
    return hc_now_ns() / 1000000;
}

int64_t hc_mono_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

uint64_t hc_thread_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int64_t hc_doubled_ms(int64_t first_ms, int64_t times, int64_t most_ms)
{
    int64_t ms = HC_MIN(first_ms, most_ms);
    for (; times > 0 && ms > 0 && ms < most_ms; times--)
        ms = ms > most_ms / 2 ? most_ms : ms * 2;
    return ms;
}

int64_t hc_boot_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

hc_str hc_time_rfc3339(struct hc_arena *a, int64_t ms)
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    char text[40];
    gmtime_r(&s, &tm);
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    return hc_arena_str(a, hc_str_n(text, n));
}

static bool digits(hc_str s, size_t at, size_t n, int *out)
{
    uint64_t v;
    if (at + n > s.n || !hc_str_to_u64(hc_str_sub(s, at, at + n), &v))
        return false;
    *out = (int)v;
    return true;
}

/* Days from 1970-01-01 of a proleptic Gregorian date, by the usual era arithmetic. */
static int64_t days_of(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int64_t hc_time_parse_ms(hc_str s)
{
    int y, mo, d, h, mi, sec, oh = 0, om = 0;
    if (!digits(s, 0, 4, &y) || !digits(s, 5, 2, &mo) || !digits(s, 8, 2, &d) || !digits(s, 11, 2, &h) ||
        !digits(s, 14, 2, &mi) || !digits(s, 17, 2, &sec) || s.p[4] != '-' || s.p[7] != '-' ||
        (s.p[10] != 'T' && s.p[10] != 't') || s.p[13] != ':' || s.p[16] != ':' || mo < 1 || mo > 12 || d < 1 ||
        d > 31 || h > 23 || mi > 59 || sec > 60)
        return -1;
    size_t at = 19;
    int64_t ms = 0;
    if (at < s.n && s.p[at] == '.') {
        int64_t unit = 100;
        for (at++; at < s.n && s.p[at] >= '0' && s.p[at] <= '9'; at++, unit /= 10)
            ms += (s.p[at] - '0') * unit;
    }
    if (at + 1 == s.n && (s.p[at] == 'Z' || s.p[at] == 'z')) {
        oh = 0;
    } else if (at + 6 == s.n && (s.p[at] == '+' || s.p[at] == '-') && digits(s, at + 1, 2, &oh) &&
               digits(s, at + 4, 2, &om) && s.p[at + 3] == ':') {
        if (s.p[at] == '-')
            oh = -oh, om = -om;
    } else {
        return -1;
    }
    return ((days_of(y, mo, d) * 24 + h - oh) * 60 + mi - om) * 60000 + sec * 1000 + ms;
}

int64_t hc_duration_parse_ms(hc_str s)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = { { "ms", 1 },   { "us", 1e-3 },   { "µs", 1e-3 },    { "ns", 1e-6 },
                  { "s", 1000 }, { "m", 60000.0 }, { "h", 3600000.0 } };
    double total = 0;
    if (hc_str_eqz(s, "0"))
        return 0;
    if (s.n == 0)
        return -1;
    while (s.n) {
        double v = 0, scale = 1;
        size_t i = 0, seen = 0;
        for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++, seen++)
            v = v * 10 + (s.p[i] - '0');
        if (i < s.n && s.p[i] == '.')
            for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++, seen++)
                v += (s.p[i] - '0') * (scale /= 10);
        s = hc_str_sub(s, i, s.n);
        if (seen == 0)
            return -1;
        size_t u = 0;
        while (u < HC_LEN(units) && !hc_str_starts(s, hc_str_of(units[u].name)))
            u++;
        if (u == HC_LEN(units))
            return -1;
        s = hc_str_sub(s, strlen(units[u].name), s.n);
        total += v * units[u].ms;
        if (total > 9.2e15)
            return -1;
    }
    return (int64_t)(total + 0.5);
}

hc_str hc_duration_str(struct hc_arena *a, int64_t ms)
{
    if (ms == 0)
        return hc_arena_str(a, HC_S("0s"));
    const char *sign = ms < 0 ? "-" : "";
    uint64_t u = ms < 0 ? (uint64_t)-ms : (uint64_t)ms;
    if (u < 1000)
        return hc_arena_printf(a, "%s%" PRIu64 "ms", sign, u);
    uint64_t h = u / 3600000, m = u / 60000 % 60, s = u / 1000 % 60, f = u % 1000;
    char frac[8] = "";
    if (f) {
        frac[0] = '.';
        frac[1] = (char)('0' + f / 100);
        frac[2] = (char)('0' + f / 10 % 10);
        frac[3] = (char)('0' + f % 10);
        for (size_t n = 3; frac[n] == '0'; n--)
            frac[n] = '\0';
    }
    if (h)
        return hc_arena_printf(a, "%s%" PRIu64 "h%" PRIu64 "m%" PRIu64 "%ss", sign, h, m, s, frac);
    if (m)
        return hc_arena_printf(a, "%s%" PRIu64 "m%" PRIu64 "%ss", sign, m, s, frac);
    return hc_arena_printf(a, "%s%" PRIu64 "%ss", sign, s, frac);
}
