#pragma once
/*
 * helmctl/controller/objects.h - the objects we decide from, trimmed, and who refers to whom
 *
 * Filled by watches and by the answers to our own writes; older versions of an object never replace newer ones. An
 * object is kept as compact JSON without managedFields and is read back as a tree of the caller's own. Any thread may
 * use it.
 */
#include "core/value/value.h"
#include "helmctl/controller/queue.h"

struct hc_objects;
HC_MUST_USE struct hc_objects *hc_objects_new(void);
void hc_objects_free(struct hc_objects *o);

/* What is different from the version that was known, as far as somebody may have to act on it. */
enum {
    HC_CHANGED_NEW = 1 << 0,
    HC_CHANGED_SPEC = 1 << 1,     /* metadata.generation; of objects without one, the resourceVersion */
    HC_CHANGED_REQUEST = 1 << 2,  /* reconcile.fluxcd.io/requestedAt, forceAt, resetAt                */
    HC_CHANGED_DELETING = 1 << 3, /* deletionTimestamp came                                          */
    HC_CHANGED_ARTIFACT = 1 << 4, /* status.artifact revision or digest                              */
    HC_CHANGED_READY = 1 << 5,    /* the Ready condition's status, or what generation was observed   */
    HC_CHANGED_OTHER = 1 << 6,    /* anything else                                                   */
};
/* Gives the changes; 0: an older version, or one that is known. */
unsigned hc_objects_put(struct hc_objects *o, enum hc_ctl_kind kind, const struct hc_val *object);
/* False: was not known. */
bool hc_objects_del(struct hc_objects *o, struct hc_key k);
/* A tree in `a`, NULL: not known (or no memory). */
struct hc_val *hc_objects_get(struct hc_objects *o, struct hc_arena *a, struct hc_key k);
bool hc_objects_has(struct hc_objects *o, struct hc_key k);

/* Keys of all objects of a kind (HC_CTL_NONE: all); in `a`. */
size_t hc_objects_list(struct hc_objects *o, struct hc_arena *a, enum hc_ctl_kind kind, struct hc_key **out);
/* Keys of the objects that refer to `k`. */
size_t hc_objects_referrers(struct hc_objects *o, struct hc_arena *a, struct hc_key k, struct hc_key **out);

/* What an object of ours refers to: sources, charts, values, dependencies. Pure. */
size_t hc_refs_of(struct hc_arena *a, enum hc_ctl_kind kind, const struct hc_val *object, struct hc_key **out);
/* "HelmRelease" and back; HC_CTL_NONE for others. */
const char *hc_ctl_kind_name(enum hc_ctl_kind kind);
enum hc_ctl_kind hc_ctl_kind_of(hc_str kind);
const char *hc_ctl_api_version(enum hc_ctl_kind kind);
