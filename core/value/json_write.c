/*
 * JSON out, the bytes of Go's encoding/json. Bytes []byte (type 1 of HC_STR) become base64 text; values that
 * only the template run time knows become null.
 */
#include <stdlib.h>

#include "core/base/mem.h"
#include "core/value/json.h"
#include "core/value/value_impl.h"

/* 0: as it is; 'u': \u00XX; 'h': \u00XX when html is asked for; 'm': a byte of a longer character; else the
 * letter behind the backslash. */
static const char escape_of[256] = {
    ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b',        ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
    [0] = 'u',   [1] = 'u',     [2] = 'u',           [3] = 'u',    [4] = 'u',    [5] = 'u',    [6] = 'u',
    [7] = 'u',   [11] = 'u',    [14] = 'u',          [15] = 'u',   [16] = 'u',   [17] = 'u',   [18] = 'u',
    [19] = 'u',  [20] = 'u',    [21] = 'u',          [22] = 'u',   [23] = 'u',   [24] = 'u',   [25] = 'u',
    [26] = 'u',  [27] = 'u',    [28] = 'u',          [29] = 'u',   [30] = 'u',   [31] = 'u',   ['<'] = 'h',
    ['>'] = 'h', ['&'] = 'h',   [128 ... 255] = 'm',
};

void hc_json_write_str(struct hc_buf *b, hc_str s, bool html)
{
    static const char hex[] = "0123456789abcdef";
    hc_buf_putc(b, '"');
    size_t from = 0, i = 0;
    while (i < s.n) {
        unsigned char c = (unsigned char)s.p[i];
        char esc = escape_of[c];
        if (!esc || (esc == 'h' && !html)) {
            i += 1 + hc_json_plain(s.p + i + 1, s.n - i - 1, html);
            continue;
        }
        size_t len = 1;
        uint32_t rune = c;
        if (esc == 'm') {
            len = hc_utf8_decode(hc_str_sub(s, i, s.n), &rune);
            bool bad = rune == 0xfffd && len == 1;
            if (!bad && rune != 0x2028 && rune != 0x2029) {
                i += len;
                continue;
            }
        }
        hc_buf_put(b, hc_str_sub(s, from, i));
        if (esc == 'm') {
            hc_buf_puts(b, rune == 0x2028 ? "\\u2028" : rune == 0x2029 ? "\\u2029" : "\\ufffd");
        } else if (esc == 'u' || esc == 'h') {
            hc_buf_put(b, HC_S("\\u00"));
            hc_buf_putc(b, hex[c >> 4]);
            hc_buf_putc(b, hex[c & 15]);
        } else {
            hc_buf_putc(b, '\\');
            hc_buf_putc(b, esc);
        }
        i += len;
        from = i;
    }
    hc_buf_put(b, hc_str_sub(s, from, s.n));
    hc_buf_putc(b, '"');
}

static void write_base64(struct hc_buf *b, hc_str s)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)s.p;
    hc_buf_putc(b, '"');
    for (size_t i = 0; i < s.n; i += 3) {
        size_t left = s.n - i;
        uint32_t w = (uint32_t)p[i] << 16 | (uint32_t)(left > 1 ? p[i + 1] : 0) << 8 | (left > 2 ? p[i + 2] : 0u);
        char quad[4] = { set[w >> 18], set[w >> 12 & 63], '=', '=' };
        if (left > 1)
            quad[2] = set[w >> 6 & 63];
        if (left > 2)
            quad[3] = set[w & 63];
        hc_buf_put(b, hc_str_n(quad, 4));
    }
    hc_buf_putc(b, '"');
}

static void newline(struct hc_buf *b, unsigned indent, unsigned level)
{
    if (!indent)
        return;
    hc_buf_putc(b, '\n');
    hc_buf_fill(b, ' ', (size_t)indent * level);
}

static void write_int(struct hc_buf *b, uint64_t u, bool minus)
{
    char z[24];
    size_t at = sizeof(z);
    do {
        z[--at] = (char)('0' + u % 10);
        u /= 10;
    } while (u);
    if (minus)
        z[--at] = '-';
    hc_buf_put(b, hc_str_n(z + at, sizeof(z) - at));
}

static void write_val(struct hc_buf *b, const struct hc_val *v, unsigned flags, unsigned indent, unsigned level);

static void write_entry(struct hc_buf *b, const struct hc_entry *e, bool first, unsigned flags, unsigned indent,
                        unsigned level)
{
    if (!first)
        hc_buf_putc(b, ',');
    newline(b, indent, level);
    hc_json_write_str(b, e->key, (flags & HC_JSON_HTML) != 0);
    hc_buf_putc(b, ':');
    if (indent)
        hc_buf_putc(b, ' ');
    write_val(b, e->val, flags, indent, level);
}

static bool in_order(const struct hc_map *m)
{
    for (uint32_t i = 1; i < m->n; i++)
        if (hc_str_cmp(m->entries[i - 1].key, m->entries[i].key) > 0)
            return false;
    return true;
}

static void write_map(struct hc_buf *b, const struct hc_map *m, unsigned flags, unsigned indent, unsigned level)
{
    if (m->n == 0) {
        hc_buf_put(b, HC_S("{}"));
        return;
    }
    hc_buf_putc(b, '{');
    if (!(flags & HC_JSON_SORT) || in_order(m)) {
        for (uint32_t i = 0; i < m->n; i++)
            write_entry(b, &m->entries[i], i == 0, flags, indent, level + 1);
    } else {
        const struct hc_entry *few[48], **sorted = few;
        if (m->n > 32)
            sorted = hc_malloc((size_t)m->n * 3 / 2 * sizeof(*sorted) + sizeof(*sorted));
        if (!sorted) {
            b->spent = true;
            return;
        }
        for (uint32_t i = 0; i < m->n; i++)
            sorted[i] = &m->entries[i];
        hc_sort_entries(sorted, m->n, hc_str_cmp);
        for (uint32_t i = 0; i < m->n; i++)
            write_entry(b, sorted[i], i == 0, flags, indent, level + 1);
        if (sorted != few)
            free(sorted);
    }
    newline(b, indent, level);
    hc_buf_putc(b, '}');
}

static void write_val(struct hc_buf *b, const struct hc_val *v, unsigned flags, unsigned indent, unsigned level)
{
    switch (hc_kind_of(v)) {
    case HC_BOOL:
        hc_buf_put(b, v->b ? HC_S("true") : HC_S("false"));
        return;
    case HC_INT:
        write_int(b, v->i < 0 ? 0 - v->u : v->u, v->i < 0);
        return;
    case HC_UINT:
        write_int(b, v->u, false);
        return;
    case HC_FLOAT:
        if (v->spelling && !(flags & HC_JSON_GO_FLOAT) && hc_json_is_number(hc_str_n(v->spelling, v->n)))
            hc_buf_put(b, hc_str_n(v->spelling, v->n));
        else
            hc_json_write_float(b, v->f);
        return;
    case HC_STR:
        if (v->type == 1)
            write_base64(b, hc_get_str(v));
        else
            hc_json_write_str(b, hc_get_str(v), (flags & HC_JSON_HTML) != 0);
        return;
    case HC_LIST:
        if (v->list->n == 0) {
            hc_buf_put(b, HC_S("[]"));
            return;
        }
        hc_buf_putc(b, '[');
        for (uint32_t i = 0; i < v->list->n; i++) {
            if (i)
                hc_buf_putc(b, ',');
            newline(b, indent, level + 1);
            write_val(b, v->list->items[i], flags, indent, level + 1);
        }
        newline(b, indent, level);
        hc_buf_putc(b, ']');
        return;
    case HC_MAP:
        write_map(b, v->map, flags, indent, level);
        return;
    default:
        hc_buf_put(b, HC_S("null"));
        return;
    }
}

void hc_json_write(struct hc_buf *b, const struct hc_val *v, unsigned flags)
{
    write_val(b, v, flags, flags & HC_JSON_INDENT4 ? 4 : flags & HC_JSON_INDENT2 ? 2 : 0, 0);
}
