/*
 * The memory driver: a list of stored objects under a lock. What it gives is copied into the caller's arena.
 */
#include "core/base/mem.h"
#include "core/value/selector.h"
#include "deploy/release/storage_impl.h"

#include <pthread.h>
#include <stdlib.h>

struct memory {
    pthread_mutex_t lock;
    struct hc_arena *arena; /* all objects; replaced ones stay in it until the end */
    struct stored **items;
    size_t n, cap;
    uint64_t version;
};

static struct stored **find(struct memory *m, hc_str name)
{
    for (size_t i = 0; i < m->n; i++)
        if (hc_str_eq(m->items[i]->storage_name, name))
            return &m->items[i];
    return NULL;
}

static void copy(struct hc_arena *a, const struct stored *from, bool metadata_only, struct stored *to)
{
    *to = (struct stored){ .storage_name = hc_arena_str(a, from->storage_name),
                           .ns = hc_arena_str(a, from->ns),
                           .resource_version = hc_arena_str(a, from->resource_version),
                           .labels = hc_val_clone(a, from->labels) };
    if (from->mark.p)
        to->mark = hc_arena_str(a, from->mark);
    if (!metadata_only)
        to->payload = hc_arena_str(a, from->payload);
    if (!metadata_only && from->recording.n > 0)
        to->recording = hc_arena_str(a, from->recording);
}

static enum hc_rc memory_get(struct hc_storage *s, struct hc_arena *a, hc_str name, bool metadata_only,
                             struct stored *out, struct hc_err *err)
{
    struct memory *m = s->own;
    pthread_mutex_lock(&m->lock);
    struct stored **at = find(m, name);
    if (at)
        copy(a, *at, metadata_only, out);
    pthread_mutex_unlock(&m->lock);
    return at ? HC_OK : hc_fail(err, HC_E_NOTFOUND, "release: not found");
}

static enum hc_rc memory_list(struct hc_storage *s, struct hc_arena *a, hc_str selector, bool all_namespaces,
                              bool metadata_only, struct stored **out, size_t *out_n, struct hc_err *err)
{
    struct memory *m = s->own;
    size_t n = 0;
    enum hc_rc rc = HC_OK;
    (void)all_namespaces;
    pthread_mutex_lock(&m->lock);
    struct stored *list = HC_NEW_N(a, struct stored, m->n + 1);
    for (size_t i = 0; list && rc == HC_OK && i < m->n; i++) {
        bool fits = false;
        rc = hc_selector_fits(selector, m->items[i]->labels, &fits, err);
        if (fits)
            copy(a, m->items[i], metadata_only, &list[n++]);
    }
    pthread_mutex_unlock(&m->lock);
    *out = list;
    *out_n = n;
    return rc == HC_OK ? hc_arena_check(a, err, "releases") : rc;
}

static enum hc_rc keep(struct hc_storage *s, struct hc_arena *a, struct stored *o, bool create, struct hc_err *err)
{
    struct memory *m = s->own;
    enum hc_rc rc = HC_OK;
    pthread_mutex_lock(&m->lock);
    struct stored **at = find(m, o->storage_name), *copied = HC_NEW(m->arena, struct stored);
    if (create && at)
        rc = hc_fail(err, HC_E_CONFLICT, "release: already exists");
    else if (!create && !at)
        rc = hc_fail(err, HC_E_NOTFOUND, "release: not found");
    else if (!create && o->resource_version.n > 0 && !hc_str_eq((*at)->resource_version, o->resource_version))
        rc = hc_fail(err, HC_E_CONFLICT, "release: somebody else has changed it");
    if (rc == HC_OK && !at && m->n == m->cap) {
        size_t cap = m->cap ? m->cap * 2 : 16;
        struct stored **more = hc_realloc(m->items, cap * sizeof(*more));
        if (more) {
            m->items = more;
            m->cap = cap;
        } else {
            rc = hc_fail_nomem(err);
        }
    }
    if (rc == HC_OK && copied) {
        o->resource_version = hc_arena_printf(a, "%" PRIu64, ++m->version);
        copy(m->arena, o, false, copied);
        if (!hc_arena_spent(m->arena) && at)
            *at = copied;
        else if (!hc_arena_spent(m->arena))
            m->items[m->n++] = copied;
    }
    if (rc == HC_OK)
        rc = hc_arena_check(m->arena, err, "release storage in memory");
    pthread_mutex_unlock(&m->lock);
    return rc;
}
static enum hc_rc memory_create(struct hc_storage *s, struct hc_arena *a, struct stored *o, struct hc_err *err)
{
    return keep(s, a, o, true, err);
}
static enum hc_rc memory_update(struct hc_storage *s, struct hc_arena *a, struct stored *o, struct hc_err *err)
{
    return keep(s, a, o, false, err);
}

static enum hc_rc memory_delete(struct hc_storage *s, hc_str name, struct hc_err *err)
{
    struct memory *m = s->own;
    pthread_mutex_lock(&m->lock);
    struct stored **at = find(m, name);
    if (at) {
        size_t i = (size_t)(at - m->items);
        memmove(at, at + 1, (m->n - i - 1) * sizeof(*at));
        m->n--;
    }
    pthread_mutex_unlock(&m->lock);
    return at ? HC_OK : hc_fail(err, HC_E_NOTFOUND, "release: not found");
}

static void memory_free(struct hc_storage *s)
{
    struct memory *m = s->own;
    hc_arena_free(m->arena);
    pthread_mutex_destroy(&m->lock);
    free(m->items);
    free(m);
}

struct hc_storage *hc_storage_memory(void)
{
    static const struct driver driver = { memory_get,    memory_list,   memory_create,
                                          memory_update, memory_delete, memory_free };
    struct hc_storage *s = hc_storage_alloc(&driver, HC_S("default"));
    struct memory *m = hc_calloc(1, sizeof(*m));
    struct hc_arena *a = hc_arena_new(0);
    if (!s || !m || !a) {
        free(s);
        free(m);
        hc_arena_free(a);
        return NULL;
    }
    pthread_mutex_init(&m->lock, NULL);
    m->arena = a;
    s->own = m;
    return s;
}
