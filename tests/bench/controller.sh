#!/usr/bin/env bash
# N HelmReleases of podinfo on a real control plane, from nothing to Ready and again after one value changed: helmctl and
# Flux's helm-controller, one after the other on the same machine, each on a fresh control plane. Between them a floor:
# a program that sends the very writes helmctl sends, made beforehand, and decides nothing; and the cluster alone, which gets
# the Services and Deployments and nothing else. Time that the floor takes is the API server's, the cluster's controllers'
# and podinfo's own (3 s of minReadySeconds), whoever asks.
#
#   tests/bench/controller.sh [N] [helmctl|flux|both|alone]      default: 100 both; alone: helmctl without the floor
#
#   HC_BENCH_FLAGS="--concurrent 8"  further flags for helmctl
#   HC_BENCH_WORKERS=8               releases the floor works on at once
#   HC_BENCH_COUNT=1                 also the requests of the controller for a release, as the API server's audit log has them
#                                    (which costs the server time)
#
# Prints for each: seconds until all (and until half of them) were Ready, as a watch saw it; seconds of CPU and peak RSS of
# the controller; seconds of CPU of the control plane. The chart comes as the artifact of an OCIRepository, served by nginx,
# for both. helm-controller gets 20 workers; helmctl its default, because a release that waits holds none.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
n=${1:-100} who=${2:-both}
build=${HC_BUILD:-$root/build/release}
shared=${HC_SHARED:-$root/../shared}
chart=$shared/charts/podinfo-6.14.1.tgz
fleet=$build/tests/fleet
[ -f "$chart" ] || { echo "SKIP: no podinfo chart at $chart"; exit 77; }
[ -x "$fleet" ] || { echo "no $fleet: build first"; exit 1; }
"$root/tests/peers/build.sh" kubectl $([ "$who" = both ] || [ "$who" = flux ] && echo helm-controller) || { echo "SKIP: the real programs cannot be built here"; exit 77; }
peers=$("$root/tests/peers/build.sh" --dir)
work=$(mktemp -d)
SERVERS=$work/servers
mkdir -p "$SERVERS" "$work/floor"
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
[ -z "${HC_BENCH_COUNT:-}" ] || export HC_CLUSTER_AUDIT=1
export KUBECONFIG=$work/cp/kubeconfig RUNTIME_NAMESPACE=bench
kubectl="$peers/kubectl -n bench"

cpu() { # PID...: seconds
    local p
    for p in "$@"; do cat "/proc/$p/stat"; done 2>/dev/null | awk -v hz="$(getconf CLK_TCK)" '{ s += ($14 + $15) / hz } END { print s + 0 }'
}
plane() { cpu $(cat "$work"/cp/*.pid); }
peak() { awk '/VmHWM/ { print int($2 / 1024 + 0.5) }' "/proc/$pid/status"; }
rss() { awk '/VmRSS/ { print int($2 / 1024 + 0.5) }' "/proc/$pid/status"; }

measure() { # NAME GENERATION VALUES
    local c0 p0 took
    c0=$(cpu "$pid") p0=$(plane)
    took=$("$fleet" bring "$n" "$2" "$3") || { echo "$1: not ready"; tail -5 "$work/log"; return 1; }
    awk -v name="$1" -v took="$took" -v c0="$c0" -v c1="$(cpu "$pid")" -v p0="$p0" -v p1="$(plane)" -v rss="$(peak)" -v n="$n" 'BEGIN {
        split(took, t, " ")
        printf "%-34s %4d releases  %6.1f s (half: %.1f)  %6.2f s CPU  %4d MiB peak  control plane %.1f s CPU\n", name, n, t[1], t[2], c1 - c0, rss, p1 - p0 }'
    [ -z "${HC_BENCH_COUNT:-}" ] || count
}
count() { # since it was called last; the agent is the program of this run
    jq -r --arg agent "$agent" 'select(.userAgent | startswith($agent)) | "\(.verb) \(.objectRef.resource)\(if .objectRef.subresource then "/" + .objectRef.subresource else "" end) \(.responseStatus.code)"' "$work/cp/audit.log" |
        tail -n +$((counted + 1)) >"$work/counts"
    counted=$((counted + $(wc -l <"$work/counts")))
    sort "$work/counts" | uniq -c | awk -v n="$n" '$1 * 2 > n { printf "    %6.2f %s %s %s\n", $1 / n, $2, $3, $4 }'
}
remember() { # GENERATION: what the floor will send
    [ "$1" = 1 ] || [ -f "$work/floor/status1.json" ] || return 0
    $kubectl get hr fleet-0001 -o json >"$work/floor/status$1.json" &&
        $kubectl get secret "sh.helm.release.v1.fleet-0001.v$1" -o json |
        jq 'del(.metadata.uid, .metadata.creationTimestamp, .metadata.resourceVersion, .metadata.managedFields)' >"$work/floor/secret$1.json" &&
        "$build/bin/helmctl" get manifest fleet-0001 --revision "$1" -n bench >"$work/floor/manifest$1.yaml"
}

run() { # NAME COMMAND...
    local name=$1 c0 agent=helmctl counted=0
    [ "$1" != helm-controller ] || agent=helm-controller
    shift
    "$root/tests/cluster/control-plane.sh" start "$work/cp" >/dev/null || { echo "SKIP: no control plane"; exit 77; }
    "$build/bin/helmctl" deploy --crds-only >/dev/null || exit 1
    $kubectl create namespace bench >/dev/null
    $kubectl apply -f - >/dev/null <<OBJ
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: podinfo, namespace: bench}
spec: {interval: 24h, url: oci://127.0.0.1/charts/podinfo, layerSelector: {mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip, operation: copy}}
OBJ
    $kubectl patch ocirepository podinfo --subresource status --type merge -p "{\"status\":{\"observedGeneration\":1,\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"Succeeded\",\"message\":\"stored\",\"observedGeneration\":1,\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}],\"artifact\":{\"digest\":\"sha256:$digest\",\"revision\":\"6.14.1@sha256:$digest\",\"path\":\"ocirepository/bench/podinfo/x.tgz\",\"url\":\"http://127.0.0.1:$HTTP_PORT/charts/podinfo.tgz\",\"size\":$(stat -c %s "$chart"),\"lastUpdateTime\":\"2026-01-01T00:00:00Z\"}}}" >/dev/null
    "$@" >"$work/log" 2>&1 &
    pid=$!
    sleep 2 # both are up and idle before the clock starts
    measure "$name, install" 1 '{replicaCount: 1}' || return 1
    [ "$name" != helmctl ] || remember 1 || return 1
    measure "$name, one value changed" 2 '{replicaCount: 1, ui: {message: changed}}' || return 1
    [ "$name" != helmctl ] || remember 2 || return 1
    if [ "${name#helm}" != "$name" ]; then
        c0=$(cpu "$pid")
        sleep 10
        awk -v name="$name, idle" -v c0="$c0" -v c1="$(cpu "$pid")" -v rss="$(rss)" \
            'BEGIN { printf "%-34s %.2f %% of a core over 10 s, %d MiB\n", name, (c1 - c0) * 10, rss }'
    fi
    kill "$pid"; wait "$pid" 2>/dev/null
    pid=
    "$root/tests/cluster/control-plane.sh" stop "$work/cp" >/dev/null 2>&1
    rm -rf "$work/cp"
}

status=0
if [ "$who" != flux ]; then
    # shellcheck disable=SC2086
    run helmctl "$build/bin/helmctl" controller --controllers=helm --storage-path "$work/storage" \
        --storage-addr 127.0.0.1:0 --metrics-addr 127.0.0.1:0 --health-addr 127.0.0.1:0 --watch-all-namespaces ${HC_BENCH_FLAGS:-} || status=1
    [ "$who$status" != alone0 ] && [ $status = 0 ] && { run floor "$fleet" floor "$work/floor" "${HC_BENCH_WORKERS:-8}" || status=1; }
    [ "$who$status" != alone0 ] && [ $status = 0 ] && { run "the cluster alone" "$fleet" floor "$work/floor" "${HC_BENCH_WORKERS:-8}" objects || status=1; }
fi
if [ "$who" = both ] || [ "$who" = flux ]; then
    run helm-controller "$peers/helm-controller" --concurrent=20 --events-addr= --metrics-addr=127.0.0.1:0 --health-addr=127.0.0.1:0 \
        --watch-all-namespaces --log-level=error || status=1
fi
exit $status
