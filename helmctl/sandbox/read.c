/*
 * get, list, watch. A list without selectors in the stored version is glued together from the stored texts
 * without parsing them.
 */
#include "core/base/digest.h"
#include "core/value/json.h"
#include "helmctl/sandbox/sandbox_impl.h"

enum { PAGE = 500 };

struct hc_val *hc_sb_scale_of(struct hc_arena *a, const struct hc_sb_kind *k, const struct hc_val *obj)
{
    struct hc_val *out = hc_map_new(a);
    hc_map_put_strz(a, out, "kind", "Scale");
    hc_map_put_strz(a, out, "apiVersion", "autoscaling/v1");
    struct hc_val *meta = hc_map_sub(a, out, "metadata");
    static const char *const kept[] = { "name", "namespace", "uid", "resourceVersion", "creationTimestamp" };
    for (size_t i = 0; i < HC_LEN(kept); i++)
        if (hc_map_getz(hc_map_getz(obj, "metadata"), kept[i]))
            hc_map_put(a, meta, hc_str_of(kept[i]), hc_map_getz(hc_map_getz(obj, "metadata"), kept[i]));
    hc_map_put_int(a, hc_map_sub(a, out, "spec"), "replicas", hc_get_int_at(obj, "spec.replicas", 0));
    struct hc_val *st = hc_map_sub(a, out, "status");
    hc_map_put_int(a, st, "replicas", hc_get_int_at(obj, "status.replicas", 0));
    const struct hc_val *labels = hc_get(obj, "spec.selector.matchLabels");
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 65536);
    for (size_t i = 0; i < hc_map_len(labels); i++) {
        hc_str v = hc_get_str(hc_map_at(labels, i)->val), key = hc_map_at(labels, i)->key;
        hc_buf_printf(&b, "%s%.*s=%.*s", i ? "," : "", HC_P(key), HC_P(v));
    }
    if (b.n)
        hc_map_put_str(a, st, "selector", hc_buf_str(&b));
    (void)k;
    return out;
}

static void get_one(struct hc_sb_req *r)
{
    hc_str body;
    if (!hc_sb_store_get(r->s->store, r->a, r->kind->key, r->kind->flags & HC_SB_CLUSTER ? HC_S("") : r->ns,
                         r->name, &body)) {
        hc_sb_answer_status(r, hc_sb_not_found(r->a, r->kind, r->name));
        return;
    }
    if (r->as == HC_SB_AS_OBJECT && !r->kind->many_versions && !hc_str_eqz(r->sub, "scale")) {
        hc_sb_answer_text(r, 200, "application/json", body);
        hc_buf_putc(&r->out, '\n');
        return;
    }
    struct hc_val *obj = hc_sb_parse_body(r->a, r->kind, body);
    if (hc_str_eqz(r->sub, "scale")) {
        hc_sb_answer(r, 200, hc_sb_scale_of(r->a, r->kind, obj));
    } else if (r->as == HC_SB_AS_PARTIAL) {
        hc_sb_answer(r, 200, hc_sb_partial(r->a, obj));
    } else if (r->as == HC_SB_AS_TABLE) {
        struct hc_val *items = hc_list_new(r->a), *meta = hc_map_new(r->a);
        hc_list_add(r->a, items, obj);
        hc_map_put(r->a, meta, HC_S("resourceVersion"), hc_get(obj, "metadata.resourceVersion"));
        hc_sb_answer(r, 200, hc_sb_table(r->a, r->kind, items, meta, hc_sb_query(r, "includeObject")));
    } else {
        hc_sb_answer(r, 200, obj);
    }
}

struct listing {
    struct hc_sb_req *r;
    struct hc_sb_selector *labels, *fields;
    hc_str ns, only_name;
    size_t limit, taken;
    hc_str last_ns, last_name; /* of the last one taken */
    bool more;
    struct hc_val *items; /* when they are parsed */
    struct hc_buf text;   /* when they are not */
};

static void take(struct listing *l, const struct hc_sb_row *row, struct hc_val *obj)
{
    if (obj) {
        hc_list_add(l->r->a, l->items, obj);
    } else {
        if (l->taken)
            hc_buf_putc(&l->text, ',');
        hc_buf_put(&l->text, row->body);
    }
    l->taken++;
    l->last_ns = row->ns;
    l->last_name = row->name;
}

/* Walks the store page by page, so that a small limit reads little. */
static void walk(struct listing *l, hc_str after_ns, hc_str after_name, bool parse)
{
    struct hc_sb_req *r = l->r;
    for (;;) {
        struct hc_sb_row *rows;
        size_t page = l->limit ? HC_MIN(l->limit - l->taken + 1, (size_t)PAGE) : 0;
        size_t n = hc_sb_store_list(r->s->store, r->a, r->kind->key, l->ns, after_ns, after_name, page, &rows);
        for (size_t i = 0; i < n; i++) {
            if (parse && !hc_sb_labels_may_match(l->labels, rows[i].body))
                continue;
            struct hc_val *obj = parse ? hc_sb_parse_body(r->a, r->kind, rows[i].body) : NULL;
            if (parse && (!obj || !hc_sb_labels_match(l->labels, hc_get(obj, "metadata.labels")) ||
                          !hc_sb_fields_match(l->fields, obj)))
                continue;
            if (l->limit && l->taken == l->limit) {
                l->more = true;
                return;
            }
            take(l, &rows[i], obj);
        }
        if (page == 0 || n < page)
            return;
        after_ns = rows[n - 1].ns;
        after_name = rows[n - 1].name;
    }
}

static bool parse_continue(struct hc_sb_req *r, hc_str token, int64_t *rv, hc_str *ns, hc_str *name)
{
    hc_str text = hc_base64_decode(r->a, token, NULL), part;
    return text.p && hc_str_split(&text, '\n', &part) && hc_str_to_i64(part, rv) && hc_str_split(&text, '\n', ns) &&
           hc_str_split(&text, '\n', name);
}

static void list(struct hc_sb_req *r)
{
    struct listing l = { .r = r, .ns = r->ns.n ? r->ns : (hc_str){ NULL, 0 } };
    struct hc_arena *a = r->a;
    struct hc_err err = HC_ERR_INIT;
    int64_t limit = 0, rv = hc_sb_store_rv(r->s->store), asked = 0;
    hc_str after_ns = HC_S(""), after_name = HC_S(""), token = hc_sb_query(r, "continue");
    if (r->kind->flags & HC_SB_CLUSTER)
        l.ns = (hc_str){ NULL, 0 };
    if (!hc_sb_labels_parse(a, hc_sb_query(r, "labelSelector"), &l.labels, &err) ||
        !hc_sb_fields_parse(a, hc_sb_query(r, "fieldSelector"), &l.fields, &err)) {
        hc_sb_answer_status(r, hc_sb_bad_request(a, "%s", err.msg));
        return;
    }
    if (hc_str_to_i64(hc_sb_query(r, "limit"), &limit) && limit > 0)
        l.limit = (size_t)limit;
    if (token.n && !parse_continue(r, token, &rv, &after_ns, &after_name)) {
        hc_sb_answer_status(r, hc_sb_bad_request(a, "continue key is not valid"));
        return;
    }
    if (!token.n && hc_str_to_i64(hc_sb_query(r, "resourceVersion"), &asked) && asked > rv) {
        struct hc_val *st = hc_sb_status(a, 504, "Timeout",
                                         "Too large resource version: %" PRId64 ", current: %" PRId64, asked, rv);
        struct hc_val *d = hc_map_sub(a, st, "details"), *causes = hc_list_new(a), *c = hc_map_new(a);
        hc_map_put_strz(a, c, "reason", "ResourceVersionTooLarge");
        hc_map_put_strz(a, c, "message", "Too large resource version");
        hc_list_add(a, causes, c);
        hc_map_put(a, d, HC_S("causes"), causes);
        hc_map_put_int(a, d, "retryAfterSeconds", 1);
        hc_sb_answer_status(r, st);
        return;
    }
    bool parse = l.labels || l.fields || r->as != HC_SB_AS_OBJECT || r->kind->many_versions;
    l.items = parse ? hc_list_new(a) : NULL;
    hc_buf_init(&l.text, 0);
    walk(&l, after_ns, after_name, parse);

    struct hc_val *meta = hc_map_new(a);
    hc_map_put(a, meta, HC_S("resourceVersion"), hc_printf_val(a, "%" PRId64, rv));
    if (l.more) {
        hc_str next = hc_arena_printf(a, "%" PRId64 "\n%.*s\n%.*s", rv, HC_P(l.last_ns), HC_P(l.last_name));
        hc_map_put_str(a, meta, "continue", hc_base64(a, next));
        if (!l.labels && !l.fields)
            hc_map_put_int(a, meta, "remainingItemCount",
                           hc_sb_store_count(r->s->store, r->kind->key, l.ns, l.last_ns, l.last_name));
    }
    if (r->as == HC_SB_AS_TABLE) {
        hc_sb_answer(r, 200, hc_sb_table(a, r->kind, l.items, meta, hc_sb_query(r, "includeObject")));
    } else {
        bool partial = r->as == HC_SB_AS_PARTIAL;
        r->code = 200;
        r->out_type = "application/json";
        hc_str kind = partial ? HC_S("PartialObjectMetadataList") : r->kind->list_kind;
        hc_str av = partial ? HC_S("meta.k8s.io/v1") : r->kind->api_version;
        hc_buf_printf(&r->out, "{\"kind\":\"%.*s\",\"apiVersion\":\"%.*s\",\"metadata\":", HC_P(kind), HC_P(av));
        hc_json_write(&r->out, meta, 0);
        hc_buf_puts(&r->out, ",\"items\":[");
        hc_buf_put(&r->out, hc_buf_str(&l.text));
        for (size_t i = 0; i < hc_list_len(l.items); i++) {
            struct hc_val *item = hc_list_at(l.items, i);
            if (i)
                hc_buf_putc(&r->out, ',');
            hc_json_write(&r->out, partial ? hc_sb_partial(a, item) : item, 0);
        }
        hc_buf_puts(&r->out, "]}\n");
    }
    hc_buf_done(&l.text);
}

static bool sub_known(const struct hc_sb_req *r)
{
    return !r->sub.n || (hc_str_eqz(r->sub, "status") && (r->kind->flags & HC_SB_STATUS)) ||
           (hc_str_eqz(r->sub, "scale") && (r->kind->flags & HC_SB_SCALE));
}

void hc_sb_reads(struct hc_sb_req *r)
{
    if (r->kind->flags & HC_SB_REVIEW) {
        hc_sb_answer_status(r, hc_sb_status(r->a, 405, "MethodNotAllowed",
                                            "the server does not allow this method on the requested resource"));
    } else if (!sub_known(r)) {
        hc_sb_answer_status(
            r, hc_sb_status(r->a, 404, "NotFound", "the server could not find the requested resource"));
    } else if (strcmp(r->verb, "watch") == 0) {
        struct hc_val *bad = hc_sb_watch_open(r, &r->watch);
        if (bad) {
            hc_sb_answer_status(r, bad);
        } else {
            r->code = 200;
            r->out_type = "application/json";
        }
    } else if (r->name.n) {
        get_one(r);
    } else {
        list(r);
    }
}
