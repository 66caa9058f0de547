#pragma once
/*
 * charts-fetch/source/s3_impl.h - the S3 protocol, as far as reading a bucket goes
 *
 * Sources: "Authenticating Requests (AWS Signature Version 4)" and the API reference of ListObjectsV2, GetObject and
 * error responses. Everything lives in the caller's arena.
 */
#include "charts-fetch/source/source.h"
#include "core/base/buf.h"

/* ---- s3_sign.c: pure ---- */

struct s3_signing {
    const char *method;
    hc_str host;                                  /* as the Host header has it */
    hc_str path, query;                           /* encoded; the query sorted by name, "a=1&b=", without '?' */
    hc_str range;                                 /* a Range header that is signed, too; absent: none */
    hc_str region, access_key, secret_key, token; /* token absent: none */
    hc_str payload_hash;                          /* hex SHA-256 of the body; absent: of an empty one */
    int64_t now_s;                                /* since 1970 */
};
/* Header lines for the request: x-amz-date, x-amz-content-sha256, x-amz-security-token, Authorization; closed by NULL.
 * `out` has room for 5. */
enum hc_rc s3_sign(struct hc_arena *a, const struct s3_signing *s, const char *out[5], struct hc_err *err);

/* RFC 3986: all but unreserved characters as %XX; '/' stays when `path`. */
hc_str s3_encode(struct hc_arena *a, hc_str text, bool path);

/* ---- s3_xml.c: pure ---- */

/* Told of each element that holds text only, and of the end of every element (`text` absent). `path`: names from the root,
 * without prefixes, "ListBucketResult/Contents/Key". Any other answer than HC_OK ends the reading. */
typedef enum hc_rc (*s3_xml_fn)(void *ctx, hc_str path, hc_str text, struct hc_err *err);
enum hc_rc s3_xml_read(struct hc_arena *a, hc_str doc, s3_xml_fn told, void *ctx, struct hc_err *err);

struct s3_object {
    hc_str key, etag; /* the ETag without its quotes */
    uint64_t size;
    bool sized; /* the list says how long it is */
};
struct s3_page {
    struct s3_object *objects;
    size_t n, cap;
    bool truncated;
    hc_str next; /* continuation token */
};
/* An object without a name is HC_E_INPUT. */
enum hc_rc s3_page_add(struct hc_arena *a, struct s3_page *page, const struct s3_object *object,
                       struct hc_err *err);
enum hc_rc s3_read_page(struct hc_arena *a, hc_str doc, struct s3_page *out, struct hc_err *err);

struct s3_fault {
    hc_str code, message, region; /* absent: the answer does not say */
};
/* The body of an answer that is no 2xx; one that is no such document gives empty texts. */
void s3_read_fault(struct hc_arena *a, hc_str doc, struct s3_fault *out);
