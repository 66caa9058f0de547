#pragma once
/*
 * tests/fuzz/replay.h - a fuzzer's harness over its corpus, as a test
 */
#include <stddef.h>
#include <stdint.h>

typedef int hc_harness_fn(const uint8_t *data, size_t size);

/* argv[1]: the corpus folder. Gives main's exit code. */
int hc_replay(hc_harness_fn *harness, int argc, char **argv);
