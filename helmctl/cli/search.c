/*
 * helmctl search: charts in the cached indexes of Helm's list of repositories (pkg/cmd/search_repo.go), or in a hub that
 * answers as Artifact Hub does (search_hub.go). The cache is what `repo update` left there; nothing is fetched for `repo`.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "charts-fetch/chart/chart.h"
#include "charts-fetch/source/index.h"
#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/base/scrub.h"
#include "core/base/semver.h"
#include "core/value/json.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/helmhome.h"
#include "helmctl/cli/release.h"
#include "lua/funcs/regex.h"

static const char about[] =
    "Looks for charts by a keyword: in name, description and keywords.\n"
    "\n"
    "  helmctl search repo [KEYWORD]        in the repositories of `helmctl repo list`, as they were when\n"
    "                                       they were last updated\n"
    "  helmctl search repo web --versions --version '>=1.2'\n"
    "  helmctl search hub KEYWORD            in Artifact Hub, or in --endpoint\n"
    "\n"
    "Output and exit code are those of `helm search` (Helm 4.3).";

enum { MAX_SCORE = 25, /* pkg/cmd/search_repo.go: searchMaxScore */ MAX_HITS = 1000000 };

struct hit {
    hc_str name, version, app_version, description;
    struct hc_semver v;
    size_t score;
};

struct search {
    struct hc_arena *a;
    const struct hc_globals *g;
    const char *output, *version, *endpoint;
    bool regexp, versions, devel, fail_empty, repo_url;
    int64_t width;
    hc_str term;            /* of a literal search: lower case */
    struct hc_regex *regex; /* NULL: literal, or all */
    bool all;
    hc_str repo; /* whose index is read */
    struct hit *hits;
    size_t n, cap, first; /* first: where those of this repository begin */
    struct hc_err err;
};

/* ---- matching: pkg/cmd/search ------------------------------------------------------------------------------------ */

/* The part a match stands in: 0 the name, 1 repository and name, 2 the description, 3 keywords. */
static size_t score_of(size_t at, hc_str line)
{
    size_t parts = 0;
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] == '\v') {
            if (at <= i)
                return parts;
            parts++;
        }
    return parts;
}

static hc_str lower(struct hc_arena *a, hc_str s)
{
    char *z = hc_arena_strz(a, s);
    for (char *c = z; c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return hc_str_n(z, z ? s.n : 0);
}

/* Where it matches the line; SIZE_MAX: nowhere. */
static enum hc_rc match(struct search *s, struct hc_arena *a, hc_str line, size_t *out, size_t *out_score)
{
    *out = SIZE_MAX;
    if (!s->regex) {
        hc_str low = lower(a, line);
        *out = hc_str_find_str(low, s->term);
        *out_score = *out == SIZE_MAX ? 0 : score_of(*out, low);
        return hc_arena_check(a, &s->err, "search");
    }
    struct hc_search look;
    bool found = false;
    enum hc_rc rc = hc_search_init(&look, s->regex, line, &s->err);
    if (rc == HC_OK) {
        rc = hc_search_next(&look, 0, &found, &s->err);
        *out = rc == HC_OK && found ? look.at[0] : SIZE_MAX;
        hc_search_done(&look);
    }
    *out_score = *out == SIZE_MAX ? 0 : score_of(*out, line);
    return rc;
}

static void put_line(struct hc_buf *b, hc_str repo, hc_str chart, const struct hc_index_row *row)
{
    hc_buf_printf(b, "%.*s\v%.*s/%.*s\v%.*s\v", HC_P(chart), HC_P(repo), HC_P(chart), HC_P(row->description));
    for (size_t i = 0; i < hc_list_len(row->keywords); i++)
        hc_buf_printf(b, "%s%.*s", i ? " " : "", HC_P(hc_get_str(hc_list_at(row->keywords, i))));
}

static void begin(void *ctx)
{
    struct search *s = ctx;
    s->n = s->first;
}

static enum hc_rc keep(struct search *s, hc_str chart, const struct hc_index_row *row, size_t score)
{
    struct hit h = { .version = hc_arena_str(s->a, row->version),
                     .app_version = hc_arena_str(s->a, row->app_version),
                     .description = hc_arena_str(s->a, row->description),
                     .score = score };
    h.name = hc_path_clean(s->a,
                           hc_arena_printf(s->a, "%.*s%s%.*s", HC_P(s->repo), s->repo.n ? "/" : "", HC_P(chart)));
    if (hc_semver_parse(h.version, &h.v, NULL) != HC_OK)
        return HC_OK;
    if (s->n == MAX_HITS)
        return hc_fail(&s->err, HC_E_LIMIT, "more than %d versions fit; name a keyword", MAX_HITS);
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 256;
        struct hit *more = HC_NEW_N(s->a, struct hit, cap);
        if (!more)
            return hc_fail_nomem(&s->err);
        if (s->n)
            memcpy(more, s->hits, s->n * sizeof(*more));
        s->hits = more;
        s->cap = cap;
    }
    s->hits[s->n++] = h;
    return hc_arena_check(s->a, &s->err, "search");
}

static enum hc_rc look(void *ctx, hc_str chart, const struct hc_index_row *row, struct hc_err *err)
{
    struct search *s = ctx;
    (void)err;
    size_t at = 0, score = 0;
    enum hc_rc rc = HC_OK;
    /* as Helm cleans metadata when it reads an index: no line ends, nothing that a terminal would obey */
    struct hc_index_row clean = *row;
    clean.description = hc_chart_clean_text(s->a, row->description);
    clean.app_version = hc_chart_clean_text(s->a, row->app_version);
    row = &clean;
    if (!s->all) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        HC_AUTO(hc_buf) struct hc_buf line;
        hc_buf_init(&line, HC_MIB);
        put_line(&line, s->repo, chart, row);
        rc = a ? match(s, a, hc_buf_str(&line), &at, &score) : hc_fail_nomem(&s->err);
    }
    return rc == HC_OK && at != SIZE_MAX && score < MAX_SCORE ? keep(s, chart, row, score) : rc;
}

static int by_score(const void *x, const void *y)
{
    const struct hit *a = x, *b = y;
    if (a->score != b->score)
        return a->score < b->score ? -1 : 1;
    int c = hc_str_cmp(a->name, b->name);
    return c ? c : -hc_semver_cmp(&a->v, &b->v);
}

/* Those that fit --version; of each chart the newest, unless --versions. */
static enum hc_rc apply_version(struct search *s)
{
    struct hc_semrange *range;
    const char *text = s->version && *s->version ? s->version : s->devel ? ">0.0.0-0" : ">0.0.0";
    struct hc_val *seen = hc_map_new(s->a);
    size_t kept = 0;
    if (hc_semrange_parse(s->a, hc_str_of(text), &range, &s->err) != HC_OK)
        return hc_wrap(&s->err, "an invalid version/constraint format");
    for (size_t i = 0; i < s->n; i++) {
        const struct hit h = s->hits[i];
        if (!hc_semrange_fits(range, &h.v) || (!s->versions && hc_map_find(seen, h.name)))
            continue;
        hc_map_put(s->a, seen, h.name, hc_null_val(s->a));
        s->hits[kept++] = h;
    }
    s->n = kept;
    return hc_arena_check(s->a, &s->err, "search");
}

/* ---- printing ------------------------------------------------------------------------------------------------------ */

static enum hc_rc nothing(struct search *s, bool *out_done)
{
    *out_done = false;
    if (s->n)
        return HC_OK;
    if (s->fail_empty)
        return hc_fail(&s->err, HC_E_NOTFOUND, "no results found");
    if (strcmp(s->output, "table") != 0)
        return HC_OK;
    puts("No results found");
    *out_done = true;
    return HC_OK;
}

/* `cells`: rows * columns behind a header; `list`: the same for json and yaml. */
static enum hc_rc print(struct search *s, const hc_str *cells, size_t columns, const struct hc_val *list)
{
    if (hc_arena_spent(s->a))
        return hc_arena_check(s->a, &s->err, "search");
    if (strcmp(s->output, "table") == 0)
        hc_cli_print_cut_table(cells, columns, s->n + 1, s->width > 0 ? (size_t)s->width : 0);
    else
        (void)hc_cli_print_value(list, s->output);
    return HC_OK;
}

static void put(struct search *s, struct hc_val *map, const char *key, hc_str text)
{
    hc_map_put(s->a, map, hc_str_of(key), hc_str_val(s->a, text.p ? text : HC_S("")));
}

static enum hc_rc print_hits(struct search *s)
{
    bool done;
    enum hc_rc rc = nothing(s, &done);
    if (rc != HC_OK || done)
        return rc;
    hc_str *cells = HC_NEW_N(s->a, hc_str, 4 * (s->n + 1));
    struct hc_val *list = hc_list_new(s->a);
    if (!cells)
        return hc_fail_nomem(&s->err);
    static const char *const heads[] = { "NAME", "CHART VERSION", "APP VERSION", "DESCRIPTION" };
    for (size_t i = 0; i < 4; i++)
        cells[i] = hc_str_of(heads[i]);
    for (size_t i = 0; i < s->n; i++) {
        const struct hit *h = &s->hits[i];
        const hc_str row[] = { h->name, h->version, h->app_version, h->description };
        memcpy(cells + 4 * (i + 1), row, sizeof(row));
        struct hc_val *e = hc_map_new(s->a);
        put(s, e, "name", h->name);
        put(s, e, "version", h->version);
        put(s, e, "app_version", h->app_version);
        put(s, e, "description", h->description);
        hc_list_add(s->a, list, e);
    }
    return print(s, cells, 4, list);
}

/* ---- repo ------------------------------------------------------------------------------------------------------------ */

static enum hc_rc set_term(struct search *s, const char **args, size_t n)
{
    hc_str q = HC_S("");
    s->all = n == 0;
    for (size_t i = 0; i < n; i++)
        q = hc_arena_printf(s->a, "%.*s%s%s", HC_P(q), i ? " " : "", args[i]);
    s->term = lower(s->a, q);
    if (s->all || !s->regexp)
        return hc_arena_check(s->a, &s->err, "search");
    size_t made;
    return hc_regex_get(q, &s->regex, &made, &s->err);
}

static enum hc_rc search_repo(struct search *s, const char **args, size_t n)
{
    struct hc_val *doc = NULL;
    bool there;
    const struct hc_index_sink sink = { s, begin, look };
    enum hc_rc rc = hc_helm_repositories(s->a, s->g, &doc, &there, &s->err);
    const struct hc_val *repos = hc_map_getz(doc, "repositories");
    if (rc == HC_OK && !hc_list_len(repos))
        rc = hc_fail(&s->err, HC_E_NOTFOUND, "no repositories configured");
    if (rc == HC_OK)
        rc = set_term(s, args, n);
    for (size_t i = 0; i < hc_list_len(repos) && rc == HC_OK; i++) {
        struct hc_err err = HC_ERR_INIT;
        s->repo = hc_get_str_at(hc_list_at(repos, i), "name");
        s->first = s->n;
        const char *path = hc_helm_index_file(s->a, s->g, s->repo);
        if (!path)
            return hc_fail_nomem(&s->err);
        if (hc_index_read_file(path, (hc_str){ NULL, 0 }, &sink, &err) == HC_OK)
            continue;
        if (s->err.code)
            return s->err.code;
        s->n = s->first;
        fprintf(stderr, "level=WARN msg=\"repo is corrupt or missing\" repo=%.*s error=\"%s\"\n", HC_P(s->repo),
                err.msg);
    }
    if (rc != HC_OK)
        return rc;
    if (s->n)
        qsort(s->hits, s->n, sizeof(*s->hits), by_score);
    rc = apply_version(s);
    return rc == HC_OK ? print_hits(s) : rc;
}

/* ---- hub -------------------------------------------------------------------------------------------------------------- */

static hc_str escaped(struct hc_arena *a, hc_str s)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (isalnum(c) || strchr("-_.~", c))
            hc_buf_putc(&b, (char)c);
        else if (c == ' ')
            hc_buf_putc(&b, '+');
        else
            hc_buf_printf(&b, "%%%02X", c);
    }
    return hc_buf_to_arena(&b, a);
}

static enum hc_rc print_hub(struct search *s, const struct hc_val *data)
{
    bool done;
    s->n = hc_list_len(data);
    enum hc_rc rc = nothing(s, &done);
    if (rc != HC_OK || done)
        return rc;
    size_t columns = s->repo_url ? 5 : 4;
    hc_str *cells = HC_NEW_N(s->a, hc_str, columns * (s->n + 1));
    struct hc_val *list = hc_list_new(s->a);
    if (!cells)
        return hc_fail_nomem(&s->err);
    static const char *const heads[] = { "URL", "CHART VERSION", "APP VERSION", "DESCRIPTION", "REPO URL" };
    for (size_t i = 0; i < columns; i++)
        cells[i] = hc_str_of(heads[i]);
    for (size_t i = 0; i < s->n; i++) {
        const struct hc_val *r = hc_list_at(data, i);
        hc_str url = hc_get_str_at(r, "artifactHub.packageUrl");
        if (!url.n)
            url = hc_arena_printf(s->a, "%s/charts/%.*s", s->endpoint, HC_P(hc_get_str_at(r, "id")));
        const hc_str row[] = { url, hc_get_str_at(r, "relationships.latestChartVersion.data.version"),
                               hc_get_str_at(r, "relationships.latestChartVersion.data.app_version"),
                               hc_get_str_at(r, "attributes.description"),
                               hc_get_str_at(r, "attributes.repo.url") };
        memcpy(cells + columns * (i + 1), row, columns * sizeof(*row));
        struct hc_val *e = hc_map_new(s->a), *repo = hc_map_new(s->a);
        put(s, e, "url", row[0]);
        put(s, e, "version", row[1]);
        put(s, e, "app_version", row[2]);
        put(s, e, "description", row[3]);
        put(s, repo, "url", row[4]);
        put(s, repo, "name", hc_get_str_at(r, "attributes.repo.name"));
        hc_map_put(s->a, e, HC_S("repository"), repo);
        hc_list_add(s->a, list, e);
    }
    return print(s, cells, columns, list);
}

static enum hc_rc search_hub(struct search *s, const char **args, size_t n)
{
    struct hc_http_response r = { .status = 0 };
    struct hc_val *doc = NULL;
    s->regexp = false;
    hc_str q = HC_S(""), base = hc_str_of(s->endpoint);
    for (size_t i = 0; i < n; i++)
        q = hc_arena_printf(s->a, "%.*s%s%s", HC_P(q), i ? " " : "", args[i]);
    if (!hc_str_starts(base, HC_S("http://")) && !hc_str_starts(base, HC_S("https://")))
        return hc_fail(&s->err, HC_E_INPUT, "unable to perform search against \"%s\": no http or https",
                       s->endpoint);
    while (hc_str_ends(base, HC_S("/")))
        base.n--;
    struct hc_http *http = hc_http_new(&s->err);
    const struct hc_http_request req = {
        .method = "GET",
        .url = hc_arena_printf(s->a, "%.*s/api/chartsvc/v1/charts/search?q=%.*s", HC_P(base),
                               HC_P(escaped(s->a, q)))
                   .p,
        .timeout_ms = 60000,
        .max_bytes = 64 * HC_MIB,
        .max_redirects = -1,
    };
    if (!http || !req.url) {
        hc_http_free(http);
        return http ? hc_fail_nomem(&s->err) : HC_E_NOMEM;
    }
    enum hc_rc rc = hc_http_do(http, s->a, &req, &r, &s->err);
    hc_http_free(http);
    if (rc != HC_OK)
        return hc_wrap(&s->err, "unable to perform search against \"%s\"", s->endpoint);
    if (r.status != 200)
        return hc_fail(&s->err, HC_E_AGAIN, "unable to perform search against \"%s\": it answers %d", s->endpoint,
                       r.status);
    (void)hc_json_parse(s->a, r.body, HC_JSON_NO_POSITIONS, &doc, NULL); /* Helm takes garbage for no results */
    return print_hub(s, hc_map_getz(doc, "data"));
}

static const struct hc_sub subs[] = {
    { "hub", "[KEYWORD]", "look in a hub of charts", 0, -1 },
    { "repo", "[KEYWORD]", "look in the repositories of the list, as their indexes were fetched last", 0, -1 },
};

int hc_cmd_search(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct search s = {
        .a = a, .output = "table", .endpoint = "https://hub.helm.sh", .width = 50, .err = HC_ERR_INIT
    };
    const struct hc_flag flags[] = {
        { "regexp", 'r', HC_FLAG_BOOL, &s.regexp, "the keyword is a regular expression", .of = "repo" },
        { "versions", 'l', HC_FLAG_BOOL, &s.versions, "every version on a line of its own", .of = "repo" },
        { "version", 0, HC_FLAG_STR, &s.version, "only versions of this range", .of = "repo" },
        { "devel", 0, HC_FLAG_BOOL, &s.devel, "pre-releases too, as --version '>0.0.0-0'", .of = "repo" },
        { "endpoint", 0, HC_FLAG_STR, &s.endpoint, "which one (default https://hub.helm.sh)", .of = "hub" },
        { "list-repo-url", 0, HC_FLAG_BOOL, &s.repo_url, "the address of the repository, too", .of = "hub" },
        { "max-col-width", 0, HC_FLAG_UINT, &s.width, "widest column of the table (default 50)" },
        { "fail-on-no-result", 0, HC_FLAG_BOOL, &s.fail_empty, "no result is an error" },
        { "output", 'o', HC_FLAG_STR, &s.output, "print as table, json or yaml", NULL, "table|json|yaml" },
    };
    struct hc_cli cli = {
        .use = "search repo|hub [KEYWORD] [flags]",
        .about = about,
        .flags = flags,
        .flags_n = HC_LEN(flags),
        .subs = subs,
        .subs_n = HC_LEN(subs),
    };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    s.g = &cli.globals;
    if (hc_cli_check_output(s.output, &s.err) != HC_OK)
        return hc_cli_fail(&s.err);
    enum hc_rc rc;
    if (strcmp(cli.args[0], "repo") == 0)
        rc = search_repo(&s, cli.args + 1, cli.args_n - 1);
    else
        rc = search_hub(&s, cli.args + 1, cli.args_n - 1);
    hc_regex_put(s.regex);
    hc_scrub_urls(s.err.msg, true);
    return rc == HC_OK ? 0 : hc_cli_fail(&s.err);
}
