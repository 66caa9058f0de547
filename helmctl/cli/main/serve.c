/*
 * The executable `helmctl-serve`: what stays, and needs Git, SSH, SQLite and an HTTP server, which no other verb loads.
 * Users call `helmctl`.
 */
#include "helmctl/cli/cli.h"

static int other(int argc, char **argv)
{
    (void)argc;
    return hc_cli_hand_over("helmctl-cluster", argv);
}

int main(int argc, char **argv)
{
    static const struct hc_command commands[] = {
        { "controller", hc_cmd_controller, NULL },
        { "sandbox", hc_cmd_sandbox, NULL },
    };
    hc_cli_handed_over();
    return hc_cli_dispatch(argc, argv, commands, HC_LEN(commands), other);
}
