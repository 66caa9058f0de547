/*
 * helmctl reconcile: asks the controller to look at an object now and waits until it has.
 */
#include "helmctl/cli/cli.h"
#include "helmctl/cli/gitops.h"

static const struct hc_gitops_kind *kind_called(hc_str kind)
{
    for (size_t i = 0; i < hc_gitops_kinds_n; i++)
        if (hc_str_eqz(kind, hc_gitops_kinds[i].kind))
            return &hc_gitops_kinds[i];
    return NULL;
}

/* The source the object takes its content from, first; then the chart made of it. */
static enum hc_rc with_source(struct hc_cli_cluster *c, struct hc_arena *a, const struct hc_gitops_kind *k,
                              hc_str ns, hc_str name, const struct hc_gitops_wait *w, struct hc_err *err)
{
    struct hc_ref r = { hc_str_of(k->api_version), hc_str_of(k->kind), ns, name };
    struct hc_val *o = NULL;
    enum hc_rc rc = hc_kube_get(c->kube, a, &r, &o, err);
    if (rc != HC_OK)
        return rc;
    static const char *const places[] = { "spec.chartRef", "spec.chart.spec.sourceRef", "spec.sourceRef" };
    const struct hc_val *ref = NULL;
    for (size_t i = 0; i < HC_LEN(places) && !ref; i++)
        ref = hc_get(o, places[i]);
    const struct hc_gitops_kind *sk = kind_called(hc_get_str(hc_map_getz(ref, "kind")));
    if (!sk)
        return hc_fail(err, HC_E_INPUT, "%s %.*s/%.*s names no source that could be reconciled", k->kind, HC_P(ns),
                       HC_P(name));
    hc_str source_ns = hc_get_str(hc_map_getz(ref, "namespace"));
    const struct hc_gitops_wait plain = { .timeout_ms = w->timeout_ms };
    hc_str source = hc_get_str(hc_map_getz(ref, "name"));
    source_ns = source_ns.n ? source_ns : ns;
    if (strcmp(sk->kind, "HelmChart") == 0)
        rc = with_source(c, a, sk, source_ns, source, w, err);
    else
        rc = hc_gitops_reconcile(c, a, sk, source_ns, source, &plain, err);
    hc_str chart = hc_get_str_at(o, "status.helmChart"), chart_ns;
    if (rc == HC_OK && chart.n && hc_str_split(&chart, '/', &chart_ns)) {
        rc = hc_gitops_reconcile(c, a, kind_called(HC_S("HelmChart")), chart_ns, chart, &plain, err);
        if (rc == HC_E_NOTFOUND)
            rc = HC_OK; /* made anew by the controller */
    }
    return rc == HC_OK ? hc_gitops_reconcile(c, a, k, ns, name, k->source ? &plain : w, err) : rc;
}

int hc_cmd_reconcile(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_gitops_wait w = { .timeout_ms = 300000 };
    bool source = false;
    const struct hc_flag flags[] = {
        { "with-source", 0, HC_FLAG_BOOL, &source, "reconcile the source of the object first" },
        { "force", 0, HC_FLAG_BOOL, &w.force, "upgrade the release once more even if nothing changed" },
        { "reset", 0, HC_FLAG_BOOL, &w.reset, "forget earlier failures of the release" },
        { "timeout", 0, HC_FLAG_DURATION, &w.timeout_ms, "how long to wait" },
    };
    struct hc_cli cli = {
        .use = "reconcile KIND NAME [flags]",
        .about = "Asks the controller to look at an object now, and waits until it is done.\n\n"
                 "  helmctl reconcile helmrelease web -n apps --with-source\n"
                 "  helmctl reconcile source git fleet",
        .flags = flags,
        .flags_n = HC_LEN(flags),
        .min_args = 1,
        .max_args = 3,
        .complete = hc_gitops_complete,
    };
    int rc = hc_cli_parse(a, &cli, argc, argv);
    if (rc >= 0)
        return rc;
    size_t used;
    const struct hc_gitops_kind *k = hc_gitops_kind_of(cli.args, cli.args_n, &used);
    if (!k)
        return hc_cli_error("reconcile what? KIND is %s", hc_gitops_words);
    if (cli.args_n != used + 1)
        return hc_cli_error("%s name is required", k->human);
    if ((w.force || w.reset) && strcmp(k->kind, "HelmRelease") != 0)
        return hc_cli_error("--force and --reset are for helmreleases");
    HC_AUTO(hc_cli_cluster) struct hc_cli_cluster c = { 0 };
    struct hc_err err = HC_ERR_INIT;
    if (hc_cli_connect(&cli.globals, &c, &err) != HC_OK)
        return hc_cli_fail(&err);
    hc_str name = hc_str_of(cli.args[used]);
    enum hc_rc done = source ? with_source(&c, a, k, c.ns, name, &w, &err)
                             : hc_gitops_reconcile(&c, a, k, c.ns, name, &w, &err);
    return done == HC_OK ? 0 : hc_cli_fail(&err);
}
