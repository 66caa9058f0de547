#!/usr/bin/env bash
# Long runs of the fuzzers under the address and undefined sanitizers, by hand:
#
#   cmake --preset fuzz && cmake --build --preset fuzz
#   nice -n 19 tests/fuzz/campaign.sh                 all of them in turns, until each has made 10,000,000 runs
#   nice -n 19 tests/fuzz/campaign.sh yaml toml       only these
#   tests/fuzz/campaign.sh --status                   how many runs each has made, and what was found
#   tests/fuzz/campaign.sh --forget yaml              counts from nothing again, its code has changed much
#
# What a fuzzer learns is kept in build/fuzz/campaign/NAME (HC_CAMPAIGN_DIR), so a run can be stopped and gone on with
# at any time. Findings are build/fuzz/campaign/NAME.crash-*, .timeout-*, .oom-*; each becomes a test, and a file of
# corpus/NAME when it is small. SLICE: seconds of a turn (default 120). RUNS: how many are enough.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
programs=${HC_FUZZ_PROGRAMS:-$root/build/fuzz/tests}
dir=${HC_CAMPAIGN_DIR:-$root/build/fuzz/campaign}
enough=${RUNS:-10000000}
mkdir -p "$dir"

names=()
for source in "$here"/fuzz_*.c; do
    name=$(basename "$source" .c)
    names+=("${name#fuzz_}")
done
runs() { cat "$dir/$1.runs" 2>/dev/null || echo 0; }

case ${1:-} in
--status)
    for name in "${names[@]}"; do
        printf '%-10s %12s runs, %s findings\n' "$name" "$(runs "$name")" \
            "$(find "$dir" -maxdepth 1 -name "$name.*-*" | wc -l)"
    done
    exit 0
    ;;
--forget)
    shift
    for name; do rm -f "$dir/$name.runs"; done
    exit 0
    ;;
esac
[ $# -gt 0 ] && names=("$@")

# Texts that can be short are: a fuzzer gets further with many small runs than with few large ones.
longest() {
    case $1 in
    archive) echo 3072 ;;
    chart | index | render | schema) echo 384 ;;
    date | format | glob | regex | selector | semver | set) echo 96 ;;
    *) echo 192 ;;
    esac
}

export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=8 UBSAN_OPTIONS=print_stacktrace=1
left=1
while [ "$left" -gt 0 ]; do
    left=0
    for name in "${names[@]}"; do
        program=$programs/fuzz_$name
        [ "$(runs "$name")" -lt "$enough" ] && [ -x "$program" ] || continue
        left=$((left + 1))
        mkdir -p "$dir/$name"
        dict=()
        [ -f "$here/dict/$name.dict" ] && dict=("-dict=$here/dict/$name.dict")
        "$program" "-max_total_time=${SLICE:-120}" "-max_len=$(longest "$name")" -timeout=20 -rss_limit_mb=2048 \
            -print_final_stats=1 -print_funcs=0 -reload=0 "-artifact_prefix=$dir/$name." "${dict[@]}" "$dir/$name" \
            "$here/corpus/$name" >"$dir/$name.log" 2>&1
        rc=$?
        made=$(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/$name.log")
        echo $(($(runs "$name") + ${made:-0})) >"$dir/$name.runs"
        [ "$rc" = 0 ] || echo "$(date +%T) $name: stopped with $rc, see $dir/$name.log"
    done
done
