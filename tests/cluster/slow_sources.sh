#!/usr/bin/env bash
# Slow servers delay their own sources alone: many sources (Helm repositories, registries and Git, a third each) whose
# server takes seconds for each answer, beside a few with an interval of one second. Those keep it, and the controller
# has no thread more while all the slow ones wait. The same for releases whose charts another controller serves slowly: with
# one worker, a release whose chart is at hand does not wait for them. By hand with SLOW=500 LATENCY=5 SECONDS_LONG=30.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
command -v python3 >/dev/null || { echo "SKIP: python3 is not on this machine"; exit 77; }
command -v jq >/dev/null || { echo "SKIP: jq is not on this machine"; exit 77; }
command -v curl >/dev/null || { echo "SKIP: curl is not on this machine"; exit 77; }
slow=${SLOW:-60} latency=${LATENCY:-4} long=${SECONDS_LONG:-5}
bin=${HC_BUILD:?}/bin/helmctl
work=$(mktemp -d)
pids=
finish() {
    [ "$failed" = 0 ] || tail -n 15 "$work/controller.log"
    for p in $pids; do kill -9 "$p" 2>/dev/null; done
    rm -rf "$work"
}
trap finish EXIT
ulimit -n "$(ulimit -Hn)"
python3 "$here/lib/slow_server.py" "$work/port" "$latency" &
pids="$pids $!"
"$bin" sandbox --kubeconfig "$work/kubeconfig" >"$work/sandbox.log" 2>&1 &
pids="$pids $!"
within 10 test -s "$work/kubeconfig" && within 10 test -s "$work/port" || { echo "FAIL nothing starts"; exit 1; }
export KUBECONFIG=$work/kubeconfig
at=127.0.0.1:$(cat "$work/port")
source_() { # KIND NAME INTERVAL URL
    echo "---"
    echo "apiVersion: source.toolkit.fluxcd.io/v1"
    echo "kind: $1"
    echo "metadata: {name: $2, namespace: default}"
    echo "spec: {interval: $3, timeout: 60s, url: \"$4\"$5}"
}
for i in 1 2 3 4 5; do source_ HelmRepository "fast-$i" 1s "http://$at/fast/$i" ""; done >"$work/fast.yaml"
for ((i = 0; i < slow; i += 3)); do
    source_ HelmRepository "slow-$i" 1s "http://$at/slow/$i" ""
    source_ OCIRepository "slow-$i" 1s "oci://$at/charts/slow$i" ", insecure: true"
    source_ GitRepository "slow-$i" 1s "http://$at/git/$i.git" ""
done >"$work/slow.yaml"
"$bin" deploy --crds-only >"$work/deploy.log" 2>&1 # what cannot be watched yet is tried again after five seconds
"$bin" controller --controllers source --concurrent 2 --storage-path "$work/store" --min-retry-delay 100ms >"$work/controller.log" 2>&1 &
controller=$!
pids="$pids $controller"
threads() { sed -n 's/^Threads:\t*//p' "/proc/$controller/status"; }
rss() { sed -n 's/^VmRSS:[ \t]*\([0-9]*\) kB/\1/p' "/proc/$controller/status"; }
asked() { # every fast source was asked at least $1 times
    local n
    n=$(curl -s "http://$at/gaps" | awk -v n="$1" '$2 >= n' | wc -l)
    [ "$n" = 5 ]
}
"$bin" deploy --crds-only -f "$work/fast.yaml" >"$work/deploy.log" 2>&1 || { tail -3 "$work/deploy.log"; exit 1; }
within 20 asked 3 && ok "the fast sources are fetched" || bad "fast sources: $(curl -s "http://$at/gaps")"
before=$(threads) rss_before=$(rss)
"$bin" deploy --crds-only -f "$work/slow.yaml" >"$work/deploy.log" 2>&1 || { tail -3 "$work/deploy.log"; exit 1; }
waiting() { [ "$(curl -s "http://$at/peak")" -ge $((slow * 9 / 10)) ]; }
within 60 waiting && ok "nine tenths of the $slow slow ones wait at once" || bad "waiting at once: $(curl -s "http://$at/peak") of $slow"
curl -s "http://$at/reset" >/dev/null
most=0 rss_most=0
until=$((SECONDS + long))
while [ $SECONDS -lt $until ]; do
    now=$(threads)
    [ "$now" -gt "$most" ] && most=$now
    now=$(rss)
    [ "$now" -gt "$rss_most" ] && rss_most=$now
    sleep 0.2
done
gaps=$(curl -s "http://$at/gaps")
worst=$(printf '%s\n' "$gaps" | awk '{ if ($3 > m) m = $3 } END { print m }')
fewest=$(printf '%s\n' "$gaps" | awk 'NR == 1 || $2 < m { m = $2 } END { print m + 0 }')
equal "no thread more while they wait" "$before" "$most"
awk -v w="$worst" -v l="$latency" 'BEGIN { exit !(w > 0 && w < l) }' && ok "the fast sources keep their interval of 1 s (longest gap $worst s)" || bad "longest gap of a fast source: $worst s: $gaps"
[ "$fewest" -ge $((long * 6 / 10)) ] && ok "each was asked $fewest times or more in $long s" || bad "fewest: $fewest in $long s"
# Another controller's artifacts: more slow ones than workers, and a fast one behind them.
kill -9 "$controller"
wait "$controller" 2>/dev/null
{
    for name in slow-a slow-b slow-c fast-z; do
        echo "---"
        echo "apiVersion: source.toolkit.fluxcd.io/v1"
        echo "kind: OCIRepository"
        echo "metadata: {name: $name, namespace: default}"
        echo "spec: {interval: 1h, url: \"oci://127.0.0.1:1/charts/$name\"}"
        echo "---"
        echo "apiVersion: helm.toolkit.fluxcd.io/v2"
        echo "kind: HelmRelease"
        echo "metadata: {name: $name, namespace: default}"
        echo "spec: {interval: 1h, chartRef: {kind: OCIRepository, name: $name}}"
    done
} >"$work/foreign.yaml"
"$bin" deploy --crds-only -f "$work/foreign.yaml" >"$work/deploy.log" 2>&1 || { tail -3 "$work/deploy.log"; exit 1; }
server=$(sed -n 's/^ *server: //p' "$KUBECONFIG" | head -n 1 | tr -d '"')
for name in slow-a slow-b slow-c fast-z; do
    d=$(curl -s "http://$at/digest/$name")
    curl -fsS -X PATCH -H 'Content-Type: application/merge-patch+json' "$server/apis/source.toolkit.fluxcd.io/v1/namespaces/default/ocirepositories/$name/status" -d \
        "{\"status\":{\"observedGeneration\":1,\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"Succeeded\",\"message\":\"\",\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}],\"artifact\":{\"digest\":\"sha256:$d\",\"path\":\"x\",\"revision\":\"1@sha256:$d\",\"lastUpdateTime\":\"2026-01-01T00:00:00Z\",\"url\":\"http://$at/artifact/$name.tgz\"}}}" >/dev/null || bad "status of $name"
done
"$bin" controller --controllers helm --concurrent 1 --storage-path "$work/store2" --min-retry-delay 100ms >"$work/controller.log" 2>&1 &
controller=$!
pids="$pids $controller"
releases() { curl -fsS "$server/apis/helm.toolkit.fluxcd.io/v2/namespaces/default/helmreleases" | jq -r '.items[] | "\(.metadata.name) \(.status.history[0].status // "none") \([.status.conditions[]? | select(.type == "Ready") | .status + " " + .reason] | join(","))"'; }
has_release() { releases | grep -q "^$1 $2"; }
within 20 has_release fast-z deployed || bad "fast-z: $(releases)"
state=$(releases)
equal "a release whose artifact is at hand waits for no slow one" "slow-a none
slow-b none
slow-c none" "$(grep ^slow <<<"$state" | cut -d' ' -f1,2)"
hasnt "which have not failed" "False" "$state"
curl -s "http://$at/go" >/dev/null
all_deployed() { [ "$(releases | grep -c ' deployed ')" = 4 ]; }
within 30 all_deployed && ok "they follow" || bad "slow ones: $(releases)"
echo "threads $before, then $most; RSS $rss_before kB, then $rss_most kB with $slow slow sources"
done_
