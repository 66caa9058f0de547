/*
 * Keys and trust roots out of Secrets, and what became of them.
 */
#include "helmctl/controller/verified.h"

#include "core/base/digest.h"

#define MAX_KEYS       64u
#define MAX_IDENTITIES 64u

/* What was verified by other keys than these is verified again. */
static void trusts(struct pass *p, struct src_verify *v, const struct hc_val *secret)
{
    src_trust_of(hc_map_getz(p->spec, "verify"), &secret, 1, &v->by);
    v->check.again = v->check.again || !src_trust_holds(p, &v->by);
}

static enum hc_rc secret_of(struct pass *p, hc_str name, struct hc_val **out)
{
    struct hc_ref r = { HC_S("v1"), HC_S("Secret"), p->key.ns, name };
    enum hc_rc rc = hc_kube_get(p->c->kube, p->a, &r, out, &p->err);
    return rc == HC_E_NOTFOUND ? hc_fail(&p->err, rc, "secrets \"%.*s\" not found", HC_P(name)) : rc;
}

/* Every *.pub is a key, any of them may have signed. */
static enum hc_rc read_keys(struct pass *p, hc_str name, struct src_verify *v)
{
    struct hc_cosign_trust *t = &v->cosign;
    struct hc_val *secret = NULL;
    enum hc_rc rc = secret_of(p, name, &secret);
    if (rc != HC_OK)
        return rc;
    trusts(p, v, secret);
    const struct hc_val *data = hc_map_getz(secret, "data");
    hc_str *keys = HC_NEW_N(p->a, hc_str, MAX_KEYS);
    if (!keys)
        return hc_fail_nomem(&p->err);
    for (size_t i = 0; i < hc_map_len(data); i++) {
        const struct hc_entry *e = hc_map_at(data, i);
        if (!hc_str_ends(e->key, HC_S(".pub")))
            continue;
        if (t->keys_n == MAX_KEYS)
            return hc_fail(&p->err, HC_E_LIMIT, "secret '%.*s/%.*s' has more than %u keys", HC_P(p->key.ns),
                           HC_P(name), MAX_KEYS);
        keys[t->keys_n++] = hc_base64_decode(p->a, hc_get_str(e->val), NULL);
    }
    t->keys = keys;
    if (!t->keys_n)
        return hc_fail(&p->err, HC_E_INPUT, "secret '%.*s/%.*s' has no key that ends in .pub", HC_P(p->key.ns),
                       HC_P(name));
    return HC_OK;
}

static enum hc_rc read_root(struct pass *p, const struct hc_val *verify, struct src_verify *v)
{
    static const char file[] = "trusted_root.json";
    struct hc_val *secret = NULL;
    hc_str name = hc_get_str_at(verify, "trustedRootSecretRef.name");
    if (!name.n)
        return hc_fail(&p->err, HC_E_INPUT,
                       "without a key a trust root is needed: put %s into a Secret and name it in "
                       "spec.verify.trustedRootSecretRef; the public Sigstore is not asked",
                       file);
    enum hc_rc rc = secret_of(p, name, &secret);
    if (rc != HC_OK)
        return rc;
    trusts(p, v, secret);
    hc_str text = hc_get_str(hc_map_getz(hc_map_getz(secret, "data"), file));
    if (!text.n)
        return hc_fail(&p->err, HC_E_INPUT, "'%s' not found in secret '%.*s/%.*s'", file, HC_P(p->key.ns),
                       HC_P(name));
    rc = hc_sigstore_root_read(p->a, hc_base64_decode(p->a, text, NULL), &v->root, &p->err);
    if (rc != HC_OK)
        return hc_wrap(&p->err, "secret '%.*s/%.*s'", HC_P(p->key.ns), HC_P(name));
    v->cosign.root = v->root;
    const struct hc_val *list = hc_map_getz(verify, "matchOIDCIdentity");
    size_t n = hc_list_len(list);
    struct hc_cosign_identity *ids = HC_NEW_N(p->a, struct hc_cosign_identity, n + 1);
    if (!ids)
        return hc_fail_nomem(&p->err);
    if (n > MAX_IDENTITIES)
        return hc_fail(&p->err, HC_E_LIMIT, "spec.verify has more than %u identities", MAX_IDENTITIES);
    for (size_t i = 0; i < n; i++)
        ids[i] = (struct hc_cosign_identity){ hc_get_str_at(hc_list_at(list, i), "issuer"),
                                              hc_get_str_at(hc_list_at(list, i), "subject") };
    v->cosign.identities = ids;
    v->cosign.identities_n = n;
    return HC_OK;
}

/* Notation: trustpolicy.json, and every *.crt and *.pem a certificate of all trust stores (source-controller
 * internal/oci/notation). */
static enum hc_rc read_policy(struct pass *p, hc_str name, struct src_verify *v)
{
    static const char file[] = "trustpolicy.json";
    struct hc_val *secret = NULL;
    if (!name.n)
        return hc_fail(&p->err, HC_E_INPUT,
                       "verification secret cannot be empty: name a Secret with %s and the certificates in "
                       "spec.verify.secretRef",
                       file);
    enum hc_rc rc = secret_of(p, name, &secret);
    if (rc != HC_OK)
        return rc;
    trusts(p, v, secret);
    const struct hc_val *data = hc_map_getz(secret, "data");
    hc_str text = hc_get_str(hc_map_getz(data, file));
    if (!text.n)
        return hc_fail(&p->err, HC_E_INPUT, "'%s' not found in secret '%.*s/%.*s'", file, HC_P(p->key.ns),
                       HC_P(name));
    rc = hc_trust_policy_read(p->a, hc_base64_decode(p->a, text, NULL), true, &v->policy, &p->err);
    for (size_t i = 0; rc == HC_OK && i < hc_map_len(data); i++) {
        const struct hc_entry *e = hc_map_at(data, i);
        if (hc_str_ends(e->key, HC_S(".crt")) || hc_str_ends(e->key, HC_S(".pem")))
            rc = hc_notation_add_certs(p->a, e->key, hc_base64_decode(p->a, hc_get_str(e->val), NULL),
                                       &v->notation.certs, &p->err);
    }
    if (rc != HC_OK)
        return hc_wrap(&p->err, "secret '%.*s/%.*s'", HC_P(p->key.ns), HC_P(name));
    if (!v->notation.certs.n)
        return hc_fail(&p->err, HC_E_INPUT,
                       "no certificates found in secret '%.*s/%.*s': keys that end in .crt or .pem",
                       HC_P(p->key.ns), HC_P(name));
    v->notation.policy = &v->policy;
    v->trust.notation = &v->notation;
    return HC_OK;
}

enum hc_rc src_verify_open(struct pass *p, struct src_verify *v)
{
    const struct hc_val *verify = hc_map_getz(p->spec, "verify");
    memset(v, 0, sizeof(*v));
    v->wanted = hc_is_map(verify);
    if (!v->wanted) {
        hc_cond_del(&p->cond, "SourceVerified");
        return HC_OK;
    }
    hc_str provider = hc_get_str_at(verify, "provider"), name = hc_get_str_at(verify, "secretRef.name");
    const struct hc_val *said = hc_cond_get(p->status, "SourceVerified");
    v->check.again = !said || hc_get_int_at(said, "observedGeneration", -1) != p->cond.generation ||
                     !hc_cond_is(p->status, "SourceVerified", HC_TRUE);
    v->check.trust = &v->trust;
    v->provider = name.n ? "cosign" : "cosign keyless";
    if (hc_str_eqz(provider, "notation")) {
        v->provider = "notation";
        return read_policy(p, name, v);
    }
    if (provider.n && !hc_str_eqz(provider, "cosign")) {
        v->provider = hc_arena_strz(p->a, provider);
        v->unsupported = true;
        return hc_fail(&p->err, HC_E_INPUT, "unsupported verification provider: %.*s: it is cosign or notation",
                       HC_P(provider));
    }
    v->trust.cosign = &v->cosign;
    return name.n ? read_keys(p, name, v) : read_root(p, verify, v);
}

void src_verify_keep(struct pass *p, const struct src_verify *v)
{
    if (v->wanted && hc_cond_is(p->status, "SourceVerified", HC_TRUE))
        src_trust_keep(p, &v->by);
}

void src_verify_close(struct src_verify *v)
{
    hc_sigstore_root_free(v->root);
    v->root = NULL;
}

struct hc_oci_check *src_verify_check(struct src_verify *v)
{
    return v->wanted ? &v->check : NULL;
}

void src_verify_wrap(struct pass *p, const struct src_verify *v)
{
    hc_wrap(&p->err, "failed to verify the signature using provider '%s'", v->provider);
}

void src_verify_failed(struct pass *p)
{
    hc_cond_setf(&p->cond, "SourceVerified", HC_FALSE, "VerificationError", "%s", p->err.msg);
}

void src_verify_done(struct pass *p, const struct src_verify *v, const char *what, hc_str revision)
{
    if (v->check.logged.n)
        pass_log(p, HC_LOG_INFO, "the signature of %s %.*s fails what the trust policy does not enforce: %.*s",
                 what, HC_P(revision), HC_P(v->check.logged));
    if (v->check.ignored)
        hc_cond_del(&p->cond, "SourceVerified"); /* nobody vouches for it */
    else if (v->check.checked)
        hc_cond_setf(&p->cond, "SourceVerified", HC_TRUE, "Succeeded", "verified signature of %s %.*s", what,
                     HC_P(revision));
}
