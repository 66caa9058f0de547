/*
 * Rules are tried in order, the first that speaks decides. What Helm calls negation is kept as it is there: "!x"
 * ignores everything that does not match x.
 */
#include "charts-fetch/chart/ignore.h"

struct rule {
    hc_str pattern;
    bool negate, folders_only, base_only;
};
struct hc_ignore {
    struct rule *rules;
    size_t n;
};

/* One character of a pattern, escapes resolved; false at its end. */
static bool next_char(hc_str *p, uint32_t *out)
{
    if (p->n && *p->p == '\\')
        *p = hc_str_sub(*p, 1, p->n);
    if (!p->n)
        return false;
    size_t len = hc_utf8_decode(*p, out);
    *p = hc_str_sub(*p, len, p->n);
    return true;
}

/* p stands behind '['; left behind ']'. 1: r is in the class, 0: it is not, -1: no class. */
static int match_class(hc_str *p, uint32_t r)
{
    bool negated = p->n && *p->p == '^', hit = false;
    if (negated)
        *p = hc_str_sub(*p, 1, p->n);
    for (size_t n = 0;; n++) {
        uint32_t lo, hi;
        if (p->n && *p->p == ']' && n > 0) {
            *p = hc_str_sub(*p, 1, p->n);
            return hit != negated;
        }
        if (!p->n || *p->p == '-' || *p->p == ']' || !next_char(p, &lo))
            return -1;
        hi = lo;
        if (p->n && *p->p == '-') {
            *p = hc_str_sub(*p, 1, p->n);
            if (!p->n || *p->p == '-' || *p->p == ']' || !next_char(p, &hi))
                return -1;
        }
        if (!p->n)
            return -1;
        hit |= lo <= r && r <= hi;
    }
}

/* One step of pattern against one character: 1 matched, 0 not, -1 no pattern. */
static int match_one(hc_str *p, uint32_t r)
{
    if (*p->p == '[') {
        *p = hc_str_sub(*p, 1, p->n);
        return match_class(p, r);
    }
    if (*p->p == '?') {
        *p = hc_str_sub(*p, 1, p->n);
        return r != '/';
    }
    uint32_t want;
    if (!next_char(p, &want))
        return -1;
    return want == r;
}

/* Up to the next star. */
static bool well_formed(hc_str p)
{
    while (p.n && *p.p != '*')
        if (match_one(&p, 0) < 0)
            return false;
    return true;
}

bool hc_path_match(hc_str pattern, hc_str name, bool *bad)
{
    hc_str p = pattern, s = name, star_p = { 0 }, star_s = { 0 };
    bool malformed = !well_formed(p);
    if (bad)
        *bad = malformed;
    if (malformed)
        return false;
    for (;;) {
        if (p.n && *p.p == '*') {
            p = hc_str_sub(p, 1, p.n);
            star_p = p;
            star_s = s;
            if (!well_formed(p)) { /* Go looks at what is behind a star when it comes there */
                if (bad)
                    *bad = true;
                return false;
            }
            continue;
        }
        if (!p.n && !s.n)
            return true;
        hc_str step = p;
        uint32_t r = 0;
        size_t len = s.n ? hc_utf8_decode(s, &r) : 0;
        if (p.n && s.n && match_one(&step, r) > 0) {
            p = step;
            s = hc_str_sub(s, len, s.n);
            continue;
        }
        /* back to the last star, which takes one character more but never a '/' */
        if (!star_p.p || !star_s.n || *star_s.p == '/')
            return false;
        star_s = hc_str_sub(star_s, hc_utf8_decode(star_s, &r), star_s.n);
        p = star_p;
        s = star_s;
    }
}

enum { MAX_LINE = 65536 }; /* bufio.MaxScanTokenSize: Helm reads no longer ones */

static enum hc_rc add_rule(struct hc_ignore *g, hc_str line, int number, struct hc_err *err)
{
    const hc_str file = HC_S(".helmignore");
    if (line.n >= MAX_LINE)
        return hc_fail_at(err, HC_E_INPUT, file, number, 0, "bufio.Scanner: token too long");
    line = hc_str_trim(line);
    if (!line.n || *line.p == '#')
        return HC_OK;
    bool bad = false;
    if (hc_str_find_str(line, HC_S("**")) != SIZE_MAX)
        return hc_fail_at(err, HC_E_INPUT, file, number, 0, "double-star (**) syntax is not supported");
    hc_path_match(line, HC_S("abc"), &bad);
    if (bad)
        return hc_fail_at(err, HC_E_INPUT, file, number, 0, "syntax error in pattern");
    struct rule r = { 0 };
    if (*line.p == '!') {
        r.negate = true;
        line = hc_str_sub(line, 1, line.n);
    }
    if (hc_str_ends(line, HC_S("/"))) {
        r.folders_only = true;
        line.n--;
    }
    if (hc_str_starts(line, HC_S("/")))
        line = hc_str_sub(line, 1, line.n);
    else
        r.base_only = hc_str_find(line, '/') == SIZE_MAX;
    r.pattern = line;
    g->rules[g->n++] = r;
    return HC_OK;
}

enum hc_rc hc_ignore_parse(struct hc_arena *a, hc_str text, struct hc_ignore **out, struct hc_err *err)
{
    size_t lines = 2;
    for (size_t i = 0; i < text.n; i++)
        lines += text.p[i] == '\n';
    struct hc_ignore *g = HC_NEW(a, struct hc_ignore);
    if (g)
        g->rules = HC_NEW_N(a, struct rule, lines);
    if (!g || !g->rules)
        return hc_arena_check(a, err, ".helmignore");
    if (hc_str_starts(text, HC_S("\xef\xbb\xbf")))
        text = hc_str_sub(text, 3, text.n);
    hc_str line;
    for (int number = 1; hc_str_split(&text, '\n', &line); number++) {
        enum hc_rc rc = add_rule(g, line, number, err);
        if (rc != HC_OK)
            return rc;
    }
    *out = g;
    return add_rule(g, HC_S("templates/.?*"), 0, err);
}

bool hc_ignored(const struct hc_ignore *g, hc_str path, bool is_folder)
{
    size_t slash = hc_str_rfind(path, '/');
    hc_str base = slash == SIZE_MAX ? path : hc_str_sub(path, slash + 1, path.n);
    for (size_t i = 0; i < g->n; i++) {
        const struct rule *r = &g->rules[i];
        bool wrong_kind = r->folders_only && !is_folder;
        if (wrong_kind && !r->negate)
            continue;
        bool hit = !wrong_kind && hc_path_match(r->pattern, r->base_only ? base : path, NULL);
        if (hit != r->negate)
            return true;
    }
    return false;
}
