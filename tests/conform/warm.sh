#!/usr/bin/env bash
# A render after others of its chart in one process gives the bytes that it gives by itself: public charts whose templates
# hand contexts on, change values, call tpl. tests/bench/warm --check ARCHIVE... does so with any.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
WARM="${WARM:-$here/../../build/release/tests/warm}"
charts="${HC_SHARED:-$here/../../../shared}/charts"
archives=()
for name in nats jupyterhub redis temporal trivy-operator; do
    for f in "$charts/$name"-[0-9]*.tgz; do [ ! -f "$f" ] || archives+=("$f"); done
done
[ ${#archives[@]} -gt 0 ] || { echo "SKIP: no charts in $charts"; exit 77; }
CHANGES=12 "$WARM" --check "${archives[@]}"
