/*
 * The verbs on objects: a path out of discovery, one request, the answer as a tree in the caller's arena.
 */
#include "core/base/buf.h"
#include "core/value/json.h"
#include "deploy/kube/kube_impl.h"

#define PAGE "500" /* objects an answer of a list; client-go's own */

const char kube_accept_metadata[] = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
static const char accept_brief[] = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
const char kube_accept_metadata_list[] = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

struct hc_ref hc_ref_of(const struct hc_val *object)
{
    const struct hc_val *m = hc_map_getz(object, "metadata");
    return (struct hc_ref){ .api_version = hc_get_str(hc_map_getz(object, "apiVersion")),
                            .kind = hc_get_str(hc_map_getz(object, "kind")),
                            .ns = hc_get_str(hc_map_getz(m, "namespace")),
                            .name = hc_get_str(hc_map_getz(m, "name")) };
}

hc_str hc_ref_str(struct hc_arena *a, const struct hc_ref *r)
{
    return hc_arena_printf(a, "%.*s %.*s%s%.*s", HC_P(r->kind), HC_P(r->ns), r->ns.n ? "/" : "", HC_P(r->name));
}

/* ---- paths --------------------------------------------------------------------------------------- */

static void put_escaped(struct hc_buf *b, hc_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '.' || c == '_' || c == '~' || c == ':';
        if (plain)
            hc_buf_putc(b, (char)c);
        else
            hc_buf_printf(b, "%%%02X", c);
    }
}

void kube_path(struct hc_buf *b, const struct hc_kube_resource *r, hc_str ns, hc_str name, const char *sub)
{
    hc_buf_puts(b, r->group.n ? "/apis/" : "/api/");
    if (r->group.n) {
        put_escaped(b, r->group);
        hc_buf_putc(b, '/');
    }
    put_escaped(b, r->version);
    if (r->namespaced && ns.n) {
        hc_buf_puts(b, "/namespaces/");
        put_escaped(b, ns);
    }
    hc_buf_putc(b, '/');
    put_escaped(b, r->plural);
    if (name.n) {
        hc_buf_putc(b, '/');
        put_escaped(b, name);
    }
    if (sub) {
        hc_buf_putc(b, '/');
        hc_buf_puts(b, sub);
    }
}

bool kube_segment(hc_str s)
{
    return !hc_str_eqz(s, ".") && !hc_str_eqz(s, "..") && hc_str_find(s, '/') == SIZE_MAX &&
           hc_str_find(s, '%') == SIZE_MAX;
}

void kube_query(struct hc_buf *b, const char *key, hc_str value)
{
    if (!value.n)
        return;
    hc_buf_putc(b, hc_str_find(hc_buf_str(b), '?') == SIZE_MAX ? '?' : '&');
    hc_buf_puts(b, key);
    hc_buf_putc(b, '=');
    put_escaped(b, value);
}

void kube_selectors(struct hc_buf *b, const struct hc_kube_list *l)
{
    kube_query(b, "labelSelector", l->label_selector);
    kube_query(b, "fieldSelector", l->field_selector);
}

/* ---- one object ---------------------------------------------------------------------------------- */

/* What a verb does: the shape of its request. */
struct shape {
    const char *verb, *method, *content_type, *accept, *sub;
    bool repeatable, collection; /* collection: no name in the path */
};

/* Fills `call` but for its body. `a` is the caller's. */
static enum hc_rc prepare(struct hc_kube *k, struct hc_arena *a, const struct shape *s, const struct hc_ref *r,
                          const char *manager, unsigned flags, bool writes, struct kube_call *call,
                          struct hc_err *err)
{
    struct hc_kube_resource res;
    hc_str text = hc_ref_str(a, r);
    enum hc_rc rc = hc_kube_resource_of(k, r->api_version, r->kind, &res, err);
    if (rc != HC_OK)
        return hc_wrap(err, "%s %.*s", s->verb, HC_P(text));
    if (!kube_segment(r->ns) || !kube_segment(r->name))
        return hc_fail(err, HC_E_INPUT, "%s %.*s: a name or namespace may not be '.' or '..' or hold '/' or '%%'",
                       s->verb, HC_P(text));
    if (!r->name.n && !s->collection)
        return hc_fail(err, HC_E_INPUT, "%s %.*s: the object has no name", s->verb, HC_P(text));
    struct hc_buf b;
    hc_buf_init(&b, 65536);
    kube_path(&b, &res, r->ns.n ? r->ns : k->ns, s->collection ? (hc_str){ NULL, 0 } : r->name, s->sub);
    if (writes) {
        kube_query(&b, "fieldManager", hc_str_of(manager));
        if (!(flags & HC_KUBE_LAX_VALIDATION))
            kube_query(&b, "fieldValidation", flags & HC_KUBE_SKIP_VALIDATION ? HC_S("Ignore") : HC_S("Strict"));
        if (flags & HC_KUBE_FORCE)
            kube_query(&b, "force", HC_S("true"));
    }
    if (flags & HC_KUBE_DRY_RUN)
        kube_query(&b, "dryRun", HC_S("All"));
    *call = (struct kube_call){ .method = s->method,
                                .path = hc_buf_to_arena(&b, a),
                                .accept = flags & HC_KUBE_BRIEF ? accept_brief : s->accept,
                                .content_type = s->content_type,
                                .repeatable = s->repeatable,
                                .verb = s->verb,
                                .object = text,
                                .err = err };
    hc_buf_done(&b);
    return hc_arena_check(a, err, "request");
}

static enum hc_rc to_json(struct hc_arena *a, const struct hc_val *v, hc_str *out, struct hc_err *err)
{
    struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write(&b, v, 0);
    enum hc_rc rc = hc_buf_check(&b, err, "request body");
    if (rc == HC_OK)
        *out = hc_buf_to_arena(&b, a);
    hc_buf_done(&b);
    return rc == HC_OK ? hc_arena_check(a, err, "request body") : rc;
}

static const struct shape shape_get = { "get", "GET", NULL, NULL, NULL, true, false };
static const struct shape shape_get_metadata = { "get", "GET", NULL, kube_accept_metadata, NULL, true, false };
static const struct shape shape_create = { "create", "POST", "application/json", NULL, NULL, false, true };
static const struct shape shape_update = { "update", "PUT", "application/json", NULL, NULL, true, false };
static const struct shape shape_status = {
    "update status of", "PUT", "application/json", NULL, "status", true, false
};
static const struct shape shape_apply = {
    "apply", "PATCH", "application/apply-patch+yaml", NULL, NULL, true, false
};
static const struct shape shape_delete = { "delete", "DELETE", "application/json", NULL, NULL, true, false };

/* Server-side apply refuses an object that carries managedFields. */
static const struct hc_val *without_managed_fields(struct hc_arena *a, const struct hc_val *object)
{
    if (!hc_get(object, "metadata.managedFields"))
        return object;
    struct hc_val *copy = hc_map_new(a), *meta = hc_map_new(a);
    for (size_t i = 0; i < hc_map_len(object); i++) {
        struct hc_entry *e = hc_map_at(object, i);
        hc_map_put_ref(a, copy, e->key, hc_str_eqz(e->key, "metadata") ? meta : e->val);
    }
    const struct hc_val *old = hc_map_getz(object, "metadata");
    for (size_t i = 0; i < hc_map_len(old); i++) {
        struct hc_entry *e = hc_map_at(old, i);
        if (!hc_str_eqz(e->key, "managedFields"))
            hc_map_put_ref(a, meta, e->key, e->val);
    }
    return copy;
}

static enum hc_rc prepare_write(struct hc_kube *k, struct hc_arena *a, const struct shape *s,
                                const struct hc_val *object, const char *manager, unsigned flags,
                                struct kube_call *call, struct hc_err *err)
{
    struct hc_ref r = hc_ref_of(object);
    if (s == &shape_create && !r.name.n)
        r.name = hc_get_str_at(object, "metadata.generateName");
    enum hc_rc rc = prepare(k, a, s, &r, manager, flags, true, call, err);
    if (rc != HC_OK)
        return rc;
    if (s == &shape_apply)
        object = without_managed_fields(a, object);
    return to_json(a, object, &call->body, err);
}

static enum hc_rc write_object(struct hc_kube *k, struct hc_arena *a, const struct shape *s,
                               const struct hc_val *object, const char *manager, unsigned flags,
                               struct hc_val **out, struct hc_err *err)
{
    struct kube_call call;
    enum hc_rc rc = prepare_write(k, a, s, object, manager, flags, &call, err);
    return rc == HC_OK ? kube_do(k, a, &call, out) : rc;
}

enum hc_rc hc_kube_get(struct hc_kube *k, struct hc_arena *a, const struct hc_ref *r, struct hc_val **out,
                       struct hc_err *err)
{
    struct kube_call call;
    enum hc_rc rc = prepare(k, a, &shape_get, r, NULL, 0, false, &call, err);
    return rc == HC_OK ? kube_do(k, a, &call, out) : rc;
}

enum hc_rc hc_kube_get_metadata(struct hc_kube *k, struct hc_arena *a, const struct hc_ref *r, struct hc_val **out,
                                struct hc_err *err)
{
    struct kube_call call;
    enum hc_rc rc = prepare(k, a, &shape_get_metadata, r, NULL, 0, false, &call, err);
    if (rc == HC_OK)
        rc = kube_do(k, a, &call, out);
    if (rc == HC_OK && out)
        kube_stamp(a, *out, r->api_version, r->kind);
    return rc;
}

enum hc_rc hc_kube_create(struct hc_kube *k, struct hc_arena *a, const struct hc_val *object, const char *manager,
                          unsigned flags, struct hc_val **out, struct hc_err *err)
{
    return write_object(k, a, &shape_create, object, manager, flags & ~(unsigned)HC_KUBE_FORCE, out, err);
}

enum hc_rc hc_kube_update(struct hc_kube *k, struct hc_arena *a, const struct hc_val *object, const char *manager,
                          unsigned flags, struct hc_val **out, struct hc_err *err)
{
    return write_object(k, a, &shape_update, object, manager, flags & ~(unsigned)HC_KUBE_FORCE, out, err);
}

enum hc_rc hc_kube_update_status(struct hc_kube *k, struct hc_arena *a, const struct hc_val *object,
                                 const char *manager, struct hc_val **out, struct hc_err *err)
{
    return write_object(k, a, &shape_status, object, manager, HC_KUBE_SKIP_VALIDATION, out, err);
}

enum hc_rc hc_kube_apply(struct hc_kube *k, struct hc_arena *a, const struct hc_val *object, const char *manager,
                         unsigned flags, struct hc_val **out, struct hc_err *err)
{
    return write_object(k, a, &shape_apply, object, manager, flags, out, err);
}

static enum hc_rc prepare_patch(struct hc_kube *k, struct hc_arena *a, const struct hc_ref *r,
                                const char *subresource, enum hc_patch type, const struct hc_val *patch,
                                const char *manager, unsigned flags, struct kube_call *call, struct hc_err *err)
{
    static const char *const types[] = { [HC_PATCH_JSON] = "application/json-patch+json",
                                         [HC_PATCH_MERGE] = "application/merge-patch+json",
                                         [HC_PATCH_STRATEGIC] = "application/strategic-merge-patch+json" };
    /* A JSON patch may say "add to the list": not twice. */
    const struct shape s = { "patch", "PATCH", types[type], NULL, subresource, type != HC_PATCH_JSON, false };
    enum hc_rc rc = prepare(k, a, &s, r, manager, flags & ~(unsigned)HC_KUBE_FORCE, true, call, err);
    return rc == HC_OK ? to_json(a, patch, &call->body, err) : rc;
}

enum hc_rc hc_kube_patch(struct hc_kube *k, struct hc_arena *a, const struct hc_ref *r, const char *subresource,
                         enum hc_patch type, const struct hc_val *patch, const char *manager, unsigned flags,
                         struct hc_val **out, struct hc_err *err)
{
    struct kube_call call;
    enum hc_rc rc = prepare_patch(k, a, r, subresource, type, patch, manager, flags, &call, err);
    return rc == HC_OK ? kube_do(k, a, &call, out) : rc;
}

static enum hc_rc prepare_delete(struct hc_kube *k, struct hc_arena *a, const struct hc_ref *r,
                                 const struct hc_kube_delete *o, struct kube_call *call, struct hc_err *err)
{
    static const struct hc_kube_delete none = { 0 };
    o = o ? o : &none;
    enum hc_rc rc = prepare(k, a, &shape_delete, r, NULL, 0, false, call, err);
    if (rc != HC_OK)
        return rc;
    struct hc_val *body = hc_map_new(a);
    hc_map_put_strz(a, body, "kind", "DeleteOptions");
    hc_map_put_strz(a, body, "apiVersion", "v1");
    hc_map_put_strz(a, body, "propagationPolicy", o->propagation ? o->propagation : "Background");
    call->conditional = o->uid.n || o->resource_version.n;
    if (call->conditional) {
        struct hc_val *pre = hc_map_sub(a, body, "preconditions");
        hc_map_put_str(a, pre, "uid", o->uid.n ? o->uid : (hc_str){ NULL, 0 });
        hc_map_put_str(a, pre, "resourceVersion",
                       o->resource_version.n ? o->resource_version : (hc_str){ NULL, 0 });
    }
    return to_json(a, body, &call->body, err);
}

enum hc_rc hc_kube_delete(struct hc_kube *k, const struct hc_ref *r, const struct hc_kube_delete *o, bool *out_gone,
                          struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct kube_call call;
    struct hc_val *answer = NULL;
    enum hc_rc rc = prepare_delete(k, a, r, o, &call, err);
    if (rc == HC_OK)
        rc = kube_do(k, a, &call, &answer);
    if (rc == HC_E_NOTFOUND)
        hc_err_clear(err);
    /* A Status says that it is gone; the object itself, that its finalizers or grace time are at work. */
    if (out_gone)
        *out_gone = rc == HC_E_NOTFOUND ||
                    (rc == HC_OK && hc_str_eqz(hc_get_str(hc_map_getz(answer, "kind")), "Status"));
    return rc == HC_E_NOTFOUND ? HC_OK : rc;
}

enum hc_rc hc_kube_raw(struct hc_kube *k, struct hc_arena *a, const char *method, const char *path,
                       const char *content_type, hc_str body, struct hc_val **out, struct hc_err *err)
{
    struct kube_call call = { .method = method,
                              .path = hc_arena_str(a, hc_str_of(path)),
                              .content_type = content_type,
                              .body = body,
                              .repeatable = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0,
                              .verb = method,
                              .object = hc_str_of(path),
                              .err = err };
    return kube_do(k, a, &call, out);
}

enum hc_rc hc_kube_pod_log(struct hc_kube *k, struct hc_arena *a, const struct hc_kube_log *what, hc_str *out,
                           struct hc_err *err)
{
    static const struct shape shape_log = { "read log of", "GET", NULL, "text/plain, */*", "log", true, false };
    const struct hc_ref r = { HC_S("v1"), HC_S("Pod"), what->ns, what->pod };
    struct kube_call call;
    struct hc_buf b;
    enum hc_rc rc = prepare(k, a, &shape_log, &r, NULL, 0, false, &call, err);
    if (rc != HC_OK)
        return rc;
    hc_buf_init(&b, 65536);
    hc_buf_put(&b, call.path);
    kube_query(&b, "container", what->container);
    if (what->previous)
        kube_query(&b, "previous", HC_S("true"));
    if (what->tail_lines > 0)
        kube_query(&b, "tailLines", hc_arena_printf(a, "%" PRId64, what->tail_lines));
    if (what->limit_bytes > 0)
        kube_query(&b, "limitBytes", hc_arena_printf(a, "%" PRId64, what->limit_bytes));
    call.path = hc_buf_to_arena(&b, a);
    hc_buf_done(&b);
    rc = hc_arena_check(a, err, "request");
    if (rc == HC_OK)
        rc = kube_do(k, a, &call, NULL);
    if (rc == HC_OK)
        *out = call.answer;
    return rc;
}

/* ---- lists --------------------------------------------------------------------------------------- */

void kube_stamp(struct hc_arena *a, struct hc_val *item, hc_str api_version, hc_str kind)
{
    hc_map_put_str(a, item, "apiVersion", api_version);
    hc_map_put_str(a, item, "kind", kind);
}

enum hc_rc hc_kube_list(struct hc_kube *k, struct hc_arena *a, const struct hc_kube_list *l, struct hc_val **out,
                        hc_str *out_rv, struct hc_err *err)
{
    struct hc_kube_resource res;
    hc_str text = hc_arena_printf(a, "%.*s objects%s%.*s", HC_P(l->kind), l->ns.n ? " in " : "", HC_P(l->ns));
    enum hc_rc rc = hc_kube_resource_of(k, l->api_version, l->kind, &res, err);
    if (rc != HC_OK)
        return hc_wrap(err, "list %.*s", HC_P(text));
    if (!kube_segment(l->ns))
        return hc_fail(err, HC_E_INPUT, "list %.*s: no such namespace can be", HC_P(text));
    struct hc_val *all = hc_list_new(a);
    hc_str next = { NULL, 0 }, rv = { NULL, 0 };
    bool paged = true;
    do {
        struct hc_buf b;
        hc_buf_init(&b, 65536);
        kube_path(&b, &res, l->ns, (hc_str){ NULL, 0 }, NULL);
        kube_selectors(&b, l);
        if (paged)
            kube_query(&b, "limit", HC_S(PAGE));
        kube_query(&b, "continue", next);
        struct kube_call call = { .method = "GET",
                                  .path = hc_buf_to_arena(&b, a),
                                  .accept = l->metadata_only ? kube_accept_metadata_list : NULL,
                                  .repeatable = true,
                                  .verb = "list",
                                  .object = text,
                                  .err = err };
        hc_buf_done(&b);
        struct hc_val *page = NULL;
        rc = kube_do(k, a, &call, &page);
        if (rc != HC_OK && call.status == 410 && next.n) { /* the pages grew too old: all at once */
            all = hc_list_new(a);
            next = (hc_str){ NULL, 0 };
            paged = false;
            hc_err_clear(err);
            continue;
        }
        if (rc != HC_OK)
            return rc;
        const struct hc_val *items = hc_map_getz(page, "items");
        for (size_t i = 0; i < hc_list_len(items); i++) {
            kube_stamp(a, hc_list_at(items, i), l->api_version, l->kind);
            hc_list_add(a, all, hc_list_at(items, i));
        }
        rv = hc_get_str_at(page, "metadata.resourceVersion");
        next = hc_get_str_at(page, "metadata.continue");
        if (!next.n)
            break;
    } while (!hc_arena_spent(a));
    if (hc_arena_spent(a))
        return hc_arena_check(a, err, "list of objects");
    *out = all;
    if (out_rv)
        *out_rv = rv;
    return HC_OK;
}

/* ---- several at once ----------------------------------------------------------------------------- */

void hc_kube_batch(struct hc_kube *k, struct hc_arena *a, struct hc_kube_op *ops, size_t n, const char *manager)
{
    struct kube_call *calls = HC_NEW_N(a, struct kube_call, n);
    struct hc_kube_op **sent = HC_NEW_N(a, struct hc_kube_op *, n);
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        struct hc_kube_op *o = &ops[i];
        o->out = NULL;
        o->err = (struct hc_err)HC_ERR_INIT;
        if (!calls || !sent) {
            o->rc = hc_fail_nomem(&o->err);
            continue;
        }
        struct kube_call *c = &calls[m];
        switch (o->verb) {
        case HC_KUBE_VERB_GET:
            o->rc = prepare(k, a, &shape_get, &o->ref, NULL, 0, false, c, &o->err);
            break;
        case HC_KUBE_VERB_APPLY:
            o->rc = prepare_write(k, a, &shape_apply, o->object, manager, o->flags, c, &o->err);
            break;
        case HC_KUBE_VERB_CREATE:
            o->rc = prepare_write(k, a, &shape_create, o->object, manager, o->flags & ~(unsigned)HC_KUBE_FORCE, c,
                                  &o->err);
            break;
        case HC_KUBE_VERB_UPDATE:
            o->rc = prepare_write(k, a, &shape_update, o->object, manager, o->flags & ~(unsigned)HC_KUBE_FORCE, c,
                                  &o->err);
            break;
        case HC_KUBE_VERB_PATCH:
            o->rc = prepare_patch(k, a, &o->ref, NULL, o->patch, o->object, manager, o->flags, c, &o->err);
            break;
        case HC_KUBE_VERB_DELETE:
            o->rc = prepare_delete(k, a, &o->ref, NULL, c, &o->err);
            break;
        }
        if (o->rc == HC_OK)
            sent[m++] = o;
    }
    if (m)
        kube_run(k, a, calls, m);
    for (size_t i = 0; i < m; i++) {
        struct hc_kube_op *o = sent[i];
        o->rc = calls[i].rc;
        if (o->rc == HC_E_NOTFOUND && o->verb == HC_KUBE_VERB_DELETE) {
            o->rc = HC_OK;
            hc_err_clear(&o->err);
        } else if (o->rc == HC_OK) {
            o->rc = hc_json_parse(a, calls[i].answer, HC_JSON_REF | HC_JSON_NO_POSITIONS, &o->out, &o->err);
            if (o->rc != HC_OK)
                hc_wrap(&o->err, "%s %.*s: the server's answer", calls[i].verb, HC_P(calls[i].object));
        }
    }
}
