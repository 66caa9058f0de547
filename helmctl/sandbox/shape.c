/*
 * What a field is to server-side apply: a map or list that is merged, or one value. For CRDs the schema says it
 * (x-kubernetes-list-type, -list-map-keys, -map-type), for built-in kinds the table of types. Where nothing is said,
 * maps are merged and lists are one value.
 */
#include "core/value/json.h"
#include "helmctl/sandbox/fieldset.h"
#include "helmctl/sandbox/sandbox_impl.h"
#include "helmctl/sandbox/types.h"

struct hc_sb_at hc_sb_at_root(const struct hc_sb_kind *k)
{
    struct hc_sb_at at = {
        .root = true, .crd = k->schema || k->preserve_unknown, .schema = k->schema, .field = HC_S("")
    };
    char name[256];
    hc_str full;
    if (!at.crd && hc_sb_type_name(k->api_version, k->kind, name, sizeof(name), &full))
        at.line = hc_sb_type_line(full);
    return at;
}

/* The fields of the value at hand, when it is an object of a known type. */
static hc_str line_of(hc_str type)
{
    return hc_str_starts(type, HC_S(".")) ? hc_sb_type_line(hc_str_sub(type, 1, type.n)) : (hc_str){ NULL, 0 };
}

struct hc_sb_at hc_sb_at_field(const struct hc_sb_at *at, hc_str name)
{
    struct hc_sb_at out = { .crd = at->crd, .field = name };
    if (at->root && hc_str_eqz(name, "metadata")) {
        out.type = HC_S(".meta.v1.ObjectMeta");
        out.line = line_of(out.type);
        out.crd = false;
        return out;
    }
    if (at->schema) {
        out.schema = hc_map_get(hc_map_getz(at->schema, "properties"), name);
        if (!out.schema && hc_is_map(hc_map_getz(at->schema, "additionalProperties")))
            out.schema = hc_map_getz(at->schema, "additionalProperties");
    }
    struct hc_sb_field f;
    if (at->line.p && hc_sb_type_by_name(at->line, name, &f)) {
        out.type = f.type;
        out.merge = f.merge;
    } else if (hc_str_starts(at->type, HC_S("%"))) {
        out.type = hc_str_sub(at->type, 1, at->type.n);
    }
    out.line = line_of(out.type);
    return out;
}

struct hc_sb_at hc_sb_at_item(const struct hc_sb_at *at)
{
    struct hc_sb_at out = { .crd = at->crd, .field = at->field, .schema = hc_map_getz(at->schema, "items") };
    if (hc_str_starts(at->type, HC_S("*")))
        out.type = hc_str_sub(at->type, 1, at->type.n);
    out.line = line_of(out.type);
    return out;
}

static enum hc_sb_shape by_schema(const struct hc_sb_at *at, const struct hc_val *v, hc_str keys[4])
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
        keys[i] = hc_get_str(hc_list_at(names, i));
    return HC_SB_LIST_MAP;
}

enum hc_sb_shape hc_sb_shape_of(const struct hc_sb_at *at, const struct hc_val *v, hc_str keys[4])
{
    memset(keys, 0, 4 * sizeof(keys[0]));
    if (!hc_is_map(v) && !hc_is_list(v))
        return HC_SB_LEAF;
    if (at->crd)
        return by_schema(at, v, keys);
    if (hc_is_map(v))
        return hc_str_eqz(at->merge, "!") || hc_sb_type_is_atomic(at->line) || hc_str_eqz(at->type, "R")
                   ? HC_SB_LEAF
                   : HC_SB_MAP;
    if (!at->merge.n || hc_str_eqz(at->merge, "!"))
        return HC_SB_LEAF;
    if (hc_str_eqz(at->merge, "*"))
        return HC_SB_SET;
    hc_str rest = at->merge;
    for (size_t i = 0; i < 3 && hc_str_split(&rest, ',', &keys[i]); i++)
        ;
    return HC_SB_LIST_MAP;
}

hc_str hc_sb_item_pe(struct hc_arena *a, enum hc_sb_shape shape, const hc_str keys[4], const struct hc_val *item)
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
    for (size_t i = 0; i < 3 && keys[i].n; i++) {
        const struct hc_val *v = hc_map_get(item, keys[i]);
        /* The one key that has a default (k8s.io/api: protocol of ports). */
        struct hc_val tcp = { .kind = HC_STR, .n = 3, .s = "TCP" };
        if (!v && hc_str_eqz(keys[i], "protocol"))
            v = &tcp;
        if (!v)
            continue;
        hc_buf_printf(&b, "%s\"%.*s\":", first ? "" : ",", HC_P(keys[i]));
        hc_json_write(&b, v, 0);
        first = false;
    }
    hc_buf_putc(&b, '}');
    return hc_buf_to_arena(&b, a);
}
