/*
 * Server-side apply and the managedFields of ordinary writes, after structured-merge-diff v6 (merge/update.go,
 * typed/): ownership is a set of paths per manager, operation, version and subresource. All managers are taken
 * to speak the version of the request.
 */
#include "core/base/digest.h"
#include "helmctl/sandbox/fieldset.h"
#include "helmctl/sandbox/sandbox_impl.h"

static struct hc_val *find_item(struct hc_arena *a, enum hc_sb_shape shape, const hc_str keys[4],
                                const struct hc_val *list, hc_str pe)
{
    for (size_t i = 0; i < hc_list_len(list); i++)
        if (hc_str_eq(hc_sb_item_pe(a, shape, keys, hc_list_at(list, i)), pe))
            return hc_list_at(list, i);
    return NULL;
}

static hc_str field_pe(struct hc_arena *a, hc_str name)
{
    return hc_arena_printf(a, "f:%.*s", HC_P(name));
}

static bool is_object_node(const struct hc_sb_at *at)
{
    /* The Go structs (not pointers) of the built-in types: there before anybody writes into them. */
    static const char *const plain[] = { "metadata", "spec",           "status",   "template",
                                         "strategy", "updateStrategy", "resources" };
    for (size_t i = 0; i < HC_LEN(plain); i++)
        if (hc_str_eqz(at->field, plain[i]))
            return true;
    return false;
}

/* The paths a value holds. `whole`: containers count themselves too (what was added by an ordinary write). */
static void collect(struct hc_arena *a, const struct hc_sb_at *at, const struct hc_val *v, struct hc_sb_fs *to,
                    bool whole)
{
    hc_str keys[4];
    if (!to)
        return;
    enum hc_sb_shape shape = hc_sb_shape_of(at, v, keys);
    size_t n = shape == HC_SB_MAP ? hc_map_len(v) : hc_list_len(v);
    if (shape == HC_SB_LEAF || (n == 0 && at->field.n)) {
        to->member = true;
        return;
    }
    if (whole && at->field.n && !(is_object_node(at) && shape == HC_SB_MAP))
        to->member = true;
    for (size_t i = 0; i < n; i++) {
        if (shape == HC_SB_MAP) {
            const struct hc_entry *e = hc_map_at(v, i);
            struct hc_sb_at next = hc_sb_at_field(at, e->key);
            collect(a, &next, e->val, hc_sb_fs_sub(a, to, field_pe(a, e->key)), whole);
            continue;
        }
        struct hc_val *item = hc_list_at(v, i);
        struct hc_sb_fs *sub = hc_sb_fs_sub(a, to, hc_sb_item_pe(a, shape, keys, item));
        if (sub)
            sub->member = true;
        if (shape == HC_SB_LIST_MAP) {
            struct hc_sb_at next = hc_sb_at_item(at);
            for (size_t j = 0; sub && j < hc_map_len(item); j++) {
                const struct hc_entry *e = hc_map_at(item, j);
                struct hc_sb_at field = hc_sb_at_field(&next, e->key);
                collect(a, &field, e->val, hc_sb_fs_sub(a, sub, field_pe(a, e->key)), whole);
            }
        }
    }
}

struct changes {
    struct hc_arena *a;
    struct hc_sb_fs *changed, *removed; /* nodes of the place at hand */
};

static void compare(struct hc_arena *a, const struct hc_sb_at *at, const struct hc_val *x, const struct hc_val *y,
                    struct hc_sb_fs *changed, struct hc_sb_fs *removed);

static void compare_maps(struct hc_arena *a, const struct hc_sb_at *at, const struct hc_val *x,
                         const struct hc_val *y, struct hc_sb_fs *changed, struct hc_sb_fs *removed)
{
    for (size_t i = 0; i < hc_map_len(y); i++) {
        const struct hc_entry *e = hc_map_at(y, i);
        const struct hc_val *was = hc_map_get(x, e->key);
        struct hc_sb_at next = hc_sb_at_field(at, e->key);
        if (!was)
            collect(a, &next, e->val, hc_sb_fs_sub(a, changed, field_pe(a, e->key)), true);
        else if (!hc_val_equal(was, e->val))
            compare(a, &next, was, e->val, hc_sb_fs_sub(a, changed, field_pe(a, e->key)),
                    hc_sb_fs_sub(a, removed, field_pe(a, e->key)));
    }
    for (size_t i = 0; i < hc_map_len(x); i++) {
        const struct hc_entry *e = hc_map_at(x, i);
        struct hc_sb_at next = hc_sb_at_field(at, e->key);
        if (!hc_map_get(y, e->key)) {
            struct hc_sb_fs *sub = hc_sb_fs_sub(a, removed, field_pe(a, e->key));
            collect(a, &next, e->val, sub, true);
            if (sub)
                sub->member = true;
        }
    }
}

static void compare(struct hc_arena *a, const struct hc_sb_at *at, const struct hc_val *x, const struct hc_val *y,
                    struct hc_sb_fs *changed, struct hc_sb_fs *removed)
{
    hc_str keys[4], keys_x[4];
    if (!changed || !removed)
        return;
    enum hc_sb_shape shape = hc_sb_shape_of(at, y, keys), was = hc_sb_shape_of(at, x, keys_x);
    if (shape == HC_SB_LEAF || shape != was) {
        if (!hc_val_equal(x, y))
            changed->member = true;
        return;
    }
    if (shape == HC_SB_MAP) {
        compare_maps(a, at, x, y, changed, removed);
        return;
    }
    struct hc_sb_at next = hc_sb_at_item(at);
    for (int round = 0; round < 2; round++) {
        const struct hc_val *one = round ? x : y, *two = round ? y : x;
        for (size_t i = 0; i < hc_list_len(one); i++) {
            struct hc_val *item = hc_list_at(one, i);
            hc_str pe = hc_sb_item_pe(a, shape, keys, item);
            struct hc_val *other = find_item(a, shape, keys, two, pe);
            if (other && (round || shape == HC_SB_SET))
                continue;
            struct hc_sb_fs *sub = hc_sb_fs_sub(a, round ? removed : changed, pe);
            if (!other) {
                if (sub)
                    sub->member = true;
                for (size_t j = 0; sub && shape == HC_SB_LIST_MAP && j < hc_map_len(item); j++) {
                    const struct hc_entry *e = hc_map_at(item, j);
                    struct hc_sb_at field = hc_sb_at_field(&next, e->key);
                    collect(a, &field, e->val, hc_sb_fs_sub(a, sub, field_pe(a, e->key)), true);
                }
            } else {
                compare_maps(a, &next, other, item, sub, hc_sb_fs_sub(a, removed, pe));
            }
        }
    }
}

/* `over` laid on `base`, lists by their keys. */
static struct hc_val *merge(struct hc_arena *a, const struct hc_sb_at *at, const struct hc_val *base,
                            const struct hc_val *over)
{
    hc_str keys[4], keys_b[4];
    enum hc_sb_shape shape = hc_sb_shape_of(at, over, keys), was = hc_sb_shape_of(at, base, keys_b);
    if (!base || shape == HC_SB_LEAF || shape != was)
        return hc_val_copy(a, over);
    if (shape == HC_SB_MAP) {
        struct hc_val *out = hc_sb_shallow(a, base);
        for (size_t i = 0; i < hc_map_len(over); i++) {
            const struct hc_entry *e = hc_map_at(over, i);
            struct hc_sb_at next = hc_sb_at_field(at, e->key);
            hc_map_put(a, out, e->key, merge(a, &next, hc_map_get(base, e->key), e->val));
        }
        return out;
    }
    struct hc_val *out = hc_list_new(a);
    struct hc_sb_at next = hc_sb_at_item(at);
    for (size_t i = 0; i < hc_list_len(base); i++) {
        hc_str pe = hc_sb_item_pe(a, shape, keys, hc_list_at(base, i));
        if (!find_item(a, shape, keys, over, pe))
            hc_list_add(a, out, hc_list_at(base, i));
    }
    /* Items only the base has stay in front; those applied come in the order they were applied. */
    for (size_t i = 0; i < hc_list_len(over); i++) {
        struct hc_val *item = hc_list_at(over, i);
        struct hc_val *old = find_item(a, shape, keys, base, hc_sb_item_pe(a, shape, keys, item));
        if (old && shape == HC_SB_LIST_MAP) {
            struct hc_val *m = hc_sb_shallow(a, old);
            for (size_t j = 0; j < hc_map_len(item); j++) {
                const struct hc_entry *e = hc_map_at(item, j);
                struct hc_sb_at field = hc_sb_at_field(&next, e->key);
                hc_map_put(a, m, e->key, merge(a, &field, hc_map_get(old, e->key), e->val));
            }
            hc_list_add(a, out, m);
        } else {
            hc_list_add(a, out, hc_val_copy(a, item));
        }
    }
    return out;
}

/*
 * Takes out what the manager owned before (`last`), does not apply any more (`now`) and nobody else owns
 * (`others`). Gives NULL when the value itself goes.
 */
static struct hc_val *prune(struct hc_arena *a, const struct hc_sb_at *at, struct hc_val *v,
                            const struct hc_sb_fs *last, const struct hc_sb_fs *now, const struct hc_sb_fs *others,
                            bool gone)
{
    hc_str keys[4];
    enum hc_sb_shape shape = hc_sb_shape_of(at, v, keys);
    if (!gone && hc_sb_fs_empty(last))
        return v;
    bool here_gone = gone || (hc_sb_fs_empty(now) && !hc_sb_fs_empty(last));
    if (here_gone && hc_sb_fs_empty(others))
        return NULL;
    if (shape == HC_SB_LEAF || (others && others->member && !others->child && here_gone))
        return v;
    if (shape == HC_SB_MAP) {
        struct hc_val *out = hc_map_new(a);
        for (size_t i = 0; i < hc_map_len(v); i++) {
            const struct hc_entry *e = hc_map_at(v, i);
            hc_str pe = field_pe(a, e->key);
            struct hc_sb_at next = hc_sb_at_field(at, e->key);
            struct hc_val *kept = prune(a, &next, e->val, hc_sb_fs_find(last, pe), hc_sb_fs_find(now, pe),
                                        hc_sb_fs_find(others, pe), here_gone);
            if (kept)
                hc_map_put(a, out, e->key, kept);
        }
        return out;
    }
    struct hc_val *out = hc_list_new(a);
    struct hc_sb_at next = hc_sb_at_item(at);
    for (size_t i = 0; i < hc_list_len(v); i++) {
        struct hc_val *item = hc_list_at(v, i);
        hc_str pe = hc_sb_item_pe(a, shape, keys, item);
        const struct hc_sb_fs *l = hc_sb_fs_find(last, pe), *n = hc_sb_fs_find(now, pe),
                              *o = hc_sb_fs_find(others, pe);
        bool item_gone = here_gone || (hc_sb_fs_empty(n) && !hc_sb_fs_empty(l));
        if (item_gone && hc_sb_fs_empty(o))
            continue;
        if (shape == HC_SB_SET) {
            hc_list_add(a, out, item);
            continue;
        }
        struct hc_val *m = hc_map_new(a);
        for (size_t j = 0; j < hc_map_len(item); j++) {
            const struct hc_entry *e = hc_map_at(item, j);
            hc_str fpe = field_pe(a, e->key);
            struct hc_sb_at field = hc_sb_at_field(&next, e->key);
            bool is_key = false;
            for (size_t k = 0; k < 3 && keys[k].n; k++)
                is_key = is_key || hc_str_eq(e->key, keys[k]);
            struct hc_val *kept = is_key ? e->val
                                         : prune(a, &field, e->val, hc_sb_fs_find(l, fpe), hc_sb_fs_find(n, fpe),
                                                 hc_sb_fs_find(o, fpe), item_gone);
            if (kept)
                hc_map_put(a, m, e->key, kept);
        }
        hc_list_add(a, out, m);
    }
    return out;
}

/* ---- managers ------------------------------------------------------------------------------------------ */

struct manager {
    const struct hc_val *entry;
    hc_str name, op, sub, version;
    struct hc_sb_fs *set;
    bool changed;
};

struct managers {
    struct manager *m;
    size_t n;
};

static struct managers read_managers(struct hc_arena *a, const struct hc_val *obj)
{
    const struct hc_val *list = hc_get(obj, "metadata.managedFields");
    struct managers out = { HC_NEW_N(a, struct manager, hc_list_len(list) + 1), 0 };
    for (size_t i = 0; out.m && i < hc_list_len(list); i++) {
        const struct hc_val *e = hc_list_at(list, i);
        out.m[out.n++] = (struct manager){ .entry = e,
                                           .name = hc_get_str_at(e, "manager"),
                                           .op = hc_get_str_at(e, "operation"),
                                           .sub = hc_get_str_at(e, "subresource"),
                                           .version = hc_get_str_at(e, "apiVersion"),
                                           .set = hc_sb_fs_parse(a, hc_map_getz(e, "fieldsV1")) };
    }
    return out;
}

static struct manager *find_manager(struct managers *all, hc_str name, const char *op, hc_str sub, hc_str version)
{
    for (size_t i = 0; i < all->n; i++) {
        struct manager *m = &all->m[i];
        if (hc_str_eq(m->name, name) && hc_str_eqz(m->op, op) && hc_str_eq(m->sub, sub) &&
            (strcmp(op, "Apply") == 0 || hc_str_eq(m->version, version)))
            return m;
    }
    return NULL;
}

/* Apply first, then by second, by name, by version, by subresource. */
static int entry_cmp(const struct hc_val *x, const struct hc_val *y)
{
    static const char *const by[] = { "operation", "time", "manager", "apiVersion", "subresource" };
    int c = 0;
    for (size_t i = 0; c == 0 && i < HC_LEN(by); i++)
        c = hc_str_cmp(hc_get_str_at(x, by[i]), hc_get_str_at(y, by[i]));
    return c;
}

static struct hc_val *sorted(struct hc_val *list)
{
    struct hc_val **items = list ? list->list->items : NULL;
    for (size_t i = 1; i < hc_list_len(list); i++) {
        for (size_t j = i; j > 0 && entry_cmp(items[j], items[j - 1]) < 0; j--) {
            struct hc_val *v = items[j];
            items[j] = items[j - 1];
            items[j - 1] = v;
        }
    }
    return list;
}

static struct hc_val *write_managers(struct hc_arena *a, const struct hc_sb_kind *k, const struct managers *all)
{
    struct hc_val *list = hc_list_new(a);
    hc_str now = hc_sb_now(a);
    for (size_t i = 0; i < all->n; i++) {
        const struct manager *m = &all->m[i];
        if (hc_sb_fs_empty(m->set))
            continue;
        if (m->entry && !m->changed) {
            hc_list_add(a, list, hc_val_copy(a, m->entry));
            continue;
        }
        struct hc_val *e = hc_map_new(a);
        hc_map_put_str(a, e, "manager", m->name);
        hc_map_put_str(a, e, "operation", m->op);
        hc_map_put_str(a, e, "apiVersion", m->version.n ? m->version : k->api_version);
        hc_map_put_str(a, e, "time", now);
        hc_map_put_strz(a, e, "fieldsType", "FieldsV1");
        hc_map_put(a, e, HC_S("fieldsV1"), hc_sb_fs_write(a, m->set));
        if (m->sub.n)
            hc_map_put_str(a, e, "subresource", m->sub);
        hc_list_add(a, list, e);
    }
    return hc_list_len(list) ? sorted(list) : NULL;
}

/* Fields nobody owns, and the half of the object the subresource does not write. */
static void strip(struct hc_sb_fs *fs, const struct hc_sb_kind *k, hc_str sub)
{
    static const char *const meta[] = {
        "name",           "namespace",  "creationTimestamp", "selfLink",          "uid",
        "clusterName",    "generation", "managedFields",     "deletionTimestamp", "deletionGracePeriodSeconds",
        "resourceVersion"
    };
    hc_sb_fs_cut(fs, "apiVersion", NULL);
    hc_sb_fs_cut(fs, "kind", NULL);
    for (size_t i = 0; i < HC_LEN(meta); i++)
        hc_sb_fs_cut(fs, "metadata", meta[i], NULL);
    if (hc_str_eqz(sub, "status")) {
        static const char *const rest[] = { "spec", "data", "metadata" };
        for (size_t i = 0; i < HC_LEN(rest); i++)
            hc_sb_fs_cut(fs, rest[i], NULL);
    } else if (k->flags & HC_SB_STATUS) {
        hc_sb_fs_cut(fs, "status", NULL);
    }
    struct hc_sb_fs *m = hc_sb_fs_find(fs, HC_S("f:metadata"));
    if (m)
        m->member = false;
}

static hc_str managed_sub(hc_str sub)
{
    return hc_str_eqz(sub, "status") || hc_str_eqz(sub, "scale") ? sub : HC_S("");
}

void hc_sb_manage(struct hc_arena *a, const struct hc_sb_kind *k, const struct hc_val *old, struct hc_val *obj,
                  hc_str manager, hc_str sub)
{
    struct managers all = read_managers(a, obj);
    struct hc_sb_fs *changed = hc_sb_fs_new(a), *removed = hc_sb_fs_new(a);
    struct hc_sb_at root = hc_sb_at_root(k);
    struct hc_val *empty = hc_map_new(a), *meta = hc_map_getz(obj, "metadata");
    compare(a, &root, old ? old : empty, obj, changed, removed);
    strip(changed, k, sub);
    strip(removed, k, sub);
    if (!old && hc_str_eqz(k->key, "/services")) { /* given out by the server */
        static const char *const given[] = { "clusterIPs", "ipFamilies", "ipFamilyPolicy" };
        for (size_t i = 0; i < HC_LEN(given); i++)
            hc_sb_fs_cut(changed, "spec", given[i], NULL);
        if (!hc_str_eqz(hc_get_str_at(obj, "spec.clusterIP"), "None"))
            hc_sb_fs_cut(changed, "spec", "clusterIP", NULL);
    }
    sub = managed_sub(sub);
    struct manager *own = find_manager(&all, manager, "Update", sub, k->api_version);
    if (!own && !hc_sb_fs_empty(changed) && all.m) {
        own = &all.m[all.n++];
        *own = (struct manager){
            .name = manager, .op = HC_S("Update"), .sub = sub, .version = k->api_version, .set = hc_sb_fs_new(a)
        };
    }
    for (size_t i = 0; i < all.n; i++) {
        struct manager *m = &all.m[i];
        struct hc_sb_fs *set = m == own ? hc_sb_fs_union(a, m->set, changed) : hc_sb_fs_minus(a, m->set, changed);
        set = hc_sb_fs_minus(a, set, removed);
        m->changed = !hc_sb_fs_equal(set, m->set);
        m->set = set;
    }
    struct hc_val *list = write_managers(a, k, &all);
    if (list)
        hc_map_put(a, meta, HC_S("managedFields"), list);
    else
        hc_map_del(meta, HC_S("managedFields"));
}

/* ---- conflicts --------------------------------------------------------------------------------------------- */

struct conflict {
    hc_str who, path;
};
struct conflicts {
    struct hc_arena *a;
    struct conflict *c;
    size_t n, cap;
    hc_str who;
};

static void add_conflict(void *arg, hc_str path)
{
    struct conflicts *all = arg;
    if (all->n == all->cap) {
        size_t cap = all->cap ? all->cap * 2 : 16;
        struct conflict *c = HC_NEW_N(all->a, struct conflict, cap);
        if (!c)
            return;
        if (all->n)
            memcpy(c, all->c, all->n * sizeof(*c));
        all->c = c;
        all->cap = cap;
    }
    all->c[all->n++] = (struct conflict){ all->who, path };
}

static hc_str manager_text(struct hc_arena *a, const struct manager *m)
{
    hc_str s = hc_arena_printf(a, "\"%.*s\"", HC_P(m->name));
    if (m->sub.n)
        s = hc_arena_printf(a, "%.*s with subresource \"%.*s\"", HC_P(s), HC_P(m->sub));
    if (hc_str_eqz(m->op, "Update"))
        s = hc_arena_printf(a, "%.*s using %.*s", HC_P(s), HC_P(m->version));
    return s;
}

static struct hc_val *conflict_status(struct hc_arena *a, const struct conflicts *all)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MIB);
    struct hc_val *causes = hc_list_new(a);
    for (size_t i = 0; i < all->n; i++) {
        const struct conflict *c = &all->c[i];
        if (all->n == 1)
            hc_buf_printf(&b, "conflict with %.*s: %.*s", HC_P(c->who), HC_P(c->path));
        else if (i == 0 || !hc_str_eq(all->c[i - 1].who, c->who))
            hc_buf_printf(&b, "%sconflicts with %.*s:\n- %.*s", i ? "\n" : "", HC_P(c->who), HC_P(c->path));
        else
            hc_buf_printf(&b, "\n- %.*s", HC_P(c->path));
        struct hc_val *x = hc_map_new(a);
        hc_map_put_strz(a, x, "reason", "FieldManagerConflict");
        hc_map_put(a, x, HC_S("message"), hc_printf_val(a, "conflict with %.*s", HC_P(c->who)));
        hc_map_put_str(a, x, "field", c->path);
        hc_list_add(a, causes, x);
    }
    hc_str what = hc_buf_str(&b);
    struct hc_val *st = hc_sb_status(a, 409, "Conflict", "Apply failed with %zu conflict%s: %.*s", all->n,
                                     all->n == 1 ? "" : "s", HC_P(what));
    hc_map_put(a, hc_map_sub(a, st, "details"), HC_S("causes"), causes);
    return st;
}

struct hc_val *hc_sb_apply(struct hc_arena *a, const struct hc_sb_kind *k, const struct hc_val *live,
                           struct hc_val *config, hc_str manager, hc_str sub, bool force, struct hc_val **out)
{
    struct hc_sb_at root = hc_sb_at_root(k);
    struct managers all = read_managers(a, live);
    struct hc_sb_fs *set = hc_sb_fs_new(a), *changed = hc_sb_fs_new(a), *removed = hc_sb_fs_new(a);
    struct hc_val *empty = hc_map_new(a);
    if (!all.m)
        return hc_sb_internal(a, "no memory");
    collect(a, &root, config, set, false);
    strip(set, k, sub);
    struct hc_val *merged = live ? merge(a, &root, live, config) : hc_val_copy(a, config);
    compare(a, &root, live ? live : empty, merged, changed, removed);
    strip(changed, k, sub);
    hc_str msub = managed_sub(sub);
    struct manager *own = find_manager(&all, manager, "Apply", msub, k->api_version);

    struct conflicts found = { .a = a };
    struct hc_sb_fs *others = hc_sb_fs_new(a);
    for (size_t i = 0; i < all.n; i++) {
        struct manager *m = &all.m[i];
        if (m == own)
            continue;
        struct hc_sb_fs *both = hc_sb_fs_both(a, m->set, changed);
        if (!hc_sb_fs_empty(both)) {
            found.who = manager_text(a, m);
            hc_sb_fs_each(a, both, HC_S(""), add_conflict, &found);
            m->set = hc_sb_fs_minus(a, m->set, both);
            m->changed = true;
        }
        others = hc_sb_fs_union(a, others, m->set);
    }
    if (found.n && !force)
        return conflict_status(a, &found);
    if (own) {
        struct hc_sb_fs *last = own->set;
        struct hc_val *cut = prune(a, &root, merged, last, set, others, false);
        if (cut) {
            /* What nobody owns but an object must have. */
            struct hc_val *meta = hc_sb_shallow(a, hc_map_getz(merged, "metadata")),
                          *kept = hc_map_getz(cut, "metadata");
            static const char *const parts[] = { "labels", "annotations", "finalizers", "ownerReferences" };
            for (size_t i = 0; i < HC_LEN(parts); i++) {
                struct hc_val *p = hc_map_getz(kept, parts[i]);
                if (p)
                    hc_map_put(a, meta, hc_str_of(parts[i]), p);
                else
                    hc_map_del(meta, hc_str_of(parts[i]));
            }
            merged = hc_sb_shallow(a, cut);
            hc_map_put(a, merged, HC_S("metadata"), meta);
        }
        /* Others lose what is gone. */
        own->changed = !hc_sb_fs_equal(own->set, set);
        own->set = set;
    } else {
        all.m[all.n++] = (struct manager){ .name = manager,
                                           .op = HC_S("Apply"),
                                           .sub = msub,
                                           .version = k->api_version,
                                           .set = set,
                                           .changed = true };
        own = &all.m[all.n - 1];
    }
    own->version = k->api_version;
    struct hc_val *meta = hc_sb_shallow(a, hc_map_getz(merged, "metadata")), *list = write_managers(a, k, &all);
    if (list)
        hc_map_put(a, meta, HC_S("managedFields"), list);
    merged = hc_sb_shallow(a, merged);
    hc_map_put(a, merged, HC_S("metadata"), meta);
    *out = hc_val_copy(a, merged);
    return NULL;
}
