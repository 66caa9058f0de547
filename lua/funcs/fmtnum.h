#pragma once
/*
 * lua/funcs/fmtnum.h - the leaves of Go's fmt: numbers, texts, quoting, padding
 */
#include "core/base/buf.h"

/* Flags, width and precision of one directive; all zero for plain printing. */
struct hc_fmt {
    bool sharp, zero, plus, minus, space, sharp_v, plus_v, has_width, has_prec;
    int64_t width, prec; /* 0 to 1000001 */
};

void hc_fmt_pad(struct hc_buf *b, const struct hc_fmt *f, hc_str s);
/* Cut to the precision, then padded. */
void hc_fmt_text(struct hc_buf *b, const struct hc_fmt *f, hc_str s);
void hc_fmt_quoted(struct hc_buf *b, const struct hc_fmt *f, hc_str s);
void hc_fmt_hex(struct hc_buf *b, const struct hc_fmt *f, hc_str s, bool upper);
void hc_fmt_int(struct hc_buf *b, const struct hc_fmt *f, uint64_t u, int base, bool is_signed, uint32_t verb,
                bool upper);
void hc_fmt_rune(struct hc_buf *b, const struct hc_fmt *f, uint64_t u, bool quoted);
void hc_fmt_unicode(struct hc_buf *b, const struct hc_fmt *f, uint64_t u);
/* False: floats have no such verb, and nothing was written. */
bool hc_fmt_float(struct hc_buf *b, const struct hc_fmt *f, double d, uint32_t verb);
const char *hc_month_name(int64_t month);
const char *hc_weekday_name(int64_t day);
