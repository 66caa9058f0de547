/*
 * Strings (A3): cutting, padding, joining, quoting. Lengths are bytes, as in Go.
 */
#include "lua/funcs/funcs_impl.h"
#include "lua/funcs/gounicode.h"

/* Is the rune at s.p a white space (unicode.IsSpace)? *out_n is its length. */
static bool space_at(hc_str s, size_t *out_n)
{
    uint32_t r = (unsigned char)s.p[0];
    *out_n = 1;
    if (r < 0x80)
        return r == ' ' || (r >= '\t' && r <= '\r');
    *out_n = hc_utf8_decode(s, &r);
    return hc_rune_is(r, HC_RUNE_SPACE);
}

/* The start of the rune that ends at the end of s. */
static size_t last_rune(hc_str s, uint32_t *out)
{
    size_t from = s.n > 4 ? s.n - 4 : 0;
    for (size_t i = from; i < s.n; i++)
        if (hc_utf8_decode(hc_str_sub(s, i, s.n), out) == s.n - i && (*out != 0xfffd || s.n - i > 1))
            return i;
    *out = 0xfffd;
    return s.n - 1;
}

static hc_str trim_space(hc_str s)
{
    size_t n;
    while (s.n > 0 && space_at(s, &n))
        s = hc_str_sub(s, n, s.n);
    while (s.n > 0) {
        uint32_t r;
        size_t at = last_rune(s, &r);
        if (!hc_rune_is(r, HC_RUNE_SPACE))
            break;
        s.n = at;
    }
    return s;
}

FN(fn_trim)
{
    (void)argc;
    return fn_ref(c, trim_space(fn_s(argv[0])), out);
}

static bool in_set(hc_str set, uint32_t r)
{
    for (size_t i = 0; i < set.n;) {
        uint32_t x;
        i += hc_utf8_decode(hc_str_sub(set, i, set.n), &x);
        if (x == r)
            return true;
    }
    return false;
}

FN(fn_trim_all)
{
    (void)argc;
    hc_str set = fn_s(argv[0]), s = fn_s(argv[1]);
    uint32_t r;
    while (s.n > 0) {
        size_t n = hc_utf8_decode(s, &r);
        if (!in_set(set, r))
            break;
        s = hc_str_sub(s, n, s.n);
    }
    while (s.n > 0) {
        size_t at = last_rune(s, &r);
        if (!in_set(set, r))
            break;
        s.n = at;
    }
    return fn_ref(c, s, out);
}

FN(fn_trim_suffix)
{
    (void)argc;
    hc_str x = fn_s(argv[0]), s = fn_s(argv[1]);
    return fn_ref(c, hc_str_ends(s, x) ? hc_str_sub(s, 0, s.n - x.n) : s, out);
}

FN(fn_trim_prefix)
{
    (void)argc;
    hc_str x = fn_s(argv[0]), s = fn_s(argv[1]);
    return fn_ref(c, hc_str_starts(s, x) ? hc_str_sub(s, x.n, s.n) : s, out);
}

FN(fn_contains)
{
    (void)argc;
    hc_str x = fn_s(argv[0]);
    return fn_bool(c, x.n == 0 || hc_str_find_str(fn_s(argv[1]), x) != SIZE_MAX, out);
}

FN(fn_has_prefix)
{
    (void)argc;
    return fn_bool(c, hc_str_starts(fn_s(argv[1]), fn_s(argv[0])), out);
}

FN(fn_has_suffix)
{
    (void)argc;
    return fn_bool(c, hc_str_ends(fn_s(argv[1]), fn_s(argv[0])), out);
}

FN(fn_nospace)
{
    (void)argc;
    hc_str s = fn_s(argv[0]);
    char *p = hc_arena_alloc(c->a, s.n * 2 + 1, 1);
    size_t k = 0, kept = 0;
    for (size_t i = 0; p && i < s.n; i++) { /* byte by byte, each taken for a rune, as goutils does */
        uint32_t r = (unsigned char)s.p[i];
        if (hc_rune_is(r, HC_RUNE_SPACE))
            continue;
        k += hc_utf8_encode(r, p + k);
        kept++;
    }
    return fn_ref(c, kept == s.n ? s : hc_str_n(p, k), out);
}

FN(fn_initials)
{
    (void)argc;
    hc_str s = fn_s(argv[0]);
    char *p = hc_arena_alloc(c->a, s.n * 2 + 1, 1);
    bool gap = true;
    size_t k = 0;
    for (size_t i = 0; p && i < s.n; i++) { /* byte by byte, each taken for a rune, as goutils does */
        uint32_t r = (unsigned char)s.p[i];
        if (hc_rune_is(r, HC_RUNE_SPACE)) {
            gap = true;
        } else if (gap) {
            k += hc_utf8_encode(r, p + k);
            gap = false;
        }
    }
    return fn_ref(c, hc_str_n(p, k), out);
}

/* Every `old` in s by `new`. An empty `old` stands before each rune and at the end. */
static enum hc_rc replaced(struct hc_fcall *c, hc_str s, hc_str old, hc_str fresh, struct hc_val **out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    if (hc_str_eq(old, fresh))
        return fn_ref(c, s, out);
    if (old.n == 0) {
        hc_buf_put(&b, fresh);
        for (size_t i = 0; i < s.n;) {
            uint32_t r;
            size_t n = hc_utf8_decode(hc_str_sub(s, i, s.n), &r);
            hc_buf_put(&b, hc_str_sub(s, i, i + n));
            hc_buf_put(&b, fresh);
            i += n;
        }
        return fn_buf(c, &b, out);
    }
    size_t at = hc_str_find_str(s, old);
    if (at == SIZE_MAX)
        return fn_ref(c, s, out);
    for (; at != SIZE_MAX; at = hc_str_find_str(s, old)) {
        hc_buf_put(&b, hc_str_sub(s, 0, at));
        hc_buf_put(&b, fresh);
        s = hc_str_sub(s, at + old.n, s.n);
    }
    hc_buf_put(&b, s);
    return fn_buf(c, &b, out);
}

FN(fn_replace)
{
    (void)argc;
    return replaced(c, fn_s(argv[2]), fn_s(argv[0]), fn_s(argv[1]), out);
}

FN(fn_repeat)
{
    (void)argc;
    int64_t times = fn_i(argv[0]);
    hc_str s = fn_s(argv[1]);
    if (times < 0)
        return fn_panic(c, "strings: negative Repeat count");
    if (s.n == 0 || times == 0)
        return fn_ref(c, HC_S(""), out);
    if ((uint64_t)times > HC_MAX_OUTPUT_BYTES / s.n)
        return fn_too_long(c, "repeat");
    char *p = hc_arena_alloc(c->a, s.n * (size_t)times + 1, 1);
    for (size_t i = 0; p && i < (size_t)times; i++)
        memcpy(p + i * s.n, s.p, s.n);
    return fn_ref(c, hc_str_n(p, s.n * (size_t)times), out);
}

/* Go's panic when s[lo:hi] does not fit. */
static enum hc_rc bad_slice(struct hc_fcall *c, int64_t lo, int64_t hi, size_t len, bool has_hi)
{
    if (has_hi && (hi < 0 || hi > (int64_t)len))
        return hi < 0 ? fn_panic(c, "runtime error: slice bounds out of range [:%" PRId64 "]", hi)
                      : fn_panic(c, "runtime error: slice bounds out of range [:%" PRId64 "] with length %zu", hi,
                                 len);
    if (!has_hi && lo >= 0)
        return fn_panic(c, "runtime error: slice bounds out of range [%" PRId64 ":%zu]", lo, len);
    return fn_panic(c, "runtime error: slice bounds out of range [%" PRId64 ":%" PRId64 "]", lo, hi);
}

FN(fn_substr)
{
    (void)argc;
    int64_t start = fn_i(argv[0]), end = fn_i(argv[1]);
    hc_str s = fn_s(argv[2]);
    if (start < 0) {
        if (end < 0 || (uint64_t)end > s.n)
            return bad_slice(c, 0, end, s.n, true);
        return fn_ref(c, hc_str_sub(s, 0, (size_t)end), out);
    }
    if (end < 0 || (uint64_t)end > s.n) {
        if ((uint64_t)start > s.n)
            return bad_slice(c, start, 0, s.n, false);
        return fn_ref(c, hc_str_sub(s, (size_t)start, s.n), out);
    }
    if (start > end)
        return bad_slice(c, start, end, s.n, true);
    return fn_ref(c, hc_str_sub(s, (size_t)start, (size_t)end), out);
}

FN(fn_trunc)
{
    (void)argc;
    int64_t n = fn_i(argv[0]);
    hc_str s = fn_s(argv[1]);
    if (n < 0 && (int64_t)s.n + n > 0)
        s = hc_str_sub(s, (size_t)((int64_t)s.n + n), s.n);
    else if (n >= 0 && s.n > (uint64_t)n)
        s = hc_str_sub(s, 0, (size_t)n);
    return fn_ref(c, s, out);
}

/* goutils.AbbreviateFull for widths that are checked already. Bytes. */
static enum hc_rc abbreviated(struct hc_fcall *c, hc_str s, int64_t offset, int64_t width, struct hc_val **out)
{
    int64_t n = (int64_t)s.n;
    if (n <= width)
        return fn_ref(c, s, out);
    if (offset > n)
        offset = n;
    if (n - offset < width - 3)
        offset = n - (width - 3);
    hc_str parts[3] = { { "", 0 }, { "", 0 }, { "...", 3 } };
    if (offset <= 4) {
        parts[1] = hc_str_sub(s, 0, (size_t)(width - 3));
        return fn_ref(c, hc_arena_cat(c->a, 3, parts), out);
    }
    parts[0] = HC_S("...");
    if (offset + width - 3 < n) { /* the inner call: the rest, abbreviated at its end */
        hc_str rest = hc_str_sub(s, (size_t)offset, s.n);
        int64_t w = width - 3;
        if ((int64_t)rest.n <= w) {
            parts[1] = rest;
            parts[2] = HC_S("");
        } else {
            parts[1] = hc_str_sub(rest, 0, w > 3 ? (size_t)(w - 3) : 0);
        }
        return fn_ref(c, hc_arena_cat(c->a, 3, parts), out);
    }
    parts[1] = hc_str_sub(s, (size_t)(n - (width - 3)), s.n);
    return fn_ref(c, hc_arena_cat(c->a, 2, parts), out);
}

FN(fn_abbrev)
{
    (void)argc;
    int64_t width = fn_i(argv[0]);
    if (width < 4)
        return fn_ref(c, fn_s(argv[1]), out);
    return abbreviated(c, fn_s(argv[1]), 0, width, out);
}

FN(fn_abbrevboth)
{
    (void)argc;
    int64_t left = fn_i(argv[0]), right = fn_i(argv[1]);
    if (right < 4 || (left > 0 && right < 7))
        return fn_ref(c, fn_s(argv[2]), out);
    return abbreviated(c, fn_s(argv[2]), left, right, out);
}

/* goutils.WrapCustom. */
static enum hc_rc wrapped(struct hc_fcall *c, hc_str s, int64_t len, hc_str sep, bool cut_words,
                          struct hc_val **out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    if (sep.n == 0)
        sep = HC_S("\n");
    size_t width = len < 1 ? 1 : (size_t)len, at = 0;
    while (s.n - at > width) {
        if (s.p[at] == ' ') {
            at++;
            continue;
        }
        size_t space = hc_str_rfind(hc_str_sub(s, at, at + width + 1), ' '), next;
        if (space != SIZE_MAX) {
            next = at + space + 1;
            hc_buf_put(&b, hc_str_sub(s, at, at + space));
        } else if (cut_words) {
            next = at + width;
            hc_buf_put(&b, hc_str_sub(s, at, next));
        } else {
            space = hc_str_find(hc_str_sub(s, at + width, s.n), ' ');
            if (space == SIZE_MAX)
                break;
            next = at + width + space + 1;
            hc_buf_put(&b, hc_str_sub(s, at, next - 1));
        }
        hc_buf_put(&b, sep);
        at = next;
    }
    hc_buf_put(&b, hc_str_sub(s, at, s.n));
    return fn_buf(c, &b, out);
}

FN(fn_wrap)
{
    (void)argc;
    return wrapped(c, fn_s(argv[1]), fn_i(argv[0]), HC_S("\n"), false, out);
}

FN(fn_wrap_with)
{
    (void)argc;
    return wrapped(c, fn_s(argv[2]), fn_i(argv[0]), fn_s(argv[1]), true, out);
}

static enum hc_rc indented(struct hc_fcall *c, int64_t n, hc_str s, bool newline, struct hc_val **out)
{
    if (n < 0)
        return fn_panic(c, "strings: negative Repeat count");
    size_t lines = 1;
    for (const char *p = s.p, *end = s.p + s.n; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
        lines++;
    size_t pad = (size_t)n;
    if (pad > HC_MAX_OUTPUT_BYTES / lines)
        return fn_too_long(c, newline ? "nindent" : "indent");
    size_t total = s.n + lines * pad + newline;
    char *p = hc_arena_text(c->a, total), *o = p;
    if (!p)
        return fn_done(c, NULL, out);
    if (newline)
        *o++ = '\n';
    for (size_t at = 0;;) {
        memset(o, ' ', pad);
        o += pad;
        const char *nl = at < s.n ? memchr(s.p + at, '\n', s.n - at) : NULL;
        size_t end = nl ? (size_t)(nl - s.p) + 1 : s.n;
        if (end > at)
            memcpy(o, s.p + at, end - at);
        o += end - at;
        at = end;
        if (!nl)
            break;
    }
    return fn_ref(c, hc_str_n(p, total), out);
}

FN(fn_indent)
{
    (void)argc;
    return indented(c, fn_i(argv[0]), fn_s(argv[1]), false, out);
}

FN(fn_nindent)
{
    (void)argc;
    return indented(c, fn_i(argv[0]), fn_s(argv[1]), true, out);
}

/* The arguments that are not nil, each written by `put`, a space between. */
static enum hc_rc each(struct hc_fcall *c, struct hc_val *const *argv, size_t argc,
                       void (*put)(struct hc_arena *a, struct hc_buf *b, const struct hc_val *v),
                       struct hc_val **out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    bool some = false;
    for (size_t i = 0; i < argc; i++) {
        if (fn_nil(argv[i]))
            continue;
        if (some)
            hc_buf_putc(&b, ' ');
        some = true;
        put(c->a, &b, argv[i]);
    }
    return fn_buf(c, &b, out);
}

static void put_quoted(struct hc_arena *a, struct hc_buf *b, const struct hc_val *v)
{
    hc_go_quote(b, hc_go_strval(a, v));
}

static void put_squoted(struct hc_arena *a, struct hc_buf *b, const struct hc_val *v)
{
    (void)a;
    hc_buf_putc(b, '\'');
    hc_go_print(b, v);
    hc_buf_putc(b, '\'');
}

static void put_plain(struct hc_arena *a, struct hc_buf *b, const struct hc_val *v)
{
    (void)a;
    hc_go_print(b, v);
}

FN(fn_quote)
{
    return each(c, argv, argc, put_quoted, out);
}

FN(fn_squote)
{
    return each(c, argv, argc, put_squoted, out);
}

FN(fn_cat)
{
    return each(c, argv, argc, put_plain, out);
}

FN(fn_plural)
{
    (void)argc;
    return fn_done(c, fn_i(argv[2]) == 1 ? argv[0] : argv[1], out);
}

FN(fn_to_string)
{
    (void)argc;
    return fn_ref(c, hc_go_strval(c->a, argv[0]), out);
}

/* sprig's strslice (A3.9). */
static struct hc_val *to_strings(struct hc_arena *a, const struct hc_val *v)
{
    struct hc_val *list = fn_strings(a);
    if (!fn_is_slice(v)) {
        if (!fn_nil(v))
            fn_add(a, list, hc_str_val_ref(a, hc_go_strval(a, v)));
        return list;
    }
    size_t n = fn_slice_len(v);
    for (size_t i = 0; i < n; i++) {
        struct hc_val *item = fn_slice_at(a, v, i);
        if (!fn_nil(item))
            fn_add(a, list, hc_str_val_ref(a, hc_go_strval(a, item)));
    }
    return list;
}

FN(fn_to_strings)
{
    (void)argc;
    if (argv[0] && argv[0]->kind == HC_LIST && argv[0]->type == HC_GO_STRINGS)
        return fn_done(c, argv[0], out);
    return fn_done(c, to_strings(c->a, argv[0]), out);
}

FN(fn_join)
{
    (void)argc;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    hc_str sep = fn_s(argv[0]);
    const struct hc_val *list = to_strings(c->a, argv[1]);
    for (size_t i = 0; i < hc_list_len(list); i++) {
        if (i > 0)
            hc_buf_put(&b, sep);
        hc_buf_put(&b, fn_s(list->list->items[i]));
    }
    return fn_buf(c, &b, out);
}

static int by_text(const void *x, const void *y)
{
    return hc_str_cmp(fn_s(*(struct hc_val *const *)x), fn_s(*(struct hc_val *const *)y));
}

FN(fn_sort_alpha)
{
    (void)argc;
    struct hc_val *list;
    if (fn_is_slice(argv[0])) {
        /* a []string is sorted where it is, and whoever holds it sees it */
        bool own = argv[0]->kind == HC_LIST && argv[0]->type == HC_GO_STRINGS;
        list = own ? argv[0] : to_strings(c->a, argv[0]);
        if (list && list->list->n > 1)
            qsort(list->list->items, list->list->n, sizeof(*list->list->items), by_text);
    } else {
        list = fn_strings(c->a);
        fn_add(c->a, list, hc_str_val_ref(c->a, hc_go_strval(c->a, argv[0])));
    }
    return fn_done(c, list, out);
}

/* strings.SplitN: n == 0 gives nothing, n < 0 all. An empty separator cuts between runes. */
enum hc_rc fn_split(struct hc_fcall *c, hc_str s, hc_str sep, int64_t n, struct hc_val *list)
{
    size_t count = 0;
    while (n != 0) {
        if (count >= HC_MAX_CALL_ENTRIES)
            return fn_too_many(c, "split");
        size_t at, skip = sep.n;
        if (sep.n + s.n == 0)
            return HC_OK; /* Go explodes "" into nothing */
        if (n > 0 && count + 1 == (uint64_t)n) {
            at = SIZE_MAX;
        } else if (sep.n > 0) {
            at = hc_str_find_str(s, sep);
        } else {
            uint32_t r;
            at = hc_utf8_decode(s, &r);
            if (at == s.n)
                at = SIZE_MAX;
        }
        count++;
        if (at == SIZE_MAX) {
            fn_add(c->a, list, hc_str_val_ref(c->a, s));
            break;
        }
        fn_add(c->a, list, hc_str_val_ref(c->a, hc_str_sub(s, 0, at)));
        s = hc_str_sub(s, at + skip, s.n);
    }
    return HC_OK;
}

static enum hc_rc split_map(struct hc_fcall *c, hc_str sep, int64_t n, hc_str s, struct hc_val **out)
{
    struct hc_val *list = hc_list_new(c->a), *map = fn_typed(hc_map_new(c->a), HC_GO_MAPSTR);
    enum hc_rc rc = fn_split(c, s, sep, n, list);
    if (rc != HC_OK)
        return rc;
    for (size_t i = 0; i < hc_list_len(list); i++)
        hc_map_put_ref(c->a, map, hc_arena_printf(c->a, "_%zu", i), list->list->items[i]);
    return fn_done(c, map, out);
}

FN(fn_split_map)
{
    (void)argc;
    return split_map(c, fn_s(argv[0]), -1, fn_s(argv[1]), out);
}

FN(fn_splitn)
{
    (void)argc;
    return split_map(c, fn_s(argv[0]), fn_i(argv[1]), fn_s(argv[2]), out);
}

FN(fn_split_list)
{
    (void)argc;
    struct hc_val *list = fn_strings(c->a);
    enum hc_rc rc = fn_split(c, fn_s(argv[1]), fn_s(argv[0]), -1, list);
    return rc == HC_OK ? fn_done(c, list, out) : rc;
}

FN(fn_hello)
{
    (void)argv, (void)argc;
    return fn_ref(c, HC_S("Hello!"), out);
}
