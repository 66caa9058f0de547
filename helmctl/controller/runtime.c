/*
 * Start, watches, workers, stop. One watch a kind fills the object cache; what changed in a way somebody may have to
 * act on puts keys into one of three queues (sources, kustomizations, releases), each with its own workers, so that a
 * slow clone holds no release up. The main thread only waits: for the end, or to try again what could not be started.
 */
#include <errno.h>
#include <malloc.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "charts-fetch/source/oci.h"
#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/mem.h"
#include "core/http/fiber.h"
#include "core/value/merge.h"
#include "helmctl/controller/artifacts.h"
#include "helmctl/controller/charts.h"
#include "helmctl/controller/clients.h"
#include "helmctl/controller/ctl_impl.h"
#include "helmctl/controller/foreign.h"
#include "helmctl/controller/managed.h"

#define TICK_MS 5000
#define FETCHES ((size_t)1024) /* sources that wait for servers at once; each costs a stack and what it holds */
#define POOL    4              /* threads for fetches that can only block: SSH */

static sem_t told_to_stop;
static atomic_bool stopping;
static atomic_bool lease_lost;

void hc_controller_stop(void)
{
    atomic_store(&stopping, true);
    sem_post(&told_to_stop);
}

static void on_lease_lost(void)
{
    atomic_store(&lease_lost, true);
    hc_controller_stop();
}

void hc_controller_defaults(struct hc_controller_options *o)
{
    const char *ns = getenv("RUNTIME_NAMESPACE");
    *o = (struct hc_controller_options){
        .ns = ns && *ns ? ns : "flux-system",
        .watch_all_namespaces = true,
        .watch_configs_label_selector = "reconcile.fluxcd.io/watch=Enabled",
        .concurrent = 4,
        .preflight = HC_PREFLIGHT_DOUBT,
        .storage_max_bytes = (int64_t)4 << 30,
        .storage_addr = "127.0.0.1:0",
        .metrics_addr = "0",
        .health_addr = "0",
        .requeue_dependency_ms = 30000,
        .min_retry_delay_ms = 750,
        .max_retry_delay_ms = 15 * 60000,
        .interval_jitter_percentage = 5,
        .graceful_shutdown_ms = 600000,
        .http_timeout_ms = 60000,
        .lease_duration_ms = 35000,
        .renew_deadline_ms = 30000,
        .retry_period_ms = 5000,
        .artifact_retention_ttl_ms = 60000,
        .artifact_retention_records = 2,
    };
}

enum hc_rc hc_controller_gates(struct hc_controller_options *o, hc_str text, struct hc_err *err)
{
    struct {
        const char *name;
        bool *to; /* NULL: taken and without effect: what it asks for is always so, or never */
    } gates[] = {
        { "DefaultToRetryOnFailure", &o->default_to_retry },
        { "DisableChartDigestTracking", &o->disable_chart_digest_tracking },
        { "UseHelm3Defaults", &o->helm3_defaults },
        { "AdditiveCELDependencyCheck", NULL },
        { "AdoptLegacyReleases", NULL },
        { "AllowDNSLookups", NULL },
        { "CacheSecretsAndConfigMaps", NULL },
        { "CancelHealthCheckOnNewRevision", NULL },
        { "CorrectDrift", NULL },
        { "DetectDrift", NULL },
        { "DirectSourceFetch", NULL },
        { "DisableConfigWatchers", NULL },
        { "DisableFailFastBehavior", NULL },
        { "DisableStatusPollerCache", NULL },
        { "ExternalArtifact", &o->external_artifact },
        { "GroupChangeLog", NULL },
        { "OOMWatch", NULL },
        { "ObjectLevelWorkloadIdentity", NULL },
        { "StrictPostBuildSubstitutions", NULL },
    };
    hc_str part;
    while (hc_str_split(&text, ',', &part)) {
        size_t eq = hc_str_find(part, '=');
        hc_str name = hc_str_trim(hc_str_sub(part, 0, eq)), value = HC_S("true");
        if (name.n == 0)
            continue;
        if (eq != SIZE_MAX)
            value = hc_str_trim(hc_str_sub(part, eq + 1, part.n));
        bool on = hc_str_eqz(value, "true");
        if (!on && !hc_str_eqz(value, "false"))
            return hc_fail(err, HC_E_INPUT, "feature gate %.*s: '%.*s' is neither true nor false", HC_P(name),
                           HC_P(value));
        size_t i = 0;
        while (i < HC_LEN(gates) && !hc_str_eqz(name, gates[i].name))
            i++;
        if (i == HC_LEN(gates))
            return hc_fail(err, HC_E_INPUT, "feature gate '%.*s' is not known", HC_P(name));
        if (gates[i].to)
            *gates[i].to = on;
    }
    return HC_OK;
}

/* ---- waking ---- */

/* A wake-up got lost for want of memory, nobody knows whose: the main thread wakes all. */
static void wake_is_lost(struct ctl *c, struct hc_key k)
{
    atomic_store(&c->wake_lost, true);
    HC_LOG(HC_LOG_ERROR, "no memory to queue an object", { "namespace", k.ns }, { "name", k.name });
}

enum ctl_lane ctl_lane_of(enum hc_ctl_kind kind)
{
    return kind == HC_CTL_RELEASE ? LANE_RELEASE : kind == HC_CTL_KUSTOMIZE ? LANE_KUSTOMIZE : LANE_SOURCE;
}

void ctl_wake(struct ctl *c, struct hc_key k)
{
    if (c->serves[k.kind] && !hc_queue_add(c->lanes[ctl_lane_of(k.kind)], k))
        wake_is_lost(c, k);
}

static void wake_first(struct ctl *c, struct hc_key k)
{
    if (c->serves[k.kind] && !hc_queue_add_first(c->lanes[ctl_lane_of(k.kind)], k))
        wake_is_lost(c, k);
}

void ctl_wake_at(struct ctl *c, struct hc_key k, int64_t at_ms)
{
    if (c->serves[k.kind] && !hc_queue_add_at(c->lanes[ctl_lane_of(k.kind)], k, at_ms))
        wake_is_lost(c, k);
}

void ctl_wake_referrers(struct ctl *c, struct hc_key k)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_key *keys;
    size_t n = hc_objects_referrers(c->objects, a, k, &keys);
    for (size_t i = 0; i < n; i++)
        ctl_wake(c, keys[i]);
    if (hc_arena_spent(a))
        wake_is_lost(c, k);
}

void ctl_wake_all_if_lost(struct ctl *c)
{
    if (!atomic_exchange(&c->wake_lost, false))
        return;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_key *keys;
    size_t n = hc_objects_list(c->objects, a, HC_CTL_NONE, &keys);
    for (size_t i = 0; i < n; i++)
        ctl_wake(c, keys[i]);
    if (hc_arena_spent(a))
        atomic_store(&c->wake_lost, true); /* at the next tick */
}

void ctl_observe(struct ctl *c, enum hc_ctl_kind kind, const struct hc_val *object)
{
    unsigned changed = hc_objects_put(c->objects, kind, object);
    if (!changed)
        return;
    struct hc_key k = { kind, hc_get_str_at(object, "metadata.namespace"), hc_get_str_at(object, "metadata.name") };
    /* A change of one interrupts whatever it waits for, however many others are to be looked at. */
    if (changed & (HC_CHANGED_SPEC | HC_CHANGED_REQUEST | HC_CHANGED_DELETING))
        wake_first(c, k);
    else if (changed & HC_CHANGED_NEW)
        ctl_wake(c, k);
    unsigned worth = kind == HC_CTL_CONFIGMAP || kind == HC_CTL_SECRET ? ~0u
                     : ctl_lane_of(kind) == LANE_SOURCE ? HC_CHANGED_NEW | HC_CHANGED_ARTIFACT | HC_CHANGED_READY
                                                        : HC_CHANGED_NEW | HC_CHANGED_READY;
    if (changed & worth)
        ctl_wake_referrers(c, k);
    if (changed & (HC_CHANGED_READY | HC_CHANGED_NEW)) { /* the Kustomization that applied it may wait for it */
        const struct hc_val *l = hc_get(object, "metadata.labels");
        struct hc_key owner = { HC_CTL_KUSTOMIZE,
                                hc_get_str(hc_map_getz(l, "kustomize.toolkit.fluxcd.io/namespace")),
                                hc_get_str(hc_map_getz(l, "kustomize.toolkit.fluxcd.io/name")) };
        if (owner.name.n && hc_objects_has(c->objects, owner))
            ctl_wake(c, owner);
    }
}

void ctl_vanished(struct ctl *c, struct hc_key k)
{
    if (!hc_objects_del(c->objects, k))
        return;
    ctl_metrics_forget(c->metrics, k);
    ctl_wake_referrers(c, k);
    if (c->serves[k.kind])
        hc_queue_drop(c->lanes[ctl_lane_of(k.kind)], k);
    if (k.kind == HC_CTL_RELEASE)
        ctl_release_forget(c->managed, k);
}

/* ---- watches ---- */

struct watch {
    struct ctl *c;
    enum hc_ctl_kind kind;
    struct hc_kube_watch *w;
    atomic_bool synced;
    bool wanted, told;
};

static void on_event(void *ctx, enum hc_watch_event e, const struct hc_val *o)
{
    struct watch *w = ctx;
    if (e == HC_WATCH_SYNCED) {
        if (!atomic_exchange(&w->synced, true))
            sem_post(&told_to_stop); /* the main thread counts */
    } else if (e == HC_WATCH_FAILED) {
        HC_LOG(HC_LOG_ERROR, "cannot watch, is tried on", { "kind", hc_str_of(hc_ctl_kind_name(w->kind)) },
               { "error", hc_get_str_at(o, "message") });
    } else if (e == HC_WATCH_DELETED) {
        ctl_vanished(w->c, (struct hc_key){ w->kind, hc_get_str_at(o, "metadata.namespace"),
                                            hc_get_str_at(o, "metadata.name") });
    } else {
        ctl_observe(w->c, w->kind, o);
    }
}

static void start_watches(struct watch *watches)
{
    for (int k = 1; k < HC_CTL_KINDS; k++) {
        struct watch *w = &watches[k];
        if (!w->wanted || w->w)
            continue;
        const struct hc_controller_options *o = w->c->o;
        bool config = k == HC_CTL_CONFIGMAP || k == HC_CTL_SECRET;
        const char *selector = config ? o->watch_configs_label_selector : o->watch_label_selector;
        struct hc_kube_list what = { .api_version = hc_str_of(hc_ctl_api_version(w->kind)),
                                     .kind = hc_str_of(hc_ctl_kind_name(w->kind)),
                                     .metadata_only = config };
        if (!o->watch_all_namespaces)
            what.ns = hc_str_of(o->ns);
        /* Shards each see their own objects; what they refer to may carry no label. */
        if (selector && *selector && (config || w->c->serves[k]))
            what.label_selector = hc_str_of(selector);
        struct hc_err err = HC_ERR_INIT;
        w->w = hc_kube_watch_start(w->c->kube, &what, on_event, w, &err);
        if (!w->w && !w->told) {
            w->told = true;
            HC_LOG(HC_LOG_ERROR, "cannot watch, will try again", { "kind", what.kind },
                   { "error", hc_str_of(err.msg) });
        }
    }
}

static bool all_synced(const struct watch *watches)
{
    for (int k = 1; k < HC_CTL_KINDS; k++)
        if (watches[k].w && !atomic_load(&watches[k].synced))
            return false;
    return true;
}

/* ---- workers ---- */

static const ctl_reconcile reconcilers[HC_CTL_KINDS] = {
    [HC_CTL_GIT] = reconcile_git,
    [HC_CTL_OCI] = reconcile_oci,
    [HC_CTL_REPO] = reconcile_repo,
    [HC_CTL_CHART] = reconcile_chart,
    [HC_CTL_BUCKET] = reconcile_bucket,
    [HC_CTL_RELEASE] = reconcile_release,
    [HC_CTL_KUSTOMIZE] = reconcile_kustomization,
};

static const char *manager_of(enum hc_ctl_kind kind)
{
    static const char *const names[LANES] = { "source-controller", "kustomize-controller", "helm-controller" };
    return names[ctl_lane_of(kind)];
}

static void look_at(struct ctl *c, struct hc_key k)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_queue *q = c->lanes[ctl_lane_of(k.kind)];
    const struct hc_val *kept = a ? ctl_late_take(c->late, a, k) : NULL;
    struct hc_val *obj = a ? hc_objects_get(c->objects, a, k) : NULL;
    if (!obj && hc_objects_has(c->objects, k)) { /* no memory for it */
        hc_queue_failed(q, k, hc_mono_ms(), 0);
        return;
    }
    if (!obj) {
        hc_queue_done(q, k, INT64_MAX);
        return;
    }
    int64_t began = hc_mono_ms();
    struct hc_val *status = hc_map_getz(obj, "status");
    struct pass p = { .c = c,
                      .a = a,
                      .key = k,
                      .manager = manager_of(k.kind),
                      .obj = obj,
                      .spec = hc_map_getz(obj, "spec"),
                      .stored = status ? status : hc_map_new(a),
                      .status = status ? hc_val_copy(a, status) : hc_map_new(a),
                      .err = HC_ERR_INIT };
    if (kept)
        p.status = hc_val_copy(a, hc_merge_patch(a, p.status, kept));
    p.cond = (struct hc_conditions){ .a = a,
                                     .status = p.status,
                                     .generation = hc_get_int_at(obj, "metadata.generation", 0),
                                     .now_ms = hc_now_ms() };
    struct ctl_result r = reconcilers[k.kind](&p);
    if (r.how != CTL_GONE) {
        bool later = p.under_way && r.how == CTL_AT && ctl_late_keep(c->late, &p);
        enum hc_rc rc = later ? HC_OK : pass_flush(&p);
        if (rc == HC_E_NOTFOUND) {
            r.how = CTL_GONE;
        } else if (rc != HC_OK) {
            pass_log(&p, HC_LOG_ERROR, "cannot write the status: %s", p.err.msg);
            r.how = rc == HC_E_CONFLICT ? CTL_AGAIN : CTL_RETRY;
        }
    }
    ctl_metrics_reconciled(c->metrics, k, hc_mono_ms() - began, r.how);
    switch (r.how) {
    case CTL_DONE:
    case CTL_AT:
        hc_queue_done(q, k, r.at_ms);
        break;
    case CTL_AGAIN:
        hc_queue_done(q, k, hc_mono_ms());
        break;
    case CTL_RETRY:
        (void)hc_queue_failed(q, k, hc_mono_ms(), p.err.retry_after_ms ? hc_mono_ms() + p.err.retry_after_ms : 0);
        if (r.at_ms > 0)
            (void)hc_queue_add_at(q, k, r.at_ms);
        break;
    case CTL_STALLED:
    case CTL_GONE:
        hc_queue_done(q, k, INT64_MAX);
        break;
    }
}

/*
 * A worker of sources runs each look on a fiber: while one waits for a server it looks at other objects, so that a
 * thousand slow sources hold up nobody and need no thread more. The other lanes work, they do not wait: a thread each.
 */
struct worker {
    struct ctl *c;
    struct hc_queue *q;
    struct hc_fibers *fibers; /* NULL: looks one after the other */
    pthread_t thread;
};

struct look {
    struct worker *w;
    struct hc_key k;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    struct hc_key k;
    while (hc_queue_wait(w->q, &k))
        look_at(w->c, k);
    return NULL;
}

static void look_on_fiber(void *arg)
{
    struct look l = *(struct look *)arg;
    free(arg);
    look_at(l.w->c, l.k);
}

static bool fibers_ready(void *ctx)
{
    return hc_fibers_ready(ctx);
}

static void poke(void *ctx)
{
    hc_queue_poke(ctx);
}

static void *work_on_fibers(void *arg)
{
    struct worker *w = arg;
    bool stopped = false;
    while (!stopped || hc_fibers_alive(w->fibers) > 0) {
        struct hc_key k;
        bool take = !stopped && !hc_fibers_full(w->fibers);
        enum hc_queue_news news = hc_queue_wait_any(w->q, take, &k, fibers_ready, w->fibers);
        stopped = stopped || news == HC_QUEUE_STOPPED;
        if (news == HC_QUEUE_OTHER)
            hc_fibers_run(w->fibers);
        if (news != HC_QUEUE_KEY)
            continue;
        struct look *l = hc_malloc(sizeof(*l));
        if (l)
            *l = (struct look){ w, k };
        if (!l || !hc_fibers_start(w->fibers, look_on_fiber, l)) {
            free(l);
            look_at(w->c, k); /* no memory for a stack: then it blocks */
        }
    }
    return NULL;
}

/* ---- probes and metrics ---- */

static void serve_health(void *ctx, hc_str path, struct hc_serve_answer *a)
{
    struct ctl *c = ctx;
    bool ready = atomic_load(&c->ready);
    if (hc_str_eqz(path, "/healthz") || (hc_str_eqz(path, "/readyz") && ready)) {
        a->status = 200;
        hc_buf_puts(&a->body, "ok");
    } else if (hc_str_eqz(path, "/readyz")) {
        a->status = 500;
        hc_buf_puts(&a->body, "not ready: the objects are not all known yet, or another replica leads");
    }
}

static void serve_metrics(void *ctx, hc_str path, struct hc_serve_answer *a)
{
    if (!hc_str_eqz(path, "/metrics"))
        return;
    a->status = 200;
    a->content_type = "text/plain; version=0.0.4; charset=utf-8";
    ctl_metrics_write(ctx, &a->body);
}

static bool is_on(const char *addr)
{
    return addr && *addr && strcmp(addr, "0") != 0;
}

/* ---- the whole ---- */

/* "source", "helm", ... or a kind's name, of a comma list. */
static enum hc_rc choose(struct ctl *c, struct hc_err *err)
{
    hc_str rest = hc_str_of(c->o->controllers ? c->o->controllers : "source,kustomize,helm"), part;
    while (hc_str_split(&rest, ',', &part)) {
        part = hc_str_trim(part);
        hc_str base = part; /* "helm" and "helm-controller" are the same */
        if (hc_str_ends(base, HC_S("-controller")))
            base = hc_str_sub(base, 0, base.n - 11);
        bool found = part.n == 0;
        for (int k = HC_CTL_GIT; k <= HC_CTL_RELEASE; k++) {
            enum ctl_lane lane = ctl_lane_of((enum hc_ctl_kind)k);
            if (!reconcilers[k]) /* others make it */
                continue;
            static const char *const names[LANES] = { "source", "kustomize", "helm" };
            if (hc_str_eqz(base, names[lane]) ||
                hc_str_eq_nocase(part, hc_str_of(hc_ctl_kind_name((enum hc_ctl_kind)k))))
                c->serves[k] = found = true;
        }
        if (!found)
            return hc_fail(err, HC_E_INPUT,
                           "--controllers: '%.*s' is neither source, kustomize or helm nor a kind we serve",
                           HC_P(part));
    }
    return HC_OK;
}

static void wait_tick(int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (sem_timedwait(&told_to_stop, &until) != 0 && errno == EINTR)
        ;
}

struct run { /* what is undone at the end, in reverse */
    struct ctl c;
    struct hc_serve *metrics, *health;
    struct ctl_lease *lease;
    struct watch watches[HC_CTL_KINDS];
    struct worker *workers;
    size_t workers_n;
};

static enum hc_rc set_up(struct run *r, struct hc_err *err)
{
    struct ctl *c = &r->c;
    enum hc_rc rc = choose(c, err);
    if (rc != HC_OK)
        return rc;
    c->http = hc_http_new(err);
    if (!c->http)
        return err->code ? err->code : HC_E_NOMEM;
    if (!(c->logins = hc_oci_logins_new()))
        return hc_fail_nomem(err);
    rc = hc_kube_new(c->http, &c->o->kube, &c->kube, err);
    if (rc != HC_OK)
        return rc;
    uint64_t seed = 1;
    (void)hc_random_bytes(&seed, sizeof(seed));
    for (int i = 0; i < LANES; i++)
        if (!(c->lanes[i] = hc_queue_new(c->o->min_retry_delay_ms, c->o->max_retry_delay_ms, seed + (uint64_t)i)))
            return hc_fail_nomem(err);
    c->pool = hc_pool_new(POOL);
    if (!c->pool || !(c->objects = hc_objects_new()) || !(c->metrics = ctl_metrics_new()) ||
        !(c->charts = ctl_charts_new()) || !(c->foreign = ctl_foreign_new(c)) ||
        !(c->managed = ctl_managed_new(c)) || !(c->events = ctl_events_start(c)) || !(c->late = ctl_late_start(c)))
        return hc_fail_nomem(err);
    rc = ctl_store_open(c, &c->store, err);
    if (rc == HC_OK && is_on(c->o->metrics_addr))
        rc = hc_serve_start(c->o->metrics_addr, serve_metrics, c, &r->metrics, err);
    if (rc == HC_OK && is_on(c->o->health_addr))
        rc = hc_serve_start(c->o->health_addr, serve_health, c, &r->health, err);
    return rc;
}

static void want_watches(struct run *r)
{
    struct ctl *c = &r->c;
    bool source = c->serves[HC_CTL_GIT] || c->serves[HC_CTL_OCI] || c->serves[HC_CTL_REPO] ||
                  c->serves[HC_CTL_CHART] || c->serves[HC_CTL_BUCKET];
    bool config = c->serves[HC_CTL_RELEASE] || c->serves[HC_CTL_KUSTOMIZE];
    for (int k = 1; k < HC_CTL_KINDS; k++) {
        struct watch *w = &r->watches[k];
        w->c = c;
        w->kind = (enum hc_ctl_kind)k;
        if (k == HC_CTL_CONFIGMAP || k == HC_CTL_SECRET)
            w->wanted = config && c->o->watch_configs_label_selector && *c->o->watch_configs_label_selector;
        else if (ctl_lane_of(w->kind) == LANE_SOURCE)
            w->wanted = (source || config) && (k != HC_CTL_EXTERNAL || c->o->external_artifact);
        else
            w->wanted = c->serves[k];
    }
}

static enum hc_rc start_workers(struct run *r, struct hc_err *err)
{
    struct ctl *c = &r->c;
    size_t each = c->o->concurrent > 0 ? (size_t)c->o->concurrent : 1;
    r->workers = hc_calloc(each * LANES, sizeof(struct worker));
    if (!r->workers)
        return hc_fail_nomem(err);
    for (int lane = 0; lane < LANES; lane++) {
        bool any = false;
        for (int k = 1; k < HC_CTL_KINDS; k++)
            any |= c->serves[k] && ctl_lane_of((enum hc_ctl_kind)k) == (enum ctl_lane)lane;
        for (size_t i = 0; any && i < each; i++) {
            struct worker *w = &r->workers[r->workers_n];
            w->c = c;
            w->q = c->lanes[lane];
            if (lane == LANE_SOURCE && !(w->fibers = hc_fibers_new(HC_MAX(FETCHES / each, 1), poke, w->q)))
                return hc_fail_nomem(err);
            if (pthread_create(&w->thread, NULL, w->fibers ? work_on_fibers : work, w) != 0) {
                hc_fibers_free(w->fibers);
                return hc_fail(err, HC_E_NOMEM, "cannot start a worker thread");
            }
            r->workers_n++;
        }
    }
    return HC_OK;
}

static void tear_down(struct run *r)
{
    struct ctl *c = &r->c;
    atomic_store(&c->ready, false);
    for (int i = 0; i < LANES; i++)
        if (c->lanes[i])
            hc_queue_stop(c->lanes[i]);
    for (size_t i = 0; i < r->workers_n; i++)
        pthread_join(r->workers[i].thread, NULL);
    for (size_t i = 0; i < r->workers_n; i++)
        hc_fibers_free(r->workers[i].fibers);
    free(r->workers);
    ctl_foreign_stop(c->foreign);
    hc_pool_free(c->pool);
    ctl_late_stop(c->late);
    for (int k = 1; k < HC_CTL_KINDS; k++)
        if (r->watches[k].w)
            hc_kube_watch_stop(r->watches[k].w);
    ctl_managed_free(c->managed);
    ctl_events_stop(c->events);
    ctl_lease_release(r->lease);
    hc_serve_stop(r->metrics);
    hc_serve_stop(r->health);
    ctl_store_close(c->store);
    ctl_clients_free();
    ctl_kustomize_forget_all();
    hc_kube_free(c->kube);
    hc_http_free(c->http);
    hc_oci_logins_free(c->logins);
    ctl_foreign_free(c->foreign);
    ctl_charts_free(c->charts);
    ctl_metrics_free(c->metrics);
    hc_objects_free(c->objects);
    for (int i = 0; i < LANES; i++)
        hc_queue_free(c->lanes[i]);
}

static enum hc_rc run(struct run *r, struct hc_err *err)
{
    struct ctl *c = &r->c;
    enum hc_rc rc = set_up(r, err);
    if (rc != HC_OK)
        return rc;
    want_watches(r);
    if (c->o->enable_leader_election) {
        rc = ctl_lease_acquire(c, &stopping, on_lease_lost, &r->lease, err);
        if (rc != HC_OK)
            return atomic_load(&stopping) ? HC_OK : rc;
    }
    atomic_store(&c->leading, true);
    start_watches(r->watches);
    if (c->serves[HC_CTL_RELEASE]) {
        struct hc_err why = HC_ERR_INIT;
        if (ctl_managed_start(c->managed, &why) != HC_OK) /* works without it, only slower */
            HC_LOG(HC_LOG_ERROR, "cannot watch release records", { "error", hc_str_of(why.msg) });
    }
    while (!atomic_load(&stopping) && !all_synced(r->watches))
        wait_tick(TICK_MS);
    if (!atomic_load(&stopping))
        rc = start_workers(r, err);
    atomic_store(&c->ready, rc == HC_OK);
    if (rc == HC_OK && !atomic_load(&stopping))
        HC_LOG(HC_LOG_INFO, "controller started", { "version", HC_S(HC_VERSION) });
    while (rc == HC_OK && !atomic_load(&stopping)) {
        wait_tick(TICK_MS);
        if (atomic_load(&stopping))
            break;
        start_watches(r->watches);
        ctl_wake_all_if_lost(c);
        ctl_store_sweep(c->store);
    }
    hc_log(HC_LOG_INFO, "controller stops", 0, NULL);
    return rc;
}

/* A connection for each slow server: more descriptors than the usual soft limit. Nothing here uses select(). */
static void allow_descriptors(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur >= 8 * FETCHES)
        return;
    l.rlim_cur = l.rlim_max == RLIM_INFINITY ? 8 * FETCHES : HC_MIN(l.rlim_max, 8 * FETCHES);
    (void)setrlimit(RLIMIT_NOFILE, &l);
}

/* The memory holds credentials of everybody it serves: it goes into no core file, by limit or by pipe, and no other
 * process of the same user may look into it. */
static void forbid_core_files(void)
{
    struct rlimit none = { 0, 0 };
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

enum hc_rc hc_controller_run(const struct hc_controller_options *o, struct hc_err *err)
{
    /* One heap for all threads: workers' arenas come and go, and a heap each would keep what all of them freed. */
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TRIM_THRESHOLD, 256 * 1024);
    allow_descriptors();
    if (!o->allow_core_files)
        forbid_core_files();
    sem_init(&told_to_stop, 0, 0);
    struct run *r = hc_calloc(1, sizeof(*r));
    if (!r)
        return hc_fail_nomem(err);
    r->c.o = o;
    enum hc_rc rc = run(r, err);
    tear_down(r);
    free(r);
    if (rc == HC_OK && atomic_load(&lease_lost))
        return hc_fail(err, HC_E_AGAIN, "leader election lost: another replica may be at work, so this one ends");
    return rc;
}
