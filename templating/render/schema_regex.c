/*
 * Regular expressions for schemas: their own engine bounds its work and asks here what \\p{...} holds. The class is read off
 * by searching for runs of it in a text of all code points, piece by piece: some milliseconds, for the few schemas that
 * have one. Where it is spelled out as ranges it is read off these.
 */
#include <stdlib.h>

#include "lua/funcs/regex.h"
#include "templating/render/render.h"

#define PIECE    0x4000u
#define MAX_RUNE 0x10ffffu

struct ranges {
    void (*add)(void *to, uint32_t first, uint32_t last);
    void *to;
    uint32_t first, last; /* of the run that may go on in the next piece */
    bool open;
};

static void found(struct ranges *r, uint32_t first, uint32_t last)
{
    if (r->open && r->last + 1 == first) {
        r->last = last;
        return;
    }
    if (r->open)
        r->add(r->to, r->first, r->last);
    r->first = first;
    r->last = last;
    r->open = true;
}

static uint32_t rune_before(hc_str text, size_t at)
{
    uint32_t rune = 0;
    do
        at--;
    while (at > 0 && ((unsigned char)text.p[at] & 0xc0) == 0x80);
    hc_utf8_decode(hc_str_sub(text, at, text.n), &rune);
    return rune;
}

/* The runs in the code points from `first` on. */
static bool piece(struct hc_regex *regex, uint32_t first, struct hc_buf *b, struct ranges *r)
{
    hc_buf_reset(b);
    for (uint32_t c = first; c < first + PIECE && c <= MAX_RUNE; c++) {
        char text[4];
        if (c < 0xd800 || c > 0xdfff)
            hc_buf_put(b, hc_str_n(text, hc_utf8_encode(c, text)));
    }
    hc_str text = hc_buf_str(b);
    HC_AUTO(hc_search) struct hc_search s;
    if (b->spent || hc_search_init(&s, regex, text, NULL) != HC_OK)
        return false;
    bool hit = true;
    for (size_t from = 0; from < text.n && hit;) {
        uint32_t start = 0;
        if (hc_search_next(&s, from, &hit, NULL) != HC_OK)
            return false;
        if (!hit || s.at[1] <= s.at[0])
            break;
        hc_utf8_decode(hc_str_sub(text, s.at[0], text.n), &start);
        found(r, start, rune_before(text, s.at[1]));
        from = s.at[1];
    }
    return true;
}

/* Ranges as regex_property.c spells them: \x{61}-\x{7a}... */
static void spelled(const char *p, void (*add)(void *to, uint32_t first, uint32_t last), void *to)
{
    while (strncmp(p, "\\x{", 3) == 0) {
        char *end;
        uint32_t first = (uint32_t)strtoul(p + 3, &end, 16), last = first;
        if (strncmp(end, "}-\\x{", 5) == 0)
            last = (uint32_t)strtoul(end + 5, &end, 16);
        add(to, first, last);
        p = end + 1;
    }
}

static bool property(hc_str name, bool fold, void (*add)(void *to, uint32_t first, uint32_t last), void *to)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    HC_AUTO(hc_regex) struct hc_regex *regex = NULL;
    struct ranges r = { .add = add, .to = to };
    size_t made;
    hc_buf_init(&b, 0);
    if (!hc_regex_put_property(&b, name, false, fold))
        return false;
    /* Hundreds of ranges: to match a million letters with them takes seconds. */
    if (hc_str_starts(hc_buf_str(&b), HC_S("\\x{"))) {
        hc_buf_putc(&b, '\0');
        if (!b.spent)
            spelled(hc_buf_str(&b).p, add, to);
        return !b.spent;
    }
    hc_buf_reset(&b);
    hc_buf_printf(&b, "%s\\p{%.*s}+", fold ? "(?i)" : "", HC_P(name));
    if (hc_regex_get(hc_buf_str(&b), &regex, &made, NULL) != HC_OK)
        return false;
    for (uint32_t first = 0; first <= MAX_RUNE; first += PIECE)
        if (!piece(regex, first, &b, &r))
            return false;
    if (r.open)
        add(to, r.first, r.last);
    return true;
}

static enum hc_rc regex(hc_str expression, struct hc_err *err)
{
    HC_AUTO(hc_regex) struct hc_regex *r = NULL;
    size_t made;
    return hc_regex_get(expression, &r, &made, err);
}

struct hc_schema_port hc_render_schema_port(const struct hc_schema_port *own)
{
    struct hc_schema_port p = { .ctx = NULL };
    if (own)
        p = *own;
    p.property = property;
    p.regex = regex;
    return p;
}
