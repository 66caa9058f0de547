#pragma once
/*
 * charts-fetch/source/oci_impl.h - a conversation with one repository of a registry
 */
#include "charts-fetch/source/source.h"

struct oci {
    const struct hc_source_env *env;
    const struct hc_source_auth *auth;
    struct hc_arena *a;
    hc_str host, repo;  /* "ghcr.io", "stefanprodan/charts/podinfo" */
    const char *scheme; /* "https"; "http" for insecure ones and for loopback servers that know no TLS */
    bool may_fall_back; /* loopback: http is tried when https is not spoken */
    hc_str basic;       /* base64 of user:password, absent: none */
    hc_str identity_token;
    hc_str authorization; /* header line in use, absent: none yet */
    struct hc_http_tls *tls;
    int64_t deadline_ms;
};

/* Reads "oci://host[:port]/path" and picks the credentials; sends nothing. */
enum hc_rc oci_open(struct oci *o, const struct hc_source_env *env, struct hc_arena *a, const char *url,
                    const struct hc_source_auth *auth, struct hc_err *err);
void oci_close(struct oci *o);
#define oci_auto oci_close

struct oci_request {
    const char *method;
    hc_str path;        /* from "/v2/" on, with the query */
    const char *accept; /* NULL: anything */
    size_t max_bytes;
    const char *what; /* "manifest 6.14.1", "tags": for messages */
};
/* HC_OK is 200; 404 is HC_E_NOTFOUND; the rest says what to do. Answers a challenge once. */
enum hc_rc oci_do(struct oci *o, const struct oci_request *q, struct hc_http_response *out, struct hc_err *err);

/* oci_auth.c: credentials for the host out of a .dockerconfigjson; none is HC_OK. */
enum hc_rc oci_docker_config(struct oci *o, hc_str config, struct hc_err *err);
/* The header line that answers `challenge` (WWW-Authenticate), into o->authorization. */
enum hc_rc oci_answer(struct oci *o, hc_str challenge, struct hc_err *err);
/* "it wants a login: ..." */
const char *oci_login_advice(const struct oci *o);
/* The value of `key` in a challenge, absent when it is not there. */
hc_str oci_param(struct hc_arena *a, hc_str challenge, const char *key);
