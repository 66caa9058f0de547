/*
 * Pack all, then move all, then drop what is outdated, then write the lock: a failure in the first step leaves the
 * chart as it was.
 */
#include "charts-fetch/resolve/local_deps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "charts-fetch/source/local.h"
#include "charts-fetch/source/save.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/semver.h"
#include "core/value/json.h"
#include "core/value/yaml.h"

struct update {
    struct hc_arena *a;
    const char *dir;
    int64_t epoch;
    const struct hc_chart *chart;
    struct hc_val *locked; /* list of {name, version, repository} */
    hc_str *packed;        /* base names, absent where nothing is packed */
    hc_str tmp;
    struct hc_buf *log;
    struct hc_err *err;
};

static hc_str local_path(struct update *u, const struct hc_chart_dep *d)
{
    if (!d->repository.n)
        return hc_arena_printf(u->a, "%s/charts/%.*s", u->dir, HC_P(d->name));
    hc_str p = hc_str_sub(d->repository, 7, d->repository.n);
    return hc_path_clean(u->a, p.n && *p.p == '/' ? p : hc_arena_printf(u->a, "%s/%.*s", u->dir, HC_P(p)));
}

static enum hc_rc fits(struct update *u, const struct hc_chart_dep *d, const struct hc_chart *c, bool *out)
{
    struct hc_semrange *range = NULL;
    struct hc_semver v;
    if (hc_semrange_parse(u->a, d->version, &range, u->err) != HC_OK)
        return hc_wrap(u->err, "dependency \"%.*s\" has an invalid version/constraint format", HC_P(d->name));
    *out = hc_semver_parse(c->version, &v, NULL) == HC_OK && hc_semrange_fits(range, &v);
    return HC_OK;
}

static enum hc_rc one(struct update *u, size_t i)
{
    const struct hc_chart_dep *d = &u->chart->deps[i];
    struct stat st;
    bool good = false, own = !d->repository.n;
    hc_str path = local_path(u, d), saved;
    HC_AUTO(hc_chart) struct hc_chart *c = NULL;
    if (hc_arena_spent(u->a))
        return hc_arena_check(u->a, u->err, "dependencies");
    if (stat(path.p, &st) < 0)
        return hc_fail(u->err, HC_E_NOTFOUND, "directory %.*s not found", HC_P(path));
    enum hc_rc rc = hc_chart_load_dir(path.p, &hc_chart_archives_once, &c, u->err);
    if (rc == HC_OK)
        rc = fits(u, d, c, &good);
    if (rc != HC_OK)
        return rc;
    if (!good && own)
        return hc_fail(u->err, HC_E_INPUT, "dependency %.*s at version %.*s does not satisfy the constraint %.*s",
                       HC_P(d->name), HC_P(c->version), HC_P(d->version));
    if (!good)
        return hc_fail(
            u->err, HC_E_INPUT,
            "can't get a valid version for 1 subchart(s): \"%.*s\" (repository \"%.*s\", version \"%.*s\"). "
            "Make sure a matching chart version exists in the repo, or change the version constraint in "
            "Chart.yaml",
            HC_P(d->name), HC_P(d->repository), HC_P(d->version));
    struct hc_val *lock = hc_map_new(u->a);
    hc_map_put(u->a, lock, HC_S("name"), hc_str_val(u->a, d->name));
    hc_map_put(u->a, lock, HC_S("version"), hc_str_val(u->a, own ? d->version : c->version));
    hc_map_put(u->a, lock, HC_S("repository"), hc_str_val(u->a, d->repository));
    hc_list_add(u->a, u->locked, lock);
    if (own) {
        hc_buf_printf(u->log,
                      "Dependency %.*s did not declare a repository. Assuming it exists in the charts directory\n",
                      HC_P(d->name));
        return HC_OK;
    }
    const struct hc_save_opts opts = { .epoch = u->epoch, .dir = path.p };
    rc = hc_chart_save(u->a, c, &opts, u->tmp.p, &saved, u->err);
    if (rc == HC_OK)
        u->packed[i] = hc_str_sub(saved, hc_str_rfind(saved, '/') + 1, saved.n);
    return rc;
}

static enum hc_rc move_all(struct update *u)
{
    for (size_t i = 0; i < u->chart->deps_n; i++) {
        if (!u->packed[i].n)
            continue;
        hc_str from = hc_arena_printf(u->a, "%.*s/%.*s", HC_P(u->tmp), HC_P(u->packed[i]));
        hc_str to = hc_arena_printf(u->a, "%s/charts/%.*s", u->dir, HC_P(u->packed[i]));
        if (hc_arena_spent(u->a))
            return hc_arena_check(u->a, u->err, "dependencies");
        if (rename(from.p, to.p) < 0 && errno != ENOENT) /* listed twice under aliases: moved already */
            return hc_fail_errno(u->err, "move", to.p);
    }
    return HC_OK;
}

/* Archives in charts/ that are none of those just packed go, but for charts without a repository. */
static void drop_outdated(struct update *u)
{
    hc_str charts = hc_arena_printf(u->a, "%s/charts", u->dir);
    DIR *d = charts.p ? opendir(charts.p) : NULL;
    hc_buf_puts(u->log, "Deleting outdated charts\n");
    for (struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        bool keep = false;
        hc_str path = hc_arena_printf(u->a, "%.*s/%s", HC_P(charts), e->d_name);
        if (!path.p || stat(path.p, &st) < 0 || S_ISDIR(st.st_mode))
            continue;
        for (size_t i = 0; i < u->chart->deps_n && !keep; i++)
            keep = hc_str_eqz(u->packed[i], e->d_name);
        if (keep)
            continue;
        HC_AUTO(hc_chart) struct hc_chart *c = NULL;
        struct hc_err err = HC_ERR_INIT;
        if (hc_chart_load_path(path.p, &hc_chart_archives_once, &c, &err) != HC_OK) {
            hc_buf_printf(u->log, "Could not verify %.*s for deletion: %s (Skipping)\n", HC_P(path), err.msg);
            continue;
        }
        for (size_t i = 0; i < u->chart->deps_n && !keep; i++)
            keep = !u->chart->deps[i].repository.n && hc_str_eq(u->chart->deps[i].name, c->name);
        if (!keep)
            unlink(path.p);
    }
    if (d)
        closedir(d);
}

/* The digest of Helm's lock: over the JSON of what is asked for and what was found. */
static hc_str digest(struct update *u)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    char hex[HC_SHA256_HEX + 1];
    struct hc_val *both = hc_list_new(u->a);
    hc_list_add(u->a, both, hc_map_getz(u->chart->metadata, "dependencies"));
    hc_list_add(u->a, both, u->locked);
    hc_buf_init(&b, 0);
    hc_json_write(&b, both, HC_JSON_HTML);
    hc_sha256_of(hc_buf_str(&b), hex);
    return hc_arena_printf(u->a, "sha256:%s", hex);
}

static enum hc_rc write_lock(struct update *u)
{
    bool v1 = hc_str_eqz(u->chart->api_version, "v1");
    hc_str sum = digest(u);
    if (hc_str_eq(hc_get_str_at(u->chart->lock_meta, "digest"), sum))
        return HC_OK;
    struct hc_val *lock = hc_map_new(u->a);
    char text[48] = "";
    struct tm tm;
    time_t at = u->epoch >= 0 ? (time_t)u->epoch : time(NULL);
    if (gmtime_r(&at, &tm))
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    hc_map_put(u->a, lock, HC_S("dependencies"), u->locked);
    hc_map_put(u->a, lock, HC_S("digest"), hc_str_val(u->a, sum));
    hc_map_put_strz(u->a, lock, "generated", text);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_yaml_write(&b, lock);
    hc_str path = hc_arena_printf(u->a, "%s/%s", u->dir, v1 ? "requirements.lock" : "Chart.lock");
    enum hc_rc rc = hc_arena_check(u->a, u->err, "dependencies");
    return rc == HC_OK ? hc_write_file(path.p, hc_buf_str(&b), 0644, u->err) : rc;
}

static enum hc_rc update(struct update *u)
{
    const struct hc_chart *c = u->chart;
    for (size_t i = 0; i < c->deps_n; i++)
        if (c->deps[i].repository.n && !hc_str_starts(c->deps[i].repository, HC_S("file://")))
            return hc_fail(u->err, HC_E_INPUT,
                           "dependency %.*s comes from %.*s: only dependencies on this machine (file://PATH) are "
                           "updated here; put the chart into charts/ first",
                           HC_P(c->deps[i].name), HC_P(c->deps[i].repository));
    hc_str charts = hc_arena_printf(u->a, "%s/charts", u->dir);
    u->tmp = hc_arena_printf(u->a, "%s/tmpcharts-%ld", u->dir, (long)getpid());
    enum hc_rc rc = hc_arena_check(u->a, u->err, "dependencies");
    if (rc != HC_OK)
        return rc;
    rc = hc_mkdirs(u->tmp.p, 0755, u->err);
    hc_buf_printf(u->log, "Saving %zu charts\n", c->deps_n);
    for (size_t i = 0; i < c->deps_n && rc == HC_OK; i++)
        rc = one(u, i);
    if (rc == HC_OK)
        rc = hc_mkdirs(charts.p, 0755, u->err);
    if (rc == HC_OK)
        rc = move_all(u);
    hc_remove_tree(u->tmp.p, NULL);
    if (rc != HC_OK)
        return rc;
    drop_outdated(u);
    return write_lock(u);
}

enum hc_rc hc_local_deps_update(const char *dir, int64_t epoch, struct hc_buf *log, struct hc_err *err)
{
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    enum hc_rc rc = hc_chart_load_dir(dir, &hc_chart_archives_once, &chart, err);
    if (rc != HC_OK || !chart->deps_n)
        return rc;
    struct update u = { .a = a, .dir = dir, .epoch = epoch, .chart = chart, .log = log, .err = err };
    u.locked = hc_list_new(a);
    u.packed = HC_NEW_N(a, hc_str, chart->deps_n);
    rc = hc_arena_check(a, err, "dependencies");
    return rc == HC_OK ? update(&u) : rc;
}
