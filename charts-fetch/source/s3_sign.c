/*
 * Signature version 4: a canonical form of the request, its digest in a text to sign, a key made of the secret and the
 * day, region and service.
 */
#include <openssl/hmac.h>
#include <time.h>

#include "charts-fetch/source/s3_impl.h"
#include "core/base/digest.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

hc_str s3_encode(struct hc_arena *a, hc_str text, bool path)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = hc_arena_alloc(a, text.n * 3 + 1, 1);
    size_t n = 0;
    for (size_t i = 0; out && i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '_' || c == '.' || c == '~' || (path && c == '/');
        if (plain) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = hex[c >> 4];
        out[n++] = hex[c & 15];
    }
    return hc_str_n(out, n);
}

struct key {
    unsigned char bytes[32];
};

static struct key mac(const void *key, size_t key_n, hc_str text)
{
    struct key out = { { 0 } };
    unsigned n = sizeof(out.bytes);
    (void)HMAC(EVP_sha256(), key, (int)key_n, (const unsigned char *)text.p, text.n, out.bytes, &n);
    return out;
}

enum hc_rc s3_sign(struct hc_arena *a, const struct s3_signing *s, const char *out[5], struct hc_err *err)
{
    char stamp[32], day[16], hex[HC_SHA256_HEX + 1];
    time_t at = (time_t)s->now_s;
    struct tm tm;
    if (!gmtime_r(&at, &tm))
        return hc_fail(err, HC_E_BUG, "no time to sign with");
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
    strftime(day, sizeof(day), "%Y%m%d", &tm);
    hc_str payload = s->payload_hash.n ? s->payload_hash : HC_S(EMPTY);
    HC_AUTO(hc_buf) struct hc_buf canon;
    hc_buf_init(&canon, 0);
    hc_buf_printf(&canon, "%s\n%.*s\n%.*s\nhost:%.*s\n", s->method, HC_P(s->path), HC_P(s->query), HC_P(s->host));
    if (s->range.n)
        hc_buf_printf(&canon, "range:%.*s\n", HC_P(s->range));
    hc_buf_printf(&canon, "x-amz-content-sha256:%.*s\nx-amz-date:%s\n", HC_P(payload), stamp);
    if (s->token.n)
        hc_buf_printf(&canon, "x-amz-security-token:%.*s\n", HC_P(s->token));
    const char *names = hc_arena_printf(a, "host;%sx-amz-content-sha256;x-amz-date%s", s->range.n ? "range;" : "",
                                        s->token.n ? ";x-amz-security-token" : "")
                            .p;
    hc_buf_printf(&canon, "\n%s\n%.*s", names ? names : "", HC_P(payload));
    if (hc_buf_check(&canon, err, "signature") != HC_OK || hc_arena_check(a, err, "signature") != HC_OK)
        return HC_E_NOMEM;
    hc_sha256_of(hc_buf_str(&canon), hex);
    hc_str scope = hc_arena_printf(a, "%s/%.*s/s3/aws4_request", day, HC_P(s->region));
    hc_str text = hc_arena_printf(a, "AWS4-HMAC-SHA256\n%s\n%.*s\n%s", stamp, HC_P(scope), hex);
    hc_str start = hc_arena_printf(a, "AWS4%.*s", HC_P(s->secret_key));
    if (hc_arena_spent(a))
        return hc_arena_check(a, err, "signature");
    struct key k = mac(start.p, start.n, hc_str_of(day));
    k = mac(k.bytes, sizeof(k.bytes), s->region);
    k = mac(k.bytes, sizeof(k.bytes), HC_S("s3"));
    k = mac(k.bytes, sizeof(k.bytes), HC_S("aws4_request"));
    k = mac(k.bytes, sizeof(k.bytes), text);
    hc_str signature = hc_hex(a, hc_str_n((const char *)k.bytes, sizeof(k.bytes)));
    size_t n = 0;
    out[n++] = hc_arena_printf(a, "x-amz-date: %s", stamp).p;
    out[n++] = hc_arena_printf(a, "x-amz-content-sha256: %.*s", HC_P(payload)).p;
    if (s->token.n)
        out[n++] = hc_arena_printf(a, "x-amz-security-token: %.*s", HC_P(s->token)).p;
    out[n++] = hc_arena_printf(
                   a, "Authorization: AWS4-HMAC-SHA256 Credential=%.*s/%.*s, SignedHeaders=%s, Signature=%.*s",
                   HC_P(s->access_key), HC_P(scope), names, HC_P(signature))
                   .p;
    out[n] = NULL;
    return hc_arena_check(a, err, "signature");
}
