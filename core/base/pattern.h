#pragma once
/*
 * core/base/pattern.h - Go's regular expressions, as far as the C library's are the same
 *
 * For patterns in fields of objects (filters of tags, names of signers): extended POSIX syntax is Go's in what people
 * write there, after \d, (?: and a (?i) at its head are rewritten. What would mean something else is refused, and so are repeats that the
 * library would unroll in memory. Matching takes time linear in the text.
 */
#include <regex.h>

#include "core/base/err.h"

struct hc_pattern {
    regex_t re;
    bool there;
};

/* `what` names the field in errors. HC_E_INPUT: not one that can be used here. Freed by hc_pattern_done. */
enum hc_rc hc_pattern_init(struct hc_pattern *p, hc_str text, const char *what, struct hc_err *err);
/* Only the whole text fits, as ^(...)$ has it. */
enum hc_rc hc_pattern_init_whole(struct hc_pattern *p, hc_str text, const char *what, struct hc_err *err);
void hc_pattern_done(struct hc_pattern *p);
#define hc_pattern_auto hc_pattern_done
/* Whether it is found somewhere in `text`; a text with a NUL in it never fits. */
bool hc_pattern_found(const struct hc_pattern *p, hc_str text);
