/*
 * Trees over trees, RFC 7396 patches and differences. Nothing here changes its inputs: a map that differs is
 * made anew, one level at a time, and everything below that stays as it is is shared.
 */
#include "core/value/merge.h"

#include "core/value/value_impl.h"

struct hc_val *hc_val_shallow(struct hc_arena *a, const struct hc_val *v)
{
    struct hc_val *to = hc_is_map(v) ? hc_map_adopt(a, v->map->entries, v->map->n, NULL) : hc_list_new(a);
    if (!to)
        return NULL;
    if (hc_is_list(v))
        for (uint32_t i = 0; i < v->list->n; i++)
            hc_list_add(a, to, v->list->items[i]);
    to->type = v->type;
    to->line = v->line;
    to->col = v->col;
    to->origin = v->origin;
    return to;
}

/* Values are shared: nobody changes them. */
static struct hc_val *shared(const struct hc_val *v)
{
    return (struct hc_val *)(uintptr_t)v;
}

/* Like hc_map_put_ref with the position of the key. */
static void put_entry(struct hc_arena *a, struct hc_val *map, const struct hc_entry *e, struct hc_val *val)
{
    hc_map_put_ref(a, map, e->key, val);
    struct hc_entry *there = hc_map_find(map, e->key);
    if (there) {
        there->line = e->line;
        there->col = e->col;
    }
}

struct hc_val *hc_val_overlay(struct hc_arena *a, const struct hc_val *base, const struct hc_val *over)
{
    if (!over)
        return shared(base);
    if (!hc_is_map(base) || !hc_is_map(over))
        return shared(over);
    struct hc_val *out = hc_val_shallow(a, base);
    for (size_t i = 0; out && i < hc_map_len(over); i++) {
        const struct hc_entry *e = hc_map_at(over, i);
        const struct hc_val *there = hc_map_get(out, e->key);
        put_entry(a, out, e, there ? hc_val_overlay(a, there, e->val) : e->val);
    }
    return out;
}

struct hc_val *hc_merge_patch(struct hc_arena *a, const struct hc_val *doc, const struct hc_val *patch)
{
    if (!hc_is_map(patch))
        return shared(patch);
    struct hc_val *out = hc_is_map(doc) ? hc_val_shallow(a, doc) : hc_map_new(a);
    for (size_t i = 0; out && i < hc_map_len(patch); i++) {
        const struct hc_entry *e = hc_map_at(patch, i);
        if (e->val->kind == HC_NULL)
            hc_map_del(out, e->key);
        else
            put_entry(a, out, e, hc_merge_patch(a, hc_map_get(out, e->key), e->val));
    }
    return out;
}

struct hc_val *hc_merge_patch_diff(struct hc_arena *a, const struct hc_val *from, const struct hc_val *to)
{
    if (!hc_is_map(from) || !hc_is_map(to))
        return hc_val_equal(from, to) ? hc_map_new(a) : shared(to);
    struct hc_val *out = hc_map_new(a);
    for (size_t i = 0; i < hc_map_len(from); i++)
        if (!hc_map_find(to, hc_map_at(from, i)->key))
            hc_map_put_ref(a, out, hc_map_at(from, i)->key, hc_null_val(a));
    for (size_t i = 0; i < hc_map_len(to); i++) {
        const struct hc_entry *e = hc_map_at(to, i);
        const struct hc_val *old = hc_map_get(from, e->key);
        if (old && hc_val_equal(old, e->val))
            continue;
        put_entry(a, out, e, hc_is_map(old) && hc_is_map(e->val) ? hc_merge_patch_diff(a, old, e->val) : e->val);
    }
    return out;
}

/* ---- differences --------------------------------------------------------------------------------- */

struct differ {
    struct hc_arena *a;
    struct hc_buf path;
    struct hc_diff *out;
    size_t n, cap;
};

static void found(struct differ *d, const struct hc_val *from, const struct hc_val *to)
{
    if (d->n == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 16;
        struct hc_diff *out = HC_NEW_N(d->a, struct hc_diff, cap);
        if (!out)
            return;
        if (d->n)
            memcpy(out, d->out, d->n * sizeof(*out));
        d->out = out;
        d->cap = cap;
    }
    d->out[d->n++] = (struct hc_diff){ hc_buf_to_arena(&d->path, d->a), from, to };
}

static void push_key(struct differ *d, hc_str key)
{
    hc_buf_putc(&d->path, '/');
    for (size_t i = 0; i < key.n; i++) {
        if (key.p[i] == '~')
            hc_buf_put(&d->path, HC_S("~0"));
        else if (key.p[i] == '/')
            hc_buf_put(&d->path, HC_S("~1"));
        else
            hc_buf_putc(&d->path, key.p[i]);
    }
}

static void diff(struct differ *d, const struct hc_val *from, const struct hc_val *to)
{
    size_t here = d->path.n;
    if (hc_is_map(from) && hc_is_map(to)) {
        for (size_t i = 0; i < hc_map_len(from); i++) {
            const struct hc_entry *e = hc_map_at(from, i);
            const struct hc_val *other = hc_map_get(to, e->key);
            push_key(d, e->key);
            if (other)
                diff(d, e->val, other);
            else
                found(d, e->val, NULL);
            d->path.n = here;
        }
        for (size_t i = 0; i < hc_map_len(to); i++) {
            const struct hc_entry *e = hc_map_at(to, i);
            if (hc_map_find(from, e->key))
                continue;
            push_key(d, e->key);
            found(d, NULL, e->val);
            d->path.n = here;
        }
    } else if (hc_is_list(from) && hc_is_list(to)) {
        size_t n = HC_MAX(hc_list_len(from), hc_list_len(to));
        for (size_t i = 0; i < n; i++) {
            const struct hc_val *x = hc_list_at(from, i), *y = hc_list_at(to, i);
            hc_buf_printf(&d->path, "/%zu", i);
            if (x && y)
                diff(d, x, y);
            else
                found(d, x, y);
            d->path.n = here;
        }
    } else if (!hc_val_equal(from, to)) {
        found(d, from, to);
    }
}

size_t hc_val_diff(struct hc_arena *a, const struct hc_val *from, const struct hc_val *to, struct hc_diff **out)
{
    struct differ d = { .a = a };
    hc_buf_init(&d.path, 0);
    if (from || to)
        diff(&d, from, to);
    hc_buf_done(&d.path);
    *out = d.out;
    return d.n;
}
