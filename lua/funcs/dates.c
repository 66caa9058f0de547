/*
 * Dates (A9) and the methods of time.Time that charts use.
 */
#include "lua/funcs/funcs_impl.h"
#include "lua/funcs/time.h"
#include "lua/funcs/zone.h"

#define SECOND 1000000000LL

static struct hc_time now(struct hc_fcall *c)
{
    int64_t ns = fn_now_ns(c);
    struct hc_time t = { .sec = ns / SECOND, .nsec = (int32_t)(ns % SECOND) };
    if (t.nsec < 0) {
        t.nsec += (int32_t)SECOND;
        t.sec--;
    }
    return t;
}

static const struct hc_zone *zone_named(struct hc_fcall *c, hc_str name)
{
    const struct hc_zone *z;
    if (name.n && !fn_work(c, STEPS_ZONE))
        return NULL;
    return hc_zone_load(c->door, c->a, name, &z) ? z : NULL; /* an unknown zone is UTC */
}

/* A time, or epoch seconds in an int, int64 or int32; anything else silently means now. */
static struct hc_time time_or_now(struct hc_fcall *c, const struct hc_val *v)
{
    const struct hc_time *t = hc_time_of(v);
    if (t)
        return *t;
    if (v && v->kind == HC_INT && (v->type == HC_GO_PLAIN || v->type == HC_GO_INT || v->type == HC_GO_INT32))
        return (struct hc_time){ .sec = v->i };
    return now(c);
}

static struct hc_time plus(struct hc_time t, int64_t ns)
{
    int64_t nsec = t.nsec + ns % SECOND, sec = ns / SECOND;
    if (nsec >= SECOND) {
        nsec -= SECOND;
        sec++;
    } else if (nsec < 0) {
        nsec += SECOND;
        sec--;
    }
    t.sec = (int64_t)((uint64_t)t.sec + (uint64_t)sec);
    t.nsec = (int32_t)nsec;
    return t;
}

/* t.Sub(u), kept within the range of a duration. */
static int64_t minus(const struct hc_time *t, const struct hc_time *u)
{
    __int128 ns = ((__int128)t->sec - u->sec) * SECOND + t->nsec - u->nsec;
    return ns > INT64_MAX ? INT64_MAX : ns < INT64_MIN ? INT64_MIN : (int64_t)ns;
}

static int cmp(const struct hc_time *t, const struct hc_time *u)
{
    if (t->sec != u->sec)
        return t->sec < u->sec ? -1 : 1;
    return t->nsec < u->nsec ? -1 : t->nsec > u->nsec;
}

FN(fn_now)
{
    (void)argv, (void)argc;
    struct hc_time t = now(c);
    t.zone = zone_named(c, HC_S("Local"));
    return fn_done(c, hc_time_val(c->a, &t), out);
}

static enum hc_rc formatted(struct hc_fcall *c, hc_str layout, const struct hc_val *date, hc_str zone,
                            struct hc_val **out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    struct hc_time t = time_or_now(c, date);
    t.zone = zone_named(c, zone);
    hc_time_format(&b, &t, layout);
    return fn_buf(c, &b, out);
}

FN(fn_date)
{
    (void)argc;
    return formatted(c, fn_s(argv[0]), argv[1], HC_S("Local"), out);
}

FN(fn_date_in_zone)
{
    (void)argc;
    return formatted(c, fn_s(argv[0]), argv[1], fn_s(argv[2]), out);
}

FN(fn_html_date)
{
    (void)argc;
    return formatted(c, HC_S("2006-01-02"), argv[0], HC_S("Local"), out);
}

FN(fn_html_date_in_zone)
{
    (void)argc;
    return formatted(c, HC_S("2006-01-02"), argv[0], fn_s(argv[1]), out);
}

static enum hc_rc modified(struct hc_fcall *c, struct hc_val *const *argv, bool must, struct hc_val **out)
{
    int64_t ns;
    const struct hc_time *t = hc_time_of(argv[1]);
    if (hc_duration_parse_ns(fn_s(argv[0]), &ns, must ? c->err : NULL) != HC_OK)
        return must ? HC_E_INPUT : fn_done(c, argv[1], out);
    struct hc_time later = plus(t ? *t : (struct hc_time){ .sec = HC_TIME_ZERO_SEC }, ns);
    return fn_done(c, hc_time_val(c->a, &later), out);
}

FN(fn_date_modify)
{
    (void)argc;
    return modified(c, argv, false, out);
}

FN(fn_must_date_modify)
{
    (void)argc;
    return modified(c, argv, true, out);
}

static enum hc_rc parsed(struct hc_fcall *c, struct hc_val *const *argv, bool must, struct hc_val **out)
{
    struct hc_time t;
    enum hc_rc rc = hc_time_parse(c->a, fn_s(argv[0]), fn_s(argv[1]), zone_named(c, HC_S("Local")), &t, c->err);
    if (rc != HC_OK) {
        if (must || rc != HC_E_INPUT)
            return rc;
        hc_err_clear(c->err);
        t = (struct hc_time){ .sec = HC_TIME_ZERO_SEC };
    }
    return fn_done(c, hc_time_val(c->a, &t), out);
}

FN(fn_to_date)
{
    (void)argc;
    return parsed(c, argv, false, out);
}

FN(fn_must_to_date)
{
    (void)argc;
    return parsed(c, argv, true, out);
}

FN(fn_unix_epoch)
{
    (void)argc;
    const struct hc_time *t = hc_time_of(argv[0]);
    return fn_done(c, hc_printf_val(c->a, "%" PRId64, t ? t->sec : (int64_t)HC_TIME_ZERO_SEC), out);
}

static enum hc_rc duration_text(struct hc_fcall *c, int64_t ns, struct hc_val **out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_duration_string(&b, ns);
    return fn_buf(c, &b, out);
}

FN(fn_ago)
{
    (void)argc;
    struct hc_time t = time_or_now(c, argv[0]), u = now(c);
    int64_t ns = minus(&u, &t), rest = ns % SECOND;
    ns -= rest;
    if (rest >= SECOND / 2)
        ns += SECOND;
    else if (rest <= -SECOND / 2)
        ns -= SECOND;
    return duration_text(c, ns, out);
}

FN(fn_duration)
{
    (void)argc;
    const struct hc_val *v = argv[0];
    int64_t n = 0;
    if (fn_is_string(v))
        fn_parse_int(fn_s(v), 10, &n);
    else if (v && v->kind == HC_INT && v->type == HC_GO_PLAIN)
        n = v->i;
    return duration_text(c, (int64_t)((uint64_t)n * (uint64_t)SECOND), out);
}

FN(fn_duration_round)
{
    (void)argc;
    static const struct {
        const char *unit;
        uint64_t seconds;
    } units[] = {
        { "y", 365 * 86400 }, { "mo", 30 * 86400 }, { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 }
    };
    const struct hc_val *v = argv[0];
    const struct hc_time *t = hc_time_of(v);
    int64_t ns = 0;
    if (fn_is_string(v)) {
        if (hc_duration_parse_ns(fn_s(v), &ns, NULL) != HC_OK)
            ns = 0;
    } else if (v && v->kind == HC_INT && v->type == HC_GO_PLAIN) {
        ns = v->i;
    } else if (t) {
        struct hc_time u = now(c);
        ns = minus(&u, t);
    }
    uint64_t u = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    for (size_t i = 0; i < HC_LEN(units); i++) {
        uint64_t unit = units[i].seconds * (uint64_t)SECOND;
        if (u > unit)
            return fn_done(c, hc_printf_val(c->a, "%" PRIu64 "%s", u / unit, units[i].unit), out);
    }
    return fn_ref(c, HC_S("0s"), out);
}

/* ---- methods ---------------------------------------------------------------------------------------- */

enum field {
    YEAR,
    MONTH,
    DAY,
    HOUR,
    MINUTE,
    SECONDS,
    NANOSECOND,
    WEEKDAY,
    YEARDAY,
    UNIX,
    UNIX_MILLI,
    UNIX_MICRO,
    UNIX_NANO
};

static struct hc_val *field_of(struct hc_arena *a, const struct hc_time *t, enum field f)
{
    struct hc_civil c;
    hc_time_civil(t, &c);
    const int64_t ints[] = { c.year, c.month, c.day, c.hour, c.minute, c.second, t->nsec, c.weekday, c.yday };
    const int64_t scale[] = { 1, 1000, 1000000, SECOND };
    if (f >= UNIX) {
        uint64_t k = (uint64_t)scale[f - UNIX];
        return hc_int_val(a, (int64_t)((uint64_t)t->sec * k + (uint64_t)t->nsec / ((uint64_t)SECOND / k)));
    }
    return fn_typed(hc_int_val(a, ints[f]), f == MONTH ? HC_GO_MONTH : f == WEEKDAY ? HC_GO_WEEKDAY : HC_GO_INT);
}

static const char *const fields[] = { "Year",      "Month",      "Day",     "Hour",    "Minute",
                                      "Second",    "Nanosecond", "Weekday", "YearDay", "Unix",
                                      "UnixMilli", "UnixMicro",  "UnixNano" };

/* Methods that take another time. */
static const char *const relations[] = { "Sub", "After", "Before", "Equal", "Compare" };

static size_t index_of(const char *const *names, size_t n, hc_str name)
{
    size_t i = 0;
    while (i < n && !hc_str_eqz(name, names[i]))
        i++;
    return i;
}

static enum hc_rc relate(struct hc_fcall *c, size_t which, const struct hc_time *t, const struct hc_time *u,
                         struct hc_val **out)
{
    int d = cmp(t, u);
    if (which == 0)
        return fn_done(c, fn_typed(hc_int_val(c->a, minus(t, u)), HC_GO_DURATION), out);
    if (which == 4)
        return fn_done(c, fn_int(c->a, d), out);
    return fn_bool(c, which == 1 ? d > 0 : which == 2 ? d < 0 : d == 0, out);
}

static enum hc_rc give(struct hc_fcall *c, const struct hc_time *t, struct hc_val **out)
{
    return fn_done(c, hc_time_val(c->a, t), out);
}

/* t.Truncate(d): since the zero time; t.Round(d) half up. */
static struct hc_time to_multiple(struct hc_time t, int64_t d, bool round)
{
    if (d <= 0)
        return t;
    __int128 ns = ((__int128)t.sec - HC_TIME_ZERO_SEC) * SECOND + t.nsec;
    __int128 rest = ns % d;
    if (rest < 0)
        rest += d;
    if (round && rest + rest >= d)
        return plus(t, (int64_t)(d - rest));
    return plus(t, (int64_t)-rest);
}

static enum hc_rc add_date(struct hc_fcall *c, const struct hc_time *t, struct hc_val *const *argv,
                           struct hc_val **out)
{
    const int64_t most = 100000000;
    int64_t y = fn_i(argv[0]), m = fn_i(argv[1]), d = fn_i(argv[2]);
    struct hc_civil now_civil;
    struct hc_time then;
    if (y > most || y < -most || m > most || m < -most || d > most || d < -most)
        return fn_fail(c, "AddDate by more than %" PRId64 " years, months or days", most);
    hc_time_civil(t, &now_civil);
    hc_time_from_civil(now_civil.year + y, now_civil.month + m, now_civil.day + d,
                       (now_civil.hour * 60LL + now_civil.minute) * 60 + now_civil.second, t->nsec, t->zone, &then);
    return give(c, &then, out);
}

/* Go calls no method with more than one result, unless the second is an error. */
static enum hc_rc several_results(struct hc_fcall *c, hc_str name, struct hc_val *const *argv, size_t argc,
                                  bool *out_is)
{
    static const struct {
        const char *name, *why;
    } methods[] = {
        { "Clock", NULL }, { "Date", NULL }, { "ISOWeek", "int" }, { "Zone", "int" }, { "ZoneBounds", "time.Time" }
    };
    for (size_t i = 0; i < HC_LEN(methods); i++) {
        if (!hc_str_eqz(name, methods[i].name))
            continue;
        *out_is = true;
        enum hc_rc rc = fn_method_args(c, name, "", argv, argc);
        if (rc != HC_OK)
            return rc;
        if (!methods[i].why)
            return fn_fail(c, "function %s has 3 return values; should be 1 or 2", methods[i].name);
        return fn_fail(c, "invalid function signature for %s: second return value should be error; is %s",
                       methods[i].name, methods[i].why);
    }
    return HC_OK;
}

/* MarshalText; in quotes MarshalJSON. */
static enum hc_rc marshal(struct hc_fcall *c, const struct hc_time *t, hc_str name, bool quotes,
                          struct hc_val **out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    struct hc_civil civil;
    hc_buf_init(&b, 0);
    hc_time_civil(t, &civil);
    if (civil.year < 0 || civil.year > 9999)
        return fn_fail(c, "Time.%.*s: year outside of range [0,9999]", HC_P(name));
    hc_buf_puts(&b, quotes ? "\"" : "");
    hc_time_format(&b, t, HC_S("2006-01-02T15:04:05.999999999Z07:00"));
    hc_buf_puts(&b, quotes ? "\"" : "");
    enum hc_rc rc = fn_buf(c, &b, out);
    if (rc == HC_OK)
        (*out)->type = HC_GO_BYTES;
    return rc;
}

enum hc_rc fn_time_method(struct hc_fcall *c, struct hc_val *recv, hc_str name, struct hc_val *const *argv,
                          size_t argc, bool *out_found, struct hc_val **out)
{
    static const struct {
        const char *name, *params;
    } rest[] = { { "Format", "s" },   { "String", "" }, { "Add", "d" },        { "AddDate", "iii" },
                 { "IsZero", "" },    { "UTC", "" },    { "Local", "" },       { "Round", "d" },
                 { "Truncate", "d" }, { "IsDST", "" },  { "MarshalText", "" }, { "MarshalJSON", "" } };
    const struct hc_time *t = recv->obj;
    struct hc_time u = *t;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    *out_found = true;
    size_t k = index_of(fields, HC_LEN(fields), name);
    enum hc_rc rc;
    if (k < HC_LEN(fields)) {
        rc = fn_method_args(c, name, "", argv, argc);
        return rc == HC_OK ? fn_done(c, field_of(c->a, t, (enum field)k), out) : rc;
    }
    k = index_of(relations, HC_LEN(relations), name);
    if (k < HC_LEN(relations)) {
        rc = fn_method_args(c, name, "T", argv, argc);
        return rc == HC_OK ? relate(c, k, t, hc_time_of(argv[0]), out) : rc;
    }
    for (k = 0; k < HC_LEN(rest) && !hc_str_eqz(name, rest[k].name); k++)
        ;
    if (k == HC_LEN(rest)) {
        *out_found = false;
        return several_results(c, name, argv, argc, out_found);
    }
    rc = fn_method_args(c, name, rest[k].params, argv, argc);
    if (rc != HC_OK)
        return rc;
    switch (k) {
    case 0:
        hc_time_format(&b, t, fn_s(argv[0]));
        return fn_buf(c, &b, out);
    case 1:
        hc_time_string(&b, t);
        return fn_buf(c, &b, out);
    case 2:
        u = plus(u, fn_i(argv[0]));
        return give(c, &u, out);
    case 3:
        return add_date(c, t, argv, out);
    case 4:
        return fn_bool(c, t->sec == HC_TIME_ZERO_SEC && t->nsec == 0, out);
    case 5:
    case 6:
        u.zone = k == 5 ? NULL : zone_named(c, HC_S("Local"));
        return give(c, &u, out);
    case 9:
        return fn_bool(c, hc_zone_is_dst(t->zone, t->sec), out);
    case 10:
    case 11:
        return marshal(c, t, name, k == 11, out);
    default:
        u = to_multiple(u, fn_i(argv[0]), k == 7);
        return give(c, &u, out);
    }
}
