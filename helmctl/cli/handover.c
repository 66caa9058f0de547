/*
 * From one executable of the program to another, by exec: same command line, same process.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "helmctl/cli/cli.h"

/*
 * libcurl loads GnuTLS for a protocol that is never spoken here (RTMP), and it sets itself up when it is loaded: 0.7 MiB and
 * two milliseconds. The number is what it looks at, the word tells us from a user who said so.
 */
#define NO_SETUP "GNUTLS_NO_IMPLICIT_INIT"
static const char ours[] = "1 (helmctl)";

/* The first executable has parsed the command line, and told of it what there was to tell. */
#define FLAGS_TOLD "HELMCTL_FLAGS_TOLD"
bool hc_cli_flags_told, hc_cli_flags_told_before;

void hc_cli_handed_over(void)
{
    hc_cli_flags_told_before = getenv(FLAGS_TOLD) != NULL;
    unsetenv(FLAGS_TOLD);
    const char *v = getenv(NO_SETUP);
    if (v && strcmp(v, ours) == 0)
        unsetenv(NO_SETUP);
}

int hc_cli_hand_over(const char *program, char **argv)
{
    static const char *const places[] = { "/../libexec/helmctl", "" };
    char self[4096], path[4200];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n < 0 ? 0 : n] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    (void)setenv(NO_SETUP, ours, 0);
    if (hc_cli_flags_told)
        (void)setenv(FLAGS_TOLD, "1", 1);
    for (size_t i = 0; i < HC_LEN(places); i++) {
        snprintf(path, sizeof(path), "%s%s/%s", self, places[i], program);
        execv(path, argv);
    }
    fprintf(stderr, "Error: a part of the program, %s, cannot be started from %s: %s\n", program, self,
            strerror(errno));
    return 1;
}
