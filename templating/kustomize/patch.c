/*
 * Patches: which objects one reaches (a target selector, or the patch's own kind and name) and what it does to them
 * (a list is RFC 6902, a map is a strategic merge; over kinds Kubernetes does not know lists are replaced whole, as
 * kustomize does without a schema).
 */
#include <regex.h>

#include "core/value/merge.h"
#include "core/value/selector.h"
#include "core/value/yaml.h"
#include "templating/kustomize/kustomize_impl.h"

/* Selector fields are regular expressions over the whole text; an absent one fits everything. */
static enum hc_rc field_fits(struct kctx *k, const struct hc_val *target, const char *field, hc_str value,
                             bool *out)
{
    hc_str pattern = hc_get_str(hc_map_getz(target, field));
    regex_t re;
    *out = true;
    if (!pattern.n || hc_str_eq(pattern, value))
        return HC_OK;
    const char *anchored = hc_arena_printf(k->a, "^(%.*s)$", HC_P(pattern)).p;
    const char *text = hc_arena_strz(k->a, value);
    if (!anchored || !text)
        return hc_arena_check(k->a, k->err, "patch target");
    if (pattern.n > 1024 || regcomp(&re, anchored, REG_EXTENDED | REG_NOSUB) != 0)
        return hc_fail(k->err, HC_E_INPUT, "patch target: %s '%.*s' is not a regular expression", field,
                       HC_P(pattern));
    *out = regexec(&re, text, 0, NULL, 0) == 0;
    regfree(&re);
    return HC_OK;
}

enum hc_rc k_selects(struct kctx *k, const struct hc_val *target, const struct kres *r, bool *out)
{
    hc_str api = hc_get_str(hc_map_getz(r->obj, "apiVersion"));
    size_t slash = hc_str_find(api, '/');
    hc_str group = slash == SIZE_MAX ? HC_S("") : hc_str_sub(api, 0, slash);
    hc_str version = slash == SIZE_MAX ? api : hc_str_sub(api, slash + 1, api.n);
    hc_str ns = kres_ns(r);
    bool named, was_named;
    const struct {
        const char *field;
        hc_str value;
    } rows[] = { { "group", group },
                 { "version", version },
                 { "kind", kres_kind(r) },
                 { "namespace", ns.n ? ns : HC_S("default") } };
    *out = false;
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        bool fits;
        if (field_fits(k, target, rows[i].field, rows[i].value, &fits) != HC_OK)
            return k->err->code;
        if (!fits)
            return HC_OK;
    }
    if (field_fits(k, target, "name", kres_name(r), &named) != HC_OK ||
        field_fits(k, target, "name", r->first_name, &was_named) != HC_OK)
        return k->err->code;
    if (!named && !was_named)
        return HC_OK;
    bool labels = true, annotations = true;
    if (hc_selector_fits(hc_get_str_at(target, "labelSelector"), hc_get(r->obj, "metadata.labels"), &labels,
                         k->err) != HC_OK ||
        hc_selector_fits(hc_get_str_at(target, "annotationSelector"), hc_get(r->obj, "metadata.annotations"),
                         &annotations, k->err) != HC_OK)
        return hc_wrap(k->err, "patch target");
    *out = labels && annotations;
    return HC_OK;
}

static bool is_builtin(const struct kres *r)
{
    hc_str api = hc_get_str(hc_map_getz(r->obj, "apiVersion"));
    size_t slash = hc_str_find(api, '/');
    hc_str group = slash == SIZE_MAX ? HC_S("") : hc_str_sub(api, 0, slash);
    return hc_str_find(group, '.') == SIZE_MAX || hc_str_ends(group, HC_S(".k8s.io"));
}

/* What a patch may not change unless it is allowed to. */
static void restore_identity(struct kctx *k, struct kres *r, const struct hc_val *before,
                             const struct hc_val *options)
{
    struct hc_val *m = hc_map_sub(k->a, r->obj, "metadata");
    if (!hc_get_bool_at(options, "allowNameChange", false))
        hc_map_put_str(k->a, m, "name", hc_get_str_at(before, "metadata.name"));
    if (!hc_get_bool_at(options, "allowKindChange", false)) {
        hc_map_put_str(k->a, r->obj, "kind", hc_get_str_at(before, "kind"));
        hc_map_put_str(k->a, r->obj, "apiVersion", hc_get_str_at(before, "apiVersion"));
    }
}

static enum hc_rc apply_map(struct kctx *k, struct kres *r, const struct hc_val *patch,
                            const struct hc_val *options)
{
    const struct hc_val *before = r->obj;
    struct hc_val *after = NULL;
    if (hc_str_eqz(hc_get_str(hc_map_getz(patch, "$patch")), "delete")) {
        r->gone = true;
        return HC_OK;
    }
    if (is_builtin(r)) {
        if (hc_strategic_merge(k->a, before, patch, NULL, &after, k->err) != HC_OK)
            return k->err->code;
    } else {
        after = hc_merge_patch(k->a, before, patch);
    }
    r->obj = hc_val_copy(k->a, after);
    if (!r->obj)
        return hc_arena_check(k->a, k->err, "patch");
    restore_identity(k, r, before, options);
    return HC_OK;
}

static enum hc_rc apply_list(struct kctx *k, struct kres *r, const struct hc_val *ops)
{
    struct hc_val *after;
    if (hc_json_patch(k->a, r->obj, ops, &after, k->err) != HC_OK)
        return k->err->code;
    r->obj = hc_val_copy(k->a, after);
    return r->obj ? HC_OK : hc_arena_check(k->a, k->err, "patch");
}

/* Kind, group, name and namespace of the patch itself are its target. */
static bool names_object(const struct hc_val *patch, const struct kres *r)
{
    hc_str api = hc_get_str(hc_map_getz(patch, "apiVersion")), name = hc_get_str_at(patch, "metadata.name"),
           ns = hc_get_str_at(patch, "metadata.namespace");
    hc_str have = hc_get_str(hc_map_getz(r->obj, "apiVersion"));
    size_t a = hc_str_rfind(api, '/'), b = hc_str_rfind(have, '/');
    hc_str g1 = hc_str_sub(api, 0, a == SIZE_MAX ? 0 : a), g2 = hc_str_sub(have, 0, b == SIZE_MAX ? 0 : b);
    return (!api.n || hc_str_eq(g1, g2)) && hc_str_eq(hc_get_str(hc_map_getz(patch, "kind")), kres_kind(r)) &&
           (hc_str_eq(name, r->first_name) || hc_str_eq(name, kres_name(r))) &&
           (!ns.n || hc_str_eq(ns, kres_ns(r)) || (!kres_ns(r).n && hc_str_eqz(ns, "default")));
}

enum hc_rc k_patch_text(struct kctx *k, struct kset *set, hc_str text, hc_str name, const struct hc_val *target,
                        const struct hc_val *options)
{
    struct hc_val *docs;
    if (hc_yaml_parse_all(k->a, text, name, HC_YAML_TRUE_FALSE, &docs, k->err) != HC_OK)
        return hc_wrap(k->err, "patch");
    /* RFC 6902 as a list comes as one document. */
    for (size_t d = 0; d < hc_list_len(docs); d++) {
        const struct hc_val *patch = hc_list_at(docs, d);
        size_t reached = 0;
        if (!hc_is_map(patch) && !hc_is_list(patch))
            return hc_fail(k->err, HC_E_INPUT,
                           "%.*s: the patch is a %s; it must be a map (strategic merge) or a list "
                           "(JSON 6902)",
                           HC_P(name), hc_kind_name(patch));
        if (hc_is_list(patch) && !target)
            return hc_fail(k->err, HC_E_INPUT, "%.*s: a JSON 6902 patch needs a target", HC_P(name));
        for (size_t i = 0; i < set->n; i++) {
            struct kres *r = &set->items[i];
            bool fits = false;
            if (r->gone)
                continue;
            if (!target)
                fits = names_object(patch, r);
            else if (k_selects(k, target, r, &fits) != HC_OK)
                return k->err->code;
            if (!fits)
                continue;
            reached++;
            enum hc_rc rc = hc_is_list(patch) ? apply_list(k, r, patch) : apply_map(k, r, patch, options);
            if (rc != HC_OK)
                return hc_wrap(k->err, "%.*s: patch of %.*s", HC_P(name), HC_P(kres_label(k->a, r->obj)));
        }
        if (!reached && !target)
            return hc_fail(k->err, HC_E_INPUT, "%.*s: no object %.*s to patch", HC_P(name),
                           HC_P(kres_label(k->a, patch)));
    }
    return HC_OK;
}

enum hc_rc k_patches(struct kctx *k, struct kset *set, const struct hc_val *patches, hc_str dir, hc_str file)
{
    for (size_t i = 0; i < hc_list_len(patches); i++) {
        const struct hc_val *p = hc_list_at(patches, i);
        hc_str text, name = hc_arena_printf(k->a, "%.*s: patch %zu", HC_P(file), i + 1);
        const struct hc_val *target = hc_is_map(p) ? hc_map_getz(p, "target") : NULL;
        if (hc_is_str(p)) { /* patchesStrategicMerge: a path, or the patch itself */
            text = hc_get_str(p);
            if (hc_str_find(text, '\n') == SIZE_MAX && k_read(k, dir, text, &text, &name) != HC_OK)
                return hc_wrap(k->err, "%.*s", HC_P(file));
        } else if (hc_get_str_at(p, "path").n) {
            if (k_read(k, dir, hc_get_str_at(p, "path"), &text, &name) != HC_OK)
                return hc_wrap(k->err, "%.*s", HC_P(file));
        } else if (hc_is_str(hc_map_getz(p, "patch"))) {
            text = hc_get_str(hc_map_getz(p, "patch"));
        } else {
            return hc_fail_at(k->err, HC_E_INPUT, file, (int)p->line, -1,
                              "%.*s:%u: patch %zu has neither 'patch' nor 'path'", HC_P(file), p->line, i + 1);
        }
        if (k_patch_text(k, set, text, name, hc_map_len(target) ? target : NULL, hc_map_getz(p, "options")) !=
            HC_OK)
            return k->err->code;
    }
    return HC_OK;
}
