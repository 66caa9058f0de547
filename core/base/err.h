#pragma once
/*
 * core/base/err.h - what went wrong, for a person at 3 a.m.
 *
 * A plain value the caller owns, usually on its stack: no allocation, no free, usable when memory is
 * gone. The code says what the caller does next; the text says what happened. Positions are data.
 * Every function takes NULL for `err`. Secret values never enter a message.
 */
#include "core/base/str.h"

#define HC_ERR_MSG 1024 /* what the message of a Kubernetes Event carries */

struct hc_err {
    enum hc_rc code;
    int32_t line;           /* from 1; 0: no position                               */
    int32_t col;            /* in bytes, as the format at hand counts; -1: not known */
    int32_t http_status;    /* 0: the failure was not an HTTP answer                 */
    int32_t os_errno;       /* of the system call that failed; 0: it was none        */
    int64_t retry_after_ms; /* the server asked for this pause; 0: it did not        */
    char file[192];         /* file or object the position is in, empty: none        */
    char msg[HC_ERR_MSG];   /* cut at a character border when it is longer           */
};

#define HC_ERR_INIT                                                                                                \
    {                                                                                                              \
        .col = -1                                                                                                  \
    }

/* Sets code and message and gives the code, so that `return hc_fail(...)` reads as what it does. */
enum hc_rc hc_fail(struct hc_err *err, enum hc_rc code, const char *fmt, ...) HC_PRINTF(3, 4);
/* The same with a position. */
enum hc_rc hc_fail_at(struct hc_err *err, enum hc_rc code, hc_str file, int line, int col, const char *fmt, ...)
    HC_PRINTF(6, 7);
/* "<what> '<name>': <strerror>"; the code follows errno (ENOENT: NOTFOUND, ENOMEM: NOMEM, EAGAIN and
 * network errors: AGAIN, else INPUT). */
enum hc_rc hc_fail_errno(struct hc_err *err, const char *what, const char *name);
enum hc_rc hc_fail_nomem(struct hc_err *err);
/* Puts one fact in front of the message: "fact: message". Keeps and gives the code. */
enum hc_rc hc_wrap(struct hc_err *err, const char *fmt, ...) HC_PRINTF(2, 3);
/* Copies all of it; gives the code. */
enum hc_rc hc_err_copy(struct hc_err *dst, const struct hc_err *src);
void hc_err_clear(struct hc_err *err);
/* "INPUT", "AGAIN", ... for logs. */
const char *hc_rc_name(enum hc_rc rc);
