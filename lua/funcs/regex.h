#pragma once
/*
 * lua/funcs/regex.h - regular expressions of Go: RE2's syntax, leftmost-first
 *
 * The expression is checked and rewritten for PCRE2. Compiled expressions are kept in a bounded table of the process;
 * what hc_regex_get gives may be used by any thread until it is put back.
 */
#include "core/base/buf.h"

struct hc_regex;

/* *out_made: bytes of code that were made for it, 0 when it was at hand. Errors carry Go's text: "error parsing regexp: missing closing ]: `[`". */
enum hc_rc hc_regex_get(hc_str expression, struct hc_regex **out, size_t *out_made, struct hc_err *err);
void hc_regex_put(struct hc_regex *r);
void hc_regex_put_auto(struct hc_regex **r);
#define hc_regex_auto hc_regex_put_auto

/* One subject at a time: what a search needs. */
struct hc_search {
    const struct hc_regex *regex;
    hc_str subject;
    void *data;       /* pcre2_match_data */
    void *limits;     /* pcre2_match_context */
    char *clean;      /* the subject with U+FFFD for each byte that is no UTF-8, when it has any */
    uint32_t *origin; /* where in the subject each byte of `clean` stands, and its end */
    size_t clean_n;
    size_t *at; /* 2 * (groups + 1) offsets of the last match; SIZE_MAX: the group took no part */
    size_t groups;
    /* Where the steps of searches are charged, and how many there may be; NULL: nowhere. *slow is set when a search took
     * long: from then on time is measured. */
    uint64_t *work, work_max;
    bool *slow;
};
enum hc_rc hc_search_init(struct hc_search *s, struct hc_regex *r, hc_str subject, struct hc_err *err);
void hc_search_done(struct hc_search *s);
#define hc_search_auto hc_search_done
/* The first match at or behind byte `from`. HC_E_LIMIT: the expression takes too many steps on this text. */
enum hc_rc hc_search_next(struct hc_search *s, size_t from, bool *out_found, struct hc_err *err);
/* The number of the group of that name, SIZE_MAX: none. */
size_t hc_regex_group(const struct hc_regex *r, hc_str name);

/* regex_syntax.c: RE2 to PCRE2. `names` gets "number name\n" lines; *out_groups the number of groups. */
enum hc_rc hc_regex_translate(hc_str expression, struct hc_buf *pattern, struct hc_buf *names, size_t *out_groups,
                              struct hc_err *err);
/* Go's text of what is wrong with an expression, whole: an error message has room for a part of it. Nothing: too large. */
void hc_regex_fault(hc_str expression, struct hc_buf *out);
/* regex_property.c: what \p{name} stands for, as a part of a PCRE2 class. False: Go does not know the name. */
bool hc_regex_put_property(struct hc_buf *b, hc_str name, bool negate, bool fold);
