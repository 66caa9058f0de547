#pragma once
/*
 * charts-fetch/source/http_impl.h - a GET with a source's credentials
 */
#include "charts-fetch/source/source.h"

struct source_get {
    const struct hc_source_env *env;
    const struct hc_source_auth *auth;
    const char *url;
    hc_str origin;         /* whose credentials these are: another host gets them only with pass_credentials */
    hc_str etag, modified; /* If-None-Match, else If-Modified-Since; absent: not asked */
    size_t max_bytes;
    const char *what; /* "index", "chart": for messages */
    bool accept_gzip;
    bool (*on_data)(void *ctx, const char *p, size_t n); /* streams the body (core/http/http.h); NULL: it is held */
    void *ctx;
};
/* HC_OK is 200 or 304; everything else is an error that tells a person what to do. */
enum hc_rc source_get(const struct source_get *g, struct hc_arena *a, struct hc_http_response *out,
                      struct hc_err *err);
/* After a request that failed (by `err`), or whose answer refuses a certificate: what a person has to do about it, behind
 * the message, with the Secret that is at fault. Nothing where that is not known. `auth` may be NULL. */
void source_advise(const struct hc_source_env *env, const struct hc_source_auth *auth,
                   const struct hc_http_response *r, struct hc_err *err);
/* A version with all three numbers, as Flux (pkg/version) wants tags to be; with `v_too` a "v" may stand in front. */
struct hc_semver;
bool source_whole_version(hc_str text, bool v_too, struct hc_semver *out);
/* scheme://host:port of a URL. */
hc_str source_host_of(hc_str url);
