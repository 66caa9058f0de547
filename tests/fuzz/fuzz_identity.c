/*
 * What those answer who say who one is, by the first byte: e a credential plugin of a kubeconfig, h a credential helper of
 * Docker's, s a token service of AWS in XML, k keys in JSON (containers, machines), t a token of Google or Azure, g an
 * installation's token of GitHub. What is taken goes into header lines.
 */
#include "charts-fetch/source/bucket_impl.h"
#include "charts-fetch/source/jwt_impl.h"
#include "core/http/http.h"
#include "core/value/json.h"
#include "deploy/kube/kube_impl.h"
#include "helmctl/cli/logins.h"
#include "tests/fuzz/fuzz.h"

static void must_fit(hc_str value)
{
    if (!value.n || !hc_http_fits_header(value))
        abort();
}

static void told(enum hc_rc rc, const struct hc_err *err)
{
    if (rc == HC_E_BUG || (rc != HC_OK && !err->msg[0]))
        abort();
}

static void plugin(struct hc_arena *a, hc_str text)
{
    struct hc_err err = HC_ERR_INIT;
    struct kube_credential c;
    struct hc_val *config = hc_map_new(a);
    hc_map_put_strz(a, config, "command", "plugin");
    hc_map_put_strz(a, config, "apiVersion", "client.authentication.k8s.io/v1");
    const struct kube_exec x = { .config = config };
    enum hc_rc rc = kube_exec_read(a, &x, text, &c, &err);
    told(rc, &err);
    if (rc != HC_OK)
        return;
    if (c.fresh_ms <= 0 || (!c.token.n && !(c.cert_pem.n && c.key_pem.n)))
        abort();
    if (c.token.n)
        must_fit(c.token);
}

static void helper(struct hc_arena *a, hc_str text)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_registry_login login = { 0 };
    enum hc_rc rc = hc_logins_read_helper(a, HC_S("pass"), text, &login, &err);
    told(rc, &err);
    if (rc == HC_OK && login.identity_token.n && (login.username.n || login.password.n))
        abort();
}

static void cloud(struct hc_arena *a, hc_str text, char kind)
{
    struct hc_err err = HC_ERR_INIT;
    struct bucket b = { .a = a, .err = &err };
    enum hc_rc rc = kind == 's'   ? cloud_read_sts(&b, text, "STS")
                    : kind == 'k' ? cloud_read_keys(&b, text, "metadata")
                                  : cloud_read_token(&b, text, "metadata");
    told(rc, &err);
    if (rc != HC_OK)
        return;
    if (kind == 't') {
        must_fit(hc_str_of(b.bearer));
        return;
    }
    must_fit(b.access_key);
    must_fit(b.secret_key);
}

static void github(struct hc_arena *a, hc_str text)
{
    struct hc_val *v = NULL;
    hc_str token;
    int64_t ends = 0;
    if (hc_json_parse(a, text, HC_JSON_NO_POSITIONS, &v, NULL) != HC_OK || !source_github_token(v, &token, &ends))
        return;
    must_fit(token);
    if (ends <= 0 || strlen(hc_arena_strz(a, token)) != token.n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    hc_str text = fuzz_text(data, size), rest = hc_str_sub(text, 1, text.n);
    switch (size ? data[0] : 0) {
    case 'e':
        plugin(a, rest);
        break;
    case 'h':
        helper(a, rest);
        break;
    case 's':
    case 'k':
    case 't':
        cloud(a, rest, (char)data[0]);
        break;
    case 'g':
        github(a, rest);
        break;
    default:
        break;
    }
    return 0;
}
