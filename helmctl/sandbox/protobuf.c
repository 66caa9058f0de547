/*
 * Bodies in Kubernetes' protobuf form, which Go's typed clients send for built-in kinds (Helm its records, kubectl
 * create). They are read into the same trees as JSON and answered in JSON, which those clients accept.
 */
#include "core/base/digest.h"
#include "core/value/json.h"
#include "helmctl/sandbox/sandbox_impl.h"
#include "helmctl/sandbox/types.h"

enum { DEPTH_MAX = 64 };

struct wire {
    hc_str s;
    bool bad;
};

static uint64_t varint(struct wire *w)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && w->s.n; shift += 7) {
        uint8_t b = (uint8_t)w->s.p[0];
        w->s = hc_str_sub(w->s, 1, w->s.n);
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return v;
    }
    w->bad = true;
    return 0;
}

static hc_str bytes(struct wire *w, uint64_t n)
{
    if (n > w->s.n) {
        w->bad = true;
        return HC_S("");
    }
    hc_str out = hc_str_sub(w->s, 0, (size_t)n);
    w->s = hc_str_sub(w->s, (size_t)n, w->s.n);
    return out;
}

/* One field off the wire: a number, or bytes. False at the end. */
static bool next_field(struct wire *w, uint64_t *number, int *type, uint64_t *value, hc_str *data)
{
    if (!w->s.n || w->bad)
        return false;
    uint64_t tag = varint(w);
    *number = tag >> 3;
    *type = (int)(tag & 7);
    *value = 0;
    *data = HC_S("");
    switch (*type) {
    case 0:
        *value = varint(w);
        break;
    case 1:
        *data = bytes(w, 8);
        break;
    case 2:
        *data = bytes(w, varint(w));
        break;
    case 5:
        *data = bytes(w, 4);
        break;
    default:
        w->bad = true;
    }
    return !w->bad;
}

static bool message(struct hc_arena *a, hc_str type, hc_str data, struct hc_val *to, int depth);

static struct hc_val *time_val(struct hc_arena *a, hc_str data, bool micro)
{
    struct wire w = { data, false };
    uint64_t number, value;
    int type;
    int64_t seconds = INT64_MIN, nanos = 0;
    hc_str d;
    while (next_field(&w, &number, &type, &value, &d)) {
        if (number == 1)
            seconds = (int64_t)value;
        else if (number == 2)
            nanos = (int64_t)value;
    }
    if (seconds < -62135596800 + 1 || seconds > 253402300799) /* years 1 to 9999, as RFC 3339 writes them */
        return NULL;
    hc_str text = hc_time_rfc3339(a, seconds * 1000);
    if (micro && text.n)
        text = hc_arena_printf(a, "%.*s.%06dZ", HC_P(hc_str_sub(text, 0, text.n - 1)), (int)(nanos / 1000));
    return hc_str_val(a, text);
}

static struct hc_val *int_or_string(struct hc_arena *a, hc_str data)
{
    struct wire w = { data, false };
    uint64_t number, value, kind = 0;
    int type;
    int64_t i = 0;
    hc_str d, s = HC_S("");
    while (next_field(&w, &number, &type, &value, &d)) {
        if (number == 1)
            kind = value;
        else if (number == 2)
            i = (int64_t)value;
        else if (number == 3)
            s = d;
    }
    return kind ? hc_str_val(a, s) : hc_int_val(a, (int32_t)i);
}

/* The first field of a message, as bytes: what Quantity and RawExtension consist of. */
static hc_str only_bytes(hc_str data)
{
    struct wire w = { data, false };
    uint64_t number, value;
    int type;
    hc_str d;
    while (next_field(&w, &number, &type, &value, &d))
        if (number == 1)
            return d;
    return HC_S("");
}

static struct hc_val *value_of(struct hc_arena *a, hc_str type, uint64_t number, hc_str data, int depth, bool *ok)
{
    struct hc_val *v = NULL;
    switch (type.n ? type.p[0] : '\0') {
    case 's':
        return hc_str_val(a, data);
    case 'i':
        return hc_int_val(a, (int64_t)number);
    case 't':
        return hc_bool_val(a, number != 0);
    case 'b':
        return hc_str_val(a, hc_base64(a, data));
    case 'Q':
        return hc_str_val(a, only_bytes(data));
    case 'I':
        return int_or_string(a, data);
    case 'T':
    case 'U':
        return time_val(a, data, type.p[0] == 'U');
    case 'R':
        if (hc_json_parse(a, only_bytes(data), HC_JSON_NO_POSITIONS, &v, NULL) != HC_OK)
            return NULL;
        return v;
    case '.':
        v = hc_map_new(a);
        *ok = message(a, hc_str_sub(type, 1, type.n), data, v, depth + 1);
        return v;
    default:
        *ok = false;
        return NULL;
    }
}

static bool is_zero(const struct hc_val *v)
{
    switch (hc_kind_of(v)) {
    case HC_NULL:
        return true;
    case HC_BOOL:
        return !v->b;
    case HC_INT:
        return v->i == 0;
    case HC_STR:
        return v->n == 0;
    case HC_MAP:
        return hc_map_len(v) == 0;
    default:
        return false;
    }
}

static bool map_entry(struct hc_arena *a, const struct hc_sb_field *f, hc_str data, struct hc_val *to, int depth)
{
    struct wire w = { data, false };
    uint64_t number, value;
    int type;
    bool ok = true;
    hc_str d, key = HC_S(""), elem = hc_str_sub(f->type, 1, f->type.n);
    struct hc_val *v = NULL, *map = hc_map_get(to, f->name);
    while (next_field(&w, &number, &type, &value, &d)) {
        if (number == 1)
            key = d;
        else if (number == 2)
            v = elem.n && elem.p[0] == '*' ? NULL : value_of(a, elem, value, d, depth, &ok);
    }
    if (!map) {
        map = hc_map_new(a);
        hc_map_put(a, to, f->name, map);
    }
    hc_map_put(a, map, key, v ? v : hc_strz_val(a, ""));
    return ok && !w.bad;
}

static bool list_item(struct hc_arena *a, const struct hc_sb_field *f, int wire_type, uint64_t value, hc_str data,
                      struct hc_val *to, int depth)
{
    struct hc_val *list = hc_map_get(to, f->name);
    hc_str elem = hc_str_sub(f->type, 1, f->type.n);
    bool ok = true;
    if (!list) {
        list = hc_list_new(a);
        hc_map_put(a, to, f->name, list);
    }
    if (wire_type == 2 && elem.n && elem.p[0] == 'i') { /* packed */
        struct wire w = { data, false };
        while (w.s.n && !w.bad)
            hc_list_add(a, list, hc_int_val(a, (int64_t)varint(&w)));
        return !w.bad;
    }
    struct hc_val *v = value_of(a, elem, value, data, depth, &ok);
    hc_list_add(a, list, v ? v : hc_null_val(a));
    return ok;
}

static bool message(struct hc_arena *a, hc_str type, hc_str data, struct hc_val *to, int depth)
{
    hc_str line = hc_sb_type_line(type);
    struct wire w = { data, false };
    uint64_t number, value;
    int wire_type;
    hc_str d;
    if (!line.p || depth > DEPTH_MAX)
        return false;
    while (next_field(&w, &number, &wire_type, &value, &d)) {
        struct hc_sb_field f;
        bool ok = true;
        if (!hc_sb_type_by_number(line, number, &f) || !f.type.n)
            continue; /* newer than the table */
        if (f.mark == '^') {
            ok = f.type.p[0] == '.' && message(a, hc_str_sub(f.type, 1, f.type.n), d, to, depth + 1);
        } else if (f.type.p[0] == '*') {
            ok = list_item(a, &f, wire_type, value, d, to, depth);
        } else if (f.type.p[0] == '%') {
            ok = map_entry(a, &f, d, to, depth);
        } else {
            struct hc_val *v = value_of(a, f.type, value, d, depth, &ok);
            if (v && !((f.mark == ':' || (f.mark == '#' && hc_is_map(v))) && is_zero(v)))
                hc_map_put(a, to, f.name, v);
        }
        if (!ok)
            return false;
    }
    return !w.bad;
}

bool hc_sb_protobuf_parse(struct hc_arena *a, hc_str body, struct hc_val **out)
{
    hc_str magic = hc_str_n("k8s\0", 4), raw = HC_S(""), meta = HC_S(""), av = HC_S(""), kind = HC_S(""), d;
    uint64_t number, value;
    int type;
    if (!hc_str_starts(body, magic))
        return false;
    struct wire w = { hc_str_sub(body, 4, body.n), false };
    while (next_field(&w, &number, &type, &value, &d)) {
        if (number == 1)
            meta = d;
        else if (number == 2)
            raw = d;
    }
    struct wire m = { meta, false };
    while (next_field(&m, &number, &type, &value, &d)) {
        if (number == 1)
            av = d;
        else if (number == 2)
            kind = d;
    }
    if (w.bad || m.bad)
        return false;
    char full[256];
    hc_str name;
    if (!hc_sb_type_name(av, kind, full, sizeof(full), &name))
        return false;
    struct hc_val *obj = hc_map_new(a);
    hc_map_put_str(a, obj, "apiVersion", av);
    hc_map_put_str(a, obj, "kind", kind);
    if (!message(a, name, raw, obj, 0))
        return false;
    *out = obj;
    return true;
}
