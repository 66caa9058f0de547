#pragma once
/*
 * charts-fetch/source/jwt_impl.h - a text signed with an RSA key (JWT, RS256: RFC 7515, 7519)
 */
#include "charts-fetch/source/source.h"

/* `claims`: a JSON object. `what` names the key in the message when it is none. */
enum hc_rc source_jwt(struct hc_arena *a, hc_str key_pem, hc_str claims, const char *what, hc_str *out,
                      struct hc_err *err);
