#pragma once
/*
 * charts-fetch/source/bucket_impl.h - one way through a bucket, three protocols
 *
 * bucket.c lists and packs, bucket_fetch.c has several objects under way at once, bucket_s3.c, bucket_gcs.c and
 * bucket_azure.c say how a request of theirs looks, cloud_login.c who one is. Everything lives in the bucket's arena or in
 * the one that is handed in.
 */
#include "charts-fetch/source/bucket.h"
#include "charts-fetch/source/s3_impl.h"

struct bucket {
    const struct hc_source_env *env;
    struct hc_arena *a;
    const struct hc_bucket_spec *spec;
    const struct bucket_kind *kind;
    struct hc_http_tls *tls;
    const struct hc_source_auth *auth; /* what `tls` is made of, for messages */
    bool insecure;
    hc_str host, root;                    /* root: what a path begins with, "/bucket" or "" */
    hc_str region;                        /* s3 */
    hc_str access_key, secret_key, token; /* s3; absent: unsigned */
    const char *bearer;                   /* gcs, azure: the Authorization line, or NULL */
    hc_str account, account_key;          /* azure: shared key, raw */
    int64_t deadline_ms;
    struct hc_err *err;
};

struct bucket_get {
    const char *what;   /* for messages: "list of objects" */
    hc_str path, query; /* encoded; the query sorted by name */
    size_t most;
    bool object; /* it is asked for an object, not for a list */
};

#define BUCKET_HEADERS 8

struct bucket_kind {
    bool etag_told; /* an object's answer has the ETag that the list has */
    /* Host, root and credentials out of the spec; may ask servers. */
    enum hc_rc (*set_up)(struct bucket *b);
    void (*list)(struct bucket *b, struct hc_arena *a, hc_str next, struct bucket_get *out);
    void (*object)(struct bucket *b, struct hc_arena *a, hc_str key, struct bucket_get *out);
    /* Header lines, closed by NULL. */
    enum hc_rc (*sign)(struct bucket *b, struct hc_arena *a, struct bucket_get *g, const char *out[BUCKET_HEADERS]);
    enum hc_rc (*read_page)(struct hc_arena *a, hc_str doc, struct s3_page *out, struct hc_err *err);
    void (*read_fault)(struct hc_arena *a, const struct hc_http_response *r, struct s3_fault *out);
};
extern const struct bucket_kind bucket_s3, bucket_gcs, bucket_azure;

/* A 2xx answer, held. */
enum hc_rc bucket_get(struct bucket *b, struct hc_arena *a, const struct bucket_get *g,
                      struct hc_http_response *out);
/* The request of `g`, signed now. `headers` must outlive it. */
enum hc_rc bucket_request(struct bucket *b, struct hc_arena *a, const struct bucket_get *g,
                          const char *headers[BUCKET_HEADERS], struct hc_http_request *out);
/* What a person reads of an answer to `g` that is no 2xx. HC_E_NOTFOUND: no such object. */
enum hc_rc bucket_refused(struct bucket *b, const struct bucket_get *g, const struct hc_http_response *r,
                          const struct s3_fault *f);

/* bucket_fetch.c: all objects of the page into the archive, in their order; those that went away lose their key. `dir`:
 * where what came early waits. */
struct hc_packer;
enum hc_rc bucket_fetch_objects(struct bucket *b, struct hc_packer *packer, const char *dir, struct s3_page *page);

/* cloud_login.c */

/* What those answer who are asked: AssumeRole's XML; {"AccessKeyId", "SecretAccessKey", "Token"} of containers and
 * machines; {"access_token"} of Google and Azure. `who`: for messages. What is taken fits into a header. */
enum hc_rc cloud_read_sts(struct bucket *b, hc_str doc, const char *who);
enum hc_rc cloud_read_keys(struct bucket *b, hc_str doc, const char *who);
enum hc_rc cloud_read_token(struct bucket *b, hc_str doc, const char *who);
/* Keys of AWS for who has no Secret: environment, web identity, container, machine. */
enum hc_rc cloud_aws_keys(struct bucket *b);
/* Keys by a name and password of a directory service, as MinIO's STS gives them. */
enum hc_rc cloud_ldap_keys(struct bucket *b);
/* An access token of Google's for reading: by a service account's key, or from the machine. */
enum hc_rc cloud_google_token(struct bucket *b);
/* An access token of Azure's for its storage: by a client's secret, by workload identity, or from the machine. */
enum hc_rc cloud_azure_token(struct bucket *b);
