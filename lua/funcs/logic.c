/*
 * Defaults, logic and types (A5), and what text/template brings itself (A1): not, len, index, print and its kin.
 */
#include "lua/funcs/funcs_impl.h"

FN(fn_default)
{
    return fn_done(c, argc > 1 && hc_go_truth(argv[1]) ? argv[1] : argv[0], out);
}

FN(fn_empty)
{
    (void)argc;
    return fn_bool(c, !hc_go_truth(argv[0]), out);
}

FN(fn_coalesce)
{
    for (size_t i = 0; i < argc; i++)
        if (hc_go_truth(argv[i]))
            return fn_done(c, argv[i], out);
    return fn_done(c, NULL, out);
}

FN(fn_ternary)
{
    (void)argc;
    return fn_done(c, hc_kind_of(argv[2]) == HC_BOOL && argv[2]->b ? argv[0] : argv[1], out);
}

FN(fn_all)
{
    for (size_t i = 0; i < argc; i++)
        if (!hc_go_truth(argv[i]))
            return fn_bool(c, false, out);
    return fn_bool(c, true, out);
}

FN(fn_any)
{
    for (size_t i = 0; i < argc; i++)
        if (hc_go_truth(argv[i]))
            return fn_bool(c, true, out);
    return fn_bool(c, false, out);
}

FN(fn_kind_of)
{
    (void)argc;
    return fn_ref(c, hc_str_of(hc_go_kind_name(argv[0])), out);
}

FN(fn_kind_is)
{
    (void)argc;
    return fn_bool(c, hc_str_eqz(fn_s(argv[0]), hc_go_kind_name(argv[1])), out);
}

FN(fn_type_of)
{
    (void)argc;
    return fn_ref(c, hc_str_of(hc_go_type_name(argv[0], c->helm3)), out);
}

FN(fn_type_is)
{
    (void)argc;
    return fn_bool(c, hc_str_eqz(fn_s(argv[0]), hc_go_type_name(argv[1], c->helm3)), out);
}

FN(fn_type_is_like)
{
    (void)argc;
    const char *type = hc_go_type_name(argv[1], c->helm3);
    hc_str want = fn_s(argv[0]);
    return fn_bool(c, hc_str_eqz(want, type) || (type[0] == '*' && hc_str_eqz(want, type + 1)), out);
}

FN(fn_deep_equal_of)
{
    (void)argc;
    return fn_bool(c, fn_deep_equal(c, argv[0], argv[1]), out);
}

/* ---- text/template -------------------------------------------------------------------------------- */

FN(fn_not)
{
    (void)argc;
    return fn_bool(c, !hc_go_truth(argv[0]), out);
}

FN(fn_len)
{
    (void)argc;
    const struct hc_val *v = argv[0];
    int64_t n;
    if (fn_nil(v))
        return fn_fail(c, "len of nil pointer");
    if (v->kind == HC_STR)
        n = v->n;
    else if (v->kind == HC_LIST)
        n = v->list->n;
    else if (fn_is_gomap(v))
        n = v->map->n;
    else /* a pointer is followed first */
        return fn_fail(c, "len of type %s",
                       hc_go_type_name(v, c->helm3) + (hc_go_type_name(v, c->helm3)[0] == '*'));
    return fn_done(c, fn_int(c->a, n), out);
}

static enum hc_rc index_number(struct hc_fcall *c, const struct hc_val *v, size_t n, size_t *out)
{
    if (fn_nil(v))
        return fn_fail(c, "cannot index slice/array with nil");
    if (v->kind != HC_INT && v->kind != HC_UINT)
        return fn_fail(c, "cannot index slice/array with type %s", hc_go_type_name(v, c->helm3));
    if (v->i < 0 || (uint64_t)v->i > n)
        return fn_fail(c, "index out of range: %" PRId64, v->i);
    if ((uint64_t)v->i == n)
        return fn_panic(c, "reflect: slice index out of range");
    *out = (size_t)v->i;
    return HC_OK;
}

/* What a missing key of this map is. */
static struct hc_val *zero_value(struct hc_arena *a, const struct hc_val *map)
{
    if (map->type == HC_GO_MAPSTR)
        return hc_strz_val(a, "");
    if (map->type == HC_GO_FILES)
        return fn_typed(hc_strz_val(a, ""), HC_GO_BYTES);
    return NULL;
}

static enum hc_rc index_map(struct hc_fcall *c, const struct hc_val *map, const struct hc_val *key,
                            struct hc_val **out)
{
    if (fn_nil(key))
        return fn_fail(c, "value is nil; should be of type string");
    if (!fn_is_string(key))
        return fn_fail(c, "value has type %s; should be string", hc_go_type_name(key, c->helm3));
    const struct hc_entry *e = hc_map_find(map, fn_s(key));
    *out = e ? e->val : zero_value(c->a, map);
    return HC_OK;
}

FN(fn_index)
{
    struct hc_val *at = argv[0];
    if (fn_nil(at))
        return fn_fail(c, "index of untyped nil");
    for (size_t i = 1; i < argc; i++) {
        enum hc_rc rc;
        size_t k = 0;
        if (fn_nil(at))
            return fn_fail(c, "index of nil pointer");
        if (at->kind == HC_LIST || at->kind == HC_STR) {
            bool text = at->kind == HC_STR && at->type != HC_GO_BYTES;
            rc = index_number(c, argv[i], at->kind == HC_LIST ? at->list->n : at->n, &k);
            if (rc != HC_OK && text && c->panicked)
                return fn_panic(c, "reflect: string index out of range");
            if (rc != HC_OK)
                return rc;
            at = at->kind == HC_LIST ? at->list->items[k]
                                     : fn_typed(hc_int_val(c->a, (unsigned char)at->s[k]), HC_GO_UINT8);
        } else if (fn_is_gomap(at)) {
            rc = index_map(c, at, argv[i], &at);
            if (rc != HC_OK)
                return rc;
        } else {
            const char *type = hc_go_type_name(at, c->helm3);
            return fn_fail(c, "can't index item of type %s", type + (type[0] == '*'));
        }
    }
    return fn_done(c, at, out);
}

FN(fn_print)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    if (argc == 1 && fn_is_string(argv[0]))
        return fn_ref(c, fn_s(argv[0]), out);
    hc_str texts[8];
    size_t n = 0;
    while (n < argc && n < HC_LEN(texts) && fn_is_string(argv[n])) {
        texts[n] = fn_s(argv[n]);
        n++;
    }
    if (n == argc) /* between texts there is no space */
        return fn_ref(c, hc_arena_cat(c->a, n, texts), out);
    hc_go_sprint(&b, argv, argc);
    return fn_buf(c, &b, out);
}

FN(fn_println)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    hc_go_sprintln(&b, argv, argc);
    return fn_buf(c, &b, out);
}

/* The digits of a number that is not negative, the last one at `end`; gives the first. */
static char *digits(char *end, uint64_t n, bool hex)
{
    do {
        *end-- = "0123456789abcdef"[n % (hex ? 16 : 10)];
        n /= hex ? 16 : 10;
    } while (n);
    return end + 1;
}

/*
 * Most of what printf is asked for: texts by %s, numbers by %d and %x, one verb for each argument. False: something else,
 * or it does not fit.
 */
static bool printed(struct hc_arena *a, hc_str format, struct hc_val *const *argv, size_t argc, hc_str *out)
{
    enum { PARTS = 16, DIGITS = 20, LONG = 64 << 10 };
    hc_str parts[PARTS];
    char numbers[PARTS / 2][DIGITS];
    size_t n = 0, arg = 0;
    for (size_t i = 0; i < format.n;) {
        size_t from = i;
        while (i < format.n && format.p[i] != '%')
            i++;
        if (n + 2 > PARTS)
            return false;
        if (i > from)
            parts[n++] = hc_str_sub(format, from, i);
        if (i == format.n)
            break;
        const struct hc_val *v = arg < argc ? argv[arg] : NULL;
        char verb = i + 1 < format.n ? format.p[i + 1] : 0;
        bool is_int = v && v->kind == HC_INT && (v->type == HC_GO_PLAIN || v->type == HC_GO_INT) && v->i >= 0;
        if (verb == 's' && fn_is_string(v) && v->n < LONG) {
            parts[n++] = fn_s(v);
        } else if ((verb == 'd' || verb == 'x') && is_int && arg < PARTS / 2) {
            char *end = numbers[arg] + DIGITS, *at = digits(end - 1, (uint64_t)v->i, verb == 'x');
            parts[n++] = hc_str_n(at, (size_t)(end - at));
        } else {
            return false;
        }
        arg++;
        i += 2;
    }
    if (arg != argc)
        return false;
    *out = hc_arena_cat(a, n, parts);
    return true;
}

FN(fn_printf)
{
    hc_str text;
    if (printed(c->a, fn_s(argv[0]), argv + 1, argc - 1, &text))
        return fn_ref(c, text, out);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    hc_go_sprintf(&b, fn_s(argv[0]), argv + 1, argc - 1, c->helm3);
    return fn_buf(c, &b, out);
}

/* ---- Helm's own ------------------------------------------------------------------------------------ */

FN(fn_required)
{
    (void)argc;
    if (fn_nil(argv[1]) || (fn_is_string(argv[1]) && argv[1]->n == 0)) {
        hc_str warn = fn_s(argv[0]);
        return fn_fail(c, "%.*s", HC_P(warn));
    }
    return fn_done(c, argv[1], out);
}

FN(fn_fail_with)
{
    (void)argc, (void)out;
    hc_str text = fn_s(argv[0]);
    return fn_fail(c, "%.*s", HC_P(text));
}

FN(fn_lookup)
{
    (void)argc;
    struct hc_val *found = NULL;
    c->asked++;
    if (c->door->lookup) {
        enum hc_rc rc = c->door->lookup(c->door->ctx, c->a, fn_s(argv[0]), fn_s(argv[1]), fn_s(argv[2]),
                                        fn_s(argv[3]), &found, c->err);
        if (rc != HC_OK && rc != HC_E_NOTFOUND)
            return rc;
        if (rc == HC_E_NOTFOUND)
            found = NULL;
    }
    return fn_done(c, hc_is_map(found) ? found : hc_map_new(c->a), out);
}

FN(fn_get_host_by_name)
{
    (void)argc;
    hc_str ip = HC_S("");
    c->asked++;
    if (c->door->resolve)
        ip = c->door->resolve(c->door->ctx, c->a, fn_s(argv[0]));
    return fn_ref(c, ip.p ? ip : HC_S(""), out);
}
