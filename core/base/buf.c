/*
 * Growing bytes: doubles, never past the ceiling.
 */
#include "core/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/base/mem.h"

void hc_buf_init(struct hc_buf *b, size_t ceiling)
{
    *b = (struct hc_buf){ .ceiling = ceiling ? ceiling : HC_MAX_BUF };
}

void hc_buf_done(struct hc_buf *b)
{
    free(b->p);
    *b = (struct hc_buf){ .ceiling = b->ceiling };
}

char *hc_buf_room(struct hc_buf *b, size_t extra)
{
    if (b->spent)
        return NULL;
    if (extra <= b->cap - b->n && b->p)
        return b->p + b->n;
    if (extra > b->ceiling - b->n) {
        b->spent = true;
        return NULL;
    }
    size_t want = b->n + extra, cap = HC_MAX(b->cap, (size_t)128);
    while (cap < want)
        cap *= 2;
    char *p = hc_realloc(b->p, cap);
    if (!p) {
        b->spent = true;
        return NULL;
    }
    b->p = p;
    b->cap = cap;
    return p + b->n;
}

void hc_buf_put_slow(struct hc_buf *b, const char *p, size_t n)
{
    char *at = hc_buf_room(b, n);
    if (!at)
        return;
    memcpy(at, p, n);
    b->n += n;
}

void hc_buf_fill(struct hc_buf *b, char c, size_t times)
{
    char *at = hc_buf_room(b, times);
    if (!at)
        return;
    memset(at, c, times);
    b->n += times;
}

void hc_buf_printf(struct hc_buf *b, const char *fmt, ...)
{
    char small[256];
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof(small), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(small)) {
        hc_buf_put(b, hc_str_n(small, (size_t)n));
    } else if (n >= 0) {
        char *at = hc_buf_room(b, (size_t)n + 1);
        if (at) {
            vsnprintf(at, (size_t)n + 1, fmt, again);
            b->n += (size_t)n;
        }
    }
    va_end(again);
}

enum hc_rc hc_buf_check(const struct hc_buf *b, struct hc_err *err, const char *what)
{
    if (!b->spent)
        return HC_OK;
    if (b->n >= b->ceiling / 2)
        return hc_fail(err, HC_E_LIMIT, "%s is over the %zu bytes it may have", what, b->ceiling);
    return hc_fail(err, HC_E_NOMEM, "%s: out of memory or over %zu bytes", what, b->ceiling);
}
