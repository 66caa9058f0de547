#pragma once
/*
 * lua/rules/health.h - health rules that people write: a Lua file a kind, from a live object to healthy, progressing or
 * degraded
 *
 * A rule is a function body. It sees the object as plain tables in `obj` and gives a table with `status` and `message`, as
 * Argo CD's health scripts do:
 *
 *   hs = {status = "Progressing", message = "no certificate yet"}
 *   for _, c in ipairs((obj.status or {}).conditions or {}) do
 *     if c.type == "Ready" and c.status == "True" then hs = {status = "Healthy"} end
 *   end
 *   return hs
 *
 * Each evaluation has a sandbox of its own with HC_MAX_RULE_STEPS and HC_MAX_RULE_BYTES: nothing is left of it, and one that
 * loops is stopped. Pure: no I/O, any thread. Texts are borrowed.
 */
#include "core/value/value.h"

struct hc_health_rule {
    hc_str group, kind; /* group "": the core one; the version does not matter */
    hc_str file;        /* for errors */
    hc_str text;
};
enum hc_health {
    HC_HEALTH_HEALTHY,
    HC_HEALTH_PROGRESSING,
    HC_HEALTH_DEGRADED, /* for certain: waiting longer changes nothing */
    HC_HEALTH_BROKEN,   /* the rule itself: `message` says where ("health rule F:3: ...") */
};
struct hc_health_answer {
    enum hc_health health;
    hc_str message;
};

/* By its file name: "cert-manager.io_Certificate.lua", "_Pod.lua" or "Pod.lua" of the core group; a prefix
 * "resource.customizations.health." (Argo CD's keys) and a missing ".lua" do no harm. HC_E_INPUT: another name, or text that
 * is no Lua, with its line. */
enum hc_rc hc_health_rule_of(hc_str file, hc_str text, struct hc_health_rule *out, struct hc_err *err);
/* The rule for objects of that kind, NULL: none. The first counts. */
const struct hc_health_rule *hc_health_rule_for(const struct hc_health_rule *rules, size_t n, hc_str api_version,
                                                hc_str kind);
struct hc_health_answer hc_health_ask(struct hc_arena *a, const struct hc_health_rule *rule,
                                      const struct hc_val *object);
