#pragma once
/*
 * lua/bridge/tvalue.h - a value as the template run time passes it about
 *
 * Go's templates tell apart what a value is from how it was come by: an element of a []interface {} or a map of
 * interface {} is "an interface holding a string" until a pipeline takes it out. It shows in error texts and in
 * how nil behaves (templating-facts B2.5, B2.6, F4). So a value is a node pointer with that one bit in it:
 *
 *   NULL              Go's invalid value: a nil that went through a pipeline
 *   HC_TV_NIL         an interface that holds nil: a missing key, a null
 *   node              a value of its own type
 *   node with the bit the same inside an interface
 *
 * In Lua it is a light userdata, also NULL, so no value is nil or false there.
 */
#include "lua/bridge/gotype.h"

typedef struct hc_val *hc_tv;

#define HC_TV_NIL ((hc_tv)(uintptr_t)1)

static inline bool hc_tv_boxed(hc_tv v)
{
    return ((uintptr_t)v & 1) != 0;
}
/* The node, or NULL. */
static inline struct hc_val *hc_tv_node(hc_tv v)
{
    return (struct hc_val *)((uintptr_t)v & ~(uintptr_t)1);
}
/* In an interface. */
static inline hc_tv hc_tv_box(struct hc_val *node)
{
    return node && node->kind != HC_NULL ? (hc_tv)((uintptr_t)node | 1) : HC_TV_NIL;
}
/* Out of it, as at the end of every stage of a pipeline. */
static inline hc_tv hc_tv_unbox(hc_tv v)
{
    struct hc_val *node = hc_tv_node(v);
    return node && node->kind != HC_NULL ? node : NULL;
}
