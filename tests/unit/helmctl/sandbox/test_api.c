/*
 * The API as a client sees it: objects, errors, lists, watches, patches, deletion, faults.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/helmctl/sandbox/rig.h"

#define NS "/api/v1/namespaces/default"
#define CM NS "/configmaps"

static void errors(void **state)
{
    static const struct {
        const char *line, *body;
        int code;
        const char *reason, *message;
    } rows[] = {
        { "GET " CM "/none", NULL, 404, "NotFound", "configmaps \"none\" not found" },
        { "GET /apis/apps/v1/namespaces/default/deployments/web", NULL, 404, "NotFound",
          "deployments.apps \"web\" not found" },
        { "GET /apis/nothing.io/v1/things", NULL, 404, "NotFound",
          "the server could not find the requested resource" },
        { "POST /api/v1/namespaces/none/configmaps", "{\"metadata\":{\"name\":\"a\"}}", 404, "NotFound",
          "namespaces \"none\" not found" },
        { "POST " CM, "{\"metadata\":{\"name\":\"kube-root-ca.crt\"}}", 409, "AlreadyExists",
          "configmaps \"kube-root-ca.crt\" already exists" },
        { "POST " CM, "{\"metadata\":{}}", 422, "Invalid",
          "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required" },
        { "POST " CM, "{\"metadata\":{\"name\":\"Upper\"}}", 422, "Invalid", NULL },
        { "POST " CM, "{\"metadata\":{\"name\":\"a\",\"labels\":{\"x\":\"no good\"}}}", 422, "Invalid", NULL },
        { "POST " CM, "{\"kind\":\"Secret\",\"metadata\":{\"name\":\"a\"}}", 400, "BadRequest", NULL },
        { "POST " CM, "{\"apiVersion\":\"v2\",\"metadata\":{\"name\":\"a\"}}", 400, "BadRequest",
          "the API version in the data (v2) does not match the expected API version (v1)" },
        { "POST " CM, "{\"metadata\":{\"name\":\"a\",\"namespace\":\"other\"}}", 400, "BadRequest",
          "the namespace of the provided object does not match the namespace sent on the request" },
        { "POST " CM, "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"7\"}}", 500, "InternalError", NULL },
        { "POST " CM, "{\"metadata\":", 400, "BadRequest", NULL },
        { "POST " CM, "[]", 400, "BadRequest", NULL },
        { "POST " CM, "", 400, "BadRequest", NULL },
        { "POST " CM "/a", "{}", 405, "MethodNotAllowed", NULL },
        { "PUT " CM "/a", "{\"metadata\":{\"name\":\"b\"}}", 404, "NotFound", NULL },
        { "PUT " CM "/kube-root-ca.crt", "{\"metadata\":{\"name\":\"b\"}}", 400, "BadRequest",
          "the name of the object (b) does not match the name on the URL (kube-root-ca.crt)" },
        { "DELETE " CM "/a", NULL, 404, "NotFound", NULL },
        { "GET " CM "?labelSelector=a in (", NULL, 400, "BadRequest", NULL },
        { "GET " CM "?continue=zzz", NULL, 400, "BadRequest", NULL },
        { "GET " CM "?resourceVersion=999999", NULL, 504, "Timeout", NULL },
        { "POST /apis/apps/v1/namespaces/default/deployments", "{\"metadata\":{\"name\":\"a\"},\"spec\":{}}", 422,
          "Invalid", NULL },
        { "POST /apis/apps/v1/namespaces/default/deployments",
          "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"selector\":{\"matchLabels\":{\"x\":\"1\"}},\"template\":{"
          "\"metadata\":"
          "{\"labels\":{\"x\":\"2\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}",
          422, "Invalid",
          "Deployment.apps \"a\" is invalid: spec.template.metadata.labels: Invalid value: {\"x\":\"2\"}: "
          "`selector` does "
          "not match template `labels`" },
        { "DELETE /api/v1/namespaces/kube-system", NULL, 403, "Forbidden", NULL },
        { "GET /api/v1/namespaces/default/pods/none/log", NULL, 404, "NotFound", "pods \"none\" not found" },
    };
    struct rig *r = *state;
    settle(r);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        const struct hc_val *v = call(r, rows[i].line, rows[i].body);
        if (r->code != rows[i].code || strcmp(at(r, v, "reason"), rows[i].reason) != 0 ||
            (rows[i].message && strcmp(at(r, v, "message"), rows[i].message) != 0))
            fail_msg("%s %s: %d %s", rows[i].line, rows[i].body ? rows[i].body : "", r->code, text_of(r, v));
        assert_int_equal(hc_get_int_at(v, "code", 0), rows[i].code);
    }
}

static void a_life(void **state)
{
    struct rig *r = *state;
    struct hc_val *v = call(r, "POST " CM, "{\"metadata\":{\"generateName\":\"a-\"},\"data\":{\"k\":\"1\"}}");
    char line[256], body[1024];
    assert_int_equal(r->code, 201);
    assert_int_equal(strlen(at(r, v, "metadata.name")), 7);
    assert_string_equal(at(r, v, "apiVersion"), "v1");
    assert_string_equal(at(r, v, "kind"), "ConfigMap");
    assert_int_equal(strlen(at(r, v, "metadata.uid")), 36);
    const char *name = at(r, v, "metadata.name"), *rv = at(r, v, "metadata.resourceVersion");
    const char *uid = at(r, v, "metadata.uid");

    snprintf(line, sizeof(line), "PUT " CM "/%s", name);
    snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\",\"resourceVersion\":\"1\"},\"data\":{}}", name);
    v = call(r, line, body);
    assert_int_equal(r->code, 409);
    assert_string_equal(at(r, v, "reason"), "Conflict");
    snprintf(body, sizeof(body),
             "{\"metadata\":{\"name\":\"%s\",\"resourceVersion\":\"%s\"},\"data\":{\"k\":\"2\"}}", name, rv);
    v = call(r, line, body);
    assert_int_equal(r->code, 200);
    assert_string_not_equal(at(r, v, "metadata.resourceVersion"), rv);
    assert_string_equal(at(r, v, "metadata.uid"), uid);
    rv = at(r, v, "metadata.resourceVersion");

    /* The same again changes nothing. */
    snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\"},\"data\":{\"k\":\"2\"}}", name);
    v = call(r, line, body);
    assert_int_equal(r->code, 200);
    assert_string_equal(at(r, v, "metadata.resourceVersion"), rv);

    /* A dry run answers as if, and stores nothing. */
    snprintf(line, sizeof(line), "PUT " CM "/%s?dryRun=All", name);
    snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\"},\"data\":{\"k\":\"3\"}}", name);
    v = call(r, line, body);
    assert_string_equal(at(r, v, "data.k"), "3");
    snprintf(line, sizeof(line), "GET " CM "/%s", name);
    assert_string_equal(at(r, call(r, line, NULL), "data.k"), "2");

    snprintf(line, sizeof(line), "DELETE " CM "/%s", name);
    call(r, line, "{\"preconditions\":{\"uid\":\"other\"}}");
    assert_int_equal(r->code, 409);
    call(r, line, "{\"preconditions\":{\"resourceVersion\":\"1\"}}");
    assert_int_equal(r->code, 409);
    snprintf(body, sizeof(body), "{\"preconditions\":{\"uid\":\"%s\",\"resourceVersion\":\"%s\"}}", uid, rv);
    v = call(r, line, body);
    assert_int_equal(r->code, 200);
    assert_string_equal(at(r, v, "status"), "Success");
    assert_string_equal(at(r, v, "details.uid"), uid);
}

static void finalizers_hold(void **state)
{
    struct rig *r = *state;
    call(r, "POST " CM, "{\"metadata\":{\"name\":\"f\",\"finalizers\":[\"x.io/y\"]}}");
    struct hc_val *v = call(r, "DELETE " CM "/f", NULL);
    assert_int_equal(r->code, 200);
    assert_string_equal(at(r, v, "kind"), "ConfigMap");
    assert_true(at(r, v, "metadata.deletionTimestamp")[0] != '\0');
    call(r, "GET " CM "/f", NULL);
    assert_int_equal(r->code, 200);
    patch(r, MERGE, CM "/f", "{\"metadata\":{\"finalizers\":null}}");
    assert_int_equal(r->code, 200);
    call(r, "GET " CM "/f", NULL);
    assert_int_equal(r->code, 404);
}

static void pages(void **state)
{
    struct rig *r = *state;
    char line[512], body[128];
    size_t seen = 0, rounds = 0;
    settle(r);
    for (int i = 0; i < 25; i++) {
        snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"s%d\",\"labels\":{\"odd\":\"%d\"}}}", i, i % 2);
        call(r, "POST " NS "/secrets", body);
        assert_int_equal(r->code, 201);
    }
    const char *next = "";
    do {
        snprintf(line, sizeof(line), "GET " NS "/secrets?limit=10%s%s", next[0] ? "&continue=" : "", next);
        struct hc_val *v = call(r, line, NULL);
        seen += hc_list_len(hc_get(v, "items"));
        if (++rounds == 1)
            assert_int_equal(hc_get_int_at(v, "metadata.remainingItemCount", 0), 15);
        next = at(r, v, "metadata.continue");
    } while (next[0] && rounds < 10);
    assert_int_equal(seen, 25);
    assert_int_equal(rounds, 3);
    struct hc_val *v = call(r, "GET " NS "/secrets?limit=12&labelSelector=odd=1", NULL);
    assert_int_equal(hc_list_len(hc_get(v, "items")), 12);
    assert_string_equal(at(r, v, "metadata.continue"), "");
    call(r, "DELETE " NS "/secrets?labelSelector=odd=1", NULL);
    v = call(r, "GET " NS "/secrets", NULL);
    assert_int_equal(hc_list_len(hc_get(v, "items")), 13);
}

static void forms(void **state)
{
    struct rig *r = *state;
    call(r, "POST " CM, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"x\":\"1\",\"y\":\"2\"}}");
    r->accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    struct hc_val *v = call(r, "GET " CM "/a", NULL);
    assert_string_equal(at(r, v, "kind"), "Table");
    assert_string_equal(at(r, v, "columnDefinitions[1].name"), "Data");
    assert_int_equal(hc_get_int_at(v, "rows[0].cells[1]", 0), 2);
    assert_string_equal(at(r, v, "rows[0].object.kind"), "PartialObjectMetadata");
    r->accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";
    v = call(r, "GET " CM, NULL);
    assert_string_equal(at(r, v, "kind"), "PartialObjectMetadataList");
    assert_null(hc_get(v, "items[0].data"));
    assert_string_equal(at(r, v, "items[0].metadata.name"), "a");
    r->accept = "application/vnd.kubernetes.protobuf;as=Table,application/json";
    v = call(r, "GET " CM, NULL);
    assert_string_equal(at(r, v, "kind"), "ConfigMapList");
    r->accept = NULL;
}

static size_t times(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)); p++)
        n++;
    return n;
}

static void watches(void **state)
{
    struct rig *r = *state;
    char line[256];
    settle(r);
    const char *rv = at(r, call(r, "GET " CM, NULL), "metadata.resourceVersion");
    snprintf(line, sizeof(line), "GET " CM "?watch=true&resourceVersion=%s", rv);
    call(r, line, NULL);
    struct hc_sb_watch *all = r->watch;
    snprintf(line, sizeof(line), "GET " CM "?watch=true&resourceVersion=%s&labelSelector=on=1", rv);
    call(r, line, NULL);
    struct hc_sb_watch *some = r->watch;
    r->accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    snprintf(line, sizeof(line), "GET " CM "?watch=true&resourceVersion=%s&fieldSelector=metadata.name=w", rv);
    call(r, line, NULL);
    struct hc_sb_watch *partial = r->watch;
    r->accept = NULL;
    assert_string_equal(heard(r, all), "");

    call(r, "POST " CM, "{\"metadata\":{\"name\":\"w\"},\"data\":{\"secret\":\"1\"}}");
    patch(r, MERGE, CM "/w", "{\"metadata\":{\"labels\":{\"on\":\"1\"}}}");
    patch(r, MERGE, CM "/w", "{\"metadata\":{\"labels\":{\"on\":\"0\"}}}");
    call(r, "DELETE " CM "/w", NULL);
    const char *t = heard(r, all);
    assert_int_equal(times(t, "\"type\":\"ADDED\""), 1);
    assert_int_equal(times(t, "\"type\":\"MODIFIED\""), 2);
    assert_int_equal(times(t, "\"type\":\"DELETED\""), 1);
    /* For who selects, an object that stops to match is gone. */
    t = heard(r, some);
    assert_int_equal(times(t, "\"type\":\"ADDED\""), 1);
    assert_int_equal(times(t, "\"type\":\"DELETED\""), 1);
    assert_int_equal(times(t, "\n"), 2);
    t = heard(r, partial);
    assert_int_equal(times(t, "PartialObjectMetadata"), 4);
    assert_null(strstr(t, "\"secret\":\"1\""));

    /* From the same place again: the same events. */
    snprintf(line, sizeof(line), "GET " CM "?watch=true&resourceVersion=%s", rv);
    call(r, line, NULL);
    struct hc_sb_watch *again = r->watch;
    assert_int_equal(times(heard(r, again), "\n"), 4);
    /* What is there first, then a bookmark that says so. */
    call(r,
         "GET " CM "?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan",
         NULL);
    struct hc_sb_watch *initial = r->watch;
    t = heard(r, initial);
    assert_int_equal(times(t, "\"type\":\"ADDED\""), 1);
    assert_non_null(strstr(t, "k8s.io/initial-events-end"));
    assert_int_equal(hc_sb_watches_count(r->s), 5);
    struct hc_sb_watch *const open[] = { all, some, partial, again, initial };
    for (size_t i = 0; i < HC_LEN(open); i++)
        hc_sb_watch_close(r->s, open[i]);
    assert_int_equal(hc_sb_watches_count(r->s), 0);
}

static void patches(void **state)
{
    struct rig *r = *state;
    const char *dep = "/apis/apps/v1/namespaces/default/deployments/web";
    call(r, "POST /apis/apps/v1/namespaces/default/deployments",
         "{\"metadata\":{\"name\":\"web\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"1\"}},\"template\":{"
         "\"metadata\":"
         "{\"labels\":{\"a\":\"1\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"}]}}}}");
    assert_int_equal(r->code, 201);
    struct hc_val *v = patch(
        r, SMP, dep, "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"d\",\"image\":\"j:1\"}]}}}}");
    assert_int_equal(r->code, 200);
    assert_int_equal(hc_list_len(hc_get(v, "spec.template.spec.containers")), 2);
    assert_int_equal(hc_get_int_at(v, "metadata.generation", 0), 2);
    v = patch(r, JSONP, dep,
              "[{\"op\":\"test\",\"path\":\"/spec/replicas\",\"value\":1},"
              "{\"op\":\"replace\",\"path\":\"/spec/replicas\",\"value\":2}]");
    assert_int_equal(hc_get_int_at(v, "spec.replicas", 0), 2);
    patch(r, JSONP, dep, "[{\"op\":\"test\",\"path\":\"/spec/replicas\",\"value\":1}]");
    assert_int_equal(r->code, 422);
    v = patch(r, MERGE, "/apis/apps/v1/namespaces/default/deployments/web/scale", "{\"spec\":{\"replicas\":5}}");
    assert_string_equal(at(r, v, "kind"), "Scale");
    assert_int_equal(hc_get_int_at(v, "spec.replicas", 0), 5);
    /* Status does not change through the object, nor the object through its status. */
    v = patch(r, MERGE, dep, "{\"status\":{\"replicas\":77}}");
    assert_int_equal(hc_get_int_at(v, "status.replicas", 0), 0);
    v = patch(r, MERGE, "/apis/apps/v1/namespaces/default/deployments/web/status",
              "{\"spec\":{\"replicas\":9},\"status\":{\"replicas\":3}}");
    assert_int_equal(hc_get_int_at(v, "spec.replicas", 0), 5);
    assert_int_equal(hc_get_int_at(v, "status.replicas", 0), 3);
    patch(r, MERGE, dep, "{\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"2\"}}}}");
    assert_int_equal(r->code, 422);
    patch(r, "text/plain", dep, "{}");
    assert_int_equal(r->code, 415);
}

static void garbage(void **state)
{
    struct rig *r = *state;
    char body[512];
    settle(r);
    for (int i = 0; i < 3; i++) {
        static const char *const policy[] = { "Background", "Foreground", "Orphan" };
        struct hc_val *v = call(r, "POST " CM, "{\"metadata\":{\"name\":\"owner\"}}");
        snprintf(
            body, sizeof(body),
            "{\"metadata\":{\"name\":\"child\",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
            "\"name\":\"owner\",\"uid\":\"%s\"}]}}",
            at(r, v, "metadata.uid"));
        call(r, "POST " CM, body);
        assert_int_equal(r->code, 201);
        snprintf(body, sizeof(body), "{\"propagationPolicy\":\"%s\"}", policy[i]);
        v = call(r, "DELETE " CM "/owner", body);
        assert_int_equal(r->code, 200);
        assert_string_equal(at(r, v, "kind"), i == 1 ? "ConfigMap" : "Status");
        settle(r);
        call(r, "GET " CM "/owner", NULL);
        assert_int_equal(r->code, 404);
        v = call(r, "GET " CM "/child", NULL);
        assert_int_equal(r->code, i == 2 ? 200 : 404);
        if (i == 2)
            assert_null(hc_get(v, "metadata.ownerReferences"));
    }
}

static void namespaces(void **state)
{
    struct rig *r = *state;
    call(r, "POST /api/v1/namespaces", "{\"metadata\":{\"name\":\"team\"}}");
    assert_int_equal(r->code, 201);
    settle(r);
    call(r, "GET /api/v1/namespaces/team/serviceaccounts/default", NULL);
    assert_int_equal(r->code, 200);
    call(r, "POST /api/v1/namespaces/team/configmaps",
         "{\"metadata\":{\"name\":\"held\",\"finalizers\":[\"x.io/y\"]}}");
    struct hc_val *v = call(r, "DELETE /api/v1/namespaces/team", NULL);
    assert_string_equal(at(r, v, "status.phase"), "Terminating");
    settle(r);
    v = call(r, "POST /api/v1/namespaces/team/configmaps", "{\"metadata\":{\"name\":\"late\"}}");
    assert_int_equal(r->code, 403);
    assert_string_equal(at(r, v, "details.causes[0].reason"), "NamespaceTerminating");
    v = call(r, "GET /api/v1/namespaces/team/configmaps", NULL);
    assert_int_equal(hc_list_len(hc_get(v, "items")), 1);
    patch(r, MERGE, "/api/v1/namespaces/team/configmaps/held", "{\"metadata\":{\"finalizers\":[]}}");
    settle(r);
    call(r, "GET /api/v1/namespaces/team", NULL);
    assert_int_equal(r->code, 404);
}

static void faults(void **state)
{
    struct rig *r = *state;
    call(r, "POST /sandbox/faults", "{\"action\":\"nonsense\"}");
    assert_int_equal(r->code, 400);
    call(r, "POST /sandbox/faults",
         "[{\"verb\":\"create\",\"path\":\"*/"
         "configmaps\",\"action\":\"status\",\"code\":429,\"retryAfter\":3,\"after\":1,"
         "\"count\":1},{\"agent\":\"bad*\",\"action\":\"status\",\"code\":503}]");
    assert_int_equal(r->code, 200);
    call(r, "POST " CM, "{\"metadata\":{\"name\":\"one\"}}");
    assert_int_equal(r->code, 201);
    struct hc_val *v = call(r, "POST " CM, "{\"metadata\":{\"name\":\"two\"}}");
    assert_int_equal(r->code, 429);
    assert_int_equal(hc_get_int_at(v, "details.retryAfterSeconds", 0), 3);
    call(r, "POST " CM, "{\"metadata\":{\"name\":\"two\"}}");
    assert_int_equal(r->code, 201);
    r->agent = "bad/1";
    call(r, "GET " CM "/two", NULL);
    assert_int_equal(r->code, 503);
    r->agent = NULL;
    v = call(r, "GET /sandbox/faults", NULL);
    assert_int_equal(hc_get_int_at(v, "faults[0].hits", 0), 1);
    call(r, "DELETE /sandbox/faults", NULL);
    v = call(r, "GET /sandbox/stats", NULL);
    assert_int_equal(hc_get_int_at(hc_get(v, "byVerb"), "create configmaps", 0), 3);
    assert_int_equal(hc_get_int_at(v, "writes", 0), 2);
}

static void kills_after_the_nth_write(void **state)
{
    struct rig *r = *state;
    char body[128];
    pid_t victim = fork();
    if (victim == 0)
        for (;;)
            pause();
    snprintf(body, sizeof(body), "{\"n\":2,\"pid\":%d,\"agent\":\"hc*\"}", (int)victim);
    call(r, "POST /sandbox/kill-after-write", body);
    assert_int_equal(r->code, 200);
    call(r, "POST " CM, "{\"metadata\":{\"name\":\"others\"}}"); /* another agent's write does not count */
    r->agent = "hc/1";
    call(r, "GET " CM, NULL);
    call(r, "POST " CM, "{\"metadata\":{\"name\":\"k1\"}}");
    assert_int_equal(waitpid(victim, NULL, WNOHANG), 0);
    call(r, "POST " CM, "{\"metadata\":{\"name\":\"k2\"}}");
    int status = 0;
    assert_int_equal(waitpid(victim, &status, 0), victim);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    call(r, "GET " CM "/k2", NULL);
    assert_int_equal(r->code, 200);
    r->agent = NULL;
    call(r, "POST /sandbox/kill-after-write", "{\"n\":1,\"pid\":1}");
    assert_int_equal(r->code, 400);
}

static void data_stays(void **state)
{
    (void)state;
    char dir[] = "/tmp/hc-sandbox-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct hc_sandbox_options o = { .data = dir };
    struct hc_err err = HC_ERR_INIT;
    struct rig r = { .a = hc_arena_new(0) };
    const char *rv = "";
    for (int round = 0; round < 2; round++) {
        assert_int_equal(hc_sandbox_new(&o, &r.s, &err), HC_OK);
        settle(&r);
        struct hc_val *v = call(&r, "GET " CM "/kept", NULL);
        assert_int_equal(r.code, round ? 200 : 404);
        if (round) {
            assert_string_equal(at(&r, v, "metadata.resourceVersion"), rv);
            /* What happened before the start is forgotten, and the watch is told. */
            call(&r, "GET " CM "?watch=true&resourceVersion=2", NULL);
            const char *t = heard(&r, r.watch);
            assert_non_null(strstr(t, "\"type\":\"ERROR\""));
            assert_non_null(strstr(t, "\"code\":410"));
            assert_int_equal(hc_sb_watch_read(r.s, r.watch, (char[1]){ 0 }, 1), -1);
            hc_sb_watch_close(r.s, r.watch);
        } else {
            v = call(&r, "POST " CM, "{\"metadata\":{\"name\":\"kept\"}}");
            rv = at(&r, v, "metadata.resourceVersion");
        }
        hc_sandbox_free(r.s);
    }
    char cmd[64];
    snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
    assert_int_equal(system(cmd), 0);
    hc_arena_free(r.a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(errors, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(a_life, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(finalizers_hold, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(pages, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(forms, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(watches, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(patches, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(garbage, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(namespaces, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(faults, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(kills_after_the_nth_write, rig_setup, rig_teardown),
        cmocka_unit_test(data_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
