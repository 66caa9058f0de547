/*
 * The head of a plain manifest without a YAML parser.
 *
 * Nearly all of what charts render is a small part of YAML: block maps and lists, one-line scalars, literal blocks,
 * short flow lists. This walks over such text line by line, keeps the open blocks on a small stack, and picks the head's
 * fields on the way: ten times faster than libyaml and without building a tree. It only says yes to text that YAML
 * surely accepts and whose head it surely knows; everything else ("false") is for the real reader, which also has the
 * error texts. What is left to it: anchors, aliases, tags, merge keys, directives, multi-line scalars, explicit
 * indentation, tabs, CR, unusual keys.
 */
#include "core/value/yaml.h"
#include "templating/render/head.h"

#define MAX_DEPTH 64
#define MAX_NOTES 8    /* annotations of a hook */
#define MAX_KEY   1000 /* libyaml: a simple key has at most 1024 bytes */

enum place { ELSEWHERE, TOP, METADATA, ANNOTATIONS };

struct block {
    int indent;
    bool list;
    enum place place;
};
struct scan {
    hc_str text;
    size_t at; /* start of the next line */
    struct block open[MAX_DEPTH];
    int depth;
    bool awaits;              /* a key or a dash without a value: a deeper block may follow */
    enum place awaited_place; /* what that block would be */
    struct hc_head *head;
    struct {
        hc_str key, text;
    } notes[MAX_NOTES]; /* what annotations say */
    int notes_n;
    bool hook, odd; /* odd: there are more, or others */
};

/* Bytes of a plain key. */
static const bool word_chars[256] = {
    ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1,
    ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1, ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1,
    ['K'] = 1, ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1,
    ['U'] = 1, ['V'] = 1, ['W'] = 1, ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1,
    ['e'] = 1, ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1,
    ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1, ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1,
    ['y'] = 1, ['z'] = 1, ['_'] = 1, ['/'] = 1, ['.'] = 1, ['-'] = 1, ['$'] = 1,
};

static inline bool word_char(char c)
{
    return word_chars[(unsigned char)c];
}

/* Eight bytes, so that most of a text is passed over at once. */
static inline uint64_t eight(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    return w;
}

/* Not zero when one of the eight is `c`. */
static inline uint64_t any_is(uint64_t w, char c)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t x = w ^ ones * (unsigned char)c;
    return (x - ones) & ~x & ones << 7;
}

static size_t skip_spaces(hc_str s, size_t at)
{
    while (s.n - HC_MIN(at, s.n) >= 8 && eight(s.p + at) == 0x2020202020202020u)
        at += 8;
    while (at < s.n && s.p[at] == ' ')
        at++;
    return at;
}

/* Nothing but a comment from `at` on. */
static bool rest_is_comment(hc_str s, size_t at)
{
    size_t from = skip_spaces(s, at);
    return from >= s.n || (s.p[from] == '#' && (from > at || from == 0));
}

/* A quoted scalar within the line: position behind it, 0: not a simple one, s.n + 1: the line ends before it. */
static size_t quoted(hc_str s, size_t at)
{
    char q = s.p[at++];
    for (; at < s.n; at++) {
        while (s.n - at >= 8) {
            uint64_t w = eight(s.p + at);
            if (any_is(w, q) | any_is(w, '\\') | any_is(w, '\t'))
                break;
            at += 8;
        }
        if (at == s.n)
            break;
        char c = s.p[at];
        if (c == '\t')
            return 0;
        if (q == '"' && c == '\\') {
            if (at + 1 < s.n && !strchr("\\\"ntr ", s.p[at + 1]))
                return 0;
            at++;
        } else if (c == q) {
            if (q == '\'' && at + 1 < s.n && s.p[at + 1] == '\'')
                at++;
            else
                return at + 1;
        }
    }
    return s.n + 1;
}

/* The text between quotes when nothing is escaped in it. */
static bool unquoted(hc_str s, hc_str *out)
{
    *out = hc_str_sub(s, 1, s.n - 1);
    return !memchr(out->p, *s.p == '"' ? '\\' : '\'', out->n);
}

/* "key:" at `at`: sets its name and the position behind the colon. False: no such key. */
static bool read_key(hc_str line, size_t at, hc_str *key, size_t *after)
{
    size_t end = at;
    if (line.p[at] == '"' || line.p[at] == '\'') {
        end = quoted(line, at);
        if (end == 0 || end > line.n || !unquoted(hc_str_sub(line, at, end), key))
            return false;
    } else {
        while (end < line.n && word_char(line.p[end]))
            end++;
        *key = hc_str_sub(line, at, end);
        if (key->n == 0 || *key->p == '.' || *key->p == '-' ||
            (key->n == 4 && hc_str_eq_nocase(*key, HC_S("null"))))
            return false;
        /* y, on, 0x10: the key's text becomes another */
        if (hc_yaml_resolves(*key))
            return false;
    }
    if (end >= line.n || line.p[end] != ':' || end - at > MAX_KEY || (end + 1 < line.n && line.p[end + 1] != ' '))
        return false;
    *after = end + 1;
    return true;
}

/* A flow collection of simple things within the line: position behind it, 0: not simple. */
static size_t flow(hc_str s, size_t at, int depth)
{
    char close = s.p[at] == '[' ? ']' : '}';
    bool map = close == '}';
    if (depth > 16)
        return 0;
    at = skip_spaces(s, at + 1);
    if (at < s.n && s.p[at] == close)
        return at + 1;
    for (;;) {
        if (at >= s.n)
            return 0;
        if (map) {
            hc_str key;
            if (!read_key(s, at, &key, &at))
                return 0;
            at = skip_spaces(s, at);
            if (at >= s.n)
                return 0;
        }
        size_t from = at;
        char c = s.p[at];
        if (c == '"' || c == '\'') {
            at = quoted(s, at);
        } else if (c == '[' || c == '{') {
            at = flow(s, at, depth + 1);
        } else {
            if (c == '.' || c == '-' || c == '+')
                return 0;
            while (at < s.n && word_char(s.p[at]))
                at++;
        }
        if (at == 0 || at == from || at > s.n)
            return 0;
        at = skip_spaces(s, at);
        if (at < s.n && s.p[at] == close)
            return at + 1;
        if (at >= s.n || s.p[at] != ',')
            return 0;
        at = skip_spaces(s, at + 1);
    }
}

/* A plain scalar from `at` to the end of the line: its end, 0: not simple. */
static size_t plain(hc_str s, size_t at)
{
    char c = s.p[at];
    char next = at + 1 < s.n ? s.p[at + 1] : ' ';
    if (strchr("?,[]{}#&*!|>'\"%@`+=<~", c) || ((c == '-' || c == ':') && !word_char(next)))
        return 0;
    if ((c == '-' && next == '.') || (c == '.' && strchr("iInN", next))) /* perhaps .inf, which JSON has not */
        return 0;
    size_t end = at;
    for (; end < s.n; end++) {
        while (s.n - end >= 8) {
            uint64_t w = eight(s.p + end);
            if (any_is(w, '\t') | any_is(w, ':') | any_is(w, '#'))
                break;
            end += 8;
        }
        if (end == s.n)
            break;
        c = s.p[end];
        if (c == '\t' || (c == ':' && (end + 1 >= s.n || s.p[end + 1] == ' ')))
            return 0;
        if (c == '#' && s.p[end - 1] == ' ')
            break;
    }
    while (end > at && s.p[end - 1] == ' ')
        end--;
    return end;
}

/* The next line without its break; false at the end. */
static bool next_line(struct scan *z, hc_str *out)
{
    if (z->at >= z->text.n)
        return false;
    const char *from = z->text.p + z->at;
    const char *nl = memchr(from, '\n', z->text.n - z->at);
    *out = (hc_str){ from, nl ? (size_t)(nl - from) : z->text.n - z->at };
    z->at += out->n + 1;
    return true;
}

/* A line that may stand inside a multi-line plain scalar. */
static bool continues_plain(hc_str line, size_t indent)
{
    if (line.p[indent] == '#')
        return false;
    for (size_t i = indent; i < line.n; i++) {
        char c = line.p[i];
        if (c == '\t' || (c == ':' && (i + 1 >= line.n || line.p[i + 1] == ' ')) ||
            (c == '#' && line.p[i - 1] == ' '))
            return false;
    }
    return true;
}

/* Takes the deeper lines behind a plain scalar. False: one of them is not simple. */
static bool plain_lines(struct scan *z, int parent, bool *many)
{
    hc_str line;
    *many = false;
    for (size_t mark = z->at; next_line(z, &line);) {
        size_t indent = skip_spaces(line, 0);
        if (indent == line.n)
            continue;
        if ((int)indent <= parent) {
            z->at = mark;
            return true;
        }
        if (!continues_plain(line, indent))
            return false;
        *many = true;
        mark = z->at;
    }
    return true;
}

/* The same for a quoted scalar that does not end on its line; *line and *end are the last line and the place behind
 * the closing quote. */
static bool quoted_lines(struct scan *z, char q, int parent, hc_str *line, size_t *end)
{
    while (next_line(z, line)) {
        size_t at = skip_spaces(*line, 0);
        if (at == line->n)
            continue;
        if ((int)at <= parent)
            return false;
        for (; at < line->n; at++) {
            char c = line->p[at];
            if (c == '\t')
                return false;
            if (q == '"' && c == '\\') {
                if (at + 1 < line->n && !strchr("\\\"ntr ", line->p[at + 1]))
                    return false;
                at++;
            } else if (c == q) {
                if (q == '\'' && at + 1 < line->n && line->p[at + 1] == '\'') {
                    at++;
                    continue;
                }
                *end = at + 1;
                return true;
            }
        }
    }
    return false;
}

/* Skips the lines of a literal or folded block under a block of indentation `parent`. */
static bool literal(struct scan *z, hc_str header, int parent)
{
    size_t at = 1;
    if (at < header.n && (header.p[at] == '-' || header.p[at] == '+'))
        at++;
    if (!rest_is_comment(header, at))
        return false;
    size_t content = 0, blanks = 0;
    hc_str line;
    for (size_t mark = z->at; next_line(z, &line); mark = z->at) {
        size_t indent = skip_spaces(line, 0);
        if (indent == line.n) { /* blank */
            blanks = content ? blanks : HC_MAX(blanks, indent);
            continue;
        }
        if ((int)indent <= parent) {
            z->at = mark;
            return true;
        }
        if (line.p[indent] == '\t' && (!content || indent < content))
            return false;
        if (!content)
            content = indent;
        if (indent < content || blanks > content)
            return false;
    }
    return true;
}

static bool known_text(hc_str s, bool is_quoted, hc_str *out)
{
    if (is_quoted)
        return unquoted(s, out);
    *out = s;
    return !hc_yaml_resolves(s);
}

enum value { V_NONE, V_PLAIN, V_QUOTED, V_MANY, V_OTHER };

/* The value of a key or dash at `at` of the line, within a block of indentation `indent`. */
static bool read_value(struct scan *z, hc_str line, size_t at, int indent, enum value *kind, hc_str *text)
{
    *kind = V_NONE;
    if (rest_is_comment(line, at) || (line.p[at] == '#' && line.p[at - 1] == ' '))
        return true;
    at = skip_spaces(line, at);
    char c = line.p[at];
    size_t end;
    if (c == '|' || c == '>') {
        *kind = V_OTHER;
        return literal(z, hc_str_sub(line, at, line.n), indent);
    }
    if (c == '"' || c == '\'') {
        *kind = V_QUOTED;
        end = quoted(line, at);
    } else if (c == '[' || c == '{') {
        *kind = V_OTHER;
        end = flow(line, at, 0);
    } else {
        *kind = V_PLAIN;
        end = plain(line, at);
    }
    if (end > line.n) {
        *kind = V_OTHER;
        if (!quoted_lines(z, c, indent, &line, &end))
            return false;
        at = 0;
    }
    if (end == 0 || !rest_is_comment(line, end))
        return false;
    *text = hc_str_sub(line, at, end);
    bool many = false;
    if (*kind == V_PLAIN && skip_spaces(line, end) >= line.n && !plain_lines(z, indent, &many))
        return false;
    if (many)
        *kind = V_MANY;
    return true;
}

/* Takes over what a top-level or metadata key says. False: the real reader must look. */
static bool take_field(struct scan *z, enum place place, hc_str key, enum value kind, hc_str value)
{
    static const struct {
        enum place place;
        const char *name;
    } fields[] = { { TOP, "apiVersion" }, { TOP, "kind" },           { TOP, "metadata" },
                   { METADATA, "name" },  { METADATA, "namespace" }, { METADATA, "annotations" } };
    size_t f = 0;
    while (f < HC_LEN(fields) && !(fields[f].place == place && hc_str_eq_nocase(key, hc_str_of(fields[f].name))))
        f++;
    if (f == HC_LEN(fields))
        return true;
    if (!hc_str_eqz(key, fields[f].name))
        return false;
    hc_str *const texts[] = { &z->head->api_version, &z->head->kind, NULL, &z->head->name, &z->head->ns, NULL };
    if (!texts[f]) {
        if (kind != V_NONE) /* metadata: {} and the like: rare */
            return false;
        z->awaited_place = place == TOP ? METADATA : ANNOTATIONS;
        if (z->notes_n > 0 || z->odd) /* there were some already */
            return false;
        if (place == TOP)
            z->head->name = z->head->ns = HC_S("");
        return true;
    }
    if (kind != V_PLAIN && kind != V_QUOTED)
        return false;
    return known_text(value, kind == V_QUOTED, texts[f]);
}

/* An annotation; only those of a hook are wanted. */
static void take_note(struct scan *z, hc_str key, enum value kind, hc_str value)
{
    hc_str text;
    z->hook |= hc_str_starts(key, HC_S("helm.sh/hook"));
    bool plain = (kind == V_PLAIN || kind == V_QUOTED) && known_text(value, kind == V_QUOTED, &text);
    for (int i = 0; i < z->notes_n; i++)
        plain &= !hc_str_eq(key, z->notes[i].key);
    if (!plain || z->notes_n == MAX_NOTES) {
        z->odd = true;
        return;
    }
    z->notes[z->notes_n].key = key;
    z->notes[z->notes_n++].text = text;
}

static bool push(struct scan *z, int indent, bool list)
{
    if (z->depth == MAX_DEPTH)
        return false;
    enum place place = list ? ELSEWHERE : z->depth == 0 ? TOP : z->awaits ? z->awaited_place : ELSEWHERE;
    if (list && z->awaits && z->awaited_place != ELSEWHERE)
        return false; /* metadata as a list: an error */
    z->open[z->depth++] = (struct block){ indent, list, place };
    z->awaits = false;
    z->awaited_place = ELSEWHERE;
    return true;
}

/* What stands behind a dash or begins a line, when it is no dash itself: a key with its value, or (in a list) a
 * scalar. */
static bool key_or_scalar(struct scan *z, hc_str line, size_t at, bool may_be_scalar)
{
    hc_str key, value = { 0 };
    size_t after;
    enum value kind;
    if (!read_key(line, at, &key, &after)) {
        if (!may_be_scalar)
            return false;
        z->awaits = false;
        if (z->open[z->depth - 1].place == ANNOTATIONS)
            return false;
        return read_value(z, line, at, z->open[z->depth - 1].indent, &kind, &value) && kind != V_NONE;
    }
    if (may_be_scalar && !push(z, (int)at, false)) /* a map that begins behind a dash */
        return false;
    struct block *b = &z->open[z->depth - 1];
    if (!read_value(z, line, after, b->indent, &kind, &value))
        return false;
    z->awaits = kind == V_NONE;
    z->awaited_place = ELSEWHERE;
    if (b->place == ANNOTATIONS) {
        take_note(z, key, kind, value);
        return kind != V_NONE && (kind != V_OTHER || line.p[skip_spaces(line, after)] == '|' ||
                                  line.p[skip_spaces(line, after)] == '>');
    }
    return b->place == ELSEWHERE || take_field(z, b->place, key, kind, value);
}

static bool is_dash(hc_str line, size_t at)
{
    return at < line.n && line.p[at] == '-' && (at + 1 == line.n || line.p[at + 1] == ' ');
}

/* One entry of the block on top of the stack, at column `at`. */
static bool entry(struct scan *z, hc_str line, size_t at)
{
    while (is_dash(line, at)) {
        size_t next = skip_spaces(line, at + 1);
        z->awaits = true;
        z->awaited_place = ELSEWHERE;
        if (next >= line.n || rest_is_comment(line, at + 1))
            return true;
        if (!is_dash(line, next))
            return key_or_scalar(z, line, next, true);
        if (!push(z, (int)next, true))
            return false;
        at = next;
    }
    return key_or_scalar(z, line, at, false);
}

static bool one_line(struct scan *z, hc_str line)
{
    size_t at = skip_spaces(line, 0);
    if (at == line.n || line.p[at] == '#')
        return true;
    if (line.p[at] == '\t' || (at == 0 && hc_str_starts(line, HC_S("..."))))
        return false;
    int indent = (int)HC_MIN(at, (size_t)1 << 20);
    bool dash = is_dash(line, at);
    if (z->depth == 0) {
        if (dash || !push(z, indent, false))
            return false;
        return entry(z, line, at);
    }
    struct block *top = &z->open[z->depth - 1];
    if (z->awaits && (indent > top->indent || (dash && indent == top->indent && !top->list))) {
        hc_str key;
        size_t after;
        hc_str rest = hc_str_sub(line, at, line.n);
        if ((hc_str_eqz(rest, "{}") && z->awaited_place != METADATA) ||
            (hc_str_eqz(rest, "[]") && z->awaited_place == ELSEWHERE)) {
            z->awaits = false;
            return true;
        }
        if (!dash && z->awaited_place == ELSEWHERE && !read_key(line, at, &key, &after)) {
            enum value kind;
            z->awaits = false; /* the value on a line of its own */
            return read_value(z, line, at, top->indent, &kind, &key) && kind != V_NONE;
        }
        if (!push(z, indent, dash))
            return false;
        return entry(z, line, at);
    }
    while (z->depth > 1 && (z->open[z->depth - 1].indent > indent ||
                            (z->open[z->depth - 1].indent == indent && z->open[z->depth - 1].list && !dash)))
        z->depth--;
    top = &z->open[z->depth - 1];
    if (top->indent != indent || top->list != dash)
        return false;
    return entry(z, line, at);
}

bool hc_head_read_fast(struct hc_arena *a, hc_str text, struct hc_head *out)
{
    *out = (struct hc_head){ HC_S(""), HC_S(""), HC_S(""), HC_S(""), NULL };
    struct scan z = { .text = text, .head = out };
    if (!hc_yaml_bytes_clean(text) || hc_str_starts(text, HC_S("%")))
        return false;
    hc_str line;
    while (next_line(&z, &line))
        if (!one_line(&z, line))
            return false;
    if (!z.hook)
        return true;
    struct hc_val *notes = z.odd ? NULL : hc_map_new(a);
    for (int i = 0; i < z.notes_n; i++)
        hc_map_put_ref(a, notes, z.notes[i].key, hc_str_val_ref(a, z.notes[i].text));
    out->annotations = notes;
    return notes != NULL;
}
