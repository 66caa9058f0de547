/*
 * List, digest, and when that is new: fetch one object after the other into the archive. A key that is no relative path
 * of ordinary names is an error, not a file somewhere else.
 */
#include "charts-fetch/source/bucket.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "charts-fetch/source/s3_impl.h"
#include "charts-fetch/source/sourceignore.h"
#include "charts-fetch/unpack/unpack.h"
#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/limits.h"

#define MAX_PAGE    (16 * HC_MIB) /* a page has at most 1000 keys of 1024 bytes, thrice as long when encoded */
#define IGNORE_FILE ".sourceignore"

struct bucket {
    const struct hc_source_env *env;
    struct hc_arena *a;
    const struct hc_bucket_spec *spec;
    struct hc_http_tls *tls;
    hc_str host, region, root; /* root: what a path begins with, "/bucket" or "" */
    int64_t deadline_ms;
    struct hc_err *err;
};

/* ---- addresses -------------------------------------------------------------------------------------------------- */

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

static bool good_bucket(hc_str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && !(i > 0 && (c == '-' || c == '_' || c == '.')))
            return false;
    }
    return name.n >= 3 && name.n <= 63 && hc_str_find_str(name, HC_S("..")) == SIZE_MAX;
}

static enum hc_rc set_up(struct bucket *b, const struct hc_source_auth *tls)
{
    const struct hc_bucket_spec *s = b->spec;
    hc_str host = s->endpoint, port = s->insecure ? HC_S(":80") : HC_S(":443");
    for (size_t i = 0; i < host.n; i++)
        if ((unsigned char)host.p[i] <= ' ' || strchr("/?#@\\", host.p[i]))
            return hc_fail(b->err, HC_E_INPUT,
                           "endpoint '%.*s' is no HOST or HOST:PORT; write it without https:// and without a path",
                           HC_P(host));
    if (!host.n)
        return hc_fail(b->err, HC_E_INPUT, "spec.endpoint is empty");
    if (!good_bucket(s->name))
        return hc_fail(b->err, HC_E_INPUT, "'%.*s' is no name of a bucket", HC_P(s->name));
    if (hc_str_ends(host, port)) /* clients leave the usual port out of the Host header, which is signed */
        host.n -= port.n;
    hc_str bare = hc_str_sub(host, 0, hc_str_find(host, ':'));
    b->region = s->region.n ? s->region : region_of_host(bare);
    if (!b->region.n)
        b->region = HC_S("us-east-1");
    bool inside = in_host(s, bare);
    b->host = inside ? hc_arena_printf(b->a, "%.*s.%.*s", HC_P(s->name), HC_P(host)) : host;
    b->root = inside ? HC_S("") : hc_arena_printf(b->a, "/%.*s", HC_P(s->name));
    if (!s->insecure && (tls->ca_pem.n || tls->cert_pem.n || tls->insecure_skip_verify)) {
        b->tls = hc_http_tls_new(
            &(struct hc_http_tls_options){ .ca_pem = tls->ca_pem,
                                           .cert_pem = tls->cert_pem,
                                           .key_pem = tls->key_pem,
                                           .insecure_skip_verify = tls->insecure_skip_verify });
        if (!b->tls)
            return hc_fail_nomem(b->err);
    }
    return hc_arena_check(b->a, b->err, "bucket");
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

/* What a person reads of an answer that is no 2xx. */
static enum hc_rc refused(struct bucket *b, const char *what, const struct hc_http_response *r,
                          const struct s3_fault *f)
{
    bool again = r->status >= 500 || r->status == 429 || r->status == 408 || hc_str_eqz(f->code, "SlowDown");
    const char *hint = "";
    enum hc_rc rc = again ? HC_E_AGAIN : HC_E_INPUT;
    if (hc_str_eqz(f->code, "NoSuchBucket") || (r->status == 404 && !f->code.n))
        return hc_fail(b->err, HC_E_INPUT, "bucket '%.*s' not found at %.*s", HC_P(b->spec->name), HC_P(b->host));
    if (hc_str_eqz(f->code, "NoSuchKey"))
        rc = HC_E_NOTFOUND;
    else if (hc_str_eqz(f->code, "SignatureDoesNotMatch") || hc_str_eqz(f->code, "InvalidAccessKeyId"))
        hint = "; check accesskey and secretkey of the Secret";
    else if (hc_str_eqz(f->code, "RequestTimeTooSkewed"))
        hint = "; this machine's clock is wrong";
    else if (r->status == 403 && !b->spec->access_key.n)
        hint = "; it wants credentials: a Secret with accesskey and secretkey in spec.secretRef";
    else if (r->status == 301 || r->status == 307)
        hint = "; the bucket is elsewhere: check spec.region and spec.endpoint";
    hc_fail(b->err, rc, "%s: %.*s answers %d%s%.*s%s%.*s%s", what, HC_P(b->host), r->status, f->code.n ? " " : "",
            HC_P(hc_str_sub(f->code, 0, 100)), f->message.n ? ": " : "", HC_P(hc_str_sub(f->message, 0, 300)),
            hint);
    b->err->http_status = r->status;
    b->err->retry_after_ms = r->retry_after_ms;
    return rc;
}

struct get {
    const char *what;
    hc_str path, query; /* encoded */
    size_t most;
};

static enum hc_rc send_once(struct bucket *b, struct hc_arena *a, const struct get *g, struct hc_http_response *out)
{
    const char *headers[5] = { 0 };
    int64_t left = b->deadline_ms - hc_mono_ms();
    if (left <= 0)
        return hc_fail(b->err, HC_E_AGAIN, "%s: the time for the whole bucket is over (spec.timeout)", g->what);
    const struct s3_signing s = { .method = "GET",
                                  .host = b->host,
                                  .path = g->path,
                                  .query = g->query,
                                  .region = b->region,
                                  .access_key = b->spec->access_key,
                                  .secret_key = b->spec->secret_key,
                                  .token = b->spec->token,
                                  .now_s = hc_now_ms() / 1000 };
    if (s.access_key.n && s3_sign(a, &s, headers, b->err) != HC_OK)
        return b->err->code;
    struct hc_http_request req = {
        .method = "GET",
        .url = hc_arena_printf(a, "%s://%.*s%.*s%s%.*s", b->spec->insecure ? "http" : "https", HC_P(b->host),
                               HC_P(g->path), g->query.n ? "?" : "", HC_P(g->query))
                   .p,
        .headers = headers,
        .tls = b->tls,
        .proxy = b->env->proxy,
        .timeout_ms = left,
        .idle_timeout_ms = 30000,
        .retries = 2,
        .max_bytes = g->most,
        .max_redirects = 0,
    };
    if (!req.url)
        return hc_fail_nomem(b->err);
    return hc_http_do(b->env->http, a, &req, out, b->err) == HC_OK ? HC_OK : hc_wrap(b->err, "%s", g->what);
}

/* A 2xx answer. A bucket of another region than the one signed for says which: then it is that one from here on. */
static enum hc_rc get(struct bucket *b, struct hc_arena *a, const struct get *g, struct hc_http_response *out)
{
    for (int attempt = 0;; attempt++) {
        struct s3_fault f;
        enum hc_rc rc = send_once(b, a, g, out);
        if (rc != HC_OK)
            return rc;
        if (out->status >= 200 && out->status < 300)
            return HC_OK;
        s3_read_fault(a, out->body, &f);
        hc_str region = hc_http_header(out, "x-amz-bucket-region");
        if (!region.n)
            region = f.region;
        if (attempt || b->spec->region.n || !region.n || region.n > 64 || hc_str_eq(region, b->region) ||
            (out->status != 400 && out->status != 403 && out->status != 301))
            return refused(b, g->what, out, &f);
        b->region = hc_arena_str(b->a, region);
    }
}

static hc_str object_path(struct bucket *b, struct hc_arena *a, hc_str key)
{
    return hc_arena_printf(a, "%.*s/%.*s", HC_P(b->root), HC_P(s3_encode(a, key, true)));
}

/* ---- the list ----------------------------------------------------------------------------------------------------- */

static bool is_left_out(const struct hc_sourceignore *g, hc_str key)
{
    for (size_t i = 1; i < key.n; i++)
        if (key.p[i] == '/' && hc_sourceignored(g, hc_str_sub(key, 0, i), true))
            return true;
    return hc_sourceignored(g, key, false);
}

/* An ordinary relative path: anything else would be another file after unpacking, or none. */
static bool good_key(hc_str key)
{
    hc_str rest = key, part;
    if (!key.n || key.p[0] == '/' || memchr(key.p, 0, key.n))
        return false;
    while (hc_str_split(&rest, '/', &part))
        if (!part.n || hc_str_eqz(part, ".") || hc_str_eqz(part, ".."))
            return false;
    return true;
}

static int by_key(const void *x, const void *y)
{
    return hc_str_cmp(((const struct s3_object *)x)->key, ((const struct s3_object *)y)->key);
}

static enum hc_rc one_page(struct bucket *b, hc_str token, struct s3_page *out)
{
    struct hc_http_response r;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    if (!a)
        return hc_fail_nomem(b->err);
    /* in the order of the names, as it is signed */
    hc_str query = hc_arena_printf(a, "%s%.*s%sencoding-type=url&list-type=2&max-keys=1000&prefix=%.*s",
                                   token.n ? "continuation-token=" : "", HC_P(s3_encode(a, token, false)),
                                   token.n ? "&" : "", HC_P(s3_encode(a, b->spec->prefix, false)));
    const struct get g = { "list of objects", hc_arena_printf(a, "%.*s/", HC_P(b->root)), query, MAX_PAGE };
    enum hc_rc rc = hc_arena_check(a, b->err, "list of objects");
    if (rc == HC_OK)
        rc = get(b, a, &g, &r);
    if (rc != HC_OK)
        return rc;
    return s3_read_page(b->a, r.body, out, b->err) == HC_OK
               ? HC_OK
               : hc_wrap(b->err, "list of objects at %.*s", HC_P(b->host));
}

/* All objects that count, in order of their keys. */
static enum hc_rc list(struct bucket *b, const struct hc_sourceignore *ignore, struct s3_page *out)
{
    hc_str token = { NULL, 0 };
    size_t kept = 0;
    do {
        size_t had = out->n;
        enum hc_rc rc = one_page(b, token, out);
        if (rc != HC_OK)
            return rc;
        if (out->truncated && (out->n == had || hc_str_eq(token, out->next)))
            return hc_fail(b->err, HC_E_AGAIN, "list of objects: %.*s gives the same page again", HC_P(b->host));
        if (out->n > HC_MAX_ARTIFACT_FILES)
            return hc_fail(b->err, HC_E_LIMIT, "the bucket has more than %u objects; name a part with spec.prefix",
                           HC_MAX_ARTIFACT_FILES);
        token = out->next;
    } while (out->truncated);
    for (size_t i = 0; i < out->n; i++) {
        const struct s3_object *o = &out->objects[i];
        if (hc_str_ends(o->key, HC_S("/")) || hc_str_eqz(o->key, IGNORE_FILE) || is_left_out(ignore, o->key))
            continue;
        if (!good_key(o->key))
            return hc_fail(b->err, HC_E_INPUT,
                           "object '%.*s': a key that is no path below the bucket; leave it out with spec.ignore",
                           HC_P(hc_str_sub(o->key, 0, 200)));
        out->objects[kept++] = *o;
    }
    out->n = kept;
    if (kept)
        qsort(out->objects, kept, sizeof(*out->objects), by_key);
    for (size_t i = 1; i < kept; i++) {
        hc_str before = out->objects[i - 1].key, key = out->objects[i].key;
        if (hc_str_eq(before, key))
            return hc_fail(b->err, HC_E_AGAIN, "the list names the object '%.*s' twice", HC_P(key));
        if (key.n > before.n && hc_str_starts(key, before) && key.p[before.n] == '/')
            return hc_fail(b->err, HC_E_INPUT,
                           "object '%.*s' would be a file and a folder; leave one out with spec.ignore",
                           HC_P(before));
    }
    return HC_OK;
}

static hc_str digest_of(struct hc_arena *a, const struct s3_page *p)
{
    struct hc_sha256 h;
    char hex[HC_SHA256_HEX + 1];
    hc_sha256_init(&h);
    for (size_t i = 0; i < p->n; i++) {
        if (!p->objects[i].key.p)
            continue;
        hc_sha256_add(&h, p->objects[i].key);
        hc_sha256_add(&h, HC_S(" "));
        hc_sha256_add(&h, p->objects[i].etag);
        hc_sha256_add(&h, HC_S("\n"));
    }
    hc_sha256_hex(&h, hex);
    return hc_arena_printf(a, "sha256:%s", hex);
}

/* The bucket's .sourceignore, when it has one, then spec.ignore. */
static enum hc_rc read_ignore(struct bucket *b, struct hc_sourceignore *ignore)
{
    struct hc_http_response r;
    const struct get g = {
        "object '" IGNORE_FILE "'", object_path(b, b->a, HC_S(IGNORE_FILE)), { NULL, 0 }, HC_MIB
    };
    enum hc_rc rc = get(b, b->a, &g, &r);
    if (rc == HC_OK)
        hc_sourceignore_add(ignore, HC_S(""), r.body);
    else if (rc != HC_E_NOTFOUND)
        return rc;
    hc_err_clear(b->err);
    if (b->spec->ignore.n)
        hc_sourceignore_add(ignore, HC_S(""), b->spec->ignore);
    return hc_arena_check(b->a, b->err, "ignored names");
}

/* ---- the objects --------------------------------------------------------------------------------------------------- */

/* One object into the archive. What went away since it was listed is left out; what changed counts as it is now. */
static enum hc_rc fetch_object(struct bucket *b, struct hc_packer *packer, struct s3_object *o, uint64_t *total)
{
    struct hc_http_response r;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(HC_MAX_ARTIFACT_BYTES + HC_MIB);
    if (!a)
        return hc_fail_nomem(b->err);
    const struct get g = { hc_arena_printf(a, "object '%.*s'", HC_P(o->key)).p,
                           object_path(b, a, o->key),
                           { NULL, 0 },
                           HC_MAX_ARTIFACT_BYTES };
    enum hc_rc rc = hc_arena_check(a, b->err, "object");
    if (rc == HC_OK)
        rc = get(b, a, &g, &r);
    if (rc == HC_E_NOTFOUND) {
        hc_err_clear(b->err);
        o->key = (hc_str){ NULL, 0 };
        return HC_OK;
    }
    if (rc != HC_OK)
        return rc;
    *total += r.body.n;
    if (*total > HC_MAX_ARTIFACT_BYTES)
        return hc_fail(b->err, HC_E_LIMIT,
                       "the bucket's objects have more than %zu bytes; name a part with spec.prefix",
                       HC_MAX_ARTIFACT_BYTES);
    hc_str etag = hc_http_header(&r, "etag");
    if (hc_str_starts(etag, HC_S("\"")) && hc_str_ends(etag, HC_S("\"")) && etag.n >= 2)
        etag = hc_str_sub(etag, 1, etag.n - 1);
    if (etag.n && !hc_str_eq(etag, o->etag))
        o->etag = hc_arena_str(b->a, etag);
    hc_packer_file(packer, o->key, 0644, r.body);
    return HC_OK;
}

static enum hc_rc pack(struct bucket *b, const char *file, struct s3_page *page)
{
    uint64_t total = 0;
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return hc_fail_errno(b->err, "write", file);
    struct hc_packer *packer = hc_packer_new(fd, 0);
    enum hc_rc rc = packer ? HC_OK : hc_fail_nomem(b->err);
    for (size_t i = 0; i < page->n && rc == HC_OK; i++)
        rc = fetch_object(b, packer, &page->objects[i], &total);
    if (packer) {
        enum hc_rc done = hc_packer_done(packer, rc == HC_OK ? b->err : NULL);
        rc = rc == HC_OK ? done : rc;
    }
    close(fd);
    return rc;
}

static enum hc_rc fetch_all(struct bucket *b, struct s3_page *page, struct hc_artifact *out)
{
    const char *dir;
    enum hc_rc rc = hc_store_temp(b->env->store, b->a, &dir, b->err);
    if (rc != HC_OK)
        return rc;
    const char *file = hc_arena_printf(b->a, "%s/bucket.tar.gz", dir).p;
    rc = file ? pack(b, file, page) : hc_fail_nomem(b->err);
    if (rc == HC_OK)
        rc = hc_store_adopt(b->env->store, b->a, file, &out->digest, &out->size, b->err);
    hc_remove_tree(dir, NULL);
    out->revision = digest_of(b->a, page);
    return rc == HC_OK ? hc_arena_check(b->a, b->err, "bucket") : rc;
}

enum hc_rc hc_bucket_fetch(const struct hc_source_env *env, struct hc_arena *a, const struct hc_bucket_spec *spec,
                           const struct hc_source_auth *tls, hc_str known, struct hc_artifact *out,
                           size_t *out_objects, struct hc_err *err)
{
    struct hc_err own = HC_ERR_INIT;
    struct s3_page page = { .n = 0 };
    struct bucket b = { .env = env,
                        .a = a,
                        .spec = spec,
                        .deadline_ms = hc_mono_ms() + (env->timeout_ms ? env->timeout_ms : 60000),
                        .err = err ? err : &own };
    struct hc_sourceignore *ignore = hc_sourceignore_new(a);
    struct hc_artifact got = { 0 };
    enum hc_rc rc = set_up(&b, tls);
    if (rc == HC_OK)
        rc = read_ignore(&b, ignore);
    if (rc == HC_OK)
        rc = list(&b, ignore, &page);
    if (rc == HC_OK) {
        got.revision = digest_of(a, &page);
        got.unchanged = known.n && hc_str_eq(known, got.revision);
        rc = got.unchanged ? hc_arena_check(a, b.err, "bucket") : fetch_all(&b, &page, &got);
    }
    hc_http_tls_unref(b.tls);
    if (rc != HC_OK)
        return rc;
    *out = got;
    *out_objects = 0;
    for (size_t i = 0; i < page.n; i++)
        *out_objects += page.objects[i].key.p != NULL;
    return rc;
}
