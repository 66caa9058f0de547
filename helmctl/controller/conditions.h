#pragma once
/*
 * helmctl/controller/conditions.h - status.conditions under Flux's rules
 *
 * Source of the rules: fluxcd/pkg runtime/conditions. A status is a map in the caller's arena that the caller may
 * change. A condition keeps its lastTransitionTime until its status, reason or message changes; Stalled, Reconciling and
 * Ready stand first; messages end at 32 KiB.
 */
#include "core/value/value.h"

struct hc_conditions {
    struct hc_arena *a;
    struct hc_val *status; /* the map that holds `conditions` */
    int64_t generation;    /* of the object, put into each condition that is set */
    int64_t now_ms;
};

enum hc_truth { HC_FALSE, HC_TRUE, HC_UNKNOWN };

/* Sets or replaces; keeps the order. */
void hc_cond_set(struct hc_conditions *c, const char *type, enum hc_truth truth, const char *reason,
                 hc_str message);
void hc_cond_setf(struct hc_conditions *c, const char *type, enum hc_truth truth, const char *reason,
                  const char *fmt, ...) HC_PRINTF(5, 6);
void hc_cond_del(struct hc_conditions *c, const char *type);
/* Reconciling=True takes Stalled away, and the other way round. */
void hc_cond_reconciling(struct hc_conditions *c, const char *reason, const char *fmt, ...) HC_PRINTF(3, 4);
void hc_cond_stalled(struct hc_conditions *c, const char *reason, const char *fmt, ...) HC_PRINTF(3, 4);

/* Reading takes any status (NULL: no conditions). */
const struct hc_val *hc_cond_get(const struct hc_val *status, const char *type);
bool hc_cond_is(const struct hc_val *status, const char *type, enum hc_truth truth);
hc_str hc_cond_reason(const struct hc_val *status, const char *type);
hc_str hc_cond_message(const struct hc_val *status, const char *type);
