#!/usr/bin/env bash
# What the last run of ctest took, the dearest first: seconds of each test, and their sum. The whole of tests/run.sh is to
# stay under five minutes on two cores with warm caches; who adds a test looks here what it takes.
#   times.sh [N]      so many lines (20)
cd "$(dirname "$0")/../.." || exit 1
log=build/release/Testing/Temporary/LastTest.log
[ -f $log ] || log=$log.tmp
[ -f $log ] || { echo "no run of ctest yet"; exit 1; }
awk '/ Testing: / { name = $3 } /^Test time = / { sum += $4; printf "%8.1f  %s\n", $4, name } END { printf "%8.1f  all\n", sum }' $log |
    sort -rn | head -n "${1:-20}"
