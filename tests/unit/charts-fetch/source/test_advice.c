/*
 * source_advise (charts-fetch/source/http.c): what a person has to do about a refusal of TLS or of a proxy, and where.
 */
#include "charts-fetch/source/http_impl.h"
#include "tests/unit/unit.h"

#define PEM HC_S("-----BEGIN CERTIFICATE-----")

static void refusals_name_the_secret(void **state)
{
    (void)state;
    static const struct hc_source_env env = { 0 },
                                      with_proxy = { .proxy = "http://p:1", .proxy_from = "Secret a/p" },
                                      logged_in = { .proxy = "http://u:p4ss@p:1", .proxy_from = "Secret a/p" },
                                      by_flag = { .proxy = "http://p:1" };
    static const struct hc_source_auth ca = { .ca_pem = PEM,
                                              .tls_from = "Secret a/t",
                                              .tls_field = "spec.certSecretRef" },
                                       cert = { .cert_pem = PEM,
                                                .tls_from = "Secret a/t",
                                                .tls_field = "spec.certSecretRef" },
                                       field = { .tls_field = "spec.certSecretRef" };
    static const struct {
        const struct hc_source_env *env;
        const struct hc_source_auth *auth;
        struct hc_http_response r;
        const char *text, *want; /* want: what is put behind, "" nothing */
    } rows[] = {
        { &with_proxy,
          NULL,
          { .trouble = HC_HTTP_PROXY_LOGIN },
          "407",
          ": it wants a login; put username and password into Secret a/p" },
        { &logged_in,
          NULL,
          { .trouble = HC_HTTP_PROXY_LOGIN },
          "407",
          ": it does not accept username and password of Secret a/p" },
        { &by_flag,
          NULL,
          { .trouble = HC_HTTP_PROXY_LOGIN },
          "407",
          ": check user and password in the proxy's URL (HTTPS_PROXY, HTTP_PROXY)" },
        { &env, &ca, { .trouble = HC_HTTP_BAD_CA }, "x", "; ca.crt of Secret a/t is no certificate in PEM" },
        { &env,
          &cert,
          { .trouble = HC_HTTP_BAD_CERT },
          "x",
          "; tls.crt and tls.key of Secret a/t must be PEM, without a passphrase, and belong together" },
        { &env,
          &cert,
          { .trouble = HC_HTTP_CERT_WANTED },
          "x",
          "; the server does not accept the client certificate of Secret a/t: its authority may be another, or its "
          "time over" },
        { &env,
          &ca,
          { .trouble = HC_HTTP_CERT_WANTED },
          "x",
          "; the server wants a client certificate: put tls.crt and tls.key into Secret a/t" },
        { &env,
          &field,
          { .trouble = HC_HTTP_CERT_WANTED },
          "x",
          "; the server wants a client certificate: put tls.crt and tls.key into a Secret and name it in "
          "spec.certSecretRef" },
        { &env,
          &field,
          { .status = 400,
            .effective_url = "https://h/x",
            .body = HC_S("<h1>No required SSL certificate was sent</h1>") },
          "x",
          "; the server wants a client certificate: put tls.crt and tls.key into a Secret and name it in "
          "spec.certSecretRef" },
        { &env,
          &field,
          { .status = 400, .effective_url = "http://h/x", .body = HC_S("SSL certificate") },
          "x",
          "" },
        { &env, &field, { .status = 400, .effective_url = NULL, .body = HC_S("SSL certificate") }, "x", "" },
        { &env,
          &ca,
          { .trouble = HC_HTTP_UNTRUSTED },
          "unable to get local issuer certificate",
          "; ca.crt of Secret a/t is not of the authority that signed it" },
        { &env,
          &field,
          { .trouble = HC_HTTP_UNTRUSTED },
          "self-signed certificate",
          "; if its authority is a private one, put the authority's certificate as ca.crt into a Secret and name "
          "it in spec.certSecretRef" },
        { &env, &ca, { .trouble = HC_HTTP_UNTRUSTED }, "certificate has expired", "" },
        { &env, NULL, { .trouble = HC_HTTP_UNTRUSTED }, "self-signed certificate", "" },
        { &env, NULL, { .trouble = HC_HTTP_CERT_WANTED }, "x", "" },
        { &env, NULL, { .trouble = HC_HTTP_NO_TROUBLE }, "x", "" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_err err = HC_ERR_INIT;
        hc_fail(&err, HC_E_INPUT, "%s", rows[i].text);
        source_advise(rows[i].env, rows[i].auth, &rows[i].r, &err);
        if (strncmp(err.msg, rows[i].text, strlen(rows[i].text)) != 0 ||
            strcmp(err.msg + strlen(rows[i].text), rows[i].want) != 0 || strstr(err.msg, "p4ss"))
            fail_msg("row %zu: '%s'", i, err.msg);
        assert_int_equal(err.code, HC_E_INPUT);
    }
}

static void advice_never_overruns(void **state)
{
    (void)state;
    static const struct hc_source_env env = { 0 };
    static const struct hc_source_auth field = { .tls_field = "spec.certSecretRef" };
    const struct hc_http_response r = { .trouble = HC_HTTP_CERT_WANTED };
    struct hc_err err = HC_ERR_INIT;
    char text[HC_ERR_MSG];
    for (size_t n = HC_ERR_MSG - 80; n < HC_ERR_MSG; n++) {
        memset(text, 'a', n);
        text[n] = '\0';
        hc_fail(&err, HC_E_INPUT, "%s", text);
        source_advise(&env, &field, &r, &err);
        assert_true(strlen(err.msg) < HC_ERR_MSG);
    }
    source_advise(&env, &field, &r, NULL); /* nobody to tell */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_name_the_secret),
        cmocka_unit_test(advice_never_overruns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
