/*
 * The cache of indexes that `repo update` fills and that names of charts are looked up in.
 */
#include <pthread.h>
#include <stdio.h>

#include "charts-fetch/source/index.h"
#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/http/fiber.h"
#include "helmctl/cli/helmhome.h"

enum { AT_ONCE = 32 };

struct names {
    struct hc_buf text; /* a chart a line */
    char last[256];
    size_t last_n;
};

static void names_begin(void *ctx)
{
    struct names *n = ctx;
    hc_buf_reset(&n->text);
    n->last_n = SIZE_MAX;
}

static enum hc_rc names_row(void *ctx, hc_str chart, const struct hc_index_row *row, struct hc_err *err)
{
    struct names *n = ctx;
    (void)row;
    if (n->last_n == chart.n && memcmp(n->last, chart.p, chart.n) == 0)
        return HC_OK;
    n->last_n = chart.n <= sizeof(n->last) ? chart.n : SIZE_MAX;
    if (n->last_n != SIZE_MAX)
        memcpy(n->last, chart.p, chart.n);
    hc_buf_put(&n->text, chart);
    hc_buf_putc(&n->text, '\n');
    return hc_buf_check(&n->text, err, "names of the charts");
}

struct fetch {
    struct hc_arena *a;
    const struct hc_globals *g;
    const struct hc_cli_net *net;
    const struct hc_val *entry;
    size_t at;
    hc_helm_told told;
    void *ctx;
};

static enum hc_rc fetch_into(struct fetch *f, const struct hc_source_env *env, struct hc_err *err)
{
    struct hc_artifact got;
    struct hc_source_auth auth = { 0 };
    struct names names;
    const char *blob, *url = hc_arena_strz(f->a, hc_get_str_at(f->entry, "url"));
    hc_str name = hc_get_str_at(f->entry, "name");
    const char *index = hc_helm_index_file(f->a, f->g, name), *charts = hc_helm_charts_file(f->a, f->g, name);
    const struct hc_index_sink sink = { &names, names_begin, names_row };
    enum hc_rc rc = hc_arena_check(f->a, err, "repository");
    if (rc == HC_OK)
        rc = hc_helm_repository_auth(f->a, f->entry, &auth, err);
    if (rc != HC_OK)
        return rc;
    hc_buf_init(&names.text, 0);
    rc = hc_helmrepo_index(env, f->a, url, &auth, (hc_str){ NULL, 0 }, &got, err);
    if (rc == HC_OK)
        rc = hc_store_path(env->store, f->a, got.digest, &blob, err);
    if (rc == HC_OK)
        rc = hc_index_read_file(blob, (hc_str){ NULL, 0 }, &sink, err);
    if (rc == HC_OK && rename(blob, index) < 0)
        rc = hc_fail_errno(err, "keep", index);
    if (rc == HC_OK)
        rc = hc_write_file_as(charts, hc_buf_str(&names.text), 0644, err);
    hc_buf_done(&names.text);
    return rc;
}

/* Each has a store of its own: equal indexes of two repositories would be one file in one store. */
static void fetch_one(void *arg)
{
    struct fetch *f = arg;
    struct hc_err err = HC_ERR_INIT;
    struct hc_source_env env = f->net->env;
    const char *dir = hc_arena_printf(f->a, "%s/%zu", f->net->dir, f->at).p;
    env.store = NULL;
    enum hc_rc rc = dir ? hc_store_open(dir, 0, &env.store, &err) : hc_fail_nomem(&err);
    if (rc == HC_OK)
        rc = fetch_into(f, &env, &err);
    hc_store_close(env.store);
    f->told(f->ctx, f->at, rc, &err);
}

/* What the loop's thread wakes this one with. */
struct bell {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    bool on;
};

static void ring(void *ctx)
{
    struct bell *b = ctx;
    pthread_mutex_lock(&b->lock);
    b->on = true;
    pthread_cond_signal(&b->rung);
    pthread_mutex_unlock(&b->lock);
}

static void wait_for(struct bell *b)
{
    pthread_mutex_lock(&b->lock);
    while (!b->on)
        pthread_cond_wait(&b->rung, &b->lock);
    b->on = false;
    pthread_mutex_unlock(&b->lock);
}

static void fetch_all(struct fetch *fetches, size_t n)
{
    struct bell bell = { .lock = PTHREAD_MUTEX_INITIALIZER, .rung = PTHREAD_COND_INITIALIZER };
    struct hc_fibers *fibers = n > 1 ? hc_fibers_new(AT_ONCE, ring, &bell) : NULL;
    for (size_t i = 0; i < n || (fibers && hc_fibers_alive(fibers) > 0);) {
        if (i < n && (!fibers || !hc_fibers_full(fibers))) {
            if (!fibers || !hc_fibers_start(fibers, fetch_one, &fetches[i])) /* no memory for a stack */
                fetch_one(&fetches[i]);
            i++;
            continue;
        }
        wait_for(&bell);
        hc_fibers_run(fibers);
    }
    hc_fibers_free(fibers);
}

void hc_helm_fetch_indexes(struct hc_arena *a, const struct hc_globals *g, const struct hc_val *entries,
                           int64_t timeout_ms, hc_helm_told told, void *ctx)
{
    struct hc_cli_net net = { .dir = NULL };
    struct hc_err err = HC_ERR_INIT;
    const char *dir = hc_helm_indexes(a, g);
    size_t n = hc_list_len(entries);
    struct fetch *fetches = HC_NEW_N(a, struct fetch, n + 1);
    enum hc_rc rc = dir && fetches ? hc_mkdirs(dir, 0755, &err) : hc_fail_nomem(&err);
    if (rc == HC_OK)
        rc = hc_cli_net_open(a, dir, &net, &err);
    for (size_t i = 0; i < n && rc != HC_OK; i++)
        told(ctx, i, rc, &err);
    if (rc != HC_OK)
        return;
    net.env.timeout_ms = timeout_ms;
    for (size_t i = 0; i < n; i++)
        fetches[i] = (struct fetch){ a, g, &net, hc_list_at(entries, i), i, told, ctx };
    fetch_all(fetches, n);
    hc_cli_net_close(&net);
}

struct one {
    enum hc_rc rc;
    struct hc_err *err;
};

static void tell_one(void *ctx, size_t at, enum hc_rc rc, const struct hc_err *err)
{
    struct one *o = ctx;
    (void)at;
    o->rc = rc == HC_OK ? rc : hc_err_copy(o->err, err);
}

enum hc_rc hc_helm_fetch_index(struct hc_arena *a, const struct hc_globals *g, struct hc_val *entry,
                               int64_t timeout_ms, struct hc_err *err)
{
    struct one o = { HC_OK, err };
    struct hc_val *entries = hc_list_new(a);
    hc_list_add(a, entries, entry);
    if (hc_arena_spent(a))
        return hc_fail_nomem(err);
    hc_helm_fetch_indexes(a, g, entries, timeout_ms, tell_one, &o);
    return o.rc;
}
