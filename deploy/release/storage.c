/*
 * Records on top of a driver: names, labels, the newest one, retention. A record's labels are Helm's six system labels
 * and the user's; an update replaces createdAt by modifiedAt, as Helm's does.
 */
#include "deploy/release/storage_impl.h"

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

#include <stdlib.h>

struct hc_storage *hc_storage_alloc(const struct driver *d, hc_str ns)
{
    struct hc_storage *s = hc_calloc(1, sizeof(*s) + ns.n + 1);
    if (!s)
        return NULL;
    char *copy = (char *)(s + 1);
    if (ns.n > 0)
        memcpy(copy, ns.p, ns.n);
    s->ns = hc_str_n(copy, ns.n);
    s->driver = d;
    return s;
}

void hc_storage_free(struct hc_storage *s)
{
    if (!s)
        return;
    if (s->driver->free)
        s->driver->free(s);
    free(s);
}

hc_str hc_storage_namespace(const struct hc_storage *s)
{
    return s->ns;
}

static bool system_label(hc_str name)
{
    static const char *const names[] = { "name", "owner", "status", "version", "createdAt", "modifiedAt" };
    for (size_t i = 0; i < HC_LEN(names); i++)
        if (hc_str_eqz(name, names[i]))
            return true;
    return false;
}

static struct hc_val *user_labels(struct hc_arena *a, const struct hc_val *all)
{
    struct hc_val *out = NULL;
    for (size_t i = 0; i < hc_map_len(all); i++) {
        const struct hc_entry *e = hc_map_at(all, i);
        if (system_label(e->key))
            continue;
        if (!out)
            out = hc_map_new(a);
        hc_map_put(a, out, e->key, e->val);
    }
    return out;
}

static int64_t label_number(const struct hc_val *labels, const char *name)
{
    int64_t n = 0;
    return hc_str_to_i64(hc_get_str(hc_map_getz(labels, name)), &n) ? n : 0;
}

static void brief_of(struct hc_arena *a, const struct stored *o, struct hc_brief *out)
{
    *out = (struct hc_brief){ .name = hc_get_str(hc_map_getz(o->labels, "name")),
                              .ns = o->ns,
                              .storage_name = o->storage_name,
                              .resource_version = o->resource_version,
                              .mark = o->mark,
                              .revision = label_number(o->labels, "version"),
                              .created_at = label_number(o->labels, "createdAt"),
                              .modified_at = label_number(o->labels, "modifiedAt"),
                              .status = hc_status_of(hc_get_str(hc_map_getz(o->labels, "status"))),
                              .labels = user_labels(a, o->labels) };
}

static enum hc_rc record_of(struct hc_arena *a, const struct stored *o, struct hc_record *out, struct hc_err *err)
{
    struct hc_brief b;
    enum hc_rc rc = hc_record_decode(a, o->payload, out, err);
    if (rc != HC_OK)
        return hc_wrap(err, "%.*s/%.*s", HC_P(o->ns), HC_P(o->storage_name));
    brief_of(a, o, &b);
    /* One that cannot be unpacked is kept as it is: who wants to read it will say that it is none. */
    if (o->recording.n > 0 &&
        hc_record_unpack(a, o->recording, HC_MAX_RECORDING_BYTES, &out->recording, NULL) != HC_OK)
        out->recording = o->recording;
    out->storage_name = b.storage_name;
    out->resource_version = b.resource_version;
    out->mark = b.mark;
    out->labels = b.labels;
    out->created_at = b.created_at;
    out->modified_at = b.modified_at;
    return HC_OK;
}

enum hc_rc hc_storage_get(struct hc_storage *s, struct hc_arena *a, hc_str name, int64_t revision,
                          struct hc_record *out, struct hc_err *err)
{
    struct stored o = { 0 };
    enum hc_rc rc = s->driver->get(s, a, hc_record_storage_name(a, name, revision), false, &o, err);
    return rc == HC_OK ? record_of(a, &o, out, err) : rc;
}

enum hc_rc hc_storage_peek(struct hc_storage *s, struct hc_arena *a, hc_str name, int64_t revision,
                           struct hc_brief *out, struct hc_err *err)
{
    struct stored o = { 0 };
    enum hc_rc rc = s->driver->get(s, a, hc_record_storage_name(a, name, revision), true, &o, err);
    if (rc == HC_OK)
        brief_of(a, &o, out);
    return rc;
}

static int by_revision(const void *x, const void *y)
{
    const struct hc_brief *a = x, *b = y;
    return a->revision < b->revision ? -1 : a->revision > b->revision;
}
static int by_release(const void *x, const void *y)
{
    const struct hc_record *a = x, *b = y;
    int c = hc_str_cmp(a->ns, b->ns);
    if (c == 0)
        c = hc_str_cmp(a->name, b->name);
    return c != 0 ? c : a->revision < b->revision ? -1 : a->revision > b->revision;
}

static hc_str selector_of(struct hc_arena *a, hc_str name)
{
    return name.n > 0 ? hc_arena_printf(a, "name=%.*s,owner=helm", HC_P(name)) : HC_S("owner=helm");
}

enum hc_rc hc_storage_briefs(struct hc_storage *s, struct hc_arena *a, hc_str name, struct hc_brief **out,
                             size_t *out_n, struct hc_err *err)
{
    struct stored *all = NULL;
    size_t n = 0;
    enum hc_rc rc = s->driver->list(s, a, selector_of(a, name), false, true, &all, &n, err);
    if (rc != HC_OK)
        return rc;
    struct hc_brief *b = HC_NEW_N(a, struct hc_brief, n + 1);
    if (!b)
        return hc_arena_check(a, err, "release history");
    for (size_t i = 0; i < n; i++)
        brief_of(a, &all[i], &b[i]);
    qsort(b, n, sizeof(*b), by_revision);
    *out = b;
    *out_n = n;
    return HC_OK;
}

enum hc_rc hc_storage_list(struct hc_storage *s, struct hc_arena *a, hc_str name, bool all_namespaces,
                           struct hc_record **out, size_t *out_n, struct hc_err *err)
{
    struct stored *all = NULL;
    size_t n = 0, kept = 0;
    enum hc_rc rc = s->driver->list(s, a, selector_of(a, name), all_namespaces, false, &all, &n, err);
    if (rc != HC_OK)
        return rc;
    struct hc_record *r = HC_NEW_N(a, struct hc_record, n + 1);
    if (!r)
        return hc_arena_check(a, err, "releases");
    for (size_t i = 0; i < n; i++) /* one that cannot be read is left out, as Helm does */
        if (record_of(a, &all[i], &r[kept], NULL) == HC_OK)
            kept++;
    rc = hc_arena_check(a, err, "releases");
    if (rc != HC_OK)
        return rc;
    qsort(r, kept, sizeof(*r), by_release);
    *out = r;
    *out_n = kept;
    return HC_OK;
}

enum hc_rc hc_storage_last(struct hc_storage *s, struct hc_arena *a, hc_str name, int64_t hint,
                           struct hc_record *out, struct hc_err *err)
{
    enum hc_rc rc = HC_E_NOTFOUND;
    struct hc_brief b, *all = NULL;
    size_t n = 0;
    for (int64_t next = hint + 1; hint > 0; hint = next++) {
        rc = hc_storage_peek(s, a, name, next, &b, err);
        if (rc == HC_E_NOTFOUND) {
            rc = hc_storage_get(s, a, name, hint, out, err);
            if (rc != HC_E_NOTFOUND)
                return rc;
            break; /* deleted meanwhile: look at all */
        }
        if (rc != HC_OK)
            return rc;
    }
    rc = hc_storage_briefs(s, a, name, &all, &n, err);
    if (rc != HC_OK)
        return rc;
    if (n == 0)
        return hc_fail(err, HC_E_NOTFOUND, "release: not found");
    return hc_storage_get(s, a, name, all[n - 1].revision, out, err);
}

/* ---- writing ----------------------------------------------------------------------------------------------- */

static enum hc_rc stored_of(struct hc_storage *s, struct hc_arena *a, struct hc_record *r, struct hc_arena *keep,
                            const char *stamp, int64_t now_s, struct stored *o, struct hc_err *err)
{
    enum hc_rc rc = hc_record_encode(a, r, keep, &o->payload, err);
    if (rc == HC_OK && r->recording.n > 0)
        rc = hc_record_pack(a, r->recording, 6, &o->recording, err);
    if (rc == HC_OK && o->recording.n + o->payload.n > HC_MAX_RECORD_BYTES)
        rc = hc_fail(
            err, HC_E_LIMIT,
            "the record of release %.*s revision %" PRId64 " is %zu bytes packed and the recording of its "
            "generated values %zu, and an object may hold %u of both: leave out the annotation that keeps them",
            HC_P(r->name), r->revision, o->payload.n, o->recording.n, HC_MAX_RECORD_BYTES);
    if (rc != HC_OK)
        return rc;
    o->storage_name = r->storage_name.n ? r->storage_name : hc_record_storage_name(a, r->name, r->revision);
    o->ns = s->ns;
    o->resource_version = r->resource_version;
    o->mark = r->mark;
    o->labels = hc_map_new(a);
    for (size_t i = 0; i < hc_map_len(r->labels); i++) {
        const struct hc_entry *e = hc_map_at(r->labels, i);
        if (system_label(e->key))
            return hc_fail(err, HC_E_INPUT,
                           "user supplied labels contains system reserved label name. System labels: [name owner "
                           "status version createdAt modifiedAt]");
        if (hc_is_str(e->val))
            hc_map_put_ref(a, o->labels, e->key, e->val);
    }
    hc_map_put(a, o->labels, hc_str_of(stamp), hc_printf_val(a, "%" PRId64, now_s));
    hc_map_put_str(a, o->labels, "name", r->name);
    hc_map_put_strz(a, o->labels, "owner", "helm");
    hc_map_put_strz(a, o->labels, "status", hc_status_name(r->status));
    hc_map_put(a, o->labels, HC_S("version"), hc_printf_val(a, "%" PRId64, r->revision));
    return hc_arena_check(a, err, "release record");
}

/* What is sent is given back at once: a record is sent many times while it is pending. */
static enum hc_rc
send(struct hc_storage *s, struct hc_arena *a, struct hc_record *r, const char *stamp, int64_t now_s,
     enum hc_rc (*how)(struct hc_storage *s, struct hc_arena *a, struct stored *o, struct hc_err *err),
     struct hc_err *err)
{
    struct stored o = { 0 };
    HC_AUTO(hc_arena) struct hc_arena *tmp = hc_arena_new(0);
    if (!tmp)
        return hc_fail_nomem(err);
    enum hc_rc rc = stored_of(s, tmp, r, a, stamp, now_s, &o, err);
    if (rc != HC_OK)
        return rc;
    rc = how(s, tmp, &o, err);
    if (rc != HC_OK)
        return hc_wrap(err, "store revision %" PRId64 " of release %.*s", r->revision, HC_P(r->name));
    if (!r->storage_name.n)
        r->storage_name = hc_arena_str(a, o.storage_name);
    r->resource_version = hc_arena_str(a, o.resource_version);
    return hc_arena_check(a, err, "release record");
}

enum hc_rc hc_storage_create(struct hc_storage *s, struct hc_arena *a, struct hc_record *r, struct hc_err *err)
{
    int64_t now_s = hc_now_ms() / 1000;
    enum hc_rc rc = send(s, a, r, "createdAt", now_s, s->driver->create, err);
    if (rc == HC_OK)
        r->created_at = now_s;
    return rc;
}

enum hc_rc hc_storage_update(struct hc_storage *s, struct hc_arena *a, struct hc_record *r, struct hc_err *err)
{
    int64_t now_s = hc_now_ms() / 1000;
    enum hc_rc rc = send(s, a, r, "modifiedAt", now_s, s->driver->update, err);
    if (rc == HC_OK) {
        r->modified_at = now_s;
        r->created_at = 0;
    }
    return rc;
}

enum hc_rc hc_storage_delete(struct hc_storage *s, hc_str name, int64_t revision, struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    if (!a)
        return hc_fail_nomem(err);
    enum hc_rc rc = s->driver->del(s, hc_record_storage_name(a, name, revision), err);
    return rc == HC_E_NOTFOUND ? HC_OK : rc;
}

enum hc_rc hc_storage_retain(struct hc_storage *s, hc_str name, const struct hc_brief *briefs, size_t n,
                             int64_t max, struct hc_err *err)
{
    if ((int64_t)n <= max)
        return HC_OK;
    int64_t too_many = (int64_t)n - max, deployed = 0;
    for (size_t i = 0; i < n; i++)
        if (briefs[i].status == HC_STATUS_DEPLOYED)
            deployed = briefs[i].revision;
    for (size_t i = 0; i < n && too_many > 0; i++) {
        if (briefs[i].revision == deployed)
            continue;
        enum hc_rc rc = hc_storage_delete(s, name, briefs[i].revision, err);
        if (rc != HC_OK)
            return hc_wrap(err, "history of release %.*s", HC_P(name));
        too_many--;
    }
    return HC_OK;
}
