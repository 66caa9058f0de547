/*
 * The digest is over Go's JSON of two lists of Helm's dependency type, whose fields stand in the order that chart.c keeps.
 */
#include "charts-fetch/resolve/lock.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/value/json.h"
#include "core/value/yaml.h"

struct hc_dep hc_dep_of(const struct hc_val *entry)
{
    return (struct hc_dep){ hc_get_str(hc_map_getz(entry, "name")), hc_get_str(hc_map_getz(entry, "version")),
                            hc_get_str(hc_map_getz(entry, "repository")) };
}

static struct hc_val *list_of(struct hc_arena *a, const struct hc_dep *deps, size_t n)
{
    struct hc_val *list = hc_list_new(a);
    for (size_t i = 0; i < n; i++) {
        struct hc_val *e = hc_map_new(a);
        hc_map_put(a, e, HC_S("name"), hc_str_val(a, deps[i].name));
        if (deps[i].version.n)
            hc_map_put(a, e, HC_S("version"), hc_str_val(a, deps[i].version));
        hc_map_put(a, e, HC_S("repository"), hc_str_val(a, deps[i].repository));
        hc_list_add(a, list, e);
    }
    return list;
}

static enum hc_rc digest_of(struct hc_arena *a, const struct hc_val *doc, hc_str *out, struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    char hex[HC_SHA256_HEX + 1];
    hc_buf_init(&b, 0);
    hc_json_write(&b, doc, HC_JSON_HTML);
    if (hc_buf_check(&b, err, "lock") != HC_OK)
        return HC_E_NOMEM;
    hc_sha256_of(hc_buf_str(&b), hex);
    *out = hc_arena_printf(a, "sha256:%s", hex);
    return hc_arena_check(a, err, "lock");
}

/* What Chart.yaml asks for, with the repositories of `wanted`. */
static struct hc_val *asked(struct hc_arena *a, const struct hc_val *meta, const struct hc_dep *wanted, size_t n)
{
    struct hc_val *list = hc_val_copy(a, hc_map_getz(meta, "dependencies"));
    for (size_t i = 0; i < n && wanted; i++)
        if (wanted[i].repository.n)
            hc_map_put(a, hc_list_at(list, i), HC_S("repository"), hc_str_val(a, wanted[i].repository));
    return list;
}

static enum hc_rc digest_with(struct hc_arena *a, const struct hc_val *meta, const struct hc_dep *wanted, size_t n,
                              struct hc_val *locked, hc_str *out, struct hc_err *err)
{
    struct hc_val *both = hc_list_new(a);
    hc_list_add(a, both, asked(a, meta, wanted, n));
    hc_list_add(a, both, locked);
    return digest_of(a, both, out, err);
}

enum hc_rc hc_lock_digest(struct hc_arena *a, const struct hc_val *meta, const struct hc_dep *wanted,
                          const struct hc_dep *locked, size_t n, hc_str *out, struct hc_err *err)
{
    return digest_with(a, meta, wanted, n, list_of(a, locked, n), out, err);
}

enum hc_rc hc_lock_fits(struct hc_arena *a, const struct hc_chart *chart, const struct hc_dep *wanted, size_t n,
                        struct hc_err *err)
{
    hc_str has = hc_get_str_at(chart->lock_meta, "digest"), want;
    const struct hc_val *list = hc_map_getz(chart->lock_meta, "dependencies");
    struct hc_val *locked = hc_is_list(list) ? hc_val_copy(a, list) : hc_null_val(a);
    enum hc_rc rc = digest_with(a, chart->metadata, wanted, n, locked, &want, err);
    if (rc != HC_OK || hc_str_eq(has, want))
        return rc;
    if (!hc_str_eqz(chart->api_version, "v1"))
        return hc_fail(
            err, HC_E_INPUT,
            "the lock file (Chart.lock) is out of sync with the dependencies file (Chart.yaml). Please update "
            "the dependencies with 'helm dependency update'");
    /* Helm 2 took the digest of what is asked for alone, before aliases are resolved. */
    fputs("level=INFO msg=\"warning: a valid Helm v3 hash was not found. Checking against Helm v2 hash...\"\n",
          stderr);
    struct hc_val *doc = hc_map_new(a);
    hc_map_put(a, doc, HC_S("dependencies"), asked(a, chart->metadata, NULL, 0));
    rc = digest_of(a, doc, &want, err);
    if (rc != HC_OK || hc_str_eq(has, want))
        return rc;
    return hc_fail(
        err, HC_E_INPUT,
        "the lock file (requirements.lock) is out of sync with the dependencies file (requirements.yaml). "
        "Please update the dependencies");
}

enum hc_rc hc_lock_write(struct hc_arena *a, const char *dir, bool v1, const struct hc_dep *locked, size_t n,
                         hc_str digest, int64_t epoch, struct hc_err *err)
{
    const char *name = v1 ? "requirements.lock" : "Chart.lock";
    const char *path = hc_arena_printf(a, "%s/%s", dir, name).p;
    char text[48] = "", link[4096];
    struct stat st;
    struct tm tm;
    int64_t now = hc_now_ns();
    time_t at = (time_t)(epoch >= 0 ? epoch : now / 1000000000);
    if (gmtime_r(&at, &tm)) {
        size_t k = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
        if (epoch < 0)
            k += (size_t)snprintf(text + k, sizeof(text) - k, ".%09d", (int)(now % 1000000000));
        snprintf(text + k, sizeof(text) - k, "Z");
    }
    if (!path)
        return hc_fail_nomem(err);
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
        ssize_t k = readlink(path, link, sizeof(link) - 1);
        link[k > 0 ? k : 0] = 0;
        return hc_fail(err, HC_E_INPUT, "the %s file is a symlink to \"%s\"", name, link);
    }
    struct hc_val *lock = hc_map_new(a);
    hc_map_put(a, lock, HC_S("dependencies"), list_of(a, locked, n));
    hc_map_put(a, lock, HC_S("digest"), hc_str_val(a, digest));
    hc_map_put_strz(a, lock, "generated", text);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_yaml_write(&b, lock);
    enum hc_rc rc = hc_arena_check(a, err, "lock");
    if (rc == HC_OK)
        rc = hc_buf_check(&b, err, "lock");
    return rc == HC_OK ? hc_write_file(path, hc_buf_str(&b), 0644, err) : rc;
}
