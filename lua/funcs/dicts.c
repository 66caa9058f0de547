/*
 * Dicts (A7). Maps are shared by reference: set, unset and the merges change their first argument in place.
 */
#include "lua/funcs/funcs_impl.h"
#include "lua/funcs/version.h"

/* The map as a parameter of type map[string]interface {} has it: .Values loses its own type on the way. */
static struct hc_val *as_map(struct hc_arena *a, struct hc_val *v)
{
    if (!v || v->kind != HC_MAP || v->type == HC_GO_PLAIN)
        return v;
    struct hc_val *plain = hc_null_val(a);
    if (plain) {
        *plain = *v;
        plain->type = HC_GO_PLAIN;
    }
    return plain;
}

static struct hc_val *value_or_null(struct hc_arena *a, struct hc_val *v)
{
    return v ? v : hc_null_val(a);
}

FN(fn_dict)
{
    struct hc_val *map = hc_map_new(c->a);
    for (size_t i = 0; i < argc; i += 2) {
        struct hc_val *v = i + 1 < argc ? argv[i + 1] : hc_strz_val(c->a, "");
        hc_map_put_ref(c->a, map, hc_go_strval(c->a, argv[i]), value_or_null(c->a, v));
    }
    return fn_done(c, map, out);
}

FN(fn_get)
{
    (void)argc;
    const struct hc_entry *e = hc_map_find(argv[0], fn_s(argv[1]));
    return fn_done(c, e ? e->val : hc_strz_val(c->a, ""), out);
}

static enum hc_rc nil_map(struct hc_fcall *c)
{
    return fn_panic(c, "assignment to entry in nil map");
}

FN(fn_set)
{
    (void)argc;
    if (!hc_is_map(argv[0]) || (argv[0]->map->flags & HC_LIST_NIL))
        return nil_map(c);
    fn_changes(c, argv[0]);
    hc_map_put_ref(c->a, argv[0], fn_s(argv[1]), value_or_null(c->a, argv[2]));
    return fn_done(c, as_map(c->a, argv[0]), out);
}

FN(fn_unset)
{
    (void)argc;
    if (hc_map_find(argv[0], fn_s(argv[1]))) {
        fn_changes(c, argv[0]);
        hc_map_del(argv[0], fn_s(argv[1]));
    }
    return fn_done(c, as_map(c->a, argv[0]), out);
}

FN(fn_has_key)
{
    (void)argc;
    return fn_bool(c, hc_map_find(argv[0], fn_s(argv[1])) != NULL, out);
}

FN(fn_pluck)
{
    struct hc_val *list = hc_list_new(c->a);
    for (size_t i = 1; i < argc; i++) {
        const struct hc_entry *e = hc_map_find(argv[i], fn_s(argv[0]));
        if (e)
            fn_add(c->a, list, e->val);
    }
    return fn_done(c, list, out);
}

/* Helm's order is random; ours is by key. */
FN(fn_keys)
{
    struct hc_val *list = fn_strings(c->a);
    for (size_t i = 0; i < argc; i++) {
        const struct hc_entry **order = fn_sorted(c->a, argv[i]);
        for (size_t k = 0; order && k < hc_map_len(argv[i]); k++)
            fn_add(c->a, list, hc_str_val_ref(c->a, order[k]->key));
    }
    return fn_done(c, list, out);
}

FN(fn_values)
{
    (void)argc;
    struct hc_val *list = hc_list_new(c->a);
    const struct hc_entry **order = fn_sorted(c->a, argv[0]);
    for (size_t k = 0; order && k < hc_map_len(argv[0]); k++)
        fn_add(c->a, list, order[k]->val);
    return fn_done(c, list, out);
}

FN(fn_pick)
{
    struct hc_val *map = hc_map_new(c->a);
    for (size_t i = 1; i < argc; i++) {
        const struct hc_entry *e = hc_map_find(argv[0], fn_s(argv[i]));
        if (e)
            hc_map_put_ref(c->a, map, e->key, e->val);
    }
    return fn_done(c, map, out);
}

FN(fn_omit)
{
    struct hc_val *map = hc_map_new(c->a);
    for (size_t k = 0; k < hc_map_len(argv[0]); k++) {
        const struct hc_entry *e = hc_map_at(argv[0], k);
        bool omitted = false;
        for (size_t i = 1; i < argc && !omitted; i++)
            omitted = hc_str_eq(e->key, fn_s(argv[i]));
        if (!omitted)
            hc_map_put_ref(c->a, map, e->key, e->val);
    }
    return fn_done(c, map, out);
}

/* ---- merge ----------------------------------------------------------------------------------------- */

#define MAX_MERGE_DEPTH 1000
enum {
    STEPS_MERGE = 20, /* of an entry: a look-up by key */
    FEW = 8
};

/* Among the first `n`: all that can have the key while one map with keys of its own is put behind them. */
static struct hc_entry *find_among(struct hc_val *map, uint32_t n, hc_str key)
{
    for (uint32_t i = 0; i < n; i++)
        if (hc_str_eq(map->map->entries[i].key, key))
            return &map->map->entries[i];
    return NULL;
}

/* mergo's deepMerge of two maps. Depth stops maps that contain themselves. */
static enum hc_rc merge_into(struct hc_fcall *c, struct hc_val *dst, const struct hc_val *src, bool over, int depth)
{
    if (depth > MAX_MERGE_DEPTH)
        return hc_fail(c->err, HC_E_LIMIT, "merge of maps nested deeper than %d", MAX_MERGE_DEPTH);
    if (dst->map == src->map || (dst->map->flags & HC_LIST_NIL))
        return HC_OK;
    fn_changes(c, dst);
    const uint32_t before = dst->map->n;
    uint32_t appended = 0;
    bool dst_empty = before == 0;
    if (dst->map->n < src->map->n) /* or most of it is there already */
        hc_map_reserve(c->a, dst, src->map->n);
    for (uint32_t i = 0; i < src->map->n; i++) {
        if (!fn_work(c, STEPS_MERGE))
            return fn_spent(c);
        hc_str key = src->map->entries[i].key;
        struct hc_val *from = src->map->entries[i].val;
        bool few = before <= FEW && dst->map->n == before + appended; /* a map may be a part of itself */
        struct hc_entry *at = few ? find_among(dst, before, key) : hc_map_find(dst, key);
        if (fn_nil(from)) {
            if (over)
                hc_map_put_ref(c->a, dst, key, value_or_null(c->a, from));
            continue;
        }
        bool both_maps = at && fn_is_gomap(at->val) && fn_is_gomap(from);
        if (both_maps) {
            enum hc_rc rc = merge_into(c, at->val, from, over, depth + 1);
            if (rc != HC_OK)
                return rc;
        }
        bool has = at && hc_go_truth(at->val);
        if (has && fn_is_slice(from)) {
            if (over || dst_empty)
                hc_map_put_ref(c->a, dst, key, from);
            continue;
        }
        if (has && both_maps)
            continue;
        if (!at) {
            hc_map_append_ref(c->a, dst, key, from);
            appended++;
        } else if (over || !has) {
            hc_map_put_ref(c->a, dst, key, from);
        }
        if (hc_arena_spent(c->a))
            break;
    }
    return HC_OK;
}

static enum hc_rc merged(struct hc_fcall *c, struct hc_val *const *argv, size_t argc, bool over,
                         struct hc_val **out)
{
    struct hc_val *dst = hc_is_map(argv[0]) ? argv[0] : NULL;
    for (size_t i = 1; i < argc; i++) {
        if (!hc_is_map(argv[i]) || (argv[i]->map->flags & HC_LIST_NIL))
            continue;
        if (!dst || (dst->map->flags & HC_LIST_NIL))
            dst = hc_map_new(c->a);
        if (!dst)
            break;
        enum hc_rc rc = merge_into(c, dst, argv[i], over, 0);
        if (rc != HC_OK)
            return rc;
    }
    return fn_done(c, dst ? as_map(c->a, dst) : argv[0], out);
}

FN(fn_merge)
{
    return merged(c, argv, argc, false, out);
}

FN(fn_merge_overwrite)
{
    return merged(c, argv, argc, true, out);
}

/* ---- dig, copies ------------------------------------------------------------------------------------ */

static enum hc_rc not_a(struct hc_fcall *c, const struct hc_val *v, const char *want)
{
    return fn_panic(c, "interface conversion: interface {} is %s, not %s",
                    fn_nil(v) ? "nil" : hc_go_type_name(v, c->helm3), want);
}

static bool plain_map(const struct hc_val *v)
{
    return hc_is_map(v) && v->type == HC_GO_PLAIN;
}

FN(fn_dig)
{
    if (argc < 3)
        return fn_panic(c, "dig needs at least three arguments");
    struct hc_val *at = argv[argc - 1];
    if (!plain_map(at))
        return not_a(c, at, "map[string]interface {}");
    for (size_t i = 0; i + 2 < argc; i++)
        if (!fn_is_string(argv[i]))
            return not_a(c, argv[i], "string");
    for (size_t i = 0; i + 2 < argc; i++) {
        if (!plain_map(at))
            return not_a(c, at, "map[string]interface {}");
        const struct hc_entry *e = hc_map_find(at, fn_s(argv[i]));
        if (!e)
            return fn_done(c, argv[argc - 2], out);
        at = e->val;
    }
    return fn_done(c, at, out);
}

static struct hc_val *copied(struct hc_arena *a, const struct hc_val *v, int depth)
{
    if (!v || depth > HC_MAX_JSON_DEPTH)
        return hc_null_val(a);
    struct hc_val *to = hc_null_val(a);
    if (!to)
        return NULL;
    *to = *v;
    if (v->kind == HC_OBJ && (v->type == HC_GO_SEMVER || v->type == HC_GO_VERSION)) {
        /* copystructure, which sprig copies by, does not see fields without a capital: a version comes out empty */
        static const struct hc_semver none;
        struct hc_val *empty = hc_semver_val(a, &none);
        return empty ? fn_typed(empty, v->type) : NULL;
    }
    if (v->kind == HC_LIST) {
        struct hc_val *list = hc_list_new(a);
        for (uint32_t i = 0; list && i < v->list->n; i++)
            fn_add(a, list, copied(a, v->list->items[i], depth + 1));
        if (list) {
            list->list->flags = v->list->flags & HC_VALUE_FLAGS;
            to->list = list->list;
        }
    } else if (v->kind == HC_MAP) {
        struct hc_val *map = hc_map_new(a);
        for (uint32_t i = 0; map && i < v->map->n; i++)
            hc_map_put_ref(a, map, v->map->entries[i].key, copied(a, v->map->entries[i].val, depth + 1));
        if (map) {
            if (v->type == HC_GO_KUBEVALUE)
                hc_map_put_ref(a, map, HC_S("normalizedVersion"), hc_str_val_ref(a, HC_S("")));
            map->map->flags = v->map->flags & HC_VALUE_FLAGS;
            to->map = map->map;
        }
    }
    return to;
}

FN(fn_deep_copy)
{
    (void)argc;
    if (fn_nil(argv[0]))
        return fn_panic(c, "reflect: call of reflect.Value.Type on zero Value");
    return fn_done(c, copied(c->a, argv[0], 0), out);
}
