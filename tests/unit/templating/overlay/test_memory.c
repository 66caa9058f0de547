/*
 * Every allocation of a whole pass - YAML in, --set, coalescing, schema, YAML and JSON out - fails once: each time
 * the answer is an error or the right result, never anything else.
 */
#include "core/base/mem.h"
#include "core/value/json.h"
#include "core/value/merge.h"
#include "core/value/yaml.h"
#include "templating/overlay/overlay.h"
#include "tests/unit/unit.h"

static const char yaml[] = "a: &a {x: 1, y: [1, 2, {z: long text}]}\nb: {<<: *a, k: v}\n"
                           "m: {k1: 1, k2: 2, k3: 3, k4: 4, k5: 5, k6: 6, k7: 7, k8: 8, k9: 9, k10: 10, k11: 11}\n";
static const char schema[] = "{\"properties\":{\"m\":{\"patternProperties\":{\"^k\":{\"type\":\"number\"}}},"
                             "\"b\":{\"anyOf\":[{\"type\":\"string\"},{\"required\":[\"k\"]}]}}}";

/* False: it failed with an error, as it may. */
static bool pass(struct hc_buf *out)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_val *v = NULL, *patch = NULL;
    struct hc_err err = HC_ERR_INIT;
    const struct hc_set_arg arg = { HC_SET_PLAIN, HC_S("b.y[0]=5,n.o={p,q}") };
    if (!a || hc_yaml_parse(a, hc_str_of(yaml), HC_S("f"), HC_YAML_JSON_NUMBERS, &v, &err) != HC_OK ||
        hc_set_apply(a, v, &arg, false, NULL, 1, &err) != HC_OK ||
        hc_schema_check(a, hc_str_of(schema), v, NULL, NULL, &err) != HC_OK)
        return false;
    if (hc_json_parse(a, HC_S("{\"a\":{\"x\":null,\"w\":[true]}}"), 0, &patch, &err) != HC_OK)
        return false;
    v = hc_merge_patch(a, v, patch);
    HC_AUTO(hc_buf) struct hc_buf text;
    hc_buf_init(&text, 0);
    if (hc_arena_spent(a) || !hc_yaml_write(&text, v) || !hc_yaml_write_pretty(out, v))
        return false;
    hc_json_write(&text, v, HC_JSON_SORT);
    return !text.spent && !out->spent;
}

static void test_each_allocation_fails_once(void **state)
{
    (void)state;
    HC_AUTO(hc_buf) struct hc_buf want;
    hc_buf_init(&want, 0);
    hc_mem_fail_at(UINT64_MAX); /* counts only */
    assert_true(pass(&want));
    uint64_t n = hc_mem_count();
    assert_true(n > 5);
    for (uint64_t i = 1; i <= n; i++) {
        HC_AUTO(hc_buf) struct hc_buf got;
        hc_buf_init(&got, 0);
        hc_mem_fail_at(i);
        bool ok = pass(&got);
        hc_mem_fail_at(0);
        if (ok)
            assert_true(hc_str_eq(hc_buf_str(&got), hc_buf_str(&want)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_each_allocation_fails_once) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
