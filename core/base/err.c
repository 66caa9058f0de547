/*
 * Error values. Everything is formatted into the caller's own struct; the one subtlety is cutting a
 * message that is too long at a character border, so that it stays valid UTF-8 in an Event.
 */
#include "core/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static void cut_utf8(char *msg, size_t cap)
{
    size_t n = strnlen(msg, cap);
    if (n + 1 < cap)
        return;
    while (n > 0 && ((unsigned char)msg[n - 1] & 0xc0) == 0x80)
        n--;
    if (n > 0 && (unsigned char)msg[n - 1] >= 0xc0)
        n--;
    msg[n] = '\0';
}

static void set_text(struct hc_err *err, const char *fmt, va_list ap)
{
    vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    cut_utf8(err->msg, sizeof(err->msg));
}

void hc_err_clear(struct hc_err *err)
{
    if (err)
        *err = (struct hc_err)HC_ERR_INIT;
}

enum hc_rc hc_fail(struct hc_err *err, enum hc_rc code, const char *fmt, ...)
{
    if (!err)
        return code;
    hc_err_clear(err);
    err->code = code;
    va_list ap;
    va_start(ap, fmt);
    set_text(err, fmt, ap);
    va_end(ap);
    return code;
}

enum hc_rc hc_fail_at(struct hc_err *err, enum hc_rc code, hc_str file, int line, int col, const char *fmt, ...)
{
    if (!err)
        return code;
    hc_err_clear(err);
    err->code = code;
    err->line = line;
    err->col = col;
    snprintf(err->file, sizeof(err->file), "%.*s", HC_P(file));
    va_list ap;
    va_start(ap, fmt);
    set_text(err, fmt, ap);
    va_end(ap);
    return code;
}

enum hc_rc hc_fail_errno(struct hc_err *err, const char *what, const char *name)
{
    int e = errno;
    enum hc_rc code = HC_E_INPUT;
    switch (e) {
    case ENOENT:
        code = HC_E_NOTFOUND;
        break;
    case ENOMEM:
        code = HC_E_NOMEM;
        break;
    case EAGAIN:
    case EINTR:
    case EIO:
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ECONNREFUSED:
    case ECONNRESET:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EPIPE:
        code = HC_E_AGAIN;
        break;
    default:
        break;
    }
    char text[128];
    const char *why = strerror_r(e, text, sizeof(text));
    hc_fail(err, code, "%s '%s': %s", what, name, why);
    if (err)
        err->os_errno = e;
    return code;
}

enum hc_rc hc_fail_nomem(struct hc_err *err)
{
    return hc_fail(err, HC_E_NOMEM, "out of memory");
}

enum hc_rc hc_wrap(struct hc_err *err, const char *fmt, ...)
{
    if (!err)
        return HC_E_BUG;
    char front[HC_ERR_MSG];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(front, sizeof(front), fmt, ap);
    va_end(ap);
    size_t nf = strlen(front), nm = strlen(err->msg);
    if (nf + 2 >= sizeof(err->msg))
        nf = sizeof(err->msg) - 3;
    if (nf + 2 + nm >= sizeof(err->msg))
        nm = sizeof(err->msg) - 1 - nf - 2;
    memmove(err->msg + nf + 2, err->msg, nm);
    memcpy(err->msg, front, nf);
    memcpy(err->msg + nf, ": ", 2);
    err->msg[nf + 2 + nm] = '\0';
    cut_utf8(err->msg, sizeof(err->msg));
    return err->code;
}

enum hc_rc hc_err_copy(struct hc_err *dst, const struct hc_err *src)
{
    if (dst && dst != src)
        *dst = *src;
    return src->code;
}

const char *hc_rc_name(enum hc_rc rc)
{
    static const char *const names[] = { "OK", "INPUT", "NOTFOUND", "CONFLICT", "AGAIN", "LIMIT", "NOMEM", "BUG" };
    return (size_t)rc < HC_LEN(names) ? names[rc] : "?";
}
