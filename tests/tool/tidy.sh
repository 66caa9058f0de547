#!/usr/bin/env bash
# clang-tidy over every C file of the product, two at a time. What passed is remembered in build/tidy by the content of the
# file, of all headers and of the configuration, so that a second run looks only at what changed.
#   tidy.sh [--deep] [FILE...]      --deep: the analyzer too, some minutes
set -u
export more=
[ "${1:-}" = --deep ] && { more=--checks=clang-analyzer-deadcode.*,clang-analyzer-unix.*,clang-analyzer-security.*,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling,-clang-analyzer-core.*; shift; }
cd "$(dirname "$0")/../.." || exit 1
command -v clang-tidy >/dev/null || { echo "SKIP: clang-tidy is not on this machine"; exit 77; }
db=build/release
[ -f $db/compile_commands.json ] || { echo "SKIP: no $db/compile_commands.json"; exit 77; }
mkdir -p build/tidy
headers=$( (cat .clang-tidy; find core charts-fetch templating lua deploy helmctl -name '*.h' | sort | xargs cat) | sha256sum | cut -c1-16)
check() {
    local key
    key=$((cat "$1"; echo "$more") | sha256sum | cut -c1-32)-$headers
    [ -f "build/tidy/$key" ] && return 0
    if out=$(clang-tidy -p "$db" --quiet $more "$1" 2>/dev/null); then
        : >"build/tidy/$key"
    else
        printf '%s\n' "$out" | grep -E '(warning|error):'
        return 1
    fi
}
export -f check
export db headers
if [ $# -gt 0 ]; then printf '%s\n' "$@"; else find core charts-fetch templating lua deploy helmctl -name '*.c' | sort; fi |
    xargs -P "${CTEST_PARALLEL_LEVEL:-2}" -n 1 bash -c 'check "$0"' || exit 1
