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
    int group;            /* 0, 1, ... after hc_plan_waves: all before it are ready when it is sent */
    int wave;             /* 0, 1, ... after hc_plan_order: of what is sent at once */
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

/*
 * Order that a chart asks for, by annotations of its objects:
 *   release.helmctl.dev/wave: "-5"                                a whole number; without it 0
 *   release.helmctl.dev/depends-on: "Job/migrate, Kind.group/ns/name"
 * Objects of a lower wave are ready before those of a higher one are sent, and so is what an object depends on; one
 * without a wave of its own comes no earlier than what it depends on. Namespaces, PriorityClasses and
 * CustomResourceDefinitions without one belong to the first wave. Fills in `group`, in the order of the objects; without
 * such annotations it is 0 everywhere. Namespaces are to be filled in (hc_plan_place) before.
 *
 * HC_E_INPUT: no number, an object that the manifest has not, a cycle, a dependency of a later wave; with the names. A
 * manifest that is in a record already is read leniently: what cannot be followed counts for nothing.
 */
#define HC_PLAN_WAVE       "release.helmctl.dev/wave"
#define HC_PLAN_DEPENDS_ON "release.helmctl.dev/depends-on"
/* In Chart.yaml's annotations, value "argocd": argocd.argoproj.io/sync-wave counts where there is no wave of ours. */
#define HC_PLAN_SYNC_WAVES "release.helmctl.dev/sync-waves"
enum {
    HC_PLAN_ARGO = 1 << 0, /* the chart says so, see hc_plan_wave_flags */
    HC_PLAN_LENIENT = 1 << 1,
};
enum hc_rc hc_plan_waves(struct hc_arena *a, struct hc_plan_object *objects, size_t n, unsigned flags,
                         struct hc_err *err);
/* What the chart of a record (Helm's chart JSON, may be NULL) asks for: HC_PLAN_ARGO or nothing. */
unsigned hc_plan_wave_flags(const struct hc_val *chart);

/* Sorts (stably) by group and kind, and numbers the waves. */
void hc_plan_order(struct hc_plan_object *objects, size_t n);
/* The reverse way, for deletion (Helm's uninstall order). */
void hc_plan_order_delete(struct hc_plan_object *objects, size_t n);

/* Same object: group, kind, namespace and name (the version may differ). */
bool hc_plan_same(const struct hc_plan_object *x, const struct hc_plan_object *y);
/* The same object in a list, or NULL. */
const struct hc_plan_object *hc_plan_find(const struct hc_plan_object *list, size_t n,
                                          const struct hc_plan_object *o);
/* Those of `was` that are not in `is`: to be deleted unless kept. Gives how many; *out in the arena. */
size_t hc_plan_left(struct hc_arena *a, const struct hc_plan_object *was, size_t was_n,
                    const struct hc_plan_object *is, size_t is_n, struct hc_plan_object **out);

/* True when the live object carries the release's three marks. Else *out_why (may be NULL) has Helm's words: 'invalid
 * ownership metadata; label validation error: missing key "app.kubernetes.io/managed-by": must be set to "Helm"; ...'. */
bool hc_plan_owned(struct hc_arena *a, const struct hc_val *live, hc_str release, hc_str ns, hc_str *out_why);
