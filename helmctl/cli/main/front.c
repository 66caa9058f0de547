/*
 * The executable `helmctl`: what renders runs here, everything else is handed to helmctl-cluster, and what serves to
 * helmctl-serve.
 */
#include "core/base/mem.h"
#include "helmctl/cli/cli.h"

static int hand_over(int argc, char **argv)
{
    bool serves = argc > 1 && (strcmp(argv[1], "controller") == 0 || strcmp(argv[1], "sandbox") == 0);
    return hc_cli_hand_over(serves ? "helmctl-serve" : "helmctl-cluster", argv);
}

/* A command's argv points behind the program's name. */
static int hand_over_command(int argc, char **argv)
{
    return hand_over(argc + 1, argv - 1);
}

int main(int argc, char **argv)
{
    static const struct hc_command commands[] = {
        { "recording", hc_cmd_recording, "show and compare recordings of renders" },
        { "create", hc_cmd_create, "make a new chart" },
        { "dependency", hc_cmd_dependency, "list or pack what a chart depends on" },
        { "dep", hc_cmd_dependency, NULL },
        { "dependencies", hc_cmd_dependency, NULL },
        { "lint", hc_cmd_lint, "look for what is doubtful or wrong in a chart" },
        { "package", hc_cmd_package, "pack a chart into an archive" },
        { "inspect", hc_cmd_show, NULL },
        { "show", hc_cmd_show, "show metadata, values, README or CRDs of a chart" },
        { "template", hc_cmd_template, "render a chart and print the manifests" },
        { "values", hc_cmd_values, "show the values a chart is rendered with, and where they came from" },
        { "version", hc_cmd_version, "print the version" },
        { "why", hc_cmd_why, "say which template, values and layers a field came from" },
    };
    hc_mem_one_job();
    hc_cli_ports.hand_over = hand_over_command;
    return hc_cli_dispatch(argc, argv, commands, HC_LEN(commands), hand_over);
}
