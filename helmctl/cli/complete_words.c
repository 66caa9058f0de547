/*
 * Words that are in no table: releases, revisions and namespaces of a cluster, contexts of the kubeconfig, repositories,
 * charts and versions of Helm's cached indexes. What cannot be read gives no words and no message: somebody is typing.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "charts-fetch/source/index.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/value/value.h"
#include "helmctl/cli/complete.h"
#include "helmctl/cli/connect.h"
#include "helmctl/cli/helmhome.h"
#include "helmctl/cli/release.h"

enum {
    DEADLINE_S = 1,
    WHOLE_RECORDS = 64, /* more than these are not read for what they say of their charts */
    MAX_NAMES = 16 * 1024 * 1024,
};

static void too_late(int sig)
{
    static const char none[] = ":4\n";
    (void)sig;
    ssize_t n = write(STDOUT_FILENO, none, sizeof(none) - 1);
    _exit(n < 0);
}

void hc_complete_deadline(void)
{
    const struct sigaction on = { .sa_handler = too_late };
    const struct itimerval left = { .it_value = { .tv_sec = DEADLINE_S } };
    (void)sigaction(SIGALRM, &on, NULL);
    (void)setitimer(ITIMER_REAL, &left, NULL);
}

static bool is_given(const struct hc_cli *cli, hc_str name)
{
    size_t n;
    const char **args = hc_complete_args(cli, &n);
    for (size_t i = 0; i < n; i++)
        if (hc_str_eqz(name, args[i]))
            return true;
    return false;
}

/* ---- the cluster -------------------------------------------------------------------------------------- */

static hc_str of_record(struct hc_arena *a, const struct hc_record *r)
{
    return hc_arena_printf(a, "%.*s -> %s", HC_P(hc_cli_chart_label(a, r)), hc_status_name(r->status));
}

/* Where there are many records, what labels say has to do: the records of a large namespace take longer than a second. */
static void releases(struct hc_completion *c, const struct hc_cli *cli)
{
    HC_AUTO(hc_cli_release) struct hc_cli_release r = { 0 };
    struct hc_brief *b = NULL;
    struct hc_record *all = NULL;
    size_t n = 0, records = 0;
    hc_complete_deadline();
    if (hc_cli_release_open(&r, c->a, &cli->globals, NULL) != HC_OK ||
        hc_storage_briefs(r.storage, c->a, (hc_str){ NULL, 0 }, &b, &n, NULL) != HC_OK)
        return;
    if (n <= WHOLE_RECORDS)
        (void)hc_storage_list(r.storage, c->a, (hc_str){ NULL, 0 }, false, &all, &records, NULL);
    for (size_t i = 0; i < n; i++) {
        bool newest = !is_given(cli, b[i].name);
        for (size_t j = i + 1; newest && j < n; j++)
            newest = !hc_str_eq(b[j].name, b[i].name);
        hc_str says = hc_arena_printf(c->a, "revision %" PRId64 " -> %s", b[i].revision,
                                      hc_status_name(b[i].status));
        for (size_t j = 0; j < records; j++)
            if (all[j].revision == b[i].revision && hc_str_eq(all[j].name, b[i].name))
                says = of_record(c->a, &all[j]);
        if (newest)
            hc_complete_add(c, b[i].name, says);
    }
}

static void revisions(struct hc_completion *c, const struct hc_cli *cli)
{
    HC_AUTO(hc_cli_release) struct hc_cli_release r = { 0 };
    struct hc_record *all = NULL;
    size_t n = 0, args_n;
    const char **args = hc_complete_args(cli, &args_n);
    if (!args_n)
        return;
    hc_complete_deadline();
    if (hc_cli_release_open(&r, c->a, &cli->globals, NULL) != HC_OK ||
        hc_storage_list(r.storage, c->a, hc_str_of(args[0]), false, &all, &n, NULL) != HC_OK)
        return;
    c->directive |= HC_WORDS_ORDERED;
    for (size_t i = n; i-- > 0;) /* who goes back, goes back a little */
        hc_complete_add(c, hc_arena_printf(c->a, "%" PRId64, all[i].revision),
                        hc_arena_printf(c->a, "App: %.*s, Chart: %.*s, %s", HC_P(hc_cli_app_version(&all[i])),
                                        HC_P(hc_cli_chart_label(c->a, &all[i])), hc_status_name(all[i].status)));
}

static void namespaces(struct hc_completion *c, const struct hc_cli *cli)
{
    HC_AUTO(hc_cli_cluster) struct hc_cli_cluster k = { 0 };
    const struct hc_kube_list what = { .api_version = HC_S("v1"),
                                       .kind = HC_S("Namespace"),
                                       .metadata_only = true };
    struct hc_val *items = NULL;
    hc_complete_deadline();
    if (hc_cli_connect(&cli->globals, &k, NULL) != HC_OK ||
        hc_kube_list(k.kube, c->a, &what, &items, NULL, NULL) != HC_OK)
        return;
    for (size_t i = 0; i < hc_list_len(items); i++)
        hc_complete_add(c, hc_get_str_at(hc_list_at(items, i), "metadata.name"), HC_S(""));
}

static void contexts(struct hc_completion *c, const struct hc_cli *cli)
{
    const struct hc_kube_options o = { .kubeconfig = cli->globals.kubeconfig };
    struct hc_val *all = NULL;
    if (hc_kube_contexts(c->a, &o, &all, NULL) != HC_OK)
        return;
    for (size_t i = 0; i < hc_list_len(all); i++)
        hc_complete_add(c, hc_get_str_at(hc_list_at(all, i), "name"),
                        hc_get_str_at(hc_list_at(all, i), "context.cluster"));
}

/* ---- Helm's files ------------------------------------------------------------------------------------- */

static const struct hc_val *repositories(struct hc_completion *c, const struct hc_cli *cli)
{
    struct hc_val *doc = NULL;
    bool there;
    if (hc_helm_repositories(c->a, &cli->globals, &doc, &there, NULL) != HC_OK)
        return NULL;
    return hc_map_getz(doc, "repositories");
}

static void repos(struct hc_completion *c, const struct hc_cli *cli)
{
    const struct hc_val *list = repositories(c, cli);
    for (size_t i = 0; i < hc_list_len(list); i++) {
        hc_str name = hc_get_str_at(hc_list_at(list, i), "name");
        if (!is_given(cli, name))
            hc_complete_add(c, name, hc_get_str_at(hc_list_at(list, i), "url"));
    }
}

struct charts {
    struct hc_completion *c;
    hc_str repo, last;
    size_t before; /* what was offered already */
};

static void charts_begin(void *ctx)
{
    struct charts *s = ctx;
    s->last = (hc_str){ NULL, 0 };
    s->c->out.n = s->before;
}

static enum hc_rc charts_row(void *ctx, hc_str chart, const struct hc_index_row *row, struct hc_err *err)
{
    struct charts *s = ctx;
    (void)row;
    (void)err;
    if (s->last.p && hc_str_eq(s->last, chart))
        return HC_OK;
    s->last = hc_arena_str(s->c->a, chart);
    hc_complete_add(s->c, hc_arena_printf(s->c->a, "%.*s/%.*s", HC_P(s->repo), HC_P(chart)), HC_S(""));
    return HC_OK;
}

/* Names are in a file of their own, which `repo update` writes; without it the index is read, which takes longer. */
static void charts_of(struct hc_completion *c, const struct hc_cli *cli, hc_str repo)
{
    struct charts s = { .c = c, .repo = repo, .before = c->out.n };
    const struct hc_index_sink sink = { &s, charts_begin, charts_row };
    const char *names = hc_helm_charts_file(c->a, &cli->globals, repo);
    const char *index = hc_helm_index_file(c->a, &cli->globals, repo);
    hc_str text, line;
    if (names && hc_read_file(c->a, AT_FDCWD, names, MAX_NAMES, &text, NULL) == HC_OK) {
        while (hc_str_split(&text, '\n', &line))
            if (line.n)
                hc_complete_add(c, hc_arena_printf(c->a, "%.*s/%.*s", HC_P(repo), HC_P(line)), HC_S(""));
    } else if (index) {
        (void)hc_index_read_file(index, (hc_str){ NULL, 0 }, &sink, NULL);
    }
}

/* REPO/ first and then its charts, as Helm does; how addresses begin; and where paths may stand those that begin so. */
static void charts(struct hc_completion *c, const struct hc_cli *cli, bool paths)
{
    static const struct {
        const char *word, *help;
    } begins[] = { { "oci://", "chart in a registry" },
                   { "https://", "address of a chart" },
                   { "http://", "address of a chart" },
                   { "file://", "address of a chart on this machine" } };
    const struct hc_val *list = repositories(c, cli);
    hc_str word = hc_str_of(c->word);
    size_t before = c->out.n;
    c->directive = paths ? 0 : HC_WORDS_NO_FILES;
    for (size_t i = 0; i < hc_list_len(list); i++) {
        hc_str name = hc_get_str_at(hc_list_at(list, i), "name");
        hc_str slash = hc_arena_printf(c->a, "%.*s/", HC_P(name));
        if (name.n && slash.p && hc_str_starts(word, slash)) {
            charts_of(c, cli, name);
        } else if (name.n && hc_str_starts(name, word)) {
            hc_complete_add(c, slash, hc_get_str_at(hc_list_at(list, i), "url"));
            c->directive |= HC_WORDS_NO_SPACE;
        }
    }
    for (size_t i = 0; i < HC_LEN(begins); i++) {
        hc_str begin = hc_str_of(begins[i].word);
        if (hc_str_starts(word, begin))
            c->directive |= HC_WORDS_NO_SPACE | HC_WORDS_NO_FILES;
        else if (hc_str_starts(begin, word))
            c->directive |= HC_WORDS_NO_SPACE;
        hc_complete_add(c, word.n < begin.n ? begin : HC_S(""), hc_str_of(begins[i].help));
    }
    if (paths && !word.n) {
        hc_complete_add(c, HC_S("./"), HC_S("chart below this folder"));
        hc_complete_add(c, HC_S("/"), HC_S("chart on this machine"));
    }
    DIR *here = paths && word.n && c->out.n > before ? opendir(".") : NULL;
    for (struct dirent *e; here && (e = readdir(here)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            hc_complete_add(c, hc_str_of(e->d_name), HC_S(""));
    if (here)
        closedir(here);
}

static void registry(struct hc_completion *c, const struct hc_cli *cli)
{
    (void)cli;
    c->directive |= HC_WORDS_NO_SPACE;
    hc_complete_add(c, HC_S("oci://"), HC_S("folder of a registry"));
}

/* Of the chart REPO/NAME among the arguments, newest first. */
static void versions(struct hc_completion *c, const struct hc_cli *cli)
{
    struct hc_index_rows rows = { 0 };
    hc_str repo = { NULL, 0 }, chart = { NULL, 0 };
    size_t n;
    const char **args = hc_complete_args(cli, &n);
    for (size_t i = 0; i < n; i++) {
        hc_str rest = hc_str_of(args[i]), first;
        if (args[i][0] != '.' && hc_str_find(rest, '/') != SIZE_MAX && hc_str_split(&rest, '/', &first) &&
            first.n && rest.n && hc_str_find(rest, '/') == SIZE_MAX) {
            repo = first;
            chart = rest;
        }
    }
    const char *index = chart.n ? hc_helm_index_file(c->a, &cli->globals, repo) : NULL;
    if (!index || hc_index_scan(c->a, index, HC_S(""), chart, &rows, NULL) != HC_OK)
        return;
    c->directive |= HC_WORDS_ORDERED;
    for (size_t i = 0; i < rows.n; i++) {
        const struct hc_index_row *r = &rows.rows[i];
        hc_complete_add(c, r->version,
                        hc_arena_printf(c->a, "%s%.*s%sCreated: %.*s%s", r->app_version.n ? "App: " : "",
                                        HC_P(r->app_version), r->app_version.n ? ", " : "",
                                        HC_P(hc_str_sub(r->created, 0, 10)), r->deprecated ? " (deprecated)" : ""));
    }
}

bool hc_cli_complete_words(struct hc_completion *c, const struct hc_cli *cli, const char *what)
{
    static const struct {
        const char *what;
        void (*add)(struct hc_completion *c, const struct hc_cli *cli);
    } rows[] = {
        { "RELEASE", releases },      { "REVISION", revisions },   { "revision", revisions },
        { "rollback", revisions },    { "namespace", namespaces }, { "version", versions },
        { "kube-context", contexts }, { "REPO", repos },           { "REMOTE", registry },
    };
    if (strcmp(what, "CHART") == 0 || strcmp(what, "REMOTE_CHART") == 0)
        return charts(c, cli, what[0] == 'C'), true;
    for (size_t i = 0; i < HC_LEN(rows); i++)
        if (strcmp(what, rows[i].what) == 0)
            return rows[i].add(c, cli), true;
    return false;
}
