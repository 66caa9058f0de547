/*
 * fromToml: TOML 1.0 as BurntSushi/toml 1.6 reads it, its error texts included. A table remembers in its flags
 * whether it was only implied by a longer name: then it may still be given a header of its own.
 */
#include <stdio.h>

#include "lua/funcs/funcs_impl.h"
#include "lua/funcs/gounicode.h"
#include "lua/funcs/time.h"
#include "lua/funcs/toml.h"

#define IMPLICIT  2u /* hc_map.flags, cleared at the end */
#define MAX_DEPTH 200
#define MAX_KEYS  100

struct reader {
    struct hc_fcall *c;
    hc_str s;
    size_t i;
    struct hc_val *root, *table; /* table: of the header in force */
    size_t text_from;            /* where the string at hand begins */
    struct hc_buf *context;      /* its name, for messages */
    hc_str key;                  /* of the value being read, {"",0}: none */
    hc_str last;                 /* the key that was read last */
    int depth;
};

static bool more(const struct reader *r);

static int line_at(const struct reader *r, size_t at)
{
    int line = 1;
    for (size_t i = 0; i < at && i < r->s.n; i++)
        line += r->s.p[i] == '\n';
    return line;
}

static enum hc_rc fail_line(struct reader *r, int line, const char *text, const char *quoted, const char *rest)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    HC_AUTO(hc_buf) struct hc_buf last;
    hc_buf_init(&b, HC_ERR_MSG * 4);
    hc_buf_init(&last, HC_ERR_MSG * 4);
    hc_buf_put(&last, hc_buf_str(r->context));
    if (r->key.n > 0) {
        if (last.n > 0)
            hc_buf_putc(&last, '.');
        hc_buf_put(&last, r->key);
    }
    hc_buf_printf(&b, "toml: line %d", line);
    if (last.n > 0) {
        hc_buf_puts(&b, " (last key ");
        hc_go_quote(&b, hc_buf_str(&last));
        hc_buf_putc(&b, ')');
    }
    hc_buf_puts(&b, ": ");
    hc_buf_puts(&b, text);
    hc_buf_puts(&b, quoted);
    hc_buf_puts(&b, rest);
    return fn_fail(r->c, "%.*s", HC_P(hc_buf_str(&b)));
}

static enum hc_rc bad(struct reader *r, const char *text)
{
    size_t at = HC_MIN(r->i, r->s.n);
    int line = line_at(r, at);
    if (at == r->s.n && at > 0 && r->s.p[at - 1] == '\n')
        line--;
    return fail_line(r, line, text, "", "");
}

/* "... but got 'x' instead", x being the rune at r->i. `behind`: the line is counted with that rune read. */
static enum hc_rc check_char(struct reader *r);

static enum hc_rc bad_rune_at(struct reader *r, const char *text, const char *rest, bool behind)
{
    enum hc_rc rc = more(r) ? check_char(r) : HC_OK; /* what may stand nowhere is told first */
    if (rc != HC_OK)
        return rc;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    uint32_t rune = 0;
    if (r->i < r->s.n)
        hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &rune);
    struct hc_val v = { .kind = HC_INT, .type = HC_GO_INT32, .i = (int32_t)rune }, *args[] = { &v };
    hc_go_sprintf(&b, HC_S("%q"), args, 1);
    hc_buf_putc(&b, '\0');
    return fail_line(r, line_at(r, r->i + behind), text, b.spent ? "" : b.p, rest);
}

static enum hc_rc bad_rune(struct reader *r, const char *text, const char *rest)
{
    return bad_rune_at(r, text, rest, false);
}

static enum hc_rc bad_text(struct reader *r, const char *text, hc_str quoted, const char *rest)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_ERR_MSG * 4);
    hc_go_quote(&b, quoted);
    hc_buf_putc(&b, '\0');
    return fail_line(r, line_at(r, r->i), text, b.spent ? "" : b.p, rest);
}

static enum hc_rc defined(struct reader *r, const char *what, const struct hc_buf *name, const char *rest,
                          size_t at)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_ERR_MSG * 4);
    hc_buf_put(&b, hc_buf_str(name));
    hc_buf_putc(&b, '\0');
    return fail_line(r, line_at(r, at), what, b.spent ? "" : b.p, rest);
}

static char at(const struct reader *r)
{
    return r->i < r->s.n ? r->s.p[r->i] : '\0';
}

static bool more(const struct reader *r)
{
    return r->i < r->s.n;
}

static bool looking_at(const struct reader *r, const char *text)
{
    return hc_str_starts(hc_str_sub(r->s, r->i, r->s.n), hc_str_of(text));
}

static void blanks(struct reader *r)
{
    while (at(r) == ' ' || at(r) == '\t')
        r->i++;
}

/* Refuses what may stand nowhere: control characters, bytes that are no UTF-8. */
static enum hc_rc check_char(struct reader *r)
{
    char text[80];
    unsigned char ch = (unsigned char)at(r);
    uint32_t rune;
    if (ch >= 0x80) {
        if (hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &rune) > 1)
            return HC_OK;
        snprintf(text, sizeof(text), "invalid UTF-8 byte: 0x%02x", ch);
        return bad(r, text);
    }
    bool lone_cr = ch == '\r' && (r->i + 1 == r->s.n || r->s.p[r->i + 1] != '\n');
    if (!more(r) || (ch >= ' ' && ch != 0x7f) || (ch == '\r' && !lone_cr) || ch == '\t' || ch == '\n')
        return HC_OK;
    snprintf(text, sizeof(text), "TOML files cannot contain control characters: '0x%02x'", ch);
    return bad(r, text);
}

/* A comment, up to its line's end. */
static enum hc_rc comment(struct reader *r)
{
    while (more(r) && at(r) != '\n' && at(r) != '\r') {
        enum hc_rc rc = check_char(r);
        if (rc != HC_OK)
            return rc;
        uint32_t rune;
        r->i += hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &rune);
    }
    return check_char(r);
}

/* White space, line breaks and comments. */
static enum hc_rc space(struct reader *r)
{
    for (;;) {
        enum hc_rc rc = check_char(r);
        if (rc != HC_OK)
            return rc;
        if (more(r) && (at(r) == ' ' || at(r) == '\t' || at(r) == '\n' || at(r) == '\r'))
            r->i++;
        else if (at(r) != '#')
            return HC_OK;
        else if ((rc = comment(r)) != HC_OK)
            return rc;
    }
}

/* ---- strings ----------------------------------------------------------------------------------------- */

static enum hc_rc unicode_escape(struct reader *r, struct hc_buf *b, size_t digits)
{
    static const char *const words[] = { [2] = "two", [4] = "four", [8] = "eight" };
    char text[80], utf8[4];
    size_t start = r->i;
    uint32_t rune = 0;
    for (size_t k = 0; k < digits; k++, r->i++) {
        char ch = at(r);
        int d = ch >= '0' && ch <= '9'                 ? ch - '0'
                : (ch | 32) >= 'a' && (ch | 32) <= 'f' ? (ch | 32) - 'a' + 10
                                                       : -1;
        if (d < 0) {
            enum hc_rc rc = more(r) ? check_char(r) : HC_OK; /* what may stand nowhere is told first */
            if (rc != HC_OK)
                return rc;
            snprintf(text, sizeof(text), "expected %s hexadecimal digits after '\\%c', but got ", words[digits],
                     r->s.p[start - 1]);
            hc_str so_far = hc_str_sub(r->s, r->text_from, r->i + 1); /* of the whole string */
            r->i++;                                                   /* a line break is read by now */
            return bad_text(r, text, so_far, " instead");
        }
        rune = rune << 4 | (uint32_t)d;
    }
    if (rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) {
        snprintf(text, sizeof(text), "Escaped character '\\u%.*s' is not valid UTF-8.", (int)digits,
                 r->s.p + start);
        return bad(r, text);
    }
    hc_buf_put(b, hc_str_n(utf8, hc_utf8_encode(rune, utf8)));
    return HC_OK;
}

/* Behind a backslash. */
static enum hc_rc escape(struct reader *r, struct hc_buf *b, bool multi)
{
    static const char names[] = "btnfre\"\\", values[] = "\b\t\n\f\r\x1b\"\\";
    char text[60], ch = at(r);
    if (multi) { /* a backslash before the line's end swallows white space */
        size_t k = r->i;
        bool newline = false;
        for (; k < r->s.n && strchr(" \t\r\n", r->s.p[k]) && r->s.p[k]; k++)
            newline = newline || r->s.p[k] == '\n';
        if (newline) {
            r->i = k;
            return HC_OK;
        }
    }
    const char *known = ch ? strchr(names, ch) : NULL;
    r->i += more(r);
    if (known) {
        hc_buf_putc(b, values[known - names]);
        return HC_OK;
    }
    if (ch == 'x' || ch == 'u' || ch == 'U')
        return unicode_escape(r, b, ch == 'x' ? 2 : ch == 'u' ? 4 : 8);
    if (ch == ' ' || ch == '\t')
        snprintf(text, sizeof(text), "invalid escape: '\\%c'", ch);
    else
        snprintf(text, sizeof(text), "invalid escape in string '\\%c'", ch);
    return bad(r, text);
}

/* A string whose opening quote stands at r->i. */
static enum hc_rc string(struct reader *r, bool may_be_multi, hc_str *out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    char quote = at(r), triple[4] = { quote, quote, quote, 0 };
    bool multi = may_be_multi && looking_at(r, triple);
    r->i += multi ? 3 : 1;
    if (multi && at(r) == '\n')
        r->i++;
    else if (multi && looking_at(r, "\r\n"))
        r->i += 2;
    r->text_from = r->i;
    for (;;) {
        enum hc_rc rc = check_char(r);
        if (rc != HC_OK)
            return rc;
        if (!more(r))
            return bad(r, quote == '"'
                              ? (multi ? "unexpected EOF; expected '\"\"\"'" : "unexpected EOF; expected '\"'")
                              : (multi ? "unexpected EOF; expected \"'''\"" : "unexpected EOF; expected \"'\""));
        char ch = at(r);
        if (!multi && (ch == '\n' || ch == '\r'))
            return fail_line(r, line_at(r, r->i) - (ch == '\r'), "strings cannot contain newlines", "", "");
        if (ch == quote && !multi) {
            r->i++;
            break;
        }
        if (ch == quote && looking_at(r, triple)) {
            size_t n = 3; /* up to two more belong to the text */
            while (n < 6 && r->i + n < r->s.n && r->s.p[r->i + n] == quote)
                n++;
            if (n == 6)
                return bad(r, quote == '"' ? "unexpected '\"\"\"\"\"\"'" : "unexpected \"''''''\"");
            hc_buf_fill(&b, quote, n - 3);
            r->i += n;
            break;
        }
        uint32_t rune;
        size_t width = hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &rune);
        hc_str character = hc_str_sub(r->s, r->i, r->i + width);
        r->i += width;
        if (ch == '\\' && quote == '"') {
            if ((rc = escape(r, &b, multi)) != HC_OK)
                return rc;
        } else {
            hc_buf_put(&b, character);
        }
    }
    *out = hc_buf_to_arena(&b, r->c->a);
    return HC_OK;
}

/* ---- numbers and dates -------------------------------------------------------------------------------- */

static bool is_digit(char ch)
{
    return ch >= '0' && ch <= '9';
}

/* A value of its own alphabet ended here: a byte that may stand nowhere is told before the value is looked at. */
static enum hc_rc ended(struct reader *r)
{
    return more(r) ? check_char(r) : HC_OK;
}

static bool is_hex(char ch)
{
    return is_digit(ch) || ((ch | 32) >= 'a' && (ch | 32) <= 'f');
}

static void scan(struct reader *r, const char *also)
{
    while (more(r) && (is_digit(at(r)) || (at(r) && strchr(also, at(r)))))
        r->i++;
}

static bool underscores_ok(hc_str s)
{
    bool accept = false;
    if (hc_str_ends(s, HC_S("nan")) || hc_str_ends(s, HC_S("inf")))
        return true;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '_' && !accept)
            return false;
        accept = is_hex(s.p[i]);
    }
    return accept;
}

static bool leading_zero(hc_str s)
{
    if (s.n > 1 && s.p[0] == '0' && !strchr("box", s.p[1]))
        return true;
    return s.n > 2 && (s.p[0] == '-' || s.p[0] == '+') && s.p[1] == '0';
}

static enum hc_rc integer(struct reader *r, hc_str s, struct hc_val **out)
{
    int64_t v;
    char text[120];
    if (!underscores_ok(s))
        return bad_text(r, "Invalid integer ", s, ": underscores must be surrounded by digits");
    if (leading_zero(s))
        return bad_text(r, "Invalid integer ", s, ": cannot have leading zeroes");
    if (!fn_parse_int(s, 0, &v)) {
        snprintf(text, sizeof(text), "%.*s is out of range for int64", (int)HC_MIN(s.n, (size_t)60), s.p);
        return bad(r, text);
    }
    *out = hc_int_val(r->c->a, v);
    return HC_OK;
}

static enum hc_rc floating(struct reader *r, hc_str s, struct hc_val **out)
{
    char *text = hc_arena_alloc(r->c->a, s.n + 1, 1);
    size_t n = 0, from = 0;
    double f;
    bool first = true;
    if (!text)
        return hc_arena_check(r->c->a, r->c->err, "the render");
    for (size_t i = 0; i <= s.n; i++) {
        if (i < s.n && s.p[i] != '.' && (s.p[i] | 32) != 'e')
            continue;
        hc_str part = hc_str_sub(s, from, i);
        from = i + 1;
        if (part.n == 0)
            continue;
        if (!underscores_ok(part))
            return bad_text(r, "Invalid float ", s, ": underscores must be surrounded by digits");
        if (first && leading_zero(part))
            return bad_text(r, "Invalid float ", s, ": cannot have leading zeroes");
        first = false;
    }
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '.' && (i + 1 == s.n || !is_digit(s.p[i + 1])))
            return bad_text(r, "Invalid float ", s, ": '.' must be followed by one or more digits");
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '_')
            text[n++] = s.p[i];
    hc_str plain = { text, n };
    bool nan = hc_str_ends(plain, HC_S("nan"));
    if (!fn_parse_float(nan ? HC_S("nan") : plain, &f)) {
        if (!isinf(f))
            return bad_text(r, "Invalid float value: ", s, "");
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, HC_ERR_MSG * 4);
        hc_buf_printf(&b, "%.*s is out of range for float64%c", HC_P(s), 0);
        return bad(r, b.spent ? "" : b.p);
    }
    *out = hc_float_val(r->c->a, nan && text[0] == '-' ? -f : f);
    return HC_OK;
}

static const struct hc_zone *local_zone(struct reader *r, const char *name)
{
    const struct hc_zone *local;
    struct hc_civil now;
    struct hc_time t = { .sec = fn_now_ns(r->c) / 1000000000 };
    (void)fn_work(r->c, STEPS_ZONE);
    hc_zone_load(r->c->door, r->c->a, HC_S("Local"), &local);
    t.zone = local;
    hc_time_civil(&t, &now);
    return name ? hc_zone_fixed(r->c->a, hc_str_of(name), now.offset) : local;
}

static enum hc_rc datetime(struct reader *r, hc_str s, struct hc_val **out)
{
    static const struct {
        const char *layout, *zone;
    } forms[] = { { "2006-01-02T15:04:05.999999999Z07:00", NULL },
                  { "2006-01-02T15:04:05.999999999", "datetime-local" },
                  { "2006-01-02", "date-local" },
                  { "15:04:05.999999999", "time-local" },
                  { "2006-01-02T15:04Z07:00", NULL },
                  { "2006-01-02T15:04", "datetime-local" },
                  { "15:04", "time-local" } };
    s = hc_str_trim(s);
    char *z = hc_arena_strz(r->c->a, s);
    for (size_t i = 0; z && i < s.n; i++)
        z[i] = z[i] == 'z' ? 'Z' : z[i] == 't' || z[i] == ' ' ? 'T' : z[i];
    for (size_t k = 0; z && k < HC_LEN(forms); k++) {
        struct hc_time t;
        const char *layout = forms[k].layout;
        if (hc_time_parse(r->c->a, hc_str_of(layout), hc_str_n(z, s.n), local_zone(r, forms[k].zone), &t, NULL) !=
            HC_OK)
            continue;
        bool zeros = true; /* each number in its full width */
        for (size_t i = 0; layout[i] && layout[i] != '.' && layout[i] != 'Z' && zeros; i++)
            zeros = is_digit(layout[i]) || (i < s.n && z[i] == layout[i]);
        if (!zeros)
            break;
        *out = hc_time_val(r->c->a, &t);
        return HC_OK;
    }
    return bad_text(r, "invalid datetime: ", hc_str_n(z, z ? s.n : 0), "");
}

/* 0b, 0o and 0x, r->i at the zero. */
static enum hc_rc based_integer(struct reader *r, size_t from, bool sign, struct hc_val **out)
{
    char text[100], base = r->s.p[r->i + 1];
    const char *digits = base == 'b' ? "01_" : base == 'o' ? "01234567_" : "0123456789abcdefABCDEF_";
    r->i += 2;
    if (sign) {
        snprintf(text, sizeof(text), "cannot use sign with non-decimal numbers: '%c0%c'", r->s.p[from], base);
        return bad(r, text);
    }
    if (!more(r) || at(r) == '_' || !at(r) || !strchr(digits, at(r))) {
        snprintf(text, sizeof(text), "not a%s number: '0%c%c'",
                 base == 'b'   ? " binary"
                 : base == 'o' ? "n octal"
                               : " hexadecimal",
                 base, at(r));
        return bad(r, text);
    }
    while (more(r) && at(r) && strchr(digits, at(r)))
        r->i++;
    return integer(r, hc_str_sub(r->s, from, r->i), out);
}

static enum hc_rc number(struct reader *r, struct hc_val **out)
{
    enum hc_rc rc;
    size_t from = r->i;
    bool sign = at(r) == '-' || at(r) == '+';
    r->i += sign;
    if (sign && (looking_at(r, "inf") || looking_at(r, "nan"))) {
        r->i += 3;
        return floating(r, hc_str_sub(r->s, from, r->i), out);
    }
    if (sign && (at(r) == 'i' || at(r) == 'n')) {
        char text[40];
        bool second = r->i + 1 < r->s.n && r->s.p[r->i + 1] == (at(r) == 'i' ? 'n' : 'a');
        size_t n = second ? 3 : 2;
        snprintf(text, sizeof(text), "invalid float: '%.*s'", (int)n, r->s.p + from);
        return bad(r, text);
    }
    if (sign && at(r) == '.')
        return bad(r, "floats must start with a digit, not '.'");
    if (sign && !is_digit(at(r)))
        return bad_rune(r, "expected a digit but got ", "");
    if (at(r) == '0' && r->i + 1 < r->s.n && r->s.p[r->i + 1] && strchr("box", r->s.p[r->i + 1]))
        return based_integer(r, from, sign, out);
    scan(r, "");
    if (!sign && (at(r) == '-' || at(r) == ':')) {
        scan(r, "-:Tt .Zz+");
        rc = ended(r);
        return rc == HC_OK ? datetime(r, hc_str_sub(r->s, from, r->i), out) : rc;
    }
    scan(r, "_");
    if (at(r) == '.' || (at(r) | 32) == 'e') {
        scan(r, "_.-+eE");
        rc = ended(r);
        return rc == HC_OK ? floating(r, hc_str_sub(r->s, from, r->i), out) : rc;
    }
    rc = ended(r);
    return rc == HC_OK ? integer(r, hc_str_sub(r->s, from, r->i), out) : rc;
}

/* ---- keys and tables --------------------------------------------------------------------------------- */

static bool is_bare(char ch)
{
    return is_digit(ch) || ((ch | 32) >= 'a' && (ch | 32) <= 'z') || ch == '_' || ch == '-';
}

/* One part of a name. */
static enum hc_rc key_part(struct reader *r, hc_str *out)
{
    if (at(r) == '"' || at(r) == '\'')
        return string(r, false, out);
    size_t from = r->i;
    while (more(r) && is_bare(at(r)))
        r->i++;
    *out = hc_str_sub(r->s, from, r->i);
    return HC_OK;
}

static enum hc_rc dotted_key(struct reader *r, hc_str *parts, size_t *out_n)
{
    size_t n = 0;
    blanks(r);
    if (!more(r) || at(r) == '=')
        return bad(r, "unexpected '=': key name appears blank");
    if (at(r) == '.')
        return bad(r, "unexpected '.': keys cannot start with a '.'");
    for (;;) {
        if (n == MAX_KEYS)
            return bad(r, "a name of more than 100 parts");
        enum hc_rc rc = key_part(r, &parts[n++]);
        if (rc != HC_OK)
            return rc;
        blanks(r);
        if (at(r) == '=') {
            r->i++;
            *out_n = n;
            return HC_OK;
        }
        if (!more(r))
            return bad(r, "unexpected EOF; expected key separator '='");
        if (at(r) != '.')
            return bad_rune(r, "expected '.' or '=', but got ", " instead");
        r->i++;
        blanks(r);
        if (!more(r) || at(r) == '=')
            return bad(r, "unexpected '='");
        if (at(r) == '.')
            return bad(r, "unexpected '.'");
    }
}

static void add_name(struct hc_buf *b, hc_str part)
{
    if (b->n > 0)
        hc_buf_putc(b, '.');
    hc_toml_key(b, part);
}

static struct hc_val *new_table(struct reader *r, bool implicit)
{
    struct hc_val *t = hc_map_new(r->c->a);
    if (t && implicit)
        t->map->flags |= IMPLICIT;
    return t;
}

/* A table, or the last one of an array of tables; NULL: neither. */
static struct hc_val *as_table(struct hc_val *v)
{
    if (hc_is_list(v) && v->type == HC_GO_MAPS)
        return hc_list_at(v, hc_list_len(v) - 1);
    return hc_is_map(v) ? v : NULL;
}

static enum hc_rc value(struct reader *r, struct hc_val **out);

/* "a.b = value" into `table`; messages name it with what r->context holds. */
static enum hc_rc key_value(struct reader *r, struct hc_val *table)
{
    hc_str parts[MAX_KEYS], outer = r->key;
    size_t n = 0, context_n = r->context->n, start;
    bool clash = false;
    blanks(r);
    start = r->i;
    enum hc_rc rc = dotted_key(r, parts, &n);
    for (size_t k = 0; rc == HC_OK && k + 1 < n; k++) {
        r->key = parts[n - 1];
        if (!table)
            return defined(r, "Key '", r->context, "' was already created as a hash.", start);
        struct hc_val *child = hc_map_get(table, parts[k]);
        add_name(r->context, parts[k]);
        bool array = hc_is_list(child) && child->type != HC_GO_MAPS;
        clash |= array && r->depth > 0;
        if (!child || array) { /* an array gives way, outside of inline tables */
            child = new_table(r, true);
            hc_map_put(r->c->a, table, parts[k], child);
            if (hc_arena_spent(r->c->a))
                return hc_arena_check(r->c->a, r->c->err, "the render");
        } else if (hc_is_map(child)) {
            child->map->flags &= ~IMPLICIT;
        }
        table = as_table(child);
    }
    if (rc == HC_OK) {
        struct hc_val *v = NULL;
        r->key = parts[n - 1];
        blanks(r);
        rc = value(r, &v); /* a mistake in it is told first */
        if (rc == HC_OK && clash)
            return bad_text(r, "", hc_buf_str(r->context), " is not a table");
        if (rc == HC_OK && !table)
            return defined(r, "Key '", r->context,
                           hc_is_map(v) ? "' was already created as a hash." : "' has already been defined.",
                           start);
        struct hc_val *there = rc == HC_OK ? hc_map_get(table, parts[n - 1]) : NULL;
        bool implied = hc_is_map(there) && (there->map->flags & IMPLICIT);
        if (there && (!implied || hc_is_map(v))) {
            HC_AUTO(hc_buf) struct hc_buf name;
            hc_buf_init(&name, HC_ERR_MSG * 4);
            hc_buf_put(&name, hc_buf_str(r->context));
            add_name(&name, parts[n - 1]);
            return defined(r, "Key '", &name, "' has already been defined.", start);
        }
        if (implied &&
            !hc_is_list(v)) { /* the table stays, the value is forgotten; only an array takes its place */
            there->map->flags &= ~IMPLICIT;
            v = there;
        }
        if (rc == HC_OK)
            hc_map_put(r->c->a, table, parts[n - 1], v ? v : hc_null_val(r->c->a));
    }
    if (rc == HC_OK) {
        r->context->n = context_n;
        r->last = parts[n - 1];
        r->key = outer;
    }
    return rc;
}

static enum hc_rc inline_table(struct reader *r, struct hc_val **out)
{
    struct hc_val *table = new_table(r, false);
    size_t context_n = r->context->n;
    hc_str outer = r->key;
    enum hc_rc rc;
    add_name(r->context, r->key);
    r->key = HC_S("");
    for (r->i++;;) {
        if ((rc = space(r)) != HC_OK)
            return rc;
        if (at(r) == '}')
            break;
        if (at(r) == ',')
            return bad(r, "unexpected comma");
        if ((rc = key_value(r, table)) != HC_OK)
            return rc;
        r->key = r->last;
        if ((rc = space(r)) != HC_OK)
            return rc;
        if (at(r) == ',')
            r->i++;
        else if (!more(r))
            return bad(r, "expected a comma or an inline table terminator '}', but got end of file instead");
        else if (at(r) != '}') {
            char text[100];
            uint32_t rune;
            size_t n = hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &rune);
            snprintf(text, sizeof(text),
                     "expected a comma or an inline table terminator '}', but got '%.*s' instead", (int)n,
                     r->s.p + r->i);
            return bad(r, text);
        }
    }
    r->i++;
    r->context->n = context_n;
    r->key = outer;
    *out = table;
    return HC_OK;
}

static enum hc_rc array(struct reader *r, struct hc_val **out)
{
    struct hc_val *list = hc_list_new(r->c->a);
    enum hc_rc rc;
    for (r->i++;;) {
        struct hc_val *v = NULL;
        if ((rc = space(r)) != HC_OK)
            return rc;
        if (at(r) == ']')
            break;
        if (at(r) == ',')
            return bad(r, "unexpected comma");
        if ((rc = value(r, &v)) != HC_OK || (rc = space(r)) != HC_OK)
            return rc;
        fn_add(r->c->a, list, v);
        if (hc_arena_spent(r->c->a))
            return hc_arena_check(r->c->a, r->c->err, "the render");
        if (at(r) == ',') {
            r->i++;
        } else if (!more(r)) {
            return bad(r, "expected a comma (',') or array terminator (']'), but got end of file");
        } else if (at(r) != ']') {
            char text[100];
            uint32_t rune;
            size_t n = hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &rune);
            snprintf(text, sizeof(text), "expected a comma (',') or array terminator (']'), but got '%.*s'", (int)n,
                     r->s.p + r->i);
            return bad(r, text);
        }
    }
    r->i++;
    *out = list;
    return HC_OK;
}

/* true and false; other words are nothing. */
static enum hc_rc word(struct reader *r, struct hc_val **out)
{
    size_t from = r->i, n;
    uint32_t rune;
    while (more(r)) {
        n = hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &rune);
        if (!hc_rune_is(rune, HC_RUNE_LETTER))
            break;
        r->i += n;
    }
    hc_str s = hc_str_sub(r->s, from, r->i);
    enum hc_rc rc = ended(r);
    if (rc != HC_OK)
        return rc;
    if (!hc_str_eqz(s, "true") && !hc_str_eqz(s, "false"))
        return bad_text(r, "expected value but found ", s, " instead");
    *out = hc_bool_val(r->c->a, s.p[0] == 't');
    return HC_OK;
}

static enum hc_rc value(struct reader *r, struct hc_val **out)
{
    hc_str s;
    uint32_t rune = 0;
    enum hc_rc rc = check_char(r);
    if (rc != HC_OK)
        return rc;
    if (!more(r))
        return bad(r, "unexpected EOF; expected value");
    if (++r->depth > MAX_DEPTH)
        return hc_fail(r->c->err, HC_E_LIMIT, "toml: values nested deeper than %d", MAX_DEPTH);
    char ch = at(r);
    char at_sign = (ch == '+' || ch == '-') && r->i + 1 < r->s.n ? r->s.p[r->i + 1]
                                                                 : '\0'; /* what is behind a sign */
    hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &rune);
    if (ch == '"' || ch == '\'') {
        rc = string(r, true, &s);
        *out = rc == HC_OK ? hc_str_val_ref(r->c->a, s) : NULL;
    } else if (ch == '[') {
        rc = array(r, out);
    } else if (ch == '{') {
        rc = inline_table(r, out);
    } else if (ch == '.') {
        rc = bad(r, "floats must start with a digit, not '.'");
    } else if (is_digit(ch) || ch == '-' || ch == '+') {
        rc = number(r, out);
    } else if (looking_at(r, "inf") || looking_at(r, "nan")) {
        r->i += 3;
        *out = hc_float_val(r->c->a, ch == 'i' ? HUGE_VAL : NAN);
    } else if (hc_rune_is(rune, HC_RUNE_LETTER)) {
        r->i += looking_at(r, "in") || looking_at(r, "na"); /* the library has taken it for an inf or a nan */
        rc = word(r, out);
    } else {
        rc = bad_rune(r, "expected value but found ", " instead");
    }
    r->depth--;
    /* the library reads one character more before it ends a string or a number, but for inf and nan */
    bool looked = ch == '"' || ch == '\'' || is_digit(ch) || is_digit(at_sign);
    return rc == HC_OK && looked ? check_char(r) : rc;
}

/* The parts of a header's name, up to its bracket. */
static enum hc_rc header_name(struct reader *r, hc_str *parts, size_t *out_n)
{
    size_t n = 0;
    for (;;) {
        blanks(r);
        if (!more(r) || at(r) == ']')
            return bad(r, "unexpected end of table name (table names cannot be empty)");
        if (at(r) == '.')
            return bad(r, "unexpected table separator (table names cannot be empty)");
        if (n == MAX_KEYS)
            return bad(r, "a name of more than 100 parts");
        enum hc_rc rc = key_part(r, &parts[n++]);
        if (rc != HC_OK)
            return rc;
        blanks(r);
        if (at(r) == ']') {
            r->i++;
            *out_n = n;
            return HC_OK;
        }
        if (at(r) != '.')
            return bad_rune_at(r, "expected '.' or ']' to end table name, but got ", " instead", true);
        r->i++;
    }
}

/* The table a header opens. */
static enum hc_rc open_table(struct reader *r, const hc_str *parts, size_t n, bool is_array, size_t start)
{
    HC_AUTO(hc_buf) struct hc_buf name;
    hc_buf_init(&name, HC_ERR_MSG * 4);
    struct hc_val *table = r->root;
    for (size_t k = 0; k + 1 < n; k++) {
        struct hc_val *child = hc_map_get(table, parts[k]);
        add_name(&name, parts[k]);
        if (!child) {
            child = new_table(r, true);
            hc_map_put(r->c->a, table, parts[k], child);
        }
        if (!(table = as_table(child)))
            return defined(r, "Key '", &name, "' was already created as a hash.", start);
    }
    hc_str last = parts[n - 1];
    struct hc_val *there = hc_map_get(table, last), *fresh = new_table(r, false);
    hc_buf_reset(r->context);
    hc_buf_put(r->context, hc_buf_str(&name));
    add_name(&name, last);
    if (is_array) {
        if (!there) {
            there = fn_typed(hc_list_new(r->c->a), HC_GO_MAPS);
            hc_map_put(r->c->a, table, last, there);
        }
        if (!hc_is_list(there) || there->type != HC_GO_MAPS)
            return defined(r, "Key '", &name, "' was already created and cannot be used as an array.", start);
        fn_add(r->c->a, there, fresh);
        r->table = fresh;
    } else if (there && hc_is_map(there) && (there->map->flags & IMPLICIT)) {
        there->map->flags &= ~IMPLICIT;
        r->table = there;
    } else if (there) {
        return defined(r, "Key '", &name, "' has already been defined.", start);
    } else {
        hc_map_put(r->c->a, table, last, fresh);
        r->table = fresh;
    }
    hc_buf_reset(r->context);
    hc_buf_put(r->context, hc_buf_str(&name));
    return HC_OK;
}

static enum hc_rc header(struct reader *r)
{
    hc_str parts[MAX_KEYS];
    size_t n = 0, start = r->i;
    bool is_array = looking_at(r, "[[");
    r->i += is_array ? 2 : 1;
    enum hc_rc rc = header_name(r, parts, &n);
    if (rc == HC_OK && is_array && at(r) != ']')
        return bad_rune_at(r, "expected end of table array name delimiter ']', but got ", " instead", true);
    r->i += rc == HC_OK && is_array;
    return rc == HC_OK ? open_table(r, parts, n, is_array, start) : rc;
}

static enum hc_rc document(struct reader *r)
{
    for (;;) {
        enum hc_rc rc = space(r);
        if (rc != HC_OK || !more(r))
            return rc;
        rc = at(r) == '[' ? header(r) : key_value(r, r->table);
        if (rc != HC_OK)
            return rc;
        if (hc_arena_spent(r->c->a))
            return hc_arena_check(r->c->a, r->c->err, "the render");
        blanks(r);
        if (more(r) && at(r) != '\n' && at(r) != '\r' && at(r) != '#')
            return bad_rune(r, "expected a top-level item to end with a newline, comment, or EOF, but got ",
                            " instead");
    }
}

static void clear_flags(struct hc_val *v)
{
    if (hc_is_map(v)) {
        v->map->flags = 0;
        for (uint32_t i = 0; i < v->map->n; i++)
            clear_flags(v->map->entries[i].val);
    } else if (hc_is_list(v)) {
        for (uint32_t i = 0; i < v->list->n; i++)
            clear_flags(v->list->items[i]);
    }
}

FN(fn_from_toml)
{
    (void)argc;
    HC_AUTO(hc_buf) struct hc_buf context;
    hc_buf_init(&context, 1 << 20);
    struct reader r = {
        .c = c, .s = fn_s(argv[0]), .root = hc_map_new(c->a), .context = &context, .key = HC_S("")
    };
    r.table = r.root;
    if (hc_str_starts(r.s, HC_S("\xff\xfe")) || hc_str_starts(r.s, HC_S("\xfe\xff")))
        r.s = hc_str_sub(r.s, 2, r.s.n);
    else if (hc_str_starts(r.s, HC_S("\xef\xbb\xbf")))
        r.s = hc_str_sub(r.s, 3, r.s.n);
    enum hc_rc rc = memchr(r.s.p, '\0', HC_MIN(r.s.n, (size_t)6))
                        ? fail_line(
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
    clear_flags(r.root);
    return fn_done(c, r.root, out);
}
