#pragma once
/*
 * charts-fetch/unpack/unpack_impl.h - what reading into memory and reading piece by piece have in common
 */
#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

#include "charts-fetch/unpack/unpack.h"

/* ---- entries (tar.c) ---- */

struct unpack_entry {
    hc_str name, link; /* cleaned; the target of a symbolic link, else absent */
    unsigned mode;
    size_t size;
    bool folder, dot;
};
struct unpack_count { /* what was met so far */
    struct hc_unpack_limits limits;
    size_t bytes, entries;
};
struct unpack_count unpack_count_new(const struct hc_unpack_limits *given);
/* How much may come out of so many bytes of gzip. */
size_t unpack_ceiling(const struct unpack_count *c, uint64_t packed);
enum hc_rc unpack_not_an_archive(struct hc_err *err);

/* libarchive, for tar alone, not opened yet; NULL: no memory. */
HC_MUST_USE struct archive *unpack_reader(void);
/* The next entry, checked and counted. */
enum hc_rc unpack_next(struct archive *ar, struct hc_arena *a, struct unpack_count *c, struct unpack_entry *out,
                       bool *at_end, struct hc_err *err);
/* What comes behind the first `got` bytes of its body, of which there is more. It is libarchive's, until the next call. */
enum hc_rc unpack_piece(struct archive *ar, const struct unpack_entry *e, size_t got, hc_str *out,
                        struct hc_err *err);

/* ---- gzip (gzip.c) ---- */

static inline bool unpack_is_gzip(hc_str head)
{
    return head.n >= 2 && (uint8_t)head.p[0] == 0x1f && (uint8_t)head.p[1] == 0x8b;
}
/* The size that the last four bytes tell, or 0 when so much cannot be in `packed` bytes. */
size_t unpack_gzip_told(const char trailer[4], uint64_t packed);
enum hc_rc unpack_gzip_over(size_t ceiling, struct hc_err *err);
enum hc_rc unpack_gzip_fail(struct hc_err *err, int z, const char *msg);
int unpack_inflate_init(z_stream *z);
