/*
 * One thread, a fiber for each fetch; who needs the artifact lays itself down and is woken. A fetch that failed is told to
 * the next who asks, once: what they do about it (back-off, conditions) is theirs, and asking again fetches again.
 */
#include "helmctl/controller/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "helmctl/controller/artifacts.h"

#define FETCHES ((size_t)256)
#define DIGEST  80

enum state { UNDER_WAY, FAILED };

struct entry {
    struct entry *next;
    char digest[DIGEST];
    enum state state;
    struct hc_err err;
};

struct ctl_foreign {
    struct ctl *c;
    struct hc_queue *q;
    struct hc_fibers *fibers;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* of the entries */
    struct entry *entries;
};

/* ---- one fetch ---- */

struct sink {
    int fd, failed;
    struct hc_sha256 sum;
};

static bool on_data(void *ctx, const char *p, size_t n)
{
    struct sink *s = ctx;
    hc_sha256_add(&s->sum, hc_str_n(p, n));
    s->failed = hc_write_all(s->fd, hc_str_n(p, n));
    return !s->failed;
}

static enum hc_rc into_file(struct ctl *c, struct hc_arena *a, const struct hc_val *object, const char *path,
                            struct hc_err *err)
{
    const struct hc_val *art = hc_get(object, "status.artifact");
    hc_str digest = hc_get_str(hc_map_getz(art, "digest")), url = hc_get_str(hc_map_getz(art, "url"));
    hc_str kind = hc_get_str(hc_map_getz(object, "kind")), name = hc_get_str_at(object, "metadata.name");
    struct hc_http_response resp = { 0 };
    char hex[HC_SHA256_HEX + 1];
    HC_AUTO(hc_fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    struct sink s = { .fd = fd };
    if (fd < 0)
        return hc_fail_errno(err, "write", path);
    hc_sha256_init(&s.sum);
    struct hc_http_request req = { .method = "GET",
                                   .url = hc_arena_strz(a, url),
                                   .timeout_ms = c->o->http_timeout_ms,
                                   .max_bytes = HC_MAX_ARTIFACT_BYTES,
                                   .max_redirects = -1,
                                   .retries = 1,
                                   .on_data = on_data,
                                   .ctx = &s };
    enum hc_rc rc = hc_http_do(c->http, a, &req, &resp, err);
    errno = s.failed;
    if (s.failed)
        return hc_fail_errno(err, "write to the storage", path);
    if (rc != HC_OK)
        return hc_wrap(err, "artifact of %.*s '%.*s'", HC_P(kind), HC_P(name));
    if (resp.status == 404)
        return hc_fail(err, HC_E_NOTFOUND, "artifact of %.*s '%.*s' is not at %.*s", HC_P(kind), HC_P(name),
                       HC_P(url));
    if (resp.status != 200)
        return hc_fail(err, HC_E_AGAIN, "artifact of %.*s '%.*s': %.*s answered %d", HC_P(kind), HC_P(name),
                       HC_P(url), resp.status);
    hc_sha256_hex(&s.sum, hex);
    if (!hc_str_starts(digest, HC_S("sha256:")) || !hc_str_eqz(hc_str_sub(digest, 7, digest.n), hex))
        return hc_fail(err, HC_E_AGAIN, "artifact of %.*s '%.*s': its digest is sha256:%s, %.*s was announced",
                       HC_P(kind), HC_P(name), hex, HC_P(digest));
    return HC_OK;
}

enum hc_rc ctl_foreign_fetch(struct ctl *c, struct hc_arena *a, const struct hc_val *object, struct hc_err *err)
{
    const char *dir;
    struct hc_store *store = ctl_store_blobs(c->store);
    enum hc_rc rc = hc_store_temp(store, a, &dir, err);
    if (rc != HC_OK)
        return rc;
    const char *path = hc_arena_printf(a, "%s/artifact", dir).p;
    rc = path ? into_file(c, a, object, path, err) : hc_fail_nomem(err);
    if (rc == HC_OK)
        rc = hc_store_keep(store, a, path, hc_get_str_at(object, "status.artifact.digest"), err);
    (void)hc_remove_tree(dir, NULL);
    return rc;
}

/* ---- the thread ---- */

static struct entry **find(struct ctl_foreign *f, hc_str digest)
{
    struct entry **e = &f->entries;
    while (*e && !hc_str_eqz(digest, (*e)->digest))
        e = &(*e)->next;
    return e;
}

static void settle(struct ctl_foreign *f, hc_str digest, enum hc_rc rc, const struct hc_err *err)
{
    pthread_mutex_lock(&f->lock);
    struct entry **at = find(f, digest), *e = *at;
    if (e && rc == HC_OK) {
        *at = e->next;
        free(e);
    } else if (e) {
        e->state = FAILED;
        e->err = *err;
    }
    pthread_mutex_unlock(&f->lock);
}

struct job {
    struct ctl_foreign *f;
    struct hc_key k;
};

/* The object may have moved on to another artifact since it was asked for: what was asked for then is asked for anew by
 * those who still want it. */
static void fetch(void *arg)
{
    struct job j = *(struct job *)arg;
    struct ctl *c = j.f->c;
    struct hc_err err = HC_ERR_INIT;
    free(arg);
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const struct hc_val *object = a ? hc_objects_get(c->objects, a, j.k) : NULL;
    hc_str digest = hc_get_str_at(object, "status.artifact.digest");
    enum hc_rc rc = HC_OK;
    if (digest.n && !hc_store_has(ctl_store_blobs(c->store), digest))
        rc = ctl_foreign_fetch(c, a, object, &err);
    settle(j.f, digest, rc, &err);
    hc_queue_done(j.f->q, j.k, INT64_MAX);
    ctl_wake_referrers(c, j.k);
}

static bool fibers_ready(void *ctx)
{
    return hc_fibers_ready(ctx);
}

static void poke(void *ctx)
{
    hc_queue_poke(ctx);
}

static void *work(void *arg)
{
    struct ctl_foreign *f = arg;
    bool stopped = false;
    while (!stopped || hc_fibers_alive(f->fibers) > 0) {
        struct hc_key k;
        bool take = !stopped && !hc_fibers_full(f->fibers);
        enum hc_queue_news news = hc_queue_wait_any(f->q, take, &k, fibers_ready, f->fibers);
        stopped = stopped || news == HC_QUEUE_STOPPED;
        if (news == HC_QUEUE_OTHER)
            hc_fibers_run(f->fibers);
        if (news != HC_QUEUE_KEY)
            continue;
        struct job *j = hc_malloc(sizeof(*j));
        if (j)
            *j = (struct job){ f, k };
        if (!j || !hc_fibers_start(f->fibers, fetch, j)) { /* no memory for a stack */
            free(j);
            hc_queue_done(f->q, k, hc_mono_ms() + 1000);
        }
    }
    return NULL;
}

struct ctl_foreign *ctl_foreign_new(struct ctl *c)
{
    struct ctl_foreign *f = hc_calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->c = c;
    pthread_mutex_init(&f->lock, NULL);
    f->q = hc_queue_new(1000, 60000, 1);
    f->fibers = f->q ? hc_fibers_new(FETCHES, poke, f->q) : NULL;
    if (!f->fibers) {
        ctl_foreign_free(f);
        return NULL;
    }
    return f;
}

void ctl_foreign_stop(struct ctl_foreign *f)
{
    if (!f || !f->started)
        return;
    hc_queue_stop(f->q);
    pthread_join(f->thread, NULL);
    f->started = false;
}

void ctl_foreign_free(struct ctl_foreign *f)
{
    if (!f)
        return;
    ctl_foreign_stop(f);
    hc_fibers_free(f->fibers);
    hc_queue_free(f->q);
    for (struct entry *e = f->entries; e;) {
        struct entry *next = e->next;
        free(e);
        e = next;
    }
    pthread_mutex_destroy(&f->lock);
    free(f);
}

/* ---- asking ---- */

bool ctl_foreign_comes(struct pass *p, const struct hc_val *object)
{
    struct ctl *c = p->c;
    struct ctl_foreign *f = c->foreign;
    enum hc_ctl_kind kind = hc_ctl_kind_of(hc_get_str(hc_map_getz(object, "kind")));
    hc_str digest = hc_get_str_at(object, "status.artifact.digest");
    if (!f || c->serves[kind] || !digest.n || digest.n >= DIGEST || hc_fiber_self() ||
        !hc_get_str_at(object, "status.artifact.url").n || hc_store_has(ctl_store_blobs(c->store), digest))
        return false;
    pthread_mutex_lock(&f->lock);
    struct entry *e = *find(f, digest);
    bool comes = !e || e->state == UNDER_WAY;
    if (!e && (e = hc_calloc(1, sizeof(*e))) != NULL) {
        memcpy(e->digest, digest.p, digest.n);
        e->next = f->entries;
        f->entries = e;
    }
    if (comes && !f->started)
        f->started = pthread_create(&f->thread, NULL, work, f) == 0;
    comes = comes && e && f->started;
    pthread_mutex_unlock(&f->lock);
    struct hc_key k = { kind, hc_get_str_at(object, "metadata.namespace"), hc_get_str_at(object, "metadata.name") };
    comes = comes && hc_queue_add(f->q, k);
    p->under_way = p->under_way || comes;
    return comes;
}

enum hc_rc ctl_foreign_failed(struct ctl *c, hc_str digest, struct hc_err *err)
{
    struct ctl_foreign *f = c->foreign;
    enum hc_rc rc = HC_OK;
    if (!f)
        return HC_OK;
    pthread_mutex_lock(&f->lock);
    struct entry **at = find(f, digest), *e = *at;
    if (e && e->state == FAILED) {
        rc = hc_err_copy(err, &e->err);
        *at = e->next;
        free(e);
    }
    pthread_mutex_unlock(&f->lock);
    return rc;
}
