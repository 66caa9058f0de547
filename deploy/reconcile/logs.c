/*
 * What containers said: the last words of the one that holds a release up, whole logs of hooks where an annotation asks
 * for them, and those of tests. A log that cannot be had is no failure of the release; it is left out, or told.
 */
#include "core/base/limits.h"
#include "deploy/reconcile/reconcile_impl.h"

#define TAIL_LINES 20 /* kept of a failure: what an event can hold of it is less */
#define TAIL_BYTES 8192
#define LAST_BYTES 200 /* of the line that a sentence quotes */

static hc_str last_line(hc_str s)
{
    s = hc_str_trim(s);
    size_t nl = hc_str_rfind(s, '\n');
    return hc_str_sub(nl == SIZE_MAX ? s : hc_str_trim(hc_str_sub(s, nl + 1, s.n)), 0, LAST_BYTES);
}

static hc_str tail_of(struct hc_reconcile *r, hc_str ns, const struct hc_cause *cause)
{
    const struct hc_kube_log what = { .ns = ns,
                                      .pod = cause->pod,
                                      .container = cause->container,
                                      .previous = cause->before,
                                      .tail_lines = TAIL_LINES,
                                      .limit_bytes = TAIL_BYTES };
    hc_str text = { NULL, 0 };
    if (cause->pod.n > 0)
        (void)hc_kube_pod_log(r->spec.kube, r->step, &what, &text, NULL);
    return hc_str_trim(text);
}

hc_str hc_rec_object_cause(struct hc_reconcile *r, const struct hc_val *live, const struct hc_readiness *readiness)
{
    struct hc_val *pods = NULL, *events = NULL;
    hc_str ns = hc_get_str_at(live, "metadata.namespace");
    hc_str selector = hc_ready_pod_selector(r->step, live);
    if (selector.n > 0) {
        const struct hc_kube_list what = {
            .api_version = HC_S("v1"), .kind = HC_S("Pod"), .ns = ns, .label_selector = selector
        };
        (void)hc_kube_list(r->spec.kube, r->step, &what, &pods, NULL, NULL);
    }
    if (ns.n > 0) {
        const struct hc_kube_list what = {
            .api_version = HC_S("v1"), .kind = HC_S("Event"), .ns = ns, .field_selector = HC_S("type=Warning")
        };
        struct hc_val *all = NULL, *near = hc_list_new(r->step);
        hc_str name = hc_get_str_at(live, "metadata.name");
        (void)hc_kube_list(r->spec.kube, r->step, &what, &all, NULL, NULL);
        for (size_t i = 0; i < hc_list_len(all); i++) { /* of the workload and of what is named after it */
            hc_str about = hc_get_str_at(hc_list_at(all, i), "involvedObject.name");
            if (hc_str_starts(about, name))
                hc_list_add(r->step, near, hc_list_at(all, i));
        }
        events = near;
    }
    struct hc_cause cause = hc_ready_cause(r->step, live, readiness, pods, events);
    r->last_words = tail_of(r, ns, &cause);
    hc_str line = last_line(r->last_words);
    if (cause.quoted || line.n == 0 || hc_str_find_str(cause.sentence, line) != SIZE_MAX)
        return cause.sentence;
    return hc_arena_printf(r->step, "%.*s; its log ends: %.*s", HC_P(cause.sentence), HC_P(line));
}

/* Up to two lines that stand before the last one, for a record: " (before that: a | b)". */
hc_str hc_rec_words_before(struct hc_reconcile *r)
{
    hc_str rest = r->last_words, lines[2] = { { NULL, 0 }, { NULL, 0 } };
    for (size_t at = hc_str_rfind(rest, '\n'), n = 0; at != SIZE_MAX && n < 2; at = hc_str_rfind(rest, '\n')) {
        rest = hc_str_trim(hc_str_sub(rest, 0, at));
        hc_str line = last_line(rest);
        if (line.n > 0)
            lines[n++] = line;
    }
    if (lines[0].n == 0)
        return HC_S("");
    return hc_arena_printf(r->step, " (before that: %.*s%s%.*s)", HC_P(lines[1]), lines[1].n > 0 ? " | " : "",
                           HC_P(lines[0]));
}

/* ---- logs of hooks, as an annotation asks for them ----------------------------------------------------------- */

static void tell_log(struct hc_reconcile *r, const struct hc_record_hook *h, const struct hc_val *pod,
                     hc_str container, bool heading)
{
    struct hc_ref ref = hc_ref_of(pod);
    const struct hc_kube_log what = {
        .ns = ref.ns, .pod = ref.name, .container = container, .limit_bytes = (int64_t)HC_MAX_HOOK_LOG_BYTES
    };
    struct hc_err err = HC_ERR_INIT;
    hc_str text = { NULL, 0 };
    bool ok = hc_kube_pod_log(r->spec.kube, r->step, &what, &text, &err) == HC_OK;
    if (!ok)
        text = hc_arena_printf(r->step, "unable to get logs for pod %.*s, container %.*s: %s", HC_P(ref.name),
                               HC_P(container), err.msg);
    hc_rec_tell(r, (struct hc_tell){ .what = heading ? HC_TOLD_TEST_LOG : HC_TOLD_HOOK_LOG,
                                     .action = r->mark.action,
                                     .hook = h,
                                     .ref = ref,
                                     .container = container,
                                     .ok = ok,
                                     .message = text });
}

void hc_rec_hook_log(struct hc_reconcile *r, const struct hc_record_hook *h, const struct hc_ref *ref)
{
    struct hc_kube_list what = { .api_version = HC_S("v1"), .kind = HC_S("Pod"), .ns = ref->ns };
    struct hc_val *pods = NULL;
    if (hc_str_eqz(ref->kind, "Job"))
        what.label_selector = hc_arena_printf(r->step, "job-name=%.*s", HC_P(ref->name));
    else if (hc_str_eqz(ref->kind, "Pod"))
        what.field_selector = hc_arena_printf(r->step, "metadata.name=%.*s", HC_P(ref->name));
    else
        return;
    (void)hc_kube_list(r->spec.kube, r->step, &what, &pods, NULL, NULL);
    for (size_t i = 0; i < hc_list_len(pods); i++) {
        const struct hc_val *containers = hc_get(hc_list_at(pods, i), "spec.containers");
        for (size_t j = 0; j < hc_list_len(containers); j++)
            tell_log(r, h, hc_list_at(pods, i), hc_get_str_at(hc_list_at(containers, j), "name"), false);
    }
}

/* Of a test that is a Pod: all containers, before its delete policy takes the pod away. */
void hc_rec_test_log(struct hc_reconcile *r, const struct hc_record_hook *h, const struct hc_ref *ref)
{
    static const char *const lists[] = { "spec.initContainers", "spec.containers" };
    struct hc_val *pod = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (!hc_str_eqz(ref->kind, "Pod"))
        return;
    if (hc_kube_get(r->spec.kube, r->step, ref, &pod, &err) != HC_OK) {
        hc_rec_tell(r, (struct hc_tell){ .what = HC_TOLD_TEST_LOG,
                                         .action = HC_ACTION_TEST,
                                         .hook = h,
                                         .ref = *ref,
                                         .message = hc_arena_printf(r->step, "unable to get pod %.*s: %s",
                                                                    HC_P(ref->name), err.msg) });
        return;
    }
    for (size_t i = 0; i < HC_LEN(lists); i++) {
        const struct hc_val *containers = hc_get(pod, lists[i]);
        for (size_t j = 0; j < hc_list_len(containers); j++)
            tell_log(r, h, pod, hc_get_str_at(hc_list_at(containers, j), "name"), true);
    }
}
