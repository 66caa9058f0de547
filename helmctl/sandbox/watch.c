/*
 * Watches. What happened stands in one ring, oldest first; a watch is a place in the ring, a filter and the
 * bytes it could not send yet. Nothing is kept per watch and event, so any number of watches costs little. A
 * watch that asks for a place the ring has left gets 410 Expired, as from the real server's cache; so does
 * one from before a restart, because the ring is not stored.
 */
#include <stdlib.h>

#include "core/base/mem.h"
#include "core/value/json.h"
#include "helmctl/sandbox/sandbox_impl.h"

enum { RING_MAX = 16384, BOOKMARK_MS = 5000, READ_AHEAD = 65536 };
#define RING_BYTES (96 * HC_MIB)

struct event {
    enum hc_sb_event_type type;
    int64_t rv;
    hc_str key, ns, name, obj, old; /* all in `mem` */
    char *mem;
    size_t bytes;
};

struct hc_sb_watch {
    struct hc_sb_watch *next, **self;
    const struct hc_sb_kind *kind;
    struct hc_arena *a; /* the filter's */
    hc_str ns, name;
    struct hc_sb_selector *labels, *fields;
    enum hc_sb_as as;
    hc_str include;
    bool bookmarks, ended, waiting, expired;
    uint64_t at; /* number of the next event */
    int64_t deadline, next_bookmark, cut_at;
    int64_t rv;
    struct hc_buf out;
    size_t sent;
    void *conn;
    void (*wake)(void *conn);
    bool (*alive)(void *conn);
};

struct hc_sb_watches {
    struct event *ring;             /* RING_MAX places */
    uint64_t first, published, end; /* event numbers; number n stands at n % RING_MAX */
    int64_t since_rv;               /* all events with a greater rv are in the ring */
    int64_t rv;
    size_t bytes;
    struct hc_sb_watch *list;
    size_t n;
};

struct hc_sb_watches *hc_sb_watches_new(int64_t rv)
{
    struct hc_sb_watches *w = hc_calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    w->ring = hc_calloc(RING_MAX, sizeof(*w->ring));
    w->since_rv = w->rv = rv;
    if (!w->ring) {
        free(w);
        return NULL;
    }
    return w;
}

static void drop_first(struct hc_sb_watches *w)
{
    struct event *e = &w->ring[w->first % RING_MAX];
    w->since_rv = e->rv;
    w->bytes -= e->bytes;
    free(e->mem);
    e->mem = NULL;
    w->first++;
}

static void free_watch(struct hc_sb_watches *all, struct hc_sb_watch *w)
{
    *w->self = w->next;
    if (w->next)
        w->next->self = w->self;
    all->n--;
    hc_buf_done(&w->out);
    hc_arena_free(w->a);
    free(w);
}

void hc_sb_watches_free(struct hc_sb_watches *w)
{
    if (!w)
        return;
    while (w->list)
        free_watch(w, w->list);
    while (w->first < w->end)
        drop_first(w);
    free(w->ring);
    free(w);
}

void hc_sb_watches_event(struct hc_sb_watches *w, enum hc_sb_event_type type, hc_str key, hc_str ns, hc_str name,
                         int64_t rv, hc_str obj, hc_str old)
{
    hc_str *parts[5];
    struct event e = { .type = type, .rv = rv, .key = key, .ns = ns, .name = name, .obj = obj, .old = old };
    parts[0] = &e.key, parts[1] = &e.ns, parts[2] = &e.name, parts[3] = &e.obj, parts[4] = &e.old;
    for (size_t i = 0; i < HC_LEN(parts); i++)
        e.bytes += parts[i]->n;
    e.mem = hc_malloc(e.bytes + 1);
    if (!e.mem) {
        /* Without the event nobody may go on from before it. */
        while (w->first < w->published)
            drop_first(w);
        w->since_rv = rv;
        return;
    }
    char *to = e.mem;
    for (size_t i = 0; i < HC_LEN(parts); i++) {
        if (parts[i]->n)
            memcpy(to, parts[i]->p, parts[i]->n);
        parts[i]->p = to;
        to += parts[i]->n;
    }
    while (w->first < w->published && (w->end - w->first >= RING_MAX || w->bytes + e.bytes > RING_BYTES))
        drop_first(w);
    if (w->end - w->first >= RING_MAX) { /* one change of more than 16384 objects: be honest, forget it all */
        free(e.mem);
        w->since_rv = rv;
        return;
    }
    w->ring[w->end % RING_MAX] = e;
    w->bytes += e.bytes;
    w->end++;
}

void hc_sb_watches_publish(struct hc_sandbox *s)
{
    struct hc_sb_watches *w = s->watches;
    uint64_t from = w->published;
    w->published = w->end;
    w->rv = hc_sb_store_rv(s->store);
    if (from == w->end)
        return;
    for (struct hc_sb_watch *x = w->list; x; x = x->next) {
        for (uint64_t i = from; x->waiting && i < w->end; i++) {
            if (hc_str_eq(w->ring[i % RING_MAX].key, x->kind->key)) {
                x->waiting = false;
                if (x->wake)
                    x->wake(x->conn);
            }
        }
    }
}

void hc_sb_watches_discard(struct hc_sb_watches *w)
{
    while (w->end > w->published) {
        w->end--;
        w->bytes -= w->ring[w->end % RING_MAX].bytes;
        free(w->ring[w->end % RING_MAX].mem);
        w->ring[w->end % RING_MAX].mem = NULL;
    }
}

static void put_raw(struct hc_sb_watch *w, const char *type, hc_str obj)
{
    hc_buf_printf(&w->out, "{\"type\":\"%s\",\"object\":", type);
    hc_buf_put(&w->out, obj);
    hc_buf_puts(&w->out, "}\n");
}

static void put_val(struct hc_sb_watch *w, const char *type, const struct hc_val *obj)
{
    hc_buf_printf(&w->out, "{\"type\":\"%s\",\"object\":", type);
    hc_json_write(&w->out, obj, 0);
    hc_buf_puts(&w->out, "}\n");
}

static void put_object(struct hc_sb_watch *w, struct hc_arena *a, const char *type, struct hc_val *obj)
{
    if (w->as == HC_SB_AS_PARTIAL) {
        put_val(w, type, hc_sb_partial(a, obj));
    } else if (w->as == HC_SB_AS_TABLE) {
        struct hc_val *items = hc_list_new(a), *meta = hc_map_new(a);
        hc_list_add(a, items, obj);
        hc_map_put(a, meta, HC_S("resourceVersion"), hc_get(obj, "metadata.resourceVersion"));
        put_val(w, type, hc_sb_table(a, w->kind, items, meta, w->include));
    } else {
        put_val(w, type, obj);
    }
}

static void put_bookmark(struct hc_sb_watch *w, int64_t rv, bool initial_end)
{
    struct hc_arena *a = hc_arena_new(0);
    if (!a) {
        w->ended = true; /* the client comes back */
        return;
    }
    struct hc_val *o = hc_map_new(a);
    bool plain = w->as == HC_SB_AS_OBJECT;
    hc_map_put_str(a, o, "kind",
                   plain                     ? w->kind->kind
                   : w->as == HC_SB_AS_TABLE ? HC_S("Table")
                                             : HC_S("PartialObjectMetadata"));
    hc_map_put_str(a, o, "apiVersion", plain ? w->kind->api_version : HC_S("meta.k8s.io/v1"));
    struct hc_val *meta = hc_map_sub(a, o, "metadata");
    hc_map_put(a, meta, HC_S("resourceVersion"), hc_printf_val(a, "%" PRId64, rv));
    if (initial_end)
        hc_map_put_strz(a, hc_map_sub(a, meta, "annotations"), "k8s.io/initial-events-end", "true");
    if (w->as == HC_SB_AS_TABLE) {
        hc_map_put(a, o, HC_S("columnDefinitions"), hc_list_new(a));
        hc_map_put(a, o, HC_S("rows"), hc_list_new(a));
    }
    put_val(w, "BOOKMARK", o);
    w->rv = rv;
    hc_arena_free(a);
}

static void put_expired(struct hc_sb_watch *w, int64_t asked, int64_t oldest)
{
    struct hc_arena *a = hc_arena_new(0);
    w->ended = true;
    if (!a)
        return;
    put_val(w, "ERROR",
            hc_sb_status(a, 410, "Expired", "too old resource version: %" PRId64 " (%" PRId64 ")", asked, oldest));
    hc_arena_free(a);
}

static bool raw(const struct hc_sb_watch *w)
{
    return w->as == HC_SB_AS_OBJECT && !w->kind->many_versions && !w->labels && !w->fields;
}

static bool matches(const struct hc_sb_watch *w, const struct hc_val *obj)
{
    return obj && hc_sb_labels_match(w->labels, hc_get(obj, "metadata.labels")) &&
           hc_sb_fields_match(w->fields, obj);
}

static void put_event(struct hc_sb_watch *w, const struct event *e)
{
    static const char *const names[] = { "ADDED", "MODIFIED", "DELETED" };
    if (!hc_str_eq(e->key, w->kind->key) || (w->ns.p && !hc_str_eq(e->ns, w->ns)) ||
        (w->name.p && !hc_str_eq(e->name, w->name)))
        return;
    w->rv = e->rv;
    if (raw(w)) {
        put_raw(w, names[e->type], e->obj);
        return;
    }
    struct hc_arena *a = hc_arena_new(0);
    if (!a) {
        w->ended = true;
        return;
    }
    struct hc_val *obj = hc_sb_parse_body(a, w->kind, e->obj), *old = NULL;
    if (e->old.n && (w->labels || w->fields))
        old = hc_sb_parse_body(a, w->kind, e->old);
    bool now = matches(w, obj), was = old ? matches(w, old) : now;
    if (obj && e->type == HC_SB_DELETED) {
        if (was)
            put_object(w, a, "DELETED", obj);
    } else if (obj && now) {
        put_object(w, a, e->type == HC_SB_ADDED || !was ? "ADDED" : "MODIFIED", obj);
    } else if (obj && e->type == HC_SB_MODIFIED && was) {
        put_object(w, a, "DELETED", obj);
    }
    hc_arena_free(a);
}

/* All there is now, as ADDED. */
static void put_initial(struct hc_sandbox *s, struct hc_sb_watch *w)
{
    struct hc_arena *a = hc_arena_new(0);
    if (!a) {
        w->ended = true;
        return;
    }
    struct hc_sb_row *rows;
    size_t n = hc_sb_store_list(s->store, a, w->kind->key, w->ns, HC_S(""), HC_S(""), 0, &rows);
    for (size_t i = 0; i < n; i++) {
        if (w->name.p && !hc_str_eq(rows[i].name, w->name))
            continue;
        if (raw(w)) {
            put_raw(w, "ADDED", rows[i].body);
            continue;
        }
        struct hc_val *obj = hc_sb_parse_body(a, w->kind, rows[i].body);
        if (matches(w, obj))
            put_object(w, a, "ADDED", obj);
    }
    w->rv = s->watches->rv;
    hc_arena_free(a);
}

struct hc_val *hc_sb_watch_open(struct hc_sb_req *r, struct hc_sb_watch **out)
{
    struct hc_sb_watches *all = r->s->watches;
    struct hc_sb_watch *w = hc_calloc(1, sizeof(*w));
    struct hc_arena *wa = w ? hc_arena_new(0) : NULL;
    if (!wa) {
        free(w);
        return hc_sb_internal(r->a, "no memory for a watch");
    }
    hc_buf_init(&w->out, 0);
    w->a = wa;
    w->kind = r->kind;
    w->ns = r->kind->flags & HC_SB_CLUSTER || !r->ns.n ? (hc_str){ NULL, 0 } : hc_arena_str(wa, r->ns);
    w->name = r->name.n ? hc_arena_str(wa, r->name) : (hc_str){ NULL, 0 };
    w->as = r->as;
    hc_str include = hc_sb_query(r, "includeObject");
    w->include = include.n ? hc_arena_str(wa, include) : HC_S("Metadata");
    w->bookmarks = hc_sb_query_true(r, "allowWatchBookmarks");
    w->self = &all->list;
    w->next = all->list;
    if (w->next)
        w->next->self = &w->next;
    all->list = w;
    all->n++;
    struct hc_err err = HC_ERR_INIT;
    if (!hc_sb_labels_parse(wa, hc_arena_str(wa, hc_sb_query(r, "labelSelector")), &w->labels, &err) ||
        !hc_sb_fields_parse(wa, hc_arena_str(wa, hc_sb_query(r, "fieldSelector")), &w->fields, &err)) {
        free_watch(all, w);
        return hc_sb_bad_request(r->a, "%s", err.msg);
    }
    int64_t now = hc_mono_ms(), seconds = 0, rv = 0;
    if (!hc_str_to_i64(hc_sb_query(r, "timeoutSeconds"), &seconds) || seconds <= 0)
        seconds = 3600;
    w->deadline = now + seconds * 1000;
    w->next_bookmark = now + BOOKMARK_MS;
    hc_str from = hc_sb_query(r, "resourceVersion");
    bool initial = hc_sb_query_true(r, "sendInitialEvents");
    if (from.n && !hc_str_to_i64(from, &rv)) {
        free_watch(all, w);
        return hc_sb_bad_request(r->a, "invalid resource version \"%.*s\"", HC_P(from));
    }
    w->at = all->published;
    if (initial || rv == 0) {
        if (initial || !hc_sb_query(r, "sendInitialEvents").p)
            put_initial(r->s, w);
        if (initial && w->bookmarks)
            put_bookmark(w, all->rv, true);
    } else if (rv < all->since_rv || rv > all->rv) {
        put_expired(w, rv, all->since_rv);
    } else {
        w->rv = rv;
        while (w->at > all->first && all->ring[(w->at - 1) % RING_MAX].rv > rv)
            w->at--;
    }
    *out = w;
    return NULL;
}

void hc_sb_watch_close(struct hc_sandbox *s, struct hc_sb_watch *w)
{
    if (w)
        free_watch(s->watches, w);
}

void hc_sb_watch_set_conn(struct hc_sb_watch *w, void *conn, void (*wake)(void *conn), bool (*alive)(void *conn))
{
    w->conn = conn;
    w->wake = wake;
    w->alive = alive;
}

int64_t hc_sb_watch_read(struct hc_sandbox *s, struct hc_sb_watch *w, char *to, size_t max)
{
    struct hc_sb_watches *all = s->watches;
    w->waiting = false;
    if (w->sent == w->out.n) {
        hc_buf_reset(&w->out);
        w->sent = 0;
        while (!w->ended && w->at < all->published && w->out.n < READ_AHEAD) {
            if (w->at < all->first) {
                put_expired(w, w->rv, all->since_rv);
                break;
            }
            put_event(w, &all->ring[w->at++ % RING_MAX]);
        }
        if (!w->ended && w->bookmarks && hc_mono_ms() >= w->next_bookmark) {
            w->next_bookmark = hc_mono_ms() + BOOKMARK_MS;
            if (w->at == all->published)
                put_bookmark(w, all->rv, false);
        }
        if (w->out.spent)
            return -1;
    }
    size_t n = HC_MIN(max, w->out.n - w->sent);
    if (n == 0) {
        if (w->ended)
            return -1;
        w->waiting = true;
        return 0;
    }
    memcpy(to, w->out.p + w->sent, n);
    w->sent += n;
    if (w->sent == w->out.n && w->out.cap > 4 * READ_AHEAD) { /* a big first list need not stay */
        hc_buf_done(&w->out);
        hc_buf_init(&w->out, 0);
        w->sent = 0;
    }
    return (int64_t)n;
}

static void poke(struct hc_sb_watch *w)
{
    if (w->waiting) {
        w->waiting = false;
        if (w->wake)
            w->wake(w->conn);
    }
}

void hc_sb_watches_tick(struct hc_sandbox *s)
{
    int64_t now = hc_mono_ms();
    for (struct hc_sb_watch *w = s->watches->list, *next; w; w = next) {
        next = w->next;
        if (now >= w->deadline || (w->conn && !w->alive(w->conn)))
            w->ended = true;
        if (w->ended || (w->bookmarks && now >= w->next_bookmark))
            poke(w);
    }
}

size_t hc_sb_watches_cut(struct hc_sandbox *s, hc_str key)
{
    size_t n = 0;
    for (struct hc_sb_watch *w = s->watches->list, *next; w; w = next) {
        next = w->next;
        if (key.p && !hc_str_eq(w->kind->key, key))
            continue;
        w->ended = true;
        n++;
        poke(w);
    }
    return n;
}

size_t hc_sb_watches_count(const struct hc_sandbox *s)
{
    return s->watches->n;
}
