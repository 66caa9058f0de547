/*
 * Bucket: the objects of an S3 bucket. Conditions, reasons and messages are source-controller's (bucket_controller.go).
 */
#include <stdio.h>

#include "charts-fetch/source/bucket.h"
#include "helmctl/controller/sources_impl.h"

/* accesskey and secretkey of spec.secretRef; without it the requests are not signed. */
static enum hc_rc keys_of(struct pass *p, struct hc_bucket_spec *out, const char **out_reason)
{
    struct hc_val *secret = NULL;
    hc_str name = hc_get_str_at(p->spec, "secretRef.name");
    if (!name.n)
        return HC_OK;
    enum hc_rc rc = src_secret(p, p->key.ns, name, &secret, out_reason);
    if (rc != HC_OK)
        return rc;
    hc_str access = src_secret_key(p->a, secret, "accesskey"),
           secret_key = src_secret_key(p->a, secret, "secretkey");
    if (!access.p || !secret_key.p) {
        *out_reason = "AuthenticationFailed";
        return hc_fail(&p->err, HC_E_INPUT,
                       "invalid '%.*s' secret data: required fields 'accesskey' and 'secretkey'", HC_P(name));
    }
    if (access.n && secret_key.n) {
        out->access_key = access;
        out->secret_key = secret_key;
    }
    return HC_OK;
}

/* True: *out is the result: a provider or a field that asks for a cloud's own way of signing in. */
static bool refuses(struct pass *p, struct ctl_result *out)
{
    hc_str provider = hc_get_str_at(p->spec, "provider");
    bool aws = hc_str_eqz(provider, "aws");
    if (provider.n && !aws && !hc_str_eqz(provider, "generic")) {
        *out = src_stalled(
            p, "InvalidProviderConfiguration",
            "provider '%.*s' is not supported: use its S3 endpoint with provider generic and a secret",
            HC_P(provider));
        return true;
    }
    if (hc_is_map(hc_map_getz(p->spec, "sts"))) {
        *out = src_stalled(
            p, "UnsupportedField",
            "spec.sts is set, and this version of helmctl fetches no temporary credentials: name a Secret "
            "with accesskey and secretkey in spec.secretRef");
        return true;
    }
    if (aws && !hc_get_str_at(p->spec, "secretRef.name").n) {
        *out = src_stalled(
            p, "InvalidProviderConfiguration",
            "provider 'aws' without a secret signs in as its machine or service account, which is not "
            "supported: name a Secret with accesskey and secretkey in spec.secretRef");
        return true;
    }
    return false;
}

struct ctl_result reconcile_bucket(struct pass *p)
{
    struct ctl_result r;
    const char *reason = "AuthenticationFailed";
    struct hc_source_auth auth;
    struct hc_source_env env;
    struct hc_artifact art;
    hc_str known = { NULL, 0 };
    size_t objects;
    if (src_prologue(p, &r) || refuses(p, &r))
        return r;
    struct hc_bucket_spec spec = { .name = hc_get_str_at(p->spec, "bucketName"),
                                   .endpoint = hc_get_str_at(p->spec, "endpoint"),
                                   .region = hc_get_str_at(p->spec, "region"),
                                   .prefix = hc_get_str_at(p->spec, "prefix"),
                                   .ignore = hc_get_str_at(p->spec, "ignore"),
                                   .insecure = hc_get_bool_at(p->spec, "insecure", false) };
    if (keys_of(p, &spec, &reason) != HC_OK || src_auth(p, &auth, &reason) != HC_OK ||
        src_env(p, p->spec, p->key.ns, &env) != HC_OK)
        return src_failed(p, (struct src_failure){ "FetchFailed", reason });
    if (src_artifact_current(p))
        known = hc_get_str_at(p->status, "artifact.revision");
    if (hc_bucket_fetch(&env, p->a, &spec, &auth, known, &art, &objects, &p->err) != HC_OK)
        return src_failed(p, (struct src_failure){ "FetchFailed", "BucketOperationFailed" });
    if (spec.ignore.p)
        hc_map_put_str(p->a, p->status, "observedIgnore", spec.ignore);
    else
        hc_map_del(p->status, HC_S("observedIgnore"));
    hc_str message = hc_arena_printf(p->a, "stored artifact: revision '%.*s'", HC_P(art.revision));
    if (art.unchanged)
        return src_unchanged(p, "Succeeded", message);
    char file[128];
    snprintf(file, sizeof(file), "%.*s.tar.gz", HC_P(src_hex_of(art.revision)));
    hc_str told = hc_arena_printf(p->a, "stored artifact with %zu fetched files from '%.*s' bucket", objects,
                                  HC_P(spec.name));
    return src_stored(p, &art, file, "Succeeded", message, "%.*s", told);
}
