/*
 * The driver of commands: one release, one thread, steps until the end. Between two steps it sleeps on two descriptors: one
 * that watches of the awaited objects (one watch a kind and namespace) write to, and one that a signal handler does.
 * Where the system has no descriptor left, it looks four times a second.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "deploy/reconcile/reconcile_impl.h"

#define MAX_WATCHES 32u
/* Nobody who waits trusts watches alone: what was not told is looked at after a second, and after twice the time whenever
 * that found nothing, for a watch whose first list or whose stream was not answered tells nothing either. */
enum { BLIND_MS = 1000, TRUST_MS = 60000, NO_FD_MS = 250 };
enum { PATIENCE_MS = 30000 }; /* with a server that does not answer, where the time-out is shorter */

struct waker {
    int fd;
    struct hc_kube_watch *watches[MAX_WATCHES];
    struct hc_kube_list what[MAX_WATCHES];
    size_t n;
    struct hc_arena *arena;
    bool blind; /* some object that is awaited has no watch: look at it every second */
    int64_t trust_ms;
};

/* Adding to an eventfd fails when it is full only: then it is readable. */
static void knock(int fd)
{
    const uint64_t one = 1;
    int before = errno;
    if (fd >= 0)
        (void)!write(fd, &one, sizeof(one));
    errno = before;
}

static void ring(void *ctx, enum hc_watch_event e, const struct hc_val *object)
{
    struct waker *w = ctx;
    (void)e;
    (void)object;
    knock(w->fd);
}

void hc_cancel_init(struct hc_cancel *c)
{
    c->asked = 0;
    c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void hc_cancel(struct hc_cancel *c)
{
    c->asked = 1;
    knock(c->fd);
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
                        const struct hc_cancel *cancel)
{
    int64_t now = hc_rec_now(r), until_ms = step->until_ms;
    int64_t look_ms = now + (w->blind ? BLIND_MS : w->trust_ms);
    bool fds = w->fd >= 0 && (!cancel || cancel->fd >= 0);
    if (until_ms == 0 || (until_ms > look_ms && step->rc == HC_OK)) /* not sooner than the server asked for */
        until_ms = look_ms;
    struct pollfd p[] = { { .fd = w->fd, .events = POLLIN }, { .fd = cancel ? cancel->fd : -1, .events = POLLIN } };
    while (!(cancel && cancel->asked) && (now = hc_rec_now(r)) < until_ms) {
        int64_t slice = until_ms - now;
        if (poll(p, HC_LEN(p), (int)(fds ? slice : HC_MIN(slice, NO_FD_MS))) > 0)
            break;
    }
    uint64_t times;
    bool rang = w->fd >= 0 && read(w->fd, &times, sizeof(times)) == sizeof(times);
    w->trust_ms = rang ? BLIND_MS : HC_MIN(w->trust_ms * 2, TRUST_MS);
}

/*
 * Somebody stands in front of a command: one whose server has been away for as long as the whole operation may take ends and
 * leaves what it began to be gone on with. (A controller never gives up.) The clock is the process's own, not the one by which
 * operations run out of time. `*since`: 0, or since when each step has failed.
 */
static bool gives_up(struct hc_reconcile *r, struct hc_step *step, int64_t *since)
{
    if (step->verdict != HC_WAIT || !hc_rec_repeatable(step->rc)) {
        *since = 0;
        return false;
    }
    int64_t now = hc_mono_ms(), patience = r->spec.patience_ms;
    if (!*since)
        *since = now;
    if (patience <= 0)
        patience = HC_MAX(hc_rec_timeout_ms(hc_rec_policy(r, r->mark.action)), PATIENCE_MS);
    if (now - *since < patience)
        return false;
    char why[HC_ERR_MSG], left[120] = "";
    memcpy(why, step->why, sizeof(why));
    if (step->revision > 0)
        snprintf(left, sizeof(left), ": revision %" PRId64 " stays as it is, and the same command goes on with it",
                 step->revision);
    snprintf(step->why, sizeof(step->why), "%.800s; no other answer for %" PRId64 " s, given up%s", why,
             (now - *since) / 1000, left);
    step->verdict = HC_ENDED;
    return true;
}

void hc_reconcile_drive(struct hc_reconcile *r, const struct hc_cancel *cancel, struct hc_step *out)
{
    struct waker w = { .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .trust_ms = BLIND_MS };
    int64_t failing_since = 0;
    for (;;) {
        hc_reconcile_step(r, out);
        if (cancel && cancel->asked)
            break;
        if (gives_up(r, out, &failing_since))
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
        if (cancel && cancel->asked)
            break;
    }
    for (size_t i = 0; i < w.n; i++)
        hc_kube_watch_stop(w.watches[i]);
    hc_arena_free(w.arena);
    if (w.fd >= 0)
        close(w.fd);
}
