#pragma once
/*
 * charts-fetch/source/bucket.h - the objects of a bucket as one archive
 *
 * What Flux's source-controller does for Bucket (internal/bucket, internal/index): the list of keys and ETags is the
 * revision; nothing is fetched while it stays the same. S3 (signature v4), Google Cloud Storage (JSON API), Azure Blob
 * Storage. A few objects are under way at once, through files: memory does not grow with their size. Blocks; any thread
 * may call it.
 */
#include "charts-fetch/source/source.h"

enum hc_bucket_provider { HC_BUCKET_GENERIC, HC_BUCKET_AWS, HC_BUCKET_GCP, HC_BUCKET_AZURE };

struct hc_bucket_spec {
    enum hc_bucket_provider provider;
    hc_str name, endpoint; /* endpoint "host[:port]"; for Azure a URL */
    hc_str region;         /* absent: the server's word, us-east-1 first */
    hc_str prefix;
    hc_str ignore; /* spec.ignore: added behind the bucket's .sourceignore */
    bool insecure; /* no TLS */
    /* Out of the Secret; absent ones are not used. */
    hc_str access_key, secret_key, token;                  /* generic, aws */
    hc_str service_account;                                /* gcp: a key file's JSON */
    hc_str tenant_id, client_id, client_secret, authority; /* azure */
    hc_str account_key, sas;                               /* azure */
    bool secret;                                           /* there is one: the machine is not asked who it is */
    hc_str sts_endpoint;                                   /* aws: of AssumeRoleWithWebIdentity; generic: of LDAP */
    hc_str ldap_user, ldap_password;
    const struct hc_source_auth *sts_tls; /* certificates of the STS, or NULL */
};
struct hc_bucket_news {
    size_t objects;
    bool login_failed; /* the fetch failed before it reached the bucket */
    hc_str revision;   /* of the list, absent: it did not come so far */
};
/* `known`: the revision at hand, absent: none. Revision "sha256:<64>", of lines "KEY ETAG" in order of the keys. */
enum hc_rc hc_bucket_fetch(const struct hc_source_env *env, struct hc_arena *a, const struct hc_bucket_spec *spec,
                           const struct hc_source_auth *tls, hc_str known, struct hc_artifact *out,
                           struct hc_bucket_news *news, struct hc_err *err);
