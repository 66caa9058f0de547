/*
 * From argv[1] to a command.
 */
#include "helmctl/cli/cli.h"
#include "helmctl/cli/flags.h"

struct hc_cli_ports hc_cli_ports;

int hc_cli_dispatch(int argc, char **argv, const struct hc_command *table, size_t n,
                    int (*otherwise)(int argc, char **argv))
{
    argc = hc_cli_verb_first(argc, argv);
    for (size_t i = 0; argc > 1 && i < n; i++)
        if (strcmp(argv[1], table[i].name) == 0)
            return table[i].run(argc - 1, argv + 1);
    return otherwise(argc, argv);
}
