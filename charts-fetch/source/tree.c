/*
 * A folder on disk to an archive: names sorted per folder, files piece by piece, links left out as Flux leaves
 * them out. Walks by descriptors and follows no link, so a tree that changes under it cannot lead it elsewhere.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "charts-fetch/source/source.h"
#include "charts-fetch/source/sourceignore.h"
#include "charts-fetch/unpack/unpack.h"
#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/limits.h"

struct walk {
    struct hc_arena *a;
    struct hc_err *err;
    struct hc_packer *packer;
    struct hc_sourceignore *ignore;
    size_t files;
    uint64_t bytes;
    int64_t deadline_ms;
};

static int by_name(const void *x, const void *y)
{
    return hc_str_cmp(*(const hc_str *)x, *(const hc_str *)y);
}

static enum hc_rc names_of(struct walk *w, int fd, hc_str **out, size_t *out_n)
{
    int again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    DIR *d = again < 0 ? NULL : fdopendir(again);
    hc_str *names = NULL;
    size_t n = 0, cap = 0;
    if (!d) {
        if (again >= 0)
            close(again);
        return hc_fail_errno(w->err, "open", "folder");
    }
    rewinddir(d); /* the duplicate stands where the last walk ended */
    for (struct dirent *e; (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (n == cap) {
            cap = cap ? cap * 2 : 32;
            hc_str *more = HC_NEW_N(w->a, hc_str, cap);
            if (!more)
                break;
            if (n)
                memcpy(more, names, n * sizeof(*more));
            names = more;
        }
        names[n++] = hc_arena_str(w->a, hc_str_of(e->d_name));
    }
    closedir(d);
    if (n)
        qsort(names, n, sizeof(*names), by_name);
    *out = names;
    *out_n = n;
    return hc_arena_check(w->a, w->err, "tree");
}

static enum hc_rc pack_file(struct walk *w, int dir, const char *name, hc_str path)
{
    HC_AUTO(hc_fd) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return hc_fail_errno(w->err, "open", name);
    w->bytes += (uint64_t)st.st_size;
    if (++w->files > HC_MAX_ARTIFACT_FILES || w->bytes > HC_MAX_ARTIFACT_BYTES)
        return hc_fail(w->err, HC_E_LIMIT, "the tree has more than %u files or %zu bytes", HC_MAX_ARTIFACT_FILES,
                       HC_MAX_ARTIFACT_BYTES);
    hc_packer_fd(w->packer, path, st.st_mode, fd, (uint64_t)st.st_size);
    return HC_OK;
}

/* One walk over the tree: the first reads the .sourceignore files, since each of them has a say over all of its folder
 * and spec.ignore over all of them; the second packs. */
static enum hc_rc walk_dir(struct walk *w, int fd, hc_str dir, int depth)
{
    hc_str *names = NULL, lines;
    size_t n = 0;
    if (depth > 128)
        return hc_fail(w->err, HC_E_LIMIT, "the tree is more than 128 folders deep");
    if (!w->packer && hc_read_file(w->a, fd, ".sourceignore", HC_MIB, &lines, NULL) == HC_OK)
        hc_sourceignore_add(w->ignore, dir, lines);
    if (names_of(w, fd, &names, &n) != HC_OK)
        return w->err->code;
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        hc_str path = dir.n ? hc_arena_printf(w->a, "%.*s/%.*s", HC_P(dir), HC_P(names[i])) : names[i];
        if (fstatat(fd, names[i].p, &st, AT_SYMLINK_NOFOLLOW) != 0 || hc_str_eqz(names[i], ".git"))
            continue;
        if (hc_mono_ms() >= w->deadline_ms)
            return hc_fail(w->err, HC_E_AGAIN, "not packed in the time that it all may take (spec.timeout)");
        enum hc_rc rc = HC_OK;
        if (S_ISDIR(st.st_mode)) {
            if (w->packer && hc_sourceignore_prunes(w->ignore, path))
                continue;
            HC_AUTO(hc_fd) int sub = openat(fd, names[i].p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            rc = sub < 0 ? hc_fail_errno(w->err, "open", names[i].p) : walk_dir(w, sub, path, depth + 1);
        } else if (S_ISREG(st.st_mode) && w->packer && !hc_sourceignored(w->ignore, path, false)) {
            rc = pack_file(w, fd, names[i].p, path);
        }
        if (rc != HC_OK)
            return rc;
    }
    return hc_arena_check(w->a, w->err, "tree");
}

enum hc_rc hc_tree_pack(struct hc_store *store, struct hc_arena *a, const char *dir, hc_str ignore,
                        int64_t deadline_ms, hc_str *out_digest, uint64_t *out_size, struct hc_err *err)
{
    struct hc_err mine;
    struct walk w = {
        .a = a, .err = err ? err : &mine, .ignore = hc_sourceignore_new(a), .deadline_ms = deadline_ms
    };
    const char *temp;
    HC_AUTO(hc_fd) int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return hc_fail_errno(w.err, "open folder", dir);
    if (walk_dir(&w, root, HC_S(""), 0) != HC_OK || hc_store_temp(store, a, &temp, w.err) != HC_OK)
        return w.err->code;
    hc_sourceignore_end(w.ignore, ignore);
    const char *file = hc_arena_printf(a, "%s/tree.tar.gz", temp).p;
    int fd = file ? open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644) : -1;
    enum hc_rc rc = fd < 0 ? hc_fail_errno(w.err, "create file in", temp) : HC_OK;
    w.packer = rc == HC_OK ? hc_packer_new(fd, 0) : NULL;
    if (w.packer)
        hc_packer_until(w.packer, deadline_ms);
    if (rc == HC_OK)
        rc = w.packer ? walk_dir(&w, root, HC_S(""), 0) : hc_fail_nomem(w.err);
    if (w.packer) {
        enum hc_rc done = hc_packer_done(w.packer, rc == HC_OK ? w.err : NULL);
        rc = rc == HC_OK ? done : rc;
    }
    if (fd >= 0)
        close(fd);
    if (rc == HC_OK)
        rc = hc_store_adopt(store, a, file, out_digest, out_size, w.err);
    hc_remove_tree(temp, NULL);
    return rc;
}
