/*
 * The executable `helmctl-cluster`: all verbs. Users call `helmctl`.
 */
#include <stdio.h>

#include "helmctl/cli/cli.h"

static const struct hc_command commands[] = {
    { "controller", hc_cmd_controller, "serve HelmReleases, Kustomizations and their sources" },
    { "deploy", hc_cmd_deploy, "install helmctl itself into a cluster" },
    { "events", hc_cmd_events, "show what happened to GitOps objects" },
    { "get", hc_cmd_get, "show GitOps objects and their state, or parts of a release" },
    { "reconcile", hc_cmd_reconcile, "ask the controller to look at an object now" },
    { "resume", hc_cmd_resume, "take up a suspended object again" },
    { "sandbox", hc_cmd_sandbox, "serve a simulated Kubernetes API to try things on" },
    { "suspend", hc_cmd_suspend, "make the controller leave an object alone" },
    { "show", hc_cmd_show, "show metadata, values, README or CRDs of a chart" },
    { "template", hc_cmd_template, "render a chart and print the manifests" },
    { "version", hc_cmd_version, "print the version" },
};

static int usage(int argc, char **argv)
{
    bool asked = argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
                 strcmp(argv[1], "-h") == 0;
    FILE *to = asked ? stdout : stderr;
    if (!asked)
        fprintf(to, "Error: unknown command \"%s\" for \"helmctl\"\n\n", argv[1]);
    fputs("helmctl reconciles Helm releases from Git: fetch, render, install, upgrade, roll back.\n\n"
          "Usage:\n  helmctl COMMAND [flags]\n\nCommands:\n",
          to);
    for (size_t i = 0; i < HC_LEN(commands); i++)
        fprintf(to, "  %-14s %s\n", commands[i].name, commands[i].help);
    fputs("\nhelmctl COMMAND --help tells the flags of a command.\n", to);
    return asked ? 0 : 1;
}

int main(int argc, char **argv)
{
    return hc_cli_dispatch(argc, argv, commands, HC_LEN(commands), usage);
}
