/*
 * Artifacts and charts out of registries (OCI distribution spec 1.1): a reference becomes a manifest, the manifest
 * one layer, the layer a file in the store. The manifest's digest is asked for first (HEAD), so that nothing new
 * costs one small request; a layer the store has already is not fetched again. Every byte is checked against its
 * digest before it is used.
 */
#include <regex.h>
#include <stdlib.h>

#include "charts-fetch/source/oci_impl.h"
#include "charts-fetch/unpack/unpack.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/base/semver.h"
#include "core/value/json.h"

#define MAX_MANIFEST_BYTES ((size_t)4 * 1024 * 1024) /* distribution spec: what registries must take */
#define MAX_TAGS_BYTES     ((size_t)16 * 1024 * 1024)
#define MAX_TAGS           200000u
#define MAX_TAG_PAGES      2000

#define TYPE_INDEX     "application/vnd.oci.image.index.v1+json"
#define TYPE_MANIFEST  "application/vnd.oci.image.manifest.v1+json"
#define TYPE_LIST      "application/vnd.docker.distribution.manifest.list.v2+json"
#define TYPE_DOCKER    "application/vnd.docker.distribution.manifest.v2+json"
#define TYPE_CHART     "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
#define TYPE_CHART_OLD "application/tar+gzip" /* Helm before 3.7 */
static const char accept_manifests[] = TYPE_MANIFEST ", " TYPE_INDEX ", " TYPE_DOCKER ", " TYPE_LIST;

static bool good_digest(hc_str d)
{
    if (d.n != 7 + HC_SHA256_HEX || !hc_str_starts(d, HC_S("sha256:")))
        return false;
    for (size_t i = 7; i < d.n; i++)
        if (!((d.p[i] >= '0' && d.p[i] <= '9') || (d.p[i] >= 'a' && d.p[i] <= 'f')))
            return false;
    return true;
}

/* [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127} */
static bool good_tag(hc_str t)
{
    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        bool w = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (!w && !(i > 0 && (c == '.' || c == '-')))
            return false;
    }
    return t.n > 0 && t.n <= 128;
}

static enum hc_rc check_digest(struct oci *o, hc_str body, hc_str digest, const char *what, struct hc_err *err)
{
    char hex[HC_SHA256_HEX + 1];
    hc_sha256_of(body, hex);
    if (hc_str_eqz(hc_str_sub(digest, 7, digest.n), hex))
        return HC_OK;
    return hc_fail(err, HC_E_AGAIN, "oci://%.*s/%.*s: %s: the content has the digest sha256:%s instead of %.*s",
                   HC_P(o->host), HC_P(o->repo), what, hex, HC_P(digest));
}

/* ---- tags ---------------------------------------------------------------------------------------- */

struct tags {
    hc_str *items;
    size_t n, cap;
};

static bool add_tag(struct hc_arena *a, struct tags *t, hc_str tag)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 128;
        hc_str *more = HC_NEW_N(a, hc_str, cap);
        if (!more)
            return false;
        if (t->n)
            memcpy(more, t->items, t->n * sizeof(*more));
        t->items = more;
        t->cap = cap;
    }
    t->items[t->n++] = tag;
    return true;
}

/* The path of `<...>; rel="next"`; the host in it, if any, is not asked: pages are of this registry. */
static hc_str next_page(struct hc_arena *a, hc_str link, hc_str path)
{
    size_t from = hc_str_find(link, '<'), to = hc_str_find(link, '>');
    if (from == SIZE_MAX || to == SIZE_MAX || to < from || hc_str_find_str(link, HC_S("next")) == SIZE_MAX)
        return (hc_str){ NULL, 0 };
    hc_str url = hc_str_sub(link, from + 1, to);
    size_t scheme = hc_str_find_str(url, HC_S("://"));
    if (scheme != SIZE_MAX) {
        hc_str rest = hc_str_sub(url, scheme + 3, url.n);
        url = hc_str_sub(rest, HC_MIN(hc_str_find(rest, '/'), rest.n), rest.n);
    }
    if (hc_str_starts(url, HC_S("?"))) /* relative to the list itself */
        return hc_arena_printf(a, "%.*s%.*s", HC_P(hc_str_sub(path, 0, hc_str_find(path, '?'))), HC_P(url));
    return hc_str_starts(url, HC_S("/v2/")) ? hc_arena_str(a, url) : (hc_str){ NULL, 0 };
}

static enum hc_rc list_tags(struct oci *o, struct tags *out, struct hc_err *err)
{
    hc_str path = hc_arena_printf(o->a, "/v2/%.*s/tags/list?n=1000", HC_P(o->repo));
    for (int page = 0; path.n; page++) {
        struct hc_http_response r;
        struct hc_val *v = NULL;
        const struct oci_request q = { .path = path, .max_bytes = MAX_TAGS_BYTES, .what = "tags" };
        enum hc_rc rc = oci_do(o, &q, &r, err);
        if (rc != HC_OK)
            return rc;
        if (hc_json_parse(o->a, r.body, HC_JSON_NO_POSITIONS, &v, err) != HC_OK)
            return hc_wrap(err, "oci://%.*s/%.*s: tags", HC_P(o->host), HC_P(o->repo));
        const struct hc_val *tags = hc_map_getz(v, "tags");
        for (size_t i = 0; i < hc_list_len(tags); i++) {
            hc_str t = hc_get_str(hc_list_at(tags, i));
            if (good_tag(t) && !add_tag(o->a, out, t))
                return hc_fail_nomem(err);
        }
        if (out->n > MAX_TAGS || page > MAX_TAG_PAGES)
            return hc_fail(err, HC_E_LIMIT, "oci://%.*s/%.*s: has more than %u tags", HC_P(o->host), HC_P(o->repo),
                           MAX_TAGS);
        path = next_page(o->a, hc_http_header(&r, "link"), path);
    }
    return HC_OK;
}

/*
 * spec.ref.semverFilter is a regular expression of Go. The C library's extended syntax is the same in what such
 * filters use, after \d and (?: are rewritten; the rest of Go's own is refused, and so are nested large repeats, which
 * that library would expand in memory.
 */
static enum hc_rc compile_filter(struct hc_arena *a, hc_str filter, regex_t *out, struct hc_err *err)
{
    struct hc_buf b;
    hc_buf_init(&b, 4096);
    size_t braces = 0;
    bool bad = filter.n > 256, in_class = false;
    for (size_t i = 0; i < filter.n && !bad; i++) {
        hc_str rest = hc_str_sub(filter, i, filter.n);
        if (hc_str_starts(rest, HC_S("\\d")) || hc_str_starts(rest, HC_S("\\D"))) {
            bad = in_class && rest.p[1] == 'D';
            hc_buf_puts(&b, in_class ? "0-9" : rest.p[1] == 'd' ? "[0-9]" : "[^0-9]");
            i++;
        } else if (rest.p[0] == '\\' && rest.n > 1) {
            if (in_class) /* a backslash in a bracket is itself there */
                hc_buf_putc(&b, rest.p[1]);
            else
                hc_buf_put(&b, hc_str_sub(rest, 0, 2));
            i++;
        } else if (hc_str_starts(rest, HC_S("(?:"))) {
            hc_buf_putc(&b, '(');
            i += 2;
        } else if (hc_str_starts(rest, HC_S("(?"))) {
            bad = true;
        } else {
            in_class = in_class ? rest.p[0] != ']' : rest.p[0] == '[';
            braces += rest.p[0] == '{';
            hc_buf_putc(&b, rest.p[0]);
        }
    }
    char *text = hc_arena_strz(a, hc_buf_str(&b));
    hc_buf_done(&b);
    if (!text)
        return hc_fail_nomem(err);
    if (bad || braces > 1 || regcomp(out, text, REG_EXTENDED | REG_NOSUB) != 0)
        return hc_fail(err, HC_E_INPUT, "semverFilter '%.*s' is not a regular expression that can be used here",
                       HC_P(hc_str_sub(filter, 0, 256)));
    return HC_OK;
}

/* The tag of the newest version in `range`; `charts`: "_" in a tag is the "+" of the version. */
static enum hc_rc newest(struct oci *o, hc_str range, hc_str filter, bool charts, hc_str *out_tag,
                         struct hc_err *err)
{
    struct hc_semrange *r;
    struct tags tags = { 0 };
    regex_t re;
    enum hc_rc rc = hc_semrange_parse(o->a, range.n ? range : HC_S("*"), &r, err);
    if (rc != HC_OK)
        return hc_wrap(err, "version range '%.*s'", HC_P(range));
    if (filter.n && (rc = compile_filter(o->a, filter, &re, err)) != HC_OK)
        return rc;
    rc = list_tags(o, &tags, err);
    struct hc_semver best = { 0 };
    hc_str best_tag = { NULL, 0 };
    for (size_t i = 0; rc == HC_OK && i < tags.n; i++) {
        hc_str tag = tags.items[i], version = tag;
        struct hc_semver v;
        if (filter.n && regexec(&re, hc_arena_strz(o->a, tag), 0, NULL, 0) != 0)
            continue;
        if (charts && hc_str_find(tag, '_') != SIZE_MAX) {
            char *p = hc_arena_strz(o->a, tag);
            for (size_t j = 0; p && j < tag.n; j++)
                if (p[j] == '_')
                    p[j] = '+';
            version = hc_str_n(p, tag.n);
        }
        if (hc_semver_parse(version, &v, NULL) != HC_OK || !hc_semrange_fits(r, &v))
            continue;
        if (!best_tag.n || hc_semver_cmp(&v, &best) > 0) {
            best = v;
            best_tag = tag;
        }
    }
    if (filter.n)
        regfree(&re);
    if (rc != HC_OK)
        return rc;
    if (!best_tag.n)
        return hc_fail(err, HC_E_NOTFOUND, "oci://%.*s/%.*s: none of %zu tags is a version in the range '%.*s'%s",
                       HC_P(o->host), HC_P(o->repo), tags.n, HC_P(range), filter.n ? " and the filter" : "");
    *out_tag = best_tag;
    return HC_OK;
}

/* ---- manifests ----------------------------------------------------------------------------------- */

static hc_str manifest_path(struct oci *o, hc_str reference)
{
    return hc_arena_printf(o->a, "/v2/%.*s/manifests/%.*s", HC_P(o->repo), HC_P(reference));
}

static hc_str what_of(struct oci *o, hc_str reference)
{
    return hc_arena_printf(o->a, "manifest '%.*s'", HC_P(reference));
}

/* The digest a tag stands for, without the manifest; absent when the registry does not say it. */
static enum hc_rc head(struct oci *o, hc_str tag, hc_str *out, struct hc_err *err)
{
    struct hc_http_response r;
    const struct oci_request q = {
        .method = "HEAD", .path = manifest_path(o, tag), .accept = accept_manifests, .what = what_of(o, tag).p
    };
    enum hc_rc rc = oci_do(o, &q, &r, err);
    *out = (hc_str){ NULL, 0 };
    if (rc == HC_OK) {
        hc_str digest = hc_http_header(&r, "docker-content-digest");
        if (good_digest(digest))
            *out = digest;
    } else if (err && (err->http_status == 405 || err->http_status == 400)) {
        rc = HC_OK; /* some registries know no HEAD: the GET will say */
        hc_err_clear(err);
    }
    return rc;
}

/* One manifest by tag or digest, checked. */
static enum hc_rc get(struct oci *o, hc_str reference, hc_str want, struct hc_val **out, hc_str *out_digest,
                      struct hc_err *err)
{
    struct hc_http_response r;
    const struct oci_request q = { .path = manifest_path(o, reference),
                                   .accept = accept_manifests,
                                   .max_bytes = MAX_MANIFEST_BYTES,
                                   .what = what_of(o, reference).p };
    enum hc_rc rc = oci_do(o, &q, &r, err);
    if (rc != HC_OK)
        return rc;
    char hex[HC_SHA256_HEX + 1];
    hc_sha256_of(r.body, hex);
    if (want.n && (rc = check_digest(o, r.body, want, q.what, err)) != HC_OK)
        return rc;
    *out_digest = hc_arena_printf(o->a, "sha256:%s", hex);
    if (hc_json_parse(o->a, r.body, HC_JSON_NO_POSITIONS, out, err) != HC_OK || !hc_is_map(*out)) {
        hc_fail(err, HC_E_INPUT, "the registry sends no JSON map");
        return hc_wrap(err, "oci://%.*s/%.*s: %s", HC_P(o->host), HC_P(o->repo), q.what);
    }
    return hc_arena_check(o->a, err, "manifest");
}

/* Of an index the manifest for linux/amd64, as Flux's library takes it, else the first. */
static enum hc_rc of_platform(struct oci *o, struct hc_val **manifest, struct hc_err *err)
{
    const struct hc_val *list = hc_map_getz(*manifest, "manifests"), *pick = NULL;
    if (!hc_is_list(list) || hc_map_getz(*manifest, "layers"))
        return HC_OK;
    for (size_t i = 0; i < hc_list_len(list) && !pick; i++) {
        const struct hc_val *m = hc_list_at(list, i);
        if (hc_str_eqz(hc_get_str_at(m, "platform.os"), "linux") &&
            hc_str_eqz(hc_get_str_at(m, "platform.architecture"), "amd64"))
            pick = m;
    }
    if (!pick)
        pick = hc_list_at(list, 0);
    hc_str digest = hc_get_str(hc_map_getz(pick, "digest")), same;
    if (!good_digest(digest))
        return hc_fail(err, HC_E_INPUT, "oci://%.*s/%.*s: the index names no manifest with a sha256 digest",
                       HC_P(o->host), HC_P(o->repo));
    return get(o, digest, digest, manifest, &same, err);
}

/* ---- layers -------------------------------------------------------------------------------------- */

static bool chart_layer(const struct hc_val *layer)
{
    hc_str type = hc_get_str(hc_map_getz(layer, "mediaType"));
    return hc_str_eqz(type, TYPE_CHART) || hc_str_eqz(type, TYPE_CHART_OLD);
}

static const struct hc_val *pick_layer(const struct hc_val *manifest, hc_str media_type, bool charts_only)
{
    const struct hc_val *layers = hc_map_getz(manifest, "layers");
    for (size_t i = 0; i < hc_list_len(layers); i++) {
        const struct hc_val *l = hc_list_at(layers, i);
        if (media_type.n ? hc_str_eq(hc_get_str(hc_map_getz(l, "mediaType")), media_type) : chart_layer(l))
            return l;
    }
    return media_type.n || charts_only ? NULL : hc_list_at(layers, 0);
}

static enum hc_rc get_blob(struct oci *o, hc_str digest, uint64_t size, hc_str *out, struct hc_err *err)
{
    size_t most = o->env->max_bytes ? o->env->max_bytes : HC_MIN(HC_MAX_ARTIFACT_BYTES, HC_MAX_BUF);
    if (size > most)
        return hc_fail(err, HC_E_LIMIT, "oci://%.*s/%.*s: the layer has %" PRIu64 " bytes, %zu are allowed",
                       HC_P(o->host), HC_P(o->repo), size, most);
    struct hc_http_response r;
    const struct oci_request q = { .path = hc_arena_printf(o->a, "/v2/%.*s/blobs/%.*s", HC_P(o->repo),
                                                           HC_P(digest)),
                                   .max_bytes = size ? (size_t)size : most,
                                   .what = "layer" };
    enum hc_rc rc = oci_do(o, &q, &r, err);
    if (rc == HC_OK)
        rc = check_digest(o, r.body, digest, "layer", err);
    if (rc == HC_OK)
        *out = r.body;
    return rc;
}

/* The layer as an archive of files, repacked without what is ignored. */
static enum hc_rc repack(struct oci *o, hc_str body, hc_str ignore, struct hc_artifact *out, struct hc_err *err)
{
    const char *dir = NULL;
    enum hc_rc rc = hc_store_temp(o->env->store, o->a, &dir, err);
    if (rc != HC_OK)
        return rc;
    const struct hc_unpack_limits limits = { HC_MAX_ARTIFACT_BYTES, HC_MAX_ARTIFACT_FILES };
    rc = hc_unpack_to_dir(body, dir, &limits, err);
    if (rc == HC_OK)
        rc = hc_tree_pack(o->env->store, o->a, dir, ignore, &out->digest, &out->size, err);
    hc_remove_tree(dir, NULL);
    return rc == HC_OK ? HC_OK : hc_wrap(err, "oci://%.*s/%.*s: layer", HC_P(o->host), HC_P(o->repo));
}

static enum hc_rc store_layer(struct oci *o, const struct hc_val *layer, bool as_is, hc_str ignore,
                              struct hc_artifact *out, struct hc_err *err)
{
    hc_str digest = hc_get_str(hc_map_getz(layer, "digest")), body, stored;
    int64_t size = hc_get_int_at(layer, "size", 0);
    if (!good_digest(digest) || size < 0)
        return hc_fail(err, HC_E_INPUT, "oci://%.*s/%.*s: the layer has no sha256 digest", HC_P(o->host),
                       HC_P(o->repo));
    const char *path;
    if (as_is && hc_store_has(o->env->store, digest) &&
        hc_store_path(o->env->store, o->a, digest, &path, NULL) == HC_OK) {
        out->digest = digest;
        out->size = (uint64_t)size;
        return HC_OK;
    }
    enum hc_rc rc = get_blob(o, digest, (uint64_t)size, &body, err);
    if (rc != HC_OK)
        return rc;
    if (!as_is)
        return repack(o, body, ignore, out, err);
    rc = hc_store_put(o->env->store, o->a, body, &stored, err);
    out->digest = stored;
    out->size = body.n;
    return rc;
}

/* ---- the two ways in ----------------------------------------------------------------------------- */

static struct hc_val *annotations_of(struct hc_arena *a, const struct hc_val *manifest)
{
    const struct hc_val *notes = hc_map_getz(manifest, "annotations");
    return hc_is_map(notes) ? hc_val_copy(a, notes) : NULL;
}

enum hc_rc hc_oci_fetch(const struct hc_source_env *env, struct hc_arena *a, const struct hc_oci_spec *spec,
                        const struct hc_source_auth *auth, hc_str known, struct hc_artifact *out,
                        struct hc_err *err)
{
    HC_AUTO(oci) struct oci o;
    struct hc_artifact got = { 0 };
    hc_str tag = spec->tag.n ? spec->tag : HC_S("latest"), digest = { NULL, 0 };
    enum hc_rc rc = oci_open(&o, env, a, spec->url, auth, err);
    if (rc != HC_OK)
        return rc;
    if (spec->digest.n) {
        if (!good_digest(spec->digest))
            return hc_fail(err, HC_E_INPUT, "'%.*s' is no digest: it must be sha256: and 64 hexadecimal digits",
                           HC_P(spec->digest));
        digest = spec->digest;
        got.revision = hc_arena_str(a, digest);
    } else {
        if (spec->semver.n && (rc = newest(&o, spec->semver, spec->semver_filter, false, &tag, err)) != HC_OK)
            return rc;
        if (!good_tag(tag))
            return hc_fail(err, HC_E_INPUT, "'%.*s' is no tag", HC_P(tag));
        if ((rc = head(&o, tag, &digest, err)) != HC_OK)
            return rc;
        if (digest.n)
            got.revision = hc_arena_printf(a, "%.*s@%.*s", HC_P(tag), HC_P(digest));
    }
    if (known.n && hc_str_eq(known, got.revision)) {
        got.unchanged = true;
        *out = got;
        return HC_OK;
    }
    struct hc_val *manifest = NULL;
    hc_str seen;
    rc = get(&o, digest.n ? digest : tag, digest, &manifest, &seen, err);
    if (rc != HC_OK)
        return rc;
    if (!digest.n) {
        got.revision = hc_arena_printf(a, "%.*s@%.*s", HC_P(tag), HC_P(seen));
        got.unchanged = known.n && hc_str_eq(known, got.revision);
    }
    if (!got.unchanged) {
        got.manifest = hc_arena_str(a, seen);
        if ((rc = of_platform(&o, &manifest, err)) != HC_OK)
            return rc;
        const struct hc_val *layer = pick_layer(manifest, spec->media_type, false);
        if (!layer)
            return hc_fail(err, HC_E_INPUT, "%s: the artifact has no layer%s%.*s%s", spec->url,
                           spec->media_type.n ? " of the type '" : "", HC_P(spec->media_type),
                           spec->media_type.n ? "'" : "");
        rc = store_layer(&o, layer, spec->copy || chart_layer(layer), spec->ignore, &got, err);
        got.metadata = annotations_of(a, manifest);
    }
    if (rc == HC_OK)
        rc = hc_arena_check(a, err, "artifact");
    if (rc == HC_OK)
        *out = got;
    return rc;
}

/* "1.2.3", "1.2.3-rc.1+b": a version and no range. */
static bool exact(hc_str range)
{
    struct hc_semver v;
    size_t dots = 0;
    for (size_t i = 0; i < range.n && range.p[i] != '-' && range.p[i] != '+'; i++)
        dots += range.p[i] == '.';
    return dots == 2 && range.p[0] >= '0' && range.p[0] <= '9' && hc_semver_parse(range, &v, NULL) == HC_OK;
}

static hc_str swap(struct hc_arena *a, hc_str s, char from, char to)
{
    char *p = hc_arena_strz(a, s);
    for (size_t i = 0; p && i < s.n; i++)
        if (p[i] == from)
            p[i] = to;
    return hc_str_n(p, p ? s.n : 0);
}

enum hc_rc hc_oci_chart(const struct hc_source_env *env, struct hc_arena *a, const char *url, hc_str range,
                        const struct hc_source_auth *auth, hc_str known, struct hc_artifact *out,
                        struct hc_err *err)
{
    HC_AUTO(oci) struct oci o;
    struct hc_artifact got = { 0 };
    struct hc_val *manifest = NULL;
    hc_str tag, digest;
    enum hc_rc rc = oci_open(&o, env, a, url, auth, err);
    if (rc != HC_OK)
        return rc;
    bool asked = exact(range);
    if (asked && hc_str_eq(known, range)) {
        *out = (struct hc_artifact){ .unchanged = true, .revision = hc_arena_str(a, range) };
        return HC_OK;
    }
    if (asked) {
        tag = swap(a, range, '+', '_');
        rc = get(&o, tag, (hc_str){ NULL, 0 }, &manifest, &digest, err);
        if (rc == HC_E_NOTFOUND) { /* tagged "v1.2.3", perhaps: the list knows */
            hc_err_clear(err);
            asked = false;
        } else if (rc != HC_OK) {
            return rc;
        }
    }
    if (!asked && (rc = newest(&o, range, (hc_str){ NULL, 0 }, true, &tag, err)) != HC_OK)
        return rc;
    got.revision = swap(a, tag, '_', '+');
    if (known.n && hc_str_eq(known, got.revision)) {
        got.unchanged = true;
        *out = got;
        return HC_OK;
    }
    if (!manifest && (rc = get(&o, tag, (hc_str){ NULL, 0 }, &manifest, &digest, err)) != HC_OK)
        return rc;
    got.manifest = hc_arena_str(a, digest);
    if ((rc = of_platform(&o, &manifest, err)) != HC_OK)
        return rc;
    const struct hc_val *layer = pick_layer(manifest, (hc_str){ NULL, 0 }, true);
    if (!layer)
        return hc_fail(err, HC_E_INPUT,
                       "%s:%.*s is no Helm chart: the artifact has no layer of the type " TYPE_CHART, url,
                       HC_P(tag));
    rc = store_layer(&o, layer, true, (hc_str){ NULL, 0 }, &got, err);
    got.metadata = annotations_of(a, manifest);
    if (rc == HC_OK)
        rc = hc_arena_check(a, err, "chart");
    if (rc == HC_OK)
        *out = got;
    return rc;
}
