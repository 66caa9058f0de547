/*
 * YAML out: an emitter of our own, because the bytes have to be those of the Go ports of libyaml.
 *
 * It keeps what theirs keeps and decides as theirs does: `column`, whether the line holds nothing but
 * indentation so far (`indention`), whether the last character was white space (`whitespace`). The tree is
 * walked directly instead of through events.
 *
 * toYaml is go.yaml.in/yaml v2 behind a trip through JSON text (sigs.k8s.io/yaml): numbers lose their type,
 * bad UTF-8 becomes U+FFFD, a raw U+0085 is folded like a line break, and characters that a YAML reader
 * refuses make the whole value unwritable. toYamlPretty is yaml.v3 with indentation 2: lists stand two deeper
 * than their key, nothing is folded.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/digest.h"
#include "core/base/mem.h"
#include "core/value/json.h"
#include "core/value/value_impl.h"
#include "core/value/yaml.h"
#include "core/value/yaml_chars.h"
#include "core/value/yaml_impl.h"

#define BEST_INDENT    2
#define FOLD_WIDTH     80
#define SIMPLE_KEY_MAX 128  /* emitterc.go: yaml_emitter_check_simple_key         */
#define JSON_KEY_MAX   1024 /* scannerc.go: a key of the JSON text may be so long */

struct writer {
    struct hc_buf *b;
    bool v3, bytewise;
    int column, indent, width;
    bool whitespace, indention;
    bool failed;
};

enum style { PLAIN, SINGLE, DOUBLE, LITERAL };

struct analysis {
    bool multiline, plain_ok, single_ok, block_ok;
};

/* ---- output -------------------------------------------------------------------------------------- */

static inline void put(struct writer *w, char c)
{
    hc_buf_putc(w->b, c);
    w->column++;
}

static inline void put_break(struct writer *w)
{
    hc_buf_putc(w->b, '\n');
    w->column = 0;
    w->indention = true;
}

/* One character; gives its length. */
static inline size_t put_char(struct writer *w, hc_str s, size_t i)
{
    size_t n = yc_width((unsigned char)s.p[i]);
    hc_buf_put(w->b, hc_str_n(s.p + i, n));
    w->column++;
    return n;
}

static size_t copy_break(struct writer *w, hc_str s, size_t i)
{
    if (s.p[i] == '\n') {
        put_break(w);
        return 1;
    }
    size_t n = put_char(w, s, i);
    w->column = 0;
    w->indention = true;
    return n;
}

static void put_indent(struct writer *w)
{
    int indent = HC_MAX(w->indent, 0);
    if (!w->indention || w->column > indent || (w->column == indent && !w->whitespace))
        put_break(w);
    if (w->column < indent) {
        hc_buf_fill(w->b, ' ', (size_t)(indent - w->column));
        w->column = indent;
    }
    w->whitespace = true;
    w->indention = true;
}

static void put_indicator(struct writer *w, const char *z, bool need_space, bool is_whitespace, bool is_indention)
{
    if (need_space && !w->whitespace)
        put(w, ' ');
    for (; *z; z++)
        put(w, *z);
    w->whitespace = is_whitespace;
    w->indention = w->indention && is_indention;
}

/* ---- scalars ------------------------------------------------------------------------------------- */

/* Text that is plain in any block context: no byte in it has a meaning. What it resolves to is not asked. */
static bool is_harmless(hc_str s)
{
    static const bool fine[256] = {
        ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['_'] = true, ['.'] = true,  ['/'] = true,
        ['-'] = true,         ['+'] = true,         ['$'] = true,         ['('] = true, [')'] = true,  [';'] = true,
        ['='] = true,         ['<'] = true,         ['~'] = true,         ['^'] = true, ['\\'] = true,
    };
    if (s.n == 0 || s.p[0] == '-' || s.p[0] == '.')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!fine[(unsigned char)s.p[i]])
            return false;
    return true;
}

/* emitterc.go: yaml_emitter_analyze_scalar, for block context. */
static struct analysis analyze(hc_str s, bool v3)
{
    bool indicators = false, breaks = false, special = false, tabs = false;
    bool leading = false, trailing_space = false, trailing_break = false, break_space = false, space_break = false;
    bool after_space = false, after_break = false, after_white = true;
    if (s.n == 0)
        return (struct analysis){ .plain_ok = true, .single_ok = true };
    if (s.n >= 3 && (memcmp(s.p, "---", 3) == 0 || memcmp(s.p, "...", 3) == 0))
        indicators = true;
    for (size_t i = 0, w = 0; i < s.n; i += w) {
        unsigned char c = (unsigned char)s.p[i];
        w = yc_width(c);
        bool last = i + w >= s.n, before_white = last || yc_blank(s, i + w);
        if (i == 0) {
            if (strchr("#,[]{}&*!|>'\"%@`", c) && c)
                indicators = true;
            else if ((c == '?' || c == ':' || c == '-') && before_white)
                indicators = true;
        } else if ((c == ':' && before_white) || (c == '#' && after_white)) {
            indicators = true;
        }
        if (v3 && c == '\t')
            tabs = true;
        else if (!yc_printable(s, i))
            special = true;
        bool is_brk = yc_break(s, i);
        if (c == ' ') {
            leading |= i == 0;
            trailing_space |= last;
            break_space |= after_break;
            after_space = true;
            after_break = false;
        } else if (is_brk) {
            breaks = true;
            leading |= i == 0;
            trailing_break |= last;
            space_break |= after_space;
            after_space = false;
            after_break = true;
        } else {
            after_space = after_break = false;
        }
        after_white = c == ' ' || c == '\t' || c == 0 || is_brk;
    }
    bool odd = space_break || special;
    return (struct analysis){
        .multiline = breaks,
        .plain_ok = !leading && !trailing_space && !trailing_break && !break_space && !odd && !tabs && !breaks &&
                    !indicators,
        .single_ok = !break_space && !odd && !tabs,
        .block_ok = !trailing_space && !odd,
    };
}

static void put_plain(struct writer *w, hc_str s, bool fold)
{
    if (!w->whitespace)
        put(w, ' ');
    if (!fold || (size_t)w->column + s.n <= (size_t)w->width) {
        hc_buf_put(w->b, s);
        w->column += (int)hc_utf8_count(s);
    } else {
        bool spaces = false;
        for (size_t i = 0; i < s.n;) {
            if (s.p[i] == ' ') {
                if (!spaces && w->column > w->width && !yc_space(s, i + 1)) {
                    put_indent(w);
                    i++;
                } else {
                    i += put_char(w, s, i);
                }
                spaces = true;
            } else {
                i += put_char(w, s, i);
                w->indention = false;
                spaces = false;
            }
        }
    }
    w->whitespace = false;
    w->indention = false;
}

static void put_single(struct writer *w, hc_str s, bool fold)
{
    put_indicator(w, "'", true, false, false);
    bool spaces = false, breaks = false;
    for (size_t i = 0; i < s.n;) {
        if (s.p[i] == ' ') {
            if (fold && !spaces && w->column > w->width && i > 0 && i + 1 < s.n && !yc_space(s, i + 1)) {
                put_indent(w);
                i++;
            } else {
                i += put_char(w, s, i);
            }
            spaces = true;
        } else if (yc_break(s, i)) {
            if (!breaks && s.p[i] == '\n')
                put_break(w);
            i += copy_break(w, s, i);
            breaks = true;
        } else {
            if (breaks)
                put_indent(w);
            if (s.p[i] == '\'')
                put(w, '\'');
            i += put_char(w, s, i);
            w->indention = false;
            spaces = breaks = false;
        }
    }
    put_indicator(w, "'", false, false, false);
    w->whitespace = false;
    w->indention = false;
}

static void put_escape(struct writer *w, uint32_t rune)
{
    static const char hex[] = "0123456789ABCDEF";
    static const struct {
        uint32_t rune;
        char letter;
    } letters[] = { { 0, '0' },     { 7, 'a' },    { 8, 'b' },    { 9, 't' },      { 10, 'n' },
                    { 11, 'v' },    { 12, 'f' },   { 13, 'r' },   { 0x1b, 'e' },   { '"', '"' },
                    { '\\', '\\' }, { 0x85, 'N' }, { 0xa0, '_' }, { 0x2028, 'L' }, { 0x2029, 'P' } };
    put(w, '\\');
    for (size_t i = 0; i < HC_LEN(letters); i++)
        if (letters[i].rune == rune) {
            put(w, letters[i].letter);
            return;
        }
    int n = rune <= 0xff ? 2 : rune <= 0xffff ? 4 : 8;
    put(w, n == 2 ? 'x' : n == 4 ? 'u' : 'U');
    while (n-- > 0)
        put(w, hex[rune >> (n * 4) & 15]);
}

static void put_double(struct writer *w, hc_str s, bool fold)
{
    /* The Go ports ask whether the text as a whole starts with a byte order mark. */
    bool bom = s.n >= 3 && memcmp(s.p, "\xef\xbb\xbf", 3) == 0, spaces = false;
    put_indicator(w, "\"", true, false, false);
    for (size_t i = 0; i < s.n;) {
        char c = s.p[i];
        if (bom || c == '"' || c == '\\' || !yc_printable(s, i) || yc_break(s, i)) {
            uint32_t rune;
            i += hc_utf8_decode(hc_str_sub(s, i, s.n), &rune);
            put_escape(w, rune);
            spaces = false;
        } else if (c == ' ') {
            if (fold && !spaces && w->column > w->width && i > 0 && i + 1 < s.n) {
                put_indent(w);
                if (yc_space(s, i + 1))
                    put(w, '\\');
                i++;
            } else {
                i += put_char(w, s, i);
            }
            spaces = true;
        } else {
            i += put_char(w, s, i);
            spaces = false;
        }
    }
    put_indicator(w, "\"", false, false, false);
    w->whitespace = false;
    w->indention = false;
}

/* Start of the character that ends before `i`. */
static size_t char_before(hc_str s, size_t i)
{
    for (i--; i > 0 && ((unsigned char)s.p[i] & 0xc0) == 0x80;)
        i--;
    return i;
}

static void put_literal(struct writer *w, hc_str s)
{
    put_indicator(w, "|", true, false, false);
    if (yc_space(s, 0) || yc_break(s, 0))
        put_indicator(w, "2", false, false, false);
    size_t last = char_before(s, s.n);
    if (!yc_break(s, last))
        put_indicator(w, "-", false, false, false);
    else if (last == 0 || yc_break(s, char_before(s, last)))
        put_indicator(w, "+", false, false, false);
    put_break(w);
    w->whitespace = true;
    bool breaks = true;
    for (size_t i = 0; i < s.n;) {
        if (yc_break(s, i)) {
            i += copy_break(w, s, i);
            breaks = true;
            continue;
        }
        if (breaks)
            put_indent(w);
        size_t from = i;
        while (i < s.n && !yc_break(s, i))
            i += yc_width((unsigned char)s.p[i]);
        hc_buf_put(w->b, hc_str_sub(s, from, i));
        w->column++; /* not 0 is all that counts */
        w->indention = false;
        breaks = false;
    }
}

static void put_text(struct writer *w, hc_str s, bool can_be_plain, bool simple_key, const struct analysis *a)
{
    enum style style = memchr(s.p, '\n', s.n) ? LITERAL : can_be_plain ? PLAIN : DOUBLE;
    if (simple_key && a->multiline)
        style = DOUBLE;
    if (style == PLAIN && !a->plain_ok)
        style = SINGLE;
    if (style == SINGLE && !a->single_ok)
        style = DOUBLE;
    if (style == LITERAL && (!a->block_ok || simple_key))
        style = DOUBLE;
    int outer = w->indent;
    w->indent = outer < 0 ? BEST_INDENT : outer + BEST_INDENT;
    if (style == PLAIN)
        put_plain(w, s, !simple_key);
    else if (style == SINGLE)
        put_single(w, s, !simple_key);
    else if (style == DOUBLE)
        put_double(w, s, !simple_key);
    else
        put_literal(w, s);
    w->indent = outer;
}

/* Numbers and words. */
static void put_word(struct writer *w, hc_str s)
{
    if (!w->whitespace)
        put(w, ' ');
    hc_buf_put(w->b, s);
    w->column += (int)s.n;
    w->whitespace = false;
    w->indention = false;
}

/* ---- what the way through JSON text does to text ---------------------------------------------------- */

/* False: a YAML reader refuses it. *out_fold: there is a U+0085 to fold; *out_bad: bytes that are no UTF-8. */
static bool survives_json(hc_str s, bool *out_fold, bool *out_bad)
{
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x80) {
            if (c == 0x7f)
                return false;
            i++;
            continue;
        }
        uint32_t rune;
        size_t n = hc_utf8_decode(hc_str_sub(s, i, s.n), &rune);
        if (rune == 0xfffd && n == 1)
            *out_bad = true;
        else if (rune == 0x85)
            *out_fold = true;
        else if (rune < 0xa0 || rune == 0xfffe || rune == 0xffff)
            return false;
        i += n;
    }
    return true;
}

/* A YAML reader wants the colon within 1024 characters of a key's start. */
static bool key_fits_json(hc_str s)
{
    if (s.n * 6 + 2 <= JSON_KEY_MAX)
        return true;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write_str(&b, s, true);
    return hc_utf8_count(hc_buf_str(&b)) <= JSON_KEY_MAX;
}

/* Bad bytes to U+FFFD; runs of spaces and U+0085 as a YAML reader folds them in a quoted text. Gives a text
 * on the heap. */
static char *through_json(hc_str s, size_t *out_n)
{
    char *to = hc_malloc(s.n * 3 + 1);
    size_t n = 0;
    if (!to)
        return NULL;
    for (size_t i = 0; i < s.n;) {
        size_t j = i, breaks = 0;
        while (j < s.n && (s.p[j] == ' ' || (yc_at(s, j) == 0xc2 && yc_at(s, j + 1) == 0x85))) {
            breaks += s.p[j] != ' ';
            j += s.p[j] == ' ' ? 1 : 2;
        }
        if (breaks) {
            if (breaks == 1)
                to[n++] = ' ';
            for (size_t k = 1; k < breaks; k++)
                to[n++] = '\n';
            i = j;
        } else if (j > i) {
            memcpy(to + n, s.p + i, j - i);
            n += j - i;
            i = j;
        } else {
            uint32_t rune;
            i += hc_utf8_decode(hc_str_sub(s, i, s.n), &rune);
            n += hc_utf8_encode(rune, to + n);
        }
    }
    *out_n = n;
    return to;
}

/* yaml.v3 writes bytes that are no UTF-8 as !!binary, in lines of 70. */
static void put_binary(struct writer *w, hc_str s)
{
    HC_AUTO(hc_buf) struct hc_buf text;
    hc_buf_init(&text, 0);
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    hc_str all = hc_base64(a, s);
    bool lines = all.n >= 70;
    for (size_t i = 0; i < all.n; i += 70) {
        hc_buf_put(&text, hc_str_sub(all, i, i + 70));
        if (lines)
            hc_buf_putc(&text, '\n');
    }
    if (!all.p || text.spent) {
        w->failed = true;
        return;
    }
    struct analysis an = analyze(hc_buf_str(&text), true);
    put_indicator(w, "!!binary", true, false, false);
    put_text(w, hc_buf_str(&text), true, false, &an);
}

/* "0o+7": yaml.v3 reads digits of base 8 behind "0o", and a sign before them; underscores may stand anywhere. */
static bool odd_octal(hc_str s)
{
    static const char head[] = "0o";
    const uint64_t most = (uint64_t)INT64_MAX;
    size_t n = 0;
    uint64_t u = 0;
    bool negative = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '_' && i > 0)
            continue;
        if (n < 2 ? c != head[n] : n == 2 ? c != '+' && c != '-' : c < '0' || c > '7' || u > most >> 2)
            return false;
        if (n == 2)
            negative = c == '-';
        if (n > 2)
            u = u << 3 | (uint64_t)(c - '0');
        n++;
    }
    return n > 3 && u <= most + negative;
}

static bool resolves(const struct writer *w, hc_str s)
{
    return hc_yaml_resolves(s) || (w->v3 && odd_octal(s));
}

static void put_str(struct writer *w, hc_str s)
{
    if (is_harmless(s)) {
        static const struct analysis plain = { .plain_ok = true, .single_ok = true, .block_ok = true };
        put_text(w, s, !resolves(w, s), false, &plain);
        return;
    }
    bool fold = false, bad = false;
    char *own = NULL;
    if (!w->v3) {
        if (!survives_json(s, &fold, &bad)) {
            w->failed = true;
            return;
        }
        if (fold || bad) {
            own = through_json(s, &s.n);
            if (!own) {
                w->failed = true;
                return;
            }
            s.p = own;
        }
    } else if (!hc_utf8_valid(s)) {
        put_binary(w, s);
        return;
    }
    struct analysis a = analyze(s, w->v3);
    put_text(w, s, !resolves(w, s), false, &a);
    free(own);
}

static void put_float(struct writer *w, double f)
{
    char z[64];
    struct hc_buf b = { z, 0, sizeof(z), sizeof(z), false };
    if (w->v3) {
        if (isnan(f) || isinf(f))
            hc_buf_puts(&b, isnan(f) ? ".nan" : f > 0 ? ".inf" : "-.inf");
        else
            hc_float_shortest(&b, f, 64, 6);
        put_word(w, hc_buf_str(&b));
        return;
    }
    if (isnan(f) || isinf(f)) {
        w->failed = true;
        return;
    }
    uint64_t u;
    if (w->bytewise && f >= 0x1p63 &&
        f < 0x1p64) { /* JSONObjectToYAMLObject: a uint64 that equals it stands for it */
        hc_buf_printf(&b, "%" PRIu64, (uint64_t)f);
        put_word(w, hc_buf_str(&b));
        return;
    }
    hc_json_write_float(&b, f);
    hc_str s = hc_buf_str(&b);
    bool minus = s.p[0] == '-';
    if (!memchr(s.p, '.', s.n) && !memchr(s.p, 'e', s.n) && hc_str_to_u64(hc_str_sub(s, minus, s.n), &u) &&
        (!minus || u <= (uint64_t)INT64_MAX + 1)) {
        put_word(w, u == 0 ? HC_S("0") : s);
        return;
    }
    hc_buf_reset(&b);
    hc_float_shortest(&b, f, 64, 6);
    put_word(w, hc_buf_str(&b));
}

/* ---- nodes --------------------------------------------------------------------------------------- */

static void put_node(struct writer *w, const struct hc_val *v, bool in_map);

/* Gives whether it was written as a simple key. */
static bool put_key(struct writer *w, hc_str s)
{
    if (is_harmless(s) && s.n <= SIMPLE_KEY_MAX) {
        if (!resolves(w, s))
            put_plain(w, s, false);
        else
            put_double(w, s, false);
        return true;
    }
    bool fold = false, bad = false;
    char *own = NULL;
    if (!w->v3) {
        if (!survives_json(s, &fold, &bad) || fold || !key_fits_json(s)) {
            w->failed = true;
            return true;
        }
        if (bad && !(own = through_json(s, &s.n))) {
            w->failed = true;
            return true;
        }
        s.p = own ? own : s.p;
    } else if (!hc_utf8_valid(s)) {
        put_binary(w, s);
        return true;
    }
    struct analysis a = analyze(s, w->v3);
    bool simple = !a.multiline && s.n <= SIMPLE_KEY_MAX;
    if (!simple)
        put_indicator(w, "?", true, false, true);
    put_text(w, s, !resolves(w, s), simple, &a);
    free(own);
    return simple;
}

static void put_entry(struct writer *w, const struct hc_entry *e)
{
    put_indent(w);
    if (put_key(w, e->key)) {
        put_indicator(w, ":", false, false, false);
    } else {
        put_indent(w);
        put_indicator(w, ":", true, false, true);
    }
    put_node(w, e->val, true);
}

static void put_map(struct writer *w, const struct hc_map *m)
{
    hc_key_order order = w->bytewise ? hc_str_cmp : w->v3 ? hc_yaml_key_cmp_v3 : hc_yaml_key_cmp;
    int outer = w->indent;
    w->indent = outer < 0 ? 0 : outer + BEST_INDENT;
    bool sorted = true;
    for (uint32_t i = 1; i < m->n && sorted && !(m->flags & HC_YAML_FIELDS); i++)
        sorted = order(m->entries[i - 1].key, m->entries[i].key) <= 0;
    if (sorted) {
        for (uint32_t i = 0; i < m->n && !w->failed && !w->b->spent; i++)
            put_entry(w, &m->entries[i]);
    } else {
        const struct hc_entry *few[24], **list = few;
        if (m->n > 16)
            list = hc_malloc((size_t)m->n * 3 / 2 * sizeof(*list) + sizeof(*list));
        if (!list) {
            w->failed = true;
            return;
        }
        for (uint32_t i = 0; i < m->n; i++)
            list[i] = &m->entries[i];
        hc_sort_entries(list, m->n, order);
        for (uint32_t i = 0; i < m->n && !w->failed && !w->b->spent; i++)
            put_entry(w, list[i]);
        if (list != few)
            free(list);
    }
    w->indent = outer;
}

static void put_list(struct writer *w, const struct hc_list *l, bool in_map)
{
    int outer = w->indent;
    bool indentless = !w->v3 && in_map && !w->indention;
    if (outer < 0)
        w->indent = 0;
    else if (!indentless)
        w->indent = outer + BEST_INDENT;
    for (uint32_t i = 0; i < l->n && !w->failed && !w->b->spent; i++) {
        put_indent(w);
        put_indicator(w, "-", true, false, true);
        put_node(w, l->items[i], false);
    }
    w->indent = outer;
}

static void put_node(struct writer *w, const struct hc_val *v, bool in_map)
{
    char z[24];
    struct hc_buf b = { z, 0, sizeof(z), sizeof(z), false };
    switch (hc_kind_of(v)) {
    case HC_BOOL:
        put_word(w, v->b ? HC_S("true") : HC_S("false"));
        return;
    case HC_INT:
    case HC_UINT:
        hc_json_write(&b, v, 0);
        put_word(w, hc_buf_str(&b));
        return;
    case HC_FLOAT:
        put_float(w, v->f);
        return;
    case HC_STR:
        if (v->type == 1) {
            HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
            put_str(w, hc_base64(a, hc_get_str(v)));
        } else if (v->type == HC_YAML_WORD) {
            put_word(w, hc_get_str(v));
        } else {
            put_str(w, hc_get_str(v));
        }
        return;
    case HC_LIST:
        if (v->list->n)
            put_list(w, v->list, in_map);
        else
            put_word(w, HC_S("[]"));
        return;
    case HC_MAP:
        if (v->map->n)
            put_map(w, v->map);
        else
            put_word(w, HC_S("{}"));
        return;
    default:
        put_word(w, HC_S("null"));
        return;
    }
}

static bool write_document(struct hc_buf *b, const struct hc_val *v, bool v3, bool bytewise)
{
    struct writer w = { .b = b,
                        .v3 = v3,
                        .bytewise = bytewise,
                        .indent = -1,
                        .width = v3 ? INT32_MAX : FOLD_WIDTH,
                        .whitespace = true,
                        .indention = true };
    put_node(&w, v, false);
    put_indent(&w);
    return !w.failed && !b->spent;
}

bool hc_yaml_write(struct hc_buf *b, const struct hc_val *v)
{
    return write_document(b, v, false, false);
}

bool hc_yaml_write_pretty(struct hc_buf *b, const struct hc_val *v)
{
    return write_document(b, v, true, false);
}

bool hc_yaml_write_bytewise(struct hc_buf *b, const struct hc_val *v)
{
    return write_document(b, v, false, true);
}
