/*
 * Was a certificate taken back? By OCSP where it names a responder, by its list (CRL) where it names none, or where the
 * responder does not know; a certificate that names neither cannot be taken back. The root is not asked about. An answer
 * counts when the issuer signed it and it is fresh; everything else is "nobody can tell", which is a failure of the rule.
 */
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "charts-fetch/verify/notation_impl.h"

#define MAX_OCSP   ((size_t)1 << 20)
#define MAX_CRL    ((size_t)8 << 20)
#define SKEW_S     300 /* of clocks */
#define MAX_PLACES 3   /* asked for one certificate */

enum answer { UNKNOWN, NOT_REVOKED, REVOKED };

static int64_t seconds(const ASN1_TIME *t)
{
    struct tm tm;
    return t && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : -1;
}

/* Taken back, but after it signed? */
static enum answer taken_back(const ASN1_TIME *when, int64_t signed_ms)
{
    int64_t at = seconds(when);
    return signed_ms != INT64_MAX && at >= 0 && at > signed_ms / 1000 ? NOT_REVOKED : REVOKED;
}

static bool fresh(const ASN1_TIME *from, const ASN1_TIME *to, int64_t now_s)
{
    int64_t f = seconds(from), t = seconds(to);
    return f >= 0 && f <= now_s + SKEW_S && t >= 0 && t >= now_s - SKEW_S;
}

/* ---- OCSP (RFC 6960) ----------------------------------------------------------------------------- */

static hc_str ocsp_question(struct hc_arena *a, X509 *x, X509 *issuer)
{
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), x, issuer); /* all responders know that one; it names, no more */
    OCSP_REQUEST *q = OCSP_REQUEST_new();
    unsigned char *der = NULL;
    hc_str out = { NULL, 0 };
    if (id && q && OCSP_request_add0_id(q, id)) {
        id = NULL;
        int n = i2d_OCSP_REQUEST(q, &der);
        if (n > 0)
            out = hc_arena_str(a, hc_str_n((const char *)der, (size_t)n));
    }
    OPENSSL_free(der);
    OCSP_CERTID_free(id);
    OCSP_REQUEST_free(q);
    return out;
}

static bool by_issuer(OCSP_BASICRESP *b, X509 *issuer, int64_t now_s)
{
    STACK_OF(X509) *certs = sk_X509_new_null();
    X509_STORE *store = X509_STORE_new();
    bool good = certs && store && sk_X509_push(certs, issuer) > 0 && X509_STORE_add_cert(store, issuer) == 1;
    if (good) {
        X509_VERIFY_PARAM *param = X509_STORE_get0_param(store);
        X509_VERIFY_PARAM_set_time(param, (time_t)now_s);
        (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
        good = OCSP_basic_verify(b, certs, store, 0) == 1;
    }
    sk_X509_free(certs);
    X509_STORE_free(store);
    return good;
}

static enum answer ocsp_answer(hc_str body, X509 *x, X509 *issuer, int64_t now_s, int64_t signed_ms)
{
    const unsigned char *p = (const unsigned char *)body.p;
    OCSP_RESPONSE *r = body.n ? d2i_OCSP_RESPONSE(NULL, &p, (long)body.n) : NULL;
    OCSP_BASICRESP *b = r && OCSP_response_status(r) == OCSP_RESPONSE_STATUS_SUCCESSFUL
                            ? OCSP_response_get1_basic(r)
                            : NULL;
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), x, issuer);
    ASN1_GENERALIZEDTIME *when = NULL, *from = NULL, *to = NULL;
    int status = V_OCSP_CERTSTATUS_UNKNOWN, reason = 0;
    enum answer out = UNKNOWN;
    if (b && id && by_issuer(b, issuer, now_s) &&
        OCSP_resp_find_status(b, id, &status, &reason, &when, &from, &to) == 1 && fresh(from, to, now_s)) {
        if (status == V_OCSP_CERTSTATUS_GOOD)
            out = NOT_REVOKED;
        else if (status == V_OCSP_CERTSTATUS_REVOKED)
            out = taken_back(when, signed_ms);
    }
    OCSP_CERTID_free(id);
    OCSP_BASICRESP_free(b);
    OCSP_RESPONSE_free(r);
    ERR_clear_error();
    return out;
}

/* ---- lists (RFC 5280 5) -------------------------------------------------------------------------- */

static enum answer crl_answer(hc_str body, X509 *x, X509 *issuer, int64_t now_s, int64_t signed_ms)
{
    const unsigned char *p = (const unsigned char *)body.p;
    X509_CRL *l = body.n ? d2i_X509_CRL(NULL, &p, (long)body.n) : NULL;
    X509_REVOKED *line = NULL;
    enum answer out = UNKNOWN;
    bool good = l && X509_NAME_cmp(X509_CRL_get_issuer(l), X509_get_subject_name(issuer)) == 0 &&
                X509_CRL_verify(l, X509_get0_pubkey(issuer)) == 1 &&
                fresh(X509_CRL_get0_lastUpdate(l), X509_CRL_get0_nextUpdate(l), now_s);
    for (int i = 0; good && i < X509_CRL_get_ext_count(l); i++) /* a part of a list, or one of another kind */
        good = !X509_EXTENSION_get_critical(X509_CRL_get_ext(l, i));
    if (good) {
        int found = X509_CRL_get0_by_cert(l, &line, x); /* 2: was on hold and no longer is */
        out = found == 1 ? taken_back(X509_REVOKED_get0_revocationDate(line), signed_ms) : NOT_REVOKED;
    }
    X509_CRL_free(l);
    ERR_clear_error();
    return out;
}

/* The places a certificate names for its list: HTTP only, the list itself is signed. */
static size_t crl_places(struct hc_arena *a, X509 *x, const char *out[MAX_PLACES])
{
    CRL_DIST_POINTS *all = X509_get_ext_d2i(x, NID_crl_distribution_points, NULL, NULL);
    size_t n = 0;
    for (int i = 0; i < sk_DIST_POINT_num(all) && n < MAX_PLACES; i++) {
        const DIST_POINT *d = sk_DIST_POINT_value(all, i);
        const GENERAL_NAMES *names = d->distpoint && d->distpoint->type == 0 ? d->distpoint->name.fullname : NULL;
        for (int j = 0; j < sk_GENERAL_NAME_num(names) && n < MAX_PLACES; j++) {
            const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, j);
            if (g->type == GEN_URI)
                out[n++] = hc_arena_strz(
                    a, hc_str_n((const char *)ASN1_STRING_get0_data(g->d.uniformResourceIdentifier),
                                (size_t)ASN1_STRING_length(g->d.uniformResourceIdentifier)));
        }
    }
    CRL_DIST_POINTS_free(all);
    ERR_clear_error();
    return n;
}

static bool by_http(const char *url)
{
    return url && (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0);
}

/* ---- one certificate, a chain -------------------------------------------------------------------- */

struct asking {
    struct hc_arena *a;
    const struct hc_notation_trust *t;
    int64_t signed_ms;
    struct hc_err why; /* of the last place that could not tell */
};

static enum answer ask(struct asking *q, X509 *x, X509 *issuer, const char *url, bool ocsp)
{
    int64_t now_s = q->t->now_ms / 1000;
    hc_str body = { NULL, 0 }, question = ocsp ? ocsp_question(q->a, x, issuer) : (hc_str){ NULL, 0 };
    if (!by_http(url)) {
        hc_fail(&q->why, HC_E_INPUT, "it names a place for that which is not HTTP");
        return UNKNOWN;
    }
    if (!q->t->ask || q->t->ask(q->t->ask_ctx, url, question, ocsp ? MAX_OCSP : MAX_CRL, &body, &q->why) != HC_OK)
        return UNKNOWN;
    enum answer got = ocsp ? ocsp_answer(body, x, issuer, now_s, q->signed_ms)
                           : crl_answer(body, x, issuer, now_s, q->signed_ms);
    if (got == UNKNOWN)
        hc_fail(&q->why, HC_E_INPUT, "%s: the %s is not good, not fresh, or does not know the certificate", url,
                ocsp ? "answer" : "list");
    return got;
}

static enum answer look(struct asking *q, X509 *x, X509 *issuer)
{
    const char *places[MAX_PLACES];
    STACK_OF(OPENSSL_STRING) *responders = X509_get1_ocsp(x);
    enum answer got = UNKNOWN;
    int n = sk_OPENSSL_STRING_num(responders);
    for (int i = 0; i < HC_MIN(n, MAX_PLACES) && got == UNKNOWN; i++)
        got = ask(q, x, issuer, hc_arena_strz(q->a, hc_str_of(sk_OPENSSL_STRING_value(responders, i))), true);
    X509_email_free(responders);
    size_t lists = crl_places(q->a, x, places);
    if (n <= 0 && !lists)
        return NOT_REVOKED; /* it cannot be taken back */
    for (size_t i = 0; i < lists && got == UNKNOWN; i++)
        got = ask(q, x, issuer, places[i], false);
    return got;
}

enum hc_rc notation_not_revoked(struct hc_arena *a, const struct hc_notation_trust *t,
                                const struct notation_chain *c, int64_t signed_ms, struct hc_err *err)
{
    struct asking q = { .a = a, .t = t, .signed_ms = signed_ms, .why = HC_ERR_INIT };
    for (size_t i = c->n; i-- > 1;) { /* from the root down */
        hc_err_clear(&q.why);
        enum answer got = look(&q, c->certs[i - 1], c->certs[i]);
        if (got == REVOKED)
            return hc_fail(err, HC_E_INPUT, "the certificate %s was revoked", notation_subject(a, c->certs[i - 1]));
        if (got == UNKNOWN)
            return hc_fail(err, HC_E_INPUT, "nobody tells whether the certificate %s was revoked: %s",
                           notation_subject(a, c->certs[i - 1]),
                           q.why.msg[0] ? q.why.msg : "no server can be asked from here");
    }
    return HC_OK;
}
