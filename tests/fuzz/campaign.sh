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
# corpus/NAME when it is small. campaign.tsv has a line for each turn: when it ended, harness, runs, seconds, seed, commit
# the programs were built from, exit status; the runs of a harness are the sum of its lines since it was last forgotten.
# SLICE: seconds of a turn (default 120; more on a busy machine, since a turn begins with reading what was learnt). RUNS:
# how many are enough. HC_FUZZ_PROGRAMS: a folder of programs from elsewhere; its file BUILT names their commit.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
programs=${HC_FUZZ_PROGRAMS:-$root/build/fuzz/tests}
dir=${HC_CAMPAIGN_DIR:-$root/build/fuzz/campaign}
enough=${RUNS:-10000000}
mkdir -p "$dir"
log=$dir/campaign.tsv
touch "$log"

names=()
for source in "$here"/fuzz_*.c; do
    name=$(basename "$source" .c)
    names+=("${name#fuzz_}")
done
runs() { awk -F'\t' -v name="$1" '$2 == name { n = $3 == "forgotten" ? 0 : n + $3 } END { printf "%d\n", n }' "$log"; }
built() { cat "$programs/BUILT" 2>/dev/null || git -C "$root" describe --always --dirty 2>/dev/null || echo unknown; }
note() { (IFS=$'\t' && printf '%s\n' "$(date '+%F %T')"$'\t'"$*") >>"$log"; }

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
    for name; do note "$name" forgotten; done
    exit 0
    ;;
esac
[ $# -gt 0 ] && names=("$@")

# Texts that can be short are: a fuzzer gets further with many small runs than with few large ones.
longest() {
    case $1 in
    cosign) echo 4600 ;;
    archive | notation) echo 3072 ;;
    pgp) echo 1400 ;;
    record | sshsig) echo 700 ;;
    identity) echo 640 ;;
    chart | documents | index | index_table | kubeconfig | kustomize | lua) echo 384 ;;
    object | patch | recording | render | schema | values) echo 384 ;;
    date | fieldpath | format | glob | jsonpath | regex | selector | semver | set | substitute) echo 96 ;;
    *) echo 192 ;;
    esac
}

# malloc_context_size=0: to note where each block was asked for takes a third of a run of what uses malloc (libyaml, Lua);
# a finding is run once more without it. -entropic=0: choosing inputs by how rare their paths are takes a fifth of a
# short run. Times are the wall's, and at the lowest priority a run may wait for seconds: hence the long time-outs.
export TMPDIR=${TMPDIR:-/dev/shm}
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=8:malloc_context_size=0 UBSAN_OPTIONS=print_stacktrace=1
turn() { # NAME
    local name=$1 program=$programs/fuzz_$1 seed start rc made dict=() commit
    commit=$(built)
    mkdir -p "$dir/$name"
    [ -f "$here/dict/$name.dict" ] && dict=("-dict=$here/dict/$name.dict")
    seed=$((RANDOM * 32768 + RANDOM + 1)) start=$(date +%s)
    "$program" "-seed=$seed" "-max_total_time=${SLICE:-120}" "-max_len=$(longest "$name")" -timeout=120 -rss_limit_mb=2048 \
        -report_slow_units=60 -runs="$((enough - $(runs "$name")))" -print_final_stats=1 -print_funcs=0 -reload=0 -entropic=0 "-artifact_prefix=$dir/$name." \
        "${dict[@]}" "$dir/$name" "$here/corpus/$name" >"$dir/$name.log" 2>&1
    rc=$?
    made=$(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/$name.log")
    note "$name" "${made:-0}" "$(($(date +%s) - start))" "$seed" "$commit" "$rc"
    [ "$rc" = 0 ] || echo "$(date +%T) $name: stopped with $rc, see $dir/$name.log"
}
left=1
while [ "$left" -gt 0 ]; do
    left=0
    for name in "${names[@]}"; do
        [ "$(runs "$name")" -lt "$enough" ] && [ -x "$programs/fuzz_$name" ] || continue
        left=$((left + 1))
        turn "$name"
    done
done
