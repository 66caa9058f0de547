/*
 * A hash table of items; the ready ones stand in two lists, those with a timer in a binary heap that knows each item's
 * place. An item is forgotten when nothing is left to remember: not ready, not running, no timer, no failures.
 */
#include "helmctl/controller/queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/mem.h"

struct item {
    struct item *chain;                  /* hash bucket */
    struct item *next_ready, **ready_at; /* its ready list, and what points here in it */
    uint64_t hash;
    int64_t at_ms;
    size_t heap_at; /* place in the heap from 1, 0: no timer */
    unsigned failures;
    bool ready, running, dirty;
    bool first;          /* ready, or dirty: before all that only came due */
    int64_t dirty_at_ms; /* earliest time asked for while it was running; INT64_MAX: none */
    enum hc_ctl_kind kind;
    uint32_t ns_n, name_n;
    char text[]; /* ns and name */
};

struct ready {
    struct item *head, **end;
};

struct hc_queue {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct item **buckets;
    size_t buckets_n, items_n;
    struct ready first, others;
    struct item **heap;
    size_t heap_n, heap_cap;
    int64_t min_delay_ms, max_delay_ms;
    uint64_t random;
    bool stopped;
    struct hc_queue_stats stats;
};

static uint64_t key_hash(struct hc_key k)
{
    return hc_str_hash(k.ns) * 31 + hc_str_hash(k.name) * 7 + (uint64_t)k.kind;
}

static struct hc_key key_of(const struct item *it)
{
    return (struct hc_key){ it->kind, { it->text, it->ns_n }, { it->text + it->ns_n, it->name_n } };
}

static bool is_key(const struct item *it, uint64_t hash, struct hc_key k)
{
    struct hc_key o = key_of(it);
    return it->hash == hash && o.kind == k.kind && hc_str_eq(o.ns, k.ns) && hc_str_eq(o.name, k.name);
}

struct hc_queue *hc_queue_new(int64_t min_delay_ms, int64_t max_delay_ms, uint64_t seed)
{
    struct hc_queue *q = hc_calloc(1, sizeof(*q));
    if (!q)
        return NULL;
    q->buckets_n = 64;
    q->buckets = hc_calloc(q->buckets_n, sizeof(struct item *));
    if (!q->buckets) {
        free(q);
        return NULL;
    }
    q->first.end = &q->first.head;
    q->others.end = &q->others.head;
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&q->wake, &attr);
    pthread_condattr_destroy(&attr);
    q->min_delay_ms = min_delay_ms;
    q->max_delay_ms = max_delay_ms;
    q->random = seed | 1;
    return q;
}

void hc_queue_free(struct hc_queue *q)
{
    if (!q)
        return;
    for (size_t i = 0; i < q->buckets_n; i++)
        for (struct item *it = q->buckets[i]; it;) {
            struct item *next = it->chain;
            free(it);
            it = next;
        }
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->wake);
    free(q->buckets);
    free(q->heap);
    free(q);
}

/* ---- table ---- */

static struct item *find(struct hc_queue *q, struct hc_key k)
{
    uint64_t hash = key_hash(k);
    for (struct item *it = q->buckets[hash % q->buckets_n]; it; it = it->chain)
        if (is_key(it, hash, k))
            return it;
    return NULL;
}

static void grow_table(struct hc_queue *q)
{
    size_t n = q->buckets_n * 2;
    struct item **b = hc_calloc(n, sizeof(struct item *));
    if (!b)
        return; /* longer chains, nothing worse */
    for (size_t i = 0; i < q->buckets_n; i++)
        for (struct item *it = q->buckets[i]; it;) {
            struct item *next = it->chain;
            it->chain = b[it->hash % n];
            b[it->hash % n] = it;
            it = next;
        }
    free(q->buckets);
    q->buckets = b;
    q->buckets_n = n;
}

static struct item *need(struct hc_queue *q, struct hc_key k)
{
    struct item *it = find(q, k);
    if (it)
        return it;
    it = hc_calloc(1, sizeof(*it) + k.ns.n + k.name.n + 1);
    if (!it)
        return NULL;
    if (q->items_n >= q->buckets_n * 2)
        grow_table(q);
    it->hash = key_hash(k);
    it->kind = k.kind;
    it->ns_n = (uint32_t)k.ns.n;
    it->name_n = (uint32_t)k.name.n;
    it->dirty_at_ms = INT64_MAX;
    if (k.ns.n)
        memcpy(it->text, k.ns.p, k.ns.n);
    if (k.name.n)
        memcpy(it->text + k.ns.n, k.name.p, k.name.n);
    it->chain = q->buckets[it->hash % q->buckets_n];
    q->buckets[it->hash % q->buckets_n] = it;
    q->items_n++;
    return it;
}

static void forget_if_idle(struct hc_queue *q, struct item *it)
{
    if (it->ready || it->running || it->heap_at || it->failures)
        return;
    for (struct item **p = &q->buckets[it->hash % q->buckets_n]; *p; p = &(*p)->chain)
        if (*p == it) {
            *p = it->chain;
            break;
        }
    q->items_n--;
    free(it);
}

/* ---- heap ---- */

static void heap_set(struct hc_queue *q, size_t at, struct item *it)
{
    q->heap[at - 1] = it;
    it->heap_at = at;
}

static void heap_move(struct hc_queue *q, struct item *it)
{
    size_t at = it->heap_at;
    while (at > 1 && q->heap[at / 2 - 1]->at_ms > it->at_ms) {
        heap_set(q, at, q->heap[at / 2 - 1]);
        at /= 2;
    }
    for (;;) {
        size_t child = at * 2;
        if (child > q->heap_n)
            break;
        if (child < q->heap_n && q->heap[child]->at_ms < q->heap[child - 1]->at_ms)
            child++;
        if (q->heap[child - 1]->at_ms >= it->at_ms)
            break;
        heap_set(q, at, q->heap[child - 1]);
        at = child;
    }
    heap_set(q, at, it);
}

static void heap_del(struct hc_queue *q, struct item *it)
{
    size_t at = it->heap_at;
    if (!at)
        return;
    struct item *last = q->heap[--q->heap_n];
    it->heap_at = 0;
    if (last != it) {
        heap_set(q, at, last);
        heap_move(q, last);
    }
}

static bool heap_put(struct hc_queue *q, struct item *it, int64_t at_ms)
{
    it->at_ms = at_ms;
    if (!it->heap_at) {
        if (q->heap_n == q->heap_cap) {
            size_t cap = q->heap_cap ? q->heap_cap * 2 : 32;
            struct item **h = hc_realloc(q->heap, cap * sizeof(struct item *));
            if (!h)
                return false;
            q->heap = h;
            q->heap_cap = cap;
        }
        q->heap_n++;
        heap_set(q, q->heap_n, it);
    }
    heap_move(q, it);
    return true;
}

/* ---- states ---- */

static void link_ready(struct hc_queue *q, struct item *it)
{
    struct ready *r = it->first ? &q->first : &q->others;
    it->next_ready = NULL;
    it->ready_at = r->end;
    *r->end = it;
    r->end = &it->next_ready;
}

static void unlink_ready(struct hc_queue *q, struct item *it)
{
    struct ready *r = it->first ? &q->first : &q->others;
    *it->ready_at = it->next_ready;
    if (it->next_ready)
        it->next_ready->ready_at = it->ready_at;
    else
        r->end = it->ready_at;
}

static void make_ready(struct hc_queue *q, struct item *it)
{
    heap_del(q, it);
    if (it->ready)
        return;
    it->ready = true;
    link_ready(q, it);
    q->stats.ready++;
    pthread_cond_signal(&q->wake);
}

static bool add(struct hc_queue *q, struct hc_key k, bool first)
{
    pthread_mutex_lock(&q->lock);
    struct item *it = need(q, k);
    if (it) {
        q->stats.adds++;
        if (first && !it->first) {
            if (it->ready)
                unlink_ready(q, it);
            it->first = true;
            if (it->ready)
                link_ready(q, it);
        }
        if (it->running)
            it->dirty = true;
        else
            make_ready(q, it);
    }
    pthread_mutex_unlock(&q->lock);
    return it != NULL;
}

bool hc_queue_add(struct hc_queue *q, struct hc_key k)
{
    return add(q, k, false);
}

bool hc_queue_add_first(struct hc_queue *q, struct hc_key k)
{
    return add(q, k, true);
}

bool hc_queue_add_at(struct hc_queue *q, struct hc_key k, int64_t at_ms)
{
    bool ok = true;
    pthread_mutex_lock(&q->lock);
    struct item *it = need(q, k);
    if (!it) {
        ok = false;
    } else if (it->running) {
        it->dirty_at_ms = HC_MIN(it->dirty_at_ms, at_ms);
    } else if (!it->ready && (!it->heap_at || at_ms < it->at_ms)) {
        if (!heap_put(q, it, at_ms))
            make_ready(q, it); /* as in put_back */
        pthread_cond_signal(&q->wake);
    }
    pthread_mutex_unlock(&q->lock);
    return ok;
}

void hc_queue_drop(struct hc_queue *q, struct hc_key k)
{
    pthread_mutex_lock(&q->lock);
    struct item *it = find(q, k);
    if (it) {
        heap_del(q, it);
        it->failures = 0;
        it->dirty_at_ms = INT64_MAX;
        forget_if_idle(q, it);
    }
    pthread_mutex_unlock(&q->lock);
}

static bool take(struct hc_queue *q, int64_t now_ms, struct hc_key *out, int64_t *out_next_ms)
{
    while (q->heap_n && q->heap[0]->at_ms <= now_ms)
        make_ready(q, q->heap[0]);
    if (out_next_ms)
        *out_next_ms = q->heap_n ? q->heap[0]->at_ms : INT64_MAX;
    struct item *it = q->first.head ? q->first.head : q->others.head;
    if (!it || q->stopped)
        return false;
    unlink_ready(q, it);
    it->ready = it->first = false;
    it->running = true;
    it->dirty = false;
    it->dirty_at_ms = INT64_MAX;
    q->stats.ready--;
    q->stats.running++;
    q->stats.takes++;
    *out = key_of(it);
    return true;
}

bool hc_queue_take(struct hc_queue *q, int64_t now_ms, struct hc_key *out, int64_t *out_next_ms)
{
    pthread_mutex_lock(&q->lock);
    bool got = take(q, now_ms, out, out_next_ms);
    pthread_mutex_unlock(&q->lock);
    return got;
}

static bool nothing_else(void *ctx)
{
    (void)ctx;
    return false;
}

bool hc_queue_wait(struct hc_queue *q, struct hc_key *out)
{
    return hc_queue_wait_any(q, true, out, nothing_else, NULL) == HC_QUEUE_KEY;
}

enum hc_queue_news hc_queue_wait_any(struct hc_queue *q, bool do_take, struct hc_key *out, bool (*other)(void *ctx),
                                     void *ctx)
{
    enum hc_queue_news news = HC_QUEUE_STOPPED;
    pthread_mutex_lock(&q->lock);
    for (;;) {
        int64_t next = INT64_MAX;
        if (other(ctx)) {
            news = HC_QUEUE_OTHER;
            break;
        }
        if (do_take && q->stopped)
            break;
        if (do_take && take(q, hc_mono_ms(), out, &next)) {
            news = HC_QUEUE_KEY;
            break;
        }
        if (next == INT64_MAX) {
            pthread_cond_wait(&q->wake, &q->lock);
        } else {
            struct timespec until = { .tv_sec = (time_t)(next / 1000), .tv_nsec = (long)(next % 1000) * 1000000 };
            pthread_cond_timedwait(&q->wake, &q->lock, &until);
        }
    }
    pthread_mutex_unlock(&q->lock);
    return news;
}

void hc_queue_poke(struct hc_queue *q)
{
    pthread_mutex_lock(&q->lock);
    pthread_cond_broadcast(&q->wake);
    pthread_mutex_unlock(&q->lock);
}

/* Out of the worker's hands; `at_ms` is when to look again unless something asked for earlier. */
static void put_back(struct hc_queue *q, struct item *it, int64_t at_ms)
{
    it->running = false;
    q->stats.running--;
    at_ms = HC_MIN(at_ms, it->dirty_at_ms);
    if (it->dirty || (at_ms != INT64_MAX && !heap_put(q, it, at_ms)))
        make_ready(q, it); /* without memory for a timer: at once is better than never */
    else if (at_ms != INT64_MAX)
        pthread_cond_signal(&q->wake);
    it->dirty = false;
    it->dirty_at_ms = INT64_MAX;
    forget_if_idle(q, it);
}

void hc_queue_done(struct hc_queue *q, struct hc_key k, int64_t at_ms)
{
    pthread_mutex_lock(&q->lock);
    struct item *it = find(q, k);
    if (it) {
        it->failures = 0;
        put_back(q, it, at_ms);
    }
    pthread_mutex_unlock(&q->lock);
}

static uint64_t next_random(struct hc_queue *q)
{
    q->random ^= q->random << 13; /* xorshift64: only spreads retries */
    q->random ^= q->random >> 7;
    q->random ^= q->random << 17;
    return q->random;
}

int64_t hc_queue_failed(struct hc_queue *q, struct hc_key k, int64_t now_ms, int64_t not_before_ms)
{
    int64_t at = now_ms;
    pthread_mutex_lock(&q->lock);
    struct item *it = find(q, k);
    if (it) {
        int64_t delay = hc_doubled_ms(q->min_delay_ms, it->failures, q->max_delay_ms);
        delay += (int64_t)(next_random(q) % (uint64_t)(delay / 5 + 1));
        at = HC_MAX(now_ms + HC_MIN(delay, q->max_delay_ms), not_before_ms);
        it->failures++;
        q->stats.retries++;
        put_back(q, it, at);
    }
    pthread_mutex_unlock(&q->lock);
    return at;
}

bool hc_queue_dirty(struct hc_queue *q, struct hc_key k)
{
    pthread_mutex_lock(&q->lock);
    struct item *it = find(q, k);
    bool dirty = it && it->running && it->dirty;
    pthread_mutex_unlock(&q->lock);
    return dirty;
}

unsigned hc_queue_failures(struct hc_queue *q, struct hc_key k)
{
    pthread_mutex_lock(&q->lock);
    struct item *it = find(q, k);
    unsigned n = it ? it->failures : 0;
    pthread_mutex_unlock(&q->lock);
    return n;
}

void hc_queue_stop(struct hc_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->stopped = true;
    pthread_cond_broadcast(&q->wake);
    pthread_mutex_unlock(&q->lock);
}

void hc_queue_stats(struct hc_queue *q, struct hc_queue_stats *out)
{
    pthread_mutex_lock(&q->lock);
    *out = q->stats;
    out->keys = q->items_n;
    out->timers = q->heap_n;
    pthread_mutex_unlock(&q->lock);
}
