#pragma once
/*
 * charts-fetch/source/jwt_impl.h - a text signed with an RSA key (JWT, RS256: RFC 7515, 7519), and what GitHub gives for it
 */
#include "charts-fetch/source/source.h"

struct hc_val;

/* The token in the answer of GitHub to who asks for an installation's, and when it ends. False: there is none. */
bool source_github_token(const struct hc_val *answer, hc_str *out, int64_t *out_ends_ms);

/* `claims`: a JSON object. `what` names the key in the message when it is none. */
enum hc_rc source_jwt(struct hc_arena *a, hc_str key_pem, hc_str claims, const char *what, hc_str *out,
                      struct hc_err *err);
