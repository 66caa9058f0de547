/*
 * Runs a harness over every file of a corpus folder, and over each of them cut short and with single bytes changed, so
 * that the corpus tests more than it says.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/defs.h"
#include "tests/fuzz/replay.h"

static size_t runs;

static void once(hc_harness_fn *harness, const uint8_t *data, size_t size)
{
    /* A copy of exactly this size, so that the address sanitizer sees each byte read past it. */
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    if (size)
        memcpy(copy, data, size);
    harness(copy, size);
    free(copy);
    runs++;
}

static void variants(hc_harness_fn *harness, uint8_t *data, size_t size)
{
    static const uint8_t bytes[] = { 0, '\n', '"', '{', ':', '-', 0xff, '\\' };
    once(harness, data, size);
    size_t step = size / 64 + 1;
    for (size_t i = 0; i < size; i += step) {
        uint8_t kept = data[i];
        once(harness, data, i);
        data[i] = bytes[(i / step) % HC_LEN(bytes)];
        once(harness, data, size);
        data[i] = kept;
    }
}

int hc_replay(hc_harness_fn *harness, int argc, char **argv)
{
    DIR *d = argc > 1 ? opendir(argv[1]) : NULL;
    if (!d) {
        fprintf(stderr, "no corpus folder: %s\n", argc > 1 ? argv[1] : "(none given)");
        return 1;
    }
    size_t files = 0;
    for (struct dirent *e; (e = readdir(d));) {
        char path[4096];
        static uint8_t data[1 << 20];
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
        FILE *f = fopen(path, "rb");
        if (!f) {
            perror(path);
            return 1;
        }
        size_t n = fread(data, 1, sizeof(data), f);
        fclose(f);
        variants(harness, data, n);
        files++;
    }
    closedir(d);
    printf("%zu files, %zu runs\n", files, runs);
    return files ? 0 : 1;
}
