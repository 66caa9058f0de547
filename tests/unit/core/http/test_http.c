/*
 * core/http against a loopback server that answers well, badly, late and not at all.
 */
#include "tests/unit/unit.h"

#include "core/base/clock.h"
#include "core/http/fiber.h"
#include "core/http/http.h"
#include "tests/unit/loopback.h"

static struct loopback server, other;
static struct hc_http *http;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int gathered, wanted;
static bool held; /* /held is not answered while this is so */
static struct hc_http_call *hanging;
static atomic_int tries, failures_left;
static int flaky_status;
static const char *flaky_headers = "";

static bool starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool handle(struct loopback *s, const struct loopback_request *r, int fd)
{
    (void)s;
    char text[4096];
    if (starts(r->path, "/status/"))
        return loopback_answer(fd, (int)strtol(r->path + 8, NULL, 10), "X-Answer: Yes \r\n", "body", 4);
    if (starts(r->path, "/retry-never"))
        return loopback_answer(fd, 429, "Retry-After: 9223372036854775807\r\n", "", 0);
    if (starts(r->path, "/retry-past"))
        return loopback_answer(fd, 429, "Retry-After: Thu, 01 Jan 1970 00:00:01 GMT\r\n", "", 0);
    if (starts(r->path, "/retry"))
        return loopback_answer(fd, 429, "Retry-After: 7\r\n", "", 0);
    if (starts(r->path, "/echo")) {
        int n = snprintf(text, sizeof(text), "%s %s\n%s\n%s", r->method, r->path, r->headers, r->body);
        return loopback_answer(fd, 200, "", text, (size_t)n);
    }
    if (starts(r->path, "/to/")) { /* /to/STATUS/LOCATION */
        snprintf(text, sizeof(text), "Location: %s\r\n", r->path + 8);
        return loopback_answer(fd, (int)strtol(r->path + 4, NULL, 10), text, "moved", 5);
    }
    if (starts(r->path, "/cut")) {
        loopback_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 44);
        return false;
    }
    if (starts(r->path, "/flaky")) { /* fails `failures_left` times: by status, or cut when that is 0 */
        atomic_fetch_add(&tries, 1);
        const size_t body = strcmp(r->method, "HEAD") != 0; /* a HEAD has none */
        if (failures_left-- <= 0)
            return loopback_answer(fd, 200, "", "fine", 4 * body);
        if (flaky_status)
            return loopback_answer(fd, flaky_status, flaky_headers, "bad", 3 * body);
        if (starts(r->path, "/flaky-late"))
            loopback_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfi", 40);
        return false;
    }
    if (starts(r->path, "/drip")) {
        loopback_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", 44);
        while (loopback_send(fd, "x", 1))
            usleep(10000);
        return false;
    }
    if (starts(r->path, "/hang")) {
        pthread_mutex_lock(&mu);
        gathered++;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&mu);
        loopback_wait_closed(fd);
        return false;
    }
    if (starts(r->path, "/held")) {
        pthread_mutex_lock(&mu);
        while (held)
            pthread_cond_wait(&cond, &mu);
        pthread_mutex_unlock(&mu);
        return loopback_answer(fd, 200, "", "late", 4);
    }
    if (starts(r->path, "/stall")) {
        loopback_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 44);
        loopback_wait_closed(fd);
        return false;
    }
    if (starts(r->path, "/big")) {
        char zero[4096] = { 0 };
        loopback_send(fd, "HTTP/1.1 200 OK\r\n\r\n", 19);
        while (loopback_send(fd, zero, sizeof(zero)))
            ;
        return false;
    }
    if (starts(r->path, "/headers")) {
        loopback_send(fd, "HTTP/1.1 200 OK\r\n", 17);
        for (int i = 0; i < 100000; i++)
            if (!loopback_send(fd, "X-Again: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n", 47))
                break;
        return false;
    }
    if (starts(r->path, "/gather")) { /* answers when all are there: proves that they travel at once */
        pthread_mutex_lock(&mu);
        gathered++;
        pthread_cond_broadcast(&cond);
        while (gathered < wanted)
            pthread_cond_wait(&cond, &mu);
        pthread_mutex_unlock(&mu);
        return loopback_answer(fd, 200, "", "all", 3);
    }
    return loopback_answer(fd, 200, "", "hello", 5);
}

static int setup(void **state)
{
    (void)state;
    setenv("HTTP_PROXY", "http://127.0.0.1:1", 1); /* must not be asked for loopback */
    loopback_start(&server, handle);
    loopback_start(&other, handle);
    http = hc_http_new(NULL);
    return http ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    hc_http_free(http);
    loopback_stop(&server);
    loopback_stop(&other);
    return 0;
}

struct got {
    struct hc_arena *a;
    struct hc_http_response r;
    struct hc_err err;
    enum hc_rc rc;
};

static struct got request(const char *base, const char *path, struct hc_http_request req)
{
    struct got g = { .a = hc_arena_new(0), .err = HC_ERR_INIT };
    char url[512];
    snprintf(url, sizeof(url), "%s%s", base, path);
    req.url = url;
    g.rc = hc_http_do(http, g.a, &req, &g.r, &g.err);
    return g;
}

static void drop(struct got *g)
{
    hc_arena_free(g->a);
}

static void statuses_are_answers(void **state)
{
    (void)state;
    static const int rows[] = { 200, 201, 301, 404, 409, 500, 503 };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        char path[32];
        snprintf(path, sizeof(path), "/status/%d", rows[i]);
        struct got g = request(server.base, path, (struct hc_http_request){ 0 });
        assert_int_equal(g.rc, HC_OK);
        assert_int_equal(g.r.status, rows[i]);
        assert_true(hc_str_eqz(g.r.body, "body"));
        assert_true(hc_str_eqz(hc_http_header(&g.r, "x-answer"), "Yes"));
        assert_null(hc_http_header(&g.r, "x-none").p);
        drop(&g);
    }
    struct got g = request(server.base, "/retry", (struct hc_http_request){ 0 });
    assert_int_equal(g.r.retry_after_ms, 7000);
    drop(&g);
    g = request(server.base, "/retry-never",
                (struct hc_http_request){ .retries = 1 }); /* more than a clock can take */
    assert_int_equal(g.r.status, 429);
    assert_int_equal(g.r.retry_after_ms, 24 * 3600 * 1000);
    drop(&g);
    g = request(server.base, "/retry-past", (struct hc_http_request){ 0 });
    assert_int_equal(g.r.retry_after_ms, 0);
    drop(&g);
}

static void bodies_and_methods_travel(void **state)
{
    (void)state;
    static const struct {
        const char *method, *body, *line;
    } rows[] = {
        { "POST", "{\"a\":1}", "POST /echo\n" }, { "PUT", "x", "PUT /echo\n" },
        { "PATCH", "[]", "PATCH /echo\n" },      { "DELETE", "{}", "DELETE /echo\n" },
        { "DELETE", NULL, "DELETE /echo\n" },    { "POST", NULL, "POST /echo\n" },
    };
    static const char *const headers[] = { "Content-Type: application/json", "X-Mine: 1", NULL };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct got g = request(server.base, "/echo",
                               (struct hc_http_request){
                                   .method = rows[i].method, .body = hc_str_of(rows[i].body), .headers = headers });
        assert_int_equal(g.rc, HC_OK);
        assert_true(hc_str_starts(g.r.body, hc_str_of(rows[i].line)));
        assert_non_null(strstr(g.r.body.p, "X-Mine: 1\r\n"));
        assert_non_null(strstr(g.r.body.p, "Content-Type: application/json\r\n"));
        assert_non_null(strstr(g.r.body.p, "User-Agent: helmctl/"));
        assert_null(strstr(g.r.body.p, "Expect"));
        if (rows[i].body)
            assert_true(hc_str_ends(g.r.body, hc_str_of(rows[i].body)));
        drop(&g);
    }
}

static void redirects_keep_credentials_at_home(void **state)
{
    (void)state;
    static const char *const headers[] = { "Authorization: Bearer s3cret", "X-Token: s3cret", "Cookie: s3cret",
                                           "Accept: text/plain", NULL };
    const struct hc_http_request req = { .headers = headers, .max_redirects = -1 };
    char path[256];

    struct got g = request(server.base, "/to/302//echo", req);
    assert_int_equal(g.r.status, 200);
    assert_non_null(strstr(g.r.body.p, "Authorization: Bearer s3cret"));
    drop(&g);

    snprintf(path, sizeof(path), "/to/307/%s/echo", other.base);
    g = request(server.base, path, req);
    assert_int_equal(g.r.status, 200);
    assert_null(strstr(g.r.body.p, "s3cret"));
    assert_non_null(strstr(g.r.body.p, "Accept: text/plain"));
    assert_true(starts(g.r.effective_url, other.base));
    drop(&g);

    /* away and back again: still without */
    snprintf(path, sizeof(path), "/to/302/%s/to/302/%s/echo", other.base, server.base);
    g = request(server.base, path, req);
    assert_int_equal(g.r.status, 200);
    assert_null(strstr(g.r.body.p, "s3cret"));
    drop(&g);

    /* the same address by another name is another host */
    snprintf(path, sizeof(path), "/to/302/http://localhost:%d/echo", server.port);
    g = request(server.base, path, req);
    assert_int_equal(g.r.status, 200);
    assert_null(strstr(g.r.body.p, "s3cret"));
    drop(&g);

    snprintf(path, sizeof(path), "/to/308/%s/echo", other.base);
    g = request(server.base, path,
                (struct hc_http_request){ .method = "POST", .body = HC_S("s3cret"), .max_redirects = -1 });
    assert_int_equal(g.rc, HC_E_INPUT);
    assert_null(strstr(g.err.msg, "s3cret"));
    drop(&g);
}

static void a_header_value_ends_no_line(void **state)
{
    (void)state;
    static const char *const values[] = { "Authorization: Bearer s3cret\r\nX-Other: 1",
                                          "Authorization: Bearer s3cret\n", "Authorization: s3cret\x01" };
    for (size_t i = 0; i < HC_LEN(values); i++) {
        struct got g = request(server.base, "/echo",
                               (struct hc_http_request){ .headers = (const char *const[]){ values[i], NULL } });
        assert_int_equal(g.rc, HC_E_INPUT);
        assert_non_null(strstr(g.err.msg, "the value for the header Authorization has a line break"));
        assert_null(strstr(g.err.msg, "s3cret"));
        drop(&g);
    }
}

static void redirects_end(void **state)
{
    (void)state;
    struct got g = request(server.base, "/to/302/", (struct hc_http_request){ .max_redirects = -1 });
    assert_int_equal(g.r.status, 302); /* no target: the answer is what it is */
    drop(&g);
    g = request(server.base, "/to/302//to/302//to/302//echo", (struct hc_http_request){ .max_redirects = 2 });
    assert_int_equal(g.rc, HC_E_INPUT);
    assert_non_null(strstr(g.err.msg, "more than 2 redirects"));
    drop(&g);
    g = request(server.base, "/to/302/ftp://127.0.0.1/x", (struct hc_http_request){ .max_redirects = 2 });
    assert_int_equal(g.rc, HC_E_INPUT);
    drop(&g);
    g = request(server.base, "/to/303//echo",
                (struct hc_http_request){ .method = "POST", .body = HC_S("gone"), .max_redirects = 2 });
    assert_true(hc_str_starts(g.r.body, HC_S("GET /echo")));
    assert_null(strstr(g.r.body.p, "gone"));
    drop(&g);
}

static void failures_have_codes_and_words(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        struct hc_http_request req;
        enum hc_rc rc;
        const char *words;
    } rows[] = {
        { "/cut", { 0 }, HC_E_AGAIN, "reading the answer" },
        { "/hang", { .timeout_ms = 60 }, HC_E_AGAIN, "no answer in time (waiting for the answer" },
        { "/hang", { .idle_timeout_ms = 60 }, HC_E_AGAIN, "no byte for 60 ms" },
        { "/stall", { .idle_timeout_ms = 60, .timeout_ms = -1 }, HC_E_AGAIN, "no byte for 60 ms" },
        { "/hang", { .first_byte_ms = 60 }, HC_E_AGAIN, "no answer began within 60 ms" },
        { "/drip",
          { .min_bytes_per_s = 5000, .speed_window_ms = 100 },
          HC_E_AGAIN,
          "slower than 5000 bytes a second" },
        { "/big", { .max_bytes = 100000 }, HC_E_LIMIT, "over the 100000 bytes" },
        { "/headers", { 0 }, HC_E_LIMIT, "header" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct got g = request(server.base, rows[i].path, rows[i].req);
        assert_int_equal(g.rc, rows[i].rc);
        assert_non_null(strstr(g.err.msg, rows[i].words));
        assert_non_null(strstr(g.err.msg, server.base));
        drop(&g);
    }
    static const struct {
        const char *url;
        enum hc_rc rc;
    } urls[] = { { "", HC_E_INPUT },
                 { "ftp://x/y", HC_E_INPUT },
                 { "http://", HC_E_INPUT },
                 { "http://127.0.0.1:1/secret-path?token=x", HC_E_AGAIN },
                 { "http://user:s3cret@127.0.0.1:1/", HC_E_AGAIN } };
    for (size_t i = 0; i < HC_LEN(urls); i++) {
        struct got g = request(urls[i].url, "", (struct hc_http_request){ 0 });
        assert_int_equal(g.rc, urls[i].rc);
        assert_null(strstr(g.err.msg, "s3cret"));
        assert_null(strstr(g.err.msg, "token"));
        drop(&g);
    }
}

static bool swallow(void *ctx, const char *p, size_t n)
{
    (void)ctx, (void)p, (void)n;
    return true;
}

static void what_may_be_repeated_is_repeated(void **state)
{
    (void)state;
    static const struct {
        const char *name, *method, *path;
        int status, failures;
        struct hc_http_request req;
        const char *headers;
        int want_tries, want_status; /* 0: no answer */
    } rows[] = {
        { "503 and then fine", "GET", "/flaky", 503, 2, { .retries = 2 }, "", 3, 200 },
        { "429 with Retry-After", "GET", "/flaky", 429, 1, { .retries = 2 }, "Retry-After: 1\r\n", 2, 200 },
        { "Retry-After beyond the deadline",
          "GET",
          "/flaky",
          429,
          1,
          { .retries = 2 },
          "Retry-After: 99\r\n",
          1,
          429 },
        { "408", "HEAD", "/flaky", 408, 1, { .retries = 1 }, "", 2, 200 },
        { "the last answer stands", "GET", "/flaky", 502, 9, { .retries = 1 }, "", 2, 502 },
        { "404 is an answer", "GET", "/flaky", 404, 9, { .retries = 2 }, "", 1, 404 },
        { "501 is one too", "GET", "/flaky", 501, 9, { .retries = 2 }, "", 1, 501 },
        { "not asked for", "GET", "/flaky", 503, 9, { 0 }, "", 1, 503 },
        { "POST never", "POST", "/flaky", 503, 9, { .retries = 2 }, "", 1, 503 },
        { "DELETE never", "DELETE", "/flaky", 503, 9, { .retries = 2 }, "", 1, 503 },
        { "cut in the middle", "GET", "/flaky-late", 0, 1, { .retries = 1 }, "", 2, 200 },
        { "cut in the middle of a stream",
          "GET",
          "/flaky-late",
          0,
          1,
          { .retries = 1, .on_data = swallow },
          "",
          1,
          0 },
        { "reset before a stream began",
          "GET",
          "/flaky",
          503,
          1,
          { .retries = 1, .on_data = swallow },
          "",
          2,
          200 },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_http_request req = rows[i].req;
        req.method = rows[i].method;
        req.timeout_ms = 5000;
        atomic_store(&tries, 0);
        atomic_store(&failures_left, rows[i].failures);
        flaky_status = rows[i].status;
        flaky_headers = rows[i].headers;
        struct got g = request(server.base, rows[i].path, req);
        int status = g.rc == HC_OK ? g.r.status : 0;
        if (atomic_load(&tries) != rows[i].want_tries || status != rows[i].want_status)
            print_error("row '%s': %d tries, status %d\n", rows[i].name, atomic_load(&tries), status);
        assert_int_equal(atomic_load(&tries), rows[i].want_tries);
        assert_int_equal(status, rows[i].want_status);
        assert_int_equal(g.rc, rows[i].want_status ? HC_OK : HC_E_AGAIN);
        drop(&g);
    }
}

static void hold(bool on)
{
    pthread_mutex_lock(&mu);
    held = on;
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&mu);
}

/* Several begun and then finished, last first: on a plain thread and on a fiber, which parks for each that is not there
 * yet, for the held one in any case. One of them is cancelled. */
#define BEGUN 8
struct begun {
    struct hc_http *h;
    int good, cancelled;
};

static void begin_and_finish(void *arg)
{
    struct begun *b = arg;
    struct hc_http_call *calls[BEGUN];
    struct hc_err err = HC_ERR_INIT;
    struct hc_arena *a = hc_arena_new(0);
    char url[128];
    for (int i = 0; i < BEGUN; i++) {
        snprintf(url, sizeof(url), "%s/%s", server.base, i == BEGUN - 1 ? "held" : "flaky");
        calls[i] = hc_http_begin(b->h, &(struct hc_http_request){ .url = url, .timeout_ms = 20000 }, &err);
        assert_non_null(calls[i]);
    }
    char silent[128];
    snprintf(silent, sizeof(silent), "%s/hang", server.base);
    struct hc_http_call *gone = hc_http_begin(b->h, &(struct hc_http_request){ .url = silent, .timeout_ms = 20000 },
                                              &err);
    assert_non_null(gone);
    for (int i = BEGUN - 1; i >= 0; i--) {
        struct hc_http_response r;
        b->good += hc_http_finish(calls[i], a, &r, &err) == HC_OK && r.status == 200;
    }
    struct hc_http_response r;
    hc_http_cancel(gone);
    b->cancelled = hc_http_finish(gone, a, &r, &err) == HC_E_AGAIN && strstr(err.msg, "cancelled") != NULL;
    hc_arena_free(a);
}

static atomic_int fiber_news;

static void note_news(void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&fiber_news, 1);
}

static void several_are_begun_at_once(void **state)
{
    (void)state;
    struct hc_err err = HC_ERR_INIT;
    struct begun plain = { .h = hc_http_new(&err) }, fiber = { .h = plain.h };
    atomic_store(&failures_left, 0);
    flaky_headers = "";
    begin_and_finish(&plain);
    struct hc_fibers *fs = hc_fibers_new(1, note_news, NULL);
    hold(true);
    bool started = hc_fibers_start(fs, begin_and_finish, &fiber);
    size_t parked = hc_fibers_alive(fs);
    hold(false);
    while (hc_fibers_alive(fs)) {
        if (hc_fibers_ready(fs))
            hc_fibers_run(fs);
        else
            usleep(1000);
    }
    hc_fibers_free(fs);
    hc_http_free(plain.h);
    assert_int_equal(plain.good, BEGUN);
    assert_true(plain.cancelled);
    assert_true(started);
    assert_int_equal(parked, 1);
    assert_int_equal(fiber.good, BEGUN);
    assert_true(fiber.cancelled);
    assert_true(atomic_load(&fiber_news) > 0);
}

static bool count_bytes(void *ctx, const char *p, size_t n)
{
    (void)p;
    size_t *left = ctx;
    *left -= HC_MIN(*left, n);
    return *left > 0;
}

static void streams_end_when_the_reader_says_so(void **state)
{
    (void)state;
    size_t left = 1000000;
    struct got g = request(server.base, "/big",
                           (struct hc_http_request){ .on_data = count_bytes, .ctx = &left, .max_bytes = SIZE_MAX });
    assert_int_equal(g.rc, HC_E_AGAIN);
    assert_int_equal(left, 0);
    drop(&g);
    left = 1000000;
    g = request(server.base, "/status/403", (struct hc_http_request){ .on_data = count_bytes, .ctx = &left });
    assert_int_equal(g.rc, HC_OK);
    assert_true(hc_str_eqz(g.r.body, "body")); /* an error's text is kept, not streamed */
    assert_int_equal(left, 1000000);
    drop(&g);
}

struct tally {
    int done, ok, cancelled;
};

static void on_done(void *ctx, enum hc_rc rc, const struct hc_http_response *r, const struct hc_err *err)
{
    struct tally *t = ctx;
    pthread_mutex_lock(&mu);
    t->done++;
    t->ok += rc == HC_OK && r->status == 200;
    t->cancelled += rc == HC_E_AGAIN && strstr(err->msg, "cancelled");
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&mu);
}

static void wait_done(struct tally *t, int n)
{
    pthread_mutex_lock(&mu);
    while (t->done < n)
        pthread_cond_wait(&cond, &mu);
    pthread_mutex_unlock(&mu);
}

static struct hc_http_call *start(const char *path, struct tally *t)
{
    char url[128];
    snprintf(url, sizeof(url), "%s%s", server.base, path);
    return hc_http_start(http, &(struct hc_http_request){ .url = url, .ctx = t }, on_done);
}

static void a_hundred_travel_at_once(void **state)
{
    (void)state;
    enum { N = 100 };
    struct tally t = { 0 };
    gathered = 0;
    wanted = N;
    for (int i = 0; i < N; i++) {
        struct hc_http_call *c = start("/gather", &t);
        assert_non_null(c);
        hc_http_unref(c);
    }
    wait_done(&t, N);
    assert_int_equal(t.ok, N);
}

static void cancel_is_safe_at_any_time(void **state)
{
    (void)state;
    struct tally t = { 0 };
    struct hc_http_call *c = start("/hang", &t);
    hc_http_cancel(c); /* before it began, most likely */
    hc_http_cancel(c);
    wait_done(&t, 1);
    hc_http_cancel(c); /* after it ended */
    hc_http_unref(c);
    assert_int_equal(t.cancelled, 1);

    gathered = 0;
    c = start("/hang", &t);
    pthread_mutex_lock(&mu);
    while (gathered == 0)
        pthread_cond_wait(&cond, &mu);
    pthread_mutex_unlock(&mu);
    hc_http_cancel(c); /* while the server works on it */
    hc_http_unref(c);
    wait_done(&t, 2);
    assert_int_equal(t.cancelled, 2);
}

static void *many(void *arg)
{
    struct tally *t = arg;
    for (int i = 0; i < 50; i++) {
        struct got g = request(server.base, "/", (struct hc_http_request){ 0 });
        struct hc_http_call *c = start(i % 2 ? "/hang" : "/", t);
        if (i % 2)
            hc_http_cancel(c);
        hc_http_unref(c);
        drop(&g);
    }
    return NULL;
}

static void threads_share_the_loop(void **state)
{
    (void)state;
    struct tally t = { 0 };
    pthread_t threads[4];
    for (size_t i = 0; i < HC_LEN(threads); i++)
        pthread_create(&threads[i], NULL, many, &t);
    for (size_t i = 0; i < HC_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    wait_done(&t, 200);
    assert_int_equal(t.ok, 100);
    assert_int_equal(t.cancelled, 100);
}

static void on_stopped(void *ctx, enum hc_rc rc, const struct hc_http_response *r, const struct hc_err *err)
{
    (void)r;
    *(bool *)ctx = rc == HC_E_AGAIN && strstr(err->msg, "stopped");
    hc_http_cancel(hanging);
    hc_http_unref(hanging);
}

static void a_loop_that_ends_answers_everything(void **state)
{
    (void)state;
    struct hc_http *h = hc_http_new(NULL);
    bool stopped = false;
    char url[128];
    snprintf(url, sizeof(url), "%s/hang", server.base);
    hanging = hc_http_start(h, &(struct hc_http_request){ .url = url, .ctx = &stopped }, on_stopped);
    assert_non_null(hanging);
    hc_http_free(h);
    assert_true(stopped);
}

static enum hc_rc nested;

static void on_nested(void *ctx, enum hc_rc rc, const struct hc_http_response *r, const struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_http_response inner;
    nested = hc_http_do(http, a, &(struct hc_http_request){ .url = server.base }, &inner, NULL);
    on_done(ctx, rc, r, err);
}

static void blocking_on_the_loop_is_refused(void **state)
{
    (void)state;
    struct tally t = { 0 };
    struct hc_http_call *c = hc_http_start(http, &(struct hc_http_request){ .url = server.base, .ctx = &t },
                                           on_nested);
    wait_done(&t, 1);
    hc_http_unref(c);
    assert_int_equal(nested, HC_E_BUG);
}

static void timers_come_in_order_and_can_be_cancelled(void **state)
{
    (void)state;
    struct tally t = { 0 };
    int64_t begun = hc_mono_ms();
    struct hc_http_call *late = hc_http_after(http, 60000, &t, on_done);
    struct hc_http_call *soon = hc_http_after(http, 30, &t, on_done);
    wait_done(&t, 1);
    assert_true(hc_mono_ms() - begun >= 30);
    assert_int_equal(hc_http_result(soon, NULL, NULL), HC_OK);
    hc_http_cancel(late);
    wait_done(&t, 2);
    assert_int_equal(t.cancelled, 1);
    hc_http_unref(late);
    hc_http_unref(soon);
}

static void a_silent_answer_holds_up_no_other(void **state)
{
    (void)state;
    struct hc_http *h = hc_http_new(NULL);
    struct tally t = { 0 };
    char url[128];
    snprintf(url, sizeof(url), "%s/hang", server.base);
    struct hc_http_call *c = hc_http_start(h, &(struct hc_http_request){ .url = url, .ctx = &t, .timeout_ms = -1 },
                                           on_done);
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_http_response r;
    enum hc_rc rc = hc_http_do(h, a, &(struct hc_http_request){ .url = server.base, .timeout_ms = 3000 }, &r, NULL);
    hc_http_unref(c);
    hc_http_free(h);
    assert_int_equal(rc, HC_OK);
}

static void connections_are_reused(void **state)
{
    (void)state;
    int before = atomic_load(&server.connections);
    for (int i = 0; i < 20; i++) {
        struct got g = request(server.base, "/", (struct hc_http_request){ 0 });
        assert_int_equal(g.rc, HC_OK);
        drop(&g);
    }
    assert_true(atomic_load(&server.connections) - before <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_are_answers),
        cmocka_unit_test(bodies_and_methods_travel),
        cmocka_unit_test(redirects_keep_credentials_at_home),
        cmocka_unit_test(a_header_value_ends_no_line),
        cmocka_unit_test(redirects_end),
        cmocka_unit_test(failures_have_codes_and_words),
        cmocka_unit_test(what_may_be_repeated_is_repeated),
        cmocka_unit_test(several_are_begun_at_once),
        cmocka_unit_test(streams_end_when_the_reader_says_so),
        cmocka_unit_test(a_hundred_travel_at_once),
        cmocka_unit_test(cancel_is_safe_at_any_time),
        cmocka_unit_test(threads_share_the_loop),
        cmocka_unit_test(a_loop_that_ends_answers_everything),
        cmocka_unit_test(blocking_on_the_loop_is_refused),
        cmocka_unit_test(timers_come_in_order_and_can_be_cancelled),
        cmocka_unit_test(a_silent_answer_holds_up_no_other),
        cmocka_unit_test(connections_are_reused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
