/*
 * helmctl repo index: an index.yaml over the packed charts of a folder (Helm pkg/repo/v1/index.go, pkg/cmd/repo_index.go).
 * Archives that are no charts are passed by. With --merge, versions that only the other index has are kept.
 */
#include "helmctl/cli/repo_index.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "charts-fetch/source/local.h"
#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/base/semver.h"
#include "core/value/json.h"
#include "core/value/yaml.h"

struct index {
    struct hc_arena *a;
    const struct hc_repo_index *o;
    struct hc_val *entries;
    struct hc_err *err;
};

/* As Go prints the hour: nanoseconds without zeros at their end. */
static hc_str now(struct hc_arena *a)
{
    struct timespec t;
    struct tm tm;
    char date[32], nanos[16];
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &tm);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    int n = snprintf(nanos, sizeof(nanos), ".%09ld", t.tv_nsec);
    while (n > 0 && nanos[n - 1] == '0')
        n--;
    return hc_arena_printf(a, "%s%.*sZ", date, n > 1 ? n : 0, nanos);
}

/* ---- addresses ----------------------------------------------------------------------------------------------- */

/* What net/url leaves as it is in a path. */
static bool plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-_.~$&+,/:;=@", c) != NULL);
}

static hc_str escaped(struct hc_arena *a, hc_str s)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < s.n; i++)
        if (plain(s.p[i]))
            hc_buf_putc(&b, s.p[i]);
        else
            hc_buf_printf(&b, "%%%02X", (unsigned char)s.p[i]);
    return hc_buf_to_arena(&b, a);
}

static bool is_hex(hc_str s, size_t at)
{
    return at < s.n && hc_hex_digit(s.p[at]) >= 0;
}

/* The same of what is a path in an address already: what is escaped stays so. */
static hc_str escaped_once(struct hc_arena *a, hc_str s)
{
    hc_str out = HC_S("");
    size_t from = 0;
    for (size_t i = 0; i <= s.n; i++)
        if (i == s.n || (s.p[i] == '%' && is_hex(s, i + 1) && is_hex(s, i + 2))) {
            out = hc_arena_printf(a, "%.*s%.*s%s", HC_P(out), HC_P(escaped(a, hc_str_sub(s, from, i))),
                                  i == s.n ? "" : "%");
            from = i + 1;
        }
    return out;
}

/* Helm's urlutil.URLJoin: the path of the address goes on with `more`; what follows a path in it stays behind. */
static hc_str joined(struct hc_arena *a, hc_str base, hc_str more)
{
    if (!more.n)
        return base;
    size_t scheme = hc_str_find_str(base, HC_S("://")), at = 0;
    if (scheme != SIZE_MAX) {
        at = scheme + 3;
        while (at < base.n && !strchr("/?#", base.p[at]))
            at++;
    } else {
        base = escaped_once(a, base);
        more = escaped(a, more);
        return hc_path_clean(a, base.n ? hc_arena_printf(a, "%.*s/%.*s", HC_P(base), HC_P(more)) : more);
    }
    size_t end = at;
    while (end < base.n && base.p[end] != '?' && base.p[end] != '#')
        end++;
    hc_str path = hc_path_clean(
        a,
        hc_arena_printf(a, "/%.*s/%.*s", HC_P(escaped_once(a, hc_str_sub(base, at, end))), HC_P(escaped(a, more))));
    return hc_arena_printf(a, "%.*s%.*s%.*s", HC_P(hc_str_sub(base, 0, at)), HC_P(path),
                           HC_P(hc_str_sub(base, end, base.n)));
}

/* ---- entries ------------------------------------------------------------------------------------------------- */

static bool same_version(hc_str x, hc_str y)
{
    struct hc_semver a, b;
    return hc_str_eq(x, y) || (hc_semver_parse(x, &a, NULL) == HC_OK && hc_semver_parse(y, &b, NULL) == HC_OK &&
                               hc_semver_cmp(&a, &b) == 0);
}

static struct hc_val *versions_of(struct index *x, hc_str name)
{
    struct hc_val *list = hc_map_get(x->entries, name);
    if (!list) {
        list = hc_list_new(x->a);
        hc_map_put(x->a, x->entries, name, list);
    }
    return list;
}

static enum hc_rc add(struct index *x, const char *path, hc_str parent, hc_str file)
{
    HC_AUTO(hc_chart) struct hc_chart *c = NULL;
    struct hc_err why = HC_ERR_INIT;
    enum hc_rc rc = hc_chart_load_path(path, &hc_chart_archives, &c, &why);
    if (rc != HC_OK)
        return rc == HC_E_NOMEM ? hc_err_copy(x->err, &why) : HC_OK; /* Helm: no chart, so none of ours */
    struct hc_val *e = hc_val_clone(x->a, c->metadata), *urls = hc_list_new(x->a);
    if (!hc_get_str_at(e, "apiVersion").n)
        hc_map_put_strz(x->a, e, "apiVersion", "v1");
    hc_list_add(x->a, urls, hc_str_val(x->a, parent.n ? joined(x->a, parent, file) : file));
    hc_map_put(x->a, e, HC_S("urls"), urls);
    hc_map_put_str(x->a, e, "created", now(x->a));
    hc_map_put_str(x->a, e, "digest",
                   hc_arena_str(x->a, hc_str_sub(c->digest, sizeof("sha256:") - 1, c->digest.n)));
    hc_list_add(x->a, versions_of(x, hc_arena_str(x->a, c->name)), e);
    return hc_arena_check(x->a, x->err, "index");
}

static int by_name(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* The names in a folder, sorted; those that cannot be read are none. */
static size_t names_in(struct hc_arena *a, const char *dir, const char ***out)
{
    size_t n = 0, cap = 64;
    const char **names = HC_NEW_N(a, const char *, cap);
    DIR *d = opendir(dir);
    for (struct dirent *e; names && d && (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (n == cap) {
            const char **more = HC_NEW_N(a, const char *, cap * 2);
            if (more)
                memcpy(more, names, n * sizeof(*names));
            names = more;
            cap *= 2;
        }
        if (names)
            names[n++] = hc_arena_strz(a, hc_str_of(e->d_name));
    }
    if (d)
        closedir(d);
    if (!names || hc_arena_spent(a))
        n = 0;
    if (n)
        qsort(names, n, sizeof(*names), by_name);
    *out = names;
    return n;
}

static enum hc_rc add_folder(struct index *x, const char *dir, hc_str url)
{
    const char **names;
    size_t n = names_in(x->a, dir, &names);
    for (size_t i = 0; i < n; i++) {
        if (!hc_str_ends(hc_str_of(names[i]), HC_S(".tgz")))
            continue;
        hc_str path = hc_arena_printf(x->a, "%s/%s", dir, names[i]);
        enum hc_rc rc = path.p ? add(x, path.p, url, hc_str_of(names[i])) : hc_fail_nomem(x->err);
        if (rc != HC_OK)
            return rc;
    }
    return hc_arena_check(x->a, x->err, "index");
}

/* The folder and those in it, not deeper. */
static enum hc_rc add_all(struct index *x)
{
    hc_str url = hc_str_of(x->o->url ? x->o->url : "");
    const char **names;
    enum hc_rc rc = add_folder(x, x->o->dir, url);
    size_t n = rc == HC_OK ? names_in(x->a, x->o->dir, &names) : 0;
    for (size_t i = 0; i < n && rc == HC_OK; i++) {
        hc_str path = hc_arena_printf(x->a, "%s/%s", x->o->dir, names[i]);
        rc = path.p ? add_folder(x, path.p, joined(x->a, url, hc_str_of(names[i]))) : hc_fail_nomem(x->err);
    }
    return rc;
}

/* ---- the other index ----------------------------------------------------------------------------------------- */

/* The fields Helm's type has, in its order. */
static const char *const known[] = { "name",         "home",        "sources",    "version",       "description",
                                     "keywords",     "maintainers", "icon",       "apiVersion",    "condition",
                                     "tags",         "appVersion",  "deprecated", "annotations",   "kubeVersion",
                                     "dependencies", "type",        "urls",       "created",       "removed",
                                     "digest",       "checksum",    "engine",     "tillerVersion", "url" };

static bool is_empty(const struct hc_val *v)
{
    return hc_kind_of(v) == HC_NULL || (hc_is_str(v) && !hc_get_str(v).n) || (hc_kind_of(v) == HC_BOOL && !v->b) ||
           (hc_kind_of(v) == HC_LIST && !hc_list_len(v)) || (hc_is_map(v) && !hc_map_len(v));
}

/* Helm reads the other index strictly. */
static enum hc_rc check_fields(struct index *x, const struct hc_val *map, const char *const *names, size_t n)
{
    for (size_t i = 0; i < hc_map_len(map); i++) {
        hc_str key = hc_map_at(map, i)->key;
        bool ok = false;
        for (size_t j = 0; j < n && !ok; j++)
            ok = hc_str_eqz(key, names[j]);
        if (!ok)
            return hc_fail(
                x->err, HC_E_INPUT,
                "merge failed: error loading %s: error unmarshaling JSON: while decoding JSON: json: unknown "
                "field \"%.*s\"",
                x->o->merge, HC_P(key));
    }
    return HC_OK;
}

static enum hc_rc take_over(struct index *x, const struct hc_val *other)
{
    const struct hc_val *all = hc_map_getz(other, "entries");
    for (size_t i = 0; i < hc_map_len(all); i++) {
        hc_str name = hc_map_at(all, i)->key;
        const struct hc_val *list = hc_map_at(all, i)->val;
        for (size_t j = 0; j < hc_list_len(list); j++) {
            const struct hc_val *theirs = hc_list_at(list, j), *have = hc_map_get(x->entries, name);
            hc_str version = hc_get_str_at(theirs, "version");
            enum hc_rc rc = check_fields(x, theirs, known, HC_LEN(known));
            if (rc != HC_OK)
                return rc;
            struct hc_semver v;
            bool there = hc_semver_parse(version, &v, NULL) != HC_OK; /* an entry that Helm drops as it reads */
            for (size_t k = 0; k < hc_list_len(have) && !there; k++)
                there = same_version(hc_get_str_at(hc_list_at(have, k), "version"), version);
            if (there)
                continue;
            struct hc_val *e = hc_map_new(x->a);
            for (size_t k = 0; k < HC_LEN(known); k++) {
                const struct hc_val *field = hc_map_getz(theirs, known[k]);
                if (field && (!is_empty(field) || strcmp(known[k], "urls") == 0))
                    hc_map_put(x->a, e, hc_str_of(known[k]), hc_val_copy(x->a, field));
                else if (strcmp(known[k], "created") == 0) /* Go's zero */
                    hc_map_put_strz(x->a, e, "created", "0001-01-01T00:00:00Z");
                else if (strcmp(known[k], "apiVersion") == 0)
                    hc_map_put_strz(x->a, e, "apiVersion", "v1");
            }
            hc_list_add(x->a, versions_of(x, name), e);
        }
    }
    return hc_arena_check(x->a, x->err, "index");
}

static enum hc_rc write_index(struct index *x, const struct hc_val *entries, const char *path)
{
    struct hc_val *doc = hc_map_new(x->a);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_map_put_strz(x->a, doc, "apiVersion", "v1");
    hc_map_put_str(x->a, doc, "generated", now(x->a));
    hc_map_put(x->a, doc, HC_S("entries"), hc_val_copy(x->a, entries));
    if (x->o->json)
        hc_json_write(&b, doc, HC_JSON_HTML | HC_JSON_INDENT2);
    else
        hc_yaml_write(&b, doc);
    enum hc_rc rc = hc_arena_check(x->a, x->err, "index");
    if (rc == HC_OK)
        rc = hc_buf_check(&b, x->err, "index");
    return rc == HC_OK ? hc_write_file_as(path, hc_buf_str(&b), 0644, x->err) : rc;
}

static enum hc_rc merge(struct index *x)
{
    hc_str text;
    struct hc_val *other = NULL;
    struct hc_err why = HC_ERR_INIT;
    if (access(x->o->merge, F_OK) != 0)
        return write_index(x, hc_map_new(x->a), x->o->merge);
    enum hc_rc rc = hc_read_file(x->a, AT_FDCWD, x->o->merge, HC_MAX_BUF, &text, &why);
    if (rc == HC_OK && (rc = hc_yaml_parse(x->a, text, hc_str_of(x->o->merge), 0, &other, &why)) != HC_OK)
        hc_wrap(&why, "error converting YAML to JSON");
    static const char *const top[] = { "serverInfo", "apiVersion", "generated",
                                       "entries",    "publicKeys", "annotations" };
    if (rc == HC_OK && !text.n)
        rc = hc_fail(&why, HC_E_INPUT, "empty index.yaml file");
    else if (rc == HC_OK && other && hc_kind_of(other) != HC_NULL && !hc_is_map(other))
        rc = hc_fail(
            &why, HC_E_INPUT,
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal %s into Go value of type "
            "repo.IndexFile",
            hc_json_kind_name(other));
    else if (rc == HC_OK && !hc_get_str_at(other, "apiVersion").n)
        rc = hc_fail(&why, HC_E_INPUT, "no API version specified");
    if (rc != HC_OK)
        return hc_fail(x->err, why.code, "merge failed: error loading %s: %s", x->o->merge, why.msg);
    rc = check_fields(x, other, top, HC_LEN(top));
    if (rc != HC_OK)
        return rc;
    return take_over(x, other);
}

/* ---- order --------------------------------------------------------------------------------------------------- */

static int newest_first(const void *x, const void *y)
{
    struct hc_semver a, b;
    bool good_a = hc_semver_parse(hc_get_str_at(*(struct hc_val *const *)x, "version"), &a, NULL) == HC_OK;
    bool good_b = hc_semver_parse(hc_get_str_at(*(struct hc_val *const *)y, "version"), &b, NULL) == HC_OK;
    return good_a && good_b ? hc_semver_cmp(&b, &a) : (int)good_b - (int)good_a;
}

static int by_key(const void *x, const void *y)
{
    return hc_str_cmp(((const struct hc_entry *)x)->key, ((const struct hc_entry *)y)->key);
}

static struct hc_val *sorted(struct index *x)
{
    size_t n = hc_map_len(x->entries);
    struct hc_entry *all = HC_NEW_N(x->a, struct hc_entry, n + 1);
    struct hc_val *out = hc_map_new(x->a);
    for (size_t i = 0; all && i < n; i++)
        all[i] = *hc_map_at(x->entries, i);
    if (all && n)
        qsort(all, n, sizeof(*all), by_key);
    for (size_t i = 0; all && i < n; i++) {
        size_t m = hc_list_len(all[i].val);
        struct hc_val **list = HC_NEW_N(x->a, struct hc_val *, m + 1), *versions = hc_list_new(x->a);
        for (size_t j = 0; list && j < m; j++)
            list[j] = hc_list_at(all[i].val, j);
        if (list && m)
            qsort(list, m, sizeof(struct hc_val *), newest_first);
        for (size_t j = 0; list && j < m; j++)
            hc_list_add(x->a, versions, list[j]);
        hc_map_put(x->a, out, all[i].key, versions);
    }
    return out;
}

enum hc_rc hc_cli_repo_index(struct hc_arena *a, const struct hc_repo_index *o, struct hc_err *err)
{
    struct index x = { .a = a, .o = o, .entries = hc_map_new(a), .err = err };
    enum hc_rc rc = add_all(&x);
    if (rc == HC_OK && o->merge && *o->merge)
        rc = merge(&x);
    hc_str path = hc_arena_printf(a, "%s/index.yaml", o->dir);
    if (rc == HC_OK && access(o->dir, F_OK) != 0)
        rc = hc_fail(err, HC_E_INPUT, "open %s/index.yaml: no such file or directory", o->dir);
    if (rc == HC_OK)
        rc = hc_arena_check(a, err, "index");
    return rc == HC_OK ? write_index(&x, sorted(&x), path.p) : rc;
}
