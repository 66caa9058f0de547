#pragma once
/*
 * core/value/merge.h - trees laid over trees, and what differs between two
 *
 * All of these make new trees that may point into the old ones (same or longer-lived arena).
 */
#include "core/base/buf.h"
#include "core/value/value.h"

/* Laid over: maps merge, everything else of `over` replaces, null included (Helm -f, templating-facts D2.1). */
struct hc_val *hc_val_overlay(struct hc_arena *a, const struct hc_val *base, const struct hc_val *over);

/* RFC 7396: null in `patch` deletes. */
struct hc_val *hc_merge_patch(struct hc_arena *a, const struct hc_val *doc, const struct hc_val *patch);
/* The patch that makes `to` out of `from`; an empty map when they are equal. */
struct hc_val *hc_merge_patch_diff(struct hc_arena *a, const struct hc_val *from, const struct hc_val *to);

/* RFC 6902. A failing operation changes nothing and names itself: "operation 2 (test /spec/x): ...". */
enum hc_rc hc_json_patch(struct hc_arena *a, const struct hc_val *doc, const struct hc_val *ops,
                         struct hc_val **out, struct hc_err *err);

/* RFC 6901. */
struct hc_val *hc_pointer_get(const struct hc_val *v, hc_str pointer);

/* One difference, in document order: path as a JSON pointer; `from` NULL: added, `to` NULL: removed. */
struct hc_diff {
    hc_str path;
    const struct hc_val *from, *to;
};
/* Gives how many; *out in the arena. */
size_t hc_val_diff(struct hc_arena *a, const struct hc_val *from, const struct hc_val *to, struct hc_diff **out);

/*
 * Kubernetes' strategic merge patch. How a list or map merges depends on its type (patchStrategy and patchMergeKey of
 * the Go types); whoever knows the types says it by this port. `type` is opaque to the algorithms: the port's own.
 */
struct hc_merge_rule {
    bool merge;       /* a list: item by item; else it is replaced whole */
    hc_str key;       /* which field names an item; absent: a list of plain values */
    bool replace;     /* a map that is one value */
    bool retain_keys; /* fields of the map (of the items, for a list) that a patch does not name are cleared */
    const void *type; /* of the map, or of the items; NULL: not known */
};
struct hc_merge_types {
    const void *ctx, *root;
    /* The rule of a field; false: nothing is known of it, then maps merge and lists are replaced. */
    bool (*field)(const void *ctx, const void *type, hc_str name, struct hc_merge_rule *out);
};
/* By field names alone: a small table of the core types. For lack of better knowledge. */
extern const struct hc_merge_types hc_merge_types_builtin;

/* The directives $patch, $deleteFromPrimitiveList/, $setElementOrder/, $retainKeys are honoured. types NULL: builtin. */
enum hc_rc hc_strategic_merge(struct hc_arena *a, const struct hc_val *doc, const struct hc_val *patch,
                              const struct hc_merge_types *types, struct hc_val **out, struct hc_err *err);
/*
 * The patch that brings `live` to `wanted` and takes out what `before` (the last wish) had and `wanted` has not; what
 * others added to `live` stays. An empty map: nothing is to do. HC_E_INPUT: an item of a merged list lacks its key.
 */
enum hc_rc hc_strategic_diff(struct hc_arena *a, const struct hc_val *before, const struct hc_val *wanted,
                             const struct hc_val *live, const struct hc_merge_types *types, struct hc_val **out,
                             struct hc_err *err);
