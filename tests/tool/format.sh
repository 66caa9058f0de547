#!/usr/bin/env bash
# Every C file stands as clang-format would write it.
set -eu
cd "$(dirname "$0")/../.."
command -v clang-format >/dev/null || { echo "SKIP: clang-format is not on this machine"; exit 77; }
find core charts-fetch templating lua deploy helmctl tests -name '*.[ch]' -print0 | xargs -0 -r clang-format --dry-run -Werror
