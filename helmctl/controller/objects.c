/*
 * Two hash tables under one lock: objects by key, and references by what they refer to, so that what a change wakes is
 * found without a walk over all objects. References are kept as hashes of keys: a wrong guess only wakes an object once too
 * often. The text is JSON because a tree of an average HelmRelease takes eight times its text.
 */
#include "helmctl/controller/objects.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/value/json.h"

struct reference {
    struct reference *next, **at; /* its chain, and what points here in it */
    struct object *from;
    uint64_t to;
};

struct object {
    struct object *chain;
    uint64_t hash;
    enum hc_ctl_kind kind;
    uint32_t ns_n, name_n, json_n, refs_n;
    uint64_t rv, uid_hash, request_hash, artifact_hash, ready_hash;
    int64_t generation;
    bool deleting;
    struct reference *refs;
    char *json;
    char text[]; /* ns and name */
};

struct hc_objects {
    pthread_mutex_t lock;
    struct object **buckets;
    struct reference **referred;
    size_t buckets_n, n; /* of both tables */
};

static const struct {
    const char *kind, *api_version;
} kinds[HC_CTL_KINDS] = {
    [HC_CTL_NONE] = { "", "" },
    [HC_CTL_GIT] = { "GitRepository", "source.toolkit.fluxcd.io/v1" },
    [HC_CTL_OCI] = { "OCIRepository", "source.toolkit.fluxcd.io/v1" },
    [HC_CTL_REPO] = { "HelmRepository", "source.toolkit.fluxcd.io/v1" },
    [HC_CTL_CHART] = { "HelmChart", "source.toolkit.fluxcd.io/v1" },
    [HC_CTL_BUCKET] = { "Bucket", "source.toolkit.fluxcd.io/v1" },
    [HC_CTL_EXTERNAL] = { "ExternalArtifact", "source.toolkit.fluxcd.io/v1" },
    [HC_CTL_KUSTOMIZE] = { "Kustomization", "kustomize.toolkit.fluxcd.io/v1" },
    [HC_CTL_RELEASE] = { "HelmRelease", "helm.toolkit.fluxcd.io/v2" },
    [HC_CTL_CONFIGMAP] = { "ConfigMap", "v1" },
    [HC_CTL_SECRET] = { "Secret", "v1" },
};

const char *hc_ctl_kind_name(enum hc_ctl_kind kind)
{
    return kinds[kind].kind;
}

const char *hc_ctl_api_version(enum hc_ctl_kind kind)
{
    return kinds[kind].api_version;
}

enum hc_ctl_kind hc_ctl_kind_of(hc_str kind)
{
    for (int i = HC_CTL_NONE + 1; i < HC_CTL_KINDS; i++)
        if (hc_str_eqz(kind, kinds[i].kind))
            return (enum hc_ctl_kind)i;
    return HC_CTL_NONE;
}

/* ---- references ---- */

struct refs {
    struct hc_arena *a;
    struct hc_key *keys;
    size_t n, cap;
};

static void add_ref(struct refs *r, enum hc_ctl_kind kind, hc_str ns, hc_str name)
{
    if (kind == HC_CTL_NONE || name.n == 0)
        return;
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 8;
        struct hc_key *k = HC_NEW_N(r->a, struct hc_key, cap);
        if (!k)
            return;
        if (r->n)
            memcpy(k, r->keys, r->n * sizeof(*k));
        r->keys = k;
        r->cap = cap;
    }
    r->keys[r->n++] = (struct hc_key){ kind, ns, name };
}

/* {kind, name, namespace} with the referrer's namespace as the default. */
static void add_object_ref(struct refs *r, const struct hc_val *ref, enum hc_ctl_kind otherwise, hc_str ns)
{
    if (!hc_is_map(ref))
        return;
    hc_str kind = hc_get_str(hc_map_getz(ref, "kind")), of = hc_get_str(hc_map_getz(ref, "namespace"));
    add_ref(r, kind.n ? hc_ctl_kind_of(kind) : otherwise, of.n ? of : ns, hc_get_str(hc_map_getz(ref, "name")));
}

static void add_list(struct refs *r, const struct hc_val *list, enum hc_ctl_kind otherwise, hc_str ns)
{
    for (size_t i = 0; i < hc_list_len(list); i++)
        add_object_ref(r, hc_list_at(list, i), otherwise, ns);
}

size_t hc_refs_of(struct hc_arena *a, enum hc_ctl_kind kind, const struct hc_val *object, struct hc_key **out)
{
    struct refs r = { .a = a };
    const struct hc_val *spec = hc_map_getz(object, "spec");
    hc_str ns = hc_get_str_at(object, "metadata.namespace"), name = hc_get_str_at(object, "metadata.name");
    switch (kind) {
    case HC_CTL_CHART:
        add_object_ref(&r, hc_map_getz(spec, "sourceRef"), HC_CTL_NONE, ns);
        break;
    case HC_CTL_GIT:
        for (size_t i = 0; i < hc_list_len(hc_map_getz(spec, "include")); i++)
            add_object_ref(&r, hc_map_getz(hc_list_at(hc_map_getz(spec, "include"), i), "repository"), HC_CTL_GIT,
                           ns);
        break;
    case HC_CTL_KUSTOMIZE:
        add_object_ref(&r, hc_map_getz(spec, "sourceRef"), HC_CTL_NONE, ns);
        add_list(&r, hc_map_getz(spec, "dependsOn"), HC_CTL_KUSTOMIZE, ns);
        add_list(&r, hc_get(spec, "postBuild.substituteFrom"), HC_CTL_NONE, ns);
        break;
    case HC_CTL_RELEASE:
        if (hc_is_map(hc_map_getz(spec, "chart"))) { /* the HelmChart we make: <ns>-<name>, beside its source */
            hc_str at = hc_get_str_at(spec, "chart.spec.sourceRef.namespace");
            hc_str parts[] = { ns, HC_S("-"), name };
            add_ref(&r, HC_CTL_CHART, at.n ? at : ns, hc_arena_cat(a, 3, parts));
        }
        add_object_ref(&r, hc_map_getz(spec, "chartRef"), HC_CTL_NONE, ns);
        add_list(&r, hc_map_getz(spec, "dependsOn"), HC_CTL_RELEASE, ns);
        add_list(&r, hc_map_getz(spec, "valuesFrom"), HC_CTL_NONE, ns);
        break;
    default:
        break;
    }
    *out = r.keys;
    return r.n;
}

/* ---- table ---- */

static uint64_t key_hash(struct hc_key k)
{
    return hc_str_hash(k.ns) * 31 + hc_str_hash(k.name) * 7 + (uint64_t)k.kind;
}

static struct hc_key key_of(const struct object *x)
{
    return (struct hc_key){ x->kind, { x->text, x->ns_n }, { x->text + x->ns_n, x->name_n } };
}

struct hc_objects *hc_objects_new(void)
{
    struct hc_objects *o = hc_calloc(1, sizeof(*o));
    if (!o)
        return NULL;
    o->buckets_n = 256;
    o->buckets = hc_calloc(o->buckets_n, sizeof(struct object *));
    o->referred = hc_calloc(o->buckets_n, sizeof(struct reference *));
    if (!o->buckets || !o->referred) {
        free(o->buckets);
        free(o->referred);
        free(o);
        return NULL;
    }
    pthread_mutex_init(&o->lock, NULL);
    return o;
}

static void object_free(struct object *x)
{
    free(x->refs);
    free(x->json);
    free(x);
}

void hc_objects_free(struct hc_objects *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < o->buckets_n; i++)
        for (struct object *x = o->buckets[i]; x;) {
            struct object *next = x->chain;
            object_free(x);
            x = next;
        }
    pthread_mutex_destroy(&o->lock);
    free(o->buckets);
    free(o->referred);
    free(o);
}

static void link_refs(const struct hc_objects *o, struct object *x)
{
    for (uint32_t i = 0; i < x->refs_n; i++) {
        struct reference *r = &x->refs[i], **head = &o->referred[r->to % o->buckets_n];
        r->next = *head;
        r->at = head;
        if (r->next)
            r->next->at = &r->next;
        *head = r;
    }
}

static void unlink_refs(const struct object *x)
{
    for (uint32_t i = 0; i < x->refs_n; i++) {
        struct reference *r = &x->refs[i];
        *r->at = r->next;
        if (r->next)
            r->next->at = r->at;
    }
}

static struct object **slot(struct hc_objects *o, struct hc_key k)
{
    uint64_t hash = key_hash(k);
    struct object **p = &o->buckets[hash % o->buckets_n];
    for (; *p; p = &(*p)->chain) {
        struct hc_key x = key_of(*p);
        if ((*p)->hash == hash && x.kind == k.kind && hc_str_eq(x.ns, k.ns) && hc_str_eq(x.name, k.name))
            break;
    }
    return p;
}

static void grow(struct hc_objects *o)
{
    size_t n = o->buckets_n * 2;
    struct object **b = hc_calloc(n, sizeof(struct object *));
    struct reference **refs = hc_calloc(n, sizeof(struct reference *));
    if (!b || !refs) {
        free(b);
        free(refs);
        return;
    }
    for (size_t i = 0; i < o->buckets_n; i++)
        for (struct object *x = o->buckets[i]; x;) {
            struct object *next = x->chain;
            x->chain = b[x->hash % n];
            b[x->hash % n] = x;
            x = next;
        }
    free(o->buckets);
    free(o->referred);
    o->buckets = b;
    o->referred = refs;
    o->buckets_n = n;
    for (size_t i = 0; i < n; i++)
        for (struct object *x = b[i]; x; x = x->chain)
            link_refs(o, x);
}

/* ---- one object ---- */

/* Copies of the maps that lose something; everything else is shared with the object. */
static struct hc_val *trimmed(struct hc_arena *a, const struct hc_val *object)
{
    struct hc_val *top = hc_map_new(a), *meta = hc_map_new(a);
    for (size_t i = 0; i < hc_map_len(object); i++) {
        struct hc_entry *e = hc_map_at(object, i);
        hc_map_put_ref(a, top, e->key, hc_str_eqz(e->key, "metadata") ? meta : e->val);
    }
    const struct hc_val *old = hc_map_getz(object, "metadata");
    for (size_t i = 0; i < hc_map_len(old); i++) {
        struct hc_entry *e = hc_map_at(old, i);
        if (hc_str_eqz(e->key, "managedFields"))
            continue;
        if (!hc_str_eqz(e->key, "annotations")) {
            hc_map_put_ref(a, meta, e->key, e->val);
            continue;
        }
        struct hc_val *notes = hc_map_new(a);
        for (size_t j = 0; j < hc_map_len(e->val); j++)
            if (!hc_str_eqz(hc_map_at(e->val, j)->key, "kubectl.kubernetes.io/last-applied-configuration"))
                hc_map_put_ref(a, notes, hc_map_at(e->val, j)->key, hc_map_at(e->val, j)->val);
        hc_map_put_ref(a, meta, e->key, notes);
    }
    return top;
}

static uint64_t mix(uint64_t h, hc_str s)
{
    return h * 0x100000001b3ULL + hc_str_hash(s) + (s.p ? 1 : 0);
}

static hc_str condition_status(const struct hc_val *object, const char *type)
{
    const struct hc_val *list = hc_get(object, "status.conditions");
    for (size_t i = 0; i < hc_list_len(list); i++)
        if (hc_str_eqz(hc_get_str(hc_map_getz(hc_list_at(list, i), "type")), type))
            return hc_get_str(hc_map_getz(hc_list_at(list, i), "status"));
    return (hc_str){ NULL, 0 };
}

static struct object *object_new(enum hc_ctl_kind kind, const struct hc_val *v)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_str ns = hc_get_str_at(v, "metadata.namespace"), name = hc_get_str_at(v, "metadata.name");
    const struct hc_val *notes = hc_get(v, "metadata.annotations");
    struct hc_key *refs = NULL;
    size_t refs_n = hc_refs_of(a, kind, v, &refs);
    struct hc_val *t = trimmed(a, v);
    hc_json_write(&b, t, 0);
    if (hc_arena_spent(a) || b.spent)
        return NULL;
    struct object *x = hc_calloc(1, sizeof(*x) + ns.n + name.n + 1);
    if (!x)
        return NULL;
    x->json = hc_malloc(b.n + 1);
    x->refs = refs_n ? hc_calloc(refs_n, sizeof(struct reference)) : NULL;
    if (!x->json || (refs_n && !x->refs)) {
        object_free(x);
        return NULL;
    }
    memcpy(x->json, b.p, b.n);
    x->json_n = (uint32_t)b.n;
    for (size_t i = 0; i < refs_n; i++) {
        uint64_t to = key_hash(refs[i]);
        bool again = false;
        for (uint32_t k = 0; k < x->refs_n; k++)
            again = again || x->refs[k].to == to;
        if (!again)
            x->refs[x->refs_n++] = (struct reference){ .from = x, .to = to };
    }
    x->kind = kind;
    x->ns_n = (uint32_t)ns.n;
    x->name_n = (uint32_t)name.n;
    if (ns.n)
        memcpy(x->text, ns.p, ns.n);
    if (name.n)
        memcpy(x->text + ns.n, name.p, name.n);
    x->hash = key_hash(key_of(x));
    hc_str rv = hc_get_str_at(v, "metadata.resourceVersion");
    if (!hc_str_to_u64(rv, &x->rv))
        x->rv = 0;
    x->uid_hash = hc_str_hash(hc_get_str_at(v, "metadata.uid"));
    x->generation = hc_get_int_at(v, "metadata.generation", (int64_t)(x->rv >> 1));
    x->deleting = hc_get_str_at(v, "metadata.deletionTimestamp").n > 0;
    static const char *const asks[] = { "reconcile.fluxcd.io/requestedAt", "reconcile.fluxcd.io/forceAt",
                                        "reconcile.fluxcd.io/resetAt" };
    for (size_t i = 0; i < HC_LEN(asks); i++)
        x->request_hash = mix(x->request_hash, hc_get_str(hc_map_getz(notes, asks[i])));
    x->artifact_hash = mix(hc_str_hash(hc_get_str_at(v, "status.artifact.revision")),
                           hc_get_str_at(v, "status.artifact.digest"));
    x->ready_hash = mix(mix(1, condition_status(v, "Ready")), condition_status(v, "Stalled")) +
                    (uint64_t)hc_get_int_at(v, "status.observedGeneration", -1);
    return x;
}

unsigned hc_objects_put(struct hc_objects *o, enum hc_ctl_kind kind, const struct hc_val *object)
{
    struct object *x = object_new(kind, object);
    if (!x)
        return 0;
    unsigned changed = HC_CHANGED_NEW;
    pthread_mutex_lock(&o->lock);
    struct object **at = slot(o, key_of(x)), *old = *at;
    if (old && old->uid_hash == x->uid_hash) {
        if (x->rv && x->rv <= old->rv) {
            pthread_mutex_unlock(&o->lock);
            object_free(x);
            return 0;
        }
        changed = (x->generation != old->generation ? HC_CHANGED_SPEC : 0u) |
                  (x->request_hash != old->request_hash ? HC_CHANGED_REQUEST : 0u) |
                  (x->deleting && !old->deleting ? HC_CHANGED_DELETING : 0u) |
                  (x->artifact_hash != old->artifact_hash ? HC_CHANGED_ARTIFACT : 0u) |
                  (x->ready_hash != old->ready_hash ? HC_CHANGED_READY : 0u);
        if (!changed)
            changed = HC_CHANGED_OTHER;
    }
    if (old) {
        x->chain = old->chain;
        *at = x;
        unlink_refs(old);
        object_free(old);
        link_refs(o, x);
    } else {
        x->chain = NULL;
        *at = x;
        link_refs(o, x);
        if (++o->n > o->buckets_n * 2)
            grow(o);
    }
    pthread_mutex_unlock(&o->lock);
    return changed;
}

bool hc_objects_del(struct hc_objects *o, struct hc_key k)
{
    pthread_mutex_lock(&o->lock);
    struct object **at = slot(o, k), *x = *at;
    if (x) {
        *at = x->chain;
        unlink_refs(x);
        o->n--;
    }
    pthread_mutex_unlock(&o->lock);
    if (x)
        object_free(x);
    return x != NULL;
}

struct hc_val *hc_objects_get(struct hc_objects *o, struct hc_arena *a, struct hc_key k)
{
    hc_str json = { NULL, 0 };
    pthread_mutex_lock(&o->lock);
    struct object *x = *slot(o, k);
    if (x)
        json = hc_arena_str(a, (hc_str){ x->json, x->json_n });
    pthread_mutex_unlock(&o->lock);
    struct hc_val *v = NULL;
    if (!json.p || hc_json_parse(a, json, HC_JSON_REF | HC_JSON_NO_POSITIONS, &v, NULL) != HC_OK)
        return NULL;
    return v;
}

bool hc_objects_has(struct hc_objects *o, struct hc_key k)
{
    pthread_mutex_lock(&o->lock);
    bool has = *slot(o, k) != NULL;
    pthread_mutex_unlock(&o->lock);
    return has;
}

struct gather {
    struct hc_arena *a;
    struct hc_key *keys;
    size_t n;
};

static void gather(struct gather *g, const struct object *x)
{
    struct hc_key k = key_of(x);
    g->keys[g->n++] = (struct hc_key){ k.kind, hc_arena_str(g->a, k.ns), hc_arena_str(g->a, k.name) };
}

/* Two passes under the lock: count, then copy. */
size_t hc_objects_list(struct hc_objects *o, struct hc_arena *a, enum hc_ctl_kind kind, struct hc_key **out)
{
    struct gather g = { .a = a };
    size_t n = 0;
    pthread_mutex_lock(&o->lock);
    for (int pass = 0; pass < 2; pass++) {
        if (pass && (!n || !(g.keys = HC_NEW_N(a, struct hc_key, n))))
            break;
        for (size_t i = 0; i < o->buckets_n; i++)
            for (struct object *x = o->buckets[i]; x; x = x->chain) {
                if (kind && x->kind != kind)
                    continue;
                if (pass)
                    gather(&g, x);
                else
                    n++;
            }
    }
    pthread_mutex_unlock(&o->lock);
    *out = g.keys;
    return g.n;
}

size_t hc_objects_referrers(struct hc_objects *o, struct hc_arena *a, struct hc_key k, struct hc_key **out)
{
    struct gather g = { .a = a };
    uint64_t to = key_hash(k);
    size_t n = 0;
    pthread_mutex_lock(&o->lock);
    const struct reference *first = o->referred[to % o->buckets_n];
    for (const struct reference *r = first; r; r = r->next)
        n += r->to == to;
    if (n > 0 && (g.keys = HC_NEW_N(a, struct hc_key, n)) != NULL)
        for (const struct reference *r = first; r; r = r->next)
            if (r->to == to)
                gather(&g, r->from);
    pthread_mutex_unlock(&o->lock);
    *out = g.keys;
    return g.n;
}
