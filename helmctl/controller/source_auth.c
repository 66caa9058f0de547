/*
 * Secrets of sources: the keys Flux reads, the old spellings included. Values stay in the pass's arena and reach no
 * message.
 */
#include "core/base/digest.h"
#include "helmctl/controller/sources_impl.h"

/* A key of a Secret's data, decoded; absent when it is not there. */
static hc_str secret_key(struct hc_arena *a, const struct hc_val *secret, const char *key)
{
    const struct hc_val *v = hc_map_getz(hc_map_getz(secret, "data"), key);
    return hc_is_str(v) ? hc_base64_decode(a, hc_get_str(v), NULL) : (hc_str){ NULL, 0 };
}

static hc_str first_key(struct hc_arena *a, const struct hc_val *secret, const char *key, const char *old)
{
    hc_str s = secret_key(a, secret, key);
    return s.n ? s : secret_key(a, secret, old);
}

static enum hc_rc get_secret(struct pass *p, hc_str ns, hc_str name, struct hc_val **out, const char **out_reason)
{
    struct hc_ref r = { HC_S("v1"), HC_S("Secret"), ns, name };
    enum hc_rc rc = hc_kube_get(p->c->kube, p->a, &r, out, &p->err);
    if (rc == HC_OK)
        return HC_OK;
    *out_reason = "AuthenticationFailed";
    if (rc == HC_E_NOTFOUND)
        return hc_fail(&p->err, HC_E_NOTFOUND, "failed to get secret '%.*s/%.*s': secrets \"%.*s\" not found",
                       HC_P(ns), HC_P(name), HC_P(name));
    return hc_wrap(&p->err, "failed to get secret '%.*s/%.*s'", HC_P(ns), HC_P(name));
}

static void read_tls(struct hc_arena *a, const struct hc_val *secret, struct hc_source_auth *out)
{
    hc_str ca = first_key(a, secret, "ca.crt", "caFile");
    hc_str cert = first_key(a, secret, "tls.crt", "certFile"), key = first_key(a, secret, "tls.key", "keyFile");
    if (ca.n)
        out->ca_pem = ca;
    if (cert.n)
        out->cert_pem = cert;
    if (key.n)
        out->key_pem = key;
}

enum hc_rc src_auth_of(struct pass *p, const struct hc_val *spec, hc_str ns, struct hc_source_auth *out,
                       const char **out_reason)
{
    struct hc_val *secret = NULL;
    enum hc_rc rc;
    memset(out, 0, sizeof(*out));
    out->pass_credentials = hc_get_bool_at(spec, "passCredentials", false);
    out->plain_http = hc_get_bool_at(spec, "insecure", false);
    hc_str name = hc_get_str_at(spec, "secretRef.name");
    if (name.n) {
        if ((rc = get_secret(p, ns, name, &secret, out_reason)) != HC_OK)
            return rc;
        out->username = secret_key(p->a, secret, "username");
        out->password = secret_key(p->a, secret, "password");
        out->bearer = secret_key(p->a, secret, "bearerToken");
        out->ssh_key = secret_key(p->a, secret, "identity");
        out->known_hosts = secret_key(p->a, secret, "known_hosts");
        out->docker_config = secret_key(p->a, secret, ".dockerconfigjson");
        if (out->ssh_key.n)
            out->ssh_key_password = out->password;
        read_tls(p->a, secret, out);
    }
    name = hc_get_str_at(spec, "certSecretRef.name");
    if (name.n) {
        if ((rc = get_secret(p, ns, name, &secret, out_reason)) != HC_OK)
            return rc;
        read_tls(p->a, secret, out);
    }
    /* Pull secrets of a ServiceAccount, as kubelet uses them. */
    name = hc_get_str_at(spec, "serviceAccountName");
    if (name.n && !out->docker_config.n) {
        struct hc_val *sa = NULL;
        struct hc_ref r = { HC_S("v1"), HC_S("ServiceAccount"), ns, name };
        if ((rc = hc_kube_get(p->c->kube, p->a, &r, &sa, &p->err)) != HC_OK) {
            *out_reason = "AuthenticationFailed";
            return hc_wrap(&p->err, "failed to get ServiceAccount '%.*s/%.*s'", HC_P(ns), HC_P(name));
        }
        const struct hc_val *list = hc_map_getz(sa, "imagePullSecrets");
        for (size_t i = 0; i < hc_list_len(list) && !out->docker_config.n; i++) {
            rc = get_secret(p, ns, hc_get_str(hc_map_getz(hc_list_at(list, i), "name")), &secret, out_reason);
            if (rc != HC_OK)
                return rc;
            out->docker_config = secret_key(p->a, secret, ".dockerconfigjson");
        }
    }
    return HC_OK;
}

enum hc_rc src_auth(struct pass *p, struct hc_source_auth *out, const char **out_reason)
{
    return src_auth_of(p, p->spec, p->key.ns, out, out_reason);
}

enum hc_rc src_env(struct pass *p, const struct hc_val *spec, hc_str ns, struct hc_source_env *out)
{
    *out = (struct hc_source_env){ .http = p->c->http,
                                   .store = ctl_store_blobs(p->c->store),
                                   .timeout_ms = pass_duration(spec, "timeout", p->c->o->http_timeout_ms) };
    hc_str name = hc_get_str_at(spec, "proxySecretRef.name");
    if (!name.n)
        return HC_OK;
    struct hc_val *secret = NULL;
    const char *reason;
    enum hc_rc rc = get_secret(p, ns, name, &secret, &reason);
    if (rc != HC_OK)
        return rc;
    hc_str address = secret_key(p->a, secret, "address"), user = secret_key(p->a, secret, "username");
    hc_str password = secret_key(p->a, secret, "password");
    if (!address.n)
        return hc_fail(&p->err, HC_E_INPUT, "proxy secret '%.*s/%.*s' has no key 'address'", HC_P(ns), HC_P(name));
    size_t at = hc_str_find_str(address, HC_S("://"));
    if (!user.n || at == SIZE_MAX) {
        out->proxy = hc_arena_strz(p->a, address);
        return HC_OK;
    }
    out->proxy = hc_arena_printf(p->a, "%.*s://%.*s:%.*s@%.*s", HC_P(hc_str_sub(address, 0, at)), HC_P(user),
                                 HC_P(password), HC_P(hc_str_sub(address, at + 3, address.n)))
                     .p;
    return HC_OK;
}
