/*
 * What a field is to server-side apply: a map or list that is merged, or one value. For CRDs the schema says it
 * (x-kubernetes-list-type, -list-map-keys, -map-type); for built-in kinds a table does, from the listType and
 * mapType markers of the Kubernetes API types (k8s.io/api 0.36). What is not in the table: maps are merged,
 * lists are one value.
 */
#include "core/value/json.h"
#include "helmctl/sandbox/fieldset.h"
#include "helmctl/sandbox/sandbox_impl.h"

struct row {
    const char *parent; /* NULL: any */
    const char *field;
    enum hc_sb_shape shape;
    const char *keys[4];
};

static const struct row rows[] = {
    { NULL, "containers", HC_SB_LIST_MAP, { "name" } },
    { NULL, "initContainers", HC_SB_LIST_MAP, { "name" } },
    { NULL, "ephemeralContainers", HC_SB_LIST_MAP, { "name" } },
    { "containers", "ports", HC_SB_LIST_MAP, { "containerPort", "protocol" } },
    { "initContainers", "ports", HC_SB_LIST_MAP, { "containerPort", "protocol" } },
    { "containers", "env", HC_SB_LIST_MAP, { "name" } },
    { "initContainers", "env", HC_SB_LIST_MAP, { "name" } },
    { NULL, "volumeMounts", HC_SB_LIST_MAP, { "mountPath" } },
    { NULL, "volumeDevices", HC_SB_LIST_MAP, { "devicePath" } },
    { "spec", "volumes", HC_SB_LIST_MAP, { "name" } },
    { "spec", "imagePullSecrets", HC_SB_LIST_MAP, { "name" } },
    { "spec", "hostAliases", HC_SB_LIST_MAP, { "ip" } },
    { "spec", "topologySpreadConstraints", HC_SB_LIST_MAP, { "topologyKey", "whenUnsatisfiable" } },
    { "spec", "schedulingGates", HC_SB_LIST_MAP, { "name" } },
    { "spec", "resourceClaims", HC_SB_LIST_MAP, { "name" } },
    { "resources", "claims", HC_SB_LIST_MAP, { "name" } },
    { "", "secrets", HC_SB_LIST_MAP, { "name" } },
    { "", "webhooks", HC_SB_LIST_MAP, { "name" } },
    { "webhooks", "matchConditions", HC_SB_LIST_MAP, { "name" } },
    { NULL, "conditions", HC_SB_LIST_MAP, { "type" } },
    { "metadata", "ownerReferences", HC_SB_LIST_MAP, { "uid" } },
    { "metadata", "finalizers", HC_SB_SET, { NULL } },
    { "status", "podIPs", HC_SB_LIST_MAP, { "ip" } },
    { "spec", "matchLabelKeys", HC_SB_LEAF, { NULL } },
    /* maps that are one value */
    { NULL, "selector", HC_SB_LEAF, { NULL } },
    { NULL, "labelSelector", HC_SB_LEAF, { NULL } },
    { NULL, "namespaceSelector", HC_SB_LEAF, { NULL } },
    { NULL, "objectSelector", HC_SB_LEAF, { NULL } },
    { NULL, "podSelector", HC_SB_LEAF, { NULL } },
    { NULL, "nodeSelector", HC_SB_LEAF, { NULL } },
    { NULL, "configMapKeyRef", HC_SB_LEAF, { NULL } },
    { NULL, "secretKeyRef", HC_SB_LEAF, { NULL } },
    { NULL, "fieldRef", HC_SB_LEAF, { NULL } },
    { NULL, "resourceFieldRef", HC_SB_LEAF, { NULL } },
    { NULL, "roleRef", HC_SB_LEAF, { NULL } },
    { NULL, "claimRef", HC_SB_LEAF, { NULL } },
    { NULL, "involvedObject", HC_SB_LEAF, { NULL } },
    { "volumes", "secretRef", HC_SB_LEAF, { NULL } },
    { "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms", HC_SB_LEAF, { NULL } },
    { "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", HC_SB_LEAF, { NULL } },
};

struct hc_sb_at hc_sb_at_root(const struct hc_sb_kind *k)
{
    return (struct hc_sb_at){ .crd = k->schema || k->preserve_unknown,
                              .schema = k->schema,
                              .kind = k->kind,
                              .parent = HC_S(""),
                              .field = HC_S("") };
}

struct hc_sb_at hc_sb_at_field(const struct hc_sb_at *at, hc_str name)
{
    struct hc_sb_at out = *at;
    bool root = at->field.n == 0 && at->parent.n == 0;
    out.parent = at->field;
    out.field = name;
    if (root && hc_str_eqz(name, "metadata"))
        out.in_meta = true;
    if (at->schema) {
        const struct hc_val *p = hc_map_get(hc_map_getz(at->schema, "properties"), name);
        if (!p && hc_is_map(hc_map_getz(at->schema, "additionalProperties")))
            p = hc_map_getz(at->schema, "additionalProperties");
        out.schema = p;
    }
    if (out.in_meta)
        out.schema = NULL;
    return out;
}

struct hc_sb_at hc_sb_at_item(const struct hc_sb_at *at)
{
    struct hc_sb_at out = *at;
    out.schema = hc_map_getz(at->schema, "items");
    return out;
}

static enum hc_sb_shape by_schema(const struct hc_sb_at *at, const struct hc_val *v, const char *keys[4])
{
    if (hc_is_map(v))
        return hc_str_eqz(hc_get_str(hc_map_getz(at->schema, "x-kubernetes-map-type")), "atomic") ? HC_SB_LEAF
                                                                                                  : HC_SB_MAP;
    hc_str type = hc_get_str(hc_map_getz(at->schema, "x-kubernetes-list-type"));
    if (hc_str_eqz(type, "set"))
        return HC_SB_SET;
    const struct hc_val *names = hc_map_getz(at->schema, "x-kubernetes-list-map-keys");
    if (!hc_str_eqz(type, "map") || !hc_list_len(names))
        return HC_SB_LEAF;
    for (size_t i = 0; i < 3 && i < hc_list_len(names); i++)
        keys[i] = hc_list_at(names, i)->s; /* crd.c copies the schema: its texts are closed by NUL */
    return HC_SB_LIST_MAP;
}

static bool row_fits(const struct row *r, const struct hc_sb_at *at)
{
    if (!hc_str_eqz(at->field, r->field) || (r->parent && !hc_str_eqz(at->parent, r->parent)))
        return false;
    /* data of ConfigMaps, labels and the like may carry any name: they are plain text, so no row matters there. */
    return true;
}

enum hc_sb_shape hc_sb_shape_of(const struct hc_sb_at *at, const struct hc_val *v, const char *keys[4])
{
    keys[0] = keys[1] = keys[2] = keys[3] = NULL;
    if (!hc_is_map(v) && !hc_is_list(v))
        return HC_SB_LEAF;
    if (at->crd && !at->in_meta)
        return by_schema(at, v, keys);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        const struct row *r = &rows[i];
        if (!row_fits(r, at))
            continue;
        if ((r->shape == HC_SB_LIST_MAP || r->shape == HC_SB_SET) != hc_is_list(v) && r->shape != HC_SB_LEAF)
            continue;
        memcpy(keys, r->keys, sizeof(r->keys));
        return r->shape;
    }
    if (hc_is_list(v) && hc_str_eqz(at->kind, "Service") && hc_str_eqz(at->field, "ports") &&
        hc_str_eqz(at->parent, "spec")) {
        keys[0] = "port";
        keys[1] = "protocol";
        return HC_SB_LIST_MAP;
    }
    return hc_is_map(v) ? HC_SB_MAP : HC_SB_LEAF;
}

hc_str hc_sb_item_pe(struct hc_arena *a, enum hc_sb_shape shape, const char *keys[4], const struct hc_val *item)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 65536);
    if (shape == HC_SB_SET) {
        hc_buf_puts(&b, "v:");
        hc_json_write(&b, item, 0);
        return hc_buf_to_arena(&b, a);
    }
    hc_buf_puts(&b, "k:{");
    bool first = true;
    for (size_t i = 0; i < 3 && keys[i]; i++) {
        const struct hc_val *v = hc_map_getz(item, keys[i]);
        /* Defaults of keys (k8s.io/api: ports' protocol). */
        struct hc_val tcp = { .kind = HC_STR, .n = 3, .s = "TCP" };
        if (!v && strcmp(keys[i], "protocol") == 0)
            v = &tcp;
        if (!v)
            continue;
        hc_buf_printf(&b, "%s\"%s\":", first ? "" : ",", keys[i]);
        hc_json_write(&b, v, 0);
        first = false;
    }
    hc_buf_putc(&b, '}');
    return hc_buf_to_arena(&b, a);
}
