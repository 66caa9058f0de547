/*
 * Checks of built-in kinds that people and clients run into: names, labels, what a workload must have, what may
 * not change (k8s.io/kubernetes pkg/apis/.../validation). Not complete, and it need not be: a real cluster is the
 * judge of the rest.
 */
#include <ctype.h>

#include "helmctl/sandbox/sandbox_impl.h"

static bool alnum_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool hc_sb_valid_label(hc_str s)
{
    if (s.n == 0 || s.n > 63 || !alnum_lower(s.p[0]) || !alnum_lower(s.p[s.n - 1]))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!alnum_lower(s.p[i]) && s.p[i] != '-')
            return false;
    return true;
}

bool hc_sb_valid_subdomain(hc_str s)
{
    hc_str rest = s, part;
    if (s.n == 0 || s.n > 253)
        return false;
    while (hc_str_split(&rest, '.', &part)) {
        if (part.n == 0 || !alnum_lower(part.p[0]) || !alnum_lower(part.p[part.n - 1]))
            return false;
        for (size_t i = 0; i < part.n; i++)
            if (!alnum_lower(part.p[i]) && part.p[i] != '-')
                return false;
    }
    return true;
}

static bool qualified(hc_str s)
{
    size_t n = s.n;
    if (n == 0 || n > 63 || !isalnum((unsigned char)s.p[0]) || !isalnum((unsigned char)s.p[n - 1]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '-' && s.p[i] != '_' && s.p[i] != '.')
            return false;
    return true;
}

static bool valid_key(hc_str key)
{
    size_t slash = hc_str_find(key, '/');
    if (slash == SIZE_MAX)
        return qualified(key);
    return hc_sb_valid_subdomain(hc_str_sub(key, 0, slash)) && qualified(hc_str_sub(key, slash + 1, key.n));
}

static void labels(struct hc_sb_errors *e, const struct hc_val *map, hc_str field, bool values_too)
{
    if (map && !hc_is_null(map) && !hc_is_map(map)) {
        hc_sb_err_invalid(e, field, map, "must be a map of strings");
        return;
    }
    for (size_t i = 0; i < hc_map_len(map); i++) {
        const struct hc_entry *en = hc_map_at(map, i);
        hc_str v = hc_get_str(en->val);
        struct hc_val *key = hc_str_val(e->a, en->key);
        if (!valid_key(en->key))
            hc_sb_err_invalid(
                e, field, key,
                "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and "
                "end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex "
                "used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')");
        if (!hc_is_str(en->val) && !hc_is_null(en->val))
            hc_sb_err_invalid(e, field, en->val, "the value of \"%.*s\" must be a string", HC_P(en->key));
        else if (values_too && v.n > 63)
            hc_sb_err_invalid(e, field, en->val, "must be no more than 63 bytes");
        else if (values_too && v.n && !qualified(v))
            hc_sb_err_invalid(
                e, field, en->val,
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
                "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
                "'my_value',  or '12345', regex used for validation is "
                "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')");
    }
}

static void metadata(struct hc_sb_errors *e, const struct hc_sb_kind *k, const struct hc_val *obj)
{
    const struct hc_val *meta = hc_map_getz(obj, "metadata"), *name = hc_map_getz(meta, "name");
    hc_str n = hc_get_str(name), key = k->key;
    if (!n.n) {
        hc_sb_err_required(e, HC_S("metadata.name"), "name or generateName is required");
        return;
    }
    /* RBAC names are path segments; Services and Namespaces are DNS labels; the rest are subdomains. */
    bool rbac = hc_str_eqz(k->group, "rbac.authorization.k8s.io");
    bool label = hc_str_eqz(key, "/namespaces") || hc_str_eqz(key, "/services");
    if (rbac) {
        if (hc_str_find(n, '/') != SIZE_MAX || hc_str_find(n, '%') != SIZE_MAX || hc_str_eqz(n, "."))
            hc_sb_err_invalid(e, HC_S("metadata.name"), name, "may not contain '/'");
    } else if (label && !hc_sb_valid_label(n)) {
        hc_sb_err_invalid(
            e, HC_S("metadata.name"), name,
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
            "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
            "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')");
    } else if (!label && !hc_sb_valid_subdomain(n)) {
        hc_sb_err_invalid(
            e, HC_S("metadata.name"), name,
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
            "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
            "for validation is "
            "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')");
    }
    labels(e, hc_map_getz(meta, "labels"), HC_S("metadata.labels"), true);
    labels(e, hc_map_getz(meta, "annotations"), HC_S("metadata.annotations"), false);
}

static void containers(struct hc_sb_errors *e, const struct hc_val *list, hc_str path, bool needed)
{
    if (needed && hc_list_len(list) == 0)
        hc_sb_err_required(e, path, "");
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *c = hc_list_at(list, i);
        hc_str name = hc_get_str_at(c, "name"), at = hc_arena_printf(e->a, "%.*s[%zu]", HC_P(path), i);
        if (!name.n)
            hc_sb_err_required(e, hc_arena_printf(e->a, "%.*s.name", HC_P(at)), "");
        else if (!hc_sb_valid_label(name))
            hc_sb_err_invalid(
                e, hc_arena_printf(e->a, "%.*s.name", HC_P(at)), hc_map_getz(c, "name"),
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
                "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex "
                "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')");
        for (size_t j = 0; j < i; j++)
            if (name.n && hc_str_eq(name, hc_get_str_at(hc_list_at(list, j), "name")))
                hc_sb_err_add(e, "FieldValueDuplicate", hc_arena_printf(e->a, "%.*s.name", HC_P(at)),
                              hc_arena_printf(e->a, "Duplicate value: \"%.*s\"", HC_P(name)));
        if (!hc_get_str_at(c, "image").n)
            hc_sb_err_required(e, hc_arena_printf(e->a, "%.*s.image", HC_P(at)), "");
    }
}

/* `claims`: volumeClaimTemplates, whose names are volumes too; NULL: none. */
static void pod_spec(struct hc_sb_errors *e, const struct hc_val *spec, const struct hc_val *claims, hc_str path)
{
    const struct hc_val *vols = hc_map_getz(spec, "volumes");
    containers(e, hc_map_getz(spec, "containers"), hc_arena_printf(e->a, "%.*s.containers", HC_P(path)), true);
    containers(e, hc_map_getz(spec, "initContainers"), hc_arena_printf(e->a, "%.*s.initContainers", HC_P(path)),
               false);
    const struct hc_val *cs = hc_map_getz(spec, "containers");
    for (size_t i = 0; i < hc_list_len(cs); i++) {
        const struct hc_val *mounts = hc_map_getz(hc_list_at(cs, i), "volumeMounts");
        for (size_t j = 0; j < hc_list_len(mounts); j++) {
            hc_str name = hc_get_str_at(hc_list_at(mounts, j), "name");
            bool found = false;
            for (size_t v = 0; v < hc_list_len(vols); v++)
                found = found || hc_str_eq(name, hc_get_str_at(hc_list_at(vols, v), "name"));
            for (size_t v = 0; v < hc_list_len(claims); v++)
                found = found || hc_str_eq(name, hc_get_str_at(hc_list_at(claims, v), "metadata.name"));
            if (!found)
                hc_sb_err_add(
                    e, "FieldValueNotFound",
                    hc_arena_printf(e->a, "%.*s.containers[%zu].volumeMounts[%zu].name", HC_P(path), i, j),
                    hc_arena_printf(e->a, "Not found: \"%.*s\"", HC_P(name)));
        }
    }
}

static void immutable(struct hc_sb_errors *e, const struct hc_val *obj, const struct hc_val *old, const char *path)
{
    const struct hc_val *x = hc_get(obj, path), *y = hc_get(old, path);
    if (old && !(x && y ? hc_val_equal(x, y) : x == y))
        hc_sb_err_invalid(e, hc_str_of(path), x, "field is immutable");
}

static void workload(struct hc_sb_errors *e, const struct hc_val *obj, const struct hc_val *old)
{
    const struct hc_val *sel = hc_get(obj, "spec.selector"), *tmpl = hc_get(obj, "spec.template");
    if (!hc_map_len(sel))
        hc_sb_err_required(e, HC_S("spec.selector"), "");
    if (!tmpl)
        hc_sb_err_required(e, HC_S("spec.template"), "");
    else if (hc_map_len(sel) && !hc_sb_label_selector_match(sel, hc_get(tmpl, "metadata.labels")))
        hc_sb_err_invalid(e, HC_S("spec.template.metadata.labels"), hc_get(tmpl, "metadata.labels"),
                          "`selector` does not match template `labels`");
    if (tmpl)
        pod_spec(e, hc_map_getz(tmpl, "spec"), hc_get(obj, "spec.volumeClaimTemplates"),
                 HC_S("spec.template.spec"));
    int64_t replicas = hc_get_int_at(obj, "spec.replicas", 1);
    if (replicas < 0)
        hc_sb_err_invalid(e, HC_S("spec.replicas"), hc_get(obj, "spec.replicas"),
                          "must be greater than or equal to 0");
    immutable(e, obj, old, "spec.selector");
}

static void statefulset_update(struct hc_sb_errors *e, const struct hc_val *obj, const struct hc_val *old)
{
    static const char *const may[] = { "replicas",
                                       "template",
                                       "updateStrategy",
                                       "revisionHistoryLimit",
                                       "minReadySeconds",
                                       "ordinals",
                                       "persistentVolumeClaimRetentionPolicy",
                                       "selector" };
    const struct hc_val *spec = hc_map_getz(obj, "spec"), *was = hc_map_getz(old, "spec");
    for (size_t i = 0; old && i < hc_map_len(was) + hc_map_len(spec); i++) {
        const struct hc_entry *en = i < hc_map_len(was) ? hc_map_at(was, i) : hc_map_at(spec, i - hc_map_len(was));
        bool allowed = false;
        for (size_t j = 0; j < HC_LEN(may); j++)
            allowed = allowed || hc_str_eqz(en->key, may[j]);
        const struct hc_val *x = hc_map_get(spec, en->key), *y = hc_map_get(was, en->key);
        if (allowed || (x && y && hc_val_equal(x, y)))
            continue;
        hc_sb_err_add(e, "FieldValueForbidden", HC_S("spec"),
                      HC_S("Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', "
                           "'template', 'updateStrategy', 'revisionHistoryLimit', "
                           "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"));
        return;
    }
}

static void service(struct hc_sb_errors *e, const struct hc_val *obj, const struct hc_val *old)
{
    const struct hc_val *ports = hc_get(obj, "spec.ports");
    hc_str type = hc_get_str_at(obj, "spec.type"), ip = hc_get_str_at(obj, "spec.clusterIP");
    bool headless = hc_str_eqz(ip, "None"), external = hc_str_eqz(type, "ExternalName");
    if (!hc_list_len(ports) && !headless && !external)
        hc_sb_err_required(e, HC_S("spec.ports"), "");
    for (size_t i = 0; i < hc_list_len(ports); i++) {
        int64_t p = hc_get_int_at(hc_list_at(ports, i), "port", 0);
        if (p < 1 || p > 65535)
            hc_sb_err_invalid(e, hc_arena_printf(e->a, "spec.ports[%zu].port", i),
                              hc_get(hc_list_at(ports, i), "port"), "must be between 1 and 65535, inclusive");
        if (hc_list_len(ports) > 1 && !hc_get_str_at(hc_list_at(ports, i), "name").n)
            hc_sb_err_required(e, hc_arena_printf(e->a, "spec.ports[%zu].name", i), "");
    }
    if (external && !hc_get_str_at(obj, "spec.externalName").n)
        hc_sb_err_required(e, HC_S("spec.externalName"), "");
    hc_str was = hc_get_str_at(old, "spec.clusterIP");
    if (was.n && !external && !hc_str_eq(was, ip))
        hc_sb_err_invalid(e, HC_S("spec.clusterIPs[0]"), hc_get(obj, "spec.clusterIP"), "may not change once set");
}

static void frozen_data(struct hc_sb_errors *e, const struct hc_val *obj, const struct hc_val *old)
{
    static const char *const parts[] = { "data", "binaryData", "immutable" };
    if (!hc_get_bool_at(old, "immutable", false))
        return;
    for (size_t i = 0; i < HC_LEN(parts); i++) {
        const struct hc_val *x = hc_map_getz(obj, parts[i]), *y = hc_map_getz(old, parts[i]);
        if (!(x && y ? hc_val_equal(x, y) : x == y))
            hc_sb_err_add(e, "FieldValueForbidden", hc_str_of(parts[i]),
                          HC_S("Forbidden: field is immutable when `immutable` is set"));
    }
}

static void data(struct hc_sb_errors *e, const struct hc_val *obj, bool secret)
{
    const struct hc_val *d = hc_map_getz(obj, "data");
    size_t bytes = 0;
    for (size_t i = 0; i < hc_map_len(d); i++) {
        const struct hc_entry *en = hc_map_at(d, i);
        hc_str v = hc_get_str(en->val);
        bytes += secret ? v.n / 4 * 3 : v.n;
        if (!qualified(en->key) && !(en->key.n && en->key.n <= 253 && hc_str_find(en->key, '/') == SIZE_MAX))
            hc_sb_err_invalid(e, hc_arena_printf(e->a, "data[%.*s]", HC_P(en->key)), hc_str_val(e->a, en->key),
                              "a valid config key must consist of alphanumeric characters, '-', '_' or '.'");
        if (!hc_is_str(en->val) && !hc_is_null(en->val))
            hc_sb_err_invalid(e, hc_arena_printf(e->a, "data[%.*s]", HC_P(en->key)), NULL, "must be a string");
    }
    if (bytes > HC_MIB)
        hc_sb_err_add(e, "FieldValueTooLong", secret ? HC_S("data") : HC_S(""),
                      HC_S("Too long: may not be more than 1048576 bytes"));
}

/* A pod's spec is fixed, but for images and a few more. */
static void pod_update(struct hc_sb_errors *e, const struct hc_val *obj, const struct hc_val *old)
{
    const struct hc_val *x = hc_get(obj, "spec.containers"), *y = hc_get(old, "spec.containers");
    bool same = hc_list_len(x) == hc_list_len(y);
    for (size_t i = 0; same && i < hc_list_len(x); i++)
        same = hc_str_eq(hc_get_str_at(hc_list_at(x, i), "name"), hc_get_str_at(hc_list_at(y, i), "name"));
    if (!same)
        hc_sb_err_add(
            e, "FieldValueForbidden", HC_S("spec"),
            HC_S("Forbidden: pod updates may not change fields other than "
                 "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
                 "`spec.tolerations` (only additions to existing tolerations),"
                 "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"));
}

void hc_sb_validate(struct hc_sb_errors *e, const struct hc_sb_kind *k, const struct hc_val *obj,
                    const struct hc_val *old)
{
    hc_str key = k->key;
    metadata(e, k, obj);
    if (k->schema || k->preserve_unknown)
        return;
    if (hc_str_eqz(key, "apps/deployments") || hc_str_eqz(key, "apps/daemonsets") ||
        hc_str_eqz(key, "apps/replicasets")) {
        workload(e, obj, old);
    } else if (hc_str_eqz(key, "apps/statefulsets")) {
        workload(e, obj, old);
        statefulset_update(e, obj, old);
    } else if (hc_str_eqz(key, "batch/jobs")) {
        hc_str policy = hc_get_str_at(obj, "spec.template.spec.restartPolicy");
        pod_spec(e, hc_get(obj, "spec.template.spec"), NULL, HC_S("spec.template.spec"));
        if (!hc_str_eqz(policy, "Never") && !hc_str_eqz(policy, "OnFailure"))
            hc_sb_err_add(e, "FieldValueNotSupported", HC_S("spec.template.spec.restartPolicy"),
                          hc_arena_printf(e->a,
                                          "Unsupported value: \"%.*s\": supported values: \"OnFailure\", \"Never\"",
                                          HC_P(policy)));
        immutable(e, obj, old, "spec.template");
        immutable(e, obj, old, "spec.selector");
        immutable(e, obj, old, "spec.completions");
    } else if (hc_str_eqz(key, "batch/cronjobs")) {
        if (!hc_get_str_at(obj, "spec.schedule").n)
            hc_sb_err_required(e, HC_S("spec.schedule"), "");
        pod_spec(e, hc_get(obj, "spec.jobTemplate.spec.template.spec"), NULL,
                 HC_S("spec.jobTemplate.spec.template.spec"));
    } else if (hc_str_eqz(key, "/pods")) {
        pod_spec(e, hc_map_getz(obj, "spec"), NULL, HC_S("spec"));
        if (old)
            pod_update(e, obj, old);
    } else if (hc_str_eqz(key, "/services")) {
        service(e, obj, old);
    } else if (hc_str_eqz(key, "/configmaps")) {
        data(e, obj, false);
        frozen_data(e, obj, old);
    } else if (hc_str_eqz(key, "/secrets")) {
        data(e, obj, true);
        frozen_data(e, obj, old);
        immutable(e, obj, old, "type");
    } else if (hc_str_ends(key, HC_S("rolebindings"))) {
        if (!hc_get_str_at(obj, "roleRef.name").n)
            hc_sb_err_required(e, HC_S("roleRef.name"), "");
        if (old && !hc_val_equal(hc_map_getz(obj, "roleRef"), hc_map_getz(old, "roleRef")))
            hc_sb_err_invalid(e, HC_S("roleRef"), hc_map_getz(obj, "roleRef"), "cannot change roleRef");
    } else if (hc_str_eqz(key, "apiextensions.k8s.io/customresourcedefinitions")) {
        hc_sb_crd_validate(e, obj);
    } else if (hc_str_eqz(key, "/persistentvolumeclaims")) {
        if (!hc_list_len(hc_get(obj, "spec.accessModes")))
            hc_sb_err_required(e, HC_S("spec.accessModes"), "at least 1 access mode is required");
    }
}
