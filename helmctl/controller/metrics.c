/*
 * Prometheus text under Flux's and controller-runtime's names (features B-205, B-206).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/value/json.h"
#include "helmctl/controller/ctl_impl.h"

/* fluxcd/pkg runtime/metrics: prometheus.ExponentialBucketsRange(10e-3, 1800, 10) */
#define BOUNDS  10
#define LEAST_S 10e-3
#define MOST_S  1800.0

static double bound(size_t i)
{
    return LEAST_S * pow(pow(MOST_S / LEAST_S, 1.0 / (BOUNDS - 1)), (double)i);
}

struct series {
    struct series *next;
    enum hc_ctl_kind kind;
    uint32_t ns_n, name_n;
    uint32_t buckets[BOUNDS + 1];
    double sum;
    char text[];
};

struct ctl_metrics {
    pthread_mutex_t lock;
    struct series *buckets[1024];
    uint64_t by_result[HC_CTL_KINDS][CTL_GONE + 1];
    int64_t started_ms;
};

struct ctl_metrics *ctl_metrics_new(void)
{
    struct ctl_metrics *m = hc_calloc(1, sizeof(*m));
    if (m) {
        pthread_mutex_init(&m->lock, NULL);
        m->started_ms = hc_now_ms();
    }
    return m;
}

void ctl_metrics_free(struct ctl_metrics *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < HC_LEN(m->buckets); i++)
        for (struct series *s = m->buckets[i]; s;) {
            struct series *next = s->next;
            free(s);
            s = next;
        }
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static struct series **slot(struct ctl_metrics *m, struct hc_key k)
{
    uint64_t h = hc_str_hash(k.ns) * 31 + hc_str_hash(k.name) + (uint64_t)k.kind;
    struct series **p = &m->buckets[h % HC_LEN(m->buckets)];
    for (; *p; p = &(*p)->next)
        if ((*p)->kind == k.kind && hc_str_eq(k.ns, (hc_str){ (*p)->text, (*p)->ns_n }) &&
            hc_str_eq(k.name, (hc_str){ (*p)->text + (*p)->ns_n, (*p)->name_n }))
            break;
    return p;
}

void ctl_metrics_reconciled(struct ctl_metrics *m, struct hc_key k, int64_t took_ms, enum ctl_how how)
{
    pthread_mutex_lock(&m->lock);
    m->by_result[k.kind][how]++;
    struct series **p = slot(m, k), *s = *p;
    if (!s && (s = hc_calloc(1, sizeof(*s) + k.ns.n + k.name.n + 1)) != NULL) {
        s->kind = k.kind;
        s->ns_n = (uint32_t)k.ns.n;
        s->name_n = (uint32_t)k.name.n;
        memcpy(s->text, k.ns.p, k.ns.n);
        memcpy(s->text + k.ns.n, k.name.p, k.name.n);
        *p = s;
    }
    if (s) {
        double v = (double)took_ms / 1000;
        size_t b = 0;
        while (b < BOUNDS && v > bound(b))
            b++;
        s->buckets[b]++;
        s->sum += v;
    }
    pthread_mutex_unlock(&m->lock);
}

void ctl_metrics_forget(struct ctl_metrics *m, struct hc_key k)
{
    pthread_mutex_lock(&m->lock);
    struct series **p = slot(m, k), *s = *p;
    if (s)
        *p = s->next;
    pthread_mutex_unlock(&m->lock);
    free(s);
}

static void write_series(struct hc_buf *b, const struct series *s)
{
    char labels[600];
    snprintf(labels, sizeof(labels), "kind=\"%s\",name=\"%.*s\",namespace=\"%.*s\"", hc_ctl_kind_name(s->kind),
             (int)s->name_n, s->text + s->ns_n, (int)s->ns_n, s->text);
    uint64_t n = 0;
    for (size_t i = 0; i <= BOUNDS; i++) {
        n += s->buckets[i];
        hc_buf_printf(b, "gotk_reconcile_duration_seconds_bucket{%s,le=\"", labels);
        if (i < BOUNDS)
            hc_json_write_float(b, bound(i));
        else
            hc_buf_puts(b, "+Inf");
        hc_buf_printf(b, "\"} %" PRIu64 "\n", n);
    }
    hc_buf_printf(b, "gotk_reconcile_duration_seconds_sum{%s} %g\n", labels, s->sum);
    hc_buf_printf(b, "gotk_reconcile_duration_seconds_count{%s} %" PRIu64 "\n", labels, n);
}

static void write_process(struct ctl_metrics *m, struct hc_buf *b)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    double cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
                 (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f) {
        if (fscanf(f, "%*d %ld", &pages) != 1)
            pages = 0;
        fclose(f);
    }
    hc_buf_printf(b, "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total %g\n", cpu);
    hc_buf_printf(b, "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %ld\n",
                  pages * sysconf(_SC_PAGESIZE));
    hc_buf_printf(b, "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds %" PRId64 "\n",
                  m->started_ms / 1000);
}

/* As controller-runtime names a controller: "helmrelease". */
static const char *controller_name(enum hc_ctl_kind kind, char out[64])
{
    const char *z = hc_ctl_kind_name(kind);
    size_t n = 0;
    for (; z[n] && n < 63; n++)
        out[n] = (char)(z[n] >= 'A' && z[n] <= 'Z' ? z[n] + 32 : z[n]);
    out[n] = 0;
    return out;
}

void ctl_metrics_write(struct ctl *c, struct hc_buf *b)
{
    static const char *const lanes[LANES] = { "source", "kustomization", "helmrelease" };
    struct ctl_metrics *m = c->metrics;
    hc_buf_puts(b, "# HELP gotk_reconcile_duration_seconds The duration in seconds of a GitOps Toolkit resource "
                   "reconciliation.\n# TYPE gotk_reconcile_duration_seconds histogram\n");
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < HC_LEN(m->buckets); i++)
        for (struct series *s = m->buckets[i]; s; s = s->next)
            write_series(b, s);
    hc_buf_puts(b, "# TYPE controller_runtime_reconcile_total counter\n"
                   "# TYPE controller_runtime_reconcile_errors_total counter\n"
                   "# TYPE controller_runtime_max_concurrent_reconciles gauge\n");
    for (int k = 1; k < HC_CTL_KINDS; k++) {
        if (!c->serves[k])
            continue;
        const uint64_t *r = m->by_result[k];
        char name[64];
        const char *kind = controller_name((enum hc_ctl_kind)k, name);
        const struct {
            const char *name;
            uint64_t n;
        } rows[] = { { "success", r[CTL_GONE] + r[CTL_STALLED] },
                     { "requeue_after", r[CTL_DONE] + r[CTL_AT] },
                     { "requeue", r[CTL_AGAIN] },
                     { "error", r[CTL_RETRY] } };
        for (size_t i = 0; i < HC_LEN(rows); i++)
            hc_buf_printf(b, "controller_runtime_reconcile_total{controller=\"%s\",result=\"%s\"} %" PRIu64 "\n",
                          kind, rows[i].name, rows[i].n);
        hc_buf_printf(b, "controller_runtime_reconcile_errors_total{controller=\"%s\"} %" PRIu64 "\n", kind,
                      r[CTL_RETRY]);
        hc_buf_printf(b, "controller_runtime_max_concurrent_reconciles{controller=\"%s\"} %" PRId64 "\n", kind,
                      c->o->concurrent);
    }
    pthread_mutex_unlock(&m->lock);
    hc_buf_puts(b, "# TYPE workqueue_depth gauge\n# TYPE workqueue_adds_total counter\n"
                   "# TYPE workqueue_retries_total counter\n");
    for (int i = 0; i < LANES; i++) {
        struct hc_queue_stats st;
        hc_queue_stats(c->lanes[i], &st);
        hc_buf_printf(b, "workqueue_depth{controller=\"%s\",name=\"%s\"} %zu\n", lanes[i], lanes[i], st.ready);
        hc_buf_printf(b, "workqueue_adds_total{controller=\"%s\",name=\"%s\"} %" PRIu64 "\n", lanes[i], lanes[i],
                      st.adds);
        hc_buf_printf(b, "workqueue_retries_total{controller=\"%s\",name=\"%s\"} %" PRIu64 "\n", lanes[i], lanes[i],
                      st.retries);
    }
    hc_buf_printf(b, "# TYPE rest_client_requests_total counter\nrest_client_requests_total %" PRIu64 "\n",
                  hc_http_requests(c->http));
    write_process(m, b);
}
