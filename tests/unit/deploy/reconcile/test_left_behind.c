/*
 * The engine against the sandbox (a process of its own): what another process, or this one before it died, left behind.
 * Records that are pending, taken over, superseded, begun anew or fenced off, a wish that comes back, what is forced, and
 * uninstalls in several tries.
 */
#include "core/value/json.h"
#include "tests/unit/deploy/reconcile/engine.h"

/*
 * In sync with the first wish, then the second one is under way, or has failed, and the first is wanted back. What is
 * remembered of the first is of another record.
 */
static void test_wanted_back(void **state)
{
    (void)state;
    for (int failed = 0; failed < 2; failed++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct release r;
        struct hc_reconcile_memo memo = { 0 };
        struct hc_step s;
        release_init(&r, failed ? "back-failed" : "back-pending");
        s = run(&r, &memo);
        done(&s, 1);
        r.spec.digest = HC_S("two");
        r.wish.image = "x:broken";
        r.spec.upgrade.timeout_ms = failed ? 1 : 10000;
        if (failed)
            s = run(&r, &memo);
        else
            step_until_it_waits(&r, &memo, &s);
        assert_int_equal(s.verdict, failed ? HC_STALLED : HC_WAIT);
        r.spec.digest = HC_S("one");
        r.wish.image = "x:1";
        r.spec.upgrade.timeout_ms = 10000;
        s = run(&r, &memo);
        done(&s, 3);
        assert_int_equal(last(&r, a).status, HC_STATUS_DEPLOYED);
        hc_storage_free(r.spec.storage);
    }
}

/* Somebody else uninstalled it, and it is installed again: the numbers of revisions begin anew, and nothing of the second
 * revision 1 was sent. */
static void test_numbers_begin_anew(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    struct hc_reconcile_memo memo = { 0 };
    struct hc_step s;
    release_init(&r, "anew");
    r.wish.hook = "pre-install";
    r.wish.hook_behavior = "complete";
    s = run(&r, &memo);
    done(&s, 1);
    r.spec.goal = HC_GOAL_ABSENT;
    s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_DONE);
    r.spec.goal = HC_GOAL_PRESENT;
    r.spec.install.timeout_ms = 3000;
    step_until_it_waits(&r, &memo, &s); /* laid down while the hook runs */
    s = run(&r, &memo);
    done(&s, 1);
    assert_true(hc_str_eqz(value(&r, a), "1"));
    hc_storage_free(r.spec.storage);
}

static void test_taken_over(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    release_init(&r, "foreign");
    r.spec.port.now_ms = later; /* whoever made it has had time to end it */
    minutes_on = 1;
    struct hc_record rec = { .name = HC_S("web"),
                             .ns = HC_S("foreign"),
                             .revision = 1,
                             .status = HC_STATUS_PENDING_INSTALL,
                             .manifest = HC_S("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\n") };
    assert_int_equal(hc_storage_create(r.spec.storage, a, &rec, NULL), HC_OK);
    struct hc_step s = run(&r, NULL);
    done(&s, 2);
    assert_int_equal(r.wish.told_n[HC_TOLD_TAKEN_OVER], 1);
    assert_string_equal(r.wish.text, "Release unlocked from stale 'pending-install' state");
    assert_int_equal(last(&r, a).status, HC_STATUS_DEPLOYED);
    assert_int_equal(hc_storage_get(r.spec.storage, a, HC_S("web"), 1, &rec, NULL), HC_OK);
    assert_int_equal(rec.status, HC_STATUS_SUPERSEDED); /* as Helm leaves a failed one that was upgraded from */
    hc_storage_free(r.spec.storage);
}

/*
 * No retry is left, and what is wanted stays the same: in another era it is tried once more (a longer time-out, a request to
 * reset), and once only. The same behind a rollback as remediation.
 */
static void test_another_era(void **state)
{
    (void)state;
    for (int back = 0; back < 2; back++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct release r;
        struct hc_step s;
        release_init(&r, back ? "era-back" : "era");
        r.spec.era = HC_S("1");
        s = run(&r, NULL);
        done(&s, 1);
        r.spec.digest = HC_S("two");
        r.wish.image = "x:broken";
        r.spec.upgrade.timeout_ms = 1;
        r.spec.upgrade.remediate_last = back;
        r.spec.upgrade.strategy = HC_STRATEGY_ROLLBACK;
        s = run(&r, NULL);
        assert_int_equal(s.verdict, HC_STALLED);
        assert_int_equal(last(&r, a).revision, 2 + back);
        s = run(&r, NULL);
        assert_int_equal(s.verdict, HC_STALLED);
        assert_int_equal(last(&r, a).revision, 2 + back);
        r.spec.era = HC_S("2");
        s = run(&r, NULL);
        assert_int_equal(s.verdict, HC_STALLED);
        assert_int_equal(last(&r, a).revision, 3 + 2 * back);
        s = run(&r, NULL);
        assert_int_equal(last(&r, a).revision, 3 + 2 * back);
        r.spec.era = HC_S("3");
        r.wish.image = "x:1";
        r.spec.upgrade.timeout_ms = 10000;
        s = run(&r, NULL);
        done(&s, 4 + 2 * back);
        hc_storage_free(r.spec.storage);
    }
}

/* Helm's uninstall writes "uninstalling" first. It is left to end, hooks and all; when it does not, it is gone on with. */
static void test_uninstalled_elsewhere(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    struct hc_step s;
    release_init(&r, "elsewhere");
    s = run(&r, NULL);
    done(&s, 1);
    struct hc_record rec = last(&r, a);
    rec.status = HC_STATUS_UNINSTALLING;
    rec.mark = (hc_str){ NULL, 0 };
    assert_int_equal(hc_storage_update(r.spec.storage, a, &rec, NULL), HC_OK);
    struct hc_reconcile *engine = NULL;
    assert_int_equal(hc_reconcile_new(&r.spec, NULL, &engine, NULL), HC_OK);
    hc_reconcile_step(engine, &s);
    hc_reconcile_free(engine);
    assert_int_equal(s.verdict, HC_WAIT);
    assert_int_equal(last(&r, a).status, HC_STATUS_UNINSTALLING);
    r.spec.port.now_ms = later;
    minutes_on = 1;
    s = run(&r, NULL);
    done(&s, 1);
    assert_int_equal(r.wish.told_n[HC_TOLD_UNINSTALLED], 1);
    hc_storage_free(r.spec.storage);
}

/* An install over what a failed revision left that was sent by the client: by the server, and no field has two owners. */
static void test_installed_over(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    release_init(&r, "over");
    r.spec.install.server_side = HC_SSA_OFF;
    struct hc_step s = run(&r, NULL);
    done(&s, 1);
    assert_int_equal(managed(&r, "Update"), 1);
    struct hc_record rec = last(&r, a);
    rec.status = HC_STATUS_FAILED;
    assert_int_equal(hc_storage_update(r.spec.storage, a, &rec, NULL), HC_OK);
    r.spec.install.server_side = HC_SSA_ON;
    r.spec.install.replace = true;
    r.spec.one_shot = r.spec.must_not_exist = true;
    r.spec.max_history = 1; /* of upgrades: an install by a command prunes nothing */
    r.spec.digest = HC_S("two");
    r.wish.value = "2";
    s = run(&r, NULL);
    done(&s, 2);
    struct hc_brief *briefs;
    size_t briefs_n;
    assert_int_equal(hc_storage_briefs(r.spec.storage, a, HC_S("web"), &briefs, &briefs_n, NULL), HC_OK);
    assert_int_equal(briefs_n, 2);
    assert_true(hc_str_eqz(value(&r, a), "2"));
    assert_int_equal(managed(&r, "Update"), 0);
    assert_int_equal(managed(&r, "Apply"), 1);
    hc_storage_free(r.spec.storage);
}

/* Helm's install over a failed revision leaves an older one deployed, and its upgrades supersede the newest one alone. */
static void test_two_are_deployed(void **state)
{
    (void)state;
    static const enum hc_status want[] = { HC_STATUS_DEPLOYED, HC_STATUS_SUPERSEDED, HC_STATUS_FAILED,
                                           HC_STATUS_DEPLOYED };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_record rec;
    struct release r;
    release_init(&r, "two-deployed");
    struct hc_step s = run(&r, NULL);
    done(&s, 1);
    r.spec.digest = HC_S("two");
    r.wish.value = "2";
    s = run(&r, NULL);
    done(&s, 2);
    assert_int_equal(hc_storage_get(r.spec.storage, a, HC_S("web"), 1, &rec, NULL), HC_OK);
    rec.status = HC_STATUS_DEPLOYED;
    assert_int_equal(hc_storage_update(r.spec.storage, a, &rec, NULL), HC_OK);
    rec = last(&r, a);
    rec.revision = 3;
    rec.status = HC_STATUS_FAILED;
    rec.storage_name = rec.resource_version = rec.mark = (hc_str){ NULL, 0 };
    assert_int_equal(hc_storage_create(r.spec.storage, a, &rec, NULL), HC_OK);
    r.spec.digest = HC_S("three");
    r.wish.value = "3";
    s = run(&r, NULL);
    done(&s, 4);
    for (size_t i = 0; i < HC_LEN(want); i++) {
        assert_int_equal(hc_storage_get(r.spec.storage, a, HC_S("web"), (int64_t)i + 1, &rec, NULL), HC_OK);
        assert_int_equal(rec.status, want[i]);
    }
    hc_storage_free(r.spec.storage);
}

/* What Helm left pending a moment ago: an upgrade leaves it alone, a rollback by hand goes back from it, as Helm's does. */
static void test_rolled_back_from_pending(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    release_init(&r, "stuck");
    struct hc_step s = run(&r, NULL);
    done(&s, 1);
    struct hc_record rec = last(&r, a);
    rec.revision = 2;
    rec.status = HC_STATUS_PENDING_UPGRADE;
    rec.mark = rec.storage_name = rec.resource_version = (hc_str){ NULL, 0 };
    assert_int_equal(hc_storage_create(r.spec.storage, a, &rec, NULL), HC_OK);
    r.spec.one_shot = true;
    s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_ENDED);
    assert_string_equal(s.why, "another operation (install/upgrade/rollback) is in progress");
    r.spec.goal = HC_GOAL_ROLLBACK;
    r.spec.rollback_to = 7;
    s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_ENDED);
    assert_string_equal(s.why, "the revision to go back to does not exist");
    assert_int_equal(last(&r, a).status, HC_STATUS_PENDING_UPGRADE);
    r.spec.rollback_to = 0;
    s = run(&r, NULL);
    done(&s, 3);
    assert_int_equal(r.wish.told_n[HC_TOLD_TAKEN_OVER], 1);
    assert_true(hc_str_eqz(last(&r, a).description, "Rollback to 1"));
    assert_int_equal(last(&r, a).status, HC_STATUS_DEPLOYED);
    assert_int_equal(hc_storage_get(r.spec.storage, a, HC_S("web"), 2, &rec, NULL), HC_OK);
    assert_true(hc_str_eqz(rec.description, "Release unlocked from stale 'pending-upgrade' state"));
    hc_storage_free(r.spec.storage);
}

/* What was taken over was not dead: the real Helm ends its rollback a moment later. One revision stays deployed. */
static void test_taken_over_alive(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    release_init(&r, "alive");
    r.spec.port.now_ms = later;
    minutes_on = 1;
    struct hc_step s = run(&r, NULL);
    done(&s, 1);
    struct hc_record rec = last(&r, a);
    rec.revision = 2;
    rec.status = HC_STATUS_PENDING_ROLLBACK;
    rec.mark = rec.storage_name = rec.resource_version = (hc_str){ NULL, 0 };
    assert_int_equal(hc_storage_create(r.spec.storage, a, &rec, NULL), HC_OK);
    r.wish.meanwhile = r.spec.storage;
    s = run(&r, NULL);
    done(&s, 3);
    static const enum hc_status want[] = { HC_STATUS_SUPERSEDED, HC_STATUS_SUPERSEDED, HC_STATUS_DEPLOYED };
    for (int64_t i = 1; i <= 3; i++) {
        assert_int_equal(hc_storage_get(r.spec.storage, a, HC_S("web"), i, &rec, NULL), HC_OK);
        assert_int_equal(rec.status, want[i - 1]);
    }
    hc_storage_free(r.spec.storage);
}

static void test_superseded(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    struct hc_reconcile *engine = NULL;
    struct hc_step s;
    release_init(&r, "superseded");
    r.wish.image = "x:broken";
    r.spec.port = (struct hc_reconcile_port){ .ctx = &r.wish, .render = render, .tell = tell };
    assert_int_equal(hc_reconcile_new(&r.spec, NULL, &engine, NULL), HC_OK);
    do
        hc_reconcile_step(engine, &s);
    while (s.verdict == HC_GO_ON);
    assert_int_equal(s.verdict, HC_WAIT);
    assert_true(s.awaited_n > 0);
    assert_int_equal(s.head, HC_HEAD_PENDING);
    hc_reconcile_free(engine); /* parked: nothing is held */
    r.wish.image = "x:2";
    r.spec.digest = HC_S("two");
    s = run(&r, NULL);
    done(&s, 2);
    assert_int_equal(r.wish.told_n[HC_TOLD_SUPERSEDED], 1);
    assert_int_equal(last(&r, a).status, HC_STATUS_DEPLOYED);
    hc_storage_free(r.spec.storage);
}

/* One more revision is asked for by a token, which only the records remember here: the caller's status is never stored. */
static void test_forced(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    struct hc_reconcile_memo memo = { 0 };
    struct hc_step s;
    release_init(&r, "forced");
    s = run(&r, NULL);
    done(&s, 1);
    r.spec.force = HC_S("t1");
    for (int i = 0; i < 2; i++) {
        s = run(&r, &memo); /* the second one knows nothing but what is stored */
        done(&s, 2);
        memo = (struct hc_reconcile_memo){ 0 };
    }
    /* Begun by a process that did not live to see its end. */
    r.spec.force = HC_S("t2");
    r.wish.image = "x:broken";
    step_until_it_waits(&r, &memo, &s);
    assert_int_equal(s.verdict, HC_WAIT);
    r.spec.upgrade.timeout_ms = 1;
    r.spec.upgrade.remediate_last = true;
    s = run(&r, NULL);
    assert_int_equal(r.wish.told_n[HC_TOLD_RESUMED], 1);
    assert_int_equal(s.verdict, HC_STALLED); /* failed, rolled back, and that was all */
    assert_int_equal(last(&r, a).revision, 4);
    s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_STALLED);
    assert_int_equal(last(&r, a).revision, 4);
    /* Asked for while another revision is under way: that one is gone on with, and one follows. */
    r.spec.upgrade.timeout_ms = 10000;
    r.spec.digest = HC_S("two");
    r.wish.image = "x:5";
    step_until_it_waits(&r, &memo, &s);
    assert_int_equal(s.head, HC_HEAD_PENDING);
    r.spec.force = HC_S("t3");
    s = run(&r, NULL);
    done(&s, 6);
    assert_int_equal(r.wish.told_n[HC_TOLD_SUPERSEDED], 0);
    /* Something else is wanted before it is done: that is the one. */
    r.spec.force = HC_S("t4");
    r.wish.image = "x:broken";
    step_until_it_waits(&r, &memo, &s);
    r.spec.digest = HC_S("three");
    r.wish.image = "x:8";
    s = run(&r, NULL);
    done(&s, 8);
    /* Nor does a command make it forgotten, though it has no token. */
    r.spec.one_shot = true;
    r.spec.force = (hc_str){ NULL, 0 };
    s = run(&r, NULL);
    assert_int_equal(last(&r, a).revision, 9);
    r.spec.one_shot = false;
    r.spec.force = HC_S("t4");
    s = run(&r, NULL);
    done(&s, 9);
    hc_storage_free(r.spec.storage);
}

/* Its chart brings a definition; while it is read, somebody else makes the release, and we are no longer believed. */
static enum hc_rc late_crds(void *ctx, struct hc_arena *a, struct hc_crd_file **out, size_t *out_n,
                            struct hc_err *err)
{
    struct wish *w = ctx;
    struct hc_record rec = {
        .name = HC_S("web"), .ns = HC_S("overtaken"), .revision = 1, .status = HC_STATUS_DEPLOYED
    };
    rec.chart = hc_map_new(a);
    hc_map_put_strz(a, hc_map_sub(a, rec.chart, "metadata"), "name", "theirs");
    if (w->meanwhile && hc_storage_create(w->meanwhile, a, &rec, err) != HC_OK)
        return HC_E_BUG;
    w->meanwhile = NULL;
    for (int64_t now = hc_boot_ms(); hc_boot_ms() <= now + 1;)
        ;
    *out = HC_NEW(a, struct hc_crd_file);
    if (!*out)
        return HC_E_NOMEM;
    **out = (struct hc_crd_file){
        HC_S("crds/late.yaml"),
        HC_S("apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: "
             "{name: lates.x.io}\nspec:\n  group: x.io\n  scope: Namespaced\n  names: {kind: "
             "Late, plural: lates}\n  versions:\n  - {name: v1, served: true, storage: true, "
             "schema: {openAPIV3Schema: {type: object}}}\n")
    };
    *out_n = 1;
    return HC_OK;
}

static void test_fenced_before_the_record(void **state)
{
    (void)state;
    struct release r;
    static const char created[] = "create customresourcedefinitions.apiextensions.k8s.io";
    release_init(&r, "overtaken");
    r.spec.port.crds = late_crds;
    r.spec.install.crds = HC_CRDS_CREATE;
    r.spec.one_shot = r.spec.must_not_exist = true;
    r.spec.trusted_ms = 1;
    r.wish.meanwhile = r.spec.storage;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    raw(a, "DELETE", "/sandbox/stats", NULL, NULL);
    struct hc_step s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_ENDED);
    assert_non_null(strstr(s.why, "cannot reuse a name that is still in use"));
    assert_int_equal(stat_by(created), 0);
    /* Nobody was there: a look, and it goes on. */
    r.spec.name = HC_S("other");
    s = run(&r, NULL);
    assert_int_equal(stat_by(created), 1);
    hc_storage_free(r.spec.storage);
}

static void test_uninstall(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    struct hc_record rec;
    release_init(&r, "uninstall");
    struct hc_step s = run(&r, NULL);
    done(&s, 1);
    /* A finalizer holds one back. */
    configmap(&r, a, "{\"metadata\":{\"finalizers\":[\"x.io/held\"]}}");
    raw(a, "DELETE", "/sandbox/stats", NULL, NULL);
    r.spec.goal = HC_GOAL_ABSENT;
    r.spec.uninstall.timeout_ms = 1;
    r.spec.one_shot = true;
    s = run(&r, NULL);
    assert_non_null(strstr(s.why, "ConfigMap uninstall/cm"));
    /* The answer to its delete says that the other is gone: it is not looked at again. */
    assert_int_equal(stat_by("get deployments.apps"), 1);
    assert_int_equal(stat_by("delete deployments.apps"), 1);
    assert_true(stat_by("get configmaps") >= 2);
    /* A controller takes it up, and again, less and less soon. */
    r.spec.one_shot = false;
    r.spec.uninstall.retry_interval_ms = 400000;
    static const int64_t after_ms[] = { 400000, 800000, 900000 };
    r.spec.port.now_ms = later;
    minutes_on = 0;
    for (size_t i = 0; i < HC_LEN(after_ms); i++) {
        struct hc_reconcile *engine = NULL;
        struct hc_val *mark = NULL;
        assert_int_equal(hc_reconcile_new(&r.spec, NULL, &engine, NULL), HC_OK);
        do
            hc_reconcile_step(engine, &s);
        while (s.verdict == HC_GO_ON || (s.verdict == HC_WAIT && s.until_ms < later(NULL) + 60000));
        hc_reconcile_free(engine);
        assert_int_equal(s.verdict, HC_WAIT);
        assert_int_equal(hc_json_parse(a, last(&r, a).mark, 0, &mark, NULL), HC_OK);
        assert_int_equal(s.until_ms, hc_get_int_at(mark, "since", 0) + after_ms[i]);
        minutes_on += after_ms[i] / 60000 + 1;
    }
    configmap(&r, a, "{\"metadata\":{\"finalizers\":null}}");
    r.spec.uninstall.timeout_ms = 10000;
    s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_DONE);
    assert_int_equal(r.wish.told_n[HC_TOLD_UNINSTALLED], 1);
    assert_int_equal(hc_storage_last(r.spec.storage, a, HC_S("web"), 0, &rec, NULL), HC_E_NOTFOUND);
    s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_DONE); /* again: there is nothing */
    hc_storage_free(r.spec.storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wanted_back),      cmocka_unit_test(test_numbers_begin_anew),
        cmocka_unit_test(test_taken_over),       cmocka_unit_test(test_uninstalled_elsewhere),
        cmocka_unit_test(test_another_era),      cmocka_unit_test(test_installed_over),
        cmocka_unit_test(test_two_are_deployed), cmocka_unit_test(test_rolled_back_from_pending),
        cmocka_unit_test(test_taken_over_alive), cmocka_unit_test(test_superseded),
        cmocka_unit_test(test_forced),           cmocka_unit_test(test_fenced_before_the_record),
        cmocka_unit_test(test_uninstall),
    };
    return unit_stories("engine-left", tests, sizeof(tests) / sizeof(*tests), up, down);
}
