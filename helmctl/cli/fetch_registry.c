/*
 * A chart out of a registry as Helm finds and takes it (pkg/registry ValidateReference, Pull): a version names a tag, any
 * other text is a range over the tags, a digest stands above both.
 */
#include <unistd.h>

#include "charts-fetch/source/oci.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/base/semver.h"
#include "helmctl/cli/chartref.h"
#include "helmctl/cli/helmhome.h"

#define PROV_MAX_BYTES ((size_t)HC_MIB)

struct wanted {
    struct hc_arena *a;
    const struct hc_chart_source *s;
    struct hc_oci *o;
    const char *base;   /* "host/path" */
    hc_str tag, digest; /* of the reference; absent: not there */
    hc_str version;     /* of the flag or the tag; "": the newest release */
    hc_str name;        /* what is asked for: a tag or a digest */
    struct hc_err *err;
};

void hc_cli_tell_underscore(FILE *to, hc_str ref)
{
    fprintf(to,
            "%.*s contains an underscore.\n\n"
            "OCI artifact references (e.g. tags) do not support the plus sign (+). To support\n"
            "storing semantic versions, Helm adopts the convention of changing plus (+) to\n"
            "an underscore (_) in chart version tags when pushing to a registry and back to\n"
            "a plus (+) when pulling from a registry.\n",
            HC_P(ref));
}

/* Helm tells it on stdout, but where stdout is what was asked for (show, template). */
static void tell_pulled(const struct wanted *w, hc_str manifest)
{
    FILE *to = w->s->tell_stdout ? stdout : stderr;
    hc_str ref = hc_arena_printf(w->a, "%s%c%.*s", w->base, w->digest.n ? '@' : ':', HC_P(w->name));
    fprintf(to, "Pulled: %.*s\nDigest: %.*s\n", HC_P(ref), HC_P(manifest));
    if (hc_str_find(ref, '_') != SIZE_MAX)
        hc_cli_tell_underscore(to, ref);
}

static hc_str swap(struct hc_arena *a, hc_str s, char from, char to)
{
    char *p = hc_arena_strz(a, s);
    for (size_t i = 0; p && i < s.n; i++)
        if (p[i] == from)
            p[i] = to;
    return hc_str_n(p, p ? s.n : 0);
}

/* Splits "oci://HOST/PATH[:TAG][@DIGEST]". */
static enum hc_rc split(struct wanted *w, hc_str ref, const char **out_url)
{
    hc_str rest = hc_str_sub(ref, 6, ref.n);
    size_t at = hc_str_find(rest, '@');
    if (at != SIZE_MAX) {
        w->digest = hc_str_sub(rest, at + 1, rest.n);
        rest = hc_str_sub(rest, 0, at);
    }
    size_t slash = hc_str_rfind(rest, '/'), colon = hc_str_rfind(rest, ':');
    if (colon != SIZE_MAX && slash != SIZE_MAX && colon > slash) {
        w->tag = hc_str_sub(rest, colon + 1, rest.n);
        rest = hc_str_sub(rest, 0, colon);
    }
    w->base = hc_arena_strz(w->a, rest);
    *out_url = hc_arena_printf(w->a, "oci://%.*s", HC_P(rest)).p;
    if (w->tag.n && w->version.n && !hc_str_eq(swap(w->a, w->tag, '+', '_'), swap(w->a, w->version, '+', '_')))
        return hc_fail(w->err, HC_E_INPUT, "chart reference and version mismatch: %.*s is not %.*s",
                       HC_P(w->version), HC_P(w->tag));
    if (w->tag.n)
        w->version = w->tag;
    return hc_arena_check(w->a, w->err, "chart reference");
}

/* Both are promises: where there is such a tag it must be about the same chart. */
static enum hc_rc check_digest(struct wanted *w)
{
    struct hc_err own = HC_ERR_INIT;
    hc_str stands_for;
    if (!hc_oci_is_digest(w->digest))
        return hc_fail(w->err, HC_E_INPUT, "'%.*s' is no digest: it must be sha256: and 64 hexadecimal digits",
                       HC_P(w->digest));
    w->name = w->digest;
    if (w->version.n && hc_oci_resolve(w->o, swap(w->a, w->version, '+', '_'), &stands_for, &own) == HC_OK &&
        !hc_str_eq(stands_for, w->digest))
        return hc_fail(w->err, HC_E_INPUT, "chart reference digest mismatch: %.*s is not %.*s", HC_P(stands_for),
                       HC_P(w->digest));
    return HC_OK;
}

static enum hc_rc choose(struct wanted *w)
{
    struct hc_semver v;
    hc_str *tags;
    size_t n;
    if (w->digest.n)
        return check_digest(w);
    bool exact = w->tag.n || (w->version.n && hc_semver_parse(w->version, &v, NULL) == HC_OK);
    if (hc_str_find(w->tag, '+') != SIZE_MAX)
        return hc_fail(w->err, HC_E_INPUT, "invalid reference: invalid tag \"%.*s\"", HC_P(w->tag));
    if (exact) {
        w->name = swap(w->a, w->version, '+', '_');
        return hc_arena_check(w->a, w->err, "chart reference");
    }
    enum hc_rc rc = hc_oci_tags(w->o, &tags, &n, w->err);
    if (rc != HC_OK)
        return rc;
    rc = hc_oci_newest(w->a, tags, n, w->version, HC_OCI_PLUS, &w->name, w->err);
    if (rc == HC_E_NOTFOUND && n == 0)
        return hc_fail(w->err, HC_E_NOTFOUND, "unable to locate any tags in provided repository: oci://%s",
                       w->base);
    if (rc == HC_E_NOTFOUND)
        return hc_fail(w->err, HC_E_NOTFOUND, "could not locate a version matching provided version string %.*s",
                       HC_P(w->version));
    return rc;
}

static const struct hc_val *layer_of(const struct hc_oci_manifest *m, const char *type)
{
    const struct hc_val *layers = hc_map_getz(m->doc, "layers"), *found = NULL;
    for (size_t i = 0; i < hc_list_len(layers); i++)
        if (hc_str_eqz(hc_get_str_at(hc_list_at(layers, i), "mediaType"), type))
            found = hc_list_at(layers, i);
    return found;
}

static enum hc_rc take(struct wanted *w, struct hc_fetched *out)
{
    struct hc_oci_manifest m;
    enum hc_rc rc = hc_oci_manifest(w->o, w->name, &m, w->err);
    if (rc == HC_E_NOTFOUND)
        return hc_fail(w->err, HC_E_NOTFOUND, "failed to perform \"FetchReference\" on source: %s%c%.*s: not found",
                       w->base, w->digest.n ? '@' : ':', HC_P(w->name));
    hc_str manifest = rc == HC_OK ? m.digest : w->digest;
    if (rc == HC_OK)
        rc = hc_oci_platform(w->o, &m, w->err);
    if (rc != HC_OK)
        return rc;
    if (!hc_str_eqz(hc_get_str_at(m.doc, "config.mediaType"), HC_OCI_TYPE_CONFIG))
        return hc_fail(w->err, HC_E_INPUT,
                       "could not load config with mediatype " HC_OCI_TYPE_CONFIG ": this is no Helm chart");
    const struct hc_val *layer = layer_of(&m, HC_OCI_TYPE_CHART), *prov = layer_of(&m, HC_OCI_TYPE_PROVENANCE);
    if (!layer && (layer = layer_of(&m, HC_OCI_TYPE_CHART_OLD)))
        fprintf(w->s->tell_stdout ? stdout : stderr, "Warning: chart media type %s is deprecated\n",
                HC_OCI_TYPE_CHART_OLD);
    if (!layer)
        return hc_fail(w->err, HC_E_INPUT, "manifest does not contain a layer with mediatype " HC_OCI_TYPE_CHART);
    hc_str digest = hc_get_str_at(layer, "digest");
    uint64_t size;
    if (w->s->into) {
        out->digest = hc_arena_str(w->a, digest);
        out->written = hc_arena_printf(w->a, "%s/" HC_CLI_PULLED, w->s->into, (int)getpid()).p;
        rc = out->written ? hc_oci_blob_file(w->o, digest, HC_MAX_CHART_PACKED, out->written, &size, w->err)
                          : hc_fail_nomem(w->err);
    } else {
        rc = hc_oci_blob(w->o, digest, HC_MAX_CHART_PACKED, &out->archive, w->err);
    }
    if (rc == HC_OK && prov && (w->s->verify || w->s->want_prov))
        rc = hc_oci_blob(w->o, hc_get_str_at(prov, "digest"), PROV_MAX_BYTES, &out->prov, w->err);
    if (rc != HC_OK && out->written)
        (void)unlink(out->written);
    for (int times = out->prov.p ? 2 : 1; rc == HC_OK && times > 0; times--) /* Helm pulls once for each layer */
        tell_pulled(w, manifest);
    return rc;
}

enum hc_rc hc_cli_fetch_oci(const struct hc_source_env *env, struct hc_arena *a, const struct hc_chart_source *s,
                            const struct hc_source_auth *auth, hc_str ref, hc_str version, struct hc_fetched *out,
                            hc_str *out_where, struct hc_err *err)
{
    struct wanted w = { .a = a, .s = s, .version = version, .err = err };
    const char *url;
    enum hc_rc rc = split(&w, ref, &url);
    if (rc == HC_OK)
        rc = hc_oci_open(env, a, url, auth, &w.o, err);
    if (rc != HC_OK)
        return rc;
    rc = choose(&w);
    if (rc == HC_OK)
        rc = take(&w, out);
    hc_oci_close(w.o);
    if (rc != HC_OK)
        return rc;
    /* pkg/downloader DownloadTo: the last colon of the reference becomes a dash; a version has its "+" again */
    hc_str file = hc_path_base(hc_str_of(w.base)), d = w.digest;
    size_t colon = hc_str_find(d, ':');
    out->file = d.n ? hc_arena_printf(a, "%.*s@%.*s-%.*s.tgz", HC_P(file), HC_P(hc_str_sub(d, 0, colon)),
                                      HC_P(hc_str_sub(d, colon + 1, d.n)))
                    : hc_arena_printf(a, "%.*s-%.*s.tgz", HC_P(file), HC_P(swap(a, w.name, '_', '+')));
    *out_where = hc_arena_printf(a, "%s%c%.*s", url, d.n ? '@' : ':', HC_P(w.name));
    return hc_arena_check(a, err, "chart reference");
}
