/*
 * Requests to the API server: a window of them in flight, repeats, and the server's words as our errors.
 *
 * What is repeated: 429 for every request, and a 409 that is nobody's fault (the server says it did nothing); 5xx of an overloaded or starting
 * server and a broken connection only for requests that may travel twice. All under one deadline; the server's
 * Retry-After is obeyed. A connection that cannot be made is tried twice more only: a caller with work to do
 * elsewhere shall not wait half a minute for a server that is down.
 */
#include <stdlib.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/http/fiber.h"
#include "core/value/json.h"
#include "deploy/kube/kube_impl.h"

#define WINDOW       32 /* in flight for one caller: measured, more makes the server no faster */
#define MAX_ATTEMPTS 10
#define MAX_BROKEN   3

struct flight {
    struct run *run;
    struct kube_call *call;
    struct hc_http_call *http;
    struct hc_fiber *fiber; /* parked until the answer is there; NULL: a thread waits */
    bool landed;
    int attempts, broken;
    bool reauthorized;
    int64_t again_at_ms; /* 0: not to be sent (again) */
};

struct run {
    pthread_mutex_t mu;
    pthread_cond_t cond;
    size_t landed; /* not yet looked at */
};

static void on_done(void *ctx, enum hc_rc rc, const struct hc_http_response *response, const struct hc_err *err)
{
    (void)rc, (void)response, (void)err;
    struct flight *f = ctx;
    pthread_mutex_lock(&f->run->mu);
    f->landed = true;
    f->run->landed++;
    pthread_cond_signal(&f->run->cond);
    pthread_mutex_unlock(&f->run->mu);
}

static void wake_fiber(void *ctx, enum hc_rc rc, const struct hc_http_response *response, const struct hc_err *err)
{
    (void)rc, (void)response, (void)err;
    hc_fiber_wake(((struct flight *)ctx)->fiber);
}

static _Thread_local struct hc_kube_fence *fence;

static const _Atomic int64_t *_Atomic process_until;

void hc_kube_fence_set(struct hc_kube_fence *f)
{
    fence = f;
}

void hc_kube_fence_process(const _Atomic int64_t *until_ms)
{
    atomic_store(&process_until, until_ms);
}

/* Until when this call may be sent, 0: it does not matter; -1: not at all, call->err says why. */
static int64_t not_after(struct kube_call *c)
{
    const _Atomic int64_t *p = atomic_load(&process_until);
    int64_t most = 0;
    if ((!fence && !p) || (fence && fence->asking) || strcmp(c->method, "GET") == 0)
        return 0;
    if (p) {
        most = atomic_load(p);
        if (hc_boot_ms() >= most) {
            c->rc = hc_fail(c->err ? c->err : &c->own_err, HC_E_CONFLICT,
                            "%s %.*s: not sent, the lease of this process has run out", c->verb, HC_P(c->object));
            return -1;
        }
    }
    if (!fence)
        return most;
    if (hc_boot_ms() >= fence->until_ms) {
        fence->asking = true;
        c->rc = fence->again(fence->ctx, c->err ? c->err : &c->own_err);
        fence->asking = false;
        if (c->rc != HC_OK)
            return -1;
    }
    return p ? HC_MIN(most, fence->until_ms) : fence->until_ms;
}

static bool launch(struct hc_kube *k, struct flight *f, int64_t left_ms)
{
    int64_t until_ms = not_after(f->call);
    if (until_ms < 0)
        return false;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct kube_call *c = f->call;
    hc_str url = hc_arena_printf(a, "%s%.*s", k->server->base, HC_P(c->path));
    const char **headers = kube_headers(k, a, c->accept, c->content_type);
    f->attempts++;
    f->landed = false;
    f->again_at_ms = 0;
    if (!headers || !url.p)
        return false;
    struct hc_http_request req = {
        .method = c->method,
        .url = url.p,
        .headers = headers,
        .body = c->body,
        .tls = k->server->tls,
        .proxy = k->server->proxy,
        .timeout_ms = HC_MAX(left_ms, 1),
        .not_after_ms = until_ms,
        .ctx = f,
    };
    f->http = hc_http_start(k->server->http, &req, f->fiber ? wake_fiber : on_done);
    return f->http != NULL;
}

static bool may_pass(int status)
{
    return status == 429 || status == 502 || status == 503 || status == 504;
}

/* Looks at an answer: done, or when to send again. */
static void settle(struct hc_kube *k, struct hc_arena *a, struct flight *f, int64_t deadline_ms)
{
    struct kube_call *c = f->call;
    const struct hc_http_response *r;
    const struct hc_err *http_err;
    struct hc_err *err = c->err ? c->err : &c->own_err;
    c->rc = hc_http_result(f->http, &r, &http_err);
    c->status = r->status;
    int64_t now = hc_mono_ms(), pause = 0;
    unsigned shift = (unsigned)HC_MIN(f->attempts, 6);
    if (c->rc != HC_OK) {
        hc_err_copy(err, http_err);
        hc_wrap(err, "%s %.*s", c->verb, HC_P(c->object));
        if (c->rc == HC_E_CONFLICT) { /* it did not leave: the fence is asked, and then it does */
            c->rc = err->code = HC_E_AGAIN;
            pause = 1;
        } else if (c->rc == HC_E_AGAIN && c->repeatable && ++f->broken < MAX_BROKEN)
            pause = 50 << shift;
    } else if (r->status >= 200 && r->status < 300) {
        c->answer = hc_arena_str(a, r->body);
        if (!c->answer.p)
            c->rc = hc_arena_check(a, err, "answer of the API server");
    } else {
        c->rc = kube_error(c, r->status, r->body, err);
        if (r->retry_after_ms > 0)
            err->retry_after_ms = r->retry_after_ms;
        if (r->status == 401 && !f->reauthorized && kube_token_expired(k)) {
            f->reauthorized = true;
            pause = 1;
        } else if (r->status == 401) {
            kube_plugin_failure(k, err);
        } else if ((may_pass(r->status) && (c->repeatable || r->status == 429)) ||
                   (r->status == 409 && c->rc == HC_E_AGAIN)) {
            pause = err->retry_after_ms > 0 ? err->retry_after_ms : 50 << shift;
        }
    }
    hc_http_unref(f->http);
    f->http = NULL;
    if (pause > 0 && f->attempts < MAX_ATTEMPTS && now + pause < deadline_ms)
        f->again_at_ms = now + pause;
}

static void wait_until(struct run *r, int64_t when_ms)
{
    int64_t left = HC_MAX(when_ms - hc_mono_ms(), 0);
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += left / 1000;
    t.tv_nsec += left % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&r->cond, &r->mu, &t);
}

/* One request of a fiber: its thread goes on with others meanwhile. */
static void run_parked(struct hc_kube *k, struct hc_arena *a, struct kube_call *call)
{
    struct flight f = { .call = call, .fiber = hc_fiber_self() };
    int64_t left = k->server->timeout_ms, deadline = hc_mono_ms() + left;
    call->rc = HC_OK;
    for (;;) {
        if (!launch(k, &f, left)) {
            if (f.attempts == 1 && call->rc == HC_OK) /* else the error of the attempt before stands */
                call->rc = hc_fail(call->err, HC_E_AGAIN, "%s %.*s: stopped", call->verb, HC_P(call->object));
            return;
        }
        hc_fiber_park();
        settle(k, a, &f, deadline);
        if (!f.again_at_ms)
            return;
        struct hc_http_call *pause = hc_http_after(k->server->http, f.again_at_ms - hc_mono_ms(), &f, wake_fiber);
        if (!pause)
            return;
        hc_fiber_park();
        hc_http_unref(pause);
        left = HC_MAX(deadline - hc_mono_ms(), 1);
    }
}

void kube_run(struct hc_kube *k, struct hc_arena *a, struct kube_call *calls, size_t n)
{
    if (n == 1 && hc_fiber_self() && !calls[0].locked) {
        run_parked(k, a, calls);
        return;
    }
    struct run run = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 };
    struct flight one = { 0 }, *flights = n == 1 ? &one : hc_calloc(n, sizeof(*flights));
    int64_t now = hc_mono_ms(), deadline = now + k->server->timeout_ms;
    size_t next = 0, flying = 0, waiting = 0;
    bool blocked = hc_http_on_loop(k->server->http);

    for (size_t i = 0; i < n && (!flights || blocked); i++)
        calls[i].rc = blocked ? hc_fail(calls[i].err, HC_E_BUG, "the API server was asked from an HTTP callback")
                              : hc_fail_nomem(calls[i].err);
    if (!flights || blocked)
        goto out;
    for (;;) {
        now = hc_mono_ms();
        /* New ones first, then those whose pause is over. A wave may be large: its deadline is per request. */
        while (flying < WINDOW && next < n) {
            struct flight *f = &flights[next++];
            f->run = &run;
            f->call = &calls[f - flights];
            deadline = HC_MAX(deadline, now + k->server->timeout_ms);
            f->call->rc = HC_OK;
            if (launch(k, f, k->server->timeout_ms))
                flying++;
            else if (f->call->rc == HC_OK) /* else the fence said why */
                f->call->rc = hc_fail(f->call->err, HC_E_AGAIN, "%s %.*s: stopped", f->call->verb,
                                      HC_P(f->call->object));
        }
        int64_t soonest = INT64_MAX;
        for (size_t i = 0; i < next && waiting; i++) {
            struct flight *f = &flights[i];
            if (!f->again_at_ms)
                continue;
            if (f->again_at_ms > now || flying >= WINDOW) {
                soonest = HC_MIN(soonest, HC_MAX(f->again_at_ms, now + 1));
            } else if (launch(k, f, deadline - now)) {
                flying++;
                waiting--;
            } else {
                waiting--; /* the error of the attempt before stands */
            }
        }
        if (!flying && !waiting && next == n)
            break;
        pthread_mutex_lock(&run.mu);
        while (run.landed == 0 && (soonest == INT64_MAX ? flying > 0 : hc_mono_ms() < soonest)) {
            if (soonest == INT64_MAX)
                pthread_cond_wait(&run.cond, &run.mu);
            else
                wait_until(&run, soonest);
        }
        size_t landed = run.landed;
        run.landed = 0;
        pthread_mutex_unlock(&run.mu);
        for (size_t i = 0; i < next && landed; i++) {
            struct flight *f = &flights[i];
            if (!f->http)
                continue;
            pthread_mutex_lock(&run.mu);
            bool there = f->landed;
            pthread_mutex_unlock(&run.mu);
            if (!there)
                continue;
            landed--;
            flying--;
            settle(k, a, f, deadline);
            waiting += f->again_at_ms != 0;
        }
    }
out:
    if (flights != &one)
        free(flights);
}

enum hc_rc kube_do(struct hc_kube *k, struct hc_arena *a, struct kube_call *call, struct hc_val **out)
{
    kube_run(k, a, call, 1);
    if (call->rc != HC_OK || !out)
        return call->rc;
    *out = NULL;
    struct hc_err *err = call->err;
    if (call->answer.n && hc_json_parse(a, call->answer, HC_JSON_REF | HC_JSON_NO_POSITIONS, out, err) != HC_OK)
        call->rc = hc_wrap(err, "%s %.*s: the server's answer is no JSON", call->verb, HC_P(call->object)) ==
                           HC_E_NOMEM
                       ? HC_E_NOMEM
                       : HC_E_AGAIN;
    if (err && call->rc != HC_OK)
        err->code = call->rc;
    return call->rc;
}

/* ---- errors -------------------------------------------------------------------------------------- */

/*
 * 409 Conflict for a request that named no version: the server wrote it against an object that changed meanwhile, more often
 * than it tries itself, or its quota's counter did. Nothing is wrong with the request, nothing was done. Not so: field
 * managers that are in the way, a name that is taken, a uid or a version that is not the one that was named.
 */
static bool collided(const struct kube_call *c, int status, hc_str reason, hc_str message,
                     const struct hc_val *causes)
{
    bool versioned = strcmp(c->verb, "update") == 0 || (strcmp(c->verb, "patch") == 0 && !c->repeatable);
    if (status != 409 || !hc_str_eqz(reason, "Conflict") || versioned || c->conditional ||
        hc_str_starts(message, HC_S("Precondition failed")))
        return false;
    for (size_t i = 0; i < hc_list_len(causes); i++)
        if (hc_str_eqz(hc_get_str(hc_map_getz(hc_list_at(causes, i), "reason")), "FieldManagerConflict"))
            return false;
    return true;
}

static enum hc_rc rc_of(int status, hc_str reason, hc_str message, const struct hc_val *causes)
{
    /* Server-side apply answers 500 for an object with a value of the wrong type: it will not get better. */
    if (status == 500 && (hc_str_starts(message, HC_S("failed to create typed patch object")) ||
                          hc_str_starts(message, HC_S("failed to convert new object"))))
        return HC_E_INPUT;
    if (status == 403) /* a namespace on its way out refuses for now, not for good */
        for (size_t i = 0; i < hc_list_len(causes); i++)
            if (hc_str_eqz(hc_get_str(hc_map_getz(hc_list_at(causes, i), "reason")), "NamespaceTerminating"))
                return HC_E_AGAIN;
    if (hc_str_eqz(reason, "Expired") || hc_str_eqz(reason, "Gone"))
        return HC_E_AGAIN;
    switch (status) {
    case 404:
        return HC_E_NOTFOUND;
    case 409:
        return HC_E_CONFLICT;
    case 408:
    case 410:
    case 429:
        return HC_E_AGAIN;
    case 413:
        return HC_E_LIMIT;
    default:
        return status >= 500 ? HC_E_AGAIN : HC_E_INPUT;
    }
}

/* 'spec.template: Invalid value: {"Volumes":null, ... 3 KB ...}: field is immutable': of a large value, which is the
 * sender's own, no more is told than that it is one, so that what is wrong with it is not cut off. */
static hc_str without_values(struct hc_buf *b, hc_str message)
{
    static const hc_str mark = { "Invalid value: ", 15 };
    enum { SHORT = 100 };
    for (size_t at; (at = hc_str_find_str(message, mark)) != SIZE_MAX;) {
        hc_str rest = hc_str_sub(message, at + mark.n, message.n);
        size_t n = 0, depth = 0;
        bool quoted = false;
        for (; n < rest.n && (n == 0 || depth > 0); n++) {
            char ch = rest.p[n];
            if (quoted && ch == '\\')
                n++;
            else if (ch == '"')
                quoted = !quoted;
            else if (!quoted)
                depth += ch == '{' || ch == '[' ? 1 : ch == '}' || ch == ']' ? -(size_t)(depth > 0) : 0;
        }
        n = HC_MIN(n, rest.n);
        bool large = n > SHORT && (rest.p[0] == '{' || rest.p[0] == '[');
        hc_buf_put(b, hc_str_sub(message, 0, at + mark.n));
        if (large)
            hc_buf_printf(b, "%c...%c", rest.p[0], rest.p[0] == '{' ? '}' : ']');
        message = hc_str_sub(rest, large ? n : 0, rest.n);
    }
    hc_buf_put(b, message);
    return hc_buf_str(b);
}

enum hc_rc kube_error(const struct kube_call *c, int status, hc_str body, struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_val *s = NULL;
    if (hc_json_parse(a, body, HC_JSON_NO_POSITIONS, &s, NULL) != HC_OK || !hc_is_map(s))
        s = NULL;
    hc_str reason = hc_get_str_at(s, "reason"), message = hc_get_str_at(s, "message");
    const struct hc_val *causes = hc_get(s, "details.causes");
    enum hc_rc rc = collided(c, status, reason, message, causes) ? HC_E_AGAIN
                                                                 : rc_of(status, reason, message, causes);
    if (!message.n) /* no Status: a proxy's page, or "404 page not found" */
        message = hc_str_trim(hc_str_sub(body, 0, 200));
    /* What follows is a piece of the object that was sent, Secrets included. */
    size_t leak = hc_str_find_str(message, HC_S(", error found in #"));
    HC_AUTO(hc_buf) struct hc_buf words;
    hc_buf_init(&words, 0);
    message = without_values(&words, hc_str_sub(message, 0, leak));
    struct hc_buf b;
    hc_buf_init(&b, 8192);
    hc_buf_put(&b, message);
    for (size_t i = 0; i < hc_list_len(causes); i++) {
        hc_str field = hc_get_str_at(hc_list_at(causes, i), "field");
        hc_str what = hc_get_str_at(hc_list_at(causes, i), "message");
        if (!field.n || !what.n || leak != SIZE_MAX || hc_str_find_str(message, field) != SIZE_MAX)
            continue;
        hc_buf_printf(&b, "%s%.*s: %.*s", b.n ? "; " : "", HC_P(field), HC_P(what));
    }
    hc_str all = hc_buf_str(&b);
    hc_fail(err, rc, "%s %.*s: %d%s%.*s%s%.*s", c->verb, HC_P(c->object), status, reason.n ? " " : "", HC_P(reason),
            all.n ? ": " : "", HC_P(all));
    hc_buf_done(&b);
    if (err) {
        err->http_status = status;
        err->retry_after_ms = hc_http_retry_after(hc_get_int_at(s, "details.retryAfterSeconds", 0));
    }
    return rc;
}
