/*
 * charts-fetch/source/helmrepo: look-ups in an index.
 */
#include "charts-fetch/source/source.h"
#include "tests/unit/unit.h"

static const char block[] = "apiVersion: v1\n"
                            "entries:\n"
                            "  web-extra:\n"
                            "  - {name: web-extra, version: 9.9.9, urls: [x.tgz]}\n"
                            "  web:\n"
                            "  - name: web\n"
                            "    version: 1.2.0\n"
                            "    description: |\n"
                            "      entries:\n"
                            "        web:\n"
                            "    digest: aa\n"
                            "    urls:\n"
                            "    - charts/web-1.2.0.tgz\n"
                            "  - version: not-a-version\n"
                            "    urls: [bad.tgz]\n"
                            "  - version: 2.0.0-rc.1\n"
                            "    urls: [rc.tgz]\n"
                            "\n"
                            "  - version: 1.10.0\n"
                            "    urls: ['https://cdn.example.com/web-1.10.0.tgz']\n"
                            "  # the end\n"
                            "  zoo:\n"
                            "    - version: 1.0\n"
                            "      urls: [zoo.tgz]\n"
                            "generated: \"2026-01-01T00:00:00Z\"\n";

static const char json[] =
    "{\"apiVersion\":\"v1\",\"entries\":{\"web\":[{\"version\":\"1.2.0\",\"urls\":[\"a.tgz\"]},"
    "{\"version\":\"1.10.0\",\"urls\":[\"b.tgz\"]}]}}";

static const char indented[] = "entries:\n    \"web\":\n        - version: 1.10.0\n          urls: [b.tgz]\n    "
                               "x:\n        - version: 3.0.0\n          urls: [x.tgz]\n";

static void look_ups(void **state)
{
    (void)state;
    static const struct {
        const char *index, *chart, *range, *version, *url; /* version NULL: not found */
    } rows[] = {
        { block, "web", "*", "1.10.0", "https://cdn.example.com/web-1.10.0.tgz" },
        { block, "web", "", "1.10.0", "https://cdn.example.com/web-1.10.0.tgz" },
        { block, "web", "~1.2", "1.2.0", "charts/web-1.2.0.tgz" },
        { block, "web", ">=2.0.0-0", "2.0.0-rc.1", "rc.tgz" },
        { block, "web", "2.0.0-rc.1", "2.0.0-rc.1", "rc.tgz" },
        { block, "web", ">=3", NULL, NULL },
        { block, "zoo", "*", "1.0", "zoo.tgz" },
        { block, "web-extra", "9.x", "9.9.9", "x.tgz" },
        { block, "nothing", "*", NULL, NULL },
        { json, "web", "*", "1.10.0", "b.tgz" },
        { json, "zoo", "*", NULL, NULL },
        { indented, "web", "*", "1.10.0", "b.tgz" },
        { indented, "x", "*", "3.0.0", "x.tgz" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_chart_entry e;
        struct hc_err err;
        enum hc_rc rc = hc_helmrepo_find(a, hc_str_of(rows[i].index), hc_str_of(rows[i].chart),
                                         hc_str_of(rows[i].range), &e, &err);
        if (!rows[i].version) {
            assert_int_equal(rc, HC_E_NOTFOUND);
            continue;
        }
        if (rc != HC_OK)
            fail_msg("%s %s: %s", rows[i].chart, rows[i].range, err.msg);
        assert_string_equal(e.version.p, rows[i].version);
        assert_string_equal(e.url.p, rows[i].url);
    }
}

static void errors_tell_what_is_wrong(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_chart_entry e;
    struct hc_err err;
    assert_int_equal(hc_helmrepo_find(a, hc_str_of(block), HC_S("web"), HC_S("nonsense"), &e, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "improper constraint: \"nonsense\""));
    assert_int_equal(
        hc_helmrepo_find(a, HC_S("entries:\n  web:\n  - {version: [\n"), HC_S("web"), HC_S("*"), &e, &err),
        HC_E_INPUT);
    assert_non_null(strstr(err.msg, "entries of chart 'web'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(look_ups), cmocka_unit_test(errors_tell_what_is_wrong) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
