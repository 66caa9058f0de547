/*
 * What every reconciler does the same way: status, finalizer, events, intervals.
 */
#include <stdarg.h>
#include <stdio.h>

#include "core/base/clock.h"
#include "core/base/scrub.h"
#include "core/value/merge.h"
#include "helmctl/controller/ctl_impl.h"

#define FINALIZER "finalizers.fluxcd.io"

static struct hc_ref self_ref(const struct pass *p)
{
    return (struct hc_ref){ .api_version = hc_str_of(hc_ctl_api_version(p->key.kind)),
                            .kind = hc_str_of(hc_ctl_kind_name(p->key.kind)),
                            .ns = p->key.ns,
                            .name = p->key.name };
}

enum hc_rc pass_flush(struct pass *p)
{
    struct hc_val *diff = hc_merge_patch_diff(p->a, p->stored, p->status);
    if (hc_map_len(diff) == 0)
        return HC_OK;
    struct hc_val *patch = hc_map_new(p->a), *out = NULL;
    hc_map_put(p->a, patch, HC_S("status"), diff);
    struct hc_ref r = self_ref(p);
    struct hc_err err = HC_ERR_INIT;
    enum hc_rc rc = hc_kube_patch(p->c->kube, p->a, &r, "status", HC_PATCH_MERGE, patch, p->manager, 0, &out, &err);
    if (rc != HC_OK)
        return hc_err_copy(&p->err, &err);
    p->stored = hc_val_copy(p->a, p->status);
    if (out) {
        p->obj = out;
        ctl_observe(p->c, p->key.kind, out);
    }
    return HC_OK;
}

bool pass_has_finalizer(const struct pass *p)
{
    const struct hc_val *list = hc_get(p->obj, "metadata.finalizers");
    for (size_t i = 0; i < hc_list_len(list); i++)
        if (hc_str_eqz(hc_get_str(hc_list_at(list, i)), FINALIZER))
            return true;
    return false;
}

enum hc_rc pass_finalizer(struct pass *p, bool present)
{
    if (pass_has_finalizer(p) == present)
        return HC_OK;
    struct hc_val *list = hc_list_new(p->a), *meta = hc_map_new(p->a), *patch = hc_map_new(p->a), *out = NULL;
    const struct hc_val *old = hc_get(p->obj, "metadata.finalizers");
    for (size_t i = 0; i < hc_list_len(old); i++)
        if (!hc_str_eqz(hc_get_str(hc_list_at(old, i)), FINALIZER))
            hc_list_add(p->a, list, hc_list_at(old, i));
    if (present)
        hc_list_add(p->a, list, hc_strz_val(p->a, FINALIZER));
    hc_map_put(p->a, meta, HC_S("finalizers"), list);
    /* A list is written whole: somebody else's change in between must not be lost. */
    hc_map_put_str(p->a, meta, "resourceVersion", hc_get_str_at(p->obj, "metadata.resourceVersion"));
    hc_map_put(p->a, patch, HC_S("metadata"), meta);
    struct hc_ref r = self_ref(p);
    enum hc_rc rc = hc_kube_patch(p->c->kube, p->a, &r, NULL, HC_PATCH_MERGE, patch, p->manager, 0, &out, &p->err);
    if (rc == HC_OK && out) {
        p->obj = out;
        p->spec = hc_map_getz(out, "spec");
        if (present) /* an object that lost its last finalizer is gone */
            ctl_observe(p->c, p->key.kind, out);
    }
    return rc;
}

bool pass_deleting(const struct pass *p)
{
    return hc_get_str_at(p->obj, "metadata.deletionTimestamp").n > 0;
}

bool pass_suspended(const struct pass *p)
{
    return hc_get_bool_at(p->spec, "suspend", false);
}

bool pass_handled_request(struct pass *p)
{
    hc_str v = hc_get_str(hc_map_getz(hc_get(p->obj, "metadata.annotations"), "reconcile.fluxcd.io/requestedAt"));
    bool asked = v.n && !hc_str_eq(v, hc_get_str(hc_map_getz(p->status, "lastHandledReconcileAt")));
    if (asked)
        hc_map_put_str(p->a, p->status, "lastHandledReconcileAt", v);
    return asked;
}

void pass_observed(struct pass *p)
{
    hc_map_put_int(p->a, p->status, "observedGeneration", p->cond.generation);
}

int64_t pass_duration(const struct hc_val *spec, const char *path, int64_t otherwise)
{
    hc_str s = hc_get_str_at(spec, path);
    int64_t ms = s.n ? hc_duration_parse_ms(s) : -1;
    return ms < 0 ? otherwise : ms;
}

struct ctl_result pass_after(int64_t ms)
{
    return (struct ctl_result){ CTL_AT, hc_mono_ms() + ms };
}

struct ctl_result pass_done(const struct pass *p, int64_t interval_ms)
{
    /* Flux: --interval-jitter-percentage both ways. The spread comes from the key and the time: nothing to guess. */
    int64_t spread = interval_ms * p->c->o->interval_jitter_percentage / 100;
    if (spread > 0) {
        uint64_t h = hc_str_hash(p->key.name) * 31 + hc_str_hash(p->key.ns) + (uint64_t)hc_now_ns();
        h ^= h >> 33;
        h *= 0xff51afd7ed558ccdULL;
        h ^= h >> 33;
        interval_ms += (int64_t)(h % (uint64_t)(2 * spread + 1)) - spread;
    }
    return (struct ctl_result){ CTL_DONE, hc_mono_ms() + HC_MAX(interval_ms, (int64_t)1) };
}

void pass_event(struct pass *p, const char *type, const char *reason, const struct hc_val *notes, const char *fmt,
                ...)
{
    char text[4096];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    hc_scrub_urls(text, ctl_lane_of(p->key.kind) == LANE_SOURCE);
    n = n < 0 ? n : (int)strlen(text);
    hc_str message = { text, n < 0 ? 0 : HC_MIN((size_t)n, sizeof(text) - 1) };
    ctl_events_post(p->c->events, p->obj, p->manager, type, reason, message, notes);
}

void pass_log(const struct pass *p, enum hc_log_level level, const char *fmt, ...)
{
    if (!hc_log_enabled(level))
        return;
    char text[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    hc_scrub_urls(text, ctl_lane_of(p->key.kind) == LANE_SOURCE);
    hc_str kind = hc_str_of(hc_ctl_kind_name(p->key.kind));
    char controller[64];
    size_t at = 0;
    for (; at < kind.n && at < sizeof(controller) - 1; at++) /* Flux: "helmrelease" */
        controller[at] = (char)(kind.p[at] >= 'A' && kind.p[at] <= 'Z' ? kind.p[at] + 32 : kind.p[at]);
    struct hc_log_field f[] = { { "controller", { controller, at } },
                                { "namespace", p->key.ns },
                                { "name", p->key.name } };
    hc_log(level, text, HC_LEN(f), f);
}

bool pass_refuses_ref(struct pass *p, const char *kind, hc_str ns, hc_str name)
{
    if (!p->c->o->no_cross_namespace_refs || hc_str_eq(ns, p->key.ns))
        return false;
    char text[512];
    snprintf(text, sizeof(text), "can't access '%s/%.*s/%.*s', cross-namespace references have been blocked", kind,
             HC_P(ns), HC_P(name));
    hc_cond_setf(&p->cond, "Ready", HC_FALSE, "AccessDenied", "%s", text);
    hc_cond_stalled(&p->cond, "AccessDenied", "%s", text);
    pass_observed(p);
    pass_event(p, "Warning", "AccessDenied", NULL, "%s", text);
    return true;
}
