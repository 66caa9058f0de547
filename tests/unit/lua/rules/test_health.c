/*
 * Health rules: names, answers, and rules that are wrong, loop, grow or lie.
 */
#include "core/value/yaml.h"
#include "lua/rules/health.h"
#include "tests/unit/unit.h"

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *file, *group, *kind, *says; /* says: refused */
    } rows[] = {
        { "cert-manager.io_Certificate.lua", "cert-manager.io", "Certificate", NULL },
        { "health/apps_Deployment.lua", "apps", "Deployment", NULL },
        { "_Pod.lua", "", "Pod", NULL },
        { "ConfigMap", "", "ConfigMap", NULL },
        { "resource.customizations.health.argoproj.io_Rollout", "argoproj.io", "Rollout", NULL },
        { "certificate.lua", NULL, NULL, "its name does not say of what" },
        { "_.lua", NULL, NULL, "its name does not say of what" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_health_rule r;
        struct hc_err err = HC_ERR_INIT;
        enum hc_rc rc = hc_health_rule_of(hc_str_of(rows[i].file), HC_S("return {status = 'Healthy'}"), &r, &err);
        if (rows[i].says) {
            assert_int_equal(rc, HC_E_INPUT);
            assert_non_null(strstr(err.msg, rows[i].says));
            continue;
        }
        assert_int_equal(rc, HC_OK);
        assert_true(hc_str_eqz(r.group, rows[i].group) && hc_str_eqz(r.kind, rows[i].kind));
    }
    struct hc_health_rule r, two[2];
    struct hc_err err = HC_ERR_INIT;
    assert_int_equal(hc_health_rule_of(HC_S("x/a_B.lua"), HC_S("local x = 1\nreturn {{\n"), &r, &err), HC_E_INPUT);
    if (!strstr(err.msg, "health rule x/a_B.lua:3:") && !strstr(err.msg, "health rule x/a_B.lua:2:"))
        fail_msg("%s", err.msg);
    assert_int_equal(hc_health_rule_of(HC_S("a_B"), HC_S("return 1"), &two[0], NULL), HC_OK);
    assert_int_equal(hc_health_rule_of(HC_S("a_B.lua"), HC_S("return 2"), &two[1], NULL), HC_OK);
    assert_ptr_equal(hc_health_rule_for(two, 2, HC_S("a/v1"), HC_S("B")), &two[0]);
    assert_ptr_equal(hc_health_rule_for(two, 2, HC_S("a/v1beta2"), HC_S("B")), &two[0]);
    assert_null(hc_health_rule_for(two, 2, HC_S("v1"), HC_S("B")));
    assert_null(hc_health_rule_for(two, 2, HC_S("a/v1"), HC_S("C")));
}

/* As Argo CD's scripts are written. */
static const char argo[] = "hs = {}\n"
                           "if obj.status ~= nil then\n"
                           "  if obj.status.conditions ~= nil then\n"
                           "    for i, condition in ipairs(obj.status.conditions) do\n"
                           "      if condition.type == \"Ready\" and condition.status == \"False\" then\n"
                           "        hs.status = \"Degraded\"\n"
                           "        hs.message = condition.message\n"
                           "        return hs\n"
                           "      end\n"
                           "      if condition.type == \"Ready\" and condition.status == \"True\" then\n"
                           "        hs.status = \"Healthy\"\n"
                           "        hs.message = condition.message\n"
                           "        return hs\n"
                           "      end\n"
                           "    end\n"
                           "  end\n"
                           "end\n"
                           "hs.status = \"Progressing\"\n"
                           "hs.message = \"Waiting for certificate\"\n"
                           "return hs\n";

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *object;
        enum hc_health want;
        const char *says;
    } rows[] = {
        { argo, "{}", HC_HEALTH_PROGRESSING, "Waiting for certificate" },
        { argo, "{status: {conditions: [{type: Ready, status: 'True', message: up}]}}", HC_HEALTH_HEALTHY, "up" },
        { argo, "{status: {conditions: [{type: X}, {type: Ready, status: 'False', message: nope}]}}",
          HC_HEALTH_DEGRADED, "nope" },
        { "return {status = 'healthy'}", "{}", HC_HEALTH_HEALTHY, "Healthy" },
        { "return {status = 'Suspended', message = 'paused'}", "{}", HC_HEALTH_PROGRESSING, "paused" },
        /* numbers, bools, null, lists */
        { "local s = obj.spec\nif s.num == 3 and s.f == 1.5 and s.t and s.z == nil and #s.l == 2 and s.l[2] == 'b' "
          "then\n"
          "return {status = 'Healthy'} end\nreturn {status = 'Degraded'}",
          "{spec: {num: 3, f: 1.5, t: true, z: null, l: [1, b]}}", HC_HEALTH_HEALTHY, "" },
        /* the rule's own faults, with file and line */
        { "local x = 1\nreturn obj.status.phase", "{}", HC_HEALTH_BROKEN, "health rule f_K.lua:2: " },
        { "error({})", "{}", HC_HEALTH_BROKEN, "raised no text" },
        { "return 7", "{}", HC_HEALTH_BROKEN, "it gave a number where a table" },
        { "", "{}", HC_HEALTH_BROKEN, "it gave a nil" },
        { "return {status = 'Great'}", "{}", HC_HEALTH_BROKEN,
          "status \"Great\" is none of Healthy, Progressing and Degraded" },
        { "return {}", "{}", HC_HEALTH_BROKEN, "status \"\" is none of" },
        { "while true do end", "{}", HC_HEALTH_BROKEN, "it loops" },
        { "while true do pcall(function() while true do end end) end", "{}", HC_HEALTH_BROKEN, "it loops" },
        { "local t = {}\nfor i = 1, 1e9 do t[i] = {i} end", "{}", HC_HEALTH_BROKEN, "health rule f_K.lua" },
        { "local s = 'x'\nwhile true do s = s .. s end", "{}", HC_HEALTH_BROKEN,
          "more memory than a rule may have" },
        { "return os.time()", "{}", HC_HEALTH_BROKEN, "'os'" },
        { "return io.open('/etc/passwd')", "{}", HC_HEALTH_BROKEN, "'io'" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_health_rule r;
        struct hc_val *object = NULL;
        assert_int_equal(hc_yaml_parse(a, hc_str_of(rows[i].object), HC_S("o"), HC_YAML_PLAIN, &object, NULL),
                         HC_OK);
        assert_int_equal(hc_health_rule_of(HC_S("f_K.lua"), hc_str_of(rows[i].rule), &r, NULL), HC_OK);
        struct hc_health_answer got = hc_health_ask(a, &r, object);
        hc_str said = hc_arena_printf(a, "%.*s", HC_P(got.message));
        if (got.health != rows[i].want || !strstr(said.p, rows[i].says))
            fail_msg("%s on %s: %d %s", rows[i].rule, rows[i].object, (int)got.health, said.p);
    }
}

/* One evaluation leaves nothing for the next. */
static void test_nothing_stays(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_health_rule r;
    assert_int_equal(hc_health_rule_of(HC_S("K"),
                                       HC_S("if seen then return {status = 'Healthy'} end\nseen = true\n"
                                            "return {status = 'Progressing'}"),
                                       &r, NULL),
                     HC_OK);
    assert_int_equal(hc_health_ask(a, &r, NULL).health, HC_HEALTH_PROGRESSING);
    assert_int_equal(hc_health_ask(a, &r, NULL).health, HC_HEALTH_PROGRESSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_answers),
                                        cmocka_unit_test(test_nothing_stays) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
