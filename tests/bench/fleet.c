/*
 * A fleet of HelmReleases named fleet-0001, fleet-0002, ... in the namespace `bench`, and the least a controller must do
 * for them. $KUBECONFIG says where. Cheap itself: one connection, watches, no polling.
 *
 *   fleet bring N GENERATION VALUES    sends N HelmReleases with these values (YAML) and waits until all are Ready at that
 *                                      generation; prints the seconds from the first request to the last Ready, and those
 *                                      to half of them
 *   fleet floor DIR WORKERS [objects]  a controller that decides nothing: for each HelmRelease it sends the very writes an
 *                                      install and an upgrade cannot do without, made beforehand, until SIGTERM. From DIR,
 *                                      for G = 1 and 2: secretG.json (the record of fleet-0001), manifestG.yaml (its objects),
 *                                      statusG.json (its HelmRelease, for the status). With `objects` only the objects are
 *                                      sent and the status says Ready: what the cluster itself takes.
 *
 * An install is: the finalizer, the record, the objects wave by wave, a status "Progressing", the wait, the record again,
 * the status, an event. An upgrade has no finalizer, and writes the record before once more.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "deploy/kube/client.h"
#include "deploy/plan/plan.h"
#include "deploy/ready/ready.h"

#define MOST    2000
#define MANAGER "helm-controller"
#define API     "helm.toolkit.fluxcd.io/v2"
#define FIRST   "fleet-0001" /* what made-up requests are made for */
#define PATIENT 600          /* seconds */

static struct hc_http *http;
static struct hc_kube *kube;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;

static void die(const char *what, const struct hc_err *err)
{
    fprintf(stderr, "fleet: %s: %s\n", what, err->msg);
    _exit(1);
}

/* "fleet-0042" to 41; -1: none of ours. */
static long index_of(hc_str name)
{
    int64_t i = 0;
    if (!hc_str_starts(name, HC_S("fleet-")) || !hc_str_to_i64(hc_str_sub(name, 6, 10), &i) || i < 1 || i > MOST)
        return -1;
    return (long)i - 1;
}

static hc_str name_of(struct hc_arena *a, long i)
{
    return hc_arena_printf(a, "fleet-%04ld", i + 1);
}

/* ---- bring --------------------------------------------------------------------------------------- */

static long wanted, ready_n;
static int64_t generation, half_ms, all_ms;
static bool is_ready[MOST];

static void on_release(void *ctx, enum hc_watch_event e, const struct hc_val *o)
{
    (void)ctx;
    long i = index_of(hc_get_str_at(o, "metadata.name"));
    if (e > HC_WATCH_MODIFIED || i < 0 || hc_get_int_at(o, "metadata.generation", 0) != generation ||
        hc_get_int_at(o, "status.observedGeneration", 0) != generation)
        return;
    const struct hc_val *list = hc_get(o, "status.conditions");
    for (size_t c = 0; c < hc_list_len(list); c++)
        if (hc_str_eqz(hc_get_str(hc_map_getz(hc_list_at(list, c), "type")), "Ready") && !is_ready[i] &&
            hc_str_eqz(hc_get_str(hc_map_getz(hc_list_at(list, c), "status")), "True")) {
            is_ready[i] = true;
            pthread_mutex_lock(&lock);
            ready_n++;
            if (ready_n == (wanted + 1) / 2)
                half_ms = hc_mono_ms();
            if (ready_n == wanted)
                all_ms = hc_mono_ms();
            pthread_cond_signal(&wake);
            pthread_mutex_unlock(&lock);
        }
}

static int bring(const char *values_text)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    struct hc_kube_op *ops = HC_NEW_N(a, struct hc_kube_op, (size_t)wanted);
    for (long i = 0; ops && i < wanted; i++) {
        struct hc_val *v = NULL;
        hc_str text = hc_arena_printf(
            a,
            "{apiVersion: " API
            ", kind: HelmRelease, metadata: {name: fleet-%04ld, namespace: bench}, spec: {interval: 1h, "
            "timeout: 5m, chartRef: {kind: OCIRepository, name: podinfo}, values: %s}}",
            i + 1, values_text);
        if (hc_yaml_parse(a, text, HC_S("values"), 0, &v, &err) != HC_OK)
            die("the values", &err);
        ops[i] = (struct hc_kube_op){ .verb = HC_KUBE_VERB_APPLY, .object = v, .flags = HC_KUBE_FORCE };
    }
    const struct hc_kube_list what = { .api_version = HC_S(API), .kind = HC_S("HelmRelease"), .ns = HC_S("bench") };
    struct hc_kube_watch *w = hc_kube_watch_start(kube, &what, on_release, NULL, &err);
    if (!ops || !w)
        die("the watch", &err);
    int64_t from = hc_mono_ms();
    hc_kube_batch(kube, a, ops, (size_t)wanted, "fleet");
    for (long i = 0; i < wanted; i++)
        if (ops[i].rc != HC_OK)
            die("a HelmRelease", &ops[i].err);
    pthread_mutex_lock(&lock);
    while (all_ms == 0 && hc_mono_ms() - from < PATIENT * 1000) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        t.tv_sec += 1;
        pthread_cond_timedwait(&wake, &lock, &t);
    }
    pthread_mutex_unlock(&lock);
    hc_kube_watch_stop(w);
    if (all_ms == 0) {
        fprintf(stderr, "fleet: only %ld of %ld are ready\n", ready_n, wanted);
        return 1;
    }
    printf("%.2f %.2f\n", (double)(all_ms - from) / 1000, (double)(half_ms - from) / 1000);
    return 0;
}

/* ---- floor --------------------------------------------------------------------------------------- */

enum phase { IDLE, DUE, WAITING, READY };

static struct {
    hc_str secret[3], manifest[3], status[3]; /* by generation */
} given;
static struct {
    enum phase phase;
    int64_t generation;      /* that is worked on or was last */
    int64_t seen;            /* by the watch */
    int64_t applied;         /* of the Deployment: the generation the server answered with */
    int64_t available;       /* the newest generation of the Deployment that is ready */
    bool busy;               /* a worker has it */
    char uid[40], rv[2][24]; /* of the record of that revision */
} fleet[MOST];
static bool objects_only;

/* The text made for another release. */
static hc_str made_for(struct hc_arena *a, hc_str text, long i)
{
    char *copy = hc_arena_strz(a, text);
    hc_str name = name_of(a, i);
    if (!copy || !name.p)
        return (hc_str){ NULL, 0 };
    for (char *p = copy; (p = strstr(p, FIRST)) != NULL; p += name.n)
        memcpy(p, name.p, name.n);
    return hc_str_n(copy, text.n);
}

static struct hc_val *json_for(struct hc_arena *a, hc_str text, long i)
{
    struct hc_val *v = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (hc_json_parse(a, made_for(a, text, i), HC_JSON_NO_POSITIONS, &v, &err) != HC_OK)
        die("a made-up request", &err);
    return v;
}

static struct hc_ref self(hc_str name)
{
    return (struct hc_ref){ HC_S(API), HC_S("HelmRelease"), HC_S("bench"), name };
}

static void patch(struct hc_arena *a, hc_str name, const char *sub, struct hc_val *p)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_ref r = self(name);
    if (hc_kube_patch(kube, a, &r, sub, HC_PATCH_MERGE, p, MANAGER, 0, NULL, &err) != HC_OK)
        die("a patch", &err);
}

static void patch_text(struct hc_arena *a, hc_str name, const char *sub, hc_str text)
{
    struct hc_val *v = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (hc_json_parse(a, text, HC_JSON_NO_POSITIONS, &v, &err) != HC_OK)
        die("a patch", &err);
    patch(a, name, sub, v);
}

/* Revision `rev` of the record: a new one, or written over what was there. */
static void record(struct hc_arena *a, long i, int64_t rev, bool create)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_val *v = json_for(a, given.secret[rev], i), *out = NULL;
    char *rv = fleet[i].rv[rev - 1];
    if (!create)
        hc_map_put_strz(a, hc_map_getz(v, "metadata"), "resourceVersion", rv);
    enum hc_rc rc = create ? hc_kube_create(kube, a, v, "helm", HC_KUBE_BRIEF, &out, &err)
                           : hc_kube_update(kube, a, v, "helm", HC_KUBE_BRIEF, &out, &err);
    if (rc != HC_OK)
        die("a record", &err);
    snprintf(rv, sizeof(fleet[i].rv[0]), "%.*s", HC_P(hc_get_str_at(out, "metadata.resourceVersion")));
}

static void send_objects(struct hc_arena *a, long i, int64_t rev)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_plan_object *o = NULL;
    size_t n = 0;
    if (hc_plan_read(a, made_for(a, given.manifest[rev], i), &o, &n, &err) != HC_OK)
        die("the manifest", &err);
    hc_plan_order(o, n);
    for (size_t from = 0, to; from < n; from = to) {
        struct hc_kube_op *ops = HC_NEW_N(a, struct hc_kube_op, n);
        for (to = from; ops && to < n && o[to].wave == o[from].wave; to++) {
            hc_plan_place(a, &o[to], HC_S("bench"));
            hc_plan_own(a, &o[to], name_of(a, i), HC_S("bench"));
            ops[to - from] = (struct hc_kube_op){ .verb = HC_KUBE_VERB_APPLY,
                                                  .object = o[to].object,
                                                  .flags = HC_KUBE_FORCE };
        }
        hc_kube_batch(kube, a, ops, to - from, MANAGER);
        for (size_t k = 0; k < to - from; k++) {
            if (ops[k].rc != HC_OK)
                die("an object", &ops[k].err);
            if (hc_str_eqz(hc_get_str(hc_map_getz(ops[k].out, "kind")), "Deployment"))
                fleet[i].applied = hc_get_int_at(ops[k].out, "metadata.generation", 0);
        }
    }
}

static void begin(struct hc_arena *a, long i, int64_t gen)
{
    hc_str name = name_of(a, i);
    if (!objects_only) {
        if (gen == 1)
            patch_text(a, name, NULL, HC_S("{\"metadata\":{\"finalizers\":[\"finalizers.fluxcd.io\"]}}"));
        record(a, i, gen, true);
    }
    send_objects(a, i, gen);
    if (!objects_only)
        patch_text(
            a, name, "status",
            hc_arena_printf(
                a,
                "{\"status\":{\"lastAttemptedGeneration\":%d,\"conditions\":[{\"type\":\"Reconciling\","
                "\"status\":\"True\",\"reason\":\"Progressing\",\"message\":\"Running action\","
                "\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"},{\"type\":\"Ready\",\"status\":\"Unknown\","
                "\"reason\":\"Progressing\",\"message\":\"Running action\","
                "\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]}}",
                (int)gen));
}

static void finish(struct hc_arena *a, long i, int64_t gen)
{
    hc_str name = name_of(a, i);
    struct hc_err err = HC_ERR_INIT;
    if (objects_only) {
        patch_text(a, name, "status",
                   hc_arena_printf(a,
                                   "{\"status\":{\"observedGeneration\":%d,\"conditions\":[{\"type\":\"Ready\","
                                   "\"status\":\"True\",\"reason\":\"There\",\"message\":\"\","
                                   "\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]}}",
                                   (int)gen));
        return;
    }
    if (gen == 2)
        record(a, i, 1, false);
    record(a, i, gen, false);
    struct hc_val *all = json_for(a, given.status[gen], i), *p = hc_map_new(a);
    hc_map_put(a, p, HC_S("status"), hc_map_getz(all, "status"));
    hc_map_put_strz(a, hc_map_sub(a, all, "metadata"), "uid", fleet[i].uid);
    patch(a, name, "status", p);
    if (hc_kube_event(kube, all, "Normal", "InstallSucceeded", HC_S("Helm install succeeded"), MANAGER, NULL,
                      &err) != HC_OK)
        die("an event", &err);
}

/* What waits longest for its last writes goes first; -1: nothing is to be done. With the lock held. */
static long next_one(void)
{
    static long at;
    for (int want = READY; want >= DUE; want -= READY - DUE)
        for (long k = 0; k < MOST; k++) {
            long i = (at + k) % MOST;
            if (!fleet[i].busy && fleet[i].phase == (enum phase)want) {
                at = want == DUE ? i : at;
                return i;
            }
        }
    return -1;
}

static void turn(long i)
{
    enum phase p = fleet[i].phase;
    int64_t gen = p == DUE ? fleet[i].seen : fleet[i].generation;
    fleet[i].busy = true;
    fleet[i].generation = gen;
    pthread_mutex_unlock(&lock);
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    if (p == DUE)
        begin(a, i, gen);
    else
        finish(a, i, gen);
    pthread_mutex_lock(&lock);
    fleet[i].busy = false;
    if (p == READY)
        fleet[i].phase = fleet[i].seen > gen ? DUE : IDLE;
    else
        fleet[i].phase = fleet[i].available >= fleet[i].applied ? READY : WAITING;
    if (fleet[i].phase == READY || fleet[i].phase == DUE)
        pthread_cond_signal(&wake);
}

static void *work(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    for (;;) {
        long i = next_one();
        if (i < 0)
            pthread_cond_wait(&wake, &lock);
        else
            turn(i);
    }
    return NULL;
}

static void on_wanted(void *ctx, enum hc_watch_event e, const struct hc_val *o)
{
    (void)ctx;
    long i = index_of(hc_get_str_at(o, "metadata.name"));
    int64_t gen = hc_get_int_at(o, "metadata.generation", 0);
    if (e > HC_WATCH_MODIFIED || i < 0 || gen < 1 || gen > 2)
        return;
    pthread_mutex_lock(&lock);
    snprintf(fleet[i].uid, sizeof(fleet[i].uid), "%.*s", HC_P(hc_get_str_at(o, "metadata.uid")));
    if (gen > fleet[i].seen) {
        fleet[i].seen = gen;
        if (fleet[i].phase == IDLE && !fleet[i].busy)
            fleet[i].phase = DUE;
        pthread_cond_signal(&wake);
    }
    pthread_mutex_unlock(&lock);
}

static void on_deployment(void *ctx, enum hc_watch_event e, const struct hc_val *o)
{
    (void)ctx;
    long i = index_of(hc_get_str_at(o, "metadata.name"));
    if (e > HC_WATCH_MODIFIED || i < 0)
        return;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    if (hc_ready_of(a, o, 0, hc_now_ms()).status != HC_READY_CURRENT)
        return;
    pthread_mutex_lock(&lock);
    fleet[i].available = hc_get_int_at(o, "metadata.generation", 0);
    if (fleet[i].phase == WAITING && !fleet[i].busy && fleet[i].available >= fleet[i].applied) {
        fleet[i].phase = READY;
        pthread_cond_signal(&wake);
    }
    pthread_mutex_unlock(&lock);
}

static hc_str file_of(struct hc_arena *a, const char *dir, const char *what, int gen, const char *ext)
{
    struct hc_err err = HC_ERR_INIT;
    hc_str text = { NULL, 0 }, path = hc_arena_printf(a, "%s/%s%d.%s", dir, what, gen, ext);
    if (hc_read_file(a, AT_FDCWD, path.p, (size_t)8 << 20, &text, &err) != HC_OK)
        die("a file", &err);
    return text;
}

static int run_floor(const char *dir, long workers)
{
    struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &end, NULL);
    for (int g = 1; g <= 2; g++) {
        given.secret[g] = file_of(a, dir, "secret", g, "json");
        given.manifest[g] = file_of(a, dir, "manifest", g, "yaml");
        given.status[g] = file_of(a, dir, "status", g, "json");
    }
    const struct hc_kube_list hr = { .api_version = HC_S(API), .kind = HC_S("HelmRelease"), .ns = HC_S("bench") };
    const struct hc_kube_list dep = { .api_version = HC_S("apps/v1"),
                                      .kind = HC_S("Deployment"),
                                      .ns = HC_S("bench") };
    if (!hc_kube_watch_start(kube, &hr, on_wanted, NULL, &err) ||
        !hc_kube_watch_start(kube, &dep, on_deployment, NULL, &err))
        die("a watch", &err);
    for (long i = 0; i < workers; i++) {
        pthread_t t;
        if (pthread_create(&t, NULL, work, NULL) != 0)
            return 1;
        pthread_detach(t);
    }
    int sig;
    while (sigwait(&end, &sig) != 0)
        ;
    _exit(0);
}

int main(int argc, char **argv)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_kube_options o = { .timeout_ms = 120000, .user_agent = "fleet" };
    bool is_bring = argc == 5 && strcmp(argv[1], "bring") == 0;
    bool is_floor = (argc == 4 || argc == 5) && strcmp(argv[1], "floor") == 0;
    if (!is_bring && !is_floor) {
        fprintf(stderr, "usage: fleet bring N GENERATION VALUES | fleet floor DIR WORKERS [objects]\n");
        return 2;
    }
    if (is_floor)
        o.user_agent = "helmctl-floor";
    if (!(http = hc_http_new(&err)) || hc_kube_new(http, &o, &kube, &err) != HC_OK)
        die("the API server", &err);
    if (is_floor) {
        objects_only = argc == 5;
        return run_floor(argv[2], strtol(argv[3], NULL, 10));
    }
    wanted = strtol(argv[2], NULL, 10);
    generation = strtol(argv[3], NULL, 10);
    if (wanted < 1 || wanted > MOST)
        return 2;
    return bring(argv[4]);
}
