/*
 * From argv[1] to a command, and what is true of every one of them: what it prints arrives, or it has failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "helmctl/cli/cli.h"
#include "helmctl/cli/flags.h"

struct hc_cli_ports hc_cli_ports;

/* Where 0, 1 or 2 came closed, the next file that is opened would get its number, and what is printed would land in it. */
static void fill_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) < 0)
            return;
}

/* Output that a full disk did not take is no success: a script would go on with half of a list. */
static int ended(int code)
{
    errno = 0;
    bool failed = fflush(stdout) != 0;
    int why = errno;
    if ((!failed && !ferror(stdout)) || code != 0)
        return code;
    return hc_cli_error("write output: %s", why ? strerror(why) : "it was not taken");
}

int hc_cli_dispatch(int argc, char **argv, const struct hc_command *table, size_t n,
                    int (*otherwise)(int argc, char **argv))
{
    fill_standard();
    signal(
        SIGXFSZ,
        SIG_IGN); /* past `ulimit -f` a write fails, like one on a full disk, and what it was for is taken away */
    argc = hc_cli_verb_first(argc, argv);
    if (argc > 2 && strcmp(argv[1], "help") == 0) { /* `help repo add` is `repo add --help` */
        static char help[] = "--help";
        memmove(&argv[1], &argv[2], (size_t)(argc - 2) * sizeof(*argv));
        argv[argc - 1] = help;
    }
    for (size_t i = 0; argc > 1 && i < n; i++)
        if (strcmp(argv[1], table[i].name) == 0)
            return ended(table[i].run(argc - 1, argv + 1));
    return ended(otherwise(argc, argv));
}
