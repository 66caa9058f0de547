/*
 * A list of patterns, asked from the last to the first. Each is split at its slashes and matched part by part with
 * "**" over any number of them; matching is iterative in a part and bounded over parts. A pattern that fits a folder
 * fits what is in it.
 */
#include "charts-fetch/source/sourceignore.h"

#include <ctype.h>

struct pattern {
    hc_str dir; /* where its file stands */
    hc_str *parts;
    size_t n;
    bool negated, dir_only, anywhere; /* anywhere: no slash in it, matches a name at any depth */
};

struct hc_sourceignore {
    struct hc_arena *a;
    bool lines; /* beside Git's own */
    struct pattern *patterns;
    size_t n, cap;
};

static void add_line(struct hc_sourceignore *g, hc_str dir, hc_str line)
{
    struct pattern p = { .dir = dir };
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    while (line.n && line.p[line.n - 1] == ' ' && !(line.n > 1 && line.p[line.n - 2] == '\\'))
        line.n--;
    if (!line.n || line.p[0] == '#')
        return;
    if (line.p[0] == '!') {
        p.negated = true;
        line = hc_str_sub(line, 1, line.n);
    }
    if (line.n && line.p[line.n - 1] == '/') {
        p.dir_only = true;
        line.n--;
    }
    if (!line.n)
        return;
    p.anywhere = hc_str_find(line, '/') == SIZE_MAX;
    if (line.p[0] == '/')
        line = hc_str_sub(line, 1, line.n);
    hc_str rest = line, part;
    size_t most = 1;
    for (size_t i = 0; i < line.n; i++)
        most += line.p[i] == '/';
    if (most > 64)
        return; /* deeper than any path we keep */
    p.parts = HC_NEW_N(g->a, hc_str, most);
    while (p.parts && hc_str_split(&rest, '/', &part))
        p.parts[p.n++] = hc_arena_str(g->a, part);
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 32;
        struct pattern *more = HC_NEW_N(g->a, struct pattern, cap);
        if (!more)
            return;
        if (g->n)
            memcpy(more, g->patterns, g->n * sizeof(*more));
        g->patterns = more;
        g->cap = cap;
    }
    if (p.n)
        g->patterns[g->n++] = p;
}

static void add_lines(struct hc_sourceignore *g, hc_str dir, hc_str lines)
{
    hc_str line;
    if (hc_str_starts(lines, HC_S("\xef\xbb\xbf"))) /* a mark that editors put in front */
        lines = hc_str_sub(lines, 3, lines.n);
    dir = hc_arena_str(g->a, dir);
    while (hc_str_split(&lines, '\n', &line))
        add_line(g, dir, line);
}

struct hc_sourceignore *hc_sourceignore_new(struct hc_arena *a)
{
    struct hc_sourceignore *g = HC_NEW(a, struct hc_sourceignore);
    if (!g)
        return NULL;
    g->a = a;
    add_lines(g, HC_S(""), HC_S(".git/\n.gitignore\n.gitmodules\n.gitattributes\n"));
    return g;
}

void hc_sourceignore_add(struct hc_sourceignore *g, hc_str dir, hc_str lines)
{
    size_t before = g ? g->n : 0;
    if (!g)
        return;
    add_lines(g, dir, lines);
    g->lines |= g->n > before;
}

void hc_sourceignore_end(struct hc_sourceignore *g, hc_str spec_ignore)
{
    static const char standard[] = "*.jpg\n*.jpeg\n*.gif\n*.png\n*.wmv\n*.flv\n*.tar.gz\n*.zip\n"
                                   ".github/\n.circleci/\n.travis.yml\n.gitlab-ci.yml\nappveyor.yml\n.drone.yml\n"
                                   "cloudbuild.yaml\ncodeship-services.yml\ncodeship-steps.yml\n"
                                   "**/.goreleaser.yml\n**/.sops.yaml\n**/.flux.yaml\n";
    if (spec_ignore.p)
        hc_sourceignore_add(g, HC_S(""), spec_ignore);
    if (g && !g->lines)
        add_lines(g, HC_S(""), hc_str_of(standard));
}

/* "[:digit:]" and the like, at `at`: how long it is, 0 when it is none that git knows. */
static size_t named_class(hc_str p, size_t at, char c, bool *in)
{
    static const struct {
        const char *name;
        int (*is)(int);
    } names[] = { { "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank }, { "cntrl", iscntrl },
                  { "digit", isdigit }, { "graph", isgraph }, { "lower", islower }, { "print", isprint },
                  { "punct", ispunct }, { "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit } };
    hc_str rest = hc_str_sub(p, at, p.n);
    size_t end = hc_str_starts(rest, HC_S("[:")) ? hc_str_find_str(rest, HC_S(":]")) : SIZE_MAX;
    if (end == SIZE_MAX || end < 2)
        return 0;
    for (size_t i = 0; i < HC_LEN(names); i++)
        if (hc_str_eqz(hc_str_sub(rest, 2, end), names[i].name)) {
            *in = *in || names[i].is((unsigned char)c);
            return end + 2;
        }
    return 0;
}

/* "[a-z]", "[!x]": advances *i behind the class; false when it is not closed (then nothing fits). */
static bool class_fits(hc_str p, size_t *i, char c, bool *fits)
{
    size_t at = *i + 1;
    bool negated = at < p.n && (p.p[at] == '!' || p.p[at] == '^'), in = false;
    at += negated;
    for (size_t first = at, n; at < p.n; at++) {
        if (p.p[at] == ']' && at > first) {
            *fits = in != negated && c != '/';
            *i = at + 1;
            return true;
        }
        if ((n = named_class(p, at, c, &in)) > 0) {
            at += n - 1;
            continue;
        }
        unsigned char low = (unsigned char)p.p[at], high = low;
        if (low == '\\' && at + 1 < p.n)
            low = high = (unsigned char)p.p[++at];
        if (at + 2 < p.n && p.p[at + 1] == '-' && p.p[at + 2] != ']') {
            high = (unsigned char)p.p[at + 2];
            at += 2;
            if (high == '\\' && at + 1 < p.n)
                high = (unsigned char)p.p[++at];
        }
        in = in || ((unsigned char)c >= low && (unsigned char)c <= high);
    }
    return false;
}

/* One part of a path against one part of a pattern: * ? [..] and backslash. */
static bool part_fits(hc_str p, hc_str s)
{
    size_t i = 0, j = 0, star = SIZE_MAX, from = 0;
    while (j < s.n) {
        size_t next = i;
        bool fits = false;
        if (i < p.n && p.p[i] == '*') {
            star = i++;
            from = j;
            continue;
        }
        if (i < p.n) {
            if (p.p[i] == '?') {
                fits = true;
                next = i + 1;
            } else if (p.p[i] == '[') {
                if (!class_fits(p, &next, s.p[j], &fits)) /* else next stands behind it */
                    return false;
            } else if (p.p[i] == '\\' && i + 1 == p.n) {
                return false;
            } else {
                size_t at = p.p[i] == '\\' && i + 1 < p.n ? i + 1 : i;
                fits = p.p[at] == s.p[j];
                next = at + 1;
            }
        }
        if (fits) {
            i = next;
            j++;
        } else if (star != SIZE_MAX) {
            i = star + 1;
            j = ++from;
        } else {
            return false;
        }
    }
    while (i < p.n && p.p[i] == '*')
        i++;
    return i == p.n;
}

static bool parts_fit(const hc_str *p, size_t pn, const hc_str *s, size_t sn)
{
    /* row[j]: the pattern's parts so far fit the first j parts of the path. */
    bool row[66] = { true }, next[66];
    for (size_t i = 0; i < pn; i++) {
        bool deep = hc_str_eqz(p[i], "**"), last = i + 1 == pn;
        memset(next, 0, sizeof(next));
        for (size_t j = 0; j <= sn; j++) {
            if (deep) {
                /* at the end it needs something below; elsewhere it also stands for nothing */
                for (size_t k = j + (last ? 1 : 0); row[j] && k <= sn; k++)
                    next[k] = true;
            } else if (row[j] && j < sn && part_fits(p[i], s[j])) {
                next[j + 1] = true;
            }
        }
        memcpy(row, next, sizeof(row));
    }
    return row[sn];
}

#define MAX_PARTS 65

/* The path as the pattern's file sees it, in parts. 0: it is not below it, or too deep. */
static size_t parts_below(const struct pattern *p, hc_str path, hc_str parts[MAX_PARTS])
{
    hc_str part;
    size_t n = 0;
    if (p->dir.n) {
        if (!hc_str_starts(path, p->dir) || path.n <= p->dir.n || path.p[p->dir.n] != '/')
            return 0;
        path = hc_str_sub(path, p->dir.n + 1, path.n);
    }
    while (n < MAX_PARTS && hc_str_split(&path, '/', &part))
        parts[n++] = part;
    return n == MAX_PARTS ? 0 : n;
}

/* The path, or a folder above it. */
static bool pattern_fits(const struct pattern *p, hc_str path, bool is_dir)
{
    hc_str parts[MAX_PARTS];
    size_t n = parts_below(p, path, parts);
    for (size_t k = n; k > 0; k--) {
        if (p->dir_only && k == n && !is_dir)
            continue;
        if (p->anywhere ? part_fits(p->parts[0], parts[k - 1]) : parts_fit(p->parts, p->n, parts, k))
            return true;
    }
    return false;
}

bool hc_sourceignored(const struct hc_sourceignore *g, hc_str path, bool is_dir)
{
    for (size_t k = g ? g->n : 0; k > 0; k--)
        if (pattern_fits(&g->patterns[k - 1], path, is_dir))
            return !g->patterns[k - 1].negated;
    return false;
}

/* Whether a path below `dir` may fit. */
static bool reaches_below(const struct pattern *p, hc_str dir)
{
    hc_str parts[MAX_PARTS];
    if (p->dir.n && hc_str_starts(p->dir, dir))
        return true; /* its file stands in there */
    size_t n = parts_below(p, dir, parts);
    if (p->anywhere)
        return n > 0;
    for (size_t i = 0; i < n && i < p->n; i++) {
        if (hc_str_eqz(p->parts[i], "**"))
            return true;
        if (!part_fits(p->parts[i], parts[i]))
            return false;
    }
    return n > 0;
}

bool hc_sourceignore_prunes(const struct hc_sourceignore *g, hc_str dir)
{
    for (size_t k = g ? g->n : 0; k > 0; k--) {
        const struct pattern *p = &g->patterns[k - 1];
        if (p->negated ? reaches_below(p, dir) : pattern_fits(p, dir, true))
            return !p->negated;
    }
    return false;
}
