/*
 * The one executable behind all C programs of the tests. Each source keeps its own main (or, of a fuzzer's harness,
 * LLVMFuzzerTestOneInput), renamed when it is compiled; the table is written by CMakeLists.txt. Which one runs is said
 * by the name of the symbolic link it was started through.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/defs.h"
#include "tests/fuzz/replay.h"

#define WITHOUT(name, symbol)        int symbol(void);
#define WITH_ARGUMENTS(name, symbol) int symbol(int argc, char **argv);
#define HARNESS(name, symbol)        int symbol(const uint8_t *data, size_t size);
#include "programs.inc"
#undef WITHOUT
#undef WITH_ARGUMENTS
#undef HARNESS

static const struct {
    const char *name;
    int (*without)(void);
    int (*with_arguments)(int argc, char **argv);
    hc_harness_fn *harness;
} programs[] = {
#define WITHOUT(name, symbol)        { name, symbol, NULL, NULL },
#define WITH_ARGUMENTS(name, symbol) { name, NULL, symbol, NULL },
#define HARNESS(name, symbol)        { name, NULL, NULL, symbol },
#include "programs.inc"
};

/* Called as `fuzz_all`: every harness over its folder of the one that is given. A start under a sanitizer costs more than most. */
static int replay_all(int argc, char **argv)
{
    int rc = argc > 1 ? 0 : 2;
    for (size_t i = 0; i < HC_LEN(programs) && argc > 1; i++) {
        if (!programs[i].harness)
            continue;
        char folder[4096];
        snprintf(folder, sizeof(folder), "%s/%s", argv[1], programs[i].name + sizeof("fuzz_") - 1);
        printf("%s: ", programs[i].name);
        fflush(stdout);
        rc |= hc_replay(programs[i].harness, 2, (char *[]){ argv[0], folder, NULL });
    }
    return rc;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/'), *called = slash ? slash + 1 : argv[0];
    if (strcmp(called, "fuzz_all") == 0)
        return replay_all(argc, argv);
    for (size_t i = 0; i < HC_LEN(programs); i++) {
        if (strcmp(called, programs[i].name) != 0)
            continue;
        if (programs[i].without)
            return programs[i].without();
        if (programs[i].with_arguments)
            return programs[i].with_arguments(argc, argv);
        return hc_replay(programs[i].harness, argc, argv);
    }
    fprintf(stderr, "no test program '%s'; there are:\n", called);
    for (size_t i = 0; i < HC_LEN(programs); i++)
        fprintf(stderr, "  %s\n", programs[i].name);
    return 2;
}
