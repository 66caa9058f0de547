/*
 * helmctl lint: looks at charts by Helm's rules and prints what it finds as `helm lint` does.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "charts-fetch/source/local.h"
#include "charts-fetch/unpack/unpack.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "helmctl/cli/chartref.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/schemas.h"
#include "templating/lint/lint.h"
#include "templating/render/render.h"

static const char about[] = "Looks at charts and tells what is doubtful or wrong in them: [ERROR] for what will "
                            "not install, [WARNING] for\n"
                            "what breaks a convention, [INFO] for advice.\n"
                            "\n"
                            "  helmctl lint ./chart\n"
                            "  helmctl lint ./chart --strict -f production.yaml      warnings fail too\n"
                            "  helmctl lint ./chart ./other-1.2.3.tgz --with-subcharts\n"
                            "\n"
                            "Rules, output and exit code are those of `helm lint` (Helm 4.3).";

struct options {
    struct hc_values_flags values;
    const char *kube_version, *helm_version;
    bool strict, with_subcharts, quiet, skip_schema, helm3;
};

struct result {
    struct hc_lint_output found;
    struct hc_err err; /* the chart could not be looked at */
    bool failed;
};

static const char *joined(struct hc_arena *a, const char *dir, const char *name)
{
    return hc_path_clean(a, hc_arena_printf(a, "%s/%s", dir, name)).p;
}

static bool is_archive(hc_str path)
{
    return hc_str_ends(path, HC_S(".tgz")) || hc_str_ends(path, HC_S(".tar.gz"));
}

/* ---- --with-subcharts -------------------------------------------------------------------------------- */

static void add_path(struct hc_arena *a, struct hc_strings *l, const char *path)
{
    const char **more = HC_NEW_N(a, const char *, l->n + 1);
    if (!more || !path)
        return;
    if (l->n)
        memcpy(more, l->items, l->n * sizeof(*more));
    more[l->n++] = path;
    l->items = more;
}

static int visible(const struct dirent *e)
{
    return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

/* Every Chart.yaml and every archive below, in the order of Go's walk. */
static void find_subcharts(struct hc_arena *a, const char *dir, int depth, struct hc_strings *found)
{
    struct dirent **names = NULL;
    struct stat st;
    int n = depth < 64 ? scandir(dir, &names, visible, NULL) : -1;
    for (int more = n > 1; more;) { /* by bytes, whatever the locale says */
        more = 0;
        for (int i = 1; i < n; i++)
            if (strcmp(names[i - 1]->d_name, names[i]->d_name) > 0) {
                struct dirent *first = names[i];
                names[i] = names[i - 1];
                names[i - 1] = first;
                more = 1;
            }
    }
    for (int i = 0; i < n; i++) {
        const char *path = joined(a, dir, names[i]->d_name);
        if (path && strcmp(names[i]->d_name, "Chart.yaml") == 0)
            add_path(a, found, dir);
        else if (path && is_archive(hc_str_of(path)))
            add_path(a, found, path);
        if (path && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
            find_subcharts(a, path, depth + 1, found);
        free(names[i]);
    }
    free(names);
}

/* ---- one chart --------------------------------------------------------------------------------------- */

static enum hc_rc unpack(struct hc_arena *a, const char *path, const char *into, struct hc_err *err)
{
    hc_str archive;
    enum hc_rc rc = hc_read_file(a, AT_FDCWD, path, HC_MAX_CHART_PACKED, &archive, err);
    if (rc != HC_OK)
        return hc_fail(err, rc, "unable to open tarball: open %s: %s", path,
                       rc == HC_E_NOTFOUND ? "no such file or directory" : "it cannot be read");
    if (mkdir(into, 0700) < 0)
        return hc_fail_errno(err, "make a temporary folder", into);
    struct hc_chart_file *files = NULL;
    size_t n = 0;
    rc = archive.n < 2 || memcmp(archive.p, "\x1f\x8b", 2) != 0
             ? hc_fail(err, HC_E_INPUT, "gzip: invalid header")
             : hc_chart_archive_files(a, archive, &files, &n, err);
    if (rc ==
        HC_OK) /* looked through whole, by the law for charts; and written as it is for the rules that look at paths */
        rc = hc_unpack_to_dir(archive, into, NULL, err);
    return rc == HC_OK ? rc : hc_wrap(err, "unable to extract tarball");
}

static enum hc_rc look(struct hc_arena *a, const char *path, const struct hc_lint_input *in, struct result *r)
{
    struct hc_lint_input own = *in;
    struct stat st;
    own.dir = path;
    const char *file = joined(a, path, "Chart.yaml");
    if (!file)
        return hc_fail_nomem(&r->err);
    if (stat(file, &st) < 0)
        return hc_fail(&r->err, HC_E_NOTFOUND, "unable to check Chart.yaml file in chart: stat %s: %s",
                       *path ? file : "Chart.yaml",
                       errno == ENOTDIR ? "not a directory" : "no such file or directory");
    return hc_lint(a, &own, &r->found, &r->err);
}

static void look_at(struct hc_arena *a, const char *path, const struct hc_lint_input *in, struct result *r)
{
    *r = (struct result){ .err = HC_ERR_INIT };
    if (!is_archive(hc_str_of(path))) {
        r->failed = look(a, path, in, r) != HC_OK;
        return;
    }
    const char *tmp = getenv("TMPDIR");
    unsigned char name[12];
    if (!hc_random_bytes(name, sizeof(name)))
        memset(name, (int)getpid(), sizeof(name)); /* mkdir says when it is there */
    hc_str hex = hc_hex(a, hc_str_n((const char *)name, sizeof(name)));
    const char *into = hc_arena_printf(a, "%s/helmctl-lint-%.*s", tmp && *tmp ? tmp : "/tmp", HC_P(hex)).p;
    struct dirent **names = NULL;
    r->failed = !into || unpack(a, path, into, &r->err) != HC_OK;
    int n = r->failed ? 0 : scandir(into, &names, visible, NULL);
    struct stat st;
    const char *chart = n > 0 ? joined(a, into, names[0]->d_name) : NULL,
               *top = into ? joined(a, into, "Chart.yaml") : NULL;
    if (chart && top && stat(top, &st) == 0) /* packed by "tar -C chart ." */
        chart = into;
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    if (!r->failed)
        r->failed = !chart || look(a, chart, in, r) != HC_OK;
    if (into)
        hc_remove_tree(into, NULL);
}

/* Gives whether it failed. */
static bool print(const char *path, const struct options *o, const struct result *r, bool *out_told)
{
    static const char *const words[] = { "INFO", "WARNING", "ERROR" };
    bool failed = r->failed, worth = r->failed;
    for (size_t i = 0; i < r->found.n; i++) {
        enum hc_lint_level level = r->found.messages[i].level;
        worth = worth || level > HC_LINT_INFO;
        failed = failed || level == HC_LINT_ERROR || (o->strict && level == HC_LINT_WARNING);
    }
    *out_told = *out_told || worth;
    if (o->quiet && !worth)
        return failed;
    printf("==> Linting %s\n", path);
    if (r->failed)
        printf("Error %s\n", r->err.msg);
    for (size_t i = 0; i < r->found.n; i++) {
        const struct hc_lint_message *m = &r->found.messages[i];
        if (!o->quiet || m->level > HC_LINT_INFO)
            printf("[%s] %.*s: %.*s\n", words[m->level], HC_P(m->path), HC_P(m->text));
    }
    putchar('\n');
    return failed;
}

static int run(struct hc_arena *a, const struct hc_cli *cli, const struct options *o, struct hc_val *values)
{
    struct hc_strings paths = { 0 };
    size_t failed = 0;
    bool told = false;
    for (size_t i = 0; i < cli->args_n; i++)
        add_path(a, &paths, cli->args[i]);
    for (size_t i = 0; o->with_subcharts && i < cli->args_n; i++) {
        const char *charts = joined(a, cli->args[i], "charts");
        if (charts)
            find_subcharts(a, charts, 0, &paths);
    }
    const struct hc_chart_source source = { .no_digest = true, .no_detect = true, .helm3 = o->helm3 };
    const struct hc_chart_port port = hc_cli_chart_port(&source);
    const struct hc_lint_input in = {
        .port = &port,
        .helm3 = o->helm3,
        .values = values,
        .values_arena = a,
        .release_namespace = hc_cli_namespace(a, &cli->globals),
        .kube_version = hc_str_of(o->kube_version),
        .skip_schema = o->skip_schema,
        .schemas = hc_cli_schemas(),
    };
    for (size_t i = 0; i < paths.n; i++) {
        HC_AUTO(hc_arena) struct hc_arena *own = hc_arena_new(0);
        struct result r;
        look_at(own, paths.items[i], &in, &r);
        int elsewhere = i ? -1 : hc_cli_schemas_elsewhere(&cli->globals, &o->values);
        if (elsewhere >= 0)
            return elsewhere;
        for (size_t k = 0; k < r.found.notes_n; k++)
            fprintf(stderr, "%.*s\n", HC_P(r.found.notes[k]));
        failed += print(paths.items[i], o, &r, &told);
    }
    if (failed) {
        fflush(stdout);
        return hc_cli_error("%zu chart(s) linted, %zu chart(s) failed", paths.n, failed);
    }
    if (!o->quiet || told)
        printf("%zu chart(s) linted, 0 chart(s) failed\n", paths.n);
    return 0;
}

int hc_cmd_lint(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct options o = { 0 };
    const struct hc_flag flags[] = {
        { "strict", 0, HC_FLAG_BOOL, &o.strict, "fail on warnings too" },
        { "with-subcharts", 0, HC_FLAG_BOOL, &o.with_subcharts, "look at the charts in charts/ too" },
        { "quiet", 0, HC_FLAG_BOOL, &o.quiet, "print only warnings and errors" },
        { "skip-schema-validation", 0, HC_FLAG_BOOL, &o.skip_schema, "do not check values against the schema" },
        { "kube-version", 0, HC_FLAG_STR, &o.kube_version, "Kubernetes version for capabilities and deprecations",
          NULL, "version" },
        { "helm-version", 0, HC_FLAG_STR, &o.helm_version, "look as Helm 3 or Helm 4 does (default 4)", NULL,
          "3|4" },
        HC_VALUES_FLAGS(o.values),
    };
    struct hc_cli cli = {
        .use = "lint PATH [flags]",
        .about = about,
        .flags = flags,
        .flags_n = HC_LEN(flags),
        .max_args = -1,
    };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    struct hc_err err = HC_ERR_INIT;
    struct hc_val *values = NULL;
    static const char *here[] = { ".", NULL };
    if (!hc_cli_helm_version(o.helm_version, &o.helm3))
        return 1;
    o.values.helm3 = o.helm3;
    if (!cli.args_n && o.helm3) {
        cli.args = here;
        cli.args_n = 1;
    }
    if (!cli.args_n)
        return hc_cli_error("\"helmctl lint\" requires at least 1 argument\n\nUsage:  helmctl lint PATH [flags]");
    if (o.kube_version && *o.kube_version && hc_kube_version_check(hc_str_of(o.kube_version), &err) != HC_OK)
        return hc_cli_fail(&err);
    if (hc_cli_ports.hand_over && !hc_cli_values_are_local(&o.values))
        return hc_cli_ports.hand_over(argc, argv);
    if (hc_cli_values(a, &o.values, NULL, NULL, &values, &err) != HC_OK)
        return hc_cli_fail(&err);
    return run(a, &cli, &o, values);
}
