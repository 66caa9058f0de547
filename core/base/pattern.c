/*
 * Go's syntax rewritten into the C library's, character by character.
 */
#include "core/base/pattern.h"

#include <stdlib.h>

#include "core/base/buf.h"

#define MAX_PATTERN 512u
#define MAX_REPEAT  1000u /* all numbers in braces multiplied: glibc makes so many copies */
#define MAX_TEXT    4096u

/* "{2,30}" at the start of `s`: multiplies *product by its largest number. */
static void count_repeat(hc_str s, size_t *product)
{
    size_t n = 0, most = 1;
    for (size_t i = 1; i < s.n && s.p[i] != '}' && i < 12; i++) {
        n = s.p[i] >= '0' && s.p[i] <= '9' ? n * 10 + (size_t)(s.p[i] - '0') : 0;
        most = HC_MAX(most, HC_MIN(n, MAX_REPEAT + 1));
    }
    *product = HC_MIN(*product * most, MAX_REPEAT + 1);
}

static enum hc_rc compile(struct hc_pattern *p, hc_str text, bool whole, const char *what, struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    size_t product = 1;
    const bool any_case = hc_str_starts(text, HC_S("(?i)"));
    bool bad = text.n > MAX_PATTERN || memchr(text.p ? text.p : "", 0, text.n), in_class = false;
    p->there = false;
    hc_buf_init(&b, 8 * MAX_PATTERN);
    hc_buf_puts(&b, whole ? "^(" : "");
    for (size_t i = any_case ? 4 : 0; i < text.n && !bad; i++) {
        hc_str rest = hc_str_sub(text, i, text.n);
        if (hc_str_starts(rest, HC_S("\\d")) || hc_str_starts(rest, HC_S("\\D"))) {
            bad = in_class && rest.p[1] == 'D';
            hc_buf_puts(&b, in_class ? "0-9" : rest.p[1] == 'd' ? "[0-9]" : "[^0-9]");
            i++;
        } else if (rest.p[0] == '\\' && rest.n > 1) {
            if (in_class) /* a backslash in a bracket is itself there */
                hc_buf_putc(&b, rest.p[1]);
            else
                hc_buf_put(&b, hc_str_sub(rest, 0, 2));
            bad = rest.p[1] >= '1' && rest.p[1] <= '9'; /* back references: Go has none */
            i++;
        } else if (hc_str_starts(rest, HC_S("(?:"))) {
            hc_buf_putc(&b, '(');
            i += 2;
        } else if (hc_str_starts(rest, HC_S("(?"))) {
            bad = true;
        } else {
            in_class = in_class ? rest.p[0] != ']' : rest.p[0] == '[';
            if (rest.p[0] == '{' && !in_class)
                count_repeat(rest, &product);
            hc_buf_putc(&b, rest.p[0]);
        }
    }
    hc_buf_puts(&b, whole ? ")$" : "");
    hc_buf_putc(&b, '\0');
    if (b.spent && !bad)
        return hc_buf_check(&b, err, what);
    if (bad || product > MAX_REPEAT ||
        regcomp(&p->re, b.p, REG_EXTENDED | REG_NOSUB | (any_case ? REG_ICASE : 0)) != 0)
        return hc_fail(err, HC_E_INPUT, "%s: '%.*s' is not a regular expression that can be used here", what,
                       HC_P(hc_str_sub(text, 0, 256)));
    p->there = true;
    return HC_OK;
}

enum hc_rc hc_pattern_init(struct hc_pattern *p, hc_str text, const char *what, struct hc_err *err)
{
    return compile(p, text, false, what, err);
}

enum hc_rc hc_pattern_init_whole(struct hc_pattern *p, hc_str text, const char *what, struct hc_err *err)
{
    return compile(p, text, true, what, err);
}

void hc_pattern_done(struct hc_pattern *p)
{
    if (p->there)
        regfree(&p->re);
    p->there = false;
}

bool hc_pattern_found(const struct hc_pattern *p, hc_str text)
{
    char z[MAX_TEXT + 1];
    if (!p->there || text.n > MAX_TEXT || (text.n && memchr(text.p, 0, text.n)))
        return false;
    memcpy(z, text.p ? text.p : "", text.n);
    z[text.n] = '\0';
    return regexec(&p->re, z, 0, NULL, 0) == 0;
}
