/*
 * The flag parser: forms, lists, global flags, refusals.
 */
#include "helmctl/cli/flags.h"
#include "helmctl/cli/release.h"
#include "helmctl/cli/words.h"
#include "tests/unit/unit.h"

struct opts {
    bool wait, given;
    const char *out, *dry;
    int64_t max, timeout_ms;
    struct hc_strings set, files;
};

static int parse(struct hc_arena *a, struct opts *o, struct hc_cli *cli, int argc, char **argv)
{
    const struct hc_flag flags[] = {
        { "wait", 'w', HC_FLAG_BOOL, &o->wait, "wait" },
        { "output", 'o', HC_FLAG_STR, &o->out, "form", .given = &o->given },
        { "dry-run", 0, HC_FLAG_STR, &o->dry, "dry", "client" },
        { "max", 0, HC_FLAG_INT, &o->max, "max" },
        { "timeout", 0, HC_FLAG_DURATION, &o->timeout_ms, "timeout" },
        { "set", 0, HC_FLAG_LIST, &o->set, "set" },
        { "values", 'f', HC_FLAG_CSV, &o->files, "values" },
    };
    cli->use = "thing [NAME]";
    cli->flags = flags;
    cli->flags_n = HC_LEN(flags);
    return hc_cli_parse(a, cli, argc, argv);
}

#define PARSE(o, cli, ...)                                                                                         \
    parse(a, &(o), &(cli), (int)HC_LEN(((char *[]){ "thing", __VA_ARGS__ })), (char *[]){ "thing", __VA_ARGS__ })

static void takes_all_forms(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct opts o = { 0 };
    struct hc_cli cli = { .max_args = -1 };
    assert_int_equal(PARSE(o, cli, "one", "--set", "a=1,b=2", "--set=c=3", "-f", "x.yaml,y.yaml", "-fz.yaml", "-wo",
                           "json", "--timeout=1m30s", "--max", "7", "-n", "web", "--debug", "two", "--", "-three"),
                     -1);
    assert_int_equal(cli.args_n, 3);
    assert_string_equal(cli.args[2], "-three");
    assert_int_equal(o.set.n, 2);
    assert_string_equal(o.set.items[0], "a=1,b=2");
    assert_string_equal(o.set.items[1], "c=3");
    assert_int_equal(o.files.n, 3);
    assert_string_equal(o.files.items[1], "y.yaml");
    assert_string_equal(o.files.items[2], "z.yaml");
    assert_true(o.wait && o.given);
    assert_string_equal(o.out, "json");
    assert_int_equal(o.timeout_ms, 90000);
    assert_int_equal(o.max, 7);
    assert_string_equal(cli.globals.ns, "web");
    assert_true(cli.globals.debug);
    assert_null(cli.args[3]);
}

static void optional_values_and_lists(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct opts o = { .wait = true };
    struct hc_cli cli = { .max_args = -1 };
    assert_int_equal(PARSE(o, cli, "--dry-run", "server", "--wait=false", "-f", "\"a,b\",c"), -1);
    assert_string_equal(o.dry, "client");
    assert_int_equal(cli.args_n, 1);
    assert_false(o.wait);
    assert_int_equal(o.files.n, 2);
    assert_string_equal(o.files.items[0], "a,b");
    struct opts many = { 0 };
    char *argv[41] = { "thing" };
    for (int i = 1; i < 41; i++)
        argv[i] = i % 2 ? "--set" : "x";
    assert_int_equal(parse(a, &many, &cli, 41, argv), -1);
    assert_int_equal(many.set.n, 20);
    for (size_t i = 0; i < 20; i++)
        assert_string_equal(many.set.items[i], "x");
}

static void refuses(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct opts o = { 0 };
    struct hc_cli cli = { .min_args = 1, .max_args = 1 };
    assert_int_equal(PARSE(o, cli, "--nope"), 1);
    assert_int_equal(PARSE(o, cli, "-x"), 1);
    assert_int_equal(PARSE(o, cli, "--set"), 1);
    assert_int_equal(PARSE(o, cli, "-o"), 1);
    assert_int_equal(PARSE(o, cli, "--max", "1x", "a"), 1);
    assert_int_equal(PARSE(o, cli, "--timeout", "x", "a"), 1);
    assert_int_equal(PARSE(o, cli, "--wait=x", "a"), 1);
    assert_int_equal(PARSE(o, cli, "-w"), 1);
    assert_int_equal(PARSE(o, cli, "a", "b"), 1);
    assert_int_equal(PARSE(o, cli, "a"), -1);
}

static void verb_comes_first(void **state)
{
    (void)state;
    char *argv[] = { "helmctl", "-n", "web", "--debug", "--kube-context=x", "list", "-a" };
    assert_int_equal(hc_cli_verb_first(7, argv), 7);
    assert_string_equal(argv[1], "list");
    assert_string_equal(argv[2], "-n");
    assert_string_equal(argv[5], "--kube-context=x");
    assert_string_equal(argv[6], "-a");
    char *help[] = { "helmctl", "--help" };
    hc_cli_verb_first(2, help);
    assert_string_equal(help[1], "--help");
}

static int below(struct hc_arena *a, struct hc_cli *cli, bool *flag, int argc, char **argv)
{
    const struct hc_flag flags[] = { { "force", 0, HC_FLAG_BOOL, flag, "force", .of = "add set" },
                                     { "output", 'o', HC_FLAG_STR, NULL, "form" } };
    static const struct hc_sub subs[] = { { "add", "NAME URL", "add", 2, 2 },
                                          { "list", "", "list", 0, 0, "ls" },
                                          { "set", "NAME...", "set", 1, -1 } };
    cli->use = "thing add|list|set [flags]";
    cli->flags = flags;
    cli->flags_n = HC_LEN(flags);
    cli->subs = subs;
    cli->subs_n = HC_LEN(subs);
    cli->sub = NULL;
    return hc_cli_parse(a, cli, argc, argv);
}

#define BELOW(...)                                                                                                 \
    below(a, &cli, &flag, (int)HC_LEN(((char *[]){ "thing", __VA_ARGS__ })), (char *[]){ "thing", __VA_ARGS__ })

static void verbs_below(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_cli cli = { .max_args = 0 };
    bool flag = false;
    assert_int_equal(BELOW("-o", "add", "--force", "add", "n", "u"), -1); /* the value of a flag is no verb */
    assert_string_equal(cli.sub->name, "add");
    assert_string_equal(cli.args[2], "u");
    assert_true(flag);
    assert_int_equal(BELOW("ls"), -1);
    assert_string_equal(cli.sub->name, "list");
    assert_int_equal(BELOW("set", "x", "y"), -1);
    assert_int_equal(BELOW("list", "--force"), 1); /* a flag of others */
    assert_int_equal(BELOW("--force", "list"), 1);
    assert_int_equal(BELOW("list", "x"), 1);
    assert_int_equal(BELOW("add", "x"), 1);
    assert_int_equal(BELOW("set"), 1);
    assert_int_equal(BELOW("ad"), 1);
    assert_int_equal(BELOW("--debug"), 0); /* help */
    assert_int_equal(BELOW("help"), 0);
    assert_int_equal(BELOW("ad", "--help"), 0);
}

static void what_was_meant(void **state)
{
    (void)state;
    static const struct {
        const char *word, *name;
        bool near;
    } rows[] = {
        { "intsall", "install", true },  { "LIST", "list", true },
        { "lst", "list", true },         { "upg", "upgrade", true },
        { "rolback", "rollback", true }, { "x", "list", false },
        { "", "list", false },           { "pull", "push", true },
        { "listing", "list", false },    { "a123456789012345678901234567890123456789012345", "list", false },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++)
        assert_int_equal(hc_cli_is_near(hc_str_of(rows[i].word), hc_str_of(rows[i].name)), rows[i].near);
    assert_int_equal(hc_cli_distance(HC_S("kitten"), HC_S("sitting"), 5), 3);
    assert_int_equal(hc_cli_distance(HC_S("kitten"), HC_S("sitting"), 1), 2);
}

/* Helm's waiters: none is half a minute, the legacy one's has no end; less than none is over at once. */
static void times_to_wait(void **state)
{
    (void)state;
    static const struct {
        int64_t given, want;
        const char *wait;
    } rows[] = {
        { 5000, 5000, "watcher" },
        { 0, 30000, "watcher" },
        { 0, 30000, "hookOnly" },
        { -1, 1, "watcher" },
        { 0, INT64_C(100) * 365 * 86400 * 1000, "legacy" },
        { -300000, 1, "legacy" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_cli_release r = { 0 };
        struct hc_action_flags f;
        struct hc_reconcile_spec spec;
        hc_action_flags_init(&f);
        f.timeout_ms = rows[i].given;
        f.wait = rows[i].wait;
        hc_cli_release_spec(&r, &f, &spec);
        assert_int_equal(spec.install.timeout_ms, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_all_forms), cmocka_unit_test(optional_values_and_lists),
        cmocka_unit_test(refuses),         cmocka_unit_test(verb_comes_first),
        cmocka_unit_test(verbs_below),     cmocka_unit_test(what_was_meant),
        cmocka_unit_test(times_to_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
