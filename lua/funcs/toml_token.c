/*
 * The characters and values of a TOML text. The library whose answers these are has a lexer, which runs from one token to the
 * next, and a parser, which asks for them. So of several mistakes the lexer's within a token are told first (a string is read
 * to its end before its escapes are looked up), then the parser's about that token, then whatever stands behind it.
 */
#include <stdio.h>

#include "lua/funcs/time.h"
#include "lua/funcs/toml_impl.h"

int toml_line_at(const struct toml_reader *r, size_t at)
{
    int line = 1;
    for (size_t i = 0; i < at && i < r->s.n; i++)
        line += r->s.p[i] == '\n';
    return line;
}

enum hc_rc toml_fail_line(struct toml_reader *r, int line, const char *text, const char *quoted, const char *rest)
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

enum hc_rc toml_bad(struct toml_reader *r, const char *text)
{
    size_t at = HC_MIN(r->i, r->s.n);
    int line = toml_line_at(r, at);
    if (at == r->s.n && at > 0 && r->s.p[at - 1] == '\n')
        line--;
    return toml_fail_line(r, line, text, "", "");
}

/* "... but got 'x' instead", x being the rune at r->i. */
enum hc_rc toml_bad_rune_at(struct toml_reader *r, const char *text, const char *rest, bool behind)
{
    enum hc_rc rc = toml_more(r) ? toml_check_char(r) : HC_OK; /* what may stand nowhere is told first */
    if (rc != HC_OK)
        return rc;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    uint32_t rune = 0;
    if (r->i < r->s.n)
        hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &rune);
    struct hc_val v = { .kind = HC_INT, .type = HC_GO_INT32, .i = (int32_t)rune }, *args[] = { &v };
    hc_go_sprintf(&b, HC_S("%q"), args, 1, false);
    hc_buf_putc(&b, '\0');
    return toml_fail_line(r, toml_line_at(r, r->i + behind), text, b.spent ? "" : b.p, rest);
}

enum hc_rc toml_bad_rune(struct toml_reader *r, const char *text, const char *rest)
{
    return toml_bad_rune_at(r, text, rest, false);
}

enum hc_rc toml_bad_text(struct toml_reader *r, const char *text, hc_str quoted, const char *rest)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_ERR_MSG * 4);
    hc_go_quote(&b, quoted);
    hc_buf_putc(&b, '\0');
    return toml_fail_line(r, toml_line_at(r, r->i), text, b.spent ? "" : b.p, rest);
}

/* Refuses what may stand nowhere: control characters, bytes that are no UTF-8. */
enum hc_rc toml_check_char(struct toml_reader *r)
{
    char text[80];
    unsigned char ch = (unsigned char)toml_at(r);
    uint32_t rune;
    if (ch >= 0x80) {
        if (hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &rune) > 1)
            return HC_OK;
        snprintf(text, sizeof(text), "invalid UTF-8 byte: 0x%02x", ch);
        return toml_bad(r, text);
    }
    bool lone_cr = ch == '\r' && (r->i + 1 == r->s.n || r->s.p[r->i + 1] != '\n');
    if (!toml_more(r) || (ch >= ' ' && ch != 0x7f) || (ch == '\r' && !lone_cr) || ch == '\t' || ch == '\n')
        return HC_OK;
    snprintf(text, sizeof(text), "TOML files cannot contain control characters: '0x%02x'", ch);
    return toml_bad(r, text);
}

/* A comment, up to its line's end. */
static enum hc_rc comment(struct toml_reader *r)
{
    while (toml_more(r) && toml_at(r) != '\n' && toml_at(r) != '\r') {
        enum hc_rc rc = toml_check_char(r);
        if (rc != HC_OK)
            return rc;
        uint32_t rune;
        r->i += hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &rune);
    }
    return toml_check_char(r);
}

/* White space, line breaks and comments. */
enum hc_rc toml_space(struct toml_reader *r)
{
    for (;;) {
        enum hc_rc rc = toml_check_char(r);
        if (rc != HC_OK)
            return rc;
        if (toml_more(r) && (toml_at(r) == ' ' || toml_at(r) == '\t' || toml_at(r) == '\n' || toml_at(r) == '\r'))
            r->i++;
        else if (toml_at(r) != '#')
            return HC_OK;
        else if ((rc = comment(r)) != HC_OK)
            return rc;
    }
}

/* ---- strings ----------------------------------------------------------------------------------------- */

/* `later` is told when the string ends, if nothing is wrong before. */
static enum hc_rc unicode_escape(struct toml_reader *r, struct hc_buf *b, size_t digits, char later[80])
{
    static const char *const words[] = { [2] = "two", [4] = "four", [8] = "eight" };
    char text[80], utf8[4];
    size_t start = r->i;
    uint32_t rune = 0;
    for (size_t k = 0; k < digits; k++, r->i++) {
        char ch = toml_at(r);
        int d = hc_hex_digit(ch);
        if (d < 0) {
            enum hc_rc rc = toml_more(r) ? toml_check_char(r) : HC_OK; /* what may stand nowhere is told first */
            if (rc != HC_OK)
                return rc;
            snprintf(text, sizeof(text), "expected %s hexadecimal digits after '\\%c', but got ", words[digits],
                     r->s.p[start - 1]);
            uint32_t other;
            size_t n = toml_more(r) ? hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &other) : 1;
            hc_str so_far = hc_str_sub(r->s, r->text_from, r->i + n); /* of the whole string */
            r->i += n;                                                /* a line break is read by now */
            return toml_bad_text(r, text, so_far, " instead");
        }
        rune = rune << 4 | (uint32_t)d;
    }
    if (rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) {
        if (!later[0])
            snprintf(later, 80, "Escaped character '\\u%.*s' is not valid UTF-8.", (int)digits, r->s.p + start);
        return HC_OK;
    }
    hc_buf_put(b, hc_str_n(utf8, hc_utf8_encode(rune, utf8)));
    return HC_OK;
}

/* Behind a backslash. */
static enum hc_rc escape(struct toml_reader *r, struct hc_buf *b, bool multi, char later[80])
{
    static const char names[] = "btnfre\"\\", values[] = "\b\t\n\f\r\x1b\"\\";
    char text[60], ch = toml_at(r);
    if (multi) { /* a backslash before the line's end swallows white space */
        size_t k = r->i;
        bool newline = false;
        for (; k < r->s.n && strchr(" \t\r\n", r->s.p[k]) && r->s.p[k]; k++) {
            newline = newline || r->s.p[k] == '\n';
            if (r->s.p[k] == '\r' && (k + 1 == r->s.n || r->s.p[k + 1] != '\n')) { /* may stand nowhere */
                r->i = k;
                return toml_check_char(r);
            }
        }
        if (newline) {
            r->i = k;
            return HC_OK;
        }
    }
    enum hc_rc rc = toml_check_char(r);
    if (rc != HC_OK)
        return rc;
    const char *known = ch ? strchr(names, ch) : NULL;
    uint32_t rune = 0;
    size_t from = r->i;
    r->i += toml_more(r) ? hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &rune) : 0;
    if (known) {
        hc_buf_putc(b, values[known - names]);
        return HC_OK;
    }
    if (ch == 'x' || ch == 'u' || ch == 'U')
        return unicode_escape(r, b, ch == 'x' ? 2 : ch == 'u' ? 4 : 8, later);
    if (ch == ' ' || ch == '\t') {
        if (!later[0])
            snprintf(later, 80, "invalid escape: '\\%c'", ch);
        return HC_OK;
    }
    snprintf(text, sizeof(text), "invalid escape in string '\\%.*s'", (int)(r->i - from), r->s.p + from);
    return r->i > from ? toml_fail_line(r, toml_line_at(r, r->i), text, "", "") /* a line's end counts already */
                       : toml_fail_line(r, toml_line_at(r, from) - 1, "invalid escape in string '\\", "", "");
}

/* A string whose opening quote stands at r->i. */
enum hc_rc toml_string(struct toml_reader *r, bool may_be_multi, hc_str *out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    char quote = toml_at(r), triple[4] = { quote, quote, quote, 0 };
    bool multi = may_be_multi && toml_looking_at(r, triple);
    r->i += multi ? 3 : 1;
    r->text_from = r->i;
    if (multi && toml_at(r) == '\n')
        r->i++;
    else if (multi && toml_looking_at(r, "\r\n"))
        r->i += 2;
    char later[80] = "";
    size_t end;
    for (;;) {
        enum hc_rc rc = toml_check_char(r);
        if (rc != HC_OK)
            return rc;
        if (!toml_more(r))
            return toml_bad(
                r, quote == '"' ? (multi ? "unexpected EOF; expected '\"\"\"'" : "unexpected EOF; expected '\"'")
                                : (multi ? "unexpected EOF; expected \"'''\"" : "unexpected EOF; expected \"'\""));
        char ch = toml_at(r);
        if (!multi && (ch == '\n' || ch == '\r'))
            return toml_fail_line(r, toml_line_at(r, r->i) - (ch == '\r'), "strings cannot contain newlines", "",
                                  "");
        if (ch == quote && !multi) {
            end = r->i++;
            if (may_be_multi && end == r->text_from && (rc = toml_check_char(r)) != HC_OK) /* or a third quote */
                return rc;
            break;
        }
        if (ch == quote && toml_looking_at(r, triple)) {
            size_t n = 3; /* up to two more belong to the text */
            while (n < 6 && r->i + n < r->s.n && r->s.p[r->i + n] == quote)
                n++;
            if (n == 6)
                return toml_bad(r, quote == '"' ? "unexpected '\"\"\"\"\"\"'" : "unexpected \"''''''\"");
            hc_buf_fill(&b, quote, n - 3);
            end = r->i;
            r->i += n;
            if ((rc = toml_check_char(r)) != HC_OK) /* the lexer looks whether one more quote follows */
                return rc;
            break;
        }
        uint32_t rune;
        size_t width = hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &rune);
        hc_str character = hc_str_sub(r->s, r->i, r->i + width);
        r->i += width;
        if (ch == '\\' && quote == '"') {
            if ((rc = escape(r, &b, multi, later)) != HC_OK)
                return rc;
        } else {
            hc_buf_put(&b, character);
        }
    }
    if (later[0])
        return toml_fail_line(r, toml_line_at(r, end), later, "", "");
    *out = hc_buf_to_arena(&b, r->c->a);
    return HC_OK;
}

/* ---- numbers and dates -------------------------------------------------------------------------------- */

/* A value of its own alphabet ended here: a byte that may stand nowhere is told before the value is looked at. */
static enum hc_rc ended(struct toml_reader *r)
{
    return toml_more(r) ? toml_check_char(r) : HC_OK;
}

static bool is_hex(char ch)
{
    return toml_is_digit(ch) || ((ch | 32) >= 'a' && (ch | 32) <= 'f');
}

static void scan(struct toml_reader *r, const char *also)
{
    while (toml_more(r) && (toml_is_digit(toml_at(r)) || (toml_at(r) && strchr(also, toml_at(r)))))
        r->i++;
}

static bool underscores_ok(hc_str s)
{
    bool accept = false;
    hc_str bare = hc_str_sub(s, s.n > 0 && (s.p[0] == '+' || s.p[0] == '-'), s.n);
    if (hc_str_eqz(bare, "nan") || hc_str_eqz(bare, "inf"))
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

static enum hc_rc integer(struct toml_reader *r, hc_str s, struct hc_val **out)
{
    int64_t v;
    char text[120];
    if (!underscores_ok(s))
        return toml_bad_text(r, "Invalid integer ", s, ": underscores must be surrounded by digits");
    if (leading_zero(s))
        return toml_bad_text(r, "Invalid integer ", s, ": cannot have leading zeroes");
    if (!fn_parse_int(s, 0, &v)) {
        snprintf(text, sizeof(text), "%.*s is out of range for int64", (int)HC_MIN(s.n, (size_t)60), s.p);
        return toml_bad(r, text);
    }
    *out = hc_int_val(r->c->a, v);
    return HC_OK;
}

enum hc_rc toml_floating(struct toml_reader *r, hc_str s, struct hc_val **out)
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
            return toml_bad_text(r, "Invalid float ", s, ": underscores must be surrounded by digits");
        if (first && leading_zero(part))
            return toml_bad_text(r, "Invalid float ", s, ": cannot have leading zeroes");
        first = false;
    }
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '.' && (i + 1 == s.n || !toml_is_digit(s.p[i + 1])))
            return toml_bad_text(r, "Invalid float ", s, ": '.' must be followed by one or more digits");
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '_')
            text[n++] = s.p[i];
    hc_str plain = { text, n };
    bool nan = hc_str_ends(plain, HC_S("nan"));
    if (!fn_parse_float(nan ? HC_S("nan") : plain, &f)) {
        if (!isinf(f))
            return toml_bad_text(r, "Invalid float value: ", s, "");
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, HC_ERR_MSG * 4);
        hc_buf_printf(&b, "%.*s is out of range for float64%c", HC_P(s), 0);
        return toml_bad(r, b.spent ? "" : b.p);
    }
    *out = hc_float_val(r->c->a, nan && text[0] == '-' ? -f : f);
    return HC_OK;
}

static const struct hc_zone *local_zone(struct toml_reader *r, const char *name)
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

static enum hc_rc datetime(struct toml_reader *r, hc_str s, struct hc_val **out)
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
            zeros = toml_is_digit(layout[i]) || (i < s.n && z[i] == layout[i]);
        if (!zeros)
            break;
        *out = hc_time_val(r->c->a, &t);
        return HC_OK;
    }
    return toml_bad_text(r, "invalid datetime: ", hc_str_n(z, z ? s.n : 0), "");
}

/* 0b, 0o and 0x, r->i at the zero. */
static enum hc_rc based_integer(struct toml_reader *r, size_t from, bool sign, struct hc_val **out)
{
    char text[100], base = r->s.p[r->i + 1];
    const char *digits = base == 'b' ? "01_" : base == 'o' ? "01234567_" : "0123456789abcdefABCDEF_";
    r->i += 2;
    if (sign) {
        snprintf(text, sizeof(text), "cannot use sign with non-decimal numbers: '%c0%c'", r->s.p[from], base);
        return toml_bad(r, text);
    }
    enum hc_rc rc = toml_check_char(r);
    if (rc != HC_OK)
        return rc;
    if (!toml_more(r) || toml_at(r) == '_' || !toml_at(r) || !strchr(digits, toml_at(r))) {
        uint32_t rune;
        size_t n = toml_more(r) ? hc_utf8_decode(hc_str_sub(r->s, r->i, r->s.n), &rune) : 0;
        snprintf(text, sizeof(text), "not a%s number: '0%c%.*s'",
                 base == 'b'   ? " binary"
                 : base == 'o' ? "n octal"
                               : " hexadecimal",
                 base, (int)n, r->s.p + r->i);
        return toml_bad(r, text);
    }
    while (toml_more(r) && toml_at(r) && strchr(digits, toml_at(r)))
        r->i++;
    if ((rc = toml_check_char(r)) != HC_OK)
        return rc;
    return integer(r, hc_str_sub(r->s, from, r->i), out);
}

enum hc_rc toml_number(struct toml_reader *r, struct hc_val **out)
{
    enum hc_rc rc;
    size_t from = r->i;
    bool sign = toml_at(r) == '-' || toml_at(r) == '+';
    r->i += sign;
    if (sign && (toml_looking_at(r, "inf") || toml_looking_at(r, "nan"))) {
        r->i += 3;
        return toml_floating(r, hc_str_sub(r->s, from, r->i), out);
    }
    if (sign && (toml_at(r) == 'i' || toml_at(r) == 'n')) {
        char text[40], second = toml_at(r) == 'i' ? 'n' : 'a';
        r->i++;
        r->i += toml_at(r) == second;
        if ((rc = toml_check_char(r)) != HC_OK)
            return rc;
        snprintf(text, sizeof(text), "invalid float: '%.*s'", (int)(r->i - from), r->s.p + from);
        return toml_bad(r, text);
    }
    if (sign && toml_at(r) == '.')
        return toml_bad(r, "floats must start with a digit, not '.'");
    if (sign && !toml_is_digit(toml_at(r)))
        return toml_bad_rune_at(r, "expected a digit but got ", "", true);
    if (toml_at(r) == '0' && r->i + 1 < r->s.n && r->s.p[r->i + 1] && strchr("box", r->s.p[r->i + 1]))
        return based_integer(r, from, sign, out);
    bool zero = toml_at(r) == '0';
    scan(r, "");
    zero = zero && r->i == from + 1; /* a date or time begins with two digits */
    if (!sign && !zero && (toml_at(r) == '-' || toml_at(r) == ':')) {
        scan(r, "-:Tt .Zz+");
        rc = ended(r);
        return rc == HC_OK ? datetime(r, hc_str_sub(r->s, from, r->i), out) : rc;
    }
    scan(r, "_");
    if (toml_at(r) == '.' || (toml_at(r) | 32) == 'e') {
        scan(r, "_.-+eE");
        rc = ended(r);
        return rc == HC_OK ? toml_floating(r, hc_str_sub(r->s, from, r->i), out) : rc;
    }
    rc = ended(r);
    return rc == HC_OK ? integer(r, hc_str_sub(r->s, from, r->i), out) : rc;
}
