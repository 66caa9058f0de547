/*
 * charts-fetch/source/git_dial.c: the way through a proxy to an SSH server, on a proxy that is a table of what it must be
 * told and what it answers.
 */
#include "charts-fetch/source/git_impl.h"
#include "core/base/clock.h"
#include "tests/unit/turns.h"
#include "tests/unit/unit.h"

#define CONNECT_BY_NAME "\5\1\0\3\13git.invalid\0\26"
#define CONNECTED       "\5\0\0\1\177\0\0\1\0\26"

struct row {
    const char *name, *proxy; /* the URL, in which PORT stands for the port */
    struct turn turns[3];
    enum hc_rc rc;
    const char *words;
};

static const struct row rows[] = {
    { "SOCKS",
      "socks5h://127.0.0.1:PORT",
      { TURN("\5\1\0", "\5\0"), TURN(CONNECT_BY_NAME, CONNECTED "SSH-2.0") },
      HC_OK,
      "" },
    { "SOCKS, bound to a name",
      "socks5://127.0.0.1:PORT/",
      { TURN("\5\1\0", "\5\0"), TURN(CONNECT_BY_NAME, "\5\0\0\3\2ab\0\26SSH-2.0") },
      HC_OK,
      "" },
    { "SOCKS, bound to IPv6",
      "socks5://127.0.0.1:PORT",
      { TURN("\5\1\0", "\5\0"), TURN(CONNECT_BY_NAME, "\5\0\0\4"
                                                      "0123456789abcdef"
                                                      "\0\26SSH-2.0") },
      HC_OK,
      "" },
    { "SOCKS with a login",
      "socks5h://a%40:p%25%00@127.0.0.1:PORT",
      { TURN("\5\2\0\2", "\5\2"), TURN("\1\2a@\3p%\0", "\1\0"), TURN(CONNECT_BY_NAME, CONNECTED "SSH-2.0") },
      HC_OK,
      "" },
    { "SOCKS, a login that is not wanted",
      "socks5://a:planted@127.0.0.1:PORT",
      { TURN("\5\2\0\2", "\5\0"), TURN(CONNECT_BY_NAME, CONNECTED "SSH-2.0") },
      HC_OK,
      "" },
    { "SOCKS, a wrong login",
      "socks5://a:planted@127.0.0.1:PORT",
      { TURN("\5\2\0\2", "\5\2"), TURN("\1\1a\7planted", "\1\1") },
      HC_E_INPUT,
      "refuses the login: it does not accept username and password of Secret apps/proxy" },
    { "SOCKS, no login",
      "socks5://127.0.0.1:PORT",
      { TURN("\5\1\0", "\5\377") },
      HC_E_INPUT,
      "it wants a login; put username and password into Secret apps/proxy" },
    { "SOCKS, asks for a login nobody offered",
      "socks5://127.0.0.1:PORT",
      { TURN("\5\1\0", "\5\2") },
      HC_E_INPUT,
      "it wants a login" },
    { "SOCKS, not allowed",
      "socks5://127.0.0.1:PORT",
      { TURN("\5\1\0", "\5\0"), TURN(CONNECT_BY_NAME, "\5\2\0\1\0\0\0\0\0\0") },
      HC_E_INPUT,
      "its rules do not allow it" },
    { "SOCKS, refused",
      "socks5://127.0.0.1:PORT",
      { TURN("\5\1\0", "\5\0"), TURN(CONNECT_BY_NAME, "\5\5\0\1\0\0\0\0\0\0") },
      HC_E_AGAIN,
      "to git.invalid:22: the connection was refused" },
    { "SOCKS, an answer nobody knows",
      "socks5://127.0.0.1:PORT",
      { TURN("\5\1\0", "\5\0"), TURN(CONNECT_BY_NAME, "\5\377\0\1\0\0\0\0\0\0") },
      HC_E_AGAIN,
      "it refuses" },
    { "SOCKS, an address of no kind",
      "socks5://127.0.0.1:PORT",
      { TURN("\5\1\0", "\5\0"), TURN(CONNECT_BY_NAME, "\5\0\0\11\0\0\0\0\0\0") },
      HC_E_AGAIN,
      "does not answer as a SOCKS proxy" },
    { "SOCKS, cut in the middle",
      "socks5://127.0.0.1:PORT",
      { TURN("\5\1\0", "\5\0"), TURN(CONNECT_BY_NAME, "\5\0\0\3\100ab") },
      HC_E_AGAIN,
      "does not answer as a SOCKS proxy" },
    { "SOCKS, and it is a web server",
      "socks5://127.0.0.1:PORT",
      { TURN("\5\1\0", "HTTP/1.1 400 Bad Request\r\n\r\n") },
      HC_E_AGAIN,
      "does not answer as a SOCKS proxy" },
    { "CONNECT",
      "http://127.0.0.1:PORT",
      { TURN("CONNECT git.invalid:22 HTTP/1.1\r\nHost: git.invalid:22\r\n\r\n",
             "HTTP/1.1 200 OK\r\nA: b\r\n\r\nSSH-2.0") },
      HC_OK,
      "" },
    { "CONNECT with a login",
      "http://a%40:p@127.0.0.1:PORT",
      { TURN(
          "CONNECT git.invalid:22 HTTP/1.1\r\nHost: git.invalid:22\r\nProxy-Authorization: Basic YUA6cA==\r\n\r\n",
          "HTTP/1.1 200 OK\r\n\r\nSSH-2.0") },
      HC_OK,
      "" },
    { "CONNECT, 407",
      "http://127.0.0.1:PORT",
      { TURN("CONNECT git.invalid:22 HTTP/1.1\r\nHost: git.invalid:22\r\n\r\n", "HTTP/1.1 407 No\r\n\r\n") },
      HC_E_INPUT,
      "answers 407 to CONNECT git.invalid:22: it wants a login; put username and password into Secret apps/proxy" },
    { "CONNECT, 502",
      "http://127.0.0.1:PORT",
      { TURN("CONNECT git.invalid:22 HTTP/1.1\r\nHost: git.invalid:22\r\n\r\n", "HTTP/1.1 502 No\r\n\r\n") },
      HC_E_AGAIN,
      "answers 502" },
    { "CONNECT, and it is no proxy",
      "http://127.0.0.1:PORT",
      { TURN("CONNECT git.invalid:22 HTTP/1.1\r\nHost: git.invalid:22\r\n\r\n", "220 mail\r\n\r\n") },
      HC_E_AGAIN,
      "does not answer as an HTTP proxy" },
    { "another scheme",
      "https://127.0.0.1:PORT",
      { { 0 } },
      HC_E_INPUT,
      "its address begins with http:// or socks5://" },
    { "no port", "socks5://127.0.0.1:x", { { 0 } }, HC_E_INPUT, "not of the form socks5://host:port" },
};

static const char *with_port(struct hc_arena *a, const char *url, int port)
{
    size_t at = hc_str_find_str(hc_str_of(url), HC_S("PORT"));
    return at == SIZE_MAX ? url : hc_arena_printf(a, "%.*s%d%s", (int)at, url, port, url + at + 4).p;
}

static void ways_through_a_proxy(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct turns_server s;
        turns_start(&s, rows[i].turns, HC_LEN(rows[i].turns));
        struct hc_err err = HC_ERR_INIT;
        const struct hc_source_env env = { .proxy = with_port(a, rows[i].proxy, s.port),
                                           .proxy_from = "Secret apps/proxy" };
        struct git_peer p = { .env = &env, .a = a, .err = &err, .deadline_ms = hc_mono_ms() + 20000 };
        char behind[8] = "";
        int fd = -1;
        enum hc_rc rc = git_dial(&p, HC_S("git.invalid"), 22, &fd);
        if (rc == HC_OK) { /* the server's first words are still to be read */
            size_t got = 0;
            while (got < 7) {
                ssize_t k = recv(fd, behind + got, 7 - got, 0);
                if (k > 0)
                    got += (size_t)k;
                else if (k == 0)
                    break;
            }
            close(fd);
        }
        turns_stop(&s);
        if (rc != rows[i].rc || (rc != HC_OK && !strstr(err.msg, rows[i].words)) || s.wrong[0] ||
            strstr(err.msg, "planted") || (rc == HC_OK && strcmp(behind, "SSH-2.0") != 0))
            fail_msg("%s: %d '%s', told %s, behind '%s'", rows[i].name, rc, err.msg, s.wrong, behind);
    }
}

/* Who the first byte comes from: the proxy of ALL_PROXY, or the server itself. */
static void the_environment_has_a_say(void **state)
{
    (void)state;
    static const struct {
        const char *all, *none; /* ALL_PROXY, NO_PROXY; PORT in the first is the proxy's */
        bool proxied;
    } cases[] = {
        { "socks5://127.0.0.1:PORT", NULL, true },
        { "socks5h://127.0.0.1:PORT", "example.org, .svc,10.0.0.0/8", true },
        { "socks5://127.0.0.1:PORT", "127.0.0.1", false },
        { "socks5://127.0.0.1:PORT", "x, 127.0.0.0/8", false },
        { "socks5://127.0.0.1:PORT", "127.0.0.0/33,127.0.0/8,/8,127.0.0.1/", true },
        { "socks5://127.0.0.1:PORT", "126.0.0.0/7", false },
        { "socks5://127.0.0.1:PORT", "126.0.0.0/8,fd00::/8", true },
        { "socks5://127.0.0.1:PORT", "*.0.0.1", false },
        { "socks5://127.0.0.1:PORT", ".0.0.1", false },
        { "socks5://127.0.0.1:PORT", ".,*.,*,,", true },
        { "http://127.0.0.1:PORT", NULL, false },
        { "", NULL, false },
    };
    static const struct turn through[] = { TURN("\5\1\0", "\5\0"), { 0 } }, direct[] = { TURN("hello", "SSH-2.0") };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    for (size_t i = 0; i < HC_LEN(cases); i++) {
        struct turns_server proxy, server;
        struct hc_err err = HC_ERR_INIT;
        const struct hc_source_env env = { 0 };
        struct git_peer p = { .env = &env, .a = a, .err = &err, .deadline_ms = hc_mono_ms() + 20000 };
        int fd = -1;
        turns_start(&proxy, through, HC_LEN(through));
        turns_start(&server, direct, HC_LEN(direct));
        setenv("ALL_PROXY", with_port(a, cases[i].all, proxy.port), 1);
        if (cases[i].none)
            setenv("NO_PROXY", cases[i].none, 1);
        enum hc_rc rc = git_dial(&p, HC_S("127.0.0.1"), server.port, &fd);
        if (rc == HC_OK)
            close(fd);
        unsetenv("ALL_PROXY");
        unsetenv("NO_PROXY");
        turns_stop(&proxy);
        turns_stop(&server);
        /* this proxy says no more than hello */
        if ((rc == HC_OK) == cases[i].proxied || (rc != HC_OK && !strstr(err.msg, "as a SOCKS proxy")))
            fail_msg("case %zu: %d '%s'", i, rc, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(ways_through_a_proxy),
                                        cmocka_unit_test(the_environment_has_a_say) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
