/*
 * Label selectors, read while they are compared: there is nothing to keep.
 */
#include "core/value/selector.h"

struct scan {
    hc_str all, rest;
    struct hc_err *err;
};

static void skip_space(struct scan *s)
{
    s->rest = hc_str_trim_left(s->rest);
}

static bool word_char(char c)
{
    return c != '\0' && !strchr(" \t\r\n,=!()<>", c);
}

static hc_str word(struct scan *s)
{
    size_t n = 0;
    skip_space(s);
    while (n < s->rest.n && word_char(s->rest.p[n]))
        n++;
    hc_str w = hc_str_sub(s->rest, 0, n);
    s->rest = hc_str_sub(s->rest, n, s->rest.n);
    return w;
}

static bool take(struct scan *s, hc_str token)
{
    skip_space(s);
    if (!hc_str_starts(s->rest, token))
        return false;
    s->rest = hc_str_sub(s->rest, token.n, s->rest.n);
    return true;
}

static enum hc_rc bad(struct scan *s, const char *what)
{
    return hc_fail(s->err, HC_E_INPUT, "selector '%.*s' at character %zu: %s", HC_P(s->all),
                   s->all.n - s->rest.n + 1, what);
}

/* "(a, b)": true in *out_in when `value` is one of them. */
static enum hc_rc set_of(struct scan *s, hc_str value, bool present, bool *out_in)
{
    *out_in = false;
    if (!take(s, HC_S("(")))
        return bad(s, "a list in brackets is missing");
    for (;;) {
        hc_str w = word(s);
        if (present && hc_str_eq(w, value))
            *out_in = true;
        if (take(s, HC_S(",")))
            continue;
        if (take(s, HC_S(")")))
            return HC_OK;
        return bad(s, "the list is not closed");
    }
}

static enum hc_rc requirement(struct scan *s, const struct hc_val *labels, bool *out)
{
    bool negated = take(s, HC_S("!")), in = false;
    hc_str key = word(s);
    if (!key.n)
        return bad(s, "a label's name is missing");
    const struct hc_val *v = hc_map_get(labels, key);
    bool present = v != NULL;
    hc_str value = hc_get_str(v);
    skip_space(s);
    if (negated) {
        *out = !present;
    } else if (!s->rest.n || s->rest.p[0] == ',') {
        *out = present;
    } else if (take(s, HC_S("!="))) {
        *out = !hc_str_eq(word(s), value) || !present;
    } else if (take(s, HC_S("==")) || take(s, HC_S("="))) {
        *out = hc_str_eq(word(s), value) && present;
    } else if (s->rest.p[0] == '<' || s->rest.p[0] == '>') {
        bool greater = s->rest.p[0] == '>';
        int64_t have, want;
        s->rest = hc_str_sub(s->rest, 1, s->rest.n);
        if (!hc_str_to_i64(word(s), &want))
            return bad(s, "a whole number is missing");
        *out = present && hc_str_to_i64(value, &have) && (greater ? have > want : have < want);
    } else {
        hc_str op = word(s);
        bool notin = hc_str_eqz(op, "notin");
        if (!notin && !hc_str_eqz(op, "in"))
            return bad(s, "expected one of = == != in notin < >");
        if (set_of(s, value, present, &in) != HC_OK)
            return HC_E_INPUT;
        *out = in != notin;
    }
    return HC_OK;
}

enum hc_rc hc_selector_fits(hc_str selector, const struct hc_val *labels, bool *out, struct hc_err *err)
{
    struct hc_err ignored;
    struct scan s = { selector, hc_str_trim(selector), err ? err : &ignored };
    bool fits = true;
    while (s.rest.n) {
        bool one = false;
        if (requirement(&s, labels, &one) != HC_OK)
            return HC_E_INPUT;
        fits = fits && one;
        skip_space(&s);
        if (s.rest.n && !take(&s, HC_S(",")))
            return bad(&s, "expected a comma");
    }
    *out = fits;
    return HC_OK;
}
