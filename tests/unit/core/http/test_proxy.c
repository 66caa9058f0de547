/*
 * core/http: requests through proxies, each a table of what it must be told and what it answers; and when which proxy of the
 * environment is taken.
 */
#include <stdlib.h>

#include "core/http/http_impl.h"
#include "tests/unit/turns.h"
#include "tests/unit/unit.h"

#define BY_NAME "\5\1\0\3\13srv.invalid\0\120"
#define REQUEST "GET /x HTTP/1.1\r\nHost: srv.invalid\r\n"
#define ANSWER  "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"

#define REFUSED                                                                                                    \
    "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=p\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
#define ASK     "GET http://srv.invalid/x HTTP/1.1\r\nHost: srv.invalid\r\n"
#define CONNECT "CONNECT srv.invalid:443 HTTP/1.1\r\nHost: srv.invalid:443\r\n"

static void ways_through(void **state)
{
    (void)state;
    static const struct {
        const char *name, *login; /* "user:password@" */
        struct turn turns[4];
        enum hc_rc rc;
        enum hc_http_trouble trouble;
        const char *words, *way; /* way: how the proxy is spoken to, else socks5h; by "tls" the server is, too */
    } rows[] = {
        { "open",
          "",
          { TURN("\5\1\0", "\5\0"), TURN(BY_NAME, "\5\0\0\1\0\0\0\0\0\0"), TURN(REQUEST, ANSWER) },
          HC_OK,
          HC_HTTP_NO_TROUBLE,
          "",
          NULL },
        { "with a login",
          "a%40:p%25@",
          { TURN("\5\2\0\2", "\5\2"), TURN("\1\2a@\2p%", "\1\0"), TURN(BY_NAME, "\5\0\0\1\0\0\0\0\0\0"),
            TURN(REQUEST, ANSWER) },
          HC_OK,
          HC_HTTP_NO_TROUBLE,
          "",
          NULL },
        { "a wrong login",
          "a:planted@",
          { TURN("\5\2\0\2", "\5\2"), TURN("\1\1a\7planted", "\1\1") },
          HC_E_INPUT,
          HC_HTTP_PROXY_LOGIN,
          "the proxy refuses the login",
          NULL },
        { "no login",
          "",
          { TURN("\5\1\0", "\5\377") },
          HC_E_INPUT,
          HC_HTTP_PROXY_LOGIN,
          "the proxy refuses the login",
          NULL },
        { "nobody is there",
          "",
          { TURN("\5\1\0", "\5\0"), TURN(BY_NAME, "\5\5\0\1\0\0\0\0\0\0") },
          HC_E_AGAIN,
          HC_HTTP_NO_TROUBLE,
          "SOCKS",
          NULL },
        { "HTTP", "", { TURN(ASK, ANSWER) }, HC_OK, HC_HTTP_NO_TROUBLE, "", "http" },
        { "HTTP with a login",
          "a%40:p%25@",
          { TURN(ASK "Proxy-Authorization: Basic YUA6cCU=\r\n", ANSWER) },
          HC_OK,
          HC_HTTP_NO_TROUBLE,
          "",
          "http" },
        { "HTTP, a wrong login",
          "a:planted@",
          { TURN(ASK "Proxy-Authorization: Basic YTpwbGFudGVk\r\n", REFUSED) },
          HC_E_INPUT,
          HC_HTTP_PROXY_LOGIN,
          "the proxy answers 407",
          "http" },
        { "HTTP, no login",
          "",
          { TURN(ASK, REFUSED) },
          HC_E_INPUT,
          HC_HTTP_PROXY_LOGIN,
          "the proxy answers 407",
          "http" },
        { "a tunnel, a wrong login",
          "a:planted@",
          { TURN(CONNECT "Proxy-Authorization: Basic YTpwbGFudGVk\r\n", REFUSED) },
          HC_E_INPUT,
          HC_HTTP_PROXY_LOGIN,
          "the proxy answers 407",
          "tls" },
        { "a tunnel, no login",
          "",
          { TURN(CONNECT, REFUSED) },
          HC_E_INPUT,
          HC_HTTP_PROXY_LOGIN,
          "the proxy answers 407",
          "tls" },
    };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    struct hc_http *http = hc_http_new(&err);
    assert_non_null(http);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct turns_server s;
        struct hc_http_response r;
        char proxy[128];
        turns_start(&s, rows[i].turns, HC_LEN(rows[i].turns));
        bool tls = rows[i].way && strcmp(rows[i].way, "tls") == 0;
        snprintf(proxy, sizeof(proxy), "%s://%s127.0.0.1:%d",
                 tls           ? "http"
                 : rows[i].way ? rows[i].way
                               : "socks5h",
                 rows[i].login, s.port);
        err = (struct hc_err)HC_ERR_INIT;
        enum hc_rc rc = hc_http_do(
            http, a,
            &(struct hc_http_request){ .url = tls ? "https://srv.invalid/x" : "http://srv.invalid/x",
                                       .proxy = proxy },
            &r, &err);
        turns_stop(&s);
        if (rc != rows[i].rc || r.trouble != rows[i].trouble || s.wrong[0] || strstr(err.msg, "planted") ||
            (rc == HC_OK ? !hc_str_eqz(r.body, "ok") : !strstr(err.msg, rows[i].words)))
            fail_msg("%s: %d '%s', told %s", rows[i].name, rc, err.msg, s.wrong);
    }
    hc_http_free(http);
}

/* As in Go: it is for what is no HTTP. */
static void all_proxy_is_not_asked(void **state)
{
    (void)state;
    static const char *const urls[] = { "http://192.0.2.1/", "https://192.0.2.1/" };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    struct hc_http *http = hc_http_new(&err);
    setenv("ALL_PROXY", "socks5://127.0.0.1:1", 1);
    for (size_t i = 0; i < HC_LEN(urls); i++) {
        struct hc_http_response r;
        const struct hc_http_request req = { .url = urls[i], .connect_timeout_ms = 50 };
        assert_int_equal(hc_http_do(http, a, &req, &r, &err), HC_E_AGAIN);
        assert_null(strstr(err.msg, "127.0.0.1"));
    }
    unsetenv("ALL_PROXY");
    hc_http_free(http);
}

/* HTTP_PROXY, HTTPS_PROXY and NO_PROXY as Go reads them: what Go 1.26's httpproxy says to each of these. */
static void the_environment(void **state)
{
    (void)state;
    static const struct {
        const char *none, *scheme, *host, *port, *want;
    } rows[] = {
        { "", "http", "a.test", "80", "http://plain" },
        { "", "https", "a.test", "443", "http://tls" },
        { "", "https", "localhost", "443", "" },
        { "", "https", "127.1.2.3", "443", "" },
        { "", "https", "[::1]", "443", "" },
        { "", "https", "127.a.test", "443", "http://tls" },
        { "*", "https", "a.test", "443", "" },
        { "*", "https", "192.0.2.1", "443", "" },
        { "a.test", "https", "a.test", "443", "" },
        { "A.test", "https", "b.a.TEST", "443", "" },
        { "a.test", "https", "ba.test", "443", "http://tls" },
        { "a.test", "https", "test", "443", "http://tls" },
        { ".a.test", "https", "a.test", "443", "http://tls" },
        { ".a.test", "https", "b.a.test", "443", "" },
        { "*.a.test", "https", "a.test", "443", "http://tls" },
        { "*.a.test", "https", "c.b.a.test", "443", "" },
        { "b, , a.test ,c", "https", "a.test", "443", "" },
        { "b a.test", "https", "a.test", "443", "http://tls" },
        { "a.test:8443", "https", "a.test", "8443", "" },
        { "a.test:8443", "https", "a.test", "443", "http://tls" },
        { ".a.test:443", "https", "b.a.test", "443", "" },
        { ":443", "https", "a.test", "443", "http://tls" },
        { "192.0.2.1", "http", "192.0.2.1", "80", "" },
        { "192.0.2.1:80", "http", "192.0.2.1", "80", "" },
        { "192.0.2.1:80", "http", "192.0.2.1", "8080", "http://plain" },
        { "2.1", "http", "192.0.2.1", "80", "http://plain" },
        { "192.0.2.0/24", "http", "192.0.2.1", "80", "" },
        { "192.0.2.0/31", "http", "192.0.2.2", "80", "http://plain" },
        { "0.0.0.0/0", "http", "[2001:db8::1]", "80", "http://plain" },
        { "192.0.2.0/24", "http", "192.0.2.test", "80", "http://plain" },
        { "2001:db8::1", "http", "[2001:db8::1]", "80", "" },
        { "[2001:db8::1]:80", "http", "[2001:0db8::1]", "80", "" },
        { "[2001:db8::1]:81", "http", "[2001:db8::1]", "80", "http://plain" },
        { "2001:db8::/32", "http", "[2001:db8:1::1]", "80", "" },
    };
    setenv("HTTP_PROXY", "http://plain", 1);
    setenv("HTTPS_PROXY", "http://tls", 1);
    setenv("https_proxy", "http://small", 1); /* the large one counts */
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        setenv("NO_PROXY", rows[i].none, 1);
        hc_str got = http_env_proxy(hc_str_of(rows[i].scheme), hc_str_of(rows[i].host), hc_str_of(rows[i].port));
        if (!hc_str_eqz(got, rows[i].want))
            fail_msg("NO_PROXY '%s', %s://%s:%s: '%.*s'", rows[i].none, rows[i].scheme, rows[i].host, rows[i].port,
                     HC_P(got));
    }
    setenv("HTTPS_PROXY", "", 1);
    setenv("NO_PROXY", "", 1);
    setenv("no_proxy", "b.test", 1);
    assert_true(hc_str_eqz(http_env_proxy(HC_S("https"), HC_S("a.test"), HC_S("443")), "http://small"));
    assert_true(hc_str_eqz(http_env_proxy(HC_S("https"), HC_S("b.test"), HC_S("443")), ""));
    unsetenv("HTTP_PROXY");
    unsetenv("HTTPS_PROXY");
    unsetenv("https_proxy");
    unsetenv("NO_PROXY");
    unsetenv("no_proxy");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(ways_through), cmocka_unit_test(the_environment),
                                        cmocka_unit_test(all_proxy_is_not_asked) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
