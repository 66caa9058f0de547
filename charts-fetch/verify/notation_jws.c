/*
 * JWS JSON serialization with one signature, flattened (RFC 7515 7.2.2), as the Notary Project narrows it: what counts
 * stands in the protected header, beside it are only the certificates and the time stamp. The text of both parts is what
 * was signed, so it is taken as it came.
 */
#include "charts-fetch/verify/notation_impl.h"
#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/value/json.h"

#define MAX_CRITICAL 32u

/* base64url without padding (RFC 7515 2), nothing else: absent when it is none. */
static hc_str base64url(struct hc_arena *a, hc_str s)
{
    char *p = s.n && s.n % 4 != 1 ? hc_arena_alloc(a, s.n + 4, 1) : NULL;
    size_t n = 0;
    for (; p && n < s.n; n++) {
        char c = s.p[n];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && c != '-' && c != '_')
            return (hc_str){ NULL, 0 };
        p[n] = c;
        if (c == '-')
            p[n] = '+';
        else if (c == '_')
            p[n] = '/';
    }
    while (p && n % 4)
        p[n++] = '=';
    return p ? hc_base64_decode(a, hc_str_n(p, n), NULL) : (hc_str){ NULL, 0 };
}

static enum hc_rc parse(struct hc_arena *a, hc_str text, const char *what, struct hc_val **out, struct hc_err *err)
{
    if (hc_json_parse(a, text, HC_JSON_NO_POSITIONS, out, err) == HC_OK && hc_is_map(*out))
        return HC_OK;
    return hc_arena_spent(a) ? hc_fail_nomem(err) : hc_fail(err, HC_E_INPUT, "%s is not a JSON map", what);
}

/* INT64_MAX: not there. */
static enum hc_rc time_at(const struct hc_val *header, const char *key, int64_t *out_ms, struct hc_err *err)
{
    const struct hc_val *v = hc_map_getz(header, key);
    *out_ms = INT64_MAX;
    if (!v || hc_is_null(v))
        return HC_OK;
    *out_ms = hc_time_parse_ms(hc_get_str(v));
    return *out_ms >= 0 ? HC_OK : hc_fail(err, HC_E_INPUT, "the header '%s' is no time", key);
}

static bool ours(hc_str key)
{
    static const char *const known[] = {
        "alg", "cty", "crit", NOTATION_EXPIRY, NOTATION_TIME, NOTATION_SCHEME_AT, NOTATION_AUTH_TIME
    };
    for (size_t i = 0; i < HC_LEN(known); i++)
        if (hc_str_eqz(key, known[i]))
            return true;
    return false;
}

static bool in(const struct hc_val *list, const char *what)
{
    for (size_t i = 0; i < hc_list_len(list); i++)
        if (hc_str_eqz(hc_get_str(hc_list_at(list, i)), what))
            return true;
    return false;
}

/* "crit": what must be in it is, and all that is in it is there. */
static enum hc_rc read_critical(const struct hc_val *header, struct hc_notation_envelope *out, struct hc_err *err)
{
    const struct hc_val *crit = hc_map_getz(header, "crit");
    if (!hc_list_len(crit) || hc_list_len(crit) > MAX_CRITICAL)
        return hc_fail(err, HC_E_INPUT, "the header 'crit' is missing, empty or too long");
    const char *const must[] = { NOTATION_SCHEME_AT, out->expiry_ms != INT64_MAX ? NOTATION_EXPIRY : NULL,
                                 out->authority ? NOTATION_AUTH_TIME : NULL };
    for (size_t i = 0; i < HC_LEN(must); i++)
        if (must[i] && !in(crit, must[i]))
            return hc_fail(err, HC_E_INPUT, "the header '%s' is not marked as critical", must[i]);
    for (size_t i = 0; i < hc_list_len(crit); i++) {
        hc_str key = hc_get_str(hc_list_at(crit, i));
        if (!key.n || !hc_map_get(header, key))
            return hc_fail(err, HC_E_INPUT, "a header is marked as critical and is not there");
        if (!ours(key))
            out->unknown = key;
    }
    for (size_t i = 0; i < hc_map_len(header); i++) /* critical or not, it says that more has to be asked */
        if (hc_str_starts(hc_map_at(header, i)->key, HC_S(NOTATION_PLUGIN)))
            out->unknown = hc_map_at(header, i)->key;
    return HC_OK;
}

static enum hc_rc read_protected(struct hc_arena *a, hc_str text, struct hc_notation_envelope *out,
                                 struct hc_err *err)
{
    struct hc_val *header = NULL;
    int64_t plain_ms, authentic_ms;
    enum hc_rc rc = parse(a, base64url(a, text), "the protected header", &header, err);
    if (rc == HC_OK)
        rc = time_at(header, NOTATION_EXPIRY, &out->expiry_ms, err);
    if (rc == HC_OK)
        rc = time_at(header, NOTATION_TIME, &plain_ms, err);
    if (rc == HC_OK)
        rc = time_at(header, NOTATION_AUTH_TIME, &authentic_ms, err);
    if (rc == HC_OK)
        rc = notation_set_times(out, hc_get_str(hc_map_getz(header, NOTATION_SCHEME_AT)), plain_ms, authentic_ms,
                                err);
    if (rc != HC_OK)
        return rc;
    out->algorithm = hc_get_str_at(header, "alg");
    out->content_type = hc_get_str_at(header, "cty");
    return read_critical(header, out, err);
}

enum hc_rc notation_read_jws(struct hc_arena *a, hc_str bytes, struct hc_notation_envelope *out, struct hc_err *err)
{
    struct hc_val *doc = NULL;
    enum hc_rc rc = parse(a, bytes, "the envelope", &doc, err);
    if (rc != HC_OK)
        return rc;
    hc_str protected = hc_get_str_at(doc, "protected"), payload = hc_get_str_at(doc, "payload");
    if (hc_map_getz(doc, "signatures"))
        return hc_fail(err, HC_E_INPUT, "the envelope has not one signature");
    if ((rc = read_protected(a, protected, out, err)) != HC_OK)
        return rc;
    out->payload = base64url(a, payload);
    out->signature = base64url(a, hc_get_str_at(doc, "signature"));
    const hc_str parts[] = { protected, HC_S("."), payload, { NULL, 0 } };
    out->message = hc_arena_cat(a, 3, parts);
    const struct hc_val *header = hc_map_getz(doc, "header"), *chain = hc_map_getz(header, "x5c");
    if (hc_list_len(chain) > HC_NOTATION_MAX_CHAIN)
        return hc_fail(err, HC_E_INPUT, "the chain has more than %u certificates", HC_NOTATION_MAX_CHAIN);
    for (size_t i = 0; i < hc_list_len(chain); i++)
        out->certs[out->certs_n++] = hc_base64_decode(a, hc_get_str(hc_list_at(chain, i)), NULL);
    hc_str stamp = hc_get_str(hc_map_getz(header, NOTATION_STAMP));
    if (stamp.n && !(out->stamp = hc_base64_decode(a, stamp, NULL)).n)
        return hc_fail(err, HC_E_INPUT, "the time stamp is not base64");
    return hc_arena_spent(a) ? hc_fail_nomem(err) : HC_OK;
}
