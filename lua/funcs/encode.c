/*
 * Texts for other formats: base64, base32, digests, and text/template's html, js and urlquery.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "core/base/digest.h"
#include "core/value/kept.h"
#include "lua/funcs/funcs_impl.h"
#include "lua/funcs/gounicode.h"

FN(fn_b64enc)
{
    (void)argc;
    return fn_ref(c, hc_base64(c->a, fn_s(argv[0])), out);
}

FN(fn_b64dec)
{
    (void)argc;
    size_t bad = 0;
    hc_str s = hc_base64_decode(c->a, fn_s(argv[0]), &bad);
    if (!s.p && !hc_arena_spent(c->a))
        s = hc_arena_printf(c->a, "illegal base64 data at input byte %zu", bad);
    return fn_ref(c, s, out);
}

static const char b32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

FN(fn_b32enc)
{
    (void)argc;
    hc_str s = fn_s(argv[0]);
    size_t n = (s.n + 4) / 5 * 8, k = 0;
    char *p = hc_arena_alloc(c->a, n + 1, 1);
    for (size_t i = 0; p && i < s.n; i += 5) {
        uint64_t v = 0;
        size_t have = HC_MIN(s.n - i, (size_t)5);
        for (size_t j = 0; j < 5; j++)
            v = v << 8 | (j < have ? (unsigned char)s.p[i + j] : 0);
        size_t digits = (have * 8 + 4) / 5;
        for (size_t j = 0; j < 8; j++)
            p[k++] = j < digits ? b32[v >> (35 - 5 * j) & 31] : '=';
    }
    return fn_ref(c, hc_str_n(p, n), out);
}

static int b32_value(char ch)
{
    if (ch >= 'A' && ch <= 'Z')
        return ch - 'A';
    return ch >= '2' && ch <= '7' ? ch - '2' + 26 : -1;
}

/* Decodes groups of eight; SIZE_MAX, or where Go says the text is corrupt. `s` holds no line breaks any more. */
static size_t b32_decode(hc_str s, unsigned char *o, size_t *out_n)
{
    size_t at = 0, n = 0;
    bool end = false;
    while (at < s.n && !end) {
        uint64_t v = 0;
        size_t j = 0;
        for (; j < 8; j++) {
            if (at == s.n)
                return s.n - j;
            char ch = s.p[at++];
            size_t left = s.n - at;
            if (ch == '=' && j >= 2 && left < 8) {
                if (left + j < 7)
                    return s.n;
                for (size_t k = 0; k < 7 - j; k++)
                    if (left > k && s.p[at + k] != '=')
                        return at + k - 1;
                if (j == 3 || j == 6)
                    return at - 1;
                end = true;
                break;
            }
            if (b32_value(ch) < 0)
                return at - 1;
            v = v << 5 | (unsigned)b32_value(ch);
        }
        v <<= 5 * (8 - j);
        for (size_t k = 0; k < j * 5 / 8; k++)
            o[n++] = (unsigned char)(v >> (32 - 8 * k));
    }
    *out_n = n;
    return SIZE_MAX;
}

FN(fn_b32dec)
{
    (void)argc;
    hc_str s = fn_s(argv[0]), clean = s;
    char *p = hc_arena_alloc(c->a, s.n + 1, 1);
    unsigned char *o = hc_arena_alloc(c->a, s.n / 8 * 5 + 8, 1);
    size_t k = 0, n = 0;
    if (!p || !o)
        return fn_done(c, NULL, out);
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\r' && s.p[i] != '\n')
            p[k++] = s.p[i];
    clean = hc_str_n(p, k);
    size_t bad = b32_decode(clean, o, &n);
    if (bad != SIZE_MAX)
        return fn_ref(c, hc_arena_printf(c->a, "illegal base32 data at input byte %zu", bad), out);
    return fn_ref(c, hc_str_n((const char *)o, n), out);
}

static enum hc_rc hex_of(struct hc_fcall *c, const unsigned char *md, size_t n, struct hc_val **out)
{
    return fn_ref(c, hc_hex(c->a, hc_str_n((const char *)md, n)), out);
}

/* The low-level calls on purpose: they initialise nothing. */
FN(fn_sha1sum)
{
    (void)argc;
    unsigned char md[SHA_DIGEST_LENGTH];
    SHA_CTX ctx;
    hc_str s = fn_s(argv[0]);
    SHA1_Init(&ctx);
    SHA1_Update(&ctx, s.p, s.n);
    SHA1_Final(md, &ctx);
    return hex_of(c, md, sizeof(md), out);
}

/* Charts hash the same files over and over to see a change of them; looking a text up costs a part of hashing it. */
enum { KEEP_HASHED_BYTES = 1024 };

FN(fn_sha256sum)
{
    (void)argc;
    char hex[HC_SHA256_HEX + 1];
    hc_str s = fn_s(argv[0]);
    bool keep = c->keeps && s.n >= KEEP_HASHED_BYTES;
    struct hc_kept_key key;
    if (keep) {
        key = hc_kept_key('h', s);
        const struct hc_kept *kept = hc_kept_find(key);
        if (kept) {
            enum hc_rc rc = fn_str(c, kept->text, out);
            hc_kept_release(kept);
            return rc;
        }
    }
    hc_sha256_of(s, hex);
    if (keep)
        hc_kept_put(key, &(struct hc_kept){ .text = hc_str_n(hex, HC_SHA256_HEX) });
    return fn_str(c, hc_str_n(hex, HC_SHA256_HEX), out);
}

FN(fn_sha512sum)
{
    (void)argc;
    unsigned char md[SHA512_DIGEST_LENGTH];
    SHA512_CTX ctx;
    hc_str s = fn_s(argv[0]);
    SHA512_Init(&ctx);
    SHA512_Update(&ctx, s.p, s.n);
    SHA512_Final(md, &ctx);
    return hex_of(c, md, sizeof(md), out);
}

FN(fn_adler32sum)
{
    (void)argc;
    hc_str s = fn_s(argv[0]);
    uint32_t x = 1, y = 0;
    for (size_t i = 0; i < s.n; i++) {
        x = (x + (unsigned char)s.p[i]) % 65521;
        y = (y + x) % 65521;
    }
    return fn_ref(c, hc_arena_printf(c->a, "%" PRIu32, y << 16 | x), out);
}

/* ---- text/template's own escapes ----------------------------------------------------------------- */

/* All arguments as print would join them; nil counts as the text "<no value>". */
static hc_str joined(struct hc_fcall *c, struct hc_val *const *argv, size_t argc)
{
    if (argc == 1 && fn_is_string(argv[0]))
        return fn_s(argv[0]);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    struct hc_val **args = HC_NEW_N(c->a, struct hc_val *, argc + 1);
    for (size_t i = 0; args && i < argc; i++)
        args[i] = fn_nil(argv[i]) ? hc_strz_val(c->a, "<no value>") : argv[i];
    if (args && !hc_arena_spent(c->a))
        hc_go_sprint(&b, args, argc);
    return hc_buf_to_arena(&b, c->a);
}

FN(fn_html)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    hc_str s = joined(c, argv, argc);
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '\0':
            hc_buf_puts(&b, "\xef\xbf\xbd");
            break;
        case '"':
            hc_buf_puts(&b, "&#34;");
            break;
        case '\'':
            hc_buf_puts(&b, "&#39;");
            break;
        case '&':
            hc_buf_puts(&b, "&amp;");
            break;
        case '<':
            hc_buf_puts(&b, "&lt;");
            break;
        case '>':
            hc_buf_puts(&b, "&gt;");
            break;
        default:
            hc_buf_putc(&b, s.p[i]);
        }
    }
    return fn_buf(c, &b, out);
}

FN(fn_js)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    hc_str s = joined(c, argv, argc);
    for (size_t i = 0; i < s.n;) {
        uint32_t r;
        size_t n = hc_utf8_decode(hc_str_sub(s, i, s.n), &r);
        if (r == '\\' || r == '\'' || r == '"') {
            hc_buf_putc(&b, '\\');
            hc_buf_putc(&b, (char)r);
        } else if (r < ' ' || r == '<' || r == '>' || r == '&' || r == '=') {
            hc_buf_printf(&b, "\\u%04X", r);
        } else if (r < 0x80) {
            hc_buf_putc(&b, (char)r);
        } else if (hc_rune_is(r, HC_RUNE_PRINT)) {
            hc_buf_put(&b, hc_str_sub(s, i, i + n));
        } else {
            hc_buf_printf(&b, "\\u%04X", r);
        }
        i += n;
    }
    return fn_buf(c, &b, out);
}

void fn_query_escape(struct hc_buf *b, hc_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.p[i];
        if ((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
            (ch && strchr("-_.~", ch)))
            hc_buf_putc(b, (char)ch);
        else if (ch == ' ')
            hc_buf_putc(b, '+');
        else
            hc_buf_printf(b, "%%%02X", ch);
    }
}

FN(fn_urlquery)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    fn_query_escape(&b, joined(c, argv, argc));
    return fn_buf(c, &b, out);
}
