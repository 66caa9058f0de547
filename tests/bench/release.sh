#!/usr/bin/env bash
# install, upgrade, an upgrade with nothing to do, rollback and uninstall of three charts: helmctl and the real Helm 4, turn
# by turn on one real control plane, each in a fresh namespace. Time, CPU and memory of the client; its requests, and the
# time during which none of them was in flight, out of the API server's audit log.
#
#   tests/bench/release.sh [CHART...]      podinfo ingress-nginx kube-prometheus-stack
#
#   ROUNDS=5          rounds without --wait; WAITS=3: rounds with it (one alone may miss by a tenth)
#   DETAILS=FILE      gets every request of the last round: when, how long, what, answer, address
#
# Prints a table and exits 1 when an aim is missed (requests.py says which they are).
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${HC_BUILD:-$root/build/release}
shared=${HC_SHARED:-$root/../shared}
measure=$build/tests/measure
[ -d "$shared/charts" ] || { echo "SKIP: no charts in $shared"; exit 77; }
[ -x "$measure" ] || { echo "no $measure: build first"; exit 1; }
"$root/tests/peers/build.sh" helm4 kubectl || { echo "SKIP: the real programs cannot be built here"; exit 77; }
peers=$("$root/tests/peers/build.sh" --dir)
work=$(mktemp -d)
trap '"$root/tests/cluster/control-plane.sh" stop "$work/cp" >/dev/null 2>&1; rm -rf "$work"' EXIT
export HC_CLUSTER_AUDIT=1
"$root/tests/cluster/control-plane.sh" start "$work/cp" >/dev/null || { echo "SKIP: no control plane"; exit 77; }
export KUBECONFIG=$work/cp/kubeconfig HELM_CACHE_HOME=$work/helm HELM_CONFIG_HOME=$work/helm HELM_DATA_HOME=$work/helm KUBECACHEDIR=$work/cache
unset HELM_NAMESPACE HELM_KUBECONTEXT HELM_DRIVER HELM_DEBUG
[ $# -gt 0 ] || set -- podinfo ingress-nginx kube-prometheus-stack

kubectl() { "$peers/kubectl" "$@" >/dev/null 2>>"$work/kubectl.log"; }
settle() { # until nobody asks the server for anything: what a release set in motion goes on behind it
    local was= now tries=0
    while now=$(stat -c %s "$work/cp/audit.log"); [ "$now" != "$was" ] && [ $tries -lt 100 ]; do
        was=$now tries=$((tries + 1))
        sleep 0.3
    done
}
one() { # ACTION ARGS...: a run, in its line
    local action=$1 began took
    shift
    settle
    began=$EPOCHREALTIME
    took=$("$measure" 1 1 "$program" "$@" 2>>"$work/err") || took="0 0 0 1"
    # shellcheck disable=SC2086
    printf '%s\t' "$mode" "$chart" "$action" "$tool" "$round" "$began" "$EPOCHREALTIME" $took | sed 's/\t$/\n/' >>"$work/runs"
    [ "${took##* }" = 0 ] || { echo "$tool $action $chart: "; tail -3 "$work/err"; }
}
story() {
    local ns=$tool-$chart-$mode-$round flags=() archive more
    case $chart in
    podinfo) more=replicaCount=2 ;;
    ingress-nginx) more=controller.replicaCount=2 ;;
    kube-prometheus-stack) more=grafana.replicas=2 ;;
    *) more=replicaCount=2 ;;
    esac
    archive=$(ls "$shared/charts/$chart"-[0-9v]*.tgz | head -1)
    [ "$mode" = plain ] || flags=(--wait --timeout 120s)
    kubectl create namespace "$ns"
    one install install bench "$archive" -n "$ns" "${flags[@]}"
    one upgrade upgrade bench "$archive" -n "$ns" --set "$more" "${flags[@]}"
    one "no-op upgrade" upgrade bench "$archive" -n "$ns" --set "$more" "${flags[@]}"
    one "no-op, no hooks" upgrade bench "$archive" -n "$ns" --set "$more" --no-hooks "${flags[@]}"
    one rollback rollback bench 1 -n "$ns" "${flags[@]}"
    one uninstall uninstall bench -n "$ns" "${flags[@]}"
    kubectl delete namespace "$ns"
    kubectl delete crd --all
}
: >"$work/runs"
for mode in plain wait; do
    rounds=${ROUNDS:-5}
    [ "$mode" = plain ] || rounds=${WAITS:-3}
    for round in $(seq "$rounds"); do
        for chart; do
            for tool in $([ $((round % 2)) = 1 ] && echo helm helmctl || echo helmctl helm); do
                program=$build/bin/helmctl
                [ "$tool" = helmctl ] || program=$peers/helm4
                story
            done
        done
    done
done
python3 "$root/tests/bench/requests.py" "$work/runs" "$work/cp/audit.log" ${DETAILS:+"$DETAILS"}
