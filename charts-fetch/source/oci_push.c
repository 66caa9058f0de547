/*
 * Charts into registries, as Helm 4 pushes them (pkg/registry Push): the chart's archive and its provenance file as
 * layers in the order of their digests, Chart.yaml as JSON for a config, and a manifest with annotations made of it. What
 * the registry has already is not sent again.
 *
 * A blob is one PUT, or, when it is large, a PATCH for each piece: nothing of its size is copied.
 */
#include <time.h>

#include "charts-fetch/source/local.h"
#include "charts-fetch/source/oci_impl.h"
#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/limits.h"
#include "core/value/json.h"

#define WHOLE_BYTES ((size_t)16 * 1024 * 1024) /* up to here a blob is one request */
#define PIECE_BYTES ((size_t)8 * 1024 * 1024)
#define TRIES       4

/* ---- blobs and manifests ------------------------------------------------------------------------- */

/* Writes name their content by its digest: they may be sent again. HC_E_AGAIN is waited for and tried again. */
static enum hc_rc persist(struct hc_oci *o, const struct oci_request *q, struct hc_http_response *out,
                          struct hc_err *err)
{
    int64_t pause = 250;
    for (int left = TRIES;; pause *= 2) {
        struct hc_err own = HC_ERR_INIT;
        enum hc_rc rc = oci_do(o, q, out, &own);
        int64_t wait = HC_MAX(own.retry_after_ms, pause);
        if (rc == HC_OK)
            return HC_OK;
        if (rc != HC_E_AGAIN || !own.http_status || --left == 0 || hc_mono_ms() + wait >= o->deadline_ms)
            return hc_err_copy(err, &own);
        const struct timespec t = { wait / 1000, (wait % 1000) * 1000000 };
        nanosleep(&t, NULL);
    }
}

/* Where an upload goes on: the Location of the last answer, a path or a whole URL. */
static enum hc_rc location_of(struct hc_oci *o, const struct hc_http_response *r, const char *what, hc_str *out,
                              struct hc_err *err)
{
    hc_str at = hc_http_header(r, "location");
    bool whole = hc_str_starts(at, HC_S("https://")) ||
                 (hc_str_starts(at, HC_S("http://")) && strcmp(o->scheme, "http") == 0);
    bool good = whole || (hc_str_starts(at, HC_S("/")) && !hc_str_starts(at, HC_S("//")));
    for (size_t i = 0; i < at.n && good; i++)
        good = (unsigned char)at.p[i] > ' ';
    if (!good)
        return hc_fail(err, HC_E_INPUT, "oci://%.*s/%.*s: %s: the registry does not say where to send it",
                       HC_P(o->host), HC_P(o->repo), what);
    *out = hc_arena_str(o->a, at);
    return hc_arena_check(o->a, err, "upload");
}

static hc_str with_digest(struct hc_oci *o, hc_str at, hc_str digest)
{
    return hc_arena_printf(o->a, "%.*s%cdigest=sha256%%3A%.*s", HC_P(at),
                           hc_str_find(at, '?') == SIZE_MAX ? '?' : '&', HC_P(hc_str_sub(digest, 7, digest.n)));
}

static enum hc_rc upload(struct hc_oci *o, hc_str digest, hc_str body, const char *what, struct hc_err *err)
{
    struct hc_http_response r;
    hc_str at;
    const struct oci_request begin = { .method = "POST",
                                       .path = hc_arena_printf(o->a, "/v2/%.*s/blobs/uploads/", HC_P(o->repo)),
                                       .what = what };
    enum hc_rc rc = persist(o, &begin, &r, err);
    if (rc == HC_OK)
        rc = location_of(o, &r, what, &at, err);
    for (size_t from = 0; rc == HC_OK && body.n > WHOLE_BYTES && from < body.n; from += PIECE_BYTES) {
        hc_str piece = hc_str_sub(body, from, from + PIECE_BYTES);
        const struct oci_request q = {
            .method = "PATCH",
            .path = at,
            .what = what,
            .type = "application/octet-stream",
            .content_range = hc_arena_printf(o->a, "%zu-%zu", from, from + piece.n - 1),
            .body = piece,
        };
        rc = persist(o, &q, &r, err);
        if (rc == HC_OK)
            rc = location_of(o, &r, what, &at, err);
    }
    if (rc != HC_OK)
        return rc;
    const struct oci_request end = { .method = "PUT",
                                     .path = with_digest(o, at, digest),
                                     .what = what,
                                     .type = "application/octet-stream",
                                     .body = body.n > WHOLE_BYTES ? (hc_str){ NULL, 0 } : body };
    return hc_arena_spent(o->a) ? hc_fail_nomem(err) : persist(o, &end, &r, err);
}

enum hc_rc hc_oci_push_blob(struct hc_oci *o, hc_str body, hc_str *out_digest, struct hc_err *err)
{
    char hex[HC_SHA256_HEX + 1];
    struct hc_http_response r;
    struct hc_err own = HC_ERR_INIT;
    hc_sha256_of(body, hex);
    hc_str digest = hc_arena_printf(o->a, "sha256:%s", hex);
    const char *what = hc_arena_printf(o->a, "blob sha256:%s", hex).p;
    const struct oci_request q = { .method = "HEAD",
                                   .path = hc_arena_printf(o->a, "/v2/%.*s/blobs/%.*s", HC_P(o->repo),
                                                           HC_P(digest)),
                                   .what = what };
    if (hc_arena_spent(o->a))
        return hc_fail_nomem(err);
    o->pushes = true;
    enum hc_rc rc = oci_do(o, &q, &r, &own);
    if (rc == HC_E_NOTFOUND)
        rc = upload(o, digest, body, what, &own);
    if (rc != HC_OK)
        return hc_err_copy(err, &own);
    *out_digest = digest;
    return HC_OK;
}

enum hc_rc hc_oci_push_manifest(struct hc_oci *o, hc_str reference, const char *media_type, hc_str body,
                                hc_str *out_digest, struct hc_err *err)
{
    char hex[HC_SHA256_HEX + 1];
    struct hc_http_response r;
    hc_sha256_of(body, hex);
    hc_str digest = hc_arena_printf(o->a, "sha256:%s", hex);
    hc_str name = reference.n ? reference : digest;
    const char *what = hc_arena_printf(o->a, "manifest '%.*s'", HC_P(name)).p;
    if (!oci_good_tag(name) && !hc_oci_is_digest(name))
        return hc_fail(err, HC_E_INPUT, "'%.*s' is no tag", HC_P(hc_str_sub(name, 0, 200)));
    const struct oci_request q = {
        .method = "PUT",
        .path = hc_arena_printf(o->a, "/v2/%.*s/manifests/%.*s", HC_P(o->repo), HC_P(name)),
        .what = what,
        .type = media_type,
        .body = body,
    };
    o->pushes = true;
    enum hc_rc rc = hc_arena_spent(o->a) ? hc_fail_nomem(err) : persist(o, &q, &r, err);
    if (rc == HC_OK)
        *out_digest = digest;
    return rc;
}

/* ---- charts -------------------------------------------------------------------------------------- */

struct layer {
    const char *type;
    hc_str digest;
    size_t size;
};

static void put_json(struct hc_buf *b, struct hc_arena *a, hc_str s)
{
    hc_json_write(b, hc_str_val_ref(a, s), HC_JSON_HTML);
}

static void put_descriptor(struct hc_buf *b, const struct layer *l)
{
    hc_buf_printf(b, "{\"mediaType\":\"%s\",\"digest\":\"%.*s\",\"size\":%zu}", l->type, HC_P(l->digest), l->size);
}

static void note(struct hc_arena *a, struct hc_val *notes, const char *key, hc_str text)
{
    if (hc_str_trim(text).n)
        hc_map_put_str(a, notes, key, text);
}

/* "Ann (ann@example.com), Bob": a comma for each but the last, whoever has a name or not. */
static hc_str authors(struct hc_arena *a, const struct hc_val *maintainers)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MIB);
    for (size_t i = 0; i < hc_list_len(maintainers); i++) {
        const struct hc_val *m = hc_list_at(maintainers, i);
        hc_str name = hc_get_str(hc_map_getz(m, "name")), email = hc_get_str(hc_map_getz(m, "email"));
        hc_buf_put(&b, name);
        if (email.n)
            hc_buf_printf(&b, " (%.*s)", HC_P(email));
        if (i + 1 < hc_list_len(maintainers))
            hc_buf_puts(&b, ", ");
    }
    return hc_buf_to_arena(&b, a);
}

/* pkg/registry/chart.go: of the chart's own annotations none replaces its name and version. */
static struct hc_val *annotations_of(struct hc_arena *a, const struct hc_val *meta, hc_str created)
{
    struct hc_val *notes = hc_map_new(a);
    const struct hc_val *own = hc_map_getz(meta, "annotations");
    note(a, notes, "org.opencontainers.image.description", hc_get_str(hc_map_getz(meta, "description")));
    note(a, notes, "org.opencontainers.image.title", hc_get_str(hc_map_getz(meta, "name")));
    note(a, notes, "org.opencontainers.image.version", hc_get_str(hc_map_getz(meta, "version")));
    note(a, notes, "org.opencontainers.image.url", hc_get_str(hc_map_getz(meta, "home")));
    note(a, notes, "org.opencontainers.image.created", created);
    note(a, notes, "org.opencontainers.image.source", hc_get_str(hc_list_at(hc_map_getz(meta, "sources"), 0)));
    note(a, notes, "org.opencontainers.image.authors", authors(a, hc_map_getz(meta, "maintainers")));
    for (size_t i = 0; i < hc_map_len(own); i++) {
        hc_str key = hc_map_at(own, i)->key;
        if (!hc_str_eqz(key, "org.opencontainers.image.version") &&
            !hc_str_eqz(key, "org.opencontainers.image.title"))
            hc_map_put(a, notes, key, hc_map_at(own, i)->val);
    }
    return notes;
}

/* Chart.yaml as Go prints the struct it was read into: fields in their order, maps sorted. */
static hc_str config_of(struct hc_arena *a, const struct hc_val *meta)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 16 * HC_MIB);
    hc_buf_putc(&b, '{');
    for (size_t i = 0; i < hc_map_len(meta); i++) {
        const struct hc_entry *e = hc_map_at(meta, i);
        if (i)
            hc_buf_putc(&b, ',');
        put_json(&b, a, e->key);
        hc_buf_putc(&b, ':');
        hc_json_write(&b, e->val, HC_JSON_HTML | (hc_str_eqz(e->key, "annotations") ? HC_JSON_SORT : 0));
    }
    hc_buf_putc(&b, '}');
    return hc_buf_to_arena(&b, a);
}

static hc_str manifest_of(struct hc_arena *a, const struct layer *config, const struct layer *layers, size_t n,
                          const struct hc_val *notes)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 16 * HC_MIB);
    hc_buf_puts(&b, "{\"schemaVersion\":2,\"config\":");
    put_descriptor(&b, config);
    hc_buf_puts(&b, ",\"layers\":[");
    for (size_t i = 0; i < n; i++) {
        if (i)
            hc_buf_putc(&b, ',');
        put_descriptor(&b, &layers[i]);
    }
    hc_buf_puts(&b, "],\"annotations\":");
    hc_json_write(&b, notes, HC_JSON_HTML | HC_JSON_SORT);
    hc_buf_putc(&b, '}');
    return hc_buf_to_arena(&b, a);
}

enum hc_rc hc_oci_push_chart(const struct hc_source_env *env, struct hc_arena *a, const char *url,
                             const struct hc_source_auth *auth, const struct hc_oci_chart *chart,
                             struct hc_oci_pushed *out, struct hc_err *err)
{
    HC_AUTO(hc_oci) struct hc_oci *o = NULL;
    const struct hc_val *meta = chart->metadata;
    hc_str base = hc_str_of(url);
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    char *tag = hc_arena_strz(a, hc_get_str(hc_map_getz(meta, "version")));
    for (char *p = tag; p && *p; p++)
        if (*p == '+')
            *p = '_';
    const char *full = hc_arena_printf(a, "%.*s/%.*s", HC_P(base), HC_P(hc_get_str(hc_map_getz(meta, "name")))).p;
    struct layer config = { .type = HC_OCI_TYPE_CONFIG }, layers[2] = { { .type = HC_OCI_TYPE_CHART } };
    hc_str text = config_of(a, meta);
    size_t n = 1;
    if (hc_arena_spent(a))
        return hc_fail_nomem(err);
    enum hc_rc rc = hc_oci_open(env, a, full, auth, &o, err);
    if (rc != HC_OK)
        return rc;
    if (!oci_good_tag(hc_str_of(tag)))
        return hc_fail(err, HC_E_INPUT, "invalid reference: invalid tag \"%s\": the chart's version cannot be one",
                       tag);
    rc = hc_oci_push_blob(o, chart->archive, &layers[0].digest, err);
    layers[0].size = chart->archive.n;
    if (rc == HC_OK && chart->provenance.p) {
        struct layer prov = { .type = HC_OCI_TYPE_PROVENANCE, .size = chart->provenance.n };
        rc = hc_oci_push_blob(o, chart->provenance, &prov.digest, err);
        bool first = rc == HC_OK && hc_str_cmp(prov.digest, layers[0].digest) < 0;
        layers[first ? 1 : 0] = layers[0];
        layers[first ? 0 : 1] = prov;
        n = 2;
    }
    if (rc == HC_OK)
        rc = hc_oci_push_blob(o, text, &config.digest, err);
    config.size = text.n;
    if (rc != HC_OK)
        return rc;
    hc_str manifest = manifest_of(a, &config, layers, n, annotations_of(a, meta, chart->created));
    if (hc_arena_spent(a))
        return hc_fail_nomem(err);
    rc = hc_oci_push_manifest(o, hc_str_of(tag), HC_OCI_TYPE_MANIFEST, manifest, &out->digest, err);
    out->reference = hc_arena_printf(a, "%s:%s", full + 6, tag);
    return rc == HC_OK ? hc_arena_check(a, err, "push") : rc;
}

enum hc_rc hc_oci_ping(const struct hc_source_env *env, struct hc_arena *a, hc_str host,
                       const struct hc_source_auth *auth, struct hc_err *err)
{
    HC_AUTO(hc_oci) struct hc_oci *o = NULL;
    struct hc_http_response r;
    const struct oci_request q = { .path = HC_S("/v2/"), .what = "login", .max_bytes = HC_MIB };
    enum hc_rc rc = oci_open_host(env, a, host, auth, &o, err);
    if (rc != HC_OK)
        return rc;
    o->oauth_first = true;
    return oci_do(o, &q, &r, err);
}
