#pragma once
/*
 * lua/funcs/toml_impl.h - what reads the characters and values of a TOML text, and what makes tables of them
 *
 * Errors are the texts of BurntSushi/toml 1.6, with the line that it would name.
 */
#include <string.h>

#include "lua/funcs/funcs_impl.h"

struct toml_reader {
    struct hc_fcall *c;
    hc_str s;
    size_t i;
    struct hc_val *root, *table;     /* table: of the header in force */
    struct hc_val *implied, *arrays; /* what is known of names */
    size_t text_from;                /* where the string at hand begins */
    struct hc_val *holder;  /* what will hold the value being read, NULL: something that can hold nothing */
    size_t key_at;          /* where the key that was read last begins */
    struct hc_buf *context; /* its name, for messages */
    hc_str key;             /* of the value being read, {"",0}: none */
    hc_str last;            /* the key that was read last */
    int depth;
};

static inline char toml_at(const struct toml_reader *r)
{
    return r->i < r->s.n ? r->s.p[r->i] : '\0';
}

static inline bool toml_more(const struct toml_reader *r)
{
    return r->i < r->s.n;
}

static inline bool toml_looking_at(const struct toml_reader *r, const char *text)
{
    return hc_str_starts(hc_str_sub(r->s, r->i, r->s.n), hc_str_of(text));
}

static inline void toml_blanks(struct toml_reader *r)
{
    while (toml_at(r) == ' ' || toml_at(r) == '\t')
        r->i++;
}

static inline bool toml_is_digit(char ch)
{
    return ch >= '0' && ch <= '9';
}

/* The line of a place, and an error of a line: text, quoted and rest behind each other. */
int toml_line_at(const struct toml_reader *r, size_t at);
enum hc_rc toml_fail_line(struct toml_reader *r, int line, const char *text, const char *quoted, const char *rest);
/* Errors at r->i. `behind`: the line is counted with that character read. */
enum hc_rc toml_bad(struct toml_reader *r, const char *text);
enum hc_rc toml_bad_rune(struct toml_reader *r, const char *text, const char *rest);
enum hc_rc toml_bad_rune_at(struct toml_reader *r, const char *text, const char *rest, bool behind);
enum hc_rc toml_bad_text(struct toml_reader *r, const char *text, hc_str quoted, const char *rest);

/* Refuses at r->i what may stand nowhere: control characters, bytes that are no UTF-8. */
enum hc_rc toml_check_char(struct toml_reader *r);
/* Skips white space, line breaks and comments. */
enum hc_rc toml_space(struct toml_reader *r);
/* A string whose opening quote stands at r->i. */
enum hc_rc toml_string(struct toml_reader *r, bool may_be_multi, hc_str *out);
/* A number, date or time that begins at r->i. */
enum hc_rc toml_number(struct toml_reader *r, struct hc_val **out);
/* The value of a text that is a float or looks like one to the lexer. */
enum hc_rc toml_floating(struct toml_reader *r, hc_str s, struct hc_val **out);
