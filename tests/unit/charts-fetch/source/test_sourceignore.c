/*
 * charts-fetch/source/sourceignore: gitignore(5).
 */
#include "charts-fetch/source/sourceignore.h"
#include "tests/unit/unit.h"

static void table(void **state)
{
    (void)state;
    static const struct {
        const char *lines, *path;
        bool is_dir, ignored;
    } rows[] = {
        { "*.png", "a/b/c.png", false, true },
        { "*.png", "c.pngx", false, false },
        { "/*.png", "a/c.png", false, false },
        { "/*.png", "c.png", false, true },
        { "build/", "build", false, false },
        { "build/", "x/build", true, true },
        { "a/b", "a/b", false, true },
        { "a/b", "x/a/b", false, false },
        { "**/b", "x/a/b", false, true },
        { "a/**", "a/x/y", false, true },
        { "a/**", "a", true, false },
        { "a/**/z", "a/z", false, true },
        { "a/**/z", "a/b/c/z", false, true },
        { "*\n!keep", "keep", false, false },
        { "*\n!keep", "other", false, true },
        { "/*\n!/deploy", "deploy", true, false },
        { "/*\n!/deploy", "src", true, true },
        { "# c\n\\#x", "#x", false, true },
        { "a[0-9].txt", "a5.txt", false, true },
        { "a[!0-9].txt", "a5.txt", false, false },
        { "trailing  ", "trailing", false, true },
        { "x\r", "x", false, true },
        { "a?c", "abc", false, true },
        { "a?c", "a/c", false, false },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_sourceignore *g = hc_sourceignore_new(a);
        hc_sourceignore_add(g, HC_S(""), hc_str_of(rows[i].lines));
        if (hc_sourceignored(g, hc_str_of(rows[i].path), rows[i].is_dir) != rows[i].ignored)
            fail_msg("'%s' and %s: not %d", rows[i].lines, rows[i].path, rows[i].ignored);
    }
}

static void lines_of_a_folder_reach_only_below_it(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_sourceignore *g = hc_sourceignore_new(a);
    hc_sourceignore_add_defaults(g);
    hc_sourceignore_add(g, HC_S("docs"), HC_S("/*.md\n!logo.png\n"));
    assert_true(hc_sourceignored(g, HC_S("docs/a.md"), false));
    assert_false(hc_sourceignored(g, HC_S("a.md"), false));
    assert_true(hc_sourceignored(g, HC_S("logo.png"), false));
    assert_false(hc_sourceignored(g, HC_S("docs/logo.png"), false));
    assert_true(hc_sourceignored(g, HC_S(".github"), true));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(table),
                                        cmocka_unit_test(lines_of_a_folder_reach_only_below_it) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
