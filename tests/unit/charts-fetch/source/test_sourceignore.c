/*
 * charts-fetch/source/sourceignore: gitignore(5), each row also asked of the real git.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "charts-fetch/source/sourceignore.h"
#include "core/base/fs.h"
#include "tests/unit/unit.h"

/* What git says where it differs: '=' as we, otherwise why we go with Flux. */
enum { SAME, FLUX_TAKES_BACK };

static const struct {
    const char *lines, *path;
    bool ignored;
    int git;
} rows[] = {
    { "*.png", "a/b/c.png", true, SAME },
    { "*.png", "c.pngx", false, SAME },
    { "/*.png", "a/c.png", false, SAME },
    { "/*.png", "c.png", true, SAME },
    { "build/", "build", false, SAME },
    { "build/", "x/build/y", true, SAME },
    { "build", "x/build/y/z", true, SAME },
    { "a/b", "a/b", true, SAME },
    { "a/b", "a/b/c", true, SAME },
    { "a/b", "x/a/b", false, SAME },
    { "a/b/", "a/b", false, SAME },
    { "**/b", "x/a/b", true, SAME },
    { "**/b", "b", true, SAME },
    { "**/a/b", "x/y/a/b", true, SAME },
    { "a/**", "a/x/y", true, SAME },
    { "a/**", "b/a/x", false, SAME },
    { "a/**/z", "a/z", true, SAME },
    { "a/**/z", "a/b/c/z", true, SAME },
    { "a/**/z", "a/b/c/y", false, SAME },
    { "a**z", "abcz", true, SAME },
    { "a**z", "ab/cz", false, SAME },
    { "x/a**z", "x/a/z", false, SAME },
    { "*\n!keep", "keep", false, SAME },
    { "*\n!keep", "other", true, SAME },
    { "!keep\n*", "keep", true, SAME },
    { "/*\n!/deploy", "deploy/x", false, SAME },
    { "/*\n!/deploy", "src/x", true, SAME },
    { "/*\n!/deploy\n/deploy/**/*.md", "deploy/a/b.md", true, SAME },
    { "/*\n!/deploy\n/deploy/**/*.md", "deploy/b.md", true, SAME },
    { "/*\n!/deploy\n/deploy/**/*.md", "deploy/b.yaml", false, SAME },
    { "/*\n!/clusters/prod", "clusters/prod/x.yaml", false, FLUX_TAKES_BACK },
    { "/*\n!/clusters/prod", "clusters/dev/x.yaml", true, SAME },
    { "/a\n!*.yaml", "a/x.yaml", false, FLUX_TAKES_BACK },
    { "*.md\n!docs/", "docs/x.md", false, FLUX_TAKES_BACK },
    { "# c\n\\#x", "#x", true, SAME },
    { "# c", "# c", false, SAME },
    { "\\!x", "!x", true, SAME },
    { "a[0-9].txt", "a5.txt", true, SAME },
    { "a[!0-9].txt", "a5.txt", false, SAME },
    { "a[^0-9].txt", "ax.txt", true, SAME },
    { "a[]-]b", "a]b", true, SAME },
    { "a[]-]b", "a-b", true, SAME },
    { "a[b", "a[b", false, SAME },
    { "a[[:digit:]]b", "a7b", true, SAME },
    { "a[[:digit:]]b", "axb", false, SAME },
    { "a[[:upper:][:space:]]b", "aQb", true, SAME },
    { "trailing  ", "trailing", true, SAME },
    { "trailing\\ ", "trailing ", true, SAME },
    { "x\r", "x", true, SAME },
    { "a?c", "abc", true, SAME },
    { "a?c", "a/c", false, SAME },
    { "foo\\*", "foo*", true, SAME },
    { "foo\\*", "foobar", false, SAME },
    { "*", "a/b", true, SAME },
    { "/", "a", false, SAME },
    { "//a", "a", false, SAME },
    { "a//b", "a/b", false, SAME },
    { "", "a", false, SAME },
    { "  ", "a", false, SAME },
    { "\t", "a", false, SAME },
    { " a", " a", true, SAME },
    { "dir/*", "dir/x/y", true, SAME },
    { "dir/*\n!dir/keep", "dir/keep", false, SAME },
    { "/**/x", "a/x", true, SAME },
    { "**", "a/b", true, SAME },
    { "/**", "a", true, SAME },
    { "*/x", "a/x", true, SAME },
    { "*/x", "a/b/x", false, SAME },
    { "\xc3\xa9*", "\xc3\xa9t\xc3\xa9", true, SAME },
    { "\xef\xbb\xbf*.md", "a.md", true, SAME },
    { "a\\", "a", false, SAME },
    { "!", "!", false, SAME },
    { "*.tar.gz", "x.tar.gz", true, SAME },
};

static bool ours(const char *lines, const char *path)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_sourceignore *g = hc_sourceignore_new(a);
    hc_sourceignore_end(g, hc_str_of(lines));
    return hc_sourceignored(g, hc_str_of(path), false);
}

static void table(void **state)
{
    (void)state;
    for (size_t i = 0; i < HC_LEN(rows); i++)
        if (ours(rows[i].lines, rows[i].path) != rows[i].ignored)
            fail_msg("'%s' and '%s': not %d", rows[i].lines, rows[i].path, rows[i].ignored);
}

/* One git for each run of rows with the same lines; paths end in NUL both ways. */
static void git_says_the_same(void **state)
{
    (void)state;
    char dir[] = "/tmp/hc-ignore-XXXXXX", command[512], path[600];
    struct hc_err err = HC_ERR_INIT;
    if (system("git --version >/dev/null 2>&1") != 0) {
        print_message("SKIP: git is not on this machine\n");
        skip();
    }
    assert_non_null(mkdtemp(dir));
    snprintf(command, sizeof(command), "git init -q '%s'", dir);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof(path), "%s/.git/info/exclude", dir);
    snprintf(command, sizeof(command),
             "git -C '%s' -c core.excludesFile=/dev/null check-ignore --no-index -z --stdin <'%s/in' >'%s/out'",
             dir, dir, dir);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        char in[600];
        hc_str out;
        snprintf(in, sizeof(in), "%s/in", dir);
        assert_int_equal(hc_write_file(path, hc_str_of(rows[i].lines), 0644, &err), HC_OK);
        assert_int_equal(hc_write_file(in, hc_str_n(rows[i].path, strlen(rows[i].path) + 1), 0644, &err), HC_OK);
        (void)!system(command);
        snprintf(in, sizeof(in), "%s/out", dir);
        assert_int_equal(hc_read_file(a, AT_FDCWD, in, 4096, &out, &err), HC_OK);
        bool git = out.n > 0;
        if (git != (rows[i].git == SAME ? rows[i].ignored : !rows[i].ignored))
            fail_msg("'%s' and '%s': git says %d", rows[i].lines, rows[i].path, git);
    }
    assert_int_equal(hc_remove_tree(dir, &err), HC_OK);
}

static void lines_of_a_folder_reach_only_below_it(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_sourceignore *g = hc_sourceignore_new(a);
    hc_sourceignore_add(g, HC_S("docs"), HC_S("/*.md\n"));
    hc_sourceignore_end(g, (hc_str){ NULL, 0 });
    assert_true(hc_sourceignored(g, HC_S("docs/a.md"), false));
    assert_false(hc_sourceignored(g, HC_S("a.md"), false));
    assert_false(hc_sourceignored(g, HC_S("logo.png"), false)); /* a file with lines takes the place of the list */
    assert_true(hc_sourceignored(g, HC_S("x/.gitignore"), false));
}

static void what_is_left_out_when_nothing_is_said(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_sourceignore *g = hc_sourceignore_new(a);
    hc_sourceignore_add(g, HC_S("docs"), HC_S("# nothing\n"));
    hc_sourceignore_end(g, (hc_str){ NULL, 0 });
    assert_true(hc_sourceignored(g, HC_S("a/logo.png"), false));
    assert_true(hc_sourceignored(g, HC_S(".github/ci.yml"), false));
    assert_true(hc_sourceignored(g, HC_S("x/.sops.yaml"), false));
    assert_true(hc_sourceignore_prunes(g, HC_S(".github")));
    assert_false(hc_sourceignored(g, HC_S("a/values.yaml"), false));
    g = hc_sourceignore_new(a);
    hc_sourceignore_end(g, HC_S(""));
    assert_true(hc_sourceignored(g, HC_S("logo.png"), false));
    assert_true(hc_sourceignored(g, HC_S(".gitignore"), false));
}

/* spec.ignore has the last word over a .sourceignore. */
static void the_spec_wins(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_sourceignore *g = hc_sourceignore_new(a);
    hc_sourceignore_add(g, HC_S(""), HC_S("!secret\n*.md\n"));
    hc_sourceignore_end(g, HC_S("secret\n!README.md\n"));
    assert_true(hc_sourceignored(g, HC_S("secret"), false));
    assert_true(hc_sourceignored(g, HC_S("a.md"), false));
    assert_false(hc_sourceignored(g, HC_S("README.md"), false));
}

static void a_folder_is_left_out_whole_when_nothing_in_it_comes_back(void **state)
{
    (void)state;
    static const struct {
        const char *lines, *dir;
        bool prunes;
    } cases[] = {
        { "/*\n!/clusters/prod", "src", true },
        { "/*\n!/clusters/prod", "clusters", false },
        { "/*\n!/clusters/prod", "clusters/dev", true },
        { "/*\n!/clusters/prod", "clusters/prod", false },
        { "vendor/", "a/vendor", true },
        { "vendor/\n!*.yaml", "vendor", false },
        { "*.md", "docs", false },
        { "/*\n!**/keep", "src", false },
        { "/a/*\n!/a/b", "a", false },
    };
    for (size_t i = 0; i < HC_LEN(cases); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_sourceignore *g = hc_sourceignore_new(a);
        hc_sourceignore_end(g, hc_str_of(cases[i].lines));
        if (hc_sourceignore_prunes(g, hc_str_of(cases[i].dir)) != cases[i].prunes)
            fail_msg("'%s' and %s: not %d", cases[i].lines, cases[i].dir, cases[i].prunes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(git_says_the_same),
        cmocka_unit_test(lines_of_a_folder_reach_only_below_it),
        cmocka_unit_test(what_is_left_out_when_nothing_is_said),
        cmocka_unit_test(the_spec_wins),
        cmocka_unit_test(a_folder_is_left_out_whole_when_nothing_in_it_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
