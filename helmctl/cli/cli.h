#pragma once
/*
 * helmctl/cli/cli.h - the command table: one file per command, no logic of its own
 *
 * A command is `int hc_cmd_<name>(int argc, char **argv)` in helmctl/cli/<name>.c: argv[0] is the verb; it
 * prints results on stdout, messages on stderr, and gives the exit code. Each answers --help.
 */
#include "core/base/defs.h"

struct hc_command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help; /* one line */
};

/* Runs the command argv[1] names in `table`; `otherwise` gets what is not in it. */
int hc_cli_dispatch(int argc, char **argv, const struct hc_command *table, size_t n,
                    int (*otherwise)(int argc, char **argv));

/* The verbs that only render: in both executables. */
int hc_cmd_version(int argc, char **argv);
