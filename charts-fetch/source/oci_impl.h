#pragma once
/*
 * charts-fetch/source/oci_impl.h - what the files about registries share: a conversation and its login
 */
#include <pthread.h>

#include "charts-fetch/source/oci.h"
#include "core/base/digest.h"

/* How a registry wants to be asked (RFC 9110 11.6.1, distribution spec: token authentication). */
struct oci_challenge {
    bool basic; /* user and password; else a token */
    hc_str realm, service, scope;
};

struct oci_entry; /* a line of the shared table, oci_token.c */

struct hc_oci {
    struct hc_source_env env;
    struct hc_source_auth auth;
    struct hc_arena *a;
    hc_str host, repo;  /* "ghcr.io", "stefanprodan/charts/podinfo" */
    const char *scheme; /* "https"; "http" for insecure ones */
    bool may_fall_back; /* which of both is spoken is still to be found out: oci_choose_scheme */
    bool chosen;        /* and was: what was found out is remembered, until it fails */
    bool pushes;        /* tokens for pull and push */
    bool oauth_first;   /* a token is asked for with POST first, as `registry login` does */
    struct hc_registry_login login;
    bool login_known;          /* `login` was looked for */
    struct oci_entry *at;      /* this conversation's line of the table; NULL until the first request */
    struct hc_oci_logins *own; /* the table, when env has none */
    hc_str authorization;      /* header line in use, absent: none yet */
    int64_t good_until_ms;     /* of it, monotonic */
    struct hc_http_tls *tls;
    int64_t deadline_ms;
    bool no_referrers; /* the registry does not know that API */
};

struct oci_request {
    const char *method;
    hc_str path;        /* from "/v2/" on, with the query; or a whole URL of the same host */
    const char *accept; /* NULL: anything */
    size_t max_bytes;
    const char *what; /* "manifest 6.14.1", "tags": for messages */
    const char *type; /* of `body`; NULL: none is sent */
    hc_str body, range, content_range;
    bool (*on_data)(void *ctx, const char *p, size_t n);
    bool (*on_head)(void *ctx, const struct hc_http_response *head);
    void *ctx;
};
/* A conversation with a registry and none of its repositories. */
enum hc_rc oci_open_host(const struct hc_source_env *env, struct hc_arena *a, hc_str host,
                         const struct hc_source_auth *auth, struct hc_oci **out, struct hc_err *err);
/* HC_OK is 2xx; 404 is HC_E_NOTFOUND; the rest says what to do. Answers a challenge once. */
enum hc_rc oci_do(struct hc_oci *o, const struct oci_request *q, struct hc_http_response *out, struct hc_err *err);
/* The next header of that (lower-case) name in *rest, which begins as a response's headers. */
bool oci_header(hc_str *rest, hc_str name, hc_str *out);

/* oci_manifest.c: HC_E_AGAIN when `body` is not what `digest` says. */
enum hc_rc oci_check(struct hc_oci *o, hc_str body, hc_str digest, const char *what, struct hc_err *err);
enum hc_rc oci_bad_content(struct hc_oci *o, hc_str digest, const char *hex, const char *what, struct hc_err *err);
enum hc_rc oci_want_digest(const struct hc_oci *o, hc_str digest, struct hc_err *err);

/* Of an index the digest of the manifest to take; absent: it names none. */
hc_str oci_platform_of(const struct hc_val *doc);
struct oci_found {
    struct hc_oci_descriptor *items;
    size_t n, cap;
};
enum hc_rc oci_add_referrers(struct hc_oci *o, const struct hc_val *index, hc_str artifact_type,
                             struct oci_found *to, struct hc_err *err);
/* oci.c: the layer of that type, else (without `charts_only`) the first; NULL: there is none. */
const struct hc_val *oci_pick_layer(const struct hc_val *manifest, hc_str media_type, bool charts_only);

/* verified.c: an authority's OCSP responder or list, as hc_notation_trust has it; `ctx` is a struct hc_oci. Neither the
 * registry's login nor its trust goes there, and no redirect is followed. */
enum hc_rc oci_ask_authority(void *ctx, const char *url, hc_str body, size_t max_bytes, hc_str *out,
                             struct hc_err *err);
/* oci_blob.c: where a part of a blob begins, "bytes 5-9/10". */
bool oci_range_begins(hc_str content_range, uint64_t *out_from);
/* oci_tags.c: the path of the next page that a Link header of the answer to `path` names; absent: the last page. */
hc_str oci_next_page(struct hc_arena *a, const struct hc_http_response *r, hc_str path);
bool oci_good_tag(hc_str tag);
struct oci_tag_list {
    hc_str *items;
    size_t n, cap;
};
/* The tags of one page; those that are none are left out. */
enum hc_rc oci_add_tags(struct hc_arena *a, hc_str body, struct oci_tag_list *to, struct hc_err *err);
/* The tag of the newest version in `range` (hc_oci_newest) that fits the regular expression `filter`. */
enum hc_rc oci_newest(struct hc_oci *o, hc_str range, hc_str filter, unsigned how, hc_str *out_tag,
                      struct hc_err *err);

/* ---- oci_scheme.c ---- */

/* Which of the two some registries speak. */
struct oci_schemes {
    pthread_mutex_t lock;
    struct oci_scheme_row {
        char key[HC_SHA256_HEX + 1];
        bool plain;
    } rows[64];
    size_t next;
};
/* spec.insecure: whether the registry speaks TLS, found out once for each registry. Before anything else is sent. */
void oci_choose_scheme(struct hc_oci *o);
/* A request got no answer: the next conversation finds out again. */
void oci_scheme_failed(struct hc_oci *o);

/* ---- oci_login.c ---- */

/* Credentials for host and repository out of a .dockerconfigjson; none is HC_OK and leaves *out alone. */
enum hc_rc oci_docker_config(struct hc_arena *a, hc_str config, hc_str host, hc_str repo,
                             struct hc_registry_login *out, struct hc_err *err);
/* o->login, found once. */
enum hc_rc oci_find_login(struct hc_oci *o, struct hc_err *err);
/* "it wants a login: ..." */
const char *oci_login_advice(const struct hc_oci *o);
/* "it was asked with the login of Secret apps/login", "it was asked without a login". */
const char *oci_asked_as(const struct hc_oci *o);

/* ---- oci_token.c ---- */

/* The challenge to answer out of all WWW-Authenticate lines: a token where there is a choice. False: none we know. */
bool oci_challenge_of(struct hc_arena *a, hc_str headers, struct oci_challenge *out);
/* What a token server answered: the token and how long it lives. False: it is none. */
bool oci_token_of(struct hc_arena *a, hc_str body, hc_str *out_token, hc_str *out_refresh, int64_t *out_lives_ms);
/* Before a request: o->authorization from the table, renewed when it ends soon. */
enum hc_rc oci_ready(struct hc_oci *o, struct hc_err *err);
/* After 401: o->authorization anew, by what the answer asks for. */
enum hc_rc oci_answer(struct hc_oci *o, const struct hc_http_response *r, struct hc_err *err);
void oci_leave(struct hc_oci *o);
struct oci_schemes *oci_schemes(struct hc_oci_logins *l);
