#pragma once
/*
 * templating/syntax/syntax_impl.h - what lexer, parser and literals share
 */
#include "templating/syntax/tree.h"

enum token_kind {
    T_ERROR, /* lexer.message says what */
    T_BOOL,
    T_CHAR, /* any printable ASCII character; grab bag for comma etc. */
    T_RUNE,
    T_COMPLEX,
    T_ASSIGN,
    T_DECLARE,
    T_EOF,
    T_FIELD,
    T_IDENT,
    T_LEFT_DELIM,
    T_LEFT_PAREN,
    T_NUMBER,
    T_PIPE,
    T_RAW_STRING,
    T_RIGHT_DELIM,
    T_RIGHT_PAREN,
    T_SPACE,
    T_STRING,
    T_TEXT,
    T_VARIABLE,
    T_KEYWORD, /* those behind it are keywords */
    T_BLOCK,
    T_BREAK,
    T_CONTINUE,
    T_DOT,
    T_DEFINE,
    T_ELSE,
    T_END,
    T_IF,
    T_NIL,
    T_RANGE,
    T_TEMPLATE,
    T_WITH,
};

struct token {
    enum token_kind kind;
    uint32_t pos, len;
};

struct lexer {
    const char *p;
    uint32_t n, pos, start;
    int parens;
    bool inside; /* of an action */
    const struct hc_syntax_port *port;
    char message[256];
};

/* The next token; T_EOF again and again at the end. */
struct token hc_lex(struct lexer *l);

/* strconv.Unquote of a "..." or `...` literal. False: "invalid syntax". */
bool hc_unquote(struct hc_arena *a, hc_str written, hc_str *out);
/* Go's newNumber for T_NUMBER, T_COMPLEX, T_RUNE. NULL: what is wrong is added to `message`. */
const struct hc_number *hc_number_read(struct hc_arena *a, const struct hc_syntax_port *port, enum token_kind kind,
                                       hc_str written, struct hc_buf *message);
/* %q, by the port or by our own plain rules. */
void hc_syntax_quote(struct hc_buf *b, const struct hc_syntax_port *port, hc_str s);
bool hc_syntax_is_alnum(const struct hc_syntax_port *port, uint32_t rune);
