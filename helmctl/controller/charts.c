/*
 * A short list under a lock. The first worker that needs a chart parses it, others that need the same one wait for it:
 * a hundred releases of one chart parse it once.
 */
#include "helmctl/controller/charts.h"

#include <stdlib.h>

#include "charts-fetch/source/local.h"
#include "core/base/mem.h"
#include "helmctl/controller/artifacts.h"

#define CEILING ((size_t)48 << 20)
#define ENTRIES 256

struct entry {
    uint64_t hash;
    struct hc_chart *chart; /* NULL while it is being loaded */
    size_t bytes;
    uint64_t used;
};

struct ctl_charts {
    pthread_mutex_t lock;
    pthread_cond_t loaded;
    struct entry entries[ENTRIES];
    uint64_t clock;
};

struct ctl_charts *ctl_charts_new(void)
{
    struct ctl_charts *cc = hc_calloc(1, sizeof(*cc));
    if (cc) {
        pthread_mutex_init(&cc->lock, NULL);
        pthread_cond_init(&cc->loaded, NULL);
    }
    return cc;
}

void ctl_charts_free(struct ctl_charts *cc)
{
    if (!cc)
        return;
    for (size_t i = 0; i < ENTRIES; i++)
        hc_chart_unref(cc->entries[i].chart);
    pthread_mutex_destroy(&cc->lock);
    pthread_cond_destroy(&cc->loaded);
    free(cc);
}

static enum hc_rc load(struct ctl *c, const struct hc_val *source, hc_str build, struct hc_chart **out,
                       struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    hc_str archive;
    enum hc_rc rc = ctl_artifact_read(c, a, source, &archive, err);
    if (rc == HC_OK)
        rc = hc_chart_load_archive(archive, &hc_chart_archives, out, err);
    if (rc != HC_OK || !build.n)
        return rc;
    /* Nobody else has it yet: the version may still be written. Flux sets the build metadata anew. */
    struct hc_chart *chart = *out;
    size_t plus = hc_str_find(chart->version, '+');
    hc_str base = plus == SIZE_MAX ? chart->version : hc_str_sub(chart->version, 0, plus);
    chart->version = hc_arena_printf(chart->arena, "%.*s+%.*s", HC_P(base), HC_P(build));
    struct hc_val *meta = hc_val_copy(chart->arena, chart->metadata);
    hc_map_put_str(chart->arena, meta, "version", chart->version);
    chart->metadata = meta;
    return hc_arena_check(chart->arena, err, "chart");
}

/* An entry to load into: the least recently used. Called with the lock held; NULL: all are being loaded. */
static struct entry *free_entry(struct ctl_charts *cc)
{
    struct entry *e = NULL;
    for (size_t i = 0; i < ENTRIES; i++) {
        struct entry *x = &cc->entries[i];
        if (x->hash && !x->chart)
            continue;
        if (!e || x->used < e->used)
            e = x;
    }
    if (e) {
        hc_chart_unref(e->chart);
        *e = (struct entry){ 0 };
    }
    return e;
}

static void shrink(struct ctl_charts *cc, const struct entry *but)
{
    for (;;) {
        size_t sum = 0;
        struct entry *oldest = NULL;
        for (size_t i = 0; i < ENTRIES; i++) {
            struct entry *x = &cc->entries[i];
            sum += x->bytes;
            if (x->chart && x != but && (!oldest || x->used < oldest->used))
                oldest = x;
        }
        if (sum <= CEILING || !oldest)
            return;
        hc_chart_unref(oldest->chart);
        *oldest = (struct entry){ 0 };
    }
}

enum hc_rc ctl_chart_of(struct ctl *c, const struct hc_val *source, hc_str build, struct hc_chart **out,
                        struct hc_err *err)
{
    struct ctl_charts *cc = c->charts;
    hc_str digest = hc_get_str_at(source, "status.artifact.digest");
    uint64_t hash = (hc_str_hash(digest) * 31 + hc_str_hash(build)) | 1;
    struct entry *mine = NULL;
    pthread_mutex_lock(&cc->lock);
    for (;;) {
        struct entry *e = NULL;
        for (size_t i = 0; i < ENTRIES && !e; i++)
            if (cc->entries[i].hash == hash)
                e = &cc->entries[i];
        if (!e)
            break;
        if (e->chart) {
            e->used = ++cc->clock;
            *out = hc_chart_ref(e->chart);
            pthread_mutex_unlock(&cc->lock);
            return HC_OK;
        }
        pthread_cond_wait(&cc->loaded, &cc->lock);
    }
    if (digest.n && (mine = free_entry(cc)) != NULL)
        mine->hash = hash;
    pthread_mutex_unlock(&cc->lock);

    struct hc_chart *chart = NULL;
    enum hc_rc rc = load(c, source, build, &chart, err);

    pthread_mutex_lock(&cc->lock);
    if (mine && rc == HC_OK) {
        mine->chart = hc_chart_ref(chart);
        mine->bytes = hc_arena_used(chart->arena);
        mine->used = ++cc->clock;
        shrink(cc, mine);
    } else if (mine) {
        *mine = (struct entry){ 0 };
    }
    pthread_cond_broadcast(&cc->loaded);
    pthread_mutex_unlock(&cc->lock);
    if (rc == HC_OK)
        *out = chart;
    else
        hc_chart_unref(chart);
    return rc;
}
