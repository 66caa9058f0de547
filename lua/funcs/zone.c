/*
 * Reads TZif files (RFC 8536): the 64-bit block's transitions and the rule for the years behind them. Names are
 * looked up where Go looks; what climbs out of the folder is no name.
 */
#include "lua/funcs/zone.h"
#include "lua/funcs/funcs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"

#define MAX_ZONE_BYTES 65536u /* the largest zone file has 4 KB */

struct kind {
    int32_t offset;
    bool dst;
    const char *name;
};

struct hc_zone {
    uint32_t n_at, n_kinds;
    const int64_t *at;    /* from this instant on ... */
    const uint8_t *which; /* ... this kind holds */
    const struct kind *kinds;
    const char *rule; /* POSIX TZ text, "" when there is none */
    bool fixed;       /* one offset, out of a text with no zone in it */
};

const struct hc_zone *hc_zone_fixed(struct hc_arena *a, hc_str name, int offset)
{
    struct hc_zone *z = HC_NEW(a, struct hc_zone);
    struct kind *k = HC_NEW(a, struct kind);
    char *text = hc_arena_strz(a, name);
    if (!z || !k || !text)
        return NULL;
    *k = (struct kind){ .offset = offset, .name = text };
    *z = (struct hc_zone){ .n_kinds = 1, .kinds = k, .rule = "", .fixed = true };
    return z;
}

static uint32_t be32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static int64_t be64(const char *p)
{
    return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

struct counts {
    uint32_t isut, isstd, leap, time, type, chars;
};

static bool header(hc_str s, size_t at, struct counts *n)
{
    if (s.n < at + 44 || memcmp(s.p + at, "TZif", 4) != 0)
        return false;
    const char *p = s.p + at + 20;
    *n = (struct counts){ be32(p), be32(p + 4), be32(p + 8), be32(p + 12), be32(p + 16), be32(p + 20) };
    return n->isut <= MAX_ZONE_BYTES && n->isstd <= MAX_ZONE_BYTES && n->leap <= MAX_ZONE_BYTES &&
           n->time <= MAX_ZONE_BYTES && n->type <= 256 && n->type > 0 && n->chars <= MAX_ZONE_BYTES;
}

static size_t block_size(const struct counts *n, size_t time_size)
{
    return n->time * (time_size + 1) + n->type * 6 + n->chars + n->leap * (time_size + 4) + n->isstd + n->isut;
}

static const struct hc_zone *parse(struct hc_arena *a, hc_str s)
{
    struct counts n;
    if (!header(s, 0, &n))
        return NULL;
    size_t at = 44, wide = 4;
    if (s.p[4] >= '2') { /* the block for 64 bits stands behind the first */
        at += block_size(&n, 4);
        if (!header(s, at, &n))
            return NULL;
        at += 44;
        wide = 8;
    }
    size_t end = at + block_size(&n, wide);
    if (end > s.n)
        return NULL;
    struct hc_zone *z = HC_NEW(a, struct hc_zone);
    int64_t *times = HC_NEW_N(a, int64_t, n.time + 1);
    uint8_t *which = HC_NEW_N(a, uint8_t, n.time + 1);
    struct kind *kinds = HC_NEW_N(a, struct kind, n.type);
    if (!z || !times || !which || !kinds)
        return NULL;
    const char *p = s.p + at, *names = p + n.time * (wide + 1) + n.type * 6;
    for (uint32_t i = 0; i < n.time; i++) {
        times[i] = wide == 8 ? be64(p + i * 8) : (int32_t)be32(p + i * 4);
        which[i] = (uint8_t)p[n.time * wide + i];
        if (which[i] >= n.type)
            return NULL;
    }
    p += n.time * (wide + 1);
    for (uint32_t i = 0; i < n.type; i++, p += 6) {
        uint32_t name = (unsigned char)p[5];
        if (name >= n.chars)
            return NULL;
        kinds[i] = (struct kind){ .offset = (int32_t)be32(p), .dst = p[4] != 0 };
        kinds[i].name = hc_arena_strz(a, hc_str_n(names + name, strnlen(names + name, n.chars - name)));
    }
    *z = (struct hc_zone){
        .n_at = n.time, .n_kinds = n.type, .at = times, .which = which, .kinds = kinds, .rule = ""
    };
    hc_str rest = hc_str_sub(s, end, s.n), text;
    if (wide == 8 && rest.n > 2 && rest.p[0] == '\n') {
        rest = hc_str_sub(rest, 1, rest.n);
        if (hc_str_split(&rest, '\n', &text))
            z->rule = hc_arena_strz(a, text);
    }
    return hc_arena_spent(a) ? NULL : z;
}

static hc_str read_file(struct hc_arena *a, const char *path)
{
    hc_str body = { NULL, 0 };
    (void)hc_read_file(a, AT_FDCWD, path, MAX_ZONE_BYTES, &body, NULL);
    return body;
}

static hc_str by_name(struct hc_arena *a, hc_str name)
{
    static const char *const dirs[] = { "/usr/share/zoneinfo/", "/usr/share/lib/zoneinfo/", "/etc/zoneinfo/" };
    char path[256];
    hc_str body = { NULL, 0 };
    if (name.n > 100 || memchr(name.p, '\0', name.n))
        return body;
    for (size_t i = 0; i < HC_LEN(dirs) && !body.p; i++) {
        snprintf(path, sizeof(path), "%s%.*s", dirs[i], HC_P(name));
        body = read_file(a, path);
    }
    return body;
}

hc_str hc_zone_read(struct hc_arena *a, hc_str name)
{
    if (!hc_str_eqz(name, "Local"))
        return by_name(a, name);
    const char *tz = getenv("TZ");
    if (!tz)
        return read_file(a, "/etc/localtime");
    if (*tz == ':')
        tz++;
    if (*tz == '\0')
        return (hc_str){ NULL, 0 };
    return *tz == '/' ? read_file(a, tz) : by_name(a, hc_str_of(tz));
}

/* Go refuses names that would leave the folder of zones. */
static bool bad_name(hc_str name)
{
    return name.p[0] == '/' || name.p[0] == '\\' || hc_str_find_str(name, HC_S("..")) != SIZE_MAX ||
           hc_str_find(name, '\\') != SIZE_MAX;
}

bool hc_zone_load(const struct hc_door *door, struct hc_arena *a, hc_str name, const struct hc_zone **out)
{
    *out = NULL;
    if (name.n == 0 || hc_str_eqz(name, "UTC"))
        return true;
    if (bad_name(name))
        return false;
    hc_str body = door && door->zone ? door->zone(door->ctx, a, name) : hc_zone_read(a, name);
    *out = body.n ? parse(a, body) : NULL;
    return *out != NULL || hc_str_eqz(name, "Local");
}

/* ---- POSIX rules ------------------------------------------------------------------------------------ */

static const char *rule_name(const char *p, char out[16])
{
    size_t n = 0;
    const char *from = p;
    if (*p == '<') {
        from = ++p;
        while (*p && *p != '>')
            p++;
        n = (size_t)(p - from);
        p += *p == '>';
    } else {
        while ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))
            p++;
        n = (size_t)(p - from);
    }
    n = HC_MIN(n, (size_t)15);
    memcpy(out, from, n);
    out[n] = '\0';
    return n > 0 ? p : NULL;
}

/* [+-]hh[:mm[:ss]] */
static const char *rule_time(const char *p, int *out)
{
    int sign = 1, total = 0, unit = 3600;
    if (*p == '+' || *p == '-')
        sign = *p++ == '-' ? -1 : 1;
    if (*p < '0' || *p > '9')
        return NULL;
    for (; unit > 0; unit /= 60) {
        int n = 0;
        for (int k = 0; *p >= '0' && *p <= '9' && k < 3; k++)
            n = n * 10 + (*p++ - '0');
        total += n * unit;
        if (*p != ':' || unit == 1)
            break;
        p++;
    }
    *out = sign * total;
    return p;
}

static const char *rule_number(const char *p, int *out)
{
    int n = 0;
    if (!p || *p < '0' || *p > '9')
        return NULL;
    for (int k = 0; *p >= '0' && *p <= '9' && k < 4; k++)
        n = n * 10 + (*p++ - '0');
    *out = n;
    return p;
}

static bool leap_year(int64_t y)
{
    return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
}

/* One change of the year: "M3.2.0/2", "J60", "59"; gives seconds since the year began, on a clock of that zone. */
static const char *rule_date(const char *p, int64_t year, int64_t *out)
{
    int m, week, day = 0, time = 7200;
    int64_t days;
    if (*p == 'M') {
        p = rule_number(p + 1, &m);
        if (!p || *p != '.' || !(p = rule_number(p + 1, &week)) || *p != '.' || !(p = rule_number(p + 1, &day)))
            return NULL;
        int64_t first = hc_days_from_civil(year, m, 1), next = hc_days_from_civil(year, m + 1, 1);
        int64_t weekday = ((first + 4) % 7 + 7) % 7;
        days = first + (day - weekday + 7) % 7 + (week - 1) * 7;
        while (days >= next)
            days -= 7;
        days -= hc_days_from_civil(year, 1, 1);
    } else if (*p == 'J') {
        p = rule_number(p + 1, &day);
        days = day - 1 + (leap_year(year) && day >= 60);
    } else {
        p = rule_number(p, &day);
        days = day;
    }
    if (p && *p == '/')
        p = rule_time(p + 1, &time);
    *out = days * 86400 + time;
    return p;
}

static bool by_rule(const struct hc_zone *z, int64_t sec, int *out, const char **name, bool *out_dst)
{
    char std[16], dst[16];
    int std_offset, dst_offset;
    const char *p = rule_name(z->rule, std);
    if (!p || !(p = rule_time(p, &std_offset)))
        return false;
    std_offset = -std_offset;
    bool summer = false;
    if (*p && *p != ',') {
        if (!(p = rule_name(p, dst)))
            return false;
        dst_offset = std_offset + 3600;
        if (*p && *p != ',') {
            if (!(p = rule_time(p, &dst_offset)))
                return false;
            dst_offset = -dst_offset;
        }
        if (*p == '\0')
            p = ",M3.2.0,M11.1.0";
        struct hc_civil c;
        struct hc_time t = { .sec = sec + std_offset };
        int64_t start, end;
        hc_time_civil(&t, &c);
        int64_t in_year = sec - hc_days_from_civil(c.year, 1, 1) * 86400;
        if (*p != ',' || !(p = rule_date(p + 1, c.year, &start)) || *p != ',' || !rule_date(p + 1, c.year, &end))
            return false;
        start -= std_offset;
        end -= dst_offset;
        summer = start < end ? in_year >= start && in_year < end : in_year >= start || in_year < end;
    } else {
        dst_offset = std_offset;
    }
    *out = summer ? dst_offset : std_offset;
    *name = NULL;
    *out_dst = summer;
    for (uint32_t i = z->n_kinds; i > 0 && !*name; i--) /* EDT and EPT are the same clock */
        if (z->kinds[i - 1].offset == *out && z->kinds[i - 1].dst == summer &&
            strcmp(z->kinds[i - 1].name, summer ? dst : std) == 0)
            *name = z->kinds[i - 1].name;
    return *name != NULL;
}

/* The kind before the first transition (Go: lookupFirstZone). */
static const struct kind *first_kind(const struct hc_zone *z)
{
    bool used = false;
    for (uint32_t i = 0; i < z->n_at && !used; i++)
        used = z->which[i] == 0;
    if (!used)
        return &z->kinds[0];
    if (z->n_at > 0 && z->kinds[z->which[0]].dst)
        for (int k = (int)z->which[0] - 1; k >= 0; k--)
            if (!z->kinds[k].dst)
                return &z->kinds[k];
    for (uint32_t k = 0; k < z->n_kinds; k++)
        if (!z->kinds[k].dst)
            return &z->kinds[k];
    return &z->kinds[0];
}

static int zone_at(const struct hc_zone *z, int64_t sec, const char **out_name, bool *out_dst)
{
    *out_dst = false;
    if (!z) {
        *out_name = "UTC";
        return 0;
    }
    const struct kind *k;
    if (z->n_at == 0 || sec < z->at[0]) {
        k = first_kind(z);
    } else {
        uint32_t lo = 0, hi = z->n_at;
        while (hi - lo > 1) {
            uint32_t mid = lo + (hi - lo) / 2;
            if (z->at[mid] <= sec)
                lo = mid;
            else
                hi = mid;
        }
        int offset;
        if (lo == z->n_at - 1 && z->rule[0] && by_rule(z, sec, &offset, out_name, out_dst))
            return offset;
        k = &z->kinds[z->which[lo]];
    }
    *out_name = k->name;
    *out_dst = k->dst;
    return k->offset;
}

int hc_zone_at(const struct hc_zone *z, int64_t sec, const char **out_name)
{
    bool dst;
    return zone_at(z, sec, out_name, &dst);
}

bool hc_zone_is_dst(const struct hc_zone *z, int64_t sec)
{
    const char *name;
    bool dst;
    (void)zone_at(z, sec, &name, &dst);
    return dst;
}

bool hc_zone_is_fixed(const struct hc_zone *zone, const char **out_name)
{
    if (!zone || !zone->fixed)
        return false;
    *out_name = zone->kinds[0].name;
    return true;
}

bool hc_zone_named(const struct hc_zone *z, hc_str name, int64_t local_sec, int *out_offset)
{
    const char *found;
    if (!z) {
        *out_offset = 0;
        return hc_str_eqz(name, "UTC");
    }
    for (uint32_t i = 0; i < z->n_kinds; i++) { /* one that holds at that time first */
        if (!hc_str_eqz(name, z->kinds[i].name))
            continue;
        int offset = hc_zone_at(z, local_sec - z->kinds[i].offset, &found);
        if (hc_str_eqz(name, found)) {
            *out_offset = offset;
            return true;
        }
    }
    for (uint32_t i = 0; i < z->n_kinds; i++) {
        if (hc_str_eqz(name, z->kinds[i].name)) {
            *out_offset = z->kinds[i].offset;
            return true;
        }
    }
    return false;
}
