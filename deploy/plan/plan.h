#pragma once
/*
 * deploy/plan/plan.h - a manifest as objects in waves; what left it; whose an object is
 *
 * Pure functions over value trees. Objects of one wave do not depend on each other and are sent at once; waves follow
 * Helm's kind order (Helm pkg/release/v1/util/kind_sorter.go). Results live in the arena.
 */
#include "core/value/value.h"

struct hc_plan_object {
    struct hc_val *object; /* as it is sent; hc_plan_own changes it */
    hc_str api_version, kind, ns, name;
    hc_str generate_name; /* instead of name */
    int wave;             /* 0, 1, ... after hc_plan_order */
    bool keep;            /* helm.sh/resource-policy: keep */
    uint32_t line;        /* of the manifest, where it begins */
};

/* All objects of a manifest in their order; items of lists ("kind: List", "ConfigMapList") one by one, empty documents
 * left out. A document that is no object is HC_E_INPUT and says which ("document 3: ..."). */
enum hc_rc hc_plan_read(struct hc_arena *a, hc_str manifest, struct hc_plan_object **out, size_t *out_n,
                        struct hc_err *err);
/* The template that a line of the manifest came from: what its "# Source: PATH" above says; absent: nothing does. */
hc_str hc_plan_source(hc_str manifest, uint32_t line);
/* Sets the namespace where the object has none. */
void hc_plan_place(struct hc_arena *a, struct hc_plan_object *o, hc_str ns);
/* Helm's ownership: label app.kubernetes.io/managed-by=Helm, annotations meta.helm.sh/release-name and -namespace. */
void hc_plan_own(struct hc_arena *a, struct hc_plan_object *o, hc_str release, hc_str ns);

/* Sorts (stably) and numbers the waves. */
void hc_plan_order(struct hc_plan_object *objects, size_t n);
/* The reverse way, for deletion (Helm's uninstall order). */
void hc_plan_order_delete(struct hc_plan_object *objects, size_t n);

/* Same object: group, kind, namespace and name (the version may differ). */
bool hc_plan_same(const struct hc_plan_object *x, const struct hc_plan_object *y);
/* Those of `was` that are not in `is`: to be deleted unless kept. Gives how many; *out in the arena. */
size_t hc_plan_left(struct hc_arena *a, const struct hc_plan_object *was, size_t was_n,
                    const struct hc_plan_object *is, size_t is_n, struct hc_plan_object **out);

/* True when the live object carries the release's three marks. Else *out_why (may be NULL) has Helm's words: 'invalid
 * ownership metadata; label validation error: missing key "app.kubernetes.io/managed-by": must be set to "Helm"; ...'. */
bool hc_plan_owned(struct hc_arena *a, const struct hc_val *live, hc_str release, hc_str ns, hc_str *out_why);
