/*
 * Flux merges maps by sharing sub-maps, and places targetPath values into what is shared: whether such a value beats an
 * inline one depends on that. So the merge here shares as Flux's does.
 */
#include "helmctl/controller/values.h"

#include "core/base/buf.h"
#include "core/base/digest.h"
#include "core/value/json.h"
#include "templating/overlay/overlay.h"

/* fluxcd/pkg chartutil: MergeMaps. A new top map; maps on both sides are merged, all else is shared. */
static struct hc_val *merge_maps(struct hc_arena *a, const struct hc_val *x, const struct hc_val *y)
{
    struct hc_val *out = hc_map_new(a);
    for (size_t i = 0; i < hc_map_len(x); i++)
        hc_map_put_ref(a, out, hc_map_at(x, i)->key, hc_map_at(x, i)->val);
    for (size_t i = 0; i < hc_map_len(y); i++) {
        struct hc_entry *e = hc_map_at(y, i);
        const struct hc_val *old = hc_map_get(out, e->key);
        hc_map_put_ref(a, out, e->key, hc_is_map(old) && hc_is_map(e->val) ? merge_maps(a, old, e->val) : e->val);
    }
    return out;
}

/* What Go's JSON step makes of the API's numbers. */
static enum hc_rc as_floats(struct hc_arena *a, const struct hc_val *v, struct hc_val **out, struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write(&b, v, 0);
    enum hc_rc rc = hc_buf_check(&b, err, "spec.values");
    return rc == HC_OK ? hc_json_parse(a, hc_buf_str(&b), HC_JSON_ALL_FLOAT | HC_JSON_NO_POSITIONS, out, err) : rc;
}

struct from { /* one entry of valuesFrom */
    hc_str kind, ns, name, key, path, target;
    bool optional, literal;
};

static enum hc_rc unresolved(const struct from *f, enum hc_rc code, struct hc_err *err, const char *why)
{
    char text[HC_ERR_MSG];
    size_t n = strlen(why);
    memcpy(text, why, HC_MIN(n, sizeof(text) - 1)); /* `why` may be err's own text */
    text[HC_MIN(n, sizeof(text) - 1)] = 0;
    return hc_fail(err, code, "could not resolve%s %.*s chart values reference '%.*s/%.*s' with %s '%.*s': %s",
                   f->optional ? " optional" : "", HC_P(f->kind), HC_P(f->ns), HC_P(f->name),
                   f->path.n ? "path" : "key", HC_P(f->path.n ? f->path : f->key), text);
}

static const char *plural(hc_str kind)
{
    return hc_str_eqz(kind, "Secret") ? "secrets" : "configmaps";
}

/* The text of the entry. *out_there false: optional and not there. */
static enum hc_rc read_entry(struct hc_arena *a, const struct from *f, const struct hc_values_from_port *port,
                             hc_str *out, bool *out_there, struct hc_origin *origin, struct hc_err *err)
{
    enum hc_rc rc;
    *out_there = true;
    origin->layer = HC_LAYER_OBJECT;
    if (f->path.n) {
        origin->name = hc_arena_printf(a, "%.*s %.*s/%.*s file %.*s", HC_P(f->kind), HC_P(f->ns), HC_P(f->name),
                                       HC_P(f->path));
        rc = port->file(port->ctx, a, f->kind, f->ns, f->name, f->path, out, &origin->revision, err);
        if (rc == HC_E_NOTFOUND && f->optional) {
            *out_there = false;
            return HC_OK;
        }
        return rc == HC_OK ? HC_OK : unresolved(f, rc, err, err->msg);
    }
    bool secret = hc_str_eqz(f->kind, "Secret");
    if (!secret && !hc_str_eqz(f->kind, "ConfigMap"))
        return unresolved(f, HC_E_INPUT, err,
                          "unsupported values reference kind: use ConfigMap or Secret, or a source with 'path'");
    origin->name = hc_arena_printf(a, "%.*s %.*s/%.*s key %.*s", HC_P(f->kind), HC_P(f->ns), HC_P(f->name),
                                   HC_P(f->key));
    struct hc_val *o = NULL;
    rc = port->object(port->ctx, a, f->kind, f->ns, f->name, &o, err);
    if (rc == HC_E_NOTFOUND) {
        if (f->optional) {
            *out_there = false;
            return HC_OK;
        }
        hc_str why = hc_arena_printf(a, "%s \"%.*s\" not found", plural(f->kind), HC_P(f->name));
        return unresolved(f, HC_E_NOTFOUND, err, why.p ? why.p : "not found");
    }
    if (rc != HC_OK)
        return unresolved(f, rc, err, err->msg);
    const struct hc_val *v = hc_map_get(hc_map_getz(o, "data"), f->key);
    if (!hc_is_str(v)) {
        *out_there = !f->optional;
        return f->optional ? HC_OK : unresolved(f, HC_E_NOTFOUND, err, "key not found");
    }
    *out = secret ? hc_base64_decode(a, hc_get_str(v), NULL) : hc_get_str(v);
    return out->p || !v->n ? HC_OK : unresolved(f, HC_E_INPUT, err, "the key's data is not base64");
}

/* "'text'" and "\"text\"" keep their content as text. */
static bool is_quoted(hc_str s)
{
    return s.n > 0 && ((s.p[0] == '\'' && s.p[s.n - 1] == '\'') || (s.p[0] == '"' && s.p[s.n - 1] == '"'));
}

static hc_str trim_quotes(hc_str s)
{
    while (s.n && (s.p[0] == '\'' || s.p[0] == '"'))
        s = hc_str_sub(s, 1, s.n);
    while (s.n && (s.p[s.n - 1] == '\'' || s.p[s.n - 1] == '"'))
        s.n--;
    return s;
}

static hc_str escaped(struct hc_arena *a, hc_str s)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] && strchr("\\,[]{}", s.p[i]))
            hc_buf_putc(&b, '\\');
        hc_buf_putc(&b, s.p[i]);
    }
    return hc_buf_to_arena(&b, a);
}

static enum hc_rc place(struct hc_arena *a, struct hc_val *tree, const struct from *f, hc_str text, uint32_t origin,
                        struct hc_err *err)
{
    struct hc_set_arg arg = { .kind = HC_SET_PLAIN };
    if (f->literal) {
        arg.kind = HC_SET_STRING;
        text = escaped(a, text);
    } else if (is_quoted(text)) {
        arg.kind = HC_SET_STRING;
        text = trim_quotes(text);
    }
    hc_str parts[] = { f->target, HC_S("="), text.p ? text : HC_S("") };
    arg.text = hc_arena_cat(a, 3, parts);
    /* The parser's words quote its input, which may come from a Secret. */
    if (hc_set_apply(a, tree, &arg, false, NULL, origin, err) != HC_OK)
        return unresolved(f, HC_E_INPUT, err,
                          hc_str_eqz(f->kind, "Secret") ? "unable to merge value at the target path" : err->msg);
    return HC_OK;
}

static uint32_t add_origin(struct hc_origins *o, const struct hc_origin *x)
{
    return o ? hc_origins_add(o, x) : 0;
}

enum hc_rc hc_release_values(struct hc_arena *a, const struct hc_val *release,
                             const struct hc_values_from_port *port, struct hc_origins *origins,
                             struct hc_val **out, struct hc_err *err)
{
    const struct hc_val *spec = hc_map_getz(release, "spec"), *list = hc_map_getz(spec, "valuesFrom");
    hc_str ns = hc_get_str_at(release, "metadata.namespace"), name = hc_get_str_at(release, "metadata.name");
    struct hc_val *inline_values = hc_map_new(a), *result = hc_map_new(a);
    enum hc_rc rc;
    if (hc_is_map(hc_map_getz(spec, "values"))) {
        if ((rc = as_floats(a, hc_map_getz(spec, "values"), &inline_values, err)) != HC_OK)
            return rc;
        struct hc_origin o = { .layer = HC_LAYER_INLINE,
                               .name = hc_arena_printf(a, "HelmRelease %.*s/%.*s spec.values", HC_P(ns),
                                                       HC_P(name)) };
        if (origins)
            hc_val_set_origin(inline_values, add_origin(origins, &o));
    }
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *v = hc_list_at(list, i);
        struct from f = { .kind = hc_get_str(hc_map_getz(v, "kind")),
                          .ns = ns,
                          .name = hc_get_str(hc_map_getz(v, "name")),
                          .key = hc_get_str(hc_map_getz(v, "valuesKey")),
                          .path = hc_get_str(hc_map_getz(v, "path")),
                          .target = hc_get_str(hc_map_getz(v, "targetPath")),
                          .optional = hc_get_bool_at(v, "optional", false),
                          .literal = hc_get_bool_at(v, "literal", false) };
        hc_str other = hc_get_str(hc_map_getz(v, "namespace"));
        if (f.path.n && other.n)
            f.ns = other;
        if (!f.key.n)
            f.key = HC_S("values.yaml");
        hc_str text = { NULL, 0 };
        bool there;
        struct hc_origin o = { 0 };
        if ((rc = read_entry(a, &f, port, &text, &there, &o, err)) != HC_OK)
            return rc;
        if (!there)
            continue;
        uint32_t origin = add_origin(origins, &o);
        if (f.target.n) {
            result = merge_maps(a, result, inline_values);
            if ((rc = place(a, result, &f, text, origin, err)) != HC_OK)
                return rc;
            continue;
        }
        struct hc_val *read = NULL;
        if (hc_values_read(a, text, o.name, false, &read, err) != HC_OK)
            return unresolved(&f, HC_E_INPUT, err, hc_str_eqz(f.kind, "Secret") ? "not a YAML map" : err->msg);
        if (origin)
            hc_val_set_origin(read, origin);
        result = merge_maps(a, result, read);
    }
    *out = merge_maps(a, result, inline_values);
    return hc_arena_check(a, err, "values");
}
