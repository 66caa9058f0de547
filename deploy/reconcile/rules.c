/*
 * Health rules in the engine: where they come from, and what an answer means for a wait. A rule that is broken says so as
 * what the object waits for; the wait's deadline ends it, so no rule can hold a release for ever.
 */
#include "core/base/digest.h"
#include "core/base/limits.h"
#include "deploy/reconcile/reconcile_impl.h"

enum hc_rc hc_rec_chart_rules(struct hc_arena *a, const struct hc_val *chart, bool lenient,
                              struct hc_health_rule **out, size_t *out_n, struct hc_err *err)
{
    hc_str folder = hc_get_str(hc_map_getz(hc_get(chart, "metadata.annotations"), HC_HEALTH_RULES));
    const struct hc_val *files = hc_map_getz(chart, "files");
    size_t n = 0;
    *out = NULL;
    *out_n = 0;
    while (hc_str_ends(folder, HC_S("/")))
        folder.n--;
    if (folder.n == 0)
        return HC_OK;
    hc_str prefix = hc_arena_printf(a, "%.*s/", HC_P(folder));
    struct hc_health_rule *rules = HC_NEW_N(a, struct hc_health_rule, HC_MIN(hc_list_len(files), HC_MAX_RULES) + 1);
    if (!rules)
        return hc_arena_check(a, err, "health rules");
    for (size_t i = 0; i < hc_list_len(files) && n < HC_MAX_RULES; i++) {
        hc_str name = hc_get_str(hc_map_getz(hc_list_at(files, i), "name"));
        if (!hc_str_starts(name, prefix) || !hc_str_ends(name, HC_S(".lua")))
            continue;
        hc_str text = hc_base64_decode(a, hc_get_str(hc_map_getz(hc_list_at(files, i), "data")), NULL);
        enum hc_rc rc = hc_health_rule_of(name, text, &rules[n], lenient ? NULL : err);
        if (rc == HC_OK)
            n++;
        else if (!lenient)
            return rc;
    }
    if (n == 0 && !lenient)
        return hc_fail(err, HC_E_INPUT,
                       "Chart.yaml: annotation " HC_HEALTH_RULES ": the chart has no file %.*s/*.lua",
                       HC_P(folder));
    *out = rules;
    *out_n = n;
    return hc_arena_check(a, err, "health rules");
}

static const struct hc_health_rule *rule_of(const struct hc_reconcile *r, const struct hc_ref *ref)
{
    const struct hc_health_rule *rule = hc_health_rule_for(r->spec.rules, r->spec.rules_n, ref->api_version,
                                                           ref->kind);
    if (!rule)
        rule = hc_health_rule_for(r->rules, r->rules_n, ref->api_version, ref->kind);
    if (!rule)
        rule = hc_health_rule_for(r->spec.rules_last, r->spec.rules_last_n, ref->api_version, ref->kind);
    return rule;
}

bool hc_rec_ruled(const struct hc_reconcile *r, const struct hc_ref *ref)
{
    return rule_of(r, ref) != NULL;
}

/* An object whose controller has not seen its newest form yet says how the one before is. */
static bool stale(const struct hc_val *live)
{
    int64_t seen = hc_get_int_at(live, "status.observedGeneration", -1);
    return seen >= 0 && seen < hc_get_int_at(live, "metadata.generation", 0);
}

bool hc_rec_by_rule(struct hc_reconcile *r, const struct object *o, const struct hc_val *live,
                    struct hc_readiness *out)
{
    const struct hc_health_rule *rule = rule_of(r, &o->ref);
    if (!rule)
        return false;
    if (hc_get_str_at(live, "metadata.deletionTimestamp").n > 0) {
        *out = (struct hc_readiness){ HC_READY_TERMINATING, HC_S("Resource scheduled for deletion") };
        return true;
    }
    if (stale(live)) {
        *out = (struct hc_readiness){ HC_READY_PROGRESSING,
                                      HC_S("its controller has not seen this generation yet") };
        return true;
    }
    struct hc_health_answer got = hc_health_ask(r->step, rule, live);
    out->status = got.health == HC_HEALTH_HEALTHY    ? HC_READY_CURRENT
                  : got.health == HC_HEALTH_DEGRADED ? HC_READY_FAILED
                                                     : HC_READY_PROGRESSING;
    out->message = got.message;
    return true;
}
