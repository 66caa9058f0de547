/*
 * Files read and written whole. The writer goes through a temporary name in the same folder.
 */
#include "core/base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/digest.h"

void hc_fd_auto(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* A file that says its size is read to where it stays. HC_E_AGAIN: it is longer than it said. */
static enum hc_rc read_sized(struct hc_arena *a, int fd, const char *name, size_t size, hc_str *out,
                             struct hc_err *err)
{
    char *room = hc_arena_alloc(a, size + 1, 1);
    if (!room)
        return hc_arena_check(a, err, name);
    for (size_t n = 0;;) {
        ssize_t got = read(fd, room + n, size + 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return hc_fail_errno(err, "read", name);
        n += (size_t)got;
        if (n > size)
            return lseek(fd, 0, SEEK_SET) == 0 ? HC_E_AGAIN : hc_fail_errno(err, "read", name);
        if (got == 0) {
            room[n] = '\0';
            *out = (hc_str){ room, n };
            return HC_OK;
        }
    }
}

enum hc_rc hc_read_fd(struct hc_arena *a, int fd, const char *name, size_t ceiling, hc_str *out, struct hc_err *err)
{
    struct stat st;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, ceiling + 1 > ceiling ? ceiling + 1 : ceiling);
    size_t want = fstat(fd, &st) == 0 && st.st_size > 0 ? (size_t)st.st_size + 1 : 65536;
    if (S_ISDIR(st.st_mode))
        return hc_fail(err, HC_E_INPUT, "read '%s': it is a folder", name);
    if (S_ISREG(st.st_mode) && st.st_size > 0 && (size_t)st.st_size <= ceiling && lseek(fd, 0, SEEK_CUR) == 0) {
        enum hc_rc rc = read_sized(a, fd, name, (size_t)st.st_size, out, err);
        if (rc != HC_E_AGAIN)
            return rc;
    }
    for (;;) {
        size_t step = HC_MIN(want, ceiling + 1 - b.n);
        char *at = step ? hc_buf_room(&b, step) : NULL;
        if (!at)
            return b.spent && b.n < ceiling
                       ? hc_fail_nomem(err)
                       : hc_fail(err, HC_E_LIMIT, "'%s' is larger than the %zu bytes allowed", name, ceiling);
        ssize_t got = read(fd, at, step);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return hc_fail_errno(err, "read", name);
        if (got == 0)
            break;
        b.n += (size_t)got;
        if (b.n > ceiling)
            return hc_fail(err, HC_E_LIMIT, "'%s' is larger than the %zu bytes allowed", name, ceiling);
        want = HC_MAX(step - (size_t)got, (size_t)16384);
    }
    *out = hc_buf_to_arena(&b, a);
    return hc_arena_check(a, err, name);
}

enum hc_rc hc_read_file(struct hc_arena *a, int dir, const char *path, size_t ceiling, hc_str *out,
                        struct hc_err *err)
{
    HC_AUTO(hc_fd) int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return hc_fail_errno(err, "open", path);
    return hc_read_fd(a, fd, path, ceiling, out, err);
}

int hc_write_all(int fd, hc_str body)
{
    while (body.n) {
        ssize_t put = write(fd, body.p, body.n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return put < 0 ? errno : EIO;
        body = hc_str_sub(body, (size_t)put, body.n);
    }
    return 0;
}

enum hc_rc hc_write_fd(int fd, hc_str body, struct hc_err *err)
{
    errno = hc_write_all(fd, body);
    return errno ? hc_fail_errno(err, "write", "file") : HC_OK;
}

static void sync_folder_of(const char *path)
{
    char dir[4096];
    size_t at = hc_str_rfind(hc_str_of(path), '/');
    if (at == SIZE_MAX)
        snprintf(dir, sizeof(dir), ".");
    else
        snprintf(dir, sizeof(dir), "%.*s", (int)HC_MAX(at, (size_t)1), path);
    HC_AUTO(hc_fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && fsync(fd) < 0)
        return; /* some file systems cannot; the rename itself stands */
}

static enum hc_rc write_file(const char *path, hc_str body, unsigned mode, bool exact, struct hc_err *err)
{
    char tmp[4096], id[37];
    struct stat st;
    /* A rename would put a file in the place of the device, for everybody. */
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        HC_AUTO(hc_fd) int there = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (there < 0)
            return hc_fail_errno(err, "open", path);
        errno = hc_write_all(there, body);
        return errno ? hc_fail_errno(err, "write", path) : HC_OK;
    }
    hc_uuid4(id);
    int n = snprintf(tmp, sizeof(tmp), "%s.%.8s.tmp", path, id);
    if (n < 0 || (size_t)n >= sizeof(tmp))
        return hc_fail(err, HC_E_LIMIT, "path '%s' is too long", path);
    HC_AUTO(hc_fd) int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    if (fd < 0)
        return hc_fail_errno(err, "create", tmp);
    errno = hc_write_all(fd, body);
    enum hc_rc rc = errno ? hc_fail_errno(err, "write", path) : HC_OK;
    if (rc == HC_OK && exact && fchmod(fd, (mode_t)mode) < 0)
        rc = hc_fail_errno(err, "set the mode of", tmp);
    if (rc == HC_OK && fsync(fd) < 0)
        rc = hc_fail_errno(err, "fsync", tmp);
    if (rc == HC_OK && rename(tmp, path) < 0)
        rc = hc_fail_errno(err, "rename", path);
    if (rc != HC_OK) {
        unlink(tmp);
        return rc;
    }
    sync_folder_of(path);
    return HC_OK;
}

enum hc_rc hc_write_file(const char *path, hc_str body, unsigned mode, struct hc_err *err)
{
    return write_file(path, body, mode, false, err);
}

enum hc_rc hc_write_file_as(const char *path, hc_str body, unsigned mode, struct hc_err *err)
{
    return write_file(path, body, mode, true, err);
}

enum hc_rc hc_mkdirs(const char *path, unsigned mode, struct hc_err *err)
{
    char part[4096];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof(part))
        return hc_fail(err, HC_E_INPUT, "path '%s' cannot be made", path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, (mode_t)mode) < 0 && errno != EEXIST)
            return hc_fail_errno(err, "make folder", part);
    }
    return HC_OK;
}

static enum hc_rc remove_at(int dir, const char *name, int depth, struct hc_err *err)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return HC_OK;
    if (errno != EISDIR && errno != EPERM)
        return hc_fail_errno(err, "remove", name);
    if (depth > 256)
        return hc_fail(err, HC_E_LIMIT, "remove '%s': more than 256 folders deep", name);
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return hc_fail_errno(err, "open", name);
    DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return hc_fail_nomem(err);
    }
    enum hc_rc rc = HC_OK;
    for (struct dirent *e; rc == HC_OK && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            rc = remove_at(dirfd(d), e->d_name, depth + 1, err);
    closedir(d);
    if (rc == HC_OK && unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        rc = hc_fail_errno(err, "remove", name);
    return rc;
}

enum hc_rc hc_remove_tree(const char *path, struct hc_err *err)
{
    return remove_at(AT_FDCWD, path, 0, err);
}

hc_str hc_path_clean(struct hc_arena *a, hc_str path)
{
    char *out = hc_arena_alloc(a, path.n + 2, 1);
    size_t n = 0, least = 0; /* least: what ".." cannot take back */
    hc_str rest = path, part;
    bool absolute = path.n && *path.p == '/';
    if (!out)
        return (hc_str){ NULL, 0 };
    if (absolute)
        out[n++] = '/', least = 1;
    while (path.n && hc_str_split(&rest, '/', &part)) {
        if (!part.n || hc_str_eqz(part, "."))
            continue;
        bool up = hc_str_eqz(part, "..");
        if (up && n > least) {
            while (n > least && out[n - 1] != '/')
                n--;
            if (n > least)
                n--;
            continue;
        }
        if (up && absolute)
            continue;
        if (n && out[n - 1] != '/')
            out[n++] = '/';
        memcpy(out + n, part.p, part.n);
        n += part.n;
        if (up)
            least = n;
    }
    if (!n)
        out[n++] = '.';
    out[n] = '\0';
    return hc_str_n(out, n);
}

hc_str hc_path_base(hc_str s)
{
    if (s.n == 0)
        return HC_S(".");
    while (s.n > 0 && s.p[s.n - 1] == '/')
        s.n--;
    size_t slash = hc_str_rfind(s, '/');
    if (slash != SIZE_MAX)
        s = hc_str_sub(s, slash + 1, s.n);
    return s.n == 0 ? HC_S("/") : s;
}
