/*
 * What the schema check says, as the library behind Helm says it: its %q with single quotes, its numbers by the
 * rules for English (thousands apart, powers of ten in superscript).
 */
#include <math.h>
#include <stdio.h>

#include "core/value/json.h"
#include "templating/overlay/overlay_impl.h"
#include "templating/overlay/schema_impl.h"

void hc_schema_quote(struct hc_buf *b, hc_str s)
{
    HC_AUTO(hc_buf) struct hc_buf q;
    hc_buf_init(&q, 0);
    hc_overlay_quote(&q, s);
    hc_buf_putc(b, '\'');
    for (size_t i = 1; i + 1 < q.n; i++) {
        if (q.p[i] == '\\' && q.p[i + 1] == '"' && i + 2 < q.n)
            continue;
        if (q.p[i] == '\\' && q.p[i + 1] == '\\') {
            /* the library takes the last one and the quote behind it for an escaped quote */
            hc_buf_puts(b, i + 3 == q.n ? "\\" : "\\\\");
            i++;
            continue;
        }
        if (q.p[i] == '\'')
            hc_buf_putc(b, '\\');
        hc_buf_putc(b, q.p[i]);
    }
    hc_buf_putc(b, '\'');
}

/* Digits before the point, in groups of three. */
static void put_grouped(struct hc_buf *b, hc_str digits)
{
    for (size_t i = 0; i < digits.n; i++) {
        if (i && (digits.n - i) % 3 == 0)
            hc_buf_putc(b, ',');
        hc_buf_putc(b, digits.p[i]);
    }
}

void hc_schema_put_int(struct hc_buf *b, int64_t i)
{
    char z[24];
    int n = snprintf(z, sizeof(z), "%" PRId64, i);
    if (i < 0)
        hc_buf_putc(b, '-');
    put_grouped(b, hc_str_n(z + (i < 0), (size_t)(n - (i < 0))));
}

void hc_schema_put_float(struct hc_buf *b, double f)
{
    static const char *const raised[] = { "\xe2\x81\xb0", "\xc2\xb9",     "\xc2\xb2",     "\xc2\xb3",
                                          "\xe2\x81\xb4", "\xe2\x81\xb5", "\xe2\x81\xb6", "\xe2\x81\xb7",
                                          "\xe2\x81\xb8", "\xe2\x81\xb9" };
    char z[64];
    struct hc_buf t = { z, 0, sizeof(z), sizeof(z), false };
    hc_float_shortest(&t, f, 64, 6);
    hc_str s = hc_buf_str(&t);
    if (s.n && s.p[0] == '-') {
        hc_buf_putc(b, '-');
        s = hc_str_sub(s, 1, s.n);
    }
    size_t e = hc_str_find(s, 'e');
    hc_str mantissa = hc_str_sub(s, 0, e);
    size_t point = hc_str_find(mantissa, '.');
    put_grouped(b, hc_str_sub(mantissa, 0, point));
    hc_buf_put(b, hc_str_sub(mantissa, point, mantissa.n));
    if (e == SIZE_MAX)
        return;
    hc_buf_puts(b, "\xc3\x97"
                   "10");
    for (size_t i = e + 1; i < s.n; i++) {
        if (s.p[i] == '-')
            hc_buf_puts(b, "\xe2\x81\xbb");
        else if (s.p[i] != '+')
            hc_buf_puts(b, raised[s.p[i] - '0']);
    }
}

void hc_schema_display(struct hc_buf *b, const struct hc_val *v)
{
    switch (hc_kind_of(v)) {
    case HC_STR:
        hc_schema_quote(b, hc_get_str(v));
        return;
    case HC_LIST:
    case HC_MAP:
        hc_buf_puts(b, "value");
        return;
    case HC_NULL:
        hc_buf_puts(b, "<nil>");
        return;
    default:
        hc_json_write(b, v, 0); /* a number as the schema spells it */
        return;
    }
}

void hc_schema_print(struct hc_buf *b, const struct hc_misfit *m, unsigned indent)
{
    bool skip = m->ref && m->causes && !m->causes->next;
    if (!skip) {
        hc_buf_fill(b, ' ', (size_t)indent * 2);
        hc_buf_puts(b, "- at ");
        hc_schema_quote(b, m->path);
        hc_buf_puts(b, ": ");
        hc_buf_put(b, m->text);
        hc_buf_putc(b, '\n');
        indent++;
    }
    for (const struct hc_misfit *c = m->causes; c; c = c->next)
        hc_schema_print(b, c, indent);
}

void hc_schema_print_all(struct hc_buf *b, const struct hc_misfit *m)
{
    for (const struct hc_misfit *c = m->group ? m->causes : m; c; c = m->group ? c->next : NULL)
        hc_schema_print(b, c, 0);
}
