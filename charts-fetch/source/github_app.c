/*
 * Installation tokens of a GitHub App: a JWT (RS256, RFC 7519) signed with the app's key is exchanged for a token that
 * lasts an hour. Tokens are shared by all fetches of the process until shortly before they end. The rules are Flux's
 * (pkg auth/githubapp): 30 s of clock drift allowed, two minutes for the JWT, an owner is looked for among organizations
 * and then users.
 */
#include <pthread.h>
#include <stdio.h>

#include "charts-fetch/source/http_impl.h"
#include "charts-fetch/source/jwt_impl.h"
#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/limits.h"
#include "core/http/fiber.h"
#include "core/value/json.h"

#define API         "https://api.github.com"
#define TOKENS_KEPT 64
#define TOKEN_MAX   1024
#define SPARE_MS    120000 /* a token that ends within this is not begun with */
#define ANSWER_MAX  HC_MIB

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept {
    char key[HC_SHA256_HEX + 1];
    int64_t ends_ms;
    char token[TOKEN_MAX];
} kept[TOKENS_KEPT];

/* One fetch for each token, however many wait for it; a slow server holds up its own apps (and, seldom, others). */
#define GATES 16
static struct hc_gate *gates[GATES];

static void make_gates(void)
{
    for (size_t i = 0; i < GATES; i++)
        gates[i] = hc_gate_new();
}

static hc_str recall(struct hc_arena *a, const char *key)
{
    hc_str token = { NULL, 0 };
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < TOKENS_KEPT && !token.p; i++)
        if (strcmp(kept[i].key, key) == 0 && kept[i].ends_ms - SPARE_MS > hc_now_ms())
            token = hc_arena_str(a, hc_str_of(kept[i].token));
    pthread_mutex_unlock(&lock);
    return token;
}

static void remember(const char *key, hc_str token, int64_t ends_ms)
{
    size_t at = 0;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < TOKENS_KEPT; i++) {
        if (strcmp(kept[i].key, key) == 0) {
            at = i;
            break;
        }
        if (kept[i].ends_ms < kept[at].ends_ms)
            at = i;
    }
    memcpy(kept[at].key, key, sizeof(kept[at].key));
    memcpy(kept[at].token, token.p, token.n);
    kept[at].token[token.n] = '\0';
    kept[at].ends_ms = ends_ms;
    pthread_mutex_unlock(&lock);
}

static enum hc_rc make_jwt(struct hc_arena *a, const struct hc_source_auth *auth, hc_str *out, struct hc_err *err)
{
    int64_t now = hc_now_ms() / 1000;
    hc_str claims = hc_arena_printf(a, "{\"iss\":\"%.*s\",\"exp\":%" PRId64 ",\"iat\":%" PRId64 "}",
                                    HC_P(auth->app_id), now + 90, now - 30);
    return source_jwt(a, auth->app_key, claims, "githubAppPrivateKey in the Secret of spec.secretRef", out, err);
}

struct api {
    const struct hc_source_env *env;
    struct hc_arena *a;
    const char *bearer;
    struct hc_http_tls *tls;
    hc_str base;
};

/* A call whose answer is a JSON object; *out_status is set whenever there was an answer. */
static enum hc_rc call(struct api *api, const char *method, const char *path, int *out_status, struct hc_val **out,
                       struct hc_err *err)
{
    static const char agent[] = "User-Agent: helmctl/" HC_VERSION;
    const char *headers[] = { api->bearer, "Accept: application/vnd.github+json",
                              "X-GitHub-Api-Version: 2022-11-28", agent, NULL };
    struct hc_http_response r;
    struct hc_http_request req = {
        .method = method,
        .url = hc_arena_printf(api->a, "%.*s%s", HC_P(api->base), path).p,
        .headers = headers,
        .tls = api->tls,
        .proxy = api->env->proxy,
        .timeout_ms = HC_MIN(api->env->timeout_ms ? api->env->timeout_ms : 60000, (int64_t)30000),
        .max_bytes = ANSWER_MAX,
    };
    *out = NULL;
    *out_status = 0;
    if (hc_arena_check(api->a, err, "GitHub App") != HC_OK)
        return err ? err->code : HC_E_LIMIT;
    if (hc_http_do(api->env->http, api->a, &req, &r, err) != HC_OK) {
        source_advise(api->env, NULL, &r, err);
        return hc_wrap(err, "GitHub App");
    }
    *out_status = r.status;
    if (r.status / 100 == 2 && hc_json_parse(api->a, r.body, HC_JSON_NO_POSITIONS, out, NULL) != HC_OK)
        *out = NULL;
    return HC_OK;
}

static enum hc_rc find_installation(struct api *api, hc_str owner, int64_t *out_id, struct hc_err *err)
{
    static const char *const kinds[] = { "orgs", "users" };
    struct hc_val *v = NULL;
    int status = 0;
    for (size_t i = 0; i < HC_LEN(kinds); i++) {
        const char *path = hc_arena_printf(api->a, "/%s/%.*s/installation", kinds[i], HC_P(owner)).p;
        if (!path || call(api, "GET", path, &status, &v, err) != HC_OK)
            return path ? err->code : hc_arena_check(api->a, err, "GitHub App");
        *out_id = hc_get_int_at(v, "id", 0);
        if (status == 200 && *out_id > 0)
            return HC_OK;
        if (status == 401)
            break;
    }
    if (status == 401)
        return hc_fail(err, HC_E_INPUT,
                       "GitHub App: %.*s answers 401: githubAppID and githubAppPrivateKey do not belong together",
                       HC_P(api->base));
    return hc_fail(err, status == 404 ? HC_E_INPUT : HC_E_AGAIN,
                   "GitHub App: %.*s answers %d: the app is not installed for the organization or user '%.*s' "
                   "(githubAppInstallationOwner)",
                   HC_P(api->base), status, HC_P(owner));
}

static bool is_name(hc_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || ((s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'z') || s.p[i] == '-' ||
              s.p[i] == '_'))
            return false;
    return s.n > 0 && s.n < 100;
}

static enum hc_rc check_fields(const struct hc_source_auth *auth, struct hc_err *err)
{
    int64_t id;
    hc_str inst = auth->app_installation, owner = auth->app_owner;
    if (!hc_str_to_i64(auth->app_id, &id) || id <= 0)
        return hc_fail(err, HC_E_INPUT, "githubAppID in the Secret of spec.secretRef is no number");
    if (!auth->app_key.n)
        return hc_fail(err, HC_E_INPUT, "the Secret of spec.secretRef has no githubAppPrivateKey");
    if (!inst.n == !owner.n)
        return hc_fail(err, HC_E_INPUT,
                       "the Secret of spec.secretRef must have one of githubAppInstallationID and "
                       "githubAppInstallationOwner");
    if (inst.n && (!hc_str_to_i64(inst, &id) || id <= 0))
        return hc_fail(err, HC_E_INPUT, "githubAppInstallationID in the Secret of spec.secretRef is no number");
    if (owner.n && !is_name(owner))
        return hc_fail(err, HC_E_INPUT,
                       "githubAppInstallationOwner in the Secret of spec.secretRef is no account's name");
    return HC_OK;
}

bool source_github_token(const struct hc_val *answer, hc_str *out, int64_t *out_ends_ms)
{
    hc_str token = hc_get_str_at(answer, "token");
    int64_t ends = hc_time_parse_ms(hc_get_str_at(answer, "expires_at"));
    if (!token.n || token.n >= TOKEN_MAX)
        return false;
    for (size_t i = 0; i < token.n; i++) /* it is a password in a header line, and a text of C while it is kept */
        if ((unsigned char)token.p[i] <= ' ' || token.p[i] == 127)
            return false;
    *out = token;
    *out_ends_ms = ends > 0 ? ends : hc_now_ms();
    return true;
}

static enum hc_rc fetch_token(struct api *api, const struct hc_source_auth *auth, const char *key, hc_str *out,
                              struct hc_err *err)
{
    int64_t id = 0;
    int status;
    struct hc_val *v;
    if (!hc_str_to_i64(auth->app_installation, &id) && find_installation(api, auth->app_owner, &id, err) != HC_OK)
        return err->code;
    const char *path = hc_arena_printf(api->a, "/app/installations/%" PRId64 "/access_tokens", id).p;
    if (!path || call(api, "POST", path, &status, &v, err) != HC_OK)
        return path ? err->code : hc_arena_check(api->a, err, "GitHub App");
    int64_t ends = 0;
    if (status == 401 || status == 403 || status == 404)
        return hc_fail(err, HC_E_INPUT, "GitHub App: %.*s answers %d for installation %" PRId64 ": %s",
                       HC_P(api->base), status, id,
                       status == 404 ? "there is no such installation of this app (githubAppInstallationID)"
                       : status == 403
                           ? "the app is suspended there or may not"
                           : "githubAppID and githubAppPrivateKey do not belong together, or the clock is "
                             "wrong");
    if (status / 100 != 2 || !source_github_token(v, out, &ends))
        return hc_fail(err, HC_E_AGAIN, "GitHub App: %.*s answers %d without a token", HC_P(api->base), status);
    remember(key, *out, ends);
    return HC_OK;
}

static enum hc_rc new_token(struct api *api, const struct hc_source_auth *auth, const char *key, hc_str *out,
                            struct hc_err *err)
{
    hc_str jwt;
    while (hc_str_ends(api->base, HC_S("/")))
        api->base.n--;
    if (make_jwt(api->a, auth, &jwt, err) != HC_OK)
        return err->code;
    api->bearer = hc_arena_printf(api->a, "Authorization: Bearer %.*s", HC_P(jwt)).p;
    if (auth->ca_pem.n || auth->cert_pem.n) {
        api->tls = hc_http_tls_new(&(struct hc_http_tls_options){
            .ca_pem = auth->ca_pem, .cert_pem = auth->cert_pem, .key_pem = auth->key_pem, .ca_with_system = true });
        if (!api->tls)
            return hc_fail_nomem(err);
    }
    enum hc_rc rc = fetch_token(api, auth, key, out, err);
    hc_http_tls_unref(api->tls);
    return rc;
}

enum hc_rc hc_github_token(const struct hc_source_env *env, struct hc_arena *a, const struct hc_source_auth *auth,
                           hc_str *out, struct hc_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct hc_err mine;
    struct api api = { .env = env, .a = a, .base = auth->app_url.n ? auth->app_url : HC_S(API) };
    struct hc_sha256 h;
    char key[HC_SHA256_HEX + 1];
    hc_str parts[] = { auth->app_id, auth->app_owner, auth->app_installation, auth->app_url, auth->app_key };
    err = err ? err : &mine;
    if (check_fields(auth, err) != HC_OK)
        return err->code;
    hc_sha256_init(&h);
    for (size_t i = 0; i < HC_LEN(parts); i++) {
        hc_sha256_add(&h, parts[i]);
        hc_sha256_add(&h, hc_str_n("", 1));
    }
    hc_sha256_hex(&h, key);
    *out = recall(a, key);
    if (out->p)
        return HC_OK;
    pthread_once(&once, make_gates);
    struct hc_gate *gate = gates[(unsigned char)key[0] % GATES];
    if (!gate)
        return hc_fail_nomem(err);
    hc_gate_lock(gate);
    *out = recall(a, key);
    enum hc_rc rc = out->p ? HC_OK : new_token(&api, auth, key, out, err);
    hc_gate_unlock(gate);
    return rc;
}
