/*
 * The regex functions (A8), with Go's rules of where the next match begins.
 */
#include "lua/funcs/fmtnum.h"
#include "lua/funcs/funcs_impl.h"
#include "lua/funcs/gounicode.h"
#include "lua/funcs/regex.h"

enum { STEPS_COMPILE = 2000, STEPS_CODE_BYTE = 10 };

enum hc_rc fn_regex(struct hc_fcall *c, hc_str expression, struct hc_regex **out)
{
    size_t made = 0;
    enum hc_rc rc = hc_regex_get(expression, out, &made, c->err);
    if (made && !fn_work(c, STEPS_COMPILE + (uint64_t)made * STEPS_CODE_BYTE)) {
        hc_regex_put(*out);
        *out = NULL;
        return fn_spent(c);
    }
    return rc;
}

/* regexp.MustCompile panics with the expression quoted in front. */
static enum hc_rc compile(struct hc_fcall *c, hc_str expression, bool must, struct hc_regex **out)
{
    static const struct hc_fmt sharp = { .sharp = true };
    enum hc_rc rc = fn_regex(c, expression, out);
    if (rc != HC_E_INPUT || must)
        return rc;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    hc_fmt_quoted(&b, &sharp, expression);
    c->panicked = true;
    if (strlen(c->err->msg) + b.n + 32 > HC_ERR_MSG) {
        HC_AUTO(hc_buf) struct hc_buf whole;
        hc_buf_init(&whole, HC_MAX_OUTPUT_BYTES);
        hc_buf_printf(&whole, "regexp: Compile(%.*s): ", HC_P(hc_buf_str(&b)));
        size_t before = whole.n;
        hc_regex_fault(expression, &whole);
        if (whole.n == before)
            hc_buf_put(&whole, hc_str_of(c->err->msg));
        if (!whole.spent)
            c->long_error = hc_buf_to_arena(&whole, c->a);
    }
    return hc_wrap(c->err, "regexp: Compile(%.*s)", HC_P(hc_buf_str(&b)));
}

enum hc_rc fn_search(struct hc_fcall *c, struct hc_search *s, struct hc_regex *r, hc_str subject)
{
    enum hc_rc rc = hc_search_init(s, r, subject, c->err);
    s->work = &c->work;
    s->work_max = c->work_max ? c->work_max : HC_MAX_RENDER_STEPS;
    s->slow = &c->slow_regex;
    return rc;
}

static size_t width_at(hc_str s, size_t at)
{
    uint32_t r;
    return at < s.n ? hc_utf8_decode(hc_str_sub(s, at, s.n), &r) : 0;
}

static enum hc_rc match(struct hc_fcall *c, struct hc_val *const *argv, bool must, struct hc_val **out)
{
    HC_AUTO(hc_regex) struct hc_regex *r = NULL;
    HC_AUTO(hc_search) struct hc_search s = { 0 };
    bool found = false;
    enum hc_rc rc = fn_regex(c, fn_s(argv[0]), &r);
    if (rc == HC_E_INPUT && !must) {
        hc_err_clear(c->err);
        return fn_bool(c, false, out);
    }
    if (rc == HC_OK)
        rc = fn_search(c, &s, r, fn_s(argv[1]));
    if (rc == HC_OK)
        rc = hc_search_next(&s, 0, &found, c->err);
    return rc == HC_OK ? fn_bool(c, found, out) : rc;
}

FN(fn_regex_match)
{
    (void)argc;
    return match(c, argv, false, out);
}

FN(fn_must_regex_match)
{
    (void)argc;
    return match(c, argv, true, out);
}

static enum hc_rc find(struct hc_fcall *c, struct hc_val *const *argv, bool must, struct hc_val **out)
{
    HC_AUTO(hc_regex) struct hc_regex *r = NULL;
    HC_AUTO(hc_search) struct hc_search s = { 0 };
    bool found = false;
    enum hc_rc rc = compile(c, fn_s(argv[0]), must, &r);
    if (rc == HC_OK)
        rc = fn_search(c, &s, r, fn_s(argv[1]));
    if (rc == HC_OK)
        rc = hc_search_next(&s, 0, &found, c->err);
    if (rc != HC_OK)
        return rc;
    return fn_ref(c, found ? hc_str_sub(s.subject, s.at[0], s.at[1]) : HC_S(""), out);
}

FN(fn_regex_find)
{
    (void)argc;
    return find(c, argv, false, out);
}

FN(fn_must_regex_find)
{
    (void)argc;
    return find(c, argv, true, out);
}

/* All matches, at most n of them when n >= 0. `each` gets the offsets; false stops. */
typedef bool each_match(void *ctx, const struct hc_search *s);

static enum hc_rc all_matches(struct hc_fcall *c, struct hc_search *s, int64_t n, each_match *each, void *ctx)
{
    size_t end = s->subject.n, prev_end = SIZE_MAX;
    int64_t given = 0;
    for (size_t pos = 0; pos <= end && (n < 0 || given < n);) {
        bool found;
        enum hc_rc rc = hc_search_next(s, pos, &found, c->err);
        if (rc != HC_OK)
            return rc;
        if (!found)
            break;
        bool accept = true;
        if (s->at[1] == pos) { /* empty: none right behind another match */
            accept = s->at[0] != prev_end;
            size_t width = width_at(s->subject, pos);
            pos = width > 0 ? pos + width : end + 1;
        } else {
            pos = s->at[1];
        }
        prev_end = s->at[1];
        if (accept && !each(ctx, s))
            break;
        given += accept;
    }
    return HC_OK;
}

struct collect {
    struct hc_arena *a;
    struct hc_val *list;
    bool too_many;
};

static bool collect_text(void *ctx, const struct hc_search *s)
{
    struct collect *k = ctx;
    k->too_many = hc_list_len(k->list) >= HC_MAX_CALL_ENTRIES;
    if (!k->too_many)
        fn_add(k->a, k->list, hc_str_val_ref(k->a, hc_str_sub(s->subject, s->at[0], s->at[1])));
    return !k->too_many && !hc_arena_spent(k->a);
}

static enum hc_rc find_all(struct hc_fcall *c, struct hc_val *const *argv, bool must, struct hc_val **out)
{
    HC_AUTO(hc_regex) struct hc_regex *r = NULL;
    HC_AUTO(hc_search) struct hc_search s = { 0 };
    struct collect k = { .a = c->a, .list = fn_strings(c->a) };
    enum hc_rc rc = compile(c, fn_s(argv[0]), must, &r);
    if (rc == HC_OK)
        rc = fn_search(c, &s, r, fn_s(argv[1]));
    if (rc == HC_OK)
        rc = all_matches(c, &s, fn_i(argv[2]), collect_text, &k);
    if (rc != HC_OK)
        return rc;
    if (k.too_many)
        return fn_too_many(c, "regexFindAll");
    if (k.list && k.list->list->n == 0)
        k.list->list->flags |= HC_LIST_NIL;
    return fn_done(c, k.list, out);
}

FN(fn_regex_find_all)
{
    (void)argc;
    return find_all(c, argv, false, out);
}

FN(fn_must_regex_find_all)
{
    (void)argc;
    return find_all(c, argv, true, out);
}

/* ---- replacing --------------------------------------------------------------------------------------- */

/* "$name", "${name}", "$1" at t.p[0] == '$'. False: the dollar stands for itself. */
static bool variable(hc_str t, hc_str *out_name, int64_t *out_number, hc_str *out_rest)
{
    hc_str s = hc_str_sub(t, 1, t.n);
    bool brace = s.n > 0 && s.p[0] == '{';
    if (brace)
        s = hc_str_sub(s, 1, s.n);
    size_t i = 0;
    while (i < s.n) {
        uint32_t r;
        size_t n = hc_utf8_decode(hc_str_sub(s, i, s.n), &r);
        if (r != '_' && !hc_rune_is(r, HC_RUNE_LETTER | HC_RUNE_DIGIT))
            break;
        i += n;
    }
    if (i == 0 || (brace && (i >= s.n || s.p[i] != '}')))
        return false;
    *out_name = hc_str_sub(s, 0, i);
    *out_rest = hc_str_sub(s, i + brace, s.n);
    int64_t number = 0;
    for (size_t k = 0; k < i && number >= 0; k++) {
        char ch = s.p[k];
        number = ch < '0' || ch > '9' || number >= 100000000 ? -1 : number * 10 + (ch - '0');
    }
    if (s.p[0] == '0' && i > 1)
        number = -1;
    *out_number = number;
    return true;
}

static void expand(struct hc_buf *b, hc_str template, const struct hc_search *s)
{
    while (template.n > 0) {
        size_t dollar = hc_str_find(template, '$');
        hc_str name, rest;
        int64_t number;
        hc_buf_put(b, hc_str_sub(template, 0, dollar));
        if (dollar == SIZE_MAX)
            return;
        template = hc_str_sub(template, dollar, template.n);
        if (template.n > 1 && template.p[1] == '$') {
            hc_buf_putc(b, '$');
            template = hc_str_sub(template, 2, template.n);
            continue;
        }
        if (!variable(template, &name, &number, &rest)) {
            hc_buf_putc(b, '$');
            template = hc_str_sub(template, 1, template.n);
            continue;
        }
        template = rest;
        size_t group = number >= 0 ? (size_t)number : hc_regex_group(s->regex, name);
        if (group <= s->groups && s->at[2 * group] != SIZE_MAX)
            hc_buf_put(b, hc_str_sub(s->subject, s->at[2 * group], s->at[2 * group + 1]));
    }
}

static enum hc_rc replace(struct hc_fcall *c, struct hc_val *const *argv, bool must, bool literal,
                          struct hc_val **out)
{
    HC_AUTO(hc_regex) struct hc_regex *r = NULL;
    HC_AUTO(hc_search) struct hc_search s = { 0 };
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    hc_str with = fn_s(argv[2]);
    enum hc_rc rc = compile(c, fn_s(argv[0]), must, &r);
    if (rc == HC_OK)
        rc = fn_search(c, &s, r, fn_s(argv[1]));
    if (rc != HC_OK)
        return rc;
    size_t last = 0, pos = 0;
    while (pos <= s.subject.n) {
        bool found;
        if ((rc = hc_search_next(&s, pos, &found, c->err)) != HC_OK)
            return rc;
        if (!found)
            break;
        hc_buf_put(&b, hc_str_sub(s.subject, last, s.at[0]));
        /* no empty match right behind another one */
        if (s.at[1] > last || s.at[0] == 0) {
            if (literal)
                hc_buf_put(&b, with);
            else
                expand(&b, with, &s);
        }
        last = s.at[1];
        size_t width = width_at(s.subject, pos);
        if (pos + width > s.at[1])
            pos += width;
        else if (pos + 1 > s.at[1])
            pos++;
        else
            pos = s.at[1];
    }
    hc_buf_put(&b, hc_str_sub(s.subject, last, s.subject.n));
    return fn_buf(c, &b, out);
}

FN(fn_regex_replace_all)
{
    (void)argc;
    return replace(c, argv, false, false, out);
}

FN(fn_must_regex_replace_all)
{
    (void)argc;
    return replace(c, argv, true, false, out);
}

FN(fn_regex_replace_all_literal)
{
    (void)argc;
    return replace(c, argv, false, true, out);
}

FN(fn_must_regex_replace_all_literal)
{
    (void)argc;
    return replace(c, argv, true, true, out);
}

/* ---- splitting --------------------------------------------------------------------------------------- */

struct pieces {
    struct hc_arena *a;
    struct hc_val *list;
    int64_t n;
    size_t begin, end;
    bool too_many;
};

static bool add_piece(void *ctx, const struct hc_search *s)
{
    struct pieces *k = ctx;
    size_t have = hc_list_len(k->list);
    if (k->n > 0 && have == (uint64_t)(k->n - 1))
        return false;
    k->too_many = have >= HC_MAX_CALL_ENTRIES;
    k->end = s->at[0];
    if (s->at[1] != 0)
        fn_add(k->a, k->list, hc_str_val_ref(k->a, hc_str_sub(s->subject, k->begin, k->end)));
    k->begin = s->at[1];
    return !k->too_many && !hc_arena_spent(k->a);
}

static enum hc_rc split(struct hc_fcall *c, struct hc_val *const *argv, bool must, struct hc_val **out)
{
    HC_AUTO(hc_regex) struct hc_regex *r = NULL;
    HC_AUTO(hc_search) struct hc_search s = { 0 };
    hc_str subject = fn_s(argv[1]);
    struct pieces k = { .a = c->a, .list = fn_strings(c->a), .n = fn_i(argv[2]) };
    enum hc_rc rc = compile(c, fn_s(argv[0]), must, &r);
    if (rc != HC_OK)
        return rc;
    if (k.n == 0) {
        if (k.list)
            k.list->list->flags |= HC_LIST_NIL;
        return fn_done(c, k.list, out);
    }
    if (fn_s(argv[0]).n > 0 && subject.n == 0) {
        fn_add(c->a, k.list, hc_strz_val(c->a, ""));
        return fn_done(c, k.list, out);
    }
    rc = fn_search(c, &s, r, subject);
    if (rc == HC_OK)
        rc = all_matches(c, &s, k.n, add_piece, &k);
    if (rc != HC_OK)
        return rc;
    if (k.too_many)
        return fn_too_many(c, "regexSplit");
    if (k.end != subject.n)
        fn_add(c->a, k.list, hc_str_val_ref(c->a, hc_str_sub(subject, k.begin, subject.n)));
    return fn_done(c, k.list, out);
}

FN(fn_regex_split)
{
    (void)argc;
    return split(c, argv, false, out);
}

FN(fn_must_regex_split)
{
    (void)argc;
    return split(c, argv, true, out);
}

FN(fn_regex_quote_meta)
{
    (void)argc;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    hc_str s = fn_s(argv[0]);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] && strchr("\\.+*?()|[]{}^$", s.p[i]))
            hc_buf_putc(&b, '\\');
        hc_buf_putc(&b, s.p[i]);
    }
    return fn_buf(c, &b, out);
}
