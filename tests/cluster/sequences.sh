#!/usr/bin/env bash
# Random sequences in which helmctl, the real Helm 4 and the real Helm 3 take turns at one release (sequences.py), on a control
# plane of its own. By hand: release.sh runs a few of them on its own control plane.
#
#   SEQUENCES=200 tests/cluster/sequences.sh [FIRST-SEED]     JOBS=2: so many at once; VERBOSE=1: each step
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
"$root/tests/peers/build.sh" helm4-many helm3 || exit $?
peers=$("$root/tests/peers/build.sh" --dir)
dir=$(mktemp -d)
trap '"$here/control-plane.sh" stop "$dir"; rm -rf "$dir"' EXIT
export GOGC="${GOGC:-400}" # a fifth less for Helm
# No Pods and no owners here: what runs in a cluster beside its server would cost an eighth and change nothing.
HC_CLUSTER_ONLY=apiserver "$here/control-plane.sh" start "$dir" || exit $?
export KUBECONFIG=$dir/kubeconfig HELM_CACHE_HOME=$dir/cache HELM_CONFIG_HOME=$dir/config HELM_DATA_HOME=$dir/data
unset HELM_NAMESPACE HELM_KUBECONTEXT HELM_DRIVER
python3 "$here/sequences.py" "$dir" "${HC_BUILD:?}/bin/helmctl" "$peers/helm4-many" "$peers/helm3" "${1:-1}" "${SEQUENCES:-3}"
