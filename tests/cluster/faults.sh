#!/usr/bin/env bash
# The fault table (faults.py, faults.tsv): a few cells of each kind of source and every story that is told of all of them.
# All cells, some 25 s of CPU: FAULTS=all tests/cluster/faults.sh
set -u
here=$(cd "$(dirname "$0")" && pwd)
for tool in python3 git openssl; do command -v $tool >/dev/null || { echo "SKIP: $tool is not on this machine"; exit 77; }; done
work=$(mktemp -d)
trap 'umount -l "$work/store" 2>/dev/null; rm -rf "$work"' EXIT
trap 'kill -TERM "$runner" 2>/dev/null; wait "$runner"; exit 143' TERM INT HUP
cells="repo/refused repo/401 repo/length repo/tls-name chart/digest chart/redirect-host oci/429 oci/cut git/5xx git/redirect-loop ssh/reset bucket/length bucket/403"
[ "${FAULTS:-}" = all ] && cells=
python3 "$here/faults.py" "${HC_BUILD:?}/bin/helmctl" "$work" $cells &
runner=$!
wait "$runner"
