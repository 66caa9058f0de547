#pragma once
/*
 * charts-fetch/unpack/unpack.h - archives to files, files to archives, under limits
 *
 * Reading refuses what would climb out of the root (absolute paths, "..", links that leave it), cut or
 * oversized archives, and more bytes or entries than the caller allows. Into memory nothing is handed out until all of it
 * was checked; into a folder it is written as it comes, and the caller removes the folder on failure.
 */
#include "core/base/arena.h"
#include "core/base/err.h"

struct hc_unpacked {
    hc_str name; /* as in the archive, cleaned, with '/' */
    hc_str body;
    unsigned mode;
    int64_t mtime; /* for packing; 0: the time for all */
    bool dot;      /* "./" stood before it in the archive */
};
struct hc_unpack_limits {
    size_t bytes, entries; /* unpacked; 0: the chart limits */
};
/* A .tar.gz or .tar in memory. Folders are skipped; a link that stays inside is an empty file, as Helm reads it
 * from a chart archive; any other link, hard links and devices are refused. Bodies live in `a`, or in `archive`
 * when that was no gzip. */
enum hc_rc hc_unpack_memory(struct hc_arena *a, hc_str archive, const struct hc_unpack_limits *limits,
                            struct hc_unpacked **out, size_t *out_n, struct hc_err *err);
/* The same into a folder that exists and is empty, piece by piece. Symbolic links inside the root are kept. */
enum hc_rc hc_unpack_to_dir(hc_str archive, const char *dir, const struct hc_unpack_limits *limits,
                            struct hc_err *err);
/* The same out of a file, read from its beginning: memory does not grow with it. Over the deadline (hc_mono_ms; 0: none)
 * it is HC_E_AGAIN. */
enum hc_rc hc_unpack_fd_to_dir(int fd, const char *dir, const struct hc_unpack_limits *limits, int64_t deadline_ms,
                               struct hc_err *err);
/* The first file of that name alone; the archive is checked whole. HC_E_NOTFOUND: there is none. */
enum hc_rc hc_unpack_one(struct hc_arena *a, int fd, hc_str name, const struct hc_unpack_limits *limits,
                         hc_str *out, struct hc_err *err);

/* Files to a reproducible .tar.gz: in the order given, fixed owner and mode, times in seconds since 1970. */
enum hc_rc hc_pack_memory(struct hc_arena *a, const struct hc_unpacked *files, size_t n, int64_t mtime, hc_str *out,
                          struct hc_err *err);

/*
 * The same as a stream to a descriptor, one file in memory at a time, for trees that are large. Add in order; the
 * first failure stays and is what done() gives. A link's target is kept as it is: the caller checks where it leads.
 */
struct hc_packer;
HC_MUST_USE struct hc_packer *hc_packer_new(int fd, int64_t mtime);
void hc_packer_file(struct hc_packer *p, hc_str name, unsigned mode, hc_str body);
/* The same out of a file, from its beginning and piece by piece; it must have `size` bytes. */
void hc_packer_fd(struct hc_packer *p, hc_str name, unsigned mode, int fd, uint64_t size);
void hc_packer_link(struct hc_packer *p, hc_str name, hc_str target);
/* From then on hc_packer_fd gives up: HC_E_AGAIN (hc_mono_ms; 0, as it begins: never). */
void hc_packer_until(struct hc_packer *p, int64_t deadline_ms);
/* Ends the archive and frees the packer. */
enum hc_rc hc_packer_done(struct hc_packer *p, struct hc_err *err);

/* gzip of whole buffers (release records, artifacts). */
enum hc_rc hc_gzip(struct hc_arena *a, hc_str raw, int level, hc_str *out, struct hc_err *err);
/* The same in half the time, by libdeflate: for what has no digest that must stay (release records). `level`: 1 to 12. */
enum hc_rc hc_gzip_fast(struct hc_arena *a, hc_str raw, int level, hc_str *out, struct hc_err *err);

/*
 * The same for a text most of which was packed before and stays as it was: raw[from, to) is the part that stays. `piece` is
 * what hc_gzip_piece found in a gzip that this function made, or absent: then it is packed here (`level`: 1 to 12) and given
 * back in *io_piece, in the same arena. What comes out is plain gzip of one member, whose extra field says where the piece
 * lies. It is unpacked once more and compared; a piece of another text is not taken, but packed anew.
 */
struct hc_piece {
    hc_str packed; /* absent: none */
    size_t raw_n;
};
enum hc_rc hc_gzip_around(struct hc_arena *a, hc_str raw, size_t from, size_t to, int level,
                          struct hc_piece *io_piece, hc_str *out, struct hc_err *err);
/* False: none. Points into `packed`. */
bool hc_gzip_piece(hc_str packed, struct hc_piece *out);

enum hc_rc hc_gunzip(struct hc_arena *a, hc_str packed, size_t ceiling, hc_str *out, struct hc_err *err);
