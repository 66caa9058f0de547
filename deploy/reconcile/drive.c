/*
 * The driver of commands: one release, one thread, steps until the end. Between two steps it sleeps on a condition that
 * watches of the awaited objects (one watch a kind and namespace) signal; a signal of the process is seen within
 * a quarter of a second.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/mem.h"
#include "deploy/reconcile/reconcile_impl.h"

#define MAX_WATCHES 32u
/* Nobody who waits trusts watches alone: what was not told is looked at after a second, and after twice the time whenever
 * that found nothing, for a watch whose first list or whose stream was not answered tells nothing either. */
enum { BLIND_MS = 1000, TRUST_MS = 60000 };

struct waker {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool rang;
    struct hc_kube_watch *watches[MAX_WATCHES];
    struct hc_kube_list what[MAX_WATCHES];
    size_t n;
    struct hc_arena *arena;
    bool blind; /* some object that is awaited has no watch: look at it every second */
    int64_t trust_ms;
};

static void ring(void *ctx, enum hc_watch_event e, const struct hc_val *object)
{
    struct waker *w = ctx;
    (void)e;
    (void)object;
    pthread_mutex_lock(&w->lock);
    w->rang = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->lock);
}

static void watch_for(struct waker *w, struct hc_kube *kube, const struct hc_ref *ref)
{
    for (size_t i = 0; i < w->n; i++)
        if (hc_str_eq(w->what[i].kind, ref->kind) && hc_str_eq(w->what[i].ns, ref->ns) &&
            hc_str_eq(w->what[i].api_version, ref->api_version))
            return;
    if (w->n == MAX_WATCHES) {
        w->blind = true;
        return;
    }
    w->what[w->n] = (struct hc_kube_list){ .api_version = hc_arena_str(w->arena, ref->api_version),
                                           .kind = hc_arena_str(w->arena, ref->kind),
                                           .ns = hc_arena_str(w->arena, ref->ns),
                                           .metadata_only = true };
    if (ref->ns.n == 0)
        w->what[w->n].ns = (hc_str){ NULL, 0 };
    w->watches[w->n] = hc_arena_spent(w->arena) ? NULL : hc_kube_watch_start(kube, &w->what[w->n], ring, w, NULL);
    if (w->watches[w->n])
        w->n++;
    else
        w->blind = true;
}

static void pause_after(struct waker *w, struct hc_reconcile *r, const struct hc_step *step,
                        const volatile int *cancel)
{
    int64_t now = hc_rec_now(r), until_ms = step->until_ms;
    int64_t look_ms = now + (w->blind ? BLIND_MS : w->trust_ms);
    if (until_ms == 0 || (until_ms > look_ms && step->rc == HC_OK)) /* not sooner than the server asked for */
        until_ms = look_ms;
    pthread_mutex_lock(&w->lock);
    while (!w->rang && !(cancel && *cancel) && (now = hc_rec_now(r)) < until_ms) {
        struct timespec ts;
        int64_t slice = HC_MIN(250, until_ms - now);
        clock_gettime(CLOCK_REALTIME, &ts);
        ts.tv_nsec += (long)(slice % 1000) * 1000000;
        ts.tv_sec += slice / 1000 + ts.tv_nsec / 1000000000;
        ts.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&w->cond, &w->lock, &ts);
    }
    w->trust_ms = w->rang ? BLIND_MS : HC_MIN(w->trust_ms * 2, TRUST_MS);
    w->rang = false;
    pthread_mutex_unlock(&w->lock);
}

void hc_reconcile_drive(struct hc_reconcile *r, const volatile int *cancel, struct hc_step *out)
{
    struct waker w = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER, .trust_ms = BLIND_MS };
    for (;;) {
        hc_reconcile_step(r, out);
        if (cancel && *cancel)
            break;
        if (out->verdict == HC_GO_ON)
            continue;
        if (out->verdict != HC_WAIT)
            break;
        if (!w.arena)
            w.arena = hc_arena_new(0);
        w.blind = !w.arena;
        for (size_t i = 0; w.arena && i < out->awaited_n; i++)
            watch_for(&w, r->spec.kube, &out->awaited[i]);
        pause_after(&w, r, out, cancel);
        if (cancel && *cancel)
            break;
    }
    for (size_t i = 0; i < w.n; i++)
        hc_kube_watch_stop(w.watches[i]);
    hc_arena_free(w.arena);
    pthread_cond_destroy(&w.cond);
    pthread_mutex_destroy(&w.lock);
}
