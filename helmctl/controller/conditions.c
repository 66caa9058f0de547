/*
 * The list is rebuilt on each change: conditions are few.
 */
#include "helmctl/controller/conditions.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/base/buf.h"
#include "core/base/clock.h"

#define MAX_MESSAGE ((size_t)32768) /* fluxcd/pkg runtime/conditions: maxMessageLength */

static const char *truth_name(enum hc_truth t)
{
    return t == HC_TRUE ? "True" : t == HC_FALSE ? "False" : "Unknown";
}

const struct hc_val *hc_cond_get(const struct hc_val *status, const char *type)
{
    const struct hc_val *list = hc_map_getz(status, "conditions");
    for (size_t i = 0; i < hc_list_len(list); i++)
        if (hc_str_eqz(hc_get_str(hc_map_getz(hc_list_at(list, i), "type")), type))
            return hc_list_at(list, i);
    return NULL;
}

bool hc_cond_is(const struct hc_val *status, const char *type, enum hc_truth truth)
{
    return hc_str_eqz(hc_get_str(hc_map_getz(hc_cond_get(status, type), "status")), truth_name(truth));
}

hc_str hc_cond_reason(const struct hc_val *status, const char *type)
{
    return hc_get_str(hc_map_getz(hc_cond_get(status, type), "reason"));
}

hc_str hc_cond_message(const struct hc_val *status, const char *type)
{
    return hc_get_str(hc_map_getz(hc_cond_get(status, type), "message"));
}

static int weight(hc_str type)
{
    static const char *const first[] = { "Stalled", "Reconciling", "Ready" };
    for (int i = 0; i < (int)HC_LEN(first); i++)
        if (hc_str_eqz(type, first[i]))
            return i;
    return (int)HC_LEN(first);
}

/* Flux: the three weighted ones, then higher observedGeneration first, then by name. */
static bool stands_before(const struct hc_val *x, const struct hc_val *y)
{
    hc_str tx = hc_get_str(hc_map_getz(x, "type")), ty = hc_get_str(hc_map_getz(y, "type"));
    int wx = weight(tx), wy = weight(ty);
    if (wx != wy)
        return wx < wy;
    int64_t gx = hc_get_int_at(x, "observedGeneration", 0), gy = hc_get_int_at(y, "observedGeneration", 0);
    return gx != gy ? gx > gy : hc_str_cmp(tx, ty) < 0;
}

/* The conditions without `type` and with `with` (may be NULL), in order. */
static void rebuild(struct hc_conditions *c, const char *type, struct hc_val *with)
{
    const struct hc_val *old = hc_map_getz(c->status, "conditions");
    struct hc_val *list = hc_list_new(c->a);
    for (size_t i = 0; i < hc_list_len(old); i++)
        if (!hc_str_eqz(hc_get_str(hc_map_getz(hc_list_at(old, i), "type")), type))
            hc_list_add(c->a, list, hc_list_at(old, i));
    if (with)
        hc_list_add(c->a, list, with);
    for (size_t i = 1; i < hc_list_len(list); i++)
        for (size_t j = i; j > 0 && stands_before(list->list->items[j], list->list->items[j - 1]); j--) {
            struct hc_val *t = list->list->items[j];
            list->list->items[j] = list->list->items[j - 1];
            list->list->items[j - 1] = t;
        }
    hc_map_put(c->a, c->status, HC_S("conditions"), list);
}

void hc_cond_set(struct hc_conditions *c, const char *type, enum hc_truth truth, const char *reason, hc_str message)
{
    const struct hc_val *old = hc_cond_get(c->status, type);
    if (message.n > MAX_MESSAGE) {
        hc_str parts[] = { hc_str_sub(message, 0, MAX_MESSAGE - 3), HC_S("...") };
        message = hc_arena_cat(c->a, 2, parts);
    }
    bool same = old && hc_str_eqz(hc_get_str(hc_map_getz(old, "status")), truth_name(truth)) &&
                hc_str_eqz(hc_get_str(hc_map_getz(old, "reason")), reason) &&
                hc_str_eq(hc_get_str(hc_map_getz(old, "message")), message);
    hc_str since = hc_get_str(hc_map_getz(old, "lastTransitionTime"));
    struct hc_val *v = hc_map_new(c->a);
    hc_map_put(c->a, v, HC_S("lastTransitionTime"),
               same && since.p ? hc_str_val(c->a, since) : hc_str_val(c->a, hc_time_rfc3339(c->a, c->now_ms)));
    hc_map_put(c->a, v, HC_S("message"), hc_str_val(c->a, message.p ? message : HC_S("")));
    hc_map_put_int(c->a, v, "observedGeneration", c->generation);
    hc_map_put_strz(c->a, v, "reason", reason);
    hc_map_put_strz(c->a, v, "status", truth_name(truth));
    hc_map_put_strz(c->a, v, "type", type);
    rebuild(c, type, v);
}

static void set_va(struct hc_conditions *c, const char *type, enum hc_truth truth, const char *reason,
                   const char *fmt, va_list args)
{
    char text[4096];
    int n = vsnprintf(text, sizeof(text), fmt, args);
    size_t len = n < 0 ? 0 : HC_MIN((size_t)n, sizeof(text) - 1);
    hc_cond_set(c, type, truth, reason, (hc_str){ text, len });
}

void hc_cond_setf(struct hc_conditions *c, const char *type, enum hc_truth truth, const char *reason,
                  const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    set_va(c, type, truth, reason, fmt, args);
    va_end(args);
}

void hc_cond_del(struct hc_conditions *c, const char *type)
{
    if (hc_cond_get(c->status, type))
        rebuild(c, type, NULL);
}

void hc_cond_reconciling(struct hc_conditions *c, const char *reason, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    hc_cond_del(c, "Stalled");
    set_va(c, "Reconciling", HC_TRUE, reason, fmt, args);
    va_end(args);
}

void hc_cond_stalled(struct hc_conditions *c, const char *reason, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    hc_cond_del(c, "Reconciling");
    set_va(c, "Stalled", HC_TRUE, reason, fmt, args);
    va_end(args);
}
