/*
 * Versions and ranges. A bound keeps which of its parts were left out or wild ("dirty"), because every operator means
 * something of its own by them.
 */
#include "core/base/semver.h"

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool ident_char(char c)
{
    return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

/* "a.b-1.c": dot-separated parts of [0-9A-Za-z-]+ at the start of `s`; 0 when there is none. */
static size_t idents(hc_str s)
{
    size_t n = 0;
    for (;;) {
        size_t start = n;
        while (n < s.n && ident_char(s.p[n]))
            n++;
        if (n == start)
            return start ? start - 1 : 0;
        if (n == s.n || s.p[n] != '.')
            return n;
        n++;
    }
}

static size_t digits(hc_str s)
{
    size_t n = 0;
    while (n < s.n && digit(s.p[n]))
        n++;
    return n;
}

/* A part of the pre-release that is a number has no leading zero. */
static bool starts_with_zero(hc_str pre)
{
    hc_str part;
    if (!pre.n)
        return false;
    while (hc_str_split(&pre, '.', &part))
        if (part.n > 1 && part.p[0] == '0' && digits(part) == part.n)
            return true;
    return false;
}

/* -pre and +meta at the start of `s`; gives the bytes taken, SIZE_MAX when a mark has nothing behind it. */
static size_t suffixes(hc_str s, hc_str *pre, hc_str *meta)
{
    size_t n = 0;
    *pre = *meta = (hc_str){ NULL, 0 };
    if (s.n && s.p[0] == '-') {
        size_t m = idents(hc_str_sub(s, 1, s.n));
        if (!m)
            return SIZE_MAX;
        *pre = hc_str_sub(s, 1, 1 + m);
        n = 1 + m;
    }
    if (n < s.n && s.p[n] == '+') {
        size_t m = idents(hc_str_sub(s, n + 1, s.n));
        if (!m)
            return SIZE_MAX;
        *meta = hc_str_sub(s, n + 1, n + 1 + m);
        n += 1 + m;
    }
    return n;
}

enum hc_rc hc_semver_parse(hc_str text, struct hc_semver *out, struct hc_err *err)
{
    struct hc_semver v = { .original = text };
    uint64_t *const parts[] = { &v.major, &v.minor, &v.patch };
    hc_str s = text;
    if (s.n && s.p[0] == 'v')
        s = hc_str_sub(s, 1, s.n);
    for (int i = 0; i < 3; i++) {
        if (i > 0) {
            if (!s.n || s.p[0] != '.')
                break;
            s = hc_str_sub(s, 1, s.n);
        }
        size_t n = digits(s);
        if (!n || !hc_str_to_u64(hc_str_sub(s, 0, n), parts[i]))
            return hc_fail(err, HC_E_INPUT, "invalid semantic version");
        s = hc_str_sub(s, n, s.n);
    }
    if (suffixes(s, &v.pre, &v.meta) != s.n)
        return hc_fail(err, HC_E_INPUT, "invalid semantic version");
    if (starts_with_zero(v.pre))
        return hc_fail(err, HC_E_INPUT, "version segment starts with 0");
    *out = v;
    return HC_OK;
}

static int cmp_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* semver.org 11: numbers below words, fewer parts below more. */
static int cmp_pre(hc_str a, hc_str b)
{
    if (!a.n || !b.n)
        return a.n ? -1 : b.n ? 1 : 0;
    for (;;) {
        hc_str x, y;
        bool more_a = hc_str_split(&a, '.', &x), more_b = hc_str_split(&b, '.', &y);
        if (!more_a || !more_b)
            return more_a ? 1 : more_b ? -1 : 0;
        uint64_t nx, ny;
        bool is_x = hc_str_to_u64(x, &nx), is_y = hc_str_to_u64(y, &ny);
        int c = is_x && is_y ? cmp_u64(nx, ny) : is_x ? -1 : is_y ? 1 : hc_str_cmp(x, y);
        if (c)
            return c;
    }
}

int hc_semver_cmp(const struct hc_semver *a, const struct hc_semver *b)
{
    int c = cmp_u64(a->major, b->major);
    if (!c)
        c = cmp_u64(a->minor, b->minor);
    if (!c)
        c = cmp_u64(a->patch, b->patch);
    return c ? c : cmp_pre(a->pre, b->pre);
}

hc_str hc_semver_str(struct hc_arena *a, const struct hc_semver *v)
{
    return hc_arena_printf(a, "%" PRIu64 ".%" PRIu64 ".%" PRIu64 "%s%.*s%s%.*s", v->major, v->minor, v->patch,
                           v->pre.n ? "-" : "", HC_P(v->pre), v->meta.n ? "+" : "", HC_P(v->meta));
}

enum op { EQ, NE, GT, LT, GE, LE, TILDE, CARET };

struct bound {
    enum op op;
    struct hc_semver v;
    bool dirty, minor_dirty, patch_dirty;
    struct bound *next; /* and */
};

struct alternative {
    struct bound *bounds;
    bool names_pre;
    struct alternative *next; /* or */
};

struct hc_semrange {
    struct alternative *first;
};

static bool fits_tilde(const struct bound *b, const struct hc_semver *v)
{
    if (hc_semver_cmp(v, &b->v) < 0)
        return false;
    if (!b->v.major && !b->v.minor && !b->v.patch && !b->minor_dirty && !b->patch_dirty)
        return true; /* "*" and "~0.0.0" */
    return v->major == b->v.major && (v->minor == b->v.minor || b->minor_dirty);
}

static bool fits_caret(const struct bound *b, const struct hc_semver *v)
{
    if (hc_semver_cmp(v, &b->v) < 0)
        return false;
    if (b->v.major > 0 || b->minor_dirty)
        return v->major == b->v.major;
    if (v->major > b->v.major)
        return false;
    if (b->v.minor > 0 || b->patch_dirty)
        return v->minor == b->v.minor;
    if (v->minor > 0)
        return false;
    return v->patch == b->v.patch;
}

static bool fits_not(const struct bound *b, const struct hc_semver *v)
{
    if (b->dirty) {
        if (b->v.major != v->major)
            return true;
        if (b->v.minor != v->minor && !b->minor_dirty)
            return true;
        if (b->minor_dirty)
            return false;
        if (b->v.patch != v->patch && !b->patch_dirty)
            return true;
        if (b->patch_dirty)
            return (v->pre.n || b->v.pre.n) && cmp_pre(v->pre, b->v.pre) != 0;
    }
    return hc_semver_cmp(v, &b->v) != 0;
}

static bool fits(const struct bound *b, const struct hc_semver *v, bool with_pre)
{
    if (v->pre.n && !b->v.pre.n && !with_pre)
        return false;
    int c = hc_semver_cmp(v, &b->v);
    switch (b->op) {
    case EQ:
        return b->dirty ? fits_tilde(b, v) : c == 0;
    case NE:
        return fits_not(b, v);
    case GT:
        if (!b->dirty || v->major != b->v.major)
            return b->dirty ? v->major > b->v.major : c > 0;
        if (b->minor_dirty)
            return false;
        return b->patch_dirty ? v->minor > b->v.minor : c > 0;
    case LT:
        return c < 0;
    case GE:
        return c >= 0;
    case LE:
        if (!b->dirty)
            return c <= 0;
        return !(v->major > b->v.major || (v->major == b->v.major && v->minor > b->v.minor && !b->minor_dirty));
    case TILDE:
        return fits_tilde(b, v);
    case CARET:
        return fits_caret(b, v);
    }
    return false;
}

static enum op take_op(hc_str *s)
{
    static const struct {
        const char *text;
        enum op op;
    } ops[] = { { "!=", NE },   { ">=", GE },   { "=>", GE }, { "<=", LE }, { "=<", LE }, { "~>", TILDE },
                { "~", TILDE }, { "^", CARET }, { ">", GT },  { "<", LT },  { "=", EQ } };
    for (size_t i = 0; i < HC_LEN(ops); i++)
        if (hc_str_starts(*s, hc_str_of(ops[i].text))) {
            *s = hc_str_sub(*s, strlen(ops[i].text), s->n);
            return ops[i].op;
        }
    return EQ;
}

static bool wild(hc_str s)
{
    return hc_str_eqz(s, "x") || hc_str_eqz(s, "X") || hc_str_eqz(s, "*");
}

/* A version's number or a wildcard at the start of `s`. */
static size_t number(hc_str s, hc_str *out)
{
    size_t n = digits(s);
    if (!n && s.n && (*s.p == 'x' || *s.p == 'X' || *s.p == '*'))
        n = 1;
    *out = hc_str_sub(s, 0, n);
    return n;
}

/* One version of a range at the start of `s`, parts may be missing or wild. */
static bool take_version(hc_str *s, struct bound *b)
{
    hc_str part[3] = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
    hc_str at = *s;
    if (at.n && at.p[0] == 'v')
        at = hc_str_sub(at, 1, at.n);
    for (int i = 0; i < 3; i++) {
        if (i > 0) {
            hc_str next;
            if (at.n < 2 || at.p[0] != '.' || !number(hc_str_sub(at, 1, at.n), &next))
                break;
            at = hc_str_sub(at, 1, at.n);
        }
        size_t n = number(at, &part[i]);
        if (!n)
            return false;
        at = hc_str_sub(at, n, at.n);
    }
    size_t n = suffixes(at, &b->v.pre, &b->v.meta);
    if (n == SIZE_MAX)
        return false;
    *s = hc_str_sub(at, n, at.n);
    if (wild(part[0])) {
        b->dirty = true;
        return true;
    }
    if (!hc_str_to_u64(part[0], &b->v.major))
        return false;
    if (!part[1].n || wild(part[1])) {
        b->dirty = b->minor_dirty = true;
        return true;
    }
    if (!hc_str_to_u64(part[1], &b->v.minor))
        return false;
    if (!part[2].n || wild(part[2])) {
        b->dirty = b->patch_dirty = true;
        return true;
    }
    return hc_str_to_u64(part[2], &b->v.patch);
}

/* "1.2 - 1.4" at the start of `s`: two bounds. */
static bool take_span(hc_str *s, struct bound *low, struct bound *high)
{
    hc_str at = *s, before;
    *low = (struct bound){ .op = GE };
    *high = (struct bound){ .op = LE };
    if (!take_version(&at, low))
        return false;
    before = at;
    at = hc_str_trim_left(at);
    if (at.p == before.p || at.n < 2 || at.p[0] != '-' || (at.p[1] != ' ' && at.p[1] != '\t'))
        return false;
    at = hc_str_trim_left(hc_str_sub(at, 1, at.n));
    if (!take_version(&at, high))
        return false;
    *s = at;
    return true;
}

static bool add_bound(struct hc_arena *a, struct alternative *alt, const struct bound *b)
{
    struct bound *copy = HC_NEW(a, struct bound), **end = &alt->bounds;
    if (!copy)
        return false;
    *copy = *b;
    while (*end)
        end = &(*end)->next;
    *end = copy;
    alt->names_pre = alt->names_pre || b->v.pre.n > 0;
    return true;
}

static bool parse_alternative(struct hc_arena *a, hc_str s, struct alternative *alt)
{
    s = hc_str_trim(s);
    do {
        struct bound b = { 0 }, high;
        hc_str before = s;
        if (take_span(&s, &b, &high)) {
            if (!add_bound(a, alt, &b) || !add_bound(a, alt, &high))
                return false;
        } else {
            b = (struct bound){ .op = take_op(&s) };
            s = hc_str_trim_left(s);
            if (!take_version(&s, &b) || !add_bound(a, alt, &b))
                return false;
        }
        before = s;
        s = hc_str_trim_left(s);
        if (s.n && s.p[0] == ',')
            s = hc_str_trim_left(hc_str_sub(s, 1, s.n));
        else if (s.n && s.p == before.p)
            return false;
    } while (s.n);
    return true;
}

enum hc_rc hc_semrange_parse(struct hc_arena *a, hc_str text, struct hc_semrange **out, struct hc_err *err)
{
    struct hc_semrange *r = HC_NEW(a, struct hc_semrange);
    struct alternative **end = r ? &r->first : NULL;
    hc_str rest = text.p ? text : HC_S("");
    for (bool more = r != NULL; more;) {
        size_t bar = hc_str_find_str(rest, HC_S("||"));
        struct alternative *alt = HC_NEW(a, struct alternative);
        if (!alt)
            break;
        if (!parse_alternative(a, hc_str_sub(rest, 0, bar), alt) && !hc_arena_spent(a))
            return hc_fail(err, HC_E_INPUT, "improper constraint: %.*s", HC_P(text));
        *end = alt;
        end = &alt->next;
        more = bar != SIZE_MAX;
        rest = more ? hc_str_sub(rest, bar + 2, rest.n) : rest;
    }
    if (hc_arena_spent(a))
        return hc_arena_check(a, err, "version range");
    *out = r;
    return HC_OK;
}

bool hc_semrange_fits(const struct hc_semrange *r, const struct hc_semver *v)
{
    for (const struct alternative *alt = r->first; alt; alt = alt->next) {
        bool all = true;
        for (const struct bound *b = alt->bounds; b && all; b = b->next)
            all = fits(b, v, alt->names_pre);
        if (all)
            return true;
    }
    return false;
}

bool hc_semrange_names_pre(const struct hc_semrange *r)
{
    for (const struct alternative *alt = r->first; alt; alt = alt->next)
        if (alt->names_pre)
            return true;
    return false;
}
