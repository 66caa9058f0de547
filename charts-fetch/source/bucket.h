#pragma once
/*
 * charts-fetch/source/bucket.h - the objects of an S3 bucket as one archive
 *
 * What Flux's source-controller does for Bucket (internal/bucket/minio, internal/index): the list of keys and ETags is
 * the revision; nothing is fetched while it stays the same. Blocks; any thread may call it.
 */
#include "charts-fetch/source/source.h"

struct hc_bucket_spec {
    hc_str name, endpoint; /* endpoint "host[:port]" */
    hc_str region;         /* absent: the server's word, us-east-1 first */
    hc_str prefix;
    hc_str ignore;                        /* spec.ignore: added behind the bucket's .sourceignore */
    bool insecure;                        /* no TLS */
    hc_str access_key, secret_key, token; /* absent: unsigned requests */
};
/* *out_objects: how many there are. `known`: the revision at hand, absent: none. Revision "sha256:<64>", of lines "KEY ETAG" in order of the keys. */
enum hc_rc hc_bucket_fetch(const struct hc_source_env *env, struct hc_arena *a, const struct hc_bucket_spec *spec,
                           const struct hc_source_auth *tls, hc_str known, struct hc_artifact *out,
                           size_t *out_objects, struct hc_err *err);
