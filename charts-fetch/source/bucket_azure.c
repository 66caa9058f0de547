/*
 * Azure Blob Storage: "List Blobs", "Get Blob", and who asks by a shared key ("Authorize with Shared Key", 2014-02-14 and
 * later), by a shared access signature in the query, or by a token.
 */
#include <openssl/hmac.h>
#include <time.h>

#include "charts-fetch/source/bucket_impl.h"
#include "core/base/clock.h"
#include "core/base/digest.h"

#define VERSION "2021-08-06"

static enum hc_rc set_up(struct bucket *b)
{
    const struct hc_bucket_spec *s = b->spec;
    b->root = hc_arena_printf(b->a, "/%.*s", HC_P(s->name));
    b->account = hc_str_sub(b->host, 0, HC_MIN(hc_str_find(b->host, '.'), hc_str_find(b->host, ':')));
    if (s->client_id.n || !s->secret)
        return cloud_azure_token(b);
    if (!s->account_key.n)
        return HC_OK;
    size_t bad;
    b->account_key = hc_base64_decode(b->a, hc_str_trim(s->account_key), &bad);
    return b->account_key.n ? HC_OK : hc_fail(b->err, HC_E_INPUT, "accountKey of the Secret is no base64");
}

static void list(struct bucket *b, struct hc_arena *a, hc_str next, struct bucket_get *out)
{
    out->path = b->root;
    out->query = hc_arena_printf(a, "comp=list%s%.*s&maxresults=1000&prefix=%.*s&restype=container",
                                 next.n ? "&marker=" : "", HC_P(s3_encode(a, next, false)),
                                 HC_P(s3_encode(a, b->spec->prefix, false)));
}

static void object(struct bucket *b, struct hc_arena *a, hc_str key, struct bucket_get *out)
{
    out->path = hc_arena_printf(a, "%.*s/%.*s", HC_P(b->root), HC_P(s3_encode(a, key, true)));
}

static enum hc_rc shared_key(struct bucket *b, struct hc_arena *a, const struct bucket_get *g, const char *date,
                             const char *out[BUCKET_HEADERS])
{
    HC_AUTO(hc_buf) struct hc_buf t;
    hc_buf_init(&t, 0);
    /* verb, eleven standard headers that are not there, ours, the resource with its query */
    hc_buf_printf(&t, "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:%s\nx-ms-version:" VERSION "\n/%.*s%.*s", date,
                  HC_P(b->account), HC_P(g->path));
    hc_str rest = g->query, part;
    while (rest.n && hc_str_split(&rest, '&', &part)) {
        size_t eq = hc_str_find(part, '=');
        hc_buf_printf(&t, "\n%.*s:%.*s", HC_P(hc_str_sub(part, 0, eq)),
                      HC_P(hc_percent_decode(a, hc_str_sub(part, eq + 1, part.n), true)));
    }
    if (hc_buf_check(&t, b->err, "signature") != HC_OK)
        return b->err->code;
    unsigned char mac[32];
    unsigned n = sizeof(mac);
    hc_str text = hc_buf_str(&t);
    if (!HMAC(EVP_sha256(), b->account_key.p, (int)b->account_key.n, (const unsigned char *)text.p, text.n, mac,
              &n))
        return hc_fail(b->err, HC_E_BUG, "cannot sign");
    out[2] = hc_arena_printf(a, "Authorization: SharedKey %.*s:%.*s", HC_P(b->account),
                             HC_P(hc_base64(a, hc_str_n((const char *)mac, n))))
                 .p;
    return HC_OK;
}

static enum hc_rc sign(struct bucket *b, struct hc_arena *a, struct bucket_get *g, const char *out[BUCKET_HEADERS])
{
    char date[40];
    time_t at = (time_t)(hc_now_ms() / 1000);
    struct tm tm;
    if (!gmtime_r(&at, &tm))
        return hc_fail(b->err, HC_E_BUG, "no time to sign with");
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm); /* the program never sets a locale */
    out[0] = hc_arena_printf(a, "x-ms-date: %s", date).p;
    out[1] = "x-ms-version: " VERSION;
    if (b->account_key.n)
        return shared_key(b, a, g, date, out);
    hc_str sas = b->spec->sas;
    if (b->bearer)
        out[2] = b->bearer;
    else if (sas.n) {
        sas = hc_str_starts(sas, HC_S("?")) ? hc_str_sub(sas, 1, sas.n) : sas;
        g->query = hc_arena_printf(a, "%.*s%s%.*s", HC_P(g->query), g->query.n ? "&" : "", HC_P(hc_str_trim(sas)));
    }
    return hc_arena_check(a, b->err, "signature");
}

struct page {
    struct hc_arena *a;
    struct s3_page *out;
    struct s3_object now;
};

static enum hc_rc page_part(void *ctx, hc_str path, hc_str text, struct hc_err *err)
{
    struct page *p = ctx;
    hc_str root = hc_str_sub(path, 0, hc_str_find(path, '/'));
    if (!hc_str_eqz(root, "EnumerationResults"))
        return hc_fail(err, HC_E_INPUT, "the answer is no list of blobs but <%.*s>", HC_P(root));
    if (!text.p && hc_str_eqz(path, "EnumerationResults/Blobs/Blob")) {
        enum hc_rc rc = s3_page_add(p->a, p->out, &p->now, err);
        p->now = (struct s3_object){ 0 };
        return rc;
    }
    if (!text.p)
        return HC_OK;
    if (hc_str_eqz(path, "EnumerationResults/NextMarker"))
        p->out->next = text;
    else if (hc_str_eqz(path, "EnumerationResults/Blobs/Blob/Name"))
        p->now.key = text;
    else if (hc_str_eqz(path, "EnumerationResults/Blobs/Blob/Properties/Etag"))
        p->now.etag = text;
    else if (hc_str_eqz(path, "EnumerationResults/Blobs/Blob/Properties/Content-Length"))
        p->now.sized = hc_str_to_u64(text, &p->now.size);
    return HC_OK;
}

static enum hc_rc read_page(struct hc_arena *a, hc_str doc, struct s3_page *out, struct hc_err *err)
{
    struct page p = { .a = a, .out = out };
    size_t first = out->n;
    out->next = (hc_str){ NULL, 0 };
    enum hc_rc rc = s3_xml_read(a, doc, page_part, &p, err);
    for (size_t i = first; rc == HC_OK && i < out->n; i++) /* in the list they are bare, in an answer quoted */
        if (hc_str_starts(out->objects[i].etag, HC_S("\"")) && out->objects[i].etag.n >= 2)
            out->objects[i].etag = hc_str_sub(out->objects[i].etag, 1, out->objects[i].etag.n - 1);
    out->truncated = out->next.n > 0;
    return rc;
}

static void read_fault(struct hc_arena *a, const struct hc_http_response *r, struct s3_fault *out)
{
    s3_read_fault(a, r->body, out);
    hc_str code = hc_http_header(r, "x-ms-error-code");
    out->code = code.n ? code : out->code;
    size_t line = hc_str_find(out->message, '\n'); /* behind it: ids and times */
    out->message = hc_str_sub(out->message, 0, line);
    if (hc_str_eqz(out->code, "ContainerNotFound"))
        out->code = HC_S("NoSuchBucket");
    else if (hc_str_eqz(out->code, "BlobNotFound"))
        out->code = HC_S("NoSuchKey");
}

const struct bucket_kind bucket_azure = {
    .etag_told = true,
    .set_up = set_up,
    .list = list,
    .object = object,
    .sign = sign,
    .read_page = read_page,
    .read_fault = read_fault,
};
