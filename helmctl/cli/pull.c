/*
 * helmctl pull: charts to files or folders, as `helm pull` leaves them (pkg/action/pull.go).
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "charts-fetch/source/local.h"
#include "charts-fetch/unpack/unpack.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "helmctl/cli/chartref.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/complete.h"
#include "helmctl/cli/leftovers.h"

static const char about[] =
    "Fetches charts and leaves them here as archives, or unpacked.\n"
    "\n"
    "  helmctl pull podinfo --repo https://stefanprodan.github.io/podinfo --version 6.x\n"
    "  helmctl pull oci://ghcr.io/stefanprodan/charts/podinfo --untar\n"
    "  helmctl pull myrepo/web -d charts       a repository of `helmctl repo add`\n"
    "\n"
    "Files and exit code are those of `helm pull` (Helm 4.3); a chart that fails --verify is not left\n"
    "behind.";

struct pull {
    struct hc_arena *a;
    struct hc_chart_source source;
    const char *dir, *untar_dir;
    bool untar;
    struct hc_err err;
};

static enum hc_rc write_plain(const char *path, hc_str body, struct hc_err *err)
{
    HC_AUTO(hc_fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return hc_fail_errno(err, "write", path);
    return hc_write_fd(fd, body, err);
}

/* pkg/chart/v2/util Expand: by the chart's name, whatever the archive calls its folder, and every file 0644. */
static enum hc_rc unpack_as(struct pull *p, hc_str archive, const char *folder)
{
    struct hc_chart_file *files;
    size_t n;
    enum hc_rc rc = hc_chart_archive_files(p->a, archive, &files, &n, &p->err);
    for (size_t i = 0; rc == HC_OK && i < n; i++) {
        hc_str path = hc_arena_printf(p->a, "%s/%.*s", folder, HC_P(files[i].name));
        char *dir = hc_arena_strz(p->a, hc_str_sub(path, 0, hc_str_rfind(path, '/')));
        rc = dir ? hc_mkdirs(dir, 0755, &p->err) : hc_fail_nomem(&p->err);
        if (rc == HC_OK)
            rc = write_plain(path.p, files[i].body, &p->err);
    }
    return rc;
}

/* Where the chart's folder must not be yet, as Helm looks for it: by the last part of the reference. */
static enum hc_rc untar_to(struct pull *p, const struct hc_fetched *got)
{
    const char *to = p->untar_dir[0] == '/' ? p->untar_dir : hc_arena_printf(p->a, "%s/%s", p->dir, p->untar_dir).p;
    if (!to)
        return hc_fail_nomem(&p->err);
    hc_str clean = hc_path_clean(p->a, hc_str_of(to));
    hc_str check = hc_path_clean(
        p->a, hc_arena_printf(p->a, "%.*s/%.*s", HC_P(clean), HC_P(hc_path_base(hc_str_of(p->source.ref)))));
    if (hc_arena_spent(p->a))
        return hc_fail_nomem(&p->err);
    struct stat st;
    if (lstat(check.p, &st) == 0)
        return hc_fail(&p->err, HC_E_INPUT,
                       "failed to untar: a file or directory with the name %.*s already exists", HC_P(check));
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    const struct hc_chart_port port = hc_cli_chart_port(&p->source);
    if (hc_chart_load_archive(got->archive, &port, &chart, &p->err) != HC_OK)
        return p->err.code;
    /* unpacked beside its place, so that a cut-off command leaves nothing half there */
    const char *tmp = hc_arena_printf(p->a, "%.*s/.helmctl-pull-%d", HC_P(clean), (int)getpid()).p;
    const char *from = hc_arena_printf(p->a, "%s/%.*s", tmp, HC_P(chart->name)).p;
    const char *place = hc_arena_printf(p->a, "%.*s/%.*s", HC_P(clean), HC_P(chart->name)).p;
    if (hc_arena_spent(p->a))
        return hc_fail_nomem(&p->err);
    int leftover = hc_cli_leave_nothing(tmp);
    enum hc_rc rc = hc_mkdirs(from, 0755, &p->err);
    if (rc == HC_OK)
        rc = unpack_as(p, got->archive, from);
    if (rc == HC_OK && rename(from, place) < 0)
        rc = hc_fail_errno(&p->err, "failed to untar", place);
    hc_remove_tree(tmp, NULL);
    hc_cli_leave(leftover);
    return rc;
}

/* What was streamed into the folder gets its name when all of it is on the disk. */
static enum hc_rc keep(struct pull *p, const char *written, const char *path)
{
    HC_AUTO(hc_fd) int fd = open(written, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fchmod(fd, 0644) < 0 || fsync(fd) < 0 || rename(written, path) < 0) {
        hc_fail_errno(&p->err, "write", path);
        (void)unlink(written);
        return p->err.code;
    }
    return HC_OK;
}

static enum hc_rc fetch_one(struct pull *p)
{
    struct hc_fetched got = { .written = NULL };
    enum hc_rc rc = hc_cli_fetch_archive(&p->source, p->a, &got, &p->err);
    if (rc != HC_OK)
        return rc;
    if (p->untar) {
        rc = untar_to(p, &got);
        if (rc == HC_OK)
            printf("%.*s", HC_P(got.report));
        return rc;
    }
    const char *path = hc_arena_printf(p->a, "%s/%.*s", p->dir, HC_P(got.file)).p;
    struct stat st;
    if (!path)
        return hc_fail_nomem(&p->err);
    if (stat(p->dir, &st) < 0)
        return hc_fail(&p->err, HC_E_INPUT, "open %.*s: no such file or directory: the destination must be there",
                       HC_P(hc_path_clean(p->a, hc_str_of(path))));
    rc = got.written ? keep(p, got.written, path) : hc_write_file_as(path, got.archive, 0644, &p->err);
    if (rc == HC_OK && got.prov.p) {
        const char *prov = hc_arena_printf(p->a, "%s.prov", path).p;
        rc = prov ? hc_write_file_as(prov, got.prov, 0644, &p->err) : hc_fail_nomem(&p->err);
    }
    if (rc == HC_OK)
        printf("%.*s", HC_P(got.report));
    return rc;
}

static enum hc_rc pull_one(struct pull *p)
{
    struct stat there;
    bool held = p->untar || p->source.verify || stat(p->dir, &there) < 0;
    const char *streamed = hc_arena_printf(p->a, "%s/" HC_CLI_PULLED, p->dir, (int)getpid()).p;
    if (!streamed)
        return hc_fail_nomem(&p->err);
    p->source.into = held ? NULL : p->dir;
    int leftover = held ? -1 : hc_cli_leave_nothing(streamed);
    enum hc_rc rc = fetch_one(p);
    hc_cli_leave(leftover);
    return rc;
}

static bool complete(struct hc_completion *c, const struct hc_cli *cli)
{
    return hc_cli_complete_words(c, cli, "REMOTE_CHART");
}

int hc_cmd_pull(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct pull p = { .a = a, .dir = ".", .untar_dir = ".", .err = HC_ERR_INIT };
    const struct hc_flag flags[] = {
        HC_CHART_SOURCE_FLAGS(p.source),
        { "destination", 'd', HC_FLAG_STR, &p.dir, "folder to put the chart into; --untardir stands below it", NULL,
          "folder" },
        { "untar", 0, HC_FLAG_BOOL, &p.untar, "unpack the chart instead of keeping its archive" },
        { "untardir", 0, HC_FLAG_STR, &p.untar_dir, "folder to unpack into (default the destination)", NULL,
          "folder" },
        { "prov", 0, HC_FLAG_BOOL, &p.source.want_prov, "the provenance file too, unchecked" },
    };
    struct hc_cli cli = {
        .complete = complete,
        .use = "pull [chart URL | repo/chartname] [...] [flags]",
        .about = about,
        .flags = flags,
        .flags_n = HC_LEN(flags),
        .min_args = 1,
        .max_args = -1,
    };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    p.source.globals = &cli.globals;
    p.source.tell_stdout = true;
    p.source.to_file = true;
    for (size_t i = 0; i < cli.args_n; i++) {
        p.source.ref = cli.args[i];
        if (pull_one(&p) != HC_OK)
            return hc_cli_fail(&p.err);
    }
    return 0;
}
