/*
 * Objects of a bucket, a few under way at once and each into a file of its own; they go into the archive in their order,
 * so the next one is asked for when the oldest has come. Memory holds one piece of one object, however many and large
 * they are.
 *
 * Pieces come on the thread of the HTTP loop; while a request runs the asking thread does not touch its slot.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "charts-fetch/source/bucket_impl.h"
#include "charts-fetch/unpack/unpack.h"
#include "core/base/fs.h"
#include "core/base/limits.h"

#define WINDOW 8 /* what servers answer at once without a word, and half of what one HTTP/2 connection may carry */
#define TRIES  3 /* of an object whose connection broke in the middle; the request itself is repeated, too */

struct slot {
    struct s3_object *o;
    struct hc_http_call *call;
    struct hc_arena *a;
    const char *headers[BUCKET_HEADERS];
    int fd, failed; /* failed: errno of the file */
    uint64_t got;
};

struct window {
    struct bucket *b;
    struct slot slots[WINDOW];
    uint64_t total;
};

static bool on_data(void *ctx, const char *p, size_t n)
{
    struct slot *s = ctx;
    s->failed = hc_write_all(s->fd, hc_str_n(p, n));
    if (s->failed)
        return false;
    s->got += n;
    return true;
}

static enum hc_rc ask(struct bucket *b, struct slot *s)
{
    struct hc_http_request req;
    struct bucket_get g = { .what = hc_arena_printf(s->a, "object '%.*s'", HC_P(s->o->key)).p,
                            .most = HC_MAX_ARTIFACT_BYTES,
                            .object = true };
    b->kind->object(b, s->a, s->o->key, &g);
    s->got = 0;
    s->failed = 0;
    if (ftruncate(s->fd, 0) < 0 || lseek(s->fd, 0, SEEK_SET) < 0)
        return hc_fail_errno(b->err, "write", g.what ? g.what : "object");
    enum hc_rc rc = hc_arena_check(s->a, b->err, "object");
    if (rc == HC_OK)
        rc = bucket_request(b, s->a, &g, s->headers, &req);
    if (rc != HC_OK)
        return rc;
    req.on_data = on_data;
    req.ctx = s;
    s->call = hc_http_begin(b->env->http, &req, b->err);
    return s->call ? HC_OK : b->err->code;
}

static enum hc_rc begin(struct window *w, struct slot *s, struct s3_object *o)
{
    s->o = o;
    s->a = hc_arena_new(4 * HC_MIB);
    return s->a ? ask(w->b, s) : hc_fail_nomem(w->b->err);
}

/* True when it came; false: *out_rc, HC_OK when it went away since it was listed. */
static bool came(struct window *w, struct slot *s, struct hc_http_response *r, enum hc_rc *out_rc)
{
    struct bucket *b = w->b;
    for (int tries = 1;; tries++) {
        struct s3_fault f;
        enum hc_rc rc = hc_http_finish(s->call, s->a, r, b->err);
        s->call = NULL;
        if (s->failed) {
            errno = s->failed;
            *out_rc = hc_fail_errno(b->err, "write to the store, object", s->o->key.p);
            return false;
        }
        if (rc == HC_OK && r->status >= 200 && r->status < 300)
            return true;
        if (rc == HC_E_AGAIN && s->got && tries < TRIES) {
            hc_err_clear(b->err);
            *out_rc = ask(b, s);
            if (*out_rc == HC_OK)
                continue;
            return false;
        }
        if (rc != HC_OK) {
            *out_rc = hc_wrap(b->err, "object '%.*s'", HC_P(s->o->key));
            return false;
        }
        b->kind->read_fault(s->a, r, &f);
        const struct bucket_get g = { .what = hc_arena_printf(s->a, "object '%.*s'", HC_P(s->o->key)).p,
                                      .object = true };
        *out_rc = bucket_refused(b, &g, r, &f);
        if (*out_rc == HC_E_NOTFOUND) {
            hc_err_clear(b->err);
            s->o->key = (hc_str){ NULL, 0 };
            *out_rc = HC_OK;
        }
        return false;
    }
}

/* The oldest into the archive. What went away since it was listed is left out; what changed counts as it is now. */
static enum hc_rc end(struct window *w, struct slot *s, struct hc_packer *packer)
{
    struct bucket *b = w->b;
    struct hc_http_response r;
    enum hc_rc rc = HC_OK;
    if (!came(w, s, &r, &rc))
        return rc;
    hc_str etag = hc_http_header(&r, "etag");
    if (hc_str_starts(etag, HC_S("\"")) && hc_str_ends(etag, HC_S("\"")) && etag.n >= 2)
        etag = hc_str_sub(etag, 1, etag.n - 1);
    bool changed = b->kind->etag_told && etag.n && !hc_str_eq(etag, s->o->etag);
    if (!changed && s->o->sized && s->got != s->o->size)
        return hc_fail(b->err, HC_E_AGAIN, "object '%.*s': %" PRIu64 " bytes came, %" PRIu64 " are listed",
                       HC_P(s->o->key), s->got, s->o->size);
    if (changed)
        s->o->etag = hc_arena_str(b->a, etag);
    w->total += s->got;
    if (w->total > HC_MAX_ARTIFACT_BYTES)
        return hc_fail(b->err, HC_E_LIMIT,
                       "the bucket's objects have more than %zu bytes; name a part with spec.prefix",
                       HC_MAX_ARTIFACT_BYTES);
    hc_packer_fd(packer, s->o->key, 0644, s->fd, s->got);
    return HC_OK;
}

static enum hc_rc run(struct window *w, struct hc_packer *packer, struct s3_page *page)
{
    size_t next = 0;
    for (size_t i = 0; i < page->n; i++) {
        enum hc_rc rc = HC_OK;
        for (; next < page->n && next < i + WINDOW && rc == HC_OK; next++)
            rc = begin(w, &w->slots[next % WINDOW], &page->objects[next]);
        struct slot *s = &w->slots[i % WINDOW];
        if (rc == HC_OK)
            rc = end(w, s, packer);
        if (rc != HC_OK)
            return rc;
        hc_arena_free(s->a);
        s->a = NULL;
    }
    return HC_OK;
}

enum hc_rc bucket_fetch_objects(struct bucket *b, struct hc_packer *packer, const char *dir, struct s3_page *page)
{
    struct window w = { .b = b };
    enum hc_rc rc = HC_OK;
    for (size_t i = 0; i < WINDOW; i++)
        w.slots[i].fd = -1;
    for (size_t i = 0; i < HC_MIN(page->n, (size_t)WINDOW) && rc == HC_OK; i++) {
        const char *path = hc_arena_printf(b->a, "%s/object-%zu", dir, i).p;
        if (!path)
            rc = hc_fail_nomem(b->err);
        else if ((w.slots[i].fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0)
            rc = hc_fail_errno(b->err, "write", path);
    }
    if (rc == HC_OK)
        rc = run(&w, packer, page);
    for (size_t i = 0; i < WINDOW; i++)
        if (w.slots[i].call)
            hc_http_cancel(w.slots[i].call);
    for (size_t i = 0; i < WINDOW; i++) {
        struct slot *s = &w.slots[i];
        struct hc_http_response r;
        if (s->call)
            (void)hc_http_finish(s->call, s->a, &r, NULL);
        hc_arena_free(s->a);
        if (s->fd >= 0)
            close(s->fd);
    }
    return rc;
}
