/*
 * CustomResourceDefinitions: each served version becomes a kind as soon as the object is stored. The kinds of a
 * CRD keep a copy of its schema in an arena of their own, which is replaced with every change.
 */
#include <stdlib.h>

#include "core/base/mem.h"
#include "helmctl/sandbox/sandbox_impl.h"

struct hc_sb_crd {
    struct hc_sb_crd *next;
    struct hc_arena *a; /* what the kinds point into */
    char *name;
};

void hc_sb_crd_defaults(struct hc_arena *a, struct hc_val *obj)
{
    struct hc_val *spec = hc_map_sub(a, obj, "spec"), *names = hc_map_sub(a, spec, "names");
    hc_str kind = hc_get_str_at(names, "kind");
    if (kind.n && !hc_map_getz(names, "listKind"))
        hc_map_put_str(a, names, "listKind", hc_arena_printf(a, "%.*sList", HC_P(kind)));
    if (kind.n && !hc_map_getz(names, "singular")) {
        char *lower = hc_arena_strz(a, kind);
        for (char *p = lower; p && *p; p++)
            *p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
        hc_map_put_strz(a, names, "singular", lower);
    }
    if (!hc_map_getz(spec, "conversion"))
        hc_map_put_strz(a, hc_map_sub(a, spec, "conversion"), "strategy", "None");
}

void hc_sb_crd_validate(struct hc_sb_errors *e, const struct hc_val *obj)
{
    struct hc_arena *a = e->a;
    const struct hc_val *spec = hc_map_getz(obj, "spec"), *versions = hc_map_getz(spec, "versions");
    hc_str plural = hc_get_str_at(spec, "names.plural"), group = hc_get_str_at(spec, "group");
    hc_str want = hc_arena_printf(a, "%.*s.%.*s", HC_P(plural), HC_P(group));
    if (!group.n)
        hc_sb_err_required(e, HC_S("spec.group"), "");
    if (!plural.n)
        hc_sb_err_required(e, HC_S("spec.names.plural"), "");
    if (!hc_get_str_at(spec, "names.kind").n)
        hc_sb_err_required(e, HC_S("spec.names.kind"), "");
    hc_str scope = hc_get_str_at(spec, "scope");
    if (!scope.n)
        hc_sb_err_required(e, HC_S("spec.scope"), "");
    else if (!hc_str_eqz(scope, "Namespaced") && !hc_str_eqz(scope, "Cluster"))
        hc_sb_err_add(e, "FieldValueNotSupported", HC_S("spec.scope"),
                      hc_arena_printf(a,
                                      "Unsupported value: \"%.*s\": supported values: \"Cluster\", \"Namespaced\"",
                                      HC_P(scope)));
    if (plural.n && group.n && !hc_str_eq(hc_get_str_at(obj, "metadata.name"), want))
        hc_sb_err_invalid(e, HC_S("metadata.name"), hc_get(obj, "metadata.name"),
                          "must be spec.names.plural+\".\"+spec.group");
    size_t storage = 0;
    for (size_t i = 0; i < hc_list_len(versions); i++) {
        const struct hc_val *v = hc_list_at(versions, i);
        storage += hc_get_bool_at(v, "storage", false);
        if (!hc_get(v, "schema.openAPIV3Schema"))
            hc_sb_err_required(e, hc_arena_printf(a, "spec.versions[%zu].schema.openAPIV3Schema", i),
                               "schemas are required");
    }
    if (hc_list_len(versions) == 0 || storage != 1)
        hc_sb_err_invalid(e, HC_S("spec.versions"), NULL,
                          "must have exactly one version marked as storage version");
}

void hc_sb_crd_status(struct hc_arena *a, struct hc_val *obj)
{
    struct hc_val *st = hc_map_sub(a, obj, "status"), *stored = hc_map_getz(st, "storedVersions");
    const struct hc_val *versions = hc_get(obj, "spec.versions");
    hc_map_put(a, st, HC_S("acceptedNames"), hc_val_copy(a, hc_get(obj, "spec.names")));
    hc_sb_condition(a, st, "NamesAccepted", true, "NoConflicts", HC_S("no conflicts found"));
    hc_sb_condition(a, st, "Established", true, "InitialNamesAccepted",
                    HC_S("the initial names have been accepted"));
    if (!stored) {
        stored = hc_list_new(a);
        for (size_t i = 0; i < hc_list_len(versions); i++)
            if (hc_get_bool_at(hc_list_at(versions, i), "storage", false))
                hc_list_add(a, stored, hc_map_getz(hc_list_at(versions, i), "name"));
        hc_map_put(a, st, HC_S("storedVersions"), stored);
    }
}

static const char *joined(struct hc_arena *a, const struct hc_val *list)
{
    hc_str out = { NULL, 0 };
    for (size_t i = 0; i < hc_list_len(list); i++) {
        hc_str w = hc_get_str(hc_list_at(list, i));
        out = out.n ? hc_arena_printf(a, "%.*s %.*s", HC_P(out), HC_P(w)) : hc_arena_str(a, w);
    }
    return out.n ? hc_arena_strz(a, out) : NULL;
}

static struct hc_sb_kind *kind_for(struct hc_sandbox *s, hc_str group, hc_str version, hc_str resource)
{
    for (struct hc_sb_kind *k = s->kinds; k; k = k->next)
        if (hc_str_eq(k->group, group) && hc_str_eq(k->version, version) && hc_str_eq(k->resource, resource))
            return k;
    return hc_sb_kinds_add(s);
}

static void forget(struct hc_sandbox *s, hc_str name)
{
    for (struct hc_sb_kind *k = s->kinds; k; k = k->next) {
        /* The name of a CRD is "resource.group". */
        if (!k->crd_version || name.n != k->resource.n + 1 + k->group.n || !hc_str_starts(name, k->resource) ||
            !hc_str_ends(name, k->group))
            continue;
        k->gone = true;
        k->schema = NULL;
        k->crd_version = NULL;
    }
}

static struct hc_arena *arena_for(struct hc_sandbox *s, hc_str name, struct hc_arena **out_old)
{
    struct hc_sb_crd *c = s->crds;
    while (c && !hc_str_eqz(name, c->name))
        c = c->next;
    if (!c) {
        c = hc_calloc(1, sizeof(*c));
        char *copy = c ? hc_strdup_n(name.p, name.n) : NULL;
        if (!copy) {
            free(c);
            return NULL;
        }
        c->name = copy;
        c->next = s->crds;
        s->crds = c;
    }
    *out_old = c->a;
    c->a = hc_arena_new(0);
    return c->a;
}

void hc_sb_crd_changed(struct hc_sandbox *s, hc_str name, const struct hc_val *obj)
{
    struct hc_arena *old = NULL, *a = arena_for(s, name, &old);
    forget(s, name);
    const struct hc_val *own = a && obj ? hc_val_clone(a, obj) : NULL, *spec = hc_map_getz(own, "spec");
    const struct hc_val *versions = hc_map_getz(spec, "versions");
    size_t served = 0;
    for (size_t i = 0; i < hc_list_len(versions); i++)
        served += hc_get_bool_at(hc_list_at(versions, i), "served", true);
    for (size_t i = 0; i < hc_list_len(versions); i++) {
        const struct hc_val *v = hc_list_at(versions, i);
        hc_str group = hc_get_str_at(spec, "group"), version = hc_get_str_at(v, "name");
        hc_str plural = hc_get_str_at(spec, "names.plural");
        if (!hc_get_bool_at(v, "served", true))
            continue;
        struct hc_sb_kind *k = kind_for(s, group, version, plural);
        if (!k)
            break;
        struct hc_arena *f = s->forever;
        struct hc_sb_kind *next = k->next;
        bool known = k->key.n != 0;
        struct hc_sb_kind was = *k;
        *k = (struct hc_sb_kind){
            .group = known ? was.group : hc_arena_str(f, group),
            .version = known ? was.version : hc_arena_str(f, version),
            .resource = known ? was.resource : hc_arena_str(f, plural),
            .key = known ? was.key : hc_arena_printf(f, "%.*s/%.*s", HC_P(group), HC_P(plural)),
            .api_version = known ? was.api_version : hc_arena_printf(f, "%.*s/%.*s", HC_P(group), HC_P(version)),
            .singular = hc_get_str_at(spec, "names.singular"),
            .kind = hc_get_str_at(spec, "names.kind"),
            .list_kind = hc_get_str_at(spec, "names.listKind"),
            .short_names = joined(a, hc_get(spec, "names.shortNames")),
            .categories = joined(a, hc_get(spec, "names.categories")),
            .many_versions = served > 1,
            .schema = hc_get(v, "schema.openAPIV3Schema"),
            .crd_version = v,
            .preserve_unknown = hc_get_bool_at(spec, "preserveUnknownFields", false),
            .flags = HC_SB_GEN,
            .next = next,
        };
        if (hc_str_eqz(hc_get_str_at(spec, "scope"), "Cluster"))
            k->flags |= HC_SB_CLUSTER;
        if (hc_get(v, "subresources.status"))
            k->flags |= HC_SB_STATUS;
        if (hc_get(v, "subresources.scale"))
            k->flags |= HC_SB_SCALE;
        if (!k->schema) /* no schema: anything goes */
            k->preserve_unknown = true;
    }
    hc_arena_free(old);
}

void hc_sb_crds_done(struct hc_sandbox *s)
{
    while (s->crds) {
        struct hc_sb_crd *c = s->crds;
        s->crds = c->next;
        hc_arena_free(c->a);
        free(c->name);
        free(c);
    }
}
