/*
 * helmctl install and helmctl upgrade.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/plan.h"

struct options {
    struct hc_chart_source source;
    struct hc_values_flags values;
    struct hc_action_flags action;
    bool generate_name, install, reset_values, reuse_values, reset_then_reuse_values;
    const char *name_template;
};

/* Of both verbs; those of the chart's source come last. */
#define SHARED_FLAGS(o)                                                                                            \
    HC_VALUES_FLAGS((o).values), HC_ACTION_FLAGS((o).action), HC_APPLY_FLAGS((o).action),                          \
        HC_RENDERED_FLAGS((o).action)

static int print(const struct hc_cli_release *r, const struct options *o, const struct hc_record *record)
{
    const struct hc_cli_status status = { .debug = r->globals->debug, .hide_notes = o->action.hide_notes };
    struct hc_record shown = *record;
    if (o->action.hide_secret) /* of a dry run: refused otherwise */
        shown.manifest = r->shown_manifest;
    return hc_cli_print_release(r->a, &shown, o->action.output, &status);
}

/* --preflight: what would be refused is refused before the first write. */
static enum hc_rc preflight(struct hc_cli_release *r, const struct options *o, const struct hc_reconcile_spec *spec,
                            struct hc_err *err)
{
    struct hc_reconcile *engine = NULL;
    struct hc_preview p;
    if (!o->action.preflight)
        return HC_OK;
    enum hc_rc rc = hc_cli_release_preview(r, spec, HC_PREVIEW_DATA_MAY_GO, &engine, &p, err);
    if (rc == HC_OK && p.problems_n > 0)
        hc_plan_print_problems(r->a, &p);
    if (rc == HC_OK && hc_preview_refusals(&p) > 0)
        rc = hc_fail(err, HC_E_INPUT, "refused before anything was written: %zu problem(s)",
                     hc_preview_refusals(&p));
    hc_reconcile_free(engine);
    return rc;
}

static bool brings_crds(const struct hc_chart *chart)
{
    bool any = chart->crds_n > 0;
    for (size_t i = 0; i < chart->subs_n && !any; i++)
        any = brings_crds(chart->subs[i]);
    return any;
}

static int run_install(struct hc_cli_release *r, const struct options *o, bool or_upgrade)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_record record = { 0 };
    struct hc_reconcile_spec spec;
    hc_cli_release_spec(r, &o->action, &spec);
    spec.must_not_exist = true;
    if (or_upgrade)
        spec.install.replace = true; /* what was uninstalled and kept in history is installed anew */
    enum hc_rc rc = hc_cli_check_name(r->name, &err);
    if (rc == HC_OK && hc_cli_dry_client(&o->action)) {
        rc = hc_cli_release_dry(r, &o->action, &record, &err);
        return rc == HC_OK ? print(r, o, &record)
                           : hc_cli_release_fail(r, or_upgrade ? NULL : "INSTALLATION", &err);
    }
    if (rc == HC_OK)
        rc = preflight(r, o, &spec, &err);
    if (rc == HC_OK)
        rc = hc_cli_release_run(r, &spec, &record, &err);
    if (rc != HC_OK && o->action.on_failure && record.name.n == 0 && err.code == HC_E_INPUT &&
        spec.dry_run == false && strstr(err.msg, "release name check failed") == NULL &&
        strstr(err.msg, "refused before anything") == NULL && strstr(err.msg, "unable to") == NULL)
        return hc_cli_error(
            "%srelease %.*s failed, and has been uninstalled due to rollback-on-failure being set: %s",
            or_upgrade ? "" : "INSTALLATION FAILED: ", HC_P(r->name), err.msg);
    if (rc != HC_OK)
        return hc_cli_release_fail(r, or_upgrade ? NULL : "INSTALLATION", &err);
    return print(r, o, &record);
}

static int run_upgrade(struct hc_cli_release *r, const struct options *o)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_record record = { 0 };
    struct hc_reconcile_spec spec;
    hc_cli_release_spec(r, &o->action, &spec);
    spec.must_exist = true;
    spec.create_namespace = false;
    r->reset_values = o->reset_values;
    r->reuse_values = o->reuse_values;
    r->reset_then_reuse_values = o->reset_then_reuse_values;
    if (hc_cli_check_name(r->name, &err) != HC_OK)
        return hc_cli_error("UPGRADE FAILED: release name is invalid: %.*s", HC_P(r->name));
    enum hc_rc rc = preflight(r, o, &spec, &err);
    if (rc == HC_OK)
        rc = hc_cli_release_run(r, &spec, &record, &err);
    if (rc != HC_OK && record.rollback_revision > 0 && record.status == HC_STATUS_DEPLOYED && o->action.on_failure)
        return hc_cli_error("UPGRADE FAILED: release %.*s failed, and has been rolled back due to "
                            "rollback-on-failure being set: %s",
                            HC_P(r->name), err.msg);
    if (rc != HC_OK)
        return hc_cli_release_fail(r, "UPGRADE", &err);
    if (strcmp(o->action.output, "table") == 0) /* after a dry run, too: Helm's words */
        printf("Release \"%.*s\" has been upgraded. Happy Helming!\n", HC_P(r->name));
    return print(r, o, &record);
}

static enum hc_rc open_all(struct hc_cli_release *r, struct hc_arena *a, const struct hc_cli *cli,
                           struct options *o, const char *chart, struct hc_err *err)
{
    o->source.ref = chart;
    o->source.globals = &cli->globals;
    o->source.update_deps = o->action.dependency_update;
    o->source.tell_stdout = strcmp(o->action.output, "table") == 0; /* other forms are read by programs */
    enum hc_rc rc = hc_cli_release_begin(r, a, &cli->globals, &o->action, err);
    return rc == HC_OK ? hc_cli_release_load(r, &o->source, &o->values, err) : rc;
}

int hc_cmd_install(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct options o = { 0 };
    hc_action_flags_init(&o.action);
    const struct hc_flag flags[] = {
        SHARED_FLAGS(o),
        { "replace", 0, HC_FLAG_BOOL, &o.action.replace, "use the name of an uninstalled or failed release again" },
        { "generate-name", 'g', HC_FLAG_BOOL, &o.generate_name, "make up a name from the chart's" },
        { "name-template", 0, HC_FLAG_STR, &o.name_template, "template of the release's name", NULL, "template" },
        HC_CHART_SOURCE_FLAGS(o.source),
    };
    struct hc_cli cli = { .use = "install [NAME] CHART [flags]",
                          .about = "Installs a chart as a release.\n\n"
                                   "  helmctl install web ./chart -n shop --create-namespace -f production.yaml\n"
                                   "  helmctl install web ./chart --wait --timeout 2m --rollback-on-failure\n"
                                   "  helmctl install web ./chart --dry-run=server\n\n"
                                   "Interrupted (Ctrl-C, power cut), the same command goes on where it was.",
                          .flags = flags,
                          .flags_n = HC_LEN(flags),
                          .min_args = 1,
                          .max_args = 2 };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    if (cli.args_n == 2 && o.generate_name)
        return hc_cli_error("INSTALLATION FAILED: cannot set --generate-name and also specify a name");
    if (cli.args_n == 2 && o.name_template)
        return hc_cli_error("INSTALLATION FAILED: cannot set --name-template and also specify a name");
    if (cli.args_n == 1 && !o.generate_name && !o.name_template)
        return hc_cli_error("INSTALLATION FAILED: must either provide a name or specify --generate-name");
    const char *way = o.action.server_side;
    if (strcmp(way, "true") != 0 && strcmp(way, "false") != 0 &&
        strcmp(way, "auto") != 0) /* nothing is automatic here */
        return hc_cli_error(
            "invalid argument \"%s\" for \"--server-side\" flag: strconv.ParseBool: parsing \"%s\": "
            "invalid syntax",
            way, way);
    HC_AUTO(hc_cli_release) struct hc_cli_release r = { 0 };
    struct hc_err err = HC_ERR_INIT;
    if (hc_cli_post_open(a, &o.action.post, false, HC_MAX(o.action.timeout_ms, 0), &r.post, &err) != HC_OK)
        return hc_cli_fail(&err);
    r.offline = hc_cli_dry_client(&o.action);
    if (open_all(&r, a, &cli, &o, cli.args[cli.args_n - 1], &err) != HC_OK)
        return hc_cli_release_fail(&r, "INSTALLATION", &err);
    if (cli.args_n == 2)
        r.name = hc_str_of(cli.args[0]);
    else if (!o.name_template)
        r.name = hc_arena_printf(a, "%.*s-%" PRId64, HC_P(r.chart->name), hc_now_ms() / 1000);
    else if (hc_cli_name_of(a, o.name_template, NULL, &r.name, &err) != HC_OK)
        return hc_cli_release_fail(&r, "INSTALLATION", &err);
    /* Only for definitions does Helm's install look at both (installCRDs). */
    if (o.action.force_conflicts && strcmp(o.action.server_side, "false") == 0 && !o.action.skip_crds &&
        brings_crds(r.chart))
        return hc_cli_error("INSTALLATION FAILED: invalid client create option(s): forceConflicts enabled when "
                            "serverSideApply disabled");
    return run_install(&r, &o, false);
}

int hc_cmd_upgrade(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct options o = { 0 };
    hc_action_flags_init(&o.action);
    const struct hc_flag flags[] = {
        SHARED_FLAGS(o),
        { "install", 'i', HC_FLAG_BOOL, &o.install, "install when there is no such release" },
        { "reset-values", 0, HC_FLAG_BOOL, &o.reset_values, "only the chart's values and those given now" },
        { "reuse-values", 0, HC_FLAG_BOOL, &o.reuse_values, "the last revision's values, those given now on top" },
        { "reset-then-reuse-values", 0, HC_FLAG_BOOL, &o.reset_then_reuse_values,
          "the new chart's values, the last revision's given ones, those given now" },
        { "history-max", 0, HC_FLAG_INT, &o.action.history_max, "keep this many revisions; 0: all" },
        { "cleanup-on-fail", 0, HC_FLAG_BOOL, &o.action.cleanup_on_fail, "delete what a failed upgrade brought" },
        HC_CHART_SOURCE_FLAGS(o.source),
    };
    struct hc_cli cli = { .use = "upgrade RELEASE CHART [flags]",
                          .about = "Upgrades a release to another chart or other values.\n\n"
                                   "  helmctl upgrade web ./chart -f production.yaml --wait\n"
                                   "  helmctl upgrade --install web ./chart --rollback-on-failure\n\n"
                                   "Interrupted (Ctrl-C, power cut), the same command goes on where it was.",
                          .flags = flags,
                          .flags_n = HC_LEN(flags),
                          .min_args = 2,
                          .max_args = 2 };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    HC_AUTO(hc_cli_release) struct hc_cli_release r = { 0 };
    struct hc_err err = HC_ERR_INIT;
    if (hc_cli_post_open(a, &o.action.post, false, HC_MAX(o.action.timeout_ms, 0), &r.post, &err) != HC_OK)
        return hc_cli_fail(&err);
    r.name = hc_str_of(cli.args[0]);
    if (open_all(&r, a, &cli, &o, cli.args[1], &err) != HC_OK)
        return hc_cli_release_fail(&r, NULL, &err);
    if (o.install) {
        struct hc_brief last = { 0 };
        enum hc_rc rc = hc_cli_release_newest(&r, &last, &err);
        bool ours = rc == HC_OK && last.status == HC_STATUS_PENDING_INSTALL && last.revision == 1;
        if (rc == HC_E_NOTFOUND || (rc == HC_OK && last.status == HC_STATUS_UNINSTALLED) || ours) {
            if (strcmp(o.action.output, "table") == 0)
                printf("Release \"%.*s\" does not exist. Installing it now.\n", HC_P(r.name));
            return run_install(&r, &o, true);
        }
        if (rc != HC_OK)
            return hc_cli_fail(&err);
    }
    return run_upgrade(&r, &o);
}
