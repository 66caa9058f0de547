/*
 * Blobs are files blobs/sha256/<hex>, what was computed out of them derived/<hex>.<kind>; work in progress is below tmp/
 * and is cleared at open. Which blobs were checked since the start is a small open-addressing set of digests under one
 * lock; everything else is the file system's.
 */
#include "charts-fetch/cache/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

struct hc_store {
    char *dir;
    uint64_t ceiling;
    pthread_mutex_t lock;
    uint64_t *checked; /* first eight bytes of the digests that were found true, 0: empty */
    size_t checked_n, checked_cap;
};

static char *path_of(const char *dir, const char *rel)
{
    size_t n = strlen(dir) + strlen(rel) + 2;
    char *p = hc_malloc(n);
    if (p)
        snprintf(p, n, "%s/%s", dir, rel);
    return p;
}

static enum hc_rc make_dir(const char *dir, const char *rel, struct hc_err *err)
{
    char *p = path_of(dir, rel);
    if (!p)
        return hc_fail_nomem(err);
    enum hc_rc rc = hc_mkdirs(p, 0755, err);
    free(p);
    return rc;
}

/* What hc_write_file left when the process was killed in the middle of it. */
static void drop_half_written(const char *dir, const char *rel)
{
    char *path = path_of(dir, rel);
    DIR *d = path ? opendir(path) : NULL;
    free(path);
    for (struct dirent *e; d && (e = readdir(d));)
        if (hc_str_ends(hc_str_of(e->d_name), HC_S(".tmp")))
            (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
}

enum hc_rc hc_store_open(const char *dir, uint64_t ceiling, struct hc_store **out, struct hc_err *err)
{
    struct hc_store *s = hc_calloc(1, sizeof(*s));
    char *tmp = s ? path_of(dir, "tmp") : NULL;
    if (!s || !tmp || !(s->dir = hc_strdup_n(dir, strlen(dir)))) {
        free(s);
        free(tmp);
        return hc_fail_nomem(err);
    }
    pthread_mutex_init(&s->lock, NULL);
    s->ceiling = ceiling;
    enum hc_rc rc = hc_remove_tree(tmp, err);
    if (rc == HC_OK)
        rc = make_dir(dir, "tmp", err);
    if (rc == HC_OK)
        rc = make_dir(dir, "blobs/sha256", err);
    if (rc == HC_OK)
        rc = make_dir(dir, "derived", err);
    free(tmp);
    drop_half_written(dir, "blobs/sha256");
    drop_half_written(dir, "derived");
    if (rc != HC_OK) {
        hc_store_close(s);
        return hc_wrap(err, "storage path");
    }
    *out = s;
    return HC_OK;
}

void hc_store_close(struct hc_store *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    free(s->checked);
    free(s->dir);
    free(s);
}

const char *hc_store_dir(const struct hc_store *s)
{
    return s->dir;
}

/* The hex part of "sha256:<hex>", absent when it is no such digest. */
static hc_str hex_of(hc_str digest)
{
    hc_str hex = digest;
    if (hc_str_starts(digest, HC_S("sha256:")))
        hex = hc_str_sub(digest, 7, digest.n);
    bool good = hex.n == HC_SHA256_HEX;
    for (size_t i = 0; good && i < hex.n; i++)
        good = (hex.p[i] >= '0' && hex.p[i] <= '9') || (hex.p[i] >= 'a' && hex.p[i] <= 'f');
    return good ? hex : (hc_str){ NULL, 0 };
}

static uint64_t short_key(hc_str hex)
{
    return hc_str_hash(hex) | 1;
}

static bool was_checked(struct hc_store *s, hc_str hex)
{
    uint64_t key = short_key(hex);
    bool found = false;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; s->checked_cap && i < s->checked_cap; i++) {
        uint64_t at = s->checked[(key + i) & (s->checked_cap - 1)];
        if (at == key || at == 0) {
            found = at == key;
            break;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

static void insert(uint64_t *set, size_t cap, uint64_t key)
{
    size_t i = key & (cap - 1);
    while (set[i] && set[i] != key)
        i = (i + 1) & (cap - 1);
    set[i] = key;
}

static void mark_checked(struct hc_store *s, hc_str hex)
{
    pthread_mutex_lock(&s->lock);
    if ((s->checked_n + 1) * 2 > s->checked_cap) {
        size_t cap = s->checked_cap ? s->checked_cap * 2 : 64;
        uint64_t *bigger = hc_calloc(cap, sizeof(*bigger));
        for (size_t i = 0; bigger && i < s->checked_cap; i++)
            if (s->checked[i])
                insert(bigger, cap, s->checked[i]);
        if (bigger) {
            free(s->checked);
            s->checked = bigger;
            s->checked_cap = cap;
        }
    }
    /* Without memory it is only not remembered, and is checked again. */
    if ((s->checked_n + 1) * 2 <= s->checked_cap) {
        insert(s->checked, s->checked_cap, short_key(hex));
        s->checked_n++;
    }
    pthread_mutex_unlock(&s->lock);
}

static const char *blob_path(struct hc_store *s, struct hc_arena *a, hc_str hex)
{
    return hc_arena_printf(a, "%s/blobs/sha256/%.*s", s->dir, HC_P(hex)).p;
}

static enum hc_rc done(struct hc_arena *a, hc_str hex, hc_str *out, struct hc_err *err)
{
    *out = hc_arena_printf(a, "sha256:%.*s", HC_P(hex));
    return hc_arena_check(a, err, "store");
}

/* Under its name, in a folder that somebody may have emptied meanwhile. */
static bool moved(struct hc_store *s, const char *from, const char *to)
{
    if (rename(from, to) == 0)
        return true;
    return errno == ENOENT && make_dir(s->dir, "blobs/sha256", NULL) == HC_OK && rename(from, to) == 0;
}

/* The name of a file is on the disk only when its folder is. */
static enum hc_rc sync_blobs(struct hc_store *s, struct hc_err *err)
{
    char *path = path_of(s->dir, "blobs/sha256");
    HC_AUTO(hc_fd) int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    enum hc_rc rc = HC_OK;
    if (path && (fd < 0 || fsync(fd) < 0))
        rc = hc_fail_errno(err, "fsync", path);
    free(path);
    return path ? rc : hc_fail_nomem(err);
}

/* There already. What lies there from before the start may be damaged: then it is removed and to be written anew. */
static bool is_whole(struct hc_store *s, struct hc_arena *a, hc_str hex)
{
    const char *path;
    struct hc_err err;
    return hc_store_path(s, a, hex, &path, &err) == HC_OK;
}

enum hc_rc hc_store_put(struct hc_store *s, struct hc_arena *a, hc_str body, hc_str *out_digest, struct hc_err *err)
{
    char hex[HC_SHA256_HEX + 1], id[37];
    hc_sha256_of(body, hex);
    hc_uuid4(id);
    const char *path = blob_path(s, a, hc_str_of(hex)), *tmp = hc_arena_printf(a, "%s/tmp/%s", s->dir, id).p;
    if (!path || !tmp)
        return hc_arena_check(a, err, "store");
    if (!is_whole(s, a, hc_str_of(hex))) {
        enum hc_rc rc = make_dir(s->dir, "tmp", err);
        if (rc == HC_OK)
            rc = hc_write_file(tmp, body, 0644, err);
        if (rc == HC_OK && !moved(s, tmp, path)) {
            rc = hc_fail_errno(err, "keep", path);
            unlink(tmp);
        }
        if (rc == HC_OK)
            rc = sync_blobs(s, err);
        if (rc != HC_OK)
            return hc_wrap(err, "store");
    }
    mark_checked(s, hc_str_of(hex));
    return done(a, hc_str_of(hex), out_digest, err);
}

static enum hc_rc digest_file(const char *path, char hex[HC_SHA256_HEX + 1], uint64_t *out_size, struct hc_err *err)
{
    static const size_t step = 65536;
    HC_AUTO(hc_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return hc_fail_errno(err, "open", path);
    char *buf = hc_malloc(step);
    if (!buf)
        return hc_fail_nomem(err);
    struct hc_sha256 h;
    uint64_t size = 0;
    ssize_t got;
    hc_sha256_init(&h);
    while ((got = read(fd, buf, step)) > 0 || (got < 0 && errno == EINTR)) {
        if (got < 0)
            continue;
        hc_sha256_add(&h, hc_str_n(buf, (size_t)got));
        size += (uint64_t)got;
    }
    free(buf);
    if (got < 0)
        return hc_fail_errno(err, "read", path);
    hc_sha256_hex(&h, hex);
    *out_size = size;
    return HC_OK;
}

/* The file becomes the blob `hex`. */
static enum hc_rc keep(struct hc_store *s, struct hc_arena *a, const char *path, hc_str hex, struct hc_err *err)
{
    HC_AUTO(hc_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    const char *to = blob_path(s, a, hex);
    if (!to)
        return hc_arena_check(a, err, "store");
    if (is_whole(s, a, hex)) { /* the same content stays one file, whoever fetched it again */
        unlink(path);
        return HC_OK;
    }
    if (fd < 0 || fsync(fd) < 0 || chmod(path, 0644) < 0 || !moved(s, path, to)) {
        hc_fail_errno(err, "keep", to);
        unlink(path);
        return hc_wrap(err, "store");
    }
    if (sync_blobs(s, err) != HC_OK)
        return hc_wrap(err, "store");
    mark_checked(s, hex);
    return HC_OK;
}

enum hc_rc hc_store_adopt(struct hc_store *s, struct hc_arena *a, const char *path, hc_str *out_digest,
                          uint64_t *out_size, struct hc_err *err)
{
    char hex[HC_SHA256_HEX + 1];
    if (digest_file(path, hex, out_size, err) != HC_OK)
        return hc_wrap(err, "store");
    enum hc_rc rc = keep(s, a, path, hc_str_of(hex), err);
    return rc == HC_OK ? done(a, hc_str_of(hex), out_digest, err) : rc;
}

enum hc_rc hc_store_keep(struct hc_store *s, struct hc_arena *a, const char *path, hc_str digest,
                         struct hc_err *err)
{
    hc_str hex = hex_of(digest);
    if (!hex.p)
        return hc_fail(err, HC_E_INPUT, "'%.*s' is not a sha256 digest", HC_P(digest));
    return keep(s, a, path, hex, err);
}

enum hc_rc hc_store_temp(struct hc_store *s, struct hc_arena *a, const char **out_dir, struct hc_err *err)
{
    char id[37];
    hc_uuid4(id);
    const char *dir = hc_arena_printf(a, "%s/tmp/%s", s->dir, id).p;
    if (!dir)
        return hc_arena_check(a, err, "store");
    if (hc_mkdirs(dir, 0700, err) != HC_OK)
        return hc_wrap(err, "store");
    *out_dir = dir;
    return HC_OK;
}

enum hc_rc hc_store_path(struct hc_store *s, struct hc_arena *a, hc_str digest, const char **out,
                         struct hc_err *err)
{
    hc_str hex = hex_of(digest);
    if (!hex.p)
        return hc_fail(err, HC_E_INPUT, "'%.*s' is not a sha256 digest", HC_P(digest));
    const char *path = blob_path(s, a, hex);
    if (!path)
        return hc_arena_check(a, err, "store");
    if (!was_checked(s, hex)) {
        char now[HC_SHA256_HEX + 1];
        uint64_t size;
        if (digest_file(path, now, &size, err) != HC_OK)
            return err ? err->code : HC_E_NOTFOUND;
        if (!hc_str_eqz(hex, now)) {
            unlink(path);
            return hc_fail(err, HC_E_NOTFOUND, "stored file sha256:%.*s was damaged and has been removed",
                           HC_P(hex));
        }
        mark_checked(s, hex);
    } else if (access(path, R_OK) != 0) {
        return hc_fail_errno(err, "open", path);
    }
    *out = path;
    return HC_OK;
}

enum hc_rc hc_store_get(struct hc_store *s, struct hc_arena *a, hc_str digest, size_t ceiling, hc_str *out,
                        struct hc_err *err)
{
    const char *path;
    enum hc_rc rc = hc_store_path(s, a, digest, &path, err);
    return rc == HC_OK ? hc_read_file(a, AT_FDCWD, path, ceiling, out, err) : rc;
}

enum hc_blob hc_store_look(struct hc_store *s, hc_str digest)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const char *path;
    struct hc_err err;
    hc_str hex = hex_of(digest);
    if (!a || !hex.p)
        return HC_BLOB_GONE;
    path = blob_path(s, a, hex);
    bool there = path && access(path, F_OK) == 0;
    if (hc_store_path(s, a, digest, &path, &err) == HC_OK)
        return HC_BLOB_HERE;
    return there && access(path, F_OK) != 0 ? HC_BLOB_DAMAGED : HC_BLOB_GONE;
}

bool hc_store_has(struct hc_store *s, hc_str digest)
{
    return hc_store_look(s, digest) == HC_BLOB_HERE;
}

enum hc_rc hc_store_link(struct hc_store *s, hc_str digest, const char *rel_path, struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const char *from, *to, *tmp;
    char id[37];
    if (!a)
        return hc_fail_nomem(err);
    if (hc_store_path(s, a, digest, &from, err) != HC_OK)
        return hc_wrap(err, "store");
    hc_uuid4(id);
    to = hc_arena_printf(a, "%s/%s", s->dir, rel_path).p;
    tmp = hc_arena_printf(a, "%s/tmp/%s", s->dir, id).p;
    if (!to || !tmp)
        return hc_arena_check(a, err, "store");
    size_t slash = hc_str_rfind(hc_str_of(to), '/');
    char *dir = hc_arena_strz(a, hc_str_n(to, slash));
    if (!dir)
        return hc_arena_check(a, err, "store");
    if (hc_mkdirs(dir, 0755, err) != HC_OK || make_dir(s->dir, "tmp", err) != HC_OK)
        return hc_wrap(err, "store");
    if (link(from, tmp) < 0 || rename(tmp, to) < 0) {
        enum hc_rc rc = hc_fail_errno(err, "link", to);
        unlink(tmp);
        return rc;
    }
    unlink(tmp); /* rename of two names of one file leaves both */
    return HC_OK;
}

bool hc_store_linked(struct hc_store *s, hc_str digest, const char *rel_path)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const char *blob, *at = a ? hc_arena_printf(a, "%s/%s", s->dir, rel_path).p : NULL;
    struct stat x, y;
    struct hc_err err;
    if (!at || hc_store_path(s, a, digest, &blob, &err) != HC_OK || stat(blob, &x) != 0)
        return false;
    return (stat(at, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev) ||
           hc_store_link(s, digest, rel_path, &err) == HC_OK;
}

static DIR *open_links(struct hc_store *s, const char *rel_dir)
{
    char *path = path_of(s->dir, rel_dir);
    DIR *d = path ? opendir(path) : NULL;
    int e = errno;
    free(path);
    errno = e;
    return d;
}

enum hc_rc hc_store_unlink(struct hc_store *s, const char *rel_dir, struct hc_err *err)
{
    DIR *d = open_links(s, rel_dir);
    if (!d)
        return errno == ENOENT ? HC_OK : hc_fail_errno(err, "open folder", rel_dir);
    enum hc_rc rc = HC_OK;
    for (struct dirent *e; rc == HC_OK && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        if (unlinkat(dirfd(d), e->d_name, 0) < 0 && errno != ENOENT && errno != EISDIR)
            rc = hc_fail_errno(err, "remove", e->d_name);
    }
    closedir(d);
    return rc;
}

struct old_link {
    char name[256];
    int64_t changed_ms;
};

static int newer_first(const void *x, const void *y)
{
    int64_t a = ((const struct old_link *)x)->changed_ms, b = ((const struct old_link *)y)->changed_ms;
    return a > b ? -1 : a < b;
}

size_t hc_store_retain(struct hc_store *s, const char *rel_dir, const char *keep, const char *alias, int64_t ttl_ms,
                       int64_t records)
{
    enum { MOST = 64 }; /* in one folder; more than that are removed at the next look */
    struct old_link *old = hc_calloc(MOST, sizeof(*old));
    DIR *d = old ? open_links(s, rel_dir) : NULL;
    size_t n = 0, kept = 0;
    for (struct dirent *e; d && n < MOST && (e = readdir(d));) {
        struct stat st;
        if (e->d_name[0] == '.' || (keep && strcmp(e->d_name, keep) == 0) ||
            (alias && strcmp(e->d_name, alias) == 0) ||
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(st.st_mode))
            continue;
        snprintf(old[n].name, sizeof(old[n].name), "%s", e->d_name);
        /* The inode's, which changes when it is linked: near enough to when this was published. */
        old[n++].changed_ms = (int64_t)st.st_ctim.tv_sec * 1000 + st.st_ctim.tv_nsec / 1000000;
    }
    if (n)
        qsort(old, n, sizeof(*old), newer_first);
    int64_t now = hc_now_ms();
    for (size_t i = 0; i < n; i++) {
        if ((int64_t)i < records && now - old[i].changed_ms < ttl_ms)
            kept++;
        else
            (void)unlinkat(dirfd(d), old[i].name, 0);
    }
    if (d)
        closedir(d);
    free(old);
    return kept;
}

enum hc_rc hc_store_derived(struct hc_store *s, struct hc_arena *a, hc_str digest, const char *kind,
                            const char **out_path, struct hc_err *err)
{
    hc_str hex = hex_of(digest);
    if (!hex.p)
        return hc_fail(err, HC_E_INPUT, "'%.*s' is not a sha256 digest", HC_P(digest));
    *out_path = hc_arena_printf(a, "%s/derived/%.*s.%s", s->dir, HC_P(hex), kind).p;
    enum hc_rc rc = hc_arena_check(a, err, "store");
    return rc == HC_OK ? make_dir(s->dir, "derived", err) : rc; /* somebody may have emptied the folder */
}

/* What was derived from a blob that is gone goes too. */
static uint64_t collect_derived(struct hc_store *s)
{
    uint64_t freed = 0;
    char *path = path_of(s->dir, "derived"), *blobs = path_of(s->dir, "blobs/sha256");
    DIR *d = path ? opendir(path) : NULL;
    HC_AUTO(hc_fd) int in = blobs ? open(blobs, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(path);
    free(blobs);
    for (struct dirent *e; d && in >= 0 && (e = readdir(d));) {
        struct stat st;
        char hex[HC_SHA256_HEX + 1] = "";
        if (strlen(e->d_name) <= HC_SHA256_HEX)
            continue;
        memcpy(hex, e->d_name, HC_SHA256_HEX);
        if (faccessat(in, hex, F_OK, 0) == 0 || errno != ENOENT || fstatat(dirfd(d), e->d_name, &st, 0) != 0)
            continue;
        if (unlinkat(dirfd(d), e->d_name, 0) == 0)
            freed += (uint64_t)st.st_size;
    }
    if (d)
        closedir(d);
    return freed;
}

struct blob {
    char name[HC_SHA256_HEX + 1];
    uint64_t size;
    struct timespec used;
};

static int older_first(const void *x, const void *y)
{
    const struct timespec *a = &((const struct blob *)x)->used, *b = &((const struct blob *)y)->used;
    if (a->tv_sec != b->tv_sec)
        return a->tv_sec < b->tv_sec ? -1 : 1;
    return a->tv_nsec < b->tv_nsec ? -1 : a->tv_nsec > b->tv_nsec;
}

uint64_t hc_store_collect(struct hc_store *s, bool all)
{
    char *path = path_of(s->dir, "blobs/sha256");
    DIR *d = path ? opendir(path) : NULL;
    free(path);
    struct blob *loose = NULL;
    size_t n = 0, cap = 0;
    uint64_t total = 0, freed = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        if (strlen(e->d_name) != HC_SHA256_HEX || fstatat(dirfd(d), e->d_name, &st, 0) != 0)
            continue;
        total += (uint64_t)st.st_size;
        if (st.st_nlink > 1)
            continue;
        if (n == cap) {
            cap = cap ? cap * 2 : 64;
            struct blob *more = hc_realloc(loose, cap * sizeof(*loose));
            if (!more)
                break;
            loose = more;
        }
        memcpy(loose[n].name, e->d_name, sizeof(loose[n].name));
        loose[n].size = (uint64_t)st.st_size;
        loose[n++].used = st.st_atim.tv_sec > st.st_mtim.tv_sec ? st.st_atim : st.st_mtim;
    }
    if (n)
        qsort(loose, n, sizeof(*loose), older_first);
    for (size_t i = 0; d && i < n && (all || (s->ceiling && total - freed > s->ceiling)); i++)
        if (unlinkat(dirfd(d), loose[i].name, 0) == 0)
            freed += loose[i].size;
    if (d)
        closedir(d);
    free(loose);
    return freed + collect_derived(s);
}
