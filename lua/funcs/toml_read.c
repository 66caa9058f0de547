/*
 * fromToml: TOML 1.0 as BurntSushi/toml 1.6 reads it, its error texts included: keys, headers and the tables they make.
 */
#include <stdio.h>

#include "lua/funcs/gounicode.h"
#include "lua/funcs/toml.h"
#include "lua/funcs/toml_impl.h"

#define MAX_DEPTH 200
#define MAX_KEYS  100

/* A name that is taken. The library tells the line of the key it has read last. */
static enum hc_rc defined(struct toml_reader *r, const char *what, const struct hc_buf *name, const char *rest)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_ERR_MSG * 4);
    hc_buf_put(&b, hc_buf_str(name));
    hc_buf_putc(&b, '\0');
    return toml_fail_line(r, toml_line_at(r, r->key_at), what, b.spent ? "" : b.p, rest);
}

/* ---- keys and tables --------------------------------------------------------------------------------- */

static bool is_bare(char ch)
{
    return toml_is_digit(ch) || ((ch | 32) >= 'a' && (ch | 32) <= 'z') || ch == '_' || ch == '-';
}

/* An error of what the lexer only looked ahead to: at the end of the text the line is not the one before. */
static enum hc_rc bad_here(struct toml_reader *r, const char *text)
{
    return toml_fail_line(r, toml_line_at(r, r->i), text, "", "");
}

/* One part of a name. */
static enum hc_rc key_part(struct toml_reader *r, hc_str *out)
{
    if (toml_at(r) == '"' || toml_at(r) == '\'')
        return toml_string(r, false, out);
    size_t from = r->i;
    while (toml_more(r) && is_bare(toml_at(r)))
        r->i++;
    *out = hc_str_sub(r->s, from, r->i);
    return HC_OK;
}

static enum hc_rc dotted_key(struct toml_reader *r, hc_str *parts, size_t *out_n)
{
    size_t n = 0;
    toml_blanks(r);
    if (!toml_more(r) || toml_at(r) == '=')
        return bad_here(r, "unexpected '=': key name appears blank");
    if (toml_at(r) == '.')
        return toml_bad(r, "unexpected '.': keys cannot start with a '.'");
    for (;;) {
        if (n == MAX_KEYS)
            return toml_bad(r, "a name of more than 100 parts");
        enum hc_rc rc = key_part(r, &parts[n++]);
        if (rc != HC_OK)
            return rc;
        toml_blanks(r);
        if (toml_at(r) == '=') {
            r->i++;
            *out_n = n;
            return HC_OK;
        }
        if (!toml_more(r))
            return toml_bad(r, "unexpected EOF; expected key separator '='");
        if (toml_at(r) != '.')
            return toml_bad_rune(r, "expected '.' or '=', but got ", " instead");
        r->i++;
        toml_blanks(r);
        if (!toml_more(r) || toml_at(r) == '=')
            return bad_here(r, "unexpected '='");
        if (toml_at(r) == '.')
            return toml_bad(r, "unexpected '.'");
    }
}

static void add_name(struct hc_buf *b, hc_str part)
{
    if (b->n > 0)
        hc_buf_putc(b, '.');
    hc_toml_key(b, part);
}

/* An array that headers made. */
static bool is_tables(const struct hc_val *v)
{
    return hc_is_list(v) && v->type == HC_GO_MAPS;
}

/* A table, or the last one of an array of tables; NULL: neither. */
static struct hc_val *as_table(struct hc_val *v)
{
    if (is_tables(v))
        return hc_list_at(v, hc_list_len(v) - 1);
    return hc_is_map(v) ? v : NULL;
}

/*
 * What the library remembers of names, for as long as the text goes on, in two sets of whole names: those that were only
 * implied ("a" of "a.b = 1"; they may be set once more, and what they are set to is forgotten) and those of arrays (which
 * give way to a table). Both outlive what they speak of: in the second [[x]] "x.a" may still be known from the first.
 */
static hc_str whole_name(struct toml_reader *r, hc_str key, struct hc_buf *b)
{
    hc_buf_init(b, 1 << 20);
    hc_buf_put(b, hc_buf_str(r->context));
    add_name(b, key);
    return hc_buf_str(b);
}

static bool known(const struct hc_val *set, hc_str name)
{
    const struct hc_val *v = hc_map_get(set, name);
    return v && v->b;
}

static void know(struct toml_reader *r, struct hc_val *set, hc_str name, bool yes)
{
    if (known(set, name) != yes)
        hc_map_put(r->c->a, set, name, hc_bool_val(r->c->a, yes));
}

/* The kind of what was set. An empty key means the table itself, by the library's mistake. */
static void set_kind(struct toml_reader *r, hc_str key, bool array)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_str name = whole_name(r, key, &b);
    if (key.n == 0 && r->context->n > 0)
        name = hc_buf_str(r->context);
    know(r, r->arrays, name, array);
}

/* Key and value into a table (NULL: r->context names what is none), or a complaint that there is one. */
static enum hc_rc set_value(struct toml_reader *r, struct hc_val *table, hc_str key, struct hc_val *v)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_str name = whole_name(r, key, &b);
    if (!table)
        return defined(r, "Key '", r->context, "' has already been defined.");
    if (hc_map_get(table, key)) {
        if (!known(r->implied, name))
            return defined(r, "Key '", &b, "' has already been defined.");
        know(r, r->implied, name, false);
        if (!known(r->arrays, name))
            return HC_OK;
    }
    hc_map_put(r->c->a, table, key, v ? v : hc_null_val(r->c->a));
    return hc_arena_spent(r->c->a) ? hc_arena_check(r->c->a, r->c->err, "the render") : HC_OK;
}

/* A table of that name for what follows, implied by it: made, or the one that is there; then r->context names it. */
static enum hc_rc enter(struct toml_reader *r, struct hc_val **io_table, hc_str key)
{
    if (!*io_table)
        return defined(r, "Key '", r->context, "' was already created as a hash.");
    HC_AUTO(hc_buf) struct hc_buf b;
    know(r, r->implied, whole_name(r, key, &b), true);
    enum hc_rc rc = set_value(r, *io_table, key, hc_map_new(r->c->a));
    if (rc != HC_OK)
        return rc;
    *io_table = as_table(hc_map_get(*io_table, key));
    add_name(r->context, key);
    return HC_OK;
}

/* One more table of the array of that name; then r->context names it. */
static enum hc_rc enter_array(struct toml_reader *r, struct hc_val **io_table, hc_str key)
{
    struct hc_val *there = hc_map_get(*io_table, key);
    if (!there) {
        there = fn_typed(hc_list_new(r->c->a), HC_GO_MAPS);
        hc_map_put(r->c->a, *io_table, key, there);
    }
    if (!is_tables(there)) {
        HC_AUTO(hc_buf) struct hc_buf b;
        whole_name(r, key, &b);
        return defined(r, "Key '", &b, "' was already created and cannot be used as an array.");
    }
    *io_table = hc_map_new(r->c->a);
    fn_add(r->c->a, there, *io_table);
    add_name(r->context, key);
    return hc_arena_spent(r->c->a) ? hc_arena_check(r->c->a, r->c->err, "the render") : HC_OK;
}

static enum hc_rc value(struct toml_reader *r, bool in_array, struct hc_val **out);

/* What an inline table is as a value. It stands beside the tables that names make, and knows no names but its own. */
static enum hc_rc put_inline(struct toml_reader *r, struct hc_val *table, const hc_str *parts, size_t n,
                             struct hc_val *v)
{
    for (size_t k = 0; k + 1 < n; k++) {
        struct hc_val *child = hc_map_get(table, parts[k]);
        if (!child)
            hc_map_put(r->c->a, table, parts[k], child = hc_map_new(r->c->a));
        if (hc_is_list(child) || (child && !hc_is_map(child))) {
            r->i = r->key_at;
            return toml_bad_text(r, "", hc_buf_str(r->context), " is not a table");
        }
        table = child;
    }
    hc_map_put(r->c->a, table, parts[n - 1], v ? v : hc_null_val(r->c->a));
    return HC_OK;
}

/* "a.b = value" into `table`, which r->context names, and into `inline_table`, if any. */
static enum hc_rc key_value(struct toml_reader *r, struct hc_val *table, struct hc_val *inline_table)
{
    hc_str parts[MAX_KEYS], outer = r->key;
    struct hc_val *v = NULL, *outer_holder = r->holder;
    size_t n = 0, context_n = r->context->n, start;
    toml_blanks(r);
    start = r->i;
    enum hc_rc rc = dotted_key(r, parts, &n);
    if (rc != HC_OK)
        return rc;
    r->key_at = start;
    r->key = parts[n - 1];
    for (size_t k = 0; rc == HC_OK && k + 1 < n; k++)
        rc = enter(r, &table, parts[k]);
    r->holder = table;
    toml_blanks(r);
    if (rc != HC_OK || (rc = value(r, false, &v)) != HC_OK || (rc = set_value(r, table, parts[n - 1], v)) != HC_OK)
        return rc;
    set_kind(r, parts[n - 1], hc_is_list(v));
    if (inline_table && (rc = put_inline(r, inline_table, parts, n, v)) != HC_OK)
        return rc;
    r->context->n = context_n;
    r->last = parts[n - 1];
    r->key = outer;
    r->holder = outer_holder;
    return hc_arena_spent(r->c->a) ? hc_arena_check(r->c->a, r->c->err, "the render") : HC_OK;
}

/* The table for the pairs of an inline table, by its name. */
static enum hc_rc enter_inline(struct toml_reader *r, bool in_array, struct hc_val **out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_str key = r->key;
    size_t outside = r->context->n;
    *out = r->holder;
    know(r, r->implied, whole_name(r, key, &b), true);
    if (!r->holder) { /* told with the whole name as the last key */
        HC_AUTO(hc_buf) struct hc_buf parent;
        hc_buf_init(&parent, 1 << 20);
        hc_buf_put(&parent, hc_buf_str(r->context));
        add_name(r->context, key);
        r->key = HC_S("");
        return defined(r, "Key '", &parent, "' was already created as a hash.");
    }
    r->key = HC_S("");
    r->context->n = outside;
    return in_array ? enter_array(r, out, key) : enter(r, out, key);
}

static enum hc_rc inline_table(struct toml_reader *r, bool in_array, struct hc_val **out)
{
    struct hc_val *table = NULL, *made = hc_map_new(r->c->a), *holder = r->holder;
    size_t context_n = r->context->n;
    hc_str outer = r->key;
    enum hc_rc rc = enter_inline(r, in_array, &table);
    if (rc != HC_OK)
        return rc;
    for (r->i++;;) {
        if ((rc = toml_space(r)) != HC_OK)
            return rc;
        if (toml_at(r) == '}')
            break;
        if (toml_at(r) == ',')
            return toml_bad(r, "unexpected comma");
        if ((rc = key_value(r, table, made)) != HC_OK)
            return rc;
        r->key = r->last;
        if ((rc = toml_space(r)) != HC_OK)
            return rc;
        if (toml_at(r) == ',')
            r->i++;
        else if (!toml_more(r))
            return toml_bad(r, "expected a comma or an inline table terminator '}', but got end of file instead");
        else if (toml_at(r) != '}') {
            char text[100];
            uint32_t rune;
            size_t n = hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &rune);
            snprintf(text, sizeof(text),
                     "expected a comma or an inline table terminator '}', but got '%.*s' instead", (int)n,
                     r->s.p + r->i);
            return toml_bad(r, text);
        }
    }
    r->i++;
    r->context->n = context_n;
    r->key = outer;
    r->holder = holder;
    *out = made;
    return HC_OK;
}

static enum hc_rc array(struct toml_reader *r, struct hc_val **out)
{
    struct hc_val *list = hc_list_new(r->c->a);
    enum hc_rc rc;
    set_kind(r, r->key, true);
    for (r->i++;;) {
        struct hc_val *v = NULL;
        if ((rc = toml_space(r)) != HC_OK)
            return rc;
        if (toml_at(r) == ']')
            break;
        if (toml_at(r) == ',')
            return toml_bad(r, "unexpected comma");
        if ((rc = value(r, true, &v)) != HC_OK || (rc = toml_space(r)) != HC_OK)
            return rc;
        fn_add(r->c->a, list, v);
        if (hc_arena_spent(r->c->a))
            return hc_arena_check(r->c->a, r->c->err, "the render");
        if (toml_at(r) == ',') {
            r->i++;
        } else if (!toml_more(r)) {
            return toml_bad(r, "expected a comma (',') or array terminator (']'), but got end of file");
        } else if (toml_at(r) != ']') {
            char text[100];
            uint32_t rune;
            size_t n = hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &rune);
            snprintf(text, sizeof(text), "expected a comma (',') or array terminator (']'), but got '%.*s'", (int)n,
                     r->s.p + r->i);
            return toml_bad(r, text);
        }
    }
    r->i++;
    *out = list;
    return HC_OK;
}

/* true and false; other words are nothing. */
static enum hc_rc word(struct toml_reader *r, struct hc_val **out)
{
    size_t from = r->i, n;
    uint32_t rune;
    while (toml_more(r)) {
        n = hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &rune);
        if (!hc_rune_is(rune, HC_RUNE_LETTER))
            break;
        r->i += n;
    }
    hc_str s = hc_str_sub(r->s, from, r->i);
    enum hc_rc rc = toml_check_char(r);
    if (rc != HC_OK)
        return rc;
    if (!hc_str_eqz(s, "true") && !hc_str_eqz(s, "false"))
        return toml_bad_text(r, "expected value but found ", s, " instead");
    *out = hc_bool_val(r->c->a, s.p[0] == 't');
    return HC_OK;
}

/* inf and nan, and what the library takes for them: it tries "n", "f", then "a", "n". What is no float it reads from the
 * last letter on that it took. */
static enum hc_rc float_word(struct toml_reader *r, bool *out_is, struct hc_val **out)
{
    static const char tries[] = "nfan";
    size_t from = r->i++;
    for (size_t k = 0; k < 4; k++) {
        enum hc_rc rc = toml_check_char(r);
        if (rc != HC_OK)
            return rc;
        if (toml_at(r) == tries[k]) {
            r->i++;
            if (k % 2 == 1) {
                *out_is = true;
                return toml_floating(r, hc_str_sub(r->s, from, r->i), out);
            }
        } else {
            k |= 1; /* no second one */
        }
    }
    r->i--;
    return HC_OK;
}

static enum hc_rc value(struct toml_reader *r, bool in_array, struct hc_val **out)
{
    hc_str s;
    uint32_t rune = 0;
    enum hc_rc rc = toml_check_char(r);
    if (rc != HC_OK)
        return rc;
    if (!toml_more(r))
        return toml_bad(r, "unexpected EOF; expected value");
    if (++r->depth > MAX_DEPTH)
        return hc_fail(r->c->err, HC_E_LIMIT, "toml: values nested deeper than %d", MAX_DEPTH);
    char ch = toml_at(r);
    bool is_float = false;
    hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &rune);
    if (ch == '"' || ch == '\'') {
        rc = toml_string(r, true, &s);
        *out = rc == HC_OK ? hc_str_val_ref(r->c->a, s) : NULL;
    } else if (ch == '[') {
        rc = array(r, out);
    } else if (ch == '{') {
        rc = inline_table(r, in_array, out);
    } else if (ch == '.') {
        rc = toml_bad(r, "floats must start with a digit, not '.'");
    } else if (toml_is_digit(ch) || ch == '-' || ch == '+') {
        rc = toml_number(r, out);
    } else if (hc_rune_is(rune, HC_RUNE_LETTER)) {
        if (ch == 'i' || ch == 'n')
            rc = float_word(r, &is_float, out);
        if (rc == HC_OK && !is_float)
            rc = word(r, out);
    } else {
        rc = toml_bad_rune(r, "expected value but found ", " instead");
    }
    r->depth--;
    return rc;
}

/* The parts of a header's name, up to its bracket. */
static enum hc_rc header_name(struct toml_reader *r, hc_str *parts, size_t *out_n)
{
    size_t n = 0;
    for (;;) {
        toml_blanks(r);
        if (!toml_more(r) || toml_at(r) == ']')
            return bad_here(r, "unexpected end of table name (table names cannot be empty)");
        if (toml_at(r) == '.')
            return toml_bad(r, "unexpected table separator (table names cannot be empty)");
        if (n == MAX_KEYS)
            return toml_bad(r, "a name of more than 100 parts");
        enum hc_rc rc = key_part(r, &parts[n++]);
        if (rc != HC_OK)
            return rc;
        toml_blanks(r);
        if (toml_at(r) == ']') {
            r->i++;
            *out_n = n;
            return HC_OK;
        }
        if (toml_at(r) != '.')
            return toml_bad_rune_at(r, "expected '.' or ']' to end table name, but got ", " instead", true);
        r->i++;
    }
}

/* The table a header opens. */
static enum hc_rc open_table(struct toml_reader *r, const hc_str *parts, size_t n, bool is_array)
{
    HC_AUTO(hc_buf) struct hc_buf name;
    hc_buf_init(&name, 1 << 20);
    struct hc_val *table = r->root;
    hc_str last = parts[n - 1];
    for (size_t k = 0; k + 1 < n; k++) {
        struct hc_val *child = hc_map_get(table, parts[k]);
        add_name(&name, parts[k]);
        if (!child) {
            know(r, r->implied, hc_buf_str(&name), true);
            hc_map_put(r->c->a, table, parts[k], child = hc_map_new(r->c->a));
        }
        if (!(table = as_table(child)))
            return defined(r, "Key '", &name, "' was already created as a hash.");
    }
    hc_buf_reset(r->context);
    hc_buf_put(r->context, hc_buf_str(&name));
    enum hc_rc rc = is_array ? enter_array(r, &table, last) : set_value(r, table, last, hc_map_new(r->c->a));
    if (rc != HC_OK)
        return rc;
    if (!is_array) {
        table = as_table(hc_map_get(table, last));
        add_name(r->context, last);
    }
    set_kind(r, HC_S(""), false);
    r->table = table;
    return HC_OK;
}

static enum hc_rc header(struct toml_reader *r)
{
    hc_str parts[MAX_KEYS];
    size_t n = 0, start = r->i;
    bool is_array = toml_looking_at(r, "[[");
    r->i += is_array ? 2 : 1;
    enum hc_rc rc = header_name(r, parts, &n);
    if (rc == HC_OK && is_array && toml_at(r) != ']')
        return toml_bad_rune_at(r, "expected end of table array name delimiter ']', but got ", " instead", true);
    r->i += rc == HC_OK && is_array;
    if (rc != HC_OK)
        return rc;
    r->key_at = start;
    return open_table(r, parts, n, is_array);
}

static enum hc_rc document(struct toml_reader *r)
{
    for (;;) {
        enum hc_rc rc = toml_space(r);
        if (rc != HC_OK || !toml_more(r))
            return rc;
        rc = toml_at(r) == '[' ? header(r) : key_value(r, r->table, NULL);
        if (rc != HC_OK)
            return rc;
        if (hc_arena_spent(r->c->a))
            return hc_arena_check(r->c->a, r->c->err, "the render");
        toml_blanks(r);
        if (toml_more(r) && toml_at(r) != '\n' && toml_at(r) != '\r' && toml_at(r) != '#')
            return toml_bad_rune(r, "expected a top-level item to end with a newline, comment, or EOF, but got ",
                                 " instead");
    }
}

FN(fn_from_toml)
{
    (void)argc;
    HC_AUTO(hc_buf) struct hc_buf context;
    hc_buf_init(&context, 1 << 20);
    struct toml_reader r = {
        .c = c, .s = fn_s(argv[0]), .root = hc_map_new(c->a), .context = &context, .key = HC_S("")
    };
    r.implied = hc_map_new(c->a);
    r.arrays = hc_map_new(c->a);
    r.table = r.root;
    if (hc_str_starts(r.s, HC_S("\xff\xfe")) || hc_str_starts(r.s, HC_S("\xfe\xff")))
        r.s = hc_str_sub(r.s, 2, r.s.n);
    else if (hc_str_starts(r.s, HC_S("\xef\xbb\xbf")))
        r.s = hc_str_sub(r.s, 3, r.s.n);
    enum hc_rc rc = memchr(r.s.p, '\0', HC_MIN(r.s.n, (size_t)6))
                        ? toml_fail_line(
                              &r, 1,
                              "files cannot contain NULL bytes; probably using UTF-16; TOML files must be UTF-8",
                              "", "")
                        : document(&r);
    if (rc == HC_E_INPUT) {
        struct hc_val *map = hc_map_new(c->a);
        hc_map_put_strz(c->a, map, "Error", c->err ? c->err->msg : "");
        hc_err_clear(c->err);
        return fn_done(c, map, out);
    }
    if (rc != HC_OK)
        return rc;
    return fn_done(c, r.root, out);
}
