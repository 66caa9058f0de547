/*
 * ucontext switches, and the words the sanitizers want about them. A stack is one mapping with a page below that nobody
 * may touch; only what was used of it is memory. A few stacks are kept for the next fibers.
 */
#include "core/http/fiber.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "core/base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define WITH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef WITH_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#define STACK_BYTES ((size_t)1 << 20) /* address space; a fetch touches some 40 KiB of it */
#define GUARD_BYTES ((size_t)4096)
#define STACKS_KEPT 4

struct hc_fiber {
    struct hc_fibers *home;
    struct hc_fiber *next; /* ready list */
    ucontext_t context;
    char *stack;
    bool parked, woken; /* home->mu */
    bool ended;
    void (*fn)(void *arg);
    void *arg;
    void *sanitizer;
};

struct hc_fibers {
    pthread_mutex_t mu;
    struct hc_fiber *first, *last; /* ready; mu */
    atomic_bool ready;
    void (*notify)(void *ctx);
    void *ctx;
    size_t alive, most;
    char *kept[STACKS_KEPT];
    size_t kept_n;
    ucontext_t context; /* of the thread itself */
    void *sanitizer;
    const void *stack;
    size_t stack_n;
};

static _Thread_local struct hc_fiber *self;

struct hc_fiber *hc_fiber_self(void)
{
    return self;
}

struct hc_fibers *hc_fibers_new(size_t most, void (*notify)(void *ctx), void *ctx)
{
    struct hc_fibers *fs = hc_calloc(1, sizeof(*fs));
    if (!fs)
        return NULL;
    pthread_mutex_init(&fs->mu, NULL);
    fs->most = most;
    fs->notify = notify;
    fs->ctx = ctx;
    return fs;
}

void hc_fibers_free(struct hc_fibers *fs)
{
    if (!fs)
        return;
    pthread_mutex_lock(&fs->mu); /* a waker may be on its way out */
    pthread_mutex_unlock(&fs->mu);
    for (size_t i = 0; i < fs->kept_n; i++)
        munmap(fs->kept[i], STACK_BYTES);
    pthread_mutex_destroy(&fs->mu);
    free(fs);
}

/* ---- switching ------------------------------------------------------------------------------------------- */

static void on_arrival(void *fake, struct hc_fibers *came_from)
{
#ifdef WITH_ASAN
    const void *bottom;
    size_t n;
    __sanitizer_finish_switch_fiber(fake, &bottom, &n);
    if (came_from) {
        came_from->stack = bottom;
        came_from->stack_n = n;
    }
#else
    (void)fake, (void)came_from;
#endif
}

/* From the thread into a fiber. */
static void enter(struct hc_fibers *fs, struct hc_fiber *f)
{
    void *fake = NULL;
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(&fake, f->stack + GUARD_BYTES, STACK_BYTES - GUARD_BYTES);
#endif
#ifdef WITH_TSAN
    fs->sanitizer = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(f->sanitizer, 0);
#endif
    self = f;
    swapcontext(&fs->context, &f->context);
    self = NULL;
    on_arrival(fake, NULL);
}

/* From a fiber back to its thread. */
static void leave(struct hc_fiber *f)
{
    void *fake = NULL;
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(f->ended ? NULL : &fake, f->home->stack, f->home->stack_n);
#endif
#ifdef WITH_TSAN
    __tsan_switch_to_fiber(f->home->sanitizer, 0);
#endif
    swapcontext(&f->context, &f->home->context);
    on_arrival(fake, f->home);
}

/* makecontext passes ints: the pointer comes in two halves. */
static void begin(unsigned high, unsigned low)
{
    struct hc_fiber *f = (struct hc_fiber *)(((uintptr_t)high << 16 << 16) | (uintptr_t)low);
    on_arrival(NULL, f->home);
    f->fn(f->arg);
    f->ended = true;
    leave(f);
}

static char *stack_new(struct hc_fibers *fs)
{
    if (fs->kept_n)
        return fs->kept[--fs->kept_n];
    char *p = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (mprotect(p, GUARD_BYTES, PROT_NONE) != 0) {
        munmap(p, STACK_BYTES);
        return NULL;
    }
    return p;
}

static void resume(struct hc_fibers *fs, struct hc_fiber *f)
{
    enter(fs, f);
    if (!f->ended)
        return;
#ifdef WITH_TSAN
    __tsan_destroy_fiber(f->sanitizer);
#endif
    if (fs->kept_n < STACKS_KEPT)
        fs->kept[fs->kept_n++] = f->stack;
    else
        munmap(f->stack, STACK_BYTES);
    free(f);
    fs->alive--;
}

bool hc_fibers_start(struct hc_fibers *fs, void (*fn)(void *arg), void *arg)
{
    struct hc_fiber *f = hc_fibers_full(fs) ? NULL : hc_calloc(1, sizeof(*f));
    if (!f || !(f->stack = stack_new(fs))) {
        free(f);
        return false;
    }
    f->home = fs;
    f->fn = fn;
    f->arg = arg;
#ifdef WITH_TSAN
    f->sanitizer = __tsan_create_fiber(0);
#endif
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = f->stack + GUARD_BYTES;
    f->context.uc_stack.ss_size = STACK_BYTES - GUARD_BYTES;
    f->context.uc_link = NULL;
    makecontext(&f->context, (void (*)(void))begin, 2, (unsigned)((uintptr_t)f >> 16 >> 16),
                (unsigned)(uintptr_t)f);
    fs->alive++;
    resume(fs, f);
    return true;
}

void hc_fibers_run(struct hc_fibers *fs)
{
    pthread_mutex_lock(&fs->mu);
    struct hc_fiber *f = fs->first;
    fs->first = fs->last = NULL;
    atomic_store(&fs->ready, false);
    pthread_mutex_unlock(&fs->mu);
    for (struct hc_fiber *next; f; f = next) {
        next = f->next;
        f->next = NULL;
        resume(fs, f);
    }
}

bool hc_fibers_ready(const struct hc_fibers *fs)
{
    return atomic_load(&fs->ready);
}

size_t hc_fibers_alive(const struct hc_fibers *fs)
{
    return fs->alive;
}

bool hc_fibers_full(const struct hc_fibers *fs)
{
    return fs->alive >= fs->most;
}

void hc_fiber_park(void)
{
    struct hc_fiber *f = self;
    pthread_mutex_lock(&f->home->mu);
    bool come_back = f->woken;
    f->woken = false;
    f->parked = !come_back;
    pthread_mutex_unlock(&f->home->mu);
    if (!come_back)
        leave(f);
}

void hc_fiber_wake(struct hc_fiber *f)
{
    struct hc_fibers *fs = f->home;
    pthread_mutex_lock(&fs->mu);
    if (f->parked) {
        f->parked = false;
        f->next = NULL;
        if (fs->last)
            fs->last->next = f;
        else
            fs->first = f;
        fs->last = f;
        atomic_store(&fs->ready, true);
        fs->notify(fs->ctx);
    } else {
        f->woken = true;
    }
    pthread_mutex_unlock(&fs->mu);
}

/* ---- waiting on either kind of stack ---------------------------------------------------------------------- */

struct waiter {
    struct waiter *next;
    struct hc_fiber *fiber; /* NULL: a thread, by the condition */
    bool go;
};

struct hc_gate {
    pthread_mutex_t mu;
    pthread_cond_t cond;
    bool held;
    struct waiter *first, *last;
};

struct hc_gate *hc_gate_new(void)
{
    struct hc_gate *g = hc_calloc(1, sizeof(*g));
    if (g) {
        pthread_mutex_init(&g->mu, NULL);
        pthread_cond_init(&g->cond, NULL);
    }
    return g;
}

void hc_gate_free(struct hc_gate *g)
{
    if (!g)
        return;
    pthread_mutex_destroy(&g->mu);
    pthread_cond_destroy(&g->cond);
    free(g);
}

void hc_gate_lock(struct hc_gate *g)
{
    struct waiter w = { .fiber = self };
    pthread_mutex_lock(&g->mu);
    bool wait = g->held;
    g->held = true;
    if (wait) {
        if (g->last)
            g->last->next = &w;
        else
            g->first = &w;
        g->last = &w;
        while (!w.fiber && !w.go)
            pthread_cond_wait(&g->cond, &g->mu);
    }
    pthread_mutex_unlock(&g->mu);
    if (wait && w.fiber)
        hc_fiber_park(); /* it was handed over: `held` stays */
}

void hc_gate_unlock(struct hc_gate *g)
{
    pthread_mutex_lock(&g->mu);
    struct waiter *w = g->first;
    struct hc_fiber *next = NULL;
    if (w) {
        g->first = w->next;
        if (!g->first)
            g->last = NULL;
        next = w->fiber;
        w->go = true;
        if (!next)
            pthread_cond_broadcast(&g->cond);
    } else {
        g->held = false;
    }
    pthread_mutex_unlock(&g->mu);
    if (next)
        hc_fiber_wake(next);
}

/* ---- the pool ---------------------------------------------------------------------------------------------- */

struct task {
    struct task *next;
    void (*fn)(void *arg);
    void *arg;
    struct hc_fiber *fiber;
};

struct hc_pool {
    pthread_mutex_t mu;
    pthread_cond_t cond;
    struct task *first, *last;
    size_t threads_n, idle, queued, most;
    bool stopped;
    pthread_t threads[];
};

struct hc_pool *hc_pool_new(size_t most)
{
    struct hc_pool *p = hc_calloc(1, sizeof(*p) + most * sizeof(pthread_t));
    if (p) {
        pthread_mutex_init(&p->mu, NULL);
        pthread_cond_init(&p->cond, NULL);
        p->most = most;
    }
    return p;
}

void hc_pool_free(struct hc_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->mu);
    p->stopped = true;
    pthread_cond_broadcast(&p->cond);
    pthread_mutex_unlock(&p->mu);
    for (size_t i = 0; i < p->threads_n; i++)
        pthread_join(p->threads[i], NULL);
    pthread_mutex_destroy(&p->mu);
    pthread_cond_destroy(&p->cond);
    free(p);
}

static void *pool_thread(void *arg)
{
    struct hc_pool *p = arg;
    pthread_mutex_lock(&p->mu);
    while (!p->stopped) {
        struct task *t = p->first;
        if (!t) {
            p->idle++;
            pthread_cond_wait(&p->cond, &p->mu);
            p->idle--;
            continue;
        }
        p->first = t->next;
        if (!p->first)
            p->last = NULL;
        p->queued--;
        pthread_mutex_unlock(&p->mu);
        t->fn(t->arg);
        hc_fiber_wake(t->fiber); /* `t` is on its stack */
        pthread_mutex_lock(&p->mu);
    }
    pthread_mutex_unlock(&p->mu);
    return NULL;
}

void hc_pool_run(struct hc_pool *p, void (*fn)(void *arg), void *arg)
{
    struct task t = { .fn = fn, .arg = arg, .fiber = self };
    bool there = false;
    if (p && self) {
        pthread_mutex_lock(&p->mu);
        if (p->queued >= p->idle && p->threads_n < p->most &&
            pthread_create(&p->threads[p->threads_n], NULL, pool_thread, p) == 0)
            p->threads_n++;
        there = p->threads_n > 0 && !p->stopped;
        if (there) {
            if (p->last)
                p->last->next = &t;
            else
                p->first = &t;
            p->last = &t;
            p->queued++;
            pthread_cond_signal(&p->cond);
        }
        pthread_mutex_unlock(&p->mu);
    }
    if (there)
        hc_fiber_park();
    else
        fn(arg);
}
