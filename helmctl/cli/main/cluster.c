/*
 * The executable `helmctl-cluster`: all verbs but those that serve. Users call `helmctl`.
 */
#include <stdio.h>

#include "helmctl/cli/cli.h"
#include "helmctl/cli/complete.h"
#include "helmctl/cli/deps.h"
#include "helmctl/cli/provenance.h"
#include "helmctl/cli/schemas.h"
#include "helmctl/cli/template_server.h"
#include "helmctl/cli/words.h"

static int serve(int argc, char **argv)
{
    (void)argc;
    return hc_cli_hand_over("helmctl-serve", hc_cli_completing ? hc_cli_completing->argv : argv - 1);
}

static int complete(int argc, char **argv);

static const struct hc_command commands[] = {
    { "__complete", complete, NULL },
    { "__completeNoDesc", complete, NULL },
    { "completion", hc_cmd_completion, "print the completion script for a shell" },
    { "controller", serve, "serve HelmReleases, Kustomizations and their sources" },
    { "deploy", hc_cmd_deploy, "install helmctl itself into a cluster" },
    { "env", hc_cmd_env, "print the variables that count, and their values" },
    { "events", hc_cmd_events, "show what happened to GitOps objects" },
    { "get", hc_cmd_get, "show GitOps objects and their state, or parts of a release" },
    { "history", hc_cmd_history, "list the revisions of a release" },
    { "hist", hc_cmd_history, NULL },
    { "install", hc_cmd_install, "install a chart as a release" },
    { "list", hc_cmd_list, "list releases" },
    { "ls", hc_cmd_list, NULL },
    { "plan", hc_cmd_plan, "say what an install or upgrade would do, and what would refuse it" },
    { "diff", hc_cmd_plan, NULL },
    { "apply", hc_cmd_apply, "do exactly what a plan says" },
    { "reconcile", hc_cmd_reconcile, "ask the controller to look at an object now" },
    { "recording", hc_cmd_recording, "show and compare recordings of renders" },
    { "resume", hc_cmd_resume, "take up a suspended object again" },
    { "rollback", hc_cmd_rollback, "go back to a revision" },
    { "sandbox", serve, "serve a simulated Kubernetes API to try things on" },
    { "status", hc_cmd_status, "show the state of a release" },
    { "suspend", hc_cmd_suspend, "make the controller leave an object alone" },
    { "create", hc_cmd_create, "make a new chart" },
    { "dependency", hc_cmd_dependency, "list or pack what a chart depends on" },
    { "dep", hc_cmd_dependency, NULL },
    { "dependencies", hc_cmd_dependency, NULL },
    { "lint", hc_cmd_lint, "look for what is doubtful or wrong in a chart" },
    { "package", hc_cmd_package, "pack a chart into an archive" },
    { "pull", hc_cmd_pull, "fetch charts and leave them here" },
    { "fetch", hc_cmd_pull, NULL },
    { "push", hc_cmd_push, "put a packed chart into a registry" },
    { "registry", hc_cmd_registry, "log in to registries and out of them" },
    { "repo", hc_cmd_repo, "keep the list of chart repositories" },
    { "search", hc_cmd_search, "look for charts in the repositories of that list, or in a hub" },
    { "inspect", hc_cmd_show, NULL },
    { "show", hc_cmd_show, "show metadata, values, README or CRDs of a chart" },
    { "template", hc_cmd_template, "render a chart and print the manifests" },
    { "test", hc_cmd_test, "run the tests of a release" },
    { "uninstall", hc_cmd_uninstall, "delete releases" },
    { "delete", hc_cmd_uninstall, NULL },
    { "un", hc_cmd_uninstall, NULL },
    { "upgrade", hc_cmd_upgrade, "upgrade a release" },
    { "verify", hc_cmd_verify, "check the provenance file of a chart's archive" },
    { "values", hc_cmd_values, "show the values a chart is rendered with, and where they came from" },
    { "version", hc_cmd_version, "print the version" },
    { "why", hc_cmd_why, "say which template, values and layers a field came from" },
};

static int complete(int argc, char **argv)
{
    return hc_cli_complete(argc, argv, commands, HC_LEN(commands));
}

static int unknown(const char *word)
{
    bool any = false;
    fprintf(stderr, "Error: unknown command \"%s\" for \"helmctl\"\n", word);
    for (size_t i = 0; i < HC_LEN(commands); i++)
        if (commands[i].help && hc_cli_is_near(hc_str_of(word), hc_str_of(commands[i].name))) {
            fprintf(stderr, "%s\t%s\n", any ? "" : "\nDid you mean this?\n", commands[i].name);
            any = true;
        }
    fputs("\nRun 'helmctl --help' for usage.\n", stderr);
    return 1;
}

static int usage(int argc, char **argv)
{
    bool asked = argc < 2 || strcmp(argv[1], "help") == 0;
    if (!asked && argv[1][0] != '-')
        return unknown(argv[1]);
    for (int i = 1; i < argc; i++)
        asked = asked || strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_cli root = { .use = "COMMAND [flags]" };
    int code = asked ? -1 : hc_cli_parse(a, &root, argc, argv); /* flags alone: are they right? */
    if (code >= 0)
        return code;
    fputs("helmctl reconciles Helm releases from Git: fetch, render, install, upgrade, roll back.\n\n"
          "Usage:\n  helmctl COMMAND [flags]\n\nCommands:\n",
          stdout);
    for (size_t i = 0; i < HC_LEN(commands); i++)
        if (commands[i].help)
            printf("  %-14s %s\n", commands[i].name, commands[i].help);
    fputs("\nhelmctl COMMAND --help tells the flags of a command.\n", stdout);
    return 0;
}

int main(int argc, char **argv)
{
    hc_cli_handed_over();
    hc_cli_ports.get_release = hc_cmd_get_release;
    hc_cli_ports.fetch_chart = hc_cli_fetch_chart;
    hc_cli_ports.sign_chart = hc_cli_sign;
    hc_cli_ports.verify_chart = hc_cli_verify_chart;
    hc_cli_ports.fetch_schema = hc_cli_fetch_schema;
    hc_cli_ports.fetch_values = hc_cli_fetch_values;
    hc_cli_ports.complete = hc_cli_complete_words;
    hc_cli_ports.deps = hc_cli_deps_net;
    hc_cli_ports.server = &hc_cli_server_port;
    return hc_cli_dispatch(argc, argv, commands, HC_LEN(commands), usage);
}
