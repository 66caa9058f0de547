/*
 * Texts that the scanner of Go's YAML library takes otherwise than libyaml 0.2, from which it was made long ago: it forgot
 * to look where it stands when it looks for a byte order mark, lets tags go on over commas and brackets, and ends a plain
 * scalar in a flow collection at a '?'.
 */
#include <math.h>
#include <stdlib.h>
#include <yaml.h>

#include "core/base/mem.h"
#include "core/value/value_impl.h"
#include "core/value/yaml_impl.h"

#define BOM "\xef\xbb\xbf"

bool hc_yaml_standins_free(hc_str text)
{
    return hc_str_find_str(text, HC_S("\xef\xa3")) == SIZE_MAX;
}

hc_str hc_yaml_standins_out(struct hc_arena *a, hc_str s)
{
    char *to = hc_arena_alloc(a, s.n + 1, 1);
    size_t n = 0;
    for (size_t i = 0; to && i < s.n; i++) {
        hc_str rest = hc_str_sub(s, i, s.n);
        bool colon = hc_str_starts(rest, HC_S(HC_YAML_COLON)), mark = hc_str_starts(rest, HC_S(HC_YAML_MARK));
        if (mark)
            memcpy(to + n, BOM, 3); /* NOLINT(bugprone-not-null-terminated-result): its length is kept */
        else
            to[n] = colon ? ':' : s.p[i];
        n += mark ? 3 : 1;
        i += mark || colon ? 2 : 0;
    }
    return (hc_str){ to, to ? n : 0 };
}

bool hc_yaml_marks_in(hc_str text)
{
    return text.n && hc_str_find_str(hc_str_sub(text, 1, text.n), HC_S(BOM)) != SIZE_MAX &&
           hc_yaml_standins_free(text);
}

void hc_yaml_hide_marks(hc_str text, struct hc_buf *out)
{
    hc_buf_put(out, hc_str_sub(text, 0, 1));
    text = hc_str_sub(text, 1, text.n);
    for (size_t at; (at = hc_str_find_str(text, HC_S(BOM))) != SIZE_MAX; text = hc_str_sub(text, at + 3, text.n)) {
        hc_buf_put(out, hc_str_sub(text, 0, at));
        hc_buf_puts(out, HC_YAML_MARK);
    }
    hc_buf_put(out, text);
}

size_t hc_yaml_byte_of(hc_str s, size_t at)
{
    size_t i = hc_str_starts(s, HC_S(BOM)) ? 3 : 0;
    for (; at > 0 && i < s.n; at--)
        for (i++; i < s.n && ((unsigned char)s.p[i] & 0xc0) == 0x80;)
            i++;
    return i;
}

size_t hc_yaml_tag_stop(hc_str text, size_t from)
{
    size_t i = from;
    if (i < text.n && text.p[i] == '&')
        while (i < text.n && text.p[i] != '!')
            i++;
    if (i + 1 >= text.n || text.p[i] != '!' || text.p[i + 1] == '<')
        return 0;
    while (i < text.n && text.p[i] != 0 && !strchr(" \t\r\n,[]{}", text.p[i]))
        i++;
    return i < text.n && (text.p[i] == ',' || text.p[i] == '[' || text.p[i] == ']') ? i : 0;
}

bool hc_yaml_empty_flow(hc_str text, size_t character)
{
    hc_str s = hc_str_sub(text, hc_yaml_byte_of(text, character), text.n);
    if (s.n < 2 || (*s.p != '{' && *s.p != '['))
        return false;
    hc_str rest = hc_str_trim_left(hc_str_sub(s, 1, s.n));
    return rest.n && *rest.p == (*s.p == '{' ? '}' : ']');
}

/* Where the innermost flow collection that is open at this character began. */
static yaml_mark_t innermost(hc_str text, size_t character)
{
    yaml_parser_t p;
    yaml_mark_t none = { 0 }, *open = NULL;
    size_t n = 0, cap = 0;
    if (!yaml_parser_initialize(&p))
        return none;
    yaml_parser_set_input_string(&p, (const unsigned char *)text.p, text.n);
    for (bool more = true; more;) {
        yaml_event_t ev;
        if (!yaml_parser_parse(&p, &ev))
            break;
        more = ev.type != YAML_STREAM_END_EVENT &&
               (ev.type != YAML_SCALAR_EVENT || ev.start_mark.index < character);
        if (ev.type == YAML_SEQUENCE_START_EVENT || ev.type == YAML_MAPPING_START_EVENT) {
            if (n == cap) {
                cap = cap ? cap * 2 : 64;
                yaml_mark_t *wider = hc_realloc(open, cap * sizeof(*open));
                more = wider != NULL;
                open = wider ? wider : open;
            }
            if (more)
                open[n++] = ev.start_mark;
        }
        if (n && (ev.type == YAML_SEQUENCE_END_EVENT || ev.type == YAML_MAPPING_END_EVENT))
            n--;
        yaml_event_delete(&ev);
    }
    yaml_mark_t last = n ? open[n - 1] : none;
    char at = n > 1 ? text.p[HC_MIN(hc_yaml_byte_of(text, last.index), text.n - 1)] : '[';
    if (at != '[' && at != '{' && at != '&' && at != '!')
        last = open[n - 2]; /* a single pair in a list has no bracket */
    free(open);
    yaml_parser_delete(&p);
    return last;
}

char hc_yaml_question(hc_str text, size_t character, size_t *out_line)
{
    yaml_mark_t open = innermost(text, character);
    size_t at = hc_yaml_byte_of(text, open.index), line = 0;
    while (at < text.n && text.p[at] != '[' && text.p[at] != '{') /* behind its anchor and tag */
        at++;
    for (size_t i = 0, from = hc_yaml_byte_of(text, character); i < text.n && (i < from || text.p[i] != '?'); i++)
        line += text.p[i] == '\n';
    *out_line = line ? line : open.line;
    return at < text.n && text.p[at] == '{' ? '}' : ']';
}

const struct hc_val *hc_yaml_infinite(const struct hc_val *v)
{
    const struct hc_val *found = NULL;
    if (hc_kind_of(v) == HC_FLOAT)
        return isnan(v->f) || isinf(v->f) ? v : NULL;
    for (size_t i = 0; i < hc_list_len(v) && !found; i++)
        found = hc_yaml_infinite(hc_list_at(v, i));
    hc_str first = { NULL, 0 };
    for (size_t i = 0; i < hc_map_len(v); i++) {
        const struct hc_entry *e = hc_map_at(v, i);
        const struct hc_val *here = !found || hc_str_cmp(e->key, first) < 0 ? hc_yaml_infinite(e->val) : NULL;
        found = here ? here : found;
        first = here ? e->key : first;
    }
    return found;
}
