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
 * Kubernetes' strategic merge patch. Merge keys come from a small built-in table of the core types
 * (containers by name, ports by containerPort, env by name, ...; Kubernetes api/core/v1 patchMergeKey tags)
 * and the directives $patch, $deleteFromPrimitiveList/, $setElementOrder/, $retainKeys are honoured.
 */
enum hc_rc hc_strategic_merge(struct hc_arena *a, const struct hc_val *doc, const struct hc_val *patch,
                              struct hc_val **out, struct hc_err *err);
