/*
 * One thread, one multi handle. Other threads put calls on a locked list and wake the loop; everything that
 * touches libcurl but the wake-up happens on the loop's thread, with all signals blocked (a broken pipe is then an
 * error of a write, not the end of the process).
 *
 * A call holds a reference on the loop's memory, so a late cancel or unref finds a lock to take. Deadlines of
 * connecting and of the whole are libcurl's; those of silence, of the first byte and of speed are ours, looked at when
 * the earliest of them may be due. A call that is to be sent again rests in the same list, without a handle.
 */
#include <signal.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/http/fiber.h"
#include "core/http/http_impl.h"

/* A call with a deadline is looked at that often; an answer that has begun and stands still for so long is asked for again. */
enum { LOOK_MS = 500, STOPPED_MS = 3000 };

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void init_curl(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    http_trust_init();
}

bool hc_http_on_loop(const struct hc_http *h)
{
    return pthread_equal(pthread_self(), h->thread);
}

/* ---- calls on the loop's thread ------------------------------------------------------------------ */

static void link_active(struct hc_http *h, struct hc_http_call *c)
{
    c->prev = NULL;
    c->next = h->active;
    if (h->active)
        h->active->prev = c;
    h->active = c;
}

static void unlink_active(struct hc_http *h, struct hc_http_call *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        h->active = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->next = c->prev = NULL;
}

/* The one place where a call ends. */
static void done(struct hc_http *h, struct hc_http_call *c)
{
    if (c->easy) {
        curl_multi_remove_handle(h->multi, c->easy);
        curl_easy_cleanup(c->easy);
        c->easy = NULL;
    }
    unlink_active(h, c);
    pthread_mutex_lock(&h->mu);
    c->state = CALL_DONE;
    pthread_mutex_unlock(&h->mu);
    c->on_done(c->done_ctx, c->rc, &c->response, &c->err);
    hc_http_unref(c);
}

static void look_again_at(struct hc_http *h, int64_t ms)
{
    h->next_idle_ms = HC_MIN(h->next_idle_ms, ms);
}

static void add(struct hc_http *h, struct hc_http_call *c)
{
    c->last_byte_ms = c->sent_ms = c->window_ms = hc_mono_ms();
    c->last_upload = 0;
    c->answered = false;
    c->window_seen = c->seen;
    if (c->timer) {
        look_again_at(h, c->last_byte_ms + c->idle_timeout_ms);
        return;
    }
    atomic_fetch_add_explicit(&h->requests, 1, memory_order_relaxed);
    if (c->idle_timeout_ms > 0)
        look_again_at(h, c->last_byte_ms + c->idle_timeout_ms);
    if (c->timeout_ms >= 0)
        look_again_at(h, c->sent_ms + LOOK_MS);
    if (c->first_byte_ms > 0)
        look_again_at(h, c->sent_ms + c->first_byte_ms);
    if (c->min_bytes_per_s > 0)
        look_again_at(h, c->window_ms + c->speed_window_ms);
    CURLMcode m = curl_multi_add_handle(h->multi, c->easy);
    if (m != CURLM_OK) {
        call_end(c, m == CURLM_OUT_OF_MEMORY ? HC_E_NOMEM : HC_E_BUG, curl_multi_strerror(m));
        done(h, c);
    }
}

static void start(struct hc_http *h, struct hc_http_call *c)
{
    if (c->timer || call_prepare(c) == HC_OK)
        add(h, c);
    else
        done(h, c);
}

/* A call has its result: it ends, or rests until it is sent once more. */
static void settle(struct hc_http *h, struct hc_http_call *c)
{
    if (!call_again(c)) {
        done(h, c);
        return;
    }
    curl_multi_remove_handle(h->multi, c->easy);
    curl_easy_cleanup(c->easy);
    c->easy = NULL;
    look_again_at(h, c->again_ms);
}

static void reap(struct hc_http *h)
{
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(h->multi, &left))) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        CURLcode code = msg->data.result;
        struct hc_http_call *c = NULL;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&c);
        call_finish(c, code);
        if (c->rc == HC_OK && call_redirect(c)) {
            curl_multi_remove_handle(h->multi, c->easy);
            add(h, c);
        } else {
            settle(h, c);
        }
    }
}

static void too_slow(struct hc_http *h, struct hc_http_call *c, const char *fmt, int64_t what)
{
    char why[96];
    snprintf(why, sizeof(why), fmt, what); // NOLINT(clang-diagnostic-format-nonliteral)
    call_end(c, HC_E_AGAIN, why);
    settle(h, c);
}

/* Of a call that could be made again and has not been. */
static bool multiplexed_answer_stopped(const struct hc_http_call *c)
{
    long version = 0;
    if (!c->answered || c->stopped || c->timeout_ms < 0 || !call_may_repeat(c))
        return false;
    curl_easy_getinfo(c->easy, CURLINFO_HTTP_VERSION, &version);
    return version == CURL_HTTP_VERSION_2_0;
}

/* Looks at the clocks of one call: it may end here. */
static void look_at(struct hc_http *h, struct hc_http_call *c, int64_t now)
{
    int64_t idle_due = c->idle_timeout_ms > 0 || c->timer ? c->last_byte_ms + c->idle_timeout_ms : INT64_MAX;
    int64_t first_due = c->first_byte_ms > 0 && !c->answered ? c->sent_ms + c->first_byte_ms : INT64_MAX;
    int64_t window_due = c->min_bytes_per_s > 0 ? c->window_ms + c->speed_window_ms : INT64_MAX;
    if (c->timer && now >= idle_due) {
        done(h, c);
    } else if (!c->timer && !c->easy) { /* rests */
        if (now < c->again_ms)
            look_again_at(h, c->again_ms);
        else
            start(h, c);
    } else if (now >= idle_due) {
        too_slow(h, c, "no byte for %" PRId64 " ms", c->idle_timeout_ms);
    } else if (now >= first_due) {
        too_slow(h, c, "connected or not, no answer began within %" PRId64 " ms", c->first_byte_ms);
    } else if (now >= window_due && c->answered &&
               c->seen - c->window_seen < c->min_bytes_per_s * c->speed_window_ms / 1000) {
        too_slow(h, c, "slower than %" PRId64 " bytes a second", c->min_bytes_per_s);
    } else if (now >= c->last_byte_ms + STOPPED_MS && multiplexed_answer_stopped(c)) {
        c->stopped = c->http1_only = true; /* once, on a connection of its own */
        c->retries_left++;
        too_slow(h, c, "the answer stopped in the middle for %" PRId64 " ms", STOPPED_MS);
    } else {
        if (now >= window_due) {
            c->window_ms = now;
            c->window_seen = c->seen;
            window_due = now + c->speed_window_ms;
        }
        int64_t look_due = c->timeout_ms >= 0 && c->easy ? now + LOOK_MS : INT64_MAX;
        look_again_at(h, HC_MIN(HC_MIN(idle_due, first_due), HC_MIN(window_due, look_due)));
    }
}

/* Ends calls whose time is over, sends again those that rested, and finds the next moment to look. */
static void look_at_clocks(struct hc_http *h, int64_t now)
{
    if (now < h->next_idle_ms)
        return;
    h->next_idle_ms = INT64_MAX;
    for (struct hc_http_call *c = h->active, *next; c; c = next) {
        next = c->next;
        curl_off_t sent = 0;
        if (c->easy && c->idle_timeout_ms > 0)
            curl_easy_getinfo(c->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
        if (sent != c->last_upload) {
            c->last_upload = sent;
            c->last_byte_ms = now;
        }
        look_at(h, c, now);
    }
}

/*
 * libcurl before 8.1 (Debian 12 has 7.88) may leave the answer of one stream unread that came together with another's on the
 * same HTTP/2 connection, and then waits for a socket that has nothing more to say. So it is asked until a round brings
 * nothing, calls that have a deadline are looked at again every LOOK_MS, and its buffers hold what a connection may read at
 * once (ANSWER_BUFFER). What stops in the middle even so is asked for once more (look_at).
 */
static void perform(struct hc_http *h)
{
    enum { ROUNDS = 8 }; /* then others have their turn: new calls, clocks */
    uint64_t before;
    int running, round = 0;
    do {
        before = h->pieces;
        curl_multi_perform(h->multi, &running);
    } while (h->pieces != before && ++round < ROUNDS);
}

static void *run(void *arg)
{
    struct hc_http *h = arg;
    for (;;) {
        pthread_mutex_lock(&h->mu);
        struct hc_http_call *in = h->in_first, *cancels = h->cancels;
        h->in_first = h->in_last = h->cancels = NULL;
        bool stop = h->stop;
        for (struct hc_http_call *c = in; c; c = c->next)
            c->state = CALL_ACTIVE;
        pthread_mutex_unlock(&h->mu);

        for (struct hc_http_call *c = in, *next; c; c = next) {
            next = c->next;
            link_active(h, c);
            start(h, c);
        }
        for (struct hc_http_call *c = cancels, *next; c; c = next) {
            next = c->next_cancel;
            pthread_mutex_lock(&h->mu);
            c->cancelling = false;
            pthread_mutex_unlock(&h->mu);
            if (c->state == CALL_ACTIVE) { /* only this thread changes it from here on */
                call_end(c, HC_E_AGAIN, "cancelled");
                done(h, c);
            }
            hc_http_unref(c);
        }
        if (stop)
            break;
        perform(h);
        reap(h);
        int64_t now = hc_mono_ms();
        look_at_clocks(h, now);

        pthread_mutex_lock(&h->mu);
        bool more = h->in_first || h->cancels || h->stop;
        pthread_mutex_unlock(&h->mu);
        int64_t wait = more ? 0 : HC_MIN(HC_MAX(h->next_idle_ms - now, 0), 60000);
        curl_multi_poll(h->multi, NULL, 0, (int)wait, NULL);
    }
    while (h->active) {
        call_end(h->active, HC_E_AGAIN, "stopped");
        done(h, h->active);
    }
    curl_multi_cleanup(h->multi);
    return NULL;
}

/* ---- any thread ---------------------------------------------------------------------------------- */

struct hc_http *hc_http_new(struct hc_err *err)
{
    pthread_once(&curl_once, init_curl);
    if (curl_ready != CURLE_OK) {
        hc_fail(err, HC_E_BUG, "HTTP library cannot start: %s", curl_easy_strerror(curl_ready));
        return NULL;
    }
    struct hc_http *h = hc_calloc(1, sizeof(*h));
    if (!h || !(h->multi = curl_multi_init())) {
        hc_fail_nomem(err);
        free(h);
        return NULL;
    }
    curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    /* The server's own limit counts; a full connection gets a second one beside it. */
    curl_multi_setopt(h->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, 1000L);
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, 64L);
    atomic_init(&h->refs, 1);
    pthread_mutex_init(&h->mu, NULL);
    h->next_idle_ms = INT64_MAX;

    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&h->mu); /* h->thread is written before the loop reads it */
    int failed = pthread_create(&h->thread, NULL, run, h);
    pthread_mutex_unlock(&h->mu);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        hc_fail(err, HC_E_AGAIN, "HTTP thread cannot start: %s", strerror(failed));
        curl_multi_cleanup(h->multi);
        http_unref(h);
        return NULL;
    }
    return h;
}

void http_unref(struct hc_http *h)
{
    if (atomic_fetch_sub(&h->refs, 1) != 1)
        return;
    pthread_mutex_destroy(&h->mu);
    free(h);
}

void hc_http_free(struct hc_http *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->mu);
    h->stop = true;
    curl_multi_wakeup(h->multi); /* under the lock: once the loop has seen `stop` the handle may be gone */
    pthread_mutex_unlock(&h->mu);
    pthread_join(h->thread, NULL);
    http_unref(h);
}

uint64_t hc_http_requests(const struct hc_http *h)
{
    return atomic_load_explicit(&h->requests, memory_order_relaxed);
}

static bool hand_over(struct hc_http *h, struct hc_http_call *c)
{
    pthread_mutex_lock(&h->mu);
    bool stop = h->stop, first = !h->in_first && !h->cancels;
    if (!stop) {
        atomic_fetch_add(&c->refs, 1);
        c->state = CALL_QUEUED;
        if (h->in_last)
            h->in_last->next = c;
        else
            h->in_first = c;
        h->in_last = c;
        if (first && !hc_http_on_loop(h)) /* under the lock: the loop cannot end and free the handle meanwhile */
            curl_multi_wakeup(h->multi);
    }
    pthread_mutex_unlock(&h->mu);
    return !stop;
}

struct hc_http_call *hc_http_start(struct hc_http *h, const struct hc_http_request *req,
                                   void (*on_done)(void *ctx, enum hc_rc rc,
                                                   const struct hc_http_response *response,
                                                   const struct hc_err *err))
{
    struct hc_http_call *c = call_new(h, req);
    if (!c)
        return NULL;
    c->on_done = on_done;
    c->done_ctx = req->ctx;
    if (hand_over(h, c))
        return c;
    hc_http_unref(c);
    return NULL;
}

struct hc_http_call *hc_http_after(struct hc_http *h, int64_t delay_ms, void *ctx,
                                   void (*on_done)(void *ctx, enum hc_rc rc,
                                                   const struct hc_http_response *response,
                                                   const struct hc_err *err))
{
    struct hc_http_request none = { .idle_timeout_ms = HC_MAX(delay_ms, 0) };
    struct hc_http_call *c = call_new(h, &none);
    if (!c)
        return NULL;
    c->timer = true;
    c->on_done = on_done;
    c->done_ctx = ctx;
    if (hand_over(h, c))
        return c;
    hc_http_unref(c);
    return NULL;
}

bool hc_http_after_again(struct hc_http_call *timer, int64_t delay_ms)
{
    timer->idle_timeout_ms = HC_MAX(delay_ms, 0);
    timer->rc = HC_OK;
    timer->err = (struct hc_err)HC_ERR_INIT;
    return hand_over(timer->h, timer);
}

enum hc_rc hc_http_result(const struct hc_http_call *c, const struct hc_http_response **out,
                          const struct hc_err **err)
{
    if (out)
        *out = &c->response;
    if (err)
        *err = &c->err;
    return c->rc;
}

void hc_http_cancel(struct hc_http_call *c)
{
    struct hc_http *h = c->h;
    pthread_mutex_lock(&h->mu);
    if (c->state != CALL_DONE && !c->cancelling && !h->stop) {
        c->cancelling = true;
        atomic_fetch_add(&c->refs, 1);
        c->next_cancel = h->cancels;
        bool first = !h->in_first && !h->cancels;
        h->cancels = c;
        if (first && !hc_http_on_loop(h))
            curl_multi_wakeup(h->multi);
    }
    pthread_mutex_unlock(&h->mu);
}

/* ---- blocking ------------------------------------------------------------------------------------ */

static void wake(void *ctx, enum hc_rc rc, const struct hc_http_response *response, const struct hc_err *err)
{
    (void)rc, (void)response, (void)err;
    struct hc_http_call *c = ctx;
    pthread_mutex_lock(&c->wait_mu);
    struct hc_fiber *fiber = c->waiter;
    c->ended = true;
    pthread_cond_signal(&c->wait_cond);
    pthread_mutex_unlock(&c->wait_mu);
    if (fiber)
        hc_fiber_wake(fiber);
}

struct hc_http_call *hc_http_begin(struct hc_http *h, const struct hc_http_request *req, struct hc_err *err)
{
    if (hc_http_on_loop(h)) {
        hc_fail(err, HC_E_BUG, "a blocking HTTP request was made from a callback of the HTTP loop");
        return NULL;
    }
    struct hc_http_call *c = call_new(h, req);
    if (!c) {
        hc_fail_nomem(err);
        return NULL;
    }
    c->on_done = wake;
    c->done_ctx = c;
    if (hand_over(h, c))
        return c;
    hc_http_unref(c);
    hc_fail(err, HC_E_AGAIN, "stopped");
    return NULL;
}

enum hc_rc hc_http_finish(struct hc_http_call *c, struct hc_arena *a, struct hc_http_response *out,
                          struct hc_err *err)
{
    pthread_mutex_lock(&c->wait_mu);
    bool park = !c->ended && hc_fiber_self();
    c->waiter = park ? hc_fiber_self() : NULL;
    while (!park && !c->ended)
        pthread_cond_wait(&c->wait_cond, &c->wait_mu);
    pthread_mutex_unlock(&c->wait_mu);
    if (park)
        hc_fiber_park();
    enum hc_rc rc = c->rc;
    *out = c->response;
    out->body = out->body.n ? hc_arena_str(a, out->body) : HC_S("");
    out->headers = hc_arena_str(a, out->headers);
    out->effective_url = hc_arena_strz(a, hc_str_of(c->url));
    if (rc != HC_OK)
        hc_err_copy(err, &c->err);
    else if (hc_arena_spent(a))
        rc = hc_arena_check(a, err, "HTTP answer");
    hc_http_unref(c);
    return rc;
}

enum hc_rc hc_http_do(struct hc_http *h, struct hc_arena *a, const struct hc_http_request *req,
                      struct hc_http_response *out, struct hc_err *err)
{
    struct hc_err own = HC_ERR_INIT;
    *out = (struct hc_http_response){ 0 };
    struct hc_http_call *c = hc_http_begin(h, req, &own);
    return c ? hc_http_finish(c, a, out, err) : hc_err_copy(err, &own);
}
