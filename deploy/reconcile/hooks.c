/*
 * Hooks: which belong to a stage and in what order, where the one whose turn it is stands, and the small writes that
 * bring it further. Begun once: its beginning is recorded when nothing of its name is there, so an object of that
 * name that a later process finds is the hook itself, and its uid is recorded next.
 *
 * Writes of the record are dear, so a hook that is finished by being there (all but Jobs and Pods) costs one: what is ready
 * in the answer to its creation has no uid to be remembered, and the end of a hook is told by the write that begins
 * the next. Who is killed in between finds the object of the hook, and goes on from there; so before anything is deleted
 * it is written down (hc_rec_flush).
 */
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/value/yaml.h"
#include "deploy/reconcile/reconcile_impl.h"

static const char *event_of(const struct hc_reconcile *r, enum hc_stage stage)
{
    bool pre = stage == HC_STAGE_PRE;
    if (stage == HC_STAGE_TEST)
        return "test";
    if (stage != HC_STAGE_PRE && stage != HC_STAGE_POST)
        return NULL;
    switch (r->mark.action) {
    case HC_ACTION_INSTALL:
        return pre ? "pre-install" : "post-install";
    case HC_ACTION_UPGRADE:
        return pre ? "pre-upgrade" : "post-upgrade";
    case HC_ACTION_ROLLBACK:
        return pre ? "pre-rollback" : "post-rollback";
    case HC_ACTION_UNINSTALL:
        return pre ? "pre-delete" : "post-delete";
    case HC_ACTION_NONE:
    case HC_ACTION_TEST:
        break;
    }
    return NULL;
}

static bool listed(const struct hc_val *list, const char *name)
{
    for (size_t i = 0; i < hc_list_len(list); i++)
        if (hc_str_eqz(hc_get_str(hc_list_at(list, i)), name))
            return true;
    return false;
}

static bool wanted(const struct hc_reconcile *r, const struct hc_record_hook *h, const char *event)
{
    bool any = false, named = false;
    if (!event || !listed(h->events, event))
        return false;
    if (strcmp(event, "test") != 0)
        return true;
    for (size_t i = 0; i < r->spec.test_filters_n; i++) {
        hc_str f = r->spec.test_filters[i];
        bool exclude = f.n > 0 && f.p[0] == '!';
        bool same = hc_str_eq(exclude ? hc_str_sub(f, 1, f.n) : f, h->name);
        if (exclude && same)
            return false;
        any = any || !exclude;
        named = named || (!exclude && same);
    }
    return !any || named;
}

static int by_weight(const void *x, const void *y)
{
    const struct hc_record_hook *a = *(struct hc_record_hook *const *)x, *b = *(struct hc_record_hook *const *)y;
    if (a->weight != b->weight)
        return a->weight < b->weight ? -1 : 1;
    int c = hc_str_cmp(a->name, b->name);
    return c != 0 ? c : a < b ? -1 : a > b; /* the record's order is the kinds' order */
}

/* The hooks of a stage in their order; NULL-closed, in the step's arena. */
static struct hc_record_hook **hooks_of(struct hc_reconcile *r, enum hc_stage stage, size_t *out_n)
{
    const char *event = event_of(r, stage);
    struct hc_record_hook **list = HC_NEW_N(r->step, struct hc_record_hook *, r->head.hooks_n + 1);
    size_t n = 0;
    for (size_t i = 0; list && i < r->head.hooks_n; i++)
        if (wanted(r, &r->head.hooks[i], event))
            list[n++] = &r->head.hooks[i];
    if (list)
        qsort(list, n, sizeof(struct hc_record_hook *), by_weight);
    *out_n = n;
    return list;
}

struct hc_record_hook **hc_rec_hooks_of(struct hc_reconcile *r, enum hc_stage stage, size_t *out_n,
                                        const char **out_event)
{
    *out_event = event_of(r, stage);
    return hooks_of(r, stage, out_n);
}

bool hc_rec_has_hooks(const struct hc_reconcile *r, enum hc_stage stage)
{
    const char *event = event_of(r, stage);
    for (size_t i = 0; i < r->head.hooks_n; i++)
        if (wanted(r, &r->head.hooks[i], event))
            return true;
    return false;
}

enum hc_tests_seen hc_rec_tests(const struct hc_reconcile *r)
{
    enum hc_tests_seen seen = HC_TESTS_OFF;
    for (size_t i = 0; i < r->head.hooks_n; i++) {
        const struct hc_record_hook *h = &r->head.hooks[i];
        if (!wanted(r, h, "test"))
            continue;
        if (hc_str_eqz(h->phase, "Failed"))
            return HC_TESTS_FAILED;
        if (!hc_str_eqz(h->phase, "Succeeded"))
            seen = HC_TESTS_DUE;
        else if (seen == HC_TESTS_OFF)
            seen = HC_TESTS_PASSED;
    }
    return seen;
}

static bool policy(const struct hc_record_hook *h, const char *name)
{
    if (hc_str_eqz(h->kind, "CustomResourceDefinition"))
        return false; /* never deleted: all its objects would go with it */
    if (hc_list_len(h->delete_policies) == 0)
        return strcmp(name, "before-hook-creation") == 0;
    return listed(h->delete_policies, name);
}

static enum hc_rc object_of(struct hc_reconcile *r, const struct hc_record_hook *h, struct hc_val **out,
                            struct hc_ref *ref, struct hc_err *err)
{
    struct hc_kube_resource kind;
    struct hc_val *v = NULL;
    enum hc_rc rc = hc_yaml_parse(r->step, h->manifest, h->path, HC_YAML_PLAIN, &v, err);
    if (rc != HC_OK)
        return hc_wrap(err, "hook %.*s", HC_P(h->name));
    struct hc_plan_object o = { .object = v, .ns = hc_get_str_at(v, "metadata.namespace") };
    *ref = hc_ref_of(v);
    rc = hc_kube_resource_of(r->spec.kube, ref->api_version, ref->kind, &kind, err);
    if (rc != HC_OK)
        return hc_wrap(err, "hook %.*s", HC_P(h->name));
    if (kind.namespaced) {
        hc_plan_place(r->step, &o, r->spec.ns);
        ref->ns = o.ns;
    }
    *out = o.object;
    return hc_arena_check(r->step, err, "hook");
}

/* Hooks of an uninstall go by the server whatever the release is sent by, as Helm has it. */
static bool by_client(const struct hc_reconcile *r)
{
    bool uninstall = r->mark.action == HC_ACTION_UNINSTALL && r->mark.stage != HC_STAGE_TEST;
    return !uninstall && hc_rec_client_side(r);
}

static bool logs_wanted(const struct hc_record_hook *h, const char *policy)
{
    return listed(h->log_policies, policy);
}

static bool anything_to_sweep(struct hc_reconcile *r, struct hc_record_hook **list, size_t n)
{
    size_t done = (size_t)r->mark.hooks_done;
    for (size_t i = 0; i < n && i < done; i++)
        if (policy(list[i], "hook-succeeded") || (!r->mark.hook_broken && logs_wanted(list[i], "hook-succeeded")))
            return true;
    return r->mark.hook_broken && done < n && policy(list[done], "hook-failed");
}

enum hc_rc hc_rec_observe_hook(struct hc_reconcile *r, struct hc_seen *s, struct hc_err *err)
{
    size_t n = 0;
    struct hc_record_hook **list = hooks_of(r, r->mark.stage, &n);
    struct hc_val *object = NULL;
    const struct hc_val *live = NULL;
    const struct hc_action_policy *p = hc_rec_policy(r, r->mark.stage == HC_STAGE_TEST ? HC_ACTION_TEST
                                                                                       : r->mark.action);
    int64_t timeout = hc_rec_timeout_ms(p);
    r->hook = NULL;
    r->hook_live = NULL;
    r->hook_message = (hc_str){ NULL, 0 };
    s->hook = HC_HOOK_NONE;
    if (!list)
        return hc_arena_check(r->step, err, "hooks");
    if (r->mark.hook_broken || (size_t)r->mark.hooks_done >= n) {
        bool dirty = !r->swept && n > 0 && anything_to_sweep(r, list, n);
        s->hook = dirty ? HC_HOOK_SWEEP : r->mark.hook_broken ? HC_HOOK_BROKEN : HC_HOOK_NONE;
        return HC_OK;
    }
    r->hook = list[r->mark.hooks_done];
    enum hc_rc rc = object_of(r, r->hook, &object, &r->hook_ref, err);
    if (rc == HC_OK && r->hook_absent) {
        s->hook = HC_HOOK_INTENDED;
        return HC_OK;
    }
    if (rc == HC_OK)
        rc = hc_rec_look(r, &r->hook_ref, &live, err);
    if (rc != HC_OK && rc != HC_E_NOTFOUND)
        return rc;
    r->hook_live = (struct hc_val *)live;
    int64_t began = hc_time_parse_ms(r->hook->started_at);
    r->hook_deadline_ms = (r->mark.hook_running && began > 0 ? began : r->mark.since_ms) + timeout;
    s->deadline_ms = r->hook_deadline_ms;
    if (!r->mark.hook_running) {
        if (!live)
            s->hook = HC_HOOK_FREE;
        else if (hc_get_str_at(live, "metadata.deletionTimestamp").n > 0)
            s->hook = HC_HOOK_LEAVING;
        else if (policy(r->hook, "before-hook-creation"))
            s->hook = HC_HOOK_IN_THE_WAY;
        else
            s->hook = by_client(r) ? HC_HOOK_TAKEN : HC_HOOK_FREE; /* server-side apply goes over it */
        if (s->hook == HC_HOOK_LEAVING)
            r->waiting_for = hc_arena_printf(r->step, "%.*s of an earlier hook is being deleted",
                                             HC_P(hc_ref_str(r->step, &r->hook_ref)));
        return HC_OK;
    }
    if (r->mark.hook_uid.n == 0) {
        s->hook = !live || r->mark.hook_over ? HC_HOOK_INTENDED : HC_HOOK_MADE;
        return HC_OK;
    }
    if (!live) {
        /* Noted, and gone: by its time to live it had finished; deleted by hand it had not. */
        bool by_ttl = hc_get(object, "spec.ttlSecondsAfterFinished") != NULL;
        s->hook = by_ttl ? HC_HOOK_SUCCEEDED : HC_HOOK_FAILED;
        r->hook_message = HC_S("its object was deleted before it finished");
        return HC_OK;
    }
    struct hc_readiness ready = hc_ready_of(r->step, live, HC_READY_HOOK, s->now_ms);
    r->hook_message = ready.message;
    s->hook = ready.status == HC_READY_CURRENT  ? HC_HOOK_SUCCEEDED
              : ready.status == HC_READY_FAILED ? HC_HOOK_FAILED
                                                : HC_HOOK_RUNNING;
    if (s->hook == HC_HOOK_FAILED)
        r->hook_message = hc_rec_object_cause(r, live, &ready);
    r->waiting_for = hc_arena_printf(r->step, "%s hook %.*s: %.*s", event_of(r, r->mark.stage),
                                     HC_P(hc_ref_str(r->step, &r->hook_ref)), HC_P(ready.message));
    return HC_OK;
}

/* ---- actions ----------------------------------------------------------------------------------------------- */

enum hc_rc hc_rec_hook_clear(struct hc_reconcile *r, struct hc_err *err)
{
    const struct hc_kube_delete how = { .propagation = "Background" };
    enum hc_rc rc = hc_rec_flush(r, err);
    if (rc == HC_OK)
        rc = hc_rec_fence(r, err);
    return rc == HC_OK ? hc_kube_delete(r->spec.kube, &r->hook_ref, &how, NULL, err) : rc;
}

enum hc_rc hc_rec_hook_intend(struct hc_reconcile *r, struct hc_err *err)
{
    if (hc_list_len(r->hook->delete_policies) == 0) { /* Helm writes down what it takes for granted */
        r->hook->delete_policies = hc_list_new(r->keep);
        hc_list_add(r->keep, r->hook->delete_policies, hc_strz_val(r->keep, "before-hook-creation"));
    }
    r->hook->started_at = hc_record_time(r->keep, hc_rec_now(r) * 1000000);
    r->hook->completed_at = (hc_str){ NULL, 0 };
    r->hook->phase = HC_S("Running");
    r->mark.hook_running = true;
    r->mark.hook_over = r->hook_live != NULL;
    r->mark.hook_uid = (hc_str){ NULL, 0 };
    enum hc_rc rc = hc_rec_store(r, err);
    if (rc != HC_OK)
        return rc;
    r->hook_absent = !r->mark.hook_over;
    hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_HOOK,
                                     .action = r->mark.action,
                                     .hook = r->hook,
                                     .ref = r->hook_ref,
                                     .ok = true,
                                     .message = hc_str_of(event_of(r, r->mark.stage)) });
    return HC_OK;
}

static enum hc_rc finish(struct hc_reconcile *r, struct hc_record_hook *h, bool ok, hc_str why, struct hc_err *err)
{
    h->completed_at = hc_record_time(r->keep, hc_rec_now(r) * 1000000);
    h->phase = ok ? HC_S("Succeeded") : HC_S("Failed");
    r->mark.hook_running = r->mark.hook_over = false;
    r->mark.hook_uid = (hc_str){ NULL, 0 };
    r->swept = false;
    if (ok) {
        r->mark.hooks_done++;
    } else {
        r->mark.hook_broken = true;
        r->mark.why = hc_rec_text(r, "hook %.*s: %.*s%.*s", HC_P(h->path.n > 0 ? h->path : h->name), HC_P(why),
                                  HC_P(hc_rec_words_before(r)));
        if (logs_wanted(h, "hook-failed"))
            hc_rec_hook_log(r, h, &r->hook_ref);
    }
    size_t n = 0;
    bool more = ok && hooks_of(r, r->mark.stage, &n) && (size_t)r->mark.hooks_done < n;
    r->unsaved = more;
    r->hook_absent = false;
    enum hc_rc rc = more ? HC_OK : hc_rec_store(r, err);
    if (rc == HC_OK)
        hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_HOOK,
                                         .action = r->mark.action,
                                         .hook = h,
                                         .ref = r->hook_ref,
                                         .ok = ok,
                                         .message = why,
                                         .log = ok ? HC_S("") : r->last_words });
    return rc;
}

/* Hooks before the objects and behind them: what was done is another thing. */
static hc_str done_before(struct hc_reconcile *r)
{
    const char *sent = r->mark.stage == HC_STAGE_PRE           ? r->mark.action == HC_ACTION_UNINSTALL
                                                                     ? "no object of the release was deleted"
                                                                     : "no object of the release was sent"
                       : r->mark.stage == HC_STAGE_TEST        ? "the release itself stays as it is"
                       : r->mark.action == HC_ACTION_UNINSTALL ? "the objects of the release are deleted"
                                                               : "the objects of the release were sent";
    return hc_arena_printf(r->step, "Done: %d %s hooks; %s.", (int)r->mark.hooks_done, event_of(r, r->mark.stage),
                           sent);
}

static void hook_refused(struct hc_reconcile *r, struct hc_err *err)
{
    const struct hc_rec_source src = {
        .rec = &r->head, .path = r->hook->path, .text = r->hook->manifest, .line = 1, .what = "hook's manifest"
    };
    hc_rec_refused(r, &r->hook_ref, &src, done_before(r), err);
}

enum hc_rc hc_rec_hook_create(struct hc_reconcile *r, struct hc_err *err)
{
    struct hc_val *object = NULL, *made = NULL;
    struct hc_err refused = HC_ERR_INIT;
    enum hc_rc rc = hc_rec_fence(r, err);
    if (rc != HC_OK)
        return rc;
    rc = object_of(r, r->hook, &object, &r->hook_ref, &refused);
    r->hook_absent = false; /* once it is sent it may be there, whatever the answer is, or when there is none */
    if (rc == HC_OK)
        rc = by_client(r)
                 ? hc_kube_create(r->spec.kube, r->step, object, r->spec.manager, HC_KUBE_LAX_VALIDATION, &made,
                                  &refused)
                 : hc_kube_apply(r->spec.kube, r->step, object, r->spec.manager, HC_KUBE_FORCE, &made, &refused);
    /* By the client: nothing was there when it was recorded, so what is there now is the hook. Its answer was lost, and the
     * HTTP library sent it again. */
    if (rc == HC_E_CONFLICT && by_client(r))
        rc = refused.code = HC_E_AGAIN;
    if (hc_rec_repeatable(rc))
        return hc_err_copy(err, &refused);
    if (rc != HC_OK) {
        hook_refused(r, &refused);
        return finish(r, r->hook, false, hc_str_of(refused.msg), err);
    }
    struct hc_readiness ready = hc_ready_of(r->step, made, HC_READY_HOOK, hc_rec_now(r));
    if (ready.status == HC_READY_CURRENT)
        return finish(r, r->hook, true, ready.message, err);
    r->mark.hook_uid = hc_rec_text(r, "%.*s", HC_P(hc_get_str_at(made, "metadata.uid")));
    return hc_rec_store(r, err);
}

enum hc_rc hc_rec_hook_note(struct hc_reconcile *r, struct hc_err *err)
{
    r->mark.hook_uid = hc_rec_text(r, "%.*s", HC_P(hc_get_str_at(r->hook_live, "metadata.uid")));
    return hc_rec_store(r, err);
}

enum hc_rc hc_rec_hook_finish(struct hc_reconcile *r, struct hc_err *err)
{
    struct hc_readiness ready = r->hook_live ? hc_ready_of(r->step, r->hook_live, HC_READY_HOOK, hc_rec_now(r))
                                             : (struct hc_readiness){ 0 };
    bool vanished_done = !r->hook_live &&
                         hc_str_find_str(r->hook->manifest, HC_S("ttlSecondsAfterFinished")) != SIZE_MAX;
    bool ok = r->hook_live ? ready.status == HC_READY_CURRENT : vanished_done;
    hc_str why = r->hook_message;
    if (!ok && r->hook_live && ready.status != HC_READY_FAILED)
        why = hc_arena_printf(r->step, "not finished in time: %.*s",
                              HC_P(hc_rec_object_cause(r, r->hook_live, &ready)));
    return finish(r, r->hook, ok, why, err);
}

void hc_rec_test_logs(struct hc_reconcile *r)
{
    size_t n = 0;
    struct hc_record_hook **list = hooks_of(r, HC_STAGE_TEST, &n);
    for (size_t i = 0; r->spec.test_logs && !r->logs_told && list && i < n; i++) {
        struct hc_val *object;
        struct hc_ref ref;
        if (object_of(r, list[i], &object, &ref, NULL) == HC_OK)
            hc_rec_test_log(r, list[i], &ref);
    }
    r->logs_told = true;
}

static bool filtered(const struct hc_reconcile *r, hc_str name, bool exclude, bool *out_any)
{
    bool named = false;
    for (size_t i = 0; i < r->spec.test_filters_n; i++) {
        hc_str f = r->spec.test_filters[i];
        bool not = f.n > 0 && f.p[0] == '!';
        if (not != exclude)
            continue;
        *out_any = true;
        named = named || hc_str_eq(not ? hc_str_sub(f, 1, f.n) : f, name);
    }
    return named;
}

/* Helm writes the hooks that a filter left out in front of the others; so do we, for the record to be the same. */
void hc_rec_order_tested(struct hc_reconcile *r)
{
    struct hc_record_hook *out = HC_NEW_N(r->keep, struct hc_record_hook, r->head.hooks_n + 1);
    size_t n = 0;
    for (int pass = 0; out && pass < 3; pass++) {
        for (size_t i = 0; i < r->head.hooks_n; i++) {
            bool any = false, ignored = false;
            bool excluded = filtered(r, r->head.hooks[i].name, true, &ignored);
            bool included = filtered(r, r->head.hooks[i].name, false, &any);
            int when = excluded ? 0 : any && !included ? 1 : 2;
            if (when == pass)
                out[n++] = r->head.hooks[i];
        }
    }
    if (out && r->spec.test_filters_n > 0)
        r->head.hooks = out;
}

enum hc_rc hc_rec_hook_sweep(struct hc_reconcile *r, struct hc_err *err)
{
    size_t n = 0, done = (size_t)r->mark.hooks_done;
    struct hc_record_hook **list = hooks_of(r, r->mark.stage, &n);
    const struct hc_kube_delete how = { .propagation = "Background" };
    if (list && r->mark.stage == HC_STAGE_TEST)
        hc_rec_test_logs(r);
    for (size_t i = HC_MIN(n, done + 1); list && i-- > 0;) {
        struct hc_val *object;
        struct hc_ref ref;
        if (i < done && !r->mark.hook_broken && logs_wanted(list[i], "hook-succeeded") &&
            object_of(r, list[i], &object, &ref, NULL) == HC_OK)
            hc_rec_hook_log(r, list[i], &ref);
        bool due = i < done ? policy(list[i], "hook-succeeded")
                            : r->mark.hook_broken && policy(list[i], "hook-failed");
        if (!due)
            continue;
        enum hc_rc rc = object_of(r, list[i], &object, &ref, err);
        if (rc == HC_OK)
            rc = hc_rec_fence(r, err);
        if (rc == HC_OK)
            rc = hc_kube_delete(r->spec.kube, &ref, &how, NULL, err);
        if (rc != HC_OK && rc != HC_E_NOTFOUND)
            return r->read ? hc_wrap(err, "delete hook %.*s", HC_P(list[i]->name)) : rc;
    }
    r->swept = true;
    return list ? HC_OK : hc_arena_check(r->step, err, "hooks");
}
