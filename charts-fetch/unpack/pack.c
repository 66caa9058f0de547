/*
 * Files to a tar, reproducibly.
 *
 * A ustar block a file, and a pax record in front of it where the name is longer than ustar's 100 bytes or not ASCII.
 * Written here because libarchive's writer cannot be linked without its writers of every other format, and what
 * renders must start in a millisecond.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "charts-fetch/unpack/unpack.h"
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

#define BLOCK 512

static void put_padding(struct hc_buf *b)
{
    hc_buf_fill(b, '\0', (BLOCK - b->n % BLOCK) % BLOCK);
}

static void put_octal(char *at, int digits, uint64_t v)
{
    for (int i = digits - 1; i >= 0; i--, v >>= 3)
        at[i] = (char)('0' + (v & 7));
}

static void put_header(struct hc_buf *b, hc_str name, char type, unsigned mode, size_t size, int64_t mtime)
{
    char h[BLOCK] = { 0 };
    memcpy(h, name.p, HC_MIN(name.n, (size_t)100));
    put_octal(h + 100, 7, mode);
    put_octal(h + 108, 7, 0);
    put_octal(h + 116, 7, 0);
    put_octal(h + 124, 11, size);
    put_octal(h + 136, 11, mtime > 0 ? (uint64_t)mtime : 0);
    memset(h + 148, ' ', 8);
    h[156] = type;
    memcpy(h + 257, "ustar\00000", 8);
    uint64_t sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += (unsigned char)h[i];
    put_octal(h + 148, 6, sum);
    h[154] = '\0';
    hc_buf_put(b, (hc_str){ h, BLOCK });
}

static bool fits_ustar(hc_str name)
{
    bool ascii = name.n <= 100;
    for (size_t i = 0; i < name.n && ascii; i++)
        ascii = (unsigned char)name.p[i] < 0x80;
    return ascii;
}

/* "LENGTH path=NAME\n", where LENGTH counts its own digits too. */
static void put_pax_name(struct hc_buf *b, hc_str name, int64_t mtime)
{
    size_t rest = sizeof(" path=\n") - 1 + name.n, length = rest + 1;
    char digits[24];
    for (int n = 0; n != snprintf(digits, sizeof(digits), "%zu", length);) {
        n = snprintf(digits, sizeof(digits), "%zu", length);
        length = rest + (size_t)n;
    }
    put_header(b, HC_S("PaxHeaders"), 'x', 0644, length, mtime);
    hc_buf_printf(b, "%zu path=", length);
    hc_buf_put(b, name);
    hc_buf_putc(b, '\n');
    put_padding(b);
}

enum hc_rc hc_pack_memory(struct hc_arena *a, const struct hc_unpacked *files, size_t n, int64_t mtime, hc_str *out,
                          struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_ARTIFACT_BYTES);
    for (size_t i = 0; i < n; i++) {
        hc_str name = files[i].name;
        if (name.n == 0 || name.n > HC_MAX_PATH_BYTES || files[i].body.n > HC_MAX_ARTIFACT_BYTES)
            return hc_fail(err, HC_E_LIMIT, "'%.*s' cannot be packed: its name or body is too long",
                           (int)HC_MIN(name.n, (size_t)100), name.p ? name.p : "");
        int64_t at = files[i].mtime ? files[i].mtime : mtime;
        if (!fits_ustar(name))
            put_pax_name(&b, name, at);
        put_header(&b, name, '0', files[i].mode & 0111 ? 0755 : 0644, files[i].body.n, at);
        hc_buf_put(&b, files[i].body);
        put_padding(&b);
    }
    hc_buf_fill(&b, '\0', 2 * BLOCK);
    enum hc_rc rc = hc_buf_check(&b, err, "packed archive");
    return rc == HC_OK ? hc_gzip(a, hc_buf_str(&b), 6, out, err) : rc;
}

struct hc_packer {
    int fd;
    int64_t mtime, deadline_ms;
    z_stream z;
    struct hc_buf head; /* headers of the file at hand */
    struct hc_err err;
    bool failed;
};

struct hc_packer *hc_packer_new(int fd, int64_t mtime)
{
    struct hc_packer *p = hc_calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->fd = fd;
    p->mtime = mtime;
    hc_buf_init(&p->head, 1 << 20);
    if (deflateInit2(&p->z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(p);
        return NULL;
    }
    return p;
}

static void pack_fail(struct hc_packer *p, enum hc_rc code, const char *why)
{
    if (!p->failed)
        hc_fail(&p->err, code, "pack archive: %s", why);
    p->failed = true;
}

static void press(struct hc_packer *p, hc_str s, int flush)
{
    unsigned char out[32768];
    while (!p->failed) {
        size_t step = HC_MIN(s.n, (size_t)1 << 30);
        p->z.next_in = (Bytef *)(uintptr_t)s.p;
        p->z.avail_in = (uInt)step;
        int rc;
        do {
            p->z.next_out = out;
            p->z.avail_out = sizeof(out);
            rc = deflate(&p->z, step == s.n ? flush : Z_NO_FLUSH);
            if (rc == Z_STREAM_ERROR)
                pack_fail(p, HC_E_BUG, "deflate refused");
            else if (hc_write_fd(p->fd, hc_str_n((char *)out, sizeof(out) - p->z.avail_out), &p->err) != HC_OK)
                p->failed = true;
        } while (!p->failed && p->z.avail_out == 0);
        s = hc_str_sub(s, step, s.n);
        if (!s.n)
            return;
    }
}

static void press_head(struct hc_packer *p)
{
    if (p->head.spent)
        pack_fail(p, HC_E_NOMEM, "out of memory");
    press(p, hc_buf_str(&p->head), Z_NO_FLUSH);
    hc_buf_reset(&p->head);
}

static bool name_fits(struct hc_packer *p, hc_str name)
{
    if (name.n > 0 && name.n <= HC_MAX_PATH_BYTES)
        return true;
    pack_fail(p, HC_E_LIMIT, "a path is longer than a path may be");
    return false;
}

static const char zeros[BLOCK] = { 0 };

static bool begin_file(struct hc_packer *p, hc_str name, unsigned mode, uint64_t size)
{
    if (!name_fits(p, name))
        return false;
    if (!fits_ustar(name))
        put_pax_name(&p->head, name, p->mtime);
    put_header(&p->head, name, '0', mode & 0111 ? 0755 : 0644, size, p->mtime);
    press_head(p);
    return true;
}

void hc_packer_file(struct hc_packer *p, hc_str name, unsigned mode, hc_str body)
{
    if (!begin_file(p, name, mode, body.n))
        return;
    press(p, body, Z_NO_FLUSH);
    press(p, hc_str_n(zeros, (BLOCK - body.n % BLOCK) % BLOCK), Z_NO_FLUSH);
}

void hc_packer_until(struct hc_packer *p, int64_t deadline_ms)
{
    p->deadline_ms = deadline_ms;
}

void hc_packer_fd(struct hc_packer *p, hc_str name, unsigned mode, int fd, uint64_t size)
{
    char piece[16384];
    if (!begin_file(p, name, mode, size))
        return;
    for (uint64_t at = 0; at < size && !p->failed;) {
        if (p->deadline_ms && hc_mono_ms() >= p->deadline_ms) {
            hc_fail(&p->err, HC_E_AGAIN, "not packed in the time that it all may take (spec.timeout)");
            p->failed = true;
            return;
        }
        ssize_t n = pread(fd, piece, (size_t)HC_MIN(size - at, sizeof(piece)), (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            pack_fail(p, HC_E_AGAIN, n < 0 ? strerror(errno) : "a file became shorter while it was packed");
            return;
        }
        press(p, hc_str_n(piece, (size_t)n), Z_NO_FLUSH);
        at += (uint64_t)n;
    }
    press(p, hc_str_n(zeros, (size_t)((BLOCK - size % BLOCK) % BLOCK)), Z_NO_FLUSH);
}

void hc_packer_link(struct hc_packer *p, hc_str name, hc_str target)
{
    if (!name_fits(p, name))
        return;
    if (target.n > 100) {
        pack_fail(p, HC_E_LIMIT, "a symbolic link is longer than an archive can hold");
        return;
    }
    if (!fits_ustar(name))
        put_pax_name(&p->head, name, p->mtime);
    size_t at = p->head.n;
    put_header(&p->head, name, '2', 0777, 0, p->mtime);
    if (!p->head.spent) {
        /* The checksum counts the target: put it in, then add its bytes to the sum. */
        char *h = p->head.p + at;
        uint64_t sum = 0;
        memcpy(h + 157, target.p, target.n);
        memset(h + 148, ' ', 8);
        for (size_t i = 0; i < BLOCK; i++)
            sum += (unsigned char)h[i];
        put_octal(h + 148, 6, sum);
        h[154] = '\0';
    }
    press_head(p);
}

enum hc_rc hc_packer_done(struct hc_packer *p, struct hc_err *err)
{
    if (!p)
        return hc_fail_nomem(err);
    hc_buf_fill(&p->head, '\0', 2 * BLOCK);
    press_head(p);
    press(p, HC_S(""), Z_FINISH);
    enum hc_rc rc = p->failed ? hc_err_copy(err, &p->err) : HC_OK;
    deflateEnd(&p->z);
    hc_buf_done(&p->head);
    free(p);
    return rc;
}
