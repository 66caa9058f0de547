#!/usr/bin/env bash
# cache.sh NAME: prints a folder that outlives the clone, for what is costly to make again and known by the content it was
# made of: ~/.cache/helmctl-tests/NAME (XDG_CACHE_HOME is heeded), build/cache/NAME where that cannot be written.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
for base in "${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/helmctl-tests" "$root/build/cache"; do
    mkdir -p "$base/$1" 2>/dev/null && [ -w "$base/$1" ] || continue
    echo "$base/$1"
    exit 0
done
echo "no folder can be written for $1" >&2
exit 1
