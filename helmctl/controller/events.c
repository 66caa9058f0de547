/*
 * One thread and a bounded list: an event is news, not work, and never holds a reconcile up. What states of an
 * object say is not said again in the same words within a minute: it is looked at more often than Flux does. What was
 * done to it (such an event has notes) is said each time, and is counted. When the list is full the oldest go.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/value/json.h"
#include "helmctl/controller/ctl_impl.h"

#define MAX_QUEUED 2000
#define REMEMBERED 512
#define REPEAT_MS  60000

struct event {
    struct event *next;
    struct hc_arena *a;
    const struct hc_val *about, *notes;
    hc_str type, reason, message;
    const char *controller; /* a literal */
    bool trace;
    int64_t at_ms;
};

struct ctl_events {
    struct ctl *c;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct event *head, *tail;
    size_t n;
    bool stopped;
    struct {
        uint64_t hash;
        int64_t at_ms;
    } said[REMEMBERED];
};

static void event_free(struct event *e)
{
    hc_arena_free(e->a); /* holds the event itself */
}

static void post_sink(struct ctl *c, const struct event *e)
{
    const char *addr = c->o->events_addr;
    if (!addr || !*addr || strcmp(addr, "0") == 0 || e->trace)
        return;
    char host[256] = "";
    (void)gethostname(host, sizeof(host) - 1);
    struct hc_val *v = hc_map_new(e->a), *o = hc_map_new(e->a);
    static const char *const copied[] = { "kind", "apiVersion" };
    static const char *const meta[] = { "namespace", "name", "uid", "resourceVersion" };
    for (size_t i = 0; i < HC_LEN(copied); i++)
        hc_map_put_str(e->a, o, copied[i], hc_get_str(hc_map_getz(e->about, copied[i])));
    for (size_t i = 0; i < HC_LEN(meta); i++)
        hc_map_put_str(e->a, o, meta[i], hc_get_str(hc_map_getz(hc_map_getz(e->about, "metadata"), meta[i])));
    hc_map_put(e->a, v, HC_S("involvedObject"), o);
    hc_map_put_strz(e->a, v, "severity", hc_str_eqz(e->type, "Warning") ? "error" : "info");
    hc_map_put_str(e->a, v, "timestamp", hc_time_rfc3339(e->a, e->at_ms));
    hc_map_put_str(e->a, v, "message", hc_str_sub(e->message, 0, 39000)); /* Flux: longer ones are refused */
    hc_map_put_str(e->a, v, "reason", e->reason);
    if (hc_map_len(e->notes))
        hc_map_put(e->a, v, HC_S("metadata"), hc_val_copy(e->a, e->notes));
    hc_map_put_strz(e->a, v, "reportingController", e->controller);
    hc_map_put_strz(e->a, v, "reportingInstance", host);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write(&b, v, 0);
    hc_str url = hc_str_starts(hc_str_of(addr), HC_S("http")) ? hc_arena_printf(e->a, "%s", addr)
                                                              : hc_arena_printf(e->a, "http://%s", addr);
    static const char *const headers[] = { "Content-Type: application/json", NULL };
    struct hc_http_request req = {
        .method = "POST", .url = url.p, .headers = headers, .body = hc_buf_str(&b), .timeout_ms = 5000
    };
    struct hc_http_response resp;
    struct hc_err err = HC_ERR_INIT;
    if (hc_http_do(c->http, e->a, &req, &resp, &err) != HC_OK)
        HC_LOG(HC_LOG_ERROR, "unable to post event", { "error", hc_str_of(err.msg) });
}

static void *run(void *arg)
{
    struct ctl_events *q = arg;
    for (;;) {
        pthread_mutex_lock(&q->lock);
        while (!q->head && !q->stopped)
            pthread_cond_wait(&q->wake, &q->lock);
        struct event *e = q->head;
        if (e) {
            q->head = e->next;
            if (!q->head)
                q->tail = NULL;
            q->n--;
        }
        pthread_mutex_unlock(&q->lock);
        if (!e)
            return NULL;
        struct hc_err err = HC_ERR_INIT;
        char type[16], reason[64];
        snprintf(type, sizeof(type), "%.*s", HC_P(e->type));
        snprintf(reason, sizeof(reason), "%.*s", HC_P(e->reason));
        if (hc_kube_event(q->c->kube, e->about, type, reason, e->message, e->controller, e->notes, &err) != HC_OK)
            HC_LOG(HC_LOG_DEBUG, "event not recorded", { "error", hc_str_of(err.msg) });
        post_sink(q->c, e);
        event_free(e);
    }
}

struct ctl_events *ctl_events_start(struct ctl *c)
{
    struct ctl_events *q = hc_calloc(1, sizeof(*q));
    if (!q)
        return NULL;
    q->c = c;
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->wake, NULL);
    if (pthread_create(&q->thread, NULL, run, q) != 0) {
        free(q);
        return NULL;
    }
    return q;
}

void ctl_events_stop(struct ctl_events *q)
{
    if (!q)
        return;
    int64_t deadline = hc_mono_ms() + 5000;
    pthread_mutex_lock(&q->lock);
    q->stopped = true;
    pthread_cond_broadcast(&q->wake);
    while (q->head && hc_mono_ms() < deadline) { /* the thread drains the list */
        pthread_mutex_unlock(&q->lock);
        usleep(5000);
        pthread_mutex_lock(&q->lock);
    }
    for (struct event *e = q->head; e;) {
        struct event *next = e->next;
        event_free(e);
        e = next;
    }
    q->head = q->tail = NULL;
    pthread_mutex_unlock(&q->lock);
    pthread_join(q->thread, NULL);
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->wake);
    free(q);
}

/* True when the same was said within the last minute; remembers it otherwise. */
static bool said_already(struct ctl_events *q, uint64_t hash, int64_t now)
{
    size_t at = hash % REMEMBERED;
    if (q->said[at].hash == hash && now - q->said[at].at_ms < REPEAT_MS)
        return true;
    q->said[at].hash = hash;
    q->said[at].at_ms = now;
    return false;
}

void ctl_events_post(struct ctl_events *q, const struct hc_val *about, const char *controller, const char *type,
                     const char *reason, hc_str message, const struct hc_val *notes)
{
    uint64_t hash = hc_str_hash(hc_get_str_at(about, "metadata.uid"));
    hash = hash * 31 + hc_str_hash(hc_str_of(reason));
    hash = hash * 31 + hc_str_hash(message);
    struct hc_arena *a = hc_arena_new(0);
    struct event *e = a ? HC_NEW(a, struct event) : NULL;
    if (!e) {
        hc_arena_free(a);
        return;
    }
    struct hc_val *v = hc_map_new(a), *m = hc_map_new(a);
    static const char *const top[] = { "apiVersion", "kind" };
    static const char *const meta[] = { "name", "namespace", "uid", "resourceVersion" };
    for (size_t i = 0; i < HC_LEN(top); i++)
        hc_map_put_str(a, v, top[i], hc_arena_str(a, hc_get_str(hc_map_getz(about, top[i]))));
    for (size_t i = 0; i < HC_LEN(meta); i++)
        hc_map_put_str(a, m, meta[i],
                       hc_arena_str(a, hc_get_str(hc_map_getz(hc_map_getz(about, "metadata"), meta[i]))));
    hc_map_put(a, v, HC_S("metadata"), m);
    struct hc_val *n = notes ? hc_val_clone(a, notes) : hc_map_new(a);
    const struct hc_val *own = hc_get(about, "metadata.annotations");
    for (size_t i = 0; i < hc_map_len(own); i++) /* Flux: custom metadata of alerts */
        if (hc_str_starts(hc_map_at(own, i)->key, HC_S("event.toolkit.fluxcd.io/")))
            hc_map_put(a, n, hc_map_at(own, i)->key, hc_val_clone(a, hc_map_at(own, i)->val));
    e->a = a;
    e->about = v;
    e->notes = n;
    e->trace = strcmp(type, "Trace") == 0;
    e->type = e->trace ? HC_S("Normal") : hc_arena_str(a, hc_str_of(type));
    e->reason = hc_arena_str(a, hc_str_of(reason));
    e->message = hc_arena_str(a, message);
    e->controller = controller;
    e->at_ms = hc_now_ms();
    struct event *old = NULL;
    pthread_mutex_lock(&q->lock);
    if (hc_arena_spent(a) || q->stopped || (!hc_map_len(notes) && said_already(q, hash, hc_mono_ms()))) {
        old = e;
    } else {
        if (q->tail)
            q->tail->next = e;
        else
            q->head = e;
        q->tail = e;
        if (++q->n > MAX_QUEUED) {
            old = q->head;
            q->head = old->next;
            q->n--;
        }
        pthread_cond_signal(&q->wake);
    }
    pthread_mutex_unlock(&q->lock);
    if (old)
        event_free(old);
}
