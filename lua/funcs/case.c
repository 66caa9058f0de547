/*
 * Upper and lower case, and the word-wise forms of xstrings (A3.12): a text is walked word by word, a word being a
 * run of capitals, letters, digits, connectors or punctuation.
 */
#include "lua/funcs/funcs_impl.h"
#include "lua/funcs/gounicode.h"

static void put_rune(struct hc_buf *b, uint32_t r)
{
    char utf8[4];
    hc_buf_put(b, hc_str_n(utf8, hc_utf8_encode(r, utf8)));
}

static uint32_t next_rune(hc_str *s, size_t *out_n)
{
    uint32_t r;
    size_t n = hc_utf8_decode(*s, &r);
    *s = hc_str_sub(*s, n, s->n);
    if (out_n)
        *out_n = n;
    return r;
}

static enum hc_rc mapped(struct hc_fcall *c, hc_str s, uint32_t (*change)(uint32_t), struct hc_val **out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    while (s.n > 0)
        put_rune(&b, change(next_rune(&s, NULL)));
    return fn_buf(c, &b, out);
}

FN(fn_upper)
{
    (void)argc;
    return mapped(c, fn_s(argv[0]), hc_rune_upper, out);
}

FN(fn_lower)
{
    (void)argc;
    return mapped(c, fn_s(argv[0]), hc_rune_lower, out);
}

/* strings.isSeparator */
static bool is_separator(uint32_t r)
{
    if (r < 0x80)
        return !((r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') || r == '_');
    return !hc_rune_is(r, HC_RUNE_LETTER | HC_RUNE_DIGIT) && hc_rune_is(r, HC_RUNE_SPACE);
}

FN(fn_title)
{
    (void)argc;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    uint32_t prev = ' ';
    for (hc_str s = fn_s(argv[0]); s.n > 0;) {
        uint32_t r = next_rune(&s, NULL);
        put_rune(&b, is_separator(prev) ? hc_rune_title(r) : r);
        prev = r;
    }
    return fn_buf(c, &b, out);
}

FN(fn_untitle)
{
    (void)argc;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    bool next = true;
    for (hc_str s = fn_s(argv[0]); s.n > 0;) {
        uint32_t r = next_rune(&s, NULL);
        if (hc_rune_is(r, HC_RUNE_SPACE)) {
            next = true;
        } else if (next) {
            r = hc_rune_lower(r);
            next = false;
        }
        put_rune(&b, r);
    }
    return fn_buf(c, &b, out);
}

FN(fn_swapcase)
{
    (void)argc;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    bool space = true;
    for (hc_str s = fn_s(argv[0]); s.n > 0;) {
        uint32_t r = next_rune(&s, NULL);
        unsigned class = hc_rune_class(r);
        if (class & (HC_RUNE_UPPER | HC_RUNE_TITLE)) {
            r = hc_rune_lower(r);
            space = false;
        } else if (class & HC_RUNE_LOWER) {
            r = space ? hc_rune_title(r) : hc_rune_upper(r);
            space = false;
        } else {
            space = (class & HC_RUNE_SPACE) != 0;
        }
        put_rune(&b, r);
    }
    return fn_buf(c, &b, out);
}

/* ---- words ------------------------------------------------------------------------------------- */

static bool is_connector(uint32_t r)
{
    return r == '-' || r == '_' || hc_rune_is(r, HC_RUNE_SPACE);
}

/* xstrings.ToPascalCase. */
FN(fn_camelcase)
{
    (void)argc;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    hc_str s = fn_s(argv[0]);
    uint32_t r0 = 0, r1;
    bool first_upper = false;
    if (s.n == 0)
        return fn_ref(c, s, out);
    while (s.n > 0) {
        r0 = next_rune(&s, NULL);
        if (!is_connector(r0)) {
            first_upper = hc_rune_is(r0, HC_RUNE_UPPER);
            r0 = hc_rune_upper(r0);
            break;
        }
        put_rune(&b, r0);
    }
    if (s.n == 0) { /* as xstrings: a last connector stands twice */
        put_rune(&b, r0);
        return fn_buf(c, &b, out);
    }
    while (s.n > 0) {
        r1 = r0;
        r0 = next_rune(&s, NULL);
        if (is_connector(r0) && is_connector(r1)) {
            put_rune(&b, r1);
            continue;
        }
        if (is_connector(r1)) {
            first_upper = hc_rune_is(r0, HC_RUNE_UPPER);
            r0 = hc_rune_upper(r0);
        } else {
            if (first_upper) {
                if (hc_rune_is(r0, HC_RUNE_UPPER))
                    r0 = hc_rune_lower(r0);
                else
                    first_upper = false;
            }
            put_rune(&b, r1);
        }
    }
    put_rune(&b, r0);
    return fn_buf(c, &b, out);
}

enum word { WORD_INVALID, WORD_NUMBER, WORD_UPPER, WORD_ALPHABET, WORD_CONNECTOR, WORD_PUNCT, WORD_OTHER };

static bool is_alphabet(uint32_t r)
{
    if (!hc_rune_is(r, HC_RUNE_LETTER))
        return false;
    return !((r >= 0x4e00 && r <= 0x9fcc) || (r >= 0x3400 && r <= 0x4d85) || (r >= 0x20000 && r <= 0x2b81d));
}

static bool is_upper(uint32_t r)
{
    return hc_rune_is(r, HC_RUNE_UPPER);
}
static bool is_lower_alphabet(uint32_t r)
{
    return is_alphabet(r) && !is_upper(r);
}
static bool is_punct(uint32_t r)
{
    return hc_rune_is(r, HC_RUNE_PUNCT);
}
static bool is_number(uint32_t r)
{
    return hc_rune_is(r, HC_RUNE_NUMBER);
}
static bool is_other(uint32_t r)
{
    return !is_connector(r) && !is_alphabet(r) && !is_number(r) && !is_punct(r);
}

/* The next rune that is valid, bytes that are not skipped and counted; `prev` at the end. */
static uint32_t valid_rune(hc_str s, uint32_t prev, size_t *out_n)
{
    size_t total = 0;
    while (s.n > 0) {
        uint32_t r;
        size_t n = hc_utf8_decode(s, &r);
        total += n;
        if (r != 0xfffd) {
            *out_n = total;
            return r;
        }
        s = hc_str_sub(s, n, s.n);
    }
    *out_n = total;
    return prev;
}

/* How far runes of one sort go on behind `at`. *out_next is the first that is none, *out_last the length of the
 * last that was. */
static size_t run(hc_str s, size_t at, uint32_t r, bool (*same)(uint32_t), uint32_t *out_next, size_t *out_last)
{
    *out_next = r;
    while (at < s.n) {
        size_t n;
        r = valid_rune(hc_str_sub(s, at, s.n), r, &n);
        *out_next = r;
        if (!same(r) || n == 0)
            break;
        *out_last = n;
        at += n;
    }
    return at;
}

static enum word next_word(hc_str *rest, hc_str *out_word)
{
    hc_str s = *rest;
    size_t n, at, last = 0;
    uint32_t next;
    enum word w;
    *out_word = (hc_str){ "", 0 };
    if (s.n == 0)
        return WORD_INVALID;
    uint32_t r = valid_rune(s, 0xfffd, &n);
    at = n;
    if (r == 0xfffd) {
        w = WORD_INVALID;
    } else if (is_connector(r)) {
        w = WORD_CONNECTOR;
        at = run(s, at, r, is_connector, &next, &last);
    } else if (is_punct(r)) {
        w = WORD_PUNCT;
        at = run(s, at, r, is_punct, &next, &last);
    } else if (is_upper(r)) {
        w = WORD_UPPER;
        if (at < s.n) {
            size_t k;
            uint32_t second = valid_rune(hc_str_sub(s, at, s.n), r, &k);
            if (is_upper(second)) {
                last = k;
                at = run(s, at + k, second, is_upper, &next, &last);
                if (at < s.n && is_alphabet(next))
                    at -= last; /* the last capital begins the next word */
            } else if (is_alphabet(second)) {
                at = run(s, at + k, second, is_lower_alphabet, &next, &last);
            }
        }
    } else if (is_alphabet(r)) {
        w = WORD_ALPHABET;
        at = run(s, at, r, is_lower_alphabet, &next, &last);
    } else if (is_number(r)) {
        w = WORD_NUMBER;
        at = run(s, at, r, is_number, &next, &last);
    } else {
        w = WORD_OTHER;
        at = run(s, at, r, is_other, &next, &last);
    }
    *out_word = hc_str_sub(s, 0, at);
    *rest = hc_str_sub(s, at, s.n);
    return w;
}

static void put_lower(struct hc_buf *b, enum word w, hc_str s, char connector)
{
    if (w != WORD_UPPER && w != WORD_CONNECTOR) {
        hc_buf_put(b, s);
        return;
    }
    while (s.n > 0) {
        uint32_t r = next_rune(&s, NULL);
        put_rune(b, is_connector(r) ? (uint32_t)connector : is_upper(r) ? hc_rune_lower(r) : r);
    }
}

/* What follows a word that ends in digits: letters and digits stick to it. */
static enum word stick(struct hc_buf *b, enum word w, hc_str *word, hc_str *rest, char connector)
{
    while (w == WORD_ALPHABET || w == WORD_NUMBER) {
        put_lower(b, w, *word, connector);
        w = next_word(rest, word);
    }
    if (w != WORD_INVALID && w != WORD_PUNCT && w != WORD_CONNECTOR)
        hc_buf_putc(b, connector);
    return w;
}

static enum hc_rc lower_words(struct hc_fcall *c, hc_str rest, char connector, struct hc_val **out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    hc_str word;
    if (rest.n == 0)
        return fn_ref(c, rest, out);
    enum word w = next_word(&rest, &word);
    while (rest.n > 0) {
        if (w != WORD_CONNECTOR)
            put_lower(&b, w, word, connector);
        enum word prev = w;
        hc_str last = word;
        w = next_word(&rest, &word);
        if (prev == WORD_NUMBER) {
            w = stick(&b, w, &word, &rest, connector);
        } else if (prev == WORD_CONNECTOR) {
            put_lower(&b, prev, last, connector);
        } else if (prev != WORD_PUNCT && w != WORD_NUMBER) {
            if (w != WORD_CONNECTOR && w != WORD_PUNCT)
                hc_buf_putc(&b, connector);
        } else if (prev != WORD_PUNCT && rest.n > 0) {
            last = word;
            w = next_word(&rest, &word);
            if (w != WORD_ALPHABET) {
                put_lower(&b, WORD_NUMBER, last, connector);
                if (w != WORD_CONNECTOR && w != WORD_PUNCT)
                    hc_buf_putc(&b, connector);
            } else {
                hc_buf_putc(&b, connector);
                put_lower(&b, WORD_NUMBER, last, connector);
                w = stick(&b, w, &word, &rest, connector);
            }
        }
    }
    put_lower(&b, w, word, connector);
    return fn_buf(c, &b, out);
}

FN(fn_snakecase)
{
    (void)argc;
    return lower_words(c, fn_s(argv[0]), '_', out);
}

FN(fn_kebabcase)
{
    (void)argc;
    return lower_words(c, fn_s(argv[0]), '-', out);
}
