/*
 * The table of an index, <store>/derived/<hex of the index>.index1: a head, blocks of versions (one for each chart), names,
 * and a directory of fixed rows sorted by name, in which a look-up searches with a few reads of the file. Numbers are this
 * machine's: the file is a cache and leaves it never. Each block and each row of the directory carry a hash, so that a damaged table
 * is built again instead of believed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "charts-fetch/source/index_impl.h"
#include "core/base/fs.h"
#include "core/base/mem.h"

static const char magic[8] = INDEX_MAGIC;

enum { FLUSH = 256 * 1024 };
enum { ROW_LEAST = INDEX_TEXTS * sizeof(uint32_t) + 1 }; /* bytes of a version without any text */

static atomic_uint_fast64_t built;

uint64_t hc_index_tables_built(void)
{
    return atomic_load(&built);
}

/* ---- building -------------------------------------------------------------------------------------------------- */

struct builder {
    int fd;
    struct hc_buf out, names, block;
    uint64_t at; /* where `out` begins in the file */
    struct index_dir_row *rows;
    size_t n, cap;
    uint32_t versions;
    bool open, failed;
};

static void begin(void *ctx)
{
    struct builder *b = ctx;
    hc_buf_reset(&b->out);
    hc_buf_reset(&b->names);
    hc_buf_reset(&b->block);
    b->at = sizeof(struct index_head);
    b->n = 0;
    b->open = false;
}

static enum hc_rc flush(struct builder *b, struct hc_err *err)
{
    if (lseek(b->fd, (off_t)b->at, SEEK_SET) < 0)
        return hc_fail_errno(err, "write", "index table");
    b->at += b->out.n;
    enum hc_rc rc = hc_write_fd(b->fd, hc_buf_str(&b->out), err);
    hc_buf_reset(&b->out);
    return rc;
}

static enum hc_rc close_block(struct builder *b, struct hc_err *err)
{
    if (!b->open)
        return HC_OK;
    b->open = false;
    struct index_dir_row *row = &b->rows[b->n - 1];
    hc_str block = hc_buf_str(&b->block);
    if (block.n > UINT32_MAX)
        return hc_fail(err, HC_E_LIMIT, "the versions of one chart take more than 4 GiB");
    row->at = b->at + b->out.n;
    row->bytes = (uint32_t)block.n;
    row->versions = b->versions;
    row->hash = hc_str_hash(block);
    hc_buf_put(&b->out, block);
    hc_buf_reset(&b->block);
    return b->out.n >= FLUSH ? flush(b, err) : HC_OK;
}

static hc_str name_of(const struct builder *b, const struct index_dir_row *row)
{
    return hc_str_n(b->names.p + row->name, row->name_n);
}

static enum hc_rc open_block(struct builder *b, hc_str chart, struct hc_err *err)
{
    if (close_block(b, err) != HC_OK)
        return err ? err->code : HC_E_AGAIN;
    if (b->n == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 256;
        struct index_dir_row *more = hc_realloc(b->rows, cap * sizeof(*more));
        if (!more)
            return hc_fail_nomem(err);
        b->rows = more;
        b->cap = cap;
    }
    b->rows[b->n++] = (struct index_dir_row){ .name = (uint32_t)b->names.n, .name_n = (uint32_t)chart.n };
    hc_buf_put(&b->names, chart);
    b->versions = 0;
    b->open = true;
    return hc_buf_check(&b->names, err, "names of the index");
}

static void put_text(struct hc_buf *out, hc_str s)
{
    uint32_t n = s.p ? (uint32_t)HC_MIN(s.n, (size_t)UINT32_MAX - 1) : UINT32_MAX;
    hc_buf_put(out, hc_str_n((const char *)&n, sizeof(n)));
    if (s.p)
        hc_buf_put(out, hc_str_n(s.p, n));
}

static enum hc_rc add_row(void *ctx, hc_str chart, const struct hc_index_row *row, struct hc_err *err)
{
    struct builder *b = ctx;
    if (!b->open || !hc_str_eq(name_of(b, &b->rows[b->n - 1]), chart)) {
        enum hc_rc rc = open_block(b, chart, err);
        if (rc != HC_OK)
            return rc;
    }
    struct hc_index_row copy = *row;
    hc_str *texts[INDEX_TEXTS];
    index_texts(&copy, texts);
    for (size_t i = 0; i < INDEX_TEXTS; i++)
        put_text(&b->block, *texts[i]);
    hc_buf_putc(&b->block, row->deprecated);
    b->versions++;
    return hc_buf_check(&b->block, err, "versions of one chart");
}

uint64_t index_row_check(struct index_dir_row row, hc_str name)
{
    row.check = 0;
    return hc_str_hash(hc_str_n((const char *)&row, sizeof(row))) ^ (hc_str_hash(name) << 1);
}

static int by_name(const void *x, const void *y, void *ctx)
{
    return hc_str_cmp(name_of(ctx, x), name_of(ctx, y));
}

static enum hc_rc finish(struct builder *b, struct hc_err *err)
{
    struct index_head h = { .charts = b->n, .names_n = b->names.n };
    enum hc_rc rc = close_block(b, err);
    if (rc == HC_OK)
        rc = flush(b, err);
    if (rc != HC_OK)
        return rc;
    qsort_r(b->rows, b->n, sizeof(*b->rows), by_name, b);
    for (size_t i = 1; i < b->n; i++)
        if (by_name(&b->rows[i - 1], &b->rows[i], b) == 0)
            return hc_fail(err, HC_E_INPUT, "chart '%.*s' stands twice in 'entries'",
                           HC_P(name_of(b, &b->rows[i])));
    hc_str dir = hc_str_n((const char *)b->rows, b->n * sizeof(*b->rows)), names = hc_buf_str(&b->names);
    for (size_t i = 0; i < b->n; i++)
        b->rows[i].check = index_row_check(b->rows[i], name_of(b, &b->rows[i]));
    memcpy(h.magic, magic, sizeof(magic));
    h.names = b->at;
    h.dir = b->at + names.n;
    h.size = h.dir + dir.n;
    if (hc_write_fd(b->fd, names, err) != HC_OK || hc_write_fd(b->fd, dir, err) != HC_OK)
        return err ? err->code : HC_E_AGAIN;
    if (lseek(b->fd, 0, SEEK_SET) < 0)
        return hc_fail_errno(err, "write", "index table");
    return hc_write_fd(b->fd, hc_str_n((const char *)&h, sizeof(h)), err);
}

static enum hc_rc build(const char *index, const char *tmp, struct hc_err *err)
{
    struct builder b = { .fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644) };
    if (b.fd < 0)
        return hc_fail_errno(err, "write", tmp);
    hc_buf_init(&b.out, 0);
    hc_buf_init(&b.names, UINT32_MAX);
    hc_buf_init(&b.block, SIZE_MAX);
    const struct hc_index_sink sink = { .ctx = &b, .begin = begin, .row = add_row };
    enum hc_rc rc = hc_index_read_file(index, (hc_str){ NULL, 0 }, &sink, err);
    if (rc == HC_OK)
        rc = finish(&b, err);
    hc_buf_done(&b.out);
    hc_buf_done(&b.names);
    hc_buf_done(&b.block);
    free(b.rows);
    close(b.fd);
    return rc;
}

/* ---- looking up ------------------------------------------------------------------------------------------------- */

static bool read_at(int fd, uint64_t at, void *to, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(fd, (char *)to + done, n - done, (off_t)(at + done));
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* A table that is not whole, or of another kind, is none. */
static int open_table(const char *path, struct index_head *h)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && read_at(fd, 0, h, sizeof(*h)) && memcmp(h->magic, magic, sizeof(magic)) == 0 &&
        h->size == (uint64_t)st.st_size && h->names >= sizeof(*h) && h->dir == h->names + h->names_n &&
        h->size == h->dir + h->charts * sizeof(struct index_dir_row))
        return fd;
    close(fd);
    return -1;
}

static bool take_text(hc_str *rest, hc_str *out)
{
    uint32_t n;
    if (rest->n < sizeof(n))
        return false;
    memcpy(&n, rest->p, sizeof(n));
    *rest = hc_str_sub(*rest, sizeof(n), rest->n);
    *out = (hc_str){ NULL, 0 };
    if (n == UINT32_MAX)
        return true;
    if (rest->n < n)
        return false;
    *out = hc_str_n(rest->p, n);
    *rest = hc_str_sub(*rest, n, rest->n);
    return true;
}

static bool take_row(hc_str *rest, struct hc_index_row *out)
{
    hc_str *texts[INDEX_TEXTS];
    index_texts(out, texts);
    for (size_t i = 0; i < INDEX_TEXTS; i++)
        if (!take_text(rest, texts[i]))
            return false;
    if (!rest->n)
        return false;
    out->deprecated = rest->p[0] != 0;
    *rest = hc_str_sub(*rest, 1, rest->n);
    return true;
}

/* The rows of a block; false: the table is damaged, or memory is out (then the arena says so). */
static bool take_block(int fd, const struct index_head *h, struct hc_arena *a, const struct index_dir_row *row,
                       struct hc_index_rows *out)
{
    /* Hashes are no proof: what a row says of its size is not memory yet. */
    if (row->at > h->names || row->bytes > h->names - row->at || row->versions > row->bytes / ROW_LEAST)
        return false;
    char *text = hc_arena_alloc(a, row->bytes + 1u, 1);
    out->rows = HC_NEW_N(a, struct hc_index_row, row->versions);
    out->n = 0;
    if (!text || !out->rows || !read_at(fd, row->at, text, row->bytes))
        return false;
    hc_str rest = hc_str_n(text, row->bytes);
    if (hc_str_hash(rest) != row->hash)
        return false;
    for (; out->n < row->versions; out->n++)
        if (!take_row(&rest, &out->rows[out->n]))
            return false;
    return rest.n == 0;
}

/* Where the chart stands in the directory; *found false: nowhere. False: damaged. */
static bool find_chart(int fd, const struct index_head *h, hc_str chart, struct index_dir_row *row, bool *found)
{
    char name[256];
    uint64_t lo = 0, hi = h->charts;
    *found = false;
    while (lo < hi && !*found) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (!read_at(fd, h->dir + mid * sizeof(*row), row, sizeof(*row)) || row->name_n > sizeof(name) ||
            row->name + (uint64_t)row->name_n > h->names_n || !read_at(fd, h->names + row->name, name, row->name_n))
            return false;
        if (row->check != index_row_check(*row, hc_str_n(name, row->name_n)))
            return false;
        int c = hc_str_cmp(hc_str_n(name, row->name_n), chart);
        *found = c == 0;
        lo = c < 0 ? mid + 1 : lo;
        hi = c > 0 ? mid : hi;
    }
    return true;
}

/* The table's file, built when it is not there. `anew`: it was found damaged. */
static enum hc_rc table_of(struct hc_store *store, struct hc_arena *a, hc_str digest, bool anew,
                           struct index_head *h, int *out_fd, struct hc_err *err)
{
    const char *path, *index, *dir;
    if (hc_store_derived(store, a, digest, "index1", &path, err) != HC_OK)
        return err ? err->code : HC_E_AGAIN;
    *out_fd = anew ? -1 : open_table(path, h);
    if (*out_fd >= 0)
        return HC_OK;
    if (hc_store_path(store, a, digest, &index, err) != HC_OK || hc_store_temp(store, a, &dir, err) != HC_OK)
        return err ? err->code : HC_E_AGAIN;
    hc_str tmp = hc_arena_printf(a, "%s/table", dir);
    enum hc_rc rc = hc_arena_check(a, err, "index table");
    if (rc == HC_OK)
        rc = build(index, tmp.p, err);
    if (rc == HC_OK && rename(tmp.p, path) < 0)
        rc = hc_fail_errno(err, "keep", path);
    hc_remove_tree(dir, NULL);
    if (rc != HC_OK)
        return rc;
    atomic_fetch_add(&built, 1);
    *out_fd = open_table(path, h);
    return *out_fd >= 0 ? HC_OK : hc_fail(err, HC_E_AGAIN, "the table '%s' of the index cannot be read back", path);
}

/* False: damaged, or memory is out. */
static bool versions_of(int fd, const struct index_head *h, struct hc_arena *a, hc_str chart,
                        struct hc_index_rows *out)
{
    struct index_dir_row row;
    bool found;
    return find_chart(fd, h, chart, &row, &found) && (!found || take_block(fd, h, a, &row, out));
}

bool index_table_versions(const char *path, struct hc_arena *a, hc_str chart, struct hc_index_rows *out)
{
    struct index_head h;
    HC_AUTO(hc_fd) int fd = open_table(path, &h);
    *out = (struct hc_index_rows){ 0 };
    return fd >= 0 && versions_of(fd, &h, a, chart, out);
}

enum hc_rc hc_index_versions(struct hc_store *store, struct hc_arena *a, hc_str digest, hc_str chart,
                             struct hc_index_rows *out, struct hc_err *err)
{
    for (int turn = 0; turn < 2; turn++) {
        struct index_head h;
        HC_AUTO(hc_fd) int fd = -1;
        *out = (struct hc_index_rows){ 0 };
        if (table_of(store, a, digest, turn > 0, &h, &fd, err) != HC_OK)
            return err ? err->code : HC_E_AGAIN;
        if (versions_of(fd, &h, a, chart, out))
            return HC_OK;
        if (hc_arena_spent(a))
            return hc_arena_check(a, err, "versions of a chart");
    }
    return hc_fail(err, HC_E_AGAIN, "the table of the index is damaged as soon as it is written; look at the disk");
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

static enum hc_rc each_of(int fd, const struct index_head *h, const struct hc_index_sink *sink, bool *out_damaged,
                          struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    enum hc_rc rc = a ? HC_OK : hc_fail_nomem(err);
    sink->begin(sink->ctx);
    for (uint64_t i = 0; rc == HC_OK && i < h->charts; i++) {
        struct index_dir_row row;
        struct hc_index_rows rows;
        hc_arena_reset(a);
        char *name = NULL;
        if (read_at(fd, h->dir + i * sizeof(row), &row, sizeof(row)) && row.name_n <= h->names_n)
            name = hc_arena_alloc(a, row.name_n + 1u, 1);
        *out_damaged = !name || !read_at(fd, h->names + row.name, name, row.name_n) ||
                       row.check != index_row_check(row, hc_str_n(name, row.name_n)) ||
                       !take_block(fd, h, a, &row, &rows);
        if (*out_damaged)
            return hc_fail(err, HC_E_AGAIN, "the table of the index is damaged");
        for (size_t k = 0; rc == HC_OK && k < rows.n; k++)
            rc = sink->row(sink->ctx, hc_str_n(name, row.name_n), &rows.rows[k], err);
    }
    return rc;
}

enum hc_rc index_table_each(const char *path, const struct hc_index_sink *sink, bool *out_damaged,
                            struct hc_err *err)
{
    struct index_head h;
    HC_AUTO(hc_fd) int fd = open_table(path, &h);
    *out_damaged = fd < 0;
    return fd < 0 ? hc_fail(err, HC_E_AGAIN, "the table of the index is damaged")
                  : each_of(fd, &h, sink, out_damaged, err);
}

enum hc_rc hc_index_each(struct hc_store *store, hc_str digest, const struct hc_index_sink *sink,
                         struct hc_err *err)
{
    enum hc_rc rc = HC_E_AGAIN;
    bool damaged = true;
    for (int turn = 0; turn < 2 && damaged; turn++) {
        struct index_head h;
        HC_AUTO(hc_fd) int fd = -1;
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        if (!a)
            return hc_fail_nomem(err);
        if (table_of(store, a, digest, turn > 0, &h, &fd, err) != HC_OK)
            return err ? err->code : HC_E_AGAIN;
        damaged = false;
        rc = each_of(fd, &h, sink, &damaged, err);
    }
    return rc;
}
