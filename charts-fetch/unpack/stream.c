/*
 * Archives piece by piece: 64 KiB of the archive, 64 KiB of what comes out of it, and one file name.
 *
 * The packed bytes come out of a descriptor or out of memory, through zlib when they are gzip, to libarchive, which hands
 * out bodies as they come. What is behind the archive's end is inflated too, so that gzip's checksum has been
 * compared. Between two pieces the time is looked at.
 *
 * Writing to a folder is our own: each step opens its parent without following links, so an archive cannot write through
 * a link it brought along.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "charts-fetch/unpack/unpack_impl.h"
#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/mem.h"

enum { PIECE = 65536 };

/* ---- the tar, packed or not ------------------------------------------------------------------------------ */

struct source {
    hc_str memory; /* of this, or of fd where it is absent */
    int fd;
    uint64_t size, at; /* as packed */
    int64_t deadline_ms;
    bool gzip, second, ended; /* second: a member of gzip has ended before */
    size_t ceiling, given;    /* unpacked */
    z_stream z;
    struct hc_err err; /* why it gives no more; HC_OK: the end */
    char in[PIECE], out[PIECE];
};

static enum hc_rc in_time(struct source *s)
{
    if (s->deadline_ms && hc_mono_ms() >= s->deadline_ms)
        return hc_fail(&s->err, HC_E_AGAIN, "not unpacked in the time that it all may take (spec.timeout)");
    return HC_OK;
}

/* The next bytes as they are packed; none: the end. */
static enum hc_rc next_packed(struct source *s, hc_str *out)
{
    size_t most = (size_t)HC_MIN(s->size - s->at, (uint64_t)PIECE);
    *out = hc_str_n("", 0);
    if (in_time(s) != HC_OK || !most)
        return s->err.code;
    if (s->memory.p) {
        *out = hc_str_n(s->memory.p + s->at, most);
    } else {
        ssize_t n;
        do
            n = pread(s->fd, s->in, most, (off_t)s->at);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            return hc_fail_errno(&s->err, "read", "archive");
        if (n == 0)
            return hc_fail(&s->err, HC_E_AGAIN, "the archive became shorter while it was read");
        *out = hc_str_n(s->in, (size_t)n);
    }
    s->at += out->n;
    return HC_OK;
}

/* One call of inflate. HC_OK: go on. */
static enum hc_rc inflate_some(struct source *s)
{
    if (s->z.avail_in == 0) {
        hc_str packed;
        if (next_packed(s, &packed) != HC_OK)
            return s->err.code;
        s->z.next_in = (Bytef *)(uintptr_t)packed.p;
        s->z.avail_in = (uInt)packed.n;
        s->ended = packed.n == 0 && s->second && s->z.total_in == 0; /* right behind a member */
        if (s->ended)
            return HC_OK;
    }
    int z = inflate(&s->z, Z_NO_FLUSH);
    if (z == Z_STREAM_END) {
        s->second = true;
        z = inflateReset(&s->z);
    } else if (z == Z_DATA_ERROR && s->second && s->z.total_out == 0) {
        s->z.msg = "text behind the end";
    }
    return z == Z_OK ? HC_OK : unpack_gzip_fail(&s->err, z, s->z.msg);
}

/* The next bytes of the tar; none: the end, and it was whole. */
static enum hc_rc next_piece(struct source *s, hc_str *out)
{
    if (!s->gzip)
        return next_packed(s, out);
    (void)in_time(s);
    s->z.next_out = (Bytef *)s->out;
    s->z.avail_out = PIECE;
    while (s->err.code == HC_OK && !s->ended && s->z.avail_out == PIECE)
        (void)inflate_some(s);
    *out = hc_str_n(s->out, PIECE - s->z.avail_out);
    s->given += out->n;
    if (s->err.code == HC_OK && s->given > s->ceiling)
        (void)unpack_gzip_over(s->ceiling, &s->err);
    if (s->err.code == HC_E_LIMIT)
        hc_wrap(&s->err, "archive of %" PRIu64 " bytes", s->size);
    return s->err.code;
}

static la_ssize_t give_piece(struct archive *ar, void *ctx, const void **out)
{
    struct source *s = ctx;
    hc_str piece;
    if (next_piece(s, &piece) != HC_OK) {
        archive_set_error(ar, EIO, "%s", s->err.msg);
        return -1;
    }
    *out = piece.p;
    return (la_ssize_t)piece.n;
}

static enum hc_rc open_source(struct source *s, const struct unpack_count *c)
{
    char head[2], trailer[4];
    if (s->memory.p) {
        s->size = s->memory.n;
        memcpy(head, s->memory.p, HC_MIN(sizeof(head), s->memory.n));
        memcpy(trailer, s->memory.p + s->size - HC_MIN(sizeof(trailer), s->memory.n),
               HC_MIN(sizeof(trailer), s->memory.n));
    } else {
        struct stat st;
        if (fstat(s->fd, &st) < 0)
            return hc_fail_errno(&s->err, "look at", "archive");
        s->size = (uint64_t)st.st_size;
        if (s->size >= sizeof(trailer) && (pread(s->fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
                                           pread(s->fd, trailer, sizeof(trailer),
                                                 st.st_size - (off_t)sizeof(trailer)) != (ssize_t)sizeof(trailer)))
            return hc_fail_errno(&s->err, "read", "archive");
    }
    s->gzip = s->size >= 18 && unpack_is_gzip(hc_str_n(head, sizeof(head)));
    if (!s->gzip)
        return HC_OK;
    s->ceiling = unpack_ceiling(c, s->size);
    if (unpack_gzip_told(trailer, s->size) > s->ceiling) { /* nothing need be inflated to refuse it */
        unpack_gzip_over(s->ceiling, &s->err);
        return hc_wrap(&s->err, "archive of %" PRIu64 " bytes", s->size);
    }
    int z = unpack_inflate_init(&s->z);
    s->gzip = z == Z_OK; /* else there is nothing to end */
    return z == Z_OK ? HC_OK : unpack_gzip_fail(&s->err, z, s->z.msg);
}

/* ---- what becomes of the files --------------------------------------------------------------------------- */

struct sink {
    enum hc_rc (*begin)(void *ctx, struct hc_arena *a, const struct unpack_entry *e, struct hc_err *err);
    enum hc_rc (*piece)(void *ctx, hc_str piece, struct hc_err *err);
    void *ctx;
};

static enum hc_rc one_entry(struct archive *ar, struct hc_arena *a, struct unpack_count *c, const struct sink *to,
                            bool *at_end, struct hc_err *err)
{
    struct unpack_entry e;
    enum hc_rc rc = unpack_next(ar, a, c, &e, at_end, err);
    if (rc != HC_OK || *at_end || e.folder)
        return rc;
    rc = to->begin(to->ctx, a, &e, err);
    for (size_t got = 0; rc == HC_OK && got < e.size;) {
        hc_str piece;
        rc = unpack_piece(ar, &e, got, &piece, err);
        if (rc != HC_OK)
            return rc;
        rc = to->piece(to->ctx, piece, err);
        got += piece.n;
    }
    return rc;
}

static enum hc_rc read_entries(struct source *s, struct archive *ar, struct unpack_count *c, const struct sink *to,
                               struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    if (!a)
        return hc_fail_nomem(err);
    enum hc_rc rc = archive_read_open(ar, s, NULL, give_piece, NULL) == ARCHIVE_OK ? HC_OK
                                                                                   : unpack_not_an_archive(err);
    for (bool at_end = false; rc == HC_OK && !at_end;) {
        const struct hc_arena_mark mark = hc_arena_mark(a);
        rc = one_entry(ar, a, c, to, &at_end, err);
        hc_arena_release(a, &mark);
    }
    hc_str rest = hc_str_n("", 1);
    while (rc == HC_OK && s->gzip && rest.n)
        rc = next_piece(s, &rest);
    return rc;
}

static enum hc_rc stream(hc_str memory, int fd, const struct hc_unpack_limits *limits, int64_t deadline_ms,
                         const struct sink *to, struct hc_err *err)
{
    struct unpack_count c = unpack_count_new(limits);
    struct source *s = hc_calloc(1, sizeof(*s));
    struct archive *ar = unpack_reader();
    enum hc_rc rc = HC_E_NOMEM;
    if (s && ar) {
        s->memory = memory;
        s->fd = fd;
        s->deadline_ms = deadline_ms;
        s->err = (struct hc_err)HC_ERR_INIT;
        rc = open_source(s, &c);
        if (rc == HC_OK)
            rc = read_entries(s, ar, &c, to, err);
        if (s->err.code != HC_OK) /* libarchive only knows that it got no more */
            rc = hc_err_copy(err, &s->err);
        if (s->gzip)
            inflateEnd(&s->z);
    } else {
        hc_fail_nomem(err);
    }
    archive_read_free(ar);
    free(s);
    return rc;
}

/* ---- to a folder ----------------------------------------------------------------------------------------- */

struct folder {
    int root, fd;  /* fd: of the file that is being written */
    char name[80]; /* its, for messages */
};

/* The folder `name` lies in, made when it is missing; *last is what remains of the name. */
static int open_parent(int root, char *name, const char **last)
{
    int dir = dup(root);
    char *part = name;
    for (char *slash; dir >= 0 && (slash = strchr(part, '/')); part = slash + 1) {
        *slash = '\0';
        if (mkdirat(dir, part, 0755) < 0 && errno != EEXIST) {
            close(dir);
            return -1;
        }
        int next = openat(dir, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int keep = errno;
        close(dir);
        errno = keep;
        *slash = '/';
        dir = next;
    }
    *last = part;
    return dir;
}

static void close_file(struct folder *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

static enum hc_rc begin_file(void *ctx, struct hc_arena *a, const struct unpack_entry *e, struct hc_err *err)
{
    struct folder *f = ctx;
    char *name = hc_arena_strz(a, e->name), *target = e->link.p ? hc_arena_strz(a, e->link) : NULL;
    close_file(f);
    if (hc_arena_spent(a))
        return hc_arena_check(a, err, "archive");
    const char *last = NULL;
    HC_AUTO(hc_fd) int dir = open_parent(f->root, name, &last);
    if (dir < 0 && (errno == ELOOP || errno == ENOTDIR))
        return hc_fail(err, HC_E_INPUT, "archive writes '%s' through a link or a file of its own: refused", name);
    if (dir < 0)
        return hc_fail_errno(err, "make folder of", name);
    if (unlinkat(dir, last, 0) < 0 && errno != ENOENT) /* the same name twice: the later one stands */
        return hc_fail_errno(err, "replace", name);
    if (target)
        return symlinkat(target, dir, last) == 0 ? HC_OK : hc_fail_errno(err, "make link", name);
    f->fd = openat(dir, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, e->mode & 0100 ? 0755 : 0644);
    if (f->fd < 0)
        return hc_fail_errno(err, "write", name);
    size_t shown = HC_MIN(e->name.n, sizeof(f->name) - 1);
    memcpy(f->name, name, shown);
    f->name[shown] = '\0';
    return HC_OK;
}

static enum hc_rc write_piece(void *ctx, hc_str piece, struct hc_err *err)
{
    struct folder *f = ctx;
    enum hc_rc rc = hc_write_fd(f->fd, piece, err);
    return rc == HC_OK ? HC_OK : hc_wrap(err, "unpack '%s'", f->name);
}

static enum hc_rc to_dir(hc_str memory, int fd, const char *dir, const struct hc_unpack_limits *limits,
                         int64_t deadline_ms, struct hc_err *err)
{
    struct folder f = { .root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .fd = -1 };
    const struct sink to = { begin_file, write_piece, &f };
    if (f.root < 0)
        return hc_fail_errno(err, "open folder", dir);
    enum hc_rc rc = stream(memory, fd, limits, deadline_ms, &to, err);
    close_file(&f);
    close(f.root);
    return rc;
}

enum hc_rc hc_unpack_to_dir(hc_str archive, const char *dir, const struct hc_unpack_limits *limits,
                            struct hc_err *err)
{
    return to_dir(archive.p ? archive : HC_S(""), -1, dir, limits, 0, err);
}

enum hc_rc hc_unpack_fd_to_dir(int fd, const char *dir, const struct hc_unpack_limits *limits, int64_t deadline_ms,
                               struct hc_err *err)
{
    return to_dir(hc_str_n(NULL, 0), fd, dir, limits, deadline_ms, err);
}

/* ---- one file of it -------------------------------------------------------------------------------------- */

struct wanted {
    hc_str name;
    struct hc_arena *a;
    char *body;
    size_t size, got;
    bool found, here;
};

static enum hc_rc begin_any(void *ctx, struct hc_arena *a, const struct unpack_entry *e, struct hc_err *err)
{
    struct wanted *w = ctx;
    (void)a;
    w->here = !w->found && hc_str_eq(e->name, w->name);
    if (!w->here)
        return HC_OK;
    w->found = true;
    w->size = e->size;
    w->body = hc_arena_alloc(w->a, w->size + 1, 1);
    return w->body ? HC_OK : hc_arena_check(w->a, err, "file of an archive");
}

static enum hc_rc keep_piece(void *ctx, hc_str piece, struct hc_err *err)
{
    struct wanted *w = ctx;
    (void)err;
    if (w->here) {
        memcpy(w->body + w->got, piece.p, piece.n);
        w->got += piece.n;
    }
    return HC_OK;
}

enum hc_rc hc_unpack_one(struct hc_arena *a, int fd, hc_str name, const struct hc_unpack_limits *limits,
                         hc_str *out, struct hc_err *err)
{
    struct wanted w = { .name = name, .a = a };
    const struct sink to = { begin_any, keep_piece, &w };
    enum hc_rc rc = stream(hc_str_n(NULL, 0), fd, limits, 0, &to, err);
    if (rc == HC_OK && !w.found)
        return hc_fail(err, HC_E_NOTFOUND, "no file '%.*s' in the archive", HC_P(name));
    if (rc == HC_OK)
        *out = hc_str_n(w.body, w.size);
    return rc;
}
