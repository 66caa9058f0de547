#!/usr/bin/env bash
# Nothing is refused beforehand that the real Helm does: each public chart on a real control plane, with its defaults and then
# upgraded to each of its overlays, by helmctl with plan and --preflight; those it refuses by Helm 4 as well (lib/corpus.py). By
# hand, about an hour on two cores:
#
#   tests/cluster/corpus.sh [CHART...]     prints a line a revision, and ends with what only one of the two did
#   HC_CORPUS_ALL=1    every chart by Helm, too: what Helm fails at must have been said beforehand
#   HC_CORPUS_HOOKS=1  hooks run
#   HC_CORPUS_QUICK=1  without a plan before each (--preflight makes one)
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${HC_BUILD:-$root/build/release}
shared=${HC_SHARED:-$root/../shared}
[ -d "$shared/charts" ] || { echo "SKIP: no charts in $shared"; exit 77; }
"$root/tests/peers/build.sh" helm4 >/dev/null || { echo "SKIP: the real Helm cannot be built here"; exit 77; }
work=$(mktemp -d)
trap '"$here/control-plane.sh" stop "$work/cp" >/dev/null 2>&1; rm -rf "$work"' EXIT
"$here/control-plane.sh" start "$work/cp" >/dev/null || { echo "SKIP: no control plane"; exit 77; }
export KUBECONFIG=$work/cp/kubeconfig HELM_CACHE_HOME=$work/helm HELM_CONFIG_HOME=$work/helm HELM_DATA_HOME=$work/helm
unset HELM_NAMESPACE HELM_KUBECONTEXT HELM_DRIVER HELM_DEBUG HELM_MAX_HISTORY
python3 -u "$here/lib/corpus.py" "$work/cp" "$(cd "$build" && pwd)/bin/helmctl" "$("$root/tests/peers/build.sh" --dir)/helm4" "$shared/charts" "$@"
