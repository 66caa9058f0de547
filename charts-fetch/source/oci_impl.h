#pragma once
/*
 * charts-fetch/source/oci_impl.h - a conversation with one repository of a registry
 */
#include "charts-fetch/source/oci.h"

struct hc_oci {
    struct hc_source_env env;
    struct hc_source_auth auth;
    struct hc_arena *a;
    hc_str host, repo;  /* "ghcr.io", "stefanprodan/charts/podinfo" */
    const char *scheme; /* "https"; "http" for insecure ones and for loopback servers that know no TLS */
    bool may_fall_back; /* loopback: http is tried when https is not spoken */
    hc_str basic;       /* base64 of user:password, absent: none */
    hc_str identity_token;
    hc_str authorization; /* header line in use, absent: none yet */
    struct hc_http_tls *tls;
    int64_t deadline_ms;
    bool no_referrers; /* the registry does not know that API */
};

struct oci_request {
    const char *method;
    hc_str path;        /* from "/v2/" on, with the query */
    const char *accept; /* NULL: anything */
    size_t max_bytes;
    const char *what; /* "manifest 6.14.1", "tags": for messages */
};
/* HC_OK is 200; 404 is HC_E_NOTFOUND; the rest says what to do. Answers a challenge once. */
enum hc_rc oci_do(struct hc_oci *o, const struct oci_request *q, struct hc_http_response *out, struct hc_err *err);

/* The next header of that (lower-case) name in *rest, which begins as a response's headers. */
bool oci_header(hc_str *rest, hc_str name, hc_str *out);

/* oci_manifest.c: HC_E_AGAIN when `body` is not what `digest` says. */
enum hc_rc oci_check(struct hc_oci *o, hc_str body, hc_str digest, const char *what, struct hc_err *err);
/* oci_tags.c: the path of the next page that a Link header of the answer to `path` names; absent: the last page. */
hc_str oci_next_page(struct hc_arena *a, const struct hc_http_response *r, hc_str path);
bool oci_good_tag(hc_str tag);
/* The tag of the newest version in `range`. Tags that are no whole version ("1.2", "latest") do not count. */
enum {
    OCI_PLUS = 1, /* "_" in a tag is the "+" of the version: Helm's charts */
    OCI_V_TOO = 2 /* "v1.2.3" is a version: Flux for artifacts, not Helm for charts */
};
enum hc_rc oci_newest(struct hc_oci *o, hc_str range, hc_str filter, unsigned how, hc_str *out_tag,
                      struct hc_err *err);

/* oci_auth.c: credentials for the host out of a .dockerconfigjson; none is HC_OK. */
enum hc_rc oci_docker_config(struct hc_oci *o, hc_str config, struct hc_err *err);
/* The header line that answers `challenge` (WWW-Authenticate), into o->authorization. */
enum hc_rc oci_answer(struct hc_oci *o, hc_str challenge, struct hc_err *err);
/* "it wants a login: ..." */
const char *oci_login_advice(const struct hc_oci *o);
/* The value of `key` in a challenge, absent when it is not there. */
hc_str oci_param(struct hc_arena *a, hc_str challenge, const char *key);
