/*
 * Requests of the S3 protocol: addresses as the minio client chooses them, signed with what is known.
 */
#include "charts-fetch/source/bucket_impl.h"
#include "core/base/clock.h"

static bool is_amazon(hc_str host)
{
    return hc_str_ends(host, HC_S(".amazonaws.com")) || hc_str_ends(host, HC_S(".amazonaws.com.cn"));
}

/* minio-go's "auto": buckets are parts of the host's name where the service wants it so. Under TLS a name with a dot would
 * fit no certificate. */
static bool in_host(const struct hc_bucket_spec *s, hc_str host)
{
    bool wants = is_amazon(host) || hc_str_eqz(host, "storage.googleapis.com") ||
                 hc_str_ends(host, HC_S(".aliyuncs.com"));
    return wants && (s->insecure || hc_str_find(s->name, '.') == SIZE_MAX);
}

/* "s3.eu-west-1.amazonaws.com", "s3-eu-west-1.…", "s3.dualstack.eu-west-1.…" */
static hc_str region_of_host(hc_str host)
{
    hc_str s = host;
    if (!is_amazon(host) || !hc_str_starts(s, HC_S("s3")) || s.n < 4 || (s.p[2] != '.' && s.p[2] != '-'))
        return (hc_str){ NULL, 0 };
    s = hc_str_sub(s, 3, hc_str_find_str(s, HC_S(".amazonaws.com")));
    if (hc_str_starts(s, HC_S("dualstack.")))
        s = hc_str_sub(s, 10, s.n);
    bool good = s.n > 0 && hc_str_find(s, '-') != SIZE_MAX && hc_str_find(s, '.') == SIZE_MAX;
    return good ? s : (hc_str){ NULL, 0 };
}

static enum hc_rc set_up(struct bucket *b)
{
    const struct hc_bucket_spec *s = b->spec;
    hc_str bare = hc_str_sub(b->host, 0, hc_str_find(b->host, ':'));
    b->region = s->region.n ? s->region : region_of_host(bare);
    if (!b->region.n)
        b->region = HC_S("us-east-1");
    b->access_key = s->access_key;
    b->secret_key = s->secret_key;
    b->token = s->token;
    if (in_host(s, bare))
        b->host = hc_arena_printf(b->a, "%.*s.%.*s", HC_P(s->name), HC_P(b->host));
    else
        b->root = hc_arena_printf(b->a, "/%.*s", HC_P(s->name));
    if (s->secret)
        return HC_OK;
    if (s->provider == HC_BUCKET_AWS)
        return cloud_aws_keys(b);
    return s->sts_endpoint.n ? cloud_ldap_keys(b) : HC_OK;
}

static void list(struct bucket *b, struct hc_arena *a, hc_str next, struct bucket_get *out)
{
    out->path = hc_arena_printf(a, "%.*s/", HC_P(b->root));
    out->query = hc_arena_printf(a, "%s%.*s%sencoding-type=url&list-type=2&max-keys=1000&prefix=%.*s",
                                 next.n ? "continuation-token=" : "", HC_P(s3_encode(a, next, false)),
                                 next.n ? "&" : "", HC_P(s3_encode(a, b->spec->prefix, false)));
}

static void object(struct bucket *b, struct hc_arena *a, hc_str key, struct bucket_get *out)
{
    out->path = hc_arena_printf(a, "%.*s/%.*s", HC_P(b->root), HC_P(s3_encode(a, key, true)));
}

static enum hc_rc sign(struct bucket *b, struct hc_arena *a, struct bucket_get *g, const char *out[BUCKET_HEADERS])
{
    const struct s3_signing s = { .method = "GET",
                                  .host = b->host,
                                  .path = g->path,
                                  .query = g->query,
                                  .region = b->region,
                                  .access_key = b->access_key,
                                  .secret_key = b->secret_key,
                                  .token = b->token,
                                  .now_s = hc_now_ms() / 1000 };
    return s.access_key.n ? s3_sign(a, &s, out, b->err) : HC_OK;
}

static void read_fault(struct hc_arena *a, const struct hc_http_response *r, struct s3_fault *out)
{
    s3_read_fault(a, r->body, out);
}

const struct bucket_kind bucket_s3 = {
    .etag_told = true,
    .set_up = set_up,
    .list = list,
    .object = object,
    .sign = sign,
    .read_page = s3_read_page,
    .read_fault = read_fault,
};
