/*
 * PATCH: the four patch types over the stored object (for scale: over its Scale), then an ordinary update.
 */
#include "core/value/json.h"
#include "core/value/merge.h"
#include "core/value/yaml.h"
#include "helmctl/sandbox/sandbox_impl.h"
#include "helmctl/sandbox/types.h"

static bool is_type(const struct hc_sb_req *r, const char *type)
{
    return hc_str_starts(r->content_type, hc_str_of(type));
}

static struct hc_val *parse(struct hc_sb_req *r, bool yaml, struct hc_val **out)
{
    struct hc_err err = HC_ERR_INIT;
    enum hc_rc rc = yaml ? hc_yaml_parse(r->a, r->body, HC_S("request body"), 0, out, &err)
                         : hc_json_parse(r->a, r->body, HC_JSON_REF | HC_JSON_NO_POSITIONS, out, &err);
    return rc == HC_OK ? NULL : hc_sb_bad_request(r->a, "error decoding patch: %s", err.msg);
}

static struct hc_val *apply(struct hc_sb_req *r, const struct hc_val *old, struct hc_sb_how *how,
                            struct hc_val **out, bool *out_created)
{
    struct hc_arena *a = r->a;
    struct hc_val *config, *merged;
    hc_str manager = hc_sb_query(r, "fieldManager");
    if (!manager.n) {
        struct hc_val *st = hc_sb_status(a, 422, "Invalid",
                                         "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: "
                                         "Required value: is required for apply patch");
        return st;
    }
    struct hc_val *bad = parse(r, true, &config);
    if (bad)
        return bad;
    if (!hc_is_map(config))
        return hc_sb_bad_request(a, "the configuration to apply is no object");
    hc_str av = hc_get_str_at(config, "apiVersion"), kind = hc_get_str_at(config, "kind");
    if (!hc_str_eq(av, r->kind->api_version) || !hc_str_eq(kind, r->kind->kind))
        return hc_sb_bad_request(a, "the object to apply is %.*s %.*s, the path is of %.*s %.*s", HC_P(av),
                                 HC_P(kind), HC_P(r->kind->api_version), HC_P(r->kind->kind));
    hc_str name = hc_get_str_at(config, "metadata.name"), ns = hc_get_str_at(config, "metadata.namespace");
    if (name.n && !hc_str_eq(name, r->name))
        return hc_sb_bad_request(a, "the name of the object (%.*s) does not match the name on the URL (%.*s)",
                                 HC_P(name), HC_P(r->name));
    if (ns.n && r->ns.n && !hc_str_eq(ns, r->ns))
        return hc_sb_bad_request(a, "the namespace of the provided object does not match the namespace sent on the "
                                    "request");
    if (hc_list_len(hc_get(config, "metadata.managedFields")))
        return hc_sb_bad_request(a, "metadata.managedFields must be nil");
    hc_map_put_str(a, hc_map_sub(a, config, "metadata"), "name", r->name);
    if (r->ns.n)
        hc_map_put_str(a, hc_map_sub(a, config, "metadata"), "namespace", r->ns);
    /* Applying is typed: what does not fit the schema is refused whatever fieldValidation says. */
    struct hc_val *cut = hc_list_new(a);
    if (r->kind->schema || r->kind->preserve_unknown)
        hc_sb_prune(a, r->kind, config, cut);
    else if ((bad = hc_sb_builtin_check(a, r->kind, config, true, cut)))
        return bad;
    if (hc_list_len(cut)) {
        hc_str field = hc_get_str(hc_list_at(cut, 0));
        return hc_sb_apply_refused(a, r->kind, config,
                                   hc_arena_printf(a, ".%.*s: field not declared in schema", HC_P(field)));
    }
    if (!old && r->sub.n)
        return hc_sb_not_found(a, r->kind, r->name);
    bad = hc_sb_apply(a, r->kind, old, config, manager, r->sub, hc_sb_query_true(r, "force"), &merged);
    if (bad)
        return bad;
    how->apply = true;
    how->manager = manager;
    if (!old) {
        *out_created = true;
        if (hc_get_str_at(config, "metadata.uid").n)
            return hc_sb_conflict(a, r->kind, r->name,
                                  "uid mismatch: the provided object specified a uid, and no "
                                  "existing object was found");
        hc_map_del(hc_map_getz(merged, "metadata"), HC_S("resourceVersion"));
        return hc_sb_create(r->s, a, r->kind, r->ns, merged, how, out);
    }
    return hc_sb_update(r->s, a, r->kind, old, merged, how, out);
}

struct hc_val *hc_sb_patch(struct hc_sb_req *r, const struct hc_sb_how *how_in, struct hc_val **out,
                           bool *out_created)
{
    struct hc_arena *a = r->a;
    struct hc_sb_how how = *how_in;
    struct hc_val *old = hc_sb_get(r->s, a, r->kind, r->ns, r->name);
    if (is_type(r, "application/apply-patch"))
        return apply(r, old, &how, out, out_created);
    if (!old)
        return hc_sb_not_found(a, r->kind, r->name);
    struct hc_val *p = NULL, *bad = parse(r, false, &p);
    if (bad)
        return bad;
    bool scale = hc_str_eqz(r->sub, "scale");
    const struct hc_val *base = scale ? hc_sb_scale_of(a, r->kind, old) : old;
    struct hc_val *obj = NULL;
    struct hc_err err = HC_ERR_INIT;
    enum hc_rc rc = HC_OK;
    if (is_type(r, "application/json-patch+json")) {
        rc = hc_json_patch(a, base, p, &obj, &err);
        if (rc != HC_OK)
            return hc_sb_status(a, 422, "Invalid",
                                "the server rejected our request due to an error in our request: %s", err.msg);
    } else if (is_type(r, "application/merge-patch+json")) {
        obj = hc_merge_patch(a, base, p);
    } else if (is_type(r, "application/strategic-merge-patch+json")) {
        if (r->kind->schema || r->kind->preserve_unknown)
            return hc_sb_status(a, 415, "UnsupportedMediaType",
                                "the body of the request was in an unknown format - accepted media types include: "
                                "application/json-patch+json, application/merge-patch+json, "
                                "application/apply-patch+yaml");
        struct hc_merge_types types;
        bool known = hc_sb_merge_types(r->kind->api_version, r->kind->kind, &types);
        rc = hc_strategic_merge(a, base, p, known ? &types : NULL, &obj, &err);
        if (rc != HC_OK)
            return hc_sb_bad_request(a, "%s", err.msg);
    } else {
        return hc_sb_status(a, 415, "UnsupportedMediaType",
                            "the body of the request was in an unknown format - accepted media types include: "
                            "application/json-patch+json, application/merge-patch+json, "
                            "application/strategic-merge-patch+json, application/apply-patch+yaml");
    }
    if (!hc_is_map(obj))
        return hc_sb_bad_request(a, "the patch does not leave an object");
    obj = hc_val_copy(a, obj);
    if (scale) {
        int64_t n = hc_get_int_at(obj, "spec.replicas", 0);
        obj = hc_val_copy(a, old);
        hc_map_put_int(a, hc_map_sub(a, obj, "spec"), "replicas", n);
    }
    hc_str name = hc_get_str_at(obj, "metadata.name");
    if (!hc_str_eq(name, r->name))
        return hc_sb_bad_request(a, "the name of the object (%.*s) does not match the name on the URL (%.*s)",
                                 HC_P(name), HC_P(r->name));
    return hc_sb_update(r->s, a, r->kind, old, obj, &how, out);
}
