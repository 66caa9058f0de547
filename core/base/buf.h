#pragma once
/*
 * core/base/buf.h - bytes that grow up to a ceiling
 *
 * Embedded: hc_buf_init, use, hc_buf_done. On the heap. From the first failure on (ceiling, memory) it is
 * spent: writes do nothing, and one check at the end is enough. What hc_buf_str gives is borrowed and
 * valid until the next write.
 */
#include "core/base/err.h"
#include "core/base/str.h"

struct hc_arena;

struct hc_buf {
    char *p;
    size_t n, cap, ceiling;
    bool spent;
};

/* `ceiling` in bytes, 0: HC_MAX_BUF. Allocates nothing yet. */
void hc_buf_init(struct hc_buf *b, size_t ceiling);
void hc_buf_done(struct hc_buf *b);
#define hc_buf_auto hc_buf_done /* HC_AUTO(hc_buf) struct hc_buf b; hc_buf_init(&b, 0); */

/* Room for `extra` bytes at b->p + b->n, or NULL. The caller then adds to b->n what it wrote. */
char *hc_buf_room(struct hc_buf *b, size_t extra);
void hc_buf_put_slow(struct hc_buf *b, const char *p, size_t n);
static inline void hc_buf_put(struct hc_buf *b, hc_str s)
{
    if (s.n <= b->cap - b->n && s.n > 0) {
        memcpy(b->p + b->n, s.p, s.n);
        b->n += s.n;
    } else if (s.n > 0) {
        hc_buf_put_slow(b, s.p, s.n);
    }
}
static inline void hc_buf_putc(struct hc_buf *b, char c)
{
    if (b->cap > b->n)
        b->p[b->n++] = c;
    else
        hc_buf_put_slow(b, &c, 1);
}
static inline void hc_buf_puts(struct hc_buf *b, const char *z)
{
    hc_buf_put(b, hc_str_of(z));
}
void hc_buf_printf(struct hc_buf *b, const char *fmt, ...) HC_PRINTF(2, 3);
void hc_buf_fill(struct hc_buf *b, char c, size_t times);
static inline hc_str hc_buf_str(const struct hc_buf *b)
{
    return (hc_str){ b->p ? b->p : "", b->n };
}
static inline void hc_buf_reset(struct hc_buf *b)
{
    b->n = 0;
    b->spent = false;
}
/* HC_E_LIMIT or HC_E_NOMEM when spent. */
enum hc_rc hc_buf_check(const struct hc_buf *b, struct hc_err *err, const char *what);
/* A copy in the arena. Of a buffer that was refused memory there is none, and the arena is spent: what lost its end (a path, say)
 * must not pass for the whole. */
hc_str hc_buf_to_arena(const struct hc_buf *b, struct hc_arena *a);
