/*
 * Timers (a binary heap) and the list of objects the simulator has to look at. Both are worked off between
 * requests, in order, so a run of the same requests does the same things in the same order.
 */
#include <stdlib.h>

#include "core/base/mem.h"
#include "helmctl/sandbox/sandbox_impl.h"

struct timer {
    int64_t due;
    uint64_t seq;
    void (*fn)(struct hc_sandbox *s, void *arg);
    void *arg;
};

struct work {
    uint16_t key, ns, name; /* lengths in `text`; name 0 and ns 0: an orphaned uid in key */
    bool gc;
    char text[700];
};

struct hc_sb_loop {
    struct timer *heap;
    size_t n, cap;
    uint64_t seq;
    struct work *queue; /* a ring of `qcap` */
    size_t qfirst, qn, qcap;
};

static struct hc_sb_loop *loop_of(struct hc_sandbox *s)
{
    if (!s->loop)
        s->loop = hc_calloc(1, sizeof(*s->loop));
    return s->loop;
}

static bool before(const struct timer *x, const struct timer *y)
{
    return x->due != y->due ? x->due < y->due : x->seq < y->seq;
}

bool hc_sb_timer(struct hc_sandbox *s, int64_t delay_ms, void (*fn)(struct hc_sandbox *s, void *arg), void *arg)
{
    struct hc_sb_loop *l = loop_of(s);
    if (l && l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct timer *heap = hc_realloc(l->heap, cap * sizeof(*heap));
        if (heap) {
            l->heap = heap;
            l->cap = cap;
        }
    }
    if (!l || l->n == l->cap) {
        free(arg);
        return false;
    }
    size_t i = l->n++;
    /* The clock has whole milliseconds, the begun one is cut off: one more, so that no wait is shorter than asked. */
    int64_t wait = delay_ms > 0 ? delay_ms + 1 : 0;
    l->heap[i] = (struct timer){ hc_mono_ms() + wait, l->seq++, fn, arg };
    for (; i > 0 && before(&l->heap[i], &l->heap[(i - 1) / 2]); i = (i - 1) / 2) {
        struct timer t = l->heap[i];
        l->heap[i] = l->heap[(i - 1) / 2];
        l->heap[(i - 1) / 2] = t;
    }
    return true;
}

static struct timer pop(struct hc_sb_loop *l)
{
    struct timer top = l->heap[0];
    l->heap[0] = l->heap[--l->n];
    for (size_t i = 0;;) {
        size_t least = i, left = 2 * i + 1, right = left + 1;
        if (left < l->n && before(&l->heap[left], &l->heap[least]))
            least = left;
        if (right < l->n && before(&l->heap[right], &l->heap[least]))
            least = right;
        if (least == i)
            return top;
        struct timer t = l->heap[i];
        l->heap[i] = l->heap[least];
        l->heap[least] = t;
        i = least;
    }
}

int64_t hc_sb_timers_wait_ms(const struct hc_sandbox *s)
{
    if (!s->loop || s->loop->n == 0)
        return -1;
    return HC_MAX(s->loop->heap[0].due - hc_mono_ms(), 0);
}

void hc_sb_timers_run(struct hc_sandbox *s)
{
    int64_t now = hc_mono_ms();
    for (int i = 0; i < 1000 && s->loop && s->loop->n && s->loop->heap[0].due <= now; i++) {
        struct timer t = pop(s->loop);
        t.fn(s, t.arg);
        free(t.arg);
    }
}

static void enqueue(struct hc_sandbox *s, bool gc, hc_str key, hc_str ns, hc_str name)
{
    struct hc_sb_loop *l = loop_of(s);
    if (!l || key.n + ns.n + name.n > sizeof(l->queue->text))
        return;
    if (l->qn == l->qcap) {
        size_t cap = l->qcap ? l->qcap * 2 : 64;
        struct work *q = hc_malloc(cap * sizeof(*q));
        if (!q)
            return;
        for (size_t i = 0; i < l->qn; i++)
            q[i] = l->queue[(l->qfirst + i) % l->qcap];
        free(l->queue);
        l->queue = q;
        l->qcap = cap;
        l->qfirst = 0;
    }
    struct work w;
    w.key = (uint16_t)key.n;
    w.ns = (uint16_t)ns.n;
    w.name = (uint16_t)name.n;
    w.gc = gc;
    memcpy(w.text, key.p, key.n);
    memcpy(w.text + key.n, ns.n ? ns.p : "", ns.n);
    memcpy(w.text + key.n + ns.n, name.n ? name.p : "", name.n);
    size_t bytes = key.n + ns.n + name.n;
    /* A change right after a change is one look. */
    for (size_t back = 0; back < HC_MIN(l->qn, (size_t)16); back++) {
        const struct work *q = &l->queue[(l->qfirst + l->qn - 1 - back) % l->qcap];
        if (q->gc == w.gc && q->key == w.key && q->ns == w.ns && q->name == w.name &&
            memcmp(q->text, w.text, bytes) == 0)
            return;
    }
    struct work *to = &l->queue[(l->qfirst + l->qn++) % l->qcap];
    memcpy(to, &w, offsetof(struct work, text) + bytes);
}

void hc_sb_dirty(struct hc_sandbox *s, hc_str key, hc_str ns, hc_str name)
{
    enqueue(s, false, key, ns, name);
}

void hc_sb_orphaned(struct hc_sandbox *s, hc_str uid)
{
    enqueue(s, true, uid, HC_S(""), HC_S(""));
}

static void late(struct hc_sandbox *s, void *arg)
{
    const struct work *w = arg;
    hc_sb_dirty(s, hc_str_n(w->text, w->key), hc_str_n(w->text + w->key, w->ns),
                hc_str_n(w->text + w->key + w->ns, w->name));
}

void hc_sb_dirty_in(struct hc_sandbox *s, int64_t delay_ms, hc_str key, hc_str ns, hc_str name)
{
    size_t bytes = key.n + ns.n + name.n;
    struct work *w = bytes <= sizeof(w->text) ? hc_malloc(offsetof(struct work, text) + bytes) : NULL;
    if (!w)
        return;
    w->key = (uint16_t)key.n;
    w->ns = (uint16_t)ns.n;
    w->name = (uint16_t)name.n;
    memcpy(w->text, key.p, key.n);
    memcpy(w->text + key.n, ns.n ? ns.p : "", ns.n);
    memcpy(w->text + key.n + ns.n, name.p, name.n);
    hc_sb_timer(s, delay_ms, late, w);
}

bool hc_sb_work(struct hc_sandbox *s, size_t max)
{
    struct hc_sb_loop *l = s->loop;
    if (!l || l->qn == 0)
        return false;
    if (!hc_sb_store_begin(s->store))
        return false;
    for (size_t i = 0; i < max && l->qn; i++) {
        struct work w = l->queue[l->qfirst];
        l->qfirst = (l->qfirst + 1) % l->qcap;
        l->qn--;
        if (w.gc)
            hc_sb_gc(s, hc_str_n(w.text, w.key));
        else
            hc_sb_simulate(s, hc_str_n(w.text, w.key), hc_str_n(w.text + w.key, w.ns),
                           hc_str_n(w.text + w.key + w.ns, w.name));
    }
    if (hc_sb_store_commit(s->store)) {
        hc_sb_watches_publish(s);
    } else {
        hc_sb_store_rollback(s->store);
        hc_sb_watches_discard(s->watches);
    }
    return l->qn > 0;
}

void hc_sb_loop_done(struct hc_sandbox *s)
{
    if (!s->loop)
        return;
    for (size_t i = 0; i < s->loop->n; i++)
        free(s->loop->heap[i].arg);
    free(s->loop->heap);
    free(s->loop->queue);
    free(s->loop);
    s->loop = NULL;
}
