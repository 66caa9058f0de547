/*
 * From a path to what is meant, and the verbs that write. Reading is in read.c.
 */
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "helmctl/sandbox/sandbox_impl.h"

hc_str hc_sb_query(const struct hc_sb_req *r, const char *name)
{
    const struct hc_val *v = hc_map_getz(r->query, name);
    return hc_get_str(v);
}

bool hc_sb_query_true(const struct hc_sb_req *r, const char *name)
{
    hc_str v = hc_sb_query(r, name);
    return hc_str_eqz(v, "true") || hc_str_eqz(v, "1");
}

void hc_sb_answer(struct hc_sb_req *r, int code, const struct hc_val *v)
{
    r->code = code;
    r->out_type = "application/json";
    hc_buf_reset(&r->out);
    hc_json_write(&r->out, v, 0);
    hc_buf_putc(&r->out, '\n');
}

void hc_sb_answer_status(struct hc_sb_req *r, const struct hc_val *status)
{
    hc_sb_answer(r, hc_sb_status_code(status), status);
}

void hc_sb_answer_text(struct hc_sb_req *r, int code, const char *type, hc_str text)
{
    r->code = code;
    r->out_type = type;
    hc_buf_reset(&r->out);
    hc_buf_put(&r->out, text);
}

/* The first form in Accept that we can write decides. */
static enum hc_sb_as wanted_form(hc_str accept)
{
    hc_str rest = accept, one;
    while (hc_str_split(&rest, ',', &one)) {
        one = hc_str_trim(one);
        if (!hc_str_starts(one, HC_S("application/json")) && !hc_str_starts(one, HC_S("*/*")))
            continue;
        if (hc_str_find_str(one, HC_S("as=Table")) != SIZE_MAX)
            return HC_SB_AS_TABLE;
        if (hc_str_find_str(one, HC_S("as=PartialObjectMetadata")) != SIZE_MAX)
            return HC_SB_AS_PARTIAL;
        if (hc_str_find_str(one, HC_S("as=")) == SIZE_MAX)
            return HC_SB_AS_OBJECT;
    }
    return HC_SB_AS_OBJECT;
}

static const char *verb_of(const struct hc_sb_req *r)
{
    bool named = r->name.n != 0;
    if (hc_str_eqz(r->method, "GET") || hc_str_eqz(r->method, "HEAD"))
        return hc_sb_query_true(r, "watch") && !r->sub.n ? "watch" : named ? "get" : "list";
    if (hc_str_eqz(r->method, "POST"))
        return "create";
    if (hc_str_eqz(r->method, "PUT"))
        return "update";
    if (hc_str_eqz(r->method, "PATCH"))
        return "patch";
    if (hc_str_eqz(r->method, "DELETE"))
        return named ? "delete" : "deletecollection";
    return "other";
}

bool hc_sb_route(struct hc_sb_req *r)
{
    hc_str rest = hc_str_sub(r->path, 1, r->path.n), part[9];
    size_t n = 0;
    if (r->kind || !hc_str_starts(r->path, HC_S("/api")))
        return r->kind != NULL;
    while (n < HC_LEN(part) && hc_str_split(&rest, '/', &part[n]))
        n++;
    while (n && !part[n - 1].n)
        n--;
    hc_str group = HC_S(""), version;
    size_t at;
    if (n >= 3 && hc_str_eqz(part[0], "api")) {
        version = part[1];
        at = 2;
    } else if (n >= 4 && hc_str_eqz(part[0], "apis")) {
        group = part[1];
        version = part[2];
        at = 3;
    } else {
        return false;
    }
    bool in_ns = hc_str_eqz(part[at], "namespaces") && n - at >= 3;
    /* Subresources of the namespace itself look like resources in it. */
    if (in_ns && !group.n && n - at == 3 &&
        (hc_str_eqz(part[at + 2], "status") || hc_str_eqz(part[at + 2], "finalize")))
        in_ns = false;
    if (in_ns) {
        r->ns = part[at + 1];
        at += 2;
    }
    const struct hc_sb_kind *k = hc_sb_kind_find(r->s, group, version, part[at]);
    if (!k || (in_ns && (k->flags & HC_SB_CLUSTER)))
        return false;
    if (n - at > 1)
        r->name = part[at + 1];
    if (n - at > 2)
        r->sub = hc_str_sub(r->path, (size_t)(part[at + 2].p - r->path.p), r->path.n);
    while (r->sub.n && r->sub.p[r->sub.n - 1] == '/')
        r->sub.n--;
    if (r->name.n && !(k->flags & HC_SB_CLUSTER) && !in_ns)
        return false;
    r->kind = k;
    r->verb = verb_of(r);
    r->as = wanted_form(r->accept);
    r->dry_run = hc_str_eqz(hc_sb_query(r, "dryRun"), "All");
    return true;
}

static hc_str manager_of(const struct hc_sb_req *r)
{
    hc_str m = hc_sb_query(r, "fieldManager");
    if (m.n)
        return m;
    size_t slash = hc_str_find(r->agent, '/');
    hc_str name = hc_str_sub(r->agent, 0, slash == SIZE_MAX ? r->agent.n : slash);
    return name.n ? name : HC_S("unknown");
}

static struct hc_sb_how how_of(struct hc_sb_req *r)
{
    if (!r->warnings)
        r->warnings = hc_list_new(r->a);
    hc_str v = hc_sb_query(r, "fieldValidation");
    return (struct hc_sb_how){ .manager = manager_of(r),
                               .sub = r->sub,
                               .dry_run = r->dry_run,
                               .strict = hc_str_eqz(v, "Strict"),
                               .warnings = !v.n || hc_str_eqz(v, "Warn") ? r->warnings : NULL };
}

/* The body as a tree, or a Status. An empty body gives NULL in *out. */
static struct hc_val *body_of(struct hc_sb_req *r, struct hc_val **out)
{
    struct hc_err err = HC_ERR_INIT;
    *out = NULL;
    if (!hc_str_trim(r->body).n)
        return NULL;
    bool protobuf = hc_str_starts(r->content_type, HC_S("application/vnd.kubernetes.protobuf"));
    if (protobuf && hc_sb_protobuf_parse(r->a, r->body, out))
        return NULL;
    if (protobuf || hc_str_find_str(r->content_type, HC_S("cbor")) != SIZE_MAX)
        return hc_sb_status(r->a, 415, "UnsupportedMediaType",
                            "the body of the request was in an unknown format - accepted media types include: "
                            "application/json, application/yaml");
    bool yaml = hc_str_find_str(r->content_type, HC_S("yaml")) != SIZE_MAX;
    enum hc_rc rc = yaml ? hc_yaml_parse(r->a, r->body, HC_S("request body"), 0, out, &err)
                         : hc_json_parse(r->a, r->body, HC_JSON_REF | HC_JSON_NO_POSITIONS, out, &err);
    if (rc != HC_OK)
        return hc_sb_bad_request(r->a, "the object provided is unrecognized (must be of type %.*s): %s",
                                 HC_P(r->kind->kind), err.msg);
    if (!hc_is_map(*out))
        return hc_sb_bad_request(r->a, "the object provided is unrecognized (must be of type %.*s): it is a %s",
                                 HC_P(r->kind->kind), hc_kind_name(*out));
    return NULL;
}

static struct hc_val *check_identity(struct hc_sb_req *r, const struct hc_val *obj)
{
    const struct hc_sb_kind *k = r->kind;
    hc_str av = hc_get_str_at(obj, "apiVersion"), kind = hc_get_str_at(obj, "kind");
    hc_str ns = hc_get_str_at(obj, "metadata.namespace"), name = hc_get_str_at(obj, "metadata.name");
    if (av.n && !hc_str_eq(av, k->api_version))
        return hc_sb_bad_request(
            r->a, "the API version in the data (%.*s) does not match the expected API version (%.*s)", HC_P(av),
            HC_P(k->api_version));
    if (kind.n && !hc_str_eq(kind, k->kind))
        return hc_sb_bad_request(r->a, "%.*s in version \"%.*s\" cannot be handled as a %.*s: kind does not match",
                                 HC_P(kind), HC_P(k->version), HC_P(k->kind));
    if (ns.n && r->ns.n && !hc_str_eq(ns, r->ns))
        return hc_sb_bad_request(r->a,
                                 "the namespace of the provided object does not match the namespace sent on the "
                                 "request");
    if (r->name.n && name.n && !hc_str_eq(name, r->name))
        return hc_sb_bad_request(r->a, "the name of the object (%.*s) does not match the name on the URL (%.*s)",
                                 HC_P(name), HC_P(r->name));
    return NULL;
}

static void answer_object(struct hc_sb_req *r, int code, struct hc_val *obj)
{
    if (r->as == HC_SB_AS_PARTIAL) {
        hc_sb_answer(r, code, hc_sb_partial(r->a, obj));
    } else if (r->as == HC_SB_AS_TABLE) {
        struct hc_val *items = hc_list_new(r->a), *meta = hc_map_new(r->a);
        hc_list_add(r->a, items, obj);
        hc_map_put(r->a, meta, HC_S("resourceVersion"), hc_get(obj, "metadata.resourceVersion"));
        hc_sb_answer(r, code, hc_sb_table(r->a, r->kind, items, meta, hc_sb_query(r, "includeObject")));
    } else {
        hc_sb_answer(r, code, obj);
    }
}

/* Reviews are answered, not stored: all is allowed. */
static struct hc_val *review(struct hc_sb_req *r, struct hc_val *obj)
{
    struct hc_arena *a = r->a;
    struct hc_val *out = hc_val_copy(a, obj), *st = hc_map_sub(a, out, "status");
    hc_map_put_str(a, out, "apiVersion", r->kind->api_version);
    hc_map_put_str(a, out, "kind", r->kind->kind);
    if (hc_str_ends(r->kind->resource, HC_S("accessreviews"))) {
        hc_map_put_bool(a, st, "allowed", true);
        hc_map_put_strz(a, st, "reason", "the sandbox allows everything");
    } else if (hc_str_eqz(r->kind->resource, "selfsubjectreviews") ||
               hc_str_eqz(r->kind->resource, "tokenreviews")) {
        struct hc_val *who = hc_map_sub(a, st, hc_str_eqz(r->kind->resource, "tokenreviews") ? "user" : "userInfo"),
                      *groups = hc_list_new(a);
        hc_map_put_strz(a, who, "username", "sandbox-admin");
        hc_list_add(a, groups, hc_strz_val(a, "system:masters"));
        hc_list_add(a, groups, hc_strz_val(a, "system:authenticated"));
        hc_map_put(a, who, HC_S("groups"), groups);
        if (hc_str_eqz(r->kind->resource, "tokenreviews"))
            hc_map_put_bool(a, st, "authenticated", true);
    } else {
        struct hc_val *rules = hc_list_new(a), *rule = hc_map_new(a);
        static const char *const all[] = { "verbs", "apiGroups", "resources" };
        for (size_t i = 0; i < HC_LEN(all); i++) {
            struct hc_val *star = hc_list_new(a);
            hc_list_add(a, star, hc_strz_val(a, "*"));
            hc_map_put(a, rule, hc_str_of(all[i]), star);
        }
        hc_list_add(a, rules, rule);
        hc_map_put(a, st, HC_S("resourceRules"), rules);
        hc_map_put(a, st, HC_S("nonResourceRules"), hc_list_new(a));
        hc_map_put_bool(a, st, "incomplete", false);
    }
    return out;
}

static struct hc_val *create(struct hc_sb_req *r)
{
    struct hc_val *obj, *bad = body_of(r, &obj), *out = NULL;
    if (!bad && !obj)
        bad = hc_sb_bad_request(r->a, "the body of the request is empty");
    if (!bad)
        bad = check_identity(r, obj);
    if (bad)
        return bad;
    if (r->kind->flags & HC_SB_REVIEW) {
        hc_sb_answer(r, 201, review(r, obj));
        return NULL;
    }
    struct hc_sb_how how = how_of(r);
    bad = hc_sb_create(r->s, r->a, r->kind, r->ns, obj, &how, &out);
    if (!bad) {
        r->wrote = !r->dry_run;
        answer_object(r, 201, out);
    }
    return bad;
}

static bool known_sub(const struct hc_sb_req *r)
{
    if (!r->sub.n)
        return true;
    if (hc_str_eqz(r->sub, "status"))
        return (r->kind->flags & HC_SB_STATUS) != 0;
    if (hc_str_eqz(r->sub, "scale"))
        return (r->kind->flags & HC_SB_SCALE) != 0;
    return hc_str_eqz(r->sub, "finalize") && hc_str_eqz(r->kind->key, "/namespaces");
}

static struct hc_val *update(struct hc_sb_req *r)
{
    struct hc_val *obj, *bad = body_of(r, &obj), *out = NULL;
    if (!bad && !obj)
        bad = hc_sb_bad_request(r->a, "the body of the request is empty");
    if (bad)
        return bad;
    struct hc_val *old = hc_sb_get(r->s, r->a, r->kind, r->ns, r->name);
    if (!old)
        return hc_sb_not_found(r->a, r->kind, r->name);
    struct hc_sb_how how = how_of(r);
    if (hc_str_eqz(r->sub, "scale")) {
        int64_t n = hc_get_int_at(obj, "spec.replicas", 0);
        hc_str rv = hc_get_str_at(obj, "metadata.resourceVersion");
        obj = hc_val_copy(r->a, old);
        if (rv.n)
            hc_map_put_str(r->a, hc_map_getz(obj, "metadata"), "resourceVersion", rv);
        hc_map_put_int(r->a, hc_map_sub(r->a, obj, "spec"), "replicas", n);
    } else {
        bad = check_identity(r, obj);
        if (bad)
            return bad;
        if (r->kind->schema && !hc_get_str_at(obj, "metadata.resourceVersion").n) {
            struct hc_sb_errors e = { .a = r->a };
            hc_sb_err_add(&e, "FieldValueInvalid", HC_S("metadata.resourceVersion"),
                          HC_S("Invalid value: 0: must be specified for an update"));
            return hc_sb_errors_status(&e, r->kind, r->name);
        }
    }
    bad = hc_sb_update(r->s, r->a, r->kind, old, obj, &how, &out);
    if (!bad) {
        r->wrote = !r->dry_run;
        if (hc_str_eqz(r->sub, "scale"))
            out = hc_sb_scale_of(r->a, r->kind, out);
        answer_object(r, 200, out);
    }
    return bad;
}

static struct hc_val *patch(struct hc_sb_req *r)
{
    struct hc_val *out = NULL;
    bool created = false;
    struct hc_sb_how how = how_of(r);
    struct hc_val *bad = hc_sb_patch(r, &how, &out, &created);
    if (!bad) {
        r->wrote = !r->dry_run;
        if (hc_str_eqz(r->sub, "scale"))
            out = hc_sb_scale_of(r->a, r->kind, out);
        answer_object(r, created ? 201 : 200, out);
    }
    return bad;
}

static struct hc_sb_delete_options delete_options(const struct hc_sb_req *r, const struct hc_val *body)
{
    struct hc_sb_delete_options o = { .uid = hc_get_str_at(body, "preconditions.uid"),
                                      .rv = hc_get_str_at(body, "preconditions.resourceVersion"),
                                      .propagation = hc_get_str_at(body, "propagationPolicy"),
                                      .dry_run = r->dry_run };
    if (!o.propagation.n)
        o.propagation = hc_sb_query(r, "propagationPolicy");
    const struct hc_val *dry = hc_map_getz(body, "dryRun");
    o.dry_run = o.dry_run || hc_str_eqz(hc_get_str(hc_list_at(dry, 0)), "All");
    if (hc_get_bool_at(body, "orphanDependents", false) || hc_sb_query_true(r, "orphanDependents"))
        o.propagation = HC_S("Orphan");
    return o;
}

static struct hc_val *delete_one(struct hc_sb_req *r)
{
    struct hc_val *body, *bad = body_of(r, &body), *left = NULL;
    if (bad)
        return bad;
    struct hc_val *old = hc_sb_get(r->s, r->a, r->kind, r->ns, r->name);
    if (!old)
        return hc_sb_not_found(r->a, r->kind, r->name);
    struct hc_sb_delete_options o = delete_options(r, body);
    bad = hc_sb_delete(r->s, r->a, r->kind, old, &o, &left);
    if (bad)
        return bad;
    r->wrote = !o.dry_run;
    if (left)
        answer_object(r, 200, left);
    else
        hc_sb_answer(r, 200, hc_sb_success(r->a, r->kind, r->name, hc_get_str_at(old, "metadata.uid")));
    return NULL;
}

static struct hc_val *delete_many(struct hc_sb_req *r)
{
    struct hc_val *body, *bad = body_of(r, &body), *left;
    struct hc_sb_selector *labels, *fields;
    struct hc_err err = HC_ERR_INIT;
    if (bad)
        return bad;
    if (!hc_sb_labels_parse(r->a, hc_sb_query(r, "labelSelector"), &labels, &err) ||
        !hc_sb_fields_parse(r->a, hc_sb_query(r, "fieldSelector"), &fields, &err))
        return hc_sb_bad_request(r->a, "%s", err.msg);
    struct hc_sb_delete_options o = delete_options(r, body);
    struct hc_sb_row *rows;
    hc_str ns = r->ns.n ? r->ns : (hc_str){ NULL, 0 };
    size_t n = hc_sb_store_list(r->s->store, r->a, r->kind->key, ns, HC_S(""), HC_S(""), 0, &rows);
    for (size_t i = 0; i < n && !bad; i++) {
        struct hc_val *obj = hc_sb_parse_body(r->a, r->kind, rows[i].body);
        if (obj && hc_sb_labels_match(labels, hc_get(obj, "metadata.labels")) && hc_sb_fields_match(fields, obj)) {
            bad = hc_sb_delete(r->s, r->a, r->kind, obj, &o, &left);
            r->wrote = r->wrote || !o.dry_run;
        }
    }
    if (!bad)
        hc_sb_answer(r, 200, hc_sb_success(r->a, r->kind, HC_S(""), HC_S("")));
    return bad;
}

/* serviceaccounts/x/token: a token that nobody checks. */
static struct hc_val *token(struct hc_sb_req *r)
{
    struct hc_arena *a = r->a;
    struct hc_val *body, *bad = body_of(r, &body), *out;
    if (bad)
        return bad;
    if (!hc_sb_get(r->s, a, r->kind, r->ns, r->name))
        return hc_sb_not_found(a, r->kind, r->name);
    out = body ? hc_val_copy(a, body) : hc_map_new(a);
    hc_map_put_strz(a, out, "apiVersion", "authentication.k8s.io/v1");
    hc_map_put_strz(a, out, "kind", "TokenRequest");
    struct hc_val *st = hc_map_sub(a, out, "status");
    hc_map_put_str(a, st, "token", hc_arena_printf(a, "sandbox.%.*s.%.*s", HC_P(r->ns), HC_P(r->name)));
    hc_map_put_str(a, st, "expirationTimestamp", hc_time_rfc3339(a, hc_now_ms() + 3600000));
    hc_sb_answer(r, 201, out);
    return NULL;
}

static struct hc_val *write_verb(struct hc_sb_req *r)
{
    if (strcmp(r->verb, "create") == 0 && hc_str_eqz(r->kind->key, "/serviceaccounts") &&
        hc_str_eqz(r->sub, "token"))
        return token(r);
    if (strcmp(r->verb, "create") == 0 && !r->name.n) {
        if (!r->ns.n && !(r->kind->flags & HC_SB_CLUSTER))
            return hc_sb_status(r->a, 405, "MethodNotAllowed", "create needs a namespace in the path");
        return create(r);
    }
    if (r->kind->flags & HC_SB_REVIEW || !known_sub(r) || (!r->name.n && strcmp(r->verb, "deletecollection") != 0))
        return hc_sb_status(r->a, 405, "MethodNotAllowed",
                            "the server does not allow this method on the requested "
                            "resource");
    if (strcmp(r->verb, "update") == 0)
        return update(r);
    if (strcmp(r->verb, "patch") == 0)
        return patch(r);
    if (strcmp(r->verb, "delete") == 0 && !r->sub.n)
        return delete_one(r);
    if (strcmp(r->verb, "deletecollection") == 0)
        return delete_many(r);
    return hc_sb_status(r->a, 405, "MethodNotAllowed",
                        "the server does not allow this method on the requested "
                        "resource");
}

static bool allowed(const struct hc_sb_req *r)
{
    if (!r->s->token)
        return true;
    hc_str want = hc_str_of(r->s->token), have = r->authorization;
    return hc_str_starts(have, HC_S("Bearer ")) && hc_str_eq(hc_str_sub(have, 7, have.n), want);
}

/* What a pod's containers are to have said stands in an annotation. */
static bool pod_log(struct hc_sb_req *r)
{
    if (!hc_str_eqz(r->kind->key, "/pods") || !hc_str_eqz(r->sub, "log") || strcmp(r->verb, "get") != 0)
        return false;
    struct hc_val *pod = hc_sb_get(r->s, r->a, r->kind, r->ns, r->name);
    hc_str text = hc_sb_annotation(pod, "sandbox.helmctl.dev/log");
    int64_t lines = -1, bytes = -1;
    if (!text.p)
        return false;
    if (hc_str_to_i64(hc_sb_query(r, "tailLines"), &lines) && lines >= 0) {
        size_t at = text.n > 0 && text.p[text.n - 1] == '\n' ? text.n - 1 : text.n;
        while (at > 0 && (text.p[at - 1] != '\n' || --lines > 0))
            at--;
        text = hc_str_sub(text, at, text.n);
    }
    if (hc_str_to_i64(hc_sb_query(r, "limitBytes"), &bytes) && bytes >= 0)
        text = hc_str_sub(text, 0, (size_t)bytes);
    hc_sb_answer_text(r, 200, "text/plain", text);
    return true;
}

/* Streams between client and pod have nothing to connect to here. */
static struct hc_val *pod_stream(struct hc_sb_req *r)
{
    if (!hc_str_eqz(r->kind->key, "/pods") || !r->sub.n || hc_str_eqz(r->sub, "status"))
        return NULL;
    if (hc_str_eqz(r->sub, "eviction") || hc_str_eqz(r->sub, "binding") ||
        hc_str_eqz(r->sub, "ephemeralcontainers"))
        return NULL;
    if (!hc_sb_get(r->s, r->a, r->kind, r->ns, r->name))
        return hc_sb_not_found(r->a, r->kind, r->name);
    return hc_sb_bad_request(
        r->a, "the sandbox only simulates pods: there is no container behind %.*s, so there is no %.*s",
        HC_P(r->name), HC_P(r->sub));
}

void hc_sb_serve(struct hc_sb_req *r)
{
    if (hc_sb_private(r))
        return;
    if (!allowed(r)) {
        hc_sb_answer_status(r, hc_sb_status(r->a, 401, "Unauthorized", "Unauthorized"));
        return;
    }
    if (!hc_sb_route(r)) {
        if (hc_sb_discovery(r) || hc_sb_openapi(r))
            return;
        struct hc_val *st = hc_sb_status(r->a, 404, "NotFound", "the server could not find the requested resource");
        hc_map_put(r->a, st, HC_S("details"), hc_map_new(r->a));
        hc_sb_answer_status(r, st);
        return;
    }
    if (pod_log(r))
        return;
    struct hc_val *bad = pod_stream(r);
    if (bad) {
        hc_sb_answer_status(r, bad);
        return;
    }
    if (strcmp(r->verb, "get") == 0 || strcmp(r->verb, "list") == 0 || strcmp(r->verb, "watch") == 0) {
        hc_sb_reads(r);
        return;
    }
    if (!hc_sb_store_begin(r->s->store)) {
        hc_sb_answer_status(r, hc_sb_internal(r->a, "the sandbox cannot write its database: is the disk full?"));
        return;
    }
    bad = write_verb(r);
    if (!bad && !hc_sb_store_commit(r->s->store))
        bad = hc_sb_internal(r->a, "the sandbox cannot write its database: is the disk full?");
    if (bad) {
        hc_sb_store_rollback(r->s->store);
        hc_sb_watches_discard(r->s->watches);
        r->wrote = false;
        hc_sb_answer_status(r, bad);
        return;
    }
    hc_sb_watches_publish(r->s);
    if (r->wrote)
        hc_sb_faults_wrote(r);
}
