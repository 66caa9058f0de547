/*
 * The head of a manifest, typed as Helm's SimpleHead: a scalar whose field is text keeps a text form (C1.3), names
 * match without regard to case, anything else is a type error in Go's words.
 */
#include "templating/render/head.h"

#include "core/value/json.h"
#include "core/value/kept.h"
#include "core/value/yaml.h"

static enum hc_rc mismatch(struct hc_err *err, const struct hc_val *v, const char *where, const char *type)
{
    return hc_fail_at(
        err, HC_E_INPUT, HC_S(""), (int)v->line, v->col,
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal %s into Go %s%s of type %s",
        hc_json_kind_name(v), *where ? "struct field " : "value", where, type);
}

/* The exact name wins over another spelling. */
static const struct hc_val *field(const struct hc_val *map, const char *name)
{
    const struct hc_entry *e = hc_map_find(map, hc_str_of(name));
    for (size_t i = 0; !e && i < hc_map_len(map); i++)
        if (hc_str_eq_nocase(hc_map_at(map, i)->key, hc_str_of(name)))
            e = hc_map_at(map, i);
    return e ? e->val : NULL;
}

static enum hc_rc text_field(struct hc_arena *a, const struct hc_val *map, const char *name, const char *where,
                             hc_str *out, struct hc_err *err)
{
    const struct hc_val *v = field(map, name);
    *out = HC_S("");
    if (v && !hc_scalar_text(a, v, out))
        return mismatch(err, v, where, "string");
    return HC_OK;
}

static enum hc_rc read_annotations(struct hc_arena *a, const struct hc_val *v, const struct hc_val **out,
                                   struct hc_err *err)
{
    if (hc_is_null(v))
        return HC_OK;
    if (!hc_is_map(v))
        return mismatch(err, v, ".metadata.annotations", "map[string]string");
    struct hc_val *texts = hc_map_new(a);
    for (size_t i = 0; i < hc_map_len(v); i++) {
        const struct hc_entry *e = hc_map_at(v, i);
        hc_str text;
        if (!hc_scalar_text(a, e->val, &text))
            return mismatch(err, e->val, ".metadata.annotations", "string");
        hc_map_put_ref(a, texts, e->key, hc_str_val_ref(a, text));
    }
    *out = texts;
    return HC_OK;
}

static enum hc_rc from_tree(struct hc_arena *a, const struct hc_val *doc, bool helm3, struct hc_head *out,
                            struct hc_err *err)
{
    if (hc_is_null(doc))
        return HC_OK;
    if (!hc_is_map(doc))
        return mismatch(err, doc, "", helm3 ? "releaseutil.SimpleHead" : "util.SimpleHead");
    enum hc_rc rc = text_field(a, doc, "apiVersion", "SimpleHead.apiVersion", &out->api_version, err);
    if (rc == HC_OK)
        rc = text_field(a, doc, "kind", "SimpleHead.kind", &out->kind, err);
    const struct hc_val *meta = field(doc, "metadata");
    if (rc != HC_OK || hc_is_null(meta))
        return rc;
    if (!hc_is_map(meta))
        return mismatch(err, meta, "SimpleHead.metadata",
                        "struct { Name string \"json:\\\"name\\\"\"; Annotations map[string]string "
                        "\"json:\\\"annotations\\\"\" }");
    rc = text_field(a, meta, "name", ".metadata.name", &out->name, err);
    if (rc == HC_OK)
        rc = read_annotations(a, field(meta, "annotations"), &out->annotations, err);
    if (rc == HC_OK && !hc_scalar_text(a, hc_map_getz(meta, "namespace"), &out->ns))
        out->ns = HC_S("");
    return rc;
}

static enum hc_rc read_whole(struct hc_arena *a, hc_str text, bool helm3, struct hc_head *out, struct hc_err *err)
{
    *out = (struct hc_head){ HC_S(""), HC_S(""), HC_S(""), HC_S(""), NULL };
    struct hc_val *doc = NULL;
    if (hc_yaml_parse(a, text, HC_S(""), HC_YAML_PLAIN, &doc, err) != HC_OK)
        return hc_wrap(err, "error converting YAML to JSON");
    return from_tree(a, doc, helm3, out, err);
}

/* Where a text of the head stands in its document; 0 and 0: it is not there. */
static void put_place(uint32_t *to, hc_str text, hc_str s)
{
    bool inside = s.n && s.p >= text.p && s.p + s.n <= text.p + text.n;
    to[0] = inside ? (uint32_t)(s.p - text.p) : 0;
    to[1] = inside ? (uint32_t)s.n : 0;
}

static hc_str get_place(const uint32_t *from, hc_str text)
{
    return from[1] ? hc_str_sub(text, from[0], from[0] + from[1]) : HC_S("");
}

/* All of it in another arena. */
static struct hc_head copy_of(struct hc_arena *a, const struct hc_head *h)
{
    return (struct hc_head){ hc_arena_str(a, h->api_version), hc_arena_str(a, h->kind), hc_arena_str(a, h->name),
                             hc_arena_str(a, h->ns), hc_kept_copy(a, h->annotations) };
}

static void keep_head(struct hc_kept_key key, const struct hc_head *head)
{
    struct hc_arena *a = hc_arena_new(0);
    struct hc_head *own = HC_NEW(a, struct hc_head);
    if (own)
        *own = copy_of(a, head);
    if (hc_arena_spent(a))
        hc_arena_free(a);
    else
        hc_kept_put(key, &(struct hc_kept){ .arena = a, .root = own });
}

static void keep_places(struct hc_kept_key key, hc_str text, const struct hc_head *head)
{
    struct hc_kept now = { 0 };
    put_place(&now.extra[0], text, head->api_version);
    put_place(&now.extra[2], text, head->kind);
    put_place(&now.extra[4], text, head->name);
    put_place(&now.extra[6], text, head->ns);
    hc_kept_put(key, &now);
}

/*
 * Large documents are mostly the same in each render of a chart: CRDs. Of a plain one the places of the head's texts are kept,
 * of one that the reader had to read the head itself.
 */
static enum hc_rc read_kept(struct hc_arena *a, hc_str text, bool helm3, struct hc_head *out, struct hc_err *err)
{
    struct hc_kept_key key = hc_kept_key('H', text);
    const struct hc_kept *kept = hc_kept_find(key);
    enum hc_rc rc = HC_OK;
    if (!kept && hc_head_read_fast(a, text, out)) {
        if (out->annotations)
            keep_head(key, out);
        else
            keep_places(key, text, out);
    } else if (!kept) {
        rc = read_whole(a, text, helm3, out, err);
        if (rc == HC_OK)
            keep_head(key, out);
    } else if (kept->root) {
        *out = copy_of(a, kept->root);
    } else {
        *out = (struct hc_head){ get_place(&kept->extra[0], text), get_place(&kept->extra[2], text),
                                 get_place(&kept->extra[4], text), get_place(&kept->extra[6], text), NULL };
    }
    hc_kept_release(kept);
    return rc;
}

enum hc_rc hc_head_read(struct hc_arena *a, hc_str text, bool helm3, struct hc_head *out, struct hc_err *err)
{
    enum { KEEP_BYTES = 2048 };
    if (text.n >= KEEP_BYTES && text.n < UINT32_MAX && hc_kept_on())
        return read_kept(a, text, helm3, out, err);
    return hc_head_read_fast(a, text, out) ? HC_OK : read_whole(a, text, helm3, out, err);
}

enum hc_rc hc_head_read_whole(struct hc_arena *a, hc_str text, struct hc_head *out, struct hc_err *err)
{
    return read_whole(a, text, false, out, err);
}
