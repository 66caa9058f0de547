/*
 * deploy/kube against a scripted server: what a real one does rarely or only on a bad day.
 */
#include "tests/unit/unit.h"

#include <sys/stat.h>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "deploy/kube/client.h"
#include "tests/unit/loopback.h"

static struct loopback server;
static struct hc_http *http;
static struct hc_arena *arena;
static struct hc_err err;
static atomic_int lists, streams, hits;
static atomic_bool resumed;
static char deleted[1024]; /* the path; read when the request is over */

static bool json(int fd, int status, const char *headers, const char *body)
{
    return loopback_answer(fd, status, headers, body, strlen(body));
}

static bool has(const char *text, const char *what)
{
    return strstr(text, what) != NULL;
}

#define CM(name, rv)                                                                                               \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"x\",\"uid\":\"u-" name "\",\"resourceVersion\":\"" rv    \
    "\",\"managedFields\":[{}]}}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"

static bool stream(int fd, const char *text, bool cut)
{
    loopback_send(fd, "HTTP/1.1 200 OK\r\n\r\n", 19);
    loopback_send(fd, text, strlen(text));
    if (!cut)
        loopback_wait_closed(fd);
    return false;
}

/* A discovery of the old format: /api and /apis, then each group-version. */
static bool discovery(const char *path, int fd, bool *out)
{
    static const struct {
        const char *path, *body;
    } rows[] = {
        { "/api", "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"]}" },
        { "/apis",
          "{\"kind\":\"APIGroupList\",\"groups\":[{\"name\":\"apps\",\"versions\":[{\"groupVersion\":"
          "\"apps/v1\",\"version\":\"v1\"}]},{\"name\":\"down\",\"versions\":[{\"groupVersion\":\"down/v1\"}]"
          "}]}" },
        { "/api/v1",
          "{\"kind\":\"APIResourceList\",\"groupVersion\":\"v1\",\"resources\":[{\"name\":\"configmaps\","
          "\"namespaced\":true,\"kind\":\"ConfigMap\"},{\"name\":\"secrets\",\"namespaced\":true,\"kind\":"
          "\"Secret\"},{\"name\":\"endpoints\",\"namespaced\":true,\"kind\":\"Endpoints\"},{\"name\":\"pods\","
          "\"namespaced\":true,\"kind\":\"Pod\"}]}" },
        { "/apis/apps/v1",
          "{\"kind\":\"APIResourceList\",\"groupVersion\":\"apps/v1\",\"resources\":[{\"name\":\"deployments\","
          "\"namespaced\":true,\"kind\":\"Deployment\"},{\"name\":\"deployments/scale\",\"kind\":\"Scale\"}]}" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++)
        if (strcmp(path, rows[i].path) == 0) {
            *out = json(fd, 200, "", rows[i].body);
            return true;
        }
    if (strcmp(path, "/apis/down/v1") == 0) {
        *out = json(fd, 404, "", "down");
        return true;
    }
    return false;
}

/* Watch of ConfigMaps: a list, a stream with news that ends in 410, another list, a stream that is cut in a line,
 * and one that stays. */
static bool configmaps(const struct loopback_request *r, int fd)
{
    if (!has(r->path, "watch=1")) {
        if (atomic_fetch_add(&lists, 1) == 0)
            return json(
                fd, 200, "",
                "{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[" CM("a", "1") "," CM("b", "2") "]}");
        return json(fd, 200, "",
                    "{\"metadata\":{\"resourceVersion\":\"20\"},\"items\":[" CM("b", "15") "," CM("c", "11") "]}");
    }
    switch (atomic_fetch_add(&streams, 1)) {
    case 0:
        return stream(fd,
                      EVENT("ADDED", CM("c", "11")) EVENT("BOOKMARK", CM("", "12"))
                          EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\"}"),
                      true);
    case 1:
        return stream(fd, EVENT("MODIFIED", CM("c", "21")) "{\"type\":\"DELETED\",\"obj", true);
    case 2:
        atomic_store(&resumed, has(r->path, "resourceVersion=21&"));
        return stream(fd, EVENT("DELETED", CM("c", "22")), false);
    default:
        return stream(fd, "", false);
    }
}

/* Endpoints: a and b; from version 10 on b changes and a goes. Every watch is told what it has not seen, and then no more. */
static bool endpoints(const struct loopback_request *r, int fd)
{
    if (has(r->path, "watch=1")) {
        bool all = has(r->path, "resourceVersion=10&"), last = all || has(r->path, "resourceVersion=11&");
        atomic_store(&resumed, true);
        return stream(fd,
                      all    ? EVENT("MODIFIED", CM("b", "11")) EVENT("DELETED", CM("a", "12"))
                      : last ? EVENT("DELETED", CM("a", "12"))
                             : "",
                      false);
    }
    return json(fd, 200, "",
                atomic_load(&resumed)
                    ? "{\"metadata\":{\"resourceVersion\":\"12\"},\"items\":[" CM("b", "11") "]}"
                    : "{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[" CM("a", "1") "," CM("b", "2") "]}");
}

static bool handle(struct loopback *s, const struct loopback_request *r, int fd)
{
    (void)s;
    bool out;
    if (discovery(r->path, fd, &out))
        return out;
    if (has(r->path, "/endpoints"))
        return endpoints(r, fd);
    if (strcmp(r->method, "DELETE") == 0) {
        snprintf(deleted, sizeof(deleted), "%s", r->path);
        return json(fd, 200, "", "{}");
    }
    if (has(r->path, "/configmaps"))
        return configmaps(r, fd);
    if (has(r->path, "/pods")) { /* refused twice, then fine */
        if (has(r->path, "watch=1"))
            return stream(fd, "", false);
        if (atomic_fetch_add(&hits, 1) < 2)
            return json(fd, 403, "",
                        "{\"kind\":\"Status\",\"message\":\"no pods for you\",\"reason\":\"Forbidden\"}");
        return json(fd, 200, "", "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[]}");
    }
    if (has(r->path, "/deployments")) /* never answers */
        return stream(fd, "", false);
    if (has(r->path, "/secrets")) { /* three pages, the second grows too old */
        if (has(r->path, "continue="))
            return json(fd, 410, "", "{\"kind\":\"Status\",\"reason\":\"Expired\",\"code\":410}");
        if (has(r->path, "limit="))
            return json(fd, 200, "", "{\"metadata\":{\"continue\":\"more\"},\"items\":[" CM("a", "1") "]}");
        return json(fd, 200, "",
                    "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[" CM("a", "1") "," CM("b", "1") "]}");
    }
    if (has(r->path, "/busy/")) { /* /busy/STATUS: twice, then fine */
        if (atomic_fetch_add(&hits, 1) < 2)
            return json(fd, (int)strtol(strrchr(r->path, '/') + 1, NULL, 10), "", "{\"kind\":\"Status\"}");
        return json(fd, 200, "", "{}");
    }
    if (has(r->path, "/cut")) {
        if (atomic_fetch_add(&hits, 1) < 1)
            return false;
        return json(fd, 200, "", "{}");
    }
    if (has(r->path, "/who"))
        return has(r->headers, "Authorization: Bearer new\r\n") ? json(fd, 200, "", "{}")
                                                                : json(fd, 401, "", "{\"kind\":\"Status\"}");
    if (has(r->path, "/plugin")) /* a token is good once */
        return has(r->headers, "Authorization: Bearer token-1\r\n") && atomic_fetch_add(&hits, 1) == 0
                   ? json(fd, 200, "", "{}")
               : has(r->headers, "Authorization: Bearer token-2\r\n") ? json(fd, 200, "", "{}")
                                                                      : json(fd, 401, "", "{\"kind\":\"Status\"}");
    if (has(r->path, "/say/")) /* /say/STATUS with the answer as the body */
        return json(fd, (int)strtol(r->path + 5, NULL, 10), has(r->path, "later") ? "Retry-After: 3\r\n" : "",
                    r->body);
    return json(fd, 404, "", "404 page not found\n");
}

static struct hc_kube *client(struct hc_kube_options o)
{
    struct hc_kube *k = NULL;
    o.server = server.base;
    o.timeout_ms = 5000;
    if (hc_kube_new(http, &o, &k, &err) != HC_OK)
        fail_msg("%s", err.msg);
    return k;
}

static int setup(void **state)
{
    (void)state;
    setenv("KUBECONFIG", "/nowhere/at/all", 1);
    loopback_start(&server, handle);
    http = hc_http_new(NULL);
    arena = hc_arena_new(0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    hc_http_free(http);
    loopback_stop(&server);
    hc_arena_free(arena);
    return 0;
}

struct seen {
    pthread_mutex_t mu;
    pthread_cond_t cond;
    char log[512];
    bool stop_at_once;
    struct hc_kube_watch *watch;
};
#define SEEN                                                                                                       \
    {                                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, "", false, NULL                                       \
    }

static void on_event(void *ctx, enum hc_watch_event e, const struct hc_val *o)
{
    struct seen *s = ctx;
    pthread_mutex_lock(&s->mu);
    size_t n = strlen(s->log);
    snprintf(s->log + n, sizeof(s->log) - n, "%c%.*s%s ", "AMDSF"[e], HC_P(hc_get_str_at(o, "metadata.name")),
             hc_get(o, "metadata.managedFields") ? "!" : "");
    if (s->stop_at_once)
        hc_kube_watch_stop(s->watch);
    pthread_cond_broadcast(&s->cond);
    pthread_mutex_unlock(&s->mu);
}

static void wait_for(struct seen *s, const char *what)
{
    pthread_mutex_lock(&s->mu);
    while (!has(s->log, what))
        pthread_cond_wait(&s->cond, &s->mu);
    pthread_mutex_unlock(&s->mu);
}

static struct hc_kube_list list_of(const char *api_version, const char *kind)
{
    return (struct hc_kube_list){ .api_version = hc_str_of(api_version), .kind = hc_str_of(kind) };
}

static void watch_survives_gone_and_cut(void **state)
{
    (void)state;
    struct hc_kube *k = client((struct hc_kube_options){ 0 });
    struct seen s = SEEN;
    struct hc_kube_list l = list_of("v1", "ConfigMap");
    struct hc_kube_watch *w = hc_kube_watch_start(k, &l, on_event, &s, &err);
    assert_non_null(w);
    wait_for(&s, "Dc ");
    hc_kube_watch_stop(w);
    assert_string_equal(s.log, "Aa Ab S Ac Mb Da S Mc Dc ");
    assert_true(atomic_load(&resumed));
    assert_int_equal(atomic_load(&lists), 2);
    hc_kube_free(k);
}

static void watch_tells_a_failure_once(void **state)
{
    (void)state;
    struct hc_kube *k = client((struct hc_kube_options){ 0 });
    struct seen s = SEEN;
    struct hc_kube_list l = list_of("v1", "Pod");
    atomic_store(&hits, 0);
    struct hc_kube_watch *w = hc_kube_watch_start(k, &l, on_event, &s, &err);
    wait_for(&s, "S");
    hc_kube_watch_stop(w);
    assert_string_equal(s.log, "F S ");
    l = list_of("v1", "Nonsense");
    assert_null(hc_kube_watch_start(k, &l, on_event, &s, &err));
    assert_int_equal(err.code, HC_E_NOTFOUND);
    hc_kube_free(k);
}

static void watch_stops_while_it_waits_and_from_inside(void **state)
{
    (void)state;
    struct hc_kube *k = client((struct hc_kube_options){ 0 });
    struct seen s = SEEN;
    struct hc_kube_list l = list_of("apps/v1", "Deployment");
    for (int i = 0; i < 20; i++) {
        struct hc_kube_watch *w = hc_kube_watch_start(k, &l, on_event, &s, &err);
        assert_non_null(w);
        hc_kube_watch_stop(w);
    }
    assert_string_equal(s.log, "");
    s.stop_at_once = true;
    l = list_of("v1", "ConfigMap");
    pthread_mutex_lock(&s.mu); /* the callback must find `watch` */
    s.watch = hc_kube_watch_start(k, &l, on_event, &s, &err);
    pthread_mutex_unlock(&s.mu);
    wait_for(&s, "A");
    assert_int_equal(strlen(s.log), 3); /* none after the one that stopped it */
    hc_http_free(http);                 /* the machine has ended by then */
    assert_int_equal(strlen(s.log), 3);
    hc_kube_free(k);
    http = hc_http_new(NULL);
}

/* What a watch told, kept by somebody who needs memory for each object, and without it keeps nothing. */
struct keeper {
    pthread_mutex_t mu;
    pthread_cond_t cond;
    bool a, b;
    char b_rv[8];
};

static void keep(void *ctx, enum hc_watch_event e, const struct hc_val *o)
{
    struct keeper *k = ctx;
    hc_str name = hc_get_str_at(o, "metadata.name");
    void *needed = hc_malloc(1);
    pthread_mutex_lock(&k->mu);
    if (needed && e <= HC_WATCH_DELETED) {
        *(hc_str_eqz(name, "a") ? &k->a : &k->b) = e != HC_WATCH_DELETED;
        if (hc_str_eqz(name, "b"))
            snprintf(k->b_rv, sizeof(k->b_rv), "%.*s", HC_P(hc_get_str_at(o, "metadata.resourceVersion")));
        pthread_cond_signal(&k->cond);
    }
    pthread_mutex_unlock(&k->mu);
    free(needed);
}

/* Each allocation of a watch refused, once: in the end it has told all. */
static void watch_goes_on_when_memory_was_refused(void **state)
{
    (void)state;
    struct hc_kube *k = client((struct hc_kube_options){ 0 });
    struct hc_kube_list l = list_of("v1", "Endpoints");
    struct hc_kube_resource known; /* discovery is another matter */
    assert_int_equal(hc_kube_resource_of(k, l.api_version, l.kind, &known, &err), HC_OK);
    int hit = 0, spared = 0; /* how many a watch makes until it has told all differs a little */
    for (uint64_t n = 1; spared < 4; n++) {
        struct keeper s = { .mu = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
        uint64_t before = hc_mem_shortages();
        atomic_store(&resumed, false);
        hc_mem_fail_at(n);
        struct hc_kube_watch *w = hc_kube_watch_start(k, &l, keep, &s, &err);
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 20;
        bool in_time = true;
        pthread_mutex_lock(&s.mu);
        while (w && in_time && (s.a || strcmp(s.b_rv, "11") != 0))
            in_time = pthread_cond_timedwait(&s.cond, &s.mu, &until) == 0;
        pthread_mutex_unlock(&s.mu);
        hc_mem_fail_at(0);
        hc_kube_watch_stop(w);
        if (!in_time)
            fail_msg("allocation %d refused: a is %s, b is %s", (int)n, s.a ? "there" : "gone", s.b_rv);
        bool refused = hc_mem_shortages() != before;
        hit += refused;
        spared += !refused;
    }
    assert_in_range(hit, 15, 200);
    hc_kube_free(k);
}

/* A path that lost its end would be that of all objects. */
static void deletes_name_their_object_or_are_not_sent(void **state)
{
    (void)state;
    struct hc_kube *k = client((struct hc_kube_options){ 0 });
    char name[200] = "", want[256];
    memset(name, 'n', sizeof(name) - 1);
    snprintf(want, sizeof(want), "/api/v1/namespaces/x/secrets/%s", name);
    struct hc_ref r = { HC_S("v1"), HC_S("Secret"), HC_S("x"), hc_str_of(name) };
    uint64_t before;
    int n = 0, sent = 0;
    assert_int_equal(hc_kube_delete(k, &r, NULL, NULL, &err), HC_OK);
    assert_string_equal(deleted, want);
    do {
        before = hc_mem_shortages();
        deleted[0] = '\0';
        hc_mem_fail_at((uint64_t)++n);
        enum hc_rc rc = hc_kube_delete(k, &r, NULL, NULL, &err);
        hc_mem_fail_at(0);
        if (deleted[0])
            assert_string_equal(deleted, want);
        assert_true(deleted[0] || rc != HC_OK);
        sent += deleted[0] != '\0';
    } while (hc_mem_shortages() != before);
    assert_in_range(sent, 1, n - 3);
    hc_kube_free(k);
}

struct asked {
    struct hc_kube_fence fence;
    struct hc_kube *k;
    int times, until_allowed;
};

/* As an engine does: asks the server, and either it is known anew for a while or somebody was there. */
static enum hc_rc ask_again(void *ctx, struct hc_err *e)
{
    struct asked *x = ctx;
    struct hc_val *v = NULL;
    x->times++;
    assert_int_equal(hc_kube_raw(x->k, arena, "GET", "/say/200", NULL, HC_S(""), &v, e), HC_OK);
    if (x->times > x->until_allowed)
        return hc_fail(e, HC_E_AGAIN, "somebody was there");
    x->fence.until_ms = hc_boot_ms() + 60000;
    return HC_OK;
}

/* What is decided from something old is not sent, neither when it is handed over late nor when it rested meanwhile. */
static void a_fence_holds_writes_that_come_late(void **state)
{
    (void)state;
    struct hc_kube *k = client((struct hc_kube_options){ 0 });
    struct hc_ref r = { HC_S("v1"), HC_S("Secret"), HC_S("x"), HC_S("late") };
    struct asked x = { .k = k, .until_allowed = 1 };
    struct hc_val *v = NULL;
    x.fence = (struct hc_kube_fence){ hc_boot_ms() - 1, ask_again, &x, false };
    hc_kube_fence_set(&x.fence);
    deleted[0] = '\0';
    assert_int_equal(hc_kube_delete(k, &r, NULL, NULL, &err), HC_OK); /* known anew */
    assert_string_equal(deleted, "/api/v1/namespaces/x/secrets/late");
    assert_int_equal(hc_kube_delete(k, &r, NULL, NULL, &err), HC_OK); /* and still known */
    assert_int_equal(x.times, 1);
    x.fence.until_ms = hc_boot_ms() - 1;
    deleted[0] = '\0';
    assert_int_equal(hc_kube_delete(k, &r, NULL, NULL, &err), HC_E_AGAIN);
    assert_string_equal(deleted, "");
    assert_non_null(strstr(err.msg, "somebody was there"));
    assert_int_equal(hc_kube_raw(k, arena, "GET", "/say/200", NULL, HC_S(""), &v, &err), HC_OK); /* who reads may */
    assert_int_equal(x.times, 2);
    /* A server that asks for patience: what is sent again then is late, too. */
    x.until_allowed = x.times;
    x.fence.until_ms = hc_boot_ms() + 20;
    atomic_store(&hits, 0);
    assert_int_equal(hc_kube_raw(k, arena, "POST", "/busy/429", NULL, HC_S("{}"), &v, &err), HC_E_AGAIN);
    assert_int_equal(atomic_load(&hits), 1);
    hc_kube_fence_set(NULL);
    assert_int_equal(hc_kube_raw(k, arena, "POST", "/busy/429", NULL, HC_S("{}"), &v, &err), HC_OK);
    /* A lease that ran out: nothing of this process is sent but by the thread that renews it. */
    _Atomic int64_t until_ms = hc_boot_ms() + 60000;
    hc_kube_fence_process(&until_ms);
    assert_int_equal(hc_kube_delete(k, &r, NULL, NULL, &err), HC_OK);
    atomic_store(&until_ms, hc_boot_ms());
    x.fence = (struct hc_kube_fence){ hc_boot_ms() + 60000, ask_again, &x, false };
    for (int fenced = 0; fenced < 2; fenced++) {
        deleted[0] = '\0';
        hc_kube_fence_set(fenced ? &x.fence : NULL);
        assert_int_equal(hc_kube_delete(k, &r, NULL, NULL, &err), HC_E_CONFLICT);
        assert_string_equal(deleted, "");
        assert_non_null(strstr(err.msg, "the lease of this process has run out"));
        assert_int_equal(hc_kube_raw(k, arena, "GET", "/say/200", NULL, HC_S(""), &v, &err), HC_OK);
    }
    x.fence.asking = true;
    assert_int_equal(hc_kube_delete(k, &r, NULL, NULL, &err), HC_OK);
    hc_kube_fence_set(NULL);
    hc_kube_fence_process(NULL);
    assert_int_equal(hc_kube_delete(k, &r, NULL, NULL, &err), HC_OK);
    /* The last gate, at the socket. */
    const struct hc_http_request late = { .method = "DELETE", .url = server.base, .not_after_ms = 1 };
    struct hc_http_response said;
    deleted[0] = '\0';
    assert_int_equal(hc_http_do(http, arena, &late, &said, &err), HC_E_CONFLICT);
    assert_string_equal(deleted, "");
    hc_kube_free(k);
}

static void lists_start_over_when_pages_expire(void **state)
{
    (void)state;
    struct hc_kube *k = client((struct hc_kube_options){ 0 });
    struct hc_kube_list l = list_of("v1", "Secret");
    struct hc_val *all = NULL;
    hc_str rv;
    assert_int_equal(hc_kube_list(k, arena, &l, &all, &rv, &err), HC_OK);
    assert_int_equal(hc_list_len(all), 2);
    assert_true(hc_str_eqz(rv, "9"));
    hc_kube_free(k);
}

static void busy_servers_are_asked_again(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        enum hc_rc rc;
        int hits;
    } rows[] = {
        { "GET", "/busy/429", HC_OK, 3 },      { "GET", "/busy/503", HC_OK, 3 },
        { "POST", "/busy/429", HC_OK, 3 },     { "POST", "/busy/503", HC_E_AGAIN, 1 }, /* it may have been done */
        { "GET", "/busy/500", HC_E_AGAIN, 1 }, { "GET", "/busy/403", HC_E_INPUT, 1 },
        { "GET", "/cut", HC_OK, 2 },
    };
    struct hc_kube *k = client((struct hc_kube_options){ 0 });
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_val *out;
        atomic_store(&hits, 0);
        enum hc_rc rc = hc_kube_raw(k, arena, rows[i].method, rows[i].path, NULL, (hc_str){ NULL, 0 }, &out, &err);
        if (rc != rows[i].rc || atomic_load(&hits) != rows[i].hits)
            fail_msg("%s %s: %s after %d: %s", rows[i].method, rows[i].path, hc_rc_name(rc), atomic_load(&hits),
                     err.msg);
    }
    hc_kube_free(k);
}

static void errors_keep_the_servers_words(void **state)
{
    (void)state;
    static const struct {
        const char *path, *body;
        enum hc_rc rc;
        const char *msg;
    } rows[] = {
        { "/say/404", "404 page not found", HC_E_NOTFOUND, "POST /say/404: 404: 404 page not found" },
        { "/say/409", "{\"reason\":\"AlreadyExists\",\"message\":\"x exists\"}", HC_E_CONFLICT,
          "POST /say/409: 409 AlreadyExists: x exists" },
        { "/say/422",
          "{\"reason\":\"Invalid\",\"message\":\"bad\",\"details\":{\"causes\":[{\"field\":\"spec.a\",\"message\":"
          "\"no\"}"
          "]}}",
          HC_E_INPUT, "POST /say/422: 422 Invalid: bad; spec.a: no" },
        { "/say/422",
          "{\"reason\":\"Invalid\",\"message\":\"spec.a: "
          "no\",\"details\":{\"causes\":[{\"field\":\"spec.a\",\"message\":"
          "\"no\"}]}}",
          HC_E_INPUT, "POST /say/422: 422 Invalid: spec.a: no" },
        { "/say/400", "{\"message\":\"bad base64, error found in #10 byte of ...|hunter2|...\"}", HC_E_INPUT,
          "POST /say/400: 400: bad base64" },
        { "/say/403",
          "{\"reason\":\"Forbidden\",\"message\":\"ending\",\"details\":{\"causes\":[{\"reason\":"
          "\"NamespaceTerminating\"}]}}",
          HC_E_AGAIN, "POST /say/403: 403 Forbidden: ending" },
        { "/say/500", "", HC_E_AGAIN, "POST /say/500: 500" },
        { "/say/413", "", HC_E_LIMIT, "POST /say/413: 413" },
        { "/say/200", "{", HC_E_AGAIN,
          "POST /say/200: the server's answer is no JSON: unexpected end of JSON input" },
    };
    struct hc_kube *k = client((struct hc_kube_options){ 0 });
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_val *out;
        err = (struct hc_err)HC_ERR_INIT;
        assert_int_equal(
            hc_kube_raw(k, arena, "POST", rows[i].path, "application/json", hc_str_of(rows[i].body), &out, &err),
            rows[i].rc);
        assert_string_equal(err.msg, rows[i].msg);
    }
    struct hc_val *out;
    hc_kube_raw(k, arena, "POST", "/say/503/later", NULL, HC_S("{}"), &out, &err);
    assert_int_equal(err.retry_after_ms, 3000);
    assert_int_equal(err.http_status, 503);
    hc_kube_free(k);
}

static void old_discovery_is_understood(void **state)
{
    (void)state;
    struct hc_kube *k = client((struct hc_kube_options){ 0 });
    struct hc_kube_resource r;
    assert_int_equal(hc_kube_resource_of(k, HC_S("apps/v1"), HC_S("Deployment"), &r, &err), HC_OK);
    assert_true(hc_str_eqz(r.plural, "deployments") && r.namespaced);
    hc_str *list;
    size_t n;
    assert_int_equal(hc_kube_api_versions(k, arena, &list, &n, &err), HC_OK);
    static const char *const want[] = { "apps/v1",      "apps/v1/Deployment", "apps/v1/Scale", "v1",
                                        "v1/ConfigMap", "v1/Endpoints",       "v1/Pod",        "v1/Secret" };
    assert_int_equal(n, HC_LEN(want));
    for (size_t i = 0; i < n; i++)
        assert_true(hc_str_eqz(list[i], want[i]));
    hc_kube_free(k);
}

static void a_new_token_is_read_when_the_old_one_ends(void **state)
{
    (void)state;
    char dir[] = "/tmp/hc-kube-XXXXXX", path[64], config[96];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/token", dir);
    snprintf(config, sizeof(config), "%s/config", dir);
    assert_int_equal(hc_write_file(path, HC_S("old\n"), 0600, &err), HC_OK);
    assert_int_equal(hc_write_file(config,
                                   HC_S("current-context: c\ncontexts: [{name: c, context: {cluster: c, user: u, "
                                        "namespace: apps}}]\nclusters: [{name: c, cluster: {server: 'http://x'}}]\n"
                                        "users: [{name: u, user: {tokenFile: token}}]\n"),
                                   0600, &err),
                     HC_OK);
    struct hc_kube *k = client((struct hc_kube_options){ .kubeconfig = config });
    struct hc_val *out;
    assert_true(hc_str_eqz(hc_kube_namespace(k), "apps"));
    assert_int_equal(hc_kube_raw(k, arena, "GET", "/who", NULL, (hc_str){ NULL, 0 }, &out, &err), HC_E_INPUT);
    assert_int_equal(hc_write_file(path, HC_S("new\n"), 0600, &err), HC_OK);
    assert_int_equal(hc_kube_raw(k, arena, "GET", "/who", NULL, (hc_str){ NULL, 0 }, &out, &err), HC_OK);
    hc_kube_free(k);
    hc_remove_tree(dir, NULL);
}

static void a_plugin_gives_tokens(void **state)
{
    (void)state;
    char dir[] = "/tmp/hc-kube-XXXXXX", path[64], config[96];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/plugin", dir);
    snprintf(config, sizeof(config), "%s/config", dir);
    static const char program[] =
        "#!/bin/sh\n"
        "[ \"$1 $MINE\" = 'get yes' ] || exit 3\n"
        "case $KUBERNETES_EXEC_INFO in *ExecCredential*) ;; *) exit 4 ;; esac\n"
        "d=$(dirname \"$0\"); echo x >>\"$d/runs\"; n=$(wc -l <\"$d/runs\")\n"
        "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",'\n"
        "echo '\"status\":{\"token\":\"token-'$n'\"}}'\n";
#define PLUGIN_CONFIG                                                                                              \
    "current-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n"                                  \
    "clusters: [{name: c, cluster: {server: 'http://x'}}]\n"                                                       \
    "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: %s, args: [get], "      \
    "env: [{name: MINE, value: %s}], installHint: buy it}}}]\n"
    char body[600];
    assert_int_equal(hc_write_file(path, hc_str_of(program), 0700, &err), HC_OK);
    snprintf(body, sizeof(body), PLUGIN_CONFIG, "./plugin", "'yes'");
    assert_int_equal(hc_write_file(config, hc_str_of(body), 0600, &err), HC_OK);
    atomic_store(&hits, 0);
    struct hc_kube *k = client((struct hc_kube_options){ .kubeconfig = config });
    struct hc_val *out;
    for (int i = 0; i < 3; i++) /* token-1, then 401 and token-2 */
        assert_int_equal(hc_kube_raw(k, arena, "GET", "/plugin", NULL, (hc_str){ NULL, 0 }, &out, &err), HC_OK);
    assert_int_equal(hc_write_file(path, HC_S("#!/bin/sh\nexit 7\n"), 0700, &err), HC_OK);
    assert_int_equal(hc_kube_raw(k, arena, "GET", "/who", NULL, (hc_str){ NULL, 0 }, &out, &err), HC_E_INPUT);
    assert_true(has(err.msg, "exit code 7") && has(err.msg, "401"));
    assert_int_equal(hc_write_file(path, hc_str_of(program), 0700, &err), HC_OK);
    hc_kube_free(k);

    static const struct {
        const char *command, *env, *words;
    } rows[] = { { "./plugin", "'no'", "failed with exit code 3" },
                 { "./nothing-here", "a", "buy it" },
                 { "/bin/true", "a", "printed no ExecCredential" } };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        snprintf(body, sizeof(body), PLUGIN_CONFIG, rows[i].command, rows[i].env);
        assert_int_equal(hc_write_file(config, hc_str_of(body), 0600, &err), HC_OK);
        err = (struct hc_err)HC_ERR_INIT;
        k = NULL;
        assert_int_equal(hc_kube_new(http, &(struct hc_kube_options){ .kubeconfig = config }, &k, &err),
                         HC_E_INPUT);
        if (!has(err.msg, rows[i].words))
            fail_msg("no '%s' in: %s", rows[i].words, err.msg);
    }
    hc_remove_tree(dir, NULL);
}

static void configurations_that_cannot_work_say_why(void **state)
{
    (void)state;
#define CONFIG(cluster, user)                                                                                      \
    "{current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], clusters: [{name: c, cluster: "   \
    "{" cluster "}}], users: [{name: u, user: {" user "}}]}"
    static const struct {
        const char *body, *context, *words;
    } rows[] = {
        { "{", NULL, "kubeconfig (of the object)" },
        { "[]", NULL, "is not a map" },
        { "{}", NULL, "no current-context" },
        { "{current-context: c}", NULL, "context 'c' is not in the kubeconfig" },
        { CONFIG("server: 'https://x'", ""), "other", "context 'other'" },
        { "{current-context: c, contexts: [{name: c, context: {cluster: z}}]}", NULL, "the cluster 'z'" },
        { CONFIG("", ""), NULL, "names no server" },
        { CONFIG("server: 'https://x'", "exec: {command: aws}"), NULL, "(exec: aws)" },
        { CONFIG("server: 'https://x'", "auth-provider: {name: gcp}"), NULL, "auth-provider" },
        { CONFIG("server: 'https://x'", "tokenFile: /etc/passwd"), NULL, "complete in itself" },
        { CONFIG("server: 'https://x'", "client-key: /etc/passwd"), NULL, "client-key-data" },
        { CONFIG("server: 'https://x', certificate-authority: ca.crt", ""), NULL, "certificate-authority-data" },
        { CONFIG("server: 'https://x', certificate-authority-data: '%%'", ""), NULL, "is not base64" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_kube *k = NULL;
        const struct hc_kube_options o = { .kubeconfig_body = hc_str_of(rows[i].body), .context = rows[i].context };
        err = (struct hc_err)HC_ERR_INIT;
        assert_int_equal(hc_kube_new(http, &o, &k, &err), HC_E_INPUT);
        if (!has(err.msg, rows[i].words))
            fail_msg("no '%s' in: %s", rows[i].words, err.msg);
    }
    struct hc_kube *k = NULL;
    assert_int_equal(hc_kube_new(http, &(struct hc_kube_options){ 0 }, &k, &err), HC_E_INPUT);
    assert_true(has(err.msg, "none of the files in $KUBECONFIG"));
}

/* Of nobody: made for this test. old_cert is of the same key, and expired in 2021. */
static const char good_cert[] = "-----BEGIN CERTIFICATE-----\n"
                                "MIIBbjCCARWgAwIBAgIUL1y4Cufgw5UUuc+VpVTdM+PIWZIwCgYIKoZIzj0EAwIw\n"
                                "DDEKMAgGA1UEAwwBdTAgFw0yNjExMjcxNDU1MTdaGA8yMTI2MTEwMzE0NTUxN1ow\n"
                                "DDEKMAgGA1UEAwwBdTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABC4U8OMlpn4r\n"
                                "7HN/1WRQNc3CHB8pIEvRR7xJtozXQqL24G9In4hMo6rnwrs7NkxtLKxMzLC49AEc\n"
                                "BvsIsHzoJ5qjUzBRMB0GA1UdDgQWBBRGlPcLhrkhCO+270PSxGdlFZvpRTAfBgNV\n"
                                "HSMEGDAWgBRGlPcLhrkhCO+270PSxGdlFZvpRTAPBgNVHRMBAf8EBTADAQH/MAoG\n"
                                "CCqGSM49BAMCA0cAMEQCIGl+5Ml9cifz1e4Rb31AU72oZJiT8InVJfGomgpnpGZX\n"
                                "AiAryAP4NVP7J5BycYBDqwjUaWyZzravPPqQJSoIwxoeqw==\n"
                                "-----END CERTIFICATE-----\n";
static const char good_key[] = "-----BEGIN PRIVATE KEY-----\n"
                               "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgzHpmLj+J4vmThJVA\n"
                               "bX/3OcvWhLoDSUXK1CFBWVnoWtWhRANCAAQuFPDjJaZ+K+xzf9VkUDXNwhwfKSBL\n"
                               "0Ue8SbaM10Ki9uBvSJ+ITKOq58K7OzZMbSysTMywuPQBHAb7CLB86Cea\n"
                               "-----END PRIVATE KEY-----\n";
static const char other_key[] = "-----BEGIN EC PRIVATE KEY-----\n"
                                "MHcCAQEEIDRfPj4a0rajT42PAje+MQycs9mKwJUCkrw+dIndyHifoAoGCCqGSM49\n"
                                "AwEHoUQDQgAErDHBq5tvKB0cdXV+il0vDDj1ueHovsLB7c5k8JvRGW+6GssSebbw\n"
                                "kPnvhuFfEYED0WHAu32bm62cg/i4tnPP6A==\n"
                                "-----END EC PRIVATE KEY-----\n";
static const char locked_key[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                                 "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhDVNDZvUdBrgICCAAw\n"
                                 "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEJNKdCHdtbROk+FgKZGHQSYEgZCn\n"
                                 "LAyTmZ8ZTNwzOiyxzWuf+/d3jmegfLnHX8ZoaDVaMc1kherLyk7JFDvtIHoE7zBL\n"
                                 "DkMR8W7mbngtqAlB++7Tkr98kcJGsqcNGvEwcneFyhfUL25YiFWnjvEOqtzj7PGI\n"
                                 "ATOCaYdq4Fgtrjtgdl/3tQfbxxp60NMe1KwXb1o32gJkD9mzBEwvlpwnwY5Ka+4=\n"
                                 "-----END ENCRYPTED PRIVATE KEY-----\n";
static const char old_cert[] = "-----BEGIN CERTIFICATE-----\n"
                               "MIIBADCBpgIBATAKBggqhkjOPQQDAjAMMQowCAYDVQQDDAF1MB4XDTIwMDEwMTAw\n"
                               "MDAwMFoXDTIxMDEwMTAwMDAwMFowDDEKMAgGA1UEAwwBdTBZMBMGByqGSM49AgEG\n"
                               "CCqGSM49AwEHA0IABC4U8OMlpn4r7HN/1WRQNc3CHB8pIEvRR7xJtozXQqL24G9I\n"
                               "n4hMo6rnwrs7NkxtLKxMzLC49AEcBvsIsHzoJ5owCgYIKoZIzj0EAwIDSQAwRgIh\n"
                               "AJLLKHqbCROvx95KNYrOQWCuSPEwpLguLmzgV/ba6f3hAiEAlZW9KjozaJgxuu5q\n"
                               "DPuvKT+lI4hx3GoWUXKxaMHIWc8=\n"
                               "-----END CERTIFICATE-----\n";

/* What a handshake would only say as "failed" is told before anybody is asked. */
static void broken_certificates_are_told_before(void **state)
{
    (void)state;
    static const struct {
        const char *ca, *cert, *key, *token, *words; /* words NULL: nothing is wrong */
        bool insecure;
    } rows[] = {
        { NULL, good_cert, good_key, NULL, NULL, false },
        { good_cert, good_cert, good_key, NULL, NULL, false },
        { "no PEM", NULL, NULL, NULL, "certificate-authority holds no certificate", false },
        { "no PEM", NULL, NULL, NULL, NULL, true },
        { NULL, good_cert, NULL, NULL, "client-key is not", false },
        { NULL, NULL, good_key, NULL, "client-certificate is not", false },
        { NULL, "no PEM", good_key, NULL, "client-certificate holds no certificate", false },
        { NULL, good_key, good_key, NULL, "client-certificate holds no certificate", false },
        { NULL, good_cert, good_cert, NULL, "client-key holds no private key", false },
        { NULL, good_cert, other_key, NULL, "do not belong together", false },
        { NULL, good_cert, locked_key, NULL, "has a passphrase", false },
        { NULL, old_cert, good_key, NULL, "expired on 2021-01-01T00:00:00Z", false },
        { NULL, old_cert, good_key, "t", NULL, false }, /* the token may do */
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_kube *k = NULL;
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        hc_buf_puts(
            &b, "{current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], clusters: [{name: c, "
                "cluster: {server: 'https://127.0.0.1:1'");
        if (rows[i].ca)
            hc_buf_printf(&b, ", certificate-authority-data: %.*s", HC_P(hc_base64(arena, hc_str_of(rows[i].ca))));
        if (rows[i].insecure)
            hc_buf_puts(&b, ", insecure-skip-tls-verify: true");
        hc_buf_puts(&b, "}}], users: [{name: u, user: {x: y");
        if (rows[i].cert)
            hc_buf_printf(&b, ", client-certificate-data: %.*s", HC_P(hc_base64(arena, hc_str_of(rows[i].cert))));
        if (rows[i].key)
            hc_buf_printf(&b, ", client-key-data: %.*s", HC_P(hc_base64(arena, hc_str_of(rows[i].key))));
        if (rows[i].token)
            hc_buf_printf(&b, ", token: %s", rows[i].token);
        hc_buf_puts(&b, "}}]}");
        const struct hc_kube_options o = { .kubeconfig_body = hc_buf_str(&b), .body_may_skip_tls = true };
        err = (struct hc_err)HC_ERR_INIT;
        enum hc_rc rc = hc_kube_new(http, &o, &k, &err);
        if (rc != (rows[i].words ? HC_E_INPUT : HC_OK) || (rows[i].words && !has(err.msg, rows[i].words)))
            fail_msg("row %zu: '%s' instead of '%s'", i, err.msg, rows[i].words ? rows[i].words : "");
        if (rows[i].words)
            assert_true(has(err.msg, "kubeconfig (of the object)"));
        assert_false(has(err.msg, "BEGIN EC")); /* nothing of a key is told */
        hc_kube_free(k);
    }
}

static void names_cannot_leave_their_path(void **state)
{
    (void)state;
    struct hc_kube *k = client((struct hc_kube_options){ 0 });
    static const char *const bad[] = { "..", ".", "a/b", "../x", "a%2fb", "" };
    struct hc_val *out;
    assert_int_equal(hc_kube_api_versions(k, arena, &(hc_str *){ NULL }, &(size_t){ 0 }, &err), HC_OK);
    int before = atomic_load(&server.requests);
    for (size_t i = 0; i < HC_LEN(bad); i++) {
        struct hc_ref name = { HC_S("v1"), HC_S("Secret"), HC_S("x"), hc_str_of(bad[i]) };
        struct hc_ref ns = { HC_S("v1"), HC_S("Secret"), hc_str_of(bad[i]), HC_S("x") };
        assert_int_equal(hc_kube_get(k, arena, &name, &out, &err), HC_E_INPUT);
        assert_int_equal(hc_kube_delete(k, &name, NULL, NULL, &err), HC_E_INPUT);
        if (bad[i][0])
            assert_int_equal(hc_kube_get(k, arena, &ns, &out, &err), HC_E_INPUT);
    }
    assert_int_equal(atomic_load(&server.requests), before);
    hc_kube_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(watch_survives_gone_and_cut),
        cmocka_unit_test(watch_tells_a_failure_once),
        cmocka_unit_test(watch_stops_while_it_waits_and_from_inside),
        cmocka_unit_test(watch_goes_on_when_memory_was_refused),
        cmocka_unit_test(a_fence_holds_writes_that_come_late),
        cmocka_unit_test(deletes_name_their_object_or_are_not_sent),
        cmocka_unit_test(lists_start_over_when_pages_expire),
        cmocka_unit_test(busy_servers_are_asked_again),
        cmocka_unit_test(errors_keep_the_servers_words),
        cmocka_unit_test(old_discovery_is_understood),
        cmocka_unit_test(a_new_token_is_read_when_the_old_one_ends),
        cmocka_unit_test(a_plugin_gives_tokens),
        cmocka_unit_test(configurations_that_cannot_work_say_why),
        cmocka_unit_test(broken_certificates_are_told_before),
        cmocka_unit_test(names_cannot_leave_their_path),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
