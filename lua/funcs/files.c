/*
 * .Files: what it holds, and its methods (B14.8 to B14.11). A glob is rewritten as a regular expression.
 */
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "lua/funcs/funcs_impl.h"
#include "lua/funcs/regex.h"

/* ---- glob: the patterns of gobwas/glob with the separator / -------------------------------------------- */

struct glob {
    hc_str s;
    size_t i;
    int depth; /* of braces */
    struct hc_buf *out;
};

#define MAX_BRACES 100

static void put_literal(struct hc_buf *b, uint32_t r)
{
    hc_buf_printf(b, "\\x{%x}", r);
}

static void put_text(struct hc_buf *b, hc_str s)
{
    while (s.n) {
        uint32_t r;
        s = hc_str_sub(s, hc_utf8_decode(s, &r), s.n);
        put_literal(b, r);
    }
}

static uint32_t next_rune(struct glob *g)
{
    uint32_t r;
    g->i += hc_utf8_decode(hc_str_sub(g->s, g->i, g->s.n), &r);
    return r;
}

/* "[abc]", "[!abc]", "[a-z]", g->i behind the bracket. False: gobwas refuses it. */
static bool glob_class(struct glob *g)
{
    bool negate = g->i < g->s.n && g->s.p[g->i] == '!';
    g->i += negate;
    hc_buf_puts(g->out, negate ? "[^" : "[");
    if (g->i >= g->s.n)
        return false;
    size_t start = g->i;
    uint32_t lo = next_rune(g), hi;
    if (g->i < g->s.n && g->s.p[g->i] == '-') {
        g->i++;
        if (g->i >= g->s.n)
            return false;
        hi = next_rune(g);
        if (g->i >= g->s.n || g->s.p[g->i] != ']' || hi < lo)
            return false;
        hc_buf_printf(g->out, "\\x{%x}-\\x{%x}]", lo, hi);
        g->i++;
        return true;
    }
    g->i = start;
    bool some = false;
    for (; g->i < g->s.n && g->s.p[g->i] != ']'; some = true) {
        if (g->s.p[g->i] == '\\' && g->i + 1 < g->s.n)
            g->i++;
        put_literal(g->out, next_rune(g));
    }
    if (g->i >= g->s.n || !some)
        return false;
    g->i++;
    hc_buf_putc(g->out, ']');
    return true;
}

static bool glob_element(struct glob *g)
{
    char ch = g->s.p[g->i];
    switch (ch) {
    case '*':
        g->i++;
        if (g->i < g->s.n && g->s.p[g->i] == '*') {
            g->i++;
            hc_buf_puts(g->out, "(?s:.*)");
        } else {
            hc_buf_puts(g->out, "[^/]*");
        }
        return true;
    case '?':
        g->i++;
        hc_buf_puts(g->out, "[^/]");
        return true;
    case '[':
        g->i++;
        return glob_class(g);
    case '{':
        g->i++;
        hc_buf_puts(g->out, "(?:");
        return ++g->depth <= MAX_BRACES;
    case '\\':
        g->i++;
        if (g->i < g->s.n)
            put_literal(g->out, next_rune(g));
        return true;
    default:
        break;
    }
    if (g->depth > 0 && (ch == ',' || ch == '}')) {
        g->i++;
        hc_buf_putc(g->out, ch == ',' ? '|' : ')');
        g->depth -= ch == '}';
        return true;
    }
    put_literal(g->out, next_rune(g));
    return true;
}

/* A text without wildcards, unescaped. */
static bool glob_text(hc_str s, struct hc_buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        if (strchr("*?[{", s.p[i]) || (s.p[i] == '\\' && ++i == s.n))
            return false;
        hc_buf_putc(out, s.p[i]);
    }
    return s.n > 0;
}

/* Text, "**", text: for gobwas a beginning and an end, which may share what they have in common ("ab**ba" takes "aba"). */
static void put_overlaps(hc_str pattern, struct hc_buf *out)
{
    enum { LONGEST = 256 }; /* pattern: what they have in common is written out */
    size_t at = pattern.n <= LONGEST ? hc_str_find_str(pattern, HC_S("**")) : SIZE_MAX;
    HC_AUTO(hc_buf) struct hc_buf head, tail;
    hc_buf_init(&head, 1 << 16);
    hc_buf_init(&tail, 1 << 16);
    if (at == SIZE_MAX || !glob_text(hc_str_sub(pattern, 0, at), &head) ||
        !glob_text(hc_str_sub(pattern, at + 2, pattern.n), &tail))
        return;
    hc_str a = hc_buf_str(&head), b = hc_buf_str(&tail);
    for (size_t k = 1; k <= HC_MIN(a.n, b.n); k++) {
        if (memcmp(a.p + a.n - k, b.p, k) != 0)
            continue;
        hc_buf_putc(out, '|');
        put_text(out, a);
        put_text(out, hc_str_sub(b, k, b.n));
    }
}

/* Gives no expression when the pattern is bad, which then matches everything. */
static enum hc_rc glob_compile(struct hc_fcall *c, hc_str pattern, struct hc_regex **out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 1 << 20);
    struct glob g = { .s = pattern, .out = &b };
    bool ok = true;
    *out = NULL;
    hc_buf_puts(&b, "\\A(?:");
    while (ok && g.i < g.s.n)
        ok = glob_element(&g);
    for (; g.depth > 0; g.depth--)
        hc_buf_putc(&b, ')');
    put_overlaps(pattern, &b);
    hc_buf_puts(&b, ")\\z");
    if (!ok)
        return HC_OK;
    if (b.spent)
        return hc_buf_check(&b, c->err, "a pattern of .Files.Glob");
    enum hc_rc rc = fn_regex(c, hc_buf_str(&b), out);
    if (rc == HC_E_INPUT)
        hc_err_clear(c->err);
    return rc == HC_E_INPUT ? HC_OK : rc;
}

static struct hc_val *bytes_of(struct hc_arena *a, const struct hc_val *files, hc_str name)
{
    struct hc_val *v = hc_map_get(files, name);
    return v && v->kind == HC_STR ? v : fn_typed(hc_strz_val(a, ""), HC_GO_BYTES);
}

static enum hc_rc files_glob(struct hc_fcall *c, const struct hc_val *files, hc_str pattern, struct hc_val **out)
{
    HC_AUTO(hc_regex) struct hc_regex *r = NULL;
    struct hc_val *found = fn_typed(hc_map_new(c->a), HC_GO_FILES);
    enum hc_rc rc = glob_compile(c, pattern, &r);
    const struct hc_entry **order = fn_sorted(c->a, files);
    for (size_t i = 0; order && rc == HC_OK && i < hc_map_len(files); i++) {
        bool yes = true;
        if (r) {
            HC_AUTO(hc_search) struct hc_search s = { 0 };
            rc = fn_search(c, &s, r, order[i]->key);
            if (rc == HC_OK)
                rc = hc_search_next(&s, 0, &yes, c->err);
        }
        if (rc == HC_OK && yes)
            hc_map_put_ref(c->a, found, order[i]->key, order[i]->val);
    }
    return rc == HC_OK ? fn_done(c, found, out) : rc;
}

static enum hc_rc files_lines(struct hc_fcall *c, hc_str s, struct hc_val **out)
{
    struct hc_val *list = fn_strings(c->a);
    enum hc_rc rc = HC_OK;
    if (s.n > 0)
        rc = fn_split(c, hc_str_ends(s, HC_S("\n")) ? hc_str_sub(s, 0, s.n - 1) : s, HC_S("\n"), -1, list);
    return rc == HC_OK ? fn_done(c, list, out) : rc;
}

static enum hc_rc files_config(struct hc_fcall *c, const struct hc_val *files, bool secret, struct hc_val **out)
{
    struct hc_val *map = hc_map_new(c->a);
    const struct hc_entry **order = fn_sorted(c->a, files);
    for (size_t i = 0; order && i < hc_map_len(files); i++) {
        hc_str body = fn_s(order[i]->val);
        hc_map_put_ref(c->a, map, hc_path_base(order[i]->key),
                       hc_str_val_ref(c->a, secret ? hc_base64(c->a, body) : body));
    }
    if (hc_arena_spent(c->a))
        return fn_done(c, NULL, out);
    return fn_yaml_text(c, map, "the text of .Files", out);
}

enum hc_rc fn_files_method(struct hc_fcall *c, struct hc_val *recv, hc_str name, struct hc_val *const *argv,
                           size_t argc, bool *out_found, struct hc_val **out)
{
    static const struct {
        const char *name, *params;
    } methods[] = { { "Get", "s" },   { "GetBytes", "s" }, { "Glob", "s" },
                    { "Lines", "s" }, { "AsConfig", "" },  { "AsSecrets", "" } };
    size_t k = 0;
    while (k < HC_LEN(methods) && !hc_str_eqz(name, methods[k].name))
        k++;
    *out_found = k < HC_LEN(methods);
    if (!*out_found)
        return HC_OK;
    enum hc_rc rc = fn_method_args(c, name, methods[k].params, argv, argc);
    if (rc != HC_OK)
        return rc;
    switch (k) {
    case 0:
        return fn_ref(c, fn_s(bytes_of(c->a, recv, fn_s(argv[0]))), out);
    case 1:
        return fn_done(c, bytes_of(c->a, recv, fn_s(argv[0])), out);
    case 2:
        return files_glob(c, recv, fn_s(argv[0]), out);
    case 3:
        return files_lines(c, fn_s(bytes_of(c->a, recv, fn_s(argv[0]))), out);
    default:
        return files_config(c, recv, k == 5, out);
    }
}
