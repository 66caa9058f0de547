/*
 * gzip of whole buffers.
 *
 * Inflating goes straight into one buffer whose size the trailer tells (its last four bytes, modulo 2^32). The
 * trailer is only believed as far as deflate can go (1032:1) and the caller's ceiling allows. libdeflate does the plain
 * case, twice as fast as zlib; whatever it does not like goes through zlib, which has the error texts and reads several
 * members behind each other, in a growing buffer under the same ceiling.
 */
#include <libdeflate.h>
#include <stdlib.h>

#include "charts-fetch/unpack/unpack_impl.h"
#include "core/base/buf.h"
#include "core/base/mem.h"

#define DEFLATE_MOST 1032 /* zlib: the most a byte of deflate can stand for */

static voidpf z_alloc(voidpf ctx, uInt n, uInt size)
{
    (void)ctx;
    return hc_calloc(n, size);
}

static void z_free(voidpf ctx, voidpf p)
{
    (void)ctx;
    free(p);
}

enum hc_rc unpack_gzip_fail(struct hc_err *err, int z, const char *msg)
{
    if (z == Z_MEM_ERROR)
        return hc_fail_nomem(err);
    if (z == Z_BUF_ERROR)
        return hc_fail(err, HC_E_INPUT, "gzip data ends too early: the archive is cut, fetch or pack it again");
    return hc_fail(err, HC_E_INPUT, "gzip data is broken (%s): fetch or pack the archive again",
                   msg ? msg : "unknown block");
}

enum hc_rc unpack_gzip_over(size_t ceiling, struct hc_err *err)
{
    return hc_fail(err, HC_E_LIMIT, "gzip data unpacks to more than the %zu bytes allowed", ceiling);
}

size_t unpack_gzip_told(const char trailer[4], uint64_t packed)
{
    const uint8_t *t = (const uint8_t *)trailer;
    size_t told = (size_t)t[0] | (size_t)t[1] << 8 | (size_t)t[2] << 16 | (size_t)t[3] << 24;
    return told / DEFLATE_MOST > packed ? 0 : told; /* cut, or a lie: it grows as it comes */
}

int unpack_inflate_init(z_stream *z)
{
    *z = (z_stream){ .zalloc = z_alloc, .zfree = z_free };
    return inflateInit2(z, 15 + 16);
}

/* Sets up the next member when there is one. Z_OK: go on; Z_STREAM_END: all read. */
static int next_member(z_stream *z)
{
    if (z->avail_in == 0)
        return Z_STREAM_END;
    if (z->avail_in < 2 || z->next_in[0] != 0x1f || z->next_in[1] != 0x8b) {
        z->msg = "text behind the end";
        return Z_DATA_ERROR;
    }
    return inflateReset(z);
}

/* The slow way: what did not fit the first buffer is read on into a growing one. */
static enum hc_rc inflate_rest(z_stream *z, struct hc_arena *a, hc_str head, size_t ceiling, hc_str *out,
                               struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, ceiling);
    hc_buf_put(&b, head);
    int rc = Z_OK;
    while (rc == Z_OK) {
        size_t step = HC_MIN(HC_MAX(b.n, (size_t)65536), ceiling - b.n);
        unsigned char probe; /* at the ceiling one byte more tells whether there is more */
        char *at = step ? hc_buf_room(&b, step) : (char *)&probe;
        if (!at)
            return hc_fail_nomem(err);
        z->next_out = (Bytef *)at;
        z->avail_out = step ? (uInt)HC_MIN(step, (size_t)1 << 30) : 1;
        uInt before = z->avail_out;
        rc = inflate(z, Z_NO_FLUSH);
        if (!step && z->avail_out == 0)
            return unpack_gzip_over(ceiling, err);
        if (step)
            b.n += before - z->avail_out;
        if (rc == Z_STREAM_END)
            rc = next_member(z);
        if (rc == Z_BUF_ERROR && z->avail_out == 0)
            rc = Z_OK;
    }
    if (rc != Z_STREAM_END)
        return unpack_gzip_fail(err, rc, z->msg);
    *out = hc_buf_to_arena(&b, a);
    return hc_arena_check(a, err, "unpacked gzip data");
}

/* One member that fills the buffer to its end, or false. */
static bool inflate_whole(hc_str packed, char *room, size_t told)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    size_t in = 0, out = 0;
    enum libdeflate_result r = LIBDEFLATE_BAD_DATA;
    if (d)
        r = libdeflate_gzip_decompress_ex(d, packed.p, packed.n, room, told, &in, &out);
    libdeflate_free_decompressor(d);
    return r == LIBDEFLATE_SUCCESS && in == packed.n && out == told;
}

enum hc_rc hc_gunzip(struct hc_arena *a, hc_str packed, size_t ceiling, hc_str *out, struct hc_err *err)
{
    if (!unpack_is_gzip(packed))
        return hc_fail(err, HC_E_INPUT, "data is not gzip");
    if (packed.n < 18)
        return unpack_gzip_fail(err, Z_BUF_ERROR, NULL);
    if (packed.n > UINT32_MAX)
        return hc_fail(err, HC_E_LIMIT, "gzip data of %zu bytes is more than this program reads", packed.n);
    size_t told = unpack_gzip_told(packed.p + packed.n - 4, packed.n);
    if (told > ceiling) /* the trailer itself says so: nothing need be inflated to refuse it */
        return unpack_gzip_over(ceiling, err);
    char *room = hc_arena_alloc(a, told + 1, 1);
    if (!room)
        return hc_arena_check(a, err, "unpacked gzip data");

    if (told && inflate_whole(packed, room, told)) {
        *out = (hc_str){ room, told };
        return HC_OK;
    }
    z_stream z;
    int rc = unpack_inflate_init(&z);
    if (rc != Z_OK)
        return unpack_gzip_fail(err, rc, z.msg);
    z.next_in = (Bytef *)(uintptr_t)packed.p;
    z.avail_in = (uInt)packed.n;
    z.next_out = (Bytef *)room;
    z.avail_out = (uInt)told;
    rc = inflate(&z, Z_FINISH);
    hc_str head = { room, told - z.avail_out };
    if (rc == Z_STREAM_END)
        rc = next_member(&z);
    enum hc_rc end;
    if (rc == Z_STREAM_END) {
        *out = head;
        end = HC_OK;
    } else if (rc == Z_OK || (rc == Z_BUF_ERROR && z.avail_out == 0)) {
        end = inflate_rest(&z, a, head, ceiling, out, err);
    } else {
        end = unpack_gzip_fail(err, rc, z.msg);
    }
    inflateEnd(&z);
    return end;
}

enum hc_rc hc_gzip(struct hc_arena *a, hc_str raw, int level, hc_str *out, struct hc_err *err)
{
    z_stream z = { .zalloc = z_alloc, .zfree = z_free };
    int rc = deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    if (rc != Z_OK)
        return rc == Z_MEM_ERROR ? hc_fail_nomem(err) : hc_fail(err, HC_E_BUG, "gzip level %d", level);
    /* No name, no time; "unknown" as the system, as Go writes it: the same bytes everywhere. */
    gz_header head = { .os = 255 };
    deflateSetHeader(&z, &head);
    uLong most = deflateBound(&z, (uLong)raw.n);
    char *room = raw.n <= UINT32_MAX && most <= UINT32_MAX ? hc_arena_alloc(a, most, 1) : NULL;
    if (!room) {
        deflateEnd(&z);
        return hc_arena_spent(a) ? hc_arena_check(a, err, "packed gzip data")
                                 : hc_fail(err, HC_E_LIMIT, "%zu bytes are too many for one gzip", raw.n);
    }
    z.next_in = (Bytef *)(uintptr_t)raw.p;
    z.avail_in = (uInt)raw.n;
    z.next_out = (Bytef *)room;
    z.avail_out = (uInt)most;
    rc = deflate(&z, Z_FINISH);
    *out = (hc_str){ room, most - z.avail_out };
    deflateEnd(&z);
    return rc == Z_STREAM_END ? HC_OK : hc_fail(err, HC_E_BUG, "gzip did not end");
}

enum hc_rc hc_gzip_fast(struct hc_arena *a, hc_str raw, int level, hc_str *out, struct hc_err *err)
{
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(level);
    size_t most = c ? libdeflate_gzip_compress_bound(c, raw.n) : 0;
    char *to = c ? hc_arena_alloc(a, most, 1) : NULL;
    size_t n = to ? libdeflate_gzip_compress(c, raw.p ? raw.p : "", raw.n, to, most) : 0;
    libdeflate_free_compressor(c);
    if (!c)
        return hc_fail_nomem(err);
    if (!to)
        return hc_arena_check(a, err, "gzip");
    if (n == 0)
        return hc_fail(err, HC_E_BUG, "gzip: %zu bytes do not fit into their bound", raw.n);
    *out = hc_str_n(to, n);
    return HC_OK;
}
