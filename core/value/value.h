#pragma once
/*
 * core/value/value.h - the one document tree: YAML, JSON, chart values, Kubernetes objects
 *
 * Nodes live in an arena. Build with `struct hc_val *`, share as `const struct hc_val *`: a tree that has
 * been shared is not changed any more, so any number of threads may read it. (The template run time owns
 * private copies, which it does change: Go's maps are shared by reference, and `set` is seen by all.)
 * Builders take NULL and give NULL; one hc_arena_spent() at the end is enough.
 *
 * A node keeps what the text said: null is not absent, a number keeps its spelling, a map its order, every
 * node its position and its origin (which layer it came from), which costs no more than two words.
 */
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/str.h"

enum hc_kind {
    HC_NULL,
    HC_BOOL,
    HC_INT,   /* fits int64_t                                                     */
    HC_UINT,  /* above INT64_MAX, fits uint64_t                                   */
    HC_FLOAT, /* everything else that is a number                                 */
    HC_STR,
    HC_LIST,
    HC_MAP,
    HC_OBJ, /* a value only the template run time has (time, semver, files, ...); `obj` is its own   */
};

/*
 * Go's type within a kind, for the template run time (templating-facts F1): plain documents leave it 0.
 * HC_INT: 0 = int64, 1 = int, others free; HC_STR: 0 = string, 1 = []byte; HC_LIST: 0 = []interface {},
 * HC_MAP: 0 = map[string]interface {}. lua/bridge names the rest.
 */
struct hc_val {
    uint8_t kind;    /* enum hc_kind */
    uint8_t type;    /* Go's type within the kind, see above */
    uint16_t col;    /* from 1, in bytes; 0: none; 65535: that or more */
    uint32_t line;   /* from 1; 0: made by the program, not read */
    uint32_t origin; /* index into the origins of the work at hand (hc_origins); 0: none */
    uint32_t n;      /* bytes of a string or a number's spelling; entries of a list or map are in there */
    union {
        bool b;
        int64_t i;
        uint64_t u;
        double f;
        const char *s; /* HC_STR, `n` bytes, any byte allowed, also NUL */
        struct hc_list *list;
        struct hc_map *map;
        void *obj;
    };
    const char *spelling; /* numbers: the text as it was written (`n` bytes), or NULL */
};

struct hc_list {
    struct hc_val **items; /* never holds a NULL pointer */
    uint32_t n, cap;
    uint32_t flags; /* lua/bridge */
};

struct hc_entry {
    hc_str key;
    struct hc_val *val;
    uint32_t line; /* where the key stands */
    uint16_t col;
};

/* Of the flags of lists and maps: what is part of the value. The others are notes about it, which no copy has. */
#define HC_VALUE_FLAGS 0xffu

/* Entries stand in the order they were put. `index` finds a key in O(1) and is made when a map grows. */
struct hc_map {
    struct hc_entry *entries;
    uint32_t n, cap;
    uint32_t *index;
    uint32_t index_cap;
    uint32_t flags; /* lua/bridge */
};

/* ---- build ------------------------------------------------------------------------------------- */

struct hc_val *hc_null_val(struct hc_arena *a);
struct hc_val *hc_bool_val(struct hc_arena *a, bool b);
struct hc_val *hc_int_val(struct hc_arena *a, int64_t i);
struct hc_val *hc_uint_val(struct hc_arena *a, uint64_t u); /* HC_INT when it fits */
struct hc_val *hc_float_val(struct hc_arena *a, double f);
struct hc_val *hc_str_val(struct hc_arena *a, hc_str s);       /* copies the bytes */
struct hc_val *hc_str_val_ref(struct hc_arena *a, hc_str s);   /* points to bytes that live as long */
struct hc_val *hc_strz_val(struct hc_arena *a, const char *z); /* NULL gives an empty text */
struct hc_val *hc_printf_val(struct hc_arena *a, const char *fmt, ...) HC_PRINTF(2, 3);
struct hc_val *hc_list_new(struct hc_arena *a);
struct hc_val *hc_map_new(struct hc_arena *a);

void hc_list_add(struct hc_arena *a, struct hc_val *list, struct hc_val *item);
/* Puts or replaces. The key's bytes are copied unless `_ref`. A replaced entry keeps its place. */
void hc_map_put(struct hc_arena *a, struct hc_val *map, hc_str key, struct hc_val *val);
void hc_map_put_ref(struct hc_arena *a, struct hc_val *map, hc_str key, struct hc_val *val);
/* The same for a key that the map does not have, as its caller has seen. */
void hc_map_append_ref(struct hc_arena *a, struct hc_val *map, hc_str key, struct hc_val *val);
/* Room for as many more entries at once. */
void hc_map_reserve(struct hc_arena *a, struct hc_val *map, size_t more);
/* Common shapes: put a text (skipped when it is absent), a number, a bool. */
void hc_map_put_str(struct hc_arena *a, struct hc_val *map, const char *key, hc_str s);
void hc_map_put_strz(struct hc_arena *a, struct hc_val *map, const char *key, const char *z);
void hc_map_put_int(struct hc_arena *a, struct hc_val *map, const char *key, int64_t i);
void hc_map_put_bool(struct hc_arena *a, struct hc_val *map, const char *key, bool b);
/* Takes the entry out; false when it is not there. Order of the others stays. */
bool hc_map_del(struct hc_val *map, hc_str key);
/* The map under `key`, made when it is absent or not a map. */
struct hc_val *hc_map_sub(struct hc_arena *a, struct hc_val *map, const char *key);

/* A deep copy that shares no list or map with the original; scalars, which nobody changes, are shared: for
 * the same or a shorter-lived arena. */
struct hc_val *hc_val_copy(struct hc_arena *a, const struct hc_val *v);
/* The same with all bytes copied too, for another arena. */
struct hc_val *hc_val_clone(struct hc_arena *a, const struct hc_val *v);

/* ---- read: NULL and values of another kind give the empty answer, so that reads chain ------------ */

static inline enum hc_kind hc_kind_of(const struct hc_val *v)
{
    return v ? (enum hc_kind)v->kind : HC_NULL;
}
static inline bool hc_is_map(const struct hc_val *v)
{
    return v && v->kind == HC_MAP;
}
static inline bool hc_is_list(const struct hc_val *v)
{
    return v && v->kind == HC_LIST;
}
static inline bool hc_is_str(const struct hc_val *v)
{
    return v && v->kind == HC_STR;
}
static inline bool hc_is_null(const struct hc_val *v)
{
    return !v || v->kind == HC_NULL;
}
static inline hc_str hc_get_str(const struct hc_val *v)
{
    return hc_is_str(v) ? (hc_str){ v->s, v->n } : (hc_str){ NULL, 0 };
}
static inline size_t hc_list_len(const struct hc_val *v)
{
    return hc_is_list(v) ? v->list->n : 0;
}
static inline struct hc_val *hc_list_at(const struct hc_val *v, size_t i)
{
    return i < hc_list_len(v) ? v->list->items[i] : NULL;
}
static inline size_t hc_map_len(const struct hc_val *v)
{
    return hc_is_map(v) ? v->map->n : 0;
}
static inline struct hc_entry *hc_map_at(const struct hc_val *v, size_t i)
{
    return i < hc_map_len(v) ? &v->map->entries[i] : NULL;
}
struct hc_entry *hc_map_find(const struct hc_val *map, hc_str key);
struct hc_val *hc_map_get(const struct hc_val *map, hc_str key);
struct hc_val *hc_map_getz(const struct hc_val *map, const char *key);
/* A dotted path of plain keys and [n] list steps, for code that reads known objects:
 * hc_get(obj, "spec.template.spec.containers[0].image"). */
struct hc_val *hc_get(const struct hc_val *v, const char *path);
hc_str hc_get_str_at(const struct hc_val *v, const char *path);
int64_t hc_get_int_at(const struct hc_val *v, const char *path, int64_t otherwise);
bool hc_get_bool_at(const struct hc_val *v, const char *path, bool otherwise);
/* Numbers of any kind; false when it is none or does not fit. */
bool hc_get_i64(const struct hc_val *v, int64_t *out);
bool hc_get_f64(const struct hc_val *v, double *out);
/* "null", "bool", "number", "string", "list", "map": for messages. */
const char *hc_kind_name(const struct hc_val *v);

/* Deep equality of documents: map order does not count, 1 and 1.0 are equal numbers. */
bool hc_val_equal(const struct hc_val *x, const struct hc_val *y);

/* ---- origins ------------------------------------------------------------------------------------- */

/*
 * Names of layers: a file, an object and key, "--set". A node's `origin` is an index here, its line and
 * column say where in it. Append-only; lives in the arena it was made in.
 */
struct hc_origins;
enum hc_layer { HC_LAYER_CHART, HC_LAYER_PARENT, HC_LAYER_FILE, HC_LAYER_OBJECT, HC_LAYER_SET, HC_LAYER_INLINE };
struct hc_origin {
    enum hc_layer layer;
    hc_str name;     /* "values.yaml", "ConfigMap apps/web-values key values.yaml", "--set"          */
    hc_str revision; /* "main@sha1:..." when the layer came from a source, else absent               */
};
struct hc_origins *hc_origins_new(struct hc_arena *a);
uint32_t hc_origins_add(struct hc_origins *o, const struct hc_origin *origin); /* copies; from 1; 0 when spent */
const struct hc_origin *hc_origins_get(const struct hc_origins *o, uint32_t index); /* NULL: none */
/* Stamps a whole tree, fresh from its reader: scalars may be shared after hc_val_copy. */
void hc_val_set_origin(struct hc_val *v, uint32_t origin);
