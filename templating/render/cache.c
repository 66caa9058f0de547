/*
 * Compiled charts, kept by digest.
 *
 * The key is the chart's digest, the enabled charts with their paths and versions, and the Helm generation: that
 * decides the list of template files and their texts. Entries stand in order of use; what is over the ceiling goes
 * from the far end. Two threads that miss at once both compile; the first entry stays.
 */
#include <pthread.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "core/value/kept.h"
#include "templating/render/render_impl.h"

#define DEFAULT_BYTES (64 * HC_MIB)
#define KEPT_BYTES    (8 * HC_MIB) /* Istio's base chart alone, 870 KB of CRDs that it reads and writes, takes 6 */

struct entry {
    struct entry *next;
    struct hc_program *program;
    size_t bytes, key_n;
    uint64_t hash;
    char key[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *entries; /* the latest used first */
static size_t held, ceiling = DEFAULT_BYTES;

static void key_of(struct hc_buf *b, const struct hc_overlay_chart *c)
{
    hc_buf_put(b, c->name);
    hc_buf_putc(b, '\0');
    hc_buf_put(b, c->chart->name);
    hc_buf_putc(b, '\0');
    hc_buf_put(b, c->chart->version);
    hc_buf_printf(b, "\n%zu/%zu(", c->chart->raw_n, c->chart->templates_n);
    for (size_t i = 0; i < c->subs_n; i++)
        key_of(b, c->subs[i]);
    hc_buf_putc(b, ')');
}

static void free_entry(struct entry *e)
{
    hc_program_unref(e->program);
    free(e);
}

/* With the lock held. What is cut off is given back for freeing outside of it. */
static struct entry *cut_to(size_t bytes)
{
    size_t sum = 0;
    struct entry **at = &entries;
    while (*at && sum + (*at)->bytes <= bytes) {
        sum += (*at)->bytes;
        at = &(*at)->next;
    }
    struct entry *rest = *at;
    *at = NULL;
    held = sum;
    return rest;
}

static void free_all(struct entry *e)
{
    while (e) {
        struct entry *next = e->next;
        free_entry(e);
        e = next;
    }
}

/* With the lock held: moves it to the front. */
static struct entry *find(hc_str key, uint64_t hash)
{
    for (struct entry **at = &entries; *at; at = &(*at)->next) {
        struct entry *e = *at;
        if (e->hash != hash || !hc_str_eq((hc_str){ e->key, e->key_n }, key))
            continue;
        *at = e->next;
        e->next = entries;
        entries = e;
        return e;
    }
    return NULL;
}

static void keep(hc_str key, uint64_t hash, struct hc_program *p)
{
    struct entry *e = hc_malloc(sizeof(*e) + key.n), *rest = NULL;
    if (!e)
        return; /* works without */
    *e = (struct entry){ .program = hc_program_ref(p), .key_n = key.n, .hash = hash };
    e->bytes = hc_program_bytes(p) + sizeof(*e) + key.n;
    memcpy(e->key, key.p, key.n);
    pthread_mutex_lock(&lock);
    if (find(key, hash)) {
        rest = e;
    } else {
        e->next = entries;
        entries = e;
        held += e->bytes;
        if (held > ceiling)
            rest = cut_to(ceiling);
    }
    pthread_mutex_unlock(&lock);
    free_all(rest);
}

enum hc_rc hc_program_cached(const struct hc_overlay_chart *root, const struct hc_program_input *in, bool helm3,
                             struct hc_program **out, struct hc_buf *out_error, struct hc_err *err)
{
    if (!root->chart->digest.n)
        return hc_program_compile(in->files, in->n, helm3, out, out_error, err);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_buf_put(&b, root->chart->digest);
    hc_buf_putc(&b, helm3 ? '3' : '4');
    key_of(&b, root);
    if (b.spent)
        return hc_buf_check(&b, err, "chart");
    hc_str key = hc_buf_str(&b);
    uint64_t hash = hc_str_hash(key);
    pthread_mutex_lock(&lock);
    struct entry *hit = find(key, hash);
    struct hc_program *p = hit ? hc_program_ref(hit->program) : NULL;
    pthread_mutex_unlock(&lock);
    if (!p) {
        enum hc_rc rc = hc_program_compile(in->files, in->n, helm3, &p, out_error, err);
        if (rc != HC_OK)
            return rc;
        keep(key, hash, p);
    }
    *out = p;
    return HC_OK;
}

void hc_render_keep(void)
{
    hc_kept_limit(KEPT_BYTES);
}

void hc_render_cache_limit(size_t bytes)
{
    pthread_mutex_lock(&lock);
    ceiling = bytes ? bytes : DEFAULT_BYTES;
    struct entry *rest = cut_to(ceiling);
    pthread_mutex_unlock(&lock);
    free_all(rest);
}

void hc_render_cache_clear(void)
{
    pthread_mutex_lock(&lock);
    struct entry *rest = cut_to(0);
    pthread_mutex_unlock(&lock);
    if (hc_kept_on()) {
        hc_kept_limit(0);
        hc_kept_limit(KEPT_BYTES);
    }
    free_all(rest);
}
