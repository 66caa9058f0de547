#!/usr/bin/env bash
# clang-tidy over every C file of the product, two at a time. What passed is remembered in the user's cache by the content
# of the file and of every header it was compiled with, and by the configuration: the next run, in a fresh clone too, looks
# only at what changed.
#   tidy.sh [--deep] [FILE...]      --deep: the analyzer too, some minutes
set -u
export more=
[ "${1:-}" = --deep ] && { more=--checks=clang-analyzer-deadcode.*,clang-analyzer-unix.*,clang-analyzer-security.*,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling,-clang-analyzer-core.*; shift; }
cd "$(dirname "$0")/../.." || exit 1
command -v clang-tidy >/dev/null || { echo "SKIP: clang-tidy is not on this machine"; exit 77; }
export db=build/release
[ -f $db/compile_commands.json ] || { echo "SKIP: no $db/compile_commands.json"; exit 77; }
passed=$(bash tests/tool/cache.sh tidy) || exit 1
export passed

# The files not passed yet, each with its key. Ninja knows what an object was made of; a file it does not know is looked
# at without a key.
new_ones() {
    ninja -C $db -t deps 2>/dev/null | python3 -c '
import hashlib, os, sys
db, passed, more, wanted = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
sums = {}
def content(path):
    if path not in sums:
        with open(path, "rb") as f:
            sums[path] = hashlib.sha256(f.read()).hexdigest()
    return sums[path]
made_of, parts = {}, []
for line in sys.stdin:
    if line.startswith("    "):
        parts.append(os.path.normpath(os.path.join(db, line.strip())))
        made_of[os.path.relpath(parts[0])] = parts
    else:
        parts = []
same = content(".clang-tidy") + more + os.popen("clang-tidy --version").read()
for path in wanted:
    key = "-"
    if path in made_of:
        try:
            key = hashlib.sha256((same + "".join(content(p) for p in sorted(set(made_of[path] + [path])))).encode()).hexdigest()
        except OSError:
            pass
    if key == "-" or not os.path.exists(os.path.join(passed, key)):
        print(key, path)
' $db "$passed" "$more" "$@"
}
check() { # KEY FILE
    if out=$(clang-tidy -p "$db" --quiet $more "$2" 2>/dev/null); then
        [ "$1" = - ] || : >"$passed/$1"
    else
        printf '%s\n' "$out" | grep -E '(warning|error):'
        return 1
    fi
}
export -f check
[ $# -gt 0 ] || set -- $(find core charts-fetch templating lua deploy helmctl -name '*.c' | sort)
new_ones "$@" >"$db/tidy.list" || exit 1
echo "$# files, $(wc -l <"$db/tidy.list") of them changed since they passed"
xargs -r -P "${CMAKE_BUILD_PARALLEL_LEVEL:-2}" -n 2 bash -c 'check "$0" "$1"' <"$db/tidy.list" || exit 1
