#pragma once
/*
 * deploy/release/storage_impl.h - what a driver is: a few functions over stored objects
 *
 * A stored object is the payload with its labels and our mark; storage.c turns records into it and back.
 */
#include "deploy/release/storage.h"

struct stored {
    hc_str storage_name, ns, resource_version, payload, mark;
    hc_str recording;      /* packed as the payload is; absent: none */
    struct hc_val *labels; /* all, system ones too; map or NULL */
};

struct driver {
    /* HC_E_NOTFOUND: no such object. `payload` is not filled in when metadata_only. */
    enum hc_rc (*get)(struct hc_storage *s, struct hc_arena *a, hc_str storage_name, bool metadata_only,
                      struct stored *out, struct hc_err *err);
    enum hc_rc (*list)(struct hc_storage *s, struct hc_arena *a, hc_str selector, bool all_namespaces,
                       bool metadata_only, struct stored **out, size_t *out_n, struct hc_err *err);
    /* HC_E_CONFLICT: exists already; sets resource_version. */
    enum hc_rc (*create)(struct hc_storage *s, struct hc_arena *a, struct stored *o, struct hc_err *err);
    /* resource_version is the precondition (HC_E_CONFLICT), and is set anew. */
    enum hc_rc (*update)(struct hc_storage *s, struct hc_arena *a, struct stored *o, struct hc_err *err);
    enum hc_rc (*del)(struct hc_storage *s, hc_str storage_name, struct hc_err *err);
    void (*free)(struct hc_storage *s);
};

struct hc_storage {
    const struct driver *driver;
    hc_str ns; /* own copy, on the heap with the storage */
    struct hc_kube *kube;
    const char *kind; /* "Secret", "ConfigMap" */
    void *own;
};

/* A storage with its own copy of the namespace, or NULL. */
struct hc_storage *hc_storage_alloc(const struct driver *d, hc_str ns);
