/*
 * Who one is to a cloud, when no keys are at hand: each way is one request to a token service or to the machine's own
 * address for that, at each look anew. The order of the ways and the names of the variables are the SDKs':
 *
 *   AWS     AWS_ACCESS_KEY_ID...; AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN (AssumeRoleWithWebIdentity);
 *           AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI; the instance's metadata (version 2, with a session)
 *   Google  a service account's key (RFC 7523); the metadata server (GCE_METADATA_HOST)
 *   Azure   client secret; AZURE_FEDERATED_TOKEN_FILE with AZURE_CLIENT_ID and AZURE_TENANT_ID; the metadata server
 *           (AZURE_POD_IDENTITY_AUTHORITY_HOST)
 *
 * Left out: AWS profiles in files, Azure client certificates, identities of other ServiceAccounts than our own.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "charts-fetch/source/bucket_impl.h"
#include "charts-fetch/source/http_impl.h"
#include "charts-fetch/source/jwt_impl.h"
#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/value/json.h"

#define ANSWER_MAX   HC_MIB
#define METADATA_MS  5000 /* it is on this machine, or there is none */
#define STS_MS       30000
#define GOOGLE_SCOPE "https://www.googleapis.com/auth/devstorage.read_only"

static hc_str env_of(const char *name)
{
    const char *v = getenv(name);
    return v && *v ? hc_str_of(v) : (hc_str){ NULL, 0 };
}

static hc_str token_file(struct bucket *b, hc_str path, enum hc_rc *rc)
{
    hc_str body = { NULL, 0 };
    char *z = hc_arena_strz(b->a, path);
    *rc = z ? hc_read_file(b->a, AT_FDCWD, z, 64 * 1024, &body, b->err) : hc_fail_nomem(b->err);
    return hc_str_trim(body);
}

struct ask {
    const char *who; /* for messages: "AWS STS" */
    const char *method, *url;
    const char *headers[4];
    hc_str form; /* the body of a POST */
    struct hc_http_tls *tls;
    int64_t most_ms;
    bool local; /* this machine's: no proxy */
};

/* A 2xx answer. What the server says otherwise is told without what was sent. */
static enum hc_rc ask(struct bucket *b, const struct ask *q, hc_str *out)
{
    struct hc_http_response r;
    const char *headers[6] = { 0 };
    size_t n = 0;
    for (; n < 4 && q->headers[n]; n++)
        headers[n] = q->headers[n];
    if (q->form.n)
        headers[n] = "Content-Type: application/x-www-form-urlencoded";
    int64_t left = b->deadline_ms - hc_mono_ms();
    if (left <= 0)
        return hc_fail(b->err, HC_E_AGAIN, "%s: the time for the whole bucket is over (spec.timeout)", q->who);
    if (hc_arena_check(b->a, b->err, q->who) != HC_OK)
        return b->err->code;
    struct hc_http_request req = { .method = q->method,
                                   .url = q->url,
                                   .headers = headers,
                                   .body = q->form,
                                   .tls = q->tls,
                                   .proxy = q->local ? "" : b->env->proxy,
                                   .timeout_ms = HC_MIN(left, q->most_ms),
                                   .retries = 1,
                                   .max_bytes = ANSWER_MAX };
    if (hc_http_do(b->env->http, b->a, &req, &r, b->err) != HC_OK) {
        source_advise(b->env, b->spec->sts_tls, &r, b->err);
        return hc_wrap(b->err, "%s", q->who);
    }
    *out = r.body;
    if (r.status >= 200 && r.status < 300)
        return HC_OK;
    bool again = r.status >= 500 || r.status == 429 || r.status == 408;
    struct s3_fault f;
    struct hc_val *v = NULL;
    hc_str said = { NULL, 0 };
    s3_read_fault(b->a, r.body, &f);
    if (f.code.n)
        said = f.code;
    else if (hc_json_parse(b->a, r.body, HC_JSON_NO_POSITIONS, &v, NULL) == HC_OK)
        said = hc_get_str(hc_map_getz(v, "error"));
    hc_fail(b->err, again ? HC_E_AGAIN : HC_E_INPUT, "%s answers %d%s%.*s", q->who, r.status, said.n ? " " : "",
            HC_P(hc_str_sub(said, 0, 100)));
    b->err->http_status = r.status;
    b->err->retry_after_ms = r.retry_after_ms;
    return b->err->code;
}

static hc_str form(struct hc_arena *a, const char *const *names, const hc_str *values, size_t n)
{
    hc_str out = HC_S("");
    for (size_t i = 0; i < n; i++)
        out = hc_arena_printf(a, "%.*s%s%s=%.*s", HC_P(out), i ? "&" : "", names[i],
                              HC_P(s3_encode(a, values[i], false)));
    return out;
}

/* What goes into a header of ours must not end it. */
static bool fits_header(hc_str s)
{
    return s.n > 0 && s.n < 16384 && hc_http_fits_header(s);
}

/* ---- keys of S3 ------------------------------------------------------------------------------------------------------ */

static enum hc_rc credential_part(void *ctx, hc_str path, hc_str text, struct hc_err *err)
{
    struct bucket *b = ctx;
    (void)err;
    size_t at = hc_str_rfind(path, '/');
    hc_str name = at == SIZE_MAX ? path : hc_str_sub(path, at + 1, path.n);
    hc_str *to = hc_str_eqz(name, "AccessKeyId")       ? &b->access_key
                 : hc_str_eqz(name, "SecretAccessKey") ? &b->secret_key
                 : hc_str_eqz(name, "SessionToken")    ? &b->token
                                                       : NULL;
    if (text.p && to && hc_str_find_str(path, HC_S("/Credentials/")) != SIZE_MAX)
        *to = text;
    return HC_OK;
}

static enum hc_rc check_keys(struct bucket *b, const char *who)
{
    if (!fits_header(b->access_key) || !fits_header(b->secret_key) || (b->token.n && !fits_header(b->token)))
        return hc_fail(b->err, HC_E_AGAIN, "%s answers without credentials", who);
    return HC_OK;
}

enum hc_rc cloud_read_sts(struct bucket *b, hc_str doc, const char *who)
{
    if (s3_xml_read(b->a, doc, credential_part, b, b->err) != HC_OK)
        return hc_wrap(b->err, "%s", who);
    return check_keys(b, who);
}

static enum hc_rc sts_keys(struct bucket *b, const struct ask *q)
{
    hc_str doc;
    enum hc_rc rc = ask(b, q, &doc);
    return rc == HC_OK ? cloud_read_sts(b, doc, q->who) : rc;
}

enum hc_rc cloud_read_keys(struct bucket *b, hc_str doc, const char *who)
{
    struct hc_val *v = NULL;
    if (hc_json_parse(b->a, doc, HC_JSON_NO_POSITIONS, &v, b->err) != HC_OK)
        return hc_wrap(b->err, "%s", who);
    b->access_key = hc_get_str(hc_map_getz(v, "AccessKeyId"));
    b->secret_key = hc_get_str(hc_map_getz(v, "SecretAccessKey"));
    b->token = hc_get_str(hc_map_getz(v, "Token"));
    return check_keys(b, who);
}

static enum hc_rc json_keys(struct bucket *b, const struct ask *q)
{
    hc_str doc;
    enum hc_rc rc = ask(b, q, &doc);
    return rc == HC_OK ? cloud_read_keys(b, doc, q->who) : rc;
}

static enum hc_rc web_identity(struct bucket *b, hc_str file, hc_str role)
{
    enum hc_rc rc;
    hc_str jwt = token_file(b, file, &rc), session = env_of("AWS_ROLE_SESSION_NAME"), region = env_of("AWS_REGION");
    if (rc != HC_OK)
        return hc_wrap(b->err, "AWS_WEB_IDENTITY_TOKEN_FILE");
    hc_str url = b->spec->sts_endpoint.n ? b->spec->sts_endpoint : env_of("AWS_ENDPOINT_URL_STS");
    if (!url.n)
        url = hc_arena_printf(b->a, "https://sts.%.*s.amazonaws.com", HC_P(region.n ? region : b->region));
    static const char *const names[] = { "Action", "Version", "RoleArn", "RoleSessionName", "WebIdentityToken" };
    const hc_str values[] = { HC_S("AssumeRoleWithWebIdentity"), HC_S("2011-06-15"), role,
                              session.n ? session : HC_S("helmctl"), jwt };
    return sts_keys(b, &(struct ask){ .who = "AWS STS (AssumeRoleWithWebIdentity)",
                                      .method = "POST",
                                      .url = hc_arena_strz(b->a, url),
                                      .form = form(b->a, names, values, HC_LEN(values)),
                                      .most_ms = STS_MS });
}

/* Only addresses of this machine may be asked without TLS: what they answer to a token is a secret. */
static bool container_address(hc_str url)
{
    return hc_str_starts(url, HC_S("https://")) || hc_str_starts(url, HC_S("http://127.")) ||
           hc_str_starts(url, HC_S("http://localhost")) || hc_str_starts(url, HC_S("http://169.254.170.")) ||
           hc_str_starts(url, HC_S("http://[fd00:ec2::23]"));
}

static enum hc_rc container_keys(struct bucket *b, hc_str full, hc_str relative)
{
    hc_str file = env_of("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    hc_str token = env_of("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (file.n) {
        enum hc_rc rc;
        token = token_file(b, file, &rc);
        if (rc != HC_OK)
            return hc_wrap(b->err, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    }
    if (relative.n)
        full = hc_arena_printf(b->a, "http://169.254.170.2%.*s", HC_P(relative));
    if (!container_address(full) || (token.n && !fits_header(token)))
        return hc_fail(b->err, HC_E_INPUT,
                       "AWS_CONTAINER_CREDENTIALS_FULL_URI or its token is not what AWS sets: neither https nor an "
                       "address of this machine");
    return json_keys(
        b,
        &(struct ask){ .who = "AWS container credentials",
                       .method = "GET",
                       .url = hc_arena_strz(b->a, full),
                       .headers = { token.n ? hc_arena_printf(b->a, "Authorization: %.*s", HC_P(token)).p : NULL },
                       .most_ms = METADATA_MS,
                       .local = true });
}

static enum hc_rc machine_keys(struct bucket *b)
{
    const char *who = "AWS instance metadata";
    hc_str base = env_of("AWS_EC2_METADATA_SERVICE_ENDPOINT"), session, role;
    base = base.n ? base : HC_S("http://169.254.169.254");
    while (hc_str_ends(base, HC_S("/")))
        base.n--;
    struct ask q = { .who = who,
                     .method = "PUT",
                     .url = hc_arena_printf(b->a, "%.*s/latest/api/token", HC_P(base)).p,
                     .headers = { "X-aws-ec2-metadata-token-ttl-seconds: 300" },
                     .most_ms = METADATA_MS,
                     .local = true };
    enum hc_rc rc = ask(b, &q, &session);
    if (rc == HC_OK && !fits_header(session))
        rc = hc_fail(b->err, HC_E_AGAIN, "%s answers without a session", who);
    if (rc != HC_OK)
        return hc_wrap(b->err, "provider 'aws' without a secret, without AWS_WEB_IDENTITY_TOKEN_FILE and the like");
    hc_str roles = hc_arena_printf(b->a, "%.*s/latest/meta-data/iam/security-credentials/", HC_P(base));
    q = (struct ask){ .who = who,
                      .method = "GET",
                      .url = roles.p,
                      .headers = { hc_arena_printf(b->a, "X-aws-ec2-metadata-token: %.*s", HC_P(session)).p },
                      .most_ms = METADATA_MS,
                      .local = true };
    if ((rc = ask(b, &q, &role)) != HC_OK)
        return rc;
    role = hc_str_trim(hc_str_sub(role, 0, hc_str_find(role, '\n')));
    q.url = hc_arena_printf(b->a, "%.*s%.*s", HC_P(roles), HC_P(s3_encode(b->a, role, false))).p;
    return json_keys(b, &q);
}

enum hc_rc cloud_aws_keys(struct bucket *b)
{
    hc_str access = env_of("AWS_ACCESS_KEY_ID"), secret = env_of("AWS_SECRET_ACCESS_KEY");
    hc_str file = env_of("AWS_WEB_IDENTITY_TOKEN_FILE"), role = env_of("AWS_ROLE_ARN");
    hc_str full = env_of("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    hc_str relative = env_of("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    if (access.n && secret.n) {
        b->access_key = access;
        b->secret_key = secret;
        b->token = env_of("AWS_SESSION_TOKEN");
        return check_keys(b, "AWS_ACCESS_KEY_ID of the environment");
    }
    if (file.n && role.n)
        return web_identity(b, file, role);
    if (full.n || relative.n)
        return container_keys(b, full, relative);
    return machine_keys(b);
}

enum hc_rc cloud_ldap_keys(struct bucket *b)
{
    const struct hc_bucket_spec *s = b->spec;
    static const char *const names[] = { "Action", "Version", "LDAPUsername", "LDAPPassword" };
    const hc_str values[] = { HC_S("AssumeRoleWithLDAPIdentity"), HC_S("2011-06-15"), s->ldap_user,
                              s->ldap_password };
    struct ask q = { .who = "STS (AssumeRoleWithLDAPIdentity)",
                     .method = "POST",
                     .url = hc_arena_strz(b->a, s->sts_endpoint),
                     .form = form(b->a, names, values, HC_LEN(values)),
                     .most_ms = STS_MS };
    if (s->sts_tls && (s->sts_tls->ca_pem.n || s->sts_tls->cert_pem.n)) {
        q.tls = hc_http_tls_new(&(struct hc_http_tls_options){ .ca_pem = s->sts_tls->ca_pem,
                                                               .cert_pem = s->sts_tls->cert_pem,
                                                               .key_pem = s->sts_tls->key_pem,
                                                               .ca_with_system = s->sts_tls->ca_with_system });
        if (!q.tls)
            return hc_fail_nomem(b->err);
    }
    enum hc_rc rc = sts_keys(b, &q);
    hc_http_tls_unref(q.tls);
    return rc;
}

/* ---- tokens ----------------------------------------------------------------------------------------------------------- */

enum hc_rc cloud_read_token(struct bucket *b, hc_str doc, const char *who)
{
    struct hc_val *v = NULL;
    if (hc_json_parse(b->a, doc, HC_JSON_NO_POSITIONS, &v, b->err) != HC_OK)
        return hc_wrap(b->err, "%s", who);
    hc_str token = hc_get_str(hc_map_getz(v, "access_token"));
    if (!fits_header(token))
        return hc_fail(b->err, HC_E_AGAIN, "%s answers without a token", who);
    b->bearer = hc_arena_printf(b->a, "Authorization: Bearer %.*s", HC_P(token)).p;
    return hc_arena_check(b->a, b->err, who);
}

static enum hc_rc token_of(struct bucket *b, const struct ask *q)
{
    hc_str doc;
    enum hc_rc rc = ask(b, q, &doc);
    return rc == HC_OK ? cloud_read_token(b, doc, q->who) : rc;
}

static enum hc_rc service_account(struct bucket *b)
{
    static const char what[] = "serviceaccount of the Secret";
    struct hc_val *v = NULL;
    hc_str jwt, claims;
    HC_AUTO(hc_buf) struct hc_buf text;
    hc_buf_init(&text, HC_MIB);
    if (hc_json_parse(b->a, b->spec->service_account, HC_JSON_NO_POSITIONS, &v, NULL) != HC_OK || !hc_is_map(v))
        return hc_fail(b->err, HC_E_INPUT, "%s is no JSON", what);
    hc_str mail = hc_get_str(hc_map_getz(v, "client_email")), key = hc_get_str(hc_map_getz(v, "private_key"));
    hc_str uri = hc_get_str(hc_map_getz(v, "token_uri")), type = hc_get_str(hc_map_getz(v, "type"));
    uri = uri.n ? uri : HC_S("https://oauth2.googleapis.com/token");
    if (!hc_str_eqz(type, "service_account") || !mail.n || !key.n)
        return hc_fail(b->err, HC_E_INPUT,
                       "%s is no key of a service account (type service_account, client_email, private_key)", what);
    int64_t now = hc_now_ms() / 1000;
    struct hc_val *c = hc_map_new(b->a);
    hc_map_put_str(b->a, c, "iss", mail);
    hc_map_put_strz(b->a, c, "scope", GOOGLE_SCOPE);
    hc_map_put_str(b->a, c, "aud", uri);
    hc_map_put_int(b->a, c, "iat", now - 10);
    hc_map_put_int(b->a, c, "exp", now + 3600);
    hc_json_write(&text, c, 0);
    claims = hc_buf_str(&text);
    enum hc_rc rc = source_jwt(b->a, key, claims, what, &jwt, b->err);
    if (rc != HC_OK)
        return rc;
    static const char *const names[] = { "grant_type", "assertion" };
    const hc_str values[] = { HC_S("urn:ietf:params:oauth:grant-type:jwt-bearer"), jwt };
    return token_of(b, &(struct ask){ .who = "Google's token service",
                                      .method = "POST",
                                      .url = hc_arena_strz(b->a, uri),
                                      .form = form(b->a, names, values, HC_LEN(values)),
                                      .most_ms = STS_MS });
}

enum hc_rc cloud_google_token(struct bucket *b)
{
    if (b->spec->secret)
        return service_account(b);
    hc_str host = env_of("GCE_METADATA_HOST");
    host = host.n ? host : HC_S("metadata.google.internal");
    return token_of(
        b, &(struct ask){ .who = "Google's metadata server",
                          .method = "GET",
                          .url = hc_arena_printf(b->a,
                                                 "http://%.*s/computeMetadata/v1/instance/"
                                                 "service-accounts/default/token?scopes=%.*s",
                                                 HC_P(host), HC_P(s3_encode(b->a, HC_S(GOOGLE_SCOPE), false)))
                                     .p,
                          .headers = { "Metadata-Flavor: Google" },
                          .most_ms = METADATA_MS,
                          .local = true });
}

static enum hc_rc entra_token(struct bucket *b, hc_str authority, hc_str tenant, const char *const *names,
                              const hc_str *values, size_t n)
{
    authority = authority.n ? authority : HC_S("https://login.microsoftonline.com");
    while (hc_str_ends(authority, HC_S("/")))
        authority.n--;
    return token_of(b, &(struct ask){ .who = "Azure's token service",
                                      .method = "POST",
                                      .url = hc_arena_printf(b->a, "%.*s/%.*s/oauth2/v2.0/token", HC_P(authority),
                                                             HC_P(s3_encode(b->a, tenant, false)))
                                                 .p,
                                      .form = form(b->a, names, values, n),
                                      .most_ms = STS_MS });
}

enum hc_rc cloud_azure_token(struct bucket *b)
{
    const struct hc_bucket_spec *s = b->spec;
    const hc_str scope = HC_S("https://storage.azure.com/.default"), grant = HC_S("client_credentials");
    if (s->tenant_id.n && s->client_id.n) {
        static const char *const names[] = { "client_id", "client_secret", "grant_type", "scope" };
        const hc_str values[] = { s->client_id, s->client_secret, grant, scope };
        return entra_token(b, s->authority, s->tenant_id, names, values, HC_LEN(values));
    }
    hc_str file = env_of("AZURE_FEDERATED_TOKEN_FILE"), client = env_of("AZURE_CLIENT_ID");
    hc_str tenant = env_of("AZURE_TENANT_ID");
    if (!s->client_id.n && file.n && client.n && tenant.n) {
        enum hc_rc rc;
        hc_str jwt = token_file(b, file, &rc);
        if (rc != HC_OK)
            return hc_wrap(b->err, "AZURE_FEDERATED_TOKEN_FILE");
        static const char *const names[] = { "client_id", "client_assertion_type", "client_assertion", "grant_type",
                                             "scope" };
        const hc_str values[] = { client, HC_S("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), jwt,
                                  grant, scope };
        return entra_token(b, env_of("AZURE_AUTHORITY_HOST"), tenant, names, values, HC_LEN(values));
    }
    hc_str host = env_of("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    host = host.n ? host : HC_S("http://169.254.169.254");
    while (hc_str_ends(host, HC_S("/")))
        host.n--;
    return token_of(b, &(struct ask){ .who = "Azure's metadata server",
                                      .method = "GET",
                                      .url = hc_arena_printf(b->a,
                                                             "%.*s/metadata/identity/oauth2/token?api-version="
                                                             "2018-02-01&resource=https%%3A%%2F%%2F"
                                                             "storage.azure.com%%2F%s%.*s",
                                                             HC_P(host), s->client_id.n ? "&client_id=" : "",
                                                             HC_P(s3_encode(b->a, s->client_id, false)))
                                                 .p,
                                      .headers = { "Metadata: true" },
                                      .most_ms = METADATA_MS,
                                      .local = true });
}
