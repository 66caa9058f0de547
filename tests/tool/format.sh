#!/usr/bin/env bash
# Every C file stands as clang-format would write it. What passed is remembered by content (cache.sh).
set -eu
cd "$(dirname "$0")/../.."
command -v clang-format >/dev/null || { echo "SKIP: clang-format is not on this machine"; exit 77; }
passed=$(bash tests/tool/cache.sh format)/$( (cat .clang-format; clang-format --version) | sha256sum | cut -c1-32)
touch "$passed"
find core charts-fetch templating lua deploy helmctl tests -name '*.[ch]' -print0 | xargs -0 sha256sum |
    awk -v passed="$passed" 'BEGIN { while ((getline line < passed) > 0) known[line] = 1 } !($1 in known)' >"$passed.$$"
trap 'rm -f "$passed.$$"' EXIT
cut -c67- "$passed.$$" | xargs -r -d '\n' clang-format --dry-run -Werror
cut -c1-64 "$passed.$$" >>"$passed"
