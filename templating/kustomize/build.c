/*
 * From a folder to objects: reads the kustomization file, gathers resources, bases and components depth first,
 * then runs the transformers in kustomize's fixed order (api/internal/target: generators, patches, namespace,
 * prefix and suffix, labels, annotations, replicas, images, replacements), and at the very end puts digests to the
 * names of generated objects and lets the values that name them follow.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/value/merge.h"
#include "core/value/yaml.h"
#include "templating/kustomize/kustomize_impl.h"

#define MAX_FILE  (16 * HC_MIB)
#define MAX_DEPTH 32 /* bases within bases; a cycle ends here */

static const char *const file_names[] = { "kustomization.yaml", "kustomization.yml", "Kustomization" };

struct kres *kset_add(struct kctx *k, struct kset *set, struct hc_val *obj)
{
    if (set->n == set->cap) {
        size_t cap = set->cap ? set->cap * 2 : 16;
        struct kres *items = HC_NEW_N(k->a, struct kres, cap);
        if (!items)
            return NULL;
        if (set->n)
            memcpy(items, set->items, set->n * sizeof(*items));
        set->items = items;
        set->cap = cap;
    }
    struct kres *r = &set->items[set->n++];
    *r = (struct kres){ .obj = obj };
    r->first_name = r->level_name = kres_name(r);
    return r;
}

hc_str kres_kind(const struct kres *r)
{
    return hc_get_str(hc_map_getz(r->obj, "kind"));
}

hc_str kres_name(const struct kres *r)
{
    return hc_get_str_at(r->obj, "metadata.name");
}

hc_str kres_ns(const struct kres *r)
{
    return hc_get_str_at(r->obj, "metadata.namespace");
}

hc_str kres_label(struct hc_arena *a, const struct hc_val *obj)
{
    hc_str kind = hc_get_str(hc_map_getz(obj, "kind")), ns = hc_get_str_at(obj, "metadata.namespace"),
           name = hc_get_str_at(obj, "metadata.name");
    return hc_arena_printf(a, "%.*s/%.*s%s%.*s", HC_P(kind), HC_P(ns), ns.n ? "/" : "", HC_P(name));
}

bool kind_is_cluster_wide(hc_str api_version, hc_str kind)
{
    static const char *const kinds[] = {
        "APIService",
        "CSIDriver",
        "CSINode",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "ComponentStatus",
        "CustomResourceDefinition",
        "FlowSchema",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PodSecurityPolicy",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
    };
    size_t slash = hc_str_find(api_version, '/');
    hc_str group = slash == SIZE_MAX ? HC_S("") : hc_str_sub(api_version, 0, slash);
    bool builtin = hc_str_find(group, '.') == SIZE_MAX || hc_str_ends(group, HC_S(".k8s.io"));
    for (size_t i = 0; builtin && i < HC_LEN(kinds); i++)
        if (hc_str_eqz(kind, kinds[i]))
            return true;
    return false;
}

/* "a/./b/../c" to "a/c"; absent when it climbs above its start. */
static hc_str clean_path(struct hc_arena *a, hc_str dir, hc_str path)
{
    hc_str both[] = { dir, HC_S("/"), path };
    hc_str rest = hc_arena_cat(a, 3, both), part;
    char *out = hc_arena_alloc(a, rest.n + 2, 1);
    size_t n = 0;
    if (!out || !rest.p)
        return (hc_str){ NULL, 0 };
    while (hc_str_split(&rest, '/', &part)) {
        if (part.n == 0 || hc_str_eqz(part, "."))
            continue;
        if (hc_str_eqz(part, "..")) {
            if (n == 0)
                return (hc_str){ NULL, 0 };
            while (n > 0 && out[n - 1] != '/')
                n--;
            if (n > 0)
                n--;
            continue;
        }
        if (n)
            out[n++] = '/';
        memcpy(out + n, part.p, part.n);
        n += part.n;
    }
    out[n] = '\0';
    return hc_str_n(out, n);
}

/* Real path of a file below the root, refused when links lead out of it. */
static enum hc_rc real_below(struct kctx *k, hc_str rel, char out[PATH_MAX])
{
    char joined[PATH_MAX];
    int n = snprintf(joined, sizeof(joined), "%s/%.*s", k->root, HC_P(rel));
    if (n < 0 || (size_t)n >= sizeof(joined))
        return hc_fail(k->err, HC_E_LIMIT, "path '%.*s' is too long", HC_P(rel));
    if (!realpath(joined, out)) {
        if (errno == ENOENT || errno == ENOTDIR)
            return hc_fail(k->err, HC_E_NOTFOUND, "no file or folder '%.*s' in the source", HC_P(rel));
        return hc_fail_errno(k->err, "open", joined);
    }
    size_t root_n = strlen(k->root);
    if (strncmp(out, k->root, root_n) != 0 || (out[root_n] != '/' && out[root_n] != '\0'))
        return hc_fail(k->err, HC_E_INPUT, "'%.*s' is a link that leads out of the source", HC_P(rel));
    return HC_OK;
}

enum hc_rc k_read(struct kctx *k, hc_str dir, hc_str path, hc_str *out_body, hc_str *out_rel)
{
    char real[PATH_MAX];
    hc_str rel = clean_path(k->a, dir, path);
    if (!rel.p)
        return hc_fail(k->err, HC_E_INPUT, "'%.*s' leads out of the source", HC_P(path));
    if (real_below(k, rel, real) != HC_OK)
        return k->err->code;
    *out_rel = rel;
    return hc_read_file(k->a, AT_FDCWD, real, MAX_FILE, out_body, k->err);
}

/* The kustomization file of a folder: its name relative to the root, absent when there is none. */
static hc_str kustomization_of(struct kctx *k, hc_str dir)
{
    for (size_t i = 0; i < HC_LEN(file_names); i++) {
        char real[PATH_MAX];
        struct stat st;
        hc_str rel = clean_path(k->a, dir, hc_str_of(file_names[i]));
        struct hc_err ignored, *kept = k->err;
        k->err = &ignored;
        bool there = real_below(k, rel, real) == HC_OK && stat(real, &st) == 0 && S_ISREG(st.st_mode);
        k->err = kept;
        if (there)
            return rel;
    }
    return (hc_str){ NULL, 0 };
}

static bool is_folder(struct kctx *k, hc_str rel)
{
    char real[PATH_MAX];
    struct stat st;
    struct hc_err ignored, *kept = k->err;
    k->err = &ignored;
    bool yes = real_below(k, rel, real) == HC_OK && stat(real, &st) == 0 && S_ISDIR(st.st_mode);
    k->err = kept;
    return yes;
}

static enum hc_rc add_object(struct kctx *k, struct kset *set, const struct hc_val *doc, hc_str file)
{
    if (hc_is_null(doc))
        return HC_OK;
    hc_str kind = hc_get_str(hc_map_getz(doc, "kind"));
    int line = (int)doc->line;
    if (!hc_is_map(doc))
        return hc_fail_at(k->err, HC_E_INPUT, file, line, -1, "%.*s:%d: is a %s, not a Kubernetes object",
                          HC_P(file), line, hc_kind_name(doc));
    if (hc_str_ends(kind, HC_S("List")) && hc_is_list(hc_map_getz(doc, "items"))) {
        const struct hc_val *items = hc_map_getz(doc, "items");
        for (size_t i = 0; i < hc_list_len(items); i++)
            if (add_object(k, set, hc_list_at(items, i), file) != HC_OK)
                return k->err->code;
        return HC_OK;
    }
    const char *missing = !kind.n                                         ? "kind"
                          : !hc_get_str(hc_map_getz(doc, "apiVersion")).n ? "apiVersion"
                          : !hc_get_str_at(doc, "metadata.name").n        ? "metadata.name"
                                                                          : NULL;
    if (missing)
        return hc_fail_at(k->err, HC_E_INPUT, file, line, -1,
                          "%.*s:%d: the object has no %s (apiVersion, kind and metadata.name are needed)",
                          HC_P(file), line, missing);
    struct hc_val *copy = hc_val_copy(k->a, doc);
    if (!copy)
        return hc_arena_check(k->a, k->err, "kustomize build");
    for (size_t i = 0; i < set->n; i++) {
        struct kres *r = &set->items[i];
        if (hc_str_eq(kres_name(r), hc_get_str_at(doc, "metadata.name")) && hc_str_eq(kres_kind(r), kind) &&
            hc_str_eq(kres_ns(r), hc_get_str_at(doc, "metadata.namespace")) &&
            hc_str_eq(hc_get_str(hc_map_getz(r->obj, "apiVersion")), hc_get_str(hc_map_getz(doc, "apiVersion"))))
            return hc_fail_at(k->err, HC_E_INPUT, file, line, -1,
                              "%.*s:%d: %.*s is there already: each object once", HC_P(file), line,
                              HC_P(kres_label(k->a, doc)));
    }
    kset_add(k, set, copy);
    return HC_OK;
}

static enum hc_rc add_file(struct kctx *k, struct kset *set, hc_str dir, hc_str path)
{
    hc_str body, rel;
    struct hc_val *docs;
    if (k_read(k, dir, path, &body, &rel) != HC_OK)
        return hc_wrap(k->err, "resource '%.*s'", HC_P(path));
    if (hc_yaml_parse_all(k->a, body, rel, HC_YAML_TRUE_FALSE, &docs, k->err) != HC_OK)
        return hc_wrap(k->err, "%.*s", HC_P(rel));
    for (size_t i = 0; i < hc_list_len(docs); i++)
        if (add_object(k, set, hc_list_at(docs, i), rel) != HC_OK)
            return k->err->code;
    return HC_OK;
}

static enum hc_rc build_dir(struct kctx *k, hc_str dir, const struct hc_kustomize_options *o, struct kset *set);

static bool looks_remote(hc_str path)
{
    return hc_str_find_str(path, HC_S("://")) != SIZE_MAX || hc_str_starts(path, HC_S("git@")) ||
           hc_str_starts(path, HC_S("github.com/"));
}

static enum hc_rc add_path(struct kctx *k, struct kset *set, hc_str dir, hc_str path, hc_str file)
{
    if (looks_remote(path))
        return hc_fail_at(k->err, HC_E_INPUT, file, 0, -1,
                          "%.*s: '%.*s' is a remote base; fetch it with a source of its own and name its path",
                          HC_P(file), HC_P(path));
    hc_str rel = clean_path(k->a, dir, path);
    if (!rel.p)
        return hc_fail_at(k->err, HC_E_INPUT, file, 0, -1, "%.*s: '%.*s' leads out of the source", HC_P(file),
                          HC_P(path));
    if (!is_folder(k, rel)) {
        if (add_file(k, set, dir, path) != HC_OK)
            return hc_wrap(k->err, "%.*s", HC_P(file));
        return HC_OK;
    }
    if (!kustomization_of(k, rel).p)
        return hc_fail_at(k->err, HC_E_INPUT, file, 0, -1, "%.*s: folder '%.*s' has no kustomization.yaml",
                          HC_P(file), HC_P(path));
    struct kset base = { 0 };
    if (build_dir(k, rel, NULL, &base) != HC_OK)
        return k->err->code;
    for (size_t i = 0; i < base.n; i++) {
        if (base.items[i].gone)
            continue;
        size_t before = set->n;
        if (add_object(k, set, base.items[i].obj, rel) != HC_OK)
            return k->err->code;
        if (set->n > before) {
            set->items[before].first_name = base.items[i].first_name;
            set->items[before].hash = base.items[i].hash;
        }
    }
    return HC_OK;
}

static int by_name(const void *x, const void *y)
{
    return hc_str_cmp(*(const hc_str *)x, *(const hc_str *)y);
}

/* Flux: a folder without a kustomization file is all YAML below it, in path order. */
static enum hc_rc add_tree(struct kctx *k, struct kset *set, hc_str dir, int depth)
{
    char real[PATH_MAX];
    if (depth > MAX_DEPTH)
        return hc_fail(k->err, HC_E_LIMIT, "folders below '%.*s' are more than %d deep", HC_P(dir), MAX_DEPTH);
    if (real_below(k, dir, real) != HC_OK)
        return k->err->code;
    DIR *d = opendir(real);
    if (!d)
        return hc_fail_errno(k->err, "open folder", real);
    hc_str *names = NULL;
    size_t n = 0, cap = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (n == cap) {
            cap = cap ? cap * 2 : 32;
            hc_str *more = HC_NEW_N(k->a, hc_str, cap);
            if (!more)
                break;
            if (n)
                memcpy(more, names, n * sizeof(*names));
            names = more;
        }
        names[n++] = hc_arena_str(k->a, hc_str_of(e->d_name));
    }
    closedir(d);
    if (hc_arena_spent(k->a))
        return hc_arena_check(k->a, k->err, "kustomize build");
    if (n)
        qsort(names, n, sizeof(*names), by_name);
    for (size_t i = 0; i < n; i++) {
        hc_str rel = clean_path(k->a, dir, names[i]);
        enum hc_rc rc = HC_OK;
        if (is_folder(k, rel))
            rc = kustomization_of(k, rel).p ? add_path(k, set, dir, names[i], dir)
                                            : add_tree(k, set, rel, depth + 1);
        else if (hc_str_ends(names[i], HC_S(".yaml")) || hc_str_ends(names[i], HC_S(".yml")))
            rc = add_file(k, set, dir, names[i]);
        if (rc != HC_OK)
            return rc;
    }
    return HC_OK;
}

static enum hc_rc check_fields(struct kctx *k, const struct hc_val *file, hc_str name)
{
    static const char *const known[] = {
        "apiVersion",      "kind",
        "metadata",        "resources",
        "bases",           "components",
        "namespace",       "namePrefix",
        "nameSuffix",      "commonLabels",
        "labels",          "commonAnnotations",
        "patches",         "patchesStrategicMerge",
        "patchesJson6902", "images",
        "replicas",        "configMapGenerator",
        "secretGenerator", "generatorOptions",
        "replacements",    "buildMetadata",
        "sortOptions",
    };
    static const char *const refused[] = { "helmCharts",   "helmGlobals",    "generators",
                                           "transformers", "validators",     "openapi",
                                           "crds",         "configurations", "vars" };
    for (size_t i = 0; i < hc_map_len(file); i++) {
        struct hc_entry *e = hc_map_at(file, i);
        bool found = false;
        for (size_t j = 0; j < HC_LEN(known) && !found; j++)
            found = hc_str_eqz(e->key, known[j]);
        for (size_t j = 0; j < HC_LEN(refused) && !found; j++)
            if (hc_str_eqz(e->key, refused[j]))
                return hc_fail_at(k->err, HC_E_INPUT, name, (int)e->line, e->col,
                                  "%.*s:%u: '%s' is not supported here: render it beforehand or use patches",
                                  HC_P(name), e->line, refused[j]);
        if (!found)
            return hc_fail_at(k->err, HC_E_INPUT, name, (int)e->line, e->col,
                              "%.*s:%u: unknown field '%.*s' in the kustomization file", HC_P(name), e->line,
                              HC_P(e->key));
    }
    return HC_OK;
}

static enum hc_rc add_all(struct kctx *k, struct kset *set, const struct hc_val *paths, hc_str dir, hc_str file)
{
    for (size_t i = 0; i < hc_list_len(paths); i++) {
        hc_str path = hc_get_str(hc_list_at(paths, i));
        if (!path.n)
            return hc_fail_at(k->err, HC_E_INPUT, file, (int)hc_list_at(paths, i)->line, -1,
                              "%.*s: entry %zu of resources is not a path", HC_P(file), i + 1);
        if (add_path(k, set, dir, path, file) != HC_OK)
            return k->err->code;
    }
    return HC_OK;
}

/* What the fields of one kustomization file do to the objects gathered so far. */
static enum hc_rc transform(struct kctx *k, struct kset *set, const struct hc_val *f, hc_str dir, hc_str file,
                            const struct hc_kustomize_options *o)
{
    const struct hc_val *go = hc_map_getz(f, "generatorOptions");
    hc_str ns = hc_get_str(hc_map_getz(f, "namespace"));
    hc_str prefix = hc_get_str(hc_map_getz(f, "namePrefix")), suffix = hc_get_str(hc_map_getz(f, "nameSuffix"));
    if (o && o->target_namespace.n)
        ns = o->target_namespace;
    if (o && o->name_prefix.n)
        prefix = hc_arena_printf(k->a, "%.*s%.*s", HC_P(o->name_prefix), HC_P(prefix));
    if (o && o->name_suffix.n)
        suffix = hc_arena_printf(k->a, "%.*s%.*s", HC_P(suffix), HC_P(o->name_suffix));

    if (k_generate(k, set, "ConfigMap", hc_map_getz(f, "configMapGenerator"), go, dir, file) != HC_OK ||
        k_generate(k, set, "Secret", hc_map_getz(f, "secretGenerator"), go, dir, file) != HC_OK)
        return k->err->code;
    for (size_t i = 0; i < set->n; i++)
        set->items[i].level_name = kres_name(&set->items[i]);

    static const char *const patch_fields[] = { "patchesStrategicMerge", "patches", "patchesJson6902" };
    for (size_t i = 0; i < HC_LEN(patch_fields); i++)
        if (k_patches(k, set, hc_map_getz(f, patch_fields[i]), dir, file) != HC_OK)
            return k->err->code;
    if (o && k_patches(k, set, o->patches, dir, HC_S("spec.patches")) != HC_OK)
        return k->err->code;
    if (ns.n)
        k_namespace(k, set, ns);
    if (prefix.n || suffix.n)
        k_rename(k, set, prefix, suffix);
    if (k_labels(k, set, hc_map_getz(f, "commonLabels"), true, true) != HC_OK)
        return k->err->code;
    const struct hc_val *labels = hc_map_getz(f, "labels");
    for (size_t i = 0; i < hc_list_len(labels); i++) {
        const struct hc_val *l = hc_list_at(labels, i);
        bool selectors = hc_get_bool_at(l, "includeSelectors", false);
        if (k_labels(k, set, hc_map_getz(l, "pairs"), selectors,
                     selectors || hc_get_bool_at(l, "includeTemplates", false)) != HC_OK)
            return k->err->code;
    }
    k_annotations(k, set, hc_map_getz(f, "commonAnnotations"), true);
    k_fix_references(k, set);
    if (k_replicas(k, set, hc_map_getz(f, "replicas"), file) != HC_OK ||
        k_images(k, set, hc_map_getz(f, "images")) != HC_OK || (o && k_images(k, set, o->images) != HC_OK))
        return k->err->code;
    return k_replacements(k, set, hc_map_getz(f, "replacements"), dir, file);
}

/* Components see and change all that was gathered before them. */
static enum hc_rc add_components(struct kctx *k, struct kset *set, const struct hc_val *paths, hc_str dir,
                                 hc_str file)
{
    for (size_t i = 0; i < hc_list_len(paths); i++) {
        hc_str path = hc_get_str(hc_list_at(paths, i));
        hc_str rel = clean_path(k->a, dir, path);
        hc_str name = rel.p ? kustomization_of(k, rel) : rel;
        if (!name.p) {
            if (k->ignore_missing_components && rel.p && !is_folder(k, rel))
                continue;
            return hc_fail_at(k->err, HC_E_INPUT, file, 0, -1, "%.*s: component '%.*s' has no kustomization.yaml",
                              HC_P(file), HC_P(path));
        }
        hc_str body;
        struct hc_val *f;
        if (++k->depth > MAX_DEPTH)
            return hc_fail(k->err, HC_E_LIMIT, "components of '%.*s' name each other", HC_P(file));
        if (k_read(k, HC_S(""), name, &body, &name) != HC_OK ||
            hc_yaml_parse(k->a, body, name, HC_YAML_STRICT_KEYS | HC_YAML_TRUE_FALSE, &f, k->err) != HC_OK ||
            check_fields(k, f, name) != HC_OK || add_all(k, set, hc_map_getz(f, "resources"), rel, name) != HC_OK ||
            add_components(k, set, hc_map_getz(f, "components"), rel, name) != HC_OK ||
            transform(k, set, f, rel, name, NULL) != HC_OK)
            return k->err->code;
        k->depth--;
    }
    return HC_OK;
}

static enum hc_rc build_dir(struct kctx *k, hc_str dir, const struct hc_kustomize_options *o, struct kset *set)
{
    hc_str name = kustomization_of(k, dir), body;
    struct hc_val *f = NULL;
    if (++k->depth > MAX_DEPTH)
        return hc_fail(k->err, HC_E_LIMIT, "bases below '%.*s' are more than %d deep or name each other", HC_P(dir),
                       MAX_DEPTH);
    if (!name.p) {
        if (add_tree(k, set, dir, 0) != HC_OK)
            return k->err->code;
        f = hc_map_new(k->a);
        name = dir.n ? dir : HC_S(".");
    } else {
        if (k_read(k, HC_S(""), name, &body, &name) != HC_OK ||
            hc_yaml_parse(k->a, body, name, HC_YAML_STRICT_KEYS | HC_YAML_TRUE_FALSE, &f, k->err) != HC_OK)
            return k->err->code;
        if (!hc_is_map(f))
            return hc_fail_at(k->err, HC_E_INPUT, name, 1, -1, "%.*s: is a %s, not a map of kustomization fields",
                              HC_P(name), hc_kind_name(f));
        if (check_fields(k, f, name) != HC_OK || add_all(k, set, hc_map_getz(f, "resources"), dir, name) != HC_OK ||
            add_all(k, set, hc_map_getz(f, "bases"), dir, name) != HC_OK)
            return k->err->code;
    }
    if (add_components(k, set, hc_map_getz(f, "components"), dir, name) != HC_OK ||
        (o && add_components(k, set, o->components, dir, name) != HC_OK) ||
        transform(k, set, f, dir, name, o) != HC_OK)
        return k->err->code;
    k->depth--;
    return hc_arena_check(k->a, k->err, "kustomize build");
}

/* labels and annotations of a Kustomization's or HelmRelease's commonMetadata: on the objects, nowhere else */
static enum hc_rc common_metadata(struct kctx *k, struct kset *set, const struct hc_val *m)
{
    k_annotations(k, set, hc_map_getz(m, "annotations"), false);
    return k_labels(k, set, hc_map_getz(m, "labels"), false, false);
}

static enum hc_rc to_list(struct kctx *k, const struct kset *set, struct hc_val **out)
{
    struct hc_val *list = hc_list_new(k->a);
    for (size_t i = 0; i < set->n; i++)
        if (!set->items[i].gone)
            hc_list_add(k->a, list, set->items[i].obj);
    if (hc_arena_spent(k->a))
        return hc_arena_check(k->a, k->err, "kustomize build");
    *out = list;
    return HC_OK;
}

enum hc_rc hc_kustomize_build(struct hc_arena *a, const char *root_dir, const char *path,
                              const struct hc_kustomize_options *o, struct hc_val **out_objects, struct hc_err *err)
{
    char root[PATH_MAX];
    struct hc_err mine;
    struct kctx k = { .a = a, .err = err ? err : &mine };
    if (!realpath(root_dir, root))
        return hc_fail_errno(k.err, "open folder", root_dir);
    k.root = root;
    k.ignore_missing_components = o && o->ignore_missing_components;
    hc_str dir = clean_path(a, HC_S(""), hc_str_of(path && *path ? path : "."));
    if (!dir.p)
        return hc_fail(k.err, HC_E_INPUT, "path '%s' leads out of the source", path);
    if (!is_folder(&k, dir))
        return hc_fail(k.err, HC_E_NOTFOUND, "no folder '%s' in the source", path);
    struct kset set = { 0 };
    if (build_dir(&k, dir, o, &set) != HC_OK)
        return k.err->code;
    k_hash_names(&k, &set);
    if (o && common_metadata(&k, &set, o->common_metadata) != HC_OK)
        return k.err->code;
    return to_list(&k, &set, out_objects);
}

enum hc_rc hc_kustomize_transform(struct hc_arena *a, const struct hc_val *objects,
                                  const struct hc_kustomize_options *o, struct hc_val **out_objects,
                                  struct hc_err *err)
{
    struct hc_err mine;
    struct kctx k = { .a = a, .err = err ? err : &mine, .root = "/nonexistent" };
    struct kset set = { 0 };
    for (size_t i = 0; i < hc_list_len(objects); i++)
        kset_add(&k, &set, hc_val_copy(a, hc_list_at(objects, i)));
    if (hc_arena_spent(a))
        return hc_arena_check(a, k.err, "post-render");
    if (k_patches(&k, &set, o->patches, HC_S(""), HC_S("patches")) != HC_OK ||
        k_images(&k, &set, o->images) != HC_OK || common_metadata(&k, &set, o->common_metadata) != HC_OK)
        return k.err->code;
    return to_list(&k, &set, out_objects);
}
