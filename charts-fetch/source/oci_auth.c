/*
 * Who we are to a registry: user and password, a .dockerconfigjson, and the token a registry sends us to fetch
 * (distribution spec: token authentication). A token lives as long as one fetch.
 *
 * Credentials go to the token server the registry names, which is another host with most registries; never to one
 * without TLS when the registry itself has it.
 */
#include "charts-fetch/source/oci_impl.h"
#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/limits.h"
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
static size_t fits(hc_str key, const struct hc_oci *o)
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
    if (!same_host(host, o->host))
        return 0;
    if (path.n == 0 || hc_str_eqz(path, "v1") || hc_str_eqz(path, "v2"))
        return 1;
    bool below = hc_str_starts(o->repo, path) && (o->repo.n == path.n || o->repo.p[path.n] == '/');
    return below ? 1 + path.n : 0;
}

enum hc_rc oci_docker_config(struct hc_oci *o, hc_str config, struct hc_err *err)
{
    struct hc_val *v = NULL;
    if (hc_json_parse(o->a, config, HC_JSON_NO_POSITIONS, &v, NULL) != HC_OK)
        return hc_fail(err, HC_E_INPUT, "the registry login (.dockerconfigjson) is no JSON");
    const struct hc_val *auths = hc_map_getz(v, "auths"), *best = NULL;
    size_t best_fit = 0;
    for (size_t i = 0; i < hc_map_len(auths); i++) {
        const struct hc_entry *e = hc_map_at(auths, i);
        size_t fit = fits(e->key, o);
        if (fit > best_fit) {
            best_fit = fit;
            best = e->val;
        }
    }
    if (!best)
        return HC_OK;
    hc_str user = hc_get_str(hc_map_getz(best, "username")), token = hc_get_str(hc_map_getz(best, "registrytoken"));
    hc_str auth = hc_get_str(hc_map_getz(best, "auth"));
    o->identity_token = hc_get_str(hc_map_getz(best, "identitytoken"));
    if (token.n) {
        o->authorization = hc_arena_printf(o->a, "Authorization: Bearer %.*s", HC_P(token));
    } else if (user.n) {
        hc_str pair = hc_arena_printf(o->a, "%.*s:%.*s", HC_P(user),
                                      HC_P(hc_get_str(hc_map_getz(best, "password"))));
        o->basic = hc_base64(o->a, pair);
    } else if (auth.n) {
        hc_str pair = hc_base64_decode(o->a, auth, NULL);
        if (!pair.p || hc_str_find(pair, ':') == SIZE_MAX)
            return hc_fail(err, HC_E_INPUT,
                           "the registry login (.dockerconfigjson) for %.*s: auth is not the base64 of "
                           "user:password",
                           HC_P(o->host));
        o->basic = hc_base64(o->a, pair);
    }
    return hc_arena_check(o->a, err, "registry login");
}

const char *oci_login_advice(const struct hc_oci *o)
{
    return o->env.login ? o->env.login : "it wants a login; name a Secret with it in spec.secretRef";
}

hc_str oci_param(struct hc_arena *a, hc_str challenge, const char *key)
{
    size_t i = hc_str_find(challenge, ' ');
    hc_str out = { NULL, 0 };
    if (i == SIZE_MAX)
        return out;
    while (i < challenge.n) {
        while (i < challenge.n && (challenge.p[i] == ' ' || challenge.p[i] == ',' || challenge.p[i] == '\t'))
            i++;
        size_t from = i;
        while (i < challenge.n && challenge.p[i] != '=' && challenge.p[i] != ',')
            i++;
        hc_str name = hc_str_trim(hc_str_sub(challenge, from, i));
        if (i == challenge.n || challenge.p[i] == ',')
            continue;
        i++;
        size_t n = 0;
        char *value = hc_arena_alloc(a, challenge.n + 1, 1);
        if (!value)
            return out;
        if (i < challenge.n && challenge.p[i] == '"') {
            for (i++; i < challenge.n && challenge.p[i] != '"'; i++) {
                if (challenge.p[i] == '\\' && i + 1 < challenge.n)
                    i++;
                value[n++] = challenge.p[i];
            }
            i++;
        } else {
            while (i < challenge.n && challenge.p[i] != ',' && challenge.p[i] != ' ')
                value[n++] = challenge.p[i++];
        }
        if (hc_str_eq_nocase(name, hc_str_of(key)))
            return hc_str_n(value, n);
    }
    return out;
}

static void put_escaped(struct hc_buf *b, hc_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '.' || c == '_' || c == '~';
        if (plain)
            hc_buf_putc(b, (char)c);
        else
            hc_buf_printf(b, "%%%02X", c);
    }
}

static enum hc_rc fetch_token(struct hc_oci *o, hc_str realm, hc_str service, hc_str scope, struct hc_err *err)
{
    struct hc_arena *a = o->a;
    bool refresh = o->identity_token.n > 0;
    struct hc_buf q;
    hc_buf_init(&q, HC_MIB);
    hc_buf_puts(&q, refresh ? "grant_type=refresh_token&client_id=helmctl&service=" : "service=");
    put_escaped(&q, service);
    hc_buf_puts(&q, "&scope=");
    put_escaped(&q, scope);
    if (refresh) {
        hc_buf_puts(&q, "&refresh_token=");
        put_escaped(&q, o->identity_token);
    }
    hc_str query = hc_buf_to_arena(&q, a);
    hc_buf_done(&q);
    const char *headers[3] = { "Accept: application/json", NULL, NULL };
    if (refresh)
        headers[1] = "Content-Type: application/x-www-form-urlencoded";
    else if (o->basic.n)
        headers[1] = hc_arena_printf(a, "Authorization: Basic %.*s", HC_P(o->basic)).p;
    hc_str url = refresh ? realm
                         : hc_arena_printf(a, "%.*s%c%.*s", HC_P(realm),
                                           hc_str_find(realm, '?') == SIZE_MAX ? '?' : '&', HC_P(query));
    struct hc_http_tls *tls = NULL;
    if ((o->auth.ca_pem.n ||
         o->auth.insecure_skip_verify)) /* the trust goes along, the client certificate does not */
        tls = hc_http_tls_new(
            &(struct hc_http_tls_options){ .ca_pem = o->auth.ca_pem,
                                           .ca_with_system = true,
                                           .insecure_skip_verify = o->auth.insecure_skip_verify });
    struct hc_http_request req = {
        .method = refresh ? "POST" : "GET",
        .url = hc_arena_strz(a, url),
        .headers = headers,
        .body = refresh ? query : (hc_str){ NULL, 0 },
        .tls = tls,
        .proxy = o->env.proxy,
        .timeout_ms = HC_MAX(o->deadline_ms - hc_mono_ms(), 1),
        .max_bytes = HC_MIB,
        .max_redirects = -1,
    };
    struct hc_http_response r;
    enum hc_rc rc = hc_arena_spent(a) ? hc_fail_nomem(err) : hc_http_do(o->env.http, a, &req, &r, err);
    hc_http_tls_unref(tls);
    if (rc != HC_OK)
        return hc_wrap(err, "token for %.*s/%.*s", HC_P(o->host), HC_P(o->repo));
    struct hc_val *v = NULL;
    hc_str token = { NULL, 0 };
    if (r.status == 200 && hc_json_parse(a, r.body, HC_JSON_NO_POSITIONS, &v, NULL) == HC_OK) {
        token = hc_get_str(hc_map_getz(v, "token"));
        if (!token.n)
            token = hc_get_str(hc_map_getz(v, "access_token"));
    }
    if (!token.n) {
        bool later = r.status == 429 || r.status >= 500;
        rc = hc_fail(err, later ? HC_E_AGAIN : HC_E_INPUT, "token for %.*s/%.*s: the token server answers %d%s%s",
                     HC_P(o->host), HC_P(o->repo), r.status,
                     later             ? ""
                     : r.status == 200 ? " without a token"
                     : headers[1]      ? ": the registry login is not accepted"
                                       : ": ",
                     later || r.status == 200 || headers[1] ? "" : oci_login_advice(o));
        if (err) {
            err->http_status = r.status;
            err->retry_after_ms = r.retry_after_ms;
        }
        return rc;
    }
    for (size_t i = 0; i < token.n; i++)
        if ((unsigned char)token.p[i] <= ' ')
            return hc_fail(err, HC_E_INPUT, "token for %.*s/%.*s: the token server sent no proper token",
                           HC_P(o->host), HC_P(o->repo));
    o->authorization = hc_arena_printf(a, "Authorization: Bearer %.*s", HC_P(token));
    return hc_arena_check(a, err, "token");
}

enum hc_rc oci_answer(struct hc_oci *o, hc_str challenge, struct hc_err *err)
{
    if (hc_str_eq_nocase(hc_str_sub(challenge, 0, 6), HC_S("bearer"))) {
        hc_str realm = oci_param(o->a, challenge, "realm"), scope = oci_param(o->a, challenge, "scope");
        bool secure = hc_str_starts(realm, HC_S("https://"));
        if (!secure && !(hc_str_starts(realm, HC_S("http://")) && strcmp(o->scheme, "http") == 0))
            return hc_fail(err, HC_E_INPUT, "registry %.*s: its token server has no https:// address",
                           HC_P(o->host));
        if (!scope.n)
            scope = hc_arena_printf(o->a, "repository:%.*s:pull", HC_P(o->repo));
        return fetch_token(o, realm, oci_param(o->a, challenge, "service"), scope, err);
    }
    if (hc_str_eq_nocase(hc_str_sub(challenge, 0, 5), HC_S("basic")) && o->basic.n) {
        o->authorization = hc_arena_printf(o->a, "Authorization: Basic %.*s", HC_P(o->basic));
        return hc_arena_check(o->a, err, "registry login");
    }
    return hc_fail(err, HC_E_INPUT, "registry %.*s: login for %.*s: %s", HC_P(o->host), HC_P(o->repo),
                   o->basic.n ? "it wants another kind of login than user and password" : oci_login_advice(o));
}
