#pragma once
/*
 * core/base/fs.h - whole files, read under a ceiling and written whole or not at all
 */
#include "core/base/err.h"
#include "core/base/str.h"

struct hc_arena;

/* Reads up to `ceiling` bytes; a larger file is HC_E_LIMIT. `dir` may be AT_FDCWD. */
enum hc_rc hc_read_file(struct hc_arena *a, int dir, const char *path, size_t ceiling, hc_str *out,
                        struct hc_err *err);
enum hc_rc hc_read_fd(struct hc_arena *a, int fd, const char *name, size_t ceiling, hc_str *out,
                      struct hc_err *err);
/* Writes beside the target, fsyncs, renames: a reader sees the old file or the new one. A device or a pipe is written into. */
enum hc_rc hc_write_file(const char *path, hc_str body, unsigned mode, struct hc_err *err);
/* The same with that very mode, whatever the umask takes away. */
enum hc_rc hc_write_file_as(const char *path, hc_str body, unsigned mode, struct hc_err *err);
enum hc_rc hc_write_fd(int fd, hc_str body, struct hc_err *err);
/* All of it, for callers that cannot tell an error where they stand: 0, or the errno of the write that failed. */
int hc_write_all(int fd, hc_str body);
/* mkdir -p. */
enum hc_rc hc_mkdirs(const char *path, unsigned mode, struct hc_err *err);
/* rm -r; a path that is not there is fine. Follows no link. */
enum hc_rc hc_remove_tree(const char *path, struct hc_err *err);

/* The shortest form of a path by its text alone, as Go's filepath.Clean: "a//b/../c/" is "a/c", "" is ".". Closed by
 * NUL; empty and absent when memory is out. */
hc_str hc_path_clean(struct hc_arena *a, hc_str path);
/* Go's path.Base; borrows from `path`. */
hc_str hc_path_base(hc_str path);

void hc_fd_auto(int *fd); /* HC_AUTO(hc_fd) int fd = open(...) */
