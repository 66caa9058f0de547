/*
 * A list of patterns, asked from the last to the first. Each is split at its slashes and matched part by part with
 * "**" over any number of them; matching is iterative in a part and bounded over parts.
 */
#include "charts-fetch/source/sourceignore.h"

struct pattern {
    hc_str dir; /* where its file stands */
    hc_str *parts;
    size_t n;
    bool negated, dir_only, anywhere; /* anywhere: no slash in it, matches a name at any depth */
};

struct hc_sourceignore {
    struct hc_arena *a;
    struct pattern *patterns;
    size_t n, cap;
};

struct hc_sourceignore *hc_sourceignore_new(struct hc_arena *a)
{
    struct hc_sourceignore *g = HC_NEW(a, struct hc_sourceignore);
    if (g)
        g->a = a;
    return g;
}

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

void hc_sourceignore_add(struct hc_sourceignore *g, hc_str dir, hc_str lines)
{
    hc_str line;
    if (!g)
        return;
    dir = hc_arena_str(g->a, dir);
    while (hc_str_split(&lines, '\n', &line))
        add_line(g, dir, line);
}

void hc_sourceignore_add_defaults(struct hc_sourceignore *g)
{
    static const char lines[] = ".git/\n.gitignore\n.gitmodules\n.gitattributes\n"
                                "*.jpg\n*.jpeg\n*.gif\n*.png\n*.wmv\n*.flv\n*.tar.gz\n*.zip\n"
                                ".github/\n.circleci/\n.travis.yml\n.gitlab-ci.yml\nappveyor.yml\n.drone.yml\n"
                                "cloudbuild.yaml\ncodeship-services.yml\ncodeship-steps.yml\n"
                                "**/.goreleaser.yml\n**/.sops.yaml\n**/.flux.yaml\n";
    hc_sourceignore_add(g, HC_S(""), hc_str_of(lines));
}

/* "[a-z]", "[!x]": advances *i behind the class; false when it is not closed (then '[' is itself). */
static bool class_fits(hc_str p, size_t *i, char c, bool *fits)
{
    size_t at = *i + 1;
    bool negated = at < p.n && (p.p[at] == '!' || p.p[at] == '^'), in = false;
    at += negated;
    for (size_t first = at; at < p.n; at++) {
        if (p.p[at] == ']' && at > first) {
            *fits = in != negated && c != '/';
            *i = at + 1;
            return true;
        }
        char low = p.p[at], high = low;
        if (low == '\\' && at + 1 < p.n)
            low = high = p.p[++at];
        if (at + 2 < p.n && p.p[at + 1] == '-' && p.p[at + 2] != ']') {
            high = p.p[at + 2];
            at += 2;
        }
        in = in || (c >= low && c <= high);
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
            } else if (p.p[i] == '[' && class_fits(p, &next, s.p[j], &fits)) {
                /* next stands behind it */
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

bool hc_sourceignored(const struct hc_sourceignore *g, hc_str path, bool is_dir)
{
    for (size_t k = g ? g->n : 0; k > 0; k--) {
        const struct pattern *p = &g->patterns[k - 1];
        hc_str rel = path, rest, part, parts[65];
        size_t n = 0;
        if (p->dir_only && !is_dir)
            continue;
        if (p->dir.n) {
            if (!hc_str_starts(path, p->dir) || path.n <= p->dir.n || path.p[p->dir.n] != '/')
                continue;
            rel = hc_str_sub(path, p->dir.n + 1, path.n);
        }
        rest = rel;
        while (n < HC_LEN(parts) && hc_str_split(&rest, '/', &part))
            parts[n++] = part;
        if (n == HC_LEN(parts))
            continue;
        bool fits = p->anywhere ? part_fits(p->parts[0], parts[n - 1]) : parts_fit(p->parts, p->n, parts, n);
        if (fits)
            return !p->negated;
    }
    return false;
}
