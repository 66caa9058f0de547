#!/usr/bin/env bash
# sanitized.sh PRESET REGEX [TARGETS [EXCEPT]]: builds a sanitizer preset (all of it, or the targets that the rings need)
# and runs the rings whose label fits in it, but for the tests whose name fits EXCEPT.
set -eu
cd "$(dirname "$0")/../.."
preset=$1 labels=$2 targets=${3:-all} except=${4:-^$}
cmake --preset "$preset" >"build/$preset.log" 2>&1 || { cat "build/$preset.log"; exit 1; }
cmake --build --preset "$preset" --target $targets -- -j "${CMAKE_BUILD_PARALLEL_LEVEL:-2}" >"build/$preset.log" 2>&1 || { grep -E 'error|warning|FAILED' -A5 "build/$preset.log" | head -60; exit 1; }
[ "$labels" ] || exit 0
# A process under a sanitizer costs 30 ms before its first line, and loops three to ten times what they do elsewhere: of what
# is run over and over, a part (a prime, so that nested loops are cut across).
export HC_EVERY=47 RUNS=2
# Address space layout with many random bits breaks the thread sanitizer's shadow on some kernels.
run=
[ "$preset" = tsan ] && command -v setarch >/dev/null && run="setarch $(uname -m) -R"
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
exec $run ctest --test-dir "build/$preset" -L "$labels" -E "$except" --output-on-failure -j "${CMAKE_BUILD_PARALLEL_LEVEL:-2}"
