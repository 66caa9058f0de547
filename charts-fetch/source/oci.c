/*
 * Artifacts and charts out of registries (OCI distribution spec 1.1): a reference becomes a manifest, the manifest
 * one layer, the layer a file in the store. The manifest's digest is asked for first (HEAD), so that nothing new
 * costs one small request; a layer the store has already is not fetched again. Every byte is checked against its
 * digest before it is used.
 */
#include <fcntl.h>

#include "charts-fetch/source/oci_impl.h"
#include "charts-fetch/source/verified.h"
#include "charts-fetch/unpack/unpack.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/base/semver.h"

static const hc_str none = { NULL, 0 };

/* ---- layers -------------------------------------------------------------------------------------- */

static bool chart_layer(const struct hc_val *layer)
{
    hc_str type = hc_get_str(hc_map_getz(layer, "mediaType"));
    return hc_str_eqz(type, HC_OCI_TYPE_CHART) || hc_str_eqz(type, HC_OCI_TYPE_CHART_OLD);
}

const struct hc_val *oci_pick_layer(const struct hc_val *manifest, hc_str media_type, bool charts_only)
{
    const struct hc_val *layers = hc_map_getz(manifest, "layers");
    for (size_t i = 0; i < hc_list_len(layers); i++) {
        const struct hc_val *l = hc_list_at(layers, i);
        if (media_type.n ? hc_str_eq(hc_get_str(hc_map_getz(l, "mediaType")), media_type) : chart_layer(l))
            return l;
    }
    return media_type.n || charts_only ? NULL : hc_list_at(layers, 0);
}

/* The file of a layer as an archive, repacked without what is ignored. */
static enum hc_rc repack(struct hc_oci *o, const char *file, const char *dir, hc_str ignore,
                         struct hc_artifact *out, struct hc_err *err)
{
    const struct hc_unpack_limits limits = { HC_MAX_ARTIFACT_BYTES, HC_MAX_ARTIFACT_FILES };
    HC_AUTO(hc_fd) int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return hc_fail_errno(err, "store", file);
    enum hc_rc rc = hc_unpack_fd_to_dir(fd, dir, &limits, o->deadline_ms, err);
    if (rc == HC_OK)
        rc = hc_tree_pack(o->env.store, o->a, dir, ignore, o->deadline_ms, &out->digest, &out->size, err);
    return rc == HC_OK ? HC_OK : hc_wrap(err, "oci://%.*s/%.*s: layer", HC_P(o->host), HC_P(o->repo));
}

static enum hc_rc fetch_layer(struct hc_oci *o, hc_str digest, uint64_t most, bool as_is, hc_str ignore,
                              struct hc_artifact *out, struct hc_err *err)
{
    const char *dir = NULL;
    enum hc_rc rc = hc_store_temp(o->env.store, o->a, &dir, err);
    if (rc != HC_OK)
        return rc;
    const char *file = hc_arena_printf(o->a, "%s/layer", dir).p, *tree = hc_arena_printf(o->a, "%s/tree", dir).p;
    uint64_t size = 0;
    rc = file && tree ? hc_oci_blob_file(o, digest, most, file, &size, err) : hc_fail_nomem(err);
    if (rc == HC_OK && as_is) {
        rc = hc_store_keep(o->env.store, o->a, file, digest, err);
        out->digest = digest;
        out->size = size;
    } else if (rc == HC_OK && (rc = hc_mkdirs(tree, 0700, err)) == HC_OK) {
        rc = repack(o, file, tree, ignore, out, err);
    }
    hc_remove_tree(dir, NULL);
    return rc;
}

static enum hc_rc store_layer(struct hc_oci *o, const struct hc_val *layer, bool as_is, hc_str ignore,
                              struct hc_artifact *out, struct hc_err *err)
{
    hc_str digest = hc_get_str(hc_map_getz(layer, "digest"));
    int64_t size = hc_get_int_at(layer, "size", 0);
    uint64_t most = o->env.max_bytes ? o->env.max_bytes : HC_MAX_ARTIFACT_BYTES;
    const char *path;
    if (!hc_oci_is_digest(digest) || size < 0)
        return hc_fail(err, HC_E_INPUT, "oci://%.*s/%.*s: the layer has no sha256 digest", HC_P(o->host),
                       HC_P(o->repo));
    if ((uint64_t)size > most)
        return hc_fail(err, HC_E_LIMIT, "oci://%.*s/%.*s: the layer has %" PRId64 " bytes, %" PRIu64 " are allowed",
                       HC_P(o->host), HC_P(o->repo), size, most);
    if (as_is && hc_store_has(o->env.store, digest) &&
        hc_store_path(o->env.store, o->a, digest, &path, NULL) == HC_OK) {
        out->digest = digest;
        out->size = (uint64_t)size;
        return HC_OK;
    }
    return fetch_layer(o, digest, size ? (uint64_t)size : most, as_is, ignore, out, err);
}

static struct hc_val *annotations_of(struct hc_arena *a, const struct hc_val *manifest)
{
    const struct hc_val *notes = hc_map_getz(manifest, "annotations");
    return hc_is_map(notes) ? hc_val_copy(a, notes) : NULL;
}

/* ---- by tag, range or digest --------------------------------------------------------------------- */

/* A Secret that cannot be read is told of even where nobody wants a login. */
static enum hc_rc check_login(struct hc_oci *o, struct hc_err *err)
{
    return o->auth.docker_config.n ? oci_find_login(o, err) : HC_OK;
}

/* What the spec stands for now: the digest of a manifest or an index, and the revision. */
static enum hc_rc find(struct hc_oci *o, const struct hc_oci_spec *spec, struct hc_oci_seen *seen,
                       hc_str *out_digest, hc_str *out_revision, struct hc_err *err)
{
    hc_str tag = spec->tag.n ? spec->tag : HC_S("latest");
    seen->phase = spec->digest.n ? HC_OCI_DIGEST : HC_OCI_TAG;
    if (spec->digest.n) {
        if (!hc_oci_is_digest(spec->digest))
            return hc_fail(err, HC_E_INPUT, "'%.*s' is no digest: it must be sha256: and 64 hexadecimal digits",
                           HC_P(spec->digest));
        *out_digest = *out_revision = hc_arena_str(o->a, spec->digest);
        return hc_arena_check(o->a, err, "artifact");
    }
    if (spec->semver.n) {
        unsigned how = HC_OCI_V_TOO | (hc_str_eqz(spec->media_type, HC_OCI_TYPE_CHART) ? HC_OCI_PLUS : 0);
        enum hc_rc rc = oci_newest(o, spec->semver, spec->semver_filter, how, &tag, err);
        if (rc != HC_OK)
            return rc;
    }
    if (!oci_good_tag(tag))
        return hc_fail(err, HC_E_INPUT, "'%.*s' is no tag", HC_P(tag));
    seen->phase = HC_OCI_DIGEST;
    enum hc_rc rc = hc_oci_resolve(o, tag, out_digest, err);
    if (rc != HC_OK)
        return rc;
    *out_revision = hc_arena_printf(o->a, "%.*s@%.*s", HC_P(tag), HC_P(*out_digest));
    return hc_arena_check(o->a, err, "artifact");
}

enum hc_rc hc_oci_fetch(const struct hc_source_env *env, struct hc_arena *a, const struct hc_oci_spec *spec,
                        const struct hc_source_auth *auth, hc_str known, struct hc_artifact *out,
                        struct hc_err *err)
{
    HC_AUTO(hc_oci) struct hc_oci *o = NULL;
    struct hc_artifact got = { 0 };
    struct hc_oci_manifest m;
    struct hc_oci_seen own, *seen = spec->seen ? spec->seen : &own;
    hc_str digest;
    *seen = (struct hc_oci_seen){ .phase = HC_OCI_ADDRESS };
    enum hc_rc rc = hc_oci_open(env, a, spec->url, auth, &o, err);
    seen->phase = rc == HC_OK ? HC_OCI_LOGIN : seen->phase;
    if (rc == HC_OK)
        rc = check_login(o, err);
    if (rc == HC_OK)
        rc = find(o, spec, seen, &digest, &got.revision, err);
    if (rc != HC_OK)
        return rc;
    seen->revision = got.revision;
    bool unchanged = known.n && hc_str_eq(known, got.revision);
    hc_str tag = hc_str_sub(got.revision, 0, hc_str_find(got.revision, '@'));
    if ((rc = hc_oci_check(o, env->check, tag, digest, unchanged, err)) != HC_OK)
        return rc;
    if (unchanged) {
        got.unchanged = true;
        *out = got;
        return HC_OK;
    }
    seen->phase = HC_OCI_PULL;
    if ((rc = hc_oci_manifest(o, digest, &m, err)) != HC_OK)
        return rc;
    got.manifest = m.digest;
    if ((rc = hc_oci_platform(o, &m, err)) != HC_OK)
        return rc;
    seen->phase = HC_OCI_LAYER;
    const struct hc_val *layer = oci_pick_layer(m.doc, spec->media_type, false);
    if (!layer)
        return hc_fail(err, HC_E_INPUT, "%s: the artifact has no layer%s%.*s%s", spec->url,
                       spec->media_type.n ? " of the type '" : "", HC_P(spec->media_type),
                       spec->media_type.n ? "'" : "");
    rc = store_layer(o, layer, spec->copy || (chart_layer(layer) && !spec->extract), spec->ignore, &got, err);
    got.metadata = annotations_of(a, m.doc);
    if (rc == HC_OK)
        rc = hc_arena_check(a, err, "artifact");
    if (rc == HC_OK)
        *out = got;
    return rc;
}

/* ---- charts by version --------------------------------------------------------------------------- */

/* "1.2.3-rc.1+b": a version and no range. */
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
    HC_AUTO(hc_oci) struct hc_oci *o = NULL;
    struct hc_artifact got = { 0 };
    struct hc_oci_manifest m = { 0 };
    hc_str tag;
    enum hc_rc rc = hc_oci_open(env, a, url, auth, &o, err);
    if (rc == HC_OK)
        rc = check_login(o, err);
    if (rc != HC_OK)
        return rc;
    bool asked = exact(range);
    bool again = env->check && env->check->again;
    if (asked && hc_str_eq(known, range) && !again) {
        *out = (struct hc_artifact){ .unchanged = true, .revision = hc_arena_str(a, range) };
        return HC_OK;
    }
    tag = asked ? swap(a, range, '+', '_') : none;
    rc = asked ? hc_oci_manifest(o, tag, &m, err) : oci_newest(o, range, none, HC_OCI_PLUS, &tag, err);
    if (rc != HC_OK)
        return rc;
    got.revision = swap(a, tag, '_', '+');
    if (known.n && hc_str_eq(known, got.revision) && !again) {
        got.unchanged = true;
        *out = got;
        return HC_OK;
    }
    if (!m.doc && (rc = hc_oci_manifest(o, tag, &m, err)) != HC_OK)
        return rc;
    got.manifest = m.digest;
    /* What is at hand may be what the tag led to before: what is judged now is what is fetched now. */
    if ((rc = hc_oci_check(o, env->check, tag, m.digest, false, err)) != HC_OK)
        return rc;
    if ((rc = hc_oci_platform(o, &m, err)) != HC_OK)
        return rc;
    const struct hc_val *layer = oci_pick_layer(m.doc, none, true);
    if (!layer)
        return hc_fail(err, HC_E_INPUT,
                       "%s:%.*s is no Helm chart: the artifact has no layer of the type " HC_OCI_TYPE_CHART, url,
                       HC_P(tag));
    rc = store_layer(o, layer, true, none, &got, err);
    got.metadata = annotations_of(a, m.doc);
    if (rc == HC_OK)
        rc = hc_arena_check(a, err, "chart");
    if (rc == HC_OK)
        *out = got;
    return rc;
}
