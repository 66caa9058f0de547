#pragma once
/*
 * core/value/fieldpath.h - a field of a document by the path a person writes
 *
 * All the notations that are about are read: spec.containers[0].image, .spec.containers[name=app].image, JSONPath without
 * searches ({.spec.containers[0].image}, $.metadata.annotations['a.b/c'], \. for a point in a key), and JSON pointers
 * (/spec/containers/0/image). Where a key with points in it was written bare (annotations.prometheus.io/port), the
 * longest key that is there is taken.
 */
#include "core/value/value.h"

struct hc_field {
    const struct hc_val *val;
    const struct hc_entry *entry; /* its key; NULL: an item of a list, or the document */
    hc_str path;                  /* in the first notation */
};

/* A way from the root: the containers that were gone through, for those who need what stands behind the field. */
struct hc_field_step {
    const struct hc_val *in;
    size_t index; /* of the entry or item */
};

enum { HC_MAX_FIELD_STEPS = 64 };
struct hc_field_way {
    struct hc_field_step steps[HC_MAX_FIELD_STEPS];
    size_t n;
};

/*
 * Finds it. `way` may be NULL. HC_E_NOTFOUND names the part that is not there, where, and the names that are nearest to
 * it; HC_E_INPUT: the path cannot be read. Texts live in `a`.
 */
enum hc_rc hc_field_find(struct hc_arena *a, const struct hc_val *doc, hc_str path, struct hc_field *out,
                         struct hc_field_way *way, struct hc_err *err);

/*
 * The field that the words of an API server name, or the nearest thing above it that the document has; false: not even its
 * first part is there. Read besides: a point in front, keys in brackets without quotes (metadata.labels[a.b/c]), several
 * keys of an item (ports[port=80,protocol="TCP"]), and the names of Go's fields, which have no items
 * (spec.containers.env.value): then it is the first item's that is there, and of a kind (hc_kind_name; NULL: any) that
 * the words say. *out_exact (may be NULL): it is the field itself.
 */
bool hc_field_nearest(struct hc_arena *a, const struct hc_val *doc, hc_str path, const char *kind,
                      struct hc_field *out, bool *out_exact);

/* One more step on a path of the first notation: "a.b", with points in the key behind a backslash. `base` may be empty. */
hc_str hc_field_path_key(struct hc_arena *a, hc_str base, hc_str key);
/* The same for an entry of a map, so that what is put behind it is not taken for a part of a longer key there. */
hc_str hc_field_path_entry(struct hc_arena *a, hc_str base, const struct hc_val *map, const struct hc_entry *e);
hc_str hc_field_path_item(struct hc_arena *a, hc_str base, size_t index);

/*
 * How far two names are apart: single letters put in, left out, exchanged or swapped with their neighbour, each costs
 * 1. Upper and lower case count half. Gives twice the distance; names over 64 bytes are infinitely far apart.
 */
unsigned hc_name_distance(hc_str x, hc_str y);
/* Whether a person may have meant `name` and written `written`: a third of its letters may be wrong, at least one. */
bool hc_name_near(hc_str written, hc_str name);
