/*
 * helmctl suspend, helmctl resume: whether the controller acts on an object.
 */
#include <stdio.h>

#include "helmctl/cli/cli.h"
#include "helmctl/cli/gitops.h"

#define REASON "suspend.toolkit.fluxcd.io/reason"

struct options {
    bool all, suspend;
    const char *reason;
    int64_t timeout_ms;
};

static enum hc_rc set_suspend(struct hc_cli_cluster *c, struct hc_arena *a, const struct hc_gitops_kind *k,
                              hc_str name, const struct options *o, struct hc_err *err)
{
    struct hc_ref r = { hc_str_of(k->api_version), hc_str_of(k->kind), c->ns, name };
    struct hc_val *patch = hc_map_new(a);
    hc_map_put_bool(a, hc_map_sub(a, patch, "spec"), "suspend", o->suspend);
    struct hc_val *notes = hc_map_sub(a, hc_map_sub(a, patch, "metadata"), "annotations");
    if (o->suspend && o->reason)
        hc_map_put_strz(a, notes, REASON, o->reason);
    else if (!o->suspend)
        hc_map_put(a, notes, HC_S(REASON), hc_null_val(a));
    fprintf(stderr, "► %s %s %.*s in %.*s namespace\n", o->suspend ? "suspending" : "resuming", k->human,
            HC_P(name), HC_P(c->ns));
    enum hc_rc rc = hc_kube_patch(c->kube, a, &r, NULL, HC_PATCH_MERGE, patch, "helmctl", 0, NULL, err);
    if (rc != HC_OK)
        return rc;
    fprintf(stderr, "✔ %s %s\n", k->human, o->suspend ? "suspended" : "resumed");
    return o->suspend ? HC_OK : hc_gitops_wait_ready(c, a, k, &r, (hc_str){ NULL, 0 }, o->timeout_ms, err);
}

static int run(int argc, char **argv, struct options *o, struct hc_cli *cli)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    int rc = hc_cli_parse(a, cli, argc, argv);
    if (rc >= 0)
        return rc;
    size_t used;
    const struct hc_gitops_kind *k = hc_gitops_kind_of(cli->args, cli->args_n, &used);
    if (!k)
        return hc_cli_error("%s what? KIND is %s", argv[0], hc_gitops_words);
    if (cli->args_n == used && !o->all)
        return hc_cli_error("%s name is required (or --all)", k->human);
    HC_AUTO(hc_cli_cluster) struct hc_cli_cluster c = { 0 };
    struct hc_err err = HC_ERR_INIT;
    if (hc_cli_connect(&cli->globals, &c, &err) != HC_OK)
        return hc_cli_fail(&err);
    if (cli->args_n > used) {
        for (size_t i = used; i < cli->args_n; i++)
            if (set_suspend(&c, a, k, hc_str_of(cli->args[i]), o, &err) != HC_OK) {
                rc = hc_cli_fail(&err);
                hc_err_clear(&err);
            }
        return rc > 0 ? rc : 0;
    }
    const struct hc_kube_list what = {
        .api_version = hc_str_of(k->api_version), .kind = hc_str_of(k->kind), .ns = c.ns, .metadata_only = true
    };
    struct hc_val *items = NULL;
    if (hc_kube_list(c.kube, a, &what, &items, NULL, &err) != HC_OK)
        return hc_cli_fail(&err);
    for (size_t i = 0; i < hc_list_len(items); i++)
        if (set_suspend(&c, a, k, hc_get_str_at(hc_list_at(items, i), "metadata.name"), o, &err) != HC_OK) {
            rc = hc_cli_fail(&err);
            hc_err_clear(&err);
        }
    if (hc_list_len(items) == 0)
        return hc_cli_error("no %s objects found in \"%.*s\" namespace", k->kind, HC_P(c.ns));
    return rc > 0 ? rc : 0;
}

int hc_cmd_suspend(int argc, char **argv)
{
    struct options o = { .suspend = true };
    const struct hc_flag flags[] = {
        { "all", 0, HC_FLAG_BOOL, &o.all, "all objects of the kind in the namespace" },
        { "reason", 'r', HC_FLAG_STR, &o.reason, "why: kept in the annotation " REASON },
    };
    struct hc_cli cli = {
        .use = "suspend KIND NAME... [flags]",
        .about = "Makes the controller leave an object alone.\n\n  helmctl suspend helmrelease web -n apps",
        .flags = flags,
        .flags_n = HC_LEN(flags),
        .min_args = 1,
        .max_args = -1,
        .complete = hc_gitops_complete,
    };
    return run(argc, argv, &o, &cli);
}

int hc_cmd_resume(int argc, char **argv)
{
    struct options o = { .timeout_ms = 300000 };
    const struct hc_flag flags[] = {
        { "all", 0, HC_FLAG_BOOL, &o.all, "all objects of the kind in the namespace" },
        { "timeout", 0, HC_FLAG_DURATION, &o.timeout_ms, "how long to wait for each" },
    };
    struct hc_cli cli = {
        .use = "resume KIND NAME... [flags]",
        .about = "Takes up a suspended object again, and waits until it is reconciled.\n\n"
                 "  helmctl resume helmrelease web -n apps",
        .flags = flags,
        .flags_n = HC_LEN(flags),
        .min_args = 1,
        .max_args = -1,
        .complete = hc_gitops_complete,
    };
    return run(argc, argv, &o, &cli);
}
