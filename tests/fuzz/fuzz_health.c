/*
 * Health rules: a Lua text over a live object. It gives an answer within its budgets, whatever it does.
 */
#include "core/value/json.h"
#include "lua/rules/health.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char live[] =
        "{\"kind\":\"A\",\"metadata\":{\"name\":\"a\",\"annotations\":{\"k\":\"v\"}},\"spec\":{"
        "\"n\":2,\"f\":0.5,\"l\":[],\"t\":null},\"status\":{\"conditions\":[{\"type\":\"Ready\","
        "\"status\":\"True\"},{\"type\":\"x\",\"status\":\"False\",\"message\":\"m\"}]}}";
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    struct hc_health_rule rule;
    struct hc_val *object = NULL;
    enum hc_rc rc = hc_health_rule_of(HC_S("g.example_A.lua"), fuzz_text(data, size), &rule, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
        abort();
    if (rc != HC_OK || hc_json_parse(a, hc_str_of(live), HC_JSON_NO_POSITIONS, &object, &err) != HC_OK)
        return 0;
    struct hc_health_answer answer = hc_health_ask(a, &rule, object);
    if (answer.health == HC_HEALTH_BROKEN && !answer.message.n && !hc_arena_spent(a))
        abort();
    return 0;
}
