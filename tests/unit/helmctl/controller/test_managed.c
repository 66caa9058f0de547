/*
 * What a release holds that waits, and how often releases are looked at though nothing was told of them.
 */
#include <malloc.h>
#include <stdio.h>

#include "tests/unit/unit.h"

#include "helmctl/controller/managed.h"

#define RELEASES 500
#define OBJECTS  12
#define MOST     2048 /* bytes */

static struct hc_http *http;
static struct ctl ctl;

/* A server that nobody listens at: no watch starts, nothing is told. */
static int up(void **state)
{
    (void)state;
    const struct hc_kube_options o = { .kubeconfig_body = HC_S("{clusters: [{name: c, cluster: {server: "
                                                               "'http://127.0.0.1:1'}}], contexts: [{name: c, "
                                                               "context: {cluster: c}}], current-context: c}"),
                                       .timeout_ms = 1000 };
    struct hc_err err = HC_ERR_INIT;
    http = hc_http_new(&err);
    return !http || hc_kube_new(http, &o, &ctl.kube, &err) != HC_OK || !(ctl.managed = ctl_managed_new(&ctl)) ||
           !(ctl.lanes[LANE_RELEASE] = hc_queue_new(750, 60000, 1));
}

static int down(void **state)
{
    (void)state;
    ctl_managed_free(ctl.managed);
    hc_queue_free(ctl.lanes[LANE_RELEASE]);
    hc_kube_free(ctl.kube);
    hc_http_free(http);
    return 0;
}

static char names[OBJECTS][16];
static struct hc_ref awaited[OBJECTS];
static uint64_t versions[OBJECTS];

/* As a worker does it: taken up, laid down for these objects, with a timer. */
static void lay_down(const char *name, size_t objects)
{
    struct hc_key k = { HC_CTL_RELEASE, HC_S("a-namespace-of-some-length"), hc_str_of(name) }, taken;
    struct ctl_parked park = {
        .storage_ns = k.ns, .release = k.name, .awaited = awaited, .awaited_rv = versions, .awaited_n = objects
    };
    assert_true(hc_queue_add(ctl.lanes[LANE_RELEASE], k));
    assert_true(hc_queue_take(ctl.lanes[LANE_RELEASE], 0, &taken, NULL));
    park.memo = ctl_release_begin(ctl.managed, k);
    assert_false(ctl_release_end(ctl.managed, k, &park));
    hc_queue_done(ctl.lanes[LANE_RELEASE], taken, 1000000);
}

static void forget(const char *name)
{
    struct hc_key k = { HC_CTL_RELEASE, HC_S("a-namespace-of-some-length"), hc_str_of(name) };
    ctl_release_forget(ctl.managed, k);
    hc_queue_drop(ctl.lanes[LANE_RELEASE], k);
}

/* Of the heap: blocks that are in use, with what malloc needs for each. */
static size_t in_use(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks;
}

static void test_held(void **state)
{
    (void)state;
    char name[64];
    for (size_t i = 0; i < OBJECTS; i++) {
        snprintf(names[i], sizeof(names[i]), "object-%zu", i);
        awaited[i] = (struct hc_ref){ HC_S("apps/v1"), HC_S("Deployment"), HC_S("ns"), hc_str_of(names[i]) };
        versions[i] = i + 1;
    }
    lay_down("the first", OBJECTS);
    size_t before = in_use();
    for (int i = 0; i < RELEASES; i++) {
        snprintf(name, sizeof(name), "a-release-with-a-name-of-some-length-%d", i);
        lay_down(name, OBJECTS);
    }
    size_t each = (in_use() - before) / RELEASES;
    for (int i = 0; i < RELEASES; i++) { /* again and again: nothing is added */
        snprintf(name, sizeof(name), "a-release-with-a-name-of-some-length-%d", i);
        lay_down(name, OBJECTS);
    }
    assert_true((in_use() - before) / RELEASES < each + 32);
    if (each > MOST)
        fail_msg("a release that waits for %d objects holds %zu bytes", OBJECTS, each);
    for (int i = 0; i < RELEASES; i++) {
        snprintf(name, sizeof(name), "a-release-with-a-name-of-some-length-%d", i);
        forget(name);
    }
    forget("the first");
    if (before == 0)
        skip(); /* under a sanitizer's own malloc */
    assert_in_range(each, sizeof(struct hc_reconcile_memo), MOST);
}

/* However many wait, looks at them leave the workers time. */
static void test_looks(void **state)
{
    (void)state;
    char name[16];
    struct hc_key k = { HC_CTL_RELEASE, HC_S("ns"), HC_S("x") };
    assert_int_equal(ctl_look_after(ctl.managed, k, awaited, versions, 1, 0), 10000);
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "r%d", i);
        lay_down(name, 1);
    }
    assert_int_equal(ctl_look_after(ctl.managed, k, awaited, versions, 1, 0), 30000);
    for (int i = 0; i < 1000; i++) { /* one that nobody waits for counts no more */
        snprintf(name, sizeof(name), "r%d", i);
        lay_down(name, 0);
    }
    k.ns = HC_S("a-namespace-of-some-length");
    k.name = HC_S("r1000");
    ctl_release_suspended(ctl.managed, k);
    ctl_release_suspended(ctl.managed, k);
    assert_int_equal(ctl_look_after(ctl.managed, k, awaited, versions, 1, 0), 19990);
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "r%d", i);
        forget(name);
    }
    assert_int_equal(ctl_look_after(ctl.managed, k, awaited, versions, 1, 0), 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_held), cmocka_unit_test(test_looks) };
    return cmocka_run_group_tests(tests, up, down);
}
