/*
 * Built-in objects against the table of types: unknown fields are cut out (and named), nulls go, a value of the wrong
 * type is refused. The texts are the real server's: Go's JSON decoder speaks for ordinary writes, the typed values of
 * structured-merge-diff for server-side apply.
 */
#include "core/value/json.h"
#include "helmctl/sandbox/fieldset.h"
#include "helmctl/sandbox/sandbox_impl.h"
#include "helmctl/sandbox/types.h"

enum { DEPTH_MAX = 64 };

struct walk {
    struct hc_arena *a;
    struct hc_val *cut; /* paths of unknown fields */
    bool apply;
    hc_str bad; /* the first value of a wrong type: a whole message */
};

static const char *go_type(hc_str type)
{
    switch (type.p[0]) {
    case 's':
        return "string";
    case 'i':
        return "int32";
    case 't':
        return "bool";
    case 'b':
        return "[]uint8";
    case '*':
        return "list";
    case '%':
        return "map";
    default:
        return "struct";
    }
}

static const char *smd_type(hc_str type)
{
    return type.p[0] == 's' || type.p[0] == 'b' ? "string"
           : type.p[0] == 'i'                   ? "numeric (int or float)"
           : type.p[0] == 't'                   ? "boolean"
           : type.p[0] == '*'                   ? "list"
                                                : "map";
}

static bool fits(hc_str type, const struct hc_val *v)
{
    enum hc_kind k = hc_kind_of(v);
    double f;
    switch (type.p[0]) {
    case 's':
    case 'b':
    case 'T':
    case 'U':
        return k == HC_STR;
    case 'i':
        return k == HC_INT || k == HC_UINT || (k == HC_FLOAT && hc_get_f64(v, &f) && f == (double)(int64_t)f);
    case 't':
        return k == HC_BOOL;
    case 'Q':
        return k == HC_STR || k == HC_INT || k == HC_UINT || k == HC_FLOAT;
    case 'I':
        return k == HC_STR || k == HC_INT || k == HC_UINT;
    case '*':
        return k == HC_LIST;
    case '.':
    case '%':
        return k == HC_MAP;
    default:
        return true;
    }
}

static bool is_zero(hc_str type, const struct hc_val *v)
{
    switch (hc_kind_of(v)) {
    case HC_BOOL:
        return !v->b;
    case HC_INT:
        return v->i == 0 && type.p[0] == 'i';
    case HC_STR:
        return v->n == 0 && (type.p[0] == 's' || type.p[0] == 'b');
    case HC_LIST:
        return hc_list_len(v) == 0;
    case HC_MAP:
        return hc_map_len(v) == 0 && type.p[0] == '%';
    default:
        return false;
    }
}

/* `go`: the path as Go's decoder tells it (no indexes), behind the name of the struct; `path`: with them. */
struct place {
    hc_str path, go, owner;
};

static void value(struct walk *w, hc_str type, hc_str merge, struct hc_val *v, const struct place *at, int depth);

static void wrong(struct walk *w, hc_str type, const struct hc_val *v, const struct place *at)
{
    if (w->bad.p)
        return;
    if (w->apply) {
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 65536);
        hc_json_write(&b, v, 0);
        hc_str text = hc_buf_str(&b);
        w->bad = hc_arena_printf(w->a, ".%.*s: expected %s, got &value.valueUnstructured{Value:%.*s}",
                                 HC_P(at->path), smd_type(type), HC_P(text));
    } else {
        w->bad = hc_arena_printf(w->a, "json: cannot unmarshal %s into Go struct field %.*s.%.*s of type %s",
                                 hc_json_kind_name(v), HC_P(at->owner), HC_P(at->go), go_type(type));
    }
}

static hc_str join(struct walk *w, hc_str x, hc_str y)
{
    return x.n ? hc_arena_printf(w->a, "%.*s.%.*s", HC_P(x), HC_P(y)) : y;
}

static void object(struct walk *w, hc_str type, struct hc_val *v, const struct place *at, int depth)
{
    hc_str line = hc_sb_type_line(type), owner = hc_str_sub(type, hc_str_rfind(type, '.') + 1, type.n);
    if (!line.p)
        return;
    for (size_t i = 0; i < hc_map_len(v);) {
        struct hc_entry *e = hc_map_at(v, i);
        hc_str key = e->key;
        struct hc_sb_field f;
        struct place next = { join(w, at->path, key), join(w, at->go, key), owner };
        if (hc_str_eqz(key, "apiVersion") || hc_str_eqz(key, "kind")) {
            bool own = hc_sb_type_by_name(line, key, &f) || hc_sb_type_by_name(line, HC_S("metadata"), &f);
            if (own) {
                i++;
                continue;
            }
        }
        if (!hc_sb_type_by_name(line, key, &f)) {
            hc_list_add(w->a, w->cut, hc_str_val(w->a, next.path));
            hc_map_del(v, key);
            continue;
        }
        /* To Go null is the same as absent, and so is the zero value of most fields; but who applies one owns it. */
        if (!w->apply && (hc_is_null(e->val) || (f.mark == ':' && is_zero(f.type, e->val)))) {
            hc_map_del(v, key);
            continue;
        }
        if (f.type.p[0] == 'Q')
            e->val = hc_sb_quantity(w->a, e->val);
        if (!hc_is_null(e->val))
            value(w, f.type, f.merge, e->val, &next, depth + 1);
        i++;
    }
}

static hc_str item_path(struct walk *w, hc_str merge, const struct hc_val *item, hc_str path, size_t i)
{
    hc_str rest = merge, key;
    if (!w->apply)
        return hc_arena_printf(w->a, "%.*s[%zu]", HC_P(path), i);
    if (!merge.n || hc_str_eqz(merge, "*") || hc_str_eqz(merge, "!"))
        return path; /* structured-merge-diff names atomic lists as one */
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 65536);
    hc_buf_put(&b, path);
    for (size_t n = 0; hc_str_split(&rest, ',', &key); n++) {
        const struct hc_val *v = hc_map_get(item, key);
        struct hc_val tcp = { .kind = HC_STR, .n = 3, .s = "TCP" };
        hc_buf_printf(&b, "%c%.*s=", n ? ',' : '[', HC_P(key));
        hc_json_write(&b, v ? v : &tcp, 0);
    }
    hc_buf_putc(&b, ']');
    return hc_buf_to_arena(&b, w->a);
}

static void value(struct walk *w, hc_str type, hc_str merge, struct hc_val *v, const struct place *at, int depth)
{
    if (depth > DEPTH_MAX || !type.n)
        return;
    if (!fits(type, v)) {
        wrong(w, type, v, at);
        return;
    }
    if (type.p[0] == '.') {
        object(w, hc_str_sub(type, 1, type.n), v, at, depth);
    } else if (type.p[0] == '*') {
        hc_str item = hc_str_sub(type, 1, type.n);
        for (size_t i = 0; i < hc_list_len(v); i++) {
            struct hc_val *x = hc_list_at(v, i);
            struct place next = { item_path(w, merge, x, at->path, i), at->go, at->owner };
            if (!hc_is_null(x))
                value(w, item, (hc_str){ NULL, 0 }, x, &next, depth + 1);
        }
    } else if (type.p[0] == '%') {
        hc_str item = hc_str_sub(type, 1, type.n);
        for (size_t i = 0; i < hc_map_len(v); i++) {
            struct hc_entry *e = hc_map_at(v, i);
            struct place next = { join(w, at->path, e->key), at->go, at->owner };
            if (hc_is_null(e->val) && item.p[0] == 's')
                e->val = hc_strz_val(w->a, "");
            else if (!hc_is_null(e->val))
                value(w, item, (hc_str){ NULL, 0 }, e->val, &next, depth + 1);
            if (item.p[0] == 'Q')
                e->val = hc_sb_quantity(w->a, e->val);
        }
    }
}

struct hc_val *hc_sb_builtin_check(struct hc_arena *a, const struct hc_sb_kind *k, struct hc_val *obj, bool apply,
                                   struct hc_val *out_cut)
{
    char name[256];
    hc_str full;
    struct walk w = { .a = a, .cut = out_cut, .apply = apply };
    if (!hc_sb_type_name(k->api_version, k->kind, name, sizeof(name), &full))
        return NULL;
    struct place top = { HC_S(""), HC_S(""), k->kind };
    object(&w, full, obj, &top, 0);
    if (!w.bad.p)
        return NULL;
    if (apply)
        return hc_sb_apply_refused(a, k, obj, w.bad);
    return hc_sb_bad_request(a, "%.*s in version \"%.*s\" cannot be handled as a %.*s: %.*s", HC_P(k->kind),
                             HC_P(k->version), HC_P(k->kind), HC_P(w.bad));
}

struct hc_val *hc_sb_apply_refused(struct hc_arena *a, const struct hc_sb_kind *k, const struct hc_val *obj,
                                   hc_str why)
{
    /* The real server has no reason for these and says 500. */
    hc_str ns = hc_get_str_at(obj, "metadata.namespace"), name = hc_get_str_at(obj, "metadata.name");
    return hc_sb_status(a, 500, "", "failed to create typed patch object (%.*s/%.*s; %.*s, Kind=%.*s): %.*s",
                        HC_P(ns), HC_P(name), HC_P(k->api_version), HC_P(k->kind), HC_P(why));
}
