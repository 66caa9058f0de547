/*
 * Making a strategic merge patch out of three documents: what was wished before, what is wished now, what there is
 * (k8s.io/apimachinery strategicpatch, CreateThreeWayMergePatch). Applied to what there is, it gives what the real
 * algorithm's patch gives; it leaves out what would change nothing, so an empty patch means that nothing is to do.
 *
 * Items of merged lists are paired by key and by how often the key stood before in its list: two ports may share a
 * number, and the first is not the second.
 */
#include <stdlib.h>

#include "core/value/merge.h"
#include "core/value/value_impl.h"

#define MAX_DEPTH 200

struct differ {
    struct hc_arena *a;
    const struct hc_merge_types *types;
    struct hc_err *err;
    unsigned depth;
};

static enum hc_rc diff_map(struct differ *d, const struct hc_merge_rule *rule, const struct hc_val *before,
                           const struct hc_val *wanted, const struct hc_val *live, struct hc_val **out);

static hc_str directive(struct differ *d, const char *prefix, hc_str field)
{
    const hc_str parts[] = { hc_str_of(prefix), field };
    return hc_arena_cat(d->a, 2, parts);
}

static bool same_item(const struct hc_val *x, const struct hc_val *y, hc_str key)
{
    return key.n ? hc_val_equal(hc_map_get(x, key), hc_map_get(y, key)) : hc_val_equal(x, y);
}

/* Where in `list` the item that pairs with list[at] stands; SIZE_MAX: nowhere. */
static size_t partner(const struct hc_val *of, size_t at, const struct hc_val *in, hc_str key)
{
    size_t earlier = 0;
    for (size_t i = 0; i < at; i++)
        earlier += same_item(hc_list_at(of, i), hc_list_at(of, at), key);
    for (size_t i = 0; i < hc_list_len(in); i++)
        if (same_item(hc_list_at(in, i), hc_list_at(of, at), key) && earlier-- == 0)
            return i;
    return SIZE_MAX;
}

static enum hc_rc check_keys(struct differ *d, hc_str field, const struct hc_val *list, hc_str key)
{
    for (size_t i = 0; i < hc_list_len(list); i++)
        if (!hc_map_find(hc_list_at(list, i), key))
            return hc_fail(d->err, HC_E_INPUT,
                           "item %zu of '%.*s' has no '%.*s', by which its items are told apart", i + 1,
                           HC_P(field), HC_P(key));
    return HC_OK;
}

/* Whether items of both lists stand in another order. */
static bool reordered(const struct hc_val *wanted, const struct hc_val *live, hc_str key)
{
    size_t last = 0;
    for (size_t i = 0; i < hc_list_len(wanted); i++) {
        size_t at = partner(wanted, i, live, key);
        if (at == SIZE_MAX)
            continue;
        if (at + 1 < last)
            return true;
        last = at + 1;
    }
    return false;
}

static struct hc_val *order_of(struct differ *d, const struct hc_val *wanted, hc_str key)
{
    struct hc_val *order = hc_list_new(d->a);
    for (size_t i = 0; i < hc_list_len(wanted); i++) {
        struct hc_val *item = hc_list_at(wanted, i), *named = key.n ? hc_map_new(d->a) : item;
        if (key.n)
            hc_map_put_ref(d->a, named, key, hc_map_get(item, key));
        hc_list_add(d->a, order, named);
    }
    return order;
}

static enum hc_rc diff_items(struct differ *d, const struct hc_merge_rule *rule, const struct hc_val *before,
                             const struct hc_val *wanted, const struct hc_val *live, struct hc_val *items)
{
    for (size_t i = 0; i < hc_list_len(wanted); i++) {
        struct hc_val *item = hc_list_at(wanted, i), *patch = NULL;
        size_t there = partner(wanted, i, live, rule->key), was = partner(wanted, i, before, rule->key);
        if (there == SIZE_MAX) {
            hc_list_add(d->a, items, item);
            continue;
        }
        enum hc_rc rc = diff_map(d, rule, hc_list_at(before, was), item, hc_list_at(live, there), &patch);
        if (rc != HC_OK)
            return rc;
        if (hc_map_len(patch) == 0)
            continue;
        hc_map_put_ref(d->a, patch, rule->key, hc_map_get(item, rule->key));
        hc_list_add(d->a, items, patch);
    }
    for (size_t i = 0; i < hc_list_len(before); i++) {
        if (partner(before, i, wanted, rule->key) != SIZE_MAX || partner(before, i, live, rule->key) == SIZE_MAX)
            continue;
        struct hc_val *gone = hc_map_new(d->a);
        hc_map_put_ref(d->a, gone, rule->key, hc_map_get(hc_list_at(before, i), rule->key));
        hc_map_put_strz(d->a, gone, "$patch", "delete");
        hc_list_add(d->a, items, gone);
    }
    return HC_OK;
}

static enum hc_rc diff_list(struct differ *d, hc_str field, const struct hc_merge_rule *rule,
                            const struct hc_val *before, const struct hc_val *wanted, const struct hc_val *live,
                            struct hc_val *patch)
{
    struct hc_val *items = hc_list_new(d->a), *gone = hc_list_new(d->a);
    enum hc_rc rc = HC_OK;
    if (hc_list_len(live) == 0) {
        if (hc_list_len(wanted) > 0)
            hc_map_put_ref(d->a, patch, field, (struct hc_val *)(uintptr_t)wanted);
        return HC_OK;
    }
    if (rule->key.n) {
        const struct hc_val *lists[] = { before, wanted, live };
        for (size_t i = 0; rc == HC_OK && i < HC_LEN(lists); i++)
            rc = check_keys(d, field, lists[i], rule->key);
        if (rc == HC_OK)
            rc = diff_items(d, rule, before, wanted, live, items);
        if (rc != HC_OK)
            return rc;
    } else {
        for (size_t i = 0; i < hc_list_len(wanted); i++)
            if (partner(wanted, i, live, rule->key) == SIZE_MAX)
                hc_list_add(d->a, items, hc_list_at(wanted, i));
        for (size_t i = 0; i < hc_list_len(before); i++)
            if (partner(before, i, wanted, rule->key) == SIZE_MAX &&
                partner(before, i, live, rule->key) != SIZE_MAX)
                hc_list_add(d->a, gone, hc_list_at(before, i));
    }
    if (hc_list_len(items) > 0)
        hc_map_put_ref(d->a, patch, field, items);
    if (hc_list_len(gone) > 0)
        hc_map_put_ref(d->a, patch, directive(d, "$deleteFromPrimitiveList/", field), gone);
    if (hc_list_len(items) > 0 || hc_list_len(gone) > 0 || reordered(wanted, live, rule->key))
        hc_map_put_ref(d->a, patch, directive(d, "$setElementOrder/", field), order_of(d, wanted, rule->key));
    return HC_OK;
}

static enum hc_rc diff_field(struct differ *d, const void *type, const struct hc_entry *e,
                             const struct hc_val *before, const struct hc_val *live, struct hc_val *patch)
{
    struct hc_merge_rule rule = { 0 };
    struct hc_val *sub = NULL;
    enum hc_rc rc = HC_OK;
    if (!live || live->kind != e->val->kind) {
        if (!(hc_is_null(live) && hc_is_null(e->val)))
            hc_map_put_ref(d->a, patch, e->key, e->val);
        return HC_OK;
    }
    if (!d->types->field(d->types->ctx, type, e->key, &rule))
        rule = (struct hc_merge_rule){ 0 };
    if (hc_is_map(live) && !rule.replace) {
        rc = diff_map(d, &rule, hc_is_map(before) ? before : NULL, e->val, live, &sub);
        if (rc == HC_OK && hc_map_len(sub) > 0)
            hc_map_put_ref(d->a, patch, e->key, sub);
    } else if (hc_is_list(live) && rule.merge) {
        rc = diff_list(d, e->key, &rule, hc_is_list(before) ? before : NULL, e->val, live, patch);
    } else if (!hc_val_equal(live, e->val)) {
        hc_map_put_ref(d->a, patch, e->key, e->val);
    }
    return rc;
}

static int by_text(const void *x, const void *y)
{
    return hc_str_cmp(*(const hc_str *)x, *(const hc_str *)y);
}

/* $retainKeys: with it all fields that the patch's owner does not name are cleared. */
static void retain(struct differ *d, const struct hc_val *wanted, const struct hc_val *live, struct hc_val *patch)
{
    bool more = false;
    size_t n = 0;
    hc_str *names = HC_NEW_N(d->a, hc_str, hc_map_len(wanted) + 1);
    struct hc_val *list = hc_list_new(d->a);
    for (size_t i = 0; names && i < hc_map_len(wanted); i++)
        if (!hc_is_null(hc_map_at(wanted, i)->val))
            names[n++] = hc_map_at(wanted, i)->key;
    for (size_t i = 0; i < hc_map_len(live); i++)
        more = more || (!hc_is_null(hc_map_at(live, i)->val) && !hc_map_find(wanted, hc_map_at(live, i)->key));
    if (n == 0 || (hc_map_len(patch) == 0 && !more))
        return;
    qsort(names, n, sizeof(*names), by_text);
    for (size_t i = 0; i < n; i++)
        hc_list_add(d->a, list, hc_str_val_ref(d->a, names[i]));
    hc_map_put(d->a, patch, HC_S("$retainKeys"), list);
}

static enum hc_rc diff_map(struct differ *d, const struct hc_merge_rule *rule, const struct hc_val *before,
                           const struct hc_val *wanted, const struct hc_val *live, struct hc_val **out)
{
    struct hc_val *patch = hc_map_new(d->a);
    if (++d->depth > MAX_DEPTH)
        return hc_fail(d->err, HC_E_LIMIT, "an object is nested deeper than %d levels", MAX_DEPTH);
    for (size_t i = 0; i < hc_map_len(wanted); i++) {
        const struct hc_entry *e = hc_map_at(wanted, i);
        enum hc_rc rc = diff_field(d, rule->type, e, hc_map_get(before, e->key), hc_map_get(live, e->key), patch);
        if (rc != HC_OK)
            return rc;
    }
    for (size_t i = 0; i < hc_map_len(before); i++) {
        hc_str key = hc_map_at(before, i)->key;
        if (!hc_map_find(wanted, key) && hc_map_find(live, key))
            hc_map_put_ref(d->a, patch, key, hc_null_val(d->a));
    }
    if (rule->retain_keys)
        retain(d, wanted, live, patch);
    d->depth--;
    *out = patch;
    return HC_OK;
}

enum hc_rc hc_strategic_diff(struct hc_arena *a, const struct hc_val *before, const struct hc_val *wanted,
                             const struct hc_val *live, const struct hc_merge_types *types, struct hc_val **out,
                             struct hc_err *err)
{
    struct differ d = { .a = a, .types = types ? types : &hc_merge_types_builtin, .err = err };
    const struct hc_merge_rule root = { .type = d.types->root };
    struct hc_val *patch = NULL;
    enum hc_rc rc = diff_map(&d, &root, before, wanted, live, &patch);
    if (rc == HC_OK && hc_arena_spent(a))
        rc = hc_arena_check(a, err, "strategic merge patch");
    if (rc == HC_OK)
        *out = patch;
    return rc;
}
