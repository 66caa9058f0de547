#pragma once
/*
 * tests/fuzz/fuzz.h - what the harnesses share
 *
 * A harness must be fast before all else: one arena for all its runs, taken back at the start of each, and no set-up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "lua/funcs/funcs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline hc_str fuzz_text(const uint8_t *data, size_t size)
{
    return hc_str_n((const char *)data, size);
}

/* The arena of this run: 16 MiB, what the last run had in it is gone. */
static inline struct hc_arena *fuzz_arena(void)
{
    static struct hc_arena *a;
    if (!a && !(a = hc_arena_new((size_t)16 << 20)))
        abort();
    hc_arena_reset(a);
    return a;
}

/* A file in memory with this text, of this run; for code that takes paths. */
static inline const char *fuzz_file(hc_str text)
{
    static char path[32];
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, text.p, text.n, 0) != (ssize_t)text.n)
        abort();
    return path;
}

/* The text up to the next NUL; what is behind it stays in *rest. Absent when nothing is left. */
static inline hc_str fuzz_part(hc_str *rest)
{
    hc_str part = { "", 0 };
    (void)!hc_str_split(rest, '\0', &part);
    return part;
}

/* A template function with these arguments, as the engine calls it; NULL: it failed, with a message. */
static inline struct hc_val *fuzz_call(struct hc_arena *a, const char *name, struct hc_val *const *argv,
                                       size_t argc)
{
    static const struct hc_door none;
    struct hc_err err = HC_ERR_INIT;
    struct hc_fcall c = { .a = a, .err = &err, .door = &none };
    const struct hc_func *f = hc_func_find(hc_str_of(name), false);
    struct hc_val *out = NULL;
    enum hc_rc rc = f->fn(&c, argv, argc, &out);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
        abort();
    return rc == HC_OK ? out : NULL;
}
