/*
 * deploy/kube against a real kube-apiserver; $KUBECONFIG says where (kube_client.sh).
 */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "deploy/kube/client.h"

static struct hc_http *http;
static struct hc_kube *kube;
static struct hc_arena *arena;
static struct hc_err err;

static struct hc_val *doc(const char *yaml)
{
    struct hc_val *v = NULL;
    if (hc_yaml_parse(arena, hc_str_of(yaml), HC_S("test"), 0, &v, &err) != HC_OK)
        fail_msg("%s", err.msg);
    return v;
}

static struct hc_kube *client(const char *context, const char *as)
{
    struct hc_kube *k = NULL;
    const struct hc_kube_options o = { .context = context, .as_user = hc_str_of(as) };
    if (hc_kube_new(http, &o, &k, &err) != HC_OK)
        fail_msg("%s", err.msg);
    return k;
}

static int setup(void **state)
{
    (void)state;
    http = hc_http_new(NULL);
    arena = hc_arena_new(0);
    kube = client(NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    hc_kube_free(kube);
    hc_http_free(http);
    hc_arena_free(arena);
    return 0;
}

#define OK(call)                                                                                                   \
    do {                                                                                                           \
        err = (struct hc_err)HC_ERR_INIT;                                                                          \
        if ((call) != HC_OK)                                                                                       \
            fail_msg("%s", err.msg);                                                                               \
    } while (0)
#define FAILS(code, words, call)                                                                                   \
    do {                                                                                                           \
        err = (struct hc_err)HC_ERR_INIT;                                                                          \
        if ((call) != (code) || !strstr(err.msg, words))                                                           \
            fail_msg("no '%s' in: %s", words, err.msg);                                                            \
    } while (0)

static const struct hc_ref cm_a = { { "v1", 2 }, { "ConfigMap", 9 }, { "default", 7 }, { "a", 1 } };

static void discovery(void **state)
{
    (void)state;
    hc_str version, *list;
    size_t n;
    OK(hc_kube_version(kube, arena, &version, &err));
    assert_true(hc_str_starts(version, HC_S("v1.")));
    OK(hc_kube_api_versions(kube, arena, &list, &n, &err));
    static const char *const want[] = { "v1", "v1/Pod", "apps/v1", "apps/v1/Deployment", "autoscaling/v1/Scale" };
    for (size_t w = 0; w < HC_LEN(want); w++) {
        bool found = false;
        for (size_t i = 0; i < n; i++)
            found = found || hc_str_eqz(list[i], want[w]);
        if (!found && w != 4)
            fail_msg("%s is not among the API versions", want[w]);
    }
    struct hc_kube_resource r;
    OK(hc_kube_resource_of(kube, HC_S("networking.k8s.io/v1"), HC_S("Ingress"), &r, &err));
    assert_true(hc_str_eqz(r.plural, "ingresses") && r.namespaced);
    OK(hc_kube_resource_of(kube, HC_S("v1"), HC_S("Namespace"), &r, &err));
    assert_true(hc_str_eqz(r.plural, "namespaces") && !r.namespaced);
    FAILS(HC_E_NOTFOUND, "CustomResourceDefinition",
          hc_kube_resource_of(kube, HC_S("example.com/v1"), HC_S("Thing"), &r, &err));
}

static void objects(void **state)
{
    (void)state;
    struct hc_val *cm = doc("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {k: '1', l: '2'}}"), *out;
    OK(hc_kube_create(kube, arena, cm, "t", 0, &out, &err));
    assert_true(hc_get_str_at(out, "metadata.uid").n > 0);
    FAILS(HC_E_CONFLICT, "create ConfigMap a: 409 AlreadyExists",
          hc_kube_create(kube, arena, cm, "t", 0, NULL, &err));
    OK(hc_kube_get(kube, arena, &cm_a, &out, &err));
    assert_true(hc_str_eqz(hc_get_str_at(out, "data.k"), "1"));
    struct hc_val *meta;
    OK(hc_kube_get_metadata(kube, arena, &cm_a, &meta, &err));
    assert_null(hc_map_getz(meta, "data"));
    assert_true(hc_str_eqz(hc_get_str_at(meta, "kind"), "ConfigMap"));

    /* an old version cannot be written */
    struct hc_val *changed = hc_val_copy(arena, out);
    hc_map_put_strz(arena, hc_map_sub(arena, changed, "data"), "k", "3");
    OK(hc_kube_update(kube, arena, changed, "t", 0, &changed, &err));
    FAILS(HC_E_CONFLICT, "409 Conflict", hc_kube_update(kube, arena, out, "t", 0, NULL, &err));

    OK(hc_kube_patch(kube, arena, &cm_a, NULL, HC_PATCH_MERGE, doc("{data: {l: null}}"), "t", 0, &out, &err));
    assert_null(hc_get(out, "data.l"));
    OK(hc_kube_patch(kube, arena, &cm_a, NULL, HC_PATCH_JSON, doc("[{op: add, path: /data/m, value: x}]"), "t", 0,
                     &out, &err));
    assert_true(hc_str_eqz(hc_get_str_at(out, "data.m"), "x"));
    OK(hc_kube_patch(kube, arena, &cm_a, NULL, HC_PATCH_STRATEGIC, doc("{data: {add: 'yes'}}"), "t",
                     HC_KUBE_DRY_RUN, &out, &err));
    assert_true(hc_str_eqz(hc_get_str_at(out, "data.add"), "yes"));
    OK(hc_kube_get(kube, arena, &cm_a, &out, &err));
    assert_null(hc_get(out, "data.add"));

    bool gone = false;
    FAILS(HC_E_CONFLICT, "delete ConfigMap default/a: 409",
          hc_kube_delete(kube, &cm_a, &(struct hc_kube_delete){ .uid = HC_S("other") }, &gone, &err));
    OK(hc_kube_delete(kube, &cm_a, NULL, &gone, &err));
    assert_true(gone);
    gone = false;
    OK(hc_kube_delete(kube, &cm_a, NULL, &gone, &err));
    assert_true(gone);
    FAILS(HC_E_NOTFOUND, "get ConfigMap default/a: 404 NotFound", hc_kube_get(kube, arena, &cm_a, &out, &err));
}

static void apply_and_its_conflicts(void **state)
{
    (void)state;
    struct hc_val *one = doc("{apiVersion: v1, kind: ConfigMap, metadata: {name: ssa}, data: {k: '1'}}");
    struct hc_val *two = doc("{apiVersion: v1, kind: ConfigMap, metadata: {name: ssa}, data: {k: '2'}}"), *out;
    OK(hc_kube_apply(kube, arena, one, "first", 0, &out, &err));
    hc_str rv = hc_get_str_at(out, "metadata.resourceVersion");
    OK(hc_kube_apply(kube, arena, one, "first", 0, &out, &err));
    assert_true(hc_str_eq(rv, hc_get_str_at(out, "metadata.resourceVersion")));
    OK(hc_kube_apply(kube, arena, out, "first", HC_KUBE_FORCE, NULL, &err)); /* managedFields are taken out */
    FAILS(HC_E_CONFLICT, "conflict with \"first\"", hc_kube_apply(kube, arena, two, "second", 0, NULL, &err));
    OK(hc_kube_apply(kube, arena, two, "second", HC_KUBE_FORCE, &out, &err));
    assert_true(hc_str_eqz(hc_get_str_at(out, "data.k"), "2"));
}

static void errors_say_what_the_server_said(void **state)
{
    (void)state;
    struct hc_val *out;
    const char *deploy = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: default}, spec: "
                         "{selector: {matchLabels: {a: %s}}, template: {metadata: {labels: {a: %s}}, spec: "
                         "{containers: [{name: c, image: x}]}}}}";
    char text[512];
    snprintf(text, sizeof(text), deploy, "x", "x");
    OK(hc_kube_apply(kube, arena, doc(text), "t", 0, NULL, &err));
    snprintf(text, sizeof(text), deploy, "z", "z");
    FAILS(HC_E_INPUT, "apply Deployment default/d: 422 Invalid",
          hc_kube_apply(kube, arena, doc(text), "t", 0, NULL, &err));
    FAILS(HC_E_INPUT, "field is immutable", hc_kube_apply(kube, arena, doc(text), "t", 0, NULL, &err));
    snprintf(text, sizeof(text), deploy, "true", "true");
    FAILS(HC_E_INPUT, "expected string", hc_kube_apply(kube, arena, doc(text), "t", 0, NULL, &err));
    FAILS(HC_E_INPUT, "unknown field \"spec.nonsense\"",
          hc_kube_create(kube, arena,
                         doc("{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {nonsense: 1}}"), "t", 0,
                         NULL, &err));
    FAILS(HC_E_NOTFOUND, "namespaces \"nowhere\" not found",
          hc_kube_create(kube, arena,
                         doc("{apiVersion: v1, kind: ConfigMap, metadata: {name: s, namespace: nowhere}}"), "t", 0,
                         NULL, &err));
    assert_int_equal(
        hc_kube_create(kube, arena,
                       doc("{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {p: 'hunter2!'}}"), "t", 0,
                       NULL, &err),
        HC_E_INPUT);
    assert_null(strstr(err.msg, "hunter2"));
    assert_non_null(strstr(err.msg, "illegal base64"));

    struct hc_kube *nobody = client("nobody", NULL), *as = client(NULL, "system:serviceaccount:default:x"), *same;
    FAILS(HC_E_INPUT, "get ConfigMap default/a: 403 Forbidden", hc_kube_get(nobody, arena, &cm_a, &out, &err));
    FAILS(HC_E_INPUT, "system:serviceaccount:default:x", hc_kube_get(as, arena, &cm_a, &out, &err));
    OK(hc_kube_impersonate(kube, HC_S("system:serviceaccount:default:z"), &same, &err));
    FAILS(HC_E_INPUT, "system:serviceaccount:default:z", hc_kube_get(same, arena, &cm_a, &out, &err));
    bool may = false;
    OK(hc_kube_may(kube, "create", &cm_a, &may, &err));
    assert_true(may);
    OK(hc_kube_may(same, "create", &cm_a, &may, &err));
    assert_false(may);
    hc_kube_free(same);
    hc_kube_free(as);
    hc_kube_free(nobody);
}

static void many_at_once_and_pages(void **state)
{
    (void)state;
    enum { N = 1200 };
    struct hc_kube_op *ops = calloc(N, sizeof(*ops));
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    for (size_t i = 0; i < N; i++) {
        struct hc_val *o = hc_map_new(a), *m;
        hc_map_put_strz(a, o, "apiVersion", "v1");
        hc_map_put_strz(a, o, "kind", "Secret");
        m = hc_map_sub(a, o, "metadata");
        hc_map_put_str(a, m, "name", hc_arena_printf(a, "many-%04zu", i));
        hc_map_put_str(a, hc_map_sub(a, m, "labels"), "half", i % 2 ? HC_S("one") : HC_S("two"));
        ops[i] = (struct hc_kube_op){ .verb = HC_KUBE_VERB_CREATE, .object = o };
    }
    int64_t begun = hc_mono_ms();
    hc_kube_batch(kube, a, ops, N, "t");
    int64_t took = hc_mono_ms() - begun;
    print_message("%d creates: %" PRId64 " ms, %" PRId64 " a second\n", N, took, N * 1000 / HC_MAX(took, 1));
    for (size_t i = 0; i < N; i++)
        if (ops[i].rc != HC_OK)
            fail_msg("%s", ops[i].err.msg);
    struct hc_kube_list l = { .api_version = HC_S("v1"), .kind = HC_S("Secret"), .ns = HC_S("default") };
    struct hc_val *all;
    hc_str rv;
    begun = hc_mono_ms();
    OK(hc_kube_list(kube, a, &l, &all, &rv, &err));
    print_message("list of %d: %" PRId64 " ms\n", N, hc_mono_ms() - begun);
    assert_int_equal(hc_list_len(all), N);
    assert_true(rv.n > 0);
    assert_true(hc_str_eqz(hc_get_str_at(hc_list_at(all, 700), "kind"), "Secret"));
    l.label_selector = HC_S("half in (one),half!=three");
    l.metadata_only = true;
    OK(hc_kube_list(kube, a, &l, &all, NULL, &err));
    assert_int_equal(hc_list_len(all), N / 2);
    assert_true(hc_str_eqz(hc_get_str_at(hc_list_at(all, 0), "kind"), "Secret"));
    for (size_t i = 0; i < N; i++) {
        struct hc_ref r = hc_ref_of(ops[i].object);
        ops[i] = (struct hc_kube_op){ .verb = HC_KUBE_VERB_DELETE, .ref = r };
    }
    begun = hc_mono_ms();
    hc_kube_batch(kube, a, ops, N, "t");
    took = hc_mono_ms() - begun;
    print_message("%d deletes: %" PRId64 " ms, %" PRId64 " a second\n", N, took, N * 1000 / HC_MAX(took, 1));
    for (size_t i = 0; i < N; i++)
        assert_int_equal(ops[i].rc, HC_OK);
    free(ops);
}

struct seen {
    pthread_mutex_t mu;
    pthread_cond_t cond;
    int n[5];
    char last[64];
};

static void on_event(void *ctx, enum hc_watch_event e, const struct hc_val *object)
{
    struct seen *s = ctx;
    pthread_mutex_lock(&s->mu);
    s->n[e]++;
    snprintf(s->last, sizeof(s->last), "%.*s", HC_P(hc_get_str_at(object, "metadata.name")));
    if (hc_get(object, "metadata.managedFields"))
        s->n[HC_WATCH_FAILED]++;
    pthread_cond_broadcast(&s->cond);
    pthread_mutex_unlock(&s->mu);
}

static void wait_for(struct seen *s, enum hc_watch_event e, int n)
{
    pthread_mutex_lock(&s->mu);
    while (s->n[e] < n)
        pthread_cond_wait(&s->cond, &s->mu);
    pthread_mutex_unlock(&s->mu);
}

static void watches(void **state)
{
    (void)state;
    struct seen s = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, { 0 }, "" };
    struct hc_kube_list l = { .api_version = HC_S("v1"),
                              .kind = HC_S("ConfigMap"),
                              .label_selector = HC_S("watched=yes") };
    struct hc_val *cm = doc(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: w, labels: {watched: 'yes'}}, data: {k: '1'}}");
    struct hc_ref r = hc_ref_of(cm);
    for (int metadata = 0; metadata < 2; metadata++) {
        memset(s.n, 0, sizeof(s.n));
        l.metadata_only = metadata;
        struct hc_kube_watch *w = hc_kube_watch_start(kube, &l, on_event, &s, &err);
        assert_non_null(w);
        wait_for(&s, HC_WATCH_SYNCED, 1);
        int64_t begun = hc_mono_ms();
        OK(hc_kube_create(kube, arena, cm, "t", 0, NULL, &err));
        wait_for(&s, HC_WATCH_ADDED, 1);
        print_message("created and seen: %" PRId64 " ms\n", hc_mono_ms() - begun);
        OK(hc_kube_patch(kube, arena, &r, NULL, HC_PATCH_MERGE, doc("{data: {k: '2'}}"), "t", 0, NULL, &err));
        wait_for(&s, HC_WATCH_MODIFIED, 1);
        OK(hc_kube_delete(kube, &r, NULL, NULL, &err));
        wait_for(&s, HC_WATCH_DELETED, 1);
        assert_string_equal(s.last, "w");
        hc_kube_watch_stop(w);
        assert_int_equal(s.n[HC_WATCH_FAILED], 0);
        assert_int_equal(s.n[HC_WATCH_ADDED], 1);
    }
    /* refused: told once */
    struct hc_kube *nobody = client("nobody", NULL);
    struct hc_kube_watch *w = hc_kube_watch_start(nobody, &l, on_event, &s, &err);
    assert_non_null(w);
    wait_for(&s, HC_WATCH_FAILED, 1);
    hc_kube_watch_stop(w);
    hc_kube_free(nobody);
}

static void new_kinds_are_found(void **state)
{
    (void)state;
    struct hc_kube_resource r;
    FAILS(HC_E_NOTFOUND, "Thing", hc_kube_resource_of(kube, HC_S("example.com/v1"), HC_S("Thing"), &r, &err));
    OK(hc_kube_apply(
        kube, arena,
        doc("apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
            "metadata: {name: things.example.com}\n"
            "spec:\n  group: example.com\n  scope: Namespaced\n  names: {kind: Thing, plural: things}\n"
            "  versions:\n  - name: v1\n    served: true\n    storage: true\n"
            "    subresources: {status: {}}\n"
            "    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}\n"),
        "t", 0, NULL, &err));
    int64_t deadline = hc_mono_ms() + 20000;
    enum hc_rc rc;
    do {
        hc_kube_discovery_reset(kube);
        rc = hc_kube_resource_of(kube, HC_S("example.com/v1"), HC_S("Thing"), &r, NULL);
    } while (rc == HC_E_NOTFOUND && hc_mono_ms() < deadline);
    assert_int_equal(rc, HC_OK);
    struct hc_val *thing = doc("{apiVersion: example.com/v1, kind: Thing, metadata: {name: t}, spec: {a: 1}}"),
                  *out;
    do
        rc = hc_kube_create(kube, arena, thing, "t", 0, &out, NULL);
    while (rc == HC_E_NOTFOUND && hc_mono_ms() < deadline);
    assert_int_equal(rc, HC_OK);
    hc_map_put(arena, out, HC_S("status"), doc("{phase: fine}"));
    OK(hc_kube_update_status(kube, arena, out, "t", &out, &err));
    assert_true(hc_str_eqz(hc_get_str_at(out, "status.phase"), "fine"));
    struct hc_ref ref = hc_ref_of(out);
    OK(hc_kube_patch(kube, arena, &ref, "status", HC_PATCH_MERGE, doc("{status: {phase: good}}"), "t", 0, &out,
                     &err));
    assert_true(hc_str_eqz(hc_get_str_at(out, "status.phase"), "good"));
}

static void events_are_counted(void **state)
{
    (void)state;
    struct hc_val *cm = doc("{apiVersion: v1, kind: ConfigMap, metadata: {name: ev}, data: {k: '1'}}"), *list;
    OK(hc_kube_create(kube, arena, cm, "t", 0, &cm, &err));
    struct hc_val *notes = doc("{helm.toolkit.fluxcd.io/revision: 1.0.0}");
    for (int i = 0; i < 3; i++)
        OK(hc_kube_event(kube, cm, "Normal", "Tested", HC_S("it works"), "helm-controller", notes, &err));
    OK(hc_kube_event(kube, cm, "Warning", "Tested", HC_S("it does not"), "helm-controller", NULL, &err));
    struct hc_kube_list l = { .api_version = HC_S("v1"),
                              .kind = HC_S("Event"),
                              .ns = HC_S("default"),
                              .field_selector = HC_S("involvedObject.name=ev") };
    OK(hc_kube_list(kube, arena, &l, &list, NULL, &err));
    assert_int_equal(hc_list_len(list), 2);
    int64_t total = 0;
    for (size_t i = 0; i < 2; i++)
        total += hc_get_int_at(hc_list_at(list, i), "count", 0);
    assert_int_equal(total, 4);
}

static void other_ways_in(void **state)
{
    (void)state;
    struct hc_kube *token = client("token", NULL), *k = NULL;
    struct hc_val *out;
    OK(hc_kube_raw(token, arena, "GET", "/api/v1/namespaces/default", NULL, (hc_str){ NULL, 0 }, &out, &err));
    assert_true(hc_str_eqz(hc_get_str_at(out, "metadata.name"), "default"));
    FAILS(HC_E_NOTFOUND, "404",
          hc_kube_raw(token, arena, "GET", "/nothing", NULL, (hc_str){ NULL, 0 }, &out, &err));
    hc_kube_free(token);
    /* a server whose certificate we do not trust */
    const char *server = getenv("HC_APISERVER");
    assert_non_null(server);
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    hc_str body = hc_arena_printf(
        a,
        "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: "
        "{cluster: c, user: u}}], clusters: [{name: c, cluster: {server: '%s', "
        "insecure-skip-tls-verify: true}}], users: [{name: u, user: {token: nonsense}}]}",
        server);
    OK(hc_kube_new(http, &(struct hc_kube_options){ .kubeconfig_body = body }, &k, &err));
    FAILS(HC_E_INPUT, "certificate", hc_kube_get(k, arena, &cm_a, &out, &err));
    hc_kube_free(k);
    OK(hc_kube_new(http, &(struct hc_kube_options){ .kubeconfig_body = body, .body_may_skip_tls = true }, &k,
                   &err));
    FAILS(HC_E_INPUT, "401", hc_kube_get(k, arena, &cm_a, &out, &err));
    hc_kube_free(k);
    OK(hc_kube_new(http, &(struct hc_kube_options){ .server = "https://127.0.0.1:1" }, &k, &err));
    FAILS(HC_E_AGAIN, "127.0.0.1:1", hc_kube_get(k, arena, &cm_a, &out, &err));
    hc_kube_free(k);
    /* the certificate is for another name */
    OK(hc_kube_new(http, &(struct hc_kube_options){ .tls_server_name = "wrong.example" }, &k, &err));
    FAILS(HC_E_INPUT, "wrong.example", hc_kube_get(k, arena, &cm_a, &out, &err));
    hc_kube_free(k);
    OK(hc_kube_new(http, &(struct hc_kube_options){ .tls_server_name = "kubernetes.default.svc" }, &k, &err));
    FAILS(HC_E_NOTFOUND, "404 NotFound", hc_kube_get(k, arena, &cm_a, &out, &err));
    hc_kube_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(discovery),
        cmocka_unit_test(objects),
        cmocka_unit_test(apply_and_its_conflicts),
        cmocka_unit_test(errors_say_what_the_server_said),
        cmocka_unit_test(many_at_once_and_pages),
        cmocka_unit_test(watches),
        cmocka_unit_test(new_kinds_are_found),
        cmocka_unit_test(events_are_counted),
        cmocka_unit_test(other_ways_in),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
