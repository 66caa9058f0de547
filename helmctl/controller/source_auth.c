/*
 * Secrets of sources: the keys Flux reads, the old spellings included. Values stay in the pass's arena and reach no
 * message.
 */
#include "core/base/digest.h"
#include "core/base/limits.h"
#include "core/value/json.h"
#include "helmctl/controller/sources_impl.h"

/* A key of a Secret's data, decoded; absent when it is not there. */
hc_str src_secret_key(struct hc_arena *a, const struct hc_val *secret, const char *key)
{
    const struct hc_val *v = hc_map_getz(hc_map_getz(secret, "data"), key);
    return hc_is_str(v) ? hc_base64_decode(a, hc_get_str(v), NULL) : (hc_str){ NULL, 0 };
}

static hc_str first_key(struct hc_arena *a, const struct hc_val *secret, const char *key, const char *old)
{
    hc_str s = src_secret_key(a, secret, key);
    return s.n ? s : src_secret_key(a, secret, old);
}

enum hc_rc src_secret(struct pass *p, hc_str ns, hc_str name, struct hc_val **out, const char **out_reason)
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

/* The certificates of a Secret; those of another that were read before count no more. As in Flux one half of a pair is an
 * error; with `only` (spec.certSecretRef) there must be something, elsewhere the Secret has other things, too. */
static enum hc_rc read_tls(struct pass *p, const struct hc_val *secret, hc_str name, bool only,
                           struct hc_source_auth *out)
{
    struct hc_arena *a = p->a;
    hc_str ca = first_key(a, secret, "ca.crt", "caFile");
    hc_str cert = first_key(a, secret, "tls.crt", "certFile"), key = first_key(a, secret, "tls.key", "keyFile");
    hc_str ns = p->key.ns;
    if (!cert.n != !key.n && only)
        return hc_fail(&p->err, HC_E_INPUT, "secret '%.*s/%.*s' contains '%s' but missing '%s'", HC_P(ns),
                       HC_P(name), cert.n ? "tls.crt" : "tls.key", cert.n ? "tls.key" : "tls.crt");
    if (only && !ca.n && !cert.n)
        return hc_fail(&p->err, HC_E_INPUT,
                       "secret '%.*s/%.*s' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'", HC_P(ns),
                       HC_P(name));
    if (!only && !ca.n && (!cert.n || !key.n))
        return HC_OK;
    out->ca_pem = ca;
    out->cert_pem = key.n ? cert : (hc_str){ NULL, 0 };
    out->key_pem = cert.n ? key : (hc_str){ NULL, 0 };
    out->tls_from = hc_arena_printf(a, "Secret %.*s/%.*s", HC_P(ns), HC_P(name)).p;
    return HC_OK;
}

/* The registry logins of a pull secret into `all`, where the first one for a name stays. Also those of the older type,
 * which has them without "auths". What is no JSON is left for the fetch to tell of: *out_bad. */
static void add_logins(struct hc_arena *a, const struct hc_val *secret, struct hc_val *all, hc_str *out_bad)
{
    hc_str text = src_secret_key(a, secret, ".dockerconfigjson"), old = src_secret_key(a, secret, ".dockercfg");
    struct hc_val *v = NULL;
    if (!text.n && !old.n)
        return;
    if (hc_json_parse(a, text.n ? text : old, HC_JSON_NO_POSITIONS, &v, NULL) != HC_OK || !hc_is_map(v)) {
        *out_bad = text.n ? text : old;
        return;
    }
    const struct hc_val *auths = text.n ? hc_map_getz(v, "auths") : v;
    for (size_t i = 0; i < hc_map_len(auths); i++)
        if (!hc_map_get(all, hc_map_at(auths, i)->key))
            hc_map_put(a, all, hc_map_at(auths, i)->key, hc_map_at(auths, i)->val);
}

/* Pull secrets of a ServiceAccount, as kubelet uses them. */
static enum hc_rc add_pull_secrets(struct pass *p, hc_str ns, hc_str account, struct hc_val *all, hc_str *out_bad,
                                   const char **out_reason)
{
    struct hc_val *sa = NULL, *secret = NULL;
    struct hc_ref r = { HC_S("v1"), HC_S("ServiceAccount"), ns, account };
    enum hc_rc rc = hc_kube_get(p->c->kube, p->a, &r, &sa, &p->err);
    if (rc != HC_OK) {
        *out_reason = "AuthenticationFailed";
        return hc_wrap(&p->err, "failed to get ServiceAccount '%.*s/%.*s'", HC_P(ns), HC_P(account));
    }
    const struct hc_val *list = hc_map_getz(sa, "imagePullSecrets");
    for (size_t i = 0; i < hc_list_len(list) && rc == HC_OK; i++) {
        rc = src_secret(p, ns, hc_get_str(hc_map_getz(hc_list_at(list, i), "name")), &secret, out_reason);
        if (rc == HC_OK)
            add_logins(p->a, secret, all, out_bad);
    }
    return rc;
}

/* A user without a password, or the other way round: as Flux has it an error, not an anonymous request. Git servers take a
 * token as a user without a password; for SSH the password is the key's. */
static bool half_a_login(struct pass *p, const struct hc_val *secret, hc_str ns, hc_str name,
                         const struct hc_source_auth *auth)
{
    const struct hc_val *data = hc_map_getz(secret, "data");
    bool user = hc_map_getz(data, "username") != NULL, password = hc_map_getz(data, "password") != NULL;
    bool git = p->key.kind == HC_CTL_GIT;
    if (user == password || (git && user) || auth->ssh_key.n || auth->bearer.n)
        return false;
    hc_fail(&p->err, HC_E_INPUT, "secret '%.*s/%.*s': malformed basic auth - has '%s' but missing '%s'", HC_P(ns),
            HC_P(name), user ? "username" : "password", user ? "password" : "username");
    return true;
}

enum hc_rc src_auth_of(struct pass *p, const struct hc_val *spec, hc_str ns, struct hc_source_auth *out,
                       const char **out_reason)
{
    struct hc_val *secret = NULL, *logins = hc_map_new(p->a);
    hc_str bad = { NULL, 0 };
    enum hc_rc rc;
    memset(out, 0, sizeof(*out));
    out->pass_credentials = hc_get_bool_at(spec, "passCredentials", false);
    /* A HelmRepository of type oci means HTTP by it, as Helm's --plain-http; an OCIRepository tries TLS first. */
    if (hc_str_eqz(hc_get_str_at(spec, "type"), "oci"))
        out->plain_http = hc_get_bool_at(spec, "insecure", false);
    else
        out->insecure_registry = hc_get_bool_at(spec, "insecure", false);
    out->ca_with_system = true;
    out->tls_field = p->key.kind == HC_CTL_GIT ? "spec.secretRef" : "spec.certSecretRef";
    hc_str name = hc_get_str_at(spec, "secretRef.name"), account = hc_get_str_at(spec, "serviceAccountName");
    if (name.n) {
        if ((rc = src_secret(p, ns, name, &secret, out_reason)) != HC_OK)
            return rc;
        out->username = src_secret_key(p->a, secret, "username");
        out->password = src_secret_key(p->a, secret, "password");
        out->bearer = src_secret_key(p->a, secret, "bearerToken");
        out->ssh_key = src_secret_key(p->a, secret, "identity");
        out->known_hosts = src_secret_key(p->a, secret, "known_hosts");
        out->app_id = src_secret_key(p->a, secret, "githubAppID");
        out->app_owner = src_secret_key(p->a, secret, "githubAppInstallationOwner");
        out->app_installation = src_secret_key(p->a, secret, "githubAppInstallationID");
        out->app_key = src_secret_key(p->a, secret, "githubAppPrivateKey");
        out->app_url = src_secret_key(p->a, secret, "githubAppBaseURL");
        add_logins(p->a, secret, logins, &bad);
        if (out->ssh_key.n)
            out->ssh_key_password = out->password;
        (void)read_tls(p, secret, name, false, out);
        out->from = hc_arena_printf(p->a, "Secret %.*s/%.*s", HC_P(ns), HC_P(name)).p;
        if (half_a_login(p, secret, ns, name, out)) {
            *out_reason = "AuthenticationFailed";
            return p->err.code;
        }
    }
    hc_str cert = hc_get_str_at(spec, "certSecretRef.name");
    if (cert.n) {
        if ((rc = src_secret(p, ns, cert, &secret, out_reason)) != HC_OK)
            return rc;
        if ((rc = read_tls(p, secret, cert, true, out)) != HC_OK) {
            *out_reason = "AuthenticationFailed";
            return rc;
        }
    }
    if (account.n && (rc = add_pull_secrets(p, ns, account, logins, &bad, out_reason)) != HC_OK)
        return rc;
    if (account.n)
        out->from = hc_arena_printf(p->a, "%s%sthe pull secrets of ServiceAccount %.*s/%.*s",
                                    out->from ? out->from : "", out->from ? " and " : "", HC_P(ns), HC_P(account))
                        .p;
    out->docker_config = bad;
    if (!bad.n && hc_map_len(logins)) {
        struct hc_val *doc = hc_map_new(p->a);
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 16 * HC_MIB);
        hc_map_put(p->a, doc, HC_S("auths"), logins);
        hc_json_write(&b, doc, 0);
        out->docker_config = hc_buf_to_arena(&b, p->a);
    }
    return hc_arena_check(p->a, &p->err, "registry logins");
}

enum hc_rc src_auth(struct pass *p, struct hc_source_auth *out, const char **out_reason)
{
    return src_auth_of(p, p->spec, p->key.ns, out, out_reason);
}

/* As a user's name or password stands in a URL. */
static hc_str url_escaped(struct hc_arena *a, hc_str s)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MIB);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || strchr("-._~", c);
        if (plain && c)
            hc_buf_putc(&b, (char)c);
        else
            hc_buf_printf(&b, "%%%02X", c);
    }
    return hc_buf_to_arena(&b, a);
}

static enum hc_rc proxy_of(struct pass *p, const struct hc_val *secret, hc_str ns, hc_str name,
                           struct hc_source_env *out)
{
    static const char *const schemes[] = { "http", "https", "socks5" };
    hc_str address = src_secret_key(p->a, secret, "address"), user = src_secret_key(p->a, secret, "username");
    hc_str password = src_secret_key(p->a, secret, "password");
    size_t at = hc_str_find_str(address, HC_S("://"));
    hc_str scheme = hc_str_sub(address, 0, at == SIZE_MAX ? 0 : at);
    bool known = false;
    for (size_t i = 0; i < HC_LEN(schemes); i++)
        known = known || hc_str_eqz(scheme, schemes[i]);
    if (!address.n)
        return hc_fail(&p->err, HC_E_INPUT, "proxy secret '%.*s/%.*s' has no key 'address'", HC_P(ns), HC_P(name));
    if (!known)
        return hc_fail(&p->err, HC_E_INPUT,
                       "secret '%.*s/%.*s': proxy URL must use one of the supported schemes (http, https, socks5): "
                       "write the key 'address' as http://HOST:PORT",
                       HC_P(ns), HC_P(name));
    hc_str rest = hc_str_sub(address, at + 3, address.n), login = { NULL, 0 };
    size_t host = hc_str_rfind(hc_str_sub(rest, 0, hc_str_find(rest, '/')), '@');
    if (host != SIZE_MAX) {
        login = hc_str_sub(rest, 0, host);
        rest = hc_str_sub(rest, host + 1, rest.n);
    }
    if (user.n)
        login = hc_arena_printf(p->a, "%.*s:%.*s", HC_P(url_escaped(p->a, user)),
                                HC_P(url_escaped(p->a, password)));
    /* The proxy looks the name up, as with Go. */
    out->proxy = hc_arena_printf(p->a, "%.*s%s://%.*s%s%.*s", HC_P(scheme), hc_str_eqz(scheme, "socks5") ? "h" : "",
                                 HC_P(login), login.n ? "@" : "", HC_P(rest))
                     .p;
    out->proxy_from = hc_arena_printf(p->a, "Secret %.*s/%.*s", HC_P(ns), HC_P(name)).p;
    return hc_arena_check(p->a, &p->err, "proxy");
}

enum hc_rc src_env(struct pass *p, const struct hc_val *spec, hc_str ns, struct hc_source_env *out)
{
    *out = (struct hc_source_env){ .http = p->c->http,
                                   .store = ctl_store_blobs(p->c->store),
                                   .logins = p->c->logins,
                                   .timeout_ms = pass_duration(spec, "timeout", p->c->o->http_timeout_ms) };
    hc_str name = hc_get_str_at(spec, "proxySecretRef.name");
    if (!name.n)
        return HC_OK;
    struct hc_val *secret = NULL;
    const char *reason;
    enum hc_rc rc = src_secret(p, ns, name, &secret, &reason);
    if (rc != HC_OK)
        return rc;
    return proxy_of(p, secret, ns, name, out);
}

enum hc_rc src_verify_keys(struct pass *p, hc_str name, struct hc_git_verify *out, struct src_trust *out_trust)
{
    struct hc_val *secret = NULL;
    const char *reason;
    if (src_secret(p, p->key.ns, name, &secret, &reason) != HC_OK)
        return p->err.code;
    const struct hc_val *data = hc_map_getz(secret, "data");
    size_t n = hc_map_len(data);
    hc_str *pgp = HC_NEW_N(p->a, hc_str, n + 1), *ssh = HC_NEW_N(p->a, hc_str, n + 1);
    if (!pgp || !ssh)
        return hc_arena_check(p->a, &p->err, "keys");
    for (size_t i = 0; i < n; i++) {
        const struct hc_entry *e = hc_map_at(data, i);
        hc_str key = hc_is_str(e->val) ? hc_base64_decode(p->a, hc_get_str(e->val), NULL) : (hc_str){ NULL, 0 };
        if (!key.n)
            continue;
        if (hc_str_ends(e->key, HC_S(".sshpub")))
            ssh[out->ssh_n++] = key;
        else /* Flux: whatever its name is */
            pgp[out->pgp_n++] = key;
    }
    out->pgp_keys = pgp;
    out->ssh_keys = ssh;
    src_trust_of(hc_map_getz(p->spec, "verify"), (const struct hc_val *const[]){ secret }, 1, out_trust);
    return HC_OK;
}
