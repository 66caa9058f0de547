/*
 * Resolve all, fetch and pack all beside charts/, put that in place, drop what is outdated, write the lock: a failure in
 * the first two steps leaves the chart as it was. Where charts/ holds no folders the new one takes its place in one step.
 */
#include "charts-fetch/resolve/deps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "charts-fetch/resolve/lock.h"
#include "charts-fetch/source/local.h"
#include "charts-fetch/source/save.h"
#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/scrub.h"
#include "core/base/semver.h"

struct update {
    struct hc_arena *a;
    const struct hc_deps_opts *o;
    const struct hc_chart *chart;
    struct hc_dep *wanted, *locked;
    size_t n;
    hc_str *files; /* base names of what was fetched or packed, absent where nothing was */
    hc_str tmp;
    struct hc_err *err;
};

static void say(const struct update *u, const char *fmt, ...) HC_PRINTF(2, 3);
static void say(const struct update *u, const char *fmt, ...)
{
    va_list args;
    if (!u->o->log)
        return;
    char line[8192];
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    hc_scrub_urls(line, true);
    fputs(line, u->o->log);
    fflush(u->o->log);
}

static bool is_file(hc_str repository)
{
    return hc_str_starts(repository, HC_S("file://"));
}

static bool is_local(hc_str repository)
{
    return !repository.n || is_file(repository);
}

static hc_str local_path(struct update *u, const struct hc_dep *d)
{
    if (!d->repository.n)
        return hc_arena_printf(u->a, "%s/charts/%.*s", u->o->dir, HC_P(d->name));
    hc_str p = hc_str_sub(d->repository, 7, d->repository.n);
    return hc_path_clean(u->a, p.n && *p.p == '/' ? p : hc_arena_printf(u->a, "%s/%.*s", u->o->dir, HC_P(p)));
}

static enum hc_rc there(struct update *u, hc_str path)
{
    struct stat st;
    if (hc_arena_spent(u->a))
        return hc_arena_check(u->a, u->err, "dependencies");
    if (stat(path.p, &st) < 0)
        return hc_fail(u->err, HC_E_NOTFOUND, "directory %.*s not found", HC_P(path));
    return HC_OK;
}

static enum hc_rc fits(struct update *u, const struct hc_dep *d, hc_str version, bool *out)
{
    struct hc_semrange *range = NULL;
    struct hc_semver v;
    if (hc_semrange_parse(u->a, d->version, &range, u->err) != HC_OK)
        return hc_wrap(u->err, "dependency \"%.*s\" has an invalid version/constraint format", HC_P(d->name));
    *out = version.n && hc_semver_parse(version, &v, NULL) == HC_OK && hc_semrange_fits(range, &v);
    return HC_OK;
}

/* ---- resolving: Resolver.Resolve ------------------------------------------------------------------------------- */

/* The version of one dependency. HC_E_NOTFOUND without a message: none fits. */
static enum hc_rc choose(struct update *u, const struct hc_dep *d, hc_str *out)
{
    bool good = false;
    enum hc_rc rc = fits(u, d, (hc_str){ NULL, 0 }, &good);
    if (rc != HC_OK)
        return rc;
    *out = d->version;
    if (!is_local(d->repository)) {
        rc = u->o->port->choose(u->o->port->ctx, u->a, d, out, u->err);
        if (rc == HC_E_NOTFOUND)
            hc_err_clear(u->err);
        return rc;
    }
    hc_str path = local_path(u, d);
    if ((rc = there(u, path)) != HC_OK)
        return rc;
    if (!d->repository.n)
        return HC_OK;
    HC_AUTO(hc_chart) struct hc_chart *c = NULL;
    rc = hc_chart_load_dir(path.p, &hc_chart_archives_once, &c, u->err);
    if (rc == HC_OK)
        rc = fits(u, d, c->version, &good);
    if (rc != HC_OK)
        return rc;
    *out = hc_arena_str(u->a, c->version);
    hc_err_clear(u->err);
    return good ? HC_OK : HC_E_NOTFOUND;
}

static enum hc_rc resolve(struct update *u)
{
    size_t missing = 0;
    HC_AUTO(hc_buf) struct hc_buf list;
    hc_buf_init(&list, 0);
    for (size_t i = 0; i < u->n; i++) {
        const struct hc_dep *d = &u->wanted[i];
        u->locked[i] = *d;
        hc_err_clear(u->err);
        enum hc_rc rc = choose(u, d, &u->locked[i].version);
        if (rc != HC_OK && (rc != HC_E_NOTFOUND || u->err->code))
            return rc;
        if (rc == HC_OK)
            continue;
        hc_buf_printf(&list, "%s\"%.*s\" (repository \"%.*s\", version \"%.*s\")", missing ? ", " : "",
                      HC_P(d->name), HC_P(d->repository), HC_P(d->version));
        missing++;
    }
    if (!missing)
        return HC_OK;
    return hc_fail(
        u->err, HC_E_INPUT,
        "can't get a valid version for %zu subchart(s): %.*s. Make sure a matching chart version exists in "
        "the repo, or change the version constraint in Chart.yaml",
        missing, HC_P(hc_buf_str(&list)));
}

/* ---- getting: Manager.downloadAll ------------------------------------------------------------------------------ */

/* A chart that lies in charts/ stays there; it only has to fit. */
static enum hc_rc check_own(struct update *u, const struct hc_dep *d)
{
    bool good = false;
    hc_str path = local_path(u, d);
    HC_AUTO(hc_chart) struct hc_chart *c = NULL;
    say(u, "Dependency %.*s did not declare a repository. Assuming it exists in the charts directory\n",
        HC_P(d->name));
    enum hc_rc rc = hc_arena_check(u->a, u->err, "dependencies");
    if (rc == HC_OK && hc_chart_load_dir(path.p, &hc_chart_archives_once, &c, u->err) != HC_OK)
        return hc_wrap(u->err, "unable to load chart '%.*s'", HC_P(path));
    if (rc == HC_OK)
        rc = fits(u, d, c->version, &good);
    if (rc != HC_OK || good)
        return rc;
    return hc_fail(u->err, HC_E_INPUT, "dependency %.*s at version %.*s does not satisfy the constraint %.*s",
                   HC_P(d->name), HC_P(c->version), HC_P(d->version));
}

static enum hc_rc pack_local(struct update *u, size_t i)
{
    struct hc_dep *d = &u->locked[i];
    bool good = false;
    hc_str path = local_path(u, d), saved;
    HC_AUTO(hc_chart) struct hc_chart *c = NULL;
    enum hc_rc rc = there(u, path);
    if (rc == HC_OK)
        rc = hc_chart_load_dir(path.p, &hc_chart_archives_once, &c, u->err);
    if (rc == HC_OK)
        rc = fits(u, d, c->version, &good);
    if (rc != HC_OK)
        return rc;
    if (!good)
        return hc_fail(u->err, HC_E_INPUT, "can't get a valid version for dependency %.*s", HC_P(d->name));
    d->version = hc_arena_str(u->a, c->version);
    const struct hc_save_opts opts = { .epoch = u->o->epoch, .dir = path.p };
    rc = hc_chart_save(u->a, c, &opts, u->tmp.p, &saved, u->err);
    if (rc == HC_OK)
        u->files[i] = hc_str_sub(saved, hc_str_rfind(saved, '/') + 1, saved.n);
    return rc;
}

static enum hc_rc get_all(struct update *u)
{
    say(u, "Saving %zu charts\n", u->n);
    for (size_t i = 0; i < u->n; i++) {
        const struct hc_dep *d = &u->locked[i];
        bool own = !d->repository.n;
        enum hc_rc rc = own ? check_own(u, d)
                        : is_file(d->repository)
                            ? pack_local(u, i)
                            : u->o->port->fetch(u->o->port->ctx, u->a, d, u->tmp.p, &u->files[i], u->err);
        if (rc == HC_OK)
            continue;
        if (!hc_str_starts(hc_str_of(u->err->msg), HC_S("unable to load chart '")))
            say(u, "Save error occurred:  %s\n", u->err->msg);
        return rc;
    }
    return HC_OK;
}

/* ---- putting in place: Manager.safeMoveDeps -------------------------------------------------------------------- */

static bool is_new(const struct update *u, const char *name)
{
    for (size_t i = 0; i < u->n; i++)
        if (hc_str_eqz(u->files[i], name))
            return true;
    return false;
}

/* A file of charts/ that nothing depends on any more: an archive that loads and is none of the charts without a
 * repository. What is no chart stays, with a word about it. */
static bool is_outdated(struct update *u, const char *path)
{
    HC_AUTO(hc_chart) struct hc_chart *c = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (hc_chart_load_path(path, &hc_chart_archives_once, &c, &err) != HC_OK) {
        say(u, "Could not verify %s for deletion: %s (Skipping)\n", path, err.msg);
        return false;
    }
    for (size_t i = 0; i < u->n; i++)
        if (!u->locked[i].repository.n && hc_str_eq(u->locked[i].name, c->name))
            return false;
    return true;
}

struct old_charts {
    const char **kept, **gone; /* base names of files */
    size_t kept_n, gone_n;
    bool folders;
};

static int by_name(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* Files of charts/ that are not replaced, in order of their names. */
static enum hc_rc read_old(struct update *u, const char *charts, struct old_charts *out)
{
    DIR *d = opendir(charts);
    const char **names = NULL;
    size_t n = 0, cap = 0;
    if (!d)
        return hc_fail_errno(u->err, "open", charts);
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (fstatat(dirfd(d), e->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode)) {
            out->folders = true;
            continue;
        }
        if (is_new(u, e->d_name))
            continue;
        if (n == cap) {
            const char **more = HC_NEW_N(u->a, const char *, cap = cap ? cap * 2 : 32);
            if (!more)
                break;
            if (n)
                memcpy(more, names, n * sizeof(*more));
            names = more;
        }
        names[n++] = hc_arena_strz(u->a, hc_str_of(e->d_name));
    }
    closedir(d);
    if (n)
        qsort(names, n, sizeof(*names), by_name);
    out->kept = HC_NEW_N(u->a, const char *, n + 1);
    out->gone = HC_NEW_N(u->a, const char *, n + 1);
    if (hc_arena_spent(u->a))
        return hc_arena_check(u->a, u->err, "charts/");
    say(u, "Deleting outdated charts\n");
    for (size_t i = 0; i < n; i++) {
        const char *path = hc_arena_printf(u->a, "%s/%s", charts, names[i]).p;
        if (path && is_outdated(u, path))
            out->gone[out->gone_n++] = names[i];
        else
            out->kept[out->kept_n++] = names[i];
    }
    return hc_arena_check(u->a, u->err, "charts/");
}

/* The new folder with all that stays, exchanged for the old one. False: that cannot be done here. */
static bool exchange(struct update *u, const char *charts, const struct old_charts *old)
{
    struct stat st;
    if (old->folders || lstat(charts, &st) < 0 || !S_ISDIR(st.st_mode) || chmod(u->tmp.p, st.st_mode & 07777) < 0)
        return false;
    for (size_t i = 0; i < old->kept_n; i++) {
        const char *from = hc_arena_printf(u->a, "%s/%s", charts, old->kept[i]).p;
        const char *to = hc_arena_printf(u->a, "%.*s/%s", HC_P(u->tmp), old->kept[i]).p;
        if (!from || !to || linkat(AT_FDCWD, from, AT_FDCWD, to, 0) < 0)
            return false;
    }
    return renameat2(AT_FDCWD, u->tmp.p, AT_FDCWD, charts, RENAME_EXCHANGE) == 0;
}

static enum hc_rc one_by_one(struct update *u, const char *charts, const struct old_charts *old)
{
    for (size_t i = 0; i < u->n; i++) {
        if (!u->files[i].n)
            continue;
        const char *from = hc_arena_printf(u->a, "%.*s/%.*s", HC_P(u->tmp), HC_P(u->files[i])).p;
        const char *to = hc_arena_printf(u->a, "%s/%.*s", charts, HC_P(u->files[i])).p;
        if (!from || !to)
            return hc_arena_check(u->a, u->err, "dependencies");
        if (rename(from, to) < 0 && errno != ENOENT) /* listed twice under aliases: moved already */
            return hc_fail_errno(u->err, "move", to);
    }
    for (size_t i = 0; i < old->gone_n; i++) {
        const char *path = hc_arena_printf(u->a, "%s/%s", charts, old->gone[i]).p;
        if (path && unlink(path) < 0)
            say(u, "Could not delete %s: %s (Skipping)", path, strerror(errno));
    }
    return HC_OK;
}

static enum hc_rc fill_charts(struct update *u)
{
    const char *charts = hc_arena_printf(u->a, "%s/charts", u->o->dir).p;
    struct old_charts old = { .folders = false };
    struct stat st;
    u->tmp = hc_arena_printf(u->a, "%s/tmpcharts-%ld", u->o->dir, (long)getpid());
    enum hc_rc rc = hc_arena_check(u->a, u->err, "dependencies");
    if (rc != HC_OK)
        return rc;
    if (stat(charts, &st) == 0 && !S_ISDIR(st.st_mode))
        return hc_fail(u->err, HC_E_INPUT, "\"%s\" is not a directory", charts);
    rc = hc_mkdirs(charts, 0755, u->err);
    if (rc == HC_OK)
        rc = hc_mkdirs(u->tmp.p, 0755, u->err);
    if (rc == HC_OK)
        rc = get_all(u);
    if (rc == HC_OK)
        rc = read_old(u, charts, &old);
    if (rc == HC_OK && !exchange(u, charts, &old))
        rc = one_by_one(u, charts, &old);
    hc_remove_tree(u->tmp.p, NULL);
    return rc;
}

/* ---- the two verbs --------------------------------------------------------------------------------------------- */

static enum hc_rc known(struct update *u, struct hc_dep *deps, bool locked)
{
    const struct hc_deps_port *port = u->o->port;
    for (size_t i = 0; i < u->n && !port; i++)
        if (!is_local(deps[i].repository))
            return hc_fail(u->err, HC_E_INPUT,
                           "dependency %.*s comes from %.*s: only dependencies on this machine (file://PATH) are "
                           "updated here; put the chart into charts/ first",
                           HC_P(deps[i].name), HC_P(deps[i].repository));
    for (size_t i = 0; i < u->n && !locked; i++)
        if (is_file(deps[i].repository)) {
            enum hc_rc rc = there(u, local_path(u, &deps[i]));
            if (rc != HC_OK)
                return rc;
        }
    return port ? port->names(port->ctx, u->a, deps, u->n, u->err) : HC_OK;
}

static enum hc_rc refresh(struct update *u, const struct hc_dep *deps, bool locked)
{
    const struct hc_deps_port *port = u->o->port;
    return port ? port->refresh(port->ctx, deps, u->n, locked, u->err) : HC_OK;
}

static enum hc_rc update(struct update *u)
{
    hc_str digest;
    enum hc_rc rc = known(u, u->wanted, false);
    if (rc == HC_OK)
        rc = refresh(u, u->wanted, false);
    if (rc == HC_OK)
        rc = resolve(u);
    if (rc == HC_OK)
        rc = fill_charts(u);
    if (rc == HC_OK)
        rc = hc_lock_digest(u->a, u->chart->metadata, u->wanted, u->locked, u->n, &digest, u->err);
    if (rc != HC_OK || hc_str_eq(hc_get_str_at(u->chart->lock_meta, "digest"), digest))
        return rc;
    return hc_lock_write(u->a, u->o->dir, hc_str_eqz(u->chart->api_version, "v1"), u->locked, u->n, digest,
                         u->o->epoch, u->err);
}

static enum hc_rc build(struct update *u)
{
    enum hc_rc rc = known(u, u->wanted, false);
    if (rc == HC_OK)
        rc = hc_lock_fits(u->a, u->chart, u->wanted, u->n, u->err);
    const struct hc_val *list = hc_map_getz(u->chart->lock_meta, "dependencies");
    if (rc != HC_OK)
        return rc;
    u->n = hc_list_len(list);
    for (size_t i = 0; i < u->n; i++)
        u->locked[i] = hc_dep_of(hc_list_at(list, i));
    if (!u->o->port)
        rc = known(u, u->locked, true);
    if (rc == HC_OK)
        rc = refresh(u, u->locked, true);
    return rc == HC_OK ? fill_charts(u) : rc;
}

static enum hc_rc run(const struct hc_deps_opts *o, bool by_lock, struct hc_err *err)
{
    struct hc_err own = HC_ERR_INIT;
    struct stat st;
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct update u = { .a = a, .o = o, .err = err ? err : &own };
    if (!a)
        return hc_fail_nomem(u.err);
    if (stat(o->dir, &st) < 0)
        return hc_fail(u.err, HC_E_NOTFOUND, "could not find %s: stat %s: no such file or directory", o->dir,
                       o->dir);
    if (!S_ISDIR(st.st_mode))
        return hc_fail(u.err, HC_E_INPUT, "only unpacked charts can be updated");
    enum hc_rc rc = hc_chart_load_dir(o->dir, &hc_chart_archives_once, &chart, u.err);
    if (rc != HC_OK)
        return rc;
    by_lock = by_lock && chart->lock_meta;
    if (!chart->deps_n && !by_lock)
        return HC_OK;
    u.chart = chart;
    u.n = chart->deps_n;
    size_t most = HC_MAX(u.n, hc_list_len(hc_map_getz(chart->lock_meta, "dependencies"))) + 1;
    u.wanted = HC_NEW_N(a, struct hc_dep, most);
    u.locked = HC_NEW_N(a, struct hc_dep, most);
    u.files = HC_NEW_N(a, hc_str, most);
    if (hc_arena_spent(a))
        return hc_arena_check(a, u.err, "dependencies");
    for (size_t i = 0; i < u.n; i++)
        u.wanted[i] = (struct hc_dep){ chart->deps[i].name, chart->deps[i].version, chart->deps[i].repository };
    return by_lock ? build(&u) : update(&u);
}

enum hc_rc hc_deps_update(const struct hc_deps_opts *o, struct hc_err *err)
{
    return run(o, false, err);
}

enum hc_rc hc_deps_build(const struct hc_deps_opts *o, struct hc_err *err)
{
    return run(o, true, err);
}

bool hc_deps_are_local(const char *dir)
{
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    if (hc_chart_load_dir(dir, &hc_chart_archives_once, &chart, NULL) != HC_OK)
        return true;
    for (size_t i = 0; i < chart->deps_n; i++)
        if (!is_local(chart->deps[i].repository))
            return false;
    const struct hc_val *list = hc_map_getz(chart->lock_meta, "dependencies");
    for (size_t i = 0; i < hc_list_len(list); i++)
        if (!is_local(hc_dep_of(hc_list_at(list, i)).repository))
            return false;
    return true;
}
