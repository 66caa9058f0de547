/*
 * Label selectors (apimachinery pkg/labels: =, ==, !=, in, notin, key, !key, >, <) and field selectors (=, ==,
 * !=). A selector is a list of requirements that must all hold.
 */
#include "helmctl/sandbox/sandbox_impl.h"

enum op { OP_EQ, OP_NE, OP_IN, OP_NOTIN, OP_EXISTS, OP_ABSENT, OP_GT, OP_LT };

struct hc_sb_selector {
    hc_str key;
    enum op op;
    hc_str *values;
    size_t n;
    struct hc_sb_selector *next;
};

static bool key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '/';
}

struct scan {
    hc_str s;
    size_t at;
};

static void skip(struct scan *c)
{
    while (c->at < c->s.n && (c->s.p[c->at] == ' ' || c->s.p[c->at] == '\t'))
        c->at++;
}

static hc_str word(struct scan *c)
{
    skip(c);
    size_t from = c->at;
    while (c->at < c->s.n && key_char(c->s.p[c->at]))
        c->at++;
    return hc_str_sub(c->s, from, c->at);
}

static bool take(struct scan *c, char want)
{
    skip(c);
    if (c->at >= c->s.n || c->s.p[c->at] != want)
        return false;
    c->at++;
    return true;
}

static bool set_values(struct hc_arena *a, struct scan *c, struct hc_sb_selector *r)
{
    if (!take(c, '('))
        return false;
    r->values = HC_NEW_N(a, hc_str, c->s.n + 1);
    do {
        hc_str v = word(c);
        if (r->values)
            r->values[r->n++] = v;
    } while (take(c, ','));
    return take(c, ')');
}

static bool requirement(struct hc_arena *a, struct scan *c, struct hc_sb_selector *r)
{
    bool absent = take(c, '!');
    r->key = word(c);
    if (!r->key.n)
        return false;
    skip(c);
    if (absent || c->at >= c->s.n || c->s.p[c->at] == ',') {
        r->op = absent ? OP_ABSENT : OP_EXISTS;
        return true;
    }
    r->values = HC_NEW_N(a, hc_str, 1);
    r->n = 1;
    if (take(c, '!')) {
        r->op = OP_NE;
        if (!take(c, '='))
            return false;
    } else if (take(c, '=')) {
        r->op = OP_EQ;
        take(c, '=');
    } else if (take(c, '>')) {
        r->op = OP_GT;
    } else if (take(c, '<')) {
        r->op = OP_LT;
    } else {
        hc_str w = word(c);
        r->n = 0;
        r->op = hc_str_eqz(w, "in") ? OP_IN : OP_NOTIN;
        return (r->op == OP_IN || hc_str_eqz(w, "notin")) && set_values(a, c, r);
    }
    hc_str v = word(c);
    if (r->values)
        r->values[0] = v;
    int64_t number;
    return r->op == OP_EQ || r->op == OP_NE || hc_str_to_i64(v, &number);
}

bool hc_sb_labels_parse(struct hc_arena *a, hc_str text, struct hc_sb_selector **out, struct hc_err *err)
{
    struct scan c = { text, 0 };
    struct hc_sb_selector *first = NULL, **last = &first;
    *out = NULL;
    skip(&c);
    while (c.at < c.s.n) {
        struct hc_sb_selector *r = HC_NEW(a, struct hc_sb_selector);
        if (!r) {
            hc_fail_nomem(err);
            return false;
        }
        bool ok = requirement(a, &c, r);
        skip(&c);
        if (!ok || (c.at < c.s.n && c.s.p[c.at] != ',')) {
            hc_fail(err, HC_E_INPUT, "unable to parse requirement: found '%.*s', expected: an operator or a comma",
                    HC_P(hc_str_sub(text, c.at, text.n)));
            return false;
        }
        if (c.at < c.s.n)
            c.at++;
        *last = r;
        last = &r->next;
        skip(&c);
    }
    *out = first;
    return true;
}

static bool one_of(const struct hc_sb_selector *r, hc_str v)
{
    for (size_t i = 0; i < r->n; i++)
        if (hc_str_eq(r->values[i], v))
            return true;
    return false;
}

static bool holds(const struct hc_sb_selector *r, bool present, hc_str v)
{
    int64_t x, y;
    switch (r->op) {
    case OP_EQ:
    case OP_IN:
        return present && one_of(r, v);
    case OP_NE:
    case OP_NOTIN:
        return !present || !one_of(r, v);
    case OP_EXISTS:
        return present;
    case OP_ABSENT:
        return !present;
    case OP_GT:
    case OP_LT:
        if (!present || !hc_str_to_i64(v, &x) || !hc_str_to_i64(r->values[0], &y))
            return false;
        return r->op == OP_GT ? x > y : x < y;
    }
    return false;
}

bool hc_sb_labels_may_match(const struct hc_sb_selector *sel, hc_str body)
{
    for (; sel; sel = sel->next) {
        char quoted[72]; /* a label's value has at most 63 characters, none that JSON escapes */
        if (sel->op != OP_EQ || sel->values[0].n + 2 > sizeof(quoted))
            continue;
        quoted[0] = quoted[sel->values[0].n + 1] = '"';
        memcpy(quoted + 1, sel->values[0].p, sel->values[0].n);
        if (hc_str_find_str(body, hc_str_n(quoted, sel->values[0].n + 2)) == SIZE_MAX)
            return false;
    }
    return true;
}

bool hc_sb_labels_match(const struct hc_sb_selector *sel, const struct hc_val *labels)
{
    for (; sel; sel = sel->next) {
        const struct hc_val *v = hc_map_get(labels, sel->key);
        if (!holds(sel, v != NULL, hc_get_str(v)))
            return false;
    }
    return true;
}

bool hc_sb_fields_parse(struct hc_arena *a, hc_str text, struct hc_sb_selector **out, struct hc_err *err)
{
    struct hc_sb_selector *first = NULL, **last = &first;
    hc_str rest = text.n ? text : (hc_str){ NULL, 0 }, part;
    *out = NULL;
    while (hc_str_split(&rest, ',', &part)) {
        if (!part.n)
            continue;
        size_t eq = hc_str_find(part, '=');
        struct hc_sb_selector *r = HC_NEW(a, struct hc_sb_selector);
        hc_str *v = HC_NEW(a, hc_str);
        if (!r || !v) {
            hc_fail_nomem(err);
            return false;
        }
        if (eq == SIZE_MAX || eq == 0) {
            hc_fail(err, HC_E_INPUT, "invalid selector: '%.*s'; can't understand '%.*s'", HC_P(text), HC_P(part));
            return false;
        }
        bool ne = part.p[eq - 1] == '!';
        r->key = hc_str_sub(part, 0, ne ? eq - 1 : eq);
        *v = hc_str_sub(part, eq + 1, part.n);
        if (hc_str_starts(*v, HC_S("=")) && !ne)
            *v = hc_str_sub(*v, 1, v->n);
        r->op = ne ? OP_NE : OP_EQ;
        r->values = v;
        r->n = 1;
        *last = r;
        last = &r->next;
    }
    *out = first;
    return true;
}

bool hc_sb_fields_match(const struct hc_sb_selector *sel, const struct hc_val *obj)
{
    for (; sel; sel = sel->next) {
        /* An absent field is the empty text, as in the real server. */
        const struct hc_val *v = obj;
        hc_str rest = sel->key, step, have = HC_S("");
        while (hc_str_split(&rest, '.', &step))
            v = hc_map_get(v, step);
        if (hc_is_str(v))
            have = hc_get_str(v);
        else if (hc_kind_of(v) == HC_BOOL)
            have = v->b ? HC_S("true") : HC_S("false");
        else if (hc_str_eqz(sel->key, "spec.unschedulable"))
            have = HC_S("false");
        if (!holds(sel, true, have))
            return false;
    }
    return true;
}

bool hc_sb_label_selector_match(const struct hc_val *selector, const struct hc_val *labels)
{
    const struct hc_val *want = hc_map_getz(selector, "matchLabels");
    for (size_t i = 0; i < hc_map_len(want); i++) {
        const struct hc_entry *e = hc_map_at(want, i);
        const struct hc_val *have = hc_map_get(labels, e->key);
        if (!have || !hc_str_eq(hc_get_str(have), hc_get_str(e->val)))
            return false;
    }
    const struct hc_val *exprs = hc_map_getz(selector, "matchExpressions");
    for (size_t i = 0; i < hc_list_len(exprs); i++) {
        const struct hc_val *x = hc_list_at(exprs, i), *values = hc_map_getz(x, "values");
        hc_str op = hc_get_str_at(x, "operator");
        const struct hc_val *have = hc_map_get(labels, hc_get_str_at(x, "key"));
        bool in = false;
        for (size_t j = 0; have && j < hc_list_len(values); j++)
            in = in || hc_str_eq(hc_get_str(hc_list_at(values, j)), hc_get_str(have));
        bool ok = hc_str_eqz(op, "In")       ? in
                  : hc_str_eqz(op, "NotIn")  ? !in
                  : hc_str_eqz(op, "Exists") ? have != NULL
                                             : have == NULL;
        if (!ok)
            return false;
    }
    return true;
}
