/*
 * List, digest, and when that is new: fetch the objects into the archive. A key that is no relative path of ordinary names
 * is an error, not a file somewhere else.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "charts-fetch/source/bucket_impl.h"
#include "charts-fetch/source/http_impl.h"
#include "charts-fetch/source/sourceignore.h"
#include "charts-fetch/unpack/unpack.h"
#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/limits.h"

#define MAX_PAGE    (16 * HC_MIB) /* a page has at most 1000 keys of 1024 bytes, thrice as long when encoded */
#define IGNORE_FILE ".sourceignore"

/* ---- requests ---------------------------------------------------------------------------------------------------- */

enum hc_rc bucket_refused(struct bucket *b, const struct bucket_get *g, const struct hc_http_response *r,
                          const struct s3_fault *f)
{
    bool bare = r->status == 404 && !f->code.n; /* a proxy's page, or a server that is short of words */
    bool again = r->status >= 500 || r->status == 429 || r->status == 408 || hc_str_eqz(f->code, "SlowDown");
    bool s3 = b->kind == &bucket_s3, nobody = s3 ? !b->access_key.n : !b->bearer && !b->account_key.n;
    const char *hint = "", *from = b->auth && b->auth->from ? b->auth->from : "the Secret";
    enum hc_rc rc = again ? HC_E_AGAIN : HC_E_INPUT;
    if (hc_str_eqz(f->code, "NoSuchBucket") || (bare && !g->object))
        return hc_fail(b->err, HC_E_INPUT, "bucket '%.*s' not found at %.*s", HC_P(b->spec->name), HC_P(b->host));
    if (hc_str_eqz(f->code, "NoSuchKey"))
        rc = HC_E_NOTFOUND;
    else if (bare) /* of an object that the list has: not to be taken for gone */
        rc = HC_E_AGAIN;
    else if (hc_str_eqz(f->code, "SignatureDoesNotMatch") || hc_str_eqz(f->code, "InvalidAccessKeyId"))
        hint = hc_arena_printf(b->a, "; check accesskey and secretkey of %s", from).p;
    else if (hc_str_eqz(f->code, "ExpiredToken") || hc_str_eqz(f->code, "InvalidToken"))
        hint = "; the temporary credentials are over or not this server's";
    else if (hc_str_eqz(f->code, "RequestTimeTooSkewed"))
        hint = "; this machine's clock is wrong";
    else if (r->status == 403 && nobody)
        hint = s3 ? "; it wants credentials: a Secret with accesskey and secretkey in spec.secretRef"
                  : "; it wants credentials: name a Secret in spec.secretRef";
    else if (s3 && (r->status == 301 || r->status == 302 || r->status == 307))
        hint = "; the bucket is elsewhere: check spec.region and spec.endpoint";
    hc_fail(b->err, rc, "%s: %.*s answers %d%s%.*s%s%.*s%s", g->what, HC_P(b->host), r->status,
            f->code.n ? " " : "", HC_P(hc_str_sub(f->code, 0, 100)), f->message.n ? ": " : "",
            HC_P(hc_str_sub(f->message, 0, 300)), hint ? hint : "");
    source_advise(b->env, b->auth, r, b->err);
    b->err->http_status = r->status;
    b->err->retry_after_ms = r->retry_after_ms;
    return rc;
}

enum hc_rc bucket_request(struct bucket *b, struct hc_arena *a, const struct bucket_get *g,
                          const char *headers[BUCKET_HEADERS], struct hc_http_request *out)
{
    struct bucket_get q = *g;
    int64_t left = b->deadline_ms - hc_mono_ms();
    if (left <= 0)
        return hc_fail(b->err, HC_E_AGAIN, "%s: the time for the whole bucket is over (spec.timeout)", g->what);
    memset(headers, 0, BUCKET_HEADERS * sizeof(*headers));
    if (b->kind->sign(b, a, &q, headers) != HC_OK)
        return b->err->code;
    *out = (struct hc_http_request){
        .method = "GET",
        .url = hc_arena_printf(a, "%s://%.*s%.*s%s%.*s", b->insecure ? "http" : "https", HC_P(b->host),
                               HC_P(q.path), q.query.n ? "?" : "", HC_P(q.query))
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
    return out->url ? HC_OK : hc_fail_nomem(b->err);
}

/* A bucket of another region than the one signed for says which: then it is that one from here on. */
enum hc_rc bucket_get(struct bucket *b, struct hc_arena *a, const struct bucket_get *g,
                      struct hc_http_response *out)
{
    for (int attempt = 0;; attempt++) {
        struct s3_fault f;
        struct hc_http_request req;
        const char *headers[BUCKET_HEADERS];
        *out = (struct hc_http_response){ 0 };
        enum hc_rc rc = bucket_request(b, a, g, headers, &req);
        if (rc == HC_OK && hc_http_do(b->env->http, a, &req, out, b->err) != HC_OK)
            rc = hc_wrap(b->err, "%s", g->what);
        if (rc != HC_OK) {
            source_advise(b->env, b->auth, out, b->err);
            return rc;
        }
        if (out->status >= 200 && out->status < 300)
            return HC_OK;
        b->kind->read_fault(a, out, &f);
        hc_str region = hc_http_header(out, "x-amz-bucket-region");
        if (!region.n)
            region = f.region;
        if (attempt || b->kind != &bucket_s3 || b->spec->region.n || !region.n || region.n > 64 ||
            hc_str_eq(region, b->region) || (out->status != 400 && out->status != 403 && out->status != 301))
            return bucket_refused(b, g, out, &f);
        b->region = hc_arena_str(b->a, region);
    }
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

/* "host[:port]", without the usual port: clients leave it out of the Host header, which is signed. */
static enum hc_rc set_up(struct bucket *b, const struct hc_source_auth *tls, struct hc_bucket_news *news)
{
    const struct hc_bucket_spec *s = b->spec;
    hc_str host = s->endpoint;
    b->insecure = s->insecure;
    b->auth = tls;
    b->kind = s->provider == HC_BUCKET_GCP     ? &bucket_gcs
              : s->provider == HC_BUCKET_AZURE ? &bucket_azure
                                               : &bucket_s3;
    if (s->provider == HC_BUCKET_AZURE) { /* there it is a URL */
        b->insecure = hc_str_starts(host, HC_S("http://"));
        host = hc_str_sub(host, b->insecure ? 7 : hc_str_starts(host, HC_S("https://")) ? 8 : 0, host.n);
        while (hc_str_ends(host, HC_S("/")))
            host.n--;
    }
    for (size_t i = 0; i < host.n; i++)
        if ((unsigned char)host.p[i] <= ' ' || strchr("/?#@\\", host.p[i]))
            return hc_fail(b->err, HC_E_INPUT, "endpoint '%.*s' is no %s", HC_P(hc_str_sub(s->endpoint, 0, 200)),
                           s->provider == HC_BUCKET_AZURE
                               ? "URL of a storage account: write https://ACCOUNT.blob.core.windows.net"
                               : "HOST or HOST:PORT; write it without https:// and without a path");
    if (!host.n)
        return hc_fail(b->err, HC_E_INPUT, "spec.endpoint is empty");
    if (!good_bucket(s->name))
        return hc_fail(b->err, HC_E_INPUT, "'%.*s' is no name of a bucket", HC_P(s->name));
    hc_str port = b->insecure ? HC_S(":80") : HC_S(":443");
    if (hc_str_ends(host, port))
        host.n -= port.n;
    b->host = host;
    if (!b->insecure && (tls->ca_pem.n || tls->cert_pem.n || tls->insecure_skip_verify)) {
        b->tls = hc_http_tls_new(
            &(struct hc_http_tls_options){ .ca_pem = tls->ca_pem,
                                           .cert_pem = tls->cert_pem,
                                           .key_pem = tls->key_pem,
                                           .ca_with_system = tls->ca_with_system,
                                           .insecure_skip_verify = tls->insecure_skip_verify });
        if (!b->tls)
            return hc_fail_nomem(b->err);
    }
    news->login_failed = true;
    if (b->kind->set_up(b) != HC_OK)
        return b->err->code;
    news->login_failed = false;
    return hc_arena_check(b->a, b->err, "bucket");
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

static enum hc_rc one_page(struct bucket *b, hc_str next, struct s3_page *out)
{
    struct hc_http_response r;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    if (!a)
        return hc_fail_nomem(b->err);
    struct bucket_get g = { .what = "list of objects", .most = MAX_PAGE };
    b->kind->list(b, a, next, &g);
    enum hc_rc rc = hc_arena_check(a, b->err, "list of objects");
    if (rc == HC_OK)
        rc = bucket_get(b, a, &g, &r);
    if (rc != HC_OK)
        return rc;
    return b->kind->read_page(b->a, r.body, out, b->err) == HC_OK
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
    struct bucket_get g = { .what = "object '" IGNORE_FILE "'", .most = HC_MIB, .object = true };
    b->kind->object(b, b->a, HC_S(IGNORE_FILE), &g);
    enum hc_rc rc = bucket_get(b, b->a, &g, &r);
    if (rc == HC_OK)
        hc_sourceignore_add(ignore, HC_S(""), r.body);
    else if (rc != HC_E_NOTFOUND && b->err->http_status != 404) /* without a code it is not there, too */
        return rc;
    hc_err_clear(b->err);
    if (b->spec->ignore.n)
        hc_sourceignore_add(ignore, HC_S(""), b->spec->ignore);
    return hc_arena_check(b->a, b->err, "ignored names");
}

/* ---- the whole ----------------------------------------------------------------------------------------------------- */

static enum hc_rc pack(struct bucket *b, const char *dir, const char *file, struct s3_page *page)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return hc_fail_errno(b->err, "write", file);
    struct hc_packer *packer = hc_packer_new(fd, 0);
    enum hc_rc rc = packer ? bucket_fetch_objects(b, packer, dir, page) : hc_fail_nomem(b->err);
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
    rc = file ? pack(b, dir, file, page) : hc_fail_nomem(b->err);
    if (rc == HC_OK)
        rc = hc_store_adopt(b->env->store, b->a, file, &out->digest, &out->size, b->err);
    hc_remove_tree(dir, NULL);
    out->revision = digest_of(b->a, page);
    return rc == HC_OK ? hc_arena_check(b->a, b->err, "bucket") : rc;
}

enum hc_rc hc_bucket_fetch(const struct hc_source_env *env, struct hc_arena *a, const struct hc_bucket_spec *spec,
                           const struct hc_source_auth *tls, hc_str known, struct hc_artifact *out,
                           struct hc_bucket_news *news, struct hc_err *err)
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
    *news = (struct hc_bucket_news){ 0 };
    enum hc_rc rc = set_up(&b, tls, news);
    if (rc == HC_OK)
        rc = read_ignore(&b, ignore);
    if (rc == HC_OK)
        rc = list(&b, ignore, &page);
    if (rc == HC_OK) {
        news->revision = got.revision = digest_of(a, &page);
        got.unchanged = known.n && hc_str_eq(known, got.revision);
        rc = got.unchanged ? hc_arena_check(a, b.err, "bucket") : fetch_all(&b, &page, &got);
    }
    hc_http_tls_unref(b.tls);
    if (rc != HC_OK)
        return rc;
    *out = got;
    for (size_t i = 0; i < page.n; i++)
        news->objects += page.objects[i].key.p != NULL;
    return rc;
}
