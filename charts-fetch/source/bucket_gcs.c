/*
 * Google Cloud Storage by its JSON API (storage/v1): lists of objects, and the objects' bytes by alt=media.
 */
#include "charts-fetch/source/bucket_impl.h"
#include "core/value/json.h"

static enum hc_rc set_up(struct bucket *b)
{
    b->root = hc_arena_printf(b->a, "/storage/v1/b/%.*s/o", HC_P(b->spec->name));
    return cloud_google_token(b);
}

static void list(struct bucket *b, struct hc_arena *a, hc_str next, struct bucket_get *out)
{
    out->path = b->root;
    out->query = hc_arena_printf(a, "fields=%.*s&maxResults=1000%s%.*s&prefix=%.*s",
                                 HC_P(s3_encode(a, HC_S("items(name,etag,size),nextPageToken"), false)),
                                 next.n ? "&pageToken=" : "", HC_P(s3_encode(a, next, false)),
                                 HC_P(s3_encode(a, b->spec->prefix, false)));
}

static void object(struct bucket *b, struct hc_arena *a, hc_str key, struct bucket_get *out)
{
    out->path = hc_arena_printf(a, "%.*s/%.*s", HC_P(b->root), HC_P(s3_encode(a, key, false)));
    out->query = HC_S("alt=media");
}

static enum hc_rc sign(struct bucket *b, struct hc_arena *a, struct bucket_get *g, const char *out[BUCKET_HEADERS])
{
    (void)a, (void)g;
    out[0] = b->bearer;
    return HC_OK;
}

static enum hc_rc read_page(struct hc_arena *a, hc_str doc, struct s3_page *out, struct hc_err *err)
{
    struct hc_val *v;
    enum hc_rc rc = hc_json_parse(a, doc, HC_JSON_NO_POSITIONS, &v, err);
    if (rc != HC_OK)
        return rc;
    if (!hc_is_map(v))
        return hc_fail(err, HC_E_INPUT, "the answer is no list of objects");
    const struct hc_val *items = hc_map_getz(v, "items");
    for (size_t i = 0; i < hc_list_len(items); i++) {
        const struct hc_val *it = hc_list_at(items, i);
        struct s3_object o = { .key = hc_get_str(hc_map_getz(it, "name")),
                               .etag = hc_get_str(hc_map_getz(it, "etag")) };
        o.sized = hc_str_to_u64(hc_get_str(hc_map_getz(it, "size")), &o.size);
        if ((rc = s3_page_add(a, out, &o, err)) != HC_OK)
            return rc;
    }
    out->next = hc_get_str(hc_map_getz(v, "nextPageToken"));
    out->truncated = out->next.n > 0;
    return hc_arena_check(a, err, "list of objects");
}

static void read_fault(struct hc_arena *a, const struct hc_http_response *r, struct s3_fault *out)
{
    struct hc_val *v = NULL;
    *out = (struct s3_fault){ { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
    if (hc_json_parse(a, r->body, HC_JSON_NO_POSITIONS, &v, NULL) == HC_OK)
        out->message = hc_get_str_at(v, "error.message");
    else
        out->message = hc_str_trim(hc_str_sub(r->body, 0, 300));
    const struct hc_val *first = hc_list_at(hc_get(v, "error.errors"), 0);
    out->code = hc_get_str(hc_map_getz(first, "reason"));
    bool object = hc_str_starts(out->message, HC_S("No such object")) || hc_str_eqz(out->message, "Not Found");
    if (r->status == 404)
        out->code = object ? HC_S("NoSuchKey") : HC_S("NoSuchBucket");
}

const struct bucket_kind bucket_gcs = {
    .set_up = set_up,
    .list = list,
    .object = object,
    .sign = sign,
    .read_page = read_page,
    .read_fault = read_fault,
};
