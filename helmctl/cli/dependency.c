/*
 * helmctl dependency: what a chart depends on, and what of it lies in charts/; deps.c puts it there.
 */
#include <glob.h>
#include <stdio.h>
#include <sys/stat.h>

#include "charts-fetch/source/local.h"
#include "core/base/fs.h"
#include "core/base/semver.h"
#include "helmctl/cli/chartref.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/deps.h"
#include "helmctl/cli/faults.h"

static const char about[] =
    "Lists what a chart depends on and whether charts/ holds it, or puts it there: from folders (file://PATH), "
    "Helm\n"
    "repositories and registries.\n"
    "\n"
    "  helmctl dependency list ./chart\n"
    "  helmctl dependency update ./chart    the newest versions that Chart.yaml allows; writes Chart.lock\n"
    "  helmctl dependency build ./chart     the versions of Chart.lock\n"
    "\n"
    "Output and exit code are those of `helm dependency` (Helm 4.3).";

struct listing {
    struct hc_arena *a;
    const char *dir;
    const struct hc_chart *chart;
};

/* ---- states ------------------------------------------------------------------------------------------ */

static const char *version_state(struct listing *l, hc_str has, hc_str wanted)
{
    struct hc_semrange *range = NULL;
    struct hc_semver v;
    if (hc_str_eq(has, wanted))
        return NULL;
    if (hc_semrange_parse(l->a, wanted, &range, NULL) != HC_OK || hc_semver_parse(has, &v, NULL) != HC_OK)
        return "invalid version";
    return hc_semrange_fits(range, &v) ? NULL : "wrong version";
}

static const char *archive_state(struct listing *l, const char *path, const struct hc_chart_dep *d)
{
    HC_AUTO(hc_chart) struct hc_chart *c = NULL;
    struct hc_err err = HC_ERR_INIT;
    struct stat st;
    if (stat(path, &st) < 0)
        return NULL;
    if (hc_chart_load_path(path, &hc_chart_archives_once, &c, &err) != HC_OK)
        return "corrupt";
    if (!hc_str_eq(c->name, d->name))
        return "misnamed";
    const char *state = version_state(l, c->version, d->version);
    return state ? state : "ok";
}

/* SemVer to the letter, so that a-1.0.0.tgz is one of "a" and a-b-1.0.0.tgz is not. */
static bool is_version_of(struct listing *l, const char *path, hc_str name)
{
    hc_str base = hc_str_of(strrchr(path, '/') + 1);
    struct hc_semver v;
    base = hc_str_sub(base, name.n + 1, base.n - 4);
    return hc_semver_parse(base, &v, NULL) == HC_OK && hc_str_eq(hc_semver_str(l->a, &v), base);
}

static const char *state_of(struct listing *l, const struct hc_chart_dep *d)
{
    glob_t found;
    const char *state = NULL, *one = NULL;
    hc_str pattern = hc_arena_printf(l->a, "%s/charts/%.*s-*.tgz", l->dir, HC_P(d->name));
    if (!pattern.p)
        return "missing";
    if (glob(pattern.p, 0, NULL, &found) == 0) {
        size_t versions = 0;
        for (size_t i = 0; i < found.gl_pathc; i++)
            if (found.gl_pathc == 1 || is_version_of(l, found.gl_pathv[i], d->name)) {
                one = found.gl_pathv[i];
                versions++;
            }
        state = versions > 1 ? "too many matches" : one ? archive_state(l, one, d) : NULL;
        globfree(&found);
    }
    if (state)
        return state;
    const struct hc_chart *c = NULL;
    for (size_t i = 0; i < l->chart->subs_n; i++)
        if (hc_str_eq(l->chart->subs[i]->name, d->name))
            c = l->chart->subs[i];
    if (!c)
        return "missing";
    state = version_state(l, c->version, d->version);
    return state ? state : "unpacked";
}

/* ---- the table --------------------------------------------------------------------------------------- */

struct row {
    hc_str cells[4];
};

/* Cut to the width with "..." as Helm's table does, or filled up with spaces. */
static void put_cell(hc_str s, size_t width)
{
    size_t n = hc_utf8_count(s);
    if (n <= width) {
        printf("%.*s%*s", HC_P(s), (int)(width - n), "");
        return;
    }
    size_t keep = width > 4 ? width - 3 : 1, at = 0;
    for (uint32_t rune; keep; keep--)
        at += hc_utf8_decode(hc_str_sub(s, at, s.n), &rune);
    printf("%.*s...", (int)at, s.p);
}

static void print_table(const struct row *rows, size_t n, size_t most)
{
    size_t widths[4] = { 0 };
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < HC_LEN(widths); k++) {
            size_t w = hc_utf8_count(rows[i].cells[k]);
            w = most && w > most ? most : w;
            widths[k] = HC_MAX(widths[k], w);
        }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < HC_LEN(widths); k++) {
            put_cell(rows[i].cells[k], widths[k]);
            putchar(k + 1 < HC_LEN(widths) ? '\t' : '\n');
        }
}

static void warn_of_others(struct listing *l)
{
    glob_t found;
    hc_str pattern = hc_arena_printf(l->a, "%s/charts/*", l->dir);
    if (!pattern.p || glob(pattern.p, GLOB_PERIOD, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *path = found.gl_pathv[i];
        struct stat st;
        HC_AUTO(hc_chart) struct hc_chart *c = NULL;
        struct hc_err err = HC_ERR_INIT;
        bool named = false;
        if (hc_str_ends(hc_str_of(path), HC_S("/.")) || hc_str_ends(hc_str_of(path), HC_S("/..")))
            continue;
        if (stat(path, &st) < 0 || (!S_ISDIR(st.st_mode) && !hc_str_ends(hc_str_of(path), HC_S(".tgz"))))
            continue;
        if (hc_chart_load_path(path, &hc_chart_archives_once, &c, &err) != HC_OK) {
            printf("WARNING: \"%s\" is not a chart.\n", path);
            continue;
        }
        for (size_t k = 0; k < l->chart->deps_n && !named; k++)
            named = hc_str_eq(l->chart->deps[k].name, c->name);
        if (!named)
            printf("WARNING: \"%s\" is not in Chart.yaml.\n", path);
    }
    globfree(&found);
}

static int list(struct hc_arena *a, const char *dir, int64_t width)
{
    struct hc_err err = HC_ERR_INIT;
    struct stat st;
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    if (stat(dir, &st) < 0)
        return hc_cli_error("stat %s: no such file or directory", dir);
    const struct hc_chart_source source = { .ref = dir, .no_digest = true, .no_detect = true };
    const struct hc_chart_port port = hc_cli_chart_port(&source);
    if (hc_chart_load_path(dir, &port, &chart, &err) != HC_OK)
        return hc_cli_fault_loading(a, &source, &err);
    hc_cli_chart_notes(chart);
    struct listing l = { a, dir, chart };
    if (!chart->deps_listed) {
        printf("WARNING: no dependencies at %s%s\n", strcmp(dir, ".") == 0 ? "" : dir,
               strcmp(dir, ".") == 0 ? "charts" : "/charts");
        return 0;
    }
    struct row *rows = HC_NEW_N(a, struct row, chart->deps_n + 1);
    if (!rows)
        return hc_cli_error("out of memory");
    rows[0] = (struct row){ { HC_S("NAME"), HC_S("VERSION"), HC_S("REPOSITORY"), HC_S("STATUS") } };
    for (size_t i = 0; i < chart->deps_n; i++) {
        const struct hc_chart_dep *d = &chart->deps[i];
        rows[i + 1] = (struct row){ { d->name, d->version, d->repository, hc_str_of(state_of(&l, d)) } };
    }
    print_table(rows, chart->deps_n + 1, width > 0 ? (size_t)width : 0);
    putchar('\n');
    warn_of_others(&l);
    return 0;
}

static const struct hc_sub subs[] = {
    { "build", "[PATH]", "put the versions of Chart.lock into charts/", 0, 1 },
    { "list", "[PATH]", "list what the chart depends on, and what of it charts/ holds", 0, 1, "ls" },
    { "update", "[PATH]", "put the newest versions that Chart.yaml allows into charts/, and write Chart.lock", 0, 1,
      "up" },
};

int hc_cmd_dependency(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    int64_t width = 80;
    struct hc_chart_source source = { .tell_stdout = true };
    struct hc_cli_deps deps = { .source = &source, .log = stdout };
    const struct hc_flag flags[] = {
        { "max-col-width", 0, HC_FLAG_UINT, &width, "widest column of the table (default 80)", .of = "list" },
        { "skip-refresh", 0, HC_FLAG_BOOL, &deps.skip_refresh, "use the cached indexes as they are",
          .of = "build update" },
        { "verify", 0, HC_FLAG_BOOL, &source.verify,
          "update: what is fetched must be signed; build: what has a provenance file must fit it",
          .of = "build update" },
        { "keyring", 0, HC_FLAG_STR, &source.keyring, "public keys for --verify", NULL, "file",
          .of = "build update" },
        HC_DEPS_SOURCE_FLAGS(source),
    };
    struct hc_cli cli = {
        .use = "dependency list|build|update [CHART] [flags]",
        .about = about,
        .flags = flags,
        .flags_n = HC_LEN(flags),
        .subs = subs,
        .subs_n = HC_LEN(subs),
    };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    const char *verb = cli.sub->name, *dir = cli.args_n > 1 ? cli.args[1] : ".";
    const char *clean = hc_path_clean(a, hc_str_of(dir)).p;
    if (!clean)
        return hc_cli_error("out of memory");
    if (strcmp(verb, "list") == 0)
        return list(a, clean, width);
    deps.build = strcmp(verb, "build") == 0;
    deps.dir = clean;
    source.globals = &cli.globals;
    if (source.verify) /* Helm: build takes what has no signature, too */
        deps.verify = deps.build ? HC_DEPS_IF_SIGNED : HC_DEPS_SIGNED;
    if (hc_cli_deps_hand_over(&deps))
        return hc_cli_ports.hand_over(argc, argv);
    struct hc_err err = HC_ERR_INIT;
    return hc_cli_deps(&deps, &err) == HC_OK ? 0 : hc_cli_fail(&err);
}
