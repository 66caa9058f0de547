/*
 * Versions and ranges, read by hand in the shape of the library's regular expressions: whatever a version takes it
 * takes greedily, which is what those give as well. A bound keeps which of its parts were left out or wild ("dirty"),
 * because every operator means something of its own by them.
 */
#include "core/base/semver.h"

#include "core/base/buf.h"

#define MAX_VERSION    256
#define MAX_CONSTRAINT 512
#define MAX_GROUPS     32
#define MAX_PARTS      160 /* of one group: "1," takes two bytes and there are 512 */

static bool is_digit(char ch)
{
    return ch >= '0' && ch <= '9';
}

static bool is_word(char ch)
{
    return is_digit(ch) || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '-';
}

/* [0-9A-Za-z-]+(\.[0-9A-Za-z-]+)* at i; gives where it ends, `i` when it is not there. */
static size_t words(hc_str s, size_t i)
{
    size_t end = i;
    while (i < s.n && is_word(s.p[i])) {
        while (i < s.n && is_word(s.p[i]))
            i++;
        end = i;
        if (i >= s.n || s.p[i] != '.')
            break;
        i++;
    }
    return end;
}

static enum hc_rc segment(hc_str digits, uint64_t *out, struct hc_err *err)
{
    if (hc_str_to_u64(digits, out))
        return HC_OK;
    return hc_fail(err, HC_E_INPUT,
                   "error parsing version segment: strconv.ParseUint: parsing \"%.*s\": value out of "
                   "range",
                   HC_P(digits));
}

static enum hc_rc check_prerelease(hc_str s, struct hc_err *err)
{
    hc_str part;
    while (hc_str_split(&s, '.', &part)) {
        bool digits = part.n > 0;
        for (size_t i = 0; i < part.n && digits; i++)
            digits = is_digit(part.p[i]);
        if (digits && part.n > 1 && part.p[0] == '0')
            return hc_fail(err, HC_E_INPUT, "version segment starts with 0");
    }
    return HC_OK;
}

enum hc_rc hc_semver_parse(hc_str s, struct hc_semver *out, struct hc_err *err)
{
    struct hc_semver v = { .pre = { "", 0 }, .meta = { "", 0 } };
    uint64_t *const parts[] = { &v.major, &v.minor, &v.patch };
    if (s.n > MAX_VERSION)
        return hc_fail(err, HC_E_INPUT, "version string is too long (max %d bytes)", MAX_VERSION);
    size_t i = s.n > 0 && s.p[0] == 'v';
    hc_str digits[3] = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
    for (size_t k = 0; k < 3; k++) {
        size_t from = i;
        if (k > 0) {
            if (i + 1 >= s.n || s.p[i] != '.' || !is_digit(s.p[i + 1]))
                break;
            from = ++i;
        }
        while (i < s.n && is_digit(s.p[i]))
            i++;
        digits[k] = hc_str_sub(s, from, i);
    }
    if (digits[0].n == 0)
        return hc_fail(err, HC_E_INPUT, "invalid semantic version");
    if (i < s.n && s.p[i] == '-') {
        size_t end = words(s, i + 1);
        v.pre = hc_str_sub(s, i + 1, end);
        i = end > i + 1 ? end : i;
    }
    if (i < s.n && s.p[i] == '+') {
        size_t end = words(s, i + 1);
        v.meta = hc_str_sub(s, i + 1, end);
        i = end > i + 1 ? end : i;
    }
    if (i != s.n)
        return hc_fail(err, HC_E_INPUT, "invalid semantic version");
    for (size_t k = 0; k < 3; k++) {
        enum hc_rc rc = digits[k].n ? segment(digits[k], parts[k], err) : HC_OK;
        if (rc != HC_OK)
            return rc;
    }
    if (v.pre.n > 0 && check_prerelease(v.pre, err) != HC_OK)
        return HC_E_INPUT;
    v.original = s;
    *out = v;
    return HC_OK;
}

static int cmp_u64(uint64_t x, uint64_t y)
{
    return x < y ? -1 : x > y;
}

static int cmp_part(hc_str x, hc_str y)
{
    uint64_t m, n;
    if (hc_str_eq(x, y))
        return 0;
    if (x.n == 0 || y.n == 0)
        return x.n == 0 ? -1 : 1;
    bool xn = hc_str_to_u64(x, &m), yn = hc_str_to_u64(y, &n);
    if (!xn && !yn)
        return hc_str_cmp(x, y) > 0 ? 1 : -1;
    if (!yn)
        return -1;
    if (!xn)
        return 1;
    return m > n ? 1 : -1;
}

static int cmp_prerelease(hc_str x, hc_str y)
{
    for (;;) {
        hc_str p = { "", 0 }, q = { "", 0 };
        bool more_x = hc_str_split(&x, '.', &p), more_y = hc_str_split(&y, '.', &q);
        if (!more_x && !more_y)
            return 0;
        int d = cmp_part(p, q);
        if (d != 0)
            return d;
    }
}

int hc_semver_cmp(const struct hc_semver *x, const struct hc_semver *y)
{
    int d = cmp_u64(x->major, y->major);
    if (d == 0)
        d = cmp_u64(x->minor, y->minor);
    if (d == 0)
        d = cmp_u64(x->patch, y->patch);
    if (d != 0)
        return d;
    if (x->pre.n == 0 || y->pre.n == 0)
        return (x->pre.n == 0) - (y->pre.n == 0);
    return cmp_prerelease(x->pre, y->pre);
}

hc_str hc_semver_str(struct hc_arena *a, const struct hc_semver *v)
{
    return hc_arena_printf(a, "%" PRIu64 ".%" PRIu64 ".%" PRIu64 "%s%.*s%s%.*s", v->major, v->minor, v->patch,
                           v->pre.n ? "-" : "", HC_P(v->pre), v->meta.n ? "+" : "", HC_P(v->meta));
}

/* ---- constraints ------------------------------------------------------------------------------------ */

enum op { OP_TILDE_OR_EQ, OP_NE, OP_GT, OP_LT, OP_GE, OP_LE, OP_TILDE, OP_CARET };

struct constraint {
    enum op op;
    struct hc_semver con;
    bool dirty, minor_dirty, patch_dirty;
};

static bool is_space(char ch)
{
    return ch == ' ' || ch == '\t' || ch == '\n' || ch == '\f' || ch == '\r';
}

static size_t skip_space(hc_str s, size_t i)
{
    while (i < s.n && is_space(s.p[i]))
        i++;
    return i;
}

static bool is_wild(char ch)
{
    return is_digit(ch) || ch == 'x' || ch == 'X' || ch == '*' || ch == '|';
}

/* The pieces of a version with wildcards. */
struct wild {
    hc_str all, major, minor, patch, pre; /* minor and patch with their point, pre with its dash */
};

/* At i; gives where it ends, `i` when none is there. */
static size_t read_wild(hc_str s, size_t i, struct wild *out)
{
    hc_str *const parts[] = { &out->major, &out->minor, &out->patch };
    size_t start = i, from, end;
    *out = (struct wild){ .all = { "", 0 } };
    if (i < s.n && s.p[i] == 'v')
        i++;
    for (size_t k = 0; k < 3; k++) {
        from = i;
        end = i + (k > 0);
        if (k > 0 && (i >= s.n || s.p[i] != '.'))
            break;
        size_t digits = end;
        while (end < s.n && is_wild(s.p[end]))
            end++;
        if (end == digits)
            break;
        *parts[k] = hc_str_sub(s, from, end);
        i = end;
    }
    if (out->major.n == 0)
        return start;
    if (i < s.n && s.p[i] == '-' && (end = words(s, i + 1)) > i + 1) {
        out->pre = hc_str_sub(s, i, end);
        i = end;
    }
    if (i < s.n && s.p[i] == '+' && (end = words(s, i + 1)) > i + 1)
        i = end;
    out->all = hc_str_sub(s, start, i);
    return i;
}

/* "1.2 - 1.4" becomes ">= 1.2, <= 1.4 ". Absent: no memory. */
static hc_str rewrite_ranges(struct hc_arena *a, hc_str s)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, MAX_CONSTRAINT * 8);
    for (size_t i = 0; i < s.n;) {
        struct wild low, high;
        size_t at = skip_space(s, i), end = read_wild(s, at, &low), dash, to;
        if (end > at && (dash = skip_space(s, end)) > end && dash < s.n && s.p[dash] == '-' &&
            (to = skip_space(s, dash + 1)) > dash + 1 && (end = read_wild(s, to, &high)) > to) {
            hc_buf_printf(&b, ">= %.*s, <= %.*s ", HC_P(low.all), HC_P(high.all));
            i = skip_space(s, end);
        } else {
            hc_buf_putc(&b, s.p[i++]);
        }
    }
    return b.spent ? (hc_str){ NULL, 0 } : hc_buf_to_arena(&b, a);
}

static size_t read_op(hc_str s, size_t i, enum op *out)
{
    static const struct {
        const char *text;
        enum op op;
    } ops[] = { { "!=", OP_NE },   { ">=", OP_GE },    { "=>", OP_GE },        { "<=", OP_LE },
                { "=<", OP_LE },   { "~>", OP_TILDE }, { ">", OP_GT },         { "<", OP_LT },
                { "~", OP_TILDE }, { "^", OP_CARET },  { "=", OP_TILDE_OR_EQ } };
    for (size_t k = 0; k < HC_LEN(ops); k++) {
        hc_str text = hc_str_of(ops[k].text);
        if (hc_str_starts(hc_str_sub(s, i, s.n), text)) {
            *out = ops[k].op;
            return i + text.n;
        }
    }
    *out = OP_TILDE_OR_EQ;
    return i;
}

static bool is_x(hc_str s)
{
    return s.n == 1 && (s.p[0] == 'x' || s.p[0] == 'X' || s.p[0] == '*');
}

static enum hc_rc make(struct hc_arena *a, const struct wild *w, enum op op, struct constraint *out,
                       struct hc_err *err)
{
    hc_str version = w->all, minor = hc_str_sub(w->minor, 1, w->minor.n),
           patch = hc_str_sub(w->patch, 1, w->patch.n);
    *out = (struct constraint){ .op = op };
    if (is_x(w->major)) {
        version = hc_arena_printf(a, "0.0.0%.*s", HC_P(w->pre));
        out->dirty = true;
    } else if (w->minor.n == 0 || is_x(minor)) {
        version = hc_arena_printf(a, "%.*s.0.0%.*s", HC_P(w->major), HC_P(w->pre));
        out->dirty = out->minor_dirty = true;
    } else if (w->patch.n == 0 || is_x(patch)) {
        version = hc_arena_printf(a, "%.*s%.*s.0%.*s", HC_P(w->major), HC_P(w->minor), HC_P(w->pre));
        out->dirty = out->patch_dirty = true;
    }
    enum hc_rc rc = hc_semver_parse(version, &out->con, err);
    if (rc == HC_E_INPUT)
        return hc_fail(err, HC_E_INPUT, "constraint parser error");
    return rc;
}

/* The text in Go's quotes. */
static enum hc_rc improper(hc_str s, struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_ERR_MSG * 4);
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        if (ch == '"' || ch == '\\')
            hc_buf_printf(&b, "\\%c", ch);
        else if ((unsigned char)ch < ' ' || ch == 0x7f)
            hc_buf_printf(&b,
                          ch == '\n'   ? "\\n"
                          : ch == '\t' ? "\\t"
                          : ch == '\r' ? "\\r"
                                       : "\\x%02x",
                          (unsigned)ch);
        else
            hc_buf_putc(&b, ch);
    }
    return hc_fail(err, HC_E_INPUT, "improper constraint: \"%.*s\"", HC_P(hc_buf_str(&b)));
}

struct group {
    struct constraint *parts;
    size_t n;
    bool names_pre;
};

/* One side of "||": all must hold. */
static enum hc_rc read_group(struct hc_arena *a, hc_str s, struct group *out, struct hc_err *err)
{
    size_t i = skip_space(s, 0), n = 0;
    struct wild wilds[MAX_PARTS];
    enum op ops[MAX_PARTS];
    for (;;) {
        if (n == MAX_PARTS)
            return improper(s, err);
        size_t at = skip_space(s, read_op(s, i, &ops[n])), end = read_wild(s, at, &wilds[n]);
        if (end == at)
            return improper(s, err);
        n++;
        i = skip_space(s, end);
        if (i == s.n)
            break;
        if (s.p[i] == ',')
            i = skip_space(s, i + 1);
        else if (i == end)
            return improper(s, err);
    }
    *out = (struct group){ .parts = HC_NEW_N(a, struct constraint, n), .n = n };
    for (size_t k = 0; out->parts && k < n; k++) {
        enum hc_rc rc = make(a, &wilds[k], ops[k], &out->parts[k], err);
        if (rc != HC_OK)
            return rc;
        out->names_pre = out->names_pre || out->parts[k].con.pre.n > 0;
    }
    return hc_arena_check(a, err, "a version range");
}

static bool tilde(const struct hc_semver *v, const struct constraint *c)
{
    if (hc_semver_cmp(v, &c->con) < 0)
        return false;
    if (c->con.major == 0 && c->con.minor == 0 && c->con.patch == 0 && !c->minor_dirty && !c->patch_dirty)
        return true; /* ~0.0.0 and * take all */
    if (v->major != c->con.major)
        return false;
    return v->minor == c->con.minor || c->minor_dirty;
}

static bool not_equal(const struct hc_semver *v, const struct constraint *c)
{
    if (!c->dirty)
        return hc_semver_cmp(v, &c->con) != 0;
    if (c->con.major != v->major)
        return true;
    if (c->con.minor != v->minor && !c->minor_dirty)
        return true;
    if (c->minor_dirty)
        return false;
    if (c->con.patch != v->patch && !c->patch_dirty)
        return true;
    if (c->patch_dirty) {
        if (v->pre.n > 0 || c->con.pre.n > 0)
            return cmp_prerelease(v->pre, c->con.pre) != 0;
        return false;
    }
    return hc_semver_cmp(v, &c->con) != 0;
}

static bool greater(const struct hc_semver *v, const struct constraint *c)
{
    if (!c->dirty)
        return hc_semver_cmp(v, &c->con) == 1;
    if (v->major != c->con.major)
        return v->major > c->con.major;
    if (c->minor_dirty)
        return false;
    if (c->patch_dirty)
        return v->minor > c->con.minor;
    return hc_semver_cmp(v, &c->con) == 1;
}

static bool at_most(const struct hc_semver *v, const struct constraint *c)
{
    if (!c->dirty)
        return hc_semver_cmp(v, &c->con) <= 0;
    if (v->major > c->con.major)
        return false;
    return !(v->major == c->con.major && v->minor > c->con.minor && !c->minor_dirty);
}

static bool caret(const struct hc_semver *v, const struct constraint *c)
{
    if (hc_semver_cmp(v, &c->con) < 0)
        return false;
    if (c->con.major > 0 || c->minor_dirty)
        return v->major == c->con.major;
    if (v->major > 0)
        return false;
    if (c->con.minor > 0 || c->patch_dirty)
        return v->minor == c->con.minor;
    if (v->minor > 0)
        return false;
    return c->con.patch == v->patch;
}

static bool holds(const struct hc_semver *v, const struct constraint *c)
{
    switch (c->op) {
    case OP_TILDE_OR_EQ:
        return c->dirty ? tilde(v, c) : hc_semver_cmp(v, &c->con) == 0;
    case OP_NE:
        return not_equal(v, c);
    case OP_GT:
        return greater(v, c);
    case OP_LT:
        return hc_semver_cmp(v, &c->con) < 0;
    case OP_GE:
        return hc_semver_cmp(v, &c->con) >= 0;
    case OP_LE:
        return at_most(v, c);
    case OP_TILDE:
        return tilde(v, c);
    case OP_CARET:
        return caret(v, c);
    }
    return false;
}

struct hc_semrange {
    struct group *groups; /* or */
    size_t n;
};

enum hc_rc hc_semrange_parse(struct hc_arena *a, hc_str text, struct hc_semrange **out, struct hc_err *err)
{
    if (text.n > MAX_CONSTRAINT)
        return hc_fail(err, HC_E_INPUT, "constraint string is too long (max %d bytes)", MAX_CONSTRAINT);
    struct hc_semrange *r = HC_NEW(a, struct hc_semrange);
    hc_str rest = rewrite_ranges(a, text);
    struct group *groups = HC_NEW_N(a, struct group, MAX_GROUPS);
    if (hc_arena_spent(a))
        return hc_arena_check(a, err, "a version range");
    if (!r || !groups || !rest.p)
        return hc_fail_nomem(err);
    for (bool more = true; more; r->n++) {
        size_t at = hc_str_find_str(rest, HC_S("||"));
        more = at != SIZE_MAX;
        if (r->n == MAX_GROUPS)
            return hc_fail(err, HC_E_INPUT, "too many constraint groups (max %d)", MAX_GROUPS);
        struct group *g = &groups[r->n];
        enum hc_rc rc = read_group(a, more ? hc_str_sub(rest, 0, at) : rest, g, err);
        if (rc != HC_OK)
            return rc;
        if (more)
            rest = hc_str_sub(rest, at + 2, rest.n);
    }
    r->groups = groups;
    *out = r;
    return hc_arena_check(a, err, "a version range");
}

bool hc_semrange_fits(const struct hc_semrange *r, const struct hc_semver *v)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct group *g = &r->groups[i];
        bool all = v->pre.n == 0 || g->names_pre;
        for (size_t k = 0; k < g->n && all; k++)
            all = holds(v, &g->parts[k]);
        if (all)
            return true;
    }
    return false;
}

bool hc_semrange_names_pre(const struct hc_semrange *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->groups[i].names_pre)
            return true;
    return false;
}
