/*
 * helmctl plan (diff): what install or upgrade would do, and what would refuse it. helmctl apply: exactly a plan that was
 * kept in a file, or a refusal that says what has changed since.
 */
#include <stdio.h>
#include <string.h>

#include "helmctl/cli/cli.h"
#include "helmctl/cli/plan.h"

struct options {
    struct hc_chart_source source;
    struct hc_values_flags values;
    struct hc_action_flags action;
    bool reset_values, reuse_values, reset_then_reuse_values, data_may_go, uninstall;
    const char *rollback; /* "": to the revision before */
};

/* 0: nothing would change, 2: something would, 1: it would be refused. */
static int exit_code(const struct hc_preview *p)
{
    return hc_preview_refusals(p) > 0 ? 1 : p->changes ? 2 : 0;
}

static int report(struct hc_cli_release *r, const struct options *o, const struct hc_preview *p)
{
    const char *output = o->action.output;
    struct hc_err err = HC_ERR_INIT;
    if (strcmp(output, "json") == 0) {
        (void)hc_cli_print_value(hc_plan_json(r->a, r, p), "json");
        return exit_code(p);
    }
    hc_plan_print(r->a, r, p);
    if (strcmp(output, "table") == 0)
        return exit_code(p);
    if (p->action == HC_ACTION_ROLLBACK || p->action == HC_ACTION_UNINSTALL)
        return hc_cli_error("only plans of a chart are kept in a file; helmctl %s does this one",
                            hc_action_name(p->action));
    if (hc_preview_refusals(p) > 0)
        return hc_cli_error("the plan is not kept: it would be refused");
    if (hc_plan_save(r->a, r, p, &o->action, output, &err) != HC_OK)
        return hc_cli_fail(&err);
    printf("kept in %s (with the values of Secrets, for its owner alone); helmctl apply %s does exactly this\n",
           output, output);
    return exit_code(p);
}

int hc_cmd_plan(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct options o = { 0 };
    hc_action_flags_init(&o.action);
    const struct hc_flag flags[] = {
        { "output", 'o', HC_FLAG_STR, &o.action.output, "table, json, or a FILE to keep the plan in", NULL,
          "FORMAT|FILE" },
        HC_VALUES_FLAGS(o.values),
        HC_ACTION_FLAGS(o.action),
        HC_APPLY_FLAGS(o.action),
        { "error-format", 0, HC_FLAG_STR, &o.action.error_format, HC_FAULT_HELP, NULL, "person|helm|json" },
        { "take-ownership", 0, HC_FLAG_BOOL, &o.action.take_ownership, "take over objects that others have made" },
        { "skip-crds", 0, HC_FLAG_BOOL, &o.action.skip_crds, "leave the CRDs of crds/ out" },
        { "disable-openapi-validation", 0, HC_FLAG_BOOL, &o.action.no_validation,
          "let fields pass that the server does not know" },
        { "create-namespace", 0, HC_FLAG_BOOL, &o.action.create_namespace, "make the release's namespace" },
        { "skip-schema-validation", 0, HC_FLAG_BOOL, &o.action.skip_schema,
          "do not check values against the schema" },
        { "rollback-on-failure", 0, HC_FLAG_BOOL, &o.action.on_failure, "for apply: undo what fails" },
        { "reset-values", 0, HC_FLAG_BOOL, &o.reset_values, "only the chart's values and those given now" },
        { "reuse-values", 0, HC_FLAG_BOOL, &o.reuse_values, "the last revision's values, those given now on top" },
        { "reset-then-reuse-values", 0, HC_FLAG_BOOL, &o.reset_then_reuse_values,
          "the new chart's values, the last revision's given ones, those given now" },
        { "allow-data-loss", 0, HC_FLAG_BOOL, &o.data_may_go,
          "deletes of claims, volumes, namespaces and CRDs are no problem" },
        { "rollback", 0, HC_FLAG_STR, &o.rollback, "of a rollback to this revision (0: to the one before)", NULL,
          "REVISION" },
        { "uninstall", 0, HC_FLAG_BOOL, &o.uninstall, "of an uninstall" },
        HC_CHART_SOURCE_FLAGS(o.source),
    };
    struct hc_cli cli = {
        .use = "plan RELEASE [CHART] [flags]",
        .about = "Says what an install, upgrade, rollback or uninstall would do, object by object and field by "
                 "field, in which\n"
                 "order, and what would refuse it. Writes nothing to the cluster; values of Secrets are\n"
                 "not shown.\n\n"
                 "  helmctl plan web ./chart -f production.yaml\n"
                 "  helmctl plan web ./chart -o web.plan && helmctl apply web.plan\n"
                 "  helmctl plan web --rollback 3\n"
                 "  helmctl plan web --uninstall\n\n"
                 "Exit codes: 0 nothing would change, 2 something would, 1 it would be refused.",
        .flags = flags,
        .flags_n = HC_LEN(flags),
        .min_args = 1,
        .max_args = 2
    };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    bool rendered = !o.rollback && !o.uninstall;
    int64_t to = 0;
    if (rendered != (cli.args_n == 2) || (o.rollback && o.uninstall))
        return hc_cli_error("a plan is of a CHART, or with --rollback REVISION or --uninstall of none");
    if (o.rollback && (!hc_str_to_i64(hc_str_of(o.rollback), &to) || to < 0))
        return hc_cli_error("--rollback \"%s\" is no revision: see helmctl history %s", o.rollback, cli.args[0]);
    HC_AUTO(hc_cli_release) struct hc_cli_release r = { 0 };
    struct hc_err err = HC_ERR_INIT;
    struct hc_reconcile_spec spec;
    struct hc_reconcile *engine = NULL;
    struct hc_preview preview;
    struct hc_action_flags checked = o.action;
    checked.output = "table";
    o.source.ref = rendered ? cli.args[1] : NULL;
    o.source.globals = &cli.globals;
    r.name = hc_str_of(cli.args[0]);
    r.reset_values = o.reset_values;
    r.reuse_values = o.reuse_values;
    r.reset_then_reuse_values = o.reset_then_reuse_values;
    enum hc_rc rc = hc_cli_check_name(r.name, &err);
    if (rc == HC_OK)
        rc = hc_cli_release_begin(&r, a, &cli.globals, &checked, &err);
    if (rc == HC_OK && rendered)
        rc = hc_cli_release_load(&r, &o.source, &o.values, &err);
    if (rc != HC_OK)
        return hc_cli_release_fail(&r, NULL, &err);
    hc_cli_release_spec(&r, &o.action, &spec);
    spec.goal = o.uninstall ? HC_GOAL_ABSENT : o.rollback ? HC_GOAL_ROLLBACK : HC_GOAL_PRESENT;
    spec.rollback_to = to;
    rc = hc_cli_release_preview(&r, &spec, o.data_may_go ? HC_PREVIEW_DATA_MAY_GO : 0, &engine, &preview, &err);
    code = rc == HC_OK ? report(&r, &o, &preview) : hc_cli_release_fail(&r, NULL, &err);
    hc_reconcile_free(engine);
    return code;
}

/* ---- apply ------------------------------------------------------------------------------------------------- */

static void flags_of(const struct hc_val *v, struct hc_arena *a, struct hc_action_flags *f)
{
    hc_action_flags_init(f);
    f->timeout_ms = hc_get_int_at(v, "timeoutMs", f->timeout_ms);
    f->history_max = hc_get_int_at(v, "historyMax", f->history_max);
    f->wait = hc_arena_strz(a, hc_get_str_at(v, "wait"));
    f->server_side = hc_arena_strz(a, hc_get_str_at(v, "serverSide"));
    f->wait_for_jobs = hc_get_bool_at(v, "waitForJobs", false);
    f->no_hooks = hc_get_bool_at(v, "noHooks", false);
    f->force_replace = hc_get_bool_at(v, "forceReplace", false);
    f->force_conflicts = hc_get_bool_at(v, "forceConflicts", false);
    f->take_ownership = hc_get_bool_at(v, "takeOwnership", false);
    f->on_failure = hc_get_bool_at(v, "rollbackOnFailure", false);
    f->skip_crds = hc_get_bool_at(v, "skipCrds", false);
    f->no_validation = hc_get_bool_at(v, "noValidation", false);
    f->create_namespace = hc_get_bool_at(v, "createNamespace", false);
}

/* Prints what differs from what the plan saw; gives how much. */
static size_t changed_since(struct hc_cli_release *r, const struct hc_plan_file *p, struct hc_err *err)
{
    size_t n = 0, count = hc_list_len(p->objects);
    struct hc_record head = { 0 };
    struct hc_kube_op *ops = HC_NEW_N(r->a, struct hc_kube_op, count + 1);
    enum hc_rc rc = hc_storage_last(r->storage, r->a, r->name, 0, &head, err);
    if (rc == HC_OK ? !hc_str_eq(head.resource_version, p->head_version) : rc == HC_E_NOTFOUND && p->from > 0) {
        fprintf(stderr, "  release %.*s: revision %" PRId64 " was the newest, now it is %" PRId64 " (%s)\n",
                HC_P(r->name), p->from, head.revision, head.name.n ? hc_status_name(head.status) : "gone");
        n++;
    }
    hc_err_clear(err);
    for (size_t i = 0; ops && i < count; i++) {
        const struct hc_val *o = hc_list_at(p->objects, i);
        ops[i] = (struct hc_kube_op){ .verb = HC_KUBE_VERB_GET, .err = HC_ERR_INIT };
        ops[i].ref = (struct hc_ref){ hc_get_str_at(o, "apiVersion"), hc_get_str_at(o, "kind"),
                                      hc_get_str_at(o, "namespace"), hc_get_str_at(o, "name") };
    }
    if (ops && count > 0)
        hc_kube_batch(r->cluster.kube, r->a, ops, count, "helm");
    for (size_t i = 0; ops && i < count; i++) {
        const struct hc_val *then = hc_map_getz(hc_list_at(p->objects, i), "live");
        hc_str name = hc_ref_str(r->a, &ops[i].ref);
        struct hc_diff *d = NULL;
        if (ops[i].rc != HC_OK && ops[i].rc != HC_E_NOTFOUND) {
            fprintf(stderr, "  %.*s: %s\n", HC_P(name), ops[i].err.msg);
            n++;
        } else if (!then != (ops[i].rc == HC_E_NOTFOUND)) {
            fprintf(stderr, "  %.*s was %s by now\n", HC_P(name), then ? "deleted" : "made");
            n++;
        } else if (then) {
            size_t m = hc_val_diff(r->a, then, ops[i].out, &d);
            bool secret = hc_str_eqz(ops[i].ref.kind, "Secret");
            for (size_t j = 0; j < m; j++) {
                if (hc_reconcile_servers_own(d[j].path))
                    continue;
                fprintf(stderr, "  %.*s: %.*s: %.*s -> %.*s\n", HC_P(name), HC_P(d[j].path),
                        HC_P(secret ? HC_S("***") : hc_plan_shown(r->a, d[j].from)),
                        HC_P(secret ? HC_S("***") : hc_plan_shown(r->a, d[j].to)));
                n++;
            }
        }
    }
    return n;
}

int hc_cmd_apply(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const char *output = "table";
    const struct hc_flag flags[] = { { "output", 'o', HC_FLAG_STR, &output, "print as table, json or yaml", NULL,
                                       "table|json|yaml" } };
    struct hc_cli cli = {
        .use = "apply PLAN [flags]",
        .about = "Does exactly what a plan says that was kept by helmctl plan -o FILE, or nothing, and says\n"
                 "what has changed in the cluster since.\n\n  helmctl apply web.plan",
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
    struct hc_plan_file plan;
    struct hc_action_flags f;
    struct hc_reconcile_spec spec;
    struct hc_record record = { 0 };
    if (hc_plan_load(a, cli.args[0], &plan, &err) != HC_OK)
        return hc_cli_fail(&err);
    flags_of(plan.flags, a, &f);
    f.output = output;
    cli.globals.ns = hc_arena_strz(a, plan.ns);
    if (hc_cli_release_begin(&r, a, &cli.globals, &f, &err) != HC_OK)
        return hc_cli_fail(&err);
    r.name = plan.name;
    size_t n = changed_since(&r, &plan, &err);
    if (n > 0)
        return hc_cli_error("the plan does not hold any more: %zu change(s) since it was made; plan again", n);
    hc_cli_release_spec(&r, &f, &spec);
    r.stored = &plan.record;
    r.stored_crds = plan.crds;
    r.stored_crds_n = plan.crds_n;
    if (hc_cli_release_run(&r, &spec, &record, &err) != HC_OK)
        return hc_cli_fail(&err);
    const struct hc_cli_status status = { .debug = cli.globals.debug };
    return hc_cli_print_release(a, &record, output, &status);
}
