#pragma once
/*
 * core/base/child.h - another program, run to its end: text in, text out, with a deadline and a ceiling
 *
 * The program gets a process group of its own. Whatever happens - too late, too much output, SIGINT or SIGTERM to us -
 * the whole group is killed and its first process waited for, so that nothing is left behind. A signal is then sent on to
 * ourselves with the disposition it had. One at a time, from the main thread.
 *
 * One that talks to the user has our stdin, stderr and process group instead, so that it may ask at the terminal and ^C
 * reaches it there; signals to us are left alone, and only itself is killed. Of these several at once, from any thread.
 */
#include "core/base/buf.h"

struct hc_child {
    char *const *argv;   /* argv[0] without a slash is looked up in PATH */
    char *const *env;    /* NULL-closed */
    hc_str input;        /* what it reads from stdin; it need not */
    size_t max_bytes;    /* of stdout */
    int64_t deadline_ms; /* from now */
    bool talks;          /* to the user: no input, and nothing is kept of what it says */
};

struct hc_child_end {
    int start_errno; /* it could not be started: why; 0: it was */
    int exit_code;   /* -1: it did not exit by itself */
    int signal;      /* that ended it; 0: none */
    bool late;       /* HC_E_LIMIT was for its time */
    char said[600];  /* the start of its stderr, NUL-closed, trimmed */
};

/*
 * HC_OK: it was started and ended by itself, or could not be started: see *end. HC_E_LIMIT: it printed too much or took
 * too long. HC_E_AGAIN: we were interrupted. *out is an initialised buffer.
 */
enum hc_rc hc_child_run(const struct hc_child *c, struct hc_buf *out, struct hc_child_end *end, struct hc_err *err);

/* Where a program without a slash in its name lies, or the name itself; NULL: nowhere in PATH. */
const char *hc_child_find(struct hc_arena *a, const char *name);
