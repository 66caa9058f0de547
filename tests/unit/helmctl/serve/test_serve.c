/*
 * The small HTTP server: answers, refuses, serves files; talked to over a plain socket.
 */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helmctl/serve/serve.h"

static void handler(void *ctx, hc_str path, struct hc_serve_answer *a)
{
    (*(int *)ctx)++;
    if (hc_str_eqz(path, "/hello")) {
        a->status = 200;
        hc_buf_puts(&a->body, "hello\n");
    } else if (hc_str_eqz(path, "/digits")) {
        char name[] = "/tmp/hc-serve-XXXXXX";
        a->status = 200;
        a->file = mkstemp(name);
        unlink(name);
        assert_int_equal(write(a->file, "0123456789", 10), 10);
        struct timespec t[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
        assert_int_equal(futimens(a->file, t), 0);
    } else if (hc_str_eqz(path, "/file")) {
        a->status = 200;
        a->content_type = "application/gzip";
        a->file = open(HC_TEST_SOURCE_DIR "/LICENSE", O_RDONLY | O_CLOEXEC);
    }
}

static void talk(int port, const char *request, char *out, size_t cap)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(write(fd, request, strlen(request)), strlen(request));
    size_t n = 0;
    for (ssize_t got; n + 1 < cap && (got = read(fd, out + n, cap - 1 - n)) > 0;)
        n += (size_t)got;
    out[n] = 0;
    close(fd);
}

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *request, *begins, *holds;
        int handled;
    } rows[] = {
        { "GET /hello HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "\r\n\r\nhello\n", 1 },
        { "GET /file HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "Content-Type: application/gzip", 1 },
        { "GET /file HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "\r\n\r\n", 1 },
        { "HEAD /hello HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "Content-Length: 6", 1 },
        { "HEAD /digits HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "Content-Length: 10", 1 },
        { "GET /digits HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "\r\n\r\n0123456789", 1 },
        { "GET /digits HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT", 1 },
        { "GET /digits HTTP/1.0\r\nRange: bytes=2-4\r\n\r\n", "HTTP/1.1 206", "\r\n\r\n234", 1 },
        { "GET /digits HTTP/1.0\r\nRange: bytes=2-4\r\n\r\n", "HTTP/1.1 206", "Content-Range: bytes 2-4/10", 1 },
        { "GET /digits HTTP/1.0\r\nRange: bytes=7-\r\n\r\n", "HTTP/1.1 206", "\r\n\r\n789", 1 },
        { "GET /digits HTTP/1.0\r\nRange: bytes=-3\r\n\r\n", "HTTP/1.1 206", "\r\n\r\n789", 1 },
        { "GET /digits HTTP/1.0\r\nRange: bytes=-99\r\n\r\n", "HTTP/1.1 206", "\r\n\r\n0123456789", 1 },
        { "GET /digits HTTP/1.0\r\nRange: bytes=5-99\r\n\r\n", "HTTP/1.1 206", "\r\n\r\n56789", 1 },
        { "GET /digits HTTP/1.0\r\nRange: bytes=10-\r\n\r\n", "HTTP/1.1 416", "Content-Range: bytes */10", 1 },
        { "GET /digits HTTP/1.0\r\nRange: bytes=-0\r\n\r\n", "HTTP/1.1 416", "Content-Range: bytes */10", 1 },
        { "GET /digits HTTP/1.0\r\nRange: bytes=4-2\r\n\r\n", "HTTP/1.1 200", "\r\n\r\n0123456789", 1 },
        { "GET /digits HTTP/1.0\r\nRange: bytes=a-b\r\n\r\n", "HTTP/1.1 200", "\r\n\r\n0123456789", 1 },
        { "GET /digits HTTP/1.0\r\nRange: bytes=18446744073709551616-\r\n\r\n", "HTTP/1.1 200", "0123456789", 1 },
        { "GET /digits HTTP/1.0\r\nRange: bytes=0-1,4-5\r\n\r\n", "HTTP/1.1 200", "\r\n\r\n0123456789", 1 },
        { "GET /digits HTTP/1.0\r\nRange: bytes=0-1\r\nIf-Range: \"other\"\r\n\r\n", "HTTP/1.1 200", "0123456789",
          1 },
        { "GET /digits HTTP/1.0\r\nIf-None-Match: *\r\n\r\n", "HTTP/1.1 304", "ETag: ", 1 },
        { "GET /digits HTTP/1.0\r\nIf-None-Match: \"other\"\r\n\r\n", "HTTP/1.1 200", "0123456789", 1 },
        { "GET /digits HTTP/1.0\r\nIf-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT\r\n\r\n", "HTTP/1.1 304", "",
          1 },
        { "GET /digits HTTP/1.0\r\nIf-Modified-Since: Sun, 09 Sep 2001 01:46:39 GMT\r\n\r\n", "HTTP/1.1 200", "01",
          1 },
        { "GET /nothing HTTP/1.0\r\n\r\n", "HTTP/1.1 404", "not found", 1 },
        { "GET /../etc/passwd HTTP/1.0\r\n\r\n", "HTTP/1.1 404", "", 0 },
        { "GET /a/%2e%2e/b HTTP/1.0\r\n\r\n", "HTTP/1.1 404", "", 0 },
        { "GET /a%5cb HTTP/1.0\r\n\r\n", "HTTP/1.1 404", "", 0 },
        { "DELETE /hello HTTP/1.0\r\n\r\n", "HTTP/1.1 405", "", 0 },
        { "POST /hello HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 405", "", 0 },
    };
    struct hc_serve *s = NULL;
    struct hc_err err = HC_ERR_INIT;
    int handled = 0;
    assert_int_equal(hc_serve_start("127.0.0.1:0", handler, &handled, &s, &err), HC_OK);
    char text[65536];
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        handled = 0;
        talk(hc_serve_port(s), rows[i].request, text, sizeof(text));
        if (strncmp(text, rows[i].begins, strlen(rows[i].begins)) != 0 &&
            strncmp(text + 7, rows[i].begins + 7, strlen(rows[i].begins) - 7) != 0)
            fail_msg("%s: %.60s", rows[i].request, text);
        if (!strstr(text, rows[i].holds))
            fail_msg("%s: no '%s' in %s", rows[i].request, rows[i].holds, text);
        assert_int_equal(handled, rows[i].handled);
    }
    /* the same port again is refused with a reason */
    char addr[32];
    struct hc_serve *t = NULL;
    snprintf(addr, sizeof(addr), "127.0.0.1:%d", hc_serve_port(s));
    assert_int_equal(hc_serve_start(addr, handler, &handled, &t, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "in use"));
    hc_serve_stop(s);
    static const char *const wrong[] = { "", "8080", "nowhere:80", "127.0.0.1:65536", "127.0.0.1:x", ":" };
    for (size_t i = 0; i < HC_LEN(wrong); i++)
        assert_int_equal(hc_serve_start(wrong[i], handler, &handled, &t, &err), HC_E_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_answers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
