/*
 * Bucket: the objects of a bucket. Conditions, reasons and messages are source-controller's (bucket_controller.go).
 */
#include <stdio.h>

#include "charts-fetch/source/bucket.h"
#include "helmctl/controller/sources_impl.h"

static enum hc_bucket_provider provider_of(const struct pass *p)
{
    hc_str name = hc_get_str_at(p->spec, "provider");
    return hc_str_eqz(name, "aws")     ? HC_BUCKET_AWS
           : hc_str_eqz(name, "gcp")   ? HC_BUCKET_GCP
           : hc_str_eqz(name, "azure") ? HC_BUCKET_AZURE
                                       : HC_BUCKET_GENERIC;
}

static enum hc_rc s3_keys(struct pass *p, const struct hc_val *secret, hc_str name, struct hc_bucket_spec *out)
{
    hc_str access = src_secret_key(p->a, secret, "accesskey"), key = src_secret_key(p->a, secret, "secretkey");
    if (!access.p || !key.p)
        return hc_fail(&p->err, HC_E_INPUT,
                       "invalid '%.*s' secret data: required fields 'accesskey' and 'secretkey'", HC_P(name));
    if (access.n && key.n) {
        out->access_key = access;
        out->secret_key = key;
    }
    return HC_OK;
}

static enum hc_rc azure_keys(struct pass *p, const struct hc_val *secret, hc_str name, struct hc_bucket_spec *out)
{
    out->tenant_id = src_secret_key(p->a, secret, "tenantId");
    out->client_id = src_secret_key(p->a, secret, "clientId");
    out->client_secret = src_secret_key(p->a, secret, "clientSecret");
    out->authority = src_secret_key(p->a, secret, "authorityHost");
    out->account_key = src_secret_key(p->a, secret, "accountKey");
    out->sas = src_secret_key(p->a, secret, "sasKey");
    if (!out->client_secret.n && src_secret_key(p->a, secret, "clientCertificate").n)
        return hc_fail(&p->err, HC_E_INPUT,
                       "secret '%.*s': this version of helmctl does not sign in to Azure with a clientCertificate; "
                       "name a clientSecret, accountKey or sasKey",
                       HC_P(name));
    if (!out->client_id.n && !out->account_key.n && !out->sas.n)
        return hc_fail(&p->err, HC_E_INPUT,
                       "invalid '%.*s' secret data: requires a 'clientId', 'accountKey' or 'sasKey' field, or a "
                       "combination of 'tenantId', 'clientId' and 'clientSecret'",
                       HC_P(name));
    if (!out->client_secret.n) /* then clientId alone names an identity of the machine */
        out->tenant_id = (hc_str){ NULL, 0 };
    return HC_OK;
}

/* What spec.secretRef holds, as the provider reads it. */
static enum hc_rc keys_of(struct pass *p, struct hc_bucket_spec *out, const char **out_reason)
{
    struct hc_val *secret = NULL;
    hc_str name = hc_get_str_at(p->spec, "secretRef.name");
    if (!name.n)
        return HC_OK;
    enum hc_rc rc = src_secret(p, p->key.ns, name, &secret, out_reason);
    if (rc != HC_OK)
        return rc;
    *out_reason = "AuthenticationFailed";
    out->secret = true;
    if (out->provider == HC_BUCKET_AZURE)
        return azure_keys(p, secret, name, out);
    if (out->provider != HC_BUCKET_GCP)
        return s3_keys(p, secret, name, out);
    out->service_account = src_secret_key(p->a, secret, "serviceaccount");
    return out->service_account.n
               ? HC_OK
               : hc_fail(&p->err, HC_E_INPUT, "invalid '%.*s' secret data: required fields 'serviceaccount'",
                         HC_P(name));
}

/* spec.sts: temporary keys. `tls` is filled with what its certSecretRef holds. */
static enum hc_rc sts_of(struct pass *p, struct hc_bucket_spec *out, struct hc_source_auth *tls,
                         const char **out_reason)
{
    const struct hc_val *sts = hc_map_getz(p->spec, "sts");
    hc_str name = hc_get_str(hc_get(sts, "secretRef.name"));
    struct hc_val *secret = NULL;
    if (!hc_is_map(sts))
        return HC_OK;
    out->sts_endpoint = hc_get_str(hc_map_getz(sts, "endpoint"));
    if (src_auth_of(p, sts, p->key.ns, tls, out_reason) != HC_OK)
        return hc_wrap(&p->err, "failed to get STS TLS config");
    tls->tls_field = "spec.sts.certSecretRef";
    out->sts_tls = tls;
    if (!name.n)
        return HC_OK;
    enum hc_rc rc = src_secret(p, p->key.ns, name, &secret, out_reason);
    if (rc != HC_OK)
        return rc;
    *out_reason = "AuthenticationFailed";
    out->ldap_user = src_secret_key(p->a, secret, "username");
    out->ldap_password = src_secret_key(p->a, secret, "password");
    if (!out->ldap_user.n || !out->ldap_password.n)
        return hc_fail(&p->err, HC_E_INPUT,
                       "invalid '%.*s' secret data for 'ldap' STS provider: required fields username, password",
                       HC_P(name));
    return HC_OK;
}

/* True: *out is the result: fields that do not go together, or ask for what is not there. */
static bool refuses(struct pass *p, enum hc_bucket_provider provider, struct ctl_result *out)
{
    const struct hc_val *sts = hc_map_getz(p->spec, "sts");
    hc_str by = hc_get_str(hc_map_getz(sts, "provider")), name = hc_get_str_at(p->spec, "provider");
    hc_str endpoint = hc_get_str(hc_map_getz(sts, "endpoint"));
    name = name.n ? name : HC_S("generic");
    if (hc_get_str_at(p->spec, "serviceAccountName").n) {
        *out = src_stalled(p, "UnsupportedField",
                           "spec.serviceAccountName is set, and this version of helmctl signs in as its own "
                           "ServiceAccount only: leave it out, or name a Secret in spec.secretRef");
        return true;
    }
    if (!hc_is_map(sts))
        return false;
    bool aws = hc_str_eqz(by, "aws"), fits = provider == HC_BUCKET_AWS       ? aws
                                             : provider == HC_BUCKET_GENERIC ? hc_str_eqz(by, "ldap")
                                                                             : false;
    static const char *const refs[] = { "secretRef", "certSecretRef" };
    if (provider == HC_BUCKET_GCP || provider == HC_BUCKET_AZURE) {
        *out = src_stalled(p, "InvalidSTSConfiguration",
                           "STS configuration is not supported for '%.*s' bucket provider", HC_P(name));
        return true;
    }
    if (!fits) {
        *out = src_stalled(p, "InvalidSTSConfiguration",
                           "STS provider '%.*s' is not supported for '%.*s' bucket provider", HC_P(by), HC_P(name));
        return true;
    }
    for (size_t i = 0; aws && i < HC_LEN(refs); i++)
        if (hc_is_map(hc_map_getz(sts, refs[i]))) {
            *out = src_stalled(p, "InvalidSTSConfiguration",
                               "spec.sts.%s is not required for the 'aws' STS provider", refs[i]);
            return true;
        }
    if (hc_str_starts(endpoint, HC_S("http://")) || hc_str_starts(endpoint, HC_S("https://")))
        return false;
    *out = src_stalled(p, "URLInvalid", "STS endpoint '%.*s' is no URL", HC_P(endpoint));
    return true;
}

/* What came new beside the artifact of before, when it could not be kept. */
static void outdated(struct pass *p, hc_str revision)
{
    hc_str known = hc_get_str_at(p->status, "artifact.revision");
    if (known.n && revision.n && !hc_str_eq(known, revision))
        hc_cond_setf(&p->cond, "ArtifactOutdated", HC_TRUE, "NewRevision", "new upstream revision '%.*s'",
                     HC_P(revision));
}

struct ctl_result reconcile_bucket(struct pass *p)
{
    struct ctl_result r;
    const char *reason = "AuthenticationFailed";
    struct hc_source_auth auth, sts_tls;
    struct hc_source_env env;
    struct hc_artifact art;
    hc_str known = { NULL, 0 };
    struct hc_bucket_news news;
    enum hc_bucket_provider provider = provider_of(p);
    if (src_prologue(p, &r) || refuses(p, provider, &r))
        return r;
    struct hc_bucket_spec spec = { .provider = provider,
                                   .name = hc_get_str_at(p->spec, "bucketName"),
                                   .endpoint = hc_get_str_at(p->spec, "endpoint"),
                                   .region = hc_get_str_at(p->spec, "region"),
                                   .prefix = hc_get_str_at(p->spec, "prefix"),
                                   .ignore = hc_get_str_at(p->spec, "ignore"),
                                   .insecure = hc_get_bool_at(p->spec, "insecure", false) };
    src_show_progress(p);
    if (keys_of(p, &spec, &reason) != HC_OK || sts_of(p, &spec, &sts_tls, &reason) != HC_OK ||
        src_auth(p, &auth, &reason) != HC_OK || src_env(p, p->spec, p->key.ns, &env) != HC_OK)
        return src_failed(p, (struct src_failure){ "FetchFailed", reason });
    if (src_artifact_current(p))
        known = hc_get_str_at(p->status, "artifact.revision");
    if (hc_bucket_fetch(&env, p->a, &spec, &auth, known, &art, &news, &p->err) != HC_OK) {
        outdated(p, news.revision);
        return src_failed(p, (struct src_failure){ "FetchFailed", news.login_failed ? "AuthenticationFailed"
                                                                                    : "BucketOperationFailed" });
    }
    if (spec.ignore.p)
        hc_map_put_str(p->a, p->status, "observedIgnore", spec.ignore);
    else
        hc_map_del(p->status, HC_S("observedIgnore"));
    hc_str message = hc_arena_printf(p->a, "stored artifact: revision '%.*s'", HC_P(art.revision));
    if (art.unchanged)
        return src_unchanged(p, "Succeeded", message);
    char file[128];
    snprintf(file, sizeof(file), "%.*s.tar.gz", HC_P(src_hex_of(art.revision)));
    hc_str told = hc_arena_printf(p->a, "stored artifact with %zu fetched files from '%.*s' bucket", news.objects,
                                  HC_P(spec.name));
    return src_stored(p, &art, file, "Succeeded", message, "%.*s", told);
}
