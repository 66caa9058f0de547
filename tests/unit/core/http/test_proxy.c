/*
 * core/http: requests through a SOCKS proxy, which is a table of what it must be told and what it answers.
 */
#include "core/http/http.h"
#include "tests/unit/turns.h"
#include "tests/unit/unit.h"

#define BY_NAME "\5\1\0\3\13srv.invalid\0\120"
#define REQUEST "GET /x HTTP/1.1\r\nHost: srv.invalid\r\n"
#define ANSWER  "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"

static void socks(void **state)
{
    (void)state;
    static const struct {
        const char *name, *login; /* "user:password@" */
        struct turn turns[4];
        enum hc_rc rc;
        enum hc_http_trouble trouble;
        const char *words;
    } rows[] = {
        { "open",
          "",
          { TURN("\5\1\0", "\5\0"), TURN(BY_NAME, "\5\0\0\1\0\0\0\0\0\0"), TURN(REQUEST, ANSWER) },
          HC_OK,
          HC_HTTP_NO_TROUBLE,
          "" },
        { "with a login",
          "a%40:p%25@",
          { TURN("\5\2\0\2", "\5\2"), TURN("\1\2a@\2p%", "\1\0"), TURN(BY_NAME, "\5\0\0\1\0\0\0\0\0\0"),
            TURN(REQUEST, ANSWER) },
          HC_OK,
          HC_HTTP_NO_TROUBLE,
          "" },
        { "a wrong login",
          "a:planted@",
          { TURN("\5\2\0\2", "\5\2"), TURN("\1\1a\7planted", "\1\1") },
          HC_E_INPUT,
          HC_HTTP_PROXY_LOGIN,
          "the proxy refuses the login" },
        { "no login",
          "",
          { TURN("\5\1\0", "\5\377") },
          HC_E_INPUT,
          HC_HTTP_PROXY_LOGIN,
          "the proxy refuses the login" },
        { "nobody is there",
          "",
          { TURN("\5\1\0", "\5\0"), TURN(BY_NAME, "\5\5\0\1\0\0\0\0\0\0") },
          HC_E_AGAIN,
          HC_HTTP_NO_TROUBLE,
          "SOCKS" },
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
        snprintf(proxy, sizeof(proxy), "socks5h://%s127.0.0.1:%d", rows[i].login, s.port);
        err = (struct hc_err)HC_ERR_INIT;
        enum hc_rc rc = hc_http_do(
            http, a, &(struct hc_http_request){ .url = "http://srv.invalid/x", .proxy = proxy }, &r, &err);
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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(socks), cmocka_unit_test(all_proxy_is_not_asked) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
