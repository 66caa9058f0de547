/*
 * core/base/semver: what Masterminds/semver says.
 */
#include "core/base/semver.h"
#include "tests/unit/unit.h"

static void versions(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* NULL: an error */
    } rows[] = {
        { "1.2.3", "1.2.3" },
        { "v1.2", "1.2.0" },
        { "1", "1.0.0" },
        { "1.2.3-beta.1+b5", "1.2.3-beta.1+b5" },
        { "01.2.3", "1.2.3" },
        { "1.2.3-", NULL },
        { "1.2.3.4", NULL },
        { "", NULL },
        { "v", NULL },
        { "1.2.3-01", NULL },
        { "1.2.3-a..b", NULL },
        { "x", NULL },
        { "99999999999999999999", NULL },
    };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_semver v;
        enum hc_rc rc = hc_semver_parse(hc_str_of(rows[i].in), &v, NULL);
        if ((rc == HC_OK) != (rows[i].out != NULL))
            fail_msg("'%s' gave %d", rows[i].in, rc);
        if (rows[i].out)
            assert_string_equal(hc_semver_str(a, &v).p, rows[i].out);
    }
}

static void order(void **state)
{
    (void)state;
    /* semver.org 11 */
    static const char *const up[] = { "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
                                      "1.0.0-beta",  "1.0.0-beta.2",  "1.0.0-beta.11",
                                      "1.0.0-rc.1",  "1.0.0",         "1.0.1",
                                      "1.1.0",       "2.0.0" };
    for (size_t i = 0; i < HC_LEN(up); i++)
        for (size_t j = 0; j < HC_LEN(up); j++) {
            struct hc_semver x, y;
            assert_int_equal(hc_semver_parse(hc_str_of(up[i]), &x, NULL), HC_OK);
            assert_int_equal(hc_semver_parse(hc_str_of(up[j]), &y, NULL), HC_OK);
            int c = hc_semver_cmp(&x, &y);
            assert_int_equal(c < 0 ? -1 : c > 0, i < j ? -1 : i > j);
        }
}

static void ranges(void **state)
{
    (void)state;
    static const struct {
        const char *range, *version;
        bool fits;
    } rows[] = {
        { "*", "1.2.3", true },
        { "*", "1.2.3-beta", false },
        { ">=1.2.0", "1.3.0-beta", false },
        { ">=1.2.0-0", "1.3.0-beta", true },
        { ">=1.25.0-0", "1.29.3-eks-1", true },
        { "^1.2.3", "1.9.0", true },
        { "^1.2.3", "2.0.0", false },
        { "^0.2.3", "0.2.9", true },
        { "^0.2.3", "0.3.0", false },
        { "^0.0.3", "0.0.4", false },
        { "^0", "0.9.1", true },
        { "~1.2", "1.2.9", true },
        { "~1.2", "1.3.0", false },
        { "~1", "1.9.0", true },
        { "1.2", "1.2.7", true },
        { "1.2", "1.3.0", false },
        { "1.x", "1.9.9", true },
        { "1.2.3", "1.2.3", true },
        { "=1.2.3", "1.2.4", false },
        { "!=1.2.3", "1.2.4", true },
        { "!=1.x", "1.2.4", false },
        { ">1", "1.5.0", false },
        { ">1", "2.0.0", true },
        { ">1.1", "1.1.5", false },
        { ">1.1", "1.2.0", true },
        { "<=1", "1.9.0", true },
        { "<=1.1", "1.1.9", true },
        { "<=1.1", "1.2.0", false },
        { "1.2 - 1.4", "1.4.5", true },
        { "1.2 - 1.4", "1.5.0", false },
        { ">=1, <3", "2.0.0", true },
        { ">=1 <3", "3.0.0", false },
        { "<1 || >2", "0.5.0", true },
        { "<1 || >=2", "1.5.0", false },
        { "<1 || >=2", "2.0.0", true },
        { ">= 1.0.0", "1.0.0", true },
        { "=>1.0", "1.0.0", true },
        { "v1.2.3", "v1.2.3", true },
        { ">=1.0.0-0 <2.0.0", "1.5.0-rc1", true },
    };
    static const char *const bad[] = { "", "abc", ">", "1.2.3 -", "1.2.3.4", ">=1.0.0|| ", "1..2", "&1" };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_semrange *r;
        struct hc_semver v;
        assert_int_equal(hc_semrange_parse(a, hc_str_of(rows[i].range), &r, NULL), HC_OK);
        assert_int_equal(hc_semver_parse(hc_str_of(rows[i].version), &v, NULL), HC_OK);
        if (hc_semrange_fits(r, &v) != rows[i].fits)
            fail_msg("'%s' against %s: not %d", rows[i].range, rows[i].version, rows[i].fits);
    }
    for (size_t i = 0; i < HC_LEN(bad); i++) {
        struct hc_semrange *r;
        struct hc_err err;
        assert_int_equal(hc_semrange_parse(a, hc_str_of(bad[i]), &r, &err), HC_E_INPUT);
        assert_non_null(strstr(err.msg, "improper constraint"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(versions), cmocka_unit_test(order),
                                        cmocka_unit_test(ranges) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
