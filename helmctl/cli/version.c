/*
 * helmctl version
 */
#include <stdio.h>

#include "helmctl/cli/cli.h"

int hc_cmd_version(int argc, char **argv)
{
    bool brief = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--short") == 0) {
            brief = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            puts("Prints the version of helmctl.\n\nUsage:\n  helmctl version [--short]");
            return 0;
        } else {
            fprintf(stderr, "Error: unknown flag: %s\n", argv[i]);
            return 1;
        }
    }
    puts(brief ? "v" HC_VERSION : "helmctl v" HC_VERSION " (renders as Helm v4.3.1)");
    return 0;
}
