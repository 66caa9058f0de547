/*
 * Manifests, what refers to them, and blobs, each checked against its digest before it is handed out.
 */
#include "charts-fetch/source/oci_impl.h"
#include "core/base/digest.h"
#include "core/value/json.h"

#define MAX_MANIFEST_BYTES ((size_t)4 * 1024 * 1024) /* distribution spec: what registries must take */
#define MAX_REFERRERS      10000u
#define MAX_PAGES          1000

#define TYPE_LIST   "application/vnd.docker.distribution.manifest.list.v2+json"
#define TYPE_DOCKER "application/vnd.docker.distribution.manifest.v2+json"
static const char accept_manifests[] = HC_OCI_TYPE_MANIFEST ", " HC_OCI_TYPE_INDEX ", " TYPE_DOCKER ", " TYPE_LIST;

bool hc_oci_is_digest(hc_str d)
{
    if (d.n != 7 + HC_SHA256_HEX || !hc_str_starts(d, HC_S("sha256:")))
        return false;
    for (size_t i = 7; i < d.n; i++)
        if (!((d.p[i] >= '0' && d.p[i] <= '9') || (d.p[i] >= 'a' && d.p[i] <= 'f')))
            return false;
    return true;
}

enum hc_rc oci_bad_content(struct hc_oci *o, hc_str digest, const char *hex, const char *what, struct hc_err *err)
{
    return hc_fail(err, HC_E_AGAIN, "oci://%.*s/%.*s: %s: the content has the digest sha256:%s instead of %.*s",
                   HC_P(o->host), HC_P(o->repo), what, hex, HC_P(digest));
}

enum hc_rc oci_check(struct hc_oci *o, hc_str body, hc_str digest, const char *what, struct hc_err *err)
{
    char hex[HC_SHA256_HEX + 1];
    hc_sha256_of(body, hex);
    if (hc_str_eqz(hc_str_sub(digest, 7, digest.n), hex))
        return HC_OK;
    return oci_bad_content(o, digest, hex, what, err);
}

enum hc_rc oci_want_digest(const struct hc_oci *o, hc_str digest, struct hc_err *err)
{
    if (hc_oci_is_digest(digest))
        return HC_OK;
    return hc_fail(err, HC_E_INPUT,
                   "oci://%.*s/%.*s: '%.*s' is no digest: it must be sha256: and 64 hexadecimal digits",
                   HC_P(o->host), HC_P(o->repo), HC_P(hc_str_sub(digest, 0, 200)));
}

/* ---- manifests ----------------------------------------------------------------------------------- */

static hc_str manifest_path(struct hc_oci *o, hc_str reference)
{
    return hc_arena_printf(o->a, "/v2/%.*s/manifests/%.*s", HC_P(o->repo), HC_P(reference));
}

static const char *what_of(struct hc_oci *o, hc_str reference)
{
    const char *what = hc_arena_printf(o->a, "manifest '%.*s'", HC_P(reference)).p;
    return what ? what : "manifest";
}

static enum hc_rc want_reference(const struct hc_oci *o, hc_str reference, struct hc_err *err)
{
    if (hc_oci_is_digest(reference) || oci_good_tag(reference))
        return HC_OK;
    if (hc_str_find(reference, ':') != SIZE_MAX)
        return oci_want_digest(o, reference, err);
    return hc_fail(err, HC_E_INPUT, "oci://%.*s/%.*s: '%.*s' is no tag", HC_P(o->host), HC_P(o->repo),
                   HC_P(hc_str_sub(reference, 0, 200)));
}

enum hc_rc hc_oci_resolve(struct hc_oci *o, hc_str tag, hc_str *out_digest, struct hc_err *err)
{
    struct hc_http_response r;
    enum hc_rc rc = want_reference(o, tag, err);
    if (rc != HC_OK)
        return rc;
    const struct oci_request q = {
        .method = "HEAD", .path = manifest_path(o, tag), .accept = accept_manifests, .what = what_of(o, tag)
    };
    rc = oci_do(o, &q, &r, err);
    if (rc == HC_OK) {
        hc_str digest = hc_http_header(&r, "docker-content-digest");
        if (hc_oci_is_digest(digest)) {
            *out_digest = digest;
            return HC_OK;
        }
    } else if (!err || (err->http_status != 405 && err->http_status != 400)) {
        return rc;
    }
    hc_err_clear(err); /* some registries know no HEAD, or do not say the digest */
    struct hc_oci_manifest m;
    rc = hc_oci_manifest(o, tag, &m, err);
    if (rc == HC_OK)
        *out_digest = m.digest;
    return rc;
}

enum hc_rc hc_oci_manifest(struct hc_oci *o, hc_str reference, struct hc_oci_manifest *out, struct hc_err *err)
{
    struct hc_http_response r;
    enum hc_rc rc = want_reference(o, reference, err);
    if (rc != HC_OK)
        return rc;
    const struct oci_request q = { .path = manifest_path(o, reference),
                                   .accept = accept_manifests,
                                   .max_bytes = MAX_MANIFEST_BYTES,
                                   .what = what_of(o, reference) };
    if ((rc = oci_do(o, &q, &r, err)) != HC_OK)
        return rc;
    if (hc_oci_is_digest(reference) && (rc = oci_check(o, r.body, reference, q.what, err)) != HC_OK)
        return rc;
    char hex[HC_SHA256_HEX + 1];
    hc_sha256_of(r.body, hex);
    struct hc_oci_manifest m = { .digest = hc_arena_printf(o->a, "sha256:%s", hex), .body = r.body };
    if (hc_json_parse(o->a, r.body, HC_JSON_NO_POSITIONS, &m.doc, err) != HC_OK || !hc_is_map(m.doc)) {
        hc_fail(err, HC_E_INPUT, "the registry sends no JSON map");
        return hc_wrap(err, "oci://%.*s/%.*s: %s", HC_P(o->host), HC_P(o->repo), q.what);
    }
    m.media_type = hc_get_str(hc_map_getz(m.doc, "mediaType"));
    if (!m.media_type.n) {
        hc_str type = hc_http_header(&r, "content-type");
        m.media_type = hc_str_trim(hc_str_sub(type, 0, hc_str_find(type, ';')));
    }
    *out = m;
    return hc_arena_check(o->a, err, "manifest");
}

hc_str oci_platform_of(const struct hc_val *doc)
{
    const struct hc_val *list = hc_map_getz(doc, "manifests"), *pick = NULL;
    for (size_t i = 0; i < hc_list_len(list) && !pick; i++) {
        const struct hc_val *d = hc_list_at(list, i);
        if (hc_str_eqz(hc_get_str_at(d, "platform.os"), "linux") &&
            hc_str_eqz(hc_get_str_at(d, "platform.architecture"), "amd64"))
            pick = d;
    }
    hc_str digest = hc_get_str(hc_map_getz(pick ? pick : hc_list_at(list, 0), "digest"));
    return hc_oci_is_digest(digest) ? digest : (hc_str){ NULL, 0 };
}

enum hc_rc hc_oci_platform(struct hc_oci *o, struct hc_oci_manifest *m, struct hc_err *err)
{
    if (!hc_is_list(hc_map_getz(m->doc, "manifests")) || hc_map_getz(m->doc, "layers"))
        return HC_OK;
    hc_str digest = oci_platform_of(m->doc);
    if (!digest.n)
        return hc_fail(err, HC_E_INPUT, "oci://%.*s/%.*s: the index names no manifest with a sha256 digest",
                       HC_P(o->host), HC_P(o->repo));
    return hc_oci_manifest(o, digest, m, err);
}

/* ---- referrers ----------------------------------------------------------------------------------- */

enum hc_rc oci_add_referrers(struct hc_oci *o, const struct hc_val *index, hc_str artifact_type,
                             struct oci_found *to, struct hc_err *err)
{
    const struct hc_val *list = hc_map_getz(index, "manifests");
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *d = hc_list_at(list, i);
        int64_t size = hc_get_int_at(d, "size", 0);
        struct hc_oci_descriptor got = { .media_type = hc_get_str(hc_map_getz(d, "mediaType")),
                                         .digest = hc_get_str(hc_map_getz(d, "digest")),
                                         .artifact_type = hc_get_str(hc_map_getz(d, "artifactType")),
                                         .size = size > 0 ? (uint64_t)size : 0,
                                         .annotations = hc_map_getz(d, "annotations") };
        if (!hc_oci_is_digest(got.digest) || (artifact_type.n && !hc_str_eq(artifact_type, got.artifact_type)))
            continue;
        if (to->n == MAX_REFERRERS)
            return hc_fail(err, HC_E_LIMIT, "oci://%.*s/%.*s: more than %u manifests refer to one", HC_P(o->host),
                           HC_P(o->repo), MAX_REFERRERS);
        if (to->n == to->cap) {
            size_t cap = to->cap ? to->cap * 2 : 16;
            struct hc_oci_descriptor *more = HC_NEW_N(o->a, struct hc_oci_descriptor, cap);
            if (!more)
                return hc_fail_nomem(err);
            if (to->n)
                memcpy(more, to->items, to->n * sizeof(*more));
            to->items = more;
            to->cap = cap;
        }
        if (!hc_is_map(got.annotations))
            got.annotations = NULL;
        to->items[to->n++] = got;
    }
    return HC_OK;
}

/* HC_E_NOTFOUND: the registry does not know this API. */
static enum hc_rc by_api(struct hc_oci *o, hc_str digest, hc_str artifact_type, struct oci_found *to,
                         struct hc_err *err)
{
    hc_str path = hc_arena_printf(o->a, "/v2/%.*s/referrers/%.*s", HC_P(o->repo), HC_P(digest));
    for (int page = 0; path.n; page++) {
        struct hc_http_response r;
        struct hc_val *index = NULL;
        const struct oci_request q = {
            .path = path, .accept = HC_OCI_TYPE_INDEX, .max_bytes = MAX_MANIFEST_BYTES, .what = "referrers"
        };
        enum hc_rc rc = oci_do(o, &q, &r, err);
        if (rc != HC_OK)
            return rc;
        if (hc_json_parse(o->a, r.body, HC_JSON_NO_POSITIONS, &index, err) != HC_OK)
            return hc_wrap(err, "oci://%.*s/%.*s: referrers", HC_P(o->host), HC_P(o->repo));
        if ((rc = oci_add_referrers(o, index, artifact_type, to, err)) != HC_OK)
            return rc;
        hc_str next = oci_next_page(o->a, &r, path);
        if (hc_str_eq(next, path) || page > MAX_PAGES)
            return hc_fail(err, HC_E_INPUT, "oci://%.*s/%.*s: referrers: the registry's pages have no end",
                           HC_P(o->host), HC_P(o->repo));
        path = next;
    }
    return HC_OK;
}

enum hc_rc hc_oci_referrers(struct hc_oci *o, hc_str digest, hc_str artifact_type, struct hc_oci_descriptor **out,
                            size_t *out_n, struct hc_err *err)
{
    struct oci_found found = { 0 };
    enum hc_rc rc = oci_want_digest(o, digest, err);
    if (rc != HC_OK)
        return rc;
    rc = o->no_referrers ? HC_E_NOTFOUND : by_api(o, digest, artifact_type, &found, err);
    if (rc == HC_E_NOTFOUND) { /* distribution spec: "Unavailable Referrers API" */
        struct hc_oci_manifest m;
        o->no_referrers = true;
        hc_err_clear(err);
        rc = hc_oci_manifest(o, hc_arena_printf(o->a, "sha256-%.*s", HC_P(hc_str_sub(digest, 7, digest.n))), &m,
                             err);
        if (rc == HC_OK)
            rc = oci_add_referrers(o, m.doc, artifact_type, &found, err);
        else if (rc == HC_E_NOTFOUND)
            rc = HC_OK;
        if (rc == HC_OK)
            hc_err_clear(err);
    }
    if (rc != HC_OK)
        return rc;
    *out = found.items;
    *out_n = found.n;
    return hc_arena_check(o->a, err, "referrers");
}
