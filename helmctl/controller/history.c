/*
 * Digests are taken over what Go's encoding/json would print for Flux's structs, so every struct is a small table of
 * its fields in order here; what the table does not know is left out, as Go's decoder would.
 */
#include "helmctl/controller/history.h"

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "helmctl/controller/conditions.h"

#define MAX_HISTORY 5 /* Flux: defaultMaxHistory */
#define GO_JSON     (HC_JSON_SORT | HC_JSON_HTML | HC_JSON_GO_FLOAT)

static hc_str sha256_text(struct hc_arena *a, hc_str s)
{
    char hex[HC_SHA256_HEX + 1];
    hc_sha256_of(s, hex);
    return hc_arena_printf(a, "sha256:%s", hex);
}

/* ---- typed structs ---- */

/* A field of a Go struct: kept with omitempty unless `always`; `items` says what the elements of a list are. */
struct field {
    const char *name;
    bool always;
    const struct field *items, *of;
};

static const struct field maintainer[] = { { "name" }, { "email" }, { "url" }, { NULL } };
static const struct field dependency[] = { { "name", true },    { "version" }, { "repository", true },
                                           { "condition" },     { "tags" },    { "enabled" },
                                           { "import-values" }, { "alias" },   { NULL } };
static const struct field metadata[] = { { "name" },
                                         { "home" },
                                         { "sources" },
                                         { "version" },
                                         { "description" },
                                         { "keywords" },
                                         { "maintainers", false, maintainer },
                                         { "icon" },
                                         { "apiVersion" },
                                         { "condition" },
                                         { "tags" },
                                         { "appVersion" },
                                         { "deprecated" },
                                         { "annotations" },
                                         { "kubeVersion" },
                                         { "dependencies", false, dependency },
                                         { "type" },
                                         { NULL } };
static const struct field selector[] = { { "group" },         { "version" }, { "kind" },
                                         { "namespace" },     { "name" },    { "annotationSelector" },
                                         { "labelSelector" }, { NULL } };
static const struct field patch[] = { { "patch", true }, { "target", false, NULL, selector }, { NULL } };
static const struct field image[] = { { "name", true }, { "newName" }, { "newTag" }, { "digest" }, { NULL } };
static const struct field kustomize[] = { { "patches", false, patch }, { "images", false, image }, { NULL } };
static const struct field post_renderer[] = { { "kustomize", false, NULL, kustomize }, { NULL } };
static const struct field common_metadata[] = { { "annotations" }, { "labels" }, { NULL } };

static bool is_empty(const struct hc_val *v)
{
    switch (hc_kind_of(v)) {
    case HC_NULL:
        return true;
    case HC_BOOL:
        return !v->b;
    case HC_INT:
        return v->i == 0;
    case HC_STR:
        return v->n == 0;
    case HC_LIST:
        return hc_list_len(v) == 0;
    case HC_MAP:
        return hc_map_len(v) == 0;
    default:
        return false;
    }
}

static void write_struct(struct hc_buf *b, const struct hc_val *v, const struct field *fields);

static void write_field(struct hc_buf *b, const struct hc_val *v, const struct field *f)
{
    if (f->items && hc_is_list(v)) {
        hc_buf_putc(b, '[');
        for (size_t i = 0; i < hc_list_len(v); i++) {
            if (i)
                hc_buf_putc(b, ',');
            if (hc_is_map(hc_list_at(v, i)))
                write_struct(b, hc_list_at(v, i), f->items);
            else
                hc_json_write(b, hc_list_at(v, i), GO_JSON);
        }
        hc_buf_putc(b, ']');
    } else if (f->of && hc_is_map(v)) {
        write_struct(b, v, f->of);
    } else if (!v) {
        hc_buf_puts(b, "\"\""); /* only texts are always written */
    } else {
        hc_json_write(b, v, GO_JSON);
    }
}

static void write_struct(struct hc_buf *b, const struct hc_val *v, const struct field *fields)
{
    bool first = true;
    hc_buf_putc(b, '{');
    for (const struct field *f = fields; f->name; f++) {
        const struct hc_val *x = hc_map_getz(v, f->name);
        /* A pointer to a struct is written when it is there, even with nothing in it. */
        if (!f->always && (f->of ? !hc_is_map(x) : is_empty(x)))
            continue;
        hc_buf_printf(b, "%s\"%s\":", first ? "" : ",", f->name);
        first = false;
        write_field(b, x, f);
    }
    hc_buf_putc(b, '}');
}

hc_str hc_post_renderers_digest(struct hc_arena *a, const struct hc_val *post_renderers)
{
    if (!hc_is_list(post_renderers))
        return (hc_str){ NULL, 0 };
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    write_field(&b, post_renderers, &(struct field){ "", true, post_renderer, NULL });
    hc_buf_putc(&b, '\n');
    return sha256_text(a, hc_buf_str(&b));
}

hc_str hc_common_metadata_digest(struct hc_arena *a, const struct hc_val *v)
{
    if (!hc_is_map(v))
        return (hc_str){ NULL, 0 };
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    write_struct(&b, v, common_metadata);
    hc_buf_putc(&b, '\n');
    return sha256_text(a, hc_buf_str(&b));
}

hc_str hc_config_digest(struct hc_arena *a, const struct hc_val *values)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (hc_map_len(values) > 0)
        (void)hc_yaml_write_bytewise(&b, values);
    return sha256_text(a, hc_buf_str(&b));
}

/* ---- the observation ---- */

static bool is_zero_time(hc_str t)
{
    return t.n == 0 || hc_str_starts(t, HC_S("0001-01-01T00:00:00"));
}

static void put_text(struct hc_buf *b, bool *first, const char *name, hc_str s)
{
    hc_buf_printf(b, "%s\"%s\":", *first ? "" : ",", name);
    *first = false;
    hc_json_write_str(b, s.p ? s : HC_S(""), true);
}

static void put_if(struct hc_buf *b, bool *first, const char *name, hc_str s)
{
    if (s.n)
        put_text(b, first, name, s);
}

static bool is_test(const struct hc_record_hook *h)
{
    for (size_t i = 0; i < hc_list_len(h->events); i++) {
        hc_str e = hc_get_str(hc_list_at(h->events, i));
        if (hc_str_eqz(e, "test") || hc_str_eqz(e, "test-success"))
            return true;
    }
    return false;
}

static void write_hook(struct hc_buf *b, const struct hc_record_hook *h)
{
    bool first = true;
    hc_buf_putc(b, '{');
    put_if(b, &first, "name", h->name);
    put_if(b, &first, "kind", h->kind);
    put_if(b, &first, "path", h->path);
    put_if(b, &first, "manifest", h->manifest);
    if (hc_list_len(h->events)) {
        hc_buf_puts(b, first ? "\"events\":" : ",\"events\":");
        first = false;
        hc_json_write(b, h->events, GO_JSON);
    }
    hc_buf_puts(b, first ? "\"last_run\":{" : ",\"last_run\":{");
    bool inner = true;
    if (!is_zero_time(h->started_at))
        put_text(b, &inner, "started_at", h->started_at);
    if (!is_zero_time(h->completed_at))
        put_text(b, &inner, "completed_at", h->completed_at);
    put_text(b, &inner, "phase", h->phase);
    hc_buf_putc(b, '}');
    if (h->weight)
        hc_buf_printf(b, ",\"weight\":%" PRId64, h->weight);
    if (hc_list_len(h->delete_policies)) {
        hc_buf_puts(b, ",\"delete_policies\":");
        hc_json_write(b, h->delete_policies, GO_JSON);
    }
    if (hc_list_len(h->log_policies)) {
        hc_buf_puts(b, ",\"output_log_policies\":");
        hc_json_write(b, h->log_policies, GO_JSON);
    }
    hc_buf_putc(b, '}');
}

hc_str hc_observation_digest(struct hc_arena *a, const struct hc_record *r, hc_str oci_digest)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    bool first = true;
    hc_buf_putc(&b, '{');
    put_text(&b, &first, "name", r->name);
    hc_buf_printf(&b, ",\"version\":%" PRId64 ",\"info\":{", r->revision);
    first = true;
    if (!is_zero_time(r->first_deployed))
        put_text(&b, &first, "first_deployed", r->first_deployed);
    if (!is_zero_time(r->last_deployed))
        put_text(&b, &first, "last_deployed", r->last_deployed);
    if (!is_zero_time(r->deleted))
        put_text(&b, &first, "deleted", r->deleted);
    put_if(&b, &first, "description", r->description);
    /* An Observation of nothing (Flux's own test vector) has no status at all. */
    if (r->name.n && (r->status != HC_STATUS_UNKNOWN || r->chart))
        put_if(&b, &first, "status", hc_str_of(hc_status_name(r->status)));
    put_if(&b, &first, "notes", r->notes);
    hc_buf_puts(&b, "},\"chartMetadata\":");
    write_struct(&b, hc_map_getz(r->chart, "metadata"), metadata);
    hc_buf_puts(&b, ",\"config\":");
    if (hc_map_len(r->config))
        hc_json_write(&b, r->config, GO_JSON);
    else
        hc_buf_puts(&b, "null");
    first = false;
    put_text(&b, &first, "manifest", r->manifest);
    hc_buf_puts(&b, ",\"hooks\":");
    size_t n = 0;
    for (size_t i = 0; i < r->hooks_n; i++) {
        if (is_test(&r->hooks[i]))
            continue;
        hc_buf_putc(&b, n++ ? ',' : '[');
        write_hook(&b, &r->hooks[i]);
    }
    hc_buf_puts(&b, n ? "]" : "null");
    put_text(&b, &first, "namespace", r->ns);
    put_if(&b, &first, "ociDigest", oci_digest);
    hc_buf_puts(&b, "}\n");
    return sha256_text(a, hc_buf_str(&b));
}

/* ---- snapshots ---- */

/* A record's time (nanoseconds, any zone) as the API writes times: UTC, seconds; null for none. */
static struct hc_val *api_time(struct hc_arena *a, hc_str t)
{
    int64_t ms = is_zero_time(t) ? -1 : hc_time_parse_ms(t);
    return ms < 0 ? hc_null_val(a) : hc_str_val(a, hc_time_rfc3339(a, ms));
}

struct hc_val *hc_snapshot_of(struct hc_arena *a, const struct hc_record *r, const char *action, hc_str oci_digest)
{
    const struct hc_val *meta = hc_map_getz(r->chart, "metadata");
    hc_str app = hc_get_str(hc_map_getz(meta, "appVersion"));
    struct hc_val *s = hc_map_new(a);
    hc_map_put_strz(a, s, "apiVersion", "v2");
    if (action && *action)
        hc_map_put_strz(a, s, "action", action);
    if (app.n)
        hc_map_put_str(a, s, "appVersion", app);
    hc_map_put_str(a, s, "chartName", hc_get_str(hc_map_getz(meta, "name")));
    hc_map_put_str(a, s, "chartVersion", hc_get_str(hc_map_getz(meta, "version")));
    hc_map_put_str(a, s, "configDigest", hc_config_digest(a, r->config));
    if (!is_zero_time(r->deleted))
        hc_map_put(a, s, HC_S("deleted"), api_time(a, r->deleted));
    hc_map_put_str(a, s, "digest", hc_observation_digest(a, r, oci_digest));
    hc_map_put(a, s, HC_S("firstDeployed"), api_time(a, r->first_deployed));
    hc_map_put(a, s, HC_S("lastDeployed"), api_time(a, r->last_deployed));
    hc_map_put_str(a, s, "name", r->name);
    hc_map_put_str(a, s, "namespace", r->ns);
    if (oci_digest.n)
        hc_map_put_str(a, s, "ociDigest", oci_digest);
    hc_map_put_strz(a, s, "status", hc_status_name(r->status));
    hc_map_put_int(a, s, "version", r->revision);
    return s;
}

static bool selected(hc_str name, const struct hc_val *filters)
{
    bool has_include = false, included = false;
    for (size_t i = 0; i < hc_list_len(filters); i++) {
        const struct hc_val *f = hc_list_at(filters, i);
        bool match = hc_str_eq(hc_get_str(hc_map_getz(f, "name")), name);
        if (hc_get_bool_at(f, "exclude", false)) {
            if (match)
                return false;
            continue;
        }
        has_include = true;
        included |= match;
    }
    return !has_include || included;
}

void hc_snapshot_set_tests(struct hc_arena *a, struct hc_val *snapshot, const struct hc_record *r,
                           const struct hc_val *filters)
{
    struct hc_val *tests = hc_map_new(a);
    for (size_t i = 0; i < r->hooks_n; i++) {
        const struct hc_record_hook *h = &r->hooks[i];
        if (!is_test(h) || !selected(h->name, filters))
            continue;
        struct hc_val *t = hc_map_new(a);
        if (!is_zero_time(h->completed_at))
            hc_map_put(a, t, HC_S("lastCompleted"), api_time(a, h->completed_at));
        if (!is_zero_time(h->started_at))
            hc_map_put(a, t, HC_S("lastStarted"), api_time(a, h->started_at));
        if (h->phase.n)
            hc_map_put_str(a, t, "phase", h->phase);
        hc_map_put(a, tests, h->name, t);
    }
    hc_map_put(a, snapshot, HC_S("testHooks"), tests);
}

static int64_t version_of(const struct hc_val *snapshot)
{
    return hc_get_int_at(snapshot, "version", 0);
}

void hc_history_put(struct hc_arena *a, struct hc_val *status, struct hc_val *snapshot)
{
    const struct hc_val *old = hc_map_getz(status, "history");
    struct hc_val *list = hc_list_new(a);
    bool placed = false;
    for (size_t i = 0; i < hc_list_len(old); i++) {
        struct hc_val *s = hc_list_at(old, i);
        if (version_of(s) == version_of(snapshot)) {
            static const char *const kept[] = { "testHooks", "action", "ociDigest" };
            for (size_t k = 0; k < HC_LEN(kept); k++)
                if (!hc_map_getz(snapshot, kept[k]) && hc_map_getz(s, kept[k]))
                    hc_map_put(a, snapshot, hc_str_of(kept[k]), hc_map_getz(s, kept[k]));
            s = snapshot;
            placed = true;
        } else if (!placed && version_of(s) < version_of(snapshot)) {
            bool later = false; /* it may still stand further back */
            for (size_t j = i; j < hc_list_len(old); j++)
                later |= version_of(hc_list_at(old, j)) == version_of(snapshot);
            if (!later) {
                hc_list_add(a, list, snapshot);
                placed = true;
            }
        }
        hc_list_add(a, list, s);
    }
    if (!placed)
        hc_list_add(a, list, snapshot);
    hc_map_put(a, status, HC_S("history"), list);
}

struct hc_val *hc_history_latest(const struct hc_val *status)
{
    return hc_list_at(hc_map_getz(status, "history"), 0);
}

static bool is_good(const struct hc_val *s, bool ignore_tests)
{
    hc_str st = hc_get_str(hc_map_getz(s, "status"));
    if (!hc_str_eqz(st, "deployed") && !hc_str_eqz(st, "superseded"))
        return false;
    const struct hc_val *tests = hc_map_getz(s, "testHooks");
    for (size_t i = 0; !ignore_tests && i < hc_map_len(tests); i++)
        if (hc_str_eqz(hc_get_str(hc_map_getz(hc_map_at(tests, i)->val, "phase")), "Failed"))
            return false;
    return true;
}

struct hc_val *hc_history_previous(const struct hc_val *status, bool ignore_tests)
{
    const struct hc_val *list = hc_map_getz(status, "history");
    for (size_t i = 1; i < hc_list_len(list); i++)
        if (is_good(hc_list_at(list, i), ignore_tests))
            return hc_list_at(list, i);
    return NULL;
}

static void keep_first(struct hc_arena *a, struct hc_val *status, size_t keep)
{
    const struct hc_val *old = hc_map_getz(status, "history");
    if (keep >= hc_list_len(old))
        return;
    struct hc_val *list = hc_list_new(a);
    for (size_t i = 0; i < keep; i++)
        hc_list_add(a, list, hc_list_at(old, i));
    hc_map_put(a, status, HC_S("history"), list);
}

void hc_history_truncate(struct hc_arena *a, struct hc_val *status, bool ignore_tests)
{
    const struct hc_val *old = hc_map_getz(status, "history");
    size_t keep = HC_MIN(hc_list_len(old), (size_t)MAX_HISTORY);
    for (size_t i = 1; i < hc_list_len(old); i++)
        if (is_good(hc_list_at(old, i), ignore_tests)) {
            keep = i + 1;
            break;
        }
    keep_first(a, status, keep);
}

void hc_history_newest(struct hc_arena *a, struct hc_val *status)
{
    keep_first(a, status, MAX_HISTORY);
}

bool hc_snapshot_tested(const struct hc_val *snapshot)
{
    const struct hc_val *tests = hc_map_getz(snapshot, "testHooks");
    if (!hc_is_map(tests))
        return false;
    bool all = true;
    for (size_t i = 0; i < hc_map_len(tests); i++) {
        hc_str phase = hc_get_str(hc_map_getz(hc_map_at(tests, i)->val, "phase"));
        if (hc_str_eqz(phase, "Failed"))
            return true;
        all &= hc_str_eqz(phase, "Succeeded");
    }
    return all;
}

hc_str hc_snapshot_release(struct hc_arena *a, const struct hc_val *s)
{
    return hc_arena_printf(a, "%.*s/%.*s.v%" PRId64, HC_P(hc_get_str(hc_map_getz(s, "namespace"))),
                           HC_P(hc_get_str(hc_map_getz(s, "name"))), version_of(s));
}

hc_str hc_snapshot_chart(struct hc_arena *a, const struct hc_val *s)
{
    return hc_arena_printf(a, "%.*s@%.*s", HC_P(hc_get_str(hc_map_getz(s, "chartName"))),
                           HC_P(hc_get_str(hc_map_getz(s, "chartVersion"))));
}

hc_str hc_short_release_name(struct hc_arena *a, hc_str name)
{
    if (name.n <= 53)
        return name;
    char hex[HC_SHA256_HEX + 1];
    hc_sha256_of(name, hex);
    return hc_arena_printf(a, "%.*s-%.12s", 40, name.p, hex);
}

/* ---- Ready ---- */

void hc_release_summarize(struct hc_conditions *c, const struct hc_val *spec)
{
    bool enabled = hc_get_bool_at(spec, "test.enable", false);
    bool tests = enabled && !hc_get_bool_at(spec, "test.ignoreFailures", false);
    if (!enabled)
        hc_cond_del(c, "TestSuccess");
    /* The condition of the highest generation counts; among equals Remediated before TestSuccess before Released. */
    const char *order[] = { "Remediated", "TestSuccess", "Released" };
    const struct hc_val *best = NULL;
    for (size_t i = 0; i < HC_LEN(order); i++) {
        const struct hc_val *x = i == 1 && !tests ? NULL : hc_cond_get(c->status, order[i]);
        if (x &&
            (!best || hc_get_int_at(x, "observedGeneration", 0) > hc_get_int_at(best, "observedGeneration", 0)))
            best = x;
    }
    if (best) {
        hc_str st = hc_get_str(hc_map_getz(best, "status"));
        enum hc_truth truth = hc_str_eqz(st, "True") ? HC_TRUE : hc_str_eqz(st, "False") ? HC_FALSE : HC_UNKNOWN;
        if (hc_str_eqz(hc_get_str(hc_map_getz(best, "type")), "Remediated"))
            truth = HC_FALSE; /* a remediated release is a failed one */
        if (truth == HC_TRUE)
            hc_cond_del(c, "Stalled");
        hc_str reason = hc_get_str(hc_map_getz(best, "reason"));
        char z[128];
        size_t n = HC_MIN(reason.n, sizeof(z) - 1);
        memcpy(z, reason.p ? reason.p : "", n);
        z[n] = 0;
        hc_cond_set(c, "Ready", truth, z, hc_get_str(hc_map_getz(best, "message")));
    }
    hc_str post = hc_post_renderers_digest(c->a, hc_map_getz(spec, "postRenderers"));
    hc_str common = hc_common_metadata_digest(c->a, hc_map_getz(spec, "commonMetadata"));
    if (post.n)
        hc_map_put_str(c->a, c->status, "observedPostRenderersDigest", post);
    else
        hc_map_del(c->status, HC_S("observedPostRenderersDigest"));
    if (common.n)
        hc_map_put_str(c->a, c->status, "observedCommonMetadataDigest", common);
    else
        hc_map_del(c->status, HC_S("observedCommonMetadataDigest"));
}
