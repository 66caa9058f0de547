#pragma once
/*
 * templating/kustomize/kustomize_impl.h - what the files of this folder share
 */
#include "templating/kustomize/kustomize.h"

/* One object on its way through the layers. */
struct kres {
    struct hc_val *obj; /* ours to change: a private copy */
    hc_str first_name;  /* as read, before any prefix: patches may still use it */
    hc_str level_name;  /* its name when the layer at hand began to rename */
    bool hash;          /* a generated ConfigMap or Secret: its name gets a digest at the end */
    bool gone;          /* deleted by a patch */
};

struct kset {
    struct kres *items;
    size_t n, cap;
};

struct kctx {
    struct hc_arena *a;
    struct hc_err *err;
    const char *root; /* real path */
    int depth;        /* bases within bases */
    bool ignore_missing_components;
};

struct kres *kset_add(struct kctx *k, struct kset *set, struct hc_val *obj);
hc_str kres_kind(const struct kres *r);
hc_str kres_name(const struct kres *r);
hc_str kres_ns(const struct kres *r);
/* "Deployment/apps/web" for messages. */
hc_str kres_label(struct hc_arena *a, const struct hc_val *obj);
bool kind_is_cluster_wide(hc_str api_version, hc_str kind);

/* File below the folder `dir` (relative to the root); refuses paths that leave the root. */
enum hc_rc k_read(struct kctx *k, hc_str dir, hc_str path, hc_str *out_body, hc_str *out_rel);

/* transform.c: one field of the kustomization file each. */
void k_namespace(struct kctx *k, struct kset *set, hc_str ns);
void k_rename(struct kctx *k, struct kset *set, hc_str prefix, hc_str suffix);
enum hc_rc k_labels(struct kctx *k, struct kset *set, const struct hc_val *pairs, bool selectors, bool templates);
void k_annotations(struct kctx *k, struct kset *set, const struct hc_val *pairs, bool templates);
enum hc_rc k_images(struct kctx *k, struct kset *set, const struct hc_val *images);
enum hc_rc k_replicas(struct kctx *k, struct kset *set, const struct hc_val *replicas, hc_str file);
/* names.c: values that name an object follow it from level_name to its name now. */
void k_fix_references(struct kctx *k, struct kset *set);
/* patch.c. `dir` is where paths of patches are looked for. */
enum hc_rc k_patches(struct kctx *k, struct kset *set, const struct hc_val *patches, hc_str dir, hc_str file);
enum hc_rc k_patch_text(struct kctx *k, struct kset *set, hc_str text, hc_str name, const struct hc_val *target,
                        const struct hc_val *options);
/* True when the object fits a selector {group, version, kind, name, namespace, labelSelector, annotationSelector}. */
enum hc_rc k_selects(struct kctx *k, const struct hc_val *target, const struct kres *r, bool *out);
/* generate.c */
enum hc_rc k_generate(struct kctx *k, struct kset *set, const char *kind, const struct hc_val *generators,
                      const struct hc_val *options, hc_str dir, hc_str file);
void k_hash_names(struct kctx *k, struct kset *set);
/* replacements.c */
enum hc_rc k_replacements(struct kctx *k, struct kset *set, const struct hc_val *list, hc_str dir, hc_str file);
