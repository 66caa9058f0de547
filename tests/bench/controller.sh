#!/usr/bin/env bash
# N HelmReleases of podinfo on a real control plane, from nothing to Ready and again after one value changed: helmctl and
# Flux's helm-controller, one after the other on the same machine, each on a fresh control plane.
#
#   tests/bench/controller.sh [N] [helmctl|flux|both]      default: 100 both
#
# Prints for each: seconds of wall time, seconds of CPU and peak RSS of the controller. The chart comes as the artifact of an
# OCIRepository, served by nginx, for both. helm-controller gets 20 workers; helmctl its 4, because a release that waits holds none.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
n=${1:-100} who=${2:-both}
build=${HC_BUILD:-$root/build/release}
shared=${HC_SHARED:-$root/../shared}
chart=$shared/charts/podinfo-6.14.1.tgz
[ -f "$chart" ] || { echo "SKIP: no podinfo chart at $chart"; exit 77; }
"$root/tests/peers/build.sh" kubectl $([ "$who" = helmctl ] || echo helm-controller) || { echo "SKIP: the real programs cannot be built here"; exit 77; }
peers=$("$root/tests/peers/build.sh" --dir)
work=$(mktemp -d)
SERVERS=$work/servers
mkdir -p "$SERVERS"
. "$root/deploy/examples/servers.sh"
pid=
finish() {
    [ -n "$pid" ] && kill -9 "$pid" 2>/dev/null
    servers_stop
    "$root/tests/cluster/control-plane.sh" stop "$work/cp" >/dev/null 2>&1
    rm -rf "$work"
}
trap finish EXIT
nginx_start || { echo "SKIP: nginx"; exit 77; }
cp "$chart" "$SERVERS/www/charts/podinfo.tgz"
digest=$(sha256sum "$chart" | cut -d' ' -f1)
kubectl="$peers/kubectl --kubeconfig $work/cp/kubeconfig"

count_ready() { # GENERATION
    $kubectl get hr -n bench -o json | jq "[.items[] | select(.status.observedGeneration == .metadata.generation and .metadata.generation >= $1) | select(any(.status.conditions[]?; .type == \"Ready\" and .status == \"True\"))] | length"
}
cpu() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$pid/stat"; }
peak() { awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$pid/status"; }
measure() { # NAME GENERATION
    local from=$3 cpu0=$4 got=0
    for _ in $(seq 1200); do
        got=$(count_ready "$2")
        [ "$got" = "$n" ] && break
        kill -0 "$pid" 2>/dev/null || { echo "$1: the controller died"; tail -5 "$work/log"; return 1; }
        sleep 0.1
    done
    [ "$got" = "$n" ] || { echo "$1: only $got of $n are ready"; tail -5 "$work/log"; return 1; }
    awk -v name="$1" -v from="$from" -v now="$(date +%s.%N)" -v c0="$cpu0" -v c1="$(cpu)" -v rss="$(peak)" -v n="$n" \
        'BEGIN { printf "%-34s %4d releases  %6.1f s wall  %6.2f s CPU  %4d MiB peak\n", name, n, now - from, c1 - c0, rss }'
}

run() { # NAME COMMAND...
    local name=$1
    shift
    "$root/tests/cluster/control-plane.sh" start "$work/cp" >/dev/null || { echo "SKIP: no control plane"; exit 77; }
    "$build/bin/helmctl" deploy --crds-only --kubeconfig "$work/cp/kubeconfig" >/dev/null || exit 1
    $kubectl create namespace bench >/dev/null
    $kubectl apply -f - >/dev/null <<OBJ
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: podinfo, namespace: bench}
spec: {interval: 24h, url: oci://127.0.0.1/charts/podinfo, layerSelector: {mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip, operation: copy}}
OBJ
    $kubectl patch ocirepository podinfo -n bench --subresource status --type merge -p "{\"status\":{\"observedGeneration\":1,\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"Succeeded\",\"message\":\"stored\",\"observedGeneration\":1,\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}],\"artifact\":{\"digest\":\"sha256:$digest\",\"revision\":\"6.14.1@sha256:$digest\",\"path\":\"ocirepository/bench/podinfo/x.tgz\",\"url\":\"http://127.0.0.1:$HTTP_PORT/charts/podinfo.tgz\",\"size\":$(stat -c %s "$chart"),\"lastUpdateTime\":\"2026-01-01T00:00:00Z\"}}}" >/dev/null
    KUBECONFIG=$work/cp/kubeconfig RUNTIME_NAMESPACE=bench "$@" >"$work/log" 2>&1 &
    pid=$!
    sleep 2 # both are up and idle before the clock starts
    for i in $(seq "$n"); do
        printf -- '---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: p%d, namespace: bench}\nspec: {interval: 1h, timeout: 5m, chartRef: {kind: OCIRepository, name: podinfo}, values: {replicaCount: 1}}\n' "$i"
    done >"$work/hr.yaml"
    local c0 from
    c0=$(cpu) from=$(date +%s.%N)
    $kubectl apply --server-side -f "$work/hr.yaml" >/dev/null
    measure "$name, install" 1 "$from" "$c0" || return 1
    sed -i 's/replicaCount: 1/replicaCount: 1, ui: {message: changed}/' "$work/hr.yaml"
    c0=$(cpu) from=$(date +%s.%N)
    $kubectl apply --server-side -f "$work/hr.yaml" >/dev/null
    measure "$name, one value changed" 2 "$from" "$c0" || return 1
    c0=$(cpu)
    sleep 10
    awk -v name="$name, idle" -v c0="$c0" -v c1="$(cpu)" 'BEGIN { printf "%-34s %.2f %% of a core over 10 s\n", name, (c1 - c0) * 10 }'
    kill "$pid"; wait "$pid" 2>/dev/null
    pid=
    "$root/tests/cluster/control-plane.sh" stop "$work/cp" >/dev/null 2>&1
    rm -rf "$work/cp"
}

status=0
if [ "$who" != flux ]; then
    run helmctl "$build/bin/helmctl" controller --controllers=helm --storage-path "$work/storage" \
        --storage-addr 127.0.0.1:0 --metrics-addr 127.0.0.1:0 --health-addr 127.0.0.1:0 --watch-all-namespaces || status=1
fi
if [ "$who" != helmctl ]; then
    run helm-controller "$peers/helm-controller" --concurrent=20 --events-addr= --metrics-addr=127.0.0.1:0 --health-addr=127.0.0.1:0 \
        --watch-all-namespaces --log-level=error || status=1
fi
exit $status
