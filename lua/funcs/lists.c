/*
 * Lists (A6). Results are fresh lists of interface values; elements are shared.
 */
#include "lua/funcs/funcs_impl.h"

/* The list, or the panic of sprig for what is none. */
static enum hc_rc need(struct hc_fcall *c, const struct hc_val *v, const char *complaint)
{
    if (fn_nil(v))
        return fn_panic(c, "runtime error: invalid memory address or nil pointer dereference");
    if (!fn_is_slice(v))
        return fn_panic(c, "%s %s", complaint, hc_go_kind_name(v));
    return HC_OK;
}

static struct hc_val *nil_list(struct hc_arena *a)
{
    struct hc_val *v = hc_list_new(a);
    if (v)
        v->list->flags |= HC_LIST_NIL;
    return v;
}

/* Appends elements [from, to) of `v`. */
static void add_range(struct hc_arena *a, struct hc_val *list, const struct hc_val *v, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        fn_add(a, list, fn_slice_at(a, v, i));
}

FN(fn_list)
{
    struct hc_val *list = hc_list_new(c->a);
    for (size_t i = 0; i < argc; i++)
        fn_add(c->a, list, argv[i]);
    return fn_done(c, list, out);
}

FN(fn_append)
{
    (void)argc;
    enum hc_rc rc = need(c, argv[0], "Cannot push on type");
    if (rc != HC_OK)
        return rc;
    struct hc_val *list = hc_list_new(c->a);
    add_range(c->a, list, argv[0], 0, fn_slice_len(argv[0]));
    fn_add(c->a, list, argv[1]);
    return fn_done(c, list, out);
}

FN(fn_prepend)
{
    (void)argc;
    enum hc_rc rc = need(c, argv[0], "Cannot prepend on type");
    if (rc != HC_OK)
        return rc;
    struct hc_val *list = hc_list_new(c->a);
    fn_add(c->a, list, argv[1]);
    add_range(c->a, list, argv[0], 0, fn_slice_len(argv[0]));
    return fn_done(c, list, out);
}

FN(fn_first)
{
    (void)argc;
    enum hc_rc rc = need(c, argv[0], "Cannot find first on type");
    if (rc != HC_OK)
        return rc;
    return fn_done(c, fn_slice_len(argv[0]) ? fn_slice_at(c->a, argv[0], 0) : NULL, out);
}

FN(fn_last)
{
    (void)argc;
    enum hc_rc rc = need(c, argv[0], "Cannot find last on type");
    if (rc != HC_OK)
        return rc;
    size_t n = fn_slice_len(argv[0]);
    return fn_done(c, n ? fn_slice_at(c->a, argv[0], n - 1) : NULL, out);
}

FN(fn_rest)
{
    (void)argc;
    enum hc_rc rc = need(c, argv[0], "Cannot find rest on type");
    if (rc != HC_OK)
        return rc;
    size_t n = fn_slice_len(argv[0]);
    struct hc_val *list = n ? hc_list_new(c->a) : nil_list(c->a);
    add_range(c->a, list, argv[0], 1, n);
    return fn_done(c, list, out);
}

FN(fn_initial)
{
    (void)argc;
    enum hc_rc rc = need(c, argv[0], "Cannot find initial on type");
    if (rc != HC_OK)
        return rc;
    size_t n = fn_slice_len(argv[0]);
    struct hc_val *list = n ? hc_list_new(c->a) : nil_list(c->a);
    add_range(c->a, list, argv[0], 0, n ? n - 1 : 0);
    return fn_done(c, list, out);
}

FN(fn_reverse)
{
    (void)argc;
    enum hc_rc rc = need(c, argv[0], "Cannot find reverse on type");
    if (rc != HC_OK)
        return rc;
    struct hc_val *list = hc_list_new(c->a);
    for (size_t i = fn_slice_len(argv[0]); i > 0; i--)
        fn_add(c->a, list, fn_slice_at(c->a, argv[0], i - 1));
    return fn_done(c, list, out);
}

FN(fn_compact)
{
    (void)argc;
    enum hc_rc rc = need(c, argv[0], "Cannot compact on type");
    if (rc != HC_OK)
        return rc;
    struct hc_val *list = hc_list_new(c->a);
    for (size_t i = 0; i < fn_slice_len(argv[0]); i++) {
        struct hc_val *item = fn_slice_at(c->a, argv[0], i);
        if (hc_go_truth(item))
            fn_add(c->a, list, item);
    }
    return fn_done(c, list, out);
}

FN(fn_uniq)
{
    (void)argc;
    enum hc_rc rc = need(c, argv[0], "Cannot find uniq on type");
    if (rc != HC_OK)
        return rc;
    struct hc_val *list = hc_list_new(c->a);
    for (size_t i = 0; list && i < fn_slice_len(argv[0]); i++) {
        struct hc_val *item = fn_slice_at(c->a, argv[0], i);
        bool seen = false;
        for (uint32_t k = 0; k < list->list->n && !seen; k++)
            seen = fn_deep_equal(c, item, list->list->items[k]);
        if (!fn_work(c, 1))
            return fn_spent(c);
        if (!seen)
            fn_add(c->a, list, item);
    }
    return fn_done(c, list, out);
}

FN(fn_without)
{
    enum hc_rc rc = need(c, argv[0], "Cannot find without on type");
    if (rc != HC_OK)
        return rc;
    struct hc_val *list = hc_list_new(c->a);
    for (size_t i = 0; i < fn_slice_len(argv[0]); i++) {
        struct hc_val *item = fn_slice_at(c->a, argv[0], i);
        bool omit = false;
        for (size_t k = 1; k < argc && !omit; k++)
            omit = fn_deep_equal(c, item, argv[k]);
        if (!fn_work(c, 1))
            return fn_spent(c);
        if (!omit)
            fn_add(c->a, list, item);
    }
    return fn_done(c, list, out);
}

FN(fn_has)
{
    (void)argc;
    if (fn_nil(argv[1]))
        return fn_bool(c, false, out);
    enum hc_rc rc = need(c, argv[1], "Cannot find has on type");
    if (rc != HC_OK)
        return rc;
    bool found = false;
    for (size_t i = 0; i < fn_slice_len(argv[1]) && !found; i++)
        found = fn_deep_equal(c, argv[0], fn_slice_at(c->a, argv[1], i));
    return fn_bool(c, found, out);
}

FN(fn_slice)
{
    if (fn_nil(argv[0]))
        return need(c, argv[0], "");
    if (!fn_is_slice(argv[0]))
        return fn_panic(c, "list should be type of slice or array but %s", hc_go_kind_name(argv[0]));
    const struct hc_val *v = argv[0];
    int64_t n = (int64_t)fn_slice_len(v), start = argc > 1 ? fn_to_i64(argv[1]) : 0;
    int64_t end = argc > 2 ? fn_to_i64(argv[2]) : n;
    if (n == 0)
        return fn_done(c, NULL, out);
    /* Go's bound is the capacity, which charts cannot see; the length is what it is for the lists they make. */
    if (start < 0 || end < start || end > n)
        return fn_panic(c, "reflect.Value.Slice: slice index out of bounds");
    struct hc_val *part;
    if (v->kind == HC_STR) {
        part = fn_typed(hc_str_val_ref(c->a, hc_str_sub(fn_s(v), (size_t)start, (size_t)end)), HC_GO_BYTES);
    } else {
        part = fn_typed(hc_list_new(c->a), (enum hc_gotype)v->type);
        add_range(c->a, part, v, (size_t)start, (size_t)end);
    }
    return fn_done(c, part, out);
}

FN(fn_concat)
{
    struct hc_val *list = argc ? hc_list_new(c->a) : nil_list(c->a);
    size_t total = 0;
    for (size_t i = 0; i < argc; i++) {
        if (fn_nil(argv[i]))
            return need(c, argv[i], "");
        if (!fn_is_slice(argv[i]))
            return fn_panic(c, "Cannot concat type %s as list", hc_go_kind_name(argv[i]));
        total += fn_slice_len(argv[i]);
        add_range(c->a, list, argv[i], 0, fn_slice_len(argv[i]));
    }
    if (list && total == 0)
        list->list->flags |= HC_LIST_NIL;
    return fn_done(c, list, out);
}

FN(fn_chunk)
{
    (void)argc;
    enum hc_rc rc = need(c, argv[1], "Cannot chunk type");
    if (rc != HC_OK)
        return rc;
    int64_t size = fn_i(argv[0]), n = (int64_t)fn_slice_len(argv[1]);
    struct hc_val *chunks = fn_typed(hc_list_new(c->a), HC_GO_LISTS);
    /* floor((n - 1) / size) + 1 in floats, as sprig counts them, negative sizes included */
    double count = floor((double)(n - 1) / (double)size) + 1;
    if (!(count >= 0 && count <= (double)n + 1))
        return fn_panic(c, "runtime error: makeslice: len out of range");
    int64_t chunks_n = (int64_t)count;
    for (int64_t i = 0; i < chunks_n; i++) {
        int64_t len = size;
        if (i == chunks_n - 1 && (len = (int64_t)floor(fmod((double)n, (double)size))) == 0)
            len = size;
        if (len < 0)
            return fn_panic(c, "runtime error: makeslice: len out of range");
        int64_t from = i * size;
        if (from < 0 || from + len > n)
            return fn_panic(c, "reflect: slice index out of range");
        struct hc_val *part = hc_list_new(c->a);
        add_range(c->a, part, argv[1], (size_t)from, (size_t)(from + len));
        fn_add(c->a, chunks, part);
        if (hc_arena_spent(c->a))
            break;
    }
    return fn_done(c, chunks, out);
}

FN(fn_shuffle)
{
    (void)argc;
    hc_str s = fn_s(argv[0]);
    uint32_t *runes = HC_NEW_N(c->a, uint32_t, s.n + 1);
    char *p = hc_arena_alloc(c->a, s.n * 3 + 4, 1);
    size_t n = 0, k = 0;
    if (!runes || !p)
        return fn_done(c, NULL, out);
    for (size_t i = 0; i < s.n; n++)
        i += hc_utf8_decode(hc_str_sub(s, i, s.n), &runes[n]);
    for (size_t i = n; i > 1; i--) {
        uint64_t r;
        if (!fn_random(c, &r, sizeof(r)))
            return fn_fail(c, "the system gives no random numbers");
        size_t j = (size_t)(r % i);
        uint32_t t = runes[i - 1];
        runes[i - 1] = runes[j];
        runes[j] = t;
    }
    for (size_t i = 0; i < n; i++)
        k += hc_utf8_encode(runes[i], p + k);
    return fn_ref(c, hc_str_n(p, k), out);
}
