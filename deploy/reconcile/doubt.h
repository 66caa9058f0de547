#pragma once
/*
 * deploy/reconcile/doubt.h - may the server refuse this object? Found without asking it
 *
 * Pure but for the arena. A doubt is no refusal: who doubts what is right spends a request. What is not doubted may be
 * refused all the same, by those who judge by other things than the object: rights, webhooks, policies, quotas.
 */
#include "deploy/plan/plan.h"

/* `before`: the same object in the revision before, NULL: it is new; `install`: all objects are. */
bool hc_doubtful(struct hc_arena *a, const struct hc_plan_object *o, const struct hc_plan_object *before,
                 bool install);
