/*
 * Applying Kubernetes' strategic merge patch (k8s.io/apimachinery pkg/util/strategicpatch); what is known of the types
 * comes from outside. Lists of which nothing is known are replaced whole.
 *
 * Order of a merged list: items of the patch in its order, new ones before the items only the document has,
 * known ones at their place among them - what the API server does.
 */
#include "core/value/merge.h"
#include "core/value/value_impl.h"

#define ORDER_PREFIX  "$setElementOrder/"
#define DELETE_PREFIX "$deleteFromPrimitiveList/"
#define MAX_DEPTH     200

struct merger {
    struct hc_arena *a;
    const struct hc_merge_types *types;
    struct hc_err *err;
    unsigned depth;
};

/*
 * Without types: which list is merged by which key stands in a table of field names, because the core types use each
 * name for one kind of list. `ports` is the exception and is decided by what it stands in. NULL: a list of plain values.
 */
static const struct {
    const char *field, *key;
} merged_lists[] = {
    { "containers", "name" },
    { "initContainers", "name" },
    { "ephemeralContainers", "name" },
    { "volumes", "name" },
    { "imagePullSecrets", "name" },
    { "secrets", "name" },
    { "env", "name" },
    { "volumeMounts", "mountPath" },
    { "volumeDevices", "devicePath" },
    { "hostAliases", "ip" },
    { "topologySpreadConstraints", "topologyKey" },
    { "resourceClaims", "name" },
    { "schedulingGates", "name" },
    { "conditions", "type" },
    { "addresses", "type" },
    { "podIPs", "ip" },
    { "hostIPs", "ip" },
    { "ownerReferences", "uid" },
    { "webhooks", "name" },
    { "matchConditions", "name" },
    { "finalizers", NULL },
    { "podCIDRs", NULL },
};
static const char in_container;

static bool builtin_field(const void *ctx, const void *type, hc_str name, struct hc_merge_rule *out)
{
    (void)ctx;
    *out = (struct hc_merge_rule){ .type = hc_str_ends(name, HC_S("ontainers")) ? &in_container : NULL };
    if (hc_str_eqz(name, "ports")) {
        out->merge = true;
        out->key = type == &in_container ? HC_S("containerPort") : HC_S("port");
        return true;
    }
    out->retain_keys = hc_str_eqz(name, "volumes") || hc_str_eqz(name, "strategy");
    for (size_t i = 0; !out->merge && i < HC_LEN(merged_lists); i++) {
        if (hc_str_eqz(name, merged_lists[i].field)) {
            out->merge = true;
            out->key = hc_str_of(merged_lists[i].key);
        }
    }
    return true;
}

const struct hc_merge_types hc_merge_types_builtin = { .field = builtin_field };

static enum hc_rc merge_map(struct merger *m, const void *type, const struct hc_val *doc,
                            const struct hc_val *patch, struct hc_val **out);

static bool is_directive(hc_str key)
{
    return key.n && key.p[0] == '$' &&
           (hc_str_eqz(key, "$patch") || hc_str_eqz(key, "$retainKeys") || hc_str_starts(key, HC_S(ORDER_PREFIX)) ||
            hc_str_starts(key, HC_S(DELETE_PREFIX)));
}

/* A part of the patch that the document lacks: without nulls and directives. */
static struct hc_val *plain(struct merger *m, const struct hc_val *v)
{
    if (hc_is_map(v)) {
        struct hc_val *to = hc_map_new(m->a);
        for (size_t i = 0; i < hc_map_len(v); i++) {
            const struct hc_entry *e = hc_map_at(v, i);
            if (!is_directive(e->key) && e->val->kind != HC_NULL)
                hc_map_put_ref(m->a, to, e->key, plain(m, e->val));
        }
        return to;
    }
    if (hc_is_list(v)) {
        struct hc_val *to = hc_list_new(m->a);
        for (size_t i = 0; i < hc_list_len(v); i++) {
            const struct hc_val *item = hc_list_at(v, i);
            hc_str directive = hc_get_str(hc_map_getz(item, "$patch"));
            if (!directive.p || hc_str_eqz(directive, "merge"))
                hc_list_add(m->a, to, plain(m, item));
        }
        return to;
    }
    return (struct hc_val *)(uintptr_t)v;
}

static bool same_item(const struct hc_val *x, const struct hc_val *y, hc_str key)
{
    if (!key.n)
        return hc_val_equal(x, y);
    const struct hc_val *kx = hc_map_get(x, key), *ky = hc_map_get(y, key);
    return kx && ky && hc_val_equal(kx, ky);
}

static size_t index_in(const struct hc_val *list, const struct hc_val *item, hc_str key)
{
    for (size_t i = 0; i < hc_list_len(list); i++)
        if (same_item(hc_list_at(list, i), item, key))
            return i;
    return SIZE_MAX;
}

/* Items of `merged` in the order the API server gives them, see above. `wanted` orders the patch's own. */
static struct hc_val *in_order(struct merger *m, const struct hc_val *merged, const struct hc_val *wanted,
                               const struct hc_val *doc, hc_str key)
{
    struct hc_val *patch_items = hc_list_new(m->a), *rest = hc_list_new(m->a), *out = hc_list_new(m->a);
    for (size_t i = 0; i < hc_list_len(wanted); i++) {
        size_t at = index_in(merged, hc_list_at(wanted, i), key);
        if (at != SIZE_MAX && index_in(patch_items, hc_list_at(merged, at), key) == SIZE_MAX)
            hc_list_add(m->a, patch_items, hc_list_at(merged, at));
    }
    for (size_t i = 0; i < hc_list_len(merged); i++)
        if (index_in(wanted, hc_list_at(merged, i), key) == SIZE_MAX)
            hc_list_add(m->a, rest, hc_list_at(merged, i));
    size_t i = 0, j = 0;
    while (i < hc_list_len(rest) || j < hc_list_len(patch_items)) {
        struct hc_val *left = hc_list_at(rest, i), *right = hc_list_at(patch_items, j);
        bool take_left = left != NULL;
        if (left && right) {
            size_t li = index_in(doc, left, key), ri = index_in(doc, right, key);
            take_left = li != SIZE_MAX && ri != SIZE_MAX && li < ri;
        }
        hc_list_add(m->a, out, take_left ? left : right);
        *(take_left ? &i : &j) += 1;
        if (hc_arena_spent(m->a))
            break;
    }
    return out;
}

static enum hc_rc merge_objects(struct merger *m, hc_str field, const struct hc_val *patch,
                                const struct hc_merge_rule *rule, struct hc_val *merged, struct hc_val *named,
                                bool *out_replace)
{
    for (size_t i = 0; i < hc_list_len(patch); i++) {
        const struct hc_val *item = hc_list_at(patch, i);
        hc_str directive = hc_get_str(hc_map_getz(item, "$patch"));
        if (hc_str_eqz(directive, "replace")) {
            *out_replace = true;
            continue;
        }
        if (!hc_map_get(item, rule->key))
            return hc_fail(m->err, HC_E_INPUT, "strategic merge patch: an item of '%.*s' has no '%.*s'",
                           HC_P(field), HC_P(rule->key));
        size_t at;
        if (hc_str_eqz(directive, "delete")) {
            while ((at = index_in(merged, item, rule->key)) != SIZE_MAX) {
                struct hc_val **items = merged->list->items;
                memmove(items + at, items + at + 1, (merged->list->n - 1 - at) * sizeof(*items));
                merged->list->n--;
            }
            continue;
        }
        if (directive.p && !hc_str_eqz(directive, "merge"))
            return hc_fail(m->err, HC_E_INPUT, "strategic merge patch: '$patch: %.*s' is unknown", HC_P(directive));
        hc_list_add(m->a, named, (struct hc_val *)(uintptr_t)item);
        at = index_in(merged, item, rule->key);
        if (at == SIZE_MAX) {
            hc_list_add(m->a, merged, plain(m, item));
        } else {
            enum hc_rc rc = merge_map(m, rule->type, merged->list->items[at], item, &merged->list->items[at]);
            if (rc != HC_OK)
                return rc;
        }
    }
    return HC_OK;
}

static enum hc_rc merge_list(struct merger *m, hc_str field, const struct hc_merge_rule *rule,
                             const struct hc_val *doc, const struct hc_val *patch, const struct hc_val *order,
                             const struct hc_val *removed, struct hc_val **out)
{
    static const hc_str plain_values;
    struct hc_val *merged = hc_list_new(m->a), *named = hc_list_new(m->a);
    bool replace = false;
    for (size_t i = 0; i < hc_list_len(doc); i++)
        if (index_in(removed, hc_list_at(doc, i), plain_values) == SIZE_MAX)
            hc_list_add(m->a, merged, hc_list_at(doc, i));
    if (rule->key.n) {
        enum hc_rc rc = merge_objects(m, field, patch, rule, merged, named, &replace);
        if (rc != HC_OK)
            return rc;
    } else {
        for (size_t i = 0; i < hc_list_len(patch); i++) {
            hc_list_add(m->a, named, hc_list_at(patch, i));
            if (index_in(merged, hc_list_at(patch, i), plain_values) == SIZE_MAX)
                hc_list_add(m->a, merged, hc_list_at(patch, i));
        }
    }
    *out = replace ? plain(m, named) : in_order(m, merged, hc_is_list(order) ? order : named, doc, rule->key);
    return HC_OK;
}

static void retain_keys(struct hc_val *doc, const struct hc_val *keys)
{
    for (size_t i = hc_map_len(doc); hc_is_list(keys) && i-- > 0;) {
        hc_str key = hc_map_at(doc, i)->key;
        bool keep = false;
        for (size_t k = 0; k < hc_list_len(keys); k++)
            keep |= hc_str_eq(hc_get_str(hc_list_at(keys, k)), key);
        if (!keep)
            hc_map_del(doc, key);
    }
}

static const struct hc_val *directive_for(struct merger *m, const struct hc_val *patch, const char *prefix,
                                          hc_str key)
{
    const hc_str parts[] = { hc_str_of(prefix), key };
    return hc_map_get(patch, hc_arena_cat(m->a, 2, parts));
}

static enum hc_rc merge_field(struct merger *m, const void *type, hc_str key, struct hc_val *out,
                              const struct hc_val *patch, const struct hc_val *val)
{
    const struct hc_val *there = hc_map_get(out, key);
    const struct hc_val *order = directive_for(m, patch, ORDER_PREFIX, key);
    const struct hc_val *removed = directive_for(m, patch, DELETE_PREFIX, key);
    struct hc_merge_rule rule = { 0 };
    struct hc_val *result = NULL;
    enum hc_rc rc = HC_OK;
    if (val && val->kind == HC_NULL) {
        hc_map_del(out, key);
        return HC_OK;
    }
    if (!m->types->field(m->types->ctx, type, key, &rule))
        rule = (struct hc_merge_rule){ 0 };
    if (hc_is_map(there) && hc_is_map(val) && !rule.replace)
        rc = merge_map(m, rule.type, there, val, &result);
    else if (hc_is_list(there) && (!val || hc_is_list(val)) && rule.merge)
        rc = merge_list(m, key, &rule, there, val, order, removed, &result);
    else if (val)
        result = plain(m, val);
    if (rc == HC_OK && result)
        hc_map_put_ref(m->a, out, key, result);
    return rc;
}

static enum hc_rc merge_map(struct merger *m, const void *type, const struct hc_val *doc,
                            const struct hc_val *patch, struct hc_val **out)
{
    hc_str directive = hc_get_str(hc_map_getz(patch, "$patch"));
    if (hc_str_eqz(directive, "replace")) {
        *out = plain(m, patch);
        return HC_OK;
    }
    if (hc_str_eqz(directive, "delete")) {
        *out = hc_map_new(m->a);
        return HC_OK;
    }
    if (directive.p && !hc_str_eqz(directive, "merge"))
        return hc_fail(m->err, HC_E_INPUT, "strategic merge patch: '$patch: %.*s' is unknown", HC_P(directive));
    if (++m->depth > MAX_DEPTH)
        return hc_fail(m->err, HC_E_LIMIT, "strategic merge patch is nested deeper than %d levels", MAX_DEPTH);
    struct hc_val *to = hc_val_shallow(m->a, doc);
    retain_keys(to, hc_map_getz(patch, "$retainKeys"));
    for (size_t i = 0; i < hc_map_len(patch); i++) {
        const struct hc_entry *e = hc_map_at(patch, i);
        hc_str key = e->key;
        const struct hc_val *val = e->val;
        if (is_directive(key)) {
            /* order and deletions of a list the patch does not name otherwise */
            size_t skip = hc_str_starts(key, HC_S(ORDER_PREFIX))    ? sizeof(ORDER_PREFIX) - 1
                          : hc_str_starts(key, HC_S(DELETE_PREFIX)) ? sizeof(DELETE_PREFIX) - 1
                                                                    : 0;
            key = hc_str_sub(key, skip, key.n);
            if (!skip || hc_map_find(patch, key))
                continue;
            val = NULL;
        }
        enum hc_rc rc = merge_field(m, type, key, to, patch, val);
        if (rc != HC_OK)
            return rc;
    }
    m->depth--;
    *out = to;
    return HC_OK;
}

enum hc_rc hc_strategic_merge(struct hc_arena *a, const struct hc_val *doc, const struct hc_val *patch,
                              const struct hc_merge_types *types, struct hc_val **out, struct hc_err *err)
{
    struct merger m = { .a = a, .types = types ? types : &hc_merge_types_builtin, .err = err };
    struct hc_val *result = NULL;
    if (!hc_is_map(doc) || !hc_is_map(patch))
        return hc_fail(err, HC_E_INPUT, "strategic merge patch: document and patch are maps, not %s and %s",
                       hc_kind_name(doc), hc_kind_name(patch));
    enum hc_rc rc = merge_map(&m, m.types->root, doc, patch, &result);
    if (rc == HC_OK && hc_arena_spent(a))
        rc = hc_arena_check(a, err, "strategic merge patch");
    if (rc == HC_OK)
        *out = result;
    return rc;
}
