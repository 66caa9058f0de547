#!/usr/bin/env bash
# What the last runs of ctest cost, the dearest first: seconds each, and their sum. The whole of tests/run.sh is to stay
# under five minutes on two cores with warm caches; who adds a test looks here what it takes.
#   times.sh [N]      so many lines (20)
cd "$(dirname "$0")/../.." || exit 1
costs=build/release/Testing/Temporary/CTestCostData.txt
[ -f $costs ] || { echo "no run of ctest yet"; exit 1; }
awk '/^---/ { exit } { sum += $3; printf "%8.1f  %s\n", $3, $1 } END { printf "%8.1f  all\n", sum }' $costs | sort -rn | head -n "${1:-20}"
