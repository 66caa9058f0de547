/*
 * Files to a chart.
 *
 * Two passes as in Helm: Chart.yaml first wherever it stands, then every file to its place. Sub-charts are loaded
 * from slices of the same file list, or from an archive through the port, in path order (Helm's own order is random).
 * Everything lives in the arena of the top chart; bodies of files are not copied.
 */
#include "charts-fetch/chart/chart.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "charts-fetch/chart/chart_impl.h"
#include "charts-fetch/chart/ignore.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/value/yaml.h"

struct shared_chart {
    struct hc_chart chart; /* first: a pointer to it is a pointer to this */
    atomic_uint refs;
};

struct file_list {
    struct hc_chart_file *items;
    size_t n;
};

static enum hc_rc load(struct hc_arena *a, struct hc_chart_file *files, size_t n, const struct hc_chart_port *port,
                       int depth, struct hc_chart *c, struct hc_err *err);

static void add(struct file_list *l, const struct hc_chart_file *f)
{
    l->items[l->n++] = *f;
}

/* In any case: strings.EqualFold. */
static bool has_manifest_extension(hc_str name)
{
    static const char *const extensions[] = { ".yaml", ".yml", ".json" };
    for (size_t i = 0; i < HC_LEN(extensions); i++)
        if (hc_str_ends_nocase(name, hc_str_of(extensions[i])))
            return true;
    return false;
}

static hc_str first_part(hc_str path)
{
    size_t slash = hc_str_find(path, '/');
    return slash == SIZE_MAX ? path : hc_str_sub(path, 0, slash);
}

static enum hc_metadata_words words_of(const struct hc_chart_port *port, int depth)
{
    if (port && port->helm3)
        return HC_METADATA_V3;
    return port && port->detect && depth == 0 ? HC_METADATA_V4_DETECT : HC_METADATA_V4;
}

static void note(struct hc_arena *a, struct hc_chart *c, hc_str text)
{
    hc_str *more = HC_NEW_N(a, hc_str, c->notes_n + 1);
    if (!more)
        return;
    if (c->notes_n)
        memcpy(more, c->notes, c->notes_n * sizeof(*more));
    more[c->notes_n++] = text;
    c->notes = more;
}

static enum hc_rc read_lock(struct hc_arena *a, const struct hc_chart_file *f, const struct hc_chart_port *port,
                            struct hc_chart *c, struct hc_err *err)
{
    struct hc_val *lock = NULL;
    if (hc_lock_read(a, f->body, f->name, words_of(port, 1), &lock, err) != HC_OK)
        return hc_wrap(err, "cannot load %.*s", HC_P(f->name));
    c->lock_meta = lock;
    c->lock_name = f->name;
    c->lock = f->body;
    return HC_OK;
}

/* ---- sub-charts -------------------------------------------------------------------------------------- */

static int by_first_part(const void *x, const void *y)
{
    const struct hc_chart_file *const *f = x, *const *g = y;
    int order = hc_str_cmp(first_part((*f)->name), first_part((*g)->name));
    if (order)
        return order;
    return *f < *g ? -1 : *f > *g; /* within a sub-chart as they came */
}

static enum hc_rc load_sub(struct hc_arena *a, struct hc_chart_file **group, size_t n, hc_str name,
                           const struct hc_chart_port *port, int depth, struct hc_chart *parent,
                           struct hc_chart **out, struct hc_err *err)
{
    struct hc_chart_file *files = NULL;
    size_t files_n = 0;
    enum hc_rc rc;
    struct hc_chart *c = HC_NEW(a, struct hc_chart);
    if (!c)
        return hc_arena_check(a, err, "chart");
    if (hc_str_ends(name, HC_S(".tgz"))) {
        if (!hc_str_eq(group[0]->name, name))
            return hc_fail(err, HC_E_INPUT, "error unpacking subchart tar in %.*s: expected %.*s, got %.*s",
                           HC_P(parent->name), HC_P(name), HC_P(group[0]->name));
        if (!port || !port->unpack)
            return hc_fail(err, HC_E_BUG, "sub-chart archive %.*s: nothing here reads archives", HC_P(name));
        rc = port->unpack(a, group[0]->body, &files, &files_n, err);
    } else {
        rc = HC_OK;
        files = HC_NEW_N(a, struct hc_chart_file, n + 1);
        for (size_t i = 0; files && i < n; i++) {
            hc_str path = group[i]->name;
            if (path.n > name.n) /* a plain file in charts/ is no chart */
                files[files_n++] = (struct hc_chart_file){ hc_str_sub(path, name.n + 1, path.n), group[i]->body };
        }
    }
    if (rc == HC_OK)
        rc = hc_arena_check(a, err, "chart");
    if (rc == HC_OK)
        rc = load(a, files, files_n, port, depth + 1, c, err);
    if (rc != HC_OK && err && err->file[0]) { /* from the parent's root on */
        char inner[sizeof(err->file)];
        snprintf(inner, sizeof(inner), "%s", err->file);
        int fits = snprintf(err->file, sizeof(err->file), "charts/%.*s/%s", HC_P(name), inner);
        if (fits < 0 || (size_t)fits >= sizeof(err->file))
            err->file[0] = '\0';
    }
    if (rc != HC_OK)
        return hc_wrap(err, "error unpacking subchart %.*s in %.*s", HC_P(name), HC_P(parent->name));
    c->parent = parent;
    *out = c;
    return HC_OK;
}

static enum hc_rc load_subs(struct hc_arena *a, struct hc_chart_file *files, size_t n,
                            const struct hc_chart_port *port, int depth, struct hc_chart *c, struct hc_err *err)
{
    if (!n)
        return HC_OK;
    if (depth >= (int)HC_MAX_CHART_DEPTH)
        return hc_fail(err, HC_E_LIMIT, "charts lie more than %u deep within charts", HC_MAX_CHART_DEPTH);
    struct hc_chart_file **sorted = HC_NEW_N(a, struct hc_chart_file *, n);
    struct hc_chart **subs = HC_NEW_N(a, struct hc_chart *, n);
    if (!sorted || !subs)
        return hc_arena_check(a, err, "chart");
    for (size_t i = 0; i < n; i++)
        sorted[i] = &files[i];
    qsort(sorted, n, sizeof(*sorted), by_first_part);
    size_t found = 0;
    for (size_t from = 0, to; from < n; from = to) {
        hc_str name = first_part(sorted[from]->name);
        for (to = from + 1; to < n && hc_str_eq(first_part(sorted[to]->name), name);)
            to++;
        if (name.n && (*name.p == '_' || *name.p == '.'))
            continue;
        enum hc_rc rc = load_sub(a, sorted + from, to - from, name, port, depth, c, &subs[found], err);
        if (rc != HC_OK)
            return rc;
        found++;
    }
    c->subs = subs;
    c->subs_n = found;
    return HC_OK;
}

/* ---- one chart --------------------------------------------------------------------------------------- */

static bool is_template(hc_str name)
{
    return hc_str_starts(name, HC_S("templates/"));
}

static bool is_of_sub(hc_str name)
{
    return hc_str_starts(name, HC_S("charts/")) && !hc_str_ends(name, HC_S(".prov"));
}

static bool is_crd(hc_str name)
{
    return hc_str_starts(name, HC_S("crds/")) && has_manifest_extension(name);
}

/* Room for as many files of each sort as there are: a chart may have a thousand, and sub-charts have them again. */
static bool lists_new(struct hc_arena *a, const struct hc_chart_file *files, size_t n, struct file_list *templates,
                      struct file_list *others, struct file_list *subs, struct file_list *crds)
{
    size_t templates_n = 0, subs_n = 0, crds_n = 0;
    for (size_t i = 0; i < n; i++) {
        templates_n += is_template(files[i].name);
        subs_n += is_of_sub(files[i].name);
        crds_n += is_crd(files[i].name);
    }
    struct hc_chart_file *all = HC_NEW_N(a, struct hc_chart_file, n + crds_n + 1);
    *templates = (struct file_list){ all, 0 };
    if (!all)
        return false;
    *subs = (struct file_list){ all + templates_n, 0 };
    *crds = (struct file_list){ all + templates_n + subs_n, 0 };
    *others = (struct file_list){ all + templates_n + subs_n + crds_n, 0 };
    return true;
}

static enum hc_rc place(struct hc_arena *a, const struct hc_chart_file *f, const struct hc_chart_port *port,
                        struct hc_val *meta, bool v1, struct hc_chart *c, struct file_list *templates,
                        struct file_list *others, struct file_list *subs, struct hc_err *err)
{
    bool helm3 = port && port->helm3;
    hc_str name = f->name;
    enum hc_rc rc = HC_OK;
    if (hc_str_eqz(name, "Chart.yaml"))
        return HC_OK;
    if (hc_str_eqz(name, "Chart.lock"))
        return read_lock(a, f, port, c, err);
    if (hc_str_eqz(name, "values.yaml")) {
        c->values_text = f->body;
        rc = hc_values_read(a, f->body, name, helm3, &c->values, err);
        return rc == HC_OK ? rc : hc_wrap(err, "cannot load values.yaml");
    }
    if (hc_str_eqz(name, "values.schema.json")) {
        c->schema = f->body.p ? f->body : HC_S("");
    } else if (hc_str_eqz(name, "requirements.yaml")) {
        if (hc_metadata_read(a, f->body, name, words_of(port, 1), &meta, &c->deps_listed, err) != HC_OK)
            return hc_wrap(err, "cannot load requirements.yaml");
        if (v1)
            add(others, f);
        else
            note(a, c,
                 helm3
                     ? HC_S("load.go:120: Warning: Dependencies are handled in Chart.yaml since apiVersion \"v2\". "
                            "We recommend migrating dependencies to Chart.yaml.")
                     : HC_S("level=INFO msg=\"Warning: Dependencies are handled in Chart.yaml since apiVersion "
                            "\\\"v2\\\". We recommend migrating dependencies to Chart.yaml.\""));
    } else if (hc_str_eqz(name, "requirements.lock")) {
        rc = read_lock(a, f, port, c, err);
        if (v1)
            add(others, f);
        else
            note(
                a, c,
                helm3
                    ? HC_S("load.go:138: Warning: Dependency locking is handled in Chart.lock since apiVersion "
                           "\"v2\". We recommend migrating to Chart.lock.")
                    : HC_S("level=INFO msg=\"Warning: Dependency locking is handled in Chart.lock since apiVersion "
                           "\\\"v2\\\". We recommend migrating to Chart.lock.\""));
    } else if (is_template(name)) {
        add(templates, f);
    } else if (is_of_sub(name)) {
        struct hc_chart_file sub = { hc_str_sub(name, 7, name.n), f->body };
        add(subs, &sub);
    } else {
        add(others, f);
    }
    return rc;
}

static enum hc_rc load(struct hc_arena *a, struct hc_chart_file *files, size_t n, const struct hc_chart_port *port,
                       int depth, struct hc_chart *c, struct hc_err *err)
{
    struct hc_val *meta = NULL;
    struct file_list templates, others, subs, crds;
    if (!lists_new(a, files, n, &templates, &others, &subs, &crds))
        return hc_arena_check(a, err, "chart");
    c->arena = a;
    c->raw = files;
    c->raw_n = n;
    for (size_t i = 0; i < n; i++) {
        if (hc_str_starts(files[i].body, HC_S("\xef\xbb\xbf")))
            files[i].body = hc_str_sub(files[i].body, 3, files[i].body.n);
        if (hc_str_eqz(files[i].name, "Chart.yaml") &&
            hc_metadata_read(a, files[i].body, files[i].name, words_of(port, depth), &meta, &c->deps_listed, err) !=
                HC_OK)
            return hc_wrap(err, "cannot load Chart.yaml");
    }
    hc_str api = hc_get_str(hc_map_getz(meta, "apiVersion"));
    if (words_of(port, depth) == HC_METADATA_V4_DETECT && api.n && !hc_str_eqz(api, "v1") &&
        !hc_str_eqz(api, "v2") && !hc_str_eqz(api, "v3"))
        return hc_fail_at(err, HC_E_INPUT, HC_S("Chart.yaml"), 0, -1, "unsupported chart version");
    if (!meta)
        return hc_fail(err, HC_E_INPUT, "Chart.yaml file is missing");
    if (!hc_get_str(hc_map_getz(meta, "apiVersion")).n)
        hc_map_put_strz(a, meta, "apiVersion", "v1");
    bool v1 = hc_str_eqz(hc_get_str(hc_map_getz(meta, "apiVersion")), "v1");
    for (size_t i = 0; i < n; i++) {
        enum hc_rc rc = place(a, &files[i], port, meta, v1, c, &templates, &others, &subs, err);
        if (rc != HC_OK)
            return rc;
    }
    for (size_t i = 0; i < others.n; i++)
        if (is_crd(others.items[i].name))
            add(&crds, &others.items[i]);
    if (!c->values)
        c->values = hc_map_new(a);
    c->templates = templates.items;
    c->templates_n = templates.n;
    c->files = others.items;
    c->files_n = others.n;
    c->crds = crds.items;
    c->crds_n = crds.n;
    enum hc_rc rc = hc_metadata_check(a, meta, c, err);
    return rc == HC_OK ? load_subs(a, subs.items, subs.n, port, depth, c, err) : rc;
}

static void compute_digest(struct hc_chart *c)
{
    struct hc_sha256 h;
    char hex[HC_SHA256_HEX + 1], head[32];
    hc_sha256_init(&h);
    for (size_t i = 0; i < c->raw_n; i++) {
        int n = snprintf(head, sizeof(head), "%zu:%zu:", c->raw[i].name.n, c->raw[i].body.n);
        hc_sha256_add(&h, (hc_str){ head, (size_t)n });
        hc_sha256_add(&h, c->raw[i].name);
        hc_sha256_add(&h, c->raw[i].body);
    }
    hc_sha256_hex(&h, hex);
    c->digest = hc_arena_printf(c->arena, "sha256:%s", hex);
}

enum hc_rc hc_chart_load_files(struct hc_arena *a, const struct hc_chart_file *files, size_t n,
                               const struct hc_chart_port *port, struct hc_chart **out, struct hc_err *err)
{
    struct shared_chart *s = HC_NEW(a, struct shared_chart);
    struct hc_chart_file *copy = HC_NEW_N(a, struct hc_chart_file, n + 1);
    enum hc_rc rc = hc_arena_check(a, err, "chart");
    if (s && copy) {
        if (n)
            memcpy(copy, files, n * sizeof(*copy));
        atomic_init(&s->refs, 1);
        rc = load(a, copy, n, port, 0, &s->chart, err);
    }
    if (rc == HC_OK && !(port && port->no_digest))
        compute_digest(&s->chart);
    if (rc == HC_OK)
        rc = hc_arena_check(a, err, "chart");
    if (rc != HC_OK) {
        hc_arena_free(a);
        return rc;
    }
    *out = &s->chart;
    return HC_OK;
}

struct hc_chart *hc_chart_ref(struct hc_chart *c)
{
    if (c)
        atomic_fetch_add(&((struct shared_chart *)c)->refs, 1);
    return c;
}

void hc_chart_unref(struct hc_chart *c)
{
    if (c && atomic_fetch_sub(&((struct shared_chart *)c)->refs, 1) == 1)
        hc_arena_free(c->arena);
}

void hc_chart_unref_auto(struct hc_chart **c)
{
    hc_chart_unref(*c);
}

hc_str hc_chart_path(struct hc_arena *a, const struct hc_chart *c)
{
    if (!c->parent)
        return c->name;
    hc_str parts[] = { hc_chart_path(a, c->parent), HC_S("/charts/"), c->name };
    return hc_arena_cat(a, HC_LEN(parts), parts);
}

/* ---- a folder ---------------------------------------------------------------------------------------- */

struct walk {
    struct hc_arena *a;
    struct hc_err *err;
    const struct hc_ignore *rules;
    hc_str top; /* the chart's folder, absolute */
    bool helm3;
    struct hc_chart notes; /* only those of it */
    struct hc_chart_file *files;
    size_t n, cap, bytes;
};

static enum hc_rc walk_file(struct walk *w, int dir, const char *entry, hc_str path, const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
        return hc_fail(w->err, HC_E_INPUT, "cannot load irregular file %.*s/%.*s as it has file mode type bits set",
                       HC_P(w->top), HC_P(path));
    if (w->helm3 && st->st_size > 5242880) /* Helm 3: a chart file of 5 MiB */
        return hc_fail(w->err, HC_E_LIMIT, "chart file \"%.*s\" is larger than the maximum file size 5242880",
                       HC_P(hc_str_of(entry)));
    if (w->n >= HC_MAX_CHART_FILES)
        return hc_fail(w->err, HC_E_LIMIT, "chart holds more than the %u files allowed", HC_MAX_CHART_FILES);
    if (w->n == w->cap) {
        size_t cap = HC_MAX(w->cap * 2, (size_t)64);
        struct hc_chart_file *more = HC_NEW_N(w->a, struct hc_chart_file, cap);
        if (!more)
            return hc_arena_check(w->a, w->err, "chart");
        if (w->n)
            memcpy(more, w->files, w->n * sizeof(*more));
        w->files = more;
        w->cap = cap;
    }
    struct hc_chart_file *f = &w->files[w->n];
    size_t left = HC_MAX_CHART_BYTES - w->bytes;
    enum hc_rc rc = hc_read_file(w->a, dir, entry, left, &f->body, w->err);
    if (rc == HC_E_LIMIT)
        return hc_fail(w->err, HC_E_LIMIT,
                       "error reading %.*s: chart exceeds maximum decompressed size of %zu bytes", HC_P(path),
                       HC_MAX_CHART_BYTES);
    if (rc != HC_OK)
        return hc_wrap(w->err, "error reading %.*s", HC_P(path));
    f->name = path;
    w->bytes += f->body.n;
    w->n++;
    return HC_OK;
}

static int by_name(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static enum hc_rc names_of(struct walk *w, int fd, hc_str path, char ***out, size_t *out_n)
{
    int copy = dup(fd);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    if (!d) {
        if (copy >= 0)
            close(copy);
        return hc_fail_errno(w->err, "list", path.n ? path.p : ".");
    }
    char **names = NULL;
    size_t n = 0, cap = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (n == cap) {
            char **more = HC_NEW_N(w->a, char *, HC_MAX(cap * 2, (size_t)32));
            if (more && n)
                memcpy(more, names, n * sizeof(*more));
            names = more;
            cap = HC_MAX(cap * 2, (size_t)32);
        }
        if (!names || !(names[n] = hc_arena_strz(w->a, hc_str_of(e->d_name))))
            break;
        n++;
    }
    closedir(d);
    if (n)
        qsort(names, n, sizeof(*names), by_name);
    *out = names;
    *out_n = n;
    return hc_arena_check(w->a, w->err, "chart");
}

/* A link is followed, and told. */
static enum hc_rc follow(struct walk *w, hc_str path)
{
    hc_str parts[] = { w->top, HC_S("/"), path };
    hc_str whole = hc_arena_cat(w->a, HC_LEN(parts), parts);
    char target[PATH_MAX + 16], link[PATH_MAX + 1];
    if (hc_arena_spent(w->a))
        return hc_arena_check(w->a, w->err, "chart");
    if (!realpath(whole.p, target)) {
        if (errno == ELOOP)
            return hc_fail(w->err, HC_E_INPUT, "error evaluating symlink %.*s: EvalSymlinks: too many links",
                           HC_P(whole));
        int no = errno;
        ssize_t n = readlink(whole.p, link, sizeof(link));
        hc_str to = n > 0 ? hc_str_n(link, (size_t)n) : HC_S("");
        hc_str folder = hc_str_sub(whole, 0, hc_str_rfind(whole, '/'));
        bool absolute = to.n && *to.p == '/';
        errno = no;
        return hc_fail(w->err, HC_E_INPUT, "error evaluating symlink %.*s: lstat %.*s%s%.*s: %s", HC_P(whole),
                       HC_P(absolute ? HC_S("") : folder), absolute ? "" : "/", HC_P(to),
                       no == ENOENT ? "no such file or directory" : strerror(no));
    }
    hc_str real = hc_str_of(target);
    if (w->helm3)
        note(w->a, &w->notes,
             hc_arena_printf(
                 w->a,
                 "walk.go:75: found symbolic link in path: %.*s resolves to %.*s. Contents of linked file "
                 "included and used",
                 HC_P(whole), HC_P(real)));
    else
        note(w->a, &w->notes,
             hc_arena_printf(w->a,
                             "level=INFO msg=\"found symbolic link in path. Contents of linked file included and "
                             "used\" path=%.*s resolved=%.*s",
                             HC_P(hc_log_value(w->a, whole)), HC_P(hc_log_value(w->a, real))));
    return HC_OK;
}

/* Lexical order of whole paths as Go walks: a folder's entries sorted, each folder entered where it stands. */
static enum hc_rc walk_dir(struct walk *w, int dir, hc_str prefix, int depth)
{
    char **names = NULL;
    size_t n = 0;
    if (depth > 64)
        return hc_fail(w->err, HC_E_LIMIT, "chart folder '%.*s' is more than 64 folders deep (a link in a circle?)",
                       HC_P(prefix));
    enum hc_rc rc = names_of(w, dir, prefix, &names, &n);
    for (size_t i = 0; i < n && rc == HC_OK; i++) {
        hc_str parts[] = { prefix, prefix.n ? HC_S("/") : HC_S(""), hc_str_of(names[i]) };
        hc_str path = hc_arena_cat(w->a, HC_LEN(parts), parts);
        struct stat st;
        int bad = fstatat(dir, names[i], &st, AT_SYMLINK_NOFOLLOW);
        if (bad == 0 && S_ISLNK(st.st_mode)) {
            rc = follow(w, path);
            if (rc != HC_OK)
                return rc;
            bad = fstatat(dir, names[i], &st, 0);
        }
        if (bad < 0)
            return hc_fail_errno(w->err, "read", path.p);
        if (hc_ignored(w->rules, path, S_ISDIR(st.st_mode)))
            continue;
        if (S_ISDIR(st.st_mode)) {
            HC_AUTO(hc_fd) int sub = openat(dir, names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            rc = sub < 0 ? hc_fail_errno(w->err, "open", path.p) : walk_dir(w, sub, path, depth + 1);
        } else {
            rc = walk_file(w, dir, names[i], path, &st);
        }
    }
    return rc;
}

static enum hc_rc collect(struct walk *w, const char *path)
{
    HC_AUTO(hc_fd) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return hc_fail_errno(w->err, "open chart folder", path);
    struct hc_ignore *rules = NULL;
    hc_str text = { 0 };
    enum hc_rc rc = hc_read_file(w->a, dir, ".helmignore", HC_MIB, &text, w->err);
    if (rc != HC_OK && rc != HC_E_NOTFOUND)
        return rc;
    hc_err_clear(w->err); /* most charts have none: no message is left behind of that */
    rc = hc_ignore_parse(w->a, text, &rules, w->err);
    if (rc != HC_OK)
        return rc;
    w->rules = rules;
    return walk_dir(w, dir, hc_str_of(NULL), 0);
}

/* Helm 4 opens Chart.yaml by itself first, before .helmignore could hide it. */
static enum hc_rc detect(const char *top, struct hc_err *err)
{
    char path[PATH_MAX + 32];
    struct stat st;
    snprintf(path, sizeof(path), "%s/Chart.yaml", top);
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return HC_OK;
    bool is_dir = errno == 0 || S_ISDIR(st.st_mode);
    return hc_fail(err, HC_E_INPUT, "unable to detect chart at %s: %s %s: %s", path, is_dir ? "read" : "open", path,
                   is_dir ? "is a directory" : "no such file or directory");
}

enum hc_rc hc_chart_load_dir(const char *path, const struct hc_chart_port *port, struct hc_chart **out,
                             struct hc_err *err)
{
    char whole[PATH_MAX + 16];
    if (!realpath(path, whole))
        return hc_fail_errno(err, "chart folder", path);
    struct hc_arena *a = hc_arena_new(0);
    if (!a)
        return hc_fail_nomem(err);
    struct walk w = { .a = a, .err = err, .helm3 = port && port->helm3 };
    w.top = hc_arena_str(a, hc_str_of(whole));
    enum hc_rc rc = port && port->detect && !w.helm3 ? detect(whole, err) : HC_OK;
    if (rc == HC_OK)
        rc = collect(&w, path);
    if (rc != HC_OK) {
        hc_arena_free(a);
        return rc;
    }
    rc = hc_chart_load_files(a, w.files, w.n, port, out, err);
    for (size_t i = 0; rc == HC_OK && i < w.notes.notes_n; i++)
        note(a, *out, w.notes.notes[i]);
    return rc;
}
