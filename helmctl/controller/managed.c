/*
 * One lock over a few small hash tables. Objects are 24 bytes each: what they are (a hash), whose they are, and a hash
 * of what somebody may have changed in them. A release that waits holds its memo, 32 bytes for each object it waits for, and
 * nothing else: no thread, no stack, no manifest, none of its objects.
 */
#include "helmctl/controller/managed.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/value/json.h"
#include "deploy/ready/ready.h"

#define OWNER_NAME "helm.toolkit.fluxcd.io/name"
#define OWNER_NS   "helm.toolkit.fluxcd.io/namespace"

struct awaited {
    uint64_t with_ns, without_ns; /* cluster-wide objects are awaited with or without a namespace */
    uint64_t floor : 63;          /* its resourceVersion when it was not ready; 0: not known */
    uint64_t told : 1;            /* it became ready, and the release was woken for it */
    char *json;                   /* as it was when it became ready, not older than `floor`; NULL: none */
};

struct release {
    struct release *next;
    struct release *next_recorded; /* of the same chain of `recorded` */
    uint64_t hash;
    bool running, drift;
    bool touched;      /* while it ran: somebody changed an object of it */
    int64_t looked_ms; /* when a worker took it up last (monotonic) */
    int64_t news_ms;   /* when its records were changed by others last, or will be looked at for that */
    uint32_t news;     /* how often in a row that was */
    bool news_due;     /* a look is set for it */
    bool
        settled; /* while it ran: an object of it became ready, failed or went: what is awaited by now may be that one */
    struct hc_reconcile_memo memo;
    uint64_t records; /* hash of storage namespace and release name; 0: none */
    struct awaited *awaited;
    size_t awaited_n;
    uint32_t ns_n, name_n;
    char text[];
};

struct revision {
    int64_t revision;
    uint64_t rv;
    bool pending; /* somebody is at work on it */
};

struct record { /* all revisions of one release, the newest matters */
    struct record *next;
    uint64_t hash;
    size_t n, cap;
    struct revision *revs;
};

struct known {
    uint64_t object, content; /* hashes; content 0: not seen, or gone */
    uint32_t ours_s; /* when we were last seen to have changed it, in seconds: managedFields have no more */
    uint32_t owner;  /* hash of the release that its labels name */
};

struct kind_watch {
    struct kind_watch *next;
    struct ctl_managed *m;
    struct hc_kube_watch *watch;
    uint64_t hash;
    int64_t again_ms; /* without a watch: when to try again (monotonic); INT64_MAX: somebody is at it */
    bool plain;       /* no readiness of its own: metadata is enough */
    bool works;       /* it has listed, and is not cut off */
    hc_str api_version, kind;
    struct known *objects; /* open hash */
    size_t objects_n, objects_cap;
    char text[];
};

#define BUCKETS 1024

#define LOOK_MS   10000 /* at what is awaited, where no watch tells */
#define GLANCE_MS 60000 /* where one does; then after as long as it has waited already */
#define LOOKS     100 /* a second, of all releases together: ten thousand that wait must not keep the workers from */
#define GLANCES   20  /* the one that somebody writes to */

/* A revision that another program has under way is left to it this long: `helm rollback` by hand is done in seconds.
 * After that it is taken for dead. */
#define PATIENCE_MS 15000

struct ctl_managed {
    struct ctl *c;
    pthread_mutex_t lock;
    struct release *releases[BUCKETS];
    struct release *recorded[BUCKETS]; /* by the hash of where their records are */
    struct record *records[BUCKETS];
    struct kind_watch *kinds;
    struct hc_kube_watch *record_watch;
    bool records_synced, stopping;
    size_t waiting; /* releases that await something */
};

static uint64_t hash2(hc_str x, hc_str y)
{
    return (hc_str_hash(x) * 31 + hc_str_hash(y)) | 1;
}

static uint64_t ref_hash(hc_str api_version, hc_str kind, hc_str ns, hc_str name)
{
    size_t slash = hc_str_find(api_version, '/'); /* versions of one group are the same object */
    hc_str group = slash == SIZE_MAX ? HC_S("") : hc_str_sub(api_version, 0, slash);
    return (hash2(group, kind) * 31 + hash2(ns, name)) | 1;
}

static uint64_t ref_hash_of(const struct hc_ref *r, bool with_ns)
{
    return ref_hash(r->api_version, r->kind, with_ns ? r->ns : HC_S(""), r->name);
}

/* ---- releases ---- */

static struct release **release_slot(struct ctl_managed *m, hc_str ns, hc_str name)
{
    uint64_t h = hash2(ns, name);
    struct release **p = &m->releases[h % BUCKETS];
    for (; *p; p = &(*p)->next)
        if ((*p)->hash == h && hc_str_eq(ns, (hc_str){ (*p)->text, (*p)->ns_n }) &&
            hc_str_eq(name, (hc_str){ (*p)->text + (*p)->ns_n, (*p)->name_n }))
            break;
    return p;
}

static struct hc_key release_key(const struct release *r)
{
    return (struct hc_key){ HC_CTL_RELEASE, { r->text, r->ns_n }, { r->text + r->ns_n, r->name_n } };
}

static void drop_awaited(struct ctl_managed *m, struct release *r)
{
    for (size_t i = 0; i < r->awaited_n; i++)
        free(r->awaited[i].json);
    m->waiting -= r->awaited_n > 0;
    free(r->awaited);
    r->awaited = NULL;
    r->awaited_n = 0;
}

/* Where the records of a release are, 0: nowhere that is watched. */
static void record_at(struct ctl_managed *m, struct release *r, uint64_t records)
{
    if (r->records == records)
        return;
    struct release **p = &m->recorded[r->records % BUCKETS];
    while (r->records && *p != r)
        p = &(*p)->next_recorded;
    if (r->records)
        *p = r->next_recorded;
    r->records = records;
    if (records) {
        r->next_recorded = m->recorded[records % BUCKETS];
        m->recorded[records % BUCKETS] = r;
    }
}

/* At most one look a second, however often somebody writes: it compares all objects of the release. */
static void wake_for_drift(struct ctl_managed *m, const struct release *r)
{
    ctl_wake_at(m->c, release_key(r), HC_MAX(hc_mono_ms(), r->looked_ms + 1000));
}

struct hc_reconcile_memo ctl_release_begin(struct ctl_managed *m, struct hc_key k)
{
    struct hc_reconcile_memo memo = { 0 };
    pthread_mutex_lock(&m->lock);
    struct release **at = release_slot(m, k.ns, k.name), *r = *at;
    if (!r && (r = hc_calloc(1, sizeof(*r) + k.ns.n + k.name.n + 1)) != NULL) {
        r->hash = hash2(k.ns, k.name);
        r->ns_n = (uint32_t)k.ns.n;
        r->name_n = (uint32_t)k.name.n;
        memcpy(r->text, k.ns.p, k.ns.n);
        memcpy(r->text + k.ns.n, k.name.p, k.name.n);
        *at = r;
    }
    if (r) {
        r->running = true;
        r->news_due = false;
        r->touched = r->settled = false;
        r->looked_ms = hc_mono_ms();
        memo = r->memo;
    }
    pthread_mutex_unlock(&m->lock);
    return memo;
}

void ctl_release_forget(struct ctl_managed *m, struct hc_key k)
{
    pthread_mutex_lock(&m->lock);
    struct release **at = release_slot(m, k.ns, k.name), *r = *at;
    if (r) {
        *at = r->next;
        record_at(m, r, 0);
        drop_awaited(m, r);
        free(r);
    }
    pthread_mutex_unlock(&m->lock);
}

void ctl_release_suspended(struct ctl_managed *m, struct hc_key k)
{
    pthread_mutex_lock(&m->lock);
    struct release *r = *release_slot(m, k.ns, k.name);
    if (r) {
        drop_awaited(m, r);
        r->drift = false;
    }
    pthread_mutex_unlock(&m->lock);
}

void ctl_release_untouched(struct ctl_managed *m, struct hc_key k)
{
    pthread_mutex_lock(&m->lock);
    struct release *r = *release_slot(m, k.ns, k.name);
    if (r)
        r->running = false;
    pthread_mutex_unlock(&m->lock);
}

/* ---- records ---- */

static struct record **record_slot(struct ctl_managed *m, uint64_t h)
{
    struct record **p = &m->records[h % BUCKETS];
    while (*p && (*p)->hash != h)
        p = &(*p)->next;
    return p;
}

static void newest(const struct record *r, int64_t *revision, uint64_t *rv, bool *pending)
{
    *revision = 0;
    *rv = 0;
    *pending = false;
    for (size_t i = 0; r && i < r->n; i++)
        if (r->revs[i].revision > *revision) {
            *revision = r->revs[i].revision;
            *rv = r->revs[i].rv;
            *pending = r->revs[i].pending;
        }
}

static uint64_t memo_rv(const struct hc_reconcile_memo *memo)
{
    uint64_t v;
    return hc_str_to_u64(hc_str_of(memo->resource_version), &v) ? v : 0;
}

/*
 * When to look at records that somebody else wrote: at once, but where that goes on (two HelmReleases with one release
 * name take it from each other for ever) after ever longer pauses. Called with the lock held.
 */
static int64_t news_at(struct ctl_managed *m, struct release *r)
{
    enum { FREE = 5 }; /* a person who goes to and fro by hand */
    int64_t now_ms = hc_mono_ms(), first_ms = HC_MAX(m->c->o->min_retry_delay_ms, (int64_t)1), pause_ms = 0;
    if (r->news_due)
        return r->news_ms;
    if (r->news >= FREE)
        pause_ms = hc_doubled_ms(first_ms, (int64_t)r->news - FREE, m->c->o->max_retry_delay_ms);
    if (r->news && now_ms - r->news_ms > HC_MAX(4 * pause_ms, (int64_t)60000))
        pause_ms = r->news = 0;
    r->news++;
    r->news_due = true;
    r->news_ms = now_ms + pause_ms;
    return r->news_ms;
}

/* The watch tells of a record that the release does not know of yet. Called with the lock held. */
static bool record_is_news(struct ctl_managed *m, struct release *r)
{
    if (!r->records || !m->records_synced)
        return false;
    int64_t revision;
    uint64_t rv, known = memo_rv(&r->memo);
    bool pending;
    newest(*record_slot(m, r->records), &revision, &rv, &pending);
    if (rv > known && pending) {
        ctl_wake_at(m->c, release_key(r), HC_MAX(hc_mono_ms() + PATIENCE_MS, news_at(m, r)));
        return false;
    }
    if (rv > known) {
        int64_t at_ms = news_at(m, r);
        if (at_ms <= hc_mono_ms())
            return true;
        ctl_wake_at(m->c, release_key(r), at_ms);
        return false;
    }
    /* Everything was deleted behind our back. (While the watch is behind our own writes it shows an older revision, not
     * none: except for the very first, which a wake-up costs one look.) */
    return revision == 0 && r->memo.revision > 0;
}

static void on_record(void *ctx, enum hc_watch_event e, const struct hc_val *o)
{
    struct ctl_managed *m = ctx;
    pthread_mutex_lock(&m->lock);
    if (e == HC_WATCH_SYNCED || e == HC_WATCH_FAILED) { /* what it may have missed is asked */
        m->records_synced = e == HC_WATCH_SYNCED;
        pthread_mutex_unlock(&m->lock);
        return;
    }
    const struct hc_val *labels = hc_get(o, "metadata.labels");
    hc_str ns = hc_get_str_at(o, "metadata.namespace"), name = hc_get_str(hc_map_getz(labels, "name"));
    int64_t revision = 0;
    uint64_t rv = 0, h = hash2(ns, name);
    bool ok = hc_str_to_i64(hc_get_str(hc_map_getz(labels, "version")), &revision) &&
              hc_str_to_u64(hc_get_str_at(o, "metadata.resourceVersion"), &rv);
    struct record **at = record_slot(m, h), *r = *at;
    if (!r && ok && e != HC_WATCH_DELETED && (r = hc_calloc(1, sizeof(*r))) != NULL) {
        r->hash = h;
        *at = r;
    }
    size_t i = 0;
    while (r && i < r->n && r->revs[i].revision != revision)
        i++;
    if (r && ok && e == HC_WATCH_DELETED) {
        if (i < r->n)
            r->revs[i] = r->revs[--r->n];
        if (r->n == 0) {
            *at = r->next;
            free(r->revs);
            free(r);
        }
    } else if (r && ok) {
        if (i == r->n && r->n == r->cap) {
            size_t cap = r->cap ? r->cap * 2 : 2;
            void *p = hc_realloc(r->revs, cap * sizeof(*r->revs));
            if (p) {
                r->revs = p;
                r->cap = cap;
            }
        }
        if (i < r->cap) {
            r->n = HC_MAX(r->n, i + 1);
            r->revs[i].revision = revision;
            r->revs[i].rv = rv;
            hc_str status = hc_get_str(hc_map_getz(labels, "status"));
            r->revs[i].pending = hc_str_starts(status, HC_S("pending-")) || hc_str_eqz(status, "uninstalling");
        }
    }
    for (struct release *x = ok ? m->recorded[h % BUCKETS] : NULL; x; x = x->next_recorded)
        if (x->records == h && !x->running && record_is_news(m, x))
            ctl_wake(m->c, release_key(x));
    pthread_mutex_unlock(&m->lock);
}

bool ctl_record_head(struct ctl_managed *m, hc_str storage_ns, hc_str release, const struct hc_reconcile_memo *memo,
                     int64_t *out_revision, char out_resource_version[32])
{
    pthread_mutex_lock(&m->lock);
    bool known = m->records_synced;
    int64_t revision = 0;
    uint64_t rv = 0;
    bool pending;
    if (known)
        newest(*record_slot(m, hash2(storage_ns, release)), &revision, &rv, &pending);
    pthread_mutex_unlock(&m->lock);
    if (!known)
        return false;
    if (memo && memo->revision > 0 && memo_rv(memo) > rv) {
        if (revision == 0)
            return false;               /* behind our write, or all was deleted: ask */
        *out_revision = memo->revision; /* the watch is behind what we wrote ourselves */
        snprintf(out_resource_version, 32, "%s", memo->resource_version);
        return true;
    }
    *out_revision = revision;
    snprintf(out_resource_version, 32, "%" PRIu64, rv);
    return true;
}

/* ---- managed objects ---- */

/* Kinds that are what they are as soon as they exist. */
static bool is_plain_kind(hc_str kind)
{
    static const char *const plain[] = { "ConfigMap",
                                         "Secret",
                                         "ServiceAccount",
                                         "Role",
                                         "RoleBinding",
                                         "ClusterRole",
                                         "ClusterRoleBinding",
                                         "NetworkPolicy",
                                         "LimitRange",
                                         "ResourceQuota",
                                         "PriorityClass",
                                         "StorageClass",
                                         "IngressClass",
                                         "RuntimeClass",
                                         "MutatingWebhookConfiguration",
                                         "ValidatingWebhookConfiguration",
                                         "ValidatingAdmissionPolicy",
                                         "ValidatingAdmissionPolicyBinding" };
    for (size_t i = 0; i < HC_LEN(plain); i++)
        if (hc_str_eqz(kind, plain[i]))
            return true;
    return false;
}

/* The Deployment controller's own notes. */
static bool is_servers_annotation(hc_str key)
{
    return hc_str_starts(key, HC_S("deployment.kubernetes.io/"));
}

/* What a person may have changed: everything but the status and what the server writes by itself. Of objects that come
 * as metadata the content is not there: any change of them is one. */
static uint64_t content_hash(const struct hc_val *o, bool plain)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    struct hc_val *v = hc_map_new(a), *m = hc_map_new(a), *notes = hc_map_new(a);
    const struct hc_val *meta = hc_map_getz(o, "metadata"), *all = hc_map_getz(meta, "annotations");
    for (size_t i = 0; i < hc_map_len(o); i++) {
        struct hc_entry *e = hc_map_at(o, i);
        if (!hc_str_eqz(e->key, "status") && !hc_str_eqz(e->key, "metadata"))
            hc_map_put_ref(a, v, e->key, e->val);
    }
    for (size_t i = 0; i < hc_map_len(all); i++)
        if (!is_servers_annotation(hc_map_at(all, i)->key))
            hc_map_put_ref(a, notes, hc_map_at(all, i)->key, hc_map_at(all, i)->val);
    hc_map_put(a, m, HC_S("annotations"), notes);
    static const char *const kept[] = { "labels", "finalizers", "ownerReferences", "resourceVersion" };
    for (size_t i = 0; i < HC_LEN(kept) - (plain ? 0 : 1); i++)
        if (hc_map_getz(meta, kept[i]))
            hc_map_put(a, m, hc_str_of(kept[i]), hc_map_getz(meta, kept[i]));
    hc_map_put(a, v, HC_S("metadata"), m);
    hc_json_write(&b, v, HC_JSON_SORT);
    return hc_str_hash(hc_buf_str(&b)) | 1;
}

/* When the newest change to the wanted state was our own: the time of our latest managedFields entry, in milliseconds;
 * 0: somebody else's is as new, or there is none. Subresources (status, scale) are not the wanted state. */
static int64_t our_last_change(const struct hc_val *o)
{
    const struct hc_val *list = hc_get(o, "metadata.managedFields");
    int64_t ours = 0, others = -1;
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *f = hc_list_at(list, i);
        if (hc_get_str_at(f, "subresource").n)
            continue;
        int64_t t = hc_time_parse_ms(hc_get_str_at(f, "time"));
        hc_str who = hc_get_str_at(f, "manager");
        bool own = hc_str_eqz(who, "helm-controller") || hc_str_eqz(who, "helm") || hc_str_eqz(who, "helmctl");
        int64_t *newest = own ? &ours : &others;
        *newest = HC_MAX(*newest, t);
    }
    return ours > others ? ours : 0; /* within the same second: better one look too many */
}

static struct known *object_slot(struct kind_watch *w, uint64_t h)
{
    if (w->objects_n * 2 >= w->objects_cap) {
        size_t cap = w->objects_cap ? w->objects_cap * 2 : 64;
        struct known *t = hc_calloc(cap, sizeof(*t));
        if (!t)
            return NULL;
        for (size_t i = 0; i < w->objects_cap; i++)
            if (w->objects[i].object) {
                size_t j = w->objects[i].object % cap;
                while (t[j].object)
                    j = (j + 1) % cap;
                t[j] = w->objects[i];
            }
        free(w->objects);
        w->objects = t;
        w->objects_cap = cap;
    }
    size_t i = h % w->objects_cap;
    while (w->objects[i].object && w->objects[i].object != h)
        i = (i + 1) % w->objects_cap;
    if (!w->objects[i].object) {
        w->objects[i].object = h;
        w->objects_n++;
    }
    return &w->objects[i];
}

static struct awaited *awaited_of(const struct release *r, uint64_t h)
{
    for (size_t i = 0; r && i < r->awaited_n; i++)
        if (r->awaited[i].with_ns == h || r->awaited[i].without_ns == h)
            return &r->awaited[i];
    return NULL;
}

static struct hc_val *map_without(struct hc_arena *a, const struct hc_val *map, hc_str key)
{
    struct hc_val *m = hc_map_new(a);
    for (size_t i = 0; i < hc_map_len(map); i++)
        if (!hc_str_eq(hc_map_at(map, i)->key, key))
            hc_map_put_ref(a, m, hc_map_at(map, i)->key, hc_map_at(map, i)->val);
    return m;
}

static struct hc_val *without_writers(struct hc_arena *a, const struct hc_val *o)
{
    struct hc_val *v = map_without(a, o, HC_S("metadata"));
    hc_map_put(a, v, HC_S("metadata"), map_without(a, hc_map_getz(o, "metadata"), HC_S("managedFields")));
    return v;
}

/* Keeps what the step that follows will want to see of an object that became ready; of one that is not (any more), nothing.
 * False: older than what is awaited. */
static bool keep_seen(struct awaited *x, const struct hc_val *o, bool ready)
{
    HC_AUTO(hc_arena) struct hc_arena *a = NULL;
    uint64_t rv = 0;
    bool numbered = hc_str_to_u64(hc_get_str_at(o, "metadata.resourceVersion"), &rv);
    if (numbered && rv < x->floor)
        return false;
    free(x->json);
    x->json = NULL;
    if (!ready || x->floor == 0 || !numbered)
        return true;
    a = hc_arena_new(0);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write(&b, without_writers(a, o), 0);
    hc_str text = hc_buf_str(&b);
    x->json = b.spent || hc_arena_spent(a) ? NULL : hc_strdup_n(text.p, text.n);
    return true;
}

struct hc_val *ctl_release_look(struct ctl_managed *m, struct hc_key k, struct hc_arena *a,
                                const struct hc_ref *ref)
{
    struct hc_val *v = NULL;
    hc_str text = { NULL, 0 };
    pthread_mutex_lock(&m->lock);
    const struct awaited *x = awaited_of(*release_slot(m, k.ns, k.name), ref_hash_of(ref, true));
    if (x && x->json)
        text = hc_arena_str(a, hc_str_of(x->json));
    pthread_mutex_unlock(&m->lock);
    if (!text.p || hc_json_parse(a, text, HC_JSON_REF | HC_JSON_NO_POSITIONS, &v, NULL) != HC_OK)
        return NULL;
    return v;
}

/* Who waits for something of this kind may have relied on the watch: it looks for itself from now on. */
static void on_watch_health(struct kind_watch *w, bool works)
{
    struct ctl_managed *m = w->m;
    pthread_mutex_lock(&m->lock);
    bool failed = w->works && !works && !m->stopping;
    w->works = works;
    for (size_t b = 0; failed && b < BUCKETS; b++)
        for (struct release *r = m->releases[b]; r; r = r->next)
            if (r->awaited_n > 0)
                ctl_wake_at(m->c, release_key(r), hc_mono_ms() + PATIENCE_MS);
    pthread_mutex_unlock(&m->lock);
}

static struct kind_watch *kind_of(struct ctl_managed *m, const struct hc_ref *ref)
{
    uint64_t h = hash2(ref->api_version, ref->kind);
    struct kind_watch *w = m->kinds;
    while (w && w->hash != h)
        w = w->next;
    return w;
}

/* The watch has shown this object, as one of that release. */
static bool is_shown(const struct kind_watch *w, const struct hc_ref *ref, uint64_t owner)
{
    for (int with_ns = 0; with_ns < 2; with_ns++) {
        uint64_t h = ref_hash_of(ref, with_ns != 0);
        size_t i = w->objects_cap ? h % w->objects_cap : 0;
        while (w->objects_cap && w->objects[i].object && w->objects[i].object != h)
            i = (i + 1) % w->objects_cap;
        if (w->objects_cap && w->objects[i].object == h && w->objects[i].content &&
            w->objects[i].owner == (uint32_t)owner)
            return true;
    }
    return false;
}

int64_t ctl_look_after(struct ctl_managed *m, struct hc_key k, const struct hc_ref *refs, const uint64_t *rvs,
                       size_t n, int64_t waited_ms)
{
    size_t told = 0;
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < n; i++) {
        const struct kind_watch *w = kind_of(m, &refs[i]);
        told += w && w->works && !hc_str_eqz(refs[i].kind, "Pod") &&
                (rvs ? rvs[i] > 0 : is_shown(w, &refs[i], hash2(k.ns, k.name)));
    }
    int64_t waiting = (int64_t)m->waiting;
    pthread_mutex_unlock(&m->lock);
    if (n > 0 && told == n)
        return HC_MAX(HC_MAX((int64_t)GLANCE_MS, waited_ms), waiting * 1000 / GLANCES);
    return HC_MAX((int64_t)LOOK_MS, waiting * 1000 / LOOKS);
}

static void on_object(void *ctx, enum hc_watch_event e, const struct hc_val *o)
{
    struct kind_watch *w = ctx;
    struct ctl_managed *m = w->m;
    if (e == HC_WATCH_SYNCED || e == HC_WATCH_FAILED) {
        on_watch_health(w, e == HC_WATCH_SYNCED);
        return;
    }
    const struct hc_val *labels = hc_get(o, "metadata.labels");
    hc_str ns = hc_get_str_at(o, "metadata.namespace");
    uint64_t h = ref_hash(w->api_version, w->kind, ns.n ? ns : HC_S(""), hc_get_str_at(o, "metadata.name"));
    uint64_t content = e == HC_WATCH_DELETED ? 0 : content_hash(o, w->plain);
    bool settled = true; /* worth a step of who awaits it; hooks and Jobs are done when they are complete */
    if (e != HC_WATCH_DELETED && !w->plain) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        bool runs = hc_str_eqz(w->kind, "Job") || hc_str_eqz(w->kind, "Pod");
        settled = hc_ready_of(a, o, runs ? HC_READY_JOBS : 0, hc_now_ms()).status != HC_READY_PROGRESSING;
    }
    pthread_mutex_lock(&m->lock);
    struct known *known = m->stopping ? NULL : object_slot(w, h);
    /* Who takes a field away leaves no entry, and ours keeps its time: only a newer one is a change of ours. */
    int64_t ours = e == HC_WATCH_DELETED ? 0 : our_last_change(o);
    bool changed = known && known->content && content != known->content;
    bool by_others = changed && (e == HC_WATCH_DELETED || ours / 1000 <= (int64_t)known->ours_s);
    hc_str owner_ns = hc_get_str(hc_map_getz(labels, OWNER_NS)),
           owner = hc_get_str(hc_map_getz(labels, OWNER_NAME));
    struct release *r = *release_slot(m, owner_ns, owner);
    struct awaited *x = awaited_of(r, h);
    bool wake = false, drift = false;
    if (x && keep_seen(x, o, settled && e != HC_WATCH_DELETED)) {
        wake = settled && !x->told; /* of one that was ready before there is nothing new */
        x->told = settled;
    }
    if (!wake && r && r->drift && !r->running)
        drift = by_others;
    if (r && r->running && settled)
        r->settled = true;
    if (r && r->running && by_others)
        r->touched = true;
    if (known) {
        known->content = content;
        known->ours_s = HC_MAX(known->ours_s, (uint32_t)(ours / 1000));
        known->owner = (uint32_t)hash2(owner_ns, owner);
    }
    if (wake && r)
        ctl_wake(m->c, release_key(r));
    else if (drift)
        wake_for_drift(m, r);
    pthread_mutex_unlock(&m->lock);
}

/* Called without the lock: starting a watch may ask the server. */
static void watch_kind(struct ctl_managed *m, const struct hc_ref *ref)
{
    pthread_mutex_lock(&m->lock);
    struct kind_watch *w = kind_of(m, ref);
    if (!w && (w = hc_calloc(1, sizeof(*w) + ref->api_version.n + ref->kind.n + 2)) != NULL) {
        w->m = m;
        w->hash = hash2(ref->api_version, ref->kind);
        memcpy(w->text, ref->api_version.p, ref->api_version.n);
        memcpy(w->text + ref->api_version.n, ref->kind.p, ref->kind.n);
        w->api_version = (hc_str){ w->text, ref->api_version.n };
        w->kind = (hc_str){ w->text + ref->api_version.n, ref->kind.n };
        w->plain = is_plain_kind(w->kind);
        w->next = m->kinds;
        m->kinds = w;
    }
    /* One that could not be started is tried again for the next release that has such an object. */
    bool start = w && !w->watch && hc_mono_ms() >= w->again_ms;
    if (start)
        w->again_ms = INT64_MAX;
    pthread_mutex_unlock(&m->lock);
    if (!start)
        return;
    struct hc_kube_list what = { .api_version = w->api_version,
                                 .kind = w->kind,
                                 .label_selector = HC_S(OWNER_NAME),
                                 .metadata_only = w->plain,
                                 .writers = true };
    struct hc_err err = HC_ERR_INIT;
    struct hc_kube_watch *started = hc_kube_watch_start(m->c->kube, &what, on_object, w, &err);
    if (!started)
        HC_LOG(HC_LOG_ERROR, "cannot watch objects of releases", { "kind", w->kind },
               { "error", hc_str_of(err.msg) });
    pthread_mutex_lock(&m->lock);
    w->watch = started;
    w->again_ms = hc_mono_ms() + LOOK_MS;
    pthread_mutex_unlock(&m->lock);
}

bool ctl_release_end(struct ctl_managed *m, struct hc_key k, const struct ctl_parked *p)
{
    bool again = false;
    pthread_mutex_lock(&m->lock);
    struct release *r = *release_slot(m, k.ns, k.name);
    if (r) {
        r->memo = p->memo;
        r->drift = p->drift;
        record_at(m, r, p->release.n ? hash2(p->storage_ns, p->release) : 0);
        drop_awaited(m, r);
        r->awaited = p->awaited_n ? hc_calloc(p->awaited_n, sizeof(*r->awaited)) : NULL;
        for (size_t i = 0; r->awaited && i < p->awaited_n; i++)
            r->awaited[r->awaited_n++] = (struct awaited){ .with_ns = ref_hash_of(&p->awaited[i], true),
                                                           .without_ns = ref_hash_of(&p->awaited[i], false),
                                                           .floor = (p->awaited_rv ? p->awaited_rv[i] : 0) &
                                                                    INT64_MAX };
        m->waiting += r->awaited_n > 0;
        r->running = false;
        again = record_is_news(m, r) || (r->settled && r->awaited_n > 0);
        again = again || (p->awaited_n > 0 && !r->awaited); /* refused memory: nobody could tell it */
        if (r->drift && r->touched && !again)
            wake_for_drift(m, r);
        r->touched = r->settled = false;
    }
    pthread_mutex_unlock(&m->lock);
    for (size_t i = 0; i < p->awaited_n; i++)
        watch_kind(m, &p->awaited[i]);
    for (size_t i = 0; i < p->objects_n; i++)
        watch_kind(m, &p->objects[i]);
    return again;
}

/* ---- life ---- */

struct ctl_managed *ctl_managed_new(struct ctl *c)
{
    struct ctl_managed *m = hc_calloc(1, sizeof(*m));
    if (m) {
        m->c = c;
        pthread_mutex_init(&m->lock, NULL);
    }
    return m;
}

enum hc_rc ctl_managed_start(struct ctl_managed *m, struct hc_err *err)
{
    struct hc_kube_list what = { .api_version = HC_S("v1"),
                                 .kind = HC_S("Secret"),
                                 .label_selector = HC_S("owner=helm"),
                                 .field_selector = HC_S("type=helm.sh/release.v1"),
                                 .metadata_only = true };
    m->record_watch = hc_kube_watch_start(m->c->kube, &what, on_record, m, err);
    return m->record_watch ? HC_OK : err->code;
}

void ctl_managed_free(struct ctl_managed *m)
{
    if (!m)
        return;
    pthread_mutex_lock(&m->lock);
    m->stopping = true;
    struct kind_watch *kinds = m->kinds;
    pthread_mutex_unlock(&m->lock);
    if (m->record_watch)
        hc_kube_watch_stop(m->record_watch);
    for (struct kind_watch *w = kinds; w;) {
        struct kind_watch *next = w->next;
        if (w->watch)
            hc_kube_watch_stop(w->watch);
        free(w->objects);
        free(w);
        w = next;
    }
    for (size_t b = 0; b < BUCKETS; b++) {
        for (struct release *r = m->releases[b]; r;) {
            struct release *next = r->next;
            drop_awaited(m, r);
            free(r);
            r = next;
        }
        for (struct record *r = m->records[b]; r;) {
            struct record *next = r->next;
            free(r->revs);
            free(r);
            r = next;
        }
    }
    pthread_mutex_destroy(&m->lock);
    free(m);
}
