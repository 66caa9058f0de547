/*
 * Leader election on a coordination.k8s.io/v1 Lease, by the rules of Kubernetes' own client: a lease is free when it has
 * no holder or was not renewed, as seen by our own clock, for its duration. The name carries a hash of the label
 * selector, so that shards each have a leader.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/mem.h"
#include "helmctl/controller/ctl_impl.h"

#define MANAGER "helmctl"

struct ctl_lease {
    struct ctl *c;
    char name[96], me[320];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool renewing, stopped;
    void (*on_lost)(void);
    _Atomic int64_t
        until_ms;       /* of hc_boot_ms: nobody else takes it before; who was stopped meanwhile sends nothing (the
                                 clock goes on) */
    uint64_t seen_hash; /* of holder and renewTime */
    int64_t seen_at_ms;
};

static hc_str micro_time(struct hc_arena *a)
{
    int64_t ns = hc_now_ns();
    time_t s = (time_t)(ns / 1000000000);
    struct tm tm;
    char text[32];
    gmtime_r(&s, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    return hc_arena_printf(a, "%s.%06dZ", text, (int)(ns % 1000000000 / 1000));
}

static struct hc_ref lease_ref(const struct ctl_lease *l)
{
    return (struct hc_ref){ HC_S("coordination.k8s.io/v1"), HC_S("Lease"), hc_str_of(l->c->o->ns),
                            hc_str_of(l->name) };
}

static struct hc_val *lease_object(const struct ctl_lease *l, struct hc_arena *a, const struct hc_val *old,
                                   bool held)
{
    struct hc_val *v = hc_map_new(a), *m = hc_map_new(a), *s = hc_map_new(a);
    hc_map_put_strz(a, v, "apiVersion", "coordination.k8s.io/v1");
    hc_map_put_strz(a, v, "kind", "Lease");
    hc_map_put_strz(a, m, "name", l->name);
    hc_map_put_strz(a, m, "namespace", l->c->o->ns);
    hc_map_put_str(a, m, "resourceVersion", hc_get_str_at(old, "metadata.resourceVersion"));
    hc_map_put(a, v, HC_S("metadata"), m);
    bool mine = hc_str_eqz(hc_get_str_at(old, "spec.holderIdentity"), l->me);
    int64_t changes = hc_get_int_at(old, "spec.leaseTransitions", 0);
    hc_map_put_strz(a, s, "holderIdentity", held ? l->me : "");
    hc_map_put_int(a, s, "leaseDurationSeconds", held ? l->c->o->lease_duration_ms / 1000 : 1);
    hc_str since = hc_get_str_at(old, "spec.acquireTime");
    hc_map_put_str(a, s, "acquireTime", mine && since.n ? since : micro_time(a));
    hc_map_put_str(a, s, "renewTime", micro_time(a));
    hc_map_put_int(a, s, "leaseTransitions", old && !mine ? changes + 1 : changes);
    hc_map_put(a, v, HC_S("spec"), s);
    return v;
}

/* HC_OK: ours for another duration. HC_E_CONFLICT: somebody else's. */
static enum hc_rc one_try(struct ctl_lease *l, bool give_back, struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_val *old = NULL;
    struct hc_ref r = lease_ref(l);
    enum hc_rc rc = hc_kube_get(l->c->kube, a, &r, &old, err);
    if (rc == HC_E_NOTFOUND) {
        if (give_back)
            return HC_OK;
        return hc_kube_create(l->c->kube, a, lease_object(l, a, NULL, true), MANAGER, 0, NULL, err);
    }
    if (rc != HC_OK)
        return rc;
    hc_str holder = hc_get_str_at(old, "spec.holderIdentity");
    bool mine = hc_str_eqz(holder, l->me);
    if (give_back && !mine)
        return HC_OK;
    uint64_t h = hc_str_hash(holder) * 31 + hc_str_hash(hc_get_str_at(old, "spec.renewTime"));
    if (h != l->seen_hash) {
        l->seen_hash = h;
        l->seen_at_ms = hc_mono_ms();
    }
    int64_t duration = hc_get_int_at(old, "spec.leaseDurationSeconds", l->c->o->lease_duration_ms / 1000) * 1000;
    if (!mine && holder.n && hc_mono_ms() < l->seen_at_ms + duration)
        return hc_fail(err, HC_E_CONFLICT, "lease %s/%s is held by %.*s", l->c->o->ns, l->name, HC_P(holder));
    return hc_kube_update(l->c->kube, a, lease_object(l, a, old, !give_back), MANAGER, 0, NULL, err);
}

static enum hc_rc try_hold(struct ctl_lease *l, bool give_back, struct hc_err *err)
{
    struct hc_kube_fence passes = { .asking = true };
    int64_t began_ms = hc_boot_ms();
    hc_kube_fence_set(&passes);
    enum hc_rc rc = one_try(l, give_back, err);
    hc_kube_fence_set(NULL);
    if (rc == HC_OK) /* others count from when they see it, which is later */
        atomic_store(&l->until_ms, began_ms + l->c->o->lease_duration_ms);
    return rc;
}

static void *renew(void *arg)
{
    struct ctl_lease *l = arg;
    int64_t renewed = hc_mono_ms();
    pthread_mutex_lock(&l->lock);
    while (!l->stopped) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        int64_t pause = l->c->o->retry_period_ms;
        until.tv_sec += (time_t)(pause / 1000);
        until.tv_nsec += (long)(pause % 1000) * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        if (pthread_cond_timedwait(&l->wake, &l->lock, &until) != ETIMEDOUT)
            continue;
        pthread_mutex_unlock(&l->lock);
        struct hc_err err = HC_ERR_INIT;
        enum hc_rc rc = try_hold(l, false, &err);
        if (rc == HC_OK)
            renewed = hc_mono_ms();
        bool lost = rc != HC_OK && hc_mono_ms() - renewed > l->c->o->renew_deadline_ms;
        if (lost) {
            HC_LOG(HC_LOG_ERROR, "leader election lost", { "error", hc_str_of(err.msg) });
            l->on_lost();
        }
        pthread_mutex_lock(&l->lock);
        if (lost)
            break;
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

enum hc_rc ctl_lease_acquire(struct ctl *c, const atomic_bool *stop, void (*on_lost)(void), struct ctl_lease **out,
                             struct hc_err *err)
{
    struct ctl_lease *l = hc_calloc(1, sizeof(*l));
    if (!l)
        return hc_fail_nomem(err);
    l->c = c;
    l->on_lost = on_lost;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->wake, NULL);
    char host[256] = "", uuid[37];
    (void)gethostname(host, sizeof(host) - 1);
    hc_uuid4(uuid);
    snprintf(l->me, sizeof(l->me), "%s_%s", host, uuid);
    const char *selector = c->o->watch_label_selector;
    if (selector && *selector) {
        char hex[HC_SHA256_HEX + 1];
        hc_sha256_of(hc_str_of(selector), hex);
        snprintf(l->name, sizeof(l->name), "helmctl-%.8s-leader-election", hex);
    } else {
        snprintf(l->name, sizeof(l->name), "helmctl-leader-election");
    }
    HC_LOG(HC_LOG_INFO, "attempting to acquire leader lease", { "lease", hc_str_of(l->name) });
    struct hc_err why = HC_ERR_INIT;
    while (!atomic_load(stop)) {
        enum hc_rc rc = try_hold(l, false, &why);
        if (rc == HC_OK) {
            HC_LOG(HC_LOG_INFO, "successfully acquired lease", { "lease", hc_str_of(l->name) });
            l->renewing = pthread_create(&l->thread, NULL, renew, l) == 0;
            if (!l->renewing) {
                ctl_lease_release(l);
                return hc_fail(err, HC_E_NOMEM, "leader election: no thread to renew the lease with");
            }
            hc_kube_fence_process(&l->until_ms);
            *out = l;
            return HC_OK;
        }
        if (rc != HC_E_CONFLICT)
            HC_LOG(HC_LOG_ERROR, "leader election", { "error", hc_str_of(why.msg) });
        for (int64_t until = hc_mono_ms() + c->o->retry_period_ms; hc_mono_ms() < until && !atomic_load(stop);)
            usleep(50000);
    }
    ctl_lease_release(l);
    return hc_fail(err, HC_E_AGAIN, "stopped before it led");
}

void ctl_lease_release(struct ctl_lease *l)
{
    if (!l)
        return;
    if (l->renewing) {
        pthread_mutex_lock(&l->lock);
        l->stopped = true;
        pthread_cond_broadcast(&l->wake);
        pthread_mutex_unlock(&l->lock);
        pthread_join(l->thread, NULL);
        struct hc_err err = HC_ERR_INIT;
        (void)try_hold(l, true, &err);
        hc_kube_fence_process(NULL);
    }
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->wake);
    free(l);
}
