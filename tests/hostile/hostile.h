#pragma once
/*
 * tests/hostile/hostile.h - charts made to do harm, and what helmctl does with them
 *
 * A case is a folder of files, a command line and the words the answer must hold. Each runs in a process of its own, of
 * which the kernel tells processor time and peak memory: no case may take a second or grow by 64 MiB more than the
 * render of an empty chart, and none may end by a signal.
 */
#include "core/base/arena.h"
#include "core/base/buf.h"

enum { HOSTILE_CPU_MS = 1000, HOSTILE_GROWTH_KIB = 64 * 1024 };

struct hostile_file {
    hc_str name, body;
};

struct hostile_case {
    hc_str name;
    const struct hostile_file *files; /* below the case's folder; the chart is "c" */
    size_t files_n;
    const char *const *args; /* behind the program's name, "@" is the case's folder; NULL: template c @/c */
    size_t args_n;
    const hc_str *want; /* all of them stand in what was printed to stderr; none: it succeeds */
    size_t want_n;
    long takes_ms; /* 0: HOSTILE_CPU_MS; more only where the budget is a number of things that each cost much */
    bool literal;  /* the files' texts hold no repetitions */
    bool lua;      /* the chart asks for Lua templates */
    bool again; /* spends the budget of another case in the same way, spelled otherwise: with HC_HOSTILE_ALL only */
    void (*archive)(struct hc_buf *out); /* not NULL: makes c.tgz below the folder */
    const char *link, *link_target;      /* a symbolic link below the folder, or NULL */
};

/* Reads a file of cases (see templates.cases for how they are written). False: it said why. */
bool hostile_read(struct hc_arena *a, const char *path, struct hostile_case **out, size_t *out_n);
/* "@3<x#>@" is x0x1x2 (#- and #+: one less, one more), "@x00" a byte, "@@" and "@#" the signs themselves. */
bool hostile_expand(struct hc_arena *a, hc_str text, hc_str *out);

/* Cases with archives, made by code. */
size_t hostile_archives(struct hc_arena *a, struct hostile_case **out);
