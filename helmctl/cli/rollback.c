/*
 * helmctl rollback, uninstall and test.
 */
#include <stdio.h>
#include <string.h>

#include "deploy/plan/plan.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/release.h"

int hc_cmd_rollback(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_action_flags f;
    hc_action_flags_init(&f);
    const struct hc_flag flags[] = {
        HC_ACTION_FLAGS(f),
        HC_APPLY_FLAGS(f),
        { "cleanup-on-fail", 0, HC_FLAG_BOOL, &f.cleanup_on_fail, "delete what a failed rollback brought" },
        { "history-max", 0, HC_FLAG_INT, &f.history_max, "keep this many revisions; 0: all" },
        { "dry-run", 0, HC_FLAG_STR, &f.dry_run, "write nothing: none, client or server", "client",
          "none|client|server" },
    };
    struct hc_cli cli = { .use = "rollback RELEASE [REVISION] [flags]",
                          .about = "Goes back to a revision (without one: to the revision before).\n\n"
                                   "  helmctl rollback web\n  helmctl rollback web 3 --wait",
                          .flags = flags,
                          .flags_n = HC_LEN(flags),
                          .min_args = 1,
                          .max_args = 2 };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    HC_AUTO(hc_cli_release) struct hc_cli_release r = { 0 };
    struct hc_err err = HC_ERR_INIT;
    struct hc_reconcile_spec spec;
    int64_t to = 0;
    const char *why = cli.args_n == 2 ? hc_cli_number(cli.args[1], &to) : NULL;
    if (why)
        return hc_cli_error("could not convert revision to a number: strconv.Atoi: parsing \"%s\": %s", cli.args[1],
                            why);
    if (f.description && hc_utf8_count(hc_str_of(f.description)) > 256)
        return hc_cli_error("description must be 256 characters or less, got %zu",
                            hc_utf8_count(hc_str_of(f.description)));
    r.name = hc_str_of(cli.args[0]);
    if (hc_cli_release_begin(&r, a, &cli.globals, &f, &err) != HC_OK)
        return hc_cli_fail(&err);
    hc_cli_release_spec(&r, &f, &spec);
    spec.goal = HC_GOAL_ROLLBACK;
    spec.rollback_to = to;
    if (hc_cli_release_run(&r, &spec, NULL, &err) != HC_OK) {
        if (strstr(err.msg, "the revision to go back to does not exist"))
            return to > 0 ? hc_cli_error("release has no %" PRId64 " version", to)
                          : hc_cli_error("release has no revision before this one");
        return hc_cli_fail(&err);
    }
    fputs("Rollback was a success! Happy Helming!\n", stdout);
    return 0;
}

/* What an uninstall would leave behind, in the words of one that did. */
static enum hc_rc tell_kept(struct hc_cli_release *r, struct hc_err *err)
{
    struct hc_record rec = { 0 };
    struct hc_plan_object *objects = NULL;
    size_t n = 0, kept = 0;
    enum hc_rc rc = hc_storage_last(r->storage, r->a, r->name, 0, &rec, err);
    if (rc != HC_OK || hc_plan_read(r->a, rec.manifest, &objects, &n, NULL) != HC_OK)
        return rc;
    hc_plan_order_delete(objects, n);
    for (size_t i = 0; i < n; i++)
        if (objects[i].keep)
            printf("%s[%.*s] %.*s\n", kept++ ? "" : "These resources were kept due to the resource policy:\n",
                   HC_P(objects[i].kind), HC_P(objects[i].name));
    if (kept)
        putchar('\n');
    return HC_OK;
}

static int uninstall_one(struct hc_cli_release *r, const struct hc_action_flags *f, bool ignore, bool keep)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_reconcile_spec spec;
    struct hc_brief last = { 0 };
    hc_cli_release_spec(r, f, &spec);
    spec.goal = HC_GOAL_ABSENT;
    spec.keep_history = keep;
    enum hc_rc rc = hc_cli_release_newest(r, &last, &err);
    if (rc == HC_E_NOTFOUND && ignore) {
        printf("release \"%.*s\" uninstalled\n", HC_P(r->name));
        return 0;
    }
    if (rc == HC_E_NOTFOUND && spec.dry_run)
        return hc_cli_error("release: not found");
    if (rc == HC_E_NOTFOUND)
        return hc_cli_error("uninstall: Release not loaded: %.*s: release: not found", HC_P(r->name));
    if (rc != HC_OK)
        return hc_cli_fail(&err);
    if (last.status == HC_STATUS_UNINSTALLED && keep)
        return hc_cli_error("the release named \"%.*s\" is already deleted", HC_P(r->name));
    rc = spec.dry_run ? tell_kept(r, &err) : hc_cli_release_run(r, &spec, NULL, &err);
    if (rc != HC_OK)
        return hc_cli_fail(&err);
    printf("release \"%.*s\" uninstalled\n", HC_P(r->name));
    return 0;
}

int hc_cmd_uninstall(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_action_flags f;
    bool ignore = false, keep = false, dry_run = false;
    hc_action_flags_init(&f);
    const struct hc_flag flags[] = {
        HC_ACTION_FLAGS(f),
        { "dry-run", 0, HC_FLAG_BOOL, &dry_run, "write nothing" },
        { "ignore-not-found", 0, HC_FLAG_BOOL, &ignore, "a release that does not exist is no error" },
        { "keep-history", 0, HC_FLAG_BOOL, &keep, "keep the records, marked uninstalled" },
        { "cascade", 0, HC_FLAG_STR, &f.cascade, "background, foreground or orphan", NULL,
          "background|foreground|orphan" },
    };
    struct hc_cli cli = { .use = "uninstall RELEASE... [flags]",
                          .about = "Deletes the objects of releases and their records.\n\n"
                                   "  helmctl uninstall web -n shop --wait",
                          .flags = flags,
                          .flags_n = HC_LEN(flags),
                          .min_args = 1,
                          .max_args = -1 };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    HC_AUTO(hc_cli_release) struct hc_cli_release r = { 0 };
    struct hc_err err = HC_ERR_INIT;
    f.dry_run = dry_run ? "server" : "none";
    if (hc_cli_release_begin(&r, a, &cli.globals, &f, &err) != HC_OK)
        return hc_cli_fail(&err);
    code = 0;
    for (size_t i = 0; i < cli.args_n && code == 0; i++) {
        r.name = hc_str_of(cli.args[i]);
        code = uninstall_one(&r, &f, ignore, keep);
    }
    return code;
}

int hc_cmd_test(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_action_flags f;
    struct hc_strings filters = { 0 };
    bool logs = false, hide_notes = true;
    hc_action_flags_init(&f);
    const struct hc_flag flags[] = {
        { "timeout", 0, HC_FLAG_DURATION, &f.timeout_ms, "how long to wait for each test" },
        { "progress", 0, HC_FLAG_STR, &f.progress, HC_PROGRESS_HELP, NULL, HC_PROGRESS_MODES },
        { "filter", 0, HC_FLAG_CSV, &filters, "tests by name: name=x, or all but: '!name=x'" },
        { "logs", 0, HC_FLAG_BOOL, &logs, "print the logs of tests that are Pods" },
        { "hide-notes", 0, HC_FLAG_BOOL, &hide_notes, "do not print the notes (the default)" },
        { "output", 'o', HC_FLAG_STR, &f.output, "print as table, json or yaml", NULL, "table|json|yaml" },
    };
    struct hc_cli cli = {
        .use = "test RELEASE [flags]",
        .about = "Runs the test hooks of a release.\n\n  helmctl test web --filter name=web-smoke",
        .flags = flags,
        .flags_n = HC_LEN(flags),
        .min_args = 1,
        .max_args = 1
    };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    HC_AUTO(hc_cli_release) struct hc_cli_release r = { 0 };
    struct hc_err err = HC_ERR_INIT;
    struct hc_reconcile_spec spec;
    struct hc_record record = { 0 };
    hc_str *names = HC_NEW_N(a, hc_str, filters.n + 1);
    for (size_t i = 0; names && i < filters.n; i++) {
        hc_str s = hc_str_of(filters.items[i]);
        bool exclude = hc_str_starts(s, HC_S("!name="));
        if (!exclude && !hc_str_starts(s, HC_S("name=")))
            continue;
        hc_str name = hc_str_sub(s, exclude ? 6 : 5, s.n);
        names[i] = exclude ? hc_arena_printf(a, "!%.*s", HC_P(name)) : name;
    }
    r.name = hc_str_of(cli.args[0]);
    if (hc_cli_release_begin(&r, a, &cli.globals, &f, &err) != HC_OK)
        return hc_cli_fail(&err);
    hc_cli_release_spec(&r, &f, &spec);
    spec.goal = HC_GOAL_TEST;
    spec.test_filters = names;
    spec.test_filters_n = filters.n;
    spec.test_logs = logs;
    enum hc_rc rc = hc_cli_release_run(&r, &spec, &record, &err);
    if (record.name.n > 0) {
        const struct hc_cli_status status = { .hide_notes = hide_notes };
        code = hc_cli_print_release(a, &record, f.output, &status);
        if (logs)
            printf("\n%.*s", HC_P(r.test_logs));
    }
    if (r.test_log_errors.n > 0)
        return hc_cli_error("%s%s%.*s", rc == HC_OK ? "" : err.msg, rc == HC_OK ? "" : "\n",
                            HC_P(r.test_log_errors));
    return rc == HC_OK ? 0 : hc_cli_fail(&err);
}
