/*
 * Status writes that can wait. "Progressing" is news for people, and while a hundred releases are being installed each
 * such write stands in the way of an object of another. So it is kept here, and a thread sends it as soon as no release
 * is waiting for a worker, after LATEST_MS in any case. When a worker takes the object up before, the pass begins with
 * what was kept and writes it with its own: nothing is lost but by the end of the process, which is what the engine is
 * made for. One write of an object at a time: a worker waits for one that is under way.
 */
#include <stdlib.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/value/json.h"
#include "core/value/merge.h"
#include "helmctl/controller/ctl_impl.h"

#define LATEST_MS 500
#define LOOK_MS   20
#define END_MS    2000
#define MOST      512 /* kept; more are sent by who made them */

struct kept {
    struct kept *next;
    struct hc_arena *a; /* holds the entry itself */
    struct hc_key key;
    hc_str uid, patch;
    const char *manager;
    int64_t since_ms;
    bool sending;
};

struct ctl_late {
    struct ctl *c;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake, sent;
    struct kept *head, *tail;
    size_t n;
    bool stopped;
    int64_t end_ms;
};

static struct kept **slot(struct ctl_late *l, struct hc_key k)
{
    struct kept **p = &l->head;
    while (*p && !((*p)->key.kind == k.kind && hc_str_eq((*p)->key.ns, k.ns) && hc_str_eq((*p)->key.name, k.name)))
        p = &(*p)->next;
    return p;
}

static void unlink_kept(struct ctl_late *l, struct kept **at)
{
    struct kept *x = *at;
    *at = x->next;
    l->n--;
    if (l->tail == x) {
        l->tail = l->head;
        while (l->tail && l->tail->next)
            l->tail = l->tail->next;
    }
}

static void send(struct ctl *c, struct kept *x)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_val *diff = NULL, *patch = hc_map_new(a), *out = NULL;
    struct hc_err err = HC_ERR_INIT;
    const struct hc_val *now = hc_objects_get(c->objects, a, x->key);
    /* Another object of the same name: nothing of this is about it. */
    if (!now || !hc_str_eq(hc_get_str_at(now, "metadata.uid"), x->uid) ||
        hc_json_parse(a, x->patch, HC_JSON_NO_POSITIONS, &diff, NULL) != HC_OK)
        return;
    hc_map_put(a, patch, HC_S("status"), diff);
    struct hc_ref r = { .api_version = hc_str_of(hc_ctl_api_version(x->key.kind)),
                        .kind = hc_str_of(hc_ctl_kind_name(x->key.kind)),
                        .ns = x->key.ns,
                        .name = x->key.name };
    enum hc_rc rc = hc_kube_patch(c->kube, a, &r, "status", HC_PATCH_MERGE, patch, x->manager, 0, &out, &err);
    if (rc == HC_OK && out)
        ctl_observe(c, x->key.kind, out);
    else if (rc != HC_E_NOTFOUND) /* its next pass says it again */
        ctl_wake(c, x->key);
}

static bool idle(const struct ctl *c)
{
    struct hc_queue_stats s;
    hc_queue_stats(c->lanes[LANE_RELEASE], &s);
    return s.ready == 0;
}

/* Called and left with the lock held. */
static void send_first(struct ctl_late *l)
{
    struct kept *x = l->head;
    x->sending = true;
    pthread_mutex_unlock(&l->lock);
    send(l->c, x);
    pthread_mutex_lock(&l->lock);
    unlink_kept(l, slot(l, x->key));
    hc_arena_free(x->a);
    pthread_cond_broadcast(&l->sent);
}

static void *run(void *arg)
{
    struct ctl_late *l = arg;
    pthread_mutex_lock(&l->lock);
    while (!l->stopped || (l->head && hc_mono_ms() < l->end_ms)) {
        if (!l->head) {
            pthread_cond_wait(&l->wake, &l->lock);
        } else if (l->stopped || hc_mono_ms() - l->head->since_ms >= LATEST_MS || idle(l->c)) {
            send_first(l);
        } else {
            struct timespec t;
            clock_gettime(CLOCK_REALTIME, &t);
            t.tv_nsec += (long)LOOK_MS * 1000000;
            t.tv_sec += t.tv_nsec / 1000000000;
            t.tv_nsec %= 1000000000;
            pthread_cond_timedwait(&l->wake, &l->lock, &t);
        }
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

struct ctl_late *ctl_late_start(struct ctl *c)
{
    struct ctl_late *l = hc_calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->c = c;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->wake, NULL);
    pthread_cond_init(&l->sent, NULL);
    if (pthread_create(&l->thread, NULL, run, l) != 0) {
        free(l);
        return NULL;
    }
    return l;
}

void ctl_late_stop(struct ctl_late *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    l->stopped = true;
    l->end_ms = hc_mono_ms() + END_MS;
    pthread_cond_broadcast(&l->wake);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    while (l->head) {
        struct kept *x = l->head;
        unlink_kept(l, &l->head);
        hc_arena_free(x->a);
    }
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->wake);
    pthread_cond_destroy(&l->sent);
    free(l);
}

/* What is tried and that it is under way; a failure or what is in the cluster by now is told at once. */
static bool only_progress(const struct hc_val *diff)
{
    static const char *const names[] = { "conditions",
                                         "storageNamespace",
                                         "helmChart",
                                         "lastAttemptedGeneration",
                                         "lastAttemptedRevision",
                                         "lastAttemptedRevisionDigest",
                                         "lastAttemptedConfigDigest",
                                         "lastAttemptedReleaseAction" };
    for (size_t i = 0; i < hc_map_len(diff); i++) {
        size_t k = 0;
        while (k < HC_LEN(names) && !hc_str_eqz(hc_map_at(diff, i)->key, names[k]))
            k++;
        if (k == HC_LEN(names))
            return false;
    }
    return hc_map_len(diff) > 0;
}

bool ctl_late_keep(struct ctl_late *l, const struct pass *p)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct kept *x = a ? HC_NEW(a, struct kept) : NULL;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (!x || idle(l->c))
        return false;
    const struct hc_val *diff = hc_merge_patch_diff(p->a, p->stored, p->status);
    if (!only_progress(diff))
        return false;
    hc_json_write(&b, diff, 0);
    *x = (struct kept){ .a = a,
                        .key = { p->key.kind, hc_arena_str(a, p->key.ns), hc_arena_str(a, p->key.name) },
                        .uid = hc_arena_str(a, hc_get_str_at(p->obj, "metadata.uid")),
                        .patch = hc_buf_to_arena(&b, a),
                        .manager = p->manager,
                        .since_ms = hc_mono_ms() };
    if (hc_arena_spent(a) || b.spent)
        return false;
    pthread_mutex_lock(&l->lock);
    bool kept = !l->stopped && l->n < MOST;
    if (kept) {
        if (l->tail)
            l->tail->next = x;
        else
            l->head = x;
        l->tail = x;
        l->n++;
        a = NULL;
        pthread_cond_signal(&l->wake);
    }
    pthread_mutex_unlock(&l->lock);
    return kept;
}

struct hc_val *ctl_late_take(struct ctl_late *l, struct hc_arena *a, struct hc_key k)
{
    struct hc_val *diff = NULL;
    struct kept **at;
    pthread_mutex_lock(&l->lock);
    while (*(at = slot(l, k)) && (*at)->sending)
        pthread_cond_wait(&l->sent, &l->lock);
    struct kept *x = *at;
    if (x)
        unlink_kept(l, at);
    pthread_mutex_unlock(&l->lock);
    if (!x)
        return NULL;
    if (hc_json_parse(a, x->patch, HC_JSON_NO_POSITIONS, &diff, NULL) != HC_OK)
        diff = NULL;
    hc_arena_free(x->a);
    return diff;
}
