/*
 * Numbers and texts under flags, width and precision. Widths count runes. Floats are written by the C library,
 * whose %e, %f and %g round exactly as Go does, but for the shortest form and the hexadecimal one.
 */
#include "lua/funcs/fmtnum.h"

#include <math.h>
#include <stdio.h>

#include "core/value/json.h"
#include "lua/funcs/gofmt.h"
#include "lua/funcs/gounicode.h"

static const char lower_digits[] = "0123456789abcdef";
static const char upper_digits[] = "0123456789ABCDEF";

static size_t missing(const struct hc_fmt *f, size_t have)
{
    return f->has_width && (uint64_t)f->width > have ? (size_t)f->width - have : 0;
}

static char pad_byte(const struct hc_fmt *f)
{
    return f->zero && !f->minus ? '0' : ' ';
}

void hc_fmt_pad(struct hc_buf *b, const struct hc_fmt *f, hc_str s)
{
    if (!f->has_width) {
        hc_buf_put(b, s);
        return;
    }
    size_t n = missing(f, hc_utf8_count(s));
    if (!f->minus)
        hc_buf_fill(b, pad_byte(f), n);
    hc_buf_put(b, s);
    if (f->minus)
        hc_buf_fill(b, ' ', n);
}

static hc_str cut(const struct hc_fmt *f, hc_str s)
{
    if (!f->has_prec)
        return s;
    size_t i = 0;
    for (int64_t n = f->prec; n > 0 && i < s.n; n--) {
        uint32_t r;
        i += hc_utf8_decode(hc_str_sub(s, i, s.n), &r);
    }
    return hc_str_sub(s, 0, i);
}

void hc_fmt_text(struct hc_buf *b, const struct hc_fmt *f, hc_str s)
{
    hc_fmt_pad(b, f, cut(f, s));
}

static void put_escaped(struct hc_buf *b, uint32_t r, char quote, bool ascii)
{
    static const char names[] = "abtnvfr"; /* 7 to 13 */
    char utf8[4];
    if (r == (uint32_t)quote || r == '\\') {
        hc_buf_putc(b, '\\');
        hc_buf_putc(b, (char)r);
    } else if (hc_rune_is(r, HC_RUNE_PRINT) && (!ascii || r < 0x80)) {
        hc_buf_put(b, hc_str_n(utf8, hc_utf8_encode(r, utf8)));
    } else if (r >= 7 && r <= 13) {
        hc_buf_putc(b, '\\');
        hc_buf_putc(b, names[r - 7]);
    } else if (r < ' ' || r == 0x7f) {
        hc_buf_printf(b, "\\x%02x", r);
    } else if (r > 0x10ffff || (r >= 0xd800 && r < 0xe000)) {
        hc_buf_puts(b, "\\ufffd");
    } else if (r < 0x10000) {
        hc_buf_printf(b, "\\u%04x", r);
    } else {
        hc_buf_printf(b, "\\U%08x", r);
    }
}

/* Whether eight bytes all stand for themselves between quotes: from ' ' to '~', no '"', no '\\'. */
static inline bool eight_plain(const char *p)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    if (w & tops)
        return false;
    /* with no top bit set, no byte borrows from another */
    uint64_t low = (w | tops) - ones * ' ', del = w + ones, quote = (w ^ ones * '"') + ones * 0x7f,
             back = (w ^ ones * '\\') + ones * 0x7f;
    return (low & ~del & quote & back & tops) == tops;
}

static void put_quoted(struct hc_buf *b, hc_str s, bool ascii)
{
    hc_buf_putc(b, '"');
    for (size_t i = 0; i < s.n;) {
        size_t plain = i; /* most of any text stands for itself */
        while (s.n - plain >= 8 && eight_plain(s.p + plain))
            plain += 8;
        while (plain < s.n && s.p[plain] >= ' ' && s.p[plain] < 0x7f && s.p[plain] != '"' && s.p[plain] != '\\')
            plain++;
        if (plain > i) {
            hc_buf_put(b, hc_str_sub(s, i, plain));
            i = plain;
            continue;
        }
        uint32_t r = (unsigned char)s.p[i];
        size_t n = 1;
        if (r >= 0x80)
            n = hc_utf8_decode(hc_str_sub(s, i, s.n), &r);
        if (n == 1 && r == 0xfffd)
            hc_buf_printf(b, "\\x%02x", (unsigned char)s.p[i]);
        else
            put_escaped(b, r, '"', ascii);
        i += n;
    }
    hc_buf_putc(b, '"');
}

void hc_go_quote(struct hc_buf *b, hc_str s)
{
    put_quoted(b, s, false);
}

/* strconv.CanBackquote */
static bool can_backquote(hc_str s)
{
    for (size_t i = 0; i < s.n;) {
        uint32_t r;
        size_t n = hc_utf8_decode(hc_str_sub(s, i, s.n), &r);
        if (n > 1 ? r == 0xfeff : r == 0xfffd || (r < ' ' && r != '\t') || r == '`' || r == 0x7f)
            return false;
        i += n;
    }
    return true;
}

void hc_fmt_quoted(struct hc_buf *b, const struct hc_fmt *f, hc_str s)
{
    HC_AUTO(hc_buf) struct hc_buf text;
    hc_buf_init(&text, b->ceiling);
    s = cut(f, s);
    if (!f->has_width && !f->sharp) {
        put_quoted(b, s, f->plus);
        return;
    }
    if (f->sharp && can_backquote(s)) {
        hc_buf_putc(&text, '`');
        hc_buf_put(&text, s);
        hc_buf_putc(&text, '`');
    } else {
        put_quoted(&text, s, f->plus);
    }
    b->spent = b->spent || text.spent;
    hc_fmt_pad(b, f, hc_buf_str(&text));
}

void hc_fmt_hex(struct hc_buf *b, const struct hc_fmt *f, hc_str s, bool upper)
{
    const char *digits = upper ? upper_digits : lower_digits;
    size_t n = s.n;
    if (f->has_prec && (uint64_t)f->prec < n)
        n = (size_t)f->prec;
    size_t width = 2 * n;
    if (n == 0) {
        if (f->has_width)
            hc_buf_fill(b, pad_byte(f), (size_t)f->width);
        return;
    }
    if (f->space)
        width = width * (f->sharp ? 2 : 1) + n - 1;
    else if (f->sharp)
        width += 2;
    if (!f->minus)
        hc_buf_fill(b, pad_byte(f), missing(f, width));
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && f->space)
            hc_buf_putc(b, ' ');
        if (f->sharp && (i == 0 || f->space)) {
            hc_buf_putc(b, '0');
            hc_buf_putc(b, upper ? 'X' : 'x');
        }
        hc_buf_putc(b, digits[(unsigned char)s.p[i] >> 4]);
        hc_buf_putc(b, digits[(unsigned char)s.p[i] & 15]);
    }
    if (f->minus)
        hc_buf_fill(b, ' ', missing(f, width));
}

void hc_fmt_int(struct hc_buf *b, const struct hc_fmt *f, uint64_t u, int base, bool is_signed, uint32_t verb,
                bool upper)
{
    char digits[72];
    size_t n = 0;
    bool negative = is_signed && (int64_t)u < 0;
    if (negative)
        u = 0 - u;
    uint64_t value = u;
    do {
        digits[n++] = (upper ? upper_digits : lower_digits)[u % (unsigned)base];
        u /= (unsigned)base;
    } while (u);

    int64_t least = 0;
    if (f->has_prec) {
        least = f->prec;
        if (least == 0 && value == 0) {
            if (f->has_width)
                hc_buf_fill(b, ' ', (size_t)f->width);
            return;
        }
    } else if (f->zero && !f->minus && f->has_width) {
        least = f->width - (negative || f->plus || f->space ? 1 : 0);
    }
    size_t zeros = least > 0 && (uint64_t)least > n ? (size_t)least - n : 0;

    char front[4];
    size_t k = 0;
    if (negative || f->plus || f->space)
        front[k++] = negative ? '-' : f->plus ? '+' : ' ';
    if (verb == 'O') {
        front[k++] = '0';
        front[k++] = 'o';
    }
    if (f->sharp && base == 2) {
        front[k++] = '0';
        front[k++] = 'b';
    } else if (f->sharp && base == 16) {
        front[k++] = '0';
        front[k++] = upper ? 'X' : 'x';
    } else if (f->sharp && base == 8 && zeros == 0 && digits[n - 1] != '0') {
        zeros = 1;
    }
    size_t pad = missing(f, k + zeros + n);
    if (!f->minus)
        hc_buf_fill(b, ' ', pad);
    hc_buf_put(b, hc_str_n(front, k));
    hc_buf_fill(b, '0', zeros);
    while (n > 0)
        hc_buf_putc(b, digits[--n]);
    if (f->minus)
        hc_buf_fill(b, ' ', pad);
}

void hc_fmt_rune(struct hc_buf *b, const struct hc_fmt *f, uint64_t u, bool quoted)
{
    uint32_t r = u > 0x10ffff ? 0xfffd : (uint32_t)u;
    HC_AUTO(hc_buf) struct hc_buf text;
    hc_buf_init(&text, 0);
    if (quoted) {
        if (r >= 0xd800 && r < 0xe000)
            r = 0xfffd;
        hc_buf_putc(&text, '\'');
        put_escaped(&text, r, '\'', f->plus);
        hc_buf_putc(&text, '\'');
    } else {
        char utf8[4];
        hc_buf_put(&text, hc_str_n(utf8, hc_utf8_encode(r, utf8)));
    }
    hc_fmt_pad(b, f, hc_buf_str(&text));
}

void hc_fmt_unicode(struct hc_buf *b, const struct hc_fmt *f, uint64_t u)
{
    HC_AUTO(hc_buf) struct hc_buf text;
    struct hc_fmt plain = *f;
    int prec = f->has_prec && f->prec > 4 ? (int)f->prec : 4;
    hc_buf_init(&text, 0);
    hc_buf_puts(&text, "U+");
    for (int k = prec; k > 16; k--)
        hc_buf_putc(&text, '0');
    hc_buf_printf(&text, "%0*" PRIX64, prec > 16 ? 16 : prec, u);
    if (f->sharp && u <= 0x10ffff && hc_rune_is((uint32_t)u, HC_RUNE_PRINT)) {
        char utf8[4];
        hc_buf_puts(&text, " '");
        hc_buf_put(&text, hc_str_n(utf8, hc_utf8_encode((uint32_t)u, utf8)));
        hc_buf_putc(&text, '\'');
    }
    plain.zero = false;
    hc_fmt_pad(b, &plain, hc_buf_str(&text));
}

/* ---- floats ------------------------------------------------------------------------------------ */

/* strconv's 'x' format: one hexadecimal digit, a point, p and at least two digits of exponent. prec < 0: as many
 * digits as it takes. */
static void hex_float(struct hc_buf *b, double d, int64_t prec, bool upper)
{
    int exp = 0;
    double m = d == 0 ? 0 : frexp(d, &exp);
    uint64_t mant = (uint64_t)ldexp(m, 53); /* 1.52 bits when d is not zero */
    if (d != 0)
        exp--;
    mant <<= 60 - 52; /* the leading 1 at bit 60 */
    if (prec >= 0 && prec < 15) {
        unsigned shift = (unsigned)prec * 4;
        uint64_t extra = (mant << shift) & ((1ull << 60) - 1);
        mant >>= 60 - shift;
        if ((extra | (mant & 1)) > (1ull << 59))
            mant++;
        mant <<= 60 - shift;
        if (mant & (1ull << 61)) {
            mant >>= 1;
            exp++;
        }
    }
    const char *digits = upper ? upper_digits : lower_digits;
    hc_buf_putc(b, '0');
    hc_buf_putc(b, upper ? 'X' : 'x');
    hc_buf_putc(b, (char)('0' + (mant >> 60 & 1)));
    mant <<= 4;
    if (prec < 0 && mant != 0) {
        hc_buf_putc(b, '.');
        for (; mant != 0; mant <<= 4)
            hc_buf_putc(b, digits[mant >> 60 & 15]);
    } else if (prec > 0) {
        hc_buf_putc(b, '.');
        for (int64_t i = 0; i < prec && !b->spent; i++, mant <<= 4)
            hc_buf_putc(b, digits[mant >> 60 & 15]);
    }
    hc_buf_printf(b, "%c%c%02d", upper ? 'P' : 'p', exp < 0 ? '-' : '+', exp < 0 ? -exp : exp);
}

/* |d| in the given form. */
static void put_float(struct hc_buf *b, double d, char verb, int64_t prec)
{
    int p = (int)prec;
    switch (verb) {
    case 'x':
    case 'X':
        hex_float(b, d, prec, verb == 'X');
        break;
    case 'b': {
        int exp = 0;
        double m = frexp(d, &exp);
        int64_t mant = (int64_t)ldexp(m, 53);
        exp -= 53;
        if (d < 0x1p-1022) { /* denormals keep their exponent */
            mant = (int64_t)ldexp(d, 1074);
            exp = -1074;
        }
        hc_buf_printf(b, "%" PRId64 "p%+d", mant, exp);
        break;
    }
    case 'e':
        hc_buf_printf(b, "%.*e", p, d);
        break;
    case 'E':
        hc_buf_printf(b, "%.*E", p, d);
        break;
    case 'f':
        hc_buf_printf(b, "%.*f", p, d);
        break;
    case 'G':
    case 'g':
        if (prec >= 0) {
            hc_buf_printf(b, verb == 'G' ? "%.*G" : "%.*g", p, d);
            break;
        }
        size_t at = b->n;
        hc_float_shortest(b, d, 64, 6);
        for (; verb == 'G' && at < b->n; at++)
            b->p[at] = b->p[at] == 'e' ? 'E' : b->p[at];
        break;
    default:
        break;
    }
}

/* '#': always a point, and for %g the digits that belong to the precision. */
static void sharpen(struct hc_buf *b, uint32_t verb, int64_t prec)
{
    char tail[16];
    size_t tail_n = 0, body = b->n;
    int64_t digits = verb == 'v' || verb == 'g' || verb == 'G' || verb == 'x' ? (prec < 0 ? 6 : prec) : 0;
    bool point = false, nonzero = false, hex = verb == 'x' || verb == 'X';
    for (size_t i = 0; i < b->n; i++) {
        char ch = b->p[i];
        if (ch == '.') {
            point = true;
        } else if (ch == 'p' || ch == 'P' || ((ch == 'e' || ch == 'E') && !hex)) {
            body = i;
            tail_n = HC_MIN(b->n - i, sizeof(tail));
            memcpy(tail, b->p + i, tail_n);
            break;
        } else {
            nonzero = nonzero || ch != '0';
            if (nonzero)
                digits--;
        }
    }
    b->n = body;
    if (!point) {
        if (body == 1 && b->p[0] == '0')
            digits--;
        hc_buf_putc(b, '.');
    }
    if (digits > 0)
        hc_buf_fill(b, '0', (size_t)digits);
    hc_buf_put(b, hc_str_n(tail, tail_n));
}

bool hc_fmt_float(struct hc_buf *b, const struct hc_fmt *f, double d, uint32_t verb)
{
    if (verb == 0 || verb > 127 || !strchr("vbgGxXfFeE", (int)verb))
        return false;
    char form = verb == 'v' ? 'g' : verb == 'F' ? 'f' : (char)verb;
    int64_t prec = form == 'f' || form == 'e' || form == 'E' ? 6 : -1;
    if (f->has_prec)
        prec = f->prec;
    char sign = signbit(d) && !isnan(d) ? '-' : '+';
    if (f->space && sign == '+' && !f->plus)
        sign = ' ';
    HC_AUTO(hc_buf) struct hc_buf num;
    hc_buf_init(&num, b->ceiling);
    struct hc_fmt plain = *f;
    plain.zero = false;
    if (isnan(d) || isinf(d)) {
        if (isinf(d) || f->space || f->plus)
            hc_buf_putc(&num, sign);
        hc_buf_puts(&num, isnan(d) ? "NaN" : "Inf");
        hc_fmt_pad(b, &plain, hc_buf_str(&num));
        return true;
    }
    put_float(&num, fabs(d), form, prec);
    if (f->sharp && form != 'b')
        sharpen(&num, (uint32_t)form, prec);
    b->spent = b->spent || num.spent;
    bool signed_text = f->plus || sign != '+';
    if (signed_text && f->zero && !f->minus && f->has_width) {
        hc_buf_putc(b, sign);
        hc_buf_fill(b, '0', missing(f, num.n + 1));
        hc_buf_put(b, hc_buf_str(&num));
        return true;
    }
    if (!signed_text) {
        hc_fmt_pad(b, f, hc_buf_str(&num));
        return true;
    }
    size_t pad = missing(f, num.n + 1);
    if (!f->minus)
        hc_buf_fill(b, ' ', pad);
    hc_buf_putc(b, sign);
    hc_buf_put(b, hc_buf_str(&num));
    if (f->minus)
        hc_buf_fill(b, ' ', pad);
    return true;
}
