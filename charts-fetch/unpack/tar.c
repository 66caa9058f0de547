/*
 * Archives read into memory, and what every way of reading checks.
 *
 * A .tar.gz is inflated whole into the arena first (gzip.c). A tar of plain files and folders, which is what packers of
 * charts write, is then walked here; anything else by libarchive. Both hand out pointers into that
 * buffer, so a file's body is not copied. Everything is checked in that walk; only then files are handed out.
 *
 * Left out: hard links, devices and sparse files are refused, owners and times ignored.
 */
#include "charts-fetch/unpack/unpack_impl.h"
#include "core/base/limits.h"

struct member {
    struct unpack_entry entry;
    hc_str body;
    struct member *next;
};
struct members {
    struct member *first, **last;
    size_t n;
};

enum hc_rc unpack_not_an_archive(struct hc_err *err)
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

/* ---- what one entry may be ------------------------------------------------------------------------------ */

static enum hc_rc name_of(struct hc_arena *a, const char *raw, hc_str *out, struct hc_err *err)
{
    if (!*raw)
        return hc_fail(err, HC_E_INPUT, "archive holds a file without a name");
    return clean_name(a, raw, out, err);
}

static enum hc_rc no_name(const char *raw, struct hc_err *err)
{
    return hc_fail(err, HC_E_INPUT, "archive holds '%s', which is no file name", raw);
}

static bool from_dot(const char *raw)
{
    return raw[0] == '.' && raw[1] == '/';
}

static enum hc_rc count_entry(struct unpack_count *c, struct hc_err *err)
{
    if (++c->entries > c->limits.entries)
        return hc_fail(err, HC_E_LIMIT, "archive holds more than the %zu files allowed", c->limits.entries);
    return HC_OK;
}

static enum hc_rc count_bytes(uint64_t size, struct unpack_count *c, struct hc_err *err)
{
    if (size > c->limits.bytes - c->bytes)
        return hc_fail(err, HC_E_LIMIT, "archive unpacks to more than the %zu bytes allowed", c->limits.bytes);
    c->bytes += (size_t)size;
    return HC_OK;
}

static enum hc_rc read_entry(struct hc_arena *a, struct archive_entry *e, struct unpack_count *c,
                             struct unpack_entry *out, struct hc_err *err)
{
    const char *raw = archive_entry_pathname_utf8(e);
    if (!raw)
        raw = archive_entry_pathname(e);
    raw = raw ? raw : "";
    enum hc_rc rc = name_of(a, raw, &out->name, err);
    if (rc != HC_OK)
        return rc;
    unsigned type = archive_entry_filetype(e);
    out->folder = type == AE_IFDIR;
    out->dot = from_dot(raw);
    if (out->folder)
        return HC_OK;
    if (out->name.n == 0)
        return no_name(raw, err);
    if (archive_entry_hardlink(e))
        return hc_fail(err, HC_E_INPUT, "archive holds the hard link '%s': refused", raw);
    out->mode = archive_entry_perm(e) & 0777;
    if (type == AE_IFLNK) {
        const char *target = archive_entry_symlink_utf8(e);
        if (!target)
            target = archive_entry_symlink(e);
        out->link = hc_arena_str(a, hc_str_of(target ? target : ""));
        return out->link.p ? check_link(out->name, out->link, err) : hc_arena_check(a, err, "archive");
    }
    if (type != AE_IFREG)
        return hc_fail(err, HC_E_INPUT, "archive holds '%s', which is a device or a pipe: refused", raw);
    la_int64_t size = archive_entry_size(e);
    rc = count_bytes(size < 0 ? UINT64_MAX : (uint64_t)size, c, err);
    out->size = rc == HC_OK ? (size_t)size : 0;
    return rc;
}

struct archive *unpack_reader(void)
{
    struct archive *ar = archive_read_new();
    if (!ar)
        return NULL;
    archive_read_support_format_tar(ar);
    /* Names are bytes; without this libarchive would want a locale for the old formats. */
    archive_read_set_option(ar, "tar", "compat-2x", NULL);
    return ar;
}

enum hc_rc unpack_next(struct archive *ar, struct hc_arena *a, struct unpack_count *c, struct unpack_entry *out,
                       bool *at_end, struct hc_err *err)
{
    struct archive_entry *e;
    int z = archive_read_next_header(ar, &e);
    bool broken = z < ARCHIVE_WARN ||
                  z == ARCHIVE_RETRY; /* a header whose sum is wrong: it would go on behind it */
    *at_end = z == ARCHIVE_EOF;
    if (*at_end)
        return HC_OK;
    if (broken && !c->entries)
        return unpack_not_an_archive(err);
    if (broken)
        return hc_fail(err, HC_E_INPUT, "archive is cut or broken (%s): fetch or pack it again",
                       archive_error_string(ar));
    *out = (struct unpack_entry){ .size = 0 };
    enum hc_rc rc = count_entry(c, err);
    return rc == HC_OK ? read_entry(a, e, c, out, err) : rc;
}

enum hc_rc unpack_piece(struct archive *ar, const struct unpack_entry *e, size_t got, hc_str *out,
                        struct hc_err *err)
{
    const void *p = NULL;
    size_t n = 0;
    la_int64_t offset = 0;
    int z = archive_read_data_block(ar, &p, &n, &offset);
    if (z == ARCHIVE_EOF)
        return hc_fail(err, HC_E_INPUT, "archive is cut at '%.*s': fetch or pack it again", HC_P(e->name));
    if (z != ARCHIVE_OK)
        return hc_fail(err, HC_E_INPUT, "archive is cut or broken at '%.*s' (%s): fetch or pack it again",
                       HC_P(e->name), archive_error_string(ar));
    if (offset < 0 || (size_t)offset != got || n > e->size - got)
        return hc_fail(err, HC_E_INPUT, "archive holds the sparse file '%.*s': refused", HC_P(e->name));
    *out = hc_str_n(p, n);
    return HC_OK;
}

static enum hc_rc read_body(struct hc_arena *a, struct archive *ar, hc_str whole, struct member *m,
                            struct hc_err *err)
{
    size_t size = m->entry.size;
    char *copy = NULL;
    m->body = HC_S("");
    for (size_t got = 0; got < size;) {
        hc_str piece;
        enum hc_rc rc = unpack_piece(ar, &m->entry, got, &piece, err);
        if (rc != HC_OK)
            return rc;
        if (got == 0 && piece.n == size && piece.p >= whole.p && piece.p + piece.n <= whole.p + whole.n) {
            m->body = piece;
            return HC_OK;
        }
        if (!copy && !(copy = hc_arena_alloc(a, size + 1, 1)))
            return hc_arena_check(a, err, "archive");
        memcpy(copy + got, piece.p, piece.n);
        got += piece.n;
    }
    if (copy)
        m->body = hc_str_n(copy, size);
    return HC_OK;
}

static void add_member(struct members *out, struct member *m)
{
    *out->last = m;
    out->last = &m->next;
    out->n++;
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

/* A number that is not needed here: nothing, or octal. What it may be besides (GNU's binary ones, rubbish) libarchive knows, so
 * that an archive is taken or refused by both ways of reading. */
static bool plain_number(const char *p, size_t n)
{
    uint64_t v;
    return p[0] == '\0' || octal(p, n, &v);
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
    if (!octal(h->size, sizeof(h->size), size) || !octal(h->mode, sizeof(h->mode), &mode) ||
        !plain_number(h->uid, sizeof(h->uid)) || !plain_number(h->gid, sizeof(h->gid)) ||
        !plain_number(h->mtime, sizeof(h->mtime)))
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

/* Plain from the first header to two empty records; *out_n: how many files and folders. */
static bool is_plain(hc_str tar, size_t *out_n)
{
    const struct header *h;
    char name[HC_MAX_PATH_BYTES + 1];
    const char *body;
    uint64_t size;
    _Static_assert(sizeof(*h) == RECORD, "a record of a tar has 512 bytes");
    *out_n = 0;
    for (size_t at = 0; tar.n - at >= (size_t)2 * RECORD; ++*out_n) {
        if (tar.p[at] == '\0')
            return is_zero(tar.p + at) && is_zero(tar.p + at + RECORD);
        if (!plain_header(tar, &at, &h, name, &size, &body))
            return false;
    }
    return false;
}

/* `n` entries, folders among them. */
static enum hc_rc read_plain_tar(struct hc_arena *a, hc_str tar, size_t n, struct unpack_count *c,
                                 struct hc_unpacked **out, size_t *out_n, struct hc_err *err)
{
    struct hc_unpacked *files = HC_NEW_N(a, struct hc_unpacked, HC_MIN(n, c->limits.entries) + 1);
    size_t files_n = 0;
    const struct header *h;
    char name[HC_MAX_PATH_BYTES + 1];
    const char *body = NULL;
    uint64_t size, mode = 0;
    if (!files)
        return hc_arena_check(a, err, "archive");
    for (size_t at = 0; tar.p[at] != '\0' && plain_header(tar, &at, &h, name, &size, &body);) {
        struct hc_unpacked *f = &files[files_n];
        enum hc_rc rc = count_entry(c, err);
        if (rc == HC_OK)
            rc = name_of(a, name, &f->name, err);
        if (rc != HC_OK)
            return rc;
        if (h->type == '5')
            continue;
        if (f->name.n == 0)
            return no_name(name, err);
        rc = count_bytes(size, c, err);
        if (rc != HC_OK)
            return rc;
        octal(h->mode, sizeof(h->mode), &mode);
        f->mode = (unsigned)mode & 0777;
        f->dot = from_dot(name);
        f->body = size ? hc_str_n(body, (size_t)size) : HC_S("");
        files_n++;
    }
    *out = files;
    *out_n = files_n;
    return HC_OK;
}

static enum hc_rc members_to_files(struct hc_arena *a, const struct members *all, struct hc_unpacked **out,
                                   size_t *out_n, struct hc_err *err)
{
    struct hc_unpacked *files = HC_NEW_N(a, struct hc_unpacked, all->n + 1);
    if (!files)
        return hc_arena_check(a, err, "archive");
    size_t n = 0;
    for (const struct member *m = all->first; m; m = m->next)
        files[n++] = (struct hc_unpacked){
            .name = m->entry.name, .body = m->body, .mode = m->entry.mode, .dot = m->entry.dot
        };
    *out = files;
    *out_n = n;
    return HC_OK;
}

static enum hc_rc read_any_tar(struct hc_arena *a, struct archive *ar, hc_str tar, struct unpack_count *c,
                               struct hc_unpacked **out, size_t *out_n, struct hc_err *err)
{
    struct members all = { .last = &all.first };
    bool at_end = false;
    if (archive_read_open_memory(ar, tar.p, tar.n) != ARCHIVE_OK)
        return unpack_not_an_archive(err);
    for (;;) {
        struct member *m = HC_NEW(a, struct member);
        if (!m)
            return hc_arena_check(a, err, "archive");
        enum hc_rc rc = unpack_next(ar, a, c, &m->entry, &at_end, err);
        if (rc != HC_OK)
            return rc;
        if (at_end)
            return members_to_files(a, &all, out, out_n, err);
        if (m->entry.folder)
            continue;
        rc = read_body(a, ar, tar, m, err);
        if (rc != HC_OK)
            return rc;
        add_member(&all, m);
    }
}

struct unpack_count unpack_count_new(const struct hc_unpack_limits *given)
{
    struct unpack_count c = { .limits = given ? *given : (struct hc_unpack_limits){ 0 } };
    if (!c.limits.bytes)
        c.limits.bytes = HC_MAX_CHART_BYTES;
    if (!c.limits.entries)
        c.limits.entries = HC_MAX_CHART_FILES;
    return c;
}

size_t unpack_ceiling(const struct unpack_count *c, uint64_t packed)
{
    /* headers and padding come on top of the bodies: two blocks a file, more with long names */
    size_t ceiling = c->limits.bytes + (c->limits.entries + 16) * 2048;
    /* ... and nobody's chart or manifests shrink to a hundredth, but zeros do to a thousandth */
    return HC_MIN(ceiling, HC_MAX_UNPACK_BASE + HC_MAX_UNPACK_RATIO * (size_t)HC_MIN(packed, UINT32_MAX));
}

enum hc_rc hc_unpack_memory(struct hc_arena *a, hc_str archive, const struct hc_unpack_limits *limits,
                            struct hc_unpacked **out, size_t *out_n, struct hc_err *err)
{
    struct unpack_count c = unpack_count_new(limits);
    hc_str tar = archive;
    size_t n;
    if (unpack_is_gzip(archive)) {
        enum hc_rc rc = hc_gunzip(a, archive, unpack_ceiling(&c, archive.n), &tar, err);
        if (rc != HC_OK)
            return rc == HC_E_LIMIT ? hc_wrap(err, "archive of %zu bytes", archive.n) : rc;
    }
    if (tar.n < RECORD)
        return unpack_not_an_archive(err);
    if (is_plain(tar, &n))
        return read_plain_tar(a, tar, n, &c, out, out_n, err);
    struct archive *ar = unpack_reader();
    if (!ar)
        return hc_fail_nomem(err);
    enum hc_rc rc = read_any_tar(a, ar, tar, &c, out, out_n, err);
    archive_read_free(ar);
    return rc;
}
