/*
 * Waves and dependencies between objects of a release, and health rules, against the sandbox.
 */
#include "tests/unit/deploy/reconcile/engine.h"

/* ---- waves ------------------------------------------------------------------------------------------------- */

static const char waves_docs[] =
    "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate, annotations: {release.helmctl.dev/wave: "
    "'-1'}}\n"
    "spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: 'x:1'}]}}}\n"
    "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: after, annotations: {release.helmctl.dev/depends-on: "
    "Deployment/web}}\n"
    "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: last, annotations: {release.helmctl.dev/wave: "
    "'1'}}\nspec: {selector: {matchLabels: {app: l}}, template: {metadata: {labels: {app: l}}, spec: {containers: "
    "[{name: app, image: 'x:1'}]}}}\n";

static struct hc_val *live_of(struct hc_arena *a, const char *ns, const char *version, const char *kind,
                              const char *name)
{
    struct hc_val *o = NULL;
    struct hc_ref ref = { hc_str_of(version), hc_str_of(kind), hc_str_of(ns), hc_str_of(name) };
    enum hc_rc rc = hc_kube_get(kube, a, &ref, &o, NULL);
    return rc == HC_OK ? o : NULL;
}

static void check_order(struct wish *w, const struct hc_tell *t)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    size_t n = strlen(w->order);
    bool deleted = t->change == HC_CHANGE_DELETED, ok = true;
    snprintf(w->order + n, sizeof(w->order) - n, "%s%.*s ", deleted ? "-" : "", HC_P(t->ref.name));
    struct hc_val *web = live_of(a, w->waves_ns, "apps/v1", "Deployment", "web");
    struct hc_val *migrate = live_of(a, w->waves_ns, "batch/v1", "Job", "migrate");
    struct hc_val *after = live_of(a, w->waves_ns, "v1", "ConfigMap", "after");
    if (hc_str_eqz(t->ref.name, "web") && !deleted)
        ok = hc_get_int_at(migrate, "status.succeeded", 0) == 1;
    else if (hc_str_eqz(t->ref.name, "web")) /* its dependants are gone */
        ok = !after && !live_of(a, w->waves_ns, "apps/v1", "Deployment", "last");
    else if (hc_str_eqz(t->ref.name, "after") && !deleted)
        ok = hc_get_int_at(web, "status.availableReplicas", 0) == 1;
    else if (hc_str_eqz(t->ref.name, "last") && !deleted)
        ok = after != NULL;
    else if (hc_str_eqz(t->ref.name, "migrate") && deleted) /* web goes before it, or stays */
        ok = !web || w->more == NULL;
    w->disordered = w->disordered || !ok;
}

/* Installed in waves though nobody waits at the end, upgraded to nothing of it, installed again, uninstalled. */
static void test_waves(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    release_init(&r, "waves");
    r.wish.more = waves_docs;
    r.wish.waves_ns = r.ns;
    r.wish.sent = check_order;
    r.spec.install.wait = r.spec.uninstall.wait = r.spec.upgrade.wait = HC_WAIT_NONE;
    struct hc_step s = run(&r, NULL);
    done(&s, 1);
    assert_string_equal(r.wish.order, "migrate cm web after last ");
    assert_false(r.wish.disordered);
    /* What leaves goes in the reverse order, wave by wave. */
    r.wish.order[0] = '\0';
    r.wish.more = NULL;
    r.spec.digest = HC_S("two");
    s = run(&r, NULL);
    done(&s, 2);
    assert_string_equal(r.wish.order, "cm web -last -after -migrate ");
    assert_null(live_of(a, r.ns, "v1", "ConfigMap", "after"));
    r.wish.more = waves_docs;
    r.spec.digest = HC_S("three");
    s = run(&r, NULL);
    done(&s, 3);
    r.wish.order[0] = '\0';
    r.spec.goal = HC_GOAL_ABSENT;
    s = run(&r, NULL);
    done(&s, 0);
    assert_string_equal(r.wish.order, "-last -after -web -cm -migrate ");
    assert_false(r.wish.disordered);
    hc_storage_free(r.spec.storage);
}

/* Stopped while a wave is waited for: the next instance goes on there, with the memo or without. */
static void test_waves_resumed(void **state)
{
    (void)state;
    static const bool with_memo[] = { true, false };
    for (size_t i = 0; i < HC_LEN(with_memo); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct release r;
        struct hc_reconcile *engine = NULL;
        struct hc_reconcile_memo memo = { 0 };
        struct hc_step s;
        char ns[32];
        snprintf(ns, sizeof(ns), "waves-resumed-%zu", i);
        release_init(&r, ns);
        r.wish.more = waves_docs;
        r.wish.waves_ns = r.ns;
        r.wish.sent = check_order;
        r.wish.image = "x:broken"; /* never ready: the second wave of four */
        r.spec.port = (struct hc_reconcile_port){ .ctx = &r.wish, .render = render, .tell = tell };
        assert_int_equal(hc_reconcile_new(&r.spec, NULL, &engine, NULL), HC_OK);
        do
            hc_reconcile_step(engine, &s);
        while (s.verdict == HC_GO_ON || strstr(s.why, "wave 1 of 4"));
        assert_int_equal(s.verdict, HC_WAIT);
        if (!strstr(s.why, "wave 2 of 4: Deployment waves-resumed-") && !strstr(s.why, "wave 2 of 4: "))
            fail_msg("%s", s.why);
        assert_int_equal(s.awaited_n, 1);
        memo = hc_reconcile_memo(engine);
        hc_reconcile_free(engine);
        r.wish.order[0] = '\0';
        if (with_memo[i]) { /* nothing is sent again, the wait goes on */
            assert_int_equal(hc_reconcile_new(&r.spec, &memo, &engine, NULL), HC_OK);
            hc_reconcile_step(engine, &s);
            assert_int_equal(s.verdict, HC_WAIT);
            assert_string_equal(r.wish.order, "");
            hc_reconcile_free(engine);
        }
        /* Mended by hand, as it were: the wave becomes ready. */
        struct hc_val *o = live_of(a, r.ns, "apps/v1", "Deployment", "web");
        assert_non_null(o);
        raw(a, "PATCH", hc_arena_printf(a, "/apis/apps/v1/namespaces/%s/deployments/web", r.ns).p,
            "application/strategic-merge-patch+json",
            "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"app\",\"image\":\"x:2\"}]}}}}");
        if (!with_memo[i])
            r.wish.image = "x:2", r.spec.digest = HC_S("two"); /* superseded instead */
        s = run(&r, with_memo[i] ? &memo : NULL);
        done(&s, with_memo[i] ? 1 : 2);
        assert_false(r.wish.disordered);
        assert_string_equal(r.wish.order, with_memo[i] ? "after last " : "migrate cm web after last ");
        hc_storage_free(r.spec.storage);
    }
}

/* Steps until it waits; what the wait is for begins with `want`. */
static struct hc_reconcile_memo park(struct release *r, const struct hc_reconcile_memo *memo, const char *want)
{
    struct hc_reconcile *engine = NULL;
    struct hc_step s;
    r->spec.port = (struct hc_reconcile_port){ .ctx = &r->wish, .render = render, .tell = tell };
    assert_int_equal(hc_reconcile_new(&r->spec, memo, &engine, NULL), HC_OK);
    do
        hc_reconcile_step(engine, &s);
    while (s.verdict == HC_GO_ON || (s.verdict == HC_WAIT && !strstr(s.why, want)));
    if (s.verdict != HC_WAIT)
        fail_msg("%s: %s", hc_verdict_name(s.verdict), s.why);
    struct hc_reconcile_memo left = hc_reconcile_memo(engine);
    hc_reconcile_free(engine);
    return left;
}

/* A Job that is gone while it is waited for (by its time to live, after it finished) is done: in a wave, at the end, and as a
 * hook. One without a time to live was deleted by somebody, and what it was to do is not known to be done. */
static void test_job_gone(void **state)
{
    (void)state;
    static const char job[] =
        "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate%s}\nspec:\n%s  template: "
        "{metadata: {annotations: {sandbox.helmctl.dev/behavior: hang}}, spec: {restartPolicy: "
        "Never, containers: [{name: c, image: 'x:1'}]}}\n";
    static const char wave[] = ", annotations: {release.helmctl.dev/wave: '-1'}",
                      ttl[] = "  ttlSecondsAfterFinished: 60\n";
    static const struct {
        const char *name, *notes, *ttl, *hook, *waits;
    } rows[] = {
        { "gone-in-wave", wave, ttl, NULL, "wave 1 of 2: Job gone-in-wave/migrate: " },
        { "gone-at-end", "", ttl, NULL, "Job gone-at-end/migrate: " },
        { "gone-hook", NULL, NULL, "hang", "pre-install hook Job gone-hook/hook: " },
        { "deleted-in-wave", wave, "", NULL, "wave 1 of 2: Job deleted-in-wave/migrate: " },
        { "deleted-at-end", "", "", NULL, "Job deleted-at-end/migrate: " },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct release r;
        release_init(&r, rows[i].name);
        if (rows[i].hook) {
            r.wish.hook = "pre-install";
            r.wish.hook_behavior = "hang";
            r.wish.hook_spec = "ttlSecondsAfterFinished: 60";
        } else {
            r.wish.more = hc_arena_printf(a, job, rows[i].notes, rows[i].ttl).p;
        }
        r.spec.install.wait_for_jobs = true;
        struct hc_reconcile_memo memo = park(&r, NULL, rows[i].waits);
        raw(a, "DELETE",
            hc_arena_printf(a, "/apis/batch/v1/namespaces/%s/jobs/%s", r.ns, rows[i].hook ? "hook" : "migrate").p,
            NULL, "");
        if (rows[i].ttl && !*rows[i].ttl) {
            (void)park(&r, &memo, "/migrate: Resource not found");
        } else {
            struct hc_step s = run(&r, &memo);
            done(&s, 1);
            assert_null(live_of(a, r.ns, "batch/v1", "Job", rows[i].hook ? "hook" : "migrate")); /* nor made anew */
        }
        hc_storage_free(r.spec.storage);
    }
}

/* Who goes on with a wait does not delete once more what the hooks in front of it left: it is somebody else's by now. */
static void test_swept_once(void **state)
{
    (void)state;
    static const char *const waits[] = { "wave 1 of 2: Deployment ", "Deployment " };
    for (size_t i = 0; i < HC_LEN(waits); i++) {
        struct release r;
        release_init(&r, i == 0 ? "swept-wave" : "swept-end");
        r.wish.image = "x:broken";
        r.wish.hook = "pre-install";
        r.wish.hook_behavior = "complete";
        r.wish.hook_policy = "hook-succeeded";
        r.spec.install.timeout_ms = 300000;
        if (i == 0)
            r.wish.more = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: behind, annotations: "
                          "{release.helmctl.dev/depends-on: Deployment/web}}\n";
        int64_t deleted = stat_by("delete jobs.batch");
        struct hc_reconcile_memo memo = park(&r, NULL, waits[i]);
        assert_int_equal(stat_by("delete jobs.batch") - deleted, 1);
        (void)park(&r, &memo, waits[i]);
        assert_int_equal(stat_by("delete jobs.batch") - deleted, 1);
        hc_storage_free(r.spec.storage);
    }
}

/* What cannot be is refused before anything is written; a wave that fails ends it, and the later ones are never sent. */
static void test_waves_refused(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    release_init(&r, "waves-refused");
    r.wish.more = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, annotations: "
                  "{release.helmctl.dev/depends-on: 'Job/migrat'}}\n";
    int64_t writes = stat_of("writes");
    struct hc_step s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_STALLED);
    assert_non_null(strstr(s.why,
                           "ConfigMap/x: annotation release.helmctl.dev/depends-on: the release has no object "
                           "\"Job/migrat\""));
    assert_int_equal(stat_of("writes") - writes, 0);
    r.wish.more = waves_docs;
    r.wish.image = "x:broken";
    r.spec.digest = HC_S("two");
    r.spec.install.timeout_ms = 300;
    s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_STALLED);
    assert_non_null(strstr(s.why, "a wave is not ready in time: Deployment"));
    assert_null(live_of(a, r.ns, "v1", "ConfigMap", "after"));
    assert_non_null(live_of(a, r.ns, "batch/v1", "Job", "migrate"));
    hc_storage_free(r.spec.storage);
}

/* ---- health rules ------------------------------------------------------------------------------------------ */

static void set_phase(struct release *r, const char *phase)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    raw(a, "PATCH", hc_arena_printf(a, "/api/v1/namespaces/%s/configmaps/cm", r->ns).p,
        "application/merge-patch+json", hc_arena_printf(a, "{\"data\":{\"phase\":\"%s\"}}", phase).p);
}

/* A rule says when a kind is ready that is ready as it is stored otherwise; it ends a wait early; and one that is broken
 * costs the wait's time at most, and is named. */
static void test_health_rules(void **state)
{
    (void)state;
    static const char text[] = "local p = obj.data.phase\n"
                               "if p == 'up' then return {status = 'Healthy'} end\n"
                               "if p == 'down' then return {status = 'Degraded', message = 'it is down'} end\n"
                               "if p == 'odd' then return p.x.y end\n"
                               "return {status = 'Progressing', message = 'no phase yet'}\n";
    struct hc_health_rule rule;
    struct release r;
    struct hc_reconcile *engine = NULL;
    struct hc_step s;
    release_init(&r, "rules");
    assert_int_equal(hc_health_rule_of(HC_S("ConfigMap.lua"), hc_str_of(text), &rule, NULL), HC_OK);
    r.spec.rules = &rule;
    r.spec.rules_n = 1;
    r.spec.port = (struct hc_reconcile_port){ .ctx = &r.wish, .render = render, .tell = tell };
    assert_int_equal(hc_reconcile_new(&r.spec, NULL, &engine, NULL), HC_OK);
    do
        hc_reconcile_step(engine, &s);
    while (s.verdict == HC_GO_ON || strstr(s.why, "Deployment"));
    assert_int_equal(s.verdict, HC_WAIT);
    assert_non_null(strstr(s.why, "no phase yet"));
    set_phase(&r, "odd");
    hc_reconcile_stale(engine);
    hc_reconcile_step(engine, &s);
    assert_int_equal(s.verdict, HC_WAIT);
    assert_non_null(strstr(s.why, "health rule ConfigMap.lua:4: "));
    hc_reconcile_free(engine);
    set_phase(&r, "up");
    s = run(&r, NULL);
    done(&s, 1);
    /* Failed for certain: no time-out is waited for. */
    set_phase(&r, "down");
    r.spec.digest = HC_S("two");
    r.wish.value = "2";
    s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_STALLED);
    assert_non_null(strstr(s.why, "it is down"));
    /* One that loops holds nobody longer than the wait has. */
    assert_int_equal(hc_health_rule_of(HC_S("ConfigMap.lua"), HC_S("while true do end"), &rule, NULL), HC_OK);
    r.spec.digest = HC_S("three");
    r.wish.value = "3";
    r.spec.upgrade.timeout_ms = 300;
    s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_STALLED);
    assert_non_null(strstr(s.why, "it loops"));
    hc_storage_free(r.spec.storage);
}

/* ---- records that are too large ---------------------------------------------------------------------------- */

/* Text that does not become shorter by packing: base64 of bytes of chance, the same each time. */
static char *noise(size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = malloc(n + 1);
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; text && i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        text[i] = digits[x >> 58];
    }
    if (text)
        text[n] = '\0';
    return text;
}

/* Refused before anything is written or deleted, with the sizes by part; one that fits can come to its end, whatever that
 * adds. */
static void test_record_too_large(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct release r;
    struct hc_brief *briefs = NULL;
    size_t n = 0;
    release_init(&r, "large");
    r.spec.max_history = 2;
    struct hc_step s = run(&r, NULL);
    done(&s, 1);
    r.spec.digest = HC_S("two");
    r.wish.value = "2";
    s = run(&r, NULL);
    done(&s, 2);
    char *text = noise(1100000);
    r.wish.notes = text;
    r.spec.digest = HC_S("three");
    int64_t writes = stat_of("writes");
    s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_STALLED);
    assert_int_equal(s.rc, HC_E_LIMIT);
    if (!strstr(s.why, "bytes packed, and an object may hold") || !strstr(s.why, "notes 1100000 bytes"))
        fail_msg("%s", s.why);
    assert_int_equal(stat_of("writes") - writes, 0);
    assert_int_equal(hc_storage_briefs(r.spec.storage, a, HC_S("web"), &briefs, &n, NULL), HC_OK);
    assert_int_equal(n, 2); /* retention took none */
    /* One that just fits comes to its end, a failure in many words. */
    text[1030000] = '\0';
    r.spec.digest = HC_S("four");
    r.wish.hook = "post-upgrade";
    r.wish.hook_behavior = "fail";
    s = run(&r, NULL);
    assert_int_equal(s.verdict, HC_STALLED);
    assert_int_not_equal(s.rc, HC_E_LIMIT);
    assert_int_equal(last(&r, a).status, HC_STATUS_FAILED);
    free(text);
    hc_storage_free(r.spec.storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waves),
        cmocka_unit_test(test_waves_resumed),
        cmocka_unit_test(test_job_gone),
        cmocka_unit_test(test_swept_once),
        cmocka_unit_test(test_waves_refused),
        cmocka_unit_test(test_health_rules),
        cmocka_unit_test(test_record_too_large),
    };
    return unit_stories("waves", tests, sizeof(tests) / sizeof(*tests), up, down);
}
