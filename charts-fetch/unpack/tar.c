/*
 * Archives read.
 *
 * A .tar.gz is inflated whole into the arena first (gzip.c). A tar of plain files and folders, which is what packers of
 * charts write, is then walked here; anything else by libarchive. Both hand out pointers into that
 * buffer, so a file's body is not copied. Everything is checked in that first walk; only then
 * files are handed out or written. Writing to a folder is our own: each step opens its parent without following
 * links, so an archive cannot write through a link it brought along.
 *
 * Left out: hard links, devices and sparse files are refused, owners and times ignored.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "charts-fetch/unpack/unpack.h"
#include "core/base/fs.h"
#include "core/base/limits.h"

struct member {
    struct hc_unpacked file;
    hc_str link; /* symbolic link: its target, else absent */
    struct member *next;
};
struct members {
    struct member *first, **last;
    size_t n;
};

static enum hc_rc not_an_archive(struct hc_err *err)
{
    return hc_fail(err, HC_E_INPUT, "does not appear to be a gzipped archive");
}

/* Cleans `name` into the arena; *out.n is 0 for the root itself. */
static enum hc_rc clean_name(struct hc_arena *a, const char *raw, hc_str *out, struct hc_err *err)
{
    hc_str rest = hc_str_of(raw), part;
    if (rest.n > HC_MAX_PATH_BYTES)
        return hc_fail(err, HC_E_LIMIT, "archive holds a path of more than %u bytes ('%.60s...')",
                       HC_MAX_PATH_BYTES, raw);
    char *z = hc_arena_strz(a, rest);
    if (!z)
        return hc_arena_check(a, err, "archive");
    for (char *p = z; *p; p++) /* archives of Windows */
        if (*p == '\\')
            *p = '/';
    if (z[0] == '/' || (rest.n > 2 && z[1] == ':' && z[2] == '/'))
        return hc_fail(err, HC_E_INPUT, "archive holds the absolute path '%s': refused", raw);
    char *to = z;
    rest.p = z;
    while (hc_str_split(&rest, '/', &part)) {
        if (part.n == 0 || hc_str_eq(part, HC_S(".")))
            continue;
        if (hc_str_eq(part, HC_S("..")))
            return hc_fail(err, HC_E_INPUT, "archive holds the path '%s', which climbs out with '..': refused",
                           raw);
        if (to != z)
            *to++ = '/';
        memmove(to, part.p, part.n);
        to += part.n;
    }
    *to = '\0';
    *out = (hc_str){ z, (size_t)(to - z) };
    return HC_OK;
}

/*
 * A link may climb only with its first steps, and no further than its own folder is deep. Folders above a link are
 * real ones (see open_parent), and a link it goes through obeys the same law, so no chain of links leaves the root.
 */
static enum hc_rc check_link(hc_str name, hc_str target, struct hc_err *err)
{
    size_t depth = 0;
    for (size_t i = 0; i < name.n; i++)
        depth += name.p[i] == '/';
    bool inside = target.n > 0 && target.p[0] != '/' && !memchr(target.p, '\0', target.n), went_down = false;
    hc_str rest = target, part;
    while (inside && hc_str_split(&rest, '/', &part)) {
        if (part.n == 0 || hc_str_eq(part, HC_S(".")))
            continue;
        if (!hc_str_eq(part, HC_S("..")))
            went_down = true;
        else if (went_down || depth == 0)
            inside = false;
        else
            depth--;
    }
    if (!inside)
        return hc_fail(err, HC_E_INPUT,
                       "archive holds the link '%.*s' to '%.*s', which leaves the archive: refused", HC_P(name),
                       HC_P(target));
    return HC_OK;
}

static enum hc_rc read_body(struct hc_arena *a, struct archive *ar, hc_str whole, struct member *m, size_t size,
                            struct hc_err *err)
{
    const void *p = NULL;
    size_t n = 0, got = 0;
    la_int64_t offset = 0;
    char *copy = NULL;
    m->file.body = (hc_str){ "", 0 };
    for (int rc; got < size;) {
        rc = archive_read_data_block(ar, &p, &n, &offset);
        if (rc == ARCHIVE_EOF)
            break;
        if (rc != ARCHIVE_OK)
            return hc_fail(err, HC_E_INPUT, "archive is cut or broken at '%.*s' (%s): fetch or pack it again",
                           HC_P(m->file.name), archive_error_string(ar));
        if (offset < 0 || (size_t)offset != got || n > size - got)
            return hc_fail(err, HC_E_INPUT, "archive holds the sparse file '%.*s': refused", HC_P(m->file.name));
        bool ours = (const char *)p >= whole.p && (const char *)p + n <= whole.p + whole.n;
        if (got == 0 && n == size && ours) {
            m->file.body = (hc_str){ p, n };
            return HC_OK;
        }
        if (!copy && !(copy = hc_arena_alloc(a, size + 1, 1)))
            return hc_arena_check(a, err, "archive");
        memcpy(copy + got, p, n);
        got += n;
    }
    if (got < size)
        return hc_fail(err, HC_E_INPUT, "archive is cut at '%.*s': fetch or pack it again", HC_P(m->file.name));
    if (copy)
        m->file.body = (hc_str){ copy, got };
    return HC_OK;
}

/* A file: counted, checked, added. NULL: refused. */
static enum hc_rc new_member(struct hc_arena *a, const char *raw, struct member **out, struct hc_err *err)
{
    if (!*raw)
        return hc_fail(err, HC_E_INPUT, "archive holds a file without a name");
    struct member *m = HC_NEW(a, struct member);
    if (!m)
        return hc_arena_check(a, err, "archive");
    *out = m;
    return clean_name(a, raw, &m->file.name, err);
}

static enum hc_rc no_name(const char *raw, struct hc_err *err)
{
    return hc_fail(err, HC_E_INPUT, "archive holds '%s', which is no file name", raw);
}

static enum hc_rc count_bytes(uint64_t size, const struct hc_unpack_limits *limits, size_t *bytes,
                              struct hc_err *err)
{
    if (size > limits->bytes - *bytes)
        return hc_fail(err, HC_E_LIMIT, "archive unpacks to more than the %zu bytes allowed", limits->bytes);
    *bytes += (size_t)size;
    return HC_OK;
}

static void add_member(struct members *out, struct member *m)
{
    *out->last = m;
    out->last = &m->next;
    out->n++;
}

static enum hc_rc one_entry(struct hc_arena *a, struct archive *ar, struct archive_entry *e, hc_str whole,
                            const struct hc_unpack_limits *limits, size_t *bytes, struct members *out,
                            struct hc_err *err)
{
    const char *raw = archive_entry_pathname_utf8(e);
    if (!raw)
        raw = archive_entry_pathname(e);
    struct member *m = NULL;
    enum hc_rc rc = new_member(a, raw ? raw : "", &m, err);
    if (rc != HC_OK)
        return rc;
    unsigned type = archive_entry_filetype(e);
    if (type == AE_IFDIR)
        return HC_OK;
    if (m->file.name.n == 0)
        return no_name(raw, err);
    if (archive_entry_hardlink(e))
        return hc_fail(err, HC_E_INPUT, "archive holds the hard link '%s': refused", raw);
    m->file.mode = archive_entry_perm(e) & 0777;
    if (type == AE_IFLNK) {
        const char *target = archive_entry_symlink_utf8(e);
        if (!target)
            target = archive_entry_symlink(e);
        m->link = hc_arena_str(a, hc_str_of(target ? target : ""));
        m->file.body = HC_S("");
        rc = check_link(m->file.name, m->link, err);
        if (rc != HC_OK)
            return rc;
    } else if (type == AE_IFREG) {
        la_int64_t size = archive_entry_size(e);
        rc = count_bytes(size < 0 ? UINT64_MAX : (uint64_t)size, limits, bytes, err);
        if (rc == HC_OK)
            rc = read_body(a, ar, whole, m, (size_t)size, err);
        if (rc != HC_OK)
            return rc;
    } else {
        return hc_fail(err, HC_E_INPUT, "archive holds '%s', which is a device or a pipe: refused", raw);
    }
    add_member(out, m);
    return HC_OK;
}

/* ---- the plain case, by ourselves ---------------------------------------------------------------------- */

enum { RECORD = 512 };

struct header { /* POSIX ustar; GNU tar's has the same first fields */
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[8], owner[32],
        group[32], device[16], prefix[155], rest[12];
};

/* Octal digits, then blanks or NULs. */
static bool octal(const char *p, size_t n, uint64_t *out)
{
    uint64_t v = 0;
    size_t i = 0, digits = 0;
    while (i < n && p[i] == ' ')
        i++;
    for (; i < n && p[i] >= '0' && p[i] <= '7'; i++, digits++)
        v = v * 8 + (uint64_t)(p[i] - '0');
    for (; i < n; i++)
        if (p[i] != ' ' && p[i] != '\0')
            return false;
    *out = v;
    return digits > 0;
}

static bool sum_is_right(const struct header *h)
{
    const unsigned char *p = (const unsigned char *)h;
    uint64_t want, sum = 8 * ' ';
    for (size_t i = 0; i < RECORD; i++)
        sum += p[i];
    for (size_t i = 0; i < sizeof(h->sum); i++)
        sum -= (unsigned char)h->sum[i];
    return octal(h->sum, sizeof(h->sum), &want) && want == sum;
}

/* GNU's way with long names: a record of type L whose body is the name of the file behind it. */
static bool long_name(hc_str tar, size_t *at, const struct header *h, hc_str *out)
{
    uint64_t size;
    if (memcmp(h->name, "././@LongLink", 14) != 0 || !octal(h->size, sizeof(h->size), &size) || size < 2 ||
        size > HC_MAX_PATH_BYTES || tar.n - *at < (size_t)4 * RECORD + HC_MAX_PATH_BYTES)
        return false;
    const char *p = tar.p + *at + RECORD;
    *out = (hc_str){ p, (size_t)size - 1 };
    *at += RECORD + ((size_t)size + RECORD - 1) / RECORD * RECORD;
    return p[size - 1] == '\0' && !memchr(p, '\0', (size_t)size - 1);
}

/*
 * The next header, its name and size; *at goes behind its body, which begins at *body. False: not a plain one.
 */
static bool plain_header(hc_str tar, size_t *at, const struct header **out, char *name, uint64_t *size,
                         const char **body)
{
    static const char gnu[8] = "ustar  ", posix[8] = { 'u', 's', 't', 'a', 'r', '\0', '0', '0' };
    const struct header *h = (const void *)(tar.p + *at);
    size_t n = strnlen(h->name, sizeof(h->name)), dir = 0;
    bool is_posix = memcmp(h->magic, posix, 8) == 0;
    if ((!is_posix && memcmp(h->magic, gnu, 8) != 0) || !sum_is_right(h) || n == 0)
        return false;
    if (is_posix)
        dir = strnlen(h->prefix, sizeof(h->prefix));
    hc_str full = { h->name, n };
    if (h->type == 'L') {
        if (is_posix || !long_name(tar, at, h, &full))
            return false;
        n = full.n;
        h = (const void *)(tar.p + *at);
        if (memcmp(h->magic, gnu, 8) != 0 || !sum_is_right(h) || h->type == 'L')
            return false;
    }
    memcpy(name, h->prefix, dir);
    if (dir)
        name[dir++] = '/';
    memcpy(name + dir, full.p, n);
    name[dir + n] = '\0';
    for (size_t i = 0; i < dir + n; i++)
        if ((unsigned char)name[i] >= 0x80)
            return false;
    uint64_t mode;
    if (!octal(h->size, sizeof(h->size), size) || !octal(h->mode, sizeof(h->mode), &mode))
        return false;
    bool folder = h->type == '5', slash = name[dir + n - 1] == '/';
    if (!folder && ((h->type != '0' && h->type != '\0') || slash))
        return false;
    if (folder && *size != 0)
        return false;
    *out = h;
    *at += RECORD;
    *body = tar.p + *at;
    if (*size > tar.n - *at)
        return false;
    *at += (size_t)*size;
    size_t pad = (RECORD - (size_t)*size % RECORD) % RECORD;
    if (pad > tar.n - *at)
        return false;
    *at += pad;
    return true;
}

static bool is_zero(const char *p)
{
    for (size_t i = 0; i < RECORD; i++)
        if (p[i])
            return false;
    return true;
}

/* Plain from the first header to two empty records. */
static bool is_plain(hc_str tar)
{
    const struct header *h;
    char name[HC_MAX_PATH_BYTES + 1];
    const char *body;
    uint64_t size;
    _Static_assert(sizeof(*h) == RECORD, "a record of a tar has 512 bytes");
    for (size_t at = 0; tar.n - at >= (size_t)2 * RECORD;) {
        if (tar.p[at] == '\0')
            return is_zero(tar.p + at) && is_zero(tar.p + at + RECORD);
        if (!plain_header(tar, &at, &h, name, &size, &body))
            return false;
    }
    return false;
}

static enum hc_rc read_plain_tar(struct hc_arena *a, hc_str tar, const struct hc_unpack_limits *limits,
                                 struct members *out, struct hc_err *err)
{
    const struct header *h;
    char name[HC_MAX_PATH_BYTES + 1];
    const char *body = NULL;
    uint64_t size, mode = 0;
    size_t bytes = 0, entries = 0;
    for (size_t at = 0; tar.p[at] != '\0' && plain_header(tar, &at, &h, name, &size, &body);) {
        struct member *m = NULL;
        if (++entries > limits->entries)
            return hc_fail(err, HC_E_LIMIT, "archive holds more than the %zu files allowed", limits->entries);
        enum hc_rc rc = new_member(a, name, &m, err);
        if (rc != HC_OK)
            return rc;
        if (h->type == '5')
            continue;
        if (m->file.name.n == 0)
            return no_name(name, err);
        rc = count_bytes(size, limits, &bytes, err);
        if (rc != HC_OK)
            return rc;
        octal(h->mode, sizeof(h->mode), &mode);
        m->file.mode = (unsigned)mode & 0777;
        m->file.body = size ? (hc_str){ body, (size_t)size } : HC_S("");
        add_member(out, m);
    }
    return HC_OK;
}

static enum hc_rc read_tar(struct hc_arena *a, hc_str tar, const struct hc_unpack_limits *limits,
                           struct members *out, struct hc_err *err)
{
    out->first = NULL;
    out->last = &out->first;
    out->n = 0;
    if (is_plain(tar))
        return read_plain_tar(a, tar, limits, out, err);
    struct archive *ar = archive_read_new();
    if (!ar)
        return hc_fail_nomem(err);
    enum hc_rc rc = HC_OK;
    size_t bytes = 0, entries = 0;
    archive_read_support_format_tar(ar);
    /* Names are bytes; without this libarchive would want a locale for the old formats. */
    archive_read_set_option(ar, "tar", "compat-2x", NULL);
    if (archive_read_open_memory(ar, tar.p, tar.n) != ARCHIVE_OK)
        rc = not_an_archive(err);
    while (rc == HC_OK) {
        struct archive_entry *e;
        int z = archive_read_next_header(ar, &e);
        if (z == ARCHIVE_EOF)
            break;
        if (z == ARCHIVE_RETRY)
            continue;
        if (z < ARCHIVE_WARN)
            rc = entries ? hc_fail(err, HC_E_INPUT, "archive is cut or broken (%s): fetch or pack it again",
                                   archive_error_string(ar))
                         : not_an_archive(err);
        else if (++entries > limits->entries)
            rc = hc_fail(err, HC_E_LIMIT, "archive holds more than the %zu files allowed", limits->entries);
        else
            rc = one_entry(a, ar, e, tar, limits, &bytes, out, err);
    }
    archive_read_free(ar);
    return rc;
}

static enum hc_rc read_all(struct hc_arena *a, hc_str archive, const struct hc_unpack_limits *given,
                           struct members *out, struct hc_err *err)
{
    struct hc_unpack_limits limits = given ? *given : (struct hc_unpack_limits){ 0 };
    if (!limits.bytes)
        limits.bytes = HC_MAX_CHART_BYTES;
    if (!limits.entries)
        limits.entries = HC_MAX_CHART_FILES;
    hc_str tar = archive;
    if (archive.n >= 2 && (uint8_t)archive.p[0] == 0x1f && (uint8_t)archive.p[1] == 0x8b) {
        /* headers and padding come on top of the bodies: two blocks a file, more with long names */
        size_t ceiling = limits.bytes + (limits.entries + 16) * 2048;
        /* ... and nobody's chart or manifests shrink to a hundredth, but zeros do to a thousandth */
        ceiling = HC_MIN(ceiling, HC_MAX_UNPACK_BASE + HC_MAX_UNPACK_RATIO * archive.n);
        enum hc_rc rc = hc_gunzip(a, archive, ceiling, &tar, err);
        if (rc != HC_OK)
            return rc == HC_E_LIMIT ? hc_wrap(err, "archive of %zu bytes", archive.n) : rc;
    }
    if (tar.n < 512)
        return not_an_archive(err);
    return read_tar(a, tar, &limits, out, err);
}

enum hc_rc hc_unpack_memory(struct hc_arena *a, hc_str archive, const struct hc_unpack_limits *limits,
                            struct hc_unpacked **out, size_t *out_n, struct hc_err *err)
{
    struct members all;
    enum hc_rc rc = read_all(a, archive, limits, &all, err);
    if (rc != HC_OK)
        return rc;
    struct hc_unpacked *files = HC_NEW_N(a, struct hc_unpacked, all.n + 1);
    if (!files)
        return hc_arena_check(a, err, "archive");
    size_t n = 0;
    for (struct member *m = all.first; m; m = m->next)
        files[n++] = m->file;
    *out = files;
    *out_n = n;
    return HC_OK;
}

/* ---- to a folder ------------------------------------------------------------------------------------- */

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

static enum hc_rc write_member(int root, struct hc_arena *a, const struct member *m, struct hc_err *err)
{
    char *name = hc_arena_strz(a, m->file.name);
    if (!name)
        return hc_arena_check(a, err, "archive");
    const char *last = NULL;
    HC_AUTO(hc_fd) int dir = open_parent(root, name, &last);
    if (dir < 0 && (errno == ELOOP || errno == ENOTDIR))
        return hc_fail(err, HC_E_INPUT, "archive writes '%s' through a link or a file of its own: refused", name);
    if (dir < 0)
        return hc_fail_errno(err, "make folder of", name);
    if (unlinkat(dir, last, 0) < 0 && errno != ENOENT) /* the same name twice: the later one stands */
        return hc_fail_errno(err, "replace", name);
    if (m->link.p) {
        const char *target = hc_arena_strz(a, m->link);
        return target && symlinkat(target, dir, last) == 0 ? HC_OK : hc_fail_errno(err, "make link", name);
    }
    HC_AUTO(hc_fd)
    int fd = openat(dir, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    m->file.mode & 0100 ? 0755 : 0644);
    if (fd < 0)
        return hc_fail_errno(err, "write", name);
    enum hc_rc rc = hc_write_fd(fd, m->file.body, err);
    return rc == HC_OK ? HC_OK : hc_wrap(err, "unpack '%s'", name);
}

enum hc_rc hc_unpack_to_dir(hc_str archive, const char *dir, const struct hc_unpack_limits *limits,
                            struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_unpack_limits large = limits ? *limits : (struct hc_unpack_limits){ 0 };
    struct members all;
    enum hc_rc rc = read_all(a, archive, &large, &all, err);
    if (rc != HC_OK)
        return rc;
    HC_AUTO(hc_fd) int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return hc_fail_errno(err, "open folder", dir);
    for (struct member *m = all.first; m && rc == HC_OK; m = m->next)
        rc = write_member(root, a, m, err);
    return rc;
}
