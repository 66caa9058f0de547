/*
 * The executable `helmctl`: what renders runs here, everything else is handed to helmctl-cluster, which is
 * looked for beside the program (../libexec/helmctl, then the same folder).
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "helmctl/cli/cli.h"

static int hand_over(int argc, char **argv)
{
    (void)argc;
    static const char *const places[] = { "/../libexec/helmctl/helmctl-cluster", "/helmctl-cluster" };
    char self[4096], path[4200];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n < 0)
        n = 0;
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; i < HC_LEN(places); i++) {
        snprintf(path, sizeof(path), "%s%s", self, places[i]);
        execv(path, argv);
    }
    fprintf(stderr, "Error: the second half of the program, helmctl-cluster, cannot be started from %s: %s\n", self,
            strerror(errno));
    return 1;
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
