/*
 * The lexer: one token a call, in the order and with the quirks of Go's text/template/parse lexer (B1 of the
 * templating facts). Text between actions is found with memchr and never copied. Lines are not counted here:
 * whoever needs one counts from the offset.
 */
#include <stdio.h>

#include "templating/syntax/syntax_impl.h"

static const struct {
    uint8_t len;
    char word[9];
    enum token_kind kind;
} keywords[] = {
    { 5, "block", T_BLOCK },
    { 5, "break", T_BREAK },
    { 8, "continue", T_CONTINUE },
    { 6, "define", T_DEFINE },
    { 4, "else", T_ELSE },
    { 3, "end", T_END },
    { 2, "if", T_IF },
    { 3, "nil", T_NIL },
    { 5, "range", T_RANGE },
    { 8, "template", T_TEMPLATE },
    { 4, "with", T_WITH },
    { 4, "true", T_BOOL },
    { 5, "false", T_BOOL },
};

/* 1: a byte of a name; 2: white space; 4: ends a name or field, as space does. */
static const uint8_t classes[256] = {
    ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1,  ['5'] = 1,  ['6'] = 1,  ['7'] = 1, ['8'] = 1, ['9'] = 1,
    ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,  ['F'] = 1,  ['G'] = 1,  ['H'] = 1, ['I'] = 1, ['J'] = 1,
    ['K'] = 1, ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1,  ['P'] = 1,  ['Q'] = 1,  ['R'] = 1, ['S'] = 1, ['T'] = 1,
    ['U'] = 1, ['V'] = 1, ['W'] = 1, ['X'] = 1, ['Y'] = 1,  ['Z'] = 1,  ['_'] = 1,  ['a'] = 1, ['b'] = 1, ['c'] = 1,
    ['d'] = 1, ['e'] = 1, ['f'] = 1, ['g'] = 1, ['h'] = 1,  ['i'] = 1,  ['j'] = 1,  ['k'] = 1, ['l'] = 1, ['m'] = 1,
    ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1,  ['s'] = 1,  ['t'] = 1,  ['u'] = 1, ['v'] = 1, ['w'] = 1,
    ['x'] = 1, ['y'] = 1, ['z'] = 1, [' '] = 2, ['\t'] = 2, ['\r'] = 2, ['\n'] = 2, ['.'] = 4, [','] = 4, ['|'] = 4,
    [':'] = 4, ['('] = 4, [')'] = 4,
};

static bool is_space(int c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool hc_syntax_is_alnum(const struct hc_syntax_port *port, uint32_t r)
{
    if (r < 0x80)
        return classes[r] == 1;
    return port && port->is_alnum ? port->is_alnum(r) : r != 0xfffd;
}

static struct token give(struct lexer *l, enum token_kind kind)
{
    struct token t = { kind, l->start, l->pos - l->start };
    l->start = l->pos;
    return t;
}

/* Lexing ends here: the token stays the last one that means anything. */
static struct token give_error(struct lexer *l)
{
    struct token t = { T_ERROR, l->start, 0 };
    l->pos = l->start = l->n;
    l->inside = false;
    return t;
}

static struct token fail(struct lexer *l, const char *message)
{
    snprintf(l->message, sizeof(l->message), "%s", message);
    return give_error(l);
}

static int at(const struct lexer *l, uint32_t i)
{
    return i < l->n ? (unsigned char)l->p[i] : -1;
}

/* The rune at `i` and its length; -1 and 0 at the end. */
static int32_t rune_at(const struct lexer *l, uint32_t i, uint32_t *out_len)
{
    int c = at(l, i);
    if (c < 0x80) {
        *out_len = c >= 0;
        return c;
    }
    uint32_t r = 0;
    *out_len = (uint32_t)hc_utf8_decode((hc_str){ l->p + i, l->n - i }, &r);
    return (int32_t)r;
}

static bool starts(const struct lexer *l, uint32_t i, char a, char b)
{
    return i + 2 <= l->n && l->p[i] == a && l->p[i + 1] == b;
}

/* `%#U`: U+0041 'A'. */
static struct token fail_rune(struct lexer *l, const char *what, int32_t r)
{
    char utf8[5] = "";
    utf8[hc_utf8_encode((uint32_t)r, utf8)] = 0;
    bool shown = r >= 0x20 && r != 0x7f;
    if (r >= 0x80)
        shown = l->port && l->port->is_print ? l->port->is_print((uint32_t)r) : r >= 0xa1;
    if (shown)
        snprintf(l->message, sizeof(l->message), "%s U+%04X '%s'", what, (unsigned)r, utf8);
    else
        snprintf(l->message, sizeof(l->message), "%s U+%04X", what, (unsigned)r);
    return give_error(l);
}

static bool right_delim(const struct lexer *l, bool *out_trim)
{
    *out_trim = is_space(at(l, l->pos)) && at(l, l->pos + 1) == '-' && starts(l, l->pos + 2, '}', '}');
    return *out_trim || starts(l, l->pos, '}', '}');
}

static void skip_space(struct lexer *l)
{
    uint32_t pos = l->pos;
    while (pos < l->n && classes[(unsigned char)l->p[pos]] == 2)
        pos++;
    l->pos = pos;
}

static bool at_terminator(const struct lexer *l)
{
    return l->pos >= l->n || classes[(unsigned char)l->p[l->pos]] & 6 || starts(l, l->pos, '}', '}');
}

/* Over letters and digits; gives the rune that stopped it. */
static int32_t skip_word(struct lexer *l)
{
    for (;;) {
        uint32_t len, pos = l->pos;
        while (pos < l->n && classes[(unsigned char)l->p[pos]] == 1)
            pos++;
        l->pos = pos;
        if (pos < l->n && (unsigned char)l->p[pos] < 0x80)
            return l->p[pos];
        int32_t r = rune_at(l, l->pos, &len);
        if (r < 0x80 || !hc_syntax_is_alnum(l->port, (uint32_t)r))
            return r;
        l->pos += len;
    }
}

static struct token lex_right_delim(struct lexer *l, bool trim)
{
    if (trim)
        l->pos += 2;
    l->start = l->pos;
    l->pos += 2;
    struct token t = give(l, T_RIGHT_DELIM);
    if (trim)
        skip_space(l);
    l->start = l->pos;
    l->inside = false;
    return t;
}

static struct token lex_space(struct lexer *l)
{
    uint32_t from = l->pos;
    skip_space(l);
    /* " -}}": the last space belongs to the delimiter. */
    if (at(l, l->pos) == '-' && starts(l, l->pos + 1, '}', '}')) {
        l->pos--;
        if (l->pos == from)
            return lex_right_delim(l, true);
    }
    return give(l, T_SPACE);
}

static struct token lex_word(struct lexer *l)
{
    int32_t stop = skip_word(l);
    if (!at_terminator(l))
        return fail_rune(l, "bad character", stop);
    hc_str word = { l->p + l->start, l->pos - l->start };
    for (size_t i = 0; word.n <= 8 && word.n >= 2 && i < HC_LEN(keywords); i++) {
        if (word.n == keywords[i].len && word.p[0] == keywords[i].word[0] &&
            memcmp(word.p, keywords[i].word, word.n) == 0)
            return give(l, keywords[i].kind);
    }
    return give(l, T_IDENT);
}

static struct token lex_field(struct lexer *l, enum token_kind kind)
{
    if (at_terminator(l))
        return give(l, kind == T_VARIABLE ? T_VARIABLE : T_DOT);
    int32_t stop = skip_word(l);
    if (!at_terminator(l))
        return fail_rune(l, "bad character", stop);
    return give(l, kind);
}

/* A literal that ends at `quote` on its own line. */
static struct token lex_quoted(struct lexer *l, char quote, enum token_kind kind, const char *unterminated)
{
    for (;;) {
        uint32_t pos = l->pos;
        while (pos < l->n && l->p[pos] != quote && l->p[pos] != '\\' && l->p[pos] != '\n')
            pos++;
        l->pos = pos;
        int c = at(l, pos);
        if (c == '\\') {
            l->pos++;
            c = at(l, l->pos);
            if (c != -1 && c != '\n') {
                l->pos++;
                continue;
            }
        }
        if (c == -1 || c == '\n')
            return fail(l, unterminated);
        l->pos++;
        if (c == quote)
            return give(l, kind);
    }
}

static struct token lex_raw(struct lexer *l)
{
    const char *end = l->pos < l->n ? memchr(l->p + l->pos, '`', l->n - l->pos) : NULL;
    if (!end)
        return fail(l, "unterminated raw quoted string");
    l->pos = (uint32_t)(end - l->p) + 1;
    return give(l, T_RAW_STRING);
}

static bool accept(struct lexer *l, const char *set)
{
    int c = at(l, l->pos);
    if (c <= 0 || !strchr(set, c))
        return false;
    l->pos++;
    return true;
}

static bool scan_number(struct lexer *l)
{
    const char *digits = "0123456789_";
    bool hex = false, decimal = true;
    accept(l, "+-");
    if (accept(l, "0")) {
        if (accept(l, "xX")) {
            digits = "0123456789abcdefABCDEF_";
            hex = true;
            decimal = false;
        } else if (accept(l, "oO")) {
            digits = "01234567_";
            decimal = false;
        } else if (accept(l, "bB")) {
            digits = "01_";
            decimal = false;
        }
    }
    while (accept(l, digits))
        ;
    if (accept(l, ".")) {
        while (accept(l, digits))
            ;
    }
    if ((decimal && accept(l, "eE")) || (hex && accept(l, "pP"))) {
        accept(l, "+-");
        while (accept(l, "0123456789_"))
            ;
    }
    accept(l, "i");
    uint32_t len;
    int32_t r = rune_at(l, l->pos, &len);
    if (r >= 0 && hc_syntax_is_alnum(l->port, (uint32_t)r)) {
        l->pos += len;
        return false;
    }
    return true;
}

static struct token lex_number(struct lexer *l)
{
    bool good = scan_number(l);
    enum token_kind kind = T_NUMBER;
    if (good && (at(l, l->pos) == '+' || at(l, l->pos) == '-')) {
        kind = T_COMPLEX;
        good = scan_number(l) && l->p[l->pos - 1] == 'i';
    }
    if (good)
        return give(l, kind);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, sizeof(l->message));
    hc_syntax_quote(&b, l->port, (hc_str){ l->p + l->start, HC_MIN(l->pos - l->start, 60u) });
    snprintf(l->message, sizeof(l->message), "bad number syntax: %.*s", HC_P(hc_buf_str(&b)));
    return give_error(l);
}

static struct token lex_inside(struct lexer *l)
{
    bool trim;
    unsigned char first = l->pos < l->n ? (unsigned char)l->p[l->pos] : '\0';
    if (classes[first] == 1)
        return first >= '0' && first <= '9' ? lex_number(l) : lex_word(l);
    if ((first == '}' || classes[first] == 2) && right_delim(l, &trim)) {
        if (l->parens == 0)
            return lex_right_delim(l, trim);
        return fail(l, "unclosed left paren");
    }
    if (classes[first] == 2)
        return lex_space(l);
    uint32_t len;
    int32_t r = rune_at(l, l->pos, &len);
    if (r == -1)
        return fail(l, "unclosed action");
    if (hc_syntax_is_alnum(l->port, (uint32_t)r))
        return lex_word(l);
    l->pos += len;
    int next = at(l, l->pos);
    switch (r) {
    case '=':
        return give(l, T_ASSIGN);
    case ':':
        if (next != '=') {
            l->pos += next != -1;
            return fail(l, "expected :=");
        }
        l->pos++;
        return give(l, T_DECLARE);
    case '|':
        return give(l, T_PIPE);
    case '"':
        return lex_quoted(l, '"', T_STRING, "unterminated quoted string");
    case '\'':
        return lex_quoted(l, '\'', T_RUNE, "unterminated character constant");
    case '`':
        return lex_raw(l);
    case '$':
        return lex_field(l, T_VARIABLE);
    case '.':
        if (next != -1 && (next < '0' || next > '9'))
            return lex_field(l, T_FIELD);
        l->pos--;
        return lex_number(l);
    case '+':
    case '-':
        l->pos--;
        return lex_number(l);
    case '(':
        l->parens++;
        return give(l, T_LEFT_PAREN);
    case ')':
        if (--l->parens < 0)
            return fail(l, "unexpected right paren");
        return give(l, T_RIGHT_PAREN);
    default:
        if (r > 0x20 && r < 0x7f)
            return give(l, T_CHAR);
        return fail_rune(l, "unrecognized character in action:", r);
    }
}

/* Behind "{{" at l->pos: a comment is passed over, true; else the delimiter is the token. */
static bool skip_comment(struct lexer *l, struct token *out)
{
    uint32_t open = l->pos;
    uint32_t marker = at(l, open + 2) == '-' && is_space(at(l, open + 3)) ? 2 : 0;
    l->start = open;
    if (!starts(l, open + 2 + marker, '/', '*')) {
        l->pos = open + 2;
        *out = give(l, T_LEFT_DELIM);
        l->pos += marker;
        l->start = l->pos;
        l->inside = true;
        l->parens = 0;
        return false;
    }
    l->start = open + 2 + marker;
    l->pos = l->start + 2;
    const char *end = memmem(l->p + l->pos, l->n - l->pos, "*/", 2);
    if (!end) {
        *out = fail(l, "unclosed comment");
        return false;
    }
    l->pos = (uint32_t)(end - l->p) + 2;
    bool trim;
    if (!right_delim(l, &trim)) {
        *out = fail(l, "comment ends before closing delimiter");
        return false;
    }
    l->pos += trim ? 4 : 2;
    if (trim)
        skip_space(l);
    l->start = l->pos;
    return true;
}

/* The next "{{"; the second brace is looked at in place, since JSON in templates is full of single ones. */
static const char *find_open(const struct lexer *l)
{
    const char *p = l->p + l->pos, *end = l->p + l->n;
    while (end - p >= 2 && (p = memchr(p, '{', (size_t)(end - p - 1))) != NULL) {
        if (p[1] == '{')
            return p;
        p++;
    }
    return NULL;
}

struct token hc_lex(struct lexer *l)
{
    if (l->inside)
        return lex_inside(l);
    for (;;) {
        const char *open = find_open(l);
        uint32_t from = l->pos;
        l->start = from;
        if (!open) {
            l->pos = l->n;
            return give(l, from < l->n ? T_TEXT : T_EOF);
        }
        uint32_t end = (uint32_t)(open - l->p);
        l->pos = end;
        if (at(l, end + 2) == '-' && is_space(at(l, end + 3))) {
            while (end > from && is_space(l->p[end - 1]))
                end--;
        }
        if (end > from) {
            struct token t = { T_TEXT, from, end - from };
            return t;
        }
        struct token t;
        if (!skip_comment(l, &t))
            return t;
    }
}
