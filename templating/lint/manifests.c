/*
 * The rules about objects: what Kubernetes' decoder takes apart, name by name and type by type.
 *
 * Documents are cut at lines that begin with "---" before YAML is read, as that decoder does.
 */
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "templating/lint/lint_impl.h"

struct object {
    hc_str api_version, kind, name;
};

/* The exact name wins over another spelling, as in Go's decoder. */
static const struct hc_val *field(const struct hc_val *map, const char *name)
{
    const struct hc_entry *e = hc_map_find(map, hc_str_of(name));
    for (size_t i = 0; !e && i < hc_map_len(map); i++)
        if (hc_str_eq_nocase(hc_map_at(map, i)->key, hc_str_of(name)))
            e = hc_map_at(map, i);
    return e ? e->val : NULL;
}

static enum hc_rc misfit(const struct hc_val *v, const char *what, const char *type, struct hc_err *err)
{
    return hc_fail(err, HC_E_INPUT,
                   "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal %s into Go %s of type %s",
                   hc_json_kind_name(v), what, type);
}

static enum hc_rc text_field(struct lint *l, const struct hc_val *map, const char *name, const char *what,
                             hc_str *out, struct hc_err *err)
{
    const struct hc_val *v = field(map, name);
    if (hc_is_null(v) || hc_scalar_text(l->a, v, out))
        return HC_OK;
    return misfit(v, what, "string", err);
}

static enum hc_rc read_object(struct lint *l, const struct hc_val *doc, struct object *o, struct hc_err *err)
{
    const struct hc_val *meta = field(doc, "metadata");
    hc_str ignored;
    if (!hc_is_map(doc))
        return misfit(doc, "value", "rules.k8sYamlStruct", err);
    enum hc_rc rc = text_field(l, doc, "apiVersion", "struct field k8sYamlStruct.apiVersion", &o->api_version, err);
    if (rc == HC_OK)
        rc = text_field(l, doc, "kind", "struct field k8sYamlStruct.Kind", &o->kind, err);
    if (rc == HC_OK && !hc_is_null(meta) && !hc_is_map(meta))
        rc = misfit(meta, "struct field k8sYamlStruct.Metadata", "rules.k8sYamlMetadata", err);
    if (rc == HC_OK)
        rc = text_field(l, meta, "namespace", "struct field k8sYamlMetadata.Metadata.Namespace", &ignored, err);
    if (rc == HC_OK)
        rc = text_field(l, meta, "name", "struct field k8sYamlMetadata.Metadata.Name", &o->name, err);
    return rc;
}

static bool is_workload(hc_str kind)
{
    return hc_str_eqz(kind, "Deployment") || hc_str_eqz(kind, "ReplicaSet") || hc_str_eqz(kind, "DaemonSet") ||
           hc_str_eqz(kind, "StatefulSet");
}

/* Annotations of a List's items, the list being the first document of the file. */
static void list_annotations(struct lint *l, hc_str path, hc_str whole)
{
    struct hc_val *doc = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (hc_yaml_parse(l->a, whole, path, HC_YAML_PLAIN, &doc, &err) != HC_OK) {
        lint_say(l, HC_LINT_ERROR, path, "unable to parse YAML: error converting YAML to JSON: %s", err.msg);
        return;
    }
    const struct hc_val *items = field(doc, "items");
    for (size_t i = 0; i < hc_list_len(items); i++)
        if (field(field(field(hc_list_at(items, i), "metadata"), "annotations"), "helm.sh/resource-policy")) {
            lint_say(l, HC_LINT_ERROR, path,
                     "%snnotation 'helm.sh/resource-policy' within List objects are ignored",
                     l->in->helm3 ? "A" : "a");
            return;
        }
}

static void template_rules(struct lint *l, hc_str path, hc_str whole, const struct object *o)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (lint_object_name(&b, o->kind, o->name))
        lint_say(l, HC_LINT_WARNING, path, "%.*s", HC_P(hc_buf_str(&b)));
    hc_buf_reset(&b);
    if (o->api_version.n && o->kind.n &&
        lint_deprecation(&b, o->api_version, o->kind, l->kube_major, l->kube_minor))
        lint_say(l, HC_LINT_WARNING, path, "%.*s", HC_P(hc_buf_str(&b)));
    if (is_workload(o->kind) && hc_str_find_str(whole, HC_S("matchLabels")) == SIZE_MAX &&
        hc_str_find_str(whole, HC_S("matchExpressions")) == SIZE_MAX) {
        hc_buf_reset(&b);
        hc_go_quote(&b, o->name);
        lint_say(l, HC_LINT_ERROR, path, "a %.*s must contain matchLabels or matchExpressions, and %.*s does not",
                 HC_P(o->kind), HC_P(hc_buf_str(&b)));
    }
    if (hc_str_eqz(o->kind, "List"))
        list_annotations(l, path, whole);
}

static void crd_rules(struct lint *l, hc_str path, const struct object *o)
{
    if (!hc_str_starts(o->api_version, HC_S("apiextensions.k8s.io")))
        lint_say(l, HC_LINT_ERROR, path, "apiVersion is not in 'apiextensions.k8s.io'");
    if (!hc_str_eqz(o->kind, "CustomResourceDefinition"))
        lint_say(l, HC_LINT_ERROR, path, "object kind is not 'CustomResourceDefinition'");
}

static bool document(struct lint *l, hc_str path, hc_str whole, const struct hc_val *doc, bool crds)
{
    struct object o = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
    struct hc_err err = HC_ERR_INIT;
    if (hc_is_null(doc))
        return true;
    if (read_object(l, doc, &o, &err) != HC_OK) {
        char *type = l->in->helm3 ? strstr(err.msg, "k8sYamlStruct") : NULL;
        if (type)
            *type = 'K'; /* an exported type there */
        lint_say(l, HC_LINT_ERROR, path, "unable to parse YAML: %s", err.msg);
        return false;
    }
    if (crds)
        crd_rules(l, path, &o);
    else
        template_rules(l, path, whole, &o);
    return true;
}

static bool one_text(struct lint *l, hc_str path, hc_str whole, hc_str text, bool crds)
{
    struct hc_val *doc = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (hc_yaml_parse(l->a, text, path, HC_YAML_PLAIN, &doc, &err) != HC_OK) {
        lint_say(l, HC_LINT_ERROR, path, "unable to parse YAML: error converting YAML to JSON: %s", err.msg);
        return false;
    }
    return document(l, path, whole, doc, crds);
}

bool lint_manifests(struct lint *l, hc_str path, hc_str text, bool crds)
{
    HC_AUTO(hc_buf) struct hc_buf b; /* the document at hand: every line ends with one LF here, the last too */
    struct hc_val *json = NULL;
    hc_buf_init(&b, 0);
    hc_str start = hc_str_trim_left(hc_str_sub(text, 0, HC_MIN(text.n, (size_t)4096)));
    if (hc_str_starts(start, HC_S("{")) && hc_json_parse(l->a, text, 0, &json, NULL) == HC_OK)
        return document(l, path, text, json, crds);
    hc_str rest = text, line;
    bool good = true;
    while (good && hc_str_split(&rest, '\n', &line)) {
        if (!rest.n && !line.n && !rest.p)
            break;
        if (hc_str_ends(line, HC_S("\r")))
            line.n--;
        if (hc_str_starts(line, HC_S("---"))) {
            hc_str more = hc_str_trim(hc_str_sub(line, 3, line.n));
            if (more.n && *more.p != '#') {
                lint_say(l, HC_LINT_ERROR, path, "unable to parse YAML: invalid Yaml document separator: %.*s",
                         HC_P(more));
                return false;
            }
            if (b.n) {
                good = one_text(l, path, text, hc_buf_to_arena(&b, l->a), crds);
                hc_buf_reset(&b);
                continue;
            }
        }
        hc_buf_put(&b, line);
        hc_buf_putc(&b, '\n');
    }
    if (good && b.n)
        good = one_text(l, path, text, hc_buf_to_arena(&b, l->a), crds);
    return good;
}
