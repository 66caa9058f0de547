/*
 * The folder of the store also holds the links, so that publishing is one hard link and serving is one open.
 */
#include "helmctl/controller/artifacts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "charts-fetch/unpack/unpack.h"
#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "helmctl/controller/foreign.h"

#define FILES_KEPT    128 /* small files of artifacts, mostly values */
#define FILE_KEPT_MAX (256 * 1024)

struct replaced { /* a folder in which there may be more than the object's artifact */
    struct replaced *next;
    int64_t due_ms;
    char dir[]; /* "gitrepository/ns/name" */
};

struct kept_file {
    uint64_t hash;
    uint64_t used;
    char *text;
    size_t n;
};

struct ctl_store {
    struct ctl *c;
    struct hc_store *blobs;
    struct hc_serve *server;
    char host[300];
    char *path;
    int dir;
    pthread_mutex_t lock;
    struct replaced *replaced;
    struct kept_file files[FILES_KEPT];
    uint64_t clock;
};

static const char *const served[] = { "gitrepository/", "ocirepository/", "helmrepository/", "helmchart/",
                                      "bucket/" };

static void serve(void *ctx, hc_str path, struct hc_serve_answer *a)
{
    struct ctl_store *s = ctx;
    path = hc_str_sub(path, 1, path.n);
    bool known = false;
    for (size_t i = 0; i < HC_LEN(served); i++)
        known |= hc_str_starts(path, hc_str_of(served[i]));
    char z[1024];
    if (!known || path.n >= sizeof(z))
        return;
    memcpy(z, path.p, path.n);
    z[path.n] = 0;
    int fd = openat(s->dir, z, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) { /* the folder was removed, and is there anew */
        HC_AUTO(hc_fd) int dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fd = dir < 0 ? -1 : openat(dir, z, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    }
    if (fd < 0)
        return;
    a->status = 200;
    a->file = fd;
    a->content_type = hc_str_ends(path, HC_S(".yaml")) ? "text/yaml; charset=utf-8" : "application/gzip";
}

static void find_leftovers(struct ctl_store *s);

/* A folder that is still there at the next start. */
static enum hc_rc default_path(struct hc_arena *a, const char **out, struct hc_err *err)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME"), *tmp = getenv("TMPDIR");
    if (cache && *cache)
        *out = hc_arena_printf(a, "%s/helmctl/controller", cache).p;
    else if (home && *home)
        *out = hc_arena_printf(a, "%s/.cache/helmctl/controller", home).p;
    else
        *out = hc_arena_printf(a, "%s/helmctl-%u", tmp && *tmp ? tmp : "/tmp", (unsigned)getuid()).p;
    return *out ? HC_OK : hc_fail_nomem(err);
}

enum hc_rc ctl_store_open(struct ctl *c, struct ctl_store **out, struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct ctl_store *s = hc_calloc(1, sizeof(*s));
    if (!s)
        return hc_fail_nomem(err);
    s->c = c;
    s->dir = -1;
    pthread_mutex_init(&s->lock, NULL);
    *out = s; /* undone by ctl_store_close in any case */
    const char *path = c->o->storage_path;
    enum hc_rc rc = path && *path ? HC_OK : default_path(a, &path, err);
    if (rc == HC_OK)
        rc = hc_mkdirs(path, 0700, err);
    if (rc == HC_OK)
        rc = hc_store_open(path, (uint64_t)HC_MAX(c->o->storage_max_bytes, 0), &s->blobs, err);
    if (rc != HC_OK)
        return hc_wrap(err, "storage path '%s'", path ? path : "");
    s->path = hc_strdup_n(path, strlen(path));
    if (!s->path)
        return hc_fail_nomem(err);
    s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir < 0)
        return hc_fail_errno(err, "storage path", path);
    find_leftovers(s);
    const char *addr = c->o->storage_addr, *adv = c->o->storage_adv_addr;
    if (!addr || !*addr || strcmp(addr, "0") == 0) {
        snprintf(s->host, sizeof(s->host), "%s", adv && *adv ? adv : "localhost");
        return HC_OK;
    }
    rc = hc_serve_start(addr, serve, s, &s->server, err);
    if (rc != HC_OK)
        return rc;
    if (adv && *adv) {
        snprintf(s->host, sizeof(s->host), "%s", adv);
    } else if (addr[0] == ':') {
        char name[256] = "localhost";
        (void)gethostname(name, sizeof(name) - 1);
        snprintf(s->host, sizeof(s->host), "%s:%d", name, hc_serve_port(s->server));
    } else {
        snprintf(s->host, sizeof(s->host), "%.*s:%d", (int)(strrchr(addr, ':') - addr), addr,
                 hc_serve_port(s->server));
    }
    return HC_OK;
}

void ctl_store_close(struct ctl_store *s)
{
    if (!s)
        return;
    hc_serve_stop(s->server);
    if (s->dir >= 0)
        close(s->dir);
    free(s->path);
    hc_store_close(s->blobs);
    for (struct replaced *r = s->replaced; r;) {
        struct replaced *next = r->next;
        free(r);
        r = next;
    }
    for (size_t i = 0; i < FILES_KEPT; i++)
        free(s->files[i].text);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

struct hc_store *ctl_store_blobs(struct ctl_store *s)
{
    return s->blobs;
}

static void look_later(struct ctl_store *s, hc_str dir, int64_t due_ms)
{
    pthread_mutex_lock(&s->lock);
    struct replaced *r = s->replaced;
    while (r && !hc_str_eqz(dir, r->dir))
        r = r->next;
    if (!r && (r = hc_calloc(1, sizeof(*r) + dir.n + 1)) != NULL) {
        memcpy(r->dir, dir.p, dir.n);
        r->next = s->replaced;
        s->replaced = r;
    }
    if (r)
        r->due_ms = due_ms;
    pthread_mutex_unlock(&s->lock);
}

/* Calls for each folder in `dir`. */
static void each_folder(int at, const char *dir, void (*fn)(struct ctl_store *s, int at, const char *path),
                        struct ctl_store *s, const char *prefix)
{
    int fd = openat(at, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (fd >= 0 && !d)
        close(fd);
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[1024];
        int n = snprintf(path, sizeof(path), "%s%s/%s", prefix, dir, e->d_name);
        if (e->d_name[0] != '.' && n > 0 && (size_t)n < sizeof(path))
            fn(s, fd, path);
    }
    if (d)
        closedir(d);
}

static void found_object(struct ctl_store *s, int at, const char *path)
{
    (void)at;
    look_later(s, hc_str_of(path), hc_mono_ms() + s->c->o->artifact_retention_ttl_ms);
}

static void found_namespace(struct ctl_store *s, int at, const char *path)
{
    const char *slash = strrchr(path, '/');
    char prefix[1024];
    snprintf(prefix, sizeof(prefix), "%.*s", (int)(slash + 1 - path), path);
    each_folder(at, slash + 1, found_object, s, prefix);
}

/* What an earlier process replaced, or whose object went while there was none, is looked at like what we replace. */
static void find_leftovers(struct ctl_store *s)
{
    for (size_t i = 0; i < HC_LEN(served); i++) {
        char kind[32];
        snprintf(kind, sizeof(kind), "%.*s", (int)strlen(served[i]) - 1, served[i]);
        each_folder(s->dir, kind, found_namespace, s, "");
    }
}

/* "index.yaml" and the like: the name people use for the newest. */
static const char *alias_of(struct hc_arena *a, struct hc_key k, const struct hc_val *status)
{
    if (k.kind == HC_CTL_REPO)
        return "index.yaml";
    if (k.kind == HC_CTL_CHART)
        return hc_arena_printf(a, "%.*s-latest.tgz", HC_P(hc_get_str_at(status, "observedChartName"))).p;
    return "latest.tar.gz";
}

static void tidy(struct ctl_store *s, hc_str dir)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    hc_str rest = dir, kind, ns;
    struct hc_key k = { HC_CTL_NONE, { NULL, 0 }, { NULL, 0 } };
    if (!a || !hc_str_split(&rest, '/', &kind) || !hc_str_split(&rest, '/', &ns))
        return;
    for (int i = 1; i < HC_CTL_KINDS; i++)
        if (hc_str_eq_nocase(kind, hc_str_of(hc_ctl_kind_name((enum hc_ctl_kind)i))))
            k = (struct hc_key){ (enum hc_ctl_kind)i, ns, rest };
    const struct hc_controller_options *o = s->c->o;
    const struct hc_val *obj = k.kind ? hc_objects_get(s->c->objects, a, k) : NULL;
    struct hc_err err = HC_ERR_INIT;
    if (!obj) { /* gone, unless it is somebody else's to look after */
        bool all = o->watch_all_namespaces && !(o->watch_label_selector && *o->watch_label_selector);
        if (k.kind && all && s->c->serves[k.kind])
            (void)hc_store_unlink(s->blobs, dir.p, &err);
        return;
    }
    hc_str path = hc_get_str_at(obj, "status.artifact.path");
    size_t slash = hc_str_rfind(path, '/');
    if (slash == SIZE_MAX)
        return;
    const char *keep = hc_arena_strz(a, hc_str_sub(path, slash + 1, path.n));
    const char *alias = alias_of(a, k, hc_map_getz(obj, "status"));
    if (keep && alias &&
        hc_store_retain(s->blobs, dir.p, keep, alias, o->artifact_retention_ttl_ms,
                        o->artifact_retention_records - 1) > 0)
        look_later(s, dir, hc_mono_ms() + o->artifact_retention_ttl_ms);
}

void ctl_store_sweep(struct ctl_store *s)
{
    int64_t now = hc_mono_ms();
    struct replaced *due = NULL;
    pthread_mutex_lock(&s->lock);
    for (struct replaced **p = &s->replaced; *p;) {
        struct replaced *r = *p;
        if (r->due_ms > now) {
            p = &r->next;
            continue;
        }
        *p = r->next;
        r->next = due;
        due = r;
    }
    pthread_mutex_unlock(&s->lock);
    if (!due)
        return;
    for (struct replaced *r = due; r;) {
        struct replaced *next = r->next;
        tidy(s, hc_str_of(r->dir));
        free(r);
        r = next;
    }
    (void)hc_store_collect(s->blobs, false);
}

uint64_t ctl_store_make_room(struct ctl_store *s)
{
    return hc_store_collect(s->blobs, true);
}

/* ---- publishing ---- */

static hc_str folder_of(struct hc_arena *a, struct hc_key k)
{
    char kind[32];
    const char *name = hc_ctl_kind_name(k.kind);
    size_t i = 0;
    for (; name[i] && i < sizeof(kind) - 1; i++)
        kind[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    kind[i] = 0;
    return hc_arena_printf(a, "%s/%.*s/%.*s", kind, HC_P(k.ns), HC_P(k.name));
}

hc_str ctl_artifact_url(struct ctl *c, struct hc_arena *a, hc_str path)
{
    return hc_arena_printf(a, "http://%s/%.*s", c->store->host, HC_P(path));
}

hc_str ctl_artifact_latest(struct ctl *c, struct hc_arena *a, struct hc_key k, const struct hc_val *status,
                           hc_str digest)
{
    const char *alias = alias_of(a, k, status);
    hc_str path = hc_arena_printf(a, "%.*s/%s", HC_P(folder_of(a, k)), alias ? alias : "");
    if (path.p && alias)
        (void)hc_store_linked(c->store->blobs, digest, path.p);
    return ctl_artifact_url(c, a, path);
}

enum hc_rc ctl_artifact_publish(struct ctl *c, struct hc_arena *a, struct hc_key k, const char *file,
                                const struct hc_artifact *art, const struct hc_val *status,
                                struct hc_val **out_artifact, hc_str *out_url, struct hc_err *err)
{
    hc_str dir = folder_of(a, k), path = hc_arena_printf(a, "%.*s/%s", HC_P(dir), file);
    if (!path.p)
        return hc_fail_nomem(err);
    enum hc_rc rc = hc_store_link(c->store->blobs, art->digest, path.p, err);
    if (rc != HC_OK)
        return rc;
    hc_str latest = ctl_artifact_latest(c, a, k, status, art->digest);
    /* What was there before stays a while for those who read its URL a moment ago. */
    (void)hc_store_retain(c->store->blobs, dir.p, file, alias_of(a, k, status), INT64_MAX,
                          c->o->artifact_retention_records - 1);
    look_later(c->store, dir, hc_mono_ms() + c->o->artifact_retention_ttl_ms);
    struct hc_val *v = hc_map_new(a);
    hc_map_put_str(a, v, "digest", art->digest);
    hc_map_put_str(a, v, "lastUpdateTime", hc_time_rfc3339(a, hc_now_ms()));
    if (hc_map_len(art->metadata))
        hc_map_put(a, v, HC_S("metadata"), art->metadata);
    hc_map_put_str(a, v, "path", path);
    hc_map_put_str(a, v, "revision", art->revision);
    hc_map_put_int(a, v, "size", (int64_t)art->size);
    hc_map_put_str(a, v, "url", ctl_artifact_url(c, a, path));
    *out_artifact = v;
    *out_url = latest;
    return hc_arena_check(a, err, "artifact");
}

void ctl_artifact_remove(struct ctl *c, struct hc_key k)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    hc_str dir = folder_of(a, k);
    if (!dir.p || hc_store_unlink(c->store->blobs, dir.p, &err) != HC_OK)
        HC_LOG(HC_LOG_ERROR, "cannot remove artifacts", { "path", dir }, { "error", hc_str_of(err.msg) });
    (void)hc_store_collect(c->store->blobs, false);
}

enum hc_blob ctl_artifact_look(struct ctl *c, const struct hc_val *artifact)
{
    hc_str digest = hc_get_str(hc_map_getz(artifact, "digest")), path = hc_get_str(hc_map_getz(artifact, "path"));
    char z[1024];
    if (!digest.n || !path.n || path.n >= sizeof(z) || hc_str_find_str(path, HC_S("..")) != SIZE_MAX)
        return HC_BLOB_GONE;
    memcpy(z, path.p, path.n);
    z[path.n] = 0;
    enum hc_blob b = hc_store_look(c->store->blobs, digest);
    if (b == HC_BLOB_DAMAGED)
        (void)unlinkat(c->store->dir, z, 0); /* the same damaged file */
    if (b == HC_BLOB_HERE && !hc_store_linked(c->store->blobs, digest, z))
        return HC_BLOB_GONE;
    return b;
}

/* ---- reading ---- */

static const struct hc_unpack_limits artifact_limits = { HC_MAX_ARTIFACT_BYTES, HC_MAX_ARTIFACT_FILES };

enum hc_rc ctl_artifact_blob(struct ctl *c, struct hc_arena *a, const struct hc_val *object, hc_str *out_digest,
                             struct hc_err *err)
{
    const struct hc_val *art = hc_get(object, "status.artifact");
    hc_str digest = hc_get_str(hc_map_getz(art, "digest")), url = hc_get_str(hc_map_getz(art, "url"));
    hc_str kind = hc_get_str(hc_map_getz(object, "kind")), name = hc_get_str_at(object, "metadata.name");
    if (!digest.n || !url.n)
        return hc_fail(err, HC_E_NOTFOUND, "%.*s '%.*s' has no artifact", HC_P(kind), HC_P(name));
    *out_digest = digest;
    if (hc_store_has(c->store->blobs, digest))
        return HC_OK;
    if (c->serves[hc_ctl_kind_of(kind)]) /* we lost our own store: the source makes it again and wakes us */
        return hc_fail(err, HC_E_NOTFOUND,
                       "Source not ready: artifact of %.*s '%.*s' not found, it is being fetched again", HC_P(kind),
                       HC_P(name));
    enum hc_rc rc = ctl_foreign_failed(c, digest, err);
    return rc == HC_OK ? ctl_foreign_fetch(c, a, object, err) : rc;
}

/* A blob that is removed because it was damaged is brought back by one more try. */
static enum hc_rc open_blob(struct ctl *c, struct hc_arena *a, const struct hc_val *object, int *out_fd,
                            struct hc_err *err)
{
    hc_str digest;
    const char *path;
    enum hc_rc rc = HC_E_NOTFOUND;
    for (int tries = 0; rc == HC_E_NOTFOUND && tries < 2; tries++) {
        rc = ctl_artifact_blob(c, a, object, &digest, err);
        if (rc != HC_OK)
            return rc;
        rc = hc_store_path(c->store->blobs, a, digest, &path, err);
        if (rc == HC_OK && (*out_fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
            rc = hc_fail_errno(err, "open", path);
    }
    return rc;
}

enum hc_rc ctl_artifact_read(struct ctl *c, struct hc_arena *a, const struct hc_val *object, hc_str *out,
                             struct hc_err *err)
{
    HC_AUTO(hc_fd) int fd = -1;
    enum hc_rc rc = open_blob(c, a, object, &fd, err);
    return rc == HC_OK ? hc_read_fd(a, fd, "artifact", HC_MAX_ARTIFACT_BYTES, out, err) : rc;
}

static bool kept(struct ctl_store *s, struct hc_arena *a, uint64_t hash, hc_str *out)
{
    bool found = false;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < FILES_KEPT && !found; i++)
        if (s->files[i].text && s->files[i].hash == hash) {
            s->files[i].used = ++s->clock;
            *out = hc_arena_str(a, (hc_str){ s->files[i].text, s->files[i].n });
            found = out->p != NULL;
        }
    pthread_mutex_unlock(&s->lock);
    return found;
}

static void keep(struct ctl_store *s, uint64_t hash, hc_str text)
{
    char *copy = text.n > FILE_KEPT_MAX ? NULL : hc_strdup_n(text.p, text.n);
    if (!copy)
        return;
    pthread_mutex_lock(&s->lock);
    size_t at = 0;
    for (size_t i = 1; i < FILES_KEPT; i++)
        if (s->files[i].used < s->files[at].used)
            at = i;
    free(s->files[at].text);
    s->files[at] = (struct kept_file){ hash, ++s->clock, copy, text.n };
    pthread_mutex_unlock(&s->lock);
}

enum hc_rc ctl_artifact_file(struct ctl *c, struct hc_arena *a, const struct hc_val *object, hc_str path,
                             hc_str *out, struct hc_err *err)
{
    while (hc_str_starts(path, HC_S("./")))
        path = hc_str_sub(path, 2, path.n);
    hc_str digest = hc_get_str_at(object, "status.artifact.digest");
    uint64_t hash = hc_str_hash(digest) * 31 + hc_str_hash(path);
    if (digest.n && kept(c->store, a, hash, out))
        return HC_OK;
    HC_AUTO(hc_arena) struct hc_arena *tmp = hc_arena_new(0);
    HC_AUTO(hc_fd) int fd = -1;
    enum hc_rc rc = open_blob(c, tmp, object, &fd, err);
    if (rc != HC_OK)
        return rc;
    rc = hc_unpack_one(a, fd, path, &artifact_limits, out, err);
    if (rc == HC_OK)
        keep(c->store, hash, *out);
    if (rc == HC_E_NOTFOUND)
        return hc_fail(err, HC_E_NOTFOUND, "no file '%.*s' in %.*s '%.*s' at revision %.*s", HC_P(path),
                       HC_P(hc_get_str(hc_map_getz(object, "kind"))), HC_P(hc_get_str_at(object, "metadata.name")),
                       HC_P(hc_get_str_at(object, "status.artifact.revision")));
    return rc;
}

enum hc_rc ctl_artifact_unpack(struct ctl *c, struct hc_arena *a, const struct hc_val *object, const char **out_dir,
                               struct hc_err *err)
{
    HC_AUTO(hc_fd) int fd = -1;
    enum hc_rc rc = open_blob(c, a, object, &fd, err);
    if (rc == HC_OK)
        rc = hc_store_temp(c->store->blobs, a, out_dir, err);
    if (rc != HC_OK)
        return rc;
    rc = hc_unpack_fd_to_dir(fd, *out_dir, &artifact_limits, 0, err);
    if (rc != HC_OK)
        (void)hc_remove_tree(*out_dir, NULL);
    return rc;
}
