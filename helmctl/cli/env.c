/*
 * helmctl env: Helm's view of its environment (pkg/cli EnvSettings.EnvVars), for scripts that ask one tool where the other
 * keeps its things.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helmctl/cli/cli.h"
#include "helmctl/cli/complete.h"
#include "helmctl/cli/connect.h"
#include "helmctl/cli/helmhome.h"

static const char about[] =
    "Prints the variables that helm and helmctl look at, with the values that count for this call.\n"
    "\n"
    "  helmctl env                    all, as NAME=\"VALUE\"\n"
    "  helmctl env HELM_CACHE_HOME    the value of one\n"
    "\n"
    "Output is that of `helm env` (Helm 4.3).";

enum { ROWS = 24 };

struct row {
    const char *name, *value;
};

static const char *joined(struct hc_arena *a, const struct hc_strings *l)
{
    hc_str out = HC_S("");
    for (size_t i = 0; i < l->n; i++)
        out = hc_arena_printf(a, "%.*s%s%s", HC_P(out), i ? "," : "", l->items[i]);
    return hc_arena_strz(a, out);
}

/* A number of the environment as Go prints it again; what is none counts as not set. */
static const char *number(struct hc_arena *a, const char *name, const char *otherwise, bool whole)
{
    const char *text = hc_cli_env(name);
    char *end = NULL;
    double d = text ? strtod(text, &end) : 0;
    if (!text || !end || *end || (whole && (d < -1e9 || d > 1e9 || d != (double)(long)d)))
        return otherwise;
    return whole ? hc_arena_printf(a, "%ld", (long)d).p : hc_arena_printf(a, "%.2f", d).p;
}

static const char *text_or(const char *text, const char *otherwise)
{
    return text ? text : otherwise ? otherwise : "";
}

static void rows_of(struct hc_arena *a, const struct hc_globals *g, bool cluster, struct row out[ROWS])
{
    const char *kubeconfig = g->kubeconfig; /* what $KUBECONFIG says may be a list, which Helm does not print */
    const char *data = hc_helm_data(a, "plugins");
    const struct row rows[] = {
        { "HELM_BIN", "helmctl" },
        { "HELM_BURST_LIMIT", number(a, "HELM_BURST_LIMIT", "100", true) },
        { "HELM_CACHE_HOME", hc_helm_cache(a, "") },
        { "HELM_CONFIG_HOME", hc_helm_config(a, "") },
        { "HELM_CONTENT_CACHE", text_or(g->content_cache, hc_helm_cache(a, "content")) },
        { "HELM_DATA_HOME", hc_helm_data(a, "") },
        { "HELM_DEBUG", g->debug ? "true" : "false" },
        { "HELM_KUBEAPISERVER", text_or(g->kube_apiserver, "") },
        { "HELM_KUBEASGROUPS", joined(a, &g->kube_as_group) },
        { "HELM_KUBEASUSER", text_or(g->kube_as_user, "") },
        { "HELM_KUBECAFILE", text_or(g->kube_ca_file, "") },
        { "HELM_KUBECONTEXT", text_or(g->kube_context, "") },
        { "HELM_KUBEINSECURE_SKIP_TLS_VERIFY", g->kube_insecure_skip_tls_verify ? "true" : "false" },
        { "HELM_KUBETLS_SERVER_NAME", text_or(g->kube_tls_server_name, "") },
        { "HELM_KUBETOKEN", text_or(g->kube_token, "") },
        { "HELM_MAX_HISTORY", number(a, "HELM_MAX_HISTORY", "10", true) },
        { "HELM_NAMESPACE", cluster ? hc_arena_strz(a, hc_cli_namespace(a, g)) : "" },
        { "HELM_PLUGINS", text_or(hc_cli_env("HELM_PLUGINS"), data) },
        { "HELM_QPS", number(a, "HELM_QPS", "0.00", false) },
        { "HELM_REGISTRY_CONFIG", text_or(g->registry_config, hc_helm_config(a, "registry/config.json")) },
        { "HELM_REPOSITORY_CACHE", hc_helm_indexes(a, g) },
        { "HELM_REPOSITORY_CONFIG", hc_helm_repositories_file(a, g) },
        { "KUBECONFIG", kubeconfig && *kubeconfig ? kubeconfig : NULL },
    };
    _Static_assert(HC_LEN(rows) <= ROWS, "room for all rows");
    memcpy(out, rows, sizeof(rows));
}

static bool complete(struct hc_completion *c, const struct hc_cli *cli)
{
    struct row rows[ROWS] = { { NULL, NULL } };
    rows_of(c->a, &cli->globals, false, rows);
    for (size_t i = 0; !cli->args_n && i < ROWS; i++)
        hc_complete_add(c, hc_str_of(rows[i].name), HC_S("")); /* a value may be a token */
    return true;
}

int hc_cmd_env(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct row rows[ROWS] = { { NULL, NULL } };
    struct hc_cli cli = {
        .use = "env [NAME] [flags]", .about = about, .min_args = 0, .max_args = 1, .complete = complete
    };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    rows_of(a, &cli.globals, true, rows);
    if (hc_arena_spent(a))
        return hc_cli_error("out of memory");
    if (cli.args_n) {
        const char *value = "";
        for (size_t i = 0; i < ROWS; i++)
            if (rows[i].name && rows[i].value && strcmp(rows[i].name, cli.args[0]) == 0)
                value = rows[i].value;
        puts(value);
        return 0;
    }
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].name && rows[i].value)
            printf("%s=\"%s\"\n", rows[i].name, rows[i].value);
    return 0;
}
