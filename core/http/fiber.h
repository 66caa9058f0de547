#pragma once
/*
 * core/http/fiber.h - a wait that holds no thread
 *
 * A fiber runs a function on a stack of its own. Where it would block it parks, and its thread goes on with another one;
 * who has the answer wakes it from any thread. A fiber never leaves the thread it was begun on, so that what belongs to
 * a thread (errno, the libraries' own state) stays what it was. It must not park while it holds a mutex: the next fiber
 * of its thread may want it. hc_gate is the lock that may be held over a wait.
 *
 * Code that blocks by hc_fiber_park, hc_gate_lock or hc_pool_run works on a plain thread too, where it blocks.
 */
#include "core/base/defs.h"

struct hc_fiber;
struct hc_fibers; /* those of one thread */

/* `most`: alive at once. `notify` is called, under a lock and from any thread, when one became ready to go on; it must
 * not call back into this file. */
HC_MUST_USE struct hc_fibers *hc_fibers_new(size_t most, void (*notify)(void *ctx), void *ctx);
void hc_fibers_free(struct hc_fibers *fs); /* none may be alive */

/* The rest is for the owning thread alone. False: no memory, or `most` are alive; nothing was called. */
HC_MUST_USE bool hc_fibers_start(struct hc_fibers *fs, void (*fn)(void *arg), void *arg);
/* Goes on with those that were woken. */
void hc_fibers_run(struct hc_fibers *fs);
bool hc_fibers_ready(const struct hc_fibers *fs); /* any thread */
size_t hc_fibers_alive(const struct hc_fibers *fs);
bool hc_fibers_full(const struct hc_fibers *fs);

/* The fiber that runs here; NULL on a plain stack. */
struct hc_fiber *hc_fiber_self(void);
/* Gives the thread away until somebody calls hc_fiber_wake for this one, which may have happened before. Each wake must
 * be waited for by one park: then the waker's last touch comes before the fiber goes on. */
void hc_fiber_park(void);
void hc_fiber_wake(struct hc_fiber *f); /* any thread, once for each park */

/* A lock that may be held while its owner waits; first come, first served. */
struct hc_gate;
HC_MUST_USE struct hc_gate *hc_gate_new(void);
void hc_gate_free(struct hc_gate *g);
void hc_gate_lock(struct hc_gate *g);
void hc_gate_unlock(struct hc_gate *g);

/* A few threads for what can only block (a library's own sockets). They are started when they are needed, `most` of
 * them, and stay. */
struct hc_pool;
HC_MUST_USE struct hc_pool *hc_pool_new(size_t most);
void hc_pool_free(struct hc_pool *p); /* nothing may wait in it */
/* Runs fn(arg) on one of them and returns when it is done. On a plain thread, or without a pool, it is just called. */
void hc_pool_run(struct hc_pool *p, void (*fn)(void *arg), void *arg);
