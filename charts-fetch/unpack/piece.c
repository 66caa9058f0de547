/*
 * gzip around a piece that was packed before. Deflate is a row of blocks, of which the last is marked, and a block may refer
 * to what stands up to 32 KiB before it. So a piece is what libdeflate makes of a text by itself, with the mark of its last
 * block taken away and an empty stored block behind it, which ends on a byte: it may stand anywhere. In front of it stands
 * the head in stored blocks, behind it the rest in blocks of its own, and the extra field of the header (RFC 1952, 2.3.1.1)
 * has the three lengths by which the piece is found again. zlib finds the last block: it can stop at each.
 */
#include <libdeflate.h>
#include <stdlib.h>

#include "charts-fetch/unpack/unpack_impl.h"
#include "core/base/buf.h"
#include "core/base/mem.h"

enum {
    HEADER = 10,      /* of gzip, fixed */
    EXTRA = 4 + 12,   /* "hc", its length, and three numbers */
    TRAILER = 8,      /* CRC and length */
    STORED = 5,       /* in front of a stored block */
    MOST_HEAD = 65535 /* one stored block */
};

static void put32(struct hc_buf *b, size_t v)
{
    for (int i = 0; i < 4; i++)
        hc_buf_putc(b, (char)(v >> (8 * i) & 0xff));
}

static void put16(struct hc_buf *b, size_t v)
{
    hc_buf_putc(b, (char)(v & 0xff));
    hc_buf_putc(b, (char)(v >> 8 & 0xff));
}

static size_t get32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (size_t)u[0] | (size_t)u[1] << 8 | (size_t)u[2] << 16 | (size_t)u[3] << 24;
}

/* ---- a piece ----------------------------------------------------------------------------------------------- */

/* The bit at which the last block begins, and the one behind it. */
static bool last_block(const char *p, size_t n, size_t *out_begin, size_t *out_end)
{
    static const int at_a_block = 128, of_the_last = 64, unused_bits = 7; /* zlib.h: data_type */
    z_stream z;
    size_t begin = 0, at = 0;
    bool found = false;
    char *room = hc_malloc(65536);
    if (!room || unpack_inflate_init(&z) != Z_OK) {
        free(room);
        return false;
    }
    (void)inflateReset2(&z, -15); /* deflate alone */
    z.next_in = (Bytef *)(uintptr_t)p;
    z.avail_in = (uInt)n;
    for (;;) {
        z.next_out = (Bytef *)room;
        z.avail_out = 65536;
        int rc = inflate(&z, Z_BLOCK);
        if (rc != Z_OK)
            break;
        if (!(z.data_type & at_a_block))
            continue;
        at = (size_t)z.total_in * 8 - (size_t)(z.data_type & unused_bits);
        found = (z.data_type & of_the_last) != 0;
        if (found)
            break;
        begin = at;
    }
    inflateEnd(&z);
    free(room);
    *out_begin = begin;
    *out_end = at;
    return found;
}

static bool make_piece(struct hc_arena *a, hc_str raw, int level, hc_str *out)
{
    static const char empty_stored[] = { 0, 0, (char)0xff, (char)0xff }; /* behind its three bits */
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(level);
    size_t most = c ? libdeflate_deflate_compress_bound(c, raw.n) + STORED : 0, begin, end;
    char *to = c ? hc_arena_alloc(a, most, 1) : NULL;
    size_t n = to ? libdeflate_deflate_compress(c, raw.p, raw.n, to, most - STORED) : 0;
    libdeflate_free_compressor(c);
    if (n == 0 || n > UINT32_MAX || !last_block(to, n, &begin, &end))
        return false;
    to[begin / 8] = (char)((unsigned char)to[begin / 8] & ~(1u << (begin % 8)));
    if (end % 8 != 0)
        to[end / 8] = (char)((unsigned char)to[end / 8] & ((1u << (end % 8)) - 1));
    n = (end + 7) / 8;
    size_t behind = (end + 3 + 7) / 8;
    if (behind > n)
        to[n] = 0;
    memcpy(to + behind, empty_stored, sizeof(empty_stored));
    *out = hc_str_n(to, behind + sizeof(empty_stored));
    return true;
}

/* ---- around it --------------------------------------------------------------------------------------------- */

static bool put_rest(struct hc_buf *b, hc_str rest, int level)
{
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(level);
    size_t most = c ? libdeflate_deflate_compress_bound(c, rest.n) : 0;
    char *to = c ? hc_buf_room(b, most) : NULL;
    size_t n = to ? libdeflate_deflate_compress(c, rest.p, rest.n, to, most) : 0;
    libdeflate_free_compressor(c);
    b->n += n;
    return n > 0;
}

static bool unpacks_to(hc_str packed, hc_str raw)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    char *room = d ? hc_malloc(raw.n + 1) : NULL;
    size_t in = 0, out = 0;
    bool same = room &&
                libdeflate_gzip_decompress_ex(d, packed.p, packed.n, room, raw.n, &in, &out) ==
                    LIBDEFLATE_SUCCESS &&
                in == packed.n && hc_str_eq(hc_str_n(room, out), raw);
    libdeflate_free_decompressor(d);
    free(room);
    return same;
}

static bool put_around(struct hc_buf *b, hc_str raw, size_t from, size_t to, int level, hc_str piece)
{
    static const char header[HEADER] = { 0x1f, (char)0x8b, 8, 4, 0, 0, 0, 0, 0, (char)255 }; /* 4: an extra field */
    hc_buf_put(b, hc_str_n(header, HEADER));
    put16(b, EXTRA);
    hc_buf_puts(b, "hc");
    put16(b, EXTRA - 4);
    put32(b, from);
    put32(b, to - from);
    put32(b, piece.n);
    hc_buf_putc(b, 0);
    put16(b, from);
    put16(b, ~from);
    hc_buf_put(b, hc_str_sub(raw, 0, from));
    hc_buf_put(b, piece);
    if (!put_rest(b, hc_str_sub(raw, to, raw.n), level))
        return false;
    put32(b, libdeflate_crc32(0, raw.p, raw.n));
    put32(b, raw.n);
    return !b->spent && unpacks_to(hc_buf_str(b), raw);
}

enum hc_rc hc_gzip_around(struct hc_arena *a, hc_str raw, size_t from, size_t to, int level,
                          struct hc_piece *io_piece, hc_str *out, struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    struct hc_piece piece = *io_piece;
    bool fits = from <= MOST_HEAD && to > from && to < raw.n && raw.n <= UINT32_MAX, done = false;
    hc_buf_init(&b, 0);
    if (fits && piece.packed.n > 0 && piece.raw_n == to - from)
        done = put_around(&b, raw, from, to, level, piece.packed);
    if (fits && !done) {
        hc_buf_reset(&b);
        piece.raw_n = to - from;
        done = make_piece(a, hc_str_sub(raw, from, to), level, &piece.packed) &&
               put_around(&b, raw, from, to, level, piece.packed);
    }
    if (!done) { /* a text of another shape, or memory is short: all of it by itself */
        *io_piece = (struct hc_piece){ { NULL, 0 }, 0 };
        return hc_gzip_fast(a, raw, level, out, err);
    }
    *io_piece = piece;
    *out = hc_buf_to_arena(&b, a);
    return hc_arena_check(a, err, "packed gzip data");
}

bool hc_gzip_piece(hc_str packed, struct hc_piece *out)
{
    static const char magic[] = { 0x1f, (char)0x8b, 8, 4 };
    size_t at = HEADER + 2 + EXTRA;
    if (packed.n < at + STORED + TRAILER || memcmp(packed.p, magic, sizeof(magic)) != 0 ||
        memcmp(packed.p + HEADER, "\x10\0hc\x0c\0", 6) != 0)
        return false;
    const char *numbers = packed.p + HEADER + 6;
    size_t head = get32(numbers), raw_n = get32(numbers + 4), n = get32(numbers + 8);
    at += STORED;
    if (head > MOST_HEAD || n > packed.n || head + n > packed.n - at - TRAILER || n == 0)
        return false;
    *out = (struct hc_piece){ hc_str_n(packed.p + at + head, n), raw_n };
    return true;
}
