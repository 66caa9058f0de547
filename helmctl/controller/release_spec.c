/*
 * A HelmRelease's spec to the engine's policies; defaults are helm-controller's (api/v2 helmrelease_types.go).
 */
#include <stdio.h>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/limits.h"
#include "helmctl/controller/clients.h"
#include "helmctl/controller/release_impl.h"

#define DEFAULT_TIMEOUT_MS ((int64_t)5 * 60000)
#define DEFAULT_RETRY_MS   ((int64_t)5 * 60000)

void rel_names(struct rel *r)
{
    struct hc_arena *a = r->p->a;
    hc_str name = hc_get_str(hc_map_getz(r->spec, "releaseName")),
           target = hc_get_str(hc_map_getz(r->spec, "targetNamespace"));
    hc_str storage = hc_get_str(hc_map_getz(r->spec, "storageNamespace"));
    if (!name.n)
        name = target.n ? hc_arena_printf(a, "%.*s-%.*s", HC_P(target), HC_P(r->p->key.name)) : r->p->key.name;
    r->name = hc_short_release_name(a, name);
    r->ns = target.n ? target : r->p->key.ns;
    r->storage_ns = storage.n ? storage : r->p->key.ns;
}

static bool flag(const struct hc_val *block, const char *name)
{
    return hc_get_bool_at(block, name, false);
}

static enum hc_ssa tri(hc_str s)
{
    return hc_str_eqz(s, "enabled") ? HC_SSA_ON : hc_str_eqz(s, "disabled") ? HC_SSA_OFF : HC_SSA_AUTO;
}

static enum hc_crd_policy crd_policy(hc_str s, enum hc_crd_policy otherwise)
{
    return hc_str_eqz(s, "Skip")            ? HC_CRDS_SKIP
           : hc_str_eqz(s, "Create")        ? HC_CRDS_CREATE
           : hc_str_eqz(s, "CreateReplace") ? HC_CRDS_REPLACE
                                            : otherwise;
}

static void common(const struct rel *r, const char *which, struct hc_action_policy *o)
{
    const struct hc_val *b = hc_map_getz(r->spec, which);
    int64_t timeout = pass_duration(r->spec, "timeout", DEFAULT_TIMEOUT_MS),
            own = pass_duration(b, "timeout", timeout);
    bool legacy = hc_str_eqz(hc_get_str_at(r->spec, "waitStrategy.name"), "legacy") ||
                  (r->p->c->o->helm3_defaults && !hc_map_getz(r->spec, "waitStrategy"));
    *o = (struct hc_action_policy){
        .timeout_ms = own > 0 ? own : DEFAULT_TIMEOUT_MS, /* 0s is no time to wait in */
        .disable_hooks = flag(b, "disableHooks"),
        .wait = flag(b, "disableWait") ? HC_WAIT_NONE
                : legacy               ? HC_WAIT_LEGACY
                                       : HC_WAIT_WATCHER,
        .wait_for_jobs = !flag(b, "disableWaitForJobs"),
        .cleanup_on_fail = flag(b, "cleanupOnFail"),
        .force_replace = flag(b, "force"),
        .force_conflicts = true, /* helm-controller: always */
        .take_ownership = !flag(b, "disableTakeOwnership"),
        .skip_validation = flag(b, "disableOpenAPIValidation"),
        .server_side = HC_SSA_AUTO,
    };
}

/* remediation and strategy of install and upgrade */
static void remediation(const struct rel *r, const char *which, struct hc_action_policy *o)
{
    const struct hc_val *b = hc_map_getz(r->spec, which), *m = hc_map_getz(b, "remediation");
    bool upgrade = strcmp(which, "upgrade") == 0;
    hc_str strategy = hc_get_str_at(b, "strategy.name");
    o->retries = hc_get_int_at(m, "retries", 0);
    o->ignore_test_failures = hc_get_bool_at(m, "ignoreTestFailures",
                                             hc_get_bool_at(r->spec, "test.ignoreFailures", false));
    o->remediate_last = hc_get_bool_at(m, "remediateLastFailure", upgrade && o->retries > 0);
    o->strategy = !upgrade || hc_str_eqz(hc_get_str(hc_map_getz(m, "strategy")), "uninstall")
                      ? HC_STRATEGY_UNINSTALL
                      : HC_STRATEGY_ROLLBACK;
    if (hc_str_eqz(strategy, "RetryOnFailure") || (r->p->c->o->default_to_retry && !strategy.n && !m)) {
        o->strategy = HC_STRATEGY_RETRY;
        o->retry_interval_ms = pass_duration(b, "strategy.retryInterval", DEFAULT_RETRY_MS);
        o->retries = -1;
    }
}

static void drift_rules(struct rel *r)
{
    struct hc_arena *a = r->p->a;
    hc_str mode = hc_get_str_at(r->spec, "driftDetection.mode");
    r->want.drift = hc_str_eqz(mode, "enabled") ? HC_DRIFT_CORRECT
                    : hc_str_eqz(mode, "warn")  ? HC_DRIFT_WARN
                                                : HC_DRIFT_OFF;
    const struct hc_val *list = hc_get(r->spec, "driftDetection.ignore");
    size_t n = hc_list_len(list);
    struct hc_drift_ignore *rules = n ? HC_NEW_N(a, struct hc_drift_ignore, n) : NULL;
    for (size_t i = 0; rules && i < n; i++) {
        const struct hc_val *v = hc_list_at(list, i), *t = hc_map_getz(v, "target"),
                            *paths = hc_map_getz(v, "paths");
        hc_str *p = HC_NEW_N(a, hc_str, hc_list_len(paths));
        for (size_t j = 0; p && j < hc_list_len(paths); j++)
            p[j] = hc_get_str(hc_list_at(paths, j));
        rules[i] = (struct hc_drift_ignore){ .group = hc_get_str(hc_map_getz(t, "group")),
                                             .version = hc_get_str(hc_map_getz(t, "version")),
                                             .kind = hc_get_str(hc_map_getz(t, "kind")),
                                             .name = hc_get_str(hc_map_getz(t, "name")),
                                             .ns = hc_get_str(hc_map_getz(t, "namespace")),
                                             .label_selector = hc_get_str(hc_map_getz(t, "labelSelector")),
                                             .annotation_selector = hc_get_str(
                                                 hc_map_getz(t, "annotationSelector")),
                                             .paths = p,
                                             .paths_n = p ? hc_list_len(paths) : 0 };
    }
    r->want.drift_ignore = rules;
    r->want.drift_ignore_n = rules ? n : 0;
}

static void test_filters(struct rel *r)
{
    const struct hc_val *list = hc_get(r->spec, "test.filters");
    size_t n = hc_list_len(list);
    hc_str *names = n ? HC_NEW_N(r->p->a, hc_str, n) : NULL;
    for (size_t i = 0; names && i < n; i++) {
        hc_str name = hc_get_str(hc_map_getz(hc_list_at(list, i), "name"));
        names[i] = flag(hc_list_at(list, i), "exclude") ? hc_arena_printf(r->p->a, "!%.*s", HC_P(name)) : name;
    }
    r->want.test_filters = names;
    r->want.test_filters_n = names ? n : 0;
}

/*
 * reconcile.fluxcd.io/forceAt with the token of requestedAt, not handled yet. With the object's uid: a HelmRelease that was made
 * anew with the same annotations, over records that stayed, asks for it anew. As a digest, since records keep it and the
 * token is as long as somebody likes.
 */
static hc_str force_of(const struct pass *p)
{
    const struct hc_val *notes = hc_get(p->obj, "metadata.annotations");
    hc_str asked = hc_get_str(hc_map_getz(notes, "reconcile.fluxcd.io/requestedAt"));
    hc_str force = hc_get_str(hc_map_getz(notes, "reconcile.fluxcd.io/forceAt"));
    if (!force.n || !hc_str_eq(asked, force) ||
        hc_str_eq(force, hc_get_str(hc_map_getz(p->status, "lastHandledForceAt"))))
        return (hc_str){ NULL, 0 };
    char hex[HC_SHA256_HEX + 1];
    hc_sha256_of(hc_arena_printf(p->a, "%.*s/%.*s", HC_P(hc_get_str_at(p->obj, "metadata.uid")), HC_P(force)), hex);
    return hc_arena_str(p->a, hc_str_of(hex));
}

/* Annotations of the HelmRelease, before the controller's own flag. */
static void preflight(const struct rel *r, struct hc_reconcile_spec *w)
{
    const struct hc_val *notes = hc_get(r->p->obj, "metadata.annotations");
    hc_str how = hc_get_str(hc_map_getz(notes, "release.helmctl.dev/preflight"));
    w->preflight = how.n ? HC_PREFLIGHT_DOUBT : r->p->c->o->preflight;
    (void)hc_preflight_named(how, &w->preflight);
    w->data_may_go = hc_str_eqz(hc_get_str(hc_map_getz(notes, "release.helmctl.dev/allow-data-loss")), "enabled");
}

/* When the newest try failed, as far as the status tells; 0: it does not. */
static int64_t failed_ms(const struct rel *r)
{
    const struct hc_val *latest = hc_history_latest(r->p->status);
    int64_t began_ms = hc_time_parse_ms(hc_get_str(hc_map_getz(latest, "lastDeployed")));
    int64_t took_ms = hc_duration_parse_ms(
        hc_get_str(hc_map_getz(r->p->status, "lastAttemptedReleaseActionDuration")));
    return began_ms > 0 ? began_ms + HC_MAX(took_ms, (int64_t)0) : 0;
}

void rel_policies(struct rel *r)
{
    const struct hc_val *spec = r->spec;
    bool csa = r->p->c->o->helm3_defaults;
    struct hc_reconcile_spec *w = &r->want;
    hc_str action = hc_get_str(hc_map_getz(r->p->status, "lastAttemptedReleaseAction"));
    hc_str propagation = hc_get_str_at(spec, "uninstall.deletionPropagation");
    const char *counter = hc_str_eqz(action, "install") ? "installFailures" : "upgradeFailures";
    *w = (struct hc_reconcile_spec){
        .kube = r->kube,
        .name = r->name,
        .ns = r->ns,
        .storage = r->storage,
        .manager = "helm-controller",
        .goal = HC_GOAL_PRESENT,
        .failures = hc_get_int_at(r->p->status, counter, 0),
        .failed_action = hc_str_eqz(action, "install")   ? HC_ACTION_INSTALL
                         : hc_str_eqz(action, "upgrade") ? HC_ACTION_UPGRADE
                                                         : HC_ACTION_NONE,
        .retry_pause_ms = r->p->c->o->min_retry_delay_ms,
        .retry_pause_max_ms = r->p->c->o->max_retry_delay_ms,
        .failed_ms = failed_ms(r),
        .create_namespace = hc_get_str(hc_map_getz(spec, "targetNamespace")).n > 0 &&
                            hc_get_bool_at(spec, "install.createNamespace", false),
        .keep_history = hc_get_bool_at(spec, "uninstall.keepHistory", false),
        .tests = hc_get_bool_at(spec, "test.enable", false),
        .propagation = hc_str_eqz(propagation, "foreground") ? "Foreground"
                       : hc_str_eqz(propagation, "orphan")   ? "Orphan"
                                                             : "Background",
        .max_history = hc_get_int_at(spec, "maxHistory", 5),
        .resync_ms = pass_duration(spec, "interval", 60000),
        .force = force_of(r->p),
    };
    common(r, "install", &w->install);
    common(r, "upgrade", &w->upgrade);
    common(r, "rollback", &w->rollback);
    common(r, "uninstall", &w->uninstall);
    w->uninstall.retry_interval_ms = r->p->c->o->min_retry_delay_ms;
    common(r, "test", &w->test);
    remediation(r, "install", &w->install);
    remediation(r, "upgrade", &w->upgrade);
    w->install.replace = hc_get_bool_at(spec, "install.replace", false);
    w->install.crds = crd_policy(hc_get_str_at(spec, "install.crds"), HC_CRDS_CREATE);
    w->upgrade.crds = crd_policy(hc_get_str_at(spec, "upgrade.crds"), HC_CRDS_SKIP);
    w->install.server_side = hc_get_bool_at(spec, "install.serverSideApply", !csa) ? HC_SSA_ON : HC_SSA_OFF;
    w->upgrade.server_side = tri(hc_get_str_at(spec, "upgrade.serverSideApply"));
    w->rollback.server_side = tri(hc_get_str_at(spec, "rollback.serverSideApply"));
    w->rollback.take_ownership = true; /* it was ours before */
    preflight(r, w);
    drift_rules(r);
    test_filters(r);
}

enum hc_rc rel_rules(struct rel *r, struct hc_err *err)
{
    struct pass *p = r->p;
    hc_str name = hc_get_str(hc_map_getz(hc_get(p->obj, "metadata.annotations"), HC_HEALTH_RULES));
    struct hc_ref ref = { HC_S("v1"), HC_S("ConfigMap"), p->key.ns, name };
    struct hc_val *map = NULL;
    r->want.rules_last = p->c->o->rules;
    r->want.rules_last_n = p->c->o->rules_n;
    if (name.n == 0)
        return HC_OK;
    enum hc_rc rc = hc_kube_get(p->c->kube, p->a, &ref, &map, err);
    if (rc != HC_OK)
        return hc_wrap(err, "annotation " HC_HEALTH_RULES);
    const struct hc_val *data = hc_map_getz(map, "data");
    size_t n = HC_MIN(hc_map_len(data), (size_t)HC_MAX_RULES);
    struct hc_health_rule *rules = HC_NEW_N(p->a, struct hc_health_rule, n + 1);
    for (size_t i = 0; rules && i < n; i++) {
        const struct hc_entry *e = hc_map_at(data, i);
        rc = hc_health_rule_of(e->key, hc_get_str(e->val), &rules[i], err);
        if (rc != HC_OK)
            return hc_wrap(err, "ConfigMap %.*s/%.*s", HC_P(p->key.ns), HC_P(name));
    }
    r->want.rules = rules;
    r->want.rules_n = rules ? n : 0;
    return hc_arena_check(p->a, err, "health rules");
}

hc_str rel_digest(struct rel *r)
{
    struct hc_arena *a = r->p->a;
    hc_str parts[] = { r->ns,
                       r->name,
                       r->chart->name,
                       r->chart_version,
                       r->config_digest,
                       hc_post_renderers_digest(a, hc_map_getz(r->spec, "postRenderers")),
                       hc_common_metadata_digest(a, hc_map_getz(r->spec, "commonMetadata")),
                       hc_get_str(hc_map_getz(r->spec, "postRenderStrategy")) };
    struct hc_sha256 h;
    char hex[HC_SHA256_HEX + 1];
    hc_sha256_init(&h);
    for (size_t i = 0; i < HC_LEN(parts); i++) {
        hc_sha256_add(&h, parts[i].p ? parts[i] : HC_S(""));
        hc_sha256_add(&h, HC_S("\n"));
    }
    hc_sha256_hex(&h, hex);
    return hc_arena_printf(a, "sha256:%s", hex);
}

hc_str rel_era(struct rel *r)
{
    const struct pass *p = r->p;
    hc_str text = hc_arena_printf(p->a, "%.*s %" PRId64 " %.*s", HC_P(hc_get_str_at(p->obj, "metadata.uid")),
                                  p->cond.generation,
                                  HC_P(hc_get_str(hc_map_getz(p->status, "lastHandledResetAt"))));
    return hc_arena_printf(p->a, "%016" PRIx64, hc_str_hash(text));
}

enum hc_rc rel_client(struct rel *r, struct hc_err *err)
{
    struct pass *p = r->p;
    const struct hc_val *kc = hc_map_getz(r->spec, "kubeConfig");
    hc_str sa = hc_get_str(hc_map_getz(r->spec, "serviceAccountName"));
    if (hc_is_map(hc_map_getz(kc, "configMapRef")))
        return hc_fail(err, HC_E_INPUT, "spec.kubeConfig.configMapRef is not supported: use secretRef");
    r->remote = hc_is_map(hc_map_getz(kc, "secretRef"));
    if (!sa.n && p->c->o->default_service_account)
        sa = hc_str_of(p->c->o->default_service_account);
    hc_str user = sa.n ? hc_arena_printf(p->a, "system:serviceaccount:%.*s:%.*s", HC_P(p->key.ns), HC_P(sa))
                       : (hc_str){ NULL, 0 };
    hc_str body = { NULL, 0 };
    if (r->remote) {
        enum hc_rc rc = ctl_kubeconfig_of(p->c, p->a, p->key.ns, hc_map_getz(kc, "secretRef"), &body, err);
        if (rc != HC_OK)
            return rc;
    }
    return ctl_client_of(p->c, body, user, &r->kube, err);
}
