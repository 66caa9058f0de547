/*
 * Who we are to a registry: what the object or the flags gave, or the entry of a .dockerconfigjson that fits best, as
 * Kubernetes matches imagePullSecrets. Programs that such a file names (credHelpers, credsStore) are not run here: a
 * Secret is written by others.
 */
#include "charts-fetch/source/oci_impl.h"
#include "core/base/digest.h"
#include "core/value/json.h"

static bool docker_hub(hc_str host)
{
    static const char *const names[] = { "docker.io", "index.docker.io", "registry-1.docker.io",
                                         "registry.hub.docker.com" };
    for (size_t i = 0; i < HC_LEN(names); i++)
        if (hc_str_eqz(host, names[i]))
            return true;
    return false;
}

/* "*.gcr.io" names one label, as Kubernetes matches imagePullSecrets. */
static bool same_host(hc_str pattern, hc_str host)
{
    if (hc_str_eq_nocase(pattern, host) || (docker_hub(pattern) && docker_hub(host)))
        return true;
    size_t dot = hc_str_find(host, '.');
    return hc_str_starts(pattern, HC_S("*.")) && dot != SIZE_MAX &&
           hc_str_eq_nocase(hc_str_sub(pattern, 1, pattern.n), hc_str_sub(host, dot, host.n));
}

/* How well a key of `auths` fits: 0 not, else longer paths more. */
static size_t fits(hc_str key, hc_str want_host, hc_str repo)
{
    static const char *const schemes[] = { "https://", "http://" };
    for (size_t i = 0; i < HC_LEN(schemes); i++)
        if (hc_str_starts(key, hc_str_of(schemes[i])))
            key = hc_str_sub(key, strlen(schemes[i]), key.n);
    size_t slash = hc_str_find(key, '/');
    hc_str host = hc_str_sub(key, 0, slash),
           path = slash == SIZE_MAX ? HC_S("") : hc_str_sub(key, slash + 1, key.n);
    while (path.n && path.p[path.n - 1] == '/')
        path.n--;
    if (!same_host(host, want_host))
        return 0;
    if (path.n == 0 || hc_str_eqz(path, "v1") || hc_str_eqz(path, "v2"))
        return 1;
    bool below = hc_str_starts(repo, path) && (repo.n == path.n || repo.p[path.n] == '/');
    return below ? 1 + path.n : 0;
}

enum hc_rc oci_docker_config(struct hc_arena *a, hc_str config, hc_str host, hc_str repo,
                             struct hc_registry_login *out, struct hc_err *err)
{
    struct hc_val *v = NULL;
    if (hc_json_parse(a, config, HC_JSON_NO_POSITIONS, &v, NULL) != HC_OK || !hc_is_map(v))
        return hc_fail(err, HC_E_INPUT, "the registry login (.dockerconfigjson) is no JSON");
    const struct hc_val *auths = hc_map_getz(v, "auths"), *best = NULL;
    hc_str best_key = { NULL, 0 };
    size_t best_fit = 0;
    for (size_t i = 0; i < hc_map_len(auths); i++) {
        const struct hc_entry *e = hc_map_at(auths, i);
        size_t fit = fits(e->key, host, repo);
        if (fit > best_fit) {
            best_fit = fit;
            best = e->val;
            best_key = e->key;
        }
    }
    if (!best)
        return HC_OK;
    struct hc_registry_login got = { .username = hc_get_str(hc_map_getz(best, "username")),
                                     .password = hc_get_str(hc_map_getz(best, "password")),
                                     .identity_token = hc_get_str(hc_map_getz(best, "identitytoken")),
                                     .registry_token = hc_get_str(hc_map_getz(best, "registrytoken")) };
    hc_str auth = hc_get_str(hc_map_getz(best, "auth"));
    if (auth.n && !got.username.n) {
        hc_str pair = hc_base64_decode(a, auth, NULL);
        size_t colon = hc_str_find(pair, ':');
        if (!pair.p || colon == SIZE_MAX)
            return hc_fail(err, HC_E_INPUT,
                           "the registry login (.dockerconfigjson) for %.*s: auth is not the base64 of "
                           "user:password",
                           HC_P(host));
        got.username = hc_str_sub(pair, 0, colon);
        got.password = hc_str_sub(pair, colon + 1, pair.n);
        while (got.password.n && got.password.p[got.password.n - 1] == '\0') /* as Docker's own reader does */
            got.password.n--;
    }
    if (!got.username.n && !got.identity_token.n && !got.registry_token.n)
        return HC_OK;
    got.from = hc_arena_printf(a, "the entry '%.*s' of auths in %s", HC_P(hc_str_sub(best_key, 0, 200)),
                               out->from ? out->from : "the .dockerconfigjson")
                   .p;
    *out = got;
    return hc_arena_check(a, err, "registry login");
}

enum hc_rc oci_find_login(struct hc_oci *o, struct hc_err *err)
{
    const struct hc_source_auth *auth = &o->auth;
    struct hc_registry_login *to = &o->login;
    if (o->login_known)
        return HC_OK;
    *to = (struct hc_registry_login){ .from = auth->from };
    enum hc_rc rc = HC_OK;
    if (auth->bearer.n) {
        to->registry_token = auth->bearer;
    } else if (auth->username.n || auth->password.n) {
        to->username = auth->username;
        to->password = auth->password;
    } else if (auth->docker_config.n) {
        rc = oci_docker_config(o->a, auth->docker_config, o->host, o->repo, to, err);
    } else if (auth->find_login) {
        rc = auth->find_login(auth->find_ctx, o->a, o->host, to, err);
    }
    o->login_known = rc == HC_OK;
    return rc;
}

const char *oci_login_advice(const struct hc_oci *o)
{
    return o->env.login ? o->env.login : "it wants a login; name a Secret with it in spec.secretRef";
}

static bool has_login(const struct hc_oci *o)
{
    const struct hc_registry_login *l = &o->login;
    return l->username.n || l->password.n || l->identity_token.n || l->registry_token.n;
}

const char *oci_asked_as(const struct hc_oci *o)
{
    const char *text;
    if (has_login(o) && !o->repo.n)
        text = "the login is not accepted";
    else if (has_login(o))
        text = hc_arena_printf(o->a, "the registry login may not %s it; it was asked with %s",
                               o->pushes ? "write" : "read",
                               o->login.from ? o->login.from : "the login that was given")
                   .p;
    else if (o->auth.docker_config.n)
        text = hc_arena_printf(o->a, "it was asked without a login: %s has no entry for %.*s",
                               o->auth.from ? o->auth.from : "the .dockerconfigjson", HC_P(o->host))
                   .p;
    else
        text = oci_login_advice(o);
    return text ? text : "";
}
