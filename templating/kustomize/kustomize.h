#pragma once
/*
 * templating/kustomize/kustomize.h - a folder with overlays to objects; patches over objects at hand
 *
 * Source of the rules: kustomize v5.8.1 (api/krusty), and for a folder without a kustomization file and for the
 * fields of a Kustomization object Flux pkg/kustomize. Reads files below `root_dir` and nothing else: no network, no
 * programs, no links that leave the root. Results live in the arena; nothing is written to the folder. Errors name
 * the file, relative to the root, with its line.
 */
#include "core/value/value.h"

/* Fields of a Kustomization's spec, as Flux lays them over the kustomization file. NULL or absent: not given. */
struct hc_kustomize_options {
    hc_str target_namespace;              /* `namespace` */
    hc_str name_prefix, name_suffix;      /* put before (behind) what the file says */
    const struct hc_val *patches;         /* list of {patch, target{group,version,kind,name,namespace,
                                          labelSelector,annotationSelector}}; after those of the file */
    const struct hc_val *images;          /* list of {name,newName,newTag,digest} */
    const struct hc_val *components;      /* list of paths, relative to `path` */
    const struct hc_val *common_metadata; /* {labels, annotations}; over everything else, at the very end */
    const struct hc_val *build_metadata;  /* list: originAnnotations, transformerAnnotations, managedByLabel */
    bool ignore_missing_components;
};

/*
 * Builds `path` (relative to root_dir; "", "." and "./" are the root itself). A folder without kustomization.yaml,
 * kustomization.yml or Kustomization takes all .yaml and .yml documents below it, leaving out sub-folders' own
 * kustomizations as Flux does (a sub-folder with a kustomization file is taken as one resource).
 * out_objects: a list of maps in kustomize's order. HC_E_NOTFOUND: no such folder.
 */
enum hc_rc hc_kustomize_build(struct hc_arena *a, const char *root_dir, const char *path,
                              const struct hc_kustomize_options *o, struct hc_val **out_objects,
                              struct hc_err *err);

/*
 * The transformers alone over objects that are there already (post-renderers of a HelmRelease): patches and images of
 * `o` are used, then common_metadata. `objects` is not changed; a patch may delete objects.
 */
enum hc_rc hc_kustomize_transform(struct hc_arena *a, const struct hc_val *objects,
                                  const struct hc_kustomize_options *o, struct hc_val **out_objects,
                                  struct hc_err *err);

/*
 * spec.postBuild: bash-style ${var}, ${var:=x}, ${var/a/b}, $${escaped} in every object, by the grammar of Flux
 * pkg/envsubst. `vars` is a map of texts. Objects labelled or annotated
 * kustomize.toolkit.fluxcd.io/substitute: disabled stay as they are. With `strict` a variable that is not in `vars`
 * and has no default is an error that names the object and the variable.
 */
enum hc_rc hc_kustomize_substitute(struct hc_arena *a, const struct hc_val *objects, const struct hc_val *vars,
                                   bool strict, struct hc_val **out_objects, struct hc_err *err);
