/*
 * The names of layers: a small array in an arena that doubles; numbers are positions plus one.
 */
#include "core/value/value.h"

struct hc_origins {
    struct hc_arena *a;
    struct hc_origin *items;
    uint32_t n, cap;
};

struct hc_origins *hc_origins_new(struct hc_arena *a)
{
    struct hc_origins *o = HC_NEW(a, struct hc_origins);
    if (o)
        o->a = a;
    return o;
}

uint32_t hc_origins_add(struct hc_origins *o, const struct hc_origin *origin)
{
    if (!o)
        return 0;
    if (o->n == o->cap) {
        uint32_t cap = o->cap ? o->cap * 2 : 8;
        struct hc_origin *items = HC_NEW_N(o->a, struct hc_origin, cap);
        if (!items)
            return 0;
        if (o->n)
            memcpy(items, o->items, o->n * sizeof(*items));
        o->items = items;
        o->cap = cap;
    }
    struct hc_origin *to = &o->items[o->n];
    *to = *origin;
    to->name = hc_arena_str(o->a, origin->name);
    if (origin->revision.p)
        to->revision = hc_arena_str(o->a, origin->revision);
    return hc_arena_spent(o->a) ? 0 : ++o->n;
}

const struct hc_origin *hc_origins_get(const struct hc_origins *o, uint32_t index)
{
    return o && index > 0 && index <= o->n ? &o->items[index - 1] : NULL;
}

void hc_val_set_origin(struct hc_val *v, uint32_t origin)
{
    if (!v)
        return;
    v->origin = origin;
    for (size_t i = 0; i < hc_list_len(v); i++)
        hc_val_set_origin(v->list->items[i], origin);
    for (size_t i = 0; i < hc_map_len(v); i++)
        hc_val_set_origin(v->map->entries[i].val, origin);
}
