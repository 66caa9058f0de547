/*
 * HelmReleases named parked-00001, parked-00002, ... in the namespace `bench`, and how soon a controller turns to one that is
 * written to. $KUBECONFIG says where. Cheap itself: one connection, watches, no polling.
 *
 *   parked make FROM TO VALUES    sends those HelmReleases with these values (YAML) and waits until each is Ready, or under
 *                                 way with its revision recorded; prints the seconds
 *   parked interrupt ROUNDS N     each round takes another of N releases (of one: the same again) that are under way:
 *                                 changes a value; suspends it; takes that back; deletes it; makes it anew. Prints for each
 *                                 of these the milliseconds from before our request to the first write of somebody else to
 *                                 the HelmRelease or its record, as a watch saw it: p50, p99, most
 *
 * A suspended release is one that is not written to; so the request that suspends it also asks for a look
 * (reconcile.fluxcd.io/requestedAt), which the controller acknowledges in the status.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "deploy/kube/client.h"

#define MOST    100000
#define API     "helm.toolkit.fluxcd.io/v2"
#define PATIENT 1800 /* seconds, for a fleet */
#define QUIET   250  /* ms without a write: it is laid down again */

static struct hc_http *http;
static struct hc_kube *kube;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;

static void die(const char *what, const struct hc_err *err)
{
    fprintf(stderr, "parked: %s: %s\n", what, err->msg);
    _exit(1);
}

/* "parked-00042" to 41; -1: none of ours. */
static long index_of(hc_str name)
{
    int64_t i = 0;
    if (!hc_str_starts(name, HC_S("parked-")) || !hc_str_to_i64(hc_str_sub(name, 7, 12), &i) || i < 1 || i > MOST)
        return -1;
    return (long)i - 1;
}

static hc_str name_of(struct hc_arena *a, long i)
{
    return hc_arena_printf(a, "parked-%05ld", i + 1);
}

static void sleep_until_told(int64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&wake, &lock, &t);
}

/* ---- what the watches say ------------------------------------------------------------------------ */

static struct {
    bool recorded; /* a revision of it is in the cluster */
    bool under_way, ready, there;
} fleet[MOST];
static struct {
    long of; /* the release that is looked at, -1: none */
    struct {
        uint64_t rv;
        double ms;
    } writes[64]; /* of it, oldest first; the last place is for the newest */
    size_t n;
    int64_t last_ms;
} seen = { .of = -1 };

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static bool condition_is(const struct hc_val *o, const char *type, const char *status)
{
    const struct hc_val *list = hc_get(o, "status.conditions");
    for (size_t c = 0; c < hc_list_len(list); c++)
        if (hc_str_eqz(hc_get_str(hc_map_getz(hc_list_at(list, c), "type")), type))
            return hc_str_eqz(hc_get_str(hc_map_getz(hc_list_at(list, c), "status")), status);
    return false;
}

static void note_write(long i, const struct hc_val *o, double at)
{
    if (i != seen.of)
        return;
    size_t k = HC_MIN(seen.n, HC_LEN(seen.writes) - 1);
    if (!hc_str_to_u64(hc_get_str_at(o, "metadata.resourceVersion"), &seen.writes[k].rv))
        seen.writes[k].rv = 0;
    seen.writes[k].ms = at;
    seen.n = k + 1;
    seen.last_ms = hc_mono_ms();
}

static void on_release(void *ctx, enum hc_watch_event e, const struct hc_val *o)
{
    (void)ctx;
    double at = now_ms();
    long i = e > HC_WATCH_DELETED ? -1 : index_of(hc_get_str_at(o, "metadata.name"));
    if (i < 0)
        return;
    pthread_mutex_lock(&lock);
    fleet[i].there = e != HC_WATCH_DELETED;
    fleet[i].ready = fleet[i].there && condition_is(o, "Ready", "True");
    fleet[i].under_way = fleet[i].there && condition_is(o, "Reconciling", "True");
    note_write(i, o, at);
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&lock);
}

static void on_record(void *ctx, enum hc_watch_event e, const struct hc_val *o)
{
    (void)ctx;
    double at = now_ms();
    long i = e > HC_WATCH_DELETED ? -1 : index_of(hc_get_str_at(o, "metadata.labels.name"));
    if (i < 0)
        return;
    pthread_mutex_lock(&lock);
    fleet[i].recorded = e != HC_WATCH_DELETED;
    note_write(i, o, at);
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&lock);
}

static void watch(void)
{
    struct hc_err err = HC_ERR_INIT;
    const struct hc_kube_list hr = { .api_version = HC_S(API), .kind = HC_S("HelmRelease"), .ns = HC_S("bench") };
    const struct hc_kube_list records = { .api_version = HC_S("v1"),
                                          .kind = HC_S("Secret"),
                                          .ns = HC_S("bench"),
                                          .label_selector = HC_S("owner=helm"),
                                          .metadata_only = true };
    if (!hc_kube_watch_start(kube, &hr, on_release, NULL, &err) ||
        !hc_kube_watch_start(kube, &records, on_record, NULL, &err))
        die("a watch", &err);
}

/* ---- make ---------------------------------------------------------------------------------------- */

static struct hc_val *release(struct hc_arena *a, long i, const char *values)
{
    struct hc_val *v = NULL;
    struct hc_err err = HC_ERR_INIT;
    hc_str text = hc_arena_printf(
        a,
        "{apiVersion: " API ", kind: HelmRelease, metadata: {name: %.*s, namespace: bench}, "
        "spec: {interval: 24h, timeout: 24h, chartRef: {kind: OCIRepository, name: parked}, "
        "values: %s}}",
        HC_P(name_of(a, i)), values);
    if (hc_yaml_parse(a, text, HC_S("values"), 0, &v, &err) != HC_OK)
        die("the values", &err);
    return v;
}

static void send(long from, long to, const char *values)
{
    for (long at = from; at < to; at += 200) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        size_t n = (size_t)HC_MIN(to - at, 200);
        struct hc_kube_op *ops = HC_NEW_N(a, struct hc_kube_op, n);
        for (size_t k = 0; ops && k < n; k++)
            ops[k] = (struct hc_kube_op){ .verb = HC_KUBE_VERB_CREATE, .object = release(a, at + (long)k, values) };
        hc_kube_batch(kube, a, ops, n, "bench");
        for (size_t k = 0; k < n; k++)
            if (ops[k].rc != HC_OK)
                die("a HelmRelease", &ops[k].err);
    }
}

static bool laid_down(long i)
{
    return fleet[i].recorded && (fleet[i].under_way || fleet[i].ready);
}

/* With the lock held. */
static long wait_for(long from, long to)
{
    int64_t until = hc_mono_ms() + PATIENT * 1000;
    long i = from;
    while (hc_mono_ms() < until) {
        while (i < to && laid_down(i))
            i++;
        if (i == to)
            break;
        sleep_until_told(1000);
    }
    return to - i;
}

static int make(long from, long to, const char *values)
{
    watch();
    int64_t began = hc_mono_ms();
    send(from, to, values);
    pthread_mutex_lock(&lock);
    long left = wait_for(from, to);
    pthread_mutex_unlock(&lock);
    if (left) {
        fprintf(stderr, "parked: up to %ld of the releases were not laid down in %d s\n", left, PATIENT);
        return 1;
    }
    printf("%.1f\n", (double)(hc_mono_ms() - began) / 1000);
    return 0;
}

/* ---- interrupt ----------------------------------------------------------------------------------- */

enum what { CHANGE, SUSPEND, RESUME, DELETE, MAKE, WHATS };
static const char *const names[WHATS] = { "new revision", "suspend", "resume", "delete", "make anew" };
static double *took[WHATS];

static void rest(void)
{
    pthread_mutex_lock(&lock);
    seen.last_ms = hc_mono_ms();
    while (hc_mono_ms() - seen.last_ms < QUIET)
        sleep_until_told(QUIET);
    pthread_mutex_unlock(&lock);
}

static uint64_t write_to(struct hc_arena *a, enum what what, long i, int round, const char *values)
{
    struct hc_val *v = NULL, *out = NULL;
    struct hc_err err = HC_ERR_INIT;
    struct hc_ref r = { HC_S(API), HC_S("HelmRelease"), HC_S("bench"), name_of(a, i) };
    hc_str text = HC_S("");
    uint64_t rv = 0;
    enum hc_rc rc = HC_OK;
    switch (what) {
    case CHANGE:
        text = hc_arena_printf(a, "{spec: {values: {note: round%d}}}", round);
        break;
    case SUSPEND:
        text = hc_arena_printf(
            a, "{metadata: {annotations: {reconcile.fluxcd.io/requestedAt: at%d}}, spec: {suspend: true}}", round);
        break;
    case RESUME:
        text = hc_arena_printf(
            a, "{metadata: {annotations: {reconcile.fluxcd.io/requestedAt: on%d}}, spec: {suspend: false}}", round);
        break;
    case DELETE:
        rc = hc_kube_raw(kube, a, "DELETE",
                         hc_arena_printf(a, "/apis/" API "/namespaces/bench/helmreleases/%.*s", HC_P(r.name)).p,
                         NULL, HC_S(""), &out, &err);
        break;
    case MAKE:
    case WHATS:
        rc = hc_kube_create(kube, a, release(a, i, values), "bench", 0, &out, &err);
        break;
    }
    if (text.n > 0 && hc_yaml_parse(a, text, HC_S("a patch"), 0, &v, &err) != HC_OK)
        die("a patch", &err);
    if (text.n > 0)
        rc = hc_kube_patch(kube, a, &r, NULL, HC_PATCH_MERGE, v, "bench", 0, &out, &err);
    if (rc != HC_OK)
        die(names[what], &err);
    if (!hc_str_to_u64(hc_get_str_at(out, "metadata.resourceVersion"), &rv))
        die(names[what], &err);
    return rv;
}

static void interrupt(enum what what, long i, int round, const char *values)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    pthread_mutex_lock(&lock);
    seen.of = i;
    seen.n = 0;
    pthread_mutex_unlock(&lock);
    double from = now_ms(), at = 0;
    uint64_t ours = write_to(a, what, i, round, values);
    int64_t until = hc_mono_ms() + 60000;
    pthread_mutex_lock(&lock);
    while (at == 0 && hc_mono_ms() < until) {
        for (size_t k = 0; k < seen.n && at == 0; k++)
            if (seen.writes[k].rv > ours)
                at = seen.writes[k].ms;
        if (at == 0)
            sleep_until_told(100);
    }
    while (at > 0 && what == DELETE && fleet[i].there && hc_mono_ms() < until)
        sleep_until_told(100);
    pthread_mutex_unlock(&lock);
    if (at == 0) {
        fprintf(stderr, "parked: %s: nobody wrote to parked-%05ld within a minute\n", names[what], i + 1);
        _exit(1);
    }
    took[what][round] = at - from;
    rest();
}

static int by_size(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static int interrupts(int rounds, long n, const char *values)
{
    for (int w = 0; w < WHATS; w++)
        if (!(took[w] = calloc((size_t)rounds, sizeof(double))))
            return 1;
    watch();
    pthread_mutex_lock(&lock);
    long left = wait_for(0, n);
    pthread_mutex_unlock(&lock);
    if (left) {
        fprintf(stderr, "parked: not all of the %ld releases are under way\n", n);
        return 1;
    }
    for (int k = 0; k < rounds; k++)
        for (int w = 0; w < WHATS; w++)
            interrupt((enum what)w, k * (n / rounds) % n, k, values);
    for (int w = 0; w < WHATS; w++) {
        qsort(took[w], (size_t)rounds, sizeof(double), by_size);
        printf("%-14s p50 %6.1f ms   p99 %6.1f ms   most %6.1f ms\n", names[w], took[w][rounds / 2],
               took[w][rounds * 99 / 100], took[w][rounds - 1]);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_kube_options o = { .timeout_ms = 120000, .user_agent = "bench" };
    if (argc != 5) {
        fprintf(stderr, "usage: parked make FROM TO VALUES | parked interrupt ROUNDS N VALUES\n");
        return 2;
    }
    if (!(http = hc_http_new(&err)) || hc_kube_new(http, &o, &kube, &err) != HC_OK)
        die("the API server", &err);
    long x = strtol(argv[2], NULL, 10), y = strtol(argv[3], NULL, 10);
    if (x < 1 || y < 1 || x > MOST || y > MOST)
        return 2;
    if (strcmp(argv[1], "make") == 0)
        return make(x - 1, y, argv[4]);
    return interrupts((int)x, y, argv[4]);
}
