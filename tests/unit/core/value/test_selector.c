/*
 * core/value/selector: Kubernetes' label selectors.
 */
#include "core/value/json.h"
#include "core/value/selector.h"
#include "tests/unit/unit.h"

static void table(void **state)
{
    (void)state;
    static const struct {
        const char *selector;
        bool fits;
    } rows[] = {
        { "", true },
        { "app=web", true },
        { "app==web", true },
        { "app = web , tier != db", true },
        { "app=db", false },
        { "app!=web", false },
        { "missing!=x", true },
        { "app", true },
        { "!app", false },
        { "!missing", true },
        { "missing", false },
        { "app in (db, web)", true },
        { "app notin (db,web)", false },
        { "missing notin (a)", true },
        { "missing in (a)", false },
        { "n>4,n<6", true },
        { "n>5", false },
        { "empty=", true },
        { "app,empty,!missing", true },
    };
    static const char *const bad[] = { "=x", "a b", "a in b", "a in (b", "a >", "a,,b" };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_val *labels;
    assert_int_equal(
        hc_json_parse(a, HC_S("{\"app\":\"web\",\"tier\":\"ui\",\"n\":\"5\",\"empty\":\"\"}"), 0, &labels, NULL),
        HC_OK);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        bool fits = !rows[i].fits;
        assert_int_equal(hc_selector_fits(hc_str_of(rows[i].selector), labels, &fits, NULL), HC_OK);
        if (fits != rows[i].fits)
            fail_msg("'%s' gave %d", rows[i].selector, fits);
    }
    for (size_t i = 0; i < HC_LEN(bad); i++) {
        bool fits;
        struct hc_err err;
        assert_int_equal(hc_selector_fits(hc_str_of(bad[i]), labels, &fits, &err), HC_E_INPUT);
        assert_non_null(strstr(err.msg, "selector '"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(table) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
