/*
 * A watch is a small machine on the HTTP loop's thread: list pages, follow the stream, pause, again. It owns one call
 * at a time; each of the three ends in a callback that begins the next. Nothing blocks.
 *
 * Where memory was refused while something was told, here or to whom it was told, nobody knows what got lost: then all of it
 * is listed and told once more. The pause before that takes no memory (its timer is made with the watch), so that a watch
 * ends when it is stopped, or with the loop, and never for want of memory.
 *
 * The table of known objects (name, uid, hash of the resourceVersion: no content) tells after a list which
 * objects vanished and which did not change, so that a list after 410 Gone says no more than what happened.
 *
 * A stream is given up after IDLE_MS without a byte; a server with a watch cache sends a bookmark every minute, and
 * for one without, an extra reconnection costs one request. A connection whose peer is gone is noticed sooner by
 * the HTTP loop.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/value/json.h"
#include "deploy/kube/kube_impl.h"

#define IDLE_MS        100000
#define LIST_MS        60000
#define FIRST_PAUSE_MS 200
#define LAST_PAUSE_MS  30000
#define SHORT_LIFE_MS  1000 /* a stream that ends sooner is not followed by another at once */
#define KEEP_LINE      ((size_t)256 * 1024)

struct known {
    struct known *next;
    uint64_t hash, rv;
    unsigned gen;
    uint16_t ns_n, name_n;
    char uid[40];
    char text[]; /* namespace, name */
};

struct hc_kube_watch {
    atomic_int refs; /* the owner, and the machine until it ended */
    struct hc_kube *k;
    struct hc_arena *arena; /* what is asked for */
    hc_str api_version, kind, label_selector, field_selector, base;
    bool metadata_only, writers;
    void (*on_event)(void *ctx, enum hc_watch_event e, const struct hc_val *object);
    void *ctx;

    pthread_mutex_t mu;
    pthread_cond_t cond;
    atomic_bool stopping;
    bool ended;
    struct hc_http_call *call;  /* a list or a stream */
    struct hc_http_call *timer; /* of pauses: the same one again and again */

    /* the loop's thread only */
    char rv[128];     /* empty: a list is due */
    char *next_page;  /* continue token of a list at work */
    bool whole;       /* list without pages: those grew too old */
    bool failed;      /* HC_WATCH_FAILED was told */
    bool gone;        /* the stream said 410 */
    bool lost;        /* memory was refused while the stream was told of */
    unsigned gen;     /* of the list at work */
    int64_t pause_ms; /* the next one when things go on failing */
    int64_t begun_ms;
    struct hc_buf line;
    struct known **buckets;
    size_t buckets_n, known_n;
};

static void watch_unref(struct hc_kube_watch *w)
{
    if (atomic_fetch_sub(&w->refs, 1) != 1)
        return;
    for (size_t i = 0; i < w->buckets_n; i++)
        for (struct known *n = w->buckets[i], *next; n; n = next) {
            next = n->next;
            free(n);
        }
    free(w->buckets);
    free(w->next_page);
    hc_buf_done(&w->line);
    hc_http_unref(w->call);
    hc_http_unref(w->timer);
    hc_arena_free(w->arena);
    pthread_mutex_destroy(&w->mu);
    pthread_cond_destroy(&w->cond);
    free(w);
}

static void emit(struct hc_kube_watch *w, enum hc_watch_event e, const struct hc_val *object)
{
    if (!atomic_load(&w->stopping))
        w->on_event(w->ctx, e, object);
}

/* ---- known objects ------------------------------------------------------------------------------- */

static struct known **slot(struct hc_kube_watch *w, uint64_t hash, hc_str ns, hc_str name)
{
    struct known **at = &w->buckets[hash & (w->buckets_n - 1)];
    while (*at && !((*at)->hash == hash && hc_str_eq(hc_str_n((*at)->text, (*at)->ns_n), ns) &&
                    hc_str_eq(hc_str_n((*at)->text + (*at)->ns_n, (*at)->name_n), name)))
        at = &(*at)->next;
    return at;
}

static bool grow(struct hc_kube_watch *w)
{
    size_t n = w->buckets_n ? w->buckets_n * 2 : 64;
    struct known **more = hc_calloc(n, sizeof(*more));
    if (!more)
        return w->buckets_n > 0;
    for (size_t i = 0; i < w->buckets_n; i++)
        for (struct known *e = w->buckets[i], *next; e; e = next) {
            next = e->next;
            e->next = more[e->hash & (n - 1)];
            more[e->hash & (n - 1)] = e;
        }
    free(w->buckets);
    w->buckets = more;
    w->buckets_n = n;
    return true;
}

/* Notes the object; gives what is news about it: ADDED, MODIFIED, or SYNCED for nothing. */
static enum hc_watch_event note(struct hc_kube_watch *w, const struct hc_val *object)
{
    const struct hc_val *m = hc_map_getz(object, "metadata");
    hc_str ns = hc_get_str(hc_map_getz(m, "namespace")), name = hc_get_str(hc_map_getz(m, "name"));
    hc_str uid = hc_get_str(hc_map_getz(m, "uid"));
    uint64_t rv = hc_str_hash(hc_get_str(hc_map_getz(m, "resourceVersion")));
    uint64_t hash = hc_str_hash(name) ^ (hc_str_hash(ns) * 31);
    if (ns.n > UINT16_MAX || name.n > UINT16_MAX || (w->known_n >= w->buckets_n && !grow(w)))
        return HC_WATCH_MODIFIED;
    struct known **at = slot(w, hash, ns, name);
    if (*at) {
        bool same = (*at)->rv == rv && hc_str_eq(hc_str_n((*at)->uid, strlen((*at)->uid)), uid);
        (*at)->rv = rv;
        (*at)->gen = w->gen;
        snprintf((*at)->uid, sizeof((*at)->uid), "%.*s", HC_P(uid));
        return same ? HC_WATCH_SYNCED : HC_WATCH_MODIFIED;
    }
    struct known *n = hc_malloc(sizeof(*n) + ns.n + name.n);
    if (!n)
        return HC_WATCH_ADDED;
    *n = (struct known){
        .hash = hash, .rv = rv, .gen = w->gen, .ns_n = (uint16_t)ns.n, .name_n = (uint16_t)name.n
    };
    snprintf(n->uid, sizeof(n->uid), "%.*s", HC_P(uid));
    if (ns.n)
        memcpy(n->text, ns.p, ns.n);
    if (name.n)
        memcpy(n->text + ns.n, name.p, name.n);
    *at = n;
    w->known_n++;
    return HC_WATCH_ADDED;
}

static void forget(struct hc_kube_watch *w, const struct hc_val *object)
{
    hc_str ns = hc_get_str_at(object, "metadata.namespace"), name = hc_get_str_at(object, "metadata.name");
    if (!w->buckets_n)
        return;
    struct known **at = slot(w, hc_str_hash(name) ^ (hc_str_hash(ns) * 31), ns, name), *n = *at;
    if (!n)
        return;
    *at = n->next;
    w->known_n--;
    free(n);
}

/* The next list tells of each object again. */
static void doubt_all(struct hc_kube_watch *w)
{
    w->rv[0] = '\0';
    for (size_t i = 0; i < w->buckets_n; i++)
        for (struct known *n = w->buckets[i]; n; n = n->next)
            n->rv = 0;
}

/* Objects the list at work did not have are gone. One that could not be told of stays known, for the next list. */
static void sweep(struct hc_kube_watch *w)
{
    for (size_t i = 0; i < w->buckets_n; i++)
        for (struct known **at = &w->buckets[i]; *at;) {
            struct known *n = *at;
            if (n->gen == w->gen) {
                at = &n->next;
                continue;
            }
            uint64_t before = hc_mem_shortages();
            HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
            struct hc_val *o = hc_map_new(a), *m = hc_map_sub(a, o, "metadata");
            kube_stamp(a, o, w->api_version, w->kind);
            hc_map_put_str(a, m, "name", hc_str_n(n->text + n->ns_n, n->name_n));
            if (n->ns_n)
                hc_map_put_str(a, m, "namespace", hc_str_n(n->text, n->ns_n));
            hc_map_put_strz(a, m, "uid", n->uid);
            if (!hc_arena_spent(a))
                emit(w, HC_WATCH_DELETED, o);
            if (hc_mem_shortages() != before) {
                at = &n->next;
                continue;
            }
            *at = n->next;
            w->known_n--;
            free(n);
        }
}

/* ---- objects that arrive ------------------------------------------------------------------------- */

static void deliver(struct hc_kube_watch *w, struct hc_arena *a, struct hc_val *object, bool deleted)
{
    if (!w->writers)
        hc_map_del(hc_map_getz(object, "metadata"), HC_S("managedFields"));
    kube_stamp(a, object, w->api_version, w->kind);
    if (deleted) {
        uint64_t before = hc_mem_shortages();
        emit(w, HC_WATCH_DELETED, object);
        if (hc_mem_shortages() == before)
            forget(w, object);
        return;
    }
    enum hc_watch_event e = note(w, object);
    if (e != HC_WATCH_SYNCED)
        emit(w, e, object);
}

static void set_rv(struct hc_kube_watch *w, hc_str rv)
{
    if (rv.n && rv.n < sizeof(w->rv))
        snprintf(w->rv, sizeof(w->rv), "%.*s", HC_P(rv));
}

static bool on_line(struct hc_kube_watch *w, hc_str line)
{
    uint64_t before = hc_mem_shortages();
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_val *v = NULL;
    line = hc_str_trim(line);
    if (!line.n)
        return true;
    if (hc_json_parse(a, line, HC_JSON_REF | HC_JSON_NO_POSITIONS, &v, NULL) != HC_OK)
        return false; /* again from the last good event */
    hc_str type = hc_get_str(hc_map_getz(v, "type"));
    struct hc_val *object = hc_map_getz(v, "object");
    if (hc_str_eqz(type, "ERROR")) {
        w->gone = hc_get_int_at(object, "code", 0) == 410;
        return false;
    }
    hc_str rv = hc_get_str_at(object, "metadata.resourceVersion");
    if (!hc_str_eqz(type, "BOOKMARK"))
        deliver(w, a, object, hc_str_eqz(type, "DELETED"));
    set_rv(w, rv);
    if (w->failed) {
        w->failed = false;
        emit(w, HC_WATCH_SYNCED, NULL);
    }
    w->lost = hc_mem_shortages() != before;
    return !w->lost && !atomic_load(&w->stopping);
}

static bool on_data(void *ctx, const char *p, size_t n)
{
    struct hc_kube_watch *w = ctx;
    hc_str rest = { p, n };
    while (rest.n) {
        size_t end = hc_str_find(rest, '\n');
        if (end == SIZE_MAX) {
            hc_buf_put(&w->line, rest);
            return !w->line.spent;
        }
        hc_str line = hc_str_sub(rest, 0, end);
        if (w->line.n) {
            hc_buf_put(&w->line, line);
            if (w->line.spent)
                return false;
            line = hc_buf_str(&w->line);
        }
        bool more = on_line(w, line);
        hc_buf_reset(&w->line);
        if (w->line.cap > KEEP_LINE)
            hc_buf_done(&w->line);
        if (!more)
            return false;
        rest = hc_str_sub(rest, end + 1, rest.n);
    }
    return true;
}

/* ---- the machine --------------------------------------------------------------------------------- */

static void begin(struct hc_kube_watch *w);
static void on_list(void *ctx, enum hc_rc rc, const struct hc_http_response *r, const struct hc_err *err);
static void on_stream_end(void *ctx, enum hc_rc rc, const struct hc_http_response *r, const struct hc_err *err);

/* Puts the next call in place. */
static void hold(struct hc_kube_watch *w, struct hc_http_call *call)
{
    pthread_mutex_lock(&w->mu);
    hc_http_unref(w->call);
    w->call = call;
    if (atomic_load(&w->stopping))
        hc_http_cancel(call);
    pthread_mutex_unlock(&w->mu);
}

/* The machine ends: it was stopped, or the loop is ending. */
static void end(struct hc_kube_watch *w)
{
    pthread_mutex_lock(&w->mu);
    hc_http_unref(w->call);
    w->call = NULL;
    w->ended = true;
    pthread_cond_broadcast(&w->cond);
    pthread_mutex_unlock(&w->mu);
    watch_unref(w);
}

static void on_pause_end(void *ctx, enum hc_rc rc, const struct hc_http_response *r, const struct hc_err *err)
{
    (void)rc, (void)r, (void)err;
    begin(ctx);
}

static void pause_for(struct hc_kube_watch *w, int64_t ms)
{
    uint32_t random = 0;
    hc_random_bytes(&random, sizeof(random));
    ms = ms / 2 + (int64_t)(random % (uint32_t)(ms + 1)); /* half to one and a half */
    pthread_mutex_lock(&w->mu);
    hc_http_unref(w->call);
    w->call = NULL;
    bool on = !atomic_load(&w->stopping) && hc_http_after_again(w->timer, ms);
    pthread_mutex_unlock(&w->mu);
    if (!on)
        end(w);
}

static void back_off(struct hc_kube_watch *w, int64_t asked_ms)
{
    w->pause_ms = w->pause_ms ? HC_MIN(w->pause_ms * 2, LAST_PAUSE_MS) : FIRST_PAUSE_MS;
    pause_for(w, HC_MAX(w->pause_ms, HC_MIN(asked_ms, LAST_PAUSE_MS)));
}

/* Tells once that it does not work, and tries on. `status` 0: no answer came. */
static void fail(struct hc_kube_watch *w, const char *verb, const struct hc_http_response *r,
                 const struct hc_err *err)
{
    int status = r && err->code == HC_OK ? r->status : 0;
    struct hc_err said = HC_ERR_INIT;
    struct kube_call named = { .verb = verb, .object = w->kind };
    if (status)
        kube_error(&named, status, r->body, &said);
    else
        hc_fail(&said, HC_E_AGAIN, "%s %.*s: %s", verb, HC_P(w->kind), err->msg);
    if (status == 401)
        kube_token_expired(w->k);
    if (status == 404 || status == 410)
        w->rv[0] = '\0';
    if (!w->failed) {
        w->failed = true;
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_val *o = hc_map_new(a);
        hc_map_put_strz(a, o, "message", said.msg);
        hc_map_put_int(a, o, "code", status);
        emit(w, HC_WATCH_FAILED, o);
    }
    back_off(w, r ? r->retry_after_ms : 0);
}

/* Memory was refused: from the beginning. */
static void fail_short(struct hc_kube_watch *w, const char *verb)
{
    struct hc_err err = HC_ERR_INIT;
    hc_fail_nomem(&err);
    free(w->next_page);
    w->next_page = NULL;
    w->lost = false;
    doubt_all(w);
    fail(w, verb, NULL, &err);
}

static void begin(struct hc_kube_watch *w)
{
    if (atomic_load(&w->stopping)) {
        end(w);
        return;
    }
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    bool list = !w->rv[0];
    struct hc_buf b;
    hc_buf_init(&b, 65536);
    hc_buf_puts(&b, w->k->server->base);
    hc_buf_put(&b, w->base);
    struct hc_kube_list select = { .label_selector = w->label_selector, .field_selector = w->field_selector };
    kube_selectors(&b, &select);
    if (list) {
        if (!w->whole)
            kube_query(&b, "limit", HC_S("500"));
        kube_query(&b, "continue", hc_str_of(w->next_page));
        if (!w->next_page)
            w->gen++;
    } else {
        uint8_t random = 0;
        hc_random_bytes(&random, sizeof(random));
        kube_query(&b, "watch", HC_S("1"));
        kube_query(&b, "allowWatchBookmarks", HC_S("true"));
        kube_query(&b, "resourceVersion", hc_str_of(w->rv));
        kube_query(&b, "timeoutSeconds", hc_arena_printf(a, "%d", 240 + random));
        hc_buf_reset(&w->line);
        w->gone = false;
    }
    w->begun_ms = hc_mono_ms();
    const char *accept = !w->metadata_only ? NULL : list ? kube_accept_metadata_list : kube_accept_metadata;
    struct hc_http_request req = {
        .method = "GET",
        .url = hc_buf_to_arena(&b, a).p,
        .headers = kube_headers(w->k, a, accept, NULL),
        .tls = w->k->server->tls,
        .proxy = w->k->server->proxy,
        .timeout_ms = list ? LIST_MS : -1,
        .idle_timeout_ms = list ? 0 : IDLE_MS,
        .max_bytes = list ? 0 : SIZE_MAX,
        .on_data = list ? NULL : on_data,
        .ctx = w,
    };
    hc_buf_done(&b);
    struct hc_http_call *call = req.url && req.headers
                                    ? hc_http_start(w->k->server->http, &req, list ? on_list : on_stream_end)
                                    : NULL;
    if (call)
        hold(w, call);
    else
        fail_short(w, list ? "list" : "watch"); /* or the loop is ending: then there is no pause either */
}

static void on_list(void *ctx, enum hc_rc rc, const struct hc_http_response *r, const struct hc_err *err)
{
    struct hc_kube_watch *w = ctx;
    uint64_t before = hc_mem_shortages();
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_val *page = NULL;
    struct hc_err bad = HC_ERR_INIT;
    if (atomic_load(&w->stopping)) {
        end(w);
        return;
    }
    if (rc == HC_OK && r->status == 410 && w->next_page) { /* the pages grew too old: all at once */
        free(w->next_page);
        w->next_page = NULL;
        w->whole = true;
        begin(w);
        return;
    }
    if (rc != HC_OK || r->status != 200) {
        free(w->next_page);
        w->next_page = NULL;
        fail(w, "list", r, err);
        return;
    }
    if (hc_json_parse(a, r->body, HC_JSON_REF | HC_JSON_NO_POSITIONS, &page, &bad) != HC_OK) {
        free(w->next_page);
        w->next_page = NULL;
        fail(w, "list", NULL, &bad);
        return;
    }
    const struct hc_val *items = hc_map_getz(page, "items");
    for (size_t i = 0; i < hc_list_len(items) && !atomic_load(&w->stopping); i++)
        deliver(w, a, hc_list_at(items, i), false);
    hc_str next = hc_get_str_at(page, "metadata.continue");
    free(w->next_page);
    w->next_page = next.n ? hc_strdup_n(next.p, next.n) : NULL;
    if (!next.n && hc_mem_shortages() == before)
        sweep(w);
    if (hc_mem_shortages() != before) {
        fail_short(w, "list");
        return;
    }
    w->failed = false;
    if (!w->next_page) {
        w->whole = false;
        set_rv(w, hc_get_str_at(page, "metadata.resourceVersion"));
        if (!w->rv[0])
            set_rv(w, HC_S("0")); /* a server that counts no versions */
        emit(w, HC_WATCH_SYNCED, NULL);
        if (hc_mem_shortages() != before) {
            fail_short(w, "list");
            return;
        }
    }
    begin(w);
}

static void on_stream_end(void *ctx, enum hc_rc rc, const struct hc_http_response *r, const struct hc_err *err)
{
    struct hc_kube_watch *w = ctx;
    if (atomic_load(&w->stopping)) {
        end(w);
        return;
    }
    bool stood = r->status == 200;
    if (w->lost) {
        fail_short(w, "watch");
        return;
    }
    if (w->gone || (rc == HC_OK && r->status == 410)) {
        w->rv[0] = '\0';
        w->gone = false;
        back_off(w, 0);
        return;
    }
    if (!stood) {
        fail(w, "watch", r, err);
        return;
    }
    if (hc_mono_ms() - w->begun_ms < SHORT_LIFE_MS) {
        back_off(w, 0);
        return;
    }
    w->pause_ms = 0;
    if (rc == HC_OK)
        begin(w);
    else
        pause_for(w, FIRST_PAUSE_MS / 2); /* cut off: not all watches at the same moment */
}

/* ---- any thread ---------------------------------------------------------------------------------- */

struct hc_kube_watch *hc_kube_watch_start(struct hc_kube *k, const struct hc_kube_list *what,
                                          void (*on_event)(void *ctx, enum hc_watch_event e,
                                                           const struct hc_val *object),
                                          void *ctx, struct hc_err *err)
{
    struct hc_kube_resource res;
    if (hc_kube_resource_of(k, what->api_version, what->kind, &res, err) != HC_OK) {
        hc_wrap(err, "watch %.*s", HC_P(what->kind));
        return NULL;
    }
    if (!kube_segment(what->ns)) {
        hc_fail(err, HC_E_INPUT, "watch %.*s: no such namespace can be", HC_P(what->kind));
        return NULL;
    }
    struct hc_kube_watch *w = hc_calloc(1, sizeof(*w));
    struct hc_arena *a = hc_arena_new(0);
    if (!w || !a) {
        free(w);
        hc_arena_free(a);
        hc_fail_nomem(err);
        return NULL;
    }
    atomic_init(&w->refs, 2);
    atomic_init(&w->stopping, false);
    pthread_mutex_init(&w->mu, NULL);
    pthread_cond_init(&w->cond, NULL);
    w->k = k;
    w->arena = a;
    w->on_event = on_event;
    w->ctx = ctx;
    w->api_version = hc_arena_str(a, what->api_version);
    w->kind = hc_arena_str(a, what->kind);
    w->label_selector = hc_arena_str(a, what->label_selector);
    w->field_selector = hc_arena_str(a, what->field_selector);
    w->metadata_only = what->metadata_only;
    w->writers = what->writers;
    hc_buf_init(&w->line, HC_MAX_RESPONSE_BYTES);
    struct hc_buf b;
    hc_buf_init(&b, 65536);
    kube_path(&b, &res, what->ns, (hc_str){ NULL, 0 }, NULL);
    w->base = hc_buf_to_arena(&b, a);
    hc_buf_done(&b);
    /* The first step too belongs to the loop's thread. */
    pthread_mutex_lock(&w->mu); /* it must find the timer */
    w->timer = hc_arena_spent(a) ? NULL : hc_http_after(k->server->http, 0, w, on_pause_end);
    bool begun = w->timer != NULL;
    pthread_mutex_unlock(&w->mu);
    if (!begun) {
        atomic_store(&w->refs, 1);
        watch_unref(w);
        hc_fail(err, HC_E_AGAIN, "watch %.*s: no memory, or stopped", HC_P(what->kind));
        return NULL;
    }
    return w;
}

void hc_kube_watch_stop(struct hc_kube_watch *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->mu);
    atomic_store(&w->stopping, true);
    if (w->call)
        hc_http_cancel(w->call);
    hc_http_cancel(w->timer);
    if (!hc_http_on_loop(w->k->server->http))
        while (!w->ended)
            pthread_cond_wait(&w->cond, &w->mu);
    pthread_mutex_unlock(&w->mu);
    watch_unref(w);
}
