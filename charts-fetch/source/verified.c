/*
 * Where signatures lie: cosign's bundles refer to the manifest (OCI 1.1), its older signatures are layers of a manifest
 * that is tagged after the digest or, as an experiment of cosign 2, refers to it; Notation's envelopes refer to it. Any
 * good one is enough; when there is none, the one that came furthest says why.
 */
#include "charts-fetch/source/verified.h"

#include "charts-fetch/source/oci_impl.h"
#include "core/base/clock.h"

#define MAX_SIGNATURES 32u /* looked at for one artifact: a registry that anybody may push to has many */
#define TYPE_SIMPLE    "application/vnd.dev.cosign.simplesigning.v1+json"
#define TYPE_SIGNED    "application/vnd.dev.cosign.artifact.sig.v1+json"
#define TYPE_EMPTY     "application/vnd.oci.empty.v1+json"
#define ASK_TIMEOUT_MS 5000 /* notation-go: 2 s for OCSP, 5 s for a list */

struct search {
    struct hc_oci *o;
    hc_str digest;
    const struct hc_oci_trust *trust;
    unsigned seen;     /* signatures that were judged or tried */
    unsigned best;     /* how far the best came */
    struct hc_err why; /* of the best */
    bool good;
};

/* Rules in the order a signature meets them. */
static unsigned progress(enum hc_cosign_rule rule)
{
    static const uint8_t order[] = {
        [HC_COSIGN_MALFORMED] = 1, [HC_COSIGN_SIGNATURE] = 2, [HC_COSIGN_SUBJECT] = 3, [HC_COSIGN_LOG] = 4,
        [HC_COSIGN_TIME] = 5,      [HC_COSIGN_CHAIN] = 6,     [HC_COSIGN_IDENTITY] = 7
    };
    return (size_t)rule < HC_LEN(order) ? order[rule] : 0;
}

/* HC_OK: go on looking, or s->good. `came`: how far this one came, from 1. */
static enum hc_rc note(struct search *s, enum hc_rc rc, unsigned came, struct hc_err *err)
{
    s->seen++;
    s->good = rc == HC_OK;
    if (rc == HC_OK)
        return HC_OK;
    if (rc != HC_E_INPUT)
        return rc;
    if (came > s->best) {
        s->best = came;
        (void)hc_err_copy(&s->why, err);
    }
    hc_err_clear(err);
    return HC_OK;
}

static hc_str annotation(const struct hc_val *layer, const char *key)
{
    return hc_get_str(hc_map_getz(hc_map_getz(layer, "annotations"), key));
}

/* The layers of a manifest of older signatures. */
static enum hc_rc look_at_layers(struct search *s, const struct hc_val *manifest, struct hc_err *err)
{
    const struct hc_val *layers = hc_map_getz(manifest, "layers");
    for (size_t i = 0; i < hc_list_len(layers) && !s->good && s->seen < MAX_SIGNATURES; i++) {
        const struct hc_val *l = hc_list_at(layers, i);
        struct hc_cosign_result res;
        if (!hc_str_eqz(hc_get_str_at(l, "mediaType"), TYPE_SIMPLE))
            continue;
        struct hc_cosign_layer layer = { .signature = annotation(l, "dev.cosignproject.cosign/signature"),
                                         .certificate = annotation(l, "dev.sigstore.cosign/certificate"),
                                         .bundle = annotation(l, "dev.sigstore.cosign/bundle"),
                                         .timestamp = annotation(l, "dev.sigstore.cosign/rfc3161timestamp") };
        enum hc_rc rc = hc_oci_blob(s->o, hc_get_str_at(l, "digest"), HC_COSIGN_MAX_BYTES, &layer.payload, err);
        res.rule = HC_COSIGN_MALFORMED;
        if (rc == HC_OK)
            rc = hc_cosign_layer(s->o->a, s->trust->cosign, &layer, s->digest, &res, err);
        else if (rc == HC_E_NOTFOUND || rc == HC_E_LIMIT) /* a broken one hides no good one */
            rc = HC_E_INPUT;
        if ((rc = note(s, rc, progress(res.rule), err)) != HC_OK)
            return rc;
    }
    return HC_OK;
}

/*
 * What a manifest that refers to the artifact holds. The index of a registry without the API is written by clients, and
 * go-containerregistry, which cosign pushes with, names the type of the empty config there: then the manifest itself says it.
 */
enum held { HELD_OTHER, HELD_LAYERS, HELD_BUNDLE, HELD_UNTOLD };
static enum held held_by(hc_str type)
{
    return hc_cosign_is_bundle(type)                     ? HELD_BUNDLE
           : hc_str_eqz(type, TYPE_SIGNED)               ? HELD_LAYERS
           : hc_str_eqz(type, TYPE_EMPTY) || type.n == 0 ? HELD_UNTOLD
                                                         : HELD_OTHER;
}

static enum hc_rc look_at_referrer(struct search *s, const struct hc_oci_descriptor *d, struct hc_err *err)
{
    struct hc_oci_manifest m;
    struct hc_cosign_result res = { .rule = HC_COSIGN_MALFORMED };
    hc_str blob;
    enum held held = held_by(d->artifact_type);
    enum hc_rc rc = hc_oci_manifest(s->o, d->digest, &m, err);
    if (rc == HC_OK && held == HELD_UNTOLD) {
        held = held_by(hc_get_str(hc_map_getz(m.doc, "artifactType")));
        if (held != HELD_BUNDLE && held != HELD_LAYERS)
            return HC_OK; /* something else about the artifact */
    }
    if (rc == HC_OK && held == HELD_LAYERS)
        return look_at_layers(s, m.doc, err);
    if (rc == HC_OK)
        rc = hc_oci_blob(s->o, hc_get_str_at(hc_list_at(hc_map_getz(m.doc, "layers"), 0), "digest"),
                         HC_COSIGN_MAX_BYTES, &blob, err);
    if (rc == HC_OK)
        rc = hc_cosign_bundle(s->o->a, s->trust->cosign, blob, s->digest, &res, err);
    else if (rc == HC_E_NOTFOUND || rc == HC_E_LIMIT)
        rc = HC_E_INPUT;
    return note(s, rc, progress(res.rule), err);
}

static enum hc_rc search_cosign(struct search *s, struct hc_err *err)
{
    struct hc_oci_descriptor *list = NULL;
    struct hc_oci_manifest m;
    size_t n = 0;
    enum hc_rc rc = hc_oci_referrers(s->o, s->digest, (hc_str){ NULL, 0 }, &list, &n, err);
    for (size_t i = 0; rc == HC_OK && i < n && !s->good && s->seen < MAX_SIGNATURES; i++)
        if (held_by(list[i].artifact_type) != HELD_OTHER)
            rc = look_at_referrer(s, &list[i], err);
    if (rc != HC_OK || s->good)
        return rc;
    hc_str hex = hc_str_sub(s->digest, 7, s->digest.n);
    hc_str tag = hc_arena_printf(s->o->a, "sha256-%.*s.sig", HC_P(hex));
    rc = hc_oci_manifest(s->o, tag, &m, err);
    if (rc == HC_E_NOTFOUND) {
        hc_err_clear(err);
        return HC_OK;
    }
    return rc == HC_OK ? look_at_layers(s, m.doc, err) : rc;
}

/* ---- Notation ------------------------------------------------------------------------------------ */

enum hc_rc oci_ask_authority(void *ctx, const char *url, hc_str body, size_t max_bytes, hc_str *out,
                             struct hc_err *err)
{
    static const char *const headers[] = { "Content-Type: application/ocsp-request", NULL };
    struct hc_oci *o = ctx;
    struct hc_http_response r;
    struct hc_http_request q = { .method = body.n ? "POST" : "GET",
                                 .url = url,
                                 .headers = body.n ? headers : NULL,
                                 .body = body,
                                 .proxy = o->env.proxy,
                                 .timeout_ms = ASK_TIMEOUT_MS,
                                 .max_bytes = max_bytes };
    enum hc_rc rc = hc_http_do(o->env.http, o->a, &q, &r, err);
    if (rc == HC_OK && r.status != 200)
        rc = hc_fail(err, HC_E_AGAIN, "it answers with %d", r.status);
    if (rc != HC_OK)
        return hc_wrap(err, "%s", url);
    *out = r.body;
    return HC_OK;
}

static enum hc_rc look_at_envelope(struct search *s, const struct hc_trust_statement *statement, hc_str manifest,
                                   const struct hc_notation_subject *subject, struct hc_oci_check *check,
                                   struct hc_err *err)
{
    struct hc_oci_manifest m;
    struct hc_notation_result res = { .rule = HC_NOTATION_INTEGRITY };
    struct hc_notation_trust trust = *s->trust->notation;
    hc_str blob;
    enum hc_rc rc = hc_oci_manifest(s->o, manifest, &m, err);
    const struct hc_val *layers = rc == HC_OK ? hc_map_getz(m.doc, "layers") : NULL, *l = hc_list_at(layers, 0);
    if (rc == HC_OK && hc_list_len(layers) != 1)
        rc = hc_fail(err, HC_E_INPUT, "integrity: the signature's manifest has not one layer");
    if (rc == HC_OK)
        rc = hc_oci_blob(s->o, hc_get_str_at(l, "digest"), HC_NOTATION_MAX_BYTES, &blob, err);
    trust.ask = oci_ask_authority;
    trust.ask_ctx = s->o;
    trust.now_ms = hc_now_ms();
    if (rc == HC_OK)
        rc = hc_notation_check(s->o->a, &trust, statement, hc_get_str_at(l, "mediaType"), blob, subject, &res, err);
    else if (rc == HC_E_NOTFOUND || rc == HC_E_LIMIT) /* a broken one hides no good one */
        rc = HC_E_INPUT;
    if (rc == HC_OK) {
        check->ignored = res.unverified;
        check->logged = res.logged;
    }
    return note(s, rc, 1 + res.came, err);
}

static enum hc_rc search_notation(struct search *s, struct hc_oci_check *check, struct hc_err *err)
{
    struct hc_oci_descriptor *list = NULL;
    struct hc_oci_manifest m;
    size_t n = 0;
    /* As a user writes the repository, and as Flux's library names it. */
    bool hub = hc_str_eqz(s->o->host, "registry-1.docker.io");
    hc_str scope = hc_arena_printf(s->o->a, "%.*s/%.*s", HC_P(hub ? HC_S("index.docker.io") : s->o->host),
                                   HC_P(s->o->repo));
    const struct hc_trust_statement *st = hc_trust_policy_for(s->trust->notation->policy, scope);
    if (!st)
        return hc_fail(err, HC_E_INPUT,
                       "no statement of the trust policy is about '%.*s': add it to registryScopes, or a statement "
                       "for '*'",
                       HC_P(scope));
    if (st->skip) {
        s->good = check->ignored = true;
        return HC_OK;
    }
    enum hc_rc rc = hc_oci_manifest(s->o, s->digest, &m, err);
    if (rc == HC_OK)
        rc = hc_oci_referrers(s->o, s->digest, HC_S(HC_NOTATION_TYPE), &list, &n, err);
    for (size_t i = 0; rc == HC_OK && i < n && !s->good && s->seen < MAX_SIGNATURES; i++) {
        const struct hc_notation_subject subject = { m.media_type, s->digest, m.body.n };
        rc = look_at_envelope(s, st, list[i].digest, &subject, check, err);
    }
    if (rc == HC_OK && !s->good && s->seen)
        hc_wrap(&s->why, "by the trust policy's statement '%.*s'", HC_P(st->name));
    return rc;
}

/* ---- either -------------------------------------------------------------------------------------- */

enum hc_rc hc_oci_verify(struct hc_oci *o, hc_str digest, struct hc_oci_check *check, struct hc_err *err)
{
    struct hc_err own = HC_ERR_INIT;
    struct search s = { .o = o, .digest = digest, .trust = check->trust, .why = HC_ERR_INIT };
    err = err ? err : &own;
    check->checked = check->ignored = false;
    check->logged = (hc_str){ NULL, 0 };
    if (!hc_oci_is_digest(digest))
        return hc_fail(err, HC_E_BUG, "signatures are looked for by a sha256 digest");
    enum hc_rc rc = s.trust->notation ? search_notation(&s, check, err) : search_cosign(&s, err);
    check->checked = rc == HC_OK && s.good && !check->ignored;
    if (rc != HC_OK || s.good)
        return rc;
    if (!s.seen)
        return hc_fail(err, HC_E_INPUT, "no signatures found for %.*s", HC_P(digest));
    (void)hc_err_copy(err, &s.why);
    return HC_E_INPUT;
}

enum hc_rc hc_oci_check(struct hc_oci *o, struct hc_oci_check *check, hc_str ref, hc_str digest, bool unchanged,
                        struct hc_err *err)
{
    if (!check || (unchanged && !check->again))
        return HC_OK;
    enum hc_rc rc = hc_oci_verify(o, digest, check, err);
    check->failed = rc != HC_OK;
    if (rc == HC_E_INPUT)
        return hc_wrap(err, "no matching signatures were found for '%.*s/%.*s%s%.*s'", HC_P(o->host), HC_P(o->repo),
                       hc_oci_is_digest(ref) ? "@" : ":", HC_P(ref)); /* Flux's words */
    return rc;
}
