/*
 * The executable `helmctl-serve`: what stays, and needs Git, SSH, SQLite and an HTTP server, which no other verb loads.
 * Users call `helmctl`.
 */
#include "helmctl/cli/complete.h"

static int other(int argc, char **argv)
{
    (void)argc;
    return hc_cli_hand_over("helmctl-cluster", argv);
}

static int complete(int argc, char **argv);

static const struct hc_command commands[] = {
    { "__complete", complete, NULL },
    { "__completeNoDesc", complete, NULL },
    { "controller", hc_cmd_controller, NULL },
    { "sandbox", hc_cmd_sandbox, NULL },
};

static int complete(int argc, char **argv)
{
    return hc_cli_complete(argc, argv, commands, HC_LEN(commands));
}

int main(int argc, char **argv)
{
    hc_cli_handed_over();
    return hc_cli_dispatch(argc, argv, commands, HC_LEN(commands), other);
}
