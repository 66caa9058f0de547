#pragma once
/*
 * tests/crash/scene.h - what the tests of this folder share: a release with hooks of all events, the engine in a child
 * process, a sandbox of its own for it, and what must be the same at the end
 *
 * A place is a sandbox (a process) with two nurseries: processes without threads that fork the children. A fork is a hundred
 * times cheaper than an exec of this program with its libraries, and there are thousands of them. Exits on what
 * cannot be the engine's fault.
 */
#include <sys/types.h>

#include "core/base/buf.h"
#include "core/value/value.h"
#include "deploy/reconcile/reconcile.h"

#define SCENE_AGENT "crash-child" /* user agent of the children */

enum scene_variant { FIRST, SECOND, BROKEN };
/* One thing that is wanted of the release. */
struct scene_act {
    enum hc_goal goal;
    enum scene_variant variant;
    int64_t rollback_to, retries;
    bool remediate_last, keep_history, one_shot, tests, waves;
    bool force;      /* asked for by a token, which nobody but the records remembers */
    bool fresh;      /* as the command install, which refuses a name in use */
    bool crds;       /* crds/ brings a definition, and the manifest an object of it */
    enum hc_ssa ssa; /* auto: an install by the server, the others as the release is */
};

/* How a child does it; zeroed: as a command does, in peace. */
struct scene_order {
    char ns[64];
    struct scene_act act;
    int64_t timeout_ms;         /* of hooks and waits; 0: 10 s */
    int64_t request_timeout_ms; /* 0: the client's own */
    int64_t trusted_ms;         /* hc_reconcile_spec */
    /* > 0: as the controller does: watches tell what was true a while ago, now and then, and a wait may be parked. */
    uint32_t seed;
    uint64_t fail_at; /* this allocation fails; UINT64_MAX: none, but they are counted (scene_allocations) */
};

struct scene_place {
    char dir[32];
    pid_t server, nursery[2];
    int to_nursery[2];
    struct hc_http *http;
    struct hc_kube *kube; /* the test's own client */
};

/* False: told on stderr. */
bool scene_enter(struct scene_place *p);
void scene_leave(struct scene_place *p);

struct hc_val *scene_ask(struct scene_place *p, struct hc_arena *a, const char *method, const char *path,
                         hc_str body);
void scene_make_namespace(struct scene_place *p, const char *ns);
void scene_delete_namespace(struct scene_place *p, const char *ns);
/* Jobs that were made since the sandbox began. */
int64_t scene_jobs_made(struct scene_place *p);

/* A child, stopped before it does anything; which: 0 or 1. */
pid_t scene_hatch(struct scene_place *p, int which, const struct scene_order *o);
/* It gets `sig` right behind its nth write; 0: never. */
void scene_arm(struct scene_place *p, pid_t pid, int n, int sig);
/* How many of those n writes it did not make. */
int scene_kill_left(struct scene_place *p);
/* Waits for its end: the exit code (0: done, 3: stalled or ended, 2: no start), -1: killed, -2: ended by another signal. */
int scene_end(struct scene_place *p, int which);
/* True: stopped by a signal; false: it ended. */
bool scene_stopped(struct scene_place *p, int which, pid_t pid);
/* All three. kill_after 0: undisturbed. */
int scene_run(struct scene_place *p, const struct scene_order *o, int kill_after);
/* How many allocations the child of this namespace made until it ended. */
uint64_t scene_allocations(const struct scene_place *p, const char *ns);

/* Everything that must be the same, as text. */
hc_str scene_dump(struct scene_place *p, struct hc_arena *a, const char *ns);
