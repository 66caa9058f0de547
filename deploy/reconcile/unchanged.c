/*
 * Whether a server-side apply would change anything, told from the live object alone: so an upgrade writes to no object
 * that is as it should be. Two conditions, both of every field: the value is the wanted one, and it is ours by an apply
 * (metadata.managedFields, whose paths also say how the server tells the items of a list apart). Nothing else may be ours,
 * or the apply would take it away.
 *
 * A wrong "yes" would leave drift behind; a wrong "no" costs a request that changes nothing. So what is not understood is
 * a no: another version of the kind, values the server spells differently, lists that go by index.
 */
#include "core/base/digest.h"
#include "core/value/json.h"
#include "deploy/reconcile/reconcile_impl.h"

#define MAX_DEPTH 64

struct walk {
    struct hc_arena *a;
    int depth;
    bool before; /* this very text was applied last */
};

static bool same_field(struct walk *w, const struct hc_val *want, const struct hc_val *live,
                       const struct hc_val *owned);

/* A manifest may spell out nothing, which the server leaves out. */
static bool nothing(const struct hc_val *v)
{
    double n = 0;
    switch (hc_kind_of(v)) {
    case HC_NULL:
        return true;
    case HC_BOOL:
        return !v->b;
    case HC_STR:
        return v->n == 0;
    case HC_LIST:
        return hc_list_len(v) == 0;
    case HC_MAP:
        for (size_t i = 0; i < hc_map_len(v); i++)
            if (!nothing(hc_map_at(v, i)->val))
                return false;
        return true;
    case HC_INT:
    case HC_UINT:
    case HC_FLOAT:
        return hc_get_f64(v, &n) && n == 0;
    case HC_OBJ:
        break;
    }
    return false;
}

/* It is not there, and the server left it out: of what it was sent it remembers as ours also what it does not write (a 0 that
 * says nothing). A "false" or 0 that is not ours any more was taken away, and may mean something else than nothing
 * ("automountServiceAccountToken"). */
static bool left_out(const struct hc_val *want, const struct hc_val *mine)
{
    enum hc_kind k = hc_kind_of(want);
    return nothing(want) && (mine || k == HC_NULL || k == HC_STR || k == HC_LIST || k == HC_MAP);
}

static const struct hc_val *owned_field(const struct hc_val *owned, hc_str key)
{
    for (size_t i = 0; i < hc_map_len(owned); i++) {
        const struct hc_entry *e = hc_map_at(owned, i);
        if (e->key.n == key.n + 2 && hc_str_starts(e->key, HC_S("f:")) &&
            hc_str_eq(hc_str_sub(e->key, 2, e->key.n), key))
            return e->val;
    }
    return NULL;
}

/* Of an item: its keys ("name", "containerPort" and "protocol") are ours whether or not they were sent. */
static bool is_key(const struct hc_val *keys, hc_str name)
{
    return hc_map_find(keys, name) != NULL;
}

static bool same_map(struct walk *w, const struct hc_val *want, const struct hc_val *live,
                     const struct hc_val *owned, const struct hc_val *keys)
{
    size_t ours = 0, found = 0;
    for (size_t i = 0; i < hc_map_len(owned); i++) {
        const struct hc_entry *e = hc_map_at(owned, i);
        if (hc_str_eqz(e->key, "."))
            continue;
        if (!hc_str_starts(e->key, HC_S("f:")))
            return false;
        ours += !is_key(keys, hc_str_sub(e->key, 2, e->key.n));
    }
    for (size_t i = 0; i < hc_map_len(want); i++) {
        const struct hc_entry *e = hc_map_at(want, i);
        const struct hc_val *is = hc_map_get(live, e->key), *mine = owned_field(owned, e->key);
        if (is_key(keys, e->key)) {
            if (!hc_val_equal(e->val, is))
                return false;
            continue;
        }
        found += mine != NULL;
        if (!is ? !left_out(e->val, mine) : !mine || !same_field(w, e->val, is, mine))
            return false;
    }
    return found == ours;
}

/* The item that keys tell: each of them is as they say, or not said (the server's default). */
static const struct hc_val *item_of(const struct hc_val *list, const struct hc_val *keys, bool all)
{
    const struct hc_val *found = NULL;
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *item = hc_list_at(list, i);
        bool fits = hc_is_map(item);
        for (size_t k = 0; fits && k < hc_map_len(keys); k++) {
            const struct hc_val *v = hc_map_get(item, hc_map_at(keys, k)->key);
            fits = v ? hc_val_equal(v, hc_map_at(keys, k)->val) : !all;
        }
        if (fits && found)
            return NULL; /* it could be either */
        found = fits ? item : found;
    }
    return found;
}

static bool holds(const struct hc_val *list, const struct hc_val *v)
{
    for (size_t i = 0; i < hc_list_len(list); i++)
        if (hc_val_equal(hc_list_at(list, i), v))
            return true;
    return false;
}

static bool same_list(struct walk *w, const struct hc_val *want, const struct hc_val *live,
                      const struct hc_val *owned)
{
    size_t items = 0;
    for (size_t i = 0; i < hc_map_len(owned); i++) {
        const struct hc_entry *e = hc_map_at(owned, i);
        struct hc_val *key = NULL;
        if (hc_str_eqz(e->key, "."))
            continue;
        items++;
        if (e->key.n < 3 || e->key.p[1] != ':' ||
            hc_json_parse(w->a, hc_str_sub(e->key, 2, e->key.n), HC_JSON_NO_POSITIONS, &key, NULL) != HC_OK)
            return false;
        if (e->key.p[0] == 'v') {
            if (!holds(want, key) || !holds(live, key))
                return false;
            continue;
        }
        const struct hc_val *a = e->key.p[0] == 'k' ? item_of(want, key, false) : NULL;
        const struct hc_val *b = a ? item_of(live, key, true) : NULL;
        if (!b || !same_map(w, a, b, e->val, key))
            return false;
    }
    return items == hc_list_len(want);
}

/* One that is ours as a whole, or a plain value. What the server filled in is there, too (a fieldRef's apiVersion): it was
 * when this text was applied last, and whoever had changed it since would own it. */
static bool same_whole(const struct walk *w, const struct hc_val *want, const struct hc_val *live)
{
    if (hc_is_map(want) && hc_is_map(live)) {
        size_t found = 0;
        for (size_t i = 0; i < hc_map_len(want); i++) {
            const struct hc_val *is = hc_map_get(live, hc_map_at(want, i)->key);
            found += is != NULL;
            if (is ? !same_whole(w, hc_map_at(want, i)->val, is) : !nothing(hc_map_at(want, i)->val))
                return false;
        }
        return w->before || found == hc_map_len(live);
    }
    if (hc_is_list(want) && hc_is_list(live)) {
        for (size_t i = 0; i < hc_list_len(want) && i < hc_list_len(live); i++)
            if (!same_whole(w, hc_list_at(want, i), hc_list_at(live, i)))
                return false;
        return hc_list_len(want) == hc_list_len(live);
    }
    return hc_val_equal(want, live);
}

static bool same_field(struct walk *w, const struct hc_val *want, const struct hc_val *live,
                       const struct hc_val *owned)
{
    bool same;
    if (w->depth >= MAX_DEPTH)
        return false;
    w->depth++;
    if (hc_map_len(owned) == 0)
        same = same_whole(w, want, live);
    else if (hc_is_map(want) && hc_is_map(live))
        same = same_map(w, want, live, owned, NULL);
    else
        same = hc_is_list(want) && hc_is_list(live) && same_list(w, want, live, owned);
    w->depth--;
    return same;
}

/* What the server takes from an object before it asks whose a field is. */
static struct hc_val *as_applied(struct hc_arena *a, const struct hc_val *want)
{
    struct hc_val *out = hc_map_new(a), *meta = hc_map_new(a);
    for (size_t i = 0; i < hc_map_len(want); i++) {
        const struct hc_entry *e = hc_map_at(want, i);
        if (!hc_str_eqz(e->key, "apiVersion") && !hc_str_eqz(e->key, "kind"))
            hc_map_put_ref(a, out, e->key, e->val);
    }
    for (size_t i = 0; i < hc_map_len(hc_map_getz(want, "metadata")); i++) {
        const struct hc_entry *e = hc_map_at(hc_map_getz(want, "metadata"), i);
        static const char *const not_fields[] = { "name", "namespace", "creationTimestamp" };
        bool field = true;
        for (size_t j = 0; j < HC_LEN(not_fields); j++)
            field = field && !hc_str_eqz(e->key, not_fields[j]);
        if (field)
            hc_map_put_ref(a, meta, e->key, e->val);
    }
    hc_map_put(a, out, HC_S("metadata"), meta);
    return out;
}

bool hc_rec_unchanged(struct hc_arena *a, const struct hc_val *want, const struct hc_val *live, const char *manager,
                      bool before)
{
    const struct hc_val *managed = hc_get(live, "metadata.managedFields"), *owned = NULL;
    for (size_t i = 0; i < hc_list_len(managed); i++) {
        const struct hc_val *e = hc_list_at(managed, i);
        if (!hc_str_eqz(hc_get_str(hc_map_getz(e, "operation")), "Apply") ||
            !hc_str_eqz(hc_get_str(hc_map_getz(e, "manager")), manager) ||
            hc_get_str(hc_map_getz(e, "subresource")).n > 0)
            continue;
        if (owned || !hc_str_eq(hc_get_str(hc_map_getz(e, "apiVersion")), hc_get_str_at(want, "apiVersion")))
            return false;
        owned = hc_map_getz(e, "fieldsV1");
    }
    if (!owned || hc_map_getz(hc_map_getz(live, "metadata"), "deletionTimestamp"))
        return false;
    struct walk w = { .a = a, .before = before };
    const struct hc_val *fields = as_applied(a, want);
    return same_map(&w, fields, live, owned, NULL) && !hc_arena_spent(a);
}
