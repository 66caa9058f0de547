/*
 * From what the engine tells to conditions, history and events, in helm-controller's words (internal/reconcile).
 */
#include <stdio.h>

#include "core/base/clock.h"
#include "core/value/yaml.h"
#include "helmctl/controller/release_impl.h"

static struct hc_val *event_notes(struct rel *r, hc_str version, hc_str token, hc_str app, hc_str oci)
{
    struct hc_arena *a = r->p->a;
    struct hc_val *n = hc_map_new(a);
    if (version.n)
        hc_map_put_str(a, n, "helm.toolkit.fluxcd.io/revision", version);
    if (token.n)
        hc_map_put_str(a, n, "helm.toolkit.fluxcd.io/token", token);
    if (app.n)
        hc_map_put_str(a, n, "helm.toolkit.fluxcd.io/app-version", app);
    if (oci.n)
        hc_map_put_str(a, n, "helm.toolkit.fluxcd.io/oci-digest", oci);
    return n;
}

static struct hc_val *notes_with(struct rel *r, const struct hc_val *snap, hc_str token)
{
    return event_notes(r, hc_get_str(hc_map_getz(snap, "chartVersion")), token,
                       hc_get_str(hc_map_getz(snap, "appVersion")), hc_get_str(hc_map_getz(snap, "ociDigest")));
}

static struct hc_val *notes_of(struct rel *r, const struct hc_val *snap)
{
    return notes_with(r, snap, hc_get_str(hc_map_getz(snap, "configDigest")));
}

static void clear_failures(struct rel *r)
{
    hc_map_del(r->p->status, HC_S("failures"));
    hc_map_del(r->p->status, HC_S("installFailures"));
    hc_map_del(r->p->status, HC_S("upgradeFailures"));
}

void rel_reset_failures(struct rel *r)
{
    struct pass *p = r->p;
    const struct hc_val *notes = hc_get(p->obj, "metadata.annotations");
    hc_str asked = hc_get_str(hc_map_getz(notes, "reconcile.fluxcd.io/requestedAt"));
    hc_str reset = hc_get_str(hc_map_getz(notes, "reconcile.fluxcd.io/resetAt"));
    bool requested = reset.n && hc_str_eq(asked, reset) &&
                     !hc_str_eq(reset, hc_get_str(hc_map_getz(p->status, "lastHandledResetAt")));
    if (requested)
        hc_map_put_str(p->a, p->status, "lastHandledResetAt", reset);
    hc_str config = hc_get_str(hc_map_getz(p->status, "lastAttemptedConfigDigest"));
    if (requested || hc_get_int_at(p->status, "lastAttemptedGeneration", 0) != p->cond.generation ||
        !hc_str_eq(hc_get_str(hc_map_getz(p->status, "lastAttemptedRevision")), r->chart_version) ||
        (config.n && !hc_str_eq(config, r->config_digest))) {
        clear_failures(r);
        r->want.failures = 0;
    }
    hc_map_put_int(p->a, p->status, "lastAttemptedGeneration", p->cond.generation);
    hc_map_put_str(p->a, p->status, "lastAttemptedRevision", r->chart_version);
    if (r->oci_digest.n)
        hc_map_put_str(p->a, p->status, "lastAttemptedRevisionDigest", r->oci_digest);
    else
        hc_map_del(p->status, HC_S("lastAttemptedRevisionDigest"));
    hc_map_put_str(p->a, p->status, "lastAttemptedConfigDigest", r->config_digest);
    hc_map_del(p->status, HC_S("lastAttemptedValuesChecksum"));
    hc_map_del(p->status, HC_S("lastReleaseRevision"));
}

static bool tried_install(const struct rel *r)
{
    return hc_str_eqz(hc_get_str(hc_map_getz(r->p->status, "lastAttemptedReleaseAction")), "install");
}

/* Of the action that was tried last: what comes behind a failure. */
static const struct hc_action_policy *active_policy(const struct rel *r)
{
    return tried_install(r) ? &r->want.install : &r->want.upgrade;
}

static bool ignores_tests(const struct rel *r)
{
    bool of_test = hc_get_bool_at(r->spec, "test.ignoreFailures", false);
    return hc_get_bool_at(r->spec,
                          tried_install(r) ? "install.remediation.ignoreTestFailures"
                                           : "upgrade.remediation.ignoreTestFailures",
                          of_test);
}

static int64_t timeout_of(const struct rel *r, enum hc_action a)
{
    return a == HC_ACTION_INSTALL    ? r->want.install.timeout_ms
           : a == HC_ACTION_UPGRADE  ? r->want.upgrade.timeout_ms
           : a == HC_ACTION_ROLLBACK ? r->want.rollback.timeout_ms
           : a == HC_ACTION_TEST     ? r->want.test.timeout_ms
                                     : r->want.uninstall.timeout_ms;
}

static void running(struct rel *r, enum hc_action action)
{
    struct pass *p = r->p;
    hc_str t = hc_duration_str(p->a, timeout_of(r, action));
    hc_cond_reconciling(&p->cond, "Progressing", "Running '%s' action with timeout of %.*s", hc_action_name(action),
                        HC_P(t));
    if (action == HC_ACTION_INSTALL || action == HC_ACTION_UPGRADE)
        hc_cond_setf(&p->cond, "Ready", HC_UNKNOWN, "Progressing", "Running '%s' action with timeout of %.*s",
                     hc_action_name(action), HC_P(t));
}

/* The older snapshot that was deployed is superseded by now: as its record says, which may be at hand. */
static void refresh_previous(struct rel *r, int64_t revision, const struct hc_record *at_hand)
{
    const struct hc_val *list = hc_map_getz(r->p->status, "history");
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *s = hc_list_at(list, i);
        int64_t v = hc_get_int_at(s, "version", 0);
        if (at_hand && at_hand->revision == v && v < revision) { /* a failed one that was upgraded from, too */
            hc_history_put(r->p->a, r->p->status,
                           hc_snapshot_of(r->p->a, at_hand, NULL, hc_get_str(hc_map_getz(s, "ociDigest"))));
            return;
        }
        if (v >= revision || !hc_str_eqz(hc_get_str(hc_map_getz(s, "status")), "deployed"))
            continue;
        struct hc_record old;
        struct hc_err err = HC_ERR_INIT;
        if (hc_storage_get(r->storage, r->p->a, r->name, v, &old, &err) == HC_OK)
            hc_history_put(r->p->a, r->p->status,
                           hc_snapshot_of(r->p->a, &old, NULL, hc_get_str(hc_map_getz(s, "ociDigest"))));
        return;
    }
}

/* As in status.history; NULL: the snapshot keeps what it has. */
static const char *action_text(const struct hc_tell *t)
{
    if (t->action == HC_ACTION_NONE || t->action == HC_ACTION_TEST)
        return NULL;
    return t->action == HC_ACTION_UNINSTALL && t->remediation ? "uninstall-remediation" : hc_action_name(t->action);
}

static void note_duration(struct rel *r, const struct hc_record *rec)
{
    int64_t since = rec ? hc_time_parse_ms(rec->last_deployed) : -1;
    if (since > 0)
        hc_map_put_str(r->p->a, r->p->status, "lastAttemptedReleaseActionDuration",
                       hc_duration_str(r->p->a, HC_MAX(hc_now_ms() - since, (int64_t)0)));
}

/* A revision is pending: by this process, or by one that did not live to note it. */
static void on_begun(struct rel *r, const struct hc_tell *t)
{
    struct pass *p = r->p;
    if (t->action == HC_ACTION_INSTALL || t->action == HC_ACTION_UPGRADE) {
        hc_map_put_strz(p->a, p->status, "lastAttemptedReleaseAction", hc_action_name(t->action));
        hc_cond_del(&p->cond, "TestSuccess");
        hc_cond_del(&p->cond, "Remediated");
        if (t->action == HC_ACTION_INSTALL)
            hc_map_del(p->status, HC_S("history"));
    }
    running(r, t->action);
}

static void on_recorded(struct rel *r, const struct hc_tell *t)
{
    struct pass *p = r->p;
    /* What fails for ever must not grow the status for ever: from here on only the last good revision counts, which a retry
     * never goes back to. */
    if (t->remediation)
        hc_history_truncate(p->a, p->status, ignores_tests(r));
    else if (t->action == HC_ACTION_UPGRADE && hc_get_int_at(p->status, "failures", 0) > 0)
        hc_history_newest(p->a, p->status);
    on_begun(r, t);
    pass_log(p, HC_LOG_INFO, "running '%s' action: revision %" PRId64, hc_action_name(t->action),
             t->record ? t->record->revision : 0);
}

static void on_deployed(struct rel *r, const struct hc_tell *t)
{
    struct pass *p = r->p;
    struct hc_arena *a = p->a;
    bool back = t->action == HC_ACTION_ROLLBACK, install = t->action == HC_ACTION_INSTALL;
    const struct hc_val *prev = back ? hc_history_previous(p->status, ignores_tests(r)) : NULL;
    struct hc_val *snap = hc_snapshot_of(a, t->record, action_text(t),
                                         back ? hc_get_str(hc_map_getz(prev, "ociDigest")) : r->oci_digest);
    if (!install)
        refresh_previous(r, t->record->revision, t->before);
    hc_history_put(a, p->status, snap);
    note_duration(r, t->record);
    hc_str full = hc_snapshot_release(a, snap), chart = hc_snapshot_chart(a, snap);
    if (back && t->remediation) {
        full = hc_snapshot_release(a, prev ? prev : snap);
        chart = hc_snapshot_chart(a, prev ? prev : snap);
        hc_cond_setf(&p->cond, "Remediated", HC_TRUE, "RollbackSucceeded",
                     "Helm rollback to previous release %.*s with chart %.*s succeeded", HC_P(full), HC_P(chart));
        /* The token is of what was wanted: it keeps apart what is told of different wishes. */
        pass_event(p, "Normal", "RollbackSucceeded", notes_with(r, prev ? prev : snap, r->config_digest), "%.*s",
                   HC_P(hc_cond_message(p->status, "Remediated")));
    } else {
        const char *reason = install ? "InstallSucceeded" : "UpgradeSucceeded";
        hc_cond_setf(&p->cond, "Released", HC_TRUE, reason, "Helm %s succeeded for release %.*s with chart %.*s",
                     install ? "install" : "upgrade", HC_P(full), HC_P(chart));
        if (r->want.tests && !hc_snapshot_tested(snap))
            hc_cond_setf(&p->cond, "TestSuccess", HC_UNKNOWN, "AwaitingTests",
                         "Helm release %.*s with chart %.*s is awaiting tests", HC_P(full), HC_P(chart));
        const struct hc_action_policy *pol = install ? &r->want.install : &r->want.upgrade;
        if (pol->strategy == HC_STRATEGY_RETRY)
            clear_failures(r);
        pass_event(p, "Normal", reason, notes_of(r, snap), "%.*s", HC_P(hc_cond_message(p->status, "Released")));
    }
    hc_release_summarize(&p->cond, r->spec);
    pass_log(p, HC_LOG_INFO, "%.*s", HC_P(hc_cond_message(p->status, back ? "Remediated" : "Released")));
}

/* Noted by an earlier process. After an uninstall as remediation the next try has the same number, so its time counts. */
static bool known_failure(struct rel *r, const struct hc_record *rec)
{
    const struct hc_val *latest = hc_history_latest(r->p->status);
    if (!rec || !latest || hc_get_int_at(latest, "version", 0) != rec->revision)
        return false;
    return hc_str_eqz(hc_get_str(hc_map_getz(latest, "status")), "failed") &&
           hc_time_parse_ms(hc_get_str(hc_map_getz(latest, "lastDeployed"))) / 1000 ==
               hc_time_parse_ms(rec->last_deployed) / 1000;
}

static void on_failed(struct rel *r, const struct hc_tell *t)
{
    struct pass *p = r->p;
    struct hc_arena *a = p->a;
    bool back = t->action == HC_ACTION_ROLLBACK, install = t->action == HC_ACTION_INSTALL,
         told = known_failure(r, t->record);
    if (t->record)
        hc_history_put(a, p->status, hc_snapshot_of(a, t->record, action_text(t), r->oci_digest));
    note_duration(r, t->record);
    if (!told)
        hc_map_put_int(a, p->status, "failures", hc_get_int_at(p->status, "failures", 0) + 1);
    hc_str msg;
    struct hc_val *notes = event_notes(r, r->chart_version, r->config_digest, r->app_version, r->oci_digest);
    const char *reason = back ? "RollbackFailed" : install ? "InstallFailed" : "UpgradeFailed";
    if (back) {
        const struct hc_val *prev = hc_history_previous(p->status, ignores_tests(r));
        notes = notes_with(r, prev, r->config_digest);
        hc_str full = hc_snapshot_release(a, prev), chart = hc_snapshot_chart(a, prev);
        msg = hc_arena_printf(a, "Helm rollback to previous release %.*s with chart %.*s failed: %.*s", HC_P(full),
                              HC_P(chart), HC_P(t->message));
        hc_cond_set(&p->cond, "Remediated", HC_FALSE, reason, msg);
    } else {
        const char *counter = install ? "installFailures" : "upgradeFailures";
        int64_t n = hc_get_int_at(p->status, counter, 0) + (told ? 0 : 1);
        hc_map_put_int(a, p->status, counter, HC_MAX(n, t->failures));
        hc_map_put_strz(a, p->status, "lastAttemptedReleaseAction", install ? "install" : "upgrade");
        msg = hc_arena_printf(a, "Helm %s failed for release %.*s/%.*s with chart %.*s@%.*s: %.*s",
                              install ? "install" : "upgrade", HC_P(r->ns), HC_P(r->name), HC_P(r->chart->name),
                              HC_P(r->chart_version), HC_P(t->message));
        hc_cond_set(&p->cond, "Released", HC_FALSE, reason, msg);
    }
    hc_release_summarize(&p->cond, r->spec);
    pass_event(p, "Warning", reason, notes, "%.*s", HC_P(msg));
    pass_log(p, HC_LOG_ERROR, "%.*s", HC_P(msg));
}

/* A hook that failed: its object may be gone soon, so what it said last is kept in an event. */
static void on_hook(struct rel *r, const struct hc_tell *t)
{
    enum { KEPT = 600 }; /* of the 1024 bytes of an event */
    hc_str log = t->log, path = t->hook->path.n ? t->hook->path : t->hook->name;
    if (t->ok) {
        pass_log(r->p, HC_LOG_DEBUG, "%.*s %.*s: %.*s", HC_P(t->hook->kind), HC_P(t->hook->name), HC_P(t->message));
        return;
    }
    if (log.n > KEPT) { /* the end of it, from the start of a line on */
        log = hc_str_sub(log, log.n - KEPT, log.n);
        size_t nl = hc_str_find(log, '\n');
        log = nl == SIZE_MAX ? log : hc_str_sub(log, nl + 1, log.n);
    }
    pass_event(r->p, "Warning", "HookFailed",
               event_notes(r, r->chart_version, r->config_digest, r->app_version, r->oci_digest),
               "hook %.*s: %.*s%s%.*s", HC_P(path), HC_P(hc_str_sub(t->message, 0, 400)), log.n ? "\n" : "",
               HC_P(log));
}

static void on_uninstalled(struct rel *r, const struct hc_tell *t, bool ok)
{
    struct pass *p = r->p;
    struct hc_arena *a = p->a;
    const struct hc_val *latest = hc_history_latest(p->status);
    if (t->record)
        hc_history_put(a, p->status,
                       hc_snapshot_of(a, t->record, action_text(t), hc_get_str(hc_map_getz(latest, "ociDigest"))));
    latest = hc_history_latest(p->status);
    hc_str full = hc_snapshot_release(a, latest), chart = hc_snapshot_chart(a, latest);
    const char *reason = ok ? "UninstallSucceeded" : "UninstallFailed",
               *what = t->remediation ? " remediation" : "";
    hc_str msg;
    if (t->remediation)
        msg = hc_arena_printf(a, "Helm uninstall%s for release %.*s with chart %.*s %s%.*s", what, HC_P(full),
                              HC_P(chart), ok ? "succeeded" : "failed: ", HC_P(ok ? HC_S("") : t->message));
    else
        msg = hc_arena_printf(a, "Helm uninstall %s for release %.*s with chart %.*s%s%.*s",
                              ok ? "succeeded" : "failed", HC_P(full), HC_P(chart), ok ? "" : ": ",
                              HC_P(ok ? HC_S("") : t->message));
    if (ok)
        hc_map_del(p->status, HC_S("inventory"));
    else
        hc_map_put_int(a, p->status, "failures", hc_get_int_at(p->status, "failures", 0) + 1);
    hc_cond_set(&p->cond, t->remediation ? "Remediated" : "Released", t->remediation && ok ? HC_TRUE : HC_FALSE,
                reason, msg);
    hc_release_summarize(&p->cond, r->spec);
    pass_event(p, ok ? "Normal" : "Warning", reason, notes_of(r, latest), "%.*s", HC_P(msg));
    pass_log(p, ok ? HC_LOG_INFO : HC_LOG_ERROR, "%.*s", HC_P(msg));
}

/* The newest revision as it is: taken over, or made by an earlier process that did not live to note it. */
static void note_head(struct rel *r, const struct hc_record *head)
{
    struct pass *p = r->p;
    struct hc_arena *a = p->a;
    const struct hc_val *latest = hc_history_latest(p->status);
    if (latest && hc_get_int_at(latest, "version", 0) != head->revision) { /* made after what is noted */
        hc_map_put_strz(a, p->status, "lastAttemptedReleaseAction", "upgrade");
        refresh_previous(r, head->revision, NULL);
    }
    hc_str action = hc_get_str(hc_map_getz(p->status, "lastAttemptedReleaseAction"));
    hc_history_put(a, p->status,
                   hc_snapshot_of(a, head, action.n ? hc_arena_strz(a, action) : "install", r->oci_digest));
}

static bool is_noted(const struct rel *r, const struct hc_record *head)
{
    const struct hc_val *latest = hc_history_latest(r->p->status);
    return hc_get_int_at(latest, "version", 0) == head->revision &&
           hc_str_eqz(hc_get_str(hc_map_getz(latest, "status")), hc_status_name(head->status));
}

static void set_released(struct rel *r)
{
    const struct hc_val *latest = hc_history_latest(r->p->status);
    bool install = hc_get_int_at(latest, "version", 0) == 1;
    hc_cond_setf(&r->p->cond, "Released", HC_TRUE, install ? "InstallSucceeded" : "UpgradeSucceeded",
                 "Helm %s succeeded for release %.*s with chart %.*s", install ? "install" : "upgrade",
                 HC_P(hc_snapshot_release(r->p->a, latest)), HC_P(hc_snapshot_chart(r->p->a, latest)));
}

static void on_tested(struct rel *r, const struct hc_tell *t)
{
    struct pass *p = r->p;
    struct hc_arena *a = p->a;
    if (!is_noted(r, t->record)) {
        note_head(r, t->record);
        set_released(r);
    }
    struct hc_val *snap = hc_snapshot_of(a, t->record, NULL,
                                         hc_get_str(hc_map_getz(hc_history_latest(p->status), "ociDigest")));
    hc_snapshot_set_tests(a, snap, t->record, hc_get(r->spec, "test.filters"));
    hc_history_put(a, p->status, snap);
    hc_str full = hc_snapshot_release(a, snap), chart = hc_snapshot_chart(a, snap), msg;
    size_t n = hc_map_len(hc_map_getz(snap, "testHooks"));
    if (t->ok) {
        char hooks[64] = "no test hooks";
        if (n)
            snprintf(hooks, sizeof(hooks), "%zu test hook%s completed successfully", n, n > 1 ? "s" : "");
        msg = hc_arena_printf(a, "Helm test succeeded for release %.*s with chart %.*s: %s", HC_P(full),
                              HC_P(chart), hooks);
        hc_cond_set(&p->cond, "TestSuccess", HC_TRUE, "TestSucceeded", msg);
    } else {
        msg = hc_arena_printf(a, "Helm test failed for release %.*s with chart %.*s: %.*s", HC_P(full), HC_P(chart),
                              HC_P(t->message));
        hc_cond_set(&p->cond, "TestSuccess", HC_FALSE, "TestFailed", msg);
        hc_map_put_int(a, p->status, "failures", hc_get_int_at(p->status, "failures", 0) + 1);
        if (!ignores_tests(r)) {
            bool install = tried_install(r);
            const char *counter = install ? "installFailures" : "upgradeFailures";
            hc_map_put_int(a, p->status, counter, HC_MAX(hc_get_int_at(p->status, counter, 0) + 1, t->failures));
        }
    }
    hc_release_summarize(&p->cond, r->spec);
    pass_event(p, t->ok ? "Normal" : "Warning", t->ok ? "TestSucceeded" : "TestFailed", notes_of(r, snap), "%.*s",
               HC_P(msg));
}

void rel_note_missed_tests(struct rel *r, const struct hc_record *head)
{
    struct hc_arena *a = r->p->a;
    const struct hc_val *latest = hc_history_latest(r->p->status);
    if (!r->want.tests || hc_get_int_at(latest, "version", 0) != head->revision || hc_snapshot_tested(latest))
        return;
    struct hc_val *snap = hc_snapshot_of(a, head, NULL, HC_S(""));
    hc_snapshot_set_tests(a, snap, head, hc_get(r->spec, "test.filters"));
    const struct hc_val *tests = hc_map_getz(snap, "testHooks");
    bool well = hc_map_len(tests) > 0;
    for (size_t i = 0; i < hc_map_len(tests); i++)
        well &= hc_str_eqz(hc_get_str(hc_map_getz(hc_map_at(tests, i)->val, "phase")), "Succeeded");
    if (well)
        on_tested(
            r, &(struct hc_tell){ .what = HC_TOLD_TESTED, .action = HC_ACTION_TEST, .record = head, .ok = true });
}

static void on_drift(struct rel *r, const struct hc_tell *t)
{
    struct pass *p = r->p;
    const struct hc_val *latest = hc_history_latest(p->status);
    hc_str full = hc_snapshot_release(p->a, latest);
    if (t->what == HC_TOLD_DRIFTED) {
        hc_str msg = hc_arena_printf(p->a,
                                     "Cluster state of release %.*s has drifted from the desired state:\n%.*s",
                                     HC_P(full), HC_P(t->message));
        hc_cond_set(&p->cond, "Drifted", HC_TRUE, "DriftDetected", msg);
        pass_event(p, "Warning", "DriftDetected", NULL, "%.*s", HC_P(msg));
    } else if (t->what == HC_TOLD_FIGHT) {
        hc_cond_set(&p->cond, "Drifted", HC_TRUE, "DriftFight", t->message);
        pass_event(p, "Warning", "DriftFight", NULL, "%.*s", HC_P(t->message));
    } else if (t->ok) {
        pass_event(p, "Normal", "DriftCorrected", notes_of(r, latest),
                   "Cluster state of release %.*s has been corrected:\n%.*s", HC_P(full), HC_P(t->message));
    } else {
        pass_event(p, "Warning", "DriftCorrectionFailed", notes_of(r, latest),
                   "Failed to (partially) correct cluster state of release %.*s:\n%.*s", HC_P(full),
                   HC_P(t->message));
    }
    const char *what = t->what == HC_TOLD_DRIFTED ? "drift detected"
                       : t->what == HC_TOLD_FIGHT ? "drift is left alone"
                                                  : "drift corrected";
    pass_log(p, HC_LOG_INFO, "%s: %.*s", what, HC_P(t->message));
}

static void on_taken_over(struct rel *r, const struct hc_tell *t)
{
    struct pass *p = r->p;
    const struct hc_val *snap = hc_snapshot_of(p->a, t->record, "", r->oci_digest);
    hc_str full = hc_snapshot_release(p->a, snap), chart = hc_snapshot_chart(p->a, snap);
    hc_str msg = hc_arena_printf(p->a, "Unlocked Helm release %.*s with chart %.*s in %s state", HC_P(full),
                                 HC_P(chart), t->was);
    hc_cond_set(&p->cond, "Released", HC_FALSE, "PendingRelease", msg);
    pass_event(p, "Normal", "PendingRelease", notes_of(r, snap), "%.*s", HC_P(msg));
}

static bool noted(const struct rel *r, int64_t revision)
{
    const struct hc_val *list = hc_map_getz(r->p->status, "history");
    for (size_t i = 0; i < hc_list_len(list); i++)
        if (hc_get_int_at(hc_list_at(list, i), "version", 0) == revision)
            return true;
    return false;
}

/* The failed upgrade that this rollback mends, when the process that saw it fail did not live to note it. */
static void note_missed_failure(struct rel *r, const struct hc_record *rollback)
{
    struct hc_record failed;
    struct hc_err err = HC_ERR_INIT;
    if (!rollback || noted(r, rollback->revision - 1) ||
        hc_storage_get(r->storage, r->p->a, r->name, rollback->revision - 1, &failed, &err) != HC_OK ||
        failed.status == HC_STATUS_DEPLOYED || failed.status == HC_STATUS_SUPERSEDED)
        return;
    hc_str why = failed.description; /* Upgrade "NAME" failed: WHY */
    size_t at = hc_str_find_str(why, HC_S(" failed: "));
    if (at != SIZE_MAX)
        why = hc_str_sub(why, at + 9, why.n);
    static const char *const of_hooks[] = { "pre-upgrade hooks failed: ", "post-upgrade hooks failed: " };
    for (size_t i = 0; i < HC_LEN(of_hooks); i++) /* which Helm's record says, and who saw it fail did not */
        if (hc_str_starts(why, hc_str_of(of_hooks[i])))
            why = hc_str_sub(why, strlen(of_hooks[i]), why.n);
    on_failed(r, &(struct hc_tell){
                     .what = HC_TOLD_FAILED, .action = HC_ACTION_UPGRADE, .record = &failed, .message = why });
}

/*
 * An uninstall as remediation begins, or is gone on with. At its end the record is gone, so the failure that it mends is
 * stored in the status before: one that an earlier process did not live to note, too.
 */
static void note_before_uninstall(struct rel *r, const struct hc_tell *t)
{
    struct pass *p = r->p;
    bool install = t->record && t->record->revision == 1;
    int64_t known = hc_get_int_at(p->status, install ? "installFailures" : "upgradeFailures", 0);
    if (t->record && t->failures > known) {
        struct hc_record failed = *t->record;
        failed.status = HC_STATUS_FAILED;
        failed.deleted = (hc_str){ NULL, 0 };
        on_failed(r, &(struct hc_tell){ .what = HC_TOLD_FAILED,
                                        .action = install ? HC_ACTION_INSTALL : HC_ACTION_UPGRADE,
                                        .record = &failed,
                                        .failures = t->failures,
                                        .message = t->message });
    }
    if (pass_flush(p) != HC_OK) /* nothing is lost yet: the pass ends by storing it again */
        pass_log(p, HC_LOG_ERROR, "cannot store the status: %s", p->err.msg);
}

void rel_note_force(struct rel *r)
{
    if (r->engine && hc_reconcile_force_done(r->engine))
        hc_map_put_str(
            r->p->a, r->p->status, "lastHandledForceAt",
            hc_get_str(hc_map_getz(hc_get(r->p->obj, "metadata.annotations"), "reconcile.fluxcd.io/forceAt")));
}

void rel_tell(void *ctx, const struct hc_tell *t)
{
    struct rel *r = ctx;
    rel_note_force(r); /* before the record that says so may be deleted */
    hc_str kind = t->ref.kind, name = t->ref.name;
    if (t->action == HC_ACTION_ROLLBACK && t->remediation)
        note_missed_failure(r, t->record);
    if (t->action == HC_ACTION_UNINSTALL && t->remediation &&
        (t->what == HC_TOLD_RECORDED || t->what == HC_TOLD_RESUMED))
        note_before_uninstall(r, t);
    switch (t->what) {
    case HC_TOLD_RECORDED:
        on_recorded(r, t);
        break;
    case HC_TOLD_RESUMED:
        on_begun(r, t);
        break;
    case HC_TOLD_TAKEN_OVER:
        on_taken_over(r, t);
        break;
    case HC_TOLD_PROBLEM:
        pass_log(r->p, t->ok ? HC_LOG_INFO : HC_LOG_ERROR, "preflight%s: %.*s", t->ok ? ", a doubt" : "",
                 HC_P(t->message));
        break;
    case HC_TOLD_SUPERSEDED:
        if (t->record)
            hc_history_put(r->p->a, r->p->status,
                           hc_snapshot_of(r->p->a, t->record, action_text(t), r->oci_digest));
        break;
    case HC_TOLD_HOOK:
        on_hook(r, t);
        break;
    case HC_TOLD_HOOK_LOG: /* as an annotation of the hook asks: Flux writes it to its log, too */
        pass_log(r->p, HC_LOG_INFO, "log of container %.*s of %.*s/%.*s: %.*s", HC_P(t->container), HC_P(kind),
                 HC_P(name), HC_P(t->message));
        break;
    case HC_TOLD_TEST_LOG:
    case HC_TOLD_OBJECT:
        pass_log(r->p, HC_LOG_DEBUG, "%.*s/%.*s %.*s", HC_P(kind), HC_P(name), HC_P(t->message));
        break;
    case HC_TOLD_WAITING:
    case HC_TOLD_READY:
    case HC_TOLD_WAVE:
        pass_log(r->p, HC_LOG_DEBUG, "%s: %.*s/%.*s %.*s", t->what == HC_TOLD_READY ? "ready" : "waiting",
                 HC_P(kind), HC_P(name), HC_P(t->message));
        break;
    case HC_TOLD_DEPLOYED:
        on_deployed(r, t);
        break;
    case HC_TOLD_FAILED:
        on_failed(r, t);
        break;
    case HC_TOLD_TESTED:
        on_tested(r, t);
        break;
    case HC_TOLD_DRIFTED:
    case HC_TOLD_CORRECTED:
    case HC_TOLD_FIGHT:
        on_drift(r, t);
        break;
    case HC_TOLD_UNINSTALLED:
        on_uninstalled(r, t, true);
        break;
    case HC_TOLD_UNINSTALL_FAILED:
        on_uninstalled(r, t, false);
        break;
    }
}

/* ---- verdicts ---- */

void rel_in_sync(struct rel *r, bool drifted)
{
    struct pass *p = r->p;
    struct hc_arena *a = p->a;
    const struct hc_record *head = hc_reconcile_head(r->engine);
    bool missed = head && hc_get_int_at(hc_history_latest(p->status), "version", 0) != head->revision;
    if (head && !is_noted(r, head))
        note_head(r, head);
    if (head)
        rel_note_missed_tests(r, head);
    if (active_policy(r)->strategy == HC_STRATEGY_RETRY)
        hc_history_newest(a, p->status);
    else
        hc_history_truncate(a, p->status, ignores_tests(r));
    if (hc_cond_is(p->status, "Remediated", HC_TRUE)) {
        /* What is there by now is what is wanted: the revision that was rolled back to, or a new install whose beginning
         * an earlier process did not live to note. */
        hc_cond_del(&p->cond, "Remediated");
        missed = true;
    }
    if ((missed || !hc_cond_is(p->status, "Released", HC_TRUE)) && hc_history_latest(p->status))
        set_released(r);
    if (drifted && r->want.drift != HC_DRIFT_OFF)
        ; /* stays as it was told: it is only reported, or somebody fights for it */
    else if (r->want.drift != HC_DRIFT_OFF)
        hc_cond_setf(&p->cond, "Drifted", HC_FALSE, "NoDriftDetected",
                     "No drift detected against the cluster state");
    else
        hc_cond_del(&p->cond, "Drifted");
    hc_cond_del(&p->cond, "Reconciling");
    hc_release_summarize(&p->cond, r->spec);
    pass_observed(p);
}

void rel_waiting(struct rel *r, const struct hc_step *st)
{
    struct pass *p = r->p;
    if (st->rc != HC_OK) {
        hc_cond_reconciling(&p->cond, "ProgressingWithRetry", "%s", st->why);
        if (st->unread && !hc_cond_is(p->status, "Ready", HC_TRUE)) /* a moment without a server fails nothing */
            hc_cond_setf(&p->cond, "Ready", HC_FALSE, "StateError", "Could not determine release state: %s",
                         st->why);
        else if (!hc_cond_get(p->status, "Ready"))
            hc_cond_setf(&p->cond, "Ready", HC_UNKNOWN, "ProgressingWithRetry", "%s", st->why);
        pass_log(p, HC_LOG_ERROR, "will try again: %s", st->why);
        return;
    }
    if (st->paused) { /* Flux: the failure stays what Ready says */
        const struct hc_action_policy *pol = active_policy(r);
        if (pol->strategy != HC_STRATEGY_RETRY) {
            hc_cond_reconciling(&p->cond, "ProgressingWithRetry", "%.*s",
                                HC_P(hc_cond_message(p->status, "Ready")));
            return;
        }
        int64_t ms = pol->retry_interval_ms > 0 ? pol->retry_interval_ms : 300000;
        hc_cond_reconciling(&p->cond, "ProgressingWithRetry", "retrying after %.*s",
                            HC_P(hc_duration_str(p->a, ms)));
        pass_observed(p);
        return;
    }
    if (st->action != HC_ACTION_NONE && !hc_cond_get(p->status, "Reconciling"))
        running(r, st->action);
    p->under_way = true;
    pass_log(p, HC_LOG_DEBUG, "waits: %s", st->why);
}

/* Uninstalled as remediation by an earlier process that did not live to note it. */
static void note_uninstalled(struct rel *r, const struct hc_step *st)
{
    struct hc_arena *a = r->p->a;
    const struct hc_val *latest = hc_history_latest(r->p->status);
    if ((st->head != HC_HEAD_ABSENT && st->head != HC_HEAD_UNINSTALLED) || !latest || r->want.failures <= 0 ||
        hc_str_eqz(hc_get_str(hc_map_getz(latest, "status")), "uninstalled"))
        return;
    const struct hc_record *head = hc_reconcile_head(r->engine);
    if (!head) { /* with no record left, the entry of the failure is all there is to go by */
        struct hc_val *snap = hc_val_copy(a, latest);
        hc_map_put_strz(a, snap, "status", "uninstalled");
        hc_map_put_strz(a, snap, "action", "uninstall-remediation");
        hc_map_put_str(a, snap, "deleted", hc_time_rfc3339(a, hc_now_ms()));
        hc_history_put(a, r->p->status, snap);
    }
    rel_tell(r, &(struct hc_tell){ .what = HC_TOLD_UNINSTALLED,
                                   .action = HC_ACTION_UNINSTALL,
                                   .record = head,
                                   .ok = true,
                                   .remediation = true });
}

void rel_stalled(struct rel *r, const struct hc_step *st)
{
    struct pass *p = r->p;
    const struct hc_record *head = hc_reconcile_head(r->engine);
    note_uninstalled(r, st);
    /* Rolled back by an earlier process that did not live to note it. */
    if (head && head->status == HC_STATUS_DEPLOYED && head->rollback_revision > 0 && !noted(r, head->revision))
        rel_tell(r,
                 &(struct hc_tell){
                     .what = HC_TOLD_DEPLOYED, .action = HC_ACTION_ROLLBACK, .remediation = true, .record = head });
    hc_str action = hc_get_str(hc_map_getz(p->status, "lastAttemptedReleaseAction"));
    bool install = hc_str_eqz(action, "install") || (!action.n && st->action != HC_ACTION_UPGRADE);
    if (st->refused) /* it was not begun, so it is not the one that was attempted last */
        install = st->head == HC_HEAD_ABSENT || st->head == HC_HEAD_UNINSTALLED;
    int64_t failures = hc_get_int_at(p->status, install ? "installFailures" : "upgradeFailures", 0);
    if (!st->refused && st->head == HC_HEAD_FAILED && failures > 0 &&
        (st->rc == HC_OK || hc_cond_get(p->status, "Released"))) {
        const struct hc_action_policy *pol = install ? &r->want.install : &r->want.upgrade;
        bool lost = !install && pol->strategy == HC_STRATEGY_ROLLBACK && pol->remediate_last &&
                    !hc_history_previous(p->status, ignores_tests(r));
        if (lost)
            hc_cond_stalled(
                &p->cond, "MissingRollbackTarget",
                "Failed to perform remediation: missing target release for rollback: cannot remediate failed "
                "release");
        else
            hc_cond_stalled(&p->cond, "RetriesExceeded", "Failed to %s after %" PRId64 " attempt(s)",
                            install ? "install" : "upgrade", failures);
    } else if (!st->refused && (hc_cond_is(p->status, "Remediated", HC_TRUE) || failures > 0)) {
        hc_cond_stalled(&p->cond, "RetriesExceeded", "Failed to %s after %" PRId64 " attempt(s)",
                        install ? "install" : "upgrade", failures);
    } else {
        /* Nothing was stored: the chart does not render, the values do not fit, the server refuses. */
        const char *reason = install ? "InstallFailed" : "UpgradeFailed";
        hc_str msg = hc_arena_printf(p->a, "Helm %s failed for release %.*s/%.*s with chart %.*s@%.*s: %s",
                                     install ? "install" : "upgrade", HC_P(r->ns), HC_P(r->name),
                                     HC_P(r->chart->name), HC_P(r->chart_version), st->why);
        hc_cond_set(&p->cond, "Released", HC_FALSE, reason, msg);
        hc_cond_set(&p->cond, "Ready", HC_FALSE, reason, msg);
        hc_cond_del(&p->cond, "Reconciling");
        hc_cond_set(&p->cond, "Stalled", HC_TRUE, reason, msg);
        pass_event(p, "Warning", reason,
                   event_notes(r, r->chart_version, r->config_digest, r->app_version, r->oci_digest), "%.*s",
                   HC_P(msg));
    }
    pass_observed(p);
    pass_log(p, HC_LOG_ERROR, "stalled: %s", st->why);
}

/* ---- inventory ---- */

static void add_entry(struct rel *r, struct hc_val *list, hc_str api_version, hc_str kind, hc_str ns, hc_str name)
{
    struct hc_arena *a = r->p->a;
    size_t slash = hc_str_find(api_version, '/');
    hc_str group = slash == SIZE_MAX ? HC_S("") : hc_str_sub(api_version, 0, slash);
    hc_str version = slash == SIZE_MAX ? api_version : hc_str_sub(api_version, slash + 1, api_version.n);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_buf_printf(&b, "%.*s_", HC_P(ns));
    for (size_t i = 0; i < name.n; i++) { /* cli-utils: colons of RBAC names */
        if (name.p[i] == ':')
            hc_buf_puts(&b, "__");
        else
            hc_buf_putc(&b, name.p[i]);
    }
    hc_buf_printf(&b, "_%.*s_%.*s", HC_P(group), HC_P(kind));
    struct hc_val *e = hc_map_new(a);
    hc_map_put_str(a, e, "id", hc_buf_to_arena(&b, a));
    hc_map_put_str(a, e, "v", version);
    hc_list_add(a, list, e);
}

void rel_inventory(struct rel *r)
{
    struct hc_arena *a = r->p->a;
    const struct hc_ref *refs = NULL;
    size_t n = hc_reconcile_objects(r->engine, &refs);
    struct hc_val *list = hc_list_new(a), *inventory = hc_map_new(a);
    for (size_t i = 0; i < n; i++)
        add_entry(r, list, refs[i].api_version, refs[i].kind, refs[i].ns, refs[i].name);
    struct hc_crd_file *files = NULL;
    size_t files_n = 0;
    struct hc_err err = HC_ERR_INIT;
    if (rel_crds(r, a, &files, &files_n, &err) == HC_OK)
        for (size_t i = 0; i < files_n; i++) {
            struct hc_val *docs = NULL;
            if (hc_yaml_parse_all(a, files[i].text, files[i].name, 0, &docs, &err) != HC_OK)
                continue;
            for (size_t j = 0; j < hc_list_len(docs); j++) {
                struct hc_ref c = hc_ref_of(hc_list_at(docs, j));
                if (c.name.n)
                    add_entry(r, list, c.api_version, c.kind, HC_S(""), c.name);
            }
        }
    hc_map_put(a, inventory, HC_S("entries"), list);
    hc_map_put(a, r->p->status, HC_S("inventory"), inventory);
}
